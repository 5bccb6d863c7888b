"""Which lifecycle rules explain that objects are gone, and which explain nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from auditor.trail.retention import Retention, expiries

NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)
RULE: dict[str, Any] = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "AWSLogs/"}, "Expiration": {"Days": 30}}


def test_a_rule_over_a_prefix_says_what_is_gone() -> None:
    found = Retention(NOW, rules=expiries("logs", [RULE])).expired([("logs", "AWSLogs/1/")])
    assert found is not None
    assert found.before == NOW.replace(hour=0) - timedelta(days=30)


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param({**RULE, "Expiration": {"Days": 2_147_483_647}}, id="longest-age-that-s3-takes"),
        pytest.param({**RULE, "Expiration": {"Days": True}}, id="no-number"),
        pytest.param({**RULE, "Expiration": {"Days": "30"}}, id="text"),
        pytest.param({**RULE, "Expiration": {"Days": 0}}, id="no-age"),
        pytest.param({**RULE, "Expiration": {"Date": "2026-01-01T00:00:00Z"}}, id="date"),
        pytest.param({**RULE, "Expiration": None}, id="nothing"),
        pytest.param({**RULE, "Filter": None}, id="no-filter"),
        pytest.param({**RULE, "Filter": {"Prefix": ""}, "Prefix": "other/"}, id="two-prefixes"),
        pytest.param({**RULE, "Filter": {"ObjectSizeGreaterThan": 1}}, id="sizes"),
        pytest.param({**RULE, "Status": "enabled"}, id="status-that-does-not-exist"),
        pytest.param("hostile", id="text-for-a-rule"),
    ],
)
def test_other_rules_explain_nothing(rule: Any) -> None:
    assert Retention(NOW, rules=expiries("logs", [rule])).expired([("logs", "AWSLogs/1/")]) is None


def test_a_word_beyond_the_calendar_explains_nothing_either() -> None:
    found = Retention(NOW, days=10**12).expired([("logs", "AWSLogs/1/")])
    assert found is not None
    assert found.before < NOW - timedelta(days=36_000)

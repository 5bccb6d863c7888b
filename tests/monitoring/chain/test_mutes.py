"""Alarm mute rules: when nobody is told, by the fields that AWS gives."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.monitoring.chain.facts import MuteRule
from auditor.monitoring.chain.link import State
from auditor.monitoring.chain.mutes import kept_back

NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)
"""A Monday."""


def rule(expression: str, **changes: Any) -> MuteRule:
    given = {"duration": "PT4H", "status": "SCHEDULED", **changes}
    return MuteRule("nightly", "eu-central-1", frozenset({"changes"}), expression, **given)


@pytest.mark.parametrize(
    ("one", "state", "words"),
    [
        pytest.param(rule("cron(0 2 * * *)", status="ACTIVE"), State.BROKEN, "now", id="active"),
        pytest.param(rule("hostile", status="ACTIVE"), State.BROKEN, "now", id="active-whatever-its-schedule"),
        pytest.param(rule("cron(0 2 * * *)"), State.BROKEN, "again and again", id="every-night"),
        pytest.param(rule("cron(0 2 * * SUN)"), State.BROKEN, "again and again", id="every-sunday"),
        pytest.param(rule("cron(0 1 29 FEB *)"), State.BROKEN, "again and again", id="leap-years"),
        pytest.param(rule("cron(0 1 30 2 *)"), None, "", id="a-day-that-does-not-exist"),
        pytest.param(rule("cron(0 2 * * *)", status="EXPIRED"), None, "", id="expired"),
        pytest.param(
            rule("cron(0 2 * * *)", expires=NOW + timedelta(hours=12)), None, "", id="expires-before-its-next-window"
        ),
        pytest.param(
            rule("cron(0 2 * * *)", expires=NOW + timedelta(days=3)), State.BROKEN, "again", id="expires-later"
        ),
        pytest.param(
            rule("cron(0 2 * * *)", expires=NOW + timedelta(hours=20), timezone="Asia/Tokyo"),
            State.UNKNOWN,
            "time zone",
            id="expires-within-a-time-zone",
        ),
        pytest.param(
            rule("cron(0 2 * * *)", starts=NOW + timedelta(days=3)), State.OK, "2026-11-05", id="begins-later"
        ),
        pytest.param(rule("at(2026-11-09T02:00)"), State.OK, "will", id="once-ahead"),
        pytest.param(rule("at(2026-11-09T02:00)", status=""), State.OK, "will", id="once-ahead-by-its-date"),
        pytest.param(rule("at(2026-11-02T07:00)", status=""), State.BROKEN, "now", id="once-now-by-its-date"),
        pytest.param(rule("at(2026-11-01T07:00)", status=""), None, "", id="once-past"),
        pytest.param(
            rule("at(2026-11-02T07:00)", status="", timezone="Europe/Berlin"),
            State.UNKNOWN,
            "time zone",
            id="once-there",
        ),
        pytest.param(
            rule("cron(0 7 * * *)", duration="PT2H", status="", expires=NOW + timedelta(minutes=30)),
            State.BROKEN,
            "again",
            id="open-now-for-the-last-time",
        ),
        pytest.param(
            rule("cron(0 7 * * *)", duration="PT2H", status="SCHEDULED", expires=NOW + timedelta(minutes=30)),
            None,
            "",
            id="not-open-by-aws-word",
        ),
        pytest.param(rule("rate(1 day)"), State.UNKNOWN, "cannot be read", id="another-expression"),
        pytest.param(rule("cron(0 2 ? * 2#1)"), State.UNKNOWN, "cannot be read", id="another-cron"),
        pytest.param(rule("cron(0 2 * * *)", status="PAUSED"), State.UNKNOWN, "PAUSED", id="another-status"),
        pytest.param(rule("at(2026-13-40T99:00)"), State.UNKNOWN, "cannot be read", id="no-date"),
        pytest.param(rule("at(2026-11-09T02:00)", duration="soon"), State.UNKNOWN, "cannot be read", id="no-duration"),
    ],
)
def test_what_a_mute_rule_does(one: MuteRule, state: State | None, words: str) -> None:
    found = kept_back(one, NOW)
    assert (found[0] if found else None) is state
    assert words in (found[1] if found else "")


@settings(deadline=None, max_examples=200)
@given(
    st.one_of(st.text("cronat()0123456789-*, TSUNJAN:", max_size=40), st.text(max_size=20).map("cron({})".format)),
    st.text("PTDHM0123456789", max_size=8),
    st.sampled_from(["", "SCHEDULED", "EXPIRED", "x"]),
)
def test_any_schedule_is_read_or_left_open(expression: str, duration: str, status: str) -> None:
    found = kept_back(rule(expression, duration=duration, status=status), NOW)
    assert found is None or found[0] in {State.OK, State.BROKEN, State.UNKNOWN}
    assert status != "x" or found is not None

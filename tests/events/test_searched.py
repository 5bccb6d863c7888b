"""What was searched is what lies in the asked window, account and Region, whatever else the store holds."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from auditor.activity.logbytes import LogBytes
from auditor.base.period import Period, rfc3339
from auditor.events.answer import Searched
from auditor.events.filters import Filters
from auditor.events.opened import EventStore

from .kit import ACCOUNT, BUCKET, OCTOBER, REGION, asked, store_of

OTHER = "444455556666"
CHAINS = ((ACCOUNT, REGION), (ACCOUNT, "us-east-1"), (OTHER, REGION))
DAY = timedelta(days=1)


def delivered(day: int, account: str = ACCOUNT, region: str = REGION, hour: int = 12, **more: Any) -> LogBytes:
    """Return a log file of one record, delivered at a time of October; ``data`` in place of the record."""
    at = OCTOBER.start + (day - 1) * DAY + timedelta(hours=hour)
    name = f"{account}_CloudTrail_{region}_{at:%Y%m%dT%H%M}Z_{day:016d}.json.gz"
    event = {
        "eventID": f"{account}-{region}-{day}-{hour}",
        "eventTime": rfc3339(at - timedelta(minutes=4)),
        "eventName": "GetUser",
        "eventSource": "iam.amazonaws.com",
        "awsRegion": region,
        "recipientAccountId": account,
        **more.get("record", {}),
    }
    data = more.get("data", json.dumps({"Records": [event]}).encode())
    key = f"AWSLogs/{account}/CloudTrail/{region}/{at:%Y/%m/%d}/{name}"
    return LogBytes(BUCKET, key, more.get("state", "valid"), "", sha256(data).hexdigest(), data)


def chain(account: str, region: str, states: Mapping[int, str]) -> dict[str, Any]:
    """Return a chain of October and the hour after, all verified but for the first hour of some days."""
    days = [
        {"date": f"{OCTOBER.start + number * DAY:%Y-%m-%d}", "hours": states.get(number + 1, "v") + "v" * 23}
        for number in range(31)
    ]
    return {
        "account": account,
        "region": region,
        "trail": "audit",
        "days": [*days, {"date": "2026-11-01", "hours": "v" + "." * 23}],
    }


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> EventStore:
    files = [delivered(day, *place) for place in CHAINS for day in range(1, 32)]
    broken = delivered(20, hour=15, data=b"no records")
    bad = replace(delivered(12, hour=18), state="altered")
    strange = delivered(8, region="eu-west-1")
    card = {
        "coverage": [chain(*place, {7: "g"} if place == (OTHER, REGION) else {}) for place in CHAINS],
        "states": {"g": "no digest and no explanation"},
        "missing": [{"what": "source", "why": "could not be listed", "where": {"account": OTHER, "region": REGION}}],
    }
    return store_of(tmp_path_factory.mktemp("searched") / "store", *files, broken, bad, strange, card=card)


def looked(store: EventStore, first: int, last: int, **filters: Any) -> tuple[Searched, int]:
    """Ask about days of October, both included."""
    period = Period(OCTOBER.start + (first - 1) * DAY, OCTOBER.start + last * DAY, "days")
    answer = asked(store, "root-activity", period, Filters(**filters))
    return answer.searched, answer.exit_code


def figures(found: Searched) -> tuple[int, ...]:
    return (found.hours_verified or 0, found.hours_expected or 0, found.log_files, found.records)


def test_days_add_up_to_the_month(store: EventStore) -> None:
    month, _ = looked(store, 1, 31)
    days = [looked(store, day, day)[0] for day in (1, 7, 8, 12, 20, 31)]
    rest = [looked(store, *span)[0] for span in ((2, 6), (9, 11), (13, 19), (21, 30))]
    assert tuple(map(sum, zip(*map(figures, [*days, *rest]), strict=True))) == figures(month)
    assert figures(days[0]) == (72, 72, 3, 3)


def test_accounts_and_regions_add_up_as_well(store: EventStore) -> None:
    parts = [looked(store, 2, 6, accounts=(account,), regions=(region,))[0] for account, region in CHAINS]
    assert tuple(map(sum, zip(*map(figures, parts), strict=True))) == figures(looked(store, 2, 6)[0])
    assert parts[0].accounts == (ACCOUNT,)
    assert parts[1].regions == ("us-east-1",)


def reasons(found: Searched) -> list[str]:
    return [item.why for item in found.not_searched]


def test_what_is_wrong_elsewhere_is_not_told(store: EventStore) -> None:
    found, code = looked(store, 2, 6, accounts=(ACCOUNT,))
    assert (reasons(found), code, found.unreadable) == ([], 0, 0)


@pytest.mark.parametrize(
    ("day", "filters", "words", "code"),
    [
        (7, {}, "no digest and no explanation", 3),
        (6, {"accounts": (OTHER,)}, "deliveries of the hour after the period are not proved", 3),
        (8, {}, "no chain of digests vouches for what was recorded here", 3),
        (8, {"regions": ("eu-west-1",)}, "no chain of digests vouches for what was recorded here", 3),
        (12, {}, "altered: its hash is not the digest's", 4),
        (20, {}, "no JSON", 3),
        (3, {"accounts": (OTHER,)}, "could not be listed", 3),
    ],
)
def test_what_is_wrong_here_is_told(
    store: EventStore, day: int, filters: Mapping[str, Any], words: str, code: int
) -> None:
    found, exit_code = looked(store, day, day, **filters)
    assert any(words in why for why in reasons(found)), reasons(found)
    assert exit_code == code


def test_a_record_that_came_late_takes_its_log_file_along(tmp_path: Path) -> None:
    late = delivered(20, record={"eventTime": "2026-10-03T10:00:00Z", "eventID": "late"})
    store = store_of(tmp_path / "store", late, card={"coverage": [chain(ACCOUNT, REGION, {})]})
    assert figures(looked(store, 3, 3)[0]) == (24, 24, 1, 1)
    assert figures(looked(store, 20, 20)[0]) == (24, 24, 1, 0)
    assert figures(looked(store, 4, 4)[0]) == (24, 24, 0, 0)


def test_an_hour_that_is_touched_counts(store: EventStore) -> None:
    start = datetime(2026, 10, 7, 0, 30, tzinfo=UTC)
    answer = asked(store, "root-activity", Period(start, start + timedelta(minutes=40), "part"), Filters())
    assert (answer.searched.hours_verified, answer.searched.hours_expected) == (5, 6)

"""A store tells where events stand, how late they came, and when nothing was recorded."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.base.period import rfc3339
from auditor.events.measures import STEPS, measured

from .kit import ACCOUNT, OCTOBER, REGION, records_log, store_of

DELIVERED = datetime(2026, 10, 5, 13, tzinfo=UTC)
"""The hour in the names of the kit's log files; their number is the minute."""


def record(number: int, at: datetime, **changes: Any) -> dict[str, Any]:
    return {
        "eventID": f"e-{number:03}",
        "eventTime": rfc3339(at),
        "eventSource": "s3.amazonaws.com",
        "eventName": "PutBucketPolicy",
        "awsRegion": REGION,
        "recipientAccountId": ACCOUNT,
        "managementEvent": True,
        "readOnly": False,
    } | changes


def place(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found: list[Mapping[str, Any]] = document["delivery"]["places"] if name == "delivery" else document["silence"]
    assert len(found) == 1
    return found[0]


def test_a_drawn_event_is_found_in_each_log_file_the_verified_one_first(tmp_path: Path) -> None:
    twice = record(1, DELIVERED)
    store = store_of(
        tmp_path / "store",
        records_log([twice], 4, state="unvouched", bucket="beside"),
        records_log([twice, record(2, DELIVERED)], 6),
    )
    found = measured(store, OCTOBER, ["e-001", "e-009", "e-001"])
    assert found["looked_for"] == ["e-001", "e-009"]
    assert [(row["event_id"], row["state"], row["bucket"]) for row in found["found"]] == [
        ("e-001", "valid", "trail-bucket"),
        ("e-001", "unvouched", "beside"),
    ]
    assert measured(store, OCTOBER, [])["found"] == []


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(-200, 40_000), min_size=1, max_size=40))
def test_delays_are_those_of_plain_python(tmp_path_factory: Any, seconds: list[int]) -> None:
    minute = 30
    delivered = DELIVERED + timedelta(minutes=minute)
    events = [record(number, delivered - timedelta(seconds=late)) for number, late in enumerate(seconds)]
    store = store_of(tmp_path_factory.mktemp("late") / "store", records_log(events, minute))
    minutes = sorted(
        max(0, int((delivered - (delivered - timedelta(seconds=late)).replace(second=0)) / timedelta(minutes=1)))
        for late in seconds
    )
    found = place(measured(store, OCTOBER, []), "delivery")
    assert (found["events"], found["least"], found["most"]) == (len(minutes), minutes[0], minutes[-1])
    assert (found["median"], found["p95"]) == tuple(minutes[ceil(len(minutes) * share) - 1] for share in (0.5, 0.95))
    edges = [-1, *STEPS, 10**9]
    bars = [sum(low < value <= high for value in minutes) for low, high in pairwise(edges)]
    assert found["bars"] == bars
    assert sum(found["bars"]) == found["events"]


def test_corrections_insights_and_log_files_nobody_vouches_for_are_no_deliveries(tmp_path: Path) -> None:
    store = store_of(
        tmp_path / "store",
        records_log(
            [
                record(1, DELIVERED),
                record(2, DELIVERED - timedelta(days=2), addendum={"reason": "DELIVERY_DELAY"}),
                record(3, DELIVERED - timedelta(days=3), eventType="AwsCloudTrailInsight"),
            ],
            7,
        ),
        records_log([record(4, DELIVERED - timedelta(hours=4))], 9, state="unvouched"),
    )
    found = place(measured(store, OCTOBER, []), "delivery")
    assert (found["events"], found["most"]) == (1, 7)


def test_the_longest_silence_reaches_to_the_ends_of_the_period(tmp_path: Path) -> None:
    times = [DELIVERED - timedelta(hours=1), DELIVERED, DELIVERED + timedelta(days=1)]
    store = store_of(tmp_path / "store", records_log([record(number, at) for number, at in enumerate(times)], 7))
    found = place(measured(store, OCTOBER, []), "silence")
    assert found["longest"]["start"] == rfc3339(times[-1])
    assert found["longest"]["end"] == rfc3339(OCTOBER.end)
    assert (found["events"], found["hours_with_events"], found["hours"]) == (3, 3, 744)


def test_copies_are_counted_beside_the_events(tmp_path: Path) -> None:
    events = [record(number, DELIVERED) for number in range(3)]
    store = store_of(tmp_path / "store", records_log(events, 4), records_log(events[:2], 6, bucket="second"))
    counts = measured(store, OCTOBER, [])["counts"]
    assert [(row["name"], row["number"]) for row in counts["groups"]] == [("PutBucketPolicy", 3)]
    assert [(row["region"], row["category"], row["copies"]) for row in counts["copies"]] == [(REGION, "Management", 2)]
    assert counts["omitted"] == {"groups": 0, "events": 0}


def test_a_store_without_events_measures_nothing(tmp_path: Path) -> None:
    found = measured(store_of(tmp_path / "store"), OCTOBER, ["e-001"])
    assert (found["found"], found["delivery"]["places"], found["silence"]) == ([], [], [])

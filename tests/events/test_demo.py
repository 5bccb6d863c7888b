"""The demo's month answers with what was planted in it: each event by the id that the story gives it."""

import pytest

from auditor.events.opened import EventStore
from auditor.simulator.worlds.archive import trail_records
from auditor.simulator.worlds.work import LOG_REGIONS

from .kit import OCTOBER, asked, ids, records_log, store_of


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> EventStore:
    logs = [
        records_log(trail_records(region, eventful=True), number, region=region)
        for number, region in enumerate(LOG_REGIONS, 1)
    ]
    return store_of(tmp_path_factory.mktemp("demo") / "store", *logs)


def planted(name: str, *, source: str = "", who: str = "") -> list[str]:
    """Return the ids of the month's records of one call, by the story's own data."""
    return sorted(
        str(record["eventID"])
        for region in LOG_REGIONS
        for record in trail_records(region, eventful=True)
        if record["eventName"] == name
        and str(record["eventSource"]).startswith(source)
        and who in str(record["userIdentity"])
        and "2026-10-01" <= str(record["eventTime"]) < "2026-11"
    )


@pytest.mark.parametrize(
    ("question", "calls"),
    [
        ("who-deleted-bucket", ["DeleteBucket", "DeleteObject"]),
        ("kms-changes", ["ScheduleKeyDeletion"]),
        ("network-openings", ["AuthorizeSecurityGroupIngress"]),
        ("network-changes", ["AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"]),
        ("console-logins", ["ConsoleLogin"]),
        ("alarm-changes", ["PutMetricAlarm"]),
        ("s3-policy", ["DeleteBucket", "PutBucketPolicy"]),
    ],
)
def test_planted_events_are_the_answer(store: EventStore, question: str, calls: list[str]) -> None:
    expected = sorted(id_ for call in calls for id_ in planted(call))
    assert expected
    assert sorted(ids(asked(store, question))) == expected


def test_logging_was_off_for_two_hours(store: EventStore) -> None:
    found = {row["event_name"]: row for row in asked(store, "log-tampering").rows}
    stopped, started = found["StopLogging"], found["StartLogging"]
    assert (started["event_time"] - stopped["event_time"]).total_seconds() == 7200
    assert stopped["source_ip"] == "203.0.113.66"


def test_the_opening_was_closed_by_a_machine_after_four_minutes(store: EventStore) -> None:
    opening, left_open = asked(store, "network-openings").rows
    assert (left_open["region"], left_open["closed_by"]) == ("us-east-1", None)
    answer, unanswered = asked(store, "auto-remediation", OCTOBER, None, minutes="10").rows
    assert unanswered["answer_id"] is None
    assert (opening["minutes_open"], opening["admin_port"]) == (4, True)
    assert opening["closing_event"] == answer["answer_id"] == planted("RevokeSecurityGroupIngress")[0]
    assert "sg-remediator" in opening["closed_by"]


def test_root_is_found_with_its_second_factor(store: EventStore) -> None:
    rows = asked(store, "root-activity").rows
    assert [(row["event_name"], row["mfa"]) for row in rows] == [("ConsoleLogin", "Yes"), ("GetAccountSummary", None)]


def test_an_opening_is_followed_to_the_call_that_took_its_rule_back(store: EventStore) -> None:
    first, second = asked(store, "opened-to-notice").rows
    assert (first["linked_by"], first["by_itself"], first["seconds_between"]) == ("rule id", True, 242)
    assert first["reverted_id"] == planted("RevokeSecurityGroupIngress")[0]
    assert (second["reverted_by"], second["seconds_between"]) == (None, None)

"""An event that Event history lists is found again, missing, or open: never the one for the other."""

from collections.abc import Mapping
from typing import Any

import pytest

from auditor.evaluate.completeness import completeness
from auditor.evaluate.library import Library
from auditor.evidence import world as worlds
from auditor.evidence.world import World as Told
from auditor.model import AccountScope
from tests.evaluate.checks.worlds import TRAIL, drawn, hours, measured
from tests.evaluate.kit import ACCOUNT, FAR, HOME, World, catalog, states

CONTROL = "trail-events-found-again"


def strip(state: str) -> dict[str, Any]:
    """Return a report in which every hour of the home Region is in one state."""
    days = [{"date": f"2026-10-{day:02}", "hours": state * 24} for day in range(1, 32)]
    chains = [{"account": ACCOUNT, "region": region, "days": days} for region in (HOME, FAR)]
    report = hours()
    return {**report, "coverage": {**report["coverage"], "chains": chains}}


def judged(world: World) -> Mapping[str, str]:
    return {region: state.value for region, state in states(world.judge(CONTROL)).items()}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        *((state, "FAIL") for state in "vxdugs"),
        *((state, "NOT_ASSESSED") for state in "proe."),
    ],
)
def test_an_event_that_is_nowhere_is_missing_where_its_hours_were_looked_at(state: str, expected: str) -> None:
    world = drawn("").changed("trail:VerifyDigests", strip(state))
    assert judged(world) == {HOME: expected, FAR: "PASS"}


@pytest.mark.parametrize("state", ["unvouched", "altered"])
def test_an_event_in_a_log_file_that_does_not_verify_is_open(state: str) -> None:
    assert judged(drawn(state)) == {HOME: "NOT_ASSESSED", FAR: "PASS"}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({"ReadWriteType": "All", "IncludeManagementEvents": True}, "FAIL"),
        ({"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}, "FAIL"),
        ({"ReadWriteType": "ReadOnly", "IncludeManagementEvents": True}, "NOT_ASSESSED"),
        ({"ReadWriteType": "All", "IncludeManagementEvents": False}, "NOT_ASSESSED"),
        (
            {
                "ReadWriteType": "All",
                "IncludeManagementEvents": True,
                "ExcludeManagementEventSources": ["kms.amazonaws.com"],
            },
            "PASS",
        ),
    ],
)
def test_an_event_counts_as_missing_only_where_a_trail_was_to_record_it(
    selector: Mapping[str, Any], expected: str
) -> None:
    answer = {"TrailARN": TRAIL, "EventSelectors": [selector]}
    source = "kms.amazonaws.com" if expected == "PASS" else "iam.amazonaws.com"
    world = drawn("", source=source).changed("trail:VerifyDigests", strip("v"))
    world = world.changed("cloudtrail:GetEventSelectors", answer)
    assert judged(world)[HOME] == expected


def test_a_missing_event_is_named_and_outlives_what_is_open_beside_it() -> None:
    world = drawn("", "unvouched").changed("trail:VerifyDigests", strip("v"))
    (result,) = [item for item in world.judge(CONTROL).results if item.region == HOME]
    assert result.state.value == "FAIL"
    assert f"({HOME}-0)" in result.reason
    assert [item["place"] for item in result.details["events"]] == ["missing"]


def test_what_nobody_looked_for_is_open() -> None:
    world = drawn().changed("events:Measured", measured((), ()))
    assert set(judged(world).values()) == {"NOT_ASSESSED"}


def test_a_region_without_events_is_told_by_its_latest_moment_alone() -> None:
    world = drawn().changed("cloudtrail:LookupEvents", {"Events": []})
    assert set(judged(world).values()) == {"NOT_APPLICABLE"}


def test_an_answer_about_other_times_than_asked_for_counts_for_nothing() -> None:
    event = {"EventId": "x", "EventName": "CreateUser", "EventTime": "2026-09-30T23:59:59Z"}
    world = drawn().changed("cloudtrail:LookupEvents", {"Events": [event]})
    assert set(judged(world).values()) == {"NOT_ASSESSED"}


def documents(world: Told) -> tuple[Mapping[str, Any], ...]:
    control = catalog().controls[CONTROL]
    evidence = worlds.held({ACCOUNT: world}, (*control.evidence, *control.consults), catalog().operations)
    return completeness([Library(evidence, AccountScope(ACCOUNT, "aws", world.regions), catalog().operations)])


def test_the_report_counts_what_the_control_judges() -> None:
    (document,) = documents(drawn("", "altered").changed("trail:VerifyDigests", strip("v")))
    rows = {row["region"]: row for row in document["sample"]["regions"]}
    assert (rows[HOME]["sampled"], rows[HOME]["missing"], rows[HOME]["unverified"]) == (6, 1, 1)
    assert (rows[FAR]["sampled"], rows[FAR]["found"]) == (6, 6)
    assert [item["place"] for item in document["sample"]["named"]] == ["unverified", "missing"]
    refused = drawn().refuses_all("cloudtrail:LookupEvents")
    assert {row["gap"] for row in documents(refused)[0]["sample"]["regions"]} == {
        "cloudtrail:LookupEvents: AccessDenied"
    }

"""Controls over a whole period: one verified event breaks them, one unverified hour leaves them open."""

from typing import Any

import pytest

from auditor.model import State, TestType
from tests.evaluate.checks.worlds import LOGS, TRAIL, event, hours, notable, other_trail, trail, trails, verified
from tests.evaluate.kit import HOME, World, catalog, reasons, states

PERIOD_CONTROLS = [control.id for control in catalog().controls.values() if control.test_type is TestType.POT]
OF_EVENTS = [name for name in PERIOD_CONTROLS if name != "trail-chain-verified"]
STOPPED = {
    "cause": "logging_stopped",
    "start": "2026-10-14T03:00:00Z",
    "end": "2026-10-14T05:00:00Z",
    "region": HOME,
    "sentence": "x",
}
BREAKING = {
    "trail-logging-uninterrupted": event("StopLogging"),
    "trail-configuration-unchanged": event("PutEventSelectors"),
    "trail-bucket-protection-unchanged": event(
        "PutBucketPolicy", resource=f"arn:aws:s3:::{LOGS}", kind="bucket_changed"
    ),
    "alarms-unweakened": event("DeleteAlarms", kind="alarm_changed", resource="x"),
    "detection-uninterrupted": event("StopConfigurationRecorder", kind="config_changed", resource=""),
    "root-unused-in-period": event("ConsoleLogin", kind="root_sign_in", resource=""),
    "opened-admin-ports-closed": event("AuthorizeSecurityGroupIngress", kind="port_opened", minutes_open=None),
}


def test_each_period_control_over_events_has_an_event_that_breaks_it() -> None:
    assert sorted(BREAKING) == sorted(OF_EVENTS)


@pytest.mark.parametrize("control", OF_EVENTS)
def test_one_verified_event_breaks_the_period(control: str) -> None:
    result = verified(BREAKING[control]).judge(control)
    assert result.state is State.FAIL
    assert BREAKING[control]["event_name"] in reasons(result)
    assert result.results[0].details["events"][0]["actor"] == "mallory"


@pytest.mark.parametrize("control", OF_EVENTS)
def test_an_event_that_failed_broke_nothing(control: str) -> None:
    assert verified({**BREAKING[control], "outcome": "AccessDenied"}).judge(control).state is State.PASS


@pytest.mark.parametrize("control", OF_EVENTS)
def test_an_event_nobody_vouches_for_leaves_the_period_open(control: str) -> None:
    assert verified({**BREAKING[control], "verified": False}).judge(control).state is State.NOT_ASSESSED


@pytest.mark.parametrize("control", OF_EVENTS)
def test_one_unverified_hour_leaves_the_period_open(control: str) -> None:
    result = verified(report=hours(743)).judge(control)
    assert result.state is State.NOT_ASSESSED
    assert "743 of 744" in reasons(result)


@pytest.mark.parametrize("control", OF_EVENTS)
def test_a_shortened_list_of_events_leaves_the_period_open(control: str) -> None:
    world = verified().says("trail:NotableEvents", notable(omitted=1), region=HOME, Name=TRAIL)
    assert world.judge(control).state is State.NOT_ASSESSED


@pytest.mark.parametrize("control", PERIOD_CONTROLS)
def test_a_period_without_verification_is_not_assessed(control: str) -> None:
    assert trails(trail()).judge(control).state is State.NOT_ASSESSED


@pytest.mark.parametrize("control", PERIOD_CONTROLS)
def test_a_period_of_no_hours_is_no_period(control: str) -> None:
    assert verified(report=hours(0, 0)).judge(control).state is State.NOT_ASSESSED


@pytest.mark.parametrize("control", OF_EVENTS)
@pytest.mark.parametrize("row", [{}, None, "x", {"event_name": "StopLogging", "kind": "root_call"}])
def test_hostile_rows_allow_no_conclusion(control: str, row: Any) -> None:
    assert verified(row).judge(control).state is State.NOT_ASSESSED


@pytest.mark.parametrize(
    ("report", "item", "expected", "words"),
    [
        pytest.param(
            hours(740, verdict="fail", findings=[{"level": "fail", "sentence": "A log file was altered."}]),
            trail(),
            State.FAIL,
            "1 finding",
            id="altered",
        ),
        pytest.param(hours(740, verdict="incomplete"), trail(), State.NOT_ASSESSED, "740 of 744", id="incomplete"),
        pytest.param(hours(743), trail(), State.NOT_ASSESSED, "743 of 744", id="one-hour-short"),
        pytest.param(hours(verdict="note"), trail(), State.PASS, "744 of 744", id="with-a-note"),
        pytest.param(hours(), trail(LogFileValidationEnabled=False), State.FAIL, "no digests", id="validation-off"),
        pytest.param({**hours(), "coverage": {}}, trail(), State.NOT_ASSESSED, "hours_verified", id="hostile"),
    ],
)
def test_chain_verified(report: Any, item: Any, expected: State, words: str) -> None:
    world = verified(report=report).says("cloudtrail:DescribeTrails", {"trailList": [item]})
    result = world.judge("trail-chain-verified")
    assert result.state is expected
    assert words in reasons(result)


def test_two_hours_without_logging_are_an_interruption() -> None:
    result = verified(report=hours(742, gaps=[STOPPED])).judge("trail-logging-uninterrupted")
    assert result.state is State.FAIL
    assert "2026-10-14T03:00:00Z" in reasons(result)


def test_stopping_another_trail_does_not_interrupt_this_one() -> None:
    world = verified(event("StopLogging", resource="another"))
    assert world.judge("trail-logging-uninterrupted").state is State.PASS


def test_another_bucket_is_not_the_trails() -> None:
    world = verified(event("PutBucketPolicy", resource=f"arn:aws:s3:::{LOGS}-archive"))
    assert world.judge("trail-bucket-protection-unchanged").state is State.PASS


@pytest.mark.parametrize(("minutes", "expected"), [(4, State.PASS), (60, State.PASS), (60.5, State.FAIL)])
def test_how_long_a_port_stood_open(minutes: float, expected: State) -> None:
    row = event("AuthorizeSecurityGroupIngress", kind="port_opened", minutes_open=minutes)
    assert verified(row).judge("opened-admin-ports-closed").state is expected


SECOND = other_trail("second")


def two(first: Any, second: Any, *rows: Any, **changes: Any) -> World:
    """Build a world of two trails with these verification reports; the rows are the second one's."""
    world = verified(report=first).says("cloudtrail:DescribeTrails", {"trailList": [trail(), {**SECOND, **changes}]})
    world = world.says("trail:VerifyDigests", second, region=HOME, Name=SECOND["TrailARN"])
    return world.says("trail:NotableEvents", notable(*rows), region=HOME, Name=SECOND["TrailARN"])


def test_one_trail_of_two_fails_by_itself() -> None:
    world = two(hours(), hours(700, verdict="fail", findings=[{"level": "fail", "sentence": "x"}]))
    assert states(world.judge("trail-chain-verified")) == {TRAIL: State.PASS, SECOND["TrailARN"]: State.FAIL}


def test_one_verified_trail_is_enough_for_the_account() -> None:
    assert two(hours(), hours(0)).judge("root-unused-in-period").state is State.PASS


def test_an_event_in_either_trail_breaks_the_account() -> None:
    world = two(hours(), hours(0), BREAKING["root-unused-in-period"])
    assert world.judge("root-unused-in-period").state is State.FAIL


def test_a_trail_of_one_region_does_not_speak_for_the_account() -> None:
    world = verified().says("cloudtrail:DescribeTrails", {"trailList": [trail(IsMultiRegionTrail=False)]})
    assert world.judge("root-unused-in-period").state is State.NOT_ASSESSED


def test_without_a_trail_nothing_shows_what_took_place() -> None:
    assert trails().judge("alarms-unweakened").state is State.NOT_ASSESSED

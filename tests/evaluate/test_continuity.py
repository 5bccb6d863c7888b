"""Timelines over the period and the period controls: both read the same calls and never contradict each other."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from auditor.activity.noted import notable_document
from auditor.activity.rows import Row, notable_row
from auditor.evaluate.continuity import continuity
from auditor.evaluate.library import libraries
from auditor.evidence import world as fitting
from auditor.model import State
from tests.evaluate.checks.worlds import ALL_EVENTS, BLOCKED, LOGS, TRAIL, buckets, hours, selected, trail, trails
from tests.evaluate.kit import ACCOUNT, HOME, World, catalog

OFF_AT, ON_AT = "2026-10-14T03:00:00Z", "2026-10-14T04:00:00Z"
TOPIC = f"arn:aws:sns:{HOME}:{ACCOUNT}:security"
EVERYTHING = [{"readWriteType": "All", "includeManagementEvents": True}]
NOTHING = [{"readWriteType": "ReadOnly", "includeManagementEvents": True}]
HEARD = {"alarmName": "root", "actionsEnabled": True, "alarmActions": [TOPIC]}
Call = tuple[str, str, Mapping[str, Any]]

SCENARIOS: Mapping[str, tuple[Call, Call, str, str, tuple[str, str]]] = {
    "stop-and-start": (
        ("cloudtrail", "StopLogging", {"name": TRAIL}),
        ("cloudtrail", "StartLogging", {"name": TRAIL}),
        "trail-logging-uninterrupted",
        "logging",
        ("broken", "held"),
    ),
    "selector-flipped-and-back": (
        ("cloudtrail", "PutEventSelectors", {"trailName": TRAIL, "eventSelectors": NOTHING}),
        ("cloudtrail", "PutEventSelectors", {"trailName": TRAIL, "eventSelectors": EVERYTHING}),
        "trail-configuration-unchanged",
        "selectors",
        ("broken", "held"),
    ),
    "validation-switched-off": (
        ("cloudtrail", "UpdateTrail", {"name": TRAIL, "enableLogFileValidation": False}),
        ("cloudtrail", "UpdateTrail", {"name": TRAIL, "enableLogFileValidation": True}),
        "trail-configuration-unchanged",
        "validation",
        ("broken", "held"),
    ),
    "alarm-deleted-and-restored": (
        ("monitoring", "DeleteAlarms", {"alarmNames": ["root"]}),
        ("monitoring", "PutMetricAlarm", HEARD),
        "alarms-unweakened",
        "alarm",
        ("broken", "held"),
    ),
    "alarm-actions-off": (
        ("monitoring", "DisableAlarmActions", {"alarmNames": ["root", "other"]}),
        ("monitoring", "EnableAlarmActions", {"alarmNames": ["root", "other"]}),
        "alarms-unweakened",
        "alarm",
        ("broken", "held"),
    ),
    "subscription-removed": (
        ("sns", "Unsubscribe", {"subscriptionArn": f"{TOPIC}:0a1b2c3d"}),
        ("sns", "Subscribe", {"topicArn": TOPIC, "protocol": "email"}),
        "alarms-unweakened",
        "subscriptions",
        ("broken", "held"),
    ),
    "filter-overwritten": (
        (
            "logs",
            "PutMetricFilter",
            {"logGroupName": "trail", "filterName": "root", "filterPattern": "{ $.a = never }"},
        ),
        ("logs", "PutMetricFilter", {"logGroupName": "trail", "filterName": "root", "filterPattern": "{ $.b = 1 }"}),
        "alarms-unweakened",
        "metric filters",
        ("altered", "unchanged"),
    ),
    "bucket-protection-lifted-for-an-hour": (
        ("s3", "DeleteBucketPublicAccessBlock", {"bucketName": LOGS}),
        ("s3", "PutBucketPublicAccessBlock", {"bucketName": LOGS, "PublicAccessBlockConfiguration": BLOCKED}),
        "trail-bucket-protection-unchanged",
        "log bucket",
        ("broken", "held"),
    ),
    "recorder-stopped": (
        ("config", "StopConfigurationRecorder", {"configurationRecorderName": "default"}),
        ("config", "StartConfigurationRecorder", {"configurationRecorderName": "default"}),
        "detection-uninterrupted",
        "recorder",
        ("broken", "held"),
    ),
    "rule-disabled": (
        ("events", "DisableRule", {"name": "opened"}),
        ("events", "EnableRule", {"name": "opened"}),
        "detection-uninterrupted",
        "rule",
        ("broken", "held"),
    ),
}


def row(call: Call, at: str, *, verified: bool = True, error: str = "") -> Row:
    service, name, asked = call
    record = {
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "eventTime": at,
        "eventID": f"{name}-{at}",
        "awsRegion": HOME,
        "recipientAccountId": ACCOUNT,
        "userIdentity": {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/mallory"},
        "sourceIPAddress": "192.0.2.7",
        "requestParameters": asked,
        **({"errorCode": error} if error else {}),
    }
    found = notable_row(record, log_file="a.json.gz", verified=verified)
    assert found is not None
    return found


def coverage(*, without: str = "") -> Mapping[str, Any]:
    """Return a trail report of October; the hour that is named (``DDTHH``) did not verify."""
    days = []
    for day in range(1, 32):
        states = "".join("." if f"{day:02d}T{hour:02d}" == without else "v" for hour in range(24))
        days.append({"date": f"2026-10-{day:02d}", "hours": states})
    missing = 1 if without else 0
    chain = {"account": ACCOUNT, "region": HOME, "days": days}
    return hours(744 - missing) | {
        "coverage": {"hours_asked": 744, "hours_verified": 744 - missing, "chains": [chain]},
        "verdict": "incomplete" if missing else "pass",
    }


def told(*rows: Row, report: Mapping[str, Any] | None = None) -> World:
    """Build an account in which everything is in order when it is read, and these calls were made before."""
    table = notable_document(rows, {}, log_files=9, records=900)
    world = buckets(trails(trail()), LOGS)
    world = world.says("cloudtrail:GetEventSelectors", selected(TRAIL, ALL_EVENTS), region=HOME, TrailName=TRAIL)
    world = world.says("trail:VerifyDigests", report or coverage(), region=HOME, Name=TRAIL)
    world = world.says("trail:NotableEvents", table, region=HOME, Name=TRAIL)
    world = world.says("s3:GetPublicAccessBlock", {"PublicAccessBlockConfiguration": BLOCKED}, Bucket=LOGS)
    world = world.says(
        "logs:DescribeMetricFilters", {"metricFilters": [{"filterName": "root", "logGroupName": "trail"}]}
    )
    alarm = {"AlarmName": "root", "ActionsEnabled": True, "AlarmActions": [TOPIC]}
    world = world.says("cloudwatch:DescribeAlarms", {"MetricAlarms": [alarm], "CompositeAlarms": []}, region=HOME)
    world = world.says("sns:ListTopics", {"Topics": [{"TopicArn": TOPIC}]}, region=HOME)
    world = world.says(
        "sns:ListSubscriptionsByTopic",
        {"Subscriptions": [{"SubscriptionArn": f"{TOPIC}:1"}]},
        region=HOME,
        TopicArn=TOPIC,
    )
    world = world.says("events:ListRules", {"Rules": [{"Name": "opened", "State": "ENABLED"}]}, region=HOME)
    recorder = {"name": "default", "recording": True}
    return world.says(
        "config:DescribeConfigurationRecorderStatus", {"ConfigurationRecordersStatus": [recorder]}, region=HOME
    )


def timelines(world: World) -> Mapping[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        wanted = {call.operation for call, _ in world.answers.values()}
        evidence = fitting.stored(Path(folder) / "evidence", {ACCOUNT: world}, wanted, catalog().operations)
        documents = continuity(libraries(evidence, catalog().operations))
    assert len(documents) == 1
    json.dumps(documents[0])
    return documents[0]


def line(document: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    return next(item for item in document["lines"] if item["kind"] == kind)


def at(stretches: Any, moment: str) -> str:
    return next(str(item["condition"]) for item in stretches if item["start"] <= moment < item["end"])


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_was_off_for_an_hour_is_seen_with_who_and_when_and_breaks_its_control(name: str) -> None:
    off, on, control, kind, (between, after) = SCENARIOS[name]
    world = told(row(off, OFF_AT), row(on, ON_AT))
    shown = line(timelines(world), kind)
    assert at(shown["stretches"], "2026-10-14T03:30:00Z") == between
    assert at(shown["stretches"], "2026-10-20T00:00:00Z") == after
    assert [(item["event_name"], item["event_time"]) for item in shown["changes"]] == [(off[1], OFF_AT), (on[1], ON_AT)]
    assert shown["changes"][0]["actor"].endswith("user/mallory")
    assert world.judge(control).state is State.FAIL


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_was_refused_changed_nothing(name: str) -> None:
    off, _, control, kind, _ = SCENARIOS[name]
    world = told(row(off, OFF_AT, error="AccessDenied"))
    shown = line(timelines(world), kind)
    assert (shown["refused"], shown["changes"]) == (1, [])
    assert {item["condition"] for item in shown["stretches"]} <= {"held", "unchanged"}
    assert world.judge(control).state is State.PASS


@pytest.mark.parametrize("name", SCENARIOS)
def test_in_an_hour_that_did_not_verify_nothing_is_said_to_hold(name: str) -> None:
    off, on, control, kind, _ = SCENARIOS[name]
    short = coverage(without="20T05")
    quiet = told(report=short)
    every = [*timelines(quiet)["untouched"]]
    assert every
    assert {at(item["stretches"], "2026-10-20T05:30:00Z") for item in every} == {"open"}
    assert quiet.judge(control).state is State.NOT_ASSESSED
    busy = told(row(off, OFF_AT), row(on, ON_AT), report=short)
    assert at(line(timelines(busy), kind)["stretches"], "2026-10-20T05:30:00Z") == "open"
    assert busy.judge(control).state is State.FAIL


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_record_nobody_vouches_for_proves_no_break(name: str) -> None:
    off, _, control, kind, _ = SCENARIOS[name]
    world = told(row(off, OFF_AT, verified=False))
    assert "broken" not in {item["condition"] for item in line(timelines(world), kind)["stretches"]}
    assert world.judge(control).state is State.NOT_ASSESSED


def test_an_account_that_nobody_touched_held_as_far_as_can_be_told() -> None:
    document = timelines(told())
    assert document["lines"] == []
    conditions = {item["kind"]: {one["condition"] for one in item["stretches"]} for item in document["untouched"]}
    assert conditions.pop("logging") == {"held"}
    assert conditions.pop("validation") == {"held"}
    assert set().union(*conditions.values()) == {"unchanged"}


def test_what_was_deleted_and_is_not_there_any_more_has_a_line_of_its_own() -> None:
    gone = row(("monitoring", "DeleteAlarms", {"alarmNames": ["old"]}), OFF_AT)
    shown = line(timelines(told(gone)), "alarm")
    assert (shown["name"], at(shown["stretches"], "2026-10-31T00:00:00Z")) == ("old", "broken")


def test_each_of_many_alarms_that_one_call_deleted_has_a_line() -> None:
    names = [f"alarm-{number}-{'x' * 90}" for number in range(12)]
    gone = row(("monitoring", "DeleteAlarms", {"alarmNames": [*names, "root"]}), OFF_AT)
    lines = [item for item in timelines(told(gone))["lines"] if item["kind"] == "alarm"]
    assert sorted(item["name"] for item in lines) == sorted([*names, "root"])


@pytest.mark.parametrize(
    ("call", "control"),
    [
        (("config", "StartConfigurationRecorder", {"configurationRecorderName": "default"}), "detection-uninterrupted"),
        (("events", "EnableRule", {"name": "opened"}), "detection-uninterrupted"),
        (("monitoring", "EnableAlarmActions", {"alarmNames": ["root"]}), "alarms-unweakened"),
    ],
)
def test_what_was_switched_on_in_the_period_was_not_shown_to_be_on_before(call: Call, control: str) -> None:
    world = told(row(call, ON_AT))
    (result,) = world.judge(control).results
    assert result.state is State.NOT_ASSESSED
    assert "nothing shows that it was on before" in result.reason
    assert at(timelines(world)["lines"][0]["stretches"], "2026-10-02T00:00:00Z") == "open"


def test_a_trail_that_records_no_changes_vouches_for_nothing_but_itself() -> None:
    blind = selected(TRAIL, {**ALL_EVENTS, "ReadWriteType": "ReadOnly"})
    world = told().says("cloudtrail:GetEventSelectors", blind, region=HOME, TrailName=TRAIL)
    conditions = {
        item["kind"]: {one["condition"] for one in item["stretches"]} for item in timelines(world)["untouched"]
    }
    assert conditions["logging"] == {"held"}
    assert conditions["alarm"] == {"open"}


def test_records_that_could_not_be_read_leave_everything_open() -> None:
    table = {
        **notable_document([], {}, log_files=9, records=900),
        "source": {"log_files": 9, "records": 9, "unread": 1},
    }
    world = told().says("trail:NotableEvents", table, region=HOME, Name=TRAIL)
    assert {one["condition"] for item in timelines(world)["untouched"] for one in item["stretches"]} == {"open"}


def test_lists_that_were_not_read_are_named() -> None:
    world = told().refuses("cloudwatch:DescribeAlarms", region=HOME)
    assert {"kind": "alarm", "operation": "cloudwatch:DescribeAlarms"} in timelines(world)["unread"]


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_control_says_for_how_long_its_timeline_was_broken(name: str) -> None:
    off, on, control, kind, (between, _) = SCENARIOS[name]
    (result,) = told(row(off, OFF_AT), row(on, ON_AT)).judge(control).results
    stood = [item for item in result.details.get("out_of_order", ()) if item["kind"] == kind]
    if between == "broken":
        assert (stood[0]["start"], stood[0]["end"]) == (OFF_AT, ON_AT)
        assert f"Out of order from {OFF_AT} to {ON_AT} (60 min)" in result.reason
    else:
        assert stood == []


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_control_passes_while_a_timeline_of_its_things_is_broken(name: str) -> None:
    """Whatever order the calls come in, and whichever of them verified."""
    off, on, control, kind, _ = SCENARIOS[name]
    for first, second in ((off, on), (on, off), (off, off)):
        for vouched in ((True, True), (True, False), (False, True), (False, False)):
            world = told(row(first, OFF_AT, verified=vouched[0]), row(second, ON_AT, verified=vouched[1]))
            broken = "broken" in {item["condition"] for item in line(timelines(world), kind)["stretches"]}
            state = world.judge(control).state
            assert not (broken and state is not State.FAIL), (first, second, vouched)
            assert not (off[1] in (first[1], second[1]) and state is State.PASS), (first, second, vouched)


def test_what_a_call_set_is_told_by_what_was_read_of_it_later() -> None:
    """The record does not tell what was set; the actions were off when the alarm was read."""
    untold = row(("monitoring", "PutMetricAlarm", {}), OFF_AT)
    quiet = {"AlarmName": "root", "ActionsEnabled": False, "AlarmActions": [TOPIC]}
    named = {**untold.document(), "resource": "root"}
    table = notable_document([untold], {}, log_files=9, records=900) | {"rows": [named]}
    world = told().says("trail:NotableEvents", table, region=HOME, Name=TRAIL)
    assert world.judge("alarms-unweakened").state is State.NOT_ASSESSED
    world = world.says("cloudwatch:DescribeAlarms", {"MetricAlarms": [quiet], "CompositeAlarms": []}, region=HOME)
    (result,) = world.judge("alarms-unweakened").results
    assert (result.state, result.details["out_of_order"][0]["name"]) == (State.FAIL, "root")


def test_a_break_that_begins_with_a_call_the_control_is_not_about_is_none_of_its_matter() -> None:
    world = told(row(("monitoring", "DeleteAlarms", {"alarmNames": ["root"]}), OFF_AT))
    assert world.judge("alarms-unweakened", calls=["Unsubscribe"]).state is State.PASS


def test_a_proven_break_outlives_a_search_that_lacks_an_answer() -> None:
    off, on, control, _, _ = SCENARIOS["stop-and-start"]
    world = told(row(off, OFF_AT), row(on, ON_AT)).refuses("cloudtrail:GetEventSelectors", region=HOME, TrailName=TRAIL)
    assert world.judge(control).state is State.FAIL

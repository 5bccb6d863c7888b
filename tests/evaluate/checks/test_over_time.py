"""Controls over a whole period: one verified event breaks them, one unverified hour leaves them open."""

from typing import Any

import pytest

from auditor.activity.calls import CALLS
from auditor.activity.effects import Effect, Fixed
from auditor.model import State, TestType
from tests.evaluate.checks.worlds import (
    ALL_EVENTS,
    LOGS,
    OBJECT_EVENTS,
    RIGHT,
    TRAIL,
    buckets,
    event,
    fields,
    hours,
    notable,
    other_trail,
    selected,
    trail,
    trails,
    verified,
)
from tests.evaluate.kit import ACCOUNT, FAR, HOME, World, catalog, judge_together, reasons, states

PERIOD_CONTROLS = [control.id for control in catalog().controls.values() if control.test_type is TestType.POT]
APART = {"trail-chain-verified", "audit-changed-nothing", "trail-events-found-again"}
"""Rest on other documents than the tables of notable events."""
OF_EVENTS = [name for name in PERIOD_CONTROLS if name not in APART]
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


def test_a_change_to_a_bucket_without_a_name_could_be_the_trails() -> None:
    world = verified(event("PutBucketPolicy", resource=""))
    assert world.judge("trail-bucket-protection-unchanged").state is State.FAIL


@pytest.mark.parametrize(("minutes", "expected"), [(4, State.PASS), (60, State.PASS), (60.5, State.FAIL)])
def test_how_long_a_port_stood_open(minutes: float, expected: State) -> None:
    row = event("AuthorizeSecurityGroupIngress", kind="port_opened", minutes_open=minutes)
    assert verified(row).judge("opened-admin-ports-closed").state is expected


def selecting(*classic: Any, advanced: Any = None) -> World:
    """Build the verified world with other event selectors."""
    page = selected(TRAIL, *classic, advanced=advanced)
    return verified().says("cloudtrail:GetEventSelectors", page, region=HOME, TrailName=TRAIL)


ONLY_OBJECTS = {**ALL_EVENTS, "IncludeManagementEvents": False, "DataResources": [OBJECT_EVENTS]}
NARROWED = [fields(eventCategory={"Equals": ["Management"]}, eventName={"Equals": ["GetUser"]})]
WITHOUT_KMS = {**ALL_EVENTS, "ExcludeManagementEventSources": ["kms.amazonaws.com"]}


@pytest.mark.parametrize("control", OF_EVENTS)
@pytest.mark.parametrize(
    "world",
    [
        pytest.param(selecting(ONLY_OBJECTS), id="data-events-only"),
        pytest.param(selecting({**ALL_EVENTS, "ReadWriteType": "ReadOnly"}), id="reads-only"),
        pytest.param(selecting(advanced=NARROWED), id="narrowed"),
        pytest.param(verified().without("cloudtrail:GetEventSelectors"), id="selectors-unknown"),
    ],
)
def test_a_trail_that_records_no_such_events_shows_nothing(control: str, world: World) -> None:
    assert world.judge(control).state is State.NOT_ASSESSED


@pytest.mark.parametrize("control", OF_EVENTS)
def test_an_event_found_breaks_the_period_whatever_the_selectors_say(control: str) -> None:
    world = selecting(ONLY_OBJECTS).says("trail:NotableEvents", notable(BREAKING[control]), region=HOME, Name=TRAIL)
    assert world.judge(control).state is State.FAIL


@pytest.mark.parametrize("control", OF_EVENTS)
def test_events_left_out_matter_where_they_are_asked_for(control: str) -> None:
    expected = State.NOT_ASSESSED if control == "root-unused-in-period" else State.PASS
    assert selecting(WITHOUT_KMS).judge(control).state is expected


def test_calls_to_a_service_that_is_left_out_are_not_assessed() -> None:
    result = selecting(WITHOUT_KMS).judge("alarms-unweakened", calls=["ScheduleKeyDeletion"])
    assert result.state is State.NOT_ASSESSED
    assert "kms.amazonaws.com" in reasons(result)


@pytest.mark.parametrize(
    ("control", "parameters"),
    [("alarms-unweakened", {"calls": ["DeleteUser"]}), ("root-unused-in-period", {"kinds": ["root_signin"]})],
)
def test_what_log_files_are_not_searched_for_is_not_assessed(control: str, parameters: Any) -> None:
    result = verified().judge(control, **parameters)
    assert result.state is State.NOT_ASSESSED
    assert "not searched" in reasons(result)


@pytest.mark.parametrize("name", ["PutBucketPolicy", "StopLogging", "AuthorizeSecurityGroupIngress"])
def test_whatever_root_does_is_a_use_of_root(name: str) -> None:
    row = event(name, kind="bucket_changed", actor_type="Root", resource="x")
    assert verified(row).judge("root-unused-in-period").state is State.FAIL


def test_records_that_could_not_be_read_leave_the_period_open() -> None:
    page = {**notable(), "source": {"log_files": 9, "records": 80, "unread": 1}}
    world = verified().says("trail:NotableEvents", page, region=HOME, Name=TRAIL)
    assert {world.judge(control).state for control in OF_EVENTS} == {State.NOT_ASSESSED}


def test_sign_ins_are_events_of_global_services() -> None:
    world = verified().says("cloudtrail:DescribeTrails", {"trailList": [trail(IncludeGlobalServiceEvents=False)]})
    assert world.judge("root-unused-in-period").state is State.NOT_ASSESSED
    assert world.judge("trail-configuration-unchanged").state is State.PASS


def test_a_member_knows_the_selectors_of_the_organization_by_the_trails_owner() -> None:
    owner = "999988887777"
    arn = f"arn:aws:cloudtrail:{HOME}:{owner}:trail/all"
    shared = trail(TrailARN=arn, IsOrganizationTrail=True)
    world = trails(shared).says("trail:VerifyDigests", hours(), region=HOME, Name=arn)
    world = world.says("trail:NotableEvents", notable(), region=HOME, Name=arn)
    member = world.refuses_all("cloudtrail:GetEventSelectors")
    assert member.judge("root-unused-in-period").state is State.NOT_ASSESSED
    joined = judge_together("root-unused-in-period", {ACCOUNT: member, owner: world})
    assert {item.account: item.state for item in joined.results} == {ACCOUNT: State.PASS, owner: State.PASS}


SECOND = other_trail("second")


def two(first: Any, second: Any, *rows: Any, **changes: Any) -> World:
    """Build a world of two trails with these verification reports; the rows are the second one's."""
    world = verified(report=first).says("cloudtrail:DescribeTrails", {"trailList": [trail(), {**SECOND, **changes}]})
    page = selected(SECOND["TrailARN"], ALL_EVENTS)
    world = world.says("cloudtrail:GetEventSelectors", page, region=HOME, TrailName=SECOND["TrailARN"])
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


def change(name: str, kind: str, source: str, **fields: Any) -> dict[str, Any]:
    return event(name, kind=kind, event_source=f"{source}.amazonaws.com", resource="", **fields)


@pytest.mark.parametrize(
    ("control", "row", "expected"),
    [
        pytest.param(
            "detection-uninterrupted",
            change("UpdateDetector", "detection_changed", "guardduty", effect="harmless"),
            State.PASS,
            id="switched-on",
        ),
        pytest.param(
            "detection-uninterrupted",
            change("UpdateDetector", "detection_changed", "guardduty", effect="open"),
            State.NOT_ASSESSED,
            id="not-told",
        ),
        pytest.param(
            "detection-uninterrupted",
            change("CreateFilter", "detection_changed", "guardduty", effect="weakens", sets="archived unseen"),
            State.FAIL,
            id="archived",
        ),
        pytest.param(
            "alarms-unweakened",
            change("DeleteLogGroup", "log_group_changed", "logs") | {"resource": "app"},
            State.PASS,
            id="another-log-group",
        ),
        pytest.param(
            "alarms-unweakened",
            change("PutMetricFilter", "log_group_changed", "logs") | {"resource": "trail"},
            State.FAIL,
            id="filter-of-the-trail's-group",
        ),
        pytest.param(
            "alarms-unweakened",
            change("PutMetricAlarm", "alarm_changed", "monitoring"),
            State.FAIL,
            id="no-effect-told",
        ),
        pytest.param(
            "trail-configuration-unchanged",
            event("DeleteTrail", resource="all", region="ap-southeast-2"),
            State.PASS,
            id="namesake-at-home-elsewhere",
        ),
        pytest.param(
            "trail-configuration-unchanged", event("DeleteTrail", resource="all", region=HOME), State.FAIL, id="by-name"
        ),
        pytest.param(
            "trail-bucket-protection-unchanged",
            event("DeleteAccountPublicAccessBlock", kind="bucket_changed", resource=""),
            State.FAIL,
            id="block-of-the-account",
        ),
        pytest.param(
            "root-unused-in-period",
            event("PutBucketPolicy", kind="bucket_changed", actor_type="Root", by_root=False),
            State.PASS,
            id="service-for-root",
        ),
        pytest.param(
            "root-unused-in-period",
            event("PutBucketPolicy", kind="bucket_changed", actor_type="Root", by_root=True),
            State.FAIL,
            id="root-itself",
        ),
    ],
)
def test_events_count_by_what_they_set_and_what_they_are_about(control: str, row: Any, expected: State) -> None:
    assert verified(row).judge(control).state is expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, State.PASS, id="same-update"),
        pytest.param({"resource": "another"}, State.FAIL, id="another-rule"),
        pytest.param({"event_time": "2026-10-14T05:00:00Z"}, State.FAIL, id="hours-later"),
        pytest.param({"service": ""}, State.FAIL, id="somebody-else"),
        pytest.param({"outcome": "AccessDenied"}, State.FAIL, id="refused"),
    ],
)
def test_a_stack_that_replaces_its_own_targets_weakens_nothing(fields: dict[str, Any], expected: State) -> None:
    stack = {"service": "cloudformation.amazonaws.com", "event_time": "2026-10-14T03:00:00Z"}
    removed = change("RemoveTargets", "detection_changed", "events", effect="weakens", **stack) | {"resource": "closes"}
    put = change("PutTargets", "detection_changed", "events", effect="harmless", **stack) | {"resource": "closes"}
    assert verified(put | fields, removed).judge("detection-uninterrupted").state is expected


def test_a_period_without_such_events_says_what_was_searched_for() -> None:
    told = reasons(verified().judge("trail-configuration-unchanged"))
    assert "Searched for: UpdateTrail, PutEventSelectors" in told


def enabled(world: World, *names: str) -> World:
    """Say which Regions of the account are enabled; one more is not."""
    found = [{"RegionName": name, "OptInStatus": "opt-in-not-required"} for name in names]
    off = {"RegionName": "me-south-1", "OptInStatus": "not-opted-in"}
    return world.says("ec2:DescribeRegions", {"Regions": [*found, off]})


OVER_ALL_REGIONS = (
    "alarms-unweakened",
    "detection-uninterrupted",
    "opened-admin-ports-closed",
    "root-unused-in-period",
    "trail-bucket-protection-unchanged",
    "trail-chain-verified",
    "trail-logging-uninterrupted",
)


@pytest.mark.parametrize("name", OVER_ALL_REGIONS)
def test_nothing_is_said_of_enabled_regions_whose_log_files_were_not_looked_at(name: str) -> None:
    assert enabled(verified(), HOME, FAR).judge(name).state is State.PASS
    result = enabled(verified(), HOME, FAR, "ap-south-1", "sa-east-1").judge(name)
    assert result.state is State.NOT_ASSESSED
    assert "ap-south-1, sa-east-1" in reasons(result)
    chains = {**hours()["coverage"], "chains": [{"region": "ap-south-1"}, {"region": "sa-east-1"}]}
    looked_at = verified(report={**hours(), "coverage": chains})
    assert enabled(looked_at, HOME, FAR, "ap-south-1", "sa-east-1").judge(name).state is State.PASS


def test_a_failure_shown_in_one_region_needs_no_other() -> None:
    world = enabled(verified(BREAKING["root-unused-in-period"]), HOME, FAR, "ap-south-1")
    assert world.judge("root-unused-in-period").state is State.FAIL


def test_changes_to_a_trail_are_recorded_in_its_home_region() -> None:
    world = enabled(verified(), HOME, FAR, "ap-south-1")
    assert world.judge("trail-configuration-unchanged").state is State.PASS


def test_a_bucket_of_another_account_is_changed_in_that_accounts_trail() -> None:
    name, owner = "trail-bucket-protection-unchanged", "999988887777"
    member = buckets(verified(), "unrelated")
    result = member.judge(name)
    assert result.state is State.NOT_ASSESSED
    assert "another account" in reasons(result)
    quiet = judge_together(name, {ACCOUNT: member, owner: verified()})
    assert {item.account: item.state for item in quiet.results} == {ACCOUNT: State.PASS, owner: State.PASS}
    changed = judge_together(name, {ACCOUNT: member, owner: verified(BREAKING[name])})
    assert {item.account: item.state for item in changed.results} == {ACCOUNT: State.FAIL, owner: State.FAIL}
    assert buckets(verified(BREAKING[name]), "unrelated").judge(name).state is State.FAIL


def test_an_organizations_trail_is_changed_in_its_owners_account() -> None:
    owner = "999988887777"
    arn = f"arn:aws:cloudtrail:{HOME}:{owner}:trail/all"
    world = trails(trail(TrailARN=arn, IsOrganizationTrail=True))
    world = world.says("trail:VerifyDigests", hours(), region=HOME, Name=arn)
    world = world.says("trail:NotableEvents", notable(), region=HOME, Name=arn)
    result = world.judge("trail-configuration-unchanged")
    assert result.state is State.NOT_ASSESSED
    assert owner in reasons(result)
    joined = judge_together("trail-configuration-unchanged", {ACCOUNT: world, owner: world})
    assert {item.account: item.state for item in joined.results} == {ACCOUNT: State.PASS, owner: State.PASS}


REGIONAL = (
    "access-analyzer-external-all-regions",
    "config-recorder-all-regions",
    "ebs-default-encryption",
    "guardduty-enabled",
    "opened-security-group-remediated",
    "securityhub-enabled",
)


@pytest.mark.parametrize("name", REGIONAL)
def test_what_holds_in_every_region_asks_for_each_enabled_one(name: str) -> None:
    result = enabled(RIGHT[name], HOME, FAR, "ap-south-1").judge(name)
    found = states(result)
    assert (found[HOME], found["ap-south-1"]) == (State.PASS, State.NOT_ASSESSED)
    assert "me-south-1" not in found
    assert "in ap-south-1 was not asked: " in reasons(result)


@pytest.mark.parametrize(
    ("name", "world"),
    [
        ("trail-no-duplicate-copies", RIGHT["trail-no-duplicate-copies"]),
        (
            "cloudwatch-cross-account-observability",
            RIGHT["cloudwatch-cross-account-observability"]
            .changed("oam:ListSinks", {"Items": []})
            .changed("oam:ListLinks", {"Items": []}),
        ),
        (
            "iam-central-federation",
            RIGHT["iam-central-federation"]
            .changed("sso-admin:ListInstances", {"Instances": []})
            .changed("iam:ListSAMLProviders", {"SAMLProviderList": []})
            .changed("iam:ListOpenIDConnectProviders", {"OpenIDConnectProviderList": []}),
        ),
    ],
)
def test_whoever_says_that_there_is_none_has_looked_in_every_enabled_region(name: str, world: World) -> None:
    before = enabled(world, HOME, FAR).judge(name).state
    assert before in {State.PASS, State.FAIL}
    result = enabled(world, HOME, FAR, "ap-south-1").judge(name)
    assert result.state is State.NOT_ASSESSED
    assert "ap-south-1" in reasons(result)


@pytest.mark.parametrize("control", ["trail-logging-uninterrupted", "trail-configuration-unchanged"])
@pytest.mark.parametrize("name", ["StopLogging", "StopLogging20131101", "StopLogging20131101v2"])
def test_an_api_version_behind_a_name_hides_no_call(control: str, name: str) -> None:
    assert verified(event(name)).judge(control).state is State.FAIL


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"resource": "trail"}, State.FAIL),
        ({"resource": f"arn:aws:logs:{HOME}:{ACCOUNT}:log-group:trail"}, State.FAIL),
        ({"resource": f"arn:aws:logs:{HOME}:{ACCOUNT}:log-group:trail", "region": FAR}, State.FAIL),
        ({"resource": ""}, State.FAIL),
        ({"resource": "trail", "region": ""}, State.FAIL),
        ({"resource": "trail", "region": FAR}, State.PASS),
        ({"resource": "", "region": FAR}, State.PASS),
        ({"resource": f"arn:aws:logs:{FAR}:{ACCOUNT}:log-group:trail"}, State.PASS),
        ({"resource": "other"}, State.PASS),
    ],
)
def test_a_log_group_of_that_name_in_another_region_is_another(fields: dict[str, str], expected: State) -> None:
    row = event("DeleteLogGroup", kind="log_group_changed", **fields)
    assert verified(row).judge("alarms-unweakened").state is expected


WATCHED = {
    "alarms-unweakened": {"alarm_changed", "notice_removed"},
    "detection-uninterrupted": {"config_changed", "detection_changed", "flow_logs_deleted"},
    "trail-configuration-unchanged": {"trail_changed"},
}


@pytest.mark.parametrize("control", WATCHED)
def test_every_call_that_can_weaken_is_among_those_a_control_asks_for(control: str) -> None:
    asked = set(catalog().controls[control].parameters["calls"])
    watched = [call for call in CALLS.values() if call.kind in WATCHED[control]]
    harmless = {
        call.name for call in watched if isinstance(call.judge, Fixed) and call.judge.told.effect is Effect.HARMLESS
    }
    assert {call.name for call in watched} - harmless <= asked


def test_whatever_root_asked_for_it_was_root() -> None:
    row = event("PutMetricAlarm", kind="alarm_changed", resource="", by_root=True, effect="open", sets="not told")
    assert verified(row).judge("root-unused-in-period").state is State.FAIL
    assert verified(row).judge("alarms-unweakened").state is State.NOT_ASSESSED


def test_an_opening_of_which_the_record_does_not_tell_whom_it_lets_in_leaves_the_period_open() -> None:
    words = "the record does not tell what stands in pl-1"
    row = event("AuthorizeSecurityGroupIngress", kind="port_opened", minutes_open=None, effect="open", sets=words)
    result = verified(row).judge("opened-admin-ports-closed")
    assert result.state is State.NOT_ASSESSED
    assert words in reasons(result)

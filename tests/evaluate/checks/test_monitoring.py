"""Monitoring controls over evidence: the same chain that plain values test, read from AWS answers."""

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.model import State
from tests.evaluate.checks.test_every_control import _answering, _spoil
from tests.evaluate.kit import ACCOUNT, FAR, HOME, World, ago, catalog, reasons
from tests.evaluate.patterns.published import PRINTED

TRAIL = f"arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/all"
TOPIC = f"arn:aws:sns:{HOME}:{ACCOUNT}:alerts"
CONTROLS = [name for name, control in catalog().controls.items() if control.check.startswith("monitoring.")]
CLOUDTRAIL = "monitor-cloudtrail-changes"
POLICY = json.dumps(
    {
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": ["SNS:Publish"],
                "Resource": TOPIC,
                "Condition": {"StringEquals": {"AWS:SourceOwner": ACCOUNT}},
            }
        ]
    }
)
TRAIL_ITEM = {
    "Name": "all",
    "TrailARN": TRAIL,
    "HomeRegion": HOME,
    "IsMultiRegionTrail": True,
    "IncludeGlobalServiceEvents": True,
    "CloudWatchLogsLogGroupArn": f"arn:aws:logs:{HOME}:{ACCOUNT}:log-group:trail:*",
}
SELECTORS = {
    "TrailARN": TRAIL,
    "EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": True, "ExcludeManagementEventSources": []}],
}
STATUS = {"IsLogging": True, "LatestCloudWatchLogsDeliveryTime": ago(minutes=4)}
ALARM: dict[str, Any] = {
    "AlarmName": "changes",
    "AlarmArn": f"arn:aws:cloudwatch:{HOME}:{ACCOUNT}:alarm:changes",
    "ActionsEnabled": True,
    "AlarmActions": [TOPIC],
    "StateValue": "OK",
    "StateUpdatedTimestamp": ago(days=3),
    "MetricName": "Changes",
    "Namespace": "Audit",
    "Statistic": "Sum",
    "Dimensions": [],
    "Period": 300,
    "EvaluationPeriods": 1,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "TreatMissingData": "notBreaching",
}


def metric_filter(pattern: str, **changes: Any) -> dict[str, Any]:
    change = {"metricName": "Changes", "metricNamespace": "Audit", "metricValue": "1", "defaultValue": 0.0}
    base = {
        "filterName": "changes",
        "logGroupName": "trail",
        "filterPattern": pattern,
        "metricTransformations": [change],
    }
    return {**base, **changes}


def pattern_for(control: str) -> str:
    if control in PRINTED:
        return PRINTED[control]
    events = catalog().controls[control].parameters["events"]
    return "{ " + " || ".join(f"$.eventName = {event.rpartition('/')[2]}" for event in events) + " }"


def world(*patterns: str, alarms: list[Any] | None = None, composites: list[Any] | None = None) -> World:
    filters = [metric_filter(pattern, filterName=f"changes-{index}") for index, pattern in enumerate(patterns)]
    found = {"MetricAlarms": [ALARM] if alarms is None else alarms, "CompositeAlarms": composites or []}
    return (
        World()
        .says("organizations:DescribeOrganization", {"Organization": {"MasterAccountId": ACCOUNT}})
        .says("cloudtrail:DescribeTrails", {"trailList": [TRAIL_ITEM]})
        .says("cloudtrail:GetTrailStatus", STATUS, region=HOME, Name=TRAIL)
        .says("cloudtrail:GetEventSelectors", SELECTORS, region=HOME, TrailName=TRAIL)
        .says("logs:DescribeLogGroups", {"logGroups": []})
        .says("logs:DescribeLogGroups", {"logGroups": [{"logGroupName": "trail"}]}, region=HOME)
        .says("logs:DescribeMetricFilters", {"metricFilters": []})
        .says("logs:DescribeMetricFilters", {"metricFilters": filters}, region=HOME)
        .says("cloudwatch:DescribeAlarms", {"MetricAlarms": [], "CompositeAlarms": []})
        .says("cloudwatch:DescribeAlarms", found, region=HOME)
        .says("sns:ListTopics", {"Topics": []})
        .says("sns:ListTopics", {"Topics": [{"TopicArn": TOPIC}]}, region=HOME)
        .says("sns:GetTopicAttributes", {"Attributes": {"Policy": POLICY}}, region=HOME, TopicArn=TOPIC)
        .says("sns:ListSubscriptionsByTopic", subscribed(f"{TOPIC}:1234"), region=HOME, TopicArn=TOPIC)
        .says("events:ListRules", {"Rules": []})
    )


def subscribed(arn: str) -> dict[str, Any]:
    return {
        "Subscriptions": [{"SubscriptionArn": arn, "TopicArn": TOPIC, "Protocol": "email", "Endpoint": "a@b.example"}]
    }


@pytest.mark.parametrize("control", CONTROLS)
def test_every_monitoring_control_passes_where_all_is_right(control: str) -> None:
    result = world(pattern_for(control)).judge(control)
    assert result.state is State.PASS, reasons(result)
    assert all(item.evidence and item.reason.endswith(".") for item in result.results)


def test_citations_point_at_the_deciding_values() -> None:
    (result,) = world("{ $.eventName = Other }", PRINTED[CLOUDTRAIL]).judge(CLOUDTRAIL).results
    pointers = [citation.pointer for citation in result.evidence]
    assert pointers[:5] == [
        "/pages/0/trailList/0",
        "/pages/0/logGroups/0",
        "/pages/0/metricFilters/1",
        "/pages/0/MetricAlarms/0",
        "/pages/0/Topics/0",
    ]
    assert pointers[5] == "/pages/0/Subscriptions/0"


@pytest.mark.parametrize("control", CONTROLS)
def test_every_monitoring_control_fails_where_nothing_is_watched(control: str) -> None:
    result = world().judge(control)
    assert result.state is State.FAIL
    missed = result.results[0].details["missed"]
    assert missed["event"]["eventName"]
    assert missed["sentence"] in str(result.results[0].details)


@pytest.mark.parametrize("operation", catalog().controls[CLOUDTRAIL].evidence)
@pytest.mark.parametrize("code", ["AccessDenied", "ThrottlingException"])
def test_a_refused_operation_leaves_it_unassessed(operation: str, code: str) -> None:
    right = world(PRINTED[CLOUDTRAIL])
    rule = {"Name": "r", "State": "ENABLED", "EventPattern": '{"source": ["aws.s3"]}'}
    right = right.says("events:ListRules", {"Rules": [rule]}).says(
        "events:ListTargetsByRule", {"Targets": []}, Rule="r"
    )
    assert right.judge(CLOUDTRAIL).state is State.PASS
    for spoiled in (right.refuses_all(operation, code), right.without(operation), right.changed(operation, {"X": 1})):
        assert spoiled.judge(CLOUDTRAIL).state is State.NOT_ASSESSED


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        pytest.param(
            world(PRINTED[CLOUDTRAIL]).says("cloudtrail:GetTrailStatus", {"IsLogging": False}, region=HOME, Name=TRAIL),
            "not logging",
            id="stopped",
        ),
        pytest.param(
            world(PRINTED[CLOUDTRAIL], alarms=[{**ALARM, "ActionsEnabled": False}]), "disabled", id="disabled"
        ),
        pytest.param(world(PRINTED[CLOUDTRAIL], alarms=[{**ALARM, "AlarmActions": []}]), "no action", id="no-action"),
        pytest.param(
            world(PRINTED[CLOUDTRAIL]).says(
                "sns:ListSubscriptionsByTopic", subscribed("PendingConfirmation"), region=HOME, TopicArn=TOPIC
            ),
            "nobody is told",
            id="unconfirmed",
        ),
        pytest.param(
            world(PRINTED[CLOUDTRAIL].replace("DeleteTrail", "DeleteTrial")), "did you mean DeleteTrail?", id="misspelt"
        ),
        pytest.param(world("{ $.eventName = StopLogging }"), "misses CreateTrail", id="one-name-only"),
        pytest.param(
            world(PRINTED[CLOUDTRAIL]).says(
                "cloudtrail:GetEventSelectors",
                {
                    "TrailARN": TRAIL,
                    "AdvancedEventSelectors": [
                        {
                            "FieldSelectors": [
                                {"Field": "eventCategory", "Equals": ["Management"]},
                                {"Field": "readOnly", "Equals": ["true"]},
                            ]
                        }
                    ],
                },
                region=HOME,
                TrailName=TRAIL,
            ),
            "write management events",
            id="advanced-selector-reads-only",
        ),
    ],
)
def test_what_is_broken_is_said(changed: World, words: str) -> None:
    result = changed.judge(CLOUDTRAIL)
    assert result.state is State.FAIL
    assert words in reasons(result)


QUIET = {**ALARM, "AlarmActions": []}
COMPOSITE = {
    "AlarmName": "all",
    "AlarmArn": f"arn:aws:cloudwatch:{HOME}:{ACCOUNT}:alarm:all",
    "AlarmRule": 'ALARM("changes") OR ALARM("other")',
    "ActionsEnabled": True,
    "AlarmActions": [TOPIC],
}
METRIC = {"Metric": {"Namespace": "Audit", "MetricName": "Changes", "Dimensions": []}, "Period": 60, "Stat": "Sum"}
MATHS = {
    key: value
    for key, value in ALARM.items()
    if key not in {"MetricName", "Namespace", "Statistic", "Dimensions", "Period"}
}


def queries(expression: str) -> list[dict[str, Any]]:
    other = {**METRIC, "Metric": {**METRIC["Metric"], "MetricName": "Other"}}  # type: ignore[dict-item]  # the metric is an object
    return [
        {"Id": "m1", "MetricStat": METRIC, "ReturnData": False},
        {"Id": "m2", "MetricStat": other, "ReturnData": False},
        {"Id": "e", "Expression": expression, "ReturnData": True},
    ]


@pytest.mark.parametrize(
    ("alarms", "composites", "state"),
    [
        pytest.param([QUIET], [COMPOSITE], State.PASS, id="composite"),
        pytest.param([QUIET], [{**COMPOSITE, "AlarmRule": 'ALARM("changes") AND OK("x")'}], State.FAIL, id="and"),
        pytest.param([QUIET], [{**COMPOSITE, "ActionsSuppressor": "x"}], State.NOT_ASSESSED, id="suppressor"),
        pytest.param([{**MATHS, "Metrics": queries("SUM(METRICS())")}], [], State.PASS, id="sum"),
        pytest.param([{**MATHS, "Metrics": queries("m1 + FILL(m2, 0)")}], [], State.PASS, id="plus-fill"),
        pytest.param([{**MATHS, "Metrics": queries("FILL(SUM([m1,m2]),0)")}], [], State.PASS, id="fill-sum"),
        pytest.param([{**MATHS, "Metrics": queries("m2")}], [], State.FAIL, id="another-metric"),
        pytest.param([{**MATHS, "Metrics": queries("IF(m1 > 3, m1, 0)")}], [], State.NOT_ASSESSED, id="condition"),
        pytest.param([{**MATHS, "Metrics": queries("FILL(m1, 5)")}], [], State.NOT_ASSESSED, id="fill-with-five"),
        pytest.param([{**MATHS, "Metrics": queries("m1")[:1]}], [], State.NOT_ASSESSED, id="nothing-returned"),
        pytest.param([{**MATHS, "EvaluationCriteria": {}}], [], State.NOT_ASSESSED, id="no-metric-at-all"),
    ],
)
def test_composite_alarms_and_metric_maths(alarms: list[Any], composites: list[Any], state: State) -> None:
    result = world(PRINTED[CLOUDTRAIL], alarms=alarms, composites=composites).judge(CLOUDTRAIL)
    assert result.state is state, reasons(result)


def test_an_older_edition_judges_by_its_own_names() -> None:
    names = ["AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"]
    here = world("{ " + " || ".join(f"$.eventName = {name}" for name in names) + " }")
    assert here.judge("monitor-security-group-changes").state is State.FAIL
    assert here.judge("monitor-security-group-changes", events=names).state is State.PASS


def test_a_rule_in_each_region_counts_as_an_alternative_detector() -> None:
    pattern = json.dumps({"detail": {"eventName": catalog().controls[CLOUDTRAIL].parameters["events"]}})
    rule = {"Name": "r", "State": "ENABLED", "EventPattern": pattern, "EventBusName": "default"}
    statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish"}
    here = (
        world()
        .says("events:ListRules", {"Rules": [rule]})
        .says("events:ListTargetsByRule", {"Targets": [{"Id": "1", "Arn": TOPIC}]}, Rule="r")
        .says(
            "sns:GetTopicAttributes",
            {"Attributes": {"Policy": json.dumps({"Statement": statement})}},
            region=HOME,
            TopicArn=TOPIC,
        )
    )
    result = here.judge(CLOUDTRAIL)
    assert result.state is State.PASS
    assert "alternative detector" in reasons(result)
    one = here.says("events:ListRules", {"Rules": []}, region=FAR)
    assert one.judge(CLOUDTRAIL).state is State.FAIL


def test_a_member_leaves_the_organization_to_its_management_account() -> None:
    control = "monitor-organizations-changes"
    member = world(PRINTED[control]).says(
        "organizations:DescribeOrganization", {"Organization": {"MasterAccountId": "444455556666"}}
    )
    assert member.judge(control).state is State.NOT_APPLICABLE
    assert (
        world(PRINTED[control]).lacks("organizations:DescribeOrganization").judge(control).state is State.NOT_APPLICABLE
    )


def test_the_organizations_trail_of_another_account_is_left_open() -> None:
    foreign = TRAIL.replace(ACCOUNT, "444455556666")
    group = TRAIL_ITEM["CloudWatchLogsLogGroupArn"].replace(ACCOUNT, "444455556666")  # type: ignore[attr-defined]  # an ARN
    item = {**TRAIL_ITEM, "TrailARN": foreign, "IsOrganizationTrail": True, "CloudWatchLogsLogGroupArn": group}
    member = (
        world()
        .says("cloudtrail:DescribeTrails", {"trailList": [item]})
        .refuses("cloudtrail:GetTrailStatus", region=HOME, Name=foreign)
        .refuses("cloudtrail:GetEventSelectors", region=HOME, TrailName=foreign)
    )
    result = member.judge(CLOUDTRAIL)
    assert result.state is State.NOT_ASSESSED
    assert "444455556666" in reasons(result)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_hostile_values_never_break_the_judgement(data: st.DataObject) -> None:
    here = world(PRINTED[CLOUDTRAIL], composites=[COMPOSITE])
    key = data.draw(st.sampled_from(sorted(here.answers)))
    call, said = here.answers[key]
    result = _answering(here, key, call, said, _spoil(copy.deepcopy(said.pages), data)).judge(CLOUDTRAIL)
    assert result.state in set(State)
    assert all(item.reason for item in result.results)

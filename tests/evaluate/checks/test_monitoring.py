"""Monitoring controls over evidence: the same chain that plain values test, read from AWS answers."""

import copy
import json
from dataclasses import replace
from typing import Any

import botocore.session
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.evaluate.checks import target_facts
from auditor.evaluate.checks.alarm_facts import HARMLESS
from auditor.evaluate.engine import evaluate
from auditor.evidence.world import held
from auditor.model import State
from auditor.monitoring.patterns.truth import MAX_REQUESTS, TEST_FILTER
from tests.evaluate.checks.test_every_control import _answering, _spoil
from tests.evaluate.kit import ACCOUNT, FAR, HOME, World, ago, catalog, judge_together, reasons
from tests.monitoring.patterns.published import PRINTED

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
        .says("cloudwatch:ListAlarmMuteRules", {"AlarmMuteRuleSummaries": []}, region=HOME)
        .says("oam:ListLinks", {"Items": []})
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


def selecting(*selectors: dict[str, dict[str, list[str]]]) -> World:
    """A world in which the KMS control has its filter, with these advanced selectors of management events."""
    found = [
        {"FieldSelectors": [{"Field": name, **test} for name, test in (MANAGEMENT | one).items()]} for one in selectors
    ]
    answer = {"TrailARN": TRAIL, "AdvancedEventSelectors": found}
    here = world(pattern_for("monitor-kms-key-disable-or-delete"))
    return here.says("cloudtrail:GetEventSelectors", answer, region=HOME, TrailName=TRAIL)


MANAGEMENT = {"eventCategory": {"Equals": ["Management"]}}
READS, WRITES = {"readOnly": {"Equals": ["true"]}}, {"readOnly": {"Equals": ["false"]}}
BUT_KMS = {"eventSource": {"NotEquals": ["kms.amazonaws.com"]}}


@pytest.mark.parametrize(
    ("selectors", "expected"),
    [
        pytest.param([READS, WRITES], State.PASS, id="all-of-it"),
        pytest.param([READS, {**WRITES, **BUT_KMS}], State.FAIL, id="no-writes-of-kms"),
        pytest.param([{**READS, **BUT_KMS}, WRITES], State.PASS, id="no-reads-of-kms"),
        pytest.param([READS, {**WRITES, **BUT_KMS}, {}], State.PASS, id="made-up-for"),
    ],
)
def test_reads_of_a_source_do_not_make_up_for_its_writes(selectors: list[Any], expected: State) -> None:
    assert selecting(*selectors).judge("monitor-kms-key-disable-or-delete").state is expected


def test_an_older_edition_judges_by_its_own_names() -> None:
    names = ["AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"]
    here = world("{ " + " || ".join(f"$.eventName = {name}" for name in names) + " }")
    assert here.judge("monitor-security-group-changes").state is State.FAIL
    assert here.judge("monitor-security-group-changes", events=names).state is State.PASS


def test_a_rule_in_each_region_counts_as_an_alternative_detector() -> None:
    here = ruled()
    result = here.judge(CLOUDTRAIL)
    assert result.state is State.PASS
    assert "alternative detector" in reasons(result)
    one = here.says("events:ListRules", {"Rules": []}, region=FAR)
    assert one.judge(CLOUDTRAIL).state is State.FAIL


def ruled() -> World:
    """Return a world in which a rule in each Region does what no filter does."""
    pattern = json.dumps({"detail": {"eventName": catalog().controls[CLOUDTRAIL].parameters["events"]}})
    rule = {"Name": "r", "State": "ENABLED", "EventPattern": pattern, "EventBusName": "default"}
    statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish"}
    attributes = {"Attributes": {"Policy": json.dumps({"Statement": statement})}}
    return (
        world()
        .says("events:ListRules", {"Rules": [rule]})
        .says("events:ListTargetsByRule", {"Targets": [{"Id": "1", "Arn": TOPIC}]}, Rule="r")
        .says("sns:GetTopicAttributes", attributes, region=HOME, TopicArn=TOPIC)
    )


SILENT: dict[str, Any] = {**ALARM, "AlarmName": "silent", "AlarmArn": f"{ALARM['AlarmArn']}-2", "AlarmActions": []}
COMPOSITE = {"AlarmName": "all", "AlarmRule": 'ALARM("silent")', "ActionsEnabled": True, "AlarmActions": [TOPIC]}
IRRELEVANT = {"organizations:DescribeOrganization", "oam:ListLinks", "cloudwatch:ListAlarmMuteRules"}
"""What can neither complete nor undo some of these chains, and is not asked for its own sake."""


@pytest.mark.parametrize(
    "right",
    [
        pytest.param(world(PRINTED[CLOUDTRAIL]), id="filter"),
        pytest.param(world("{ $.eventName = X }", PRINTED[CLOUDTRAIL], alarms=[SILENT, ALARM]), id="two"),
        pytest.param(world(PRINTED[CLOUDTRAIL], alarms=[SILENT], composites=[COMPOSITE]), id="composite"),
        pytest.param(ruled(), id="rules"),
    ],
)
def test_a_missing_answer_is_no_break(right: World) -> None:
    """Nothing that would have passed fails for what was not read, refused or broken off, nor passes by it."""
    assert right.weigh(CLOUDTRAIL).state is State.PASS
    for key, (call, said) in right.answers.items():
        if call.operation == "logs:DescribeMetricFilters" and call.region == FAR:
            continue  # never asked: there are no log groups that could have filters
        rest = tuple({name: [] if isinstance(one, list) else one for name, one in page.items()} for page in said.pages)
        for pages in ((), rest):
            gone = replace(said, pages=pages, error="AccessDenied", message="no")
            found = replace(right, answers={**right.answers, key: (call, gone)}).weigh(CLOUDTRAIL)
            allowed = {State.NOT_ASSESSED, State.PASS} if call.operation in IRRELEVANT else {State.NOT_ASSESSED}
            assert found.state in allowed, (call, reasons(found))


def test_controls_that_share_what_was_read_come_to_what_each_comes_to_alone() -> None:
    """Whatever is missing, refused or of another form counts for each of them, with the same grounds."""
    right, operations = world(PRINTED[CLOUDTRAIL]), catalog().operations
    names = (CLOUDTRAIL, "monitor-root-usage")
    control = catalog().controls[CLOUDTRAIL]
    for key, (call, said) in right.answers.items():
        for hurt in (
            replace(said, pages=(), error="AccessDenied", message="no"),
            replace(said, pages=({"Strange": 1},)),
        ):
            answers = {**right.answers, key: (call, hurt)}
            evidence = held(
                {ACCOUNT: replace(right, answers=answers)}, (*control.evidence, *control.consults), operations
            )
            together = {one.control.id: one for one in evaluate(evidence, catalog(), control_ids=names).controls}
            for name in names:
                (alone,) = evaluate(evidence, catalog(), control_ids=[name]).controls
                assert together[name].results == alone.results, (name, call)


ELSEWHERE = f"arn:aws:sns:{FAR}:{ACCOUNT}:others"


@pytest.mark.parametrize(
    ("broken", "operation", "region"),
    [
        pytest.param(world(), "sns:ListSubscriptionsByTopic", FAR, id="no-filter-and-another-topic"),
        pytest.param(world(), "sns:GetTopicAttributes", FAR, id="no-filter-and-another-topics-policy"),
        pytest.param(world(), "logs:DescribeMetricFilters", FAR, id="no-filter-and-another-region"),
        pytest.param(world(), "events:ListRules", FAR, id="no-filter-and-rules-of-one-region"),
        pytest.param(world(), "cloudtrail:GetTrailStatus", HOME, id="no-filter-and-the-trails-status"),
        pytest.param(world(PRINTED[CLOUDTRAIL], alarms=[SILENT]), "sns:ListTopics", FAR, id="silent-alarm-and-topics"),
        pytest.param(
            world(PRINTED[CLOUDTRAIL], alarms=[SILENT]),
            "cloudwatch:ListAlarmMuteRules",
            HOME,
            id="silent-alarm-and-mutes",
        ),
    ],
)
def test_a_proven_break_outlives_an_answer_that_could_not_mend_it(broken: World, operation: str, region: str) -> None:
    """One topic, Region or list that refuses does not hide what the others prove; what was missing is named."""
    here = (
        broken.says("sns:ListTopics", {"Topics": [{"TopicArn": ELSEWHERE}]}, region=FAR)
        .says("sns:GetTopicAttributes", {"Attributes": {"Policy": POLICY}}, region=FAR, TopicArn=ELSEWHERE)
        .says("sns:ListSubscriptionsByTopic", {"Subscriptions": []}, region=FAR, TopicArn=ELSEWHERE)
    )
    answers = {
        key: (call, replace(said, pages=(), error="AccessDenied", message="no"))
        for key, (call, said) in here.answers.items()
        if (call.operation, call.region) == (operation, region)
    }
    assert answers
    for found in (here.weigh(CLOUDTRAIL), replace(here, answers={**here.answers, **answers}).weigh(CLOUDTRAIL)):
        assert found.state is State.FAIL, reasons(found)


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


MUTE_ARN = f"arn:aws:cloudwatch:{HOME}:{ACCOUNT}:alarm-mute-rule:nightly"
MUTE_RULE = {
    "Name": "nightly",
    "AlarmMuteRuleArn": MUTE_ARN,
    "Rule": {"Schedule": {"Expression": "cron(0 2 * * *)", "Duration": "PT4H", "Timezone": "Europe/Berlin"}},
    "MuteTargets": {"AlarmNames": ["changes"]},
    "Status": "SCHEDULED",
}


def muted(**changes: Any) -> World:
    lists = {"AlarmMuteRuleSummaries": [{"AlarmMuteRuleArn": MUTE_ARN, "Status": "SCHEDULED"}]}
    return (
        world(PRINTED[CLOUDTRAIL])
        .says("cloudwatch:ListAlarmMuteRules", lists, region=HOME)
        .says("cloudwatch:GetAlarmMuteRule", {**MUTE_RULE, **changes}, region=HOME, AlarmMuteRuleName="nightly")
    )


@pytest.mark.parametrize(
    ("here", "state", "words"),
    [
        pytest.param(muted(), State.FAIL, "mute rule nightly", id="every-night"),
        pytest.param(muted(MuteTargets={"AlarmNames": ["other"]}), State.PASS, "", id="another-alarm"),
        pytest.param(muted(MuteTargets=None), State.NOT_ASSESSED, "which alarms", id="no-targets"),
        pytest.param(muted(ExpireDate=ago(days=1), Status="EXPIRED"), State.PASS, "", id="expired"),
        pytest.param(muted(Rule={}), State.NOT_ASSESSED, "documented form", id="malformed"),
        pytest.param(
            muted().refuses("cloudwatch:GetAlarmMuteRule", region=HOME, AlarmMuteRuleName="nightly"),
            State.NOT_ASSESSED,
            "cloudwatch:GetAlarmMuteRule",
            id="rule-refused",
        ),
        pytest.param(
            muted().refuses_all("cloudwatch:ListAlarmMuteRules"),
            State.NOT_ASSESSED,
            "cloudwatch:ListAlarmMuteRules",
            id="list-refused",
        ),
        pytest.param(
            muted().without("cloudwatch:GetAlarmMuteRule"), State.NOT_ASSESSED, "GetAlarmMuteRule", id="no-answer"
        ),
        pytest.param(
            muted().changed("cloudwatch:ListAlarmMuteRules", {}),
            State.NOT_ASSESSED,
            "cannot be understood",
            id="list-malformed",
        ),
    ],
)
def test_alarms_that_mute_rules_keep_back(here: World, state: State, words: str) -> None:
    result = here.judge(CLOUDTRAIL)
    assert result.state is state, reasons(result)
    assert words in reasons(result)


def test_without_mute_rules_a_control_that_fails_anyway_still_fails() -> None:
    here = world("{ $.eventName = Other }").refuses_all("cloudwatch:ListAlarmMuteRules").refuses_all("oam:ListLinks")
    assert here.judge(CLOUDTRAIL).state is State.FAIL


KEY = f"arn:aws:kms:{HOME}:{ACCOUNT}:key/1234"


def encrypted(
    name: str, principal: str = "cloudwatch.amazonaws.com", manager: str = "CUSTOMER", state: str = "Enabled"
) -> World:
    statement = {"Effect": "Allow", "Principal": {"Service": principal}, "Action": "kms:*", "Resource": "*"}
    alias = {"AliasName": "alias/alerts", "TargetKeyId": "1234"}
    return (
        world(PRINTED[CLOUDTRAIL])
        .says(
            "sns:GetTopicAttributes",
            {"Attributes": {"Policy": POLICY, "KmsMasterKeyId": name}},
            region=HOME,
            TopicArn=TOPIC,
        )
        .says("kms:ListKeys", {"Keys": []})
        .says("kms:ListKeys", {"Keys": [{"KeyId": "1234"}]}, region=HOME)
        .says("kms:ListAliases", {"Aliases": []})
        .says("kms:ListAliases", {"Aliases": [alias]}, region=HOME)
        .says(
            "kms:DescribeKey",
            {"KeyMetadata": {"KeyId": "1234", "Arn": KEY, "KeyManager": manager, "KeyState": state}},
            region=HOME,
            KeyId="1234",
        )
        .says("kms:GetKeyPolicy", {"Policy": json.dumps({"Statement": [statement]})}, region=HOME, KeyId="1234")
    )


@pytest.mark.parametrize(
    ("here", "state", "words"),
    [
        pytest.param(encrypted("alias/alerts"), State.PASS, "", id="alias"),
        pytest.param(encrypted(KEY.replace("key/1234", "alias/alerts")), State.PASS, "", id="arn-of-the-alias"),
        pytest.param(encrypted("1234"), State.PASS, "", id="id"),
        pytest.param(encrypted(KEY), State.PASS, "", id="arn"),
        pytest.param(encrypted("alias/aws/sns"), State.FAIL, "alias/aws/sns", id="aws-managed"),
        pytest.param(encrypted("1234", manager="AWS"), State.FAIL, "alias/aws/sns", id="aws-managed-by-its-id"),
        pytest.param(encrypted("1234", "events.amazonaws.com"), State.FAIL, "key", id="another-service"),
        pytest.param(encrypted("1234", state="Disabled"), State.FAIL, "key that is Disabled", id="disabled"),
        pytest.param(encrypted("1234", state="PendingDeletion"), State.FAIL, "PendingDeletion", id="pending-deletion"),
        pytest.param(
            encrypted("1234", state="Disabled").refuses_all("kms:GetKeyPolicy"),
            State.FAIL,
            "Disabled",
            id="disabled-alone",
        ),
        pytest.param(encrypted("alias/gone"), State.NOT_ASSESSED, "no key behind", id="alias-without-key"),
        pytest.param(
            encrypted(KEY.replace(ACCOUNT, "444455556666")), State.NOT_ASSESSED, "444455556666", id="key-elsewhere"
        ),
        pytest.param(
            encrypted("alias/alerts").refuses_all("kms:ListAliases"),
            State.NOT_ASSESSED,
            "kms:ListAliases",
            id="aliases-refused",
        ),
        pytest.param(
            encrypted("1234").refuses_all("kms:DescribeKey"), State.NOT_ASSESSED, "kms:DescribeKey", id="key-refused"
        ),
        pytest.param(
            encrypted("1234").refuses_all("kms:GetKeyPolicy"),
            State.NOT_ASSESSED,
            "kms:GetKeyPolicy",
            id="policy-refused",
        ),
        pytest.param(
            encrypted("1234").without("kms:GetKeyPolicy"), State.NOT_ASSESSED, "kms:GetKeyPolicy", id="no-answer"
        ),
        pytest.param(
            encrypted("1234").changed("kms:GetKeyPolicy", {"Policy": "{"}),
            State.NOT_ASSESSED,
            "is no JSON",
            id="policy-malformed",
        ),
    ],
)
def test_topics_with_a_key(here: World, state: State, words: str) -> None:
    result = here.judge(CLOUDTRAIL)
    assert result.state is state, reasons(result)
    assert words in reasons(result)


PROMQL = {
    "AlarmName": "prom",
    "ActionsEnabled": True,
    "AlarmActions": [TOPIC],
    "EvaluationCriteria": {"PromQLCriteria": {"Query": "up == 0"}},
    "EvaluationInterval": 60,
}


@pytest.mark.parametrize(
    ("alarm", "state", "words"),
    [
        pytest.param(PROMQL, State.NOT_ASSESSED, "PromQL", id="promql"),
        pytest.param({**ALARM, "EvaluationCriteria": {"New": {}}}, State.NOT_ASSESSED, "unknown kind", id="criteria"),
        pytest.param({**ALARM, "EvaluationWindow": {"New": {}}}, State.NOT_ASSESSED, "window", id="window-of-tomorrow"),
        pytest.param(
            {**ALARM, "EvaluationWindow": {"WallClockWindow": {"Timezone": "UTC"}}}, State.PASS, "", id="wall-clock"
        ),
        pytest.param({**ALARM, "EvaluationPeriods": 0}, State.NOT_ASSESSED, "", id="no-period"),
        pytest.param(
            {
                **ALARM,
                "StateValue": "INSUFFICIENT_DATA",
                "AlarmConfigurationUpdatedTimestamp": ago(minutes=10),
                "WarmUpConfiguration": {"WarmUpPeriodDurationInMinutes": 10**15},
            },
            State.NOT_ASSESSED,
            "",
            id="warm-up-beyond-time",
        ),
        pytest.param({**ALARM, "ThresholdMetricId": "ad1"}, State.NOT_ASSESSED, "anomaly", id="anomaly"),
        pytest.param({**ALARM, "ExtendedStatistic": "p99"}, State.NOT_ASSESSED, "percentile", id="percentile"),
        pytest.param({**ALARM, "EvaluationState": "EVALUATION_ERROR"}, State.FAIL, "has errors", id="error"),
        pytest.param({**ALARM, "EvaluationState": "PARTIAL_DATA"}, State.NOT_ASSESSED, "PARTIAL_DATA", id="partial"),
        pytest.param(
            {
                **ALARM,
                "StateValue": "INSUFFICIENT_DATA",
                "AlarmConfigurationUpdatedTimestamp": ago(minutes=10),
                "WarmUpConfiguration": {
                    "WarmUpPeriodDurationInMinutes": 60,
                    "OnlyStartEvaluatingAfterWarmUpPeriodEnds": True,
                },
            },
            State.FAIL,
            "warm-up",
            id="warming-up",
        ),
        pytest.param(
            {
                **ALARM,
                "StateValue": "INSUFFICIENT_DATA",
                "AlarmConfigurationUpdatedTimestamp": ago(minutes=10),
                "WarmUpConfiguration": {"WarmUpPeriodDurationInMinutes": 60},
            },
            State.NOT_ASSESSED,
            "warm-up",
            id="perhaps-warming-up",
        ),
        pytest.param(
            {
                **ALARM,
                "StateValue": "INSUFFICIENT_DATA",
                "AlarmConfigurationUpdatedTimestamp": ago(days=10),
                "WarmUpConfiguration": {"WarmUpPeriodDurationInMinutes": 60},
            },
            State.PASS,
            "",
            id="warm",
        ),
    ],
)
def test_alarms_of_today(alarm: dict[str, Any], state: State, words: str) -> None:
    result = world(PRINTED[CLOUDTRAIL], alarms=[alarm]).judge(CLOUDTRAIL)
    assert result.state is state, reasons(result)
    assert words in reasons(result)


def test_a_log_alarm_on_the_trails_group_leaves_it_open() -> None:
    query = {"QueryString": "filter eventName = 'StopLogging'", "LogGroupIdentifiers": ["trail"]}
    alarm = {
        "AlarmName": "query",
        "AlarmActions": [TOPIC],
        "ActionsEnabled": True,
        "ScheduledQueryConfiguration": query,
        "QueryResultsToAlarm": 1,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    found = {"MetricAlarms": [ALARM], "CompositeAlarms": [], "LogAlarms": [alarm]}
    here = world("{ $.eventName = Other }").says("cloudwatch:DescribeAlarms", found, region=HOME)
    result = here.judge(CLOUDTRAIL)
    assert result.state is State.NOT_ASSESSED
    assert "log alarm query" in reasons(result)


COMMON_FIELDS = frozenset(
    {"AlarmName", "AlarmArn", "ActionsEnabled", "AlarmActions", "StateValue", "StateUpdatedTimestamp"}
) | {"StateTransitionedTimestamp", "AlarmConfigurationUpdatedTimestamp"}
METRIC_FIELDS = COMMON_FIELDS | {
    "MetricName",
    "Namespace",
    "Statistic",
    "ExtendedStatistic",
    "Dimensions",
    "Period",
    "Unit",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
    "Metrics",
    "ThresholdMetricId",
    "EvaluationState",
    "EvaluationWindow",
    "WarmUpConfiguration",
    "EvaluationCriteria",
    "EvaluationInterval",
}
COMPOSITE_FIELDS = COMMON_FIELDS | {
    "AlarmRule",
    "ActionsSuppressedBy",
    "ActionsSuppressedReason",
    "ActionsSuppressor",
    "ActionsSuppressorWaitPeriod",
    "ActionsSuppressorExtensionPeriod",
}
LOG_FIELDS = COMMON_FIELDS | {
    "ScheduledQueryConfiguration",
    "QueryResultsToEvaluate",
    "QueryResultsToAlarm",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
    "EvaluationState",
    "WarmUpConfiguration",
}


@pytest.mark.parametrize(
    ("kind", "read"),
    [("MetricAlarm", METRIC_FIELDS), ("CompositeAlarm", COMPOSITE_FIELDS), ("LogAlarm", LOG_FIELDS)],
)
def test_every_field_of_an_alarm_is_judged_or_known_to_change_nothing(kind: str, read: frozenset[str]) -> None:
    fields = frozenset(botocore.session.get_session().get_service_model("cloudwatch").shape_for(kind).members)
    assert fields == read | (HARMLESS & fields)
    assert not read & HARMLESS


OTHER = "444455556666"


def test_two_accounts_of_a_run_are_joined() -> None:
    """The organization's trail, its filters, alarms and topic lie in the management account; a member sees none."""
    foreign, group = TRAIL.replace(ACCOUNT, OTHER), str(TRAIL_ITEM["CloudWatchLogsLogGroupArn"]).replace(ACCOUNT, OTHER)
    item = {**TRAIL_ITEM, "TrailARN": foreign, "IsOrganizationTrail": True, "CloudWatchLogsLogGroupArn": group}
    topic = TOPIC.replace(ACCOUNT, OTHER)
    owner = (
        world(PRINTED[CLOUDTRAIL], alarms=[{**ALARM, "AlarmActions": [topic]}])
        .says("cloudtrail:DescribeTrails", {"trailList": [item]})
        .says("cloudtrail:GetTrailStatus", STATUS, region=HOME, Name=foreign)
        .says("cloudtrail:GetEventSelectors", {**SELECTORS, "TrailARN": foreign}, region=HOME, TrailName=foreign)
        .says("sns:ListTopics", {"Topics": [{"TopicArn": topic}]}, region=HOME)
        .says(
            "sns:GetTopicAttributes",
            {"Attributes": {"Policy": POLICY.replace(ACCOUNT, OTHER)}},
            region=HOME,
            TopicArn=topic,
        )
        .says(
            "sns:ListSubscriptionsByTopic",
            {"Subscriptions": [{"SubscriptionArn": f"{topic}:1", "TopicArn": topic, "Protocol": "email"}]},
            region=HOME,
            TopicArn=topic,
        )
    )
    member = (
        world()
        .says("cloudtrail:DescribeTrails", {"trailList": [item]})
        .refuses("cloudtrail:GetTrailStatus", region=HOME, Name=foreign)
        .refuses("cloudtrail:GetEventSelectors", region=HOME, TrailName=foreign)
    )
    joined = {item.account: item for item in judge_together(CLOUDTRAIL, {ACCOUNT: member, OTHER: owner}).results}
    assert joined[ACCOUNT].state is State.PASS, joined[ACCOUNT].reason
    assert joined[OTHER].state is State.PASS, joined[OTHER].reason
    assert {citation.ref for citation in joined[ACCOUNT].evidence} & {
        citation.ref for citation in joined[OTHER].evidence
    }
    blind = owner.refuses_all("logs:DescribeMetricFilters")
    left_open = {item.account: item for item in judge_together(CLOUDTRAIL, {ACCOUNT: member, OTHER: blind}).results}
    assert left_open[ACCOUNT].state is State.NOT_ASSESSED
    assert OTHER in left_open[ACCOUNT].reason


SINK = f"arn:aws:oam:{HOME}:{OTHER}:sink/1"
LINK = {"Arn": f"arn:aws:oam:{HOME}:{ACCOUNT}:link/1", "SinkArn": SINK, "ResourceTypes": ["AWS::CloudWatch::Metric"]}


@pytest.mark.parametrize(
    ("attached", "state"),
    [
        pytest.param([{"LinkArn": LINK["Arn"]}], State.PASS, id="attached"),
        pytest.param([], State.FAIL, id="not-attached"),
    ],
)
def test_an_alarm_of_the_monitoring_account_counts_where_the_run_has_both(attached: list[Any], state: State) -> None:
    topic = TOPIC.replace(ACCOUNT, OTHER)
    query = {"Id": "m1", "AccountId": ACCOUNT, "MetricStat": METRIC, "ReturnData": True}
    monitoring = (
        world(alarms=[{**MATHS, "Metrics": [query], "AlarmActions": [topic]}])
        .says("cloudtrail:DescribeTrails", {"trailList": []})
        .says("sns:ListTopics", {"Topics": [{"TopicArn": topic}]}, region=HOME)
        .says(
            "sns:GetTopicAttributes",
            {"Attributes": {"Policy": POLICY.replace(ACCOUNT, OTHER)}},
            region=HOME,
            TopicArn=topic,
        )
        .says(
            "sns:ListSubscriptionsByTopic",
            {"Subscriptions": [{"SubscriptionArn": f"{topic}:1", "TopicArn": topic, "Protocol": "email"}]},
            region=HOME,
            TopicArn=topic,
        )
        .says("oam:ListSinks", {"Items": []})
        .says("oam:ListSinks", {"Items": [{"Arn": SINK}]}, region=HOME)
        .says("oam:ListAttachedLinks", {"Items": attached}, region=HOME, SinkIdentifier=SINK)
    )
    source = world(PRINTED[CLOUDTRAIL], alarms=[]).says("oam:ListLinks", {"Items": [LINK]}, region=HOME)
    both = {item.account: item for item in judge_together(CLOUDTRAIL, {ACCOUNT: source, OTHER: monitoring}).results}
    assert both[ACCOUNT].state is state, both[ACCOUNT].reason
    (alone,) = source.judge(CLOUDTRAIL).results
    assert alone.state is State.NOT_ASSESSED
    assert f"shared with account {OTHER}" in alone.reason


def test_a_pattern_that_aws_was_not_asked_about_is_named() -> None:
    here = world(PRINTED[CLOUDTRAIL])
    for number in range(MAX_REQUESTS):
        asked = {"filterPattern": f"{{ $.eventName = N{number} }}", "logEventMessages": ["{}"]}
        here = here.says(TEST_FILTER, {"matches": []}, region=HOME, **asked)
    (result,) = here.judge(CLOUDTRAIL).results
    assert result.state is State.PASS
    assert result.details["truth"]["not_asked"] == ["changes-0"]
    assert "at most 200 calls" in result.reason
    (fewer,) = (
        world(PRINTED[CLOUDTRAIL]).says(TEST_FILTER, {"matches": []}, region=HOME, **asked).judge(CLOUDTRAIL).results
    )
    assert "truth" not in fewer.details


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_hostile_values_never_break_the_judgement(data: st.DataObject) -> None:
    here = world(PRINTED[CLOUDTRAIL], composites=[COMPOSITE])
    key = data.draw(st.sampled_from(sorted(here.answers)))
    call, said = here.answers[key]
    result = _answering(here, key, call, said, _spoil(copy.deepcopy(said.pages), data)).judge(CLOUDTRAIL)
    assert result.state in set(State)
    assert all(item.reason for item in result.results)


TARGETS = frozenset(
    {target_facts.FUNCTION, target_facts.FUNCTION_POLICY, target_facts.CONCURRENCY, target_facts.MACHINE}
)


def test_whoever_follows_rules_to_functions_asks_for_all_that_decides_there() -> None:
    """What a check looks at and nobody asks for would leave a control open under some frameworks alone."""
    reads = {name: {*item.evidence, *item.consults} for name, item in catalog().controls.items()}
    following = [name for name, read in reads.items() if target_facts.CONCURRENCY in read]
    assert len(following) > 20
    assert {name: sorted(TARGETS - reads[name]) for name in following if TARGETS - reads[name]} == {}

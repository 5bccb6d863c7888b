"""What is right already is built upon: a metric, an alarm, a topic; and what is not is left as it is."""

from typing import Any, cast

import pytest

from auditor.monitoring.chain.alarms import judge_alarm
from auditor.monitoring.chain.facts import Alarm, Filter, Series
from auditor.monitoring.chain.link import State
from auditor.remedy.change import Finding, Remedy
from auditor.remedy.declared import Undeclared, declared
from auditor.remedy.known import Known
from auditor.remedy.plans.filters import patterns
from auditor.remedy.plans.monitors import monitor
from tests.remedy.kit import catalog

CONTROL = "monitor-security-group-changes"
REGION = "eu-central-1"
GROUP = "/aws/cloudtrail/trail"
ACCOUNT = "111122223333"
HEARD, UNHEARD = (f"arn:aws:sns:{REGION}:{ACCOUNT}:{name}" for name in ("heard", "unheard"))
PARAMETERS = catalog().controls[CONTROL].parameters
PRINTED, SECOND = patterns(CONTROL, PARAMETERS)
FILTER: dict[str, Any] = {
    "filterName": "theirs",
    "logGroupName": GROUP,
    "filterPattern": PRINTED.replace(" ", ""),
    "metricTransformations": [{"metricName": "groups", "metricNamespace": "Theirs", "metricValue": "1"}],
}
ALARM: dict[str, Any] = {
    "AlarmName": "theirs",
    "AlarmDescription": "of theirs",
    "ActionsEnabled": True,
    "AlarmActions": [HEARD],
    "OKActions": [UNHEARD],
    "InsufficientDataActions": [],
    "MetricName": "groups",
    "Namespace": "Theirs",
    "Statistic": "Sum",
    "Dimensions": [],
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 0,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}
OTHER = {**ALARM, "AlarmName": "another", "MetricName": "cpu"}
"""An alarm on something else, by which the topic is known."""


class Account:
    """What a pack says of filters, alarms and subscriptions of an account with one trail."""

    account, partition, regions, home, suffix = ACCOUNT, "aws", (REGION,), "us-east-1", "amazonaws.com"

    def __init__(self, filters: list[dict[str, Any]], alarms: list[dict[str, Any]]) -> None:
        arn = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/trail"
        group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}:*"
        trail = {"TrailARN": arn, "HomeRegion": REGION, "IsMultiRegionTrail": True, "CloudWatchLogsLogGroupArn": group}
        self.answers = {"cloudtrail:DescribeTrails": [trail], "logs:DescribeMetricFilters": filters}
        self.alarms = alarms

    def items(self, operation: str, _key: str, _region: str = "", **parameters: Any) -> list[dict[str, Any]]:
        if operation == "sns:ListSubscriptionsByTopic":
            confirmed = parameters["TopicArn"] == HEARD
            return [{"SubscriptionArn": f"{HEARD}:1" if confirmed else "PendingConfirmation"}]
        return self.answers[operation]

    def pages(self, operation: str, _region: str = "", **_: Any) -> tuple[Any, ...]:
        assert operation == "cloudwatch:DescribeAlarms"
        return ({"MetricAlarms": [*self.alarms, OTHER]},)

    def arn(self, service: str, region: str, rest: str) -> str:
        return f"arn:{self.partition}:{service}:{region}:{self.account}:{rest}"


def remedy(filters: list[dict[str, Any]], alarms: list[dict[str, Any]]) -> Remedy:
    found = Finding(CONTROL, "Title", "low", PARAMETERS, ACCOUNT, "aws", "global", ACCOUNT, "No.", ("EV-0001",))
    return monitor(found, cast("Known", Account(filters, alarms)))


def calls(found: Remedy) -> list[tuple[str, Any]]:
    return [(step.operation, dict(step.parameters)) for step in found.steps]


def test_a_second_filter_into_the_same_metric_is_all_that_a_right_chain_needs() -> None:
    ((operation, given),) = calls(remedy([FILTER], [ALARM]))
    assert operation == "PutMetricFilter"
    assert given["filterPattern"] == SECOND
    assert given["metricTransformations"] == FILTER["metricTransformations"]


def test_a_filter_that_covers_in_other_words_gets_the_printed_one_beside_it() -> None:
    names = " || ".join(f"($.eventName = {name})" for name in PARAMETERS["events"])
    covering = {**FILTER, "filterPattern": f"{{ ($.eventSource = ec2.amazonaws.com) && ({names}) }}"}
    assert [given["filterPattern"] for _, given in calls(remedy([covering], [ALARM]))] == [PRINTED, SECOND]


WRONG = [
    pytest.param({"Threshold": 5}, id="threshold"),
    pytest.param({"Statistic": "Average"}, id="statistic"),
    pytest.param({"ComparisonOperator": "LessThanThreshold"}, id="comparison"),
    pytest.param({"EvaluationPeriods": 3, "DatapointsToAlarm": 2}, id="two-of-three"),
    pytest.param({"TreatMissingData": "breaching"}, id="always-red"),
    pytest.param({"TreatMissingData": "ignore"}, id="red-for-good"),
    pytest.param({"Unit": "Seconds"}, id="unit"),
    pytest.param({"Period": 86400}, id="a-day-late"),
    pytest.param({"ActionsEnabled": False}, id="silenced"),
    pytest.param({"AlarmActions": [UNHEARD]}, id="unheard"),
    pytest.param({"AlarmActions": []}, id="no-action"),
]


@pytest.mark.parametrize("change", WRONG)
def test_an_alarm_that_is_wrong_is_changed_where_it_is_wrong(change: dict[str, Any]) -> None:
    (_, (operation, given)) = calls(found := remedy([FILTER], [{**ALARM, **change}]))
    assert operation == "PutMetricAlarm"
    kept = ("AlarmName", "AlarmDescription", "OKActions", "MetricName", "Namespace")
    assert {name: given[name] for name in kept} == {name: ALARM[name] for name in kept}
    assert given["ActionsEnabled"]
    assert HEARD in given["AlarmActions"]
    assert set(change.get("AlarmActions", [])) <= set(given["AlarmActions"])
    assert judged(given) is State.OK
    (undone,) = (step.parameters for step in found.undo if step.operation == "PutMetricAlarm")
    assert {name: undone[name] for name in change if change[name]} == {name: it for name, it in change.items() if it}
    with pytest.raises(Undeclared, match="changes what exists"):
        declared(found, template=True)


def judged(given: dict[str, Any]) -> State:
    one = Filter("theirs", GROUP, REGION, PRINTED, "Theirs", "groups")
    alarm = Alarm(
        given["AlarmName"],
        "arn",
        REGION,
        (Series("Theirs", "groups", (), given.get("Unit", "")),),
        statistic=given["Statistic"],
        period=given["Period"],
        threshold=given["Threshold"],
        comparison=given["ComparisonOperator"],
        periods=given["EvaluationPeriods"],
        datapoints=given.get("DatapointsToAlarm", given["EvaluationPeriods"]),
        missing_data=given["TreatMissingData"],
    )
    return judge_alarm(one, alarm)[0]


@pytest.mark.parametrize(
    "change",
    [{"Dimensions": [{"Name": "Host", "Value": "one"}]}, {"Metrics": [{"Id": "m1"}]}, {"MetricName": "other"}],
)
def test_an_alarm_on_something_else_is_left_alone_and_one_on_the_metric_is_made(change: dict[str, Any]) -> None:
    (_, (operation, given)) = calls(remedy([FILTER], [{**ALARM, **change}]))
    assert (operation, given["AlarmName"]) == ("PutMetricAlarm", "auditor-security-group-changes")
    assert (given["Namespace"], given["MetricName"]) == ("Theirs", "groups")


@pytest.mark.parametrize(
    "change",
    [
        {"logGroupName": "another"},
        {"fieldSelectionCriteria": '@aws.account = "1"'},
        {"applyOnTransformedLogs": True},
        {"filterPattern": "{ $.eventName = CreateSecurityGroup }"},
        {"filterPattern": "{ broken"},
        {"metricTransformations": [{**FILTER["metricTransformations"][0], "metricValue": "$.size"}]},
        {"metricTransformations": [{**FILTER["metricTransformations"][0], "dimensions": {"Who": "$.who"}}]},
        {"metricTransformations": [{**FILTER["metricTransformations"][0], "defaultValue": 1.0}]},
    ],
)
def test_a_filter_that_is_not_right_is_left_alone_and_the_chain_is_our_own(change: dict[str, Any]) -> None:
    found = calls(remedy([{**FILTER, **change}], [ALARM]))
    assert [operation for operation, _ in found] == ["PutMetricFilter", "PutMetricFilter", "PutMetricAlarm"]
    assert {given.get("Namespace", "Auditor") for _, given in found} == {"Auditor"}


def test_where_nothing_is_lacking_the_chain_is_our_own() -> None:
    whole = [FILTER, {**FILTER, "filterName": "second", "filterPattern": SECOND}]
    assert [operation for operation, _ in calls(remedy(whole, [ALARM]))][-1] == "PutMetricAlarm"
    assert calls(remedy(whole, [ALARM]))[-1][1]["MetricName"] == "auditor-security-group-changes"

"""Infrastructure code as the source of filters, alarms and rules."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.base.errors import UsageError
from auditor.monitoring.chain.link import State
from auditor.monitoring.infrastructure.account import Infrastructure
from auditor.monitoring.infrastructure.cloudformation import read_cloudformation
from auditor.monitoring.infrastructure.terraform import read_plan, read_terraform
from tests.monitoring.patterns.catalogue import requirement
from tests.monitoring.patterns.published import PRINTED

CONTROL = "monitor-cloudtrail-changes"
PATTERN = PRINTED[CONTROL]


def state(found: Infrastructure) -> State:
    return found.detect(requirement(CONTROL)).state


TEMPLATE = f"""
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Namespace: {{Type: String, Default: Audit}}
Resources:
  Alerts:
    Type: AWS::SNS::Topic
  Changes:
    Type: AWS::Logs::MetricFilter
    Properties:
      LogGroupName: !Ref TrailGroup
      FilterPattern: >-
        {PATTERN}
      MetricTransformations:
        - MetricNamespace: !Ref Namespace
          MetricName: !Sub "${{Namespace}}-changes"
          MetricValue: "1"
  ChangesAlarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: !Ref Namespace
      MetricName: !Join ["-", [!Ref Namespace, changes]]
      Statistic: Sum
      Period: 300
      EvaluationPeriods: 1
      Threshold: 1
      ComparisonOperator: GreaterThanOrEqualToThreshold
      AlarmActions: [!Ref Alerts]
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("", "", State.OK, id="right"),
        pytest.param("= StopLogging", "= StopLoging", State.BROKEN, id="misspelt"),
        pytest.param("AlarmActions: [!Ref Alerts]", "ActionsEnabled: true", State.BROKEN, id="no-action"),
        pytest.param("[!Ref Alerts]", "[!ImportValue alerts]", State.OK, id="topic-elsewhere"),
        pytest.param("[!Ref Alerts]", "[!Ref Alerts]\n      ActionsEnabled: false", State.BROKEN, id="off"),
        pytest.param("Threshold: 1", "Threshold: 10", State.BROKEN, id="threshold"),
        pytest.param("[!Ref Namespace, changes]", "[!Ref Namespace, change]", State.BROKEN, id="metric-name"),
        pytest.param(
            "SNS::Topic", "SNS::Topic\n    Properties: {KmsMasterKeyId: alias/aws/sns}", State.BROKEN, id="key"
        ),
    ],
)
def test_a_template_is_judged(old: str, new: str, expected: State) -> None:
    assert state(read_cloudformation(TEMPLATE.replace(old, new) if old else TEMPLATE)) is expected


def test_a_template_in_json_means_the_same() -> None:
    alarm = {
        "Namespace": "A",
        "MetricName": "m",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1,
    }
    template = {
        "Resources": {
            "F": {
                "Type": "AWS::Logs::MetricFilter",
                "Properties": {
                    "LogGroupName": "g",
                    "FilterPattern": PATTERN,
                    "MetricTransformations": [{"MetricNamespace": "A", "MetricName": "m", "MetricValue": "1"}],
                },
            },
            "Child": {
                "Type": "AWS::CloudWatch::Alarm",
                "Properties": {**alarm, "Threshold": 1, "ComparisonOperator": "GreaterThanOrEqualToThreshold"},
            },
            "All": {
                "Type": "AWS::CloudWatch::CompositeAlarm",
                "Properties": {"AlarmRule": {"Fn::Sub": "ALARM(${Child})"}, "AlarmActions": [{"Ref": "T"}]},
            },
            "T": {"Type": "AWS::SNS::Topic"},
        }
    }
    assert state(read_cloudformation(json.dumps(template))) is State.OK


def test_a_rule_in_code_is_an_alternative() -> None:
    events = list(requirement(CONTROL).events)
    template = {
        "Resources": {
            "R": {
                "Type": "AWS::Events::Rule",
                "Properties": {
                    "EventPattern": {"detail": {"eventName": events}},
                    "Targets": [{"Arn": {"Fn::GetAtt": ["Fn", "Arn"]}, "Id": "1"}],
                },
            }
        }
    }
    found = read_cloudformation(json.dumps(template)).detect(requirement(CONTROL))
    assert found.state is State.OK
    assert "alternative" in found.reason


MAIN = """
locals { namespace = "Audit" }
variable "threshold" { default = 1 }
resource "aws_sns_topic" "alerts" { name = "alerts" }  # who is told
resource "aws_cloudwatch_log_metric_filter" "changes" {
  name           = "changes"
  log_group_name = aws_cloudwatch_log_group.trail.name
  pattern        = <<-EOT
    %s
  EOT
  metric_transformation {
    name      = "${local.namespace}-changes"
    namespace = local.namespace
    value     = "1"
  }
}
resource "aws_cloudwatch_metric_alarm" "changes" {
  alarm_name          = "changes"
  metric_name         = aws_cloudwatch_log_metric_filter.changes.metric_transformation[0].name
  namespace           = local.namespace
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = var.threshold
  comparison_operator = "GreaterThanOrEqualToThreshold"
  alarm_actions       = [aws_sns_topic.alerts.arn]
}
"""
LITERAL = MAIN.replace("aws_cloudwatch_log_metric_filter.changes.metric_transformation[0].name", '"Audit-changes"')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(LITERAL % PATTERN, State.OK, id="right"),
        pytest.param(LITERAL % "{ $.eventName = DeleteTrail }", State.BROKEN, id="one-name"),
        pytest.param((LITERAL % PATTERN).replace("default = 1", "default = 9"), State.BROKEN, id="threshold"),
        pytest.param(
            (LITERAL % PATTERN).replace("[aws_sns_topic.alerts.arn]", "[var.topic]"), State.OK, id="topic-elsewhere"
        ),
        pytest.param((LITERAL % PATTERN).replace("[aws_sns_topic.alerts.arn]", "[]"), State.BROKEN, id="no-action"),
    ],
)
def test_terraform_files_are_judged(text: str, expected: State) -> None:
    assert state(read_terraform({"main.tf": text})) is expected


def test_terraform_rules_with_jsonencode_and_targets() -> None:
    events = json.dumps(list(requirement(CONTROL).events))
    text = f"""
    resource "aws_cloudwatch_event_rule" "r" {{
      event_pattern = jsonencode({{ detail = {{ eventName = {events}, "eventType" : ["AwsApiCall"] }} }})
    }}
    resource "aws_cloudwatch_event_target" "t" {{
      rule = aws_cloudwatch_event_rule.r.name
      arn  = aws_sns_topic.alerts.arn
    }}
    """
    assert state(read_terraform({"a.tf": text})) is State.OK
    assert state(read_terraform({"a.tf": text.replace("event_target", "other")})) is State.BROKEN


def test_what_code_does_not_tell_is_said() -> None:
    unknown = LITERAL.replace("<<-EOT\n    %s\n  EOT", 'join("", var.parts)')
    found = read_terraform({"main.tf": unknown + 'module "more" { source = "./more" }'})
    assert any("not known" in note for note in found.notes)
    assert any("module more" in note for note in found.notes)
    assert any("subscribers to confirm" in note for note in found.notes)


def plan(**alarm: Any) -> str:
    resources = [
        {
            "address": "module.m.aws_cloudwatch_log_metric_filter.f[0]",
            "type": "aws_cloudwatch_log_metric_filter",
            "values": {
                "name": "f",
                "pattern": PATTERN,
                "log_group_name": "g",
                "metric_transformation": [{"name": "m", "namespace": "A", "value": "1", "default_value": "0"}],
            },
        },
        {
            "address": "module.m.aws_cloudwatch_metric_alarm.a",
            "type": "aws_cloudwatch_metric_alarm",
            "values": {
                "alarm_name": "a",
                "metric_name": "m",
                "namespace": "A",
                "statistic": "Sum",
                "period": 300,
                "evaluation_periods": 1,
                "threshold": 1,
                "comparison_operator": "GreaterThanOrEqualToThreshold",
                **alarm,
            },
        },
    ]
    expressions = {"alarm_actions": {"references": ["aws_sns_topic.t.arn", "aws_sns_topic.t"]}}
    configured = [{"address": "aws_cloudwatch_metric_alarm.a", "expressions": expressions}]
    return json.dumps(
        {
            "planned_values": {"root_module": {"child_modules": [{"address": "module.m", "resources": resources}]}},
            "configuration": {"root_module": {"module_calls": {"m": {"module": {"resources": configured}}}}},
        }
    )


def test_a_plan_is_judged_with_what_is_known_after_apply() -> None:
    assert state(read_plan(plan())) is State.OK
    assert state(read_plan(plan(alarm_actions=[]))) is State.BROKEN
    assert state(read_plan(plan(evaluation_periods=2))) is State.BROKEN


def test_metric_maths_in_a_plan() -> None:
    query = [
        {"id": "e", "expression": "FILL(m1, 0)", "return_data": True},
        {"id": "m1", "metric": [{"metric_name": "m", "namespace": "A", "period": 300, "stat": "Sum"}]},
    ]
    assert state(read_plan(plan(metric_query=query))) is State.OK


def test_an_invalid_pattern_is_named_with_its_place() -> None:
    found = read_terraform({"main.tf": LITERAL % "{ $.eventName == x }"})
    assert found.invalid == (
        "aws_cloudwatch_log_metric_filter.changes: == is no comparison; write = once (character 16)",
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "Resources: 5",
        "a: &a [*a]",
        "a: &a 1\nResources: {b: *a}",
        "{",
        "!!python/object:os.system {}",
        "[" * 5000,
    ],
)
def test_no_template_is_one_message(text: str) -> None:
    with pytest.raises(UsageError):
        read_cloudformation(text)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"planned_values": 5}', "x", "[" * 100_000])
def test_no_plan_is_one_message(text: str) -> None:
    with pytest.raises(UsageError):
        read_plan(text)


@pytest.mark.parametrize("text", ['resource "a" "b" {', "a = [1,", 'a = "x', "= 5", "a = <<E\nx", "a {" * 500])
def test_no_hcl_names_file_and_line(text: str) -> None:
    with pytest.raises(UsageError, match=r"main\.tf:\d+: "):
        read_terraform({"main.tf": text})


def test_a_folder_without_code_is_refused() -> None:
    with pytest.raises(UsageError, match=r"no \*\.tf files"):
        read_terraform({})


@settings(deadline=None)
@given(st.text('resource "a={}[]()<\n#$%x,.:/*5-', max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read_terraform({"main.tf": text})
    except UsageError:
        return


@settings(deadline=None)
@given(st.text('{}[]!&*:- \n"aRsouce,', max_size=60))
def test_any_template_is_read_or_refused(text: str) -> None:
    try:
        read_cloudformation(text)
    except UsageError:
        return


MUTE = """
  Nightly:
    Type: AWS::CloudWatch::AlarmMuteRule
    Properties:
      Rule: {Schedule: {Expression: "%s", Duration: PT2H}}
      MuteTargets: {AlarmNames: [%s]}
"""


@pytest.mark.parametrize(
    ("expression", "names", "expected"),
    [
        pytest.param("cron(0 2 * * *)", "!Ref ChangesAlarm", State.BROKEN, id="every-night"),
        pytest.param("cron(0 2 * * *)", "other", State.OK, id="another-alarm"),
        pytest.param("at(2026-12-24T00:00)", "!Ref ChangesAlarm", State.OK, id="once-ahead"),
        pytest.param("cron(0 2 * * *)", "!ImportValue alarm", State.UNKNOWN, id="name-not-known"),
    ],
)
def test_a_mute_rule_of_a_template_keeps_alarms_back(expression: str, names: str, expected: State) -> None:
    assert state(read_cloudformation(TEMPLATE + MUTE % (expression, names))) is expected


def test_a_mute_rule_of_terraform_keeps_alarms_back() -> None:
    mute = """
resource "aws_cloudwatch_alarm_mute_rule" "nightly" {
  name = "nightly"
  rule {
    schedule {
      expression = "cron(0 2 * * *)"
      duration   = "PT2H"
    }
  }
  mute_targets { alarm_names = [%s] }
}
"""
    for names, expected in (
        ("aws_cloudwatch_metric_alarm.changes.alarm_name", State.BROKEN),
        ('"changes"', State.BROKEN),
        ('"other"', State.OK),
    ):
        assert state(read_terraform({"main.tf": LITERAL % PATTERN + mute % names})) is expected


def test_that_a_key_of_ones_own_lets_cloudwatch_in_is_taken_for_granted_in_a_note() -> None:
    text = TEMPLATE.replace("SNS::Topic", "SNS::Topic\n    Properties: {KmsMasterKeyId: alias/own}")
    found = read_cloudformation(text)
    assert state(found) is State.OK
    assert any("Keys of topics" in note for note in found.notes)
    assert not any("Keys of topics" in note for note in read_cloudformation(TEMPLATE).notes)

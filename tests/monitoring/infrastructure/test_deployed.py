"""Policies of topics name accounts, Regions, topics and rules by hand, and mean those of the deployment."""

from pathlib import Path

import pytest

from auditor.monitoring.chain.link import State
from auditor.monitoring.infrastructure.account import Infrastructure
from auditor.monitoring.infrastructure.cloudformation import read_cloudformation
from auditor.monitoring.infrastructure.deployed import TAKEN
from auditor.monitoring.infrastructure.terraform import read_terraform
from tests.monitoring.infrastructure.code import MAIN, folder, state

OWN = '"arn:aws:sns:${data.aws_region.r.name}:${data.aws_caller_identity.me.account_id}:alerts"'
ALARMS = '"arn:aws:cloudwatch:${var.region}:${data.aws_caller_identity.me.account_id}:alarm:*"'
RULE = """
resource "aws_cloudwatch_event_rule" "changes" {
  name = "changes"
  event_pattern = jsonencode({ source = ["aws.cloudtrail"] })
}
resource "aws_cloudwatch_event_target" "topic" {
  rule = aws_cloudwatch_event_rule.changes.name
  arn = aws_sns_topic.alerts.arn
}
"""


def policy(
    resource: str = "aws_sns_topic.alerts.arn", key: str = "", value: str = "", service: str = "cloudwatch"
) -> str:
    condition = f'condition {{\n test = "ArnLike"\n variable = "{key}"\n values = [{value}]\n }}' if key else ""
    return f"""
data "aws_caller_identity" "me" {{}}
data "aws_region" "r" {{}}
provider "aws" {{
  region = "eu-west-1"
}}
variable "region" {{
  default = "eu-west-1"
}}
resource "aws_sns_topic_policy" "p" {{
  arn = aws_sns_topic.alerts.arn
  policy = data.aws_iam_policy_document.p.json
}}
data "aws_iam_policy_document" "p" {{
  statement {{
    actions = ["sns:Publish"]
    resources = [{resource}]
    principals {{
      type = "Service"
      identifiers = ["{service}.amazonaws.com"]
    }}
    {condition}
  }}
}}
"""


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param(policy(OWN), State.OK, id="topic-by-hand"),
        pytest.param(policy('"arn:aws:sns:eu-west-1:111122223333:alerts"'), State.OK, id="topic-by-text"),
        pytest.param(policy('"arn:aws:sns:*:*:al*"'), State.OK, id="topic-by-pattern"),
        pytest.param(policy(OWN.replace(":alerts", ":others")), State.BROKEN, id="another-topic"),
        pytest.param(policy(key="aws:SourceArn", value=ALARMS), State.OK, id="region-by-variable"),
        pytest.param(
            policy(key="aws:SourceArn", value=ALARMS.replace("${var.region}", "eu-west-1")), State.OK, id="text"
        ),
        pytest.param(
            policy(key="aws:SourceArn", value=ALARMS.replace("${var.region}", "us-east-2")),
            State.BROKEN,
            id="region-of-another-provider",
        ),
        pytest.param(
            policy(key="aws:SourceArn", value=ALARMS.replace("alarm:*", "alarm:other")),
            State.BROKEN,
            id="another-alarm",
        ),
        pytest.param(
            policy(key="aws:SourceArn", value=ALARMS).replace('default = "eu-west-1"', "type = string"),
            State.UNKNOWN,
            id="region-without-value",
        ),
    ],
)
def test_what_a_policy_names_by_hand_is_what_stands_for_it(more: str, expected: State, tmp_path: Path) -> None:
    assert state(read_terraform(folder(tmp_path, MAIN + more))) is expected


def test_a_variable_in_a_policy_has_the_value_that_it_was_given(tmp_path: Path) -> None:
    text = MAIN + policy(key="aws:SourceArn", value=ALARMS)
    folder(tmp_path, text, terraform_tfvars="").joinpath("terraform.tfvars").write_text('region = "us-east-2"\n')
    assert state(read_terraform(tmp_path)) is State.BROKEN
    assert state(read_terraform(tmp_path, ["region=eu-west-1"])) is State.OK


def test_that_an_account_in_a_policy_is_ones_own_is_said(tmp_path: Path) -> None:
    text = MAIN + policy(key="aws:SourceAccount", value='"111122223333"').replace("ArnLike", "StringEquals")
    code = read_terraform(folder(tmp_path, text))
    assert state(code) is State.OK
    assert TAKEN in Infrastructure(code).notes


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("", "", State.OK, id="its-arn"),
        pytest.param(".changes.arn", ".other.arn", State.BROKEN, id="another-rule"),
        pytest.param('name = "changes"', 'name_prefix = "changes-"', State.OK, id="a-name-that-aws-completes"),
    ],
)
def test_the_source_of_what_a_rule_sends_is_its_arn(old: str, new: str, expected: State, tmp_path: Path) -> None:
    only = policy(key="aws:SourceArn", value="aws_cloudwatch_event_rule.changes.arn", service="events").replace(
        old, new
    )
    other = (
        'resource "aws_cloudwatch_event_rule" "other" {\n  name = "other"\n  schedule_expression = "rate(1 day)"\n}\n'
    )
    topic = 'resource "aws_sns_topic" "alerts" {\n  name = "alerts"\n}\n'
    rule = RULE.replace(old, new) if old.startswith("name") else RULE
    assert state(read_terraform(folder(tmp_path, topic + rule + other + only))) is expected


KEY = """
resource "aws_kms_key" "sns" {
  description = "sns"
}
"""
LET_IN = """
resource "aws_kms_key_policy" "sns" {
  key_id = aws_kms_key.sns.id
  policy = jsonencode({
    Statement = [{
      Effect = "Allow", Principal = { Service = "cloudwatch.amazonaws.com" }, Action = "kms:*", Resource = "*"
    }]
  })
}
"""


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param("", State.BROKEN, id="the-policy-that-aws-gives"),
        pytest.param(LET_IN, State.OK, id="a-policy-apart"),
        pytest.param(LET_IN.replace("cloudwatch", "s3"), State.BROKEN, id="another-service"),
        pytest.param(LET_IN.replace("aws_kms_key.sns.id", "var.open"), State.UNKNOWN, id="perhaps-of-another-key"),
        pytest.param(LET_IN.replace("key_id", "count = var.number\n  key_id"), State.UNKNOWN, id="perhaps-no-policy"),
        pytest.param(LET_IN.replace('"kms:*"', "var.open"), State.UNKNOWN, id="an-open-policy"),
    ],
)
def test_a_key_lets_in_whom_its_policy_names_wherever_it_stands(more: str, expected: State, tmp_path: Path) -> None:
    text = MAIN.replace('name = "alerts"', 'name = "alerts"\n  kms_master_key_id = aws_kms_key.sns.arn')
    assert state(read_terraform(folder(tmp_path, text + KEY + more))) is expected


def test_a_template_names_its_topic_by_hand() -> None:
    text = """
Resources:
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [aws.cloudtrail]}
      Targets: [{Arn: !Ref Topic, Id: t}]
  Topic:
    Type: AWS::SNS::Topic
    Properties: {TopicName: alerts}
  Policy:
    Type: AWS::SNS::TopicPolicy
    Properties:
      Topics: [!Ref Topic]
      PolicyDocument:
        Statement:
          - Effect: Allow
            Principal: {Service: events.amazonaws.com}
            Action: sns:Publish
            Resource: !Sub "arn:aws:sns:${AWS::Region}:${AWS::AccountId}:alerts"
            Condition:
              ArnEquals: {aws:SourceArn: !GetAtt Rule.Arn}
"""
    assert state(read_cloudformation(text)) is State.OK
    assert state(read_cloudformation(text.replace("}:alerts", "}:others"))) is State.BROKEN

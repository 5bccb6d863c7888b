"""The pair catches every opening by our own checker, and may do what its code does, nothing else."""

import ast
import json
from pathlib import Path
from typing import Any, cast

import pytest

from auditor.evaluate.checks import remediation
from auditor.monitoring.patterns.coverage import World
from auditor.monitoring.patterns.delivery import detector_of_rule
from auditor.monitoring.patterns.openings import uncaught
from auditor.monitoring.patterns.pattern import matches, parse_rule
from auditor.remedy.change import Finding, Remedy
from auditor.remedy.closer import index
from auditor.remedy.declared import declared
from auditor.remedy.files import Form, files
from auditor.remedy.known import Known, Unknown
from auditor.remedy.plans.closing import NAME, PATTERN, TROUBLE, close_opened_rules, code
from auditor.remedy.proposal import Proposal

REGION = "eu-central-1"
ACCOUNT = "111122223333"


class Answers:
    """What a pack says of one Region's rules; of alarms it says nothing."""

    account, partition, regions, home, suffix = ACCOUNT, "aws", (REGION, "us-east-1"), "us-east-1", "amazonaws.com"

    def __init__(self, *rules: dict[str, Any]) -> None:
        self.rules = rules

    def items(self, operation: str, _key: str, _region: str = "", **_: Any) -> tuple[dict[str, Any], ...]:
        assert operation == "events:ListRules"
        return self.rules

    def pages(self, operation: str, _region: str = "", **_: Any) -> tuple[Any, ...]:
        raise Unknown(operation)

    def arn(self, service: str, region: str, rest: str) -> str:
        return f"arn:{self.partition}:{service}:{region}:{self.account}:{rest}"


def remedy(*rules: dict[str, Any], region: str = REGION, reason: str = "No rule.") -> Remedy:
    name = "opened-security-group-remediated"
    found = Finding(name, "A rule", "medium", {}, ACCOUNT, "aws", region, region, reason, ("EV-0001",))
    return close_opened_rules(found, cast("Known", Answers(*rules)))


def properties(kind: str) -> dict[str, Any]:
    (found,) = (item.template for item in declared(remedy(), template=True) if item.template_type == kind)
    return dict(found)


def test_the_pattern_misses_no_way_to_open_a_group() -> None:
    parsed = parse_rule(json.dumps(properties("AWS::Events::Rule")["EventPattern"]))
    detector = detector_of_rule(NAME, parsed, region=REGION, reads=False)
    left = uncaught([detector], World("aws", ACCOUNT, (REGION,)))
    assert (dict(left.missed), left.undecided) == ({}, ())


@pytest.mark.parametrize("name", PATTERN["detail"]["eventName"])
def test_the_pattern_takes_calls_that_succeeded_and_no_refused_one(name: str) -> None:
    pattern = parse_rule(json.dumps(PATTERN))
    record = {"eventSource": "ec2.amazonaws.com", "eventName": name}
    event = {"source": "aws.ec2", "detail-type": "AWS API Call via CloudTrail", "detail": record}
    assert matches(pattern, event)
    assert not matches(pattern, {**event, "detail": {**record, "errorCode": "Client.UnauthorizedOperation"}})


def test_the_role_may_do_what_the_code_calls_and_nothing_else() -> None:
    called = {
        node.func.attr
        for node in ast.walk(ast.parse(code()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if isinstance(node.func.value, ast.Name) and node.func.value.id in {"ec2", "sns"}
    } - {"get_paginator"}
    paged = {
        str(node.args[0].value)
        for node in ast.walk(ast.parse(code()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get_paginator"
        if isinstance(node.args[0], ast.Constant)
    }
    wanted = {name.replace("_", "").lower() for name in called | paged}
    statements = properties("AWS::IAM::RolePolicy")["PolicyDocument"]["Statement"]
    granted = {action for statement in statements for action in statement["Action"]}
    own = {"logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"}  # by Lambda, in the name of the role
    assert {action.split(":")[1].lower() for action in granted - own} == wanted
    (revoke,) = (item for item in statements if item["Action"] == ["ec2:RevokeSecurityGroupIngress"])
    assert revoke["Condition"] == {"Null": {f"aws:ResourceTag/{index.KEEP}": "true"}}
    assert revoke["Resource"] == [
        f"arn:aws:ec2:*:{ACCOUNT}:{kind}/*" for kind in ("security-group", "security-group-rule")
    ]


def test_the_role_is_the_same_whichever_region_it_is_made_for() -> None:
    roles = [
        {
            item.identity
            for item in declared(remedy(region=name), template=True)
            if item.block_type.startswith("aws_iam")
        }
        for name in (REGION, "us-east-1")
    ]
    assert roles[0] == roles[1]


def test_nothing_gets_lost_silently() -> None:
    function, target = properties("AWS::Lambda::Function"), properties("AWS::Events::Rule")["Targets"][0]
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{properties('AWS::SQS::Queue')['QueueName']}"
    assert function["DeadLetterConfig"]["TargetArn"] == target["DeadLetterConfig"]["Arn"] == queue
    alarm = properties("AWS::CloudWatch::Alarm")
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": properties("AWS::SQS::Queue")["QueueName"]}]
    assert alarm["AlarmActions"] == [function["Environment"]["Variables"]["TOPIC_ARN"]]


def test_what_is_deployed_is_the_code_that_is_tested() -> None:
    proposal = Proposal("a pack", "2026-11-02T06:00:00Z", (remedy(),), ())
    template = files(proposal, Form.CLOUDFORMATION)[f"{ACCOUNT}/{REGION}.template.json"]
    found = json.loads(template)
    (function,) = (item for item in found["Resources"].values() if item["Type"] == "AWS::Lambda::Function")
    mark, lines = function["Properties"]["Code"]["ZipFile"]["Fn::Join"]
    assert mark.join(lines) == code() == files(proposal, Form.TERRAFORM)[f"{ACCOUNT}/terraform/index.py"]
    assert found["Parameters"]["DryRun"]["Default"] == "true"
    assert function["Properties"]["Environment"]["Variables"]["DRY_RUN"] == {"Ref": "DryRun"}
    assert function["Properties"]["Handler"] == f"index.{index.handler.__name__}"


@pytest.mark.parametrize("words", TROUBLE)
def test_a_pair_beside_one_that_fails_would_close_nothing_and_is_not_proposed(words: str) -> None:
    assert words in Path(remediation.__file__).read_text()
    with pytest.raises(Unknown, match="trouble of its own"):
        remedy(reason=f"Something {words} in the period.")


def test_a_disabled_pair_is_enabled_and_an_enabled_one_is_left_alone() -> None:
    ours = {"Name": NAME, "State": "DISABLED", "EventPattern": json.dumps(PATTERN)}
    found = remedy(ours)
    assert [step.operation for step in found.steps] == ["EnableRule"]
    assert found.declares == ()
    for there in ({**ours, "State": "ENABLED"}, {**ours, "EventPattern": "{}"}):
        with pytest.raises(Unknown, match="has to be looked at"):
            remedy(there)

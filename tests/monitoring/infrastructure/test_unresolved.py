"""What a template leaves to the moment of deployment, or to a reader's guess, is never taken for good."""

import json
from pathlib import Path

import pytest

from auditor.base.errors import UsageError
from auditor.cli.pattern_code import read_code
from auditor.monitoring.chain.link import State
from auditor.monitoring.infrastructure.cloudformation import read_cloudformation
from tests.monitoring.infrastructure.code import PATTERN, answer, state
from tests.monitoring.infrastructure.test_cloudformation import TEMPLATE
from tests.monitoring.patterns.catalogue import requirement

WHOLE = (
    TEMPLATE.replace("Parameters:\n", "Parameters:\n  Stage: {Type: String}\n")
    + """
Conditions:
  Open: !Equals [!Ref Stage, prod]
  InText: !Equals [!Sub "x-${AWS::Region}", x-us-east-1]
  InPart: !Equals [!Select [0, !Split ["-", !Ref AWS::Region]], us]
  Stack: !Equals [!Sub "${AWS::StackName}-x", prod-x]
  Kinds: !Equals [1, true]
Mappings:
  M:
    a: {ns: Audit, ns2: Other, t: 1}
    b: {ns: Other, ns2: Audit, t: 1}
"""
)
LONG = "a" * 130
FOREIGN = "Principal: {Service: s3.amazonaws.com}, Action: 'sns:Publish', Resource: '*'"


def changed(*pairs: tuple[str, str]) -> str:
    text = WHOLE
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def with_value(line: str) -> str:
    """Give the alarm one more property."""
    return changed(("Statistic: Sum", f"Statistic: Sum\n      {line}"))


def with_resource(lines: str) -> str:
    return changed(("  Changes:\n", f"{lines}\n  Changes:\n"))


def with_names(of_filter: str, of_alarm: str) -> str:
    """Give filter and alarm one namespace each, and equal names of metrics."""
    return changed(
        ("MetricNamespace: !Ref Namespace", f"MetricNamespace: {of_filter}"),
        ("      Namespace: !Ref Namespace", f"      Namespace: {of_alarm}"),
        ('!Sub "${Namespace}-changes"', "changes"),
        ('!Join ["-", [!Ref Namespace, changes]]', "changes"),
    )


def with_key(key: str, more: str) -> str:
    topic = "    Type: AWS::SNS::Topic\n"
    return changed((topic, f"{topic}    Properties: {{KmsMasterKeyId: {key}}}\n{more}"))


def test_the_whole_template_is_covered() -> None:
    assert state(read_cloudformation(WHOLE)) is State.OK


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(with_value("Fn::Transform: {Name: AWS::Include}"), id="include-beside-properties"),
        pytest.param(with_value("Fn::ForEach::X: [A, [1], {ActionsEnabled: false}]"), id="loop-beside-properties"),
        pytest.param(f"Transform: MyMacro\n{WHOLE}", id="macro"),
        pytest.param(f"Transform: [AWS::LanguageExtensions, MyMacro]\n{WHOLE}", id="macro-among-others"),
        pytest.param(f"Transform: {{Name: AWS::Include}}\n{WHOLE}", id="include"),
        pytest.param(with_value("ActionsEnabled: '{{resolve:ssm:/x}}'"), id="dynamic-enabled"),
        pytest.param(changed(("Threshold: 1", "Threshold: '{{resolve:ssm:/x}}'")), id="dynamic-threshold"),
        pytest.param(changed(("Period: 300", "Period: !Sub '{{resolve:ssm:/${Namespace}}}'")), id="dynamic-in-sub"),
        pytest.param(
            changed(("EvaluationPeriods: 1", "EvaluationPeriods: '{{resolve:ssm:/x}}'")), id="dynamic-periods"
        ),
        pytest.param(changed((f">-\n        {PATTERN}", "'{{resolve:ssm:/x}}'")), id="dynamic-pattern"),
        pytest.param(with_names("'{{resolve:ssm:/x}}'", "'{{resolve:ssm:/y}}'"), id="two-dynamic-names"),
        pytest.param(with_names("!If [Open, A, B]", "!If [Open, C, D]"), id="names-by-one-condition"),
        pytest.param(with_names("!If [Open, A, B]", "!If [Open, B, A]"), id="names-the-other-way-round"),
        pytest.param(with_names("!FindInMap [M, !Ref Stage, ns]", "!FindInMap [M, !Ref Stage, ns2]"), id="one-map"),
        pytest.param(with_names("!Select [9, [a]]", "!Select [8, [b]]"), id="beyond-the-list"),
        pytest.param(with_names("!Cidr [a, 1]", "!Cidr [b, 1]"), id="function-that-is-not-evaluated"),
        pytest.param(with_names("!Foo a", "!Foo b"), id="function-that-there-is-not"),
        pytest.param(with_names("{Fn::Transform: {Name: A}}", "{Fn::Transform: {Name: B}}"), id="two-transforms"),
        pytest.param(with_names(f'!Sub "${{Stage}}{LONG}x"', f'!Sub "${{Stage}}{LONG}y"'), id="long-names"),
        pytest.param(with_names(f"!ImportValue {LONG}x", f"!ImportValue {LONG}y"), id="long-imports"),
        pytest.param(
            with_names(f"!Join ['', [!Ref Stage, {LONG}x]]", f"!Join ['', [!Ref Stage, {LONG}y]]"), id="long-joins"
        ),
        pytest.param(
            changed(("Threshold: 1", "Threshold: !FindInMap [M, !Ref Stage, t, {DefaultValue: 9}]")),
            id="default-of-a-map",
        ),
        pytest.param(with_value("ActionsEnabled: !If [InText, false, true]"), id="region-in-a-text"),
        pytest.param(with_value("ActionsEnabled: !If [InPart, false, true]"), id="part-of-the-region"),
        pytest.param(with_value("ActionsEnabled: !If [Stack, false, true]"), id="name-of-the-stack"),
        pytest.param(
            with_resource(
                "  P: {Type: 'AWS::SNS::TopicPolicy', Properties: {'Fn::Transform': {Name: 'AWS::Include'}}}"
            ),
            id="policy-by-include",
        ),
        pytest.param(
            with_resource(
                "  P: {Type: 'AWS::SNS::TopicPolicy', Properties: {Topics: [!Ref Stage], "
                f"PolicyDocument: {{Statement: [{{Effect: Allow, {FOREIGN}}}]}}}}}}"
            ),
            id="policy-of-an-open-topic",
        ),
        pytest.param(changed(("AWS::CloudWatch::Alarm", "My::Alarm::X::MODULE")), id="module"),
        pytest.param(changed(("AWS::CloudWatch::Alarm", "AWS::Serverless::Application")), id="nested-application"),
        pytest.param(with_value("ThresholdMetricId: band"), id="threshold-is-a-metric"),
    ],
)
def test_what_is_not_resolved_is_not_decided(text: str) -> None:
    assert state(read_cloudformation(text)) is State.UNKNOWN


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(with_value("ActionsEnabled: !If [Kinds, true, false]"), id="one-is-not-true"),
        pytest.param(with_value("ActionsEnabled: perhaps"), id="no-boolean"),
        pytest.param(changed(("EvaluationPeriods: 1", "EvaluationPeriods: one")), id="no-number"),
        pytest.param(changed(("[!Ref Alerts]", "[!GetAtt Alerts.TopicName]")), id="name-for-an-arn"),
        pytest.param(changed(("[!Ref Alerts]", "[Alerts]")), id="text-for-an-arn"),
        pytest.param(changed(("[!Ref Alerts]", "[!Ref Changes]")), id="filter-for-a-topic"),
        pytest.param(
            with_resource(
                "  P: {Type: 'AWS::SNS::TopicInlinePolicy', Properties: {TopicArn: !Ref Alerts, "
                f"PolicyDocument: {{Statement: [{{Effect: Allow, {FOREIGN}}}]}}}}}}"
            ),
            id="inline-policy",
        ),
        pytest.param(
            with_key("!Ref K", "  K: {Type: 'AWS::KMS::Key', Properties: {Enabled: false}}\n"), id="disabled-key"
        ),
        pytest.param(
            with_key(
                "!Ref N",
                "  N: {Type: 'AWS::KMS::Alias', Properties: {AliasName: alias/x, TargetKeyId: !Ref K}}\n"
                "  K: {Type: 'AWS::KMS::Key', Properties: {KeyPolicy: "
                f"{{Statement: [{{Effect: Allow, {FOREIGN}}}]}}}}}}\n",
            ),
            id="key-by-its-alias",
        ),
    ],
)
def test_what_aws_would_not_do_does_not_cover(text: str) -> None:
    assert state(read_cloudformation(text)) is State.BROKEN


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(
            changed(("Threshold: 1", "Threshold: 9\n      Threshold: 1")), "Threshold stands twice", id="twice"
        ),
        pytest.param(changed(("Threshold: 1", "<<: {Threshold: 1}")), "<< is a merge", id="merge"),
        pytest.param('{"Resources": {"A": {"Type": "x", "Type": "y"}}}', "Type stands twice", id="twice-in-json"),
        pytest.param(
            f"Parameters: {{P: {{Type: String, Default: {'x' * 2000}}}}}\n"
            "Resources:\n  A:\n    Type: AWS::CloudWatch::Alarm\n"
            f'    Properties: {{Namespace: !Sub "{"${P}" * 2000}"}}',
            "more than 1,000,000 characters",
            id="grows-without-end",
        ),
    ],
)
def test_what_cloudformation_does_not_take_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_cloudformation(text, "t.yaml")


def test_equal_names_of_two_stacks_are_not_equal(tmp_path: Path) -> None:
    """Parameters of two templates may be given two values, and one stack's topic is not the other's."""
    text = with_names("!Ref Stage", "!Ref Stage")
    head, filter_, alarm = text.partition("  Changes:\n")[0], "  Changes:\n", "  ChangesAlarm:\n"
    of_filter = f"{head}{filter_}{text.partition(filter_)[2].partition(alarm)[0]}"
    of_alarm = f"{head}{alarm}{text.partition(alarm)[2].partition('Conditions:')[0]}"
    assert state(read_cloudformation(text)) is State.OK
    (tmp_path / "one.yaml").write_text(of_filter)
    (tmp_path / "other.yaml").write_text(of_alarm)
    assert state(read_code(None, tmp_path, (), ())) is State.UNKNOWN


def test_eventbridge_needs_a_statement_in_the_policy_of_a_topic() -> None:
    pattern = {"detail": {"eventName": list(requirement("monitor-cloudtrail-changes").events)}}
    rule = {"Type": "AWS::Events::Rule", "Properties": {"EventPattern": pattern, "Targets": [{"Arn": {"Ref": "T"}}]}}
    found = answer(read_cloudformation(json.dumps({"Resources": {"T": {"Type": "AWS::SNS::Topic"}, "R": rule}})))
    assert found.state is State.UNKNOWN
    assert "policy of the topic T" in found.reason

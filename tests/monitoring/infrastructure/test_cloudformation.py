"""CloudFormation templates, judged before they are deployed."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from auditor.base.errors import UsageError
from auditor.monitoring.chain.link import State
from auditor.monitoring.infrastructure.account import Infrastructure
from auditor.monitoring.infrastructure.cloudformation import read_cloudformation
from tests.monitoring.infrastructure.code import CONTROL, PATTERN, answer, state
from tests.monitoring.patterns.catalogue import requirement

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
    found = answer(read_cloudformation(json.dumps(template)))
    assert found.state is State.OK
    assert "alternative" in found.reason


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


def notes(text: str) -> str:
    return " ".join(Infrastructure(read_cloudformation(text)).notes)


def test_that_a_key_of_ones_own_lets_cloudwatch_in_is_taken_for_granted_in_a_note() -> None:
    text = TEMPLATE.replace("SNS::Topic", "SNS::Topic\n    Properties: {KmsMasterKeyId: alias/own}")
    assert state(read_cloudformation(text)) is State.OK
    assert "Keys of topics" in notes(text)
    assert "Keys of topics" not in notes(TEMPLATE)


CONDITIONS = """
Conditions:
  Never: !Equals [a, b]
  Always: !Not [!Condition Never]
  Open: !Equals [!Ref Stage, prod]
  Both: !And [!Condition Always, !Condition Open]
  Either: !Or [!Condition Always, !Condition Open]
  Circle: !Not [!Condition Circle]
"""
PARAMETERS = """Parameters:
  Stage: {Type: String}
  Disabled: {Type: String, Default: "false"}
  Empty: {Type: String, Default: ""}"""
BASE = TEMPLATE.replace("Parameters:", PARAMETERS) + CONDITIONS


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("Alarm\n", "Alarm\n    Condition: Never\n", State.BROKEN, id="never"),
        pytest.param("Alarm\n", "Alarm\n    Condition: Always\n", State.OK, id="always"),
        pytest.param("Alarm\n", "Alarm\n    Condition: Open\n", State.UNKNOWN, id="open"),
        pytest.param("Alarm\n", "Alarm\n    Condition: Both\n", State.UNKNOWN, id="both"),
        pytest.param("Alarm\n", "Alarm\n    Condition: Either\n", State.OK, id="either"),
        pytest.param("Alarm\n", "Alarm\n    Condition: Circle\n", State.UNKNOWN, id="circle"),
        pytest.param("Alarm\n", "Alarm\n    Condition: Missing\n", State.UNKNOWN, id="no-such-condition"),
        pytest.param("Period: 300", "Period: !If [Always, 300, 1]", State.OK, id="chosen"),
        pytest.param("Threshold: 1", "Threshold: !If [Open, 1, 5]", State.UNKNOWN, id="either-threshold"),
        pytest.param("Threshold: 1", "Threshold: !If [Open, 1, 1]", State.OK, id="the-same-either-way"),
        pytest.param("Threshold: 1", "Threshold: !If [Open, 5, 9]", State.UNKNOWN, id="not-told-which"),
        pytest.param("[!Ref Alerts]", '[!Ref "AWS::NoValue"]', State.BROKEN, id="no-value"),
        pytest.param("[!Ref Alerts]", '!If [Never, [!Ref Alerts], !Ref "AWS::NoValue"]', State.BROKEN, id="no-list"),
        pytest.param("[!Ref Alerts]", "[!Ref Empty]", State.BROKEN, id="empty-text"),
        pytest.param("[!Ref Alerts]", "[!Ref Stage]", State.OK, id="topic-as-a-parameter"),
        pytest.param("[!Ref Alerts]", "!Ref Stage", State.UNKNOWN, id="list-as-a-parameter"),
        pytest.param("Period: 300", 'Period: "300"', State.OK, id="quoted-number"),
        pytest.param("Period: 300", "Period: !Ref Stage", State.UNKNOWN, id="open-period"),
        pytest.param("EvaluationPeriods: 1", "EvaluationPeriods: !Ref Stage", State.UNKNOWN, id="open-periods"),
        pytest.param(
            "Statistic: Sum", 'Statistic: Sum\n      ActionsEnabled: "false"', State.BROKEN, id="quoted-false"
        ),
        pytest.param(
            "Statistic: Sum", "Statistic: Sum\n      ActionsEnabled: !Ref Disabled", State.BROKEN, id="default-false"
        ),
        pytest.param(
            "Statistic: Sum", "Statistic: Sum\n      ActionsEnabled: !Ref Stage", State.UNKNOWN, id="open-enabled"
        ),
        pytest.param(
            "      Namespace: !Ref Namespace", "      Namespace: !Ref Stage", State.UNKNOWN, id="open-on-one-side"
        ),
        pytest.param("[!Ref Namespace, changes]", "[!ImportValue a, changes]", State.UNKNOWN, id="imported-name"),
        pytest.param('MetricValue: "1"', "MetricValue: !Ref Stage", State.UNKNOWN, id="open-value"),
        pytest.param(
            '!Sub "${Namespace}-changes"', '!Sub ["${a}-changes", {a: !Ref Namespace}]', State.OK, id="sub-with-names"
        ),
        pytest.param("Namespace: !Ref Namespace", "Namespace: !FindInMap [M, a, ns]", State.OK, id="map"),
        pytest.param("Threshold: 1", "Threshold: !FindInMap [M, !Ref Stage, n]", State.UNKNOWN, id="map-by-open-key"),
        pytest.param("Threshold: 1", "Threshold: !FindInMap [M, !Ref Stage, one]", State.OK, id="map-all-the-same"),
        pytest.param("[!Ref Namespace, changes]", "!Split [',', !Sub '${Namespace},changes']", State.OK, id="split"),
        pytest.param(f">-\n        {PATTERN}", "!Ref Stage", State.UNKNOWN, id="open-pattern"),
        pytest.param("LogGroupName: !Ref TrailGroup", "LogGroupName: !Ref Stage", State.OK, id="open-group"),
        pytest.param("Period: 300", "Period: !Select [1, [1, 300]]", State.OK, id="select"),
    ],
)
def test_what_a_template_computes_is_computed(old: str, new: str, expected: State) -> None:
    mapped = "Mappings:\n  M:\n    a: {ns: Audit, n: 1, one: 1}\n    b: {ns: Audit, n: 9, one: 1}\n"
    assert old in BASE
    assert state(read_cloudformation(BASE.replace(old, new) + mapped)) is expected


@pytest.mark.parametrize(
    ("name", "other", "expected"),
    [
        pytest.param("!Ref Stage", "!Ref Stage", State.OK, id="the-same"),
        pytest.param('!Sub "${Stage}-a"', '!Join ["-", [!Ref Stage, a]]', State.OK, id="written-in-two-ways"),
        pytest.param('!Sub "${Stage}-a"', '!Sub "${Stage}-b"', State.UNKNOWN, id="another-ending"),
        pytest.param('!Join ["-", [!Ref Stage, a]]', '!Join ["-", [!Ref Stage, b]]', State.UNKNOWN, id="joined"),
        pytest.param("!ImportValue a", "!ImportValue b", State.UNKNOWN, id="two-imports"),
        pytest.param("!ImportValue a", "!ImportValue a", State.OK, id="one-import"),
    ],
)
def test_equal_open_names_are_equal(name: str, other: str, expected: State) -> None:
    text = BASE.replace("MetricNamespace: !Ref Namespace", f"MetricNamespace: {name}")
    text = text.replace("      Namespace: !Ref Namespace", f"      Namespace: {other}")
    assert state(read_cloudformation(text)) is expected


def test_parameters_can_be_given() -> None:
    text = BASE.replace("Threshold: 1", "Threshold: !Ref Stage")
    assert state(read_cloudformation(text, parameters={"Stage": "1"})) is State.OK
    assert state(read_cloudformation(text, parameters={"Stage": "9"})) is State.BROKEN
    with pytest.raises(UsageError, match="no such parameter"):
        read_cloudformation(text, parameters={"Other": "1"})


def test_what_is_open_is_named_with_file_and_line() -> None:
    text = BASE.replace("Period: 300", "Period: !Ref Stage")
    found = answer(read_cloudformation(text, "template.yaml"))
    line = text[: text.index("Stage:")].count("\n") + 1
    assert f"Stage (template.yaml:{line})" in found.reason
    assert any(place.startswith("template.yaml:") for place in found.places)


def filter_of(pattern: Any) -> dict[str, Any]:
    change = {"MetricNamespace": "A", "MetricName": "m", "MetricValue": "1"}
    properties = {"LogGroupName": "g", "FilterPattern": pattern, "MetricTransformations": [change]}
    return {"Type": "AWS::Logs::MetricFilter", "Properties": properties}


LOOP = {
    "Transform": "AWS::LanguageExtensions",
    "Parameters": {
        "Names": {"Type": "CommaDelimitedList", "Default": "Create,Update,Delete"},
        "Open": {"Type": "CommaDelimitedList"},
    },
    "Resources": {
        "Fn::ForEach::Filters": [
            "What",
            {"Ref": "Names"},
            {"Filter${What}": filter_of({"Fn::Sub": "{ $.eventName = ${What}Trail }"})},
        ],
        "More": filter_of("{ $.eventName = *Logging }"),
        "Alarm": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "Namespace": "A",
                "MetricName": "m",
                "Statistic": "Sum",
                "Period": 60,
                "EvaluationPeriods": 1,
                "Threshold": 1,
                "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                "AlarmActions": [{"Ref": "Topic"}],
            },
        },
        "Topic": {"Type": "AWS::SNS::Topic"},
    },
}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param({"Ref": "Names"}, State.OK, id="by-parameter"),
        pytest.param(["Create", "Delete"], State.BROKEN, id="one-left-out"),
        pytest.param({"Ref": "Open"}, State.UNKNOWN, id="open"),
    ],
)
def test_loops_make_their_resources(names: Any, expected: State) -> None:
    template: dict[str, Any] = json.loads(json.dumps(LOOP))
    template["Resources"]["Fn::ForEach::Filters"][1] = names
    code = read_cloudformation(json.dumps(template))
    found = answer(code)
    if expected is State.UNKNOWN:
        assert code.unread
    assert found.state in {expected, State.BROKEN if expected is State.UNKNOWN else expected}


CHILD = """
Parameters: {Ns: {Type: String}}
Resources:
  Alerts: {Type: AWS::SNS::Topic}
Outputs:
  Topic: {Value: !Ref Alerts}
  Namespace: {Value: !Sub "${Ns}"}
"""


@pytest.mark.parametrize("cdk", [False, True], ids=["path", "cdk-asset"])
def test_nested_stacks_on_disk_are_followed(cdk: bool, tmp_path: Path) -> None:
    (tmp_path / "child.yaml").write_text(CHILD, encoding="utf-8")
    url = '"https://assets/child.yaml"' if cdk else "child.yaml"
    stack = f"""
  Child:
    Type: AWS::CloudFormation::Stack
    Metadata: {{"aws:asset:path": {"child.yaml" if cdk else '""'}}}
    Properties:
      TemplateURL: {url}
      Parameters: {{Ns: !Ref Namespace}}
"""
    text = TEMPLATE.replace("Alerts:\n    Type: AWS::SNS::Topic\n", stack.strip() + "\n")
    text = text.replace("!Ref Alerts", "!GetAtt Child.Outputs.Topic")
    text = text.replace(
        "Namespace: !Ref Namespace\n      MetricName: !Join",
        "Namespace: !GetAtt Child.Outputs.Namespace\n      MetricName: !Join",
    )
    assert state(read_cloudformation(text, "root.yaml", tmp_path)) is State.OK
    code = read_cloudformation(text, "root.yaml", None)
    assert "nested stack Child" in code.unread[0]
    assert state(code) is State.UNKNOWN


TRAIL = """
  Trail:
    Type: AWS::CloudTrail::Trail
    Properties:
      IsLogging: true
      IsMultiRegionTrail: true
      S3BucketName: b
      CloudWatchLogsLogGroupArn: !GetAtt TrailGroup.Arn
  TrailGroup: {Type: AWS::Logs::LogGroup}
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("", "", State.OK, id="right"),
        pytest.param("IsLogging: true", 'IsLogging: "false"', State.BROKEN, id="stopped"),
        pytest.param("IsMultiRegionTrail: true", "IsMultiRegionTrail: false", State.BROKEN, id="one-region"),
        pytest.param("IsLogging: true", "IsLogging: !ImportValue x", State.UNKNOWN, id="open"),
        pytest.param("LogGroupName: !Ref TrailGroup", "LogGroupName: other", State.BROKEN, id="other-group"),
        pytest.param("LogGroupName: !Ref TrailGroup", "LogGroupName: !ImportValue g", State.UNKNOWN, id="open-group"),
        pytest.param(
            "LogGroup}", "LogGroup, Properties: {LogGroupClass: INFREQUENT_ACCESS}}", State.BROKEN, id="class"
        ),
        pytest.param("      CloudWatchLogsLogGroupArn: !GetAtt TrailGroup.Arn\n", "", State.UNKNOWN, id="no-group"),
        pytest.param("S3BucketName: b", "EventSelectors: [{ReadWriteType: ReadOnly}]", State.BROKEN, id="reads-only"),
        pytest.param(
            "S3BucketName: b", "EventSelectors: [{IncludeManagementEvents: false}]", State.BROKEN, id="data-only"
        ),
        pytest.param(
            "S3BucketName: b",
            "AdvancedEventSelectors: [{FieldSelectors: [{Field: eventCategory, Equals: [Data]}]}]",
            State.BROKEN,
            id="advanced-data-only",
        ),
        pytest.param(
            "S3BucketName: b",
            "AdvancedEventSelectors: [{FieldSelectors: [{Field: eventCategory, Equals: [Management]}]}]",
            State.OK,
            id="advanced",
        ),
    ],
)
def test_a_trail_in_the_same_code_counts_for_and_against(old: str, new: str, expected: State) -> None:
    text = TEMPLATE + TRAIL
    assert state(read_cloudformation(text.replace(old, new) if old else text)) is expected


POLICY = """
  Policy:
    Type: AWS::SNS::TopicPolicy
    Properties:
      Topics: [!Ref Alerts]
      PolicyDocument:
        Version: 2012-10-17
        Statement: [{Effect: Allow, Principal: {Service: %s}, Action: "sns:Publish", Resource: !Ref Alerts%s}]
"""


@pytest.mark.parametrize(
    ("service", "more", "expected"),
    [
        pytest.param("cloudwatch.amazonaws.com", "", State.OK, id="cloudwatch"),
        pytest.param("s3.amazonaws.com", "", State.BROKEN, id="another-service"),
        pytest.param("!ImportValue service", "", State.UNKNOWN, id="open"),
        pytest.param(
            "cloudwatch.amazonaws.com",
            ", Condition: {StringEquals: {'AWS:SourceAccount': !Ref 'AWS::AccountId'}}",
            State.OK,
            id="own-account",
        ),
    ],
)
def test_a_topic_policy_in_the_same_code_counts(service: str, more: str, expected: State) -> None:
    assert state(read_cloudformation(TEMPLATE + POLICY % (service, more))) is expected


def test_a_filter_that_matches_nearly_everything_covers_nothing() -> None:
    found = answer(read_cloudformation(TEMPLATE.replace(PATTERN, '{ $.eventName = "*" }')))
    assert found.state is State.BROKEN
    assert "never rests" in found.reason


def test_the_guilty_filter_is_blamed() -> None:
    other = (
        TEMPLATE.partition("Resources:")[2]
        .replace("Changes", "Other")
        .replace("  Alerts:\n    Type: AWS::SNS::Topic\n", "")
    )
    text = TEMPLATE.replace("= StopLogging", "= StopLoging") + other.replace(
        PATTERN, "{ $.eventName = CreateUser }"
    ).strip("\n")
    found = answer(read_cloudformation(text, "t.yaml"))
    assert "Changes misses StopLogging" in found.reason
    assert found.places[0] == f"t.yaml:{text[: text.index('  Changes:')].count(chr(10)) + 1}"


@pytest.mark.parametrize("target", ["!GetAtt Fn.Arn", "arn:aws:lambda:eu-central-1:111122223333:function:x"])
def test_of_nobody_is_said_that_they_confirmed(target: str) -> None:
    events = json.dumps(list(requirement(CONTROL).events))
    text = f"""
Resources:
  Fn: {{Type: AWS::Lambda::Function}}
  R:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {{detail: {{eventName: {events}}}}}
      Targets: [{{Arn: {target}, Id: "1"}}]
"""
    found = answer(read_cloudformation(text))
    assert found.state is State.OK
    assert "confirmed" not in found.reason
    assert "every Region" in notes(text)


@pytest.mark.parametrize(
    "text",
    ['{"Resources": {"A": 1,}}', '{\n// comment\n"Resources": {}}', '{"Resources": {}'],
    ids=["comma", "comment", "end"],
)
def test_json_that_is_none_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(UsageError, match=r"t\.json:\d+: .*column \d+"):
        read_cloudformation(text, "t.json")


@settings(deadline=None, max_examples=60)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-9, 9)
        | st.sampled_from(["Ns", "AWS::NoValue", "", "a,b", "${Ns}", "T.Arn"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "Ref",
                        "Fn::Sub",
                        "Fn::Join",
                        "Fn::If",
                        "Fn::GetAtt",
                        "Fn::Select",
                        "Fn::FindInMap",
                        "Fn::Split",
                        "x",
                    ]
                ),
                inner,
                max_size=2,
            )
        ),
        max_leaves=6,
    ),
    st.sampled_from(["Namespace", "Period", "AlarmActions", "ActionsEnabled", "Metrics", "Threshold", "Dimensions"]),
)
def test_any_value_anywhere_is_judged(value: Any, name: str) -> None:
    template: dict[str, Any] = json.loads(json.dumps(LOOP))
    template["Resources"]["Alarm"]["Properties"][name] = value
    assert answer(read_cloudformation(json.dumps(template))).state in set(State)


def test_a_topic_that_is_not_made_tells_nobody() -> None:
    text = BASE.replace("  Alerts:\n", "  Alerts:\n    Condition: Never\n")
    assert state(read_cloudformation(text)) is State.BROKEN
    assert state(read_cloudformation(text.replace("Condition: Never", "Condition: Open"))) is State.UNKNOWN


def test_a_trail_that_may_not_be_made_decides_nothing() -> None:
    stopped = TRAIL.replace("IsLogging: true", "IsLogging: false").replace(
        "Trail\n    P", "Trail\n    Condition: Open\n    P"
    )
    assert (
        state(read_cloudformation(TEMPLATE + stopped + CONDITIONS.replace("Ref Stage", "ImportValue x")))
        is State.UNKNOWN
    )


def test_templates_that_go_in_circles_or_grow_without_end_end(tmp_path: Path) -> None:
    alarms = "".join(
        f"  A{number}: {{Type: 'AWS::CloudWatch::Alarm', Properties: {{AlarmName: !Ref A{1 - number}}}}}\n"
        for number in (0, 1)
    )
    assert state(read_cloudformation(f"Resources:\n{alarms}")) is State.BROKEN
    doubled = "".join(
        f"  C{number}: !And [!Condition C{number - 1}, !Condition C{number - 1}]\n" for number in range(1, 28)
    )
    text = TEMPLATE.replace("Alarm\n", "Alarm\n    Condition: C27\n") + f"Conditions:\n  C0: !Equals [a, a]\n{doubled}"
    assert state(read_cloudformation(text)) is State.OK
    stacks = "".join(
        f"  S{number}: {{Type: 'AWS::CloudFormation::Stack', Properties: {{TemplateURL: self.yaml}}}}\n"
        for number in range(9)
    )
    (tmp_path / "self.yaml").write_text(f"Resources:\n{stacks}", encoding="utf-8")
    assert read_cloudformation(f"Resources:\n{stacks}", "self.yaml", tmp_path).unread
    loop: dict[str, Any] = {"x": {"Type": "AWS::SNS::Topic"}}
    for number in range(8):
        loop = {f"Fn::ForEach::L{number}": [f"I{number}", [str(one) for one in range(30)], loop]}
    assert read_cloudformation(json.dumps({"Resources": loop})).unread


CLOUDWATCH = {"Service": "cloudwatch.amazonaws.com"}
PUBLISH = {"Effect": "Allow", "Principal": CLOUDWATCH, "Action": "sns:Publish", "Resource": {"Ref": "T"}}
USE = {"Effect": "Allow", "Principal": CLOUDWATCH, "Action": "kms:*", "Resource": "*"}
PROPERTIES: dict[str, tuple[str, dict[str, Any]]] = {
    "F": (
        "AWS::Logs::MetricFilter",
        {
            "FilterName": "f",
            "LogGroupName": {"Ref": "G"},
            "FilterPattern": PATTERN,
            "MetricTransformations": [
                {"MetricNamespace": "A", "MetricName": "m", "MetricValue": "1", "DefaultValue": 0, "Unit": "None"}
            ],
        },
    ),
    "A": (
        "AWS::CloudWatch::Alarm",
        {
            "AlarmName": "a",
            "Namespace": "A",
            "MetricName": "m",
            "Statistic": "Sum",
            "Period": 300,
            "EvaluationPeriods": 1,
            "DatapointsToAlarm": 1,
            "Threshold": 1,
            "TreatMissingData": "notBreaching",
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "ActionsEnabled": True,
            "AlarmActions": [{"Ref": "T"}],
        },
    ),
    "T": ("AWS::SNS::Topic", {"TopicName": "t", "KmsMasterKeyId": {"Ref": "K"}}),
    "K": ("AWS::KMS::Key", {"KeyPolicy": {"Statement": [USE]}}),
    "P": ("AWS::SNS::TopicPolicy", {"Topics": [{"Ref": "T"}], "PolicyDocument": {"Statement": [PUBLISH]}}),
    "G": ("AWS::Logs::LogGroup", {"LogGroupName": "g", "LogGroupClass": "STANDARD"}),
    "Tr": (
        "AWS::CloudTrail::Trail",
        {
            "TrailName": "t",
            "IsLogging": True,
            "IsMultiRegionTrail": True,
            "IncludeGlobalServiceEvents": True,
            "CloudWatchLogsLogGroupArn": {"Fn::GetAtt": ["G", "Arn"]},
            "EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": True}],
        },
    ),
}
WHOLE: dict[str, Any] = {
    "Parameters": {"Open": {"Type": "String"}},
    "Resources": {name: {"Type": kind, "Properties": values} for name, (kind, values) in PROPERTIES.items()},
}
WRONG: dict[tuple[str, ...], Any] = {
    ("F", "Properties", "FilterPattern"): "{ $.eventName = DeleteTrail }",
    ("A", "Properties", "ActionsEnabled"): False,
    ("A", "Properties", "Threshold"): 9,
    ("K", "Properties", "KeyPolicy"): {"Statement": []},
    ("P", "Properties", "PolicyDocument"): {"Statement": []},
    ("G", "Properties", "LogGroupClass"): "INFREQUENT_ACCESS",
    ("Tr", "Properties", "IsLogging"): False,
}
Place = tuple[str | int, ...]


def places_in(value: Any, place: Place = ()) -> list[Place]:
    """Return where a value can be replaced by an open one."""
    found: list[Place] = [place] if len(place) > 2 else []
    if isinstance(value, dict) and not {"Ref", "Fn::GetAtt"} & value.keys():
        return found + [one for key in value for one in places_in(value[key], (*place, key)) if key != "Type"]
    if isinstance(value, list):
        return found + [one for number, item in enumerate(value) for one in places_in(item, (*place, number))]
    return found


def changed(template: Any, place: Place, value: Any) -> Any:
    copy = json.loads(json.dumps(template))
    inner = copy["Resources"]
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return copy


PLACES = places_in(WHOLE["Resources"])


def test_a_whole_template_is_covered_and_each_mistake_is_not() -> None:
    assert len(PLACES) > 50
    assert state(read_cloudformation(json.dumps(WHOLE))) is State.OK
    for place, value in WRONG.items():
        assert state(read_cloudformation(json.dumps(changed(WHOLE, place, value)))) is State.BROKEN


@settings(deadline=None, max_examples=70)
@given(st.sampled_from(PLACES), st.booleans())
def test_an_open_value_never_decides_against_what_is_right(place: Place, whole: bool) -> None:
    template = changed(WHOLE, place, {"Ref": "Open"})
    if whole:
        template = {
            **changed(WHOLE, (place[0], "Condition"), "C"),
            "Conditions": {"C": {"Fn::Equals": [{"Ref": "Open"}, "x"]}},
        }
    found = answer(read_cloudformation(json.dumps(template), "t.json"))
    assert found.state is not State.BROKEN
    if found.state is State.UNKNOWN:
        assert "t.json:" in found.reason


@settings(deadline=None, max_examples=70)
@given(st.sampled_from(sorted(WRONG)), st.sampled_from(PLACES))
def test_an_open_value_never_covers_what_is_wrong(mistake: tuple[str, ...], place: Place) -> None:
    assume(place[2] not in {"AlarmActions", "KmsMasterKeyId", "Topics"})  # another topic or key need not be wrong
    wrong = changed(WHOLE, mistake, WRONG[mistake])
    if place[: len(mistake)] != mistake:
        wrong = changed(wrong, place, {"Ref": "Open"})
    assert state(read_cloudformation(json.dumps(wrong))) is not State.OK

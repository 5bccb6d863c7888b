"""The control over rules that close an opened security group again."""

from typing import Any

import pytest

from auditor.model import State
from tests.evaluate.checks.worlds import (
    FUNCTION,
    LETTERS,
    MAY_INVOKE,
    OPENINGS,
    QUEUE,
    TOPIC,
    event_rule,
    figures,
    rules,
    waiting,
)
from tests.evaluate.kit import ACCOUNT, HOME, World, catalog, reasons

ASKED: dict[str, Any] = {"FunctionName": FUNCTION}
CONTROL = "opened-security-group-remediated"
MACHINE = f"arn:aws:states:{HOME}:{ACCOUNT}:stateMachine:closes"
AUTOMATION = f"arn:aws:ssm:{HOME}:{ACCOUNT}:automation-definition/AWS-DisablePublicAccessForSecurityGroup:$DEFAULT"
OWN = f"arn:aws:ssm:{HOME}:{ACCOUNT}:automation-definition/Close:$DEFAULT"
RIGHT = rules(event_rule())


def counting(target: str, page: dict[str, Any]) -> World:
    """Answer differently what CloudWatch counted for the rule or for the function."""
    (call,) = [
        call
        for call, _ in RIGHT.answers.values()
        if call.operation == "cloudwatch:GetMetricData" and target in str(dict(call.parameters)["MetricDataQueries"])
    ]
    return RIGHT.says("cloudwatch:GetMetricData", page, **dict(call.parameters))


def only(*names: str) -> dict[str, Any]:
    return event_rule(detail={"eventName": list(names)})


@pytest.mark.parametrize(
    ("world", "expected", "words"),
    [
        pytest.param(RIGHT, State.PASS, "may be called by events.amazonaws.com", id="right"),
        pytest.param(rules(event_rule(), letters=""), State.PASS, "no dead-letter queue", id="no-dead-letter-queue"),
        pytest.param(rules(), State.FAIL, "No enabled rule", id="no-rules"),
        pytest.param(rules(event_rule(state="DISABLED")), State.FAIL, "No enabled rule", id="disabled"),
        pytest.param(rules({**event_rule(), "EventBusName": "own"}), State.FAIL, "No enabled rule", id="another-bus"),
        pytest.param(rules({**event_rule(), "EventBusName": "default"}), State.PASS, "0 failures", id="default-bus"),
        pytest.param(rules(event_rule(source=["aws.s3"])), State.FAIL, "No enabled rule", id="another-source"),
        pytest.param(rules(event_rule(), target=TOPIC), State.FAIL, "no target", id="only-tells"),
        pytest.param(
            rules({"Name": "broken", "State": "ENABLED", "EventPattern": "{"}),
            State.FAIL,
            "No enabled rule",
            id="no-pattern",
        ),
        pytest.param(
            rules({"Name": "timer", "State": "ENABLED", "ScheduleExpression": "rate(1 day)"}),
            State.FAIL,
            "No enabled rule",
            id="schedule",
        ),
        pytest.param(rules(only(OPENINGS[0])), State.FAIL, "ModifySecurityGroupRules to ::/0", id="changes-missed"),
        pytest.param(rules(only(OPENINGS[1])), State.FAIL, "AuthorizeSecurityGroupIngress of", id="new-rules-missed"),
        pytest.param(
            rules(
                event_rule(
                    detail={
                        "eventName": OPENINGS,
                        "requestParameters": {
                            "ipPermissions": {"items": {"ipRanges": {"items": {"cidrIp": ["0.0.0.0/0"]}}}}
                        },
                    }
                )
            ),
            State.FAIL,
            "AuthorizeSecurityGroupIngress of ::/0",
            id="ipv6-missed",
        ),
        pytest.param(
            rules(event_rule(detail={"eventName": ["Revoke"]}), event_rule("b")), State.PASS, "rule b", id="second-rule"
        ),
        pytest.param(
            rules(
                event_rule("a", detail={"eventName": OPENINGS[:1]}), event_rule("b", detail={"eventName": OPENINGS[1:]})
            ),
            State.PASS,
            "rule b",
            id="two-rules-together",
        ),
        pytest.param(
            rules(event_rule(detail={"eventName": [{"wildcard": "*SecurityGroup*"}]})),
            State.PASS,
            "closes",
            id="wildcard",
        ),
        pytest.param(
            RIGHT.lacks("lambda:GetFunctionConfiguration", **ASKED),
            State.FAIL,
            "does not exist",
            id="gone",
        ),
        pytest.param(
            RIGHT.says("lambda:GetFunctionConfiguration", {"FunctionArn": FUNCTION, "State": "Failed"}, **ASKED),
            State.FAIL,
            "Failed",
            id="function-failed",
        ),
        pytest.param(RIGHT.lacks("lambda:GetPolicy", **ASKED), State.FAIL, "does not let", id="no-policy"),
        pytest.param(
            RIGHT.says("lambda:GetPolicy", {"Policy": MAY_INVOKE.replace("rule/*", "rule/other")}, **ASKED),
            State.FAIL,
            "does not let",
            id="policy-for-another-rule",
        ),
        pytest.param(
            RIGHT.says("lambda:GetFunctionConcurrency", {"ReservedConcurrentExecutions": 0}, **ASKED),
            State.FAIL,
            "reserved concurrency is 0",
            id="never-runs",
        ),
        pytest.param(
            RIGHT.says("lambda:GetFunctionConcurrency", {"ReservedConcurrentExecutions": 1}, **ASKED),
            State.PASS,
            "",
            id="one-at-a-time",
        ),
        pytest.param(counting("RuleName", figures(3, 1)), State.FAIL, "not hand over 1 event", id="not-handed-over"),
        pytest.param(counting("FunctionName", figures(2, 2)), State.FAIL, "Every call", id="every-call-failed"),
        pytest.param(counting("FunctionName", figures(2, 1)), State.PASS, "1 failure", id="one-call-failed"),
        pytest.param(counting("FunctionName", figures(0)), State.PASS, "0 calls", id="never-needed"),
        pytest.param(
            counting("FunctionName", figures(status="PartialData")),
            State.NOT_ASSESSED,
            "PartialData",
            id="partial-data",
        ),
        pytest.param(
            counting("FunctionName", {**figures(), "Messages": [{"Code": "MaxMetricsExceeded", "Value": "x"}]}),
            State.NOT_ASSESSED,
            "message",
            id="answer-with-a-message",
        ),
        pytest.param(counting("FunctionName", figures(2, -2)), State.NOT_ASSESSED, "Values", id="less-than-nothing"),
        pytest.param(counting("FunctionName", figures(10**400)), State.NOT_ASSESSED, "", id="beyond-numbers"),
        pytest.param(
            counting("FunctionName", {"MetricDataResults": []}), State.NOT_ASSESSED, "left a metric out", id="no-metric"
        ),
        pytest.param(
            RIGHT.says("sqs:GetQueueAttributes", waiting(3), QueueUrl=QUEUE), State.FAIL, "3 events", id="dead-letters"
        ),
        pytest.param(
            rules(event_rule(), letters=LETTERS + "2"), State.NOT_ASSESSED, "was not seen", id="dead-letters-elsewhere"
        ),
        pytest.param(
            rules(event_rule(), target=MACHINE).says(
                "stepfunctions:DescribeStateMachine", {"status": "ACTIVE"}, stateMachineArn=MACHINE
            ),
            State.PASS,
            "state machine closes exists",
            id="state-machine",
        ),
        pytest.param(
            rules(event_rule(), target=MACHINE).lacks("stepfunctions:DescribeStateMachine", stateMachineArn=MACHINE),
            State.FAIL,
            "does not exist",
            id="state-machine-gone",
        ),
        pytest.param(rules(event_rule(), target=AUTOMATION), State.PASS, "AWS's own", id="automation-of-aws"),
        pytest.param(rules(event_rule(), target=OWN), State.NOT_ASSESSED, "not looked at", id="own-automation"),
        pytest.param(
            rules(event_rule(), target=AUTOMATION.replace("DisablePublicAccessForSecurityGroup", "NoSuchThing")),
            State.NOT_ASSESSED,
            "not looked at",
            id="automation-that-aws-does-not-have",
        ),
        *[
            pytest.param(
                rules(event_rule(detail={"eventName": OPENINGS, **narrowed})), State.FAIL, words, id=f"narrowed-{words}"
            )
            for narrowed, words in (
                ({"userIdentity": {"type": ["AssumedRole"]}}, "IAM user"),
                ({"userIdentity": {"type": [{"anything-but": "Root"}]}}, "the root user"),
                ({"userIdentity": {"invokedBy": [{"exists": True}]}}, "closes"),
                ({"sourceIPAddress": [{"prefix": "198.51.100."}]}, "in every case"),
                ({"userAgent": [{"prefix": "console"}]}, "that is missed"),
            )
        ],
        pytest.param(
            rules(
                event_rule("a", detail={"eventName": OPENINGS, "userIdentity": {"type": ["Root"]}}),
                event_rule("b", detail={"eventName": OPENINGS, "userIdentity": {"type": [{"anything-but": "Root"}]}}),
            ),
            State.PASS,
            "rule b",
            id="two-rules-share-the-callers",
        ),
    ],
)
def test_rules_that_undo_openings(world: World, expected: State, words: str) -> None:
    result = world.judge(CONTROL)
    assert result.state is expected, reasons(result)
    assert words in reasons(result)


CONFIGURATION = "lambda:GetFunctionConfiguration"


def test_a_function_that_is_listed_needs_no_answer_of_its_own() -> None:
    assert RIGHT.refuses_all(CONFIGURATION).judge(CONTROL).state is State.PASS
    unlisted = RIGHT.says("lambda:ListFunctions", {"Functions": []}).refuses_all(CONFIGURATION)
    assert unlisted.judge(CONTROL).state is State.NOT_ASSESSED


@pytest.mark.parametrize("operation", [name for name in catalog().controls[CONTROL].consults if name != CONFIGURATION])
def test_what_cannot_be_looked_at_is_not_assessed(operation: str) -> None:
    world = RIGHT
    if operation.startswith("stepfunctions"):
        world = rules(event_rule(), target=MACHINE)
    for spoiled in (world.refuses_all(operation), world.without(operation)):
        result = spoiled.judge(CONTROL)
        assert result.state is State.NOT_ASSESSED, reasons(result)
        assert operation in reasons(result)


def test_detector_target_calls_failures_and_dead_letters_are_reported() -> None:
    world = counting("FunctionName", figures(5, 2)).says("sqs:GetQueueAttributes", waiting(1), QueueUrl=QUEUE)
    (result,) = world.judge(CONTROL).results
    (reaction,) = result.details["reactions"]
    assert reaction == {
        "detector": "closes",
        "target": FUNCTION,
        "last_invocation": "2026-10-22 12:00 UTC",
        "invocations": 5,
        "failures": 2,
        "dead_letter_queue": LETTERS,
        "dead_letters": 1,
    }
    assert "5 calls, the last in the hour from 2026-10-22 12:00 UTC, 2 failures; 1 dead letter in q" in result.observed
    links = result.details["chains"][0]["links"]
    assert [link["kind"] for link in links] == ["event", "rule", "target", "calls", "dead letters"]
    assert [link["holds"] for link in links] == [True, True, True, False, False]

"""Controls over who hears of alarms, and what undoes an opened security group."""

from typing import Any

import pytest

from auditor.model import State
from tests.evaluate.checks.worlds import TOPIC, composite, event_rule, heard, rules
from tests.evaluate.kit import FAR, HOME, World, reasons, states

PENDING = {"Subscriptions": [{"SubscriptionArn": "PendingConfirmation"}]}
ELSEWHERE = TOPIC.replace(HOME, FAR)


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(heard(subscriptions=PENDING), State.FAIL, id="pending"),
        pytest.param(heard(subscriptions={"Subscriptions": []}), State.FAIL, id="none"),
        pytest.param(
            heard().says("cloudwatch:DescribeAlarms", {"MetricAlarms": [], "CompositeAlarms": []}),
            State.NOT_APPLICABLE,
            id="no-alarm-uses-it",
        ),
        pytest.param(heard(subscriptions={"Subscriptions": [{}]}), State.NOT_ASSESSED, id="hostile"),
        pytest.param(World().says("sns:ListTopics", {"Topics": []}), State.NOT_APPLICABLE, id="no-topics"),
    ],
)
def test_topics_that_alarms_notify(world: World, expected: State) -> None:
    assert world.judge("alarm-topics-have-audience").state is expected


@pytest.mark.parametrize(
    ("second", "subscriptions", "expected"),
    [
        pytest.param(composite(), PENDING, State.FAIL, id="pending"),
        pytest.param(composite(ActionsEnabled=False), None, State.FAIL, id="disabled"),
        pytest.param(composite(AlarmActions=[]), None, State.FAIL, id="no-action"),
        pytest.param(composite(AlarmActions=[ELSEWHERE]), None, State.NOT_ASSESSED, id="topic-elsewhere"),
        pytest.param(composite(AlarmActions=[ELSEWHERE, TOPIC]), None, State.PASS, id="one-of-two-topics"),
        pytest.param(composite(AlarmActions=["arn:aws:lambda:x"]), None, State.FAIL, id="a-function-is-nobody"),
        pytest.param(composite(ActionsEnabled="yes"), None, State.NOT_ASSESSED, id="hostile"),
    ],
)
def test_one_composite_alarm_of_two(second: dict[str, Any], subscriptions: Any, expected: State) -> None:
    given = {"subscriptions": subscriptions} if subscriptions else {}
    world = heard(composite(AlarmArn="first"), {**second, "AlarmArn": "second"}, **given)
    found = states(world.judge("composite-alarms-heard"))
    assert found["second"] is expected
    if not subscriptions:
        assert found["first"] is State.PASS


@pytest.mark.parametrize(
    ("world", "expected", "words"),
    [
        pytest.param(rules(), State.FAIL, "No enabled rule", id="no-rules"),
        pytest.param(rules(event_rule(state="DISABLED")), State.FAIL, "No enabled rule", id="disabled"),
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
        pytest.param(
            rules(event_rule(detail={"eventName": ["Revoke"]}), event_rule("b")), State.PASS, "b", id="second-rule"
        ),
        pytest.param(
            rules(event_rule(detail={"eventName": [{"prefix": "AuthorizeSecurityGroup"}]})),
            State.PASS,
            "closes",
            id="prefix",
        ),
    ],
)
def test_rules_that_undo_openings(world: World, expected: State, words: str) -> None:
    result = world.judge("opened-security-group-remediated")
    assert set(states(result).values()) == {expected}
    assert words in reasons(result)


def test_a_rule_in_one_region_of_two_leaves_the_other_open() -> None:
    world = rules(event_rule()).says("events:ListRules", {"Rules": []}, region=FAR)
    assert states(world.judge("opened-security-group-remediated")) == {HOME: State.PASS, FAR: State.FAIL}

"""Controls over who hears of alarms."""

from typing import Any

import pytest

from auditor.model import State
from tests.evaluate.checks.worlds import TOPIC, composite, heard
from tests.evaluate.kit import FAR, HOME, World, reasons, states

PENDING = {"Subscriptions": [{"SubscriptionArn": "PendingConfirmation"}]}
ELSEWHERE = TOPIC.replace(HOME, FAR)


def keyed(name: str) -> World:
    answer = {"Attributes": {"KmsMasterKeyId": name}}
    return heard(composite()).says("sns:GetTopicAttributes", answer, region=HOME, TopicArn=TOPIC)


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
        pytest.param(keyed("alias/aws/sns"), State.FAIL, id="key-of-sns"),
        pytest.param(keyed("alias/own"), State.PASS, id="key-of-ones-own"),
        pytest.param(heard().refuses_all("sns:GetTopicAttributes"), State.NOT_ASSESSED, id="key-unknown"),
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
        pytest.param(composite(ActionsSuppressedBy="Alarm", ActionsSuppressor="a"), None, State.FAIL, id="suppressed"),
        pytest.param(composite(ActionsSuppressor="a"), None, State.PASS, id="could-be-suppressed"),
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


def test_a_composite_alarm_whose_topic_takes_nothing_is_not_heard() -> None:
    result = keyed("arn:aws:kms:eu-west-1:111122223333:alias/aws/sns").judge("composite-alarms-heard")
    assert result.state is State.FAIL
    assert "alias/aws/sns" in reasons(result)

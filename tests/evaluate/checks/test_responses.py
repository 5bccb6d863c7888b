"""Controls over who hears of alarms."""

import json
from typing import Any

import pytest

from auditor.model import State
from tests.evaluate.checks.worlds import CONFIRMED, KEY, MAY_PUBLISH, TOPIC, composite, heard, kms_key, policy
from tests.evaluate.kit import ACCOUNT, FAR, HOME, World, reasons, states

PENDING = {"Subscriptions": [{"SubscriptionArn": "PendingConfirmation"}]}
ELSEWHERE = TOPIC.replace(HOME, FAR)


def keyed(name: str) -> World:
    answer = {"Attributes": {"Policy": MAY_PUBLISH, "KmsMasterKeyId": name}}
    return heard(composite()).says("sns:GetTopicAttributes", answer, region=HOME, TopicArn=TOPIC)


KEY_FOR_ALARMS = policy(
    {"Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "kms:*", "Resource": "*"}
)
KEY_FOR_NOBODY = policy(
    {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
)


def with_key(name: str, document: str = KEY_FOR_ALARMS, **changes: Any) -> World:
    """Encrypt the topic with the key 1111, called in some way."""
    aliases = {"Aliases": [{"AliasName": "alias/own", "TargetKeyId": "1111"}]}
    return (
        keyed(name)
        .says("kms:ListAliases", aliases, region=HOME)
        .says("kms:ListKeys", {"Keys": []})
        .says("kms:ListKeys", {"Keys": [{"KeyId": "1111"}]}, region=HOME)
        .says("kms:DescribeKey", {"KeyMetadata": kms_key(**changes)}, region=HOME, KeyId="1111")
        .says("kms:GetKeyPolicy", {"Policy": document}, region=HOME, KeyId="1111", PolicyName="default")
    )


NAMES = ["1111", KEY.rpartition("/")[0] + "/1111", "alias/own", f"arn:aws:kms:{HOME}:{ACCOUNT}:alias/own"]
HEARD = ["alarm-topics-have-audience", "composite-alarms-heard"]


@pytest.mark.parametrize("control", HEARD)
@pytest.mark.parametrize("name", NAMES)
def test_whoever_owns_the_key_decides_whatever_it_is_called(name: str, control: str) -> None:
    assert with_key(name).judge(control).state is State.PASS
    assert with_key(name, KEY_FOR_NOBODY).judge(control).state is State.FAIL
    assert with_key(name, KeyManager="AWS").judge(control).state is State.FAIL
    assert with_key(name, KeyState="Disabled").judge(control).state is State.FAIL
    refused = with_key(name).refuses_all("kms:DescribeKey").judge(control)
    assert refused.state is State.NOT_ASSESSED
    assert "kms:DescribeKey" in reasons(refused)


def governed(**attributes: Any) -> World:
    return heard(composite()).says("sns:GetTopicAttributes", {"Attributes": attributes}, region=HOME, TopicArn=TOPIC)


@pytest.mark.parametrize("control", HEARD)
@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param(MAY_PUBLISH, State.PASS, id="as-it-should-be"),
        pytest.param(MAY_PUBLISH.replace("cloudwatch", "events"), State.FAIL, id="another-service"),
        pytest.param(MAY_PUBLISH.replace("Allow", "Deny"), State.FAIL, id="denied"),
        pytest.param("{", State.NOT_ASSESSED, id="nobody-can-read-it"),
    ],
)
def test_the_policy_of_a_topic_decides_as_well(document: str, expected: State, control: str) -> None:
    assert governed(Policy=document).judge(control).state is expected
    assert governed().judge(control).state is State.NOT_ASSESSED


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        pytest.param(("first", "second"), State.PASS, id="both"),
        pytest.param(("first",), State.FAIL, id="the-first-alone"),
        pytest.param(("second",), State.FAIL, id="the-second-alone"),
    ],
)
def test_a_topic_lets_each_alarm_publish_that_notifies_it(allowed: tuple[str, ...], expected: State) -> None:
    beginning = f"arn:aws:cloudwatch:{HOME}:{ACCOUNT}:alarm:"
    alarms = [{"AlarmName": n, "AlarmArn": f"{beginning}{n}", "AlarmActions": [TOPIC]} for n in ("first", "second")]
    statement = json.loads(MAY_PUBLISH)["Statement"][0]
    condition = {"ArnEquals": {"aws:SourceArn": [f"{beginning}{name}" for name in allowed]}}
    world = governed(Policy=policy({**statement, "Condition": condition}))
    world = world.says("cloudwatch:DescribeAlarms", {"MetricAlarms": alarms, "CompositeAlarms": []}, region=HOME)
    result = world.judge("alarm-topics-have-audience")
    assert result.state is expected
    for silent in {"first", "second"} - set(allowed):
        assert f"for the alarm {silent}" in reasons(result)


def test_a_topic_that_an_alarm_on_a_query_notifies_needs_an_audience() -> None:
    alarm = {"AlarmName": "q", "ActionsEnabled": True, "AlarmActions": [TOPIC]}
    page = {"MetricAlarms": [], "CompositeAlarms": [], "LogAlarms": [alarm]}
    for subscriptions, expected in ((CONFIRMED, State.PASS), (PENDING, State.FAIL)):
        world = heard(subscriptions=subscriptions).says("cloudwatch:DescribeAlarms", page, region=HOME)
        assert world.judge("alarm-topics-have-audience").state is expected


def muted(*names: str, **changes: Any) -> World:
    """Keep the actions of some alarms back every night."""
    rule = {
        "Name": "nightly",
        "Rule": {"Schedule": {"Expression": "cron(0 2 * * *)", "Duration": "PT2H"}},
        "MuteTargets": {"AlarmNames": list(names)},
    } | changes
    summary = {"AlarmMuteRuleArn": f"arn:aws:cloudwatch:{HOME}:{ACCOUNT}:alarm-mute-rule:nightly"}
    return (
        heard(composite())
        .says("cloudwatch:ListAlarmMuteRules", {"AlarmMuteRuleSummaries": [summary]}, region=HOME)
        .says("cloudwatch:GetAlarmMuteRule", rule, region=HOME, AlarmMuteRuleName="nightly")
    )


@pytest.mark.parametrize(
    ("world", "topic", "alarm"),
    [
        pytest.param(muted("c"), State.PASS, State.FAIL, id="the-composite-one"),
        pytest.param(muted("m-v"), State.PASS, State.PASS, id="the-other-one"),
        pytest.param(muted("m-v", "c"), State.FAIL, State.FAIL, id="both"),
        pytest.param(muted("m-v", "c", Status="EXPIRED"), State.PASS, State.PASS, id="expired"),
        pytest.param(muted("m-v", "c", Status="ACTIVE"), State.FAIL, State.FAIL, id="now"),
        pytest.param(muted(MuteTargets=None), State.NOT_ASSESSED, State.NOT_ASSESSED, id="does-not-say-which"),
        pytest.param(
            heard(composite()).refuses_all("cloudwatch:ListAlarmMuteRules"),
            State.NOT_ASSESSED,
            State.NOT_ASSESSED,
            id="refused",
        ),
        pytest.param(
            heard(composite(ActionsEnabled=False)).refuses_all("cloudwatch:ListAlarmMuteRules"),
            State.NOT_ASSESSED,
            State.FAIL,
            id="proven-anyway",
        ),
    ],
)
def test_mute_rules_count(world: World, topic: State, alarm: State) -> None:
    assert [world.judge(control).state for control in HEARD] == [topic, alarm]


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
        pytest.param(with_key("alias/own"), State.PASS, id="key-of-ones-own"),
        pytest.param(heard().refuses_all("sns:GetTopicAttributes"), State.NOT_ASSESSED, id="key-unknown"),
        pytest.param(World().says("sns:ListTopics", {"Topics": []}), State.NOT_APPLICABLE, id="no-topics"),
    ],
)
def test_topics_that_alarms_notify(world: World, expected: State) -> None:
    assert world.judge("alarm-topics-have-audience").state is expected


def test_a_topic_that_nobody_hears_is_shown_by_its_pending_subscription() -> None:
    (result,) = heard(subscriptions=PENDING).judge("alarm-topics-have-audience").results
    assert "/pages/0/Subscriptions/0/SubscriptionArn" in {item.pointer for item in result.evidence}


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

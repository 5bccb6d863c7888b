"""Operational alarms that stand in the monitoring account which the metrics are shared with."""

from typing import Any

import pytest

from auditor.model import State
from tests.evaluate.checks.worlds import (
    MAY_PUBLISH,
    alarm,
    alarms,
    balancer_alarm,
    database,
    databases,
    limited,
    listened,
    load_balancers,
)
from tests.evaluate.kit import ACCOUNT, HOME, World, judge_together

MONITOR = "444455556666"
TOPIC_THERE = f"arn:aws:sns:{HOME}:{MONITOR}:on-call"
LINK = {
    "Arn": f"arn:aws:oam:{HOME}:{ACCOUNT}:link/1",
    "SinkArn": f"arn:aws:oam:{HOME}:{MONITOR}:sink/1",
    "ResourceTypes": ["AWS::CloudWatch::Metric"],
}


def linked(world: World) -> World:
    """Share the home Region's metrics, and have no alarm here."""
    return alarms(world).says("oam:ListLinks", {"Items": [LINK]}, region=HOME)


DATABASES = linked(limited(listened(databases(database("one")))))
BALANCERS = linked(load_balancers("TCP"))
CONNECTIONS = alarm("AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", "one")


def there(given: dict[str, Any], account: str = ACCOUNT, subscription: str = f"{TOPIC_THERE}:1") -> World:
    """Build the monitoring account: an alarm on the metric of an account, and somebody who hears of it."""
    metric = {key: given[key] for key in ("Namespace", "MetricName", "Dimensions")}
    query = {
        "Id": "m1",
        "AccountId": account,
        "MetricStat": {"Metric": metric, "Period": given["Period"], "Stat": given["Statistic"]},
    }
    over = {"Namespace": None, "MetricName": None, "Metrics": [query], "AlarmActions": [TOPIC_THERE]}
    confirmed = {"SubscriptionArn": subscription, "TopicArn": TOPIC_THERE, "Protocol": "email"}
    world = (
        World()
        .says("rds:DescribeDBInstances", {"DBInstances": []})
        .says("elbv2:DescribeLoadBalancers", {"LoadBalancers": []})
        .says("elb:DescribeLoadBalancers", {"LoadBalancerDescriptions": []})
        .says("sns:ListTopics", {"Topics": []})
        .says("sns:ListTopics", {"Topics": [{"TopicArn": TOPIC_THERE}]}, region=HOME)
        .says("sns:ListSubscriptionsByTopic", {"Subscriptions": [confirmed]}, region=HOME, TopicArn=TOPIC_THERE)
        .says("sns:GetTopicAttributes", {"Attributes": {"Policy": MAY_PUBLISH}}, region=HOME, TopicArn=TOPIC_THERE)
        .says("cloudwatch:ListAlarmMuteRules", {"AlarmMuteRuleSummaries": []})
        .says("oam:ListLinks", {"Items": []})
    )
    return alarms(world, given | over)


@pytest.mark.parametrize(
    ("control", "here", "given"),
    [
        pytest.param("rds-connections-alarm", DATABASES, CONNECTIONS, id="connections"),
        pytest.param("load-balancers-5xx-alarm", BALANCERS, balancer_alarm(), id="server-errors"),
    ],
)
def test_an_alarm_of_the_monitoring_account_counts(control: str, here: World, given: dict[str, Any]) -> None:
    def state(monitor: World | None) -> set[State]:
        worlds = {ACCOUNT: here} | ({MONITOR: monitor} if monitor is not None else {})
        results = judge_together(control, worlds).results
        return {one.state for one in results if one.account == ACCOUNT}

    assert state(there(given)) == {State.PASS}
    assert state(there(given, account="999900001111")) == {State.FAIL}
    assert state(there(given | {"Threshold": 1e9})) == {State.FAIL}
    assert state(there(given, subscription="PendingConfirmation")) == {State.FAIL}
    assert state(None) == {State.NOT_ASSESSED}

"""Judges whether somebody hears of alarms, and whether a rule undoes the worst mistake by itself."""

from collections.abc import Mapping
from typing import Any

from auditor.evaluate.checks.fields import counted, flag, optional_list, optional_text, some, text
from auditor.evaluate.patterns.delivery import envelope
from auditor.evaluate.patterns.errors import PatternError
from auditor.evaluate.patterns.event_pattern import parse_event_pattern
from auditor.evaluate.patterns.formula import holds
from auditor.evaluate.view import Subject
from auditor.model import Verdict, failed, not_applicable, not_assessed, passed

_ALARMS, _SUBSCRIPTIONS = "cloudwatch:DescribeAlarms", "sns:ListSubscriptionsByTopic"
_ACTING = ("lambda", "ssm", "states")
"""Services whose targets can change a security group."""
_SERVICE_FIELD = 2
"""Position of the service in an ARN."""
_OPENING = {
    "eventType": "AwsApiCall",
    "eventSource": "ec2.amazonaws.com",
    "eventName": "AuthorizeSecurityGroupIngress",
    "userIdentity": {"type": "AssumedRole"},
    "requestParameters": {
        "groupId": "sg-0123456789abcdef0",
        "ipPermissions": {
            "items": [
                {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}
            ]
        },
    },
}
"""The record that a rule has to catch: port 22 opened to everybody."""


def _confirmed(subject: Subject, topic: str) -> int:
    """Count the subscriptions of a topic that somebody confirmed; a pending one reaches nobody."""
    located = subject.evidence.located(_SUBSCRIPTIONS, "Subscriptions[]", region=subject.region)
    return sum(
        text(item, "SubscriptionArn").startswith("arn:")
        for record, item in located
        if dict(record.call.parameters)["TopicArn"] == topic
    )


def _topics_asked(subject: Subject) -> set[str]:
    return {
        str(dict(call.parameters)["TopicArn"]) for call in subject.evidence.calls(_SUBSCRIPTIONS, region=subject.region)
    }


def topic_has_audience(subject: Subject) -> Verdict:
    """Judge one topic that alarms notify: it has a confirmed subscription.

    Evidence: ``sns:ListTopics`` (population), ``sns:ListSubscriptionsByTopic``, ``cloudwatch:DescribeAlarms``.
    """
    topic = text(subject.item, "TopicArn")
    alarms = [
        item
        for path in ("MetricAlarms[]", "CompositeAlarms[]")
        for item in subject.evidence.items(_ALARMS, path, region=subject.region)
    ]
    confirmed = _confirmed(subject, topic)
    if not any(topic in optional_list(alarm, "AlarmActions") for alarm in alarms):
        return not_applicable("No alarm of the Region notifies the topic.")
    if not confirmed:
        return failed("Alarms notify the topic, and nobody has confirmed a subscription to it.", observed="no audience")
    return passed(f"The topic has {counted(confirmed, 'confirmed subscription')}.", observed=f"{confirmed} confirmed")


def composite_alarm_heard(subject: Subject) -> Verdict:
    """Judge one composite alarm: its actions are on and one of its topics has a confirmed subscription.

    Evidence: ``cloudwatch:DescribeAlarms`` (population), ``sns:ListSubscriptionsByTopic``.
    """
    actions = [str(action) for action in optional_list(subject.item, "AlarmActions")]
    heard = {topic for topic in actions if _confirmed(subject, topic)}
    if not flag(subject.item, "ActionsEnabled"):
        return failed("The actions of the composite alarm are disabled.", pointer="/ActionsEnabled")
    if not actions:
        return failed("The composite alarm has no action.", observed="no action")
    if heard:
        return passed(f"A confirmed subscription hears of it through {some(sorted(heard))}.", pointer="/AlarmActions")
    unseen = [topic for topic in actions if ":sns:" in topic and topic not in _topics_asked(subject)]
    if unseen:
        return not_assessed(
            f"Subscriptions of {some(unseen)} were not seen: the topic is in another account or Region."
        )
    return failed("No action of the composite alarm reaches a confirmed subscription.", pointer="/AlarmActions")


def opened_group_remediated(subject: Subject) -> Verdict:
    """Judge one Region: an enabled rule takes openings of security groups to something that can undo them.

    Evidence: ``events:ListRules``, ``events:ListTargetsByRule``.
    """
    view, region = subject.evidence, subject.region
    rules = [
        rule
        for rule in view.items("events:ListRules", "Rules[]", region=region)
        if text(rule, "State").startswith("ENABLED") and _catches_openings(rule, region)
    ]
    acting: list[str] = []
    for record, target in view.located("events:ListTargetsByRule", "Targets[]", region=region):
        service = (text(target, "Arn").split(":") + [""] * 3)[_SERVICE_FIELD]
        if service in _ACTING:
            acting.append(str(dict(record.call.parameters)["Rule"]))
    found = next((rule for rule in rules if text(rule, "Name") in acting), None)
    if found is not None:
        view.point(found)
        return passed(f"The rule {some([text(found, 'Name')])} takes openings of security groups to an acting target.")
    if rules:
        return failed("A rule catches openings of security groups, but no target of it can undo them.")
    return failed("No enabled rule catches openings of security groups.", observed="no rule")


def _catches_openings(rule: Mapping[str, Any], region: str) -> bool:
    pattern = optional_text(rule, "EventPattern")
    if not pattern:
        return False
    try:
        formula = parse_event_pattern(pattern).formula
    except PatternError:
        return False
    return holds(formula, envelope({**_OPENING, "awsRegion": region}))

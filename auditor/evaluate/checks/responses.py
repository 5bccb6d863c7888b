"""Judges whether somebody hears of alarms."""

from auditor.evaluate.checks.fields import counted, flag, optional_list, some, text
from auditor.evaluate.view import Subject
from auditor.model import Verdict, failed, not_applicable, not_assessed, passed

_ALARMS, _SUBSCRIPTIONS = "cloudwatch:DescribeAlarms", "sns:ListSubscriptionsByTopic"


def _confirmed(subject: Subject, topic: str) -> int:
    """Count the subscriptions of a topic that somebody confirmed; a pending one reaches nobody."""
    found = subject.evidence.items(_SUBSCRIPTIONS, "Subscriptions[]", region=subject.region, TopicArn=topic)
    return sum(text(item, "SubscriptionArn").startswith("arn:") for item in found)


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
    if not any(topic in optional_list(alarm, "AlarmActions") for alarm in alarms):
        return not_applicable("No alarm of the Region notifies the topic.")
    confirmed = _confirmed(subject, topic)
    if not confirmed:
        return failed("Alarms notify the topic, and nobody has confirmed a subscription to it.", observed="no audience")
    return passed(f"The topic has {counted(confirmed, 'confirmed subscription')}.", observed=f"{confirmed} confirmed")


def composite_alarm_heard(subject: Subject) -> Verdict:
    """Judge one composite alarm: its actions are on and one of its topics has a confirmed subscription.

    Evidence: ``cloudwatch:DescribeAlarms`` (population), ``sns:ListSubscriptionsByTopic``.
    """
    actions = [str(action) for action in optional_list(subject.item, "AlarmActions")]
    if not flag(subject.item, "ActionsEnabled"):
        return failed("The actions of the composite alarm are disabled.", pointer="/ActionsEnabled")
    if not actions:
        return failed("The composite alarm has no action.", observed="no action")
    asked = _topics_asked(subject)
    heard = {topic for topic in actions if topic in asked and _confirmed(subject, topic)}
    if heard:
        return passed(f"A confirmed subscription hears of it through {some(sorted(heard))}.", pointer="/AlarmActions")
    unseen = [topic for topic in actions if ":sns:" in topic and topic not in asked]
    if unseen:
        return not_assessed(
            f"Subscriptions of {some(unseen)} were not seen: the topic is in another account or Region."
        )
    return failed("No action of the composite alarm reaches a confirmed subscription.", pointer="/AlarmActions")

"""Judges whether somebody hears of alarms."""

from auditor.evaluate.checks.fields import counted, flag, mapping, optional_list, optional_text, some, text
from auditor.evaluate.library import EvidenceMissing
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
    """Judge one topic that alarms notify: it has a confirmed subscription, and CloudWatch can encrypt for it.

    The key ``alias/aws/sns`` belongs to SNS, and its policy lets no other service use it.

    Evidence: ``sns:ListTopics`` (population), ``sns:ListSubscriptionsByTopic``, ``cloudwatch:DescribeAlarms``,
    ``sns:GetTopicAttributes``.
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
    if _key_of(subject, topic).endswith(_OF_SNS):
        return failed(f"CloudWatch cannot use the key of the topic, {_OF_SNS}: {_TAKES_NOTHING}.", observed=_OF_SNS)
    return passed(f"The topic has {counted(confirmed, 'confirmed subscription')}.", observed=f"{confirmed} confirmed")


_OF_SNS = "alias/aws/sns"
_TAKES_NOTHING = "no message of an alarm reaches it"


def _key_of(subject: Subject, topic: str) -> str:
    page = subject.evidence.page("sns:GetTopicAttributes", region=subject.region, TopicArn=topic)
    return optional_text(mapping(page, "Attributes"), "KmsMasterKeyId")


def _silenced(subject: Subject) -> Verdict | None:
    """Return a failure where the actions of a composite alarm are not taken, or there are none."""
    if not flag(subject.item, "ActionsEnabled"):
        return failed("The actions of the composite alarm are disabled.", pointer="/ActionsEnabled")
    if by := optional_text(subject.item, "ActionsSuppressedBy"):
        who = optional_text(subject.item, "ActionsSuppressor") or "its suppressor"
        return failed(
            f"The actions of the composite alarm are kept back now by {some([who])} ({some([by])}).",
            observed=f"suppressed by {some([by])}",
            pointer="/ActionsSuppressedBy",
        )
    if not optional_list(subject.item, "AlarmActions"):
        return failed("The composite alarm has no action.", observed="no action")
    return None


def _taking(subject: Subject, topics: list[str]) -> tuple[list[str], EvidenceMissing | None]:
    """Return the topics that take what CloudWatch sends, and the first answer that is missing about another one."""
    found: list[str] = []
    missing: EvidenceMissing | None = None
    for topic in topics:
        try:
            if not _key_of(subject, topic).endswith(_OF_SNS):
                found.append(topic)
        except EvidenceMissing as signal:
            missing = missing or signal
    return found, missing


def composite_alarm_heard(subject: Subject) -> Verdict:
    """Judge one composite alarm: its actions are taken and one of its topics has a confirmed subscription.

    Evidence: ``cloudwatch:DescribeAlarms`` (population), ``sns:ListSubscriptionsByTopic``, ``sns:GetTopicAttributes``.
    """
    actions = [str(action) for action in optional_list(subject.item, "AlarmActions")]
    if silenced := _silenced(subject):
        return silenced
    asked = _topics_asked(subject)
    confirmed = sorted({topic for topic in actions if topic in asked and _confirmed(subject, topic)})
    heard, missing = _taking(subject, confirmed)
    if heard:
        return passed(f"A confirmed subscription hears of it through {some(heard)}.", pointer="/AlarmActions")
    if missing is not None:
        raise missing
    unseen = [topic for topic in actions if ":sns:" in topic and topic not in asked]
    if unseen:
        return not_assessed(
            f"Subscriptions of {some(unseen)} were not seen: the topic is in another account or Region."
        )
    if confirmed:
        return failed(f"CloudWatch cannot use the key of {some(confirmed)}, {_OF_SNS}: {_TAKES_NOTHING}.")
    return failed("No action of the composite alarm reaches a confirmed subscription.", pointer="/AlarmActions")

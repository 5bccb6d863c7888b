"""Judges whether somebody hears of alarms."""

from collections.abc import Mapping
from typing import Any

from auditor.base.counts import counted
from auditor.evaluate.checks.alarm_facts import mute_rules
from auditor.evaluate.checks.fields import flag, mapping, optional_list, optional_text, some, text
from auditor.evaluate.checks.target_facts import Keys
from auditor.evaluate.missing import EvidenceMissing
from auditor.evaluate.subject import Subject
from auditor.model import State as Result
from auditor.model import Verdict, failed, not_applicable, not_assessed, passed
from auditor.monitoring.chain.actions import kept_back_now
from auditor.monitoring.chain.facts import Facts, Topic
from auditor.monitoring.chain.link import State
from auditor.monitoring.chain.topics import CLOUDWATCH, Sender, accepts
from auditor.policies.document import read_policy

_ALARMS, _SUBSCRIPTIONS = "cloudwatch:DescribeAlarms", "sns:ListSubscriptionsByTopic"


def _confirmed(subject: Subject, topic: str) -> int:
    """Count the subscriptions of a topic that somebody confirmed; a pending one reaches nobody."""
    return sum(text(item, "SubscriptionArn").startswith("arn:") for item in _subscriptions(subject, topic))


def _subscriptions(subject: Subject, topic: str) -> tuple[Any, ...]:
    return subject.evidence.items(_SUBSCRIPTIONS, "Subscriptions[]", region=subject.region, TopicArn=topic)


def _topics_asked(subject: Subject) -> set[str]:
    return {
        str(dict(call.parameters)["TopicArn"]) for call in subject.evidence.calls(_SUBSCRIPTIONS, region=subject.region)
    }


def topic_has_audience(subject: Subject) -> Verdict:
    """Judge one topic that alarms notify: a confirmed subscription, CloudWatch may publish, an alarm not muted.

    The key ``alias/aws/sns``, by whatever name, belongs to SNS, and its policy lets no other service use it.

    Evidence: ``sns:ListTopics`` (population), ``sns:ListSubscriptionsByTopic``, ``cloudwatch:DescribeAlarms``,
    ``sns:GetTopicAttributes``; consulted are mute rules and keys.
    """
    topic = text(subject.item, "TopicArn")
    alarms = [
        item
        for path in ("MetricAlarms[]", "CompositeAlarms[]", "not_null(LogAlarms, `[]`)[]")
        for item in subject.evidence.items(_ALARMS, path, region=subject.region)
        if topic in optional_list(item, "AlarmActions")
    ]
    if not alarms:
        return not_applicable("No alarm of the Region notifies the topic.")
    confirmed = _confirmed(subject, topic)
    if not confirmed:
        for pending in _subscriptions(subject, topic)[:1]:
            subject.evidence.point(pending, suffix="/SubscriptionArn")
        return failed("Alarms notify the topic, and nobody has confirmed a subscription to it.", observed="no audience")
    known = _known(subject, topic)
    doubts = [doubt for alarm in alarms if (doubt := _doubt(subject, known, alarm)) is not None]
    worst = next((doubt for doubt in doubts if doubt.state is Result.FAIL), doubts[0] if doubts else None)
    return (
        worst
        or _all_muted(subject, alarms)
        or passed(f"The topic has {counted(confirmed, 'confirmed subscription')}.", observed=f"{confirmed} confirmed")
    )


def _known(subject: Subject, topic: str) -> Topic:
    """Return the policy and the key of a topic.

    Raises:
        EvidenceMissing: the attributes of the topic are missing.
    """
    page = subject.evidence.page("sns:GetTopicAttributes", region=subject.region, TopicArn=topic)
    attributes = mapping(page, "Attributes")
    key = optional_text(attributes, "KmsMasterKeyId")
    cipher = Keys(subject.evidence).of(key, topic) if key else None
    return Topic(topic, read_policy(text(attributes, "Policy")), key=key, cipher=cipher)


def _doubt(subject: Subject, topic: Topic, alarm: Mapping[str, Any]) -> Verdict | None:
    """Return why a topic does not take what an alarm sends, or may not; None where its policy and its key let it."""
    name = optional_text(alarm, "AlarmArn")
    link = accepts(topic, Sender(CLOUDWATCH, subject.account.id, name if name.startswith("arn:") else ""))
    if link.state is State.OK:
        return None
    judge = failed if link.state is State.BROKEN else not_assessed
    return judge(
        f"{link.sentence} So it is for the alarm {some([optional_text(alarm, 'AlarmName')])}.",
        observed=some([topic.key]) if topic.key else "",
    )


def _kept_back(subject: Subject, name: str) -> tuple[State, str] | None:
    """Say what mute rules do to an alarm of the subject's Region."""
    mutes, unread = mute_rules(subject.evidence)
    about = subject.account
    facts = Facts(about.id, about.partition, about.regions, subject.as_of, mutes=mutes, unread_mutes=unread)
    found = kept_back_now(name, subject.region, facts)
    return found if found is not None and found[0] is not State.OK else None


def _all_muted(subject: Subject, alarms: list[Mapping[str, Any]]) -> Verdict | None:
    """Return a verdict where mute rules keep back, or may, each alarm that notifies a topic."""
    found = {text(alarm, "AlarmName"): _kept_back(subject, text(alarm, "AlarmName")) for alarm in alarms}
    kept = [(name, answer) for name, answer in found.items() if answer is not None]
    if len(kept) < len(found):
        return None
    for name, (state, why) in kept:
        if state is State.UNKNOWN:
            return not_assessed(f"The actions of the alarm {some([name])} can be kept back: {why}.")
    return failed(
        f"The actions of all alarms that notify the topic are not always taken: {kept[0][1][1]}.", observed="muted"
    )


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


def _taking(subject: Subject, topics: list[str]) -> tuple[list[str], list[Verdict], EvidenceMissing | None]:
    """Return topics that take what CloudWatch sends, doubts over others, and the first answer that is missing."""
    found: list[str] = []
    doubts: list[Verdict] = []
    missing: EvidenceMissing | None = None
    for topic in topics:
        try:
            doubt = _doubt(subject, _known(subject, topic), subject.item)
        except EvidenceMissing as signal:
            missing = missing or signal
            continue
        if doubt is None:
            found.append(topic)
        else:
            doubts.append(doubt)
    return found, doubts, missing


def composite_alarm_heard(subject: Subject) -> Verdict:
    """Judge one composite alarm: its actions are taken and one of its topics has a confirmed subscription.

    Evidence: ``cloudwatch:DescribeAlarms`` (population), ``sns:ListSubscriptionsByTopic``, ``sns:GetTopicAttributes``;
    consulted are mute rules and keys.
    """
    if silenced := _silenced(subject):
        return silenced
    name = text(subject.item, "AlarmName")
    back = _kept_back(subject, name)
    if back is not None and back[0] is State.BROKEN:
        return failed(f"The actions of the composite alarm are not always taken: {back[1]}.", observed="muted")
    verdict = _reached(subject)
    if verdict.state is Result.PASS and back is not None:
        return not_assessed(f"The actions of the composite alarm can be kept back: {back[1]}.")
    return verdict


def _reached(subject: Subject) -> Verdict:
    """Judge whether a topic of a composite alarm hands its messages to somebody."""
    actions = [str(action) for action in optional_list(subject.item, "AlarmActions")]
    asked = _topics_asked(subject)
    confirmed = sorted({topic for topic in actions if topic in asked and _confirmed(subject, topic)})
    heard, doubts, missing = _taking(subject, confirmed)
    if heard:
        return passed(f"A confirmed subscription hears of it through {some(heard)}.", pointer="/AlarmActions")
    if missing is not None:
        raise missing
    unseen = [topic for topic in actions if ":sns:" in topic and topic not in asked]
    if unseen:
        return not_assessed(
            f"Subscriptions of {some(unseen)} were not seen: the topic is in another account or Region."
        )
    if doubts:
        return next((doubt for doubt in doubts if doubt.state is Result.NOT_ASSESSED), doubts[0])
    return failed("No action of the composite alarm reaches a confirmed subscription.", pointer="/AlarmActions")

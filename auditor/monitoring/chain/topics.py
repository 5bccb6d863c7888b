"""Whether a topic takes messages from CloudWatch or EventBridge and hands them to a confirmed subscriber.

Source: Amazon SNS Developer Guide, "Example cases for access control" and "Managing Amazon SNS encryption keys and
costs": a publishing service needs ``kms:GenerateDataKey*`` and ``kms:Decrypt`` by the key's policy, which AWS's own key
``alias/aws/sns`` grants to no other service.
"""

from dataclasses import dataclass

from auditor.base.counts import counted
from auditor.monitoring.chain.facts import Topic
from auditor.monitoring.chain.link import Link, State
from auditor.policies.access import Request, allows
from auditor.policies.document import Policy

CLOUDWATCH = "cloudwatch.amazonaws.com"
EVENTBRIDGE = "events.amazonaws.com"

_WORKING = frozenset({"Enabled", "Updating"})
"""States of a key in which it encrypts: KMS Developer Guide, "Key states of AWS KMS keys"."""
_KEY_ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who hands something on: the service, the account, and the alarm's or rule's ARN; empty when it is not known."""

    service: str
    account: str
    source: str = ""


def judge_topic(topic: Topic | None, arn: str, sender: Sender, *, known: bool) -> tuple[Link, Link]:
    """Return the links "action" and "subscriber" for a topic that an alarm or rule names.

    Args:
        topic: what is known of it; None when the audit did not find it.
        arn: as the alarm or rule names it.
        sender: who publishes.
        known: whether the run has the evidence of the topic's account.
    """
    name = arn.rpartition(":")[2]
    if topic is None:
        if not known:
            owner = arn.split(":")[4] if arn.count(":") >= 5 else "that the ARN does not name"  # noqa: PLR2004 - an ARN has six parts
            sentence = f"The topic {name} belongs to account {owner}, which has to be looked at there."
            return Link("action", State.UNKNOWN, name, sentence), Link.not_reached("subscriber")
        sentence = f"The topic {name} does not exist."
        return Link("action", State.BROKEN, name, sentence), Link.not_reached("subscriber")
    action, people = accepts(topic, sender), _subscriber(topic)
    # that nobody is told is known also where it is not whether the topic takes messages
    if action.state is State.BROKEN or (action.state is State.UNKNOWN and people.state is not State.BROKEN):
        return action, Link.not_reached("subscriber")
    return action, people


def accepts(topic: Topic, sender: Sender) -> Link:
    """Return the link "action" of a topic that is known: whether its policy and its key let a service publish."""
    service = sender.service

    def link(state: State, sentence: str) -> Link:
        refs = (topic.ref, topic.cipher.ref) if topic.cipher is not None and topic.cipher.ref else (topic.ref,)
        return Link("action", state, topic.name, sentence, refs)

    if topic.policy is None:
        return link(State.UNKNOWN, f"The access policy of the topic {topic.name} could not be read.")
    allowed = allows(topic.policy, Request(service, "sns:Publish", topic.arn, sender.account, sender.source))
    if allowed is None:
        return link(
            State.UNKNOWN,
            f"Whether the policy of the topic {topic.name} lets {service} publish {left_open(topic.policy)}.",
        )
    if not allowed:
        return link(State.BROKEN, f"The policy of the topic {topic.name} does not let {service} publish.")
    if not topic.key:
        return link(State.OK, f"The topic {topic.name} takes messages from {service}.")
    return link(*_may_encrypt(topic, sender))


def left_open(policy: Policy) -> str:
    """Say why a policy gives no answer: what in it cannot be read, or that conditions decide."""
    return f"is not known: {policy.fault}" if policy.unreadable else "depends on conditions"


def _may_encrypt(topic: Topic, sender: Sender) -> tuple[State, str]:
    """Say whether the key of an encrypted topic lets a service encrypt what it sends."""
    key, service = topic.cipher, sender.service
    if topic.key.endswith("alias/aws/sns") or (key is not None and key.aws_managed):
        return State.BROKEN, f"The topic {topic.name} is encrypted with alias/aws/sns, which {service} may not use."
    if key is not None and key.state not in _WORKING:
        return State.BROKEN, f"The topic {topic.name} is encrypted with a key that is {key.state}: nothing goes out."
    if key is None or key.policy is None:
        why = f": {key.unread}" if key is not None and key.unread else " was not looked at"
        return State.UNKNOWN, f"Whether {service} may use the key of the topic {topic.name}{why}."
    answers = [
        allows(key.policy, Request(service, action, key.arn, sender.account, sender.source)) for action in _KEY_ACTIONS
    ]
    if False in answers:
        action = _KEY_ACTIONS[answers.index(False)]
        return (
            State.BROKEN,
            f"The policy of the key of the topic {topic.name} does not let {service} use it ({action}).",
        )
    if None in answers:
        return (
            State.UNKNOWN,
            f"Whether the policy of the key of the topic {topic.name} lets {service} use it {left_open(key.policy)}.",
        )
    return State.OK, f"The topic {topic.name} takes messages from {service}, which may use its key."


def _subscriber(topic: Topic) -> Link:
    confirmed = [one for one in topic.subscriptions if one.confirmed]
    if confirmed:
        ways = ", ".join(sorted({one.protocol for one in confirmed}))
        number = counted(len(confirmed), "confirmed subscription")
        return Link(
            "subscriber",
            State.OK,
            ways,
            f"The topic {topic.name} has {number} ({ways}).",
            tuple(one.ref for one in confirmed[:2]),
        )
    if topic.unread:
        sentence = f"Whether the topic {topic.name} has a confirmed subscription is not known: {topic.unread}."
        return Link("subscriber", State.UNKNOWN, topic.name, sentence, (topic.ref,))
    pending = len(topic.subscriptions)
    has = counted(pending, "unconfirmed subscription") if pending else "no subscriptions"
    sentence = f"The topic {topic.name} has {has} and no confirmed one: nobody is told."
    refs = tuple(one.ref for one in topic.subscriptions[:2]) or (topic.ref,)
    return Link("subscriber", State.BROKEN, topic.name, sentence, refs)

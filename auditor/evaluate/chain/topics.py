"""Whether a topic takes messages from CloudWatch or EventBridge and hands them to a confirmed subscriber.

Source: Amazon SNS Developer Guide, "Example cases for access control" and "Server-side encryption": the AWS managed
key
``alias/aws/sns`` cannot be used by other services.
"""

import fnmatch
from collections.abc import Mapping
from typing import Any

from auditor.evaluate.chain.facts import Topic
from auditor.evaluate.chain.link import Link, State

CLOUDWATCH = "cloudwatch.amazonaws.com"
EVENTBRIDGE = "events.amazonaws.com"

_HARMLESS_CONDITIONS = frozenset({"aws:sourceowner", "aws:sourceaccount", "aws:sourcearn", "aws:principalorgid"})
"""Conditions that the owner's own alarms fulfil when they name the owner."""


def judge_topic(topic: Topic | None, arn: str, service: str, account: str) -> tuple[Link, Link]:
    """Return the links "action" and "subscriber" for a topic that an alarm or rule names.

    Args:
        topic: what is known of it; None when the audit did not find it.
        arn: as the alarm or rule names it.
        service: who publishes.
        account: the audited account.
    """
    name = arn.rpartition(":")[2]
    if topic is None:
        owner = arn.split(":")[4] if arn.count(":") >= 5 else ""  # noqa: PLR2004 - an ARN has six parts
        if owner and owner != account:
            sentence = f"The topic {name} belongs to account {owner}, which has to be looked at there."
            return Link("action", State.UNKNOWN, name, sentence), Link.not_reached("subscriber")
        sentence = f"The topic {name} does not exist."
        return Link("action", State.BROKEN, name, sentence), Link.not_reached("subscriber")
    action = _accepts(topic, service, account)
    if action.state is not State.OK:
        return action, Link.not_reached("subscriber")
    return action, _subscriber(topic)


def _accepts(topic: Topic, service: str, account: str) -> Link:
    def link(state: State, sentence: str) -> Link:
        return Link("action", state, topic.name, sentence, (topic.ref,))

    if topic.key.endswith("alias/aws/sns"):
        return link(
            State.BROKEN, f"The topic {topic.name} is encrypted with alias/aws/sns, which {service} may not use."
        )
    if topic.policy is None:
        return link(State.UNKNOWN, f"The access policy of the topic {topic.name} could not be read.")
    allowed = may_publish(topic.policy, service, account)
    if allowed is None:
        return link(
            State.UNKNOWN, f"Whether the policy of the topic {topic.name} lets {service} publish depends on conditions."
        )
    if not allowed:
        return link(State.BROKEN, f"The policy of the topic {topic.name} does not let {service} publish.")
    if topic.key:
        return link(State.UNKNOWN, f"Whether {service} may use the key of the topic {topic.name} was not looked at.")
    return link(State.OK, f"The topic {topic.name} takes messages from {service}.")


def _subscriber(topic: Topic) -> Link:
    confirmed = [one for one in topic.subscriptions if one.confirmed]
    if confirmed:
        ways = ", ".join(sorted({one.protocol for one in confirmed}))
        number = f"{len(confirmed)} confirmed subscription{'s' if len(confirmed) > 1 else ''}"
        return Link(
            "subscriber",
            State.OK,
            ways,
            f"The topic {topic.name} has {number} ({ways}).",
            tuple(one.ref for one in confirmed[:2]),
        )
    pending = len(topic.subscriptions)
    why = f"{pending} unconfirmed" if pending else "no"
    noun = "subscription" if pending == 1 else "subscriptions"
    sentence = f"The topic {topic.name} has {why} {noun} and no confirmed one: nobody is told."
    refs = tuple(one.ref for one in topic.subscriptions[:2]) or (topic.ref,)
    return Link("subscriber", State.BROKEN, topic.name, sentence, refs)


def may_publish(policy: Mapping[str, Any], service: str, account: str) -> bool | None:
    """Say whether a topic policy lets a service of the same account publish; None when conditions decide."""
    statements = policy.get("Statement", [])
    statements = [statements] if isinstance(statements, Mapping) else statements
    answers: list[bool | None] = []
    for statement in statements if isinstance(statements, list) else ():
        if not isinstance(statement, Mapping) or not _about(statement, service):
            continue
        if statement.get("Effect") == "Deny":
            if not statement.get("Condition"):
                return False
            answers.append(None)
        elif statement.get("Effect") == "Allow":
            answers.append(_conditions_hold(statement.get("Condition"), account))
    if None in answers and (True not in answers or _denies(statements)):
        return None
    return True in answers


def _denies(statements: Any) -> bool:
    return any(isinstance(one, Mapping) and one.get("Effect") == "Deny" for one in statements)


def _about(statement: Mapping[str, Any], service: str) -> bool:
    actions = _texts(statement.get("Action"))
    if not any(fnmatch.fnmatchcase("sns:publish", action.lower()) for action in actions):
        return False
    principal = statement.get("Principal")
    if principal == "*":
        return True
    if not isinstance(principal, Mapping):
        return False
    return service in _texts(principal.get("Service")) or "*" in _texts(principal.get("AWS"))


def _texts(value: Any) -> list[str]:
    return (
        [value]
        if isinstance(value, str)
        else [one for one in value if isinstance(one, str)]
        if isinstance(value, list)
        else []
    )


def _conditions_hold(condition: Any, account: str) -> bool | None:
    if not condition:
        return True
    if not isinstance(condition, Mapping):
        return None
    for tests in condition.values():
        for key, values in tests.items() if isinstance(tests, Mapping) else ():
            if str(key).lower() not in _HARMLESS_CONDITIONS:
                return None
            if not any(account in one or one == "*" for one in _texts(values)):
                return None
    return True

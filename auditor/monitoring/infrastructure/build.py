"""Joins resources of the code to the facts that the chain is judged on, in the better or the worse of two worlds.

``taking`` says what the worlds are. Nothing is taken for granted that the code contradicts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from auditor.monitoring.chain.facts import (
    Facts,
    Filter,
    Group,
    Key,
    MuteRule,
    Reaction,
    Series,
    Subscription,
    Topic,
    Trail,
)
from auditor.monitoring.infrastructure import as_aws
from auditor.monitoring.infrastructure.deployed import TAKEN, deployed
from auditor.monitoring.infrastructure.taking import ALLOWED, NOW, OUTSIDE, Taken, as_group
from auditor.monitoring.infrastructure.values import ACCOUNT, REGION, Code, Resource, Unknown, unknowns
from auditor.policies.document import Policy

_MOST_PAIRS = 20_000
"""Filters and alarms with open names that are tried against each other."""


@dataclass(slots=True)
class Built:
    """The facts of one world, and what an answer about them needs."""

    facts: Facts
    invalid: tuple[str, ...]
    assumed: tuple[str, ...]
    by_name: Mapping[str, list[Resource]]
    open_filters: tuple[tuple[Filter, Unknown], ...]
    open_rules: tuple[Unknown, ...]
    patterns: Mapping[str, list[str]]

    def named_by_pattern(self, text: str) -> list[str]:
        """Return the names of the filters that have a pattern."""
        return self.patterns.get(text, [])


def build(code: Code, *, hopeful: bool) -> Built:
    """Gather the facts of one of the two worlds."""
    taken = Taken(code, hopeful=hopeful)
    for resource in code.resources:
        taken.take(resource)
    return _joined(taken)


def _joined(taken: Taken) -> Built:
    """Join what was taken to the facts of a world."""
    _aim(taken)
    _apply_policies(taken)
    if taken.hopeful and taken.open_names:
        _join(taken)
    taken.assumed["Subscribers are taken to confirm."] = None
    trails, groups = _delivery(taken)
    facts = Facts(
        account=ACCOUNT,
        partition="aws",
        regions=(REGION,),
        as_of=NOW,
        trails=trails,
        groups=groups,
        filters=tuple(taken.filters),
        alarms=tuple(taken.alarms),
        composites=tuple(taken.composites),
        mutes=tuple(replace(one, alarms=_muted(taken, one)) for one in taken.mutes),
        topics=_reachable(taken),
        rules=tuple(taken.rules.values()),
        reactions=taken.reactions,
    )
    return Built(
        facts,
        tuple(taken.invalid),
        tuple(taken.assumed),
        taken.by_name,
        tuple(taken.open_filters),
        tuple(taken.open_rules),
        taken.patterns,
    )


def _apply_policies(taken: Taken) -> None:
    """Give topics the policies that stand apart from them, and the keys of this code their own."""
    for resource, named in sorted(taken.policies, key=lambda one: any(True for _ in unknowns(one[1]))):
        document = taken.policy_of(resource.properties.get("PolicyDocument"))
        topics = as_aws.listed(named)
        if any(True for _ in unknowns(named)):  # the policy of any topic, or of none of these
            document, topics = (ALLOWED if taken.hopeful else None), list(taken.topics)
        for arn in topics:
            if arn in taken.topics and not (resource.exists is not None and document is None):
                taken.topics[arn] = replace(taken.topics[arn], policy=document)
                taken.known_as(resource, taken.topics[arn].name)
    for arn, topic in taken.topics.items():
        named = taken.key_names.get(topic.key, topic.key)
        if (values := taken.keys.get(named)) is not None:
            off = as_aws.truth(values.get("Enabled")) is False
            cipher = Key(named, taken.policy_of_key(named, values), state="Disabled" if off else "Enabled")
            taken.topics[arn] = replace(topic, cipher=cipher)
    for arn, topic in taken.topics.items():
        own = _deployed(taken, arn, topic.policy)
        key = topic.cipher and replace(topic.cipher, policy=_deployed(taken, arn, topic.cipher.policy))
        taken.topics[arn] = replace(topic, policy=own, cipher=key)


def _deployed(taken: Taken, topic: str, policy: Policy | None) -> Policy | None:
    """Return a policy of a topic, or of its key, as it will stand where the code is deployed."""
    if policy is None:
        return None
    found = deployed(policy, taken.written[topic], topic, taken.topics, hopeful=taken.hopeful)
    if found != policy:
        taken.assumed[TAKEN] = None
    return found


def _reachable(taken: Taken) -> dict[str, Topic]:
    """Return the topics, those outside this code too, each with somebody who listens."""
    used = {arn for alarm in taken.alarms for arn in alarm.actions}
    used |= {arn for composite in taken.composites for arn in composite.actions}
    used |= {arn for rule in taken.rules.values() for arn in rule.targets}
    found = dict(taken.topics)
    declared = {one.address for one in taken.code.resources if one.kind == "AWS::SNS::Topic"} | taken.code.absent
    for arn in used:
        service, name = (arn.split(":", 5) + [""] * 6)[2:6:3]
        if service == "sns" and arn not in found and name not in declared:
            if arn != OUTSIDE:
                taken.assumed["Actions and targets outside this code are taken to reach somebody."] = None
            found[arn] = Topic(arn, ALLOWED)
        elif service in {"lambda", "states"} and arn not in taken.reactions:
            taken.reactions[arn] = Reaction(arn, exists=True, policy=ALLOWED)
    listening = Subscription("arn:taken-to-confirm", "as the code says")
    return {arn: replace(one, subscriptions=one.subscriptions or (listening,)) for arn, one in found.items()}


def _join(taken: Taken) -> None:
    """Let open names be the ones that fit: an alarm with an open namespace may watch any filter's metric."""
    if len(taken.alarms) * (len(taken.filters) + len(taken.open_filters)) > _MOST_PAIRS:
        return
    opened = {f"{one.scope}{one.name}" for resource in taken.code.resources for one in unknowns(resource.properties)}
    for alarm in list(taken.alarms):
        for one in (*taken.filters, *(made for made, _ in taken.open_filters)):
            if len(alarm.series) == 1 and _may_be(alarm.series[0], one, opened):
                series = replace(alarm.series[0], namespace=one.namespace, metric=one.metric)
                if series != alarm.series[0]:
                    taken.alarms.append(replace(alarm, series=(series,)))


def _muted(taken: Taken, rule: MuteRule) -> frozenset[str] | None:
    """Return the names of the alarms that a rule mutes, whichever way the code refers to them."""
    if rule.alarms is None:
        return None
    known = {alarm.arn: alarm.name for alarm in taken.alarms} | {one.arn: one.name for one in taken.composites}
    return frozenset(known.get(name, name) for name in rule.alarms)


def _delivery(taken: Taken) -> tuple[tuple[Trail, ...], tuple[Group, ...]]:
    """Return the trails: those of the code, and one that is assumed where the code does not contradict."""
    names = list(dict.fromkeys(one.group for one in (*taken.filters, *(made for made, _ in taken.open_filters))))
    delivering = {trail.group_arn.split(":")[6] for trail in taken.trails if trail.group_arn}
    opened = {
        as_group(f"{one.scope}{one.name}") for resource in taken.code.resources for one in unknowns(resource.properties)
    }
    found = list(taken.trails)
    for name in names or ["the log group"]:
        contradicted = name in delivering or (
            bool(delivering) and not (taken.hopeful and (name in opened or delivering & opened))
        )
        contradicted = contradicted or (bool(taken.trails) and not taken.hopeful and not delivering)
        if not contradicted:
            found.append(_assumed_trail(name))
            taken.assumed["The trail is taken to deliver all management events to the log groups of the filters."] = (
                None
            )
    groups = [
        taken.groups.get(name, Group(name, REGION)) for name in dict.fromkeys((*names, *delivering, "the log group"))
    ]
    return tuple(found), tuple(groups)


def _aim(taken: Taken) -> None:
    """Hang targets that are resources of their own on their rules."""
    for rule, arn in taken.targets:
        for address, known in taken.rules.items():
            if rule in {address, known.name} or (isinstance(rule, Unknown) and taken.hopeful):
                found = taken.actions(arn if isinstance(arn, Unknown) else [arn])
                taken.rules[address] = replace(known, targets=(*known.targets, *found))


def _may_be(series: Series, one: Filter, opened: set[str]) -> bool:
    pairs = ((series.namespace, one.namespace), (series.metric, one.metric))
    return all(left == right or left in opened or right in opened for left, right in pairs)


def _assumed_trail(group: str) -> Trail:
    return Trail(
        arn=f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/{group}",
        home_region=REGION,
        multi_region=True,
        organization=True,
        group_arn=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:*",
        delivered=NOW,
    )

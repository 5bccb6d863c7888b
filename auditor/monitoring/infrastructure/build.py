"""Turns resources of the code into the facts that the chain is judged on, in the better or the worse of two worlds.

In the better one every open value is as good as it can be; in the worse one whatever hangs on an open value is not
there, and what could stand in the way does. Nothing is taken for granted that the code contradicts.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from auditor.monitoring.chain.facts import (
    Alarm,
    Composite,
    Facts,
    Filter,
    Group,
    Key,
    MuteRule,
    Reaction,
    Rule,
    Series,
    Subscription,
    Topic,
    Trail,
)
from auditor.monitoring.infrastructure import as_aws
from auditor.monitoring.infrastructure.queries import open_in_queries, read_series
from auditor.monitoring.infrastructure.trails import trail_of
from auditor.monitoring.infrastructure.values import ACCOUNT, REGION, Code, Resource, Unknown, text_of, unknowns
from auditor.monitoring.patterns.errors import PatternError, TooComplexError
from auditor.monitoring.patterns.pattern import parse_filter, parse_rule
from auditor.policies.document import Policy, read_policy

NOW = datetime(2000, 1, 1, tzinfo=UTC)
"""Code has no time; delivery is taken to be current."""

_ALLOWED = read_policy({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*"}})
"""Stands for the policy that AWS gives a topic without one, and for those of functions and keys that are not read."""

_OUTSIDE = text_of("AWS::SNS::Topic", "a topic outside this code", "arn", None)
_MATCHES_NOTHING = '{ $.eventName = "" }'
_DETECTORS = ("AWS::Logs::MetricFilter", "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
_MAY_HARM = frozenset(
    {"AWS::CloudWatch::AlarmMuteRule", "AWS::SNS::TopicPolicy", "AWS::CloudTrail::Trail", "AWS::Logs::LogGroup"}
)
"""What counts against something where it exists: in the better world one that may not exist does not."""

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
    builder = _Builder(code, hopeful=hopeful)
    for resource in code.resources:
        builder.take(resource)
    return builder.built()


@dataclass(slots=True)
class _Builder:
    code: Code
    hopeful: bool
    filters: list[Filter] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    composites: list[Composite] = field(default_factory=list)
    mutes: list[MuteRule] = field(default_factory=list)
    rules: dict[str, Rule] = field(default_factory=dict)
    topics: dict[str, Topic] = field(default_factory=dict)
    trails: list[Trail] = field(default_factory=list)
    groups: dict[str, Group] = field(default_factory=dict)
    reactions: dict[str, Reaction] = field(default_factory=dict)
    assumed: dict[str, None] = field(default_factory=dict)
    invalid: dict[str, None] = field(default_factory=dict)
    by_name: dict[str, list[Resource]] = field(default_factory=dict)
    open_filters: list[tuple[Filter, Unknown]] = field(default_factory=list)
    open_rules: list[Unknown] = field(default_factory=list)
    patterns: dict[str, list[str]] = field(default_factory=dict)
    targets: list[tuple[Any, Any]] = field(default_factory=list)
    policies: list[Resource] = field(default_factory=list)
    keys: dict[str, Any] = field(default_factory=dict)
    open_names: bool = False

    def take(self, resource: Resource) -> None:
        """Take one resource, unless it is one that only counts in the other world."""
        harms = resource.kind in _MAY_HARM
        if resource.exists is not None and self.hopeful is harms:
            return
        method = _METHODS.get(resource.kind)
        if method is not None:
            method(self, resource, resource.properties)

    # -- values

    def text(self, value: Any, otherwise: str) -> str:
        """Return a name; an open one goes by what the code calls it, if that can be relied on."""
        if isinstance(value, Unknown):
            self.open_names = True
            if value.missing and not self.hopeful:
                return f"{value.name} of {otherwise}"
            return f"{value.scope}{value.name}"
        return str(value) if isinstance(value, str | int | float) and str(value) else otherwise

    def lacks(self, values: Mapping[str, Any], names: Iterable[str]) -> bool:
        """Say whether a resource cannot be relied on, because one of its values is open."""
        return not self.hopeful and any(True for name in names for _ in unknowns(values.get(name)))

    def known_as(self, resource: Resource, *names: str) -> None:
        for name in dict.fromkeys((resource.address, *names)):
            self.by_name.setdefault(name, []).append(resource)

    def refuse(self, resource: Resource, words: str) -> None:
        place = f" ({resource.place})" if resource.place else ""
        self.invalid[f"{resource.address}{place}: {words}"] = None

    def parse(self, resource: Resource, pattern: str, read: Callable[[str], Any]) -> None:
        try:
            read(pattern)
        except PatternError as error:
            self.refuse(resource, error.message)
        except TooComplexError as error:
            self.assumed[f"{resource.address}: {error}"] = None

    # -- filters

    def filter(self, resource: Resource, values: Mapping[str, Any]) -> None:
        pattern = values.get("FilterPattern")
        name = _called(values.get("FilterName"), resource)
        self.known_as(resource, name)
        known = pattern if isinstance(pattern, str) else _MATCHES_NOTHING
        if isinstance(pattern, str):
            self.parse(resource, pattern, parse_filter)
            self.patterns.setdefault(pattern, []).append(name)
        elif not isinstance(pattern, Unknown):
            self.refuse(resource, "it has no pattern")
            return
        if self.lacks(values, ("ApplyOnTransformedLogs", "FieldSelectionCriteria", "EmitSystemFieldDimensions")):
            return
        changes = values.get("MetricTransformations")
        for change in changes if isinstance(changes, list) else [changes]:
            made = self.transformation(resource, name, known, values, change)
            if made is not None and isinstance(pattern, Unknown):
                self.open_filters.append((made, pattern))
            elif made is not None:
                self.filters.append(made)

    def transformation(
        self, resource: Resource, name: str, pattern: str, values: Mapping[str, Any], change: Any
    ) -> Filter | None:
        if isinstance(change, Unknown) or not isinstance(change, Mapping):
            change = {"MetricName": change, "MetricNamespace": change} if isinstance(change, Unknown) else {}
        if self.lacks(change, ("MetricValue", "DefaultValue", "Unit", "Dimensions")):
            return None
        return Filter(
            name=name,
            group=self.group_name(values.get("LogGroupName")),
            region=REGION,
            pattern=pattern,
            namespace=self.text(change.get("MetricNamespace"), f"the namespace of {resource.address}"),
            metric=self.text(change.get("MetricName"), f"the metric of {resource.address}"),
            value=as_aws.text(change.get("MetricValue"), "1"),
            default=as_aws.number(change.get("DefaultValue")),
            unit=as_aws.text(change.get("Unit"), "").removesuffix("None"),
            dimensions=frozenset(as_aws.dimension_names(change.get("Dimensions")))
            | frozenset(map(str, as_aws.listed(values.get("EmitSystemFieldDimensions")))),
            selection=as_aws.text(values.get("FieldSelectionCriteria"), ""),
            transformed=as_aws.truth(values.get("ApplyOnTransformedLogs")) is True,
        )

    def group_name(self, value: Any) -> str:
        text = self.text(value, "the log group")
        if isinstance(value, Unknown):
            return _as_group(text)
        return text.split(":")[6] if text.startswith("arn:") and text.count(":") > 5 else text  # noqa: PLR2004

    # -- alarms

    def alarm(self, resource: Resource, values: Mapping[str, Any]) -> None:
        name = _called(values.get("AlarmName"), resource)
        self.known_as(resource, name)
        decisive = (*_DECISIVE, "Metrics") if isinstance(values.get("Metrics"), Unknown) else _DECISIVE
        if self.lacks(values, decisive) or (not self.hopeful and open_in_queries(values)):
            return
        read = read_series(values, lambda metric: self.one_series(metric, resource))
        periods = as_aws.whole(values.get("EvaluationPeriods"), 1)
        self.alarms.append(
            Alarm(
                name=name,
                arn=text_of(resource.kind, resource.address, "arn", values.get("AlarmName")),
                region=REGION,
                series=read.series,
                unread=read.unread,
                statistic=read.statistic,
                period=read.period,
                periods=periods,
                datapoints=as_aws.whole(values.get("DatapointsToAlarm"), periods),
                threshold=_hopeful_number(values.get("Threshold")),
                comparison=_comparison(values.get("ComparisonOperator")),
                missing_data=as_aws.text(values.get("TreatMissingData"), "missing"),
                fills=read.fills,
                actions_enabled=as_aws.truth(values.get("ActionsEnabled")) is not False,
                actions=self.actions(values.get("AlarmActions")),
            )
        )

    def one_series(self, metric: Mapping[str, Any], resource: Resource) -> Series:
        return Series(
            self.text(metric.get("Namespace"), f"no namespace of {resource.address}"),
            self.text(metric.get("MetricName"), f"no metric of {resource.address}"),
            as_aws.dimensions_of(metric.get("Dimensions")),
            as_aws.text(metric.get("Unit"), "").removesuffix("None"),
        )

    def actions(self, values: Any) -> tuple[str, ...]:
        """Return what an alarm or rule calls; what lies outside this code is taken to reach somebody."""
        if isinstance(values, Unknown):
            return (_OUTSIDE,) if self.hopeful else ()
        found = []
        for item in as_aws.listed(values):
            if isinstance(item, Unknown):
                self.assumed["Actions and targets outside this code are taken to reach somebody."] = None
                found.append(_OUTSIDE)
            elif isinstance(item, str) and item.strip():
                found.append(_here(item))
        return tuple(found)

    def composite(self, resource: Resource, values: Mapping[str, Any]) -> None:
        name = _called(values.get("AlarmName"), resource)
        self.known_as(resource, name)
        if self.lacks(values, ("AlarmRule", "ActionsEnabled", "ActionsSuppressor")):
            return
        suppressor = values.get("ActionsSuppressor")
        self.composites.append(
            Composite(
                name=name,
                arn=text_of(resource.kind, resource.address, "arn", values.get("AlarmName")),
                region=REGION,
                rule=as_aws.text(values.get("AlarmRule"), ""),
                actions_enabled=as_aws.truth(values.get("ActionsEnabled")) is not False,
                actions=self.actions(values.get("AlarmActions")),
                suppressor=as_aws.text(suppressor, ""),
            )
        )

    def mute(self, resource: Resource, values: Mapping[str, Any]) -> None:
        """Take a rule that mutes alarms; which ones is read as names or as references to alarms of this code."""
        schedule = as_aws.inner(as_aws.inner(values.get("Rule")).get("Schedule"))
        names = as_aws.inner(values.get("MuteTargets")).get("AlarmNames")
        listed = names if isinstance(names, list) else [Unknown("the muted alarms", resource.place)]
        open_ = [one for one in listed if not isinstance(one, str)]
        if open_ and self.hopeful:
            listed, open_ = [one for one in listed if isinstance(one, str)], []
        self.known_as(resource)
        self.mutes.append(
            MuteRule(
                name=_called(values.get("Name"), resource),
                region=REGION,
                alarms=None if open_ else frozenset(map(str, listed)),
                expression=as_aws.text(schedule.get("Expression"), ""),
                duration=as_aws.text(schedule.get("Duration"), ""),
                timezone=as_aws.text(schedule.get("Timezone"), ""),
            )
        )

    # -- rules

    def rule(self, resource: Resource, values: Mapping[str, Any]) -> None:
        """Take an EventBridge rule; one on a schedule detects nothing, nor does one on a bus of one's own."""
        pattern = values.get("EventPattern")
        state = values.get("State")
        bus = values.get("EventBusName")
        if pattern is None or self.lacks(values, ("State", "EventBusName")):
            return
        if isinstance(bus, str) and bus not in {"", "default"} and not bus.endswith(":event-bus/default"):
            return
        name = _called(values.get("Name"), resource)
        self.known_as(resource, name)
        if isinstance(pattern, Unknown) or (isinstance(pattern, Mapping) and any(True for _ in unknowns(pattern))):
            self.open_rules.append(next(unknowns(pattern)))
            return
        text = json.dumps(pattern) if isinstance(pattern, Mapping) else str(pattern)
        self.parse(resource, text, parse_rule)
        self.patterns.setdefault(text, []).append(name)
        self.assumed["A rule sees the events of its own Region: this code is taken to be deployed in every Region."] = (
            None
        )
        given = values.get("Targets")
        if isinstance(given, Unknown):
            self.targets.append((resource.address, given))
        targets = [one.get("Arn") for one in as_aws.listed(given) if isinstance(one, Mapping)]
        called = as_aws.text(state, "ENABLED") or "ENABLED"
        self.rules[resource.address] = Rule(name, "", text, called, self.actions(targets))

    def target(self, resource: Resource, values: Mapping[str, Any]) -> None:
        """Targets are resources of their own in Terraform; they are hung on their rules at the end."""
        del resource
        self.targets.append((values.get("Rule"), values.get("Arn")))

    def aim(self) -> None:
        for rule, arn in self.targets:
            for address, known in self.rules.items():
                if rule in {address, known.name} or (isinstance(rule, Unknown) and self.hopeful):
                    found = self.actions(arn if isinstance(arn, Unknown) else [arn])
                    self.rules[address] = replace(known, targets=(*known.targets, *found))

    # -- topics and what else is called

    def topic(self, resource: Resource, values: Mapping[str, Any]) -> None:
        arn = text_of("AWS::SNS::Topic", resource.address, "arn", None)
        self.known_as(resource, resource.address)
        given = values.get("KmsMasterKeyId")
        key = given if isinstance(given, str) else ""
        listed = [one for one in as_aws.listed(values.get("Subscription")) if isinstance(one, Mapping)]
        said = tuple(Subscription("arn:taken-to-confirm", as_aws.text(one.get("Protocol"), "sns")) for one in listed)
        policy = self.policy_of(values.get("Policy"))
        self.topics[arn] = Topic(arn, policy, key, said, cipher=Key(key, _ALLOWED) if key else None)
        if key and not key.endswith("alias/aws/sns"):
            self.assumed["Keys of topics are taken to let CloudWatch use them, where this code does not tell."] = None

    def policy_of(self, value: Any) -> Policy | None:
        """Return a policy; one that is open allows in the better world, and is not known in the worse."""
        if value is None or value == "":
            return _ALLOWED
        if any(True for _ in unknowns(value)):
            return _ALLOWED if self.hopeful else None
        return read_policy(value)

    def topic_policy(self, resource: Resource, values: Mapping[str, Any]) -> None:
        self.policies.append(resource)
        del values

    def subscription(self, resource: Resource, values: Mapping[str, Any]) -> None:
        del resource, values  # that somebody subscribes and confirms is taken for granted either way

    def key(self, resource: Resource, values: Mapping[str, Any]) -> None:
        self.keys[text_of("AWS::KMS::Key", resource.address, "arn", None)] = values.get("KeyPolicy")

    def group(self, resource: Resource, values: Mapping[str, Any]) -> None:
        name = self.text(values.get("LogGroupName"), resource.address)
        kind = values.get("LogGroupClass")
        self.known_as(resource, name)
        standard = kind is None or (isinstance(kind, Unknown) and self.hopeful)
        known = "STANDARD" if standard else as_aws.text(kind, "of an open class")
        for called in (name, resource.address):  # a reference to a group with an open name is its address
            self.groups[called] = Group(called, REGION, known)

    def trail(self, resource: Resource, values: Mapping[str, Any]) -> None:
        self.trails.append(trail_of(resource, values, self.group_name, hopeful=self.hopeful, now=NOW))
        self.known_as(resource, self.trails[-1].name)

    def called(self, resource: Resource, values: Mapping[str, Any]) -> None:
        del values
        arn = text_of(resource.kind, resource.address, "arn", None)
        self.reactions[arn] = Reaction(arn, exists=True, policy=_ALLOWED)
        self.assumed["Functions and state machines are taken to tell somebody, and to let themselves be called."] = None

    # -- the facts

    def built(self) -> Built:
        self.aim()
        self.apply_policies()
        if self.hopeful and self.open_names:
            self.join()
        self.assumed["Subscribers are taken to confirm."] = None
        trails, groups = self.delivery()
        facts = Facts(
            account=ACCOUNT,
            partition="aws",
            regions=(REGION,),
            as_of=NOW,
            trails=trails,
            groups=groups,
            filters=tuple(self.filters),
            alarms=tuple(self.alarms),
            composites=tuple(self.composites),
            mutes=tuple(replace(one, alarms=self.muted(one)) for one in self.mutes),
            topics=self.reachable(),
            rules=tuple(self.rules.values()),
            reactions=self.reactions,
        )
        return Built(
            facts,
            tuple(self.invalid),
            tuple(self.assumed),
            self.by_name,
            tuple(self.open_filters),
            tuple(self.open_rules),
            self.patterns,
        )

    def apply_policies(self) -> None:
        """Give topics the policies that stand apart from them, and the keys of this code their own."""
        for resource in self.policies:
            document = self.policy_of(resource.properties.get("PolicyDocument"))
            named = resource.properties.get("Topics")
            for arn in as_aws.listed(named):
                if arn in self.topics and not (resource.exists is not None and document is None):
                    self.topics[arn] = replace(self.topics[arn], policy=document)
                    self.known_as(resource, self.topics[arn].name)
        for arn, topic in self.topics.items():
            if topic.key in self.keys and self.keys[topic.key] is not None:
                self.topics[arn] = replace(topic, cipher=Key(topic.key, self.policy_of(self.keys[topic.key])))

    def reachable(self) -> dict[str, Topic]:
        """Return the topics, those outside this code too, each with somebody who listens."""
        used = {arn for alarm in self.alarms for arn in alarm.actions}
        used |= {arn for composite in self.composites for arn in composite.actions}
        used |= {arn for rule in self.rules.values() for arn in rule.targets}
        found = dict(self.topics)
        declared = {one.address for one in self.code.resources if one.kind == "AWS::SNS::Topic"} | self.code.absent
        for arn in used:
            service, name = (arn.split(":", 5) + [""] * 6)[2:6:3]
            if service == "sns" and arn not in found and name not in declared:
                if arn != _OUTSIDE:
                    self.assumed["Actions and targets outside this code are taken to reach somebody."] = None
                found[arn] = Topic(arn, _ALLOWED)
            elif service in {"lambda", "states"} and arn not in self.reactions:
                self.reactions[arn] = Reaction(arn, exists=True, policy=_ALLOWED)
        listening = Subscription("arn:taken-to-confirm", "as the code says")
        return {arn: replace(one, subscriptions=one.subscriptions or (listening,)) for arn, one in found.items()}

    def join(self) -> None:
        """Let open names be the ones that fit: an alarm with an open namespace may watch any filter's metric."""
        if len(self.alarms) * (len(self.filters) + len(self.open_filters)) > _MOST_PAIRS:
            return
        opened = {f"{one.scope}{one.name}" for resource in self.code.resources for one in unknowns(resource.properties)}
        for alarm in list(self.alarms):
            for one in (*self.filters, *(made for made, _ in self.open_filters)):
                if len(alarm.series) == 1 and _may_be(alarm.series[0], one, opened):
                    series = replace(alarm.series[0], namespace=one.namespace, metric=one.metric)
                    if series != alarm.series[0]:
                        self.alarms.append(replace(alarm, series=(series,)))

    def muted(self, rule: MuteRule) -> frozenset[str] | None:
        """Return the names of the alarms that a rule mutes, whichever way the code refers to them."""
        if rule.alarms is None:
            return None
        known = {alarm.arn: alarm.name for alarm in self.alarms} | {one.arn: one.name for one in self.composites}
        return frozenset(known.get(name, name) for name in rule.alarms)

    def delivery(self) -> tuple[tuple[Trail, ...], tuple[Group, ...]]:
        """Return the trails: those of the code, and one that is assumed where the code does not contradict."""
        names = list(dict.fromkeys(one.group for one in (*self.filters, *(made for made, _ in self.open_filters))))
        delivering = {trail.group_arn.split(":")[6] for trail in self.trails if trail.group_arn}
        opened = {
            _as_group(f"{one.scope}{one.name}")
            for resource in self.code.resources
            for one in unknowns(resource.properties)
        }
        found = list(self.trails)
        for name in names or ["the log group"]:
            contradicted = name in delivering or (
                bool(delivering) and not (self.hopeful and (name in opened or delivering & opened))
            )
            contradicted = contradicted or (bool(self.trails) and not self.hopeful and not delivering)
            if not contradicted:
                found.append(_assumed_trail(name))
                self.assumed[
                    "The trail is taken to deliver all management events to the log groups of the filters."
                ] = None
        groups = [
            self.groups.get(name, Group(name, REGION)) for name in dict.fromkeys((*names, *delivering, "the log group"))
        ]
        return tuple(found), tuple(groups)


_DECISIVE = (
    "Statistic", "Period", "EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator",
    "TreatMissingData", "ActionsEnabled", "Unit", "Dimensions",
)  # fmt: skip
"""Values of an alarm that decide; names are joined, actions are followed."""

_METHODS: Mapping[str, Callable[[_Builder, Resource, Mapping[str, Any]], None]] = {
    "AWS::Logs::MetricFilter": _Builder.filter,
    "AWS::CloudWatch::Alarm": _Builder.alarm,
    "AWS::CloudWatch::CompositeAlarm": _Builder.composite,
    "AWS::CloudWatch::AlarmMuteRule": _Builder.mute,
    "AWS::Events::Rule": _Builder.rule,
    "Target": _Builder.target,
    "AWS::SNS::Topic": _Builder.topic,
    "AWS::SNS::TopicPolicy": _Builder.topic_policy,
    "AWS::SNS::Subscription": _Builder.subscription,
    "AWS::KMS::Key": _Builder.key,
    "AWS::Logs::LogGroup": _Builder.group,
    "AWS::CloudTrail::Trail": _Builder.trail,
    "AWS::Lambda::Function": _Builder.called,
    "AWS::StepFunctions::StateMachine": _Builder.called,
}


def _hopeful_number(value: Any) -> float | None:
    return 1.0 if isinstance(value, Unknown) else as_aws.number(value)


def _comparison(value: Any) -> str:
    return "GreaterThanOrEqualToThreshold" if isinstance(value, Unknown) else as_aws.text(value, "")


def _called(name: Any, resource: Resource) -> str:
    """Return the name of a resource; its address where the code leaves the name open."""
    return name if isinstance(name, str) and name else resource.address


def _as_group(name: str) -> str:
    """Return an open name so that it can stand in an ARN."""
    return name.replace(":", " ")


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


_OF_SERVICE = {
    "sns": "AWS::SNS::Topic",
    "lambda": "AWS::Lambda::Function",
    "states": "AWS::StepFunctions::StateMachine",
}


def _here(action: str) -> str:
    """Return an action as this account's own, whichever account and Region its ARN names; a plain text is a topic."""
    if not action.startswith("arn:"):
        return text_of("AWS::SNS::Topic", action, "arn", None)
    parts = action.split(":", 5)
    kind = _OF_SERVICE.get(parts[2]) if len(parts) > 5 else None  # noqa: PLR2004 - an ARN has six parts
    if kind is None:
        return action
    return text_of(kind, parts[5] if parts[2] == "sns" else parts[5].partition(":")[2], "arn", None)

"""Takes the resources of the code one by one, each as its kind asks for, in the better or the worse of two worlds.

In the better one every open value is as good as it can be; in the worse one whatever hangs on an open value is not
there, and what could stand in the way does.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from auditor.monitoring.chain.facts import (
    Alarm,
    Composite,
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

ALLOWED = read_policy({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*"}})
"""Stands for policies that are not read: of functions, of keys, and of topics outside this code."""

_OWN_ACCOUNT = read_policy(
    {
        "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": "sns:Publish",
            "Resource": "*",
            "Condition": {"StringEquals": {"AWS:SourceOwner": ACCOUNT}},
        }
    }
)
"""What AWS gives a topic without a policy; it says nothing of EventBridge, which needs a statement of its own."""

OWNERS_KEY = read_policy(
    {
        "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    }
)
"""What AWS gives a key without a policy, which lets no service in: KMS Developer Guide, "Default key policy"."""

OUTSIDE = text_of("AWS::SNS::Topic", "a topic outside this code", "arn", None)
"""Stands for whatever lies outside this code."""
_MATCHES_NOTHING = '{ $.eventName = "" }'
_MAY_HARM = frozenset(
    {"AWS::CloudWatch::AlarmMuteRule", "AWS::SNS::TopicPolicy", "AWS::SNS::TopicInlinePolicy"}
    | {"AWS::CloudTrail::Trail", "AWS::Logs::LogGroup"}
)
"""What counts against something where it exists: in the better world one that may not exist does not."""


@dataclass(slots=True)
class Taken:
    """What was taken so far, by kind; what was assumed on the way, and what AWS would refuse."""

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
    written: dict[str, Resource] = field(default_factory=dict)
    targets: list[tuple[Any, Any]] = field(default_factory=list)
    policies: list[tuple[Resource, Any]] = field(default_factory=list)
    keys: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    key_names: dict[str, Any] = field(default_factory=dict)
    key_policies: list[tuple[Any, Any]] = field(default_factory=list)
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
        """Note by which names a resource may be asked for."""
        for name in dict.fromkeys((resource.address, *names)):
            self.by_name.setdefault(name, []).append(resource)

    def refuse(self, resource: Resource, words: str) -> None:
        """Note why AWS would not take a resource."""
        place = f" ({resource.place})" if resource.place else ""
        self.invalid[f"{resource.address}{place}: {words}"] = None

    def parse(self, resource: Resource, pattern: str, read: Callable[[str], Any]) -> None:
        """Read a pattern; what AWS would refuse is noted, and what cannot be worked out is assumed."""
        try:
            read(pattern)
        except PatternError as error:
            self.refuse(resource, error.message)
        except TooComplexError as error:
            self.assumed[f"{resource.address}: {error}"] = None

    # -- filters

    def filter(self, resource: Resource, values: Mapping[str, Any]) -> None:
        """Take a metric filter, with one metric for each of its transformations."""
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
        """Return a filter with one of its metrics; None where an open value may change what is counted."""
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
        """Return the name of a log group, from a name, an ARN or a reference."""
        text = self.text(value, "the log group")
        if isinstance(value, Unknown):
            return as_group(text)
        return text.split(":")[6] if text.startswith("arn:") and text.count(":") > 5 else text  # noqa: PLR2004

    # -- alarms

    def alarm(self, resource: Resource, values: Mapping[str, Any]) -> None:
        """Take an alarm on metrics."""
        name = _called(values.get("AlarmName"), resource)
        self.known_as(resource, name)
        decisive = (*_DECISIVE, "Metrics") if isinstance(values.get("Metrics"), Unknown) else _DECISIVE
        if self.lacks(values, decisive) or (not self.hopeful and open_in_queries(values)):
            return
        if odd := next((one for one, read in _READ.items() if _misread(values.get(one), read)), ""):
            self.refuse(resource, f"its {odd} is {str(values[odd])[:60]!r}")
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
        """Return which metric an alarm watches."""
        return Series(
            self.text(metric.get("Namespace"), f"no namespace of {resource.address}"),
            self.text(metric.get("MetricName"), f"no metric of {resource.address}"),
            as_aws.dimensions_of(metric.get("Dimensions")),
            as_aws.text(metric.get("Unit"), "").removesuffix("None"),
        )

    def actions(self, values: Any) -> tuple[str, ...]:
        """Return what an alarm or rule calls; what lies outside this code is taken to reach somebody."""
        if isinstance(values, Unknown):
            return (OUTSIDE,) if self.hopeful else ()
        found = []
        for item in as_aws.listed(values):
            if isinstance(item, Unknown):
                self.assumed["Actions and targets outside this code are taken to reach somebody."] = None
                found.append(OUTSIDE)
            elif isinstance(item, str) and item.startswith("arn:"):
                found.append(_here(item))
            elif item not in (None, ""):
                self.assumed[f"The action {str(item)[:60]!r} is no ARN; AWS does not take it."] = None
        return tuple(found)

    def composite(self, resource: Resource, values: Mapping[str, Any]) -> None:
        """Take an alarm on other alarms."""
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
        arn = text_of(resource.kind, resource.address, "arn", values.get("Name"))
        self.rules[resource.address] = Rule(name, "", text, called, self.actions(targets), arn=arn)

    def target(self, resource: Resource, values: Mapping[str, Any]) -> None:
        """Keep a target that is a resource of its own, as in Terraform; it is hung on its rule at the end."""
        del resource
        self.targets.append((values.get("Rule"), values.get("Arn")))

    # -- topics and what else is called

    def topic(self, resource: Resource, values: Mapping[str, Any]) -> None:
        """Take a topic, with the subscriptions that stand inside it."""
        arn = text_of("AWS::SNS::Topic", resource.address, "arn", None)
        self.known_as(resource, resource.address)
        self.written[arn] = resource
        given = values.get("KmsMasterKeyId")
        key = f"the key {given.words}" if isinstance(given, Unknown) else str(given or "")
        listed = [one for one in as_aws.listed(values.get("Subscription")) if isinstance(one, Mapping)]
        said = tuple(Subscription("arn:taken-to-confirm", as_aws.text(one.get("Protocol"), "sns")) for one in listed)
        policy = self.policy_of(values.get("Policy"))
        self.topics[arn] = Topic(arn, policy, key, said, cipher=Key(key, ALLOWED) if key else None)
        if key and not key.endswith("alias/aws/sns"):
            self.assumed["Keys of topics are taken to let CloudWatch use them, where this code does not tell."] = None

    def policy_of(self, value: Any) -> Policy | None:
        """Return a policy; one that is open allows in the better world, and is not known in the worse."""
        if value is None or value == "":
            return _OWN_ACCOUNT
        if any(True for _ in unknowns(value)):
            return ALLOWED if self.hopeful else None
        return read_policy(value)

    def topic_policy(self, resource: Resource, values: Mapping[str, Any]) -> None:
        """Keep a policy of topics until all topics are there."""
        self.policies.append((resource, values.get("Topics", values.get("TopicArn"))))

    def subscription(self, resource: Resource, values: Mapping[str, Any]) -> None:
        """Take nothing of a subscription: that somebody subscribes and confirms is taken for granted either way."""
        del resource, values

    def key(self, resource: Resource, values: Mapping[str, Any]) -> None:
        """Keep a key until all topics are there."""
        self.keys[text_of("AWS::KMS::Key", resource.address, "arn", None)] = values

    def key_policy(self, resource: Resource, values: Mapping[str, Any]) -> None:
        """Keep a policy of a key that stands apart from it; one that may not be made is open."""
        self.key_policies.append((values.get("KeyId"), resource.exists or values.get("KeyPolicy")))

    def policy_of_key(self, key: str, values: Mapping[str, Any]) -> Policy | None:
        """Return the policy of a key of this code: its own, one that stands apart, or the one that AWS gives it."""
        open_ = [given for name, given in self.key_policies if isinstance(name, Unknown) and self.hopeful]
        apart = [given for name, given in self.key_policies if name == key] + open_
        for given in (values.get("KeyPolicy"), *apart):
            if given is not None:
                return self.policy_of(given)
        return OWNERS_KEY

    def key_name(self, resource: Resource, values: Mapping[str, Any]) -> None:
        """Keep which key a name stands for."""
        target = values.get("TargetKeyId")
        for attribute in ("ref", "arn", "target_key_id", "target_key_arn"):
            self.key_names[text_of(resource.kind, resource.address, attribute, values.get("AliasName"))] = target

    def group(self, resource: Resource, values: Mapping[str, Any]) -> None:
        """Take a log group, by its name and by its address."""
        name = self.text(values.get("LogGroupName"), resource.address)
        kind = values.get("LogGroupClass")
        self.known_as(resource, name)
        standard = kind is None or (isinstance(kind, Unknown) and self.hopeful)
        known = "STANDARD" if standard else as_aws.text(kind, "of an open class")
        for called in (name, resource.address):  # a reference to a group with an open name is its address
            self.groups[called] = Group(called, REGION, known)

    def trail(self, resource: Resource, values: Mapping[str, Any]) -> None:
        """Take a trail."""
        self.trails.append(trail_of(resource, values, self.group_name, hopeful=self.hopeful, now=NOW))
        self.known_as(resource, self.trails[-1].name)

    def called(self, resource: Resource, values: Mapping[str, Any]) -> None:
        """Take something that alarms and rules call, such as a function."""
        del values
        arn = text_of(resource.kind, resource.address, "arn", None)
        self.reactions[arn] = Reaction(arn, exists=True, policy=ALLOWED)
        self.assumed["Functions and state machines are taken to tell somebody, and to let themselves be called."] = None


_DECISIVE = (
    "Statistic", "Period", "EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator",
    "TreatMissingData", "ActionsEnabled", "Unit", "Dimensions",
)  # fmt: skip
"""Values of an alarm that decide; names are joined, actions are followed."""

_READ: Mapping[str, Callable[[Any], object]] = {
    "ActionsEnabled": as_aws.truth,
    **dict.fromkeys(("Period", "EvaluationPeriods", "DatapointsToAlarm", "Threshold"), as_aws.number),
}
"""How values of an alarm are read; AWS takes no other ones."""


def _misread(value: Any, read: Callable[[Any], object]) -> bool:
    return value is not None and not isinstance(value, Unknown) and read(value) is None


_METHODS: Mapping[str, Callable[[Taken, Resource, Mapping[str, Any]], None]] = {
    "AWS::Logs::MetricFilter": Taken.filter,
    "AWS::CloudWatch::Alarm": Taken.alarm,
    "AWS::CloudWatch::CompositeAlarm": Taken.composite,
    "AWS::CloudWatch::AlarmMuteRule": Taken.mute,
    "AWS::Events::Rule": Taken.rule,
    "Target": Taken.target,
    "AWS::SNS::Topic": Taken.topic,
    "AWS::SNS::TopicPolicy": Taken.topic_policy,
    "AWS::SNS::TopicInlinePolicy": Taken.topic_policy,
    "AWS::SNS::Subscription": Taken.subscription,
    "AWS::KMS::Key": Taken.key,
    "AWS::KMS::Alias": Taken.key_name,
    "KeyPolicy": Taken.key_policy,
    "AWS::Logs::LogGroup": Taken.group,
    "AWS::CloudTrail::Trail": Taken.trail,
    "AWS::Lambda::Function": Taken.called,
    "AWS::StepFunctions::StateMachine": Taken.called,
}


def _hopeful_number(value: Any) -> float | None:
    return 1.0 if isinstance(value, Unknown) else as_aws.number(value)


def _comparison(value: Any) -> str:
    return "GreaterThanOrEqualToThreshold" if isinstance(value, Unknown) else as_aws.text(value, "")


def _called(name: Any, resource: Resource) -> str:
    """Return the name of a resource; its address where the code leaves the name open."""
    return name if isinstance(name, str) and name else resource.address


def as_group(name: str) -> str:
    """Return an open name so that it can stand in an ARN."""
    return name.replace(":", " ")


_OF_SERVICE = {
    "sns": "AWS::SNS::Topic",
    "lambda": "AWS::Lambda::Function",
    "states": "AWS::StepFunctions::StateMachine",
}


def _here(action: str) -> str:
    """Return an action as this account's own, whichever account and Region its ARN names."""
    parts = action.split(":", 5)
    kind = _OF_SERVICE.get(parts[2]) if len(parts) > 5 else None  # noqa: PLR2004 - an ARN has six parts
    if kind is None:
        return action
    return text_of(kind, parts[5] if parts[2] == "sns" else parts[5].partition(":")[2], "arn", None)

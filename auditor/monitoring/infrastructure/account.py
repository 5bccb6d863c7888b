"""What infrastructure code says about detection, as the plain values that evidence becomes: judged before deployment.

``terraform`` and ``cloudformation`` gather it. What code cannot tell is taken to be right and said in a note: that the
trail delivers to the log group, and that subscribers confirm.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from auditor.monitoring.chain.detection import Account, Detection
from auditor.monitoring.chain.facts import (
    Alarm,
    Composite,
    Facts,
    Filter,
    Group,
    MuteRule,
    Rule,
    Series,
    Subscription,
    Topic,
    Trail,
)
from auditor.monitoring.chain.metric_math import NotASum, read_sum
from auditor.monitoring.infrastructure.hcl import UNKNOWN
from auditor.monitoring.patterns.errors import PatternError, TooComplexError
from auditor.monitoring.patterns.pattern import parse_filter, parse_rule
from auditor.monitoring.patterns.requirement import Requirement
from auditor.policies.document import read_policy

ACCOUNT = "000000000000"
REGION = "the deployed Region"
_NOW = datetime(2000, 1, 1, tzinfo=UTC)
"""Code has no time; delivery is taken to be current."""

_OWNER_MAY_PUBLISH = read_policy({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sns:Publish"}})
"""Stands for the policy that AWS gives a topic without one: the owner's alarms may publish."""

MAX_DEPTH = 60


@dataclass(slots=True)
class Infrastructure:
    """What was found in the code.

    Args:
        facts: as evidence would have shown it after deployment.
        rules: EventBridge rules; the code does not tell in which Regions they are, so that each counts for all.
        invalid: patterns that AWS would refuse, with the place.
        notes: what was taken for granted or could not be read.
    """

    facts: Facts
    rules: tuple[Rule, ...] = ()
    invalid: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    _account: Account | None = field(default=None)

    def detect(self, requirement: Requirement) -> Detection:
        """Judge one requirement."""
        if self._account is None:
            self._account = Account(replace(self.facts, rules=self.rules))
        return self._account.detect(requirement)


class Collected:
    """Gathers values of either tool under the names that AWS gives them."""

    def __init__(self) -> None:
        self.filters: list[Filter] = []
        self.alarms: list[Alarm] = []
        self.composites: list[Composite] = []
        self.mutes: list[MuteRule] = []
        self.rules: dict[str, Rule] = {}
        self.topics: dict[str, Topic] = {}
        self.notes: dict[str, None] = {}
        self.invalid: list[str] = []

    def note(self, text: str) -> None:
        """Say something once."""
        self.notes[text] = None

    def filter(self, address: str, properties: Mapping[str, Any]) -> None:
        """Take a metric filter, with each of its transformations."""
        pattern = properties.get("FilterPattern")
        if not isinstance(pattern, str):
            self.note(f"{address}: its pattern is not known from the code and was left out.")
            return
        self._parse(address, pattern, parse_filter)
        for change in properties.get("MetricTransformations") or ():
            self.filters.append(
                Filter(
                    name=_named(properties.get("FilterName"), address),
                    group=_named(properties.get("LogGroupName"), "the log group"),
                    region=REGION,
                    pattern=pattern,
                    namespace=_named(change.get("MetricNamespace"), address),
                    metric=_named(change.get("MetricName"), address),
                    value=str(change.get("MetricValue", "1")),
                    default=_number(change.get("DefaultValue")),
                    unit=str(change.get("Unit") or "").removesuffix("None"),
                    dimensions=frozenset(_dimension_names(change.get("Dimensions")))
                    | frozenset(map(str, properties.get("EmitSystemFieldDimensions") or ())),
                    selection=str(properties.get("FieldSelectionCriteria") or ""),
                    transformed=properties.get("ApplyOnTransformedLogs") is True,
                    ref="",
                )
            )

    def _parse(self, address: str, pattern: str, parse: Callable[[str], Any]) -> None:
        try:
            parse(pattern)
        except PatternError as error:
            self.invalid.append(f"{address}: {error.message}")
        except TooComplexError as error:
            self.note(f"{address}: {error}")

    def alarm(self, address: str, properties: Mapping[str, Any]) -> None:
        """Take a metric alarm."""
        series, statistic, period, fills, unread = _series(properties, address)
        periods = int(_number(properties.get("EvaluationPeriods")) or 1)
        self.alarms.append(
            Alarm(
                name=_named(properties.get("AlarmName"), address),
                arn=address,
                region=REGION,
                series=series,
                unread=unread,
                statistic=statistic,
                period=period,
                periods=periods,
                datapoints=int(_number(properties.get("DatapointsToAlarm")) or periods),
                threshold=_number(properties.get("Threshold")),
                comparison=str(properties.get("ComparisonOperator") or ""),
                missing_data=str(properties.get("TreatMissingData") or "missing"),
                fills=fills,
                actions_enabled=properties.get("ActionsEnabled") is not False,
                actions=actions_of(properties.get("AlarmActions")),
            )
        )

    def composite(self, address: str, properties: Mapping[str, Any]) -> None:
        """Take a composite alarm."""
        self.composites.append(
            Composite(
                name=_named(properties.get("AlarmName"), address),
                arn=address,
                region=REGION,
                rule=str(properties.get("AlarmRule") or ""),
                actions_enabled=properties.get("ActionsEnabled") is not False,
                actions=actions_of(properties.get("AlarmActions")),
                suppressor=str(properties.get("ActionsSuppressor") or ""),
            )
        )

    def mute(self, address: str, properties: Mapping[str, Any]) -> None:
        """Take a rule that mutes alarms; which ones is read as names or as references to alarms of this code."""
        schedule = _inner(_inner(properties.get("Rule")).get("Schedule"))
        names = _inner(properties.get("MuteTargets")).get("AlarmNames")
        listed = names if isinstance(names, list) else [UNKNOWN]
        self.mutes.append(
            MuteRule(
                name=_named(properties.get("Name"), address),
                region=REGION,
                alarms=frozenset(map(str, listed)) if all(isinstance(name, str) for name in listed) else None,
                expression=str(schedule.get("Expression") or ""),
                duration=str(schedule.get("Duration") or ""),
                timezone=str(schedule.get("Timezone") or ""),
            )
        )

    def rule(self, address: str, properties: Mapping[str, Any]) -> None:
        """Take an EventBridge rule; one on a schedule detects nothing."""
        pattern = properties.get("EventPattern")
        if isinstance(pattern, Mapping):
            pattern = json.dumps(pattern)
        if not isinstance(pattern, str):
            if pattern is UNKNOWN:
                self.note(f"{address}: its event pattern is not known from the code and was left out.")
            return
        self._parse(address, pattern, parse_rule)
        targets = [target.get("Arn") for target in properties.get("Targets") or () if isinstance(target, Mapping)]
        state = str(properties.get("State") or "ENABLED")
        name = _named(properties.get("Name"), address)
        self.rules[address] = Rule(name, "", pattern, state, actions_of(targets))

    def topic(self, address: str, key: Any) -> None:
        """Take a topic and what it is encrypted with."""
        if key is not None and not (isinstance(key, str) and key.endswith("alias/aws/sns")):
            self.note("Keys of topics are taken to let CloudWatch use them.")
        self.topics[_topic_arn(address)] = _topic(address, key if isinstance(key, str) else "")

    def infrastructure(self) -> Infrastructure:
        """Add what code cannot show, and say so."""
        used = {arn for alarm in self.alarms for arn in alarm.actions}
        used |= {arn for composite in self.composites for arn in composite.actions}
        used |= {arn for rule in self.rules.values() for arn in rule.targets}
        outside = {arn for arn in used - self.topics.keys() if arn.startswith(_topic_arn(""))}
        if outside:
            self.note("Actions and targets outside this code are taken to reach somebody.")
        self.note(
            "The trail is taken to deliver all management events to these log groups, and subscribers to confirm."
        )
        topics = {**self.topics, **{arn: _topic(arn.rpartition(":")[2]) for arn in outside}}
        groups = {name: f"group-{number}" for number, name in enumerate(sorted({one.group for one in self.filters}))}
        names = tuple(groups.values()) or ("group-0",)
        return Infrastructure(
            Facts(
                account=ACCOUNT,
                partition="aws",
                regions=(REGION,),
                as_of=_NOW,
                trails=tuple(_trail(name) for name in names),
                groups=tuple(Group(name, REGION) for name in names),
                filters=tuple(replace(one, group=groups[one.group]) for one in self.filters),
                alarms=tuple(self.alarms),
                composites=tuple(self.composites),
                mutes=tuple(replace(one, alarms=self._muted(one)) for one in self.mutes),
                topics=topics,
            ),
            tuple(self.rules.values()),
            tuple(self.invalid),
            tuple(self.notes),
        )

    def _muted(self, rule: MuteRule) -> frozenset[str] | None:
        """Return the names of the alarms that a rule mutes, whichever way the code refers to them."""
        if rule.alarms is None:
            return None
        called = {alarm.arn: alarm.name for alarm in self.alarms} | {one.arn: one.name for one in self.composites}
        return frozenset(called.get(name, name) for name in rule.alarms)


def _inner(value: Any) -> Mapping[str, Any]:
    """Return a nested object; Terraform writes a block as a list of one."""
    first = value[0] if isinstance(value, list) and value else value
    return first if isinstance(first, Mapping) else {}


def _trail(group: str) -> Trail:
    return Trail(
        arn=f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/{group}",
        home_region=REGION,
        multi_region=True,
        organization=True,
        group_arn=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:*",
        delivered=_NOW,
    )


def _topic_arn(address: str) -> str:
    return f"arn:aws:sns:{REGION}:{ACCOUNT}:{address}"


def _topic(address: str, key: str = "") -> Topic:
    """Return a topic with a subscriber; a key of one's own is taken to let CloudWatch use it."""
    managed = key if key.endswith("alias/aws/sns") else ""
    return Topic(_topic_arn(address), _OWNER_MAY_PUBLISH, managed, (Subscription("arn:taken-to-confirm", "code"),))


_RESOURCE_ACTIONS = (":automate:", ":autoscaling:", ":swf:")


def actions_of(values: Any) -> tuple[str, ...]:
    """Return what an alarm or rule calls; whatever is not an action on a resource is taken for a topic."""
    items = values if isinstance(values, list | tuple) else [] if values is None else [values]
    found = []
    for item in items:
        text = item if isinstance(item, str) else "outside"
        plain = text.rpartition(":")[2] if text.startswith("arn:") else text
        found.append(text if any(part in text for part in _RESOURCE_ACTIONS) else _topic_arn(plain))
    return tuple(found)


def _named(value: Any, fallback: str) -> str:
    return value if isinstance(value, str) and value else fallback


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _dimension_names(dimensions: Any) -> Iterable[str]:
    if isinstance(dimensions, Mapping):
        return map(str, dimensions)
    return (str(one.get("Key") or one.get("Name")) for one in dimensions or () if isinstance(one, Mapping))


def _dimensions(dimensions: Any) -> tuple[tuple[str, str], ...]:
    if isinstance(dimensions, Mapping):
        return tuple(sorted((str(name), str(value)) for name, value in dimensions.items()))
    return tuple(
        sorted((str(one.get("Name")), str(one.get("Value"))) for one in dimensions or () if isinstance(one, Mapping))
    )


_Reading = tuple[tuple[Series, ...], str, int, bool, str]
_PERIOD = 300


def _one_series(metric: Mapping[str, Any], address: str) -> Series:
    return Series(
        _named(metric.get("Namespace"), address),
        _named(metric.get("MetricName"), address),
        _dimensions(metric.get("Dimensions")),
        str(metric.get("Unit") or ""),
    )


def _series(properties: Mapping[str, Any], address: str) -> _Reading:
    queries = [one for one in properties.get("Metrics") or () if isinstance(one, Mapping)]
    if not queries:
        period = int(_number(properties.get("Period")) or _PERIOD)
        return (_one_series(properties, address),), str(properties.get("Statistic") or ""), period, False, ""
    stats = {str(one.get("Id")): one["MetricStat"] for one in queries if isinstance(one.get("MetricStat"), Mapping)}
    returned = [one for one in queries if one.get("ReturnData") in {None, True}] or queries
    expression = next((str(one["Expression"]) for one in queries if one.get("Expression")), "")
    try:
        total = read_sum(expression or str(returned[0].get("Id")), stats)
    except NotASum as error:
        return (), "", _PERIOD, False, f"its expression is no plain sum ({error})"
    chosen = [stats[name] for name in sorted(total.ids)]
    series = tuple(_one_series(stat.get("Metric") or {}, address) for stat in chosen)
    period = max((int(_number(stat.get("Period")) or _PERIOD) for stat in chosen), default=_PERIOD)
    return series, str(chosen[0].get("Stat") or "") if chosen else "", period, total.fills, ""

"""Alarms on how full something is: do they go off in time, and is somebody told?

A level alarm watches a metric that rises (connections, memory in use) or falls (free space). It means something when it
goes off at a level that still leaves room, after minutes and not days, and rests while there is room.
Source: CloudWatch User Guide, "Using Amazon CloudWatch alarms", "Using metric math".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from auditor.base.counts import lasting
from auditor.monitoring.chain.alarms import hindered
from auditor.monitoring.chain.facts import Alarm, Series
from auditor.monitoring.chain.link import State

_LEVELS: Final = frozenset({"Average", "Maximum", "Minimum"})
_PERCENTILE = re.compile(r"(p|tm|wm)[0-9]{1,2}(\.[0-9]+)?")
_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*|[0-9]+(?:\.[0-9]+)?|[-+*/(),\[\]])")
_MAX_LENGTH: Final = 2048
_MAX_DEPTH: Final = 30


class NotALevelError(ValueError):
    """An expression is more than arithmetic over the level."""


@dataclass(frozen=True, slots=True)
class Level:
    """What an alarm compares with its threshold.

    Args:
        alarm: the alarm.
        series: the metrics that the comparison is made of, by id; one of id ``m`` where there is no expression.
        statistic: ``Average``, ``Maximum`` ... or a percentile such as ``p90``.
        period: seconds.
        expression: metric maths over the ids.
        statistics: by id, of all metrics.
        others: metrics that are not the one asked about, by id.
    """

    alarm: Alarm
    series: Mapping[str, Series]
    statistic: str
    period: int
    expression: str = "m"
    statistics: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, Series] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of an alarm on a level.

    Args:
        falls: whether little of it is bad.
        room: the level at which it has to have gone off; None where that is not known.
        rest: a level at which all is well, so that it may not be off.
        within: seconds from reaching the level to the alarm, at most.
    """

    falls: bool
    room: float | None
    rest: float
    within: int


def judge_level(level: Level, wanted: Wanted) -> tuple[State, str]:  # noqa: PLR0911 - one line for each way to break
    """Say whether an alarm goes off in time when its level gets bad, and rests while it is well."""
    alarm = level.alarm
    name, seconds = alarm.name, level.period * alarm.datapoints
    if alarm.threshold is None:
        return State.UNKNOWN, f"The alarm {name} has no fixed threshold."
    if level.statistic not in _LEVELS and not _PERCENTILE.fullmatch(level.statistic):
        return State.UNKNOWN, f"The alarm {name} compares the {level.statistic[:40]}, which is no level."
    if alarm.comparison.startswith("GreaterThan") is wanted.falls:
        return (
            State.BROKEN,
            f"The alarm {name} compares by {alarm.comparison[:60]}, the wrong way round.",
        )
    if seconds > wanted.within:
        return (
            State.BROKEN,
            f"The alarm {name} goes off after {lasting(seconds)}; the limit is {lasting(wanted.within)}.",
        )
    try:
        rests = not _goes_off(level, wanted.rest)
        in_time = None if wanted.room is None else _goes_off(level, wanted.room)
    except NotALevelError as error:
        return State.UNKNOWN, f"What the alarm {name} compares is not understood: {error}."
    if not rests:
        return State.BROKEN, f"The alarm {name} with the threshold {alarm.threshold:g} never rests."
    if in_time is False:
        return State.BROKEN, f"The alarm {name} with the threshold {alarm.threshold:g} is silent at {wanted.room:g}."
    if in_time is None:
        return (
            State.UNKNOWN,
            f"Whether the alarm {name} with the threshold {alarm.threshold:g} leaves room is not known.",
        )
    return hindered(name, alarm.evaluation, alarm.warm_up) or (
        State.OK,
        f"The alarm {name} goes off at {alarm.threshold:g} within {lasting(seconds)}.",
    )


def _goes_off(level: Level, value: float) -> bool:
    return compares(level, evaluate(level.expression, dict.fromkeys(level.series, value)))


def compares(level: Level, found: float) -> bool:
    """Say whether a value breaches the threshold of an alarm that has one.

    Raises:
        NotALevelError: it compares in a way that is not known here.
    """
    limit = level.alarm.threshold or 0
    match level.alarm.comparison:
        case "GreaterThanThreshold":
            return found > limit
        case "GreaterThanOrEqualToThreshold":
            return found >= limit
        case "LessThanThreshold":
            return found < limit
        case "LessThanOrEqualToThreshold":
            return found <= limit
    raise NotALevelError(f"it compares by {level.alarm.comparison[:60]}")


def evaluate(expression: str, values: Mapping[str, float]) -> float:
    """Work out arithmetic over ids: numbers, ``+ - * /``, parentheses, FILL, MIN, MAX, AVG and SUM.

    Raises:
        NotALevelError: it is anything else.
    """
    if len(expression) > _MAX_LENGTH:
        raise NotALevelError("the expression is too long")
    tokens: list[str] = []
    at, end = 0, len(expression.rstrip())
    while at < end:
        match = _TOKEN.match(expression, at)
        if match is None:
            raise NotALevelError("the expression is no plain arithmetic")
        tokens.append(match[1])
        at = match.end()
    reader = _Reader(tokens, values)
    found = reader.total(0)
    if reader.at != len(tokens):
        raise NotALevelError("the expression is no plain arithmetic")
    return found


class _Reader:
    def __init__(self, tokens: list[str], values: Mapping[str, float]) -> None:
        self.tokens = tokens
        self.values = values
        self.at = 0

    def take(self, *signs: str) -> str:
        token = self.tokens[self.at] if self.at < len(self.tokens) else ""
        if token not in signs or not token:
            return ""
        self.at += 1
        return token

    def expect(self, sign: str) -> None:
        if not self.take(sign):
            raise NotALevelError(f"{sign} is missing in the expression")

    def total(self, depth: int) -> float:
        found = self.product(depth)
        while sign := self.take("+", "-"):
            other = self.product(depth)
            found = found + other if sign == "+" else found - other
        return found

    def product(self, depth: int) -> float:
        found = self.one(depth)
        while sign := self.take("*", "/"):
            other = self.one(depth)
            if sign == "/" and other == 0:
                raise NotALevelError("the expression divides by nothing")
            found = found * other if sign == "*" else found / other
        return found

    def one(self, depth: int) -> float:
        if depth > _MAX_DEPTH or self.at >= len(self.tokens):
            raise NotALevelError("the expression is no plain arithmetic")
        if self.take("-"):
            return -self.one(depth + 1)
        if self.take("("):
            inner = self.total(depth + 1)
            self.expect(")")
            return inner
        token = self.tokens[self.at]
        self.at += 1
        if token in self.values:
            return self.values[token]
        if token[0].isdigit():
            return float(token)
        if token.upper() in {"FILL", "MIN", "MAX", "AVG", "SUM"}:
            return self.function(token.upper(), depth + 1)
        raise NotALevelError(f"{token[:40]} is not the id of a metric that is asked about")

    def function(self, name: str, depth: int) -> float:
        self.expect("(")
        if name == "FILL":
            found = self.total(depth)
            self.expect(",")
            self.total(depth)
        else:
            several = bool(self.take("["))
            parts = [self.total(depth)]
            while several and self.take(","):
                parts.append(self.total(depth))
            if several:
                self.expect("]")
            totals = {"MIN": min(parts), "MAX": max(parts), "SUM": sum(parts)}
            found = totals.get(name, sum(parts) / len(parts))
        self.expect(")")
        return found

"""One type for every kind of pattern, and the questions one can ask of it. The dialects have modules of their own.

A metric filter sees the CloudTrail record; an EventBridge rule sees the record inside an envelope.
``Pattern.formula`` is
always about the record: the paths of event patterns are translated (``detail.eventName`` becomes ``eventName``).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from auditor.monitoring.patterns.event_pattern import parse_event_pattern
from auditor.monitoring.patterns.filter_grammar import parse_json_filter
from auditor.monitoring.patterns.formula import ABSENT, ALWAYS, Formula, ask, holds, tests_of, values_at
from auditor.monitoring.patterns.rules import RULES, Rules
from auditor.monitoring.patterns.terms import SpacePattern, TermPattern, parse_space_delimited, parse_terms


class Dialect(StrEnum):
    """How a pattern is written."""

    JSON = "JSON filter pattern"
    TERMS = "term filter pattern"
    SPACE = "space-delimited filter pattern"
    EVENT = "EventBridge event pattern"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A valid pattern.

    Args:
        text: as it was written.
        dialect: how.
        formula: what it says about fields; None for patterns that look at the event as one text.
        words: the text patterns, otherwise None.
        warnings: spellings that are accepted without being documented.
    """

    text: str
    dialect: Dialect
    formula: Formula | None
    words: TermPattern | SpacePattern | None = None
    warnings: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def parse_filter(text: str) -> Pattern:
    """Read a CloudWatch Logs filter pattern of any kind.

    Raises:
        PatternError: AWS refuses it.
        TooComplexError: beyond the bound on work.
    """
    start = text.lstrip()
    if start.startswith("{"):
        parsed = parse_json_filter(text)
        return Pattern(text, Dialect.JSON, parsed.formula, warnings=parsed.warnings)
    if start.startswith("["):
        return Pattern(text, Dialect.SPACE, None, parse_space_delimited(text))
    terms, warnings = parse_terms(text)
    return Pattern(text, Dialect.TERMS, ALWAYS if terms == TermPattern() else None, terms, warnings)


@lru_cache(maxsize=4096)
def parse_rule(text: str) -> Pattern:
    """Read an EventBridge event pattern from its JSON text. Its formula is about the whole event, envelope included.

    Raises:
        PatternError: EventBridge refuses it.
        TooComplexError: beyond the bound on work.
    """
    return Pattern(text, Dialect.EVENT, parse_event_pattern(text).formula)


def parse_pattern(text: str) -> Pattern:
    """Read a pattern of whichever dialect: a JSON object is an EventBridge pattern, the rest are filter patterns.

    Raises:
        PatternError: refused in the dialect that it looks like.
        TooComplexError: beyond the bound on work.
    """
    start = text.lstrip()
    if start.startswith("{") and start[1:].lstrip().startswith(('"', "}")):
        return parse_rule(text)
    return parse_filter(text)


def matches(pattern: Pattern, event: Any, rules: Rules = RULES) -> bool:
    """Say whether a pattern matches one event.

    Args:
        pattern: what to match.
        event: the JSON value that arrives: for filter patterns the CloudTrail record, for EventBridge the whole
        event.
            Text stands for a log event that is no JSON.
        rules: the reading of undocumented cases.
    """
    if pattern.words is not None:
        return pattern.words.matches(event if isinstance(event, str) else serialized(event))
    return isinstance(event, Mapping) and pattern.formula is not None and holds(pattern.formula, event, rules)


def serialized(record: Any) -> str:
    """Return the one-line text in which CloudTrail delivers a record: no blanks between tokens."""
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Step:
    """One test of a pattern and its answer for an event."""

    words: str
    holds: bool
    seen: Any


def explain(formula: Formula, event: Any, rules: Rules = RULES) -> tuple[Step, ...]:
    """Answer every test of a formula for one event, each different test once, with the value that was seen."""
    steps: dict[str, Step] = {}
    for test in tests_of(formula):
        values = list(values_at(event, test.path.keys, through_arrays=test.path.through_arrays))
        seen = ABSENT if not values else values[0] if not test.path.wild else values
        steps.setdefault(test.words, Step(test.words, ask(test, event, rules), seen))
    return tuple(steps.values())

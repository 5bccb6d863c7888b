"""What CloudWatch Logs filter patterns for JSON records say: their values and tests, and how they are written.

Reads no record and knows no AWS field. Semantics: CloudWatch Logs User Guide, "Filter pattern syntax for metric
filters, subscription filters, filter log events, and Live Tail"; what the guide leaves open is decided in ``rules``.
``filter_grammar`` reads them from text.
"""

import re
from dataclasses import dataclass
from typing import Any

from auditor.monitoring.patterns.formula import (
    ABSENT,
    All,
    Formula,
    Key,
    Probes,
    Some,
    Test,
    Wild,
)
from auditor.monitoring.patterns.language import EVERYTHING, Language, literal
from auditor.monitoring.patterns.rules import Rules


@dataclass(frozen=True, slots=True)
class Glob:
    """A text value with an asterisk at its beginning, its end, or both; compared whole and case-sensitively."""

    text: str
    open_start: bool = False
    open_end: bool = False

    def accepts(self, value: str, rules: Rules) -> bool:
        """Say whether the value is this text, or continues it where an asterisk stands."""
        if not rules.inner_asterisk_is_literal and "*" in self.text:
            return self.language(rules).accepts(value)
        if self.open_start and self.open_end:
            return self.text in value
        if self.open_start:
            return value.endswith(self.text)
        return value.startswith(self.text) if self.open_end else value == self.text

    def language(self, rules: Rules) -> Language:
        """Return the same as a set of texts."""
        pieces = [self.text] if rules.inner_asterisk_is_literal else self.text.split("*")
        line = literal(pieces[0])
        for piece in pieces[1:]:
            line = (*line, EVERYTHING, *literal(piece))
        before, after = (EVERYTHING,) * self.open_start, (EVERYTHING,) * self.open_end
        return Language(((*before, *line, *after),))


@dataclass(frozen=True, slots=True)
class Regex:
    """A regular expression between percent signs: searched for anywhere in the text."""

    source: str
    found: Language

    def accepts(self, value: str, rules: Rules) -> bool:  # noqa: ARG002 - the same signature as Glob
        """Say whether the expression is found in the value."""
        return self.found.accepts(value)


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written."""

    written: str

    @property
    def value(self) -> float:
        """Its value; ``1e+3`` is 1000."""
        return float(self.written)


@dataclass(frozen=True, slots=True)
class Compare:
    """``=`` or ``!=`` with a text, a number or an expression."""

    value: Glob | Regex | Number
    equal: bool

    def holds(self, value: Any, rules: Rules) -> bool:
        """Answer for one value; objects and arrays match neither ``=`` nor ``!=``."""
        if value is ABSENT:
            return not self.equal and rules.absent_differs
        if isinstance(value, dict | list):
            return False
        if value is None:
            return not self.equal and rules.null_differs
        if isinstance(value, bool):
            return self._boolean(value, rules)
        return self._same(value, rules) is self.equal

    def _boolean(self, value: bool, rules: Rules) -> bool:
        if rules.boolean_is_text and self._same("true" if value else "false", rules):
            return self.equal
        if self.equal and self._any_text:
            return True
        return not self.equal and rules.boolean_differs and not self._any_text

    @property
    def _any_text(self) -> bool:
        return isinstance(self.value, Glob) and self.value == Glob("", open_start=True, open_end=True)

    def _same(self, value: str | float, rules: Rules) -> bool:
        match self.value:
            case Number():
                if isinstance(value, str):
                    return rules.number_matches_numeric_text and value == self.value.written
                return float(value) == self.value.value
            case Glob() if not isinstance(value, str):
                return self._any_text or (rules.text_matches_number and self.value.accepts(f"{value:.15g}", rules))
            case Regex() if not isinstance(value, str):
                return rules.text_matches_number and self.value.accepts(f"{value:.15g}", rules)
            case _:
                return self.value.accepts(str(value), rules)

    @property
    def probes(self) -> Probes:
        """The text or number itself; null and booleans where ``!=`` or presence is asked."""
        special = frozenset({"null", "boolean"}) if not self.equal or self._any_text else frozenset({"boolean"})
        match self.value:
            case Number():
                return Probes(texts=(self.value.written,), numbers=(self.value.value,), special=special)
            case Regex():
                return Probes(languages=(self.value.found,), special=special)
            case Glob(text, False, False) if "*" not in text:
                return Probes(texts=(text,), special=special)
            case Glob(text):
                languages = (self.value.language(Rules()), self.value.language(Rules(inner_asterisk_is_literal=False)))
                return Probes(texts=(text,), languages=tuple(dict.fromkeys(languages)), special=special)


@dataclass(frozen=True, slots=True)
class Order:
    """``<``, ``<=``, ``>`` or ``>=`` with a number; texts are never in order."""

    operator: str
    value: Number

    def holds(self, value: Any, rules: Rules) -> bool:  # noqa: ARG002 - the signature of every predicate
        """Answer for one value."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        limit = self.value.value
        match self.operator:
            case "<":
                return value < limit
            case "<=":
                return value <= limit
            case ">":
                return value > limit
            case _:
                return value >= limit

    @property
    def probes(self) -> Probes:
        """The limit."""
        return Probes(numbers=(self.value.value,))


@dataclass(frozen=True, slots=True)
class Is:
    """``IS NULL``, ``IS TRUE`` or ``IS FALSE``: the JSON value, never the word."""

    constant: bool | None

    def holds(self, value: Any, rules: Rules) -> bool:  # noqa: ARG002 - the signature of every predicate
        """Answer for one value."""
        return value is self.constant

    @property
    def probes(self) -> Probes:
        """Null, or the booleans."""
        return Probes(special=frozenset({"null" if self.constant is None else "boolean"}))


@dataclass(frozen=True, slots=True)
class NotExists:
    """``NOT EXISTS``: the record lacks the field."""

    def holds(self, value: Any, rules: Rules) -> bool:
        """Answer for one value."""
        return value is ABSENT or (value is None and not rules.null_exists)

    @property
    def probes(self) -> Probes:
        """Null, of which it is not known whether it exists."""
        return Probes(special=frozenset({"null"}))


PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+")
"""Names that a selector may hold without brackets and quotes."""


def write_key(key: Key) -> str:
    """Write one step of a selector."""
    match key:
        case str():
            return f".{key}" if PLAIN_NAME.fullmatch(key) else f".['{key}']"
        case int():
            return f"[{key}]"
        case Wild():
            return key.value


def write_value(value: Glob | Regex | Number) -> str:
    """Write a value as a filter pattern would."""
    match value:
        case Glob("", True, True):
            return '"*"'
        case Glob():
            return _quote("*" * value.open_start + value.text + "*" * value.open_end)
        case Regex():
            return f"%{value.source}%"
        case Number():
            return value.written


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def write_filter(formula: Formula) -> str:
    """Write a formula as a filter pattern that means the same."""
    return f"{{ {_write(formula, inside=None)} }}"


def write_clause(formula: Formula) -> str:
    """Write part of a pattern, for messages."""
    return _write(formula, inside=None)


def _write(formula: Formula, inside: type[All] | type[Some] | None) -> str:
    if isinstance(formula, Test):
        return formula.words
    joined = (" && " if isinstance(formula, All) else " || ").join(
        _write(part, type(formula)) for part in formula.parts
    )
    return f"({joined})" if inside is not None else joined

"""EventBridge event patterns: JSON to formula. Knows the dialect, no event and no service.

Source: EventBridge User Guide, "Event patterns" and "Comparison operators in event patterns". A missing field fails
every
test except ``exists: false``, ``anything-but`` included. Literal texts are exact: an asterisk in them is an asterisk.
"""

import ipaddress
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from auditor.monitoring.patterns.errors import PatternError
from auditor.monitoring.patterns.formula import ABSENT, Formula, Path, Probes, Test, conjoin, disjoin
from auditor.monitoring.patterns.language import EVERYTHING, Language, Line, literal
from auditor.monitoring.patterns.rules import Rules

MAX_LENGTH = 4096
"""API model of EventBridge (EventPattern)."""

MAX_DEPTH = 40
MAX_TESTS = 2_000
"""A pattern multiplied out by ``$or`` asks no more tests than this; EventBridge itself refuses far fewer."""


@dataclass(frozen=True, slots=True)
class Exactly:
    """A literal: text, number, boolean or null; ``1`` and ``1.0`` are one number, ``true`` is none."""

    value: Any

    def accepts(self, value: Any) -> bool:
        """Compare with a JSON value."""
        if isinstance(value, bool) or isinstance(self.value, bool) or value is None or self.value is None:
            return value is self.value
        if isinstance(value, str) or isinstance(self.value, str):
            return isinstance(value, str) and isinstance(self.value, str) and value == self.value
        return isinstance(value, int | float) and value == self.value

    @property
    def probes(self) -> Probes:
        """The literal itself."""
        if self.value is None or isinstance(self.value, bool):
            return Probes(special=frozenset({"null" if self.value is None else "boolean"}))
        return Probes(texts=(self.value,)) if isinstance(self.value, str) else Probes(numbers=(float(self.value),))


@dataclass(frozen=True, slots=True)
class Like:
    """``prefix``, ``suffix``, ``equals-ignore-case`` or ``wildcard``: a set of texts."""

    language: Language

    def accepts(self, value: Any) -> bool:
        """Compare with a JSON value; only texts can match."""
        return isinstance(value, str) and self.language.accepts(value)

    @property
    def probes(self) -> Probes:
        """The set of texts."""
        return Probes(languages=(self.language,))


@dataclass(frozen=True, slots=True)
class Within:
    """``numeric``: every one of the comparisons."""

    comparisons: tuple[tuple[str, float], ...]

    def accepts(self, value: Any) -> bool:
        """Compare with a JSON value; only numbers can match."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return all(_NUMERIC[operator](value, limit) for operator, limit in self.comparisons)

    @property
    def probes(self) -> Probes:
        """The limits."""
        return Probes(numbers=tuple(limit for _, limit in self.comparisons))


_NUMERIC: dict[str, Callable[[float, float], bool]] = {
    "=": lambda value, limit: value == limit,
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
}


@dataclass(frozen=True, slots=True)
class InNetwork:
    """``cidr``: an address inside a block."""

    block: str

    def accepts(self, value: Any) -> bool:
        """Compare with a JSON value; only texts that are addresses can match."""
        try:
            return isinstance(value, str) and ipaddress.ip_address(value) in ipaddress.ip_network(
                self.block, strict=False
            )
        except ValueError:
            return False

    @property
    def probes(self) -> Probes:
        """One address of the block."""
        return Probes(texts=(str(ipaddress.ip_network(self.block, strict=False).network_address),))


Choice = Exactly | Like | Within | InNetwork


@dataclass(frozen=True, slots=True)
class OneOf:
    """One alternative of a leaf, or with ``positive`` False everything but a list of choices."""

    choices: tuple[Choice, ...]
    positive: bool = True

    def holds(self, value: Any, rules: Rules) -> bool:
        """Answer for one value; an array matches when one of its elements does."""
        if value is ABSENT or isinstance(value, Mapping):
            return False
        if isinstance(value, list):
            return any(self.holds(item, rules) for item in value)
        return any(choice.accepts(value) for choice in self.choices) is self.positive

    @property
    def probes(self) -> Probes:
        """Those of all choices."""
        return Probes(
            texts=tuple(text for choice in self.choices for text in choice.probes.texts),
            languages=tuple(language for choice in self.choices for language in choice.probes.languages),
            numbers=tuple(number for choice in self.choices for number in choice.probes.numbers),
            special=frozenset().union(*(choice.probes.special for choice in self.choices))
            | (frozenset() if self.positive else frozenset({"null", "boolean"})),
        )


@dataclass(frozen=True, slots=True)
class Exists:
    """``exists``: presence of a leaf; an object is no leaf, an empty array holds none."""

    wanted: bool

    def holds(self, value: Any, rules: Rules) -> bool:  # noqa: ARG002 - the signature of every predicate
        """Answer for one value."""
        return (value is not ABSENT and value != [] and not isinstance(value, Mapping)) is self.wanted

    @property
    def probes(self) -> Probes:
        """Presence alone matters."""
        return Probes(special=frozenset({"null"}))


@dataclass(frozen=True, slots=True)
class ParsedEvent:
    """An event pattern, understood."""

    text: str
    formula: Formula


def parse_event_pattern(pattern: str | Mapping[str, Any]) -> ParsedEvent:
    """Read an EventBridge pattern from JSON text or the parsed object.

    Raises:
        PatternError: not JSON, not an object, an unknown operator, a leaf that is no array.
    """
    text = pattern if isinstance(pattern, str) else json.dumps(pattern)
    if len(text) > MAX_LENGTH:
        raise PatternError(f"longer than {MAX_LENGTH} characters", text, MAX_LENGTH)
    try:
        data = json.loads(text, object_pairs_hook=_last_wins)
    except json.JSONDecodeError as error:
        raise PatternError(f"not JSON: {error.msg}", text, error.pos) from error
    except RecursionError as error:
        raise PatternError("nested too deeply", text, 0) from error
    if not isinstance(data, dict) or not data:
        raise PatternError("an event pattern is an object with at least one field", text, 0)
    return ParsedEvent(text, _Reader(text).fields(data, ()))


def _last_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(pairs)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tests = 0

    def fail(self, message: str, name: str = "") -> PatternError:
        """Point at the first place where the name stands in quotes."""
        return PatternError(message, self.text, max(0, self.text.find(json.dumps(name))) if name else 0)

    def fields(self, data: Mapping[str, Any], keys: tuple[str, ...]) -> Formula:
        if len(keys) > MAX_DEPTH:
            raise self.fail("nested too deeply")
        if not data:
            raise self.fail("an object without fields", keys[-1] if keys else "")
        return conjoin(*(self.field(name, value, keys) for name, value in data.items()))

    def field(self, name: str, value: Any, keys: tuple[str, ...]) -> Formula:
        if name == "$or":
            return self.either(value, keys)
        path = (*keys, *name.split("."))
        if isinstance(value, Mapping):
            return self.fields(value, path)
        if not isinstance(value, list):
            raise self.fail(f"the value of {name} has to be an array or an object", name)
        if not value:
            raise self.fail(f"the array of {name} is empty", name)
        return disjoin(*(self.leaf(name, item, path) for item in value))

    def either(self, value: Any, keys: tuple[str, ...]) -> Formula:
        if not isinstance(value, list) or len(value) < 2 or not all(isinstance(item, Mapping) for item in value):  # noqa: PLR2004 - one is no choice
            raise self.fail("$or takes an array of two objects or more", "$or")
        return disjoin(*(self.fields(item, keys) for item in value))

    def leaf(self, name: str, item: Any, keys: tuple[str, ...]) -> Formula:
        self.tests += 1
        if self.tests > MAX_TESTS:
            raise self.fail("too many alternatives", name)
        path = Path(keys, ".".join(keys), through_arrays=True)
        words = f"{path.text}: {json.dumps(item, ensure_ascii=False)}"
        if not isinstance(item, Mapping):
            if isinstance(item, list):
                raise self.fail(f"an array inside the array of {name}", name)
            return Test(path, OneOf((Exactly(item),)), words)
        if len(item) != 1:
            raise self.fail(f"an operator object of {name} has to have one key", name)
        ((operator, argument),) = item.items()
        if operator == "exists":
            if not isinstance(argument, bool):
                raise self.fail("exists takes true or false", operator)
            return Test(path, Exists(argument), words)
        if operator == "anything-but":
            return Test(path, OneOf(self.excluded(argument), positive=False), words)
        return Test(path, OneOf(self.choices(operator, argument)), words)

    def excluded(self, argument: Any) -> tuple[Choice, ...]:
        if isinstance(argument, Mapping):
            if len(argument) != 1:
                raise self.fail("anything-but takes one operator", "anything-but")
            ((operator, inner),) = argument.items()
            if operator not in {"prefix", "suffix", "equals-ignore-case", "wildcard"}:
                raise self.fail(f"anything-but does not take {operator}", operator)
            inners = inner if isinstance(inner, list) else [inner]
            if not inners or (operator in {"prefix", "suffix"} and "" in inners):
                raise self.fail(f"anything-but takes no empty {operator}", operator)
            return tuple(choice for one in inners for choice in self.choices(operator, one))
        items = argument if isinstance(argument, list) else [argument]
        kinds = {type(item) for item in items}
        if kinds != {str} and not (kinds and kinds <= {int, float}):
            raise self.fail("anything-but takes texts, or numbers, or one operator", "anything-but")
        return tuple(Exactly(item) for item in items)

    def choices(self, operator: str, argument: Any) -> tuple[Choice, ...]:
        match operator:
            case "prefix" | "suffix":
                return (Like(Language((self.side(operator, argument),))),)
            case "equals-ignore-case":
                return (Like(Language((literal(self.text_of(operator, argument), fold=True),))),)
            case "wildcard":
                return (Like(Language((self.wildcard(self.text_of(operator, argument)),))),)
            case "numeric":
                return (self.numeric(argument),)
            case "cidr":
                return (self.network(argument),)
        raise self.fail(f"{operator} is no comparison operator", operator)

    def text_of(self, operator: str, argument: Any) -> str:
        if not isinstance(argument, str):
            raise self.fail(f"{operator} takes a text", operator)
        return argument

    def side(self, operator: str, argument: Any) -> Line:
        fold = isinstance(argument, Mapping) and set(argument) == {"equals-ignore-case"}
        text = self.text_of(operator, argument["equals-ignore-case"] if fold else argument)
        line = literal(text, fold=fold)
        return (*line, EVERYTHING) if operator == "prefix" else (EVERYTHING, *line)

    def wildcard(self, text: str) -> Line:
        line: Line = ()
        at = 0
        while at < len(text):
            if text[at] == "*":
                if text[at + 1 : at + 2] == "*":
                    raise self.fail("two asterisks in a row", "wildcard")
                line = (*line, EVERYTHING)
            elif text[at] == "\\":
                if text[at + 1 : at + 2] not in {"*", "\\"}:
                    raise self.fail("a backslash escapes only * and itself", "wildcard")
                at += 1
                line = (*line, *literal(text[at]))
            else:
                line = (*line, *literal(text[at]))
            at += 1
        return line

    def numeric(self, argument: Any) -> Within:
        if not isinstance(argument, list) or len(argument) not in {2, 4}:
            raise self.fail("numeric takes one or two comparisons", "numeric")
        pairs = tuple(zip(argument[::2], argument[1::2], strict=True))
        for operator, limit in pairs:
            if operator not in _NUMERIC or isinstance(limit, bool) or not isinstance(limit, int | float):
                raise self.fail("numeric takes =, <, <=, > or >= and a number", "numeric")
        if len(pairs) > 1 and not (
            pairs[0][0] in {">", ">="} and pairs[1][0] in {"<", "<="} and pairs[0][1] < pairs[1][1]
        ):
            raise self.fail(
                "numeric takes a range as > or >= with the lower number, then < or <= with the upper", "numeric"
            )
        return Within(tuple((operator, float(limit)) for operator, limit in pairs))

    def network(self, argument: Any) -> InNetwork:
        try:
            return InNetwork(str(ipaddress.ip_network(self.text_of("cidr", argument), strict=False)))
        except ValueError as error:
            raise self.fail(f"{argument!r} is no address block", "cidr") from error

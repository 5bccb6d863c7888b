"""What a pattern says once it is parsed: tests on fields, joined with "and" and "or". Knows no AWS field.

Filter patterns and EventBridge patterns both become formulas, so that one decision procedure serves both. There is no
negation between tests in either dialect; a test itself may be negative (``!=``, ``anything-but``).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from auditor.base.truth import Truth
from auditor.monitoring.patterns.language import Language
from auditor.monitoring.patterns.rules import RULES, Rules


class Missing(Enum):
    """The mark of a field that a record does not have; JSON null is a value, this is not."""

    ABSENT = "absent"


ABSENT = Missing.ABSENT


class Wild(Enum):
    """The steps of a path that name several values."""

    FIELDS = ".*"
    ELEMENTS = "[*]"


Key = str | int | Wild
"""A field name, an array index, or every one of them."""


@dataclass(frozen=True, slots=True)
class Path:
    """Where a field stands in a record: ``("userIdentity", "type")`` for ``$.userIdentity.type``.

    Equal paths have equal keys; ``text`` is how people write it.
    """

    keys: tuple[Key, ...]
    text: str
    through_arrays: bool = False
    """EventBridge looks for a field in every object of an array on the way; CloudWatch Logs does not."""

    @property
    def plain(self) -> bool:
        """Whether it names one field, without arrays or wildcards."""
        return all(isinstance(key, str) for key in self.keys)

    @property
    def wild(self) -> bool:
        """Whether it may name several values."""
        return any(isinstance(key, Wild) for key in self.keys)


@dataclass(frozen=True, slots=True)
class Probes:
    """The values at which a test may change its mind; every other value of the same type is like any fresh one."""

    texts: tuple[str, ...] = ()
    languages: tuple[Language, ...] = ()
    numbers: tuple[float, ...] = ()
    special: frozenset[str] = frozenset()
    """Of "null" and "boolean": types that the test singles out."""


class Predicate(Protocol):
    """A question about one value of one field."""

    def holds(self, value: Any, rules: Rules) -> bool:
        """Answer for a JSON value, or for ``ABSENT``."""
        ...

    @property
    def probes(self) -> Probes:
        """The values that matter to the answer."""
        ...


@dataclass(frozen=True, slots=True)
class Test:
    """One question about one field. ``words`` is the test as its dialect writes it."""

    __test__ = False

    path: Path
    predicate: Predicate
    words: str


@dataclass(frozen=True, slots=True)
class All:
    """Every part must hold; no part at all always holds."""

    parts: tuple["Formula", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one part must hold; no part at all never holds."""

    parts: tuple["Formula", ...]


Formula = Test | All | Some

ALWAYS = All(())
NEVER = Some(())


def conjoin(*parts: Formula) -> Formula:
    """Join with "and"; a single part stays itself."""
    return parts[0] if len(parts) == 1 else All(parts)


def disjoin(*parts: Formula) -> Formula:
    """Join with "or"; a single part stays itself."""
    return parts[0] if len(parts) == 1 else Some(parts)


def tests_of(formula: Formula) -> Iterator[Test]:
    """Yield every test, from left to right."""
    if isinstance(formula, Test):
        yield formula
        return
    for part in formula.parts:
        yield from tests_of(part)


def values_at(record: Any, keys: tuple[Key, ...], *, through_arrays: bool = False) -> Iterator[Any]:
    """Yield the values that a path names; nothing when the record lacks the field."""
    if not keys:
        yield record
        return
    if through_arrays and isinstance(record, list):
        for member in record:
            yield from values_at(member, keys, through_arrays=True)
        return
    first, rest = keys[0], keys[1:]
    match first:
        case str():
            if isinstance(record, Mapping) and first in record:
                yield from values_at(record[first], rest, through_arrays=through_arrays)
        case int():
            if isinstance(record, list) and first < len(record):
                yield from values_at(record[first], rest)
        case Wild.FIELDS:
            for member in record.values() if isinstance(record, Mapping) else ():
                yield from values_at(member, rest)
        case Wild.ELEMENTS:
            for member in record if isinstance(record, list) else ():
                yield from values_at(member, rest)


def ask(test: Test, record: Any, rules: Rules = RULES) -> bool:
    """Answer one test for a whole record; behind a wildcard one element that answers yes is enough."""
    if not test.path.through_arrays:
        value = _only(record, test.path.keys)
        if value is not _SEVERAL:
            return test.predicate.holds(value, rules)
    values = list(values_at(record, test.path.keys, through_arrays=test.path.through_arrays))
    if not values:
        return test.predicate.holds(ABSENT, rules)
    if test.path.wild and not rules.any_element_differs and not test.predicate.holds(ABSENT, rules):
        negative = test.predicate.holds(_UNHEARD_OF, rules)
        if negative:
            return all(test.predicate.holds(value, rules) for value in values)
    return any(test.predicate.holds(value, rules) for value in values)


_SEVERAL = object()


def _only(record: Any, keys: tuple[Key, ...]) -> Any:
    """Return the one value that a path names, or ``ABSENT``; ``_SEVERAL`` where a wildcard may name more.

    Most tests of most patterns are of this kind, and an audit asks tens of thousands of them.
    """
    value = record
    for key in keys:
        if isinstance(key, str):
            if not isinstance(value, dict | Mapping) or key not in value:
                return ABSENT
        elif isinstance(key, Wild):
            return _SEVERAL
        elif not isinstance(value, list) or key >= len(value):
            return ABSENT
        value = value[key]
    return value


_UNHEARD_OF = "\ue000"
"""A private-use character: a text that no pattern names, so that only a negative test holds on it."""


def evaluate(formula: Formula, answer: Callable[[Test], Truth]) -> Truth:
    """Work out a formula from the answers to its tests, as far as they are known."""
    if isinstance(formula, Test):
        return answer(formula)
    decisive = isinstance(formula, Some)
    result: Truth = not decisive
    for part in formula.parts:
        truth = evaluate(part, answer)
        if truth is decisive:
            return decisive
        if truth is None:
            result = None
    return result


def holds(formula: Formula, record: Any, rules: Rules = RULES) -> bool:
    """Say whether a record satisfies a formula."""
    if isinstance(formula, Test):
        return ask(formula, record, rules)
    decisive = isinstance(formula, Some)
    for part in formula.parts:
        if holds(part, record, rules) is decisive:
            return decisive
    return not decisive


def necessary_values(formula: Formula, path: tuple[Key, ...]) -> frozenset[str] | None:
    """Return the only texts of a field with which the formula can hold; None when it may hold with any.

    Used as an index: of hundreds of filters, only those that can match an event name need to be looked at.
    """
    if isinstance(formula, Test):
        if formula.path.keys != path or formula.predicate.holds(ABSENT, RULES):
            return None
        probes = formula.predicate.probes
        if probes.languages or formula.predicate.holds(_UNHEARD_OF, RULES):
            return None
        return frozenset(text for text in probes.texts if formula.predicate.holds(text, RULES))
    known = [necessary_values(part, path) for part in formula.parts]
    if isinstance(formula, All):
        found = [values for values in known if values is not None]
        return frozenset.intersection(*found) if found else None
    if any(values is None for values in known):
        return None
    return frozenset().union(*(values for values in known if values is not None))

"""Decides whether patterns together catch every event that a requirement names, and shows one that they miss.

The events are divided into finitely many kinds that no pattern can tell apart: for each field that requirement or
patterns
look at, its absence, null, every constant, one text for each way in which the wildcards overlap, and a fresh value,
as far
as real records carry them (``records``). The search for a missed event goes through those kinds and prunes as soon as
the
fields decided so far settle the question. It begins without any pattern and adds one only when it matches the event
found,
so that hundreds of filters cost no more than the few that matter.

An answer "covers" holds for every record of the model. A miss is confirmed on the complete record before it is
reported.
Work is bounded; beyond the bound the answer is "undecided", which is never a pass.
"""

import difflib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

from auditor.base.truth import Truth
from auditor.monitoring.patterns.callers import (
    ERROR_CODE,
    EVENT_NAME,
    EVENT_SOURCE,
    FEDERATED,
    IDENTITY_ARN,
    IDENTITY_TYPE,
    SERVICE_CALLER,
    STS,
    Keys,
    Kind,
    callers_of,
    depends_on_caller,
    shares,
)
from auditor.monitoring.patterns.errors import TooComplexError
from auditor.monitoring.patterns.formula import (
    ABSENT,
    Formula,
    Predicate,
    Test,
    evaluate,
    holds,
    tests_of,
)
from auditor.monitoring.patterns.language import Language, divide
from auditor.monitoring.patterns.pattern import Pattern, matches, serialized
from auditor.monitoring.patterns.records import (
    ACCOUNT,
    ERROR_MESSAGE,
    EVENT_TYPE,
    READ_ONLY,
    REGION,
    SIGN_IN_RESULT,
    Field,
    build,
    consistent,
    field_of,
    is_read,
)
from auditor.monitoring.patterns.requirement import Requirement
from auditor.monitoring.patterns.rules import RULES, Rules
from auditor.regions import HOME

MAX_WORK = 150_000
"""Tests that one question may ask; ordinary ones need some hundreds. About half a second at the bound."""


@dataclass(frozen=True, slots=True, eq=False)
class Detector:
    """A filter or rule; each is only itself, whatever another one says.

    Args:
        name: what people call it.
        pattern: as it was read.
        formula: what it says about the CloudTrail record; None for patterns that look at the text.
        names: the only event names that it can match; None for any.
    """

    name: str
    pattern: Pattern
    formula: Formula | None
    names: frozenset[str] | None = None

    def catches(self, record: Mapping[str, Any], rules: Rules) -> bool:
        """Say whether it matches a complete record."""
        if self.formula is not None:
            return holds(self.formula, record, rules)
        return matches(self.pattern, serialized(record), rules)


def concerns(detector: Detector, requirement: Requirement) -> bool:
    """Say whether a pattern is about a requirement, and not about other events that share a name with it.

    ``AttachPolicy`` is a call of IAM and one of Organizations: a pattern that asks for the source of one is not about
    the other, nor is one most of whose names are others. A source that looks like a slip counts as the right one.
    """
    if detector.formula is None or not shares_names(detector, requirement):
        return False
    asked = [test.predicate for test in tests_of(detector.formula) if test.path.keys == EVENT_SOURCE]
    sources = {requirement.source_of(name) for name in (detector.names or frozenset()).intersection(requirement.events)}
    return any(not source or not asked or any(_asks_for(source, one) for one in asked) for source in sources)


def shares_names(detector: Detector, requirement: Requirement) -> bool:
    """Say whether half of the names that a pattern asks for are required, or it asks for half of those required."""
    names, events = detector.names or frozenset(), requirement.events
    shared = names.intersection(events)
    return bool(shared) and 2 * len(shared) >= min(len(names), len(events))


def _asks_for(source: str, predicate: Predicate) -> bool:
    return predicate.holds(source, RULES) or any(source_slip(text, source) for text in predicate.probes.texts)


def source_slip(written: str, meant: str) -> bool:
    """Say whether one eventSource looks like a misspelling of another."""
    return difflib.SequenceMatcher(None, written, meant).ratio() > 0.9  # noqa: PLR2004 - one slip


@dataclass(frozen=True, slots=True)
class World:
    """What is known about the account that the records come from; empty means anything.

    Args:
        partition: decides where global services report.
        account: the account id, when the trail records no other account.
        regions: the Regions in which anything can happen.
    """

    partition: str = "aws"
    account: str = ""
    regions: tuple[str, ...] = ()


ANYWHERE = World()

_GLOBAL_SOURCES = frozenset({"iam.amazonaws.com", "organizations.amazonaws.com"})
"""Their records come from the Region of the partition's account-wide services."""


@dataclass(frozen=True, slots=True)
class Case:
    """A part of a requirement: events of one name, or of any name."""

    name: str
    kind: Kind
    fixed: Mapping[Keys, Any]
    requirement: Requirement
    world: World
    service_callers: bool = False
    """Whether calls that services make by themselves belong to it; they need not be caught."""
    beyond_values: bool = False
    """Whether values count that real records are not known to carry."""

    def field(self, keys: Keys) -> Field:
        """Return what records of this case hold at a path."""
        if keys == REGION and self.world.regions:
            return Field(self.world.regions, always=True, closed=True)
        if keys == IDENTITY_TYPE and self.service_callers and self.kind is Kind.API:
            return Field((SERVICE_CALLER,), always=True, closed=True)
        if keys == IDENTITY_TYPE and self.kind is Kind.API:
            return Field(callers_of(str(self.fixed.get(EVENT_SOURCE, ""))), always=True, closed=True)
        for path, values in self.requirement.values:
            if path == keys and self.kind is Kind.API and not self.beyond_values:
                return Field((ABSENT, *values), closed=True)
        if keys == EVENT_SOURCE and self.kind is Kind.SIGN_IN:
            return Field(("signin.amazonaws.com",), always=True, closed=True)
        return field_of(keys, self.kind)


def cases(requirement: Requirement, world: World = ANYWHERE) -> tuple[Case, ...]:
    """Divide a requirement into its cases: one for each name, or one for each kind of record when any name counts."""
    if requirement.events:
        return tuple(_named_case(requirement, name, world) for name in requirement.events)
    fixed: dict[Keys, Any] = {EVENT_TYPE: Kind.API.value}
    if requirement.source:
        fixed[EVENT_SOURCE] = requirement.source
    calls = (
        _named_case(requirement, "ConsoleLogin", world),
        Case("", Kind.API, _placed(fixed, world), requirement, world),
    )
    if requirement.source:
        return calls
    further = (Kind.CONSOLE, Kind.SERVICE)
    return (*calls, *(Case("", kind, _placed({EVENT_TYPE: kind.value}, world), requirement, world) for kind in further))


def _named_case(requirement: Requirement, name: str, world: World) -> Case:
    kind = Kind.SIGN_IN if name == "ConsoleLogin" else Kind.API
    fixed: dict[Keys, Any] = {EVENT_NAME: name, EVENT_TYPE: kind.value}
    if source := requirement.source_of(name) or ("signin.amazonaws.com" if kind is Kind.SIGN_IN else ""):
        fixed[EVENT_SOURCE] = source
    return Case(name, kind, _placed(fixed, world), requirement, world)


def _placed(fixed: dict[Keys, Any], world: World) -> dict[Keys, Any]:
    if fixed.get(EVENT_SOURCE) in _GLOBAL_SOURCES:
        fixed[REGION] = HOME.get(world.partition, HOME["aws"])
    if world.account:
        fixed[ACCOUNT] = world.account
    return fixed


@dataclass(slots=True)
class Budget:
    """Work that is left; shared by all questions of one judgement.

    ``complete`` becomes false when the values of a field were too many to be told apart: events that are missed can
    still be found then, but that none is missed can no longer be said.
    """

    left: int = MAX_WORK
    complete: bool = True

    def spend(self, work: int) -> None:
        """Take some.

        Raises:
            TooComplexError: nothing is left.
        """
        self.left -= work
        if self.left < 0:
            raise TooComplexError("deciding this takes more work than the bound allows")


class Detectors:
    """Filters and rules, found by the event names that they can match."""

    def __init__(self, detectors: Iterable[Detector]) -> None:
        self.all = tuple(detectors)
        self._named: dict[str, list[Detector]] = defaultdict(list)
        self._any: list[Detector] = []
        for detector in self.all:
            if detector.names is None:
                self._any.append(detector)
            for name in detector.names or ():
                self._named[name].append(detector)

    def about(self, name: str) -> list[Detector]:
        """Return those that can match events of this name."""
        return [*self._named.get(name, ()), *self._any]

    @cached_property
    def written_names(self) -> Mapping[str, Detector]:
        """Return every text that a pattern compares event names with, and one pattern that does."""
        return {
            text: one
            for one in reversed(self.all)
            for test in (tests_of(one.formula) if one.formula is not None else ())
            if test.path.keys == EVENT_NAME
            for text in test.predicate.probes.texts
        }

    def catching(self, record: Mapping[str, Any], rules: Rules, budget: Budget) -> Detector | None:
        """Return the first one that matches a record."""
        for detector in self.about(record["eventName"]):
            budget.spend(1)
            if detector.catches(record, rules):
                return detector
        return None


@dataclass(frozen=True, slots=True)
class Miss:
    """An event of a case that no detector catches."""

    case: Case
    assignment: Mapping[Keys, Any]
    record: Mapping[str, Any]


@dataclass(slots=True)
class Outcome:
    """What was found for one case.

    Args:
        miss: an event that is missed; None when there is none.
        helpful: the detectors that catch something of the case.
        doubtful: true when the model was too coarse to be sure that nothing is missed.
    """

    miss: Miss | None = None
    helpful: list[Detector] = field(default_factory=list)
    doubtful: bool = False


def look(case: Case, detectors: Detectors, budget: Budget, rules: Rules = RULES) -> Outcome:
    """Search one case for an event that is missed.

    Raises:
        TooComplexError: the work was more than the budget.
    """
    outcome = Outcome()
    while True:
        grown = False
        for assignment in _missed(case, outcome.helpful, budget, rules):
            catching = _catching_any_style(case, assignment, detectors, budget, rules)
            if isinstance(catching, Miss):
                outcome.miss = catching
                return outcome
            new = [one for one in catching if one not in outcome.helpful]
            if new:
                outcome.helpful.extend(new)
                grown = True
                break
            outcome.doubtful = outcome.doubtful or all(one.formula is not None for one in catching)
        if not grown:
            return outcome


def example_records(case: Case) -> tuple[dict[str, Any], ...]:
    """Return ordinary records of a case: two that share only what it fixes, or none when it has no event at all."""
    first = next(_missed(case, (), Budget(), RULES), None)
    if first is None:
        return ()
    regions = case.field(REGION).samples
    return tuple(build({REGION: regions[style % len(regions)], **first}, case.kind, style) for style in (0, 1))


def _catching_any_style(
    case: Case, assignment: Mapping[Keys, Any], detectors: Detectors, budget: Budget, rules: Rules
) -> Miss | list[Detector]:
    """Match two records that share only what is decided, so that nothing is caught by coincidence."""
    found: dict[Detector, None] = {}
    for style in (0, 1):
        regions = case.field(REGION).samples
        record = build({REGION: regions[style % len(regions)], **assignment}, case.kind, style)
        catching = detectors.catching(record, rules, budget)
        if catching is None:
            return Miss(case, assignment, record)
        found[catching] = None
    return list(found)


def _missed(case: Case, active: Sequence[Detector], budget: Budget, rules: Rules) -> Iterator[dict[Keys, Any]]:
    """Yield decided fields of events that the requirement names and none of the active formulas catches."""
    formulas = [detector.formula for detector in active if detector.formula is not None]
    question = _Question(case, formulas, [one for one in active if one.formula is None], rules)
    budget.complete = budget.complete and question.complete
    if any(not options for _, options in question.dimensions):
        return
    yield from _descend(question, dict(case.fixed), 0, budget)


def _descend(
    question: "_Question", assignment: dict[Keys, Any], depth: int, budget: Budget
) -> Iterator[dict[Keys, Any]]:
    budget.spend(question.size)
    if not question.still_missed(assignment):
        return
    if depth == len(question.dimensions):
        yield dict(assignment)
        return
    keys, options = question.dimensions[depth]
    for option in options:
        assignment[keys] = option
        if consistent(assignment, question.case.kind):
            yield from _descend(question, assignment, depth + 1, budget)
        del assignment[keys]


_COUPLED = (IDENTITY_TYPE, EVENT_NAME, SIGN_IN_RESULT, ERROR_CODE, ERROR_MESSAGE, READ_ONLY)
"""Fields on whose values others depend; decided first."""


class _Question:
    """One search: the fields to be decided with their options, and the formulas that the decisions settle."""

    def __init__(self, case: Case, formulas: list[Formula], texts: list[Detector], rules: Rules) -> None:
        self.case = case
        self.formulas = formulas
        self.rules = rules
        asked: dict[Keys, dict[Test, None]] = defaultdict(dict)
        for formula in (case.requirement.catches, case.requirement.spared, *formulas):
            for test in tests_of(formula):
                asked[test.path.keys][test] = None
        if READ_ONLY in asked and EVENT_NAME not in case.fixed:
            asked.setdefault(EVENT_NAME, {})
        if case.service_callers or any(map(depends_on_caller, asked)):
            asked.setdefault(IDENTITY_TYPE, {})
        excluded = tuple(term.text for one in texts for term in getattr(one.pattern.words, "excluded", ()))
        if excluded:
            asked.setdefault(("userAgent",), {})
        free = sorted(
            (keys for keys in asked if keys not in case.fixed),
            key=lambda keys: _COUPLED.index(keys) if keys in _COUPLED else len(_COUPLED),
        )
        self.dimensions = [(keys, options_for(keys, list(asked[keys]), case, rules)) for keys in free]
        self.complete = all(is_complete(keys, list(asked[keys]), case) for keys in free)
        if excluded:
            self.dimensions = [
                (keys, (*options, *excluded) if keys == ("userAgent",) else options)
                for keys, options in self.dimensions
            ]
        self.size = 1 + sum(len(tests) for tests in asked.values())

    def still_missed(self, assignment: Mapping[Keys, Any]) -> bool:
        """Say whether, as far as decided, the event is required and not caught."""

        def answer(test: Test) -> Truth:
            if test.path.keys not in assignment:
                return None
            return test.predicate.holds(assignment[test.path.keys], self.rules)

        requirement = self.case.requirement
        if evaluate(requirement.catches, answer) is False or evaluate(requirement.spared, answer) is True:
            return False
        return all(evaluate(formula, answer) is not True for formula in self.formulas)


def options_for(keys: Keys, tests: Sequence[Test], case: Case, rules: Rules) -> tuple[Any, ...]:
    """Return one value for each way in which the tests on a field can turn out, realistic ones first."""
    known = case.field(keys)
    candidates: list[Any] = [*known.samples]
    if not known.closed:
        candidates += _further_candidates(known, tests)
    kept: dict[Any, Any] = {}
    for value in candidates:
        signature = (_coupling(keys, value), *(test.predicate.holds(value, rules) for test in tests))
        kept.setdefault(signature, value)
    return tuple(kept.values())


def is_complete(keys: Keys, tests: Sequence[Test], case: Case) -> bool:
    """Say whether ``options_for`` tells apart everything that the tests do."""
    known = case.field(keys)
    if known.closed:
        return True
    languages, language, texts = _languages(known, tests)
    return not languages or _divided(languages, language, texts)[1]


def _further_candidates(known: Field, tests: Sequence[Test]) -> Iterator[Any]:
    if not known.always:
        yield ABSENT
    languages, language, texts = _languages(known, tests)
    yield from (text for text in sorted(texts) if language.accepts(text))
    if languages or not set(known.samples) - {*texts, ABSENT}:
        yield from _divided(languages, language, texts)[0]
    if not known.texts_only:
        yield from _numbers(number for test in tests for number in test.predicate.probes.numbers)
        yield from (True, False)
    if known.nullable:
        yield None


_Languages = tuple[tuple[Language, ...], Language, frozenset[str]]


def _languages(known: Field, tests: Sequence[Test]) -> _Languages:
    """Return the sets of texts that the tests ask for, the real values, and the texts that stand for themselves."""
    probes = [test.predicate.probes for test in tests]
    languages = dict.fromkeys(one for probe in probes for one in probe.languages)
    return tuple(languages), known.language, frozenset(text for probe in probes for text in probe.texts)


@lru_cache(maxsize=512)
def _divided(languages: tuple[Language, ...], within: Language, unless: frozenset[str]) -> tuple[tuple[str, ...], bool]:
    """Divide, or when that is too much work return one text of each language alone, and that it is not all."""
    try:
        return tuple(divide(languages, within, unless)), True
    except TooComplexError:
        found: list[str] = []
        for one in languages:
            with suppress(TooComplexError):
                found += divide((one,), within, unless)
        return tuple(dict.fromkeys(found)), False


def _numbers(limits: Iterable[float]) -> Iterator[float]:
    """Return the limits, and one number between each two of them and beyond both ends."""
    ordered = sorted({limit for limit in limits if abs(limit) < float("inf")})
    yield from ordered
    yield from ((low + high) / 2 for low, high in pairwise(ordered))
    if ordered:
        yield from (ordered[0] - 1, ordered[-1] + 1)


def _coupling(keys: Keys, value: Any) -> Any:
    """Tell apart the values on which other fields depend."""
    if keys in {IDENTITY_TYPE, SIGN_IN_RESULT, READ_ONLY}:
        return repr(value)
    if keys == EVENT_NAME:
        return is_read(str(value)), value if value in FEDERATED.values() else ""
    if keys == EVENT_SOURCE:
        return value == STS, shares(str(value))
    if keys == IDENTITY_ARN:
        return value is ABSENT or str(value).endswith(":root")
    return value is ABSENT or isinstance(value, dict)

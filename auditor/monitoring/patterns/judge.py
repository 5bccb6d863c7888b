"""What a set of patterns is worth for a requirement, in words: covered or not, what is missed, what is too much.

``coverage`` decides; this module asks it, and explains the answer with events, clauses and suggestions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from auditor.monitoring.patterns.blame import Missed, Narrowed, explained, narrowed, natural
from auditor.monitoring.patterns.callers import Kind
from auditor.monitoring.patterns.coverage import (
    ANYWHERE,
    Budget,
    Case,
    Detector,
    Detectors,
    Miss,
    Outcome,
    World,
    cases,
    look,
    options_for,
)
from auditor.monitoring.patterns.delivery import detector_of
from auditor.monitoring.patterns.errors import PatternError, TooComplexError
from auditor.monitoring.patterns.everyday import EVERYDAY, Added, added
from auditor.monitoring.patterns.filter_pattern import Compare, Glob
from auditor.monitoring.patterns.formula import Test, tests_of
from auditor.monitoring.patterns.pattern import Dialect, parse_pattern
from auditor.monitoring.patterns.requirement import Requirement
from auditor.monitoring.patterns.rules import DOUBTS, OBSERVED, RULES, Rules, turned

NEVER_RESTS = "It matches nearly every event: an alarm on it never rests."


@dataclass(frozen=True, slots=True)
class Coverage:
    """The judgement.

    Args:
        valid: whether AWS accepts every pattern.
        covers: whether every event is caught; None when that could not be decided.
        missed: one event for each name that is missed.
        narrowed_by: clauses that narrow.
        adds: everyday events that are caught beside.
        notes: what else is worth knowing.
        used: names of the patterns that catch something of the requirement.
    """

    valid: bool
    covers: bool | None
    missed: tuple[Missed, ...] = ()
    narrowed_by: tuple[Narrowed, ...] = ()
    adds: tuple[Added, ...] = ()
    notes: tuple[str, ...] = ()
    used: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the JSON form that ``auditor pattern check --json`` prints."""
        return {
            "valid": self.valid,
            "covers": self.covers,
            "missed": [item.document() for item in self.missed],
            "narrowed_by": [item.document() for item in self.narrowed_by],
            "adds": [item.document() for item in self.adds],
            "notes": list(self.notes),
        }


def judge_patterns(requirement: Requirement, patterns: Sequence[str], world: World = ANYWHERE) -> Coverage:
    """Judge patterns alone, as if each were deployed wherever it is needed.

    Args:
        requirement: the events to be caught.
        patterns: filter patterns or EventBridge patterns; invalid ones never match and are named in the notes.
        world: what is known about the account.
    """
    detectors, problems, undecided = _read(patterns)
    found = judge(requirement, detectors, world)
    covers = None if undecided and not found.covers else found.covers
    return replace(
        found, valid=all("Not valid" not in one for one in problems), covers=covers, notes=(*problems, *found.notes)
    )


def missed_events(
    requirement: Requirement, patterns: Sequence[str], world: World = ANYWHERE
) -> tuple[Mapping[str, Any], ...]:
    """Return the events of ``judge_patterns(...).missed`` without working out what else there is to say."""
    index = Detectors(_read(patterns)[0])
    try:
        outcomes, _ = _decided(requirement, index, world, Budget(), RULES)
        misses = [natural(outcome.miss, index, RULES) for outcome in outcomes if outcome.miss is not None]
    except TooComplexError:
        return ()
    return tuple(miss.record for miss in misses if miss.case.name not in requirement.retired)


def _read(patterns: Iterable[str]) -> tuple[list[Detector], list[str], bool]:
    """Return the detectors of patterns, what is wrong with others, and whether one was too complex to read."""
    detectors: list[Detector] = []
    problems: list[str] = []
    undecided = False
    for text in patterns:
        try:
            detectors.append(detector_of(text, parse_pattern(text)))
        except PatternError as error:
            problems.append(f"Not valid, so that it can never match: {error.message}: {_short(text)}")
        except TooComplexError as error:
            undecided = True
            problems.append(f"Not assessed: {error}: {_short(text)}")
    return detectors, problems, undecided


def judge(
    requirement: Requirement,
    detectors: Iterable[Detector] | Detectors,
    world: World = ANYWHERE,
    *,
    rules: Rules = RULES,
) -> Coverage:
    """Judge detectors together: an event counts as caught when any of them catches it."""
    index = detectors if isinstance(detectors, Detectors) else Detectors(detectors)
    budget = Budget()
    try:
        outcomes, covers = _decided(requirement, index, world, budget, rules)
        helpful = list(dict.fromkeys(one for outcome in outcomes for one in outcome.helpful))
        misses = [natural(outcome.miss, index, rules) for outcome in outcomes if outcome.miss is not None]
        notes = [*_notes(requirement, misses, helpful), *_tolerated(requirement, world, index, covers, budget, rules)]
        notes += _resting_on_doubts(requirement, world, index, helpful, covers, rules)
    except TooComplexError as error:
        return Coverage(valid=True, covers=None, notes=(f"Not assessed: {error}.",))
    if covers is None:
        notes.append("Not assessed: the patterns can be told apart in too many ways.")
    counted = [miss for miss in misses if miss.case.name not in requirement.retired]
    adds = tuple(added(requirement, helpful, rules))
    if len(adds) > len(EVERYDAY) // 2:
        notes.append(NEVER_RESTS)
    return Coverage(
        valid=True,
        covers=covers,
        missed=tuple(explained(miss, index, rules) for miss in counted),
        narrowed_by=narrowed(counted, index, rules),
        adds=adds[:_SHOWN],
        notes=tuple(dict.fromkeys(notes)),
        used=tuple(one.name for one in helpful),
    )


def decide(
    requirement: Requirement, detectors: Iterable[Detector], world: World = ANYWHERE, *, rules: Rules = RULES
) -> tuple[bool | None, frozenset[Detector]]:
    """Answer ``judge`` without the explanations: whether all is caught, and which detectors catch something of it."""
    try:
        outcomes, covers = _decided(requirement, Detectors(detectors), world, Budget(), rules)
    except TooComplexError:
        return None, frozenset()
    return covers, frozenset(one for outcome in outcomes for one in outcome.helpful)


def _decided(
    requirement: Requirement, index: Detectors, world: World, budget: Budget, rules: Rules
) -> tuple[list[Outcome], bool | None]:
    outcomes = [look(case, index, budget, rules) for case in cases(requirement, world)]
    covers = _covers(requirement, outcomes)
    return outcomes, covers if budget.complete or covers is False else None


_SHOWN = 5
"""Everyday events that are listed for a filter which catches them too."""


def _covers(requirement: Requirement, outcomes: Sequence[Outcome]) -> bool | None:
    if any(one.miss is not None and one.miss.case.name not in requirement.retired for one in outcomes):
        return False
    return None if any(one.doubtful for one in outcomes) else True


def _notes(requirement: Requirement, misses: Sequence[Miss], helpful: Sequence[Detector]) -> list[str]:
    notes = [requirement.note] if requirement.note else []
    retired = [miss.case.name for miss in misses if miss.case.name in requirement.retired]
    if retired:
        notes.append(f"Not caught, but of a retired feature, which is no reason to fail: {', '.join(retired)}.")
    for detector in helpful:
        notes += [f"Accepted though not documented: {warning}." for warning in detector.pattern.warnings]
        if detector.pattern.dialect in {Dialect.TERMS, Dialect.SPACE}:
            notes.append("It looks for words anywhere in the record, so that the same words in a request match too.")
    if helpful and all(one.pattern.dialect is Dialect.EVENT for one in helpful):
        notes.append("An EventBridge rule is another kind of detector than the metric filter that the benchmark names.")
    return notes


def _tolerated(
    requirement: Requirement, world: World, index: Detectors, covers: bool | None, budget: Budget, rules: Rules
) -> list[str]:
    """Say what a covering set still leaves out because the requirement tolerates it."""
    if covers is not True:
        return []
    notes = []
    plain = cases(requirement, world)
    if any(
        look(replace(case, service_callers=True), index, budget, rules).miss for case in plain if case.kind is Kind.API
    ):
        notes.append("Calls that AWS services make by themselves (userIdentity.type AWSService) are left out.")
    if requirement.values and any(look(replace(case, beyond_values=True), index, budget, rules).miss for case in plain):
        notes.append("It lists today's values one by one: a new one that fits the wildcard would be missed.")
    return notes


def _resting_on_doubts(
    requirement: Requirement,
    world: World,
    index: Detectors,
    helpful: Sequence[Detector],
    covers: bool | None,
    rules: Rules,
) -> list[str]:
    """Say when another reading of an undocumented rule would give another verdict."""
    if rules is not RULES:
        return []
    notes = []
    all_cases = cases(requirement, world)
    relevant = [one for one in index.all if one in helpful or _relevant(one, requirement)]
    for name in DOUBTS.keys() - OBSERVED:
        other = turned(name)
        if not _touches(relevant, all_cases[0], other):
            continue
        outcomes = [look(case, index, Budget(), other) for case in all_cases]
        if _covers(requirement, outcomes) is not covers:
            notes.append(f"The verdict rests on something that AWS does not document: {DOUBTS[name]}.")
    return sorted(notes)


def _relevant(detector: Detector, requirement: Requirement) -> bool:
    return detector.formula is not None and not (detector.names or frozenset()).isdisjoint(requirement.events)


def _touches(detectors: Sequence[Detector], case: Case, other: Rules) -> bool:
    """Say whether any test would answer differently for a value that real records carry."""
    for detector in detectors:
        for test in tests_of(detector.formula) if detector.formula is not None else ():
            if test.path.wild and not other.any_element_differs:
                return True
            if _is_certain(test, case):
                continue
            values = (
                *options_for(test.path.keys, [test], case, RULES),
                *options_for(test.path.keys, [test], case, other),
            )
            if any(test.predicate.holds(value, RULES) is not test.predicate.holds(value, other) for value in values):
                return True
    return False


def _is_certain(test: Test, case: Case) -> bool:
    """Say whether a test compares a field that only holds texts with a text: no doubtful rule bears on that."""
    known = case.field(test.path.keys)
    predicate = test.predicate
    plain = isinstance(predicate, Compare) and isinstance(predicate.value, Glob) and "*" not in predicate.value.text
    return plain and known.texts_only and not known.nullable


# ---------------------------------------------------------------- why an event is missed


# ---------------------------------------------------------------- what is caught beside


def _short(text: str, limit: int = 120) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"

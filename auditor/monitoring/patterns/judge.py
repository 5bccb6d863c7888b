"""What a set of patterns is worth for a requirement, in words: covered or not, what is missed, what is too much.

``coverage`` decides; this module asks it, and explains the answer with events, clauses and suggestions.
"""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from auditor.monitoring.patterns.callers import ERROR_CODE, EVENT_NAME, EVENT_SOURCE, IDENTITY_TYPE, Keys, Kind
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
    concerns,
    look,
    options_for,
    source_slip,
)
from auditor.monitoring.patterns.delivery import detector_of
from auditor.monitoring.patterns.errors import PatternError, TooComplexError
from auditor.monitoring.patterns.filter_pattern import Compare, Glob
from auditor.monitoring.patterns.formula import (
    ABSENT,
    All,
    Formula,
    Test,
    ask,
    holds,
    tests_of,
    values_at,
)
from auditor.monitoring.patterns.pattern import Dialect, parse_pattern
from auditor.monitoring.patterns.records import (
    KNOWN_NAMES,
    MFA_USED,
    READ_ONLY,
    SIGN_IN_RESULT,
    build,
    describe,
    field_of,
)
from auditor.monitoring.patterns.requirement import Requirement
from auditor.monitoring.patterns.rules import DOUBTS, OBSERVED, RULES, Rules, turned

NEVER_RESTS = "It matches nearly every event: an alarm on it never rests."


@dataclass(frozen=True, slots=True)
class Missed:
    """An event that the requirement names and no pattern catches.

    Args:
        name: its eventName.
        words: what happens in it.
        event: the complete CloudTrail record.
        field: the field that decides, such as ``$.eventName``.
        hint: what may have been meant; empty when nothing comes close.
        pattern: the pattern that comes closest to catching it; empty when none is about it.
        clause: the part of its text that decides.
    """

    name: str
    words: str
    event: Mapping[str, Any]
    field: str
    hint: str = ""
    pattern: str = ""
    clause: str = ""

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "name": self.name,
            "words": self.words,
            "field": self.field,
            "hint": self.hint,
            "pattern": self.pattern,
            "clause": self.clause,
            "event": dict(self.event),
        }


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A clause that keeps a pattern from events whose names it lists."""

    pattern: str
    clause: str
    reason: str
    names: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"pattern": self.pattern, "clause": self.clause, "reason": self.reason, "names": list(self.names)}


@dataclass(frozen=True, slots=True)
class Added:
    """An everyday event that a pattern catches though the requirement does not name it."""

    pattern: str
    words: str
    event: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"pattern": self.pattern, "words": self.words, "event": dict(self.event)}


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
        misses = [_natural(outcome.miss, index, RULES) for outcome in outcomes if outcome.miss is not None]
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
        misses = [_natural(outcome.miss, index, rules) for outcome in outcomes if outcome.miss is not None]
        notes = [*_notes(requirement, misses, helpful), *_tolerated(requirement, world, index, covers, budget, rules)]
        notes += _resting_on_doubts(requirement, world, index, helpful, covers, rules)
    except TooComplexError as error:
        return Coverage(valid=True, covers=None, notes=(f"Not assessed: {error}.",))
    if covers is None:
        notes.append("Not assessed: the patterns can be told apart in too many ways.")
    counted = [miss for miss in misses if miss.case.name not in requirement.retired]
    adds = tuple(_adds(requirement, helpful, rules))
    if len(adds) > len(EVERYDAY) // 2:
        notes.append(NEVER_RESTS)
    return Coverage(
        valid=True,
        covers=covers,
        missed=tuple(_missed(miss, index, rules) for miss in counted),
        narrowed_by=_narrowed(counted, index, rules),
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


def _natural(miss: Miss, index: Detectors, rules: Rules) -> Miss:
    """Let a refused call be one that is usually refused so, where that is missed just the same."""
    if miss.case.name or "errorCode" not in miss.record:
        return miss
    assignment = {
        keys: value for keys, value in miss.assignment.items() if keys not in {EVENT_NAME, EVENT_SOURCE, READ_ONLY}
    }
    record = build(assignment, miss.case.kind)
    requirement = miss.case.requirement
    required = holds(requirement.catches, record, rules) and not holds(requirement.spared, record, rules)
    return Miss(miss.case, assignment, record) if required and index.catching(record, rules, Budget()) is None else miss


def _missed(miss: Miss, index: Detectors, rules: Rules) -> Missed:
    name = str(miss.record["eventName"])
    words = describe(miss.record)
    if (written := _misspelt(name, index, miss.case.requirement)) is not None:
        hint = f"{written} is written; did you mean {name}?"
        return Missed(name, words, miss.record, "$.eventName", hint, index.written_names[written].pattern.text, written)
    for one in index.about(name):
        if failing := _blamed(one, miss.record, rules, alone=len(index.all) == 1):
            text, test = one.pattern.text, failing[0]
            clause = next((part for part in (test.words, _path_text(test)) if part in text), "")
            return Missed(name, words, miss.record, _path_text(test), _hint_for(test, miss.record), text, clause)
    field_text = "$.eventName"
    if not miss.case.requirement.events:
        field_text = "$.errorCode" if "errorCode" in miss.record else "$.userIdentity.type"
    near = next((one for one in index.all if concerns(one, miss.case.requirement)), None)
    return Missed(name, words, miss.record, field_text, pattern=near.pattern.text if near is not None else "")


def _path_text(test: Test) -> str:
    return test.path.text if test.path.text.startswith("$") else f"$.{test.path.text.removeprefix('detail.')}"


def _misspelt(name: str, index: Detectors, requirement: Requirement) -> str | None:
    """Find a text in the patterns that looks like a misspelling of the missed name."""
    for text in sorted(index.written_names.keys() - {*requirement.events, name}):
        if text.strip().lower() == name.lower() or _one_slip(text.strip(), name):
            return text
    return None


def _one_slip(written: str, meant: str) -> bool:
    """Say whether two names differ by one letter: too many, too few, wrong or swapped."""
    if abs(len(written) - len(meant)) > 1 or written == meant:
        return False
    start = next((at for at, pair in enumerate(zip(written, meant, strict=False)) if pair[0] != pair[1]), None)
    if start is None:
        return True
    rest, other = written[start:], meant[start:]
    swapped = rest[:2] == other[1::-1] and rest[2:] == other[2:]
    return rest[1:] == other[1:] or rest[1:] == other or rest == other[1:] or swapped


def _blamed(detector: Detector, record: Mapping[str, Any], rules: Rules, *, alone: bool) -> list[Test]:
    """Return the failing tests of a pattern that is about the event, fewest first; nothing when it is not.

    A pattern that names no events is about one when it is the only one, or when a failing test looks like a slip.
    """
    if detector.formula is None:
        return []
    failing = _failing(detector.formula, record, rules)
    if any(test.path.keys == EVENT_NAME for test in failing):
        return []
    if detector.names is not None:
        return failing if record["eventName"] in detector.names else []
    slip = any(_hint_for(test, record) for test in failing)
    return failing if len(failing) <= _FEW and (alone or slip) else []


_FEW = 2
"""A pattern without event names is taken to be about an event when at most this many of its tests fail."""

_COSTS: Mapping[Keys, int] = {EVENT_NAME: 100, EVENT_SOURCE: 10, IDENTITY_TYPE: 5}


def _failing(formula: Formula, record: Mapping[str, Any], rules: Rules) -> list[Test]:
    """Return the cheapest set of failing tests that would have to hold for the formula to hold."""
    if isinstance(formula, Test):
        return [] if ask(formula, record, rules) else [formula]
    if isinstance(formula, All):
        return [test for part in formula.parts for test in _failing(part, record, rules)]
    ways = [_failing(part, record, rules) for part in formula.parts]
    return min(ways, key=lambda tests: sum(_COSTS.get(test.path.keys, 1) for test in tests), default=[])


def _narrowed(misses: Sequence[Miss], index: Detectors, rules: Rules) -> tuple[Narrowed, ...]:
    found: dict[tuple[str, str, str], dict[str, None]] = {}
    for miss in misses:
        for detector in index.about(str(miss.record["eventName"])):
            for test in _blamed(detector, miss.record, rules, alone=len(index.all) == 1):
                key = (detector.name, test.words, _reason(test, miss.record))
                found.setdefault(key, {})[str(miss.record["eventName"])] = None
    return tuple(Narrowed(*key, tuple(names)) for key, names in found.items())


def _reason(test: Test, record: Mapping[str, Any]) -> str:
    values = list(values_at(record, test.path.keys))
    if hint := _hint_for(test, record):
        return hint
    if not values:
        if test.predicate.holds("\ue000", RULES):
            return f"it is false for records that have no {test.path.text}; write (… NOT EXISTS || …)"
        return f"it asks for {test.path.text}, which the event does not have"
    if isinstance(values[0], dict | list):
        return f"{test.path.text} is an object, which matches neither = nor !="
    if test.predicate.holds(ABSENT, RULES):
        return f"it leaves out records that have {test.path.text}"
    return f"the event has {json.dumps(values[0], ensure_ascii=False)} there"


def _hint_for(test: Test, record: Mapping[str, Any]) -> str:
    """Suggest the field or value that may have been meant."""
    for key in test.path.keys:
        if (
            isinstance(key, str)
            and key not in KNOWN_NAMES
            and field_of(test.path.keys[:1], Kind.API).samples != ({}, None)
        ):
            close = difflib.get_close_matches(key, KNOWN_NAMES, n=1, cutoff=0.8)
            if close or (close := [name for name in KNOWN_NAMES if name.lower() == key.lower()]):
                return f"records have no field {key}; did you mean {close[0]}?"
    values = [value for value in values_at(record, test.path.keys) if isinstance(value, str)]
    for text in test.predicate.probes.texts:
        for value in values:
            if text != value and (text.lower() == value.lower() or _similar(text, value, test.path.keys)):
                return f"{text} is written; did you mean {value}?"
    return ""


def _similar(written: str, value: str, keys: Keys) -> bool:
    if keys == ERROR_CODE:
        return value.endswith(written) or value.startswith(written)
    return keys == EVENT_SOURCE and source_slip(written, value)


# ---------------------------------------------------------------- what is caught beside


def _everyday() -> tuple[Mapping[str, Any], ...]:
    """Build records of an ordinary day."""
    calls = (
        ("ec2.amazonaws.com", "DescribeInstances", "AssumedRole"),
        ("s3.amazonaws.com", "ListBuckets", "IAMUser"),
        ("sts.amazonaws.com", "AssumeRole", "IAMUser"),
        ("kms.amazonaws.com", "Decrypt", "AssumedRole"),
        ("lambda.amazonaws.com", "UpdateFunctionCode20150331v2", "AssumedRole"),
        ("iam.amazonaws.com", "GetRole", "AssumedRole"),
        ("iam.amazonaws.com", "CreateUser", "IAMUser"),
        ("ec2.amazonaws.com", "RunInstances", "AssumedRole"),
        ("cloudtrail.amazonaws.com", "DescribeTrails", "AssumedRole"),
        ("logs.amazonaws.com", "CreateLogStream", "AssumedRole"),
        ("dynamodb.amazonaws.com", "DescribeTable", "IAMUser"),
        ("iam.amazonaws.com", "GetPolicyVersion", "AssumedRole"),
        ("ec2.amazonaws.com", "DescribeSecurityGroups", "AssumedRole"),
        ("s3.amazonaws.com", "GetBucketPolicy", "AssumedRole"),
        ("kms.amazonaws.com", "DescribeKey", "AssumedRole"),
    )
    api = (
        build({EVENT_SOURCE: source, EVENT_NAME: name, IDENTITY_TYPE: who}, Kind.API, index % 2)
        for index, (source, name, who) in enumerate(calls)
    )
    sign_in = build({IDENTITY_TYPE: "IAMUser", SIGN_IN_RESULT: "Success", MFA_USED: "Yes"}, Kind.SIGN_IN)
    return (*api, sign_in)


EVERYDAY = _everyday()


def _adds(requirement: Requirement, helpful: Sequence[Detector], rules: Rules) -> Iterable[Added]:
    for record in EVERYDAY:
        if _required(requirement, record) or holds(requirement.may_add, record) or holds(requirement.spared, record):
            continue
        for detector in helpful:
            if detector.catches(record, rules):
                yield Added(detector.name, describe(record), record)
                break


def _required(requirement: Requirement, record: Mapping[str, Any]) -> bool:
    if requirement.events and record["eventName"] not in requirement.events:
        return False
    source = requirement.source_of(record["eventName"])
    if source and record["eventSource"] != source:
        return False
    return holds(requirement.catches, record)


def _short(text: str, limit: int = 120) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"

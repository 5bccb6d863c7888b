"""Why an event is missed: the clause that keeps a pattern from it, and what may have been meant. Decides nothing."""

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.monitoring.patterns.callers import ERROR_CODE, EVENT_NAME, EVENT_SOURCE, IDENTITY_TYPE, Keys, Kind
from auditor.monitoring.patterns.coverage import Budget, Detector, Detectors, Miss, concerns, source_slip
from auditor.monitoring.patterns.formula import ABSENT, All, Formula, Test, ask, holds, values_at
from auditor.monitoring.patterns.records import KNOWN_NAMES, READ_ONLY, build, describe, field_of
from auditor.monitoring.patterns.requirement import Requirement
from auditor.monitoring.patterns.rules import RULES, Rules


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


def natural(miss: Miss, index: Detectors, rules: Rules) -> Miss:
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


def explained(miss: Miss, index: Detectors, rules: Rules) -> Missed:
    """Return a missed event with the field, the pattern and the clause that decide."""
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


def narrowed(misses: Sequence[Miss], index: Detectors, rules: Rules) -> tuple[Narrowed, ...]:
    """Return each clause that keeps a pattern from events that it lists by name."""
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

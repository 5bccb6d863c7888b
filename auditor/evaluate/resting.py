"""Lets the period controls rest on the timelines: what stood out of order on one does not meet its criterion.

A timeline knows more than the calls that a control names: since when something was off, whether anybody set it back,
and what was read of it in the end. It is never a reason to pass; what it leaves open, the control's own search says.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from auditor.activity.calls import without_version
from auditor.activity.continuity import Condition, Stretch
from auditor.activity.fields import moment, text
from auditor.activity.watched import leaves
from auditor.base.counts import counted
from auditor.base.period import lasting, rfc3339
from auditor.evaluate.continuity import Line, timelines
from auditor.evaluate.missing import EvidenceMissing
from auditor.evaluate.subject import Subject
from auditor.model import State, Verdict, failed

_NAMED: Final = 3
_LISTED: Final = 20


@dataclass(frozen=True, slots=True)
class About:
    """Which timelines a control rests on.

    Args:
        kinds: of the things, as ``activity.watched.KINDS`` names them.
        calls: what the control is about: a break counts that begins with one of them.
        name: the one thing that it is about; empty for all of those kinds.
    """

    kinds: Collection[str]
    calls: Collection[str]
    name: str = ""


def resting(subject: Subject, judge: Callable[[], Verdict], about: About) -> Verdict:
    """Return what a control's own search came to, with what the timelines show of the things that it is about.

    Args:
        subject: what is judged.
        judge: the search; what it misses stays missing unless a timeline proves a failure.
        about: which timelines.

    Raises:
        EvidenceMissing: the search lacks an answer, and no timeline shows anything out of order.
    """
    missing: EvidenceMissing | None = None
    verdict: Verdict | None = None
    try:
        verdict = judge()
    except EvidenceMissing as signal:
        missing = signal
    broken = list(_broken(subject, about))
    if not broken:
        if verdict is None:
            raise missing or AssertionError("a search ends in a verdict or in what it misses")
        return verdict
    details = {"out_of_order": [_document(*item) for item in broken[:_LISTED]]}
    if verdict is not None and verdict.state is State.FAIL:
        reason = f"{verdict.reason} Out of order {_words(broken)}."
        return replace(verdict, reason=reason, details={**verdict.details, **details})
    if missing is not None:
        subject.evidence.lack(missing.missing)
    found = timelines(subject.evidence, subject.period)
    subject.evidence.refer((*(found.refs if found else ()), *(ref for line, _ in broken for ref in line.thing.refs)))
    return failed(f"By verified calls and what was read, out of order {_words(broken)}.", details=details)


def _broken(subject: Subject, about: About) -> Iterator[tuple[Line, Stretch]]:
    found = timelines(subject.evidence, subject.period)
    for line in found.lines if found is not None else ():
        if line.thing.kind in about.kinds and about.name in {"", line.thing.name}:
            for stretch in line.stretches:
                if stretch.condition is Condition.BROKEN and _begun_by(line, stretch) in about.calls:
                    yield line, stretch


def _begun_by(line: Line, stretch: Stretch) -> str:
    """Return the name of the verified call with which a break began."""
    told = [
        row
        for row in line.rows
        if row.get("verified") is True
        and leaves(row) is not True
        and (at := moment(row.get("event_time"))) is not None
        and at <= stretch.start
    ]
    return without_version(text(told[-1].get("event_name"))) if told else ""


def _words(broken: list[tuple[Line, Stretch]]) -> str:
    parts = [
        f"from {rfc3339(stretch.start)} to {rfc3339(stretch.end)} ({lasting(stretch.end - stretch.start)}): "
        f"{line.thing.kind} {line.thing.name}"
        for line, stretch in broken[:_NAMED]
    ]
    more = len(broken) - _NAMED
    return "; ".join(parts) + (f"; and {counted(more, 'more time')}" if more > 0 else "")


def _document(line: Line, stretch: Stretch) -> dict[str, Any]:
    return {
        "kind": line.thing.kind,
        "name": line.thing.name,
        "region": line.thing.region,
        "start": rfc3339(stretch.start),
        "end": rfc3339(stretch.end),
    }

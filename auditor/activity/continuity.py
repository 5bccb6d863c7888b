"""Walks what a setting was at the end of a period back through the calls that changed it. Pure; knows no evidence.

What a timeline shows is never more than the logs carry: an hour whose digests did not verify is never one in which a
setting held, and a state that was read after the period is told apart from one that calls or digests prove.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Final

from auditor.base.period import Period


class Condition(StrEnum):
    """How a setting stood over some time."""

    HELD = "held"
    """In order: a digest, a verified call or the moment since which AWS says so proves it."""
    UNCHANGED = "unchanged"
    """No verified call changed it, and it was in order when it was read later, or when a later call ended that."""
    ALTERED = "altered"
    """A call put another value in its place, and nothing here says whether that was as good."""
    BROKEN = "broken"
    OPEN = "open"
    """Nothing vouches for what took place, or nothing says what stood there."""


_WORST_FIRST: Final = (Condition.BROKEN, Condition.ALTERED, Condition.OPEN, Condition.UNCHANGED, Condition.HELD)

Span = tuple[datetime, datetime]
"""A half-open stretch of time."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of a setting.

    Args:
        holds: whether it was in order; None where that is not told.
        at: when it was read.
        since: since when it has been so without a break, where AWS says it.
    """

    holds: bool | None
    at: datetime
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A successful call that set it.

    Args:
        at: when it was made.
        holds: whether it was in order afterwards; None where another value stands that is not judged.
        verified: whether the log file that tells of it verified.
        part: which of several settings that are shown on one line.
    """

    at: datetime
    holds: bool | None
    verified: bool = True
    part: str = ""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time over which a setting stood in one way."""

    start: datetime
    end: datetime
    condition: Condition


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return spans sorted, with those that touch or overlap made one."""
    made: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if made and start <= made[-1][1]:
            made[-1] = (made[-1][0], max(end, made[-1][1]))
        else:
            made.append((start, end))
    return tuple(made)


def _covered(spans: Sequence[Span], start: datetime, end: datetime) -> bool:
    """Tell whether a time lies within one of spans that do not touch."""
    return any(first <= start and end <= last for first, last in spans)


def walk(
    period: Period,
    verified: Sequence[Span],
    changes: Iterable[Change],
    readings: Sequence[tuple[str, Reading]] = (),
    proved: Sequence[Span] = (),
) -> tuple[Stretch, ...]:
    """Return how a setting stood over a period, without a gap and in order.

    Args:
        period: the audited period.
        verified: when the log files that tell of such calls verified.
        changes: the calls, in any order; those outside the period do not count.
        readings: what was read, by part; where something has several parts, the worst of them counts.
        proved: when something else proves that it held, such as digests of the very trail.
    """
    vouched, held = joined(verified), joined(proved)
    within = sorted((item for item in changes if item.at in period), key=lambda item: item.at)
    known = dict(readings)
    parts = sorted({*known, *(item.part for item in within)})
    lines = [
        _Line(period, vouched, held, [item for item in within if item.part == part], known.get(part)) for part in parts
    ]
    cuts = {period.start, period.end, *(item.at for item in within)}
    cuts.update(moment for span in (*vouched, *held) for moment in span)
    cuts.update(item.since for item in known.values() if item.since is not None)
    times = sorted(moment for moment in cuts if period.start <= moment <= period.end)
    found: list[Stretch] = []
    for start, end in pairwise(times):
        shown = {line.between(start, end) for line in lines} or {Condition.OPEN}
        condition = next(item for item in _WORST_FIRST if item in shown)
        if found and found[-1].condition is condition:
            found[-1] = Stretch(found[-1].start, end, condition)
        else:
            found.append(Stretch(start, end, condition))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Line:
    """One setting over the period."""

    period: Period
    verified: Sequence[Span]
    proved: Sequence[Span]
    changes: Sequence[Change]
    reading: Reading | None

    def between(self, start: datetime, end: datetime) -> Condition:
        """Say how it stood between two moments between which nothing is known to have changed."""
        before = [item for item in self.changes if item.at <= start]
        told = next((item for item in reversed(before) if item.verified), None)
        vouched = not before or before[-1].verified
        if vouched and told is not None and told.holds is False and not self._since(start, told):
            return Condition.BROKEN
        if _covered(self.proved, start, end):
            return Condition.HELD
        if not _covered(self.verified, start, end):
            return Condition.OPEN
        return Condition.HELD if self._since(start) else self._by_calls(told, end, vouched=vouched)

    def _by_calls(self, told: Change | None, end: datetime, *, vouched: bool) -> Condition:
        """Say what the verified calls before and after a time in verified hours tell of it."""
        if not vouched:
            return Condition.OPEN
        after = next((item for item in self.changes if item.at >= end), None)
        return self._first(end, after) if told is None else self._following(told, end, after)

    def _since(self, moment: datetime, told: Change | None = None) -> bool:
        """Tell whether AWS says that it has been in order since before a moment, and after a call that broke it."""
        read = self.reading
        if read is None or read.holds is not True or read.since is None or read.since > moment:
            return False
        return told is None or read.since >= told.at

    def _first(self, end: datetime, after: Change | None) -> Condition:
        """Say how it stood before the first call: as the next one presupposes, or as it was read in the end."""
        if after is not None:
            return Condition.UNCHANGED if after.holds is False and after.verified else Condition.OPEN
        return self._as_read(end)

    def _following(self, told: Change, end: datetime, after: Change | None) -> Condition:
        """Say how it stood after a call that did not break it."""
        if told.holds is True:
            if _covered(self.verified, told.at, end):
                return Condition.HELD
            otherwise = after is None and self.reading is not None and self.reading.holds is False
            return Condition.OPEN if otherwise else Condition.UNCHANGED
        if after is None and self.reading is not None and self.reading.holds is not None:
            return self._as_read(end, set_here=True)
        return Condition.ALTERED

    def _as_read(self, end: datetime, *, set_here: bool = False) -> Condition:
        read = self.reading
        if read is None or read.holds is None:
            return Condition.OPEN
        certain = read.at <= self.period.end and _covered(self.verified, end, read.at)
        if read.holds:
            return Condition.HELD if certain else Condition.UNCHANGED
        return Condition.BROKEN if certain or set_here else Condition.OPEN

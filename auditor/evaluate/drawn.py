"""What became of events that Event history listed: whether they stand in verified log files of the period.

One that does not is missing only where a trail was to record it, log files of its hour were looked at, and everything
in them could be read; otherwise it is open, for the reason that stands beside it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from auditor.activity.drawn import Draw
from auditor.activity.fields import maps, member
from auditor.activity.fields import moment as time_in
from auditor.base.counts import counted
from auditor.base.period import Period, rfc3339
from auditor.evaluate.checks.cloudtrail import listed_trails, trail_selectors
from auditor.evaluate.checks.fields import flag, integer, listed, moment, optional_text, text
from auditor.evaluate.checks.holders import DIGESTS
from auditor.evaluate.checks.selectors import READ, WRITE, left_out, management
from auditor.evaluate.missing import UNREADABLE, EvidenceMissing
from auditor.evaluate.view import View

HISTORY, MEASURED = "cloudtrail:LookupEvents", "events:Measured"
_GLOBAL: Final = frozenset(f"{name}.amazonaws.com" for name in ("cloudfront", "iam", "signin", "sts"))
"""Services whose events a trail may leave out as those of global services."""
_HOUR: Final = timedelta(hours=1)
_LOOKED: Final = frozenset("vxdugs")
"""States of an hour whose log files were all looked at, such as there were."""


class Place(StrEnum):
    """Where a drawn event stands."""

    FOUND = "found"
    UNVERIFIED = "unverified"
    """In a log file that no digest vouches for, or that was altered."""
    MISSING = "missing"
    LEFT_OUT = "left out"
    """Nowhere, and no trail was to record it."""
    OPEN = "open"
    """Nowhere that was looked, and not all was looked at."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """An event that Event history listed.

    Args:
        place: where it stands.
        why: one clause; empty where it was found.
        log_file: the key of the log file that holds it.
    """

    event_id: str
    event_time: datetime
    event_name: str
    region: str
    place: Place
    why: str = ""
    log_file: str = ""

    def words(self) -> str:
        """Return how a sentence names it."""
        return f"{self.event_name} at {self.event_time:%Y-%m-%dT%H:%M:%SZ} ({self.event_id})"

    def document(self) -> dict[str, str]:
        """Return the JSON form."""
        return {
            "event_id": self.event_id,
            "event_time": rfc3339(self.event_time),
            "event_name": self.event_name,
            "place": self.place.value,
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class _Event:
    event_id: str
    time: datetime
    name: str
    source: str
    reads: bool | None
    region: str


@dataclass(frozen=True, slots=True)
class _Recorder:
    """A trail, as far as it tells whether it was to record an event and whether its log files were looked at."""

    regions: str | None
    """The one Region that it records; None for all."""
    without_global: bool
    leaves_out: Mapping[str, frozenset[str] | None]
    """By read and write; None where it does not record them in full."""
    hours: Mapping[tuple[str, datetime], str]

    def records(self, event: _Event) -> bool | None:
        """Say whether it was to record an event; None where that cannot be told."""
        if self.regions not in (None, event.region):
            return False
        if event.source in _GLOBAL and self.without_global:
            return None
        accesses = (READ, WRITE) if event.reads is None else (READ,) if event.reads else (WRITE,)
        told = {self._takes(access, event.source) for access in accesses}
        return told.pop() if len(told) == 1 else None

    def _takes(self, access: str, source: str) -> bool | None:
        left = self.leaves_out[access]
        return None if left is None else source not in left

    def looked(self, event: _Event, period: Period) -> str:
        """Say why its log files do not show that an event is missing; empty where they do."""
        hour = event.time.replace(minute=0, second=0, microsecond=0)
        hours = [hour] + ([hour + _HOUR] if hour + _HOUR < period.end else [])
        states = {self.hours.get((event.region, item), "") for item in hours}
        if "p" in states:
            return "its digest was not due yet"
        return "" if states <= _LOOKED else "log files of its hour were not looked at, or could not be read"


class Sample:
    """The sample of one account.

    Args:
        view: the account's evidence; what is used is noted there.
        draw: how it was drawn.
    """

    def __init__(self, view: View, draw: Draw) -> None:
        self._view, self._draw = view, draw

    def region(self, region: str) -> tuple[Drawn, ...]:
        """Return the drawn events of a Region, each once, in the order of their times.

        Raises:
            EvidenceMissing: Event history was not asked, what was found of its events is missing, or what a trail's
                log files came to is.
        """
        self.trails  # noqa: B018 - what is called verified rests on the reports of the trails
        events = {item.event_id: item for item in self._listed(region)}
        ordered = sorted(events.values(), key=lambda item: (item.time, item.event_id))
        return tuple(self._drawn(event) for event in ordered)

    def _listed(self, region: str) -> Iterator[_Event]:
        for asked in self._draw.requests(region):
            page = self._view.page(HISTORY, region=region, **asked)
            if not listed(page, "Events"):
                return  # the latest moment comes first: what lists nothing before it lists nothing before the others
            for item in listed(page, "Events"):
                found = _event(item, region)
                if not self._draw.start <= found.time <= self._draw.end:
                    raise ValueError(f"an event of {found.time:%Y-%m-%dT%H:%M:%SZ} was not asked for")
                yield found

    def _drawn(self, event: _Event) -> Drawn:
        places = self._found.get(event.event_id, ())
        best = next((item for item in places if text(item, "state") == "valid"), next(iter(places), None))
        if best is not None:
            verified = text(best, "state") == "valid"
            place = Place.FOUND if verified else Place.UNVERIFIED
            why = "" if verified else f"its log file is {text(best, 'state')}"
            return _placed(event, place, why, text(best, "log_file"))
        if event.event_id not in self._looked_for:
            return _placed(event, Place.OPEN, "nobody looked for it")
        return _placed(event, *self._nowhere(event))

    def _nowhere(self, event: _Event) -> tuple[Place, str]:
        """Say what it means that an event is in no log file."""
        told = [(item.records(event), item) for item in self._recorders]
        if not any(records is not False for records, _ in told):
            return Place.LEFT_OUT, "no trail was to record it"
        due = [item for records, item in told if records]
        if not due:
            return Place.OPEN, "the trails' selectors do not tell whether it was to be recorded"
        if self._unreadable:
            return Place.OPEN, f"{counted(self._unreadable, 'log file')} or records could not be read"
        reasons = [item.looked(event, self._draw.period) for item in due]
        if "" not in reasons:
            return Place.OPEN, min(reasons)
        return Place.MISSING, "in none of the log files of its hour"

    @cached_property
    def _measured(self) -> Mapping[str, Any]:
        return self._view.page(MEASURED)

    @cached_property
    def _found(self) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        found: dict[str, list[Mapping[str, Any]]] = {}
        for row in listed(self._measured, "found"):
            if optional_text(row, "account") in {"", self._view.account.id}:
                found.setdefault(text(row, "event_id"), []).append(row)
        return found

    @cached_property
    def _looked_for(self) -> frozenset[str]:
        return frozenset(map(str, listed(self._measured, "looked_for")))

    @cached_property
    def _unreadable(self) -> int:
        lost = member(self._measured, "unreadable")
        return integer(lost, "log_files") + integer(lost, "records")

    @cached_property
    def _recorders(self) -> Sequence[_Recorder]:
        items, missing = listed_trails(self._view, everywhere=True)
        if missing is not None:
            raise missing
        return [_recorder(self._view, item) for item in items]

    @property
    def trails(self) -> int:
        """Return how many trails there are that record the account."""
        return len(self._recorders)


def _event(item: Mapping[str, Any], region: str) -> _Event:
    reads = {"true": True, "false": False}.get(optional_text(item, "ReadOnly").lower())
    source = optional_text(item, "EventSource")
    return _Event(text(item, "EventId"), moment(item, "EventTime"), text(item, "EventName"), source, reads, region)


def _placed(event: _Event, place: Place, why: str = "", log_file: str = "") -> Drawn:
    return Drawn(event.event_id, event.time, event.name, event.region, place, why, log_file)


def _recorder(view: View, item: Mapping[str, Any]) -> _Recorder:
    home = text(item, "HomeRegion")
    leaves: dict[str, frozenset[str] | None] = {READ: None, WRITE: None}
    try:
        found = management(trail_selectors(view, item))
        leaves = {access: left_out(found, access) for access in (READ, WRITE)}
    except (EvidenceMissing, *UNREADABLE):
        pass  # whether it was to record an event is not known then, and what is not found is open
    return _Recorder(
        None if flag(item, "IsMultiRegionTrail") else home,
        not flag(item, "IncludeGlobalServiceEvents"),
        leaves,
        dict(_hours(view, item, home)),
    )


def _hours(view: View, item: Mapping[str, Any], home: str) -> Iterator[tuple[tuple[str, datetime], str]]:
    """Yield Region and hour with its state, from the report of a trail."""
    report = view.page(DIGESTS, region=home, Name=text(item, "TrailARN"))
    for chain in maps(member(report, "coverage").get("chains")):
        if chain.get("account") != view.account.id:
            continue
        for day in maps(chain.get("days")):
            start, states = time_in(day.get("date")), day.get("hours")
            if start is not None and isinstance(states, str):
                for number, state in enumerate(states):
                    yield (str(chain.get("region")), start + number * _HOUR), state

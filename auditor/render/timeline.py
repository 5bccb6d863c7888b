"""What happened to a trail in the period, along a line: where nothing was recorded, and who changed it when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from auditor.base.period import parse_time
from auditor.render.text import NAME_LIMIT, moment, visible

WIDTH, LEFT = 640.0, 4.0
_MOST = 12
"""Changes on one line; further ones are counted and stand among the events."""

_NEAR = 11.0
"""Numbers closer than this many units stand above each other."""

_LEVELS = 3
_LABELS = 9
"""Dates below the line, at most."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A change: where on the line, and what a reader is told about it."""

    number: int
    x: float
    level: int
    time: str
    name: str
    actor: str
    event: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time that nothing vouches for."""

    x: float
    width: float
    words: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """A trail's line. ``text`` says in words what it draws."""

    ticks: tuple[Tick, ...]
    stretches: tuple[Stretch, ...]
    dates: tuple[tuple[float, str], ...]
    height: float
    more: int
    text: str


def timeline(trail: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Timeline | None:
    """Draw the line of one trail; None where nothing happened.

    Args:
        trail: its report (``auditor.trail/1``).
        events: events of note (``auditor.notable-events/1``); those that changed this trail become ticks.
    """
    start, end = (parse_time(trail["period"][name]) for name in ("start", "end"))
    scale = _Scale(start, end)
    changes = sorted((row for table in events for row in _changes(table, trail)), key=lambda row: row["event_time"])
    gaps = sorted({(item["start"], item["end"]) for item in trail.get("gaps", ())})
    ticks = _ticks(changes[:_MOST], scale)
    stretches = tuple(_stretch(first, last, scale) for first, last in gaps)
    if not ticks and not stretches:
        return None
    levels = max((tick.level for tick in ticks), default=0)
    spoken = [f"not vouched for {item.words}" for item in stretches]
    spoken += [f"{tick.number}: {tick.time} {tick.name} by {tick.actor}" for tick in ticks]
    return Timeline(
        ticks, stretches, _dates(scale), 36.0 + 10 * levels, max(0, len(changes) - _MOST), "; ".join(spoken)
    )


class _Scale:
    def __init__(self, start: datetime, end: datetime) -> None:
        self.start, self.end = start, end

    def x(self, time: datetime) -> float:
        share = (min(max(time, self.start), self.end) - self.start) / (self.end - self.start)
        return round(LEFT + share * (WIDTH - 2 * LEFT), 2)


def _changes(table: Mapping[str, Any], trail: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    own = trail.get("trail") or {}
    names = {own.get("arn"), own.get("name"), ""}
    return [row for row in table.get("rows", ()) if row["kind"] == "trail_changed" and row.get("resource", "") in names]


def _ticks(rows: Sequence[Mapping[str, Any]], scale: _Scale) -> tuple[Tick, ...]:
    ticks: list[Tick] = []
    for number, row in enumerate(rows, start=1):
        time = parse_time(row["event_time"])
        x = scale.x(time)
        near = bool(ticks) and x - ticks[-1].x < _NEAR
        ticks.append(
            Tick(
                number=number,
                x=x,
                level=(ticks[-1].level + 1) % _LEVELS if near else 0,
                time=moment(time),
                name=visible(row["event_name"], 120),
                actor=visible(row.get("actor", ""), NAME_LIMIT),
                event=visible(row.get("event_id", ""), 60),
            )
        )
    return tuple(ticks)


def _stretch(first: str, last: str, scale: _Scale) -> Stretch:
    start, end = parse_time(first), parse_time(last)
    x = scale.x(start)
    return Stretch(x, max(1.6, round(scale.x(end) - x, 2)), f"from {moment(start)} to {moment(end)}")


def _dates(scale: _Scale) -> tuple[tuple[float, str], ...]:
    days = max(1, (scale.end - scale.start).days)
    step = timedelta(days=-(-days // _LABELS))
    times = [scale.start + number * step for number in range(_LABELS + 1)]
    return tuple((scale.x(time), f"{time:%m-%d}") for time in times if time <= scale.end)

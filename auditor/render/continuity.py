"""Draws how logging, monitoring and detection stood over the period: one row for each thing that calls changed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from auditor.base.counts import counted
from auditor.base.period import lasting, parse_time
from auditor.render.text import NAME_LIMIT, moment, visible

WIDTH, LEFT, RIGHT = 704.0, 196.0, 592.0
"""Of the drawing; the bar stands between left and right, its name before it and its figures behind it."""

_ROW, _TICKED = 13.0, 22.0
_BAR, _NEAR, _LEAST = 7.0, 13.0, 2.4
_NAME = 31
"""Characters of a name before a bar; the whole stands in the table below, or in the results."""
_DATES = 9
_SPOKEN = 6

TITLES: Mapping[str, str] = {
    "logging": "Logging",
    "validation": "Validation",
    "selectors": "Selectors",
    "trail settings": "Trail settings",
    "log bucket": "Log bucket",
    "log group": "Log group",
    "metric filters": "Filters",
    "alarm": "Alarm",
    "topic": "Topic",
    "subscriptions": "Subscribers",
    "rule": "Rule",
    "recorder": "Config",
}
"""In the order in which an event travels."""

_COUNTABLE = frozenset({"Log bucket", "Log group", "Alarm", "Topic", "Rule"})

CONTROLS: Mapping[str, str] = {
    "logging": "trail-logging-uninterrupted",
    "validation": "trail-configuration-unchanged",
    "selectors": "trail-configuration-unchanged",
    "trail settings": "trail-configuration-unchanged",
    "log bucket": "trail-bucket-protection-unchanged",
    "log group": "alarms-unweakened",
    "metric filters": "alarms-unweakened",
    "alarm": "alarms-unweakened",
    "topic": "alarms-unweakened",
    "subscriptions": "alarms-unweakened",
    "rule": "detection-uninterrupted",
    "recorder": "detection-uninterrupted",
}
"""Which control over the period judges the calls of a row."""

WORDS: Mapping[str, str] = {
    "held": "held: digests, a verified call or AWS's own date prove it",
    "unchanged": "no verified call changed it, and it was in order when it was read later",
    "altered": "set to another value, which is judged elsewhere",
    "broken": "out of order",
    "open": "nothing vouches for it, or nothing tells what stood there",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """Numbers above a bar, of calls that are too near each other to be told apart."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class LifeLine:
    """One row of the drawing. ``paths`` are condition and outline; ``text`` says in words what they draw."""

    y: float
    label: str
    figures: str
    paths: tuple[tuple[str, str], ...]
    marks: tuple[Mark, ...]
    text: str


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call that changed something, with its number in the drawing."""

    number: int
    kind: str
    name: str
    region: str
    time: str
    call: str
    sets: str
    actor: str
    source_ip: str
    event: str
    verified: bool
    follows: str
    """How long it stood so until the next call, where it did not hold."""


@dataclass(frozen=True, slots=True)
class Continuity:
    """The timelines of one account."""

    account: str
    refs: tuple[str, ...]
    rows: tuple[LifeLine, ...]
    calls: tuple[CallRow, ...]
    dates: tuple[tuple[float, str], ...]
    height: float
    more: int
    refused: int
    unread: tuple[str, ...]
    controls: tuple[str, ...]
    sentence: str
    states: tuple[tuple[str, str], ...]
    """Conditions that occur, with their words."""


def continuity(document: Mapping[str, Any], *, most: int) -> Continuity:
    """Prepare the timelines of one account.

    Args:
        document: from ``results.json``.
        most: rows that are drawn.
    """
    scale = _Scale(*(parse_time(document["period"][name]) for name in ("start", "end")))
    items = sorted(_items(document), key=lambda item: list(TITLES).index(item["kind"]))
    drawn, calls = _rows(items[:most], scale)
    used = {path[0] for row in drawn for path in row.paths}
    kinds = {item["kind"] for item in items}
    return Continuity(
        account=visible(document["account"], 40),
        refs=tuple(document["refs"]),
        rows=drawn,
        calls=calls,
        dates=scale.dates(),
        height=(drawn[-1].y + _ROW if drawn else 0.0) + 16.0,
        more=document["more"] + max(0, len(items) - most),
        refused=sum(item["refused"] for item in document["lines"]),
        unread=tuple(sorted({visible(item["operation"], 80) for item in document["unread"]})),
        controls=tuple(dict.fromkeys(name for kind, name in CONTROLS.items() if kind in kinds)),
        sentence=_sentence(document),
        states=tuple((key, words) for key, words in WORDS.items() if key in used),
    )


def _items(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from document["lines"]
    for item in document["untouched"]:
        yield {**item, "name": item["names"][0] if item["count"] == 1 else "", "changes": (), "region": ""}


def _sentence(document: Mapping[str, Any]) -> str:
    things = sum(item["count"] for item in document["untouched"])
    lines, broken = document["lines"], 0
    for line in lines:
        broken += any(item["condition"] == "broken" for item in line["stretches"])
    changed = sum(bool(line["changes"]) for line in lines)
    text = f"Of {counted(things + len(lines), 'thing')} that were followed, calls of the period changed {changed}"
    return f"{text}; {broken or 'none'} of them {'was' if broken in (0, 1) else 'were'} out of order for some time."


class _Scale:
    def __init__(self, start: datetime, end: datetime) -> None:
        self.start, self.end = start, end

    def x(self, time: datetime) -> float:
        share = (min(max(time, self.start), self.end) - self.start) / (self.end - self.start)
        return round(LEFT + share * (RIGHT - LEFT), 2)

    def dates(self) -> tuple[tuple[float, str], ...]:
        days = max(1, (self.end - self.start).days)
        step = timedelta(days=-(-days // _DATES))
        times = [self.start + number * step for number in range(_DATES + 1)]
        return tuple((self.x(time), f"{time:%m-%d}") for time in times if time <= self.end)


def _rows(items: Sequence[Mapping[str, Any]], scale: _Scale) -> tuple[tuple[LifeLine, ...], tuple[CallRow, ...]]:
    drawn: list[LifeLine] = []
    calls: list[CallRow] = []
    below = 2.0
    for item in items:
        own = list(_calls(item, len(calls)))
        y = below + (_TICKED if own else _ROW) - _BAR - 2.0
        below += _TICKED if own else _ROW
        stretches = [(parse_time(one["start"]), parse_time(one["end"]), one["condition"]) for one in item["stretches"]]
        label = _label(item)
        drawn.append(
            LifeLine(
                y=round(y, 2),
                label=label if len(label) <= _NAME else f"{label[: _NAME - 1]}…",
                figures=_figures(stretches),
                paths=_paths(stretches, scale, y),
                marks=_marks(item["changes"], len(calls), scale),
                text=f"{label}: {_spoken(stretches)}",
            )
        )
        calls += own
    return tuple(drawn), tuple(calls)


def _label(item: Mapping[str, Any]) -> str:
    title = TITLES[item["kind"]]
    if not item["name"]:
        return f"{title}{'s' if title in _COUNTABLE else ''} ({item['count']:,})"
    return f"{title} {_short(item['name'])}"


def _short(name: str) -> str:
    """Return the part of an ARN that tells things apart, for a bar."""
    return visible(name.rpartition("/" if "/" in name and name.startswith("arn:") else ":")[2] or name, NAME_LIMIT)


def _figures(stretches: Sequence[tuple[datetime, datetime, str]]) -> str:
    """Say for how long it was out of order, or open, which is what a reader looks for."""
    parts = []
    for condition, word in (("broken", "out"), ("altered", "altered"), ("open", "open")):
        spent = sum((end - start for start, end, found in stretches if found == condition), timedelta())
        if spent:
            parts.append(f"{word} {lasting(spent)}")
    return ", ".join(parts[:2]) or "throughout"


def _paths(stretches: Sequence[tuple[datetime, datetime, str]], scale: _Scale, y: float) -> tuple[tuple[str, str], ...]:
    """Draw each condition by a shape that a grey copy keeps: full, thin, barred, empty with a cross, dots."""
    paths: dict[str, list[str]] = {}
    for start, end, condition in stretches:
        x = scale.x(start)
        width = max(_LEAST, round(scale.x(end) - x, 2))
        paths.setdefault(condition, []).append(_shape(condition, x, width, y))
    return tuple((condition, "".join(paths[condition])) for condition in WORDS if condition in paths)


def _shape(condition: str, x: float, width: float, y: float) -> str:
    middle = round(y + _BAR / 2, 2)
    if condition == "held":
        return f"M{x} {y}h{width}v{_BAR}h{-width}z"
    if condition == "unchanged":
        return f"M{x} {round(middle - 1.2, 2)}h{width}v2.4h{-width}z"
    if condition == "open":
        return f"M{x} {middle}h{width}"
    box = f"M{x} {y}h{width}v{_BAR}h{-width}z"
    if condition == "altered":
        return box + "".join(f"M{round(x + at, 2)} {y}v{_BAR}" for at in range(3, int(width), 3))
    return box + (f"M{x} {y}l{width} {_BAR}M{x} {y + _BAR}l{width} {-_BAR}" if width > _LEAST else "")


def _marks(changes: Sequence[Mapping[str, Any]], before: int, scale: _Scale) -> tuple[Mark, ...]:
    groups: list[list[tuple[float, int]]] = []
    for number, change in enumerate(changes, start=before + 1):
        x = scale.x(parse_time(change["event_time"]))
        if groups and x - groups[-1][-1][0] < _NEAR:
            groups[-1].append((x, number))
        else:
            groups.append([(x, number)])
    return tuple(
        Mark(group[0][0], str(group[0][1]) if len(group) == 1 else f"{group[0][1]}–{group[-1][1]}")  # noqa: RUF001
        for group in groups
    )


def _spoken(stretches: Sequence[tuple[datetime, datetime, str]]) -> str:
    parts = [f"{condition} from {moment(start)}" for start, _, condition in stretches[:_SPOKEN]]
    more = len(stretches) - _SPOKEN
    return ", ".join(parts) + (f" and {counted(more, 'more change')} of state" if more > 0 else "")


def _calls(item: Mapping[str, Any], before: int) -> Iterator[CallRow]:
    stretches = [(parse_time(one["start"]), parse_time(one["end"]), one["condition"]) for one in item["stretches"]]
    for number, change in enumerate(item["changes"], start=before + 1):
        time = parse_time(change["event_time"])
        after = next((one for one in stretches if one[0] == time), None)
        stood = f"{after[2]} for {lasting(after[1] - after[0])}" if after and after[2] in ("broken", "altered") else ""
        yield CallRow(
            number=number,
            kind=TITLES[item["kind"]],
            name=_short(item["name"]),
            region=visible(item["region"], 40),
            time=moment(time),
            call=visible(change["event_name"], 120),
            sets=visible(change["sets"]),
            actor=visible(change["actor"], NAME_LIMIT),
            source_ip=visible(change["source_ip"], 120),
            event=visible(change["event_id"], 60),
            verified=change["verified"],
            follows=stood,
        )

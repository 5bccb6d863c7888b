"""``reports/index.html``: the run history of many packs as one static page. Decides nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from auditor.pack.history import History, Life, Mark, Month, Point, Timeline, median_days
from auditor.render import html
from auditor.render.text import moment

ACCENT: Final = "#14324f"
WIDTH: Final = 720.0
HEIGHT: Final = 140.0
LEFT: Final = 34.0
_MOST_OPEN: Final = 100
"""Open findings listed one by one; the others are counted, and stand in the packs."""

SIGNS: Final = {
    Mark.DONE: "\u2713",
    Mark.REPEATED: "\u2713",
    Mark.LATE: "~",
    Mark.INCOMPLETE: "?",
    Mark.MISSING: "\u2013",
    Mark.BROKEN: "\u2717",
}
"""Each mark also has its word, so that a grey copy loses nothing."""


@dataclass(frozen=True, slots=True)
class Line:
    """The line of a framework over the months: pieces between gaps, dots, marks of changed rules."""

    pieces: tuple[str, ...]
    dots: tuple[tuple[float, float, str], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """The share of criteria met, month by month; ``text`` says the same in words."""

    framework: str
    all: Line
    constant: Line
    upgrades: tuple[tuple[float, str], ...]
    months: tuple[tuple[float, str], ...]
    rows: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Account:
    """One account on the page."""

    line: Timeline
    years: tuple[tuple[str, tuple[Month | None, ...]], ...]
    charts: tuple[Chart, ...]
    open: tuple[Life, ...]
    more: int
    ages: Any
    fixed: Any


def render(
    history: History,
    unreadable: Sequence[tuple[str, str]],
    now: datetime,
    joined: Sequence[tuple[str, str, int, bool]] = (),
) -> bytes:
    """Return one self-contained page, UTF-8.

    Args:
        history: the packs by account and month.
        unreadable: what looks like a pack and cannot be read, with the reason.
        now: when the page was made, aware UTC.
        joined: packs that consist of others: place, period, how many, and whether each holds.
    """
    values = {
        "accounts": [_account(line) for line in history.accounts],
        "unreadable": unreadable,
        "joined": joined,
        "now": moment(now),
        "signs": SIGNS,
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
        "link": lambda place: quote(place) if place.endswith(".zip") else f"{quote(place)}/report.html",
        "medium": "html",
    }
    return html.self_contained("history.html", values, accent=ACCENT, styles=("history.css",))


def _account(line: Timeline) -> Account:
    still = [life for life in line.lives if life.fixed is None]
    fixed = [life for life in line.lives if life.fixed is not None]
    oldest = sorted(still, key=lambda life: (life.finding.severity.rank, -life.age))
    return Account(
        line,
        _years(line.months),
        tuple(_chart(name, points, [month.label for month in line.months]) for name, points in line.trends.items()),
        tuple(oldest[:_MOST_OPEN]),
        max(0, len(oldest) - _MOST_OPEN),
        median_days(still),
        median_days(fixed),
    )


def _years(months: Sequence[Month]) -> tuple[tuple[str, tuple[Month | None, ...]], ...]:
    """Lay months out as one row of twelve a year; what lies outside the history is blank."""
    by_label = {month.label: month for month in months}
    years = sorted({label[:4] for label in by_label}, reverse=True)
    return tuple((year, tuple(by_label.get(f"{year}-{number:02d}") for number in range(1, 13))) for year in years)


def _chart(framework: str, points: Sequence[Point | None], labels: Sequence[str]) -> Chart:
    step = (WIDTH - LEFT - 10) / max(1, len(points) - 1) if len(points) > 1 else 0.0
    places = [round(LEFT + 5 + number * step, 1) for number in range(len(points))]
    every = -(-len(labels) // 12)
    return Chart(
        framework,
        _line([(x, point.counts if point else None) for x, point in zip(places, points, strict=True)]),
        _line([(x, point.constant if point else None) for x, point in zip(places, points, strict=True)]),
        tuple((x, point.month) for x, point in zip(places, points, strict=True) if point and point.upgraded),
        tuple((x, label) for number, (x, label) in enumerate(zip(places, labels, strict=True)) if number % every == 0),
        tuple(
            (label, _share(point.counts) if point else "no pack", _share(point.constant) if point else "no pack")
            for label, point in zip(labels, points, strict=True)
        ),
    )


def _line(points: Sequence[tuple[float, Any]]) -> Line:
    """Draw what is there; where a month is missing the line ends, and begins again after it."""
    pieces: list[list[str]] = [[]]
    dots = []
    for x, counts in points:
        total = sum(number for state, number in (counts or {}).items() if state != "NOT_APPLICABLE")
        if counts is None or not total:
            pieces.append([])
            continue
        y = round(HEIGHT - 20 - (HEIGHT - 40) * counts["PASS"] / total, 1)
        pieces[-1].append(f"{x},{y}")
        dots.append((x, y, _share(counts)))
    return Line(tuple(" ".join(piece) for piece in pieces if len(piece) > 1), tuple(dots))


def _share(counts: Any) -> str:
    """Say how many of how many; never a lone score, and what could not be assessed beside it."""
    if counts is None:
        return "nothing in common"
    total = sum(number for state, number in counts.items() if state != "NOT_APPLICABLE")
    unread = counts["NOT_ASSESSED"] + counts["MANUAL"]
    return f"{counts['PASS']} of {total} met" + (f", {unread} not assessed or left to a person" if unread else "")

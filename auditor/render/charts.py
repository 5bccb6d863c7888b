"""Geometry of the drawings: numbers in, coordinates out. Templates draw them as inline SVG; nothing here is markup."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

_LABEL_FITS = 24.0
"""A segment narrower than this many units carries no number inside."""

CELL = 14.0
"""Side of one cell of a coverage strip, in SVG units."""

BOX_WIDTH = 90.0
BOX_GAP = 12.0
_BOX_LINE = 13
_BOX_LINES = 3
"""Characters of a chain box's line, and its lines; longer names stand whole in the text below the drawing."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a stacked bar. ``key`` names its colour and pattern."""

    key: str
    x: float
    width: float
    count: int
    labelled: bool


def stacked_bar(counts: Sequence[tuple[str, int]], width: float) -> tuple[Segment, ...]:
    """Lay out counts side by side; those of zero are left out."""
    total = sum(count for _, count in counts)
    segments: list[Segment] = []
    x = 0.0
    for key, count in counts:
        if count:
            share = width * count / total
            segments.append(Segment(key, round(x, 2), round(share, 2), count, share >= _LABEL_FITS))
            x += share
    return tuple(segments)


@dataclass(frozen=True, slots=True)
class Cell:
    """One day of one Region in a coverage strip.

    Args:
        kind: ``full``, ``part``, ``none`` or ``blank``.
        hours: verified hours, shown in cells that are ``part``.
        wrong: True when an hour of the day has something altered, deleted or unvouched.
    """

    kind: str
    x: float
    y: float
    hours: int
    wrong: bool


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells of a strip: one path for all that look alike, as a month of an account has five hundred.

    Args:
        paths: class name of a look and its path data, in the order of drawing.
        numbers: middle and base line of each number, and the number.
    """

    paths: tuple[tuple[str, str], ...]
    numbers: tuple[tuple[float, float, int], ...]


_LOOKS = {
    "full": (("c-full", "M{0.75} {0.75}h12.5v12.5h-12.5z"),),
    "part": (("c-part", "M{1} {1}h12v12h-12z"),),
    "none": (("c-none", "M{1} {1}h12v12h-12z"), ("c-cross", "M{3.5} {3.5}l7 7M{10.5} {3.5}l-7 7")),
    "blank": (("c-blank", "M{5.5} {6.6}h3v0.8h-3z"),),
    "wrong": (("c-wrong", "M{7} {1}h6v6z"),),
}
"""Class and outline of each look; a number in braces counts from the cell's corner, across and down in turn."""


def cells(placed: Sequence[Cell]) -> Cells:
    """Draw cells."""
    paths: dict[str, list[str]] = {name: [] for looks in _LOOKS.values() for name, _ in looks}
    for cell in placed:
        for name, outline in (*_LOOKS[cell.kind], *(_LOOKS["wrong"] if cell.wrong else ())):
            paths[name].append(_moved(outline, cell.x, cell.y))
    return Cells(
        tuple((name, "".join(parts)) for name, parts in paths.items() if parts),
        tuple((cell.x + CELL / 2, cell.y + CELL / 2 + 3.1, cell.hours) for cell in placed if cell.kind == "part"),
    )


def _moved(outline: str, x: float, y: float) -> str:
    corner = itertools.cycle((x, y))
    return re.sub(r"\{([\d.]+)\}", lambda match: f"{next(corner) + float(match[1]):g}", outline)


KEY = (
    ("every hour verified", cells([Cell("full", 0, 0, 24, wrong=False)])),
    ("number of hours verified", cells([Cell("part", 0, 0, 22, wrong=False)])),
    ("no hour verified", cells([Cell("none", 0, 0, 0, wrong=False)])),
    ("not asked for", cells([Cell("blank", 0, 0, 0, wrong=False)])),
    ("something altered, deleted or unvouched", cells([Cell("part", 0, 0, 22, wrong=True)])),
)
"""What a strip's legend explains."""


@dataclass(frozen=True, slots=True)
class StripRow:
    """One Region's line of a strip."""

    region: str
    y: float
    verified: int
    expected: int


@dataclass(frozen=True, slots=True)
class Strip:
    """Days across, Regions down, for at most one month."""

    label: str
    days: tuple[tuple[float, str], ...]
    rows: tuple[StripRow, ...]
    cells: Cells
    width: float
    height: float


def strip(label: str, days: Sequence[str], regions: Sequence[tuple[str, Sequence[tuple[int, int, int]]]]) -> Strip:
    """Lay out a coverage strip.

    Args:
        label: the month, such as ``October 2026``.
        days: day numbers as text, in order.
        regions: per Region its name and, per day, verified hours, hours asked for and hours with a finding.
    """
    left, top = 104.0, 18.0
    rows, placed = [], []
    for number, (name, hours) in enumerate(regions):
        y = top + number * CELL
        placed += [
            Cell(_cell_kind(verified, asked), left + index * CELL, y, verified, wrong > 0)
            for index, (verified, asked, wrong) in enumerate(hours)
        ]
        rows.append(StripRow(name, y, sum(item[0] for item in hours), sum(item[1] for item in hours)))
    columns = tuple((left + index * CELL + CELL / 2, day) for index, day in enumerate(days))
    width = left + len(days) * CELL + 72
    return Strip(label, columns, tuple(rows), cells(placed), width, top + len(rows) * CELL + 4)


def _cell_kind(verified: int, asked: int) -> str:
    if asked == 0:
        return "blank"
    if verified >= asked:
        return "full"
    return "part" if verified else "none"


@dataclass(frozen=True, slots=True)
class Box:
    """One link of an alarm chain, placed.

    Args:
        kind: what the link is, such as ``metric filter``.
        lines: its name in at most three short lines.
        verdict: ``holds``, ``broken`` or ``unknown``.
        reached: False for links after the broken one; they are drawn pale.
    """

    kind: str
    lines: tuple[str, ...]
    verdict: str
    reached: bool
    x: float
    line_from: float
    dashed: bool


def chain(links: Sequence[tuple[str, str, str]]) -> tuple[Box, ...]:
    """Place the links of a chain: kind, name and verdict of each, in order."""
    boxes: list[Box] = []
    reached = True
    for index, (kind, name, verdict) in enumerate(links):
        x = index * (BOX_WIDTH + BOX_GAP)
        boxes.append(Box(kind, short_lines(name), verdict, reached, x, x - BOX_GAP, verdict != "holds" or not reached))
        reached = reached and verdict == "holds"
    return tuple(boxes)


def short_lines(name: str) -> tuple[str, ...]:
    """Fold a name into a few lines, after separators where there are any.

    A name that does not fit keeps its beginning and its end, as ARNs differ there.
    """
    lines: list[str] = []
    rest = name
    while len(rest) > _BOX_LINE and len(lines) < _BOX_LINES - 1:
        cut = max((at + 1 for at in range(2, _BOX_LINE) if rest[at] in "-/_.:, "), default=_BOX_LINE)
        lines.append(rest[:cut])
        rest = rest[cut:]
    return (*lines, rest if len(rest) <= _BOX_LINE else "…" + rest[1 - _BOX_LINE :])

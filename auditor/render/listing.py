"""Plans how long a document gets: which results stand line by line, and which are folded with their number."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from auditor.base.counts import counted
from auditor.render.controls import Control, Row, of_any_place
from auditor.render.marks import EXCEPTIONS, Mark

_LEAST = 6
"""Exceptions of one control that are listed however short the space is."""

_GROUPS = 8

_WHOLE = 12
"""A control with more results than this is never listed whole in a document that has to summarise."""

_NAMED = 120
"""Resources named in one line; a line of more than a page helps nobody."""


_WORTH_IT = 12
"""A beginning shorter than this is rather written again."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource and where it is."""

    name: str
    account: str
    region: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of results: what is said, and of which resources. Each of them is named."""

    row: Row
    resources: tuple[Resource, ...]
    refs: tuple[str, ...]
    place: str
    left_out: int


@dataclass(frozen=True, slots=True)
class Group:
    """Results folded into one line."""

    mark: Mark
    count: int
    what: str
    places: str
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """What a document shows of one control's results."""

    entries: tuple[Entry, ...]
    groups: tuple[Group, ...]


def listings(
    controls: Sequence[Control], *, budget: int, whole: int, merge: bool, groups: int = _GROUPS
) -> Mapping[str, Listing]:
    """Divide ``budget`` lines among the controls, by control id.

    Exceptions come first. A control with at most ``whole`` results is listed whole; of a longer one only the
    exceptions stand line by line.

    Args:
        controls: all of them.
        budget: how many results may be listed.
        whole: see above.
        merge: whether results that say the very same share a line.
        groups: so many kinds of folded results are told apart by what was observed.
    """
    if sum(len(control.rows) for control in controls) > budget:
        whole = min(whole, _WHOLE)
    wanted = {control.id: _exceptions(control) for control in controls}
    total = sum(len(rows) for rows in wanted.values())
    share = min(1.0, budget / total) if total else 1.0
    found = {}
    for control in controls:
        rows = wanted[control.id]
        room = len(rows) if share == 1 else max(_LEAST, int(len(rows) * share))
        shown = control.rows if len(control.rows) <= whole else rows[:room]
        kept = {id(row) for row in shown}
        left = [row for row in control.rows if id(row) not in kept]
        found[control.id] = Listing(_entries(shown, merge=merge), _fold(left, groups))
    return found


def _exceptions(control: Control) -> tuple[Row, ...]:
    return tuple(row for row in control.rows if row.mark.state in EXCEPTIONS)


def _entries(rows: Sequence[Row], *, merge: bool) -> tuple[Entry, ...]:
    if not merge:
        return tuple(_entry([row]) for row in rows)
    same: dict[tuple[object, ...], list[tuple[Row, Row]]] = {}
    for row, general in zip(rows, of_any_place(rows), strict=True):
        said = (general.reason, general.observed)
        key = (row.mark, *said, row.expected, row.frameworks, row.waiver, row.attested, row.response)
        same.setdefault(key, []).append((row, general))
    return tuple(_entry([row for row, _ in members], members[0][1]) for members in same.values())


def _entry(rows: Sequence[Row], general: Row | None = None) -> Entry:
    first, regions = rows[0], [row.region for row in rows]
    names = short_names([row.resource for row in rows[:_NAMED]])
    if len(set(regions)) > 1:
        first = general or first
        if len({(row.account, row.resource) for row in rows}) == 1:
            names = (f"{first.resource} in {regions[0]}", *regions[1:_NAMED])
    return Entry(
        row=first,
        resources=tuple(Resource(name, row.account, row.region) for name, row in zip(names, rows, strict=False)),
        refs=tuple(dict.fromkeys(ref for row in rows for ref in row.refs)),
        place=_where(rows),
        left_out=max(0, len(rows) - _NAMED),
    )


def _fold(rows: Sequence[Row], groups_told: int) -> tuple[Group, ...]:
    keys = Counter((row.mark, row.observed) for row in rows)
    common = {key for key, _ in keys.most_common(groups_told)}
    groups: dict[tuple[Mark, str], list[Row]] = {}
    for row in rows:
        key = (row.mark, row.observed)
        groups.setdefault(key if key in common else (row.mark, ""), []).append(row)
    return tuple(
        Group(mark, len(members), observed, _where(members), short_names([row.resource for row in members[:3]]))
        for (mark, observed), members in groups.items()
    )


def short_names(names: Sequence[str]) -> tuple[str, ...]:
    """Write names that stand side by side: what the one before begins with as well is not said again.

    ``arn:aws:iam::111122223333:user/ann, arn:aws:iam::111122223333:user/bob`` becomes ``..., …/bob``.
    """
    return (*names[:1], *(_short_name(name, before) for before, name in pairwise(names)))


def _short_name(name: str, before: str) -> str:
    common = next((at for at, pair in enumerate(zip(name, before, strict=False)) if pair[0] != pair[1]), len(before))
    cut = max(name.rfind("/", 0, common), name.rfind(":", 0, common))
    return f"…{name[cut:]}" if cut >= _WORTH_IT else name


def _where(rows: Sequence[Row]) -> str:
    accounts, regions = {row.account for row in rows}, {row.region for row in rows}
    account = next(iter(accounts)) if len(accounts) == 1 else counted(len(accounts), "account")
    region = next(iter(regions)) if len(regions) == 1 else counted(len(regions), "Region")
    return f"{account}, {region}"

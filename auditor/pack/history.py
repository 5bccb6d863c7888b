"""Many packs of many months: which months are there, what they say one after the other, how long findings stay open.

Pure values over manifests and results documents. Compares like with like: a figure over several runs is given twice,
once for whatever each run looked at, and once for what all of them looked at by the same rules.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from auditor.model import Severity, State
from auditor.pack.comparison import GLOBAL, Change, Finding, Side, changes_since
from auditor.pack.runs import Run, first_of_month, next_month

LATE_AFTER: Final = timedelta(days=14)
"""A run so long after the end of its month is late: what AWS keeps for ninety days starts to be missing from it."""


class Mark(StrEnum):
    """What is to be said of a month, gravest first."""

    BROKEN = "does not hold"
    MISSING = "missing"
    INCOMPLETE = "incomplete"
    LATE = "late"
    REPEATED = "repeated"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Month:
    """One month of one account: the packs of it, and what is to be said about them."""

    label: str
    marks: tuple[Mark, ...]
    runs: tuple[Run, ...]

    @property
    def mark(self) -> Mark:
        """The gravest one."""
        return min(self.marks, key=list(Mark).index)

    @property
    def best(self) -> Run | None:
        """The newest pack of the month that holds, one of a run that was cut short only where there is no other."""
        holding = [run for run in self.runs if run.verified != "fail"]
        return max(holding, key=lambda run: (run.whole, run.as_of, run.pack_id), default=None)

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "month": self.label,
            "marks": [mark.value for mark in self.marks],
            "packs": [
                {
                    "pack": run.place,
                    "pack_id": run.pack_id,
                    "manifest_sha256": run.manifest_sha256,
                    "as_of": f"{run.as_of:%Y-%m-%dT%H:%M:%SZ}",
                    "verified": run.verified,
                    "holes": list(run.holes),
                }
                for run in self.runs
            ],
        }


@dataclass(frozen=True, slots=True)
class Life:
    """How long one finding was open.

    Args:
        first_seen: as-of time of the first run that saw it.
        last_seen: of the last run that saw it.
        fixed: of the run that no longer saw it and had looked; None while it is open, or while nobody can tell.
    """

    finding: Finding
    first_seen: datetime
    last_seen: datetime
    fixed: datetime | None
    until: datetime
    """The newest run: an open finding is as old as that."""

    @property
    def age(self) -> timedelta:
        """From the first run that saw it to the one that no longer did, or to the newest."""
        return (self.fixed or self.until) - self.first_seen


@dataclass(frozen=True, slots=True)
class Point:
    """One run on the line of a framework.

    Args:
        counts: of control states, whatever the run looked at.
        constant: the same for what all runs looked at by the same rules; None where that is nothing.
        upgraded: whether the rules differ from those of the run before.
    """

    month: str
    counts: Mapping[str, int]
    constant: Mapping[str, int] | None
    upgraded: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    """The months of one account, oldest first, none left out between the first and the last that is due."""

    account: str
    months: tuple[Month, ...]
    lives: tuple[Life, ...]
    trends: Mapping[str, tuple[Point | None, ...]]
    """Framework -> one point a month; None draws a gap."""
    waivers: tuple[tuple[str, str, datetime], ...]
    """Control, expiry and the moment it was first seen, of the waivers in the newest run."""
    broken_links: tuple[str, ...]
    """Sentences about packs that do not follow the one that they name."""
    other: tuple[Run, ...]
    """Packs of periods that hold no whole month."""

    @property
    def each(self) -> tuple[str, ...]:
        """The accounts: one line may be of packs that hold several."""
        return tuple(self.account.split(","))


@dataclass(frozen=True, slots=True)
class History:
    """All packs under one folder."""

    accounts: tuple[Timeline, ...]

    @property
    def known(self) -> frozenset[str]:
        """Every account of which there is a pack, alone or with others."""
        return frozenset(account for line in self.accounts for account in line.each)

    def missing(self, month: str) -> tuple[str, ...]:
        """Return the accounts without a whole pack of a month that holds; a broken or a cut one does not count."""
        there = {
            account
            for line in self.accounts
            for item in line.months
            if item.label == month and item.best is not None and item.best.whole
            for account in line.each
        }
        return tuple(sorted(self.known - there))

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"accounts": [_account_document(line) for line in self.accounts]}


def build(runs: Sequence[Run], *, now: datetime) -> History:
    """Order packs into months.

    Args:
        runs: all packs, in any order.
        now: decides which months are due, aware UTC.
    """
    by_account: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        by_account[",".join(run.accounts) or "none"].append(run)
    return History(tuple(_timeline(account, by_account[account], now) for account in sorted(by_account)))


def _timeline(account: str, runs: Sequence[Run], now: datetime) -> Timeline:
    ordered = sorted(runs, key=lambda run: (run.start, run.as_of, run.pack_id))
    months = _months(ordered, now)
    best = [(item.label, item.best) for item in months]
    held = [run for _, run in best if run is not None]
    return Timeline(
        account,
        months,
        tuple(_lives(held)),
        {name: tuple(_trend(name, best)) for name in sorted({name for run in held for name in run.frameworks})},
        tuple(_waivers(held)),
        tuple(_broken_links(ordered)),
        tuple(run for run in ordered if not run.months),
    )


def _months(runs: Sequence[Run], now: datetime) -> tuple[Month, ...]:
    found: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        for label in run.months:
            found[label].append(run)
    if not found:
        return ()
    month = datetime.strptime(min(found), "%Y-%m").replace(tzinfo=UTC)
    last = max(*found, f"{first_of_month(first_of_month(now) - timedelta(days=1)):%Y-%m}")
    months = []
    while (label := f"{month:%Y-%m}") <= last:
        packs = tuple(sorted(found.get(label, ()), key=lambda run: (run.as_of, run.pack_id)))
        months.append(Month(label, _marks(packs, next_month(month)), packs))
        month = next_month(month)
    return tuple(months)


def _marks(packs: Sequence[Run], end: datetime) -> tuple[Mark, ...]:
    if not packs:
        return (Mark.MISSING,)
    marks = set()
    holding = [run for run in packs if run.verified != "fail"]
    if len(holding) < len(packs):
        marks.add(Mark.BROKEN)
    if holding and all(run.holes for run in holding):
        marks.add(Mark.INCOMPLETE)
    if holding and min(run.as_of for run in holding) > end + LATE_AFTER:
        marks.add(Mark.LATE)
    if len(packs) > 1:
        marks.add(Mark.REPEATED)
    return tuple(sorted(marks or {Mark.DONE}, key=list(Mark).index))


# --- findings over time -----------------------------------------------------------------------------------------------


def _lives(runs: Sequence[Run]) -> Iterable[Life]:
    """Follow each failure from run to run; it ends only where a run that looked no longer saw it."""
    if not runs:
        return
    until = max(run.as_of for run in runs)
    open_since: dict[str, Life] = {}
    ended: list[Life] = []
    for before, run in zip([None, *runs], runs, strict=False):
        for item in run.side.findings:
            if item.state is State.FAIL:
                first = open_since[item.id].first_seen if item.id in open_since else run.as_of
                open_since[item.id] = Life(item, first, run.as_of, None, until)
        if before is not None:
            ended += _ended(open_since, run)
    yield from sorted(
        [*ended, *open_since.values()],
        key=lambda life: (life.finding.severity.rank, life.first_seen, life.finding.place, life.finding.id),
    )


def _ended(open_since: dict[str, Life], run: Run) -> Iterable[Life]:
    """Take out what this run found mended; what it could not see stays open."""
    then = Side(tuple(life.finding for life in open_since.values()), run.side.rules)
    changes, _ = changes_since(then, run.document)
    for item in changes:
        if item.change is Change.FIXED and item.before is not None:
            life = open_since.pop(item.before.id)
            yield Life(life.finding, life.first_seen, life.last_seen, run.as_of, life.until)


def _waivers(runs: Sequence[Run]) -> Iterable[tuple[str, str, datetime]]:
    if not runs:
        return
    first: dict[tuple[str, str], datetime] = {}
    for run in runs:
        for item in run.waivers:
            first.setdefault((str(item.get("control", "")), str(item.get("ticket", ""))), run.as_of)
    for item in runs[-1].waivers:
        control = str(item.get("control", ""))
        yield control, str(item.get("expires", "")), first[control, str(item.get("ticket", ""))]


# --- trends -----------------------------------------------------------------------------------------------------------


def _trend(framework: str, best: Sequence[tuple[str, Run | None]]) -> Iterable[Point | None]:
    runs = [run for _, run in best if run is not None and framework in run.frameworks]
    common = _common(framework, runs)
    before: Run | None = None
    for label, run in best:
        if run is None or framework not in run.frameworks:
            yield None
            continue
        counts = _states(run, run.frameworks[framework], run.regions)
        constant = _states(run, common[0], common[1]) if common[0] else None
        yield Point(label, counts, constant, before is not None and before.ruleset != run.ruleset)
        before = run


def _common(framework: str, runs: Sequence[Run]) -> tuple[frozenset[str], Mapping[str, frozenset[str]]]:
    """Return the controls that all runs judged by the same rule, and the Regions that all of them looked at."""
    if not runs:
        return frozenset(), {}
    controls = frozenset.intersection(*(run.frameworks[framework] for run in runs))
    same = frozenset(
        name for name in controls if len({tuple(sorted(run.side.rules.get(name, {}).items())) for run in runs}) == 1
    )
    accounts = frozenset.intersection(*(frozenset(run.regions) for run in runs))
    regions = {account: frozenset.intersection(*(run.regions[account] for run in runs)) for account in accounts}
    return same, regions


WORST: Final = (
    State.FAIL, State.NOT_ASSESSED, State.MANUAL, State.WAIVED, State.PASS, State.NOT_APPLICABLE,
)  # fmt: skip
"""The states from worst to best: several come to the worst of them."""


def _states(run: Run, controls: frozenset[str], regions: Mapping[str, frozenset[str]]) -> Mapping[str, int]:
    """Count controls by the worst of their results in some Regions; one without results there does not apply."""
    found: dict[str, set[State]] = {name: set() for name in controls if name in run.side.rules}
    for item in run.side.findings:
        if item.control in found and item.region in GLOBAL | regions.get(item.account, frozenset()):
            found[item.control].add(item.state)
    counts = {state.value: 0 for state in State}
    for states in found.values():
        counts[next((state for state in WORST if state in states), State.NOT_APPLICABLE).value] += 1
    return counts


# --- links ------------------------------------------------------------------------------------------------------------


def _broken_links(runs: Sequence[Run]) -> Iterable[str]:
    """Say where a pack names none, or none that is here, as the one before; the oldest one may."""
    known = {run.manifest_sha256 for run in runs}
    for run in sorted(runs, key=lambda run: (run.as_of, run.pack_id))[1:]:
        if not run.previous:
            yield f"{run.pack_id} names no pack before it"
        elif run.previous not in known:
            yield f"{run.pack_id} names a pack before it that is not here ({run.previous[:16]})"


def median_days(lives: Iterable[Life]) -> Mapping[str, tuple[int, float, int]]:
    """Return by severity how many findings, and the median and longest of their ages in days."""
    ages: dict[Severity, list[float]] = defaultdict(list)
    for life in lives:
        ages[life.finding.severity].append(life.age / timedelta(days=1))
    return {
        severity.value: (len(found), _median(sorted(found)), round(max(found)))
        for severity in Severity
        if (found := ages.get(severity, []))
    }


def _median(ordered: Sequence[float]) -> float:
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _account_document(line: Timeline) -> dict[str, Any]:
    still, fixed = ([life for life in line.lives if (life.fixed is None) is open_] for open_ in (True, False))
    return {
        "account": line.account,
        "months": [month.document() for month in line.months],
        "other_packs": [run.place for run in line.other],
        "broken_links": list(line.broken_links),
        "open": {name: list(values) for name, values in median_days(still).items()},
        "fixed": {name: list(values) for name, values in median_days(fixed).items()},
        "trends": {
            name: [
                None
                if point is None
                else {
                    "month": point.month,
                    "counts": dict(point.counts),
                    "constant_scope": dict(point.constant) if point.constant is not None else None,
                    "rules_changed": point.upgraded,
                }
                for point in points
            ]
            for name, points in line.trends.items()
        },
        "waivers": [
            {"control": control, "expires": expires, "first_seen": f"{seen:%Y-%m-%dT%H:%M:%SZ}"}
            for control, expires, seen in line.waivers
        ],
    }

"""Months as one pack: what each month's pack says of each control, and what that comes to over all of them.

The population of a control that is tested every month is the months themselves. A control held when it was met in each
of them; a month without a pack, one whose hours were not all verified, or one in which the control was not judged
counts as not assessed, and a failure in any run of a month stays one. Pure values over packs that were read.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from auditor.base.counts import counted
from auditor.base.errors import IntegrityError, UsageError
from auditor.base.period import Period, parse_time, rfc3339
from auditor.model import Sampling, Severity, State, TestType
from auditor.pack.comparison import Finding
from auditor.pack.history import LATE_AFTER, WORST, Life, Mark, Run, build, month_of, months_between
from auditor.pack.members import Member
from auditor.pack.verdicts import worst_level

SCHEMA: Final = "auditor.assembly/1"
METHOD: Final = "months with the smallest SHA-256 of seed|account|month"

_HELD: Final = frozenset({State.PASS, State.NOT_APPLICABLE})
_HOUR: Final = timedelta(hours=1)
_WAIVER: Final = ("control", "resource", "justification", "owner", "approver", "ticket", "expires")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be assembled, beside the packs.

    Args:
        period: whole months.
        as_of: the moment of assembling, aware UTC.
        entity: whom the pack is about.
        title: of its pages.
        newest: whether the newest complete pack speaks for a month of which there are several.
        sampling: how many months the auditor tests again, and the seed that decides which; None for no sample.
    """

    period: Period
    as_of: datetime
    entity: str
    title: str
    newest: bool = False
    sampling: Sampling | None = None


@dataclass(frozen=True, slots=True)
class MonthPack:
    """One pack of one or more whole months.

    Args:
        run: as a history reads it.
        member: as the manifest of the assembled pack names it.
    """

    run: Run
    member: Member


@dataclass(frozen=True)
class Month:
    """One month of the period: its packs, and the one that speaks for it."""

    label: str
    start: datetime
    end: datetime
    packs: tuple[MonthPack, ...]

    @cached_property
    def taken(self) -> MonthPack | None:
        """The newest complete pack; where none is complete the newest whose run got to its end, else the newest."""
        return max(
            self.packs,
            key=lambda item: (not item.run.holes, not item.run.cut, item.run.as_of, item.member.id),
            default=None,
        )

    @cached_property
    def hours(self) -> tuple[int, int]:
        """How many Region-hours of the month are verified, and how many there are in the scope of its pack."""
        return _hours(self.taken.run, self.start, self.end) if self.taken else (0, 0)

    @property
    def gap(self) -> str:
        """Why nothing can be said to have held in this month; empty when all of it is covered."""
        if self.taken is None:
            return "there is no pack of this month"
        if self.taken.run.as_of < self.end:
            return "the month had not ended when its pack was made"
        verified, expected = self.hours
        if not verified:
            return "no hour of the month is verified by a trail's digests"
        if verified < expected:
            return f"{expected - verified:,} of {counted(expected, 'Region-hour')} of the month are not verified"
        return ""

    @property
    def marks(self) -> tuple[Mark, ...]:
        """What is to be said of the month, gravest first."""
        if self.taken is None:
            return (Mark.MISSING,)
        found = []
        if self.taken.run.holes or self.gap:
            found.append(Mark.INCOMPLETE)
        if min(item.run.as_of for item in self.packs) > self.end + LATE_AFTER:
            found.append(Mark.LATE)
        if len(self.packs) > 1:
            found.append(Mark.REPEATED)
        return tuple(found or [Mark.DONE])


def _hours(run: Run, start: datetime, end: datetime) -> tuple[int, int]:
    """Count verified Region-hours, each once however many trails record it, and all that there are.

    Raises:
        IntegrityError: a trail report has another shape.
    """
    proved: dict[tuple[str, str], set[datetime]] = defaultdict(set)
    try:
        for report in run.document["integrity"]:
            for chain in report["coverage"]["chains"]:
                proved[chain["account"], chain["region"]] |= set(_verified(chain["days"]))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise IntegrityError(f"{run.place}: a trail report has another form than expected") from error
    places = [(account, region) for account, regions in run.regions.items() for region in regions]
    verified = sum(start <= hour < end for place in places for hour in proved.get(place, ()))
    return verified, len(places) * ((end - start) // _HOUR)


def _verified(days: Iterable[Mapping[str, str]]) -> Iterator[datetime]:
    for day in days:
        midnight = parse_time(day["date"])
        yield from (midnight + number * _HOUR for number, state in enumerate(day["hours"][:24]) if state == "v")


@dataclass(frozen=True, slots=True)
class Cell:
    """One control in one month.

    Args:
        month: such as ``2026-10``.
        state: what can be said of the control in the month.
        at_test: what the month's pack says, at the moment of its test; None where it says nothing.
        why: in words, where ``state`` is not what the pack says, or where it is no success.
        pack: id of the pack that decides; empty without one.
    """

    month: str
    state: State
    at_test: State | None
    why: str
    pack: str

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "month": self.month,
            "state": self.state.value,
            "at_test": self.at_test.value if self.at_test else None,
            "why": self.why,
            "pack": self.pack,
        }


def months_of(packs: Sequence[MonthPack], period: Period) -> tuple[Month, ...]:
    """Lay packs out over the months of a period.

    Args:
        packs: in any order.
        period: whole months.

    Raises:
        UsageError: the period does not consist of whole months.
    """
    labels = months_between(period.start, period.end)
    if not labels or month_of(labels[0])[0] != period.start or month_of(labels[-1])[1] != period.end:
        raise UsageError(f"the period {period.label} does not consist of whole months", hint="such as 2026 or 2026-Q3")
    found: dict[str, list[MonthPack]] = defaultdict(list)
    for item in packs:
        for label in item.run.months:
            found[label].append(item)
    by_age = {label: sorted(there, key=lambda one: (one.run.as_of, one.member.id)) for label, there in found.items()}
    return tuple(Month(label, *month_of(label), tuple(by_age.get(label, ()))) for label in labels)


@dataclass(frozen=True)
class Assembly:
    """Packs laid out over months."""

    asked: Asked
    packs: tuple[MonthPack, ...]

    @cached_property
    def months(self) -> tuple[Month, ...]:
        """The months of the period, oldest first."""
        return months_of(self.packs, self.asked.period)

    @cached_property
    def accounts(self) -> tuple[str, ...]:
        """The accounts that all packs are about."""
        return self.packs[0].member.accounts

    @cached_property
    def _taken(self) -> tuple[Run, ...]:
        """The packs that speak for months, oldest first, each once."""
        found = {month.taken.member.id: month.taken.run for month in self.months if month.taken}
        return tuple(found.values())

    @cached_property
    def _controls(self) -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
        """Pack id -> control id -> what the pack's results say of it."""
        try:
            return {
                item.member.id: {str(control["id"]): control for control in item.run.document["controls"]}
                for item in self.packs
            }
        except (KeyError, TypeError) as error:
            raise IntegrityError("the results of a month have another form than expected") from error

    @cached_property
    def controls(self) -> tuple[Mapping[str, Any], ...]:
        """Every control that any pack judged, with its months; worst first, then by severity and id."""
        known = {name: control for item in self._by_age for name, control in self._controls[item.member.id].items()}
        found = [self._control(name, control) for name, control in known.items()]
        order = list(WORST)
        return tuple(
            sorted(
                found,
                key=lambda item: (order.index(State(item["state"])), Severity(item["severity"]).rank, item["id"]),
            )
        )

    @cached_property
    def _by_age(self) -> tuple[MonthPack, ...]:
        return tuple(sorted(self.packs, key=lambda item: (item.run.as_of, item.member.id)))

    def _control(self, name: str, control: Mapping[str, Any]) -> Mapping[str, Any]:
        cells = [self._cell(name, month) for month in self.months]
        states = {cell.state for cell in cells}
        try:
            return {
                "id": name,
                "title": str(control["title"]),
                "severity": Severity(control["severity"]).value,
                "test_type": TestType(control["test_type"]).value,
                "criterion": str(control["criterion"]),
                "state": next(state for state in WORST if state in states).value,
                "met": sum(cell.state is State.PASS for cell in cells),
                "met_at_test": sum(cell.at_test is State.PASS for cell in cells),
                "rules_changed": list(self._changes(name)),
                "months": [cell.document() for cell in cells],
            }
        except (KeyError, TypeError, ValueError) as error:
            raise IntegrityError("the results of a month have another form than expected") from error

    def _cell(self, name: str, month: Month) -> Cell:
        """Judge one control in one month: a failure of any run is never lost, and a gap never counts as met."""
        if month.taken is None:
            return Cell(month.label, State.NOT_ASSESSED, None, month.gap, "")
        taken = month.taken.member.id
        at_test = self._state(taken, name)
        for item in reversed(month.packs):
            if self._state(item.member.id, name) is State.FAIL:
                other = "" if item is month.taken else "not met in another run of this month"
                return Cell(month.label, State.FAIL, at_test, other, item.member.id)
        if at_test is None:
            return Cell(month.label, State.NOT_ASSESSED, None, "not asked for in this month", taken)
        if at_test in _HELD and month.gap:
            return Cell(month.label, State.NOT_ASSESSED, at_test, month.gap, taken)
        return Cell(month.label, at_test, at_test, "", taken)

    def _state(self, pack: str, name: str) -> State | None:
        control = self._controls[pack].get(name)
        try:
            return None if control is None else State(control["state"])
        except (KeyError, ValueError) as error:
            raise IntegrityError("the results of a month have another form than expected") from error

    def _changes(self, name: str) -> Iterator[str]:
        """Yield the months since which a control is judged by another rule than in the pack before."""
        before: Run | None = None
        for month in self.months:
            if month.taken is None or name not in month.taken.run.side.rules:
                continue
            run = month.taken.run
            if before is not None and before.side.rules[name] != run.side.rules[name]:
                yield month.label
            before = run

    @cached_property
    def exceptions(self) -> tuple[Mapping[str, Any], ...]:
        """Every finding of every run: in which months it was seen, and what became of it; gravest first."""
        seen: dict[str, list[tuple[MonthPack, Finding]]] = defaultdict(list)
        for item in self._by_age:
            for finding in item.run.side.findings:
                if finding.state is State.FAIL:
                    seen[finding.id].append((item, finding))
        lives = self._lives()
        until = max(item.run.as_of for item in self.packs)
        return tuple(
            sorted(
                (_exception(found, lives.get(name), until) for name, found in seen.items()),
                key=lambda item: (Severity(item["severity"]).rank, item["control"], item["account"], item["region"],
                                  item["resource"], item["id"]),
            )
        )  # fmt: skip

    def _lives(self) -> Mapping[str, Life]:
        """The last life of each finding in the packs that speak for months."""
        history = build(self._taken, now=self.asked.as_of)
        return {life.finding.id: life for line in history.accounts for life in line.lives}

    @cached_property
    def waivers(self) -> tuple[Mapping[str, Any], ...]:
        """Every waiver of every pack, with the months in which it stood."""
        found: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for month in self.months:
            for item in month.taken.run.waivers if month.taken else ():
                found[tuple(str(item.get(name, "")) for name in _WAIVER)].append(month.label)
        return tuple(
            {**dict(zip(_WAIVER, values, strict=True)), "months": list(dict.fromkeys(months))}
            for values, months in sorted(found.items())
        )

    @cached_property
    def sample(self) -> tuple[str, ...]:
        """The months drawn, in their order; a month without a pack can be drawn, and is an exception then."""
        if self.asked.sampling is None:
            return ()
        seed, account = self.asked.sampling.seed, ",".join(self.accounts)

        def number(month: Month) -> str:
            return hashlib.sha256(f"{seed}|{account}|{month.label}".encode()).hexdigest()

        drawn = sorted(self.months, key=number)[: self.asked.sampling.size]
        return tuple(month.label for month in self.months if month in drawn)

    @cached_property
    def integrity(self) -> tuple[Mapping[str, Any], ...]:
        """What the trail reports of each pack come to; nothing of a pack that has none."""
        try:
            verdicts = [
                (item, [str(report["verdict"]) for report in item.run.document["integrity"]]) for item in self._by_age
            ]
        except (KeyError, TypeError) as error:
            raise IntegrityError("a trail report of a month has another form than expected") from error
        return tuple(
            {
                "pack": item.member.id,
                "months": list(item.run.months),
                "trails": len(found),
                "verdict": worst_level(found).word,
            }
            for item, found in verdicts
            if found
        )

    @property
    def counts(self) -> dict[str, int]:
        """How many controls came to each state."""
        found = {state.value: 0 for state in State}
        for control in self.controls:
            found[control["state"]] += 1
        return found

    @property
    def headline(self) -> str:
        """Sum it up in neutral sentences; never an all-clear while a month is not covered."""
        total, there = len(self.months), sum(month.taken is not None for month in self.months)
        covered = sum(not month.gap for month in self.months)
        criteria = counted(len(self.controls), "criterion", "criteria")
        parts = [f"{self.counts['PASS']:,} of {criteria} met in each of {counted(total, 'month')}"]
        for state, words in (
            (State.FAIL, "not met in at least one"),
            (State.NOT_ASSESSED, "not assessed for at least one"),
            (State.MANUAL, "left to a person"),
            (State.WAIVED, "waived"),
            (State.NOT_APPLICABLE, "not applicable"),
        ):
            if number := self.counts[state.value]:
                parts.append(f"{number:,} {words}")
        altered = sum(item["verdict"] == "fail" for item in self.integrity)
        words = f" Alteration, deletion or forgery of logs is shown by {altered} of the packs." if altered else ""
        months = (
            f"Of {counted(total, 'month')}, {there} {'has' if there == 1 else 'have'} a pack; covered in "
            f"every hour: {covered}."
        )
        return f"{', '.join(parts)}. {months}{words}"

    @property
    def exit_code(self) -> int:
        """What the assembly amounts to, as a run's does."""
        if any(item["verdict"] == "fail" for item in self.integrity):
            return 4
        if self.counts["FAIL"]:
            return 1
        return 3 if self.counts["NOT_ASSESSED"] or self.counts["MANUAL"] else 0

    def document(self) -> dict[str, Any]:
        """Return the results document of the assembled pack; its schema is ``docs/schemas/assembly.schema.json``."""
        asked = self.asked
        covered = sum(not month.gap for month in self.months)
        return {
            "schema": SCHEMA,
            "headline": self.headline,
            "counts": self.counts,
            "run": {
                "entity": asked.entity,
                "title": asked.title,
                "accounts": list(self.accounts),
                "period": asked.period.document(),
                "as_of": rfc3339(asked.as_of),
                "newest": asked.newest,
            },
            "population": {
                "source": len(self.months),
                "tested": covered,
                "excluded": 0,
                "not_assessed": len(self.months) - covered,
                "months": [self._month(month) for month in self.months],
            },
            "sampling": self._sampling(),
            "frameworks": self._frameworks(),
            "controls": list(self.controls),
            "exceptions": list(self.exceptions),
            "waivers": list(self.waivers),
            "integrity": list(self.integrity),
        }

    def _sampling(self) -> dict[str, Any] | None:
        if (asked := self.asked.sampling) is None:
            return None
        return {"size": asked.size, "seed": asked.seed, "method": METHOD, "drawn": list(self.sample)}

    def _month(self, month: Month) -> dict[str, Any]:
        verified, expected = month.hours
        before = next((item.taken for item in reversed(self.months) if item.start < month.start and item.taken), None)
        taken = month.taken
        return {
            "month": month.label,
            "marks": [mark.value for mark in month.marks],
            "gap": month.gap,
            "hours": {"expected": expected, "verified": verified},
            "taken": taken.member.id if taken else None,
            "packs": [_pack(item) for item in month.packs],
            "rules_changed": bool(before and taken and before.run.ruleset != taken.run.ruleset),
            "scope_changed": bool(before and taken and before.run.regions != taken.run.regions),
        }

    def _frameworks(self) -> list[dict[str, Any]]:
        known: dict[str, dict[str, Any]] = {}
        for item in self._by_age:
            for framework in item.run.document["frameworks"]:
                name = str(framework["id"])
                before = known.get(name, {"controls": []})["controls"]
                asked = sorted({*before, *item.run.frameworks[name]})
                known[name] = {
                    "id": name,
                    "title": str(framework.get("title", "")),
                    "edition": str(framework.get("edition", "")),
                    "controls": asked,
                }
        return [known[name] for name in sorted(known)]


def _number(months: int) -> str:
    return counted(months, "month")


def _pack(item: MonthPack) -> dict[str, Any]:
    run = item.run
    return {
        "id": item.member.id,
        "as_of": rfc3339(run.as_of),
        "manifest_sha256": item.member.manifest_sha256,
        "signer": item.member.signature.subject if item.member.signature else None,
        "holes": list(run.holes),
        "ruleset": run.ruleset,
        "tool": run.tool,
        "regions": {account: sorted(regions) for account, regions in sorted(run.regions.items())},
    }


def _exception(found: Sequence[tuple[MonthPack, Finding]], life: Life | None, until: datetime) -> Mapping[str, Any]:
    newest, first, last = found[-1][1], found[0][0].run.as_of, found[-1][0].run.as_of
    fixed = life.fixed if life and life.fixed and life.fixed > last else None
    return {
        "id": newest.id,
        "control": newest.control,
        "title": newest.title,
        "severity": newest.severity.value,
        "account": newest.account,
        "region": newest.region,
        "resource": newest.resource,
        "reason": newest.reason,
        "months": sorted({label for item, _ in found for label in item.run.months}),
        "first_seen": rfc3339(first),
        "last_seen": rfc3339(last),
        "fixed": rfc3339(fixed) if fixed else None,
        "days_open": ((fixed or until) - first).days,
    }


def check_packs(packs: Sequence[MonthPack], *, newest: bool) -> None:
    """Refuse packs that cannot be joined.

    Raises:
        UsageError: there is none, one is given twice, one has no whole month, they are about different accounts, or
            several are about one month and nobody said which to take.
    """
    if not packs:
        raise UsageError("there is no pack to assemble")
    by_month: dict[str, list[str]] = defaultdict(list)
    first, ids = packs[0], set()
    for item in packs:
        name = item.member.id
        if name in ids:
            raise UsageError(f"the pack {name} is given twice")
        ids.add(name)
        if item.member.accounts != first.member.accounts:
            raise UsageError(
                f"{name} is about {', '.join(item.member.accounts)}, {first.member.id} about"
                f" {', '.join(first.member.accounts)}",
                hint="assemble the packs of one account",
            )
        if not item.run.months:
            raise UsageError(f"{name} is about {item.run.label}, which holds no whole month")
        for label in item.run.months:
            by_month[label].append(name)
    several = {label: names for label, names in by_month.items() if len(names) > 1}
    if several and not newest:
        label, names = min(several.items())
        raise UsageError(
            f"there are {counted(len(names), 'pack')} of {label}: {', '.join(sorted(names))}",
            hint="--take newest lets the newest complete one speak for a month; failures of the others stay",
        )

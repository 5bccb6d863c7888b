"""Months as one pack: what each month's pack says of each control, and what that comes to over all of them.

The population of a control that is tested every month is the months themselves. A control held when it was met in each
of them; a month without a pack, one whose hours were not all verified, or one in which the control was not judged
counts as not assessed, and a failure in any run of a month stays one. Pure values over packs that were read.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from auditor.base.counts import counted
from auditor.base.errors import IntegrityError
from auditor.base.period import rfc3339
from auditor.model import Severity, State, TestType
from auditor.pack.comparison import Finding
from auditor.pack.history import WORST, Life, build
from auditor.pack.months import Asked, Month, MonthPack, months_of
from auditor.pack.runs import Run
from auditor.pack.verdicts import worst_level

SCHEMA: Final = "auditor.assembly/1"
METHOD: Final = "months with the smallest SHA-256 of seed|account|month"

_HELD: Final = frozenset({State.PASS, State.NOT_APPLICABLE})
_WAIVER: Final = ("control", "resource", "justification", "owner", "approver", "ticket", "expires")


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
        each, one = ("", "") if total == 1 else (f" in each of {counted(total, 'month')}", " in at least one")
        parts = [f"{self.counts['PASS']:,} of {criteria} met{each}"]
        for state, words in (
            (State.FAIL, f"not met{one}"),
            (State.NOT_ASSESSED, f"not assessed{one}"),
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

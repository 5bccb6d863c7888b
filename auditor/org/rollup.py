"""The roll-up: what all packs of an organization's accounts say together. Pure; the same packs give the same bytes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from auditor.base.counts import counted, first_of
from auditor.base.period import rfc3339
from auditor.model import RunInfo, Severity, State, worst
from auditor.org.reconcile import Gone, Reconciliation, Standing
from auditor.org.summary import ABSENT, LETTERS, Asked, Summary, accounts_of_report, trail_summary
from auditor.pack.verdicts import worst_level

SCHEMA: Final = "auditor.organization/1"

FEW: Final = 0.1
"""A control is an outlier's where at most this share of the accounts that it was judged in fails it, one at least."""
MOST_ON_COVER: Final = 6
"""Accounts that the cover names one by one."""

ENOUGH: Final = 5
"""Accounts that a control has to be judged in before one of them can stand out."""


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that the roll-up follows from.

    Args:
        run: what was asked; its accounts are those that were assessed.
        organization: its id; empty where accounts were named one by one.
        management: the management account; empty likewise.
        table: what became of each account.
        gone: accounts that left since the pack before.
        own: accounts that were entered by the caller's own credentials.
        unmatched: filters that meant no account.
        summaries: one of each assessed account, sorted by account.
        asked: the controls by id.
        broke: whether an account's audit ended by a mistake of ours.
        rest: reports on what the organization's trails delivered for accounts without a pack.
        unread: the trails of which that could not be verified.
    """

    run: RunInfo
    organization: str
    management: str
    table: Reconciliation
    gone: tuple[Gone, ...]
    own: frozenset[str]
    unmatched: tuple[str, ...]
    summaries: tuple[Summary, ...]
    asked: Mapping[str, Asked]
    broke: bool = False
    rest: tuple[Mapping[str, Any], ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def trails(self) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        """What is known of each trail, with the account that it is about; empty for several without a pack."""
        own = tuple((item.member.account, trail) for item in self.summaries for trail in item.trails)
        return (*own, *(("", _of_several(report)) for report in self.rest))


def roll_up(material: Material) -> dict[str, Any]:
    """Return the roll-up as a document; its schema is ``docs/schemas/organization.schema.json``."""
    controls = _controls(material)
    counts = Counter(item["state"] for item in controls)
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "run": material.run.document(),
        "organization": {"id": material.organization, "management": material.management},
        "headline": headline(material),
        "notices": _notices(material),
        "exit_code": exit_code(material),
        "counts": {state.value: counts[state.value] for state in State},
        "reconciliation": {
            **material.table.counts,
            "joined": sum(row.joined for row in material.table.rows),
            "left": len(material.gone),
            "words": material.table.words,
            "whole": material.table.whole,
        },
        "unmatched_filters": list(material.unmatched),
        "accounts": _accounts(material),
        "left": [item.document() for item in material.gone],
        "controls": controls,
        "letters": {letter: state.value for state, letter in LETTERS.items()},
        "outliers": _outliers(material),
        "everywhere": [item["id"] for item in controls if _fails_everywhere(item)],
        "trails": _trails(material),
        "gaps": _gaps(material.summaries),
        # Each account's pack has the reports on its own deliveries; here stand those on accounts without a pack.
        "integrity": [dict(report) for report in material.rest],
    }
    return document


def exit_code(material: Material) -> int:
    """Return the exit code of the whole: 5 before 4 before 1 before 3, and no account may be lost for a 0."""
    codes = {item.code for item in material.summaries} | {4 for item in material.rest if item["verdict"] == "fail"}
    if material.broke:
        return 5
    for code in (4, 1):
        if code in codes:
            return code
    return 3 if 3 in codes or material.unread or not material.table.whole or not material.summaries else 0  # noqa: PLR2004 - exit codes


def headline(material: Material) -> str:
    """Sum up in neutral sentences; the accounts that were not assessed stand in the first one."""
    counts = material.table.counts
    total = counts["listed"]
    parts = [f"{counts['assessed']:,} of {counted(total, 'account')} assessed"]
    for standing, words in (
        (Standing.MISSING, "MISSING"),
        (Standing.REFUSED, "refused to be entered"),
        (Standing.NOT_ACTIVE, "not active"),
        (Standing.EXCLUDED, "excluded"),
    ):
        if counts[standing.value]:
            parts.append(f"{counts[standing.value]} {words}")
    failing = sum(State.FAIL in item.states.values() for item in material.summaries)
    clear = sum(item.code == 0 for item in material.summaries)
    sentence = f"{failing} of the assessed {'has' if failing == 1 else 'have'} criteria not met; {clear} met all."
    if not material.summaries:
        sentence = "So nothing is said of any criterion."
    trails = [trail for _, trail in material.trails]
    if not trails:
        return f"{', '.join(parts)}. {sentence} Log integrity was not examined."
    verdicts = Counter(str(trail["verdict"]) for trail in trails)
    said = ", ".join(f"{number} {verdict}" for verdict, number in sorted(verdicts.items()))
    return f"{', '.join(parts)}. {sentence} Trails as seen from the accounts: {said}."


def _notices(material: Material) -> list[dict[str, str]]:
    """Say what a reader has to know before the figures: it stands on the cover."""
    found = []
    if material.run.endpoints:
        named = ", ".join(material.run.endpoints)
        found.append({"kind": "simulated", "text": f"Simulated accounts: answers came from {named}, not from AWS."})
    if material.run.resumed:
        moments = ", ".join(rfc3339(moment) for moment in material.run.resumed)
        text = f"The run was cut off and taken up again at {moments}; accounts audited before were not asked again."
        found.append({"kind": "resumed", "text": text})
    for standing, words in ((Standing.MISSING, "lost on the way"), (Standing.REFUSED, "the role was refused")):
        rows = material.table.of(standing)
        if rows:
            named = first_of(rows, MOST_ON_COVER, lambda row: row.account.id)
            number = counted(len(rows), "account")
            found.append({"kind": standing.value, "text": f"Not assessed because {words}: {number}: {named}."})
    if material.unread:
        text = f"Not verified: what {', '.join(material.unread)} delivered for accounts without a pack."
        found.append({"kind": "unread", "text": text})
    failing = sorted({name for trail in _trails(material) for name in trail["failing"]})
    if failing:
        named = first_of(failing, MOST_ON_COVER)
        number = counted(len(failing), "account")
        found.append({"kind": "integrity", "text": f"Recorded activity of {number} does not verify: {named}."})
    return found


def _accounts(material: Material) -> list[dict[str, Any]]:
    by_id = {item.member.account: item for item in material.summaries}
    return [
        {
            **row.document(),
            "own_credentials": row.account.id in material.own,
            "result": _result(by_id[row.account.id]) if row.standing is Standing.ASSESSED else None,
        }
        for row in material.table.rows
    ]


def _result(item: Summary) -> dict[str, Any]:
    return {
        "pack": {**item.member.document(), "folder": item.member.folder},
        "exit_code": item.code,
        "headline": item.headline,
        "counts": item.counts(),
        "failed_by_severity": {level.value: item.gravest.get(level.value, 0) for level in Severity},
        "failed_results": item.failed,
        "calls_unanswered": sum(number for _, number in item.causes),
        "causes": [{"error": code, "calls": number} for code, number in item.causes],
        "trails": [dict(trail) for trail in item.trails],
        "principal": item.principal,
        **item.scope,
    }


def _controls(material: Material) -> list[dict[str, Any]]:
    """One row a control: how many accounts are in which state, and one letter for each assessed account in order."""
    rows = []
    order = sorted(material.asked.values(), key=lambda item: (Severity(item.severity).rank, item.id))
    for asked in order:
        states = [item.states.get(asked.id) for item in material.summaries]
        present = [state for state in states if state is not None]
        counted = Counter(present)
        rows.append(
            {
                "id": asked.id,
                "title": asked.title,
                "severity": asked.severity,
                "requirements": {name: list(ids) for name, ids in sorted(asked.requirements.items())},
                "state": worst(present).value,
                "counts": {state.value: counted[state] for state in State},
                "cells": "".join(LETTERS[state] if state is not None else ABSENT for state in states),
            }
        )
    return rows


def _fails_everywhere(control: Mapping[str, Any]) -> bool:
    counts = control["counts"]
    judged = sum(number for state, number in counts.items() if state in ("PASS", "FAIL", "WAIVED"))
    return bool(judged >= ENOUGH and counts["FAIL"] == judged)


def _outliers(material: Material) -> dict[str, list[dict[str, Any]]]:
    """Say which accounts stand out: alone with a failure, or with many more failures than the others."""
    alone = []
    for asked in sorted(material.asked.values(), key=lambda item: (Severity(item.severity).rank, item.id)):
        judged = [item for item in material.summaries if item.states.get(asked.id) in (State.PASS, State.FAIL)]
        failing = [item.member.account for item in judged if item.states[asked.id] is State.FAIL]
        if len(judged) >= ENOUGH and 0 < len(failing) <= max(1, int(FEW * len(judged))):
            alone.append({"control": asked.id, "severity": asked.severity, "accounts": failing, "judged": len(judged)})
    return {"controls": alone, "accounts": _far_from_the_rest(material.summaries)}


def _far_from_the_rest(summaries: Sequence[Summary]) -> list[dict[str, Any]]:
    """Name accounts with more failed controls than three times the usual distance from the median."""
    failed = {item.member.account: sum(state is State.FAIL for state in item.states.values()) for item in summaries}
    if len(failed) < ENOUGH:
        return []
    middle = median(failed.values())
    usual = max(1.0, median(abs(number - middle) for number in failed.values()))
    return [
        {"account": account, "failed": number, "median": int(middle)}
        for account, number in sorted(failed.items())
        if number - middle > 3 * usual
    ]


def _trails(material: Material) -> list[dict[str, Any]]:
    """Sum up each trail over the accounts that report on it; what it delivered for others is added, and named."""
    seen: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for account, trail in material.trails:
        seen.setdefault(str(trail["arn"]), []).append((account, trail))
    return [
        {
            "arn": arn,
            "name": reports[0][1]["name"],
            "owner": reports[0][1]["owner"],
            "organization": any(trail["organization"] for _, trail in reports),
            "verdict": worst_level(str(trail["verdict"]) for _, trail in reports).word,
            "accounts": [account for account, _ in reports if account],
            "failing": sorted({name for account, trail in reports for name in _failing(account, trail)}),
            "without_pack": sorted({name for account, trail in reports if not account for name in trail["accounts"]}),
            **{name: sum(int(trail[name]) for _, trail in reports) for name in _SUMMED},
        }
        for arn, reports in sorted(seen.items())
    ]


def _of_several(report: Mapping[str, Any]) -> dict[str, Any]:
    about, failing = accounts_of_report(report)
    return {**trail_summary(report), "accounts": about, "failing": failing}


_SUMMED: Final = ("hours_asked", "hours_verified", "digests", "logs", "altered", "missing")


def _failing(account: str, trail: Mapping[str, Any]) -> Sequence[str]:
    """Return the accounts whose deliveries of a trail did not verify."""
    if account:
        return (account,) if trail["verdict"] == "fail" else ()
    failing: Sequence[str] = trail["failing"]
    return failing


def _gaps(summaries: Sequence[Summary]) -> list[dict[str, Any]]:
    """Count calls without an answer by error code, over all accounts, the commonest first."""
    calls: Counter[str] = Counter()
    accounts: Counter[str] = Counter()
    for item in summaries:
        for code, number in item.causes:
            calls[code] += number
            accounts[code] += 1
    return [
        {"error": code, "calls": number, "accounts": accounts[code]}
        for code, number in sorted(calls.items(), key=lambda pair: (-pair[1], pair[0]))
    ]


def rows_of(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the accounts of a roll-up, for the pack that follows it."""
    rows: Sequence[Mapping[str, Any]] = document["accounts"]
    return rows

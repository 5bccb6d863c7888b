"""Applies waivers and attestations to results. A waiver hides no failure and no gap; an attestation is no PASS."""

import fnmatch
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from auditor.base.counts import first_of
from auditor.base.period import rfc3339
from auditor.catalog.waivers import Attestation, Waiver
from auditor.evidence.unanswered import error_words
from auditor.model import ControlResult, Population, Result, Results, State

SOON = timedelta(days=30)
"""A waiver or attestation that ends within this time of the as-of moment is shown as ending soon."""


def apply_exceptions(
    results: Results, waivers: Sequence[Waiver] = (), attestations: Sequence[Attestation] = ()
) -> Results:
    """Return results in which accepted failures are WAIVED and answered manual controls carry their attestation.

    Expired and over-wide waivers, and expired attestations, change nothing; every one given is listed with what became
    of it.
    """
    as_of = results.run.as_of
    wide = {id(item): over_wide(item, results) for item in waivers}
    in_force = [item for item in waivers if not wide[id(item)] and item.expires > as_of]
    answering = [item for item in attestations if item.date <= as_of < item.valid_until]
    used: set[int] = set()
    controls = tuple(_control(item, in_force, answering, used) for item in results.controls)
    return replace(
        results,
        controls=controls,
        waivers=tuple(_waiver(item, as_of, used=id(item) in used, wide=wide[id(item)]) for item in waivers),
        attestations=tuple(_attestation(item, as_of, used=id(item) in used) for item in attestations),
    )


def over_wide(waiver: Waiver, results: Results) -> str:
    """Say why a waiver takes in more than anybody answers for; empty when it does not, or somebody does.

    Judged by what it takes in, not by how it looks: a pattern that fits every member that was judged in an account is
    as wide as an asterisk there. A name without wildcards is that of one thing, also where there is no other.
    """
    if waiver.owner:
        return ""
    if waiver.over_wide:
        return "it covers a whole control"
    if not set("*?") & set(waiver.resource):
        return ""
    for item in results.controls:
        members: dict[str, set[str]] = {}
        for result in item.results:
            if result.state in _JUDGED and _fits(waiver.control, waiver.account, item, result):
                members.setdefault(result.account, set()).add(result.resource)
        for account, names in sorted(members.items()):
            if all(takes_in(waiver.resource, name) for name in names):
                return f"it takes in every member of the population in account {account} ({len(names):,})"
    return ""


_JUDGED = frozenset({State.FAIL, State.PASS, State.MANUAL})
"""States of members; what stands for answers that are missing is none."""


def takes_in(pattern: str, resource: str) -> bool:
    """Tell whether a pattern fits a name; only ``*`` and ``?`` are wildcards, and capitals count."""
    return fnmatch.fnmatchcase(resource, _literal_brackets(pattern))


def _control(
    item: ControlResult, waivers: Sequence[Waiver], attestations: Sequence[Attestation], used: set[int]
) -> ControlResult:
    changed = tuple(_apply(item, result, waivers, attestations, used) for result in item.results)
    answered = Counter(
        (after.account, after.region)
        for before, after in zip(item.results, changed, strict=True)
        if before.state is State.MANUAL and after.state is not State.MANUAL
    )
    reopened = Counter(
        (after.account, after.region)
        for before, after in zip(item.results, changed, strict=True)
        if before.state is State.FAIL and after.state is State.NOT_ASSESSED
    )
    answered.subtract(reopened)
    populations = tuple(_answered(population, answered) for population in item.populations)
    return replace(item, results=changed, populations=populations)


def _answered(population: Population, answered: Counter[tuple[str, str]]) -> Population:
    """Move what a person found not met to "tested", and what a waiver left open back, so that populations reconcile."""
    count = answered[population.account, population.region]
    return replace(population, tested=population.tested + count, not_assessed=population.not_assessed - count)


def _apply(
    item: ControlResult,
    result: Result,
    waivers: Sequence[Waiver],
    attestations: Sequence[Attestation],
    used: set[int],
) -> Result:
    if result.state is State.FAIL:
        for waiver in waivers:
            if _fits(waiver.control, waiver.account, item, result) and takes_in(waiver.resource, result.resource):
                used.add(id(waiver))
                return _waived(result, waiver)
    if result.state is State.MANUAL:
        for attestation in attestations:
            if _fits(attestation.control, attestation.account, item, result):
                used.add(id(attestation))
                details = {**result.details, "attestation": _statement(attestation)}
                if attestation.met:
                    return replace(result, details=details)
                found = result.reason if result.evidence else "No AWS API shows this."
                reason = f"A person attested that the criterion is not met. {found}"
                seen = reason if result.observed == result.reason else result.observed
                return replace(result, state=State.FAIL, reason=reason, observed=seen, details=details)
    return result


def _waived(result: Result, waiver: Waiver) -> Result:
    """Accept a failure; what was missing beside it nobody has seen, so nobody can have accepted it."""
    missing = result.details.get("missing")
    if not missing:
        return replace(result, state=State.WAIVED, waiver=_terms(waiver))
    named = first_of(missing, _NAMED, _missed)
    reason = f"The failure found is waived, but not all answers were there to look for others: {named}."
    return replace(result, state=State.NOT_ASSESSED, reason=reason, waiver=_terms(waiver))


def _missed(item: Mapping[str, Any]) -> str:
    return f"{item['operation']} in {item['region']} ({error_words(item['error'])})"


_NAMED = 3


def _fits(control: str, account: str, item: ControlResult, result: Result) -> bool:
    return control == item.control.id and account in ("", result.account)


def _literal_brackets(pattern: str) -> str:
    """Only ``*`` and ``?`` are wildcards here; a bracket in an ARN means itself."""
    return pattern.replace("[", "[[]")


def _terms(waiver: Waiver) -> dict[str, Any]:
    return {
        "control": waiver.control,
        "resource": waiver.resource,
        "account": waiver.account,
        "justification": waiver.justification,
        "owner": waiver.owner,
        "approver": waiver.approver,
        "ticket": waiver.ticket,
        "expires": rfc3339(waiver.expires),
        "origin": waiver.origin,
    }


def _waiver(waiver: Waiver, as_of: datetime, *, used: bool, wide: str) -> dict[str, Any]:
    notes = []
    if wide:
        notes.append(f"over-wide: {wide} and names no owner, so it was not applied")
    if waiver.expires <= as_of:
        notes.append("expired: it was not applied")
    elif not used and not wide:
        notes.append("unused: no failure fits it")
    if as_of < waiver.expires <= as_of + SOON:
        notes.append("ends within 30 days")
    return {**_terms(waiver), "used": used, "notes": notes}


def _statement(attestation: Attestation) -> dict[str, Any]:
    return {
        "control": attestation.control,
        "account": attestation.account,
        "statement": attestation.statement,
        "criterion": "met" if attestation.met else "not met",
        "person": attestation.person,
        "date": f"{attestation.date:%Y-%m-%d}",
        "valid_until": rfc3339(attestation.valid_until),
        "attachments": [{"name": item.name, "sha256": item.sha256} for item in attestation.attachments],
        "origin": attestation.origin,
    }


def _attestation(attestation: Attestation, as_of: datetime, *, used: bool) -> dict[str, Any]:
    notes = []
    if attestation.valid_until <= as_of:
        notes.append("expired: it was not applied")
    elif attestation.date > as_of:
        notes.append("dated after the audit: it was not applied")
    elif not used:
        notes.append("unused: no manual result fits it")
    if as_of < attestation.valid_until <= as_of + SOON:
        notes.append("ends within 30 days")
    return {**_statement(attestation), "used": used, "notes": notes}

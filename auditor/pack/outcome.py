"""What a run amounts to: its headline, its exit code and the ``results.json`` document. Prints and exits nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.base.canonical import canonical_json, carried
from auditor.base.counts import counted
from auditor.model import ControlResult, Framework, Results, Severity, State, worst
from auditor.pack.comparison import lasting_id
from auditor.pack.verdicts import Level, worst_level

SCHEMA = "auditor.results/1"

EXIT_MEANING = {
    0: "every selected criterion was met or is waived",
    1: "at least one criterion was not met",
    2: "wrong usage or configuration",
    3: "no criterion was found unmet, but something could not be assessed",
    4: "integrity: a digest, log file, chain or pack did not verify",
    5: "the run itself broke",
    129: "hung up (SIGHUP)",
    130: "interrupted",
    143: "terminated (SIGTERM)",
}

_ALLOW = "not-assessed:"


def exit_code(
    results: Results,
    *,
    fail_on: Severity = Severity.INFORMATIONAL,
    allow: Collection[str] = (),
    known: Collection[str] = (),
) -> int:
    """Return the exit code of a run; when several hold, integrity goes before failures and failures before gaps.

    Args:
        results: the whole judgement.
        fail_on: the lowest severity whose failure counts.
        allow: gaps accepted by name, each ``not-assessed:<control>``.
        known: ids of failures that a baseline already shows (``comparison.lasting_id``); only others count.
    """
    verdicts = [document.get("verdict") for document in results.integrity]
    return _code(verdicts, [_judged(item) for item in results.controls], fail_on, allow, known)


def stated_code(
    document: Mapping[str, Any],
    *,
    fail_on: Severity = Severity.INFORMATIONAL,
    allow: Collection[str] = (),
    known: Collection[str] = (),
) -> int:
    """Return the exit code that a results document deserves, as ``exit_code`` does of the judgement itself.

    Raises:
        KeyError, TypeError, ValueError: the document has another shape.
    """
    verdicts = [report["verdict"] for report in document["integrity"]]
    return _code(verdicts, [_as_stated(item) for item in document["controls"]], fail_on, allow, known)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What the exit code takes of one control.

    Args:
        id: its id.
        state: its own state.
        severity: how much its failure matters.
        failing: account, Region, resource and editions of each failure.
        gap: whether a result is not assessed, or was left to a person and attested by nobody.
    """

    id: str
    state: State
    severity: Severity
    failing: Sequence[tuple[str, str, str, Sequence[str]]]
    gap: bool


def _code(
    verdicts: Collection[Any],
    controls: Sequence[_Judged],
    fail_on: Severity,
    allow: Collection[str],
    known: Collection[str],
) -> int:
    if "fail" in verdicts:
        return 4
    if any(item.state is State.FAIL and item.severity.rank <= fail_on.rank and _anew(item, known) for item in controls):
        return 1
    accepted = {name.removeprefix(_ALLOW) for name in allow}
    if any(item.gap and item.id not in accepted for item in controls):
        return 3
    return 3 if "incomplete" in verdicts and "trail" not in accepted else 0


def _anew(item: _Judged, known: Collection[str]) -> bool:
    """Tell whether a control has a failure that is not known; one without results of its own is never."""
    return not item.failing or any(lasting_id(item.id, *where) not in known for where in item.failing)


def _judged(item: ControlResult) -> _Judged:
    failing = [
        (result.account, result.region, result.resource, result.frameworks)
        for result in item.results
        if result.state is State.FAIL
    ]
    gap = any(
        result.state is State.NOT_ASSESSED or (result.state is State.MANUAL and "attestation" not in result.details)
        for result in item.results
    )
    return _Judged(item.control.id, item.state, item.control.severity, failing, gap)


def _as_stated(control: Mapping[str, Any]) -> _Judged:
    results = control["results"]
    failing = [
        (item["account"], item["region"], item["resource"], item["frameworks"])
        for item in results
        if item["state"] == State.FAIL.value
    ]
    gap = any(
        item["state"] == State.NOT_ASSESSED.value
        or (item["state"] == State.MANUAL.value and "attestation" not in item["details"])
        for item in results
    )
    return _Judged(control["id"], State(control["state"]), Severity(control["severity"]), failing, gap)


def headline(results: Results) -> str:
    """Sum the run up in neutral sentences; never an all-clear while something could not be assessed."""
    counts = results.counts
    total = len(results.controls)
    parts = [f"{counts['PASS']:,} of {counted(total, 'criterion', 'criteria')} met"]
    for state, words in (
        (State.FAIL, "not met"),
        (State.NOT_ASSESSED, "could not be assessed"),
        (State.MANUAL, "left to a person"),
        (State.WAIVED, "waived"),
        (State.NOT_APPLICABLE, "not applicable"),
    ):
        if counts[state.value]:
            parts.append(f"{counts[state.value]:,} {words}")
    return f"{', '.join(parts)}. {_integrity(results)}"


def _integrity(results: Results) -> str:
    if not results.integrity:
        return "Log integrity was not examined."
    words = {
        Level.FAIL: "alteration, deletion or forgery shown",
        Level.INCOMPLETE: "nothing altered, but part of the period is not vouched for",
        Level.NOTE: "proved, with something to read",
        Level.PASS: "proved for the whole period",
    }
    found = worst_level(str(document.get("verdict")) for document in results.integrity)
    return f"Log integrity over {counted(len(results.integrity), 'trail', 'trails')}: {words[found]}."


def results_document(results: Results) -> dict[str, Any]:
    """Return the JSON form of the whole judgement; its schema is ``docs/schemas/results.schema.json``."""
    document = {
        "schema": SCHEMA,
        "run": results.run.document(),
        "headline": headline(results),
        "counts": results.counts,
        "frameworks": [_framework(framework, results.controls) for framework in results.frameworks],
        "controls": [item.document() for item in results.controls],
        "gaps": [gap.document() for gap in results.gaps],
        "integrity": [dict(document) for document in results.integrity],
        "events": [dict(document) for document in results.events],
        "activity": [dict(document) for document in results.activity],
        "continuity": [dict(document) for document in results.continuity],
        "posture": [dict(document) for document in results.posture],
        "fired": [dict(document) for document in results.fired],
        "completeness": [dict(document) for document in results.completeness],
        "opened": [dict(document) for document in results.opened],
        "waivers": [dict(waiver) for waiver in results.waivers],
        "attestations": [dict(attestation) for attestation in results.attestations],
        **({"responses": [dict(item) for item in results.responses]} if results.responses else {}),
        **({"since": dict(results.since)} if results.since else {}),
        "sampling": results.sampling.document() if results.sampling else None,
        "imported": [dict(item) for item in results.imported],
        **_stated(results),
    }
    # piece by piece: each is written once more to see that it can be
    return {
        name: [carried(item) for item in part] if isinstance(part, list) else carried(part)
        for name, part in document.items()
    }


def _stated(results: Results) -> dict[str, Any]:
    """Return what a run says of its rules and beforehand; nothing where the rules were not asked about."""
    if not results.rules:
        return {}
    return {"rules": dict(results.rules), "notices": [dict(item) for item in results.notices]}


def results_json(results: Results) -> bytes:
    """Return ``results.json``: canonical, so that the same judgement has the same bytes."""
    return canonical_json(results_document(results))


def _framework(framework: Framework, controls: Sequence[ControlResult]) -> dict[str, Any]:
    by_id = {item.control.id: item for item in controls}
    return {
        "id": framework.id,
        "title": framework.title,
        "edition": framework.edition,
        "publisher": framework.publisher,
        "url": framework.url,
        "requirements": [
            {
                "id": requirement.id,
                "title": requirement.title or _title(requirement.controls, by_id),
                "level": requirement.level,
                "assessment": requirement.assessment,
                "controls": list(requirement.controls),
                "suggested": list(requirement.suggested),
                "covered": bool(requirement.controls),
                "state": _state(framework.id, requirement.controls, by_id),
            }
            for requirement in framework.requirements
        ],
    }


def _title(names: Sequence[str], by_id: Mapping[str, ControlResult]) -> str:
    return by_id[names[0]].control.title if len(names) == 1 else ""


def _state(framework: str, names: Sequence[str], by_id: Mapping[str, ControlResult]) -> str | None:
    """Return a requirement's state in one edition; None when no control bears on it."""
    if not names:
        return None
    return worst(
        worst(result.state for result in by_id[name].results if not result.frameworks or framework in result.frameworks)
        for name in names
    ).value

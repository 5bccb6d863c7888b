"""OSCAL 1.2.1 assessment results (NIST): one observation per result, one finding where a conclusion was reached."""

import re
from collections.abc import Iterator, Mapping
from itertools import chain, repeat
from typing import Any

from auditor.base.canonical import InPieces, canonical_json, canonical_pieces
from auditor.model import State
from auditor.render.exceptions import Given
from auditor.render.exports.source import Finding, Source, shortened

VERSION = "1.2.1"
NAMESPACE = "https://auditor.invalid/ns/oscal"
"""Marks properties of ours; the top-level domain is reserved (RFC 2606), so it can never be somebody else's."""

_CONCLUDED = {
    State.PASS: ("satisfied", "pass"),
    State.FAIL: ("not-satisfied", "fail"),
    State.WAIVED: ("not-satisfied", "other"),
}
_PROPERTY = 2000
_NIST = re.compile(r"([A-Z]{2}-\d+)(?:\((\d+)\))?")

PLAN = "oscal-ap.json"
"""The assessment plan, beside the results."""


def oscal(source: Source) -> Iterator[bytes]:
    """Yield the run as an OSCAL assessment-results document."""
    run = source.document["run"]
    document = InPieces(
        {
            "uuid": source.identifier("oscal", "document"),
            "metadata": {
                "title": _text(f"{run['title']}: {run['entity']}"),
                "last-modified": source.as_of,
                "version": source.version,
                "oscal-version": VERSION,
                "props": [_property("report-id", source.report_id)],
            },
            "import-ap": {"href": PLAN},
            "results": iter([_result(source)]),
            "back-matter": InPieces(
                {"resources": (_resource(source, ref, record) for ref, record in source.records.items())}
            ),
        }
    )
    return canonical_pieces(InPieces({"assessment-results": document}))


def _result(source: Source) -> InPieces:
    run = source.document["run"]
    result = InPieces(
        {
            "uuid": source.identifier("oscal", "result"),
            "title": _text(run["title"]),
            "description": _prose(source.document["headline"]),
            "start": run["started"],
            "end": run["ended"],
            "reviewed-controls": {"control-selections": _selections(source)},
            "observations": chain(
                (_observation(source, finding) for finding in source.findings()),
                (_not_applied(source, item, number) for number, item in enumerate(source.to_mind)),
            ),
        }
    )
    if attested := [_attestation(item) for item in source.given if item.kind == "Attestation" and item.applied]:
        result["attestations"] = attested
    for name, described, chosen in (("findings", _finding, _is_concluded), ("risks", _risk, _has_risk)):
        if any(map(chosen, source.findings())):
            result[name] = map(described, repeat(source), filter(chosen, source.findings()))
    return result


def _is_concluded(finding: Finding) -> bool:
    return finding.state in _CONCLUDED


def oscal_plan(source: Source) -> Iterator[tuple[str, list[bytes]]]:
    """Yield the assessment plan that the results import: what was to be examined, of whom, by which rules."""
    run = source.document["run"]
    described = source.identifier("oscal", "system")
    plan = {
        "uuid": source.identifier("oscal", "plan"),
        "metadata": {
            "title": _text(f"Assessment plan: {run['title']}: {run['entity']}"),
            "last-modified": source.as_of,
            "version": source.version,
            "oscal-version": VERSION,
            "props": [_property("report-id", source.report_id)],
        },
        "import-ssp": {
            "href": f"#{described}",
            "remarks": "No system security plan was handed in; the scope of the run stands in its place.",
        },
        "reviewed-controls": {"control-selections": _selections(source)},
        "back-matter": {
            "resources": [
                {
                    "uuid": described,
                    "title": "Scope of the run: accounts, Regions, period and operations",
                    "rlinks": [{"href": "../evidence/scope.json", "media-type": "application/json"}],
                },
                {
                    "uuid": source.identifier("oscal", "rules"),
                    "title": "Controls and frameworks as they were applied: files in this folder of the pack",
                    "rlinks": [{"href": "../rules/request.json", "media-type": "application/json"}],
                },
            ]
        },
    }
    yield PLAN, [canonical_json({"assessment-plan": plan})]


def _selections(source: Source) -> list[dict[str, Any]]:
    nist = sorted({name for edition in source.document["frameworks"] for name in _nist_ids(edition)})
    found = [_selection(source)]
    if nist:
        found.append(
            {
                "description": "Controls of NIST SP 800-53 Revision 5, by the ids of NIST's own catalogue.",
                "props": [_property("catalog", "NIST_SP-800-53_rev5")],
                "include-controls": [{"control-id": name} for name in nist],
            }
        )
    return found


def _nist_ids(edition: Mapping[str, Any]) -> Iterator[str]:
    """Write ``AC-2(1)`` as NIST's catalogue does: ``ac-2.1``; only controls that something here bears on."""
    if edition["id"] == "nist-800-53-r5":
        for requirement in edition["requirements"]:
            if requirement["controls"] and (parts := _NIST.fullmatch(requirement["id"])):
                yield parts[1].lower() + (f".{parts[2]}" if parts[2] else "")


def _selection(source: Source) -> dict[str, Any]:
    """A control of which nothing exists here is named as excluded, with a remark."""
    excluded = [item for item in source.document["controls"] if item["state"] == State.NOT_APPLICABLE.value]
    selection: dict[str, Any] = {"description": "Controls of the chosen frameworks."}
    if included := [item for item in source.document["controls"] if item not in excluded]:
        selection["include-controls"] = [{"control-id": item["id"]} for item in included]
    if excluded:
        selection["exclude-controls"] = [{"control-id": item["id"]} for item in excluded]
        selection["remarks"] = "Excluded controls are not applicable: the scope holds nothing that they speak about."
    return selection


def _observation(source: Source, finding: Finding) -> dict[str, Any]:
    result = finding.result
    observation: dict[str, Any] = {
        "uuid": source.identifier("oscal", "observation", *finding.key),
        "title": _text(finding.control["title"]),
        "description": _prose(result["reason"]),
        "methods": ["EXAMINE" if finding.state is State.MANUAL else "TEST"],
        "props": [
            _property("state", finding.state.value),
            _property("control", finding.control["id"]),
            _property("account", result["account"]),
            _property("region", result["region"]),
            _property("resource", result["resource"]),
        ],
        "collected": source.as_of,
    }
    evidence = [
        {"href": f"#{source.identifier('oscal', 'evidence', ref)}", "description": _evidence_words(source.records[ref])}
        for ref in finding.references
        if ref in source.records
    ]
    if evidence:
        observation["relevant-evidence"] = evidence
    return observation


def _not_applied(source: Source, item: Given, number: int) -> dict[str, Any]:
    """Return what was found in what was handed in: a waiver that had expired, say. No result rests on it."""
    return {
        "uuid": source.identifier("oscal", "given", str(number)),
        "title": _text(f"{item.kind} for {item.control}"),
        "description": _prose(item.told),
        "methods": ["EXAMINE"],
        "props": [
            _property("handed-in", item.kind),
            _property("control", item.control),
            _property("applied", "yes" if item.applied else "no"),
        ],
        "collected": source.as_of,
        "remarks": _prose(f"{item.people}: {item.words}" if item.people else item.words),
    }


def _attestation(item: Given) -> dict[str, Any]:
    """Return a person's statement on which a result rests."""
    told = {"person": item.people, "date": item.date, "last-day": item.until, "account": item.covers}
    files = [_property("attachment", f"{name} SHA-256 {digest}") for name, digest in item.attachments]
    prose = {"name": "statement", "title": _text(item.control), "prose": _prose(item.words)}
    return {"parts": [prose | {"props": [*(_property(*pair) for pair in told.items() if pair[1]), *files]}]}


def _evidence_words(record: Mapping[str, Any]) -> str:
    return f"{record['ref']}: {record['operation']} in {record['region']} of {record['account']}"


def _finding(source: Source, finding: Finding) -> dict[str, Any]:
    state, reason = _CONCLUDED[finding.state]
    found: dict[str, Any] = {
        "uuid": source.identifier("oscal", "finding", *finding.key),
        "title": _text(finding.control["title"]),
        "description": _prose(finding.result["reason"]),
        "target": {
            "type": "objective-id",
            "target-id": finding.control["id"],
            "status": {"state": state, "reason": reason},
        },
        "related-observations": [{"observation-uuid": source.identifier("oscal", "observation", *finding.key)}],
    }
    if _has_risk(finding):
        found["related-risks"] = [{"risk-uuid": source.identifier("oscal", "risk", *finding.key)}]
    return found


def _has_risk(finding: Finding) -> bool:
    """Tell whether somebody accepted a failure, or said what is done about it."""
    answered = finding.state is State.FAIL and bool(finding.result.get("response"))
    return finding.state is State.WAIVED or answered


def _risk(source: Source, finding: Finding) -> dict[str, Any]:
    waiver, response = finding.result["waiver"], finding.result.get("response") or {}
    risk = {
        "uuid": source.identifier("oscal", "risk", *finding.key),
        "title": _text(f"{'Accepted' if waiver else 'Answered'}: {finding.control['title']}"),
        "description": _prose(finding.result["reason"]),
    }
    if waiver:
        told = f"{_ended(waiver['justification'])} Approved by {waiver['approver']}, {waiver['ticket']}."
        risk |= {"statement": _prose(told), "status": "deviation-approved", "deadline": waiver["expires"]}
    else:
        risk |= {"statement": _prose(finding.control["why"] or finding.result["reason"]), "status": "open"}
        risk |= {"deadline": response["due"]} if response.get("due") else {}
    return risk | ({"remediations": [_remediation(source, finding, response)]} if response else {})


def _remediation(source: Source, finding: Finding, response: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the people in charge say, as OSCAL's planned response."""
    ticket = [_property("ticket", response["ticket"])] if response["ticket"] else []
    return {
        "uuid": source.identifier("oscal", "response", *finding.key),
        "lifecycle": "planned",
        "title": _text(f"Response: {finding.control['title']}"),
        "description": _prose(response["response"]),
        "props": [_property("owner", response["owner"]), *ticket],
    }


def _resource(source: Source, ref: str, record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "uuid": source.identifier("oscal", "evidence", ref),
        "title": _evidence_words(record),
        "rlinks": [
            {
                "href": f"../evidence/{record['path']}",
                "media-type": "application/json",
                "hashes": [{"algorithm": "SHA-256", "value": record["sha256"]}],
            }
        ],
    }


def _property(name: str, value: str) -> dict[str, str]:
    return {"name": name, "ns": NAMESPACE, "value": _text(shortened(value, _PROPERTY))}


def _text(text: str) -> str:
    """Return one line without blanks at its ends, as OSCAL's string types ask; never empty."""
    return " ".join("".join(mark if mark.isprintable() else " " for mark in str(text)).split()) or "-"


def _prose(text: str) -> str:
    """Return text for a field that readers take for Markdown: nothing in it becomes markup."""
    return _MARKUP.sub(r"\\\1", _text(text))


_MARKUP = re.compile(r"([\\`*_\[\]<>{}|~#])")


def _ended(text: str) -> str:
    """End a sentence that somebody wrote without a full stop."""
    words = text.strip()
    return words if words.endswith((".", "!", "?")) else f"{words}."

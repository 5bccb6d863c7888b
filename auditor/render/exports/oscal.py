"""OSCAL 1.2.1 assessment results (NIST): one observation per result, one finding where a conclusion was reached."""

from collections.abc import Mapping
from typing import Any

from auditor.base.canonical import canonical_json
from auditor.model import State
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


def oscal(source: Source) -> bytes:
    """Return the run as an OSCAL assessment-results document."""
    run = source.document["run"]
    plan = source.identifier("oscal", "plan")
    return canonical_json(
        {
            "assessment-results": {
                "uuid": source.identifier("oscal", "document"),
                "metadata": {
                    "title": _text(f"{run['title']}: {run['entity']}"),
                    "last-modified": source.as_of,
                    "version": source.version,
                    "oscal-version": VERSION,
                    "props": [_property("report-id", source.report_id)],
                },
                "import-ap": {"href": f"#{plan}"},
                "results": [_result(source)],
                "back-matter": {
                    "resources": [
                        {
                            "uuid": plan,
                            "title": "Assessment plan: the controls as they were applied",
                            "rlinks": [{"href": "../rules/"}],
                        },
                        *(_resource(source, ref, record) for ref, record in source.records.items()),
                    ]
                },
            }
        }
    )


def _result(source: Source) -> dict[str, Any]:
    run = source.document["run"]
    findings = list(source.findings())
    result: dict[str, Any] = {
        "uuid": source.identifier("oscal", "result"),
        "title": _text(run["title"]),
        "description": _text(source.document["headline"]),
        "start": run["started"],
        "end": run["ended"],
        "reviewed-controls": {"control-selections": [_selection(source)]},
        "observations": [_observation(source, finding) for finding in findings],
    }
    if concluded := [_finding(source, finding) for finding in findings if finding.state in _CONCLUDED]:
        result["findings"] = concluded
    if risks := [_risk(source, finding) for finding in findings if finding.state is State.WAIVED]:
        result["risks"] = risks
    return result


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
        "description": _text(result["reason"]),
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


def _evidence_words(record: Mapping[str, Any]) -> str:
    return f"{record['ref']}: {record['operation']} in {record['region']} of {record['account']}"


def _finding(source: Source, finding: Finding) -> dict[str, Any]:
    state, reason = _CONCLUDED[finding.state]
    found: dict[str, Any] = {
        "uuid": source.identifier("oscal", "finding", *finding.key),
        "title": _text(finding.control["title"]),
        "description": _text(finding.result["reason"]),
        "target": {
            "type": "objective-id",
            "target-id": finding.control["id"],
            "status": {"state": state, "reason": reason},
        },
        "related-observations": [{"observation-uuid": source.identifier("oscal", "observation", *finding.key)}],
    }
    if finding.state is State.WAIVED:
        found["related-risks"] = [{"risk-uuid": source.identifier("oscal", "risk", *finding.key)}]
    return found


def _risk(source: Source, finding: Finding) -> dict[str, Any]:
    waiver = finding.result["waiver"]
    return {
        "uuid": source.identifier("oscal", "risk", *finding.key),
        "title": _text(f"Accepted: {finding.control['title']}"),
        "description": _text(finding.result["reason"]),
        "statement": _text(f"{waiver['justification']} Approved by {waiver['approver']}, {waiver['ticket']}."),
        "status": "deviation-approved",
        "deadline": waiver["expires"],
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
    return " ".join(str(text).split()) or "-"

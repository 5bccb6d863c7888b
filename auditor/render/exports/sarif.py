"""SARIF 2.1.0 (OASIS), with the additions that code-scanning services ask for."""

from collections.abc import Mapping
from typing import Any

from auditor.base.canonical import canonical_json
from auditor.model import State
from auditor.render.exports.source import PRODUCT, Finding, Source, shortened

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

_KINDS = {
    State.PASS: "pass",
    State.FAIL: "fail",
    State.WAIVED: "fail",
    State.NOT_ASSESSED: "open",
    State.NOT_APPLICABLE: "notApplicable",
    State.MANUAL: "review",
}
_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "informational": "note"}
_MESSAGE_LIMIT = 4000


def sarif(source: Source) -> bytes:
    """Return the run as a SARIF log."""
    rules = [_rule(control) for control in source.document["controls"]]
    indexes = {rule["id"]: index for index, rule in enumerate(rules)}
    run = source.document["run"]
    return canonical_json(
        {
            "$schema": SCHEMA,
            "version": "2.1.0",
            "runs": [
                {
                    "tool": {"driver": {"name": PRODUCT, "version": source.version, "rules": rules}},
                    "automationDetails": {"id": f"auditor/{source.report_id}"},
                    "columnKind": "unicodeCodePoints",
                    "invocations": [
                        {
                            "executionSuccessful": True,
                            "startTimeUtc": run["started"],
                            "endTimeUtc": run["ended"],
                            "toolExecutionNotifications": _notifications(source),
                        }
                    ],
                    "results": [_result(source, finding, indexes) for finding in source.findings()],
                }
            ],
        }
    )


def _rule(control: Mapping[str, Any]) -> dict[str, Any]:
    advice = control["remediation"] or "A person has to look at this."
    return {
        "id": control["id"],
        "name": "".join(part.capitalize() for part in control["id"].split("-")),
        "shortDescription": {"text": shortened(control["title"], 1024)},
        "fullDescription": {"text": shortened(control["objective"] or control["title"], 1024)},
        "help": {"text": f"{control['criterion']}\n\n{advice}"},
        "defaultConfiguration": {"level": _LEVELS[control["severity"]]},
        "properties": {"tags": ["security", "aws", control["service"]]},
    }


def _notifications(source: Source) -> list[dict[str, Any]]:
    """Say why results are open: answers that are missing, and reasons that no missing answer explains."""
    gaps = source.document["gaps"]
    explained = {name for gap in gaps for name in gap["controls"]}
    texts = [
        f"{gap['operation']} in {gap['region']} of {gap['account']} gave no usable answer: {gap['error']}"
        for gap in gaps
    ]
    texts += [
        f"{finding.control['id']} could not be assessed: {finding.result['reason']}"
        for finding in source.findings()
        if finding.state is State.NOT_ASSESSED and finding.control["id"] not in explained
    ]
    return [{"level": "warning", "message": {"text": shortened(text, _MESSAGE_LIMIT)}} for text in texts]


def _result(source: Source, finding: Finding, indexes: Mapping[str, int]) -> dict[str, Any]:
    result = finding.result
    found: dict[str, Any] = {
        "ruleId": finding.control["id"],
        "ruleIndex": indexes[finding.control["id"]],
        "kind": _KINDS[finding.state],
        "level": _LEVELS[finding.control["severity"]] if _KINDS[finding.state] == "fail" else "none",
        "message": {"text": shortened(result["reason"], _MESSAGE_LIMIT)},
        "locations": [_location(source, finding)],
        "partialFingerprints": {"auditorResult/v1": finding.lasting_id},
    }
    if finding.state is State.WAIVED:
        waiver = result["waiver"]
        found["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": shortened(waiver["justification"], 1024)}
        ]
    return found


def _location(source: Source, finding: Finding) -> dict[str, Any]:
    """Point at the first evidence file; results have no source code."""
    result = finding.result
    paths = [source.records[ref]["path"] for ref in finding.references if ref in source.records]
    uri = f"evidence/{paths[0]}" if paths else "results/results.json"
    return {
        "physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": 1}},
        "logicalLocations": [
            {
                "name": shortened(result["resource"], 512),
                "fullyQualifiedName": f"{result['account']}/{result['region']}/{result['resource']}",
                "kind": "resource",
            }
        ],
    }

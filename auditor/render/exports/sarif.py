"""SARIF 2.1.0 (OASIS), with the additions that code-scanning services ask for."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any
from urllib.parse import quote

from auditor.base.canonical import InPieces, canonical_pieces
from auditor.evidence.unanswered import unanswered
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
_SCORES = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "3.0", "informational": "0.5"}
"""``security-severity``: GitHub calls over 9.0 critical, from 7.0 high, from 4.0 medium, below low."""
_MESSAGE_LIMIT = 4000

MOST = 5_000
"""Results of one upload that GitHub shows (GitHub Docs, "SARIF support for code scanning")."""

ALL = "results-all.sarif"
"""The file with every kind of result."""


def sarif(source: Source, *, most: int = MOST) -> Iterator[bytes]:
    """Yield what GitHub's code scanning takes in: failures that nobody waived, the gravest first, as many as it keeps.

    It knows neither kinds nor suppressions, and would show a pass as an alert.
    """
    graded = sorted(source.document["controls"], key=lambda control: -float(_SCORES[control["severity"]]))
    failed = (item for control in graded for item in source.findings_of(control) if item.state is State.FAIL)
    return _log(source, islice(failed, most), with_evidence=False)


def sarif_all(source: Source) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield every result with its kind, waived ones suppressed, for readers that know all of SARIF."""
    yield ALL, _log(source, source.findings(), with_evidence=True)


def _log(source: Source, findings: Iterable[Finding], *, with_evidence: bool) -> Iterator[bytes]:
    rules = [_rule(source, control) for control in source.document["controls"]]
    indexes = {rule["id"]: index for index, rule in enumerate(rules)}
    run = source.document["run"]
    invocation = InPieces(
        {
            "executionSuccessful": True,
            "startTimeUtc": run["started"],
            "endTimeUtc": run["ended"],
            "toolExecutionNotifications": _notifications(source),
        }
    )
    log = InPieces(
        {
            "tool": {"driver": {"name": PRODUCT, "version": source.version, "rules": rules}},
            "automationDetails": {"id": _category(source)},
            "columnKind": "unicodeCodePoints",
            "invocations": iter([invocation]),
            "results": (_result(source, finding, indexes, with_evidence=with_evidence) for finding in findings),
        }
    )
    return canonical_pieces(InPieces({"$schema": SCHEMA, "version": "2.1.0", "runs": iter([log])}))


def _category(source: Source) -> str:
    """Name account and what was judged, so that a second upload replaces the first of the same and no other."""
    run = source.document["run"]
    accounts = [item["id"] for item in run["accounts"]]
    place = accounts[0] if len(accounts) == 1 else f"{len(accounts)}-accounts"
    chosen = "+".join([*run["frameworks"], *run.get("controls", ())])
    return f"auditor/{place}/{chosen}/{source.report_id}"


def _rule(source: Source, control: Mapping[str, Any]) -> dict[str, Any]:
    advice = control["remediation"] or "A person has to look at this."
    rule: dict[str, Any] = {
        "id": control["id"],
        "name": "".join(part.capitalize() for part in control["id"].split("-")),
        "shortDescription": {"text": shortened(control["title"], 1024)},
        "fullDescription": {"text": shortened(control["objective"] or control["title"], 1024)},
        "help": {"text": f"{control['criterion']}\n\n{advice}"},
        "defaultConfiguration": {"level": _LEVELS[control["severity"]]},
        "properties": {
            "tags": ["security", "aws", control["service"]],
            "security-severity": _SCORES[control["severity"]],
        },
    }
    if url := _help(source, control):
        rule["helpUri"] = url
    return rule


def _help(source: Source, control: Mapping[str, Any]) -> str:
    """Return the publisher's page of the first framework that asks for a control."""
    for edition in source.document["frameworks"]:
        if edition["id"] in control["requirements"] and str(edition["url"]).startswith("https://"):
            return str(edition["url"])
    return ""


def _notifications(source: Source) -> Iterator[dict[str, Any]]:
    """Say why results are open, and what became of waivers and the like that need a look.

    Results are open for want of answers, and for reasons that no missing answer explains.
    """
    gaps = source.document["gaps"]
    explained = {name for gap in gaps for name in gap["controls"]}
    for gap in gaps:
        names = (gap["operation"], gap["region"], gap["account"], gap["error"])
        yield _notification("warning", unanswered(*names, gap.get("message", "")))
    for finding in source.findings():
        if finding.state is State.NOT_ASSESSED and finding.control["id"] not in explained:
            said = f"{finding.control['id']} could not be assessed: {finding.result['reason']}"
            yield _notification("warning", said)
    for item in source.to_mind:
        yield _notification("note", item.told)


def _notification(level: str, text: str) -> dict[str, Any]:
    return {"level": level, "message": {"text": shortened(text, _MESSAGE_LIMIT)}}


def _result(source: Source, finding: Finding, indexes: Mapping[str, int], *, with_evidence: bool) -> dict[str, Any]:
    result = finding.result
    found: dict[str, Any] = {
        "ruleId": finding.control["id"],
        "ruleIndex": indexes[finding.control["id"]],
        "kind": _KINDS[finding.state],
        "level": _LEVELS[finding.control["severity"]] if _KINDS[finding.state] == "fail" else "none",
        "message": {"text": shortened(result["reason"], _MESSAGE_LIMIT)},
        "locations": [_location(source, finding, with_evidence=with_evidence)],
        "partialFingerprints": {
            "auditorResult/v1": finding.lasting_id,
            "primaryLocationLineHash": f"{finding.lasting_id[:16]}:1",
        },
    }
    if finding.state is State.WAIVED:
        waiver = result["waiver"]
        found["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": shortened(waiver["justification"], 1024)}
        ]
    return found


def _location(source: Source, finding: Finding, *, with_evidence: bool) -> dict[str, Any]:
    """Point at the first evidence file, or at the resource itself: results have no source code.

    Services that show one alert for each place would fold all results of one answer into one.
    """
    result = finding.result
    paths = [source.records[ref]["path"] for ref in finding.references if ref in source.records]
    uri = f"evidence/{paths[0]}" if paths else "results/results.json"
    if not with_evidence:
        uri = f"aws/{result['account']}/{result['region']}/{quote(shortened(result['resource'], 512), safe='/') or '-'}"
    return {
        "physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": 1}},
        "logicalLocations": [
            {
                "name": shortened(result["resource"], 512),
                "fullyQualifiedName": f"{result['account']}/{result['region']}/{shortened(result['resource'], 2048)}",
                "kind": "resource",
            }
        ],
    }

"""AWS Security Finding Format (schema 2018-10-08), ready for ``BatchImportFindings``.

A finding has the same id in every run, so that an import updates the one of the run before. What Security Hub lets
providers update of severity and types is in ``FindingProviderFields``. It knows findings of resources only: waivers and
the like that were not applied are named by the findings of their control.
"""

import re
from collections.abc import Iterator
from itertools import count, islice
from typing import Any

from auditor.base.canonical import canonical_json, canonical_pieces
from auditor.evidence.operations import GLOBAL
from auditor.model import State
from auditor.regions import HOME
from auditor.render.exports.resources import resource_of
from auditor.render.exports.source import PRODUCT, Finding, Source, shortened

_COMPLIANCE = {
    State.PASS: "PASSED",
    State.FAIL: "FAILED",
    State.WAIVED: "FAILED",
    State.NOT_ASSESSED: "NOT_AVAILABLE",
    State.NOT_APPLICABLE: "NOT_AVAILABLE",
    State.MANUAL: "NOT_AVAILABLE",
}
_TYPES = ["Software and Configuration Checks/Industry and Regulatory Standards"]
_REQUIREMENTS = 32
_FIELD = 2048

BATCH = 100
"""Findings that one call takes (Security Hub API reference, BatchImportFindings)."""


def asff(source: Source) -> Iterator[bytes]:
    """Yield the results as a JSON array of findings."""
    return canonical_pieces(_finding(source, finding) for finding in source.findings())


def asff_batches(source: Source) -> Iterator[tuple[str, list[bytes]]]:
    """Yield the same findings in files that ``aws securityhub batch-import-findings`` takes as they are."""
    found = (_finding(source, finding) for finding in source.findings())
    for number in count(1):
        if not (batch := list(islice(found, BATCH))):
            return
        yield f"asff/{number:04}.json", [canonical_json(batch)]


def _finding(source: Source, finding: Finding) -> dict[str, Any]:
    control, result = finding.control, finding.result
    region = HOME.get(source.partition, HOME["aws"]) if result["region"] == GLOBAL else result["region"]
    account = result["account"]
    kind, name = resource_of(control, result, source.partition, region)
    found: dict[str, Any] = {
        "SchemaVersion": "2018-10-08",
        "Id": f"auditor/{control['id']}/{finding.lasting_id}",
        "ProductArn": f"arn:{source.partition}:securityhub:{region}:{account}:product/{account}/default",
        "ProductName": PRODUCT,
        "GeneratorId": f"auditor/{control['id']}",
        "AwsAccountId": account,
        "Types": _TYPES,
        "CreatedAt": source.as_of,
        "UpdatedAt": source.as_of,
        "Severity": {"Label": control["severity"].upper()},
        "FindingProviderFields": {"Severity": {"Label": control["severity"].upper()}, "Types": _TYPES},
        "Title": shortened(control["title"], 256),
        "Description": shortened(result["reason"], 1024),
        "Resources": [
            {
                "Type": kind,
                "Id": shortened(name, 512),
                "Partition": source.partition,
                "Region": region,
            }
        ],
        "Compliance": _compliance(finding),
        "Workflow": {"Status": _workflow(finding.state)},
        "RecordState": "ACTIVE",
        "ProductFields": _fields(source, finding),
    }
    if control["remediation"]:
        found["Remediation"] = {"Recommendation": {"Text": shortened(control["remediation"], 512)}}
    return found


def _fields(source: Source, finding: Finding) -> dict[str, str]:
    """Return what ASFF has no member for; a provider's own note would be kept from the first import on."""
    fields = {"auditor/report": source.report_id, "auditor/state": finding.state.value}
    if finding.people:
        fields["auditor/people"] = shortened(finding.people, _FIELD)
    if told := [item.told for item in source.to_mind if item.control == finding.control["id"]]:
        fields["auditor/to-mind"] = shortened("; ".join(told), _FIELD)
    return fields


def _workflow(state: State) -> str:
    if state is State.WAIVED:
        return "SUPPRESSED"
    return "RESOLVED" if state is State.PASS else "NEW"


def _compliance(finding: Finding) -> dict[str, Any]:
    compliance: dict[str, Any] = {"Status": _COMPLIANCE[finding.state]}
    if numbers := [shortened(item, 64) for item in finding.requirements[:_REQUIREMENTS]]:
        compliance["RelatedRequirements"] = numbers
    if compliance["Status"] == "NOT_AVAILABLE":
        code = re.sub(r"[^A-Z0-9]+", "_", finding.state.value)
        reason = shortened(finding.result["reason"], 1024)
        compliance["StatusReasons"] = [{"ReasonCode": code, "Description": reason}]
    return compliance

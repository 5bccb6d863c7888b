"""OCSF 1.8.0 Compliance Findings (class 2003), one JSON object per line.

What was handed in is no finding of a resource: it stands in a file of its own, as events of the base class.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import count, repeat
from typing import Any

import orjson

from auditor.base.period import parse_time
from auditor.model import State
from auditor.render.exceptions import Given
from auditor.render.exports.source import PRODUCT, Finding, Source

VERSION = "1.8.0"

_COMPLIANCE = {
    State.PASS: (1, "Pass"),
    State.FAIL: (3, "Fail"),
    State.WAIVED: (3, "Fail"),
    State.NOT_ASSESSED: (0, "Unknown"),
    State.NOT_APPLICABLE: (99, "Not applicable"),
    State.MANUAL: (99, "Manual"),
}
_STATUS = {
    State.PASS: (4, "Resolved"),
    State.FAIL: (1, "New"),
    State.WAIVED: (3, "Suppressed"),
    State.NOT_ASSESSED: (1, "New"),
}
_SEVERITY = {
    "informational": (1, "Informational"),
    "low": (2, "Low"),
    "medium": (3, "Medium"),
    "high": (4, "High"),
    "critical": (5, "Critical"),
}
_CATEGORY, _CLASS, _CREATE = 2, 2003, 1
_KIND = {
    "activity_id": _CREATE,
    "activity_name": "Create",
    "category_uid": _CATEGORY,
    "category_name": "Findings",
    "class_uid": _CLASS,
    "class_name": "Compliance Finding",
    "type_uid": _CLASS * 100 + _CREATE,
}
_BASE = {
    "activity_id": 99,
    "category_uid": 0,
    "category_name": "Uncategorized",
    "class_uid": 0,
    "class_name": "Base Event",
    "type_uid": 99,
}
_SUCCESS, _OTHER = 1, 99
_AWS_ACCOUNT = 10
_SHA256 = 3
_REGULAR_FILE = 1


GIVEN = "ocsf-accepted.ndjson"
"""What was handed in: waivers, attestations, responses, accepted gaps."""


def ocsf(source: Source) -> Iterator[bytes]:
    """Yield the results as newline-delimited OCSF events."""
    return _lines(_event(source, finding) for finding in source.findings())


def ocsf_given(source: Source) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield an event for each thing that was handed in, as a further file; none where nobody handed anything in."""
    if source.given:
        yield GIVEN, _lines(map(_handed_in, repeat(source), source.given, count()))


def _lines(events: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    lines = (orjson.dumps(event, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE) for event in events)
    return (_OTHER_ENDS.sub(_escaped, line) for line in lines)


_OTHER_ENDS = re.compile(b"\xc2\x85|\xe2\x80\xa8|\xe2\x80\xa9")
"""U+0085, U+2028, U+2029: JSON lets them stand in a text, and many readers of lines end a line there."""


def _escaped(end: re.Match[bytes]) -> bytes:
    return f"\\u{ord(end[0].decode()):04x}".encode()


def milliseconds(text: str) -> int:
    """Return an RFC 3339 time as OCSF wants it: milliseconds since 1970, UTC."""
    return int((parse_time(text) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)


def _event(source: Source, finding: Finding) -> dict[str, Any]:
    control, result = finding.control, finding.result
    severity_id, severity = _SEVERITY[control["severity"]]
    event: dict[str, Any] = {
        **_KIND,
        "severity_id": severity_id,
        "severity": severity,
        "time": milliseconds(source.as_of),
        "message": result["reason"],
        "metadata": {**_metadata(source, *finding.key), "profiles": ["cloud"]},
        "cloud": {
            "provider": "AWS",
            "region": result["region"],
            "account": {"uid": result["account"], "type_id": _AWS_ACCOUNT, "type": "AWS Account"},
        },
        "finding_info": _info(source, finding),
        "compliance": _compliance(finding),
        "resources": [_resource(source, finding)],
        "unmapped": {"auditor": {"state": finding.state.value, "expected": result["expected"]}},
    }
    if evidences := [_evidence(source, ref) for ref in finding.references if ref in source.records]:
        event["evidences"] = evidences
    if finding.state in _STATUS:
        event["status_id"], event["status"] = _STATUS[finding.state]
    if control["remediation"]:
        event["remediation"] = {"desc": control["remediation"]}
    if finding.people:
        event["comment"] = finding.people
    return event


def _metadata(source: Source, *key: str) -> dict[str, Any]:
    return {
        "version": VERSION,
        "product": {"name": PRODUCT, "vendor_name": PRODUCT, "version": source.version},
        "uid": source.identifier("ocsf", *key),
    }


def _handed_in(source: Source, item: Given, number: int) -> dict[str, Any]:
    became = "applied" if item.applied else "not applied"
    return {
        **_BASE,
        "activity_name": f"{item.kind} {became}",
        "severity_id": 1,
        "severity": "Informational",
        "time": milliseconds(source.as_of),
        "message": item.told,
        "metadata": _metadata(source, "given", str(number)),
        "status_id": _SUCCESS if item.applied else _OTHER,
        "status": "Success" if item.applied else "Not applied",
        "status_detail": item.notes or became,
        "unmapped": {"auditor": asdict(item)},
    }


def _info(source: Source, finding: Finding) -> dict[str, Any]:
    control = finding.control
    return {
        "uid": finding.lasting_id,
        "title": control["title"],
        "desc": control["objective"],
        "created_time": milliseconds(source.as_of),
        "analytic": {"uid": control["id"], "name": control["title"], "type_id": 1, "type": "Rule"},
    }


def _compliance(finding: Finding) -> dict[str, Any]:
    control = finding.control
    status_id, status = _COMPLIANCE[finding.state]
    return {
        "control": control["id"],
        "desc": control["criterion"],
        "standards": list(control["requirements"]),
        "requirements": finding.requirements,
        "status_id": status_id,
        "status": status,
        "status_details": [finding.result["reason"]],
    }


def _resource(source: Source, finding: Finding) -> dict[str, Any]:
    result = finding.result
    return {
        "uid": result["resource"],
        "name": result["resource"],
        "region": result["region"],
        "cloud_partition": source.partition,
    }


def _evidence(source: Source, ref: str) -> dict[str, Any]:
    record = source.records[ref]
    return {
        "uid": ref,
        "api": {
            "operation": record["operation"].partition(":")[2],
            "service": {"name": record["service"]},
            "request": {"uid": record["request_ids"][0] if record["request_ids"] else ref},
        },
        "file": {
            "name": record["path"].rpartition("/")[2],
            "path": f"evidence/{record['path']}",
            "type_id": _REGULAR_FILE,
            "hashes": [{"algorithm_id": _SHA256, "algorithm": "SHA-256", "value": record["sha256"]}],
        },
    }

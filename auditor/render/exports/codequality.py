"""GitLab's code quality report: failures that nobody waived, and what could not be assessed, lest it look resolved.

Source: GitLab Docs, "Code Quality", report format: an array whose entries have description, check_name, a fingerprint
of their own, severity, and a place with a relative path and a line.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from auditor.base.canonical import canonical_pieces
from auditor.model import State
from auditor.render.exports.source import Finding, Source, shortened

_SEVERITIES: Final = {
    "critical": "blocker",
    "high": "critical",
    "medium": "major",
    "low": "minor",
    "informational": "info",
}
_DESCRIPTION: Final = 1000
_NAME: Final = 512


def codequality(source: Source) -> Iterator[bytes]:
    """Yield the report, gravest first. The same finding has the same fingerprint in every run.

    GitLab calls resolved what a later report does not hold. So a result that can no longer be read stays in it, as
    information.
    """
    found = [item for item in source.findings() if item.state in (State.FAIL, State.NOT_ASSESSED)]
    order = list(_SEVERITIES.values())
    found.sort(key=lambda item: (order.index(_severity(item)), item.lasting_id))
    return canonical_pieces(_entries(found))


def _entries(found: list[Finding]) -> Iterator[dict[str, Any]]:
    seen: Counter[str] = Counter()
    for item in found:
        name = item.lasting_id
        seen[name] += 1
        yield _entry(item, name if seen[name] == 1 else f"{name}-{seen[name]}")


def _severity(item: Finding) -> str:
    return _SEVERITIES[item.control["severity"]] if item.state is State.FAIL else "info"


def _entry(item: Finding, fingerprint: str) -> dict[str, Any]:
    result = item.result
    words = result["reason"] or item.control["title"]
    said = f"{item.control['title']}: {words}" if item.state is State.FAIL else f"Not assessed: {words}"
    return {
        "description": shortened(said, _DESCRIPTION),
        "check_name": item.control["id"],
        "fingerprint": fingerprint,
        "severity": _severity(item),
        "location": {"path": _path(item), "lines": {"begin": 1}},
    }


def _path(item: Finding) -> str:
    """Return a relative path that names the resource: results have no source code."""
    result = item.result
    parts = [str(result["account"]), str(result["region"]), *shortened(str(result["resource"]), _NAME).split("/")]
    named = [quote(part, safe="") for part in parts if part]
    return "/".join(("aws", *(part.replace(".", "%2E") if set(part) == {"."} else part for part in named)))

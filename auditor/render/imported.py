"""Findings of other tools as the pages list them: in that tool's words, judged by nobody here, in no count of ours."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auditor.render.text import NAME_LIMIT, visible


@dataclass(frozen=True, slots=True)
class ImportedFinding:
    """One finding, in the other tool's words."""

    id: str
    title: str
    account: str
    region: str
    resource: str
    status: str
    severity: str


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """A file of findings. ``counts`` has the other tool's statuses, which are not ours."""

    path: str
    sha256: str
    tool: str
    counts: tuple[tuple[str, int], ...]
    findings: tuple[ImportedFinding, ...]


def imported_file(document: Mapping[str, Any]) -> ImportedFile:
    """Prepare one file of the results document's ``imported``."""
    return ImportedFile(
        path=visible(document["file"]),
        sha256=document["sha256"],
        tool=visible(document["tool"] or "a tool that the file does not name"),
        counts=tuple((visible(status or "no status", 100), count) for status, count in document["counts"].items()),
        findings=tuple(
            ImportedFinding(
                id=visible(item["id"], NAME_LIMIT),
                title=visible(item["title"]),
                account=visible(item["account"], 40),
                region=visible(item["region"], 40),
                resource=visible(item["resource"], NAME_LIMIT),
                status=visible(item["status"], 100),
                severity=visible(item["severity"], 100),
            )
            for item in document["findings"]
        ),
    )

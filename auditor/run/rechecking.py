"""Verifying again what a pack carries of CloudTrail's digests, with the keys that it carries. Needs no network."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from auditor.base.errors import IntegrityError
from auditor.base.untrusted import shape_words
from auditor.pack.layout import EVIDENCE, INTEGRITY, RESULTS
from auditor.seal.report import Difference, Rechecked
from auditor.trail.recheck import archive_of, recheck


def recheck_digests(pack: Path) -> Rechecked:
    """Verify the archived digests of every trail again, and say what differs from the pack's reports.

    Raises:
        IntegrityError: reports or archives cannot be read.
    """
    return Rechecked(
        "the recorded digests and log hashes hold under the keys in the pack",
        tuple(
            Difference("", f"{trail_name(report)}: {difference}")
            for report in _reports(pack)
            for difference in _differences(pack, report)
        ),
    )


def _reports(pack: Path) -> Iterator[Mapping[str, Any]]:
    try:
        results = orjson.loads((pack / RESULTS).read_bytes())
        reports = results["integrity"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{RESULTS} cannot be read: {shape_words(error)}") from error
    for report in reports if isinstance(reports, list) else ():
        if isinstance(report, Mapping):
            yield report


def _differences(pack: Path, report: Mapping[str, Any]) -> tuple[str, ...]:
    archive = archive_of(pack / EVIDENCE / INTEGRITY, report)
    if archive is not None:
        return recheck(archive, report)
    counts = report.get("counts")
    digests = counts.get("digests") if isinstance(counts, Mapping) else None
    valid = digests.get("valid") if isinstance(digests, Mapping) else None
    return () if valid == 0 else (f"the report speaks of {valid} valid digests, and none is archived",)


def trail_name(report: Mapping[str, Any]) -> str:
    """Return how a report names its trail, for messages."""
    trail = report.get("trail")
    name = trail.get("name") if isinstance(trail, Mapping) else None
    return name if isinstance(name, str) and name else "a trail without a name"

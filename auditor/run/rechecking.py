"""Verifying again what a pack carries of CloudTrail's digests, with the keys that it carries. Needs no network."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from auditor.base.counts import counted
from auditor.base.errors import IntegrityError
from auditor.base.untrusted import shape_words
from auditor.pack.assembly import SCHEMA as ASSEMBLED
from auditor.pack.layout import EVIDENCE, INTEGRITY, RESULTS
from auditor.seal.report import Difference, Rechecked
from auditor.trail.recheck import archive_of, recheck


def recheck_digests(pack: Path) -> Rechecked:
    """Verify the archived digests of every trail again, and say what differs from the pack's reports.

    Raises:
        IntegrityError: reports or archives cannot be read.
    """
    taken: list[str] = []
    document = _results(pack)
    if document.get("schema") == ASSEMBLED:
        return Rechecked("", skipped="the packs that this one consists of hold the digests; --members checks them")
    differences = tuple(
        Difference("", f"{trail_name(report)}: {difference}")
        for report in _listed(document, "integrity")
        for difference in _differences(pack, report, _events_of(document, report), taken)
    )
    return Rechecked(
        "the recorded digests and log hashes hold under the keys in the pack", differences, taken=tuple(taken)
    )


def _results(pack: Path) -> Mapping[str, Any]:
    try:
        document = orjson.loads((pack / RESULTS).read_bytes())
        document["integrity"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{RESULTS} cannot be read: {shape_words(error)}") from error
    return document  # type: ignore[no-any-return]  # it has a member of that name, so it is a mapping


def _listed(document: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    found = document.get(name)
    for item in found if isinstance(found, list) else ():
        if isinstance(item, Mapping):
            yield item


def _events_of(document: Mapping[str, Any], report: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the notable events of a report's trail; None when the pack has none of it."""
    for events in _listed(document, "events"):
        scope = events.get("scope")
        if isinstance(scope, Mapping) and scope.get("trail") == report.get("trail"):
            return events
    return None


def _differences(
    pack: Path, report: Mapping[str, Any], events: Mapping[str, Any] | None, taken: list[str]
) -> tuple[str, ...]:
    archive = archive_of(pack / EVIDENCE / INTEGRITY, report)
    if archive is not None:
        words: list[str] = []
        found = recheck(archive, report, events, words)
        taken += [f"{trail_name(report)}: {text}" for text in words]
        return found
    counts = report.get("counts")
    digests = counts.get("digests") if isinstance(counts, Mapping) else None
    valid = digests.get("valid") if isinstance(digests, Mapping) else None
    if not isinstance(valid, int):
        return ("the report does not say how many digests are valid, and none is archived",)
    return (f"the report speaks of {counted(valid, 'valid digest')}, and none is archived",) if valid else ()


def trail_name(report: Mapping[str, Any]) -> str:
    """Return how a report names its trail, for messages."""
    trail = report.get("trail")
    name = trail.get("name") if isinstance(trail, Mapping) else None
    return name if isinstance(name, str) and name else "a trail without a name"

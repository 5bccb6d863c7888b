"""Files of a pack that no run writes, and evidence that is written otherwise than a run writes it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from auditor.base.canonical import canonical_json
from auditor.base.untrusted import parse_json
from auditor.evidence.store import Evidence
from auditor.pack.layout import CALLS, EVIDENCE, PREVIOUS, REPLAY, REQUEST, RESPONSES, RESULTS, RULES, WAIVERS
from auditor.pack.presentation import PRESENTATION
from auditor.render.exports import EXPORTS, FURTHER_NAMES
from auditor.run.publishing import SECURITY_HUB
from auditor.seal.manifest import README, Manifest
from auditor.seal.report import Difference
from auditor.trail.archive import json_text

_FIXED = frozenset(
    {README, REPLAY, RESULTS, SECURITY_HUB, f"{EVIDENCE}/{CALLS}", f"{EVIDENCE}/{PREVIOUS}", f"{EVIDENCE}/scope.json"}
    | {f"{RULES}/{name}" for name in (REQUEST, PRESENTATION, WAIVERS, RESPONSES)}
    | {f"results/{name}" for name, _ in EXPORTS.values()}
)
_ARCHIVES = f"{EVIDENCE}/integrity/"
_SHAPES = re.compile(
    r"evidence/integrity/trail-[1-9]\d{0,3}/((digests|logs)\.zip|metadata\.json|public-keys\.json|objects\.csv)"
    r"|evidence/imported/[1-9]\d?-[0-9a-f]{12}\.json"
    r"|rules/(controls|own-[1-9]\d?)/(frameworks/)?[^/]+\.yaml"
    r"|rules/attestations/.+"
    rf"|results/({FURTHER_NAMES})"
)
"""Names of which a run writes as many as there is to say; each kind is read, or checked, elsewhere."""


_OTHERWISE = "is not written as a run writes it (one form, and nothing beside the answer): others may read it otherwise"
"""Where a name stands twice, one reader takes the first and another the last."""


def strays(pack: Path, evidence: Evidence, manifest: Manifest) -> Iterator[Difference]:
    """Yield a difference for each listed file that no run writes, and for evidence with members that there are not.

    Raises:
        IntegrityError: an evidence file does not have its hash.
    """
    kept = {f"{EVIDENCE}/meta/{record.ref}.json": record for record in evidence.records}
    known = _FIXED | kept.keys() | {f"{EVIDENCE}/{record.path}" for record in evidence.records}
    for entry in manifest.files:
        if entry.path not in known and not _SHAPES.fullmatch(entry.path):
            yield Difference(entry.path, "is a file that no run writes")
        elif entry.path.startswith(_ARCHIVES) and entry.path.endswith(".json"):
            data = (pack / entry.path).read_bytes()
            if data.decode(errors="replace") != json_text(parse_json(data)):
                yield Difference(entry.path, _OTHERWISE)
    for name, record in kept.items():
        if (pack / name).read_bytes() != canonical_json(record.document()):
            yield Difference(name, "holds something else than what a run writes about an answer")
        pages = evidence.pages(record)
        if len(pages) != record.pages:
            yield Difference(name, f"/pages was {record.pages}, is {len(pages)} in {record.path}")
        if (pack / EVIDENCE / record.path).read_bytes() != canonical_json({"pages": pages}):
            yield Difference(f"{EVIDENCE}/{record.path}", _OTHERWISE)
    calls = pack / EVIDENCE / CALLS
    if calls.exists() and (data := calls.read_bytes()) != canonical_json(parse_json(data)):
        yield Difference(f"{EVIDENCE}/{CALLS}", _OTHERWISE)
    data, scope = (pack / EVIDENCE / "scope.json").read_bytes(), evidence.run.document()
    was = parse_json(data)  # members that an earlier release did not write yet may be missing
    if canonical_json(was) != data or not _within(was, scope):
        yield Difference(f"{EVIDENCE}/scope.json", "holds something else than what a run writes about its scope")


def _within(was: Any, now: Any) -> bool:
    """Tell whether a value says nothing that another one does not: members may be missing, none may differ."""
    if isinstance(was, dict) and isinstance(now, dict):
        return all(key in now and _within(value, now[key]) for key, value in was.items())
    if isinstance(was, list) and isinstance(now, list):
        return len(was) == len(now) and all(map(_within, was, now))
    return bool(was == now)

"""One notice of what a run over an organization came to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auditor.deliver.notify import Message
from auditor.org.baselines import Held
from auditor.pack.outcome import EXIT_MEANING
from auditor.run.notifying import SCHEMA

_MOST_NAMED = 20


def organization_message(
    document: Mapping[str, Any], *, code: int, pack: Path, place: str, manifest_sha256: str, held: Held | None = None
) -> Message:
    """Say in a few lines what became of the accounts, which of them is not as it should be, and where the pack is.

    Args:
        document: the roll-up.
        code: the exit code.
        pack: the finished folder.
        place: where it was put; empty for nowhere else.
        manifest_sha256: of the organization's manifest.
        held: what is new since the baseline; None without one.
    """
    organization = document["organization"]["id"] or "accounts"
    period, where = document["run"]["period"]["label"], place or str(pack)
    rows = document["accounts"]
    lost = [row["id"] for row in rows if row["standing"] in ("missing", "refused")]
    lines = [
        f"Audit of {organization}, {period}: {EXIT_MEANING[code]} (exit code {code}).",
        str(document["headline"]),
        f"{document['reconciliation']['words']}.",
        *(str(item["text"]) for item in document["notices"] if item["kind"] in ("missing", "refused", "integrity")),
        *([held.words] if held is not None else ()),
        f"Pack: {where}",
        f"Manifest: {manifest_sha256}",
    ]
    facts: dict[str, Any] = {
        "schema": SCHEMA,
        "accounts": [row["id"] for row in rows if row["standing"] == "assessed"],
        "not_assessed": lost[:_MOST_NAMED],
        "reconciliation": {name: value for name, value in document["reconciliation"].items() if name != "words"},
        "period": period,
        "exit_code": code,
        "counts": dict(document["counts"]),
        "since_baseline": dict(held.gate.counts) if held is not None else None,
        "gaps": sum(int(item["calls"]) for item in document["gaps"]),
        "pack": where,
        "pack_id": pack.name,
        "manifest_sha256": manifest_sha256,
        "text": "\n".join(lines),
    }
    return Message(f"Auditor: {organization} {period}: exit code {code}"[:100], "\n".join(lines), facts)

"""What the verified records of a trail's owner say of changes to it, handed on to the accounts that it records for.

Calls on an organization's trail are recorded in the account that owns it. Its audit comes first where a chosen control
asks for them, and the others are handed what it found: the rows on that very trail, and how much was verified.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from auditor.activity.calls import without_version
from auditor.base.scratch import scratch_folder
from auditor.evidence.answer import Answer
from auditor.evidence.store import Evidence, EvidenceWriter
from auditor.model import Control
from auditor.pack.layout import EVIDENCE
from auditor.policies.arn import account_of
from auditor.run.shared import Shared, packed, unpacked
from auditor.run.trails import DIGESTS, EVENTS
from auditor.seal.manifest import ACCOUNTS

_CHECK: Final = "over_time.trail_unchanged"


def owners_of(controls: Iterable[Control], shared: Shared) -> tuple[str, ...]:
    """Return the accounts whose audits come first, because what happened to the trails stands in their records."""
    if not any(control.check == _CHECK for control in controls):
        return ()
    return tuple(sorted({account_of(str(trail["TrailARN"])) for trail in shared.trails} - {""}))


def handed_on(pack: Path, owners: Iterable[str], controls: Iterable[Control], shared: Shared) -> Shared:
    """Return what each audit is handed, with what the owners' packs say of changes to the organization's trails.

    Args:
        pack: the folder of the organization's pack, with the packs of the owners that have one.
        owners: accounts.
        controls: the chosen ones.
        shared: what was found so far.
    """
    there = [owner for owner in owners if (pack / ACCOUNTS / owner / EVIDENCE).is_dir()]
    if not there:
        return shared
    calls = {str(name) for control in controls if control.check == _CHECK for name in control.parameters["calls"]}
    with scratch_folder("owners") as folder:
        writer = EvidenceWriter(folder)
        for owner in there:
            for answer in _answers(Evidence(pack / ACCOUNTS / owner / EVIDENCE), owner, calls, shared):
                writer.add(answer)
        answers = writer.lent(there, {DIGESTS, EVENTS})
    return replace(shared, owners=tuple(there), answers=packed([*unpacked(shared.answers), *answers]))


def _answers(evidence: Evidence, owner: str, calls: set[str], shared: Shared) -> Iterator[Answer]:
    for trail in shared.trails:
        arn = str(trail["TrailARN"])
        for operation, cut in ((DIGESTS, _report), (EVENTS, _rows(arn, calls))):
            for record in evidence.of(owner, operation):
                if account_of(arn) == owner and dict(record.call.parameters).get("Name") == arn:
                    pages = tuple(cut(page) for page in evidence.pages(record))
                    yield record.answer(pages)


def _report(page: Mapping[str, Any]) -> dict[str, Any]:
    """Return how much of a trail was verified; of its owner's findings and gaps, how many stay in the owner's pack."""
    coverage = page["coverage"]
    chains = [{name: chain[name] for name in ("account", "region")} for chain in coverage["chains"]]
    hours = {name: coverage[name] for name in ("hours_asked", "hours_verified")}
    kept = {name: page[name] for name in ("schema", "trail", "period", "as_of", "verdict", "interrupted", "counts")}
    kept_back: dict[str, Any] = {name: len(page[name]) for name in ("findings", "gaps")}
    return {**kept, "coverage": {**hours, "chains": chains}, "findings": [], "gaps": [], "kept_back": kept_back}


def _rows(arn: str, calls: set[str]) -> Any:
    """Return a way to keep of a table of events the calls in question that name the trail, or nothing."""
    named = {"", arn, arn.rpartition("/")[2]}

    def kept(page: Mapping[str, Any]) -> dict[str, Any]:
        rows = [row for row in page["rows"] if without_version(row["event_name"]) in calls and row["resource"] in named]
        return {**page, "counts": dict(Counter(str(row["kind"]) for row in rows)), "rows": rows}

    return kept

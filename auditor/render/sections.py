"""The chapters in their order, and how much of each a format shows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.model import State
from auditor.render.charts import stacked_bar
from auditor.render.context import Context
from auditor.render.controls import Control
from auditor.render.listing import Listing, listings
from auditor.render.marks import MARKS, Mark
from auditor.render.pages import Medium
from auditor.render.proofs import proofs
from auditor.render.references import sources
from auditor.render.register import EvidenceItem

CHAPTERS = (
    ("verify", "How to verify this document"),
    ("summary", "Executive summary"),
    ("scope", "Scope and coverage"),
    ("matrix", "Control matrix"),
    ("controls", "Controls"),
    ("integrity", "Log integrity"),
    ("events", "Events of note in the period"),
    ("chains", "Monitoring chains"),
    ("unassessed", "What could not be assessed, and why"),
    ("imported", "Findings of other tools, not judged by Auditor"),
    ("appendix", "Appendix: evidence and calls"),
)
"""Anchor and title of each chapter; its template is named like its anchor. Without imports that chapter is left out."""

MEANINGS = {
    State.FAIL: "The evidence shows that the criterion was not met.",
    State.NOT_ASSESSED: "The evidence needed is missing, refused or malformed; nothing was concluded.",
    State.MANUAL: "No AWS API shows this; a person has to look and attest.",
    State.WAIVED: "The criterion was not met, and somebody accepted that with a reason and a date.",
    State.PASS: "The criterion was met at the time of the test, or over the whole period where the test says so.",
    State.NOT_APPLICABLE: "There was nothing that the criterion speaks about.",
}

BAR_WIDTH = 640


@dataclass(frozen=True, slots=True)
class Limits:
    """How much each long list gets before it is summarised with its number.

    Args:
        rows: results that stand line by line, over all controls.
        whole: a control with at most this many results is listed whole.
        boxes: evidence boxes of a control; on paper, ``auditor.render.proofs`` chooses.
        row_refs: references named in one line of results.
        excerpts: places shown of one answer; on paper one.
        refs: further references named at a control.
        accounts: lines of coverage by account.
        places: lines of coverage by account and Region.
        events: events of one kind.
        waivers: waived results.
        gaps: calls without an answer, and gaps between digests.
        evidence: lines of the list of evidence.
        uses: controls named at a piece of evidence.
        imported: findings of one imported file.
    """

    rows: int
    whole: int
    boxes: int
    row_refs: int
    excerpts: int
    refs: int
    accounts: int
    places: int
    events: int
    waivers: int
    gaps: int
    evidence: int
    uses: int
    imported: int


def values(context: Context, medium: Medium, limits: Limits) -> dict[str, Any]:
    """Return what the templates of a format are rendered with."""
    meanings: list[tuple[Mark, str]] = [(MARKS[state], words) for state, words in MEANINGS.items()]
    lists = listings(context.controls, budget=limits.rows, whole=limits.whole, merge=medium == "pdf")
    occurring = {control.mark for control in context.controls}
    occurring.update(item.mark for control in context.controls for item in control.counts)
    further = {control.id: _further(control, limits.boxes) for control in context.controls}
    listed = _listed(context, lists, further, limits)
    chapters = [(anchor, title) for anchor, title in CHAPTERS if anchor != "imported" or context.imported]
    return {
        "c": context,
        "medium": medium,
        "title_tag": "p" if medium == "pdf" else "h1",
        "chapters": chapters,
        "numbers": {anchor: number for number, (anchor, _) in enumerate(chapters, start=1)},
        "parts": [f"{anchor}.html" for anchor, _ in chapters],
        "meanings": meanings,
        "states": [mark for mark in MARKS.values() if mark in occurring],
        "bar": stacked_bar([(item.mark.key, item.count) for item in context.tally], BAR_WIDTH),
        "lists": lists,
        "proofs": proofs(control for _, members in context.services for control in members) if medium == "pdf" else {},
        "further": further,
        "evidence": listed,
        "sources": sources(listed) if medium == "pdf" else (),
        "unlisted": len(context.evidence) - len(listed),
        "limits": limits,
        "ref_limit": limits.refs,
        "row_ref_limit": limits.row_refs,
        "excerpt_limit": limits.excerpts,
        "account_limit": limits.accounts,
        "place_limit": limits.places,
        "event_limit": limits.events,
        "gap_limit": limits.gaps,
        "use_limit": limits.uses,
    }


def _further(control: Control, boxes: int) -> tuple[str, ...]:
    return (*(box.item.ref for box in control.boxes[boxes:]), *control.other_refs)


def _listed(
    context: Context, lists: Mapping[str, Listing], further: Mapping[str, Sequence[str]], limits: Limits
) -> tuple[EvidenceItem, ...]:
    """Choose the evidence that gets a line: all of it where it fits, else everything that the document points to."""
    if len(context.evidence) <= limits.evidence:
        return context.evidence
    named = set(_named(context, lists, further, limits))
    return tuple(item for item in context.evidence if item.ref in named)


def _named(
    context: Context, lists: Mapping[str, Listing], further: Mapping[str, Sequence[str]], limits: Limits
) -> Iterator[str]:
    yield context.evidence[0].ref
    for control in context.controls:
        yield from (box.item.ref for box in control.boxes)
        yield from further[control.id][: limits.refs]
        for entry in lists[control.id].entries:
            yield from entry.refs[: limits.row_refs]
    yield from (gap.ref for gap in context.gaps)
    yield from (trail.ref for trail in context.trails)
    yield from (table.ref for table in context.events)

"""The chapters in their order, and how much of each a format shows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.model import State
from auditor.render.chains import alike
from auditor.render.charts import stacked_bar
from auditor.render.context import Context
from auditor.render.controls import Control
from auditor.render.coverage import Unanswered, unanswered
from auditor.render.listing import Listing, listings
from auditor.render.marks import MARKS, Mark
from auditor.render.pages import Medium
from auditor.render.proofs import Proof, proofs
from auditor.render.references import sources
from auditor.render.register import EvidenceItem
from auditor.render.shelves import QUIET, own_part, shelves

CHAPTERS = (
    ("summary", "Executive summary"),
    ("verify", "How to verify this document"),
    ("limits", "Limits of this evidence"),
    ("scope", "Scope and coverage"),
    ("exceptions", "Criteria not met, and what was accepted"),
    ("matrix", "Control matrix"),
    ("controls", "Controls"),
    ("integrity", "Log integrity"),
    ("events", "What happened in the period"),
    ("chains", "Monitoring chains"),
    ("posture", "What the logging consists of, and what it costs"),
    ("unassessed", "What could not be assessed, and why"),
    ("imported", "Findings of other tools, not judged by Auditor"),
    ("appendix", "Appendix: evidence and calls"),
)
"""Anchor and title of each chapter; its template is named like its anchor. Without imports that chapter is left out."""

SUMMARY = frozenset(
    {"summary", "verify", "limits", "scope", "exceptions", "matrix", "integrity", "events", "unassessed"}
)
"""Chapters of the shortest report; the others stand in the HTML report beside it."""

FIRST = "summary"
"""The chapter that stands before the contents on paper: who opens the document reads it first."""

MEANINGS = {
    State.FAIL: "The evidence shows that the criterion was not met.",
    State.NOT_ASSESSED: "The evidence needed is missing, refused or malformed; nothing was concluded.",
    State.MANUAL: "Answers of AWS do not settle this; a person has to look and attest.",
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
        groups: kinds of folded results of a control that are told apart.
        proofs: answers beside a control on paper that needs somebody's attention, each of another operation.
        lines: lines of an answer beside a control on paper.
        boxes: evidence boxes of a control; on paper, ``auditor.render.proofs`` chooses.
        row_refs: references named in one line of results.
        excerpts: places shown of one answer; on paper one.
        refs: further references named at a control.
        accounts: lines of coverage by account.
        places: lines of coverage by account and Region.
        events: events of one kind.
        activity: lines of one answer about events.
        posture: log groups, composite alarms and dashboards of an account.
        cost: lines of one part of the estimate.
        waivers: waived results.
        changes: lines of what changed since the previous pack.
        gaps: calls without an answer, and gaps between digests.
        evidence: lines of the list of evidence.
        uses: controls named at a piece of evidence.
        imported: findings of one imported file.
    """

    rows: int
    whole: int
    groups: int
    proofs: int
    lines: int
    boxes: int
    row_refs: int
    excerpts: int
    refs: int
    accounts: int
    places: int
    events: int
    activity: int
    posture: int
    cost: int
    waivers: int
    changes: int
    gaps: int
    evidence: int
    uses: int
    imported: int


def values(context: Context, medium: Medium, limits: Limits) -> dict[str, Any]:
    """Return what the templates of a format are rendered with."""
    detail = context.branding.detail if medium == "pdf" else "full"
    lists = listings(
        context.controls, budget=limits.rows, whole=limits.whole, merge=medium == "pdf", groups=limits.groups
    )
    further = {control.id: _further(control, limits.boxes) for control in context.controls}
    shown = shelves(context.services, whole=detail == "full")
    blocks = [control for shelf in shown for control in shelf.blocks]
    beside = proofs(blocks, most=limits.proofs, lines=limits.lines) if medium == "pdf" else {}
    calls = unanswered(context.gaps, context.accounts, merge=medium == "pdf")
    listed = _listed(context, _named(context, calls, lists, beside, further, limits), limits)
    return {
        "c": context,
        "medium": medium,
        "title_tag": "p" if medium == "pdf" else "h1",
        **_chapters(context, detail),
        "detail": detail,
        "paged": medium == "pdf" and detail != "summary",
        "meanings": [(MARKS[state], words) for state, words in MEANINGS.items()],
        "states": _occurring(context),
        "bar": stacked_bar([(item.mark.key, item.count) for item in context.tally], BAR_WIDTH),
        "lists": lists,
        "shelves": shown,
        "drawings": _drawings(context, detail),
        "followed": _followed(context, limits) if detail == "standard" else frozenset(),
        "remedies": {
            control.id: own_part(control.remediation, shelf.remedy) for shelf in shown for control in shelf.alarms
        },
        "proofs": beside,
        "further": further,
        "unanswered": calls,
        "evidence": listed,
        "sources": sources(listed) if medium == "pdf" and detail != "summary" else (),
        "unlisted": len(context.evidence) - len(listed),
        **_limits(limits),
    }


def _chapters(context: Context, detail: str) -> dict[str, Any]:
    chapters = [
        (anchor, title)
        for anchor, title in CHAPTERS
        if (anchor != "imported" or context.imported) and (detail != "summary" or anchor in SUMMARY)
    ]
    return {
        "chapters": chapters,
        "numbers": {anchor: number for number, (anchor, _) in enumerate(chapters, start=1)},
        "parts": [f"{anchor}.html" for anchor, _ in chapters],
        "first": f"{FIRST}.html",
    }


def _drawings(context: Context, detail: str) -> tuple[tuple[Control, ...], ...]:
    """Choose the controls whose chains are drawn; at standard length one drawing stands for all that say the same."""
    if detail == "full":
        return tuple((control,) for control in context.chains)
    drawn = [
        (control, control.chain) for control in context.chains if control.chain and control.mark.state not in QUIET
    ]
    return tuple(tuple(drawn[number][0] for number in numbers) for numbers in alike([chain for _, chain in drawn]))


def _followed(context: Context, limits: Limits) -> frozenset[str]:
    """Return the ids of the openings whose steps are shown: a shorter report does not tell of them twice."""
    shown = (one for item in context.opened for one in item.openings[: limits.activity])
    return frozenset(step.event for one in shown for step in one.steps if step.event)


def _occurring(context: Context) -> list[Mark]:
    occurring = {control.mark for control in context.controls}
    occurring.update(item.mark for control in context.controls for item in control.counts)
    return [mark for mark in MARKS.values() if mark in occurring]


def _limits(limits: Limits) -> dict[str, Any]:
    return {
        "limits": limits,
        "ref_limit": limits.refs,
        "row_ref_limit": limits.row_refs,
        "excerpt_limit": limits.excerpts,
        "account_limit": limits.accounts,
        "place_limit": limits.places,
        "event_limit": limits.events,
        "activity_limit": limits.activity,
        "posture_limit": limits.posture,
        "cost_limit": limits.cost,
        "gap_limit": limits.gaps,
        "use_limit": limits.uses,
    }


def _further(control: Control, boxes: int) -> tuple[str, ...]:
    return (*(box.item.ref for box in control.boxes[boxes:]), *control.other_refs)


def _listed(context: Context, named: Iterable[str], limits: Limits) -> tuple[EvidenceItem, ...]:
    """Choose the evidence that gets a line: all of it where it fits, else everything that the document points to."""
    if len(context.evidence) <= limits.evidence:
        return context.evidence
    chosen = set(named)
    return tuple(item for item in context.evidence if item.ref in chosen)


def _named(
    context: Context,
    calls: Iterable[Unanswered],
    lists: Mapping[str, Listing],
    beside: Mapping[str, Sequence[Proof]],
    further: Mapping[str, Sequence[str]],
    limits: Limits,
) -> Iterator[str]:
    if context.evidence:
        yield context.evidence[0].ref
    for control in context.controls:
        yield from (box.item.ref for box in control.boxes[: limits.refs])
        yield from (proof.item.ref for proof in beside.get(control.id, ()))
        yield from further[control.id][: limits.refs]
        yield from control.refs[: limits.row_refs]
        for entry in lists[control.id].entries:
            yield from entry.refs[: limits.row_refs]
    yield from (ref for item in calls for ref in item.refs[: limits.row_refs])
    yield from (trail.ref for trail in context.trails)
    yield from (table.ref for table in context.events)
    yield from (ref for item in context.continuity for ref in item.refs)
    yield from (ref for item in context.opened for ref in item.refs)
    yield from (ref for item in context.completeness for ref in item.refs)
    yield from (ref for item in context.activity for ref in item.refs)
    yield from (ref for item in context.posture for ref in item.refs[:1])

"""The chapters in their order, and how much of each a format shows."""

from dataclasses import dataclass
from typing import Any, Literal

from auditor.model import State
from auditor.render.charts import stacked_bar
from auditor.render.context import Context
from auditor.render.listing import listings
from auditor.render.marks import MARKS, Mark

Medium = Literal["pdf", "html"]

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
    ("appendix", "Appendix: evidence and calls"),
)
"""Anchor and title of each chapter; the template of a chapter is named like its anchor."""

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
    """How many lines each long list gets before it is summarised with its number."""

    rows: int
    accounts: int
    places: int
    events: int
    gaps: int
    evidence: int
    uses: int


def values(context: Context, medium: Medium, limits: Limits) -> dict[str, Any]:
    """Return what the templates of a format are rendered with."""
    meanings: list[tuple[Mark, str]] = [(MARKS[state], words) for state, words in MEANINGS.items()]
    return {
        "c": context,
        "medium": medium,
        "title_tag": "p" if medium == "pdf" else "h1",
        "chapters": CHAPTERS,
        "parts": [f"{anchor}.html" for anchor, _ in CHAPTERS],
        "meanings": meanings,
        "bar": stacked_bar([(item.mark.key, item.count) for item in context.tally], BAR_WIDTH),
        "lists": listings(context.controls, limits.rows),
        "account_limit": limits.accounts,
        "place_limit": limits.places,
        "event_limit": limits.events,
        "gap_limit": limits.gaps,
        "evidence_limit": limits.evidence,
        "use_limit": limits.uses,
    }

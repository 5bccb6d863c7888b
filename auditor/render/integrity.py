"""The chapter on log integrity alone: what ``auditor trail verify --report`` writes, as HTML or PDF. Decides nothing.

The pages show what the report's chapter shows, from the same template. The PDF carries the documents that it speaks of.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from auditor import __version__
from auditor.base.canonical import canonical_json, sha256_hex
from auditor.base.counts import counted, first_of
from auditor.base.period import rfc3339
from auditor.pack.verdicts import worst_level
from auditor.render import html, pdf
from auditor.render.about import Branding
from auditor.render.pages import page
from auditor.render.text import moment, visible
from auditor.render.trails import Trail, trail_view

_HOUSE = Branding()
"""No settings file is read here."""

DOCUMENT = "trail-verification.json"
"""Name of the documents inside the PDF."""

_PLACES, _GAPS = (120, 10_000), (200, 2_000)
"""Rows of one table on paper and on the screen."""


@dataclass(frozen=True, slots=True)
class Pages:
    """What the pages are made of.

    Args:
        trails: one for each verified trail.
        verdict: the worst of their verdicts.
        words: what that verdict means.
        interrupted: whether the run was stopped before its end.
        period: the asked-for time.
        as_of: the moment that decided which digests were due.
        tool: program and version.
        document: the documents, as canonical JSON.
    """

    trails: tuple[Trail, ...]
    verdict: str
    words: str
    interrupted: bool
    period: str
    as_of: datetime
    tool: str
    document: bytes

    @property
    def sha256(self) -> str:
        """Hash of the documents."""
        return sha256_hex(self.document)

    @property
    def names(self) -> str:
        """The trails' names, the first few spelt out."""
        return first_of([trail.name for trail in self.trails], 3)

    @property
    def accounts(self) -> str:
        """Whose log files were verified."""
        found = sorted({row.account for trail in self.trails for row in trail.regions})
        return ", ".join(found) if len(found) <= 8 else counted(len(found), "account")  # noqa: PLR2004

    @property
    def regions(self) -> str:
        """How many Regions were verified; all of them stand in the tables."""
        return counted(len({row.region for trail in self.trails for row in trail.regions}), "Region")

    @property
    def judged(self) -> str:
        """The as-of time as readers see it."""
        return moment(self.as_of)


def pages(documents: Sequence[Mapping[str, Any]]) -> Pages:
    """Prepare trail reports for their pages.

    Args:
        documents: ``auditor.trail/1`` documents of one run, at least one.
    """
    trails = tuple(trail_view(document) for document in documents)
    verdict = worst_level(trail.verdict for trail in trails)
    period = documents[0]["period"]
    return Pages(
        trails,
        verdict.word,
        verdict.meaning,
        any(bool(document.get("interrupted")) for document in documents),
        f"{_plain(period['start'])} to {_plain(period['end'])}",
        datetime.fromisoformat(documents[0]["as_of"]),
        f"auditor {__version__}",
        canonical_json(list(documents)),
    )


def _plain(time: str) -> str:
    return visible(time, 40).replace("T", " ").replace(":00Z", " UTC")


def render_html(content: Pages) -> bytes:
    """Return one self-contained page, UTF-8."""
    return html.self_contained("integrity_screen.html", _values(content, "html"), accent=_HOUSE.accent)


def render_pdf(content: Pages) -> bytes:
    """Return a PDF/A-3a and PDF/UA-1 file that carries the documents.

    Raises:
        RenderError: Pango is missing, or WeasyPrint complains about anything at all.
    """
    attached = pdf.Attachment(
        DOCUMENT, content.document, "Trail verification, auditor.trail/1", content.as_of, "Source"
    )
    text = page("integrity_paper.html", **_values(content, "pdf"), created=rfc3339(content.as_of))
    return pdf.lay_out(text, accent=_HOUSE.accent, paper=_HOUSE.paper, attachments=[attached], identity=content.sha256)


def _values(content: Pages, medium: str) -> dict[str, Any]:
    screen = medium == "html"
    return {"c": content, "medium": medium, "place_limit": _PLACES[screen], "gap_limit": _GAPS[screen]}

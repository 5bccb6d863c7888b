"""The pages of an assembled pack: the months, each control in each, what was found, what to test. Decides nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from auditor.base.counts import counted
from auditor.base.period import parse_time, rfc3339
from auditor.model import State
from auditor.pack.members import Member
from auditor.render import html, pdf
from auditor.render.about import Branding
from auditor.render.marks import MARKS, Mark, Tally
from auditor.render.pages import page
from auditor.render.pdf import Attachment
from auditor.render.text import moment, prose_date, visible

_LIMITS: Final = {"pdf": (150, 40), "html": (5_000, 1_000)}
"""Findings and waivers that are listed one by one; the others are counted, and stand in the results."""

_COLUMNS: Final = 12
"""Months beside each other; a longer time takes several tables."""

RESULTS: Final = "results/results.json"


@dataclass(frozen=True, slots=True)
class Row:
    """One control over some months."""

    control: Mapping[str, Any]
    mark: Mark
    cells: tuple[tuple[str, Mark, str], ...]
    """Month, its sign, and the same in words."""
    words: str


@dataclass(frozen=True, slots=True)
class Table:
    """All controls over at most twelve months."""

    months: tuple[tuple[str, str], ...]
    """Month and its name in a narrow column."""
    caption: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class View:
    """What both pages show.

    Args:
        document: the results document of the assembled pack.
        members: the packs that it consists of.
        period: in words.
        made: the moment of assembling.
    """

    document: Mapping[str, Any]
    members: tuple[Member, ...]
    manifest_hash: str
    report_id: str
    branding: Branding
    signer: str
    tool: str
    period: str
    made: datetime
    tables: tuple[Table, ...]
    tally: tuple[Tally, ...]
    remarks: tuple[str, ...]

    @property
    def entity(self) -> str:
        """Whom it is about."""
        return visible(self.document["run"]["entity"], 200)

    @property
    def title(self) -> str:
        """Of the pages."""
        return visible(self.document["run"]["title"], 200)


def view(
    document: Mapping[str, Any],
    members: Sequence[Member],
    *,
    manifest_hash: str,
    report_id: str,
    branding: Branding,
    signer: str,
    tool: str,
) -> View:
    """Prepare the results document of an assembled pack for its pages."""
    run, counts = document["run"], document["counts"]
    start, end = parse_time(run["period"]["start"]), parse_time(run["period"]["end"])
    months = [item["month"] for item in document["population"]["months"]]
    return View(
        document,
        tuple(members),
        manifest_hash,
        report_id,
        branding,
        visible(signer, 200),
        tool,
        f"{prose_date(start)} up to, not including, {prose_date(end)}, UTC",
        parse_time(run["as_of"]),
        tuple(_table(document["controls"], months[at : at + _COLUMNS], at) for at in range(0, len(months), _COLUMNS)),
        tuple(Tally(mark, counts[state.value]) for state, mark in MARKS.items()),
        tuple(_remarks(document)),
    )


def _table(controls: Sequence[Mapping[str, Any]], months: Sequence[str], at: int) -> Table:
    names = [datetime.strptime(month, "%Y-%m") for month in months]  # noqa: DTZ007 - a label, no time
    rows = tuple(
        Row(
            control,
            MARKS[State(control["state"])],
            tuple(_cell(cell) for cell in control["months"][at : at + len(months)]),
            _words(control),
        )
        for control in controls
    )
    return Table(
        tuple((month, f"{name:%b}") for month, name in zip(months, names, strict=True)),
        f"{names[0]:%B %Y} to {names[-1]:%B %Y}",
        rows,
    )


def _cell(cell: Mapping[str, Any]) -> tuple[str, Mark, str]:
    mark = MARKS[State(cell["state"])]
    words = f"{cell['month']}: {mark.word.lower()}"
    if cell["why"]:
        words += f", {cell['why']}"
    if cell["at_test"] and cell["at_test"] != cell["state"]:
        words += f"; at the moment of the test: {MARKS[State(cell['at_test'])].word.lower()}"
    return cell["month"], mark, words


def _words(control: Mapping[str, Any]) -> str:
    """Say in how many months of how many, and where the test alone says more."""
    total = len(control["months"])
    said = f"{control['met']} of {total}"
    if control["met_at_test"] > control["met"]:
        said += f"; at the tests {control['met_at_test']}"
    return said


def _remarks(document: Mapping[str, Any]) -> list[str]:
    """Say what a reader has to know of each month before the figures."""
    found = []
    for month in document["population"]["months"]:
        said = [visible(month["gap"])] if month["gap"] else []
        marks = [mark for mark in month["marks"] if mark in ("late", "repeated")]
        said += [f"its pack was made {month['packs'][0]['as_of'][:10]}, which is late"] if "late" in marks else []
        said += [f"{counted(len(month['packs']), 'pack was', 'packs were')} made of it"] if "repeated" in marks else []
        said += ["the rules are others than in the pack before"] if month["rules_changed"] else []
        said += ["other Regions were looked at than in the pack before"] if month["scope_changed"] else []
        if said:
            found.append(f"{month['month']}: {'; '.join(said)}.")
    found += [
        f"The pack {item['pack']} shows that logs were altered, deleted or forged."
        for item in document["integrity"]
        if item["verdict"] == "fail"
    ]
    return found


def render_html(shown: View) -> bytes:
    """Return one self-contained page, UTF-8."""
    return html.self_contained(
        "assembly_screen.html", _values(shown, "html"), accent=shown.branding.accent, styles=("assembly.css",)
    )


def render_pdf(shown: View, results: bytes) -> bytes:
    """Return a PDF/A-3a and PDF/UA-1 file that carries the results.

    Raises:
        RenderError: Pango is missing, or WeasyPrint complains about anything at all.
    """
    text = page("assembly_paper.html", **_values(shown, "pdf"), created=rfc3339(shown.made))
    attached = Attachment(RESULTS, results, "All results of the assembled pack", shown.made)
    return pdf.lay_out(
        text,
        accent=shown.branding.accent,
        paper=shown.branding.paper,
        attachments=[attached],
        identity=f"{shown.report_id}\n{shown.manifest_hash}",
    )


def _values(shown: View, medium: str) -> dict[str, Any]:
    findings, waivers = _LIMITS[medium]
    document = shown.document
    return {
        "c": shown,
        "d": document,
        "medium": medium,
        "made": moment(shown.made),
        "findings": document["exceptions"][:findings],
        "more_findings": max(0, len(document["exceptions"]) - findings),
        "waivers": document["waivers"][:waivers],
        "more_waivers": max(0, len(document["waivers"]) - waivers),
        "packs": {item.id: item for item in shown.members},
        "visible": visible,
        "marks": MARKS,
        "pick": State,
    }

"""The pages of an organization's pack, and its tables for spreadsheets: from the roll-up alone. Decides nothing."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from auditor.base.period import rfc3339
from auditor.evidence.unanswered import error_words
from auditor.model import Severity, State
from auditor.render import html, pdf
from auditor.render.about import About, Branding, about_run
from auditor.render.charts import stacked_bar
from auditor.render.exports.tables import safe_cell
from auditor.render.marks import MARKS, Mark, Tally
from auditor.render.pages import page, source
from auditor.render.pdf import Attachment
from auditor.render.sections import BAR_WIDTH
from auditor.render.text import NAME_LIMIT, visible

STANDINGS: Final = {
    "assessed": "Assessed",
    "refused": "Refused",
    "not_active": "Not active",
    "excluded": "Excluded",
    "missing": "Missing",
}
"""What became of an account, in words; in the order of the sum."""

CHAPTERS: Final = (
    ("accounts", "What became of each account"),
    ("worst", "Where it is gravest"),
    ("controls", "Criterion by criterion"),
    ("matrix", "Accounts by criteria"),
    ("all", "The assessed accounts"),
    ("trails", "Integrity of the trails"),
    ("check", "How this is checked"),
)
"""Anchor and title of each, in order."""

_GRAVEST_FIRST: Final = ("missing", "refused", "not_active", "excluded")

_LONGEST_REASON: Final = 300
_COMINGS: Final = ("joined", "invited")
_MOST: Final[Mapping[str, Mapping[str, int]]] = {
    # Lists of an organization of thousands stay bounded; everything stands in results/results.json and the tables.
    "html": {
        "accounts": 5000,
        "apart": 2000,
        "worst": 25,
        "failing": 60,
        "outliers": 200,
        "named": 40,
        "trails": 500,
        "gaps": 60,
    },
    "pdf": {
        "accounts": 520,
        "apart": 60,
        "worst": 20,
        "failing": 0,
        "outliers": 30,
        "named": 4,
        "trails": 40,
        "gaps": 20,
    },
}
_GROUP: Final = 10
"""Cells of the matrix on paper stand in groups of so many."""
_FEW_CONTROLS: Final = 80
"""So many cells of a line have room in larger type."""
_ON_PAPER: Final = 600
"""Accounts whose cells stand on paper."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What the pages say about the pack that they belong to.

    Args:
        manifest_hash: ties the pages to their pack.
        report_id: names the report on every page.
        branding: words and colour of the reader's own house.
        tool: program and version.
        signer: who signs; empty when nobody does.
    """

    manifest_hash: str
    report_id: str
    branding: Branding
    tool: str
    signer: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One account as the tables show it."""

    id: str
    name: str
    path: str
    state: str
    standing: str
    reason: str
    joined: bool
    management: bool
    own: bool
    result: Mapping[str, Any] | None
    came: str = ""
    """How verified records tell of its coming; empty where they do not."""

    @property
    def failed(self) -> int:
        """Controls that failed."""
        return int(self.result["counts"]["FAIL"]) if self.result else 0

    @property
    def weight(self) -> tuple[int, ...]:
        """How grave its failures are, the gravest first; for sorting."""
        if self.result is None:
            return ()
        return tuple(int(self.result["failed_by_severity"][level.value]) for level in Severity)


def screen(document: Mapping[str, Any], stated: Stated) -> bytes:
    """Return the roll-up as one self-contained page, UTF-8.

    Raises:
        RenderError: the accent colour of the branding is no colour.
    """
    values = values_of(document, stated, "html")
    return html.self_contained(
        "organization_screen.html",
        {**values, "cells": _data(values["lines"], document["controls"])},
        accent=stated.branding.accent,
        script=source("organization.js"),
        styles=("organization.css",),
    )


def paper(document: Mapping[str, Any], stated: Stated) -> bytes:
    """Lay the roll-up out on paper; its length depends little on the number of accounts.

    Raises:
        RenderError: Pango is missing, or WeasyPrint complains about anything at all.
    """
    values = values_of(document, stated, "pdf")
    about: About = values["c"]["about"]
    text = page("organization_paper.html", **values, created=rfc3339(about.as_of_time))
    attached = Attachment(
        "results/results.json", _compact(document), "The roll-up, all of it", about.as_of_time, "Data"
    )
    return pdf.lay_out(
        text,
        accent=stated.branding.accent,
        paper=stated.branding.paper,
        attachments=[attached],
        identity=f"{stated.report_id}\n{stated.manifest_hash}",
    )


def _compact(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8")


def values_of(document: Mapping[str, Any], stated: Stated, medium: str) -> dict[str, Any]:
    """Return what the templates show, with lists as long as the medium bears."""
    lines = [_line(row) for row in document["accounts"]]
    assessed = [line for line in lines if line.result is not None]
    most = _MOST[medium]
    about = about_run(
        document,
        report_id=stated.report_id,
        manifest_hash=stated.manifest_hash,
        signer=stated.signer,
        paper="report.pdf" if medium == "html" else "",
        tool=stated.tool,
    )
    apart = [line for line in lines if line.result is None]
    tally = _tally(document["controls"])
    return {
        "medium": medium,
        "c": {"about": about, "branding": stated.branding},
        "organization": document["organization"],
        "headline": visible(document["headline"]),
        "sum": document["reconciliation"],
        "standings": STANDINGS,
        "unmatched": [visible(text) for text in document["unmatched_filters"]],
        "lines": assessed,
        "apart": sorted(apart, key=lambda line: (_GRAVEST_FIRST.index(line.standing), line.id)),
        "joined": [line for line in lines if line.joined],
        "left": [{name: visible(text, NAME_LIMIT) for name, text in item.items()} for item in document["left"]],
        "worst": sorted(assessed, key=lambda line: (tuple(-number for number in line.weight), line.id))[
            : most["worst"]
        ],
        "controls": [_control(item, assessed, number) for number, item in enumerate(document["controls"], start=1)],
        "everywhere": [visible(name) for name in document["everywhere"]],
        "outliers": document["outliers"],
        "trails": document["trails"],
        "gaps": [{**item, "said": error_words(item["error"])} for item in document["gaps"]],
        "chapters": CHAPTERS,
        "tally": tally,
        "judged": sum(item.count for item in tally),
        "bar": stacked_bar([(item.mark.key, item.count) for item in tally], BAR_WIDTH),
        "gravest": list(_gravest(assessed)),
        "severities": [level.value for level in Severity],
        "grid": list(_grid(assessed, document["controls"])) if medium == "pdf" else (),
        "numbers": _numbers(len(document["controls"])),
        "wide": len(document["controls"]) > _FEW_CONTROLS,
        "grid_left": max(0, len(assessed) - _ON_PAPER),
        "marks": MARKS,
        "most": most,
    }


def _tally(controls: Sequence[Mapping[str, Any]]) -> list[Tally]:
    """Return how many cells of the matrix are in which state."""
    return [Tally(mark, sum(int(item["counts"][mark.state.value]) for item in controls)) for mark in MARKS.values()]


def _gravest(assessed: Sequence[Line]) -> Iterator[tuple[str, int]]:
    """Yield how many accounts have which severity as their gravest failure, and how many have none."""
    found = Counter(next((at for at, number in enumerate(line.weight) if number), -1) for line in assessed)
    yield from ((level.value, found[at]) for at, level in enumerate(Severity))
    yield "none", found[-1]


def _line(row: Mapping[str, Any]) -> Line:
    return Line(
        id=visible(row["id"]),
        name=visible(row["name"], NAME_LIMIT),
        path=visible(row["path"], NAME_LIMIT),
        state=visible(row["state"]),
        standing=str(row["standing"]),
        reason=visible(f"{row['code']}: {row['reason']}" if row["code"] else row["reason"], _LONGEST_REASON),
        joined=bool(row["joined_in_period"]),
        management=bool(row["management"]),
        own=bool(row["own_credentials"]),
        result=row["result"],
        came=visible("; ".join(_came(row)), _LONGEST_REASON),
    )


def _came(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield since when an account is listed and what records say of its coming: an invitation is no joining yet."""
    if row["joined"]:
        yield f"since {row['joined']}"
    for move in row["movements"]:
        if move["what"] in _COMINGS:
            yield f"{move['event']} at {move['at']}"


def _control(item: Mapping[str, Any], assessed: Sequence[Line], number: int) -> dict[str, Any]:
    counts = [(mark, int(item["counts"][mark.state.value])) for mark in MARKS.values()]
    failing = [line for line, letter in zip(assessed, item["cells"], strict=True) if letter == "F"]
    return {
        "number": number,
        "id": str(item["id"]),
        "title": visible(item["title"], NAME_LIMIT),
        "severity": str(item["severity"]),
        "mark": MARKS[State(item["state"])],
        "counts": counts,
        "failing": failing,
    }


_SIGNS: Final[Mapping[str, Mark]] = {
    "P": MARKS[State.PASS],
    "F": MARKS[State.FAIL],
    "W": MARKS[State.WAIVED],
    "M": MARKS[State.MANUAL],
    "?": MARKS[State.NOT_ASSESSED],
    "-": MARKS[State.NOT_APPLICABLE],
}
_QUIET: Final = {"P": "·", "F": "F", "W": "w", "M": "m", "?": "?", "-": "-", " ": " "}
"""On paper the one capital is what is not met, so that the eye finds it: a colour would cost an element for each."""


def _grid(assessed: Sequence[Line], controls: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Line, str]]:
    """Yield a line of cells for each account: one sign a control, in the order of the numbered list of controls."""
    for index, line in enumerate(assessed[:_ON_PAPER]):
        signs = "".join(_QUIET[item["cells"][index]] for item in controls)
        yield line, " ".join(signs[at : at + _GROUP] for at in range(0, len(signs), _GROUP))


def _numbers(controls: int) -> str:
    """Return the head of the cells: the number of the first control of each group, above it."""
    return "".join(f"{at:<{_GROUP + 1}}" for at in range(1, controls + 1, _GROUP)).rstrip()


def _data(lines: Sequence[Line], controls: Sequence[Mapping[str, Any]]) -> Markup:
    """Return what the script of the page draws the matrix from; no markup can end the element it stands in."""
    text = json.dumps(
        {
            "accounts": [[line.id, line.name, line.path] for line in lines],
            "controls": [
                [item["id"], visible(item["title"], NAME_LIMIT), item["severity"], item["cells"]] for item in controls
            ],
            "signs": {letter: [mark.sign, mark.key, mark.word] for letter, mark in _SIGNS.items()},
        },
        ensure_ascii=True,
        separators=(",", ":"),
    )
    return Markup(text.replace("<", "\\u003c").replace("&", "\\u0026"))  # noqa: S704 - nothing left that is markup


ACCOUNT_HEADS: Final = (
    "account", "name", "path", "state", "standing", "reason", "joined", "joined in period", "exit code",
    *(state.value for state in State), *(f"failed {level.value}" for level in Severity), "calls unanswered", "pack id",
)  # fmt: skip


def tables(document: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the accounts and the matrix as CSV by name of file; safe to open in a spreadsheet."""
    return {"accounts.csv": _csv(_account_rows(document)), "matrix.csv": _csv(_matrix_rows(document))}


def _account_rows(document: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    yield ACCOUNT_HEADS
    for row in document["accounts"]:
        result = row["result"]
        yield (
            row["id"], row["name"], row["path"], row["state"], row["standing"],
            f"{row['code']}: {row['reason']}" if row["code"] else row["reason"],
            row["joined"], "yes" if row["joined_in_period"] else "no",
            *(
                (
                    result["exit_code"],
                    *(result["counts"][state.value] for state in State),
                    *(result["failed_by_severity"][level.value] for level in Severity),
                    result["calls_unanswered"],
                    result["pack"]["pack_id"],
                )
                if result
                else [""] * (len(ACCOUNT_HEADS) - 8)
            ),
        )  # fmt: skip


def _matrix_rows(document: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    assessed = [row["id"] for row in document["accounts"] if row["result"]]
    words = {**document["letters"], " ": ""}
    yield ("control", "severity", "title", *assessed)
    for item in document["controls"]:
        yield (item["id"], item["severity"], item["title"], *(words[letter] for letter in item["cells"]))


def _csv(rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows([safe_cell(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return text.getvalue().encode("utf-8")

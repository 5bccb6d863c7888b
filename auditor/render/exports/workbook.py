"""An XLSX workbook: one sheet per table, frozen heads, filters, widths. Every text cell is written as text."""

import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

from auditor.base.errors import RenderError
from auditor.base.period import parse_time
from auditor.base.scratch import scratch_folder
from auditor.evidence.unanswered import asked_for, error_words
from auditor.render.exports.source import Source, fitted, xml_safe
from auditor.render.exports.tables import (
    CONTROL_HEADS,
    GIVEN_HEADS,
    IMPORTED_HEADS,
    RESULT_HEADS,
    control_rows,
    given_rows,
    imported_rows,
    result_rows,
)

_CELL_LIMIT = 32_767
"""Characters that one cell holds (Excel specifications and limits)."""
_SHEET_ROWS = 1_048_575
"""Rows that one sheet holds below its head; what is beyond goes on in a further sheet."""
_WIDE = 60
_WRAPPED = 400
"""Characters of a cell that is shown whole; a longer one keeps to its line."""
_BROKEN = 54
"""Characters of a line, as lines end between words."""
_LINE = 15
"""Height of a line in points."""
_A4 = 9
_ACROSS = 12
"""Columns that are still read when they are printed on one page's width."""

_EVIDENCE_HEADS = (
    "reference",
    "operation",
    "account",
    "region",
    "collected at",
    "pages",
    "items",
    "complete",
    "error",
    "sha256",
    "path",
)
_GAP_HEADS = ("account", "region", "operation", "error", "message", "IAM action", "evidence", "controls")
_COVER_HEADS = ("about", "value")
_FRAMEWORK_HEADS = ("framework", "requirement", "title", "assessment", "controls", "state")
_Row = Sequence[str | int]


def writer() -> Any:
    """Import the library that writes workbooks, which is an extra.

    Raises:
        RenderError: it is not installed.
    """
    try:
        import xlsxwriter
    except ImportError as error:
        raise RenderError("evidence.xlsx needs XlsxWriter", hint="install auditor[excel]") from error
    return xlsxwriter


def workbook(source: Source, *, sheet_rows: int = _SHEET_ROWS) -> list[bytes]:
    """Return the workbook.

    Args:
        source: the run.
        sheet_rows: rows that a sheet may hold below its head.

    Raises:
        RenderError: XlsxWriter is not installed.
    """
    with scratch_folder("workbook") as folder:
        return [_written(source, sheet_rows, folder)]


def _written(source: Source, sheet_rows: int, folder: Path) -> bytes:
    """Write the sheets row by row, through files in a folder: nothing is held but the row that is written."""
    xlsxwriter = writer()
    buffer = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(buffer, {**options, "constant_memory": True, "tmpdir": str(folder)})
    # Without a fixed date the bytes would differ in every run.
    book.set_properties({"created": parse_time(source.as_of).replace(tzinfo=None), "title": "Auditor evidence"})
    head = book.add_format({"bold": True, "bottom": 2, "text_wrap": True, "valign": "top"})
    body = book.add_format({"valign": "top", "align": "left", "num_format": "@", "text_wrap": True})
    long = book.add_format({"valign": "top", "align": "left", "num_format": "@"})
    number = book.add_format({"valign": "top", "num_format": "0"})
    for name, heads, rows in _sheets(source, sheet_rows):
        sheet = book.add_worksheet(name)
        widths = [len(title) + 2 for title in heads]
        last = 0
        sheet.write_row(0, 0, heads, head)
        for last, row in enumerate(rows, start=1):
            if (lines := _lines(row)) > 1:
                sheet.set_row(last, _LINE * lines)
            for column, cell in enumerate(row):
                if isinstance(cell, int):
                    sheet.write_number(last, column, cell, number)
                else:
                    sheet.write_string(last, column, _text(cell), body if len(cell) <= _WRAPPED else long)
                    widths[column] = min(_WIDE, max(widths[column], len(cell) + 1))
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width)
        sheet.freeze_panes(1, 0)
        sheet.repeat_rows(0)
        sheet.set_landscape()
        sheet.set_paper(_A4)
        sheet.fit_to_pages(1 if len(heads) <= _ACROSS else 3, 0)
        sheet.set_footer("&L&A&R&P / &N")
        sheet.autofilter(0, 0, last, len(heads) - 1)
    book.close()
    return buffer.getvalue()


def _lines(row: _Row) -> int:
    """Return how many lines a row takes: not every spreadsheet works that out by itself."""
    texts = [cell for cell in row if isinstance(cell, str) and len(cell) <= _WRAPPED]
    broken = (
        sum(1 + (len(line) - 1) // (_BROKEN if len(text) > _WIDE else _WIDE) for line in text.split("\n"))
        for text in texts
    )
    return max(broken, default=1)


def _text(cell: str) -> str:
    """Return text as a cell holds it; a blank keeps XlsxWriter from taking it for its own markup, written unescaped."""
    text = fitted(xml_safe(cell), _CELL_LIMIT)
    return f"{text} " if text.startswith("<r>") and text.endswith("</r>") else text


def _sheets(source: Source, most: int) -> Iterator[tuple[str, Sequence[str], Iterable[_Row]]]:
    for name, heads, rows in _tables(source):
        rest = iter(rows)
        yield name, heads, islice(rest, most)
        for number in count(2):
            if (first := next(rest, None)) is None:
                break
            yield f"{name} ({number})", heads, chain([first], islice(rest, most - 1))


def _tables(source: Source) -> Iterator[tuple[str, Sequence[str], Iterable[_Row]]]:
    yield "Cover", _COVER_HEADS, _cover(source)
    yield "Controls", CONTROL_HEADS, control_rows(source)
    yield "Results", RESULT_HEADS, result_rows(source)
    yield "Frameworks", _FRAMEWORK_HEADS, _frameworks(source)
    yield "Accepted and answered", GIVEN_HEADS, given_rows(source)
    yield "Evidence", _EVIDENCE_HEADS, _evidence(source)
    yield "Not assessed", _GAP_HEADS, _gaps(source)
    if source.document.get("imported"):
        yield "Other tools, not judged", IMPORTED_HEADS, imported_rows(source)


def _cover(source: Source) -> Iterator[_Row]:
    run = source.document["run"]
    yield "report", source.report_id
    yield "title", run["title"]
    yield "entity", run["entity"]
    yield "accounts", "; ".join(item["id"] for item in run["accounts"])
    yield "period from", run["period"]["start"]
    yield "period up to, not including", run["period"]["end"]
    yield "judged as of", run["as_of"]
    yield "collected from", run["started"]
    yield "collected to", run["ended"]
    yield "asked as", run["principal"]
    yield "left out on request", "; ".join(run["skipped"])
    yield "headline", source.document["headline"]
    for state, number in source.document["counts"].items():
        yield f"controls {state}", number
    yield "made with", f"Auditor {source.version}"
    yield "note", "Evidence summary. Not an audit opinion."


def _frameworks(source: Source) -> Iterator[_Row]:
    for edition in source.document["frameworks"]:
        for item in edition["requirements"]:
            state = item["state"] or "not covered"
            yield (
                edition["id"],
                item["id"],
                item["title"],
                item["assessment"],
                "; ".join(item["controls"]),
                state,
            )


def _evidence(source: Source) -> Iterator[_Row]:
    for ref, record in source.records.items():
        yield (
            ref,
            record["operation"],
            record["account"],
            record["region"],
            record["collected_at"],
            record["pages"],
            record["items"],
            "yes" if record["complete"] else "no",
            record["error"]["code"] if record["error"] else "",
            record["sha256"],
            record["path"],
        )


def _gaps(source: Source) -> Iterator[_Row]:
    for gap in source.document["gaps"]:
        yield (
            gap["account"],
            gap["region"],
            asked_for(gap["operation"]),
            error_words(gap["error"]),
            gap.get("message", ""),
            gap["action"],
            gap["ref"],
            "; ".join(gap["controls"]),
        )

"""CSV (RFC 4180, UTF-8): one row per control, per result or per imported finding. Safe to open in a spreadsheet."""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Final

from auditor.render.exceptions import attested, last_day
from auditor.render.exports.source import Source, shortened

CONTROL_HEADS = (
    "control",
    "title",
    "state",
    "severity",
    "test type",
    "requirements",
    "source",
    "tested",
    "excluded",
    "not assessed",
)
RESULT_HEADS = (
    "control",
    "account",
    "region",
    "resource",
    "state",
    "reason",
    "observed",
    "expected",
    "requirements",
    "evidence",
    "waiver ticket",
    "title",
    "severity",
    "service",
    "test type",
    "remediation",
    "judged as of",
    "collected at",
    "waiver justification",
    "waiver owner",
    "waiver approver",
    "waiver until",
    "response owner",
    "response due",
    "response",
    "response ticket",
    "since the previous pack",
    "attestation",
)
GIVEN = "accepted.csv"
"""What was handed in: waivers, attestations, responses, accepted gaps."""

IMPORTED_HEADS = ("file", "tool", "id", "title", "account", "region", "resource", "status", "severity", "time", "note")
_FORMULA = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]*[=+\-@|\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
"""What spreadsheets take for the start of a formula, full-width forms and blanks before them included (OWASP)."""

_INSIDE = re.compile(r"([;\t\r\n][\s\u200b-\u200f\u2060\ufeff\"']*)(?=[=+\-@|\uff1d\uff0b\uff0d\uff20])")
"""The same behind what a spreadsheet of another country, or one told so, takes for the end of a cell."""

_NUMBER = re.compile(
    r"\s*("
    r"0\d+|\d+([.,]\d+)?[eE][+-]?\d+|\d{16,}"
    r"|(?!\d{4}-\d\d-\d\d\s*$)\d+([ ./,:\-]\d+){1,2}(\s*[ap]m?)?|\d+([.,]\d+)?\s*%"
    r"|\d{1,4}[ ./\-]?(MONTH)([ ./\-]?\d{1,4})?|(MONTH)[ ./\-]?\d{1,4}"
    r")\s*".replace("MONTH", "(jan|feb|mar|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-z]*\\.?"),
    re.IGNORECASE,
)
"""Text that a spreadsheet would turn into another number or a date: account 012345678901, a bucket called 1E10, version
1.10, groups called 10-11, 3:45 and sep-2. A date as ISO writes it stays one."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

_MOST = 32_000
"""Characters of a cell: Excel holds 32,767, and Python's reader of CSV gives up at 131,072."""


def safe_cell(text: str) -> str:
    """Return text that no spreadsheet reads as a formula or another number, whatever separates its cells.

    Control characters, which some readers choke on and others leave out, are replaced. What is too long ends with a
    mark; the whole stands in results.json.
    """
    clean = shortened(_CONTROL.sub("\ufffd", text), _MOST)
    clean = _INSIDE.sub(r"\1'", clean)
    return f"'{clean}" if _FORMULA.match(clean) or _NUMBER.fullmatch(clean) else clean


def control_rows(source: Source) -> Iterator[tuple[str | int, ...]]:
    """Yield a row per control, in the order of ``CONTROL_HEADS``."""
    for control in source.document["controls"]:
        numbers = [f"{name} {number}" for name, items in control["requirements"].items() for number in items]
        population = control["population"]
        yield (
            control["id"],
            control["title"],
            control["state"],
            control["severity"],
            control["test_type"],
            "; ".join(numbers),
            population["source"],
            population["tested"],
            population["excluded"],
            population["not_assessed"],
        )


def result_rows(source: Source) -> Iterator[tuple[str | int, ...]]:
    """Yield a row per result, in the order of ``RESULT_HEADS``."""
    for finding in source.findings():
        result = finding.result
        waiver = result["waiver"] or {}
        response = result.get("response") or {}
        collected = [source.records[ref]["collected_at"] for ref in finding.references if ref in source.records]
        yield (
            finding.control["id"],
            result["account"],
            result["region"],
            result["resource"],
            finding.state.value,
            result["reason"],
            result["observed"],
            result["expected"],
            "; ".join(finding.requirements),
            "; ".join(finding.references),
            waiver.get("ticket", ""),
            finding.control["title"],
            finding.control["severity"],
            finding.control["service"],
            finding.control["test_type"],
            finding.control["remediation"],
            source.as_of,
            max(collected, default=""),
            waiver.get("justification", ""),
            waiver.get("owner", ""),
            waiver.get("approver", ""),
            last_day(waiver.get("expires", "")),
            response.get("owner", ""),
            last_day(response.get("due", "")),
            response.get("response", ""),
            response.get("ticket", ""),
            source.change(finding),
            attested(finding.result["details"].get("attestation")),
        )


def imported_rows(source: Source) -> Iterator[tuple[str, ...]]:
    """Yield a row per finding of another tool, in the order of ``IMPORTED_HEADS``."""
    for item in source.document.get("imported", ()):
        for finding in item["findings"]:
            told = tuple(str(finding[name]) for name in IMPORTED_HEADS[2:-1])
            yield (item["file"], item["tool"], *told, item["note"])


def controls_csv(source: Source) -> Iterator[bytes]:
    """Yield one row per control."""
    return _csv(CONTROL_HEADS, control_rows(source), source)


def results_csv(source: Source) -> Iterator[bytes]:
    """Yield one row per result."""
    return _csv(RESULT_HEADS, result_rows(source), source)


def imported_csv(source: Source) -> Iterator[bytes]:
    """Yield one row per finding of another tool."""
    return _csv(IMPORTED_HEADS, imported_rows(source), source)


GIVEN_HEADS = ("kind", "control", "covers", "words", "people", "date", "last day", "ticket", "applied", "notes")


def given_rows(source: Source) -> Iterator[tuple[str, ...]]:
    """Yield a row per waiver, attestation, response and accepted gap that was handed in, in the order of its heads."""
    for item in source.given:
        applied = "yes" if item.applied else "no"
        told = (item.kind, item.control, item.covers, item.words, item.people, item.date, item.until, item.ticket)
        yield (*told, applied, item.notes)


def given_csv(source: Source) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield one row for each thing that was handed in, as a further file; none where nobody handed anything in."""
    rows = list(given_rows(source))
    if rows:
        yield GIVEN, _csv(GIVEN_HEADS, rows, source)


def _csv(heads: Sequence[str], rows: Iterable[Sequence[str | int]], source: Source) -> Iterator[bytes]:
    if source.bom:
        yield codecs.BOM_UTF8
    yield from csv_pieces(heads, rows)


_ROWS: Final = 100
"""Of a table that are written at once."""


def csv_pieces(heads: Sequence[str], rows: Iterable[Sequence[str | int]]) -> Iterator[bytes]:
    """Yield a table as CSV whose cells no spreadsheet takes for something else."""
    cells = ([safe_cell(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    lines = chain([heads], cells)
    while some := list(islice(lines, _ROWS)):
        text = io.StringIO(newline="")
        csv.writer(text).writerows(some)
        yield text.getvalue().encode("utf-8", "replace")

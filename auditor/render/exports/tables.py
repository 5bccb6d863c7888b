"""CSV (RFC 4180, UTF-8): one row per control, per result or per imported finding. Safe to open in a spreadsheet."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

from auditor.render.exports.source import Source

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
)
IMPORTED_HEADS = ("file", "tool", "id", "title", "account", "region", "resource", "status", "severity", "time", "note")
_FORMULA = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]*[=+\-@|\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
"""What spreadsheets take for the start of a formula, full-width forms and blanks before them included (OWASP)."""


def safe_cell(text: str) -> str:
    """Return text that no spreadsheet reads as a formula; NUL, which CSV readers choke on, is replaced."""
    clean = text.replace("\x00", "\ufffd")
    return f"'{clean}" if _FORMULA.match(clean) else clean


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
            result["waiver"]["ticket"] if result["waiver"] else "",
        )


def imported_rows(source: Source) -> Iterator[tuple[str, ...]]:
    """Yield a row per finding of another tool, in the order of ``IMPORTED_HEADS``."""
    for item in source.document.get("imported", ()):
        for finding in item["findings"]:
            told = tuple(str(finding[name]) for name in IMPORTED_HEADS[2:-1])
            yield (item["file"], item["tool"], *told, item["note"])


def controls_csv(source: Source) -> bytes:
    """Return one row per control."""
    return _csv(CONTROL_HEADS, control_rows(source))


def results_csv(source: Source) -> bytes:
    """Return one row per result."""
    return _csv(RESULT_HEADS, result_rows(source))


def imported_csv(source: Source) -> bytes:
    """Return one row per finding of another tool."""
    return _csv(IMPORTED_HEADS, imported_rows(source))


def _csv(heads: Sequence[str], rows: Iterable[Sequence[str | int]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(heads)
    writer.writerows([safe_cell(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return text.getvalue().encode("utf-8", "replace")

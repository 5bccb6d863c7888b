"""An answer: rows, and what was searched for them. Zero rows are told apart from not looked at, in every form."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from auditor.base.counts import counted
from auditor.base.period import Period, rfc3339

SCHEMA: Final = "auditor.events/1"
NOT_SEARCHED, ALTERED = 3, 4


@dataclass(frozen=True, slots=True)
class Missing:
    """A part of what was asked that was not searched, or not with proof.

    Args:
        what: ``hours``, ``log_files``, ``records``, ``events`` or ``source``.
        why: one clause.
        where: accounts, Regions, spans, keys: whatever tells the place.
        altered: whether this is an alteration shown, and not a gap.
    """

    what: str
    why: str
    where: Mapping[str, Any] = field(default_factory=dict)
    altered: bool = False

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"what": self.what, "why": self.why, **self.where}


@dataclass(frozen=True, slots=True)
class Searched:
    """What an answer rests on. Hours are counted over all accounts, Regions and trails; None where none are due."""

    accounts: tuple[str, ...]
    regions: tuple[str, ...]
    hours_verified: int | None
    hours_expected: int | None
    log_files: int
    records: int
    duplicates: int
    unreadable: int
    not_searched: tuple[Missing, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        names = ("hours_verified", "hours_expected", "log_files", "records", "duplicates", "unreadable")
        return {
            "accounts": list(self.accounts),
            "regions": list(self.regions),
            **{name: getattr(self, name) for name in names},
            "not_searched": [item.document() for item in self.not_searched],
        }

    @property
    def exit_code(self) -> int:
        """0, 3 when a part was not searched, 4 when something searched was altered."""
        if any(item.altered for item in self.not_searched):
            return ALTERED
        return NOT_SEARCHED if self.not_searched else 0


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of one question, and what was searched."""

    question: str
    title: str
    parameters: Mapping[str, Any]
    period: Period
    engine: str
    sources: tuple[Mapping[str, Any], ...]
    searched: Searched
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]
    truncated: bool
    cannot_see: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the stable JSON form."""
        return {
            "schema": SCHEMA,
            "question": self.question,
            "parameters": plain(dict(self.parameters)),
            "period": self.period.document(),
            "answered_by": {"engine": self.engine, "sources": [dict(source) for source in self.sources]},
            "searched": self.searched.document(),
            "cannot_see": list(self.cannot_see),
            "columns": list(self.columns),
            "rows": [plain(dict(row)) for row in self.rows],
            "truncated": self.truncated,
        }

    @property
    def exit_code(self) -> int:
        """0 with an answer, 3 when a part could not be searched, 4 when a searched log file was altered."""
        return self.searched.exit_code

    def searched_sentence(self) -> str:
        """Say in one sentence whether all that was asked for was searched, whatever rows there are."""
        if self.searched.not_searched and not self.searched.records:
            return "No event was searched: this is no answer."
        if self.searched.not_searched:
            return "A part of what was asked for was not searched, or nothing proves it: see searched."
        return "All that was asked for was searched."

    def sentence(self) -> str:
        """Say in one sentence how many rows there are, and whether that can be relied on."""
        count = len(self.rows)
        read = f"{counted(self.searched.records, 'record')} of {counted(self.searched.log_files, 'log file')}"
        if not count and not self.searched.records and self.searched.not_searched:
            return "No event was searched: this is no answer."
        found = "No row" if not count else counted(count, "row")
        more = " (cut at the limit)" if self.truncated else ""
        if not self.searched.not_searched:
            return f"{found}{more}; all that was asked for was searched: {read}."
        if not count:
            return f"{found} in what was searched ({read}); a part of what was asked for was not: see below."
        return f"{found}{more} in what was searched ({read}); a part of what was asked for was not: see below."


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of columns, each once: a second ``x`` becomes ``x_2``, so that no value hides another."""
    found: list[str] = []
    for name in names:
        new, number = name, 1
        while new in found:
            number += 1
            new = f"{name}_{number}"
        found.append(new)
    return tuple(found)


def plain(value: Any) -> Any:
    """Return a value as JSON knows it; times as RFC 3339."""
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return _plain_one(value)


def _plain_one(value: Any) -> str | int | float | bool | None:
    match value:
        case datetime() if value.tzinfo is not None:
            return rfc3339(value)
        case date():
            return value.isoformat()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case bytes():
            return value.hex()
        case float() if not math.isfinite(value):
            return str(value)  # JSON has no such number
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def csv_lines(answer: Answer) -> Iterable[str]:
    """Yield the answer as CSV: what was searched as comment lines in front, no cell a formula."""
    yield f"# {answer.question}: {answer.sentence()}\r\n"
    for item in answer.searched.not_searched:
        place = " ".join(f"{name}={plain(value)}" for name, value in item.where.items())
        yield " ".join(f"# not searched: {item.what}: {item.why} {place}".split()) + "\r\n"
    yield _line(answer.columns)
    for row in answer.rows:
        yield _line([_cell(plain(row[name])) for name in answer.columns])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else str(value)
    harmless = not isinstance(value, str) or text[:1] not in {"=", "+", "-", "@", "\t", "\r"}
    return text if harmless else f"'{text}"


def _line(cells: Sequence[str]) -> str:
    target = io.StringIO()
    csv.writer(target).writerow(cells)
    return target.getvalue()

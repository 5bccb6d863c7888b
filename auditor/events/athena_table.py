"""Reads what Glue says of a table of CloudTrail logs: its columns, and which partitions it can answer for. Pure.

A value outside of a projection's range or list gives no rows and no error, so it is never asked: it is named as not
searched. All partitions are constrained, always; only they limit what is scanned.

Source: Athena User Guide, "Partition projection" and "Querying CloudTrail logs".
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from auditor.base.errors import UsageError
from auditor.base.period import Period, rfc3339
from auditor.events.answer import Missing
from auditor.events.filters import Filters
from auditor.events.table import literal

DELIVERY: Final = timedelta(days=1)
"""Folders are days of delivery: the day after the period holds its last records."""

_ROLES: Final = {
    "account": ("account", "accountid", "account_id", "aws_account_id", "recipientaccountid"),
    "region": ("region", "awsregion", "aws_region"),
    "day": ("day", "date", "dt", "timestamp", "eventdate", "event_date", "log_date"),
    "year": ("year",),
    "month": ("month",),
}
_MEMBER: Final = re.compile(r"([a-z0-9_]+):", re.IGNORECASE)
_SPAN: Final = re.compile(r"NOW(?:([+-])(\d+)(YEARS|MONTHS|WEEKS|DAYS|HOURS))?", re.IGNORECASE)
_UNITS: Final = {"YEARS": 366, "MONTHS": 31, "WEEKS": 7, "DAYS": 1, "HOURS": 1 / 24}
_LETTERS: Final = (("yyyy", "%Y"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H"))


@dataclass(frozen=True, slots=True)
class LogTable:
    """A table of log files.

    Args:
        database: its database.
        name: its name.
        location: where its files lie.
        columns: columns and members of structures, lower case, dotted.
        partitions: names of the partition keys, in order.
        parameters: the table's parameters, projection among them.
    """

    database: str
    name: str
    location: str
    columns: frozenset[str]
    partitions: tuple[str, ...]
    parameters: Mapping[str, str]

    @property
    def quoted(self) -> str:
        """The name as Athena takes it."""
        return f'"{self.database}"."{self.name}"'

    @property
    def projected(self) -> bool:
        """Whether partitions are computed, and not registered."""
        return self.parameters.get("projection.enabled", "").lower() == "true"

    def key_of(self, role: str) -> str | None:
        """Return the partition key for ``account``, ``region``, ``day``, ``year`` or ``month``."""
        return next((key for key in self.partitions if key.lower() in _ROLES[role]), None)

    def projection(self, key: str, name: str) -> str:
        """Return a parameter of a key's projection; empty without."""
        return self.parameters.get(f"projection.{key}.{name}", "")

    def values(self, role: str) -> tuple[str, ...] | None:
        """Return the values that an enumerated key has; None where it is not enumerated."""
        key = self.key_of(role)
        if key is None or self.projection(key, "type").lower() != "enum":
            return None
        return tuple(part.strip() for part in self.projection(key, "values").split(",") if part.strip())


def table_of(database: str, answer: Mapping[str, Any]) -> LogTable:
    """Read the ``Table`` of a GetTable answer.

    Raises:
        UsageError: it is no table of CloudTrail log files.
    """
    table = answer.get("Table")
    table = table if isinstance(table, Mapping) else {}
    storage = table.get("StorageDescriptor") or {}
    columns: set[str] = set()
    for column in storage.get("Columns") or ():
        columns.update(_paths(str(column.get("Name", "")).lower(), str(column.get("Type", "")).lower()))
    found = LogTable(
        database,
        str(table.get("Name") or ""),
        str(storage.get("Location") or ""),
        frozenset(columns),
        tuple(str(key.get("Name")) for key in table.get("PartitionKeys") or ()),
        {str(name): str(value) for name, value in (table.get("Parameters") or {}).items()},
    )
    missing = {"eventtime", "eventname", "eventid", "useridentity", "requestparameters"} - found.columns
    if missing:
        raise UsageError(
            f"{database}.{found.name} is no table of CloudTrail logs: it lacks {', '.join(sorted(missing))}",
            hint="`auditor events athena-ddl` writes one",
        )
    return found


def _paths(name: str, kind: str) -> Iterator[str]:
    """Yield a column and the members of its structure, dotted."""
    yield name
    if kind.startswith("struct<") and kind.endswith(">"):
        for member, inner in _members(kind[len("struct<") : -1]):
            yield from _paths(f"{name}.{member}", inner)


def _members(text: str) -> Iterator[tuple[str, str]]:
    depth, begin = 0, 0
    for number, mark in enumerate(f"{text},"):
        depth += (mark in "<(") - (mark in ">)")
        if mark == "," and depth == 0:
            match = _MEMBER.match(text[begin:number].strip())
            if match:
                yield match[1], text[begin:number].strip()[match.end() :]
            begin = number + 1


# -------------------------------------------------------------------------------------------------- partitions


def constrained(table: LogTable, period: Period, filters: Filters, now: datetime) -> tuple[str, list[Missing]]:
    """Return the predicate over all partitions, and what of the question they do not hold.

    Raises:
        UsageError: a partition cannot be constrained, or needs a value that was not given.
    """
    missing: list[Missing] = []
    parts = [
        *_listed(table, "account", filters.accounts, missing),
        *_listed(table, "region", filters.regions, missing),
        *_days(table, period, now, missing),
    ]
    known = {key for role in _ROLES if (key := table.key_of(role))}
    parts += [_other(table, key) for key in table.partitions if key not in known]
    if table.partitions and not table.projected:
        why = "the table's partitions are registered by hand: what is not registered gives no rows"
        missing.append(Missing("source", why, {"table": f"{table.database}.{table.name}"}))
    return " AND ".join(parts) or "1 = 1", missing


def _listed(table: LogTable, role: str, asked: Sequence[str], missing: list[Missing]) -> list[str]:
    """Constrain account or Region: to what was asked for and the table knows, or to all that it knows."""
    key = table.key_of(role)
    if key is None:
        return []
    values = table.values(role)
    if values is None and not asked and table.projection(key, "type").lower() == "injected":
        raise UsageError(f"the table's {key} has to be given", hint=f"--{role} VALUE")
    wanted = tuple(asked) or values or ()
    why = f"the table's projection does not know this {'Region' if role == 'region' else role}"
    unknown = [value for value in wanted if values is not None and value not in values]
    missing += [Missing("source", why, {role: value}) for value in unknown]
    held = [value for value in wanted if values is None or value in values]
    if wanted and not held:
        return ["1 = 0"]
    return [f'"{key}" IN ({", ".join(literal(value) for value in held)})'] if held else []


def _days(table: LogTable, period: Period, now: datetime, missing: list[Missing]) -> list[str]:
    key = table.key_of("day")
    year, month = table.key_of("year"), table.key_of("month")
    if year and month:
        months = {f"{day:%Y-%m}" for day in _each_day(period)}
        years = sorted({text[:4] for text in months})
        numbers = sorted({text[5:] for text in months} | {str(int(text[5:])) for text in months})
        listed = [", ".join(literal(value) for value in values) for values in (years, numbers)]
        return [f'CAST("{year}" AS varchar) IN ({listed[0]})', f'CAST("{month}" AS varchar) IN ({listed[1]})']
    if key is None:
        return []
    pattern = _pattern(table.projection(key, "format") or "yyyy/MM/dd", key)
    if table.projected:
        missing += _outside(table, key, pattern, period, now)
    last = min(period.end + DELIVERY - timedelta(seconds=1), now)
    return [f'"{key}" BETWEEN {literal(period.start.strftime(pattern))} AND {literal(last.strftime(pattern))}']


def _each_day(period: Period) -> Iterator[datetime]:
    day = period.start
    while day < period.end + DELIVERY:
        yield day
        day += timedelta(days=1)


def _pattern(java: str, key: str) -> str:
    text = java
    for letters, mark in _LETTERS:
        text = text.replace(letters, mark)
    if re.search(r"[A-Za-z]", re.sub(r"%[YmdH]", "", text)) or "%Y" not in text or not text.startswith("%Y"):
        raise UsageError(
            f"the format {java!r} of the table's {key} is none that can be compared", hint="such as yyyy/MM/dd"
        )
    return text


def _outside(table: LogTable, key: str, pattern: str, period: Period, now: datetime) -> Iterator[Missing]:
    first, _, last = table.projection(key, "range").partition(",")
    begin, end = _bound(first.strip(), pattern, now), _bound(last.strip(), pattern, now)
    why = "outside of the days that the table's projection knows"
    if begin is not None and period.start < begin:
        span = {"start": rfc3339(period.start), "end": rfc3339(min(begin, period.end))}
        yield Missing("hours", why, span)
    if end is not None and min(period.end, now) > end + timedelta(days=1):
        yield Missing("hours", why, {"start": rfc3339(end + timedelta(days=1)), "end": rfc3339(period.end)})
    if begin is None or end is None:
        yield Missing("hours", "the range of the table's projection cannot be read", {"range": f"{first},{last}"})


def _bound(text: str, pattern: str, now: datetime) -> datetime | None:
    if match := _SPAN.fullmatch(text):
        days = int(match[2] or 0) * _UNITS.get((match[3] or "DAYS").upper(), 1)
        return now + timedelta(days=-days if match[1] == "-" else days)
    try:
        return datetime.strptime(text, pattern).replace(tzinfo=UTC)
    except ValueError:
        return None


def _other(table: LogTable, key: str) -> str:
    if table.projection(key, "type").lower() == "enum":
        values = [part.strip() for part in table.projection(key, "values").split(",")]
        return f'"{key}" IN ({", ".join(literal(value) for value in values)})'
    raise UsageError(f"the table's partition {key} is neither account, Region nor day, and cannot be constrained")


def scans(text: str, tables: Mapping[str, str], name: str = "cloudtrail_files") -> int:
    """Return how often a query reads the log files: Athena computes a table of WITH anew wherever it is named.

    Args:
        text: the question's own text.
        tables: name and text of the tables in front of it, each standing on earlier ones.
        name: the table whose readings are counted.
    """
    counts = {name: 1}
    for table, body in [*_own(text, tables), ("", _last(text))]:
        counts[table] = sum(
            count * len(re.findall(rf"\b(?:FROM|JOIN)\s+{re.escape(known)}\b", body, re.IGNORECASE))
            for known, count in counts.items()
        )
    return max(1, counts[""])


def _own(text: str, tables: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return all tables of WITH in order, those of the question's own text behind the others."""
    own = [(match[1], match.start(), match.end()) for match in re.finditer(r"\b([a-z][a-z0-9_]*) AS \(", text)]
    bodies = [
        (name, text[end : own[n + 1][1] if n + 1 < len(own) else _end(text, end)])
        for n, (name, _, end) in enumerate(own)
    ]
    return [*((name, body) for name, body in tables.items() if name != "cloudtrail_files"), *bodies]


def _last(text: str) -> str:
    own = [match.end() for match in re.finditer(r"\b[a-z][a-z0-9_]* AS \(", text)]
    return text[_end(text, own[-1]) :] if own else text


def _end(text: str, begin: int) -> int:
    """Return where the bracket that was opened before ``begin`` closes."""
    depth = 1
    for match in re.finditer(r"'(?:[^']|'')*'|[()]", text[begin:]):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if depth == 0:
            return begin + match.end()
    return len(text)

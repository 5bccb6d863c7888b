"""Asks an open store a question: filters, period and parameters become SQL for DuckDB, rows become an answer."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from auditor.base.errors import CatalogError, UsageError
from auditor.base.period import Period
from auditor.events.answer import Answer, Searched, distinct
from auditor.events.apart import Rows
from auditor.events.filters import Filters, literal_sql, predicates, taken_in, used
from auditor.events.lacking import lacking
from auditor.events.opened import EventStore
from auditor.events.question import Question, filled_in, values_of
from auditor.events.searched import searched
from auditor.events.store import quoted
from auditor.events.table import duckdb_table

if TYPE_CHECKING:
    import duckdb

LIMIT: Final = 10_000
"""Rows of an answer when nothing else is asked for; the rest is said to be there."""
_NEEDED: Final = frozenset({"period_events", "events"})
"""Tables that others stand on; further ones stand in front of a question that names them."""
_ONE_OF: Final = re.compile(r"((?:\b[a-z]+\.)?\b(?:call|event_source)) IN \((\s*'[^']*'(?:,\s*'[^']*')*)\s*\)")
"""One of some calls or services, written out."""
_CALLS_NAMED: Final = 200
"""Calls by whose names stored rows are passed over unread."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question with everything that narrows it."""

    question: Question
    period: Period
    filters: Filters = field(default_factory=Filters)
    given: Mapping[str, str] = field(default_factory=dict)
    limit: int = LIMIT
    """Rows at most; 0 for all."""


def ask(store: EventStore, asked: Asked, *, parquet: Path | None = None) -> Answer:
    """Answer a question that ships with the product; for others there is :func:`auditor.events.own.ask_own`.

    Args:
        store: the store.
        asked: the question, its period, filters and parameters.
        parquet: a file that the rows are written to as well, all of them.

    Raises:
        UsageError: a parameter is missing or wrong.
        CatalogError: the question's SQL is none that DuckDB takes.
    """
    import duckdb

    values = values_of(asked.question, asked.given)
    with store.database() as database:
        text, bound, narrowing = render(database, asked, values)
        try:
            shown_by = _picked(database, asked, narrowing, bound) or text
            result = database.execute(cut(shown_by, asked.limit), used(shown_by, bound))
            columns = distinct(str(item[0]) for item in result.description or ())
            wanted = result.fetchmany(asked.limit + 1) if asked.limit else result.fetchall()
        except duckdb.IOException:
            raise  # the disk, and not the question
        except duckdb.Error as error:
            first = str(error).splitlines()[0]
            raise CatalogError(f"{asked.question.path}: DuckDB refuses the question: {first}") from error
        what = looked_through(store, database, asked, narrowing)
        truncated = bool(asked.limit) and len(wanted) > asked.limit
        shown = wanted[: asked.limit] if asked.limit else wanted
        answer = answer_of(store, asked, values, what, Rows(columns, tuple(shown), truncated))
        if parquet is not None:
            _write_parquet(database, text, bound, parquet, answer)
    return answer


def looked_through(
    store: EventStore, database: "duckdb.DuckDBPyConnection", asked: Asked, narrowing: Sequence[str]
) -> Searched:
    """Return what lies behind the answer, with what the store does not keep of its events."""
    what = searched(store, database, asked.period, asked.filters, asked.question.needs)
    missing = lacking(store.card.get("lacks") or (), asked.question.text("duckdb"), narrowing)
    return replace(what, not_searched=(*what.not_searched, *missing))


def answer_of(store: EventStore, asked: Asked, values: Mapping[str, Any], what: Searched, found: Rows) -> Answer:
    """Put rows, and what was searched for them, into the form of an answer."""
    return Answer(
        asked.question.name,
        asked.question.title,
        {**values, **asked.filters.document()},
        asked.period,
        "duckdb",
        tuple(store.card.get("sources") or ()),
        what,
        found.columns,
        tuple(dict(zip(found.columns, row, strict=True)) for row in found.rows),
        found.more,
        (*asked.question.cannot_see, *(store.card.get("cannot_see") or ())),
    )


def _write_parquet(
    database: "duckdb.DuckDBPyConnection", text: str, bound: Mapping[str, Any], target: Path, answer: Answer
) -> None:
    import duckdb

    try:
        database.execute(parquet_copy(text, target, answer), bound)
    except duckdb.IOException as error:
        raise UsageError(f"the rows cannot be written: {error}") from error


def parquet_copy(text: str, target: Path, answer: Answer) -> str:
    """Return what writes all rows; what was searched stands in the file's own metadata, under ``auditor``."""
    about = {name: value for name, value in answer.document().items() if name not in {"rows", "truncated", "columns"}}
    said = quoted(json.dumps({**about, "sentence": answer.searched_sentence()}, sort_keys=True))
    return f"COPY (\n{text}\n) TO {quoted(target)} (FORMAT parquet, KV_METADATA {{auditor: {said}}})"


def cut(text: str, limit: int) -> str:
    """Ask for one row more than are shown: DuckDB then need not sort the others. A question's own limit stays."""
    return text if not limit or re.search(r"\bLIMIT\b[^)]*$", text, re.IGNORECASE) else f"{text}\nLIMIT {limit + 1}"


def render(
    database: "duckdb.DuckDBPyConnection", asked: Asked, values: Mapping[str, Any]
) -> tuple[str, dict[str, Any], Sequence[str]]:
    """Return the whole SQL of a question with its filters, the values that it names, and the filters' predicates."""
    from_there = ""
    bounds = {"since": asked.period.start, "until": asked.period.end}
    if asked.filters.ips:
        rows = database.execute(
            "SELECT DISTINCT source_ip FROM all_events WHERE event_time >= $since AND event_time < $until", bounds
        ).fetchall()
        addresses = taken_in(asked.filters.ips, [row[0] for row in rows if row[0] is not None])
        from_there = f"source_ip IN ({', '.join(map(quoted, addresses))})" if addresses else "1 = 0"
    narrowing, filtered = predicates(asked.filters, from_there)
    text = compose(asked.question.text("duckdb"), narrowing)
    return text, used(text, {**values, **filtered, **bounds}), narrowing


def _picked(
    database: "duckdb.DuckDBPyConnection", asked: Asked, narrowing: Sequence[str], bound: Mapping[str, Any]
) -> str | None:
    """Pick the rows of a question that lists events; return its text over these alone, None of any other question.

    What an event is about is read from its request, which takes longer than all else together: it is to be read of
    the rows that are shown, not of those that a filter or the limit leaves out.
    """
    listing = asked.question.listing
    if listing is None or not asked.limit:
        return None
    row = database.execute("SELECT count(*) FROM copies").fetchone()
    copies = row is not None and row[0] > 0
    database.execute(f"CREATE TEMP VIEW numbered_events AS {duckdb_table(copies=copies, kind='numbered')}")
    thin = f"SELECT of_file, position, call, event_time\n{listing.rows()}\nLIMIT {asked.limit + 1}"
    thin = compose(filled_in(thin, "duckdb"), narrowing, source="numbered_events")
    database.execute(f"CREATE TEMP TABLE picked AS {thin}", used(thin, bound))
    view = duckdb_table(copies=copies, kind="picked", only=_in_common(database))
    database.execute(f"CREATE TEMP VIEW picked_events AS {view}")
    shown = filled_in(listing.columns, "duckdb")
    return f"WITH {listing.table} AS (SELECT * FROM picked_events)\n{shown}\nFROM {listing.table}\n{listing.order}"


def _in_common(database: "duckdb.DuckDBPyConnection") -> list[str]:
    """Return what the picked rows have in common, as predicates over stored rows."""
    calls = [row[0] for row in database.execute("SELECT DISTINCT call FROM picked").fetchall()]
    times = database.execute("SELECT min(event_time), max(event_time) FROM picked WHERE event_time IS NOT NULL")
    first, last = times.fetchone() or (None, None)
    found = []
    if calls and None not in calls and len(calls) <= _CALLS_NAMED:
        found.append(_filtering(f"e.call IN ({', '.join(map(quoted, sorted(calls)))})"))
    if first and last:
        found.append(f"e.eventTime BETWEEN {_moment(first)} AND {_moment(last)}")
    return found


def _moment(moment: datetime) -> str:
    return f"TIMESTAMPTZ {quoted(moment.isoformat())}"


def compose(
    text: str,
    narrowing: Sequence[str],
    prelude: Sequence[tuple[str, str]] = (),
    source: str = "all_events",
) -> str:
    """Put the tables that a question stands on in front of its text.

    Args:
        text: the question's SELECT, with or without a WITH of its own.
        narrowing: predicates of the filters.
        prelude: further tables in front, name and SELECT; Athena's have some, DuckDB's are views.
        source: the table of all events.
    """
    where = "".join(f"\n    AND ({predicate})" for predicate in narrowing)
    calls = "category IS DISTINCT FROM 'NetworkActivity' AND category IS DISTINCT FROM 'Insight'"
    tables = [
        ("period_events", f"SELECT * FROM {source} WHERE event_time >= $since AND event_time < $until"),
        ("period_calls", f"SELECT * FROM period_events WHERE {calls}"),
        ("events", f"SELECT * FROM period_events WHERE 1 = 1{where}"),
        ("calls", f"SELECT * FROM events WHERE {calls}"),
    ]
    tables = [table for table in tables if table[0] in _NEEDED or re.search(rf"\b{table[0]}\b", text)]
    # Of a table that is named twice DuckDB makes all columns of all rows, unless it is told not to.
    apart = "" if prelude else "NOT MATERIALIZED "
    head = ",\n".join(f"{name} AS {apart}(\n    {select}\n)" for name, select in (*prelude, *tables))
    own = re.match(r"\s*WITH\s+(RECURSIVE\s+)?", text, re.IGNORECASE)
    if own is None:
        whole = f"WITH {head}\n{text}"
    else:
        whole = f"WITH {'RECURSIVE ' if own[1] else ''}{head},\n{text[own.end() :]}"
    return whole if prelude else _filtering(whole)


def _filtering(text: str) -> str:
    """Let DuckDB's scan pass over rows of other calls and services: of IN it only makes a hint, of CASE a filter."""
    return _ONE_OF.sub(r"CASE WHEN \1 IN (\2) THEN true WHEN \1 IS NOT NULL THEN false END", text)


def literal_bounds(text: str, period: Period) -> str:
    """Write the period's bounds into a text, for a view: those take no values by name."""
    bounds = {"since": period.start, "until": period.end}
    return literal_sql(text, bounds, _moment)

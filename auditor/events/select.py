"""Lets people ask a store in their own SQL: one SELECT over the tables of events, and nothing that leaves the store."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from auditor.base.errors import UsageError
from auditor.base.period import Period
from auditor.events.answer import Answer, distinct
from auditor.events.apart import Bounds, Refusal, Rows, Statement, answered_apart, fetched
from auditor.events.asking import compose, literal_bounds
from auditor.events.filters import Filters, used
from auditor.events.lacking import lacking
from auditor.events.opened import EventStore, database_of, lock
from auditor.events.searched import searched

if TYPE_CHECKING:
    import duckdb

TABLES: Final = ("events", "period_events", "calls", "period_calls", "all_events", "aggregated", "files", "copies")
SQL_LIMIT: Final = 100_000
_SPILL: Final = 4
"""Disk that a statement may take for what does not fit into memory, as a multiple of that; else it fills the disk."""


def select(store: EventStore, text: str, period: Period, *, limit: int, bounds: Bounds | None = None) -> Answer:
    """Answer one SELECT that somebody wrote, within bounds.

    Args:
        store: the store.
        text: the statement, in DuckDB's dialect, over :data:`TABLES`.
        period: what ``events`` and ``period_events`` hold.
        limit: rows at most; 0 for all.
        bounds: what it may cost; the usual ones where there are none.

    Raises:
        UsageError: it is no single SELECT, DuckDB refuses it, or it costs more than it may.
    """
    found = answered_apart(answered, Statement(store.folder, text, views(period), limit), bounds or Bounds())
    return _answer(store, text, period, found)


def select_here(store: EventStore, text: str, period: Period) -> Answer:
    """Answer a SELECT of our own with all its rows, in this process.

    Raises:
        UsageError: DuckDB refuses it.
    """
    found = answered(Statement(store.folder, text, views(period), 0), Bounds(answer=1 << 20), store.folder)
    if isinstance(found, Refusal):
        raise UsageError(found.message, hint=found.hint)
    return _answer(store, text, period, found)


def answered(statement: Statement, bounds: Bounds, spill: Path) -> Rows | Refusal:
    """Answer one SELECT in this process, as :data:`auditor.events.apart.Asking` says.

    Raises:
        MemoryError: it does not fit into memory.
    """
    import duckdb

    try:
        with database_of(statement.folder, spill, f"{bounds.memory}MiB") as database:
            _only_select(database, statement.text)
            for name, view in statement.views.items():
                database.execute(f"CREATE VIEW {name} AS {view}")
            database.execute(f"SET max_temp_directory_size='{_SPILL * bounds.memory}MiB'")
            lock(database, statement.folder, *(() if statement.beside is None else (statement.beside,)))
            database.execute("BEGIN TRANSACTION READ ONLY")  # a WITH can hold a DELETE, and be a SELECT all the same
            result = database.execute(statement.text, used(statement.text, statement.values))
            columns = distinct(str(item[0]) for item in result.description or ())
            rows, more = fetched(result.fetchmany, statement.limit, bounds.answer)
            if statement.copy:
                database.execute(statement.copy, used(statement.copy, statement.values))
    except duckdb.OutOfMemoryException as error:
        raise MemoryError from error
    except duckdb.Error as error:
        return Refusal(f"DuckDB refuses the statement: {str(error).splitlines()[0]}")
    except UsageError as error:
        return Refusal(error.message, error.hint)
    return Rows(columns, tuple(rows), more)


def _answer(store: EventStore, text: str, period: Period, found: Rows) -> Answer:
    with store.database() as database:
        what = searched(store, database, period, Filters(), ("management",))
    missing = lacking(store.card.get("lacks") or (), text, ())
    what = replace(what, not_searched=(*what.not_searched, *missing))
    return Answer(
        "sql",
        "A statement of one's own",
        {"sql": text},
        period,
        "duckdb",
        tuple(store.card.get("sources") or ()),
        what,
        found.columns,
        tuple(_row(found.columns, row) for row in found.rows),
        found.more,
        tuple(store.card.get("cannot_see") or ()),
    )


def _row(columns: tuple[str, ...], row: tuple[Any, ...]) -> Mapping[str, Any]:
    return dict(zip(columns, row, strict=True))


def _only_select(database: "duckdb.DuckDBPyConnection", text: str) -> None:
    """Refuse everything that is not exactly one SELECT."""
    import duckdb

    if len(text) > SQL_LIMIT:
        raise UsageError(f"the statement is longer than {SQL_LIMIT} characters")
    try:
        statements = database.extract_statements(text)
    except duckdb.Error as error:
        raise UsageError(f"DuckDB refuses the statement: {str(error).splitlines()[0]}") from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise UsageError("give exactly one SELECT", hint=f"over {', '.join(TABLES)}")


def views(period: Period) -> dict[str, str]:
    """Return the tables of a period as views: name and SELECT."""
    names = ("period_events", "period_calls", "events", "calls")
    return {name: literal_bounds(compose(f"SELECT * FROM {name}", ()), period) for name in names}

"""Lets people ask a store in their own SQL: one SELECT over the tables of events, and nothing that leaves the store."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from auditor.base.errors import UsageError
from auditor.base.period import Period
from auditor.events.answer import Answer, distinct
from auditor.events.asking import compose, literal_bounds
from auditor.events.filters import Filters
from auditor.events.opened import EventStore
from auditor.events.searched import searched
from auditor.events.store import quoted

if TYPE_CHECKING:
    import duckdb

TABLES: Final = ("events", "period_events", "calls", "period_calls", "all_events", "aggregated", "files", "copies")
SQL_LIMIT: Final = 100_000


def select(store: EventStore, text: str, period: Period, *, limit: int) -> Answer:
    """Answer one SELECT.

    Args:
        store: the store.
        text: the statement, in DuckDB's dialect, over :data:`TABLES`.
        period: what ``events`` and ``period_events`` hold.
        limit: rows at most; 0 for all.

    Raises:
        UsageError: it is no single SELECT, or DuckDB refuses it.
    """
    import duckdb

    with store.database() as database:
        _only_select(database, text)
        what = searched(store, database, period, Filters(), ("management",))
        for name, view in views(period).items():
            database.execute(f"CREATE VIEW {name} AS {view}")
        lock(database, store)
        database.execute("BEGIN TRANSACTION READ ONLY")  # a WITH can hold a DELETE, and be a SELECT all the same
        try:
            result = database.execute(text)
            columns = distinct(str(item[0]) for item in result.description or ())
            rows = result.fetchmany(limit + 1) if limit else result.fetchall()
        except duckdb.Error as error:
            raise UsageError(f"DuckDB refuses the statement: {str(error).splitlines()[0]}") from error
    shown = rows[:limit] if limit else rows
    return Answer(
        "sql",
        "A statement of one's own",
        {"sql": text},
        period,
        "duckdb",
        tuple(store.card.get("sources") or ()),
        what,
        columns,
        tuple(_row(columns, row) for row in shown),
        bool(limit) and len(rows) > limit,
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
        raise UsageError(f"DuckDB cannot read the statement: {str(error).splitlines()[0]}") from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise UsageError("give exactly one SELECT", hint=f"over {', '.join(TABLES)}")


def views(period: Period) -> dict[str, str]:
    """Return the tables of a period as views: name and SELECT."""
    names = ("period_events", "period_calls", "events", "calls")
    return {name: literal_bounds(compose(f"SELECT * FROM {name}", ()), period) for name in names}


def lock(database: "duckdb.DuckDBPyConnection", store: EventStore) -> None:
    """Shut everything but the store's files, and the lock itself."""
    folder = store.folder.resolve()
    database.execute(f"SET allowed_directories=[{quoted(f'{folder}/')}]")
    database.execute("SET enable_external_access=false")
    database.execute("SET lock_configuration=true")

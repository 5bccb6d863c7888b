"""A finished store, opened to be read: views over its Parquet files, and what was searched to fill it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from auditor.base.errors import IntegrityError, UsageError
from auditor.events.columns import aggregated_columns, as_columns, events_columns, stored, stored_aggregated
from auditor.events.identity import CONFLICT_FILE, COPIES, find_copies
from auditor.events.store import AGGREGATED, EVENTS, FILES, connect, disk_told, quoted, read_lines
from auditor.events.table import duckdb_table, macros
from auditor.events.unchanged import SEEN, hashes

if TYPE_CHECKING:
    import duckdb

SCHEMA: Final = "auditor.event-store/4"
CARD: Final = "store.json"

_FILE_COLUMNS: Final = (
    "{'file': 'INTEGER', 'bucket': 'VARCHAR', 'key': 'VARCHAR', 'account': 'VARCHAR', 'kind': 'VARCHAR',"
    " 'region': 'VARCHAR', 'sha256': 'VARCHAR', 'state': 'VARCHAR', 'problem': 'VARCHAR', 'records': 'INTEGER',"
    " 'refused': 'INTEGER', 'unreadable': 'INTEGER', 'reason': 'VARCHAR', 'lost': 'VARCHAR[]'}"
)


@dataclass(frozen=True, slots=True)
class Contents:
    """What lies in a store, counted."""

    log_files: int
    records: int
    duplicates: int
    unreadable_files: int
    unreadable_records: int
    undated: int
    altered: int
    conflicts: int


def finish(folder: Path, card: Mapping[str, Any]) -> None:
    """Close a filled store: find the copies, hash what lies there, and write what was searched.

    Args:
        folder: the store, flushed.
        card: what was asked and searched, as :class:`EventStore` gives it back.
    """
    for name in (CARD, SEEN):
        (folder / name).unlink(missing_ok=True)
    database = connect(folder)
    try:
        with disk_told(folder):
            _sources(database, folder)
            find_copies(database, folder)
    finally:
        database.close()
    document = {"schema": SCHEMA, **card, "sha256": _hashes(folder)}
    partial = folder / f"{CARD}.partial"
    partial.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", "utf-8")
    partial.replace(folder / CARD)


def _hashes(folder: Path) -> dict[str, str]:
    kept = ("*/*.parquet", f"{FILES}/*", "*.parquet", CONFLICT_FILE)
    return hashes(folder, sorted(path for name in kept for path in folder.glob(name)))


def card_of(folder: Path) -> Mapping[str, Any] | None:
    """Return what a finished store says of itself; None where there is none, or it is of another make."""
    try:
        document = json.loads((folder / CARD).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return document if isinstance(document, dict) and document.get("schema") == SCHEMA else None


@contextmanager
def database_of(folder: Path, spill: Path, memory: str = "1GB") -> Iterator["duckdb.DuckDBPyConnection"]:
    """Open a connection in which ``all_events``, ``aggregated``, ``files`` and ``copies`` are known.

    Args:
        folder: a finished store.
        spill: where what does not fit into memory goes.
        memory: DuckDB's limit.
    """
    database = connect(spill, memory=memory)
    try:
        database.execute("SET parquet_metadata_cache=true")  # the files stay as they are while they are asked
        _sources(database, folder)
        database.execute(f"CREATE VIEW copies AS SELECT * FROM read_parquet({quoted(folder / COPIES)})")
        copies = database.execute("SELECT count(*) FROM copies").fetchone() != (0,)
        database.execute(f"CREATE VIEW all_events AS {duckdb_table(copies=copies)}")
        with disk_told(spill):
            yield database
    except RuntimeError as error:  # so DuckDB tells of a signal that came while it worked
        if str(error) != "Query interrupted":
            raise
        raise KeyboardInterrupt from error
    finally:
        database.close()


def lock(database: "duckdb.DuckDBPyConnection", *folders: Path) -> None:
    """Shut everything but the files of some folders, and the lock itself."""
    allowed = ", ".join(quoted(f"{folder.resolve()}/") for folder in folders)
    database.execute(f"SET allowed_directories=[{allowed}]")
    database.execute("SET enable_external_access=false")
    database.execute("SET lock_configuration=true")


class EventStore:
    """A store to be asked.

    Args:
        folder: a finished store.

    Raises:
        UsageError: there is no finished store.
        IntegrityError: its files are not those that were written.
    """

    def __init__(self, folder: Path) -> None:
        card = card_of(folder)
        if card is None:
            raise UsageError(f"{folder} is no finished event store", hint="fill it with --dir, --s3 or --trail")
        if _hashes(folder) != card["sha256"]:
            raise IntegrityError(
                f"the files of the event store {folder} were changed", hint="delete it and fill it again"
            )
        self.folder, self.card = folder, card
        self._kept: duckdb.DuckDBPyConnection | None = None

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Open the store once for all that is asked of it meanwhile: that takes longer than most questions."""
        with database_of(self.folder, self.folder) as database:
            self._kept = database
            try:
                yield
            finally:
                self._kept = None

    @contextmanager
    def database(self) -> Iterator["duckdb.DuckDBPyConnection"]:
        """Open a connection to the store, with temporary tables of its own."""
        if self._kept is None:
            with database_of(self.folder, self.folder) as database:
                yield database
        else:
            with self._kept.cursor() as session, disk_told(self.folder):
                yield session

    def contents(self) -> Contents:
        """Count what lies in the store."""
        with self.database() as database:
            files = database.execute(
                "SELECT count(*) FILTER (state <> 'history'), COALESCE(sum(records), 0),"
                " count(*) FILTER (reason <> ''), COALESCE(sum(unreadable), 0),"
                " count(*) FILTER (state = 'altered') FROM files"
            ).fetchone()
            rest = database.execute(
                "SELECT (SELECT count(*) FROM copies), (SELECT count(*) FROM stored WHERE odd_time IS NOT NULL"
                " OR (eventTime IS NULL))"
            ).fetchone()
        if files is None or rest is None:
            raise IntegrityError(f"the event store {self.folder} cannot be counted")
        return Contents(
            log_files=int(files[0]),
            records=int(files[1]),
            duplicates=int(rest[0]),
            unreadable_files=int(files[2]),
            unreadable_records=int(files[3]),
            undated=int(rest[1]),
            altered=int(files[4]),
            conflicts=len(self.conflicts()),
        )

    def conflicts(self) -> list[dict[str, Any]]:
        """Return the ids that stand for two contents, with all places."""
        return list(read_lines(self.folder / CONFLICT_FILE))

    def unreadable(self, limit: int = 20) -> list[str]:
        """Name the first log files and records that could not be read."""
        with self.database() as database:
            rows = database.execute(
                "SELECT key, reason, lost FROM files WHERE reason <> '' OR unreadable > 0 ORDER BY key, bucket LIMIT ?",
                (limit,),
            ).fetchall()
        return [f"{key}: {reason or '; '.join(lost)}" for key, reason, lost in rows]


def _sources(database: "duckdb.DuckDBPyConnection", folder: Path) -> None:
    """Make the tables that everything else stands on: ``stored``, ``aggregated`` and ``files``."""
    for macro in macros():
        database.execute(macro)
    lists = sorted((folder / FILES).glob("*.ndjson"))
    read = f"read_ndjson({[str(path) for path in lists]}, columns={_FILE_COLUMNS})" if lists else ""
    states = folder / FILES / "states.jsonl"
    if not lists:
        database.execute(
            "CREATE TABLE files (file INTEGER, bucket VARCHAR, key VARCHAR, account VARCHAR, kind VARCHAR,"
            " region VARCHAR, sha256 VARCHAR, state VARCHAR, problem VARCHAR, records INTEGER,"
            " refused INTEGER, unreadable INTEGER, reason VARCHAR, lost VARCHAR[])"
        )
    elif states.is_file():
        database.execute(
            f"CREATE TABLE files AS SELECT f.* REPLACE (COALESCE(s.state, f.state) AS state,"
            f" COALESCE(s.problem, f.problem) AS problem) FROM {read} f LEFT JOIN (SELECT file, last(state) AS state,"
            f" last(problem) AS problem FROM read_ndjson({quoted(states)}, columns={{'file': 'INTEGER', 'state':"
            " 'VARCHAR', 'problem': 'VARCHAR'}) GROUP BY file) s USING (file)"
        )
    else:
        database.execute(f"CREATE TABLE files AS SELECT * FROM {read}")
    database.execute(  # an earlier try failed, a later one did not
        "DELETE FROM files WHERE sha256 = '' AND state IN ('missing', 'unreadable') AND EXISTS"
        " (SELECT 1 FROM files o WHERE o.bucket = files.bucket AND o.key = files.key AND o.sha256 <> '')"
    )
    for name, view in ((EVENTS, "stored"), (AGGREGATED, "aggregated")):
        found = sorted(str(path) for path in (folder / name).glob("*.parquet"))
        rows = f"read_parquet({found})" if found else _empty(view)
        text = f"SELECT * FROM {rows}" if name == AGGREGATED else as_columns(rows)
        database.execute(f"CREATE {'VIEW' if found else 'TABLE'} {view} AS {text}")


def _empty(view: str) -> str:
    """Return an empty table of the right form: a month without one event is still asked."""
    select, columns = (stored(), events_columns()) if view == "stored" else (stored_aggregated(), aggregated_columns())
    return (
        f"(SELECT {select} FROM (SELECT true AS line, 0 AS of_file, 0 AS of_position, *"
        f" FROM read_ndjson('/dev/null', columns={columns})))"
    )

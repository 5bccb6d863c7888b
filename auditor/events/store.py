"""Takes log files in as bytes and keeps their records as Parquet, batch by batch; a killed run goes on at a batch.

A folder holds ``events/*.parquet`` and, for each, ``files/*.ndjson`` with the log files in it: that list is written
last and makes the batch count. Rows in are records split, always: a batch that does not add up stops the run.
"""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from auditor.activity.logbytes import LogBytes
from auditor.activity.split import RECORD_LIMIT
from auditor.base.counts import counted
from auditor.base.errors import IntegrityError
from auditor.events.columns import aggregated_columns, events_columns, stored, stored_aggregated
from auditor.events.lines import Lost, Run, lines_of, mended

if TYPE_CHECKING:
    import duckdb

    from auditor.events.parts import Listed

BATCH_BYTES: Final = 64 << 20
"""JSON of one batch. Measured: larger ones take more memory and save nothing, smaller ones make more files."""
SPOOL_BYTES: Final = 2 << 30
"""JSON waiting on disk over all accounts; beyond, the largest batch is written although it is not full."""
UNREADABLE_NAMED: Final = 1000
"""Records and files that are named one by one; beyond, they are counted."""
EVENTS, FILES, AGGREGATED, WORK = "events", "files", "aggregated", "work"
STRENGTH: Final = ("altered", "valid", "unvouched", "history", "unreadable", "missing")
"""States of a log file: where two trails speak of one, the earlier in this list counts. An alteration is never lost."""
ROW_GROUP: Final = 8192
"""Rows that are written at a time. Measured: more take more memory and no less time, fewer take more time."""
PAGE_BYTES: Final = 1 << 18
"""Bytes of a column that are read together: a question passes over pages in which it wants no row."""
DICTIONARY_BYTES: Final = 1 << 16
"""Bytes of a column's distinct values beyond which it is written value by value: requests soon are."""
FORM: Final = (
    f"(FORMAT parquet, COMPRESSION uncompressed, ROW_GROUP_SIZE {ROW_GROUP},"
    f" STRING_DICTIONARY_PAGE_SIZE_LIMIT {DICTIONARY_BYTES}, DATA_PAGE_SIZE_LIMIT {PAGE_BYTES})"
)
"""How Parquet is written."""

_PLACES: Final = "SELECT file AS of_file, unnest(range(first, first + count)) AS of_position FROM runs"


@dataclass(slots=True)
class _Batch:
    """Records of one account that wait on disk, and the log files they come from."""

    path: Path
    size: int = 0
    records: int = 0
    runs: list[Run] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)


class StoreWriter:
    """Fills a folder. ``take`` may be called from several threads; the batches are written one after the other.

    Args:
        folder: the store; what an interrupted run left there is kept and gone on with.
        batch_bytes: JSON of one batch.
        first: the number of the first log file in a new folder; parts of one store have numbers of their own.
    """

    def __init__(self, folder: Path, *, batch_bytes: int = BATCH_BYTES, first: int = 1) -> None:
        self._folder, self._batch_bytes = folder, batch_bytes
        for name in (EVENTS, FILES, AGGREGATED):
            (folder / name).mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder / WORK, ignore_errors=True)
        (folder / WORK).mkdir()
        self._spare = folder / WORK / "spare"
        self._lock = Lock()
        self._batches: dict[tuple[str, bool], _Batch] = {}
        self._known: dict[bytes, tuple[int, str]] = {}
        self._better: list[dict[str, Any]] = []
        self._kept_keys: set[str] = set()
        self._next_file, self._next_batch = first, 1
        self._resume()
        self._database: duckdb.DuckDBPyConnection | None = None

    def _resume(self) -> None:
        """Take over the batches that an earlier run finished, and drop what it left half done."""
        finished = set()
        for path in sorted((self._folder / FILES).glob("*.ndjson")):
            finished.add(path.stem)
            for row in read_lines(path):
                self._known[_content(row["bucket"], row["key"], row["sha256"])] = (row["file"], row["state"])
                self._kept_keys.add(row["key"])
                self._next_file = max(self._next_file, row["file"] + 1)
            number = path.stem.rpartition("-")[2]
            self._next_batch = max(self._next_batch, int(number) + 1 if number.isdigit() else 1)
        for name in (EVENTS, AGGREGATED):
            for path in (self._folder / name).glob("*.parquet"):
                if path.stem not in finished:
                    path.unlink()

    def holds(self, key: str) -> bool:
        """Tell whether a finished batch holds a file of that key, whatever its content."""
        return key in self._kept_keys

    def proved(self, bucket: str, key: str, sha256: str) -> bool:
        """Tell whether a log file of that content is there already, and a digest vouches for it."""
        known = self._known.get(_content(bucket, key, sha256))
        return known is not None and known[1] == STRENGTH[1]

    def reserve(self, count: int) -> range:
        """Keep as many numbers of log files free for a part that somebody else fills, and return them."""
        with self._lock:
            first = self._next_file
            self._next_file += count
            return range(first, self._next_file)

    def adopt(self, part: Path, places: Collection[tuple[str, str]], numbers: range) -> None:
        """Take in what somebody else filled: a folder of the same form, whose numbers were reserved here.

        Args:
            part: the folder; its files are moved away from there.
            places: bucket and key of the log files that it must hold, and no others.
            numbers: those that were reserved for it.

        Raises:
            IntegrityError: it holds other log files, or other records than its lists say; nothing is taken then.
        """
        from auditor.events.parts import Listed, check_part, without

        lists = tuple(Listed.read(part, path) for path in sorted((part / FILES).glob("*.ndjson")))
        with self._lock:
            check_part(self._connection(), lists, places, numbers)
            for listed in lists:
                known = {row["file"] for row in listed.rows if self._is_known(row)}
                with disk_told(self._folder):
                    without(self._connection(), listed, known)
                if rows := [row for row in listed.rows if row["file"] not in known]:
                    self._put(listed, rows)

    def _is_known(self, row: Mapping[str, Any]) -> bool:
        """Tell whether a row's log file is there already; what is better about it now is noted."""
        known = self._known.get(_content(row["bucket"], row["key"], row["sha256"]))
        if known is not None:
            self._note_better(
                known, LogBytes(row["bucket"], row["key"], row["state"], row["problem"], row["sha256"], None)
            )
        return known is not None

    def _put(self, listed: "Listed", rows: list[dict[str, Any]]) -> None:
        """Move a checked batch into its place; the list of its files last, by renaming."""
        name = f"{listed.account}-{self._next_batch:05d}"
        self._next_batch += 1
        for kind, source in listed.tables.items():
            partial = self._folder / WORK / f"{name}.parquet"
            shutil.move(source, partial)
            partial.replace(self._folder / kind / f"{name}.parquet")
        write_lines(self._folder / WORK / f"{name}.files", rows)
        (self._folder / WORK / f"{name}.files").replace(self._folder / FILES / f"{name}.ndjson")
        for row in rows:
            self._known[_content(row["bucket"], row["key"], row["sha256"])] = (row["file"], row["state"])

    def take(self, log: LogBytes) -> None:
        """Take one log file in; one that is there already, with the same content, is not read again."""
        with self._lock:
            content = _content(log.bucket, log.key, log.sha256)
            if known := self._known.get(content):
                self._note_better(known, log)
                return
            number = self._next_file
            self._next_file += 1
            self._known[content] = (number, log.state)
        lines = lines_of(log, number)
        with self._lock:
            batch = self._batch(lines.row)
            if lines.text:
                with batch.path.open("r+b", buffering=0) as file:
                    file.seek(batch.size)
                    batch.size += file.write(lines.text)
            batch.records += lines.row["records"]
            batch.runs += lines.runs
            batch.files.append(lines.row)
            batch.lost += lines.lost
            self._write_full()

    def _note_better(self, known: tuple[int, str], log: LogBytes) -> None:
        """Note what another trail's digests say of a file that is there already, where that counts for more."""
        number, state = known
        if STRENGTH.index(log.state) < STRENGTH.index(state):
            self._known[_content(log.bucket, log.key, log.sha256)] = (number, log.state)
            self._better.append({"file": number, "state": log.state, "problem": log.problem})

    def _batch(self, row: Mapping[str, Any]) -> _Batch:
        group = (str(row["account"]), row["kind"] == "CloudTrail-Aggregated")
        if group not in self._batches:
            batch = _Batch(self._folder / WORK / f"{group[0]}{'-a' if group[1] else ''}.ndjson")
            if self._spare.exists():  # written over, which takes half the time of a new file
                self._spare.replace(batch.path)
            batch.path.touch()
            self._batches[group] = batch
        return self._batches[group]

    def _write_full(self) -> None:
        waiting = sum(batch.size for batch in self._batches.values())
        for group, batch in sorted(self._batches.items(), key=lambda item: -item[1].size):
            if batch.size < self._batch_bytes and waiting < SPOOL_BYTES:
                return
            waiting -= batch.size
            self._write(group, batch)

    def _write(self, group: tuple[str, bool], batch: _Batch) -> None:
        """Write one batch as Parquet; the list of its files last, by renaming."""
        del self._batches[group]
        account, aggregated = group
        name = f"{account}-{self._next_batch:05d}"
        self._next_batch += 1
        if batch.records:
            target = self._folder / (AGGREGATED if aggregated else EVENTS) / f"{name}.parquet"
            self._ingest(batch, target, aggregated=aggregated)
        lost: dict[int, list[Lost]] = {}
        for item in batch.lost:
            lost.setdefault(item.file, []).append(item)
        for row in batch.files:
            late = sum(item.late for item in lost.get(row["file"], ()))
            row["records"] -= late
            row["refused"] += late
            row["lost"] = [item.words() for item in lost.get(row["file"], ())][:UNREADABLE_NAMED]
            row["unreadable"] = sum(not item.repaired for item in lost.get(row["file"], ()))
        partial = self._folder / WORK / f"{name}.files"
        write_lines(partial, batch.files)
        partial.replace(self._folder / FILES / f"{name}.ndjson")
        batch.path.replace(self._spare)

    def _ingest(self, batch: _Batch, target: Path, *, aggregated: bool) -> None:
        import duckdb

        partial = self._folder / WORK / target.name
        if batch.path.stat().st_size < batch.size:
            raise IntegrityError(f"a batch of records ends early ({batch.path.name})", hint="start again")
        os.truncate(batch.path, batch.size)  # behind it may stand what is left of an earlier batch
        with disk_told(self._folder):
            try:
                rows = self._copy(batch, partial, aggregated=aggregated)
            except duckdb.InvalidInputException:
                batch.runs, lost = mended(batch.path, batch.runs)
                batch.lost += lost
                rows = self._copy(batch, partial, aggregated=aggregated)
        refused = sum(item.late for item in batch.lost)
        if rows != batch.records - refused:
            raise IntegrityError(
                f"{rows:,} of {counted(batch.records, 'record')} of a batch became rows ({target.name})",
                hint="please report it; nothing of this batch was kept",
            )
        if rows:
            partial.replace(target)

    def _copy(self, batch: _Batch, target: Path, *, aggregated: bool) -> int:
        """Write lines as rows. Both sides of the join stay in their order, because one thread reads them."""
        database = self._connection()
        database.execute(
            "CREATE OR REPLACE TEMP TABLE runs AS SELECT unnest($files)::INTEGER AS file,"
            " unnest($firsts)::INTEGER AS first, unnest($counts)::INTEGER AS count",
            {
                "files": [run.file for run in batch.runs],
                "firsts": [run.first for run in batch.runs],
                "counts": [run.count for run in batch.runs],
            },
        )
        columns, select = (aggregated_columns(), stored_aggregated()) if aggregated else (events_columns(), stored())
        answer = database.execute(
            f"COPY (SELECT {select} FROM (SELECT true AS line, * FROM read_ndjson({quoted(batch.path)},"
            f" columns={columns}, maximum_object_size={RECORD_LIMIT + 1024}, compression='uncompressed'))"
            f" POSITIONAL JOIN ({_PLACES})) TO {quoted(target)} {FORM}"
        )
        row = answer.fetchone()
        return int(row[0]) if row else 0

    def _connection(self) -> "duckdb.DuckDBPyConnection":
        if self._database is None:
            self._database = connect(self._folder / WORK, threads=1)
        return self._database

    def flush(self) -> None:
        """Write what waits, also batches that are not full."""
        with self._lock:
            for group, batch in sorted(self._batches.items()):
                self._write(group, batch)
            if self._better:
                path, partial = self._folder / FILES / "states.jsonl", self._folder / WORK / "states"
                write_lines(partial, [*(read_lines(path) if path.is_file() else ()), *self._better])
                partial.replace(path)  # whole, or as it was: what is noted there may be an alteration
                self._better = []

    def close(self) -> None:
        """Give the database back and remove the work files; what was not flushed is read again next time."""
        if self._database is not None:
            self._database.close()
            self._database = None
        shutil.rmtree(self._folder / WORK, ignore_errors=True)


def _content(bucket: str, key: str, sha256: str) -> bytes:
    """Return what stands for a log file's place and content: all of them are remembered, and there may be a million."""
    named = f"{bucket}\n{key}\n{sha256}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(named, digest_size=16).digest()


def connect(work: Path | None = None, *, memory: str = "512MB", threads: int = 2) -> "duckdb.DuckDBPyConnection":
    """Open DuckDB with the settings that keep it small, in UTC, and without a network."""
    import duckdb

    database = duckdb.connect(":memory:")
    database.execute(
        f"SET threads={threads}; SET memory_limit='{memory}'; SET preserve_insertion_order=false;"
        "SET GLOBAL TimeZone='UTC'; SET autoinstall_known_extensions=false; SET autoload_known_extensions=false;"
    )
    if work is not None:
        database.execute(f"SET temp_directory={quoted(work / 'spill')}")
    return database


@contextmanager
def disk_told(folder: Path) -> Iterator[None]:
    """Tell of a disk that DuckDB cannot write to as the system tells it, so that it is no mistake of ours.

    Raises:
        OSError: the disk is full, or broken.
    """
    import duckdb

    try:
        yield
    except duckdb.IOException as error:
        full = os.strerror(errno.ENOSPC) in str(error)
        number = errno.ENOSPC if full else errno.EIO
        words = os.strerror(number) if full else str(error).splitlines()[0]
        raise OSError(number, words, str(folder)) from error


def quoted(text: object) -> str:
    """Return a text as SQL writes it."""
    return "'" + str(text).replace("'", "''") + "'"


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file of ours."""
    with path.open("rb") as file:
        for line in file:
            yield json.loads(line)


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write objects, one a line."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=True, separators=(",", ":")) + "\n" for row in rows)

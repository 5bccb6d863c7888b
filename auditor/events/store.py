"""Takes log files in as bytes and keeps their records as Parquet, batch by batch; a killed run goes on at a batch.

A folder holds ``events/*.parquet`` and, for each, ``files/*.ndjson`` with the log files in it: that list is written
last and makes the batch count. Rows in are records split, always: a batch that does not add up stops the run.
"""

import json
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from auditor.base.errors import IntegrityError
from auditor.events.columns import aggregated_columns, events_columns, stored, stored_aggregated
from auditor.events.repair import Unreadable, repaired
from auditor.events.split import RECORD_LIMIT, Unsplittable, split

if TYPE_CHECKING:
    import duckdb

BATCH_BYTES: Final = 64 << 20
"""JSON of one batch. Measured: larger ones take more memory and save nothing, smaller ones make more files."""
SPOOL_BYTES: Final = 2 << 30
"""JSON waiting on disk over all accounts; beyond, the largest batch is written although it is not full."""
UNREADABLE_NAMED: Final = 1000
"""Records and files that are named one by one; beyond, they are counted."""
EVENTS, FILES, AGGREGATED, WORK = "events", "files", "aggregated", "work"
STRENGTH: Final = ("altered", "valid", "unvouched", "history", "unreadable", "missing")
"""States of a log file: where two trails speak of one, the earlier in this list counts. An alteration is never lost."""

_PLACE: Final = re.compile(r"(?:^|/)AWSLogs/(?:o-[a-z0-9]{10,32}/)?([0-9]{12})/(CloudTrail[A-Za-z-]*)/([a-z0-9-]+)/")
_OPEN: Final = ord("{")
_SHORT: Final = 16


@dataclass(frozen=True, slots=True)
class LogBytes:
    """One log file as it comes in.

    Args:
        bucket: where it lies.
        key: its key, or what stands for one.
        state: ``valid``, ``altered``, ``missing``, ``unreadable``, ``unvouched`` (no digest names it) or ``history``
            (records of Event history, which no digest proves).
        problem: kind of the finding about it, empty when there is none.
        sha256: of the inflated bytes.
        data: the inflated bytes; None when there are none to be had.
    """

    bucket: str
    key: str
    state: str
    problem: str
    sha256: str
    data: bytes | None


@dataclass(slots=True)
class _Batch:
    """Records of one account that wait on disk, and the log files they come from."""

    path: Path
    size: int = 0
    records: int = 0
    files: list[dict[str, Any]] = field(default_factory=list)
    lost: list[dict[str, Any]] = field(default_factory=list)


class StoreWriter:
    """Fills a folder. ``take`` may be called from several threads; the batches are written one after the other.

    Args:
        folder: the store; what an interrupted run left there is kept and gone on with.
        batch_bytes: JSON of one batch.
    """

    def __init__(self, folder: Path, *, batch_bytes: int = BATCH_BYTES) -> None:
        self._folder, self._batch_bytes = folder, batch_bytes
        for name in (EVENTS, FILES, AGGREGATED):
            (folder / name).mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder / WORK, ignore_errors=True)
        (folder / WORK).mkdir()
        self._lock = Lock()
        self._tag = f"t{secrets.token_hex(12)}"
        self._batches: dict[tuple[str, bool], _Batch] = {}
        self._known: dict[tuple[str, str, str], tuple[int, str]] = {}
        self._better: list[dict[str, Any]] = []
        self._kept_keys: set[str] = set()
        self._next_file = self._next_batch = 1
        self._resume()
        self._database: duckdb.DuckDBPyConnection | None = None

    def _resume(self) -> None:
        """Take over the batches that an earlier run finished, and drop what it left half done."""
        finished = set()
        for path in sorted((self._folder / FILES).glob("*.ndjson")):
            finished.add(path.stem)
            for row in read_lines(path):
                self._known[row["bucket"], row["key"], row["sha256"]] = (row["file"], row["state"])
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

    def take(self, log: LogBytes) -> None:
        """Take one log file in; one that is there already, with the same content, is not read again."""
        with self._lock:
            known = self._known.get((log.bucket, log.key, log.sha256))
            if known is not None:
                self._note_better(known, log)
                return
            number = self._next_file
            self._next_file += 1
            self._known[log.bucket, log.key, log.sha256] = (number, log.state)
        lines, row, lost = _lines(log, number, self._tag)
        with self._lock:
            batch = self._batch(row)
            if lines:
                with batch.path.open("ab") as file:
                    batch.size += file.write(lines)
            batch.records += row["records"]
            batch.files.append(row)
            batch.lost += lost
            self._write_full()

    def _note_better(self, known: tuple[int, str], log: LogBytes) -> None:
        """Note what another trail's digests say of a file that is there already, where that counts for more."""
        number, state = known
        if STRENGTH.index(log.state) < STRENGTH.index(state):
            self._known[log.bucket, log.key, log.sha256] = (number, log.state)
            self._better.append({"file": number, "state": log.state, "problem": log.problem})

    def _batch(self, row: Mapping[str, Any]) -> _Batch:
        group = (str(row["account"]), row["kind"] == "CloudTrail-Aggregated")
        if group not in self._batches:
            self._batches[group] = _Batch(self._folder / WORK / f"{group[0]}{'-a' if group[1] else ''}.ndjson")
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
        lost: dict[int, list[dict[str, Any]]] = {}
        for item in batch.lost:
            lost.setdefault(item["file"], []).append(item)
        for row in batch.files:
            late = sum(item["late"] for item in lost.get(row["file"], ()))
            row["records"] -= late
            row["refused"] += late
            row["lost"] = [item["reason"] for item in lost.get(row["file"], ())][:UNREADABLE_NAMED]
            row["unreadable"] = sum(not item["repaired"] for item in lost.get(row["file"], ()))
        partial = self._folder / WORK / f"{name}.files"
        write_lines(partial, batch.files)
        partial.replace(self._folder / FILES / f"{name}.ndjson")
        batch.path.unlink(missing_ok=True)

    def _ingest(self, batch: _Batch, target: Path, *, aggregated: bool) -> None:
        import duckdb

        partial = self._folder / WORK / target.name
        try:
            rows = self._copy(batch.path, partial, aggregated=aggregated)
        except duckdb.InvalidInputException:
            batch.lost += _mended(batch.path, self._tag)
            rows = self._copy(batch.path, partial, aggregated=aggregated)
        refused = sum(not item["repaired"] and item["position"] >= 0 and item["late"] for item in batch.lost)
        if rows != batch.records - refused:
            raise IntegrityError(
                f"{rows} of {batch.records} records of a batch became rows ({target.name})",
                hint="please report it; nothing of this batch was kept",
            )
        if rows:
            partial.replace(target)

    def _copy(self, source: Path, target: Path, *, aggregated: bool) -> int:
        columns = aggregated_columns(self._tag) if aggregated else events_columns(self._tag)
        select = stored_aggregated(self._tag) if aggregated else stored(self._tag)
        answer = self._connection().execute(
            f"COPY (SELECT {select} FROM read_ndjson({quoted(source)}, columns={columns},"
            f" maximum_object_size={RECORD_LIMIT + 1024}, compression='uncompressed'))"
            f" TO {quoted(target)} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
        )
        row = answer.fetchone()
        return int(row[0]) if row else 0

    def _connection(self) -> "duckdb.DuckDBPyConnection":
        if self._database is None:
            self._database = connect(self._folder / WORK)
        return self._database

    def flush(self) -> None:
        """Write what waits, also batches that are not full."""
        with self._lock:
            for group, batch in sorted(self._batches.items()):
                self._write(group, batch)
            if self._better:
                path = self._folder / FILES / "states.jsonl"
                write_lines(path, [*(read_lines(path) if path.is_file() else ()), *self._better])
                self._better = []

    def close(self) -> None:
        """Give the database back and remove the work files; what was not flushed is read again next time."""
        if self._database is not None:
            self._database.close()
            self._database = None
        shutil.rmtree(self._folder / WORK, ignore_errors=True)


def connect(work: Path | None = None, *, memory: str = "512MB") -> "duckdb.DuckDBPyConnection":
    """Open DuckDB with the settings that keep it small, in UTC, and without a network."""
    import duckdb

    database = duckdb.connect(":memory:")
    database.execute(
        f"SET threads=2; SET memory_limit='{memory}'; SET preserve_insertion_order=false; SET TimeZone='UTC';"
        "SET autoinstall_known_extensions=false; SET autoload_known_extensions=false;"
    )
    if work is not None:
        database.execute(f"SET temp_directory={quoted(work / 'spill')}")
    return database


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


# --------------------------------------------------------------------------------------------------- one log file


def _lines(log: LogBytes, number: int, tag: str) -> tuple[bytes, dict[str, Any], list[dict[str, Any]]]:
    """Return the lines of one log file, its row in the list of files, and the records that are none."""
    match = _PLACE.search(log.key)
    account, kind, region = match.groups() if match else ("unknown", "CloudTrail", "")
    row: dict[str, Any] = {
        "file": number,
        "bucket": log.bucket,
        "key": log.key,
        "account": account,
        "kind": kind,
        "region": region,
        "sha256": log.sha256,
        "state": log.state,
        "problem": log.problem,
        "records": 0,
        "refused": 0,
        "reason": "",
    }
    if log.data is None:
        row["reason"] = log.problem or "it could not be read"
        return b"", row, []
    try:
        parts = split(log.data)
    except Unsplittable as problem:
        row["reason"] = str(problem)
        return b"", row, []
    lost: list[dict[str, Any]] = []
    if parts.checked:
        lines, count = _quick(parts.records, number, tag, lost, several=b"\n" in log.data.strip())
    else:
        lines, count = _slow(parts.records, number, tag, lost)
    row["records"] = count
    row["refused"] = len(parts.records) - count
    return lines, row, lost


def _quick(
    records: Sequence[memoryview], number: int, tag: str, lost: list[dict[str, Any]], *, several: bool
) -> tuple[bytes, int]:
    """Put the place in front of each record's closing brace. ``several``: the file has more than one line."""
    middle = b',"%s":"%d:%%d"}\n' % (tag.encode(), number)
    parts: list[bytes | memoryview] = []
    for position, record in enumerate(records):
        if len(record) < _SHORT or len(record) > RECORD_LIMIT or record[0] != _OPEN:
            line = _special(record, number, position, tag, lost)
            if line:
                parts += (line, b"")
            continue
        body = bytes(record[:-1]).replace(b"\n", b" ") if several else record[:-1]
        parts += (body, middle % position)
    return b"".join(parts), len(parts) // 2


def _special(record: memoryview, number: int, position: int, tag: str, lost: list[dict[str, Any]]) -> bytes:
    """Return the line of a record that is very short, very long or no object; empty where it can be none."""
    try:
        line, _ = repaired(bytes(record))
    except Unreadable as problem:
        lost.append(_lost(number, position, str(problem)))
        return b""
    return _placed(line, number, position, tag)


def _placed(line: bytes, number: int, position: int, tag: str) -> bytes:
    comma = b"" if line == b"{}" else b","
    return b'%s%s"%s":"%d:%d"}\n' % (line[:-1], comma, tag.encode(), number, position)


def _slow(records: Sequence[memoryview], number: int, tag: str, lost: list[dict[str, Any]]) -> tuple[bytes, int]:
    """Look at each record alone, because the file as a whole was refused."""
    lines: list[bytes] = []
    for position, record in enumerate(records):
        try:
            line, note = repaired(bytes(record))
        except Unreadable as problem:
            lost.append(_lost(number, position, str(problem)))
            continue
        if note:
            lost.append(_lost(number, position, note, repaired_=True))
        lines.append(_placed(line, number, position, tag))
    return b"".join(lines), len(lines)


def _lost(number: int, position: int, reason: str, *, repaired_: bool = False, late: bool = False) -> dict[str, Any]:
    return {
        "file": number,
        "position": position,
        "reason": f"record {position}: {reason}",
        "repaired": repaired_,
        "late": late,
    }


def _mended(path: Path, tag: str) -> list[dict[str, Any]]:
    """Rewrite a batch that was refused as a whole, record by record; return what was changed or left out."""
    lost: list[dict[str, Any]] = []
    mark = b'"%s":"' % tag.encode()
    partial = path.with_suffix(".mended")
    with path.open("rb") as source, partial.open("wb") as target:
        for line in source:
            body, _, place = line.rstrip(b"\n").rpartition(mark)
            number, _, position = place.rstrip(b'"}').partition(b":")
            try:
                clean, note = repaired(body.rstrip(b",") + b"}")
            except Unreadable as problem:
                lost.append(_lost(int(number), int(position), str(problem), late=True))
                continue
            if note:
                lost.append(_lost(int(number), int(position), note, repaired_=True))
            target.write(_placed(clean, int(number), int(position), tag))
    partial.replace(path)
    return lost

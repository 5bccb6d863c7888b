"""Keeps the small records of a run in a SQLite file, so that memory stays flat however many objects a trail has.

One writer: the run's own thread. The file is scratch and goes with the process, however that ends. The checkpoint is
another file, which survives an interrupted run and holds only what that run has verified itself.
"""

import json
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_SCHEMA: Final = """
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA cache_size = -2048;
    PRAGMA temp_store = FILE;
    CREATE TABLE raw (digest INTEGER PRIMARY KEY, bucket TEXT, key TEXT, body BLOB, metadata TEXT);
    CREATE TABLE named (
        digest INTEGER, position INTEGER, bucket TEXT, key TEXT, sha256 TEXT, algorithm TEXT,
        PRIMARY KEY (digest, position)
    ) WITHOUT ROWID;
    CREATE TABLE accepted (digest INTEGER PRIMARY KEY);
    CREATE TABLE entry (
        id INTEGER PRIMARY KEY, digest INTEGER, bucket TEXT, key TEXT, sha256 TEXT, algorithm TEXT,
        state INTEGER NOT NULL DEFAULT 0, UNIQUE (bucket, key)
    );
    CREATE TABLE listed (
        bucket TEXT, key TEXT, chain INTEGER, minute INTEGER, size INTEGER, modified INTEGER, etag TEXT,
        PRIMARY KEY (bucket, key)
    ) WITHOUT ROWID;
    CREATE TABLE problem (entry INTEGER, level INTEGER, kind TEXT, expected TEXT, found TEXT);
    CREATE TABLE extra (bucket TEXT, key TEXT, chain INTEGER, minute INTEGER, size INTEGER, modified INTEGER);
    CREATE TABLE other (bucket TEXT, key TEXT, PRIMARY KEY (bucket, key)) WITHOUT ROWID;
"""

STATES: Final = ("unchecked", "valid", "altered", "missing", "unreadable", "unvouched")
"""What ``entry.state`` counts: the numbers are positions in this tuple."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A log file to check, as a proved digest vouches for it; with the listing's row where there is one."""

    id: int
    digest: int
    bucket: str
    key: str
    sha256: str
    algorithm: str
    size: int | None
    modified: int | None
    etag: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one log file; ``level`` only sorts."""

    entry: int
    state: str
    level: int
    kind: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Extra:
    """A log object that no digest of this trail lists."""

    bucket: str
    key: str
    chain: int
    minute: datetime | None
    size: int
    modified: datetime | None


class Spool:
    """The scratch file of one run."""

    def __init__(self) -> None:
        with tempfile.TemporaryDirectory(prefix="auditor-trail-") as folder:
            self._db = sqlite3.connect(Path(folder) / "spool.sqlite", isolation_level=None)
            self._db.executescript(_SCHEMA)  # opens the file, which has no name any more from here on
        self._digests = 0

    def close(self) -> None:
        """Remove the scratch file."""
        self._db.close()

    # -- listing

    def add_listed(self, rows: Iterable[tuple[str, str, int, int | None, int, int | None, str]]) -> None:
        """Note log objects found: bucket, key, chain, minute (epoch), size, modified (epoch), etag."""
        with self._transaction():
            self._db.executemany("INSERT OR IGNORE INTO listed VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    # -- digests

    def add_digest(
        self,
        place: tuple[str, str],
        body: bytes,
        metadata: Mapping[str, str],
        logs: Iterable[tuple[str, str, str, str]],
    ) -> int:
        """Keep a digest's bytes for the archive and the log files it names: bucket, key, SHA-256, algorithm.

        Returns:
            The digest's number in this file.
        """
        self._digests += 1
        with self._transaction():
            text = json.dumps(dict(metadata), sort_keys=True)
            self._db.execute("INSERT INTO raw VALUES (?, ?, ?, ?, ?)", (self._digests, *place, bytes(body), text))
            self._name(self._digests, logs)
        return self._digests

    def add_other_digest(self, logs: Iterable[tuple[str, str, str, str]]) -> int:
        """Keep the log files that another trail's digest names, which is not archived; return its number."""
        self._digests += 1
        with self._transaction():
            self._name(self._digests, logs)
        return self._digests

    def _name(self, digest: int, logs: Iterable[tuple[str, str, str, str]]) -> None:
        rows = ((digest, position, *log) for position, log in enumerate(logs))
        self._db.executemany("INSERT INTO named VALUES (?, ?, ?, ?, ?, ?)", rows)

    def digest_buckets(self) -> tuple[str, ...]:
        """Return the buckets that digests were fetched from."""
        return tuple(bucket for (bucket,) in self._db.execute("SELECT DISTINCT bucket FROM raw ORDER BY bucket"))

    def digest(self, number: int) -> tuple[str, str, bytes]:
        """Return bucket, key and stored bytes of a digest that was fetched."""
        bucket, key, body = self._db.execute("SELECT bucket, key, body FROM raw WHERE digest = ?", (number,)).fetchone()
        return bucket, key, body

    def digests(self) -> Iterator[tuple[str, str, bytes, dict[str, str]]]:
        """Yield bucket, key, stored bytes and metadata of every digest fetched, by key."""
        for *place, body, metadata in self._db.execute(
            "SELECT bucket, key, body, metadata FROM raw ORDER BY key, bucket"
        ):
            yield *place, body, json.loads(metadata)

    def accept(self, digests: Sequence[tuple[int, str]]) -> None:
        """Make entries of what proved digests name, in their order.

        Args:
            digests: the digest's number, and a bound: log files whose time is at or after it are left out
                (``""`` for none), compared as ``YYYYMMDDTHHMM`` within the name.
        """
        with self._transaction():
            for digest, bound in digests:
                self._db.execute("INSERT OR IGNORE INTO accepted VALUES (?)", (digest,))
                self._db.execute(
                    "INSERT OR IGNORE INTO entry (digest, bucket, key, sha256, algorithm)"
                    " SELECT digest, bucket, key, sha256, algorithm FROM named WHERE digest = ?1"
                    " AND (?2 = '' OR substr(key, -39, 13) < ?2) ORDER BY position",
                    (digest, bound),
                )

    def twice(self) -> list[tuple[str, str, int, int, str, str]]:
        """Return log files that two accepted digests name: bucket, key, both digests, both hashes."""
        rows = self._db.execute(
            "SELECT entry.bucket, entry.key, entry.digest, named.digest, entry.sha256, named.sha256 FROM named"
            " JOIN entry ON entry.bucket = named.bucket AND entry.key = named.key AND entry.digest <> named.digest"
            " WHERE named.digest IN (SELECT digest FROM accepted) ORDER BY entry.key, named.digest LIMIT 1000"
        )
        return rows.fetchall()

    # -- log files

    def entries(self, after: int, count: int) -> list[Entry]:
        """Return the next entries by number."""
        rows = self._db.execute(
            "SELECT entry.id, entry.digest, entry.bucket, entry.key, sha256, algorithm, size, modified,"
            " coalesce(etag, '') FROM entry LEFT JOIN listed ON listed.bucket = entry.bucket AND listed.key = entry.key"
            " WHERE entry.id > ? ORDER BY entry.id LIMIT ?",
            (after, count),
        )
        return [Entry(*row) for row in rows]

    def entry_count(self) -> int:
        """Return how many log files are to be checked."""
        return int(self._db.execute("SELECT count(*) FROM entry").fetchone()[0])

    def names_any(self, folder: str) -> bool:
        """Tell whether a digest names a file in such a folder."""
        row = self._db.execute("SELECT 1 FROM entry WHERE instr('/' || key, ?) > 0 LIMIT 1", (folder,)).fetchone()
        return row is not None

    def settle(self, entries: Sequence[int], problems: Sequence["Problem"]) -> None:
        """Mark entries valid, apart from those with a problem."""
        with self._transaction():
            for first, last in _runs(entries):
                self._db.execute("UPDATE entry SET state = 1 WHERE id BETWEEN ? AND ?", (first, last))
            for item in problems:
                self._db.execute("UPDATE entry SET state = ? WHERE id = ?", (STATES.index(item.state), item.entry))
                self._db.execute(
                    "INSERT INTO problem VALUES (?, ?, ?, ?, ?)",
                    (item.entry, item.level, item.kind, item.expected, item.found),
                )

    def problems(self) -> Iterator[tuple[int, str, str, str, str, str]]:
        """Yield the problems, worst first: digest, bucket, key, kind, expected, found."""
        yield from self._db.execute(
            "SELECT digest, bucket, key, kind, expected, found FROM problem JOIN entry ON entry.id = problem.entry"
            " ORDER BY level DESC, entry.id"
        )

    def unchecked_hours(self) -> Iterator[tuple[int, str]]:
        """Yield digest and hour (``YYYYMMDDTHH``) of entries the run did not reach."""
        yield from self._db.execute("SELECT DISTINCT digest, substr(key, -39, 11) FROM entry WHERE state = 0")

    def counts_by_digest(self) -> Iterator[tuple[int, str, int]]:
        """Yield digest, state and how many of its log files are in it."""
        for digest, state, count in self._db.execute(
            "SELECT digest, state, count(*) FROM entry GROUP BY digest, state ORDER BY digest, state"
        ):
            yield digest, STATES[state], count

    # -- log objects without digest

    def forget_listed(self, chains: Iterable[int]) -> None:
        """Forget the log objects of chains that turned out to be other trails' alone."""
        with self._transaction():
            self._db.executemany("DELETE FROM listed WHERE chain = ?", ((chain,) for chain in chains))

    def find_extra(self) -> int:
        """Collect the log objects no entry and no other trail's digest accounts for; return how many."""
        with self._transaction():
            self._db.execute("DELETE FROM extra")
            self._db.execute(
                "INSERT INTO extra SELECT bucket, key, chain, minute, size, modified FROM listed"
                " WHERE NOT EXISTS (SELECT 1 FROM entry WHERE entry.bucket = listed.bucket AND entry.key = listed.key)"
                " AND NOT EXISTS (SELECT 1 FROM other WHERE other.bucket = listed.bucket AND other.key = listed.key)"
            )
        return int(self._db.execute("SELECT count(*) FROM extra").fetchone()[0])

    def accept_other(self, digests: Iterable[int]) -> None:
        """Let proved digests of other trails account for the log files they name."""
        with self._transaction():
            self._db.executemany(
                "INSERT OR IGNORE INTO other SELECT bucket, key FROM named WHERE digest = ?",
                ((digest,) for digest in digests),
            )

    def extras(self) -> Iterator[Extra]:
        """Yield the log objects without digest, by key."""
        for bucket, key, chain, minute, size, modified in self._db.execute(
            "SELECT bucket, key, chain, minute, size, modified FROM extra ORDER BY key, bucket"
        ):
            yield Extra(bucket, key, chain, _moment(minute), size, _moment(modified))

    def extra_between(self, chain: int, start: datetime, end: datetime) -> int:
        """Return how many log objects without digest lie in ``[start, end)``."""
        row = self._db.execute(
            "SELECT count(*) FROM extra WHERE chain = ? AND minute >= ? AND minute < ?",
            (chain, int(start.timestamp()), int(end.timestamp())),
        ).fetchone()
        return int(row[0])

    def objects(self) -> Iterator[tuple[str, str, str, str]]:
        """Yield every log object known: bucket, key, SHA-256 vouched for (or empty) and state, by key."""
        for bucket, key, sha256, state in self._db.execute(
            "SELECT bucket, key, sha256, state FROM entry UNION ALL SELECT bucket, key, '', 5 FROM extra ORDER BY 2, 1"
        ):
            yield bucket, key, sha256, STATES[state]

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._db)


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield first and last of each stretch of consecutive numbers; they come in ascending order."""
    first = last = None
    for number in numbers:
        if first is None or last is None or number != last + 1:
            if first is not None and last is not None:
                yield first, last
            first = number
        last = number
    if first is not None and last is not None:
        yield first, last


class _Transaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN")

    def __exit__(self, *_: object) -> None:
        self._db.execute("COMMIT")


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


class Checkpoint:
    """Log files that an interrupted run verified: skipped when the same object is listed again, unchanged.

    An entry counts only while the proved digest asks for the same hash and the store lists the object with the same
    ETag, size and time; the digests themselves are always verified anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS done (bucket TEXT, key TEXT, sha256 TEXT, etag TEXT, size INTEGER,"
            " modified INTEGER, PRIMARY KEY (bucket, key)) WITHOUT ROWID"
        )

    def knows(self, entry: Entry) -> bool:
        """Tell whether this very object was verified before."""
        if not entry.etag or not entry.sha256:
            return False
        row = self._db.execute(
            "SELECT sha256, etag, size, modified FROM done WHERE bucket = ? AND key = ?", (entry.bucket, entry.key)
        ).fetchone()
        return bool(row == (entry.sha256, entry.etag, entry.size, entry.modified))

    def add(self, entries: Iterable[Entry]) -> None:
        """Note verified log files."""
        rows = [(e.bucket, e.key, e.sha256, e.etag, e.size, e.modified) for e in entries if e.etag]
        with _Transaction(self._db):
            self._db.executemany("INSERT OR REPLACE INTO done VALUES (?, ?, ?, ?, ?, ?)", rows)

    def close(self, *, finished: bool) -> None:
        """Close the file; a finished run needs it no more."""
        self._db.close()
        if finished:
            self._path.unlink(missing_ok=True)

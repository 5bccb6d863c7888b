"""Streams the log files that proved digests name: get, inflate, hash, forget. Step 6 of a verification."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from auditor.base.period import rfc3339
from auditor.trail.chain import TrailEvent
from auditor.trail.fetch import Unavailable
from auditor.trail.findings import KINDS, Finding
from auditor.trail.gunzip import HEADER_LENGTH, Damaged, inflate
from auditor.trail.names import parse_log_key
from auditor.trail.notable import ROW_LIMIT, Row, notable_document, notable_row, trail_event
from auditor.trail.report import TrailScope
from auditor.trail.spool import Checkpoint, Entry, Problem
from auditor.trail.state import State

LOG_LIMIT: Final = 1 << 29
"""Inflated bytes of one log file: 512 MiB. CloudTrail's own stay below a tenth of that."""
BATCH_LEAST: Final = 8
BATCH_MOST: Final = 32
BATCH_SECONDS: Final = 0.02
"""Log files per task: as many as take about so long, which amortises what handing over a task costs."""
ENTRIES: Final = 2048
"""Entries read from the spool at a time."""
BATCH_BYTES: Final = 1 << 20
LOG_BUDGET: Final = 1 << 25
"""Stored bytes of log files under way."""
CHECKPOINT_EVERY: Final = 400
"""Verified log files between two writes to the checkpoint: a killed run loses at most these."""
HEADER_VARIANTS: Final = 32
OnRecord = Callable[[Mapping[str, Any], str, bool], None]
"""Called with each record, its log file's key and whether that is verified. From several threads."""


@dataclass(frozen=True, slots=True)
class ReadLog:
    """One log file as it was read, with what the digests say of it.

    Args:
        bucket: where it lies.
        key: its key.
        state: ``valid``, ``altered``, ``missing``, ``unreadable`` or ``unvouched`` (no digest names it).
        problem: kind of the finding about it; empty when there is none.
        sha256: of ``data``, as it was read; empty without.
        data: the inflated bytes; None when there are none to be had.
    """

    bucket: str
    key: str
    state: str
    problem: str
    sha256: str
    data: bytes | None


OnLog = Callable[[ReadLog], None]
"""Called once for each log file that a digest names or that lies beside those. From several threads."""
_DAMAGES: Final[Mapping[str, str]] = {
    "damaged": "damaged",
    "truncated": "truncated",
    "trailing": "trailing_bytes",
    "too_large": "too_large",
}


@dataclass(slots=True)
class Checked:
    """The outcome of one batch of log files."""

    problems: list[Problem] = field(default_factory=list)
    valid: list[Entry] = field(default_factory=list)
    stored: int = 0
    inflated: int = 0
    fastest: float = float("inf")
    headers: dict[bytes, list[str]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    trail_events: list[TrailEvent] = field(default_factory=list)
    records: int = 0
    files: int = 0
    unread: int = 0
    """Log files whose records could not be read, although nothing is wrong with their bytes."""


class LogPass:
    """Step 6.

    Args:
        state: what the verification knows.
        events: whether to read all records and collect the notable ones.
        on_record: called with every record read, from several threads.
        checkpoint: what an earlier, interrupted run verified.
        on_log: called with every log file, from several threads.
    """

    def __init__(
        self,
        state: State,
        *,
        events: bool,
        on_record: OnRecord | None,
        checkpoint: Checkpoint | None,
        on_log: OnLog | None = None,
    ) -> None:
        self._state = state
        self._events, self._on_record, self._checkpoint, self._on_log = events, on_record, checkpoint, on_log
        self._headers: dict[bytes, tuple[int, list[str]]] = {}
        self._rows = Rows()

    def notable(self) -> dict[str, Any] | None:
        """Return the document of notable events; None when they were not asked for."""
        return self._rows.document(self._state.scope) if self._events else None

    def run(self) -> None:
        """Check every entry.

        Raises:
            Stopped: the run was asked to stop; what was checked so far is settled.
        """
        total = self._state.spool.entry_count()
        done = 0
        known: list[int] = []
        saving: list[Entry] = []
        try:
            batches = self._batches(known)
            for batch, checked in self._state.workers.map(
                self._check_batch, batches, weigh=_batch_size, budget=LOG_BUDGET
            ):
                self._state.spool.settle([entry.id for entry in batch], checked.problems)
                self._note_checked(checked)
                saving += checked.valid if self._checkpoint is not None else ()
                if len(saving) >= CHECKPOINT_EVERY:
                    self._save(saving)
                    saving = []
                done += len(batch)
                self._state.tell("log files", done, total, force=done == total)
        finally:
            self._save(saving)
            self._state.spool.settle(known, ())

    def read_unvouched(self) -> None:
        """Hand on the log files that no digest names, when somebody wants all of them; nothing is judged by them.

        Raises:
            Stopped: the run was asked to stop.
        """
        if self._on_log is None:
            return
        extras = ((extra.bucket, extra.key, extra.size) for extra in self._state.spool.extras())
        for _ in self._state.workers.map(self._read_extra, extras, weigh=lambda task: task[2], budget=LOG_BUDGET):
            pass

    def _read_extra(self, task: tuple[str, str, int]) -> None:
        bucket, key, size = task
        try:
            inflated = inflate(self._state.source.read(bucket, key, size), LOG_LIMIT, keep=True)
        except (Unavailable, Damaged) as problem:
            kind = (
                "log_unreadable" if isinstance(problem, Unavailable) else f"log_{_DAMAGES.get(problem.kind, 'damaged')}"
            )
            self._hand_on(ReadLog(bucket, key, "unvouched", kind, "", None))
            return
        self._hand_on(ReadLog(bucket, key, "unvouched", "", inflated.sha256, inflated.data))

    def _hand_on(self, log: ReadLog) -> None:
        if self._on_log is not None:
            self._on_log(log)

    def _save(self, entries: Sequence[Entry]) -> None:
        if self._checkpoint is not None and entries:
            self._checkpoint.add(entries)

    def _batches(self, known: list[int]) -> Iterator[list[Entry]]:
        """Cut the entries into batches; those that an earlier run verified go to ``known`` instead."""
        reached = 0
        while entries := self._state.spool.entries(reached, ENTRIES):
            reached = entries[-1].id
            checkpoint = self._checkpoint
            if checkpoint is not None:
                every = self._on_log is not None
                again = [item for item in entries if every or self._wanted(item) or not checkpoint.knows(item)]
                known += sorted({item.id for item in entries} - {item.id for item in again})
                entries = again
            yield from self._cut(entries)

    def _cut(self, entries: Sequence[Entry]) -> Iterator[list[Entry]]:
        """Cut a list into batches of bounded number and size: many small files together, large ones alone."""
        batch: list[Entry] = []
        size = 0
        for entry in entries:
            batch.append(entry)
            size += entry.size or 0
            if len(batch) >= self._batch() or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _batch(self) -> int:
        fastest = self._state.workers.concurrency.fastest_seconds
        return max(BATCH_LEAST, min(BATCH_MOST, round(BATCH_SECONDS / max(fastest, 1e-6))))

    def _wanted(self, entry: Entry) -> bool:
        """Tell whether a file may hold the calls that explain a hole: home Region, near a hole's edge."""
        if self._events or self._on_record is not None:
            return True
        if not self._state.windows or not self._of_owner(entry):
            return False
        name = parse_log_key(entry.key)
        return name is not None and any(first <= name.minute <= last for first, last in self._state.windows)

    def _of_owner(self, entry: Entry) -> bool:
        """Tell whether a file holds what was called in the trail's own account and home Region."""
        chain, _ = self._state.digest_of[entry.digest]
        scope = self._state.scope
        return scope.owner_known and (chain.account, chain.region) == (scope.account, scope.home_region)

    def _check_batch(self, batch: Sequence[Entry]) -> Checked:
        outcome = Checked()
        for entry in batch:
            started = time.perf_counter()
            try:
                body = self._state.source.read(entry.bucket, entry.key, entry.size)
            except Unavailable as problem:
                unavailable = self._unavailable(entry, problem)
                outcome.problems.append(unavailable)
                self._hand_on(ReadLog(entry.bucket, entry.key, unavailable.state, unavailable.kind, "", None))
                continue
            outcome.fastest = min(outcome.fastest, time.perf_counter() - started)
            outcome.stored += len(body)
            self._check_log(entry, body, outcome)
        return outcome

    def _unavailable(self, entry: Entry, problem: Unavailable) -> Problem:
        expected = f"SHA-256 {entry.sha256}"
        if problem.reason != "missing":
            return _problem(entry, "unreadable", "log_unreadable", expected, problem.code)
        name, retention = parse_log_key(entry.key), self._state.retention
        if name is not None and retention.gone(entry.bucket, entry.key, name.minute):
            expired = retention.expired([(entry.bucket, entry.key)])
            ground = "" if expired is None else expired.ground.rstrip(".")
            return _problem(entry, "unreadable", "log_out_of_retention", expected, ground)
        return _problem(entry, "missing", "log_missing", expected, "no such object")

    def _check_log(self, entry: Entry, body: bytes, outcome: Checked) -> None:
        wanted = self._wanted(entry)
        try:
            inflated = inflate(body, LOG_LIMIT, keep=wanted or self._on_log is not None)
        except Damaged as damage:
            kind = f"log_{_DAMAGES.get(damage.kind, 'damaged')}"
            outcome.problems.append(_problem(entry, "altered", kind, "one complete gzip member", damage.detail))
            self._hand_on(ReadLog(entry.bucket, entry.key, "altered", kind, "", None))
            return
        outcome.inflated += inflated.size
        before = len(outcome.problems)
        valid = inflated.sha256 == entry.sha256
        if valid:
            outcome.valid.append(entry)
            header = bytes(body[:HEADER_LENGTH])
            outcome.headers.setdefault(header, []).append(entry.key)
            chain, _ = self._state.digest_of[entry.digest]
            folder = f"/{chain.account}/CloudTrail/{chain.region}/"
            if folder not in f"/{entry.key}":
                outcome.problems.append(_problem(entry, "valid", "log_misplaced", f"a key in {folder}", entry.key))
        elif not entry.sha256:
            kind, found = "log_hash_unknown", f"hash algorithm {entry.algorithm[:50]!r}"
            outcome.problems.append(_problem(entry, "unreadable", kind, "a SHA-256", found))
        else:
            expected, found = f"SHA-256 {entry.sha256}", f"SHA-256 {inflated.sha256}"
            outcome.problems.append(_problem(entry, "altered", "log_altered", expected, found))
        if wanted:
            self._read_records(entry, inflated.data or b"", outcome, verified=valid)
        problem = outcome.problems[before] if len(outcome.problems) > before else None
        state, kind = ("valid", "") if problem is None else (problem.state, problem.kind)
        self._hand_on(ReadLog(entry.bucket, entry.key, state, kind, inflated.sha256, inflated.data))

    def _read_records(self, entry: Entry, data: bytes, outcome: Checked, *, verified: bool) -> None:
        records = _records(data)
        if records is None:
            outcome.unread += 1
            return
        telling = verified and self._of_owner(entry)
        outcome.records += len(records)
        outcome.files += 1
        for record in records:
            if telling and (event := trail_event(record, self._state.scope.means)) is not None:
                outcome.trail_events.append(event)
            if self._events and (row := notable_row(record, log_file=entry.key, verified=verified)) is not None:
                outcome.rows.append(row)
            if self._on_record is not None and isinstance(record, dict):
                self._on_record(record, entry.key, verified)

    def _note_checked(self, checked: Checked) -> None:
        self._state.bytes[0] += checked.stored
        self._state.bytes[1] += checked.inflated
        self._state.workers.concurrency.saw(checked.fastest)
        for event in checked.trail_events:
            self._state.trail_events[event.event_id or f"{event.name}{event.time}"] = event
        self._rows.add(checked.rows, checked.files, checked.records, checked.unread)
        for header, keys in checked.headers.items():
            if header in self._headers or len(self._headers) < HEADER_VARIANTS:
                count, some = self._headers.get(header, (0, []))
                self._headers[header] = (count + len(keys), sorted([*some, *keys])[:20])

    def header_findings(self) -> list[Finding]:
        """Name the few log files whose unsigned gzip header differs from all others'."""
        total = sum(count for count, _ in self._headers.values())
        if len(self._headers) < 2 or len(self._headers) >= HEADER_VARIANTS:  # noqa: PLR2004 - one is no difference
            return []
        usual = max(self._headers, key=lambda header: (self._headers[header][0], header))
        found = []
        for header, (count, keys) in sorted(self._headers.items()):
            if header == usual or count * 10 > total:
                continue
            for key in keys:
                name = parse_log_key(key)
                moment, region = (name.minute, name.region) if name is not None else (None, "")
                account = name.account if name is not None else self._state.scope.account
                sentence = (
                    f"Log file {key} has another gzip header than the other files; no signature covers it, "
                    "and the content is as delivered."
                )
                found.append(
                    Finding(
                        "gzip_header_differs",
                        key,
                        account,
                        region,
                        moment,
                        usual.hex(),
                        header.hex(),
                        "shown",
                        sentence,
                    )
                )
        return found


def _records(data: bytes) -> list[Any] | None:
    """Return the records of a log file; None when they cannot be read.

    A caller's text may hold half of a character, escaped: the standard library reads that, the faster reader does not.
    """
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            document = json.loads(data)
        except (ValueError, RecursionError):
            return None
    records = document.get("Records") if isinstance(document, dict) else None
    return records if isinstance(records, list) else None


class Rows:
    """Notable rows, bounded: the earliest ones are kept, the rest is counted."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._files = self._records = self._dropped = self._unread = 0

    def add(self, rows: Iterable[Row], files: int, records: int, unread: int) -> None:
        """Add what one batch of log files held, and how many of them could not be read."""
        self._rows += rows
        self._files += files
        self._records += records
        self._unread += unread
        if len(self._rows) > 8 * ROW_LIMIT:
            self._rows.sort(key=Row.order)
            self._dropped += len(self._rows) - 4 * ROW_LIMIT
            del self._rows[4 * ROW_LIMIT :]

    def document(self, scope: TrailScope) -> dict[str, Any]:
        """Return the document of notable events."""
        where = {
            "trail": scope.document(),
            "period": {"start": rfc3339(scope.start), "end": rfc3339(scope.end)},
        }
        document = notable_document(self._rows, where, log_files=self._files, records=self._records)
        document["omitted"] += self._dropped
        if self._unread:
            document["source"]["unread"] = self._unread
        return document


def _batch_size(batch: Sequence[Entry]) -> int:
    return sum(entry.size or 0 for entry in batch)


def _problem(entry: Entry, state: str, kind: str, expected: str, found: str) -> Problem:
    return Problem(entry.id, state, int(KINDS[kind]), kind, expected, found)

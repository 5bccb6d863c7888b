"""Streams the log files that proved digests name: get, inflate, hash, forget. Step 6 of a verification."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

from auditor.activity.candidates import candidates
from auditor.activity.logbytes import LogBytes
from auditor.activity.rows import Row, notable_row
from auditor.activity.split import Plain
from auditor.trail.context import Context
from auditor.trail.explain import TrailEvent, trail_event
from auditor.trail.fetch import Lanes, Quick, Unavailable
from auditor.trail.findings import KINDS
from auditor.trail.gunzip import HEADER_LENGTH, WRAPPED_HEADER, header_kind
from auditor.trail.links import Links
from auditor.trail.logfile import Shown, judge_log
from auditor.trail.names import holds_logs_of, parse_log_key
from auditor.trail.parallel import Stopped, cores
from auditor.trail.reading import Reading, Rows
from auditor.trail.retention import Retention
from auditor.trail.spool import Entry, Problem

BATCH_LEAST: Final = 8
BATCH_MOST: Final = 32
BATCH_SECONDS: Final = 0.02
"""Log files per task: as many as take about so long, which amortises what handing over a task costs."""
ENTRIES: Final = 2048
"""Entries read from the spool at a time."""
BATCH_BYTES: Final = 1 << 20
LANE_BATCH: Final = 256
LANE_BATCH_BYTES: Final = 1 << 22
"""Log files per task of a lane, which asks for the next one while it works at the last."""
LANES_PER_CORE: Final = 2
LANES_MOST: Final = 8
"""More threads only wait for the interpreter's lock."""
LOG_BUDGET: Final = 1 << 25
"""Stored bytes of log files under way."""
CHECKPOINT_EVERY: Final = 400
"""Verified log files between two writes to the checkpoint: a killed run loses at most these."""
HEADER_VARIANTS: Final = 32
UNLISTED: Final = 1 << 62
"""Stands for the size of an object that no listing showed: no lane reads it."""


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
    left: list[Entry] = field(default_factory=list)
    """Log files that this way did not show to be what their digest vouches for: they are read again, another way."""


@dataclass(frozen=True, slots=True)
class LogsChecked:
    """What the pass over the log files found. The outcome of each file stands in the scratch file.

    Args:
        stored_bytes: bytes read.
        inflated_bytes: bytes after inflating.
        events: verified calls about the trail, each once.
        headers: the first bytes of proved log files, which no signature covers: how many have them, and a few keys.
        notable: the document of notable events; None when they were not asked for.
        noted: keys of the log files that rows of it, or others that decide about them, come from.
        interrupted: the run was asked to stop before the last file.
        wrappers: how many files others read for us that were saved otherwise than stored, by how.
    """

    stored_bytes: int
    inflated_bytes: int
    events: tuple[TrailEvent, ...]
    headers: Mapping[bytes, tuple[int, tuple[str, ...]]]
    notable: dict[str, Any] | None
    noted: frozenset[str]
    interrupted: bool
    wrappers: Mapping[str, int] = field(default_factory=dict)


class LogPass:
    """Step 6.

    Args:
        context: the run's tools.
        links: the chains, whose proved digests made the entries.
        retention: what is known about how long objects are kept.
        reading: what else is wanted.
    """

    def __init__(self, context: Context, links: Links, retention: Retention, reading: Reading) -> None:
        self._context, self._links, self._retention = context, links, retention
        self._events = reading.events
        self._checkpoint, self._on_log = reading.checkpoint, reading.on_log
        self._stored = self._inflated = 0
        self._about_trail: dict[str, TrailEvent] = {}
        self._headers: dict[bytes, tuple[int, tuple[str, ...]]] = {}
        self._rows = Rows()

    def run(self) -> LogsChecked:
        """Check every entry; a stop leaves the rest unchecked."""
        interrupted = False
        try:
            self._check_entries()
        except Stopped:
            interrupted = True
        return LogsChecked(
            self._stored,
            self._inflated,
            tuple(self._about_trail.values()),
            dict(self._headers),
            self._rows.document(self._context.scope) if self._events else None,
            self._rows.log_files(),
            interrupted,
        )

    def _check_entries(self) -> None:
        spool = self._context.spool
        total = spool.entry_count()
        done = 0
        known: list[int] = []
        saving: list[Entry] = []
        try:
            for batch, checked in self._passes(known):
                spool.settle([entry.id for entry in batch], checked.problems)
                self._note_checked(checked)
                saving += checked.valid if self._checkpoint is not None else ()
                if len(saving) >= CHECKPOINT_EVERY:
                    self._save(saving)
                    saving = []
                done += len(batch)
                self._context.tell("log files", done, total, stored_bytes=self._stored, force=done == total)
        finally:
            self._save(saving)
            spool.settle(known, ())

    def _passes(self, known: list[int]) -> Iterator[tuple[Sequence[Entry], Checked]]:
        """Check all entries: where there are lanes on them, and what is left over there the way that always works."""
        source = self._context.source
        lanes = source.lanes() if isinstance(source, Quick) else None
        if lanes is None:
            yield from self._usual_way(self._batches(known, self._batch, BATCH_BYTES))
            return
        with closing(lanes):
            yield from self._on_lanes(lanes, known)

    def _usual_way(self, batches: Iterator[list[Entry]]) -> Iterator[tuple[Sequence[Entry], Checked]]:
        yield from self._context.workers.map(self._check_batch, batches, weigh=_batch_size, budget=LOG_BUDGET)

    def _on_lanes(self, lanes: Lanes, known: list[int]) -> Iterator[tuple[Sequence[Entry], Checked]]:
        workers = self._context.workers
        threads = min(LANES_PER_CORE * cores(), LANES_MOST, workers.concurrency.most)

        def most() -> int:
            return -(-workers.concurrency.limit // threads)

        def check(batch: Sequence[Entry]) -> Checked:
            return self._check_on_lane(lanes, batch, most)

        left: list[Entry] = []
        batches = self._batches(known, lambda: LANE_BATCH, LANE_BATCH_BYTES)
        for batch, checked in workers.map(check, batches, weigh=_batch_size, budget=LOG_BUDGET, most=threads):
            again = {entry.id for entry in checked.left}
            left += checked.left
            yield [entry for entry in batch if entry.id not in again] if again else batch, checked
            if len(left) >= ENTRIES:
                yield from self._usual_way(_cut(left, self._batch, BATCH_BYTES))
                left = []
        yield from self._usual_way(_cut(left, self._batch, BATCH_BYTES))

    def _hand_on(self, log: LogBytes) -> None:
        if self._on_log is not None:
            self._on_log(log)

    def _save(self, entries: Sequence[Entry]) -> None:
        if self._checkpoint is not None and entries:
            self._checkpoint.add(entries)

    def _batches(self, known: list[int], most: Callable[[], int], size: int) -> Iterator[list[Entry]]:
        for entries in self._pending(known):
            yield from _cut(entries, most, size)

    def _pending(self, known: list[int]) -> Iterator[list[Entry]]:
        """Yield the entries, some thousand at a time; those that an earlier run verified go to ``known`` instead."""
        reached = 0
        while entries := self._context.spool.entries(reached, ENTRIES):
            reached = entries[-1].id
            checkpoint = self._checkpoint
            if checkpoint is not None:
                every = self._on_log is not None
                again = [item for item in entries if every or self._wanted(item) or not checkpoint.knows(item)]
                known += sorted({item.id for item in entries} - {item.id for item in again})
                entries = again
            yield entries

    def _batch(self) -> int:
        fastest = self._context.workers.concurrency.fastest_seconds
        return max(BATCH_LEAST, min(BATCH_MOST, round(BATCH_SECONDS / max(fastest, 1e-6))))

    def _wanted(self, entry: Entry) -> bool:
        """Tell whether a file may hold the calls that explain a hole: home Region, near a hole's edge."""
        if self._events:
            return True
        if not self._links.windows or not self._of_owner(entry):
            return False
        name = parse_log_key(entry.key)
        return name is not None and any(first <= name.minute <= last for first, last in self._links.windows)

    def _of_owner(self, entry: Entry) -> bool:
        """Tell whether a file holds what was called in the trail's own account and home Region."""
        scope = self._context.scope
        target = self._links.origins[entry.digest].target
        return scope.owner_known and target.account == scope.account and target.region in scope.homes

    def _check_batch(self, batch: Sequence[Entry]) -> Checked:
        outcome = Checked()
        for entry in batch:
            started = time.perf_counter()
            try:
                body = self._context.source.read(entry.bucket, entry.key, entry.size)
            except Unavailable as problem:
                unavailable = self._unavailable(entry, problem)
                outcome.problems.append(unavailable)
                self._hand_on(LogBytes(entry.bucket, entry.key, unavailable.state, unavailable.kind, "", None))
                continue
            outcome.fastest = min(outcome.fastest, time.perf_counter() - started)
            outcome.stored += len(body)
            self._note_log(entry, body, self._judge(entry, body), outcome)
        return outcome

    def _unavailable(self, entry: Entry, problem: Unavailable) -> Problem:
        expected = f"SHA-256 {entry.sha256}"
        if problem.reason != "missing":
            return _problem(entry, "unreadable", "log_unreadable", expected, problem.code)
        name, retention = parse_log_key(entry.key), self._retention
        if name is not None and retention.gone(entry.bucket, entry.key, name.minute):
            expired = retention.expired([(entry.bucket, entry.key)])
            ground = "" if expired is None else expired.ground.rstrip(".")
            return _problem(entry, "unreadable", "log_out_of_retention", expected, ground)
        return _problem(entry, "missing", "log_missing", expected, "no such object")

    def _check_on_lane(self, lanes: Lanes, batch: Sequence[Entry], most: Callable[[], int]) -> Checked:
        """Check log files of one bucket. A lane settles what its digest vouches for, and nothing else."""
        outcome = Checked()
        settled: set[int] = set()
        wishes = [(entry.key, UNLISTED if entry.size is None else entry.size) for entry in batch]
        for number, body, seconds in lanes.read(batch[0].bucket, wishes, most):
            if self._context.workers.stopping:
                break
            entry = batch[number]
            if not settled:
                self._context.workers.concurrency.saw(seconds)
            shown = self._judge(entry, body)
            if not shown.problem:
                settled.add(number)
                outcome.fastest = min(outcome.fastest, seconds)
                outcome.stored += len(body)
                self._note_log(entry, body, shown, outcome)
        outcome.left = [entry for number, entry in enumerate(batch) if number not in settled]
        return outcome

    def _judge(self, entry: Entry, body: bytes | memoryview) -> Shown:
        return judge_log(body, entry.sha256, entry.algorithm, keep=self._wanted(entry) or self._on_log is not None)

    def _note_log(self, entry: Entry, body: bytes | memoryview, shown: Shown, outcome: Checked) -> None:
        outcome.inflated += shown.size
        before = len(outcome.problems)
        if shown.problem:
            outcome.problems.append(_problem(entry, shown.state, shown.problem, shown.expected, shown.found))
        else:
            outcome.valid.append(entry)
            if body[:HEADER_LENGTH] != WRAPPED_HEADER:
                outcome.headers.setdefault(header_kind(body), []).append(entry.key)
            target = self._links.origins[entry.digest].target
            if not holds_logs_of(entry.key, *target.key):
                folder = f"/{target.account}/CloudTrail/{target.region}/"
                outcome.problems.append(_problem(entry, "valid", "log_misplaced", f"a key in {folder}", entry.key))
        plain: Plain | None = None
        if shown.sha256 and self._wanted(entry):
            plain = self._read_records(entry, shown.data or b"", outcome, verified=not shown.problem)
        problem = outcome.problems[before] if len(outcome.problems) > before else None
        state, kind = ("valid", "") if problem is None else (problem.state, problem.kind)
        self._hand_on(LogBytes(entry.bucket, entry.key, state, kind, shown.sha256, shown.data, plain))

    def _read_records(self, entry: Entry, data: bytes, outcome: Checked, *, verified: bool) -> Plain | None:
        """Collect what is of note in one file; return its records as lines, where they are of the usual form."""
        found = candidates(data)
        if found.count is None:
            outcome.unread += 1
        else:
            outcome.records += found.count
            outcome.files += 1
        telling = verified and self._of_owner(entry)
        for record in found.records:
            if telling and (event := trail_event(record, self._context.scope.means)) is not None:
                outcome.trail_events.append(event)
            if self._events and (row := notable_row(record, log_file=entry.key, verified=verified)) is not None:
                outcome.rows.append(row)
                self._note_record(entry, record, verified=verified)
        return found.plain

    def _note_record(self, entry: Entry, record: Mapping[str, Any], *, verified: bool) -> None:
        """Take a record that became a row of note; for whoever hands it to another machine. From several threads."""

    def _note_checked(self, checked: Checked) -> None:
        self._stored += checked.stored
        self._inflated += checked.inflated
        self._context.workers.concurrency.saw(checked.fastest)
        for event in checked.trail_events:
            self._about_trail[event.known_as] = event
        self._rows.add(checked.rows, checked.files, checked.records, checked.unread)
        for header, keys in checked.headers.items():
            self._note_header(header, len(keys), keys)

    def _note_header(self, header: bytes, count: int, keys: Sequence[str]) -> None:
        """Count objects with this header, and keep the first few of their keys."""
        if header in self._headers or len(self._headers) < HEADER_VARIANTS:
            before, some = self._headers.get(header, (0, ()))
            self._headers[header] = (before + count, tuple(sorted([*some, *keys])[:20]))


def _cut(entries: Sequence[Entry], most: Callable[[], int], most_bytes: int) -> Iterator[list[Entry]]:
    """Cut a list into batches of one bucket, of bounded number and size: small files together, large ones alone."""
    batch: list[Entry] = []
    size, number = 0, most()
    for entry in entries:
        if batch and (len(batch) >= number or size >= most_bytes or entry.bucket != batch[0].bucket):
            yield batch
            batch, size, number = [], 0, most()
        batch.append(entry)
        size += entry.size or 0
    if batch:
        yield batch


def _batch_size(batch: Sequence[Entry]) -> int:
    return sum(entry.size or 0 for entry in batch)


def _problem(entry: Entry, state: str, kind: str, expected: str, found: str) -> Problem:
    return Problem(entry.id, state, int(KINDS[kind]), kind, expected, found)

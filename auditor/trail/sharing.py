"""Lets tasks check the log files, wherever an engine carries them out. Step 6, with :mod:`portion` on the other side.

The driver has proved the digests and keeps the chains; a task gets rows of log files of one account and month, and
hands back what is wrong with them. A portion that nobody could carry out leaves its log files unread, each by name:
what was not read is never taken for sound.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Protocol

import orjson

from auditor.activity.logbytes import LogBytes
from auditor.base.errors import CollectionError, IntegrityError
from auditor.trail.context import Context
from auditor.trail.fetch import Fetched, Unavailable
from auditor.trail.findings import KINDS
from auditor.trail.links import Links
from auditor.trail.logs import LogPass, LogsChecked
from auditor.trail.names import Place, parse_digest_key
from auditor.trail.parallel import Stopped
from auditor.trail.portion import (
    CHECK,
    PART,
    READ,
    Found,
    Opening,
    digests_in,
    question,
    read_found,
    relocation,
    rows_of,
    sent_for,
    together,
)
from auditor.trail.reading import Reading
from auditor.trail.report import TrailScope
from auditor.trail.retention import Retention
from auditor.trail.spool import Entry, Problem
from auditor.work.task import NO_WORKERS, SCHEDULER_LOST, Done, Engine, Failure, Keeper, Task

FILES: Final = 4096
"""Log files of a task at most: a few seconds of work, and some 600 kB of rows."""
BYTES: Final = 1 << 28
"""Stored bytes of them, as listed."""
PART_BYTES: Final = 1 << 24
"""The same, where parts of a store are made of them: these travel back, and are about as large."""
DIGESTS: Final = 2048
"""Digests of a task at most, and their stored bytes, which travel back."""
DIGEST_BYTES: Final = 1 << 25


class Parts(Protocol):
    """The store that whoever drives a run fills with what tasks make of log files."""

    def proved(self, entry: Entry) -> bool:
        """Tell whether a log file is there already, as its digest says: it is checked again, and not taken."""

    def reserve(self, count: int) -> tuple[range, Opening]:
        """Return the numbers of as many log files, and how a task makes a part of them; see ``portion.Taker``."""

    def adopt(self, part: Path, places: Collection[Place], numbers: range) -> None:
        """Take in what a task made.

        Raises:
            IntegrityError: it is not made of these log files.
        """


@dataclass(frozen=True, slots=True)
class Shared:
    """Who carries the tasks out.

    Args:
        engine: threads, processes or a cluster.
        keeper: keeps what came of them while the run lasts.
        opening: how whoever carries one out opens the store.
        files: log files of a task at most.
        digests: digests of a task at most.
        parts: takes what tasks make of all log files, where somebody wants these.
        failed: is given the key of each task that failed, and why.
        sent: is given how many requests tasks made, by operation.
    """

    engine: Engine
    keeper: Keeper
    opening: Opening
    files: int = FILES
    digests: int = DIGESTS
    parts: Parts | None = None
    failed: list[tuple[str, Failure]] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)

    def failure(self, outcome: Done) -> Failure:
        """Note why a task has no result, and return it.

        Raises:
            CollectionError: the scheduler or all workers are gone: the run can be taken up again.
        """
        failure = outcome.failure or Failure("LookupError", "nothing came back")
        if failure.name in {NO_WORKERS, SCHEDULER_LOST}:
            raise CollectionError(f"the verification was broken off: {failure.message}", hint=failure.hint)
        self.failed.append((outcome.key, failure))
        return failure


class SharedDigests:
    """Reads listed digests in tasks, for ``Context.ahead``; one for each verification.

    Args:
        shared: who carries the tasks out.
        scope: what is asked.
        concurrency: requests under way at once in a task; None adapts.
    """

    def __init__(self, shared: Shared, scope: TrailScope, concurrency: int | None) -> None:
        self._shared, self._concurrency = shared, concurrency
        self._relocation = relocation(scope)

    def __call__(self, places: Sequence[tuple[Place, int]]) -> Iterator[tuple[int, Fetched | Unavailable | None]]:
        """See ``auditor.trail.context.Ahead``.

        Raises:
            CollectionError: the scheduler or all workers are gone.
        """
        under_way: dict[str, list[int]] = {}

        def tasks() -> Iterator[Task]:
            for number, portion in enumerate(self._portions(places)):
                task = self._task(number, [places[position][0] for position in portion])
                under_way[task.key] = portion
                yield task

        for outcome in self._shared.engine.run(tasks(), self._shared.keeper):
            portion = under_way.pop(outcome.key)
            if outcome.path is None:
                failure = self._shared.failure(outcome)
                yield from ((position, Unavailable("broken", failure.name)) for position in portion)
                continue
            self._shared.sent.update(sent_for(outcome.path))
            left = set(range(len(portion)))
            for index, fetched in digests_in(outcome.path):
                left.remove(index)
                yield portion[index], fetched
            yield from ((portion[index], None) for index in sorted(left))

    def _portions(self, places: Sequence[tuple[Place, int]]) -> Iterator[list[int]]:
        """Yield positions: those of one account and month together, cut where they become many."""
        open_ones: dict[tuple[str, str], list[int]] = {}
        sizes: Counter[tuple[str, str]] = Counter()
        for position, ((_, key), size) in enumerate(places):
            name = parse_digest_key(key)
            kind = ("", "") if name is None else (name.account, f"{name.end:%Y-%m}")
            portion = open_ones.setdefault(kind, [])
            portion.append(position)
            sizes[kind] += size
            if len(portion) >= self._shared.digests or sizes[kind] >= DIGEST_BYTES:
                del sizes[kind]
                yield open_ones.pop(kind)
        yield from open_ones.values()

    def _task(self, number: int, places: Sequence[Place]) -> Task:
        arguments: dict[str, Any] = {
            "store": self._shared.opening.document(),
            "read_from": self._relocation,
            "concurrency": self._concurrency,
            "groups": together(places),
        }
        identity = sha256(orjson.dumps(arguments)).hexdigest()
        names = [name for name in (parse_digest_key(places[0][1]), parse_digest_key(places[-1][1])) if name is not None]
        whose = f"{names[0].account}/{names[0].end:%Y-%m}" if names else "others"
        return Task(f"digests/{whose}/{number:05}-{identity[:8]}", READ, arguments, identity)


@dataclass(frozen=True, slots=True)
class _Portion:
    """What a task is given: log files, and the numbers of those that a part of a store is made of."""

    entries: list[Entry]
    numbers: range


class SharedPass(LogPass):
    """Step 6, in tasks.

    Args:
        context: the run's tools.
        links: the chains, whose proved digests made the entries.
        retention: what is known about how long objects are kept.
        reading: what else is wanted.
        shared: who carries the tasks out.

    Raises:
        ValueError: more is wanted of the log files than tasks hand back.
    """

    def __init__(self, context: Context, links: Links, retention: Retention, reading: Reading, shared: Shared) -> None:
        if (reading.on_log is not None) != (shared.parts is not None):
            raise ValueError("tasks hand back no log files, but parts of a store")
        super().__init__(context, links, retention, reading)
        self._shared = shared
        self._asked = question(context.scope, links, retention, events=reading.events)
        self._wrappers: Counter[str] = Counter()

    def run(self) -> LogsChecked:
        """Check every entry; a stop leaves the rest unchecked.

        Raises:
            CollectionError: the scheduler or all workers are gone.
        """
        return replace(super().run(), wrappers=dict(self._wrappers))

    def _check_entries(self) -> None:
        context, known = self._context, list[int]()
        total, done = context.spool.entry_count(), 0
        under_way: dict[str, _Portion] = {}

        def tasks() -> Iterator[Task]:
            for number, (month, entries, taken) in enumerate(self._portions(known)):
                task, numbers = self._task(number, month, entries, taken=taken)
                under_way[task.key] = _Portion(entries, numbers)
                yield task

        outcomes = iter(self._shared.engine.run(tasks(), self._shared.keeper))
        try:
            for outcome in outcomes:
                portion = under_way.pop(outcome.key)
                self._settle(portion, outcome)
                done += len(portion.entries)
                context.tell("log files", done, total, stored_bytes=self._stored, force=True)
                if context.workers.stopping:
                    raise Stopped
        finally:
            if close := getattr(outcomes, "close", None):
                close()  # what is under way ends here
            context.spool.settle(known, ())

    # -- what is handed out

    def _portions(self, known: list[int]) -> Iterator[tuple[str, list[Entry], bool]]:
        """Yield month, log files, and whether a part of a store is made of them.

        Those of one account and month are together, small Regions put together, large ones cut.
        """
        account, parts = "", self._shared.parts
        open_ones: dict[tuple[str, bool], list[Entry]] = {}
        sizes: Counter[tuple[str, bool]] = Counter()
        for entries in self._pending(known):
            for entry in entries:
                origin = self._links.origins[entry.digest]
                if origin.target.account != account:
                    yield from ((month, portion, taken) for (month, taken), portion in open_ones.items())
                    account, open_ones, sizes = origin.target.account, {}, Counter()
                kind = (f"{origin.start:%Y-%m}", parts is not None and not parts.proved(entry))
                portion = open_ones.setdefault(kind, [])
                portion.append(entry)
                sizes[kind] += entry.size or 0
                if len(portion) >= self._shared.files or sizes[kind] >= (PART_BYTES if kind[1] else BYTES):
                    del sizes[kind]
                    yield kind[0], open_ones.pop(kind), kind[1]
        yield from ((month, portion, taken) for (month, taken), portion in open_ones.items())

    def _task(self, number: int, month: str, portion: Sequence[Entry], *, taken: bool) -> tuple[Task, range]:
        """Return the task for a portion, and the numbers of its log files in the store, where they have some."""
        arguments: dict[str, Any] = {
            **self._asked,
            "store": self._shared.opening.document(),
            "seen": self._seen(portion),
            "concurrency": self._context.workers.concurrency.fixed,
            "groups": rows_of(portion, self._links),
            "part": None,
        }
        numbers = range(0)
        if taken and self._shared.parts is not None:
            numbers, making = self._shared.parts.reserve(len(portion))
            arguments["part"] = making.document()
        identity = sha256(orjson.dumps(arguments)).hexdigest()
        targets = {self._links.origins[entry.digest].target for entry in portion}
        first = min(targets, key=lambda target: target.region)
        others = f".and-{len(targets) - 1}-more" if len(targets) > 1 else ""
        key = f"verify/{first.account}/{first.region}{others}/{month}/{number:05}-{identity[:8]}"
        return Task(key, CHECK, arguments, identity), numbers

    def _seen(self, portion: Sequence[Entry]) -> list[list[str]]:
        """Return the last digest of each Region: it vouches for the ones before, and a stale copy lacks it."""
        last = {self._links.origins[entry.digest].target.key: entry.digest for entry in portion}
        found = [self._context.spool.digest(number) for _, number in sorted(last.items())]
        return [[bucket, key, sha256(body).hexdigest()] for bucket, key, body in found]

    # -- what comes back

    def _settle(self, portion: _Portion, outcome: Done) -> None:
        if outcome.failure is not None or outcome.path is None:
            self._left_out(portion.entries, outcome)
            return
        try:
            self._adopt(portion, outcome.path)
        except IntegrityError as error:
            self._left_out(portion.entries, Done(outcome.key, failure=Failure("IntegrityError", error.message)))
            return
        found = read_found(outcome.path)
        problems = [replace(item, entry=portion.entries[item.entry].id) for item in found.problems]
        self._context.spool.settle([entry.id for entry in portion.entries], problems)
        self._note(found)
        wrong = {item.entry for item in problems if item.state != "valid"}
        self._save([entry for entry in portion.entries if entry.id not in wrong])

    def _adopt(self, portion: _Portion, made: Path) -> None:
        if self._shared.parts is not None and portion.numbers:
            places = {(entry.bucket, entry.key) for entry in portion.entries}
            self._shared.parts.adopt(made / PART, places, portion.numbers)

    def _note(self, found: Found) -> None:
        checked = found.checked
        self._stored += checked.stored_bytes
        self._inflated += checked.inflated_bytes
        self._about_trail |= {event.known_as: event for event in checked.events}
        for header, (count, keys) in checked.headers.items():
            self._note_header(header, count, keys)
        self._wrappers.update(found.wrappers)
        self._shared.sent.update(found.sent)
        files, records, unread = found.read
        self._rows.add(found.rows(), files, records, unread)

    def _left_out(self, portion: Sequence[Entry], outcome: Done) -> None:
        """Leave the log files of a task that failed unread, by name."""
        failure = self._shared.failure(outcome)
        level = int(KINDS["log_unreadable"])
        problems = [
            Problem(entry.id, "unreadable", level, "log_unreadable", f"SHA-256 {entry.sha256}", failure.name)
            for entry in portion
        ]
        self._context.spool.settle([entry.id for entry in portion], problems)
        for entry in portion:
            self._hand_on(LogBytes(entry.bucket, entry.key, "unreadable", "log_unreadable", "", None))

"""Joins fetching and judging: verifies one trail for one period and returns a report. Its steps: :class:`_Run`.

Nothing here decides what a digest or a hole means (``digest``, ``chain``), opens a socket (``fetch``) or starts a
thread (``parallel``). A run never stops at a single object: what could not be read is a finding.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any, Final

import orjson

from auditor.period import rfc3339
from auditor.trail.archive import Archive
from auditor.trail.chain import (
    AFTER_STOP,
    BEFORE_STOP,
    DIGEST_GRACE,
    HOUR,
    RESTART_GRACE,
    Gap,
    Identity,
    Linked,
    LogCounter,
    Place,
    Span,
    TrailEvent,
    described,
    explain,
    hour_states,
    link,
    wanted_predecessors,
    worse,
)
from auditor.trail.digest import CheckedDigest, Proof, RawDigest, check_digest, finding, unreadable
from auditor.trail.fetch import Listed, ObjectSource, Unavailable
from auditor.trail.findings import KINDS, Certainty, Finding
from auditor.trail.gunzip import HEADER_LENGTH, Damaged, inflate
from auditor.trail.keys import KeyBook, PublicKey
from auditor.trail.names import (
    DigestName,
    Location,
    days,
    is_account,
    is_organization,
    is_region,
    parse_digest_key,
    parse_log_key,
)
from auditor.trail.notable import ROW_LIMIT, Row, notable_document, notable_row, trail_event
from auditor.trail.parallel import Concurrency, Stopped, Workers
from auditor.trail.report import (
    FINDING_LIMIT,
    Anchor,
    ChainReport,
    DigestCounts,
    KeyUse,
    LogCounts,
    TrailReport,
    TrailScope,
)
from auditor.trail.spool import Checkpoint, Entry, Extra, Problem, Spool

LOG_LIMIT: Final = 1 << 29
"""Inflated bytes of one log file: 512 MiB. CloudTrail's own stay below a tenth of that."""
LATE_DIGESTS: Final = timedelta(hours=3)
"""How far beyond the period digests are read: they prove the last ones in it and list files delivered late."""
DELIVERY_SLACK: Final = timedelta(minutes=20)
"""Between the time in a log file's name and its delivery, which decides the digest it belongs to."""
LATER: Final = 8
"""By which factor that reach grows where the last digests cannot prove themselves: 3 hours, 1 day, 8 days ..."""
LIST_PAGE: Final = 1000
"""Listing rows taken at a time from a remote store: memory stays flat on days with many log files."""
BATCH: Final = 8
"""Log files per task: amortises what handing over a task costs."""
BATCH_BYTES: Final = 1 << 20
DIGEST_BUDGET: Final = 1 << 18
"""Stored bytes of digests under way: being parsed, a digest of 4,000 log files takes a hundred times its 190 kB."""
LOG_BUDGET: Final = 1 << 25
"""Stored bytes of log files under way."""
CHECKPOINT_EVERY: Final = 400
"""Verified log files between two writes to the checkpoint: a killed run loses at most these."""
VERSION_LOOKUPS: Final = 50
"""Findings whose object versions are looked up."""
DISCOVERY_CALLS: Final = 200
DISCOVERY_DEPTH: Final = 4
HEADER_VARIANTS: Final = 32
ROUNDS: Final = 3000
"""Steps along a chain whose older digests are named but not listed."""
PROGRESS_SECONDS: Final = 0.1

KeySource = Callable[[Sequence[str], datetime, datetime], KeyBook]
"""Returns the public keys of Regions for a span of time; what cannot be had is named in the book."""
OnRecord = Callable[[Mapping[str, Any], str, bool], None]
"""Called with each record, its log file's key and whether that is verified. From several threads."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. ``total`` is None while it is not known."""

    stage: str
    done: int
    total: int | None
    stored_bytes: int


def verify_trail(
    source: ObjectSource,
    keys: KeySource,
    scope: TrailScope,
    *,
    now: datetime,
    concurrency: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    events: bool = False,
    on_record: OnRecord | None = None,
    stop: Event | None = None,
    checkpoint: Path | None = None,
    archive: Path | None = None,
) -> TrailReport:
    """Verify the digests and log files of one trail.

    Args:
        source: where the objects are.
        keys: where the public keys are.
        scope: what is asked.
        now: the run's as-of time, aware UTC: decides which digests are due.
        concurrency: requests under way at once; None adapts to cores and latency.
        progress: called from this thread, at most ten times a second.
        events: whether to read all records and collect the notable ones.
        on_record: called with every record of every readable log file that a digest names.
        stop: set it to end early; the report then says what was not reached.
        checkpoint: a file that lets the next run skip log files this one verified, should it be interrupted.
        archive: a folder for the material of an offline verification.

    Returns:
        The report. It is complete and has a verdict, whatever happened.
    """
    run = _Run(source, keys, scope, now, Concurrency(source.remote, concurrency), stop or Event())
    run.progress = progress or (lambda _: None)
    run.events, run.on_record = events, on_record
    run.checkpoint = Checkpoint(checkpoint) if checkpoint is not None else None
    try:
        report = run.report()
        if archive is not None:
            Archive(run.spool, run.keybook).write(archive)
        return report
    finally:
        run.close()


@dataclass(slots=True)
class _Chain:
    """What was found for one account and Region."""

    index: int
    account: str
    region: str
    own: dict[Place, DigestName] = field(default_factory=dict)
    foreign: dict[Place, DigestName] = field(default_factory=dict)
    sizes: dict[Place, int] = field(default_factory=dict)
    """Stored bytes of the digests listed."""
    checked: dict[Place, CheckedDigest] = field(default_factory=dict)
    missing: set[Place] = field(default_factory=set)
    locations: set[Location] = field(default_factory=set)
    late: timedelta = LATE_DIGESTS
    """How far beyond the period digests are read."""
    log_objects: int = 0
    unread: bool = False
    """A listing failed: what is not there may only not have been seen."""


@dataclass(frozen=True, slots=True)
class _ListTask:
    chain: int
    location: Location
    kind: str
    prefix: str
    after: str
    until: str
    """Day (``YYYY/MM/DD``) after which the listing may end."""


@dataclass(frozen=True, slots=True)
class _ListPage:
    rows: list[Listed]
    after: str | None
    """Where to go on; None at the end."""
    problem: Unavailable | None


@dataclass(slots=True)
class _Checked:
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


class _Run:
    """One verification.

    1. Plan: accounts, Regions and places.
    2. List digests and log files.
    3. Get the public keys, and check every digest by itself, in parallel.
    4. Fetch digests that are named and not listed, and list places the chain leads to; repeat until nothing is new.
    5. Link each chain in memory.
    6. Stream the log files that proved digests vouch for.
    7. Find the log objects nobody vouches for.
    8. Explain the holes, look for the anchors and for older versions.
    9. Count, and write it down.
    """

    def __init__(
        self,
        source: ObjectSource,
        keys: KeySource,
        scope: TrailScope,
        now: datetime,
        concurrency: Concurrency,
        stop: Event,
    ) -> None:
        self.source, self.key_source, self.scope, self.now = source, keys, scope, now
        self.span = Span(scope.start, scope.end, now)
        self.spool = Spool()
        self.keybook = KeyBook()
        self.progress: Callable[[Progress], None] = lambda _: None
        self.events = False
        self.on_record: OnRecord | None = None
        self.checkpoint: Checkpoint | None = None
        self._workers: Workers[Any, Any] = Workers(concurrency, stop)
        self._key_index: Mapping[tuple[str, str], PublicKey] = {}
        self._chains: dict[tuple[str, str], _Chain] = {}
        self._asked: set[tuple[str, str]] = set()
        self._locations: list[Location] = []
        self._findings: list[Finding] = []
        self._linked: list[Linked] = []
        self._numbers: dict[Place, int] = {}
        self._digest_of: dict[int, tuple[_Chain, datetime]] = {}
        self._trail_events: dict[str, TrailEvent] = {}
        self._headers: dict[bytes, tuple[int, list[str]]] = {}
        self._rows = _Rows()
        self._windows: list[tuple[datetime, datetime]] = []
        self._bytes = [0, 0]
        self._interrupted = False
        self._last_progress = 0.0

    def close(self) -> None:
        """Give everything back."""
        self._workers.close()
        if self.checkpoint is not None:
            self.checkpoint.close(finished=not self._interrupted)
        self.spool.close()

    def report(self) -> TrailReport:
        """Run the steps; a stop skips to the end, and what was not reached is said."""
        try:
            self._plan()
            self._list(self._list_tasks(self._locations))
            self._read_digests()
            self._follow_chains()
        except Stopped:
            self._interrupted = True
        self._link()
        try:
            if not self._interrupted:
                self._check_logs()
                self._find_extra()
        except Stopped:
            self._interrupted = True
        return self._write()

    def _tell(self, stage: str, done: int, total: int | None, *, force: bool = False) -> None:
        moment = time.monotonic()
        if force or moment - self._last_progress >= PROGRESS_SECONDS:
            self._last_progress = moment
            self.progress(Progress(stage, done, total, self._bytes[0]))

    # -- (1) plan ------------------------------------------------------------------------------------------------

    def _plan(self) -> None:
        self._locations = [self.scope.location, *self.scope.more_locations]
        if self.scope.location.organization is None:
            names = self._folders(self.scope.location.bucket, self.scope.location.base())
            self._locations += [
                replace(self.scope.location, organization=name) for name in names if is_organization(name)
            ]
        for location in self._locations:
            self._plan_location(location)
        for account in self.scope.accounts or (self.scope.account,):
            for region in self.scope.regions or (self.scope.home_region,):
                self._chain(account, region)
                self._asked.add((account, region))

    def _plan_location(self, location: Location) -> None:
        accounts = set(self.scope.accounts)
        if not accounts:
            accounts = {self.scope.account}
            if location.organization:
                accounts |= {name for name in self._folders(location.bucket, location.base()) if is_account(name)}
        for account in sorted(accounts):
            regions = set(self.scope.regions)
            if self.scope.discover_regions:
                for kind in ("CloudTrail-Digest", "CloudTrail"):
                    names = self._folders(location.bucket, f"{location.base()}{account}/{kind}/")
                    regions |= {name for name in names if is_region(name)}
            for region in sorted(regions):
                self._chain(account, region).locations.add(location)
                if location.organization and account != self.scope.account and region in self.scope.regions:
                    self._asked.add((account, region))

    def _folders(self, bucket: str, prefix: str) -> Sequence[str]:
        try:
            return self.source.folders(bucket, prefix)
        except Unavailable as problem:
            self._findings.append(self._list_finding(None, f"{bucket}/{prefix}", problem))
            return ()

    def _chain(self, account: str, region: str) -> _Chain:
        if (account, region) not in self._chains:
            self._chains[account, region] = _Chain(len(self._chains), account, region)
        return self._chains[account, region]

    def _list_finding(self, chain: _Chain | None, prefix: str, problem: Unavailable) -> Finding:
        account, region = (chain.account, chain.region) if chain else (self.scope.account, "")
        sentence = f"The objects under {prefix} could not be listed ({problem.code}): some may not have been seen."
        return Finding("list_unreadable", prefix, account, region, None, "a listing", problem.code, "shown", sentence)

    # -- (2) list ------------------------------------------------------------------------------------------------

    def _list_tasks(self, locations: Sequence[Location]) -> list[_ListTask]:
        tasks = []
        for chain in self._chains.values():
            for location in locations:
                chain.locations.add(location)
                tasks.append(self._digest_list(chain, location, self.scope.start))
                logs = location.folder(chain.account, "CloudTrail", chain.region)
                tasks += [
                    _ListTask(chain.index, location, "log", f"{logs}{day:%Y/%m/%d}/", "", "")
                    for day in days(self.scope.start, min(self.scope.end, self.now + HOUR))
                ]
        return tasks

    def _digest_list(self, chain: _Chain, location: Location, since: datetime) -> _ListTask:
        folder = location.folder(chain.account, "CloudTrail-Digest", chain.region)
        until = f"{self.scope.end + chain.late:%Y/%m/%d}"
        return _ListTask(chain.index, location, "digest", folder, f"{folder}{since:%Y/%m/%d}", until)

    def _list(self, tasks: list[_ListTask]) -> None:
        chains = list(self._chains.values())
        done = 0
        while tasks:
            more: list[_ListTask] = []
            for task, page in self._workers.map(self._list_page, tasks):
                chain = chains[task.chain]
                self._note_rows(chain, task, page.rows)
                if page.problem is not None:
                    chain.unread = True
                    prefix = f"{task.location.bucket}/{task.prefix}"
                    self._findings.append(self._list_finding(chain, prefix, page.problem))
                elif page.after is not None:
                    more.append(replace(task, after=page.after))
                done += 1
                self._tell("listing", done, None)
            tasks = more

    def _list_page(self, task: _ListTask) -> _ListPage:
        rows: list[Listed] = []
        cut = len(task.prefix)
        try:
            for row in self.source.objects(task.location.bucket, task.prefix, task.after):
                if task.until and row.key[cut : cut + 10] > task.until:
                    break
                rows.append(row)
                if self.source.remote and len(rows) >= LIST_PAGE:
                    return _ListPage(rows, row.key, None)
        except Unavailable as problem:
            return _ListPage(rows, None, problem)
        return _ListPage(rows, None, None)

    def _note_rows(self, chain: _Chain, task: _ListTask, rows: Sequence[Listed]) -> None:
        if task.kind == "digest":
            for row in rows:
                self._note_digest(chain, task.location, row)
            return
        spooled = []
        for row in rows:
            name = parse_log_key(row.key)
            fits = name is not None and (name.account, name.region) == (chain.account, chain.region)
            if name is not None and fits and not self.scope.start <= name.minute < self.scope.end:
                continue
            if not fits and row.key.endswith("/") and row.size == 0:
                continue  # a folder marker some tools leave
            minute = int(name.minute.timestamp()) if name is not None and fits else None
            modified = None if row.last_modified is None else int(row.last_modified.timestamp())
            spooled.append((task.location.bucket, row.key, chain.index, minute, row.size, modified, row.etag))
        chain.log_objects += len(spooled)
        self.spool.add_listed(spooled)

    def _note_digest(self, chain: _Chain, location: Location, row: Listed) -> None:
        name = parse_digest_key(row.key)
        if name is None or (name.account, name.region) != (chain.account, chain.region):
            if row.size or not row.key.endswith("/"):
                self._findings.append(self._stray(chain, row.key))
            return
        if name.end <= self.scope.start or name.end > self.scope.end + chain.late:
            return
        chain.sizes[location.bucket, row.key] = row.size
        if (name.trail, name.home_region) == (self.scope.trail, self.scope.home_region):
            chain.own[location.bucket, row.key] = name
            return
        chain.foreign[location.bucket, row.key] = name

    def _stray(self, chain: _Chain, key: str) -> Finding:
        sentence = f"Object {key} lies among the digests under a name CloudTrail never gives; it was ignored."
        return Finding(
            "object_foreign", key, chain.account, chain.region, None, "only digests", "another name", "shown", sentence
        )

    # -- (3) keys and digests --------------------------------------------------------------------------------------

    def _read_digests(self) -> None:
        waiting = [
            (chain, place, name)
            for chain in self._chains.values()
            for place, name in sorted(chain.own.items())
            if place not in chain.checked
        ]
        self._load_keys({chain.region for chain, _, _ in waiting})
        self._fetch_digests(waiting)

    def _load_keys(self, regions: set[str]) -> None:
        known = {key.region for key in self.keybook.keys} | {region for region, _ in self.keybook.unavailable}
        new = sorted(regions - known)
        if not new:
            return
        self._tell("keys", 0, len(new), force=True)
        start, end = self.scope.start - timedelta(days=1), max(self.now, self.scope.end + LATE_DIGESTS)
        found = self.key_source(new, start, end)
        self.keybook = KeyBook(
            (*self.keybook.keys, *found.keys), tuple(sorted({*self.keybook.unavailable, *found.unavailable}))
        )
        self._key_index = self.keybook.index()
        for region, code in found.unavailable:
            sentence = f"The public keys of {region} could not be had ({code}): no digest from there can be checked."
            self._findings.append(
                Finding(
                    "keys_unavailable", "", self.scope.account, region, None, "public keys", code, "shown", sentence
                )
            )

    def _fetch_digests(self, waiting: Sequence[tuple[_Chain, Place, DigestName]]) -> None:
        results = self._workers.map(self._fetch_digest, waiting, weigh=_digest_size, budget=DIGEST_BUDGET)
        for done, (task, (checked, body, metadata)) in enumerate(results, 1):
            chain, place, _ = task
            chain.checked[place] = self._keep(chain, place, checked, body, metadata)
            self._tell("digests", done, len(waiting), force=done == len(waiting))

    def _fetch_digest(
        self, task: tuple[_Chain, Place, DigestName]
    ) -> tuple[CheckedDigest, bytes | None, Mapping[str, str]]:
        _, (bucket, key), name = task
        try:
            fetched = self.source.get(bucket, key)
        except Unavailable as problem:
            return unreadable(bucket, key, name, problem.code), None, {}
        raw = RawDigest(bucket, key, name, fetched.body, fetched.metadata)
        return check_digest(raw, self._key_index), fetched.body, fetched.metadata

    def _keep(
        self, chain: _Chain, place: Place, checked: CheckedDigest, body: bytes | None, metadata: Mapping[str, str]
    ) -> CheckedDigest:
        """Spool the bytes and the list of log files; return the digest without that list."""
        if body is None:
            return checked
        number = self._numbers.setdefault(place, len(self._numbers) + 1)
        self._digest_of[number] = (chain, checked.start)
        logs = () if checked.digest is None else checked.digest.logs
        self.spool.add_digest(
            number, place, body, metadata, ((log.bucket, log.key, log.sha256, log.algorithm) for log in logs)
        )
        return checked if checked.digest is None else replace(checked, digest=replace(checked.digest, logs=()))

    # -- (4) along the chain ---------------------------------------------------------------------------------------

    def _follow_chains(self) -> None:
        discovered = False
        for _ in range(ROUNDS):
            waiting, elsewhere = self._named_elsewhere()
            if elsewhere:
                self._add_locations(elsewhere)
            elif waiting:
                self._load_keys({chain.region for chain, _, _ in waiting})
                self._fetch_named(waiting)
            elif not discovered:
                discovered = True
                self._discover()
            elif not self._look_later():
                return

    def _look_later(self) -> bool:
        """Read younger digests where the youngest so far cannot prove itself: one of them may prove it."""
        tasks = []
        for chain in self._chains.values():
            hourly = [item for item in chain.checked.values() if not item.name.backfill]
            newest = max(hourly, key=lambda item: item.end, default=None)
            latest = max(LATE_DIGESTS, self.now - self.scope.end)
            if newest is None or newest.proof is not Proof.OPEN or chain.late >= latest:
                continue
            since = self.scope.end + chain.late
            chain.late = min(chain.late * LATER, latest)
            tasks += [self._digest_list(chain, location, since) for location in self._locations]
        if tasks:
            self._list(tasks)
            self._read_digests()
        return bool(tasks)

    def _named_elsewhere(self) -> tuple[list[tuple[_Chain, Place, DigestName]], list[Location]]:
        waiting, elsewhere = [], set()
        for chain in self._chains.values():
            for pointer in wanted_predecessors(list(chain.checked.values()), self.scope.start):
                place = (pointer.bucket, pointer.key)
                name = parse_digest_key(pointer.key)
                if name is None or place in chain.missing:
                    continue
                location = Location(pointer.bucket, name.location_prefix, name.organization)
                if location not in self._locations:
                    elsewhere.add(location)
                waiting.append((chain, place, name))
        return waiting, sorted(elsewhere, key=lambda item: (item.bucket, item.prefix, item.organization or ""))

    def _add_locations(self, locations: Sequence[Location]) -> None:
        self._locations += locations
        self._list(self._list_tasks(locations))
        self._read_digests()

    def _fetch_named(self, waiting: Sequence[tuple[_Chain, Place, DigestName]]) -> None:
        gone = []
        results = self._workers.map(self._fetch_digest, waiting, weigh=_digest_size, budget=DIGEST_BUDGET)
        for task, (checked, body, metadata) in results:
            chain, place, _ = task
            if body is None and any(item.found in {"NoSuchKey", "404"} for item in checked.findings):
                chain.missing.add(place)
                gone.append(place)
                continue
            chain.own[place] = checked.name
            chain.checked[place] = self._keep(chain, place, checked, body, metadata)

    def _discover(self) -> None:
        """Look for other prefixes of the bucket when the beginning of the period is not covered."""
        uncovered = [
            chain
            for chain in self._chains.values()
            if not any(item.proof is Proof.VALID and item.start <= self.scope.start for item in chain.checked.values())
        ]
        if not uncovered:
            return
        bucket, owner = self.scope.location.bucket, self.scope.account
        known = {(item.bucket, item.prefix) for item in self._locations}
        for prefix in self._prefixes_with_logs(bucket):
            if (bucket, prefix) in known:
                continue
            location = Location(bucket, prefix, self.scope.location.organization)
            before = sum(len(chain.own) for chain in self._chains.values())
            if owner not in self._folders(bucket, location.base()):
                continue
            self._add_locations([location])
            if sum(len(chain.own) for chain in self._chains.values()) > before:
                sentence = (
                    f"A part of the trail's digests lies under another prefix of the bucket: {prefix or '(none)'}."
                )
                self._findings.append(
                    Finding(
                        "location_found",
                        location.base(),
                        owner,
                        self.scope.home_region,
                        None,
                        f"all digests under {self.scope.location.base()}",
                        f"digests under {location.base()}",
                        "shown",
                        sentence,
                    )
                )

    def _prefixes_with_logs(self, bucket: str) -> list[str]:
        found: list[str] = []
        calls = 0
        level = [""]
        for _ in range(DISCOVERY_DEPTH):
            deeper = []
            for prefix in level:
                calls += 1
                if calls > DISCOVERY_CALLS:
                    return found
                try:
                    names = self.source.folders(bucket, prefix)
                except Unavailable:
                    continue
                if "AWSLogs" in names:
                    found.append(prefix.rstrip("/"))
                deeper += [f"{prefix}{name}/" for name in names if name and name != "AWSLogs"]
            level = deeper
        return found

    # -- (5) link --------------------------------------------------------------------------------------------------

    def _link(self) -> None:
        self._drop_other_trails_regions()
        accepted: list[tuple[int, str]] = []
        days_kept = self.scope.retention_days
        retention = None if days_kept is None else timedelta(days=days_kept)
        for _, chain in sorted(self._chains.items()):
            for place, name in chain.own.items():
                if place not in chain.checked:
                    chain.checked[place] = unreadable(*place, name, "not reached")
            identity = Identity(self.scope.trail, self.scope.home_region, chain.account, chain.region)
            linked = link(
                identity,
                list(chain.checked.values()),
                frozenset(chain.missing),
                self.span,
                retention=retention,
            )
            self._linked.append(linked)
            for item in linked.proved():
                bound = f"{self.scope.end:%Y%m%dT%H%M}" if item.start >= self.scope.end else ""
                accepted.append((self._numbers[item.bucket, item.key], bound))
        self.spool.accept(accepted)
        self._windows = _event_windows(linked.gaps for linked in self._linked)

    def _drop_other_trails_regions(self) -> None:
        """Forget discovered Regions in which only other trails write."""
        for key, chain in list(self._chains.items()):
            if key not in self._asked and not chain.own and (chain.foreign or not chain.log_objects):
                del self._chains[key]

    # -- (6) log files ---------------------------------------------------------------------------------------------

    def _check_logs(self) -> None:
        total = self.spool.entry_count()
        done = 0
        known: list[int] = []
        saving: list[Entry] = []
        try:
            batches = self._batches(known)
            for batch, checked in self._workers.map(self._check_batch, batches, weigh=_batch_size, budget=LOG_BUDGET):
                self.spool.settle([entry.id for entry in batch], checked.problems)
                self._note_checked(checked)
                saving += checked.valid if self.checkpoint is not None else ()
                if len(saving) >= CHECKPOINT_EVERY:
                    self._save(saving)
                    saving = []
                done += len(batch)
                self._tell("log files", done, total, force=done == total)
        finally:
            self._save(saving)
            self.spool.settle(known, ())

    def _save(self, entries: Sequence[Entry]) -> None:
        if self.checkpoint is not None and entries:
            self.checkpoint.add(entries)

    def _batches(self, known: list[int]) -> Iterator[list[Entry]]:
        """Cut the entries into batches; those that an earlier run verified go to ``known`` instead."""
        reached = 0
        while entries := self.spool.entries(reached, 256 * BATCH):
            reached = entries[-1].id
            checkpoint = self.checkpoint
            if checkpoint is not None:
                again = [item for item in entries if self._wanted(item) or not checkpoint.knows(item)]
                known += sorted({item.id for item in entries} - {item.id for item in again})
                entries = again
            yield from _cut(entries)

    def _wanted(self, entry: Entry) -> bool:
        """Tell whether a file may hold the calls that explain a hole: home Region, near a hole's edge."""
        if self.events or self.on_record is not None:
            return True
        chain, _ = self._digest_of[entry.digest]
        if not self._windows or (chain.account, chain.region) != (self.scope.account, self.scope.home_region):
            return False
        name = parse_log_key(entry.key)
        return name is not None and any(first <= name.minute <= last for first, last in self._windows)

    def _check_batch(self, batch: Sequence[Entry]) -> _Checked:
        outcome = _Checked()
        for entry in batch:
            started = time.perf_counter()
            try:
                body = self.source.read(entry.bucket, entry.key, entry.size)
            except Unavailable as problem:
                outcome.problems.append(_unavailable(entry, problem))
                continue
            outcome.fastest = min(outcome.fastest, time.perf_counter() - started)
            outcome.stored += len(body)
            self._check_log(entry, body, outcome)
        return outcome

    def _check_log(self, entry: Entry, body: bytes, outcome: _Checked) -> None:
        wanted = self._wanted(entry)
        try:
            inflated = inflate(body, LOG_LIMIT, keep=wanted)
        except Damaged as damage:
            kind = f"log_{_DAMAGES.get(damage.kind, 'damaged')}"
            outcome.problems.append(_problem(entry, "altered", kind, "one complete gzip member", damage.detail))
            return
        outcome.inflated += inflated.size
        valid = inflated.sha256 == entry.sha256
        if valid:
            outcome.valid.append(entry)
            header = bytes(body[:HEADER_LENGTH])
            outcome.headers.setdefault(header, []).append(entry.key)
            chain, _ = self._digest_of[entry.digest]
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
            self._read_records(entry.key, inflated.data or b"", outcome, verified=valid)

    def _read_records(self, key: str, data: bytes, outcome: _Checked, *, verified: bool) -> None:
        try:
            document = orjson.loads(data)
        except orjson.JSONDecodeError:
            return
        records = document.get("Records") if isinstance(document, dict) else None
        if not isinstance(records, list):
            return
        names = frozenset({self.scope.trail, self.scope.arn} - {""})
        outcome.records += len(records)
        outcome.files += 1
        for record in records:
            if verified and (event := trail_event(record, names)) is not None:
                outcome.trail_events.append(event)
            if self.events and (row := notable_row(record, log_file=key, verified=verified)) is not None:
                outcome.rows.append(row)
            if self.on_record is not None and isinstance(record, dict):
                self.on_record(record, key, verified)

    def _note_checked(self, checked: _Checked) -> None:
        self._bytes[0] += checked.stored
        self._bytes[1] += checked.inflated
        self._workers.concurrency.saw(checked.fastest)
        for event in checked.trail_events:
            self._trail_events[event.event_id or f"{event.name}{event.time}"] = event
        self._rows.add(checked.rows, checked.files, checked.records)
        for header, keys in checked.headers.items():
            if header in self._headers or len(self._headers) < HEADER_VARIANTS:
                count, some = self._headers.get(header, (0, []))
                self._headers[header] = (count + len(keys), sorted([*some, *keys])[:20])

    # -- (7) nobody's log objects ----------------------------------------------------------------------------------

    def _find_extra(self) -> None:
        if not self.spool.find_extra():
            return
        foreign = [
            (chain, place, name)
            for chain in self._chains.values()
            for place, name in sorted(chain.foreign.items())
            if chain.log_objects
        ]
        if not foreign:
            return
        self._load_keys({chain.region for chain, _, _ in foreign})
        results = self._workers.map(self._fetch_digest, foreign, weigh=_digest_size, budget=DIGEST_BUDGET)
        for (chain, _, _), (checked, _, _) in results:
            if checked.proof is Proof.VALID and checked.digest is not None:
                self.spool.add_other((log.bucket, log.key) for log in checked.digest.logs)
            else:
                chain.unread = True
        self.spool.find_extra()

    # -- (8) explain -----------------------------------------------------------------------------------------------

    def _explained(self) -> list[Gap]:
        gaps = [gap for linked in self._linked for gap in linked.gaps]
        gaps = [self._unseen(gap) for gap in gaps]
        counter = _Counter(self.spool, self._chains)
        events = list(self._trail_events.values())
        gaps = explain(gaps, events, counter, validation_enabled=self.scope.validation_enabled)
        return [self._deleted_versions(gap) for gap in gaps]

    def _unseen(self, gap: Gap) -> Gap:
        """Take back a conclusion that rests on a listing that failed."""
        chain = self._chains[gap.account, gap.region]
        if (chain.unread or self._interrupted) and gap.cause in {"no_digests", "before_first_digest", "unexplained"}:
            return replace(gap, certainty="possible")
        return gap

    def _deleted_versions(self, gap: Gap) -> Gap:
        """Ask the bucket's versions whether digests of a hole were deleted."""
        if gap.cause not in {"unexplained", "after_last_digest", "no_digests", "logs_without_digest"}:
            return gap
        if not self.source.remote:
            return gap
        chain = self._chains[gap.account, gap.region]
        for location in sorted(chain.locations, key=lambda item: (item.bucket, item.prefix)):
            folder = location.folder(gap.account, "CloudTrail-Digest", gap.region)
            for day in list(days(gap.start, gap.end + HOUR))[:31]:
                try:
                    versions = self.source.versions(location.bucket, f"{folder}{day:%Y/%m/%d}/")
                except Unavailable:
                    return gap
                for version in versions:
                    name = parse_digest_key(version.key) if version.deleted else None
                    if name is None or (name.trail, name.home_region) != (self.scope.trail, self.scope.home_region):
                        continue
                    if gap.start < name.end <= gap.end + HOUR:
                        sentence = f"Digest file {version.key} was deleted at {rfc3339(version.at)}."
                        extra = (("deleted_at", rfc3339(version.at)), ("delete_marker", version.version))
                        lost = finding(name, version.key, "digest_missing", "the digest", "a delete marker", sentence)
                        self._findings.append(replace(lost, extra=extra))
                        return described(replace(gap, cause="digest_deleted", certainty="shown"))
        return gap

    def _check_anchors(self) -> None:
        for anchor in self.scope.anchors:
            chain = self._chains.get((anchor.account, anchor.region))
            known = chain.checked.get((anchor.bucket, anchor.key)) if chain is not None else None
            if known is not None and known.proof is not Proof.UNREADABLE:
                sha256 = known.digest.sha256 if known.digest is not None else "other content"
            else:
                try:
                    fetched = self.source.get(anchor.bucket, anchor.key)
                    sha256 = inflate(fetched.body, LOG_LIMIT, keep=False).sha256
                except Damaged as damage:
                    sha256 = damage.detail
                except Unavailable as problem:
                    self._anchor_gone(anchor, problem)
                    continue
            if sha256 != anchor.sha256:
                self._anchor_finding(anchor, "anchor_differs", sha256, "differs from what an earlier report recorded")

    def _anchor_gone(self, anchor: Anchor, problem: Unavailable) -> None:
        if problem.reason != "missing":
            self._anchor_finding(anchor, "anchor_unreadable", problem.code, f"could not be read ({problem.code})")
            return
        kept = self.scope.retention_days
        if kept is None or anchor.end > self.now - timedelta(days=kept):
            self._anchor_finding(anchor, "anchor_missing", "no such object", "is gone; an earlier report recorded it")

    def _anchor_finding(self, anchor: Anchor, kind: str, found: str, words: str) -> None:
        self._findings.append(
            Finding(
                kind,
                anchor.key,
                anchor.account,
                anchor.region,
                anchor.end - HOUR,
                f"SHA-256 {anchor.sha256}",
                found,
                "shown",
                f"Digest file {anchor.key} {words}.",
            )
        )

    def _with_versions(self, item: Finding, bucket: str, sha256: str) -> Finding:
        """Look for the original among the object's versions, and for the time of the change."""
        try:
            versions = [row for row in self.source.versions(bucket, item.key) if row.key == item.key]
        except Unavailable:
            return item
        extra: list[tuple[str, str]] = []
        newer: datetime | None = None
        for version in versions:
            if version.deleted:
                extra.append(("deleted_at", rfc3339(version.at)))
            elif self._is_original(bucket, version.key, version.version, sha256):
                extra.append(("original_version", version.version))
                if newer is not None:
                    extra.append(("changed_at", rfc3339(newer)))
                break
            newer = version.at
        return replace(item, extra=(*item.extra, *extra))

    def _is_original(self, bucket: str, key: str, version: str, sha256: str) -> bool:
        try:
            fetched = self.source.get_version(bucket, key, version)
            return inflate(fetched.body, LOG_LIMIT, keep=False).sha256 == sha256
        except (Unavailable, Damaged):
            return False

    # -- (9) write it down -----------------------------------------------------------------------------------------

    def _write(self) -> TrailReport:
        self._check_anchors()
        gaps = self._explained()
        marks: dict[tuple[str, str], dict[datetime, str]] = {key: {} for key in self._chains}
        omitted: Counter[str] = Counter()
        self._findings += self._digest_findings(marks)
        self._findings += self._log_findings(marks, omitted)
        self._findings += self._extra_findings(gaps, marks, omitted)
        self._findings += [gap.finding() for gap in gaps]
        self._findings += self._run_findings(marks)
        counted, extras = self._log_counts(), Counter(extra.chain for extra in self.spool.extras())
        chains = tuple(self._chain_report(linked, gaps, marks, counted, extras) for linked in self._linked)
        ordered = sorted(self._findings, key=Finding.order)
        for item in ordered[FINDING_LIMIT:]:
            omitted[item.kind] += 1
        return TrailReport(
            self.scope,
            self.now,
            tuple(ordered[:FINDING_LIMIT]),
            dict(omitted),
            tuple(sorted(gaps, key=lambda gap: (gap.account, gap.region, gap.start))),
            chains,
            _sum_digests(chains),
            _sum_logs(chains),
            self._key_uses(),
            self._anchors(),
            tuple(sorted({f"{n.trail} ({n.home_region})" for c in self._chains.values() for n in c.foreign.values()})),
            self._interrupted,
            self._bytes[0],
            self._bytes[1],
            self._rows.document(self.scope) if self.events else None,
        )

    def _in_period(self, item: CheckedDigest) -> bool:
        return item.start < self.scope.end and item.end > self.scope.start

    def _digest_findings(self, marks: dict[tuple[str, str], dict[datetime, str]]) -> list[Finding]:
        found: list[Finding] = []
        for linked in self._linked:
            key = (linked.identity.account, linked.identity.region)
            outside = {item.key for item in linked.digests if not self._in_period(item)}
            every = [item for digest in linked.digests for item in digest.findings] + list(linked.findings)
            for item in every:
                if item.key in outside:
                    continue
                state = _DIGEST_STATES.get(item.kind)
                if state is not None and item.at is not None:
                    _mark(marks[key], self._clamp(item.at), state)
                if item.kind in _VERSIONED and len(found) < VERSION_LOOKUPS:
                    pointed = _pointed_hash(linked, item.key)
                    item = self._with_versions(item, self._bucket_of(linked, item.key), pointed)  # noqa: PLW2901
                found.append(item)
        return found

    def _bucket_of(self, linked: Linked, key: str) -> str:
        for item in linked.digests:
            if item.key == key:
                return item.bucket
        return self.scope.location.bucket

    def _clamp(self, moment: datetime) -> datetime:
        return max(moment, self.scope.start).replace(minute=0, second=0, microsecond=0)

    def _log_findings(self, marks: dict[tuple[str, str], dict[datetime, str]], omitted: Counter[str]) -> list[Finding]:
        found: list[Finding] = []
        for digest, bucket, key, kind, expected, seen in self.spool.problems():
            chain, start = self._digest_of[digest]
            name = parse_log_key(key)
            moment = name.minute if name is not None else start
            _mark(marks[chain.account, chain.region], self._clamp(moment), _LOG_STATES[kind])
            if len(found) >= FINDING_LIMIT:
                omitted[kind] += 1
                continue
            sentence = _LOG_SENTENCES[kind].format(key=key, found=seen, expected=expected)
            item = Finding(kind, key, chain.account, chain.region, moment, expected, seen, "shown", sentence)
            if kind in _VERSIONED and len(found) < VERSION_LOOKUPS:
                item = self._with_versions(item, bucket, expected.removeprefix("SHA-256 "))
            found.append(item)
        for bucket, key, _, other, first, second in self.spool.twice():
            chain, start = self._digest_of[other]
            kind = "log_listed_twice" if first == second else "log_hashes_conflict"
            sentence = _LOG_SENTENCES[kind].format(key=f"{bucket}/{key}")
            found.append(Finding(kind, key, chain.account, chain.region, start, first, second, "shown", sentence))
        for digest, text in self.spool.unchecked_hours():
            chain, start = self._digest_of[digest]
            _mark(marks[chain.account, chain.region], self._clamp(_hour(text) or start), "r")
        return found

    def _extra_findings(
        self,
        gaps: Sequence[Gap],
        marks: dict[tuple[str, str], dict[datetime, str]],
        omitted: Counter[str],
    ) -> list[Finding]:
        chains = {chain.index: chain for chain in self._chains.values()}
        covered = {(item.identity.account, item.identity.region): _covered(item) for item in self._linked}
        found: list[Finding] = []
        for extra in self.spool.extras():
            chain = chains.get(extra.chain)
            if chain is None:
                continue
            key = (chain.account, chain.region)
            kind, certainty = self._extra_kind(extra, chain, covered[key])
            if kind is None:
                continue
            moment = extra.minute or _folder_day(extra.key) or self.scope.start
            inside = any(gap.start <= moment < gap.end for gap in gaps if (gap.account, gap.region) == key)
            if kind == "log_unvouched_in_gap" and inside:
                continue  # the gap counts them
            _mark(marks[key], self._clamp(moment), "u")
            if len(found) >= FINDING_LIMIT:
                omitted[kind] += 1
                continue
            written = "" if extra.modified is None else f", written {rfc3339(extra.modified)}"
            sentence = _EXTRA_SENTENCES[kind].format(key=extra.key, written=written)
            seen = f"{extra.size} bytes{written}"
            found.append(
                Finding(kind, extra.key, *key, moment, "an entry in a proved digest", seen, certainty, sentence)
            )
        return found

    def _extra_kind(
        self, extra: Extra, chain: _Chain, covered: Sequence[tuple[datetime, datetime]]
    ) -> tuple[str | None, Certainty]:
        if extra.minute is None:
            return "object_unexpected", "shown"
        if self._interrupted:
            return None, "possible"
        last = extra.minute + DELIVERY_SLACK
        inside = any(start <= extra.minute and last <= end for start, end in covered)
        if not inside and self.now - extra.minute < DIGEST_GRACE:
            return None, "possible"
        if not inside or chain.unread or self.scope.shared_without_digests:
            return "log_unvouched_in_gap", "possible"
        return "log_unvouched", "likely"

    def _run_findings(self, marks: dict[tuple[str, str], dict[datetime, str]]) -> list[Finding]:
        found: list[Finding] = []
        for chain in self._chains.values():
            if chain.unread:
                for day in days(self.scope.start, self.scope.end):
                    for hour in range(24):
                        _mark(marks[chain.account, chain.region], day + hour * HOUR, "r")
            start = f"{self.scope.trail}_{self.scope.home_region}_"
            alike = sorted({name.trail for name in chain.foreign.values() if name.trail.startswith(start)})
            found += [
                Finding(
                    "lookalike_trail",
                    trail,
                    chain.account,
                    chain.region,
                    None,
                    f"trail {self.scope.trail}",
                    f"trail {trail}",
                    "shown",
                    f"Trail {trail} is named so that its digests sort among those of {self.scope.trail}.",
                )
                for trail in alike
            ]
        found += self._header_findings()
        found += [self._change_finding(event) for event in self._trail_events.values()]
        if self._interrupted:
            sentence = "The run was interrupted: what it did not reach is not vouched for."
            found.append(
                Finding("interrupted", "", self.scope.account, "", None, "a complete run", "a part", "shown", sentence)
            )
        return found

    def _header_findings(self) -> list[Finding]:
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
                account = name.account if name is not None else self.scope.account
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

    def _change_finding(self, event: TrailEvent) -> Finding:
        sentence = f"{event.actor} called {event.name} on this trail at {rfc3339(event.time)}."
        return Finding(
            "trail_changed",
            "",
            self.scope.account,
            self.scope.home_region,
            event.time,
            "an unchanged trail",
            event.name,
            "shown",
            sentence,
            (("event_id", event.event_id), ("actor", event.actor)),
        )

    def _chain_report(
        self,
        linked: Linked,
        gaps: Sequence[Gap],
        marks: Mapping[tuple[str, str], Mapping[datetime, str]],
        counted: Mapping[int, Counter[str]],
        extras: Counter[int],
    ) -> ChainReport:
        key = (linked.identity.account, linked.identity.region)
        own_gaps = [gap for gap in gaps if (gap.account, gap.region) == key]
        inside = [item for item in linked.digests if self._in_period(item)]
        proofs = Counter(item.proof for item in inside)
        named = sum(item.kind == "digest_missing" for item in linked.findings)
        lost = sum(math.ceil((gap.end - gap.start) / HOUR) for gap in own_gaps if gap.cause == "digest_deleted")
        missing = max(named, lost)
        digests = DigestCounts(
            len(inside) + missing,
            proofs[Proof.VALID],
            proofs[Proof.FAILED],
            missing,
            proofs[Proof.OPEN],
            proofs[Proof.UNREADABLE],
            sum(item.name.backfill for item in inside),
        )
        chain = self._chains[key]
        logs, unvouched = counted.get(chain.index, Counter()), extras[chain.index]
        states = hour_states(self.span, own_gaps, marks[key])
        return ChainReport(
            *key,
            tuple(sorted(states.items())),
            digests,
            LogCounts(
                sum(logs.values()),
                logs["valid"],
                logs["altered"],
                logs["missing"],
                unvouched,
                logs["unreadable"],
                logs["unchecked"],
            ),
        )

    def _log_counts(self) -> dict[int, Counter[str]]:
        counted: dict[int, Counter[str]] = {}
        for digest, state, count in self.spool.counts_by_digest():
            counted.setdefault(self._digest_of[digest][0].index, Counter())[state] += count
        return counted

    def _key_uses(self) -> tuple[KeyUse, ...]:
        uses: Counter[tuple[str, str]] = Counter()
        for linked in self._linked:
            for item in linked.proved():
                if item.key_used is not None and self._in_period(item):
                    uses[item.key_used.region, item.key_used.fingerprint] += 1
        found = []
        for (region, fingerprint), count in sorted(uses.items()):
            key = self._key_index[region, fingerprint]
            found.append(KeyUse(region, fingerprint, key.valid_from, key.valid_until, count))
        return tuple(found)

    def _anchors(self) -> tuple[Anchor, ...]:
        found = []
        for linked in self._linked:
            newest = max(
                (item for item in linked.proved() if not item.name.backfill), key=lambda item: item.end, default=None
            )
            if newest is not None and newest.digest is not None:
                signature = newest.signature
                found.append(
                    Anchor(
                        linked.identity.account,
                        linked.identity.region,
                        newest.bucket,
                        newest.key,
                        newest.end,
                        newest.digest.sha256,
                        signature,
                    )
                )
        return tuple(found)


# ------------------------------------------------------------------------------------------------------- small parts


def _digest_size(task: tuple[_Chain, Place, DigestName]) -> int:
    chain, place, _ = task
    return chain.sizes.get(place, 0)


def _batch_size(batch: Sequence[Entry]) -> int:
    return sum(entry.size or 0 for entry in batch)


def _cut(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Cut a list into batches of bounded number and size: many small files together, large ones alone."""
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        batch.append(entry)
        size += entry.size or 0
        if len(batch) >= BATCH or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class _Counter(LogCounter):
    def __init__(self, spool: Spool, chains: Mapping[tuple[str, str], _Chain]) -> None:
        self._spool, self._chains = spool, chains

    def __call__(self, account: str, region: str, start: datetime, end: datetime) -> int:
        return self._spool.extra_between(self._chains[account, region].index, start, end)


class _Rows:
    """Notable rows, bounded: the earliest ones are kept, the rest is counted."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._files = self._records = self._dropped = 0

    def add(self, rows: Iterable[Row], files: int, records: int) -> None:
        self._rows += rows
        self._files += files
        self._records += records
        if len(self._rows) > 8 * ROW_LIMIT:
            self._rows.sort(key=Row.order)
            self._dropped += len(self._rows) - 4 * ROW_LIMIT
            del self._rows[4 * ROW_LIMIT :]

    def document(self, scope: TrailScope) -> dict[str, Any]:
        where = {
            "trail": scope.document(),
            "period": {"start": rfc3339(scope.start), "end": rfc3339(scope.end)},
        }
        document = notable_document(self._rows, where, log_files=self._files, records=self._records)
        document["omitted"] += self._dropped
        return document


_DAMAGES: Final[Mapping[str, str]] = {
    "damaged": "damaged",
    "truncated": "truncated",
    "trailing": "trailing_bytes",
    "too_large": "too_large",
}
_VERSIONED: Final = frozenset(
    {
        "log_altered",
        "log_missing",
        "log_damaged",
        "log_truncated",
        "log_trailing_bytes",
        "digest_altered",
        "digest_damaged",
        "digest_malformed",
        "digest_missing",
        "link_hash_mismatch",
    }
)
_DIGEST_STATES: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "digest_altered",
            "digest_damaged",
            "digest_malformed",
            "digest_moved",
            "digest_misnamed",
            "digest_algorithm",
            "key_outside_validity",
            "link_hash_mismatch",
            "link_signature_mismatch",
            "link_skips_digest",
            "link_foreign",
            "signature_metadata_altered",
        ),
        "x",
    ),
    "digest_missing": "d",
    "digest_unreadable": "r",
    "digest_unproved": "r",
    "key_not_found": "r",
    "key_unusable": "r",
}
_LOG_STATES: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("log_altered", "log_damaged", "log_truncated", "log_trailing_bytes", "log_too_large", "log_misplaced"), "x"
    ),
    "log_missing": "d",
    "log_unreadable": "r",
    "log_hash_unknown": "r",
}
_LOG_SENTENCES: Final[Mapping[str, str]] = {
    "log_altered": "Log file {key} was altered: its digest vouches for {expected}, it has {found}.",
    "log_damaged": "Log file {key} is damaged: {found}.",
    "log_truncated": "Log file {key} was cut short: {found}.",
    "log_trailing_bytes": "Log file {key} has something added to it: {found}.",
    "log_too_large": "Log file {key} was replaced by something that is no log file: {found}.",
    "log_missing": "Log file {key} is gone; its digest vouches that it was delivered.",
    "log_unreadable": "Log file {key} could not be read ({found}).",
    "log_hash_unknown": "Log file {key} cannot be checked: its digest names {found}.",
    "log_misplaced": "Log file {key} is listed in the digest of another account or Region.",
    "log_listed_twice": "Log file {key} is listed in two digests; it was counted once.",
    "log_hashes_conflict": "Log file {key} is listed in two digests with different hashes.",
}
_EXTRA_SENTENCES: Final[Mapping[str, str]] = {
    "log_unvouched": "Log object {key} is in no digest, although its hour's digest lists all deliveries: it was "
    "planted, or delivered late and not yet backfilled{written}.",
    "log_unvouched_in_gap": "Log object {key} is in no digest; the digest it would be in could not be used{written}.",
    "object_unexpected": "Object {key} lies among the log files under a name CloudTrail never gives{written}.",
}


def _problem(entry: Entry, state: str, kind: str, expected: str, found: str) -> Problem:
    return Problem(entry.id, state, int(KINDS[kind]), kind, expected, found)


def _unavailable(entry: Entry, problem: Unavailable) -> Problem:
    if problem.reason == "missing":
        return _problem(entry, "missing", "log_missing", f"SHA-256 {entry.sha256}", "no such object")
    return _problem(entry, "unreadable", "log_unreadable", f"SHA-256 {entry.sha256}", problem.code)


def _mark(marks: dict[datetime, str], hour: datetime, state: str) -> None:
    marks[hour] = worse(marks.get(hour, "v"), state)


def _hour(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%dT%H").replace(tzinfo=UTC)
    except ValueError:
        return None


def _folder_day(key: str) -> datetime | None:
    """Return the day of the folder an object lies in."""
    try:
        return datetime.strptime("/".join(key.split("/")[-4:-1]), "%Y/%m/%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def _covered(linked: Linked) -> list[tuple[datetime, datetime]]:
    """Return the spans that proved hourly digests cover without a hole."""
    spans: list[tuple[datetime, datetime]] = []
    for item in linked.proved():
        if item.name.backfill:
            continue
        if spans and item.start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], item.end))
        else:
            spans.append((item.start, item.end))
    return spans


def _event_windows(gaps: Iterable[Sequence[Gap]]) -> list[tuple[datetime, datetime]]:
    """Return when the log files were made that may hold the calls around a hole."""
    windows = set()
    for gap in (gap for part in gaps for gap in part):
        windows.add((gap.start - BEFORE_STOP, gap.start + AFTER_STOP + DELIVERY_SLACK))
        windows.add((gap.end - DELIVERY_SLACK, gap.end + RESTART_GRACE + DELIVERY_SLACK))
    return sorted(windows)


def _pointed_hash(linked: Linked, key: str) -> str:
    for item in linked.proved():
        if item.digest is not None and item.digest.previous is not None and item.digest.previous.key == key:
            return item.digest.previous.sha256.lower()
    return ""


def _sum_digests(chains: Sequence[ChainReport]) -> DigestCounts:
    names = DigestCounts.__slots__
    return DigestCounts(*(sum(getattr(chain.digests, name) for chain in chains) for name in names))


def _sum_logs(chains: Sequence[ChainReport]) -> LogCounts:
    return LogCounts(*(sum(getattr(chain.logs, name) for chain in chains) for name in LogCounts.__slots__))

"""Finds what there is: places, keys and digests, each digest judged by itself. Steps 1 to 4 of a verification."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from auditor.trail.chain import HOUR, Place, wanted_predecessors
from auditor.trail.digest import CheckedDigest, Proof, RawDigest, check_digest, unreadable
from auditor.trail.fetch import Listed, Unavailable
from auditor.trail.findings import Finding
from auditor.trail.keys import KeyBook
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
from auditor.trail.state import LATE_DIGESTS, Chain, State

LATER: Final = 8
"""By which factor that reach grows where the last digests cannot prove themselves: 3 hours, 1 day, 8 days ..."""
LIST_PAGE: Final = 1000
"""Listing rows taken at a time from a remote store: memory stays flat on days with many log files."""
DIGEST_BUDGET: Final = 1 << 17
"""Stored bytes of digests under way: being parsed, a digest of 4,000 log files takes a hundred times its 190 kB."""
STRAY_LIMIT: Final = 200
"""Objects under foreign names among the digests that are named, per account and Region."""
DISCOVERY_CALLS: Final = 200
DISCOVERY_DEPTH: Final = 4
ROUNDS: Final = 3000
"""Steps along a chain whose older digests are named but not listed."""

KeySource = Callable[[Sequence[str], datetime, datetime], KeyBook]
"""Returns the public keys of Regions for a span of time; what cannot be had is named in the book."""


@dataclass(frozen=True, slots=True)
class ListTask:
    """A listing to make, or the rest of one."""

    chain: int
    location: Location
    kind: str
    prefix: str
    after: str
    until: str
    """Day (``YYYY/MM/DD``) after which the listing may end."""


@dataclass(frozen=True, slots=True)
class ListPage:
    """A part of a listing."""

    rows: list[Listed]
    after: str | None
    """Where to go on; None at the end."""
    problem: Unavailable | None


class Survey:
    """Steps 1 to 4.

    Args:
        state: what the verification knows.
        keys: where the public keys are.
    """

    def __init__(self, state: State, keys: KeySource) -> None:
        self._state = state
        self.keys = keys

    def run(self) -> None:
        """Plan, list, read the digests and follow their chains.

        Raises:
            Stopped: the run was asked to stop; what was found so far stands in the state.
        """
        self._plan()
        self._list(self._list_tasks(self._state.locations))
        self._read_digests()
        self._follow_chains()

    # (1) plan

    def _plan(self) -> None:
        self._state.locations = [self._state.scope.location, *self._state.scope.more_locations]
        if self._state.scope.location.organization is None:
            names = self._state.folders(self._state.scope.location.bucket, self._state.scope.location.base())
            self._state.locations += [
                replace(self._state.scope.location, organization=name) for name in names if is_organization(name)
            ]
        for location in self._state.locations:
            self._plan_location(location)
        for account in self._state.scope.accounts or (self._state.scope.account,):
            for region in self._state.scope.regions or (self._state.scope.home_region,):
                self._state.chain(account, region)
                self._state.asked.add((account, region))

    def _plan_location(self, location: Location) -> None:
        accounts = set(self._state.scope.accounts)
        if not accounts:
            accounts = {self._state.scope.account}
            if location.organization:
                accounts |= {name for name in self._state.folders(location.bucket, location.base()) if is_account(name)}
        for account in sorted(accounts):
            regions = set(self._state.scope.regions)
            if self._state.scope.discover_regions:
                for kind in ("CloudTrail-Digest", "CloudTrail"):
                    names = self._state.folders(location.bucket, f"{location.base()}{account}/{kind}/")
                    regions |= {name for name in names if is_region(name)}
            for region in sorted(regions):
                self._state.chain(account, region).locations.add(location)
                if (
                    location.organization
                    and account != self._state.scope.account
                    and region in self._state.scope.regions
                ):
                    self._state.asked.add((account, region))

    # (2) list

    def _list_tasks(self, locations: Sequence[Location]) -> list[ListTask]:
        tasks = []
        for chain in self._state.chains.values():
            for location in locations:
                chain.locations.add(location)
                tasks.append(self._digest_list(chain, location, self._state.scope.start))
                logs = location.folder(chain.account, "CloudTrail", chain.region)
                tasks += [
                    ListTask(chain.index, location, "log", f"{logs}{day:%Y/%m/%d}/", "", "")
                    for day in days(self._state.scope.start, min(self._state.scope.end, self._state.now + HOUR))
                ]
        return tasks

    def _digest_list(self, chain: Chain, location: Location, since: datetime) -> ListTask:
        folder = location.folder(chain.account, "CloudTrail-Digest", chain.region)
        until = f"{self._state.scope.end + chain.late:%Y/%m/%d}"
        return ListTask(chain.index, location, "digest", folder, f"{folder}{since:%Y/%m/%d}", until)

    def _list(self, tasks: list[ListTask]) -> None:
        chains = list(self._state.chains.values())
        done = 0
        while tasks:
            more: list[ListTask] = []
            for task, page in self._state.workers.map(self._list_page, tasks):
                chain = chains[task.chain]
                self._note_rows(chain, task, page.rows)
                if page.problem is not None:
                    chain.unread = True
                    prefix = f"{task.location.bucket}/{task.prefix}"
                    self._state.findings.append(self._state.list_finding(chain, prefix, page.problem))
                elif page.after is not None:
                    more.append(replace(task, after=page.after))
                done += 1
                self._state.tell("listing", done, None)
            tasks = more

    def _list_page(self, task: ListTask) -> ListPage:
        rows: list[Listed] = []
        cut = len(task.prefix)
        try:
            for row in self._state.source.objects(task.location.bucket, task.prefix, task.after):
                if task.until and row.key[cut : cut + 10] > task.until:
                    break
                rows.append(row)
                if self._state.source.remote and len(rows) >= LIST_PAGE:
                    return ListPage(rows, row.key, None)
        except Unavailable as problem:
            return ListPage(rows, None, problem)
        return ListPage(rows, None, None)

    def _note_rows(self, chain: Chain, task: ListTask, rows: Sequence[Listed]) -> None:
        if task.kind == "digest":
            for row in rows:
                self._note_digest(chain, task.location, row)
            return
        spooled = []
        for row in rows:
            name = parse_log_key(row.key)
            fits = name is not None and (name.account, name.region) == (chain.account, chain.region)
            if name is not None and fits and not self._state.scope.start <= name.minute < self._state.scope.end:
                continue
            if not fits and row.key.endswith("/") and row.size == 0:
                continue  # a folder marker some tools leave
            minute = int(name.minute.timestamp()) if name is not None and fits else None
            modified = None if row.last_modified is None else int(row.last_modified.timestamp())
            spooled.append((task.location.bucket, row.key, chain.index, minute, row.size, modified, row.etag))
        chain.log_objects += len(spooled)
        self._state.spool.add_listed(spooled)

    def _note_digest(self, chain: Chain, location: Location, row: Listed) -> None:
        name = parse_digest_key(row.key)
        if name is None or (name.account, name.region) != (chain.account, chain.region):
            if (row.size or not row.key.endswith("/")) and chain.strays < STRAY_LIMIT:
                chain.strays += 1
                self._state.findings.append(self._stray(chain, row.key))
            return
        if name.end <= self._state.scope.start or name.end > self._state.scope.end + chain.late:
            return
        chain.sizes[location.bucket, row.key] = row.size
        if (name.trail, name.home_region) == (self._state.scope.trail, self._state.scope.home_region):
            chain.own[location.bucket, row.key] = name
            return
        chain.foreign[location.bucket, row.key] = name

    def _stray(self, chain: Chain, key: str) -> Finding:
        sentence = f"Object {key} lies among the digests under a name CloudTrail never gives; it was ignored."
        return Finding(
            "object_foreign", key, chain.account, chain.region, None, "only digests", "another name", "shown", sentence
        )

    # (3) keys and digests

    def _read_digests(self) -> None:
        waiting = [
            (chain, place, name)
            for chain in self._state.chains.values()
            for place, name in sorted(chain.own.items())
            if place not in chain.checked
        ]
        self.load_keys({chain.region for chain, _, _ in waiting})
        self._fetch_digests(waiting)

    def load_keys(self, regions: set[str]) -> None:
        """Get the public keys of Regions that have not been asked for yet."""
        known = {key.region for key in self._state.keybook.keys} | {
            region for region, _ in self._state.keybook.unavailable
        }
        new = sorted(regions - known)
        if not new:
            return
        self._state.tell("keys", 0, len(new), force=True)
        start, end = (
            self._state.scope.start - timedelta(days=1),
            max(self._state.now, self._state.scope.end + LATE_DIGESTS),
        )
        found = self.keys(new, start, end)
        self._state.keybook = KeyBook(
            (*self._state.keybook.keys, *found.keys),
            tuple(sorted({*self._state.keybook.unavailable, *found.unavailable})),
        )
        self._state.key_index = self._state.keybook.index()
        for region, code in found.unavailable:
            sentence = f"The public keys of {region} could not be had ({code}): no digest from there can be checked."
            self._state.findings.append(
                Finding(
                    "keys_unavailable",
                    "",
                    self._state.scope.account,
                    region,
                    None,
                    "public keys",
                    code,
                    "shown",
                    sentence,
                )
            )

    def _fetch_digests(self, waiting: Sequence[tuple[Chain, Place, DigestName]]) -> None:
        results = self._state.workers.map(self._fetch, waiting, weigh=digest_size, budget=DIGEST_BUDGET)
        for done, (task, (checked, body, metadata)) in enumerate(results, 1):
            chain, place, _ = task
            chain.checked[place] = self._keep(chain, place, checked, body, metadata)
            self._state.tell("digests", done, len(waiting), force=done == len(waiting))

    def _fetch_named(self, waiting: Sequence[tuple[Chain, Place, DigestName]]) -> None:
        gone = []
        results = self._state.workers.map(self._fetch, waiting, weigh=digest_size, budget=DIGEST_BUDGET)
        for task, (checked, body, metadata) in results:
            chain, place, _ = task
            if body is None and any(item.found in {"NoSuchKey", "404"} for item in checked.findings):
                chain.missing.add(place)
                gone.append(place)
                continue
            chain.own[place] = checked.name
            chain.checked[place] = self._keep(chain, place, checked, body, metadata)

    def _fetch(self, task: tuple[Chain, Place, DigestName]) -> tuple[CheckedDigest, bytes | None, Mapping[str, str]]:
        return fetch_digest(self._state, task)

    def _keep(
        self, chain: Chain, place: Place, checked: CheckedDigest, body: bytes | None, metadata: Mapping[str, str]
    ) -> CheckedDigest:
        """Spool the bytes and the list of log files; return the digest without that list."""
        if body is None:
            return checked
        number = self._state.numbers.setdefault(place, len(self._state.numbers) + 1)
        self._state.digest_of[number] = (chain, checked.start)
        logs = () if checked.digest is None else checked.digest.logs
        self._state.spool.add_digest(
            number, place, body, metadata, ((log.bucket, log.key, log.sha256, log.algorithm) for log in logs)
        )
        return checked if checked.digest is None else replace(checked, digest=replace(checked.digest, logs=()))

    # (4) along the chain

    def _follow_chains(self) -> None:
        discovered = False
        for _ in range(ROUNDS):
            waiting, elsewhere = self._named_elsewhere()
            if elsewhere:
                self._add_locations(elsewhere)
            elif waiting:
                self.load_keys({chain.region for chain, _, _ in waiting})
                self._fetch_named(waiting)
            elif not discovered:
                discovered = True
                self._discover()
            elif not self._look_later():
                return

    def _look_later(self) -> bool:
        """Read younger digests where the youngest so far cannot prove itself: one of them may prove it."""
        tasks = []
        for chain in self._state.chains.values():
            hourly = [item for item in chain.checked.values() if not item.name.backfill]
            newest = max(hourly, key=lambda item: item.end, default=None)
            latest = max(LATE_DIGESTS, self._state.now - self._state.scope.end)
            if newest is None or newest.proof is not Proof.OPEN or chain.late >= latest:
                continue
            since = self._state.scope.end + chain.late
            chain.late = min(chain.late * LATER, latest)
            tasks += [self._digest_list(chain, location, since) for location in self._state.locations]
        if tasks:
            self._list(tasks)
            self._read_digests()
        return bool(tasks)

    def _named_elsewhere(self) -> tuple[list[tuple[Chain, Place, DigestName]], list[Location]]:
        waiting, elsewhere = [], set()
        for chain in self._state.chains.values():
            for pointer in wanted_predecessors(list(chain.checked.values()), self._state.scope.start):
                place = (pointer.bucket, pointer.key)
                name = parse_digest_key(pointer.key)
                if name is None or place in chain.missing:
                    continue
                location = Location(pointer.bucket, name.location_prefix, name.organization)
                if location not in self._state.locations:
                    elsewhere.add(location)
                waiting.append((chain, place, name))
        return waiting, sorted(elsewhere, key=lambda item: (item.bucket, item.prefix, item.organization or ""))

    def _add_locations(self, locations: Sequence[Location]) -> None:
        self._state.locations += locations
        self._list(self._list_tasks(locations))
        self._read_digests()

    def _discover(self) -> None:
        """Look for other prefixes of the bucket when the beginning of the period is not covered."""
        uncovered = [
            chain
            for chain in self._state.chains.values()
            if not any(
                item.proof is Proof.VALID and item.start <= self._state.scope.start for item in chain.checked.values()
            )
        ]
        if not uncovered:
            return
        bucket, owner = self._state.scope.location.bucket, self._state.scope.account
        known = {(item.bucket, item.prefix) for item in self._state.locations}
        for prefix in self._prefixes_with_logs(bucket):
            if (bucket, prefix) in known:
                continue
            location = Location(bucket, prefix, self._state.scope.location.organization)
            before = sum(len(chain.own) for chain in self._state.chains.values())
            if owner not in self._state.folders(bucket, location.base()):
                continue
            self._add_locations([location])
            if sum(len(chain.own) for chain in self._state.chains.values()) > before:
                sentence = (
                    f"A part of the trail's digests lies under another prefix of the bucket: {prefix or '(none)'}."
                )
                self._state.findings.append(
                    Finding(
                        "location_found",
                        location.base(),
                        owner,
                        self._state.scope.home_region,
                        None,
                        f"all digests under {self._state.scope.location.base()}",
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
                    names = self._state.source.folders(bucket, prefix)
                except Unavailable:
                    continue
                if "AWSLogs" in names:
                    found.append(prefix.rstrip("/"))
                deeper += [f"{prefix}{name}/" for name in names if name and name != "AWSLogs"]
            level = deeper
        return found


def digest_size(task: tuple[Chain, Place, DigestName]) -> int:
    """Return the stored bytes of a digest, as listed."""
    chain, place, _ = task
    return chain.sizes.get(place, 0)


def fetch_digest(
    state: State, task: tuple[Chain, Place, DigestName]
) -> tuple[CheckedDigest, bytes | None, Mapping[str, str]]:
    """Fetch and check one digest; return it with its stored bytes and metadata."""
    _, (bucket, key), name = task
    try:
        fetched = state.source.get(bucket, key)
    except Unavailable as problem:
        return unreadable(bucket, key, name, problem.code), None, {}
    raw = RawDigest(bucket, key, name, fetched.body, fetched.metadata)
    return check_digest(raw, state.key_index), fetched.body, fetched.metadata

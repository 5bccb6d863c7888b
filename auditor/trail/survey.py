"""Joins planning, listing and checking until nothing new turns up: along the chains, and to other places. Step 4."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from auditor.trail.chain import wanted_predecessors
from auditor.trail.checked import Digests, Wanted, fetch_digests, load_keys
from auditor.trail.context import LATE_DIGESTS, Context
from auditor.trail.digest import Proof
from auditor.trail.fetch import Unavailable
from auditor.trail.findings import Finding
from auditor.trail.keys import KeyBook, KeySource
from auditor.trail.listing import Listing, ListTask, digest_task, list_objects, places_tasks
from auditor.trail.names import ChainKey, Location, parse_digest_key
from auditor.trail.plan import Plan, Target, unlisted

LATER: Final = 8
"""By which factor that reach grows where the last digests cannot prove themselves: 3 hours, 1 day, 8 days ..."""
DISCOVERY_CALLS: Final = 200
DISCOVERY_DEPTH: Final = 4
ROUNDS: Final = 3000
"""Steps along a chain whose older digests are named but not listed."""


@dataclass(frozen=True, slots=True)
class Survey:
    """All there is, each digest judged by itself.

    Args:
        targets: the accounts and Regions.
        locations: the places that were looked at.
        listing: what lies there.
        digests: the digests, checked.
        book: the public keys that they were checked with.
        late: how far beyond the period digests were read, where that is not the usual.
        findings: about places.
        kinds: account and kind of folders beside the log files.
        interrupted: the run was asked to stop before the end.
    """

    targets: tuple[Target, ...]
    locations: tuple[Location, ...]
    listing: Listing = field(default_factory=lambda: Listing({}))
    digests: Digests = field(default_factory=Digests)
    book: KeyBook = field(default_factory=KeyBook)
    late: Mapping[ChainKey, timedelta] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    kinds: tuple[tuple[str, str], ...] = ()
    interrupted: bool = False

    def all_findings(self) -> tuple[Finding, ...]:
        """Return what is to be said of listings, places and keys."""
        return (*self.findings, *self.listing.findings, *self.listing.stray_findings())

    def own_digests(self) -> int:
        """Return how many digests of the trail were listed."""
        return sum(len(found.own) for found in self.listing.found.values())


def survey(context: Context, keys: KeySource, plan: Plan) -> Survey:
    """List what the plan names, check the digests and follow their chains; a stop gives what was found so far."""
    found = Survey(plan.targets, plan.locations, findings=plan.findings, kinds=plan.kinds)
    found = _look(context, keys, found, places_tasks(context, plan.targets, plan.locations))
    discovered = False
    for _ in range(ROUNDS):
        if found.interrupted:
            break
        waiting, elsewhere = _named_elsewhere(context, found)
        if elsewhere:
            found = _add_locations(context, keys, found, elsewhere)
        elif waiting:
            found = _fetch(context, keys, found, waiting, listed=False)
        elif not discovered:
            discovered = True
            found = _discover(context, keys, found)
        else:
            further, tasks = _later(context, found)
            if not tasks:
                break
            found = _look(context, keys, further, tasks)
    return found


def _look(context: Context, keys: KeySource, found: Survey, tasks: list[ListTask]) -> Survey:
    """Make listings, and check the digests that are new."""
    found = replace(found, listing=found.listing.joined(list_objects(context, tasks)))
    if found.listing.interrupted:
        return replace(found, interrupted=True)
    waiting = [
        Wanted(target.key, place, name, listed.sizes.get(place, 0))
        for target in found.targets
        for listed in (found.listing.of(target),)
        for place, name in sorted(listed.own.items())
        if place not in found.digests.of(target.key)
    ]
    return _fetch(context, keys, found, waiting, listed=True)


def _fetch(context: Context, keys: KeySource, found: Survey, waiting: list[Wanted], *, listed: bool) -> Survey:
    book = load_keys(context, keys, found.book, {task.whose[1] for task in waiting})
    digests = found.digests.joined(fetch_digests(context, book, waiting, listed=listed))
    return replace(found, book=book, digests=digests, interrupted=digests.interrupted)


def _add_locations(context: Context, keys: KeySource, found: Survey, locations: Iterable[Location]) -> Survey:
    new = tuple(locations)
    tasks = places_tasks(context, found.targets, new, found.late)
    return _look(context, keys, replace(found, locations=(*found.locations, *new)), tasks)


def _named_elsewhere(context: Context, found: Survey) -> tuple[list[Wanted], list[Location]]:
    """Return the predecessors that are named and not known, and the places among theirs that were not looked at."""
    waiting, elsewhere = [], set()
    for target in found.targets:
        gone = found.digests.gone(target.key)
        for pointer in wanted_predecessors(found.digests.checked(target.key), context.scope.start):
            place = (pointer.bucket, pointer.key)
            name = parse_digest_key(pointer.key)
            if name is None or place in gone:
                continue
            location = Location(pointer.bucket, name.location_prefix, name.organization)
            if location not in found.locations:
                elsewhere.add(location)
            waiting.append(Wanted(target.key, place, name))
    return waiting, sorted(elsewhere, key=lambda item: (item.bucket, item.prefix, item.organization or ""))


def _later(context: Context, found: Survey) -> tuple[Survey, list[ListTask]]:
    """Reach for younger digests where the youngest so far cannot prove itself: one of them may prove it."""
    tasks: list[ListTask] = []
    late = dict(found.late)
    for target in found.targets:
        hourly = [item for item in found.digests.checked(target.key) if not item.name.backfill]
        newest = max(hourly, key=lambda item: item.end, default=None)
        before = late.get(target.key, LATE_DIGESTS)
        latest = max(LATE_DIGESTS, context.now - context.scope.end)
        if newest is None or newest.proof is not Proof.OPEN or before >= latest:
            continue
        late[target.key] = min(before * LATER, latest)
        since = context.scope.end + before
        tasks += [digest_task(context, target, place, since, late[target.key]) for place in found.locations]
    return replace(found, late=late), tasks


def _discover(context: Context, keys: KeySource, found: Survey) -> Survey:
    """Look for other prefixes of the bucket when the beginning of the period is not covered."""
    scope = context.scope
    if not found.locations or all(_reaches_back(context, found, target) for target in found.targets):
        return found
    bucket = scope.location.bucket
    known = {(item.bucket, item.prefix) for item in found.locations}
    for prefix in _prefixes_with_logs(context, bucket):
        location = Location(bucket, prefix, scope.location.organization)
        if (bucket, prefix) in known:
            continue
        try:
            there = scope.account in context.source.folders(bucket, location.base())
        except Unavailable as problem:
            missed = unlisted((scope.account, ""), f"{bucket}/{location.base()}", problem)
            found = replace(found, findings=(*found.findings, missed))
            continue
        if not there:
            continue
        before = found.own_digests()
        found = _add_locations(context, keys, found, [location])
        if found.own_digests() > before:
            found = replace(found, findings=(*found.findings, _location_found(context, location)))
        if found.interrupted:
            break
    return found


def _reaches_back(context: Context, found: Survey, target: Target) -> bool:
    """Tell whether a proved digest covers the beginning of the period."""
    start = context.scope.start
    return any(item.proof is Proof.VALID and item.start <= start for item in found.digests.checked(target.key))


def _location_found(context: Context, location: Location) -> Finding:
    scope = context.scope
    sentence = f"A part of the trail's digests lies under another prefix of the bucket: {location.prefix or '(none)'}."
    return Finding(
        "location_found",
        location.base(),
        scope.account,
        scope.home_region,
        None,
        f"all digests under {scope.location.base()}",
        f"digests under {location.base()}",
        "shown",
        sentence,
    )


def _prefixes_with_logs(context: Context, bucket: str) -> list[str]:
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
                names = context.source.folders(bucket, prefix)
            except Unavailable:
                continue
            if "AWSLogs" in names:
                found.append(prefix.rstrip("/"))
            deeper += [f"{prefix}{name}/" for name in names if name and name != "AWSLogs"]
        level = deeper
    return found

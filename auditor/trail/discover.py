"""Finds which trails wrote to a place, from the names of the digests there, or from CloudTrail's own answer.

What is found only says where to look: nothing here is trusted, and a place without digests is still verified, and found
wanting.
"""

import gzip
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from auditor.base.errors import CollectionError, UsageError
from auditor.trail.fetch import ObjectSource, Unavailable
from auditor.trail.names import (
    Location,
    days,
    is_account,
    is_organization,
    is_region,
    parse_digest_key,
)
from auditor.trail.report import TrailScope, Unanswered

UNKNOWN: Final = "unknown"
ROWS_PER_DAY: Final = 2000
SAMPLE_DAYS: Final = 40
"""Days of a Region whose digest names are looked at; trails come and go slowly."""
_DEPTH, _CALLS = 4, 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller asked for, as far as it does not depend on the trail.

    Args:
        start: begin of the period, aware UTC.
        end: its end.
        accounts: accounts asked for; empty for all.
        regions: Regions asked for; empty for all found.
        trail: only trails of this name; empty for all.
        home: the trail's home Region, and
        owner: the account that owns it; both empty when only its name is known.
        everywhere: asked for the Regions that a trail of all Regions writes from, when one is found.
    """

    start: datetime
    end: datetime
    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    trail: str = ""
    home: str = ""
    owner: str = ""
    everywhere: Callable[[], tuple[str, ...]] = tuple


def scopes_of_place(source: ObjectSource, bucket: str, prefix: str, wanted: Wanted) -> tuple[TrailScope, ...]:
    """Return the scopes of all trails whose digests lie under a place; at least one, so that nothing found is said.

    Args:
        source: where the objects are.
        bucket: the bucket; empty for a folder: the digests then say which bucket they were signed for.
        prefix: the key prefix; what follows ``AWSLogs`` in it is ignored, and when there is no such folder right below,
            deeper ones are looked for.
        wanted: what is asked.

    Raises:
        UsageError: there is no such place.
        CollectionError: the store does not answer.
    """
    prefix = prefix.strip("/").split("AWSLogs")[0].strip("/")
    try:
        prefixes = _prefixes(source, bucket, f"{prefix}/" if prefix else "")
    except Unavailable as problem:
        if problem.code == "NoSuchBucket":
            raise UsageError(f"there is no bucket {bucket}", hint="check the name and the partition") from problem
        if problem.reason not in {"denied", "throttled"}:
            place = f"{bucket or 'the folder'}/{prefix}"
            raise CollectionError(f"{place} cannot be listed ({problem.code})", hint="check the endpoint") from problem
        prefixes = []  # the verification says the same of each listing that it needs
    found = _seen(source, bucket, prefixes, wanted)
    if not found:
        return (_nothing(source, bucket, prefixes or [prefix], wanted),)
    everywhere = {(seen.trail, seen.home) for seen in found if seen.elsewhere}
    if everywhere and not wanted.regions:
        wanted = replace(wanted, everywhere=cache(wanted.everywhere))
    return tuple(_scope(source, history, wanted) for history in histories(found))


def trails_at(source: ObjectSource, bucket: str, prefix: str, wanted: Wanted) -> tuple[str, ...]:
    """Return the names of all trails with digests of the time under a place, whichever trail is wanted; sorted."""
    scopes = scopes_of_place(source, bucket, prefix, replace(wanted, trail="", home="", owner=""))
    return tuple(sorted({scope.trail for scope in scopes} - {UNKNOWN}))


@dataclass(frozen=True, slots=True)
class Seen:
    """What the names of digests say of one trail in one place.

    Args:
        trail: its name.
        home: its home Region.
        owner: the account whose folder it is; empty in the folder of an organization, where several write.
        location: the place.
        accounts: whose digests lie there.
        first: end of the oldest digest seen, and
        last: of the youngest one.
        elsewhere: whether some come from other Regions than the home Region.
    """

    trail: str
    home: str
    owner: str
    location: Location
    accounts: tuple[str, ...]
    first: datetime
    last: datetime
    elsewhere: bool

    def order(self) -> tuple[object, ...]:
        """Sort by name, home and owner, then by place."""
        place = self.location
        return (self.trail, self.home, self.owner, place.bucket, place.prefix, place.organization or "")


def histories(found: Sequence[Seen]) -> list[tuple[Seen, ...]]:
    """Put together what is the same trail in several places, oldest first.

    A name is one trail while owner and home Region stay: an account cannot have two. With another home Region, or as an
    organization's, it is the same one only where it began after the other had ended.
    """
    groups: list[list[Seen]] = []
    for seen in sorted(found, key=lambda item: (item.first, item.last, item.order())):
        group = next((group for group in groups if all(_continues(seen, earlier) for earlier in group)), None)
        if group is None:
            groups.append([seen])
        else:
            group.append(seen)
    ordered = sorted(groups, key=lambda group: min(item.order() for item in group))
    return [tuple(sorted(group, key=lambda item: (item.last, item.first, item.order()))) for group in ordered]


def _continues(seen: Seen, earlier: Seen) -> bool:
    if seen.trail != earlier.trail or seen.location.bucket != earlier.location.bucket:
        return False
    if seen.owner and earlier.owner and seen.owner != earlier.owner:
        return False
    if seen.home == earlier.home and seen.owner == earlier.owner:
        return seen.location != earlier.location
    related = bool(set(seen.accounts) & set(earlier.accounts))
    return related and seen.first > earlier.last


def _seen(source: ObjectSource, bucket: str, prefixes: Sequence[str], wanted: Wanted) -> list[Seen]:
    found: dict[tuple[str, str, str, Location], Seen] = {}
    for base in prefixes:
        for location in _locations(source, bucket, base):
            for account in _accounts(source, location, wanted):
                if wanted.owner and not location.organization and account != wanted.owner:
                    continue
                owner = "" if location.organization else account
                for (trail, home, region), (first, last) in _trails(source, location, account, wanted).items():
                    new = Seen(trail, home, owner, location, (account,), first, last, region != home)
                    known = found.get((trail, home, owner, location), new)
                    found[trail, home, owner, location] = replace(
                        new,
                        accounts=tuple(sorted({*known.accounts, account})),
                        first=min(known.first, first),
                        last=max(known.last, last),
                        elsewhere=known.elsewhere or new.elsewhere,
                    )
    return list(found.values())


def _scope(source: ObjectSource, history: Sequence[Seen], wanted: Wanted) -> TrailScope:
    """Return the scope of a trail, with the places it wrote to before."""
    now = history[-1]
    everywhere = any(seen.elsewhere for seen in history) and not wanted.regions
    accounts = sorted({account for seen in history for account in seen.accounts})
    owners = [seen.owner for seen in history if seen.owner]
    owner = wanted.owner or (owners[-1] if owners else accounts[0])
    bucket, prefix = now.location.bucket, now.location.prefix
    signed = _signed_bucket(source, now, wanted)
    written = signed or bucket
    strip = signed if not bucket and signed and f"{prefix}/".startswith(f"{signed}/") else ""
    places = [_renamed(seen.location, written, strip) for seen in history]
    place, earlier = places[-1], places[:-1]
    return TrailScope(
        now.trail,
        now.home,
        place,
        wanted.start,
        wanted.end,
        owner,
        owner_known=bool(wanted.owner) or all(seen.owner for seen in history),
        accounts=tuple(wanted.accounts or accounts),
        regions=wanted.regions or (wanted.everywhere() if everywhere else ()),
        discover_regions=not wanted.regions,
        everywhere=everywhere,
        more_locations=tuple(dict.fromkeys(location for location in earlier if location != place)),
        former_homes=tuple(dict.fromkeys(seen.home for seen in reversed(history[:-1]) if seen.home != now.home)),
        read_from=bucket if bucket and written != bucket else "",
    )


def _renamed(location: Location, bucket: str, strip: str) -> Location:
    """Return a place under the bucket's own name; a folder may hold one folder per bucket."""
    below = f"{location.prefix}/".startswith(f"{strip}/") if strip else False
    return Location(bucket, location.prefix[len(strip) + 1 :] if below else location.prefix, location.organization)


def _nothing(source: ObjectSource, bucket: str, prefixes: Sequence[str], wanted: Wanted) -> TrailScope:
    """Return a scope that will find no digests and say so."""
    location = Location(bucket, prefixes[0])
    accounts = wanted.accounts or tuple(_accounts(source, location, wanted)) or (UNKNOWN,)
    home = wanted.regions[0] if wanted.regions else UNKNOWN
    return TrailScope(
        wanted.trail or UNKNOWN,
        home,
        location,
        wanted.start,
        wanted.end,
        accounts[0],
        accounts=accounts,
        regions=wanted.regions,
        discover_regions=not wanted.regions,
    )


def _prefixes(source: ObjectSource, bucket: str, start: str) -> list[str]:
    found: list[str] = []
    level, calls = [start], 0
    for depth in range(_DEPTH):
        deeper: list[str] = []
        for prefix in level:
            if (calls := calls + 1) > _CALLS:
                return found
            names = source.folders(bucket, prefix)
            if "AWSLogs" in names:
                found.append(prefix.rstrip("/"))
            deeper += [f"{prefix}{name}/" for name in names if name and name != "AWSLogs"]
        if found and depth == 0:
            break
        level = deeper
    return found


def _locations(source: ObjectSource, bucket: str, prefix: str) -> list[Location]:
    plain = Location(bucket, prefix)
    return [plain, *(Location(bucket, prefix, name) for name in _folders(source, plain) if is_organization(name))]


def _folders(source: ObjectSource, location: Location, below: str = "") -> Sequence[str]:
    try:
        return source.folders(location.bucket, location.base() + below)
    except Unavailable:
        return ()


def _accounts(source: ObjectSource, location: Location, wanted: Wanted) -> list[str]:
    names = [name for name in _folders(source, location) if is_account(name)]
    return [name for name in names if not wanted.accounts or name in wanted.accounts]


def _trails(
    source: ObjectSource, location: Location, account: str, wanted: Wanted
) -> dict[tuple[str, str, str], tuple[datetime, datetime]]:
    """Return name, home Region and Region of the trails with digests there, each with the first and last of them."""
    found: dict[tuple[str, str, str], tuple[datetime, datetime]] = {}
    for region in _folders(source, location, f"{account}/CloudTrail-Digest/"):
        if not is_region(region):
            continue
        for day in _days(wanted):
            for (trail, home), (first, last) in _names_of_day(source, location, account, region, day).items():
                if wanted.trail not in {"", trail} or wanted.home not in {"", home}:
                    continue
                known = found.get((trail, home, region), (first, last))
                found[trail, home, region] = (min(known[0], first), max(known[1], last))
    return found


def _days(wanted: Wanted) -> list[datetime]:
    """Return the days whose digests are looked at: all of them, or the first and last ones of a long period."""
    every = list(days(wanted.start, wanted.end + timedelta(hours=3)))
    return every if len(every) <= SAMPLE_DAYS else [*every[: SAMPLE_DAYS // 2], *every[-SAMPLE_DAYS // 2 :]]


def _names_of_day(
    source: ObjectSource, location: Location, account: str, region: str, day: datetime
) -> dict[tuple[str, str], tuple[datetime, datetime]]:
    folder = f"{location.folder(account, 'CloudTrail-Digest', region)}{day:%Y/%m/%d}/"
    found: dict[tuple[str, str], tuple[datetime, datetime]] = {}
    try:
        for number, row in enumerate(source.objects(location.bucket, folder, "")):
            name = parse_digest_key(row.key)
            if name is not None:
                first, last = found.get((name.trail, name.home_region), (name.end, name.end))
                found[name.trail, name.home_region] = (min(first, name.end), max(last, name.end))
            if number >= ROWS_PER_DAY:
                break
    except Unavailable:
        pass
    return found


def _signed_bucket(source: ObjectSource, seen: Seen, wanted: Wanted) -> str:
    """Ask a digest of a place for the bucket it was signed for; the signature will confirm or refute it."""
    location = seen.location
    for account in seen.accounts[:1]:
        for region in _folders(source, location, f"{account}/CloudTrail-Digest/"):
            for day in _days(wanted):
                folder = f"{location.folder(account, 'CloudTrail-Digest', region)}{day:%Y/%m/%d}/"
                if found := _bucket_of_day(source, seen, folder):
                    return found
    return ""


def _bucket_of_day(source: ObjectSource, seen: Seen, folder: str) -> str:
    try:
        for row in source.objects(seen.location.bucket, folder, ""):
            name = parse_digest_key(row.key)
            if name is None or (name.trail, name.home_region) != (seen.trail, seen.home):
                continue
            if found := _bucket_in(source, seen.location.bucket, row.key):
                return found
    except Unavailable:
        pass
    return ""


def _bucket_in(source: ObjectSource, bucket: str, key: str) -> str:
    try:
        inflated = gzip.decompress(bytes(source.get(bucket, key).body)[: 1 << 20])
        value = json.loads(inflated).get("digestS3Bucket")
    except (Unavailable, OSError, EOFError, zlib.error, ValueError, AttributeError):
        return ""
    return value if isinstance(value, str) else ""


def owned(scope: TrailScope, organization: str, management: str) -> TrailScope:
    """Bind an organization's trail to its owner, which is the management account, whoever made the trail.

    Args:
        scope: of a trail found in a place.
        organization: id of the caller's organization, empty when unknown.
        management: its management account.

    Source: CloudTrail User Guide, "Creating a trail for an organization" and "Organization delegated administrator".
    """
    if scope.owner_known or not management or scope.location.organization != organization:
        return scope
    return replace(scope, account=management, owner_known=True)


def scope_of_trail(
    trail: Mapping[str, Any], enabled_regions: Sequence[str], wanted: Wanted, organization: str = ""
) -> TrailScope:
    """Return the scope of a trail as DescribeTrails tells of it.

    Args:
        trail: one item of ``trailList``, keys as AWS spells them.
        enabled_regions: the account's Regions (DescribeRegions); a multi-Region trail writes from each.
        wanted: what is asked.
        organization: id of the account's organization; empty when unknown: then its folder is looked for.

    Raises:
        UsageError: the answer lacks what is needed.
    """
    names = ("TrailARN", "HomeRegion", "Name", "S3BucketName")
    if not all(isinstance(trail.get(name), str) and trail[name] for name in names):
        raise UsageError("cloudtrail:DescribeTrails did not say where the trail writes to")
    arn, home = str(trail["TrailARN"]), str(trail["HomeRegion"])
    regions = wanted.regions or (tuple(enabled_regions) if trail.get("IsMultiRegionTrail") else (home,))
    plain = Location(str(trail["S3BucketName"]), str(trail.get("S3KeyPrefix") or "").strip("/"))
    of_organization = bool(trail.get("IsOrganizationTrail"))
    return TrailScope(
        str(trail["Name"]),
        home,
        replace(plain, organization=(organization or None) if of_organization else None),
        wanted.start,
        wanted.end,
        (arn.split(":") + [""] * 5)[4],
        accounts=wanted.accounts,
        regions=regions,
        discover_regions=not wanted.regions,
        arn=arn,
        validation_enabled=trail.get("LogFileValidationEnabled"),
        more_locations=(plain,) if of_organization and organization else (),  # where members wrote without that folder
        of_organization=of_organization,
    )


def scope_of_unknown_place(wanted: Wanted, unanswered: tuple[Unanswered, ...]) -> TrailScope:
    """Return the scope of a trail of which nothing is known but what the caller says; no object is read for it."""
    return TrailScope(
        wanted.trail,
        wanted.home,
        Location(""),
        wanted.start,
        wanted.end,
        wanted.owner or UNKNOWN,
        accounts=wanted.accounts,
        regions=wanted.regions or (wanted.home,),
        discover_regions=False,
        owner_known=bool(wanted.owner),
        unanswered=unanswered,
    )

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
    found: dict[tuple[str, str, str, Location], set[str]] = {}
    everywhere: set[tuple[str, str]] = set()
    for base in prefixes:
        for location in _locations(source, bucket, base):
            for account in _accounts(source, location, wanted):
                if wanted.owner and not location.organization and account != wanted.owner:
                    continue
                for trail, home, region in _trails(source, location, account, wanted):
                    owner = "" if location.organization else account
                    if region != home:
                        everywhere.add((trail, home))
                    found.setdefault((trail, home, owner, location), set()).add(account)
    if not found:
        return (_nothing(source, bucket, prefixes or [prefix], wanted),)
    if everywhere and not wanted.regions:
        wanted = replace(wanted, everywhere=cache(wanted.everywhere))
    return tuple(
        _scope(
            source,
            trail,
            home,
            location,
            sorted(accounts),
            wanted,
            wanted.regions or (wanted.everywhere() if (trail, home) in everywhere else ()),
            everywhere=(trail, home) in everywhere and not wanted.regions,
        )
        for (trail, home, _, location), accounts in sorted(found.items(), key=lambda item: _order(item[0]))
    )


def _order(key: tuple[str, str, str, Location]) -> tuple[str, ...]:
    trail, home, owner, location = key
    return (trail, home, owner, location.bucket, location.prefix, location.organization or "")


def _scope(
    source: ObjectSource,
    trail: str,
    home: str,
    location: Location,
    accounts: Sequence[str],
    wanted: Wanted,
    regions: tuple[str, ...],
    *,
    everywhere: bool,
) -> TrailScope:
    bucket, prefix = location.bucket, location.prefix
    if not bucket:
        bucket = _signed_bucket(source, trail, home, location, accounts[0], wanted)
        if bucket and f"{prefix}/".startswith(f"{bucket}/"):
            prefix = prefix[len(bucket) + 1 :]  # the folder holds one folder per bucket
    return TrailScope(
        trail,
        home,
        Location(bucket, prefix, location.organization),
        wanted.start,
        wanted.end,
        wanted.owner or accounts[0],
        owner_known=bool(wanted.owner) or location.organization is None,
        accounts=tuple(wanted.accounts or accounts),
        regions=regions,
        discover_regions=not wanted.regions,
        everywhere=everywhere,
    )


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


def _trails(source: ObjectSource, location: Location, account: str, wanted: Wanted) -> list[tuple[str, str, str]]:
    """Return name and home Region of the trails with digests there, and each Region they have some from."""
    found: set[tuple[str, str, str]] = set()
    for region in _folders(source, location, f"{account}/CloudTrail-Digest/"):
        if not is_region(region):
            continue
        for day in list(days(wanted.start, wanted.end + timedelta(hours=3)))[:SAMPLE_DAYS]:
            found |= {(*name, region) for name in _names_of_day(source, location, account, region, day)}
    return sorted(item for item in found if wanted.trail in {"", item[0]} and wanted.home in {"", item[1]})


def _names_of_day(
    source: ObjectSource, location: Location, account: str, region: str, day: datetime
) -> set[tuple[str, str]]:
    folder = f"{location.folder(account, 'CloudTrail-Digest', region)}{day:%Y/%m/%d}/"
    found: set[tuple[str, str]] = set()
    try:
        for number, row in enumerate(source.objects(location.bucket, folder, "")):
            name = parse_digest_key(row.key)
            if name is not None:
                found.add((name.trail, name.home_region))
            if number >= ROWS_PER_DAY:
                break
    except Unavailable:
        pass
    return found


def _signed_bucket(
    source: ObjectSource, trail: str, home: str, location: Location, account: str, wanted: Wanted
) -> str:
    """Ask the digests of a folder for the bucket they were signed for; the signature will confirm or refute it."""
    for region in _folders(source, location, f"{account}/CloudTrail-Digest/"):
        for day in list(days(wanted.start, wanted.end + timedelta(hours=3)))[:SAMPLE_DAYS]:
            folder = f"{location.folder(account, 'CloudTrail-Digest', region)}{day:%Y/%m/%d}/"
            for row in source.objects(location.bucket, folder, ""):
                name = parse_digest_key(row.key)
                if name is None or (name.trail, name.home_region) != (trail, home):
                    continue
                if bucket := _bucket_in(source, location.bucket, row.key):
                    return bucket
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
    return TrailScope(
        str(trail["Name"]),
        home,
        Location(
            str(trail["S3BucketName"]),
            str(trail.get("S3KeyPrefix") or "").strip("/"),
            (organization or None) if trail.get("IsOrganizationTrail") else None,
        ),
        wanted.start,
        wanted.end,
        (arn.split(":") + [""] * 5)[4],
        accounts=wanted.accounts,
        regions=regions,
        discover_regions=not wanted.regions,
        arn=arn,
        validation_enabled=trail.get("LogFileValidationEnabled"),
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

"""Verifies the digests that a pack carries once more, from the keys that it carries, and compares with its report.

The log files themselves are not in a pack. What stands in their place is the object list: for each log file the hash
that a verified digest vouches for, and what became of it. That list has to follow from the digests.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

from auditor.base.counts import counted
from auditor.base.errors import IntegrityError
from auditor.base.period import parse_time
from auditor.base.scratch import scratch_folder
from auditor.base.untrusted import shape_words
from auditor.trail.archive import OBJECT_LIST
from auditor.trail.derived import derived_differences
from auditor.trail.fetch import FolderSource, Unavailable
from auditor.trail.names import Location, parse_digest_key
from auditor.trail.report import TrailReport, TrailScope
from auditor.trail.reread import reread_logs
from auditor.trail.retention import Expiry
from auditor.trail.verify import verify_trail

_UNVOUCHED: Final = "unvouched"
_LOG_STATES: Final = ("valid", "altered", "missing", "unreadable", "unchecked", "unvouched")
_MOST_DIFFERENCES: Final = 100
_MOST_APART: Final = 200_000
"""Rows of the object list that are kept while two lists are compared; some 100 MB."""
_LONGEST_LINE: Final = 8_000
"""Characters: a bucket's name, a key of 1,024 bytes, a hash and a state are far shorter."""
_FREE_HOURS: Final = 200_000
"""Hours of all chains together that may be without any digest: those of one account over a year in 20 Regions."""
_HOURS_EACH: Final = 100
"""Hours beyond that for each archived digest; a chain that was never interrupted has one."""


def archive_of(folder: Path, recorded: Mapping[str, Any]) -> Path | None:
    """Find the archive of one trail below ``evidence/integrity``; None when no digest of that trail was archived.

    Args:
        folder: has one folder per trail.
        recorded: the trail's report document.

    Raises:
        IntegrityError: an archive cannot be read.
    """
    trail = recorded.get("trail")
    wanted = (trail.get("name"), trail.get("home_region")) if isinstance(trail, Mapping) else None
    try:
        return _archive_named(folder, wanted)
    except Unavailable as error:
        raise IntegrityError(f"the archived digests cannot be read: {error}") from error


def _archive_named(folder: Path, wanted: object) -> Path | None:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            listed = (parse_digest_key(item.key) for item in FolderSource(path).objects("", "", ""))
            name = next((found for found in listed if found is not None), None)
            if name is not None and (name.trail, name.home_region) == wanted:
                return path
    return None


def recheck(
    archive: Path, recorded: Mapping[str, Any], notable: Mapping[str, Any] | None = None, taken: list[str] | None = None
) -> tuple[str, ...]:
    """Verify an archive's digests again and compare with the recorded report; return one sentence per difference.

    Args:
        archive: ``digests.zip``, ``metadata.json``, ``public-keys.json`` and ``objects.csv``; from strangers.
        recorded: the report document that the pack holds; from strangers.
        notable: the document of notable events that the pack holds of that trail; from strangers.
        taken: filled with what could not be derived, because the log files for it are not kept.

    Raises:
        IntegrityError: the archive or the report cannot be used.
    """
    try:
        scope, now = _scope(recorded)
        source = FolderSource(archive)
        _check_size(scope, source)
        with scratch_folder("recheck") as scratch:
            report = verify_trail(source, lambda regions, *_: source.keys(regions), scope, now=now, archive=scratch)
            differences = [
                *_report_differences(recorded, report),
                *_object_differences(recorded, archive / OBJECT_LIST, scratch / OBJECT_LIST),
            ]
            kept = reread_logs(archive, recorded, notable)
            differences += kept.differences
            if taken is not None:
                taken += kept.taken
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError, OSError, csv.Error, Unavailable) as error:
        raise IntegrityError(
            f"the archived digests in {archive.name} cannot be verified again: {shape_words(error)}"
        ) from error
    more = len(differences) - _MOST_DIFFERENCES
    return tuple(differences[:_MOST_DIFFERENCES] + ([f"and {counted(more, 'more difference')}"] if more > 0 else []))


def _scope(recorded: Mapping[str, Any]) -> tuple[TrailScope, datetime]:
    """Ask what the recorded report was asked."""
    trail, period, chains = recorded["trail"], recorded["period"], recorded["coverage"]["chains"]
    retention = recorded.get("retention", {})
    place = Location(trail["bucket"], trail["prefix"], trail["organization"])
    scope = TrailScope(
        trail["name"],
        trail["home_region"],
        place,
        parse_time(period["start"]),
        parse_time(period["end"]),
        trail["account"],
        accounts=tuple(sorted({chain["account"] for chain in chains})),
        regions=tuple(sorted({chain["region"] for chain in chains})),
        discover_regions=False,
        more_locations=(replace(place, organization=None),) if place.organization else (),
        of_organization=bool(place.organization),
        arn=trail["arn"] or "",
        validation_enabled=True,
        retention_days=retention.get("days"),
        rules=tuple(
            Expiry(rule["bucket"], rule["prefix"], rule["days"], rule["rule"]) for rule in retention.get("rules", ())
        ),
    )
    return scope, parse_time(recorded["as_of"])


def _check_size(scope: TrailScope, source: FolderSource) -> None:
    """Refuse a report that speaks of far more hours than there are digests: looking for each takes time.

    Raises:
        ValueError: it does.
    """
    hours = (scope.end - scope.start) // timedelta(hours=1) * len(scope.accounts) * len(scope.regions)
    digests = sum(1 for _ in source.objects("", "", ""))
    if hours > max(_FREE_HOURS, _HOURS_EACH * digests):
        raise ValueError(
            f"the report speaks of {counted(hours, 'hour')} and {counted(digests, 'digest is', 'digests are')} archived"
        )


def _report_differences(recorded: Mapping[str, Any], report: TrailReport) -> Iterator[str]:
    again = report.document()
    for name in ("counts", "keys", "anchors"):
        before, after = recorded[name], again[name]
        if name == "counts":
            before, after = _archived(before["digests"]), _archived(after["digests"])
        if before != after:
            yield f"{_NAMES[name]}: the report records something else than the archived digests show"
    yield from derived_differences(recorded, again)


def _archived(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts of digests that are archived; why others are not is taken from the run."""
    return {name: number for name, number in counts.items() if name in ("valid", "altered", "unvouched", "backfill")}


_NAMES: Final = {"counts": "numbers of digests", "keys": "public keys used", "anchors": "newest digests"}


_Row = tuple[str, str, str]
"""Bucket, key and the SHA-256 vouched for."""


def _objects(path: Path, states: Counter[str]) -> Iterator[_Row]:
    """Read an object list; yield what digests vouch for, and count the states of all."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(iter(partial(file.readline, _LONGEST_LINE), ""))
        if next(rows, None) != ["bucket", "key", "sha256", "state"]:
            raise ValueError(f"{OBJECT_LIST} has no such head")
        for bucket, key, sha256, state in rows:
            if state not in _LOG_STATES:
                raise ValueError(f"{OBJECT_LIST} names a state that there is not")
            states[state] += 1
            if state != _UNVOUCHED:
                yield bucket, key, sha256


def _object_differences(recorded: Mapping[str, Any], kept: Path, rebuilt: Path) -> Iterator[str]:
    counts: Counter[str] = Counter()
    added, lost = _apart(_objects(kept, counts), _objects(rebuilt, Counter()))
    for _, key, _ in sorted(added):
        yield f"{key}: the object list names a hash that no archived digest vouches for"
    for _, key, _ in sorted(lost):
        yield f"{key}: an archived digest vouches for it, and the object list does not name that hash"
    for state in _LOG_STATES:
        if counts[state] != recorded["counts"]["logs"][state]:
            number = recorded["counts"]["logs"][state]
            yield f"log files {state}: {number} in the report, {counts[state]} in the object list"


def _apart(ours: Iterator[_Row], theirs: Iterator[_Row]) -> tuple[set[_Row], set[_Row]]:
    """Return what only one of two lists has.

    Genuine lists have one order. Walked side by side, only what has not met its like is kept in memory, and a million
    log files take no more than ten.

    Raises:
        ValueError: they have too little in common to go on.
    """
    only_ours: set[_Row] = set()
    only_theirs: set[_Row] = set()
    for pair in zip_longest(ours, theirs):
        if pair[0] == pair[1]:
            continue
        for row, here, there in zip(pair, (only_ours, only_theirs), (only_theirs, only_ours), strict=True):
            if row in there:
                there.remove(row)
            elif row is not None:
                here.add(row)
        if len(only_ours) + len(only_theirs) > _MOST_APART:
            raise ValueError(f"{OBJECT_LIST} has little in common with the archived digests")
    return only_ours, only_theirs

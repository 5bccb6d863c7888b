"""Asks CloudTrail whether it publishes the keys that a pack's digests were checked with. Any account sees the same."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

import orjson

from auditor.base.counts import counted
from auditor.base.errors import IntegrityError
from auditor.base.period import parse_time
from auditor.base.untrusted import shape_words
from auditor.collect.accounts import open_session
from auditor.collect.guard import CallLog
from auditor.pack.layout import EVIDENCE, INTEGRITY, RESULTS
from auditor.seal.report import Difference, Rechecked
from auditor.trail.fetch import fetch_public_keys
from auditor.trail.keys import PublicKey, parse_key_file

_MOST_KEYS = 2_000
"""Of one pack: 30 Regions and a new key every two weeks make some 800 a year."""


@dataclass(frozen=True, slots=True)
class _Used:
    """A key that the pack says it used."""

    region: str
    fingerprint: str
    start: datetime
    end: datetime


def check_keys(pack: Path, session: Any) -> Rechecked:
    """Compare the keys in a pack with those that CloudTrail publishes now.

    Args:
        pack: an unpacked pack.
        session: a ``boto3.Session`` of any account.

    Raises:
        IntegrityError: the pack's keys cannot be read.
    """
    used, kept = _used(pack), _kept(pack)
    differences: list[Difference] = []
    unanswered: list[str] = []
    for region in sorted({key.region for key in used}):
        mine = [key for key in used if key.region == region]
        start, end = min(key.start for key in mine), max(key.end for key in mine)
        published, error = fetch_public_keys(session, region, start, end + timedelta(hours=2), making=Lock())
        if error and not published:
            unanswered.append(f"CloudTrail in {region} did not answer: {error}")
            continue
        known = {key.fingerprint: key.value for key in published}
        differences += [
            Difference("", f"the key {key.fingerprint} of {region} {words}")
            for key in mine
            if (words := _unlike(kept.get((region, key.fingerprint)), known.get(key.fingerprint)))
        ]
    regions = len({key.region for key in used})
    return Rechecked(
        f"CloudTrail publishes the {counted(len(used), 'key')} of {counted(regions, 'Region')} that the digests "
        "were checked with",
        tuple(differences),
        tuple(unanswered) or (() if used else ("the pack names no key of CloudTrail",)),
    )


def session_of(profile: str | None) -> Any:
    """Return a session that asks for keys; any account will do."""
    return open_session(profile=profile, region=None, log=CallLog())


def _unlike(kept: PublicKey | None, published: bytes | None) -> str:
    if kept is None:
        return "is not in the pack"
    if published is None:
        return "is none that CloudTrail publishes there"
    return "" if kept.value == published else "has another value than the one that CloudTrail publishes"


def _used(pack: Path) -> tuple[_Used, ...]:
    try:
        reports = orjson.loads((pack / RESULTS).read_bytes())["integrity"]
        found = {
            _Used(
                str(key["region"]),
                str(key["fingerprint"]),
                parse_time(key["valid_from"]),
                parse_time(key["valid_until"]),
            )
            for report in reports
            for key in report["keys"]
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{RESULTS} does not say which keys were used: {shape_words(error)}") from error
    if len(found) > _MOST_KEYS:
        raise IntegrityError(f"{RESULTS} names {counted(len(found), 'key')}; at most {_MOST_KEYS:,} are asked for")
    return tuple(sorted(found, key=lambda key: (key.region, key.start, key.fingerprint)))


def _kept(pack: Path) -> Mapping[tuple[str, str], PublicKey]:
    return {(key.region, key.fingerprint): key for document in _key_files(pack) for key in parse_key_file(document, ())}


def _key_files(pack: Path) -> Iterator[Any]:
    for path in sorted((pack / EVIDENCE / INTEGRITY).glob("*/public-keys.json")):
        try:
            yield orjson.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise IntegrityError(f"{path.name} cannot be read: {error}") from error

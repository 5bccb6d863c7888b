"""A busy account's log files as CloudTrail delivers them: ten million events in a month of 31 days.

Each Region gathers what happened in five minutes into one file, in no order, and some of it comes a file or two late.
Records are drawn with a fixed seed from the simulated account's month; each has ids and a time of its own, a session
lasts an hour, and now and then parameters are as large as real ones.
"""

import gzip
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

ACCOUNT: Final = "111122223333"
START: Final = datetime(2026, 10, 1, tzinfo=UTC)
GATHERED: Final = timedelta(minutes=5)
EACH: Final = 1121
"""Events of all Regions in five minutes."""
DAY: Final = EACH * 288
_LATE: Final = 0.02
"""Share of the events that are delivered up to ten minutes later than their neighbours."""
_LARGE: Final = 0.3

Record = dict[str, Any]


def write_logs(folder: Path, count: int) -> int:
    """Write log files where their keys say; return bytes of JSON."""
    size = 0
    for begin, records in gathered(count):
        regions: dict[str, list[Record]] = {}
        for record in records:
            regions.setdefault(record["awsRegion"], []).append(record)
        delivered = begin + 2 * GATHERED
        for region, mine in sorted(regions.items()):
            data = json.dumps({"Records": mine}, separators=(",", ":")).encode()
            size += len(data)
            place = folder / f"AWSLogs/{ACCOUNT}/CloudTrail/{region}/{delivered:%Y/%m/%d}"
            place.mkdir(parents=True, exist_ok=True)
            unique = sha256(data).hexdigest()[:16]
            name = f"{ACCOUNT}_CloudTrail_{region}_{delivered:%Y%m%dT%H%MZ}_{unique}.json.gz"
            (place / name).write_bytes(gzip.compress(data, 6, mtime=0))
    return size


def gathered(count: int, start: datetime = START, each: int = EACH) -> Iterator[tuple[datetime, list[Record]]]:
    """Yield begin and records of one stretch of five minutes after the other, until there were so many records."""
    chance = random.Random(20261102)  # noqa: S311 - wanted: the same records every time
    known = _known()
    for first in range(0, count, each):
        begin = start + first // each * GATHERED
        numbers = range(first, min(first + each, count))
        yield begin, [_varied(chance, chance.choice(known), number, begin, start) for number in numbers]


@lru_cache(maxsize=1)
def _known() -> list[Record]:
    from auditor.simulator.worlds.archive import trail_records
    from auditor.simulator.worlds.work import LOG_REGIONS

    return [record for region in LOG_REGIONS for record in trail_records(region, eventful=True)]


def _varied(chance: random.Random, of: Record, number: int, begin: datetime, start: datetime) -> Record:
    """Return a record of the month as one of another time, with ids of its own."""
    late = timedelta(seconds=chance.randrange(600)) if chance.random() < _LATE else timedelta()
    moment = max(start, begin + timedelta(seconds=chance.randrange(300)) - late)
    record = dict(of)
    record["eventTime"] = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    record["eventID"] = f"{chance.getrandbits(32):08x}-0000-4000-8000-{number:012d}"
    record["requestID"] = f"{chance.getrandbits(128):032x}"
    if identity := of.get("userIdentity"):
        record["userIdentity"] = _in_session(identity, moment)
    if of["eventName"] == "AssumeRole" and (sessions := _sessions().get(of["requestParameters"]["roleArn"])):
        record |= _begun(chance.choice(sessions), of, moment)
    if chance.random() < _LARGE:
        extra = {f"member{n}": f"{chance.getrandbits(64):016x}" for n in range(chance.randint(5, 60))}
        record["requestParameters"] = {**(record.get("requestParameters") or {}), **extra}
    return record


def _in_session(identity: Record, moment: datetime) -> Record:
    """Return an identity in a session that began with the hour; who has no session keeps the key."""
    session = identity.get("sessionContext")
    if not session or "attributes" not in session:
        return identity
    begun = {**session["attributes"], "creationDate": f"{moment:%Y-%m-%dT%H:00:00Z}"}
    changed = {**identity, "sessionContext": {**session, "attributes": begun}}
    return {**changed, "accessKeyId": _key(key, moment)} if (key := identity.get("accessKeyId")) else changed


@lru_cache(maxsize=1)
def _sessions() -> dict[str, list[Record]]:
    """Return the identities of the month's sessions by the ARN of their role."""
    found: dict[str, list[Record]] = {}
    for record in _known():
        identity = record.get("userIdentity") or {}
        issuer = identity.get("sessionContext", {}).get("sessionIssuer", {}).get("arn")
        if issuer and identity.get("accessKeyId"):
            found.setdefault(issuer, []).append(identity)
    return found


def _begun(identity: Record, of: Record, moment: datetime) -> Record:
    """Return what is asked and answered when the session of an identity begins."""
    credentials = {
        "accessKeyId": _key(identity["accessKeyId"], moment),
        "sessionToken": sha256(f"{moment}".encode()).hexdigest() * 8,
        "expiration": f"{moment + timedelta(hours=1):%b %d, %Y, %I:%M:%S %p}",
    }
    who = {"assumedRoleId": identity["principalId"], "arn": identity["arn"]}
    asked = {**of["requestParameters"], "roleSessionName": identity["principalId"].partition(":")[2]}
    return {"requestParameters": asked, "responseElements": {"credentials": credentials, "assumedRoleUser": who}}


@lru_cache(maxsize=100_000)
def _hourly(key: str, hour: str) -> str:
    return key[:4] + sha256(f"{key}{hour}".encode()).hexdigest()[:16].upper()


def _key(key: str, moment: datetime) -> str:
    return _hourly(key, f"{moment:%d%H}") if key.startswith("ASIA") else key

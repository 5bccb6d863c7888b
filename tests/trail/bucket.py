"""A bucket in memory that signs like CloudTrail, and everything one may do to it. Base of the attack tests."""

import copy
import gzip
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from auditor.simulator.delivery import Chain, DeliveredTrail, Keyring, StoredObject, deliver, gzipped, utc_text
from auditor.trail.fetch import Fetched, Listed, Unavailable, Version
from auditor.trail.keys import KeyBook, parse_keys
from auditor.trail.names import Location
from auditor.trail.portion import Opening
from auditor.trail.report import TrailReport, TrailScope
from auditor.trail.verify import verify_trail

HOUR = timedelta(hours=1)
START = datetime(2026, 10, 5, tzinfo=UTC)
"""Begin of the period in all scenarios; logging began two hours earlier."""
END = START + 8 * HOUR
NOW = END + 12 * HOUR
SINCE = START - 2 * HOUR
UNTIL = END + 4 * HOUR
HOME, OTHER = "eu-central-1", "eu-west-1"
ACCOUNT = "111122223333"
TRAIL = DeliveredTrail("audit", HOME, "trail-bucket", ACCOUNT, prefix="logs")
KEYS = Keyring("tests", since=START - timedelta(days=25), shared=True)


def record(moment: datetime, number: int, **fields: Any) -> dict[str, Any]:
    """Return a plain CloudTrail record."""
    return {
        "eventVersion": "1.11",
        "eventTime": utc_text(moment),
        "eventID": f"00000000-0000-4000-8000-{number:012d}",
        "eventName": "DescribeInstances",
        "eventSource": "ec2.amazonaws.com",
        "awsRegion": HOME,
        "recipientAccountId": ACCOUNT,
        "userIdentity": {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/alice", "userName": "alice"},
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-cli/2",
        "requestParameters": None,
    } | fields


def trail_call(moment: datetime, name: str, /, **parameters: Any) -> dict[str, Any]:
    """Return a record of a call that changes the trail."""
    return record(
        moment,
        int(moment.timestamp()),
        eventName=name,
        eventSource="cloudtrail.amazonaws.com",
        requestParameters={"name": TRAIL.arn} | parameters,
    )


def records(every: timedelta = timedelta(minutes=10)) -> list[dict[str, Any]]:
    """Return one record every ten minutes over the whole time."""
    count = (UNTIL - SINCE) // every
    return [record(SINCE + every * step, step) for step in range(count)]


@dataclass(frozen=True, slots=True)
class Held:
    """One object in the bucket."""

    body: bytes
    metadata: Mapping[str, str]
    modified: datetime


@dataclass(slots=True)
class Bucket:
    """Objects by bucket and key, and refusals. ``versions`` keeps what was there before, when versioning is on."""

    objects: dict[tuple[str, str], Held] = field(default_factory=dict)
    refused: dict[str, Unavailable] = field(default_factory=dict)
    """Key, or prefix of a listing, -> the error it answers with."""
    versioned: bool = False
    history: dict[tuple[str, str], list[tuple[datetime, Held | None]]] = field(default_factory=dict)
    remote: bool = False
    rules: Sequence[Mapping[str, Any]] = ()
    """Lifecycle rules, as AWS spells them."""

    # -- what a store answers

    def objects_under(self, bucket: str, prefix: str) -> list[str]:
        return sorted(key for where, key in self.objects if where == bucket and key.startswith(prefix))

    def get(self, bucket: str, key: str) -> Fetched:
        if key in self.refused:
            raise self.refused[key]
        held = self.objects.get((bucket, key))
        if held is None:
            raise Unavailable("missing", "NoSuchKey")
        return Fetched(held.body, held.metadata)

    def folders(self, bucket: str, prefix: str) -> Sequence[str]:
        names = {
            key[len(prefix) :].split("/")[0] for key in self.objects_under(bucket, prefix) if "/" in key[len(prefix) :]
        }
        return sorted(names)

    def versions(self, bucket: str, prefix: str) -> Sequence[Version]:
        found = [
            Version(key, f"v{number}", at, held is None)
            for (where, key), states in self.history.items()
            if where == bucket and key.startswith(prefix)
            for number, (at, held) in enumerate(states)
        ]
        return sorted(found, key=lambda version: version.at, reverse=True)

    def get_version(self, bucket: str, key: str, version: str) -> Fetched:
        held = self.history[bucket, key][int(version[1:])][1]
        if held is None:
            raise Unavailable("missing", "NoSuchVersion")
        return Fetched(held.body, held.metadata)

    # -- what happens to it

    def put(self, stored: StoredObject) -> None:
        """Deliver an object."""
        self.set(stored.bucket, stored.key, Held(stored.body, dict(stored.metadata), stored.last_modified))

    def set(self, bucket: str, key: str, held: Held) -> None:
        """Write an object, keeping the version before."""
        self.objects[bucket, key] = held
        if self.versioned:
            self.history.setdefault((bucket, key), []).append((held.modified, held))

    def change(self, key: str, body: bytes, at: datetime = NOW) -> None:
        """Overwrite an object's body."""
        place = self.place(key)
        self.set(*place, replace(self.objects[place], body=body, modified=at))

    def edit(self, key: str, change: Callable[[bytes], bytes]) -> None:
        """Inflate an object, change the content, and write it back compressed."""
        self.change(key, gzipped(change(gzip.decompress(self.objects[self.place(key)].body))))

    def edit_json(self, key: str, change: Callable[[dict[str, Any]], None]) -> None:
        """Change an object's JSON in place."""

        def apply(data: bytes) -> bytes:
            document = json.loads(data)
            change(document)
            return json.dumps(document, separators=(",", ":")).encode()

        self.edit(key, apply)

    def set_metadata(self, key: str, **changes: str | None) -> None:
        """Change metadata; None removes a name, and ``_`` stands for ``-``."""
        place = self.place(key)
        metadata = dict(self.objects[place].metadata)
        for name, value in changes.items():
            metadata.pop(name.replace("_", "-"), None)
            if value is not None:
                metadata[name.replace("_", "-")] = value
        self.set(*place, replace(self.objects[place], metadata=metadata))

    def delete(self, key: str, at: datetime = NOW) -> None:
        """Delete an object; a marker stays when versioning is on."""
        place = self.place(key)
        del self.objects[place]
        if self.versioned:
            self.history[place].append((at, None))

    def place(self, key: str) -> tuple[str, str]:
        """Return bucket and key of the object with this key."""
        return next(place for place in sorted(self.objects) if place[1] == key)

    def document(self, key: str) -> dict[str, Any]:
        """Return an object's JSON."""
        found: dict[str, Any] = json.loads(gzip.decompress(self.objects[self.place(key)].body))
        return found

    # -- where things are

    def digest_keys(self, region: str = HOME, trail: str = "audit") -> list[str]:
        """Return the keys of a trail's hourly digests, oldest first."""
        mark = f"/CloudTrail-Digest/{region}/"
        middle = f"_{region}_{trail}_{HOME}_2"
        return sorted(key for _, key in self.objects if mark in key and middle in key and "_backfill" not in key)

    def digest_key(self, end: datetime, region: str = HOME) -> str:
        """Return the key of the digest that ends then."""
        return next(key for key in self.digest_keys(region) if f"{end:%Y%m%dT%H%M%SZ}" in key)

    def log_keys(self, region: str = HOME) -> list[str]:
        """Return the keys of the log files, oldest first."""
        return sorted(key for _, key in self.objects if f"/CloudTrail/{region}/" in key)

    def log_key(self, moment: datetime, region: str = HOME) -> str:
        """Return the key of the first log file made at or after then."""
        return next(key for key in self.log_keys(region) if key.split("_")[-2] >= f"{moment:%Y%m%dT%H%MZ}")

    def copy(self) -> "Bucket":
        """Return an independent copy."""
        return copy.deepcopy(self)


class Source:
    """The bucket as an ObjectSource."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.remote = bucket.remote
        self.reads: list[str] = []

    def objects(self, bucket: str, prefix: str, after: str) -> Iterator[Listed]:
        for refused, error in self.bucket.refused.items():
            if refused.endswith("/") and prefix.startswith(refused):
                raise error
        for key in self.bucket.objects_under(bucket, prefix):
            held = self.bucket.objects[bucket, key]
            if key > after:
                yield Listed(key, len(held.body), held.modified, f'"{hash(held.body) & 0xFFFFFFFF:x}"')

    def folders(self, bucket: str, prefix: str) -> Sequence[str]:
        return self.bucket.folders(bucket, prefix)

    def get(self, bucket: str, key: str) -> Fetched:
        self.reads.append(key)
        return self.bucket.get(bucket, key)

    def read(self, bucket: str, key: str, size: int | None) -> bytes:  # noqa: ARG002
        return self.get(bucket, key).body

    def versions(self, bucket: str, prefix: str) -> Sequence[Version]:
        return self.bucket.versions(bucket, prefix)

    def lifecycle(self, bucket: str) -> Sequence[Mapping[str, Any]]:
        if refused := self.bucket.refused.get(f"{bucket}?lifecycle"):
            raise refused
        return self.bucket.rules

    def get_version(self, bucket: str, key: str, version: str) -> Fetched:
        return self.bucket.get_version(bucket, key, version)


_SHOWN: dict[str, Bucket] = {}


@contextmanager
def shown(bucket: Bucket) -> Iterator[Opening]:
    """Let tasks of this process open a bucket."""
    name = f"{id(bucket)}"
    _SHOWN[name] = bucket
    try:
        yield Opening("tests.trail.bucket:opened", {"name": name})
    finally:
        del _SHOWN[name]


def opened(arguments: Mapping[str, Any]) -> Source:
    """Open a bucket that is shown."""
    return Source(_SHOWN[arguments["name"]])


def filled(
    *,
    trail: DeliveredTrail = TRAIL,
    regions: Sequence[str] = (HOME,),
    extra: Sequence[Mapping[str, Any]] = (),
    keys: Keyring = KEYS,
    into: Bucket | None = None,
    accounts: Sequence[str] = ("",),
    **arguments: Any,
) -> Bucket:
    """Return a bucket with twelve hours and more of genuine deliveries."""
    bucket = into or Bucket()
    span = {"start": SINCE, "end": UNTIL} | arguments
    for account in accounts:
        for region in regions:
            for stored in deliver(
                trail, region=region, keys=keys, records=[*records(), *extra], account=account, **span
            ):
                bucket.put(stored)
    return bucket


def chain_of(bucket: Bucket, region: str = HOME, trail: DeliveredTrail = TRAIL, keys: Keyring = KEYS) -> Chain:
    """Return a chain that goes on after the newest digest in the bucket."""
    newest = bucket.digest_keys(region, trail.name)[-1]
    held = bucket.objects[bucket.place(newest)]
    inflated = gzip.decompress(held.body)
    chain = Chain(trail, region, keys)
    chain.since = datetime.fromisoformat(json.loads(inflated)["digestEndTime"])
    chain.previous = (trail.bucket, newest, hashlib.sha256(inflated).hexdigest(), held.metadata["signature"])
    return chain


def book(keys: Keyring = KEYS, regions: Sequence[str] = (HOME, OTHER), drop: str = "") -> KeyBook:
    """Return CloudTrail's keys of some Regions."""
    found = []
    for region in regions:
        published = [key.published() for key in keys.public_keys(region, START, NOW) if key.fingerprint != drop]
        found += parse_keys(region, published)
    return KeyBook(tuple(found), ())


def scope(trail: DeliveredTrail = TRAIL, **changes: Any) -> TrailScope:
    """Return the scope that fits :func:`filled`."""
    base = TrailScope(
        trail.name,
        trail.home_region,
        Location(trail.bucket, trail.prefix, trail.organization),
        START,
        END,
        trail.account,
        regions=(HOME,),
        arn=trail.arn,
        validation_enabled=True,
    )
    return replace(base, **changes)


def verify(
    bucket: Bucket, what: TrailScope | None = None, keys: KeyBook | None = None, **arguments: Any
) -> TrailReport:
    """Verify a bucket."""
    known = keys or book()
    options: dict[str, Any] = {"now": NOW, "concurrency": 1} | arguments
    return verify_trail(Source(bucket), lambda *_: known, what or scope(), **options)

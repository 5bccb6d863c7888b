"""What a trail has delivered: log files and digests of every Region, made when first looked at, and the tampering.

A Region's chain takes a few tenths of a second to sign, and eighteen of them several seconds: nobody pays for what
nobody reads. The first few Regions are made on the spot; when more are wanted, worker processes make the rest.
"""

import gzip
import json
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from multiprocessing import get_context
from typing import Any, Final

from auditor.simulator.delivery import Chain, DeliveredTrail, Keyring, StoredObject, deliver
from auditor.simulator.objects import Bucket
from auditor.simulator.worlds import events, principals
from auditor.simulator.worlds.builder import REGIONS
from auditor.simulator.worlds.events import STOPPED
from auditor.simulator.worlds.happening import BEGIN, END, Happening
from auditor.simulator.worlds.kept import held, kept
from auditor.simulator.worlds.principals import ACCOUNT, HOME
from auditor.simulator.worlds.work import LOG_REGIONS

_SINCE: Final = datetime(2026, 9, 10, tzinfo=UTC)
_OWN_KEYS: Final = Keyring("northwind", since=_SINCE)
_QUIET_KEYS: Final = Keyring("northwind-quiet", since=_SINCE, shared=True)
TRAIL: Final = DeliveredTrail("management-events", HOME, "northwind-trail-logs", ACCOUNT)
GATHERED: Final = {HOME: timedelta(minutes=30)}
"""How long records are gathered into one log file; an hour where nothing is said."""

TAMPERED_AT: Final = datetime(2026, 10, 24, 3, 2, 11, tzinfo=UTC)
ALTERED_HOUR: Final = datetime(2026, 10, 12, 10, 0, tzinfo=UTC)
"""The home Region's log file with the records of the half hour from here was altered."""
PLANTED_AT: Final = TAMPERED_AT + timedelta(seconds=171)
PLANTED_KEY: Final = (
    f"AWSLogs/{ACCOUNT}/CloudTrail/eu-west-1/2026/10/18/"
    f"{ACCOUNT}_CloudTrail_eu-west-1_20261018T1205Z_Q3ZfK8mN2xVb7TgR.json.gz"
)
"""A log file that no digest vouches for."""


def keys_of(region: str) -> Keyring:
    """Return the signing keys of a Region.

    Regions with log files have keys of their own, as on AWS; the quiet ones share theirs, as deriving a key takes a
    tenth of a second.
    """
    return _OWN_KEYS if region in LOG_REGIONS else _QUIET_KEYS


@dataclass(frozen=True, slots=True)
class Plan:
    """What a trail delivers. ``eventful`` adds October's story: the pause and the tampering."""

    trail: DeliveredTrail
    eventful: bool

    def deliver(self, region: str) -> list[StoredObject]:
        """Return everything the trail delivered from a Region, as CloudTrail wrote it."""
        return list(
            deliver(
                self.trail,
                region=region,
                keys=keys_of(region),
                start=BEGIN,
                end=END,
                records=trail_records(region, eventful=self.eventful),
                stopped=[STOPPED] if self.eventful else [],
                every=GATHERED.get(region, timedelta(hours=1)),
            )
        )


@lru_cache(maxsize=64)
def trail_records(region: str, *, eventful: bool) -> tuple[dict[str, Any], ...]:
    """Return the records of a Region including data events, oldest first."""
    records = list(events.records(region, with_story=eventful))
    if eventful and region == HOME:
        keys = tampered_keys()
        records += [
            _object_event(TAMPERED_AT, "PutObject", keys["altered"]).record(),
            _object_event(TAMPERED_AT + timedelta(seconds=89), "DeleteObject", keys["deleted"]).record(),
            _object_event(PLANTED_AT, "PutObject", PLANTED_KEY).record(),
        ]
        records.sort(key=lambda record: str(record["eventTime"]))
    return tuple(records)


def _object_event(at: datetime, name: str, key: str) -> Happening:
    bucket = TRAIL.bucket
    return Happening(
        at,
        principals.THIEF,
        "s3",
        name,
        HOME,
        {"bucketName": bucket, "Host": f"{bucket}.s3.{HOME}.amazonaws.com", "key": key},
        category="Data",
        extra={
            "resources": [
                {"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::{bucket}/{key}"},
                {"accountId": ACCOUNT, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}"},
            ]
        },
    )


@lru_cache(maxsize=1)
def tampered_keys() -> Mapping[str, str]:
    """Return the keys of the log files that were ``altered`` and ``deleted``."""
    return {
        "altered": _log_of(HOME, ALTERED_HOUR, BEGIN).key,
        "deleted": _log_of("us-east-1", events.FAILED_BURST[0], STOPPED[1]).key,
    }


def _log_of(region: str, moment: datetime, begun: datetime) -> StoredObject:
    """Return the log file that holds a moment of a Region, counted from the start of logging before it."""
    every = GATHERED.get(region, timedelta(hours=1))
    first = begun + ((moment - begun) // every) * every
    held = [
        record
        for record in events.records(region)
        if first <= datetime.fromisoformat(str(record["eventTime"])) < first + every
    ]
    chain = Chain(TRAIL, region, keys_of(region))
    return chain.log(first + every + timedelta(minutes=5), held, listed=False)


def first_log(trail: DeliveredTrail, region: str, at: datetime) -> StoredObject:
    """Return the log file of the hour in which a trail was started, long before the month that is delivered in full."""
    started = Happening(at, principals.ALICE, "cloudtrail", "StartLogging", region, {"name": trail.name})
    return Chain(trail, region, keys_of(region)).log(at + timedelta(minutes=15), [started.record()], listed=False)


def _altered(body: bytes) -> bytes:
    """Put another address into every record: who really called can no longer be read."""
    document = json.loads(gzip.decompress(body))
    for record in document["Records"]:
        record["sourceIPAddress"] = principals.OFFICE
    return gzip.compress(json.dumps(document, separators=(",", ":")).encode(), mtime=0)


def _planted() -> bytes:
    """Records of calls that never happened, to put the blame on somebody."""
    at = datetime(2026, 10, 18, 11, 58, 20, tzinfo=UTC)
    call = Happening(
        at, principals.BOB, "s3", "DeleteBucketPolicy", "eu-west-1", {"bucketName": "northwind-ledger-statements"}
    )
    return gzip.compress(json.dumps({"Records": [call.record()]}, separators=(",", ":")).encode(), mtime=0)


def _tamper(bucket: Bucket, region: str) -> None:
    """Do to the bucket what the thief did."""
    keys = tampered_keys()
    if region == HOME:
        held = bucket.objects[keys["altered"]][-1]
        bucket.put(held.key, _altered(held.body), {}, TAMPERED_AT)
    elif region == "us-east-1":
        bucket.delete(keys["deleted"], TAMPERED_AT + timedelta(seconds=89))
    elif region == "eu-west-1":
        bucket.put(PLANTED_KEY, _planted(), {}, PLANTED_AT)


def produce(plan: Plan, region: str) -> list[StoredObject]:
    """Deliver one Region. A function of its own, so that a worker process can be handed it."""
    return plan.deliver(region)


Produce = Callable[[Plan, str], list[StoredObject]]


def _made(produce: Produce, plan: Plan, region: str) -> list[StoredObject]:
    """Return what a Region delivered, from where it is kept if it is."""
    return kept(lambda: produce(plan, region), *_name(produce, plan, region))


def _name(produce: Produce, plan: Plan, region: str) -> tuple[object, ...]:
    return produce.__module__, produce.__qualname__, plan, region


def _leave_with(parent: int) -> None:
    """End this worker process when its parent is gone, however it went."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


_REGION_IN_KEY: Final = re.compile(r"/CloudTrail(?:-Digest)?/([a-z]{2}(?:-[a-z]+)+-\d)/")
ON_THE_SPOT: Final = 4
"""So many Regions are made in the server itself before worker processes are started."""


@dataclass(slots=True)
class Archive:
    """Fills a trail bucket Region by Region, as it is read."""

    plan: Plan
    produce: Produce = produce
    _done: set[str] = field(default_factory=set)
    _running: dict[str, "Future[list[StoredObject]]"] = field(default_factory=dict)

    def attach(self, bucket: Bucket) -> None:
        """Make this archive the source of the bucket's objects."""
        bucket.source = self

    def waiting(self, wanted: str) -> "list[Future[list[StoredObject]]]":
        """Return what worker processes still have to make before a key or prefix can be read."""
        missing = [region for region in self._regions(wanted) if not self._at_hand(region)]
        if not missing or (len(missing) == 1 and missing[0] not in self._running and len(self._done) < ON_THE_SPOT):
            return []
        self._start_workers()
        made = [self._running[region] for region in missing if region in self._running]
        return [future for future in made if not future.done()]

    def _at_hand(self, region: str) -> bool:
        return region in self._done or held(*_name(self.produce, self.plan, region))

    def fill(self, bucket: Bucket, wanted: str) -> None:
        """Make sure that everything under a key or prefix is in the bucket."""
        for region in self._regions(wanted):
            if region not in self._done:
                self._add(bucket, region)

    def _regions(self, wanted: str) -> tuple[str, ...]:
        """Return the Regions whose deliveries lie under a key or prefix."""
        root = f"AWSLogs/{self.plan.trail.account}/"
        if len(self._done) == len(REGIONS) or not (wanted.startswith(root) or root.startswith(wanted)):
            return ()
        found = _REGION_IN_KEY.search(f"{wanted}/" if wanted.count("/") == 3 else wanted)  # noqa: PLR2004 - .../region
        if found is None:
            return REGIONS
        return (found[1],) if found[1] in REGIONS else ()

    def _add(self, bucket: Bucket, region: str) -> None:
        running = self._running.pop(region, None)
        made = running.result() if running is not None else _made(self.produce, self.plan, region)
        self._done.add(region)
        for stored in made:
            bucket.put(stored.key, stored.body, stored.metadata, stored.last_modified)
        if self.plan.eventful:
            _tamper(bucket, region)

    def _start_workers(self) -> None:
        if self._running:
            return
        context = get_context("spawn")
        pool = ProcessPoolExecutor(2, mp_context=context, initializer=_leave_with, initargs=(os.getpid(),))
        for region in sorted(REGIONS, key=lambda name: (name not in LOG_REGIONS, name)):
            if region not in self._done:
                self._running[region] = pool.submit(_made, self.produce, self.plan, region)
        pool.shutdown(wait=False)


def keys_between(region: str, start: datetime, end: datetime) -> list[dict[str, Any]]:
    """Return ListPublicKeys' answer for a Region."""
    return [key.published() for key in keys_of(region).public_keys(region, start, end)]

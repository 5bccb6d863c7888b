"""What one verification knows so far, shared by its steps. One thread writes it; no rule of judgement is in here."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event
from typing import Any, Final

from auditor.trail.chain import Linked, Place, Span, TrailEvent
from auditor.trail.digest import CheckedDigest
from auditor.trail.fetch import ObjectSource, Unavailable
from auditor.trail.findings import Finding
from auditor.trail.keys import KeyBook, PublicKey
from auditor.trail.names import DigestName, Location
from auditor.trail.parallel import Concurrency, Workers
from auditor.trail.report import TrailScope
from auditor.trail.retention import Retention
from auditor.trail.spool import Spool

LATE_DIGESTS: Final = timedelta(hours=3)
"""How far beyond the period digests are read: they prove the last ones in it and list files delivered late."""
PROGRESS_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. ``total`` is None while it is not known."""

    stage: str
    done: int
    total: int | None
    stored_bytes: int


@dataclass(slots=True)
class Chain:
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
    strays: int = 0
    """Objects among the digests that are none."""
    others_unread: bool = False
    """A digest of another trail could not be read: log objects that nobody names may be that trail's."""
    unread: bool = False
    """A listing failed: what is not there may only not have been seen."""


class State:
    """One verification.

    Args:
        source: where the objects are.
        scope: what is asked.
        now: the run's as-of time, aware UTC.
        concurrency: how many requests may be under way.
        stop: set from outside to end early.
        progress: told how far a step is, at most ten times a second.
    """

    def __init__(
        self,
        source: ObjectSource,
        scope: TrailScope,
        now: datetime,
        concurrency: Concurrency,
        stop: Event,
        progress: Callable[[Progress], None],
    ) -> None:
        self.source, self.scope, self.now = source, scope, now
        self.span = Span(scope.start, scope.end, now)
        self.spool = Spool()
        self.stop = stop
        self.workers: Workers[Any, Any] = Workers(concurrency, stop)
        self.keybook = KeyBook()
        self.key_index: Mapping[tuple[str, str], PublicKey] = {}
        self.chains: dict[tuple[str, str], Chain] = {}
        self.asked: set[tuple[str, str]] = set()
        self.locations: list[Location] = []
        self.findings: list[Finding] = []
        self.linked: list[Linked] = []
        self.numbers: dict[Place, int] = {}
        self.digest_of: dict[int, tuple[Chain, datetime]] = {}
        self.trail_events: dict[str, TrailEvent] = {}
        self.windows: list[tuple[datetime, datetime]] = []
        self.retention = Retention(now, scope.retention_days, scope.rules)
        self.buckets_asked: set[str] = set()
        """Buckets that were asked for their rules."""
        self.unread_rules: list[tuple[str, str]] = []
        self.bytes = [0, 0]
        """Stored and inflated bytes of log files."""
        self.further_reads = 0
        self.interrupted = False
        self._progress = progress
        self._last_progress = 0.0

    def close(self) -> None:
        """Give threads and scratch files back."""
        self.workers.close()
        self.spool.close()

    def tell(self, stage: str, done: int, total: int | None, *, force: bool = False) -> None:
        """Report how far a step is."""
        moment = time.monotonic()
        if force or moment - self._last_progress >= PROGRESS_SECONDS:
            self._last_progress = moment
            self._progress(Progress(stage, done, total, self.bytes[0]))

    def folders(self, bucket: str, prefix: str) -> Sequence[str]:
        """Return the folders under a prefix; none, and a finding, when they cannot be listed."""
        try:
            return self.source.folders(bucket, prefix)
        except Unavailable as problem:
            self.findings.append(self.list_finding(None, f"{bucket}/{prefix}", problem))
            return ()

    def chain(self, account: str, region: str) -> Chain:
        """Return the chain of an account and Region; a new one when there is none yet."""
        if (account, region) not in self.chains:
            self.chains[account, region] = Chain(len(self.chains), account, region)
        return self.chains[account, region]

    def list_finding(self, chain: Chain | None, prefix: str, problem: Unavailable) -> Finding:
        """Say that something could not be listed."""
        account, region = (chain.account, chain.region) if chain else (self.scope.account, "")
        sentence = f"The objects under {prefix} could not be listed ({problem.code}): some may not have been seen."
        return Finding("list_unreadable", prefix, account, region, None, "a listing", problem.code, "shown", sentence)

    def in_period(self, item: CheckedDigest) -> bool:
        """Tell whether a digest covers a part of the period."""
        return item.start < self.scope.end and item.end > self.scope.start

    def clamp(self, moment: datetime) -> datetime:
        """Return the hour of a moment, or the first hour for what came before."""
        return max(moment, self.scope.start).replace(minute=0, second=0, microsecond=0)

"""Fills an event store in the pass that verifies the log files, for ``auditor events``: trail and events joined.

Records of a period's last minutes are delivered after its end, so the pass reads one hour more than was asked.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any, Final

from auditor import __version__
from auditor.base.errors import UsageError
from auditor.base.period import Period, rfc3339
from auditor.events.opened import EventStore, card_of, finish
from auditor.events.store import LogBytes, StoreWriter
from auditor.trail.coverage import STATES
from auditor.trail.fetch import ObjectSource, Unavailable
from auditor.trail.gunzip import Damaged, inflate
from auditor.trail.names import Location
from auditor.trail.report import TrailReport, TrailScope
from auditor.trail.verify import KeySource, Progress, ReadLog, verify_trail

DELIVERY: Final = timedelta(hours=1)
"""How long after the period's end deliveries are still read; CloudTrail takes some five minutes."""
OTHER_KINDS: Final = ("CloudTrail-Insight", "CloudTrail-NetworkActivity", "CloudTrail-Aggregated")
REQUEST: Final = "request.json"
_LIMIT: Final = 1 << 29


@dataclass(frozen=True, slots=True)
class Reading:
    """What a store is filled from.

    Args:
        source: where the objects are.
        keys: where the public keys are.
        scopes: the trails, each for the period.
        place: how the caller named the place; part of what a kept store is recognised by.
        period: what is asked about.
        now: the run's as-of time.
    """

    source: ObjectSource
    keys: KeySource
    scopes: Sequence[TrailScope]
    place: Mapping[str, Any]
    period: Period
    now: datetime

    def request(self) -> dict[str, Any]:
        """Return what decides whether a kept store answers for this."""
        return {"place": dict(self.place), "period": self.period.document(), "auditor": __version__}


def open_store(
    folder: Path,
    reading: Reading,
    *,
    stop: Event,
    progress: Callable[[Progress], None] | None = None,
    concurrency: int | None = None,
) -> EventStore:
    """Return a store filled with what was asked for; one that is there already is taken when it is for the same.

    Raises:
        UsageError: the folder holds a store of something else.
        IntegrityError: the store's files were changed.
    """
    wanted = reading.request()
    if _held(folder, wanted) and card_of(folder) is not None:
        return EventStore(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / REQUEST).write_text(json.dumps(wanted, indent=1, sort_keys=True) + "\n", "utf-8")
    writer = StoreWriter(folder)
    reports: list[TrailReport] = []
    missing: list[dict[str, Any]] = []
    try:
        for scope in reading.scopes:
            reports.append(_verified(reading, scope, writer, stop=stop, progress=progress, concurrency=concurrency))
            missing += _read_other_kinds(reading, reports[-1], writer)
            if stop.is_set():
                raise KeyboardInterrupt
        writer.flush()
    finally:
        writer.close()
    finish(folder, _card(reading, reports, missing))
    return EventStore(folder)


def _held(folder: Path, wanted: Mapping[str, Any]) -> bool:
    """Tell whether a folder holds a store of this, finished or not."""
    try:
        held = json.loads((folder / REQUEST).read_bytes())
    except FileNotFoundError:
        if folder.is_dir() and any(folder.iterdir()):
            raise UsageError(f"--store {folder}: the folder is not empty, and is no event store") from None
        return False
    except ValueError:
        held = None
    if held != wanted:
        raise UsageError(
            f"--store {folder} was filled from another place, for another period or by another version",
            hint="give another folder, or delete this one",
        )
    return True


def _verified(
    reading: Reading,
    scope: TrailScope,
    writer: StoreWriter,
    *,
    stop: Event,
    progress: Callable[[Progress], None] | None,
    concurrency: int | None,
) -> TrailReport:
    def take(log: ReadLog) -> None:
        writer.take(LogBytes(log.bucket, log.key, log.state, log.problem, log.sha256, log.data))

    return verify_trail(
        reading.source,
        reading.keys,
        replace(scope, end=scope.end + DELIVERY),
        now=reading.now,
        concurrency=concurrency,
        progress=progress,
        stop=stop,
        on_log=take,
    )


def _read_other_kinds(reading: Reading, report: TrailReport, writer: StoreWriter) -> list[dict[str, Any]]:
    """Read Insights, network activity and summaries, which lie in folders of their own; no digest speaks of them."""
    missing = []
    until = f"{report.scope.end:%Y/%m/%d}"
    for chain in report.chains:
        for kind in OTHER_KINDS:
            folder = report.scope.location.folder(chain.account, kind, chain.region)
            try:
                for key in _keys(reading, report.scope.location, folder, until):
                    writer.take(_other(reading, report.scope.location.bucket, key))
            except Unavailable as problem:
                where = {"account": chain.account, "region": chain.region, "kind": kind}
                missing.append({"what": "source", "why": f"could not be listed ({problem.code})", "where": where})
    return missing


def _keys(reading: Reading, location: Location, folder: str, until: str) -> Iterator[str]:
    after = f"{folder}{reading.period.start:%Y/%m/%d}"
    for row in reading.source.objects(location.bucket, folder, after):
        if row.key[len(folder) : len(folder) + 10] > until:
            return
        if row.key.endswith(".json.gz"):
            yield row.key


def _other(reading: Reading, bucket: str, key: str) -> LogBytes:
    try:
        found = inflate(reading.source.read(bucket, key, None), _LIMIT, keep=True)
    except (Unavailable, Damaged) as problem:
        return LogBytes(bucket, key, "unvouched", f"log_unreadable: {problem}", "", None)
    return LogBytes(bucket, key, "unvouched", "", found.sha256, found.data)


def _card(reading: Reading, reports: Sequence[TrailReport], missing: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the store says of itself: sources, hours, and what could not be read."""
    documents = [report.document() for report in reports]
    coverage = [
        {
            "trail": document["trail"]["name"],
            "account": chain["account"],
            "region": chain["region"],
            "days": chain["days"],
        }
        for document in documents
        for chain in document["coverage"]["chains"]
    ]
    sources = [
        {
            "kind": "log-files",
            "place": dict(reading.place),
            "trail": document["trail"],
            "verdict": document["verdict"],
            "as_of": rfc3339(reading.now),
            "log_files": document["counts"]["logs"],
        }
        for document in documents
    ]
    return {
        "period": reading.period.document(),
        "sources": sources,
        "coverage": coverage,
        "states": dict(STATES),
        "missing": [*missing, *_late(reading, reports)],
        "cannot_see": [],
    }


def _late(reading: Reading, reports: Sequence[TrailReport]) -> Iterator[dict[str, Any]]:
    """Say where the deliveries right after the period are not proved: records of its last minutes may be in them."""
    for report in reports:
        for chain in report.chains:
            states = {state for hour, state in chain.hours if hour >= reading.period.end}
            if states - {"v"}:
                where = {
                    "account": chain.account,
                    "region": chain.region,
                    "trail": report.scope.trail,
                    "start": rfc3339(reading.period.end),
                    "end": rfc3339(reading.period.end + DELIVERY),
                }
                why = "deliveries of the hour after the period are not proved; its last minutes may be in them"
                yield {"what": "hours", "why": why, "where": where}

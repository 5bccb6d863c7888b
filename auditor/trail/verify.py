"""Joins fetching and judging: verifies one trail for one period and returns a report. Its nine steps: :func:`_run`.

Nothing here decides what a digest or a hole means (``digest``, ``chain``), opens a socket (``fetch``) or starts a
thread (``parallel``). A run never stops at a single object: what could not be read is a finding.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Final

from auditor.trail.archive import Archive
from auditor.trail.chain import AFTER_STOP, BEFORE_STOP, HOUR, RESTART_GRACE, Gap, Identity, link
from auditor.trail.conclude import DELIVERY_SLACK, Conclusion, find_extra
from auditor.trail.digest import unreadable
from auditor.trail.fetch import ObjectSource, Unavailable
from auditor.trail.logs import LogPass, OnLog, OnRecord, ReadLog
from auditor.trail.names import Location
from auditor.trail.parallel import Concurrency, Stopped
from auditor.trail.report import TrailReport, TrailScope
from auditor.trail.retention import Expired, expiries
from auditor.trail.spool import Checkpoint
from auditor.trail.state import Chain, Progress, State
from auditor.trail.survey import KeySource, Survey

OWNER_WINDOWS: Final = 24
"""Stretches for which the owner's records are read; a trail is not stopped more often than that in a period."""

__all__ = ["KeySource", "OnLog", "OnRecord", "Progress", "ReadLog", "verify_trail"]


def verify_trail(
    source: ObjectSource,
    keys: KeySource,
    scope: TrailScope,
    *,
    now: datetime,
    concurrency: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    events: bool = False,
    on_record: OnRecord | None = None,
    on_log: OnLog | None = None,
    stop: Event | None = None,
    checkpoint: Path | None = None,
    archive: Path | None = None,
) -> TrailReport:
    """Verify the digests and log files of one trail.

    Args:
        source: where the objects are.
        keys: where the public keys are.
        scope: what is asked.
        now: the run's as-of time, aware UTC: decides which digests are due.
        concurrency: requests under way at once; None adapts to cores and latency.
        progress: called from this thread, at most ten times a second.
        events: whether to read all records and collect the notable ones.
        on_record: called with every record of every readable log file that a digest names.
        on_log: called with every log file, those included that no digest names or that could not be read.
        stop: set it to end early; the report then says what was not reached.
        checkpoint: a file that lets the next run skip log files this one verified, should it be interrupted.
        archive: a folder for the material of an offline verification.

    Returns:
        The report. It is complete and has a verdict, whatever happened.
    """
    concurrent = Concurrency(source.remote, concurrency)
    state = State(source, scope, now, concurrent, stop or Event(), progress or (lambda _: None))
    kept = Checkpoint(checkpoint) if checkpoint is not None else None
    try:
        logs = LogPass(state, events=events, on_record=on_record, checkpoint=kept, on_log=on_log)
        report = _run(state, Survey(state, keys), logs)
        if archive is not None:
            Archive(state.spool, state.keybook).write(archive)
        return report
    finally:
        state.close()
        if kept is not None:
            kept.close(finished=not state.interrupted)


def _run(state: State, survey: Survey, logs: LogPass) -> TrailReport:
    """Run the steps; a stop skips to the end, and what was not reached is said.

    1. Plan: accounts, Regions and places.
    2. List digests and log files.
    3. Get the public keys, and check every digest by itself, in parallel.
    4. Fetch digests that are named and not listed, and list places the chain leads to; repeat until nothing is new.
    5. Link each chain in memory.
    6. Stream the log files that proved digests vouch for; where there are holes, also the owner's around them.
    7. Find the log objects nobody vouches for.
    8. Explain the holes, look for the anchors and for older versions.
    9. Count, and write it down.
    """
    _read_rules(state, [state.scope.location, *state.scope.more_locations])
    try:
        survey.run()  # (1) to (4)
    except Stopped:
        state.interrupted = True
    if not state.interrupted:
        _read_rules(state, state.locations)
    _link(state)  # (5)
    try:
        if not state.interrupted:
            logs.run()  # (6)
            _read_owner(state, survey.keys)
            find_extra(state, survey)  # (7)
            logs.read_unvouched()
    except Stopped:
        state.interrupted = True
    return Conclusion(state, logs).write()  # (8), (9)


def _read_owner(state: State, keys: KeySource) -> None:
    """Read the owner's records around the holes where its home Region is not verified anyway.

    A member of an organization sees in its own log files nothing of who stopped the organization's trail. What is read
    here explains and does nothing else: neither its findings nor its hours enter the report.
    """
    scope = state.scope
    if not scope.owner_known or (scope.account, scope.home_region) in state.chains:
        return
    for start, end in _joined(state.windows)[:OWNER_WINDOWS]:
        part = replace(
            scope,
            accounts=(scope.account,),
            regions=(scope.home_region,),
            discover_regions=False,
            start=start.replace(minute=0, second=0, microsecond=0),
            end=end.replace(minute=0, second=0, microsecond=0) + HOUR,
            anchors=(),
            more_locations=tuple(place for place in state.locations if place != scope.location),
        )
        found = State(state.source, part, state.now, state.workers.concurrency, state.stop, lambda _: None)
        try:
            Survey(found, keys).run()
            _link(found)
            LogPass(found, events=True, on_record=None, checkpoint=None).run()
            state.further_reads += len(found.numbers) + found.spool.entry_count()
        finally:
            found.close()
        state.trail_events |= found.trail_events


def _joined(windows: Sequence[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Join spans that touch; sorted."""
    joined: list[tuple[datetime, datetime]] = []
    for start, end in sorted(windows):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _link(state: State) -> None:
    _drop_other_trails_regions(state)
    accepted: list[tuple[int, str]] = []
    for _, chain in sorted(state.chains.items()):
        for place, name in chain.own.items():
            if place not in chain.checked:
                chain.checked[place] = unreadable(*place, name, "not reached")
        identity = Identity(state.scope.trail, state.scope.home_region, chain.account, chain.region)
        linked = link(
            identity,
            list(chain.checked.values()),
            frozenset(chain.missing),
            state.span,
            expired=_expired(state, chain),
        )
        state.linked.append(linked)
        for item in linked.proved():
            bound = f"{state.scope.end:%Y%m%dT%H%M}" if item.start >= state.scope.end else ""
            accepted.append((state.numbers[item.bucket, item.key], bound))
    state.spool.accept(accepted)
    state.windows = _event_windows(linked.gaps for linked in state.linked)


def _read_rules(state: State, locations: Iterable[Location]) -> None:
    """Ask buckets for their lifecycle rules, once each; where they cannot be read, a hole stays unexplained."""
    if state.retention.days is not None or state.scope.rules:
        return
    for bucket in sorted({location.bucket for location in locations if location.bucket} - state.buckets_asked):
        state.buckets_asked.add(bucket)
        try:
            found = expiries(bucket, state.source.lifecycle(bucket))
            state.retention = replace(state.retention, rules=(*state.retention.rules, *found))
        except Unavailable as problem:
            state.unread_rules.append((bucket, problem.code))


def _expired(state: State, chain: Chain) -> Expired | None:
    """Return which digests of a chain are gone by rule, in all places that it was written to."""
    written = {Location(bucket, name.location_prefix, name.organization) for (bucket, _), name in chain.own.items()}
    places = [
        (place.bucket, place.folder(chain.account, "CloudTrail-Digest", chain.region))
        for place in sorted(written or {state.scope.location}, key=str)
    ]
    return state.retention.expired(places)


def _drop_other_trails_regions(state: State) -> None:
    """Forget discovered Regions in which only other trails write.

    A trail with digests outside its home Region is a multi-Region one and writes everywhere: a Region of its without
    digests is then a finding, whatever else lies there.
    """
    everywhere = any(chain.own and chain.region != state.scope.home_region for chain in state.chains.values())
    for key, chain in list(state.chains.items()):
        others = bool(chain.foreign) and not everywhere
        if key not in state.asked and not chain.own and (others or not chain.log_objects):
            del state.chains[key]


def _event_windows(gaps: Iterable[Sequence[Gap]]) -> list[tuple[datetime, datetime]]:
    """Return when the log files were made that may hold the calls around a hole."""
    windows = set()
    for gap in (gap for part in gaps for gap in part):
        windows.add((gap.start - BEFORE_STOP, gap.start + AFTER_STOP + DELIVERY_SLACK))
        windows.add((gap.end - DELIVERY_SLACK, gap.end + RESTART_GRACE + DELIVERY_SLACK))
    return sorted(windows)

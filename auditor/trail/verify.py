"""Joins fetching and judging: verifies one trail for one period and returns a report. Its nine steps: :func:`_run`.

Nothing here decides what a digest or a hole means (``digest``, ``chain``, ``gaps``), opens a socket (``fetch``) or
starts a thread (``parallel``). A run never stops at a single object: what could not be read is a finding.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any

from auditor.trail.archive import Archive
from auditor.trail.conclude import Steps, conclude
from auditor.trail.context import Context, Progress, Teller
from auditor.trail.extra import Extras, find_extra, read_unvouched
from auditor.trail.fetch import ObjectSource, Saved
from auditor.trail.kept import Keep, keep_logs
from auditor.trail.keys import KeySource
from auditor.trail.links import link_chains
from auditor.trail.logs import LogPass
from auditor.trail.owner import OwnerRecords, read_owner
from auditor.trail.parallel import Concurrency, Workers
from auditor.trail.plan import make_plan
from auditor.trail.reading import OnLog, Reading
from auditor.trail.relocated import RelocatedSource
from auditor.trail.report import TrailReport, TrailScope
from auditor.trail.rules import known_rules, read_rules
from auditor.trail.sharing import Shared, SharedDigests, SharedPass
from auditor.trail.spool import Checkpoint, Spool
from auditor.trail.survey import survey

__all__ = ["KeySource", "OnLog", "Progress", "verify_trail"]


def verify_trail(
    source: ObjectSource,
    keys: KeySource,
    scope: TrailScope,
    *,
    now: datetime,
    concurrency: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    events: bool = False,
    on_log: OnLog | None = None,
    stop: Event | None = None,
    checkpoint: Path | None = None,
    archive: Path | None = None,
    keep: Keep | None = None,
    shared: Shared | None = None,
) -> TrailReport:
    """Verify the digests and log files of one trail.

    Args:
        source: where the objects are.
        keys: where the public keys are.
        scope: what is asked.
        now: the run's as-of time, aware UTC: decides which digests are due.
        concurrency: requests under way at once; None adapts to cores and latency.
        progress: called from this thread, at most ten times a second.
        events: whether to search all records and collect the notable ones.
        on_log: called with every log file, those included that no digest names or that could not be read.
        stop: set it to end early; the report then says what was not reached.
        checkpoint: a file that lets the next run skip log files this one verified, should it be interrupted.
        archive: a folder for the material of an offline verification.
        keep: which log files go into that folder, too; None for none.
        shared: who reads digests and checks log files in tasks; None for threads of this process.

    Returns:
        The report. It is complete and has a verdict, whatever happened.
    """
    workers: Workers[Any, Any] = Workers(Concurrency(source.remote, concurrency), stop or Event())
    if scope.read_from:
        source = RelocatedSource(source, scope.location.bucket, scope.read_from)
    ahead = None
    if shared is not None and not isinstance(source, Saved):  # which counts how its digests were saved
        ahead = SharedDigests(shared, scope, concurrency)
    context = Context(source, scope, now, workers, Spool(), Teller(progress or (lambda _: None)), ahead)
    kept = Checkpoint(checkpoint) if checkpoint is not None else None
    interrupted = True
    try:
        steps = _run(context, keys, Reading(events, on_log, kept), shared)
        interrupted = steps.interrupted
        report = conclude(context, steps)  # (8), (9)
        if archive is not None:
            Archive(context.spool, steps.extras.book).write(archive)
            if keep is not None and not interrupted:
                keep_logs(context, archive, keep, report.findings, steps.logs.noted)
        return report
    finally:
        workers.close()
        context.spool.close()
        if kept is not None:
            kept.close(finished=not interrupted)


def _run(context: Context, keys: KeySource, reading: Reading, shared: Shared | None) -> Steps:
    """Run the steps, each on what the ones before returned; a stop skips to the end, and what was not reached is said.

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
    scope = context.scope
    rules = read_rules(context, known_rules(context), (scope.location, *scope.more_locations))
    found = survey(context, keys, make_plan(context))  # (1) to (4)
    if not found.interrupted:
        rules = read_rules(context, rules, found.locations)
    links = link_chains(context, found, rules.retention)  # (5)
    checking = (context, links, rules.retention, reading)
    logs = (LogPass(*checking) if shared is None else SharedPass(*checking, shared)).run()  # (6)
    owner = OwnerRecords() if logs.interrupted else read_owner(context, keys, found, links)
    stopped = logs.interrupted or owner.interrupted
    extras = Extras(found.book) if stopped else find_extra(context, keys, found, links)  # (7)
    if not (stopped or extras.interrupted) and read_unvouched(context, reading):
        extras = replace(extras, interrupted=True)
    return Steps(found, rules, links, logs, owner, extras)

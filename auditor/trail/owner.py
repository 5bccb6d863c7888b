"""Reads the owner's records around holes, where the owner's home Region is not verified anyway. Belongs to step 6."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from auditor.trail.context import Context, Teller
from auditor.trail.explain import TrailEvent
from auditor.trail.gaps import HOUR
from auditor.trail.keys import KeySource
from auditor.trail.links import Links, link_chains
from auditor.trail.logs import LogPass
from auditor.trail.plan import make_plan
from auditor.trail.reading import Reading
from auditor.trail.rules import known_rules
from auditor.trail.spool import Spool
from auditor.trail.survey import Survey, survey

OWNER_WINDOWS: Final = 24
"""Stretches for which the owner's records are read; a trail is not stopped more often than that in a period."""


@dataclass(frozen=True, slots=True)
class OwnerRecords:
    """What the owner's records say.

    Args:
        events: verified calls about the trail.
        reads: digests and log files that were read for it.
        interrupted: the run was asked to stop before the end.
    """

    events: tuple[TrailEvent, ...] = ()
    reads: int = 0
    interrupted: bool = False


def read_owner(context: Context, keys: KeySource, found: Survey, links: Links) -> OwnerRecords:
    """Read the owner's records around the holes.

    A member of an organization sees in its own log files nothing of who stopped the organization's trail. What is read
    here explains and does nothing else: neither its findings nor its hours enter the report.
    """
    scope = context.scope
    if not scope.owner_known or (scope.account, scope.home_region) in links.targets:
        return OwnerRecords()
    events: list[TrailEvent] = []
    reads = 0
    for start, end in _joined(links.windows)[:OWNER_WINDOWS]:
        part = replace(
            scope,
            accounts=(scope.account,),
            regions=(scope.home_region,),
            discover_regions=False,
            start=start.replace(minute=0, second=0, microsecond=0),
            end=end.replace(minute=0, second=0, microsecond=0) + HOUR,
            anchors=(),
            more_locations=tuple(place for place in found.locations if place != scope.location),
        )
        window = _read_window(keys, replace(context, scope=part))
        events += window.events
        reads += window.reads
        if window.interrupted:
            return OwnerRecords(tuple(events), reads, interrupted=True)
    return OwnerRecords(tuple(events), reads)


def _read_window(keys: KeySource, context: Context) -> OwnerRecords:
    """Verify the owner's home Region around one hole, in a scratch file of its own."""
    part = replace(context, spool=Spool(), tell=Teller(lambda _: None), ahead=None)
    try:
        found = survey(part, keys, make_plan(part))
        if found.interrupted:
            return OwnerRecords(interrupted=True)
        retention = known_rules(part).retention
        links = link_chains(part, found, retention)
        logs = LogPass(part, links, retention, Reading(events=True)).run()
        return OwnerRecords(logs.events, len(links.origins) + part.spool.entry_count(), logs.interrupted)
    finally:
        part.spool.close()


def _joined(windows: Sequence[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Join spans that touch; sorted."""
    joined: list[tuple[datetime, datetime]] = []
    for start, end in sorted(windows):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined

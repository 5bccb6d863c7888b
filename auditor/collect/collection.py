"""Collects one account: which Regions there are, then everything the chosen controls need. Judges nothing.

This is the room's front door; ``auditor.run`` opens it once per account.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from auditor.base.errors import CollectionError
from auditor.base.period import Period
from auditor.collect import accounts
from auditor.collect.accounts import Caller
from auditor.collect.calls import Asker, Collector, Progress, silent, store
from auditor.collect.clients import Limits
from auditor.collect.guard import CallLog
from auditor.collect.plan import Listed, Plan
from auditor.collect.redact import Redactor
from auditor.evidence.answer import Answer
from auditor.evidence.operations import GLOBAL, Call, Operation, Where
from auditor.evidence.store import EvidenceWriter
from auditor.model import AccountScope

REGIONS: Final = "ec2:DescribeRegions"

ENABLED: Final = frozenset({"opt-in-not-required", "opted-in"})
BUILT_IN: Final = Operation(
    name=REGIONS,
    where=Where.GLOBAL,
    parameters={"AllRegions": True},
    for_each=(),
    required=("Regions",),
    absent=(),
    action=REGIONS,
    produced=False,
)
"""Asked in every run, whether a control needs it or not: it is what "every Region" means."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What was collected of one account.

    Args:
        scope: the account and the Regions that were asked.
        operations: names of all operations that were planned, produced ones included, sorted; for ``RunInfo``.
        calls: how many calls were answered, one way or the other.
        regions_proved: False when the list of Regions could not be had and all known ones were asked instead.
    """

    scope: AccountScope
    operations: tuple[str, ...]
    calls: int
    regions_proved: bool


def collect_account(
    caller: Caller,
    *,
    operations: Mapping[str, Operation],
    wanted: Iterable[str],
    regions: Sequence[str] = (),
    period: Period | None = None,
    writer: EvidenceWriter,
    redactor: Redactor,
    log: CallLog,
    now: Callable[[], datetime],
    limits: Limits | None = None,
    progress: Progress = silent,
) -> Collected:
    """Collect the evidence of one account.

    Args:
        caller: who asks; see ``accounts.identify`` and ``accounts.take_role``.
        operations: the catalogue's operations by name.
        wanted: names of the operations to collect; what they depend on is added, produced ones are left out.
        regions: the Regions to ask; none means every enabled one.
        period: the audited period, for operations that are asked about one.
        writer: stores the answers; made with ``redact=redactor`` and closed by the caller.
        redactor: takes out what may not be stored.
        log: the one that the caller's session was opened with.
        now: the clock, aware UTC.
        limits: how hard AWS is asked.
        progress: told after each answer, from the calling thread.

    Raises:
        UsageError: a Region is not enabled, or an operation is not in the catalogue.
        CollectionError: the evidence cannot be written, or an operation is no read.
    """
    limits = limits or Limits()
    asker = Asker(caller, now=now, limits=limits, scrub=redactor.text)
    known = {REGIONS: BUILT_IN, **operations}
    names = {REGIONS, *wanted}
    asked = _stored_regions(asker, known[REGIONS], writer)
    enabled = _enabled(asked)
    chosen = accounts.choose_regions(enabled, regions) or accounts.known_regions(caller)
    plan = Plan(known, names, account=caller.account, regions=chosen, period=period)
    collector = Collector(asker, writer=writer, redactor=redactor, log=log, limits=limits, progress=progress)
    done = collector.carry_out(plan, answered=(asked,))
    return Collected(
        scope=AccountScope(
            caller.account, caller.partition, chosen, left_out=tuple(sorted(set(enabled) - set(chosen)))
        ),
        operations=tuple(sorted(names | set(plan.operations))),
        calls=done,
        regions_proved=bool(enabled),
    )


def ask_besides(
    caller: Caller,
    calls: Iterable[Call],
    *,
    operations: Mapping[str, Operation],
    writer: EvidenceWriter,
    redactor: Redactor,
    log: CallLog,
    now: Callable[[], datetime],
    limits: Limits | None = None,
    progress: Progress = silent,
) -> int:
    """Make calls that follow from what was collected by more than the catalogue says; store every outcome.

    Args:
        caller: who asks.
        calls: what to ask, each call once and none that was stored before.
        operations: the catalogue's operations by name.
        writer: stores the answers; made with ``redact=redactor`` and closed by the caller.
        redactor: takes out what may not be stored.
        log: the one that the caller's session was opened with.
        now: the clock, aware UTC.
        limits: how hard AWS is asked.
        progress: told after each answer, from the calling thread.

    Returns:
        How many calls were answered, one way or the other.

    Raises:
        UsageError: an operation is not in the catalogue.
        CollectionError: the evidence cannot be written, or an operation is no read.
    """
    limits = limits or Limits()
    asker = Asker(caller, now=now, limits=limits, scrub=redactor.text)
    collector = Collector(asker, writer=writer, redactor=redactor, log=log, limits=limits, progress=progress)
    return collector.carry_out(Listed(operations, calls))


def _stored_regions(asker: Asker, operation: Operation, writer: EvidenceWriter) -> Answer:
    """Return which Regions there are, from a run before or from AWS."""
    call = Call(operation.name, GLOBAL, tuple(sorted(operation.parameters.items())))
    known = writer.recalled(asker.account, call)
    return known or store(asker.ask(operation, call, parameters=dict(operation.parameters)), writer)


def _enabled(answer: Answer) -> tuple[str, ...]:
    """Return the names of the enabled Regions; none when there is no complete answer."""
    if answer.error is not None:
        return ()
    found = [item for page in answer.pages for item in page.get("Regions") or ()]
    names = [str(item.get("RegionName")) for item in found if item.get("OptInStatus", "opted-in") in ENABLED]
    if strange := [name for name in names if not accounts.is_region(name)]:
        raise CollectionError(f"{REGIONS} answered with {strange[0]!r}, which is no name of a Region")
    return tuple(sorted(names))

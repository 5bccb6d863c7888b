"""The first half of a run: collect an account's evidence, verify its trails, close the evidence folder."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from auditor.base.canonical import canonical_json
from auditor.catalog.load import Catalog
from auditor.catalog.policy import trail_evidence
from auditor.collect import accounts
from auditor.collect.accounts import Caller
from auditor.collect.calls import Limits
from auditor.collect.collection import Collected, ask_besides, collect_account
from auditor.collect.guard import CallLog
from auditor.collect.redact import Policy, Redactor
from auditor.config import Config
from auditor.evidence.operations import Call
from auditor.evidence.store import Answer, EvidenceWriter
from auditor.model import RunInfo
from auditor.pack.layout import CALLS, INTEGRITY, PREVIOUS
from auditor.run.fetching import uploaded_before
from auditor.run.request import TOOL, Progress, Request
from auditor.run.resuming import Kept
from auditor.run.series import Previous, Wish, find_previous
from auditor.run.truth import truth_calls, truth_operations
from auditor.run.workroom import Workroom

if TYPE_CHECKING:  # a run without trails does without the rooms
    from auditor.run.activity import Activity
    from auditor.trail.kept import Keep
    from auditor.trail.report import Anchor, TrailScope
    from auditor.trail.verify import Progress as TrailProgress

DIGESTS, EVENTS = "trail:VerifyDigests", "trail:NotableEvents"
"""What the trail room contributes to the evidence."""
ANSWERS = "events:Answer"
"""What the report asks of the events of the period, one document for each question."""

Anchors = Mapping[str, Sequence["Anchor"]]
"""Trail ARN -> the newest digests that the previous pack had seen."""


def collect_evidence(
    request: Request,
    catalog: Catalog,
    folder: Path,
    progress: Progress,
    *,
    previous: Path | None = None,
    room: Workroom | None = None,
) -> None:
    """Collect the evidence of one account into a new folder and close it.

    Args:
        request: what is asked.
        catalog: the controls.
        folder: the evidence folder.
        progress: shown how far it is.
        previous: where older packs stand; the newest comparable one of this account gives the anchors.
        room: where the run keeps what it needs to be taken up again; with None it cannot be.

    Raises:
        AuditorError: the account cannot be asked at all, or the evidence cannot be written.
    """
    config = request.config
    frameworks = catalog.select(config.frameworks, config.control_ids)
    controls = catalog.controls_of(frameworks)
    log = CallLog()
    kept = Kept(room, log) if room is not None else None
    started = room.state.started if room is not None else request.now()
    progress("Identify the caller", 0, 0, f"sts in {config.region or 'the configured Region'}")
    caller = caller_of(config, log)
    redactor, limits = Redactor(request.salt, policy=redaction_of(config)), limits_of(config)
    caller = replace(caller, principal=redactor.text(caller.principal))
    if kept is not None:
        kept.hold_account(caller.account)
    writer = EvidenceWriter(folder, redact=redactor, journal=kept.journal if kept else None)
    collected = collect_account(
        caller,
        operations=catalog.operations,
        wanted=catalog.operations_of(controls),
        regions=config.regions,
        period=request.period,
        writer=writer,
        redactor=redactor,
        log=log,
        now=request.now,
        limits=limits,
        progress=lambda done, total, note: progress("Collect", done, total, note),
    )
    series = _series(request, collected, previous, progress)
    produced: tuple[str, ...] = ()
    if "truth" not in config.skip:
        produced += truth_operations(catalog, frameworks)
        ask_besides(
            caller,
            truth_calls(catalog, frameworks, collected.scope, writer),
            operations=catalog.operations,
            writer=writer,
            redactor=redactor,
            log=log,
            now=request.now,
            limits=limits,
            progress=lambda done, total, note: progress("Ask AWS about patterns", done, total, note),
        )
    wanted = trail_evidence(controls, whole=bool(config.frameworks))
    if "events" in config.skip:
        wanted = tuple(name for name in wanted if name != EVENTS)
    if "trail" not in config.skip and wanted:
        produced += (*wanted, *((ANSWERS,) if EVENTS in wanted else ()))
        with _event_store(room, wanted, caller.account) as activity:
            _verify_trails(
                request, caller, collected, writer, folder, log, progress, series.anchors, wanted, kept, activity
            )
    (folder / CALLS).write_bytes(canonical_json(log.document()))
    (folder / PREVIOUS).unlink(missing_ok=True)
    if series.judged and redaction_of(config) == Policy():
        (folder / PREVIOUS).write_bytes(series.judged)
    info = _run_info(request, caller, collected, started, produced, log.endpoints, series)
    writer.close(replace(info, resumed=room.state.resumed) if room is not None else info)
    if kept is not None:
        kept.close()


def _series(request: Request, collected: Collected, packs: Path | None, progress: Progress) -> Previous:
    """Choose the pack that this run follows, and say which."""
    if packs is None:
        return Previous()
    config = request.config
    wish = Wish(
        account=collected.scope.id,
        regions=collected.scope.regions,
        frameworks=tuple(config.frameworks),
        controls=tuple(config.control_ids),
        period=request.period,
        before=request.as_of,
        trails="trail" not in config.skip,
    )
    with uploaded_before(config, collected.scope.id, lambda words: progress(words, 0, 0)) as further:
        series = find_previous(packs, wish, *further)
    progress(f"Previous pack: {series.words}", 0, 0)
    return series


def limits_of(config: Config) -> Limits:
    """Return how hard AWS is asked."""
    chosen = config.limits
    return Limits(
        workers=chosen.concurrency,
        attempts=chosen.attempts,
        connect_seconds=chosen.connect_seconds,
        read_seconds=chosen.read_seconds,
        report_seconds=chosen.report_seconds,
    )


def redaction_of(config: Config) -> Policy:
    """Return what is taken out of the evidence beside what always is."""
    return Policy(source_addresses=config.redaction.source_addresses, identities=config.redaction.identities)


def keep_of(config: Config) -> "Keep | None":
    """Return which log files are kept. They are kept byte for byte: where redaction is set, only by request."""
    from auditor.trail.kept import Keep

    redacts = config.redaction.source_addresses or config.redaction.identities
    what = ("none" if redacts else "notable") if config.keep_logs == "auto" else config.keep_logs
    return None if what == "none" else Keep(what, config.keep_logs_mib << 20)


def caller_of(config: Config, log: CallLog) -> Caller:
    """Return who asks: the credentials' owner, or the role that the settings name.

    Raises:
        CollectionError: there are no credentials, or the role cannot be taken.
    """
    session = accounts.open_session(profile=config.profile or None, region=config.region or None, log=log)
    caller = accounts.identify(session)
    if config.role_name:
        return accounts.take_role(
            caller,
            account=config.account,
            role_name=config.role_name,
            log=log,
            external_id=config.external_id,
            session_name=config.session_name,
            source_identity=config.source_identity,
        )
    return caller


def _verify_trails(
    request: Request,
    caller: Caller,
    collected: Collected,
    writer: EvidenceWriter,
    folder: Path,
    log: CallLog,
    progress: Progress,
    anchors: Anchors,
    wanted: tuple[str, ...],
    kept: Kept | None,
    activity: "Activity | None",
) -> None:
    """Verify what the account's trails delivered in the period; ``wanted`` reports become evidence like any answer."""
    from auditor.trail.audit import AccountTrails, audit_trails

    pages = writer.stored(caller.account, "cloudtrail:DescribeTrails")
    trails = AccountTrails(
        account=caller.account,
        regions=collected.scope.regions,
        organization=_organization(writer, caller.account),
        trails=tuple(item for page in pages for item in page.get("trailList") or ()),
        discover_regions=not request.config.regions,
    )

    def show(trail: str, state: "TrailProgress") -> None:
        progress(f"Verify {trail}: {state.stage}", state.done, state.total or 0)

    def count(scope: "TrailScope", requests: Mapping[str, int]) -> None:
        for operation, number in requests.items():
            if number:
                log.note("s3", operation, scope.home_region, number)

    reports = audit_trails(
        trails,
        caller.session,
        period=request.period,
        now=request.as_of,
        archive=folder / INTEGRITY,
        anchors=anchors,
        progress=show,
        keep=keep_of(request.config),
        sent=count,
        finished=None if kept is None else lambda place, scope: kept.has_trail(place, _calls(scope, wanted), writer),
        on_log=None if activity is None else activity.take,
    )
    for place, report in reports:
        if any(finding.kind in _UNREAD for finding in report.findings):
            accounts.identify(caller.session)  # when that cannot be told either, the run breaks off
        documents = {DIGESTS: report.document(), EVENTS: report.notable}
        for call in _calls(report.scope, wanted):
            if (document := documents[call.operation]) is not None:
                writer.add(Answer(caller.account, call, (document,), caller.principal, (), 0, request.now()))
        if activity is not None:
            activity.note(report)
        if kept is not None:
            kept.note_trail(place)
    if activity is not None and trails.trails:
        progress("Ask about the events of the period", 0, 0)
        homes = (str(item.get("HomeRegion")) for item in trails.trails)
        activity.keep(request.period, caller.principal, homes, writer, request.now)


@contextmanager
def _event_store(room: Workroom | None, wanted: tuple[str, ...], account: str) -> "Iterator[Activity | None]":
    """Give room for the events of the period: beside what a run needs to be taken up again, or for this run only."""
    if EVENTS not in wanted:
        yield None
        return
    from auditor.run.activity import Activity

    if room is not None:
        yield Activity(room.events, account)
        return
    with TemporaryDirectory(prefix="auditor-events-") as folder:
        yield Activity(Path(folder), account)


_UNREAD = frozenset({"digest_unreadable", "log_unreadable", "list_unreadable"})
"""Findings that a lost network or an ended session leaves behind."""


def _calls(scope: "TrailScope", wanted: tuple[str, ...]) -> tuple[Call, ...]:
    """Return the calls under which a trail's documents are known in the evidence."""
    return tuple(
        Call(operation, scope.home_region, (("Name", scope.arn),))
        for operation in (DIGESTS, EVENTS)
        if operation in wanted
    )


def _organization(writer: EvidenceWriter, account: str) -> str:
    """Return the organization's id where an answer names it; without, the folders of the trail's bucket tell."""
    pages = writer.stored(account, "organizations:DescribeOrganization")
    found = [page.get("Organization") or {} for page in pages]
    return str(found[0].get("Id") or "") if found else ""


def _run_info(
    request: Request,
    caller: Caller,
    collected: Collected,
    started: datetime,
    produced: tuple[str, ...],
    endpoints: tuple[str, ...],
    series: Previous,
) -> RunInfo:
    config = request.config
    return RunInfo(
        entity=config.entity or f"AWS account {caller.account}",
        title=config.title,
        accounts=(collected.scope,),
        period=request.period,
        as_of=request.as_of,
        started=started,
        ended=request.now(),
        frameworks=tuple(config.frameworks),
        controls=tuple(config.control_ids),
        principal=caller.principal,
        tool=TOOL,
        skipped=(*config.skip, *(f"Region {name}" for name in collected.scope.left_out)),
        operations=tuple(sorted({*collected.operations, *produced})),
        endpoints=endpoints,
        series=tuple((item.id, item.manifest_sha256) for item in series.packs),
        keys_before=series.keys,
        part_of=request.part_of,
    )

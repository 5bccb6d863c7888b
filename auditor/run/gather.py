"""The first half of a run: collect an account's evidence, verify its trails, close the evidence folder."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from auditor.base.canonical import canonical_json
from auditor.catalog.load import Catalog
from auditor.catalog.policy import trail_evidence
from auditor.collect.accounts import Caller
from auditor.collect.collection import Collected, ask_besides, collect_account
from auditor.collect.guard import CallLog
from auditor.collect.redact import Policy, Redactor
from auditor.config import Config
from auditor.evidence.operations import Call, shown_beside
from auditor.evidence.store import EvidenceWriter
from auditor.model import Control, Framework, RunInfo
from auditor.pack.layout import CALLS, PREVIOUS
from auditor.run.drawing import HISTORY, drawn_calls
from auditor.run.fetching import uploaded_before
from auditor.run.request import Progress, Request
from auditor.run.resuming import Kept
from auditor.run.series import Previous, Wish, find_previous
from auditor.run.settings import caller_of, limits_of, redaction_of
from auditor.run.trails import EVENTS, TrailRun
from auditor.run.truth import truth_calls, truth_operations
from auditor.run.workroom import Workroom
from auditor.work.task import Engine


def collect_evidence(
    request: Request,
    catalog: Catalog,
    folder: Path,
    progress: Progress,
    *,
    previous: Path | None = None,
    room: Workroom | None = None,
    engine: Engine | None = None,
) -> None:
    """Collect the evidence of one account into a new folder and close it.

    Args:
        request: what is asked.
        catalog: the controls.
        folder: the evidence folder.
        progress: shown how far it is.
        previous: where older packs stand; the newest comparable one of this account gives the anchors.
        room: where the run keeps what it needs to be taken up again; with None it cannot be.
        engine: reads the trails in tasks, of a run that can be taken up again; None for this process.

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
    redactor = Redactor(request.salt, policy=redaction_of(config))
    own, caller = caller.principal, replace(caller, principal=redactor.text(caller.principal))
    if kept is not None:
        kept.hold_account(caller.account)
    writer = EvidenceWriter(folder, redact=redactor, journal=kept.journal if kept else None)
    request.shared.lend(caller.account, writer)
    asking = _Asking(request, catalog, caller, writer, redactor, log, progress)
    collected = asking.collect(controls)
    series = _series(request, collected, previous, progress)
    produced = asking.ask_about_patterns(frameworks, collected) if "truth" not in config.skip else ()
    if wanted := wanted_of_trails(config, controls):
        if EVENTS in wanted and (config.frameworks or HISTORY in catalog.operations_of(controls)):
            produced += asking.draw(collected)
        trails = TrailRun(request, caller, own, writer, folder, log, progress, wanted, kept, engine)
        produced += trails.verify(collected.scope, series.anchors, room)
    (folder / CALLS).write_bytes(canonical_json(log.document()))
    _keep_previous(folder, series, config)
    info = _run_info(request, caller, collected, started, produced, log.endpoints, series)
    writer.close(replace(info, resumed=room.state.resumed) if room is not None else info)
    if kept is not None:
        kept.close()


@dataclass(frozen=True)
class _Asking:
    """One account, and what all questions to it share."""

    request: Request
    catalog: Catalog
    caller: Caller
    writer: EvidenceWriter
    redactor: Redactor
    log: CallLog
    progress: Progress

    def collect(self, controls: Sequence[Control]) -> Collected:
        """Ask for everything that controls need, and what reports of whole frameworks over a period show beside it."""
        wanted = self.catalog.operations_of(controls)
        config = self.request.config
        told = config.frameworks and not config.gate and "trail" not in config.skip
        beside = shown_beside(self.catalog.operations, wanted) if told else ()
        return collect_account(
            self.caller,
            operations=self.catalog.operations,
            wanted=(*wanted, *beside),
            regions=self.request.config.regions,
            period=self.request.period,
            writer=self.writer,
            redactor=self.redactor,
            log=self.log,
            now=self.request.now,
            limits=limits_of(self.request.config),
            progress=lambda done, total, note: self.progress("Collect", done, total, note),
        )

    def ask_about_patterns(self, frameworks: Sequence[Framework], collected: Collected) -> tuple[str, ...]:
        """Let AWS try the patterns that were read; return the operations that were asked."""
        self._besides("Ask AWS about patterns", truth_calls(self.catalog, frameworks, collected.scope, self.writer))
        return truth_operations(self.catalog, frameworks)

    def draw(self, collected: Collected) -> tuple[str, ...]:
        """Let Event history list some events of the period, which have to stand in log files; return the operations."""
        if HISTORY not in self.catalog.operations:
            return ()
        for _ in ("the latest of each Region", "the others"):
            calls = drawn_calls(collected.scope, self.request.period, self.request.as_of, self.writer)
            self._besides("Draw from Event history", calls)
        return (HISTORY,)

    def _besides(self, title: str, calls: Iterable[Call]) -> None:
        ask_besides(
            self.caller,
            calls,
            operations=self.catalog.operations,
            writer=self.writer,
            redactor=self.redactor,
            log=self.log,
            now=self.request.now,
            limits=limits_of(self.request.config),
            progress=lambda done, total, note: self.progress(title, done, total, note),
        )


def wanted_of_trails(config: Config, controls: Sequence[Control]) -> tuple[str, ...]:
    """Return which documents about trails become evidence."""
    if "trail" in config.skip:
        return ()
    wanted = trail_evidence(controls, whole=bool(config.frameworks))
    return tuple(name for name in wanted if name != EVENTS or "events" not in config.skip)


def _keep_previous(folder: Path, series: Previous, config: Config) -> None:
    """Keep the judgement of the pack before, from which the report tells what changed; not where redaction is set."""
    (folder / PREVIOUS).unlink(missing_ok=True)
    if series.judged and redaction_of(config) == Policy():
        (folder / PREVIOUS).write_bytes(series.judged)


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


def _run_info(
    request: Request,
    caller: Caller,
    collected: Collected,
    started: datetime,
    produced: tuple[str, ...],
    endpoints: tuple[str, ...],
    series: Previous,
) -> RunInfo:
    scope = collected.scope
    info = request.run_info((scope,), f"AWS account {caller.account}", caller.principal, started)
    info = replace(info, holders=request.shared.holders_of(caller.account))
    return replace(
        info,
        skipped=(*info.skipped, *(f"Region {name}" for name in scope.left_out)),
        operations=tuple(sorted({*collected.operations, *produced})),
        endpoints=endpoints,
        series=tuple((item.id, item.manifest_sha256) for item in series.packs),
        keys_before=series.keys,
    )

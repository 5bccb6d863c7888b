"""The rooms joined: collect, verify the trails, evaluate, render, seal. Knows the order and nothing else.

A pack is written to a folder of its own below the output folder and renamed when it is complete, so that no reader sees
half a pack and two runs never mix.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.base.arenas import cleared_after
from auditor.base.errors import UsageError
from auditor.base.whole import check_writable
from auditor.collect.models import forget
from auditor.config import Config
from auditor.pack.layout import EVIDENCE
from auditor.pack.outcome import exit_code, results_document
from auditor.run.engine import cluster_of
from auditor.run.gather import collect_evidence
from auditor.run.gating import gated, hold, makeable, open_baseline
from auditor.run.judging import Rules, judge, load_rules, open_catalog, open_rules
from auditor.run.keeping import clear_up, clear_written, kept_when_broken
from auditor.run.publishing import complete, complete_in_place, leavings, place_of, presentation_of, settle
from auditor.run.request import Finished, Progress, Request
from auditor.run.workroom import superseded, take_up, workroom

if TYPE_CHECKING:
    from auditor.deliver.notify import Target, Told
    from auditor.deliver.securityhub import Import
    from auditor.deliver.upload import Destination

__all__ = [
    "Finished",
    "Progress",
    "Request",
    "Rules",
    "audit",
    "collect_evidence",
    "complete",
    "complete_in_place",
    "judge",
    "leavings",
    "load_rules",
    "makeable",
    "open_catalog",
    "open_rules",
    "take_up",
]


NOT_DELIVERED = 5
"""Exit code when Security Hub or a bucket did not take everything; the pack is finished all the same."""


def audit(request: Request, progress: Progress) -> Finished:
    """Audit an account and leave a pack.

    Raises:
        AuditorError: anything that ends the run; no part of a pack is left behind then. Evidence that is complete is
            kept, and a note on the error says where. When the zip of a finished pack cannot be written, the pack stays.
    """
    config, left_out = makeable(gated(request.config))
    _shares_something(config)
    if left_out:
        progress("Without PDF", 0, 0)
    asked, request, out = request, replace(request, config=config), Path(config.out)
    rules = load_rules(config)
    baseline = open_baseline(config, request.as_of)
    presentation_of(config, request.sealing)
    where, targets = _where_to(config)
    request.period  # noqa: B018 - a wrong period is told before anything is asked
    imported: list[Import] = []
    check_writable(out)
    with cluster_of(config) as engine, workroom(asked, rules.catalog) as room:
        clear_up(out, progress)
        folder = room.pack
        clear_written(folder)
        with cleared_after():
            collect_evidence(
                request, rules.catalog, folder / EVIDENCE, progress, previous=out, room=room, engine=engine
            )
            forget()
        with kept_when_broken(folder, out):
            results, manifest = complete(
                folder,
                rules,
                progress,
                sealing=request.sealing,
                deliver=_importing(config, imported) if config.securityhub_import else None,
                tool=request.tool,
            )
            pack = settle(folder, place_of(results, out), manifest.pack_id)
    superseded(out, room.state)
    zipped = _zipped(pack, config, progress)
    gate = hold(config, baseline, results_document(results), request.as_of) if config.baseline else None
    code = exit_code(results, fail_on=config.fail_on, allow=config.allow, known=gate.known if gate else ())
    finished = Finished(
        pack,
        results,
        manifest.sha256,
        NOT_DELIVERED if any(outcome.refused for outcome in imported) else code,
        zipped,
        imported[0] if imported else None,
        gate,
        manifest.pack_id,
        left_out,
    )
    if where is not None:
        finished = _uploaded(finished, where, request, progress)
    return replace(finished, told=_told(config, targets, finished)) if targets else finished


def _importing(config: Config, imported: "list[Import]") -> Callable[[Sequence[Mapping[str, Any]]], bytes]:
    """Return what takes findings into Security Hub, notes the outcome in a list, and answers with the record of it."""

    def deliver(findings: Sequence[Mapping[str, Any]]) -> bytes:
        from auditor.run.delivering import import_into_security_hub

        outcome, record = import_into_security_hub(config, findings)
        imported.append(outcome)
        return record

    return deliver


def _shares_something(config: Config) -> None:
    if config.scheduler and "trail" in config.skip:
        hint = "of one account, the digests and log files of its trails are: leave --skip trail or --scheduler out"
        raise UsageError("--scheduler: nothing of this run is handed out", hint=hint)


def _zipped(pack: Path, config: Config, progress: Progress) -> Path | None:
    """Write a finished pack as one file beside it, when that is asked for."""
    if not config.zip:
        return None
    from auditor.seal.archive import pack_zip

    progress("Zip", 0, 0)
    zipped = pack.with_name(f"{pack.name}.zip")
    pack_zip(pack, zipped)
    return zipped


def _uploaded(finished: Finished, where: "Destination", request: Request, progress: Progress) -> Finished:
    """Upload a finished pack; what the bucket did not take changes the exit code alone."""
    from auditor.run.uploading import upload_pack

    def show(done: int, total: int) -> None:
        progress("Upload", done, total)

    uploaded = upload_pack(finished.pack, where, request.config, now=request.now, show=show)
    return replace(finished, uploaded=uploaded, code=NOT_DELIVERED if uploaded.error else finished.code)


def _where_to(config: Config) -> tuple["Destination | None", tuple["Target", ...]]:
    """Return where the pack goes and who is told; wrong settings are told before anything is asked.

    What most runs do without is imported only for those that ask for it.

    Raises:
        UsageError: a destination or a target is none.
    """
    where: Destination | None = None
    targets: tuple[Target, ...] = ()
    if config.upload or config.object_lock_days or config.object_lock_mode:
        from auditor.run.uploading import destination_of

        where = destination_of(config)
    if config.notify:
        from auditor.run.notifying import targets_of

        targets = targets_of(config)
    return where, targets


def _told(config: Config, targets: tuple["Target", ...], finished: Finished) -> tuple["Told", ...]:
    from auditor.run.notifying import message_of, notify

    return notify(config, targets, message_of(finished), pack=finished.pack, pack_id=finished.pack_id)

"""Tells people what a run came to, when the settings name them, and keeps a line about it beside the pack."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from auditor.base.canonical import canonical_json
from auditor.base.counts import counted
from auditor.base.period import rfc3339
from auditor.collect import accounts
from auditor.collect.guard import CallLog
from auditor.config import Config
from auditor.deliver.notify import OPERATION, Message, Target, Told, target, tell
from auditor.pack.outcome import EXIT_MEANING, headline
from auditor.run.request import Finished
from auditor.run.uploading import CUSTODY

SCHEMA = "auditor.notification/1"


def targets_of(config: Config) -> tuple[Target, ...]:
    """Return whom the settings name.

    Raises:
        UsageError: a target is none.
    """
    return tuple(target(text) for text in config.notify)


def message_of(finished: Finished) -> Message:
    """Say in a few lines what a run came to: counts, what is new, what was not looked at, and where the pack is."""
    results, gate, uploaded = finished.results, finished.gate, finished.uploaded
    names = ", ".join(account.id for account in results.run.accounts)
    period, words = results.run.period.label, EXIT_MEANING[finished.code]
    where = uploaded.place if uploaded and not uploaded.error else str(finished.pack)
    lines = [f"Audit of {names}, {period}: {words} (exit code {finished.code}).", headline(results)]
    changed: Mapping[str, int] = gate.counts if gate else {}
    if gate is not None:
        kinds = ", ".join(f"{count} {kind}" for kind, count in changed.items() if count) or "nothing changed"
        lines.append(f"Since the baseline of {gate.created:%Y-%m-%d}: {kinds}.")
    lines.append(f"Gaps: {counted(len(results.gaps), 'call')} without a complete answer.")
    if uploaded and uploaded.error:
        lines.append("The upload is not complete.")
    lines += [f"Pack: {where}", f"Manifest: {finished.manifest_sha256}"]
    facts: dict[str, Any] = {
        "schema": SCHEMA,
        "accounts": [account.id for account in results.run.accounts],
        "period": period,
        "exit_code": finished.code,
        "counts": dict(results.counts),
        "since_baseline": dict(changed) if gate else None,
        "gaps": len(results.gaps),
        "pack": where,
        "pack_id": finished.pack_id,
        "manifest_sha256": finished.manifest_sha256,
        "text": "\n".join(lines),
    }
    return Message(f"Auditor: {names[:40]} {period}: exit code {finished.code}"[:100], "\n".join(lines), facts)


def notify(
    config: Config, targets: tuple[Target, ...], message: Message, *, pack: Path, pack_id: str
) -> tuple[Told, ...]:
    """Tell everybody. The verdict is fixed by then: what cannot be told is returned and recorded, and changes nothing.

    The session is another than the run's own: it may publish to a topic and do nothing else that writes.
    """
    log, now = CallLog(asked_for=frozenset({OPERATION})), datetime.now(UTC)

    def topic(region: str) -> Any:
        session = accounts.open_session(profile=config.profile or None, region=region, log=log)
        return accounts.client(session, "sns", region)

    told = tell(targets, message, now=int(now.timestamp()), topic=topic)
    line = {
        "schema": SCHEMA,
        "pack_id": pack_id,
        "at": rfc3339(now.replace(microsecond=0)),
        "told": [item.document() for item in told],
        "calls": log.document(),
    }
    with pack.with_name(f"{pack.name}{CUSTODY}").open("ab") as file:
        file.write(canonical_json(line).rstrip(b"\n") + b"\n")
    return told

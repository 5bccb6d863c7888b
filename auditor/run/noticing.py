"""What a reader has to know before the figures of a judgement: rules, acceptances, times, where answers came from."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from auditor.base.counts import counted, first_of
from auditor.base.period import rfc3339
from auditor.catalog.load import CHOSEN, Catalog
from auditor.catalog.released import Shipped, standing
from auditor.config import Config
from auditor.evidence.answer import Record
from auditor.evidence.store import Evidence
from auditor.model import Results, RunInfo, Severity, State
from auditor.run.shared import ASKED_ONCE

_MOST_NAMED = 6


def rules_document(
    results: Results, catalog: Catalog, config: Config, shipped: Shipped | None = None
) -> dict[str, Any]:
    """Say how the rules of a judgement stand to those that shipped, and what was accepted beforehand."""
    names = [f"control {item.control.id}" for item in results.controls]
    names += [f"framework {item.id}" for item in results.frameworks if item.id != CHOSEN]
    return {
        **standing(catalog, [*names, "operations"], shipped).document(),
        "fail_on": config.fail_on.value,
        "allow": sorted(config.allow),
        "waivers": len(results.waivers),
        "attestations": len(results.attestations),
        **({"responses": len(results.responses)} if results.responses else {}),
    }


def notices(results: Results, evidence: Evidence) -> tuple[Mapping[str, str], ...]:
    """Return what the cover and whoever checks the pack have to name, each with its kind; usually nothing."""
    return tuple(
        {"kind": kind, "text": text}
        for found in (
            _of_origin(results.run),
            _of_scope(results.run),
            _of_interruptions(results.run),
            _of_rules(results),
            _of_times(results.run, evidence),
            _of_periods(results),
        )
        for kind, text in found
    )


def _of_origin(run: RunInfo) -> Iterator[tuple[str, str]]:
    local = [host for host in run.endpoints if is_local(host)]
    other = [host for host in run.endpoints if not is_local(host)]
    if local:
        yield "simulated", f"Simulated account: answers came from {_listed(local)}, not from AWS."
    if other:
        yield "endpoint", f"Answers came from {_listed(other)}, which is no address of AWS."


def _of_scope(run: RunInfo) -> Iterator[tuple[str, str]]:
    if left_out := sorted({name for account in run.accounts for name in account.left_out}):
        yield "regions-left-out", f"Enabled Regions that were not looked at: {', '.join(left_out)}."


def _of_interruptions(run: RunInfo) -> Iterator[tuple[str, str]]:
    if run.resumed:
        moments = _listed(rfc3339(moment) for moment in run.resumed)
        text = (
            f"The run was cut off and taken up again at {moments}; what it had stored was used after a check of hashes."
        )
        yield "resumed", f"{text} Our own requests that were under way when it was cut off may not be listed."


def is_local(address: str) -> bool:
    """Tell whether an endpoint is on the machine that asked."""
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _of_rules(results: Results) -> Iterator[tuple[str, str]]:
    rules = results.rules
    if changed := rules["changed"]:
        yield "rules-changed", f"Rules that are not as released: {_listed(changed)}."
    if own := rules["own"]:
        yield "own-rules", f"The user's own rules: {_listed(own)}."
    if rules["fail_on"] != Severity.INFORMATIONAL.value:
        yield "fail-on", f"Unmet criteria below severity {rules['fail_on']} do not fail the run."
    if allowed := rules["allow"]:
        yield "allowed", f"Gaps accepted by name: {_listed(allowed)}."
    waived = [item for item in results.controls for result in item.results if result.state is State.WAIVED]
    if waived:
        criteria = counted(len({item.control.id for item in waived}), "criterion", "criteria")
        yield "waived", f"Accepted by waivers: {counted(len(waived), 'result')} of {criteria}."


def _of_times(run: RunInfo, evidence: Evidence) -> Iterator[tuple[str, str]]:
    length = run.ended - run.started
    if run.as_of > run.ended + length or run.as_of < run.started - length:
        side = "after" if run.as_of > run.ended else "before"
        collected = f"{rfc3339(run.started)} to {rfc3339(run.ended)}"
        yield "as-of", f"Judged as of {rfc3339(run.as_of)}, {side} the collection ({collected})."
    if run.period.end > run.ended:
        yield "period-open", f"The period ends {rfc3339(run.period.end)}; it had not ended when evidence was collected."
    odd = [item.ref for item in evidence.records if not _begun(run, item) <= item.collected_at <= run.ended]
    if odd:
        yield "collected-outside", f"Answers that were stored before or after the collection: {_listed(odd)}."

    if later := evidence.told_later:
        named = [f"{ref} ({name} {time})" for ref, (name, time) in sorted(later.items())]
        yield "told-later", f"Answers that tell of what happened after they were given: {_listed(named)}."


def _begun(run: RunInfo, record: Record) -> datetime:
    """Return from when on an answer can be: what other accounts hold was read before this one's audit began."""
    lent = record.call.operation in ASKED_ONCE or record.account in {holder.scope.id for holder in run.holders}
    return min(run.started, run.as_of) if lent else run.started


def _of_periods(results: Results) -> Iterator[tuple[str, str]]:
    """Name what speaks of another time than the scope: log files and their events were read for one period only."""
    period = results.run.period
    same = {"start": rfc3339(period.start), "end": rfc3339(period.end)}
    told = [item for item in (*results.integrity, *results.activity) if isinstance(item.get("period"), Mapping)]
    if other := sorted({str(item.get("ref")) for item in told if not same.items() <= item["period"].items()}):
        span = f"{same['start']} to {same['end']}"
        yield "other-period", f"Answers about log files that speak of another period than {span}: {_listed(other)}."


def _listed(names: Any) -> str:
    return first_of([str(name) for name in names], _MOST_NAMED)

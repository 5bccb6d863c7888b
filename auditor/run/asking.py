"""Fills an event store in the pass that verifies the log files, for ``auditor events``: trail and events joined.

Records of a period's last minutes are delivered after its end, so the pass reads one hour more than was asked.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from threading import Event
from typing import Any, Final

from auditor import __version__
from auditor.activity.logbytes import LogBytes
from auditor.base.errors import UsageError
from auditor.base.period import Period, rfc3339
from auditor.base.whole import alone_in, refuse_sealed
from auditor.events.lookup import CANNOT_SEE, LookUp, look_up
from auditor.events.lookup import source as history_source
from auditor.events.opened import SCHEMA, EventStore, card_of, finish
from auditor.events.store import StoreWriter
from auditor.evidence.store import Evidence
from auditor.pack.layout import EVIDENCE
from auditor.run.activity import hours_of, log_bytes
from auditor.run.sharing import StoreParts
from auditor.run.trails import DIGESTS
from auditor.run.trails import EVENTS as NOTABLE
from auditor.trail.coverage import STATES
from auditor.trail.fetch import ObjectSource, Unavailable
from auditor.trail.gunzip import Damaged, inflate
from auditor.trail.names import Location
from auditor.trail.report import TrailReport, TrailScope
from auditor.trail.sharing import Shared
from auditor.trail.verify import KeySource, Progress, verify_trail

DELIVERY: Final = timedelta(hours=1)
"""How long after the period's end deliveries are still read; CloudTrail takes some five minutes."""
OTHER_KINDS: Final = ("CloudTrail-Insight", "CloudTrail-NetworkActivity", "CloudTrail-Aggregated")
REQUEST: Final = "request.json"
STATE: Final = "state"
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
        state: what changes with the objects, where that can be told at once, as of a folder; empty for none.
    """

    source: ObjectSource
    keys: KeySource
    scopes: Sequence[TrailScope]
    place: Mapping[str, Any]
    period: Period
    now: datetime
    state: str = ""

    def request(self) -> dict[str, Any]:
        """Return what decides whether a kept store answers for this."""
        trails = sorted({scope.arn for scope in self.scopes if scope.arn})  # a name means another one elsewhere
        state = {STATE: self.state} if self.state else {}
        return {"place": {**self.place, "trails": trails}, "period": self.period.document(), **state}


def open_store(
    folder: Path,
    reading: Reading,
    *,
    stop: Event,
    progress: Callable[[Progress], None] | None = None,
    concurrency: int | None = None,
    shared: Shared | None = None,
) -> EventStore:
    """Return a store filled with what was asked for; one that is there already is taken when it is for the same.

    With ``shared``, tasks read the log files and make parts of the store; its answers are the same.

    Raises:
        UsageError: the folder holds a store of something else.
        IntegrityError: the store's files were changed.
    """
    reports: list[TrailReport] = []
    missing: list[dict[str, Any]] = []

    def fill(writer: StoreWriter) -> dict[str, Any]:
        for scope in reading.scopes:
            engine = None if shared is None else replace(shared, parts=StoreParts(writer))
            reports.append(
                verify_trail(
                    reading.source,
                    reading.keys,
                    replace(scope, end=scope.end + DELIVERY),
                    now=reading.now,
                    concurrency=concurrency,
                    progress=progress,
                    stop=stop,
                    on_log=lambda log: writer.take(log_bytes(log)),
                    shared=engine,
                )
            )
            missing.extend(_read_other_kinds(reading, reports[-1], writer))
            if stop.is_set():
                raise KeyboardInterrupt
        return _card(reading, reports, missing)

    return kept_store(folder, reading.request(), fill)


def kept_store(folder: Path, wanted: Mapping[str, Any], fill: Callable[[StoreWriter], Mapping[str, Any]]) -> EventStore:
    """Return the store in a folder; filled now, where it is not finished yet.

    Args:
        folder: where it is, or is to be.
        wanted: what decides whether a store that is there answers for this.
        fill: fills it, going on from what an interrupted run left, and returns its card; ``again`` in the card
            lets the next one try what did not answer.

    Raises:
        UsageError: the folder holds something else, or somebody else is filling it.
        IntegrityError: the store's files were changed.
    """
    request = {**wanted, "auditor": __version__, "schema": SCHEMA}
    if _finished(folder, request):
        return EventStore(folder)
    refuse_sealed(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with alone_in(folder):
        if not _finished(folder, request):  # by whoever was at work in it before
            _fill(folder, request, fill)
        return EventStore(folder)


def _finished(folder: Path, request: Mapping[str, Any]) -> bool:
    held = _held(folder, request)
    card = None if held is None else card_of(folder)
    if held is None or card is None or card.get("again"):
        return False
    if held.get(STATE) != request.get(STATE):
        raise UsageError(
            f"files were added, replaced or taken away since --store {folder} was filled: it cannot answer for them",
            hint="delete the store to read anew, or ask it alone, without --dir, of what it holds",
        )
    return True


def _fill(folder: Path, request: Mapping[str, Any], fill: Callable[[StoreWriter], Mapping[str, Any]]) -> None:
    (folder / REQUEST).write_text(json.dumps(request, indent=1, sort_keys=True) + "\n", "utf-8")
    writer = StoreWriter(folder)
    try:
        card = fill(writer)
        writer.flush()
    finally:
        writer.close()
    finish(folder, card)


def _held(folder: Path, wanted: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what the store in a folder was filled from, finished or not; None where there is none yet."""
    try:
        held = json.loads((folder / REQUEST).read_bytes())
    except FileNotFoundError:
        if folder.is_dir() and any(folder.iterdir()):
            raise UsageError(f"--store {folder}: the folder is not empty, and is no event store") from None
        return None
    except ValueError:
        held = None
    if not isinstance(held, dict) or {**held, STATE: None} != {**wanted, STATE: None}:
        raise UsageError(
            f"--store {folder} was filled from another place, for another period or by another version",
            hint="give another folder, or delete this one",
        )
    return held


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
        "coverage": [hours for document in documents for hours in hours_of(document)],
        "states": dict(STATES),
        "missing": list(missing),
        "again": bool(missing) or any(state in _OPEN for report in reports for state in _states(report)),
        "cannot_see": [],
    }


_OPEN: Final = frozenset("rp")
"""States of hours that another try may answer: not read, not yet digested."""


def _states(report: TrailReport) -> set[str]:
    return {state for chain in report.chains for _, state in chain.hours}


# ------------------------------------------------------------------------------------------------ other sources


def open_history(folder: Path, asked: LookUp, progress: Callable[[str, int], None]) -> EventStore:
    """Return a store filled from Event history; see :func:`kept_store` for what is raised."""
    wanted = {
        "place": {"history": asked.account, "regions": list(asked.regions)},
        "period": {"start": rfc3339(asked.period.start), "end": rfc3339(asked.period.end)},
    }

    def fill(writer: StoreWriter) -> dict[str, Any]:
        missing = look_up(asked, writer, progress)
        return {
            "period": asked.period.document(),
            "sources": [history_source(asked)],
            "scope": {"accounts": [asked.account], "regions": list(asked.regions)},
            "missing": missing,
            "again": any(item["what"] == "source" for item in missing),
            "cannot_see": list(CANNOT_SEE),
        }

    return kept_store(folder, wanted, fill)


def open_pack(folder: Path, pack: Path) -> EventStore:
    """Return a store of what a pack keeps of the events: those that its trails' verification picked out.

    Raises:
        UsageError: it is no pack, or one without events.
        IntegrityError: a file of its evidence was changed.
    """
    if not (pack / EVIDENCE).is_dir():
        raise UsageError(f"{pack} is no pack", hint="give the folder that a run wrote")
    evidence = Evidence(pack / EVIDENCE)
    documents = [
        (record, page)
        for record in evidence.records
        if record.call.operation == NOTABLE
        for page in evidence.pages(record)
    ]
    if not documents:
        hint = "it was made with --skip events, or without a trail"
        if (pack / "accounts").is_dir():
            hint = f"it is an organization's: give the pack of one account, in {pack / 'accounts'}"
        raise UsageError(f"{pack} keeps no events", hint=hint)
    period = evidence.run.period
    missing: list[dict[str, Any]] = []

    def fill(writer: StoreWriter) -> dict[str, Any]:
        for record, page in documents:
            for log in kept_logs(page):
                writer.take(log)
            missing.append(_only_of_note(page, record.ref))
        return {
            "period": period.document(),
            "sources": [{"kind": "pack", "pack": pack.name, "evidence": [record.ref for record, _ in documents]}],
            "scope": {"accounts": [account.id for account in evidence.run.accounts]},
            **_proved(evidence),
            "missing": missing,
            "lacks": list(PACK_LACKS),
            "cannot_see": list(PACK_CANNOT_SEE),
        }

    return kept_store(folder, {"place": {"pack": str(pack.absolute())}, "period": period.document()}, fill)


def _proved(evidence: Evidence) -> dict[str, Any]:
    """Return the hours of a pack's trails as their verification found them; nothing where it was left out."""
    verified = [
        page for record in evidence.records if record.call.operation == DIGESTS for page in evidence.pages(record)
    ]
    try:
        coverage = [hours for page in verified for hours in hours_of(page)]
    except (KeyError, TypeError) as error:
        raise UsageError("the pack does not say what its trails' verification found") from error
    return {"coverage": coverage, "states": dict(STATES)} if verified else {}


PACK_CANNOT_SEE: Final = (
    "Events that were not picked out when the pack was made: a pack keeps those of note, not the log files.",
    "Requests and answers: a pack keeps who, what, when, from where and which resource.",
)


PACK_LACKS: Final = (
    *("request", "response", "additional", "service_details", "error_message", "insight", "addendum", "resource_arns"),
    *("access_key", "principal_id", "session_name", "source_identity", "on_behalf_of", "role_arn", "assumed_root"),
    *("in_scope_of", "issued_to", "session_created", "session_start", "session_mfa", "shared_event_id"),
    *("vpc_endpoint_id", "vpc_endpoint_account", "tls", "request_id", "event_version"),
)
"""Columns of the table of events that a pack's rows leave empty, or nearly so."""


def _only_of_note(page: Mapping[str, Any], ref: str) -> dict[str, Any]:
    source = page.get("source") or {}
    why = "a pack keeps the events that were picked out when it was made; all others were not searched"
    where = {"evidence": ref, "kept": len(page.get("rows") or ()), "records": source.get("records")}
    return {"what": "events", "why": why, "where": where}


def kept_logs(page: Mapping[str, Any]) -> Iterator[LogBytes]:
    """Yield the rows of note of one trail as records again, by the log file that they come from."""
    files: dict[tuple[str, bool], list[Mapping[str, Any]]] = {}
    for row in page.get("rows") or ():
        if isinstance(row, Mapping):
            files.setdefault((str(row.get("log_file")), row.get("verified") is True), []).append(_record_of(row))
    for (key, verified), records in sorted(files.items()):
        data = json.dumps({"Records": records}, sort_keys=True).encode()
        yield LogBytes("", key, "valid" if verified else "unvouched", "", sha256(data).hexdigest(), data)


_WHO: Final = re.compile(r"arn:[a-z-]+:(?:iam|sts)::(\d{12}):(?:(?:assumed-role/([^/]+)|user)/(?:.*/)?([^/]+)|.*)")


def _identity_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return who acted, with what follows from the ARN."""
    told = _WHO.fullmatch(str(row.get("actor")))
    account, role, name = told.groups() if told else (None, None, None)
    return {
        "type": row.get("actor_type"),
        "arn": row.get("actor"),
        "accountId": account,
        "userName": None if role else name,
        "invokedBy": row.get("service") or None,
        "sessionContext": {"sessionIssuer": {"userName": role}} if role else None,
    }


def _record_of(row: Mapping[str, Any]) -> dict[str, Any]:
    failed = row.get("outcome") not in {None, "", "Success"}
    sign_in = row.get("event_name") == "ConsoleLogin"
    identity = _identity_of(row)
    own_root = identity["type"] == "Root" and identity["accountId"] == row.get("account")
    by_aws = own_root and row.get("by_root") is False and not identity["invokedBy"]
    return {
        "eventType": "AwsServiceEvent" if by_aws else None,
        "eventID": row.get("event_id"),
        "eventTime": row.get("event_time"),
        "eventName": row.get("event_name"),
        "eventSource": row.get("event_source"),
        "awsRegion": row.get("region"),
        "recipientAccountId": row.get("account"),
        "userIdentity": identity,
        "sourceIPAddress": row.get("source_ip"),
        "userAgent": row.get("user_agent"),
        "errorCode": row.get("outcome") if failed and not sign_in else None,
        "errorMessage": row.get("outcome") if failed and sign_in else None,
        "responseElements": {"ConsoleLogin": "Failure" if failed else "Success"} if sign_in else None,
        "additionalEventData": {"MFAUsed": "No"} if row.get("kind") == "sign_in_without_mfa" else None,
        "requestParameters": {"name": row.get("resource")} if row.get("resource") else None,
        "readOnly": None if row.get("kind") == "root_call" else False,
        "eventCategory": "Management",
    }

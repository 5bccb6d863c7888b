"""The register of evidence: every stored answer as the pages cite it, its deciding places, and our own calls."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from auditor.base.canonical import canonical_json, plain
from auditor.evidence.answer import Record
from auditor.evidence.store import Evidence
from auditor.evidence.unanswered import OWN_ASKING
from auditor.render.anchors import Link
from auditor.render.excerpt import Excerpt, excerpt, telling_place
from auditor.render.marks import EXCEPTIONS
from auditor.render.text import NAME_LIMIT, moment, visible

ANSWERED = "answered"
"""Outcome of a call that AWS answered with something."""


@dataclass(frozen=True, slots=True)
class EvidenceItem:
    """One stored answer as the appendix lists it."""

    ref: str
    operation: str
    parameters: str
    account: str
    region: str
    principal: str
    request_id: str
    requests: int
    collected: str
    pages: int
    items: int
    sha256: str
    path: str
    outcome: str
    """``answered``, ``no such thing``, or the error code."""
    complete: bool
    absent: bool
    """Whether the answer is that there is no such thing."""
    used_by: tuple[Link, ...]
    redactions: int

    @property
    def anchor(self) -> str:
        """Where the appendix has it."""
        return self.ref.lower()


@dataclass(frozen=True, slots=True)
class EvidenceBox:
    """An evidence item inside a control's block, with the places that decided."""

    item: EvidenceItem
    excerpts: tuple[Excerpt, ...]
    more: int


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """An evidence file that travels inside formats which can carry files.

    Args:
        name: path inside the pack.
        data: its bytes, as they lie in the pack.
        description: one sentence for a reader's list of attachments.
        collected: when AWS gave the answer, aware UTC.
    """

    name: str
    data: bytes
    description: str
    collected: datetime


@dataclass(frozen=True, slots=True)
class CallCount:
    """How often one operation was called, for the table of our own calls."""

    operation: str
    answers: int
    requests: int
    accounts: int
    regions: int
    missing: int


def _used_by(controls: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Link, ...]]:
    used: dict[str, dict[str, Link]] = defaultdict(dict)
    for control in controls:
        link = Link(control["anchor"], control["id"])
        for result in control["results"]:
            for citation in result["evidence"]:
                used[citation["ref"]].setdefault(control["id"], link)
    return {ref: tuple(links.values()) for ref, links in used.items()}


def _item(record: Record, used_by: tuple[Link, ...]) -> EvidenceItem:
    parameters = plain(dict(record.call.parameters))
    found = ANSWERED
    if record.absent:
        # AWS's code for it may say something else: of Macie that is not enabled, AccessDeniedException.
        told = record.error and (record.error.message or record.error.code)
        found = f"no such thing ({visible(told, 160)})" if told else "no such thing"
    elif record.error:
        found = visible(record.error.code, 60)
    return EvidenceItem(
        ref=record.ref,
        operation=record.call.operation,
        parameters=", ".join(f"{visible(key, 60)}={_value(value)}" for key, value in parameters.items()),
        account=record.account,
        region=record.call.region,
        principal=visible(record.principal, NAME_LIMIT),
        request_id=visible(record.request_ids[0], 80) if record.request_ids else "",
        requests=len(record.request_ids),
        collected=moment(record.collected_at),
        pages=record.pages,
        items=record.items,
        sha256=record.sha256,
        path=f"evidence/{record.path}",
        outcome=found,
        complete=record.complete or record.absent,
        absent=record.absent,
        used_by=used_by,
        redactions=len(record.redactions),
    )


def _value(value: Any) -> str:
    """Write a parameter as JSON does, a plain text without quotes."""
    return visible(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 120)


_EXCERPTS_PER_BOX = 3


class Library:
    """Evidence by reference; cited pages are read when an excerpt needs them.

    Args:
        evidence: the closed evidence folder.
        controls: the results document's controls, whose citations say who used what.
    """

    def __init__(self, evidence: Evidence, controls: Sequence[Mapping[str, Any]]) -> None:
        used = _used_by(controls)
        self._evidence = evidence
        self._records = {record.ref: record for record in evidence.records}
        self.items = {ref: _item(record, used.get(ref, ())) for ref, record in self._records.items()}

    def listed(self) -> tuple[EvidenceItem, ...]:
        """List everything in the order of its references."""
        return tuple(self.items[ref] for ref in sorted(self.items, key=lambda ref: (len(ref), ref)))

    def box(self, ref: str, pointers: Sequence[str], names: Collection[str] = ()) -> EvidenceBox:
        """Show an answer with the places in it that decided about the named resources, read from its file."""
        pages = self._evidence.pages(self._records[ref])
        if not pages:
            return EvidenceBox(self.items[ref], (), 0)
        document = {"pages": list(pages)}
        places = list(dict.fromkeys(pointer for pointer in pointers if pointer)) or [telling_place(document)]
        shown = tuple(excerpt(document, pointer, names) for pointer in places[:_EXCERPTS_PER_BOX])
        return EvidenceBox(self.items[ref], shown, max(0, len(places) - _EXCERPTS_PER_BOX))


_EMBEDDED_FILES = 400
_EMBEDDED_BYTES = 4_000_000
"""A document that carries more becomes a burden; the pack beside it has every file."""

_OPEN_STATES = frozenset(state.value for state in EXCEPTIONS)


def embedded(evidence: Evidence, controls: Sequence[Mapping[str, Any]]) -> tuple[EmbeddedFile, ...]:
    """Choose the evidence files that travel inside: those that exceptions rest on first, as many as fit."""
    cited = dict.fromkeys(
        citation["ref"]
        for states in (_OPEN_STATES, None)
        for control in controls
        for result in control["results"]
        if states is None or result["state"] in states
        for citation in result["evidence"]
    )
    records = {record.ref: record for record in evidence.records}
    chosen: list[EmbeddedFile] = []
    room = _EMBEDDED_BYTES
    for ref in list(cited)[:_EMBEDDED_FILES]:
        if ref not in records:
            continue
        record = records[ref]
        data = canonical_json({"pages": list(evidence.pages(record))})
        room -= len(data)
        if room < 0:
            break
        description = f"{ref}: {record.call.operation}, {record.account}, {record.call.region}, SHA-256 {record.sha256}"
        chosen.append(EmbeddedFile(f"evidence/{record.path}", data, description, record.collected_at))
    return tuple(sorted(chosen, key=lambda item: item.name))


def outcome(record: Record) -> str:
    """Say whether a call was ``answered``, found nothing (``absent``) or is ``missing``."""
    if record.absent:
        return "absent"
    return ANSWERED if record.complete else "missing"


def call_counts(records: Sequence[Record], sent: Sequence[Mapping[str, Any]] = ()) -> tuple[CallCount, ...]:
    """Count our own calls by operation.

    Args:
        records: the stored answers.
        sent: every request of every client, by service, operation and Region; without, those that have an answer count.
    """
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.call.operation not in OWN_ASKING:
            groups[record.call.operation].append(record)
    requests: dict[str, dict[str, int]] = defaultdict(dict)
    for item in sent:
        regions = requests[visible(f"{item['service']}:{item['operation']}")]
        regions[str(item["region"])] = regions.get(str(item["region"]), 0) + int(item["requests"])
    return tuple(
        _call_count(operation, groups.get(operation, []), requests[operation] if sent else None)
        for operation in sorted({*groups, *requests})
    )


def _call_count(operation: str, members: Sequence[Record], sent: Mapping[str, int] | None) -> CallCount:
    answered = sum(max(len(record.request_ids), 1) for record in members)
    return CallCount(
        operation,
        len(members),
        answered if sent is None else sum(sent.values()),
        max(1, len({record.account for record in members})),
        len({record.call.region for record in members} or sent or ()),
        sum(outcome(record) == "missing" for record in members),
    )

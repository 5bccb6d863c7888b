"""What people accepted or stated: waivers and attestations, those that were applied and those that were not."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from auditor.base.period import parse_time
from auditor.render.text import NAME_LIMIT, visible


@dataclass(frozen=True, slots=True)
class Waiver:
    """Who accepted a failure, why and until when (the last day on which it holds)."""

    justification: str
    owner: str
    approver: str
    ticket: str
    expires: str


@dataclass(frozen=True, slots=True)
class Given:
    """A waiver or attestation as it was handed in, and what became of it.

    Args:
        kind: ``Waiver`` or ``Attestation``.
        control: id of the control.
        covers: pattern of resources, or the account; empty for everything of the control.
        words: justification or statement.
        people: who answers for it.
        date: when an attestation was made; empty for a waiver.
        until: last day on which it holds.
        ticket: where it is written down; empty for an attestation.
        attachments: name and SHA-256 of each file.
        applied: whether a result rests on it.
        notes: why not, or what to mind.
    """

    kind: str
    control: str
    covers: str
    words: str
    people: str
    date: str
    until: str
    ticket: str
    attachments: tuple[tuple[str, str], ...]
    applied: bool
    notes: str


def last_day(end: str) -> str:
    """Return the last day on which something holds that ends at an instant: people write days, documents instants."""
    if not end:
        return ""
    try:
        return f"{parse_time(end) - timedelta(seconds=1):%Y-%m-%d}"
    except ValueError:
        return visible(end, 40)


def waiver_of(document: Mapping[str, Any]) -> Waiver:
    """Prepare the waiver of one result."""
    return Waiver(
        justification=visible(document.get("justification", "")),
        owner=visible(document.get("owner", "")),
        approver=visible(document.get("approver", "")),
        ticket=visible(document.get("ticket", "")),
        expires=last_day(document.get("expires", "")),
    )


def attested(document: Mapping[str, Any] | None) -> str:
    """Say who answered a manual result, when and until when; empty when nobody did."""
    if not document:
        return ""
    person, date = visible(document.get("person", ""), 200), visible(document.get("date", ""), 40)
    until = last_day(document.get("valid_until", ""))
    said = visible(document.get("statement", ""), 2000)
    return f"criterion {document.get('criterion', '')} by the word of {person} on {date}, valid until {until}: {said}"


def given_waiver(document: Mapping[str, Any]) -> Given:
    """Prepare a waiver of the results document."""
    people = [document.get("owner", ""), document.get("approver", "")]
    account = visible(document.get("account", ""), 40)
    resource = visible(document.get("resource", ""), NAME_LIMIT)
    return Given(
        kind="Waiver",
        control=visible(document.get("control", ""), 80),
        covers=f"{resource} in {account}" if account else resource,
        words=visible(document.get("justification", "")),
        people=", ".join(dict.fromkeys(visible(name) for name in people if name)),
        date="",
        until=last_day(document.get("expires", "")),
        ticket=visible(document.get("ticket", "")),
        attachments=(),
        applied=bool(document.get("used")),
        notes="; ".join(visible(note) for note in document.get("notes", ())),
    )


def given_attestation(document: Mapping[str, Any]) -> Given:
    """Prepare an attestation of the results document."""
    statement = visible(document.get("statement", ""), 2000)
    return Given(
        kind="Attestation",
        control=visible(document.get("control", ""), 80),
        covers=visible(document.get("account", ""), 40),
        words=f"Criterion {visible(document.get('criterion', ''), 20)}: {statement}",
        people=visible(document.get("person", "")),
        date=visible(document.get("date", ""), 40),
        until=last_day(document.get("valid_until", "")),
        ticket="",
        attachments=tuple((visible(item["name"], 120), item["sha256"]) for item in document.get("attachments", ())),
        applied=bool(document.get("used")),
        notes="; ".join(visible(note) for note in document.get("notes", ())),
    )

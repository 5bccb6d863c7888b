"""What people accepted, stated or answered: waivers, attestations, responses, applied or not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from auditor.base.period import parse_time
from auditor.model import State
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
class Answer:
    """What the people in charge say to a finding: who sees to it, the last day on which it is in time, what is done."""

    owner: str
    due: str
    overdue: bool
    response: str
    ticket: str

    @property
    def when(self) -> str:
        """The day as a phrase; empty where none is named."""
        return f"{'was due' if self.overdue else 'due'} {self.due}" if self.due else ""

    @property
    def words(self) -> str:
        """Everything in one sentence, for a line of results."""
        owner = ", ".join(filter(None, (self.owner, self.when, self.ticket)))
        return f"{owner}: {self.response}"


@dataclass(frozen=True, slots=True)
class Given:
    """A waiver, an attestation or a response as it was handed in, and what became of it.

    Args:
        kind: ``Waiver``, ``Attestation``, ``Response`` or ``Accepted gap``.
        control: id of the control.
        covers: pattern of resources, or the account; empty for everything of the control.
        words: justification or statement.
        people: who answers for it.
        date: when an attestation was made; empty for others.
        until: last day on which it holds, or on which it is in time.
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

    @property
    def told(self) -> str:
        """What became of it and why, in one line; a long name comes last, where a format cuts."""
        until = f", last day {self.until}" if self.until else ""
        became = self.notes or ("applied" if self.applied else "not applied")
        return f"{self.kind} for {self.control}{until}: {became}{f' (it covers {self.covers})' if self.covers else ''}"

    @property
    def to_mind(self) -> bool:
        """Whether it was not applied, or there is something to say of it."""
        return bool(self.notes) or not self.applied


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


def answer_of(document: Mapping[str, Any] | None) -> Answer | None:
    """Prepare the response to one result; None where nobody gave one."""
    if not document:
        return None
    return Answer(
        owner=visible(document.get("owner", ""), 200),
        due=last_day(document.get("due", "")),
        overdue=bool(document.get("overdue")),
        response=visible(document.get("response", ""), 2000),
        ticket=visible(document.get("ticket", "")),
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


def given_response(document: Mapping[str, Any]) -> Given:
    """Prepare a response of the results document."""
    resource = visible(document.get("resource", ""), NAME_LIMIT)
    place = " ".join(visible(document[name], 40) for name in ("account", "region") if document.get(name))
    return Given(
        kind="Response",
        control=visible(document.get("control", ""), 80),
        covers=f"{resource} in {place}" if place else resource,
        words=visible(document.get("response", ""), 2000),
        people=visible(document.get("owner", "")),
        date="",
        until=last_day(document.get("due", "")),
        ticket=visible(document.get("ticket", "")),
        attachments=(),
        applied=bool(document.get("used")),
        notes="; ".join(visible(note) for note in document.get("notes", ())),
    )


def all_given(results: Mapping[str, Any]) -> tuple[Given, ...]:
    """Prepare everything that was handed in, in the order of its kinds."""
    return (
        *(given_waiver(item) for item in results.get("waivers", ())),
        *(given_attestation(item) for item in results.get("attestations", ())),
        *(given_response(item) for item in results.get("responses", ())),
        *_allowed(results),
    )


_ALLOW = "not-assessed:"


def _allowed(results: Mapping[str, Any]) -> Iterator[Given]:
    """Yield the gaps that were accepted by name; one that let nothing through is listed as unused."""
    open_controls = {item["id"] for item in results["controls"] for result in item["results"] if _is_gap(result)}
    if any(document.get("verdict") == "incomplete" for document in results.get("integrity", ())):
        open_controls.add("trail")
    for name in results.get("rules", {}).get("allow", ()):
        control = str(name).removeprefix(_ALLOW)
        used = control in open_controls
        yield Given(
            kind="Accepted gap",
            control=visible(control, 80),
            covers="",
            words="What could not be assessed does not make the exit code 3.",
            people="",
            date="",
            until="",
            ticket="",
            attachments=(),
            applied=used,
            notes="" if used else "unused: nothing of it was left open",
        )


def _is_gap(result: Mapping[str, Any]) -> bool:
    answered = "attestation" in result["details"]
    return result["state"] == State.NOT_ASSESSED or (result["state"] == State.MANUAL and not answered)

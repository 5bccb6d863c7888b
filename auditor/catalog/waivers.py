"""Waivers and attestations as people write them: YAML in, checked values out. Decides about no result.

A waiver accepts a failure for a while; an attestation is a person's dated answer to a manual control. Both are kept
with the pack's rules, and files attached to an attestation go into the pack with their hash.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from datetime import date as day
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from auditor.base.canonical import sha256_hex
from auditor.base.errors import UsageError
from auditor.base.given import read_given
from auditor.catalog.entries import Account, ControlId, Form, Resource, Text, day_after, entry_origin, read_entries

_ARN_PARTS = 6
_MAX_ATTACHMENT_BYTES = 25_000_000


@dataclass(frozen=True, slots=True)
class Waiver:
    """An accepted failure.

    Args:
        control: control id.
        resource: pattern over the result's resource; ``*`` and ``?`` as in a shell.
        account: twelve digits, or empty for every account.
        justification: why it is accepted.
        owner: who answers for it; empty makes a waiver of everything over-wide.
        approver: who allowed it.
        ticket: where that is written down.
        expires: the first instant at which it no longer holds, aware UTC.
        origin: file and line.
    """

    control: str
    resource: str
    account: str
    justification: str
    owner: str
    approver: str
    ticket: str
    expires: datetime
    origin: str

    @property
    def over_wide(self) -> bool:
        """True for everything of a control with nobody to answer for it."""
        return not self.owner and _names_nothing(self.resource)


def _names_nothing(pattern: str) -> bool:
    """Say whether a pattern fits everything of a kind: an ARN without a name is no narrower than an asterisk."""
    if not pattern.startswith("arn:"):
        return not pattern.strip("*?")
    *_, last = pattern.split(":", _ARN_PARTS - 1)
    name = last.partition("/")[2] if "/" in last else last.rpartition(":")[2]
    return not name.strip("*?")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that supports an attestation. ``data`` goes into the pack under its hash."""

    name: str
    sha256: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Attestation:
    """A person's dated answer to a manual control.

    Args:
        control: control id.
        account: twelve digits, or empty for every account.
        statement: what the person states.
        met: whether the criterion is met, in their judgement.
        person: who states it, with their function.
        date: when it was stated (start of that day, UTC).
        valid_until: the first instant at which it no longer holds, aware UTC.
        attachments: supporting files.
        origin: file and line.
    """

    control: str
    account: str
    statement: str
    met: bool
    person: str
    date: datetime
    valid_until: datetime
    attachments: tuple[Attachment, ...]
    origin: str


class WaiverEntry(Form):
    """One waiver as written. ``expires`` is the last day on which it holds."""

    control: ControlId
    resource: Resource
    account: Account = ""
    justification: Text
    owner: Annotated[str, Field(max_length=200)] = ""
    approver: Text
    ticket: Text
    expires: day


class WaiverFile(Form):
    """A waiver file."""

    waivers: list[WaiverEntry]


class AttestationEntry(Form):
    """One attestation as written. ``valid_until`` is the last day on which it holds."""

    control: ControlId
    account: Account = ""
    statement: Text
    criterion: Literal["met", "not met"]
    person: Text
    date: day
    valid_until: day
    attachments: tuple[str, ...] = ()


class AttestationFile(Form):
    """An attestation file."""

    attestations: list[AttestationEntry]


def load_waivers(path: Path) -> tuple[Waiver, ...]:
    """Read a waiver file.

    Raises:
        UsageError: with file and line.
    """
    file, parsed = read_entries(path, WaiverFile)
    return tuple(
        Waiver(
            **item.model_dump(exclude={"owner", "expires"}),
            owner=item.owner.strip(),
            expires=day_after(item.expires),
            origin=entry_origin(file, "waivers", index),
        )
        for index, item in enumerate(parsed.waivers)
    )


def load_attestations(path: Path) -> tuple[Attestation, ...]:
    """Read an attestation file and the files attached to it.

    Raises:
        UsageError: with file and line; also when an attached file is missing, too large or outside the file's folder.
    """
    file, parsed = read_entries(path, AttestationFile)
    return tuple(
        Attestation(
            control=item.control,
            account=item.account,
            statement=item.statement,
            met=item.criterion == "met",
            person=item.person,
            date=datetime.combine(item.date, time(), UTC),
            valid_until=day_after(item.valid_until),
            attachments=tuple(
                _attachment(path.parent, name, file.at("attestations", index)) for name in item.attachments
            ),
            origin=entry_origin(file, "attestations", index),
        )
        for index, item in enumerate(parsed.attestations)
    )


def _attachment(folder: Path, name: str, at: str) -> Attachment:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()) or path.is_symlink():
        raise UsageError(f"{at}: the attachment {name!r} is not inside the folder of the attestation file")
    try:
        data = read_given(path, _MAX_ATTACHMENT_BYTES)
    except OSError as error:
        raise UsageError(f"{at}: the attachment {name!r} cannot be read: {error.strerror or error}") from error
    return Attachment(path.name, sha256_hex(data), data)

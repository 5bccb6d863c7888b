"""Finds in a log file the records that may be of note, so that only those are read; the others are counted. Pure.

What is found is a superset: a record is passed over only where its name and its identity show that it is of no note.
Files that are not of the usual form are read as a whole.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from auditor.activity.calls import CALLS, INGRESS_CALLS, without_version
from auditor.activity.split import Plain, Unsplittable, plain_lines, split
from auditor.base.doubled import first_counts

_WANTED: Final = frozenset((*(name for _, name in CALLS), *INGRESS_CALLS, "ConsoleLogin"))
_VERSIONED: Final = frozenset("0123456789_v")
"""How the name of a call with an API version may end."""


class _Who(msgspec.Struct, gc=False):
    type: str | None = None


class _Head(msgspec.Struct, gc=False):
    """What of a record shows that it is of no note."""

    eventName: str | None = None  # noqa: N815 - as CloudTrail spells it
    userIdentity: _Who | None = None  # noqa: N815


class _Envelope(msgspec.Struct, gc=False):
    Records: list[_Head]


_decoder: Final = msgspec.json.Decoder(_Envelope)


@dataclass(frozen=True, slots=True)
class Candidates:
    """What one log file holds.

    Args:
        count: its records; None where they cannot be read all.
        records: those that may be of note, whatever they are; of a file that cannot be read, what can be.
        plain: all records as lines, where they were split for this.
    """

    count: int | None
    records: tuple[Any, ...]
    plain: Plain | None = None


def candidates(data: bytes) -> Candidates:
    """Return the records of a log file that may be of note.

    Args:
        data: its inflated bytes.
    """
    heads = _heads(data)
    if heads is not None:
        places = [place for place, head in enumerate(heads) if _may_be_of_note(head)]
        if not places:
            return Candidates(len(heads), ())
        if plain := plain_lines(data):
            lines = plain[0].split(b"\n")
            found = [_read(lines[place]) for place in places]
            if None not in found:
                return Candidates(len(heads), tuple(found), plain)
    records = _all_of(data)
    return Candidates(None, tuple(_apart(data))) if records is None else Candidates(len(records), tuple(records))


def _heads(data: bytes) -> Sequence[_Head] | None:
    """Return the heads of all records; None where one has another form, or where a strict reader would refuse any."""
    try:
        return _decoder.decode(data).Records if _is_utf8(data) else None
    except (msgspec.MsgspecError, RecursionError):
        return None


def _may_be_of_note(head: _Head) -> bool:
    name = head.eventName or ""
    if name in _WANTED or (head.userIdentity is not None and head.userIdentity.type == "Root"):
        return True
    return name[-1:] in _VERSIONED and without_version(name) in _WANTED


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _read(text: bytes | bytearray) -> Any:
    """Return a value; None when it cannot be read.

    A caller's text may hold half of a character, escaped: faster readers refuse that. Of a name that stands twice the
    first value counts, as it does where the store of events is asked.
    """
    try:
        return json.loads(text, object_pairs_hook=first_counts)
    except (ValueError, RecursionError):
        return None


def _all_of(data: bytes) -> list[Any] | None:
    document = _read(data)
    records = document.get("Records") if isinstance(document, dict) else None
    return records if isinstance(records, list) else None


def _apart(data: bytes) -> Iterator[Any]:
    """Yield what can be read of a file that cannot be read as a whole: one record must not hide its neighbours."""
    try:
        parts = split(data).records
    except Unsplittable:
        return
    for part in parts:
        record = _read(bytes(part).decode("utf-8", "replace").encode())
        if isinstance(record, dict):
            yield record

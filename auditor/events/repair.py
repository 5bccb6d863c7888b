"""Looks at one record that the quick readers refuse: makes a readable line of it, or says why it is none. Pure.

Two readers must not see two events in one record: a name that stands twice is refused, never resolved.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import orjson

from auditor.activity.split import RECORD_LIMIT
from auditor.base.doubled import doubled_names, marked
from auditor.events.columns import SHAPE

DEPTH_LIMIT: Final = 200
DIGITS: Final = 4_000
"""Digits of an integer that are read: Python itself reads few more."""


class Unreadable(Exception):  # noqa: N818 - a state of a record, counted and named
    """The record cannot become a row."""


def repaired(record: bytes) -> tuple[bytes, str]:
    """Return a record as one line of strict JSON in the expected shape, and what was done to it.

    Args:
        record: the bytes of one element of ``Records``.

    Returns:
        The line, and words that name the change; empty when there is none beside spelling.

    Raises:
        Unreadable: nothing can be made of it; the message says why.
    """
    if len(record) > RECORD_LIMIT:
        raise Unreadable(f"a record of more than {RECORD_LIMIT >> 20} MiB")
    notes: list[str] = []
    try:
        text = record.decode("utf-8")
    except UnicodeDecodeError:
        text = record.decode("utf-8", "replace")
        notes.append("invalid UTF-8 replaced")
    document = _parsed(text)
    if not isinstance(document, dict):
        raise Unreadable(f"a record that is no object but {_kind(document)}")
    _refuse_doubled(document)
    notes += _shaped(document, SHAPE, "")
    if "\\u" in text:
        clean = _without_halves(document)
        if clean != document:
            document = clean
            notes.append("half of a character replaced")
    try:
        return orjson.dumps(document), ", ".join(notes)
    except (TypeError, orjson.JSONEncodeError):  # an integer beyond 64 bits
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(), ", ".join(notes)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=marked, parse_constant=_no_number, parse_int=_whole, strict=True)
    except RecursionError as error:
        raise Unreadable("a record nested too deeply") from error
    except ValueError as error:
        raise Unreadable("a record that is no JSON") from error


def _refuse_doubled(document: dict[str, Any]) -> None:
    try:
        twice = next(doubled_names(document), "")
    except RecursionError as error:
        raise Unreadable("a record nested too deeply") from error
    if twice:
        raise Unreadable(f"a record with one name twice in {twice.rpartition('.')[0] or 'it'}")


def _no_number(text: str) -> Any:
    raise Unreadable(f"a record with {text}, which is no number")


def _whole(digits: str) -> int:
    if len(digits) > DIGITS:
        raise Unreadable(f"a record with a number of more than {DIGITS:,} digits")
    return int(digits)


def _kind(value: object) -> str:
    if value is None:
        return "null"
    return {"str": "a text", "list": "a list", "bool": "true or false"}.get(type(value).__name__, "a number")


def _without_halves(value: Any, depth: int = 0) -> Any:
    if depth > DEPTH_LIMIT:
        raise Unreadable("a record nested too deeply")
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_without_halves(name): _without_halves(inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_halves(inner, depth + 1) for inner in value]
    return value


def _shaped(document: dict[str, Any], shape: Mapping[str, Any], where: str) -> list[str]:
    """Take out what stands where an object is expected and is none; return what was taken out."""
    notes = []
    for name, inner in shape.items():
        value = document.get(name)
        if inner is None or value is None:
            continue
        if not isinstance(value, dict):
            document[name] = None
            notes.append(f"{where}{name} is {_kind(value)}, not an object")
        else:
            notes += _shaped(value, inner, f"{where}{name}.")
    return notes

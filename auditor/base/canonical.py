"""Canonical JSON (RFC 8785) and SHA-256: the one byte form in which values are stored and hashed. Touches no file."""

import base64
import contextlib
import hashlib
import json
import marshal
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import orjson
import rfc8785

from auditor.base.period import rfc3339

_SAFE_INTEGER = 2**53 - 1
"""RFC 8785 numbers are IEEE 754 doubles; larger integers are kept as text."""


_OPTIONS: Final = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_STRICT_INTEGER
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)
_KINDS: Final = bytes.maketrans(b"[123456789eE", b",000000000..")
"""Folds what begins a value, digits, and what makes a number a fraction: one literal is found faster than a class."""
_NUMBERS: Final = (re.compile(rb",-?0+\."), re.compile(rb'":-?0+\.'))
"""A fraction or an exponent, folded. RFC 8785 spells them in its own way; the like of it may stand inside a text, but
not the seconds of a time, which follow digits and a colon."""
_BARE: Final = frozenset(b"-0123456789")
_ASTRAL: Final = re.compile(rb"[\xf0-\xf4]")
"""Beyond the Basic Multilingual Plane: RFC 8785 sorts keys by UTF-16, orjson by code point."""
_TEXT: Final = re.compile(rb'"(?:[^"\\]|\\.)*"')


def canonical_json(value: Any) -> bytes:
    """Return the RFC 8785 bytes of a JSON value, with a closing newline so that text tools are content.

    Raises:
        ValueError: the value holds something JSON cannot carry (NaN, lone surrogates).
    """
    return _written(value) + b"\n"


class InPieces(dict[str, Any]):
    """An object whose members are written one after the other; a member may be an iterator, which is a list then."""


def canonical_pieces(value: Any) -> Iterator[bytes]:
    """Yield the bytes of ``canonical_json`` piece by piece, so that nobody holds the whole of a long list.

    Args:
        value: a JSON value, an ``InPieces``, or an iterator over any of the three.

    Raises:
        ValueError: the value holds something JSON cannot carry; what was yielded before is the beginning of nothing.
    """
    yield from _pieces(value)
    yield b"\n"


def _pieces(value: Any) -> Iterator[bytes]:
    if isinstance(value, InPieces):
        opened = b"{"
        for key in sorted(value, key=lambda name: name.encode("utf-16-be")):
            yield opened + _written(key) + b":"
            yield from _pieces(value[key])
            opened = b","
        yield b"{}" if not value else b"}"
    elif isinstance(value, Iterator):
        opened = b"["
        for item in value:
            yield opened
            yield from _pieces(item)
            opened = b","
        yield b"[]" if opened == b"[" else b"]"
    else:
        yield _written(value)


def _written(value: Any) -> bytes:
    return _quick(value) or rfc8785.dumps(value)


def _quick(value: Any) -> bytes:
    """Return the same bytes from compiled code; empty where that could write others, or knows no way."""
    try:
        data = orjson.dumps(value, option=_OPTIONS)
    except orjson.JSONEncodeError:
        return b""
    if data[0] in _BARE or (not data.isascii() and _ASTRAL.search(data)):
        return b""
    if _may_hold_fraction(data) and _may_hold_fraction(_TEXT.sub(b'""', data)):
        return b""
    # orjson writes null for what is not a number; the slow way refuses it.
    return b"" if b"null" in data and _holds_no_number(value) else data


def _may_hold_fraction(data: bytes) -> bool:
    folded = data.translate(_KINDS)
    return any(number.search(folded) for number in _NUMBERS)


def _holds_no_number(value: Any) -> bool:
    """Say whether a value that has no fractions holds an infinity or what is not a number.

    Marshal writes a fraction as its eight bytes, in a fifth of the time; where no two bytes look like the end of one
    that is not finite, there is none. What looks like it may be a negative integer, so that is looked at again.
    """
    with contextlib.suppress(ValueError):  # of another kind, or too deep
        data = marshal.dumps(value, _PLAIN_FLOATS)
        if not (b"\x7f" in data or b"\xff" in data) or not _NOT_FINITE.search(data):
            return False
    try:
        _STRICT.encode(value)
    except ValueError:
        return True
    except TypeError:
        return _holds_fraction(value)
    return False


_PLAIN_FLOATS: Final = 2
"""The version of marshal's format that writes fractions as bytes, and no value as a reference to an equal one."""
_NOT_FINITE: Final = re.compile(rb"[\xf0-\xff][\x7f\xff]")
"""How a double ends, little end first, whose exponent has all bits set (IEEE 754-2019, 3.4)."""
_STRICT: Final = json.JSONEncoder(allow_nan=False, ensure_ascii=False)
"""Refuses what is not a number, in compiled code; its bytes are not used."""


def _holds_fraction(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_fraction(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_holds_fraction(item) for item in value)
    return isinstance(value, float)


def plain(value: Any) -> Any:  # noqa: PLR0911 - one line for each kind of value
    """Turn a value parsed by the SDK into plain JSON.

    Times become RFC 3339 in UTC; bytes become text where they are UTF-8 and ``{"base64": ...}`` otherwise; integers
    beyond 2**53 become text; lone surrogates become the replacement character.
    """
    match value:
        case None | bool() | float():
            return value
        case str():
            return value.encode("utf-8", "replace").decode("utf-8")
        case int():
            return value if -_SAFE_INTEGER <= value <= _SAFE_INTEGER else str(value)
        case datetime():
            return rfc3339(value)
        case bytes():
            return _plain_bytes(value)
        case Mapping():
            return {plain(str(key)): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no JSON form")


def carried(value: Any) -> Any:
    """Return a JSON value as it is, or, where JSON could not carry its texts, with replacement characters in them.

    Half of a surrogate pair comes from JSON that stands inside a text of AWS, such as a policy.
    """
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return plain(value)
    return value


def _plain_bytes(value: bytes) -> Any:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode("ascii")}


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of ``data`` in lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()

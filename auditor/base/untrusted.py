"""Bounds what anybody may have written: no small JSON or zip may take gigabytes of memory. Touches no file."""

import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

import orjson

from auditor.base.counts import counted

MOST_VALUES = 10_000_000
"""In one document; each takes some 150 bytes of memory, however few it takes in the file."""

ZIP_ERRORS = (
    zipfile.BadZipFile, RuntimeError, zlib.error, EOFError, struct.error, UnicodeError, ValueError,
    OverflowError, OSError,
)  # fmt: skip
"""What zipfile and zlib raise on archives made to break them; anything else is a fault of ours."""

ZIP_RATIO = 200
ZIP_FREE_BYTES = 64 << 20
"""An archive that unpacks to more bytes than these, and to more than so many times its size, is a bomb."""


def bounded_json(data: bytes, most: int = MOST_VALUES) -> bytes:
    """Return a JSON document as it is when it cannot hold more than so many values.

    Raises:
        ValueError: it may hold more.
    """
    values = sum(data.count(mark) for mark in (b",", b"[", b"{"))  # what stands before a value, except before the first
    if values > most:
        raise ValueError(f"it may hold {counted(values, 'value')}; at most {most:,} are read")
    return data


def shape_words(error: Exception) -> str:
    """Say what is wrong with the shape of a document, without the interpreter's words for it."""
    if isinstance(error, KeyError):
        return f"it lacks {str(error)[:100]}"
    if isinstance(error, TypeError | AttributeError | RecursionError):
        return "a member of it has another type"
    return str(error)[:300]


def parse_json(data: bytes, most: int = MOST_VALUES) -> Any:
    """Parse a JSON document.

    Raises:
        ValueError: it is malformed, or may hold more values than ``most``.
    """
    return orjson.loads(bounded_json(data, most))


def members_of(item: Mapping[str, Any], kind: type, name: str) -> Mapping[str, Any]:
    """Return an object whose members are among those of a dataclass.

    Raises:
        ValueError: it has another one, or lacks one that has no default.
    """
    known = {each.name: each for each in fields(kind)}
    needed = {each.name for each in known.values() if each.default is MISSING and each.default_factory is MISSING}
    if odd := sorted((item.keys() - known.keys()) | (needed - item.keys())):
        raise ValueError(f"{name} lacks, or should not have, {', '.join(map(str, odd))[:200]}")
    return item

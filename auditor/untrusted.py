"""Reads JSON that anybody may have written: no small file may take gigabytes of memory. Touches no file."""

from typing import Any

import orjson

MOST_VALUES = 10_000_000
"""In one document; each takes some 150 bytes of memory, however few it takes in the file."""


def bounded_json(data: bytes, most: int = MOST_VALUES) -> bytes:
    """Return a JSON document as it is when it cannot hold more than so many values.

    Raises:
        ValueError: it may hold more.
    """
    values = sum(data.count(mark) for mark in (b",", b"[", b"{"))  # what stands before a value, except before the first
    if values > most:
        raise ValueError(f"it may hold {values:,} values; at most {most:,} are read")
    return data


def parse_json(data: bytes, most: int = MOST_VALUES) -> Any:
    """Parse a JSON document.

    Raises:
        ValueError: it is malformed, or may hold more values than ``most``.
    """
    return orjson.loads(bounded_json(data, most))

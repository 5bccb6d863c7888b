"""Readers of single members of a record; whatever has another form than documented is absent."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from auditor.base.period import parse_time

SHORT: Final = 300
"""Longest text taken from a record: enough for any ARN, too little to swamp a report."""

Map = Mapping[str, Any]


def member(value: Any, *names: str) -> Map:
    """Return a mapping inside a mapping; empty where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def requested(record: Map, name: str = "requestParameters") -> Map:
    """Return the request of a record, or its answer; empty where CloudTrail omitted it, for its length."""
    told = member(record, name)
    return {} if told.get("omitted") is True else told


def items(value: Any) -> list[Any]:
    """Return a list as CloudTrail writes it: a JSON array, EC2's ``{"items": [...]}``, or one thing alone."""
    if isinstance(value, Mapping) and "items" in value:
        value = value["items"]
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, Mapping) and value else []


def maps(value: Any) -> list[Map]:
    """Return the mappings of a list."""
    return [item for item in items(value) if isinstance(item, Mapping)]


def texts(value: Any) -> list[str]:
    """Return the texts of a list, or one text as a list."""
    return [value] if isinstance(value, str) else [item for item in items(value) if isinstance(item, str)]


def flag(value: Any) -> bool | None:
    """Return a Boolean, also where it is written as text; None for anything else."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else None


def text(value: Any) -> str:
    """Take a text out of a record: bounded, without control characters, and only where it is one."""
    if not isinstance(value, str):
        return ""
    clean = "".join(letter if letter.isprintable() else "\ufffd" for letter in value[:SHORT])
    return clean + "..." if len(value) > SHORT else clean


def moment(value: Any) -> datetime | None:
    """Return a time, aware UTC; None where it is none."""
    try:
        return parse_time(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


def found(value: Any, *names: str, depth: int = 6) -> Iterator[Any]:
    """Yield every value that stands under one of the names, at any depth."""
    if depth and isinstance(value, Mapping):
        for name, inner in value.items():
            if name in names:
                yield inner
            yield from found(inner, *names, depth=depth - 1)
    elif depth and isinstance(value, list):
        for inner in value:
            yield from found(inner, *names, depth=depth - 1)

"""Reads values as AWS takes them: quoted booleans and numbers, one item for a list, either form of dimensions."""

from collections.abc import Iterable, Mapping
from typing import Any

from auditor.monitoring.infrastructure.values import Unknown


def truth(value: Any) -> bool | None:
    """Read a boolean, quoted or not; None for anything else."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.strip().lower()) if isinstance(value, str) else None


def number(value: Any) -> float | None:
    """Read a number, quoted or not; None for anything else."""
    try:
        return float(value) if isinstance(value, str | int | float) else None
    except ValueError:
        return None


def whole(value: Any, otherwise: int) -> int:
    """Read a whole number; ``otherwise`` for none."""
    found = number(value)
    return int(found) if found is not None and abs(found) < 1e12 and found >= 1 else otherwise  # noqa: PLR2004


def text(value: Any, otherwise: str) -> str:
    """Return a value as a text; ``otherwise`` for none and for an open one."""
    return otherwise if value is None or isinstance(value, Unknown) else str(value)


def listed(value: Any) -> list[Any]:
    """Return a list, or the one value as a list; none for none and for an open one."""
    if isinstance(value, list | tuple):
        return list(value)
    return [] if value is None or isinstance(value, Unknown) else [value]


def inner(value: Any) -> Mapping[str, Any]:
    """Return a nested object; Terraform writes a block as a list of one."""
    first = value[0] if isinstance(value, list) and value else value
    return first if isinstance(first, Mapping) else {}


def dimension_names(dimensions: Any) -> Iterable[str]:
    """Return the names of dimensions, in the form of either tool."""
    if isinstance(dimensions, Mapping):
        return map(str, dimensions)
    return (str(one.get("Key") or one.get("Name")) for one in listed(dimensions) if isinstance(one, Mapping))


def dimensions_of(dimensions: Any) -> tuple[tuple[str, str], ...]:
    """Return names and values of dimensions, in the form of either tool."""
    if isinstance(dimensions, Mapping):
        return tuple(sorted((str(name), str(value)) for name, value in dimensions.items()))
    return tuple(
        sorted((str(one.get("Name")), str(one.get("Value"))) for one in listed(dimensions) if isinstance(one, Mapping))
    )

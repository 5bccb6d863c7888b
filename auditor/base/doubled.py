"""Marks JSON objects in which a name stands twice: two readers see two values there, and neither is wrong."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from auditor.base.untrusted import MOST_VALUES, bounded_json


class Doubled(dict[str, Any]):
    """An object in which names stand twice; the last value counts."""

    names: tuple[str, ...] = ()


def marked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of its members, for ``object_pairs_hook``; a :class:`Doubled` where a name stands twice."""
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    doubled, names = Doubled(found), [name for name, _ in pairs]
    doubled.names = tuple(name for name in found if names.count(name) > 1)
    return doubled


def first_counts(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of its members, for ``object_pairs_hook``, as DuckDB reads it: the first of a name counts."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else dict(reversed(pairs))


def parse_marked(data: bytes) -> Any:
    """Parse a JSON document with such objects marked.

    Raises:
        ValueError: it is malformed, or may hold too many values.
        RecursionError: it is nested too deeply.
    """
    return json.loads(bounded_json(data, MOST_VALUES), object_pairs_hook=marked, parse_constant=_no_number)


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def doubled_names(value: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of the names that stand twice."""
    if isinstance(value, Doubled):
        yield from (f"{path}{name}" for name in value.names)
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from doubled_names(inner, f"{path}{name}.")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from doubled_names(inner, f"{path.removesuffix('.')}[{number}].")

"""Compares a document of a pack with the one that is derived again: every difference by path, what was and what is.

Judges nothing itself. What comes from strangers may have any shape.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from reprlib import Repr
from typing import Any

_MOST = 120
"""Characters of a value in a difference."""
_MOST_CHANGES = 100
"""Differences that are named in one document; a forged one may have millions."""

_SHORT = Repr()
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxdict, _SHORT.maxstring = 4, 20, 20, 200

_NAMES = (("account", "region", "resource", "frameworks"), ("id",), ("path",), ("ref",), ("object",))
"""Members that tell the items of a list apart, the most telling first."""

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Args:
        path: where in the document, such as ``/controls[iam-root-mfa]/state``.
        was: what the pack says, in short; ``nothing`` when it says nothing.
        now: what is derived again, in short.
    """

    path: str
    was: str
    now: str

    def __str__(self) -> str:
        return f"{self.path or '/'} was {self.was}, is {self.now}"


def differences(was: Any, now: Any) -> tuple[Change, ...]:
    """Name what differs between two JSON values; of very many differences, the first.

    Args:
        was: what the pack says; comes from strangers.
        now: what follows from its evidence and rules.
    """
    return tuple(islice(_changes("", was, now), _MOST_CHANGES))


def _changes(path: str, was: Any, now: Any) -> Iterator[Change]:
    """Walk both values side by side; what a stranger nested too deeply is one difference."""
    waiting = [(path, was, now)]
    while waiting:
        here, before, after = waiting.pop()
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            parts = [(f"{here}/{_text(key)}", before.get(key, _ABSENT), after.get(key, _ABSENT))
                     for key in sorted({*before, *after}, key=str)]  # fmt: skip
        elif isinstance(before, list) and isinstance(after, list):
            parts = list(_items(here, before, after))
        elif before is after or (type(before) is type(after) and before == after):
            continue
        else:
            yield Change(here, _brief(before), _brief(after))
            continue
        waiting.extend(reversed(parts))


def _items(path: str, was: list[Any], now: list[Any]) -> Iterator[tuple[str, Any, Any]]:
    names = next((names for names in _NAMES if _told_apart(was, names) and _told_apart(now, names)), None)
    if names is None or not (was or now):
        for number in range(max(len(was), len(now))):
            yield (
                f"{path}/{number}",
                was[number] if number < len(was) else _ABSENT,
                now[number] if number < len(now) else _ABSENT,
            )
        return
    before, after = ({_key(item, names): item for item in items} for items in (was, now))
    for key in dict.fromkeys((*after, *before)):
        yield f"{path}[{key}]", before.get(key, _ABSENT), after.get(key, _ABSENT)
    if before.keys() == after.keys() and list(before) != list(after):
        yield f"{path}: its order", " ".join(before), " ".join(after)


def _told_apart(items: list[Any], names: tuple[str, ...]) -> bool:
    if not all(isinstance(item, Mapping) and all(name in item for name in names) for item in items):
        return False
    return len({_key(item, names) for item in items}) == len(items)


def _key(item: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return " ".join(_text(item[name]) for name in names if item[name] not in ("", []))


def _text(value: Any) -> str:
    """Write a value; what a stranger nested too deeply is cut."""
    return value if isinstance(value, str) else _SHORT.repr(value)


def _brief(value: Any) -> str:
    if value is _ABSENT:
        return "nothing"
    text = _text(value)
    return text if len(text) <= _MOST else f"{text[:_MOST]}..."

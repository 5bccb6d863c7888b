"""Cuts the few lines out of an answer that show why a result says what it says, with the deciding value set apart."""

import csv
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from auditor.base.pointer import resolve
from auditor.render.text import visible

_LINES = 6
"""Members shown around the deciding one."""

_MEMBERS = 4
"""Lines of a list that decides as a whole, however short an excerpt is."""

_VALUE_LIMIT = 150

_LEAST = 10
"""Characters of a long value that are always shown."""

_INLINE = 8
"""A list or object with more members than this is only counted."""

_TELLING = ("name", "arn", "id", "user", "state", "status", "enabled", "key")
"""Parts of member names that say which thing an object is; such members come first when not all fit."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an excerpt. ``value`` is what is set in bold when ``deciding``."""

    key: str
    value: str
    deciding: bool


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A place in an answer.

    Args:
        where: its JSON pointer.
        lines: its members, or as many as are shown.
        left_out: how many are not.
        whole: whether the list decides as a whole, so that its members say what it is.
    """

    where: str
    lines: tuple[Line, ...]
    left_out: int
    whole: bool = False

    @property
    def deciding(self) -> bool:
        """Whether one of the lines is what the result rests on."""
        return any(line.deciding for line in self.lines)

    def cut(self, most: int) -> "Excerpt":
        """Return the same place in fewer lines; the deciding ones stay, and of a list some of its members."""
        room = max(0, max(most, _MEMBERS if self.whole else 0) - sum(line.deciding for line in self.lines))
        others = [number for number, line in enumerate(self.lines) if not line.deciding][:room]
        kept = tuple(line for number, line in enumerate(self.lines) if line.deciding or number in others)
        return replace(self, lines=kept, left_out=self.left_out + len(self.lines) - len(kept))


def excerpt(document: Any, pointer: str, names: Collection[str] = ()) -> Excerpt:
    """Show the value at a JSON pointer among its neighbours.

    A pointer that leads nowhere gives an excerpt without lines: the verdict may rest on an absent member.

    Args:
        document: the answer.
        pointer: into it.
        names: resources that the result is about; in a table, their rows are those that decide.
    """
    parent, _, last = pointer.rpartition("/")
    try:
        target = resolve(document, pointer)
    except KeyError:
        return _absent(document, parent, last)
    if isinstance(target, str) and _is_table(target):
        return _table(visible(pointer), target, names)
    if isinstance(target, Mapping) and isinstance(table := target.get("Content"), str) and _is_table(table):
        return _table(visible(f"{pointer}/Content"), table, names)
    if whole := _whole(visible(pointer), target):
        return whole
    if parent and _is_scalar(target):
        around = resolve(document, parent)
        if isinstance(around, Mapping):
            return _members(visible(parent), around, last.replace("~1", "/").replace("~0", "~"))
    return Excerpt(visible(pointer), (Line("", _short(target), deciding=bool(pointer)),), 0)


_DEPTH = 4


def telling_place(document: Any) -> str:
    """Return where to look in an answer that nobody pointed into: the first object with members worth showing."""
    pointer, value = "/pages/0", document["pages"][0]
    for _ in range(_DEPTH):
        if isinstance(value, Mapping) and len(value) == 1:
            name, value = next(iter(value.items()))
            pointer = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        elif isinstance(value, list) and value:
            pointer, value = f"{pointer}/0", value[0]
        else:
            break
    return pointer


def _absent(document: Any, parent: str, last: str) -> Excerpt:
    line = Line(visible(last), "is not in the answer", deciding=True)
    try:
        around = resolve(document, parent)
    except KeyError:
        around = None
    if not isinstance(around, Mapping):
        return Excerpt(visible(parent), (line,), 0)
    found = _members(visible(parent), around, "")
    return Excerpt(found.where, (*found.lines, line), found.left_out)


def _is_table(text: str) -> bool:
    head, _, rest = text.partition("\n")
    return bool(rest) and head.count(",") > 1 and _CSV_HEAD.fullmatch(head) is not None


_CSV_HEAD = re.compile(r"[a-z0-9_]+(,[a-z0-9_]+)+\r?")
_CSV_ROWS = 6
_ROW_LIMIT = 400
_CSV_COLUMNS = (
    ("password_enabled", ("password_last_used",)),
    ("mfa_active", ()),
    ("access_key_1_active", ("access_key_1_last_rotated", "access_key_1_last_used_date")),
    ("access_key_2_active", ("access_key_2_last_rotated", "access_key_2_last_used_date")),
)
"""Columns of the IAM credential report that say whether something is on, each with those that tell more of it then."""


def _table(where: str, text: str, names: Collection[str] = ()) -> Excerpt:
    """Show rows of the credential report, first of all those of the users that the result is about."""
    rows = list(csv.DictReader(text.splitlines()))
    named = _named([row.get("user") or "" for row in rows], names)
    told = [(row, (row.get("user") or "") in named) for row in rows]
    chosen = sorted(told, key=lambda pair: not pair[1])[:_CSV_ROWS]
    lines = tuple(
        Line(visible(row.get("user") or "", 60), visible(", ".join(_credentials(row)), _ROW_LIMIT), deciding=own)
        for row, own in chosen
    )
    return Excerpt(where, lines, max(0, len(rows) - _CSV_ROWS))


def _credentials(row: Mapping[str, Any]) -> Iterator[str]:
    """Say what a user signs in with; of what is off only that it is."""
    for switch, further in _CSV_COLUMNS:
        for name in (switch, *(further if row.get(switch) == "true" else ())):
            if row.get(name):
                yield f"{name} {row[name]}"


def _named(users: Collection[str], names: Iterable[str]) -> set[str]:
    """Return the users that some resources are: by the whole name, or by what follows one of its slashes."""
    known = set(users) - {""}
    longest = max(map(len, known), default=0)
    found: set[str] = set()
    for name in names:
        if name in known:
            found.add(name)
        at = name.rfind("/")
        while at >= 0 and len(name) - at - 1 <= longest:
            if name[at + 1 :] in known:
                found.add(name[at + 1 :])
            at = name.rfind("/", 0, at)
    return found


def _whole(where: str, value: Any) -> Excerpt | None:
    """Show an object, or a list of objects, that decides as a whole; None for anything else."""
    if isinstance(value, Mapping) and value:
        return _members(where, value, "")
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        return _items(where, value)
    return None


def _members(where: str, value: Mapping[str, Any], deciding: str) -> Excerpt:
    names = list(value)
    chosen = set(_chosen(names, deciding))
    lines = tuple(
        Line(visible(name, 60), _short(value[name]), deciding=name == deciding) for name in names if name in chosen
    )
    return Excerpt(where, lines, len(names) - len(lines))


_SAID = ("pattern", "status", "state", "enabled", "arn", "id")
"""Parts of the names of members that say, beside its name, what a listed thing is about."""


def _items(where: str, items: Sequence[Mapping[str, Any]]) -> Excerpt:
    """Show a list that decides as a whole, such as one in which something is missing: its length, then its members."""
    lines = [Line("", f"{len(items):,} in the list", deciding=True)]
    for item in items[:_LINES]:
        scalars = {name: value for name, value in item.items() if _is_scalar(value)}
        name = next((key for key in scalars if key.lower().endswith("name")), next(iter(scalars), ""))
        told = next((key for part in _SAID for key in scalars if part in key.lower() and key != name), "")
        words = f"{told}: {_short(scalars[told])}" if told else _said(item, name)
        title = "" if told or not name or name.lower().endswith("name") else f"{name} "
        lines.append(Line(visible(f"{title}{scalars.get(name, '')}", 60), words, deciding=False))
    return Excerpt(where, tuple(lines), max(0, len(items) - _LINES), whole=True)


def _said(item: Mapping[str, Any], name: str) -> str:
    """Write the members of a listed thing that hold something, such as who may reach a port; one is its name."""
    told = (f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in item.items() if _holds(value))
    return visible(", ".join(text for text in told if not text.startswith(f"{name}:")), _VALUE_LIMIT) or "nothing else"


def _holds(value: Any) -> bool:
    return value is not None and value not in ("", [], {})


def _chosen(names: Sequence[str], deciding: str) -> list[str]:
    if len(names) <= _LINES:
        return list(names)
    telling = [name for name in names if any(part in name.lower() for part in _TELLING)]
    ordered = dict.fromkeys([*([deciding] if deciding in names else []), *telling, *names])
    return list(ordered)[:_LINES]


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | bool | int | float)


def _short(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Mapping | list | tuple) and len(value) > _INLINE:
        kind = "members" if isinstance(value, Mapping) else "items"
        return f"{len(value):,} {kind}"
    text = json.dumps(value, ensure_ascii=False)
    return visible(text, _VALUE_LIMIT + 40)


def _quoted(value: str) -> str:
    """Write a text with what JSON escapes in it, cut once: what is left of it is said in characters of the text."""
    limit, most = _VALUE_LIMIT, _VALUE_LIMIT + 40
    while len(text := json.dumps(visible(value, limit), ensure_ascii=False)) > most and limit > _LEAST:
        limit -= _LEAST
    return text

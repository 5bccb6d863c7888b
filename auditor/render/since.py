"""What changed since the pack before: a sentence for the first page, a table for the chapter on criteria not met."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.base.counts import counted, first_of
from auditor.base.period import parse_time
from auditor.model import Severity
from auditor.pack.comparison import Change
from auditor.render.controls import Control
from auditor.render.text import NAME_LIMIT, moment, visible

_SAID = (Change.NEW, Change.WORSE, Change.KNOWN, Change.FIXED, Change.UNREADABLE)
"""Kinds that the first page counts, also when there is none."""

_ALSO = (Change.NEW_BY_CATALOGUE, Change.WAIVED, Change.OUT_OF_SCOPE)
"""Kinds that it counts where there is one."""

_NAMED = 5
_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """Results of one control of which the same became.

    Args:
        kind: such as ``new``.
        severity: of the control.
        control: its id.
        title: of the control.
        anchor: where the control stands; empty where this report has none of that name.
        count: how many results.
        resources: the first of them.
        words: why, of the first one, else what was found; both where it became worse.
    """

    kind: str
    severity: str
    control: str
    title: str
    anchor: str
    count: int
    resources: tuple[str, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Since:
    """What changed since the pack before.

    Args:
        pack_id: of that pack.
        manifest_sha256: of its manifest.
        as_of: the moment that it judged.
        counts: how many results of each kind.
        loud: titles of the controls with something new or worse, in one sentence; empty for none.
        rows: gravest kind first.
        rules: what changed in the rules, apart from the account.
        scope: what was asked then and now.
    """

    pack_id: str
    manifest_sha256: str
    as_of: str
    counts: str
    loud: str
    rows: tuple[ChangeRow, ...]
    rules: tuple[str, ...]
    scope: tuple[str, ...]


def since_previous(document: Mapping[str, Any] | None, controls: Mapping[str, Control]) -> Since | None:
    """Prepare member ``since`` of the results document; None where nothing of an earlier judgement travels."""
    if not document:
        return None
    rows = _rows(document["changes"], controls)
    loud = [row.title for row in rows if row.kind in (Change.NEW, Change.WORSE, Change.NEW_BY_CATALOGUE)]
    titles = list(dict.fromkeys(loud))
    return Since(
        pack_id=visible(document["pack_id"], NAME_LIMIT),
        manifest_sha256=visible(document["manifest_sha256"], 64),
        as_of=moment(parse_time(document["as_of"])),
        counts=_counts(document["counts"]),
        loud=f"New or worse: {first_of(titles, _NAMED, between='; ')}." if titles else "",
        rows=rows,
        rules=tuple(_rules(document["catalogue"])),
        scope=tuple(f"{visible(text)[:1].upper()}{visible(text)[1:]}." for text in document["scope"]),
    )


def _counts(counts: Mapping[str, int]) -> str:
    kinds = [*_SAID, *(kind for kind in _ALSO if counts[kind.value])]
    told = [f"{counts[kind.value]:,} {kind.value}" for kind in kinds]
    return f"{', '.join(told[:-1])} and {told[-1]}"


def _rows(changes: Sequence[Mapping[str, Any]], controls: Mapping[str, Control]) -> tuple[ChangeRow, ...]:
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for item in changes:
        groups[item["change"], item["control"]].append(item)
    order = [kind.value for kind in Change]
    found = [_row(kind, items, controls.get(name)) for (kind, name), items in groups.items()]
    return tuple(sorted(found, key=lambda row: (order.index(row.kind), Severity(row.severity).rank, row.control)))


def _row(kind: str, items: Sequence[Mapping[str, Any]], control: Control | None) -> ChangeRow:
    first = items[0]
    return ChangeRow(
        kind=kind,
        severity=first["severity"],
        control=visible(first["control"], 80),
        title=visible(first["title"], NAME_LIMIT),
        anchor=control.anchor if control else "",
        count=len(items),
        resources=tuple(visible(item["resource"], NAME_LIMIT) for item in items[:_EXAMPLES]),
        words=visible(_words(first)),
    )


def _words(item: Mapping[str, Any]) -> str:
    """Say why: of what became worse both what it is and what it was."""
    why, reason = str(item["why"]), str(item["reason"])
    if item["change"] == Change.WORSE and why:
        return f"{reason} {why[:1].upper()}{why[1:]}"
    return why or reason


def _rules(catalogue: Mapping[str, Any]) -> list[str]:
    """Say what changed in the rules; a change of rules is none of the account."""
    changed = [f"{visible(item['control'], 80)} ({', '.join(item['parts'])})" for item in catalogue["changed"]]
    parts = (
        ("asked for the first time", catalogue["added"]),
        ("no longer asked", catalogue["removed"]),
        ("judged by a changed rule", changed),
    )
    return [
        f"{counted(len(names), 'control')} {words}: {first_of(names, _NAMED, lambda name: visible(name, 160))}."
        for words, names in parts
        if names
    ]

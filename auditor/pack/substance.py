"""What a results document amounts to, apart from how it says so: states, counts, populations, scope, what was accepted.

For a pack that another build of the program made: it may word a reason otherwise, and the verdict is still the same.
What comes from strangers may have any shape.
"""

from collections.abc import Mapping
from typing import Any, Final

from auditor.pack.differences import Change, differences

_WHOLE: Final = frozenset(
    {"activity", "attestations", "counts", "events", "exceptions", "failed_by_severity", "hours", "imported"}
    | {"integrity", "letters", "period", "population", "reconciliation", "requirements", "responses", "sampling"}
    | {"waiver", "waivers"}
)
"""Members in which nothing is mere wording: figures, and what evidence and files of the user's own say themselves."""

_JUDGED: Final = frozenset(
    {"accounts", "allow", "as_of", "at_test", "cells", "code", "controls", "endpoints", "ended", "entity", "error"}
    | {"everywhere", "exit_code", "fail_on", "failing", "fixed", "frameworks", "gap", "headline", "left_out", "marks"}
    | {"met", "met_at_test", "months", "newest", "operation", "principal", "regions", "severity", "skipped", "standing"}
    | {"started", "state", "taken", "test_type", "verdict", "without_pack"}
)
_HAPPENED: Final = frozenset(
    {"actor", "alarm", "arn", "at", "by", "condition", "control", "end", "event", "event_id", "event_name"}
    | {"event_time", "folder", "group", "id", "kind", "management", "manifest_sha256", "method", "name", "names"}
    | {"oldest", "owner", "pack_id", "source_ip", "start", "step", "target", "told", "until"}
)
_SAID: Final = _JUDGED | _HAPPENED
"""Members that say what was found, or about what, in one text or a list of them; every number and every yes does."""

_NAMING: Final = frozenset({"account", "region", "resource", "frameworks", "id", "path", "ref", "object", "month"})
"""Members that tell the items of a list apart."""

_DETAIL: Final = frozenset({"details", "evidence", "notices", "released"})
"""Members below which nothing decides; whoever checks derives notices, and how rules stand to those that shipped."""

_ALWAYS: Final = frozenset({"controls", "counts", "frameworks", "headline", "integrity", "run"})
"""Parts that the results of every release have."""

_DEEPEST: Final = 12


def substantial(was: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Change, ...]:
    """Name what differs in substance between two results documents; a part that one release did not have yet does not.

    Args:
        was: what the pack says.
        now: what follows from its evidence and rules.
    """
    stated, found = (_inner({name: it[name] for name in it if name in _ALWAYS}, 0) for it in (was, now))
    for name in was.keys() & now.keys() - _ALWAYS - _DETAIL:
        stated[name], found[name] = _shared(_part(name, was[name], 1) or [], _part(name, now[name], 1) or [], 1)
    return differences(stated, found)


def _shared(was: Any, now: Any, depth: int) -> tuple[Any, Any]:
    """Leave out members that one side alone has: parts beside the judgement have grown from release to release."""
    if depth <= _DEEPEST and isinstance(was, Mapping) and isinstance(now, Mapping):
        pairs = {name: _shared(was[name], now[name], depth + 1) for name in was if name in now}
        return {name: pair[0] for name, pair in pairs.items()}, {name: pair[1] for name, pair in pairs.items()}
    if depth <= _DEEPEST and isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        shared = [_shared(*pair, depth + 1) for pair in zip(was, now, strict=True)]
        return [pair[0] for pair in shared], [pair[1] for pair in shared]
    return was, now


def _inner(document: Mapping[Any, Any], depth: int) -> dict[Any, Any]:
    parts = {name: _part(name, value, depth + 1) for name, value in document.items() if name not in _DETAIL}
    kept = {name: part for name, part in parts.items() if part is not None}
    if kept:
        kept |= {name: document[name] for name in _NAMING & document.keys()}
    return kept


def _part(name: Any, value: Any, depth: int) -> Any:
    """Return what of a member counts; None when nothing does."""
    if name in _WHOLE or depth > _DEEPEST:
        return value
    if isinstance(value, Mapping):
        return _inner(value, depth) or None
    if isinstance(value, list) and any(isinstance(item, (Mapping, list)) for item in value):
        return [part for item in value if (part := _part("", item, depth + 1)) is not None] or None
    figures = value if isinstance(value, list) else [value]
    return value if name in _SAID or any(isinstance(item, int | float) for item in figures) else None

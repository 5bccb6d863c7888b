"""Judges one population item by a control's ``pass_when``, and finds the field that decided."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import jmespath

from auditor.evaluate.checks.fields import shortened
from auditor.model import Control, State, Verdict

_STEPS_INTO = {"subexpression", "index_expression", "projection", "value_projection", "filter_projection", "flatten"}
_MAX_SHOWN = 200
"""Characters of an observed value that fit a sentence; the whole stands in the evidence that the result cites."""


def judge(control: Control, item: Mapping[str, Any]) -> Verdict:
    """Apply ``pass_when`` to one item.

    Raises:
        KeyError: a field that the criterion reads is not in the item, or null, so that nothing can be said; what lies
            deeper may be missing where the criterion is not met anyway.
        ValueError: the criterion gave neither true nor false.
    """
    paths = deciding_paths(control.pass_when)
    for path in paths:
        if item.get(path[0]) is None and path[0] not in control.optional:
            raise KeyError(path[0])
    met = jmespath.search(control.pass_when, item)
    if met is not True and met is not False:
        raise ValueError(f"pass_when gave {type(met).__name__}")
    if met:
        for path in paths:
            if _follow(item, path) is None and not {path[0], ".".join(path)} & set(control.optional):
                raise KeyError(".".join(path))
    observed = "; ".join(f"{'.'.join(path)} is {_shown(_follow(item, path))}" for path in paths)
    return Verdict(
        State.PASS if met else State.FAIL,
        reason=f"{observed}." if observed else "The criterion was applied to the item itself.",
        observed=observed,
        pointer="/" + "/".join(paths[0]) if paths and _there(item, paths[0]) else "",
    )


@cache
def deciding_paths(expression: str) -> tuple[tuple[str, ...], ...]:
    """Return the fields that an expression reads from its item, as paths of names, each once."""
    return tuple(dict.fromkeys(_paths(jmespath.compile(expression).parsed)))


def _paths(node: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    if (chain := _chain(node)) is not None:
        yield chain
        return
    children = node["children"]
    for child in children[:1] if node["type"] in _STEPS_INTO else children:
        yield from _paths(child)


def _chain(node: Mapping[str, Any]) -> tuple[str, ...] | None:
    if node["type"] == "field":
        return (node["value"],)
    if node["type"] == "subexpression":
        parts = [_chain(child) for child in node["children"]]
        if all(part is not None for part in parts):
            return tuple(name for part in parts if part is not None for name in part)
    return None


def _there(item: Any, path: tuple[str, ...]) -> bool:
    for name in path:
        if not isinstance(item, Mapping) or name not in item:
            return False
        item = item[name]
    return True


def _follow(item: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        item = item.get(name) if isinstance(item, Mapping) else None
    return item


def _shown(value: Any) -> str:
    match value:
        case None:
            return "not set"
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            text = str(value)
        case list():
            text = ", ".join(map(str, value)) or "empty"
        case _:
            return "set"
    return shortened(text, _MAX_SHOWN)

"""Compares two judgements of the same evidence, and names every difference. Judges nothing itself."""

from collections.abc import Iterator, Mapping
from reprlib import Repr
from typing import Any

_MOST = 60
"""Characters of a value in a difference."""

_SHORT = Repr()
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxdict, _SHORT.maxstring = 4, 100, 100, 200
"""More than any list of frameworks has, so that results are told apart by theirs."""


def differences(recorded: Any, replayed: Any) -> tuple[str, ...]:
    """Name what differs between two results documents, control by control.

    Args:
        recorded: what the pack says; comes from strangers and may have any shape.
        replayed: what judging the pack's evidence again gives.
    """
    if recorded == replayed:
        return ()
    if not isinstance(recorded, Mapping) or not isinstance(replayed, Mapping):
        return ("results.json is no results document",)
    return tuple(_named(recorded, replayed))


def _named(recorded: Mapping[str, Any], replayed: Mapping[str, Any]) -> Iterator[str]:
    before, after = _controls(recorded), _controls(replayed)
    for name in sorted(before.keys() | after.keys()):
        yield from _control(name, before.get(name), after.get(name))
    for key in sorted(recorded.keys() | replayed.keys()):
        if key != "controls" and recorded.get(key) != replayed.get(key):
            yield f"{key}: {_brief(recorded.get(key))} recorded, {_brief(replayed.get(key))} when judged again"


def _control(name: str, before: Any, after: Any) -> Iterator[str]:
    if before is None or after is None:
        yield f"{name}: {'not recorded' if before is None else 'not judged'}"
        return
    if before == after:
        return
    old, new = _results(before), _results(after)
    found = False
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            found = True
            yield f"{name} {' '.join(key)}: {_state(old.get(key))} recorded, {_state(new.get(key))} when judged again"
    if not found:
        yield f"{name}: its description or population differs"


def _controls(document: Mapping[str, Any]) -> dict[str, Any]:
    items = document.get("controls")
    return {
        _text(item.get("id")): item for item in (items if isinstance(items, list) else ()) if isinstance(item, Mapping)
    }


def _results(control: Any) -> dict[tuple[str, ...], Any]:
    items = control.get("results") if isinstance(control, Mapping) else None
    return {
        tuple(_text(item.get(key)) for key in ("account", "region", "resource", "frameworks")): item
        for item in (items if isinstance(items, list) else ())
        if isinstance(item, Mapping)
    }


def _state(result: Any) -> str:
    return (
        f"{_text(result.get('state'))} ({_brief(result.get('reason'))})" if isinstance(result, Mapping) else "nothing"
    )


def _text(value: Any) -> str:
    """Write a value; what a stranger nested too deeply is cut."""
    return value if isinstance(value, str) else _SHORT.repr(value)


def _brief(value: Any) -> str:
    text = _text(value)
    return text if len(text) <= _MOST else f"{text[:_MOST]}..."

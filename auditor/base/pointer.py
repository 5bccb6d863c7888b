"""JSON pointers (RFC 6901): which value of an answer a statement rests on."""

from collections.abc import Sequence
from typing import Any


def pointer_to(document: Any, target: Any) -> str:
    """Return the JSON pointer (RFC 6901) of ``target`` inside ``document``, by identity; empty when it is not in it."""
    stack: list[tuple[str, Any]] = [("", document)]
    while stack:
        where, value = stack.pop()
        if value is target:
            return where
        if isinstance(value, dict):
            stack.extend((f"{where}/{escape(key)}", item) for key, item in value.items())
        elif isinstance(value, list | tuple):
            stack.extend((f"{where}/{index}", item) for index, item in enumerate(value))
    return ""


def escape(key: str) -> str:
    """Return a name as it stands in a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def resolve(document: Any, pointer: str) -> Any:
    """Return what a JSON pointer points to.

    Raises:
        KeyError: it points to nothing.
    """
    value = document
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(name)] if isinstance(value, Sequence) and not isinstance(value, str) else value[name]
        except (IndexError, TypeError, ValueError) as error:
            raise KeyError(pointer) from error
    return value

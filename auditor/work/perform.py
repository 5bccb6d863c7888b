"""Carries out one task, in whatever thread, process or machine this is called."""

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from auditor.work.task import Failure, Json

_MOST_WORDS: Final = 500


def perform(function: str, arguments: Json, target: Path) -> None:
    """Call ``module:name`` with its arguments; it writes ``target``.

    Raises:
        LookupError: there is no such function here, or it wrote nothing.
        Exception: whatever the function raises.
    """
    found = function_of(function)
    found(arguments, target)
    if not target.exists():
        raise LookupError(f"{function} made nothing")


def attempt(function: str, arguments: Json, target: Path) -> Failure | None:
    """Do the same; what it raises is returned by name, however strange. An interruption is still raised."""
    told = _Told()
    with told:
        perform(function, arguments, target)
    return told.failure


class _Told:
    """Turns whatever a task raises into a failure."""

    failure: Failure | None = None

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, Exception):
            self.failure = failure_of(error)
        return self.failure is not None


def function_of(name: str) -> Callable[..., Any]:
    """Return the function that ``module:name`` names.

    Raises:
        LookupError: there is none here.
    """
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except ImportError as error:
        raise LookupError(f"{module} cannot be imported here: {error}") from error
    if callable(found):
        return found  # type: ignore[no-any-return]
    raise LookupError(f"{module} has no function {attribute}")


def failure_of(error: BaseException) -> Failure:
    """Return what is told of an error: its name, and one line without what a terminal would obey."""
    words = re.sub(r"[^ -~\u00a0-\uffff]+", " ", str(getattr(error, "message", "") or error))
    hint = str(getattr(error, "hint", ""))
    return Failure(type(error).__name__, " ".join(words.split())[:_MOST_WORDS] or type(error).__name__, hint)

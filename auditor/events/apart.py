"""Asks a store in a process of its own, which ends when a statement takes too long, too much memory or says too much.

DuckDB cannot be interrupted within one function, and its limit on memory does not hold for texts that a function makes:
``repeat('x', 2000000000)`` takes 4 GB and half a minute whatever is set.
"""

import contextlib
import multiprocessing
import resource
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

from auditor.base.counts import counted
from auditor.base.errors import UsageError
from auditor.base.scratch import scratch_folder

_SHUT_DOWN: Final = 2.0
"""Seconds for a process that was told to end."""
_ROWS: Final = 256
"""Rows fetched at a time."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one statement may cost.

    Args:
        seconds: until it has answered.
        memory: MiB for its data; the process may take as much again, and 1 GiB for itself.
        answer: MiB of the values that it answers with.
    """

    seconds: float = 60.0
    memory: int = 1024
    answer: int = 64


@dataclass(frozen=True, slots=True)
class Rows:
    """What a statement answered; ``more`` when there were more rows than asked for."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a statement is not answered, for whoever wrote it."""

    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement and where it is asked.

    Args:
        folder: the store.
        text: the statement.
        views: tables that stand in front of it, by name.
        limit: rows at most; 0 for all.
        values: those that it names.
        copy: a statement of ours that writes all rows into a file; empty for none.
        beside: the folder of that file.
    """

    folder: Path
    text: str
    views: dict[str, str]
    limit: int
    values: Mapping[str, Any] = field(default_factory=dict)
    copy: str = ""
    beside: Path | None = None


Asking = Callable[[Statement, Bounds, Path], Rows | Refusal]
"""Answers one statement in this process; the folder is for what does not fit into memory. It is found by its name."""


def answered_apart(ask: Asking, statement: Statement, bounds: Bounds) -> Rows:
    """Answer a statement in a process of its own.

    Raises:
        UsageError: it is refused, or costs more than it may.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    with scratch_folder("sql") as spill:
        process = context.Process(target=_serve, args=(theirs, ask, statement, bounds, spill), daemon=True)
        with _running(process):
            theirs.close()
            found = _received(ours, process, bounds)
    if isinstance(found, Refusal):
        raise UsageError(found.message, hint=found.hint)
    return found


@contextlib.contextmanager
def _running(process: BaseProcess) -> Iterator[None]:
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join(_SHUT_DOWN)


def _received(ours: Connection, process: BaseProcess, bounds: Bounds) -> Rows | Refusal:
    hint = "narrow it with WHERE on event_time, call or account; --timeout allows more"
    try:
        if not ours.poll(bounds.seconds):
            return Refusal(f"the statement had no answer after {counted(bounds.seconds, 'second')}", hint)
        found = ours.recv()
    except EOFError:
        process.join(_SHUT_DOWN)
        return _too_large(bounds)
    return found if isinstance(found, Rows | Refusal) else _too_large(bounds)


def _too_large(bounds: Bounds) -> Refusal:
    return Refusal(
        f"the statement takes more than the {bounds.memory:,} MiB of memory it may",
        "narrow it, or take fewer and shorter values; --memory allows more",
    )


def _serve(theirs: Connection, ask: Asking, statement: Statement, bounds: Bounds, spill: Path) -> None:
    """Answer one statement. The process that started this one ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limits = {
        resource.RLIMIT_AS: (2 * bounds.memory + 1024) << 20,
        resource.RLIMIT_CPU: int(bounds.seconds) * 4 + 30,  # should nobody be left to end it
        resource.RLIMIT_CORE: 0,
    }
    for which, most in limits.items():
        with contextlib.suppress(OSError, ValueError):  # not every system has every limit
            resource.setrlimit(which, (most, most))
    try:
        theirs.send(ask(statement, bounds, spill))
    except MemoryError:
        theirs.send(_too_large(bounds))


def fetched(fetch: Callable[[int], list[tuple[Any, ...]]], limit: int, most: int) -> tuple[list[tuple[Any, ...]], bool]:
    """Fetch rows up to a number of them and of bytes.

    Args:
        fetch: returns the next rows, at most as many as asked for.
        limit: rows at most; 0 for all.
        most: MiB of their values.

    Returns:
        The rows, and whether there are more.

    Raises:
        UsageError: the rows are larger than that.
    """
    rows: list[tuple[Any, ...]] = []
    size = 0
    while not limit or len(rows) <= limit:
        some = fetch(min(_ROWS, limit + 1 - len(rows)) if limit else _ROWS)
        if not some:
            break
        rows += some
        size += sum(_size(value) for row in some for value in row)
        if size > most << 20:
            raise UsageError(
                f"the answer is larger than {most} MiB after {counted(len(rows), 'row')}",
                hint="take fewer and shorter values, or count and group them",
            )
    return (rows[:limit], True) if limit and len(rows) > limit else (rows, False)


def _size(value: Any) -> int:
    if isinstance(value, dict):
        return sum(_size(name) + _size(inner) for name, inner in value.items()) + 64
    if isinstance(value, list | tuple):
        return sum(map(_size, value)) + 64
    return len(value) + 50 if isinstance(value, str | bytes) else 32

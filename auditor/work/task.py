"""One piece of work, what came of it, and what an engine is. Values only: nothing here starts a thread or opens a file.

A task may be carried out more than once (a worker died after it had finished, a run was taken up again), so it must be
idempotent: the same task leaves the same bytes. It names a function that any process can import and hands it plain
JSON; credentials never stand in a task, whoever carries it out gets its own.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from auditor.base.canonical import canonical_json, sha256_hex

_KEY: Final = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+){0,8}")
_FUNCTION: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_LONGEST: Final = 200

Json = Mapping[str, Any]
"""Plain JSON: texts, numbers, lists, mappings."""


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work.

    Args:
        key: its name, such as ``collect/<account>/<group of Regions>`` or ``verify/<account>/<region>/<month>``;
            letters, digits, ``.``, ``_`` and ``-`` between slashes, each task of a run another one.
        function: ``module:name`` of a function that takes ``arguments`` and the path of a file or folder to make.
        arguments: small plain JSON; no credentials.
        identity: what of them decides what comes of it, where that is not all; any text.

    Raises:
        ValueError: key or function have another form.
    """

    key: str
    function: str
    arguments: Json = field(default_factory=dict)
    identity: str = ""

    def __post_init__(self) -> None:
        """Refuse what could not be a file's name or a function's."""
        if len(self.key) > _LONGEST or not _KEY.fullmatch(self.key) or ".." in self.key:
            raise ValueError(f"not a task's key: {self.key!r}")
        if not _FUNCTION.fullmatch(self.function):
            raise ValueError(f"not module:name of a function: {self.function!r}")

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides what comes of the task; a kept result serves only the same task."""
        decides = self.identity or self.arguments
        return sha256_hex(canonical_json({"function": self.function, "key": self.key, "arguments": decides}))


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task has no result.

    Args:
        name: the error's class, or one of :data:`WORKER_LOST`, :data:`TIMED_OUT`, :data:`NO_WORKERS`,
            :data:`SCHEDULER_LOST`.
        message: one line.
        hint: what to do about it; may be empty.
    """

    name: str
    message: str
    hint: str = ""


WORKER_LOST: Final = "WorkerLost"
"""Whoever carried the task out died of it, as often as that is allowed."""
TIMED_OUT: Final = "TimedOut"
NO_WORKERS: Final = "NoWorkers"
SCHEDULER_LOST: Final = "SchedulerLost"


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a task: either ``path`` and ``sha256``, or ``failure``.

    Args:
        key: the task's.
        path: the file or folder that it made; None when it failed.
        sha256: of the file's bytes, or of the list of a folder's files (see ``auditor.work.ledger.tree_sha256``).
        failure: why there is nothing.
        reused: whether it was made before this run was taken up again.
    """

    key: str
    path: Path | None = None
    sha256: str = ""
    failure: Failure | None = None
    reused: bool = False


class Keeper(Protocol):
    """Keeps results where the driver of a run is; see ``auditor.work.ledger.Ledger``."""

    def find(self, task: Task) -> Done | None:
        """Return the kept result of the very same task whose hash holds; None when there is none."""

    def scratch(self, task: Task) -> Path:
        """Return a path for a task to write to; nothing is there yet."""

    def keep(self, task: Task, made: Path) -> Done:
        """Put what a task made in its place and note its hash."""


class Engine(Protocol):
    """Carries tasks out. Which engine did it shows in no byte of a result."""

    def run(self, tasks: Iterable[Task], keeper: Keeper) -> Iterator[Done]:
        """Yield one outcome for each task, as they come; kept results are not made again.

        Tasks are drawn when there is room for them, so that very many need no memory. No wait is without an end. What a
        task raises, and whoever dies of it, becomes a :class:`Failure` of that task alone.
        """


def carry_out(engine: Engine, tasks: Iterable[Task], keeper: Keeper) -> tuple[Done, ...]:
    """Carry tasks out and return what came of each, in their own order, whatever finished first.

    Raises:
        ValueError: two tasks have the same key.
    """
    order: dict[str, int] = {}

    def noted() -> Iterator[Task]:
        for task in tasks:
            if task.key in order:
                raise ValueError(f"two tasks are called {task.key}")
            order[task.key] = len(order)
            yield task

    return tuple(sorted(engine.run(noted(), keeper), key=lambda done: order[done.key]))

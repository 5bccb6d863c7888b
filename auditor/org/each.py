"""Carries the tasks of a run out, several accounts at once, on the engine that the settings ask for."""

import builtins
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from auditor.base import errors
from auditor.base.errors import AuditorError, CollectionError
from auditor.config import Config
from auditor.run.engine import cluster_of
from auditor.work.local import Processes, Threads
from auditor.work.task import NO_WORKERS, SCHEDULER_LOST, TIMED_OUT, WORKER_LOST, Done, Engine, Failure, Keeper, Task

_EXPECTED: Final = frozenset(
    {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, AuditorError)}
    | {"MutationRefusedError", "VersionsDiffer", NO_WORKERS, SCHEDULER_LOST, TIMED_OUT, WORKER_LOST}
)
"""Failures that are told in their own words; any other is a mistake of ours."""

_MODULE: Final = "auditor.org.member"
_MOST_WORDS: Final = 600


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one account.

    Args:
        account: twelve digits.
        pack: the folder of its pack; None when there is none.
        broken: why there is none.
        ours: whether the reason is a mistake of this program, not of the account, the network or a machine.
    """

    account: str
    pack: Path | None = None
    broken: str = ""
    ours: bool = False


def each(tasks: Iterable[Task], engine: Engine, keeper: Keeper) -> Iterator[Outcome]:
    """Yield what came of each task, as they end. One that breaks is told as broken, and the others go on.

    Raises:
        OSError: a pack cannot be written here: the disk is full, and no account could be kept.
        CollectionError: the scheduler or all workers are gone; the run can be taken up again.
    """
    for done in engine.run(tasks, keeper):
        yield _outcome(done)


def _outcome(done: Done) -> Outcome:
    account, failure = done.key.rpartition("/")[2], done.failure
    if failure is None:
        return Outcome(account, done.path)
    if failure.name in {NO_WORKERS, SCHEDULER_LOST}:
        raise CollectionError(f"the run was broken off: {failure.message}", hint=failure.hint)
    kind = getattr(builtins, failure.name, None)
    if isinstance(kind, type) and issubclass(kind, OSError):
        raise OSError(f"the pack of {account} cannot be written: {failure.message}")
    return Outcome(account, None, _words(failure), ours=failure.name not in _EXPECTED)


def _words(failure: Failure) -> str:
    if failure.name not in _EXPECTED:
        return f"a mistake in auditor itself: {failure.name}: {failure.message[:300]}"
    hint = f" ({failure.hint})" if failure.hint else ""
    name = f"{failure.name}: " if failure.name in {TIMED_OUT, WORKER_LOST, "VersionsDiffer"} else ""
    return f"its audit ended: {name}{failure.message}{hint}"[:_MOST_WORDS]


@contextmanager
def engine_of(config: Config) -> Iterator[Engine]:
    """Give the engine that the settings ask for: a cluster, or this machine's processes.

    Raises:
        UsageError: the scheduler's address is refused, or certificates are missing.
        CollectionError: it cannot be reached, has no worker, or another program runs there.
    """
    with cluster_of(config) as engine:
        accounts = config.limits.accounts
        yield engine or (Threads(1) if accounts == 1 else Processes(accounts, preload=(_MODULE,)))

"""The two engines of one machine: threads for tasks that wait, processes for tasks that compute, crash or hang.

A thread cannot be ended from outside, so the tasks of threads bound their own waits. A process has an end: it is killed
when its time is over, and its death costs nobody but its own task.
"""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any, Final

from auditor.base.counts import counted
from auditor.work.perform import attempt, failure_of, perform
from auditor.work.task import TIMED_OUT, WORKER_LOST, Done, Failure, Json, Keeper, Task

_LOOK_SECONDS: Final = 5.0
"""The longest sleep between two looks at the clock."""


class Threads:
    """Carries tasks out on threads of this process.

    Args:
        workers: how many at once.
    """

    def __init__(self, workers: int = 4) -> None:
        self._workers = workers

    def run(self, tasks: Iterable[Task], keeper: Keeper) -> Iterator[Done]:
        """See ``auditor.work.task.Engine``."""
        waiting = iter(tasks)
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="work")
        flying: dict[Future[None], tuple[Task, Path]] = {}
        more = True
        try:
            while more or flying:
                while more and len(flying) < self._workers:
                    task = next(waiting, None)
                    if task is None:
                        more = False
                    elif (known := keeper.find(task)) is not None:
                        yield known
                    else:
                        target = keeper.scratch(task)
                        flying[pool.submit(perform, task.function, task.arguments, target)] = (task, target)
                finished, _ = wait(flying, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield _outcome(future, *flying.pop(future), keeper)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _outcome(future: Future[None], task: Task, target: Path, keeper: Keeper) -> Done:
    error = future.exception()
    if error is None:
        return keeper.keep(task, target)
    if not isinstance(error, Exception):
        raise error  # somebody interrupts the run
    return Done(task.key, failure=failure_of(error))


@dataclass(slots=True)
class _Running:
    """A task in a process of its own."""

    task: Task
    target: Path
    process: Any
    told: Connection
    until: float


class Processes:
    """Carries tasks out in processes, each in one of its own: memory goes back, and a crash stays where it is.

    Args:
        workers: how many at once.
        most_seconds: how long one task may take; then its process is killed.
        deaths: how often a task may lose its process before it counts as failed.
        preload: modules that each process begins with, which spares it their import.
    """

    def __init__(
        self, workers: int = 2, *, most_seconds: float = 6 * 3600, deaths: int = 2, preload: tuple[str, ...] = ()
    ) -> None:
        self._workers = workers
        self._most_seconds = most_seconds
        self._deaths = deaths
        # Not forked from a process with threads, which may hold locks that nobody in the child would give back.
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["auditor.work.perform", *preload])

    def run(self, tasks: Iterable[Task], keeper: Keeper) -> Iterator[Done]:
        """See ``auditor.work.task.Engine``."""
        waiting = iter(tasks)
        again: deque[Task] = deque()
        lost: dict[str, int] = {}
        running: list[_Running] = []
        more = True
        try:
            while more or again or running:
                while len(running) < self._workers and (again or more):
                    task = again.popleft() if again else next(waiting, None)
                    if task is None:
                        more = False
                    elif (known := keeper.find(task)) is not None:
                        yield known
                    else:
                        running.append(self._start(task, keeper.scratch(task)))
                for item in self._ended(running):
                    running.remove(item)
                    done = self._outcome(item, keeper)
                    if done.failure is not None and done.failure.name == WORKER_LOST:
                        lost[done.key] = lost.get(done.key, 0) + 1
                        if lost[done.key] < self._deaths:
                            again.append(item.task)
                            continue
                    yield done
        finally:
            for item in running:
                _end(item)

    def _start(self, task: Task, target: Path) -> _Running:
        told, tell = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=_in_process,
            args=(task.function, dict(task.arguments), target.absolute(), tell, dict(os.environ), str(Path.cwd())),
        )
        process.start()
        tell.close()  # the child's end is the only one now: its death ends the wait for an answer
        return _Running(task, target, process, told, monotonic() + self._most_seconds)

    def _ended(self, running: list[_Running]) -> list[_Running]:
        """Wait until something ended, or its time is over."""
        if not running:
            return []
        now = monotonic()
        left = max(0.0, min(min(item.until for item in running) - now, _LOOK_SECONDS))
        ready = wait_for([item.told for item in running], timeout=left)
        now = monotonic()
        return [item for item in running if item.told in ready or item.until <= now]

    def _outcome(self, item: _Running, keeper: Keeper) -> Done:
        key = item.task.key
        try:
            if not item.told.poll():
                words = f"it took longer than {counted(self._most_seconds, 'second')} and was ended"
                return Done(key, failure=Failure(TIMED_OUT, words))
            failure = item.told.recv()
        except (EOFError, OSError):
            item.process.join(_LOOK_SECONDS)
            words = f"its process ended with {item.process.exitcode} and no answer"
            return Done(key, failure=Failure(WORKER_LOST, words, "is there enough memory?"))
        finally:
            _end(item)
        return keeper.keep(item.task, item.target) if failure is None else Done(key, failure=Failure(*failure))


def _end(item: _Running) -> None:
    if item.process.is_alive() and not item.told.closed:
        item.process.join(0.2)  # it has told its answer and is on its way out
    if item.process.is_alive():
        item.process.kill()
    item.process.join(_LOOK_SECONDS)
    item.told.close()


def _in_process(
    function: str, arguments: Json, target: Path, tell: Connection, environment: Mapping[str, str], place: str
) -> None:
    """Carry a task out and tell how it went: None, or the parts of a failure.

    The server that forks may be older than the settings in the environment, and stand elsewhere.
    """
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(place)
    Thread(target=_end_with_parent, daemon=True).start()
    failure = attempt(function, arguments, target)
    tell.send(None if failure is None else (failure.name, failure.message, failure.hint))


def _end_with_parent() -> None:
    """Wait for the end of whoever wants the answer: nobody else would end this process, nor know of it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL)

"""Runs independent tasks on threads, with as many under way as latency asks for. The one place with concurrency.

Fetching waits, inflating and hashing release the interpreter lock: threads reach all cores. Results come out as they
are ready; whoever needs an order sorts.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Event
from typing import Final, Generic, TypeVar

from auditor.base.arenas import keep_memory_flat

Task = TypeVar("Task")
Result = TypeVar("Result")

REMOTE_START: Final = 16
REMOTE_LEAST_PER_CORE: Final = 2
"""Measured on two cores where the store answers at once: 4 threads take 0.19 ms of CPU a file, 16 take 0.23."""
REMOTE_MOST: Final = 160
RATE_PER_SECOND: Final = 8000
"""What two cores digest at best; Little's law turns it and the latency into a number of requests under way."""


class Stopped(Exception):  # noqa: N818 - a decision, not an error
    """The run was asked to stop."""


@dataclass(slots=True)
class Concurrency:
    """How many tasks may be under way. Mutable: it follows the best latency seen.

    Args:
        remote: whether tasks wait for a network.
        fixed: the caller's own number; adapts to nothing.
    """

    remote: bool
    fixed: int | None = None
    fastest_seconds: float = field(default=float("inf"))

    @property
    def limit(self) -> int:
        """The number of tasks to keep under way now."""
        if self.fixed is not None:
            return self.fixed
        if not self.remote:
            return cores() + 1
        if self.fastest_seconds == float("inf"):
            return REMOTE_START
        least = REMOTE_LEAST_PER_CORE * cores()
        return max(least, min(REMOTE_MOST, round(self.fastest_seconds * RATE_PER_SECOND)))

    @property
    def most(self) -> int:
        """The largest value ``limit`` can take."""
        if self.fixed is not None:
            return self.fixed
        return REMOTE_MOST if self.remote else cores() + 1

    def saw(self, seconds: float) -> None:
        """Note how long one request took: the fastest is the latency, the rest is our own queueing."""
        self.fastest_seconds = min(self.fastest_seconds, seconds)


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Workers(Generic[Task, Result]):
    """A pool of threads that lives as long as one run.

    Args:
        concurrency: how many tasks may be under way.
        stop: set from outside to end early; no new task starts, and :class:`Stopped` is raised.
    """

    def __init__(self, concurrency: Concurrency, stop: Event) -> None:
        keep_memory_flat()
        self.concurrency = concurrency
        self._stop = stop
        self._pool = ThreadPoolExecutor(concurrency.most, thread_name_prefix="trail")

    @property
    def stopping(self) -> bool:
        """Whether the run was asked to stop."""
        return self._stop.is_set()

    def map(
        self,
        function: Callable[[Task], Result],
        tasks: Iterable[Task],
        *,
        weigh: Callable[[Task], int] = lambda _: 0,
        budget: int = 1,
        most: int | None = None,
    ) -> Iterator[tuple[Task, Result]]:
        """Yield each task with its result, in order of completion. Exceptions of a task are raised here.

        Tasks are drawn lazily, so an endless iterable is fine. A stop waits for what is under way and drops it.

        Args:
            function: run on a thread for each task.
            tasks: the tasks.
            weigh: how much memory a task takes, in any unit.
            budget: no further task starts while those under way weigh as much: large objects come a few at a time.
            most: how many tasks are under way, where that is not to follow the latency.
        """
        ready: SimpleQueue[tuple[Task, Future[Result]]] = SimpleQueue()
        waiting = iter(tasks)
        under_way, weight, more = 0, 0, True
        try:
            while more or under_way:
                room = most or self.concurrency.limit
                while more and under_way < room and weight < budget and not self._stop.is_set():
                    try:
                        task = next(waiting)
                    except StopIteration:
                        more = False
                        break
                    future = self._pool.submit(function, task)
                    future.add_done_callback(lambda done, task=task: ready.put((task, done)))  # type: ignore[misc]
                    under_way += 1
                    weight += weigh(task)
                if self._stop.is_set():
                    raise Stopped
                if not under_way:
                    break
                task, done = ready.get()
                under_way -= 1
                weight -= weigh(task)
                yield task, done.result()
                del task, done
        finally:
            while under_way:
                ready.get()
                under_way -= 1

    def close(self) -> None:
        """End the threads; tasks not begun are dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)

"""Carries the tasks of a run out, several accounts at once. The one place of ``org`` that starts processes."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from auditor.org.member import Done, Task


def each(tasks: Sequence[Task], work: Callable[[Task], Done], *, workers: int) -> Iterator[Done]:
    """Yield what came of each task, as they end.

    A task that breaks is told as broken, and the others go on; so is one whose process was ended by somebody else.

    Args:
        tasks: the accounts.
        work: carries one out; a function of a module, as other processes have to find it.
        workers: accounts at once; one needs no further process.

    Raises:
        OSError: a pack cannot be written: the disk is full, and no account could be kept.
    """
    if not tasks:
        return
    with _pool(min(workers, len(tasks))) as pool:
        waiting = {pool.submit(work, task): task for task in tasks}
        try:
            for future in as_completed(waiting):
                yield _outcome(future, waiting[future])
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _pool(workers: int) -> Executor:
    if workers == 1:
        return ThreadPoolExecutor(1)
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


def _outcome(future: "Future[Done]", task: Task) -> Done:
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, BrokenProcessPool):
        return Done(task.account, "the process that audited it was ended by somebody else")
    if isinstance(error, OSError):
        raise error
    return Done(task.account, f"a mistake in auditor itself: {type(error).__name__}: {str(error)[:300]}", ours=True)

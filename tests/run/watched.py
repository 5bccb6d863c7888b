"""An engine that notes its tasks, and through which a test decides what becomes of those that check log files."""

from collections.abc import Callable, Iterable, Iterator

from auditor.work.local import Threads
from auditor.work.task import Done, Keeper, Task

Fate = Callable[[int, Done], Done]
"""Takes which of the checking tasks it was, in the order they were handed over, and what became of it."""


class Watched:
    """Threads; what becomes of each task that checks log files is decided here."""

    def __init__(self, fate: Fate = lambda _, done: done) -> None:
        self._engine, self._fate = Threads(2), fate
        self.tasks: list[Task] = []

    def run(self, tasks: Iterable[Task], keeper: Keeper) -> Iterator[Done]:
        """See ``auditor.work.task.Engine``."""

        def noted() -> Iterator[Task]:
            for task in tasks:
                self.tasks.append(task)
                yield task

        for done in self._engine.run(noted(), keeper):
            checking = [task.key for task in self.tasks if task.key.startswith("verify/")]
            yield self._fate(checking.index(done.key), done) if done.key in checking else done

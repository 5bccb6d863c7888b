"""What every step of a verification is handed: the store, what is asked, threads, the scratch file. No findings."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from auditor.trail.digest import CheckedDigest
from auditor.trail.fetch import Fetched, ObjectSource, Unavailable
from auditor.trail.gaps import Span
from auditor.trail.names import Place
from auditor.trail.parallel import Workers
from auditor.trail.report import TrailScope
from auditor.trail.spool import Spool

LATE_DIGESTS: Final = timedelta(hours=3)
"""How far beyond the period digests are read: they prove the last ones in it and list files delivered late."""
PROGRESS_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. ``total`` is None while it is not known."""

    stage: str
    done: int
    total: int | None
    stored_bytes: int


class Teller:
    """Tells a caller how far a step is, at most ten times a second.

    Args:
        listener: is told.
    """

    def __init__(self, listener: Callable[[Progress], None]) -> None:
        self._listener = listener
        self._last = 0.0

    def __call__(self, stage: str, done: int, total: int | None, *, stored_bytes: int = 0, force: bool = False) -> None:
        """Report how far a step is; ``force`` skips the wait."""
        moment = time.monotonic()
        if force or moment - self._last >= PROGRESS_SECONDS:
            self._last = moment
            self._listener(Progress(stage, done, total, stored_bytes))


Ahead = Callable[[Sequence[tuple[Place, int]]], Iterator[tuple[int, Fetched | Unavailable | None]]]
"""Reads objects elsewhere: places and listed sizes in; position and object out, as they come. None for one that could
not be had there, which says nothing; ``Unavailable`` where nobody could be found to read it."""


@dataclass(frozen=True, slots=True)
class Context:
    """The tools of one verification. What was found is handed on by the steps themselves.

    Args:
        source: where the objects are.
        scope: what is asked.
        now: the run's as-of time, aware UTC.
        workers: threads; a stop that was asked for ends what runs on them with ``Stopped``.
        spool: the scratch file: rows of listings and of log files, which would not fit into memory.
        tell: told how far a step is.
        ahead: reads listed digests in tasks; None for threads of this process.
    """

    source: ObjectSource
    scope: TrailScope
    now: datetime
    workers: Workers[Any, Any]
    spool: Spool
    tell: Teller
    ahead: Ahead | None = None

    @property
    def span(self) -> Span:
        """The asked-for time."""
        return Span(self.scope.start, self.scope.end, self.now)

    def in_period(self, item: CheckedDigest) -> bool:
        """Tell whether a digest covers a part of the period."""
        return item.start < self.scope.end and item.end > self.scope.start

    def hour(self, moment: datetime) -> datetime:
        """Return the hour of a moment, or the first hour for what came before."""
        return max(moment, self.scope.start).replace(minute=0, second=0, microsecond=0)

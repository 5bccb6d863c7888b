"""What is wanted of log files beside their verification, and what is kept of it: records, rows. Opens nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from auditor.activity.logbytes import LogBytes
from auditor.activity.noted import ROW_LIMIT, notable_document
from auditor.activity.rows import Row
from auditor.base.period import rfc3339
from auditor.trail.report import TrailScope
from auditor.trail.spool import Checkpoint

OnLog = Callable[[LogBytes], None]
"""Called once for each log file that a digest names or that lies beside those. From several threads."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What else is wanted of the log files.

    Args:
        events: whether to search all records and collect the notable ones.
        on_log: called with every log file, from several threads; those that no digest names are then read, too, and
            judged by nothing.
        checkpoint: what an earlier, interrupted run verified.
    """

    events: bool = False
    on_log: OnLog | None = None
    checkpoint: Checkpoint | None = None


class Rows:
    """Notable rows, bounded: the earliest ones are kept, the rest is counted."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._files = self._records = self._dropped = self._unread = 0

    def add(self, rows: Iterable[Row], files: int, records: int, unread: int) -> None:
        """Add what one batch of log files held, and how many of them could not be read."""
        self._rows += rows
        self._files += files
        self._records += records
        self._unread += unread
        if len(self._rows) > 8 * ROW_LIMIT:
            self._rows.sort(key=Row.order)
            self._dropped += len(self._rows) - 4 * ROW_LIMIT
            del self._rows[4 * ROW_LIMIT :]

    def log_files(self) -> frozenset[str]:
        """Return the keys of the log files that the rows come from."""
        return frozenset(row.log_file for row in self._rows)

    def document(self, scope: TrailScope) -> dict[str, Any]:
        """Return the document of notable events."""
        where = {
            "trail": scope.document(),
            "period": {"start": rfc3339(scope.start), "end": rfc3339(scope.end)},
        }
        document = notable_document(self._rows, where, log_files=self._files, records=self._records)
        document["omitted"] += self._dropped
        if self._unread:
            document["source"]["unread"] = self._unread
        return document

"""Makes lines of a log file's records for the store to read, and keeps where each line comes from. Pure.

Where a line comes from is never written into it: a record that brings such a member itself must not name its own place.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from auditor.activity.logbytes import LogBytes
from auditor.activity.split import RECORD_LIMIT, Parts, Unsplittable, plain_lines, split
from auditor.base.errors import IntegrityError
from auditor.events.repair import Unreadable, repaired

PLACE: Final = re.compile(r"(?:^|/)AWSLogs/(?:o-[a-z0-9]{10,32}/)?([0-9]{12})/(CloudTrail[A-Za-z-]*)/([a-z0-9-]+)/")
_OPEN: Final = ord("{")


@dataclass(frozen=True, slots=True)
class Run:
    """Lines that follow each other, of records that follow each other in one file."""

    file: int
    first: int
    """Position of the first of them in the file's list."""
    count: int


@dataclass(frozen=True, slots=True)
class Lost:
    """A record that became no row (or, when ``repaired``, a changed one), and why.

    ``late`` tells whether the store found it out after its file was counted.
    """

    file: int
    position: int
    reason: str
    repaired: bool = False
    late: bool = False

    def words(self) -> str:
        """Name the record."""
        return f"record {self.position}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Lines:
    """What came of one log file: lines, where they come from, the file's row in the store's list, and what is lost."""

    text: bytes | bytearray
    runs: tuple[Run, ...]
    row: dict[str, Any]
    lost: tuple[Lost, ...] = ()


def lines_of(log: LogBytes, number: int) -> Lines:
    """Return the lines of one log file, which the store knows by a number."""
    match = PLACE.search(log.key)
    account, kind, region = match.groups() if match else ("unknown", "CloudTrail", "")
    row: dict[str, Any] = {
        "file": number,
        "bucket": log.bucket,
        "key": log.key,
        "account": account,
        "kind": kind,
        "region": region,
        "sha256": log.sha256,
        "state": log.state,
        "problem": log.problem,
        "records": 0,
        "refused": 0,
        "reason": "",
    }
    if log.data is None:
        return Lines(b"", (), {**row, "reason": log.problem or "it could not be read"})
    if plain := log.plain or plain_lines(log.data):
        text, count = plain
        return Lines(text, (Run(number, 0, count),), {**row, "records": count})
    try:
        parts = split(log.data)
    except Unsplittable as problem:
        return Lines(b"", (), {**row, "reason": str(problem)})
    lost: list[Lost] = []
    kept = dict(_one_by_one(parts, number, lost))
    row |= {"records": len(kept), "refused": len(parts.records) - len(kept)}
    return Lines(b"".join(kept.values()), runs_of(number, list(kept)), row, tuple(lost))


def _one_by_one(parts: Parts, number: int, lost: list[Lost]) -> Iterator[tuple[int, bytes]]:
    """Yield position and line of each record that can be one; the others, and what was changed, go to ``lost``."""
    for position, record in enumerate(parts.records):
        if parts.checked and len(record) <= RECORD_LIMIT and record[0] == _OPEN:
            yield position, bytes(record).replace(b"\n", b" ") + b"\n"
            continue
        try:
            line, note = repaired(bytes(record))
        except Unreadable as problem:
            lost.append(Lost(number, position, str(problem)))
            continue
        if note:
            lost.append(Lost(number, position, note, repaired=True))
        yield position, line + b"\n"


def runs_of(number: int, positions: Sequence[int]) -> tuple[Run, ...]:
    """Return growing positions of one file as runs."""
    runs: list[Run] = []
    for position in positions:
        last = runs[-1] if runs else None
        if last is not None and position == last.first + last.count:
            runs[-1] = Run(number, last.first, last.count + 1)
        else:
            runs.append(Run(number, position, 1))
    return tuple(runs)


def mended(path: Path, runs: Sequence[Run]) -> tuple[list[Run], list[Lost]]:
    """Rewrite a batch that was refused as a whole, record by record.

    Args:
        path: its lines.
        runs: where they come from.

    Returns:
        The runs of the lines that are left, and what was changed or left out.

    Raises:
        IntegrityError: there are more or fewer lines than records.
    """
    kept: list[Run] = []
    lost: list[Lost] = []
    partial = path.with_suffix(".mended")
    with path.open("rb") as source, partial.open("wb") as target:
        for run in runs:
            positions = []
            for position in range(run.first, run.first + run.count):
                raw = source.readline()
                if not raw:
                    raise IntegrityError(f"a batch of records ends early ({path.name})", hint="start again")
                try:
                    line, note = repaired(raw.rstrip(b"\n"))
                except Unreadable as problem:
                    lost.append(Lost(run.file, position, str(problem), late=True))
                    continue
                if note:
                    lost.append(Lost(run.file, position, note, repaired=True))
                positions.append(position)
                target.write(line + b"\n")
            kept += runs_of(run.file, positions)
        if source.readline():
            raise IntegrityError(f"a batch holds more lines than records ({path.name})", hint="start again")
    partial.replace(path)
    return kept, lost

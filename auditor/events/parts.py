"""Parts of a store that somebody else filled: read, checked against what they have to hold, cut. Moves nothing.

A part is a folder of the same form as a store. Who filled it read log files that the driver of a run had named to it,
and gave them numbers that the driver had kept free.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from auditor.base.counts import counted
from auditor.base.errors import IntegrityError
from auditor.events.store import AGGREGATED, EVENTS, FORM, quoted, read_lines

if TYPE_CHECKING:
    import duckdb

_NAME: Final = re.compile(r"([0-9]{12}|unknown)-[0-9]{5,}")
_NEEDED: Final = ("file", "bucket", "key", "sha256", "state", "problem", "records")


@dataclass(frozen=True, slots=True)
class Listed:
    """One batch of a part.

    Args:
        account: whose records they are; twelve digits, or ``unknown``.
        rows: its log files.
        tables: its Parquet files, by the folder of a store that they belong to.
    """

    account: str
    rows: tuple[dict[str, Any], ...]
    tables: Mapping[str, Path]

    @classmethod
    def read(cls, part: Path, path: Path) -> Self:
        """Read one list of a part.

        Raises:
            IntegrityError: it is none.
        """
        name = _NAME.fullmatch(path.stem)
        if name is None or path.is_symlink():
            raise IntegrityError(f"{path.name} is no list of log files")
        tables = {kind: part / kind / f"{path.stem}.parquet" for kind in (EVENTS, AGGREGATED)}
        try:
            rows = tuple(read_lines(path))
            for row in rows:
                _ = [row[name] for name in _NEEDED]
        except (ValueError, KeyError, TypeError) as error:
            raise IntegrityError(f"{path.name} is no list of log files") from error
        return cls(name[1], rows, {kind: table for kind, table in tables.items() if table.is_file()})


def check_part(
    database: "duckdb.DuckDBPyConnection",
    lists: Sequence[Listed],
    places: Collection[tuple[str, str]],
    numbers: range,
) -> None:
    """Hold a part against what it has to be: each log file that was asked for, and as many rows as records.

    Args:
        database: any connection.
        lists: all batches of the part.
        places: bucket and key of the log files.
        numbers: those that its log files may have.

    Raises:
        IntegrityError: it is not.
    """
    import duckdb

    given = [row["file"] for listed in lists for row in listed.rows]
    if len(given) != len(set(given)) or not set(given) <= set(numbers):
        raise IntegrityError("a part of the events numbers its log files as nobody told it to")
    held = {(row["bucket"], row["key"]) for listed in lists for row in listed.rows}
    if held != set(places):
        raise IntegrityError(
            f"a part of the events holds {counted(len(held), 'log file')}, {len(held - set(places))} of them unasked, "
            f"and not the {len(places)} that it was made of"
        )
    for listed in lists:
        said = Counter({row["file"]: row["records"] for row in listed.rows if row["records"]})
        found: Counter[int] = Counter()
        for table in listed.tables.values():
            query = f"SELECT file, count(*) FROM read_parquet({quoted(table)}) GROUP BY file"
            try:
                found.update(dict(database.execute(query).fetchall()))
            except duckdb.Error as error:
                raise IntegrityError(f"a part of the events cannot be read: {table.name}") from error
        if found != said:
            raise IntegrityError(
                f"a part of the events has {counted(found.total(), 'row')} of "
                f"{counted(len(found), 'log file')}, and its list says "
                f"{said.total()} of {len(said)}"
            )


def without(database: "duckdb.DuckDBPyConnection", listed: Listed, numbers: Collection[int]) -> None:
    """Take the rows of some log files out of a batch's Parquet files: they are there already."""
    if not numbers:
        return
    left = ", ".join(map(str, sorted(numbers)))
    for table in listed.tables.values():
        cut = table.with_suffix(".cut")
        database.execute(
            f"COPY (SELECT * FROM read_parquet({quoted(table)}) WHERE file NOT IN ({left})) TO {quoted(cut)} {FORM}"
        )
        cut.replace(table)

"""Tells copies of one event apart from two events of one id. Copies count once, and every place is kept.

The key is account and event id. Which copy is shown: the one whose log file verified, then the smallest place. Same key
with another content is never a copy: it is shown as it stands, and is a finding about the logs.
"""

import json
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from auditor.base.doubled import first_counts
from auditor.events.columns import OPEN, SCALARS
from auditor.events.store import quoted, write_lines

if TYPE_CHECKING:
    import duckdb

SEEK_MEMORY: Final = "128MB"
"""For all ids at once: what is more goes through the disk, and no slower."""
COMPARE_MEMORY: Final = ("256MB", "512MB")
"""For the rows whose ids stand twice: the second where the first does not suffice, as for joins with many millions."""
PLACES: Final = 20
"""Places of one id that are named."""
COPIES, CONFLICT_FILE = "copies.parquet", "conflicts.jsonl"

_RANK: Final = "CASE f.state WHEN 'valid' THEN 0 WHEN 'altered' THEN 3 WHEN 'history' THEN 2 ELSE 1 END"
_ACCOUNT: Final = "COALESCE(e.recipientAccountId, f.account)"


def find_copies(database: "duckdb.DuckDBPyConnection", folder: Path) -> None:
    """Write which rows are copies of others, and which ids stand for two contents.

    Args:
        database: with the views ``stored`` and ``files``.
        folder: the store.
    """
    import duckdb

    target = f"{quoted(folder / COPIES)} (FORMAT parquet)"
    database.execute(f"SET memory_limit='{SEEK_MEMORY}'")
    database.execute(
        "CREATE OR REPLACE TEMP TABLE maybe AS SELECT hash(eventID) AS h FROM stored WHERE eventID <> ''"
        " GROUP BY h HAVING count(*) > 1"
    )
    if database.execute("SELECT count(*) FROM maybe").fetchone() == (0,):  # contents would be read for nothing
        database.execute(f"COPY (SELECT 0 AS file, 0 AS position, 0 AS of_file, 0 AS of_position LIMIT 0) TO {target}")
        write_lines(folder / CONFLICT_FILE, ())
        return
    for memory in COMPARE_MEMORY:
        try:
            database.execute(f"SET memory_limit='{memory}'")
            _compare(database, folder, target)
        except duckdb.OutOfMemoryException:
            if memory == COMPARE_MEMORY[-1]:
                raise
        else:
            return


def _compare(database: "duckdb.DuckDBPyConnection", folder: Path, target: str) -> None:
    """Write which rows are copies and which ids are in conflict, of the rows whose ids stand twice."""
    database.execute(
        "CREATE OR REPLACE TEMP TABLE ranked AS SELECT f.file, f.account,"
        f" dense_rank() OVER (ORDER BY {_RANK}, f.bucket, f.key) AS place FROM files f"
    )
    database.execute(
        f"CREATE OR REPLACE TEMP TABLE twice AS SELECT {_ACCOUNT} AS account, e.eventID AS id, e.file, e.position,"
        f" f.place, hash({', '.join(('userIdentity', *SCALARS, *OPEN))}) AS content"
        " FROM stored e JOIN ranked f USING (file) SEMI JOIN maybe ON maybe.h = hash(e.eventID) WHERE e.eventID <> ''"
    )
    open_parts = "userIdentity AS userIdentity, " + ", ".join((*(n for n in SCALARS if n != "eventID"), *OPEN))
    database.execute(
        "CREATE OR REPLACE TEMP TABLE suspects AS"
        " SELECT account, id FROM twice GROUP BY ALL HAVING count(DISTINCT content) > 1"
    )
    differing: list[tuple[str, str]] = []

    def noted() -> Iterator[dict[str, Any]]:
        for item in _conflicts(database, open_parts):
            differing.append((item["account"], item["event_id"]))
            yield item

    write_lines(folder / CONFLICT_FILE, noted())
    database.execute(
        "CREATE OR REPLACE TEMP TABLE differing AS SELECT unnest($accounts)::VARCHAR AS account,"
        " unnest($ids)::VARCHAR AS id",
        {"accounts": [account for account, _ in differing], "ids": [id_ for _, id_ in differing]},
    )
    database.execute(
        "COPY (SELECT file, position, winner.file AS of_file, winner.position AS of_position FROM (SELECT *,"
        " row_number() OVER w AS n, first({'file': file, 'position': position}) OVER w AS winner FROM twice"
        " ANTI JOIN differing USING (account, id)"
        " WINDOW w AS (PARTITION BY account, id ORDER BY place, position, file)) WHERE n > 1)"
        f" TO {target}"
    )


def _conflicts(database: "duckdb.DuckDBPyConnection", parts: str) -> Iterator[dict[str, Any]]:
    """Compare the contents of each suspect id member by member, in whatever order they were written."""
    result = database.execute(
        f"SELECT account, id, to_json(t)::VARCHAR, bucket, key, position FROM (SELECT {parts},"
        f" s.account, s.id, f.bucket, f.key, e.position FROM stored e JOIN files f USING (file)"
        f" JOIN suspects s ON s.id = e.eventID AND s.account = {_ACCOUNT}) AS t ORDER BY 1, 2, 4, 5, 6"
    )
    for (account, id_), found in groupby(iter(result.fetchone, None), itemgetter(0, 1)):
        rows = list(found)
        if len({_canonical(row[2]) for row in rows}) > 1:
            places = [{"bucket": row[3], "log_file": row[4], "position": row[5]} for row in rows[:PLACES]]
            yield {"account": account, "event_id": id_, "places": places}


def _canonical(text: str) -> str:
    document = json.loads(text)
    for name in ("account", "id", "bucket", "key", "position"):
        del document[name]
    for name in OPEN:
        if isinstance(document.get(name), str):
            document[name] = json.loads(document[name], object_pairs_hook=first_counts)
    return json.dumps(document, sort_keys=True)

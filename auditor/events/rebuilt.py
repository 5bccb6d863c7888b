"""Makes records again of a store's columns: the very events that something is asked of, as plain JSON."""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from auditor.events.answer import plain
from auditor.events.columns import OPEN, SCALARS

if TYPE_CHECKING:
    import duckdb

MOST: Final = 200
"""Records that are made again; further ones are not there."""
LONGEST: Final = 32_768
"""Characters of one record as JSON; a longer one is not there."""


def records_of(database: "duckdb.DuckDBPyConnection", wanted: Iterable[str]) -> list[dict[str, Any]]:
    """Return the records of some events, each with its id and whether its log file verified, by time and id.

    Members that were null are left out, and what the columns do not know of an identity. One id in two accounts, or
    with two contents, is there more than once.
    """
    ids = sorted(set(wanted) - {""})[:MOST]
    if not ids:
        return []
    columns = ", ".join(f"e.{name}" for name in (*SCALARS, *OPEN))
    cursor = database.execute(
        f"SELECT {columns}, to_json(e.userIdentity) AS identity, f.state AS state FROM stored e"
        " JOIN files f USING (file)"
        " ANTI JOIN copies c ON c.file = e.file AND c.position = e.position"
        " WHERE list_contains($ids, e.eventID) ORDER BY e.eventTime, e.eventID, f.key, e.position",
        {"ids": ids},
    )
    names = [item[0] for item in cursor.description or ()]
    made = (dict(zip(names, row, strict=True)) for row in cursor.fetchall())
    found = ({"event_id": row["eventID"], "verified": row["state"] == "valid", "record": _record(row)} for row in made)
    return [item for item in found if len(json.dumps(item["record"])) <= LONGEST]


def _record(row: Mapping[str, Any]) -> dict[str, Any]:
    scalars = {name: plain(row[name]) for name in SCALARS}
    opened = {name: _opened(row[name]) for name in OPEN}
    identity = _without_null(_opened(row["identity"]))
    record = {**scalars, "userIdentity": identity or None, **opened}
    return {name: value for name, value in record.items() if value is not None}


def _opened(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return None


def _without_null(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    kept = {name: _without_null(inner) for name, inner in value.items()}
    return {name: inner for name, inner in kept.items() if inner not in (None, {})}

"""The document of the rows of note of one trail: each event once, openings paired, the rest counted. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from auditor.activity.openings import pair_ports
from auditor.activity.rows import Row

ROW_LIMIT: Final = 5000
"""Rows in one document; what lies beyond is counted by kind."""


def notable_document(
    rows: Iterable[Row], scope: Mapping[str, Any], *, log_files: int, records: int, limit: int = ROW_LIMIT
) -> dict[str, Any]:
    """Return the evidence document of notable events.

    Args:
        rows: the rows, in any order; the same record in two log files counts once.
        scope: what was searched: trail, period and so on, as plain JSON.
        log_files: how many log files were read.
        records: how many records they held.
        limit: how many rows the document may hold.
    """
    unique: dict[tuple[str, str, str], Row] = {}
    for row in sorted(rows, key=Row.order):
        known = unique.get((row.account, row.event_id, row.kind))
        if known is None or (row.verified and not known.verified) or not row.event_id:
            key = row.event_id or f"{row.log_file}#{len(unique)}"
            unique[row.account, key, row.kind] = row
    paired = pair_ports(unique.values())
    counts: dict[str, int] = {}
    for row in paired:
        counts[row.kind] = counts.get(row.kind, 0) + 1
    return {
        "schema": "auditor.notable-events/1",
        "scope": dict(scope),
        "source": {"log_files": log_files, "records": records},
        "counts": dict(sorted(counts.items())),
        "rows": [row.document() for row in paired[:limit]],
        "omitted": max(0, len(paired) - limit),
    }

"""Measures a store: where drawn events stand, how late log files came, when nothing was recorded, how much was.

Everything is counted where the events are, so that a period of any size costs a few passes over a few columns.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from auditor.base.errors import CatalogError
from auditor.base.period import Period, rfc3339
from auditor.events.answer import plain
from auditor.events.counting import counted
from auditor.events.opened import EventStore
from auditor.events.rebuilt import records_of

if TYPE_CHECKING:
    import duckdb

SCHEMA: Final = "auditor.measured/1"
STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 240)
"""Minutes at which a bar of the histogram ends; one more bar has all that came later."""
MOST_GROUPS: Final = 3_000
"""Groups of events that are kept one by one; the smaller ones are counted."""
_HOUR: Final = timedelta(hours=1)

_MINUTE: Final = r"try_strptime(regexp_extract(f.key, '_(\d{8}T\d{4})Z_[^/]*$', 1), '%Y%m%dT%H%M')"
"""The minute in a log file's name, which is that of its delivery, UTC without a zone; NULL where there is none."""
_CALLS: Final = "e.eventType IS DISTINCT FROM 'AwsCloudTrailInsight' AND e.addendum IS NULL"
"""An Insights event and a correction come late by their nature."""
_PLACED: Final = """
WITH named AS (SELECT f.file, f.state, f.account, {minute} AS minute FROM files f)
SELECT COALESCE(e.recipientAccountId, f.account, '') AS account, COALESCE(e.awsRegion, '') AS region,
    greatest(0, date_diff('minute', date_trunc('minute', e.eventTime AT TIME ZONE 'UTC'), f.minute)) AS delay
FROM stored e JOIN named f USING (file)
WHERE f.state = 'valid' AND f.minute IS NOT NULL AND e.eventTime >= $since AND e.eventTime < $until AND {calls}
"""
_DELAYS: Final = """
WITH delays AS ({placed})
SELECT account, region, count(*) AS events, min(delay) AS least, quantile_disc(delay, 0.5) AS median,
    quantile_disc(delay, 0.95) AS p95, max(delay) AS most, {bars}
FROM delays GROUP BY account, region ORDER BY account, region
"""
_HOURS: Final = """
SELECT account, region, date_trunc('hour', event_time) AS hour, count(*) AS events,
    min(event_time) AS first, max(event_time) AS last
FROM (SELECT COALESCE(e.recipientAccountId, f.account, '') AS account, COALESCE(e.awsRegion, '') AS region,
        e.eventTime AS event_time
    FROM stored e JOIN files f USING (file)
    WHERE f.state = 'valid' AND e.eventTime >= $since AND e.eventTime < $until)
GROUP BY ALL ORDER BY account, region, hour
"""
_FOUND: Final = """
SELECT e.eventID AS event_id, COALESCE(e.recipientAccountId, f.account) AS account, f.bucket, f.key AS log_file,
    f.state AS state
FROM stored e JOIN files f USING (file) SEMI JOIN wanted w ON w.id = e.eventID
ORDER BY event_id, f.state <> 'valid', f.bucket, f.key
"""
_COPIES: Final = """
SELECT COALESCE(e.recipientAccountId, f.account, '') AS account, COALESCE(e.awsRegion, '') AS region,
    COALESCE(e.eventCategory, CASE WHEN e.managementEvent THEN 'Management' WHEN NOT e.managementEvent THEN 'Data'
        ELSE '' END) AS category, count(*) AS copies
FROM copies c JOIN stored e ON e.file = c.file AND e.position = c.position JOIN files f ON f.file = e.file
WHERE e.eventTime >= $since AND e.eventTime < $until
GROUP BY ALL ORDER BY ALL
"""
_UNREADABLE: Final = """
SELECT count(*) FILTER (reason <> '' AND state IN ('valid', 'unvouched')) AS log_files,
    COALESCE(sum(unreadable), 0) AS records
FROM files
"""
"""Log files whose bytes are there and hold no records that can be read; the others are told by the hours."""


def measured(store: EventStore, period: Period, drawn: Iterable[str], followed: Iterable[str] = ()) -> dict[str, Any]:
    """Return what a store shows about the completeness of a period, as plain JSON.

    Args:
        store: finished, of the period's log files.
        period: the audited period.
        drawn: ids of events that Event history listed.
        followed: ids of events that are followed step by step: their records are kept.

    Raises:
        CatalogError: DuckDB refuses one of the statements.
        IntegrityError: the store's files were changed.
    """
    import duckdb

    bounds = {"since": period.start, "until": period.end}
    ids = sorted(set(drawn))
    try:
        with store.database() as database:
            found = _found(database, ids)
            delays = _rows(database, _delays(), bounds)
            hours = _rows(database, _HOURS, bounds)
            copies = _rows(database, _COPIES, bounds)
            records = records_of(database, followed)
            (unreadable,) = _rows(database, _UNREADABLE, {})
    except duckdb.Error as error:
        raise CatalogError(f"the store cannot be measured: {str(error).splitlines()[0]}") from error
    return {
        "schema": SCHEMA,
        "period": period.document(),
        "looked_for": ids,
        "found": found,
        "unreadable": {name: int(value) for name, value in unreadable.items()},
        "delivery": {"steps_minutes": list(STEPS), "places": [_delay(row) for row in delays]},
        "silence": _silence(hours, period),
        "counts": _counts(store, period, copies),
        "records": records,
    }


def _found(database: "duckdb.DuckDBPyConnection", ids: Sequence[str]) -> list[dict[str, Any]]:
    if not ids:
        return []
    database.execute("CREATE TEMP TABLE wanted AS SELECT unnest($ids::VARCHAR[]) AS id", {"ids": ids})
    return _rows(database, _FOUND, {})


def _rows(database: "duckdb.DuckDBPyConnection", text: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    result = database.execute(text, dict(values))
    names = [str(item[0]) for item in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _delays() -> str:
    edges = [(-1, STEPS[0]), *pairwise(STEPS)]
    bars = [
        f"count(*) FILTER (delay > {low} AND delay <= {high}) AS bar_{number}"
        for number, (low, high) in enumerate(edges)
    ]
    bars.append(f"count(*) FILTER (delay > {STEPS[-1]}) AS bar_{len(STEPS)}")
    return _DELAYS.format(placed=_PLACED.format(minute=_MINUTE, calls=_CALLS), bars=", ".join(bars))


def _delay(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("account", "region", "events", "least", "median", "p95", "most")
    return {
        **{name: plain(row[name]) for name in names},
        "bars": [row[f"bar_{number}"] for number in range(len(STEPS) + 1)],
    }


def _silence(hours: Sequence[Mapping[str, Any]], period: Period) -> list[dict[str, Any]]:
    """Return for each account and Region the longest time without an event of a verified log file."""
    places: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in hours:
        places.setdefault((row["account"], row["region"]), []).append(row)
    found = []
    for (account, region), rows in sorted(places.items()):
        times = [(period.start, period.start), *((row["first"], row["last"]) for row in rows), (period.end, period.end)]
        spans = [(before[1], after[0]) for before, after in pairwise(times)]
        start, end = max(spans, key=lambda span: (span[1] - span[0], -span[0].timestamp()))
        found.append(
            {
                "account": account,
                "region": region,
                "events": sum(row["events"] for row in rows),
                "hours_with_events": len(rows),
                "hours": _hours(period.start, period.end),
                "longest": {
                    "start": rfc3339(start),
                    "end": rfc3339(end),
                    "seconds": int((end - start).total_seconds()),
                },
            }
        )
    return found


def _hours(start: datetime, end: datetime) -> int:
    return -(-(end - start) // _HOUR)


def _counts(store: EventStore, period: Period, copies: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the distinct events in groups, the largest one by one, and how many copies there were beside them."""
    rows, searched = counted(store, period)
    ordered = sorted(rows, key=lambda row: (-row["number"], *(str(value) for value in row.values())))
    kept, rest = ordered[:MOST_GROUPS], ordered[MOST_GROUPS:]
    return {
        "groups": [{name: plain(value) for name, value in row.items()} for row in kept],
        "omitted": {"groups": len(rest), "events": sum(row["number"] for row in rest)},
        "copies": [{name: plain(value) for name, value in row.items()} for row in copies],
        "not_searched": sorted({f"{item.what}: {item.why}" for item in searched.not_searched}),
    }

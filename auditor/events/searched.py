"""Says what a question looked at: hours proved and expected, files, records, and by name all that was not looked at.

A store may hold more than is asked about. Whatever is counted or named here is that of the asked window: log files that
hold a record of it, or that were delivered in it and the hour after.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from auditor.base.period import Period, parse_time, rfc3339
from auditor.events.answer import Missing, Searched
from auditor.events.filters import Filters
from auditor.events.opened import EventStore

if TYPE_CHECKING:
    import duckdb

HOUR: Final = timedelta(hours=1)
DELIVERY: Final = timedelta(hours=1)
"""How long after an event its log file is looked for; CloudTrail takes some five minutes."""
NAMED: Final = 50
"""Files, records and spans named one by one; the rest is counted."""
_ALTERED_HOURS: Final = frozenset("xd")
_CATEGORIES: Final = {"data": "Data", "insights": "Insight", "network": "NetworkActivity"}
_ABSENT: Final = {
    "data": "no data event of the period was found: the trail may record none",
    "insights": "no Insights event of the period was found: the trail may record none",
    "network": "no network activity event of the period was found: the trail may record none",
}

_HoursOf = Sequence[tuple[Mapping[str, Any], list[tuple[datetime, str]]]]
"""Chains, each with its hours and their states."""


def searched(
    store: EventStore,
    database: "duckdb.DuckDBPyConnection",
    period: Period,
    filters: Filters,
    needs: Sequence[str],
) -> Searched:
    """Return what lies behind an answer.

    Args:
        store: the store, with its card: ``period``, ``coverage`` (hours of each chain), ``missing``.
        database: an open connection to it.
        period: what was asked about.
        filters: accounts and Regions narrow what had to be searched.
        needs: kinds of events that the question is about.
    """
    card = store.card
    if _apart(card, period):
        return Searched((), (), None, None, 0, 0, 0, 0, tuple(_outside(card, period, filters)))
    chains = [chain for chain in card.get("coverage") or () if _wanted(chain, filters)]
    hours = [(chain, list(_hours(chain, period))) for chain in chains]
    whole = not _narrower(card, period)
    _looked(database, period, filters, whole=whole)
    counts = _counts(database, period, whole=whole)
    missing = [
        *_outside(card, period, filters),
        *_spans(hours, card.get("states") or {}),
        *_late(chains, period),
        *_chainless(database, card, hours),
        *_unread(database),
        *_undated(database),
        *_conflicts(store, database, filters),
        *_absent(database, period, needs),
        *_said(card, period, filters),
    ]
    asked = sum(state != "." for _, states in hours for _, state in states)
    scope = card.get("scope") or {}
    if whole and not (counts["records"] or asked or scope or missing):
        missing.append(Missing("events", "no log file was read, and no digest says that there is none"))
    return Searched(
        tuple(
            sorted({*counts["accounts"], *(chain["account"] for chain in chains), *_named(scope, "accounts", filters)})
        ),
        tuple(sorted({*counts["regions"], *(chain["region"] for chain in chains), *_named(scope, "regions", filters)})),
        sum(state == "v" for _, states in hours for _, state in states) if asked else None,
        asked or None,
        counts["log_files"],
        counts["records"],
        counts["duplicates"],
        counts["unreadable"],
        tuple(missing),
    )


def _named(scope: Mapping[str, Any], name: str, filters: Filters) -> list[str]:
    """Return what a source without hours says it looked through: accounts or Regions."""
    chosen = getattr(filters, name)
    return [item for item in scope.get(name) or () if not chosen or item in chosen]


def _wanted(chain: Mapping[str, Any], filters: Filters) -> bool:
    return (not filters.accounts or chain["account"] in filters.accounts) and (
        not filters.regions or chain["region"] in filters.regions
    )


def _hours(chain: Mapping[str, Any], period: Period) -> Iterator[tuple[datetime, str]]:
    """Yield the hours of a chain that the period touches, with their states."""
    for day in chain["days"]:
        midnight = datetime.fromisoformat(day["date"]).replace(tzinfo=UTC)
        for number, state in enumerate(day["hours"]):
            hour = midnight + number * HOUR
            if hour < period.end and hour + HOUR > period.start:
                yield hour, state


def _spans(hours: _HoursOf, states: Mapping[str, str]) -> Iterator[Missing]:
    """Yield the stretches that are not proved, per chain; neighbouring hours of one state together."""
    for chain, found in hours:
        begin, before, last = None, "", None
        for hour, state in [*found, (None, "")]:
            if state != before or (last is not None and hour != last + HOUR):
                if begin is not None and last is not None:
                    yield _span(chain, begin, last + HOUR, before, states)
                begin = hour if state not in {"v", ".", ""} else None
            before, last = state, hour


def _span(chain: Mapping[str, Any], begin: datetime, end: datetime, state: str, states: Mapping[str, str]) -> Missing:
    where = {
        "account": chain["account"],
        "region": chain["region"],
        "trail": chain["trail"],
        "start": rfc3339(begin),
        "end": rfc3339(end),
    }
    return Missing("hours", states.get(state, "not verified"), where, altered=state in _ALTERED_HOURS)


def _apart(card: Mapping[str, Any], period: Period) -> bool:
    """Tell whether the question is about a time of which nothing was read: what was read says nothing of it."""
    held = card.get("period") or {}
    return bool(held) and (period.end <= parse_time(held["start"]) or period.start >= parse_time(held["end"]))


def _narrower(card: Mapping[str, Any], period: Period) -> bool:
    """Tell whether the store was filled with more than is asked about."""
    held = card.get("period") or {}
    return bool(held) and (period.start > parse_time(held["start"]) or period.end < parse_time(held["end"]))


def _late(chains: Sequence[Mapping[str, Any]], period: Period) -> Iterator[Missing]:
    """Yield where the deliveries right after the window are not proved: records of its last minutes may be in them."""
    for chain in chains:
        after = _hours(chain, Period(period.end, period.end + DELIVERY, ""))
        states = {state for hour, state in after if hour >= period.end} - {"v", "."}
        if states:
            where = {
                "account": chain["account"],
                "region": chain["region"],
                "trail": chain["trail"],
                "start": rfc3339(period.end),
                "end": rfc3339(period.end + DELIVERY),
            }
            why = "deliveries of the hour after the period are not proved; its last minutes may be in them"
            yield Missing("hours", why, where, altered=not states.isdisjoint(_ALTERED_HOURS))


def _said(card: Mapping[str, Any], period: Period, filters: Filters) -> Iterator[Missing]:
    """Yield what the store's filling left out, as far as it touches what is asked."""
    for item in card.get("missing") or ():
        where = item["where"]
        if not _wanted_or_unknown(where, filters):
            continue
        start, end = where.get("start"), where.get("end")
        if start and end and (parse_time(start) >= period.end or parse_time(end) <= period.start):
            continue
        yield Missing(item["what"], item["why"], where)


def _wanted_or_unknown(where: Mapping[str, Any], filters: Filters) -> bool:
    """Tell whether a place is one that was asked about, or may be."""
    return all(
        not asked or where.get(name) in {None, "", "unknown", *asked}
        for name, asked in (("account", filters.accounts), ("region", filters.regions))
    )


def _outside(card: Mapping[str, Any], period: Period, filters: Filters) -> Iterator[Missing]:
    """Yield what of the question lies outside of what the store was filled with."""
    held = card.get("period") or {}
    if held:
        start, end = parse_time(held["start"]), parse_time(held["end"])
        if period.start < start:
            yield Missing(
                "hours",
                "before what was read",
                {"start": rfc3339(period.start), "end": rfc3339(min(start, period.end))},
            )
        if period.end > end:
            yield Missing(
                "hours", "after what was read", {"start": rfc3339(max(end, period.start)), "end": rfc3339(period.end)}
            )
    chains = card.get("coverage") or ()
    scope = card.get("scope") or {}
    for name, one in (("accounts", "account"), ("regions", "region")):
        known = {chain[one] for chain in chains} | set(scope.get(name) or ())
        for asked in getattr(filters, name):
            if asked not in known:
                yield Missing(
                    "source", f"nothing was read of this {one.title() if one == 'region' else one}", {one: asked}
                )


_DELIVERED: Final = r"""
COALESCE(
    try_strptime(regexp_extract(f.key, '_(\d{8}T\d{4})Z_[^/]*$', 1), '%Y%m%dT%H%M') + INTERVAL 1 MINUTE,
    try_strptime(regexp_extract(f.key, '/(\d{4}/\d\d/\d\d)', 1), '%Y/%m/%d') + INTERVAL 1 DAY)
"""
"""The end of the minute in a log file's name, else of its folder's day; UTC without a zone, NULL where neither is."""
_BEGUN: Final = r"""
COALESCE(
    try_strptime(regexp_extract(f.key, '_(\d{8}T\d{4})Z_[^/]*$', 1), '%Y%m%dT%H%M'),
    try_strptime(regexp_extract(f.key, '/(\d{4}/\d\d/\d\d)', 1), '%Y/%m/%d'))
"""


def _looked(database: "duckdb.DuckDBPyConnection", period: Period, filters: Filters, *, whole: bool) -> None:
    """Make the table ``looked``: the log files that what is asked about rests on.

    One whose name does not tell when it was delivered counts unless all its records are of other times.
    """
    scope = (
        "(len($accounts) = 0 OR f.account = 'unknown' OR list_contains($accounts, f.account))"
        " AND (len($regions) = 0 OR f.region = '' OR list_contains($regions, f.region))"
    )
    bound: dict[str, Any] = {"accounts": list(filters.accounts), "regions": list(filters.regions)}
    head = "CREATE OR REPLACE TEMP TABLE looked AS "
    if whole:
        database.execute(f"{head}SELECT f.* FROM files f WHERE {scope}", bound)
        return
    times = (
        "SELECT file, min(eventTime) AS first, bool_or(eventTime >= $since AND eventTime < $until) AS within"
        " FROM stored GROUP BY file UNION ALL"
        " SELECT file, min(windowStart), bool_or(windowStart >= $since AND windowStart < $until)"
        " FROM aggregated GROUP BY file"
    )
    near = f"({_BEGUN} < $last AND {_DELIVERED} > $begin)"
    database.execute(
        f"{head}WITH times AS (SELECT file, min(first) AS first, bool_or(within) AS within"
        f" FROM ({times}) GROUP BY file)"
        f" SELECT f.* FROM files f LEFT JOIN times t USING (file)"
        f" WHERE {scope} AND (t.within OR COALESCE({near}, t.first IS NULL))",
        {
            **bound,
            "since": period.start,
            "until": period.end,
            "begin": period.start.replace(tzinfo=None),
            "last": (period.end + DELIVERY).replace(tzinfo=None),
        },
    )


def _counts(database: "duckdb.DuckDBPyConnection", period: Period, *, whole: bool) -> dict[str, Any]:
    row = database.execute(
        "SELECT count(*) FILTER (state <> 'history' AND state <> 'missing'), COALESCE(sum(records), 0),"
        " COALESCE(sum(unreadable), 0) + count(*) FILTER (reason <> ''),"
        " list(DISTINCT account) FILTER (account <> 'unknown'), list(DISTINCT region) FILTER (region <> '')"
        " FROM looked"
    ).fetchone()
    copies = "SELECT count(*) FROM copies c JOIN looked l ON l.file = c.file"
    bounds = {} if whole else {"since": period.start, "until": period.end}
    if not whole:
        copies += (
            " JOIN stored e ON e.file = c.file AND e.position = c.position"
            " WHERE e.eventTime >= $since AND e.eventTime < $until"
        )
    records = int(row[1]) if row else 0
    if not whole:
        found = database.execute(
            "SELECT (SELECT count(*) FROM stored SEMI JOIN looked USING (file)"
            " WHERE eventTime >= $since AND eventTime < $until)"
            " + (SELECT count(*) FROM aggregated SEMI JOIN looked USING (file)"
            " WHERE windowStart >= $since AND windowStart < $until)",
            bounds,
        ).fetchone()
        records = int(found[0]) if found else 0
    doubled = database.execute(copies, bounds).fetchone()
    return {
        "log_files": int(row[0]) if row else 0,
        "records": records,
        "unreadable": int(row[2]) if row else 0,
        "accounts": (row[3] or []) if row else [],
        "regions": (row[4] or []) if row else [],
        "duplicates": int(doubled[0]) if doubled else 0,
    }


def _chainless(database: "duckdb.DuckDBPyConnection", card: Mapping[str, Any], hours: _HoursOf) -> Iterator[Missing]:
    """Yield accounts and Regions with log files that no digest vouches for, where the hours do not say so.

    Either there is no digest at all, and none of the hours is among those expected; or the hours are proved, and a
    file lies beside those that their digests name.
    """
    if "coverage" not in card:
        return  # Event history and the like: no digest speaks of them at all
    chained = {(chain["account"], chain["region"]) for chain in card["coverage"] or ()}
    told = {(chain["account"], chain["region"]) for chain, states in hours if {s for _, s in states} - {"v", "."}}
    rows = database.execute(
        "SELECT account, region, count(*), count(*) FILTER (state = 'unvouched') FROM looked"
        " WHERE kind = 'CloudTrail' AND state <> 'history' GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    for account, region, number, unvouched in rows:
        where = {"account": account, "region": region, "log_files": number}
        if (account, region) not in chained:
            yield Missing("hours", "no chain of digests vouches for what was recorded here", where)
        elif unvouched and (account, region) not in told:
            yield Missing("log_files", "no digest names them", {**where, "log_files": unvouched})


def _unread(database: "duckdb.DuckDBPyConnection") -> Iterator[Missing]:
    """Yield the log files and records that could not be read, the first ones by name."""
    rows = database.execute(
        "SELECT bucket, key, state, reason, unreadable, lost FROM looked"
        " WHERE reason <> '' OR unreadable > 0 OR state = 'altered' ORDER BY key, bucket"
    ).fetchall()
    for bucket, key, state, reason, unreadable, lost in rows[:NAMED]:
        altered = state in {"altered", "missing"}
        if state == "altered" and not reason:
            yield Missing(
                "log_files", "altered: its hash is not the digest's", {"bucket": bucket, "log_file": key}, altered=True
            )
        elif reason:
            yield Missing("log_files", reason, {"bucket": bucket, "log_file": key}, altered=altered)
        if unreadable:
            why = "; ".join(text for text in lost[:5])
            yield Missing("records", why, {"bucket": bucket, "log_file": key, "count": unreadable})
    if rest := rows[NAMED:]:
        altered = any(row[2] in {"altered", "missing"} for row in rest)
        yield Missing("log_files", "further ones of the same kinds", {"count": len(rest)}, altered=altered)


def _undated(database: "duckdb.DuckDBPyConnection") -> Iterator[Missing]:
    row = database.execute(
        "SELECT count(*) FROM stored SEMI JOIN looked USING (file) WHERE eventTime IS NULL"
    ).fetchone()
    if row and row[0]:
        yield Missing("records", "they have no readable time and so belong to no period", {"count": int(row[0])})


def _conflicts(store: EventStore, database: "duckdb.DuckDBPyConnection", filters: Filters) -> Iterator[Missing]:
    """Yield the ids with two contents, one of which stands in a log file that was looked at."""
    found = store.conflicts()
    if not found:
        return
    looked = set(database.execute("SELECT bucket, key FROM looked").fetchall())
    named = 0
    for item in found:
        here = any((place["bucket"], place["log_file"]) in looked for place in item["places"])
        if not here or (filters.accounts and item["account"] not in filters.accounts):
            continue
        named += 1
        if named <= NAMED:
            where = {"account": item["account"], "event_id": item["event_id"], "places": item["places"]}
            yield Missing("events", "one id with two contents", where, altered=True)


def _absent(database: "duckdb.DuckDBPyConnection", period: Period, needs: Sequence[str]) -> Iterator[Missing]:
    """Yield the kinds of events that a question needs and of which the period has none."""
    for need in needs:
        if need not in _CATEGORIES:
            continue
        row = database.execute(
            "SELECT 1 FROM all_events"
            " WHERE event_time >= $since AND event_time < $until AND category = $category LIMIT 1",
            {"since": period.start, "until": period.end, "category": _CATEGORIES[need]},
        ).fetchone()
        if row is None:
            yield Missing("events", _ABSENT[need], {"category": _CATEGORIES[need]})

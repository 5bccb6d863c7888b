"""Says what a question looked at: hours proved and expected, files, records, and by name all that was not looked at."""

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
NAMED: Final = 50
"""Files, records and spans named one by one; the rest is counted."""
_ALTERED_HOURS: Final = frozenset("xd")
_CATEGORIES: Final = {"data": "Data", "insights": "Insight", "network": "NetworkActivity"}
_ABSENT: Final = {
    "data": "no data event of the period was found: the trail may record none",
    "insights": "no Insights event of the period was found: the trail may record none",
    "network": "no network activity event of the period was found: the trail may record none",
}


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
    counts = _counts(database, period, filters)
    missing = [
        *_outside(card, period, filters),
        *_spans(hours, card.get("states") or {}),
        *_unread(database, filters),
        *_undated(database),
        *_conflicts(store, filters),
        *_absent(database, period, needs),
        *(Missing(item["what"], item["why"], item["where"]) for item in card.get("missing") or ()),
    ]
    asked = sum(state != "." for _, states in hours for _, state in states)
    scope = card.get("scope") or {}
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


def _spans(
    hours: Sequence[tuple[Mapping[str, Any], list[tuple[datetime, str]]]], states: Mapping[str, str]
) -> Iterator[Missing]:
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


def _counts(database: "duckdb.DuckDBPyConnection", period: Period, filters: Filters) -> dict[str, Any]:
    scope = (
        "(len($accounts) = 0 OR list_contains($accounts, f.account))"
        " AND (len($regions) = 0 OR f.region = '' OR list_contains($regions, f.region))"
    )
    bound = {"accounts": list(filters.accounts), "regions": list(filters.regions)}
    row = database.execute(
        f"SELECT count(*) FILTER (f.state <> 'history' AND f.state <> 'missing'), COALESCE(sum(f.records), 0),"
        f" COALESCE(sum(f.unreadable), 0) + count(*) FILTER (f.reason <> ''),"
        f" list(DISTINCT f.account) FILTER (f.account <> 'unknown'), list(DISTINCT f.region) FILTER (f.region <> '')"
        f" FROM files f WHERE {scope}",
        bound,
    ).fetchone()
    copies = database.execute(
        f"SELECT count(*) FROM copies c JOIN files f ON f.file = c.file WHERE {scope}",
        bound,
    ).fetchone()
    del period
    return {
        "log_files": int(row[0]) if row else 0,
        "records": int(row[1]) if row else 0,
        "unreadable": int(row[2]) if row else 0,
        "accounts": (row[3] or []) if row else [],
        "regions": (row[4] or []) if row else [],
        "duplicates": int(copies[0]) if copies else 0,
    }


def _unread(database: "duckdb.DuckDBPyConnection", filters: Filters) -> Iterator[Missing]:
    """Yield the log files and records that could not be read, the first ones by name."""
    rows = database.execute(
        "SELECT bucket, key, account, region, state, reason, unreadable, lost FROM files"
        " WHERE reason <> '' OR unreadable > 0 OR state = 'altered' ORDER BY key, bucket"
    ).fetchall()
    shown = 0
    for bucket, key, account, region, state, reason, unreadable, lost in rows:
        if not _wanted({"account": account, "region": region}, filters):
            continue
        shown += 1
        if shown > NAMED:
            continue
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
    if shown > NAMED:
        yield Missing("log_files", "further ones of the same kinds", {"count": shown - NAMED})


def _undated(database: "duckdb.DuckDBPyConnection") -> Iterator[Missing]:
    row = database.execute("SELECT count(*) FROM stored WHERE eventTime IS NULL").fetchone()
    if row and row[0]:
        yield Missing("records", "they have no readable time and so belong to no period", {"count": int(row[0])})


def _conflicts(store: EventStore, filters: Filters) -> Iterator[Missing]:
    for item in store.conflicts()[:NAMED]:
        if not filters.accounts or item["account"] in filters.accounts:
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

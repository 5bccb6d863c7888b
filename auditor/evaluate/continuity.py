"""Timelines over the period: each thing as it was read, walked back through the verified calls that changed it.

The period controls rest on these timelines: what stands out of order on one does not meet its criterion. A line is
drawn where a call changed something; what nobody touched is counted by kind.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from auditor.activity.calls import names_in
from auditor.activity.continuity import Change, Span, Stretch, joined, walk
from auditor.activity.fields import maps, member, moment, text
from auditor.activity.watched import Row, leaves, replaced, setting_of, succeeded
from auditor.base.period import Period, rfc3339
from auditor.evaluate.library import Library
from auditor.evaluate.things import Thing, TrailFacts, leaves_out, things, trail_items, unread
from auditor.evaluate.view import View

_DIGESTS, _EVENTS = "trail:VerifyDigests", "trail:NotableEvents"

MOST_LINES = 200
"""Lines of one account; further ones are counted."""
_MOST_NAMES = 20
_HOUR = timedelta(hours=1)
_SOURCES = {
    "logging": "cloudtrail.amazonaws.com",
    "validation": "cloudtrail.amazonaws.com",
    "selectors": "cloudtrail.amazonaws.com",
    "trail settings": "cloudtrail.amazonaws.com",
    "log bucket": "s3.amazonaws.com",
    "log group": "logs.amazonaws.com",
    "metric filters": "logs.amazonaws.com",
    "alarm": "monitoring.amazonaws.com",
    "topic": "sns.amazonaws.com",
    "subscriptions": "sns.amazonaws.com",
    "rule": "events.amazonaws.com",
    "recorder": "config.amazonaws.com",
}


@dataclass(frozen=True, slots=True)
class _Table:
    """A document that trail verification wrote about one trail."""

    ref: str
    page: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One thing's timeline.

    Args:
        thing: whose.
        stretches: how it stood, over the whole period.
        rows: the calls of the period that set it.
        refused: how many more were refused.
    """

    thing: Thing
    stretches: tuple[Stretch, ...]
    rows: tuple[Row, ...]
    refused: int


@dataclass(frozen=True, slots=True)
class Timelines:
    """All timelines of one account, and the references of what they were walked back from."""

    lines: tuple[Line, ...]
    refs: tuple[str, ...]
    trails: tuple[TrailFacts, ...] = ()


def continuity(libraries: Iterable[Library]) -> tuple[Mapping[str, Any], ...]:
    """Return one document for each account whose log files were searched."""
    return tuple(document for library in libraries if (document := _account(library)) is not None)


def timelines(view: View, period: Period) -> Timelines | None:
    """Return the timelines of an account, worked out once for all who ask; None where no log files were searched."""
    return view.once("timelines", lambda own: _walked_back(own, period))


def _walked_back(view: View, period: Period) -> Timelines | None:
    reports, events = _by_trail(view, _DIGESTS), _by_trail(view, _EVENTS)
    if not reports or not events:
        return None
    trails = [_trail(view, item, reports, events) for item in trail_items(view)]
    lines = tuple(_lines(view, trails, _rows(events.values()), period))
    refs = tuple(table.ref for table in (*reports.values(), *events.values()))
    return Timelines(lines, refs, tuple(trails))


def _account(library: Library) -> Mapping[str, Any] | None:
    view = View(library)
    found = timelines(view, library.period)
    if found is None:
        return None
    lines = found.lines
    touched = [line for line in lines if line.rows or line.refused]
    return {
        "account": library.account.id,
        "period": library.period.document(),
        "refs": list(found.refs),
        "lines": [_line(line) for line in touched[:MOST_LINES]],
        "more": max(0, len(touched) - MOST_LINES),
        "untouched": list(_untouched(line for line in lines if not (line.rows or line.refused))),
        "unread": [{"kind": kind, "operation": operation} for kind, operation in unread(view)],
    }


def _by_trail(view: View, operation: str) -> dict[str, _Table]:
    """Return what trail verification wrote, by the ARN of the trail."""
    if not view.planned(operation):
        return {}
    return {
        text(dict(record.call.parameters).get("Name")): _Table(record.ref, page)
        for record, pages in view.stored(operation)
        for page in pages
        if isinstance(page, Mapping)
    }


def _trail(
    view: View, item: Mapping[str, Any], reports: Mapping[str, _Table], events: Mapping[str, _Table]
) -> TrailFacts:
    arn = text(item.get("TrailARN"))
    report, table = reports.get(arn), events.get(arn)
    until = None if table is None else _searched_until(table.page)
    spans = {} if report is None or until is None else _spans(report.page, view.account.id, until)
    return TrailFacts(item, spans, leaves_out(view, item))


def _searched_until(table: Mapping[str, Any]) -> datetime | None:
    """Return up to when a table holds every event; None where some records could not be read."""
    if member(table, "source").get("unread"):
        return None
    if not table.get("omitted"):
        return datetime.max.replace(tzinfo=UTC)
    times = [moment(row.get("event_time")) for row in maps(table.get("rows"))]
    return max((item for item in times if item is not None), default=None)


def _spans(report: Mapping[str, Any], account: str, until: datetime) -> dict[str, tuple[Span, ...]]:
    """Return the verified hours of a trail's report by Region."""
    found: dict[str, tuple[Span, ...]] = {}
    for chain in maps(member(report, "coverage").get("chains")):
        if text(chain.get("account")) == account:
            found[text(chain.get("region"))] = joined(_hours(chain, until))
    return found


def _hours(chain: Mapping[str, Any], until: datetime) -> Iterator[Span]:
    for day in maps(chain.get("days")):
        start = moment(day.get("date"))
        for number, state in enumerate(text(day.get("hours"))):
            if start is not None and state == "v":
                begin = start + number * _HOUR
                yield begin, min(begin + _HOUR, until)


def _rows(events: Iterable[_Table]) -> list[Row]:
    """Return the calls that change what is followed, each once; a copy from a verified file goes before others."""
    found: dict[object, Row] = {}
    for table in events:
        for number, row in enumerate(maps(table.page.get("rows"))):
            if setting_of(row) is None or moment(row.get("event_time")) is None:
                continue
            key = text(row.get("event_id")) or (table.ref, number)
            if key not in found or row.get("verified") is True:
                found[key] = row
    rows = sorted(found.values(), key=lambda row: (text(row.get("event_time")), text(row.get("event_id"))))
    return [row for row in rows if not replaced(row, rows)]


def _lines(view: View, trails: Sequence[TrailFacts], rows: Sequence[Row], period: Period) -> Iterator[Line]:
    seen: set[int] = set()
    known: set[tuple[str, str, str]] = set()
    for thing in things(view, trails):
        if (thing.kind, thing.region, thing.name) in known:
            continue
        known.add((thing.kind, thing.region, thing.name))
        own = [row for row in rows if _is_about(row, thing)]
        seen.update(id(row) for row in own)
        if own or thing.readings:
            yield _walked(thing, own, trails, period)
    rest = [row for row in rows if id(row) not in seen or len(names_in(row.get("resource"))[0]) > 1]
    for thing in _gone(rest):
        if (thing.kind, thing.region, thing.name) not in known:
            yield _walked(thing, [row for row in rest if _is_about(row, thing)], trails, period)


def _is_about(row: Row, thing: Thing) -> bool:
    found = setting_of(row)
    if found is None or found.kind != thing.kind:
        return False
    return thing.about(row) and (not thing.region or text(row.get("region")) in {thing.region, ""})


_FOLLOWED_BY_NAME = frozenset({"alarm", "topic", "rule", "recorder"})
"""Kinds of which calls on what is not there any more count; log groups and buckets count by their trails."""


def _gone(rows: Iterable[Row]) -> Iterator[Thing]:
    """Yield what calls name and no list has: it went, or its list is missing."""
    named: dict[tuple[str, str, str], None] = {}
    for row in rows:
        found = setting_of(row)
        if found is not None and found.kind in _FOLLOWED_BY_NAME:
            for name in names_in(row.get("resource"))[0] or ("",):
                named.setdefault((found.kind, name, text(row.get("region"))))
    for kind, name, region in named:
        yield Thing(kind, name or "not named", region, _exactly(name))


def _exactly(name: str) -> Any:
    return lambda row: name in (names_in(row.get("resource"))[0] or ("",))


def _walked(thing: Thing, own: Sequence[Row], trails: Sequence[TrailFacts], period: Period) -> Line:
    done = [row for row in own if succeeded(row)]
    source = _SOURCES[thing.kind]
    verified = joined(span for trail in trails for span in trail.spans_of(source, thing.region))
    stretches = walk(period, verified, _changes(done), thing.readings, thing.proved)
    return Line(thing, stretches, tuple(done), len(own) - len(done))


def _changes(rows: Iterable[Row]) -> Iterator[Change]:
    for row in rows:
        found, at = setting_of(row), moment(row.get("event_time"))
        if found is not None and at is not None:
            yield Change(at, leaves(row), row.get("verified") is True, found.part)


def _line(line: Line) -> dict[str, Any]:
    return {
        "kind": line.thing.kind,
        "name": line.thing.name,
        "region": line.thing.region,
        "refs": list(line.thing.refs),
        "readings": [
            {
                "part": part,
                "holds": reading.holds,
                "at": rfc3339(reading.at),
                "since": None if reading.since is None else rfc3339(reading.since),
            }
            for part, reading in line.thing.readings
        ],
        "stretches": [_stretch(item) for item in line.stretches],
        "changes": [_told(row) for row in line.rows],
        "refused": line.refused,
    }


def _stretch(item: Stretch) -> dict[str, str]:
    return {"start": rfc3339(item.start), "end": rfc3339(item.end), "condition": item.condition.value}


def _told(row: Row) -> dict[str, Any]:
    found = setting_of(row)
    names = ("event_time", "event_name", "event_id", "actor", "source_ip", "sets", "log_file")
    return {
        **{name: text(row.get(name)) for name in names},
        "part": found.part if found else "",
        "holds": leaves(row),
        "verified": row.get("verified") is True,
    }


def _untouched(lines: Iterable[Line]) -> Iterator[dict[str, Any]]:
    """Yield things nobody changed, those that stood alike together."""
    groups: dict[tuple[str, tuple[Stretch, ...]], list[Line]] = {}
    for line in lines:
        groups.setdefault((line.thing.kind, line.stretches), []).append(line)
    for (kind, stretches), members in groups.items():
        yield {
            "kind": kind,
            "count": len(members),
            "names": [member.thing.name for member in members[:_MOST_NAMES]],
            "refs": sorted({ref for member in members for ref in member.thing.refs}),
            "stretches": [_stretch(item) for item in stretches],
        }

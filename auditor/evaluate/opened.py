"""From an opened security group to the notice of it, step by step: event, rule, target, revert, notice. Judges nothing.

The openings and what ended them are the rows of the trails' events of note; rules, targets, filters and alarms are as
they were read, and how they stood at that time is as the timelines tell.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from auditor.activity.continuity import joined
from auditor.activity.fields import maps, moment, text
from auditor.activity.identity import SUCCESS
from auditor.activity.rows import OPENED
from auditor.base.period import parse_time, rfc3339
from auditor.evaluate.checks.target_facts import reactions
from auditor.evaluate.continuity import Timelines, timelines
from auditor.evaluate.fired import fired
from auditor.evaluate.library import Library
from auditor.evaluate.missing import UNREADABLE, EvidenceMissing
from auditor.evaluate.reverts import revert
from auditor.evaluate.steps import STOOD, Aims, Opening, Rule, Rules, Seen, Step, documents, filter_matches
from auditor.evaluate.things import groups_of_trails
from auditor.evaluate.view import View
from auditor.monitoring.chain.actions import Parts
from auditor.monitoring.chain.alarm_rule import Expression, RuleError, goes_off_with, mentions, parse_alarm_rule

EVENTS, MEASURED = "trail:NotableEvents", "events:Measured"
FILTERS, ALARMS = "logs:DescribeMetricFilters", "cloudwatch:DescribeAlarms"
MOST: Final = 100
"""Openings that are followed; further ones are counted."""
SOON: Final = timedelta(hours=1)
"""Within it an alarm that fires is taken to be about the event."""
_EC2: Final = "ec2.amazonaws.com"


def opened(libraries: Iterable[Library]) -> tuple[Mapping[str, Any], ...]:
    """Return one document for each account whose log files were searched."""
    return tuple(document for library in libraries if (document := _account(library)) is not None)


def _account(library: Library) -> Mapping[str, Any] | None:
    view = View(library)
    found = timelines(view, library.period)
    if found is None:
        return None
    openings = list(_openings(view))
    follower = _Follower(view, library, found)
    refs = {record.ref for operation in (EVENTS, MEASURED) for record, _ in _stored(view, operation)}
    return {
        "account": library.account.id,
        "period": library.period.document(),
        "refs": sorted({*refs, *found.refs}),
        "openings": [follower.document(one) for one in openings[:MOST]],
        "more": max(0, len(openings) - MOST),
    }


def _stored(view: View, operation: str) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    if view.planned(operation):
        for record, pages in view.stored(operation):
            yield from ((record, page) for page in pages if isinstance(page, Mapping))


def _openings(view: View) -> Iterator[Opening]:
    """Yield the successful openings of all trails, each once; one in a verified file goes before its copies."""
    records: dict[str, Mapping[str, Any]] = {}
    for _, page in _stored(view, MEASURED):
        for item in maps(page.get("records")):
            record = item.get("record")
            if isinstance(record, Mapping) and (
                item.get("verified") is True or text(item.get("event_id")) not in records
            ):
                records[text(item.get("event_id"))] = record
    found: dict[object, Mapping[str, Any]] = {}
    for evidence, page in _stored(view, EVENTS):
        for number, row in enumerate(maps(page.get("rows"))):
            if row.get("kind") != OPENED or text(row.get("outcome")) != SUCCESS or not row.get("ports"):
                continue
            key = text(row.get("event_id")) or (evidence.ref, number)
            if key not in found or row.get("verified") is True:
                found[key] = row
    rows = sorted(found.values(), key=lambda row: (text(row.get("event_time")), text(row.get("event_id"))))
    for row in rows:
        at = moment(row.get("event_time"))
        if at is not None:
            record = records.get(text(row.get("event_id")))
            closing = records.get(text(row.get("closing_event")))
            yield Opening(row, at, text(row.get("region")), record, closing)


class _Follower:
    """Follows openings of one account."""

    def __init__(self, view: View, library: Library, found: Timelines) -> None:
        self._view, self._period, self._found = view, library.period, found
        self._rules = Rules(view, found.lines)
        self._aims = Aims(view, _reactions(view))
        self._notices = _Notices(view, found, next(iter(fired((library,))), None))

    def document(self, opening: Opening) -> dict[str, Any]:
        row = opening.row
        event = Step(
            "event",
            Seen.SEEN,
            text(row.get("event_name")),
            "" if row.get("verified") is True else "no digest vouches for its log file",
            opening.at,
            text(row.get("actor")),
            text(row.get("event_id")),
        )
        rule, rules = self._rules.step(opening, self._aims)
        target, targets = self._aims.step(rule, rules, opening)
        ended = revert(opening, targets, self._until(opening))
        notice = self._notices.step(opening, self._aims.arns(rules)[0], self._aims.beyond(rules))
        return {
            "event_id": text(row.get("event_id")),
            "event_time": rfc3339(opening.at),
            "region": opening.region,
            "group": text(row.get("resource")),
            "ports": list(row.get("ports") or ()),
            "minutes_open": row.get("minutes_open"),
            "steps": list(documents((event, rule, target, ended, notice))),
        }

    def _until(self, opening: Opening) -> datetime | None:
        """Return up to when every hour after an opening verified; None where that is the end of the period."""
        spans = [span for trail in self._found.trails for span in trail.spans_of(_EC2, opening.region)]
        end = next((last for first, last in joined(spans) if first <= opening.at < last), opening.at)
        return None if end >= self._period.end else end


def _reactions(view: View) -> Mapping[str, Any]:
    try:
        return reactions(view)
    except (EvidenceMissing, *UNREADABLE):
        return {}


class _Notices:
    """Who could be told of an event: alarms of the filters that match it, and topics that rules hand it to."""

    def __init__(self, view: View, found: Timelines, history: Mapping[str, Any] | None) -> None:
        self._view, self._found, self._history = view, found, history

    def step(self, opening: Opening, aims: Sequence[tuple[Rule, str]], beyond: str) -> Step:
        """Return the step "notice": the first alarm that fired, else a topic of a rule that people hear.

        Args:
            opening: what was opened.
            aims: rules that took the event, with their targets.
            beyond: buses that they hand it to and whose rules nobody read; empty for none.
        """
        told = self._by_topic(opening, [(rule, arn) for rule, arn in aims if Parts.of(arn).service == "sns"])
        alarmed = self._by_alarm(opening)
        if told is not None and alarmed.seen is not Seen.SEEN:
            return told
        if beyond and alarmed.seen is Seen.MISSING:
            why = f"{alarmed.why}; whether a rule of {beyond} told anybody does not follow: it was not read"
            return replace(alarmed, seen=Seen.UNDERIVABLE, why=why)
        return alarmed

    def _by_topic(self, opening: Opening, topics: Sequence[tuple[Rule, str]]) -> Step | None:
        """Return the step where a rule hands the event to a topic: whether somebody could hear it, never when."""
        for rule, arn in topics:
            stood = {kind: self._stood(kind, arn, opening) for kind in ("topic", "subscriptions")}
            if rule.condition in STOOD and all(condition in STOOD for condition in stood.values()):
                why = f"the rule {text(rule.item.get('Name'))} hands it to the topic, which people had confirmed; "
                return Step("notice", Seen.UNRECORDED, Parts.of(arn).name, f"{why}when it told them, nothing records")
        return None

    def _stood(self, kind: str, name: str, opening: Opening) -> Any:
        line = next((one for one in self._found.lines if (one.thing.kind, one.thing.name) == (kind, name)), None)
        stretches = line.stretches if line is not None else ()
        return next((one.condition for one in stretches if one.start <= opening.at < one.end), None)

    def _by_alarm(self, opening: Opening) -> Step:
        if opening.record is None:
            return Step("notice", Seen.UNDERIVABLE, why="the record is not among the evidence")
        alarms, unsure = self._alarms(opening.record)
        names = [name for _, name in alarms]
        if not alarms:
            if unsure:
                return Step("notice", Seen.UNDERIVABLE, why=unsure)
            return Step("notice", Seen.MISSING, why="no alarm that was read watches a filter that matches this event")
        if self._history is None:
            return Step("notice", Seen.UNDERIVABLE, ", ".join(names[:3]), "the history of alarms was not asked for")
        if firing := self._first(alarms, opening.at):
            return self._fired(firing, opening.at)
        return self._silent(alarms, opening, self._history)

    @staticmethod
    def _fired(firing: Mapping[str, Any], at: datetime) -> Step:
        began = parse_time(firing["at"])
        acted = [parse_time(one["at"]) for one in firing["actions"] if one["state"] == "Succeeded"]
        who = {"somebody": "somebody could be told", "nobody": "nobody could be told"}.get(firing["told"], "")
        why = ": ".join(filter(None, [who or "whether anybody could be told is not known", firing["why"]]))
        if began < at:
            why = f"it was in ALARM already, since {rfc3339(began)}, and does not fire again; {why}"
            return Step("notice", Seen.MISSING, firing["alarm"], why)
        seen = Seen.MISSING if firing["told"] == "nobody" else Seen.SEEN
        return Step("notice", seen, firing["alarm"], why, min(acted, default=began))

    def _first(self, alarms: Sequence[tuple[str, str]], at: datetime) -> Mapping[str, Any] | None:
        """Return the first time that one of the alarms fired after an event, or that it was in ALARM when it came.

        One of which somebody could be told goes before the others: an alarm may act by its composite alone.
        """
        found = [one for one in (self._history or {}).get("fired", ()) if (one["region"], one["alarm"]) in alarms]
        after = [one for one in found if at <= parse_time(one["at"]) <= at + SOON]
        during = [
            one
            for one in found
            if parse_time(one["at"]) < at and (one["until"] is None or parse_time(one["until"]) > at)
        ]
        heard = [one for one in after if one["told"] == "somebody"] or after
        return min(heard, key=lambda one: str(one["at"]), default=next(iter(during), None))

    @staticmethod
    def _silent(alarms: Sequence[tuple[str, str]], opening: Opening, history: Mapping[str, Any]) -> Step:
        what, regions = ", ".join(name for _, name in alarms[:3]), {region for region, _ in alarms}
        reached = [item["oldest"] for item in history["reaches_back"] if item["oldest"] and item["region"] in regions]
        if not reached or min(map(parse_time, reached)) > opening.at:
            why = "the history of alarms that CloudWatch still had does not reach back to the event"
            return Step("notice", Seen.UNRECORDED, what, why)
        if regions & {*history["unread"]} or history["more"]:
            return Step("notice", Seen.UNDERIVABLE, what, "a part of the history of alarms was not read")
        return Step("notice", Seen.MISSING, what, "the history of alarms does not tell that it fired within an hour")

    def _alarms(self, record: Mapping[str, Any]) -> tuple[list[tuple[str, str]], str]:
        """Return Region and name of alarms on filters that match a record, and why there may be others; else empty.

        Composite alarms over such alarms are among them.
        """
        metrics, unsure = set(), ""
        groups = groups_of_trails(self._view)
        for answer, page in self._answers(FILTERS):
            for item in maps(page.get("metricFilters")):
                if (answer.call.region, text(item.get("logGroupName"))) not in groups:
                    continue
                found = filter_matches(text(item.get("filterPattern")), record)
                if found is None:
                    unsure = f"whether the filter {text(item.get('filterName'))} matches does not follow"
                elif found:
                    metrics |= {
                        (answer.call.region, text(one.get("metricNamespace")), text(one.get("metricName")))
                        for one in maps(item.get("metricTransformations"))
                    }
        for operation in (FILTERS, ALARMS):
            answered = self._view.consult(operation) if self._view.planned(operation) else None
            if answered is None or any(answered.gap(region) is not None for region, _ in groups):
                unsure = "filters and alarms were not all read"
        children: dict[tuple[str, str], str] = {}
        for answer, page in self._answers(ALARMS):
            for item in maps(page.get("MetricAlarms")):
                if any((answer.call.region, *one) in metrics for one in _watched(item)):
                    children[answer.call.region, text(item.get("AlarmName"))] = text(item.get("AlarmArn"))
        return sorted(self._with_composites(children)), unsure

    def _with_composites(self, children: Mapping[tuple[str, str], str]) -> set[tuple[str, str]]:
        """Return alarms, Region and name to ARN, with the composites of the Region that may go off with one of them."""
        found = dict(children)
        waiting = [
            (answer.call.region, item, rule)
            for answer, page in self._answers(ALARMS)
            for item in maps(page.get("CompositeAlarms"))
            if (rule := _alarm_rule(text(item.get("AlarmRule")))) is not None
        ]
        while True:
            more = {}
            for region, item, rule in waiting:
                names = {name for (place, own), arn in found.items() if place == region for name in (own, arn)} - {""}
                if mentions(rule, names) and goes_off_with(rule, names) is not False:
                    more[region, text(item.get("AlarmName"))] = text(item.get("AlarmArn"))
            if more.keys() <= found.keys():
                return set(found)
            found |= more

    def _answers(self, operation: str) -> Iterator[tuple[Any, Mapping[str, Any]]]:
        if self._view.planned(operation):
            for record, pages in self._view.consult(operation).answers:
                yield from ((record, page) for page in pages if isinstance(page, Mapping))


def _alarm_rule(rule: str) -> Expression | None:
    try:
        return parse_alarm_rule(rule)
    except RuleError:
        return None


def _watched(alarm: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield text(alarm.get("Namespace")), text(alarm.get("MetricName"))
    for query in maps(alarm.get("Metrics")):
        stat = query.get("MetricStat")
        metric = stat.get("Metric") if isinstance(stat, Mapping) else None
        if isinstance(metric, Mapping):
            yield text(metric.get("Namespace")), text(metric.get("MetricName"))

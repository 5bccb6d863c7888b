"""Alarms that fired in the period, what their actions came to, and whether anybody could be told at that time.

CloudWatch keeps the history of alarms for a time that AWS does not state any more (older pages say two weeks), so the
oldest item is told and what lies before it is said to be unknown. Judges nothing.

Source: CloudWatch API Reference, ``DescribeAlarmHistory``: items of kinds StateUpdate, Action and ConfigurationUpdate.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from auditor.activity.continuity import Condition
from auditor.activity.fields import flag, maps, member, moment, text, texts
from auditor.base.period import Period, rfc3339
from auditor.evaluate.continuity import Line, timelines
from auditor.evaluate.library import Library
from auditor.evaluate.view import View
from auditor.evidence.answer import Record

HISTORY: Final = "cloudwatch:DescribeAlarmHistory"
MOST: Final = 500
"""Times an alarm fired that are listed; further ones are counted."""
_DONE, _FAILED = "Successfully executed action", "Failed to execute action"
_SOUND: Final = frozenset({Condition.HELD, Condition.UNCHANGED})


@dataclass(frozen=True, slots=True)
class _Item:
    region: str
    alarm: str
    at: datetime
    kind: str
    summary: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Alarm:
    actions: tuple[str, ...]
    on: bool


def fired(libraries: Iterable[Library]) -> tuple[Mapping[str, Any], ...]:
    """Return one document for each account whose history of alarms was asked for."""
    return tuple(document for library in libraries if (document := _account(library)) is not None)


def _account(library: Library) -> Mapping[str, Any] | None:
    view = View(library)
    if not view.planned(HISTORY):
        return None
    answers = view.consult(HISTORY)
    items = sorted(_items(answers.answers), key=lambda item: (item.at, item.region, item.alarm, item.kind))
    by_alarm: dict[tuple[str, str], list[_Item]] = {}
    for item in items:
        by_alarm.setdefault((item.region, item.alarm), []).append(item)
    known, ways = _alarms(view), _Ways(view, library.period)
    found = [item for item in items if _to_alarm(item) and item.at in library.period]
    return {
        "account": library.account.id,
        "period": library.period.document(),
        "refs": sorted({record.ref for record, _ in answers.answers}),
        "reaches_back": [_reach(record, items) for record, _ in answers.answers],
        "fired": [_firing(item, by_alarm[item.region, item.alarm], known, ways) for item in found[:MOST]],
        "more": max(0, len(found) - MOST),
        "unread": sorted({gap.region for _, gap in answers.missing}),
    }


def _items(answers: Sequence[tuple[Record, Sequence[Any]]]) -> Iterator[_Item]:
    for record, pages in answers:
        for page in pages:
            for item in maps(page.get("AlarmHistoryItems") if isinstance(page, Mapping) else None):
                at = moment(item.get("Timestamp"))
                if at is not None:
                    yield _Item(
                        record.call.region,
                        text(item.get("AlarmName")),
                        at,
                        text(item.get("HistoryItemType")),
                        text(item.get("HistorySummary")),
                        _data(item.get("HistoryData")),
                    )


def _data(value: Any) -> Mapping[str, Any]:
    """Return an item's own JSON; empty for anything that is none."""
    try:
        found = json.loads(value) if isinstance(value, str) and len(value) <= _LONGEST else None
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}


_LONGEST: Final = 100_000


def _reach(record: Record, items: Sequence[_Item]) -> dict[str, Any]:
    own = [item.at for item in items if item.region == record.call.region]
    return {"region": record.call.region, "items": len(own), "oldest": rfc3339(own[0]) if own else None}


def _alarms(view: View) -> Mapping[tuple[str, str], _Alarm]:
    """Return what each alarm does when it fires, as it was read, by Region and name."""
    found: dict[tuple[str, str], _Alarm] = {}
    if view.planned("cloudwatch:DescribeAlarms"):
        for record, pages in view.consult("cloudwatch:DescribeAlarms").answers:
            for page in (page for page in pages if isinstance(page, Mapping)):
                for item in (*maps(page.get("MetricAlarms")), *maps(page.get("CompositeAlarms"))):
                    on = flag(item.get("ActionsEnabled")) is not False
                    name = text(item.get("AlarmName"))
                    found[record.call.region, name] = _Alarm(tuple(texts(item.get("AlarmActions"))), on)
    return found


def _to_alarm(item: _Item) -> bool:
    state = text(member(item.data, "newState").get("stateValue"))
    return item.kind == "StateUpdate" and (state == "ALARM" or (not state and item.summary.endswith(" to ALARM")))


def _firing(
    item: _Item, own: Sequence[_Item], known: Mapping[tuple[str, str], _Alarm], ways: "_Ways"
) -> dict[str, Any]:
    later = [one for one in own if one.at >= item.at]
    over = next((one for one in later if one.kind == "StateUpdate" and one is not item and one.at > item.at), None)
    until = over.at if over else None
    actions = [_action(one) for one in later if one.kind == "Action" and (until is None or one.at < until)]
    told, why = _told(item, actions, known.get((item.region, item.alarm)), ways)
    return {
        "alarm": item.alarm,
        "region": item.region,
        "at": rfc3339(item.at),
        "until": None if until is None else rfc3339(until),
        "actions": actions,
        "told": told,
        "why": why,
    }


def _action(item: _Item) -> dict[str, Any]:
    state = text(item.data.get("actionState"))
    if not state:
        state = "Succeeded" if item.summary.startswith(_DONE) else "Failed" if item.summary.startswith(_FAILED) else ""
    target = text(item.data.get("notificationResource")) or item.summary.rpartition(" action ")[2].split(" ")[0]
    return {"at": rfc3339(item.at), "target": target, "state": state or "not told"}


def _told(item: _Item, actions: Sequence[Mapping[str, Any]], alarm: _Alarm | None, ways: "_Ways") -> tuple[str, str]:
    """Say whether somebody, nobody or not known who could be told when an alarm fired, and why."""
    if ways.stood("alarm", item.alarm, item.region, item.at) is Condition.BROKEN:
        return "nobody", "its actions were off, or it was not there"
    topics = {action["target"] for action in actions if action["state"] == "Succeeded" and ":sns:" in action["target"]}
    if not topics and actions and all(action["state"] == "Failed" for action in actions):
        return "nobody", "each of its actions failed"
    if not topics and alarm is not None and not alarm.actions and not actions:
        return "nobody", "it has no action"
    if not topics:
        return "not known", "no action that notifies is in the history"
    reasons = [ways.deaf(topic, item.region, item.at) for topic in sorted(topics)]
    if "" in reasons:
        return "somebody", ""
    unknown = [why for why in reasons if why.startswith(_OPEN)]
    return ("not known", unknown[0]) if unknown else ("nobody", reasons[0])


_DEAF: Final[Mapping[str, str]] = {
    "topic": "the topic did not exist",
    "subscriptions": "nobody had confirmed a subscription",
}
_OPEN: Final = "nothing tells"


class _Ways:
    """How alarms, topics and subscriptions stood at a time, by the timelines of an account."""

    def __init__(self, view: View, period: Period) -> None:
        found = timelines(view, period)
        self._lines: dict[tuple[str, str, str], Line] = {}
        for line in found.lines if found is not None else ():
            self._lines[line.thing.kind, line.thing.name, line.thing.region] = line

    def deaf(self, topic: str, region: str, at: datetime) -> str:
        """Say why nobody heard a topic at a time, or why that is not known; empty where somebody could."""
        for kind in ("topic", "subscriptions"):
            stood = self.stood(kind, topic, region, at)
            if stood is Condition.BROKEN:
                return _DEAF[kind]
            if stood not in _SOUND:
                return f"{_OPEN} how the {kind} of {topic.rpartition(':')[2]} stood then"
        return ""

    def stood(self, kind: str, name: str, region: str, at: datetime) -> Condition | None:
        """Return how something stood at a time; None where no timeline is about it."""
        line = self._lines.get((kind, name, region))
        stretches = line.stretches if line is not None else ()
        return next((one.condition for one in stretches if one.start <= at < one.end), None)

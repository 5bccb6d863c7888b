"""Alarms that fired: what their actions came to, and whether anybody could be told, as far as is known."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from auditor.evaluate.fired import fired
from auditor.evaluate.library import libraries
from auditor.evidence import world as fitting
from auditor.render.fired import fired as prepared
from tests.evaluate.kit import ACCOUNT, HOME, PERIOD, World, catalog
from tests.evaluate.test_continuity import OFF_AT, ON_AT, TOPIC, coverage, row, told

BETWEEN, AFTER, BEFORE = "2026-10-14T03:30:00Z", "2026-10-20T05:30:00Z", "2026-10-10T00:00:00Z"


def state(at: str, after: str = "ALARM", alarm: str = "root") -> dict[str, Any]:
    data = {"newState": {"stateValue": after}}
    return {
        "AlarmName": alarm,
        "Timestamp": at,
        "HistoryItemType": "StateUpdate",
        "HistorySummary": f"Alarm updated from OK to {after}",
        "HistoryData": json.dumps(data),
    }


def action(at: str, outcome: str = "Succeeded", target: str = TOPIC, alarm: str = "root") -> dict[str, Any]:
    return {
        "AlarmName": alarm,
        "Timestamp": at,
        "HistoryItemType": "Action",
        "HistorySummary": "",
        "HistoryData": json.dumps({"actionState": outcome, "notificationResource": target}),
    }


def documents(world: World) -> tuple[Mapping[str, Any], ...]:
    with tempfile.TemporaryDirectory() as folder:
        wanted = {call.operation for call, _ in world.answers.values()}
        evidence = fitting.stored(Path(folder) / "evidence", {ACCOUNT: world}, wanted, catalog().operations)
        found = fired(libraries(evidence, catalog().operations))
    json.dumps(found)
    return found


def history(world: World, *items: Mapping[str, Any]) -> World:
    return world.says(
        "cloudwatch:DescribeAlarmHistory",
        {"AlarmHistoryItems": list(items)},
        region=HOME,
        StartDate="2026-10-01T00:00:00Z",
        EndDate="2026-11-01T00:00:00Z",
    )


def judged(world: World, *items: Mapping[str, Any]) -> tuple[str, str]:
    (document,) = documents(history(world, *items))
    (found,) = document["fired"]
    return found["told"], found["why"]


def test_somebody_could_be_told_where_the_way_stood_in_order() -> None:
    assert judged(told(), state(BETWEEN), action(BETWEEN)) == ("somebody", "")


UNSUBSCRIBED = row(("sns", "Unsubscribe", {"subscriptionArn": f"{TOPIC}:0a1b2c3d"}), OFF_AT)
SUBSCRIBED = row(("sns", "Subscribe", {"topicArn": TOPIC, "protocol": "email"}), ON_AT)
DELETED = row(("sns", "DeleteTopic", {"topicArn": TOPIC}), OFF_AT)
SILENT = row(("monitoring", "DisableAlarmActions", {"alarmNames": ["root"]}), OFF_AT)
HEARD_AGAIN = row(("monitoring", "EnableAlarmActions", {"alarmNames": ["root"]}), ON_AT)


@pytest.mark.parametrize(
    ("calls", "at", "expected"),
    [
        ((UNSUBSCRIBED, SUBSCRIBED), BETWEEN, "nobody"),
        ((UNSUBSCRIBED, SUBSCRIBED), AFTER, "somebody"),
        ((UNSUBSCRIBED, SUBSCRIBED), BEFORE, "somebody"),
        ((DELETED,), BETWEEN, "nobody"),
        ((SILENT, HEARD_AGAIN), BETWEEN, "nobody"),
        ((SILENT, HEARD_AGAIN), AFTER, "somebody"),
    ],
)
def test_who_could_be_told_depends_on_how_things_stood_then(calls: Any, at: str, expected: str) -> None:
    assert judged(told(*calls), state(at), action(at))[0] == expected


def test_in_an_hour_that_did_not_verify_it_is_not_known() -> None:
    world = told(report=coverage(without="20T05"))
    assert judged(world, state(AFTER), action(AFTER))[0] == "not known"
    assert judged(world, state(BEFORE), action(BEFORE))[0] == "somebody"


def test_an_action_that_failed_told_nobody() -> None:
    assert judged(told(), state(BETWEEN), action(BETWEEN, "Failed")) == ("nobody", "each of its actions failed")


def test_an_alarm_that_is_not_known_and_has_no_action_in_the_history_is_open() -> None:
    assert judged(told(), state(BETWEEN, alarm="gone"))[0] == "not known"


def test_an_alarm_without_any_action_told_nobody() -> None:
    mute = {"AlarmName": "mute", "ActionsEnabled": True, "AlarmActions": []}
    world = told().says("cloudwatch:DescribeAlarms", {"MetricAlarms": [mute], "CompositeAlarms": []}, region=HOME)
    assert judged(world, state(BETWEEN, alarm="mute")) == ("nobody", "it has no action")


def test_an_action_belongs_to_the_time_that_it_follows() -> None:
    items = (state(BEFORE), state("2026-10-10T00:10:00Z", "OK"), state(AFTER), action("2026-10-20T05:30:01Z"))
    (document,) = documents(history(told(), *items))
    assert [(item["at"], item["until"], len(item["actions"])) for item in document["fired"]] == [
        (BEFORE, "2026-10-10T00:10:00Z", 0),
        (AFTER, None, 1),
    ]
    assert document["reaches_back"] == [{"region": HOME, "items": 4, "oldest": BEFORE}]
    page = prepared(document)
    assert "9 days before it is not known" in page.limits
    assert page.sentence.startswith("Alarms fired 2 times")


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"AlarmName": 7, "Timestamp": "yesterday", "HistoryItemType": "StateUpdate"},
        state(BETWEEN) | {"HistoryData": "{"},
        state(BETWEEN) | {"HistoryData": "[" * 5000, "HistorySummary": "Alarm updated from OK to ALARM"},
        state("2026-09-30T23:59:59Z"),
    ],
)
def test_hostile_items_break_nothing(item: Mapping[str, Any]) -> None:
    (document,) = documents(history(told(), item))
    assert len(document["fired"]) <= 1
    prepared(document)


def test_what_was_refused_is_named_and_nothing_is_said_of_alarms() -> None:
    world = told().refuses("cloudwatch:DescribeAlarmHistory", region=HOME)
    (document,) = documents(world)
    assert (document["fired"], HOME in document["unread"]) == ([], True)
    assert PERIOD.start.isoformat()[:10] in document["period"]["start"]
    assert documents(told()) == ()

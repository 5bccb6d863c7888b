"""What alarms did: the items that CloudWatch keeps of a time an alarm fired."""

import json
from datetime import datetime, timedelta
from typing import Any, Final

LATER: Final = timedelta(milliseconds=412)
"""Between the change of state and the end of its action."""


def firing(alarm: str, topic: str, at: datetime, until: datetime) -> list[dict[str, Any]]:
    """Return the items of one time an alarm fired: to ALARM, what its action came to, back to OK.

    Args:
        alarm: its name.
        topic: the ARN that it notifies.
        at: when it fired, aware UTC.
        until: when it was over, aware UTC.
    """
    return [
        _item(alarm, at, "StateUpdate", "Alarm updated from OK to ALARM", _states("OK", "ALARM")),
        _item(alarm, at + LATER, "Action", f"Successfully executed action {topic}", _action(topic)),
        _item(alarm, until, "StateUpdate", "Alarm updated from ALARM to OK", _states("ALARM", "OK")),
    ]


def _item(alarm: str, at: datetime, kind: str, summary: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "AlarmName": alarm,
        "AlarmType": "MetricAlarm",
        "Timestamp": at,
        "HistoryItemType": kind,
        "HistorySummary": summary,
        "HistoryData": json.dumps(data),
    }


def _states(before: str, after: str) -> dict[str, Any]:
    reason = "Threshold Crossed: 1 datapoint was evaluated."
    return {
        "version": "1.0",
        "oldState": {"stateValue": before, "stateReason": reason},
        "newState": {"stateValue": after, "stateReason": reason},
    }


def _action(topic: str) -> dict[str, Any]:
    return {"actionState": "Succeeded", "notificationResource": topic, "error": None, "publishedMessage": None}

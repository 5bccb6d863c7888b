"""Prepares the times alarms fired: what their actions came to, and whether anybody could be told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from auditor.base.counts import counted
from auditor.base.period import lasting, parse_time
from auditor.render.text import NAME_LIMIT, moment, visible


@dataclass(frozen=True, slots=True)
class FiredRow:
    """One time an alarm fired."""

    time: str
    region: str
    alarm: str
    length: str
    actions: tuple[str, ...]
    told: str
    why: str


@dataclass(frozen=True, slots=True)
class Fired:
    """What one account's history of alarms holds of the period."""

    account: str
    refs: tuple[str, ...]
    sentence: str
    limits: str
    rows: tuple[FiredRow, ...]
    more: int
    unread: tuple[str, ...]


def fired(document: Mapping[str, Any]) -> Fired:
    """Prepare one account."""
    rows = tuple(map(_row, document["fired"]))
    return Fired(
        account=visible(document["account"], 40),
        refs=tuple(document["refs"]),
        sentence=_sentence(document),
        limits=_limits(document),
        rows=rows,
        more=document["more"],
        unread=tuple(visible(item, 40) for item in document["unread"]),
    )


def _sentence(document: Mapping[str, Any]) -> str:
    found = document["fired"]
    number = len(found) + document["more"]
    if not number:
        return "The history that is left tells of no alarm that fired in the period."
    told = sum(item["told"] == "somebody" for item in found)
    nobody = sum(item["told"] == "nobody" for item in found)
    open_for = len(found) - told - nobody
    return (
        f"Alarms fired {counted(number, 'time')}: somebody could be told of {told:,}, nobody of {nobody:,}; "
        f"of {open_for:,} that is not known."
    )


def _limits(document: Mapping[str, Any]) -> str:
    """Say from when on there is a history; that there is no item says nothing of a time that is no longer kept."""
    start = parse_time(document["period"]["start"])
    reached = [parse_time(item["oldest"]) for item in document["reaches_back"] if item["oldest"]]
    silent = sum(not item["oldest"] for item in document["reaches_back"])
    words = "CloudWatch keeps the history of alarms for a limited time that AWS does not state"
    if reached:
        oldest = min(reached)
        words += f"; the oldest item is of {moment(oldest)}"
        if oldest - start > timedelta(hours=1):
            words += f", so whether alarms fired in the {_days(oldest - start)} before it is not known"
    if silent:
        words += f"; of {counted(silent, 'Region')} no item of the period is left, or there was none"
    return f"{words}."


def _days(span: timedelta) -> str:
    return counted(span.days, "day") if span.days > 1 else counted(round(span / timedelta(hours=1)), "hour")


def _row(item: Mapping[str, Any]) -> FiredRow:
    at, until = parse_time(item["at"]), item["until"]
    return FiredRow(
        time=moment(at),
        region=visible(item["region"], 40),
        alarm=visible(item["alarm"], NAME_LIMIT),
        length=lasting(parse_time(until) - at) if until else "no end in the history",
        actions=tuple(f"{_short(action['target'])}: {visible(action['state'], 40)}" for action in item["actions"]),
        told=visible(item["told"], 20),
        why=visible(item["why"]),
    )


def _short(target: str) -> str:
    return visible(target.rpartition(":")[2] or target or "not named", NAME_LIMIT)

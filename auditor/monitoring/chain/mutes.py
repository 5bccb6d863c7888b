"""Alarm mute rules: whether there are times at which the actions of an alarm are kept back.

Source: CloudWatch User Guide, "How alarm mute rules work": an alarm that goes off and rests again while it is muted
tells nobody, also not afterwards; ``Schedule`` of the API model: cron and at expressions, durations, time zones.
A single event raises an alarm for one period only, so that whatever happens in a window is never told.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from auditor.monitoring.chain.facts import MuteRule
from auditor.monitoring.chain.link import State

_UTC = frozenset({"", "UTC", "Etc/UTC", "GMT", "Etc/GMT", "Z"})
_ZONES = timedelta(hours=14)
"""No time zone lies further from UTC; their rules are not known here, and change."""

_HORIZON = timedelta(days=4 * 366 + 1)
"""Within it, every date that exists comes round."""

_AT = re.compile(r"at\((\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::\d{2})?\)")
_CRON = re.compile(r"cron\(([^()]*)\)")
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


class _UnreadableError(ValueError):
    """The schedule is outside the documented grammar."""


def kept_back(rule: MuteRule, as_of: datetime) -> tuple[State, str] | None:
    """Say what a rule does to the alarms that it names.

    Args:
        rule: the rule.
        as_of: the run's moment, aware UTC.

    Returns:
        broken, when there is a time at which nobody is told; unknown, when that cannot be told from its fields; ok with
        a sentence, when that lies ahead; None, when the rule has no effect any more. Words follow the alarm's name.
    """
    name = f"the mute rule {rule.name} ({rule.expression[:80]} for {rule.duration[:20]})"
    if rule.status == "EXPIRED":
        return None
    if rule.status == "ACTIVE":
        return State.BROKEN, f"{name} keeps them back now"
    if rule.status not in {"", "SCHEDULED"}:
        return State.UNKNOWN, f"{name} is in a state that is not known here ({rule.status[:40]})"
    try:
        return _by_schedule(rule, as_of, name)
    except (_UnreadableError, OverflowError, ValueError):
        return State.UNKNOWN, f"{name} has a schedule that cannot be read"


def _by_schedule(rule: MuteRule, as_of: datetime, name: str) -> tuple[State, str] | None:
    slack = timedelta(0) if rule.timezone in _UTC else _ZONES
    if once := _AT.fullmatch(rule.expression):
        begin = datetime(*map(int, once.groups()), tzinfo=UTC)  # type: ignore[misc, arg-type]  # five numbers
        return _once(begin, begin + _duration(rule.duration), slack, as_of, name, known=rule.status == "SCHEDULED")
    if rule.starts is not None and rule.starts > as_of + slack:
        return State.OK, f"{name} will keep them back from {rule.starts:%Y-%m-%d %H:%M} UTC on"
    occurs = _occurs(rule, as_of, slack)
    if occurs is None:
        return State.UNKNOWN, f"whether {name} ever keeps them back again depends on its time zone"
    return (State.BROKEN, f"{name} keeps them back again and again") if occurs else None


def _once(
    begin: datetime, end: datetime, slack: timedelta, as_of: datetime, name: str, *, known: bool
) -> tuple[State, str] | None:
    ahead = State.OK, f"{name} will keep them back"
    if known or begin - slack > as_of:
        return ahead
    if end + slack <= as_of:
        return None
    if begin + slack <= as_of < end - slack:
        return State.BROKEN, f"{name} keeps them back now"
    return State.UNKNOWN, f"whether {name} keeps them back now depends on its time zone"


def _duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        raise _UnreadableError(text)
    days, hours, minutes = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes)


def _occurs(rule: MuteRule, as_of: datetime, slack: timedelta) -> bool | None:
    """Say whether a window is open or opens again before the rule expires; None when that depends on the time zone.

    That none is open is known where AWS calls the rule scheduled.
    """
    possible = False
    length = timedelta(0) if rule.status == "SCHEDULED" else _duration(rule.duration)
    for moment in _moments(rule.expression, as_of - length - slack):
        if rule.starts is not None and moment + slack < rule.starts:
            continue
        if rule.expires is not None and moment - slack >= rule.expires:
            break
        if moment - slack + length > as_of and (rule.expires is None or moment + slack < rule.expires):
            return True
        possible = possible or moment + slack + length > as_of
    return None if possible else False


def _moments(expression: str, since: datetime) -> Iterator[datetime]:
    found = _CRON.fullmatch(expression)
    parts = found.group(1).split() if found else []
    if len(parts) != 5:  # noqa: PLR2004 - minutes, hours, day of month, month, day of week
        raise _UnreadableError(expression)
    minutes, hours = _field(parts[0], 0, 59), _field(parts[1], 0, 23)
    days, months = _field(parts[2], 1, 31), _field(parts[3], 1, 12, _MONTHS, 1)
    weekdays = {day % 7 for day in _field(parts[4], 0, 7, _WEEKDAYS)}
    times = [time(hour, minute) for hour in sorted(hours) for minute in sorted(minutes)]
    for offset in range(_HORIZON.days):
        day = since.date() + timedelta(days=offset)
        if day.month in months and _on(day, parts, days, weekdays):
            yield from (datetime.combine(day, at, UTC) for at in times)


def _on(day: date, parts: list[str], days: set[int], weekdays: set[int]) -> bool:
    """Standard cron: when both the day of the month and that of the week are given, either suffices."""
    month_day, week_day = day.day in days, day.isoweekday() % 7 in weekdays
    return month_day or week_day if "*" not in {parts[2], parts[4]} else month_day and week_day


def _field(text: str, low: int, high: int, names: tuple[str, ...] = (), first: int = 0) -> set[int]:
    if text == "*":
        return set(range(low, high + 1))
    found: set[int] = set()
    for part in text.split(","):
        begin, dash, end = part.partition("-")
        numbers = [_number(one, names, first) for one in ((begin, end) if dash else (begin, begin))]
        if not low <= numbers[0] <= numbers[1] <= high:
            raise _UnreadableError(text)
        found |= set(range(numbers[0], numbers[1] + 1))
    return found


def _number(text: str, names: tuple[str, ...], first: int) -> int:
    if text.upper() in names:
        return names.index(text.upper()) + first
    if not (text.isascii() and text.isdigit()):
        raise _UnreadableError(text)
    return int(text)

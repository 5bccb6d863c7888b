"""Gives holes their cause, from verified calls about the trail and from the log objects that lie in them. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from auditor.activity.calls import TRAIL_CALLS
from auditor.activity.fields import flag, member, moment, text
from auditor.activity.identity import actor, is_copy
from auditor.base.period import rfc3339
from auditor.trail.findings import Certainty
from auditor.trail.gaps import Gap, described

BEFORE_STOP: Final = timedelta(minutes=90)
AFTER_STOP: Final = timedelta(minutes=30)
"""A stop explains a hole that begins up to 90 minutes after it or up to 30 minutes before it (the call reaches the
Regions one after the other)."""
RESTART_GRACE: Final = timedelta(minutes=75)
"""How long after StartLogging the first digest may begin."""
DELIVERY_SLACK: Final = timedelta(minutes=20)
"""Between the time in a log file's name and its delivery, which decides the digest it belongs to."""

LogCounter = Callable[[str, str, datetime, datetime], int]
"""Returns how many log objects without digest of an account and Region lie in ``[start, end)``."""


@dataclass(frozen=True, slots=True)
class TrailEvent:
    """A verified record about the trail itself, as far as holes need it."""

    name: str
    time: datetime
    event_id: str
    actor: str
    validation: bool | None = None
    """UpdateTrail and CreateTrail: what they set ``enableLogFileValidation`` to."""

    @property
    def known_as(self) -> str:
        """What tells it from other events."""
        return self.event_id or f"{self.name}{self.time}"

    def told(self) -> str:
        """Say who called what, and when."""
        return f"{self.actor} called {self.name} at {rfc3339(self.time)}."


def trail_event(record: object, means: Callable[[object], bool]) -> TrailEvent | None:
    """Return a successful call that changed a trail, or None; ``means`` tells its name or ARN from others."""
    if not isinstance(record, Mapping) or record.get("eventSource") != "cloudtrail.amazonaws.com":
        return None
    name, at = record.get("eventName"), moment(record.get("eventTime"))
    if not isinstance(name, str) or name not in TRAIL_CALLS or at is None or record.get("errorCode") or is_copy(record):
        return None
    parameters = member(record, "requestParameters")
    if not (means(parameters.get("name")) or means(parameters.get("trailName"))):
        return None
    validation = parameters.get("enableLogFileValidation")
    who, _ = actor(record)
    return TrailEvent(name, at.astimezone(UTC), text(record.get("eventID")), who, flag(validation))


def explain(
    gaps: Sequence[Gap],
    events: Sequence[TrailEvent],
    logs_between: LogCounter,
    *,
    validation_enabled: bool | None,
) -> list[Gap]:
    """Give gaps without a cause one, from verified events and from the log objects that lie in them.

    1. A StopLogging or DeleteTrail at its begin explains a gap up to the StartLogging that follows, not beyond.
    2. An UpdateTrail that switched validation off explains it, too.
    3. Log objects in a gap that nothing explains mean that digests were deleted, or that the objects were planted.

    Args:
        gaps: the gaps of all chains.
        events: verified records about this trail, in any order.
        logs_between: counts log objects without digest of an account and Region between two times.
        validation_enabled: whether the trail's configuration says that digests are written; None when unknown.
    """
    ordered = sorted(events, key=lambda event: (event.time, event.event_id))
    result = []
    for gap in gaps:
        counted = replace(gap, logs=logs_between(gap.account, gap.region, gap.start, gap.end))
        open_cause = gap.cause in {"unexplained", "after_last_digest", "not_yet_digested"}
        parts = _explained(counted, ordered, logs_between) if open_cause else [counted]
        result += [_with_logs(part, validation_enabled) for part in parts]
    return [described(gap) for gap in result]


def _explained(gap: Gap, events: Sequence[TrailEvent], logs_between: LogCounter) -> list[Gap]:
    window = (gap.start - BEFORE_STOP, gap.start + AFTER_STOP)
    offs = [event for event in events if window[0] <= event.time <= window[1] and _effect(event) not in {None, "on"}]
    if not offs:
        return [gap]
    off = offs[-1]
    if any(_effect(event) == "on" and off.time < event.time <= gap.start for event in events):
        return [gap]  # it was over before the hole began
    cause = _effect(off) or "unexplained"
    back = next(
        (item for item in events if off.time < item.time <= gap.end + RESTART_GRACE and _effect(item) == "on"), None
    )
    if back is None:
        certain: Certainty = "possible" if gap.cause == "unexplained" else "likely"
        if cause == "logging_stopped" and logs_between(gap.account, gap.region, off.time + AFTER_STOP, gap.end):
            return [gap]  # log files were delivered while logging is said to have been off
        return [replace(gap, cause=cause, certainty=certain, events=(off.event_id,), ground=off.told())]
    explained = replace(
        gap,
        cause=cause,
        certainty="shown",
        events=(off.event_id, back.event_id),
        ground=f"{off.told()} {back.told()}",
    )
    if gap.end - back.time <= RESTART_GRACE:
        return [explained]
    first = replace(explained, end=max(gap.start, back.time))
    rest = replace(gap, start=first.end)
    rest = replace(rest, logs=logs_between(gap.account, gap.region, rest.start, rest.end))
    return [part for part in (first, rest) if part.start < part.end]


def _effect(event: TrailEvent) -> str | None:
    match event.name:
        case "StopLogging" | "DeleteTrail":
            return "logging_stopped"
        case "StartLogging" | "CreateTrail":
            return "on"
        case "UpdateTrail" if event.validation is False:
            return "validation_off"
        case "UpdateTrail" if event.validation:
            return "on"
    return None


def _with_logs(gap: Gap, validation_enabled: bool | None) -> Gap:
    if not gap.logs:
        return gap
    tail = gap.cause == "after_last_digest" and bool(validation_enabled)
    if gap.cause == "unexplained" or tail:
        return replace(gap, cause="logs_without_digest", certainty="likely")
    return gap


def event_windows(gaps: Iterable[Gap]) -> tuple[tuple[datetime, datetime], ...]:
    """Return when the log files were made that may hold the calls around some holes; sorted."""
    windows = set()
    for gap in gaps:
        windows.add((gap.start - BEFORE_STOP, gap.start + AFTER_STOP + DELIVERY_SLACK))
        windows.add((gap.end - DELIVERY_SLACK, gap.end + RESTART_GRACE + DELIVERY_SLACK))
    return tuple(sorted(windows))

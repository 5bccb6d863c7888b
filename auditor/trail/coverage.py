"""Gives every asked-for hour of a chain its state, the worst of what happened in it. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from auditor.trail.gaps import HOUR, Gap, Span

STATES: Final[Mapping[str, str]] = {
    "v": "verified: a proved digest covers the hour and every log file in it is as delivered",
    "x": "altered, damaged or forged",
    "d": "deleted",
    "u": "log objects that no digest vouches for",
    "r": "could not be read or checked",
    "g": "no digest and no explanation",
    "s": "logging or validation was switched off",
    "o": "before the first or after the last digest",
    "e": "past retention",
    "p": "not yet digested",
    ".": "not asked for",
}
"""One character per hour in the report's coverage strips."""
SEVERITY: Final = "xdurgsoepv."
"""The states from worst to best: an hour takes the worst of what happened in it."""

GAP_STATES: Final[Mapping[str, str]] = {
    "logging_stopped": "s",
    "validation_off": "s",
    "digest_deleted": "d",
    "digest_failed": "r",
    "logs_without_digest": "u",
    "unexplained": "g",
    "signed_times": "x",
    "not_yet_digested": "p",
    "before_first_digest": "o",
    "after_last_digest": "o",
    "out_of_retention": "e",
    "no_digests": "g",
}


def worse(one: str, other: str) -> str:
    """Return the worse of two hour states."""
    return min(one, other, key=SEVERITY.index)


def hour_states(span: Span, gaps: Sequence[Gap], marks: Mapping[datetime, str]) -> dict[datetime, str]:
    """Return the state of every asked-for hour of one chain.

    Args:
        span: the asked-for time; hours are counted from full hours, and those it only touches are included.
        gaps: the chain's gaps.
        marks: states that findings about single objects give to hours.
    """
    states: dict[datetime, str] = {}
    hour = span.start.replace(minute=0, second=0, microsecond=0)
    while hour < span.end:
        states[hour] = worse("v", marks.get(hour, "v"))
        hour += HOUR
    for gap in gaps:
        hour = gap.start.replace(minute=0, second=0, microsecond=0)
        while hour < gap.end:
            if hour in states:
                states[hour] = worse(states[hour], GAP_STATES[gap.cause])
            hour += HOUR
    return states

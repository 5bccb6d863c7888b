"""Asks buckets for the rules that delete their objects; where they cannot be read, a hole stays unexplained."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from auditor.trail.context import Context
from auditor.trail.fetch import Unavailable
from auditor.trail.names import Location
from auditor.trail.retention import Retention, expiries


@dataclass(frozen=True, slots=True)
class Rules:
    """What is known about how long objects are kept.

    Args:
        retention: the rules that could be read, or the caller's word.
        asked: buckets that were asked.
        unread: buckets that did not answer, and the error code.
    """

    retention: Retention
    asked: frozenset[str] = frozenset()
    unread: tuple[tuple[str, str], ...] = ()


def known_rules(context: Context) -> Rules:
    """Return what is known without asking anybody."""
    return Rules(Retention(context.now, context.scope.retention_days, context.scope.rules))


def read_rules(context: Context, known: Rules, locations: Iterable[Location]) -> Rules:
    """Ask the buckets of some places, each once; nobody is asked where the caller said what counts."""
    if context.scope.retention_days is not None or context.scope.rules:
        return known
    buckets = {location.bucket for location in locations if location.bucket} - known.asked
    found, unread = list(known.retention.rules), list(known.unread)
    for bucket in sorted(buckets):
        try:
            found += expiries(bucket, context.source.lifecycle(bucket))
        except Unavailable as problem:
            unread.append((bucket, problem.code))
    return Rules(replace(known.retention, rules=tuple(found)), known.asked | buckets, tuple(unread))

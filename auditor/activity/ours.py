"""What the calls of an audit's own principal did: which changed something, which an option asked for. Pure.

Works on groups of calls as the question ``our-own-calls`` answers them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from auditor.activity.calls import CALLS

MARK: Final = "auditor"
"""What stands in the user agent of every request that this program makes through the SDK."""

THE_AUDIT: Final = ("audit", "session")
"""How ``made_by`` names calls with our mark, and those in the audit's own session of a role."""

_READS: Final = ("BatchGet", "Describe", "Get", "Head", "List", "Lookup", "Search", "Select", "Simulate", "View")
_CHANGES: Final = frozenset((source, name) for source, name in CALLS)


@dataclass(frozen=True, slots=True)
class Own:
    """What came of an account's own calls.

    Args:
        changed: groups of verified calls of the audit that changed something.
        others: groups that changed something under the same principal, by another program of the same person.
        unproved: groups that changed something, in log files that no digest vouches for.
        untold: groups of which nothing tells whether they changed something.
        asked_for: how many calls wrote what an option asked for.
        reads: how many calls there are beside.
    """

    changed: tuple[Mapping[str, Any], ...] = ()
    others: tuple[Mapping[str, Any], ...] = ()
    unproved: tuple[Mapping[str, Any], ...] = ()
    untold: tuple[Mapping[str, Any], ...] = ()
    asked_for: int = 0
    reads: int = 0


def own_calls(rows: Iterable[Mapping[str, Any]]) -> Own:
    """Sort groups of calls by what they did.

    Args:
        rows: of the answer; each has ``event_source``, ``call``, ``made_by``, ``asked_for``, ``calls``, ``changes``,
            ``unknown`` and ``verified``.

    Raises:
        KeyError, TypeError, ValueError: a row is not of that form.
    """
    found: dict[str, list[Mapping[str, Any]]] = {"changed": [], "others": [], "unproved": [], "untold": []}
    asked_for = reads = 0
    for row in rows:
        calls, writes = int(row["calls"]), _writes(row)
        if row["asked_for"]:
            asked_for += calls
        elif writes is None:
            found["untold"].append(row)
        elif not writes:
            reads += calls
        elif row["made_by"] not in THE_AUDIT:
            found["others"].append(row)
        else:
            found["changed" if row["verified"] is True else "unproved"].append(row)
    return Own(**{name: tuple(group) for name, group in found.items()}, asked_for=asked_for, reads=reads)


def _writes(row: Mapping[str, Any]) -> int | None:
    """Return how many calls of a group changed something; None where nothing tells."""
    source, call = str(row["event_source"]), str(row["call"])
    told, unknown = int(row["changes"]), int(row["unknown"])
    if told or not unknown or call.startswith(_READS):
        return told
    return unknown if (source, call) in _CHANGES else None

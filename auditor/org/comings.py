"""Accounts that came to the organization or left it, by what verified log files say of calls to Organizations. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from auditor.activity.calls import MEMBERSHIP
from auditor.activity.identity import SUCCESS

JOINED, LEFT, CLOSED, INVITED = "joined", "left", "closed", "invited"

_BY_MANAGEMENT: Final[Mapping[str, str]] = {
    "CreateAccountResult": JOINED,
    "InviteAccountToOrganization": INVITED,
    "RemoveAccountFromOrganization": LEFT,
    "CloseAccount": CLOSED,
    "CloseAccountResult": CLOSED,
}
"""Calls of the management account, and events of the service there; each names the account that it is about."""
_BY_ITSELF: Final[Mapping[str, str]] = {"AcceptHandshake": JOINED, "LeaveOrganization": LEFT}
"""Calls of the account that comes or goes, which stand in its own records."""
_ID: Final = 12


@dataclass(frozen=True, slots=True)
class Movement:
    """One account that came or went.

    Args:
        account: its id.
        what: ``joined``, ``left``, ``closed`` or ``invited``.
        at: RFC 3339.
        event: the call, as AWS names it.
        by: who made it.
        told_by: the account in whose verified records it stands.
        event_id: CloudTrail's.
    """

    account: str
    what: str
    at: str
    event: str
    by: str
    told_by: str
    event_id: str

    def document(self) -> dict[str, str]:
        """Return the JSON form."""
        return {
            "what": self.what,
            "at": self.at,
            "event": self.event,
            "by": self.by,
            "told_by": self.told_by,
            "event_id": self.event_id,
        }

    @property
    def words(self) -> str:
        """When it was and how that is known."""
        return f"{self.what} at {self.at}: {self.event} in the verified records of {self.told_by}"


def movement_of(row: Mapping[str, Any], management: str) -> Movement | None:
    """Return what a row of a pack's notable events says of an account's coming or going; None for anything else.

    Only calls that succeeded, in log files that verified; and of what only the management account can do, its records.

    Args:
        row: as ``auditor.trail`` writes it; from strangers.
        management: the management account; empty where it is not known.
    """
    if row.get("kind") != MEMBERSHIP or row.get("verified") is not True or row.get("outcome") != SUCCESS:
        return None
    event, teller = str(row.get("event_name")), str(row.get("account"))
    if event in _BY_ITSELF and teller != management:
        account, what = teller, _BY_ITSELF[event]
    elif event in _BY_MANAGEMENT and teller == management:
        account, what = str(row.get("resource")), _BY_MANAGEMENT[event]
    else:
        return None
    if len(account) != _ID or not (account.isascii() and account.isdigit()):
        return None
    at, by, known_as = (str(row.get(name)) for name in ("event_time", "actor", "event_id"))
    return Movement(account, what, at, event, by, teller, known_as)


def movements_of(rows: Iterable[Mapping[str, Any]], management: str) -> tuple[Movement, ...]:
    """Return all movements that rows tell of, each once, by time."""
    found = {move for row in rows if (move := movement_of(row, management)) is not None}
    return tuple(sorted(found, key=lambda move: (move.at, move.account, move.event, move.event_id)))

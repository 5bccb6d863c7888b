"""Where every account went: listed = assessed + refused + not active + excluded + missing, and missing has to be none.

An account is never lost in silence: whatever is not one of the first four is missing, stands on the cover and ends the
run with exit code 3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from auditor.base.counts import counted
from auditor.base.period import Period, parse_time
from auditor.org.accounts import NOT_ACTIVE, Account, Choice, Listing
from auditor.org.comings import CLOSED, JOINED, LEFT, Movement


class Standing(StrEnum):
    """What became of a listed account."""

    ASSESSED = "assessed"
    REFUSED = "refused"
    NOT_ACTIVE = "not_active"
    EXCLUDED = "excluded"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Entry:
    """What came of an account that was to be assessed.

    Args:
        refused: code and message of STS; empty strings when the account could be entered.
        broken: why there is no pack although it could be entered; empty when there is one.
        done: whether there is a pack.
    """

    refused: tuple[str, str] = ("", "")
    broken: str = ""
    done: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One account in the table.

    Args:
        account: as it is listed.
        standing: what became of it.
        reason: why, in a few words; empty for an assessed one.
        code: STS's error code, for a refused one.
        joined: whether it joined in the audited period.
        movements: what verified records say of its coming and going.
    """

    account: Account
    standing: Standing
    reason: str = ""
    code: str = ""
    joined: bool = False
    movements: tuple[Movement, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            **self.account.document(),
            "standing": self.standing.value,
            "reason": self.reason,
            "code": self.code,
            "joined_in_period": self.joined,
            "movements": [move.document() for move in self.movements],
        }


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """All accounts, each once."""

    rows: tuple[Row, ...]

    def of(self, standing: Standing) -> tuple[Row, ...]:
        """Return the accounts of which the same became."""
        return tuple(row for row in self.rows if row.standing is standing)

    @property
    def counts(self) -> dict[str, int]:
        """How many were listed, and how they add up; the parts always add up to the whole."""
        return {"listed": len(self.rows), **{standing.value: len(self.of(standing)) for standing in Standing}}

    @property
    def whole(self) -> bool:
        """Whether every account that was to be assessed was."""
        return not self.of(Standing.REFUSED) and not self.of(Standing.MISSING)

    @property
    def words(self) -> str:
        """The sum in one sentence."""
        counts = self.counts
        parts = [f"{counts[standing.value]} {standing.value.replace('_', ' ')}" for standing in Standing]
        return f"{counted(counts['listed'], 'account')} listed = {' + '.join(parts)}"


def to_assess(listing: Listing, choice: Choice) -> tuple[Account, ...]:
    """Return the accounts that have to be entered: neither excluded nor in a state in which nobody can enter.

    A state that AWS invents tomorrow, or none at all, does not excuse an account: it is tried.
    """
    return tuple(
        item
        for item in listing.accounts
        if item.state not in NOT_ACTIVE and not choice.reason(item) and not choice.unsure(item)
    )


def reconcile(
    listing: Listing,
    choice: Choice,
    entries: Mapping[str, Entry],
    period: Period,
    movements: Sequence[Movement] = (),
) -> Reconciliation:
    """Say of every account what became of it.

    Args:
        listing: all accounts.
        choice: which of them were asked for.
        entries: what came of those that were to be assessed, by id; one that is not there is missing.
        period: the audited period.
        movements: what verified records say of accounts that came or went.
    """
    rows = [
        _moved(_row(account, choice, entries.get(account.id), period), movements, period)
        for account in listing.accounts
    ]
    absent = "asked for by its id, but the organization has no such account"
    rows += [Row(Account(name, state=""), Standing.MISSING, absent) for name in choice.absent(listing)]
    rows += [
        Row(Account(f"entry-{number}", state=""), Standing.MISSING, words)
        for number, words in enumerate(listing.malformed, start=1)
    ]
    return Reconciliation(tuple(sorted(rows, key=lambda row: row.account.id)))


def _row(account: Account, choice: Choice, entry: Entry | None, period: Period) -> Row:
    joined = _within(account.joined, period)
    if reason := choice.reason(account):
        return Row(account, Standing.EXCLUDED, reason, joined=joined)
    if account.state in NOT_ACTIVE:
        return Row(account, Standing.NOT_ACTIVE, f"{account.state}: {NOT_ACTIVE[account.state]}", joined=joined)
    if entry is None or choice.unsure(account):
        return Row(account, Standing.MISSING, choice.unsure(account) or "nobody tried to enter it", joined=joined)
    if entry.refused[0]:
        return Row(account, Standing.REFUSED, entry.refused[1], entry.refused[0], joined)
    lost = "" if entry.done else entry.broken or "there is no pack of it"
    return Row(account, Standing.MISSING if lost else Standing.ASSESSED, lost, joined=joined)


def _moved(row: Row, movements: Sequence[Movement], period: Period) -> Row:
    """Add to an account's line what records say of it: who was created or accepted in the period joined in it."""
    mine = tuple(move for move in movements if move.account == row.account.id)
    joined = row.joined or any(move.what == JOINED and _within(move.at, period) for move in mine)
    closed = next((move for move in reversed(mine) if move.what == CLOSED), None)
    reason = row.reason
    if row.standing is Standing.NOT_ACTIVE and closed is not None:
        reason = f"{reason}; {closed.words}"
    return replace(row, joined=joined, reason=reason, movements=mine)


def _within(text: str, period: Period) -> bool:
    try:
        return period.start <= parse_time(text) < period.end
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Gone:
    """An account that an earlier pack lists, or records name as having left, and the organization no longer lists."""

    id: str
    name: str
    since: str
    """What is known of when: the pack that still had it, and the call by which it left."""

    def document(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"id": self.id, "name": self.name, "since": self.since}


def gone_since(
    listing: Listing, before: Sequence[Mapping[str, Any]], pack_id: str, movements: Sequence[Movement] = ()
) -> tuple[Gone, ...]:
    """Return the accounts that are in the list no more, by an earlier organization pack and by verified records.

    Args:
        listing: of this run.
        before: the rows of the earlier pack's accounts.
        pack_id: names that pack.
        movements: what verified records say of accounts that came or went.
    """
    listed = {account.id for account in listing.accounts}
    names = {str(row["id"]): str(row.get("name", "")) for row in before if str(row["id"]).isdigit()}
    known: dict[str, list[str]] = {
        name: [f"in the list of {pack_id}, not in this one"] for name in names if name not in listed
    }
    for move in movements:
        if move.account not in listed and move.what in (LEFT, CLOSED):
            known.setdefault(move.account, []).append(move.words)
    return tuple(Gone(name, names.get(name, ""), "; ".join(words)) for name, words in sorted(known.items()))

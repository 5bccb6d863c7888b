"""Where was asked and what came of it: accounts, Regions, and the calls that got no answer."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.base.counts import counted
from auditor.evidence.answer import Record
from auditor.evidence.unanswered import asked_for, error_words
from auditor.model import State
from auditor.render.anchors import Link
from auditor.render.controls import Control
from auditor.render.marks import MARKS, Tally
from auditor.render.register import outcome
from auditor.render.text import anywhere, visible


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the run with what was asked of it."""

    id: str
    alias: str
    partition: str
    regions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """An account or Region with what was asked there and what came of it."""

    account: str
    region: str
    calls: int
    answered: int
    absent: int
    missing: int
    states: tuple[Tally, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """A call without an answer and what it cost."""

    account: str
    region: str
    operation: str
    error: str
    message: str
    action: str
    ref: str
    controls: tuple[Link, ...]

    @property
    def asked(self) -> str:
        """What was asked for, by the name that people know."""
        return asked_for(self.operation)

    @property
    def said(self) -> str:
        """Why there is no answer, in words or by AWS's code."""
        return error_words(self.error)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A call that got no answer, for the same reason, in one Region or several of an account.

    Args:
        gap: the first of them.
        message: what AWS said to all.
        regions: where.
        everywhere: whether that is each of several Regions that the account was asked in.
        refs: references of what is stored of them.
    """

    gap: Gap
    message: str
    regions: tuple[str, ...]
    everywhere: bool
    refs: tuple[str, ...]


def unanswered(gaps: Sequence[Gap], accounts: Sequence[Account], *, merge: bool) -> tuple[Unanswered, ...]:
    """List calls without an answer; ``merge`` puts those together that differ by their Region alone."""
    asked = {account.id: account.regions for account in accounts}
    groups: dict[tuple[object, ...], list[Gap]] = {}
    for number, item in enumerate(gaps):
        said = (item.account, item.operation, item.error, item.action, anywhere(item.message, item.region))
        groups.setdefault((*said, item.controls) if merge else (number,), []).append(item)
    return tuple(
        Unanswered(
            members[0],
            members[0].message if len(members) == 1 else anywhere(members[0].message, members[0].region),
            tuple(dict.fromkeys(item.region for item in members)),
            len(members) > 1 and {item.region for item in members} == set(asked.get(members[0].account, ())),
            tuple(item.ref for item in members if item.ref),
        )
        for members in groups.values()
    )


def places_of(
    accounts: Sequence[Account], records: Sequence[Record], controls: Sequence[Control], gaps: Sequence[Gap] = ()
) -> tuple[Place, ...]:
    """Count answers and results by account and Region, planned places first.

    A call that was never sent has no record; it is missing all the same, and counted from ``gaps``.
    """
    calls: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for record in records:
        calls[record.account, record.call.region][outcome(record)] += 1
    for item in gaps:
        if not item.ref:
            calls[item.account, item.region]["missing"] += 1
    states: dict[tuple[str, str], Counter[State]] = defaultdict(Counter)
    for control in controls:
        for row in control.rows:
            states[row.account, row.region][row.mark.state] += 1
    asked = [(account.id, region) for account in accounts for region in ("global", *sorted(account.regions))]
    seen = sorted({*calls, *states} - set(asked))
    return tuple(
        Place(
            account,
            region,
            calls[account, region].total(),
            calls[account, region]["answered"],
            calls[account, region]["absent"],
            calls[account, region]["missing"],
            tuple(Tally(mark, states[account, region][state]) for state, mark in MARKS.items()),
        )
        for account, region in (*asked, *seen)
    )


def beyond(accounts: Sequence[Account], places: Sequence[Place], left_out: Sequence[str]) -> tuple[str, ...]:
    """Return Regions that have answers or results and were neither asked nor left out: things found from elsewhere."""
    asked = {(account.id, region) for account in accounts for region in ("global", *account.regions)}
    return tuple(sorted({item.region for item in places if (item.account, item.region) not in asked} - set(left_out)))


def by_account(places: Sequence[Place]) -> tuple[Place, ...]:
    """Add places up to one line for each account."""
    groups: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        groups[place.account].append(place)
    return tuple(
        Place(
            account,
            counted(sum(place.region != "global" for place in members), "Region"),
            sum(place.calls for place in members),
            sum(place.answered for place in members),
            sum(place.absent for place in members),
            sum(place.missing for place in members),
            tuple(
                Tally(mark, sum(place.states[index].count for place in members))
                for index, mark in enumerate(MARKS.values())
            ),
        )
        for account, members in groups.items()
    )


def gap(document: Mapping[str, Any], by_id: Mapping[str, Control]) -> Gap:
    """Prepare one call without an answer."""
    return Gap(
        account=visible(document["account"], 40),
        region=visible(document["region"], 40),
        operation=visible(document["operation"]),
        error=visible(document["error"], 80),
        message=visible(document.get("message", "")),
        action=visible(document["action"]),
        ref=document.get("ref", ""),
        controls=tuple(Link(by_id[name].anchor, name) for name in document["controls"] if name in by_id),
    )

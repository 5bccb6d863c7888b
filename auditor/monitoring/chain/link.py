"""The links of a detection chain, in the order in which an event travels. Knows no AWS field."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

ORDER = ("trail", "log group", "filter", "metric", "alarm", "action", "subscriber")


class State(StrEnum):
    """What is known about one link."""

    OK = "ok"
    BROKEN = "broken"
    UNKNOWN = "unknown"
    NOT_REACHED = "not-reached"


@dataclass(frozen=True, slots=True)
class Link:
    """One link: what it is, how it stands, and one sentence about it. ``evidence`` are places."""

    kind: str
    state: State
    name: str
    sentence: str
    evidence: tuple[str, ...] = ()

    @classmethod
    def not_reached(cls, kind: str) -> "Link":
        """Return a link that an earlier one keeps the event from."""
        return cls(kind, State.NOT_REACHED, "", "Not reached.")

    def document(self) -> dict[str, Any]:
        """Return the JSON form for reports."""
        return {
            "link": self.kind,
            "state": self.state.value,
            "name": self.name,
            "sentence": self.sentence,
            "evidence": references(self.evidence),
        }


def references(places: Sequence[str]) -> list[str]:
    """Return the evidence references of places, without the pointers into them, each once."""
    return list(dict.fromkeys(ref for place in places if (ref := place.partition("#")[0])))


Links = tuple[Link, ...]


def state_of(links: Sequence[Link]) -> State:
    """Return what a chain is worth: broken, unknown, or ok as a whole."""
    states = {link.state for link in links}
    if State.BROKEN in states:
        return State.BROKEN
    return State.UNKNOWN if states & {State.UNKNOWN, State.NOT_REACHED} else State.OK


def first_broken(links: Sequence[Link]) -> Link | None:
    """Return the first link that is not ok, one that says why before one that was only not reached.

    A rule of EventBridge has no filter, metric and alarm: what is known of its target stands behind links not reached.
    """
    return next(
        (link for link in links if link.state in {State.BROKEN, State.UNKNOWN}),
        next((link for link in links if link.state is not State.OK), None),
    )


def where_broken(links: Sequence[Link]) -> Link | None:
    """Return the first link that is known to be broken."""
    return next((link for link in links if link.state is State.BROKEN), None)


def completed(links: Sequence[Link], since: str = ORDER[0]) -> Links:
    """Add the links that the chain does not reach, from one kind on."""
    present = {link.kind for link in links}
    missing = [Link.not_reached(kind) for kind in ORDER[ORDER.index(since) :] if kind not in present]
    return tuple(sorted((*links, *missing), key=lambda link: ORDER.index(link.kind)))


def reached(links: Sequence[Link]) -> tuple[int, int]:
    """Rank chains: the further an event gets the better, and not knowing is better than knowing that it stops."""
    ok = sum(link.state is State.OK for link in links)
    return ok, sum(link.state is State.UNKNOWN for link in links)


_WORTH = (State.BROKEN, State.UNKNOWN, State.OK)


def rank(links: Sequence[Link]) -> tuple[int, int, int]:
    """Rank ways of which one suffices: a whole one first, then one that may be whole, then one that is known not to be.

    However far a broken way leads, it does not hide another that could be whole.
    """
    return _WORTH.index(state_of(links)), *reached(links)

"""The one look of each state: word, sign and class name, so that colour never speaks alone."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from auditor.model import State


@dataclass(frozen=True, slots=True)
class Mark:
    """How a state is written.

    Args:
        state: the state.
        word: for people.
        sign: a character of the sign font.
        key: for class names, patterns and colours.
    """

    state: State
    word: str
    sign: str
    key: str


MARKS = {
    State.FAIL: Mark(State.FAIL, "Fail", "✗", "fail"),
    State.NOT_ASSESSED: Mark(State.NOT_ASSESSED, "Not assessed", "?", "gap"),
    State.MANUAL: Mark(State.MANUAL, "Manual", "☞", "manual"),
    State.WAIVED: Mark(State.WAIVED, "Waived", "~", "waived"),
    State.PASS: Mark(State.PASS, "Pass", "✓", "pass"),
    State.NOT_APPLICABLE: Mark(State.NOT_APPLICABLE, "Not applicable", "\u2013", "na"),
}  # fmt: skip
"""Every state, worst first: the order of every table and chart."""

EXCEPTIONS = (State.FAIL, State.NOT_ASSESSED, State.MANUAL, State.WAIVED)
"""States that a page shows resource by resource however many there are."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many say one state."""

    mark: Mark
    count: int


def tally(states: Iterable[State]) -> tuple[Tally, ...]:
    """Count states, those of zero included, worst first."""
    counts = Counter(states)
    return tuple(Tally(mark, counts[state]) for state, mark in MARKS.items())

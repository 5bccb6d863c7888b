"""Answers that may stay open: yes, no, or not known. An open answer is never taken for either."""

from collections.abc import Iterable

Truth = bool | None
"""True, false, or not known."""


def every(answers: Iterable[Truth]) -> Truth:
    """Say whether all of them hold: one "no" decides, and otherwise one that is not known leaves it open."""
    found = set(answers)
    return False if False in found else None if None in found else True


def either(answers: Iterable[Truth]) -> Truth:
    """Say whether one of them holds: one "yes" decides, and otherwise one that is not known leaves it open."""
    found = set(answers)
    return True if True in found else None if None in found else False


def negated(answer: Truth) -> Truth:
    """Turn an answer round; what is not known stays so."""
    return None if answer is None else not answer

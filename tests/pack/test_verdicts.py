"""Verdicts on log files have one order, and a word that nobody knows is no good news."""

from itertools import permutations

import pytest

from auditor.pack.verdicts import Level, worst_level


@pytest.mark.parametrize("order", list(permutations(["pass", "note", "incomplete", "fail"])))
def test_the_worst_wins_whatever_comes_first(order: tuple[str, ...]) -> None:
    assert worst_level(order) is Level.FAIL
    assert worst_level(word for word in order if word != "fail") is Level.INCOMPLETE
    assert worst_level(word for word in order if word in {"pass", "note"}) is Level.NOTE


def test_an_unknown_word_counts_as_incomplete() -> None:
    assert worst_level(["pass", "perfect"]) is Level.INCOMPLETE
    assert worst_level(["perfect", "fail"]) is Level.FAIL


def test_each_verdict_has_a_meaning_of_its_own() -> None:
    assert len({level.meaning for level in Level}) == len(Level)

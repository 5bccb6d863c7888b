"""The wildcards of the policy language, against a slow and obvious matcher."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.policies.language import covers, holds_all, matches, may_hold


@settings(max_examples=100, deadline=None)
@given(pattern=st.text("ab*?", max_size=8), sample=st.text("ab", max_size=6))
def test_wildcards_agree_with_a_slow_and_obvious_matcher(pattern: str, sample: str) -> None:
    def slow(p: str, s: str) -> bool:
        if not p:
            return not s
        if p[0] == "*":
            return slow(p[1:], s) or (bool(s) and slow(p, s[1:]))
        return bool(s) and p[0] in ("?", s[0]) and slow(p[1:], s[1:])

    assert matches([pattern], sample) is slow(pattern, sample)


def test_a_pattern_of_many_stars_is_answered_at_once() -> None:
    assert not matches(["*a" * 500 + "*b"], "a" * 2000)
    assert matches(["*a" * 500 + "*b"], "a" * 2000 + "b")


@pytest.mark.parametrize(
    ("patterns", "answer"),
    [
        (["${aws:username}"], None),
        (["b${aws:username}"], False),
        (["b", "${aws:username}"], None),
        (["a", "${aws:username}"], True),
        (["${unclosed"], False),
    ],
)
def test_what_a_variable_stands_for_is_not_known(patterns: list[str], answer: bool | None) -> None:
    assert matches(patterns, "a") is answer


@settings(max_examples=200, deadline=None)
@given(pattern=st.text("ab*?", max_size=6), beginning=st.text("ab", max_size=3), end=st.text("ab", max_size=3))
def test_a_pattern_that_holds_all_matches_each_and_one_that_may_hold_none_matches_none(
    pattern: str, beginning: str, end: str
) -> None:
    matched = matches([pattern], beginning + end)
    assert matched or not holds_all(pattern, beginning)
    assert not matched or may_hold(pattern, beginning)


@settings(max_examples=300, deadline=None)
@given(wide=st.text("ab*?", max_size=5), narrow=st.text("ab*?", max_size=5), sample=st.text("ab*?", max_size=5))
def test_what_covers_a_pattern_matches_all_that_the_pattern_matches(wide: str, narrow: str, sample: str) -> None:
    if covers([wide], [narrow]) and matches([narrow], sample):
        assert matches([wide], sample)

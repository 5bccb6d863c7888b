"""What a timeline shows is never more than the logs carry."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.activity.continuity import Change, Condition, Reading, Span, Stretch, joined, walk
from auditor.base.period import Period

START = datetime(2026, 10, 1, tzinfo=UTC)
PERIOD = Period(START, START + timedelta(days=2), "two days")
ALL: tuple[Span, ...] = ((PERIOD.start, PERIOD.end),)
LATER = Reading(True, PERIOD.end + timedelta(days=1))
HELD, UNCHANGED, ALTERED, BROKEN, OPEN = (
    Condition.HELD,
    Condition.UNCHANGED,
    Condition.ALTERED,
    Condition.BROKEN,
    Condition.OPEN,
)


def hour(number: float) -> datetime:
    return START + timedelta(hours=number)


def told(found: tuple[Stretch, ...]) -> list[tuple[float, str]]:
    """Return at which hour each stretch begins, and how it stood."""
    return [((item.start - START) / timedelta(hours=1), item.condition.value) for item in found]


@pytest.mark.parametrize(
    ("changes", "reading", "expected"),
    [
        pytest.param([], LATER, [(0, UNCHANGED)], id="nobody-touched-it-and-it-was-read-later"),
        pytest.param([], Reading(True, PERIOD.end, START), [(0, HELD)], id="since-the-beginning"),
        pytest.param([], Reading(True, PERIOD.end), [(0, HELD)], id="read-at-the-end"),
        pytest.param([], Reading(False, PERIOD.end), [(0, BROKEN)], id="out-of-order-at-the-end"),
        pytest.param([], Reading(False, LATER.at), [(0, OPEN)], id="out-of-order-later"),
        pytest.param([], Reading(None, LATER.at), [(0, OPEN)], id="read-without-an-answer"),
        pytest.param([], None, [(0, OPEN)], id="nothing-known"),
        pytest.param(
            [Change(hour(5), False), Change(hour(6), True)],
            LATER,
            [(0, UNCHANGED), (5, BROKEN), (6, HELD)],
            id="stopped-and-started",
        ),
        pytest.param([Change(hour(5), False)], LATER, [(0, UNCHANGED), (5, BROKEN)], id="restored-by-no-call"),
        pytest.param(
            [Change(hour(5), False)],
            Reading(True, LATER.at, hour(9)),
            [(0, UNCHANGED), (5, BROKEN), (9, HELD)],
            id="restored-at-a-moment-that-AWS-tells",
        ),
        pytest.param([Change(hour(5), True)], LATER, [(0, OPEN), (5, HELD)], id="switched-on-first"),
        pytest.param(
            [Change(hour(5), None), Change(hour(7), None)],
            LATER,
            [(0, OPEN), (5, ALTERED), (7, UNCHANGED)],
            id="overwritten-and-overwritten-again",
        ),
        pytest.param([Change(hour(5), None)], None, [(0, OPEN), (5, ALTERED)], id="overwritten-and-never-read"),
        pytest.param(
            [Change(hour(5), False, verified=False), Change(hour(6), True)],
            LATER,
            [(0, OPEN), (6, HELD)],
            id="stopped-by-a-record-nobody-vouches-for",
        ),
        pytest.param([Change(hour(-5), False), Change(hour(48), False)], LATER, [(0, UNCHANGED)], id="outside"),
    ],
)
def test_a_state_is_walked_back_through_the_calls(
    changes: list[Change], reading: Reading | None, expected: list[tuple[float, str]]
) -> None:
    readings = [("", reading)] if reading else []
    assert told(walk(PERIOD, ALL, changes, readings)) == expected


def test_hours_nobody_vouches_for_show_nothing_and_certainty_ends_with_them() -> None:
    verified = ((hour(0), hour(10)), (hour(12), hour(48)))
    found = walk(PERIOD, verified, [Change(hour(2), False), Change(hour(3), True)], [("", LATER)])
    assert told(found) == [(0, UNCHANGED), (2, BROKEN), (3, HELD), (10, OPEN), (12, UNCHANGED)]


def test_the_worst_of_several_settings_is_the_line() -> None:
    changes = [Change(hour(4), False, part="public access"), Change(hour(5), True, part="public access")]
    changes.append(Change(hour(30), None, part="policy"))
    found = walk(PERIOD, ALL, changes, [("public access", LATER), ("policy", LATER)])
    assert told(found) == [(0, OPEN), (4, BROKEN), (5, OPEN), (30, UNCHANGED)]


def test_digests_prove_what_they_are_made_by() -> None:
    assert told(walk(PERIOD, (), [], [("", LATER)], proved=((hour(0), hour(40)),))) == [(0, HELD), (40, OPEN)]


moments = st.integers(-60, 60 * 52).map(lambda minutes: START + timedelta(minutes=minutes))
spans = st.lists(st.tuples(st.integers(0, 47), st.integers(1, 12)), max_size=6).map(
    lambda drawn: tuple((hour(first), min(hour(first + length), PERIOD.end)) for first, length in drawn)
)
holding = st.sampled_from([True, False, None])
calls = st.builds(Change, moments, holding, st.booleans(), st.sampled_from(["", "policy"]))
readings_of_parts = st.builds(Reading, holding, moments, st.none() | moments)


@given(
    verified=spans,
    changes=st.lists(calls, max_size=8),
    reading=st.none() | readings_of_parts,
    proved=st.lists(st.sampled_from(range(48)).map(lambda first: (hour(first), hour(first + 1))), max_size=4),
)
def test_no_timeline_holds_over_an_hour_that_did_not_verify(
    verified: tuple[Span, ...], changes: list[Change], reading: Reading | None, proved: list[Span]
) -> None:
    found = walk(PERIOD, verified, changes, [("", reading)] if reading else [], proved)
    assert found[0].start == PERIOD.start
    assert found[-1].end == PERIOD.end
    assert all(one.end == other.start for one, other in pairwise(found))
    vouched = joined((*verified, *proved))
    for item in found:
        if item.condition in (HELD, UNCHANGED):
            assert any(start <= item.start and item.end <= end for start, end in vouched)


@given(verified=spans, changes=st.lists(calls, max_size=8), reading=st.none() | readings_of_parts)
def test_the_order_in_which_calls_are_told_changes_nothing(
    verified: tuple[Span, ...], changes: list[Change], reading: Reading | None
) -> None:
    apart = list({item.at: item for item in changes}.values())
    readings = [("", reading)] if reading else []
    assert walk(PERIOD, verified, apart, readings) == walk(PERIOD, verified, apart[::-1], readings)

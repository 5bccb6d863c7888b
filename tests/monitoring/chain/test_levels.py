"""Alarms on how full something is."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.monitoring.chain.facts import Series
from auditor.monitoring.chain.levels import Level, NotALevelError, Wanted, evaluate, judge_level
from auditor.monitoring.chain.link import State
from tests.monitoring.chain.account import ALARM

RISING = Wanted(falls=False, room=80, rest=0, within=900)
FALLING = Wanted(falls=True, room=5, rest=90, within=900)
OVER, UNDER = "GreaterThanThreshold", "LessThanThreshold"


def level(
    threshold: float | None,
    comparison: str = OVER,
    *,
    statistic: str = "Average",
    expression: str = "m",
    period: int = 60,
    **alarm: Any,
) -> Level:
    given = replace(ALARM, threshold=threshold, comparison=comparison, **alarm)
    return Level(given, {"m": Series("N", "M")}, statistic, period, expression)


@pytest.mark.parametrize(
    ("given", "wanted", "state", "words"),
    [
        pytest.param(level(79), RISING, State.OK, "goes off at 79", id="in-time"),
        pytest.param(level(80), RISING, State.BROKEN, "silent at 80", id="above-it-only"),
        pytest.param(level(80, "GreaterThanOrEqualToThreshold"), RISING, State.OK, "80", id="at-it"),
        pytest.param(level(1_000_000), RISING, State.BROKEN, "silent", id="never"),
        pytest.param(level(-1), RISING, State.BROKEN, "never rests", id="always"),
        pytest.param(level(0, "GreaterThanOrEqualToThreshold"), RISING, State.BROKEN, "never rests", id="at-nothing"),
        pytest.param(level(79, UNDER), RISING, State.BROKEN, "wrong way", id="the-wrong-way"),
        pytest.param(level(79, period=86_400), RISING, State.BROKEN, "1,440 minutes", id="a-day"),
        pytest.param(level(79, datapoints=30, periods=30), RISING, State.BROKEN, "30 minutes", id="half-an-hour"),
        pytest.param(level(79, statistic="p95"), RISING, State.OK, "79", id="percentile"),
        pytest.param(level(79, statistic="Sum"), RISING, State.UNKNOWN, "no level", id="a-sum"),
        pytest.param(level(None), RISING, State.UNKNOWN, "no fixed threshold", id="anomalies"),
        pytest.param(level(0.5, expression="m / 100"), RISING, State.OK, "0.5", id="share"),
        pytest.param(level(79, expression="100 * (m / 1000)"), RISING, State.BROKEN, "silent", id="another-share"),
        pytest.param(level(79, expression="FILL(m, 0)"), RISING, State.OK, "79", id="filled"),
        pytest.param(level(79, expression="MAX([m, 3])"), RISING, State.OK, "79", id="greatest"),
        pytest.param(level(79, expression="RATE(m)"), RISING, State.UNKNOWN, "not understood", id="a-rate"),
        pytest.param(level(79, expression="m + other"), RISING, State.UNKNOWN, "other", id="of-something-else"),
        pytest.param(level(79), replace(RISING, room=None), State.UNKNOWN, "room is not known", id="limit-unknown"),
        pytest.param(
            level(79, period=86_400), replace(RISING, room=None), State.BROKEN, "minutes", id="limit-unknown-but-late"
        ),
        pytest.param(level(10, UNDER), FALLING, State.OK, "10", id="little-left"),
        pytest.param(level(4, UNDER), FALLING, State.BROKEN, "silent at 5", id="too-little-left"),
        pytest.param(level(95, UNDER), FALLING, State.BROKEN, "never rests", id="plenty-left"),
        pytest.param(level(79, evaluation="EVALUATION_ERROR"), RISING, State.BROKEN, "errors", id="cannot-evaluate"),
    ],
)
def test_what_an_alarm_on_a_level_is_worth(given: Level, wanted: Wanted, state: State, words: str) -> None:
    found, sentence = judge_level(given, wanted)
    assert found is state, sentence
    assert words in sentence


@given(st.floats(-10, 200), st.floats(1, 200))
def test_a_lower_threshold_never_turns_a_good_alarm_silent(threshold: float, lower: float) -> None:
    high, low = (judge_level(level(one), RISING) for one in (threshold, threshold - lower))
    assert high[0] is not State.OK or low[0] is State.OK or "never rests" in low[1]


@given(st.text("m+-*/()[],0123456789FILAX ", max_size=40))
def test_hostile_expressions_are_worked_out_or_refused(expression: str) -> None:
    with suppress(NotALevelError):
        assert isinstance(evaluate(expression, {"m": 1.0}), float | int)

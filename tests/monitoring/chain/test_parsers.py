"""Alarm rules and metric maths: small languages, each read strictly."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.monitoring.chain.alarm_rule import (
    Expression,
    InState,
    RuleError,
    goes_off_with,
    mentions,
    parse_alarm_rule,
)
from auditor.monitoring.chain.metric_math import NotASum, read_sum

STATES = ("ALARM", "OK", "INSUFFICIENT_DATA")
RULES = st.recursive(
    st.one_of(
        st.builds('{}("{}")'.format, st.sampled_from(STATES), st.sampled_from("abc")),
        st.sampled_from(["TRUE", "FALSE"]),
    ),
    lambda inner: st.one_of(
        st.builds("({} AND {})".format, inner, inner),
        st.builds("({} OR {})".format, inner, inner),
        st.builds("NOT {}".format, inner),
    ),
    max_leaves=6,
)


def value(expression: Expression, states: dict[str, str]) -> bool:
    if isinstance(expression, bool):
        return expression
    if isinstance(expression, InState):
        return states[expression.alarm] == expression.state
    parts = [value(part, states) for part in expression.parts]
    return {"NOT": not parts[0], "AND": all(parts), "OR": any(parts)}[expression.operator]


@settings(deadline=None)
@given(rule=RULES)
def test_a_composite_that_goes_off_does_so_whatever_the_others_do(rule: str) -> None:
    expression = parse_alarm_rule(rule)
    answer = goes_off_with(expression, {"a"})
    every = [value(expression, {"a": "ALARM", "b": b, "c": c}) for b, c in itertools.product(STATES, STATES)]
    if answer is not None:
        assert set(every) == {answer}
    assert mentions(expression, {"a"}) is ('"a"' in rule)


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "ALARM",
        "ALARM(",
        "ALARM()",
        'ALARM("a") AND',
        '"a"',
        'ALARM("a") ALARM("b")',
        "(" * 200,
        "NOT " * 500 + "TRUE",
    ],
)
def test_other_rules_are_not_understood(rule: str) -> None:
    with pytest.raises(RuleError):
        parse_alarm_rule(rule)


@settings(deadline=None)
@given(st.text("ALRMOKNDT()\"' abc\\,", max_size=60))
def test_any_rule_is_read_or_refused(text: str) -> None:
    try:
        parse_alarm_rule(text)
    except RuleError:
        return


@pytest.mark.parametrize(
    ("expression", "ids", "fills"),
    [
        pytest.param("m1", {"m1"}, False, id="one"),
        pytest.param(" m1 + m2 ", {"m1", "m2"}, False, id="plus"),
        pytest.param("SUM(METRICS())", {"m1", "m2", "m3"}, False, id="all"),
        pytest.param("sum([m1, m2])", {"m1", "m2"}, False, id="list-in-lower-case"),
        pytest.param("FILL(m1, 0)", {"m1"}, True, id="fill"),
        pytest.param("FILL(m1,0)+FILL(m2,0.0)", {"m1", "m2"}, True, id="fill-each"),
        pytest.param("FILL(m1,0)+m2", {"m1", "m2"}, False, id="fill-one-only"),
        pytest.param("(m1 + (m2))", {"m1", "m2"}, False, id="parentheses"),
    ],
)
def test_plain_sums_are_understood(expression: str, ids: set[str], fills: bool) -> None:
    found = read_sum(expression, ("m1", "m2", "m3"))
    assert found.ids == ids
    assert found.fills is fills


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "m9",
        "m1 - m2",
        "m1 * 2",
        "MAX(m1)",
        "FILL(m1, 1)",
        "FILL(m1, REPEAT)",
        "IF(m1,1,0)",
        "SUM(m1",
        "METRICS('x')",
        "(" * 99,
    ],
)
def test_anything_else_is_no_sum(expression: str) -> None:
    with pytest.raises(NotASum):
        read_sum(expression, ("m1", "m2"))


@settings(deadline=None)
@given(st.text("mSUFIL123()[],+ .", max_size=60))
def test_any_expression_is_read_or_refused(text: str) -> None:
    try:
        read_sum(text, ("m1", "m2"))
    except NotASum:
        return

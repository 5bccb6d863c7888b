"""What changed between two judgements."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.base.errors import IntegrityError
from auditor.pack.comparison import Change, compare, findings_of
from tests.pack.judgements import accounts, control, judgement, result

FAILING = judgement(control("sg-closed", result()))


def kinds(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return [item.change.value for item in compare(before, now).changes]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param([result()], ["still open"], id="the-same"),
        pytest.param([result("PASS")], ["fixed"], id="passes"),
        pytest.param([result("NOT_APPLICABLE")], ["fixed"], id="no-longer-applies"),
        pytest.param([result("WAIVED")], ["waived"], id="waived"),
        pytest.param([result("NOT_ASSESSED")], ["no longer assessed"], id="unreadable"),
        pytest.param([result("MANUAL")], ["no longer assessed"], id="left-to-a-person"),
        pytest.param([result(observed="r-1 is open on two ports")], ["worse"], id="something-else-observed"),
        pytest.param([result(), result(resource="r-2")], ["new", "still open"], id="one-more"),
        pytest.param([], ["no longer assessed"], id="no-result-at-all"),
        pytest.param([result("NOT_APPLICABLE", "", region="global")], ["fixed"], id="the-resource-is-gone"),
        pytest.param([result("PASS", "r-2")], ["fixed"], id="another-resource-in-its-place"),
        pytest.param([result("NOT_ASSESSED", "r-2")], ["no longer assessed"], id="gone-beside-a-gap"),
        pytest.param(
            [result("NOT_ASSESSED", "111122223333", region="global")],
            ["no longer assessed"],
            id="gone-beside-a-gap-of-all",
        ),
        pytest.param([result("NOT_ASSESSED", "r-2", region="us-east-1")], ["fixed"], id="a-gap-elsewhere"),
    ],
)
def test_what_becomes_of_a_failure(now: list[dict[str, Any]], expected: list[str]) -> None:
    assert kinds(FAILING, judgement(control("sg-closed", *now))) == expected


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param(judgement(control("sg-closed", result("PASS"))), "new", id="passed"),
        pytest.param(judgement(control("sg-closed")), "new", id="was-not-there"),
        pytest.param(judgement(control("sg-closed", result("WAIVED"))), "new", id="the-waiver-ended"),
        pytest.param(judgement(control("sg-closed", result("NOT_ASSESSED"))), "new", id="could-not-be-read"),
        pytest.param(judgement(), "new by catalogue", id="the-control-is-new"),
        pytest.param(
            judgement(control("sg-closed", result("PASS"), criterion="Another.")), "new by catalogue", id="another-rule"
        ),
        pytest.param(judgement(control("sg-closed", result(), severity="low")), "worse", id="graver"),
        pytest.param(judgement(control("sg-closed", result(), severity="critical")), "worse", id="content-differs"),
    ],
)
def test_where_a_failure_comes_from(before: dict[str, Any], expected: str) -> None:
    assert kinds(before, FAILING) == [expected]


@pytest.mark.parametrize(
    ("now", "why"),
    [
        pytest.param(judgement(), "the control was not asked for", id="control"),
        pytest.param(judgement(control(), accounts=[]), "account 111122223333 was not looked at", id="account"),
        pytest.param(
            judgement(control(), accounts=accounts(["us-east-1"])), "eu-central-1 was not looked at", id="region"
        ),
    ],
)
def test_what_nobody_asked_about_is_not_fixed(now: dict[str, Any], why: str) -> None:
    (item,) = compare(FAILING, now).changes
    assert (item.change, item.why) == (Change.OUT_OF_SCOPE, why)


def test_what_is_not_in_the_sample_is_not_fixed() -> None:
    now = {**judgement(control()), "sampling": {"size": 5, "seed": "a"}}
    assert kinds(FAILING, now) == ["no longer assessed"]


@pytest.mark.parametrize(
    ("then", "today", "expected"),
    [
        pytest.param("is 91 days old", "is 121 days old", "still open", id="age"),
        pytest.param("since 2026-09-01 02:03 UTC", "since 2026-10-01T00:00:00Z", "still open", id="date"),
        pytest.param("is 2 days, 3 hours old", "is 40 days, 1 hour old", "still open", id="age-in-parts"),
        pytest.param("opens 2 ports", "opens 3 ports", "worse", id="number"),
    ],
)
def test_the_passing_of_time_makes_nothing_worse(then: str, today: str, expected: str) -> None:
    before, now = (judgement(control("k", result(observed=words))) for words in (then, today))
    assert kinds(before, now) == [expected]


def test_another_choice_of_frameworks_is_no_change_of_a_finding() -> None:
    before = judgement(control("k", result(frameworks=["cis-aws-5.0.0"])))
    now = judgement(control("k", result(frameworks=["cis-aws-3.0.0", "cis-aws-5.0.0"])), frameworks=["cis-aws-3.0.0"])
    found = compare(before, now)
    assert [item.change for item in found.changes] == [Change.KNOWN]
    assert found.scope == (
        "frameworks no longer looked at: cis-aws-5.0.0",
        "frameworks looked at for the first time: cis-aws-3.0.0",
    )


def test_regions_are_named_of_accounts_that_both_packs_looked_at() -> None:
    other = [{**item, "id": "444455556666"} for item in accounts(["eu-west-1"])]
    both, one = accounts(["eu-central-1", "us-east-1"]), accounts(["eu-central-1"])
    before, now = judgement(control(), accounts=[*both, *other]), judgement(control(), accounts=one)
    assert compare(before, now).scope == (
        "accounts no longer looked at: 444455556666",
        "Regions no longer looked at: 111122223333 us-east-1",
    )


def test_rules_are_told_apart_from_the_account() -> None:
    before = judgement(control("a", result()), control("b", test="Otherwise."))
    now = judgement(control("b"), control("c"))
    assert compare(before, now).catalogue.document() == {
        "added": ["c"],
        "removed": ["a"],
        "changed": [{"control": "b", "parts": ["test"]}],
    }


STATES = st.sampled_from(["PASS", "FAIL", "WAIVED", "NOT_ASSESSED", "NOT_APPLICABLE", "MANUAL"])
RESULTS = st.dictionaries(st.sampled_from(["r-1", "r-2", "r-3", "r-4"]), STATES)


def judged(states: dict[str, str]) -> dict[str, Any]:
    return judgement(control("k", *(result(state, name) for name, state in states.items())))


@given(RESULTS, RESULTS)
def test_no_failure_is_lost_between_two_judgements(then: dict[str, str], today: dict[str, str]) -> None:
    """Every failure of either side is told once, and nothing counts as fixed beside a gap that could hide it."""
    changes = compare(judged(then), judged(today)).changes
    told = [item.finding.resource for item in changes]
    assert len(told) == len(set(told))
    failing = {name for states in (then, today) for name, state in states.items() if state == "FAIL"}
    assert failing <= set(told)
    if "NOT_ASSESSED" in today.values():
        assert {item.finding.resource for item in changes if item.change is Change.FIXED} <= today.keys()


@given(RESULTS)
def test_a_judgement_compared_with_itself_shows_no_change(states: dict[str, str]) -> None:
    assert {item.change for item in compare(judged(states), judged(states)).changes} <= {Change.KNOWN}


@pytest.mark.parametrize("document", [{}, {"controls": [{}]}, [], {"controls": [{"id": 1, "results": [1]}]}])
def test_a_document_of_another_shape_is_refused(document: Any) -> None:
    with pytest.raises(IntegrityError):
        findings_of(document)
    with pytest.raises(IntegrityError):
        compare(FAILING, document)


def _without(*path: Any) -> dict[str, Any]:
    document = copy.deepcopy(FAILING)
    inner: Any = document
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return document


@pytest.mark.parametrize(
    "path",
    [("sampling",), ("run",), ("run", "accounts"), ("run", "accounts", 0, "id"), ("run", "accounts", 0, "regions")],
)
def test_a_document_that_does_not_say_what_was_looked_at_is_refused(path: tuple[Any, ...]) -> None:
    with pytest.raises(IntegrityError):
        compare(FAILING, _without(*path))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (judgement(control()), "no longer assessed"),
        (judgement(control("sg-closed", result("MANUAL", ""))), "no longer assessed"),
        (judgement(control("sg-closed", result("PASS", "other"))), "fixed"),
    ],
)
def test_nothing_is_fixed_where_its_control_has_no_verdict_on_the_account(now: dict[str, Any], expected: str) -> None:
    assert kinds(FAILING, now) == [expected]

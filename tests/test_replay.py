"""Naming the differences between two judgements."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.replay import differences


def document() -> dict[str, Any]:
    result = {
        "account": "111122223333",
        "region": "eu-central-1",
        "resource": "vpc-1",
        "frameworks": [],
        "state": "FAIL",
        "reason": "Tagged is false.",
    }
    return {
        "headline": "1 not met",
        "controls": [{"id": "vpc-is-tagged", "population": {"tested": 1}, "results": [result]}],
    }


def test_equal_judgements_have_no_difference() -> None:
    assert differences(document(), document()) == ()


def test_a_changed_verdict_is_named_with_both_states() -> None:
    forged = document()
    forged["controls"][0]["results"][0]["state"] = "PASS"
    (found,) = differences(forged, document())
    assert "vpc-is-tagged 111122223333 eu-central-1 vpc-1" in found
    assert "PASS (Tagged is false.) recorded, FAIL (Tagged is false.) when judged again" in found


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda it: it["controls"][0]["results"].clear(), "nothing recorded", id="result-removed"),
        pytest.param(lambda it: it["controls"].clear(), "vpc-is-tagged: not recorded", id="control-removed"),
        pytest.param(lambda it: it["controls"].append({"id": "b-c", "results": []}), "b-c: not judged", id="added"),
        pytest.param(lambda it: it["controls"][0].update(population={}), "population differs", id="population"),
        pytest.param(lambda it: it.update(headline="all fine"), "headline: all fine recorded", id="headline"),
    ],
)
def test_every_kind_of_change_is_named(change: Any, words: str) -> None:
    forged = document()
    change(forged)
    assert any(words in item for item in differences(forged, document()))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "controls", "results"]), inner),
    max_leaves=12,
)


@given(json_values)
def test_whatever_a_forger_writes_is_a_difference_and_no_crash(forged: Any) -> None:
    assert differences(forged, document())
    nested = copy.deepcopy(document())
    nested["controls"] = forged
    assert differences(nested, document())

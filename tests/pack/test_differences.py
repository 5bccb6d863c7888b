"""Naming the differences between what a pack says and what follows from it."""

import copy
import shutil
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.base.errors import IntegrityError
from auditor.pack.differences import differences
from auditor.run.replaying import replay

SAMPLE = Path(__file__).resolve().parents[2] / "reports" / "sample"


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
    assert found.path == "/controls[vpc-is-tagged]/results[111122223333 eu-central-1 vpc-1]/state"
    assert (found.was, found.now) == ("PASS", "FAIL")
    assert str(found) == f"{found.path} was PASS, is FAIL"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda it: it["controls"][0]["results"].clear(), "vpc-1] was nothing, is {", id="result-removed"),
        pytest.param(lambda it: it["controls"].clear(), "[vpc-is-tagged] was nothing, is {", id="control-removed"),
        pytest.param(lambda it: it["controls"].append({"id": "b-c", "results": []}), "[b-c] was {", id="added"),
        pytest.param(lambda it: it["controls"][0].update(population={}), "/tested was nothing, is 1", id="population"),
        pytest.param(lambda it: it.update(headline="all fine"), "/headline was all fine, is 1 not met", id="headline"),
    ],
)
def test_every_kind_of_change_is_named(change: Any, words: str) -> None:
    forged = document()
    change(forged)
    assert any(words in str(item) for item in differences(forged, document()))


def test_a_value_nested_without_end_is_a_difference_and_no_crash() -> None:
    deep: Any = []
    for _ in range(sys.getrecursionlimit()):
        deep = [deep]
    for place in ("headline", "counts"):
        assert any(place in str(item) for item in differences({**document(), place: deep}, document()))
    for member in ("state", "frameworks", "reason", "account"):
        forged = document()
        forged["controls"][0]["results"][0][member] = deep
        assert any("vpc-is-tagged" in str(item) for item in differences(forged, document()))


def test_evidence_whose_results_have_no_canonical_form_is_told(tmp_path: Path) -> None:
    for name in ("evidence", "rules", "results"):
        shutil.copytree(SAMPLE / name, tmp_path / name)
    shutil.copy(SAMPLE / "manifest.json", tmp_path)
    scope = tmp_path / "evidence" / "scope.json"
    scope.write_bytes(orjson.dumps({**orjson.loads(scope.read_bytes()), "entity": 2**53 + 1}))
    with pytest.raises(IntegrityError, match="no canonical form"):
        replay(tmp_path)


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

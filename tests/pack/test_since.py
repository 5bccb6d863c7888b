"""What a pack carries of the judgement before is all that a comparison needs, and nothing odd gets through it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.base.errors import IntegrityError
from auditor.model import State
from auditor.pack.comparison import compare
from auditor.pack.since import SCHEMA, carry, read_carried, since
from tests.pack.judgements import accounts, control, judgement, result

NAMES = {"pack_id": "before", "manifest_sha256": "a" * 64, "results_sha256": "b" * 64}

results = st.builds(
    result,
    state=st.sampled_from([state.value for state in State]),
    resource=st.sampled_from(["r-1", "r-2", "r-\u202e3"]),
    region=st.sampled_from(["global", "eu-central-1", "us-east-1"]),
    reason=st.sampled_from(["It is open since 3 days.", "It is open since 4 days.", "Wide open."]),
    observed=st.sampled_from(["port 22", "port 22 and 23", "seen 2026-10-01"]),
    frameworks=st.sampled_from([[], ["cis-aws-5.0.0"], ["cis-aws-3.0.0"]]),
)
controls = st.builds(
    lambda name, rows, **fields: control(name, *rows, **fields),
    st.sampled_from(["a-1", "b-2", "c-3"]),
    st.lists(
        results,
        min_size=1,
        max_size=4,
        unique_by=lambda item: (item["resource"], item["region"], *item["frameworks"]),
    ),
    severity=st.sampled_from(["high", "low"]),
    criterion=st.sampled_from(["It is closed.", "It is shut."]),
)
judgements = st.builds(
    lambda found, **fields: judgement(*{item["id"]: item for item in found}.values(), **fields),
    st.lists(controls, max_size=3),
    frameworks=st.sampled_from([["cis-aws-5.0.0"], ["cis-aws-3.0.0", "cis-aws-5.0.0"]]),
    accounts=st.sampled_from([accounts(), accounts(("eu-central-1",))]),
)


@given(judgements, judgements)
def test_what_is_carried_gives_the_comparison_of_both_documents(before: dict[str, Any], now: dict[str, Any]) -> None:
    whole = compare(before, now).document()
    found = since(read_carried(carry(before, **NAMES)), now)
    assert found["counts"] == whole["counts"]
    assert found["scope"] == whole["scope"]
    assert found["catalogue"] == whole["catalogue"]
    assert found["changes"] == [item for item in whole["changes"] if item["change"] != "still open"]


@given(judgements)
def test_the_same_judgement_again_has_changed_nothing(document: dict[str, Any]) -> None:
    found = since(read_carried(carry(document, **NAMES)), document)
    failures = sum(item["state"] == "FAIL" for block in document["controls"] for item in block["results"])
    assert found["counts"]["still open"] + found["counts"]["worse"] == failures
    assert not any(found["counts"][kind] for kind in ("new", "new by catalogue", "fixed", "no longer asked about"))


def test_what_was_met_is_carried_as_a_name_and_a_state() -> None:
    document = json.loads(carry(judgement(control("a-1", result("PASS"), result("FAIL", "r-2"))), **NAMES))
    met, failed = document["controls"][0]["results"]
    assert met == ["111122223333", "eu-central-1", "r-1", [], "PASS"]
    assert len(failed) == 7
    assert document["schema"] == SCHEMA


@given(st.data())
def test_whatever_is_carried_is_read_or_refused(data: st.DataObject) -> None:
    whole = json.loads(carry(judgement(control("a-1", result("FAIL"))), **NAMES))
    odd: st.SearchStrategy[Any] = (
        st.none() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2) | st.just({})
    )
    at: Any = whole
    while isinstance(at, dict | list) and at:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else list(range(len(at)))))
        if data.draw(st.booleans()) or not isinstance(at[key], dict | list) or not at[key]:
            at[key] = data.draw(odd)
            break
        at = at[key]
    try:
        carried = read_carried(json.dumps(whole).encode())
        since(carried, judgement(control("a-1", result("FAIL"))))
    except IntegrityError:
        pass


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b'{"schema": "auditor.previous/2"}', b"null"])
def test_another_document_is_refused(text: bytes) -> None:
    with pytest.raises(IntegrityError, match="pack before cannot be read"):
        read_carried(text)

"""What sealing reads of a results document."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.base.canonical import canonical_json
from auditor.pack.outline import outline

values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
controls = st.lists(st.fixed_dictionaries({"id": st.text(), "state": st.text(), "results": st.lists(values)}))


@given(st.dictionaries(st.text(), values), st.none() | controls)
def test_an_outline_is_the_document_but_for_what_controls_hold(members: dict[str, Any], judged: Any) -> None:
    members.pop("controls", None)
    document = members if judged is None else {**members, "controls": judged}
    short = [{"id": item["id"], "state": item["state"]} for item in judged or ()]
    assert outline(canonical_json(document)) == {**members, "controls": short}


@pytest.mark.parametrize(
    "document", [[], 7, {"controls": [{"id": "a"}]}, {"controls": {}}, {"controls": [{"state": 1}]}]
)
def test_a_document_of_another_shape_is_refused(document: Any) -> None:
    with pytest.raises(ValueError, match="not a results document"):
        outline(json.dumps(document).encode())


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match="not a results document"):
        outline(b'{"controls": [')

"""JSON by anybody is read like any other, and costs no more memory than it was allowed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.base.untrusted import bounded_json, parse_json

leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()
documents = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


def number_of_values(document: Any) -> int:
    match document:
        case list():
            return 1 + sum(number_of_values(item) for item in document)
        case dict():
            return 1 + sum(number_of_values(item) for item in document.values())
    return 1


@given(document=documents)
def test_a_document_is_read_as_it_was_written(document: Any) -> None:
    assert parse_json(json.dumps(document).encode()) == document


@given(document=documents)
def test_no_document_of_more_values_is_read(document: Any) -> None:
    data, values = json.dumps(document).encode(), number_of_values(document)
    with pytest.raises(ValueError, match="values; at most"):
        bounded_json(data + b"," * 2, values // 2)


def test_what_may_hold_more_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(ValueError, match="it may hold 40,000,001 values; at most 10,000,000 are read"):
        parse_json(b"[" + b"[],{," * 10_000_000)

"""Canonical JSON."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from auditor.base.canonical import InPieces, _may_hold_fraction, canonical_json, canonical_pieces, plain

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.binary()
    | st.datetimes(timezones=st.just(UTC))
)
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(values)
def test_every_sdk_value_has_a_canonical_form_that_reads_back(value: Any) -> None:
    stored = plain(value)
    # Numbers are IEEE doubles in RFC 8785: a large one is written by its shortest digits, not by its exact integer.
    assert json.loads(canonical_json(stored), parse_int=float) == stored


@given(st.dictionaries(st.text(), st.integers(min_value=0, max_value=9), min_size=2))
def test_the_order_of_keys_does_not_matter(value: dict[str, int]) -> None:
    assert canonical_json(value) == canonical_json(dict(reversed(value.items())))


@given(values, values)
def test_the_quick_way_writes_the_bytes_of_the_slow_one(value: Any, key: Any) -> None:
    stored = plain({"": value, str(key): [value, None, {"\U0001f6a8": 1, "\uffee": 2}]})
    for document in (stored, plain(value), [stored, -0.0, 1e21, 5e-324]):
        assert canonical_json(document) == rfc8785.dumps(document) + b"\n"


def opened(value: Any) -> Any:
    """Let every object and list of a value be written member by member."""
    if isinstance(value, dict):
        return InPieces({key: opened(item) for key, item in value.items()})
    return map(opened, value) if isinstance(value, list) else value


@given(values)
def test_pieces_make_the_same_bytes(value: Any) -> None:
    stored = plain({"": value, "list": [value], "none": [], "\U0001f6a8": {}, "\uffee": 2})
    assert b"".join(canonical_pieces(opened(stored))) == canonical_json(stored)


@pytest.mark.parametrize(
    "value",
    [
        "10.0.0.0/8", "a:1.5", "[1e9", ",-3E4", '\\",7.5', 0, -7, 1.5, -0.0, [12, 3.0], {"a": 1e3}, {"a": [-2e-7]},
        ["x:1.5", 2], {":1.5": 1.5}, [1, [2, ["1.5", -3.25]]],
    ],
)  # fmt: skip
def test_a_number_is_told_from_a_text_that_looks_like_one(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value) + b"\n"


@pytest.mark.parametrize(
    "value", [[float("nan")], {"a": [None, float("inf")]}, "\ud800", {1: 2}, [2**60], [object()], (None, {"a": -1e999})]
)
def test_what_json_cannot_carry_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the messages are the library's
        canonical_json(value)


def test_sdk_values_become_readable_json() -> None:
    value = {"Text": b"plain", "Key": b"\x30\x82", "At": datetime(2026, 10, 1, tzinfo=UTC), "Big": 2**60}
    assert plain(value) == {
        "Text": "plain",
        "Key": {"base64": "MII="},
        "At": "2026-10-01T00:00:00Z",
        "Big": str(2**60),
    }


@given(values, st.sampled_from([float("nan"), float("inf"), float("-inf")]), st.lists(st.integers(-4, 300), max_size=4))
def test_what_is_no_number_is_refused_wherever_it_stands(value: Any, wrong: float, whole: list[int]) -> None:
    around = plain({"": value, "whole": whole, "none": None})
    assert canonical_json(around) == rfc8785.dumps(around) + b"\n"
    for document in ([around, wrong], {**around, "wrong": [wrong]}, [{"deep": [wrong, around]}]):
        with pytest.raises(ValueError):  # noqa: PT011 - the messages are the library's
            canonical_json(document)


def test_the_seconds_of_a_time_are_no_fraction() -> None:
    text = b'{"asked":"2026-11-30T12:33:05.595283Z","next":null}'
    assert not _may_hold_fraction(text)
    assert _may_hold_fraction(text.replace(b"null", b"5.5"))

"""Cutting a log file into records: the quick and the careful way agree, and no odd record hides its neighbours."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.activity import split as splitting
from auditor.activity.split import Unsplittable, plain_lines, split
from auditor.events.repair import Unreadable, repaired

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["Records", '"', "}", "\\", "]"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
documents = st.lists(st.dictionaries(st.text(max_size=6), values, max_size=4) | values, max_size=6)


@given(documents, st.sampled_from([None, 1]))
def test_both_ways_find_the_same_records(records: list[Any], indent: int | None) -> None:
    data = json.dumps({"x": 1, "Records": records, "y": [{}]}, indent=indent).encode()
    careful = [json.loads(part) for part in splitting._cut(data)]
    assert careful == records
    assert [json.loads(bytes(part)) for part in split(data).records] == records


@given(documents, st.sampled_from([(), (" ",), ("\n",)]))
def test_the_quickest_way_finds_the_same_records_or_none(records: list[Any], space: tuple[str]) -> None:
    data = json.dumps({"Records": records}, separators=(",", ":")).encode() + "".join(space).encode()
    found = plain_lines(data)
    plain = bool(records) and all(isinstance(record, dict) for record in records) and space != (" ",)
    assert (found is not None) == plain
    if found is not None:
        lines, count = found
        assert [json.loads(line) for line in lines.splitlines()] == records
        assert count == len(records)


@given(documents, st.dictionaries(st.text(max_size=3), values, min_size=1, max_size=2), st.booleans())
def test_the_quickest_way_leaves_files_that_hold_more_to_the_others(
    records: list[Any], more: dict[str, Any], first: bool
) -> None:
    both = {**more, "Records": records} if first else {"Records": records, **more}
    assert plain_lines(json.dumps(both, separators=(",", ":")).encode()) is None


def test_a_record_over_two_lines_is_left_to_the_others() -> None:
    assert plain_lines(b'{"Records":[{"a":\n1}]}') is None
    assert plain_lines(b'{"Records":[{"a":1},\n{"a":2}]}') is None


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(b'{"eventID":"a\\ud83d"}', id="half-a-character"),
        pytest.param(b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"}", id="nested-without-end"),
        pytest.param(b'{"x":NaN}', id="no-number"),
        pytest.param(b'{"x":"\t"}', id="raw-control-character"),
    ],
)
def test_an_odd_record_does_not_hide_its_neighbours(odd: bytes) -> None:
    parts = split(b'{"Records":[{"eventID":"1"},' + odd + b',{"eventID":"2"}]}')
    assert [bytes(part) for part in parts.records] == [b'{"eventID":"1"}', odd, b'{"eventID":"2"}']


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"Records":null}',
        b'{"Records":{}}',
        b'{"records":[]}',
        b'{"Records":[]} x',
        b'{"Records":[]}{"Records":[{}]}',
        b'{"Records":[],"Records":[{"eventID":"hidden"}]}',
        b'{"Records":[{"eventID":"hidden"}],"\\u0052ecords":[]}',
        b'{"R\\u0065cord\\u0073":[{"eventID":"hidden"}],"Records":[]}',
        b'{"Records":[{"eventID":"1"}',
        b'\xef\xbb\xbf{"Records":[]}',
        b'{"a":{"Records":[]}}',
    ],
)
def test_what_is_no_log_file_is_refused_with_a_reason(data: bytes) -> None:
    with pytest.raises(Unsplittable, match=r"\w+ \w+"):
        split(data)


@given(values)
def test_a_repaired_record_is_strict_json_or_refused(value: Any) -> None:
    data = json.dumps({"eventID": "1", "userIdentity": value, "requestParameters": value}).encode()
    line, note = repaired(data)
    found = json.loads(line.decode("utf-8"))
    assert b"\n" not in line
    assert found["requestParameters"] == value
    assert (found["userIdentity"] == value) or "userIdentity" in note


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (b"null", "null"),
        (b'"x"', "a text"),
        (b'{"eventID":"1","eventID":"2"}', "one name twice"),
        (b'{"userIdentity":{"arn":"a","arn":"b"}}', "one name twice in userIdentity"),
        (b'{"x":Infinity}', "no number"),
        (b'{"x":"\t"}', "no JSON"),
        (b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"}", "too deeply"),
    ],
)
def test_what_cannot_be_a_row_says_why(record: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        repaired(record)

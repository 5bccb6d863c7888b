"""Only records that may be of note are read; what is found is the same as where every record is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.activity.calls import CALLS, INGRESS_CALLS
from auditor.activity.candidates import candidates
from auditor.activity.rows import Row, notable_row

_TEXTS = st.sampled_from(["Root", "StopLogging", "a\\", '"', "\u2028", "\ud83d", '"eventName":"StopLogging"', "x"])
_NAMES = st.sampled_from(
    [
        *sorted(name for _, name in CALLS)[::9],
        *INGRESS_CALLS,
        "ConsoleLogin",
        "ListBuckets",
        "DeleteBucket20150331v2",
        "StopLogging2020_05_31",
        "PutRule20150331v",
        "StopLogging1",
    ]
)
_RECORDS = st.fixed_dictionaries(
    {"eventName": _NAMES | _TEXTS, "eventTime": st.just("2026-10-05T00:00:00Z")},
    optional={
        "eventSource": st.sampled_from(sorted({source for source, _ in CALLS})) | st.just("signin.amazonaws.com"),
        "userIdentity": st.fixed_dictionaries({"type": st.sampled_from(["Root", "IAMUser"]) | _TEXTS}),
        "requestParameters": st.dictionaries(st.sampled_from(["eventName", "name", "groupId"]), _TEXTS, max_size=2),
        "eventID": _TEXTS,
    },
)


def _escape(text: str, letter: str) -> str:
    return text.replace(letter, f"\\u{ord(letter):04x}")


def every_row(records: list[Any]) -> list[Row]:
    return [row for record in records if (row := notable_row(record)) is not None]


@given(
    st.lists(_RECORDS | st.none() | _TEXTS, max_size=5),
    st.sampled_from([(",", ":"), (", ", ": "), (",", " :")]),
    st.sampled_from("RSDet"),
    st.booleans(),
    st.booleans(),
)
def test_rows_are_those_of_a_reader_of_every_record(
    records: list[Any], separators: tuple[str, str], letter: str, escaped: bool, ascii_: bool
) -> None:
    text = json.dumps(records, separators=separators, ensure_ascii=ascii_)
    text = _escape(text, letter) if escaped else text
    data = f'{{"Records":{text}}}'.encode("utf-8", "replace")
    found = candidates(data)
    assert found.count == len(records)
    assert every_row(list(found.records)) == every_row(json.loads(data)["Records"])


def test_records_of_no_note_are_not_read() -> None:
    lists = {"eventName": "ListBuckets", "eventSource": "s3.amazonaws.com", "eventTime": "2026-10-05T00:00:00Z"}
    stops = lists | {"eventName": "StopLogging", "eventSource": "cloudtrail.amazonaws.com"}
    data = json.dumps({"Records": [lists, stops, lists]}, separators=(",", ":")).encode()
    found = candidates(data)
    assert (found.count, found.records) == (3, (stops,))
    assert found.plain is not None


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(b'{"userAgent":"\xff"}', id="invalid-utf-8"),
        pytest.param(b'{"a":1,,}', id="no-json"),
        pytest.param(b'{"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}", id="nested-without-end"),
    ],
)
def test_a_record_that_nobody_reads_hides_no_neighbour_and_the_file_is_not_read(odd: bytes) -> None:
    stops = b'{"eventName":"StopLogging","eventSource":"cloudtrail.amazonaws.com","eventTime":"2026-10-05T00:00:00Z"}'
    found = candidates(b'{"Records":[' + stops + b"," + odd + b"," + stops + b"]}")
    assert found.count is None
    assert [row.kind for row in every_row(list(found.records))] == ["trail_changed"] * 2


@pytest.mark.parametrize("data", [b"", b"no records", b"[]", b'{"Records":{}}', b'{"Records":null}', b"{}"])
def test_what_is_no_log_file_is_not_read(data: bytes) -> None:
    found = candidates(data)
    assert (found.count, found.records, found.plain) == (None, (), None)

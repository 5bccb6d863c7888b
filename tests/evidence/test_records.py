"""Records are found in every container that people have them in, and what is none is named."""

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.base.errors import UsageError
from auditor.evidence.records import Reading, read_records

STOP = {"eventVersion": "1.09", "eventName": "StopLogging", "eventSource": "cloudtrail.amazonaws.com", "eventID": "1"}
LIST = {**STOP, "eventName": "DescribeTrails", "eventID": "2"}
Records = list[dict[str, Any]]


def logs(records: Records) -> dict[str, Any]:
    return {"messageType": "DATA_MESSAGE", "logEvents": [{"id": "1", "message": json.dumps(one)} for one in records]}


def packed(document: Any) -> str:
    return base64.b64encode(gzip.compress(json.dumps(document).encode())).decode()


def event(record: dict[str, Any]) -> dict[str, Any]:
    return {"version": "0", "detail-type": "AWS API Call via CloudTrail", "source": "aws.cloudtrail", "detail": record}


def rows(records: Records) -> list[Any]:
    return [[{"field": "@ptr", "value": "x"}, {"field": "@message", "value": json.dumps(one)}] for one in records]


def handed(source: str, **parts: Any) -> dict[str, Any]:
    return {"Records": [{"eventSource": source, "eventName": "record", "awsRegion": "eu-central-1", **parts}]}


def to_queue(record: dict[str, Any]) -> str:
    return json.dumps({"Type": "Notification", "Message": json.dumps(event(record))})


CONTAINERS: dict[str, Callable[[Records], str]] = {
    "log-file": lambda records: json.dumps({"Records": records}),
    "array": json.dumps,
    "array-over-lines": lambda records: json.dumps(records, indent=2),
    "lines": lambda records: "\n".join(map(json.dumps, records)),
    "lines-with-crlf-and-gaps": lambda records: "\r\n\r\n".join(map(json.dumps, records)) + "\r\n",
    "concatenated": lambda records: "".join(json.dumps({"Records": [one]}, indent=1) for one in records),
    "pasted-with-commas": lambda records: ",\n".join(map(json.dumps, records)),
    "separators": lambda records: "".join(f"\x1e{json.dumps(one)}\n" for one in records),
    "lookup-events": lambda records: json.dumps({"Events": [{"CloudTrailEvent": json.dumps(one)} for one in records]}),
    "lookup-events-query": lambda records: json.dumps([json.dumps(one) for one in records]),
    "lookup-events-text": lambda records: "\t".join(map(json.dumps, records)),
    "filter-log-events": lambda records: json.dumps({"events": logs(records)["logEvents"], "searchedLogStreams": []}),
    "logs-tail": lambda records: "\n".join(f"2026-10-05T13:06:24 stream_1 {json.dumps(one)}" for one in records),
    "logs-insights": lambda records: json.dumps({"results": rows(records)}),
    "eventbridge": lambda records: json.dumps([event(one) for one in records]),
    "function-by-logs": lambda records: json.dumps({"awslogs": {"data": packed(logs(records))}}),
    "function-by-kinesis": lambda records: json.dumps(handed("aws:kinesis", kinesis={"data": packed(logs(records))})),
    "function-by-sns": lambda records: "".join(
        json.dumps({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(event(one))}}]})
        for one in records
    ),
    "receive-message": lambda records: json.dumps({"Messages": [{"Body": to_queue(one)} for one in records]}),
    "search": lambda records: json.dumps({"hits": {"hits": [{"_source": one} for one in records]}}),
    "lake": lambda records: json.dumps([{"id": "1", "eventData": json.dumps(one)} for one in records]),
    "function-by-sqs": lambda records: "".join(json.dumps(handed("aws:sqs", body=to_queue(one))) for one in records),
}

CODINGS: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "bom": lambda text: text.encode("utf-8-sig"),
    "powershell": lambda text: text.encode("utf-16"),
    "gzip": lambda text: gzip.compress(text.encode()),
    "gzip-twice": lambda text: gzip.compress(gzip.compress(text.encode())),
    "gzip-members": lambda text: gzip.compress(text.encode()[:40]) + gzip.compress(text.encode()[40:]),
    "gzip-with-bom": lambda text: gzip.compress(text.encode("utf-8-sig")),
}


def names(reading: Reading) -> list[str]:
    return [found.record["eventName"] for found in reading.records]


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("coding", CODINGS)
def test_every_container_gives_the_same_records(container: str, coding: str) -> None:
    reading = read_records(CODINGS[coding](CONTAINERS[container]([LIST, STOP])))
    assert [dict(found.record) for found in reading.records] == [LIST, STOP]
    assert (reading.problems, reading.skipped) == ((), 0)
    assert len({found.place for found in reading.records}) == 2


@given(
    st.lists(
        st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=9)),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(sorted(CONTAINERS)),
)
@settings(deadline=None, max_examples=50)
def test_no_value_of_a_record_is_lost_or_changed(fields: Records, container: str) -> None:
    records = [{**one, "eventName": f"N{number}"} for number, one in enumerate(fields)]
    records = [{key: value for key, value in one.items() if key != "eventSource"} for one in records]
    assert [dict(found.record) for found in read_records(CONTAINERS[container](records).encode()).records] == records


def test_an_eventbridge_event_is_kept_with_its_envelope() -> None:
    (found,) = read_records(json.dumps(event(STOP)).encode()).records
    assert found.event is not None
    assert found.event["source"] == "aws.cloudtrail"
    assert found.place == "detail"


def test_places_name_line_and_position() -> None:
    text = json.dumps(STOP) + "\n\n" + json.dumps({"Records": [LIST, STOP]}) + json.dumps(STOP)
    places = [found.place for found in read_records(text.encode()).records]
    assert places == ["line 1", "line 3, Records[0]", "line 3, Records[1]", "line 3, document 2"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "no CloudTrail record", id="empty"),
        pytest.param("[]", "no CloudTrail record", id="empty-array"),
        pytest.param('{"Records": []}', "no CloudTrail record", id="empty-log-file"),
        pytest.param('{"Events": [], "NextToken": "x"}', "no CloudTrail record", id="no-event-looked-up"),
        pytest.param('{"a": 1}', "no CloudTrail record", id="another-object"),
        pytest.param("5", "no CloudTrail record", id="number"),
        pytest.param("null", "no CloudTrail record", id="null"),
        pytest.param("an ERROR happened", "line 1", id="text"),
        pytest.param("eventName,eventTime\nStopLogging,2026", "line 1", id="table"),
        pytest.param('{"digestS3Bucket": "b", "logFiles": []}', "digest file", id="digest"),
        pytest.param('{"trailList": []}', "describe-trails", id="another-answer"),
        pytest.param(json.dumps(handed("aws:s3", s3={})), "notification of S3", id="notification"),
        pytest.param('{"events": [{"message": "START RequestId"}]}', "no CloudTrail record", id="another-log"),
        pytest.param("[" * 100_000, "not read", id="deep"),
        pytest.param('{"a":' * 20_000, "not read", id="deep-objects"),
        pytest.param("[[[[[[[[[[[[[[[[[5]]]]]]]]]]]]]]]]]", "too many containers", id="wrapped"),
        pytest.param("PK\x03\x04rest", "zip archive", id="zip"),
        pytest.param('{"awslogs": {"data": "no base64"}}', "cannot be read", id="no-base64"),
    ],
)
def test_an_input_without_any_record_is_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        read_records(text.encode(), "event.json")
    assert refused.value.exit_code == 2
    assert "event.json" in refused.value.message


DOLL = gzip.compress(gzip.compress(gzip.compress(gzip.compress(b"{}"))))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(gzip.compress(b"{}")[:-9], "ends before", id="truncated"),
        pytest.param(b"\x1f\x8b" + b"x" * 50, "broken", id="broken"),
        pytest.param(gzip.compress(b" " * 5_000_000), "more bytes", id="bomb"),
        pytest.param(gzip.compress(b"") * 100_001, "members", id="many-members"),
        pytest.param(DOLL, "more than 3 times", id="russian-doll"),
        pytest.param(b"\xff" * 9, "UTF-8", id="no-text"),
        pytest.param(b" " * 5_000_000, "larger", id="large"),
        pytest.param(b"[" + b"," * 10_000_001, "values", id="many-values"),
        pytest.param(
            json.dumps({"awslogs": {"data": packed(" " * 5_000_000)}}).encode(), "more bytes", id="bomb-inside"
        ),
    ],
)
def test_hostile_bytes_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_records(data, most_bytes=4_000_000 if b"," * 9 not in data else 1 << 28)


def test_what_cannot_be_read_is_counted_and_costs_nothing_else() -> None:
    lines = [json.dumps(LIST), "{ broken", json.dumps({"note": "no record"}), json.dumps(STOP)]
    reading = read_records("\n".join(lines).encode())
    assert names(reading) == ["DescribeTrails", "StopLogging"]
    assert reading.skipped == 2
    assert [problem.split(":")[0] for problem in reading.problems] == ["line 2", "line 3"]


def test_a_file_cut_short_gives_what_is_whole_and_says_so() -> None:
    whole = json.dumps({"Records": [LIST, STOP]}, indent=1)
    reading = read_records(whole[: whole.rindex('"eventSource"')].encode())
    assert names(reading) == ["DescribeTrails"]
    assert reading.skipped > 0


def test_after_a_hundred_places_the_rest_is_not_tried() -> None:
    reading = read_records((json.dumps(STOP) + "\n" + "[{\n" * 5_000).encode())
    assert names(reading) == ["StopLogging"]
    assert len(reading.problems) == 100
    assert reading.skipped <= 101


@given(st.binary(max_size=200) | st.text('{}[]",:eventName \n\\u0', max_size=120).map(str.encode))
@settings(deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        reading = read_records(data, most_bytes=10_000)
    except UsageError:
        return
    assert reading.records or reading.events

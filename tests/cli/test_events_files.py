"""Odd files in a folder: every record is a row, or is counted and named; nothing is passed over in silence."""

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from .test_events import ask, document

ACCOUNT, DAY = "111122223333", "AWSLogs/111122223333/CloudTrail/eu-central-1/2026/10/05"


def event(name: str, **more: Any) -> dict[str, Any]:
    return {
        "eventTime": "2026-10-05T13:06:24Z",
        "eventSource": "ec2.amazonaws.com",
        "eventName": "RunInstances",
        "awsRegion": "eu-central-1",
        "eventID": name,
        "recipientAccountId": ACCOUNT,
        "userIdentity": {"type": "Root", "accountId": ACCOUNT},
        **more,
    }


def records(*items: Any) -> bytes:
    return json.dumps({"Records": items}).encode()


def with_value(name: str, value: bytes) -> bytes:
    """Return a record and its neighbour, one member of the first spelled as nobody should."""
    odd = records(event(f"{name}-odd", requestParameters={"x": "HERE"}), event(f"{name}-beside"))
    return odd.replace(b'"HERE"', value)


GOOD: Final = records(event("good-1"), event("good-2"))
SPLIT: Final = records(event("lost"))
DEEP: Final = b"[" * 10_000 + b"]" * 10_000
FILES: Final[dict[str, tuple[bytes, tuple[str, ...], str]]] = {
    "whole": (gzip.compress(GOOD), ("good-1", "good-2"), ""),
    "plain": (records(event("plain")), ("plain",), ""),
    "crlf": (
        gzip.compress(json.dumps({"Records": [event("crlf")]}, indent=1).replace("\n", "\r\n").encode()),
        ("crlf",),
        "",
    ),
    "nothing": (b"", (), "not whole"),
    "empty": (gzip.compress(b""), (), "begins as no JSON object"),
    "cut": (gzip.compress(GOOD)[:-20], (), "not whole"),
    "two": (gzip.compress(GOOD) + gzip.compress(SPLIT), (), "bytes follow"),
    "halves": (gzip.compress(SPLIT[:50]) + gzip.compress(SPLIT[50:]), (), "bytes follow"),
    "array": (gzip.compress(json.dumps([event("x")]).encode()), (), "begins as no JSON object"),
    "mark": (gzip.compress(b"\xef\xbb\xbf" + GOOD), (), "byte order mark"),
    "behind": (gzip.compress(GOOD + b"{}"), (), "something follows"),
    "lists": (gzip.compress(GOOD[:-1] + b"," + GOOD[1:]), (), "two lists"),
    "object": (gzip.compress(b'{"Records":{"a":1}}'), (), "no list of records"),
    "null": (gzip.compress(b'{"Records":null}'), (), "no list of records"),
    "none": (gzip.compress(b'{"Records":[]}'), (), ""),
    "others": (gzip.compress(b'{"Records":[null,5,"x",[1],true]}'), (), "record 3: a record that is no object"),
    "doubled": (
        gzip.compress(records(event("x")).replace(b'"eventName":', b'"eventName": "StopLogging", "eventName":')),
        (),
        "one name twice",
    ),
    "zero": (gzip.compress(with_value("zero", b'"a\x00b"')), ("zero-beside",), "no JSON"),
    "utf8": (gzip.compress(with_value("utf8", b'"a\xff"')), ("utf8-odd", "utf8-beside"), ""),
    "half": (gzip.compress(with_value("half", b'"a\\ud83d"')), ("half-odd", "half-beside"), ""),
    "deep": (gzip.compress(with_value("deep", DEEP)), ("deep-beside",), "nested too deeply"),
    "over": (gzip.compress(with_value("over", b"1e999")), ("over-odd", "over-beside"), ""),
    "digits": (gzip.compress(with_value("digits", b"9" * 5000)), ("digits-beside",), "4,000 digits"),
    "nan": (gzip.compress(with_value("nan", b"NaN")), ("nan-beside",), "no number"),
    "large": (gzip.compress(with_value("large", b'"' + b"y" * (5 << 20) + b'"')), ("large-beside",), "4 MiB"),
    "undated": (gzip.compress(records(event("undated", eventTime="yesterday"))), (), ""),
}
"""Content of a file, the ids of the records that are rows, and what is said of the others."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("odd")
    day = root / DAY
    day.mkdir(parents=True)
    for label, (content, _, _) in FILES.items():
        (day / named(label)).write_bytes(content)
    (day / "a b\n='x'!A0.json.gz").write_bytes(gzip.compress(records(event("formula"))))
    (day / os.fsdecode(b"bytes\xff.json.gz")).write_bytes(gzip.compress(records(event("bytes"))))
    (day / "line\r\nbreak.json.gz").write_bytes(b"")
    inside = day / named("folder")
    inside.mkdir()
    (inside / "inside.json.gz").write_bytes(gzip.compress(records(event("inside"))))
    (day / named("dangling")).symlink_to(day / "nowhere")
    (day / named("outside")).symlink_to("/etc/hostname")
    (day / named("again")).symlink_to(day / named("plain"))
    (day / "circle").symlink_to(day)
    os.mkfifo(day / named("fifo"))
    return root


def named(label: str) -> str:
    return f"{ACCOUNT}_CloudTrail_eu-central-1_20261005T1310Z_{label:x<16}.json.gz"


def test_every_record_of_odd_files_is_a_row_or_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = document(capsys, "who-did", "--dir", folder, "--bucket", "b", "--period", "2026-10", "--quiet")
    assert code == 3
    rows = [row["event_id"] for row in found["rows"]]
    expected = [name for _, names, _ in FILES.values() for name in names]
    assert sorted(rows) == sorted([*expected, "formula", "bytes", "inside"])
    said = dict(_said(found["searched"]["not_searched"]))
    for label, (_, _, words) in FILES.items():
        assert words in said.get(named(label), ""), label
        assert bool(words) is (named(label) in said), label
    for label in ("dangling", "outside", "fifo"):
        assert "could not be read" in said[named(label)], label
    assert "could not be read" in said["circle"]
    assert "not whole" in said["line\r\nbreak.json.gz"]
    assert "no readable time" in said[""]
    assert found["searched"]["duplicates"] == 1
    assert found["searched"]["records"] == len(rows) + 1 + 1  # the copy behind a link, and the record without a time


def _said(missing: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for item in missing:
        if item["what"] in {"log_files", "records"}:
            yield item.get("log_file", "").rpartition("/")[2], item["why"]


def test_what_was_not_searched_stands_on_one_line_each_in_csv(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, text = ask(capsys, "who-did", "--dir", folder, "--bucket", "b", "--period", "2026-10", "--quiet", "--csv")
    before, columns, _ = text.partition("event_time,event_id")
    assert columns
    assert all(line.startswith("# ") for line in before.splitlines())
    assert "line break.json.gz" in before

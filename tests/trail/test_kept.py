"""Log files that travel with the digests, and what follows from them for somebody who has only the pack."""

import copy
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.activity.logbytes import LogBytes
from auditor.activity.rows import notable_row
from auditor.trail.kept import ABOUT, LOG_ZIP, Keep
from auditor.trail.recheck import recheck
from tests.activity.test_rows import ROOT, ingress, open_to
from tests.trail.bucket import HOUR, START, Bucket, filled, record, verify

EVENTS = [
    record(START + HOUR, 901, eventName="ListBuckets", eventSource="s3.amazonaws.com", userIdentity=ROOT),
    ingress("AuthorizeSecurityGroupIngress", open_to("0.0.0.0/0"), START + 2 * HOUR),
    ingress("RevokeSecurityGroupIngress", open_to("0.0.0.0/0"), START + 5 * HOUR),
]
NOTABLE = Keep("notable", 1 << 20)


def kept(folder: Path, keep: Keep = NOTABLE, attack: Callable[[Bucket], None] = lambda _: None) -> tuple[Any, Any]:
    """Verify a bucket after an attack; return the report's and the events' documents."""
    bucket = filled(extra=EVENTS)
    attack(bucket)
    report = verify(bucket, events=True, archive=folder, keep=keep)
    return json.loads(json.dumps(report.document())), json.loads(json.dumps(report.notable))


def names(folder: Path) -> set[str]:
    with zipfile.ZipFile(folder / LOG_ZIP) as archive:
        return set(archive.namelist()) - {ABOUT}


def rewrite(folder: Path, change: Callable[[dict[str, bytes]], object]) -> None:
    with zipfile.ZipFile(folder / LOG_ZIP) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    change(contents)
    with zipfile.ZipFile(folder / LOG_ZIP, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data)


def attacked(bucket: Bucket) -> None:
    """Alter one log file, cut another, take one away."""
    first, second, third = bucket.log_keys()[30:33]
    bucket.edit(first, lambda data: data.replace(b"alice", b"mallo"))
    bucket.change(second, bucket.objects[bucket.place(second)].body[:-3])
    bucket.delete(third)


@pytest.mark.parametrize("what", ["findings", "notable", "all"])
def test_what_is_kept_agrees_and_the_rest_is_listed_as_taken(tmp_path: Path, what: str) -> None:
    report, notable = kept(tmp_path, Keep(what, 1 << 20), attacked)
    taken: list[str] = []
    assert recheck(tmp_path, report, notable, taken) == ()
    cited = {row["log_file"] for row in notable["rows"]}
    found = {finding["object"] for finding in report["findings"] if finding["level"] != "note"}
    keys = {name.partition("/")[2] for name in names(tmp_path)}
    assert (cited <= keys) == (what != "findings")
    assert len(found & keys) == 2
    assert any("findings about log files that are missing or not kept: 1" in text for text in taken)
    assert any("no other record is of note" in text for text in taken) == (what != "all")


def test_kept_bytes_are_those_of_the_bucket_and_equal_runs_write_equal_bytes(tmp_path: Path) -> None:
    bucket = filled(extra=EVENTS)
    for name in ("a", "b"):
        verify(bucket, events=True, archive=tmp_path / name, keep=NOTABLE, concurrency=4)
    assert (tmp_path / "a" / LOG_ZIP).read_bytes() == (tmp_path / "b" / LOG_ZIP).read_bytes()
    with zipfile.ZipFile(tmp_path / "a" / LOG_ZIP) as archive:
        for name in names(tmp_path / "a"):
            where, _, key = name.partition("/")
            assert archive.read(name) == bucket.objects[where, key].body


def test_the_size_is_held_and_what_did_not_fit_is_taken_from_the_run(tmp_path: Path) -> None:
    report, notable = kept(tmp_path, Keep("notable", 900))
    with zipfile.ZipFile(tmp_path / LOG_ZIP) as archive:
        sizes = sum(info.file_size for info in archive.infolist() if info.filename != ABOUT)
    taken: list[str] = []
    assert sizes <= 900
    assert recheck(tmp_path, report, notable, taken) == ()
    assert any("event rows: their log files are not kept" in text for text in taken)


def test_nothing_is_kept_without_being_asked_and_every_row_is_then_taken(tmp_path: Path) -> None:
    report = verify(filled(extra=EVENTS), events=True, archive=tmp_path)
    taken: list[str] = []
    assert not (tmp_path / LOG_ZIP).exists()
    assert recheck(tmp_path, report.document(), report.notable, taken) == ()
    assert "3 of 3 event rows: their log files are not kept" in taken


def _row(number: int, **values: Any) -> Callable[[Any, Any], object]:
    return lambda _, notable: notable["rows"][number].update(values)


def _drop(_: Any, notable: Any) -> None:
    gone = notable["rows"].pop(0)
    notable["counts"].pop(gone["kind"])


def _add(_: Any, notable: Any) -> None:
    notable["rows"].append({**notable["rows"][0], "event_id": "made-up"})
    notable["counts"]["root_call"] += 1


def _cleared(report: Any, _: Any) -> None:
    report["findings"] = [item for item in report["findings"] if item["kind"] != "log_altered"]


def _accused(report: Any, _: Any) -> None:
    for item in report["findings"]:
        if item["kind"] == "log_altered":
            item["found"] = "SHA-256 " + "0" * 64


@pytest.mark.parametrize(
    ("forge", "words"),
    [
        pytest.param(_row(0, actor="arn:aws:iam::111122223333:user/bob"), "/actor was arn:aws:iam", id="actor"),
        pytest.param(_row(0, event_time="2026-10-05T03:00:00Z"), "its log file does not show it", id="time"),
        pytest.param(_row(1, closed_at="2026-10-05T02:01:00Z"), "/closed_at was 2026-10-05T02:01:00Z", id="closed"),
        pytest.param(_row(0, verified=False), "/verified was False, is True", id="verified"),
        pytest.param(_drop, "is in a kept log file, and not among the rows", id="row-dropped"),
        pytest.param(_add, "its log file does not show it", id="row-invented"),
        pytest.param(_cleared, "the kept log file shows log_altered, and the report does not", id="finding-dropped"),
        pytest.param(_accused, "the report finds log_altered (SHA-256 0000", id="finding-changed"),
        pytest.param(
            lambda _, notable: notable["counts"].update(root_call=7), "/counts of the event rows", id="counts"
        ),
    ],
)
def test_what_the_kept_log_files_do_not_show_is_named(
    tmp_path: Path, forge: Callable[[Any, Any], object], words: str
) -> None:
    report, notable = kept(tmp_path, attack=attacked)
    forge(report, notable)
    found = recheck(tmp_path, report, notable)
    assert any(words in text for text in found), found


def test_a_kept_log_file_that_was_changed_or_added_is_named(tmp_path: Path) -> None:
    report, notable = kept(tmp_path)
    name = min(names(tmp_path))
    rewrite(tmp_path, lambda contents: contents.update({name: filled().objects[min(filled().objects)].body}))
    assert any("the object list calls it valid" in text for text in recheck(tmp_path, report, notable))
    rewrite(tmp_path, lambda contents: contents.update({"bucket/planted.json.gz": contents[name]}))
    assert any("planted.json.gz: is kept, and the object list" in text for text in recheck(tmp_path, report, notable))


def test_taking_log_files_away_turns_rows_into_taken_ones_and_never_into_derived_ones(tmp_path: Path) -> None:
    report, notable = kept(tmp_path)
    rewrite(tmp_path, lambda contents: contents.pop(min(name for name in contents if name != ABOUT)))
    taken: list[str] = []
    recheck(tmp_path, report, notable, taken)
    assert any("event rows: their log files are not kept" in text for text in taken)


def test_what_was_redacted_agrees_with_what_it_may_have_been(tmp_path: Path) -> None:
    report, notable = kept(tmp_path)
    marked = copy.deepcopy(notable)
    marked["rows"][0]["source_ip"] = "redacted:source address:0123456789ab"
    assert recheck(tmp_path, report, marked) == ()
    marked["rows"][0]["source_ip"] = "203.0.113.9 redacted:source address:0123456789ab"
    assert any("/source_ip was" in text for text in recheck(tmp_path, report, marked))


def test_a_log_file_that_changes_after_it_was_verified_is_not_kept(tmp_path: Path) -> None:
    bucket = filled(extra=EVENTS)
    seen: set[str] = set()

    def change(log: LogBytes) -> None:
        records = json.loads(log.data or b"{}").get("Records", [])
        if log.state == "valid" and log.key not in seen and any(notable_row(item) for item in records):
            seen.add(log.key)
            bucket.edit(log.key, lambda data: data.replace(b"ListBuckets", b"ListBuckeds"))

    report = verify(bucket, events=True, archive=tmp_path, keep=NOTABLE, on_log=change)
    taken: list[str] = []
    assert recheck(tmp_path, report.document(), report.notable, taken) == ()
    assert any("event rows: their log files are not kept" in text for text in taken)

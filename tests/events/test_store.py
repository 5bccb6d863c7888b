"""Every record is a row, or is counted and named; copies count once; a killed run goes on at a batch."""

import errno
import hashlib
import json
import os
from pathlib import Path
from typing import Any, Final

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.activity.logbytes import LogBytes
from auditor.base.errors import IntegrityError, UsageError
from auditor.events import identity, unchanged
from auditor.events.asking import Asked, ask
from auditor.events.columns import SCALARS
from auditor.events.opened import EventStore, finish
from auditor.events.question import load_questions
from auditor.events.store import StoreWriter, connect, disk_told

from .kit import OCTOBER, key, log, records_log, rows, store_of

AT = "2026-10-05T13:06:24Z"


def event(number: int, **fields: Any) -> dict[str, Any]:
    return {"eventID": f"e{number}", "eventTime": AT, "recipientAccountId": "111122223333"} | fields


HOSTILE: dict[str, tuple[bytes, int, int]] = {
    # the record, rows it gives, records that cannot be read
    "half-a-character": (b'{"eventID":"x","userAgent":"a\\ud83d"}', 1, 0),
    "invalid-utf-8": (b'{"eventID":"x","userAgent":"a\xff"}', 1, 0),
    "name-twice": (b'{"eventID":"x","eventID":"y"}', 0, 1),
    "name-twice-in-identity": (b'{"eventID":"x","userIdentity":{"arn":"a","arn":"b"}}', 0, 1),
    "nan": (b'{"eventID":"x","z":NaN}', 0, 1),
    "too-large-a-number": (b'{"eventID":"x","requestParameters":{"z":1e400}}', 1, 0),
    "big-integer": (b'{"eventID":"x","requestParameters":{"z":9007199254740993}}', 1, 0),
    "deep": (b'{"eventID":"x","z":' + b"[" * 5000 + b"]" * 5000 + b"}", 0, 1),
    "null": (b"null", 0, 1),
    "text": (b'"x"', 0, 1),
    "list": (b"[1]", 0, 1),
    "empty-object": (b"{}", 1, 0),
    "spaced-object": (b"{ }", 1, 0),
    "identity-is-text": (b'{"eventID":"x","userIdentity":"root"}', 1, 0),
    "session-is-text": (b'{"eventID":"x","userIdentity":{"type":"Root","sessionContext":"s"}}', 1, 0),
    "numbers-for-texts": (b'{"eventID":5,"eventName":{"a":1},"readOnly":"true"}', 1, 0),
    "no-time": (b'{"eventID":"x","eventTime":"yesterday"}', 1, 0),
    "endless-time": (b'{"eventID":"x","eventTime":"infinity"}', 1, 0),
    "too-large": (b'{"eventID":"x","z":"' + b"x" * (5 << 20) + b'"}', 0, 1),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_an_odd_record_is_a_row_or_is_counted_and_named(tmp_path: Path, case: str) -> None:
    odd, became, lost = HOSTILE[case]
    first, last = (json.dumps(event(number)).encode() for number in (1, 2))
    store = store_of(tmp_path / "store", log(b'{"Records":[' + first + b"," + odd + b"," + last + b"]}"))
    found = rows(store, "event_id, position", "ORDER BY position")
    assert [found[0], found[-1]] == [("e1", 0), ("e2", 2)]
    assert len(found) == 2 + became
    contents = store.contents()
    assert (contents.unreadable_records, len(store.unreadable())) == (lost, min(lost, 1))


@pytest.mark.parametrize("case", [name for name, (_, became, _) in HOSTILE.items() if became])
def test_what_can_be_read_of_an_odd_record_is_there(tmp_path: Path, case: str) -> None:
    odd, _, _ = HOSTILE[case]
    store = store_of(tmp_path / "store", log(b'{"Records":[' + odd + b"]}"))
    [(identity, moment)] = rows(store, "event_id, event_time")
    expected = {"empty-object": None, "spaced-object": None, "numbers-for-texts": "5"}.get(case, "x")
    assert (identity, moment) == (expected, None)
    assert store.contents().undated == 1


def test_numbers_keep_their_digits(tmp_path: Path) -> None:
    store = store_of(tmp_path / "store", log(HOSTILE["big-integer"][0].join([b'{"Records":[', b"]}"])))
    assert rows(store, "request") == [('{"z":9007199254740993}',)]


def test_a_time_with_an_offset_is_taken_at_its_word(tmp_path: Path) -> None:
    store = store_of(tmp_path / "store", records_log([event(1, eventTime="2026-10-05T05:00:00+05:00")]))
    assert rows(store, "CAST(event_time AS VARCHAR)") == [("2026-10-05 00:00:00+00",)]


def test_a_record_cannot_name_its_own_place(tmp_path: Path) -> None:
    lies = [event(number, **{f"t{number}": "9:9", "file": 7, "position": 7, "log_file": "x"}) for number in range(3)]
    store = store_of(tmp_path / "store", records_log(lies))
    assert rows(store, "log_file, position, verified", "ORDER BY position") == [(key(1), n, True) for n in range(3)]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.sampled_from(sorted(set(HOSTILE) - {"too-large"})), max_size=6), min_size=1, max_size=4))
def test_rows_and_named_losses_add_up_to_the_records(tmp_path_factory: Any, files: list[list[str]]) -> None:
    logs = [
        log(b'{"Records":[' + b",".join(HOSTILE[case][0] for case in cases) + b"]}", number)
        for number, cases in enumerate(files, 1)
    ]
    store = store_of(tmp_path_factory.mktemp("store") / "s", *logs)
    expected = sum(HOSTILE[case][1] for cases in files for case in cases)
    assert len(rows(store)) + store.contents().duplicates == expected == store.contents().records
    assert store.contents().unreadable_records == sum(HOSTILE[case][2] for cases in files for case in cases)


@pytest.mark.parametrize("lines_left", [0, 1, 3])
def test_a_batch_of_more_or_fewer_lines_than_records_stops_the_run(tmp_path: Path, lines_left: int) -> None:
    writer = StoreWriter(tmp_path / "store")
    writer.take(records_log([event(1), event(2)]))
    [lines] = (tmp_path / "store" / "work").glob("*.ndjson")
    text = lines.read_bytes()
    first, size = text.split(b"\n")[0], len(text)
    lines.write_bytes({0: text[:-9], 1: first.ljust(size), 3: b"{}\n{}\n{}\n".ljust(size)}[lines_left])
    with pytest.raises(IntegrityError, match="a batch"):
        writer.flush()
    assert not list((tmp_path / "store" / "events").iterdir())


def test_a_longer_batch_before_leaves_nothing_in_the_next_one(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "store")
    sizes = {10: 9, 20: 2, 30: 5}
    for first, count in sizes.items():
        writer.take(records_log([event(first + number) for number in range(count)], number=first))
        writer.flush()
    writer.close()
    finish(tmp_path / "store", {})
    found = rows(EventStore(tmp_path / "store"), "event_id", "ORDER BY event_id")
    assert found == [(f"e{first + number}",) for first, count in sizes.items() for number in range(count)]


RARE_ONES: Final = {
    "apiVersion": "",
    "vpcEndpointAccountId": "1",
    "serviceEventDetails": {"keyId": 'with "quotes"', "n": 9007199254740993},
    "edgeDeviceDetails": "text instead of an object",
    "addendum": {"reason": "DELIVERY_DELAY", "rare": None},
    "eventContext": [1, {"odd_time": "x"}],
    "insightDetails": {},
}


def test_rare_members_come_back_as_they_were_written(tmp_path: Path) -> None:
    odd = [{**event(number), name: value} for number, (name, value) in enumerate(RARE_ONES.items())]
    late = {**event(8), "eventTime": "yesterday", "rare": "its own", "odd_time": "its own"}
    store = store_of(tmp_path / "store", records_log([*odd, late, {**event(9), "addendum": None}]))
    names = list(RARE_ONES)
    with store.database() as database:
        stored = database.table("stored").order("position")
        found = stored.select(*names, "odd_time").fetchall()
    for number, row in enumerate(found):
        texts = {name: text for name, text in zip([*names, "odd_time"], row, strict=True) if text is not None}
        expected = {names[number]: RARE_ONES[names[number]]} if number < len(names) else {}
        late_one = {"odd_time": "yesterday"} if number == len(names) else {}
        plain = {*SCALARS, "odd_time"}
        assert {n: t if n in plain else json.loads(t) for n, t in texts.items()} == expected | late_one


def test_places_are_right_over_files_lost_records_and_a_mended_batch(tmp_path: Path) -> None:
    odd = [b'{"eventID":"h\\ud83d"}', b"null", b'{"eventID":"t","eventID":"t"}']
    bodies = [[json.dumps(event(10 * file + n)).encode() for n in range(4)] for file in range(3)]
    bodies[1][1:1] = odd
    logs = [log(b'{"Records":[' + b",".join(parts) + b"]}", number) for number, parts in enumerate(bodies, 1)]
    found = rows(store_of(tmp_path / "store", *logs), "event_id, log_file, position", "ORDER BY log_file, position")
    first, last = ([(f"e{10 * file + n}", key(file + 1), n) for n in range(4)] for file in (0, 2))
    places = [("e10", 0), ("h\ufffd", 1), ("e11", 4), ("e12", 5), ("e13", 6)]
    assert found == [*first, *((name, key(2), position) for name, position in places), *last]


# -------------------------------------------------------------------------------------------------- identity


def test_copies_count_once_and_the_verified_one_is_shown(tmp_path: Path) -> None:
    store = store_of(
        tmp_path / "store",
        records_log([event(1), event(2)], 1, state="unvouched", bucket="another"),
        records_log([event(2), event(1), event(1)], 2),
    )
    assert rows(store, "event_id, log_file, verified") == [("e1", key(2), True), ("e2", key(2), True)]
    contents = store.contents()
    assert (contents.duplicates, contents.conflicts, contents.records) == (3, 0, 5)


def test_copies_are_found_with_more_memory_where_little_does_not_suffice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "COMPARE_MEMORY", ("1KB", "512MB"))
    other = event(2, sourceIPAddress="203.0.113.66")
    contents = store_of(
        tmp_path / "store", records_log([event(1), event(2)]), records_log([event(1), other], 2)
    ).contents()
    assert (contents.duplicates, contents.conflicts, contents.records) == (1, 1, 4)
    monkeypatch.setattr(identity, "COMPARE_MEMORY", ("1KB",))
    with pytest.raises(duckdb.OutOfMemoryException):
        store_of(tmp_path / "too-little", records_log([event(1)]), records_log([event(1)], 2))


def test_members_in_another_order_are_the_same_event(tmp_path: Path) -> None:
    one = event(1, requestParameters={"a": 1, "b": {"c": 2, "d": None}})
    other = dict(reversed(event(1, requestParameters={"b": {"d": None, "c": 2}, "a": 1}).items()))
    store = store_of(tmp_path / "store", records_log([one]), records_log([other], 2))
    assert (store.contents().duplicates, store.conflicts()) == (1, [])


def test_one_id_with_two_contents_is_a_finding_and_both_are_shown(tmp_path: Path) -> None:
    store = store_of(
        tmp_path / "store", records_log([event(1)]), records_log([event(1, sourceIPAddress="203.0.113.66")], 2)
    )
    assert len(rows(store)) == 2
    [conflict] = store.conflicts()
    assert (conflict["event_id"], [place["log_file"] for place in conflict["places"]]) == ("e1", [key(1), key(2)])


def test_however_many_ids_have_two_contents_none_counts_as_a_copy(tmp_path: Path) -> None:
    many = [event(number, eventName="A") for number in range(1500)]
    other = [item | {"eventName": "B"} for item in many]
    store = store_of(tmp_path / "store", records_log(many), records_log(other, 2))
    assert (len(store.conflicts()), store.contents().duplicates, len(rows(store))) == (1500, 0, 3000)


def test_a_name_that_stands_twice_is_no_copy_of_its_second_value(tmp_path: Path) -> None:
    one = b'{"Records":[{"eventID":"e1","requestParameters":{"a":1,"a":2}}]}'
    store = store_of(tmp_path / "store", log(one), log(one.replace(b'"a":1,', b""), 2))
    assert (len(store.conflicts()), store.contents().duplicates) == (1, 0)


def test_the_same_id_in_two_accounts_is_two_events(tmp_path: Path) -> None:
    theirs = event(1, recipientAccountId="444455556666")
    store = store_of(tmp_path / "store", records_log([event(1)]), records_log([theirs], 2, account="444455556666"))
    assert (len(rows(store)), store.contents().duplicates) == (2, 0)


def test_events_without_id_are_never_copies(tmp_path: Path) -> None:
    store = store_of(tmp_path / "store", records_log([{"eventTime": AT}, {"eventTime": AT}]))
    assert (len(rows(store)), store.contents().duplicates) == (2, 0)


# --------------------------------------------------------------------------------------------------- restart


def test_a_killed_run_goes_on_at_a_batch(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    logs = [records_log([event(10 * number + n) for n in range(5)], number) for number in range(1, 9)]
    killed = StoreWriter(folder, batch_bytes=1000)
    for item in logs[:5]:
        killed.take(item)
    half_written = folder / "events" / "111122223333-00099.parquet"
    half_written.write_bytes(b"half")
    written = {path.name: path.stat().st_mtime_ns for path in (folder / "events").glob("*-0000*.parquet")}
    assert written
    store = store_of(folder, *logs)
    assert not half_written.exists()
    assert {name: (folder / "events" / name).stat().st_mtime_ns for name in written} == written
    assert sorted(rows(store, "event_id", "")) == sorted(
        (f"e{10 * number + n}",) for number in range(1, 9) for n in range(5)
    )


def test_a_file_that_another_trail_vouches_for_counts_as_verified(tmp_path: Path) -> None:
    folder, item = tmp_path / "store", records_log([event(1)])
    unvouched = LogBytes(item.bucket, item.key, "unvouched", "", item.sha256, item.data)
    assert rows(store_of(folder, unvouched, item), "verified") == [(True,)]


@pytest.mark.parametrize("first", ["altered", "valid"])
def test_an_alteration_that_one_trail_shows_is_not_undone_by_another(tmp_path: Path, first: str) -> None:
    item = records_log([event(1)])
    other = {"altered": "valid", "valid": "altered"}[first]
    logs = [LogBytes(item.bucket, item.key, state, "", item.sha256, item.data) for state in (first, other)]
    store = store_of(tmp_path / "store", *logs)
    assert rows(store, "verified") == [(False,)]
    assert store.contents().altered == 1


def test_a_file_that_could_be_read_the_second_time_is_no_gap(tmp_path: Path) -> None:
    item = records_log([event(1)])
    refused = LogBytes(item.bucket, item.key, "unreadable", "it could not be read", "", None)
    store = store_of(tmp_path / "store", refused, item)
    assert (len(rows(store)), store.contents().unreadable_files, store.unreadable()) == (1, 0, [])


def test_a_changed_store_is_not_believed(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    store_of(folder, records_log([event(1)]))
    [lines] = (folder / "files").glob("*.ndjson")
    lines.write_text(lines.read_text().replace('"valid"', '"altered"'))
    with pytest.raises(IntegrityError, match="were changed"):
        EventStore(folder)


def test_a_store_that_lost_its_conflicts_is_not_believed(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    store_of(folder, records_log([event(1)]))
    (folder / "conflicts.jsonl").write_text('{"event_id": "e"}\n')
    with pytest.raises(IntegrityError, match="were changed"):
        EventStore(folder)


def test_a_store_is_hashed_once_and_again_when_somebody_touched_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unchanged, "SETTLED_NS", -1)
    folder = tmp_path / "store"
    store_of(folder, records_log([event(1)]))
    with monkeypatch.context() as patch:
        patch.delattr(hashlib, "file_digest")
        EventStore(folder)
    [table] = (folder / "events").glob("*.parquet")
    status, content = table.stat(), bytearray(table.read_bytes())
    content[len(content) // 2] ^= 1
    table.write_bytes(content)
    os.utime(table, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(IntegrityError, match="were changed"):
        EventStore(folder)


def test_a_store_that_was_changed_just_now_is_hashed_whatever_its_times_say(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    store_of(folder, records_log([event(1)]))
    assert not (folder / unchanged.SEEN).exists()


def test_an_unfinished_store_is_not_asked(tmp_path: Path) -> None:
    StoreWriter(tmp_path / "store").close()
    with pytest.raises(UsageError, match="no finished event store"):
        EventStore(tmp_path / "store")


def test_a_month_without_one_event_can_be_asked(tmp_path: Path) -> None:
    assert rows(store_of(tmp_path / "store", log(b'{"Records":[]}'))) == []


def test_an_unreadable_file_is_counted_and_named(tmp_path: Path) -> None:
    store = store_of(tmp_path / "store", log(b'{"Records":null}'), records_log([event(1)], 2))
    assert store.contents().unreadable_files == 1
    assert store.unreadable() == [f"{key(1)}: the file has no list of records"]


def test_a_question_that_needs_the_disk_finds_a_place_there(tmp_path: Path) -> None:
    store = store_of(tmp_path / "store", records_log([event(1)]))
    with store.database() as database:
        (place,) = database.execute("SELECT current_setting('temp_directory')").fetchone() or ("",)
    assert Path(place).parent.is_dir()  # DuckDB makes the last folder of it, and no other


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"bucketName": "b", "key": "k"}, "b/k"),
        ({"bucketName": "b", "key": {"k": 1}}, "b"),
        ({"bucketName": "b", "tags": {"key": "t"}}, "b"),
        ({"bucketName": {"x": 1}, "groupId": "sg-1"}, "sg-1"),
        ({"alarmNames": ["a1", "a2"]}, "a1"),
        ({"name": None, "accountId": 5}, "5"),
        ({"name": "{not an object"}, "{not an object"),
        ({"name": 'quoted "name"'}, 'quoted "name"'),
        ({"groupId": "", "name": "n"}, ""),
        ({"name": False}, "false"),
        ({"other": "x"}, ""),
    ],
)
def test_the_resource_is_the_first_plain_value_that_names_one(
    tmp_path: Path, request_: dict[str, Any], expected: str
) -> None:
    store = store_of(tmp_path / "store", records_log([event(1, requestParameters=request_)]))
    assert rows(store, "resource") == [(expected,)]


def test_a_limit_shows_the_first_rows_and_says_that_there_are_more(tmp_path: Path) -> None:
    many = [event(n, eventTime=f"2026-10-05T13:06:{n:02d}Z") for n in range(9, -1, -1)]
    store = store_of(tmp_path / "store", records_log(many))
    for limit, expected in (
        (3, ["e0", "e1", "e2"]),
        (10, [f"e{n}" for n in range(10)]),
        (0, [f"e{n}" for n in range(10)]),
    ):
        answer = ask(store, Asked(load_questions()["who-did"], OCTOBER, limit=limit))
        assert ([row["event_id"] for row in answer.rows], answer.truncated) == (expected, limit == 3)


@pytest.mark.parametrize(("data", "sentence"), [(b'{"Records":[]}', "No event"), (b'{"Records":[{}]}', "A part of")])
def test_a_parquet_file_without_rows_says_what_was_searched(tmp_path: Path, data: bytes, sentence: str) -> None:
    store, target = store_of(tmp_path / "store", log(data)), tmp_path / "rows.parquet"
    answer = ask(store, Asked(load_questions()["root-activity"], OCTOBER), parquet=target)
    with store.database() as database:
        [(value,)] = database.execute(
            "SELECT value FROM parquet_kv_metadata(?) WHERE key = 'auditor'", (str(target),)
        ).fetchall()
        assert database.execute("SELECT count(*) FROM read_parquet(?)", (str(target),)).fetchone() == (0,)
    about = json.loads(value)
    assert about["searched"] == answer.document()["searched"]
    assert about["sentence"].startswith(sentence)


def test_a_full_disk_is_told_as_the_system_tells_it(tmp_path: Path) -> None:
    """DuckDB's own error would count as a mistake of ours."""
    with pytest.raises(OSError, match="No space left") as caught, disk_told(tmp_path):
        connect().execute("COPY (SELECT * FROM range(100000)) TO '/dev/full' (FORMAT csv)")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path))
    with pytest.raises(OSError, match="nowhere"), disk_told(tmp_path):
        connect().execute(f"COPY (SELECT 1) TO '{tmp_path}/nowhere/file' (FORMAT csv)")

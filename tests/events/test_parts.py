"""Parts that others filled: a store takes what holds, each log file once; what does not hold leaves it as it was."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.activity.logbytes import LogBytes
from auditor.base.errors import IntegrityError
from auditor.events.opened import EventStore, finish
from auditor.events.store import StoreWriter, read_lines, write_lines

from .kit import ACCOUNT, BUCKET, OCTOBER, key, log, records_log, rows

Row = dict[str, Any]


def event(number: int) -> Row:
    return {"eventID": f"e{number}", "eventTime": f"2026-10-05T13:00:{number:02d}Z", "eventName": f"Call{number}"}


def logs() -> list[LogBytes]:
    return [records_log([event(number), event(number + 10)], number) for number in (1, 2, 3)]


def part_of(folder: Path, taken: list[LogBytes], numbers: range) -> Path:
    writer = StoreWriter(folder, first=numbers.start)
    for item in taken:
        writer.take(item)
    writer.flush()
    writer.close()
    return folder


def places(taken: list[LogBytes]) -> set[tuple[str, str]]:
    return {(item.bucket, item.key) for item in taken}


def finished(writer: StoreWriter, folder: Path) -> EventStore:
    writer.flush()
    writer.close()
    finish(folder, {"period": OCTOBER.document()})
    return EventStore(folder)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda found: found[1:], id="one-file-less"),
        pytest.param(lambda found: [{**row, "key": f"{row['key']}.gz"} for row in found], id="other-files"),
        pytest.param(lambda found: [{**row, "records": row["records"] + 1} for row in found], id="more-records"),
        pytest.param(lambda found: [{**row, "file": row["file"] + 10_000} for row in found], id="other-numbers"),
        pytest.param(lambda found: [{**row, "file": found[0]["file"]} for row in found], id="one-number"),
        pytest.param(lambda found: [{**row, "records": 0} for row in found], id="rows-without-records"),
    ],
)
def test_a_part_that_is_not_what_was_asked_for_changes_nothing(
    damage: Callable[[list[Row]], list[Row]], tmp_path: Path
) -> None:
    writer = StoreWriter(tmp_path / "store")
    numbers = writer.reserve(3)
    part = part_of(tmp_path / "part", logs(), numbers)
    (listed,) = (part / "files").glob("*.ndjson")
    write_lines(listed, damage(list(read_lines(listed))))
    with pytest.raises(IntegrityError, match="a part of the events"):
        writer.adopt(part, places(logs()), numbers)
    assert rows(finished(writer, tmp_path / "store")) == []


@pytest.mark.parametrize(
    "name", [pytest.param(f"{ACCOUNT}-x", id="no-number"), pytest.param("..-00001", id="no-account")]
)
def test_a_list_of_another_name_is_refused(name: str, tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "store")
    numbers = writer.reserve(3)
    part = part_of(tmp_path / "part", logs(), numbers)
    (listed,) = (part / "files").glob("*.ndjson")
    listed.rename(listed.with_name(f"{name}.ndjson"))
    with pytest.raises(IntegrityError, match="no list of log files"):
        writer.adopt(part, places(logs()), numbers)


def test_a_part_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "store")
    numbers = writer.reserve(3)
    part = part_of(tmp_path / "part", logs(), numbers)
    (table,) = (part / "events").glob("*.parquet")
    table.write_bytes(table.read_bytes()[:-10])
    with pytest.raises(IntegrityError, match="cannot be read"):
        writer.adopt(part, places(logs()), numbers)


def test_parts_and_what_is_taken_here_make_one_store(tmp_path: Path) -> None:
    """A log file that is there already is not there twice; that a digest vouches for it now is noted."""
    one, two, three = logs()
    unvouched = LogBytes(one.bucket, one.key, "unvouched", "", one.sha256, one.data)
    writer = StoreWriter(tmp_path / "store")
    writer.take(unvouched)
    for number, taken in enumerate(([one, two], [two, three])):
        numbers = writer.reserve(len(taken))
        writer.adopt(part_of(tmp_path / f"part-{number}", taken, numbers), places(taken), numbers)
    store = finished(writer, tmp_path / "store")
    whole = StoreWriter(tmp_path / "whole")
    for item in (one, two, three):
        whole.take(item)
    assert rows(store, "* EXCLUDE session_start") == rows(
        finished(whole, tmp_path / "whole"), "* EXCLUDE session_start"
    )
    assert store.contents().duplicates == 0
    assert json.loads((tmp_path / "store" / "store.json").read_bytes())["sha256"]


def test_what_is_proved_is_known_by_its_content(tmp_path: Path) -> None:
    (one, *_) = logs()
    unvouched = log(b'{"Records":[]}', 9, state="unvouched")
    writer = StoreWriter(tmp_path / "store")
    numbers = writer.reserve(2)
    writer.adopt(part_of(tmp_path / "part", [one, unvouched], numbers), places([one, unvouched]), numbers)
    assert writer.proved(BUCKET, key(1), one.sha256)
    assert not writer.proved(BUCKET, key(1), "0" * 64)
    assert not writer.proved(BUCKET, key(9), unvouched.sha256)
    writer.close()
    again = StoreWriter(tmp_path / "store")
    assert again.proved(BUCKET, key(1), one.sha256)
    assert set(again.reserve(3)).isdisjoint(numbers)

"""What a pack carries of a trail, verified again by somebody who has only the pack."""

import gzip
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.base.errors import IntegrityError
from auditor.trail.recheck import archive_of, recheck
from tests.trail.bucket import Bucket, filled, scope, verify
from tests.trail.scenarios import TABLE, Case, Scenario, expiring, genuine


def archived(folder: Path, bucket: Bucket) -> dict[str, Any]:
    """Verify a bucket, leave the archive of a pack, and return the report document."""
    return verify(bucket, archive=folder / "trail-1").document()


@pytest.fixture
def report(tmp_path: Path) -> dict[str, Any]:
    return archived(tmp_path, filled())


def test_an_untouched_archive_agrees_with_its_report(tmp_path: Path, report: dict[str, Any]) -> None:
    assert archive_of(tmp_path, report) == tmp_path / "trail-1"
    assert recheck(tmp_path / "trail-1", report) == ()


def test_an_archive_of_a_trail_under_attack_agrees_with_its_report(tmp_path: Path) -> None:
    bucket = filled()
    bucket.delete(bucket.log_keys()[20])
    bucket.delete(bucket.digest_keys()[5])
    report = archived(tmp_path, bucket)
    assert report["verdict"] == "fail"
    assert recheck(tmp_path / "trail-1", report) == ()


def test_what_the_buckets_rules_deleted_is_no_difference(tmp_path: Path) -> None:
    case = expiring(Case(genuine().copy()))
    case.arguments["archive"] = tmp_path / "trail-1"
    report = case.verify().document()
    assert report["retention"]["rules"] == [{"bucket": "trail-bucket", "prefix": "", "days": 1, "rule": "keep"}]
    assert recheck(tmp_path / "trail-1", report) == ()


def test_the_archive_of_another_trail_is_not_taken(tmp_path: Path, report: dict[str, Any]) -> None:
    assert archive_of(tmp_path, {**report, "trail": {**report["trail"], "name": "other"}}) is None
    assert archive_of(tmp_path / "nothing", report) is None
    assert archive_of(tmp_path, {}) is None


def edit_digest(archive: Path) -> None:
    source = archive / "digests.zip"
    with zipfile.ZipFile(source) as old:
        contents = {name: old.read(name) for name in old.namelist()}
    name = sorted(contents)[4]
    contents[name] = contents[name][:-1] + bytes([contents[name][-1] ^ 1])
    with zipfile.ZipFile(source, "w") as new:
        for key, data in contents.items():
            new.writestr(key, data)


def drop_digest(archive: Path) -> None:
    source = archive / "digests.zip"
    with zipfile.ZipFile(source) as old:
        contents = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(source, "w") as new:
        for key in sorted(contents)[:-3]:
            new.writestr(key, contents[key])


def lose_signature(archive: Path) -> None:
    path = archive / "metadata.json"
    metadata = json.loads(path.read_text())
    key = max(metadata)
    metadata[key]["signature"] = "00" * 256
    path.write_text(json.dumps(metadata))


def lose_keys(archive: Path) -> None:
    (archive / "public-keys.json").write_text("{}")


def edit_hash(archive: Path) -> None:
    path = archive / "objects.csv"
    lines = path.read_text().splitlines(keepends=True)
    cells = lines[3].split(",")
    lines[3] = ",".join([*cells[:2], "0" * 64, cells[3]])
    path.write_text("".join(lines))


def drop_object(archive: Path) -> None:
    path = archive / "objects.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:3] + lines[4:]))


def repeat_object(archive: Path) -> None:
    path = archive / "objects.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines, lines[1]]))


def whitewash(archive: Path) -> None:
    path = archive / "objects.csv"
    path.write_text(path.read_text().replace(",valid", ",altered", 1))


@pytest.mark.parametrize(
    "spoil", [edit_digest, drop_digest, lose_signature, lose_keys, edit_hash, drop_object, repeat_object, whitewash]
)
def test_each_way_to_spoil_an_archive_is_named(
    tmp_path: Path, report: dict[str, Any], spoil: Callable[[Path], None]
) -> None:
    spoil(tmp_path / "trail-1")
    assert recheck(tmp_path / "trail-1", report) != ()


@pytest.mark.parametrize(("part", "name"), [("digests", "valid"), ("digests", "altered"), ("logs", "missing")])
def test_a_report_with_other_numbers_is_named(tmp_path: Path, report: dict[str, Any], part: str, name: str) -> None:
    report["counts"][part][name] += 1
    assert recheck(tmp_path / "trail-1", report) != ()


@pytest.mark.parametrize("member", ["trail", "period", "coverage", "counts", "as_of"])
@pytest.mark.parametrize("value", [None, [], "x", {}])
def test_a_report_of_another_shape_cannot_be_used(
    tmp_path: Path, report: dict[str, Any], member: str, value: object
) -> None:
    with pytest.raises(IntegrityError, match="cannot be verified again"):
        recheck(tmp_path / "trail-1", {**report, member: value})


HEAD = "bucket,key,sha256,state\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("\0", id="nul"),
        pytest.param(HEAD + "a,b\n", id="columns"),
        pytest.param(HEAD + "a,b,c,fine\n", id="state"),
        pytest.param(HEAD + "a" * 9_000 + ",b,c,valid\n", id="long-line"),
        pytest.param(HEAD + '"' + "a\n" * 200_000, id="long-cell"),
    ],
)
def test_an_object_list_of_another_shape_cannot_be_used(tmp_path: Path, report: dict[str, Any], text: str) -> None:
    (tmp_path / "trail-1" / "objects.csv").write_text(text)
    with pytest.raises(IntegrityError, match="cannot be verified again"):
        recheck(tmp_path / "trail-1", report)


def test_only_the_rows_that_differ_are_named(tmp_path: Path, report: dict[str, Any]) -> None:
    path = tmp_path / "trail-1" / "objects.csv"
    lines = path.read_text().splitlines(keepends=True)
    lost = lines[20].split(",")[1]
    path.write_text("".join([*lines[:5], "trail-bucket,A/new,00,unvouched\n", *lines[5:20], *lines[21:]]))
    said = [
        difference for difference in recheck(tmp_path / "trail-1", report) if not difference.startswith("log files")
    ]
    assert said == [f"{lost}: an archived digest vouches for it, and the object list does not name that hash"]


def test_the_order_of_the_object_list_is_no_difference(tmp_path: Path, report: dict[str, Any]) -> None:
    path = tmp_path / "trail-1" / "objects.csv"
    head, *lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([head, *reversed(lines)]))
    assert recheck(tmp_path / "trail-1", report) == ()


def test_an_object_list_of_countless_rows_takes_no_memory(tmp_path: Path, report: dict[str, Any]) -> None:
    with (tmp_path / "trail-1" / "objects.csv").open("w") as file:
        file.write(HEAD)
        file.writelines(f"trail-bucket,{number},00,valid\n" for number in range(600_000))
    tracemalloc.start()
    try:
        with pytest.raises(IntegrityError, match="little in common with the archived digests"):
            recheck(tmp_path / "trail-1", report)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100 << 20


def test_the_scope_of_a_report_survives_the_recheck(tmp_path: Path) -> None:
    report = verify(filled(), scope(), archive=tmp_path / "trail-1").document()
    assert recheck(tmp_path / "trail-1", report) == ()


def break_directory(archive: Path) -> None:
    data = bytearray((archive / "digests.zip").read_bytes())
    start = data.rindex(b"PK\1\2")
    data[start : start + 4] = b"QQ\1\2"
    (archive / "digests.zip").write_bytes(data)


def pack_otherwise(archive: Path) -> None:
    data = (archive / "digests.zip").read_bytes()
    position = data.index(b"PK\1\2")
    (archive / "digests.zip").write_bytes(data[: position + 10] + b"\x63\0" + data[position + 12 :])


def claim_a_size(archive: Path) -> None:
    data = (archive / "digests.zip").read_bytes()
    position = data.index(b"PK\1\2")
    (archive / "digests.zip").write_bytes(data[: position + 24] + b"\0\0\0\x80" + data[position + 28 :])


def nest(name: str) -> Callable[[Path], None]:
    def spoil(archive: Path) -> None:
        (archive / name).write_bytes(b"[" * 100_000)

    return spoil


def swell(name: str) -> Callable[[Path], None]:
    def spoil(archive: Path) -> None:
        (archive / name).write_bytes(b'{"a":[' + b"[]," * 10_000_000 + b"[]]}")

    return spoil


def swell_digest(archive: Path) -> None:
    with zipfile.ZipFile(archive / "digests.zip") as old:
        contents = {name: old.read(name) for name in old.namelist()}
    contents[min(contents)] = gzip.compress(b'{"logFiles":[' + b"[]," * 10_000_000 + b"[]]}", 1)
    with zipfile.ZipFile(archive / "digests.zip", "w") as new:
        for key, data in contents.items():
            new.writestr(key, data)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(swell("metadata.json"), id="metadata"),
        pytest.param(swell("public-keys.json"), id="keys"),
        pytest.param(swell_digest, id="digest"),
    ],
)
def test_countless_values_take_no_memory(tmp_path: Path, report: dict[str, Any], spoil: Callable[[Path], None]) -> None:
    spoil(tmp_path / "trail-1")
    tracemalloc.start()
    try:
        assert recheck(tmp_path / "trail-1", report) != ()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100 << 20  # the document and one copy of it; its values would take 700 MB


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(break_directory, id="directory"),
        pytest.param(pack_otherwise, id="method"),
        pytest.param(claim_a_size, id="size"),
        pytest.param(nest("metadata.json"), id="metadata"),
        pytest.param(nest("public-keys.json"), id="keys"),
    ],
)
def test_an_archive_made_to_break_a_reader_does_not_agree(
    tmp_path: Path, report: dict[str, Any], spoil: Callable[[Path], None]
) -> None:
    spoil(tmp_path / "trail-1")
    try:
        archive = archive_of(tmp_path, report)
        assert archive is not None
        assert recheck(archive, report) != ()
    except IntegrityError:
        pass


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"period": {"start": "0001-01-02T00:00:00Z", "end": "9999-12-30T00:00:00Z"}}, id="for-ever"),
        pytest.param(
            {"coverage": {"chains": [{"account": "111122223333", "region": f"r-{n}"} for n in range(300_000)]}},
            id="everywhere",
        ),
    ],
)
def test_a_report_about_more_hours_than_anybody_can_look_through_is_refused(
    tmp_path: Path, report: dict[str, Any], change: dict[str, Any]
) -> None:
    with pytest.raises(IntegrityError, match="hours and"):
        recheck(tmp_path / "trail-1", {**report, **change})


def damaged(folder: Path) -> dict[str, Any]:
    """Archive a trail with a digest and a log file that are gone."""
    bucket = filled()
    bucket.delete(bucket.log_keys()[10])
    bucket.delete(bucket.digest_keys()[5])
    return archived(folder, bucket)


def forget_gap(report: dict[str, Any]) -> None:
    report["gaps"].pop()


def whiten(report: dict[str, Any]) -> None:
    for chain in report["coverage"]["chains"]:
        for day in chain["days"]:
            day["hours"] = "v" * len(day["hours"])


def count_more_hours(report: dict[str, Any]) -> None:
    report["coverage"]["hours_verified"] += 1


def soften_verdict(report: dict[str, Any]) -> None:
    report["verdict"] = "note"


def soften_finding(report: dict[str, Any]) -> None:
    next(item for item in report["findings"] if item["level"] == "fail")["level"] = "note"


def forget_findings(report: dict[str, Any]) -> None:
    report["findings"] = [item for item in report["findings"] if item["kind"].startswith("gap_")]


def blacken(report: dict[str, Any]) -> None:
    day = report["coverage"]["chains"][0]["days"][0]
    day["hours"] = day["hours"].replace("v", "x", 1)


@pytest.mark.parametrize(
    "forge", [forget_gap, whiten, count_more_hours, soften_verdict, soften_finding, forget_findings, blacken]
)
def test_what_a_report_says_beyond_its_digests_has_to_follow_from_what_it_lists(
    tmp_path: Path, forge: Callable[[dict[str, Any]], None]
) -> None:
    report = damaged(tmp_path)
    assert recheck(tmp_path / "trail-1", report) == ()
    forge(report)
    assert recheck(tmp_path / "trail-1", report) != ()


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_an_honest_report_of_any_attack_has_no_difference(tmp_path: Path, row: Scenario) -> None:
    case = row.change()
    case.arguments["archive"] = tmp_path / "trail-1"
    report = case.verify().document()
    if (archive := archive_of(tmp_path, report)) is not None:
        assert recheck(archive, report) == ()

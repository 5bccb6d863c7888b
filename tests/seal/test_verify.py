import io
import os
import shutil
import stat
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.base.canonical import canonical_json
from auditor.base.errors import IntegrityError, UsageError
from auditor.seal.archive import open_pack, pack_zip, unpack
from auditor.seal.contents import DEFAULT_LIMITS, FolderFiles, Limits
from auditor.seal.report import Outcome, VerifyReport
from auditor.seal.verify import Demands
from auditor.seal.verify import verify_pack as verify
from tests.seal.packs import NOW, rewrite_sums, sealed_pack


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack that no test changes."""
    return sealed_pack(tmp_path_factory.mktemp("packs") / "original")


@pytest.fixture
def pack(tmp_path: Path, original: Path) -> Path:
    """A copy to spoil."""
    unpack(FolderFiles(original), tmp_path / "pack")
    return tmp_path / "pack"


def verify_pack(path: Path, *, limits: Limits = DEFAULT_LIMITS) -> VerifyReport:
    return verify(path, Demands(at=NOW, limits=limits))


def found(report: VerifyReport) -> set[tuple[str, str, str]]:
    return {(finding.check, finding.kind, finding.path) for finding in report.findings}


def test_an_untouched_pack_holds_in_a_folder_and_in_a_zip(pack: Path, tmp_path: Path) -> None:
    pack_zip(pack, tmp_path / "pack.zip")
    for path in (pack, tmp_path / "pack.zip"):
        report = verify_pack(path)
        assert (report.verdict, report.exit_code, report.findings) == ("pass", 0, ())
        assert report.outcome("files") is report.outcome("manifest") is report.outcome("pages") is Outcome.PASS


def test_a_zip_without_a_top_folder_holds_too(pack: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "flat.zip", "w") as archive:
        for path in sorted(pack.rglob("*")):
            archive.write(path, path.relative_to(pack))
    assert verify_pack(tmp_path / "flat.zip").verdict == "pass"


def test_a_missing_file_is_named(pack: Path) -> None:
    (pack / "results/controls.csv").unlink()
    assert ("files", "missing", "results/controls.csv") in found(verify_pack(pack))


def test_a_changed_file_is_named(pack: Path) -> None:
    (pack / "results/controls.csv").write_bytes(b"id,state\r\na,PASS\r\nb,PASS\r\n")
    assert ("files", "changed", "results/controls.csv") in found(verify_pack(pack))


def test_an_added_file_is_named(pack: Path) -> None:
    (pack / "results/more.csv").write_bytes(b"")
    assert ("files", "added", "results/more.csv") in found(verify_pack(pack))


@pytest.mark.parametrize("name", ["SHA256SUMS.bak", "results/SHA256SUMS", "trust/other.pem", ".hidden", "REPORT.PDF"])
def test_an_added_file_is_named_wherever_it_hides(pack: Path, name: str) -> None:
    (pack / name).write_bytes(b"")
    assert name in {finding.path for finding in verify_pack(pack).findings}


def test_a_name_made_to_be_mistaken_is_pointed_out(pack: Path) -> None:
    (pack / "rep0rt.pdf").write_bytes(b"%PDF-1.7 quite another report")
    report = verify_pack(pack)
    assert any(item.path == "rep0rt.pdf" and "mistaken for report.pdf" in item.message for item in report.findings)


def test_a_name_in_foreign_letters_is_written_out(pack: Path) -> None:
    (pack / "r\u0435port.pdf").write_bytes(b"%PDF-1.7")
    assert ("files", "name", "r\\u0435port.pdf") in found(verify_pack(pack))


def test_sums_written_anew_do_not_hide_a_changed_file_of_the_manifest(pack: Path) -> None:
    (pack / "results/controls.csv").write_bytes(b"forged")
    rewrite_sums(pack)
    assert found(verify_pack(pack)) == {("manifest", "changed", "results/controls.csv")}


def test_a_manifest_written_anew_does_not_fit_its_pages(pack: Path) -> None:
    document = orjson.loads((pack / "manifest.json").read_bytes())
    (pack / "manifest.json").write_bytes(canonical_json({**document, "entity": "Somebody else"}))
    rewrite_sums(pack)
    assert found(verify_pack(pack)) == {
        ("pages", "mismatch", "report.pdf"),
        ("pages", "mismatch", "report.html"),
        ("attestation", "invalid", "trust/attestation.intoto.json"),
    }


def test_pages_of_another_pack_are_recognised(pack: Path) -> None:
    (pack / "report.pdf").write_bytes(b"%PDF-1.7 nothing about a manifest")
    rewrite_sums(pack)
    assert found(verify_pack(pack)) == {("pages", "mismatch", "report.pdf")}


def test_counts_that_differ_from_the_results_are_recognised(pack: Path) -> None:
    document = orjson.loads((pack / "manifest.json").read_bytes())
    document["counts"]["FAIL"] = 0
    (pack / "manifest.json").write_bytes(canonical_json(document))
    rewrite_sums(pack)
    assert ("manifest", "mismatch", "results/results.json") in found(verify_pack(pack))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_changed_byte_in_any_file_is_found_and_its_file_named(original: Path, data: st.DataObject) -> None:
    files = FolderFiles(original)
    name = data.draw(st.sampled_from(list(files.sizes)))
    position = data.draw(st.integers(0, files.sizes[name] - 1))
    change = data.draw(st.integers(1, 255))
    path = original / name
    before = path.read_bytes()
    path.write_bytes(before[:position] + bytes([before[position] ^ change]) + before[position + 1 :])
    try:
        report = verify_pack(original)
    finally:
        path.write_bytes(before)
    assert report.exit_code == 4
    assert any(name in f"{finding.path} {finding.message}" for finding in report.findings)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\xfe", id="not-ascii"),
        pytest.param(b"0" * 64 + b"  ../../etc/passwd\n", id="climbs-out"),
        pytest.param(b"0" * 64 + b"  /etc/passwd\n", id="absolute"),
        pytest.param(b"0" * 64 + b"  a\n" + b"0" * 64 + b"  a\n", id="twice"),
        pytest.param(b"0" * 64 + b"  b\n" + b"0" * 64 + b"  a\n", id="unsorted"),
        pytest.param(b"0" * 64 + b" *a\n", id="binary-mark"),
        pytest.param(b"0" * 63 + b"  a\n", id="short-hash"),
        pytest.param(b"0" * 64 + b"  a", id="no-line-end"),
        pytest.param(b"0" * 64 + b"  a\r\n", id="windows-line-end"),
    ],
)
def test_sums_that_do_not_read_the_same_for_everybody_are_malformed(pack: Path, text: bytes) -> None:
    (pack / "SHA256SUMS").write_bytes(text)
    assert ("files", "malformed", "SHA256SUMS") in found(verify_pack(pack))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"{}", id="no-members"),
        pytest.param(b'{"schema":"auditor.manifest/1"', id="cut-off"),
        pytest.param(b"[" * 900 + b"]" * 900, id="deep"),
        pytest.param(b"[" * 100_000, id="deeper"),
        pytest.param(b'{"a":1,"a":2}', id="member-twice"),
        pytest.param(b'{"n":1e999}', id="infinite"),
        pytest.param(b"\xff" * 100, id="not-text"),
    ],
)
def test_a_manifest_made_to_break_a_parser_is_malformed(pack: Path, text: bytes) -> None:
    (pack / "manifest.json").write_bytes(text)
    assert ("manifest", "malformed", "manifest.json") in found(verify_pack(pack))


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("files", None),
        ("files", [{"path": "x"}]),
        ("files", "abc"),
        ("pack_id", "../x"),
        ("pack_id", 7),
        ("results_sha256", "0"),
        ("ruleset", None),
        ("anchors", [{"chain": 1, "object": 2, "sha256": "0" * 64, "end": 3}]),
        ("previous_pack", {"id": "a"}),
        ("schema", "auditor.manifest/2"),
        ("counts", []),
    ],
)
def test_a_manifest_with_a_member_of_another_shape_is_malformed(pack: Path, member: str, value: object) -> None:
    document = orjson.loads((pack / "manifest.json").read_bytes())
    (pack / "manifest.json").write_bytes(canonical_json({**document, member: value}))
    assert ("manifest", "malformed", "manifest.json") in found(verify_pack(pack))


def test_evidence_metadata_that_points_elsewhere_is_recognised(pack: Path) -> None:
    path = pack / "evidence/meta/EV-0001.json"
    path.write_bytes(canonical_json({**orjson.loads(path.read_bytes()), "path": "../../../etc/passwd"}))
    assert ("manifest", "mismatch", "evidence/meta/EV-0001.json") in found(verify_pack(pack))


def test_huge_documents_are_not_read(pack: Path) -> None:
    with (pack / "manifest.json").open("r+b") as file:
        file.truncate(3 << 20)
    report = verify_pack(pack, limits=Limits(document_bytes=1 << 20))
    assert ("manifest", "malformed", "manifest.json") in found(report)


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("manifest.json", "manifest"),
        ("results/results.json", "manifest"),
        ("evidence/meta/EV-0001.json", "manifest"),
        ("trust/seal.json", "signature"),
        ("trust/attestation.intoto.json", "attestation"),
    ],
)
def test_small_documents_of_countless_values_are_not_read(pack: Path, name: str, check: str) -> None:
    (pack / name).write_bytes(b"[" + b"[]," * 2_000_000 + b"[]]")
    rewrite_sums(pack)
    tracemalloc.start()
    try:
        report = verify_pack(pack, limits=Limits(document_values=100_000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert check in {finding.check for finding in report.findings}
    assert peak < 30 << 20  # the document itself and one copy of it; its values would take 200 MB


def test_a_reader_is_prepared_for_a_thousand_accounts_of_an_organization() -> None:
    """Some 1,063 files each where there is next to nothing in them, 135 bytes a line of their checksums."""
    assert DEFAULT_LIMITS.files >= 1_000 * 2_000
    assert DEFAULT_LIMITS.document_bytes >= DEFAULT_LIMITS.files * 140, "SHA256SUMS itself is read"


def test_sums_of_too_many_lines_are_not_read(pack: Path) -> None:
    many = "".join(f"{'0' * 64}  {number:09}\n" for number in range(2000))
    (pack / "SHA256SUMS").write_text(many)
    report = verify_pack(pack, limits=Limits(files=1000))
    assert any(item.kind == "malformed" and "more than 1,000 lines" in item.message for item in report.findings)


def link(pack: Path) -> None:
    (pack / "results/link").symlink_to("/etc/passwd")


def link_in_place(pack: Path) -> None:
    (pack / "results/link").write_bytes((pack / "results/controls.csv").read_bytes())
    (pack / "results/controls.csv").unlink()
    (pack / "results/controls.csv").symlink_to("link")


def folder_link(pack: Path) -> None:
    (pack / "results/more").symlink_to("/etc", target_is_directory=True)


def pipe(pack: Path) -> None:
    os.mkfifo(pack / "results/pipe")


@pytest.mark.parametrize(
    ("spoil", "kind"), [(link, "link"), (link_in_place, "link"), (folder_link, "link"), (pipe, "special")]
)
def test_what_is_no_plain_file_is_named_and_not_opened(pack: Path, spoil: Callable[[Path], None], kind: str) -> None:
    spoil(pack)
    assert kind in {finding.kind for finding in verify_pack(pack).findings}


def test_too_many_and_too_deep_folders_end_in_a_clear_error(pack: Path) -> None:
    with pytest.raises(IntegrityError, match="more than 10 entries"):
        verify_pack(pack, limits=Limits(files=10))
    pack.joinpath(*"abcdefghij").mkdir(parents=True)
    with pytest.raises(IntegrityError, match="deeper than 5"):
        verify_pack(pack, limits=Limits(depth=5))


def test_what_is_no_pack_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("hello")
    for path in (tmp_path / "nothing", tmp_path / "file.txt", tmp_path):
        with pytest.raises(UsageError):
            verify_pack(path)


def test_a_pack_further_inside_is_named(pack: Path) -> None:
    with pytest.raises(UsageError, match="no pack itself, but holds one: pack"):
        verify_pack(pack.parent)


def test_packs_further_inside_are_named(pack: Path, tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    for name in ("a", "b"):
        shutil.copytree(pack, shelf / name)
    entries = [(zipfile.ZipInfo(str(path.relative_to(shelf))), path.read_bytes()) for path in files_of(shelf)]
    both = write_zip(tmp_path / "both.zip", entries)
    for path in (shelf, both):
        with pytest.raises(UsageError, match="no pack itself, but holds 2 packs: a, b"):
            verify_pack(path)
    for number in range(7):
        (shelf / f"c{number}").mkdir()
        (shelf / f"c{number}" / "SHA256SUMS").write_bytes(b"")
    with pytest.raises(UsageError, match="holds 9 packs: a, b, c0, c1, c2 and 4 more"):
        verify_pack(shelf)


def test_a_zip_without_sums_is_a_pack_that_lost_them(pack: Path, tmp_path: Path) -> None:
    entries = [(entry, data) for entry, data in zipped(pack) if not entry.filename.endswith("SHA256SUMS")]
    assert ("files", "malformed", "SHA256SUMS") in found(verify_pack(write_zip(tmp_path / "pack.zip", entries)))


def files_of(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def zipped(pack: Path) -> list[tuple[zipfile.ZipInfo, bytes]]:
    return [(zipfile.ZipInfo(f"pack/{path.relative_to(pack)}"), path.read_bytes()) for path in files_of(pack)]


def write_zip(path: Path, entries: list[tuple[zipfile.ZipInfo, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, data in entries:
            archive.writestr(entry, data)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "pack/../../evil",
        "/etc/evil",
        "pack/a\\..\\b",
        "C:/evil",
        "pack//evil",
        "pack/./evil",
        "pack/evil\u202e",
        "other/evil",
    ],
)
def test_an_entry_that_would_leave_the_pack_is_named(pack: Path, tmp_path: Path, name: str) -> None:
    path = write_zip(tmp_path / "x.zip", [*zipped(pack), (zipfile.ZipInfo(name), b"evil")])
    report = verify_pack(path)
    assert [finding.kind for finding in report.findings] == ["name"]
    with open_pack(path) as files:
        unpack(files, tmp_path / "out")
    assert not any("evil" in str(item) for item in tmp_path.rglob("*"))


@pytest.mark.parametrize("top", ["..", "", ".", "C:", "..\\..", "a\x1b[2J"])
def test_a_pack_that_would_be_unpacked_elsewhere_does_not_hold(pack: Path, tmp_path: Path, top: str) -> None:
    entries = [(zipfile.ZipInfo(f"{top}/{path.relative_to(pack)}"), path.read_bytes()) for path in files_of(pack)]
    report = verify_pack(write_zip(tmp_path / "elsewhere.zip", entries))
    assert [(item.kind, item.message) for item in report.findings] == [
        ("name", "is a folder that tools unpack elsewhere")
    ]
    assert report.exit_code == 4


def test_a_zip_of_a_folder_with_any_name_holds(pack: Path, tmp_path: Path) -> None:
    renamed = pack.rename(tmp_path / "Pr\u00fcfung [2026-10]")
    pack_zip(renamed, tmp_path / "pack.zip")
    assert verify_pack(tmp_path / "pack.zip").verdict == "pass"


def test_a_file_that_is_a_folder_too_is_named(pack: Path, tmp_path: Path) -> None:
    entries = [*zipped(pack), (zipfile.ZipInfo("pack/results"), b"x")]
    path = write_zip(tmp_path / "x.zip", entries)
    assert ("files", "duplicate", "results") in found(verify_pack(path))
    with open_pack(path) as files, pytest.raises(IntegrityError, match="a file and a folder at once"):
        unpack(files, tmp_path / "out")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_entry_that_stands_twice_is_named(pack: Path, tmp_path: Path) -> None:
    entries = zipped(pack)
    again = zipfile.ZipInfo(entries[-1][0].filename)
    report = verify_pack(write_zip(tmp_path / "x.zip", [*entries, (again, b"another content")]))
    assert "duplicate" in {finding.kind for finding in report.findings}


def test_a_link_in_a_zip_is_named(pack: Path, tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("pack/results/link")
    entry.create_system = 3
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    report = verify_pack(write_zip(tmp_path / "x.zip", [*zipped(pack), (entry, b"/etc/passwd")]))
    assert [(finding.kind, finding.path) for finding in report.findings] == [("link", "results/link")]


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("SHA256SUMS", "w") as entry:
        for _ in range(300):
            entry.write(bytes(1 << 20))
    with pytest.raises(IntegrityError, match="claims to unpack to 314,572,800"):
        verify_pack(path)


def test_a_zip_that_lies_about_its_sizes_is_not_believed(pack: Path, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", zipped(pack))
    data = bytearray(path.read_bytes())
    start = data.rindex(b"PK\x01\x02")
    data[start + 24 : start + 28] = (5).to_bytes(4, "little")
    path.write_bytes(data)
    assert "unreadable" in {finding.kind for finding in verify_pack(path).findings}


def test_bytes_between_entries_are_named(pack: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    stream = io.BytesIO(b"#!/bin/sh\n")
    stream.seek(0, io.SEEK_END)
    with zipfile.ZipFile(stream, "a") as archive:
        for entry, data in zipped(pack):
            archive.writestr(entry, data)
    path.write_bytes(b"PK" + stream.getvalue())
    assert "hidden" in {finding.kind for finding in verify_pack(path).findings}


def test_entries_that_share_bytes_are_named(pack: Path, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", zipped(pack))
    data = bytearray(path.read_bytes())
    last, first = data.rindex(b"PK\x01\x02"), data.index(b"PK\x01\x02")
    data[last + 42 : last + 46] = data[first + 42 : first + 46]
    path.write_bytes(data)
    assert "hidden" in {finding.kind for finding in verify_pack(path).findings}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_zip_is_an_integrity_error_and_nothing_else(
    original: Path, tmp_path: Path, data: st.DataObject
) -> None:
    good = tmp_path / "good.zip"
    if not good.exists():
        pack_zip(original, good)
    content = bytearray(good.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    bad = tmp_path / "bad.zip"
    bad.write_bytes(content[: data.draw(st.integers(len(content) - 30, len(content)))])
    with suppress(IntegrityError, UsageError):
        verify_pack(bad)

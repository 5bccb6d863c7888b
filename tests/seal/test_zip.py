"""Zips made to be read in two ways: other tools must not unpack other files than were checked."""

import os
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from auditor.base.errors import IntegrityError
from auditor.seal.contents import DEFAULT_LIMITS, Limits
from auditor.seal.report import VerifyReport
from auditor.seal.verify import Demands, verify_pack
from tests.seal.packs import NOW, sealed_pack

SPOILT = "pack/results/controls.csv"
SCRIPT = b"#!/bin/sh\necho from elsewhere\n"


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@dataclass
class Zip:
    """A zip written field by field, so that any of them can lie (APPNOTE 4.3)."""

    body: bytearray = field(default_factory=bytearray)
    directory: bytearray = field(default_factory=bytearray)
    entries: int = 0

    def add(self, name: bytes, data: bytes, **lies: Any) -> None:
        lie = {"method": 8, "flags": 0, "local_name": name, "after": b"", "extra": b"", "local_extra": b"", **lies}
        packed = lie.get("packed", deflated(data)) + lie["after"]
        size, method = lie.get("size", len(packed)), lie["method"]
        told = (zlib.crc32(data), size, len(data))
        local = (20, lie["flags"], lie.get("local_method", method), 0, 0x21, told[0], lie.get("local_size", size))
        lengths = (len(data), len(lie["local_name"]), len(lie["local_extra"]))
        central = (0x314, 20, lie["flags"], method, 0, 0x21, *told, len(name), len(lie["extra"]))
        place = (0, 0, 0, 0o100644 << 16, len(self.body))
        self.body += struct.pack("<4s5H3L2H", b"PK\3\4", *local, *lengths) + lie["local_name"] + lie["local_extra"]
        self.body += packed
        self.directory += struct.pack("<4s6H3L5H2L", b"PK\1\2", *central, *place) + name + lie["extra"]
        self.entries += 1

    def data(self, *, comment: bytes = b"", offset: int | None = None, entries: int | None = None) -> bytes:
        where, count = len(self.body) if offset is None else offset, self.entries if entries is None else entries
        end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(self.directory), where, len(comment))
        return bytes(self.body + self.directory) + end + comment


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sealed_pack(tmp_path_factory.mktemp("packs") / "pack")


def zipped(pack: Path, **lies: Any) -> Zip:
    """Zip a pack; what is given is said of one of its files."""
    made = Zip()
    for path in sorted(path for path in pack.rglob("*") if path.is_file()):
        name = f"pack/{path.relative_to(pack)}"
        made.add(name.encode(), path.read_bytes(), **(lies if name == SPOILT else {}))
    return made


def verified(tmp_path: Path, data: bytes, limits: Limits = DEFAULT_LIMITS) -> VerifyReport:
    (tmp_path / "pack.zip").write_bytes(data)
    return verify_pack(tmp_path / "pack.zip", Demands(at=NOW, limits=limits))


def second_name(name: bytes) -> bytes:
    """Return Info-ZIP's extra field for a name in Unicode (APPNOTE 4.6.9)."""
    return struct.pack("<HHBL", 0x7075, 5 + len(name), 1, zlib.crc32(SPOILT.encode())) + name


def hidden_entry() -> bytes:
    inner = Zip()
    inner.add(b"pack/run-me.sh", SCRIPT, method=0, packed=SCRIPT)
    return bytes(inner.body)


@pytest.mark.parametrize(
    "lies",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"method": 0, "packed": b"id,state\r\na,PASS\r\nb,FAIL\r\n"}, id="stored"),
        pytest.param({"extra": struct.pack("<HHBL", 0x5455, 5, 1, 0)}, id="with-a-time"),
    ],
)
def test_a_zip_that_says_one_thing_holds(original: Path, tmp_path: Path, lies: dict[str, Any]) -> None:
    assert verified(tmp_path, zipped(original, **lies).data()).findings == ()


@pytest.mark.parametrize(
    ("lies", "kind"),
    [
        pytest.param({"after": hidden_entry()}, "unreadable", id="entry-after-the-packed-end"),
        pytest.param({"after": b"\0"}, "unreadable", id="byte-after-the-packed-end"),
        pytest.param({"local_method": 0}, "hidden", id="stored-for-some"),
        pytest.param({"local_size": 3}, "hidden", id="shorter-for-some"),
        pytest.param({"local_name": SPOILT.replace("controls", "Controls").encode()}, "hidden", id="other-name"),
        pytest.param({"local_extra": second_name(b"pack/run-me.sh")}, "hidden", id="second-name-at-its-place"),
        pytest.param({"extra": second_name(b"pack/run-me.sh")}, "name", id="second-name-in-the-directory"),
        pytest.param({"method": 14}, "unreadable", id="packed-with-lzma"),
        pytest.param({"method": 12}, "unreadable", id="packed-with-bzip2"),
        pytest.param({"flags": 0x2000}, "unreadable", id="masked"),
        pytest.param({"packed": b"\xff" * 30}, "unreadable", id="no-packed-stream"),
        pytest.param({"packed": deflated(b"cut off")[:-3]}, "unreadable", id="cut-off"),
    ],
)
def test_an_entry_that_others_read_otherwise_is_named(
    original: Path, tmp_path: Path, lies: dict[str, Any], kind: str
) -> None:
    report = verified(tmp_path, zipped(original, **lies).data())
    assert kind in {finding.kind for finding in report.findings}
    assert report.exit_code == 4


@pytest.mark.parametrize("name", [b"", b"\0", b"pack/\0", b"pack/more\0.csv"])
def test_a_name_that_ends_early_is_named(original: Path, tmp_path: Path, name: bytes) -> None:
    made = zipped(original)
    made.add(name, b"x")
    assert "name" in {finding.kind for finding in verified(tmp_path, made.data()).findings}


def test_a_listed_file_with_more_behind_its_name_is_named(original: Path, tmp_path: Path) -> None:
    made = Zip()
    for path in sorted(path for path in original.rglob("*") if path.is_file()):
        name = f"pack/{path.relative_to(original)}".encode()
        made.add(name + (b"\0.exe" if name == SPOILT.encode() else b""), path.read_bytes())
    findings = verified(tmp_path, made.data()).findings
    assert ("name", "pack/results/controls.csv\\x00.exe") in {(finding.kind, finding.path) for finding in findings}


def with_zip64_end(made: Zip) -> bytes:
    """Lead those who look for zip64 to the directory, and all others to byte 7."""
    where, size = len(made.body), len(made.directory)
    end = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, made.entries, made.entries, size, where)
    pointer = struct.pack("<4sLQL", b"PK\6\7", 0, where + size, 1)
    old_end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, made.entries, made.entries, size, 7, 0)
    return bytes(made.body + made.directory) + end + pointer + old_end


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda made: made.data(comment=b"see the other file"), id="comment"),
        pytest.param(lambda made: made.data() + b"more", id="more-after-the-end"),
        pytest.param(lambda made: made.data(entries=3), id="fewer-entries-for-some"),
        pytest.param(with_zip64_end, id="directory-elsewhere-for-some"),
    ],
)
def test_a_directory_that_others_find_otherwise_is_named(
    original: Path, tmp_path: Path, spoil: Callable[[Zip], bytes]
) -> None:
    report = verified(tmp_path, spoil(zipped(original)))
    assert [finding.kind for finding in report.findings] == ["hidden"]


@pytest.mark.parametrize("offset", [0xFFFFFFF0, 1 << 31])
def test_entries_said_to_lie_before_the_file_end_in_a_clear_error(original: Path, tmp_path: Path, offset: int) -> None:
    with pytest.raises(IntegrityError, match="an entry is said to begin at byte -"):
        verified(tmp_path, zipped(original).data(offset=offset))


def test_a_directory_of_too_many_entries_is_not_read(original: Path, tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="more than 5 entries"):
        verified(tmp_path, zipped(original).data(), Limits(files=5))


@pytest.mark.parametrize("line", ["zip -qr pack.zip pack", "zip -qr - pack | cat >pack.zip", "zip -qr0 pack.zip pack"])
def test_what_other_tools_write_holds(original: Path, tmp_path: Path, line: str) -> None:
    shutil.copytree(original, tmp_path / "pack")
    subprocess.run(["/bin/sh", "-c", line], cwd=tmp_path, check=True, env=dict(os.environ))
    assert verify_pack(tmp_path / "pack.zip", Demands(at=NOW)).findings == ()

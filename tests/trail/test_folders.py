"""Folders as people have them: what a client made of objects, and which part of the bucket they downloaded."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.trail.gunzip import WRAPPED_HEADER, inflate, wrap

from .bucket import ACCOUNT, TRAIL, Bucket, filled
from .scenarios import AT, genuine
from .test_cli import document, verify
from .test_fetch import download

KEYS_FILE = "public-keys.json"


def saved(bucket: Bucket, root: Path) -> tuple[Path, Path]:
    """Download a bucket with metadata beside each object; return the folder and, elsewhere, the file of keys."""
    download(bucket, root / "down", sidecars=True)
    keys = root / KEYS_FILE
    (root / "down" / KEYS_FILE).rename(keys)
    return root / "down", keys


def objects(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*.json.gz"))


def unpack(path: Path) -> None:
    path.write_bytes(gzip.decompress(path.read_bytes()))


def strip(path: Path) -> None:
    path.rename(path.with_name(path.name.removesuffix(".gz")))


def unpack_and_strip(path: Path) -> None:
    unpack(path)
    strip(path)


def pack_again(path: Path) -> None:
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), 1))


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        pytest.param(unpack, "download_unpacked", id="plain-under-the-old-name"),
        pytest.param(strip, "download_unpacked", id="ending-stripped"),
        pytest.param(unpack_and_strip, "download_unpacked", id="plain-and-stripped"),
        pytest.param(pack_again, "gzip_header_differs", id="packed-again"),
    ],
)
@pytest.mark.parametrize("part", ["one", "half", "all"])
def test_what_a_client_does_to_the_wrapper_is_one_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Callable[[Path], None], kind: str, part: str
) -> None:
    root, keys = saved(genuine(), tmp_path)
    found = objects(root)
    logs = [path for path in found if "/CloudTrail/" in path.as_posix()]
    for path in {"one": logs[30:31], "half": found[::2], "all": found}[part]:
        change(path)
    assert verify("--dir", str(root), "--keys", str(keys), "--json") == 0
    answer = document(capsys)
    assert [finding["kind"] for finding in answer["findings"]] == [kind]
    assert answer["verdict"] == "note"
    assert answer["counts"]["logs"]["valid"] == answer["counts"]["logs"]["expected"] > 0


@pytest.mark.parametrize("change", [unpack, strip, unpack_and_strip, pack_again])
def test_content_that_was_changed_is_altered_whatever_the_wrapper(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Callable[[Path], None]
) -> None:
    bucket = genuine().copy()
    key = bucket.log_key(AT)
    bucket.edit(key, lambda data: data + b" ")
    root, keys = saved(bucket, tmp_path)
    for path in objects(root):
        change(path)
    assert verify("--dir", str(root), "--keys", str(keys), "--json") == 4
    assert key in {finding["object"] for finding in document(capsys)["findings"] if finding["kind"] == "log_altered"}


@pytest.mark.parametrize(
    "stands",
    [
        lambda path: path.symlink_to(path),
        lambda path: path.symlink_to(path.with_name("nothing-there")),
        lambda path: path.symlink_to("/"),
        lambda path: path.mkdir(),
    ],
    ids=["link to itself", "link to nothing", "link that leads out", "folder"],
)
def test_what_is_no_file_is_unreadable_and_not_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], stands: Callable[[Path], None]
) -> None:
    bucket = genuine()
    key = bucket.log_key(AT)
    root, keys = saved(bucket, tmp_path)
    (path,) = [path for path in objects(root) if key.endswith(path.name)]
    path.unlink()
    stands(path)
    assert verify("--dir", str(root), "--keys", str(keys), "--json") == 3
    assert [(item["kind"], item["object"]) for item in document(capsys)["findings"]] == [("log_unreadable", key)]


def test_an_unpacked_copy_beside_an_object_is_no_object_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, keys = saved(genuine(), tmp_path)
    for path in objects(root):
        path.with_name(path.name.removesuffix(".gz")).write_bytes(gzip.decompress(path.read_bytes()))
    assert verify("--dir", str(root), "--keys", str(keys), "--json") == 0
    assert document(capsys)["findings"] == []


@pytest.mark.parametrize("tail", [b"\x00", gzip.compress(b"{}")], ids=["bytes", "member"])
def test_what_is_appended_is_still_damage(tmp_path: Path, capsys: pytest.CaptureFixture[str], tail: bytes) -> None:
    root, keys = saved(genuine(), tmp_path)
    path = objects(root / TRAIL.prefix / "AWSLogs" / ACCOUNT / "CloudTrail")[30]
    path.write_bytes(path.read_bytes() + tail)
    assert verify("--dir", str(root), "--keys", str(keys), "--json") == 4
    assert [finding["kind"] for finding in document(capsys)["findings"]] == ["log_trailing_bytes"]


@given(st.binary(max_size=5000))
def test_a_wrapper_of_ours_holds_exactly_the_bytes(data: bytes) -> None:
    body = wrap(data)
    assert body.startswith(WRAPPED_HEADER)
    assert gzip.decompress(body) == data
    assert inflate(body, 1 << 20, keep=True).data == data


# ------------------------------------------------------------------------------------------------ parts of a bucket

ORGANIZATION = "o-abcdef1234"


def organized() -> Bucket:
    from dataclasses import replace

    return filled(trail=replace(TRAIL, organization=ORGANIZATION))


def account_part(root: Path) -> Path:
    return root / "logs" / "AWSLogs" / ACCOUNT


@pytest.mark.parametrize(
    ("bucket", "part"),
    [
        pytest.param(genuine, lambda root: root, id="bucket"),
        pytest.param(genuine, lambda root: root / "logs", id="prefix"),
        pytest.param(genuine, lambda root: root / "logs" / "AWSLogs", id="AWSLogs"),
        pytest.param(genuine, account_part, id="account"),
        pytest.param(organized, lambda root: root / "logs" / "AWSLogs" / ORGANIZATION, id="organization"),
        pytest.param(
            organized, lambda root: root / "logs" / "AWSLogs" / ORGANIZATION / ACCOUNT, id="account-of-organization"
        ),
    ],
)
@pytest.mark.parametrize("deeper", ["", "a", "a/b/c/d/e/f"])
def test_a_part_of_a_bucket_is_recognised(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    bucket: Callable[[], Bucket],
    part: Callable[[Path], Path],
    deeper: str,
) -> None:
    root, keys = saved(bucket(), tmp_path)
    given_folder = tmp_path / "given"
    (given_folder / deeper).parent.mkdir(parents=True, exist_ok=True)
    part(root).rename(given_folder / deeper)
    assert verify("--dir", str(given_folder), "--keys", str(keys), "--json") == 0
    answer = document(capsys)
    assert (answer["verdict"], answer["findings"]) == ("pass", [])
    assert (answer["trail"]["bucket"], answer["trail"]["prefix"]) == (TRAIL.bucket, TRAIL.prefix)


def test_a_deep_prefix_of_the_bucket_is_recognised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from dataclasses import replace

    root, keys = saved(filled(trail=replace(TRAIL, prefix="a/b/c/d/e/f/g")), tmp_path)
    assert verify("--dir", str(root), "--keys", str(keys), "--json") == 0
    assert document(capsys)["trail"]["prefix"] == "a/b/c/d/e/f/g"


@pytest.mark.parametrize(
    ("part", "said"),
    [
        pytest.param("CloudTrail", "holds log files and no digests", id="CloudTrail"),
        pytest.param("CloudTrail/eu-central-1", "holds log files and no digests", id="logs-of-a-region"),
        pytest.param("CloudTrail-Digest", "holds digests and not the log files", id="CloudTrail-Digest"),
        pytest.param("CloudTrail-Digest/eu-central-1", "holds digests and not the log files", id="digests-of-a-region"),
    ],
)
def test_a_part_that_proves_nothing_is_refused_with_the_folder_to_give(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], part: str, said: str
) -> None:
    root, keys = saved(genuine(), tmp_path)
    assert verify("--dir", str(account_part(root) / part), "--keys", str(keys)) == 2
    answer = " ".join(capsys.readouterr().err.split())
    assert said in answer
    assert str(account_part(root)) in answer


def test_an_unrelated_folder_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "photos" / "2026").mkdir(parents=True)
    (tmp_path / "photos" / "2026" / "beach.json.gz").write_bytes(b"x")
    assert verify("--dir", str(tmp_path)) == 2
    told = capsys.readouterr()
    assert "holds no digest and no log file of CloudTrail" in told.err
    assert "unknown" not in told.out + told.err


@pytest.mark.parametrize("every", [False, True], ids=["first", "all"])
def test_a_hostile_digest_leads_nowhere_else(tmp_path: Path, capsys: pytest.CaptureFixture[str], every: bool) -> None:
    root, keys = saved(genuine(), tmp_path)
    digests = [path for path in objects(root) if "CloudTrail-Digest" in path.as_posix()]
    for path in digests[2:] if every else digests[2:3]:
        changed: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
        changed["digestS3Object"] = "../../../etc/" + changed["digestS3Object"]
        path.write_bytes(gzip.compress(json.dumps(changed).encode()))
    assert verify("--dir", str(root), "--keys", str(keys), "--json") == 4
    assert "digest_moved" in {finding["kind"] for finding in document(capsys)["findings"]}

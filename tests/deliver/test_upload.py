"""A pack in a bucket is whole, provably the one that was made, never written over; half of one is finished later."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner

from auditor.base.errors import UsageError
from auditor.base.period import parse_time
from auditor.cli.audit import upload as upload_command
from auditor.collect.accounts import client as guarded
from auditor.collect.accounts import open_session
from auditor.collect.guard import CallLog
from auditor.deliver.upload import COMMIT, OPERATION, Destination, UploadError, destination, policy, upload
from auditor.simulator import ACCESS_KEY, SECRET_KEY, Simulator
from tests.acceptance.conftest import Outcome, auditor

pytestmark = pytest.mark.simulator

FILES = {
    "README.txt": b"read me",
    "SHA256SUMS": b"sums",
    "SHA256SUMS.p7s": b"signature",
    "evidence/raw/a b \xc3\xbc.json".encode("latin-1").decode(): b"{}",
    "manifest.json": b'{"pack_id": "p"}',
    "results/results.json": b"",
}
LOCKED = Destination("packs", "aws", 30)


@pytest.fixture(scope="module")
def aws() -> Iterator[Simulator]:
    with Simulator("empty") as running:
        s3(running).create_bucket(Bucket="packs", ObjectLockEnabledForBucket=True)
        s3(running).create_bucket(Bucket="plain")
        yield running


@pytest.fixture(autouse=True)
def no_faults(aws: Simulator) -> Iterator[None]:
    yield
    aws.clear()


def s3(aws: Simulator) -> Any:
    keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
    return boto3.client("s3", region_name="us-east-1", endpoint_url=aws.endpoint, **keys)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in FILES.items():
        path = tmp_path / "pack" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "pack"


def held(aws: Simulator, bucket: str, prefix: str) -> dict[str, tuple[str, str]]:
    """Key below the prefix -> version id and SHA-256, of every version there is."""
    pages = s3(aws).list_object_versions(Bucket=bucket, Prefix=prefix)
    return {
        f"{item['Key'].removeprefix(prefix)} {item['VersionId']}": (
            item["VersionId"],
            sha256(s3(aws).get_object(Bucket=bucket, Key=item["Key"])["Body"].read()).hexdigest(),
        )
        for item in pages.get("Versions", [])
    }


def test_every_file_goes_once_the_manifest_last_and_a_second_upload_changes_nothing(
    aws: Simulator, folder: Path
) -> None:
    first = upload(folder, "first", LOCKED, s3(aws))
    names = [item.key.removeprefix("aws/first/") for item in first]
    assert names[-3:] == ["SHA256SUMS", "SHA256SUMS.p7s", COMMIT]
    assert {name: item.sha256 for name, item in zip(names, first, strict=True)} == {
        name: sha256(data).hexdigest() for name, data in FILES.items()
    }
    assert {item.lock_mode for item in first} == {"GOVERNANCE"}
    assert all(item.new and item.version_id and item.lock_until for item in first)
    before = held(aws, "packs", "aws/first/")
    again = upload(folder, "first", LOCKED, s3(aws))
    assert [(item.key, item.version_id, item.new) for item in again] == [
        (item.key, item.version_id, False) for item in first
    ]
    assert held(aws, "packs", "aws/first/") == before
    assert len(before) == len(FILES)


@pytest.mark.parametrize("done", range(len(FILES)))
def test_an_upload_that_was_cut_off_is_finished_and_has_no_manifest_until_then(
    aws: Simulator, folder: Path, done: int
) -> None:
    seen: list[Any] = []

    def cut(item: Any) -> None:
        seen.append(item)
        if len(seen) > done:
            raise KeyboardInterrupt

    name = f"cut-{done}"
    with pytest.raises(KeyboardInterrupt):
        upload(folder, name, LOCKED, s3(aws), noted=cut)
    there = held(aws, "packs", f"aws/{name}/")
    assert len(there) == done + 1
    assert any(key.startswith(COMMIT) for key in there) == (done + 1 == len(FILES))
    found = upload(folder, name, LOCKED, s3(aws))
    assert [item.new for item in found] == [False] * (done + 1) + [True] * (len(FILES) - done - 1)
    assert there.items() <= held(aws, "packs", f"aws/{name}/").items()


def test_an_upload_that_was_killed_anywhere_is_finished_by_repeating_it(aws: Simulator, folder: Path) -> None:
    command = [sys.executable, "-m", "tests.deliver.killed", aws.endpoint, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [signal for *_, signal in lines] == ["-9"] * 10, done.stderr
    for name, place, file, _ in lines:
        there = held(aws, "packs", f"aws/{name}/")
        assert len(there) == int(file) - (place in {"before-put", "in-body"})
        found = upload(folder, name, LOCKED, s3(aws))
        assert [item.new for item in found] == [False] * len(there) + [True] * (len(FILES) - len(there))
        whole = held(aws, "packs", f"aws/{name}/")
        assert there.items() <= whole.items()
        assert {digest for _, digest in whole.values()} == {sha256(data).hexdigest() for data in FILES.values()}
        upload(folder, name, LOCKED, s3(aws))
        assert held(aws, "packs", f"aws/{name}/") == whole


@pytest.mark.parametrize(
    ("operation", "kind", "words"),
    [
        ("s3:PutObject", "damaged-upload", "BadDigest"),
        ("s3:PutObject", "lost-lock", "no lock in GOVERNANCE mode"),
        ("s3:PutObject", "access-denied", "AccessDenied"),
        ("s3:HeadObject", "access-denied", "AccessDenied"),
        ("s3:HeadObject", "missing-fields", "did not arrive as it was sent"),
        ("s3:PutObject", "conflict", "ConditionalRequestConflict"),
    ],
)
def test_what_goes_wrong_is_an_error_before_the_manifest(
    aws: Simulator, folder: Path, operation: str, kind: str, words: str
) -> None:
    aws.fault(operation, kind)
    with pytest.raises(UploadError, match=words):
        upload(folder, f"{operation[3:]}-{kind}", LOCKED, s3(aws), wait=lambda _: None)
    assert not any(key.startswith(COMMIT) for key in held(aws, "packs", f"aws/{operation[3:]}-{kind}/"))


@pytest.mark.parametrize(("kind", "times"), [("conflict", 4), ("throttled", 2), ("reset", 1)])
def test_what_may_pass_is_tried_again(aws: Simulator, folder: Path, kind: str, times: int) -> None:
    aws.fault("s3:PutObject", kind, times=times)
    waited: list[float] = []
    found = upload(folder, f"again-{kind}", LOCKED, s3(aws), wait=waited.append)
    assert len(found) == len(held(aws, "packs", f"aws/again-{kind}/")) == len(FILES)
    assert waited == ([1.0, 2.0, 4.0, 8.0] if kind == "conflict" else [])


def test_another_file_under_the_key_is_never_written_over(aws: Simulator, folder: Path) -> None:
    s3(aws).put_object(Bucket="packs", Key="aws/taken/README.txt", Body=b"another", ChecksumAlgorithm="SHA256")
    before = held(aws, "packs", "aws/taken/")
    with pytest.raises(UploadError, match="is there already and is not the file of this pack"):
        upload(folder, "taken", LOCKED, s3(aws))
    assert held(aws, "packs", "aws/taken/") == before


def test_a_second_writer_between_put_and_head_is_noticed(aws: Simulator, folder: Path) -> None:
    real = s3(aws)

    class Raced:
        """Somebody who does not ask first writes the same bytes just after us."""

        head_object = real.head_object

        def put_object(self, **given: Any) -> Mapping[str, Any]:
            answer: Mapping[str, Any] = real.put_object(**given)
            lock = {name: given[name] for name in ("ObjectLockMode", "ObjectLockRetainUntilDate")}
            body = (folder / given["Key"].removeprefix("aws/raced/")).read_bytes()
            real.put_object(Bucket="packs", Key=given["Key"], Body=body, ChecksumAlgorithm="SHA256", **lock)
            return answer

    with pytest.raises(UploadError, match="written by another writer meanwhile"):
        upload(folder, "raced", LOCKED, Raced())


def test_a_lock_that_is_shorter_than_asked_for_is_an_error(aws: Simulator, folder: Path) -> None:
    upload(folder, "short", Destination("packs", "aws", 3), s3(aws), now=lambda: parse_time(aws.about["as_of"]))
    with pytest.raises(UploadError, match="less than 30 days"):
        upload(folder, "short", LOCKED, s3(aws))
    stricter = Destination("packs", "aws", 30, "COMPLIANCE")
    upload(folder, "strict", stricter, s3(aws))
    assert not any(item.new for item in upload(folder, "strict", LOCKED, s3(aws)))
    with pytest.raises(UploadError, match="InvalidRequest"):
        upload(folder, "plain", Destination("plain", "aws", 30), s3(aws))


def test_without_a_lock_or_versions_the_checksum_is_proved_all_the_same(aws: Simulator, folder: Path) -> None:
    found = upload(folder, "p", Destination("plain"), s3(aws))
    assert {(item.version_id, item.lock_mode) for item in found} == {("", "")}
    assert found[0].key == "p/README.txt"


@pytest.mark.parametrize("broken", ["link", "manifest"])
def test_what_is_no_finished_pack_is_not_begun(aws: Simulator, folder: Path, broken: str) -> None:
    if broken == "link":
        (folder / "link").symlink_to("/etc/hostname")
    else:
        (folder / COMMIT).unlink()
    with pytest.raises(UploadError):
        upload(folder, f"no-{broken}", LOCKED, s3(aws))
    assert held(aws, "packs", f"aws/no-{broken}/") == {}


@pytest.mark.parametrize("text", ["", "packs/x", "s3://", "s3://A", "s3://b/../x", "s3://packs//x", "s3://packs/a b"])
def test_what_is_no_place_is_said_before_anything_is_asked(text: str) -> None:
    with pytest.raises(UsageError, match="no place for an upload"):
        destination(text)


def test_the_session_can_put_objects_and_nothing_else() -> None:
    made = guarded(open_session(region="us-east-1", log=CallLog(asked_for=frozenset({OPERATION}))), "s3", "us-east-1")
    writes = ("delete_object", "put_object_retention", "copy_object", "put_bucket_policy", "create_multipart_upload")
    assert [name for name in writes if hasattr(made, name)] == []
    assert hasattr(made, "put_object")
    assert not hasattr(guarded(open_session(region="us-east-1", log=CallLog()), "s3", "us-east-1"), "put_object")


KEY = "arn:aws:kms:eu-central-1:111122223333:key/k"


def test_the_permissions_are_enough_and_no_more(aws: Simulator, folder: Path) -> None:
    printed = json.loads(auditor("policy", "--upload", "s3://packs/aws", "--kms-key", KEY).stdout)
    assert printed == policy("aws", "s3://packs/aws", kms_keys=(KEY,))
    actions = printed["Statement"][0]["Action"]
    assert printed["Statement"][0]["Resource"] == "arn:aws:s3:::packs/aws/*"
    aws.allow_only([*actions])
    assert len(upload(folder, "allowed", LOCKED, s3(aws))) == len(FILES)
    assert not any("Delete" in action or "Bypass" in action for action in actions)


RUN = ("--framework", "trail-readiness", "--regions", "us-east-1", "--skip", "trail,truth", "--json", "--quiet")
WHEN = ("--period", "2026-10", "--as-of", "2026-11-02T06:00:00Z", "--format", "csv")


def test_a_run_uploads_its_pack_and_a_record_stands_beside_it(aws: Simulator, tmp_path: Path) -> None:
    lock = ("--object-lock-days", "400", "--mode", "GOVERNANCE")
    aws.fault("s3:PutObject", "access-denied", key="manifest.json")
    to = ("--upload", "s3://packs/runs", *lock)
    refused = auditor("run", *RUN, *WHEN, "--out", tmp_path, *to, env=aws.environment())
    answer = json.loads(refused.stdout)
    pack = Path(answer["pack"])
    assert refused.code == 5
    assert "AccessDenied" in answer["upload"]["error"]
    assert "the upload is not complete" in refused.stderr
    assert (pack / "manifest.json").is_file()
    aws.clear()
    place = f"s3://packs/runs/{pack.relative_to(tmp_path).as_posix()}"
    finished = again(aws, pack, *lock)
    assert finished.code == 0, finished.stderr
    told = json.loads(finished.stdout)
    assert (told["place"], told["new"]) == (place, 1)
    records = [json.loads(line) for line in (pack.parent / f"{pack.name}.custody.jsonl").read_text().splitlines()]
    assert [record["complete"] for record in records] == [False, True]
    assert {item["operation"] for record in records for item in record["calls"]} == {"PutObject", "HeadObject"}
    objects = {item["key"]: item for item in records[1]["objects"]}
    files = {path for path in pack.rglob("*") if path.is_file()}
    assert len(objects) == len(files) == told["objects"]
    for path in files:
        item = objects[f"{place.removeprefix('s3://packs/')}/{path.relative_to(pack).as_posix()}"]
        assert item["sha256"] == sha256(path.read_bytes()).hexdigest()
        assert item["lock"]["mode"] == "GOVERNANCE"
    assert auditor("verify", pack).code == 0
    asked = ("history", "s3://packs/runs", "--no-html", "--as-of", "2026-11-05", "--quiet", "--require")
    who = ("--account", pack.parent.parent.name)
    there = auditor(*asked, "last-month", *who, env=aws.environment())
    assert (there.code, "2026-10" in there.stdout) == (0, True), there.stderr
    assert auditor(*asked, "2026-09", *who, env=aws.environment()).code == 3
    assert auditor(*asked, "2026-10", "--account", "999988887777", env=aws.environment()).code == 3
    s3(aws).delete_object(Bucket="packs", Key=f"{place.removeprefix('s3://packs/')}/manifest.json")
    assert auditor(*asked, "2026-10", *who, env=aws.environment()).code == 3
    spoiled = pack / "results" / "results.json"
    spoiled.chmod(0o644)
    spoiled.write_bytes(b"{}")
    assert again(aws, pack, *lock).code == 4


def again(aws: Simulator, pack: Path, *lock: str) -> Outcome:
    return auditor("upload", pack, "s3://packs/runs", *lock, "--json", "--quiet", env=aws.environment())


@pytest.mark.parametrize(
    "options",
    [("--object-lock-days", "3"), ("--upload", "packs"), ("--upload", "s3://packs", "--mode", "GOVERNANCE")],
)
def test_options_that_make_no_sense_are_refused_at_once(
    aws: Simulator, tmp_path: Path, options: tuple[str, ...]
) -> None:
    refused = auditor("run", *RUN, *WHEN, "--out", tmp_path, *options, env=aws.environment())
    assert refused.code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def made(aws: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small pack that holds."""
    done = auditor("run", *RUN, *WHEN, "--gate", "--out", tmp_path_factory.mktemp("made"), env=aws.environment())
    return Path(json.loads(done.stdout)["pack"])


def in_process(aws: Simulator, pack: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, dict[str, Any]]:
    """Run ``auditor upload`` without waiting between its attempts; return exit code and answer."""
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    monkeypatch.setitem(upload.__kwdefaults__ or {}, "wait", lambda _seconds: None)
    words = [str(pack), place, "--object-lock-days", "30", "--json", "--quiet"]
    done = CliRunner().invoke(upload_command, words, standalone_mode=False)
    assert done.exception is None
    return int(done.return_value), json.loads(done.stdout)


@pytest.mark.parametrize(
    ("operation", "kind", "words"),
    [
        ("s3:PutObject", "damaged-upload", "BadDigest"),
        ("s3:PutObject", "lost-lock", "no lock in GOVERNANCE mode"),
        ("s3:PutObject", "access-denied", "AccessDenied"),
        ("s3:HeadObject", "access-denied", "AccessDenied"),
        ("s3:PutObject", "conflict", "ConditionalRequestConflict"),
        ("s3:PutObject", "throttled", "SlowDown"),
        ("s3:PutObject", "server-error", "InternalError"),
        ("s3:PutObject", "expired-token", "ExpiredToken"),
    ],
)
def test_an_upload_that_fails_is_told_recorded_and_answers_5(
    aws: Simulator, made: Path, operation: str, kind: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.fault(operation, kind)
    place = f"s3://packs/codes/{operation[3:]}-{kind}"
    code, answer = in_process(aws, made, place, monkeypatch)
    assert (code, answer["exit_code"]) == (5, 5)
    assert words in answer["error"]
    record = json.loads((made.parent / f"{made.name}.custody.jsonl").read_text().splitlines()[-1])
    assert (record["complete"], words in record["error"]) == (False, True)


def test_another_pack_under_the_key_and_a_bucket_that_is_not_there_answer_5(
    aws: Simulator, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = min(path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file())
    key = "/".join(("codes/taken", *made.parts[-3:], first))
    s3(aws).put_object(Bucket="packs", Key=key, Body=b"another", ChecksumAlgorithm="SHA256")
    code, answer = in_process(aws, made, "s3://packs/codes/taken", monkeypatch)
    assert (code, "is there already and is not the file of this pack" in answer["error"]) == (5, True)
    code, answer = in_process(aws, made, "s3://nobodys", monkeypatch)
    assert (code, "NoSuchBucket" in answer["error"]) == (5, True)


def test_the_demo_uploads_to_a_bucket_of_its_own_and_tells_what_came_of_it(tmp_path: Path) -> None:
    small = ("--world", "empty", "--regions", "us-east-1", "--control", "guardduty-enabled", "--gate")
    told = ("--notify", "sns:arn:aws:sns:us-east-1:444455556666:gone")
    to = ("--upload", "s3://evidence-packs/aws", "--object-lock-days", "30")
    done = auditor("demo", *small, *to, *told, "--out", tmp_path, "--json", "--quiet")
    answer = json.loads(done.stdout)
    assert done.code == answer["exit_code"] == 1, done.stderr
    pack = Path(answer["pack"])
    files = sum(path.is_file() for path in pack.rglob("*"))
    assert (answer["upload"]["error"], answer["upload"]["new"]) == (None, files)
    assert answer["notified"] == [{"target": told[1], "error": "NotFound"}]
    assert f"{told[1]} could not be told" in done.stderr

"""``auditor trail verify`` from the command line: documents, exit codes, and what an interruption leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditor.cli import _run
from tools.schemas import FOLDER

from .bucket import HOME, OTHER, TRAIL, filled
from .faulty_store import Store, refusing, serving, slow
from .scenarios import AT, forged_log, genuine
from .test_fetch import download

PUBLISHED = jsonschema.Draft202012Validator(json.loads((FOLDER / "trail.schema.json").read_text()))
PERIOD = ["--period", "2026-10-05T00:00:00Z/2026-10-05T08:00:00Z", "--as-of", "2026-10-05T20:00:00Z", "--quiet"]


def verify(*arguments: str) -> int:
    return _run(["trail", "verify", *arguments, *PERIOD])


def document(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return what was printed; whatever it is, it fits the published schema."""
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    PUBLISHED.validate(found)
    return found


def test_a_sound_folder_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    download(genuine(), tmp_path)
    assert verify("--dir", str(tmp_path), "--json") == 0
    found = document(capsys)
    assert (found["exit_code"], found["verdict"], found["findings"]) == (0, "pass", [])


def test_a_mistyped_trail_is_told_with_those_of_the_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    download(genuine(), tmp_path)
    verify("--dir", str(tmp_path), "--trail", f"{TRAIL.name}s")
    assert f"did you mean {TRAIL.name}?" in capsys.readouterr().err


def test_an_altered_log_is_named_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bucket = genuine().copy()
    altered = bucket.log_key(AT)
    bucket.edit(altered, lambda data: data + b" ")
    download(bucket, tmp_path)
    assert verify("--dir", str(tmp_path)) == 4
    text = capsys.readouterr().out
    assert "FAIL" in text
    assert altered in text


def test_a_gap_can_be_accepted_by_name_and_an_alteration_cannot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    download(genuine(), tmp_path)
    place = ["--dir", str(tmp_path), "--regions", f"{HOME},{OTHER}"]
    assert verify(*place) == 3
    assert verify(*place, "--allow", "no_digests") == 0
    assert verify(*place, "--allow", "log_altered") == 2
    assert "no such kind" in capsys.readouterr().err


def test_several_trails_of_one_place_make_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bucket = genuine().copy()
    filled(trail=replace(TRAIL, name="second"), into=bucket, every=AT - AT.replace(hour=AT.hour - 1))
    bucket.put(forged_log())
    download(bucket, tmp_path)
    assert verify("--dir", str(tmp_path), "--json") == 4
    found = document(capsys)
    assert [report["trail"]["name"] for report in found["trails"]] == ["audit", "second"]
    assert found["verdict"] == "fail"
    assert found["counts"]["digests"]["valid"] == 16


def test_reports_on_two_trails_of_one_name_have_headings_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket = genuine().copy()
    filled(trail=replace(TRAIL, account="444455556666"), into=bucket)
    filled(trail=replace(TRAIL, account="777788889999", organization="o-abcdef1234"), into=bucket)
    download(bucket, tmp_path)
    assert verify("--dir", str(tmp_path)) == 0
    headings = [line for line in capsys.readouterr().out.splitlines() if line.startswith("trail ")]
    assert len(set(headings)) == len(headings) == 3


def test_what_lies_outside_the_digests_is_said_in_plain_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket = genuine().copy()
    for key in (*bucket.digest_keys()[:4], *bucket.digest_keys()[-8:]):
        bucket.delete(key)
    download(bucket, tmp_path)
    assert verify("--dir", str(tmp_path)) in {3, 4}
    told = capsys.readouterr().out
    assert "after from" not in told
    assert "before from" not in told


def test_an_earlier_report_anchors_the_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bucket = genuine().copy()
    download(bucket, tmp_path / "before")
    assert verify("--dir", str(tmp_path / "before"), "--json") == 0
    report = tmp_path / "report.json"
    report.write_text(capsys.readouterr().out)
    bucket.delete(json.loads(report.read_text())["anchors"][0]["key"])
    download(bucket, tmp_path / "after")
    assert verify("--dir", str(tmp_path / "after"), "--json", "--anchors", str(report)) == 4
    assert {finding["kind"] for finding in document(capsys)["findings"]} == {"anchor_missing"}


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="nothing-to-verify"),
        pytest.param(["--s3", "bucket/prefix"], id="no-s3-place"),
        pytest.param(["--dir", "/nowhere"], id="no-folder"),
        pytest.param(["--dir", ".", "--s3", "s3://b"], id="two-places"),
        pytest.param(["--dir", ".", "--anchors", "/nowhere.json"], id="no-anchors"),
        pytest.param(["--dir", ".", "--scheduler", "tcp://10.0.0.5:8786"], id="plain-scheduler"),
    ],
)
def test_wrong_usage_is_one_message(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(*arguments) in {2, 5}
    assert capsys.readouterr().err.startswith("auditor: ")


def aws(endpoint: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": HOME,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def test_a_bucket_verifies_with_archived_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    download(genuine(), tmp_path)
    with serving(Store(genuine().copy())) as endpoint:
        for name, value in aws(endpoint).items():
            monkeypatch.setenv(name, value)
        keys = str(tmp_path / "public-keys.json")
        assert verify("--s3", f"s3://{TRAIL.bucket}/{TRAIL.prefix}", "--keys", keys) == 0


def with_settings(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        pytest.param(403, "AccessDenied", 3, id="denied"),
        pytest.param(404, "NoSuchBucket", 2, id="no-such-bucket"),
    ],
)
def test_a_place_that_cannot_be_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: int, error: str, code: int
) -> None:
    with serving(Store(genuine().copy(), {"list": refusing(status, error)})) as endpoint:
        with_settings(monkeypatch, aws(endpoint))
        assert verify("--s3", f"s3://{TRAIL.bucket}") == code
    answered = capsys.readouterr()
    assert ("list_unreadable" in answered.out) == (code == 3)
    assert ("there is no bucket" in answered.err) == (code == 2)


def test_without_credentials_the_run_itself_breaks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settings = {name: value for name, value in aws("http://127.0.0.1:9").items() if "KEY" not in name}
    nowhere = {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"), "AWS_CONFIG_FILE": str(tmp_path / "none")}
    with_settings(monkeypatch, {name: value for name, value in settings.items() if name.startswith("AWS_")} | nowhere)
    assert verify("--s3", f"s3://{TRAIL.bucket}") == 5
    assert "no AWS credentials were found" in capsys.readouterr().err


def test_ctrl_c_ends_with_an_honest_partial_report(tmp_path: Path) -> None:
    download(genuine(), tmp_path)
    store = Store(genuine().copy(), faults={"/CloudTrail/": slow(0.4)})
    command = [sys.executable, "-m", "auditor", "trail", "verify", "--s3", f"s3://{TRAIL.bucket}/{TRAIL.prefix}"]
    page = tmp_path / "report.html"
    command += ["--keys", str(tmp_path / "public-keys.json"), "--concurrency", "1", "--json", *PERIOD]
    command += ["--report", str(page)]
    with serving(store) as endpoint:
        environment = aws(endpoint)
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            while sum("/CloudTrail/" in key for key in store.asked) < 2:
                assert process.poll() is None
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=60)
    found = json.loads(output)
    assert (process.returncode, found["exit_code"], found["interrupted"]) == (130, 130, True)
    assert found["counts"]["logs"]["unchecked"] > 0
    assert found["verdict"] == "incomplete"
    assert b"stopping" in errors
    assert "This is a partial report" in page.read_text("utf-8")

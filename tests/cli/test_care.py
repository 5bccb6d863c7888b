"""Looking before a run, looking after packs, completing on a shell."""

import json
import os
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from auditor.cli.progress import progress
from auditor.simulator import Simulator
from tests.cli.test_compare import SAMPLE, answer


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of one's own, on a machine without credentials."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_doctor_without_credentials_looks_at_the_rest(nowhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = answer(capsys, "doctor", "--json")
    looks = {look["name"]: look for look in json.loads(out)["looks"]}
    assert code == 5
    assert looks["credentials"]["health"] == "bad"
    assert looks["credentials"]["hint"]
    assert {looks[name]["health"] for name in ("settings", "version", "pdf", "output")} == {"ok"}


@pytest.mark.simulator
def test_a_doctor_asks_for_each_permission(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Simulator("empty") as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        code, out, _ = answer(capsys, "doctor", "--control", "iam-root-mfa")
    assert code == 0
    assert "operations allowed" in out
    assert "not AWS's own" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["--profile", "nope"], "could not be found", id="profile"),
        pytest.param(["--out", "a-file/x"], "--out", id="out"),
    ],
)
def test_what_somebody_wrote_down_wrong_is_a_mistake_of_usage(
    nowhere: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (nowhere / "a-file").touch()
    code, _, err = answer(capsys, "run", *arguments)
    assert code == 2
    assert words in err


def test_the_newest_pack_and_the_one_a_later_names_are_kept(nowhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b", "c"):
        shutil.copytree(SAMPLE, nowhere / "reports" / "1" / name)
    code, out, _ = answer(capsys, "packs", "prune", "--keep", "1", "--dry-run")
    assert (code, out.count("would go"), out.count("stays")) == (0, 2, 1)
    assert len(list((nowhere / "reports" / "1").iterdir())) == 3
    code, out, _ = answer(capsys, "packs", "prune", "--keep", "1")
    assert (code, out.count("removed")) == (0, 2)
    assert len(list((nowhere / "reports" / "1").iterdir())) == 1


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_learns_to_complete(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = answer(capsys, "completion", shell)
    assert code == 0
    assert "_AUDITOR_COMPLETE" in out


@pytest.mark.parametrize(
    ("words", "number", "expected"),
    [
        ("auditor his", 1, "history"),
        ("auditor run --control iam-root-mfa,kms-key-r", 3, "kms-key-rotation"),
        ("auditor controls show kms-key-r", 3, "kms-key-rotation"),
        ("auditor run --regions us-east-1,eu-cen", 3, "us-east-1,eu-central-1"),
        ("auditor run --format s", 3, "sarif"),
        ("auditor events root-a", 2, "root-activity"),
        ("auditor events show root-a", 3, "root-activity"),
        ("auditor run --waivers wai", 3, "file,wai"),
        ("auditor run --out rep", 3, "dir,rep"),
    ],
)
def test_commands_and_ids_are_completed(words: str, number: int, expected: str) -> None:
    environment = {**os.environ, "_AUDITOR_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(number)}
    told = subprocess.run(
        [sys.executable, "-m", "auditor"], env=environment, capture_output=True, text=True, check=False
    )
    assert expected in told.stdout


class _Elsewhere(BaseHTTPRequestHandler):
    """Something that is not AWS: the login page of a network, or a proxy without a way on."""

    status = 200
    body = b"<html>Log in to the hotel</html>"

    def do_POST(self) -> None:
        body = self.body
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


_LATE = (
    b"<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code>"
    b"<Message>Signature expired: 20261130T091500Z is now earlier than 20261130T101500Z</Message>"
    b"</Error></ErrorResponse>"
)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        pytest.param(200, _Elsewhere.body, "not AWS", id="login-page"),
        pytest.param(200, b"", "not AWS", id="empty"),
        pytest.param(200, b'{"hello": [1]}', "not AWS", id="json"),
        pytest.param(307, b"", "not AWS", id="redirected"),
        pytest.param(503, _Elsewhere.body, "503", id="unavailable"),
        pytest.param(403, _Elsewhere.body, "403", id="blocked"),
        pytest.param(403, _LATE, "is now earlier than", id="clock"),
        pytest.param(403, _LATE, "the clock of this machine is wrong", id="clock-hint"),
    ],
)
def test_what_is_not_aws_is_told_in_one_message(
    nowhere: Path,
    status: int,
    body: bytes,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    handler = type("Handler", (_Elsewhere,), {"status": status, "body": body})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
            "AWS_MAX_ATTEMPTS": "1",
        }.items():
            monkeypatch.setenv(name, value)
        code, _, err = answer(capsys, "run", "--control", "iam-root-mfa")
        server.shutdown()
    assert code == 5
    assert words in err
    assert "Error" not in err
    assert "hint:" in err


def test_silence_is_explained(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("auditor.cli.progress.PATIENCE_SECONDS", 1)
    with progress(silent=False) as show:
        show("Collect", 0, 10, "sts in us-east-1")
        Event().wait(2.5)
    assert "waiting: Collect (sts in us-east-1), " in capsys.readouterr().err


def test_output_without_room_is_no_failed_control() -> None:
    line = f"{sys.executable} -m auditor controls list --json > /dev/full"
    told = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert told.returncode == 5
    assert "Traceback" not in told.stderr


def test_a_reader_that_goes_away_is_no_failed_control() -> None:
    line = f"set -o pipefail; {sys.executable} -m auditor controls list | head -1 > /dev/null; exit ${{PIPESTATUS[0]}}"
    told = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert told.returncode in {0, 5}
    assert "Traceback" not in told.stderr

"""The commands as a user meets them: options in, words and exit code out."""

import io
import json
import os
import pty
import resource
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from auditor.cli import main
from auditor.seal.contents import FolderFiles, read_small
from auditor.seal.manifest import PreviousPack
from auditor.seal.manifest_form import parse_manifest
from auditor.seal.signer import make_identity, pem
from tests.seal.authority import make_authority, served, stamping_service
from tests.seal.packs import info, sealed_pack

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return sealed_pack(tmp_path / "pack")


@pytest.fixture
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.setenv("AUDITOR_KEY_PASSWORD", "correct horse")
    assert auditor("keygen", "--name", "Example Auditor", "--out", tmp_path / "identity") == 0
    assert "Nobody but you vouches for this identity" in capsys.readouterr().out
    return tmp_path / "identity"


def auditor(*arguments: object) -> int:
    """Run the command line in this process; return the exit code."""
    with pytest.raises(SystemExit) as leaving:
        main([str(item) for item in arguments])
    assert isinstance(leaving.value.code, int)
    return leaving.value.code


def test_a_whole_pack_is_said_to_hold(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert auditor("verify", pack) == 0
    output = capsys.readouterr().out
    assert "2026-10-example" in output
    assert "The pack holds." in output


def test_a_spoilt_pack_is_said_not_to_hold_and_the_file_named(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pack / "results/controls.csv").unlink()
    (pack / "results/\x1b[2Jnew").write_bytes(b"")
    assert auditor("verify", pack) == 4
    output = capsys.readouterr().out
    assert "missing: results/controls.csv" in output
    assert "\x1b" not in output
    assert "does NOT hold" in output


def test_the_json_document_is_stable(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pack / "results/controls.csv").unlink()
    assert auditor("verify", pack, "--json") == 4
    document = json.loads(capsys.readouterr().out)
    assert set(document) == {
        "schema", "verdict", "exit_code", "pack", "pack_id", "manifest_sha256", "files", "signer", "sealed_at",
        "checks", "findings",
    }  # fmt: skip
    assert document["verdict"] == "fail"
    assert {"check", "kind", "path", "message"} == set(document["findings"][0])
    assert {"name", "outcome", "message"} == set(document["checks"][0])


def test_what_is_no_pack_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "letter.txt").write_text("hello")
    for path in (tmp_path / "nothing", tmp_path / "letter.txt"):
        assert auditor("verify", path) == 2
    assert "there is no pack at" in capsys.readouterr().err


def test_what_is_no_pack_or_no_longer_one_is_not_sealed(pack: Path, tmp_path: Path) -> None:
    (pack / "results/controls.csv").write_bytes(b"")
    assert auditor("seal", pack) == 4
    (tmp_path / "empty").mkdir()
    assert auditor("seal", tmp_path / "empty") == 2


def test_a_broken_zip_is_an_integrity_error(tmp_path: Path) -> None:
    (tmp_path / "pack.zip").write_bytes(b"PK\x03\x04 and no more")
    assert auditor("verify", tmp_path / "pack.zip") == 4


def test_a_new_identity_is_private_and_never_written_over(identity: Path) -> None:
    key = identity / "signing-key.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert b"ENCRYPTED" in key.read_bytes()
    before = key.read_bytes()
    assert auditor("keygen", "--name", "Again", "--out", identity) == 2
    assert key.read_bytes() == before


def test_an_identity_is_made_whole_or_not_at_all(identity: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (identity / "signing-certificate.pem").unlink()
    assert auditor("keygen", "--name", "Again", "--out", identity) == 2
    assert "signing-key.pem is there already" in capsys.readouterr().err
    assert [path.name for path in identity.iterdir()] == ["signing-key.pem"]


@pytest.mark.parametrize("room", [0, 2000], ids=["for-nothing", "for-one-file"])
def test_an_identity_without_room_on_the_disk_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], room: int
) -> None:
    making = ("keygen", "--name", "Example", "--out", tmp_path / "identity", "--no-password", "--rsa")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        code = auditor(*making)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (code, list((tmp_path / "identity").iterdir())) == (5, [])
    assert "File too large" in capsys.readouterr().err
    assert auditor(*making) == 0


def test_a_zip_inside_the_pack_is_refused(pack: Path) -> None:
    assert auditor("seal", pack, "--zip", pack / "results" / "pack.zip") == 2
    assert auditor("verify", pack) == 0


def test_an_identity_without_a_password_has_to_be_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AUDITOR_KEY_PASSWORD", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert auditor("keygen", "--name", "Example", "--out", tmp_path) == 2
    assert "--no-password" in capsys.readouterr().err
    assert auditor("keygen", "--name", "Example", "--out", tmp_path, "--no-password", "--rsa", "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["certificate_sha256"]) == 64


def test_a_pack_is_signed_stamped_zipped_and_verified(
    pack: Path, identity: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_authority("TSA Root", at=NOW)
    (tmp_path / "tsa.pem").write_bytes(pem(root.certificate))
    key, certificate = identity / "signing-key.pem", identity / "signing-certificate.pem"
    with served(stamping_service(root, time=NOW)) as url:
        sealing = ("--key", key, "--certificate", certificate, "--tsa", url, "--tsa-ca", tmp_path / "tsa.pem")
        assert auditor("seal", pack, *sealing, "--zip", tmp_path / "pack.zip") == 0
    output = capsys.readouterr().out
    assert "signed by CN=Example Auditor" in output
    assert "time-stamped by" in output
    assert "PAdES B-LTA" in output
    trust = ("--trust", certificate, "--trust", tmp_path / "tsa.pem")
    assert auditor("verify", tmp_path / "pack.zip", *trust, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert {check["outcome"] for check in document["checks"]} == {"pass"}


def on_a_terminal(command: list[str], typed: bytes) -> tuple[int, str]:
    """Run a command on a terminal of its own, type when it asks for a password; return exit code and screen."""
    screen, terminal = pty.openpty()
    clean = {name: value for name, value in os.environ.items() if name != "AUDITOR_KEY_PASSWORD"}
    with subprocess.Popen(
        ["setsid", "--ctty", "--wait", *command], stdin=terminal, stdout=terminal, stderr=terminal, env=clean
    ) as child:
        os.close(terminal)
        shown = b""
        try:
            while data := os.read(screen, 4096):
                shown += data
                if b"Password" in data:
                    os.write(screen, typed + b"\n")
        except OSError:  # how Linux says that the other side is gone
            pass
    os.close(screen)
    return child.returncode, shown.decode()


def test_the_password_is_asked_for_on_a_terminal_and_not_shown(pack: Path, identity: Path) -> None:
    key, certificate = identity / "signing-key.pem", identity / "signing-certificate.pem"
    command = [sys.executable, "-m", "auditor", "seal", str(pack), "--key", str(key), "--certificate", str(certificate)]
    code, shown = on_a_terminal([*command, "--no-pdf-signature"], b"correct horse")
    assert code == 0, shown
    assert "Password of the signing key" in shown
    assert "correct horse" not in shown
    assert "signed by CN=Example Auditor" in shown


def test_a_wrong_password_is_told(
    pack: Path, identity: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUDITOR_KEY_PASSWORD", "wrong")
    key, certificate = identity / "signing-key.pem", identity / "signing-certificate.pem"
    assert auditor("seal", pack, "--key", key, "--certificate", certificate) == 2
    assert "is the password right?" in capsys.readouterr().err
    assert auditor("verify", pack) == 0


@pytest.mark.parametrize(
    "options",
    [
        ("--tsa", "http://localhost/"),
        ("--certificate", "x.pem"),
        ("--key", "a", "--kms-key", "b"),
        ("--kms-key", "b"),
        ("--key", "nowhere.pem"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(pack: Path, options: tuple[str, ...]) -> None:
    assert auditor("seal", pack, *options) == 2


def test_a_service_that_is_away_fails_the_seal_unless_it_is_optional(
    pack: Path, identity: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tsa.pem").write_bytes(pem(make_authority("TSA Root", at=NOW).certificate))
    key, certificate = identity / "signing-key.pem", identity / "signing-certificate.pem"
    url = "http://127.0.0.1:9/"
    sealing = ("--key", key, "--certificate", certificate, "--tsa", url, "--tsa-ca", tmp_path / "tsa.pem")
    assert auditor("seal", pack, *sealing, "--no-pdf-signature") == 5
    assert "did not answer" in capsys.readouterr().err
    assert auditor("seal", pack, *sealing, "--no-pdf-signature", "--tsa-optional") == 0
    assert "NOT time-stamped" in capsys.readouterr().err
    assert auditor("verify", pack, "--trust", certificate) == 0


def test_a_pack_is_compared_with_the_one_before(tmp_path: Path, pack: Path) -> None:
    before = parse_manifest(read_small(FolderFiles(pack), "manifest.json"))
    following = sealed_pack(tmp_path / "b", info("next", previous=PreviousPack(before.pack_id, before.sha256)))
    assert auditor("verify", following, "--previous", pack) == 0
    assert auditor("verify", pack, "--previous", following) == 4


def test_trusted_certificates_have_to_be_there(pack: Path, tmp_path: Path) -> None:
    assert auditor("verify", pack, "--trust", tmp_path / "nothing.pem") == 2


def test_an_expired_identity_does_not_sign(pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = make_identity("Old", at=NOW - timedelta(days=9), days=3, use_rsa=False, password=None)
    (tmp_path / "old.pem").write_bytes(old.key + old.certificate)
    assert auditor("seal", pack, "--key", tmp_path / "old.pem") == 2
    assert "is valid from" in capsys.readouterr().err

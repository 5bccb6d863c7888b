"""Each place of a command line that names a file, with what is none there: one message, exit code 2, and soon."""

import json
import os
from pathlib import Path

import click
import pytest

from auditor.base import given
from auditor.cli import auditor
from auditor.cli.variables import long_name, walk
from tests.cli.test_compare import SAMPLE, answer

HERE = "<here>"
"""Where the odd file is put into a command line."""

_RUN = ("run", "--profile", "nope", "--control", "iam-root-mfa")
_PACK = str(SAMPLE)
_PATTERN = '{ $.eventName = "x" }'

FILES: dict[str, tuple[str, ...]] = {
    "run --waivers": ("evaluate", _PACK, "--waivers", HERE),
    "run --attestations": ("evaluate", _PACK, "--attestations", HERE),
    "run --responses": ("evaluate", _PACK, "--responses", HERE),
    "run --config": ("evaluate", _PACK, "--config", HERE),
    "run --baseline": (*_RUN, "--baseline", HERE),
    "run --import": (*_RUN, "--import", HERE),
    "run --controls": ("controls", "validate", HERE),
    "run --certificates": (*_RUN, "--scheduler", "tls://127.0.0.1:1", "--certificates", HERE),
    "evaluate evidence": ("evaluate", HERE),
    "evaluate --rules": ("evaluate", _PACK, "--rules", HERE),
    "render folder": ("render", HERE),
    "seal pack": ("seal", HERE),
    "seal --key": ("seal", "pack", "--key", HERE),
    "seal --certificate": ("seal", "pack", "--key", "keys/signing-key.pem", "--certificate", HERE),
    "seal --tsa-ca": (
        *("seal", "pack", "--key", "keys/signing-key.pem", "--certificate", "keys/signing-certificate.pem"),
        *("--tsa", "http://127.0.0.1:9/", "--tsa-ca", HERE),
    ),
    "verify pack": ("verify", HERE),
    "verify --trust": ("verify", _PACK, "--trust", HERE),
    "verify --trust-tsa": ("verify", _PACK, "--trust-tsa", HERE),
    "verify --signer": ("verify", _PACK, "--signer", HERE),
    "verify --previous": ("verify", _PACK, "--previous", HERE),
    "upload pack": ("upload", HERE, "s3://evidence-packs/aws"),
    "diff old": ("diff", HERE, _PACK),
    "diff new": ("diff", _PACK, HERE),
    "remediate pack": ("remediate", HERE, "--to", "cli", "--out", "changes"),
    "history folder": ("history", HERE),
    "assemble packs": ("assemble", HERE),
    "assemble --trust": ("assemble", _PACK, "--trust", HERE),
    "assemble --config": ("assemble", _PACK, "--config", HERE),
    "trail verify --dir": ("trail", "verify", "--dir", HERE),
    "trail verify --keys": ("trail", "verify", "--dir", "logs", "--keys", HERE),
    "trail verify --anchors": ("trail", "verify", "--dir", "logs", "--anchors", HERE),
    "events NAME --pack": ("events", "root-activity", "--pack", HERE),
    "events NAME --store": ("events", "root-activity", "--store", HERE),
    "events NAME --questions": ("events", "list", "--questions", HERE),
    "events anatomy file": ("events", "anatomy", HERE),
    "cost pack": ("cost", HERE),
    "cost --prices": ("cost", _PACK, "--prices", HERE),
    "controls test chosen": ("controls", "test", HERE),
    "pattern check --terraform": ("pattern", "check", "--control", "monitor-root-usage", "--terraform", HERE),
    "pattern check --cloudformation": (
        *("pattern", "check", "--control", "monitor-root-usage"),
        *("--cloudformation", HERE),
    ),
    "pattern check --var-file": (
        *("pattern", "check", "--control", "monitor-root-usage", "--terraform", "code", "--var-file", HERE),
    ),
    "pattern test event": ("pattern", "test", _PATTERN, HERE),
    "packs prune folder": ("packs", "prune", HERE, "--keep", "1", "--dry-run"),
    "config show --config": ("config", "show", "--config", HERE),
}
"""Place -> a command line that reads what is named there; options that commands share stand once."""

WRITTEN = {"out", "html", "zip", "parquet", "report", "sarif", "checkpoint", "archive", "store", "members"}
"""Options that name what a command writes, or a folder that it looks through."""


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files that are none, and with what the command lines need beside them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(given, "SILENCE_SECONDS", 0.1)
    for variable in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(variable, os.devnull)
    for folder in ("logs", "code", "pack"):
        (tmp_path / folder).mkdir()
    (tmp_path / "code" / "main.tf").write_text('variable "a" {}\n')
    os.mkfifo(tmp_path / "silent-pipe")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10 << 30)
    (tmp_path / "loop").symlink_to("loop")
    return tmp_path


@pytest.mark.parametrize("place", sorted(FILES))
def test_what_is_no_file_is_a_mistake_of_usage(place: str, odd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if "keys/signing-key.pem" in FILES[place]:
        answer(capsys, "keygen", "--name", "A", "--no-password", "--out", "keys")
    for name in ("silent-pipe", "sparse", "loop", "missing", "x" * 300, "/proc/self/mem", "/dev/zero"):
        named = name if name.startswith("/") else str(odd / name)
        code, out, err = answer(capsys, *[named if word == HERE else word for word in FILES[place]])
        said = [line for line in err.splitlines() if line.startswith("auditor: ")]
        assert (code, len(said)) == (2, 1), (name, out, err)
        assert "mistake in auditor" not in err


def test_each_place_that_names_a_file_was_tried() -> None:
    named = {place.rpartition(" ")[2].lstrip("-") for place in FILES}
    missed = {
        f"{' '.join(words)} {long_name(option)}"
        for words, command in walk(auditor)
        for option in command.params
        if isinstance(option.type, click.Path) and long_name(option) not in named | WRITTEN
    }
    assert not missed


@pytest.mark.parametrize("place", ["run --waivers", "events anatomy file", "pattern test event"])
def test_a_pipe_is_as_good_as_a_file(place: str, odd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reads, writes = os.pipe()
    os.write(writes, json.dumps({"eventName": "x"} if "event" in place else {"waivers": []}).encode())
    os.close(writes)
    code, _, err = answer(capsys, *[f"/proc/self/fd/{reads}" if word == HERE else word for word in FILES[place]])
    os.close(reads)
    assert code != 2, err

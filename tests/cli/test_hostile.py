"""Hostile values on command lines: one message and exit code 2, or an answer; never a mistake of ours."""

import json
import os
from itertools import cycle, islice
from pathlib import Path

import click
import pytest

from auditor.cli import auditor
from auditor.cli.variables import long_name, walk
from tests.cli.test_compare import SAMPLE, answer

VALUES = (
    "",
    "nope/nope",
    "\U0001f642",
    "-1",
    "9" * 25,
    "a" * 5_000,
    "nan",
    "%s{0}",
    ".",
    "bin.dat",
    "s3://",
    "=",
    "{",
    "0001-01-01",
    "/dev/full",
    "\udcff",
)

ASKED: dict[str, tuple[str, ...]] = {
    "completion": ("bash",),
    "config show": (),
    "events anatomy": ("record.json",),
    "events athena-ddl": (
        "--s3",
        "s3://l",
        "--account",
        "111122223333",
        "--region",
        "us-east-1",
        "--since",
        "2026-01-01",
    ),
    "events list": (),
    "events show": ("who-did",),
    "keygen": ("--name", "A", "--no-password", "--out", "keys"),
    "packs prune": ("packs", "--keep", "1", "--dry-run"),
    "pattern test": ('{ $.eventName = "x" }', "record.json"),
    "policy": ("--control", "iam-root-mfa"),
    "remediate": (str(SAMPLE), "--to", "cli", "--out", "changes"),
    "seal": ("pack",),
    "run": ("--profile", "nope"),
    "collect": ("--profile", "nope", "--out", "collected"),
    "demo": ("--world", "nowhere"),
    "trail verify": ("--dir", "."),
}
"""Command -> a command line that is answered quickly and asks nobody; each option is then put wrong."""

COMMANDS = {" ".join(words): command for words, command in walk(auditor)}


@pytest.mark.parametrize("name", sorted(ASKED))
def test_a_hostile_value_is_no_mistake_of_ours(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for variable in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(variable, os.devnull)
    (tmp_path / "bin.dat").write_bytes(b"\xff\x00\xfe" * 50)
    (tmp_path / "record.json").write_text(json.dumps({"eventName": "x"}))
    values = cycle(VALUES)
    for option in COMMANDS[name].params:
        if not isinstance(option, click.Option) or option.is_flag or option.name == "profile":
            continue
        for value in islice(values, 2):
            words, told = [*ASKED[name]], f"--{long_name(option)}"
            if told in words:
                del words[words.index(told) : words.index(told) + 2]
            code, _, err = answer(capsys, *name.split(), *words, told, value)
            assert code in {0, 1, 2, 3}, (told, value, code, err)
            said = [line for line in err.splitlines() if line.startswith("auditor: ")]
            assert code != 2 or len(said) == 1, (told, value, err)


@pytest.mark.parametrize("place", ["/proc/self/none", "missing/results.json", "."])
def test_a_place_that_takes_no_file_is_a_usage_mistake(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = answer(capsys, "evaluate", str(SAMPLE), "--out", place)
    assert (code, err.count("auditor: ")) == (2, 1), err

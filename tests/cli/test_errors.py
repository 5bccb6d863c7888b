"""Mistakes as a program meets them: with ``--json`` there is one document on stdout, however a command ends."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.cli import main

SAMPLE = Path(__file__).parent.parent.parent / "reports" / "sample"
NO_PANGO = """
import sys
from unittest import mock

import cffi

loaded = cffi.FFI.dlopen

def without_pango(self, name, *rest):
    if "pango" in str(name):
        raise OSError(f"cannot load library {name!r}")
    return loaded(self, name, *rest)

from auditor.cli import main

with mock.patch("cffi.FFI.dlopen", without_pango):
    main(sys.argv[1:])
"""


AT_THE_END = """
import atexit, sys, tempfile
from auditor.cli import main

folder = tempfile.TemporaryDirectory()
atexit.register(print, "the end of", folder.name)
main()
"""


@pytest.mark.parametrize(("argument", "code"), [("--version", 0), ("rum", 2)])
def test_what_waits_for_the_end_of_the_program_still_runs(argument: str, code: int) -> None:
    done = subprocess.run([sys.executable, "-c", AT_THE_END, argument], capture_output=True, text=True, check=False)
    said, folder = done.stdout.strip().split("the end of ")
    assert (done.returncode, bool(said)) == (code, code == 0)
    assert not Path(folder).exists()


def test_an_option_is_guessed_by_its_words_and_not_by_its_dashes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--perod", "x", "--json"])
    assert json.loads(capsys.readouterr().out)["hint"] == "did you mean --period?"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(("controls", "show", "nothing-of-ours"), 2, "there is no control", id="ours"),
        pytest.param(("controls", "show", "--nosuch"), 2, "there is no option --nosuch", id="unknown-option"),
        pytest.param(("run", "--sample", "0"), 2, "--sample", id="bad-value"),
        pytest.param(("rum",), 2, "there is no command 'rum'", id="unknown-command"),
        pytest.param(("run", "--fail-on", "hihg"), 2, "informational; did you mean high?", id="unknown-severity"),
        pytest.param(("run", "--mode", "governance"), 2, "did you mean GOVERNANCE?", id="small-letters"),
        pytest.param(("run", "--detail", "zzz"), 2, "none of summary, standard, full", id="nothing-like-it"),
        pytest.param(("evaluate", ".", "--rules", "nowhere"), 2, "there is no folder nowhere", id="no-rules"),
        pytest.param(("demo", "--world", "nowhere"), 2, "unknown simulated world", id="no-world"),
        pytest.param(
            ("keygen", "--name", "A", "--no-password", "--out", "a-file"), 2, "is no folder", id="cannot-write"
        ),
    ],
)
def test_a_mistake_is_one_document(
    arguments: tuple[str, ...],
    code: int,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-file").touch()
    with pytest.raises(SystemExit) as left:
        main([*arguments, "--json"])
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert (left.value.code, document["exit_code"]) == (code, code)
    assert words in document["error"]
    assert words in told.err


def without_pango(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line on a machine that has no Pango, and no AWS either."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(
        [sys.executable, "-c", NO_PANGO, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**environment, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_EC2_METADATA_DISABLED": "true"},
    )


def test_without_pango_everything_but_the_pdf_is_made(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE / "evidence", tmp_path / "evidence")
    told = without_pango("render", str(tmp_path), "--json")
    assert told.returncode in {0, 1, 3, 4}
    assert "report.pdf is left out: the PDF needs Pango" in told.stderr
    assert "libpango" in told.stderr
    assert (tmp_path / "SHA256SUMS").is_file()
    assert (tmp_path / "report.html").is_file()
    assert not (tmp_path / "report.pdf").exists()
    assert without_pango("verify", str(tmp_path)).returncode == 0


def test_a_profile_that_asks_for_a_code_without_a_terminal_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        "[profile base]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = secret\n"
        "[profile coded]\nsource_profile = base\nregion = us-east-1\n"
        "role_arn = arn:aws:iam::111122223333:role/audit\nmfa_serial = arn:aws:iam::111122223333:mfa/somebody\n"
    )
    given = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [sys.executable, "-m", "auditor", "run", "--profile", "coded", "--out", str(tmp_path / "reports")],
        env={**given, "AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": os.devnull},
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # no terminal to open either
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 5
    assert "there is no terminal to type it" in done.stderr
    assert "GetPassWarning" not in done.stderr
    assert "echoed" not in done.stderr
    assert "Enter MFA" not in done.stderr


@pytest.mark.parametrize("words", [["evaluate"], ["render"], ["seal"], ["verify"]])
def test_a_folder_above_a_pack_names_the_pack(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "111122223333").mkdir()
    shutil.copytree(SAMPLE, tmp_path / "111122223333" / "sample", ignore=shutil.ignore_patterns("raw"))
    with pytest.raises(SystemExit) as ended:
        main([*words, str(tmp_path)])
    assert ended.value.code == 2
    assert "itself, but holds one: 111122223333/sample" in capsys.readouterr().err.replace("but one:", "but holds one:")

"""Mistakes as a program meets them: with ``--json`` there is one document on stdout, however a command ends."""

import json
from pathlib import Path

import pytest

from auditor.cli import main


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(("controls", "show", "nothing-of-ours"), 2, "there is no control", id="ours"),
        pytest.param(("controls", "show", "--nosuch"), 2, "No such option '--nosuch'", id="unknown-option"),
        pytest.param(("run", "--sample", "0"), 2, "--sample", id="bad-value"),
        pytest.param(("rum",), 2, "No such command 'rum'", id="unknown-command"),
        pytest.param(("evaluate", ".", "--rules", "nowhere"), 2, "there is no folder nowhere", id="no-rules"),
        pytest.param(("demo", "--world", "nowhere"), 2, "unknown simulated world", id="no-world"),
        pytest.param(("keygen", "--name", "A", "--no-password", "--out", "a-file"), 5, "exists", id="cannot-write"),
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

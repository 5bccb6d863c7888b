"""What the conformance check does where a judge cannot be had: says so in one line, and fails nothing."""

from pathlib import Path

import pytest

from tools.conformance import main


def test_a_judge_that_cannot_be_had_is_named_and_fails_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["report.pdf", "results.sarif"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "conformance: PDF not judged, because java and mvn cannot be found on this machine",
        "conformance: SARIF not judged, because npm cannot be found on this machine",
    ]

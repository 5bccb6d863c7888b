"""What the conformance check does where a judge cannot be had: says so in one line, and fails nothing."""

import json
from pathlib import Path

import pytest

from tools.conformance import main, remarks


def test_a_judge_that_cannot_be_had_is_named_and_fails_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["report.pdf", "results.sarif", "report.html"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "conformance: PDF not judged, because java and mvn cannot be found on this machine",
        "conformance: SARIF not judged, because npm cannot be found on this machine",
        "conformance: HTML not judged, because java and npm cannot be found on this machine",
    ]


def test_errors_of_a_page_are_told_and_accepted_remarks_are_not() -> None:
    said = [
        {"type": "error", "message": "Trailing slash on void elements is an error now.", "lastLine": 3},
        {"type": "info", "message": "Trailing slash on void elements has no effect.", "lastLine": 4},
        {"type": "info", "message": "Something else.", "lastLine": 5},
    ]
    told = list(remarks(json.dumps({"messages": said}), "page.html"))
    assert [line.split(": ")[0] for line in told] == ["page.html:3", "page.html:5"]
    assert "broke" in next(remarks("Exception in thread", "page.html"))

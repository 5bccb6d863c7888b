"""What the conformance check does where a judge cannot be had: says so in one line, and fails nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from tools.conformance import main, remarks
from tools.spreadsheets import Cell, differences, formulas


def test_a_judge_that_cannot_be_had_is_named_and_fails_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["report.pdf", "results.sarif", "report.html", "results.csv"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "conformance: PDF not judged, because java and mvn cannot be found on this machine",
        "conformance: SARIF not judged, because npm cannot be found on this machine",
        "conformance: HTML not judged, because java and npm cannot be found on this machine",
        "conformance: CSV and XLSX not judged, because soffice and pdftotext cannot be found on this machine",
    ]


def test_errors_of_a_page_are_told_and_accepted_remarks_are_not() -> None:
    said: list[dict[str, Any]] = [
        {"type": "error", "message": "Trailing slash on void elements is an error now.", "lastLine": 3},
        {"type": "info", "message": "Trailing slash on void elements has no effect.", "lastLine": 4},
        {"type": "info", "message": "Something else.", "lastLine": 5},
        {"type": "non-document-error", "message": "File not found."},
    ]
    said = [{**item, "url": f"file:/a/p%20{number}.html"} for number, item in enumerate(said)]
    told = list(remarks(json.dumps({"messages": said})))
    assert [line.split(": ")[0] for line in told] == ["p 0.html:3", "p 2.html:5", "p 3.html:0"]
    assert "broke" in next(remarks("Exception in thread"))


def test_what_a_spreadsheet_shows_is_compared_with_what_was_written() -> None:
    wanted = [["account", "size", "name"], ["012345678901", "7", "a\r\nb"], ["111122223333", "8", "true"]]
    same: list[list[Cell]] = [
        [("string", "account"), ("string", "size"), ("string", "name"), ("", "")],
        [("string", "012345678901"), ("float", "7"), ("string", "a\nb"), ("", "")],
        [("float", "111122223333"), ("float", "8"), ("boolean", "TRUE")],
        [("", "")],
    ]
    assert list(differences(wanted, same)) == []
    assert list(differences(wanted, same, typed=True)) == [
        "row 3, account: '111122223333' is a float",
        "row 3, name: 'true' is a boolean",
    ]
    same[1][0] = ("float", "12345678901")
    same[2][2] = ("formula", "2")
    assert [line.split(":")[0] for line in differences(wanted, same)] == ["row 2, account", "row 3, name"]
    assert list(formulas(same)) == ["row 3, column 3 is a formula: '2'"]

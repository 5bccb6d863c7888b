"""``auditor diff`` on the committed sample, and the settings of a gate."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from auditor.cli import main
from auditor.seal.archive import pack_zip

SAMPLE = Path(__file__).resolve().parents[2] / "reports" / "sample"


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    told = capsys.readouterr()
    return int(end.value.code or 0), told.out, told.err


def test_a_pack_beside_its_own_zip_shows_no_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    zipped, page = tmp_path / "sample.zip", tmp_path / "changes.html"
    pack_zip(SAMPLE, zipped)
    code, out, _ = answer(capsys, "diff", str(SAMPLE), str(zipped), "--html", str(page), "--json")
    document: dict[str, Any] = json.loads(out)
    assert (code, document["exit_code"], document["scope"]) == (0, 0, [])
    assert {item["change"] for item in document["changes"]} == {"still open"}
    assert document["catalogue"] == {"added": [], "changed": [], "removed": []}
    text = page.read_text(encoding="utf-8")
    assert "Still open" in text
    assert "http" not in text.partition("<body>")[2].replace("https://www.w3.org", "")


def test_a_pack_that_does_not_hold_is_not_compared_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    forged = tmp_path / "forged"
    shutil.copytree(SAMPLE, forged)
    results = forged / "results" / "results.json"
    results.write_bytes(results.read_bytes().replace(b'"state":"FAIL"', b'"state":"PASS"', 1))
    code, _, err = answer(capsys, "diff", str(SAMPLE), str(forged))
    assert code == 4
    assert "does not hold" in err
    code, out, _ = answer(capsys, "diff", str(SAMPLE), str(forged), "--unverified")
    assert code == 4
    assert "1 fixed" in out
    assert "does NOT hold" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["--update-baseline"], "without --baseline", id="nothing-to-update"),
        pytest.param(["--baseline", "absent.json"], "cannot be read", id="absent"),
        pytest.param(["--baseline", str(SAMPLE), "--update-baseline"], "never written again", id="a-pack"),
        pytest.param(
            ["--baseline", str(SAMPLE), "--as-of", "2026-10-15T00:00:00Z", "--period", "2026-09"],
            "after the moment",
            id="later",
        ),
        pytest.param(
            ["--baseline", str(SAMPLE), "--baseline-max-age", "3d", "--as-of", "2026-11-20T00:00:00Z"],
            "17 days old",
            id="old",
        ),
        pytest.param(["--baseline", str(SAMPLE), "--baseline-max-age", "soon"], "baseline-max-age", id="no-age"),
    ],
)
def test_a_baseline_that_cannot_serve_is_refused_before_anything_is_asked(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = answer(capsys, "run", *arguments)
    assert code == 2
    assert says in err

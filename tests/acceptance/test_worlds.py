"""Other accounts than the demo's: one in which everything is right, a new one, and one that attacks its auditor."""

import csv
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

from auditor.simulator.worlds.hostile import TEXTS
from tests.acceptance.conftest import Pack, auditor

REGIONS = "us-east-1,eu-central-1"
ATTESTED = ("account-contact-details", "account-security-questions", "iam-no-full-admin-policy")


def attestations(folder: Path) -> Path:
    entries = "".join(
        f"- control: {name}\n  statement: Looked at on the day.\n  criterion: met\n  person: Head of IT\n"
        "  date: 2026-10-20\n  valid_until: 2027-10-19\n"
        for name in ATTESTED
    )
    path = folder / "attestations.yaml"
    path.write_text(f"attestations:\n{entries}")
    return path


def test_where_everything_is_right_and_attested_the_answer_is_zero(tmp_path: Path) -> None:
    options = ("--world", "clean", "--framework", "cis-aws-5.0.0", "--framework", "cis-aws-3.0.0", "--regions", REGIONS)
    attested = auditor(
        "demo",
        *options,
        "--attestations",
        attestations(tmp_path),
        "--out",
        tmp_path,
        "--format",
        "csv",
        "--json",
        "--quiet",
    )
    assert attested.code == 0, attested.stdout
    pack = Path(json.loads(attested.stdout)["pack"])
    assert auditor("verify", pack, "--replay").code == 0
    bare = auditor("evaluate", pack, "--out", tmp_path / "bare.json")
    assert bare.code == 3, bare.stderr
    assert json.loads((tmp_path / "bare.json").read_bytes())["counts"]["FAIL"] == 0


def test_a_new_account_is_judged_without_any_trail(tmp_path: Path) -> None:
    outcome = auditor(
        *(
            "demo",
            "--world",
            "empty",
            "--regions",
            "us-east-1",
            "--out",
            tmp_path,
            "--format",
            "csv",
            "--json",
            "--quiet",
        )
    )
    assert outcome.code == 1, outcome.stderr
    pack = Path(json.loads(outcome.stdout)["pack"])
    results = json.loads((pack / "results" / "results.json").read_bytes())
    states = {item["id"]: item["state"] for item in results["controls"]}
    assert states["cloudtrail-multi-region-trail"] == "FAIL"
    assert states["cloudtrail-log-file-validation"] == "NOT_APPLICABLE"
    assert results["integrity"] == []
    assert "PASS" not in {state for name, state in states.items() if name.startswith("monitor-")}


def test_no_name_becomes_markup_in_the_page(hostile: Pack) -> None:
    page = (hostile.path / "report.html").read_text()
    for text in ("<script>alert", "<img src=x", 'javascript:alert(4)"', "<!-- <![CDATA["):
        assert text not in page
    assert not re.search(r"<[a-z][^>]*\sonmouseover\s*=", page, re.IGNORECASE)
    assert "{{ 7 * 7 }}" in page or "49" not in re.findall(r">(\d+)<", page)


def test_no_name_leaves_the_folder_or_names_a_file(hostile: Pack) -> None:
    for path in hostile.path.rglob("*"):
        assert path.resolve().is_relative_to(hostile.path.resolve())
        assert not path.is_symlink()
        assert re.fullmatch(r"[A-Za-z0-9._-]+", path.name), path


def test_no_name_becomes_a_formula_in_a_spreadsheet(hostile: Pack) -> None:
    for name in ("controls.csv", "results.csv"):
        for row in csv.reader(io.StringIO((hostile.path / "results" / name).read_text())):
            assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)


def test_no_name_reaches_the_terminal_unescaped(hostile: Pack) -> None:
    for arguments in (("verify", hostile.path), ("evaluate", hostile.path, "--rules", hostile.path / "rules")):
        outcome = auditor(*arguments)
        assert outcome.code in {0, 4}
        for mark in ("\x1b", "\u009b", "\u202e", "\x00"):
            assert mark not in outcome.stdout + outcome.stderr


def test_hostile_names_are_told_all_the_same(hostile: Pack) -> None:
    """Harmless does not mean left out: the results hold the names as they are."""
    found: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, str):
            found.update(kind for kind, text in TEXTS.items() if text in value)
        elif isinstance(value, dict):
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    for path in (hostile.path / "evidence" / "raw").rglob("*.json"):
        walk(json.loads(path.read_bytes()))
    assert {"script", "formula", "path", "right-to-left", "long"} <= found


def test_the_hostile_pack_and_the_zip_beside_it_hold_and_are_the_same(hostile: Pack) -> None:
    zipped = Path(hostile.answer["zip"])
    assert zipped == hostile.path.with_name(f"{hostile.path.name}.zip")
    with zipfile.ZipFile(zipped) as archive:
        inside = {item.filename: archive.read(item) for item in archive.infolist()}
    assert inside == {
        f"{hostile.path.name}/{path.relative_to(hostile.path)}": path.read_bytes()
        for path in hostile.path.rglob("*")
        if path.is_file()
    }
    assert auditor("verify", zipped, "--replay").code == 0
    assert auditor("verify", hostile.path).code == 0

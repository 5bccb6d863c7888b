"""``auditor controls`` lists, shows and checks the catalogue."""

import json
import re
import textwrap
from pathlib import Path

import pytest

from auditor.catalog.cases import _CaseEntry
from auditor.catalog.load import _ControlFile
from auditor.cli import main
from auditor.run import open_catalog

OWN = """
- id: own-bucket-names
  title: Buckets carry the team's prefix
  severity: low
  service: s3
  objective: Owners can be told from names.
  criterion: The name begins with the team's prefix.
  evidence: ["s3:ListBuckets"]
  population: Buckets[]
  identify: Name
  pass_when: starts_with(Name, 'team-')
"""
FRAMEWORK = """
id: own-rules
title: Rules of the house
requirements:
  "1":
    title: Names tell owners
    controls: [own-bucket-names]
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "names.yaml").write_text(OWN, encoding="utf-8")
    (tmp_path / "frameworks").mkdir()
    (tmp_path / "frameworks" / "own.yaml").write_text(FRAMEWORK, encoding="utf-8")
    return tmp_path


def auditor(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(item) for item in arguments])
    return int(left.value.code or 0)


def test_the_list_names_every_control(capsys: pytest.CaptureFixture[str]) -> None:
    assert auditor("controls", "list") == 0
    output = capsys.readouterr().out
    assert all(name in output for name in open_catalog().controls)


def test_the_list_of_an_edition_follows_its_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert auditor("controls", "list", "--framework", "cis-aws-7.0.0") == 0
    captured = capsys.readouterr()
    assert "2.21" in captured.out
    assert "resource-policies-no-open-principal" in captured.out
    assert "70 controls for 70 of 70 requirements" in captured.err


def test_requirements_without_a_control_are_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    auditor("controls", "list", "--framework", "pci-dss-4.0.1")
    output = capsys.readouterr().out
    assert "no confirmed control bears on it" in output
    assert "suggested, to be confirmed by a person" in output


def test_the_list_as_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert auditor("controls", "list", "--framework", "cis-aws-5.0.0", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == 0
    assert len(document["controls"]) == 63
    assert document["controls"][0]["requirements"] == {"cis-aws-5.0.0": ["1.1"]}


@pytest.mark.parametrize("name", ["kms-key-rotation", "account-security-questions", "trail-chain-verified"])
def test_a_control_is_shown_with_all_it_says(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert auditor("controls", "show", name) == 0
    output = capsys.readouterr().out
    assert open_catalog().controls[name].criterion in output


def test_a_control_as_json_names_the_actions_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert auditor("controls", "show", "kms-key-rotation", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["actions"] == ["kms:DescribeKey", "kms:GetKeyRotationStatus", "kms:ListKeys"]


def test_an_unknown_control_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert auditor("controls", "show", "kms-key-rotations") == 2
    assert "did you mean kms-key-rotation?" in capsys.readouterr().err


def test_own_controls_are_listed_shown_and_valid(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert auditor("controls", "validate", own) == 0
    assert "own: own-bucket-names" in capsys.readouterr().out
    assert auditor("controls", "show", "own-bucket-names", "--controls", own) == 0
    assert auditor("controls", "list", "--controls", own, "--framework", "own-rules") == 0
    assert "Names tell owners" in capsys.readouterr().out


def test_an_own_control_nobody_asks_for_is_pointed_out(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (own / "frameworks" / "own.yaml").unlink()
    assert auditor("controls", "validate", own, "--json") == 0
    assert json.loads(capsys.readouterr().out)["asked_for_by_no_framework"] == ["own-bucket-names"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("severity: low", "severity: lowest", "severity"),
        ("pass_when: starts_with(Name, 'team-')", "pass_when: starts_with(Name,", "is not JMESPath"),
        ("s3:ListBuckets", "s3:ListBucket", "not in operations.yaml"),
        ("  identify: Name\n", "", "identify"),
        ("  identify: Name\n", "  identify: Name\n  identity: Name\n", "identity: there is no such key"),
        ("id: own-bucket-names", "id: kms-key-rotation", "already defined"),
        ("pass_when: starts_with(Name, 'team-')", "check: own.code", "no check named own.code"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(
    own: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, words: str
) -> None:
    (own / "frameworks" / "own.yaml").unlink()
    (own / "names.yaml").write_text(OWN.replace(old, new), encoding="utf-8")
    assert auditor("controls", "validate", own) == 2
    message = capsys.readouterr().err
    assert "names.yaml:" in message
    assert words in message


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert auditor("controls", "validate", tmp_path / "missing") == 2
    assert "missing" in capsys.readouterr().err


DOCS = Path(__file__).resolve().parents[2] / "docs" / "add-a-control.md"


@pytest.fixture
def from_the_docs(tmp_path: Path) -> Path:
    """The folder that a newcomer makes by the docs."""
    blocks = re.findall(r"```yaml[^\n]*\n(.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL)
    control, framework, cases = blocks[:3]
    folder = tmp_path / "my-controls"
    (folder / "frameworks").mkdir(parents=True)
    (folder / "tests").mkdir()
    (folder / "tests" / "names.yaml").write_text(textwrap.dedent(f"   {cases.strip()}\n"), encoding="utf-8")
    (folder / "names.yaml").write_text(textwrap.dedent(f"   {control.strip()}\n"), encoding="utf-8")
    (folder / "frameworks" / "own.yaml").write_text(textwrap.dedent(f"   {framework.strip()}\n"), encoding="utf-8")
    return folder


def test_the_first_control_of_the_docs_is_well_formed(from_the_docs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert auditor("controls", "validate", from_the_docs) == 0
    assert "own: own-bucket-names\n" in capsys.readouterr().out


@pytest.mark.simulator
def test_the_first_control_of_the_docs_judges_the_demo_account(
    from_the_docs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--controls", from_the_docs, "--framework", "own-rules", "--regions", "eu-central-1", "--format", "csv")
    assert auditor("demo", *options, "--out", tmp_path / "packs", "--json", "--quiet") == 1
    pack = Path(json.loads(capsys.readouterr().out)["pack"])
    (control,) = json.loads((pack / "results" / "results.json").read_bytes())["controls"]
    assert {(item["state"], item["resource"].partition("-")[0]) for item in control["results"]} == {
        ("FAIL", "northwind")
    }


def test_the_cases_of_the_docs_are_answered_as_they_say(
    from_the_docs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert auditor("controls", "test", from_the_docs) == 0
    output = capsys.readouterr().out
    assert output.count("ok     own-bucket-names: ") == 3
    assert "3 cases of 1 control, none wrong" in output


def test_a_case_that_is_answered_otherwise_is_told_with_its_place(
    from_the_docs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = from_the_docs / "names.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("'team-')", "'squad-')"), encoding="utf-8")
    assert auditor("controls", "test", "own-bucket-names", "--controls", from_the_docs) == 1
    output = capsys.readouterr().out
    assert "WRONG  own-bucket-names: " in output
    assert "tests/names.yaml:2: expected PASS, it said FAIL" in output
    assert auditor("controls", "test", from_the_docs, "--json") == 1
    document = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == 1
    assert [item["as_expected"] for item in document["cases"]] == [False, False, True]
    assert document["without_cases"] == []


def test_an_own_control_without_cases_is_pointed_out(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert auditor("controls", "test", own) == 0
    assert "own-bucket-names has no case" in capsys.readouterr().out


def test_malformed_cases_are_wrong_usage(from_the_docs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (from_the_docs / "tests" / "names.yaml").write_text("cases:\n- {control: own-bucket-names}\n", encoding="utf-8")
    assert auditor("controls", "test", from_the_docs) == 2
    assert "names.yaml:2: cases.0: missing: case, expect" in capsys.readouterr().err


def test_trying_an_unknown_control_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert auditor("controls", "test", "iam-root-mfas") == 2
    assert "did you mean iam-root-mfa?" in capsys.readouterr().err


def test_every_key_of_a_case_is_explained() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert [name for name in sorted(_CaseEntry.model_fields) if f"`{name}`" not in text] == []


def test_every_field_of_a_control_is_explained() -> None:
    text = DOCS.read_text(encoding="utf-8")
    names = set(_ControlFile.model_fields) - {"test_type"}
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []

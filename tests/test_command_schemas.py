"""What commands print with ``--json`` fits the schemas that are published, and nothing less does."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from auditor.cli import main
from auditor.cli.audit import tell_standing
from auditor.model import State
from auditor.run.standing import Standing
from tests.published import validator
from tests.seal.forging import made_pack
from tools.schemas import FOLDER

SAMPLE = FOLDER.parent.parent / "reports" / "sample"


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> Mapping[str, Any]:
    with pytest.raises(SystemExit):
        main([str(item) for item in arguments])
    found: Mapping[str, Any] = json.loads(capsys.readouterr().out)
    return found


def fits(name: str, document: Mapping[str, Any]) -> None:
    """Hold a document against its schema; without any of its members it is another one."""
    judge = validator(f"{name}.schema.json")
    judge.validate(document)
    assert not judge.is_valid({**document, "more": 1})
    assert not judge.is_valid({key: value for key, value in document.items() if key != "exit_code"})


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packs")
    path = folder / "waivers.yaml"
    terms = "justification: x, owner: o, approver: y, ticket: z, expires: 2027-01-01"
    path.write_text(f"waivers:\n  - {{control: own-bucket-names, resource: stuff, {terms}}}\n")
    return made_pack(folder / "pack", formats="csv", waivers=str(path))


def test_a_comparison_fits(pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = made_pack(tmp_path / "pack", formats="csv", scope={"as_of": "2026-11-03T03:00:00Z"})
    document = printed(capsys, "diff", pack, other, "--json")
    assert {item["change"] for item in document["changes"]} == {"new", "still open"}
    fits("diff", document)


def test_a_history_fits(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = printed(capsys, "history", pack.parent, "--no-html", "--json", "--as-of", "2026-12-02T00:00:00Z")
    assert document["accounts"]
    fits("history", document)


def test_a_verification_fits(pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = printed(capsys, "verify", pack, "--replay", "--json")
    assert document["verdict"] == "pass"
    fits("verify", document)
    shutil.copytree(pack, tmp_path / "pack")
    (tmp_path / "pack" / "README.txt").write_text("changed")
    document = printed(capsys, "verify", tmp_path / "pack", "--json")
    assert (document["exit_code"], bool(document["findings"])) == (4, True)
    fits("verify", document)
    (tmp_path / "pack" / "manifest.json").unlink()
    fits("verify", printed(capsys, "verify", tmp_path / "pack", "--json"))


def test_a_cost_estimate_fits(capsys: pytest.CaptureFixture[str]) -> None:
    document = printed(capsys, "cost", SAMPLE, "--json")
    assert document["lines"]
    fits("cost", document)


def test_what_the_doctor_saw_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    document = printed(capsys, "doctor", "--config", "/dev/null", "--quick", "--json")
    assert document["looks"][-1]["name"] == "credentials"
    fits("doctor", document)


def test_a_pack_that_is_there_fits(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = {state.value: 0 for state in State}
    tell_standing(Standing(str(pack), "a-pack", "a" * 64, "0 of 0 criteria met.", counts, 0), as_json=True)
    fits("run", json.loads(capsys.readouterr().out))

"""``--control``: one question, and only the operations that it needs."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditor.base.errors import UsageError
from auditor.catalog.load import CHOSEN
from auditor.cli import main
from auditor.cli.options import config_of, with_frameworks
from auditor.run import load_rules, open_catalog
from tools.schemas import FOLDER as SCHEMAS


def auditor(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(item) for item in arguments])
    return int(left.value.code or 0)


def asked(pack: Path) -> set[str]:
    return {json.loads(path.read_bytes())["operation"] for path in (pack / "evidence" / "meta").iterdir()}


@pytest.mark.simulator
def test_one_question_asks_only_what_it_needs_and_its_pack_replays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--control", "kms-key-rotation,iam-password-reuse-24", "--regions", "eu-central-1", "--format", "html")
    code = auditor("demo", *options, "--out", tmp_path, "--json", "--quiet")
    told = json.loads(capsys.readouterr().out)
    jsonschema.validate(told, json.loads((SCHEMAS / "run.schema.json").read_text()))
    pack = Path(told["pack"])
    document: dict[str, Any] = json.loads((pack / "results" / "results.json").read_bytes())
    assert [item["id"] for item in document["controls"]] == ["kms-key-rotation", "iam-password-reuse-24"]
    assert [item["id"] for item in document["frameworks"]] == [CHOSEN]
    assert document["integrity"] == []
    assert asked(pack) == {
        "ec2:DescribeRegions",
        "iam:GetAccountPasswordPolicy",
        "kms:DescribeKey",
        "kms:GetKeyRotationStatus",
        "kms:ListKeys",
    }
    assert auditor("verify", pack, "--replay") == 0
    assert auditor("evaluate", pack, "--json") == code
    capsys.readouterr()
    assert auditor("evaluate", pack, "--control", "iam-password-reuse-24", "--json") in {0, 1}
    assert sum(json.loads(capsys.readouterr().out)["counts"].values()) == 1


@pytest.mark.simulator
def test_a_control_that_reads_log_files_has_them_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--control", "trail-chain-verified", "--regions", "eu-central-1", "--format", "csv")
    auditor("demo", *options, "--out", tmp_path, "--json", "--quiet")
    pack = Path(json.loads(capsys.readouterr().out)["pack"])
    assert {"trail:VerifyDigests", "cloudtrail:DescribeTrails"} <= asked(pack)
    assert "trail:NotableEvents" not in asked(pack)


def test_controls_add_up_with_frameworks_and_each_is_judged_once() -> None:
    catalog = open_catalog()
    wanted = ["trail-key-usable", "iam-root-mfa", "trail-key-usable"]
    frameworks = catalog.select(["cis-aws-5.0.0"], wanted)
    assert [item.id for item in frameworks] == ["cis-aws-5.0.0", CHOSEN]
    assert frameworks[1].controls == ("trail-key-usable",)
    assert [item.id for item in catalog.select(["cis-aws-5.0.0"], ["iam-root-mfa"])] == ["cis-aws-5.0.0"]


def test_one_question_goes_before_the_frameworks_of_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "auditor.yaml"
    file.write_text("frameworks: [cis-aws-5.0.0]\n", encoding="utf-8")
    given = {"config_file": file, "control_ids": ("iam-root-mfa", "kms-key-rotation, ebs-default-encryption")}
    config = with_frameworks(config_of(given))
    assert config.frameworks == []
    assert config.control_ids == ["iam-root-mfa", "kms-key-rotation", "ebs-default-encryption"]
    both = config_of({**given, "frameworks": ("hipaa-security-rule",)})
    assert both.frameworks == ["hipaa-security-rule"]
    assert with_frameworks(config_of({"config_file": file})).frameworks == ["cis-aws-5.0.0"]


def test_settings_can_name_controls(tmp_path: Path) -> None:
    file = tmp_path / "auditor.yaml"
    file.write_text("control_ids: [iam-root-mfa]\n", encoding="utf-8")
    config = with_frameworks(config_of({"config_file": file}))
    assert (config.frameworks, config.control_ids) == ([], ["iam-root-mfa"])


def test_an_unknown_control_gets_a_suggestion_before_anything_is_asked() -> None:
    with pytest.raises(UsageError, match="iam-rot-mfa") as raised:
        load_rules(config_of({"config_file": None, "control_ids": ("iam-rot-mfa",)}))
    assert raised.value.hint == "did you mean iam-root-mfa?"


@pytest.mark.parametrize("command", ["run", "demo", "collect", "evaluate", "policy", "render"])
def test_every_command_that_asks_for_frameworks_takes_controls(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert auditor(command, "--help") == 0
    assert "--control ID" in capsys.readouterr().out


def test_no_framework_may_have_the_name_of_chosen_controls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "frameworks").mkdir()
    text = f"id: {CHOSEN}\ntitle: Mine\nrequirements: {{}}\n"
    (tmp_path / "frameworks" / "own.yaml").write_text(text, encoding="utf-8")
    assert auditor("controls", "validate", tmp_path) == 2
    assert "already defined" in capsys.readouterr().err

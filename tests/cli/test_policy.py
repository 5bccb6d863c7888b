"""``auditor policy`` prints what a run needs; under exactly that policy the simulated AWS refuses nothing."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from auditor.catalog.load import Catalog
from auditor.catalog.policy import Scope, operations_for, statements
from auditor.collect.accounts import identify, open_session
from auditor.collect.collection import collect_account
from auditor.collect.guard import CallLog
from auditor.collect.redact import Redactor
from auditor.evidence.store import EvidenceWriter
from auditor.run import open_catalog
from auditor.simulator import Simulator
from tests.cli.test_compare import answer
from tests.collect.conftest import NOW, QUICK


def auditor(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "auditor", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(environment or {})},
    )


def test_the_policy_is_json_and_needs_no_credentials() -> None:
    outcome = auditor("policy", "--control", "kms-key-rotation", "--skip", "trail", "--for-account", "111122223333")
    policy = json.loads(outcome.stdout)
    assert outcome.returncode == 0
    assert policy["Statement"][1]["Resource"] == "arn:aws:kms:*:111122223333:key/*"
    assert outcome.stderr == ""


def test_the_key_that_trails_may_need_is_not_forgotten() -> None:
    outcome = auditor("policy", "--framework", "cis-aws-5.0.0")
    assert "kms:Decrypt" in outcome.stderr


def test_one_question_needs_the_rights_of_its_own_operations_only() -> None:
    outcome = auditor("policy", "--control", "iam-root-mfa,iam-password-reuse-24")
    (statement,) = json.loads(outcome.stdout)["Statement"]
    assert statement["Action"] == ["ec2:DescribeRegions", "iam:GetAccountPasswordPolicy", "iam:GetAccountSummary"]
    assert outcome.stderr == ""
    over_time = auditor("policy", "--control", "trail-chain-verified")
    assert "s3:GetObject" in over_time.stdout
    assert "kms:Decrypt" in over_time.stderr


def test_unknown_controls_and_frameworks_are_usage_errors() -> None:
    for arguments in (("--control", "no-such-control"), ("--framework", "no-such-framework")):
        outcome = auditor("policy", *arguments)
        assert outcome.returncode == 2
        assert "no-such" in outcome.stderr
        assert outcome.stdout == ""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator("demo") as aws:
        yield aws


@pytest.mark.simulator
def test_a_check_names_what_is_denied_and_which_controls_that_costs(simulator: Simulator) -> None:
    simulator.clear()
    simulator.deny("iam:GetAccountSummary")
    arguments = ("policy", "--check", "--json", "--control", "iam-root-mfa", "--skip", "trail")
    outcome = auditor(*arguments, environment=simulator.environment())
    document = json.loads(outcome.stdout)
    assert (outcome.returncode, document["exit_code"]) == (3, 3)
    rows = {row["operation"]: row for row in document["operations"]}
    assert rows["iam:GetAccountSummary"]["may"] == "denied"
    assert rows["iam:GetAccountSummary"]["controls"] == ["iam-root-mfa"]
    assert rows["ec2:DescribeRegions"]["may"] == "allowed"
    told = auditor(*(part for part in arguments if part != "--json"), environment=simulator.environment()).stdout
    assert "denied   iam:GetAccountSummary (needs iam:GetAccountSummary): AccessDenied" in told


@pytest.mark.simulator
def test_a_check_asks_about_what_only_confirms_as_well(simulator: Simulator) -> None:
    simulator.clear()
    simulator.deny("logs:TestMetricFilter")
    arguments = ("policy", "--check", "--control", "monitor-cloudtrail-changes", "--skip", "trail")
    rows = {
        row["operation"]: row
        for row in json.loads(auditor(*arguments, "--json", environment=simulator.environment()).stdout)["operations"]
    }
    assert (rows["logs:TestMetricFilter"]["may"], rows["logs:TestMetricFilter"]["controls"]) == ("denied", [])
    assert rows["events:TestEventPattern"]["may"] == "allowed"
    told = auditor(*arguments, environment=simulator.environment()).stdout
    assert "AWS cannot confirm our reading" in told
    without = auditor(*arguments[:-1], "trail,truth", "--json", environment=simulator.environment())
    assert "TestMetricFilter" not in without.stdout


@pytest.mark.simulator
def test_under_exactly_this_policy_nothing_is_denied(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in simulator.environment().items():
        monkeypatch.setenv(name, value)
    catalog = open_catalog()
    operations = operations_for(catalog, catalog.controls.values())
    simulator.clear()
    simulator.allow_only([action for item in statements(operations, Scope()) for action in item.actions])
    denied = codes(tmp_path / "allowed", catalog, [item.name for item in operations])
    assert {code for code in denied.values() if "not authorized" in code} == set()

    simulator.allow_only(["ec2:DescribeRegions"])
    denied = codes(tmp_path / "denied", catalog, ["kms:ListKeys", "iam:GetAccountSummary"])
    assert set(denied) == {"kms:ListKeys", "iam:GetAccountSummary"}
    simulator.clear()


def codes(folder: Path, catalog: Catalog, wanted: list[str]) -> dict[str, Any]:
    log, redactor = CallLog(), Redactor(b"a salt for tests")
    writer = EvidenceWriter(folder, redact=redactor)
    collect_account(
        identify(open_session(log=log)),
        operations=catalog.operations,
        wanted=wanted,
        regions=("eu-central-1",),
        writer=writer,
        redactor=redactor,
        log=log,
        now=lambda: NOW,
        limits=QUICK,
    )
    found = {}
    for record in writer._records.values():
        if record.error is not None and not record.absent:
            found[record.call.operation] = f"{record.error.code}: {record.error.message}"
    return found


def test_the_policies_of_an_organization_are_those_of_its_template() -> None:
    import yaml

    outcome = auditor("policy", "--org", "--json")
    found = json.loads(outcome.stdout)
    text = (Path(__file__).parents[2] / "deploy/aws/org-role.yaml").read_text()
    resources = yaml.safe_load(text)["Resources"]

    def actions(policy: Mapping[str, Any]) -> set[str]:
        return {action for statement in policy["Statement"] for action in statement["Action"]}

    def of(name: str) -> set[str]:
        return actions(resources[name]["Properties"]["PolicyDocument"])

    assert actions(found["caller"]) == of("Enter")
    assert actions(found["holders"]) == of("Holds") == {"guardduty:ListMembers", "securityhub:ListMembers"}
    readers = {name for name in resources if name.startswith("Reader")}
    assert {name for policy in found["members"] for name in actions(policy)} == set().union(*map(of, sorted(readers)))
    importing = json.loads(auditor("policy", "--org", "--securityhub-import", "--json").stdout)
    assert "importers" not in found
    assert actions(importing["importers"]) == of("Imports") == {"securityhub:BatchImportFindings"}
    assert resources["Imports"]["Condition"] == "ImportsFindings", "nobody has it who did not ask for it"
    named = auditor("policy", "--org", "--role-name", "audit/Reader", "--partition", "aws-cn", "--json")
    (enter, _) = json.loads(named.stdout)["caller"]["Statement"]
    assert enter["Resource"] == "arn:aws-cn:iam::*:role/audit/Reader"


@pytest.mark.parametrize(
    "words",
    [
        ("--kms-key", ""),
        ("--kms-key", "alias/logs"),
        ("--trail-bucket", "s3://logs"),
        ("--partition", "amazon"),
        ("--upload", "s3://packs/aws", "--kms-key", "x"),
    ],
)
def test_what_iam_would_not_take_stands_in_no_policy(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = answer(capsys, "policy", *words)
    assert (code, out, err.count("auditor: ")) == (2, "", 1)

"""What teams deploy is accepted by its own checkers, and allows and runs what the product itself says."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import hcl2
import pytest
import yaml

from auditor.cli import auditor as group
from auditor.deliver.upload import policy
from auditor.pack.outcome import EXIT_MEANING
from auditor.simulator import Simulator

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent


class Template(yaml.SafeLoader):
    """Reads CloudFormation's short forms as plain values."""


def _short(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> Any:
    value = loader.construct_sequence(node) if isinstance(node, yaml.SequenceNode) else getattr(node, "value", "")
    return {tag: value}


Template.add_multi_constructor("!", _short)


@pytest.mark.parametrize(
    "command",
    [
        ("cfn-lint", "deploy/aws/auditor.yaml"),
        ("hadolint", "deploy/Dockerfile"),
        ("zizmor", "--offline", "--no-progress", "deploy/github/action.yml", "deploy/github/auditor.yml"),
    ],
    ids=lambda command: command[0],
)
def test_the_checkers_have_nothing_to_say(command: tuple[str, ...]) -> None:
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_shell_scripts_are_shell() -> None:
    scripts = [path for path in DEPLOY.rglob("*") if path.suffix == ".sh"]
    steps = [step["run"] for step in workflow()["jobs"]["audit"]["steps"] if "run" in step]
    for text in [*(path.read_text() for path in scripts), *steps]:
        assert "${{" not in text  # values come through the environment, never into the text of a script
        subprocess.run(["bash", "-n"], input=text, text=True, check=True)


def workflow() -> Any:
    return yaml.safe_load((DEPLOY / "github" / "auditor.yml").read_text())


def template() -> dict[str, Any]:
    text = (DEPLOY / "aws" / "auditor.yaml").read_text()
    resources: dict[str, Any] = yaml.load(text, Loader=Template)["Resources"]  # noqa: S506 - a safe loader
    return resources


def found(value: Any, name: str) -> Iterator[Any]:
    """Yield every value under a key, at any depth."""
    if isinstance(value, dict):
        yield from ([value[name]] if name in value else [])
        for part in value.values():
            yield from found(part, name)
    elif isinstance(value, list):
        for part in value:
            yield from found(part, name)


def actions(value: Any) -> set[str]:
    return {one for item in found(value, "Action") for one in ([item] if isinstance(item, str) else item)}


def test_the_template_allows_what_the_product_says_and_nothing_wider() -> None:
    resources = template()
    upload, look = policy("aws", "s3://bucket/prefix")["Statement"]
    statements = {item["Sid"]: item for item in found(resources, "Statement") for item in item if "Sid" in item}
    assert statements["UploadPacks"]["Action"] == upload["Action"]
    assert statements["ListPacks"]["Action"] == look["Action"] == ["s3:ListBucket"]
    roles = {name: item for name, item in resources.items() if item["Type"] == "AWS::IAM::Role"}
    granted = actions(list(roles.values())) - {"sts:AssumeRole"}
    listed = {"ecs:RunTask", "iam:PassRole", "sqs:SendMessage", "sns:Publish", "s3:ListBucket"}
    assert granted == {*upload["Action"], *listed}
    assert not any("*" in action for action in granted)
    text = (DEPLOY / "aws" / "auditor.yaml").read_text()
    assert "arn:aws:" not in text  # every partition


def test_the_terraform_module_is_the_template() -> None:
    text = "".join(path.read_text() for path in sorted((DEPLOY / "terraform").glob("*.tf")))
    parsed = hcl2.loads(text)
    resources = {kind.strip('"') for item in parsed["resource"] for kind in item}
    declared = {name.strip('"') for item in parsed["variable"] for name in item}
    assert set(re.findall(r"\bvar\.(\w+)", text)) == declared
    assert {name for name in re.findall(r"\b(aws_\w+)\.\w+[.\[]", text) if not name.endswith("_")} <= resources | {
        item.strip('"') for data in parsed["data"] for item in data
    }
    assert "arn:aws:" not in text
    written = set(re.findall(r'"((?:s3|sns|sqs|ecs|iam):[A-Z]\w+)"', text)) - {"iam:PassedToService"}
    assert written == {name for name in actions(template()) if not name.startswith("sts:") and name != "s3:*"}
    same = {
        "AWS::S3::Bucket": "aws_s3_bucket", "AWS::S3::BucketPolicy": "aws_s3_bucket_policy",
        "AWS::SNS::Topic": "aws_sns_topic", "AWS::SNS::TopicPolicy": "aws_sns_topic_policy",
        "AWS::Logs::LogGroup": "aws_cloudwatch_log_group", "AWS::ECS::Cluster": "aws_ecs_cluster",
        "AWS::IAM::Role": "aws_iam_role", "AWS::ECS::TaskDefinition": "aws_ecs_task_definition",
        "AWS::Scheduler::Schedule": "aws_scheduler_schedule", "AWS::SQS::Queue": "aws_sqs_queue",
        "AWS::CloudWatch::Alarm": "aws_cloudwatch_metric_alarm", "AWS::Events::Rule": "aws_cloudwatch_event_rule",
    }  # fmt: skip
    assert {same[item["Type"]] for item in template().values()} <= resources


def commands() -> Iterator[list[str]]:
    """Yield every command of the product that a file under ``deploy/`` runs."""
    for task in ("AuditTask", "WatchTask"):
        (container,) = template()[task]["Properties"]["ContainerDefinitions"]
        words = [value if isinstance(value, str) else next(iter(value.values())) for value in container["Command"]]
        yield [filled(word) for word in words]
    cron = yaml.safe_load((DEPLOY / "kubernetes" / "cronjob.yaml").read_text())
    (container,) = cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    yield [word.replace("BUCKET", "bucket").replace("PREFIX", "prefix") for word in container["args"]]
    for unit in sorted((DEPLOY / "systemd").glob("*.service")):
        yield shlex.split(re.findall(r"^ExecStart=\S+ (.*)$", unit.read_text(), re.MULTILINE)[0])
    for line in re.findall(r"&& auditor (.*?) >", (DEPLOY / "cron" / "auditor").read_text()):
        yield shlex.split(line)


def filled(text: str) -> str:
    known = {"${RetentionDays}": "400", "RetentionMode": "GOVERNANCE", "AWS::AccountId": "111122223333"}
    text = known.get(text, text).replace("${Told}", "arn:aws:sns:eu-central-1:111122223333:told")
    return text.replace("${Packs}/${Prefix}", "bucket/aws")


def test_every_command_has_only_options_that_there_are() -> None:
    ran = list(commands())
    assert len(ran) == 7
    for words in ran:
        command = group.get_command(click.Context(group), words[0])
        assert command is not None
        command.make_context(words[0], words[1:])
    assert {words[0] for words in ran} == {"run", "history"}


def test_timers_belong_to_services_and_pods_are_confined() -> None:
    names = {path.stem for path in (DEPLOY / "systemd").glob("*.service")}
    assert names == {path.stem for path in (DEPLOY / "systemd").glob("*.timer")}
    job = yaml.safe_load((DEPLOY / "kubernetes" / "cronjob.yaml").read_text())["spec"]["jobTemplate"]
    pod = job["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert pod["spec"]["securityContext"]["runAsUser"] == 10001
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    (gate,) = (item for item in yaml.safe_load((DEPLOY / "gitlab" / "auditor.gitlab-ci.yml").read_text()).values())
    assert gate["allow_failure"] == {"exit_codes": [3]}
    for line in gate["script"]:
        subprocess.run(["bash", "-n"], input=line, text=True, check=True)


@pytest.mark.simulator
def test_the_action_keeps_the_exit_code_and_hostile_names_speak_no_command(tmp_path: Path) -> None:
    shim = tmp_path / "bin" / "auditor"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\necho "::error::from a name" >&2\nexec {shlex.quote(sys.executable)} -m auditor "$@"\n')
    shim.chmod(0o755)
    words = ("--framework", "trail-readiness", "--regions", "us-east-1", "--skip", "trail,truth", "--period", "2026-10")
    with Simulator("empty") as aws:
        done = subprocess.run(
            ["bash", DEPLOY / "github" / "audit.sh"],
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
                **aws.environment(),
                "PATH": f"{shim.parent}:{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
                "RUNNER_TEMP": str(tmp_path),
                "OPTIONS": "\n".join((*words, "--as-of", "2026-11-02T06:00:00Z")),
                "GITHUB_OUTPUT": str(tmp_path / "outputs"),
                "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout
    outputs = dict(line.split("=", 1) for line in (tmp_path / "outputs").read_text().splitlines())
    assert outputs["exit-code"] == "1"
    result = json.loads(outputs["result"])
    assert result["counts"]["FAIL"] > 0
    assert Path(outputs["sarif"]).is_file()
    assert 0 < (tmp_path / "summary").stat().st_size < 901_000
    begin, end = (done.stdout.index(mark) for mark in ("::stop-commands::", "::error::from a name"))
    token = re.search(r"::stop-commands::(\w{32})\n", done.stdout)
    assert token
    assert begin < end < done.stdout.index(f"::{token[1]}::")
    assert 0 < done.stdout.count("::warning::") <= 10


@pytest.mark.simulator
@pytest.mark.parametrize("page", ["run-monthly", "gate-a-pipeline"])
def test_the_commands_of_the_pages_run(page: str, tmp_path: Path) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text()
    blocks = re.findall(r"```bash tested\n(.*?)```", text, re.DOTALL)
    assert blocks
    for block in blocks:
        words = f'set -eu\nauditor() {{ {shlex.quote(sys.executable)} -m auditor "$@"; }}\n{block}'
        done = subprocess.run(["bash"], input=words, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_the_page_of_exit_codes_has_the_product_s_words() -> None:
    page = (ROOT / "docs" / "exit-codes.md").read_text()
    for code in range(5):
        assert f"| {code} | {EXIT_MEANING[code]} |" in page

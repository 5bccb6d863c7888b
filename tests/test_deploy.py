"""What teams deploy is accepted by its own checkers, and allows and runs what the product itself says."""

import json
import os
import re
import shlex
import shutil
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
from auditor.monitoring.infrastructure.cloudformation import read_cloudformation
from auditor.monitoring.infrastructure.terraform import read_terraform
from auditor.monitoring.patterns.pattern import matches, parse_rule
from auditor.pack.outcome import EXIT_MEANING
from auditor.render.exports import EXPORTS
from auditor.simulator import Simulator
from tests.acceptance.conftest import auditor
from tools.deploy import CHECKS, Check, answer

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"


class Template(yaml.SafeLoader):
    """Reads CloudFormation's short forms as plain values."""


def _short(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> Any:
    value = loader.construct_sequence(node) if isinstance(node, yaml.SequenceNode) else getattr(node, "value", "")
    return {tag: value}


Template.add_multi_constructor("!", _short)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_checkers_have_nothing_to_say(check: Check) -> None:
    assert not check.optional or shutil.which(check.optional) is None or answer(check) == ""
    assert check.optional or answer(check) == ""


def test_every_file_has_a_checker() -> None:
    checked = {name for check in CHECKS for name in check.files}
    there = {path.relative_to(DEPLOY).as_posix() for path in DEPLOY.rglob("*") if path.is_file()}
    assert {name for name in there if not name.endswith(".md")} - checked == set()


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_the_reader_may_do_what_auditor_policy_prints_in_every_partition(partition: str) -> None:
    printed = json.loads(auditor("policy", "--partition", partition, "--json").stdout)["policies"]
    module = [path.read_text() for path in sorted((DEPLOY / "terraform").glob("reader-*.json"))]
    assert allowed([json.loads(text.replace("${partition}", partition)) for text in module]) == allowed(printed)
    resources = yaml.safe_load((DEPLOY / "aws" / "reader.yaml").read_text())["Resources"].values()
    filled = [partitioned(item["Properties"]["PolicyDocument"], partition) for item in resources]
    assert allowed(filled) == allowed(printed)


def allowed(documents: list[Any]) -> set[tuple[str, str]]:
    """Return which action is allowed on which resource."""
    listed = [statement for document in documents for statement in document["Statement"]]
    assert {item["Effect"] for item in listed} == {"Allow"}
    return {
        (action, resource)
        for item in listed
        for action in item["Action"]
        for resource in ([item["Resource"]] if isinstance(item["Resource"], str) else item["Resource"])
    }


def partitioned(value: Any, partition: str) -> Any:
    """Do what CloudFormation does with ``Fn::Sub``."""
    if isinstance(value, dict):
        if value.keys() == {"Fn::Sub"}:
            return str(value["Fn::Sub"]).replace("${AWS::Partition}", partition)
        return {key: partitioned(item, partition) for key, item in value.items()}
    return [partitioned(item, partition) for item in value] if isinstance(value, list) else value


def watchers(language: str) -> dict[str, str]:
    """Return the patterns of the rules on tasks, by what they are for, as the code would be deployed."""
    code = (
        read_cloudformation((DEPLOY / "aws" / "auditor.yaml").read_text())
        if language == "cloudformation"
        else read_terraform(DEPLOY / "terraform", [f"image=x@sha256:{'0' * 64}", "subnets=[]", "security_groups=[]"])
    )
    patterns = [item.properties["EventPattern"] for item in code.resources if item.kind == "AWS::Events::Rule"]
    texts = [item if isinstance(item, str) else json.dumps(item) for item in patterns]
    return {"failed to start" if "stopCode" in text else "broken": text for text in texts}


def stopped(*exits: int | None, stop: str = "EssentialContainerExited", status: str = "STOPPED") -> dict[str, Any]:
    """Return the end of a task as ECS tells it; a container that never ran has no exit code."""
    containers = [
        {"name": f"c{number}", "lastStatus": status, **({} if code is None else {"exitCode": code})}
        for number, code in enumerate(exits)
    ]
    return {"lastStatus": status, "stopCode": stop, "containers": containers, "group": "family:auditor-audit"}


@pytest.mark.parametrize("language", ["cloudformation", "terraform"])
@pytest.mark.parametrize(
    ("task", "seen"),
    [
        pytest.param(stopped(0), set(), id="passed"),
        pytest.param(stopped(1), set(), id="a-verdict"),
        pytest.param(stopped(2), {"broken"}, id="usage"),
        pytest.param(stopped(3), {"broken"}, id="no-pack-of-last-month"),
        pytest.param(stopped(4), {"broken"}, id="integrity"),
        pytest.param(stopped(5), {"broken"}, id="broke"),
        pytest.param(stopped(137, stop="UserInitiated"), {"broken"}, id="killed"),
        pytest.param(stopped(0, 139), {"broken"}, id="one-of-two"),
        pytest.param(stopped(None, stop="TaskFailedToStart"), {"failed to start"}, id="no-image"),
        pytest.param(stopped(stop="TaskFailedToStart"), {"failed to start"}, id="no-container"),
        pytest.param(stopped(143, stop="TerminationNotice"), {"broken", "failed to start"}, id="retired"),
        pytest.param(stopped(None, stop="SpotInterruption"), {"failed to start"}, id="interrupted"),
        pytest.param(stopped(None, status="RUNNING"), set(), id="running"),
    ],
)
def test_the_watchers_see_what_goes_wrong(language: str, task: dict[str, Any], seen: set[str]) -> None:
    found = watchers(language)
    assert found.keys() == {"broken", "failed to start"}
    (cluster,) = {arn for text in found.values() for arn in json.loads(text)["detail"]["clusterArn"]}
    event = {"source": "aws.ecs", "detail-type": "ECS Task State Change"}
    ours = {**event, "detail": {**task, "clusterArn": cluster}}
    assert {name for name, text in found.items() if matches(parse_rule(text), ours)} == seen
    others = {**event, "detail": {**task, "clusterArn": "arn:aws:ecs:eu-central-1:111122223333:cluster/other"}}
    assert not any(matches(parse_rule(text), others) for text in found.values())


def test_the_readme_of_the_module_lists_what_there_is() -> None:
    page = (DEPLOY / "terraform" / "README.md").read_text()
    for kind, file in (("variable", "variables.tf"), ("output", "outputs.tf")):
        blocks = hcl2.loads((DEPLOY / "terraform" / file).read_text())[kind]
        for name, about in ((name.strip('"'), about) for block in blocks for name, about in block.items()):
            assert f"| `{name}` | {str(about['description']).strip(chr(34))} |" in page
    example = hcl2.loads((DEPLOY / "terraform" / "examples" / "complete" / "main.tf").read_text())
    (module,) = (about for block in example["module"] for about in block.values())
    variables = hcl2.loads((DEPLOY / "terraform" / "variables.tf").read_text())["variable"]
    known = {name.strip('"'): about for block in variables for name, about in block.items()}
    given = {name for name in module if not name.startswith("__")} - {"source"}
    assert {name for name, about in known.items() if "default" not in about} <= given <= known.keys()


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


@pytest.mark.parametrize("code", [0, 1, 3, 4, 5])
def test_cron_mails_what_the_audit_answered_unless_it_is_an_answer(code: int, tmp_path: Path) -> None:
    """A criterion that was not met is no mail; gaps and altered logs are one, and no audit that broke off."""
    line = next(line for line in (DEPLOY / "cron" / "auditor").read_text().splitlines() if " run --" in line)
    command = line.split(maxsplit=6)[6].replace("/var/lib/auditor", str(tmp_path))
    (tmp_path / "auditor").write_text(f"#!/bin/sh\nexit {code}\n")
    (tmp_path / "auditor").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    said = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=False).stdout
    assert said == ("" if code in (0, 1) else f"auditor answered {code} (docs/exit-codes.md); see last-run.json\n")


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


def dask_commands() -> Iterator[list[str]]:
    """Yield the commands by which scheduler and workers are started, on ECS and on Kubernetes."""
    template = yaml.load((DEPLOY / "cluster" / "ecs.yaml").read_text(), Template)  # noqa: S506 - a safe loader
    for name in ("SchedulerTask", "WorkerTask"):
        (container,) = template["Resources"][name]["Properties"]["ContainerDefinitions"]
        assert container["ReadonlyRootFilesystem"]
        (script,) = container["Command"]
        subprocess.run(["sh", "-n"], input=script, text=True, check=True)
        yield shlex.split(script.splitlines()[-1])[1:]
    for document in yaml.safe_load_all((DEPLOY / "cluster" / "kubernetes.yaml").read_text()):
        if document["kind"] == "Deployment":
            pod = document["spec"]["template"]["spec"]
            (container,) = pod["containers"]
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert pod["securityContext"]["runAsUser"] == 10001
            yield container["command"]


def test_scheduler_and_workers_start_by_options_that_dask_has_and_only_with_certificates(tmp_path: Path) -> None:
    from distributed.cli.dask_scheduler import main as scheduler
    from distributed.cli.dask_worker import main as worker

    started = []
    for program, kind, *options in dask_commands():
        command = {"scheduler": scheduler, "worker": worker}[kind]
        there = [str(tmp_path / "file.pem") if word.endswith(".pem") else word for word in options]
        (tmp_path / "file.pem").touch()
        command.make_context(kind, there)
        assert program == "dask"
        assert {"--tls-ca-file", "--tls-cert", "--tls-key", "--no-dashboard"} <= set(options)
        assert ("--protocol" in options and "tls" in options) or options[0].startswith("tls://")
        started.append(kind)
    assert started == ["scheduler", "worker", "scheduler", "worker"]


def test_nothing_but_the_cluster_and_its_driver_reaches_the_scheduler() -> None:
    template = yaml.load((DEPLOY / "cluster" / "ecs.yaml").read_text(), Template)["Resources"]  # noqa: S506 - as above
    opened = [item["Properties"] for item in template.values() if item["Type"] == "AWS::EC2::SecurityGroupIngress"]
    assert len(opened) == 2
    assert all("SourceSecurityGroupId" in item and "CidrIp" not in item for item in opened)
    assert "SecurityGroupIngress" not in template["Inside"]["Properties"]


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


NAMES = ("::error::x", "a%0A::set-output name=x::y", "line\n::add-mask::z\r::endgroup::", "plain")
"""Titles that would speak commands of a workflow, if anything let them."""


def test_many_hostile_findings_make_nine_annotations_and_a_summary_below_the_limit(tmp_path: Path) -> None:
    results = tmp_path / "pack" / "results"
    results.mkdir(parents=True)
    (results / "summary.md").write_text("| ä |\n" * 300_000)
    failing = [
        {"control": f"c-{number}", "title": NAMES[number % 4], "severity": "high", "failed": 1} for number in range(40)
    ]
    told = {"exit_code": 1, "pack": str(results.parent), "headline": "::error::h", "counts": {}, "failing": failing}
    shim = tmp_path / "bin" / "auditor"
    shim.parent.mkdir()
    shim.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(told)}\nEND\nexit 1\n")
    shim.chmod(0o755)
    done = subprocess.run(
        ["bash", DEPLOY / "github" / "audit.sh"],
        env={
            "PATH": f"{shim.parent}:{os.environ['PATH']}",
            "RUNNER_TEMP": str(tmp_path),
            "GITHUB_OUTPUT": str(tmp_path / "outputs"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    token, *said, last = done.stdout.splitlines()
    assert token.startswith("::stop-commands::")
    assert said[0] == f"::{token.rpartition('::')[2]}::"
    annotations = [*said[1:], last]
    assert len(annotations) == 10
    assert all(line.startswith("::warning::") for line in annotations)
    assert last == "::warning::and 31 more, see the summary"
    size = (tmp_path / "summary").stat().st_size
    assert 800_000 < size < 901_000
    assert (tmp_path / "summary").read_text().endswith("The rest is in the pack.\n")
    outputs = dict(line.split("=", 1) for line in (tmp_path / "outputs").read_text().splitlines())
    assert (outputs["exit-code"], json.loads(outputs["result"])["headline"]) == ("1", "::error::h")


def test_the_gitlab_job_keeps_what_its_reports_name() -> None:
    (gate,) = yaml.safe_load((DEPLOY / "gitlab" / "auditor.gitlab-ci.yml").read_text()).values()
    script = "\n".join(gate["script"])
    formats = re.findall(r"--format (\S+)", script)[0].split(",")
    assert {EXPORTS[name][0] for name in ("junit", "codequality")} <= {EXPORTS[name][0] for name in formats}
    for file in gate["artifacts"]["reports"].values():
        assert file.removeprefix("auditor-") in script


def test_the_hooks_for_pre_commit_are_commands_that_there_are() -> None:
    for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text()):
        program, *words = hook["entry"].split()
        assert program == "auditor"
        command: Any = group
        for word in words:
            command = command.get_command(click.Context(command), word)
        kind = hook["id"].removeprefix("auditor-")
        example = {"terraform": "infra/main.tf", "cloudformation": "stacks/trail.yaml"}[kind]
        assert re.search(hook["files"], example)
        assert f"--{kind}" in {option for item in command.params for option in item.opts}


def test_the_page_of_exit_codes_has_the_product_s_words() -> None:
    page = (ROOT / "docs" / "exit-codes.md").read_text()
    for code in range(5):
        assert f"| {code} | {EXIT_MEANING[code]} |" in page

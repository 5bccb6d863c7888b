"""Templates and modules say the same as the lines, satisfy others' checkers, and run nothing that a name holds."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import hcl2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.base.untrusted import parse_json
from auditor.evidence.store import Evidence
from auditor.monitoring.chain.link import State
from auditor.monitoring.infrastructure.account import Infrastructure
from auditor.monitoring.infrastructure.cloudformation import read_cloudformation
from auditor.monitoring.infrastructure.terraform import read_terraform
from auditor.monitoring.patterns.requirement import requirement_from
from auditor.remedy.change import Asked, Expression, Finding, Remedy, Resource, Stage, Step
from auditor.remedy.declared import Undeclared, declared
from auditor.remedy.files import Form, files
from auditor.remedy.languages import module, template, text
from auditor.remedy.proposal import Proposal, findings, propose
from tests.remedy.kit import catalog
from tools.terraform import remarks

SAMPLE = Path(__file__).resolve().parents[2] / "reports" / "sample"


@pytest.fixture(scope="module")
def proposal() -> Proposal:
    document = parse_json((SAMPLE / "results" / "results.json").read_bytes())
    parameters = {name: item.parameters for name, item in catalog().controls.items()}
    evidence = Evidence(SAMPLE / "evidence")
    return propose(findings(document, parameters), evidence, pack_id="sample", as_of="2026-11-02T06:00:00Z")


def leaves(value: Any) -> Iterator[str]:
    """Yield the values of a form; dimensions are names and values in one language, a mapping in the other."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from leaves({} if name == "Code" else item)
    elif isinstance(value, list | tuple):
        for item in value:
            named = isinstance(item, Mapping) and item.keys() == {"Name", "Value"}
            yield from leaves(item["Value"] if named else item)
    elif isinstance(value, str) and value.startswith("{"):
        yield from leaves(json.loads(value)) if value.endswith("}") and value[1] == '"' else [repr(value)]
    elif not isinstance(value, Expression):
        yield repr(value)


def forms(proposal: Proposal, *, for_template: bool) -> Iterator[tuple[Remedy, tuple[Resource, ...]]]:
    for remedy in proposal.remedies:
        try:
            yield remedy, declared(remedy, template=for_template)
        except Undeclared:
            continue


def test_the_three_forms_hold_the_same_values(proposal: Proposal) -> None:
    found = list(forms(proposal, for_template=True))
    assert len(found) > 15
    for remedy, resources in found:
        called = {leaf for step in remedy.steps for leaf in leaves(step.parameters)}
        for item in resources:
            assert item in remedy.declares or set(leaves(item.template)) <= called
        blocks = [item.block for item in declared(remedy, template=False) if not item.data]
        one, other = set(leaves([item.template for item in resources])), set(leaves(blocks))
        told_otherwise = {"aws_flow_log"}  # the kind of its resource, and the ARN of its group
        assert one == other or told_otherwise & {item.block_type for item in resources}


def test_templates_satisfy_the_linter(proposal: Proposal, tmp_path: Path) -> None:
    made = {name: body for name, body in files(proposal, Form.CLOUDFORMATION).items() if name.endswith(".json")}
    del made["remedies.json"]
    assert len(made) == 2
    for name, body in made.items():
        (tmp_path / name.replace("/", "-")).write_text(body)
    command = [Path(sys.executable).with_name("cfn-lint"), *tmp_path.iterdir()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_module_reads_back_as_it_was_meant(proposal: Proposal) -> None:
    made = files(proposal, Form.TERRAFORM)
    read = hcl2.loads(made["111122223333/terraform/main.tf"])
    expected = {item.label for _, resources in forms(proposal, for_template=False) for item in resources}
    blocks = [*read["resource"], *read["data"]]
    assert {label.strip('"') for block in blocks for kind in block.values() for label in kind} == expected
    assert "alarm_email" in made["111122223333/terraform/variables.tf"]


@pytest.mark.parametrize("form", [Form.CLOUDFORMATION, Form.TERRAFORM])
def test_our_own_checker_finds_what_is_declared_to_detect_and_to_tell(
    form: Form, proposal: Proposal, tmp_path: Path
) -> None:
    made = files(proposal, form)
    place = "eu-central-1.template.json" if form is Form.CLOUDFORMATION else "terraform/main.tf"
    for name, body in made.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(body)
    if form is Form.CLOUDFORMATION:
        code = read_cloudformation(made[f"111122223333/{place}"], place)
    else:
        code = read_terraform(tmp_path / "111122223333" / "terraform", ["alarm_email=a@example.org"])
    found = Infrastructure(code)
    whole = {
        remedy.finding.control
        for remedy, resources in forms(proposal, for_template=True)
        if {"aws_cloudwatch_log_metric_filter", "aws_cloudwatch_metric_alarm"} <= {it.block_type for it in resources}
    }
    assert len(whole) > 5
    for control in sorted(whole):
        answer = found.detect(requirement_from(control, catalog().controls[control].parameters))
        assert (control, answer.state) == (control, State.OK), answer.reason
    assert found.invalid == ()


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (Form.CLI, "--stack-name auditor-remedies-20261102 "),
        (Form.CLOUDFORMATION, "--stack-name auditor-remedies-20261102 "),
        (Form.TERRAFORM, 'module "remedies_20261102" {'),
    ],
)
def test_a_later_pack_takes_over_no_stack_and_no_module(form: Form, words: str, proposal: Proposal) -> None:
    assert words in files(proposal, form)["README.md"]


def test_a_module_satisfies_the_schema_of_its_provider(proposal: Proposal) -> None:
    made = files(proposal, Form.TERRAFORM)
    assert remarks(made["111122223333/terraform/main.tf"]) == []


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ('resource "aws_sqs_queue" "a" {\n colour = "x"\n}', "aws_sqs_queue.a: there is no argument colour"),
        ('resource "aws_sqs_queue" "a" {\n name {\n x = 1\n }\n}', "aws_sqs_queue.a: name is no block"),
        (
            'resource "aws_flow_log" "a" {\n destination_options = 1\n}',
            "aws_flow_log.a: destination_options is a block",
        ),
        ('resource "aws_sns_topic_policy" "a" {\n arn = "x"\n}', "aws_sns_topic_policy.a: policy is missing"),
        ('resource "aws_nothing" "a" {\n}', "aws_nothing: not in the excerpt"),
    ],
)
def test_the_schema_finds_mistakes(text: str, remark: str) -> None:
    assert remarks(text) == [remark]


@pytest.mark.parametrize(
    ("control", "why"),
    [
        ("iam-password-min-length", "AWS has no CloudFormation type"),
        ("ebs-default-encryption", "AWS has no CloudFormation type"),
        ("s3-block-public-access", "AWS has no CloudFormation type"),
        ("account-security-contact", "AWS has no CloudFormation type"),
        ("default-sg-closed", "changes what exists"),
        ("kms-key-rotation", "changes what exists"),
    ],
)
def test_what_a_template_cannot_say_comes_as_lines_with_the_reason(control: str, why: str, proposal: Proposal) -> None:
    made = files(proposal, Form.CLOUDFORMATION)
    assert any(control in name and name.endswith(".sh") for name in made)
    line = next(line for line in made["README.md"].splitlines() if line.startswith("- As lines") and control in line)
    assert why in line.replace("\\", "")


@given(st.text(max_size=60))
def test_a_text_of_terraform_evaluates_nothing(value: str) -> None:
    quoted = text(value)
    assert "\n" not in quoted
    inside = quoted[1:-1].replace("$${", "").replace("%%{", "")
    assert "${" not in inside
    assert "%{" not in inside
    assert json.loads(quoted.replace("$${", "${").replace("%%{", "%{")) == value


def test_a_hostile_title_stays_a_text_in_both() -> None:
    title = '${file("/etc/passwd")} %{ if true } "} {"Ref": "x"} \n resource "a" "b" {}'
    finding = Finding("monitor-x", title, "high", {}, "111122223333", "aws", "eu-west-1", "r", "why", ("EV-0001",))
    given_values = {"Name": title}
    steps = (
        Step(Stage.TOPIC, "a topic", "sns", "CreateTopic", "eu-west-1", given_values),
        Step(
            Stage.SUBSCRIPTION,
            "somebody",
            "sns",
            "Subscribe",
            "eu-west-1",
            {"TopicArn": title, "Protocol": "email", "Endpoint": Asked("ALARM_EMAIL", "the address")},
        ),
    )
    resources = declared(Remedy(finding, "", steps, (), "", ""), template=True)
    read = json.loads(template(resources, title))
    names = [item["Properties"].get("TopicName") for item in read["Resources"].values()]
    assert names == [title, None]
    assert read["Resources"][resources[1].logical_id]["Properties"]["Endpoint"] == {"Ref": "AlarmEmail"}
    assert len(hcl2.loads(module(resources)["main.tf"])["resource"]) == 2

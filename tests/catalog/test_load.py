"""Laws over the whole catalogue: what a newcomer's control has to keep without being asked."""

import ast
import re
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from auditor.catalog.load import load_catalog
from auditor.evaluate.checks import find_check
from auditor.evidence.operations import Operation, load_operations, needed
from auditor.model import Control, TestType

CONTROLS = Path(__file__).parents[2] / "controls"
CATALOG = load_catalog(CONTROLS, has_check=lambda name: find_check(name) is not None)
OPERATIONS = load_operations(CONTROLS / "operations.yaml")
CHECKS = CONTROLS.parent / "auditor" / "evaluate" / "checks"
JUDGED = [control for control in CATALOG.controls.values() if control.evidence]
NEVER_SAID = re.compile(
    r"\b(complian(?!ce mode)\w*|certif\w+ (?:to|for|against)|certified|guarantee\w*|in place|effective|secure)\b",
    re.IGNORECASE,
)
"""Words that are the auditor's to say, or that promise more than was seen."""
CALLED = sorted(name for name, operation in OPERATIONS.items() if not operation.produced)
READS = ("Describe", "Get", "List", "GenerateCredentialReport", "TestMetricFilter", "TestEventPattern", "LookupEvents")
UNMODELLED = {"s3"}
"""Services whose error codes botocore's models do not list."""


@pytest.fixture(scope="module")
def sdk() -> Any:
    return botocore.session.get_session()


def model(sdk: Any, operation: Operation) -> Any:
    return sdk.get_service_model(operation.service).operation_model(operation.api)


@pytest.mark.parametrize("name", CALLED)
def test_every_operation_its_parameters_and_required_keys_exist_in_aws(sdk: Any, name: str) -> None:
    operation = OPERATIONS[name]
    described = model(sdk, operation)
    assert set(operation.required) <= set(described.output_shape.members)
    accepted = set(described.input_shape.members) if described.input_shape else set()
    asked = set(operation.parameters).union(*(source.parameters for source in operation.for_each))
    assert asked <= accepted
    if described.input_shape and operation.planned:
        for source in operation.for_each or [None]:
            given = set(operation.parameters) | set(source.parameters if source else ())
            assert set(described.input_shape.required_members) <= given


@pytest.mark.parametrize("name", CALLED)
def test_every_absent_code_is_an_error_that_aws_documents(sdk: Any, name: str) -> None:
    operation = OPERATIONS[name]
    if operation.service in UNMODELLED:
        return
    codes = {shape.metadata.get("error", {}).get("code") or shape.name for shape in model(sdk, operation).error_shapes}
    assert {entry.partition(": ")[0] for entry in operation.absent} <= codes  # a code, or a code and a message


@pytest.mark.parametrize("name", CALLED)
def test_every_operation_only_reads(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation.api.startswith(READS)
    assert operation.action.partition(":")[2].startswith((*READS, "GET"))


def test_operations_depend_on_each_other_without_circles() -> None:
    ordered = [operation.name for operation in needed(OPERATIONS, OPERATIONS)]
    assert sorted(ordered) == sorted(OPERATIONS)
    for operation in OPERATIONS.values():
        for source in operation.for_each:
            assert ordered.index(source.operation) < ordered.index(operation.name)


@pytest.mark.parametrize("control", CATALOG.controls.values(), ids=lambda control: control.id)
def test_every_control_explains_itself_in_neutral_words(control: Control) -> None:
    sentences = (control.objective, control.criterion, control.why, control.remediation, control.side_effects)
    assert all(sentences)
    assert control.test or not control.evidence
    for sentence in (control.title, control.test, control.empty_reason, *sentences):
        assert not NEVER_SAID.search(sentence.replace("COMPLIANCE", "")), sentence


@pytest.mark.parametrize("control", JUDGED, ids=lambda control: control.id)
def test_a_control_over_resources_reads_its_population_from_its_first_operation(control: Control) -> None:
    if control.population:
        first = re.findall(r"[A-Za-z]+", control.population)[0]
        assert first in OPERATIONS[control.evidence[0]].required


def test_every_check_is_asked_for_by_a_control() -> None:
    named = {control.check for control in CATALOG.controls.values()}
    public = {
        f"{path.stem}.{node.name}"
        for path in CHECKS.glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and _is_check(node)
    }
    assert public == named - {""}


def _is_check(node: ast.FunctionDef) -> bool:
    takes_a_subject = [ast.unparse(item.annotation) for item in node.args.args if item.annotation] == ["Subject"]
    gives_a_verdict = node.returns is not None and ast.unparse(node.returns) in {"Verdict", "Iterator[Member]"}
    return takes_a_subject and gives_a_verdict and not node.name.startswith("_")


def test_no_framework_repeats_a_number_or_asks_twice_for_a_control() -> None:
    for framework in CATALOG.frameworks.values():
        for requirement in framework.requirements:
            asked = (*requirement.controls, *requirement.suggested)
            assert len(set(asked)) == len(asked), f"{framework.id} {requirement.id}"


COUNTS = {"1.4.0": 58, "1.5.0": 63, "2.0.0": 64, "3.0.0": 62, "4.0.1": 64, "5.0.0": 63, "6.0.0": 63, "7.0.0": 70}
"""Recommendations per edition of the CIS AWS Foundations Benchmark."""


@pytest.mark.parametrize(("edition", "count"), COUNTS.items())
def test_each_benchmark_edition_is_complete(edition: str, count: int) -> None:
    framework = CATALOG.frameworks[f"cis-aws-{edition}"]
    assert len(framework.requirements) == count
    assert len(framework.controls) == count
    assert all(item.controls and item.level in (1, 2) and item.assessment for item in framework.requirements)
    numbers = [[int(part) for part in item.id.split(".")] for item in framework.requirements]
    assert numbers == sorted(numbers)


def test_where_the_benchmark_grew_the_older_editions_ask_for_less() -> None:
    asked = {
        edition: {key for item in CATALOG.frameworks[f"cis-aws-{edition}"].requirements for key in item.parameters}
        for edition in COUNTS
    }
    assert {edition for edition, keys in asked.items() if "events" in keys} == {
        "1.4.0",
        "1.5.0",
        "2.0.0",
        "3.0.0",
        "4.0.1",
    }


def test_every_control_is_asked_for_by_a_framework() -> None:
    asked = {name for framework in CATALOG.frameworks.values() for name in framework.controls}
    assert asked == set(CATALOG.controls)


def test_period_controls_read_what_trail_verification_wrote() -> None:
    periods = [control for control in CATALOG.controls.values() if control.test_type is TestType.POT]
    assert periods
    for control in periods:
        assert "trail:VerifyDigests" in control.evidence


CROSSWALK = ("pci-dss-4.0.1", "soc2-2017", "iso27001-2022", "hipaa-security-rule", "nist-800-53-r5", "nist-csf-2.0")
NUMBERS = {
    "pci-dss-4.0.1": r"\d{1,2}\.\d{1,2}(\.\d{1,2}){0,2}",
    "soc2-2017": r"(CC[1-9]|A1|C1)\.\d",
    "iso27001-2022": r"A\.[5-8]\.\d{1,2}",
    "hipaa-security-rule": r"164\.3(08|12)(\([a-z]\))(\(\d\))?(\([ivx]+\))?(\([A-D]\))?",
    "nist-800-53-r5": r"[A-Z]{2}-\d{1,2}(\(\d{1,2}\))?",
    "nist-csf-2.0": r"(GV|ID|PR|DE|RS|RC)\.[A-Z]{2}-\d{2}",
}


@pytest.mark.parametrize("name", CROSSWALK)
def test_crosswalk_numbers_have_the_form_of_their_standard(name: str) -> None:
    framework = CATALOG.frameworks[name]
    assert framework.controls
    for requirement in framework.requirements:
        assert re.fullmatch(NUMBERS[name], requirement.id), requirement.id
        assert requirement.title
        assert not NEVER_SAID.search(requirement.title)


def test_requirements_that_nothing_bears_on_are_listed_all_the_same() -> None:
    bare = {
        requirement.id
        for requirement in CATALOG.frameworks["pci-dss-4.0.1"].requirements
        if not requirement.controls and not requirement.suggested
    }
    assert "10.6" in bare

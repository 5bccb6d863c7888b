"""Laws over the whole catalogue: what a newcomer's control has to keep without being asked."""

from pathlib import Path
from typing import Any

import botocore.session
import pytest

from auditor.operations import Operation, load_operations, needed

CONTROLS = Path(__file__).parent.parent / "controls"
OPERATIONS = load_operations(CONTROLS / "operations.yaml")
CALLED = sorted(name for name, operation in OPERATIONS.items() if not operation.produced)
READS = ("Describe", "Get", "List", "GenerateCredentialReport")
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
    if described.input_shape:
        for source in operation.for_each or [None]:
            given = set(operation.parameters) | set(source.parameters if source else ())
            assert set(described.input_shape.required_members) <= given


@pytest.mark.parametrize("name", CALLED)
def test_every_absent_code_is_an_error_that_aws_documents(sdk: Any, name: str) -> None:
    operation = OPERATIONS[name]
    if operation.service in UNMODELLED:
        return
    codes = {shape.metadata.get("error", {}).get("code") or shape.name for shape in model(sdk, operation).error_shapes}
    assert set(operation.absent) <= codes


@pytest.mark.parametrize("name", CALLED)
def test_every_operation_only_reads(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation.api.startswith(READS)
    assert operation.action.partition(":")[2].startswith((*READS, "List", "Get"))


def test_operations_depend_on_each_other_without_circles() -> None:
    ordered = [operation.name for operation in needed(OPERATIONS, OPERATIONS)]
    assert sorted(ordered) == sorted(OPERATIONS)
    for operation in OPERATIONS.values():
        for source in operation.for_each:
            assert ordered.index(source.operation) < ordered.index(operation.name)

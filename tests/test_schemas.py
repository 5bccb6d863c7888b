"""The published JSON Schemas are those of the code, and real results fit theirs."""

import json
from pathlib import Path

import jsonschema
import pytest

from auditor.evaluate.engine import evaluate
from auditor.outcome import results_document
from tests.evaluate.test_engine import REGIONS, World, build_catalog, vpc
from tools.schemas import FOLDER, SCHEMAS, schema


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_the_published_schema_is_the_one_of_the_code(name: str) -> None:
    assert (FOLDER / name).read_text() == schema(name)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.name)
def test_every_published_schema_is_a_schema(path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text()))


def test_results_fit_their_schema_and_a_wrong_one_does_not(tmp_path: Path) -> None:
    world = World(tmp_path)
    for region in REGIONS:
        world.answer("ec2:DescribeVpcs", region, {"Vpcs": [vpc("vpc-1", Tagged=False)]})
        world.fail("cloudtrail:DescribeTrails", region, "AccessDenied")
    document = results_document(evaluate(world.evidence(), build_catalog(tmp_path / "controls")))
    validator = jsonschema.Draft202012Validator(json.loads((FOLDER / "results.schema.json").read_text()))
    validator.validate(document)
    document["controls"][0]["results"][0]["state"] = "MAYBE"
    assert not validator.is_valid(document)

"""The published JSON Schemas are those of the code, and real results fit theirs."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditor.evaluate.engine import evaluate
from auditor.pack.outcome import results_document
from tests.evaluate.test_engine import REGIONS, World, build_catalog, vpc
from tools.schemas import FOLDER, SCHEMAS, schema

SAMPLE = FOLDER.parent.parent / "reports" / "sample"


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


def without(document: dict[str, Any], *path: str | int) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    at: Any = changed
    for step in path[:-1]:
        at = at[step]
    del at[path[-1]]
    return changed


ROW = ("events", 0, "rows", 0)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(("events", 0, "rows"), id="events-without-rows"),
        pytest.param((*ROW, "event_id"), id="an-event-without-id"),
        pytest.param((*ROW, "verified"), id="an-event-of-which-nobody-says-whether-it-is-verified"),
        pytest.param(("events", 0, "source", "log_files"), id="events-from-nowhere"),
    ],
)
def test_the_sample_fits_the_schema_and_does_not_without_what_it_has_to_say(path: tuple[str | int, ...]) -> None:
    validator = jsonschema.Draft202012Validator(json.loads((FOLDER / "results.schema.json").read_text()))
    sample = json.loads((SAMPLE / "results" / "results.json").read_bytes())
    validator.validate(sample)
    assert not validator.is_valid(without(sample, *path))

"""Writes the published JSON Schemas that follow from the code; ``--check`` fails when one is out of date."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from auditor.catalog.cases import CaseFile
from auditor.catalog.responses import ResponseFile
from auditor.catalog.waivers import AttestationFile, WaiverFile
from auditor.config import Config
from auditor.cost.prices import PriceFile
from tools import answer_schemas, catalogue_schemas
from tools.assembly_schema import assembly_schema
from tools.command_schemas import cost_schema, diff_schema, doctor_schema, history_schema, run_schema, verify_schema
from tools.events_schema import events_schema
from tools.trail_schema import trail_schema

FOLDER = Path(__file__).parent.parent / "docs" / "schemas"
SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "auditor.schema.json": Config.model_json_schema,
    "waivers.schema.json": WaiverFile.model_json_schema,
    "attestations.schema.json": AttestationFile.model_json_schema,
    "responses.schema.json": ResponseFile.model_json_schema,
    "cases.schema.json": CaseFile.model_json_schema,
    "prices.schema.json": PriceFile.model_json_schema,
    "run.schema.json": run_schema,
    "verify.schema.json": verify_schema,
    "doctor.schema.json": doctor_schema,
    "history.schema.json": history_schema,
    "diff.schema.json": diff_schema,
    "cost.schema.json": cost_schema,
    "trail.schema.json": trail_schema,
    "events.schema.json": events_schema,
    "assembly.schema.json": assembly_schema,
    "error.schema.json": answer_schemas.error_schema,
    "collect.schema.json": answer_schemas.collect_schema,
    "evaluate.schema.json": answer_schemas.evaluate_schema,
    "render.schema.json": answer_schemas.render_schema,
    "seal.schema.json": answer_schemas.seal_schema,
    "keygen.schema.json": answer_schemas.keygen_schema,
    "upload-answer.schema.json": answer_schemas.upload_schema,
    "run-organization.schema.json": answer_schemas.organization_run_schema,
    "assemble.schema.json": answer_schemas.assemble_schema,
    "prune.schema.json": answer_schemas.prune_schema,
    "config.schema.json": answer_schemas.config_schema,
    "completion.schema.json": answer_schemas.completion_schema,
    "policy.schema.json": answer_schemas.policy_schema,
    "remedies.schema.json": answer_schemas.remedies_schema,
    "controls.schema.json": catalogue_schemas.controls_schema,
    "control.schema.json": catalogue_schemas.control_schema,
    "controls-validate.schema.json": catalogue_schemas.validate_schema,
    "controls-test.schema.json": catalogue_schemas.trying_schema,
    "pattern-check.schema.json": catalogue_schemas.pattern_check_schema,
    "pattern-test.schema.json": catalogue_schemas.pattern_test_schema,
    "questions.schema.json": catalogue_schemas.questions_schema,
    "question.schema.json": catalogue_schemas.question_schema,
    "anatomy.schema.json": catalogue_schemas.anatomy_schema,
    "athena-ddl.schema.json": catalogue_schemas.ddl_schema,
}


def schema(name: str) -> str:
    """Return the text of one schema."""
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **SCHEMAS[name]()}
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def main() -> int:
    """Write or check all schemas."""
    stale = [name for name in SCHEMAS if not (FOLDER / name).exists() or (FOLDER / name).read_text() != schema(name)]
    if "--check" in sys.argv[1:]:
        for name in stale:
            print(f"docs/schemas/{name} is out of date: run python tools/schemas.py")
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (FOLDER / name).write_text(schema(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Writes the published JSON Schemas of the files that people write; ``--check`` fails when one is out of date."""

import json
import sys
from pathlib import Path

from pydantic import BaseModel

from auditor.config import Config
from auditor.waivers import AttestationFile, WaiverFile

FOLDER = Path(__file__).parent.parent / "docs" / "schemas"
SCHEMAS: dict[str, type[BaseModel]] = {
    "auditor.schema.json": Config,
    "waivers.schema.json": WaiverFile,
    "attestations.schema.json": AttestationFile,
}


def schema(name: str) -> str:
    """Return the text of one schema."""
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **SCHEMAS[name].model_json_schema()}
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

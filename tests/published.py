"""The judges of published schemas, each made once."""

import json
from functools import cache
from pathlib import Path

import jsonschema

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "schemas"


@cache
def validator(file: str) -> jsonschema.Draft202012Validator:
    """Return the judge of documents of one published schema."""
    return jsonschema.Draft202012Validator(json.loads((FOLDER / file).read_text(encoding="utf-8")))

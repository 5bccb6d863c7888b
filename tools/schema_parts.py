"""What the published JSON Schemas are made of: texts, counts, times, objects that have just the members named."""

from typing import Any

from auditor.model import Severity, State

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
TEXTS: Schema = {"type": "array", "items": TEXT}
COUNT: Schema = {"type": "integer", "minimum": 0}
OBJECT: Schema = {"type": "object"}
FLAG: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
SHA256: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
MONTH: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d$"}
MONEY: Schema = {"type": "number", "minimum": 0}
CODE: Schema = {"enum": [0, 1, 3, 4, 5]}
SEVERITY: Schema = {"enum": [item.value for item in Severity]}
STATE: Schema = {"enum": [item.value for item in State]}


def an_object(properties: Schema, *, optional: tuple[str, ...] = (), **words: Any) -> Schema:
    """Return an object that has these members and no others; all of them, but for the optional ones."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False, **words}


def members(**properties: Schema) -> Schema:
    """Return an object that has these members and no others, all of them."""
    return an_object(properties)


def a_list(item: Schema) -> Schema:
    """Return a list of items of one kind."""
    return {"type": "array", "items": item}


def or_null(schema: Schema) -> Schema:
    """Return a value that may be absent as null."""
    return {"anyOf": [schema, {"type": "null"}]}


def a_document(name: str, what: str, properties: Schema, **options: Any) -> Schema:
    """Return a whole document: ``auditor.NAME/1``."""
    return {"title": f"auditor.{name}/1", "description": what, **an_object(properties, **options)}


def answered(name: str, code: Schema, members: Schema) -> Schema:
    """Return the members of an answer: its form, the exit code, and what it says."""
    return {"schema": {"const": f"auditor.{name}/1"}, "exit_code": code, **members}


def one_of(name: str, *forms: Schema) -> Schema:
    """Return a document that has one of several forms."""
    return {"title": f"auditor.{name}/1", "oneOf": list(forms)}


PERIOD = an_object({"start": TIME, "end": TIME, "tz": {"const": "UTC"}, "label": TEXT})
STATES = an_object({item.value: COUNT for item in State})
UPLOADED = an_object({"place": TEXT, "objects": COUNT, "new": COUNT, "record": TEXT, "error": or_null(TEXT)})

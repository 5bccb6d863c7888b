"""The JSON Schema of an answer to a question, as ``auditor events NAME --json`` prints it."""

from typing import Any

from auditor.events.answer import SCHEMA
from tools.schema_parts import COUNT, TEXTS, TIME


def events_schema() -> dict[str, Any]:
    """Return the schema."""
    hours = {"type": ["integer", "null"], "minimum": 0}
    missing = {
        "type": "object",
        "description": "A part of what was asked that was not searched, or not with proof; further members say where.",
        "required": ["what", "why"],
        "properties": {
            "what": {"enum": ["hours", "log_files", "records", "events", "source"]},
            "why": {"type": "string"},
        },
    }
    counts = ("log_files", "records", "duplicates", "unreadable")
    searched = {
        "accounts": TEXTS,
        "regions": TEXTS,
        "hours_verified": hours,
        "hours_expected": hours,
        **dict.fromkeys(counts, COUNT),
        "not_searched": {"type": "array", "items": missing},
    }
    period = {"start": TIME, "end": TIME, "tz": {"const": "UTC"}, "label": {"type": "string"}}
    properties = {
        "exit_code": {"enum": [0, 3, 4]},
        "schema": {"const": SCHEMA},
        "question": {"type": "string"},
        "parameters": {"type": "object"},
        "period": {"type": "object", "required": list(period), "properties": period},
        "answered_by": {
            "type": "object",
            "required": ["engine", "sources"],
            "properties": {
                "engine": {"enum": ["duckdb", "athena"]},
                "sources": {"type": "array", "items": {"type": "object", "required": ["kind"]}},
            },
        },
        "searched": {
            "type": "object",
            "required": list(searched),
            "properties": searched,
            "additionalProperties": False,
        },
        "cannot_see": TEXTS,
        "columns": TEXTS,
        "rows": {"type": "array", "items": {"type": "object"}},
        "truncated": {"type": "boolean"},
    }
    return {
        "title": "auditor events",
        "type": "object",
        "required": [name for name in properties if name != "exit_code"],
        "properties": properties,
        "additionalProperties": False,
    }

"""Builds the published JSON Schema of trail reports (``auditor.trail/1``) from the code's lists of kinds and states."""

from collections.abc import Iterable
from typing import Any, get_args

from auditor.trail.coverage import STATES
from auditor.trail.findings import KINDS, Certainty, Level
from auditor.trail.report import SCHEMA, DigestCounts, LogCounts

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_TIME: Schema = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$"}
_ACCOUNT: Schema = {"type": "string", "pattern": r"^(\d{12}|unknown)$"}
_VERDICT: Schema = {"enum": [level.word for level in Level]}
_CERTAINTY: Schema = {"enum": list(get_args(Certainty))}


def _object(**fields: Schema) -> Schema:
    return {"type": "object", "properties": fields, "required": sorted(fields), "additionalProperties": False}


def _list(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _counts(names: Iterable[str]) -> Schema:
    return _object(**dict.fromkeys(names, _COUNT))


def _causes() -> list[str]:
    return sorted([kind.removeprefix("gap_") for kind in KINDS if kind.startswith("gap_")] + ["no_digests"])


def _definitions() -> dict[str, Schema]:
    digests, logs = _counts(DigestCounts.__slots__), _counts(LogCounts.__slots__)
    bytes_read = ("stored_bytes", "inflated_bytes")
    hours = {"type": "string", "pattern": f"^[{''.join(STATES)}]{{24}}$", "description": "one state for each hour"}
    return {
        "finding": _object(
            kind={"enum": sorted(KINDS)},
            level={"enum": [level.word for level in Level if level is not Level.PASS]},
            object=_TEXT,
            account=_TEXT,
            region=_TEXT,
            hour=_or_null(_TIME),
            expected=_TEXT,
            found=_TEXT,
            certainty=_CERTAINTY,
            sentence=_TEXT,
            details={"type": "object", "additionalProperties": _TEXT},
        ),
        "gap": _object(
            account=_ACCOUNT,
            region=_TEXT,
            start=_TIME,
            end=_TIME,
            hours={"type": "number", "minimum": 0},
            cause={"enum": _causes()},
            certainty=_CERTAINTY,
            sentence=_TEXT,
            log_objects=_COUNT,
            events=_list(_TEXT),
        ),
        "anchor": _object(
            account=_ACCOUNT, region=_TEXT, bucket=_TEXT, key=_TEXT, end=_TIME, sha256=_TEXT, signature=_TEXT
        ),
        "chain": _object(
            account=_ACCOUNT,
            region=_TEXT,
            hours_asked=_COUNT,
            hours_verified=_COUNT,
            digests=digests,
            logs=logs,
            days=_list(_object(date={"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}, hours=hours)),
        ),
        "coverage": _object(
            hours_asked=_COUNT,
            hours_verified=_COUNT,
            states=_object(**{state: {"const": words} for state, words in STATES.items()}),
            chains=_list({"$ref": "#/$defs/chain"}),
        ),
        "counts": _object(digests=digests, logs=_counts((*LogCounts.__slots__, *bytes_read))),
    }


def _shared() -> dict[str, Schema]:
    """Return what the document of one trail and that of several have in common."""
    return {
        "schema": {"const": SCHEMA},
        "verdict": _VERDICT,
        "interrupted": {"type": "boolean"},
        "period": _object(start=_TIME, end=_TIME),
        "as_of": _TIME,
        "counts": {"$ref": "#/$defs/counts"},
        "coverage": {"$ref": "#/$defs/coverage"},
        "gaps": _list({"$ref": "#/$defs/gap"}),
        "findings": _list({"$ref": "#/$defs/finding"}),
        "anchors": _list({"$ref": "#/$defs/anchor"}),
    }


def _one_trail() -> Schema:
    names = ("name", "home_region", "account", "bucket", "prefix")
    trail = _object(**dict.fromkeys(names, _TEXT), arn=_or_null(_TEXT), organization=_or_null(_TEXT))
    key = _object(region=_TEXT, fingerprint=_TEXT, valid_from=_TIME, valid_until=_TIME, digests=_COUNT)
    rule = _object(bucket=_TEXT, prefix=_TEXT, days=_COUNT, rule=_TEXT)
    return _object(
        **_shared(),
        trail=trail,
        findings_omitted={"type": "object", "propertyNames": {"enum": sorted(KINDS)}, "additionalProperties": _COUNT},
        keys=_list(key),
        earlier_anchors=_list({"$ref": "#/$defs/anchor"}),
        other_trails=_list(_TEXT),
        retention=_object(
            days=_or_null(_COUNT), rules=_list(rule), unreadable=_list(_object(bucket=_TEXT, code=_TEXT))
        ),
    )


def _printed(document: Schema) -> Schema:
    """Allow for the exit code, which ``--json`` prints beside the document."""
    return {**document, "properties": {**document["properties"], "exit_code": {"enum": [0, 3, 4, 5, 130]}}}


def trail_schema() -> Schema:
    """Return the schema of one trail's document and of the document over several trails."""
    several = _object(**_shared(), trails=_list({"$ref": "#/$defs/trail_report"}))
    return {
        "title": SCHEMA,
        "description": "Verification of CloudTrail digests and log files: of one trail, as in a pack and printed by "
        "`auditor trail verify --json`, or of all trails of a place. Periods are [start, end) in UTC. Fields are only "
        "ever added within version 1.",
        "oneOf": [_printed(_one_trail()), _printed(several)],
        "$defs": {"trail_report": _one_trail(), **_definitions()},
    }

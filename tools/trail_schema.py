"""Builds the published JSON Schema of trail reports (``auditor.trail/1``) from the code's lists of kinds and states."""

from collections.abc import Iterable
from typing import get_args

from auditor.trail.coverage import STATES
from auditor.trail.findings import KINDS, Certainty, Level
from auditor.trail.report import SCHEMA, DigestCounts, LogCounts
from tools.schema_parts import COUNT, TEXT, TIME, Schema, a_list, members, or_null

_ACCOUNT: Schema = {"type": "string", "pattern": r"^(\d{12}|unknown)$"}
_VERDICT: Schema = {"enum": [level.word for level in Level]}
_CERTAINTY: Schema = {"enum": list(get_args(Certainty))}


def _counts(names: Iterable[str]) -> Schema:
    return members(**dict.fromkeys(names, COUNT))


def _causes() -> list[str]:
    return sorted([kind.removeprefix("gap_") for kind in KINDS if kind.startswith("gap_")] + ["no_digests"])


def _definitions() -> dict[str, Schema]:
    digests, logs = _counts(DigestCounts.__slots__), _counts(LogCounts.__slots__)
    bytes_read = ("stored_bytes", "inflated_bytes")
    hours = {"type": "string", "pattern": f"^[{''.join(STATES)}]{{24}}$", "description": "one state for each hour"}
    return {
        "finding": members(
            kind={"enum": sorted(KINDS)},
            level={"enum": [level.word for level in Level if level is not Level.PASS]},
            object=TEXT,
            account=TEXT,
            region=TEXT,
            hour=or_null(TIME),
            expected=TEXT,
            found=TEXT,
            certainty=_CERTAINTY,
            sentence=TEXT,
            details={"type": "object", "additionalProperties": TEXT},
        ),
        "gap": members(
            account=_ACCOUNT,
            region=TEXT,
            start=TIME,
            end=TIME,
            hours={"type": "number", "minimum": 0},
            cause={"enum": _causes()},
            certainty=_CERTAINTY,
            sentence=TEXT,
            log_objects=COUNT,
            events=a_list(TEXT),
        ),
        "anchor": members(account=_ACCOUNT, region=TEXT, bucket=TEXT, key=TEXT, end=TIME, sha256=TEXT, signature=TEXT),
        "chain": members(
            account=_ACCOUNT,
            region=TEXT,
            hours_asked=COUNT,
            hours_verified=COUNT,
            digests=digests,
            logs=logs,
            days=a_list(members(date={"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}, hours=hours)),
        ),
        "coverage": members(
            hours_asked=COUNT,
            hours_verified=COUNT,
            states=members(**{state: {"const": words} for state, words in STATES.items()}),
            chains=a_list({"$ref": "#/$defs/chain"}),
        ),
        "counts": members(digests=digests, logs=_counts((*LogCounts.__slots__, *bytes_read))),
    }


def _shared() -> dict[str, Schema]:
    """Return what the document of one trail and that of several have in common."""
    return {
        "schema": {"const": SCHEMA},
        "verdict": _VERDICT,
        "interrupted": {"type": "boolean"},
        "period": members(start=TIME, end=TIME),
        "as_of": TIME,
        "counts": {"$ref": "#/$defs/counts"},
        "coverage": {"$ref": "#/$defs/coverage"},
        "gaps": a_list({"$ref": "#/$defs/gap"}),
        "findings": a_list({"$ref": "#/$defs/finding"}),
        "anchors": a_list({"$ref": "#/$defs/anchor"}),
    }


def _one_trail() -> Schema:
    names = ("name", "home_region", "account", "bucket", "prefix")
    trail = members(**dict.fromkeys(names, TEXT), arn=or_null(TEXT), organization=or_null(TEXT))
    key = members(region=TEXT, fingerprint=TEXT, valid_from=TIME, valid_until=TIME, digests=COUNT)
    rule = members(bucket=TEXT, prefix=TEXT, days=COUNT, rule=TEXT)
    return members(
        **_shared(),
        trail=trail,
        findings_omitted={"type": "object", "propertyNames": {"enum": sorted(KINDS)}, "additionalProperties": COUNT},
        keys=a_list(key),
        earlier_anchors=a_list({"$ref": "#/$defs/anchor"}),
        other_trails=a_list(TEXT),
        retention=members(days=or_null(COUNT), rules=a_list(rule), unreadable=a_list(members(bucket=TEXT, code=TEXT))),
    )


def _printed(document: Schema) -> Schema:
    """Allow for the exit code, which ``--json`` prints beside the document."""
    return {**document, "properties": {**document["properties"], "exit_code": {"enum": [0, 3, 4, 5, 130]}}}


def trail_schema() -> Schema:
    """Return the schema of one trail's document and of the document over several trails."""
    several = members(**_shared(), trails=a_list({"$ref": "#/$defs/trail_report"}))
    return {
        "title": SCHEMA,
        "description": "Verification of CloudTrail digests and log files: of one trail, as in a pack and printed by "
        "`auditor trail verify --json`, or of all trails of a place. Periods are [start, end) in UTC. Fields are only "
        "ever added within version 1.",
        "oneOf": [_printed(_one_trail()), _printed(several)],
        "$defs": {"trail_report": _one_trail(), **_definitions()},
    }

"""Builds the published JSON Schema of assembled results (``auditor.assembly/1``) from the code's states and marks."""

from typing import Any

from auditor.model import Severity, State, TestType
from auditor.pack.assembly import METHOD, SCHEMA
from auditor.pack.history import Mark
from auditor.pack.verdicts import Level

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_YES: Schema = {"type": "boolean"}
_TIME: Schema = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$"}
_MONTH: Schema = {"type": "string", "pattern": r"^\d{4}-\d{2}$"}
_SHA256: Schema = {"type": "string", "pattern": r"^[0-9a-f]{64}$"}
_ACCOUNT: Schema = {"type": "string", "pattern": r"^\d{12}$"}
_STATE: Schema = {"enum": [state.value for state in State]}
_SEVERITY: Schema = {"enum": [severity.value for severity in Severity]}


def _object(**fields: Schema) -> Schema:
    return {"type": "object", "properties": fields, "required": sorted(fields), "additionalProperties": False}


def _list(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _population() -> Schema:
    pack = _object(
        id=_TEXT,
        as_of=_TIME,
        manifest_sha256=_SHA256,
        signer=_or_null(_TEXT),
        holes=_list(_TEXT),
        ruleset=_SHA256,
        tool=_TEXT,
        regions={"type": "object", "additionalProperties": _list(_TEXT)},
    )
    month = _object(
        month=_MONTH,
        marks=_list({"enum": [mark.value for mark in Mark]}),
        gap=_TEXT,
        hours=_object(expected=_COUNT, verified=_COUNT),
        taken=_or_null(_TEXT),
        packs=_list(pack),
        rules_changed=_YES,
        scope_changed=_YES,
    )
    return _object(source=_COUNT, tested=_COUNT, excluded=_COUNT, not_assessed=_COUNT, months=_list(month))


def _control() -> Schema:
    cell = _object(month=_MONTH, state=_STATE, at_test=_or_null(_STATE), why=_TEXT, pack=_TEXT)
    return _object(
        id=_TEXT,
        title=_TEXT,
        severity=_SEVERITY,
        test_type={"enum": [kind.value for kind in TestType]},
        criterion=_TEXT,
        state=_STATE,
        met=_COUNT,
        met_at_test=_COUNT,
        rules_changed=_list(_MONTH),
        months=_list(cell),
    )


def _exception() -> Schema:
    return _object(
        id=_SHA256,
        control=_TEXT,
        title=_TEXT,
        severity=_SEVERITY,
        account=_TEXT,
        region=_TEXT,
        resource=_TEXT,
        reason=_TEXT,
        months=_list(_MONTH),
        first_seen=_TIME,
        last_seen=_TIME,
        fixed=_or_null(_TIME),
        days_open={"type": "integer"},
    )


def _waiver() -> Schema:
    names = ("control", "resource", "justification", "owner", "approver", "ticket", "expires")
    return _object(**dict.fromkeys(names, _TEXT), months=_list(_MONTH))


def assembly_schema() -> Schema:
    """Return the schema of the results of an assembled pack."""
    period = _object(start=_TIME, end=_TIME, tz={"const": "UTC"}, label=_TEXT)
    return {
        "title": "Results of an assembled pack",
        **_object(
            schema={"const": SCHEMA},
            headline=_TEXT,
            counts=_object(**{state.value: _COUNT for state in State}),
            run=_object(entity=_TEXT, title=_TEXT, accounts=_list(_ACCOUNT), period=period, as_of=_TIME, newest=_YES),
            population=_population(),
            sampling=_or_null(_object(size=_COUNT, seed=_TEXT, method={"const": METHOD}, drawn=_list(_MONTH))),
            frameworks=_list(_object(id=_TEXT, title=_TEXT, edition=_TEXT, controls=_list(_TEXT))),
            controls=_list(_control()),
            exceptions=_list(_exception()),
            waivers=_list(_waiver()),
            integrity=_list(
                _object(
                    pack=_TEXT,
                    months=_list(_MONTH),
                    trails=_COUNT,
                    verdict={"enum": [level.word for level in Level]},
                )
            ),
        ),
    }

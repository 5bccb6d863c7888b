"""The JSON Schemas of what commands print with ``--json``: run, verify, doctor, history, diff, cost."""

from typing import Any

from auditor.model import Severity, State
from auditor.pack.comparison import Change
from auditor.pack.history import Mark
from auditor.run.doctoring import Health
from auditor.seal.report import Outcome

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_TEXTS: Schema = {"type": "array", "items": _TEXT}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_FLAG: Schema = {"type": "boolean"}
_TIME: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
_SHA256: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_MONTH: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d$"}
_MONEY: Schema = {"type": "number", "minimum": 0}
_CODE: Schema = {"enum": [0, 1, 3, 4, 5]}
_SEVERITY: Schema = {"enum": [item.value for item in Severity]}
_STATE: Schema = {"enum": [item.value for item in State]}


def _object(properties: Schema, *, optional: tuple[str, ...] = (), **words: Any) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False, **words}


def _list(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _document(name: str, what: str, properties: Schema, **options: Any) -> Schema:
    return {"title": f"auditor.{name}/1", "description": what, **_object(properties, **options)}


_PERIOD = _object({"start": _TIME, "end": _TIME, "tz": {"const": "UTC"}, "label": _TEXT})
_STATES = _object({item.value: _COUNT for item in State})
_CHANGES = _object({item.value: _COUNT for item in Change})
_CHANGE = _object(
    {
        "change": {"enum": [item.value for item in Change]},
        "why": _TEXT,
        "state_before": _or_null(_STATE),
        "id": _SHA256,
        "control": _TEXT,
        "title": _TEXT,
        "severity": _SEVERITY,
        "account": _TEXT,
        "region": _TEXT,
        "resource": _TEXT,
        "editions": _TEXTS,
        "state": _STATE,
        "reason": _TEXT,
    }
)


_UPLOADED = _or_null(
    _object({"place": _TEXT, "objects": _COUNT, "new": _COUNT, "record": _TEXT, "error": _or_null(_TEXT)})
)


def run_schema() -> Schema:
    """Return the schema of what ``auditor run`` and ``auditor demo`` print."""
    return {"title": "auditor.run/1", "oneOf": [_made_schema(), _standing_schema()]}


def _made_schema() -> Schema:
    cause = {
        "error": _TEXT, "calls": _COUNT, "operations": _TEXTS, "actions": _TEXTS, "controls": _TEXTS, "first": _TEXT,
    }  # fmt: skip
    refused = {"id": _TEXT, "region": _TEXT, "code": _TEXT, "message": _TEXT}
    return _object(
        {
            "schema": {"const": "auditor.run/1"},
            "exit_code": _CODE,
            "made": {"const": True},
            "pack": _TEXT,
            "pack_id": _TEXT,
            "manifest_sha256": _SHA256,
            "period": _PERIOD,
            "resumed": _list(_TIME),
            "headline": _TEXT,
            "counts": _STATES,
            "failing": _list(_object({"control": _TEXT, "title": _TEXT, "severity": _SEVERITY, "failed": _COUNT})),
            "since": _or_null(
                _object({"pack_id": _TEXT, "manifest_sha256": _SHA256, "as_of": _TIME, "counts": _CHANGES})
            ),
            "not_assessed": _list(_object(cause)),
            "left_out": _TEXT,
            "zip": _or_null(_TEXT),
            "baseline": _or_null(
                _object(
                    {
                        "created": _TIME,
                        "counts": _CHANGES,
                        "oldest_known_days": _or_null(_COUNT),
                        "changes": _list(_CHANGE),
                    }
                )
            ),
            "securityhub_import": _or_null(
                _object({"operation": _TEXT, "sent": _COUNT, "accepted": _COUNT, "refused": _list(_object(refused))})
            ),
            "notified": _list(_object({"target": _TEXT, "error": _or_null(_TEXT)})),
            "upload": _UPLOADED,
        },
        description="A pack was made; the whole judgement stands in its results/results.json.",
    )


def _standing_schema() -> Schema:
    return _object(
        {
            "schema": {"const": "auditor.run/1"},
            "exit_code": _CODE,
            "made": {"const": False},
            "pack": _TEXT,
            "place": _TEXT,
            "pack_id": _TEXT,
            "manifest_sha256": _SHA256,
            "headline": _TEXT,
            "counts": _STATES,
            "upload": _UPLOADED,
        },
        description="With --if-missing: a complete pack was there already.",
    )


def doctor_schema() -> Schema:
    """Return the schema of what ``auditor doctor`` prints."""
    look = {"name": _TEXT, "health": {"enum": [item.value for item in Health]}, "seen": _TEXT, "hint": _TEXT}
    return _document(
        "doctor",
        "What was looked at before a run, in the order of looking.",
        {"schema": {"const": "auditor.doctor/1"}, "exit_code": {"enum": [0, 2, 3, 5]}, "looks": _list(_object(look))},
    )


def diff_schema() -> Schema:
    """Return the schema of what ``auditor diff`` prints."""
    side = _object({"pack": _TEXT, "pack_id": _TEXT, "manifest_sha256": _TEXT, "as_of": _TIME, "verified": _TEXT})
    catalogue = {
        "added": _TEXTS,
        "removed": _TEXTS,
        "changed": _list(_object({"control": _TEXT, "parts": _TEXTS})),
    }
    return _document(
        "diff",
        "What changed between two packs, gravest kind first.",
        {
            "schema": {"const": "auditor.diff/1"},
            "exit_code": {"enum": [0, 1, 3, 4]},
            "old": side,
            "new": side,
            "counts": _CHANGES,
            "scope": _TEXTS,
            "catalogue": _object(catalogue, description="The rules, apart from the account."),
            "changes": _list(_CHANGE),
        },
    )


def verify_schema() -> Schema:
    """Return the schema of what ``auditor verify`` prints."""
    return _document(
        "verify",
        "Whether a pack holds, check by check.",
        {
            "schema": {"const": "auditor.verify/1"},
            "verdict": {"enum": ["pass", "incomplete", "fail"]},
            "exit_code": {"enum": [0, 3, 4]},
            "pack": _TEXT,
            "pack_id": _TEXT,
            "manifest_sha256": _TEXT,
            "files": _COUNT,
            "signer": _TEXT,
            "sealed_at": _TEXT,
            "checks": _list(
                _object({"name": _TEXT, "outcome": {"enum": [item.value for item in Outcome]}, "message": _TEXT})
            ),
            "findings": _list(_object({"check": _TEXT, "kind": _TEXT, "path": _TEXT, "message": _TEXT})),
            "not_derivable": _TEXTS,
            "notices": _TEXTS,
        },
        optional=("not_derivable", "notices"),
    )


def history_schema() -> Schema:
    """Return the schema of what ``auditor history`` prints."""
    pack = {
        "pack": _TEXT,
        "pack_id": _TEXT,
        "manifest_sha256": _TEXT,
        "as_of": _TIME,
        "verified": {"enum": ["pass", "incomplete", "fail"]},
        "holes": _TEXTS,
    }
    month = {"month": _TEXT, "marks": _list({"enum": [mark.value for mark in Mark]}), "packs": _list(_object(pack))}
    point = {"month": _TEXT, "counts": _STATES, "constant_scope": _or_null(_STATES), "rules_changed": _FLAG}
    ages: Schema = {
        "type": "object",
        "description": "Severity -> how many findings, median and longest of their ages in days.",
        "propertyNames": _SEVERITY,
        "additionalProperties": {"type": "array", "prefixItems": [_COUNT, _MONEY, _COUNT], "items": False},
    }
    account = {
        "account": _TEXT,
        "months": _list(_object(month)),
        "other_packs": _TEXTS,
        "broken_links": _TEXTS,
        "open": ages,
        "fixed": ages,
        "trends": {"type": "object", "additionalProperties": _list(_or_null(_object(point)))},
        "waivers": _list(_object({"control": _TEXT, "expires": _TEXT, "first_seen": _TIME})),
    }
    joined = {"pack": _TEXT, "pack_id": _TEXT, "period": _TEXT, "members": _COUNT, "verified": _TEXT}
    return _document(
        "history",
        "All packs under a folder by account and month. For a bucket without a pack of the month that is required, "
        "only the first members.",
        {
            "schema": {"const": "auditor.history/1"},
            "exit_code": {"enum": [0, 3, 4]},
            "required": _or_null(_MONTH),
            "missing": _TEXTS,
            "broken": _TEXTS,
            "unreadable": _list(_object({"pack": _TEXT, "why": _TEXT})),
            "joined": _list(_object(joined)),
            "accounts": _list(_object(account)),
        },
        optional=("broken", "unreadable", "joined", "accounts"),
    )


def cost_schema() -> Schema:
    """Return the schema of what ``auditor cost`` prints."""
    where = {"group": {"enum": ["logging", "audit"]}, "area": _TEXT, "what": _TEXT, "account": _TEXT, "region": _TEXT}
    price = {"id": _TEXT, "usd": _TEXT, "region": _TEXT, "source": _TEXT, "grade": _TEXT, "seen": _TEXT}
    line = {
        **where,
        "quantity": _MONEY,
        "unit": _TEXT,
        "price": _object(price),
        "formula": _TEXT,
        "usd": _MONEY,
        "estimate": {"const": True},
        "paid_twice": _FLAG,
        "note": _TEXT,
        "evidence": _TEXTS,
    }
    unknown = {
        **where,
        "why": _TEXT,
        "usd": {"type": "null"},
        "usd_at_most": _or_null(_MONEY),
        "answer_missing": _FLAG,
    }
    totals = {
        "logging_usd_a_month": _MONEY, "paid_twice_usd_a_month": _MONEY, "audit_usd": _MONEY, "not_known": _COUNT,
    }  # fmt: skip
    return _document(
        "cost",
        "What the logging of accounts costs a month at list price: estimates, and what is not known.",
        {
            "schema": {"const": "auditor.cost/1"},
            "exit_code": _CODE,
            "estimate": {"const": True},
            "accounts": _TEXTS,
            "period": _PERIOD,
            "month": _TEXT,
            "currency": {"const": "USD"},
            "prices": _object({"region": _TEXT, "own_file": _or_null(_TEXT)}),
            "totals": _object(totals),
            "lines": _list(_object(line)),
            "not_known": _list(_object(unknown)),
            "proposals": _list({"type": "object", "required": ["trail", "title", "command"]}),
            "searched": _TEXTS,
            "source": _TEXT,
            "verified": _TEXT,
        },
    )

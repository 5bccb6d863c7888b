"""The JSON Schemas of what commands print with ``--json``: run, verify, doctor, history, diff, cost."""

from auditor.pack.comparison import Change
from auditor.pack.history import Mark
from auditor.run.doctoring import Health
from auditor.seal.report import Outcome
from tools.schema_parts import (
    CODE,
    COUNT,
    FLAG,
    MONEY,
    MONTH,
    PERIOD,
    SEVERITY,
    SHA256,
    STATE,
    STATES,
    TEXT,
    TEXTS,
    TIME,
    UPLOADED,
    Schema,
    a_document,
    a_list,
    an_object,
    or_null,
)

_CHANGES = an_object({item.value: COUNT for item in Change})
_CHANGE = an_object(
    {
        "change": {"enum": [item.value for item in Change]},
        "why": TEXT,
        "state_before": or_null(STATE),
        "id": SHA256,
        "control": TEXT,
        "title": TEXT,
        "severity": SEVERITY,
        "account": TEXT,
        "region": TEXT,
        "resource": TEXT,
        "editions": TEXTS,
        "state": STATE,
        "reason": TEXT,
    }
)


def run_schema() -> Schema:
    """Return the schema of what ``auditor run`` and ``auditor demo`` print."""
    return {"title": "auditor.run/1", "oneOf": [_made_schema(), _standing_schema()]}


def _made_schema() -> Schema:
    cause = {
        "error": TEXT, "calls": COUNT, "operations": TEXTS, "actions": TEXTS, "controls": TEXTS, "first": TEXT,
    }  # fmt: skip
    refused = {"id": TEXT, "region": TEXT, "code": TEXT, "message": TEXT}
    return an_object(
        {
            "schema": {"const": "auditor.run/1"},
            "exit_code": CODE,
            "made": {"const": True},
            "pack": TEXT,
            "pack_id": TEXT,
            "manifest_sha256": SHA256,
            "period": PERIOD,
            "resumed": a_list(TIME),
            "headline": TEXT,
            "counts": STATES,
            "failing": a_list(an_object({"control": TEXT, "title": TEXT, "severity": SEVERITY, "failed": COUNT})),
            "since": or_null(
                an_object({"pack_id": TEXT, "manifest_sha256": SHA256, "as_of": TIME, "counts": _CHANGES})
            ),
            "not_assessed": a_list(an_object(cause)),
            "left_out": TEXT,
            "zip": or_null(TEXT),
            "baseline": or_null(
                an_object(
                    {
                        "created": TIME,
                        "counts": _CHANGES,
                        "oldest_known_days": or_null(COUNT),
                        "changes": a_list(_CHANGE),
                    }
                )
            ),
            "securityhub_import": or_null(
                an_object({"operation": TEXT, "sent": COUNT, "accepted": COUNT, "refused": a_list(an_object(refused))})
            ),
            "notified": a_list(an_object({"target": TEXT, "error": or_null(TEXT)})),
            "upload": or_null(UPLOADED),
        },
        description="A pack was made; the whole judgement stands in its results/results.json.",
    )


def _standing_schema() -> Schema:
    return an_object(
        {
            "schema": {"const": "auditor.run/1"},
            "exit_code": CODE,
            "made": {"const": False},
            "pack": TEXT,
            "place": TEXT,
            "pack_id": TEXT,
            "manifest_sha256": SHA256,
            "headline": TEXT,
            "counts": STATES,
            "upload": or_null(UPLOADED),
        },
        description="With --if-missing: a complete pack was there already.",
    )


def doctor_schema() -> Schema:
    """Return the schema of what ``auditor doctor`` prints."""
    look = {"name": TEXT, "health": {"enum": [item.value for item in Health]}, "seen": TEXT, "hint": TEXT}
    return a_document(
        "doctor",
        "What was looked at before a run, in the order of looking.",
        {
            "schema": {"const": "auditor.doctor/1"},
            "exit_code": {"enum": [0, 2, 3, 5]},
            "looks": a_list(an_object(look)),
        },
    )


def diff_schema() -> Schema:
    """Return the schema of what ``auditor diff`` prints."""
    side = an_object({"pack": TEXT, "pack_id": TEXT, "manifest_sha256": TEXT, "as_of": TIME, "verified": TEXT})
    catalogue = {
        "added": TEXTS,
        "removed": TEXTS,
        "changed": a_list(an_object({"control": TEXT, "parts": TEXTS})),
    }
    return a_document(
        "diff",
        "What changed between two packs, gravest kind first.",
        {
            "schema": {"const": "auditor.diff/1"},
            "exit_code": {"enum": [0, 1, 3, 4]},
            "old": side,
            "new": side,
            "counts": _CHANGES,
            "scope": TEXTS,
            "catalogue": an_object(catalogue, description="The rules, apart from the account."),
            "changes": a_list(_CHANGE),
        },
    )


def verify_schema() -> Schema:
    """Return the schema of what ``auditor verify`` prints."""
    return a_document(
        "verify",
        "Whether a pack holds, check by check.",
        {
            "schema": {"const": "auditor.verify/1"},
            "verdict": {"enum": ["pass", "incomplete", "fail"]},
            "exit_code": {"enum": [0, 3, 4]},
            "pack": TEXT,
            "pack_id": TEXT,
            "manifest_sha256": TEXT,
            "files": COUNT,
            "signer": TEXT,
            "sealed_at": TEXT,
            "checks": a_list(
                an_object({"name": TEXT, "outcome": {"enum": [item.value for item in Outcome]}, "message": TEXT})
            ),
            "findings": a_list(an_object({"check": TEXT, "kind": TEXT, "path": TEXT, "message": TEXT})),
            "not_derivable": TEXTS,
            "notices": TEXTS,
        },
        optional=("not_derivable", "notices"),
    )


def history_schema() -> Schema:
    """Return the schema of what ``auditor history`` prints."""
    pack = {
        "pack": TEXT,
        "pack_id": TEXT,
        "manifest_sha256": TEXT,
        "as_of": TIME,
        "verified": {"enum": ["pass", "incomplete", "fail"]},
        "holes": TEXTS,
    }
    month = {"month": TEXT, "marks": a_list({"enum": [mark.value for mark in Mark]}), "packs": a_list(an_object(pack))}
    point = {"month": TEXT, "counts": STATES, "constant_scope": or_null(STATES), "rules_changed": FLAG}
    ages: Schema = {
        "type": "object",
        "description": "Severity -> how many findings, median and longest of their ages in days.",
        "propertyNames": SEVERITY,
        "additionalProperties": {"type": "array", "prefixItems": [COUNT, MONEY, COUNT], "items": False},
    }
    account = {
        "account": TEXT,
        "months": a_list(an_object(month)),
        "other_packs": TEXTS,
        "broken_links": TEXTS,
        "open": ages,
        "fixed": ages,
        "trends": {"type": "object", "additionalProperties": a_list(or_null(an_object(point)))},
        "waivers": a_list(an_object({"control": TEXT, "expires": TEXT, "first_seen": TIME})),
    }
    joined = {"pack": TEXT, "pack_id": TEXT, "period": TEXT, "members": COUNT, "verified": TEXT}
    return a_document(
        "history",
        "All packs under a folder by account and month. For a bucket without a pack of the month that is required, "
        "only the first members.",
        {
            "schema": {"const": "auditor.history/1"},
            "exit_code": {"enum": [0, 3, 4]},
            "required": or_null(MONTH),
            "missing": TEXTS,
            "broken": TEXTS,
            "unreadable": a_list(an_object({"pack": TEXT, "why": TEXT})),
            "joined": a_list(an_object(joined)),
            "accounts": a_list(an_object(account)),
        },
        optional=("broken", "unreadable", "joined", "accounts"),
    )


def cost_schema() -> Schema:
    """Return the schema of what ``auditor cost`` prints."""
    where = {"group": {"enum": ["logging", "audit"]}, "area": TEXT, "what": TEXT, "account": TEXT, "region": TEXT}
    price = {"id": TEXT, "usd": TEXT, "region": TEXT, "source": TEXT, "grade": TEXT, "seen": TEXT}
    line = {
        **where,
        "quantity": MONEY,
        "unit": TEXT,
        "price": an_object(price),
        "formula": TEXT,
        "usd": MONEY,
        "estimate": {"const": True},
        "paid_twice": FLAG,
        "note": TEXT,
        "evidence": TEXTS,
    }
    unknown = {
        **where,
        "why": TEXT,
        "usd": {"type": "null"},
        "usd_at_most": or_null(MONEY),
        "answer_missing": FLAG,
    }
    totals = {
        "logging_usd_a_month": MONEY, "paid_twice_usd_a_month": MONEY, "audit_usd": MONEY, "not_known": COUNT,
    }  # fmt: skip
    return a_document(
        "cost",
        "What the logging of accounts costs a month at list price: estimates, and what is not known.",
        {
            "schema": {"const": "auditor.cost/1"},
            "exit_code": CODE,
            "estimate": {"const": True},
            "accounts": TEXTS,
            "period": PERIOD,
            "month": TEXT,
            "currency": {"const": "USD"},
            "prices": an_object({"region": TEXT, "own_file": or_null(TEXT)}),
            "totals": an_object(totals),
            "lines": a_list(an_object(line)),
            "not_known": a_list(an_object(unknown)),
            "proposals": a_list({"type": "object", "required": ["trail", "title", "command"]}),
            "searched": TEXTS,
            "source": TEXT,
            "verified": TEXT,
        },
    )

"""The JSON Schemas of what the smaller commands print with ``--json``: rooms, packs, keys, settings, and errors."""

from auditor.collect.preflight import May
from auditor.org.reconcile import Standing
from auditor.pack.comparison import Change
from auditor.pack.history import Mark
from tools.schema_parts import (
    COUNT,
    FLAG,
    MONTH,
    OBJECT,
    PERIOD,
    SHA256,
    STATES,
    TEXT,
    TEXTS,
    TIME,
    UPLOADED,
    Schema,
    a_document,
    a_list,
    an_object,
    answered,
    one_of,
    or_null,
)

_DONE: Schema = {"const": 0}
_VERDICT: Schema = {"enum": [0, 1, 3, 4]}


def error_schema() -> Schema:
    """Return the schema of what every command prints when it is refused, breaks or is ended."""
    return a_document(
        "error",
        "Nothing was answered: what was wrong, and what to do about it.",
        answered("error", {"enum": [2, 3, 4, 5, 129, 130, 143]}, {"error": TEXT, "hint": TEXT}),
    )


def collect_schema() -> Schema:
    """Return the schema of what ``auditor collect`` prints."""
    members = {"evidence": TEXT, "records": COUNT, "gaps": COUNT}
    return a_document("collect", "Evidence was collected.", answered("collect", {"enum": [0, 3]}, members))


def evaluate_schema() -> Schema:
    """Return the schema of what ``auditor evaluate`` prints."""
    members = {"headline": TEXT, "counts": STATES}
    return a_document(
        "evaluate", "Evidence was judged; --out writes all of it.", answered("evaluate", _VERDICT, members)
    )


def render_schema() -> Schema:
    """Return the schema of what ``auditor render`` prints."""
    members = {"pack": TEXT, "headline": TEXT, "counts": STATES}
    return a_document("render", "A collection became a pack.", answered("render", _VERDICT, members))


def seal_schema() -> Schema:
    """Return the schema of how a pack is sealed: ``trust/seal.json``, and what ``auditor seal`` prints."""
    signature = {
        "file": TEXT, "format": TEXT, "algorithm": TEXT, "subject": TEXT, "issuer": TEXT, "serial": TEXT,
        "sha256": SHA256, "not_before": TIME, "not_after": TIME, "self_signed": FLAG, "complete": FLAG,
    }  # fmt: skip
    stamp = {"status": {"enum": ["requested", "failed"]}, "url": TEXT, "reason": TEXT}
    pdf = {"level": TEXT, "note": TEXT, "unsigned_bytes": COUNT, "unsigned_sha256": SHA256}
    members = {
        "pack": TEXT,
        "zip": or_null(TEXT),
        "signature": or_null(an_object(signature)),
        "timestamp": or_null(an_object(stamp)),
        "pdf": or_null(an_object(pdf)),
    }
    return a_document(
        "seal",
        "How a pack is sealed. In trust/seal.json without exit code, pack and zip.",
        answered("seal", _DONE, members),
        optional=("exit_code", "pack", "zip"),
    )


def keygen_schema() -> Schema:
    """Return the schema of what ``auditor keygen`` prints."""
    members = {"files": TEXTS, "certificate_sha256": SHA256}
    return a_document("keygen", "A signing identity was made.", answered("keygen", _DONE, members))


def upload_schema() -> Schema:
    """Return the schema of what ``auditor upload`` prints."""
    members = {"pack": TEXT, **UPLOADED["properties"]}
    return a_document("upload-answer", "What is in the bucket.", answered("upload-answer", {"enum": [0, 5]}, members))


def organization_run_schema() -> Schema:
    """Return the schema of what ``auditor run --org`` prints."""
    account = {
        "id": TEXT, "name": TEXT, "state": TEXT, "standing": {"enum": [item.value for item in Standing]},
        "code": TEXT, "reason": TEXT, "exit_code": or_null({"enum": [0, 1, 3, 4, 5]}), "counts": or_null(STATES),
    }  # fmt: skip
    changes = an_object({kind.value: COUNT for kind in Change})
    held = {
        "created": TIME,
        "counts": changes,
        "oldest_known_days": or_null(COUNT),
        "changes": {**a_list(OBJECT), "description": "As in run.schema.json."},
        "accounts": {"type": "object", "additionalProperties": changes},
        "without_baseline": TEXTS,
    }
    refused = {"id": TEXT, "region": TEXT, "code": TEXT, "message": TEXT}
    record = an_object({"sent": COUNT, "accepted": COUNT, "refused": a_list(an_object(refused))})
    imported = {"sent": COUNT, "accepted": COUNT, "accounts": {"type": "object", "additionalProperties": record}}
    members = {
        "pack": TEXT,
        "pack_id": TEXT,
        "manifest_sha256": SHA256,
        "period": PERIOD,
        "headline": TEXT,
        "counts": STATES,
        "reconciliation": {**OBJECT, "description": "As in organization.schema.json."},
        "accounts": a_list(an_object(account)),
        "unmatched_filters": TEXTS,
        "left_out": TEXT,
        "zip": or_null(TEXT),
        "baseline": or_null(an_object(held)),
        "securityhub_import": or_null(an_object(imported)),
        "notified": a_list(an_object({"target": TEXT, "error": or_null(TEXT)})),
        "upload": or_null(UPLOADED),
    }
    return a_document(
        "run-organization",
        "A pack over an organization was made; the whole stands in its results.",
        answered("run-organization", {"enum": [0, 1, 3, 4, 5]}, members),
    )


def assemble_schema() -> Schema:
    """Return the schema of what ``auditor assemble`` prints."""
    month = {"month": MONTH, "marks": a_list({"enum": [mark.value for mark in Mark]}), "gap": TEXT}
    members = {
        "pack": TEXT,
        "pack_id": TEXT,
        "manifest_sha256": SHA256,
        "period": PERIOD,
        "headline": TEXT,
        "counts": STATES,
        "months": a_list(an_object(month)),
        "sample": TEXTS,
        "left_out": TEXTS,
    }
    return a_document("assemble", "Months became one pack.", answered("assemble", _VERDICT, members))


def prune_schema() -> Schema:
    """Return the schema of what ``auditor packs prune`` prints."""
    pack = {"pack": TEXT, "removed": FLAG, "goes": FLAG, "why": TEXT}
    members = {"dry_run": FLAG, "packs": a_list(an_object(pack))}
    return a_document("prune", "Which packs went, or would go.", answered("prune", _DONE, members))


def config_schema() -> Schema:
    """Return the schema of what ``auditor config show`` prints."""
    members = {
        "settings": a_list(an_object({"setting": TEXT, "value": {}, "origin": TEXT})),
        "options": a_list(an_object({"variable": TEXT, "value": TEXT, "options": TEXTS})),
        "ignored": TEXTS,
    }
    return a_document("config", "The settings, and where each came from.", answered("config", _DONE, members))


def completion_schema() -> Schema:
    """Return the schema of what ``auditor completion`` prints."""
    members = {"shell": {"enum": ["bash", "fish", "zsh"]}, "script": TEXT, "use": TEXT}
    return a_document("completion", "What a shell reads.", answered("completion", _DONE, members))


def policy_schema() -> Schema:
    """Return the schema of what ``auditor policy`` prints: policies, those of an organization, or a check."""
    iam = an_object({"Version": {"const": "2012-10-17"}, "Statement": a_list(OBJECT)})
    asked = {
        "operation": TEXT, "action": TEXT, "may": {"enum": [item.value for item in May]}, "region": TEXT,
        "reason": TEXT, "controls": TEXTS,
    }  # fmt: skip
    return one_of(
        "policy",
        an_object(
            answered("policy", _DONE, {"policies": a_list(iam), "characters": a_list(COUNT)}),
            optional=("characters",),
            description="IAM policies: attach them all.",
        ),
        an_object(
            answered("policy", _DONE, {"caller": iam, "members": a_list(iam), "holders": iam, "importers": iam}),
            optional=("importers",),
            description="With --org: of who runs it, of the role in every account, holders, who imports findings.",
        ),
        an_object(
            answered("policy", {"enum": [0, 3]}, {"principal": TEXT, "operations": a_list(an_object(asked))}),
            description="With --check: what the caller may do.",
        ),
    )


def remedies_schema() -> Schema:
    """Return the schema of proposed changes: ``remedies.json``, and what ``auditor remediate`` prints."""
    where = {"control": TEXT, "account": TEXT, "region": TEXT, "resource": TEXT}
    step = {"service": TEXT, "operation": TEXT, "region": TEXT, "parameters": OBJECT}
    remedy = {
        **where,
        "severity": TEXT,
        "reason": TEXT,
        "evidence": TEXTS,
        "exists": TEXT,
        "steps": a_list(an_object({**step, "words": TEXT})),
        "declares": a_list(an_object({"type": TEXT, "region": TEXT, "words": TEXT, "properties": OBJECT})),
        "undo": a_list(an_object(step)),
        "undo_words": TEXT,
        "side_effects": TEXT,
        "cost_month": TEXT,
        "waits_for_a_person": TEXT,
        "values_to_give": {"type": "object", "additionalProperties": TEXT},
    }
    members = {
        "out": TEXT,
        "pack_id": TEXT,
        "as_of": TIME,
        "remedies": a_list(an_object(remedy)),
        "without": a_list(an_object({**where, "why": TEXT})),
    }
    return a_document(
        "remedies",
        "Changes that close findings. In remedies.json without exit code and out.",
        answered("remedies", _DONE, members),
        optional=("exit_code", "out"),
    )

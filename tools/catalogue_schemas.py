"""The JSON Schemas of what commands say of controls, patterns and questions with ``--json``."""

from auditor.model import Scope, TestType
from auditor.monitoring.chain.link import State as LinkState
from auditor.monitoring.patterns.pattern import Dialect
from tools.schema_parts import (
    COUNT,
    FLAG,
    OBJECT,
    SEVERITY,
    STATE,
    TEXT,
    TEXTS,
    Schema,
    a_document,
    a_list,
    an_object,
    answered,
    one_of,
    or_null,
)

_DONE: Schema = {"const": 0}
_BY_FRAMEWORK: Schema = {"type": "object", "additionalProperties": TEXTS}
_SUMMARY: Schema = {
    "id": TEXT,
    "title": TEXT,
    "severity": SEVERITY,
    "test_type": {"enum": [item.value for item in TestType]},
    "service": TEXT,
    "scope": {"enum": [item.value for item in Scope]},
    "requirements": _BY_FRAMEWORK,
}


def controls_schema() -> Schema:
    """Return the schema of what ``auditor controls list`` prints."""
    requirement = {
        "id": TEXT, "title": TEXT, "level": or_null(COUNT), "assessment": TEXT, "controls": TEXTS, "suggested": TEXTS,
    }  # fmt: skip
    framework = {"id": TEXT, "title": TEXT, "edition": TEXT, "requirements": a_list(an_object(requirement))}
    members = {"frameworks": a_list(an_object(framework)), "controls": a_list(an_object(_SUMMARY))}
    return a_document("controls", "The catalogue, or a part of it.", answered("controls", _DONE, members))


def control_schema() -> Schema:
    """Return the schema of what ``auditor controls show`` prints."""
    texts = ("objective", "criterion", "test", "why", "population", "pass_when", "check", "when_empty")
    members = {
        **_SUMMARY,
        **dict.fromkeys((*texts, "remediation", "side_effects", "origin"), TEXT),
        **dict.fromkeys(("evidence", "consults", "actions"), TEXTS),
        "parameters": OBJECT,
        "suggested": _BY_FRAMEWORK,
    }
    return a_document("control", "One control.", answered("control", _DONE, members))


def validate_schema() -> Schema:
    """Return the schema of what ``auditor controls validate`` prints."""
    members = {"controls": COUNT, "frameworks": COUNT, "own": TEXTS, "asked_for_by_no_framework": TEXTS}
    return a_document("controls-validate", "All are well formed.", answered("controls-validate", _DONE, members))


def trying_schema() -> Schema:
    """Return the schema of what ``auditor controls test`` prints."""
    case = {
        "control": TEXT,
        "case": TEXT,
        "origin": TEXT,
        "expected": STATE,
        "state": STATE,
        "as_expected": FLAG,
        "wrong": TEXT,
        "results": a_list(an_object({"resource": TEXT, "state": STATE, "reason": TEXT})),
    }
    members = {"cases": a_list(an_object(case)), "without_cases": TEXTS}
    return a_document(
        "controls-test", "Cases, and how they came out.", answered("controls-test", {"enum": [0, 1]}, members)
    )


# ------------------------------------------------------------------------------------------------------- patterns

_MISSED: Schema = {
    "name": TEXT, "words": TEXT, "field": TEXT, "hint": TEXT, "pattern": TEXT, "clause": TEXT, "event": OBJECT,
}  # fmt: skip
_NARROWED: Schema = {"pattern": TEXT, "clause": TEXT, "reason": TEXT, "names": TEXTS}
_ADDED: Schema = {"pattern": TEXT, "words": TEXT, "event": OBJECT}


def _coverage(more: Schema) -> Schema:
    """Return the members of a judgement, each of its items with some more members."""
    return {
        "valid": FLAG,
        "covers": or_null(FLAG),
        "missed": a_list(an_object({**more, **_MISSED})),
        "narrowed_by": a_list(an_object({**more, **_NARROWED})),
        "adds": a_list(an_object({**more, **_ADDED})),
        "notes": TEXTS,
    }


def pattern_check_schema() -> Schema:
    """Return the schema of what ``auditor pattern check`` prints: for one control, for several, for code."""
    code: Schema = {"enum": [0, 1, 2, 3]}
    state = {"state": {"enum": [item.value for item in LinkState]}, "reason": TEXT, "places": TEXTS, "open": TEXTS}
    judged = an_object({"control": TEXT, **_coverage({})})
    built = an_object({"control": TEXT, **state, **_coverage({})})
    several = {"framework": TEXT, **_coverage({"control": TEXT})}
    return one_of(
        "pattern-check",
        an_object(
            answered("pattern-check", code, {"control": TEXT, "framework": TEXT, **_coverage({})}),
            description="Patterns for one control.",
        ),
        an_object(
            answered("pattern-check", code, {**several, "controls": a_list(judged)}),
            description="Patterns for each control of a framework.",
        ),
        an_object(
            answered("pattern-check", code, {**several, "invalid": TEXTS, "controls": a_list(built)}),
            description="Infrastructure code: the whole chain from trail to person.",
        ),
    )


def pattern_test_schema() -> Schema:
    """Return the schema of what ``auditor pattern test`` prints."""
    test = an_object({"test": TEXT, "holds": FLAG, "seen": TEXT})
    event = {"number": COUNT, "place": TEXT, "name": TEXT, "id": TEXT, "matches": FLAG, "tests": a_list(test)}
    members = {
        "dialect": {"enum": [item.value for item in Dialect]},
        "matches": FLAG,
        "records": COUNT,
        "matched": a_list(COUNT),
        "containers": TEXTS,
        "skipped": COUNT,
        "problems": TEXTS,
        "events": a_list(an_object(event)),
    }
    return a_document(
        "pattern-test", "What a pattern says of records.", answered("pattern-test", {"enum": [0, 1]}, members)
    )


# ---------------------------------------------------------------------------------------------------------- events

_PARAMETER = an_object({"name": TEXT, "type": TEXT, "help": TEXT, "default": or_null(TEXT)})
_QUESTION: Schema = {
    "name": TEXT,
    "title": TEXT,
    "answers": TEXT,
    "parameters": a_list(_PARAMETER),
    "columns": {"type": "object", "additionalProperties": TEXT},
    "cannot_see": TEXTS,
    "needs": TEXTS,
    "sql": an_object({"duckdb": TEXT, "athena": TEXT}),
}


def questions_schema() -> Schema:
    """Return the schema of what ``auditor events list`` prints."""
    members = {"questions": a_list(an_object(_QUESTION))}
    return a_document("questions", "All questions over events.", answered("questions", _DONE, members))


def question_schema() -> Schema:
    """Return the schema of what ``auditor events show`` prints."""
    return a_document("question", "One question over events.", answered("question", _DONE, _QUESTION))


def anatomy_schema() -> Schema:
    """Return the schema of what ``auditor events anatomy`` prints."""
    field = an_object({"path": TEXT, "value": TEXT, "meaning": TEXT})
    members = {"records": a_list(an_object({"place": TEXT, "fields": a_list(field), "remarks": TEXTS}))}
    return a_document("anatomy", "Records, field by field.", answered("anatomy", _DONE, members))


def ddl_schema() -> Schema:
    """Return the schema of what ``auditor events athena-ddl`` prints."""
    members = {"table": TEXT, "ddl": TEXT}
    return a_document("athena-ddl", "The statement that makes a table.", answered("athena-ddl", _DONE, members))

"""Builds the published JSON Schema of assembled results (``auditor.assembly/1``) from the code's states and marks."""

from auditor.model import State, TestType
from auditor.pack.assembly import METHOD, SCHEMA
from auditor.pack.history import Mark
from auditor.pack.verdicts import Level
from tools.schema_parts import COUNT, FLAG, MONTH, SEVERITY, SHA256, STATE, TEXT, TIME, Schema, a_list, members, or_null

_ACCOUNT: Schema = {"type": "string", "pattern": r"^\d{12}$"}


def _population() -> Schema:
    pack = members(
        id=TEXT,
        as_of=TIME,
        manifest_sha256=SHA256,
        signer=or_null(TEXT),
        holes=a_list(TEXT),
        ruleset=SHA256,
        tool=TEXT,
        regions={"type": "object", "additionalProperties": a_list(TEXT)},
    )
    month = members(
        month=MONTH,
        marks=a_list({"enum": [mark.value for mark in Mark]}),
        gap=TEXT,
        hours=members(expected=COUNT, verified=COUNT),
        taken=or_null(TEXT),
        packs=a_list(pack),
        rules_changed=FLAG,
        scope_changed=FLAG,
    )
    return members(source=COUNT, tested=COUNT, excluded=COUNT, not_assessed=COUNT, months=a_list(month))


def _control() -> Schema:
    cell = members(month=MONTH, state=STATE, at_test=or_null(STATE), why=TEXT, pack=TEXT)
    return members(
        id=TEXT,
        title=TEXT,
        severity=SEVERITY,
        test_type={"enum": [kind.value for kind in TestType]},
        criterion=TEXT,
        state=STATE,
        met=COUNT,
        met_at_test=COUNT,
        rules_changed=a_list(MONTH),
        months=a_list(cell),
    )


def _exception() -> Schema:
    return members(
        id=SHA256,
        control=TEXT,
        title=TEXT,
        severity=SEVERITY,
        account=TEXT,
        region=TEXT,
        resource=TEXT,
        reason=TEXT,
        months=a_list(MONTH),
        first_seen=TIME,
        last_seen=TIME,
        fixed=or_null(TIME),
        days_open={"type": "integer"},
    )


def _waiver() -> Schema:
    names = ("control", "resource", "justification", "owner", "approver", "ticket", "expires")
    return members(**dict.fromkeys(names, TEXT), months=a_list(MONTH))


def assembly_schema() -> Schema:
    """Return the schema of the results of an assembled pack."""
    period = members(start=TIME, end=TIME, tz={"const": "UTC"}, label=TEXT)
    return {
        "title": "Results of an assembled pack",
        **members(
            schema={"const": SCHEMA},
            headline=TEXT,
            counts=members(**{state.value: COUNT for state in State}),
            run=members(entity=TEXT, title=TEXT, accounts=a_list(_ACCOUNT), period=period, as_of=TIME, newest=FLAG),
            population=_population(),
            sampling=or_null(members(size=COUNT, seed=TEXT, method={"const": METHOD}, drawn=a_list(MONTH))),
            frameworks=a_list(members(id=TEXT, title=TEXT, edition=TEXT, controls=a_list(TEXT))),
            controls=a_list(_control()),
            exceptions=a_list(_exception()),
            waivers=a_list(_waiver()),
            integrity=a_list(
                members(
                    pack=TEXT,
                    months=a_list(MONTH),
                    trails=COUNT,
                    verdict={"enum": [level.word for level in Level]},
                )
            ),
        ),
    }

"""What people read where an answer is missing: no code that is ours."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.evidence.unanswered import asked_for, error_words, unanswered

SOURCES = sorted((Path(__file__).parent.parent.parent / "auditor").rglob("*.py"))


def _own_codes() -> Iterator[str]:
    """Yield each code that our own sources give as the reason of a missing answer."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in PLACES:
                code = node.args[PLACES[node.func.id] : PLACES[node.func.id] + 1]
                yield from (str(item.value) for item in code if isinstance(item, ast.Constant))


PLACES = {"Missing": 2, "CallError": 0}
"""Who takes a code, and as which argument."""


def test_each_code_of_ours_has_words() -> None:
    codes = {*_own_codes(), "NotCollected"}
    assert {"Malformed", "Absent"} <= codes
    assert [code for code in codes if error_words(code) == code] == []


def test_codes_of_aws_stay_as_they_are() -> None:
    assert error_words("AccessDeniedException") == "AccessDeniedException"
    assert asked_for("events:ListRules") == "events:ListRules"


@pytest.mark.parametrize(
    ("code", "message", "said"),
    [
        (
            "NotCollected",
            "the Region is not part of the audit",
            "iam:ListUsers of 1 was not asked for: the Region is not part of the audit.",
        ),
        (
            "AccessDenied",
            "User x is not authorized.",
            "iam:ListUsers of 1 gave no usable answer (AccessDenied): User x is not authorized.",
        ),
        ("Malformed", "", "iam:ListUsers of 1 gave no usable answer (an answer that cannot be understood)."),
    ],
)
def test_a_missing_answer_is_told_in_one_sentence(code: str, message: str, said: str) -> None:
    assert unanswered("iam:ListUsers", "global", "1", code, message) == said

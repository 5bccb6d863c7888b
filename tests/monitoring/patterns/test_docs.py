"""``docs/patterns.md`` says what the code does."""

from pathlib import Path

from auditor.monitoring.patterns.rules import DOUBTS
from tests.monitoring.patterns.mistakes import MISTAKES, table

PAGE = (Path(__file__).parents[3] / "docs" / "patterns.md").read_text(encoding="utf-8")


def test_the_table_of_mistakes_is_what_the_code_answers() -> None:
    assert table() in PAGE, "rewrite it with: python -m tests.monitoring.patterns.mistakes"


def test_the_figures_in_the_text_are_those_of_the_table() -> None:
    whole = sum(mistake.same_text() is not mistake.covers for mistake in MISTAKES)
    clauses = sum(mistake.clause_by_clause() is not mistake.covers for mistake in MISTAKES)
    assert f"{len(MISTAKES)} filters" in PAGE
    assert f"wrong about {whole} of them" in PAGE
    assert f"wrong about {clauses}" in PAGE


def test_every_doubtful_rule_is_explained() -> None:
    for words in DOUBTS.values():
        assert words in PAGE

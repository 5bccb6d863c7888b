"""What every sentence of a check keeps to."""

import ast
from pathlib import Path

import auditor

PACKAGE = Path(auditor.__file__).parent
FOLDERS = ("evaluate", "monitoring/chain")


def counts(tree: ast.AST) -> list[str]:
    """Return the counts that a sentence prints without a separator for thousands."""
    found = []
    for text in ast.walk(tree):
        if not isinstance(text, ast.JoinedStr):
            continue
        words = "".join(str(part.value) for part in text.values if isinstance(part, ast.Constant))
        if " " not in words:
            continue  # a key or a path
        parts = [part for part in text.values if isinstance(part, ast.FormattedValue)]
        found += [ast.unparse(text) for part in parts if part.format_spec is None and is_count(part.value)]
    return found


def is_count(value: ast.expr) -> bool:
    if isinstance(value, ast.BinOp):
        return is_count(value.left)
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id in {"len", "sum"}
    return isinstance(value, ast.Attribute) and value.attr == "days"


def test_sentences_print_counts_with_a_separator() -> None:
    files = [path for folder in FOLDERS for path in (PACKAGE / folder).rglob("*.py")]
    assert len(files) > 40
    assert {path.name: found for path in files if (found := counts(ast.parse(path.read_text())))} == {}

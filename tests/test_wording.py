"""Numbers in sentences agree with their nouns: whoever writes one uses ``auditor.base.counts``."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.base.counts import counted, lasting

ROOT = Path(__file__).parent.parent
SOURCES = sorted(path for path in (ROOT / "auditor").rglob("*.py") if "simulator" not in path.parts)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))

WORDS = {
    *("access", "access.capitalize()", "access[0]", "category.lower()", "missing", "many", "machines", "verb", "file"),
    *(
        "' and '.join(lacking)",
        "'has' if failing == 1 else 'have'",
        "'inbound' if direction == 'Ingress' else 'outbound'",
    ),
    "visible(value, 10)",
}
"""What stands before a noun and is no number: "read events", "all management events"."""

VERBS = {
    "records",
    "calls",
    "catches",
    "hands",
    "keeps",
    "holds",
    "has",
    "sees",
    "covers",
    "delivers",
    "read",
    "with",
    "out",
}
"""What makes of "{name} records events" no number of records."""


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (0, "event", "0 events"),
        (1, "event", "1 event"),
        (1_204, "policy", "1,204 policies"),
        (2, "day", "2 days"),
        (2, "stretch", "2 stretches"),
        (2.5, "minute", "2.5 minutes"),
        (1.0, "minute", "1 minute"),
    ],
)
def test_a_count_agrees_with_its_noun(number: float, noun: str, said: str) -> None:
    assert counted(number, noun) == said


@given(st.integers(0, 10**6))
def test_a_stretch_of_time_is_never_rounded(seconds: int) -> None:
    number, unit = lasting(seconds).replace(",", "").split()
    assert int(number) * {"second": 1, "minute": 60}[unit.removesuffix("s")] == seconds
    assert (number == "1") == (not unit.endswith("s"))


BETWEEN = {"of", "for", "that", "and", "or", "in", "to", "the", "about", "within", "own", "have", "has", "not"}
"""Words after which another noun begins."""


def _strings(path: Path) -> Iterator[ast.JoinedStr]:
    yield from (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.JoinedStr))


def _nouns() -> set[str]:
    """Return the last word, in the plural, of everything that is counted anywhere."""
    calls = (node for path in SOURCES for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    named = (call.args[1:] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "counted")
    words = [[item.value for item in args if isinstance(item, ast.Constant)] for args in named]
    return {counted(2, *map(str, item)).split()[-1] for item in words if item} - {
        "are",
        "were",
        "have",
        "lie",
        "follow",
    }


def _is_number(value: ast.FormattedValue) -> bool:
    """Tell whether it is written as a number, or counted; bounds of the source, in capitals, are more than one."""
    text = ast.unparse(value.value)
    if "counted(" in text or text.rpartition(".")[2].isupper():
        return False
    form = "".join(
        str(item.value) for item in getattr(value.format_spec, "values", ()) if isinstance(item, ast.Constant)
    )
    return form.startswith((",", "g", ".")) or text.startswith(("len(", "sum(", "max(", "min("))


def _said(value: ast.FormattedValue, behind: str) -> bool:
    """Tell whether the words behind a value may be the things that it counts."""
    if _is_number(value):
        return True
    text = ast.unparse(value.value)
    if "counted(" in text or text in WORDS or text.rpartition(".")[2].isupper() or "some(" in text or "name" in text:
        return False
    return not VERBS & set(behind.split()[:1])


def test_no_number_stands_before_a_noun_in_the_plural_unasked() -> None:
    nouns = _nouns()
    assert {"events", "policies", "minutes", "criteria"} <= nouns
    behind = re.compile(rf" (?:[a-zA-Z-]+ ){{0,2}}?({'|'.join(sorted(nouns))})\b")
    found = [
        f"{path.relative_to(ROOT)}:{string.lineno}: {{{ast.unparse(value.value)}}}{hit[0]}"
        for path in SOURCES
        for string in _strings(path)
        for value, text in zip(string.values, string.values[1:], strict=False)
        if isinstance(value, ast.FormattedValue)
        and isinstance(text, ast.Constant)
        and (hit := behind.match(str(text.value)))
        and not BETWEEN & set(hit[0].split()[:-1])
        and _said(value, hit[0])
    ]
    assert not found, "\n".join(found)


def test_no_template_writes_a_noun_in_the_plural_behind_a_number() -> None:
    behind = re.compile(rf"\|(?:thousands|length)\s*}}}} (?:[a-zA-Z-]+ )?({'|'.join(sorted(_nouns()))})\b")
    found = [f"{path.relative_to(ROOT)}: {hit[0]}" for path in TEMPLATES for hit in behind.finditer(path.read_text())]
    assert not found, "\n".join(found)

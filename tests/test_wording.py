"""Numbers in sentences agree with their nouns: whoever writes one uses ``auditor.base.counts``."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.base.counts import counted, every, first_of, lasting, led_by

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
    "changes",
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


def test_one_thing_is_not_spoken_of_as_several() -> None:
    assert [every(number, "hour") for number in (1, 744, 8_760)] == ["the one hour", "all 744 hours", "all 8,760 hours"]
    assert [f"{counted(number, 'event')}{led_by(number, 'a')}" for number in (1, 2)] == [
        "1 event: a",
        "2 events, first a",
    ]


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(1, 30))
def test_a_list_that_is_cut_says_how_many_are_left(things: list[int], most: int) -> None:
    shown, _, rest = first_of(things, most, str, "; ").partition("; and ")
    named = shown.split("; ") if shown else []
    assert named == [str(thing) for thing in things[:most]]
    assert len(named) + int(rest.removesuffix(" more") or 0) == len(things)


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
        "stand",
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


def _written_before(words: str) -> Iterator[tuple[str, str, ast.FormattedValue]]:
    """Yield each value that stands before such words in a sentence: place, what stands before it, the value."""
    for path in SOURCES:
        for string in _strings(path):
            parts = [ast.Constant(""), *string.values, ast.Constant("")]
            for before, value, behind in zip(parts, parts[1:], parts[2:], strict=False):
                if isinstance(value, ast.FormattedValue) and _text(behind).startswith(words):
                    yield f"{path.relative_to(ROOT)}:{value.lineno}", _text(before), value


def _text(part: ast.expr) -> str:
    return str(part.value) if isinstance(part, ast.Constant) else ""


LISTING = {"auditor/base/counts.py", "auditor/activity/calls.py", "auditor/render/posture.py"}
"""The helper; what stands in evidence and is read back; a count that is larger than the list it came with."""


def test_who_names_the_first_of_many_says_by_the_helper_how_many_are_left() -> None:
    found = [(place, before, value) for place, before, value in _written_before(" more")]
    assert len(found) > 5
    by_hand = [place for place, before, _ in found if before == " and " and place.partition(":")[0] not in LISTING]
    bare = [place for place, _, value in found if "counted(" not in ast.unparse(value.value) and not value.format_spec]
    assert not by_hand, by_hand
    assert not bare, bare


def test_templates_separate_the_thousands_of_what_they_leave_out() -> None:
    left_out = re.compile(r"\{\{ ([^{}]*) \}\} (?:more|further)\b")
    found = [(path, hit[1]) for path in TEMPLATES for hit in left_out.finditer(path.read_text())]
    assert len(found) > 10
    assert not [(path.name, words) for path, words in found if not words.endswith("|thousands")]


SEVERAL = re.compile(r"\b(?:(?:each|every one|none|both|some) of|all)(?: the)? $", re.IGNORECASE)
"""Words that speak of more than one."""

ASKED_BEFORE = ("auditor/base/counts.py", "auditor/pack/assembly.py")
"""Where it was asked before whether there is one only."""


def test_no_count_of_perhaps_one_is_spoken_of_as_several() -> None:
    counts = list(_written_before(""))
    assert len(counts) > 1_000
    said = [
        f"{place}: {before}"
        for place, before, value in counts
        if "counted(" in ast.unparse(value) and SEVERAL.search(before) and not place.startswith(ASKED_BEFORE)
    ]
    first = [f"{place}: {before}" for place, before, _ in counts if before.endswith((", first ", ", the first "))]
    verbs = [
        place
        for verb in ("are", "were", "have", "do", "stand")
        for place, _, value in _written_before(f" {verb} ")
        if ast.unparse(value.value).startswith("counted(")
    ]
    assert not said, said
    assert [place.partition(":")[0] for place in first] == ["auditor/base/counts.py"], first
    assert not verbs, verbs

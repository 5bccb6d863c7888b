"""README.md says what the product says."""

from tools.readme import PART, PARTS, README, generated


def test_the_generated_parts_of_the_readme_are_up_to_date() -> None:
    text = README.read_text(encoding="utf-8")
    assert generated(text) == text, "run `make readme`"


def test_every_generated_part_is_used() -> None:
    names = [found["name"] for found in PART.finditer(README.read_text(encoding="utf-8"))]
    assert sorted(names) == sorted(PARTS)


def test_making_a_part_anew_keeps_what_stands_around_it() -> None:
    text = "before\n<!-- generated: exit-codes -->\nold\n<!-- end: exit-codes -->\nafter\n"
    made = generated(text)
    assert made.startswith("before\n<!-- generated: exit-codes -->\n| code")
    assert made.endswith("<!-- end: exit-codes -->\nafter\n")
    assert generated(made) == made

"""The mutation tester changes what decides, and tells what tests do not notice."""

from pathlib import Path

import pytest

from tools.mutants import mutants, survives

SOURCE = """
def judge(age: int, limit: int) -> bool:
    if age > limit and limit > 3:
        return True
    return False
"""


def test_each_place_that_decides_has_a_mutant() -> None:
    found = [(line, change) for line, change, _ in mutants(SOURCE)]
    assert sorted(found) == [
        (3, "Gt to GtE"),
        (3, "Gt to GtE"),
        (3, "condition negated"),
        (3, "to 4"),
        (3, "to Or"),
        (4, "to False"),
        (5, "to True"),
    ]
    assert len({text for _, _, text in mutants(SOURCE)}) == len(found)


@pytest.mark.parametrize(("expected", "alive"), [("judge(5, 4)", False), ("True", True)])
def test_a_mutant_survives_where_no_test_notices(tmp_path: Path, expected: str, alive: bool) -> None:
    module = tmp_path / "judged.py"
    module.write_text(SOURCE)
    test = tmp_path / "test_judged.py"
    test.write_text(f"from judged import judge\n\ndef test_it():\n    assert {expected}\n")
    mutant = next(text for _, change, text in mutants(SOURCE) if change == "condition negated")
    assert survives(module, mutant, ["--rootdir", str(tmp_path), str(test)]) is alive
    assert module.read_text() == SOURCE

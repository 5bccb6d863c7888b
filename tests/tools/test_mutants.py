"""The mutation tester changes what decides, and tells what tests do not notice."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.mutants import mutants

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


NOTHING = "def test_it():\n    assert judge(1, 9) in (True, False)\n"
EVERYTHING = """
def test_it():
    assert judge(5, 4) is True
    assert judge(4, 4) is False
    assert judge(4, 3) is False
"""


@pytest.mark.parametrize(("test", "alive"), [(NOTHING, 7), (EVERYTHING, 0)])
def test_a_mutant_survives_where_no_test_notices(tmp_path: Path, test: str, alive: int) -> None:
    (tmp_path / "judged.py").write_text(SOURCE)
    (tmp_path / "test_judged.py").write_text(f"from judged import judge\n{test}")
    command = [sys.executable, "-m", "tools.mutants", "judged.py", "test_judged.py"]
    paths = {**os.environ, "PYTHONPATH": f"{Path(__file__).parents[2]}{os.pathsep}{tmp_path}"}
    done = subprocess.run(command, cwd=tmp_path, env=paths, capture_output=True, text=True, check=True)
    assert f"7 of 7 mutants tried, {alive} survived" in done.stdout
    assert (tmp_path / "judged.py").read_text() == SOURCE


OF_A_CLASS = """
from functools import cached_property

class Judged:
    def __init__(self, age: int) -> None:
        self.age = age

    @property
    def old(self) -> bool:
        return self.age > 3

    @cached_property
    def young(self) -> bool:
        return self.age < 3

    @classmethod
    def ancient(cls, age: int) -> bool:
        return age == 9
"""
NOTICED = """
def test_it():
    assert [Judged(age).old for age in (3, 4)] == [False, True]
    assert [Judged(age).young for age in (2, 3)] == [True, False]
    assert [Judged.ancient(age) for age in (9, 10)] == [True, False]
"""


def test_properties_and_methods_of_a_class_have_their_mutants(tmp_path: Path) -> None:
    (tmp_path / "judged.py").write_text(OF_A_CLASS)
    (tmp_path / "test_judged.py").write_text(f"from judged import Judged\n{NOTICED}")
    command = [sys.executable, "-m", "tools.mutants", "judged.py", "test_judged.py"]
    paths = {**os.environ, "PYTHONPATH": f"{Path(__file__).parents[2]}{os.pathsep}{tmp_path}"}
    done = subprocess.run(command, cwd=tmp_path, env=paths, capture_output=True, text=True, check=True)
    assert "6 of 6 mutants tried, 0 survived" in done.stdout

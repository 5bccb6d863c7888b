"""Who names a folder above the one that is meant is told what is inside."""

from pathlib import Path

import pytest

from auditor.base.inside import inside


def marked(folder: Path) -> bool:
    return (folder / "mark").is_file()


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ([], ""),
        (["a/b"], "one: a/b"),
        (["a/b", "a"], "one: a"),
        ([f"y/{n:04}" for n in range(1_206)], "1,206 packs: y/0000, y/0001, y/0002, y/0003 and 1,202 more"),
    ],
)
def test_what_is_inside_is_named(tmp_path: Path, places: list[str], said: str) -> None:
    for place in places:
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / "mark").touch()
    (tmp_path / "round").symlink_to(tmp_path)
    assert inside(tmp_path, marked) == said


def test_neither_the_folder_itself_nor_what_is_none_counts(tmp_path: Path) -> None:
    (tmp_path / "mark").touch()
    assert inside(tmp_path, marked) == ""
    assert inside(tmp_path / "mark", marked) == ""
    assert inside(tmp_path / "gone", marked) == ""

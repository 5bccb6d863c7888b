"""docs/controls says what the catalogue says."""

from pathlib import Path

from auditor.catalog.released import FILE
from auditor.run import open_catalog
from tools.control_pages import differences, pages, released_text, write


def test_the_pages_of_all_controls_are_up_to_date() -> None:
    assert not differences(), "run `python tools/control_pages.py`"


def test_the_hashes_of_what_ships_are_up_to_date() -> None:
    assert FILE.read_text(encoding="utf-8") == released_text(), "run `python tools/control_pages.py`"


def test_writing_the_pages_leaves_no_difference_and_no_page_of_a_control_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "gone.md").write_text("old", encoding="utf-8")
    assert "gone.md" in differences(tmp_path)
    write(tmp_path)
    assert differences(tmp_path) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(pages())


def test_a_page_says_who_asks_and_where_the_benchmark_wants_a_person() -> None:
    text = pages()["s3-mfa-delete.md"]
    assert "| `cis-aws-5.0.0` | 2.1.2 | 2 | manual |" in text
    assert "calls for a person" in text


def test_each_control_has_a_page() -> None:
    assert {f"{name}.md" for name in open_catalog().controls} | {"README.md"} == set(pages())

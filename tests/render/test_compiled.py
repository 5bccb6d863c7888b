"""Compiled templates that are kept between runs."""

import sys
from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment

from auditor.render.compiled import Compiled

TEXT = "<p>{{ name }}</p>"


@pytest.fixture(autouse=True)
def python_keeps_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)


def rendered(folder: Path, text: str = TEXT, *, medium: str = "html", code: Path | None = None) -> str:
    kept = Compiled(folder, medium, [code] if code else [])
    made = Environment(loader=DictLoader({"page.html": text}), autoescape=True, bytecode_cache=kept)
    return made.get_template("page.html").render(name="<b>")


def kept_file(folder: Path, medium: str = "html") -> Path:
    return Compiled(folder, medium, []).place("page.html")


def test_what_was_compiled_once_is_taken_the_next_time(tmp_path: Path) -> None:
    first = rendered(tmp_path)
    kept = kept_file(tmp_path)
    written = kept.stat().st_mtime_ns, kept.read_bytes()
    assert rendered(tmp_path) == first == "<p>&lt;b&gt;</p>"
    assert (kept.stat().st_mtime_ns, kept.read_bytes()) == written


def test_another_text_is_never_shown_with_what_was_kept_of_an_older_one(tmp_path: Path) -> None:
    rendered(tmp_path)
    assert rendered(tmp_path, "<h1>{{ name }}</h1>") == "<h1>&lt;b&gt;</h1>"


def test_media_and_the_code_that_templates_call_are_told_apart(tmp_path: Path) -> None:
    code = tmp_path / "filters.py"
    code.write_text("ONE = 1\n")
    rendered(tmp_path, code=code)
    of_old_code = kept_file(tmp_path).read_bytes()
    code.write_text("ANOTHER = 2\n")
    rendered(tmp_path, code=code)
    rendered(tmp_path, medium="pdf")
    assert kept_file(tmp_path).read_bytes() != of_old_code
    assert kept_file(tmp_path, "pdf") != kept_file(tmp_path)


@pytest.mark.parametrize("keep", [0, 1, 70, 140, -1])
def test_a_file_that_is_not_as_it_was_written_is_compiled_anew(tmp_path: Path, keep: int) -> None:
    rendered(tmp_path)
    whole = kept_file(tmp_path).read_bytes()
    kept_file(tmp_path).write_bytes(whole[:keep] + (b"" if keep != -1 else bytes([whole[-1] ^ 1])))
    assert rendered(tmp_path) == "<p>&lt;b&gt;</p>"
    assert kept_file(tmp_path).read_bytes() == whole


def test_nothing_is_kept_where_python_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert rendered(tmp_path) == "<p>&lt;b&gt;</p>"
    assert not any(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_changes_no_page(tmp_path: Path) -> None:
    (tmp_path / "__pycache__").write_text("in the way of a folder")
    assert rendered(tmp_path) == "<p>&lt;b&gt;</p>"
    assert [path.name for path in tmp_path.iterdir()] == ["__pycache__"]

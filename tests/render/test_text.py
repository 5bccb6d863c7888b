import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.render.pages import breakable
from auditor.render.text import visible


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        pytest.param("eu-west-1", "eu-west-1", id="plain"),
        pytest.param("\u202egnp.exe", "[U+202E]gnp.exe", id="turned-direction"),
        pytest.param("a\u200bb", "a[U+200B]b", id="zero-width"),
        pytest.param("a\x00b", "a[U+0000]b", id="null"),
        pytest.param("two\r\nlines", "two lines", id="lines"),
        pytest.param("\u05d0\u05d1", "\u05d0\u05d1", id="hebrew-stays"),
    ],
)
def test_what_cannot_be_seen_is_spelt_out(raw: str, shown: str) -> None:
    assert visible(raw) == shown


def test_a_cut_value_says_how_long_it_was() -> None:
    assert visible("x" * 10_000, 20) == f"{'x' * 20} [first 20 of 10,000 characters]"


@given(st.text())
def test_no_markup_and_no_direction_survives(text: str) -> None:
    shown = str(breakable(visible(text)))
    without_ours = shown.replace("<wbr>", "").replace('<span class="nb">', "").replace("</span>", "")
    assert "<" not in without_ours
    assert not set(without_ours) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\x00")

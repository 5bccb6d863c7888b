"""What both formats have to show, and what no text from an account may do to them."""

import re
from pathlib import Path

import pytest

from auditor.render import html, pdf
from auditor.render.context import Context
from auditor.render.sections import CHAPTERS
from tests.render.conftest import text_of
from tests.render.sample import Sample


def test_every_chapter_stands_in_both_formats(screen: str, paper: Path) -> None:
    printed = text_of(paper)
    for anchor, title in CHAPTERS:
        assert f'id="{anchor}"' in screen
        assert title in printed


def test_every_control_has_its_block_and_every_reference_its_line(screen: str, sample: Sample) -> None:
    for control in sample.results["controls"]:
        assert f'id="control-{control["id"]}"' in screen
    for record in sample.evidence.records:
        assert f'id="{record.ref.lower()}"' in screen


def test_every_link_inside_the_page_leads_somewhere(screen: str) -> None:
    anchors = set(re.findall(r' id="([^"]+)"', screen))
    assert set(re.findall(r'href="#([^"]+)"', screen)) <= anchors


def test_no_anchor_stands_twice(screen: str) -> None:
    anchors = re.findall(r' id="([^"]+)"', screen)
    assert len(anchors) == len(set(anchors))


def test_the_page_asks_nobody_for_anything(screen: str) -> None:
    assert "default-src &#39;none&#39;" in screen
    addresses = re.findall(r"""(?:src|href)\s*=\s*["']?([^"'>\s]+)""", screen)
    assert [item for item in addresses if not item.startswith(("#", "data:"))] == []
    assert set(re.findall(r"url\(([a-z]+):", screen)) == {"data"}


def test_hostile_names_are_text_in_the_page(hostile: Context) -> None:
    page = html.render(hostile).decode("utf-8")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "[U+202E]" in page
    assert "\u202e" not in page
    assert "x" * 700 not in page
    assert "first 220 of 10,<wbr>000 characters" in page


def test_hostile_names_do_not_break_the_layout(hostile: Context, tmp_path: Path) -> None:
    path = tmp_path / "hostile.pdf"
    path.write_bytes(pdf.render(hostile))
    assert "<script>alert(1)</script>" in text_of(path)


def test_the_same_input_gives_the_same_bytes(report: Context, paper: Path) -> None:
    assert html.render(report) == html.render(report)
    assert pdf.render(report) == paper.read_bytes()


@pytest.mark.parametrize("state", ["FAIL", "NOT_ASSESSED", "MANUAL", "WAIVED", "PASS", "NOT_APPLICABLE"])
def test_every_state_is_shown_with_word_and_sign(screen: str, state: str) -> None:
    assert f'data-state="{state}"' in screen

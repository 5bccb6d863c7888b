"""Any character prints: with a glyph where a bundled font has one, spelt out where none has, on every machine alike."""

import json
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from auditor.render import fonts, html, pdf
from auditor.render.about import Branding
from auditor.render.context import build
from auditor.render.fonts import spelt
from tests.render.conftest import text_of
from tests.render.sample import build as build_sample
from tools import font_coverage, fuzz_characters

ENDED_A_RUN_ONCE = (
    "\u2705", "\U0001f642", "\U0001f1e9\U0001f1ea", "\U00020bb7", "\u3231", "\u33a1", "\ufa11", "\u3400", "\u31a0",
    "\ua000", "\ua500", "\U0001e90b", "\U00013000", "\ue000", "\u0378", "\ufdd0", "\u27f6", "\U0001d54f", "a\u0338",
)  # fmt: skip
COVERED = (
    "\u2705", "\u3231", "\u33a1", "\u3400", "\ua000", "\u27f6", "\u0e01", "\u0915", "\u0f40", "\u1780", "\u05d0",
    "\u4e2d", "\u2603", "\u2764", "\u0338",
)  # fmt: skip


def test_what_the_fonts_hold_is_written_down_as_it_is() -> None:
    assert json.loads(font_coverage.COVERAGE.read_text("utf-8")) == font_coverage.coverage()


@pytest.mark.parametrize("character", COVERED)
def test_a_character_that_a_bundled_font_has_stays(character: str) -> None:
    assert spelt(f"a{character}b") == f"a{character}b"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("pager \U0001f6a8!", "pager [U+1F6A8]!", id="emoji"),
        pytest.param("\ue000", "[U+E000]", id="private-use"),
        pytest.param("\u0378", "[U+0378]", id="unassigned"),
        pytest.param("\ufdd0\U0010ffff", "[U+FDD0][U+10FFFF]", id="no-character"),
        pytest.param("\ud800", "[U+D800]", id="half-a-pair"),
        pytest.param("\x00\x1b", "[U+0000][U+001B]", id="control"),
        pytest.param("two\nlines", "two\nlines", id="end-of-line"),
    ],
)
def test_a_character_without_a_glyph_is_spelt(text: str, shown: str) -> None:
    assert spelt(text) == shown


def test_names_from_all_over_unicode_print_alike_with_and_without_fonts_on_the_machine() -> None:
    """The tool goes through 10,000 of them."""
    assert fuzz_characters.paper(fuzz_characters.names(7, 60)) == fuzz_characters.apart(
        7, 60, fonts=fuzz_characters.NO_FONTS
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Both reports of an account where people and things are called what once ended a run."""
    folder = tmp_path_factory.mktemp("characters")
    name = "".join(ENDED_A_RUN_ONCE)
    sample = build_sample(folder, regions=("eu-central-1", "us-east-1"), resources=2, entity=f"{name} \U0001f6a8")
    results = json.loads(json.dumps(sample.results))
    for control in results["controls"]:
        for result in control["results"]:
            result["resource"] = name
            if result["waiver"]:
                result["waiver"]["justification"] = name
            for chain in result["details"].get("chains", ()):
                chain["links"][2]["name"] = name
    context = build(
        results,
        sample.evidence,
        manifest_hash="ab" * 32,
        report_id="characters",
        branding=Branding(classification=name, distribution=name),
    )
    return {"pdf": pdf.render(context), "html": html.render(context).decode(), "folder": folder}


def test_no_name_ends_a_run(written: dict[str, Any]) -> None:
    path: Path = written["folder"] / "report.pdf"
    path.write_bytes(written["pdf"])
    text = text_of(path)
    for shown in ("[U+1F6A8]", "[U+E000]", "[U+0378]", "[U+FDD0]", "[U+20BB7]", "\u2705", "\ua000", "\u3400"):
        assert shown in text
    with pikepdf.open(path) as opened:
        assert "[U+1F6A8]" in str(opened.docinfo["/Title"])


def test_the_page_brings_what_plex_lacks_and_spells_the_rest(written: dict[str, Any]) -> None:
    page = written["html"]
    assert "[U+1F6A8]" in page
    assert "\U0001f6a8" not in page
    faces = page.partition("<style>")[2].partition(":root")[0]
    assert '"Auditor Fallback"' in faces
    assert '"Auditor Fallback Wide"' in faces
    assert '"Auditor Fallback CJK"' not in faces
    assert len(page) < 4_000_000


def test_a_page_in_latin_brings_no_fallback(screen: str) -> None:
    assert "Auditor Fallback" not in screen.partition("<style>")[2].partition(":root")[0]
    assert all(not font.ranges for font in fonts.needed("plain \u2013 \u2713 \u201cquoted\u201d \u2026 Zo\u00eb"))

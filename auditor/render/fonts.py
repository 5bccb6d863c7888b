"""Chooses the bundled fonts that a page needs, and spells what none of them has.

Text fonts come always, wide fallbacks only for characters that they lack. Fonts of the machine are never asked: what a
page shows, and whether it can be printed, depends on ``templates/fonts`` alone.
"""

import io
import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from auditor.base.locate import templates_folder

SIGNS = "Auditor Signs"
"""Six signs of the states, taken from DejaVu Sans; small enough to come along always."""

_IN_SIGNS = frozenset(map(ord, "\u2713\u2717\u261e"))
_OURS = "\t\n\r\u200b"
"""Characters of our pages that need no glyph: ends of lines, and places where a long name may be broken."""


@dataclass(frozen=True, slots=True)
class Font:
    """One font file.

    Args:
        family: its name in style sheets.
        weight: as in style sheets.
        style: as in style sheets.
        path: below the templates.
        ranges: code points that call for it, sorted; empty for text fonts, which are always there.
    """

    family: str
    weight: int
    style: str
    path: str
    ranges: tuple[tuple[int, int], ...]

    def data(self) -> bytes:
        """Read its file, WOFF2."""
        return (templates_folder() / self.path).read_bytes()


@cache
def bundled() -> tuple[Font, ...]:
    """List the bundled fonts, text fonts first."""
    listed = json.loads((templates_folder() / "fonts" / "fonts.json").read_text("utf-8"))["fonts"]
    fonts = tuple(
        Font(
            item["family"],
            item["weight"],
            item["style"],
            f"fonts/{item['file']}",
            _coverage()[item["file"]] if item["role"] == "fallback" else (),
        )
        for item in listed
    )
    return (*fonts, Font(SIGNS, 400, "normal", "report/signs.woff2", ()))


@cache
def _coverage() -> Mapping[str, tuple[tuple[int, int], ...]]:
    """Return what ``tools/font_coverage.py`` found: ranges that all text fonts have, and those of each fallback."""
    found = json.loads((templates_folder() / "fonts" / "coverage.json").read_text("utf-8"))
    return {name: tuple((first, last) for first, last in ranges) for name, ranges in found.items()}


@cache
def _foreign() -> re.Pattern[str]:
    """Match characters that no bundled font has."""
    ranges = [*_coverage().values(), tuple((code, code) for code in _IN_SIGNS)]
    inside = "".join(f"{re.escape(chr(first))}-{re.escape(chr(last))}" for item in ranges for first, last in item)
    return re.compile(f"[^{_OURS}{inside}]")


def spelt(text: str) -> str:
    """Return a page in which every character without a glyph is written as ``[U+1F6A8]``.

    Names, waivers and the words of the reader's own house may hold any character. One that the fonts lack would be a
    box on paper, and a different one on every machine.
    """
    if text.isascii() and text.isprintable():
        return text
    return _foreign().sub(lambda match: f"[U+{ord(match[0]):04X}]", text)


def needed(text: str) -> tuple[Font, ...]:
    """Return the fonts that a text takes."""
    characters = {ord(character) for character in set(text)} - _IN_SIGNS
    return tuple(font for font in bundled() if not font.ranges or held(font, characters))


def held(font: Font, characters: Iterable[int]) -> frozenset[int]:
    """Return those of some characters that call for a fallback font."""
    starts = [first for first, _ in font.ranges]

    def inside(character: int) -> bool:
        at = bisect_right(starts, character) - 1
        return at >= 0 and character <= font.ranges[at][1]

    return frozenset(filter(inside, characters))


def part(font: Font, characters: Iterable[int]) -> bytes:
    """Cut a font down to some of its characters: all of the Chinese one would be half of a page. WOFF2."""
    from fontTools import subset

    options = subset.Options(flavor="woff2", layout_features=["*"], notdef_outline=True, recalc_timestamp=False)
    with subset.load_font(io.BytesIO(font.data()), options) as opened:
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=characters)
        cutter.subset(opened)
        made = io.BytesIO()
        subset.save_font(opened, made, options)
    return made.getvalue()


def faces(fonts: Iterable[tuple[Font, str]]) -> str:
    """Return ``@font-face`` rules for fonts and the URLs where each is."""
    return "\n".join(
        f'@font-face{{font-family:"{font.family}";font-weight:{font.weight};font-style:{font.style};'
        f"font-display:swap;src:url({url}) format('woff2')}}"
        for font, url in fonts
    )

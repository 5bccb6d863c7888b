"""Chooses the bundled fonts that a page needs: text fonts always, wide fallbacks only for characters they lack."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from auditor.base.locate import templates_folder
from auditor.render.pages import data_url

SIGNS = "Auditor Signs"
"""Six signs of the states, taken from DejaVu Sans; small enough to come along always."""


@dataclass(frozen=True, slots=True)
class Font:
    """One font file. ``ranges`` is empty for text fonts: they are always there."""

    family: str
    weight: int
    style: str
    path: str
    ranges: tuple[tuple[int, int], ...]
    css_ranges: str

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
            _ranges(item.get("range", "")),
            item.get("range", ""),
        )
        for item in listed
    )
    return (*fonts, Font(SIGNS, 400, "normal", "report/signs.woff2", (), ""))


def _ranges(text: str) -> tuple[tuple[int, int], ...]:
    found = []
    for part in text.replace("U+", "").split(","):
        if part.strip():
            first, _, last = part.strip().partition("-")
            found.append((int(first, 16), int(last or first, 16)))
    return tuple(found)


def needed(text: str) -> tuple[Font, ...]:
    """Return the fonts that a text takes."""
    characters = {ord(character) for character in set(text)}
    return tuple(font for font in bundled() if not font.ranges or _meets(font.ranges, characters))


_IN_TEXT_FONTS = frozenset(
    map(
        ord,
        "\u2002\u2013\u2014\u2018\u2019\u201c\u201d\u2026\u2022\u2192\u2264\u2265\u2713\u2212\u2717\u261e\u2122\u200b",
    )
)
"""Characters inside a fallback's range that Plex or the sign font has; they do not ask for the fallback."""


def _meets(ranges: Iterable[tuple[int, int]], characters: set[int]) -> bool:
    asked = characters - _IN_TEXT_FONTS
    return any(first <= character <= last for first, last in ranges for character in asked)


def inside(font: Font) -> str:
    """Return a URL that holds the font itself."""
    return data_url(font.data(), "font/woff2")


def faces(text: str, url: Callable[[Font], str] = inside) -> str:
    """Return ``@font-face`` rules for a page with this text, each font under the URL that ``url`` gives it."""
    return "\n".join(_face(font, url(font)) for font in needed(text))


def _face(font: Font, url: str) -> str:
    ranges = f"unicode-range:{font.css_ranges};" if font.css_ranges else ""
    return (
        f'@font-face{{font-family:"{font.family}";font-weight:{font.weight};font-style:{font.style};'
        f"font-display:swap;{ranges}src:url({url}) format('woff2')}}"
    )

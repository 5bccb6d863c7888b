"""Writes which characters the bundled fonts hold: ``python -m tools.font_coverage``, run by ``tools/fonts.sh``.

``templates/fonts/coverage.json`` has ranges of code points. ``text`` is what every text font has; a fallback has what
no font before it has. Rendering reads the ranges, as reading seven fonts would take longer than most pages do.
"""

import json
import unicodedata
from collections.abc import Collection
from pathlib import Path

from fontTools.ttLib import TTFont

FONTS = Path(__file__).resolve().parent.parent / "templates" / "fonts"
COVERAGE = FONTS / "coverage.json"
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Categories that show nothing, or nothing that two readers agree on."""


def coverage() -> dict[str, list[list[int]]]:
    """Read the fonts; return the ranges of each, by file name, and of the text fonts together under ``text``."""
    listed = json.loads((FONTS / "fonts.json").read_text("utf-8"))["fonts"]
    text = set.intersection(*(_characters(item["file"]) for item in listed if item["role"] == "text"))
    found, seen = {"text": _ranges(text)}, set(text)
    for item in listed:
        if item["role"] == "fallback":
            own = _characters(item["file"]) - seen
            found[item["file"]] = _ranges(own)
            seen |= own
    return found


def _characters(file: str) -> set[int]:
    with TTFont(FONTS / file, lazy=True) as font:
        return {code for code in font.getBestCmap() if unicodedata.category(chr(code)) not in _UNSEEN}


def _ranges(codes: Collection[int]) -> list[list[int]]:
    found: list[list[int]] = []
    for code in sorted(codes):
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


if __name__ == "__main__":
    COVERAGE.write_text(json.dumps(coverage(), separators=(",", ":")) + "\n", encoding="utf-8")

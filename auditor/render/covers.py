"""Sets a cover as tightly as its words ask for. Measured, since lengths do not tell how lines will break."""

import re
from collections.abc import Callable
from typing import Any, Final

SETTINGS: Final = ("cover", "cover dense", "cover denser")
"""From the one with most air; in the last the particulars follow the words above, and may go on overleaf."""

_COVER = re.compile(r'<section class="cover".*?</section>', re.DOTALL)
_BETWEEN = '<dl class="particulars"'
_ABOVE, _BELOW = "cover-above", "cover-below"


def fitted(html: str, laid_out: Callable[[str], Any]) -> str:
    """Return a page whose cover has the first setting in which nothing meets; one without a cover as it is.

    Args:
        html: the whole page.
        laid_out: lays a page out and returns WeasyPrint's document.
    """
    found = _COVER.search(html)
    if found is None:
        return html
    for setting in SETTINGS:
        cover = found[0].replace('class="cover"', f'class="{setting}"', 1)
        if setting == SETTINGS[-1] or _fits(laid_out(_alone(cover))):
            break
    return f"{html[: found.start()]}{cover}{html[found.end() :]}"


def _alone(cover: str) -> str:
    marked = cover.replace(_BETWEEN, f'<p id="{_ABOVE}"></p><dl id="{_BELOW}" class="particulars"', 1)
    return f'<!DOCTYPE html>\n<html lang="en"><head><title>Cover</title></head><body>{marked}</body></html>'


def _fits(document: Any) -> bool:
    """Tell whether what stands at the foot begins below what stands above it, on the one page there is."""
    places = document.pages[0].anchors
    return len(document.pages) == 1 and bool(places[_ABOVE][1] <= places[_BELOW][1])

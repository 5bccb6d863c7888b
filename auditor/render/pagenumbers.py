"""Page numbers in cross references, written when the layout is done. WeasyPrint's own way lays every page out thrice.

A reference leaves room for its number: ``ROOM`` in the text of an element whose ``data-page`` names an anchor. Figure
spaces are as wide as the digits that take their place, so no line changes.
"""

from collections.abc import Iterator
from typing import Any

from auditor.base.errors import RenderError

_FIGURE_SPACE = "\u2007"

ROOM = _FIGURE_SPACE * 3
"""Three digits: every list has its limit (``auditor.render.pdf``), so that no document gets a thousand pages."""


def fill(document: Any) -> None:
    """Write each reference's number into the room that was left for it.

    Args:
        document: a ``weasyprint.Document``, laid out and not yet drawn.

    Raises:
        RenderError: a reference leads nowhere.
    """
    pages: dict[str, int] = {}
    for number, page in enumerate(document.pages, start=1):
        for name in page.anchors:
            pages.setdefault(name, number)
    for box in _rooms(document):
        anchor = box.element.get("data-page")
        if anchor not in pages:
            raise RenderError(f"the PDF refers to {anchor}, which it does not have")
        # The text is what a screen reader and a search get, the layout's text what is drawn.
        box.text = _filled(box.text, pages[anchor])
        box.pango_layout.text = _filled(box.pango_layout.text, pages[anchor])


def _filled(text: str, page: int) -> str:
    """Put the number in. Room that is left goes where nobody sees it: before a number alone, behind a text."""
    if text == ROOM:
        return str(page).rjust(len(ROOM), _FIGURE_SPACE)
    return text.replace(ROOM, str(page)).ljust(len(text), _FIGURE_SPACE)


def _rooms(document: Any) -> Iterator[Any]:
    for page in document.pages:
        for box in page._page_box.descendants():  # noqa: SLF001 - Document has no other way to its text
            if ROOM in getattr(box, "text", "") and box.element.get("data-page"):
                yield box

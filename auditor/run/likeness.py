"""What two versions of a page say, apart from how they say it: their text and their figures. Judges nothing.

For a page that another build of the program made: its bytes differ, and whoever checks it wants to know whether it
tells anything else.
"""

import re
from collections import Counter
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Final

from auditor.base.counts import first_of

_UNSEEN: Final = frozenset({"style", "script", "template", "noscript"})
_FIGURE: Final = re.compile(r"\d[\d,.:-]*")
_SHOWN: Final = 60


def likeness(name: str, was: bytes, made: bytes) -> str:
    """Say in one sentence whether two versions of a file tell the same.

    Args:
        name: of the file; its ending tells how it is read.
        was: as it is in the pack; from strangers.
        made: as this build makes it.
    """
    if name.endswith((".pdf", ".xlsx")):
        return "its text was not compared; report.html and results.json say the same in other forms"
    before, after = (_words(name, data) for data in (was, made))
    if before == after:
        page = ", as they are written; what style and scripts show of them was not compared"
        return f"text and figures are the same{page if name.endswith('.html') else ''}"
    lost, new = (Counter(_figures(words)) for words in (before, after))
    figures = sorted((lost - new).keys() | (new - lost).keys())
    if not figures:
        return f"the figures are the same, the text is not: {_first(before, after)}"
    return f"text and figures ({first_of(figures, 3)}) are not the same: {_first(before, after)}"


def all_likeness(found: Sequence[tuple[str, str]]) -> str:
    """Say of several files in one sentence how far they tell the same; of some with one thing to be said, once.

    Args:
        found: names of files, each with what ``likeness`` says of it; at least one.
    """
    names: dict[str, list[str]] = {}
    for name, words in found:
        names.setdefault(words, []).append(name)
    listed = ", ".join(f"{' and '.join(same)} ({words})" for words, same in names.items())
    return f"not as this program makes {'it' if len(found) == 1 else 'them'}: {listed}"


def _words(name: str, data: bytes) -> list[str]:
    text = data.decode("utf-8", "replace")
    if not name.endswith(".html"):
        return text.split()
    reader = _Text()
    reader.feed(text)
    reader.close()
    return "".join(reader.parts).split()


def _figures(words: list[str]) -> list[str]:
    return [figure.rstrip(",.:-") for word in words for figure in _FIGURE.findall(word)]


def _first(before: list[str], after: list[str]) -> str:
    pairs = zip([*before, ""], [*after, ""], strict=False)
    at = next((number for number, (was, made) in enumerate(pairs) if was != made), 0)
    was, made = (" ".join(words[at : at + 6])[:_SHOWN] for words in (before, after))
    return f"{was!r} where this build writes {made!r}"


class _Text(HTMLParser):
    """The text of a page as it is written; inline marks do not part words."""

    _INLINE = frozenset({"wbr", "span", "b", "i", "em", "strong", "code", "bdi", "a", "abbr", "mark", "sub", "sup"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._unseen += tag in _UNSEEN
        self._part(tag)

    def handle_endtag(self, tag: str) -> None:
        self._unseen = max(0, self._unseen - (tag in _UNSEEN))
        self._part(tag)

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(data)

    def _part(self, tag: str) -> None:
        if tag not in self._INLINE:
            self.parts.append(" ")

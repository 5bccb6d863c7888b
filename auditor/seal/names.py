"""File names that a pack may hold, and names made to be mistaken for others. Opens nothing.

A pack is unpacked on any system by people who do not know where it comes from. Its names are therefore plain ASCII
without anything that a shell, ``sha256sum``, Windows or a zip tool reads as more than a name.
"""

import re
import unicodedata

from auditor.base.counts import counted

MAX_PATH = 400
"""Bytes; a pack has to fit below a folder on systems that allow about 1,000."""

_PART = re.compile(r"[A-Za-z0-9_=+@%,.(][A-Za-z0-9_=+@%,.()!' -]{0,199}")
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
_SHOWN = 160

# Cyrillic and Greek letters that print like a Latin one, and Latin ones that are hard to tell apart (after UTS #39, cut
# down to what can stand for a name of ours).
_LOOKS = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u051b\u051d\u043a\u043c"
    "\u0442\u0432\u043d\u03b1\u03bf\u03b9\u03c1\u03bd\u03ba\u03c4\u03b3\u03c501|i",
    "aeopcyxijshdqwkmtbhaoipvktyuolll",
)


def is_portable(path: str) -> bool:
    """Say whether ``path`` is a relative path with ``/`` between parts that every system reads the same way."""
    return len(path) <= MAX_PATH and all(_portable_part(part) for part in path.split("/"))


def _portable_part(part: str) -> bool:
    dots = set(part) == {"."} or part.endswith((".", " "))
    return not dots and bool(_PART.fullmatch(part)) and not _RESERVED.fullmatch(part)


def stays_in_place(folder: str) -> bool:
    """Say whether a folder of any name is unpacked where it is said to: no ``..``, drive or other separator."""
    return folder.isprintable() and set(folder).isdisjoint("/\\:") and not set(folder) <= {"."}


def skeleton(path: str) -> str:
    """Reduce a name to what a hurried reader sees: two names with one skeleton are easily mistaken."""
    folded = unicodedata.normalize("NFKD", path).casefold().translate(_LOOKS)
    return "".join(char for char in folded if char.isascii() and (char.isalnum() or char in "/."))


def shown(name: str, most: int = _SHOWN) -> str:
    """Write a hostile name so that it cannot disturb a terminal or a log: escaped unless printable ASCII, and cut."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    text = "".join(char if char.isprintable() and char.isascii() else _escaped(char) for char in text)
    return text if len(text) <= most else f"{text[:most]}... ({counted(len(name), 'character')})"


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")

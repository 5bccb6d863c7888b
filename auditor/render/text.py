"""Makes text from an account fit to be printed: nothing invisible, nothing that turns the reading direction, bounded.

Names, tags and descriptions come from people we do not know. Escaping markup is the templates' work (autoescape); this
module deals with what survives escaping. It never drops anything in silence.
"""

import re
from datetime import datetime

from auditor.base.counts import counted

_INVISIBLE = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""Control, formatting and filler characters: they change what a reader sees without being seen (UAX #9, UTR #36)."""

_LINE_ENDS = re.compile(r"[\t\r\n]+")

TEXT_LIMIT = 600
"""Characters of one value that a page shows; the whole stands in the evidence."""

NAME_LIMIT = 220
"""Characters of one resource name that a page shows; an ARN has at most 2,048, nearly all have fewer than 150."""


def visible(text: object, limit: int = TEXT_LIMIT) -> str:
    """Return text in which each invisible character is spelt out as ``[U+202E]`` and nothing is longer than ``limit``.

    What is cut off is said with its length; callers print the reference of the evidence that holds the whole.
    """
    raw = str(text)
    if len(raw) <= limit and raw.isascii() and raw.isprintable():
        return raw
    kept = raw if len(raw) <= limit else raw[:limit]
    shown = _INVISIBLE.sub(lambda match: f"[U+{ord(match[0]):04X}]", _LINE_ENDS.sub(" ", kept))
    return shown if len(raw) <= limit else f"{shown} [first {limit:,} of {counted(len(raw), 'character')}]"


def lines(text: object, limit: int = TEXT_LIMIT) -> str:
    """Do what ``visible`` does and keep line breaks, for text of several lines from a catalogue, such as commands."""
    raw = str(text)
    shown = "\n".join(visible(line, limit) for line in raw[:limit].rstrip().splitlines())
    return shown if len(raw) <= limit else f"{shown} [first {limit:,} of {counted(len(raw), 'character')}]"


def anywhere(text: str, region: str) -> str:
    """Say of several Regions what a sentence says of one: the same refusal in each of them is one thing to read."""
    if not region or f" in {region}" not in text:
        return text
    return re.sub(rf" in {re.escape(region)}(?![\w-])", " in these Regions", text)


def moment(time: datetime) -> str:
    """Write a time as tables show it: ``2026-10-01 13:05:00 UTC``."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def prose_date(time: datetime) -> str:
    """Write a date as sentences do: ``1 October 2026``."""
    return f"{time.day} {time:%B %Y}"

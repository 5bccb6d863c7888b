"""How numbers of things and stretches of time are written in sentences. Everybody who writes one uses these."""

from collections.abc import Callable, Sequence
from typing import TypeVar

_Thing = TypeVar("_Thing")

_HISSING = ("s", "x", "ch", "sh")
_VOWELS = "aeiou"
_MINUTE = 60


def counted(number: float, noun: str, plural: str = "") -> str:
    """Write a number with its noun: ``1 trail``, ``1,204 policies``, ``2.5 minutes``.

    ``plural`` is for irregular ones, and for a noun with its verb: ``counted(n, "row was", "rows were")``.
    """
    written = f"{number:,}" if isinstance(number, int) else f"{number:,.1f}".removesuffix(".0")
    return f"{written} {noun if written == '1' else plural or _plural(noun)}"


def lasting(seconds: int) -> str:
    """Write a stretch of time without rounding it: whole minutes as such, any other in seconds."""
    minutes, rest = divmod(seconds, _MINUTE)
    return counted(seconds, "second") if rest or not minutes else counted(minutes, "minute")


def first_of(things: Sequence[_Thing], most: int, spelt: Callable[[_Thing], str] = str, between: str = ", ") -> str:
    """List the first few of many things, and how many there are besides: ``a, b and 1,204 more``.

    What commas do not part is parted before that number, too: it is no part of what was said last.
    """
    rest = len(things) - most
    shown = between.join(map(spelt, things[:most]))
    parted = "" if between == ", " else between.strip()
    return f"{shown}{parted} and {rest:,} more" if rest > 0 else shown


def every(number: int, noun: str, plural: str = "") -> str:
    """Speak of all that are counted: ``all 744 hours``, ``the one hour``."""
    return f"the one {noun}" if number == 1 else f"all {counted(number, noun, plural)}"


def led_by(number: int, first: str) -> str:
    """Go on behind a count with the first of what it counts, or with the only one: ``, first a`` or ``: a``."""
    return f": {first}" if number == 1 else f", first {first}"


def _plural(noun: str) -> str:
    if noun.endswith("y") and noun[-2] not in _VOWELS:
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(_HISSING) else f"{noun}s"

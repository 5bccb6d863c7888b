"""What a verification of log files can end with, from best to worst, and in words. The one place that orders them."""

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Final


class Level(IntEnum):
    """What a finding makes of a trail's verdict; the worst one wins."""

    PASS = 0
    NOTE = 1
    INCOMPLETE = 2
    FAIL = 3

    @property
    def word(self) -> str:
        """The verdict's name in reports."""
        return self.name.lower()

    @property
    def meaning(self) -> str:
        """What it says of a trail."""
        return _MEANINGS[self]


_MEANINGS: Final[Mapping[Level, str]] = {
    Level.PASS: "everything is proved",
    Level.NOTE: "proved, with something to read",
    Level.INCOMPLETE: "not everything is vouched for",
    Level.FAIL: "altered, deleted or forged",
}


def worst_level(words: Iterable[str]) -> Level:
    """Return the worst of some verdicts by name; a name that there is not counts as incomplete.

    Args:
        words: at least one.
    """
    return max(_LEVELS.get(word, Level.INCOMPLETE) for word in words)


_LEVELS: Final = {level.word: level for level in Level}

"""What can be wrong with a pattern, pointing at the character. Judges nothing."""

from auditor.base.errors import UsageError


class PatternError(UsageError):
    """AWS would refuse the pattern, or it is outside the documented grammar: it can never match.

    Args:
        message: what is wrong, without the place.
        text: the whole pattern.
        position: index into ``text`` of the first offending character; ``len(text)`` when something is missing at the
        end.
    """

    def __init__(self, message: str, text: str, position: int) -> None:
        super().__init__(f"{message} (character {position + 1})", hint=f"\n{point_at(text, position)}")
        self.problem = message
        self.text = text
        self.position = position


class TooComplexError(ValueError):
    """The bound on work was reached: nothing is concluded, and the caller says "not assessed"."""


_BEFORE = 50
_AFTER = 30


def point_at(text: str, position: int) -> str:
    """Return the neighbourhood of a character with a caret below it, on two lines."""
    start = max(0, position - _BEFORE)
    shown = "".join(char if char.isprintable() else " " for char in text[start : position + _AFTER])
    return f"{shown}\n{' ' * (position - start)}^"

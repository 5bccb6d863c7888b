r"""The regular expressions of filter patterns: a subset without groups. Never uses ``re`` to match.

Source: CloudWatch Logs User Guide, "Supported regular expressions (regex) syntax": letters, digits, ``_ # = @ / ; , -
:``,
the operators ``^ $ ? [ ] { } | \ * + .``, and ``\d \D \s \S \w \W \xhh``; no parentheses; other symbols as ``\xhh``.
"""

import re
import string

from auditor.monitoring.patterns.errors import PatternError, TooComplexError
from auditor.monitoring.patterns.language import ANY, EVERYTHING, MAX_POSITIONS, Chars, Language, Line, Step, Times

_PLAIN = frozenset(string.ascii_letters + string.digits + "_#=@/;,-:")
_OPERATORS = frozenset("^$?[]{}|\\*+.")
_DIGITS = frozenset(string.digits)
_SPACES = frozenset(" \t\n\r\f\v")
_WORDS = frozenset(string.ascii_letters + string.digits + "_")
_CLASSES = {
    "d": Chars(_DIGITS),
    "D": Chars(_DIGITS, negated=True),
    "s": Chars(_SPACES),
    "S": Chars(_SPACES, negated=True),
    "w": Chars(_WORDS),
    "W": Chars(_WORDS, negated=True),
}
_NOTHING = Chars(frozenset())
_COUNT = re.compile(r"\{([0-9]{1,4})(,?)([0-9]{0,4})\}")
_HEX = re.compile(r"[0-9A-Fa-f]{2}")
_ASCII = frozenset(map(chr, range(128)))


def parse_regex(source: str, text: str, offset: int) -> Language:
    """Return the texts in which the expression is found.

    Args:
        source: the expression without its percent signs.
        text: the whole pattern, for messages.
        offset: where ``source`` begins in ``text``.

    Raises:
        PatternError: outside the documented subset.
        TooComplexError: a counted repetition expands too far.
    """
    reader = _Reader(source, text, offset)
    if not source:
        raise reader.fail("an empty expression")
    lines = [reader.alternative()]
    while reader.take("|"):
        lines.append(reader.alternative())
    return Language(tuple(lines))


class _Reader:
    def __init__(self, source: str, text: str, offset: int) -> None:
        self.source = source
        self.text = text
        self.offset = offset
        self.at = 0

    def fail(self, message: str, at: int | None = None) -> PatternError:
        return PatternError(message, self.text, self.offset + (self.at if at is None else at))

    def take(self, token: str) -> bool:
        if self.source.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def alternative(self) -> Line:
        """Read up to ``|`` or the end; unanchored sides are open."""
        anchored = self.take("^")
        steps: list[Step] = [] if anchored else [EVERYTHING]
        while self.at < len(self.source) and self.source[self.at] != "|":
            if self.take("$"):
                if self.at < len(self.source) and self.source[self.at] != "|":
                    steps.append((_NOTHING, Times.ONCE))
                    continue
                return tuple(steps)
            steps.extend(self.repeated(self.one()))
            if len(steps) > MAX_POSITIONS:
                raise TooComplexError("a repetition in an expression is too long")
        return (*steps, EVERYTHING)

    def one(self) -> Chars:
        char = self.source[self.at]
        self.at += 1
        match char:
            case ".":
                return ANY
            case "^":
                return _NOTHING
            case "[":
                return self.bracket()
            case "\\":
                return self.escape()
            case "?" | "*" | "+" | "{":
                raise self.fail("nothing to repeat", self.at - 1)
            case "(" | ")":
                raise self.fail("parentheses are not supported in expressions", self.at - 1)
            case "]" | "}":
                raise self.fail(f"{char} without its partner", self.at - 1)
        if char not in _PLAIN:
            raise self.fail(f"{char!r} has to be written as \\x{ord(char):02X}", self.at - 1)
        return Chars(frozenset(char))

    def escape(self) -> Chars:
        char = self.source[self.at : self.at + 1]
        self.at += 1
        if char in _CLASSES:
            return _CLASSES[char]
        if char == "x" and (digits := _HEX.match(self.source, self.at)):
            self.at += 2
            return Chars(frozenset(chr(int(digits.group(), 16))))
        if char and char in _OPERATORS:
            return Chars(frozenset(char))
        raise self.fail(f"\\{char} is not supported", self.at - 2)

    def bracket(self) -> Chars:
        opened = self.at - 1
        negated = self.take("^")
        members: set[str] = set()
        while not self.take("]"):
            if self.at >= len(self.source):
                raise self.fail("a bracket is not closed", opened)
            members |= self.range()
        if not members:
            raise self.fail("an empty bracket", opened)
        return Chars(frozenset(members), negated)

    def range(self) -> frozenset[str]:
        first = self.member()
        if len(first) != 1 or not self.source.startswith("-", self.at) or self.source.startswith("-]", self.at):
            return first
        self.at += 1
        if self.at >= len(self.source):
            raise self.fail("a bracket is not closed")
        last = self.member()
        low, high = min(first), min(last)
        if len(last) != 1 or low > high:
            raise self.fail("a range that runs backwards")
        return frozenset(map(chr, range(ord(low), ord(high) + 1)))

    def member(self) -> frozenset[str]:
        char = self.source[self.at]
        self.at += 1
        if char == "\\":
            chars = self.escape()
            return _ASCII - chars.members if chars.negated else chars.members
        if char in _PLAIN or char in _OPERATORS:
            return frozenset(char)
        raise self.fail(f"{char!r} has to be written as \\x{ord(char):02X}", self.at - 1)

    def repeated(self, chars: Chars) -> list[Step]:  # noqa: PLR0911 - one line for each form
        once, maybe, many = (chars, Times.ONCE), (chars, Times.MAYBE), (chars, Times.MANY)
        if self.take("?"):
            return [maybe]
        if self.take("*"):
            return [many]
        if self.take("+"):
            return [once, many]
        if not self.source.startswith("{", self.at):
            return [once]
        count = _COUNT.match(self.source, self.at)
        if count is None:
            raise self.fail("expected a count such as {2}, {2,} or {2,5}")
        self.at = count.end()
        least = int(count[1])
        if not count[2]:
            return [once] * least
        if not count[3]:
            return [*[once] * least, many]
        if int(count[3]) < least:
            raise self.fail("a count that runs backwards", count.start())
        return [*[once] * least, *[maybe] * (int(count[3]) - least)]

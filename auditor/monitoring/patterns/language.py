"""Sets of texts that a wildcard or regular expression accepts, and how several of them divide all texts.

Patterns are hostile input, so nothing here uses a backtracking matcher: a text is read once, character by character,
while the set of possible positions in the pattern is kept as bits. The grammars of CloudWatch Logs and EventBridge
have
no groups, so that a language is a few straight lines of characters to be read once, at most once, or any number of
times.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from auditor.monitoring.patterns.errors import TooComplexError

MAX_POSITIONS = 4_000
"""Longest expanded line; a pattern of 1,024 characters can ask for more only by counted repetition."""

MAX_WORK = 100_000
"""Steps that single languages may take together before giving up; about half a second at the bound."""


class Times(Enum):
    """How often one step of a line may read a character."""

    ONCE = "once"
    MAYBE = "maybe"
    MANY = "many"


@dataclass(frozen=True, slots=True)
class Chars:
    """A set of characters, or everything but that set."""

    members: frozenset[str]
    negated: bool = False

    def __contains__(self, char: str) -> bool:
        return (char in self.members) is not self.negated


ANY = Chars(frozenset(), negated=True)

Step = tuple[Chars, Times]
Line = tuple[Step, ...]


@dataclass(frozen=True)
class Language:
    """Texts accepted by at least one of several lines.

    Raises:
        TooComplexError: the lines together are longer than ``MAX_POSITIONS``.
    """

    lines: tuple[Line, ...]

    def __post_init__(self) -> None:
        if sum(map(len, self.lines)) > MAX_POSITIONS:
            raise TooComplexError(f"more than {MAX_POSITIONS} positions after expanding repetitions")

    def accepts(self, text: str) -> bool:
        """Say whether the whole text is in the language; linear in the text."""
        state = self.start
        for char in text:
            state = self.step(state, char)
            if not any(state):
                return False
        return self.accepting(state)

    @cached_property
    def start(self) -> tuple[int, ...]:
        """Positions before the first character, one set of bits per line."""
        return tuple(_close(line, 1) for line in self.lines)

    def step(self, state: tuple[int, ...], char: str) -> tuple[int, ...]:
        """Read one character."""
        return tuple(_advance(line, bits, char) for line, bits in zip(self.lines, state, strict=True))

    def accepting(self, state: tuple[int, ...]) -> bool:
        """Say whether a text that led to this state is in the language."""
        return any(bits >> len(line) & 1 for line, bits in zip(self.lines, state, strict=True))

    @property
    def charsets(self) -> frozenset[Chars]:
        """Every set of characters that the lines mention."""
        return frozenset(chars for line in self.lines for chars, _ in line)


def _advance(line: Line, bits: int, char: str) -> int:
    following = 0
    while bits:
        lowest = bits & -bits
        index = lowest.bit_length() - 1
        bits ^= lowest
        if index < len(line) and char in line[index][0]:
            following |= lowest if line[index][1] is Times.MANY else lowest << 1
    return _close(line, following)


def _close(line: Line, bits: int) -> int:
    """Add the positions that can be reached without reading."""
    pending = bits
    while pending:
        lowest = pending & -pending
        index = lowest.bit_length() - 1
        pending ^= lowest
        if index < len(line) and line[index][1] is not Times.ONCE and not bits & (lowest << 1):
            bits |= lowest << 1
            pending |= lowest << 1
    return bits


def literal(text: str, *, fold: bool = False) -> Line:
    """Return the line that reads exactly this text, without regard to case when ``fold`` is set."""
    if fold:
        return tuple((Chars(frozenset({char.lower(), char.upper()})), Times.ONCE) for char in text)
    return tuple((Chars(frozenset(char)), Times.ONCE) for char in text)


EVERYTHING: Step = (ANY, Times.MANY)


def divide(languages: Sequence[Language], within: Language, unless: Iterable[str] = ()) -> list[str]:
    """Return one text for every way in which texts can belong to some of the languages and not to the others.

    Args:
        languages: the languages to tell apart.
        within: only texts of this language count.
        unless: texts that may not be used as examples because they stand for themselves elsewhere.

    Raises:
        TooComplexError: more than ``MAX_WORK`` steps.
    """
    everyone = (*languages, within)
    alphabet = _alphabet(everyone)
    excluded = frozenset(unless)
    found: dict[tuple[bool, ...], str] = {}
    seen: set[tuple[tuple[int, ...], ...]] = set()
    work = 0
    queue = deque([("", tuple(language.start for language in everyone))])
    while queue:
        text, states = queue.popleft()
        if states in seen:
            continue
        if text in excluded:
            # the state stays open, so that another text which leads to it can stand for the class
            pass
        else:
            seen.add(states)
            work += len(alphabet) * len(everyone)
            if work > MAX_WORK:
                raise TooComplexError("the wildcards and expressions divide texts in too many ways")
            *vector, inside = (one.accepting(state) for one, state in zip(everyone, states, strict=True))
            if inside:
                found.setdefault(tuple(vector), text)
        if any(states[-1]):
            queue.extend(
                (text + char, tuple(one.step(state, char) for one, state in zip(everyone, states, strict=True)))
                for char in alphabet
            )
    return list(found.values())


_USUAL = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_./ :@"


def _alphabet(languages: Sequence[Language]) -> list[str]:
    """Return one character for each way in which characters differ to the languages, usual ones preferred."""
    charsets = sorted({chars for one in languages for chars in one.charsets}, key=repr)
    mentioned = {char for chars in charsets for char in chars.members}
    fresh = next(char for char in (*_USUAL, *map(chr, range(33, 0x3000))) if char not in mentioned)
    kinds: dict[tuple[bool, ...], str] = {}
    for char in sorted(mentioned | {fresh}, key=lambda char: (char not in _USUAL, char)):
        kinds.setdefault(tuple(char in chars for chars in charsets), char)
    return list(kinds.values())

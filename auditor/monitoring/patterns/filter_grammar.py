"""The grammar of CloudWatch Logs filter patterns for JSON records: from text to formula.

Grammar: CloudWatch Logs User Guide, "Filter pattern syntax for metric filters, subscription filters, filter log events,
and Live Tail".

    pattern  := '{' or '}'                       and := atom ( '&&' atom )*
    or       := and ( '||' and )*                atom := '(' or ')' | selector test
    test     := ('='|'!=') (text | number | regex) | ('<'|'<='|'>'|'>=') number
              | 'IS' ('NULL'|'TRUE'|'FALSE') | 'NOT' 'EXISTS'
    selector := '$' ( '.' name | '[' index ']' | ".['" any "']" | '.*' | '[*]' )+
"""

import re
from dataclasses import dataclass, field

from auditor.monitoring.patterns.errors import PatternError
from auditor.monitoring.patterns.filter_pattern import (
    PLAIN_NAME,
    Compare,
    Glob,
    Is,
    NotExists,
    Number,
    Order,
    Regex,
    write_key,
    write_value,
)
from auditor.monitoring.patterns.formula import (
    All,
    Formula,
    Key,
    Path,
    Some,
    Test,
    Wild,
    conjoin,
    disjoin,
)
from auditor.monitoring.patterns.regex import parse_regex

MAX_LENGTH = 1024
"""API model of CloudWatch Logs (FilterPattern); AWS refuses 1,025. White space is counted."""

MAX_REGEXES = 2
"""User Guide: expressions in one pattern."""

MAX_WILDCARDS = 3
"""User Guide: wildcard selectors in one compound pattern; one in each selector."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A filter pattern for JSON records, understood.

    Args:
        text: as it was written.
        formula: what it says.
        warnings: spellings that we accept though AWS does not document them.
    """

    text: str
    formula: Formula
    warnings: tuple[str, ...] = ()


def parse_json_filter(text: str) -> Parsed:
    """Read a pattern that begins with a brace.

    Raises:
        PatternError: AWS refuses it; the message names the character.
        TooComplexError: a repetition in an expression is too long to be worked out.
    """
    if len(text) > MAX_LENGTH:
        raise PatternError(f"longer than {MAX_LENGTH} characters", text, MAX_LENGTH)
    return _Parser(text).pattern()


_SPACE = re.compile(r"\s*")
_QUOTED_NAME = re.compile(r"'([^']+)'\]")
_INDEX = re.compile(r"[0-9]{1,6}")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?(?=[\s(){}&|]|$)")
_WORD = re.compile(r"[^\s(){}&|=!<>\"'%\u201c\u201d\u2018\u2019]+")
_CERTAIN_WORD = re.compile(r"[A-Za-z0-9_.*]+")
_COMPARISON = re.compile(r"!=|<=|>=|=|<|>")
_KEYWORD = re.compile(r"[A-Za-z]+")
_QUOTES = "'\u201c\u201d\u2018\u2019"


@dataclass(slots=True)
class _Group:
    """A group that is still open: finished alternatives, and the conjunction being read."""

    opened: int
    alternatives: list[Formula] = field(default_factory=list)
    conjunction: list[Formula] = field(default_factory=list)

    def close(self) -> Formula:
        return disjoin(*_flat(Some, [*self.alternatives, conjoin(*_flat(All, self.conjunction))]))


def _flat(kind: type[All] | type[Some], parts: list[Formula]) -> list[Formula]:
    """Drop parentheses that change nothing."""
    flat: list[Formula] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, kind) else (part,))
    return flat


class _Parser:
    """Reads from left to right with a stack of open groups, so that no nesting can exhaust the interpreter's own."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.warnings: dict[str, None] = {}
        self.regexes = 0
        self.wildcards = 0

    def fail(self, message: str, at: int | None = None) -> PatternError:
        return PatternError(message, self.text, self.at if at is None else at)

    def skip(self) -> None:
        self.at = _SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]  # matches the empty text too

    def peek(self, token: str) -> bool:
        return self.text.startswith(token, self.at)

    def take(self, token: str) -> bool:
        if self.peek(token):
            self.at += len(token)
            return True
        return False

    def pattern(self) -> Parsed:
        self.skip()
        if self.at:
            self.warnings["white space before the opening brace"] = None
        self.take("{")
        groups = [_Group(self.at - 1)]
        while True:
            self.operand(groups)
            formula = self.operators(groups)
            if formula is not None:
                break
        self.skip()
        if self.at < len(self.text):
            raise self.fail("nothing may follow the closing brace")
        return Parsed(self.text, formula, tuple(self.warnings))

    def operand(self, groups: list[_Group]) -> None:
        self.skip()
        while self.take("("):
            groups.append(_Group(self.at - 1))
            self.skip()
        groups[-1].conjunction.append(self.test())

    def operators(self, groups: list[_Group]) -> Formula | None:
        """Read up to the next operand; return the whole formula at the closing brace."""
        while True:
            self.skip()
            if self.take("&&"):
                return None
            if self.take("||"):
                group = groups[-1]
                group.alternatives.append(conjoin(*_flat(All, group.conjunction)))
                group.conjunction = []
                return None
            if self.peek(")") and len(groups) > 1:
                self.at += 1
                closed = groups.pop().close()
                groups[-1].conjunction.append(closed)
                continue
            if self.peek("}") and len(groups) == 1:
                self.at += 1
                return groups[0].close()
            raise self.no_operator(groups)

    def no_operator(self, groups: list[_Group]) -> PatternError:  # noqa: PLR0911 - one line for each mistake
        if self.at >= len(self.text):
            if len(groups) > 1:
                return self.fail("a parenthesis is not closed", groups[-1].opened)
            return self.fail("the closing brace is missing")
        if self.peek("}"):
            return self.fail("a parenthesis is not closed", groups[-1].opened)
        if self.peek(")"):
            return self.fail("this parenthesis closes nothing")
        if self.peek("&") or self.peek("|"):
            return self.fail(f"a single {self.text[self.at]} is no operator; write it twice")
        word = _KEYWORD.match(self.text, self.at)
        if word and word.group().upper() in {"AND", "OR"}:
            return self.fail(f"{word.group()} is no operator; write {'&&' if word.group().upper() == 'AND' else '||'}")
        return self.fail("expected && or || or the end of the group; a value with a space needs double quotes")

    def test(self) -> Test:
        start = self.at
        path = self.selector()
        self.skip()
        if comparison := _COMPARISON.match(self.text, self.at):
            self.at = comparison.end()
            return self.comparison(path, comparison.group())
        word = _KEYWORD.match(self.text, self.at)
        if word is None:
            if self.peek("!"):
                raise self.fail("! stands only before = ")
            raise self.fail(f"expected a comparison, IS or NOT EXISTS after {self.text[start : self.at].strip()}")
        return self.keyword_test(path, word.group())

    def keyword_test(self, path: Path, word: str) -> Test:
        match self.upper(word):
            case "NOT":
                self.expect_keyword("EXISTS", after="NOT")
                return Test(path, NotExists(), f"{path.text} NOT EXISTS")
            case "IS":
                return self.is_test(path)
            case "EXISTS":
                raise self.fail('EXISTS does not exist; write = "*" for presence')
            case _:
                raise self.fail(f"{word} is no comparison")

    def is_test(self, path: Path) -> Test:
        self.at += len("IS")
        self.skip()
        word = _KEYWORD.match(self.text, self.at)
        constants = {"NULL": None, "TRUE": True, "FALSE": False}
        name = self.upper(word.group()) if word else ""
        if name not in constants:
            hint = "; IS NOT does not exist" if name == "NOT" else ""
            raise self.fail(f"expected NULL, TRUE or FALSE after IS{hint}")
        self.at += len(name)
        return Test(path, Is(constants[name]), f"{path.text} IS {name}")

    def upper(self, word: str) -> str:
        upper = word.upper()
        if word != upper and upper in {"IS", "NOT", "EXISTS", "NULL", "TRUE", "FALSE"}:
            self.warnings["a keyword in lower case; the guide shows upper case only"] = None
        return upper

    def expect_keyword(self, keyword: str, after: str) -> None:
        self.at += len(after)
        self.skip()
        word = _KEYWORD.match(self.text, self.at)
        if word is None or self.upper(word.group()) != keyword:
            raise self.fail(f"expected {keyword} after {after}")
        self.at += len(keyword)

    def selector(self) -> Path:
        if not self.take("$"):
            raise self.fail(self.no_selector())
        start = self.at
        keys: list[Key] = []
        while key := self.key():
            keys.extend(key)
        if not keys:
            raise self.fail("expected a field after $", start)
        if sum(isinstance(key, Wild) for key in keys) > 1:
            raise self.fail("one wildcard in a selector is the limit", start)
        self.wildcards += any(isinstance(key, Wild) for key in keys)
        if self.wildcards > MAX_WILDCARDS:
            raise self.fail(f"more than {MAX_WILDCARDS} wildcard selectors", start)
        return Path(tuple(keys), "$" + "".join(map(write_key, keys)))

    def no_selector(self) -> str:
        if self.at >= len(self.text):
            return "the pattern ends where a field selector is expected"
        if self.peek("&") or self.peek("|"):
            return "an operator without anything before it"
        return "expected a field selector such as $.eventName"

    def key(self) -> tuple[Key, ...]:
        if self.take(".["):
            name = _QUOTED_NAME.match(self.text, self.at)
            if name is None:
                raise self.fail("expected a field name in single quotes, such as $.['a.b']")
            self.at = name.end()
            return (name.group(1),)
        if self.take(".*"):
            return (Wild.FIELDS,)
        if self.take("."):
            if not (match := PLAIN_NAME.match(self.text, self.at)):
                raise self.fail("expected a field name of letters, digits, _ and -")
            self.at = match.end()
            return (match.group(),)
        return self.index() if self.take("[") else ()

    def index(self) -> tuple[Key, ...]:
        key: Key
        if self.take("*"):
            key = Wild.ELEMENTS
        elif match := _INDEX.match(self.text, self.at):
            self.at = match.end()
            key = int(match.group())
        else:
            raise self.fail("expected an index or * between brackets")
        if not self.take("]"):
            raise self.fail("expected ] after the index")
        return (key,)

    def comparison(self, path: Path, operator: str) -> Test:
        self.skip()
        if operator == "=" and self.peek("="):
            raise self.fail("== is no comparison; write = once")
        value = self.value()
        if operator in {"=", "!="}:
            return Test(path, Compare(value, equal=operator == "="), f"{path.text} {operator} {write_value(value)}")
        if not isinstance(value, Number):
            raise self.fail(f"{operator} compares numbers only")
        return Test(path, Order(operator, value), f"{path.text} {operator} {value.written}")

    def value(self) -> Glob | Regex | Number:
        if self.at >= len(self.text) or self.text[self.at] in ")}":
            raise self.fail("a value is missing")
        if self.text[self.at] in _QUOTES:
            raise self.fail('only straight double quotes (") may stand around a value')
        if self.peek('"'):
            return _glob(self.quoted())
        if self.peek("%"):
            return self.regex()
        if number := _NUMBER.match(self.text, self.at):
            self.at = number.end()
            return Number(number.group())
        return self.word()

    def word(self) -> Glob:
        word = _WORD.match(self.text, self.at)
        if word is None:
            raise self.fail("expected a value")
        if not _CERTAIN_WORD.fullmatch(word.group()):
            self.warnings[f"{word.group()} without quotes; letters, digits, _ . and * are sure to be accepted"] = None
        self.at = word.end()
        if self.at < len(self.text) and self.text[self.at] in f'"=!<>%{_QUOTES}':
            raise self.fail("this character may not stand inside a value without quotes")
        return _glob(word.group())

    def quoted(self) -> str:
        start = self.at
        self.at += 1
        read: list[str] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == '"':
                self.at += 1
                return "".join(read)
            if char == "\\" and self.text[self.at + 1 : self.at + 2] in {'"', "\\"}:
                self.at += 1
                char = self.text[self.at]
            read.append(char)
            self.at += 1
        raise self.fail("a quotation mark is not closed", start)

    def regex(self) -> Regex:
        start = self.at
        end = self.text.find("%", start + 1)
        if end < 0:
            raise self.fail("the expression is not closed by a percent sign", start)
        self.regexes += 1
        if self.regexes > MAX_REGEXES:
            raise self.fail(f"more than {MAX_REGEXES} regular expressions", start)
        source = self.text[start + 1 : end]
        self.at = end + 1
        return Regex(source, parse_regex(source, self.text, start + 1))


def _glob(text: str) -> Glob:
    """Read the asterisks at both ends of a value; a lone one accepts every text."""
    open_start = text.startswith("*")
    open_end = text.endswith("*") and len(text) > open_start
    inner = text[open_start : len(text) - open_end]
    return Glob(inner, open_start=open_start, open_end=open_end or text == "*")

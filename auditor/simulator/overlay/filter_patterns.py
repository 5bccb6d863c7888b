"""CloudWatch Logs' side of TestMetricFilter: does a filter pattern match a log event?

Written for the simulator alone, from AWS's filter-pattern guide and what was observed on AWS; the product has an
evaluator of its own and the two know nothing of each other, so that a slip in one is not repeated by the other.
"""

import fnmatch
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

LONGEST: Final = 1024

Predicate = Callable[[Any], bool]


class InvalidPattern(ValueError):  # noqa: N818 - AWS's word
    """CloudWatch Logs would refuse the pattern."""


def matches(pattern: str, message: str) -> bool:
    """Tell whether one log event matches.

    Args:
        pattern: JSON pattern in braces, space-delimited pattern in brackets, terms otherwise; empty matches everything.
        message: the raw event.

    Raises:
        InvalidPattern: the pattern cannot be read.
    """
    if len(pattern) > LONGEST:
        raise InvalidPattern("a filter pattern has at most 1024 characters")
    text = pattern.strip()
    if not text:
        return True
    if text.startswith("{"):
        predicate = _JsonPattern(text).predicate()
        try:
            return predicate(json.loads(message))
        except json.JSONDecodeError:
            return False
    if text.startswith("["):
        return _fields_match(text, message)
    return _terms_match(text, message)


# --------------------------------------------------------------------------------------------------- JSON patterns

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<op>\|\||&&|!=|<=|>=|=|<|>|\(|\)|\{|\})
    | (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<regex>%[^%]*%)
    | (?P<selector>\$(?:\.\[?'[^']*'\]?|\.[A-Za-z0-9_\-*]+|\['[^']*'\]|\[(?:\d+|\*)\])+)
    | (?P<word>[^\s"()|&=!<>{}]+)
    )""",
    re.VERBOSE,
)
_NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise InvalidPattern(f"unexpected character at position {at}: {text[at : at + 10]!r}")
        yield _Token(found.lastgroup, found.group(found.lastgroup))
        at = found.end()


class _JsonPattern:
    """Recursive descent: or, and, atom."""

    def __init__(self, text: str) -> None:
        if not text.endswith("}"):
            raise InvalidPattern("a JSON pattern ends with }")
        self._tokens = list(_tokens(text[1:-1]))
        self._at = 0

    def predicate(self) -> Predicate:
        result = self._or()
        if self._at != len(self._tokens):
            raise InvalidPattern(f"unexpected {self._tokens[self._at].text!r}")
        return result

    def _peek(self) -> _Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else _Token("end", "")

    def _take(self) -> _Token:
        token = self._peek()
        self._at += 1
        return token

    def _or(self) -> Predicate:
        parts = [self._and()]
        while self._peek().text == "||":
            self._take()
            parts.append(self._and())
        return lambda record: any(part(record) for part in parts)

    def _and(self) -> Predicate:
        parts = [self._atom()]
        while self._peek().text == "&&":
            self._take()
            parts.append(self._atom())
        return lambda record: all(part(record) for part in parts)

    def _atom(self) -> Predicate:
        token = self._take()
        if token.kind == "op" and token.text == "(":
            inner = self._or()
            if self._take().text != ")":
                raise InvalidPattern("a ) is missing")
            return inner
        if token.kind != "selector":
            raise InvalidPattern(f"a selector such as $.eventName is expected, not {token.text!r}")
        return self._test(_selector(token.text))

    def _test(self, select: Callable[[Any], list[Any]]) -> Predicate:
        operator = self._take()
        if operator.kind == "word":
            return self._keyword(operator.text, select)
        if operator.kind != "op" or operator.text not in _COMPARISONS:
            raise InvalidPattern(f"an operator is expected, not {operator.text!r}")
        operand = self._take()
        if operand.kind not in {"string", "word", "regex"}:
            raise InvalidPattern(f"a value is expected after {operator.text}, not {operand.text!r}")
        judge = _comparison(operator.text, operand)
        return lambda record: any(judge(value) for value in select(record))

    def _keyword(self, word: str, select: Callable[[Any], list[Any]]) -> Predicate:
        following = self._take().text
        if (word, following) == ("NOT", "EXISTS"):
            return lambda record: not select(record)
        if word == "IS" and following in _CONSTANTS:
            constant = _CONSTANTS[following]
            return lambda record: any(value is constant for value in select(record))
        raise InvalidPattern(f"{word} {following} is not known here")


_CONSTANTS: Final = {"NULL": None, "TRUE": True, "FALSE": False}
_COMPARISONS: Final = ("=", "!=", "<", ">", "<=", ">=")


def _selector(text: str) -> Callable[[Any], list[Any]]:
    """Return a function that lists the values a selector reaches: none when the path is absent."""
    steps = re.findall(r"\.\['([^']*)'\]|\['([^']*)'\]|\.'([^']*)'|\.([A-Za-z0-9_\-*]+)|\[(\d+|\*)\]", text)

    def select(record: Any) -> list[Any]:
        held = [record]
        for *names, index in steps:
            name = "".join(names)
            held = [inner for value in held for inner in _step(value, name, index)]
        return held

    return select


def _step(value: Any, name: str, index: str) -> list[Any]:
    if index:
        if not isinstance(value, list):
            return []
        return list(value) if index == "*" else value[int(index) : int(index) + 1]
    if not isinstance(value, dict):
        return []
    if name == "*":
        return list(value.values())
    return [value[name]] if name in value else []


def _comparison(operator: str, operand: _Token) -> Predicate:
    if operand.kind == "regex":
        if operator not in {"=", "!="}:
            raise InvalidPattern("a regular expression is compared with = or !=")
        expression = _regex(operand.text[1:-1])
        return lambda value: isinstance(value, str) and bool(expression.search(value)) == (operator == "=")
    text = _unquoted(operand)
    number = float(text) if operand.kind == "word" and _NUMBER.fullmatch(text) else None
    if operator not in {"=", "!="}:
        if number is None:
            raise InvalidPattern(f"{operator} compares numbers")
        limit = number
        return lambda value: _is_number(value) and _ordered(operator, float(value), limit)
    equal = _equals(text, number)

    def judge(value: Any) -> bool:
        # An object, an array and null never match a value test, negated or not; booleans are for IS TRUE and IS FALSE.
        if isinstance(value, (dict, list, bool)) or value is None:
            return False
        return equal(value) == (operator == "=")

    return judge


def _equals(text: str, number: float | None) -> Predicate:
    def equal(value: Any) -> bool:
        if number is not None and _is_number(value):
            return float(value) == number
        return _like(text, str(value))

    return equal


def _like(pattern: str, value: str) -> bool:
    """``*`` is a wildcard at the first and the last place only."""
    if pattern == "*":
        return True
    front, back = pattern.startswith("*"), pattern.endswith("*") and len(pattern) > 1
    core = pattern[front : len(pattern) - back]
    if front and back:
        return core in value
    if front:
        return value.endswith(core)
    return value.startswith(core) if back else value == core


def _ordered(operator: str, value: float, limit: float) -> bool:
    return {"<": value < limit, ">": value > limit, "<=": value <= limit, ">=": value >= limit}[operator]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _unquoted(token: _Token) -> str:
    if token.kind == "string":
        return re.sub(r"\\(.)", r"\1", token.text[1:-1])
    if not re.fullmatch(r"[\w.*:/\-+@]+", token.text, re.ASCII):
        raise InvalidPattern(f"{token.text!r} needs quotation marks")
    return token.text


def _regex(text: str) -> re.Pattern[str]:
    if "(" in text or ")" in text:
        raise InvalidPattern("parentheses are not allowed in a regular expression")
    try:
        return re.compile(text, re.ASCII)
    except re.error as error:
        raise InvalidPattern(f"the regular expression {text!r} is not valid: {error}") from error


# ------------------------------------------------------------------------------------------- terms, and fields by space


def _terms_match(pattern: str, message: str) -> bool:
    terms = [match.group(0) for match in re.finditer(r'[?-]?"(?:[^"\\]|\\.)*"|[?-]?%[^%]*%|\S+', pattern)]
    if any(term.count('"') % 2 for term in terms):
        raise InvalidPattern("a quotation mark is missing")
    optional = [term[1:] for term in terms if term.startswith("?") and len(term) > 1]
    excluded = [term[1:] for term in terms if term.startswith("-") and len(term) > 1]
    required = [term for term in terms if term[0] not in "?-"]
    if required or excluded:
        return all(_has(term, message) for term in required) and not any(_has(term, message) for term in excluded)
    return any(_has(term, message) for term in optional)


def _has(term: str, message: str) -> bool:
    if term.startswith("%") and term.endswith("%"):
        return bool(_regex(term[1:-1]).search(message))
    return (re.sub(r"\\(.)", r"\1", term[1:-1]) if term.startswith('"') else term) in message


def _fields_match(pattern: str, message: str) -> bool:
    if not pattern.endswith("]"):
        raise InvalidPattern("a space-delimited pattern ends with ]")
    wanted = [part.strip() for part in pattern[1:-1].split(",")]
    fields = re.findall(r'\[[^\]]*\]|"[^"]*"|\S+', message)
    if "..." in wanted:
        gap = wanted.index("...")
        tail = len(wanted) - gap - 1
        if len(fields) < len(wanted) - 1:
            return False
        fields = fields[:gap] + fields[len(fields) - tail :] if tail else fields[:gap]
        wanted = [part for part in wanted if part != "..."]
    if len(fields) != len(wanted):
        return False
    return all(_field(part, field.strip('[]"')) for part, field in zip(wanted, fields, strict=True))


def _field(part: str, field: str) -> bool:
    found = re.fullmatch(r"\w+\s*(?:(!?=)\s*(.+))?", part)
    if found is None:
        raise InvalidPattern(f"the field {part!r} cannot be read")
    operator, value = found.groups()
    if operator is None:
        return True
    return fnmatch.fnmatchcase(field, value.strip('"')) == (operator == "=")

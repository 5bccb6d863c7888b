"""Composite alarm rules as boolean expressions: does the composite go off whenever one child does?

Source: CloudWatch User Guide, "Create a composite alarm": ``ALARM("name or ARN")``, ``OK(...)``,
``INSUFFICIENT_DATA(...)``, ``TRUE``, ``FALSE``, ``NOT``, ``AND``, ``OR`` and parentheses. Any other text is not
understood, which is never taken for a yes.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from auditor.base.truth import Truth

MAX_DEPTH = 60
MAX_LENGTH = 10_240
"""API model (AlarmRule)."""


class RuleError(ValueError):
    """The rule is outside the documented grammar."""


@dataclass(frozen=True, slots=True)
class InState:
    """An alarm, by name or ARN, is in a state."""

    state: str
    alarm: str


@dataclass(frozen=True, slots=True)
class Joined:
    """``AND``, ``OR`` or ``NOT`` over parts."""

    operator: str
    parts: tuple["Expression", ...]


Expression = InState | Joined | bool

_TOKEN = re.compile(r"""\s*(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s()"',]+))""")
_STATES = ("ALARM", "OK", "INSUFFICIENT_DATA")
_ESCAPED = re.compile(r"\\(.)")


def parse_alarm_rule(text: str) -> Expression:
    """Read a rule.

    Raises:
        RuleError: it cannot be understood.
    """
    if len(text) > MAX_LENGTH:
        raise RuleError("the rule is too long")
    tokens: list[tuple[str, str]] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise RuleError(f"unexpected text at character {at + 1}")
        opened, closed, double, single, word = match.groups()
        quoted = double if double is not None else single
        tokens.append(
            ("text", _ESCAPED.sub(r"\1", quoted)) if quoted is not None else ("sign", opened or closed or word)
        )
        at = match.end()
    reader = _Reader(tokens)
    expression = reader.either(0)
    if reader.at != len(tokens):
        raise RuleError("something follows the end of the rule")
    return expression


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.at = 0

    def peek(self, sign: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at] == ("sign", sign)

    def take(self, sign: str) -> bool:
        found = self.peek(sign)
        self.at += found
        return found

    def expect(self, sign: str) -> None:
        if not self.take(sign):
            raise RuleError(f"expected {sign}")

    def either(self, depth: int) -> Expression:
        return self._chain("OR", self.both, depth)

    def both(self, depth: int) -> Expression:
        return self._chain("AND", self.one, depth)

    def _chain(self, operator: str, part: Callable[[int], Expression], depth: int) -> Expression:
        parts = [part(depth)]
        while self.take(operator):
            parts.append(part(depth))
        return parts[0] if len(parts) == 1 else Joined(operator, tuple(parts))

    def one(self, depth: int) -> Expression:
        if depth > MAX_DEPTH:
            raise RuleError("nested too deeply")
        if self.take("NOT"):
            return Joined("NOT", (self.one(depth + 1),))
        if self.take("("):
            inner = self.either(depth + 1)
            self.expect(")")
            return inner
        for constant in (True, False):
            if self.take(str(constant).upper()):
                return constant
        for state in _STATES:
            if self.take(state):
                self.expect("(")
                name = self.name()
                self.expect(")")
                return InState(state, name)
        raise RuleError("expected a state, NOT or a parenthesis")

    def name(self) -> str:
        if self.at >= len(self.tokens) or self.tokens[self.at][1] in {"(", ")"}:
            raise RuleError("expected the name of an alarm")
        self.at += 1
        return self.tokens[self.at - 1][1]


def goes_off_with(expression: Expression, names: Collection[str], state: str = "ALARM") -> Truth:
    """Say whether the composite is in ALARM whenever one child is in a state, whatever the other alarms do.

    Args:
        expression: the rule.
        names: what the child is called: its name and ARN.
        state: the child's.

    Returns:
        True when it always is, False when it never is, None when it depends on other alarms.
    """
    if isinstance(expression, bool):
        return expression
    if isinstance(expression, InState):
        return expression.state == state if expression.alarm in names else None
    parts = [goes_off_with(part, names, state) for part in expression.parts]
    if expression.operator == "NOT":
        return None if parts[0] is None else not parts[0]
    decisive = expression.operator == "OR"
    if decisive in parts:
        return decisive
    return None if None in parts else not decisive


def mentions(expression: Expression, names: Collection[str]) -> bool:
    """Say whether a rule asks about an alarm at all."""
    if isinstance(expression, InState):
        return expression.alarm in names
    return isinstance(expression, Joined) and any(mentions(part, names) for part in expression.parts)

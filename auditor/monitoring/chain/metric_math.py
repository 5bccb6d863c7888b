"""Metric maths as far as it is a plain sum: which metrics count, and whether gaps are filled with zeros.

Source: CloudWatch User Guide, "Using metric math": ``m1``, ``m1 + m2``, ``SUM([m1, m2])``, ``SUM(METRICS())`` and
``FILL(x, 0)``. With other functions a single event may or may not move the result, so that nothing is concluded from
them.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass


class NotASum(ValueError):  # noqa: N818 - an answer, not a fault
    """The expression is something else than a sum."""


@dataclass(frozen=True, slots=True)
class Sum:
    """The ids that are added up, and whether gaps become zeros."""

    ids: frozenset[str]
    fills: bool = False


_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*|[0-9]+(?:\.[0-9]+)?|[()\[\],+])")
_ZERO = re.compile(r"0+(\.0+)?")
MAX_LENGTH = 2048
"""API model (MetricExpression)."""
MAX_DEPTH = 30


def read_sum(expression: str, ids: Collection[str]) -> Sum:
    """Read an expression.

    Args:
        expression: as the alarm has it.
        ids: the ids of the alarm's metrics, which ``METRICS()`` stands for.

    Raises:
        NotASum: it is something else.
    """
    tokens: list[str] = []
    at, end = 0, len(expression.rstrip())
    if end > MAX_LENGTH:
        raise NotASum("too long")
    while at < end:
        match = _TOKEN.match(expression, at)
        if match is None:
            raise NotASum("not a plain sum")
        tokens.append(match.group(1))
        at = match.end()
    reader = _Reader(tokens, frozenset(ids))
    found = reader.total(0)
    if reader.at != len(tokens):
        raise NotASum("not a plain sum")
    return found


class _Reader:
    def __init__(self, tokens: list[str], ids: frozenset[str]) -> None:
        self.tokens = tokens
        self.ids = ids
        self.at = 0

    def take(self, token: str) -> bool:
        found = self.at < len(self.tokens) and self.tokens[self.at].upper() == token
        self.at += found
        return found

    def expect(self, token: str) -> None:
        if not self.take(token):
            raise NotASum("not a plain sum")

    def total(self, depth: int) -> Sum:
        parts = [self.one(depth)]
        while self.take("+"):
            parts.append(self.one(depth))
        return _added(parts)

    def one(self, depth: int) -> Sum:
        if depth > MAX_DEPTH or self.at >= len(self.tokens):
            raise NotASum("not a plain sum")
        if self.take("("):
            inner = self.total(depth + 1)
            self.expect(")")
            return inner
        if self.take("FILL"):
            return self.fill(depth)
        if self.take("SUM"):
            self.expect("(")
            inner = self.several(depth + 1)
            self.expect(")")
            return inner
        name = self.tokens[self.at]
        if name not in self.ids:
            raise NotASum(f"{name} is not the id of a metric")
        self.at += 1
        return Sum(frozenset({name}))

    def fill(self, depth: int) -> Sum:
        self.expect("(")
        inner = self.several(depth + 1)
        self.expect(",")
        if self.at >= len(self.tokens) or not _ZERO.fullmatch(self.tokens[self.at]):
            raise NotASum("FILL with something else than 0")
        self.at += 1
        self.expect(")")
        return Sum(inner.ids, fills=True)

    def several(self, depth: int) -> Sum:
        if self.take("METRICS"):
            self.expect("(")
            self.expect(")")
            return Sum(self.ids)
        if not self.take("["):
            return self.total(depth)
        parts = [self.total(depth)]
        while self.take(","):
            parts.append(self.total(depth))
        self.expect("]")
        return _added(parts)


def _added(parts: list[Sum]) -> Sum:
    return Sum(frozenset().union(*(part.ids for part in parts)), all(part.fills for part in parts))

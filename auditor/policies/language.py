"""The wildcards of IAM's policy language: ``*`` stands for any characters, ``?`` for one, all else for itself.

Account data is hostile, so nothing here goes back over more than the last star: a pattern of a thousand stars takes no
longer than the product of both lengths. Source: IAM User Guide, "IAM JSON policy elements reference", "Using wildcards"
and "Amazon Resource Name (ARN) condition operators".
"""

import re
from collections.abc import Collection, Iterable

from auditor.base.truth import Truth, either
from auditor.policies.arn import PARTS

_VARIABLE = re.compile(r"\$\{[^}]*\}")
_WILDCARD = re.compile(r"[*?]")


def like(pattern: str, text: str) -> bool:
    """Say whether a pattern matches the whole of a text."""
    at, begin, star, resume = 0, 0, -1, 0
    while begin < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, resume = at, begin
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[begin]):
            at, begin = at + 1, begin + 1
        elif star >= 0:
            resume += 1
            at, begin = star + 1, resume
        else:
            return False
    return not pattern[at:].strip("*")


def arn_like(pattern: str, arn: str) -> Truth:
    """Say whether a pattern matches an ARN, each of its six parts by itself; None for a pattern that has fewer."""
    parts, wanted = arn.split(":", PARTS - 1), pattern.split(":", PARTS - 1)
    if len(wanted) < PARTS:
        return None if like(pattern, arn) else False
    return len(parts) == PARTS and all(map(like, wanted, parts))


def has_wildcard(value: str) -> bool:
    """Say whether a value holds a wildcard."""
    return _WILDCARD.search(value) is not None


def has_variable(value: str) -> bool:
    """Say whether a value holds a policy variable, which may stand for anything."""
    return _VARIABLE.search(value) is not None


def widened(pattern: str) -> str:
    """Return a pattern with a star in place of each policy variable: all that it may turn out to be."""
    return _VARIABLE.sub("*", pattern)


def matches(patterns: Iterable[str], text: str) -> Truth:
    """Say whether one of the patterns matches a text; None when that depends on a policy variable."""
    return either(_matches(pattern, text) for pattern in patterns)


def _matches(pattern: str, text: str) -> Truth:
    if not has_variable(pattern):
        return like(pattern, text)
    return None if like(widened(pattern), text) else False


def is_free(pattern: str, shortest: int) -> bool:
    """Say whether a pattern matches every text that has so many characters or more."""
    return "*" in pattern and not pattern.strip("*?") and pattern.count("?") <= shortest


def takes_all_after(pattern: str, beginning: str, shortest: int) -> bool:
    """Say whether a pattern is sure to match whatever goes on after a beginning for so many characters or more."""
    fixed = pattern.rstrip("*?")
    return is_free(pattern[len(fixed) :], shortest) and like(f"{fixed}*", beginning)


def covers(wide: Collection[str], narrow: Iterable[str]) -> bool:
    """Say whether each of some patterns matches only what one of the wider ones is sure to match."""
    sure = [pattern for pattern in wide if "?" not in pattern and not has_variable(pattern)]
    return all(any(like(pattern, one) for pattern in sure) for one in narrow)


def may_hold(pattern: str, beginning: str) -> bool:
    """Say whether a pattern may match a text that begins so."""
    pattern = widened(pattern)
    fixed = _WILDCARD.split(pattern, maxsplit=1)[0]
    return fixed.startswith(beginning) or (fixed != pattern and beginning.startswith(fixed))


def holds_all(pattern: str, beginning: str) -> bool:
    """Say whether a pattern is sure to match every text that begins so."""
    fixed = pattern.rstrip("*")
    return fixed != pattern and not has_variable(fixed) and like(f"{fixed}*", beginning)

"""IAM's policy language: the elements of a statement, and the wildcards in their values.

``*`` stands for any characters, ``?`` for one, everything else for itself. Account data is hostile, so nothing here
goes back over more than the last star: a pattern of a thousand stars takes no longer than the product of both lengths.
Source: IAM User Guide, "IAM JSON policy elements reference", "Using wildcards" and "Amazon Resource Name (ARN)
condition operators".
"""

from typing import Final

NEGATED: Final = frozenset({"Principal", "Action", "Resource"})
"""Elements that have a negation; a statement has one of the two."""
ELEMENTS: Final = NEGATED | {f"Not{name}" for name in NEGATED} | {"Sid", "Effect", "Condition"}
"""All elements of a statement."""
ARN_PARTS: Final = 6
"""Parts of an ARN; only the last may hold further colons."""


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


def arn_like(pattern: str, arn: str) -> bool | None:
    """Say whether a pattern matches an ARN, each of its six parts by itself; None for a pattern that has fewer."""
    parts, wanted = arn.split(":", ARN_PARTS - 1), pattern.split(":", ARN_PARTS - 1)
    if len(wanted) < ARN_PARTS:
        return None if like(pattern, arn) else False
    return len(parts) == ARN_PARTS and all(map(like, wanted, parts))

"""IAM's wildcards: ``*`` for any characters, ``?`` for one; everything else stands for itself.

Account data is hostile, so nothing here goes back over more than the last star: a pattern of a thousand stars takes no
longer than the product of both lengths. Source: IAM User Guide, "Using wildcards" and "Amazon Resource Name (ARN)
condition operators".
"""

_ARN_PARTS = 6


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
    parts, wanted = arn.split(":", _ARN_PARTS - 1), pattern.split(":", _ARN_PARTS - 1)
    if len(wanted) < _ARN_PARTS:
        return None if like(pattern, arn) else False
    return len(parts) == _ARN_PARTS and all(map(like, wanted, parts))

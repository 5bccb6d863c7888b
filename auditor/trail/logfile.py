"""What the stored bytes of one log file show of it, held against the hash that a digest states. Opens nothing."""

from dataclasses import dataclass
from typing import Final

from auditor.trail.gunzip import Damaged, inflate

LOG_LIMIT: Final = 1 << 29
"""Inflated bytes of one log file: 512 MiB. CloudTrail's own stay below a tenth of that."""

_DAMAGES: Final = {
    "damaged": "damaged",
    "truncated": "truncated",
    "trailing": "trailing_bytes",
    "too_large": "too_large",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What a log file shows.

    Args:
        state: ``valid``, ``altered`` or ``unreadable``.
        problem: kind of the finding about its bytes; empty when there is none.
        expected: what should have been seen.
        found: what was seen.
        size: inflated bytes.
        sha256: of the inflated bytes; empty when they cannot be had.
        data: the inflated bytes, when they were asked for and can be had.
    """

    state: str
    problem: str
    expected: str = ""
    found: str = ""
    size: int = 0
    sha256: str = ""
    data: bytes | None = None


def judge_log(body: bytes | memoryview, sha256: str, algorithm: str = "SHA-256", *, keep: bool) -> Shown:
    """Inflate a log file and compare its hash.

    Args:
        body: as it is stored.
        sha256: what the digest states; empty when it states a hash of another kind.
        algorithm: of the digest's hash, as it is written there.
        keep: whether the inflated bytes are wanted.
    """
    try:
        inflated = inflate(body, LOG_LIMIT, keep=keep)
    except Damaged as damage:
        return Shown("altered", damage_kind(damage), "one complete gzip member", damage.detail)
    seen = (inflated.size, inflated.sha256, inflated.data)
    if inflated.sha256 == sha256:
        return Shown("valid", "", "", "", *seen)
    if not sha256:
        return Shown("unreadable", "log_hash_unknown", "a SHA-256", f"hash algorithm {algorithm[:50]!r}", *seen)
    return Shown("altered", "log_altered", f"SHA-256 {sha256}", f"SHA-256 {inflated.sha256}", *seen)


def damage_kind(damage: Damaged) -> str:
    """Return the kind of finding that a broken gzip member is."""
    return f"log_{_DAMAGES.get(damage.kind, 'damaged')}"

"""What a long chain costs to link, and what a link that skips some of its digests is told of."""

from collections.abc import Sequence
from datetime import datetime

import pytest

from auditor.trail.chain import Linked, link
from auditor.trail.digest import CheckedDigest, Digest, Pointer, Proof
from auditor.trail.gaps import Span
from auditor.trail.names import Identity, parse_digest_key

from .bucket import ACCOUNT, HOME, HOUR, START

BUCKET = "trail-logs"
WHOSE = Identity("audit", HOME, ACCOUNT, HOME)


def key(end: datetime) -> str:
    folder = f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/{HOME}/{end:%Y/%m/%d}"
    return f"{folder}/{ACCOUNT}_CloudTrail-Digest_{HOME}_audit_{HOME}_{end:%Y%m%dT%H%M%SZ}.json.gz"


def proved(number: int, *, after: int | None) -> CheckedDigest:
    """Make the digest of one hour, linked to the one of another hour."""
    start, end = START + number * HOUR, START + (number + 1) * HOUR
    name = parse_digest_key(key(end))
    assert name is not None
    pointer = None if after is None else Pointer(BUCKET, key(START + (after + 1) * HOUR), f"{after:064x}", "ab")
    content = Digest(start, end, "", b"", f"{number:064x}", pointer, ())
    return CheckedDigest(BUCKET, key(end), name, Proof.VALID, "ab", content)


def linked(digests: Sequence[CheckedDigest]) -> Linked:
    end = START + len(digests) * HOUR
    return link(WHOSE, digests, frozenset(), Span(START, end, end), expired=None)


@pytest.mark.parametrize("back", [1, 2, 5])
def test_whatever_lies_between_a_digest_and_the_one_it_links_to_is_skipped(back: int) -> None:
    before = [proved(number, after=number - 1 if number else None) for number in range(8)]
    found = linked([*before, proved(8, after=8 - back)])
    assert [item.key for item in found.findings if item.kind == "link_skips_digest"] == [
        item.key for item in before[9 - back :]
    ]


def test_a_chain_of_twice_the_length_takes_about_twice_the_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0

    def counted(item: CheckedDigest) -> datetime:
        nonlocal looks
        looks += 1
        return item.name.end

    monkeypatch.setattr(CheckedDigest, "end", property(counted))
    taken = []
    for length in (400, 800):
        looks = 0
        linked([proved(number, after=number - 1 if number else None) for number in range(length)])
        taken.append(looks)
    assert taken[1] < 2.5 * taken[0]

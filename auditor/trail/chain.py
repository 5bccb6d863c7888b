"""Links verified digests in memory: what predecessors and successors say of each other. Pure; input in any order.

A chain is what one trail delivered from one account and Region. Source: CloudTrail User Guide, "CloudTrail digest file
structure" (starting, final and empty digests), and the attacks listed in ``docs/trail-verification.md``.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from auditor.trail.digest import CheckedDigest, Pointer, Proof, finding, prove_by_successor
from auditor.trail.findings import Finding
from auditor.trail.gaps import Gap, Hourly, Span
from auditor.trail.names import Identity, Location, Place, parse_digest_key
from auditor.trail.retention import Expired


@dataclass(frozen=True, slots=True)
class Linked:
    """A chain after linking. ``digests`` are sorted by end and have their final judgement."""

    identity: Identity
    digests: tuple[CheckedDigest, ...]
    findings: tuple[Finding, ...]
    gaps: tuple[Gap, ...]

    def proved(self) -> tuple[CheckedDigest, ...]:
        """Return the digests that count."""
        return tuple(item for item in self.digests if item.proof is Proof.VALID)


def wanted_predecessors(digests: Sequence[CheckedDigest], since: datetime) -> list[Pointer]:
    """Return the pointers of proved digests to predecessors that are not among them and end after ``since``."""
    known = {(item.bucket, item.key) for item in digests}
    wanted: dict[Place, Pointer] = {}
    for item in digests:
        pointer = item.pointer
        if pointer is None or (pointer.bucket, pointer.key) in known:
            continue
        name = parse_digest_key(pointer.key)
        if name is not None and name.end > since:
            wanted[pointer.bucket, pointer.key] = pointer
    return [wanted[place] for place in sorted(wanted)]


def link(
    identity: Identity,
    digests: Sequence[CheckedDigest],
    missing: frozenset[Place],
    span: Span,
    *,
    expired: Expired | None,
) -> Linked:
    """Link the digests of one chain.

    1. From the newest to the oldest, what a proved successor says settles digests that cannot prove themselves.
    2. Every pointer is compared with what it points to.
    3. Hourly digests cover time; what is left of the period is a gap, and the digest after it says of which kind.

    Args:
        identity: whose chain it is.
        digests: the hourly and backfill digests found for it, in any order.
        missing: places that a proved digest names and the store does not have.
        span: the asked-for time.
        expired: what is gone by the bucket's rules; None when they are unknown.
    """
    ordered = sorted(digests, key=lambda item: (item.end, item.start, item.bucket, item.key))
    settled, findings = [], []
    bound = span.start if expired is None else max(span.start, expired.before)
    for backfill in (False, True):
        part = _prove_backwards([item for item in ordered if item.name.backfill is backfill])
        settled += part
        findings += _compare_links(part, missing, bound)
    settled.sort(key=lambda item: (item.end, item.start, item.bucket, item.key))
    hourly = Hourly(identity, tuple(item for item in settled if not item.name.backfill), missing, span, expired)
    restarts = (
        _link_finding(item, "chain_restarted", f"a link to {before.key}", "no link")
        for item, before in hourly.restarts()
    )
    again = _made_again([item for item in hourly.digests if item.proof is Proof.VALID])
    return Linked(identity, tuple(settled), (*findings, *restarts, *again), hourly.gaps())


# (1) ------------------------------------------------------------------------------------------------------------


def _prove_backwards(ordered: list[CheckedDigest]) -> list[CheckedDigest]:
    place = {(item.bucket, item.key): index for index, item in enumerate(ordered)}
    settled = list(ordered)
    for index in range(len(settled) - 1, -1, -1):
        pointer = settled[index].pointer
        target = None if pointer is None else place.get((pointer.bucket, pointer.key))
        if pointer is not None and target is not None:
            settled[target] = prove_by_successor(settled[target], pointer)
    return settled


# (2) ------------------------------------------------------------------------------------------------------------


def _compare_links(ordered: Sequence[CheckedDigest], missing: frozenset[Place], expired: datetime) -> list[Finding]:
    by_place = {(item.bucket, item.key): item for item in ordered}
    found: list[Finding] = []
    for index, item in enumerate(ordered):
        pointer = item.pointer
        if pointer is None:
            continue
        place = (pointer.bucket, pointer.key)
        if not _same_chain(item, pointer):
            found.append(_link_finding(item, "link_foreign", "a digest of the same chain", f"{pointer.key}"))
        elif place in by_place:
            found += _compare(item, by_place[place], pointer)
            found += _skipped(ordered, index, by_place[place])
        elif place in missing:
            found += _missing(item, pointer, expired)
    return found


def _same_chain(item: CheckedDigest, pointer: Pointer) -> bool:
    name, own = parse_digest_key(pointer.key), item.name
    return name is not None and (name.trail, name.home_region, name.account, name.region) == (
        own.trail,
        own.home_region,
        own.account,
        own.region,
    )


def _compare(item: CheckedDigest, target: CheckedDigest, pointer: Pointer) -> list[Finding]:
    found = []
    digest = target.digest
    if digest is not None and digest.sha256 != pointer.sha256.lower():
        found.append(
            _link_finding(target, "link_hash_mismatch", f"SHA-256 {pointer.sha256}", f"SHA-256 {digest.sha256}")
        )
    own_signature = target.proof is Proof.VALID and not any(
        note.kind in {"signature_metadata_lost", "signature_metadata_altered", "proved_by_successor"}
        for note in target.findings
        if note.expected == "signature metadata that proves the digest"
    )
    if (
        own_signature
        and digest is not None
        and digest.sha256 == pointer.sha256.lower()
        and target.signature != pointer.signature
    ):
        found.append(
            _link_finding(
                target,
                "link_signature_mismatch",
                f"signature {pointer.signature[:16]}...",
                f"{target.signature[:16]}...",
            )
        )
    if digest is not None and digest.end > item.start:
        found.append(_link_finding(item, "link_overlap", f"a start at {digest.end:%H:%M:%S}", f"{item.start:%H:%M:%S}"))
    if (before := _place(target)) != (after := _place(item)):
        found.append(_link_finding(item, "location_changed", before, after))
    return found


def _place(item: CheckedDigest) -> str:
    return f"{item.bucket}/{Location(item.bucket, item.name.location_prefix, item.name.organization).base()}"


def _made_again(proved: Sequence[CheckedDigest]) -> list[Finding]:
    """Name where a chain begins again in another place or from another home Region, with no link to what was before."""
    found = []
    for before, item in pairwise(proved):
        if item.pointer is not None:
            continue
        if before.name.home_region != item.name.home_region:
            homes = (before.name.home_region, item.name.home_region)
            found.append(_link_finding(item, "home_region_changed", *homes))
        elif _place(before) != _place(item):
            found.append(_link_finding(item, "location_changed", _place(before), _place(item)))
    return found


def _skipped(ordered: Sequence[CheckedDigest], index: int, target: CheckedDigest) -> list[Finding]:
    """Name what lies between a digest and the one that its link goes to; ``ordered`` is by end."""
    item = ordered[index]
    if item.name.backfill:
        return []  # their order is not documented
    first = bisect_right(ordered, target.end, hi=index, key=lambda older: older.end)
    return [
        _link_finding(between, "link_skips_digest", f"a link from {item.key}", f"its link goes to {target.key}")
        for between in ordered[first:index]
        if between.proof is Proof.VALID and between.end < item.end
    ]


def _missing(item: CheckedDigest, pointer: Pointer, expired: datetime) -> list[Finding]:
    name = parse_digest_key(pointer.key)
    if name is None or name.end <= expired:
        return []
    sentence = f"Digest file {pointer.key} is gone; its successor {item.key} proves that it existed."
    return [
        finding(name, pointer.key, "digest_missing", "the digest named by its successor", "no such object", sentence)
    ]


_LINK_SENTENCES: Final[Mapping[str, str]] = {
    "link_foreign": "Digest file {key} names a predecessor outside its own chain: {found}.",
    "link_hash_mismatch": "Digest file {key} is not the one its successor vouches for: {expected} against {found}.",
    "link_signature_mismatch": "Digest file {key} carries another signature than its successor records.",
    "link_overlap": "Digest file {key} begins before its predecessor ends: {found}, where {expected} was expected.",
    "location_changed": "From digest file {key} on, the trail writes to {found}; before, to {expected}.",
    "home_region_changed": "With digest file {key}, the trail was made again in {found}; its home was {expected}.",
    "link_skips_digest": "Digest file {key} is skipped by the chain: {found}.",
    "chain_restarted": "Digest file {key} starts a new chain, although the previous digest ends where it begins.",
}


def _link_finding(item: CheckedDigest, kind: str, expected: str, found: str) -> Finding:
    sentence = _LINK_SENTENCES[kind].format(key=item.key, expected=expected, found=found)
    return finding(item.name, item.key, kind, expected, found, sentence)

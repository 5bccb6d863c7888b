"""Looks for the newest digests of an earlier report, and names those of this one. Belongs to steps 8 and 9."""

from collections.abc import Iterable, Iterator

from auditor.trail.chain import Linked
from auditor.trail.context import Context
from auditor.trail.digest import CheckedDigest, Proof
from auditor.trail.fetch import Unavailable
from auditor.trail.findings import Finding
from auditor.trail.gaps import HOUR
from auditor.trail.gunzip import Damaged, inflate
from auditor.trail.logfile import LOG_LIMIT
from auditor.trail.report import Anchor
from auditor.trail.retention import Retention
from auditor.trail.survey import Survey


def check_anchors(context: Context, found: Survey, retention: Retention) -> tuple[Finding, ...]:
    """Return what is wrong with the digests that an earlier report had seen; one past its age may be gone."""
    return tuple(_anchor_findings(context, found, retention))


def _anchor_findings(context: Context, found: Survey, retention: Retention) -> Iterator[Finding]:
    for anchor in context.scope.anchors:
        kept = found.digests.of((anchor.account, anchor.region)).get((anchor.bucket, anchor.key))
        try:
            sha256 = _sha256(context, anchor, None if kept is None else kept.checked)
        except Unavailable as problem:
            if problem.reason != "missing":
                code = problem.code
                yield _finding(anchor, "anchor_unreadable", code, f"could not be read ({code})")
            elif not retention.gone(anchor.bucket, anchor.key, anchor.end):
                yield _finding(anchor, "anchor_missing", "no such object", "is gone; an earlier report recorded it")
            continue
        if sha256 != anchor.sha256:
            yield _finding(anchor, "anchor_differs", sha256, "differs from what an earlier report recorded")


def _sha256(context: Context, anchor: Anchor, known: CheckedDigest | None) -> str:
    """Return the hash of an anchored digest, or what it is instead.

    Raises:
        Unavailable: it could not be read.
    """
    if known is not None and known.proof is not Proof.UNREADABLE:
        return known.digest.sha256 if known.digest is not None else "other content"
    try:
        return inflate(context.source.get(anchor.bucket, anchor.key).body, LOG_LIMIT, keep=False).sha256
    except Damaged as damage:
        return damage.detail


def _finding(anchor: Anchor, kind: str, found: str, words: str) -> Finding:
    return Finding(
        kind,
        anchor.key,
        anchor.account,
        anchor.region,
        anchor.end - HOUR,
        f"SHA-256 {anchor.sha256}",
        found,
        "shown",
        f"Digest file {anchor.key} {words}.",
    )


def newest(chains: Iterable[Linked]) -> tuple[Anchor, ...]:
    """Return the newest proved digest of each chain: the next run must find it again."""
    found = []
    for linked in chains:
        last = max(
            (item for item in linked.proved() if not item.name.backfill), key=lambda item: item.end, default=None
        )
        if last is not None and last.digest is not None:
            whose = (linked.identity.account, linked.identity.region)
            found.append(Anchor(*whose, last.bucket, last.key, last.end, last.digest.sha256, last.signature))
    return tuple(found)

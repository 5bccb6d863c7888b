"""Finds the stretches of asked-for time that no proved digest covers, and what the digests beside them say. Pure.

Source: CloudTrail User Guide, "CloudTrail digest file structure" (starting, final and empty digests).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from auditor.base.counts import counted
from auditor.base.period import rfc3339
from auditor.trail.digest import CheckedDigest, Proof
from auditor.trail.findings import Certainty, Finding
from auditor.trail.names import Identity, Place
from auditor.trail.retention import Expired

HOUR: Final = timedelta(hours=1)
DIGEST_GRACE: Final = timedelta(hours=2, minutes=15)
"""A digest covers an hour and appears up to another later; a quarter of an hour is tolerated on top."""


@dataclass(frozen=True, slots=True)
class Span:
    """The asked-for time, and what "now" is: all aware UTC, ``[start, end)``."""

    start: datetime
    end: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of asked-for time that no proved digest covers."""

    account: str
    region: str
    start: datetime
    end: datetime
    cause: str
    """The kind of finding it is, without ``gap_``."""
    certainty: Certainty
    sentence: str
    logs: int = 0
    """Log objects found in it."""
    events: tuple[str, ...] = ()
    """Ids of the verified events that explain it."""
    ground: str = ""
    """What it rests on, in words: those events, or the rule that deletes objects."""

    @property
    def kind(self) -> str:
        """The kind of finding this gap is."""
        return "no_digests" if self.cause == "no_digests" else f"gap_{self.cause}"

    def finding(self) -> Finding:
        """Return the gap as a finding."""
        span = f"{self.start:%Y-%m-%dT%H:%M:%SZ} to {self.end:%Y-%m-%dT%H:%M:%SZ}"
        return Finding(
            self.kind,
            "",
            self.account,
            self.region,
            self.start,
            f"digests for {span}",
            f"none that counts; {counted(self.logs, 'log object lies', 'log objects lie')} there",
            self.certainty,
            self.sentence,
            (
                ("start", rfc3339(self.start)),
                ("end", rfc3339(self.end)),
                *(("event", item) for item in self.events[:1]),
            ),
        )

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "account": self.account,
            "region": self.region,
            "start": rfc3339(self.start),
            "end": rfc3339(self.end),
            "hours": round((self.end - self.start) / HOUR, 2),
            "cause": self.cause,
            "certainty": self.certainty,
            "sentence": self.sentence,
            "log_objects": self.logs,
            "events": list(self.events),
        }


@dataclass(frozen=True, slots=True)
class Hourly:
    """What the holes of one chain are judged by.

    Args:
        identity: whose chain it is.
        digests: its hourly digests by end, judged for good.
        missing: places that a proved digest names and the store does not have.
        span: the asked-for time.
        expired: what is gone by the bucket's rules; None when they are unknown.
    """

    identity: Identity
    digests: tuple[CheckedDigest, ...]
    missing: frozenset[Place]
    span: Span
    expired: Expired | None

    def gaps(self) -> tuple[Gap, ...]:
        """Return the stretches of asked-for time that proved digests leave uncovered."""
        gaps: list[Gap] = []
        reached, before = self.span.start, None
        for item in self.digests:
            if item.proof is not Proof.VALID:
                continue
            if item.start > reached:
                gaps += self._hole(reached, min(item.start, self.span.end), before, item)
            reached, before = max(reached, item.end), item
        if reached < self.span.end:
            gaps += self._hole(reached, self.span.end, before, None)
        return tuple(gap for gap in gaps if gap.start < gap.end)

    def restarts(self) -> tuple[tuple[CheckedDigest, CheckedDigest], ...]:
        """Return the digests that start a new chain right where the one before ends, each with that one."""
        found: list[tuple[CheckedDigest, CheckedDigest]] = []
        reached = self.span.start
        before: CheckedDigest | None = None
        for item in self.digests:
            if item.proof is not Proof.VALID:
                continue
            starting = item.digest is not None and item.digest.previous is None
            if (
                starting
                and before is not None
                and self.span.start < item.start <= reached
                and item.start < self.span.end
            ):
                found.append((item, before))
            reached, before = max(reached, item.end), item
        return tuple(found)

    def _hole(
        self, start: datetime, end: datetime, before: CheckedDigest | None, after: CheckedDigest | None
    ) -> list[Gap]:
        """Cut the hole ``[start, end)`` at what is gone by rule, and at digests that are there and do not count.

        The rest has one cause.
        """
        gaps: list[Gap] = []
        reached = start
        cause, certainty = _cause(before, after, self.missing, self.span)
        if before is None and self.expired is not None and start < self.expired.before:
            reached = min(end, self.expired.before)
            gone = self._gap(start, reached, "out_of_retention", "likely")
            gaps.append(described(replace(gone, ground=self.expired.ground)))
        for bad in self.digests:
            if bad.proof is Proof.VALID or bad.end <= reached or bad.start >= end:
                continue
            gaps.append(self._gap(reached, max(reached, bad.start), cause, certainty))
            gaps.append(self._gap(max(reached, bad.start), min(end, bad.end), "digest_failed", "shown"))
            reached = min(end, bad.end)
        gaps.append(self._gap(reached, end, cause, certainty))
        return [gap for gap in gaps if gap.start < gap.end]

    def _gap(self, start: datetime, end: datetime, cause: str, certainty: Certainty) -> Gap:
        return described(Gap(self.identity.account, self.identity.region, start, end, cause, certainty, ""))


def _cause(
    before: CheckedDigest | None, after: CheckedDigest | None, missing: frozenset[Place], span: Span
) -> tuple[str, Certainty]:
    if after is None:
        if before is None:
            young = span.now - span.start < DIGEST_GRACE
            return ("not_yet_digested", "likely") if young else ("no_digests", "shown")
        waiting = span.now - before.end < DIGEST_GRACE
        return ("not_yet_digested", "likely") if waiting else ("after_last_digest", "shown")
    pointer = after.pointer
    if pointer is None:
        return ("before_first_digest", "shown") if before is None else ("unexplained", "shown")
    if (pointer.bucket, pointer.key) in missing:
        return "digest_deleted", "shown"
    if before is not None and (before.bucket, before.key) == (pointer.bucket, pointer.key):
        return "signed_times", "shown"
    return "unexplained", "shown"


_GAP_SENTENCES: Final[Mapping[str, str]] = {
    "logging_stopped": "Logging was switched off: nothing was recorded in {place} {span}.",
    "validation_off": "Log file validation was switched off: no digests exist in {place} {span}.",
    "digest_deleted": "The digests of {place} {span} are gone; the chain proves that the last of them existed.",
    "digest_failed": "The digest of {place} {span} is there and proves nothing.",
    "logs_without_digest": "{logs} log files lie in {place} {span}, and no digest vouches for them; "
    "nothing on record explains it.",
    "unexplained": "No digest covers {place} {span}, and nothing on record explains it.",
    "signed_times": "Two linked digests of {place} leave {span} uncovered.",
    "not_yet_digested": "The digests of {place} {span} are not due yet.",
    "before_first_digest": "No digest of {place} covers the time {span}: the first one begins after it.",
    "after_last_digest": "No digest of {place} covers the time {span}: the last one ends before it.",
    "out_of_retention": "The objects of {place} {span} are past the bucket's retention.",
    "no_digests": "No digest of {place} was found {span}.",
}


def described(gap: Gap) -> Gap:
    """Return the gap with the sentence that fits its cause."""
    place = f"{gap.account} {gap.region}"
    span = f"from {gap.start:%Y-%m-%d %H:%M} to {gap.end:%Y-%m-%d %H:%M} UTC"
    sentence = _GAP_SENTENCES[gap.cause].format(place=place, span=span, logs=gap.logs)
    return replace(gap, sentence=f"{sentence} {gap.ground}".rstrip())

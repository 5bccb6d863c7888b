"""Links verified digests in memory: predecessors, covered time, holes and their causes. Pure; input in any order.

A chain is what one trail delivered from one account and Region. Source: CloudTrail User Guide, "CloudTrail digest file
structure" (starting, final and empty digests), and the attacks listed in ``docs/trail-verification.md``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from auditor.base.period import rfc3339
from auditor.trail.digest import CheckedDigest, Pointer, Proof, finding, prove_by_successor
from auditor.trail.findings import Certainty, Finding
from auditor.trail.names import parse_digest_key
from auditor.trail.retention import Expired

HOUR: Final = timedelta(hours=1)
DIGEST_GRACE: Final = timedelta(hours=2, minutes=15)
"""A digest covers an hour and appears up to another later; a quarter of an hour is tolerated on top."""
BEFORE_STOP: Final = timedelta(minutes=90)
AFTER_STOP: Final = timedelta(minutes=30)
"""A stop explains a hole that begins up to 90 minutes after it or up to 30 minutes before it (the call reaches the
Regions one after the other)."""
RESTART_GRACE: Final = timedelta(minutes=75)
"""How long after StartLogging the first digest may begin."""

Place = tuple[str, str]
"""Bucket and key."""


@dataclass(frozen=True, slots=True)
class Span:
    """The asked-for time, and what "now" is: all aware UTC, ``[start, end)``."""

    start: datetime
    end: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose chain it is."""

    trail: str
    home_region: str
    account: str
    region: str


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
            f"none that counts; {self.logs} log objects lie there",
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
class TrailEvent:
    """A verified record about the trail itself, as far as holes need it."""

    name: str
    time: datetime
    event_id: str
    actor: str
    validation: bool | None = None
    """UpdateTrail and CreateTrail: what they set ``enableLogFileValidation`` to."""

    def told(self) -> str:
        """Say who called what, and when."""
        return f"{self.actor} called {self.name} at {rfc3339(self.time)}."


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
        pointer = _pointer(item)
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
        findings += _compare_links(identity, part, missing, bound)
    settled.sort(key=lambda item: (item.end, item.start, item.bucket, item.key))
    hourly = [item for item in settled if not item.name.backfill]
    gaps, restarts = _gaps(identity, hourly, missing, span, expired)
    return Linked(identity, tuple(settled), (*findings, *restarts), tuple(gaps))


def _pointer(item: CheckedDigest) -> Pointer | None:
    return item.digest.previous if item.digest is not None and item.proof is Proof.VALID else None


# (1) ------------------------------------------------------------------------------------------------------------


def _prove_backwards(ordered: list[CheckedDigest]) -> list[CheckedDigest]:
    place = {(item.bucket, item.key): index for index, item in enumerate(ordered)}
    settled = list(ordered)
    for index in range(len(settled) - 1, -1, -1):
        pointer = _pointer(settled[index])
        target = None if pointer is None else place.get((pointer.bucket, pointer.key))
        if pointer is not None and target is not None:
            settled[target] = prove_by_successor(settled[target], pointer)
    return settled


# (2) ------------------------------------------------------------------------------------------------------------


def _compare_links(
    identity: Identity, ordered: Sequence[CheckedDigest], missing: frozenset[Place], expired: datetime
) -> list[Finding]:
    by_place = {(item.bucket, item.key): item for item in ordered}
    found: list[Finding] = []
    for index, item in enumerate(ordered):
        pointer = _pointer(item)
        if pointer is None:
            continue
        place = (pointer.bucket, pointer.key)
        if not _same_chain(identity, pointer):
            found.append(_link_finding(item, "link_foreign", "a digest of the same chain", f"{pointer.key}"))
        elif place in by_place:
            found += _compare(item, by_place[place], pointer)
            found += _skipped(ordered[:index], item, by_place[place])
        elif place in missing:
            found += _missing(item, pointer, expired)
    return found


def _same_chain(identity: Identity, pointer: Pointer) -> bool:
    name = parse_digest_key(pointer.key)
    return name is not None and (name.trail, name.home_region, name.account, name.region) == (
        identity.trail,
        identity.home_region,
        identity.account,
        identity.region,
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
    if (target.bucket, target.name.location_prefix) != (item.bucket, item.name.location_prefix):
        before = f"{target.bucket}/{target.name.location_prefix}"
        found.append(_link_finding(item, "location_changed", before, f"{item.bucket}/{item.name.location_prefix}"))
    return found


def _skipped(older: Sequence[CheckedDigest], item: CheckedDigest, target: CheckedDigest) -> list[Finding]:
    if item.name.backfill:
        return []  # their order is not documented
    return [
        _link_finding(between, "link_skips_digest", f"a link from {item.key}", f"its link goes to {target.key}")
        for between in older
        if between.proof is Proof.VALID and target.end < between.end < item.end
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
    "link_skips_digest": "Digest file {key} is skipped by the chain: {found}.",
    "chain_restarted": "Digest file {key} starts a new chain, although the previous digest ends where it begins.",
}


def _link_finding(item: CheckedDigest, kind: str, expected: str, found: str) -> Finding:
    sentence = _LINK_SENTENCES[kind].format(key=item.key, expected=expected, found=found)
    return finding(item.name, item.key, kind, expected, found, sentence)


# (3) ------------------------------------------------------------------------------------------------------------


def _gaps(
    identity: Identity,
    hourly: Sequence[CheckedDigest],
    missing: frozenset[Place],
    span: Span,
    expired: Expired | None,
) -> tuple[list[Gap], list[Finding]]:
    proved = [item for item in hourly if item.proof is Proof.VALID]
    gaps: list[Gap] = []
    restarts: list[Finding] = []
    reached, before = span.start, None
    for item in proved:
        starting = item.digest is not None and item.digest.previous is None
        if item.start > reached:
            gaps += _hole(identity, reached, min(item.start, span.end), before, item, hourly, missing, span, expired)
        elif starting and before is not None and span.start < item.start < span.end:
            restarts.append(_link_finding(item, "chain_restarted", f"a link to {before.key}", "no link"))
        reached, before = max(reached, item.end), item
    if reached < span.end:
        gaps += _hole(identity, reached, span.end, before, None, hourly, missing, span, expired)
    return [gap for gap in gaps if gap.start < gap.end], restarts


def _hole(
    identity: Identity,
    start: datetime,
    end: datetime,
    before: CheckedDigest | None,
    after: CheckedDigest | None,
    hourly: Sequence[CheckedDigest],
    missing: frozenset[Place],
    span: Span,
    expired: Expired | None,
) -> list[Gap]:
    """Cut the hole ``[start, end)`` at what is gone by rule, and at digests that are there and do not count.

    The rest has one cause.
    """
    gaps: list[Gap] = []
    reached = start
    cause, certainty = _cause(before, after, missing, span)
    if before is None and expired is not None and start < expired.before:
        reached = min(end, expired.before)
        gone = _gap(identity, start, reached, "out_of_retention", "likely")
        gaps.append(described(replace(gone, ground=expired.ground)))
    for bad in hourly:
        if bad.proof is Proof.VALID or bad.end <= reached or bad.start >= end:
            continue
        gaps.append(_gap(identity, reached, max(reached, bad.start), cause, certainty))
        gaps.append(_gap(identity, max(reached, bad.start), min(end, bad.end), "digest_failed", "shown"))
        reached = min(end, bad.end)
    gaps.append(_gap(identity, reached, end, cause, certainty))
    return [gap for gap in gaps if gap.start < gap.end]


def _cause(
    before: CheckedDigest | None, after: CheckedDigest | None, missing: frozenset[Place], span: Span
) -> tuple[str, Certainty]:
    if after is None:
        if before is None:
            young = span.now - span.start < DIGEST_GRACE
            return ("not_yet_digested", "likely") if young else ("no_digests", "shown")
        waiting = span.now - before.end < DIGEST_GRACE
        return ("not_yet_digested", "likely") if waiting else ("after_last_digest", "shown")
    pointer = _pointer(after)
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
    "before_first_digest": "The first digest of {place} begins after {span}; earlier log files have none.",
    "after_last_digest": "The last digest of {place} ends before {span}.",
    "out_of_retention": "The objects of {place} {span} are past the bucket's retention.",
    "no_digests": "No digest of {place} was found {span}.",
}


def _gap(identity: Identity, start: datetime, end: datetime, cause: str, certainty: Certainty) -> Gap:
    return described(Gap(identity.account, identity.region, start, end, cause, certainty, ""))


def described(gap: Gap) -> Gap:
    """Return the gap with the sentence that fits its cause."""
    place = f"{gap.account} {gap.region}"
    span = f"from {gap.start:%Y-%m-%d %H:%M} to {gap.end:%Y-%m-%d %H:%M} UTC"
    sentence = _GAP_SENTENCES[gap.cause].format(place=place, span=span, logs=gap.logs)
    return replace(gap, sentence=f"{sentence} {gap.ground}".rstrip())


# -------------------------------------------------------------------------------------------- explaining the gaps


def explain(
    gaps: Sequence[Gap],
    events: Sequence[TrailEvent],
    logs_between: "LogCounter",
    *,
    validation_enabled: bool | None,
) -> list[Gap]:
    """Give gaps without a cause one, from verified events and from the log objects that lie in them.

    1. A StopLogging or DeleteTrail at its begin explains a gap up to the StartLogging that follows, not beyond.
    2. An UpdateTrail that switched validation off explains it, too.
    3. Log objects in a gap that nothing explains mean that digests were deleted, or that the objects were planted.

    Args:
        gaps: the gaps of all chains.
        events: verified records about this trail, in any order.
        logs_between: counts log objects without digest of an account and Region between two times.
        validation_enabled: whether the trail's configuration says that digests are written; None when unknown.
    """
    ordered = sorted(events, key=lambda event: (event.time, event.event_id))
    result = []
    for gap in gaps:
        counted = replace(gap, logs=logs_between(gap.account, gap.region, gap.start, gap.end))
        open_cause = gap.cause in {"unexplained", "after_last_digest", "not_yet_digested"}
        parts = _explained(counted, ordered, logs_between) if open_cause else [counted]
        result += [_with_logs(part, validation_enabled) for part in parts]
    return [described(gap) for gap in result]


class LogCounter:
    """Counts log objects that no digest lists. Replaced by the spool's query; this one knows none."""

    def __call__(self, account: str, region: str, start: datetime, end: datetime) -> int:  # noqa: ARG002
        """Return how many lie in ``[start, end)``."""
        return 0


def _explained(gap: Gap, events: Sequence[TrailEvent], logs_between: LogCounter) -> list[Gap]:
    window = (gap.start - BEFORE_STOP, gap.start + AFTER_STOP)
    offs = [event for event in events if window[0] <= event.time <= window[1] and _effect(event) not in {None, "on"}]
    if not offs:
        return [gap]
    off = offs[-1]
    if any(_effect(event) == "on" and off.time < event.time <= gap.start for event in events):
        return [gap]  # it was over before the hole began
    cause = _effect(off) or "unexplained"
    back = next(
        (item for item in events if off.time < item.time <= gap.end + RESTART_GRACE and _effect(item) == "on"), None
    )
    if back is None:
        certain: Certainty = "possible" if gap.cause == "unexplained" else "likely"
        if cause == "logging_stopped" and logs_between(gap.account, gap.region, off.time + AFTER_STOP, gap.end):
            return [gap]  # log files were delivered while logging is said to have been off
        return [replace(gap, cause=cause, certainty=certain, events=(off.event_id,), ground=off.told())]
    explained = replace(
        gap,
        cause=cause,
        certainty="shown",
        events=(off.event_id, back.event_id),
        ground=f"{off.told()} {back.told()}",
    )
    if gap.end - back.time <= RESTART_GRACE:
        return [explained]
    first = replace(explained, end=max(gap.start, back.time))
    rest = replace(gap, start=first.end)
    rest = replace(rest, logs=logs_between(gap.account, gap.region, rest.start, rest.end))
    return [part for part in (first, rest) if part.start < part.end]


def _effect(event: TrailEvent) -> str | None:
    match event.name:
        case "StopLogging" | "DeleteTrail":
            return "logging_stopped"
        case "StartLogging" | "CreateTrail":
            return "on"
        case "UpdateTrail" if event.validation is False:
            return "validation_off"
        case "UpdateTrail" if event.validation:
            return "on"
    return None


def _with_logs(gap: Gap, validation_enabled: bool | None) -> Gap:
    if not gap.logs:
        return gap
    tail = gap.cause == "after_last_digest" and bool(validation_enabled)
    if gap.cause == "unexplained" or tail:
        return replace(gap, cause="logs_without_digest", certainty="likely")
    return gap


# ------------------------------------------------------------------------------------------------------- coverage

STATES: Final[Mapping[str, str]] = {
    "v": "verified: a proved digest covers the hour and every log file in it is as delivered",
    "x": "altered, damaged or forged",
    "d": "deleted",
    "u": "log objects that no digest vouches for",
    "r": "could not be read or checked",
    "g": "no digest and no explanation",
    "s": "logging or validation was switched off",
    "o": "before the first or after the last digest",
    "e": "past retention",
    "p": "not yet digested",
    ".": "not asked for",
}
"""One character per hour in the report's coverage strips."""
SEVERITY: Final = "xdurgsoepv."
"""The states from worst to best: an hour takes the worst of what happened in it."""

_GAP_STATES: Final[Mapping[str, str]] = {
    "logging_stopped": "s",
    "validation_off": "s",
    "digest_deleted": "d",
    "digest_failed": "r",
    "logs_without_digest": "u",
    "unexplained": "g",
    "signed_times": "x",
    "not_yet_digested": "p",
    "before_first_digest": "o",
    "after_last_digest": "o",
    "out_of_retention": "e",
    "no_digests": "g",
}


def worse(one: str, other: str) -> str:
    """Return the worse of two hour states."""
    return min(one, other, key=SEVERITY.index)


def hour_states(span: Span, gaps: Sequence[Gap], marks: Mapping[datetime, str]) -> dict[datetime, str]:
    """Return the state of every asked-for hour of one chain.

    Args:
        span: the asked-for time; hours are counted from full hours, and those it only touches are included.
        gaps: the chain's gaps.
        marks: states that findings about single objects give to hours.
    """
    states: dict[datetime, str] = {}
    hour = span.start.replace(minute=0, second=0, microsecond=0)
    while hour < span.end:
        states[hour] = worse("v", marks.get(hour, "v"))
        hour += HOUR
    for gap in gaps:
        hour = gap.start.replace(minute=0, second=0, microsecond=0)
        while hour < gap.end:
            if hour in states:
                states[hour] = worse(states[hour], _GAP_STATES[gap.cause])
            hour += HOUR
    return states

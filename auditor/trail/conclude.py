"""Draws the conclusions: explains the holes, counts, and writes the report. Steps 8 and 9 of a verification."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from auditor.base.counts import counted
from auditor.base.period import rfc3339
from auditor.trail.anchors import check_anchors, newest
from auditor.trail.chain import Linked
from auditor.trail.checked import key_findings
from auditor.trail.context import Context
from auditor.trail.coverage import hour_states
from auditor.trail.digest import Proof
from auditor.trail.explain import TrailEvent, explain
from auditor.trail.extra import Extras
from auditor.trail.fetch import Saved
from auditor.trail.findings import Finding
from auditor.trail.gaps import HOUR, Gap
from auditor.trail.gunzip import packed_again
from auditor.trail.keys import KeyBook
from auditor.trail.links import Links
from auditor.trail.logs import LogsChecked
from auditor.trail.names import ChainKey, parse_log_key
from auditor.trail.objects import ExtraTeller, Told, joined, tell_digests, tell_logs, tell_unread
from auditor.trail.owner import OwnerRecords
from auditor.trail.report import (
    FINDING_LIMIT,
    ChainReport,
    DigestCounts,
    KeyUse,
    LogCounts,
    TrailReport,
    TrailScope,
)
from auditor.trail.rules import Rules
from auditor.trail.survey import Survey
from auditor.trail.versions import Versions


@dataclass(frozen=True, slots=True)
class Steps:
    """What the steps before found, each in its own value."""

    survey: Survey
    rules: Rules
    links: Links
    logs: LogsChecked
    owner: OwnerRecords
    extras: Extras

    @property
    def interrupted(self) -> bool:
        """Whether the run was asked to stop in one of them."""
        return any(step.interrupted for step in (self.survey, self.logs, self.owner, self.extras))

    def trail_events(self) -> tuple[TrailEvent, ...]:
        """Return the verified calls about the trail, each once."""
        return tuple({event.known_as: event for event in (*self.logs.events, *self.owner.events)}.values())


def conclude(context: Context, steps: Steps) -> TrailReport:
    """Explain, count and return the report."""
    versions = Versions(context, steps.rules.retention)
    gaps, deleted = _explained(context, steps, versions)
    told = joined(
        (
            tell_digests(context, steps.links, versions),
            tell_logs(context, steps.links, versions),
            ExtraTeller(context, steps.survey, steps.links, steps.extras, steps.interrupted).tell(gaps),
            tell_unread(context, steps.survey, steps.links),
        )
    )
    findings = [
        *steps.survey.all_findings(),
        *key_findings(steps.extras.book, context.scope.account),
        *check_anchors(context, steps.survey, steps.rules.retention),
        *deleted,
        *told.findings,
        *(gap.finding() for gap in gaps),
        *_run_findings(context, steps),
    ]
    return _report(context, steps, gaps, findings, told)


def _report(
    context: Context, steps: Steps, gaps: Sequence[Gap], findings: Iterable[Finding], told: Told
) -> TrailReport:
    counted, extras = _log_counts(context, steps.links), Counter(extra.chain for extra in context.spool.extras())
    chains = tuple(
        _chain_report(context, steps.links, linked, gaps, told.marks, counted, extras) for linked in steps.links.linked
    )
    ordered = sorted(findings, key=Finding.order)
    omitted = Counter(told.omitted)
    omitted.update(item.kind for item in ordered[FINDING_LIMIT:])
    listed = [steps.survey.listing.of(target) for target in steps.links.targets.values()]
    return TrailReport(
        scope=context.scope,
        as_of=context.now,
        findings=tuple(ordered[:FINDING_LIMIT]),
        omitted=dict(omitted),
        gaps=tuple(sorted(gaps, key=lambda gap: (gap.account, gap.region, gap.start))),
        chains=chains,
        digests=_sum_digests(chains),
        logs=_sum_logs(chains),
        keys=_key_uses(context, steps.links, steps.extras.book),
        anchors=newest(steps.links.linked),
        other_trails=tuple(
            sorted({f"{name.trail} ({name.home_region})" for found in listed for name in found.foreign.values()})
        ),
        interrupted=steps.interrupted,
        further_reads=steps.owner.reads,
        stored_bytes=steps.logs.stored_bytes,
        inflated_bytes=steps.logs.inflated_bytes,
        rules=steps.rules.retention.rules,
        unread_rules=steps.rules.unread,
        notable=steps.logs.notable,
    )


# (8) ------------------------------------------------------------------------------------------------------------


def _explained(context: Context, steps: Steps, versions: Versions) -> tuple[list[Gap], list[Finding]]:
    """Return the holes with their causes, and the deletions that the bucket's versions show."""
    targets = steps.links.targets

    def logs_between(account: str, region: str, start: datetime, end: datetime) -> int:
        return context.spool.extra_between(targets[account, region].number, start, end)

    gaps = [_unseen(gap, steps) for linked in steps.links.linked for gap in linked.gaps]
    enabled = context.scope.validation_enabled
    explained: list[Gap] = []
    deleted: list[Finding] = []
    for gap in explain(gaps, steps.trail_events(), logs_between, validation_enabled=enabled):
        settled, findings = versions.deleted_digest(gap, steps.survey.locations)
        explained.append(settled)
        deleted += findings
    return explained, deleted


def _unseen(gap: Gap, steps: Steps) -> Gap:
    """Take back a conclusion that rests on a listing that failed."""
    unread = steps.survey.listing.of(steps.links.targets[gap.account, gap.region]).unread
    unread = unread or not steps.survey.locations
    if (unread or steps.interrupted) and gap.cause in {"no_digests", "before_first_digest", "unexplained"}:
        return replace(gap, certainty="possible")
    return gap


# (9) ------------------------------------------------------------------------------------------------------------


_UNANSWERED: Final[Mapping[str, tuple[str, str, str]]] = {
    "cloudtrail:DescribeTrails": (
        "trail_unreadable",
        "where the trail writes to",
        "CloudTrail does not say where the trail writes to ({code}): nothing was looked at.",
    ),
    "ec2:DescribeRegions": (
        "regions_unknown",
        "the list of enabled Regions",
        "The list of enabled Regions is not known ({code}); a Region that left nothing in the bucket was not noticed.",
    ),
    "organizations:DescribeOrganization": (
        "organization_unknown",
        "the organization and its management account",
        "The organization is not known ({code}): while its owner is unknown, no call explains a hole.",
    ),
}


def _unanswered_findings(scope: TrailScope) -> Iterator[Finding]:
    for item in scope.unanswered:
        kind, wanted, sentence = _UNANSWERED[item.operation]
        told = sentence.format(code=item.code)
        yield Finding(kind, "", scope.account, "", None, wanted, item.code, "shown", told)


def _run_findings(context: Context, steps: Steps) -> Iterator[Finding]:
    scope = context.scope
    yield from _unanswered_findings(scope)
    if scope.read_from:
        written, read = scope.location.bucket, scope.read_from
        sentence = f"The digests were written to bucket {written} and are read from bucket {read}."
        yield Finding("evidence_relocated", "", scope.account, "", None, written, read, "shown", sentence)
    start = f"{scope.trail}_{scope.home_region}_"
    for key, target in steps.links.targets.items():
        foreign = steps.survey.listing.of(target).foreign.values()
        for trail in sorted({name.trail for name in foreign if name.trail.startswith(start)}):
            sentence = f"Trail {trail} is named so that its digests sort among those of {scope.trail}."
            wanted, seen = f"trail {scope.trail}", f"trail {trail}"
            yield Finding("lookalike_trail", trail, *key, None, wanted, seen, "shown", sentence)
    yield from _kind_findings(context, steps.survey)
    yield from header_findings(steps.logs.headers, scope.account)
    yield from _download_findings(context, steps.logs.wrappers)
    for event in steps.trail_events():
        yield _change_finding(context, event)
    if steps.interrupted:
        sentence = "The run was interrupted: what it did not reach is not vouched for."
        yield Finding("interrupted", "", scope.account, "", None, "a complete run", "a part", "shown", sentence)


def _kind_findings(context: Context, found: Survey) -> Iterator[Finding]:
    """Name the folders of other kinds of events that no digest speaks of."""
    for account, kind in found.kinds:
        if context.spool.names_any(f"/{account}/{kind}/"):
            continue
        sentence = f"Files of {account} lie under {kind}; no digest of the period speaks of these."
        wanted = "entries in digests"
        yield Finding("kind_without_digest", kind, account, "", None, wanted, "none", "shown", sentence)


def _change_finding(context: Context, event: TrailEvent) -> Finding:
    sentence = f"{event.actor} called {event.name} on this trail at {rfc3339(event.time)}."
    return Finding(
        "trail_changed",
        "",
        context.scope.account,
        context.scope.home_region,
        event.time,
        "an unchanged trail",
        event.name,
        "shown",
        sentence,
        (("event_id", event.event_id), ("actor", event.actor)),
    )


def header_findings(headers: Mapping[bytes, tuple[int, tuple[str, ...]]], account: str) -> Iterator[Finding]:
    """Say once that some log files have another unsigned gzip header than the rest, or one that shows another packer.

    Args:
        headers: kinds of headers (:func:`auditor.trail.gunzip.header_kind`): how many files have each, a few keys.
        account: whose trail it is.
    """
    total = sum(count for count, _ in headers.values())
    usual = max(headers, key=lambda kind: (not packed_again(kind), headers[kind][0], kind), default=b"")
    odd = {
        kind: found
        for kind, found in headers.items()
        if packed_again(kind) or (kind != usual and found[0] * 10 <= total)
    }
    if not odd:
        return
    number = sum(count for count, _ in odd.values())
    key = min(key for _, keys in odd.values() for key in keys)
    name = parse_log_key(key)
    whose, moment = (account, ""), None
    if name is not None and number == 1:
        whose, moment = (name.account, name.region), name.minute
    files = f"Log file {key} has" if number == 1 else f"{counted(number, 'log file')}, such as {key}, have"
    sentence = (
        f"{files} another gzip header than CloudTrail's own, as after packing again; no signature covers it, and the "
        "content is as delivered."
    )
    seen = ", ".join(kind.hex() for kind in sorted(odd))
    yield Finding("gzip_header_differs", key, *whose, moment, usual.hex(), seen, "shown", sentence)


def _download_findings(context: Context, read: Mapping[str, int]) -> Iterator[Finding]:
    """Say once how a folder was downloaded, where that shows; others may have read a part of it for us."""
    found = Counter(read)
    found.update(context.source.wrappers() if isinstance(context.source, Saved) else {})
    if not found:
        return
    plain, renamed = found.get("plain", 0), found.get("renamed", 0)
    parts = [f"{plain} are plain JSON, as clients save that follow Content-Encoding: gzip"] if plain else []
    parts += [f"{renamed} lost the ending .gz"] if renamed else []
    sentence = f"Of the downloaded objects that were read, {' and '.join(parts)}; their content is judged all the same."
    account = context.scope.account
    yield Finding("download_unpacked", "", account, "", None, "objects as stored", "; ".join(parts), "shown", sentence)


def _chain_report(
    context: Context,
    links: Links,
    linked: Linked,
    gaps: Sequence[Gap],
    marks: Mapping[ChainKey, Mapping[datetime, str]],
    counted: Mapping[int, Counter[str]],
    extras: Counter[int],
) -> ChainReport:
    key = (linked.identity.account, linked.identity.region)
    own_gaps = [gap for gap in gaps if (gap.account, gap.region) == key]
    number = links.targets[key].number
    logs = counted.get(number, Counter())
    states = hour_states(context.span, own_gaps, marks.get(key, {}))
    return ChainReport(
        *key,
        tuple(sorted(states.items())),
        _digest_counts(context, linked, own_gaps),
        LogCounts(
            sum(logs.values()),
            logs["valid"],
            logs["altered"],
            logs["missing"],
            extras[number],
            logs["unreadable"],
            logs["unchecked"],
        ),
    )


def _digest_counts(context: Context, linked: Linked, gaps: Sequence[Gap]) -> DigestCounts:
    inside = [item for item in linked.digests if context.in_period(item)]
    proofs = Counter(item.proof for item in inside)
    named = sum(item.kind == "digest_missing" for item in linked.findings)
    lost = sum(math.ceil((gap.end - gap.start) / HOUR) for gap in gaps if gap.cause == "digest_deleted")
    missing = max(named, lost)
    return DigestCounts(
        len(inside) + missing,
        proofs[Proof.VALID],
        proofs[Proof.FAILED],
        missing,
        proofs[Proof.OPEN],
        proofs[Proof.UNREADABLE],
        sum(item.name.backfill for item in inside),
    )


def _log_counts(context: Context, links: Links) -> dict[int, Counter[str]]:
    counted: dict[int, Counter[str]] = {}
    for digest, state, count in context.spool.counts_by_digest():
        counted.setdefault(links.origins[digest].target.number, Counter())[state] += count
    return counted


def _key_uses(context: Context, links: Links, book: KeyBook) -> tuple[KeyUse, ...]:
    uses: Counter[tuple[str, str]] = Counter()
    for linked in links.linked:
        for item in linked.proved():
            if item.key_used is not None and context.in_period(item):
                uses[item.key_used.region, item.key_used.fingerprint] += 1
    index = book.index()
    return tuple(
        KeyUse(*known, index[known].valid_from, index[known].valid_until, count)
        for known, count in sorted(uses.items())
    )


def _sum_digests(chains: Sequence[ChainReport]) -> DigestCounts:
    names = DigestCounts.__slots__
    return DigestCounts(*(sum(getattr(chain.digests, name) for chain in chains) for name in names))


def _sum_logs(chains: Sequence[ChainReport]) -> LogCounts:
    return LogCounts(*(sum(getattr(chain.logs, name) for chain in chains) for name in LogCounts.__slots__))

"""Draws the conclusions: nobody's log objects, holes, anchors, versions, counts. Steps 7 to 9 of a verification."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from auditor.base.period import rfc3339
from auditor.trail.chain import (
    DIGEST_GRACE,
    HOUR,
    Gap,
    Identity,
    Linked,
    LogCounter,
    TrailEvent,
    described,
    explain,
    hour_states,
    link,
    worse,
)
from auditor.trail.digest import CheckedDigest, Proof, finding
from auditor.trail.fetch import Unavailable, Version
from auditor.trail.findings import Certainty, Finding
from auditor.trail.gunzip import Damaged, inflate
from auditor.trail.logs import LOG_LIMIT, LogPass
from auditor.trail.names import DigestName, days, parse_digest_key, parse_log_key
from auditor.trail.report import (
    FINDING_LIMIT,
    Anchor,
    ChainReport,
    DigestCounts,
    KeyUse,
    LogCounts,
    TrailReport,
)
from auditor.trail.spool import Extra, Spool
from auditor.trail.state import Chain, State
from auditor.trail.survey import DIGEST_BUDGET, Survey, digest_size, fetch_digest

DELIVERY_SLACK: Final = timedelta(minutes=20)
"""Between the time in a log file's name and its delivery, which decides the digest it belongs to."""
_MAYBE_DELETED: Final = frozenset(
    {"unexplained", "after_last_digest", "no_digests", "logs_without_digest", "out_of_retention"}
)
"""Causes of a hole that delete markers may refute."""
VERSION_LOOKUPS: Final = 50
"""Findings whose object versions are looked up."""

Marks = dict[tuple[str, str], dict[datetime, str]]
"""Account and Region -> hour -> the state that findings about single objects give it."""


def find_extra(state: State, survey: Survey) -> None:
    """Find the log objects no digest names (step 7); digests of other trails are verified and linked before they count.

    What another trail's digest cannot prove accounts for nothing: a forged one must not excuse a planted log file.
    """
    if not state.spool.find_extra():
        return
    foreign = [
        (chain, place, name)
        for chain in state.chains.values()
        for place, name in sorted(chain.foreign.items())
        if chain.log_objects
    ]
    if not foreign:
        return
    survey.load_keys({chain.region for chain, _, _ in foreign})
    results = state.workers.map(
        lambda task: fetch_digest(state, task), foreign, weigh=digest_size, budget=DIGEST_BUDGET
    )
    chains: dict[Identity, list[CheckedDigest]] = {}
    for (chain, place, name), (checked, _, _) in results:
        chain.others_unread |= checked.proof is Proof.UNREADABLE
        if checked.digest is not None:
            number = state.numbers.setdefault(place, len(state.numbers) + 1)
            state.spool.add_other_digest(
                number, ((log.bucket, log.key, log.sha256, log.algorithm) for log in checked.digest.logs)
            )
            identity = Identity(name.trail, name.home_region, name.account, name.region)
            chains.setdefault(identity, []).append(replace(checked, digest=replace(checked.digest, logs=())))
    for identity, digests in chains.items():
        linked = link(identity, digests, frozenset(), state.span, expired=None)
        state.spool.accept_other(state.numbers[item.bucket, item.key] for item in linked.proved())
    state.spool.find_extra()


class Conclusion:
    """Steps 8 and 9.

    Args:
        state: what the verification knows.
        logs: the pass over the log files.
    """

    def __init__(self, state: State, logs: LogPass) -> None:
        self._state = state
        self._logs = logs

    # (8) explain

    def _explained(self) -> list[Gap]:
        gaps = [gap for linked in self._state.linked for gap in linked.gaps]
        gaps = [self._unseen(gap) for gap in gaps]
        counter = _Counter(self._state.spool, self._state.chains)
        events = list(self._state.trail_events.values())
        gaps = explain(gaps, events, counter, validation_enabled=self._state.scope.validation_enabled)
        return [self._deleted_versions(gap) for gap in gaps]

    def _unseen(self, gap: Gap) -> Gap:
        """Take back a conclusion that rests on a listing that failed."""
        chain = self._state.chains[gap.account, gap.region]
        if (chain.unread or self._state.interrupted) and gap.cause in {
            "no_digests",
            "before_first_digest",
            "unexplained",
        }:
            return replace(gap, certainty="possible")
        return gap

    def _deleted_versions(self, gap: Gap) -> Gap:
        """Ask the bucket's versions whether digests of a hole were deleted."""
        if gap.cause not in _MAYBE_DELETED:
            return gap
        if not self._state.source.remote:
            return gap
        chain = self._state.chains[gap.account, gap.region]
        for location in sorted(chain.locations, key=lambda item: (item.bucket, item.prefix)):
            folder = location.folder(gap.account, "CloudTrail-Digest", gap.region)
            for day in list(days(gap.start, gap.end + HOUR))[:31]:
                try:
                    versions = self._state.source.versions(location.bucket, f"{folder}{day:%Y/%m/%d}/")
                except Unavailable:
                    return gap
                for version in versions:
                    name = parse_digest_key(version.key) if version.deleted else None
                    if name is None or (name.trail, name.home_region) != (
                        self._state.scope.trail,
                        self._state.scope.home_region,
                    ):
                        continue
                    if self._due(gap, location.bucket, version, name):
                        continue
                    if gap.start < name.end <= gap.end + HOUR:
                        sentence = f"Digest file {version.key} was deleted at {rfc3339(version.at)}."
                        extra = (("deleted_at", rfc3339(version.at)), ("delete_marker", version.version))
                        lost = finding(name, version.key, "digest_missing", "the digest", "a delete marker", sentence)
                        self._state.findings.append(replace(lost, extra=extra))
                        return described(replace(gap, cause="digest_deleted", certainty="shown"))
        return gap

    def _due(self, gap: Gap, bucket: str, version: Version, name: DigestName) -> bool:
        """Tell whether a deletion is the one that retention makes, and not an earlier one."""
        age = self._state.retention.age_for(bucket, version.key)
        return gap.cause == "out_of_retention" and age is not None and version.at >= name.end + age

    def _check_anchors(self) -> None:
        for anchor in self._state.scope.anchors:
            chain = self._state.chains.get((anchor.account, anchor.region))
            known = chain.checked.get((anchor.bucket, anchor.key)) if chain is not None else None
            if known is not None and known.proof is not Proof.UNREADABLE:
                sha256 = known.digest.sha256 if known.digest is not None else "other content"
            else:
                try:
                    fetched = self._state.source.get(anchor.bucket, anchor.key)
                    sha256 = inflate(fetched.body, LOG_LIMIT, keep=False).sha256
                except Damaged as damage:
                    sha256 = damage.detail
                except Unavailable as problem:
                    self._anchor_gone(anchor, problem)
                    continue
            if sha256 != anchor.sha256:
                self._anchor_finding(anchor, "anchor_differs", sha256, "differs from what an earlier report recorded")

    def _anchor_gone(self, anchor: Anchor, problem: Unavailable) -> None:
        if problem.reason != "missing":
            self._anchor_finding(anchor, "anchor_unreadable", problem.code, f"could not be read ({problem.code})")
            return
        if not self._state.retention.gone(anchor.bucket, anchor.key, anchor.end):
            self._anchor_finding(anchor, "anchor_missing", "no such object", "is gone; an earlier report recorded it")

    def _anchor_finding(self, anchor: Anchor, kind: str, found: str, words: str) -> None:
        self._state.findings.append(
            Finding(
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
        )

    def _with_versions(self, item: Finding, bucket: str, sha256: str) -> Finding:
        """Look for the original among the object's versions, and for the time of the change."""
        try:
            versions = [row for row in self._state.source.versions(bucket, item.key) if row.key == item.key]
        except Unavailable:
            return item
        extra: list[tuple[str, str]] = []
        newer: datetime | None = None
        for version in versions:
            if version.deleted:
                extra.append(("deleted_at", rfc3339(version.at)))
            elif self._is_original(bucket, version.key, version.version, sha256):
                extra.append(("original_version", version.version))
                if newer is not None:
                    extra.append(("changed_at", rfc3339(newer)))
                break
            newer = None if version.deleted else version.at
        return replace(item, extra=(*item.extra, *extra))

    def _is_original(self, bucket: str, key: str, version: str, sha256: str) -> bool:
        try:
            fetched = self._state.source.get_version(bucket, key, version)
            return inflate(fetched.body, LOG_LIMIT, keep=False).sha256 == sha256
        except (Unavailable, Damaged):
            return False

    # (9) write it down

    def write(self) -> TrailReport:
        """Explain, count and return the report."""
        self._check_anchors()
        gaps = self._explained()
        marks: Marks = {key: {} for key in self._state.chains}
        omitted: Counter[str] = Counter()
        self._state.findings += self._digest_findings(marks)
        self._state.findings += self._log_findings(marks, omitted)
        self._state.findings += self._extra_findings(gaps, marks, omitted)
        self._state.findings += [gap.finding() for gap in gaps]
        self._state.findings += self._run_findings(marks)
        counted, extras = self._log_counts(), Counter(extra.chain for extra in self._state.spool.extras())
        chains = tuple(self._chain_report(linked, gaps, marks, counted, extras) for linked in self._state.linked)
        ordered = sorted(self._state.findings, key=Finding.order)
        for item in ordered[FINDING_LIMIT:]:
            omitted[item.kind] += 1
        return TrailReport(
            self._state.scope,
            self._state.now,
            tuple(ordered[:FINDING_LIMIT]),
            dict(omitted),
            tuple(sorted(gaps, key=lambda gap: (gap.account, gap.region, gap.start))),
            chains,
            _sum_digests(chains),
            _sum_logs(chains),
            self._key_uses(),
            self._anchors(),
            tuple(
                sorted(
                    {f"{n.trail} ({n.home_region})" for c in self._state.chains.values() for n in c.foreign.values()}
                )
            ),
            self._state.interrupted,
            self._state.further_reads,
            self._state.bytes[0],
            self._state.bytes[1],
            self._state.retention.rules,
            tuple(self._state.unread_rules),
            self._logs.notable(),
        )

    def _digest_findings(self, marks: Marks) -> list[Finding]:
        found: list[Finding] = []
        for linked in self._state.linked:
            key = (linked.identity.account, linked.identity.region)
            outside = {item.key for item in linked.digests if not self._state.in_period(item)}
            every = [item for digest in linked.digests for item in digest.findings] + list(linked.findings)
            for item in every:
                if item.key in outside:
                    continue
                state = _DIGEST_STATES.get(item.kind)
                if state is not None and item.at is not None:
                    _mark(marks[key], self._state.clamp(item.at), state)
                if item.kind in _VERSIONED and len(found) < VERSION_LOOKUPS:
                    pointed = _pointed_hash(linked, item.key)
                    item = self._with_versions(item, self._bucket_of(linked, item.key), pointed)  # noqa: PLW2901
                found.append(item)
        return found

    def _bucket_of(self, linked: Linked, key: str) -> str:
        for item in linked.digests:
            if item.key == key:
                return item.bucket
        return self._state.scope.location.bucket

    def _log_findings(self, marks: Marks, omitted: Counter[str]) -> list[Finding]:
        found: list[Finding] = []
        for digest, bucket, key, kind, expected, seen in self._state.spool.problems():
            chain, start = self._state.digest_of[digest]
            name = parse_log_key(key)
            moment = name.minute if name is not None else start
            _mark(marks[chain.account, chain.region], self._state.clamp(moment), _LOG_STATES[kind])
            if len(found) >= FINDING_LIMIT:
                omitted[kind] += 1
                continue
            sentence = _LOG_SENTENCES[kind].format(key=key, found=seen, expected=expected)
            item = Finding(kind, key, chain.account, chain.region, moment, expected, seen, "shown", sentence)
            if kind in _VERSIONED and len(found) < VERSION_LOOKUPS:
                item = self._with_versions(item, bucket, expected.removeprefix("SHA-256 "))
            found.append(item)
        for bucket, key, _, other, first, second in self._state.spool.twice():
            chain, start = self._state.digest_of[other]
            kind = "log_listed_twice" if first == second else "log_hashes_conflict"
            sentence = _LOG_SENTENCES[kind].format(key=f"{bucket}/{key}")
            found.append(Finding(kind, key, chain.account, chain.region, start, first, second, "shown", sentence))
        for digest, text in self._state.spool.unchecked_hours():
            chain, start = self._state.digest_of[digest]
            _mark(marks[chain.account, chain.region], self._state.clamp(_hour(text) or start), "r")
        return found

    def _extra_findings(
        self,
        gaps: Sequence[Gap],
        marks: Marks,
        omitted: Counter[str],
    ) -> list[Finding]:
        chains = {chain.index: chain for chain in self._state.chains.values()}
        covered = {(item.identity.account, item.identity.region): _covered(item) for item in self._state.linked}
        found: list[Finding] = []
        for extra in self._state.spool.extras():
            chain = chains.get(extra.chain)
            if chain is None:
                continue
            key = (chain.account, chain.region)
            kind, certainty = self._extra_kind(extra, chain, covered[key])
            if kind is None:
                continue
            moment = extra.minute or _folder_day(extra.key) or self._state.scope.start
            inside = any(gap.start <= moment < gap.end for gap in gaps if (gap.account, gap.region) == key)
            if kind == "log_unvouched_in_gap" and inside:
                continue  # the gap counts them
            _mark(marks[key], self._state.clamp(moment), "u")
            if len(found) >= FINDING_LIMIT:
                omitted[kind] += 1
                continue
            written = "" if extra.modified is None else f", written {rfc3339(extra.modified)}"
            sentence = _EXTRA_SENTENCES[kind].format(key=extra.key, written=written)
            seen = f"{extra.size} bytes{written}"
            found.append(
                Finding(kind, extra.key, *key, moment, "an entry in a proved digest", seen, certainty, sentence)
            )
        return found

    def _extra_kind(
        self, extra: Extra, chain: Chain, covered: Sequence[tuple[datetime, datetime]]
    ) -> tuple[str | None, Certainty]:
        if extra.minute is None:
            return "object_unexpected", "shown"
        if self._state.interrupted:
            return None, "possible"
        last = extra.minute + DELIVERY_SLACK
        inside = any(start <= extra.minute and last <= end for start, end in covered)
        if not inside and self._state.now - extra.minute < DIGEST_GRACE:
            return None, "possible"
        unsure = chain.unread or chain.others_unread or self._state.scope.shared_without_digests
        if not inside or unsure:
            return "log_unvouched_in_gap", "possible"
        return "log_unvouched", "likely"

    def _run_findings(self, marks: Marks) -> list[Finding]:
        found: list[Finding] = []
        for chain in self._state.chains.values():
            if chain.unread:
                for day in days(self._state.scope.start, self._state.scope.end):
                    for hour in range(24):
                        _mark(marks[chain.account, chain.region], day + hour * HOUR, "r")
            start = f"{self._state.scope.trail}_{self._state.scope.home_region}_"
            alike = sorted({name.trail for name in chain.foreign.values() if name.trail.startswith(start)})
            found += [
                Finding(
                    "lookalike_trail",
                    trail,
                    chain.account,
                    chain.region,
                    None,
                    f"trail {self._state.scope.trail}",
                    f"trail {trail}",
                    "shown",
                    f"Trail {trail} is named so that its digests sort among those of {self._state.scope.trail}.",
                )
                for trail in alike
            ]
        found += self._logs.header_findings()
        found += [self._change_finding(event) for event in self._state.trail_events.values()]
        if self._state.interrupted:
            sentence = "The run was interrupted: what it did not reach is not vouched for."
            found.append(
                Finding(
                    "interrupted",
                    "",
                    self._state.scope.account,
                    "",
                    None,
                    "a complete run",
                    "a part",
                    "shown",
                    sentence,
                )
            )
        return found

    def _change_finding(self, event: TrailEvent) -> Finding:
        sentence = f"{event.actor} called {event.name} on this trail at {rfc3339(event.time)}."
        return Finding(
            "trail_changed",
            "",
            self._state.scope.account,
            self._state.scope.home_region,
            event.time,
            "an unchanged trail",
            event.name,
            "shown",
            sentence,
            (("event_id", event.event_id), ("actor", event.actor)),
        )

    def _chain_report(
        self,
        linked: Linked,
        gaps: Sequence[Gap],
        marks: Mapping[tuple[str, str], Mapping[datetime, str]],
        counted: Mapping[int, Counter[str]],
        extras: Counter[int],
    ) -> ChainReport:
        key = (linked.identity.account, linked.identity.region)
        own_gaps = [gap for gap in gaps if (gap.account, gap.region) == key]
        inside = [item for item in linked.digests if self._state.in_period(item)]
        proofs = Counter(item.proof for item in inside)
        named = sum(item.kind == "digest_missing" for item in linked.findings)
        lost = sum(math.ceil((gap.end - gap.start) / HOUR) for gap in own_gaps if gap.cause == "digest_deleted")
        missing = max(named, lost)
        digests = DigestCounts(
            len(inside) + missing,
            proofs[Proof.VALID],
            proofs[Proof.FAILED],
            missing,
            proofs[Proof.OPEN],
            proofs[Proof.UNREADABLE],
            sum(item.name.backfill for item in inside),
        )
        chain = self._state.chains[key]
        logs, unvouched = counted.get(chain.index, Counter()), extras[chain.index]
        states = hour_states(self._state.span, own_gaps, marks[key])
        return ChainReport(
            *key,
            tuple(sorted(states.items())),
            digests,
            LogCounts(
                sum(logs.values()),
                logs["valid"],
                logs["altered"],
                logs["missing"],
                unvouched,
                logs["unreadable"],
                logs["unchecked"],
            ),
        )

    def _log_counts(self) -> dict[int, Counter[str]]:
        counted: dict[int, Counter[str]] = {}
        for digest, state, count in self._state.spool.counts_by_digest():
            counted.setdefault(self._state.digest_of[digest][0].index, Counter())[state] += count
        return counted

    def _key_uses(self) -> tuple[KeyUse, ...]:
        uses: Counter[tuple[str, str]] = Counter()
        for linked in self._state.linked:
            for item in linked.proved():
                if item.key_used is not None and self._state.in_period(item):
                    uses[item.key_used.region, item.key_used.fingerprint] += 1
        found = []
        for (region, fingerprint), count in sorted(uses.items()):
            key = self._state.key_index[region, fingerprint]
            found.append(KeyUse(region, fingerprint, key.valid_from, key.valid_until, count))
        return tuple(found)

    def _anchors(self) -> tuple[Anchor, ...]:
        found = []
        for linked in self._state.linked:
            newest = max(
                (item for item in linked.proved() if not item.name.backfill), key=lambda item: item.end, default=None
            )
            if newest is not None and newest.digest is not None:
                signature = newest.signature
                found.append(
                    Anchor(
                        linked.identity.account,
                        linked.identity.region,
                        newest.bucket,
                        newest.key,
                        newest.end,
                        newest.digest.sha256,
                        signature,
                    )
                )
        return tuple(found)


class _Counter(LogCounter):
    def __init__(self, spool: Spool, chains: Mapping[tuple[str, str], Chain]) -> None:
        self._spool, self._chains = spool, chains

    def __call__(self, account: str, region: str, start: datetime, end: datetime) -> int:
        return self._spool.extra_between(self._chains[account, region].index, start, end)


def _mark(marks: dict[datetime, str], hour: datetime, state: str) -> None:
    marks[hour] = worse(marks.get(hour, "v"), state)


def _hour(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%dT%H").replace(tzinfo=UTC)
    except ValueError:
        return None


def _folder_day(key: str) -> datetime | None:
    """Return the day of the folder an object lies in."""
    try:
        return datetime.strptime("/".join(key.split("/")[-4:-1]), "%Y/%m/%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def _covered(linked: Linked) -> list[tuple[datetime, datetime]]:
    """Return the spans that proved hourly digests cover without a hole."""
    spans: list[tuple[datetime, datetime]] = []
    for item in linked.proved():
        if item.name.backfill:
            continue
        if spans and item.start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], item.end))
        else:
            spans.append((item.start, item.end))
    return spans


def _pointed_hash(linked: Linked, key: str) -> str:
    for item in linked.proved():
        if item.digest is not None and item.digest.previous is not None and item.digest.previous.key == key:
            return item.digest.previous.sha256.lower()
    return ""


def _sum_digests(chains: Sequence[ChainReport]) -> DigestCounts:
    names = DigestCounts.__slots__
    return DigestCounts(*(sum(getattr(chain.digests, name) for chain in chains) for name in names))


def _sum_logs(chains: Sequence[ChainReport]) -> LogCounts:
    return LogCounts(*(sum(getattr(chain.logs, name) for chain in chains) for name in LogCounts.__slots__))


_VERSIONED: Final = frozenset(
    {
        "log_altered",
        "log_missing",
        "log_damaged",
        "log_truncated",
        "log_trailing_bytes",
        "digest_altered",
        "digest_damaged",
        "digest_malformed",
        "digest_missing",
        "link_hash_mismatch",
    }
)
_DIGEST_STATES: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "digest_altered",
            "digest_damaged",
            "digest_malformed",
            "digest_moved",
            "digest_misnamed",
            "digest_algorithm",
            "key_outside_validity",
            "link_hash_mismatch",
            "link_signature_mismatch",
            "link_skips_digest",
            "link_foreign",
            "signature_metadata_altered",
        ),
        "x",
    ),
    "digest_missing": "d",
    "digest_unreadable": "r",
    "digest_unproved": "r",
    "key_not_found": "r",
    "key_unusable": "r",
}
_LOG_STATES: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("log_altered", "log_damaged", "log_truncated", "log_trailing_bytes", "log_too_large", "log_misplaced"), "x"
    ),
    "log_missing": "d",
    "log_unreadable": "r",
    "log_out_of_retention": "e",
    "log_hash_unknown": "r",
}
_LOG_SENTENCES: Final[Mapping[str, str]] = {
    "log_altered": "Log file {key} was altered: its digest vouches for {expected}, it has {found}.",
    "log_damaged": "Log file {key} is damaged: {found}.",
    "log_truncated": "Log file {key} was cut short: {found}.",
    "log_trailing_bytes": "Log file {key} has something added to it: {found}.",
    "log_too_large": "Log file {key} was replaced by something that is no log file: {found}.",
    "log_missing": "Log file {key} is gone; its digest vouches that it was delivered.",
    "log_out_of_retention": "Log file {key} is gone, and so are all objects of its age: {found}.",
    "log_unreadable": "Log file {key} could not be read ({found}).",
    "log_hash_unknown": "Log file {key} cannot be checked: its digest names {found}.",
    "log_misplaced": "Log file {key} is listed in the digest of another account or Region.",
    "log_listed_twice": "Log file {key} is listed in two digests; it was counted once.",
    "log_hashes_conflict": "Log file {key} is listed in two digests with different hashes.",
}
_EXTRA_SENTENCES: Final[Mapping[str, str]] = {
    "log_unvouched": "Log object {key} is in no digest, although its hour's digest lists all deliveries: it was "
    "planted, or delivered late and not yet backfilled{written}.",
    "log_unvouched_in_gap": "Log object {key} is in no digest; the digest it would be in could not be used{written}.",
    "object_unexpected": "Object {key} lies among the log files under a name CloudTrail never gives{written}.",
}

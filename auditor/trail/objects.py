"""Names what is wrong with single objects, and the state that each gives to its hour. Belongs to step 9.

Digests by themselves and in their chains, log files that digests name, log objects that nobody names.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from auditor.base.counts import counted
from auditor.base.period import rfc3339
from auditor.trail.chain import Linked
from auditor.trail.context import Context
from auditor.trail.coverage import worse
from auditor.trail.explain import DELIVERY_SLACK
from auditor.trail.extra import Extras
from auditor.trail.findings import Certainty, Finding
from auditor.trail.gaps import DIGEST_GRACE, HOUR, Gap
from auditor.trail.links import Links
from auditor.trail.names import ChainKey, days, parse_log_key
from auditor.trail.plan import Target
from auditor.trail.report import FINDING_LIMIT
from auditor.trail.spool import Extra
from auditor.trail.survey import Survey
from auditor.trail.versions import Versions

VERSION_LOOKUPS: Final = 50
"""Findings whose object versions are looked up."""

Marks = Mapping[ChainKey, Mapping[datetime, str]]
"""Account and Region -> hour -> the state that findings about single objects give it."""


@dataclass(frozen=True, slots=True)
class Told:
    """Findings, what they make of hours, and how many more there are of each kind."""

    findings: tuple[Finding, ...] = ()
    marks: Marks = field(default_factory=dict)
    omitted: Mapping[str, int] = field(default_factory=dict)


def joined(parts: Iterable[Told]) -> Told:
    """Return several as one; an hour has the worst state that any of them gives it."""
    findings: list[Finding] = []
    marks: dict[ChainKey, dict[datetime, str]] = {}
    omitted: Counter[str] = Counter()
    for part in parts:
        findings += part.findings
        omitted.update(part.omitted)
        for key, hours in part.marks.items():
            for hour, state in hours.items():
                _mark(marks, key, hour, state)
    return Told(tuple(findings), marks, dict(omitted))


def _mark(marks: dict[ChainKey, dict[datetime, str]], key: ChainKey, hour: datetime, state: str) -> None:
    hours = marks.setdefault(key, {})
    hours[hour] = worse(hours.get(hour, "v"), state)


# ---------------------------------------------------------------------------------------------------------- digests


def tell_digests(context: Context, links: Links, versions: Versions) -> Told:
    """Name what is wrong with digests of the period."""
    found: list[Finding] = []
    marks: dict[ChainKey, dict[datetime, str]] = {}
    for linked in links.linked:
        key = (linked.identity.account, linked.identity.region)
        outside = {item.key for item in linked.digests if not context.in_period(item)}
        every = [item for digest in linked.digests for item in digest.findings] + list(linked.findings)
        for item in (item for item in every if item.key not in outside):
            state = _DIGEST_STATES.get(item.kind)
            if state is not None and item.at is not None:
                _mark(marks, key, context.hour(item.at), state)
            if item.kind in _VERSIONED and len(found) < VERSION_LOOKUPS:
                bucket = _bucket_of(linked, item.key) or context.scope.location.bucket
                found.append(versions.with_original(item, bucket, _pointed_hash(linked, item.key)))
            else:
                found.append(item)
    return Told(tuple(found), marks)


def _bucket_of(linked: Linked, key: str) -> str:
    return next((item.bucket for item in linked.digests if item.key == key), "")


def _pointed_hash(linked: Linked, key: str) -> str:
    for item in linked.proved():
        if item.digest is not None and item.digest.previous is not None and item.digest.previous.key == key:
            return item.digest.previous.sha256.lower()
    return ""


# -------------------------------------------------------------------------------------------------------- log files


def tell_logs(context: Context, links: Links, versions: Versions) -> Told:
    """Name what is wrong with log files that proved digests name; the scratch file has the outcome of each."""
    found: list[Finding] = []
    marks: dict[ChainKey, dict[datetime, str]] = {}
    omitted: Counter[str] = Counter()
    for digest, bucket, key, kind, expected, seen in context.spool.problems():
        origin = links.origins[digest]
        name = parse_log_key(key)
        moment = name.minute if name is not None else origin.start
        _mark(marks, origin.target.key, context.hour(moment), _LOG_STATES[kind])
        if len(found) >= FINDING_LIMIT:
            omitted[kind] += 1
            continue
        sentence = _LOG_SENTENCES[kind].format(key=key, found=seen, expected=expected)
        item = Finding(kind, key, *origin.target.key, moment, expected, seen, "shown", sentence)
        if kind in _VERSIONED and len(found) < VERSION_LOOKUPS:
            item = versions.with_original(item, bucket, expected.removeprefix("SHA-256 "))
        found.append(item)
    for bucket, key, _, other, first, second in context.spool.twice():
        origin = links.origins[other]
        kind = "log_listed_twice" if first == second else "log_hashes_conflict"
        sentence = _LOG_SENTENCES[kind].format(key=f"{bucket}/{key}")
        found.append(Finding(kind, key, *origin.target.key, origin.start, first, second, "shown", sentence))
    for digest, text in context.spool.unchecked_hours():
        origin = links.origins[digest]
        _mark(marks, origin.target.key, context.hour(_hour(text) or origin.start), "r")
    return Told(tuple(found), marks, omitted)


def _hour(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%dT%H").replace(tzinfo=UTC)
    except ValueError:
        return None


# ------------------------------------------------------------------------------------- log objects without digest


@dataclass(frozen=True, slots=True)
class ExtraTeller:
    """Names the log objects that no digest vouches for.

    Args:
        context: the run's tools.
        found: what there is.
        links: the chains.
        extras: what the search for them found.
        interrupted: the run was asked to stop: a digest that names them may not have been reached.
    """

    context: Context
    found: Survey
    links: Links
    extras: Extras
    interrupted: bool

    def tell(self, gaps: Sequence[Gap]) -> Told:
        """Name them; those in a hole are counted there.

        Args:
            gaps: the holes of all chains.
        """
        targets = {target.number: target for target in self.links.targets.values()}
        covered = {(item.identity.account, item.identity.region): _covered(item) for item in self.links.linked}
        found: list[Finding] = []
        marks: dict[ChainKey, dict[datetime, str]] = {}
        omitted: Counter[str] = Counter()
        for extra in self.context.spool.extras():
            target = targets.get(extra.chain)
            if target is None:
                continue
            kind, certainty = self._kind(extra, target, covered[target.key])
            if kind is None:
                continue
            moment = extra.minute or _folder_day(extra.key) or self.context.scope.start
            inside = any(gap.start <= moment < gap.end for gap in gaps if (gap.account, gap.region) == target.key)
            if kind == "log_unvouched_in_gap" and inside:
                continue  # the gap counts them
            _mark(marks, target.key, self.context.hour(moment), "u")
            if len(found) >= FINDING_LIMIT:
                omitted[kind] += 1
                continue
            found.append(_extra_finding(extra, target, kind, certainty, moment))
        return Told(tuple(found), marks, omitted)

    def _kind(
        self, extra: Extra, target: Target, covered: Sequence[tuple[datetime, datetime]]
    ) -> tuple[str | None, Certainty]:
        if extra.minute is None:
            return "object_unexpected", "shown"
        if self.interrupted:
            return None, "possible"
        last = extra.minute + DELIVERY_SLACK
        inside = any(start <= extra.minute and last <= end for start, end in covered)
        if not inside and self.context.now - extra.minute < DIGEST_GRACE:
            return None, "possible"
        unsure = self.found.listing.of(target).unread or target.key in self.extras.unread
        if not inside or unsure or self.context.scope.shared_without_digests:
            return "log_unvouched_in_gap", "possible"
        return "log_unvouched", "likely"


def _extra_finding(extra: Extra, target: Target, kind: str, certainty: Certainty, moment: datetime) -> Finding:
    written = "" if extra.modified is None else f", written {rfc3339(extra.modified)}"
    sentence = _EXTRA_SENTENCES[kind].format(key=extra.key, written=written)
    seen = f"{counted(extra.size, 'byte')}{written}"
    return Finding(kind, extra.key, *target.key, moment, "an entry in a proved digest", seen, certainty, sentence)


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


def _folder_day(key: str) -> datetime | None:
    """Return the day of the folder an object lies in."""
    try:
        return datetime.strptime("/".join(key.split("/")[-4:-1]), "%Y/%m/%d").replace(tzinfo=UTC)
    except ValueError:
        return None


# ----------------------------------------------------------------------------------------------------- whole Regions


def tell_unread(context: Context, found: Survey, links: Links) -> Told:
    """Mark every hour of the Regions of which a listing failed; the listing is a finding of its own."""
    hours = {day + hour * HOUR: "r" for day in days(context.scope.start, context.scope.end) for hour in range(24)}
    return Told(marks={key: hours for key, target in links.targets.items() if found.listing.of(target).unread})


# ----------------------------------------------------------------------------------------------------------- tables

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

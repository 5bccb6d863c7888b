"""The report of one trail's verification: a value, and its stable JSON form. Judges nothing.

The document is described in ``docs/trail-verification.md``; its fields and the kinds of findings do not change meaning.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from auditor.base.period import rfc3339
from auditor.trail.coverage import STATES
from auditor.trail.findings import KINDS, Finding, Level, verdict_of
from auditor.trail.gaps import Gap
from auditor.trail.names import DigestName, Location
from auditor.trail.retention import Expiry

SCHEMA: Final = "auditor.trail/1"
FINDING_LIMIT: Final = 5000
"""Findings in one document; what lies beyond is counted by kind. The verdict knows them all."""

EXIT_CODES: Final[Mapping[Level, int]] = {Level.PASS: 0, Level.NOTE: 0, Level.INCOMPLETE: 3, Level.FAIL: 4}


@dataclass(frozen=True, slots=True)
class Anchor:
    """The newest proved digest of a chain: the next run must find it again."""

    account: str
    region: str
    bucket: str
    key: str
    end: datetime
    sha256: str
    signature: str

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "account": self.account,
            "region": self.region,
            "bucket": self.bucket,
            "key": self.key,
            "end": rfc3339(self.end),
            "sha256": self.sha256,
            "signature": self.signature,
        }


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A call about the trail that was refused before any object was read."""

    operation: str
    code: str


@dataclass(frozen=True, slots=True)
class TrailScope:
    """What is asked.

    Args:
        trail: the trail's name.
        home_region: where the trail was created.
        location: the bucket and prefix it writes to now.
        start: begin of the period, aware UTC.
        end: end of the period (exclusive), aware UTC.
        account: the account that owns the trail, also when an organization's trail is read for one of its members.
        accounts: whose deliveries are asked for; empty: the owner's and, for an organization trail, all found.
        regions: which Regions are asked for: each must have digests.
        discover_regions: whether Regions found in the bucket are verified, too.
        arn: the trail's ARN, empty when unknown.
        validation_enabled: what the trail's configuration says about digests; None when unknown.
        retention_days: after which age objects are deleted, by the caller's word; None leaves it to the bucket's rules.
        rules: the bucket's rules, where they were read before.
        anchors: newest digests of an earlier report.
        more_locations: where the trail wrote before its bucket or prefix changed.
        owner_known: whether ``account`` really is the owner. In the folder of an organization nothing says which one it
            is: then a call in somebody's records may be about another trail of that name, and explains nothing.
        shared_without_digests: whether another trail writes to the same place without digests: its log files cannot be
            told from planted ones.
        everywhere: whether it writes from every Region of the account, as far as that is known.
        unanswered: calls about it that were refused.
        former_homes: home Regions it had before it was deleted and made again.
        read_from: the bucket that is read, where digests were signed for another one; empty for the same.
        of_organization: whether CloudTrail says that it is an organization's: its members write beside the owner.
    """

    trail: str
    home_region: str
    location: Location
    start: datetime
    end: datetime
    account: str
    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    discover_regions: bool = True
    arn: str = ""
    validation_enabled: bool | None = None
    retention_days: int | None = None
    rules: tuple[Expiry, ...] = ()
    anchors: tuple[Anchor, ...] = ()
    more_locations: tuple[Location, ...] = ()
    owner_known: bool = True
    shared_without_digests: bool = False
    everywhere: bool = False
    unanswered: tuple[Unanswered, ...] = ()
    former_homes: tuple[str, ...] = ()
    read_from: str = ""
    of_organization: bool = False

    @property
    def place_unknown(self) -> bool:
        """Whether nothing says where the trail writes to."""
        return any(item.operation == "cloudtrail:DescribeTrails" for item in self.unanswered)

    @property
    def homes(self) -> tuple[str, ...]:
        """Its home Region, and those it had before."""
        return (self.home_region, *self.former_homes)

    def owns(self, name: DigestName) -> bool:
        """Tell whether a digest with this name is the trail's."""
        return name.trail == self.trail and name.home_region in self.homes

    def means(self, text: object) -> bool:
        """Tell whether what a call of the owner names in its home Region is this trail."""
        arns = tuple(f":cloudtrail:{home}:{self.account}:trail/{self.trail}" for home in self.homes)
        return isinstance(text, str) and (text == self.trail or (text.startswith("arn:") and text.endswith(arns)))

    def document(self) -> dict[str, Any]:
        """Return the trail's part of the JSON form."""
        return {
            "arn": self.arn or None,
            "name": self.trail,
            "home_region": self.home_region,
            "account": self.account,
            "bucket": self.location.bucket,
            "prefix": self.location.prefix,
            "organization": self.location.organization,
        }


@dataclass(frozen=True, slots=True)
class DigestCounts:
    """Digests by outcome; they add up to ``expected``."""

    expected: int = 0
    valid: int = 0
    altered: int = 0
    missing: int = 0
    unvouched: int = 0
    unreadable: int = 0
    backfill: int = 0
    """How many of the others are backfill digests."""


@dataclass(frozen=True, slots=True)
class LogCounts:
    """Log files by outcome; all but ``unvouched`` add up to ``expected``."""

    expected: int = 0
    valid: int = 0
    altered: int = 0
    missing: int = 0
    unvouched: int = 0
    unreadable: int = 0
    unchecked: int = 0
    """Vouched for, but the run ended before them."""


@dataclass(frozen=True, slots=True)
class ChainReport:
    """One account and Region."""

    account: str
    region: str
    hours: tuple[tuple[datetime, str], ...]
    """Every asked-for hour and its state."""
    digests: DigestCounts
    logs: LogCounts

    def document(self) -> dict[str, Any]:
        """Return the JSON form: one string of 24 characters per day."""
        days: dict[str, list[str]] = {}
        for hour, state in self.hours:
            days.setdefault(f"{hour:%Y-%m-%d}", ["."] * 24)[hour.hour] = state
        return {
            "account": self.account,
            "region": self.region,
            "hours_asked": len(self.hours),
            "hours_verified": sum(state == "v" for _, state in self.hours),
            "digests": counts_document(self.digests),
            "logs": counts_document(self.logs),
            "days": [{"date": date, "hours": "".join(states)} for date, states in days.items()],
        }


@dataclass(frozen=True, slots=True)
class KeyUse:
    """A public key that digests of the run were checked with."""

    region: str
    fingerprint: str
    valid_from: datetime
    valid_until: datetime
    digests: int

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "region": self.region,
            "fingerprint": self.fingerprint,
            "valid_from": rfc3339(self.valid_from),
            "valid_until": rfc3339(self.valid_until),
            "digests": self.digests,
        }


@dataclass(frozen=True, slots=True)
class TrailReport:
    """Everything one verification found."""

    scope: TrailScope
    as_of: datetime
    findings: tuple[Finding, ...]
    """Worst first, at most :data:`FINDING_LIMIT`."""
    omitted: Mapping[str, int]
    """Findings beyond the limit, by kind."""
    gaps: tuple[Gap, ...]
    chains: tuple[ChainReport, ...]
    digests: DigestCounts
    logs: LogCounts
    keys: tuple[KeyUse, ...]
    anchors: tuple[Anchor, ...]
    other_trails: tuple[str, ...]
    """Trails that write to the same place, ``<name> (<home Region>)``."""
    interrupted: bool
    further_reads: int
    """Objects read besides those counted: the owner's records around the holes of a member account."""
    stored_bytes: int
    inflated_bytes: int
    rules: tuple[Expiry, ...] = ()
    """Rules that delete the bucket's objects."""
    unread_rules: tuple[tuple[str, str], ...] = ()
    """Buckets whose rules could not be read, and the error code."""
    notable: Mapping[str, Any] | None = None
    """The notable-events document, when it was asked for."""

    @property
    def verdict(self) -> Level:
        """The worst level among the findings."""
        return max([verdict_of(self.findings), *(KINDS[kind] for kind in self.omitted)])

    @property
    def exit_code(self) -> int:
        """130 when interrupted, else 0, 3 or 4."""
        return 130 if self.interrupted else EXIT_CODES[self.verdict]

    def document(self) -> dict[str, Any]:
        """Return the stable JSON form."""
        asked = sum(len(chain.hours) for chain in self.chains)
        verified = sum(state == "v" for chain in self.chains for _, state in chain.hours)
        return {
            "schema": SCHEMA,
            "verdict": self.verdict.word,
            "interrupted": self.interrupted,
            "trail": self.scope.document(),
            "period": {"start": rfc3339(self.scope.start), "end": rfc3339(self.scope.end)},
            "as_of": rfc3339(self.as_of),
            "counts": {
                "digests": counts_document(self.digests),
                "logs": counts_document(self.logs)
                | {"stored_bytes": self.stored_bytes, "inflated_bytes": self.inflated_bytes},
            },
            "coverage": {
                "hours_asked": asked,
                "hours_verified": verified,
                "states": dict(STATES),
                "chains": [chain.document() for chain in self.chains],
            },
            "gaps": [gap.document() for gap in self.gaps],
            "findings": [finding.document() for finding in self.findings],
            "findings_omitted": dict(sorted(self.omitted.items())),
            "keys": [key.document() for key in self.keys],
            "anchors": [anchor.document() for anchor in self.anchors],
            "earlier_anchors": [anchor.document() for anchor in self.scope.anchors],
            "other_trails": list(self.other_trails),
            "retention": {
                "days": self.scope.retention_days,
                "rules": [rule.document() for rule in self.rules],
                "unreadable": [{"bucket": bucket, "code": code} for bucket, code in self.unread_rules],
            },
        }


def counts_document(counts: DigestCounts | LogCounts) -> dict[str, int]:
    """Return counts as JSON."""
    return {name: getattr(counts, name) for name in counts.__slots__}


def anchors_of(document: Mapping[str, Any]) -> tuple[Anchor, ...]:
    """Read the anchors out of an earlier report's document; what is malformed is left out."""
    found = []
    for item in document.get("anchors") or ():
        try:
            end = datetime.fromisoformat(item["end"])
            texts = [item[name] for name in ("account", "region", "bucket", "key", "sha256", "signature")]
        except (TypeError, KeyError, ValueError):
            continue
        if end.tzinfo is not None and all(isinstance(text, str) for text in texts):
            account, region, bucket, key, sha256, signature = texts
            found.append(Anchor(account, region, bucket, key, end, sha256, signature))
    return tuple(found)

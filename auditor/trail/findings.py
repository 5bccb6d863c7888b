"""What trail verification can find: every kind by its stable name, with the verdict it leads to. Values only.

The kinds are part of the published JSON and never change meaning.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from auditor.base.period import rfc3339
from auditor.pack.verdicts import Level

__all__ = ["KINDS", "Certainty", "Finding", "Level", "verdict_of"]

Certainty = Literal["shown", "likely", "possible"]
"""``shown``: follows from signed bytes. ``likely``: innocent explanations are rare. ``possible``: one among several."""


KINDS: Final[Mapping[str, Level]] = {
    # a digest by itself
    "digest_altered": Level.FAIL,  # the signature does not fit the content
    "digest_damaged": Level.FAIL,  # not one complete gzip member
    "digest_malformed": Level.FAIL,  # not a digest document
    "digest_moved": Level.FAIL,  # signed for another bucket or key
    "digest_misnamed": Level.FAIL,  # name and content disagree on time, account, Region or trail
    "digest_missing": Level.FAIL,  # named by its successor, or anchored, and gone
    "digest_algorithm": Level.FAIL,  # anything but SHA256withRSA
    "digest_unreadable": Level.INCOMPLETE,
    "digest_unproved": Level.INCOMPLETE,  # no signature to check it with
    "signature_metadata_altered": Level.FAIL,  # the successor proves the digest, its own metadata contradicts
    "signature_metadata_lost": Level.NOTE,  # the successor proves the digest
    "proved_by_successor": Level.NOTE,  # its own key is not published; the proved successor holds its hash
    "backfill_timestamp_lost": Level.NOTE,
    "backfill_timestamp_altered": Level.FAIL,
    # keys
    "keys_unavailable": Level.INCOMPLETE,
    "key_not_found": Level.INCOMPLETE,
    "key_unusable": Level.INCOMPLETE,
    "key_fingerprint_differs": Level.NOTE,  # the key is fine, its published label is not
    "key_outside_validity": Level.FAIL,
    # links
    "link_hash_mismatch": Level.FAIL,
    "link_signature_mismatch": Level.FAIL,
    "link_skips_digest": Level.FAIL,
    "link_foreign": Level.FAIL,  # points into another trail's, account's or Region's chain
    "link_overlap": Level.NOTE,
    "location_changed": Level.NOTE,  # bucket or prefix changed, chain intact
    "home_region_changed": Level.NOTE,  # deleted, and made again under the same name elsewhere
    "evidence_relocated": Level.NOTE,  # signed for one bucket, read from another
    "chain_restarted": Level.NOTE,  # a starting digest right where the previous one ended
    # stretches without digests
    "gap_logging_stopped": Level.INCOMPLETE,
    "gap_validation_off": Level.INCOMPLETE,
    "gap_digest_deleted": Level.FAIL,
    "gap_digest_failed": Level.INCOMPLETE,  # its digest is there and does not count; that is a finding of its own
    "gap_logs_without_digest": Level.FAIL,  # log files lie in a stretch that no digest covers and no event explains
    "gap_unexplained": Level.INCOMPLETE,
    "gap_signed_times": Level.FAIL,  # linked digests whose times leave a hole
    "gap_not_yet_digested": Level.INCOMPLETE,
    "gap_before_first_digest": Level.INCOMPLETE,
    "gap_after_last_digest": Level.INCOMPLETE,
    "gap_out_of_retention": Level.INCOMPLETE,
    "no_digests": Level.INCOMPLETE,
    # log files
    "log_altered": Level.FAIL,
    "log_damaged": Level.FAIL,
    "log_truncated": Level.FAIL,
    "log_trailing_bytes": Level.FAIL,
    "log_too_large": Level.FAIL,
    "log_missing": Level.FAIL,
    "log_unreadable": Level.INCOMPLETE,
    "log_out_of_retention": Level.INCOMPLETE,  # the bucket's rules delete objects before their digests are that old
    "log_hash_unknown": Level.INCOMPLETE,  # a hash algorithm we do not know
    "log_misplaced": Level.FAIL,  # a digest vouches for a file of another account or Region
    "log_listed_twice": Level.NOTE,
    "log_hashes_conflict": Level.FAIL,
    "log_unvouched": Level.FAIL,  # in an hour whose digest lists everything that was delivered
    "log_unvouched_in_gap": Level.INCOMPLETE,
    "object_unexpected": Level.FAIL,  # data among the log files, under a name CloudTrail never gives
    "folder_unvouched": Level.INCOMPLETE,  # beside those of Regions: no digest speaks of what is in it
    "object_foreign": Level.NOTE,
    "kind_without_digest": Level.NOTE,  # Insights, network activity, aggregated events: no digest speaks of these
    "download_unpacked": Level.NOTE,  # saved as plain JSON or under another ending; the content is judged all the same
    "gzip_header_differs": Level.NOTE,  # bytes that nothing vouches for; the content is proved
    # calls about the trail that were refused
    "trail_unreadable": Level.INCOMPLETE,  # CloudTrail does not say where it writes to
    "regions_unknown": Level.INCOMPLETE,  # the list of enabled Regions: one without digests may not be noticed
    "organization_unknown": Level.NOTE,  # who owns it, and which folder it writes to
    "versions_unreadable": Level.NOTE,  # whether a bucket's versions show deletions
    # the run
    "list_unreadable": Level.INCOMPLETE,
    "location_found": Level.NOTE,  # another prefix of the bucket holds a part of the trail
    "lookalike_trail": Level.NOTE,
    "anchor_missing": Level.FAIL,
    "anchor_differs": Level.FAIL,
    "anchor_unreadable": Level.INCOMPLETE,
    "trail_changed": Level.NOTE,  # UpdateTrail, PutEventSelectors ... in verified logs
    "interrupted": Level.INCOMPLETE,
}
"""Every kind of finding and the verdict it leads to."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding about one object or one stretch of time.

    Args:
        kind: one of :data:`KINDS`.
        key: the object's key; empty when it is about a stretch of time.
        account: whose deliveries.
        region: from which Region.
        at: the hour it belongs to (aware UTC), None when it is about the whole run.
        expected: what should have been seen.
        found: what was seen.
        certainty: how sure the finding is.
        sentence: all of it in one plain sentence.
        extra: further named values, such as the version id of the original.
    """

    kind: str
    key: str
    account: str
    region: str
    at: datetime | None
    expected: str
    found: str
    certainty: Certainty
    sentence: str
    extra: tuple[tuple[str, str], ...] = ()

    @property
    def level(self) -> Level:
        """What it makes of the verdict."""
        return KINDS[self.kind]

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        hour = None if self.at is None else rfc3339(self.at.replace(minute=0, second=0, microsecond=0))
        return {
            "kind": self.kind,
            "level": self.level.word,
            "object": self.key,
            "account": self.account,
            "region": self.region,
            "hour": hour,
            "expected": self.expected,
            "found": self.found,
            "certainty": self.certainty,
            "sentence": self.sentence,
            "details": dict(self.extra),
        }

    def order(self) -> tuple[object, ...]:
        """Sort worst first, then by place and time, whatever was found first."""
        moment = "" if self.at is None else self.at.isoformat()
        return (-self.level, self.account, self.region, moment, self.kind, self.key, self.found)


def verdict_of(findings: Iterable[Finding]) -> Level:
    """Return the worst level among the findings; PASS when there are none."""
    return max((finding.level for finding in findings), default=Level.PASS)

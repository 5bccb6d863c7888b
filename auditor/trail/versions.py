"""Asks a bucket's versions whether an object was deleted, and where its original is. Belongs to step 8."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from auditor.base.period import rfc3339
from auditor.trail.context import Context
from auditor.trail.digest import finding
from auditor.trail.fetch import Unavailable, Version
from auditor.trail.findings import Finding
from auditor.trail.gaps import HOUR, Gap, described
from auditor.trail.gunzip import Damaged, inflate
from auditor.trail.logfile import LOG_LIMIT
from auditor.trail.names import DigestName, Location, days, parse_digest_key
from auditor.trail.retention import Retention

_MAYBE_DELETED: Final = frozenset(
    {"unexplained", "after_last_digest", "no_digests", "logs_without_digest", "out_of_retention"}
)
"""Causes of a hole that delete markers may refute."""
_DAYS: Final = 31
"""Days of one hole for which versions are asked for."""


@dataclass(frozen=True, slots=True)
class Versions:
    """What the versions of a bucket's objects tell.

    Args:
        context: the run's tools.
        retention: what is known about how long objects are kept.
    """

    context: Context
    retention: Retention

    def deleted_digest(self, gap: Gap, locations: Iterable[Location]) -> tuple[Gap, tuple[Finding, ...]]:
        """Return a hole and, where delete markers show that its digests were deleted, that with its new cause."""
        if gap.cause not in _MAYBE_DELETED or not self.context.source.remote:
            return gap, ()
        for location in sorted(locations, key=lambda item: (item.bucket, item.prefix)):
            folder = location.folder(gap.account, "CloudTrail-Digest", gap.region)
            for day in list(days(gap.start, gap.end + HOUR))[:_DAYS]:
                try:
                    versions = self.context.source.versions(location.bucket, f"{folder}{day:%Y/%m/%d}/")
                except Unavailable as problem:
                    return gap, (_unread(gap, location.bucket, problem),)
                for version in versions:
                    name = self._own(version)
                    if name is None or self._due(gap, location.bucket, version, name):
                        continue
                    if gap.start < name.end <= gap.end + HOUR:
                        deleted = described(replace(gap, cause="digest_deleted", certainty="shown"))
                        return deleted, (_deletion(version, name),)
        return gap, ()

    def _own(self, version: Version) -> DigestName | None:
        """Return what a delete marker's key says, when it is a digest of this trail."""
        name = parse_digest_key(version.key) if version.deleted else None
        return name if name is not None and self.context.scope.owns(name) else None

    def _due(self, gap: Gap, bucket: str, version: Version, name: DigestName) -> bool:
        """Tell whether a deletion is the one that retention makes, and not an earlier one."""
        age = self.retention.age_for(bucket, version.key)
        return gap.cause == "out_of_retention" and age is not None and version.at >= name.end + age

    def with_original(self, item: Finding, bucket: str, sha256: str) -> Finding:
        """Return a finding with the version that is the original, and the time of the change, where they are known."""
        try:
            versions = [row for row in self.context.source.versions(bucket, item.key) if row.key == item.key]
        except Unavailable as problem:
            return replace(item, extra=(*item.extra, ("versions_unreadable", problem.code)))
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
            fetched = self.context.source.get_version(bucket, key, version)
            return inflate(fetched.body, LOG_LIMIT, keep=False).sha256 == sha256
        except (Unavailable, Damaged):
            return False


def _unread(gap: Gap, bucket: str, problem: Unavailable) -> Finding:
    sentence = (
        f"The versions of bucket {bucket} could not be listed ({problem.code}): deletions may not have been seen."
    )
    whose = (gap.account, gap.region)
    return Finding("versions_unreadable", bucket, *whose, None, "versions", problem.code, "shown", sentence)


def _deletion(version: Version, name: DigestName) -> Finding:
    sentence = f"Digest file {version.key} was deleted at {rfc3339(version.at)}."
    lost = finding(name, version.key, "digest_missing", "the digest", "a delete marker", sentence)
    return replace(lost, extra=(("deleted_at", rfc3339(version.at)), ("delete_marker", version.version)))

"""When a bucket's own rules delete objects, from its lifecycle configuration. Pure; what is unclear deletes nothing.

Source: Amazon S3 User Guide, "Lifecycle configuration elements" and "Expiring objects": an object goes at the midnight
(UTC) after its age has reached the rule's days. A rule that names a date, or asks for tags or sizes, explains nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from auditor.base.counts import counted

MOST_DAYS: Final = 36_500
"""A century: no trail is older. S3 takes ages that no calendar reaches."""


@dataclass(frozen=True, slots=True)
class Expiry:
    """One rule that deletes every object under a prefix at an age.

    Args:
        bucket: the bucket.
        prefix: which keys; empty for all.
        days: the age.
        rule: the rule's id.
    """

    bucket: str
    prefix: str
    days: int
    rule: str

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"bucket": self.bucket, "prefix": self.prefix, "days": self.days, "rule": self.rule}


@dataclass(frozen=True, slots=True)
class Expired:
    """Objects made before a moment are gone by rule.

    Args:
        before: the moment, aware UTC.
        ground: what says so, in one sentence.
    """

    before: datetime
    ground: str


def expiries(bucket: str, rules: Iterable[Mapping[str, Any]]) -> tuple[Expiry, ...]:
    """Return the rules of a lifecycle configuration that delete all objects under a prefix.

    Args:
        bucket: whose configuration it is.
        rules: ``Rules`` of GetBucketLifecycleConfiguration, keys as AWS spells them.
    """
    return tuple(_expiries(bucket, rules))


def _expiries(bucket: str, rules: Iterable[Mapping[str, Any]]) -> Iterator[Expiry]:
    for rule in rules:
        expiration = rule.get("Expiration") if isinstance(rule, Mapping) else None
        days = expiration.get("Days") if isinstance(expiration, Mapping) else None
        if type(days) is not int or not 0 < days <= MOST_DAYS or rule.get("Status") != "Enabled":
            continue
        prefix = _prefix(rule)
        if prefix is not None:
            yield Expiry(bucket, prefix, days, str(rule.get("ID") or ""))


def _prefix(rule: Mapping[str, Any]) -> str | None:
    """Return which keys a rule is about; None when it asks for more than a prefix."""
    if "Filter" not in rule:
        chosen: object = rule.get("Prefix")  # the older form
        return chosen if isinstance(chosen, str) else None
    wanted = rule["Filter"]
    if not isinstance(wanted, Mapping) or set(wanted) - {"Prefix"} or rule.get("Prefix"):
        return None
    chosen = wanted.get("Prefix", "")
    return chosen if isinstance(chosen, str) else None


@dataclass(frozen=True, slots=True)
class Retention:
    """What is known about how long objects are kept.

    Args:
        now: the run's as-of time, aware UTC.
        days: after which age objects are deleted, by the caller's word; it counts instead of the rules.
        rules: the buckets' rules.
    """

    now: datetime
    days: int | None = None
    rules: tuple[Expiry, ...] = ()

    def expired(self, places: Iterable[tuple[str, str]]) -> Expired | None:
        """Return what is gone in all of some places (bucket and folder); None when in one of them nothing is."""
        if self.days is not None:
            ground = f"By the caller's word, objects are deleted after {_aged(self.days)}."
            return Expired(self.now - timedelta(days=min(self.days, MOST_DAYS)), ground)
        found = [self.rule_for(bucket, folder) for bucket, folder in places]
        latest = max((rule for rule in found if rule is not None), key=lambda rule: rule.days, default=None)
        if latest is None or None in found:
            return None
        midnight = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
        ground = f"Lifecycle rule {latest.rule or '(unnamed)'} of bucket {latest.bucket} deletes objects after"
        return Expired(midnight - timedelta(days=latest.days), f"{ground} {_aged(latest.days)}.")

    def gone(self, bucket: str, key: str, made: datetime) -> bool:
        """Tell whether an object that was made then is gone by now."""
        found = self.expired([(bucket, key)])
        return found is not None and made <= found.before

    def age_for(self, bucket: str, key: str) -> timedelta | None:
        """Return the age at which an object is deleted, by the caller's word or by rule; None when it is kept."""
        rule = self.rule_for(bucket, key)
        days = self.days if self.days is not None else rule.days if rule is not None else None
        return timedelta(days=min(days, MOST_DAYS)) if days is not None else None

    def rule_for(self, bucket: str, key: str) -> Expiry | None:
        """Return the rule that deletes an object, or the objects of a folder, first; None when none does."""
        fitting = [rule for rule in self.rules if rule.bucket == bucket and key.startswith(rule.prefix)]
        return min(fitting, key=lambda rule: (rule.days, rule.rule), default=None)


def _aged(days: int) -> str:
    return counted(days, "day")

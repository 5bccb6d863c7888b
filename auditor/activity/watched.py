"""What of logging, monitoring and detection a call of the table sets: which thing, and which of its settings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from auditor.activity.calls import without_version
from auditor.activity.effects import Effect
from auditor.activity.fields import flag, moment, text
from auditor.activity.identity import SUCCESS

Row = Mapping[str, Any]
"""A row of a table of events, as evidence holds it."""

ONE_UPDATE: Final = timedelta(minutes=15)
"""Between the calls that a stack makes to one rule in one update."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of a kind of things.

    Args:
        kind: what sort of thing it belongs to.
        part: which of its settings; calls on one part replace each other.
    """

    kind: str
    part: str


def _on(kind: str, part: str, *names: str) -> dict[str, Setting]:
    return dict.fromkeys(names, Setting(kind, part))


SETTINGS: Final[Mapping[str, Setting]] = {
    **_on("logging", "", "StopLogging", "StartLogging", "DeleteTrail", "CreateTrail"),
    **_on("selectors", "", "PutEventSelectors"),
    **_on("trail settings", "insights", "PutInsightSelectors"),
    **_on("trail settings", "summaries", "PutEventConfiguration"),
    **_on("log bucket", "policy", "PutBucketPolicy", "DeleteBucketPolicy"),
    **_on("log bucket", "access list", "PutBucketAcl"),
    **_on("log bucket", "public access", "PutBucketPublicAccessBlock", "DeleteBucketPublicAccessBlock"),
    **_on("log bucket", "account's public access", "PutAccountPublicAccessBlock", "DeleteAccountPublicAccessBlock"),
    **_on("log bucket", "ownership", "PutBucketOwnershipControls", "DeleteBucketOwnershipControls"),
    **_on(
        "log bucket",
        "lifecycle",
        "PutBucketLifecycle",
        "PutBucketLifecycleConfiguration",
        "DeleteBucketLifecycle",
    ),
    **_on("log bucket", "versioning", "PutBucketVersioning"),
    **_on("log bucket", "replication", "PutBucketReplication", "DeleteBucketReplication"),
    **_on("log bucket", "access log", "PutBucketLogging"),
    **_on("log bucket", "object lock", "PutObjectLockConfiguration", "PutBucketObjectLockConfiguration"),
    **_on("log bucket", "encryption", "PutBucketEncryption", "DeleteBucketEncryption"),
    **_on("log bucket", "access points", "PutAccessPointPolicy", "CreateAccessPoint", "DeleteAccessPointPolicy"),
    **_on("log bucket", "bucket", "DeleteBucket"),
    **_on("log group", "group", "DeleteLogGroup"),
    **_on("log group", "streams", "DeleteLogStream"),
    **_on("log group", "retention", "PutRetentionPolicy"),
    **_on("log group", "forwarding", "PutSubscriptionFilter", "DeleteSubscriptionFilter"),
    **_on("metric filters", "", "PutMetricFilter", "DeleteMetricFilter"),
    **_on(
        "alarm",
        "",
        "DeleteAlarms",
        "DisableAlarmActions",
        "EnableAlarmActions",
        "PutMetricAlarm",
        "PutCompositeAlarm",
    ),
    **_on("topic", "topic", "DeleteTopic", "CreateTopic"),
    **_on("topic", "attributes", "SetTopicAttributes", "RemovePermission"),
    **_on("subscriptions", "", "Unsubscribe", "Subscribe", "ConfirmSubscription", "SetSubscriptionAttributes"),
    **_on("rule", "rule", "DeleteRule", "DisableRule", "EnableRule", "PutRule"),
    **_on("rule", "targets", "RemoveTargets", "PutTargets"),
    **_on(
        "recorder",
        "recording",
        "StopConfigurationRecorder",
        "StartConfigurationRecorder",
        "DeleteConfigurationRecorder",
        "DeleteServiceLinkedConfigurationRecorder",
    ),
    **_on("recorder", "scope", "PutConfigurationRecorder", "DisassociateResourceTypes"),
    **_on("recorder", "delivery", "DeleteDeliveryChannel", "PutDeliveryChannel"),
}
"""By the name of a call. ``UpdateTrail`` sets validation where it says so. What sets something for a moment only
(``SetAlarmState``), at times (mute rules) or in ways that are not followed is not among them."""

KINDS: Final = (
    "logging", "validation", "selectors", "trail settings", "log bucket", "log group", "metric filters", "alarm",
    "topic", "subscriptions", "rule", "recorder",
)  # fmt: skip
"""In the order in which an event travels."""

SWITCHED_OFF_BY: Final[Mapping[str, str]] = {
    "EnableAlarmActions": "DisableAlarmActions",
    "EnableRule": "DisableRule",
    "StartConfigurationRecorder": "StopConfigurationRecorder",
}
"""Calls that switch something on, and the calls that switch it off. Whether a trail logged, its digests tell."""

_TAKES_AWAY: Final = ("Stop", "Delete", "Disable", "Remove", "Unsubscribe")
"""Beginnings of names of calls, for rows of packs that do not say what a call leaves."""


def setting_of(row: Row) -> Setting | None:
    """Return what a row's call sets; None where it is not followed."""
    name = without_version(text(row.get("event_name")))
    if name == "UpdateTrail":
        return Setting("validation", "") if leaves(row) is not None else Setting("trail settings", "settings")
    if name.startswith("Delete") and text(row.get("effect")) == Effect.HARMLESS:
        return None  # a service took away what it had made for itself
    return SETTINGS.get(name)


def leaves(row: Row) -> bool | None:
    """Return whether what a call sets is in order afterwards; None where a value stands that nothing here judges."""
    if "holds" in row:
        return flag(row["holds"])
    if text(row.get("effect")) == Effect.HARMLESS:
        return True
    return False if _call(row).startswith(_TAKES_AWAY) else None


def succeeded(row: Row) -> bool:
    """Tell whether a row's call took place."""
    return text(row.get("outcome")) == SUCCESS


def replaced(row: Row, rows: Sequence[Row]) -> bool:
    """Tell whether a stack took targets off a rule that it had given others at the same time."""
    if _call(row) != "RemoveTargets" or not text(row.get("service")).startswith("cloudformation."):
        return False
    rule, at = text(row.get("resource")), moment(row.get("event_time"))
    return bool(rule) and at is not None and any(_gives(other, row, at) for other in rows)


def _gives(other: Row, row: Row, at: datetime) -> bool:
    if _call(other) != "PutTargets" or not succeeded(other):
        return False
    if any(text(other.get(name)) != text(row.get(name)) for name in ("resource", "region", "service")):
        return False
    made = moment(other.get("event_time"))
    return made is not None and abs(made - at) <= ONE_UPDATE


def _call(row: Row) -> str:
    return without_version(text(row.get("event_name")))


def switched_on_first(rows: Sequence[Row], names: Iterable[str]) -> Row | None:
    """Return a call that switched on what no call before it in the period had switched off, or None.

    Since when it was off, or whether it was at all, nothing tells then.

    Args:
        rows: the calls of the period, in any order.
        names: the calls that switch off, of which it is asked.
    """
    asked, off = frozenset(names), set[tuple[str, str, str]]()
    for row in sorted(rows, key=lambda item: text(item.get("event_time"))):
        name, where = _call(row), (text(row.get("region")), text(row.get("resource")))
        if not succeeded(row):
            continue
        if name in asked:
            off.add((name, *where))
        elif SWITCHED_OFF_BY.get(name) in asked and (SWITCHED_OFF_BY[name], *where) not in off:
            return row
    return None

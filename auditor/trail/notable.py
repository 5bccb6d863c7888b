"""Recognises CloudTrail records an auditor wants to see, and writes them as rows. Pure; hostile records are normal.

A record that does not have the expected form yields None, never an error. Whether its log file was verified is the
caller's knowledge and stands in every row.
"""

import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from auditor.period import parse_time, rfc3339
from auditor.trail.chain import TrailEvent

SHORT: Final = 300
"""Longest text taken from a record into a row: enough for any ARN, too little to swamp a report."""

TRAIL_CALLS: Final = frozenset(
    {
        "StopLogging",
        "StartLogging",
        "DeleteTrail",
        "CreateTrail",
        "UpdateTrail",
        "PutEventSelectors",
        "PutInsightSelectors",
    }
)
_BUCKET_CALLS: Final = frozenset(
    {
        "PutBucketPolicy",
        "DeleteBucketPolicy",
        "PutBucketAcl",
        "PutBucketPublicAccessBlock",
        "DeleteBucketPublicAccessBlock",
        "PutBucketLifecycle",
        "PutBucketLifecycleConfiguration",
        "DeleteBucketLifecycle",
        "PutBucketVersioning",
        "PutBucketReplication",
        "DeleteBucketReplication",
        "PutBucketCors",
        "DeleteBucketCors",
        "PutBucketLogging",
        "PutObjectLockConfiguration",
        "PutBucketEncryption",
        "DeleteBucketEncryption",
    }
)
_KEY_CALLS: Final = frozenset({"ScheduleKeyDeletion", "DisableKey", "DeleteImportedKeyMaterial", "DisableKeyRotation"})
_ALARM_CALLS: Final = frozenset({"DeleteAlarms", "DisableAlarmActions", "SetAlarmState", "PutMetricAlarm"})
_NOTICE_CALLS: Final = frozenset({"Unsubscribe", "DeleteTopic"})
_FILTER_CALLS: Final = frozenset({"DeleteMetricFilter", "DeleteLogGroup", "DeleteLogStream", "PutRetentionPolicy"})
_CONFIG_CALLS: Final = frozenset(
    {"StopConfigurationRecorder", "DeleteConfigurationRecorder", "DeleteDeliveryChannel", "PutConfigurationRecorder"}
)
_DETECTION_CALLS: Final = frozenset(
    {"DeleteDetector", "UpdateDetector", "DisableSecurityHub", "DeleteRule", "DisableRule", "RemoveTargets"}
)
_FLOW_CALLS: Final = frozenset({"DeleteFlowLogs"})

_CALLS: Final[Mapping[tuple[str, str], str]] = {
    **{("cloudtrail.amazonaws.com", name): "trail_changed" for name in TRAIL_CALLS},
    **{("s3.amazonaws.com", name): "bucket_changed" for name in _BUCKET_CALLS},
    ("s3.amazonaws.com", "DeleteBucket"): "bucket_deleted",
    **{("kms.amazonaws.com", name): "key_disabled" for name in _KEY_CALLS},
    **{("monitoring.amazonaws.com", name): "alarm_changed" for name in _ALARM_CALLS},
    **{("sns.amazonaws.com", name): "notice_removed" for name in _NOTICE_CALLS},
    **{("logs.amazonaws.com", name): "log_group_changed" for name in _FILTER_CALLS},
    **{("config.amazonaws.com", name): "config_changed" for name in _CONFIG_CALLS},
    **{("guardduty.amazonaws.com", name): "detection_changed" for name in _DETECTION_CALLS},
    **{("securityhub.amazonaws.com", name): "detection_changed" for name in _DETECTION_CALLS},
    **{("events.amazonaws.com", name): "detection_changed" for name in _DETECTION_CALLS},
    **{("ec2.amazonaws.com", name): "flow_logs_deleted" for name in _FLOW_CALLS},
}
_INGRESS_CALLS: Final[Mapping[str, str]] = {
    "AuthorizeSecurityGroupIngress": "port_opened",
    "ModifySecurityGroupRules": "port_opened",
    "RevokeSecurityGroupIngress": "port_closed",
}
ADMIN_PORTS: Final = (22, 3389)
"""SSH and RDP: the ports the CIS benchmark asks about."""


@dataclass(frozen=True, slots=True)
class Row:
    """One notable record: who, what, when, outcome, from where, which resource, and where it is written."""

    kind: str
    event_id: str
    event_time: datetime
    event_name: str
    event_source: str
    region: str
    account: str
    actor: str
    actor_type: str
    source_ip: str
    user_agent: str
    outcome: str
    resource: str
    summary: str
    log_file: str = ""
    verified: bool = False
    ports: tuple[int, ...] = ()
    closed_by: str = ""
    closed_at: datetime | None = None

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        row: dict[str, Any] = {
            "kind": self.kind,
            "event_id": self.event_id,
            "event_time": rfc3339(self.event_time),
            "event_name": self.event_name,
            "event_source": self.event_source,
            "region": self.region,
            "account": self.account,
            "actor": self.actor,
            "actor_type": self.actor_type,
            "source_ip": self.source_ip,
            "user_agent": self.user_agent,
            "outcome": self.outcome,
            "resource": self.resource,
            "summary": self.summary,
            "log_file": self.log_file,
            "verified": self.verified,
        }
        if self.kind == "port_opened":
            closed = None if self.closed_at is None else rfc3339(self.closed_at)
            minutes = None if self.closed_at is None else _minutes(self.event_time, self.closed_at)
            row |= {
                "ports": list(self.ports),
                "closed_by": self.closed_by or None,
                "closed_at": closed,
                "minutes_open": minutes,
            }
        return row

    def order(self) -> tuple[object, ...]:
        """Sort by time, then by what makes a record unique."""
        return (self.event_time, self.account, self.region, self.event_id, self.log_file, self.kind)


# --------------------------------------------------------------------------------------------------- recognising


def notable(record: object) -> str | None:
    """Return the kind of notable record this is, or None."""
    row = notable_row(record)
    return None if row is None else row.kind


def notable_row(record: object, *, log_file: str = "", verified: bool = False) -> Row | None:
    """Return a record as a row when it is notable.

    Args:
        record: one element of a log file's ``Records``, whatever it is.
        log_file: the key of that file.
        verified: whether a proved digest vouches for the file and its hash holds.
    """
    if not isinstance(record, Mapping):
        return None
    name, source = record.get("eventName"), record.get("eventSource")
    if not isinstance(name, str) or not isinstance(source, str):
        return None
    kind = _kind(record, name, source)
    return None if kind is None else _row(record, kind, log_file, verified)


def _kind(record: Mapping[str, Any], name: str, source: str) -> str | None:
    if name == "ConsoleLogin" and source == "signin.amazonaws.com":
        return _sign_in(record)
    if kind := _CALLS.get((source, name)):
        return kind
    if source == "ec2.amazonaws.com" and (kind := _INGRESS_CALLS.get(name)):
        return kind if _opened_ports(record) else None
    if _map(record, "userIdentity").get("type") == "Root" and record.get("eventType") != "AwsServiceEvent":
        return None if _map(record, "userIdentity").get("invokedBy") else "root_call"
    return None


def _sign_in(record: Mapping[str, Any]) -> str | None:
    who = _map(record, "userIdentity").get("type")
    if _map(record, "responseElements").get("ConsoleLogin") == "Failure" or record.get("errorMessage"):
        return "sign_in_failed"
    if who == "Root":
        return "root_sign_in"
    if _map(record, "additionalEventData").get("MFAUsed") == "Yes":
        return None
    return "sign_in_without_mfa" if who == "IAMUser" else "sign_in_federated"


def _opened_ports(record: Mapping[str, Any]) -> tuple[int, ...]:
    """Return which administration ports a security group call opens to, or closes for, everybody."""
    parameters = _map(record, "requestParameters")
    permissions = _items(_map(parameters, "ipPermissions"))
    if not permissions:
        permissions = [parameters]  # the short form: ipProtocol, fromPort, toPort, cidrIp
    rules = _map(parameters, "ModifySecurityGroupRulesRequest").get("SecurityGroupRule")
    for rule in rules if isinstance(rules, list) else [rules]:
        if isinstance(rule, Mapping):
            inner = _map(rule, "SecurityGroupRule")
            permissions.append({_lower_first(str(name)): value for name, value in inner.items()})
    ports = {port for item in permissions if _is_for_all(item) for port in ADMIN_PORTS if _has_port(item, port)}
    return tuple(sorted(ports))


def _is_for_all(permission: Mapping[str, Any]) -> bool:
    addresses = [permission.get(name) for name in ("cidrIp", "cidrIpv6", "cidrIpv4")]
    addresses += [item.get("cidrIp") for item in _items(_map(permission, "ipRanges"))]
    addresses += [item.get("cidrIpv6") for item in _items(_map(permission, "ipv6Ranges"))]
    return any(_everybody(address) for address in addresses)


def _everybody(address: object) -> bool:
    try:
        return isinstance(address, str) and ipaddress.ip_network(address, strict=False).prefixlen == 0
    except ValueError:
        return False


def _has_port(permission: Mapping[str, Any], port: int) -> bool:
    if str(permission.get("ipProtocol")) == "-1":
        return True
    first, last = permission.get("fromPort"), permission.get("toPort")
    return isinstance(first, int) and isinstance(last, int) and first <= port <= last


def _map(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = value.get(name)
    return inner if isinstance(inner, Mapping) else {}


def _items(value: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    items = value.get("items")
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


# ---------------------------------------------------------------------------------------------------------- rows


def _row(record: Mapping[str, Any], kind: str, log_file: str, verified: bool) -> Row | None:
    moment = _time(record.get("eventTime"))
    if moment is None:
        return None
    actor, actor_type = _actor(record)
    name, outcome, resource = _text(record.get("eventName")), _outcome(record), _resource(record)
    ports = _opened_ports(record) if kind in {"port_opened", "port_closed"} else ()
    return Row(
        kind,
        _text(record.get("eventID")),
        moment,
        name,
        _text(record.get("eventSource")),
        _text(record.get("awsRegion")),
        _text(record.get("recipientAccountId")),
        actor,
        actor_type,
        _text(record.get("sourceIPAddress")),
        _text(record.get("userAgent")),
        outcome,
        resource,
        _summary(kind, actor, name, resource, outcome, ports),
        log_file,
        verified,
        ports,
    )


def _actor(record: Mapping[str, Any]) -> tuple[str, str]:
    identity = _map(record, "userIdentity")
    kind = _text(identity.get("type"))
    for name in ("arn", "userName", "invokedBy", "principalId", "accountId"):
        if text := _text(identity.get(name)):
            return text, kind
    return kind or "unknown", kind


def _outcome(record: Mapping[str, Any]) -> str:
    if code := _text(record.get("errorCode")):
        return code
    answer = _map(record, "responseElements").get("ConsoleLogin")
    if answer == "Failure":
        return _text(record.get("errorMessage")) or "Failure"
    return "Success"


_RESOURCE_FIELDS: Final = (
    "bucketName",
    "groupId",
    "keyId",
    "name",
    "trailName",
    "alarmNames",
    "alarmName",
    "topicArn",
    "subscriptionArn",
    "logGroupName",
    "detectorId",
    "rule",
    "userName",
    "roleName",
)


def _resource(record: Mapping[str, Any]) -> str:
    parameters = _map(record, "requestParameters")
    for name in _RESOURCE_FIELDS:
        value = parameters.get(name)
        if isinstance(value, list):
            value = ", ".join(_text(item) for item in value[:10])
        if text := _text(value):
            return text
    resources = record.get("resources")
    if isinstance(resources, list):
        for item in resources:
            if isinstance(item, Mapping) and (text := _text(item.get("ARN"))):
                return text
    return ""


_SUMMARIES: Final[Mapping[str, str]] = {
    "root_sign_in": "The root user signed in to the console.",
    "root_call": "The root user called {name}.",
    "sign_in_failed": "{actor} tried to sign in to the console and was refused.",
    "sign_in_without_mfa": "{actor} signed in to the console without MFA.",
    "sign_in_federated": "{actor} signed in through federation; MFA is the identity provider's matter.",
    "bucket_deleted": "{actor} deleted the bucket {resource}.",
    "port_opened": "{actor} opened port {ports} of {resource} to everybody.",
    "port_closed": "{actor} closed port {ports} of {resource} for everybody.",
}


def _summary(kind: str, actor: str, name: str, resource: str, outcome: str, ports: Sequence[int]) -> str:
    form = _SUMMARIES.get(kind, "{actor} called {name} on {resource}." if resource else "{actor} called {name}.")
    text = ", ".join(str(port) for port in ports)
    sentence = form.format(actor=actor, name=name, resource=resource or "an unnamed resource", ports=text)
    if outcome != "Success" and kind != "sign_in_failed":
        return f"Refused ({outcome}): {sentence}"
    return sentence


def _text(value: object) -> str:
    """Take a text out of a record: bounded, without control characters, and only where it is one."""
    if not isinstance(value, str):
        return ""
    clean = "".join(letter if letter.isprintable() else "\ufffd" for letter in value[:SHORT])
    return clean + "..." if len(value) > SHORT else clean


def _time(value: object) -> datetime | None:
    try:
        return parse_time(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


def _minutes(start: datetime, end: datetime) -> float:
    return round((end - start).total_seconds() / 60, 1)


# --------------------------------------------------------------------------------------------------- trail events


def trail_event(record: object, means: Callable[[object], bool]) -> TrailEvent | None:
    """Return a successful call that changed a trail, or None; ``means`` tells its name or ARN from others."""
    if not isinstance(record, Mapping) or record.get("eventSource") != "cloudtrail.amazonaws.com":
        return None
    name, moment = record.get("eventName"), _time(record.get("eventTime"))
    if not isinstance(name, str) or name not in TRAIL_CALLS or moment is None or record.get("errorCode"):
        return None
    parameters = _map(record, "requestParameters")
    if not (means(parameters.get("name")) or means(parameters.get("trailName"))):
        return None
    validation = parameters.get("enableLogFileValidation")
    actor, _ = _actor(record)
    flag = validation if isinstance(validation, bool) else None
    return TrailEvent(name, moment.astimezone(UTC), _text(record.get("eventID")), actor, flag)


# ------------------------------------------------------------------------------------------------------- document

ROW_LIMIT: Final = 5000
"""Rows in one document; what lies beyond is counted by kind."""


def pair_ports(rows: Iterable[Row]) -> list[Row]:
    """Put each successful opening of a port together with the next successful closing of the same port and group."""
    ordered = sorted(rows, key=Row.order)
    done: list[Row] = []
    open_since: dict[tuple[str, str, str], list[int]] = {}
    for row in ordered:
        place = (row.account, row.region, row.resource)
        if row.outcome == "Success" and row.kind == "port_opened":
            open_since.setdefault(place, []).append(len(done))
        elif row.outcome == "Success" and row.kind == "port_closed":
            for index in open_since.pop(place, []):
                if set(done[index].ports) <= set(row.ports):
                    done[index] = replace(done[index], closed_by=row.actor, closed_at=row.event_time)
                else:
                    open_since.setdefault(place, []).append(index)
        done.append(row)
    return done


def notable_document(
    rows: Iterable[Row], scope: Mapping[str, Any], *, log_files: int, records: int, limit: int = ROW_LIMIT
) -> dict[str, Any]:
    """Return the evidence document of notable events.

    Args:
        rows: the rows, in any order; the same record in two log files counts once.
        scope: what was searched: trail, period and so on, as plain JSON.
        log_files: how many log files were read.
        records: how many records they held.
        limit: how many rows the document may hold.
    """
    unique: dict[tuple[str, str, str], Row] = {}
    for row in sorted(rows, key=Row.order):
        known = unique.get((row.account, row.event_id, row.kind))
        if known is None or (row.verified and not known.verified) or not row.event_id:
            key = row.event_id or f"{row.log_file}#{len(unique)}"
            unique[row.account, key, row.kind] = row
    paired = pair_ports(unique.values())
    counts: dict[str, int] = {}
    for row in paired:
        counts[row.kind] = counts.get(row.kind, 0) + 1
    return {
        "schema": "auditor.notable-events/1",
        "scope": dict(scope),
        "source": {"log_files": log_files, "records": records},
        "counts": dict(sorted(counts.items())),
        "rows": [row.document() for row in paired[:limit]],
        "omitted": max(0, len(paired) - limit),
    }

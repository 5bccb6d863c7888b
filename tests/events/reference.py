"""The questions in plain Python, slow and obvious: which records belong to an answer.

A record is a dictionary as CloudTrail writes it. Nothing here shares code with the product.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from auditor.events.filters import Filters

Record = Mapping[str, Any]


def part(record: Record, *names: str) -> Any:
    """Return a member's member; None where there is none."""
    value: Any = record
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def text(record: Record, *names: str) -> str | None:
    value = part(record, *names)
    return value if isinstance(value, str) else None


def call(record: Record) -> str:
    return re.sub(r"(\d{8}(v\d+)?|\d{4}_\d\d_\d\d)$", "", text(record, "eventName") or "")


def source(record: Record) -> str:
    return (text(record, "eventSource") or "").removesuffix(".amazonaws.com")


def kind(record: Record) -> str | None:
    return text(record, "userIdentity", "type")


def refused(record: Record) -> bool:
    words = r"AccessDenied|Unauthorized|AuthorizationError|NotAuthorized"
    return re.search(words, text(record, "errorCode") or "", re.IGNORECASE) is not None


def succeeded(record: Record) -> bool:
    if text(record, "errorCode") is not None:
        return False
    if record.get("eventName") == "ConsoleLogin" and part(record, "responseElements", "ConsoleLogin") == "Failure":
        return False
    return not (record.get("eventType") == "AwsConsoleSignIn" and text(record, "errorMessage") is not None)


def reads(record: Record) -> bool | None:
    return {"true": True, "false": False}.get(str(record.get("readOnly")).lower())


def endpoint_or_insight(record: Record) -> bool:
    category = record.get("eventCategory")
    if category is None:
        kind_of = str(record.get("eventType"))
        return kind_of == "AwsCloudTrailInsight" or kind_of.startswith("AwsVpceEvent")
    return category in {"NetworkActivity", "Insight"}


def who(record: Record, wanted: str) -> bool:
    identity = record.get("userIdentity") or {}
    names = ("arn", "userName", "accessKeyId", "principalId")
    issuer = part(identity, "sessionContext", "sessionIssuer") or {}
    principal = str(identity.get("principalId") or "")
    known = {identity.get(name) for name in names}
    known |= {issuer.get("arn"), issuer.get("userName"), principal.split(":")[1] if ":" in principal else None}
    known |= {part(identity, "sessionContext", "sourceIdentity"), part(identity, "onBehalfOf", "userId"), actor(record)}
    return wanted in known


def actor(record: Record) -> str:
    identity = record.get("userIdentity") or {}
    first = identity.get("arn") or identity.get("userName") or part(identity, "onBehalfOf", "userId")
    rest = identity.get("invokedBy") or identity.get("principalId") or identity.get("accountId") or identity.get("type")
    return first or rest or "unknown"


_BUCKET_WRITES = re.compile(
    r"(Put|Delete)Bucket(Policy|PublicAccessBlock|OwnershipControls|Cors|Lifecycle|Replication|Encryption|Website)"
    r"|PutBucket(Acl|LifecycleConfiguration|Versioning|Logging|ObjectLockConfiguration|Notification)|DeleteBucket"
    r"|(Put|Delete)AccountPublicAccessBlock|PutObjectLockConfiguration"
)


def by_root(record: Record) -> bool:
    central = part(record, "userIdentity", "sessionContext", "assumedRoot") == "true"
    alone = part(record, "userIdentity", "invokedBy") is None and record.get("eventType") != "AwsServiceEvent"
    return (kind(record) == "Root" or central) and alone


LISTED: Mapping[str, Callable[[Record], bool]] = {
    "who-did": lambda _: True,
    "root-activity": lambda record: by_root(record) and not endpoint_or_insight(record),
    "who-deleted-bucket": lambda record: (
        source(record) == "s3"
        and call(record) in {"DeleteBucket", "DeleteObject", "DeleteObjects"}
        and not endpoint_or_insight(record)
    ),
    "s3-policy": lambda record: (
        source(record) == "s3"
        and _BUCKET_WRITES.fullmatch(call(record)) is not None
        and not endpoint_or_insight(record)
    ),
    "console-logins": lambda record: (
        source(record) == "signin"
        and call(record) in {"ConsoleLogin", "SwitchRole", "CheckMfa"}
        and not endpoint_or_insight(record)
    ),
    "network-changes": lambda record: (
        source(record) == "ec2"
        and not (reads(record) if reads(record) is not None else call(record).startswith("Describe"))
        and re.search("SecurityGroup|NetworkAcl|Route|Gateway|Vpc|Peering|FlowLogs|Subnet", call(record)) is not None
        and not endpoint_or_insight(record)
    ),
    "kms-changes": lambda record: (
        source(record) == "kms"
        and call(record) in {"ScheduleKeyDeletion", "DisableKey", "PutKeyPolicy", "RotateKey"}
        and not endpoint_or_insight(record)
    ),
    "alarm-changes": lambda record: (
        source(record) == "monitoring"
        and call(record) in {"DeleteAlarms", "SetAlarmState", "PutMetricAlarm"}
        and not endpoint_or_insight(record)
    ),
    "organizations": lambda record: (
        source(record) == "organizations"
        and not (reads(record) if reads(record) is not None else call(record).startswith(("Describe", "List")))
        and not endpoint_or_insight(record)
    ),
    "timeline": lambda record: who(record, "ana"),
    "log-tampering": lambda record: (
        (source(record), call(record))
        in {
            *(
                ("cloudtrail", name)
                for name in ("StopLogging", "UpdateTrail", "PutEventSelectors", "CreateTrail", "PutInsightSelectors")
            ),
            *(("monitoring", name) for name in ("DeleteAlarms", "SetAlarmState", "PutMetricAlarm")),
            *(("kms", name) for name in ("ScheduleKeyDeletion", "DisableKey", "PutKeyPolicy")),
            ("ec2", "DeleteFlowLogs"),
        }
        and not endpoint_or_insight(record)
    ),
}
"""Of questions that list events: which records they list, in the default parameters and ``who=ana``."""


def cross_account(record: Record) -> tuple[Any, ...] | None:
    caller = part(record, "userIdentity", "accountId")
    if kind(record) == "AWSService" or endpoint_or_insight(record):
        return None
    anonymous = caller == "anonymous" or part(record, "userIdentity", "principalId") == "ANONYMOUS_PRINCIPAL"
    if not anonymous and (caller is None or caller == record.get("recipientAccountId")):
        return None
    return (
        record.get("recipientAccountId"),
        caller,
        actor(record),
        kind(record),
        record.get("eventSource"),
        call(record),
    )


def denied(record: Record) -> tuple[Any, ...] | None:
    if not refused(record):
        return None
    keys = (record.get("recipientAccountId"), actor(record), kind(record), record.get("eventSource"), call(record))
    return (*keys, record.get("errorCode"))


GROUPED: Mapping[str, tuple[Callable[[Record], tuple[Any, ...] | None], tuple[str, ...]]] = {
    "cross-account": (cross_account, ("account", "caller_account", "actor", "actor_type", "event_source", "call")),
    "denied-calls": (denied, ("account", "actor", "actor_type", "event_source", "call", "error")),
}
"""Of questions that group: the group of a record, None where it is in none, and the columns that name it."""


# ------------------------------------------------------------------------------------------------------- filters


def keeps(filters: Filters, record: Record) -> bool:
    """Tell whether the filters of the command line leave a record over."""
    issuer = part(record, "userIdentity", "sessionContext", "sessionIssuer")
    role = (text({"role": issuer}, "role", "userName"), text({"role": issuer}, "role", "arn"))
    asked: list[tuple[tuple[str, ...], Callable[[str], bool]]] = [
        (filters.users, lambda wanted: _like(wanted, names_of(record))),
        (filters.roles, lambda wanted: _like(wanted, role)),
        (filters.events, lambda wanted: _like(wanted, (call(record) or None, text(record, "eventName")))),
        (filters.resources, lambda wanted: _about(wanted, record)),
        (filters.ips, lambda wanted: _from(wanted, text(record, "sourceIPAddress"))),
        (filters.regions, lambda wanted: record.get("awsRegion") == wanted),
        (filters.accounts, lambda wanted: record.get("recipientAccountId") == wanted),
    ]
    errors = {"": True, "only": not succeeded(record), "without": succeeded(record)}[filters.errors]
    return errors and all(not texts or any(map(matches, texts)) for texts, matches in asked)


def names_of(record: Record) -> list[str | None]:
    """Return everything by which the caller of a record can be named."""
    identity = part(record, "userIdentity") or {}
    principal = text(identity, "principalId") or ""
    return [
        actor(record),
        *(text(identity, name) for name in ("arn", "userName", "principalId")),
        text(identity, "accessKeyId") or None,
        principal.split(":")[1] if ":" in principal else None,
        text(identity, "sessionContext", "sourceIdentity"),
        text(identity, "onBehalfOf", "userId"),
    ]


def _like(wanted: str, values: Iterable[str | None]) -> bool:
    parts = (re.escape(part) for part in wanted.lower().split("*"))
    pattern = re.compile(".*".join(parts), re.DOTALL)
    return any(value is not None and pattern.fullmatch(value.lower()) for value in values)


def _about(wanted: str, record: Record) -> bool:
    bare = wanted.removesuffix("*")
    rest = ".*" if wanted.endswith("*") else ""
    pattern = re.compile(f"(.*[/:])?{re.escape(bare)}{rest}", re.DOTALL)
    named = [record.get(name) for name in ("requestParameters", "responseElements", "serviceEventDetails")]
    arns = [text(item, "ARN") or "" for item in record.get("resources") or ()]
    return any(pattern.fullmatch(value) for value in (*_texts(named), *arns))


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a value; the names of members are none."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _texts(inner)


def _from(wanted: str, address: str | None) -> bool:
    try:
        return ipaddress.ip_address(address or "") in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return address == wanted

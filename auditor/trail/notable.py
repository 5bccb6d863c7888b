"""Recognises CloudTrail records an auditor wants to see, and writes them as rows. Pure; hostile records are normal.

A record that does not have the expected form yields None, never an error. Whether its log file was verified is the
caller's knowledge and stands in every row.
"""

import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from auditor.base.period import parse_time, rfc3339
from auditor.catalog.notable_calls import CALLS, INGRESS_CALLS, ROOT_CALL, TRAIL_CALLS
from auditor.trail.explain import TrailEvent

SHORT: Final = 300
"""Longest text taken from a record into a row: enough for any ARN, too little to swamp a report."""

ADMIN_PORTS: Final = (22, 3389)
"""SSH and RDP: the ports the CIS benchmark asks about."""

_WITH_PORTS: Final = frozenset({"tcp", "udp"})
_MODIFY_REQUEST: Final = "ModifySecurityGroupRulesRequest"
_CLOSED: Final = "port_closed"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a security group that lets all addresses of one IP version in. No port means every port."""

    protocol: str
    first: int | None
    last: int | None
    version: int

    def takes_in(self, port: int) -> bool:
        """Say whether it opens a port."""
        if self.protocol == "-1" or self.first is None or self.last is None:
            return True
        return self.first <= port <= self.last


@dataclass(frozen=True, slots=True)
class Row:
    """One notable record: who, what, when, outcome, from where, which resource, and where it is written.

    ``rules`` are those that a call on a security group opens or closes by their form, ``rule_ids`` those that it names
    by id: with the form that they have from then on, or None where they let nobody but known addresses in any more.
    """

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
    rules: frozenset[Rule] = frozenset()
    rule_ids: tuple[tuple[str, Rule | None], ...] = ()
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
    if kind := CALLS.get((source, name)):
        return kind
    if source == "ec2.amazonaws.com" and name in INGRESS_CALLS and _rules(record):
        return INGRESS_CALLS[name]
    if _map(record, "userIdentity").get("type") == "Root" and record.get("eventType") != "AwsServiceEvent":
        return None if _map(record, "userIdentity").get("invokedBy") else ROOT_CALL
    if source == "ec2.amazonaws.com" and _rule_ids(record):
        return _CLOSED  # whether it closed anything shows where the opening is known
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


def _rules(record: Mapping[str, Any]) -> frozenset[Rule]:
    """Return the rules of a security group call that open administration ports to everybody, or no longer do."""
    parameters = _map(record, "requestParameters")
    permissions = _items(_map(parameters, "ipPermissions"))
    if not permissions:
        permissions = [parameters]  # the short form: ipProtocol, fromPort, toPort, cidrIp
    permissions += [permission for _, permission in _modified(record)]
    permissions += _items(_map(_map(record, "responseElements"), "revokedSecurityGroupRuleSet"))
    return frozenset(rule for item in permissions for rule in _open_rules(item))


def _open_rules(permission: Mapping[str, Any]) -> list[Rule]:
    """Return the rules of one permission that open administration ports to everybody."""
    if not any(_has_port(permission, port) for port in ADMIN_PORTS):
        return []
    protocol = _text(str(permission.get("ipProtocol")))
    first, last = _port(permission, "fromPort"), _port(permission, "toPort")
    if protocol == "-1":
        first = last = None  # every port; callers leave the numbers out, EC2 answers with -1
    return [Rule(protocol, first, last, version) for version in sorted(_open_versions(permission))]


def _rule_ids(record: Mapping[str, Any]) -> tuple[tuple[str, Rule | None], ...]:
    """Return the rules that a call names by id, each with the form it has from then on; None where it is closed.

    The answer to an opening tells the ids, the console closes by them. What has another form than these names none.
    """
    name, answer = record.get("eventName"), _map(record, "responseElements")
    if name == "AuthorizeSecurityGroupIngress":
        made = _items(_map(answer, "securityGroupRuleSet"))
        return tuple((known, rule) for item in made if (known := _rule_id(item)) for rule in _open_rules(item))
    if name == "RevokeSecurityGroupIngress":
        asked = _map(record, "requestParameters").get("securityGroupRuleIds")
        named = asked.get("items") if isinstance(asked, Mapping) else asked
        gone = [*(named if isinstance(named, list) else ()), *_items(_map(answer, "revokedSecurityGroupRuleSet"))]
        return tuple((known, None) for known in dict.fromkeys(map(_rule_id, gone)) if known)
    found: list[tuple[str, Rule | None]] = []
    for known, permission in _modified(record) if name == "ModifySecurityGroupRules" else ():
        rules = _open_rules(permission)
        found += [(known, rule) for rule in rules if known]
        if known and not rules and _is_closed(permission):
            found.append((known, None))
    return tuple(found)


def _rule_id(item: object) -> str:
    value = item.get("securityGroupRuleId") if isinstance(item, Mapping) else item
    return value if isinstance(value, str) and value.startswith("sgr-") and len(value) <= SHORT else ""


def _modified(record: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return id and new form of the rules that ModifySecurityGroupRules changes, spelled as in the other calls."""
    rules = _map(_map(record, "requestParameters"), _MODIFY_REQUEST).get("SecurityGroupRule")
    found: list[tuple[str, Mapping[str, Any]]] = []
    for rule in rules if isinstance(rules, list) else [rules]:
        if isinstance(rule, Mapping):
            inner = _map(rule, "SecurityGroupRule")
            permission = {_lower_first(str(name)): value for name, value in inner.items()}
            found.append((_rule_id(rule.get("SecurityGroupRuleId")), permission))
    return found


def _is_closed(permission: Mapping[str, Any]) -> bool:
    """Say whether the new form of a rule is known to keep administration ports from everybody."""
    addresses = [permission[name] for name in ("cidrIpv4", "cidrIpv6") if permission.get(name) is not None]
    if addresses:
        narrow = all((network := _network(address)) and network.prefixlen for address in addresses)
    else:
        narrow = any(isinstance(permission.get(name), str) for name in ("referencedGroupId", "prefixListId"))
    first, last = _port(permission, "fromPort"), _port(permission, "toPort")
    elsewhere = _text(permission.get("ipProtocol")) in _WITH_PORTS and first is not None and last is not None
    return narrow or (elsewhere and not any(_has_port(permission, port) for port in ADMIN_PORTS))


def _open_versions(permission: Mapping[str, Any]) -> frozenset[int]:
    """Return the IP versions of which a permission takes in every address."""
    addresses = [permission.get(name) for name in ("cidrIp", "cidrIpv6", "cidrIpv4")]
    addresses += [item.get("cidrIp") for item in _items(_map(permission, "ipRanges"))]
    addresses += [item.get("cidrIpv6") for item in _items(_map(permission, "ipv6Ranges"))]
    return frozenset(version for address in addresses if (version := _everybody(address)))


def _everybody(address: object) -> int:
    """Return the IP version of a range of all addresses; 0 for any other."""
    network = _network(address)
    return network.version if network is not None and network.prefixlen == 0 else 0


def _network(address: object) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(address, strict=False) if isinstance(address, str) else None
    except ValueError:
        return None


def _has_port(permission: Mapping[str, Any], port: int) -> bool:
    if str(permission.get("ipProtocol")) == "-1":
        return True
    first, last = _port(permission, "fromPort"), _port(permission, "toPort")
    return first is not None and last is not None and first <= port <= last


def _port(permission: Mapping[str, Any], name: str) -> int | None:
    value = permission.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


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
    rules = _rules(record) if kind in INGRESS_CALLS.values() else frozenset()
    ports = tuple(port for port in ADMIN_PORTS if any(rule.takes_in(port) for rule in rules))
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
        rules,
        _rule_ids(record) if _text(record.get("eventSource")) == "ec2.amazonaws.com" else (),
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
    "groupName",
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
    parameters = {"groupId": _map(parameters, _MODIFY_REQUEST).get("GroupId"), **parameters}
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


@dataclass(slots=True)
class _Group:
    """One security group: what each opening left open, and the present form of the rules that are known by id.

    An opening holds the id of each of its rules, or the rule itself where no id is known. A rule that is changed keeps
    its id, so the opening lasts until the id lets nobody in any more.
    """

    openings: dict[int, set[str | Rule]] = field(default_factory=dict)
    present: dict[str, Rule] = field(default_factory=dict)

    def close(self, row: Row) -> tuple[list[int], tuple[int, ...]]:
        """Take away what a call closes; return the openings of which nothing is left, and the ports known by id.

        EC2 closes neither a wider rule nor one for the other IP version together with the one that is named.
        """
        still = {known for known, rule in row.rule_ids if rule is not None}
        gone: set[str | Rule] = {known for known, rule in row.rule_ids if rule is None and known not in still}
        if row.kind == _CLOSED:
            gone |= row.rules | {known for known, rule in self.present.items() if rule in row.rules}
        ended = [self.present.pop(known) for known in list(self.present) if known in gone]
        for held in self.openings.values():
            held.difference_update(gone)
        over = [index for index, held in self.openings.items() if not held]
        for index in over:
            del self.openings[index]
        return over, tuple(port for port in ADMIN_PORTS if any(rule.takes_in(port) for rule in ended))

    def open(self, index: int, row: Row) -> None:
        """Keep what a call opens."""
        self.present.update({known: rule for known, rule in row.rule_ids if rule is not None})
        held: set[str | Rule] = set()
        for rule in row.rules:
            held |= {known for known, form in row.rule_ids if form == rule} or {rule}
        self.openings[index] = held


def pair_ports(rows: Iterable[Row]) -> list[Row]:
    """Put each successful opening together with the successful closing that left none of its rules open.

    A call that names rules by id alone stays among the rows where one of them was open; else it is about other ports.
    """
    done: list[Row] = []
    groups: dict[tuple[str, str, str], _Group] = {}
    for row in sorted(rows, key=Row.order):
        group = groups.setdefault((row.account, row.region, row.resource), _Group()) if row.resource else _Group()
        over, ports = group.close(row) if row.outcome == "Success" else ([], ())
        for index in over:
            done[index] = replace(done[index], closed_by=row.actor, closed_at=row.event_time)
        if row.outcome == "Success" and row.kind == "port_opened":
            group.open(len(done), row)
        if row.kind == _CLOSED and not row.ports:
            if not ports:
                continue
            summary = _summary(row.kind, row.actor, row.event_name, row.resource, row.outcome, ports)
            row = replace(row, ports=ports, summary=summary)  # noqa: PLW2901 - the same row, completed
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

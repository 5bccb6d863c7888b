"""Recognises CloudTrail records an auditor wants to see, and writes them as rows. Pure; hostile records are normal.

A record that does not have the expected form yields None, never an error. Whether its log file was verified is the
caller's knowledge and stands in every row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from auditor.activity import ingress
from auditor.activity.calls import INGRESS_CALLS, ROOT_CALL, call_of, effect_of, few_of, resource_of
from auditor.activity.effects import HARMLESS, Effect, Told
from auditor.activity.fields import member, moment, text
from auditor.activity.identity import SIGN_IN, SUCCESS, actor, by_root, is_copy, outcome, service_behind
from auditor.base.period import rfc3339

_EC2: Final = "ec2.amazonaws.com"
OPENED, CLOSED = "port_opened", "port_closed"


@dataclass(frozen=True, slots=True)
class Row:
    """One notable record: who, what, when, outcome, from where, which resource, and where it is written.

    ``effect`` is what the call sets, ``service`` the AWS service that made it for somebody, ``change`` what it does to
    the inbound rules of a security group.
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
    effect: Told = HARMLESS
    service: str = ""
    by_root: bool = False
    change: ingress.Change | None = None
    closed_by: str = ""
    closed_at: datetime | None = None
    closing_event: str = ""

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
            "effect": self.effect.effect.value,
            "sets": self.effect.words,
            "holds": self.effect.holds,
            "service": self.service,
            "by_root": self.by_root,
        }
        if self.kind == OPENED:
            closed = None if self.closed_at is None else rfc3339(self.closed_at)
            minutes = None if self.closed_at is None else _minutes(self.event_time, self.closed_at)
            row |= {
                "ports": list(self.ports),
                "closed_by": self.closed_by or None,
                "closed_at": closed,
                "closing_event": self.closing_event or None,
                "minutes_open": minutes,
            }
        return row

    def order(self) -> tuple[object, ...]:
        """Sort by time, then by what makes a record unique."""
        return (self.event_time, self.account, self.region, self.event_id, self.log_file, self.kind)


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
    if is_copy(record):
        return None
    if name == "ConsoleLogin" and source == SIGN_IN:
        return _sign_in(record)
    if call := call_of(record):
        return call.kind
    if source == _EC2 and name in INGRESS_CALLS and (change := ingress.change_of(record)) is not None:
        if kind := _of_ingress(change, INGRESS_CALLS[name]):
            return kind
        if not by_root(record) and _touches(change):
            return INGRESS_CALLS[name]  # whether it opened or closed anything shows where the other rules are known
    return ROOT_CALL if by_root(record) else None


def _of_ingress(change: ingress.Change, kind: str) -> str | None:
    """Return the kind of a call that opens or closes an administration port whatever rules there were before."""
    if kind == OPENED:
        return OPENED if ingress.open_ports(change.opens) else None
    return CLOSED if ingress.open_ports(change.removes) else None


def _touches(change: ingress.Change) -> bool:
    forms = any(rule.takes_in(port) for rule in (*change.opens, *change.removes) for port in ingress.ADMIN_PORTS)
    return bool(forms or change.removes_ids or change.becomes or change.deletes or change.untold)


def _sign_in(record: Mapping[str, Any]) -> str | None:
    who = member(record, "userIdentity").get("type")
    if outcome(record) != SUCCESS and not text(record.get("errorCode")):
        return "sign_in_failed"
    if who == "Root":
        return "root_sign_in"
    if member(record, "additionalEventData").get("MFAUsed") == "Yes":
        return None
    return "sign_in_without_mfa" if who == "IAMUser" else "sign_in_federated"


def _row(record: Mapping[str, Any], kind: str, log_file: str, verified: bool) -> Row | None:
    at = moment(record.get("eventTime"))
    if at is None:
        return None
    who, actor_type = actor(record)
    name, result, resource = text(record.get("eventName")), outcome(record), resource_of(record)
    change = ingress.change_of(record) if record.get("eventSource") == _EC2 else None
    if change is not None:
        resource = change.group or resource
    ports = _ports(kind, change)
    return Row(
        kind,
        text(record.get("eventID")),
        at,
        name,
        text(record.get("eventSource")),
        text(record.get("awsRegion")),
        text(record.get("recipientAccountId")),
        who,
        actor_type,
        text(record.get("sourceIPAddress")),
        text(record.get("userAgent")),
        result,
        resource,
        summary_of(kind, who, name, resource, result, ports),
        log_file,
        verified,
        ports,
        effect_of(record) if call_of(record) else _of_rules(change),
        service_behind(record),
        by_root(record),
        change,
    )


def _of_rules(change: ingress.Change | None) -> Told:
    return Told(Effect.HARMLESS) if change is None or not change.untold else Told(Effect.OPEN, change.untold)


def _ports(kind: str, change: ingress.Change | None) -> tuple[int, ...]:
    if change is None or kind not in {OPENED, CLOSED}:
        return ()
    return ingress.open_ports(change.opens if kind == OPENED else change.removes)


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


def summary_of(kind: str, actor: str, name: str, resource: str, outcome: str, ports: Sequence[int]) -> str:
    """Say in one sentence what a row tells."""
    form = _SUMMARIES.get(kind, "{actor} called {name} on {resource}." if resource else "{actor} called {name}.")
    text = ", ".join(str(port) for port in ports)
    sentence = form.format(actor=actor, name=name, resource=few_of(resource) or "an unnamed resource", ports=text)
    if outcome != SUCCESS and kind != "sign_in_failed":
        return f"Refused ({outcome}): {sentence}"
    return sentence


def _minutes(start: datetime, end: datetime) -> float:
    return round((end - start).total_seconds() / 60, 1)

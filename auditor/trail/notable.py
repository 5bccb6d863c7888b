"""Recognises CloudTrail records an auditor wants to see, and writes them as rows. Pure; hostile records are normal.

What a call is and does stands in ``auditor.activity``. A record that does not have the expected form yields None, never
an error. Whether its log file was verified is the caller's knowledge and stands in every row.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from auditor.activity import ingress
from auditor.activity.calls import INGRESS_CALLS, ROOT_CALL, TRAIL_CALLS, call_of, effect_of, resource_of
from auditor.activity.effects import HARMLESS, Effect, Told
from auditor.activity.fields import flag, member, moment, text
from auditor.activity.identity import SIGN_IN, SUCCESS, actor, by_root, is_copy, outcome, service_behind
from auditor.base.period import rfc3339
from auditor.trail.explain import TrailEvent

_EC2: Final = "ec2.amazonaws.com"
_OPENED, _CLOSED = "port_opened", "port_closed"


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
        if self.kind == _OPENED:
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
    if kind == _OPENED:
        return _OPENED if ingress.open_ports(change.opens) else None
    return _CLOSED if ingress.open_ports(change.removes) else None


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


# ---------------------------------------------------------------------------------------------------------- rows


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
        _summary(kind, who, name, resource, result, ports),
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
    if change is None or kind not in {_OPENED, _CLOSED}:
        return ()
    return ingress.open_ports(change.opens if kind == _OPENED else change.removes)


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
    if outcome != SUCCESS and kind != "sign_in_failed":
        return f"Refused ({outcome}): {sentence}"
    return sentence


def _minutes(start: datetime, end: datetime) -> float:
    return round((end - start).total_seconds() / 60, 1)


# --------------------------------------------------------------------------------------------------- trail events


def trail_event(record: object, means: Callable[[object], bool]) -> TrailEvent | None:
    """Return a successful call that changed a trail, or None; ``means`` tells its name or ARN from others."""
    if not isinstance(record, Mapping) or record.get("eventSource") != "cloudtrail.amazonaws.com":
        return None
    name, at = record.get("eventName"), moment(record.get("eventTime"))
    if not isinstance(name, str) or name not in TRAIL_CALLS or at is None or record.get("errorCode") or is_copy(record):
        return None
    parameters = member(record, "requestParameters")
    if not (means(parameters.get("name")) or means(parameters.get("trailName"))):
        return None
    validation = parameters.get("enableLogFileValidation")
    who, _ = actor(record)
    return TrailEvent(name, at.astimezone(UTC), text(record.get("eventID")), who, flag(validation))


# ------------------------------------------------------------------------------------------------------- document

ROW_LIMIT: Final = 5000
"""Rows in one document; what lies beyond is counted by kind."""


@dataclass(slots=True)
class _Group:
    """The inbound rules of one security group that calls of the period made, and which opening brought which.

    A rule that AWS named is known by its id and keeps it when its form changes; others are known by their form. An
    opening lasts while what is left of its rules still lets everybody in.
    """

    present: dict[str, tuple[ingress.Rule, ...]] = field(default_factory=dict)
    openings: dict[int, set[str]] = field(default_factory=dict)

    def ports(self, keys: Iterable[str]) -> tuple[int, ...]:
        """Return the ports that some of the rules open together."""
        return ingress.open_ports(rule for key in keys for rule in self.present.get(key, ()))

    def close(self, change: ingress.Change) -> tuple[list[int], tuple[int, ...]]:
        """Take away what a call closes; return the openings that it ended, and the ports that they had opened.

        EC2 closes neither a wider rule nor one for the other IP version together with the one that is named.
        """
        before = set(self.ports(self.present))
        for key, rules in list(self.present.items()):
            named = key in change.removes_ids or bool(set(rules) & change.removes)
            if change.deletes or named:
                del self.present[key]
        for known, rules in change.becomes:
            if known in self.present:
                self.present[known] = rules
        over = [index for index, keys in self.openings.items() if not self.ports(keys)]
        for index in over:
            del self.openings[index]
        return over, tuple(sorted(before - set(self.ports(self.present))))

    def open(self, index: int, change: ingress.Change) -> tuple[int, ...]:
        """Keep what a call makes; return the ports that are open to everybody now because of it."""
        before, keys = set(self.ports(self.present)), set()
        for known, rules in (*((known, (rule,)) for known, rule in change.adds), *change.becomes):
            for key, kept in [(known, rules)] if known else [(f"form {rule}", (rule,)) for rule in rules]:
                self.present[key] = kept if known not in keys else (*self.present[key], *kept)
                keys.add(key)
        opened = self.ports(keys)
        if not opened and set(self.ports(self.present)) - before:
            keys, opened = set(self.present), self.ports(self.present)
        if opened:
            self.openings[index] = keys
        return opened


def pair_ports(rows: Iterable[Row]) -> list[Row]:
    """Put each successful opening together with the successful call that ended it.

    Calls on rules stay among the rows where they opened or closed an administration port; else they are about others.
    """
    done: list[Row] = []
    groups: dict[tuple[str, str, str], _Group] = {}
    for row in sorted(rows, key=Row.order):
        if row.change is None:
            done.append(row)
            continue
        group = groups.setdefault((row.account, row.region, row.resource), _Group()) if row.resource else _Group()
        ports = row.ports
        if row.outcome == SUCCESS:
            over, closed = group.close(row.change)
            for index in over:
                done[index] = replace(done[index], closed_by=row.actor, closed_at=row.event_time)
            opened = group.open(len(done), row.change)
            if row.kind == ROOT_CALL and (opened or row.change.untold):
                row = replace(row, kind=_OPENED)  # noqa: PLW2901 - the same row, known better
            ports = ports or (opened if row.kind == _OPENED else closed)
        if row.kind not in {_OPENED, _CLOSED}:
            done.append(row)
        elif ports:
            summary = _summary(row.kind, row.actor, row.event_name, row.resource, row.outcome, ports)
            done.append(replace(row, ports=ports, summary=summary, effect=HARMLESS))
        elif row.kind == _OPENED and row.effect.effect is Effect.OPEN:
            done.append(replace(row, summary=f"{row.actor} called {row.event_name}: {row.effect.words}."))
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

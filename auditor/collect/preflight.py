"""Asks AWS before a run which of its operations the caller may not do: one call each, first page only. Stores nothing.

Asking is surer than simulating policies: boundaries, organization policies, resource policies and key policies all
answer together. What there is nothing to ask about is said to be unknown, never to be allowed.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from auditor.base.canonical import plain
from auditor.base.period import Period
from auditor.collect.accounts import Caller
from auditor.collect.calls import Asker, Progress, silent
from auditor.collect.clients import Limits
from auditor.collect.guard import refuse_mutation
from auditor.collect.plan import Plan
from auditor.evidence.answer import Answer
from auditor.evidence.operations import Call, ForEach, Operation, Where

_DENIED: Final = frozenset(
    {
        "403",
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "Forbidden",
        "NotAuthorized",
        "NotAuthorizedException",
        "UnauthorizedAccess",
        "UnauthorizedAccessException",
        "UnauthorizedException",
        "UnauthorizedOperation",
    }
)
_ALLOWED_ALL_THE_SAME: Final = frozenset({"ReportInProgress", "ReportNotPresent", "ReportExpired"})


def _of_trails(name: str, action: str, **fields: Any) -> Operation:
    defaults: dict[str, Any] = {"where": Where.GLOBAL, "parameters": {}, "for_each": (), "required": (), "absent": ()}
    return Operation(name=name, action=action, produced=False, **(defaults | fields))


_BUCKET: Final = (ForEach("cloudtrail:DescribeTrails", "trailList[]", {"Bucket": "S3BucketName"}, "", ""),)
_FIRST_FILE: Final = "[{Bucket: Name, Key: (Contents[?contains(Key, 'AWSLogs/')] | [0]).Key}]"
TRAIL_QUESTIONS: Final = {
    item.name: item
    for item in (
        _of_trails("cloudtrail:DescribeTrails", "cloudtrail:DescribeTrails", where=Where.REGION),
        _of_trails("cloudtrail:ListPublicKeys", "cloudtrail:ListPublicKeys", where=Where.REGION),
        _of_trails("s3:ListObjectsV2", "s3:ListBucket", for_each=_BUCKET, parameters={"MaxKeys": 100}),
        _of_trails("s3:ListObjectVersions", "s3:ListBucketVersions", for_each=_BUCKET, parameters={"MaxKeys": 1}),
        _of_trails(
            "s3:HeadObject",
            "s3:GetObject",
            for_each=(ForEach("s3:ListObjectsV2", _FIRST_FILE, {"Bucket": "Bucket", "Key": "Key"}, "", ""),),
        ),
    )
}
"""What reading the trails' own files takes. Reading a file needs the same permission as reading its head."""


def _confirming(name: str, **parameters: Any) -> Operation:
    return Operation(
        name=name,
        where=Where.REGION,
        parameters=parameters,
        for_each=(),
        required=(),
        absent=(),
        action=name,
        produced=False,
    )


_EVENT: Final = json.dumps(
    {
        "id": "0",
        "account": "111122223333",
        "source": "aws.ec2",
        "time": "2026-01-01T00:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail-type": "AWS API Call via CloudTrail",
        "detail": {},
    }
)
CONFIRMING_QUESTIONS: Final = {
    item.name: item
    for item in (
        _confirming("logs:TestMetricFilter", filterPattern="{ $.eventName = * }", logEventMessages=["{}"]),
        _confirming("events:TestEventPattern", EventPattern='{"source": ["aws.ec2"]}', Event=_EVENT),
    )
}
"""Operations that a run asks about what it has found, each with a question that any account can be asked."""


class May(StrEnum):
    """Whether the caller may call an operation."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Permission:
    """What one question said.

    Args:
        operation: ``service:Operation``.
        action: the IAM action that allows it.
        may: the answer.
        region: where it was asked; empty when it was not.
        reason: the error, or why it was not asked; empty when it is allowed.
    """

    operation: str
    action: str
    may: May
    region: str
    reason: str

    def document(self) -> dict[str, str]:
        """Return the JSON form."""
        return {
            "operation": self.operation,
            "action": self.action,
            "may": self.may.value,
            "region": self.region,
            "reason": self.reason,
        }


def check_permissions(
    caller: Caller,
    *,
    operations: Mapping[str, Operation],
    wanted: Sequence[str],
    region: str,
    now: Callable[[], datetime],
    limits: Limits | None = None,
    progress: Progress = silent,
) -> tuple[Permission, ...]:
    """Ask each operation once, in one Region, about the first thing there is to ask about.

    Args:
        caller: whose permissions.
        operations: the catalogue's operations by name.
        wanted: names of the operations to ask; those they depend on are asked too. Where the records of the trail
            room are among them, so is what reading the trails' files takes.
        region: where operations of a Region are asked.
        now: the clock, aware UTC.
        limits: how hard AWS is asked.
        progress: told after each answer.

    Raises:
        UsageError: an operation is not in the catalogue.
        MutationRefusedError: an operation is no read.
    """
    reads_trails = any(name in operations and operations[name].produced for name in wanted)
    known = {**operations, **TRAIL_QUESTIONS} if reads_trails else dict(operations)
    known |= {name: question for name, question in CONFIRMING_QUESTIONS.items() if name in wanted and name in known}
    names = {*wanted, *TRAIL_QUESTIONS} if reads_trails else wanted
    day = Period(now() - timedelta(days=1), now(), "")
    plan = Plan(known, names, account=caller.account, regions=(region,), period=day)
    for name in plan.operations:
        refuse_mutation(name)
    asker = Asker(caller, now=now, limits=replace(limits or Limits(), report_seconds=0))
    found: dict[str, Permission] = {}
    due = list(plan.start())
    while due:
        call = due.pop(0)
        pages: Sequence[Any] | None = None
        if call.operation not in found:
            operation = plan.operations[call.operation]
            answer = asker.ask(operation, call, parameters=dict(call.parameters), first_page=True)
            found[call.operation] = _permission(operation, call, answer)
            pages = plain(list(answer.pages)) if answer.pages else None
            progress(len(found), len(plan.operations), call.operation)
        due.extend(plan.done(call, pages))
    return tuple(found.get(item.name) or _not_asked(item, found) for item in plan.operations.values())


def _permission(operation: Operation, call: Call, answer: Answer) -> Permission:
    error = answer.error
    if error is None or answer.absent or error.code in _ALLOWED_ALL_THE_SAME:
        return Permission(operation.name, operation.action, May.ALLOWED, call.region, "")
    may = May.DENIED if error.code in _DENIED else May.UNKNOWN
    reason = f"{error.code}: {error.message}" if error.message else error.code
    return Permission(operation.name, operation.action, may, call.region, reason)


def _not_asked(operation: Operation, found: Mapping[str, Permission]) -> Permission:
    parents = [source.operation for source in operation.for_each]
    denied = [name for name in parents if name in found and found[name].may is not May.ALLOWED]
    nothing = f"there is nothing to ask about in the answer of {' or '.join(parents)}"
    reason = f"depends on {denied[0]}" if denied else nothing
    return Permission(operation.name, operation.action, May.UNKNOWN, "", reason)

"""What can go wrong with an AWS call, on request: refusals, silence, damage, lost pages, surprises in the answer."""

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Final

from auditor.simulator import calls
from auditor.simulator.calls import Call
from auditor.simulator.web import Answer, Damage

TIME_OUT_SECONDS: Final = 90.0
"""Longer than any read time-out a test should set, bounded so that nothing hangs for ever."""

KINDS: Final = (
    "access-denied",
    "throttled",
    "time-out",
    "server-error",
    "reset",
    "empty-body",
    "truncated",
    "lost-page",
    "lost-items",
    "region-disabled",
    "expired-token",
    "unknown-fields",
    "missing-fields",
    "slow",
    "rate-limited",
    "conflict",
    "damaged-upload",
    "lost-lock",
)
"""The fault kinds, as :meth:`auditor.simulator.Simulator.fault` takes them."""


@dataclass(slots=True)
class Fault:
    """One fault that is armed. ``times`` counts down; None means for good."""

    operation: str
    kind: str
    times: int | None = None
    region: str = "*"
    key: str = ""
    seconds: float = 0.0
    due: dict[tuple[str, str], float] = field(default_factory=dict)
    """Of ``rate-limited``: when the allowance of a service in a Region is full again."""

    def hits(self, call: Call) -> bool:
        """Tell whether this call is struck. ``key`` must occur in the request's path and query (S3 objects)."""
        return (
            self.times != 0
            and fnmatchcase(call.operation, self.operation)
            and fnmatchcase(call.region, self.region)
            and (not self.key or self.key in f"{call.request.plain_path}?{call.request.query}")
        )


@dataclass(slots=True)
class Faults:
    """The armed faults, the latency of every request, and the count of calls per operation."""

    armed: list[Fault] = field(default_factory=list)
    latency: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    allowed: tuple[str, ...] | None = None
    """IAM actions the caller may use, with wildcards; None allows everything."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def arm(self, order: Mapping[str, Any]) -> None:
        """Arm a fault from a control message.

        Raises:
            ValueError: the kind is not known.
        """
        if order.get("kind") not in KINDS:
            raise ValueError(f"unknown fault kind {order.get('kind')!r}; known are {', '.join(KINDS)}")
        names = ("operation", "kind", "times", "region", "key", "seconds")
        self.armed.append(Fault(**{name: order[name] for name in names if order.get(name) is not None}))

    def clear(self) -> None:
        """Forget faults, latency, permissions and counts."""
        self.armed.clear()
        self.counts.clear()
        self.latency = 0.0
        self.allowed = None

    def answer(self, call: Call, proceed: Callable[[Call], Answer]) -> Answer:
        """Answer a call, as it would be or as a fault makes it."""
        self.counts[call.operation] += 1
        if self.allowed is not None and not _allowed(call, self.allowed):
            return self._late(_denied(call))
        fault = next((fault for fault in self.armed if fault.hits(call)), None)
        if fault is None:
            return self._late(proceed(call))
        strike = _STRIKES[fault.kind]
        struck = strike(call, fault, proceed)
        if fault.times is not None and struck is not None:
            fault.times -= 1
        return self._late(struck if struck is not None else proceed(call))

    def _late(self, answer: Answer) -> Answer:
        answer.delay += self.latency
        return answer


Strike = Callable[[Call, Fault, Callable[[Call], Answer]], Answer | None]

_ACTION_PREFIXES: Final = {
    "elbv2": "elasticloadbalancing",
    "elb": "elasticloadbalancing",
    "efs": "elasticfilesystem",
    "accessanalyzer": "access-analyzer",
    "sso-admin": "sso",
    "s3control": "s3",
    "resourcegroupstaggingapi": "tag",
    "stepfunctions": "states",
    "apigatewayv2": "apigateway",
}
_ACTIONS: Final = {
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:ListObjects": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3:GetBucketReplication": "s3:GetReplicationConfiguration",
    "s3control:GetPublicAccessBlock": "s3:GetAccountPublicAccessBlock",
    "lambda:ListFunctions20150331": "lambda:ListFunctions",
    "apigateway:GetRestApis": "apigateway:GET",
    "apigateway:GetStages": "apigateway:GET",
    "apigatewayv2:GetApis": "apigateway:GET",
    "apigatewayv2:GetStages": "apigateway:GET",
}


def action(operation: str) -> str:
    """Return the IAM action that allows an operation (Service Authorization Reference, where the names differ)."""
    service, _, name = operation.partition(":")
    return _ACTIONS.get(operation) or f"{_ACTION_PREFIXES.get(service, service)}:{name}"


def _allowed(call: Call, patterns: tuple[str, ...]) -> bool:
    if call.operation == "sts:GetCallerIdentity":
        return True  # AWS needs no permission for it
    wanted = action(call.operation).lower()
    return any(fnmatchcase(wanted, pattern.lower()) for pattern in patterns)


PRINCIPAL: Final = "arn:aws:sts::111122223333:assumed-role/AuditorReadOnly/auditor"
"""Whom refusals name, in every world."""


def _denied(call: Call) -> Answer:
    code, status = {
        "ec2": ("UnauthorizedOperation", 403),
        "rest-xml": ("AccessDenied", 403),
        "query": ("AccessDenied", 403),
        "rest-json": ("AccessDeniedException", 403),
    }.get(calls.protocol_of(call), ("AccessDeniedException", 400))
    message = f"User: {PRINCIPAL} is not authorized to perform: {action(call.operation)}"
    return calls.refusal(call, code, message, status)


def _access_denied(call: Call, _fault: Fault, _proceed: Callable[[Call], Answer]) -> Answer:
    return _denied(call)


def _throttled(call: Call, _fault: Fault, _proceed: Callable[[Call], Answer]) -> Answer:
    if call.service in {"s3", "s3control"}:
        return calls.refusal(call, "SlowDown", "Please reduce your request rate.", 503)
    if calls.protocol_of(call) == "ec2":
        return calls.refusal(call, "RequestLimitExceeded", "Request limit exceeded.", 503)
    code = "Throttling" if calls.protocol_of(call) == "query" else "ThrottlingException"
    return calls.refusal(call, code, "Rate exceeded", 400)


def _time_out(call: Call, fault: Fault, proceed: Callable[[Call], Answer]) -> Answer:
    answer = proceed(call)
    answer.delay += min(fault.seconds or TIME_OUT_SECONDS, TIME_OUT_SECONDS)
    return answer


def _server_error(call: Call, _fault: Fault, _proceed: Callable[[Call], Answer]) -> Answer:
    return calls.refusal(call, "InternalError", "We encountered an internal error. Please try again.", 500)


RATE_BURST: Final = 5
"""Calls of a service in a Region that a rate lets through at once, when none came for a while."""


def _rate_limited(call: Call, fault: Fault, proceed: Callable[[Call], Answer]) -> Answer | None:
    """Refuse what comes faster than one call in ``seconds``, for each service in each Region by itself."""
    each, now, key = fault.seconds or 0.1, time.monotonic(), (call.service, call.region)
    with _RATES:
        due = max(fault.due.get(key, now), now) + each
        if due - now > RATE_BURST * each:
            return _throttled(call, fault, proceed)
        fault.due[key] = due
    return None


_RATES: Final = threading.Lock()


def _reset(_call: Call, _fault: Fault, _proceed: Callable[[Call], Answer]) -> Answer:
    return Answer(200, damage=Damage.RESET)


def _empty_body(call: Call, _fault: Fault, proceed: Callable[[Call], Answer]) -> Answer:
    return replace(proceed(call), status=200, body=b"", length=None)


def _truncated(call: Call, _fault: Fault, proceed: Callable[[Call], Answer]) -> Answer:
    """A complete HTTP answer whose JSON, XML or object ends in the middle."""
    answer = proceed(call)
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def _region_disabled(call: Call, _fault: Fault, _proceed: Callable[[Call], Answer]) -> Answer:
    if calls.protocol_of(call) in {"query", "rest-xml"}:
        return calls.refusal(call, "InvalidClientTokenId", "The security token included in the request is invalid", 403)
    if calls.protocol_of(call) == "ec2":
        return calls.refusal(call, "AuthFailure", "AWS was not able to validate the provided access credentials", 401)
    return calls.refusal(
        call, "UnrecognizedClientException", "The security token included in the request is invalid.", 400
    )


def _expired_token(call: Call, _fault: Fault, _proceed: Callable[[Call], Answer]) -> Answer:
    if call.service == "s3":
        return calls.refusal(call, "ExpiredToken", "The provided token has expired.", 400)
    if calls.protocol_of(call) == "ec2":
        return calls.refusal(call, "RequestExpired", "Request has expired.", 400)
    code = "ExpiredToken" if calls.protocol_of(call) in {"query", "rest-xml"} else "ExpiredTokenException"
    status = 403 if calls.protocol_of(call) != "json" else 400
    return calls.refusal(call, code, "The security token included in the request is expired", status)


def _slow(call: Call, fault: Fault, proceed: Callable[[Call], Answer]) -> Answer:
    answer = proceed(call)
    answer.delay += fault.seconds or 1.0
    return answer


def _conflict(call: Call, _fault: Fault, _proceed: Callable[[Call], Answer]) -> Answer:
    """What S3 says of a conditional write while another one is under way."""
    message = "The conditional request cannot succeed due to a conflicting operation against this resource."
    return calls.refusal(call, "ConditionalRequestConflict", message, 409)


def _damaged_upload(call: Call, _fault: Fault, proceed: Callable[[Call], Answer]) -> Answer:
    """One byte of what is uploaded changes on its way."""
    body = bytes([call.request.body[0] ^ 1]) + call.request.body[1:] if call.request.body else b"x"
    return proceed(replace(call, request=replace(call.request, body=body), _parameters=None))


def _lost_lock(call: Call, _fault: Fault, proceed: Callable[[Call], Answer]) -> Answer:
    """The object is stored without the lock that came with it."""
    kept = {name: text for name, text in call.request.headers.items() if not name.startswith("x-amz-object-lock-")}
    return proceed(replace(call, request=replace(call.request, headers=kept), _parameters=None))


# ---------------------------------------------------------------------------------- answers that are changed inside

_LOST_TOKEN: Final = "simulator-second-page"  # noqa: S105 - a page marker
_LAST_TOKEN: Final = "simulator-third-page"  # noqa: S105 - a page marker


@dataclass(frozen=True, slots=True)
class Paging:
    """How an operation is paged, from botocore's paginators."""

    input_token: str
    output_token: str
    result_key: str
    more: str


@lru_cache(maxsize=512)
def paging(operation: str) -> Paging | None:
    """Return how an operation is paged; None when it is not, or not simply."""
    import botocore.session
    from botocore.exceptions import UnknownServiceError

    service, _, name = operation.partition(":")
    try:
        known = botocore.session.get_session().get_paginator_model(service).get_paginator(name)
    except (ValueError, UnknownServiceError):
        return None

    def first(value: Any) -> str:
        return str(value[0] if isinstance(value, list) else value or "")

    output = first(known.get("output_token")).split(" || ")[0]
    return Paging(first(known["input_token"]), output, first(known["result_key"]), str(known.get("more_results", "")))


def _lost(call: Call, fault: Fault, proceed: Callable[[Call], Answer]) -> Answer | None:
    """Serve three pages, the second of which fails or comes without its items."""
    how = paging(call.operation)
    if how is None or call.model is None or "[" in how.output_token + how.result_key:
        return None
    token = str(call.parameters.get(how.input_token) or "")
    if token == _LOST_TOKEN:
        if fault.kind == "lost-page":
            return _server_error(call, fault, proceed)
        page: dict[str, Any] = {}
        _put_token(page, how, _LAST_TOKEN)
        return calls.answer(call, page)
    call.parameters.pop(how.input_token, None)
    output = _first_page(call, proceed)
    if output is None:
        return None
    items = _items(output, how.result_key)
    half = max(1, len(items) // 2)
    if token == _LAST_TOKEN:
        _set_items(output, how.result_key, items[half:])
        return calls.answer(call, output)
    _set_items(output, how.result_key, items[:half])
    _put_token(output, how, _LOST_TOKEN)
    return calls.answer(call, output)


def _first_page(call: Call, proceed: Callable[[Call], Answer]) -> dict[str, Any] | None:
    """Ask again without the invented token, which moto would not understand."""
    request = call.request
    for token in (_LOST_TOKEN, _LAST_TOKEN):
        body = re.sub(rb'"[A-Za-z]+": ?"' + token.encode() + rb'",? ?|&?[A-Za-z]+=' + token.encode(), b"", request.body)
        body = re.sub(rb", ?}$", b"}", body)
        query = re.sub(rf"&?[A-Za-z-]+={token}", "", request.query)
        request = replace(request, body=body, query=query)
    answer = proceed(replace(call, request=request, _parameters=None))
    return calls.read_answer(call, answer) if answer.status < 300 else None  # noqa: PLR2004 - HTTP success


def _items(output: dict[str, Any], path: str) -> list[Any]:
    holder: Any = output
    for part in path.split("."):
        holder = (holder or {}).get(part)
    return list(holder or [])


def _set_items(output: dict[str, Any], path: str, items: list[Any]) -> None:
    *parents, last = path.split(".")
    holder: Any = output
    for part in parents:
        holder = holder.setdefault(part, {})
    holder[last] = items


def _put_token(output: dict[str, Any], how: Paging, token: str) -> None:
    _set_items(output, how.output_token, token)  # type: ignore[arg-type]
    if how.more:
        _set_items(output, how.more, True)  # type: ignore[arg-type]


def _unknown_fields(call: Call, _fault: Fault, proceed: Callable[[Call], Answer]) -> Answer:
    """Fields nobody has heard of yet, as AWS adds them every week."""
    answer = proceed(call)
    if answer.status >= 300:  # noqa: PLR2004 - not a success
        return answer
    text = answer.body.decode("utf-8", "replace")
    if text.lstrip().startswith("{"):
        return replace(answer, body=json.dumps(_with_novelty(json.loads(text))).encode())
    if text.lstrip().startswith("<"):
        novelty = "<brandNewElement><inner>1</inner></brandNewElement>"
        root = re.search(r"<[A-Za-z][^>?]*[^/?]>", text)
        if root:
            text = text[: root.end()] + novelty + text[root.end() :]
        text = re.sub(r"<(member|item)>(?=\s*<)", rf"<\1>{novelty}", text)
        return replace(answer, body=text.encode())
    return answer


def _with_novelty(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_novelty(item) for item in value]
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {**value, "brandNewField": {"inner": [1, "two", None]}}
    return value


def _missing_fields(call: Call, _fault: Fault, proceed: Callable[[Call], Answer]) -> Answer:
    """A success without anything in it: all expected members of the output are gone."""
    answer = proceed(call)
    if call.model is None or answer.status >= 300:  # noqa: PLR2004 - not a success
        return answer
    return calls.answer(call, {})


_STRIKES: Final[dict[str, Strike]] = {
    "access-denied": _access_denied,
    "throttled": _throttled,
    "time-out": _time_out,
    "server-error": _server_error,
    "reset": _reset,
    "empty-body": _empty_body,
    "truncated": _truncated,
    "lost-page": _lost,
    "lost-items": _lost,
    "region-disabled": _region_disabled,
    "expired-token": _expired_token,
    "unknown-fields": _unknown_fields,
    "missing-fields": _missing_fields,
    "slow": _slow,
    "rate-limited": _rate_limited,
    "conflict": _conflict,
    "damaged-upload": _damaged_upload,
    "lost-lock": _lost_lock,
}

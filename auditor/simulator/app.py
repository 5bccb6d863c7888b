"""The simulated AWS as one function from request to answer: control path, faults, objects, overlay, moto."""

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from auditor.simulator import calls, clock
from auditor.simulator.calls import Call
from auditor.simulator.faults import Faults
from auditor.simulator.objects import ObjectStore
from auditor.simulator.web import Answer, NotYet, Request

CONTROL: Final = "/_simulator/"
ARCHIVE: Final = "210987654321"
"""The account of buckets that packs are uploaded to; nobody audits it."""


MOST_KNOWN: Final = 30_000
"""So many answers are remembered; an audit asks some hundreds of different questions."""

_READ_VERBS: Final = ("Get", "List", "Describe", "Lookup", "Search", "Head", "Test", "BatchGet", "Select")
_READS: Final = frozenset({"iam:GenerateCredentialReport", "sts:AssumeRole", "iam:SimulatePrincipalPolicy"})
"""Operations that change nothing in a simulated account although their names do not say so."""


def _only_reads(call: Call) -> bool:
    return call.api.startswith(_READ_VERBS) or call.operation in _READS


class Refused(Exception):  # noqa: N818 - AWS's word for it, not an error of ours
    """An overlay handler answers with an AWS error."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


Handler = Callable[[Call], dict[str, Any] | None]
"""Returns the operation's output, or None to leave the call to moto; raises :class:`Refused`."""


@dataclass(slots=True)
class Application:
    """Everything one simulated account consists of while it runs.

    ``declared`` holds fixed answers by operation and Region, ``overlay`` computes answers before moto is asked, and
    ``amendments`` change what moto answered.
    """

    account: str
    about: Mapping[str, Any]
    objects: ObjectStore = field(default_factory=ObjectStore)
    faults: Faults = field(default_factory=Faults)
    overlay: dict[str, Handler] = field(default_factory=dict)
    amendments: dict[str, Callable[[Call, dict[str, Any]], dict[str, Any]]] = field(default_factory=dict)
    declared: dict[tuple[str, str], Any] = field(default_factory=dict)
    barred: set[str] = field(default_factory=set)
    """Buckets of other accounts that this one may neither read nor ask about."""
    _known: dict[tuple[str | bytes, ...], Answer] = field(default_factory=dict)
    _moto: Any = None
    _frozen: set[str] = field(default_factory=set)

    def __call__(self, request: Request) -> Answer:
        """Answer one request."""
        if request.path.startswith(CONTROL):
            return self._control(request)
        os.environ["MOTO_ACCOUNT_ID"] = self.account  # where moto looks first for whose call it is
        held = self.objects.operation(request)
        if held is not None:
            operation, bucket, key = held
            if waiting := self.objects.waiting(bucket, key, request):
                raise NotYet(waiting)
            call = _object_call(operation, request)
            return self.faults.answer(call, lambda call: self._object(call, bucket.name, key))
        call = calls.identify(request)
        try:
            return self.faults.answer(call, self.proceed)
        except Exception as error:  # noqa: BLE001 - a slip of ours must not look like a broken network
            why = f"the simulator failed at {call.operation}: {type(error).__name__}: {error}"
            return calls.refusal(call, "SimulatorFailure", why)

    def _object(self, call: Call, bucket: str, key: str) -> Answer:
        if bucket in self.barred:
            return calls.refusal(call, "AccessDenied", "Access Denied", 403)
        answer = self.objects.serve(call.api, self.objects.buckets[bucket], key, call.request)
        answer.headers["x-amz-request-id"] = call.request_id
        return answer

    def proceed(self, call: Call) -> Answer:
        """Answer a call without faults.

        Reads are remembered until something is written: nothing else changes in an account whose clock stands still.
        """
        if not _only_reads(call):
            self._known.clear()
            return self._answer(call)
        request = call.request
        kind = request.headers.get("content-type", "")
        asked = (request.method, request.path, request.query, kind, request.body)
        key = (call.operation, call.region, call.access_key, *asked)
        known = self._known.get(key)
        if known is None:
            known = self._answer(call)
            if len(self._known) < MOST_KNOWN:
                self._known[key] = known
        return replace(known, headers=dict(known.headers))

    def _answer(self, call: Call) -> Answer:
        handler = self.overlay.get(call.operation)
        fixed = self.declared.get((call.operation, call.region)) or self.declared.get((call.operation, "*"))
        if self.barred and call.service == "s3" and call.parameters.get("Bucket") in self.barred:
            fixed = Refused("AccessDenied", "Access Denied", 403)
        if isinstance(fixed, Refused):
            return calls.refusal(call, fixed.code, fixed.message, fixed.status)
        if fixed is not None:
            return calls.answer(call, fixed)
        try:
            if handler is not None and (output := handler(call)) is not None:
                return calls.answer(call, output)
            answer = self._ask_moto(call)
            amend = self.amendments.get(call.operation)
            if amend is not None and answer.status < 300:  # noqa: PLR2004 - HTTP success
                return calls.answer(call, amend(call, calls.read_answer(call, answer)))
        except Refused as refused:
            return calls.refusal(call, refused.code, refused.message, refused.status)
        return answer

    def declare(self, operation: str, output: dict[str, Any], *, region: str = "*") -> None:
        """Fix the output of an operation, in one Region or (``*``) wherever nothing else is declared."""
        self.declared[operation, region] = output

    def refuse(self, operation: str, code: str, message: str, *, status: int = 400, region: str = "*") -> None:
        """Fix an AWS error as the answer of an operation."""
        self.declared[operation, region] = Refused(code, message, status)

    def below(self, call: Call) -> dict[str, Any]:
        """Return moto's own output for a call.

        Raises:
            Refused: moto answered with an error.
        """
        answer = self._ask_moto(call)
        if answer.status >= 300:  # noqa: PLR2004 - not a success
            parsed = calls.read_answer(call, answer).get("Error", {})
            raise Refused(str(parsed.get("Code", "InternalError")), str(parsed.get("Message", "")), answer.status)
        return calls.read_answer(call, answer)

    def _ask_moto(self, call: Call) -> Answer:
        from werkzeug.test import run_wsgi_app

        if call.operation.endswith(":Unknown"):
            return calls.refusal(
                call, "InvalidAction", f"The simulator does not know {call.request.method} {call.request.path}"
            )
        try:
            chunks, status, headers = run_wsgi_app(self._application(call.service), calls.environ(call.request))
            body = b"".join(chunks)
        except Exception as error:  # noqa: BLE001 - whatever moto trips over is "not implemented" to the client
            return calls.refusal(
                call, "NotImplemented", f"{call.operation} is not simulated: {type(error).__name__}: {error}"
            )
        code = int(status.split(" ", 1)[0])
        unknown_path = code == 404 and headers.get("Content-Type", "").startswith("text/html")  # noqa: PLR2004
        if code >= 500 or unknown_path:  # noqa: PLR2004 - moto does not know it; SDKs would retry a 500 four times
            return calls.refusal(call, "NotImplemented", f"{call.operation} is not simulated")
        kept = {name: value for name, value in headers.items() if not name.lower().startswith(_DROPPED)}
        length = int(kept.pop("Content-Length", len(body))) if call.request.method == "HEAD" else None
        return Answer(code, kept | calls.ids(call), _with_request_id(body, call.request_id), length=length)

    def _application(self, service: str) -> Any:
        if self._moto is None:
            from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

            self._moto = DomainDispatcherApplication(create_backend_app)
        if service not in self._frozen:
            self._frozen.add(service)
            _load(service)
            clock.freeze_moto()
        return self._moto

    def _control(self, request: Request) -> Answer:
        order = request.path.removeprefix(CONTROL)
        message = json.loads(request.body) if request.body else {}
        try:
            result = self._obey(order, message)
        except (ValueError, TypeError, KeyError) as error:
            return _json(400, {"error": str(error)})
        return _json(404, {"error": f"no such control path: {order}"}) if result is None else _json(200, result)

    def _obey(self, order: str, message: Mapping[str, Any]) -> dict[str, Any] | None:
        if order == "fault":
            self.faults.arm(message)
        elif order == "latency":
            self.faults.latency = float(message["ms"]) / 1000
        elif order == "allow":
            self.faults.allowed = tuple(str(name) for name in message["actions"])
        elif order == "clear":
            self.faults.clear()
        elif order == "archive":
            self._archive(str(message["bucket"]))
        elif order == "calls":
            return dict(sorted(self.faults.counts.items()))
        elif order == "clock":
            clock.set_now(datetime.fromisoformat(str(message["now"])))
            self._known.clear()
        elif order == "about":
            return dict(self.about)
        else:
            return None
        return {}

    def _archive(self, name: str) -> None:
        """Make a bucket with versions and Object Lock in another account, so that the audited one stays as it is."""
        self._application("s3")
        from moto.s3.models import s3_backends

        if name not in s3_backends.bucket_accounts:
            bucket = s3_backends[ARCHIVE]["aws"].create_bucket(name, "us-east-1")
            bucket.object_lock_enabled = True
            bucket.versioning_status = "Enabled"


def _json(status: int, value: Mapping[str, Any]) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(value).encode())


def _object_call(operation: str, request: Request) -> Call:
    return Call(f"s3:{operation}", "", "", request, calls.model_of(f"s3:{operation}"))


def _load(service: str) -> None:
    import importlib

    module = {"lambda": "awslambda", "sso-admin": "ssoadmin", "resourcegroupstaggingapi": "resourcegroupstaggingapi"}
    name = module.get(service, service.replace("-", ""))
    for part in ("models", "responses"):
        try:
            importlib.import_module(f"moto.{name}.{part}")
        except ImportError:
            return


_DROPPED: Final = (
    "access-control-",
    "x-amz-crc32",
    "x-amzn-requestid",
    "x-amz-request-id",
    "x-amz-id-2",
    "x-amzn-request-id",
)
"""Headers of moto's that are not passed on: request ids are drawn at random there."""

_REQUEST_ID: Final = re.compile(rb"<(RequestId|requestId|RequestID)>[^<]*</")


def _with_request_id(body: bytes, request_id: str) -> bytes:
    """Replace the request id in XML answers: moto draws it at random."""
    if body.lstrip()[:1] != b"<":
        return body
    return _REQUEST_ID.sub(rb"<\1>" + request_id.encode() + rb"</", body)

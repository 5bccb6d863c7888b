"""Makes the calls: every page of every answer, many calls at once, each outcome stored as evidence.

The one place with threads. No refused, throttled, cut-off or senseless answer raises: it is stored with its error code,
and evaluation decides what it costs. What does raise is what makes the whole run worthless: a call that is no read, an
evidence folder that cannot be written.
"""

import re
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from queue import SimpleQueue
from typing import Any, Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    PaginationError,
    ReadTimeoutError,
)
from botocore.exceptions import ConnectionError as SdkConnectionError
from botocore.parsers import ResponseParserError

from auditor.base.arenas import keep_memory_flat
from auditor.base.canonical import plain
from auditor.base.counts import counted
from auditor.base.errors import CollectionError
from auditor.collect import accounts
from auditor.collect.accounts import Caller, is_region
from auditor.collect.clients import Clients, Limits, UnknownOperationError
from auditor.collect.guard import CallLog, MutationRefusedError, StoppedError, refuse_mutation
from auditor.collect.plan import Listed, Plan
from auditor.collect.redact import Redactor
from auditor.collect.way import Way
from auditor.evidence.answer import Answer, CallError
from auditor.evidence.operations import GLOBAL, Call, Operation
from auditor.evidence.places import NO_ENDPOINT
from auditor.evidence.store import EvidenceWriter

MALFORMED: Final = "Malformed"
"""Our code for an answer that cannot be understood, or lacks a key that every page must have."""

INCOMPLETE: Final = "Incomplete"
"""Our code for an answer whose pages do not come to an end."""

_BUCKETS: Final = "s3:ListBuckets"
_REPORT: Final = "iam:GenerateCredentialReport"
_TOKENS: Final = ("NextToken", "nextToken", "NextMarker", "Marker", "NextPageToken", "nextPageToken", "NextPageMarker")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_ENCODED: Final = re.compile(r"\s*Encoded authorization failure message: \S+")
_MAX_MESSAGE: Final = 400
_MAX_CODE: Final = 100

Progress = Callable[[int, int, str], None]
"""Called with calls done, calls known so far, and the operation that was just answered."""


def silent(_done: int, _total: int, _operation: str) -> None:
    """Show no progress."""


@dataclass(slots=True)
class _Received:
    """What has arrived for one call so far."""

    pages: list[Any] = field(default_factory=list)
    request_ids: list[str] = field(default_factory=list)
    status: int = 0
    error: CallError | None = None
    damaged: bool = False
    """What arrived is not what was sent; it may be worth asking again."""


class Asker:
    """Asks for one call at a time, as one principal; safe to share between threads.

    Args:
        caller: who asks.
        now: the clock, aware UTC.
        limits: how hard.
        scrub: takes keys and tokens out of error messages.
        sleep: waits between two looks at the credential report.
    """

    def __init__(
        self,
        caller: Caller,
        *,
        now: Callable[[], datetime],
        limits: Limits,
        scrub: Callable[[str], str] = str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._caller = caller
        self._clients = Clients(caller.session, limits)
        self._limits = limits
        self._now = now
        self._scrub = scrub
        self._sleep = sleep
        self._bucket_regions: dict[str, str] = {}

    @property
    def account(self) -> str:
        """Whose answers these are."""
        return self._caller.account

    def ask(
        self, operation: Operation, call: Call, *, parameters: Mapping[str, Any], first_page: bool = False
    ) -> Answer:
        """Ask once, with all pages, and say what came of it.

        Args:
            operation: what is asked.
            call: where, and how it is known in the evidence.
            parameters: what is sent; the call's own, where nothing of them was redacted.
            first_page: be content with the first page.

        Raises:
            MutationRefusedError: the operation is no read; nothing was sent.
            StoppedError: the run was interrupted.
        """
        refuse_mutation(operation.name)
        received = self._received(operation, call, parameters, first_page=first_page)
        if received.damaged:
            received = self._received(operation, call, parameters, first_page=first_page)
        if operation.older and received.error is not None and _value_unknown(received.error):
            call, parameters = operation.as_before(call), {**parameters, **operation.older}
            received = self._received(operation, call, parameters, first_page=first_page)
        self.learn(operation, received.pages)
        return Answer(
            account=self._caller.account,
            call=call,
            pages=tuple(received.pages),
            principal=self._caller.principal,
            request_ids=tuple(received.request_ids),
            http_status=received.status,
            collected_at=self._now(),
            error=received.error,
            absent=received.error is not None
            and not received.pages
            and operation.says_absent(received.error.code, received.error.message),
        )

    def learn(self, operation: Operation, pages: Sequence[Any]) -> None:
        """Take from an answer what later calls need: where buckets are."""
        if operation.name == _BUCKETS:
            self._bucket_regions.update(_bucket_regions(pages))

    def check_way(self) -> None:
        """Ask STS once more who we are: it answers as long as there is a network and the session holds.

        Raises:
            CollectionError: it does not; nothing that is asked now would tell anything about the account.
        """
        sts = self._clients.get("sts", self._caller.session.region_name)
        try:
            accounts.still_there(sts)
        except CollectionError as error:
            raise CollectionError(f"the run was broken off: {error.message}", hint=error.hint) from error

    def _received(
        self, operation: Operation, call: Call, parameters: Mapping[str, Any], *, first_page: bool
    ) -> _Received:
        received = _Received()
        try:
            for page in self._pages(operation, call, parameters):
                self._receive(received, page, operation)
                if received.error is not None or first_page:
                    break
                if len(received.pages) >= self._limits.max_pages:
                    received.error = self._error(
                        INCOMPLETE, f"no end after {counted(self._limits.max_pages, 'page')}", operation
                    )
                    break
            else:
                if received.pages and _goes_on(received.pages[-1]):
                    received.error = self._error(INCOMPLETE, "the last page says that there are more", operation)
        except (MutationRefusedError, StoppedError):
            raise
        except Exception as error:  # noqa: BLE001 - the SDK's parsers trip over hostile answers in many ways
            received.error = self._failure(error, operation, received)
        return received

    def _pages(self, operation: Operation, call: Call, parameters: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        made = self._clients.get(operation.service, self._region(operation, call, parameters))
        method, paginator = self._clients.way(made, operation.api)
        if operation.name == _REPORT:
            yield self._credential_report(getattr(made, method))
        elif paginator is not None:
            yield from paginator.paginate(**parameters)
        else:
            yield from self._unpaginated(made, method, dict(parameters))

    def _region(self, operation: Operation, call: Call, parameters: Mapping[str, Any]) -> str:
        """Account-wide services answer in the partition's home Region.

        EC2 is none of them: its list of Regions is asked where the caller is, as policies that confine an organization
        to some Regions deny it elsewhere. A bucket is asked about where it is, as far as that is known: S3 answers
        elsewhere with a redirection, which the SDK follows.
        """
        if call.region != GLOBAL:
            return call.region
        if operation.service == "s3":
            return self._bucket_regions.get(str(parameters.get("Bucket")), self._caller.home_region)
        own = self._caller.session.region_name
        return own if operation.service == "ec2" and own else self._caller.home_region

    def _unpaginated(self, made: Any, method: str, parameters: dict[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Ask where the SDK knows no paginator; a token in the answer is followed all the same."""
        seen: set[str] = set()
        while True:
            page = getattr(made, method)(**parameters)
            yield page
            name = next((key for key in _TOKENS if isinstance(page.get(key), str) and page[key]), "")
            if not name:
                return
            accepts = _token_parameter(made, method, name)
            if not accepts or page[name] in seen:
                raise PaginationError(message=f"the answer goes on at {name}, which leads nowhere")
            seen.add(page[name])
            parameters[accepts] = page[name]

    def _credential_report(self, generate: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """Ask IAM for the report until it says that it is complete (IAM API Reference, GenerateCredentialReport)."""
        waited = 0.0
        while True:
            page = generate()
            if page.get("State") == "COMPLETE" or waited >= self._limits.report_seconds:
                return page
            self._sleep(self._limits.report_poll_seconds)
            waited += self._limits.report_poll_seconds

    def _receive(self, received: _Received, page: Mapping[str, Any], operation: Operation) -> None:
        metadata = page.get("ResponseMetadata", {})
        content = {key: value for key, value in page.items() if key != "ResponseMetadata"}
        received.request_ids.append(_request_id(metadata))
        received.status = int(metadata.get("HTTPStatusCode", 0))
        if damage := metadata.get("Damage"):
            received.damaged, received.error = True, self._error(MALFORMED, damage, operation)
            return
        received.pages.append(content)
        lacking = next((key for key in operation.required if key not in content), None)
        if lacking is not None:
            received.error = self._error(MALFORMED, f"the answer has no {lacking}", operation)
        elif operation.name == _REPORT and content.get("State") != "COMPLETE":
            received.error = self._error("ReportInProgress", "IAM is still making the credential report", operation)

    def _failure(self, error: Exception, operation: Operation, received: _Received) -> CallError:
        if isinstance(error, ClientError):
            metadata = error.response.get("ResponseMetadata", {})
            details = error.response.get("Error", {})
            received.request_ids.append(_request_id(metadata))
            received.status = int(metadata.get("HTTPStatusCode", 0))
            return self._error(str(details.get("Code", "Unknown")), str(details.get("Message", "")), operation)
        code = NO_ENDPOINT if _nameless(error) else _code(error)
        received.damaged = code == MALFORMED
        return self._error(code, str(error) or type(error).__name__, operation)

    def _error(self, code: str, message: str, operation: Operation) -> CallError:
        code = _one_line(code)[:_MAX_CODE] or "Unknown"
        return CallError(code, self._scrub(_one_line(_ENCODED.sub("", message)))[:_MAX_MESSAGE], operation.action)


_CODES: Final[tuple[tuple[type[Exception], str], ...]] = (
    (UnknownOperationError, "UnknownOperation"),
    (ResponseParserError, MALFORMED),
    (PaginationError, INCOMPLETE),
    (ConnectTimeoutError, "Timeout"),
    (ReadTimeoutError, "Timeout"),
    (ConnectionClosedError, "ConnectionClosed"),
    (SdkConnectionError, "ConnectionError"),
    (EndpointConnectionError, "ConnectionError"),
    (OSError, "ConnectionError"),
)
"""First fit wins; the SDK's other errors keep their own names, anything else is an answer it could not digest."""


_NO_NAME: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
"""What the resolver says of a name that does not exist; that it could not ask is something else."""


def _code(error: Exception) -> str:
    fitting = next((code for kind, code in _CODES if isinstance(error, kind)), "")
    return fitting or (type(error).__name__ if isinstance(error, BotoCoreError) else MALFORMED)


def _nameless(error: Exception) -> bool:
    """Say whether an endpoint was not reached because its name does not exist in DNS."""
    seen: list[BaseException] = []
    cause: Any = error.kwargs.get("error") if isinstance(error, EndpointConnectionError) else None
    while isinstance(cause, BaseException) and cause not in seen:
        if isinstance(cause, socket.gaierror):
            return cause.errno in _NO_NAME
        seen.append(cause)
        cause = cause.__cause__ or cause.__context__
    return False


_INVALID: Final = ("ValidationError", "ValidationException", "InvalidParameterValue", "InvalidParameterValueException")


def _value_unknown(error: CallError) -> bool:
    """Say whether a service refuses a value because its list of values does not have it yet."""
    return error.code in _INVALID and "enum value set" in error.message


def _bucket_regions(pages: Sequence[Any]) -> dict[str, str]:
    """Read where buckets are from ListBuckets' answer; what does not look like a Region's name is passed over."""
    found = [item for page in pages for item in page.get("Buckets") or ()]
    places = {str(item.get("Name")): str(item.get("BucketRegion")) for item in found}
    return {name: region for name, region in places.items() if is_region(region)}


def _goes_on(page: Mapping[str, Any]) -> bool:
    """Say whether a page calls itself truncated, as IAM's, KMS's and CloudFront's do.

    The SDK's paginators stop in silence when such a page lacks the marker of the next one.
    """
    holders = [page, *(value for value in page.values() if isinstance(value, dict))]
    return any(holder.get(key) is True for holder in holders for key in ("IsTruncated", "Truncated"))


def _one_line(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text).split())


def _request_id(metadata: Mapping[str, Any]) -> str:
    return _one_line(str(metadata.get("RequestId", "")))[:_MAX_CODE]


def _token_parameter(made: Any, method: str, token: str) -> str:
    shape = made.meta.service_model.operation_model(made.meta.method_to_api_mapping[method]).input_shape
    wanted = {token.lower(), token.lower().removeprefix("next")}
    return next((name for name in (shape.members if shape else ()) if name.lower() in wanted), "")


class Collector:
    """Carries out a plan: asks, stores, and asks what the answers lead to.

    Args:
        asker: makes the calls.
        writer: stores the answers.
        redactor: the one the writer stores through.
        log: stops what is in flight when the run breaks off.
        limits: how many calls are in flight.
        progress: told after each answer.
    """

    def __init__(
        self,
        asker: Asker,
        *,
        writer: EvidenceWriter,
        redactor: Redactor,
        log: CallLog,
        limits: Limits,
        progress: Progress = silent,
    ) -> None:
        self._asker = asker
        self._writer = writer
        self._redactor = redactor
        self._log = log
        self._limits = limits
        self._progress = progress
        self._way = Way(asker.check_way)

    def carry_out(self, plan: Plan | Listed, *, answered: Sequence[Answer] = ()) -> int:
        """Ask everything; return how many calls were answered, one way or the other.

        Args:
            plan: what to ask.
            answered: answers that are stored already; what they stand for is not asked again.

        Raises:
            MutationRefusedError: an operation of the plan is no read.
            CollectionError: an answer cannot be stored, or the SDK does not know an operation.
        """
        for name in plan.operations:
            refuse_mutation(name)
        known = {answer.call.key: answer for answer in answered}
        due: deque[Call] = deque(plan.start())
        done = 0
        keep_memory_flat()
        pool = ThreadPoolExecutor(self._limits.workers, thread_name_prefix="collect")
        flying: dict[Future[Sequence[Any] | None], Call] = {}
        landed: SimpleQueue[Future[Sequence[Any] | None]] = SimpleQueue()
        with ExitStack() as at_the_end:
            at_the_end.callback(pool.shutdown, wait=True, cancel_futures=True)
            broken_off = at_the_end.enter_context(ExitStack())
            broken_off.callback(self._log.stop)
            while due or flying:
                while due and len(flying) < 2 * self._limits.workers:
                    call = due.popleft()
                    future = pool.submit(self._one, call, plan, known.get(call.key))
                    flying[future] = call
                    future.add_done_callback(landed.put)
                future = landed.get()
                call = flying.pop(future)
                due.extend(plan.done(call, future.result()))
                done += 1
                self._progress(done, plan.planned, call.operation)
            broken_off.pop_all()
        return done

    def _one(self, call: Call, plan: Plan | Listed, answer: Answer | None) -> Sequence[Any] | None:
        """Ask and store; return the pages as they were stored when other calls hang on them and they are complete."""
        operation = plan.operations[call.operation]
        if answer is None:
            answer = self._recalled(operation, call)
        if answer is None:
            sent = self._redactor.original(dict(call.parameters))
            asked = self._asker.ask(operation, call, parameters=sent, first_page=operation.first_page)
            answer = store(asked, self._writer)
            self._way.saw(answer)
        if answer.error is not None or not plan.is_parent(operation.name):
            return None
        pages, _ = self._redactor(operation.name, plain(list(answer.pages)))
        return tuple(pages)

    def _recalled(self, operation: Operation, call: Call) -> Answer | None:
        """Return what a run before, which this one goes on with, had stored."""
        forms = (call, operation.as_before(call)) if operation.older else (call,)
        found = (self._writer.recalled(self._asker.account, form) for form in forms)
        answer = next((item for item in found if item is not None), None)
        if answer is not None:
            self._asker.learn(operation, answer.pages)
        return answer


def store(answer: Answer, writer: EvidenceWriter) -> Answer:
    """Store an answer; return it as it was stored: one that JSON cannot carry is stored as malformed, without pages.

    Raises:
        CollectionError: the folder cannot be written.
    """
    try:
        try:
            writer.add(answer)
        except (ValueError, TypeError, RecursionError) as error:
            message = _one_line(f"the answer cannot be kept as JSON: {error}")[:_MAX_MESSAGE]
            action = answer.error.action if answer.error else ""
            answer = replace(answer, pages=(), error=CallError(MALFORMED, message, action), absent=False)
            writer.add(answer)
    except OSError as error:
        raise CollectionError(
            f"the evidence of {answer.call.operation} cannot be written: {error.strerror or error}",
            hint="check the output folder, its permissions and the free space",
        ) from error
    return answer

"""SDK clients: how hard AWS is asked, which client serves which Regions, and what the SDK's parsers forgive."""

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock, local
from typing import Any, Final
from urllib.request import getproxies

import boto3
import orjson

from auditor.base.counts import counted
from auditor.collect.accounts import client, configured_attempts
from auditor.collect.lean import make_lean

MAX_PAGES: Final = 20_000
"""Two million items at AWS's usual hundred a page; beyond it, the service is going in circles."""

REGIONS_PER_CLIENT: Final = 9
"""See ``Clients``."""

_FOLLOW_THEIR_BUCKET: Final = frozenset({"s3", "s3control"})
"""Services whose clients choose the Region themselves, redirected by the answer to where the bucket is."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How hard AWS is asked.

    Args:
        workers: calls in flight. More than the default only helps where latency is high.
        attempts: of one request, the first included; AWS_MAX_ATTEMPTS and the profile go before it.
        mode: the SDK's retry mode; slowing down is ``auditor.collect.pacing``'s.
        connect_seconds: until a connection stands.
        read_seconds: until a byte arrives.
        report_seconds: until IAM has made the credential report.
        report_poll_seconds: between two questions whether it has.
        max_pages: of one answer.
    """

    workers: int = 24
    attempts: int = 5
    mode: str = "standard"
    connect_seconds: float = 5
    read_seconds: float = 30
    report_seconds: float = 120
    report_poll_seconds: float = 1
    max_pages: int = MAX_PAGES


class Clients:
    """SDK clients, made when first needed and shared by all threads; one serves several Regions of a service.

    A client costs 5 ms and 500 kB, which for each of twenty services in each of eighteen Regions was half of a run's
    CPU time. What makes it a Region's client is where its requests go and what they are signed for, and the SDK lets
    that be chosen for each request while it resolves the endpoint. A client keeps connections to ten hosts at most (a
    limit of its HTTP library), hence no more than nine Regions to a client: two serve the seventeen that are always on.

    Making one is not thread-safe, so they are made one at a time, under a lock.
    """

    def __init__(self, session: boto3.Session, limits: Limits) -> None:
        self._session = session
        self._made: dict[tuple[str, str], Any] = {}
        self._newest: dict[str, tuple[Any, int]] = {}
        self._ways: dict[tuple[Any, str], tuple[str, Any]] = {}
        self._lock = Lock()
        self._here = local()
        self._options: dict[str, Any] = {
            "connect_timeout": limits.connect_seconds,
            "read_timeout": limits.read_seconds,
            "retries": {"mode": limits.mode, "total_max_attempts": configured_attempts(session) or limits.attempts},
            "max_pool_connections": limits.workers,
            "tcp_keepalive": True,
        }
        if not getproxies():
            # Otherwise each client looks for proxies again, which is a tenth of the cost of making it.
            self._options["proxies"] = {}

    def get(self, service: str, region: str) -> Any:
        """Return a client whose requests from this thread go to the Region, until the thread gets another."""
        made = self._made.get((service, region))
        if made is None:
            with self._lock:
                made = self._made.get((service, region)) or self._serve(service, region)
        self._here.region = region
        return made

    def way(self, made: Any, api: str) -> tuple[str, Any]:
        """Return a client's method for an operation, and its paginator; None where the SDK knows no pages.

        Raises:
            UnknownOperationError: the client has no such method.
        """
        if (made, api) not in self._ways:
            method = _method(made, api)
            self._ways[made, api] = (method, made.get_paginator(method) if made.can_paginate(method) else None)
        return self._ways[made, api]

    def _serve(self, service: str, region: str) -> Any:
        """Let the service's newest client serve one Region more, or make another."""
        made, served = self._newest.get(service, (None, REGIONS_PER_CLIENT))
        if served >= REGIONS_PER_CLIENT or service in _FOLLOW_THEIR_BUCKET:
            made, served = client(self._session, service, region, **self._options), 0
            made.meta.events.register("after-call", _check_body)
            make_lean(made)
            if service not in _FOLLOW_THEIR_BUCKET:
                made.meta.events.register("before-endpoint-resolution", self._choose_region)
        self._newest[service] = (made, served + 1)
        self._made[(service, region)] = made
        return made

    def _choose_region(self, *, builtins: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        """Send a request to this thread's Region, and sign it for it; the endpoint's own rules still go before that."""
        region = self._here.region
        builtins["AWS::Region"] = region
        context["client_region"] = region
        context.setdefault("signing", {})["region"] = region


def _check_body(*, http_response: Any, parsed: Any, model: Any, **_: Any) -> None:
    """Note what the SDK's parsers forgive: a body that is missing, or JSON that ends in the middle."""
    if http_response.status_code >= 300 or model.has_streaming_output or model.output_shape is None:  # noqa: PLR2004
        return
    if _nothing_in_body(model.output_shape):
        return
    if damage := _damage(http_response.content, http_response.headers, model.service_model.resolved_protocol):
        parsed["ResponseMetadata"]["Damage"] = damage


def _damage(body: bytes, headers: Mapping[str, str], protocol: str) -> str:
    if not body.strip():
        return "the body is empty"
    announced = headers.get("content-length", "")
    if announced.isdigit() and int(announced) != len(body) and not headers.get("content-encoding"):
        return f"the body has {len(body)} of {counted(int(announced), 'byte')}"
    if "json" in protocol:
        try:
            orjson.loads(body)
        except orjson.JSONDecodeError as error:
            return f"the body is not JSON: {error}"
    return ""


def _nothing_in_body(shape: Any) -> bool:
    return all("location" in member.serialization for member in shape.members.values())


class UnknownOperationError(LookupError):
    """The installed SDK is older than the catalogue."""


def _method(made: Any, api: str) -> str:
    mapping: Mapping[str, str] = made.meta.method_to_api_mapping
    name = next((method for method, operation in mapping.items() if operation == api), None)
    if name is None:
        raise UnknownOperationError(f"the installed SDK knows no {made.meta.service_model.service_name}:{api}")
    return name

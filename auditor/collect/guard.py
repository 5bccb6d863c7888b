"""Lets only read operations reach the network, and counts every request that does.

Whoever asked for a write gets a log of its own, which lets that one operation pass as well; a run's own log never does.

The guard hangs on the SDK session's own events, so that no client made from the session can go round it: an operation
that is not on the list below is refused before its request is built. Knows no account, plan or evidence.
"""

from collections import Counter
from dataclasses import dataclass
from threading import Event, Lock
from typing import Any, Final
from urllib.parse import urlsplit

from auditor.base.errors import CollectionError

READ_VERBS: Final = ("BatchGet", "Describe", "Get", "Head", "List", "Lookup", "Simulate")
"""Operation names begin with their verb; those with one of these read. ``Test`` is not among them: see below."""

READ_EXCEPTIONS: Final = frozenset(
    {
        # Access level "Read" in the IAM service authorization reference: asks IAM to refresh a report, changes nothing.
        "iam:GenerateCredentialReport",
        # Evaluate a pattern against events that are handed in; nothing is stored.
        "logs:TestMetricFilter",
        "events:TestEventPattern",
        # How credentials are had. The SDK itself makes these calls; they grant no more than the caller already has.
        "sts:AssumeRole",
        "sts:AssumeRoleWithSAML",
        "sts:AssumeRoleWithWebIdentity",
        "sso-oidc:CreateToken",
        "signin:CreateOAuth2Token",
    }
)
"""Operations that read although their name does not say so."""

NEVER: Final = frozenset(
    {
        # Hand out secrets or credentials.
        "ecr:GetAuthorizationToken",
        "lightsail:GetInstanceAccessDetails",
        "redshift:GetClusterCredentials",
        "redshift:GetClusterCredentialsWithIAM",
        "redshift-serverless:GetCredentials",
        "secretsmanager:BatchGetSecretValue",
        "secretsmanager:GetSecretValue",
        "ssm:GetParameter",
        "ssm:GetParameterHistory",
        "ssm:GetParameters",
        "ssm:GetParametersByPath",
        "sts:GetFederationToken",
        "sts:GetSessionToken",
        # Create what they "get".
        "cognito-identity:GetId",
    }
)
"""Operations that are refused although their name begins like a read."""


_OF_AWS: Final = (
    ".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".api.amazonwebservices.com.cn", ".amazonaws.eu",
    ".c2s.ic.gov", ".sc2s.sgov.gov", ".cloud.adc-e.uk", ".csp.hci.ic.gov",
)  # fmt: skip
"""Where AWS's endpoints end, in all partitions that botocore knows (``endpoints.json``, ``dnsSuffix``)."""


def is_read(operation: str) -> bool:
    """Say whether ``service:Operation`` may be called."""
    if operation in NEVER:
        return False
    return operation in READ_EXCEPTIONS or operation.partition(":")[2].startswith(READ_VERBS)


class MutationRefusedError(CollectionError):
    """A call was about to be made that might change the account; it was not sent. The run is over."""


class StoppedError(Exception):
    """The run was interrupted; no further request is sent."""


@dataclass(frozen=True, slots=True)
class OwnCalls:
    """How often an operation was requested of one Region, retries included."""

    service: str
    operation: str
    region: str
    requests: int

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "service": self.service,
            "operation": self.operation,
            "region": self.region,
            "requests": self.requests,
        }


def foreign_address(url: str) -> str:
    """Return scheme and host of a URL that is none of AWS's own; empty for one of AWS's.

    On the machine itself the port is left out: it differs from run to run and says nothing.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if f".{host}".endswith(_OF_AWS):
        return ""
    local = host == "localhost" or host.startswith("127.") or host == "::1"
    port = f":{parts.port}" if parts.port and not local else ""
    return f"{parts.scheme}://[{host}]{port}" if ":" in host else f"{parts.scheme}://{host}{port}"


def refuse_mutation(operation: str, region: str = "") -> None:
    """Let a read pass.

    Args:
        operation: ``service:Operation``.
        region: where it would be called, for the message.

    Raises:
        MutationRefusedError: it is no read.
    """
    if not is_read(operation):
        place = f" in {region}" if region else ""
        raise MutationRefusedError(
            f"{operation}{place} was refused: this product only makes calls that read",
            hint="remove the operation from the control that asks for it",
        )


class CallLog:
    """Counts our own requests and refuses those that are not reads. One per run; safe to share between threads.

    Args:
        asked_for: writing operations that somebody asked for, as ``service:Operation``; none in the log of a run.
    """

    def __init__(self, *, asked_for: frozenset[str] = frozenset()) -> None:
        self._asked_for = asked_for
        self._requests: Counter[tuple[str, str, str]] = Counter()
        self._untold: Counter[tuple[str, str, str]] = Counter()
        self._elsewhere: set[str] = set()
        self._lock = Lock()
        self._stop = Event()

    def permits(self, operation: str) -> bool:
        """Say whether ``service:Operation`` may be called."""
        return is_read(operation) or operation in self._asked_for

    def _check(self, operation: str, region: str) -> None:
        if operation not in self._asked_for:
            refuse_mutation(operation, region)

    def watch(self, session: Any) -> None:
        """Guard every client that is made from a boto3 session from now on."""
        session.events.register_first("before-call", self._before_call)
        session.events.register_first("request-created", self._request_created)

    def note(self, service: str, operation: str, region: str, requests: int = 1) -> None:
        """Count requests that were made without the SDK, such as those for objects in a trail's bucket.

        Raises:
            MutationRefusedError: the operation is no read.
        """
        self._check(f"{service}:{operation}", region)
        with self._lock:
            self._requests[(service, operation, region)] += requests
            self._untold[(service, operation, region)] += requests

    def drained(self) -> list[dict[str, Any]]:
        """Return what was requested since this was last asked for, in the form of :meth:`document`."""
        with self._lock:
            told, self._untold = self._untold, Counter()
        return [OwnCalls(*key, requests).document() for key, requests in sorted(told.items())]

    def stop(self) -> None:
        """Let no further request out: retries in flight end with ``StoppedError``."""
        self._stop.set()

    def pause(self, seconds: float) -> None:
        """Wait before a request.

        Raises:
            StoppedError: the run was interrupted.
        """
        if self._stop.wait(seconds):
            raise StoppedError("the run was interrupted")

    @property
    def calls(self) -> tuple[OwnCalls, ...]:
        """What was requested so far, sorted by service, operation and Region."""
        with self._lock:
            return tuple(OwnCalls(*key, requests) for key, requests in sorted(self._requests.items()))

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Addresses that were asked and are none of AWS's own, sorted."""
        with self._lock:
            return tuple(sorted(self._elsewhere))

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        with self._lock:
            return self._requests.total()

    def document(self) -> list[dict[str, Any]]:
        """Return the JSON form, as stored beside the evidence."""
        return [item.document() for item in self.calls]

    def _before_call(self, *, model: Any, context: dict[str, Any], **_: Any) -> None:
        service, region = model.service_model.service_name, context.get("client_region") or ""
        self._check(f"{service}:{model.name}", region)
        context["auditor_call"] = (service, model.name, region)

    def _request_created(self, *, request: Any, **_: Any) -> None:
        """Count a request, or refuse it. Runs for each attempt, before it is signed."""
        if self._stop.is_set():
            raise StoppedError("the run was interrupted")
        key = request.context.get("auditor_call")
        if key is None:
            raise MutationRefusedError("a request was about to be sent that no read operation asked for")
        elsewhere = foreign_address(request.url)
        with self._lock:
            self._requests[key] += 1
            self._untold[key] += 1
            if elsewhere:
                self._elsewhere.add(elsewhere)

"""Keeps to the pace that AWS allows: of each service in each Region its own, found by being refused and trying again.

AWS limits how often an operation may be asked in an account and Region, and says so by refusing. Asking on at the same
rate only spends attempts. So a refusal lowers the rate at once, answers raise it again a little at a time, slower as it
comes near where it was refused before; a ``Retry-After`` is waited for. Before the first refusal nothing is held back.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from time import monotonic
from typing import Any, Final

REFUSALS: Final = frozenset(
    {
        "BandwidthLimitExceeded", "EC2ThrottledException", "LimitExceededException", "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException", "RequestLimitExceeded", "RequestThrottled",
        "RequestThrottledException", "SlowDown", "Throttling", "ThrottledException", "ThrottlingException",
        "TooManyRequestsException", "TransactionInProgressException",
    }
)  # fmt: skip
"""Codes by which services say that they are asked too often (botocore, ``ThrottledRetryableChecker``)."""

_TOO_MANY_REQUESTS: Final = 429

BACK: Final = 0.8
"""What a refusal leaves of the rate."""
GAIN: Final = 0.05
"""What an answer adds to the rate, in requests a second: a twentieth of the rate in each second."""
NEAR: Final = (0.95, 1.05)
"""Between these shares of the rate that was refused last, it is :data:`SLOWLY` of that; beyond, that was no limit."""
SLOWLY: Final = 0.2
LEAST: Final = 0.5
RELEASED: Final = 200.0
"""A rate beyond which nothing is held back any more."""
REACT_SECONDS: Final = 0.5
"""Refusals within so long are one: what was under way when the first came says nothing new."""
LONGEST_SECONDS: Final = 60.0
"""The longest wait that a service may ask for."""


@dataclass(slots=True)
class Pace:
    """The pace of one service in one Region. Keeps no clock: times are seconds that somebody else counts."""

    rate: float | None = None
    """Requests a second; None while nothing is held back."""
    refused_at: float = float("inf")
    """The rate at the last refusal."""
    _next: float = 0.0
    _until: float = 0.0
    _reacted: float = float("-inf")
    _answered: deque[float] = field(default_factory=deque)

    def wait(self, now: float) -> float:
        """Let a request go now, and return 0; or return how many seconds later to ask again.

        Nobody's turn is given away beforehand: a rate that changes would reach those who wait too late.
        """
        due = max(self._until, self._next if self.rate is not None else now)
        if due > now:
            return due - now
        if self.rate is not None:
            self._next = now + 1 / self.rate
        return 0.0

    def answered(self, now: float) -> None:
        """Take note of an answer that is no refusal."""
        self._answered.append(now)
        while self._answered[0] < now - 1:
            self._answered.popleft()
        if self.rate is not None:
            near = NEAR[0] * self.refused_at <= self.rate <= NEAR[1] * self.refused_at
            self.rate += GAIN * (SLOWLY if near else 1)
            if self.rate > RELEASED:
                self.rate = None

    def refused(self, now: float, *, wait: float = 0.0) -> None:
        """Take note of a refusal; ``wait`` is how long the service wants to be left alone, in seconds."""
        self._until = max(self._until, now + min(max(wait, 0.0), LONGEST_SECONDS))
        if now - self._reacted < REACT_SECONDS:
            return
        self._reacted = now
        seen = float(max(1, sum(moment >= now - 1 for moment in self._answered)))
        self.refused_at = self.rate if self.rate is not None else seen
        self.rate = max(LEAST, BACK * self.refused_at)
        self._next = now + 1 / self.rate


class Pacer:
    """The paces of one session; safe to share between threads.

    Args:
        pause: waits so many seconds, or ends the request when the run was interrupted.
        clock: seconds, steadily growing.
    """

    def __init__(self, pause: Callable[[float], None], *, clock: Callable[[], float] = monotonic) -> None:
        self._pause = pause
        self._clock = clock
        self._lock = Lock()
        self._paces: dict[tuple[str, str], Pace] = {}

    def watch(self, session: Any) -> None:
        """Pace every client that is made from a boto3 session from now on."""
        session.events.register("request-created", self._before)
        session.events.register("response-received", self._after)

    def paces(self) -> Mapping[tuple[str, str], Pace]:
        """Return the paces so far, by service and Region."""
        with self._lock:
            return dict(self._paces)

    def _pace(self, context: Mapping[str, Any]) -> Pace | None:
        call = context.get("auditor_call")
        if call is None:
            return None
        service, _, region = call
        return self._paces.setdefault((service, region), Pace())

    def _before(self, *, request: Any, **_: Any) -> None:
        """Wait for the turn of a request. Runs for each attempt, before it is signed."""
        while True:
            with self._lock:
                pace = self._pace(request.context)
                seconds = pace.wait(self._clock()) if pace is not None else 0.0
            if seconds <= 0:
                return
            self._pause(seconds)

    def _after(self, *, response_dict: Any, parsed_response: Any, context: Any, **_: Any) -> None:
        if response_dict is None:
            return  # nothing came back, which says nothing about the rate
        code = str(((parsed_response or {}).get("Error") or {}).get("Code", ""))
        with self._lock:
            pace, now = self._pace(context), self._clock()
            if pace is None:
                return
            if code in REFUSALS or response_dict.get("status_code") == _TOO_MANY_REQUESTS:
                headers = {str(name).lower(): value for name, value in response_dict.get("headers", {}).items()}
                pace.refused(now, wait=_seconds(headers.get("retry-after")))
            else:
                pace.answered(now)


def _seconds(text: Any) -> float:
    """Read ``Retry-After`` (RFC 9110, 10.2.3): seconds or a date; what is neither asks for nothing."""
    if text is None:
        return 0.0
    if str(text).strip().isdecimal():
        return float(min(int(str(text)), LONGEST_SECONDS))
    try:
        return (parsedate_to_datetime(str(text)).astimezone(UTC) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return 0.0

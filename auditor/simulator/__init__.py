"""A simulated AWS on loopback for the demo, the tests and the benchmarks. Never imported by the product's own rooms.

::

    with Simulator("demo") as aws:
        subprocess.run([...], env={**os.environ, **aws.environment()})
        aws.deny("iam:GetCredentialReport")
        aws.calls()  # {"cloudtrail:DescribeTrails": 18, ...}

The account lives in a child process; this module only starts it, talks to its control path, and imports nothing heavy.
``docs/simulator.md`` tells the worlds' stories and names known deviations from AWS.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import IO, Any, Final, Self

from auditor.base.errors import AuditorError, UsageError
from auditor.base.suggest import all_of
from auditor.simulator import nursery

WORLDS: Final = ("demo", "clean", "empty", "hostile", "organization", "year", "large")
"""The accounts that can be simulated."""

START_SECONDS: Final = 60.0
"""How long a world may take to come up on a busy machine; it needs a few seconds on an idle one."""
GROW_SECONDS: Final = 600.0
"""The same for an account of any size."""

ACCESS_KEY: Final = "AKIAIOSFODNN7EXAMPLE"
SECRET_KEY: Final = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # noqa: S105 - AWS's own documentation example
"""The example credentials of AWS's documentation: valid nowhere."""


class Simulator:
    """Starts one simulated account in a child process and stops it again. A context manager.

    Args:
        world: one of :data:`WORLDS`.
        port: the loopback port; 0 takes a free one.
        enabled: the Regions that the account has enabled, ``us-east-1`` always among them; none for all.
        accounts: further light accounts of the world ``organization``.
        sizes: how much there is of what in the world ``large``, such as ``{"users": 300}``.
    """

    def __init__(
        self,
        world: str = "demo",
        *,
        port: int = 0,
        enabled: Sequence[str] = (),
        accounts: int = 0,
        sizes: Mapping[str, int] | None = None,
    ) -> None:
        self.world = world
        self._enabled = ",".join(enabled)
        self._port = port
        self._accounts = accounts
        self._sizes = ",".join(f"{name}={number}" for name, number in (sizes or {}).items())
        self._child: subprocess.Popen[str] | None = None
        self._born: socket.socket | None = None
        self._about: dict[str, Any] = {}
        self._complaints: IO[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the child and wait until it answers.

        Raises:
            UsageError: the world is unknown.
            AuditorError: the child did not come up.
        """
        if self.world not in WORLDS:
            raise UsageError(f"unknown simulated world {self.world!r}", hint=all_of(self.world, WORLDS))
        told = ["--world", self.world]
        if self._accounts:
            told += ["--accounts", str(self._accounts)]
        if self._sizes:
            told += ["--sizes", self._sizes]
        if self._enabled:
            told += ["--enabled", self._enabled]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
        if not self._port and not self._sizes and (born := nursery.born(told, clean)):
            self._born, line = born
            self._about = json.loads(line)
        else:
            self._start_alone(told, clean)

    def _start_alone(self, told: Sequence[str], clean: Mapping[str, str]) -> None:
        command = [sys.executable, "-m", "auditor.simulator", *told, "--port", str(self._port)]
        self._complaints = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115 - read when the start fails, closed by stop
        self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [*command, "--parent", str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
            env=clean,
        )
        try:
            self._about = json.loads(self._first_line(self._child, GROW_SECONDS if self._sizes else START_SECONDS))
        except ValueError as error:
            self._child.kill()
            self._child.communicate()
            self._child = None
            self._complaints.seek(0)
            said = self._complaints.read().strip().splitlines()
            self._complaints.close()
            why = said[-1] if said else "it said nothing"
            hint = "the simulator needs the demo extra: pip install 'auditor[demo]'" if "moto" in why else ""
            raise AuditorError(f"the simulated AWS did not start: {why}", hint=hint) from error

    @staticmethod
    def _first_line(child: subprocess.Popen[str], seconds: float) -> str:
        if child.stdout is None:
            return ""
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            return child.stdout.readline() if selector.select(seconds) else ""

    def stop(self) -> None:
        """End the child; harmless when it has ended already."""
        born, self._born = self._born, None
        if born is not None:
            nursery.ended(born, seconds=5)
        child, self._child = self._child, None
        if child is None:
            return
        child.terminate()
        try:
            child.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
        if self._complaints is not None:
            self._complaints.close()

    @property
    def endpoint(self) -> str:
        """The base URL, for ``AWS_ENDPOINT_URL``."""
        return str(self._about["endpoint"])

    @property
    def account(self) -> str:
        """The account id."""
        return str(self._about["account"])

    @property
    def about(self) -> Mapping[str, Any]:
        """What the child said when it was ready: endpoint, account, world, region, regions, as_of, period, trail."""
        return self._about

    @property
    def moment(self) -> tuple[str, ...]:
        """The options of an audit at the account's own moment; at any other, its credential report is too old."""
        return ("--as-of", str(self._about["as_of"]), "--period", str(self._about["period"]))

    def environment(self) -> dict[str, str]:
        """Return the variables with which an AWS client finds this account and nothing else."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": str(self._about["region"]),
            "AWS_REGION": str(self._about["region"]),
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def fault(
        self,
        operation: str,
        kind: str,
        *,
        times: int | None = None,
        region: str = "*",
        key: str = "",
        seconds: float = 0.0,
    ) -> None:
        """Make calls fail.

        Args:
            operation: ``service:Operation``, with ``*`` as a wildcard.
            kind: one of :data:`auditor.simulator.faults.KINDS`.
            times: how many calls are struck; None for all.
            region: only calls signed for this Region.
            key: only requests with this text in path or query, for single S3 objects.
            seconds: how slow, for ``slow`` and ``time-out``.

        Raises:
            ValueError: the kind is not known.
        """
        order = {"operation": operation, "kind": kind, "times": times, "region": region, "key": key, "seconds": seconds}
        self._control("POST", "fault", order)

    def deny(self, operation: str, *, region: str = "*") -> None:
        """Refuse an operation with the service's own access-denied error."""
        self.fault(operation, "access-denied", region=region)

    def allow_only(self, actions: Sequence[str]) -> None:
        """Refuse every call whose IAM action is not in ``actions`` (wildcards allowed)."""
        self._control("POST", "allow", {"actions": list(actions)})

    def latency(self, milliseconds: float) -> None:
        """Delay every answer."""
        self._control("POST", "latency", {"ms": milliseconds})

    def move_to(self, moment: datetime) -> None:
        """Let the account be at another moment, aware: what is changed from then on happened then."""
        self._control("POST", "clock", {"now": moment.isoformat()})

    def calls(self) -> dict[str, int]:
        """Return how often each operation was called since the start or the last :meth:`clear`."""
        return {str(name): int(count) for name, count in self._control("GET", "calls").items()}

    def archive(self, bucket: str) -> None:
        """Give another account a bucket with versions and Object Lock, where there is none of the name."""
        self._control("POST", "archive", {"bucket": bucket})

    def clear(self) -> None:
        """Forget faults, latency, permissions and counts."""
        self._control("POST", "clear")

    def _control(self, method: str, order: str, message: Mapping[str, Any] | None = None) -> dict[str, Any]:
        host, _, port = self.endpoint.removeprefix("http://").partition(":")
        body = json.dumps(message).encode() if message is not None else b""
        with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=30)) as connection:
            connection.request(method, f"/_simulator/{order}", body, {"Content-Length": str(len(body))})
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
        if response.status >= 300:  # noqa: PLR2004 - HTTP success
            raise ValueError(str(answer.get("error", "the simulator refused the order")))
        return answer


def wait_until_gone(simulator_pid: int, seconds: float = 5.0) -> bool:
    """Tell whether a process ends within the given time. For tests of the child's end."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(simulator_pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False

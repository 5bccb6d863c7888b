"""Many machines: tasks on a Dask scheduler that somebody else has started. Needs the extra ``cluster``.

The scheduler keeps nothing that matters: what came of a task is handed back as bytes, checked against its SHA-256 and
kept in the driver's ledger. A task may be carried out more than once: one whose worker died after it had finished is.
Whoever reaches a scheduler runs code on its workers, so beyond this machine only ``tls://`` is taken, with certificates
on both sides.
"""

import asyncio
import concurrent.futures
import io
import logging
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from typing import Any, Final, Self
from urllib.parse import urlsplit

from auditor.base.counts import counted
from auditor.base.errors import CollectionError, UsageError
from auditor.base.scratch import scratch_folder
from auditor.work.ledger import tree_sha256
from auditor.work.perform import attempt, failure_of, function_of
from auditor.work.task import (
    NO_WORKERS,
    SCHEDULER_LOST,
    TIMED_OUT,
    WORKER_LOST,
    Done,
    Failure,
    Json,
    Keeper,
    Task,
)

CERTIFICATES: Final = ("ca.pem", "client.pem", "client-key.pem")
"""Files of a folder with certificates, as ``deploy/cluster/certificates.sh`` makes them."""

_LOOK_SECONDS: Final = 0.5
_CONNECT_SECONDS: Final = 15
_ANSWER_SECONDS: Final = 60
"""For the bytes of one answer, which its worker holds."""
_NOTICE_SECONDS: Final = 10
_TASKS_PER_THREAD: Final = 2
_LEAST_UNDER_WAY: Final = 8
_GIVEN_UP: Final = (asyncio.CancelledError, concurrent.futures.CancelledError)
"""What Dask raises of a future that was given up: one or the other, by where it is noticed."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which scheduler, and how it is reached.

    Args:
        address: ``tls://host:port``, or ``tcp://`` on this machine.
        certificates: folder with :data:`CERTIFICATES`; None leaves them to Dask's own configuration.
        plain: whether ``tcp://`` beyond this machine is wanted all the same.
    """

    address: str
    certificates: Path | None = None
    plain: bool = False

    def check(self) -> None:
        """Refuse what would let strangers run code, before anything is sent.

        Raises:
            UsageError: the address has another form, or is not encrypted; certificates are missing.
        """
        parts = urlsplit(self.address)
        if parts.scheme not in {"tls", "tcp"} or not parts.hostname or not parts.port:
            raise UsageError(
                f"--scheduler: {self.address!r} is no address of a scheduler", hint="such as tls://10.0.0.5:8786"
            )
        if parts.scheme == "tcp" and not (self.plain or _on_this_machine(parts.hostname)):
            raise UsageError(
                f"--scheduler: {self.address} is not encrypted; whoever reaches a scheduler runs code on its workers",
                hint="use tls:// with certificates of your own, or --plain-scheduler where the network is yours alone",
            )
        if parts.scheme == "tls" and self.certificates is not None:
            missing = [name for name in CERTIFICATES if not (self.certificates / name).is_file()]
            if missing:
                raise UsageError(
                    f"--certificates: {self.certificates} has no {missing[0]}",
                    hint="deploy/cluster/certificates.sh makes them",
                )


def _on_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long things may take, and how often they may go wrong.

    Args:
        no_workers_seconds: without any worker, at the start and later.
        task_seconds: without any task that finishes.
        deaths: how many workers a task may lose (each already tried again by Dask as ``allowed-failures`` says).
    """

    no_workers_seconds: float = 600
    task_seconds: float = 6 * 3600
    deaths: int = 2


@dataclass(slots=True)
class _Flying:
    task: Task
    future: Any
    tries: int = 1


@dataclass(slots=True)
class _State:
    flying: dict[str, _Flying] = field(default_factory=dict)
    lost: Failure | None = None
    heard: float = field(default_factory=monotonic)
    silent: bool = False
    """Whether nothing has ended since tasks were given up."""
    manned: float = field(default_factory=monotonic)


class Cluster:
    """An engine of many machines. A context manager: the connection ends with it, scheduler and workers stay.

    Args:
        place: the scheduler.
        agreed: ``module:name`` of a function without arguments, and what it must return on every worker: version and
            rules of the program that runs there.
        bounds: of every wait.

    Raises:
        UsageError: the place is refused; see ``Place.check``.
    """

    def __init__(self, place: Place, *, agreed: tuple[str, Json] | None = None, bounds: Bounds | None = None) -> None:
        place.check()
        self._place = place
        self._agreed = agreed
        self._bounds = bounds or Bounds()
        self._client: Any = None
        self._woken = Event()

    def __enter__(self) -> Self:
        """Connect, wait for a worker, and compare versions and rules.

        Raises:
            CollectionError: the scheduler cannot be reached, there is no worker, or something else runs there.
        """
        try:
            from distributed import Client, Security
        except ImportError as error:
            raise UsageError("--scheduler needs the extra: pip install 'auditor[cluster]'") from error
        for name in ("distributed", "distributed.client", "distributed.core", "distributed.comm"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters is told by name, once
        connect: Any = Client
        try:
            self._client = connect(
                self._place.address,
                security=_security(Security, self._place),
                timeout=_CONNECT_SECONDS,
                set_as_default=False,
            )
        except (OSError, TimeoutError, ValueError) as error:
            raise CollectionError(
                f"the scheduler {self._place.address} cannot be reached: {failure_of(error).message}",
                hint="is it started, is its address right, and do the certificates come from one authority?",
            ) from error
        with ExitStack() as unless_it_will_do:
            unless_it_will_do.callback(self.close)
            self._check()
            unless_it_will_do.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection; harmless when it is closed already."""
        client, self._client = self._client, None
        if client is not None:
            client.close(timeout=5)

    def _check(self) -> None:
        try:
            self._client.wait_for_workers(1, timeout=self._bounds.no_workers_seconds)
        except TimeoutError as error:
            words = (
                f"no worker came to {self._place.address} within {counted(self._bounds.no_workers_seconds, 'second')}"
            )
            raise CollectionError(words, hint="start one: dask worker SCHEDULER --tls-ca-file ...") from error
        if self._agreed is None:
            return
        for worker in self._workers():
            future = self._client.submit(_compared, *self._agreed, key=f"greet/{worker}", workers=[worker], pure=False)
            try:
                raised = future.exception(timeout=self._bounds.no_workers_seconds)
                difference = future.result() if raised is None else failure_of(raised).message
            except _GIVEN_UP as error:
                gone = self._gone()
                raise CollectionError(gone.message, hint=gone.hint) from error
            if difference:
                raise CollectionError(
                    f"the worker {worker} does not run what runs here: {difference}",
                    hint="give scheduler, workers and this machine the same version of auditor",
                )

    def _workers(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._client.scheduler_info(n_workers=-1).get("workers", {})
        return found

    def run(self, tasks: Iterable[Task], keeper: Keeper) -> Iterator[Done]:
        """See ``auditor.work.task.Engine``. A lost scheduler fails what is left, each task by name."""
        waiting, more, state = iter(tasks), True, _State()
        try:
            while more or state.flying:
                while more and (state.lost is not None or len(state.flying) < self._room()):
                    task = next(waiting, None)
                    if task is None:
                        more = False
                    elif (known := keeper.find(task)) is not None:
                        yield known
                    elif state.lost is not None:
                        yield Done(task.key, failure=state.lost)
                    else:
                        state.flying[task.key] = _Flying(task, self._submit(task, 1))
                self._woken.wait(_LOOK_SECONDS)
                self._woken.clear()
                yield from self._landed(state, keeper)
                yield from self._overdue(state)
        finally:
            self._drop(state)

    def _room(self) -> int:
        threads = sum(int(item.get("nthreads", 1)) for item in self._workers().values())
        return max(_LEAST_UNDER_WAY, _TASKS_PER_THREAD * threads)

    def _submit(self, task: Task, tries: int) -> Any:
        key = task.key if tries == 1 else f"{task.key}#{tries}"
        future = self._client.submit(
            _packed, task.function, dict(task.arguments), self._agreed, key=key, pure=False, retries=0
        )
        future.add_done_callback(lambda _: self._woken.set())
        return future

    def _landed(self, state: _State, keeper: Keeper) -> Iterator[Done]:
        for key, item in list(state.flying.items()):
            if item.future.status in {"pending", "lost"}:  # lost with its worker: the scheduler has it done again
                continue
            state.heard, state.silent = monotonic(), False
            del state.flying[key]
            if item.future.status == "finished":
                done = self._kept(item, keeper, state)
            else:
                failure = self._failure(item, state)
                done = None if failure is None else Done(key, failure=failure)
            if done is None:
                state.flying[key] = _Flying(item.task, self._submit(item.task, item.tries + 1), item.tries + 1)
            else:
                yield done
            item.future.release()

    def _kept(self, item: _Flying, keeper: Keeper, state: _State) -> Done | None:
        """Take the bytes that a worker made, and keep them when they have their hash.

        None when the worker went with the answer on its way, and the task is tried once more.
        """
        key = item.task.key
        try:
            kind, data, digest, failure = item.future.result(
                timeout=min(_ANSWER_SECONDS, self._bounds.no_workers_seconds)
            )
        except (OSError, TimeoutError, RuntimeError, *_GIVEN_UP) as error:
            if _scheduler_lost(error) or self._stops():
                state.lost = self._gone()
            elif item.tries < self._bounds.deaths:
                return None
            return Done(key, failure=state.lost or Failure(WORKER_LOST, failure_of(error).message))
        if failure is not None:
            return Done(key, failure=Failure(*failure))
        made = keeper.scratch(item.task)
        if kind == "folder":
            made.mkdir()
            with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                archive.extractall(made, filter="data")
        else:
            made.write_bytes(data)
        if tree_sha256(made) != digest:
            return Done(
                key, failure=Failure("IntegrityError", "what arrived does not have the SHA-256 of what was sent")
            )
        return keeper.keep(item.task, made)

    def _failure(self, item: _Flying, state: _State) -> Failure | None:
        """Say why a task has no answer; None when it is tried once more."""
        if item.future.status == "cancelled":
            state.lost = self._gone()
            return state.lost
        try:
            error = item.future.exception(timeout=_CONNECT_SECONDS)
        except (TimeoutError, *_GIVEN_UP):  # the scheduler went with the answer
            state.lost = self._gone()
            return state.lost
        if type(error).__name__ != "KilledWorker":
            return failure_of(error)
        if item.tries < self._bounds.deaths:
            return None
        return Failure(WORKER_LOST, f"each worker that took it died of it: {failure_of(error).message}", "see its log")

    def _stops(self) -> bool:
        """Wait a little for the client to notice that its scheduler went: answers on the way notice it first."""
        end = monotonic() + _NOTICE_SECONDS
        while self._client.status == "running" and monotonic() < end:
            sleep(_LOOK_SECONDS / 5)
        return bool(self._client.status != "running")

    def _gone(self) -> Failure:
        return Failure(SCHEDULER_LOST, f"the scheduler {self._place.address} is gone", "start it again")

    def _overdue(self, state: _State) -> Iterator[Done]:
        """Give up what nobody works on any more."""
        now = monotonic()
        if self._client.status != "running" and state.flying:
            state.lost = self._gone()
        elif self._workers() or not state.flying:
            state.manned = now
        elif now - state.manned > self._bounds.no_workers_seconds:
            words = f"no worker was there for {counted(self._bounds.no_workers_seconds, 'second')}"
            state.lost = Failure(NO_WORKERS, words, "start workers again")
        failure = state.lost
        if failure is None and now - state.heard > self._bounds.task_seconds:
            failure = Failure(TIMED_OUT, f"no task came to an end for {counted(self._bounds.task_seconds, 'second')}")
            state.lost = failure if state.silent else None  # nor did those that came after: nobody works there
            state.heard, state.silent = now, True
        if failure is not None:
            gone = sorted(state.flying)
            self._drop(state)
            yield from (Done(key, failure=failure) for key in gone)

    def _drop(self, state: _State) -> None:
        futures = [item.future for item in state.flying.values()]
        state.flying.clear()
        if futures and self._client is not None and self._client.status == "running":
            self._client.cancel(futures, force=True)


def _scheduler_lost(error: BaseException) -> bool:
    """Tell whether a future was given up because its scheduler went; the client's own state may tell it later."""
    return getattr(error, "reason", "") == "scheduler-connection-lost"


def _security(kind: Any, place: Place) -> Any:
    if place.address.startswith("tcp://"):
        return None
    if place.certificates is None:
        return kind(require_encryption=True)
    ca, certificate, key = (str(place.certificates / name) for name in CERTIFICATES)
    return kind(tls_ca_file=ca, tls_client_cert=certificate, tls_client_key=key, require_encryption=True)


def _compared(function: str, expected: Json) -> str:
    """Say on a worker what is not as agreed; empty when all is."""
    found = dict(function_of(function)())
    return "; ".join(
        f"{name} is {found.get(name)!r} there and {expected[name]!r} here"
        for name in sorted(expected)
        if found.get(name) != expected[name]
    )


def _packed(function: str, arguments: Json, agreed: tuple[str, Json] | None) -> tuple[str, bytes, str, Any]:
    """Carry a task out on a worker; return kind, bytes and SHA-256 of what it made, or the parts of a failure."""
    if agreed is not None and (difference := _compared(*agreed)):
        return "", b"", "", ("VersionsDiffer", difference, "")
    from distributed import get_worker

    with scratch_folder("task", Path(get_worker().local_directory)) as folder:  # Dask clears up there, too
        target = folder / "made"
        failure = attempt(function, arguments, target)
        if failure is not None:
            return "", b"", "", (failure.name, failure.message, failure.hint)
        if not target.is_dir():
            return "file", target.read_bytes(), tree_sha256(target), None
        held = io.BytesIO()
        with tarfile.open(fileobj=held, mode="w") as archive:
            archive.add(target, arcname=".")
        return "folder", held.getvalue(), tree_sha256(target), None

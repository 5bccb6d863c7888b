"""Reads many small objects over a few connections of one thread, which wait together. Judges nothing.

A general client hands every answer from thread to thread; with tens of thousands of files of some kilobytes, that is
half of all processor time. A lane gives only what came whole and plainly: status 200, one length, that of the listing,
and exactly so many bytes. All else, it leaves over: refusals, redirections, throttling, breaks and retries are matters
of the general client, which is asked for every object that a lane does not give.
"""

import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from itertools import count, cycle
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from threading import Lock
from typing import Final, Protocol, runtime_checkable

from auditor.trail.fetch.wire import Place, Signer, is_plain, promise_of

OBJECT_MOST: Final = 1 << 20
"""Stored bytes of an object that is read here; larger ones gain nothing."""
SILENCE_SECONDS: Final = 10.0
"""Without a byte on any connection for so long, the lane gives up."""
LONGEST_SECONDS: Final = 120.0
"""For all objects of one call."""
_HEAD_MOST: Final = 4096
_FAILED_LEAST: Final = 8
_FAILED_SHARE: Final = 8
"""One in so many objects, and no less than a few, may be left over; with more, the lane gives up."""

Wish = tuple[str, int]
"""Key and stored size of an object."""
Got = tuple[int, memoryview, float]
"""Number of the wish, the object's bytes, and the seconds that it took from request to last byte."""


@dataclass(frozen=True, slots=True)
class Way:
    """How the objects of a bucket are reached.

    Args:
        place: where they are asked for.
        signer: returns a writer of requests, for one thread.
        tls: settings of TLS; None where it is not spoken.
        sent: counts requests.
    """

    place: Place
    signer: Callable[[], Signer]
    tls: ssl.SSLContext | None
    sent: "count[int]"


class _State(Enum):
    CONNECTING = 1
    SHAKING = 2
    ASKED = 3
    IDLE = 4


class _Broken(Exception):  # noqa: N818 - never leaves this module
    """A connection is of no use any more."""


_TROUBLE: Final = (_Broken, OSError, ValueError)
"""What a connection can raise; a name that TLS does not take is a ValueError."""


class _Line:
    """One connection."""

    __slots__ = ("at", "begin", "buffer", "end", "events", "lasts", "number", "served", "since", "socket", "state")

    def __init__(self, plain: socket.socket, number: int) -> None:
        self.socket = plain
        self.state, self.number = _State.CONNECTING, number
        self.buffer = bytearray()
        self.at = self.begin = self.end = self.served = 0
        self.since = 0.0
        self.lasts = True
        self.events = EVENT_WRITE


class Lane:
    """Some connections to one place, for one thread at a time.

    Args:
        way: to the bucket.

    Raises:
        OSError: the place has no address.
    """

    def __init__(self, way: Way) -> None:
        self._way, self._signer = way, way.signer()
        found = socket.getaddrinfo(way.place.host, way.place.port, type=socket.SOCK_STREAM)
        self._addresses = cycle([(family, address) for family, *_, address in found])
        self._selector = DefaultSelector()
        self._lines: set[_Line] = set()
        self._idle: list[_Line] = []
        self._wishes: Sequence[Wish] = ()
        self._waiting: deque[int] = deque()
        self._failed = 0
        self.fit = True

    def close(self) -> None:
        """Close all connections."""
        for line in list(self._lines):
            self._drop(line)
        self._selector.close()

    def read(self, wishes: Sequence[Wish], most: Callable[[], int]) -> Iterator[Got]:
        """Yield the objects that came whole, in whatever order; the others were left over.

        Args:
            wishes: what is asked for.
            most: returns how many requests may be under way.
        """
        self._wishes, self._failed = wishes, 0
        self._waiting = deque(n for n, (key, size) in enumerate(wishes) if size <= OBJECT_MOST and is_plain(key))
        until = time.monotonic() + LONGEST_SECONDS
        try:
            self._ask_more(most())
            while len(self._lines) > len(self._idle) and self.fit:
                ready = self._selector.select(SILENCE_SECONDS)
                if not ready or time.monotonic() > until:
                    self.fit = False
                    return
                for key, _ in ready:
                    line: _Line = key.data
                    if line not in self._lines:
                        continue
                    try:
                        got = self._go_on(line)
                    except _TROUBLE:
                        self._fail(line)
                        continue
                    if got is not None:
                        self._ask_again(line)
                        yield got
                self._ask_more(most())
        finally:
            for line in [line for line in self._lines if line.state is not _State.IDLE]:
                self._drop(line)

    def _fail(self, line: _Line) -> None:
        """Close a connection. An idle one may be closed by the other side, also while it is being asked again."""
        if line.state is _State.ASKED and line.served and not line.at:
            self._waiting.append(line.number)
        elif line.state is not _State.IDLE:
            self._failed += 1
            if self._failed > max(_FAILED_LEAST, len(self._wishes) // _FAILED_SHARE):
                self.fit = False
        self._drop(line)

    def _drop(self, line: _Line) -> None:
        self._lines.discard(line)
        if line.state is _State.IDLE:
            self._idle.remove(line)
        with suppress(KeyError, ValueError):
            self._selector.unregister(line.socket)
        with suppress(OSError):
            line.socket.close()

    # -- asking

    def _ask_more(self, most: int) -> None:
        """Put wishes on connections that are idle or new, while there are any and no more than so many."""
        while self._waiting and self.fit and len(self._lines) - len(self._idle) < max(1, most):
            if self._idle:
                line = self._idle.pop()
                line.state, line.number = _State.ASKED, self._waiting.popleft()
                try:
                    self._ask(line)
                except _TROUBLE:
                    self._fail(line)
            else:
                self._connect(self._waiting.popleft())

    def _ask_again(self, line: _Line) -> None:
        """Use a connection that has given its object for the next one, before that object is worked at."""
        line.served += 1
        line.state = _State.IDLE
        self._idle.append(line)
        if not line.lasts:
            self._drop(line)
        elif self._waiting:
            self._idle.pop()
            line.state, line.number = _State.ASKED, self._waiting.popleft()
            try:
                self._ask(line)
            except _TROUBLE:
                self._fail(line)

    def _ask(self, line: _Line) -> None:
        key, size = self._wishes[line.number]
        line.buffer, line.at, line.begin, line.end = bytearray(size + _HEAD_MOST), 0, 0, 0
        line.since = time.perf_counter()
        next(self._way.sent)
        request = self._signer.request(key, time.time())
        if line.socket.send(request) != len(request):
            raise _Broken

    def _connect(self, number: int) -> None:
        family, address = next(self._addresses)
        try:
            plain = socket.socket(family, socket.SOCK_STREAM)
        except OSError:  # this process may open no more
            self.fit = False
            return
        plain.setblocking(False)
        line = _Line(plain, number)
        self._lines.add(line)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.connect_ex(address)
            self._selector.register(plain, EVENT_WRITE, line)
        except OSError:
            self._fail(line)

    def _listen(self, line: _Line, events: int) -> None:
        if line.events != events:
            line.events = events
            self._selector.modify(line.socket, events, line)

    # -- going on

    def _go_on(self, line: _Line) -> Got | None:
        """Take a step on a connection where something happened; return the object that it completed.

        Raises:
            _Broken: the connection gives nothing that can be used.
            OSError: it is broken.
        """
        if line.state is _State.ASKED:
            return self._receive(line)
        if line.state is _State.IDLE:
            try:
                line.socket.recv(1)
            except (BlockingIOError, ssl.SSLWantReadError):
                return None
            raise _Broken  # closed, or speaking without being asked
        if line.state is _State.CONNECTING:
            if line.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise _Broken
            if self._way.tls is not None:
                self._selector.unregister(line.socket)
                line.socket = self._way.tls.wrap_socket(
                    line.socket, server_hostname=self._way.place.host, do_handshake_on_connect=False
                )
                self._selector.register(line.socket, line.events, line)
            line.state = _State.SHAKING
        if isinstance(line.socket, ssl.SSLSocket):
            try:
                line.socket.do_handshake()
            except ssl.SSLWantReadError:
                self._listen(line, EVENT_READ)
                return None
            except ssl.SSLWantWriteError:
                self._listen(line, EVENT_WRITE)
                return None
        self._listen(line, EVENT_READ)
        line.state = _State.ASKED
        self._ask(line)
        return None

    def _receive(self, line: _Line) -> Got | None:
        secure = self._way.tls is not None
        while True:
            try:
                came = line.socket.recv_into(memoryview(line.buffer)[line.at :])
            except (BlockingIOError, ssl.SSLWantReadError):
                return None
            line.at += came
            if not came:
                raise _Broken
            if not line.end:
                self._read_head(line)
            if line.end and line.at >= line.end:
                break
            if not secure:  # TLS may hold more than the system says; plain connections tell when there is more
                return None
        if line.at > line.end:
            raise _Broken
        return line.number, memoryview(line.buffer)[line.begin : line.end], time.perf_counter() - line.since

    def _read_head(self, line: _Line) -> None:
        end = line.buffer.find(b"\r\n\r\n", 0, line.at)
        if end < 0:
            if line.at > _HEAD_MOST:
                raise _Broken
            return
        promise = promise_of(bytes(line.buffer[: end + 2]))
        if promise is None or promise.length != self._wishes[line.number][1]:
            raise _Broken
        line.begin, line.lasts = end + 4, promise.lasts
        line.end = line.begin + promise.length


class Lanes:
    """The lanes of one pass over log files: as many as threads want one at the same time.

    Args:
        way: returns how a bucket is reached; None where the general client has to.
    """

    def __init__(self, way: Callable[[str], Way | None]) -> None:
        self._way = way
        self._ways: dict[str, Way | None] = {}
        self._free: dict[str, list[Lane]] = {}
        self._lock = Lock()

    def read(self, bucket: str, wishes: Sequence[Wish], most: Callable[[], int]) -> Iterator[Got]:
        """Yield the objects of a bucket that came whole; the others are to be asked for again, another way.

        Args:
            bucket: its name.
            wishes: key and listed size of each.
            most: returns how many requests one lane may have under way.
        """
        lane = self._take(bucket)
        if lane is None:
            return
        try:
            yield from lane.read(wishes, most)
        finally:
            self._give(bucket, lane)

    def _take(self, bucket: str) -> Lane | None:
        with self._lock:
            if bucket not in self._ways:
                self._ways[bucket] = self._way(bucket)
            way = self._ways[bucket]
            if way is None:
                return None
            if free := self._free.get(bucket):
                return free.pop()
        try:
            return Lane(way)
        except (OSError, UnicodeError):
            self._give_up(bucket)
            return None

    def _give(self, bucket: str, lane: Lane) -> None:
        if lane.fit:
            with self._lock:
                self._free.setdefault(bucket, []).append(lane)
        else:
            lane.close()
            self._give_up(bucket)

    def _give_up(self, bucket: str) -> None:
        with self._lock:
            self._ways[bucket] = None

    def renamed(self, name: Callable[[str], str]) -> "Lanes":
        """Return lanes that know buckets by other names; ``name`` tells the one under which a bucket is there."""
        return Lanes(lambda bucket: self._way(name(bucket)))

    def close(self) -> None:
        """Close all connections."""
        for lanes in self._free.values():
            for lane in lanes:
                lane.close()
        self._free.clear()


@runtime_checkable
class Quick(Protocol):
    """A source with a quicker way to many small objects, beside the one that tells why an object cannot be had."""

    def lanes(self) -> Lanes | None:
        """Return that way, to be closed after use; None where there is none."""
        ...

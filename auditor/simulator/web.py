"""A small HTTP/1.1 server for loopback: one thread, any number of keep-alive connections, answers that can misbehave.

Made for the simulator alone. It can do what a decent server must not: hold an answer back, cut it short, or reset the
connection. It speaks just enough HTTP for AWS SDKs, obstore and the standard library.
"""

import asyncio
import http.client
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from email.utils import formatdate
from enum import Enum
from typing import Any, Final, cast
from urllib.parse import unquote

MAX_HEAD: Final = 1 << 16
MAX_BODY: Final = 64 << 20
"""Far above anything an SDK sends here; protects the demo machine from a runaway client."""


class Damage(Enum):
    """What the transport does to an answer."""

    NONE = "none"
    RESET = "reset"
    CUT = "cut"
    """Announces the whole length, sends half, closes."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. Header names are lower case; ``path`` is still percent-encoded, without the query."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def plain_path(self) -> str:
        """The path with its percent-encoding undone."""
        return unquote(self.path)


@dataclass(slots=True)
class Answer:
    """One HTTP answer. ``delay`` is in seconds; ``length`` overrides Content-Length, for HEAD."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    damage: Damage = Damage.NONE
    length: int | None = None


class NotYet(Exception):  # noqa: N818 - a state, not an error
    """An application cannot answer before some work elsewhere is done; the server asks again then."""

    def __init__(self, futures: "Sequence[Future[Any]]") -> None:
        super().__init__(f"waiting for {len(futures)} pieces of work")
        self.futures = futures


Application = Callable[[Request], Answer]
"""Answers a request at once, or raises :class:`NotYet`."""


def _status_line(status: int) -> bytes:
    return f"HTTP/1.1 {status} {http.client.responses.get(status, 'Unknown')}\r\n".encode("ascii")


class Connection(asyncio.Protocol):
    """One client connection: requests in, answers out, in order."""

    def __init__(self, application: Application, date: str) -> None:
        self._application = application
        self._date = date
        self._buffer = bytearray()
        self._busy = False
        self._continued = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go (asyncio's hook)."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the signature is asyncio's
        """Forget it (asyncio's hook)."""
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client (asyncio's hook)."""
        self._buffer += data
        self._advance()

    def _advance(self) -> None:
        while not self._busy and self._transport is not None:
            request = self._next_request()
            if request is None:
                return
            self._busy = True
            self._dispatch(request)

    def _dispatch(self, request: Request) -> None:
        loop = asyncio.get_running_loop()
        try:
            answer = self._application(request)
        except NotYet as state:
            first = state.futures[0]
            first.add_done_callback(lambda _: loop.call_soon_threadsafe(self._resume, request))
            return
        if answer.delay > 0:
            loop.call_later(answer.delay, self._finish, request, answer)
            return
        self._send(request, answer)
        self._busy = False

    def _resume(self, request: Request) -> None:
        if self._transport is not None:
            self._dispatch(request)
            self._advance()

    def _finish(self, request: Request, answer: Answer) -> None:
        if self._transport is None:
            return
        self._send(request, answer)
        self._busy = False
        self._advance()

    def _next_request(self) -> Request | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD:
                self._refuse(431)
            return None
        first, *lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        parts = first.split(" ")
        if len(parts) != 3:  # noqa: PLR2004 - method, target, version
            self._refuse(400)
            return None
        body = self._body(end + 4, headers)
        if body is None:
            return None
        method, target, _ = parts
        path, _, query = target.partition("?")
        return Request(method, path, query, headers, body)

    def _body(self, start: int, headers: Mapping[str, str]) -> bytes | None:
        if headers.get("expect", "").lower() == "100-continue" and not self._continued and self._transport:
            self._continued = True
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._chunked_body(start)
        announced = headers.get("content-length", "0")
        length = int(announced) if announced.isdigit() else -1
        if not 0 <= length <= MAX_BODY:
            self._refuse(413)
            return None
        if len(self._buffer) < start + length:
            return None
        body = bytes(self._buffer[start : start + length])
        self._consume(start + length)
        return body

    def _chunked_body(self, start: int) -> bytes | None:
        body, at = bytearray(), start
        while True:
            line_end = self._buffer.find(b"\r\n", at)
            if line_end < 0:
                return None
            size = int(bytes(self._buffer[at:line_end]).split(b";")[0], 16)
            at = line_end + 2
            if len(self._buffer) < at + size + 2:
                return None
            if size == 0:
                self._consume(at + 2)
                return bytes(body)
            body += self._buffer[at : at + size]
            at += size + 2

    def _consume(self, size: int) -> None:
        del self._buffer[:size]
        self._continued = False

    def _refuse(self, status: int) -> None:
        if self._transport is not None:
            self._transport.write(_status_line(status) + b"Content-Length: 0\r\nConnection: close\r\n\r\n")
            self._transport.close()
        self._buffer.clear()

    def _send(self, request: Request, answer: Answer) -> None:
        transport = self._transport
        if transport is None:
            return
        if answer.damage is Damage.RESET:
            transport.abort()
            return
        length = len(answer.body) if answer.length is None else answer.length
        lines = [_status_line(answer.status), f"Date: {self._date}\r\nServer: AmazonS3\r\n".encode("ascii")]
        for name, value in answer.headers.items():
            if name.lower() not in {"content-length", "date", "server", "connection"}:
                lines.append(f"{name}: {value}\r\n".encode("utf-8", "replace"))
        if answer.status not in {204, 304}:
            lines.append(f"Content-Length: {length}\r\n".encode("ascii"))
        closing = request.headers.get("connection", "").lower() == "close"
        lines.append(b"Connection: close\r\n\r\n" if closing else b"\r\n")
        head = b"".join(lines)
        if answer.damage is Damage.CUT:
            transport.write(head + answer.body[: len(answer.body) // 2])
            transport.close()
            return
        transport.write(head if request.method == "HEAD" else head + answer.body)
        if closing:
            transport.close()


async def serve(
    application: Application, *, host: str, port: int, epoch_seconds: float, ready: Callable[[int], None]
) -> None:
    """Serve until cancelled.

    Args:
        application: answers one request; must not block for long, as all connections share its thread.
        host: the address to listen on.
        port: the port, 0 for any free one.
        epoch_seconds: the moment the ``Date`` header shows, always.
        ready: called with the port once connections are accepted.
    """
    date = formatdate(epoch_seconds, usegmt=True)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(application, date), host, port, backlog=1024
    )
    async with server:
        ready(server.sockets[0].getsockname()[1])
        await server.serve_forever()

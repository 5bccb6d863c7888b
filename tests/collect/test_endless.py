"""Answers that never end are left; those that end are the SDK's own, byte for byte."""

import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from auditor.collect import endless
from auditor.collect.endless import let_end

_ANSWER = (
    b"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111122223333</Account>"
    b"</GetCallerIdentityResult></GetCallerIdentityResponse>"
)


def _whole(write: Callable[[bytes], object]) -> None:
    write(_ANSWER)


def _nothing(_: Callable[[bytes], object]) -> None:
    """Break off before the first byte."""


def _drip(write: Callable[[bytes], object]) -> None:
    for _ in range(400):
        write(b"x")
        time.sleep(0.1)


def _headers(write: Callable[[bytes], object]) -> None:
    """Send a letter of a header now and then: each read of the SDK gets something."""
    write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(400):
        try:
            write(b"x")
        except OSError:
            return
        time.sleep(0.1)


def _flood(write: Callable[[bytes], object]) -> None:
    while True:
        write(b"x" * 65_536)


class _Endpoint(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kind = "plain"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.kind == "headers":
            _headers(self.wfile.write)
            self.close_connection = True
            return
        self.send_response(200)
        if self.kind == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in (_ANSWER[:7], _ANSWER[7:]):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
            return
        self.send_header("Content-Length", str(len(_ANSWER) if self.kind == "plain" else 10**12))
        self.end_headers()
        try:
            {"plain": _whole, "drip": _drip, "flood": _flood, "cut": _whole, "none": _nothing}[self.kind](
                self.wfile.write
            )
        except OSError:
            self.close_connection = True
        self.close_connection |= self.kind in {"cut", "none"}

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def endpoint() -> Iterator[Callable[[str, str], Any]]:
    """Make clients of an endpoint of some kind, with one second for the body of an answer."""
    servers = []

    def made(kind: str, service: str) -> Any:
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Kind", (_Endpoint,), {"kind": kind}))
        servers.append(server)
        Thread(target=server.serve_forever, daemon=True).start()
        client = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b").client(
            service,
            region_name="us-east-1",
            endpoint_url=f"http://127.0.0.1:{server.server_port}",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=5),
        )
        let_end(client, 1)
        return client

    yield made
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def ask(endpoint: Callable[[str, str], Any]) -> Callable[[str], Any]:
    """Ask an endpoint of some kind twice who we are."""

    def asked(kind: str) -> Any:
        client = endpoint(kind, "sts")
        return [client.get_caller_identity()["Account"] for _ in range(2)]

    return asked


@pytest.mark.parametrize("kind", ["plain", "chunked"])
def test_an_answer_that_ends_is_read_whole(ask: Callable[[str], Any], kind: str) -> None:
    assert ask(kind) == ["111122223333"] * 2


@pytest.mark.parametrize("kind", ["cut", "none"])
def test_an_answer_of_which_a_part_came_is_none(ask: Callable[[str], Any], kind: str) -> None:
    with pytest.raises(ConnectionClosedError):
        ask(kind)


def test_the_head_of_an_object_has_no_body(endpoint: Callable[[str, str], Any]) -> None:
    found = endpoint("plain", "s3").head_object(Bucket="bucket", Key="key")
    assert found["ContentLength"] == 1000


@pytest.mark.parametrize("kind", ["drip", "headers"])
def test_an_answer_that_comes_byte_by_byte_is_left(ask: Callable[[str], Any], kind: str) -> None:
    began = time.monotonic()
    with pytest.raises(ReadTimeoutError):
        ask(kind)
    assert time.monotonic() - began < 30  # forty seconds take all of it


def test_an_answer_without_end_is_left(ask: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endless, "MOST_BYTES", 1 << 20)
    with pytest.raises(ConnectionClosedError):
        ask("flood")

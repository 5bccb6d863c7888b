"""A bucket behind real HTTP on loopback, with the faults of real stores: throttling, resets, short reads, redirects."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

from .bucket import Bucket

Fault = Callable[["Handler", str, int], bool]
"""Given the handler, the key and how often it was asked for: answers itself and returns True, or returns False."""


@dataclass(slots=True)
class Store:
    """What is served, and how it fails."""

    bucket: Bucket
    faults: dict[str, Fault] = field(default_factory=dict)
    """Part of a key (or ``list``) -> fault."""
    asked: Counter[str] = field(default_factory=Counter)
    page: int = 1000
    before_listing: Callable[[], None] = lambda: None


class Handler(BaseHTTPRequestHandler):
    """Answers the few reads a verifier makes."""

    protocol_version = "HTTP/1.1"
    store: Store

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        """Say that the bucket is there."""
        self.answer(200, b"")

    def do_GET(self) -> None:
        """Serve an object or a listing, or fail as told."""
        parts = urlsplit(self.path)
        where, _, key = unquote(parts.path).lstrip("/").partition("/")
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        what = key or ("lifecycle" if "lifecycle" in query else "list")
        self.store.asked[what] += 1
        for part, fault in self.store.faults.items():
            if part in what and fault(self, what, self.store.asked[what]):
                return
        if what == "lifecycle":
            self.lifecycle()
            return
        if not key:
            self.listing(where, query)
            return
        held = self.store.bucket.objects.get((where, key))
        if held is None:
            self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        else:
            self.answer(200, held.body, {f"x-amz-meta-{name}": value for name, value in held.metadata.items()})

    def lifecycle(self) -> None:
        """Serve the bucket's rules: whole prefixes and ages."""
        rules = "".join(
            f"<Rule><ID>{escape(rule['ID'])}</ID><Filter><Prefix>{escape(rule['Filter']['Prefix'])}</Prefix></Filter>"
            f"<Status>{rule['Status']}</Status><Expiration><Days>{rule['Expiration']['Days']}</Days></Expiration></Rule>"
            for rule in self.store.bucket.rules
        )
        if rules:
            self.answer(200, f"<LifecycleConfiguration>{rules}</LifecycleConfiguration>".encode())
        else:
            self.answer(404, b"<Error><Code>NoSuchLifecycleConfiguration</Code></Error>")

    def listing(self, where: str, query: dict[str, str]) -> None:
        """Serve a page of a listing."""
        self.store.before_listing()
        prefix = query.get("prefix", "")
        if "versions" in query:
            self.answer(200, b"<ListVersionsResult></ListVersionsResult>")
            return
        after = max(query.get(name, "") for name in ("continuation-token", "start-after", "marker"))
        keys = [key for key in self.store.bucket.objects_under(where, prefix) if key > after]
        rows, last = "", ""
        if "delimiter" in query:
            names = sorted({key[len(prefix) :].split("/")[0] for key in keys if "/" in key[len(prefix) :]})
            rows = "".join(
                f"<CommonPrefixes><Prefix>{escape(prefix + name)}/</Prefix></CommonPrefixes>" for name in names
            )
            keys = []
        for key in keys[: self.store.page]:
            held = self.store.bucket.objects[where, key]
            name = quote(key) if query.get("encoding-type") == "url" else escape(key)
            rows += (
                f"<Contents><Key>{name}</Key><LastModified>{held.modified.astimezone(UTC):%Y-%m-%dT%H:%M:%S.000Z}"
                f'</LastModified><ETag>"{len(held.body):x}"</ETag><Size>{len(held.body)}</Size></Contents>'
            )
            last = key
        more = len(keys) > self.store.page
        token = f"<NextContinuationToken>{escape(last)}</NextContinuationToken>" if more else ""
        if "list-type" not in query:
            token = f"<NextMarker>{escape(last)}</NextMarker>" if more else ""
        self.answer(
            200,
            (
                f'<?xml version="1.0"?><ListBucketResult><Name>{where}</Name><Prefix>{escape(prefix)}</Prefix>'
                f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{rows}</ListBucketResult>"
            ).encode(),
            {"content-type": "application/xml"},
        )

    def answer(
        self, status: int, body: bytes, headers: dict[str, str] | None = None, length: int | None = None
    ) -> None:
        """Send an answer; ``length`` may lie about the body."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Last-Modified", "Mon, 05 Oct 2026 00:00:00 GMT")
        self.send_header("ETag", f'"{len(body):x}"')
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        if length is not None:
            self.close_connection = True
            self.wfile.flush()
            self.connection.close()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # a backlog of five refuses connections on a busy machine


@contextmanager
def serving(store: Store, base: type[Handler] = Handler) -> Iterator[str]:
    """Serve a store; gives its endpoint."""
    handler = type("BoundHandler", (base,), {"store": store})
    server = _Server(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# ------------------------------------------------------------------------------------------------------- faults


def refusing(status: int, code: str, times: int = 10**9) -> Fault:
    """Answer with an error, for the first so many requests."""

    def fault(handler: Handler, key: str, asked: int) -> bool:
        del key
        if asked > times:
            return False
        handler.answer(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode())
        return True

    return fault


def breaking(part: float, times: int = 10**9) -> Fault:
    """Announce the whole body, send a part of it and hang up."""

    def fault(handler: Handler, key: str, asked: int) -> bool:
        if asked > times:
            return False
        body = handler.store.bucket.objects[handler.store.bucket.place(key)].body
        handler.answer(200, body[: int(len(body) * part)], length=len(body))
        return True

    return fault


def understating() -> Fault:
    """Announce fewer bytes than the object has, and send only those."""

    def fault(handler: Handler, key: str, asked: int) -> bool:
        del asked
        body = handler.store.bucket.objects[handler.store.bucket.place(key)].body
        handler.answer(200, body[:-20], length=len(body) - 20)
        return True

    return fault


def redirecting() -> Fault:
    """Answer as a bucket in another Region does."""

    def fault(handler: Handler, key: str, asked: int) -> bool:
        del key, asked
        handler.answer(301, b"<Error><Code>PermanentRedirect</Code></Error>", {"x-amz-bucket-region": "us-west-2"})
        return True

    return fault


def slow(seconds: float) -> Fault:
    """Wait before the answer."""

    def fault(handler: Handler, key: str, asked: int) -> bool:
        del handler, key, asked
        time.sleep(seconds)
        return False

    return fault

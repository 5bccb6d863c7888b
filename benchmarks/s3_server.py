"""A small, fast S3-like server on loopback: enough for obstore, boto3 and the AWS CLI to read a trail. Benchmarks only.

It answers GetObject, HeadBucket, ListObjects (both versions) and CloudTrail's ListPublicKeys and DescribeTrails, checks
no signature, and can wait before each answer. Objects are keys that point into a small set of distinct bodies, so that
a million of them fit in memory. Run as a process of its own::

    python benchmarks/s3_server.py PICKLE --latency-ms 20
"""

import argparse
import asyncio
import bisect
import email.utils
import json
import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote
from xml.sax.saxutils import escape

PAGE = 1000
MODIFIED = email.utils.formatdate(1_790_000_000, usegmt=True)


@dataclass(slots=True)
class Content:
    """What the server serves: bodies, and which key has which body and metadata."""

    bucket: str
    bodies: list[bytes] = field(default_factory=list)
    keys: dict[str, int] = field(default_factory=dict)
    signatures: dict[str, str] = field(default_factory=dict)
    public_keys: list[dict[str, Any]] = field(default_factory=list)
    trail: dict[str, Any] = field(default_factory=dict)

    def add(self, key: str, body: bytes, signature: str = "") -> None:
        """Add an object with a body of its own."""
        self.keys[key] = len(self.bodies)
        self.bodies.append(body)
        if signature:
            self.signatures[key] = signature


class Answers:
    """Turns requests into answers."""

    def __init__(self, content: Content) -> None:
        self.content = content
        self.sorted = sorted(content.keys)

    def answer(self, method: str, target: str, headers: bytes) -> bytes:
        """Return a whole HTTP answer."""
        if method == "POST":
            return self._cloudtrail(headers)
        path, _, query = target.partition("?")
        key = unquote(path).removeprefix(f"/{self.content.bucket}").lstrip("/")
        if query.startswith("lifecycle"):
            return _response(404, b"<Error><Code>NoSuchLifecycleConfiguration</Code></Error>")
        if method == "HEAD" or not key:
            return _response(200, b"") if method == "HEAD" else self._list(parse_qs(query, keep_blank_values=True))
        number = self.content.keys.get(key)
        if number is None:
            return _response(404, b"<Error><Code>NoSuchKey</Code></Error>")
        extra = ""
        if signature := self.content.signatures.get(key):
            extra = f"x-amz-meta-signature: {signature}\r\nx-amz-meta-signature-algorithm: SHA256withRSA\r\n"
        return _response(200, self.content.bodies[number], extra)

    def _list(self, query: Mapping[str, list[str]]) -> bytes:
        prefix = query.get("prefix", [""])[0]
        second = query.get("list-type", ["1"])[0] == "2"
        names = ("continuation-token", "start-after") if second else ("marker",)
        after = max((query[name][0] for name in names if name in query), default="")
        delimiter = query.get("delimiter", [""])[0]
        first = max(bisect.bisect_left(self.sorted, prefix), bisect.bisect_right(self.sorted, after))
        if delimiter:
            return _response(200, self._folders(prefix, first).encode(), "content-type: application/xml\r\n")
        encode = quote if query.get("encoding-type") == ["url"] else escape
        rows: list[str] = []
        more, last = False, ""
        for key in self.sorted[first : first + PAGE + 1]:
            if not key.startswith(prefix):
                break
            if len(rows) == PAGE:
                more = True
                break
            last = key
            size = len(self.content.bodies[self.content.keys[key]])
            rows.append(
                f"<Contents><Key>{encode(key)}</Key><LastModified>2026-10-01T00:00:00.000Z</LastModified>"
                f'<ETag>"{self.content.keys[key]:032x}"</ETag><Size>{size}</Size>'
                "<StorageClass>STANDARD</StorageClass></Contents>"
            )
        token = f"<NextContinuationToken>{encode(last)}</NextContinuationToken>" if more and second else ""
        marker = f"<NextMarker>{encode(last)}</NextMarker>" if more and not second else ""
        text = (
            '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{self.content.bucket}</Name><Prefix>{encode(prefix)}</Prefix><KeyCount>{len(rows)}</KeyCount>"
            f"<MaxKeys>{PAGE}</MaxKeys><IsTruncated>{str(more).lower()}</IsTruncated>{token}{marker}"
            f"{'<EncodingType>url</EncodingType>' if encode is quote else ''}{''.join(rows)}</ListBucketResult>"
        )
        return _response(200, text.encode(), "content-type: application/xml\r\n")

    def _folders(self, prefix: str, first: int) -> str:
        found = []
        while first < len(self.sorted) and self.sorted[first].startswith(prefix):
            name, slash, _ = self.sorted[first][len(prefix) :].partition("/")
            if slash:
                found.append(name)
            first = bisect.bisect_left(self.sorted, f"{prefix}{name}0", first + 1)  # "0" follows "/"
        rows = "".join(f"<CommonPrefixes><Prefix>{escape(prefix + name)}/</Prefix></CommonPrefixes>" for name in found)
        return (
            '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{self.content.bucket}</Name><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>"
        )

    def _cloudtrail(self, headers: bytes) -> bytes:
        if b"ListPublicKeys" in headers:
            document: dict[str, Any] = {"PublicKeyList": self.content.public_keys}
        elif b"DescribeTrails" in headers:
            document = {"trailList": [self.content.trail]}
        else:
            return _response(400, b'{"__type":"UnknownOperationException"}')
        return _response(200, json.dumps(document).encode(), "content-type: application/x-amz-json-1.1\r\n")


def _response(status: int, body: bytes, extra: str = "") -> bytes:
    head = (
        f"HTTP/1.1 {status} OK\r\nContent-Length: {len(body)}\r\nLast-Modified: {MODIFIED}\r\n"
        f'ETag: "{len(body):032x}"\r\n{extra}\r\n'
    )
    return head.encode() + body


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests are answered in turn."""

    def __init__(self, answers: Answers, latency_seconds: float) -> None:
        self._answers = answers
        self._latency = latency_seconds
        self._waiting = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every complete request."""
        self._waiting += data
        while (end := self._waiting.find(b"\r\n\r\n")) >= 0:
            head = self._waiting[:end]
            length = 0
            if head[:4] == b"POST":
                for line in head.split(b"\r\n"):
                    if line[:15].lower() == b"content-length:":
                        length = int(line[15:])
            if len(self._waiting) < end + 4 + length:
                return
            self._waiting = self._waiting[end + 4 + length :]
            method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
            self._send(self._answers.answer(method, target, head))

    def _send(self, answer: bytes) -> None:
        transport = self._transport
        if transport is None:
            return
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, transport.write, answer)
        else:
            transport.write(answer)


async def serve(content: Content, latency_seconds: float) -> None:
    """Serve until the process is ended; prints the port."""
    answers = Answers(content)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(answers, latency_seconds), "127.0.0.1", 0, backlog=512)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("content", type=Path)
    parser.add_argument("--latency-ms", type=float, default=0)
    options = parser.parse_args()
    content = pickle.loads(options.content.read_bytes())  # noqa: S301 - written by the benchmark itself
    asyncio.run(serve(content, options.latency_ms / 1000))


if __name__ == "__main__":
    main()

"""A proxy on loopback that opens TLS with certificates of its own and notes what a client really asks."""

import contextlib
import re
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

KEY = ec.generate_private_key(ec.SECP256R1())
_ISSUER = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "recording proxy")])
_SCOPE = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/s3/aws4_request")


def _certificate(name: x509.Name, extension: x509.ExtensionType) -> bytes:
    since = datetime.now(UTC) - timedelta(days=1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(_ISSUER).public_key(KEY.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(since)
    builder = builder.not_valid_after(since + timedelta(days=30)).add_extension(extension, critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@cache
def bundle() -> bytes:
    """Return the certificate to trust, as PEM."""
    return _certificate(_ISSUER, x509.BasicConstraints(ca=True, path_length=None))


@cache
def context_of(host: str) -> ssl.SSLContext:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "host")])
    pem = _certificate(name, x509.SubjectAlternativeName([x509.DNSName(host)]))
    private = KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(pem + private)
        file.flush()
        context.load_cert_chain(file.name)
    return context


@dataclass(frozen=True, slots=True, order=True)
class Asked:
    """One request: scheme and host, method, path, and what it was signed for and with."""

    place: str
    method: str
    path: str
    region: str
    key_id: str


@dataclass(slots=True)
class Record:
    """What was asked, and where buckets are."""

    proxied: list[Asked] = field(default_factory=list)
    direct: list[Asked] = field(default_factory=list)
    region: str = ""
    """Where every bucket is; the Region named in a request decides whether it is redirected there."""

    def gets(self) -> list[Asked]:
        """Return the requests for objects, however they came."""
        return [item for item in (*self.proxied, *self.direct) if item.method == "GET"]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    record: Record
    tunnel = ""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_CONNECT(self) -> None:
        """Open the tunnel, and answer in it as the host would."""
        host = self.path.rpartition(":")[0]
        self.send_response(200)
        self.end_headers()
        tunnel = context_of(host).wrap_socket(self.connection, server_side=True, do_handshake_on_connect=False)
        with contextlib.suppress(OSError), tunnel:
            tunnel.settimeout(20)
            tunnel.do_handshake()
            handler = type("Inner", (_Handler,), {"record": self.record, "tunnel": f"https://{host}"})
            handler(cast("Any", tunnel), self.client_address, self.server)
        self.close_connection = True

    def do_HEAD(self) -> None:
        """Answer as S3 does."""
        self._answer()

    def do_GET(self) -> None:
        """Answer as S3 does."""
        self._answer()

    def _answer(self) -> None:
        scope = _SCOPE.search(self.headers.get("Authorization", ""))
        key_id, region = (scope[1], scope[2]) if scope else ("", "")
        absolute = urlsplit(self.path)
        plain = f"{absolute.scheme}://{absolute.netloc}" if absolute.scheme else f"http://{self.headers['Host']}"
        asked = Asked(self.tunnel or plain, self.command, absolute.path, region, key_id)
        (self.record.proxied if self.tunnel or absolute.scheme else self.record.direct).append(asked)
        wrong = self.record.region and self.record.region != region
        self.send_response(301 if wrong else 200)
        self.send_header("x-amz-bucket-region", self.record.region or region)
        self.send_header("Last-Modified", "Mon, 05 Oct 2026 00:00:00 GMT")
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", "0" if wrong else "4")
        self.end_headers()
        if self.command == "GET" and not wrong:
            self.wfile.write(b"body")


class _Server(ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that refuse a certificate hang up."""


@contextlib.contextmanager
def recording(folder: Path, region: str = "") -> Iterator[tuple[str, Record, Path]]:
    """Serve; gives the proxy's address, the record, and the file with the certificate to trust."""
    trusted = folder / "trusted.pem"
    trusted.write_bytes(bundle())
    record = Record(region=region)
    server = _Server(("127.0.0.1", 0), type("Bound", (_Handler,), {"record": record}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", record, trusted
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""A certificate authority and time-stamping services for tests: one of our own with a clock to set, one by OpenSSL."""

import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from auditor.seal import cms, der
from auditor.seal.pades import sign_pdf
from auditor.seal.signer import FileSigner, PrivateKey, make_identity, pem

YEAR = timedelta(days=365)
TST_INFO = "1.2.840.113549.1.9.16.1.4"


@cache
def rsa_key(number: int) -> rsa.RSAPrivateKey:
    """Return one of a few RSA keys; making them is what takes time."""
    del number
    return rsa.generate_private_key(public_exponent=65537, key_size=3072)


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(frozen=True)
class Authority:
    """A root certificate and its key."""

    key: PrivateKey
    certificate: x509.Certificate

    def issue(
        self,
        subject: str,
        key: PrivateKey,
        *,
        start: datetime,
        end: datetime,
        purposes: Sequence[x509.ObjectIdentifier] = (),
        ca: bool = False,
    ) -> x509.Certificate:
        """Issue a certificate for ``key``."""
        builder = (
            x509.CertificateBuilder(
                self.certificate.subject, name(subject), key.public_key(), x509.random_serial_number()
            )
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
            .add_extension(usage(ca=ca), critical=True)
        )
        if purposes:
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=True)
        return builder.sign(self.key, hashes.SHA256())


def usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(not ca, not ca, False, False, False, ca, ca, False, False)


def make_authority(subject: str = "Example Root CA", *, at: datetime) -> Authority:
    """Make a root certificate that is valid for twenty years around ``at``."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder(name(subject), name(subject), key.public_key(), x509.random_serial_number())
        .not_valid_before(at - 10 * YEAR)
        .not_valid_after(at + 10 * YEAR)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage(ca=True), critical=True)
    )
    return Authority(key, builder.sign(key, hashes.SHA256()))


def issued_signer(authority: Authority, *, start: datetime, end: datetime, key: PrivateKey | None = None) -> FileSigner:
    """Return a signer whose certificate the authority issued."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    certificate = authority.issue("Example Auditor", key, start=start, end=end)
    return FileSigner(key, (certificate, authority.certificate))


def self_signed_signer(*, at: datetime, days: int = 365, use_rsa: bool = False) -> FileSigner:
    """Return what ``auditor keygen`` makes."""
    identity = make_identity("Example Auditor", at=at, days=days, use_rsa=use_rsa, password=None)
    key = serialization.load_pem_private_key(identity.key, None)
    assert isinstance(key, PrivateKey)
    return FileSigner(key, (x509.load_pem_x509_certificate(identity.certificate),))


def signer_of_unknown_state(authority: Authority, *, at: datetime) -> FileSigner:
    """Return a signer whose list of revoked certificates cannot be had: nobody listens there."""
    key = ec.generate_private_key(ec.SECP256R1())
    nobody = x509.DistributionPoint([x509.UniformResourceIdentifier("http://127.0.0.1:9/crl")], None, None, None)
    certificate = (
        x509.CertificateBuilder(authority.certificate.subject, name("Example Auditor"), key.public_key(), 5)
        .not_valid_before(at - YEAR)
        .not_valid_after(at + YEAR)
        .add_extension(usage(ca=False), critical=True)
        .add_extension(x509.CRLDistributionPoints([nobody]), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return FileSigner(key, (certificate, authority.certificate))


@dataclass(frozen=True)
class StampingService:
    """A service that answers queries at a time of the test's choosing."""

    signer: FileSigner
    time: datetime
    status: int = 0

    def answer(self, url: str, query: bytes) -> bytes:
        """Answer a TimeStampReq; has the shape of ``timestamp.Post``."""
        del url
        _, imprint, nonce, _ = der.parse(query).children
        moment = der.encode(der.GENERALIZED_TIME, f"{self.time.astimezone(UTC):%Y%m%d%H%M%SZ}".encode())
        info = der.encode(
            der.SEQUENCE,
            der.encode_integer(1),
            der.encode_oid("1.2.3.4.5"),
            imprint.raw,
            der.encode_integer(7),
            moment,
            nonce.raw,
        )
        status = der.encode(der.SEQUENCE, der.encode_integer(self.status))
        return der.encode(der.SEQUENCE, status, sign_info(info, self.signer, self.time))


def sign_info(info: bytes, signer: FileSigner, at: datetime) -> bytes:
    """Sign a TSTInfo: CMS with the content inside, as RFC 3161 section 2.4.2 wants it."""
    leaf = signer.chain[0]
    rsa_signer = isinstance(signer.key, rsa.RSAPrivateKey)
    attributes = cms._attributes(TST_INFO, info, leaf, at)
    sha256 = der.encode(der.SEQUENCE, der.encode_oid(cms.SHA256))
    parts = (der.encode_oid(cms._RSA), der.encode(der.NULL)) if rsa_signer else (der.encode_oid(cms._ECDSA_SHA256),)
    who = der.encode(der.SEQUENCE, leaf.issuer.public_bytes(), der.encode_integer(leaf.serial_number))
    signer_info = der.encode(
        der.SEQUENCE,
        der.encode_integer(1),
        who,
        sha256,
        der.encode_set(*attributes, tag=0xA0),
        der.encode(der.SEQUENCE, *parts),
        der.encode(der.OCTET_STRING, signer.sign(der.encode_set(*attributes))),
    )
    content = der.encode(der.SEQUENCE, der.encode_oid(TST_INFO), der.encode(0xA0, der.encode(der.OCTET_STRING, info)))
    body = der.encode(
        der.SEQUENCE,
        der.encode_integer(3),
        der.encode_set(sha256),
        content,
        der.encode_set(leaf.public_bytes(serialization.Encoding.DER), tag=0xA0),
        der.encode_set(signer_info),
    )
    return der.encode(der.SEQUENCE, der.encode_oid("1.2.840.113549.1.7.2"), der.encode(0xA0, body))


def stamping_service(
    authority: Authority, *, time: datetime, key: PrivateKey | None = None, end: datetime | None = None
) -> StampingService:
    """Return a service with a certificate for time stamping alone."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    purposes = [ExtendedKeyUsageOID.TIME_STAMPING]
    certificate = authority.issue(
        "Example TSA", key, start=time - 2 * YEAR, end=end or time + 5 * YEAR, purposes=purposes
    )
    return StampingService(FileSigner(key, (certificate,)), time)


OPENSSL_TSA = """
[tsa_config]
serial = serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


@dataclass(frozen=True)
class OpensslService:
    """A service that answers with ``openssl ts``, at the time it is."""

    folder: Path
    authority: Authority

    def answer(self, url: str, query: bytes) -> bytes:
        """Answer a TimeStampReq; has the shape of ``timestamp.Post``."""
        del url
        folder = self.folder
        (folder / "query.tsq").write_bytes(query)
        (folder / "serial").write_text("01\n")
        (folder / "tsa.cnf").write_text(OPENSSL_TSA)
        command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-section", "tsa_config", "-queryfile", "query.tsq"]
        command += ["-signer", "tsa.pem", "-inkey", "tsa.key", "-out", "reply.tsr"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        return (folder / "reply.tsr").read_bytes()


def openssl_service(folder: Path, authority: Authority, *, now: datetime) -> OpensslService:
    """Return a service by OpenSSL with a certificate of ``authority``."""
    folder.mkdir(parents=True, exist_ok=True)
    key = rsa_key(1)
    purposes = [ExtendedKeyUsageOID.TIME_STAMPING]
    certificate = authority.issue("OpenSSL TSA", key, start=now - YEAR, end=now + YEAR, purposes=purposes)
    (folder / "tsa.pem").write_bytes(pem(certificate))
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "tsa.key").write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    return OpensslService(folder, authority)


@contextmanager
def served(service: StampingService | OpensslService) -> Iterator[str]:
    """Serve a service over HTTP on loopback; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            body = service.answer("", query)
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
            del format, args

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/tsa"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def signatures_of_every_level(pdf: bytes) -> Iterator[tuple[str, bytes]]:
    """Sign a PDF now, once at each level of PAdES that is used; yields level and file."""
    now = datetime.now(UTC).replace(microsecond=0)
    root, tsa_root = make_authority(at=now), make_authority("Example TSA Root", at=now)
    service = stamping_service(tsa_root, time=now)
    known = issued_signer(root, start=now - YEAR, end=now + YEAR)
    for signer, stamped in ((known, False), (signer_of_unknown_state(root, at=now), True), (known, True)):
        ask = (lambda query: service.answer("", query)) if stamped else None
        signed = sign_pdf(pdf, signer, ask=ask, stamp_roots=(tsa_root.certificate,))
        yield signed.level, signed.data

"""Time stamps (RFC 3161): asking a service for one over HTTP, and checking one without any network.

A time stamp shows that a signature existed at a time, so it can be believed after its certificate has expired. The
service sees a hash, never the pack.
"""

import secrets
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from auditor.base.counts import counted
from auditor.base.errors import IntegrityError, SealError
from auditor.seal import cms, der
from auditor.seal.trust import Use, check_path, name_of

_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_GRANTED, _GRANTED_WITH_MODS = 0, 1
_MOST_BYTES = 1 << 20
_NONCE_BITS = 64

Post = Callable[[str, bytes], bytes]
"""Sends a query to a URL and returns the reply's body."""


@dataclass(frozen=True, slots=True)
class Tsa:
    """A time-stamping service.

    Args:
        url: http or https; the token is signed, so http is common.
        trusted: certificates under which its tokens are checked before a pack is called sealed.
        required: whether a pack without a time stamp is no sealed pack; otherwise the failure is recorded in the pack.
        timeout_seconds: for connecting and for each read.
        post: how queries are sent; None for HTTP.
    """

    url: str
    trusted: tuple[x509.Certificate, ...]
    required: bool = True
    timeout_seconds: float = 20.0
    post: Post | None = None

    def ask(self, query: bytes) -> bytes:
        """Send a TimeStampReq and return the reply, not yet checked.

        Raises:
            StampError: there is no reply.
        """
        return (self.post or _http_post(self.timeout_seconds))(self.url, query)


class StampError(SealError):
    """A time stamp cannot be had."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time stamp that holds for the bytes it was checked against."""

    time: datetime
    certificate: x509.Certificate
    others: tuple[x509.Certificate, ...]
    serial: int


def fetch_stamp(data: bytes, tsa: Tsa, *, at: datetime) -> bytes:
    """Return a service's reply (DER of a TimeStampResp) for ``data``, checked against ``tsa.trusted``.

    Args:
        data: what is stamped; only its SHA-256 is sent.
        tsa: the service.
        at: now, aware UTC; when the service's certificate has to be valid.

    Raises:
        StampError: there is no reply, or none that holds.
    """
    nonce = secrets.randbits(_NONCE_BITS)
    reply = tsa.ask(encode_query(data, nonce))
    try:
        stamp = verify_stamp(reply, data, nonce=nonce)
        check_stamp_path(stamp, tsa.trusted, at=at)
    except IntegrityError as error:
        raise StampError(
            f"the time stamp of {tsa.url} does not hold: {error.message}",
            hint="--tsa-ca has to name the certificates that the service publishes",
        ) from error
    return reply


def encode_query(data: bytes, nonce: int) -> bytes:
    """Return a TimeStampReq (RFC 3161 section 2.4.1) that asks for the service's certificate too."""
    return der.encode(
        der.SEQUENCE,
        der.encode_integer(1),
        _imprint(data),
        der.encode_integer(nonce),
        der.encode(der.BOOLEAN, b"\xff"),
    )


def _imprint(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    algorithm = der.encode(der.SEQUENCE, der.encode_oid(cms.SHA256), der.encode(der.NULL))
    return der.encode(der.SEQUENCE, algorithm, der.encode(der.OCTET_STRING, digest.finalize()))


def _http_post(timeout: float) -> Post:
    def post(url: str, query: bytes) -> bytes:
        if urlsplit(url).scheme not in {"http", "https"}:
            raise StampError(f"{url} is no http or https address")
        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        request = urllib.request.Request(url, query, headers)  # noqa: S310 - the scheme was checked above
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310 - the same
                body: bytes = answer.read(_MOST_BYTES + 1)
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise StampError(
                f"the time-stamping service {url} did not answer: {reason}", hint="seal again when it is back"
            ) from error
        if len(body) > _MOST_BYTES:
            raise StampError(f"the time-stamping service {url} answered with more than {_MOST_BYTES:,} bytes")
        return body

    return post


def verify_stamp(reply: bytes, data: bytes, *, nonce: int | None = None) -> Stamp:
    """Check a TimeStampResp against what it is said to stamp.

    Args:
        reply: the service's DER.
        data: what was stamped.
        nonce: what was sent along; None when that is no longer known.

    Raises:
        IntegrityError: the service refused, or the token is malformed, not over ``data``, or wrongly signed.
    """
    if len(reply) > _MOST_BYTES:
        raise IntegrityError(f"a time stamp of {counted(len(reply), 'byte')} is not read")
    try:
        signed = cms.verify(_token(reply), None, content_type=_TST_INFO)
        return _read_info(signed, data, nonce)
    except (ValueError, IndexError) as error:
        raise IntegrityError(f"the time stamp does not hold: {error}") from error


def _token(reply: bytes) -> bytes:
    """Return the token of a TimeStampResp that was granted (RFC 3161 section 2.4.2)."""
    status, *token = der.parse(reply).expect(der.SEQUENCE).children
    code = status.expect(der.SEQUENCE).children[0].integer
    if code not in {_GRANTED, _GRANTED_WITH_MODS} or len(token) != 1:
        raise ValueError(f"the service refused with status {code}{_words(status)}")
    return token[0].raw


def _words(status: der.Node) -> str:
    """Return what the service says about a refusal; shown, never believed."""
    texts = [text.content.decode("utf-8", "replace") for node in status.children[1:2] for text in node.children]
    return f" ({' '.join(texts)[:200]})" if texts else ""


def _read_info(signed: cms.Signed, data: bytes, nonce: int | None) -> Stamp:
    """Read a TSTInfo (RFC 3161 section 2.4.2) and compare it with what it has to speak about."""
    if not signed.names_certificate:
        raise ValueError("it does not name the certificate it was signed with")
    version, policy, imprint, serial, moment, *rest = der.parse(signed.content).expect(der.SEQUENCE).children
    if version.integer != 1 or not policy.oid:
        raise ValueError("it is of an unknown version")
    if not _same_imprint(imprint, data):
        raise ValueError("it was made over other content")
    nonces = [node.integer for node in rest if node.tag == der.INTEGER]
    if nonce is not None and nonces != [nonce]:
        raise ValueError("it answers another query")
    return Stamp(moment.expect(der.GENERALIZED_TIME).time, signed.certificate, signed.others, serial.integer)


def _same_imprint(imprint: der.Node, data: bytes) -> bool:
    """Compare in both encodings of SHA-256's parameters, NULL and absent."""
    algorithm, digest = imprint.expect(der.SEQUENCE).children
    expected = der.parse(_imprint(data)).children
    plain = der.encode(der.SEQUENCE, der.encode_oid(cms.SHA256))
    return digest.raw == expected[1].raw and algorithm.raw in {expected[0].raw, plain}


def check_stamp_path(stamp: Stamp, trusted: tuple[x509.Certificate, ...], *, at: datetime) -> None:
    """Check that a trusted certificate vouches for the service.

    Args:
        stamp: a time stamp that holds.
        trusted: where the path may end.
        at: when the service's certificate has to be valid, aware UTC: the time of checking, because a key that is no
            longer watched could stamp any time.

    Raises:
        IntegrityError: there is no such path, or the stamp lies outside the certificate's validity or in the future.
    """
    check_path(stamp.certificate, stamp.others, trusted, at=at, use=Use.TIME_STAMPING)
    if stamp.time < stamp.certificate.not_valid_before_utc:
        raise IntegrityError(f"the time stamp is older than the certificate of {name_of(stamp.certificate)}")

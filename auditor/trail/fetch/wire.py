"""Writes signed requests for objects, and reads what the head of an answer promises. Pure; opens nothing.

Source: Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)",
and RFC 9112 for the form of requests and answers.
"""

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, Self
from urllib.parse import urlsplit

from auditor.trail.fetch.address import Address

_NOTHING: Final = sha256(b"").hexdigest()
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./-]*")
"""What stands in a path as it is in a key. CloudTrail's own names need nothing else; prefixes may."""
_VISIBLE: Final = re.compile(r"[!-~]+")
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,12})[ \t]*(?=\r\n)")
_CLOSE: Final = re.compile(rb"\r\nconnection:[^\r\n]*\bclose\b")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a bucket's objects are asked for.

    Args:
        host: name or address to connect to.
        port: of TCP.
        authority: as the ``Host`` header has it.
        base: path of the bucket, with a slash at its end.
        region: for which requests are signed.
        secure: whether TLS is spoken.
    """

    host: str
    port: int
    authority: str
    base: str
    region: str
    secure: bool

    @classmethod
    def of(cls, address: Address, bucket: str) -> Self | None:
        """Return the place of a bucket; None where its address is out of the ordinary."""
        try:
            parts = urlsplit(address.endpoint)
            port = parts.port
        except ValueError:
            return None
        base = f"{parts.path}/" if address.virtual_hosted else f"{parts.path}/{bucket}/"
        known = parts.scheme in {"http", "https"} and parts.hostname and "@" not in parts.netloc
        if not known or not is_plain(base) or not parts.netloc.isascii():
            return None
        secure = parts.scheme == "https"
        return cls(
            str(parts.hostname), port or (443 if secure else 80), parts.netloc, base, str(address.region), secure
        )


def is_plain(key: str) -> bool:
    """Tell whether a key stands in a path as it is, letter by letter; some servers take dots for steps upwards."""
    return _PLAIN.fullmatch(key) is not None and "/." not in f"/{key}"


class Signer:
    """Writes requests for the objects of one place. What only changes once a second is made once a second.

    Args:
        place: whose objects.
        credentials: returns what obstore is told, too: access key, secret and session token.
    """

    def __init__(self, place: Place, credentials: Callable[[], Mapping[str, Any]]) -> None:
        self._place, self._credentials = place, credentials
        self._second = -1
        self._key = b""
        self._canonical = self._to_sign = self._before = self._after = ""

    def request(self, key: str, now: float) -> bytes:
        """Return the request for one object.

        Args:
            key: its key, plain (:func:`is_plain`).
            now: seconds since 1970.

        Raises:
            ValueError: the credentials are none that fit into a header.
        """
        if int(now) != self._second:
            self._turn(int(now))
        path = self._place.base + key
        canonical = sha256(f"GET\n{path}\n{self._canonical}".encode("ascii")).hexdigest()
        signature = hmac.digest(self._key, (self._to_sign + canonical).encode("ascii"), "sha256").hex()
        return f"GET {path}{self._before}{signature}{self._after}".encode("ascii")

    def _turn(self, second: int) -> None:
        own, place = self._credentials(), self._place
        moment = f"{datetime.fromtimestamp(second, UTC):%Y%m%dT%H%M%SZ}"
        scope = f"{moment[:8]}/{place.region}/s3/aws4_request"
        if not all(_VISIBLE.fullmatch(str(own[name])) for name in ("access_key_id", "token") if own.get(name)):
            raise ValueError("credentials with other than visible characters")
        signed = {"host": place.authority, "x-amz-content-sha256": _NOTHING, "x-amz-date": moment}
        if own.get("token"):
            signed["x-amz-security-token"] = str(own["token"])
        names = ";".join(signed)
        lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
        self._canonical = f"\n{lines}\n{names}\n{_NOTHING}"
        self._to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n"
        sent = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        who = f"AWS4-HMAC-SHA256 Credential={own['access_key_id']}/{scope}, SignedHeaders={names}, Signature="
        self._before = f" HTTP/1.1\r\n{sent}user-agent: auditor\r\naccept: */*\r\nauthorization: {who}"
        self._after = "\r\n\r\n"
        self._key = f"AWS4{own['secret_access_key']}".encode()
        for part in scope.split("/"):
            self._key = hmac.digest(self._key, part.encode(), "sha256")
        self._second = second


@dataclass(frozen=True, slots=True)
class Promise:
    """What the head of an answer says of its body: how long it is, and whether the connection lasts beyond it."""

    length: int
    lasts: bool


def promise_of(head: bytes) -> Promise | None:
    """Return what a head says when it begins a whole object of known length; None for every other answer.

    Args:
        head: from the first byte to the line end before the empty line.
    """
    text = head.lower()
    if not text.startswith(b"http/1.1 200 ") or b"\r\ntransfer-encoding:" in text:
        return None
    lengths = _LENGTH.findall(text)
    if len(lengths) != 1 or text.count(b"\r\ncontent-length") != 1:
        return None
    return Promise(int(lengths[0]), _CLOSE.search(text) is None)

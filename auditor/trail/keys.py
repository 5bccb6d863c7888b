"""CloudTrail's public keys: parsed once, named by the MD5 of their own bytes, never by what somebody says. Pure.

Source: CloudTrail API Reference, ListPublicKeys. The value is documented as PKCS#1; SubjectPublicKeyInfo was seen, too.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from auditor.base.period import parse_time, rfc3339


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One published key of a Region. ``key`` is None when the value is no RSA key; ``problem`` then says why."""

    region: str
    fingerprint: str
    """MD5 of ``value``, recomputed here."""
    stated_fingerprint: str
    value: bytes
    valid_from: datetime
    valid_until: datetime
    key: rsa.RSAPublicKey | None
    problem: str = ""

    def signed(self, signature: bytes, message: bytes) -> bool:
        """Tell whether this is a RSASSA-PKCS1-v1_5 signature over SHA-256 of the message by this key."""
        if self.key is None:
            return False
        try:
            self.key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, ValueError):
            return False
        return True

    def document(self) -> dict[str, Any]:
        """Return the JSON form, as archived in a pack and read again by :func:`parse_keys`."""
        return {
            "Value": base64.b64encode(self.value).decode("ascii"),
            "Fingerprint": self.stated_fingerprint,
            "ValidityStartTime": rfc3339(self.valid_from),
            "ValidityEndTime": rfc3339(self.valid_until),
        }


@dataclass(frozen=True, slots=True)
class KeyBook:
    """The keys of all Regions, and the Regions whose keys could not be had, with the error."""

    keys: tuple[PublicKey, ...] = ()
    unavailable: tuple[tuple[str, str], ...] = ()

    def find(self, region: str, fingerprint: str) -> PublicKey | None:
        """Return the key of a Region that has this fingerprint; the window is the caller's question."""
        return self.index().get((region, fingerprint))

    def index(self) -> Mapping[tuple[str, str], PublicKey]:
        """Return the keys by Region and recomputed fingerprint; the longest window wins among equal keys."""
        ordered = sorted(self.keys, key=lambda key: (key.valid_until - key.valid_from, key.valid_from))
        return {(key.region, key.fingerprint): key for key in ordered}

    def document(self) -> dict[str, Any]:
        """Return the JSON form: Region -> ``{"PublicKeyList": [...]}``, sorted."""
        regions: dict[str, list[dict[str, Any]]] = {}
        for key in sorted(self.keys, key=lambda key: (key.region, key.valid_from, key.fingerprint)):
            regions.setdefault(key.region, []).append(key.document())
        return {region: {"PublicKeyList": entries} for region, entries in sorted(regions.items())}


KeySource = Callable[[Sequence[str], datetime, datetime], KeyBook]
"""Returns the public keys of Regions for a span of time; what cannot be had is named in the book."""


def parse_keys(region: str, entries: Iterable[Any]) -> list[PublicKey]:
    """Read ListPublicKeys entries: from boto3 (bytes, datetimes), the CLI or an archive (base64, text or epoch times).

    Entries that are no such thing are left out: a missing key is found later, by the digest that needs it.
    """
    found = []
    for entry in entries:
        if not isinstance(entry, Mapping):
            continue
        value, start, end = _bytes(entry.get("Value")), _time(entry, "Start"), _time(entry, "End")
        if value is None or start is None or end is None:
            continue
        fingerprint = hashlib.md5(value, usedforsecurity=False).hexdigest()
        key, problem = _rsa(value)
        stated = str(entry.get("Fingerprint", "")).lower()
        found.append(PublicKey(region, fingerprint, stated, value, start, end, key, problem))
    return found


def parse_key_file(document: Any, regions: Sequence[str]) -> list[PublicKey]:
    """Read an archived key file.

    Args:
        document: either our archive's form, Region -> ``{"PublicKeyList": [...]}``, or one plain ListPublicKeys
            answer, which then serves every Region in ``regions`` (a fingerprint decides which key a digest needs).
        regions: for which Regions a plain answer counts.
    """
    if not isinstance(document, Mapping):
        return []
    plain = document.get("PublicKeyList")
    if isinstance(plain, list):
        return [key for region in regions for key in parse_keys(region, plain)]
    found = []
    for region, answer in document.items():
        entries = answer.get("PublicKeyList") if isinstance(answer, Mapping) else answer
        if isinstance(entries, list):
            found += parse_keys(str(region), entries)
    return found


def _bytes(value: object) -> bytes | None:
    if isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except (binascii.Error, ValueError):
        return None


def _time(entry: Mapping[str, Any], which: str) -> datetime | None:
    value = entry.get(f"Validity{which}Time")
    try:
        match value:
            case datetime() if value.tzinfo is not None:
                return value.astimezone(UTC)
            case str():
                return parse_time(value)
            case bool():
                return None
            case int() | float():
                return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _rsa(value: bytes) -> tuple[rsa.RSAPublicKey | None, str]:
    try:
        key = serialization.load_der_public_key(value)
    except (ValueError, UnsupportedAlgorithm) as error:
        return None, f"not a public key: {error}"
    if not isinstance(key, rsa.RSAPublicKey):
        return None, "not an RSA key"
    return key, ""

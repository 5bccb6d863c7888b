"""The slow and obvious verifier: written from the specification, one object after the other, sharing no code with ours.

It knows one account, one Region and hourly digests, and answers with sets of keys.
"""

import hashlib
import json
import re
import zlib
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from .bucket import ACCOUNT, HOME, TRAIL, Bucket


@dataclass(slots=True)
class Reference:
    """What the reference found."""

    digests: set[str] = field(default_factory=set)
    """Proved digests that touch the period."""
    valid: set[str] = field(default_factory=set)
    wrong: set[str] = field(default_factory=set)
    """Log files that are there and are not as vouched for."""
    missing: set[str] = field(default_factory=set)
    nobodys: set[str] = field(default_factory=set)
    """Log objects of the period that no proved digest names."""


def strictly(body: bytes) -> bytes | None:
    """Inflate exactly one gzip member, or nothing."""
    stream = zlib.decompressobj(wbits=31)
    try:
        data = stream.decompress(body) + stream.flush()
    except zlib.error:
        return None
    return data if stream.eof and not stream.unused_data else None


def refer(bucket: Bucket, value: bytes, start: datetime, end: datetime) -> Reference:
    """Verify the home Region of a bucket."""
    key = load_der_public_key(value)
    assert isinstance(key, RSAPublicKey)
    fingerprint = hashlib.md5(value, usedforsecurity=False).hexdigest()
    proved: dict[str, dict[str, object]] = {}
    hashed: dict[str, str] = {}
    waiting: set[str] = set()
    for name in bucket.digest_keys(HOME):
        held = bucket.objects[TRAIL.bucket, name]
        data = strictly(held.body)
        try:
            document = json.loads(data or b"")
            text = re.fullmatch(r".*_(\d{8}T\d{6}Z)\.json\.gz", name)
            assert text is not None
            stamp = datetime.strptime(text[1], "%Y%m%dT%H%M%S%z")
            assert datetime.fromisoformat(document["digestEndTime"]) == stamp
            assert document["awsAccountId"] == ACCOUNT
            assert (document["digestS3Bucket"], document["digestS3Object"]) == (TRAIL.bucket, name)
            assert document["digestPublicKeyFingerprint"] == fingerprint
            assert isinstance(document["logFiles"], list)
        except (AssertionError, ValueError, TypeError, KeyError):
            continue
        hashed[name] = hashlib.sha256(data or b"").hexdigest()
        proved[name] = document
        waiting.add(name)
    checked: set[str] = set()
    for name in sorted(proved, reverse=True):
        if signed(
            key, proved[name], hashed[name], bucket.objects[TRAIL.bucket, name].metadata.get("signature", "")
        ) or any(
            proved[other]["previousDigestS3Object"] == name
            and proved[other]["previousDigestHashValue"] == hashed[name]
            and signed(key, proved[name], hashed[name], str(proved[other]["previousDigestSignature"]))
            for other in checked
        ):
            checked.add(name)
    found = Reference()
    named: set[str] = set()
    for name in sorted(checked):
        begin, until = (datetime.fromisoformat(str(proved[name][f"digest{which}Time"])) for which in ("Start", "End"))
        entries = proved[name]["logFiles"]
        assert isinstance(entries, list)
        named |= {entry["s3Object"] for entry in entries}
        if not (begin < end and until > start):
            continue
        found.digests.add(name)
        for entry in entries:
            held_log = bucket.objects.get((TRAIL.bucket, entry["s3Object"]))
            if held_log is None:
                found.missing.add(entry["s3Object"])
                continue
            content = strictly(held_log.body)
            good = content is not None and hashlib.sha256(content).hexdigest() == entry["hashValue"]
            (found.valid if good else found.wrong).add(entry["s3Object"])
    for name in bucket.log_keys(HOME):
        made = datetime.strptime(name.split("_")[-2], "%Y%m%dT%H%M%z")
        if name not in named and start <= made < end:
            found.nobodys.add(name)
    return found


def signed(key: RSAPublicKey, document: dict[str, object], sha256: str, signature: str) -> bool:
    """Tell whether a signature fits a digest."""
    before = document["previousDigestSignature"] or "null"
    place = f"{document['digestS3Bucket']}/{document['digestS3Object']}"
    message = f"{document['digestEndTime']}\n{place}\n{sha256}\n{before}"
    try:
        key.verify(bytes.fromhex(signature), message.encode(), PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True

"""Writes what CloudTrail would deliver: log files and signed, chained digests, byte for byte reproducible.

Pure: no clock, no network, no files. It is the base of the simulated AWS and of the attack tests, and follows the
digest format of the CloudTrail User Guide ("CloudTrail digest file structure"), never the product's own parser, so that
both can be wrong only independently. The signing keys are throw-away: anybody can derive them from their label.

A chain is one account and Region of one trail::

    keys = Keyring("demo", since=datetime(2026, 9, 20, tzinfo=UTC))
    trail = DeliveredTrail("audit", "eu-central-1", "trail-bucket", account="111122223333")
    for stored in deliver(trail, region="eu-west-1", keys=keys, start=..., end=..., records=[...]):
        put(stored.bucket, stored.key, stored.body, stored.metadata)

For single steps (attack tests) use :class:`Chain` itself.
"""

import base64
import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, Literal

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

HOUR: Final = timedelta(hours=1)
KEY_LIFETIME: Final = timedelta(days=30)
"""Length of the validity windows in the keys AWS publishes as samples."""
KEY_OVERLAP: Final = timedelta(days=3)
"""How long the old key stays valid after the new one appeared. Our choice; AWS's samples overlap, too."""
LOG_DELAY: Final = timedelta(minutes=5)
"""From the last event in a log file to its delivery. AWS says "about 5 minutes" on average."""

KeyForm = Literal["pkcs1", "spki"]


# ---------------------------------------------------------------------------------------------------------- keys


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One of CloudTrail's regional signing keys, with the window in which it is published as valid."""

    private: rsa.RSAPrivateKey
    valid_from: datetime
    valid_until: datetime
    form: KeyForm = "pkcs1"

    @property
    def value(self) -> bytes:
        """The DER bytes as ListPublicKeys returns them."""
        form = {
            "pkcs1": serialization.PublicFormat.PKCS1,
            "spki": serialization.PublicFormat.SubjectPublicKeyInfo,
        }[self.form]
        return self.private.public_key().public_bytes(serialization.Encoding.DER, form)

    @property
    def fingerprint(self) -> str:
        """MD5 of the DER bytes: an identifier, as AWS uses it, not a protection."""
        return hashlib.md5(self.value, usedforsecurity=False).hexdigest()

    def sign(self, message: bytes) -> str:
        """Return the hexadecimal RSASSA-PKCS1-v1_5 signature over SHA-256."""
        return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256()).hex()

    def published(self) -> dict[str, Any]:
        """Return the ``PublicKeyList`` entry in the form boto3 hands out: raw bytes and aware times."""
        return {
            "Value": self.value,
            "ValidityStartTime": self.valid_from,
            "ValidityEndTime": self.valid_until,
            "Fingerprint": self.fingerprint,
        }

    def published_json(self) -> dict[str, Any]:
        """Return the entry as it travels on the wire (AWS JSON 1.1): base64 text and epoch seconds."""
        return {
            "Value": base64.b64encode(self.value).decode("ascii"),
            "ValidityStartTime": self.valid_from.timestamp(),
            "ValidityEndTime": self.valid_until.timestamp(),
            "Fingerprint": self.fingerprint,
        }


@dataclass(frozen=True, slots=True)
class Keyring:
    """CloudTrail's keys of all Regions: each Region has its own, and a new one every four weeks.

    Args:
        label: from which the throw-away keys are derived; the same label gives the same keys everywhere.
        since: when the first key became valid, aware UTC; nothing can be signed before.
        form: how the public keys are encoded; AWS documents PKCS#1 and was seen to publish SubjectPublicKeyInfo.
        shared: use one key sequence for all Regions: less faithful, and quicker where many Regions are written.
    """

    label: str
    since: datetime
    form: KeyForm = "pkcs1"
    shared: bool = False

    def key_for(self, region: str, moment: datetime) -> SigningKey:
        """Return the key with which CloudTrail signs in ``region`` at ``moment``."""
        step = KEY_LIFETIME - KEY_OVERLAP
        return self._key(region, max(0, (moment - self.since) // step))

    def public_keys(self, region: str, start: datetime, end: datetime) -> list[SigningKey]:
        """Return the keys of ``region`` whose window touches ``[start, end]``: ListPublicKeys' answer."""
        step = KEY_LIFETIME - KEY_OVERLAP
        first, last = (start - self.since) // step - 1, (end - self.since) // step
        keys = [self._key(region, number) for number in range(max(0, first), last + 1)]
        return [key for key in keys if key.valid_from <= end and key.valid_until >= start]

    def _key(self, region: str, number: int) -> SigningKey:
        start = self.since + number * (KEY_LIFETIME - KEY_OVERLAP)
        place = "all" if self.shared else region
        private = throwaway_key(f"{self.label}/{place}/{number}")
        return SigningKey(private, start, start + KEY_LIFETIME, self.form)


@lru_cache(maxsize=256)
def throwaway_key(label: str) -> rsa.RSAPrivateKey:
    """Derive an RSA-2048 key from a label: reproducible, and therefore worthless as a secret."""
    exponent = 65537
    p, q = (_prime(f"{label}/{name}", exponent) for name in "pq")
    d = pow(exponent, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), rsa.rsa_crt_iqmp(p, q), rsa.RSAPublicNumbers(exponent, p * q)
    )
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


@lru_cache(maxsize=1)
def _small_primes() -> tuple[int, ...]:
    sieve = bytearray([1]) * 20_000
    for n in range(2, 142):
        if sieve[n]:
            sieve[n * n :: n] = bytes(len(range(n * n, len(sieve), n)))
    return tuple(n for n in range(3, len(sieve)) if sieve[n])


def _prime(label: str, exponent: int, bits: int = 1024) -> int:
    """Return the first probable prime at or after a number drawn from the label."""
    seed = b"".join(hashlib.sha512(f"{label}/{part}".encode()).digest() for part in range(bits // 512))
    start = int.from_bytes(seed, "big") | (3 << (bits - 2)) | 1
    span = 16_384  # odd candidates start, start + 2, ...; a gap this wide does not occur
    alive = bytearray([1]) * span
    for small in _small_primes():
        first = (-start * pow(2, -1, small)) % small
        alive[first::small] = bytes(len(range(first, span, small)))
    for step in range(span):
        candidate = start + 2 * step
        # Fermat to base 2 finds composites as surely as Miller-Rabin here: the numbers are not chosen by an adversary.
        if alive[step] and (candidate - 1) % exponent and pow(2, candidate - 1, candidate) == 1:
            return candidate
    raise ValueError(f"no prime near the label {label!r}")


# ------------------------------------------------------------------------------------------------------- objects


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it lies in the bucket; ``metadata`` keys are without ``x-amz-meta-``."""

    bucket: str
    key: str
    body: bytes
    metadata: Mapping[str, str]
    last_modified: datetime


@dataclass(frozen=True, slots=True)
class DeliveredTrail:
    """Where a trail writes. ``account`` owns the trail; an organization trail writes for its members, too."""

    name: str
    home_region: str
    bucket: str
    account: str
    prefix: str = ""
    organization: str | None = None
    partition: str = "aws"

    @property
    def arn(self) -> str:
        """The trail's ARN."""
        return f"arn:{self.partition}:cloudtrail:{self.home_region}:{self.account}:trail/{self.name}"

    def folder(self, account: str, kind: str, region: str, moment: datetime) -> str:
        """Return the key up to and including the last slash."""
        parts = [self.prefix, "AWSLogs", self.organization or "", account, kind, region, f"{moment:%Y/%m/%d}"]
        return "/".join(part for part in parts if part) + "/"

    def log_key(self, account: str, region: str, delivered: datetime, unique: str) -> str:
        """Return the key of a log file; its time is to the minute."""
        folder = self.folder(account, "CloudTrail", region, delivered)
        return f"{folder}{account}_CloudTrail_{region}_{delivered:%Y%m%dT%H%MZ}_{unique}.json.gz"

    def digest_key(self, account: str, region: str, end: datetime, *, backfill: bool = False) -> str:
        """Return the key of a digest; its time is the digest's end, to the second."""
        folder = self.folder(account, "CloudTrail-Digest", region, end)
        tail = "_backfill" if backfill else ""
        name = f"{account}_CloudTrail-Digest_{region}_{self.name}_{self.home_region}_{end:%Y%m%dT%H%M%SZ}{tail}"
        return f"{folder}{name}.json.gz"


def gzipped(data: bytes) -> bytes:
    """Compress to one gzip member without time or name, so that equal input gives equal bytes."""
    return gzip.compress(data, compresslevel=6, mtime=0)


def utc_text(moment: datetime) -> str:
    """Write a time as CloudTrail does: whole seconds and a Z."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _event_times(records: Sequence[Mapping[str, Any]]) -> tuple[str | None, str | None]:
    times = sorted(str(record["eventTime"]) for record in records if record.get("eventTime"))
    return (times[-1], times[0]) if times else (None, None)


# --------------------------------------------------------------------------------------------------------- chains


@dataclass(slots=True)
class Chain:
    """The deliveries of one trail from one account and Region, in order. Mutable: each call is CloudTrail's next act.

    Args:
        trail: where to write.
        region: from which Region the events come.
        keys: the signing keys.
        account: whose events; the trail's own account unless it is an organization trail.
    """

    trail: DeliveredTrail
    region: str
    keys: Keyring
    account: str = ""
    since: datetime | None = None
    """Start of the digest being gathered; None while logging is off."""
    pending: list[dict[str, Any]] = field(default_factory=list)
    previous: tuple[str, str, str, str] | None = None
    """Bucket, key, SHA-256 and signature of the last hourly digest; None right after a start."""
    previous_backfill: tuple[str, str, str, str] | None = None

    def __post_init__(self) -> None:
        self.account = self.account or self.trail.account

    def start(self, at: datetime) -> None:
        """StartLogging (or validation switched on): the next digest is a starting digest."""
        self.since, self.previous, self.pending = at, None, []

    def stop(self, at: datetime) -> StoredObject:
        """StopLogging or DeleteTrail: write the final digest and deliver nothing until the next start."""
        final = self.digest(at)
        self.since = None
        return final

    def log(self, delivered: datetime, records: Sequence[Mapping[str, Any]], *, listed: bool = True) -> StoredObject:
        """Deliver one log file, to be listed in the next digest unless ``listed`` is false."""
        body = json.dumps({"Records": list(records)}, separators=(",", ":"), ensure_ascii=False).encode()
        return self.log_bytes(delivered, body, *_event_times(records), listed=listed)

    def log_bytes(
        self,
        delivered: datetime,
        inflated: bytes,
        newest: str | None = None,
        oldest: str | None = None,
        *,
        listed: bool = True,
    ) -> StoredObject:
        """Deliver given bytes as a log file, whatever they are."""
        seed = f"{self.trail.arn}/{self.account}/{self.region}/{delivered.isoformat()}/".encode()
        unique = base64.b32encode(hashlib.sha256(seed + inflated).digest())[:16].decode("ascii")
        key = self.trail.log_key(self.account, self.region, delivered, unique)
        if listed:
            self.pending.append(self.entry(key, inflated, newest, oldest))
        return StoredObject(self.trail.bucket, key, gzipped(inflated), {}, delivered)

    def entry(self, key: str, inflated: bytes, newest: str | None = None, oldest: str | None = None) -> dict[str, Any]:
        """Return the ``logFiles`` entry that vouches for these bytes under this key."""
        return {
            "s3Bucket": self.trail.bucket,
            "s3Object": key,
            "hashValue": hashlib.sha256(inflated).hexdigest(),
            "hashAlgorithm": "SHA-256",
            "newestEventTime": newest,
            "oldestEventTime": oldest,
        }

    def digest(self, end: datetime, changes: Mapping[str, Any] | None = None) -> StoredObject:
        """Close the digest that began at ``since`` and open the next one.

        Args:
            end: its end, aware UTC.
            changes: fields to set before hashing and signing: what only AWS, or its key, could do.

        Raises:
            ValueError: logging is off.
        """
        if self.since is None:
            raise ValueError("logging is off: no digest is being gathered")
        entries, self.pending = self.pending, []
        key = self.trail.digest_key(self.account, self.region, end)
        document = self._document(key, self.since, end, entries, self.previous) | dict(changes or {})
        stored, self.previous = self._signed(key, document, end, {})
        self.since = end
        return stored

    def backfill(
        self,
        start: datetime,
        end: datetime,
        generated: datetime,
        entries: Sequence[dict[str, Any]],
        *,
        linked: bool = True,
        changes: Mapping[str, Any] | None = None,
    ) -> StoredObject:
        """Write a backfill digest for log files that the hourly digest of ``[start, end)`` missed.

        How AWS links these is not documented: ``linked`` chooses a pointer to the previous backfill digest or none.
        """
        key = self.trail.digest_key(self.account, self.region, end, backfill=True)
        before = self.previous_backfill if linked else None
        document = self._document(key, start, end, list(entries), before) | dict(changes or {})
        extra = {"backfill-generation-timestamp": utc_text(generated)}
        stored, self.previous_backfill = self._signed(key, document, generated, extra)
        return stored

    def _document(
        self,
        key: str,
        start: datetime,
        end: datetime,
        entries: list[dict[str, Any]],
        previous: tuple[str, str, str, str] | None,
    ) -> dict[str, Any]:
        newest = sorted(str(entry["newestEventTime"]) for entry in entries if entry["newestEventTime"])
        oldest = sorted(str(entry["oldestEventTime"]) for entry in entries if entry["oldestEventTime"])
        bucket, name, digest_hash, signature = previous or (None, None, None, None)
        return {
            "awsAccountId": self.account,
            "digestStartTime": utc_text(start),
            "digestEndTime": utc_text(end),
            "digestS3Bucket": self.trail.bucket,
            "digestS3Object": key,
            "digestPublicKeyFingerprint": self.keys.key_for(self.region, end).fingerprint,
            "digestSignatureAlgorithm": "SHA256withRSA",
            "newestEventTime": newest[-1] if newest else None,
            "oldestEventTime": oldest[0] if oldest else None,
            "previousDigestS3Bucket": bucket,
            "previousDigestS3Object": name,
            "previousDigestHashValue": digest_hash,
            "previousDigestHashAlgorithm": "SHA-256" if previous else None,
            "previousDigestSignature": signature,
            "logFiles": entries,
        }

    def _signed(
        self, key: str, document: dict[str, Any], made: datetime, extra: dict[str, str]
    ) -> tuple[StoredObject, tuple[str, str, str, str]]:
        inflated = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
        signature = self.keys.key_for(self.region, made).sign(data_to_sign(document, inflated))
        metadata = {"signature": signature, "signature-algorithm": "SHA256withRSA", **extra}
        stored = StoredObject(self.trail.bucket, key, gzipped(inflated), metadata, made + timedelta(minutes=2))
        return stored, (self.trail.bucket, key, hashlib.sha256(inflated).hexdigest(), signature)


def data_to_sign(document: Mapping[str, Any], inflated: bytes) -> bytes:
    """Return the four lines CloudTrail signs (User Guide, "Custom implementations of log file validation")."""
    return "\n".join(
        (
            str(document["digestEndTime"]),
            f"{document['digestS3Bucket']}/{document['digestS3Object']}",
            hashlib.sha256(inflated).hexdigest(),
            document["previousDigestSignature"] or "null",
        )
    ).encode()


# ------------------------------------------------------------------------------------------------ a whole period


def deliver(
    trail: DeliveredTrail,
    *,
    region: str,
    keys: Keyring,
    start: datetime,
    end: datetime,
    records: Iterable[Mapping[str, Any]],
    account: str = "",
    stopped: Sequence[tuple[datetime, datetime]] = (),
    every: timedelta = timedelta(minutes=15),
) -> Iterator[StoredObject]:
    """Write everything one account and Region deliver from ``start`` to ``end``, oldest first.

    Logging begins at ``start`` with a starting digest; digests follow every hour, counted from there.

    Args:
        trail: where to write.
        region: from which Region the records come.
        keys: the signing keys.
        start: when logging began, aware UTC.
        end: until when deliveries are wanted, aware UTC; what is still pending then is not written.
        records: CloudTrail records with an ``eventTime``, in any order.
        account: whose records; the trail's account when empty.
        stopped: spans without logging; each ends the chain with a final digest and starts a new one. Records of events
            inside such a span are not delivered; the StopLogging and StartLogging calls at its two ends are.
        every: into spans of this length records are gathered, one log file each; it should divide an hour.
    """
    chain = Chain(trail, region, keys, account)
    pauses = sorted(stopped)
    logged = [
        (moment, record)
        for record in records
        if start <= (moment := datetime.fromisoformat(str(record["eventTime"]))) < end
        and not any(off < moment < on for off, on in pauses)
    ]
    logged.sort(key=lambda pair: pair[0])
    spans = zip([start, *(on for _, on in pauses)], [*(off for off, _ in pauses), end], strict=True)
    for begins, ends in spans:
        inside = [(moment, record) for moment, record in logged if begins <= moment <= ends]
        yield from _deliver_span(chain, begins, ends, inside, every, final=ends != end)


def _deliver_span(
    chain: Chain,
    begins: datetime,
    ends: datetime,
    logged: Sequence[tuple[datetime, Mapping[str, Any]]],
    every: timedelta,
    *,
    final: bool,
) -> Iterator[StoredObject]:
    batches: dict[datetime, list[Mapping[str, Any]]] = {}
    for moment, record in logged:
        slot = begins + ((moment - begins) // every + 1) * every + LOG_DELAY
        last = max(begins, ends - timedelta(minutes=1))
        batches.setdefault(min(slot, last) if final else slot, []).append(record)
    chain.start(begins)
    boundary = begins + HOUR
    for delivered in sorted(batches):
        while delivered >= boundary and boundary <= ends:
            yield chain.digest(boundary)
            boundary += HOUR
        if delivered < ends:
            yield chain.log(delivered, batches[delivered])
    while boundary <= ends:
        yield chain.digest(boundary)
        boundary += HOUR
    if final and chain.since != ends:
        yield chain.stop(ends)
    elif final:
        chain.since = None

"""Parses and verifies one digest file: bytes, metadata and keys in, a value and findings out. Opens nothing.

Source: CloudTrail User Guide, "CloudTrail digest file structure" and "Custom implementations of CloudTrail log file
integrity validation". What the successor alone can prove (lost signature metadata) is left to ``chain``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final

from auditor.base.untrusted import parse_json
from auditor.trail.findings import Certainty, Finding
from auditor.trail.gunzip import Damaged, inflate
from auditor.trail.keys import PublicKey
from auditor.trail.names import DigestName

INFLATED_LIMIT: Final = 1 << 26
"""A digest entry takes some 350 bytes: 64 MiB hold 190,000 log files in one hour."""
SIGNATURE_ALGORITHM: Final = "SHA256withRSA"
HASH_ALGORITHM: Final = "SHA-256"
SIGNING_DELAY: Final = timedelta(hours=2)
"""A digest is signed after its end, so its key may begin later than that (aws-cli pull request 10072)."""
LONGEST: Final = timedelta(days=1)
"""Digests are hourly; nothing is known of longer ones, and a forged week would hide a hole."""
BACKFILL_SLACK: Final = timedelta(hours=1)

_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
_HEX: Final = re.compile(r"[0-9a-f]+")
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class RawDigest:
    """A digest as it was fetched; ``metadata`` keys are lower-case and without ``x-amz-meta-``."""

    bucket: str
    key: str
    name: DigestName
    body: bytes
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A log file as a digest vouches for it."""

    bucket: str
    key: str
    sha256: str
    """Lower-case hexadecimal; empty when the digest names an algorithm we do not know."""
    algorithm: str


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a digest says about its predecessor."""

    bucket: str
    key: str
    sha256: str
    signature: str


@dataclass(frozen=True, slots=True)
class Digest:
    """The content of one digest, parsed. Only worth something once proved."""

    start: datetime
    end: datetime
    fingerprint: str
    message: bytes
    """The data to sign."""
    sha256: str
    previous: Pointer | None
    logs: tuple[LogEntry, ...]


class Proof(Enum):
    """How far a digest is proved."""

    VALID = "valid"
    """Signature, place, name and key hold."""
    OPEN = "open"
    """The content is consistent, but its own signature or key does not prove it: the successor may."""
    FAILED = "failed"
    """It is not what CloudTrail signed for this place."""
    UNREADABLE = "unreadable"
    """It could not be fetched."""


@dataclass(frozen=True, slots=True)
class CheckedDigest:
    """One digest with its judgement so far."""

    bucket: str
    key: str
    name: DigestName
    proof: Proof
    signature: str
    """Signature metadata as stored; empty when there is none."""
    digest: Digest | None
    findings: tuple[Finding, ...] = ()
    key_used: PublicKey | None = None

    @property
    def start(self) -> datetime:
        """Begin of what it covers; for an unreadable one an hour before the time in its name."""
        return self.name.end - timedelta(hours=1) if self.digest is None else self.digest.start

    @property
    def end(self) -> datetime:
        """End of what it covers."""
        return self.name.end

    @property
    def pointer(self) -> Pointer | None:
        """What it says about its predecessor, once it is proved itself."""
        return self.digest.previous if self.digest is not None and self.proof is Proof.VALID else None


class _Malformed(Exception):  # noqa: N818 - never leaves this module
    pass


class _Refused(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, kind: str, expected: str, found: str) -> None:
        super().__init__(kind)
        self.reason = (kind, expected, found)


def finding(
    name: DigestName,
    key: str,
    kind: str,
    expected: str,
    found: str,
    sentence: str,
    certainty: Certainty = "shown",
) -> Finding:
    """Make a finding about a digest."""
    at = name.end - timedelta(hours=1)
    return Finding(kind, key, name.account, name.region, at, expected, found, certainty, sentence)


def unreadable(bucket: str, key: str, name: DigestName, code: str) -> CheckedDigest:
    """Return the judgement of a digest that could not be fetched."""
    problem = finding(
        name,
        key,
        "digest_unreadable",
        "the digest can be read",
        code,
        f"Digest file {key} could not be read ({code}), so the hour it covers is not vouched for.",
    )
    return CheckedDigest(bucket, key, name, Proof.UNREADABLE, "", None, (problem,))


def check_digest(raw: RawDigest, keys: Mapping[tuple[str, str], PublicKey]) -> CheckedDigest:
    """Verify one digest by itself.

    The steps, numbered as in the blocks below:

    1. It is one complete gzip member of bounded size.
    2. It is a digest document.
    3. Its name repeats its end time and account.
    4. It was signed for the bucket and key it was fetched from.
    5. Its algorithm is SHA256withRSA and nothing weaker.
    6. Its key is published for its Region and hashes to the fingerprint named.
    7. The key's validity touches the time of signing.
    8. The signature in its metadata fits.

    Args:
        raw: the fetched object.
        keys: public keys by Region and recomputed fingerprint.
    """
    try:
        digest = _read(raw)
    except _Refused as refusal:
        signature = raw.metadata.get("signature", "")
        return CheckedDigest(
            raw.bucket, raw.key, raw.name, Proof.FAILED, signature, None, (_finding(raw, *refusal.reason),)
        )
    key, findings = keys.get((raw.name.region, digest.fingerprint)), _metadata_findings(raw)
    proof = Proof.VALID
    try:
        _check_key(raw, digest, key)
        _check_signature(raw, digest, key)
    except _Refused as refusal:
        proof = Proof.OPEN if refusal.reason[0] in _OPEN_KINDS else Proof.FAILED
        findings.append(_finding(raw, *refusal.reason))
    if key is not None and key.stated_fingerprint not in {"", key.fingerprint}:
        findings.append(_finding(raw, "key_fingerprint_differs", key.fingerprint, _text(key.stated_fingerprint)))
    signature = raw.metadata.get("signature", "")
    return CheckedDigest(raw.bucket, raw.key, raw.name, proof, signature, digest, tuple(findings), key)


def _read(raw: RawDigest) -> Digest:
    # (1) gzip
    try:
        inflated = inflate(raw.body, INFLATED_LIMIT, keep=True)
    except Damaged as damage:
        raise _Refused("digest_damaged", "one complete gzip member", damage.detail) from damage

    # (2) document
    try:
        digest, document = _parse(inflated.data or b"", inflated.sha256)
    except _Malformed as problem:
        raise _Refused("digest_malformed", "a digest document", str(problem)) from problem

    # (3) name
    if digest.end != raw.name.end:
        expected = f"digestEndTime {raw.name.end:%Y-%m-%dT%H:%M:%SZ}"
        raise _Refused("digest_misnamed", expected, _text(document["digestEndTime"]))
    if document.get("awsAccountId") != raw.name.account:
        expected = f"awsAccountId {raw.name.account}"
        raise _Refused("digest_misnamed", expected, _text(document.get("awsAccountId")))
    if not timedelta(0) <= digest.end - digest.start <= LONGEST:
        expected = "digestStartTime at most a day before the end"
        raise _Refused("digest_misnamed", expected, _text(document["digestStartTime"]))

    # (4) place
    place = f"{document['digestS3Bucket']}/{document['digestS3Object']}"
    if place != f"{raw.bucket}/{raw.key}":
        raise _Refused("digest_moved", f"signed for {_text(place)}", f"{raw.bucket}/{raw.key}")

    # (5) algorithm
    algorithm = document.get("digestSignatureAlgorithm")
    if algorithm != SIGNATURE_ALGORITHM:
        raise _Refused("digest_algorithm", SIGNATURE_ALGORITHM, _text(algorithm))
    return digest


def _check_key(raw: RawDigest, digest: Digest, key: PublicKey | None) -> None:
    # (6) key
    if key is None:
        expected = f"public key {_text(digest.fingerprint)} in {raw.name.region}"
        raise _Refused("key_not_found", expected, "no such key among those published")
    if key.key is None:
        raise _Refused("key_unusable", "an RSA public key", key.problem)

    # (7) validity
    earliest, latest = _signing_window(raw, digest)
    if key.valid_from > latest or key.valid_until < earliest:
        window = f"valid {key.valid_from:%Y-%m-%dT%H:%MZ} to {key.valid_until:%Y-%m-%dT%H:%MZ}"
        raise _Refused("key_outside_validity", f"a key valid around {digest.end:%Y-%m-%dT%H:%M:%SZ}", window)


def _check_signature(raw: RawDigest, digest: Digest, key: PublicKey | None) -> None:
    # (8) signature
    signature = raw.metadata.get("signature", "")
    if not signature:
        raise _Refused("digest_unproved", "a signature in its metadata or in its successor", "no signature")
    if not _HEX.fullmatch(signature) or len(signature) % 2:
        raise _Refused("digest_altered", "a hexadecimal signature", "something else in the metadata")
    if key is None or not key.signed(bytes.fromhex(signature), digest.message):
        raise _Refused("digest_altered", "a signature that fits the content", "the signature does not verify")


def _metadata_findings(raw: RawDigest) -> list[Finding]:
    """Judge the metadata beside the signature. None of it is signed."""
    found = []
    stated = raw.metadata.get("signature-algorithm")
    if stated is not None and stated != SIGNATURE_ALGORITHM:
        found.append(_finding(raw, "signature_metadata_altered", SIGNATURE_ALGORITHM, _text(stated)))
    if stated is None and raw.metadata.get("signature"):
        found.append(_finding(raw, "signature_metadata_lost", "signature-algorithm metadata", "none"))
    if raw.name.backfill:
        text = raw.metadata.get("backfill-generation-timestamp")
        if text is None:
            found.append(_finding(raw, "backfill_timestamp_lost", "backfill-generation-timestamp metadata", "none"))
        elif (moment := _iso(text)) is None or moment < raw.name.end:
            expected = f"a time after {raw.name.end:%Y-%m-%dT%H:%M:%SZ}"
            found.append(_finding(raw, "backfill_timestamp_altered", expected, _text(text)))
    return found


def _signing_window(raw: RawDigest, digest: Digest) -> tuple[datetime, datetime]:
    """Return when the digest can have been signed."""
    if raw.name.backfill:
        generated = _iso(raw.metadata.get("backfill-generation-timestamp", ""))
        if generated is not None and generated >= digest.end:
            return generated - BACKFILL_SLACK, generated + BACKFILL_SLACK
        return digest.start, datetime.max.replace(tzinfo=UTC)  # unknown, and any later key is possible
    return digest.start, digest.end + SIGNING_DELAY


def prove_by_successor(checked: CheckedDigest, pointer: Pointer) -> CheckedDigest:
    """Prove an open digest by what its proved successor signed about it.

    Args:
        checked: a digest whose own metadata proves nothing.
        pointer: the previousDigest* fields of a proved successor that names it.

    Returns:
        The digest as VALID, with a note or with the altered metadata named; unchanged when the successor
        contradicts.
    """
    digest = checked.digest
    if checked.proof is not Proof.OPEN or digest is None or pointer.sha256.lower() != digest.sha256:
        return checked
    signature = pointer.signature
    kept = tuple(item for item in checked.findings if item.kind not in _OPEN_KINDS)
    kinds = {item.kind for item in checked.findings} & _OPEN_KINDS
    key = checked.key_used
    if key is not None and not (_HEX.fullmatch(signature) and key.signed(bytes.fromhex(signature), digest.message)):
        return checked
    kind = "signature_metadata_altered" if "digest_altered" in kinds else "signature_metadata_lost"
    found = "other signature metadata" if checked.signature else "no signature metadata"
    if key is None or key.key is None:
        kind, found = "proved_by_successor", "no usable public key for its own signature"
    note = finding(
        checked.name,
        checked.key,
        kind,
        "signature metadata that proves the digest",
        found,
        f"Digest file {checked.key} is proved by the hash and signature in its successor; it itself has {found}.",
    )
    return replace(checked, proof=Proof.VALID, findings=(*kept, note))


_OPEN_KINDS: Final = frozenset({"digest_unproved", "digest_altered", "key_not_found", "key_unusable"})

_SENTENCES: Final[Mapping[str, str]] = {
    "digest_altered": "Digest file {key} is not what CloudTrail signed: {found}.",
    "digest_damaged": "Digest file {key} is not a complete gzip file: {found}.",
    "digest_malformed": "Digest file {key} is not a digest document: {found}.",
    "digest_moved": "Digest file {key} was signed for another place ({expected}).",
    "digest_misnamed": "Digest file {key} contradicts its own name: {expected} was expected, {found} was found.",
    "digest_algorithm": "Digest file {key} names the signature algorithm {found}; only {expected} is accepted.",
    "digest_unproved": "Digest file {key} has no signature metadata, and no successor proves it.",
    "signature_metadata_altered": "The signature metadata of digest file {key} says {found} instead of {expected}.",
    "signature_metadata_lost": "Digest file {key} has lost a part of its signature metadata: {expected}.",
    "backfill_timestamp_lost": "Backfill digest {key} has lost its generation time; its key was checked without it.",
    "backfill_timestamp_altered": "Backfill digest {key} states the generation time {found}; expected {expected}.",
    "key_not_found": "Digest file {key} cannot be checked: {expected} is not among the keys published.",
    "key_unusable": "Digest file {key} cannot be checked: the key it names is unusable ({found}).",
    "key_fingerprint_differs": "The key of digest file {key} is published as {found}, but hashes to {expected}.",
    "key_outside_validity": "Digest file {key} is signed with a key that was not valid then ({found}).",
}


def _finding(raw: RawDigest, kind: str, expected: str, found: str) -> Finding:
    sentence = _SENTENCES[kind].format(key=raw.key, expected=expected, found=found)
    return finding(raw.name, raw.key, kind, expected, found, sentence)


def _text(value: object) -> str:
    """Quote a hostile value shortly."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."  # noqa: PLR2004 - long enough for any honest key


def _iso(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None


# ------------------------------------------------------------------------------------------------------- parsing


def _parse(data: bytes, sha256: str) -> tuple[Digest, dict[str, Any]]:
    try:
        document = parse_json(data)
    except ValueError as error:
        raise _Malformed(f"not JSON ({error})") from error
    if not isinstance(document, dict):
        raise _Malformed("not a JSON object")
    start, end = _digest_time(document, "digestStartTime"), _digest_time(document, "digestEndTime")
    fields = ("digestEndTime", "digestS3Bucket", "digestS3Object", "digestPublicKeyFingerprint")
    end_text, bucket, key, fingerprint = (_string(document, field) for field in fields)
    previous = _pointer(document)
    signature = "null" if previous is None else previous.signature
    message = "\n".join((end_text, f"{bucket}/{key}", sha256, signature)).encode("utf-8", "surrogatepass")
    entries = document.pop("logFiles", None)
    if not isinstance(entries, list):
        raise _Malformed("logFiles is not a list")
    for index, entry in enumerate(entries):  # in place: thousands of entries need not stand there twice
        entries[index] = _log_entry(entry)
    return Digest(start, end, fingerprint.lower(), message, sha256, previous, tuple(entries)), document


def _string(document: Mapping[str, Any], field: str) -> str:
    value = document.get(field)
    if not isinstance(value, str) or not value:
        raise _Malformed(f"{field} is missing")
    return value


def _digest_time(document: Mapping[str, Any], field: str) -> datetime:
    text = _string(document, field)
    try:
        if _TIME.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    raise _Malformed(f"{field} is not a time: {_text(text)}")


def _pointer(document: Mapping[str, Any]) -> Pointer | None:
    names = tuple(f"previousDigest{name}" for name in ("S3Bucket", "S3Object", "HashValue", "Signature"))
    if all(document.get(name) is None for name in names):
        return None
    bucket, key, sha256, signature = (_string(document, name) for name in names)
    if document.get("previousDigestHashAlgorithm") != HASH_ALGORITHM or not _SHA256.fullmatch(sha256):
        raise _Malformed("the previous digest's hash is no SHA-256")
    return Pointer(bucket, key, sha256, signature)


def _log_entry(entry: object) -> LogEntry:
    if not isinstance(entry, dict):
        raise _Malformed("an entry of logFiles is not an object")
    algorithm = entry.get("hashAlgorithm")
    value = _string(entry, "hashValue")
    known = algorithm == HASH_ALGORITHM and _SHA256.fullmatch(value) is not None
    bucket, key = _string(entry, "s3Bucket"), _string(entry, "s3Object")
    return LogEntry(bucket, key, value.lower(), HASH_ALGORITHM) if known else LogEntry(bucket, key, "", str(algorithm))

"""Puts a pack into an S3 bucket file by file: each with its own SHA-256, none over another, the manifest last.

A reader takes a folder without ``manifest.json`` for an upload that is not finished. Whatever is there already with the
same SHA-256 stays as it is, so an upload that was cut off is finished by repeating it.
"""

import base64
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from auditor.base.counts import counted
from auditor.base.errors import AuditorError, UsageError
from auditor.base.period import rfc3339

OPERATION: Final = "s3:PutObject"
COMMIT: Final = "manifest.json"
"""Goes last: what has it is complete."""
MODES: Final = ("GOVERNANCE", "COMPLIANCE")
MOST_BYTES: Final = 5 * 1024**3
"""Of one PutObject; several parts would have a checksum of checksums, which is no file's."""
MOST_ATTEMPTS: Final = 5
"""While another writer is at the same key (409)."""

_LATE = timedelta(minutes=10)
"""S3 dates an object by its own clock; a lock may be shorter by so much than its days, counted from that date."""
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9!_.*'()/=-]{0,500}")
_HINTS: Final = {
    "AccessDenied": "auditor policy --upload prints the permissions that an upload needs",
    "BadDigest": "the file changed on its way; run the upload again",
    "InvalidRequest": "--object-lock-days needs a bucket with Object Lock",
    "NoSuchBucket": "make the bucket first, with versioning and Object Lock; deploy/ has templates",
}


class UploadError(AuditorError):
    """A pack is not, or not provably, where it was to be; what was uploaded until then stays there."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where packs go, and how long they are kept from deletion.

    Args:
        bucket: its name.
        prefix: without slashes around it; empty for none.
        lock_days: of an Object Lock; 0 leaves retention to the bucket.
        lock_mode: one of :data:`MODES`.
    """

    bucket: str
    prefix: str = ""
    lock_days: int = 0
    lock_mode: str = "GOVERNANCE"

    def key(self, *parts: str) -> str:
        """Return the key of a file below the prefix."""
        return "/".join(part for part in (self.prefix, *parts) if part)

    def url(self, *parts: str) -> str:
        """Return the same with bucket and scheme."""
        return f"s3://{self.bucket}/{self.key(*parts)}"


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as S3 describes it after the upload.

    Args:
        key: in the bucket.
        version_id: empty where the bucket keeps no versions.
        sha256: lower-case hexadecimal, as S3 computed it.
        size: bytes.
        lock_mode: empty without a lock.
        lock_until: end of the lock, RFC 3339; empty without one.
        new: whether this upload put it there.
    """

    key: str
    version_id: str
    sha256: str
    size: int
    lock_mode: str
    lock_until: str
    new: bool

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "key": self.key,
            "version_id": self.version_id,
            "sha256": self.sha256,
            "size": self.size,
            "lock": {"mode": self.lock_mode, "until": self.lock_until} if self.lock_mode else None,
            "new": self.new,
        }


def destination(text: str, *, lock_days: int = 0, lock_mode: str = "GOVERNANCE") -> Destination:
    """Read ``s3://bucket/prefix``.

    Raises:
        UsageError: it is none, or its prefix has characters that need care in a key.
    """
    bucket, _, prefix = text.removeprefix("s3://").partition("/")
    prefix = prefix.rstrip("/")
    sound = text.startswith("s3://") and _BUCKET.fullmatch(bucket) and _PREFIX.fullmatch(prefix)
    if not sound or any(part in {"", ".", ".."} for part in prefix.split("/") if prefix):
        raise UsageError(f"{text!r} is no place for an upload", hint="such as s3://evidence-packs/aws")
    return Destination(bucket, prefix, lock_days, lock_mode)


def upload(
    folder: Path,
    name: str,
    where: Destination,
    client: Any,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    wait: Callable[[float], None] = time.sleep,
    noted: Callable[[Stored], None] = lambda _: None,
    show: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[Stored, ...]:
    """Upload a finished pack, and look at every object afterwards.

    Args:
        folder: of the pack.
        name: below the prefix, such as ``111122223333/2026-10/pack``.
        where: the destination.
        client: an SDK client for S3.
        now: the clock that locks are counted from, aware UTC.
        wait: takes seconds; called between attempts.
        noted: told each object once it is proved to be there.
        show: told how many files are done, and how many there are.

    Raises:
        UploadError: a file is not there with its checksum and lock, or another writer was at work.
    """
    files = tuple(_in_order(folder))
    found: list[Stored] = []
    for number, path in enumerate(files, start=1):
        key = where.key(name, path.relative_to(folder).as_posix())
        try:
            stored = _one(path, key, where, client, now, wait)
        except ClientError as error:
            raise _refused(where, key, error) from error
        except BotoCoreError as error:
            raise UploadError(f"s3://{where.bucket}/{key} was not uploaded: {error}", hint=_again()) from error
        found.append(stored)
        noted(stored)
        show(number, len(files))
    return tuple(found)


def _again() -> str:
    return "repeat it with auditor upload: what is there stays, what is missing is added"


def _in_order(folder: Path) -> Iterator[Path]:
    """Yield every file: evidence and pages, then checksums and signatures, then the manifest.

    Raises:
        UploadError: there is no manifest, or something that is no plain file.
    """
    paths = sorted(folder.rglob("*"))
    strange = [path for path in paths if path.is_symlink() or not (path.is_dir() or path.is_file())]
    if strange:
        raise UploadError(f"{strange[0]} is not a plain file, so {folder} is not uploaded")
    if not (folder / COMMIT).is_file():
        raise UploadError(f"{folder} has no {COMMIT}: it is no finished pack")
    names = [path for path in paths if path.is_file()]
    yield from sorted(names, key=lambda path: (path == folder / COMMIT, path.name.startswith("SHA256SUMS")))


def _one(
    path: Path,
    key: str,
    where: Destination,
    client: Any,
    now: Callable[[], datetime],
    wait: Callable[[float], None],
) -> Stored:
    """Put one file where nothing is yet, and prove what is there afterwards."""
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise UploadError(f"{path} has {counted(size, 'byte')}; one upload takes {MOST_BYTES:,}")
    with path.open("rb") as file:
        checksum = file_digest(file, "sha256").digest()
    version = _put(path, key, checksum, where, client, now, wait)
    return _proved(key, checksum, size, version, where, client)


def _put(
    path: Path,
    key: str,
    checksum: bytes,
    where: Destination,
    client: Any,
    now: Callable[[], datetime],
    wait: Callable[[float], None],
) -> str | None:
    """Return the id of the version that was written; None when there is an object under the key already."""
    lock: dict[str, Any] = {}
    if where.lock_days:
        until = now() + timedelta(days=where.lock_days)
        lock = {"ObjectLockMode": where.lock_mode, "ObjectLockRetainUntilDate": until}
    for attempt in range(1, MOST_ATTEMPTS + 1):
        try:
            with path.open("rb") as body:
                answer = client.put_object(
                    Bucket=where.bucket,
                    Key=key,
                    Body=body,
                    ChecksumAlgorithm="SHA256",
                    ChecksumSHA256=base64.b64encode(checksum).decode(),
                    IfNoneMatch="*",
                    **lock,
                )
        except ClientError as error:
            code = _code(error)
            if code in {"PreconditionFailed", "412"}:
                return None
            if code != "ConditionalRequestConflict" or attempt == MOST_ATTEMPTS:
                raise
            wait(2.0 ** (attempt - 1))
        else:
            return str(answer.get("VersionId") or "")
    raise AssertionError("unreachable")


def _proved(key: str, checksum: bytes, size: int, version: str | None, where: Destination, client: Any) -> Stored:
    """Ask S3 what is under a key, and hold it to what was sent."""
    head = client.head_object(Bucket=where.bucket, Key=key, ChecksumMode="ENABLED")
    place = f"s3://{where.bucket}/{key}"
    try:
        arrived = base64.b64decode(str(head.get("ChecksumSHA256") or ""), validate=True)
    except ValueError:
        arrived = b""
    held = str(head.get("VersionId") or "")
    if arrived != checksum or head.get("ContentLength") != size:
        if version is None:
            raise UploadError(
                f"{place} is there already and is not the file of this pack: "
                f"SHA-256 {arrived.hex() or 'unknown'}, {counted(head.get('ContentLength'), 'byte')}",
                hint="nothing was overwritten; find out who wrote it, or upload to another prefix",
            )
        raise UploadError(f"{place} did not arrive as it was sent: SHA-256 {arrived.hex() or 'unknown'}")
    if version and held != version:
        raise UploadError(f"{place} was written by another writer meanwhile: version {held} covers {version}")
    mode, until = str(head.get("ObjectLockMode") or ""), head.get("ObjectLockRetainUntilDate")
    if where.lock_days:
        _locked(place, head, where)
    return Stored(key, held, checksum.hex(), size, mode, rfc3339(until) if mode and until else "", version is not None)


def _locked(place: str, head: Mapping[str, Any], where: Destination) -> None:
    """Hold a lock to what was asked for; one in COMPLIANCE mode is never less than one in GOVERNANCE mode."""
    mode, until, written = (head.get(name) for name in ("ObjectLockMode", "ObjectLockRetainUntilDate", "LastModified"))
    enough = mode in {where.lock_mode, MODES[1]}
    if not enough or not isinstance(until, datetime) or not isinstance(written, datetime):
        raise UploadError(
            f"{place} has no lock in {where.lock_mode} mode, though one was asked for",
            hint="the bucket must have Object Lock, and the writer s3:PutObjectRetention and s3:GetObjectRetention",
        )
    if until < written + timedelta(days=where.lock_days) - _LATE:
        days = where.lock_days
        raise UploadError(
            f"{place} is locked until {rfc3339(until)}, less than {counted(days, 'day')} from its writing"
        )


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


def _refused(where: Destination, key: str, error: ClientError) -> UploadError:
    code = _code(error)
    code = "AccessDenied" if code == "403" else code
    message = " ".join(str(error.response.get("Error", {}).get("Message", "")).split())[:300]
    return UploadError(f"s3://{where.bucket}/{key} was refused: {code}: {message}", hint=_HINTS.get(code, _again()))


def policy(partition: str, place: str = "", *, kms_keys: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the IAM policy that an upload needs beside that of a run.

    Args:
        partition: ``aws``, ``aws-cn`` ...
        place: ``s3://bucket/prefix``; empty fits any bucket.
        kms_keys: ARNs of the keys with which the bucket encrypts.

    Raises:
        UsageError: the place is none.
    """
    where = destination(place) if place else Destination("*")
    statements: list[dict[str, Any]] = [
        {
            "Sid": "UploadPacks",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:GetObjectRetention", "s3:PutObject", "s3:PutObjectRetention"],
            "Resource": f"arn:{partition}:s3:::{where.bucket}/{where.key('*')}",
        },
        {
            "Sid": "ListPacks",
            "Effect": "Allow",
            "Action": ["s3:ListBucket"],
            "Resource": f"arn:{partition}:s3:::{where.bucket}",
        },
    ]
    if kms_keys:
        statements.append(
            {
                "Sid": "EncryptPacks",
                "Effect": "Allow",
                "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                "Resource": list(kms_keys) if len(kms_keys) > 1 else kms_keys[0],
            }
        )
    return {"Version": "2012-10-17", "Statement": statements}

"""Fetches objects and keys: from S3 through obstore, or from a folder of downloaded objects. Judges nothing.

Every error becomes :class:`Unavailable` with a reason, for one object; nothing here stops a run. Credentials and
settings are the AWS SDK's own chain. Only read calls are made: ListObjectsV2, GetObject, HeadBucket,
ListObjectVersions, ListPublicKeys.
"""

import json
import os
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Any, Final, Literal, Protocol
from urllib.parse import urlsplit

from auditor.errors import CollectionError, UsageError
from auditor.trail.keys import KeyBook, PublicKey, parse_key_file, parse_keys

Reason = Literal["missing", "denied", "archived", "throttled", "broken"]

OBJECT_LIMIT: Final = 1 << 28
"""Stored bytes of one object: 256 MiB. CloudTrail's own files stay below a few dozen."""
ATTEMPTS: Final = 3
FIRST_PAUSE_SECONDS: Final = 0.2
KEY_FILE: Final = "public-keys.json"
METADATA_FILE: Final = "metadata.json"
DIGEST_ZIP: Final = "digests.zip"


class Unavailable(Exception):  # noqa: N818 - a state of an object, recorded and reported, not a failure of the run
    """An object or a listing could not be had.

    Args:
        reason: ``missing`` is a statement about the object; all others only say that we do not know.
        code: the store's error code, or the error's kind.
    """

    def __init__(self, reason: Reason, code: str) -> None:
        super().__init__(f"{reason}: {code}")
        self.reason = reason
        self.code = code


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of a listing."""

    key: str
    size: int
    last_modified: datetime | None
    etag: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """One object."""

    body: bytes
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object."""

    key: str
    version: str
    at: datetime
    deleted: bool
    """A delete marker."""


class ObjectSource(Protocol):
    """Where the objects are. Implementations are safe to call from many threads."""

    remote: bool
    """Whether each call waits for a network, so that many should be under way."""

    def objects(self, bucket: str, prefix: str, after: str) -> Iterator[Listed]:
        """Yield the objects under a prefix that sort after ``after``, in key order. Raises Unavailable, also late."""
        ...

    def folders(self, bucket: str, prefix: str) -> Sequence[str]:
        """Return the names of the folders right under a prefix. Raises Unavailable."""
        ...

    def get(self, bucket: str, key: str) -> Fetched:
        """Return one object. Raises Unavailable."""
        ...

    def read(self, bucket: str, key: str, size: int | None) -> bytes:
        """Return one object's body alone; ``size`` is what a listing said, None when it was not listed."""
        ...

    def versions(self, bucket: str, prefix: str) -> Sequence[Version]:
        """Return at most 1,000 versions under a prefix, newest first; empty where none are kept. Raises Unavailable."""
        ...

    def get_version(self, bucket: str, key: str, version: str) -> Fetched:
        """Return one version of an object. Raises Unavailable."""
        ...


# --------------------------------------------------------------------------------------------------------- folder


class FolderSource:
    """A folder of downloaded objects: ``ROOT/<key>``, or ``ROOT/<bucket>/<key>`` when there is such a folder.

    Metadata is read from ``ROOT/metadata.json`` (key -> metadata) or from ``<file>.metadata.json`` beside an object, in
    the form of ``aws s3api head-object``. Digests may also lie in ``ROOT/digests.zip``, as archived in a pack.
    """

    remote = False

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise UsageError(f"{root} is not a folder", hint="give the folder that holds AWSLogs/")
        self._root = root.resolve()
        self._lock = Lock()

    def objects(self, bucket: str, prefix: str, after: str) -> Iterator[Listed]:
        """Yield files in key order."""
        base = self._base(bucket)
        folder = self._inside(base, prefix)
        sizes = {name: info.file_size for name, info in self._zipped.items() if name.startswith(prefix)}
        if folder is not None and folder.is_dir():
            cut = len(str(base)) + 1
            sizes |= {path[cut:]: size for path, size in _walk(folder)}
        for key in sorted(sizes):
            if key > after and not key.endswith(".metadata.json"):
                yield Listed(key, sizes[key], None, "")

    def folders(self, bucket: str, prefix: str) -> Sequence[str]:
        """Return sub-folders."""
        base = self._base(bucket)
        folder = self._inside(base, prefix)
        names = {name[len(prefix) :].split("/", 1)[0] for name in self._zipped if name.startswith(prefix)}
        if folder is not None and folder.is_dir():
            names |= {path.name for path in folder.iterdir() if path.is_dir()}
        return sorted(names)

    def get(self, bucket: str, key: str) -> Fetched:
        """Read one file with its metadata."""
        path, body = self._content(bucket, key)
        return Fetched(body, self._metadata_of(path, key))

    def _content(self, bucket: str, key: str) -> tuple[Path, bytes]:
        path = self._inside(self._base(bucket), key)
        if path is None:
            raise Unavailable("missing", "the key leaves the folder")
        try:
            if path.is_file():
                if path.stat().st_size > OBJECT_LIMIT:
                    raise Unavailable("broken", f"larger than {OBJECT_LIMIT} bytes")
                return path, path.read_bytes()
            if key in self._zipped:
                return path, self._unzip(key)
        except PermissionError as error:
            raise Unavailable("denied", "PermissionError") from error
        except (OSError, zipfile.BadZipFile, ValueError) as error:
            raise Unavailable("broken", type(error).__name__) from error
        raise Unavailable("missing", "NoSuchKey")

    def read(self, bucket: str, key: str, size: int | None) -> bytes:  # noqa: ARG002
        """Read one file's content."""
        return self._content(bucket, key)[1]

    def versions(self, bucket: str, prefix: str) -> Sequence[Version]:  # noqa: ARG002
        """Return nothing: a folder keeps no versions."""
        return ()

    def get_version(self, bucket: str, key: str, version: str) -> Fetched:  # noqa: ARG002
        """Refuse: a folder keeps no versions."""
        raise Unavailable("missing", "NoSuchVersion")

    def keys(self, regions: Sequence[str], file: Path | None = None) -> KeyBook:
        """Return the archived keys: from ``file``, or from ``ROOT/public-keys.json``."""
        return read_key_file(file or self._root / KEY_FILE, regions)

    def _base(self, bucket: str) -> Path:
        if bucket and "/" not in bucket and bucket not in {".", ".."} and (self._root / bucket).is_dir():
            return self._root / bucket
        return self._root

    @staticmethod
    def _inside(base: Path, key: str) -> Path | None:
        parts = PurePosixPath(key).parts
        if key.startswith("/") or ".." in parts or "\x00" in key or "\\" in key:
            return None
        path = base.joinpath(*parts)
        return path if path.resolve().is_relative_to(base.resolve()) else None

    @cached_property
    def _metadata(self) -> Mapping[str, Mapping[str, str]]:
        return {key: _metadata(value) for key, value in _read_json(self._root / METADATA_FILE).items()}

    def _metadata_of(self, path: Path, key: str) -> Mapping[str, str]:
        if known := self._metadata.get(key):
            return known
        return _metadata(_read_json(path.with_name(path.name + ".metadata.json")))

    @cached_property
    def _zip(self) -> zipfile.ZipFile | None:
        path = self._root / DIGEST_ZIP
        return zipfile.ZipFile(path) if zipfile.is_zipfile(path) else None

    @cached_property
    def _zipped(self) -> Mapping[str, zipfile.ZipInfo]:
        archive = self._zip
        return {} if archive is None else {info.filename: info for info in archive.infolist()}

    def _unzip(self, key: str) -> bytes:
        archive = self._zip
        if archive is None or self._zipped[key].file_size > OBJECT_LIMIT:
            raise ValueError(key)
        with self._lock:
            return archive.read(key)


def _walk(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield path and size of every file below a folder; symbolic links are not followed."""
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        yield entry.path, entry.stat(follow_symlinks=False).st_size
        except OSError as error:
            raise Unavailable("denied", type(error).__name__) from error


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _metadata(value: object) -> Mapping[str, str]:
    """Read metadata in the form of head-object, ours, or raw headers."""
    if not isinstance(value, Mapping):
        return {}
    inner = value.get("Metadata")
    pairs = inner if isinstance(inner, Mapping) else value
    return {str(name).lower().removeprefix("x-amz-meta-"): str(text) for name, text in pairs.items()}


def read_key_file(path: Path, regions: Sequence[str]) -> KeyBook:
    """Read an archived key file; a missing or broken one is reported for every Region, and nothing is verified."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        return KeyBook((), tuple((region, f"{path.name}: {type(error).__name__}") for region in regions))
    keys = parse_key_file(document, regions)
    have = {key.region for key in keys}
    return KeyBook(tuple(keys), tuple((region, f"{path.name} holds none") for region in regions if region not in have))


# ------------------------------------------------------------------------------------------------------------- S3


class S3Source:
    """S3 through obstore, with the SDK's credentials. boto3 itself serves only what obstore lacks.

    Args:
        session: a ``boto3.Session``: profile, SSO, role, environment.
        endpoint_url: overrides the endpoint; otherwise the SDK's own setting (``AWS_ENDPOINT_URL``) counts.
        concurrency: the most requests that will be under way at once.
        retries: how often a refused or throttled request is repeated, with growing pauses.
    """

    remote = True

    def __init__(
        self, session: Any, *, endpoint_url: str | None = None, concurrency: int = 160, retries: int = 6
    ) -> None:
        self._session = session
        self._retries = retries
        self._endpoint_url = endpoint_url
        self._concurrency = concurrency
        self._stores: dict[str, Any] = {}
        self._lock = Lock()

    @cached_property
    def _client(self) -> Any:
        from botocore.config import Config

        config = Config(retries={"mode": "standard", "max_attempts": self._retries + 1}, max_pool_connections=32)
        region = self._session.region_name or "us-east-1"
        return self._session.client("s3", region_name=region, endpoint_url=self._endpoint_url, config=config)

    def _store(self, bucket: str) -> Any:
        with self._lock:
            if bucket not in self._stores:
                self._stores[bucket] = self._open(bucket)
            return self._stores[bucket]

    def _open(self, bucket: str) -> Any:
        from obstore.auth.boto3 import Boto3CredentialProvider
        from obstore.store import S3Store

        if self._session.get_credentials() is None:
            raise CollectionError("no AWS credentials were found", hint="set AWS_PROFILE or pass --profile")
        endpoint = self._client.meta.endpoint_url
        custom = not (urlsplit(endpoint).hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))
        region = self._session.region_name or "us-east-1" if custom else self._bucket_region(bucket)
        options: dict[str, Any] = {"endpoint": endpoint, "virtual_hosted_style_request": False} if custom else {}
        return S3Store(
            bucket,
            region=region,
            credential_provider=Boto3CredentialProvider(self._session),
            client_options={
                "allow_http": endpoint.startswith("http://"),
                "http1_only": True,
                "timeout": timedelta(seconds=120),
                "connect_timeout": timedelta(seconds=10),
                "pool_max_idle_per_host": str(self._concurrency),
            },
            retry_config={
                "max_retries": self._retries,
                "retry_timeout": timedelta(seconds=90),
                "backoff": {
                    "init_backoff": timedelta(milliseconds=50),
                    "max_backoff": timedelta(seconds=5),
                    "base": 2,
                },
            },
            **options,
        )

    def _bucket_region(self, bucket: str) -> str:
        """Ask where the bucket is; S3 answers even when it refuses. Endpoints other than AWS's have no such notion."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.head_bucket(Bucket=bucket)
        except ClientError as error:
            answer = error.response
        except BotoCoreError:
            answer = {}
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        return str(headers.get("x-amz-bucket-region") or self._session.region_name or "us-east-1")

    def objects(self, bucket: str, prefix: str, after: str) -> Iterator[Listed]:
        """List through obstore; through boto3 where a planted name is one that obstore refuses to read."""
        import obstore
        from obstore.exceptions import BaseError

        reached = after
        try:
            for rows in obstore.list(self._store(bucket), prefix, offset=after or None, chunk_size=1000):
                for row in rows:
                    reached = row["path"]
                    yield Listed(row["path"], row["size"], row["last_modified"], row["e_tag"] or "")
        except (BaseError, OSError, ValueError) as error:
            reason = classify(error)
            if reason.reason != "broken":
                raise reason from error
        else:
            return
        yield from self._list_slowly(bucket, prefix, reached)

    def _list_slowly(self, bucket: str, prefix: str, after: str) -> Iterator[Listed]:
        from botocore.exceptions import BotoCoreError, ClientError

        pages = self._client.get_paginator("list_objects_v2")
        try:
            for page in pages.paginate(Bucket=bucket, Prefix=prefix, StartAfter=after):
                for row in page.get("Contents", ()):
                    yield Listed(row["Key"], row["Size"], row["LastModified"], row.get("ETag", ""))
        except (ClientError, BotoCoreError) as error:
            raise _boto_unavailable(error) from error

    def folders(self, bucket: str, prefix: str) -> Sequence[str]:
        """Return the common prefixes under a prefix."""
        from botocore.exceptions import BotoCoreError, ClientError

        pages = self._client.get_paginator("list_objects_v2")
        try:
            return [
                row["Prefix"][len(prefix) :].rstrip("/")
                for page in pages.paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
                for row in page.get("CommonPrefixes", ())
            ]
        except (ClientError, BotoCoreError) as error:
            raise _boto_unavailable(error) from error

    def get(self, bucket: str, key: str) -> Fetched:
        """Read one object with its metadata."""
        result, body = self._transfer(bucket, key, None)
        return Fetched(body, {str(name).lower(): str(value) for name, value in result.attributes.items()})

    def read(self, bucket: str, key: str, size: int | None) -> bytes:
        """Read one object's body. Metadata is not looked at: that alone saves a quarter of the CPU time."""
        return self._transfer(bucket, key, size)[1]

    def _transfer(self, bucket: str, key: str, listed_size: int | None) -> tuple[Any, bytes]:
        """Get an object; a transfer that breaks off is tried again.

        An object whose listed size is within bounds is not measured a second time: the bound guards memory, not truth.
        """
        store = self._stores.get(bucket) or self._store(bucket)
        errors, get = self._obstore
        measured = listed_size is not None and listed_size <= OBJECT_LIMIT
        for attempt in range(ATTEMPTS):
            try:
                result = get(store, key)
                if not measured and result.meta["size"] > OBJECT_LIMIT:
                    raise Unavailable("broken", f"larger than {OBJECT_LIMIT} bytes")
                return result, memoryview(result.bytes())  # type: ignore[return-value]  # read like bytes, not copied
            except errors as error:
                problem = classify(error)
                if problem.reason != "broken" or attempt == ATTEMPTS - 1:
                    raise problem from error
                time.sleep(FIRST_PAUSE_SECONDS * 2**attempt)
        raise Unavailable("broken", "the transfer broke off")

    @cached_property
    def _obstore(self) -> tuple[tuple[type[Exception], ...], Any]:
        import obstore
        from obstore.exceptions import BaseError

        return (BaseError, OSError, ValueError), obstore.get

    def versions(self, bucket: str, prefix: str) -> Sequence[Version]:
        """Ask ListObjectVersions."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.list_object_versions(Bucket=bucket, Prefix=prefix, MaxKeys=1000)
        except (ClientError, BotoCoreError) as error:
            raise _boto_unavailable(error) from error
        rows = [(row, False) for row in answer.get("Versions", ())]
        rows += [(row, True) for row in answer.get("DeleteMarkers", ())]
        found = [
            Version(row["Key"], row["VersionId"], row["LastModified"].astimezone(UTC), deleted)
            for row, deleted in rows
            if row["VersionId"] != "null" or deleted
        ]
        return sorted(found, key=lambda version: (version.at, version.version), reverse=True)

    def get_version(self, bucket: str, key: str, version: str) -> Fetched:
        """Read one version."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.get_object(Bucket=bucket, Key=key, VersionId=version)
            if answer["ContentLength"] > OBJECT_LIMIT:
                raise Unavailable("broken", f"larger than {OBJECT_LIMIT} bytes")
            return Fetched(answer["Body"].read(), {name.lower(): text for name, text in answer["Metadata"].items()})
        except (ClientError, BotoCoreError, OSError) as error:
            raise _boto_unavailable(error) from error


_ARCHIVED: Final = ("InvalidObjectState", "storage class")
_THROTTLED: Final = ("SlowDown", "503", "429", "Throttl", "RequestLimitExceeded", "Too Many Requests")
_MISSING: Final = ("NoSuchKey", "NoSuchBucket", "404 Not Found", "NoSuchVersion")
_DENIED: Final = ("AccessDenied", "403", "401", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken")


def classify(error: Exception) -> Unavailable:
    """Say what an error of the store means for the object."""
    from obstore.exceptions import NotFoundError, PermissionDeniedError, UnauthenticatedError

    text = str(error)
    if any(mark in text for mark in _ARCHIVED):
        return Unavailable("archived", "InvalidObjectState")
    if isinstance(error, NotFoundError | FileNotFoundError):
        bucket = "NoSuchBucket" in text
        return Unavailable("denied" if bucket else "missing", "NoSuchBucket" if bucket else "NoSuchKey")
    if isinstance(error, PermissionDeniedError | UnauthenticatedError | PermissionError):
        return Unavailable("denied", "AccessDenied")
    if any(mark in text for mark in _THROTTLED):
        return Unavailable("throttled", "SlowDown")
    if any(mark in text for mark in _DENIED):
        return Unavailable("denied", "AccessDenied")
    return Unavailable("broken", type(error).__name__)


def _boto_unavailable(error: Exception) -> Unavailable:
    response = getattr(error, "response", None) or {}
    code = str(response.get("Error", {}).get("Code") or type(error).__name__)
    if code in {"NoSuchKey", "NoSuchVersion", "404"}:
        return Unavailable("missing", code)
    if any(mark in code for mark in _ARCHIVED):
        return Unavailable("archived", code)
    if any(mark in code for mark in _THROTTLED):
        return Unavailable("throttled", code)
    return Unavailable("denied" if any(mark in code for mark in (*_DENIED, *_MISSING)) else "broken", code)


# ----------------------------------------------------------------------------------------------------------- keys


def fetch_public_keys(
    session: Any, region: str, start: datetime, end: datetime, *, endpoint_url: str | None = None
) -> tuple[list[PublicKey], str]:
    """Ask CloudTrail for the public keys of one Region.

    Args:
        session: a ``boto3.Session``.
        region: the Region the digests come from, not the trail's home.
        start: begin of the time the keys were valid in, aware UTC.
        end: its end; digests are signed up to two hours late, so reach beyond the period.
        endpoint_url: overrides the endpoint.

    Returns:
        The keys, and the error code when there are none because the call failed.
    """
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(retries={"mode": "adaptive", "max_attempts": 6}, connect_timeout=10, read_timeout=30)
    keys: list[PublicKey] = []
    try:
        client = session.client("cloudtrail", region_name=region, endpoint_url=endpoint_url, config=config)
        request: dict[str, Any] = {"StartTime": start, "EndTime": end}
        for _ in range(100):
            answer = client.list_public_keys(**request)
            keys += parse_keys(region, answer.get("PublicKeyList") or [])
            if not answer.get("NextToken"):
                break
            request["NextToken"] = answer["NextToken"]
    except (ClientError, BotoCoreError, ValueError) as error:
        response = getattr(error, "response", None) or {}
        return keys, str(response.get("Error", {}).get("Code") or type(error).__name__)
    return keys, ""


# ---------------------------------------------------------------------------------------------------------- trails


def describe_trail(session: Any, trail: str, *, endpoint_url: str | None = None) -> Mapping[str, Any]:
    """Ask CloudTrail about one trail, by ARN or by a name in the session's Region.

    Raises:
        CollectionError: there is no such trail, or CloudTrail does not answer.
    """
    region = trail.split(":")[3] if trail.startswith("arn:") and trail.count(":") > 3 else session.region_name  # noqa: PLR2004
    answer = _ask(
        session, "cloudtrail", region, endpoint_url, "describe_trails", trailNameList=[trail], includeShadowTrails=True
    )
    trails = answer.get("trailList") or []
    if not trails:
        raise CollectionError(
            f"there is no trail {trail} in {region}", hint="give its ARN, or its home Region with --region"
        )
    first = trails[0]
    return first if isinstance(first, Mapping) else {}


def enabled_regions(session: Any, *, endpoint_url: str | None = None) -> tuple[str, ...]:
    """Ask EC2 which Regions the account can use.

    Raises:
        CollectionError: EC2 does not answer.
    """
    answer = _ask(session, "ec2", session.region_name, endpoint_url, "describe_regions")
    return tuple(sorted(str(row["RegionName"]) for row in answer.get("Regions") or ()))


def _ask(session: Any, service: str, region: str, endpoint_url: str | None, operation: str, **request: Any) -> Any:
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(retries={"mode": "adaptive", "max_attempts": 5}, connect_timeout=10, read_timeout=30)
    try:
        client = session.client(service, region_name=region, endpoint_url=endpoint_url, config=config)
        return getattr(client, operation)(**request)
    except (ClientError, BotoCoreError) as error:
        response = getattr(error, "response", None) or {}
        code = str(response.get("Error", {}).get("Code") or type(error).__name__)
        raise CollectionError(
            f"{service}:{operation} was not answered in {region} ({code})", hint="see `auditor policy` for permissions"
        ) from error

"""S3 through obstore, with the SDK's credentials. Only read calls are made."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, timedelta
from functools import cached_property
from itertools import count
from threading import Lock
from typing import Any, Final

from auditor.base.errors import CollectionError
from auditor.trail.fetch.address import Credentials, direct, locate, sdk_errors, transport, trusted
from auditor.trail.fetch.lanes import Lanes, Way
from auditor.trail.fetch.source import OBJECT_LIMIT, Fetched, Listed, Reason, Unavailable, Version
from auditor.trail.fetch.wire import Place, Signer

ATTEMPTS: Final = 3
GET: Final = "GetObject"
LIST: Final = "ListObjectsV2"
FIRST_PAUSE_SECONDS: Final = 0.2
_ELSEWHERE: Final = re.compile(r"(?:^|/)\.{0,2}(?:/|$)|[\x00-\x1f\x7f]")
"""Empty segments, dots for segments, control characters: obstore refuses them, or asks for another name."""


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
        self._lock, self._making = Lock(), Lock()
        self._sent = {GET: count(), LIST: count()}
        self._clients: dict[str | None, Any] = {}

    @property
    def _client(self) -> Any:
        """A client of the configured Region."""
        return self._client_of(None)

    def _client_of(self, region: str | None) -> Any:
        """Return a client, made once for each Region: sessions are not made for several threads, clients are."""
        with self._making:
            if region not in self._clients:
                self._clients[region] = self._make(region)
            return self._clients[region]

    def _make(self, region: str | None) -> Any:
        from botocore.config import Config

        if self._session.get_credentials() is None:
            raise CollectionError("no AWS credentials were found", hint="set AWS_PROFILE or pass --profile")
        config = Config(retries={"mode": "standard", "max_attempts": self._retries + 1}, max_pool_connections=32)
        where = region or self._session.region_name or "us-east-1"
        return self._session.client("s3", region_name=where, endpoint_url=self._endpoint_url, config=config)

    def _store(self, bucket: str) -> Any:
        with self._lock:
            if bucket not in self._stores:
                self._stores[bucket] = self._open(bucket)
            return self._stores[bucket]

    def _open(self, bucket: str) -> Any:
        """Open a bucket where the SDK would.

        Raises:
            Unavailable: the SDK cannot build a request for it.
            CollectionError: the CA bundle that the SDK is told to use cannot be read.
        """
        from obstore.store import S3Store

        address = locate(self._client_of, bucket)
        try:
            way = transport(self._session, self._client, address.endpoint)
        except OSError as error:
            raise CollectionError(f"the CA bundle cannot be read: {error}", hint="check AWS_CA_BUNDLE") from error
        return S3Store(
            bucket,
            region=address.region,
            endpoint=address.endpoint,
            aws_endpoint_url_s3=address.endpoint,  # or obstore takes the one in the environment
            virtual_hosted_style_request=address.virtual_hosted,
            skip_signature=False,
            credential_provider=Credentials(self._session.get_credentials()),  # type: ignore[arg-type]
            client_options={  # type: ignore[arg-type]  # a part of it is made elsewhere
                **way,
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
        )

    def lanes(self) -> Lanes:
        """Return the quicker way to many small objects; it goes where the other one goes, or nowhere."""
        return Lanes(self._way)

    def _way(self, bucket: str) -> Way | None:
        try:
            address = locate(self._client_of, bucket)
        except Unavailable:
            return None
        place = Place.of(address, bucket)
        if place is None or not direct(self._client, address.endpoint):
            return None
        try:
            tls = trusted(self._session) if place.secure else None
        except OSError:
            return None
        return Way(place, lambda: Signer(place, self._keys), tls, self._sent[GET])

    def _keys(self) -> Mapping[str, Any]:
        """Return the SDK's credentials; what goes wrong with them is told where objects are asked for one by one."""
        try:
            return Credentials(self._session.get_credentials())()
        except sdk_errors() as error:
            raise OSError("the SDK has no credentials") from error

    @property
    def sent(self) -> Mapping[str, int]:
        """How many requests were made without the SDK, whose own count knows nothing of them, by operation."""
        return {name: int(number.__reduce__()[1][0]) for name, number in self._sent.items()}

    def objects(self, bucket: str, prefix: str, after: str) -> Iterator[Listed]:
        """List through obstore; through boto3 where a planted name is one that obstore refuses to read."""
        import obstore
        from obstore.exceptions import BaseError

        if _ELSEWHERE.search(prefix.removesuffix("/") or "all") or _ELSEWHERE.search(after or "none"):
            yield from self._list_slowly(bucket, prefix, after)
            return
        reached = after
        next(self._sent[LIST])
        try:
            pages = obstore.list(self._store(bucket), prefix, offset=after or None, chunk_size=1000)
            for number, rows in enumerate(pages):
                if number:  # each further page was a request of its own
                    next(self._sent[LIST])
                for row in rows:
                    reached = row["path"]
                    yield Listed(row["path"], row["size"], row["last_modified"], row["e_tag"] or "")
        except (BaseError, OSError, ValueError) as error:
            reason = classify(error, prefix)
            if reason.reason != "broken":
                raise reason from error
        else:
            return
        yield from self._list_slowly(bucket, prefix, reached)

    def _list_slowly(self, bucket: str, prefix: str, after: str) -> Iterator[Listed]:
        pages = self._client.get_paginator("list_objects_v2")
        try:
            for page in pages.paginate(Bucket=bucket, Prefix=prefix, StartAfter=after):
                for row in page.get("Contents", ()):
                    yield Listed(row["Key"], row["Size"], row["LastModified"], row.get("ETag", ""))
        except sdk_errors() as error:
            raise _boto_unavailable(error) from error

    def folders(self, bucket: str, prefix: str) -> Sequence[str]:
        """Return the common prefixes under a prefix."""
        pages = self._client.get_paginator("list_objects_v2")
        try:
            return [
                row["Prefix"][len(prefix) :].rstrip("/")
                for page in pages.paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
                for row in page.get("CommonPrefixes", ())
            ]
        except sdk_errors() as error:
            raise _boto_unavailable(error) from error

    def get(self, bucket: str, key: str) -> Fetched:
        """Read one object with its metadata."""
        if _ELSEWHERE.search(key):
            return self._get_slowly(Bucket=bucket, Key=key)
        result, body = self._transfer(bucket, key, None)
        return Fetched(body, {str(name).lower(): str(value) for name, value in result.attributes.items()})

    def read(self, bucket: str, key: str, size: int | None) -> bytes:
        """Read one object's body. Metadata is not looked at: that alone saves a quarter of the CPU time."""
        if _ELSEWHERE.search(key):
            return self._get_slowly(Bucket=bucket, Key=key).body
        return self._transfer(bucket, key, size)[1]

    def _transfer(self, bucket: str, key: str, listed_size: int | None) -> tuple[Any, bytes]:
        """Get an object; a transfer that breaks off is tried again.

        An object whose listed size is within bounds is not measured a second time: the bound guards memory, not truth.
        """
        store = self._stores.get(bucket) or self._store(bucket)
        errors, get = self._obstore
        sent = self._sent[GET]
        measured = listed_size is not None and listed_size <= OBJECT_LIMIT
        for attempt in range(ATTEMPTS):
            next(sent)
            try:
                result = get(store, key)
                if not measured and result.meta["size"] > OBJECT_LIMIT:
                    raise Unavailable("broken", f"larger than {OBJECT_LIMIT} bytes")
                return result, memoryview(result.bytes())  # type: ignore[return-value]  # read like bytes, not copied
            except errors as error:
                problem = classify(error, key)
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
        try:
            answer = self._client.list_object_versions(Bucket=bucket, Prefix=prefix, MaxKeys=1000)
        except sdk_errors() as error:
            raise _boto_unavailable(error) from error
        rows = [(row, False) for row in answer.get("Versions", ())]
        rows += [(row, True) for row in answer.get("DeleteMarkers", ())]
        found = [
            Version(row["Key"], row["VersionId"], row["LastModified"].astimezone(UTC), deleted)
            for row, deleted in rows
            if row["VersionId"] != "null" or deleted
        ]
        return sorted(found, key=lambda version: (version.at, version.version), reverse=True)

    def lifecycle(self, bucket: str) -> Sequence[Mapping[str, Any]]:
        """Ask GetBucketLifecycleConfiguration."""
        try:
            rules = self._client.get_bucket_lifecycle_configuration(Bucket=bucket).get("Rules")
        except sdk_errors() as error:
            problem = _boto_unavailable(error)
            if problem.code == "NoSuchLifecycleConfiguration":
                return ()
            raise problem from error
        return rules if isinstance(rules, list) else ()

    def get_version(self, bucket: str, key: str, version: str) -> Fetched:
        """Read one version."""
        return self._get_slowly(Bucket=bucket, Key=key, VersionId=version)

    def _get_slowly(self, **request: str) -> Fetched:
        try:
            answer = self._client.get_object(**request)
            if answer["ContentLength"] > OBJECT_LIMIT:
                raise Unavailable("broken", f"larger than {OBJECT_LIMIT} bytes")
            return Fetched(answer["Body"].read(), {name.lower(): text for name, text in answer["Metadata"].items()})
        except sdk_errors() as error:
            raise _boto_unavailable(error) from error


_ARCHIVED: Final = frozenset({"InvalidObjectState"})
_THROTTLED: Final = frozenset(
    {"SlowDown", "ServiceUnavailable", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests"}
)
_DENIED: Final = frozenset(
    {
        "AccessDenied",
        "AllAccessDisabled",
        "ExpiredToken",
        "Forbidden",
        "InvalidAccessKeyId",
        "InvalidToken",
        "NoSuchBucket",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "Unauthorized",
    }
)
_MISSING: Final = frozenset({"NoSuchKey", "NoSuchVersion", "404"})
_STATUS: Final[Mapping[int, tuple[Reason, str]]] = {
    401: ("denied", "AccessDenied"),
    403: ("denied", "AccessDenied"),
    429: ("throttled", "SlowDown"),
    503: ("throttled", "SlowDown"),
}
_ANSWER: Final = re.compile(r"Server returned (?:non-2xx status code|error response): (\d{3})")
_CODE: Final = re.compile(r"<Code>([A-Za-z0-9.]{1,64})</Code>")


def classify(error: Exception, path: str = "") -> Unavailable:
    """Say what an error of the store means for an object or a listing.

    Args:
        error: as obstore raises it. Its text holds the status and the store's answer.
        path: the key or prefix asked for, which the text repeats. It is hostile, and says nothing about the outcome.
    """
    from obstore.exceptions import NotFoundError, PermissionDeniedError, UnauthenticatedError

    text = str(error).partition("\n\nDebug source:")[0]
    text = text.replace(path, "") if path else text
    code = found[1] if (found := _CODE.search(text)) else ""
    if code in _ARCHIVED:
        return Unavailable("archived", code)
    if isinstance(error, NotFoundError | FileNotFoundError):
        return Unavailable("denied", code) if code == "NoSuchBucket" else Unavailable("missing", "NoSuchKey")
    if code in _THROTTLED:
        return Unavailable("throttled", code)
    if code in _DENIED or isinstance(error, PermissionDeniedError | UnauthenticatedError | PermissionError):
        return Unavailable("denied", code or "AccessDenied")
    status = int(answer[1]) if (answer := _ANSWER.search(text)) else 0
    reason, usual = _STATUS.get(status, ("broken", type(error).__name__))
    return Unavailable(reason, code or usual)


def _boto_unavailable(error: Exception) -> Unavailable:
    response = getattr(error, "response", None) or {}
    code = str(response.get("Error", {}).get("Code") or type(error).__name__)
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
    if code in _MISSING:
        return Unavailable("missing", code)
    if code in _ARCHIVED:
        return Unavailable("archived", code)
    if code in _THROTTLED:
        return Unavailable("throttled", code)
    if code in _DENIED:
        return Unavailable("denied", code)
    return Unavailable(_STATUS.get(status, ("broken", ""))[0], code)

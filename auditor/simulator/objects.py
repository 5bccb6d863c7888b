"""Objects of the trail buckets, held in memory and served without moto: listing, versions, metadata, quick reads.

Knows only what an auditor's S3 client asks for: GET and HEAD (by version too), the three listings, PUT and DELETE. The
bucket's settings (policy, versioning, logging, encryption ...) are moto's.
"""

import bisect
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final, Protocol
from urllib.parse import parse_qs, quote, unquote
from xml.sax.saxutils import escape

from auditor.simulator import clock
from auditor.simulator.web import Answer, Request

PAGE: Final = 1000
_XMLNS: Final = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object; a delete marker has no body."""

    key: str
    version_id: str
    body: bytes
    metadata: Mapping[str, str]
    modified: datetime
    deleted: bool = False
    storage_class: str = "STANDARD"

    @property
    def etag(self) -> str:
        """The quoted MD5 of the body, as S3 gives it for single-part uploads."""
        return f'"{hashlib.md5(self.body, usedforsecurity=False).hexdigest()}"'

    @property
    def stamp(self) -> str:
        """The last-modified time as listings write it."""
        return f"{self.modified:%Y-%m-%dT%H:%M:%S.000Z}"


class Source(Protocol):
    """Where a bucket's objects come from when they are first looked at."""

    def waiting(self, wanted: str) -> "Sequence[Future[Any]]":
        """Return what has to be finished elsewhere before a key or prefix can be read."""

    def fill(self, bucket: "Bucket", wanted: str) -> None:
        """Put everything under a key or prefix into the bucket."""


@dataclass(slots=True)
class Bucket:
    """A bucket. Versions of a key are held oldest first.

    ``source`` lets a part of a bucket come into being when it is first looked at.
    """

    name: str
    versioned: bool = True
    objects: dict[str, list[Version]] = field(default_factory=dict)
    source: "Source | None" = None
    _sorted: list[str] | None = None

    def put(
        self,
        key: str,
        body: bytes,
        metadata: Mapping[str, str],
        modified: datetime,
        *,
        storage_class: str = "STANDARD",
    ) -> Version:
        """Store an object, as a new version where the bucket keeps versions."""
        version = Version(key, self._version_id(key, modified), body, metadata, modified, storage_class=storage_class)
        self._add(version)
        return version

    def delete(self, key: str, modified: datetime) -> Version | None:
        """Delete an object: a delete marker where versions are kept, gone otherwise."""
        if self.versioned:
            marker = Version(key, self._version_id(key, modified), b"", {}, modified, deleted=True)
            self._add(marker)
            return marker
        self.objects.pop(key, None)
        self._sorted = None
        return None

    def _version_id(self, key: str, modified: datetime) -> str:
        if not self.versioned:
            return "null"
        seed = f"{self.name}/{key}/{modified.isoformat()}/{len(self.objects.get(key, ()))}"
        return hashlib.sha256(seed.encode()).hexdigest()[:32]

    def _add(self, version: Version) -> None:
        if version.key not in self.objects:
            self._sorted = None
        held = self.objects.setdefault(version.key, [])
        if not self.versioned:
            held.clear()
        held.append(version)

    def prepare(self, wanted: str) -> None:
        """Let the source fill in what is about to be read."""
        if self.source is not None:
            self.source.fill(self, wanted)

    def current(self, key: str) -> Version | None:
        """Return the newest version, which may be a delete marker."""
        self.prepare(key)
        held = self.objects.get(key)
        return held[-1] if held else None

    def version(self, key: str, version_id: str) -> Version | None:
        """Return the version with this id."""
        self.prepare(key)
        return next((held for held in self.objects.get(key, ()) if held.version_id == version_id), None)

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        """Return keys in UTF-8 order that begin with ``prefix`` and come after ``after``."""
        self.prepare(prefix)
        if self._sorted is None:
            self._sorted = sorted(self.objects)
        begin = max(bisect.bisect_left(self._sorted, prefix), bisect.bisect_right(self._sorted, after) if after else 0)
        for key in self._sorted[begin:]:
            if not key.startswith(prefix):
                return
            yield key


_SUBRESOURCES: Final = frozenset(
    [
        "accelerate",
        "acl",
        "analytics",
        "attributes",
        "cors",
        "encryption",
        "inventory",
        "intelligent-tiering",
        "legal-hold",
        "lifecycle",
        "location",
        "logging",
        "metadataConfiguration",
        "metadataTable",
        "metrics",
        "notification",
        "object-lock",
        "ownershipControls",
        "policy",
        "policyStatus",
        "publicAccessBlock",
        "replication",
        "requestPayment",
        "restore",
        "retention",
        "select",
        "tagging",
        "torrent",
        "uploadId",
        "uploads",
        "versioning",
        "website",
        "delete",
        "abac",
    ]
)


class ObjectStore:
    """The buckets held in memory, and the S3 calls they answer."""

    def __init__(self) -> None:
        self.buckets: dict[str, Bucket] = {}

    def add(self, name: str, *, versioned: bool) -> Bucket:
        """Create a bucket."""
        self.buckets[name] = Bucket(name, versioned)
        return self.buckets[name]

    def operation(self, request: Request) -> tuple[str, Bucket, str] | None:
        """Return operation, bucket and key when this request is one the store answers, else None."""
        name, _, rest = request.path.lstrip("/").partition("/")
        bucket = self.buckets.get(name)
        if bucket is None:
            return None
        key = unquote(rest)
        if request.query:
            names = {part.partition("=")[0] for part in request.query.split("&")}
            if names & _SUBRESOURCES:
                return None
        else:
            names = set()
        operation = _OBJECT_OPERATIONS.get(request.method) if key else None
        if not key and request.method == "GET":
            operation = "ListObjectVersions" if "versions" in names else "ListObjects"
            if "list-type" in names:
                operation = "ListObjectsV2"
        return (operation, bucket, key) if operation else None

    def waiting(self, bucket: Bucket, key: str, request: Request) -> "Sequence[Future[Any]]":
        """Return what has to be finished before this request can be served; usually nothing."""
        if bucket.source is None:
            return ()
        prefix = key or parse_qs(request.query).get("prefix", [""])[0]
        return bucket.source.waiting(prefix)

    def serve(self, operation: str, bucket: Bucket, key: str, request: Request) -> Answer:
        """Answer one of the operations named by :meth:`operation`."""
        query = {name: values[0] for name, values in parse_qs(request.query, keep_blank_values=True).items()}
        if operation in {"GetObject", "HeadObject"}:
            return _read(bucket, key, query.get("versionId"), request)
        if operation == "PutObject":
            return _write(bucket, key, request)
        if operation == "DeleteObject":
            bucket.prepare(key)
            marker = bucket.delete(key, clock.now())
            return Answer(204, {"x-amz-delete-marker": "true", "x-amz-version-id": marker.version_id} if marker else {})
        return _LISTINGS[operation](bucket, query)


_OBJECT_OPERATIONS: Final = {
    "GET": "GetObject",
    "HEAD": "HeadObject",
    "PUT": "PutObject",
    "DELETE": "DeleteObject",
}


def _read(bucket: Bucket, key: str, version_id: str | None, request: Request) -> Answer:
    found = bucket.version(key, version_id) if version_id else bucket.current(key)
    if found is None or found.deleted:
        code = "NoSuchVersion" if version_id and found is None else "NoSuchKey"
        body = f"<Error><Code>{code}</Code><Message>The specified key does not exist.</Message></Error>".encode()
        headers = {"Content-Type": "application/xml"}
        if found is not None:
            headers |= {"x-amz-delete-marker": "true", "x-amz-version-id": found.version_id}
        return Answer(404, headers, b"" if request.method == "HEAD" else body)
    if found.storage_class in {"GLACIER", "DEEP_ARCHIVE"} and request.method == "GET":
        text = "The operation is not valid for the object's storage class"
        return Answer(
            403,
            {"Content-Type": "application/xml"},
            f"<Error><Code>InvalidObjectState</Code><Message>{text}</Message></Error>".encode(),
        )
    headers = {
        "Content-Type": "application/octet-stream",
        "Last-Modified": format_datetime(found.modified, usegmt=True),
        "ETag": found.etag,
        "Accept-Ranges": "bytes",
        "x-amz-server-side-encryption": "AES256",
    }
    if bucket.versioned:
        headers["x-amz-version-id"] = found.version_id
    headers |= {f"x-amz-meta-{name}": value for name, value in found.metadata.items()}
    return _ranged(found.body, headers, request)


def _ranged(body: bytes, headers: dict[str, str], request: Request) -> Answer:
    asked = request.headers.get("range", "")
    if request.method == "HEAD":
        return Answer(200, headers, b"", length=len(body))
    if not asked.startswith("bytes="):
        return Answer(200, headers, body)
    first, _, last = asked.removeprefix("bytes=").partition("-")
    begin = int(first) if first else max(0, len(body) - int(last or 0))
    end = min(int(last) + 1 if first and last else len(body), len(body))
    headers["Content-Range"] = f"bytes {begin}-{end - 1}/{len(body)}"
    return Answer(206, headers, body[begin:end])


def _write(bucket: Bucket, key: str, request: Request) -> Answer:
    bucket.prepare(key)
    metadata = {
        name.removeprefix("x-amz-meta-"): value
        for name, value in request.headers.items()
        if name.startswith("x-amz-meta-")
    }
    body = _unchunk(request.body) if "aws-chunked" in request.headers.get("content-encoding", "") else request.body
    storage = request.headers.get("x-amz-storage-class", "STANDARD")
    version = bucket.put(key, body, metadata, clock.now(), storage_class=storage)
    headers = {"ETag": version.etag}
    if bucket.versioned:
        headers["x-amz-version-id"] = version.version_id
    return Answer(200, headers)


def _unchunk(body: bytes) -> bytes:
    """Undo ``Content-Encoding: aws-chunked`` (signed chunks; SigV4 streaming uploads)."""
    plain, at = bytearray(), 0
    while at < len(body):
        line_end = body.index(b"\r\n", at)
        size = int(body[at:line_end].split(b";")[0], 16)
        if size == 0:
            break
        plain += body[line_end + 2 : line_end + 2 + size]
        at = line_end + 2 + size + 2
    return bytes(plain)


def _page_size(query: Mapping[str, str]) -> int:
    asked = query.get("max-keys", "")
    return min(PAGE, int(asked)) if asked.isdigit() else PAGE


def _text(query: Mapping[str, str], value: str) -> str:
    return quote(value) if query.get("encoding-type") == "url" else escape(value)


def _listing(
    bucket: Bucket, query: Mapping[str, str], after: str, pick: Callable[[str], Iterable[tuple[str, str]]]
) -> tuple[list[str], list[str], str | None]:
    """Walk keys: XML entries, common prefixes, and the last key or prefix of a truncated page."""
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    entries: list[str] = []
    folders: list[str] = []
    size, last = _page_size(query), None
    for key in bucket.keys(prefix, after):
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        if cut >= 0:
            folder = key[: cut + len(delimiter)]
            if (folders and folders[-1] == folder) or after.startswith(folder):
                continue
            found: list[tuple[str, str]] = [("folder", folder)]
        else:
            found = list(pick(key))
        if found and len(entries) + len(folders) + len(found) > size:
            return entries, folders, last
        for kind, text in found:
            (folders if kind == "folder" else entries).append(text)
        if found:
            last = found[0][1] if found[0][0] == "folder" else key
    return entries, folders, None


def _document(root: str, bucket: Bucket, query: Mapping[str, str], parts: Iterable[str], folders: list[str]) -> Answer:
    head = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} {_XMLNS}><Name>{bucket.name}</Name>'
        f"<Prefix>{_text(query, query.get('prefix', ''))}</Prefix><MaxKeys>{_page_size(query)}</MaxKeys>"
    )
    if query.get("delimiter"):
        head += f"<Delimiter>{_text(query, query['delimiter'])}</Delimiter>"
    if query.get("encoding-type") == "url":
        head += "<EncodingType>url</EncodingType>"
    tail = "".join(f"<CommonPrefixes><Prefix>{_text(query, folder)}</Prefix></CommonPrefixes>" for folder in folders)
    body = f"{head}{''.join(parts)}{tail}</{root}>".encode()
    return Answer(200, {"Content-Type": "application/xml"}, body)


def _contents(query: Mapping[str, str], bucket: Bucket) -> Callable[[str], Iterable[tuple[str, str]]]:
    def pick(key: str) -> Iterable[tuple[str, str]]:
        version = bucket.objects[key][-1]
        if not version.deleted:
            entry = f"<Key>{_text(query, key)}</Key><LastModified>{version.stamp}</LastModified>"
            entry += f"<ETag>{escape(version.etag)}</ETag><Size>{len(version.body)}</Size>"
            entry += f"<StorageClass>{version.storage_class}</StorageClass>"
            yield "entry", f"<Contents>{entry}</Contents>"

    return pick


def _list_v2(bucket: Bucket, query: Mapping[str, str]) -> Answer:
    after = unquote(query.get("continuation-token", "")) or query.get("start-after", "")
    entries, folders, last = _listing(bucket, query, after, _contents(query, bucket))
    state = (
        f"<KeyCount>{len(entries) + len(folders)}</KeyCount><IsTruncated>{str(last is not None).lower()}</IsTruncated>"
    )
    if query.get("continuation-token"):
        state += f"<ContinuationToken>{escape(query['continuation-token'])}</ContinuationToken>"
    if last is not None:
        state += f"<NextContinuationToken>{escape(quote(last))}</NextContinuationToken>"
    return _document("ListBucketResult", bucket, query, [state, *entries], folders)


def _list_v1(bucket: Bucket, query: Mapping[str, str]) -> Answer:
    entries, folders, last = _listing(bucket, query, query.get("marker", ""), _contents(query, bucket))
    state = f"<Marker>{_text(query, query.get('marker', ''))}</Marker>"
    state += f"<IsTruncated>{str(last is not None).lower()}</IsTruncated>"
    if last is not None:
        state += f"<NextMarker>{_text(query, last)}</NextMarker>"
    return _document("ListBucketResult", bucket, query, [state, *entries], folders)


def _list_versions(bucket: Bucket, query: Mapping[str, str]) -> Answer:
    def pick(key: str) -> Iterable[tuple[str, str]]:
        held = bucket.objects[key]
        for version in reversed(held):
            tag = "DeleteMarker" if version.deleted else "Version"
            latest = str(version is held[-1]).lower()
            common = (
                f"<Key>{_text(query, key)}</Key><VersionId>{version.version_id}</VersionId>"
                f"<IsLatest>{latest}</IsLatest><LastModified>{version.stamp}</LastModified>"
            )
            more = f"<ETag>{escape(version.etag)}</ETag><Size>{len(version.body)}</Size>"
            more += f"<StorageClass>{version.storage_class}</StorageClass>"
            yield "entry", f"<{tag}>{common}{'' if version.deleted else more}</{tag}>"

    entries, folders, last = _listing(bucket, query, query.get("key-marker", ""), pick)
    state = f"<KeyMarker>{_text(query, query.get('key-marker', ''))}</KeyMarker><VersionIdMarker></VersionIdMarker>"
    state += f"<IsTruncated>{str(last is not None).lower()}</IsTruncated>"
    if last is not None:
        state += f"<NextKeyMarker>{_text(query, last)}</NextKeyMarker><NextVersionIdMarker></NextVersionIdMarker>"
    return _document("ListVersionsResult", bucket, query, [state, *entries], folders)


_LISTINGS: Final[dict[str, Callable[[Bucket, Mapping[str, str]], Answer]]] = {
    "ListObjects": _list_v1,
    "ListObjectsV2": _list_v2,
    "ListObjectVersions": _list_versions,
}

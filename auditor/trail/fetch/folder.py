"""A folder of downloaded objects, with archived keys: verification without a network."""

import json
import os
import re
import stat
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Any, Final

from auditor.base.errors import UsageError
from auditor.base.given import read_given
from auditor.base.untrusted import ZIP_ERRORS, ZIP_FREE_BYTES, ZIP_RATIO, bounded_json
from auditor.pack.layout import BY_BUCKET
from auditor.trail.fetch.mount import Mount, mount_of
from auditor.trail.fetch.source import OBJECT_LIMIT, Fetched, Listed, Unavailable, Version
from auditor.trail.gunzip import wrap
from auditor.trail.keys import KeyBook, parse_key_file
from auditor.trail.names import is_region

KEY_FILE: Final = "public-keys.json"
METADATA_FILE: Final = "metadata.json"
DIGEST_ZIP: Final = "digests.zip"
FOUND_WITHOUT_HELP: Final = 2
"""Slashes of a key prefix that is found by looking."""
_METHODS: Final = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_MOST_JSON: Final = 2 << 30
"""Bytes of metadata: some 700 for each digest, of which a large organization has a million in a month."""


class FolderSource:
    """A folder of downloaded objects: ``ROOT/<key>``, or ``ROOT/<bucket>/<key>`` when there is such a folder.

    Metadata is read from ``ROOT/metadata.json`` (key -> metadata) or from ``<file>.metadata.json`` beside an object, in
    the form of ``aws s3api head-object``. Digests may also lie in ``ROOT/digests.zip``, as archived in a pack: under
    their keys, or under ``<bucket>/<key>`` where they lay in several buckets.
    """

    remote = False

    def __init__(self, root: Path, mount: Mount = Mount()) -> None:  # noqa: B008 - frozen
        if not root.is_dir():
            raise UsageError(f"{root} is not a folder", hint="give the folder that holds AWSLogs/")
        self._root = root.resolve()
        self._objects = self._root / mount.below if mount.below else self._root
        self._above = mount.above
        self._lock = Lock()
        self._by_bucket: dict[str, Mapping[str, zipfile.ZipInfo]] = {}
        self._odd: dict[str, Path] = {}
        self._unwrapped: dict[str, set[str]] = {"plain": set(), "renamed": set()}

    def wrappers(self) -> Mapping[str, int]:
        """Return how many objects were saved otherwise than stored: as ``plain`` JSON, or ``renamed`` to ``.json``."""
        return {name: len(keys) for name, keys in self._unwrapped.items() if keys}

    def objects(self, bucket: str, prefix: str, after: str) -> Iterator[Listed]:
        """Yield files in key order."""
        base = self._base(bucket)
        folder = self._inside(base, prefix)
        zipped = self._zipped_of(bucket)
        sizes = {name: info.file_size for name, info in zipped.items() if name.startswith(prefix)}
        if folder is not None and folder.is_dir():
            cut = len(str(base)) + 1
            walked = {self._key(path, cut): size for path, size in _walk(folder)}
            sizes |= {_stored_name(key): size for key, size in walked.items()}
            sizes |= {key: size for key, size in walked.items() if key in sizes}
        for key in sorted(sizes):
            if key > after and not key.endswith(".metadata.json"):
                yield Listed(key, sizes[key], None, "")

    def _key(self, path: str, cut: int) -> str:
        """Return the key of a file; bytes of its name that are no UTF-8, which no key has, are written as escapes."""
        key = self._above + path[cut:]
        spelled = os.fsencode(key).decode("utf-8", "backslashreplace")
        if spelled != key:
            self._odd[spelled] = Path(path)
        return spelled

    def folders(self, bucket: str, prefix: str) -> Sequence[str]:
        """Return sub-folders."""
        base = self._base(bucket)
        folder = self._inside(base, prefix)
        zipped = self._zipped_of(bucket)
        names = {name[len(prefix) :].split("/", 1)[0] for name in zipped if name.startswith(prefix)}
        if self._above.startswith(prefix) and len(self._above) > len(prefix):
            return [self._above[len(prefix) :].split("/", 1)[0]]
        if folder is not None and folder.is_dir():
            names |= {path.name for path in folder.iterdir() if path.is_dir()}
        return sorted(names)

    def get(self, bucket: str, key: str) -> Fetched:
        """Read one file with its metadata."""
        path, body = self._content(bucket, key)
        info = self._zipped_of(bucket).get(key)
        return Fetched(body, self._metadata_of(path, key, key if info is None else info.filename))

    def _content(self, bucket: str, key: str) -> tuple[Path, bytes]:
        try:
            path = self._odd.get(key) or self._inside(self._base(bucket), key)
        except (RuntimeError, OSError) as error:
            raise Unavailable("broken", "links that lead in a circle, or a name that is too long") from error
        if path is None:
            raise Unavailable("broken", "the key leaves the folder")
        try:
            stripped = path.with_name(path.name.removesuffix(".gz"))
            if not path.is_file() and key.endswith(".json.gz") and stripped.is_file():
                path = stripped
                self._unwrapped["renamed"].add(key)
            if path.is_file():
                if path.stat().st_size > OBJECT_LIMIT:
                    raise Unavailable("broken", f"larger than {OBJECT_LIMIT} bytes")
                return path, self._wrapped(key, path.read_bytes())
            if (info := self._zipped_of(bucket).get(key)) is not None:
                return path, self._unzip(info)
            if _taken(path):
                raise Unavailable("broken", "something else than a file stands at its name")
        except PermissionError as error:
            raise Unavailable("denied", "PermissionError") from error
        except ZIP_ERRORS as error:
            raise Unavailable("broken", type(error).__name__) from error
        raise Unavailable("missing", "NoSuchKey")

    def _wrapped(self, key: str, body: bytes) -> bytes:
        """Return an object as it was stored: clients that follow ``Content-Encoding: gzip`` save the plain JSON."""
        if not key.endswith(".json.gz") or body[:16].lstrip()[:1] != b"{":
            return body
        self._unwrapped["plain"].add(key)
        return wrap(body)

    def read(self, bucket: str, key: str, size: int | None) -> bytes:  # noqa: ARG002
        """Read one file's content."""
        return self._content(bucket, key)[1]

    def versions(self, bucket: str, prefix: str) -> Sequence[Version]:  # noqa: ARG002
        """Return nothing: a folder keeps no versions."""
        return ()

    def lifecycle(self, bucket: str) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002
        """Return nothing: a folder has no rules."""
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
        return self._objects

    def _inside(self, base: Path, key: str) -> Path | None:
        if self._above.startswith(key):
            return base
        if not key.startswith(self._above):
            return None
        key = key.removeprefix(self._above)
        parts = PurePosixPath(key).parts
        if key.startswith("/") or ".." in parts or "\x00" in key or "\\" in key:
            return None
        path = base.joinpath(*parts)
        return path if path.resolve().is_relative_to(base.resolve()) else None

    @cached_property
    def _metadata(self) -> Mapping[str, Mapping[str, str]]:
        return {key: _metadata(value) for key, value in _read_json(self._root / METADATA_FILE).items()}

    def _metadata_of(self, path: Path, key: str, called: str) -> Mapping[str, str]:
        if known := self._metadata.get(called):
            return known
        names = dict.fromkeys((f"{key.rpartition('/')[2]}.metadata.json", f"{path.name}.metadata.json"))
        return next((found for name in names if (found := _metadata(_read_json(path.with_name(name))))), {})

    @cached_property
    def _zip(self) -> zipfile.ZipFile | None:
        path = self._root / DIGEST_ZIP
        try:
            archive = zipfile.ZipFile(path) if zipfile.is_zipfile(path) else None
        except ZIP_ERRORS as error:
            raise Unavailable("broken", f"{DIGEST_ZIP}: {type(error).__name__}") from error
        if archive and sum(info.file_size for info in archive.infolist()) > max(
            ZIP_FREE_BYTES, ZIP_RATIO * path.stat().st_size
        ):
            raise Unavailable("broken", f"{DIGEST_ZIP}: larger than {ZIP_RATIO} times its size")
        return archive

    @cached_property
    def _zipped(self) -> Mapping[str, zipfile.ZipInfo]:
        archive = self._zip
        return {} if archive is None else {info.filename: info for info in archive.infolist()}

    def _zipped_of(self, bucket: str) -> Mapping[str, zipfile.ZipInfo]:
        """Return what the archive holds of a bucket, by key; everything when it does not tell buckets apart."""
        if not bucket or self._zip is None or self._zip.comment != BY_BUCKET:
            return self._zipped
        if bucket not in self._by_bucket:
            head = f"{bucket}/"
            self._by_bucket[bucket] = {
                name[len(head) :]: info for name, info in self._zipped.items() if name.startswith(head)
            }
        return self._by_bucket[bucket]

    def _unzip(self, info: zipfile.ZipInfo) -> bytes:
        archive = self._zip
        if archive is None or info.file_size > OBJECT_LIMIT or info.compress_type not in _METHODS:
            raise ValueError(info.filename)
        with self._lock:
            return archive.read(info)


_STRIPPED: Final = re.compile(r"(?:.*/)?[0-9]{12}_CloudTrail[^/]*(?<!\.metadata)\.json")


def _stored_name(key: str) -> str:
    """Return the key under which a file was stored: some clients strip the last ending."""
    return f"{key}.gz" if _STRIPPED.fullmatch(key) else key


def open_folder(root: Path) -> tuple[FolderSource, str]:
    """Open a folder of downloaded objects as people have it, and return the key prefix to look for trails under.

    Raises:
        UsageError: it is none, holds nothing of CloudTrail's, or only a part that proves nothing.
    """
    source = FolderSource(root)
    if (root / DIGEST_ZIP).is_file():
        return source, ""
    mount = mount_of(root)
    deep = mount.prefix.count("/") >= FOUND_WITHOUT_HELP
    return FolderSource(root, mount), mount.prefix if deep else ""


def _taken(path: Path) -> bool:
    """Tell whether something that is no file stands at a name, or no folder above it: the object may be elsewhere."""
    nearest = next(above for above in (path, *path.parents) if os.path.lexists(above))
    return nearest == path or not nearest.is_dir()


def state_of(root: Path) -> str:
    """Return what changes when files of CloudTrail's are added to a folder, taken away or replaced; reads none of them.

    Whatever else lies there does not count, such as answers that were written into it.
    """
    names = {KEY_FILE, METADATA_FILE, DIGEST_ZIP}
    found = sorted(
        f"{os.path.relpath(path, root)} {about.st_size} {about.st_mtime_ns} {stat.S_IFMT(about.st_mode)}"
        for path, about in _walked(root)
        if (name := path.rpartition(os.sep)[2]) in names or _OF_CLOUDTRAIL.match(name)
    )
    return sha256("\n".join(found).encode("utf-8", "surrogateescape")).hexdigest()


_OF_CLOUDTRAIL: Final = re.compile(r"[0-9]{12}_CloudTrail")


def _walk(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield path and size of everything below a folder that is no folder."""
    return ((path, about.st_size) for path, about in _walked(folder))


def _walked(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield path and what the system says of everything below a folder that is no folder.

    Symbolic links and other things that are no files are named as objects, too: whoever reads one is told what it is,
    and nothing is passed over in silence.
    """
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        yield entry.path, entry.stat(follow_symlinks=False)
        except OSError as error:
            raise Unavailable("denied", type(error).__name__) from error


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        document = _parse(path)
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _parse(path: Path) -> Any:
    return json.loads(bounded_json(read_given(path, _MOST_JSON)))


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
        document = _parse(path)
    except (OSError, ValueError, RecursionError) as error:
        return KeyBook((), tuple((region, f"{path.name}: {type(error).__name__}") for region in regions))
    keys = parse_key_file(document, regions)
    have = {key.region for key in keys}
    return KeyBook(tuple(keys), tuple((region, f"{path.name} holds none") for region in regions if region not in have))


def regions_of_key_file(path: Path) -> tuple[str, ...]:
    """Return the Regions of which a file holds keys; none when it does not say."""
    document = _read_json(path)
    return tuple(sorted(name for name in document if is_region(name)))

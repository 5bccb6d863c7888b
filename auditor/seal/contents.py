"""The files of a pack, in a folder or a zip, as anybody may have made it: nothing is followed, guessed or unbounded.

Both readers give the same view: lawful names with their sizes, and a list of everything that is no plain file of a
pack. Only names from that view can be opened, so no path ever leaves the pack.
"""

import os
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Protocol

from auditor.errors import IntegrityError, UsageError
from auditor.seal.names import is_portable, shown

SUMS = "SHA256SUMS"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What a reader is prepared to spend on a pack that it does not trust.

    Args:
        files: entries, folders included.
        depth: folders inside folders.
        total_bytes: of all files, unpacked.
        ratio: unpacked over packed size of a zip, once it unpacks to more than ``free_bytes``.
        free_bytes: unpacked size that needs no ratio.
        directory_bytes: of a zip's central directory.
        document_bytes: of a JSON or text file that is read whole.
    """

    files: int = 1_000_000
    depth: int = 30
    total_bytes: int = 64 << 30
    ratio: int = 200
    free_bytes: int = 64 << 20
    directory_bytes: int = 256 << 20
    document_bytes: int = 256 << 20


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a pack that is not a plain file of it.

    Args:
        kind: ``link``, ``name``, ``duplicate``, ``special``, ``hidden``, ``size`` or ``unreadable``.
        path: where, already safe to print.
        message: one sentence.
    """

    kind: str
    path: str
    message: str


class PackFiles(Protocol):
    """What the verifier may know of a pack's storage."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Bytes of every file with a lawful name, by path relative to the pack, sorted."""
        ...

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything else that was found, in a stable order."""
        ...

    def chunks(self, path: str) -> Iterator[bytes]:
        """Yield a file's bytes.

        Raises:
            IntegrityError: it cannot be read, or is longer than ``sizes`` says.
        """
        ...


def read_small(pack: PackFiles, path: str, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Return a whole file that is meant to be small.

    Raises:
        IntegrityError: it is missing, cannot be read, or is larger than a document may be.
    """
    size = pack.sizes.get(path)
    if size is None:
        raise IntegrityError(f"{shown(path)} is missing")
    if size > limits.document_bytes:
        raise IntegrityError(f"{shown(path)} has {size:,} bytes; at most {limits.document_bytes:,} are read")
    return b"".join(pack.chunks(path))


def hash_file(pack: PackFiles, path: str) -> str:
    """Return the SHA-256 of a file in lower-case hexadecimal.

    Raises:
        IntegrityError: it cannot be read.
    """
    digest = sha256()
    for chunk in pack.chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


class FolderFiles:
    """A pack in a folder. Links are reported, never followed, not even when they point inside.

    Raises:
        IntegrityError: the folder is larger than ``limits``.
    """

    def __init__(self, folder: Path, limits: Limits = DEFAULT_LIMITS) -> None:
        self._folder = folder
        self._limits = limits
        found: dict[str, int] = {}
        problems: list[Problem] = []
        for path, entry in _walk(folder, limits):
            if problem := _odd_entry(path, entry):
                problems.append(problem)
            else:
                found[path] = entry.stat(follow_symlinks=False).st_size
        if (total := sum(found.values())) > limits.total_bytes:
            raise IntegrityError(f"the pack has {total:,} bytes; at most {limits.total_bytes:,} are read")
        self.sizes: Mapping[str, int] = dict(sorted(found.items()))
        self.problems = tuple(sorted(problems, key=lambda item: (item.path, item.kind)))

    def chunks(self, path: str) -> Iterator[bytes]:
        """Yield a file's bytes; see ``PackFiles``."""
        left = self.sizes[path]
        try:
            descriptor = os.open(self._folder / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise IntegrityError(f"{shown(path)} is no longer a plain file")
                while chunk := file.read(_CHUNK):
                    left -= len(chunk)
                    if left < 0:
                        raise IntegrityError(f"{shown(path)} grew while it was read")
                    yield chunk
        except OSError as error:
            raise IntegrityError(f"{shown(path)} cannot be read: {error.strerror}") from error


def _walk(folder: Path, limits: Limits) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield everything below a folder that is not itself a folder, with its path; bounded in number and depth."""
    waiting = [("", 0)]
    count = 0
    while waiting:
        prefix, depth = waiting.pop()
        if depth > limits.depth:
            raise IntegrityError(f"{shown(prefix)} lies deeper than {limits.depth} folders")
        try:
            with os.scandir(folder / prefix) as entries:
                for entry in entries:
                    count += 1
                    if count > limits.files:
                        raise IntegrityError(f"the pack has more than {limits.files:,} entries")
                    path = f"{prefix}{entry.name}"
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append((f"{path}/", depth + 1))
                    else:
                        yield path, entry
        except OSError as error:
            raise IntegrityError(f"the folder {shown(prefix) or '.'} cannot be read: {error.strerror}") from error


def _odd_entry(path: str, entry: os.DirEntry[str]) -> Problem | None:
    if entry.is_symlink():
        return Problem("link", shown(path), "is a symbolic link; a pack holds plain files only")
    if not entry.is_file(follow_symlinks=False):
        return Problem("special", shown(path), "is neither a file nor a folder")
    if not is_portable(path):
        return Problem("name", shown(path), "has a name that no pack uses")
    return None


# What zipfile raises on archives made to break it; anything else is a fault of ours.
_ZIP_ERRORS = (
    zipfile.BadZipFile, RuntimeError, zlib.error, EOFError, struct.error, UnicodeError, ValueError,
    OverflowError, OSError,
)  # fmt: skip

_LOCAL_HEADER = 30
_DATA_DESCRIPTOR = 24
"""Longest data descriptor (APPNOTE 4.3.9): signature, CRC and two 64-bit sizes."""
_STREAMED = 0x08
_ENCRYPTED = 0x01


class ZipFiles:
    """A pack in a zip file, at its root or below one folder.

    The central directory must tell the whole story: entries that share bytes, bytes that belong to no entry, names that
    stand twice, links and encrypted entries are reported, because another tool would unpack other files than we read.

    Raises:
        IntegrityError: not a readable zip, or larger than ``limits``.
    """

    def __init__(self, file: IO[bytes], limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._raw = _Capped(file, limits.directory_bytes)
        try:
            self._zip = zipfile.ZipFile(self._raw)
        except _ZIP_ERRORS as error:
            raise IntegrityError(f"this is not a readable zip file: {error}") from error
        everything = self._zip.infolist()
        infos = [info for info in everything if not info.is_dir()]
        self._check_limits(infos, file.seek(0, os.SEEK_END))
        prefix = _common_folder(infos)
        self._infos: dict[str, zipfile.ZipInfo] = {}
        problems = [*self._hidden(everything), *_odd_folders(everything)]
        names = Counter(info.filename for info in infos)
        for info in infos:
            name = info.filename.removeprefix(prefix)
            if problem := _odd_info(name, info, names[info.filename]):
                problems.append(problem)
            elif not info.filename.startswith(prefix):
                problems.append(Problem("name", shown(name), f"lies outside the pack's folder {shown(prefix)}"))
            else:
                self._infos[name] = info
        self.sizes: Mapping[str, int] = {name: self._infos[name].file_size for name in sorted(self._infos)}
        self.problems = tuple(sorted(set(problems), key=lambda item: (item.path, item.kind)))

    def _check_limits(self, infos: list[zipfile.ZipInfo], size: int) -> None:
        limits, total = self._limits, sum(info.file_size for info in infos)
        if len(infos) > limits.files:
            raise IntegrityError(f"the zip has {len(infos):,} entries; at most {limits.files:,} are read")
        allowed = max(limits.free_bytes, limits.ratio * size)
        if total > min(allowed, limits.total_bytes):
            raise IntegrityError(f"the zip of {size:,} bytes claims to unpack to {total:,}; it is not unpacked")

    def _hidden(self, infos: list[zipfile.ZipInfo]) -> Iterator[Problem]:
        """Find bytes that two entries share or that none owns (a reader of local headers would see other files)."""
        expected = 0
        for info in sorted(infos, key=lambda item: item.header_offset):
            gap = info.header_offset - expected
            if gap < 0:
                yield Problem("hidden", shown(info.filename), "shares its bytes with another entry of the zip")
            elif gap > 0:
                yield Problem(
                    "hidden", shown(info.filename), f"follows {gap:,} bytes that belong to no entry of the zip"
                )
            expected = self._end_of(info)
        if (left := self._zip.start_dir - expected) != 0:
            yield Problem("hidden", "", f"{abs(left):,} bytes before the zip's directory belong to no entry")

    def _end_of(self, info: zipfile.ZipInfo) -> int:
        self._raw.seek(info.header_offset)
        header = self._raw.read(_LOCAL_HEADER)
        if len(header) < _LOCAL_HEADER:
            return info.header_offset
        name_size, extra_size = struct.unpack_from("<HH", header, 26)
        end: int = info.header_offset + _LOCAL_HEADER + name_size + extra_size + info.compress_size
        return end + (self._descriptor_size(end) if info.flag_bits & _STREAMED else 0)

    def _descriptor_size(self, end: int) -> int:
        self._raw.seek(end)
        following = self._raw.read(_DATA_DESCRIPTOR + 4)
        sizes = (size for size in (12, 16, 20, _DATA_DESCRIPTOR) if following[size : size + 2] == b"PK")
        return next(sizes, 0)

    def chunks(self, path: str) -> Iterator[bytes]:
        """Yield a file's bytes; see ``PackFiles``."""
        try:
            with self._zip.open(self._infos[path]) as file:
                while chunk := file.read(_CHUNK):
                    yield chunk
        except _ZIP_ERRORS as error:
            raise IntegrityError(f"{shown(path)} cannot be unpacked: {error}") from error


class _Capped:
    """A file that refuses to be read in one gulp: ``zipfile`` reads a central directory whole, whatever its size."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file = file
        self._most = most
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        if size > self._most:
            raise ValueError(f"its directory has {size:,} bytes; at most {self._most:,} are read")
        return self._file.read(self._most if size < 0 else size)

    def seekable(self) -> bool:
        return True


def _odd_info(name: str, info: zipfile.ZipInfo, times: int) -> Problem | None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if times > 1:
        return Problem("duplicate", shown(name), f"stands {times} times in the zip")
    if kind == stat.S_IFLNK:
        return Problem("link", shown(name), "is a symbolic link; a pack holds plain files only")
    if kind not in {0, stat.S_IFREG}:
        return Problem("special", shown(name), "is neither a file nor a folder")
    if info.flag_bits & _ENCRYPTED:
        return Problem("unreadable", shown(name), "is encrypted")
    if "\\" in info.orig_filename or not is_portable(name):
        return Problem("name", shown(info.orig_filename), "has a name that no pack uses")
    return None


def _odd_folders(infos: list[zipfile.ZipInfo]) -> Iterator[Problem]:
    for info in infos:
        if info.is_dir() and (info.file_size or not is_portable(info.filename[:-1])):
            yield Problem("name", shown(info.filename), "is a folder that no pack has")


def _common_folder(infos: list[zipfile.ZipInfo]) -> str:
    """Return the folder of the pack inside the zip: ``""``, or that of the only ``SHA256SUMS`` one level down."""
    names = {info.filename for info in infos}
    if SUMS in names:
        return ""
    tops = {name.split("/")[0] for name in names if name.count("/") == 1 and name.endswith(f"/{SUMS}")}
    return f"{tops.pop()}/" if len(tops) == 1 else ""


@contextmanager
def open_pack(path: Path, limits: Limits = DEFAULT_LIMITS) -> Iterator[PackFiles]:
    """Open a pack, folder or zip.

    Raises:
        UsageError: there is nothing at ``path``, or it is neither a folder nor a zip file.
        IntegrityError: it is one, but cannot be read within ``limits``.
    """
    if path.is_dir():
        yield FolderFiles(path, limits)
    elif path.is_file():
        with path.open("rb") as file:
            if file.read(2) != b"PK" and not zipfile.is_zipfile(file):
                raise UsageError(f"{path} is neither the folder nor the zip of a pack")
            yield ZipFiles(file, limits)
    else:
        raise UsageError(f"there is no pack at {path}")

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
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Protocol

from auditor.errors import IntegrityError, UsageError
from auditor.seal.names import is_portable, shown, stays_in_place
from auditor.untrusted import MOST_VALUES

SUMS = "SHA256SUMS"
STAGING = ".sealing-"
"""How the folder in a pack begins in which a new seal waits for its place; only sealing cut short leaves one behind."""
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
        document_values: in a JSON file.
    """

    files: int = 1_000_000
    depth: int = 30
    total_bytes: int = 64 << 30
    ratio: int = 200
    free_bytes: int = 64 << 20
    directory_bytes: int = 256 << 20
    document_bytes: int = 256 << 20
    document_values: int = MOST_VALUES


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a pack that is not a plain file of it.

    Args:
        kind: ``link``, ``name``, ``duplicate``, ``special``, ``hidden``, ``leftover`` or ``unreadable``.
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
                    entry.stat(follow_symlinks=False)  # fails here, and not later, in a folder that is only listed
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
    return _left_over(path)


def _left_over(path: str) -> Problem | None:
    if not path.startswith(STAGING) or "/" not in path:
        return None
    message = "is left over from sealing that was cut short; sealing the pack again takes it away"
    return Problem("leftover", shown(path), message)


# What zipfile and zlib raise on archives made to break them; anything else is a fault of ours.
_ZIP_ERRORS = (
    zipfile.BadZipFile, RuntimeError, zlib.error, EOFError, struct.error, UnicodeError, ValueError,
    OverflowError, OSError,
)  # fmt: skip

# PKWARE's APPNOTE, sections 4.3.7, 4.3.16, 4.4.4, 4.5.3 and 4.6.9.
_LOCAL = struct.Struct("<4s2xHH4xLLLHH")
_END = struct.Struct("<4sHHHHLLH")
_DATA_DESCRIPTOR = 24
"""Longest data descriptor (APPNOTE 4.3.9): signature, CRC and two 64-bit sizes."""
_STREAMED = 0x08
_UTF8 = 0x800
_ENCRYPTED = 0x01 | 0x40 | 0x2000
_ZIP64_SIZES, _SECOND_NAME = 0x0001, 0x7075
_ELSEWHERE = {2: 0xFFFF, 4: 0xFFFFFFFF}
"""What a field of two or four bytes says when the number stands in a zip64 structure."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry of a zip, as its directory and the header at its place describe it."""

    info: zipfile.ZipInfo
    start: int
    """Of its packed bytes."""
    end: int
    """Of its packed bytes and what follows them."""
    agrees: bool
    """Both say the same."""


class ZipFiles:
    """A pack in a zip file, at its root or below one folder.

    The central directory must tell the whole story, because another tool would unpack other files than we read:
    entries that share bytes or whose header says something else, bytes that belong to no entry, names that stand twice,
    links and encrypted entries are reported. ``zipfile`` reads the directory; entries are unpacked here, because it
    passes over what follows the end of a packed stream.

    Raises:
        IntegrityError: not a readable zip, or larger than ``limits``.
    """

    def __init__(self, file: IO[bytes], limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._raw = _Capped(file, limits)
        try:
            self._zip = zipfile.ZipFile(self._raw)
            everything = self._zip.infolist()
            self._check_limits(everything, file.seek(0, os.SEEK_END))
            entries = {info: self._entry(info) for info in everything}
            problems = [*self._hidden(entries.values()), *_odd_folders(everything)]
        except _ZIP_ERRORS as error:
            raise IntegrityError(f"this is not a readable zip file: {error}") from error
        infos = [info for info in everything if not _is_folder(info)]
        prefix = _common_folder(infos)
        if prefix and not stays_in_place(prefix[:-1]):
            problems.append(Problem("name", shown(prefix), "is a folder that tools unpack elsewhere"))
        self._entries: dict[str, _Entry] = {}
        names = Counter(info.filename for info in infos)
        for info in infos:
            name = info.filename.removeprefix(prefix)
            if problem := _odd_info(name, info, names[info.filename]):
                problems.append(problem)
            elif not info.filename.startswith(prefix):
                problems.append(Problem("name", shown(name), f"lies outside the pack's folder {shown(prefix)}"))
            else:
                self._entries[name] = entries[info]
        self.sizes: Mapping[str, int] = {name: self._entries[name].info.file_size for name in sorted(self._entries)}
        self.problems = tuple(sorted(set(problems), key=lambda item: (item.path, item.kind)))

    def _check_limits(self, infos: list[zipfile.ZipInfo], size: int) -> None:
        limits, total = self._limits, sum(info.file_size for info in infos)
        if len(infos) > limits.files:
            raise IntegrityError(f"the zip has {len(infos):,} entries; at most {limits.files:,} are read")
        allowed = max(limits.free_bytes, limits.ratio * size)
        if total > min(allowed, limits.total_bytes):
            raise IntegrityError(f"the zip of {size:,} bytes claims to unpack to {total:,}; it is not unpacked")

    def _entry(self, info: zipfile.ZipInfo) -> _Entry:
        """Read the header that stands before an entry's bytes; readers of streams go by it and by nothing else."""
        if not 0 <= info.header_offset <= self._zip.start_dir:
            raise zipfile.BadZipFile(f"an entry is said to begin at byte {info.header_offset}")
        self._raw.seek(info.header_offset)
        header = self._raw.read(_LOCAL.size)
        if not header.startswith(b"PK\3\4") or len(header) < _LOCAL.size:
            raise zipfile.BadZipFile(f"no entry begins at byte {info.header_offset}")
        _, flags, method, crc, packed, unpacked, name_size, extra_size = _LOCAL.unpack(header)
        name, extra = self._raw.read(name_size), _extra_fields(self._raw.read(extra_size))
        if _ELSEWHERE[4] in {packed, unpacked} and len(extra.get(_ZIP64_SIZES, b"")) >= 16:  # noqa: PLR2004 - two sizes
            unpacked, packed = struct.unpack_from("<QQ", extra[_ZIP64_SIZES])
        not_yet = {0} if flags & _STREAMED else set()
        numbers = ((crc, info.CRC), (packed, info.compress_size), (unpacked, info.file_size))
        agrees = (
            name == info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437")
            and method == info.compress_type
            and not (flags ^ info.flag_bits) & (_STREAMED | _UTF8 | _ENCRYPTED)
            and all(stated in {number, *not_yet} for stated, number in numbers)
            and _SECOND_NAME not in extra
        )
        start = info.header_offset + _LOCAL.size + name_size + extra_size
        end = start + info.compress_size
        return _Entry(info, start, end + (self._descriptor_size(end) if flags & _STREAMED else 0), agrees)

    def _hidden(self, entries: Iterable[_Entry]) -> Iterator[Problem]:
        """Find bytes that two entries share or that none owns (a reader of local headers would see other files)."""
        expected = count = 0
        for entry in sorted(entries, key=lambda item: item.info.header_offset):
            name, gap = shown(entry.info.filename), entry.info.header_offset - expected
            if gap < 0:
                yield Problem("hidden", name, "shares its bytes with another entry of the zip")
            elif gap > 0:
                yield Problem("hidden", name, f"follows {gap:,} bytes that belong to no entry of the zip")
            if not entry.agrees:
                yield Problem("hidden", name, "is described in two ways by the zip")
            expected = entry.end
            count += 1
        if (left := self._zip.start_dir - expected) != 0:
            yield Problem("hidden", "", f"{abs(left):,} bytes before the zip's directory belong to no entry")
        if not self._ends_with_directory(count):
            yield Problem("hidden", "", "the zip does not end with its directory, or ends with another one")

    def _ends_with_directory(self, entries: int) -> bool:
        """Say whether the last bytes lead every tool to the directory that was read."""
        self._raw.seek(-_END.size, os.SEEK_END)
        mark, disk, first_disk, here, total, _, offset, comment = _END.unpack(self._raw.read(_END.size))
        return bool(
            mark == b"PK\5\6"
            and not comment
            and {disk, first_disk} <= {0, _ELSEWHERE[2]}
            and {here, total} <= {entries, _ELSEWHERE[2]}
            and offset in {self._zip.start_dir, _ELSEWHERE[4]}
        )

    def _descriptor_size(self, end: int) -> int:
        self._raw.seek(end)
        following = self._raw.read(_DATA_DESCRIPTOR + 4)
        sizes = (size for size in (12, 16, 20, _DATA_DESCRIPTOR) if following[size : size + 2] == b"PK")
        return next(sizes, 0)

    def chunks(self, path: str) -> Iterator[bytes]:
        """Yield a file's bytes; see ``PackFiles``."""
        entry = self._entries[path]
        packed = self._packed(entry)
        crc, left = 0, entry.info.file_size
        try:
            for chunk in packed if entry.info.compress_type == zipfile.ZIP_STORED else _inflated(packed):
                crc, left = zlib.crc32(chunk, crc), left - len(chunk)
                if left < 0:
                    raise zipfile.BadZipFile("it is longer than the zip says")
                yield chunk
            if left or crc != entry.info.CRC:
                raise zipfile.BadZipFile("it is not what the zip says")
        except _ZIP_ERRORS as error:
            raise IntegrityError(f"{shown(path)} cannot be unpacked: {error}") from error

    def _packed(self, entry: _Entry) -> Iterator[bytes]:
        start, end = entry.start, entry.start + entry.info.compress_size
        while start < end:
            self._raw.seek(start)
            chunk = self._raw.read(min(_CHUNK, end - start))
            if not chunk:
                raise EOFError("the zip ends before it")
            start += len(chunk)
            yield chunk


def _inflated(packed: Iterable[bytes]) -> Iterator[bytes]:
    """Unpack a raw deflate stream that has to end where its bytes end."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    for chunk in packed:
        left = chunk
        while left:
            if stream.eof:
                raise zipfile.BadZipFile("its packed bytes go on after their end")
            yield stream.decompress(left, _CHUNK)
            left = stream.unconsumed_tail
    yield stream.flush()
    if not stream.eof or stream.unused_data:
        raise zipfile.BadZipFile("its packed bytes do not end where they should")


def _extra_fields(data: bytes) -> dict[int, bytes]:
    """Return the extra fields of an entry by their number (APPNOTE 4.5.1); what is cut off is left out."""
    fields: dict[int, bytes] = {}
    while len(data) >= 4:  # noqa: PLR2004 - number and size
        number, size = struct.unpack_from("<HH", data)
        fields[number], data = data[4 : 4 + size], data[4 + size :]
    return fields


class _Capped:
    """A file that refuses to be read in one gulp: ``zipfile`` reads a central directory whole, whatever its size."""

    def __init__(self, file: IO[bytes], limits: Limits) -> None:
        self._file = file
        self._limits = limits
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        most = self._limits.directory_bytes
        if size > most:
            raise ValueError(f"its directory has {size:,} bytes; at most {most:,} are read")
        data = self._file.read(most if size < 0 else size)
        if data.count(b"PK\1\2") > self._limits.files:
            raise ValueError(f"its directory has more than {self._limits.files:,} entries")
        return data

    def seekable(self) -> bool:
        return True


def _odd_info(name: str, info: zipfile.ZipInfo, times: int) -> Problem | None:  # noqa: PLR0911 - one line for each kind
    kind = stat.S_IFMT(info.external_attr >> 16)
    if times > 1:
        return Problem("duplicate", shown(name), f"stands {times} times in the zip")
    if kind == stat.S_IFLNK:
        return Problem("link", shown(name), "is a symbolic link; a pack holds plain files only")
    if kind not in {0, stat.S_IFREG}:
        return Problem("special", shown(name), "is neither a file nor a folder")
    if info.flag_bits & _ENCRYPTED:
        return Problem("unreadable", shown(name), "is encrypted")
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        return Problem("unreadable", shown(name), "is packed in a way that no pack uses")
    if _has_two_names(info) or not is_portable(name):
        return Problem("name", shown(info.orig_filename), "has a name that no pack uses")
    return _left_over(name)


def _has_two_names(info: zipfile.ZipInfo) -> bool:
    """Say whether some tools stop at a NUL inside the name, or take the name that a field beside it has."""
    return info.filename != info.orig_filename or _SECOND_NAME in _extra_fields(info.extra)


def _is_folder(info: zipfile.ZipInfo) -> bool:
    return info.filename.endswith("/")


_EMPTY_DEFLATED = 2
"""Bytes that some tools pack nothing into."""


def _odd_folders(infos: list[zipfile.ZipInfo]) -> Iterator[Problem]:
    for info in infos:
        odd = info.file_size or info.compress_size > _EMPTY_DEFLATED or _has_two_names(info)
        if _is_folder(info) and (odd or not is_portable(info.filename[:-1])):
            yield Problem("name", shown(info.orig_filename), "is a folder that no pack has")


def _common_folder(infos: list[zipfile.ZipInfo]) -> str:
    """Return the folder around the pack: the only one at the top with ``SHA256SUMS``, or the only one; else ``""``."""
    names = {info.filename for info in infos}
    if SUMS in names:
        return ""
    listed = {name.partition("/")[0] for name in names if name.count("/") == 1 and name.endswith(f"/{SUMS}")}
    tops = listed or {name.partition("/")[0] for name in names}
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

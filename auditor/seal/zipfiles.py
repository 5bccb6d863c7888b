"""A pack in a zip as anybody may have made it: read as every other tool reads it, or reported. Writes nothing."""

import os
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO

from auditor.base.counts import counted
from auditor.base.errors import IntegrityError
from auditor.base.untrusted import ZIP_ERRORS
from auditor.seal.contents import CHUNK, DEFAULT_LIMITS, SUMS, Limits, Problem, left_over
from auditor.seal.names import is_portable, shown, stays_in_place

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
        except ZIP_ERRORS as error:
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
            raise IntegrityError(f"the zip has {counted(len(infos), 'entry')}; at most {limits.files:,} are read")
        allowed = max(limits.free_bytes, limits.ratio * size)
        if total > min(allowed, limits.total_bytes):
            raise IntegrityError(
                f"the zip of {counted(size, 'byte')} claims to unpack to {total:,}; it is not unpacked"
            )

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
                yield Problem("hidden", name, f"follows {counted(gap, 'byte')} that belong to no entry of the zip")
            if not entry.agrees:
                yield Problem("hidden", name, "is described in two ways by the zip")
            expected = entry.end
            count += 1
        if (left := self._zip.start_dir - expected) != 0:
            yield Problem("hidden", "", f"{counted(abs(left), 'byte')} before the zip's directory belong to no entry")
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
        except ZIP_ERRORS as error:
            raise IntegrityError(f"{shown(path)} cannot be unpacked: {error}") from error

    def _packed(self, entry: _Entry) -> Iterator[bytes]:
        start, end = entry.start, entry.start + entry.info.compress_size
        while start < end:
            self._raw.seek(start)
            chunk = self._raw.read(min(CHUNK, end - start))
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
            yield stream.decompress(left, CHUNK)
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
            raise ValueError(f"its directory has {counted(size, 'byte')}; at most {most:,} are read")
        data = self._file.read(most if size < 0 else size)
        if data.count(b"PK\1\2") > self._limits.files:
            raise ValueError(f"its directory has more than {counted(self._limits.files, 'entry')}")
        return data

    def seekable(self) -> bool:
        return True


def _odd_info(name: str, info: zipfile.ZipInfo, times: int) -> Problem | None:  # noqa: PLR0911 - one line for each kind
    kind = stat.S_IFMT(info.external_attr >> 16)
    if times > 1:
        return Problem("duplicate", shown(name), f"stands {counted(times, 'time')} in the zip")
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
    return left_over(name)


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

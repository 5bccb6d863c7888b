"""Inflates one gzip member completely, or says what is wrong with it. Pure, bounded, strict where readers are lax.

RFC 1952. A CloudTrail object is exactly one member: bytes after it, a missing trailer or a wrong checksum are damage,
although many readers accept them.
"""

import hashlib
import struct
import zlib
from dataclasses import dataclass
from typing import Any, Final

from isal import isal_zlib

from auditor.base.counts import counted

CHUNK: Final = 1 << 22
"""Bytes inflated at a time: large enough to release the interpreter lock, small enough to keep memory flat."""
GZIP_WBITS: Final = 31
RESERVED_FLAGS: Final = 0xE0
HEADER_LENGTH: Final = 10
_ERROR: Final[type[Exception]] = isal_zlib.error  # type: ignore[assignment]  # its stub calls the class an instance


WRAPPED_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""The header of what :func:`wrap` makes; it says nothing about an object."""


def header_kind(body: bytes | memoryview) -> bytes:
    """Return what tells packers apart in a gzip header: method, flags, whether a time is stored, level, system."""
    header = bytes(body[:HEADER_LENGTH])
    return header[2:4] + (b"\x01" if any(header[4:8]) else b"\x00") + header[8:10]


def packed_again(kind: bytes) -> bool:
    """Tell whether a kind of header shows another packer: CloudTrail stores neither a name nor a time."""
    return bool(kind[1] or kind[2])


def wrap(data: bytes) -> bytes:
    """Return bytes as one gzip member, uncompressed: what a client unpacked, packed again."""
    packer = zlib.compressobj(0, zlib.DEFLATED, -zlib.MAX_WBITS)
    trailer = struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)
    return WRAPPED_HEADER + packer.compress(data) + packer.flush() + trailer


class Damaged(Exception):  # noqa: N818 - it names the state of the object, as the findings do
    """The object is not one complete gzip member.

    Args:
        kind: ``damaged``, ``truncated``, ``trailing`` or ``too_large``.
        detail: what was seen, in words.
    """

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Inflated:
    """SHA-256 and size of the inflated bytes; the bytes themselves only when asked for."""

    sha256: str
    size: int
    data: bytes | None


def inflate(body: bytes | memoryview, limit: int, *, keep: bool) -> Inflated:
    """Inflate and hash one gzip member.

    Args:
        body: the stored bytes.
        limit: how many inflated bytes are tolerated; a bomb ends there.
        keep: whether the inflated bytes are wanted, and not only their hash.

    Raises:
        Damaged: the body is anything but one complete member of at most ``limit`` bytes.
    """
    if len(body) >= HEADER_LENGTH and body[3] & RESERVED_FLAGS:
        raise Damaged("damaged", "reserved flags are set in the gzip header")
    stream = isal_zlib.decompressobj(wbits=GZIP_WBITS)
    try:
        data = stream.decompress(body, CHUNK)
        if stream.eof:
            _check_end(stream)
            return Inflated(hashlib.sha256(data).hexdigest(), len(data), data if keep else None)
        return _inflate_rest(stream, data, limit, keep=keep)
    except _ERROR as error:
        raise Damaged("damaged", f"the gzip stream is broken ({error})") from error


def _inflate_rest(stream: Any, data: bytes, limit: int, *, keep: bool) -> Inflated:
    digest = hashlib.sha256(data)
    size = len(data)
    parts = [data] if keep else []
    while not stream.eof:
        if size > limit:
            raise Damaged("too_large", f"more than {counted(limit, 'byte')} inflated")
        waiting = stream.unconsumed_tail
        data = stream.decompress(waiting, CHUNK)
        if not data and not stream.eof and len(stream.unconsumed_tail) == len(waiting):
            raise Damaged("truncated", "the gzip stream ends before its end mark")
        digest.update(data)
        size += len(data)
        if keep:
            parts.append(data)
    _check_end(stream)
    return Inflated(digest.hexdigest(), size, b"".join(parts) if keep else None)


def _check_end(stream: Any) -> None:
    if stream.unused_data:
        extra = len(stream.unused_data)
        raise Damaged("trailing", f"{counted(extra, 'byte follows', 'bytes follow')} the end of the gzip member")

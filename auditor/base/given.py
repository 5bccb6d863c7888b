"""Reads files that people name, whatever is behind the name: bounded in bytes and in waiting. Parses nothing.

What is wrong with one stands in the ``strerror`` of an ``OSError``, for the message of whoever asked.
"""

import errno
import os
import select
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from auditor.base.counts import counted

SILENCE_SECONDS: Final = 30
"""How long nothing may come out of a pipe; nobody may ever write into it."""

_PART: Final = 1 << 20


def read_given(path: Path, most: int) -> bytes:
    """Return the bytes of a file, or of a pipe such as a shell's ``<(command)``; of the null device, none.

    Args:
        path: what somebody named.
        most: how many bytes there may be.

    Raises:
        OSError: it cannot be read, is a folder or a device, has more bytes, or is a pipe that stays silent.
    """
    descriptor = _opened(path, stat.S_ISREG, stat.S_ISFIFO)
    try:
        found = bytearray()
        if os.fstat(descriptor).st_size <= most:
            while part := _next(descriptor, path):
                found += part
                if len(found) > most:
                    break
            else:
                return bytes(found)
        raise OSError(errno.EFBIG, f"it is larger than {counted(most, 'byte')}", str(path))
    finally:
        os.close(descriptor)


def open_given(path: Path) -> BinaryIO:
    """Open a file that is read here and there, such as a zip.

    Raises:
        OSError: it cannot be read, or is a folder, a pipe or a device.
    """
    return open(_opened(path, stat.S_ISREG), "rb")


def _opened(path: Path, *kinds: Callable[[int], bool]) -> int:
    """Open what is of one of these kinds, or the null device; nothing is waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except ValueError as error:
        raise OSError(errno.EINVAL, "no file has such a name", str(path)) from error
    about = os.fstat(descriptor)
    null = stat.S_ISCHR(about.st_mode) and about.st_rdev == Path(os.devnull).stat().st_rdev
    if null or any(is_kind(about.st_mode) for is_kind in kinds):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(about.st_mode):
        raise OSError(errno.EISDIR, "it is a folder", str(path))
    what = "pipe" if stat.S_ISFIFO(about.st_mode) else "device"
    raise OSError(errno.ENODEV, f"it is a {what}, no file", str(path))


def _next(descriptor: int, path: Path) -> bytes:
    """Return the next bytes; none at the end. A pipe into which nobody wrote yet is waited for, for a while."""
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    if not waiting.poll(SILENCE_SECONDS * 1000):
        raise OSError(errno.ETIMEDOUT, f"nothing came out of it for {SILENCE_SECONDS} s", str(path))
    return os.read(descriptor, _PART)

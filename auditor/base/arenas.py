"""What the C library keeps of freed memory when many threads are at work."""

import contextlib
import ctypes
import gc
from typing import Final

M_ARENA_MAX: Final = -8
"""The parameter's number in glibc's malloc.h."""


def keep_memory_flat() -> None:
    """Let all threads share two memory arenas, where the C library is glibc.

    By default each thread keeps an arena of its own and in it the most that it ever held: measured on a trail of a
    million log files, 152 MiB instead of 113, and 174 instead of 165 for a gate run. (mallopt(3), M_ARENA_MAX)
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(M_ARENA_MAX, 2)


def give_memory_back() -> None:
    """Take apart what nobody refers to any more, and hand free pages to the system, where the C library is glibc.

    Worth its tenth of a second where a phase with structures of its own ends: the SDK's clients refer to each other in
    circles, so that they would stay beside all that comes after them. (malloc_trim(3))
    """
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)

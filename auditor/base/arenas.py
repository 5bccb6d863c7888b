"""What the C library keeps of freed memory when many threads are at work."""

import contextlib
import ctypes
import gc
from collections.abc import Iterator
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


@contextlib.contextmanager
def cleared_after() -> Iterator[None]:
    """Take apart what a phase leaves behind, and hand free pages to the system, where the C library is glibc.

    Worth its twentieth of a second where a phase has structures of its own: the SDK's clients refer to each other in
    circles, so that they would stay beside all that comes after them. What was there before is not looked through,
    neither during the phase nor at its end: that is a third of the work. (malloc_trim(3))
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.collect()
        gc.unfreeze()
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)

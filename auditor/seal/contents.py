"""The files of a pack as anybody may have made it: nothing is followed, guessed or unbounded.

Both readers, of folders here and of zips in ``zipfiles.py``, give the same view: lawful names with their sizes, and a
list of everything that is no plain file of a pack. Only names from that view can be opened, so no path ever leaves the
pack.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from operator import itemgetter
from pathlib import Path
from typing import Protocol

from auditor.base.counts import counted
from auditor.base.errors import IntegrityError
from auditor.base.untrusted import MOST_VALUES, ZIP_FREE_BYTES, ZIP_RATIO
from auditor.base.whole import SEALED
from auditor.seal.names import is_portable, shown

SUMS = SEALED
STAGING = ".sealing-"
"""How the folder in a pack begins in which a new seal waits for its place; only sealing cut short leaves one behind."""
CHUNK = 1 << 20
"""Bytes that a reader holds at once."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a reader is prepared to spend on a pack that it does not trust.

    Args:
        files: entries, folders included; a light account of an organization has some 1,100.
        depth: folders inside folders.
        total_bytes: of all files, unpacked.
        ratio: unpacked over packed size of a zip, once it unpacks to more than ``free_bytes``.
        free_bytes: unpacked size that needs no ratio.
        directory_bytes: of a zip's central directory.
        document_bytes: of a JSON or text file that is read whole.
        document_values: in a JSON file.
    """

    files: int = 4_000_000
    depth: int = 30
    total_bytes: int = 64 << 30
    ratio: int = ZIP_RATIO
    free_bytes: int = ZIP_FREE_BYTES
    directory_bytes: int = 640 << 20
    document_bytes: int = 640 << 20
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
        IntegrityError: as ``open_small``, and when it cannot be read.
    """
    whole = BytesIO()  # joining would hold the pieces beside the whole
    whole.writelines(open_small(pack, path, limits))
    return whole.getvalue()


def open_small(pack: PackFiles, path: str, limits: Limits = DEFAULT_LIMITS) -> Iterator[bytes]:
    """Return the bytes of a file that is meant to be small, piece by piece.

    Raises:
        IntegrityError: it is missing, or is larger than a document may be.
    """
    size = pack.sizes.get(path)
    if size is None:
        raise IntegrityError(f"{shown(path)} is missing")
    if size > limits.document_bytes:
        raise IntegrityError(f"{shown(path)} has {counted(size, 'byte')}; at most {limits.document_bytes:,} are read")
    return pack.chunks(path)


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
        for path, seen in _walk(folder, limits):
            if isinstance(seen, Problem):
                problems.append(seen)
            else:
                found[path] = seen
        if (total := sum(found.values())) > limits.total_bytes:
            raise IntegrityError(f"the pack has {counted(total, 'byte')}; at most {limits.total_bytes:,} are read")
        self.sizes: Mapping[str, int] = found
        self.problems = tuple(sorted(problems, key=lambda item: (item.path, item.kind)))

    def chunks(self, path: str) -> Iterator[bytes]:
        """Yield a file's bytes; see ``PackFiles``."""
        left = self.sizes[path]
        try:
            descriptor = os.open(self._folder / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise IntegrityError(f"{shown(path)} is no longer a plain file")
                while chunk := os.read(descriptor, min(CHUNK, left + 1)):
                    left -= len(chunk)
                    if left < 0:
                        raise IntegrityError(f"{shown(path)} grew while it was read")
                    yield chunk
            finally:
                os.close(descriptor)
        except OSError as error:
            raise IntegrityError(f"{shown(path)} cannot be read: {error.strerror}") from error


def _walk(folder: Path, limits: Limits) -> Iterator[tuple[str, int | Problem]]:
    """Yield everything below a folder that is not itself a folder, sorted by path; bounded in number and depth."""
    waiting: list[tuple[str, int | Problem | None]] = [("", None)]
    count = 0
    while waiting:
        prefix, seen = waiting.pop()
        if seen is not None:
            yield prefix, seen
            continue
        if prefix.count("/") > limits.depth:
            raise IntegrityError(f"{shown(prefix)} lies deeper than {counted(limits.depth, 'folder')}")
        below = []
        try:
            with os.scandir(folder / prefix) as entries:
                for entry in entries:
                    count += 1
                    if count > limits.files:
                        raise IntegrityError(f"the pack has more than {counted(limits.files, 'entry')}")
                    below.append(_seen(f"{prefix}{entry.name}", entry))
        except OSError as error:
            raise IntegrityError(f"the folder {shown(prefix) or '.'} cannot be read: {error.strerror}") from error
        waiting += sorted(below, key=itemgetter(0), reverse=True)  # the first by path is taken first


def _seen(path: str, entry: os.DirEntry[str]) -> tuple[str, int | Problem | None]:
    """Return an entry's path with the size of a file, a problem, or None for a folder, whose path ends in a slash."""
    size = entry.stat(follow_symlinks=False).st_size  # fails here, and not later, in a folder that is only listed
    if entry.is_dir(follow_symlinks=False):
        return f"{path}/", None
    return path, _odd_entry(path, entry) or size


def _odd_entry(path: str, entry: os.DirEntry[str]) -> Problem | None:
    if entry.is_symlink():
        return Problem("link", shown(path), "is a symbolic link; a pack holds plain files only")
    if not entry.is_file(follow_symlinks=False):
        return Problem("special", shown(path), "is neither a file nor a folder")
    if not is_portable(path):
        return Problem("name", shown(path), "has a name that no pack uses")
    return left_over(path)


def left_over(path: str) -> Problem | None:
    """Say what a file is that sealing cut short left behind; None for any other."""
    if not path.startswith(STAGING) or "/" not in path:
        return None
    message = "is left over from sealing that was cut short; sealing the pack again takes it away"
    return Problem("leftover", shown(path), message)

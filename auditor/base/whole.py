"""Files and folders that appear whole or not at all: written beside their place, then renamed into it.

What a killed process leaves behind is known by its name, and by nobody holding its lock.
"""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from auditor.base.errors import UsageError

UNFINISHED = ".unfinished-"
"""How a folder begins that is being written."""


def check_writable(folder: Path) -> None:
    """Refuse an output folder that cannot be made or written, before an hour of work goes into it.

    Raises:
        UsageError: what is wrong with it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".writable-", dir=folder):
            pass
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO}:
            raise  # the machine's fault
        why = error.strerror or str(error)
        raise UsageError(f"--out: {folder} cannot be written: {why}", hint="name another folder with --out") from error


@contextmanager
def unfinished(parent: Path) -> Iterator[Path]:
    """Give a new folder that vanishes unless it was renamed; beside its place, so that renaming is one step.

    Args:
        parent: made when it is missing.
    """
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=parent))
    lock = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems have no locks; then nothing is taken for left over there
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    finally:
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)


def left_over(parent: Path) -> Iterator[Path]:
    """Yield the unfinished folders below a folder that no living process writes."""
    for path in sorted(parent.glob(f"{UNFINISHED}*")):
        if path.is_symlink() or not path.is_dir():
            continue
        lock = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue  # somebody writes it, or nobody can tell
        finally:
            os.close(lock)
        yield path


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside its place and rename it: a reader sees the old bytes or the new ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    beside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        beside.chmod(0o644)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def link_files(source: Path, target: Path) -> None:
    """Let a folder hold the files of another one, without a copy where the file system knows hard links."""
    shutil.copytree(source, target, copy_function=_link, dirs_exist_ok=True, symlinks=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def move_in(made: Path, place: Path, *, last: tuple[str, ...]) -> None:
    """Move what a folder holds beyond another one into that one; when this fails, all of it goes back.

    Args:
        made: holds everything that ``place`` holds, and more.
        place: the folder that gets the rest.
        last: names at the top that are moved at the end, in this order: without them nothing counts as finished.
    """
    found = sorted(_beyond(made, place), key=lambda name: last.index(name) + 1 if name in last else 0)
    moved: list[str] = []
    try:
        for name in found:
            (made / name).rename(place / name)
            moved.append(name)
    except BaseException:
        for name in reversed(moved):
            (place / name).rename(made / name)
        raise


def _beyond(made: Path, place: Path, prefix: str = "") -> Iterator[str]:
    for path in sorted((made / prefix).iterdir()):
        name = f"{prefix}{path.name}"
        if not (place / name).exists():
            yield name
        elif path.is_dir() and not path.is_symlink():
            yield from _beyond(made, place, f"{name}/")

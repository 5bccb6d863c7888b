"""Files and folders that appear whole or not at all: written beside their place, then renamed into it.

What a killed process leaves behind is known by its name, and by nobody holding its lock.
"""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from auditor.base.errors import UsageError

UNFINISHED = ".unfinished-"
"""How a folder begins that is being written."""
SEALED = "SHA256SUMS"
"""What a sealed folder has: whatever is put into it afterwards, it does not hold any more."""


def check_writable(folder: Path) -> None:
    """Refuse an output folder that cannot be made or written, before an hour of work goes into it.

    Raises:
        UsageError: what is wrong with it.
    """
    refuse_sealed(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".writable-", dir=folder):
            pass
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO}:
            raise  # the machine's fault
        why = error.strerror or str(error)
        raise UsageError(f"--out: {folder} cannot be written: {why}", hint="name another folder with --out") from error


def check_file(path: Path) -> None:
    """Refuse a place for a file whose folder takes none, before any work is done.

    Raises:
        UsageError: what is wrong with it.
    """
    refuse_sealed(path.parent)
    try:
        with tempfile.NamedTemporaryFile(prefix=".writable-", dir=path.parent):
            pass
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO}:
            raise  # the machine's fault
        raise UsageError(f"{path} cannot be written: {error.strerror or error}", hint="name another place") from error


def refuse_sealed(folder: Path) -> None:
    """Refuse a place for output, there or not, that is inside a pack.

    Raises:
        UsageError: in which one.
    """
    for place in (found := folder.absolute(), *found.parents):
        if (place / SEALED).is_file():
            raise UsageError(f"{place} is a pack, which would not hold any more", hint="name a place outside of it")


@contextmanager
def unfinished(parent: Path, *, keep: Callable[[Path, BaseException], bool] | None = None) -> Iterator[Path]:
    """Give a new folder that vanishes unless it was renamed; beside its place, so that renaming is one step.

    Args:
        parent: made when it is missing.
        keep: asked when an error breaks off the work: whether the folder stays, to go on with it later; None for no.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with _held(Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=parent)), keep) as folder:
        yield folder


@contextmanager
def taken_up(folder: Path, *, keep: Callable[[Path, BaseException], bool]) -> Iterator[Path]:
    """Give an unfinished folder that somebody left behind.

    Args:
        folder: the folder.
        keep: asked when an error breaks off the work again: whether it stays.

    Raises:
        UsageError: somebody else is at work in it, or it is gone.
    """
    with _held(folder, keep) as held:
        yield held


@contextmanager
def _held(folder: Path, keep: Callable[[Path, BaseException], bool] | None) -> Iterator[Path]:
    with alone_in(folder):
        stays = False
        try:
            yield folder
        except BaseException as error:
            stays = keep is not None and keep(folder, error)
            raise
        finally:
            if not stays:
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Let nobody else work in a folder meanwhile.

    Raises:
        UsageError: somebody else is at work in it, or it is gone.
    """
    try:
        lock = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise UsageError(f"{folder} cannot be opened: {error.strerror}") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(f"another run is at work in {folder}", hint="wait for its end") from error
        except OSError:
            pass  # some network file systems have no locks; then nothing is taken for left over there
        yield
    finally:
        os.close(lock)


def is_held(folder: Path) -> bool:
    """Say whether somebody is at work in an unfinished folder, as far as locks tell."""
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


def left_over(parent: Path) -> Iterator[Path]:
    """Yield the unfinished folders below a folder that no living process writes."""
    for path in sorted(parent.glob(f"{UNFINISHED}*")):
        if path.is_symlink() or not path.is_dir():
            continue
        if not is_held(path):
            yield path


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside its place and rename it: a reader sees the old bytes or the new ones.

    A device or a pipe is written into: renaming would put a file where the machine's /dev/null is.
    """
    if written_into(path):
        path.write_bytes(data)
        return
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


def written_into(path: Path) -> bool:
    """Say whether a path is a device, a pipe, or one of the system's names for an open file such as /dev/stdout."""
    place = path.absolute()
    named = str(place) in {"/dev/stdin", "/dev/stdout", "/dev/stderr"} or str(place.parent) in {
        "/dev/fd",
        "/proc/self/fd",
    }
    return path.exists() and (named or not (path.is_file() or path.is_dir()))


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet, in three calls of the system: a buffered file takes seven.

    Raises:
        FileExistsError: it is there.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
    finally:
        os.close(descriptor)


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
    with ExitStack() as way_back:
        for name in found:
            (made / name).rename(place / name)
            way_back.callback((place / name).rename, made / name)
        way_back.pop_all()


def _beyond(made: Path, place: Path, prefix: str = "") -> Iterator[str]:
    for path in sorted((made / prefix).iterdir()):
        name = f"{prefix}{path.name}"
        if not (place / name).exists():
            yield name
        elif path.is_dir() and not path.is_symlink():
            yield from _beyond(made, place, f"{name}/")

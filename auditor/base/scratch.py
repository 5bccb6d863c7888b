"""Folders for a while. What a killed process leaves of them goes with the next process that asks for one.

Such a folder is known by its name, its owner, and by nobody holding its lock; what cannot be told apart stays.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PREFIX: Final = "auditor-scratch-"
"""How such folders begin."""


@contextmanager
def scratch_folder(kind: str, parent: Path | None = None) -> Iterator[Path]:
    """Give a new folder that goes with its user, or with the next one where this process is killed.

    Args:
        kind: what it is for, as a part of its name.
        parent: where it lies; None for the machine's place for temporary files.
    """
    where = parent or Path(tempfile.gettempdir())
    _clear_up(where)
    folder, lock = _locked(where, kind)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _locked(where: Path, kind: str) -> tuple[Path, int]:
    """Make a folder and lock it; somebody who clears up may come in between."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{kind}-", dir=where))
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:
            return folder, lock  # a file system without locks: nothing is taken for left over there
        if folder.is_dir():
            return folder, lock
        os.close(lock)


def _clear_up(where: Path) -> None:
    """Remove the folders of this user that nobody holds."""
    for path in where.glob(f"{PREFIX}*"):
        try:
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue  # another user's, a link, a file, or gone
        try:
            if os.fstat(lock).st_uid == os.geteuid():
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
        except OSError:
            pass  # somebody is at work in it, or locks are unknown here
        finally:
            os.close(lock)

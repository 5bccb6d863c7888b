"""Keeps the results of tasks in a folder of the driver, so that a run which is taken up again finds them.

A result is written beside its place and renamed; the note with its hash comes last. A result without a note, a note of
another task, or a hash that does not hold: then the task is carried out again.
"""

import os
import shutil
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Final

import orjson

from auditor.base.whole import write_whole
from auditor.work.task import Done, Task

_NOTE: Final = ".done"
_MAKING: Final = ".making-"
_BLOCK: Final = 1 << 20


class Ledger:
    """The kept results of one run.

    Args:
        folder: made when missing; for the driver's eyes only. What a killed run was making there goes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in folder.glob(f"{_MAKING}*"):
            _remove(path)

    def find(self, task: Task) -> Done | None:
        """Return the kept result of the very same task whose hash holds; what does not hold goes."""
        place = self._place(task)
        note = place.with_name(place.name + _NOTE)
        try:
            held = orjson.loads(note.read_bytes())
        except (OSError, ValueError):
            held = None
        expected = held.get("sha256") if isinstance(held, dict) and held.get("task") == task.fingerprint else None
        if expected is not None and place.exists() and tree_sha256(place) == expected:
            return Done(task.key, place, expected, reused=True)
        note.unlink(missing_ok=True)
        _remove(place)
        return None

    def scratch(self, task: Task) -> Path:
        """Return a path for a task to write to; nothing is there yet."""
        holder = tempfile.mkdtemp(prefix=f"{_MAKING}{self._name(task)[:80]}-", dir=self._folder)
        return Path(holder) / "made"

    def keep(self, task: Task, made: Path) -> Done:
        """Put what a task made in its place and note its hash."""
        place = self._place(task)
        digest = tree_sha256(made)
        _remove(place)
        made.rename(place)
        _remove(made.parent)
        write_whole(place.with_name(place.name + _NOTE), orjson.dumps({"task": task.fingerprint, "sha256": digest}))
        return Done(task.key, place, digest)

    def _place(self, task: Task) -> Path:
        return self._folder / self._name(task)

    @staticmethod
    def _name(task: Task) -> str:
        return task.key.replace("/", "+")


def tree_sha256(path: Path) -> str:
    """Return the SHA-256 of a file; of a folder, that of its files' hashes and names, one a line, sorted by name.

    Raises:
        OSError: something cannot be read, or is neither file nor folder.
    """
    if path.is_dir() and not path.is_symlink():
        names = sorted(
            str(item.relative_to(path)) for item in path.rglob("*") if not item.is_dir() or item.is_symlink()
        )
        return sha256("".join(f"{_file_sha256(path / name)}  {name}\n" for name in names).encode()).hexdigest()
    return _file_sha256(path)


def _file_sha256(path: Path) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    found = sha256()
    with os.fdopen(descriptor, "rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

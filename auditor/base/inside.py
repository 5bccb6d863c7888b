"""Names what a folder holds further inside, for whoever gave the folder above the one that is meant."""

import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from auditor.base.counts import counted, first_of

_LOOKED_AT: Final = 2_000
"""Folders that are looked into: somebody may have named the root of a disk."""
_MOST_NAMED: Final = 4


def inside(path: Path, is_one: Callable[[Path], bool]) -> str:
    """Say which folders below ``path`` are what was asked for: ``one: a/b``, ``12 packs: a, b, c, d and 8 more``.

    Empty where none is. What is one is not looked into; neither are links.
    """
    found: list[str] = []
    waiting = deque([path])
    for _ in range(_LOOKED_AT):
        if not waiting:
            break
        folder = waiting.popleft()
        if folder != path and is_one(folder):
            found.append(folder.relative_to(path).as_posix())
            continue
        waiting += _folders(folder)
    if not found:
        return ""
    return f"{'one' if len(found) == 1 else counted(len(found), 'pack')}: {first_of(sorted(found), _MOST_NAMED)}"


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:  # not ours to read, gone meanwhile, or no folder
        return []

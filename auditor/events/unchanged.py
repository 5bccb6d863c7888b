"""Hashes the files of a store, and not a second time what the file system says nobody has touched since.

A question would otherwise spend a third of its time on hashing. Compared are size, inode, and the times of the last
change of content and of state; no program can set the latter. A file that was changed within moments of being hashed
is hashed again: clocks of file systems are coarse.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from auditor.base.whole import write_whole

SEEN: Final = "seen.json"
SETTLED_NS: Final = 2_000_000_000
"""How long a file must have been left alone for its times to vouch for it."""

Stamp = list[int]


def hashes(folder: Path, paths: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of files below a folder, by their names there.

    Args:
        folder: where ``seen.json`` remembers what was hashed; a folder that cannot be written to is hashed each time.
        paths: the files.
    """
    known, now = _known(folder), time.time_ns()
    found: dict[str, tuple[Stamp, str]] = {}
    for path in paths:
        name, stamp = str(path.relative_to(folder)), _stamp(path.stat())
        before = known.get(name)
        found[name] = before if before and before[0] == stamp else (stamp, _sha256(path))
    settled = {name: item for name, item in found.items() if now - max(item[0][2:]) > SETTLED_NS}
    if settled != known:
        with suppress(OSError):
            write_whole(folder / SEEN, f"{json.dumps(settled, sort_keys=True)}\n".encode())
    return {name: digest for name, (_, digest) in found.items()}


def _known(folder: Path) -> Mapping[str, tuple[Stamp, str]]:
    try:
        document = json.loads((folder / SEEN).read_bytes())
        return {str(name): (list(map(int, stamp)), str(digest)) for name, (stamp, digest) in document.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _stamp(status: os.stat_result) -> Stamp:
    return [status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

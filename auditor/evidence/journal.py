"""The journal of a collection: one line for each answer as soon as it is stored, so that a killed run can be taken up.

It lies beside the evidence, never in a pack. A line that was cut off by a kill is no line; what one says of a file is
believed only while the file's hash holds.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any, Final

import orjson

from auditor.base.canonical import canonical_json

_MOST_BYTES: Final = 2_000_000_000


class Journal:
    """Lines of JSON that are only added to. Safe to call from several threads.

    Args:
        path: the file; made when missing. What follows its last whole line goes.
    """

    def __init__(self, path: Path) -> None:
        self.beside: Callable[[], Mapping[str, Any]] = dict
        self._lock = Lock()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        os.ftruncate(self._file, self._whole())
        os.lseek(self._file, 0, os.SEEK_END)

    def _whole(self) -> int:
        """Return the length up to the end of the last whole line."""
        data = self._read()
        return data.rfind(b"\n") + 1

    def _read(self) -> bytes:
        size = min(os.fstat(self._file).st_size, _MOST_BYTES)
        return os.pread(self._file, size, 0) if size else b""

    def lines(self) -> tuple[Mapping[str, Any], ...]:
        """Return the documents written so far; a line that is no JSON object is passed over."""
        found = []
        for line in self._read().splitlines():
            try:
                document = orjson.loads(line)
            except ValueError:
                continue
            if isinstance(document, dict):
                found.append(document)
        return tuple(found)

    def write(self, document: Mapping[str, Any]) -> None:
        """Add a line, in one step, with what ``beside`` has to say.

        Raises:
            OSError: it cannot be written, such as on a full disk.
        """
        with self._lock:
            data = canonical_json({**self.beside(), **document})
            written = os.write(self._file, data)
            while written < len(data):
                written += os.write(self._file, data[written:])

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

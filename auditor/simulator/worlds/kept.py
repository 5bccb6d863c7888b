"""Deliveries kept on disk for whoever simulates the same account again, such as the next test.

Signing a month of eighteen Regions takes some eight seconds, and gives the same bytes every time. A folder named
by ``SIMULATOR_KEEPS`` holds them; without that variable nothing is kept. The folder belongs to one session of tests and
goes with it, so that nothing made by older code is ever read.
"""

import base64
import hashlib
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import orjson

from auditor.base.whole import write_whole
from auditor.simulator.delivery import StoredObject

VARIABLE: Final = "SIMULATOR_KEEPS"


def held(*named: object) -> bool:
    """Tell whether the deliveries of that name are kept."""
    path = _path(named)
    return path is not None and path.exists()


def kept(make: Callable[[], Sequence[StoredObject]], *named: object) -> list[StoredObject]:
    """Return the deliveries that are kept under a name, or make and keep them.

    Args:
        make: makes them, always the same ones.
        named: what they depend on; each part tells itself apart by its ``repr``.
    """
    path = _path(named)
    if path is None:
        return list(make())
    if not path.exists():
        write_whole(path, orjson.dumps([_written(stored) for stored in make()]))
    return [_read(*row) for row in orjson.loads(path.read_bytes())]


def _path(named: tuple[object, ...]) -> Path | None:
    folder = os.environ.get(VARIABLE)
    return Path(folder) / f"{hashlib.sha256(repr(named).encode()).hexdigest()}.json" if folder else None


def _written(stored: StoredObject) -> tuple[object, ...]:
    body = base64.b64encode(stored.body).decode()
    return stored.bucket, stored.key, body, dict(stored.metadata), stored.last_modified


def _read(bucket: str, key: str, body: str, metadata: dict[str, str], modified: str) -> StoredObject:
    return StoredObject(bucket, key, base64.b64decode(body), metadata, datetime.fromisoformat(modified))

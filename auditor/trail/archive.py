"""Writes what a later, offline verification needs: the digests as stored, their metadata, the keys, the object list.

The folder is one that ``auditor trail verify --dir`` reads. All files are sorted and free of times of their own: equal
input gives equal bytes.
"""

import json
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from auditor.pack.layout import BY_BUCKET
from auditor.trail.fetch import DIGEST_ZIP, KEY_FILE, METADATA_FILE
from auditor.trail.keys import KeyBook
from auditor.trail.spool import Spool

OBJECT_LIST: Final = "objects.csv"
_EARLIEST: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest date zip knows; a fixed one keeps the bytes reproducible."""


class Archive:
    """The material of one run, still in its scratch file: write it before the run is closed.

    Args:
        spool: the run's records.
        keys: the keys that were available.
    """

    def __init__(self, spool: Spool, keys: KeyBook) -> None:
        self._spool = spool
        self._keys = keys

    def write(self, folder: Path) -> list[Path]:
        """Write ``digests.zip``, ``metadata.json``, ``public-keys.json`` and ``objects.csv``; return their paths.

        Digests are called by their keys; where they lay in several buckets, each key stands behind its bucket's name.
        """
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / name for name in (DIGEST_ZIP, METADATA_FILE, KEY_FILE, OBJECT_LIST)]
        metadata: dict[str, Any] = {}
        apart = len(self._spool.digest_buckets()) > 1
        with zipfile.ZipFile(paths[0], "w", zipfile.ZIP_STORED) as archive:
            archive.comment = BY_BUCKET if apart else b""
            for bucket, key, body, values in self._spool.digests():
                name = f"{bucket}/{key}" if apart else key
                info = zipfile.ZipInfo(name, _EARLIEST)
                info.create_system = 3
                info.external_attr = 0o644 << 16
                archive.writestr(info, body)
                metadata[name] = values
        paths[1].write_text(json_text(metadata), "utf-8")
        paths[2].write_text(json_text(self._keys.document()), "utf-8")
        with paths[3].open("w", encoding="utf-8", newline="") as file:
            file.writelines(_lines(self._spool.objects()))
        return paths


def json_text(value: object) -> str:
    """Return the one form in which a value stands in an archive."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=True) + "\n"


def _lines(rows: Iterable[tuple[str, str, str, str]]) -> Iterator[str]:
    yield "bucket,key,sha256,state\n"
    for row in rows:
        yield ",".join(_cell(text) for text in row) + "\n"


def defused(text: str) -> str:
    """Return a text as it stands in the object list: a leading formula character is no formula in a spreadsheet."""
    return "'" + text if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def _cell(text: str) -> str:
    text = defused(text)
    return '"' + text.replace('"', '""') + '"' if any(letter in text for letter in ',"\r\n') else text

"""The pack of the same organization before this one: whom it listed, so that whoever left is noticed."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from auditor.base.canonical import sha256_hex
from auditor.base.period import parse_time
from auditor.pack.layout import RESULTS
from auditor.seal.manifest import MANIFEST

NOTHING: Mapping[str, Any] = {"pack_id": "", "manifest_sha256": "", "accounts": []}


def accounts_before(out: Path, organization: str, before: datetime) -> Mapping[str, Any]:
    """Return id and name of each account in the newest older pack of an organization whose results are its own.

    Args:
        out: the output folder.
        organization: its id; empty where accounts were named one by one, and then nobody can leave.
        before: the run's as-of time, aware UTC.
    """
    if not organization:
        return NOTHING
    found: list[tuple[datetime, str, Mapping[str, Any]]] = []
    for path in sorted(out.glob(f"{organization}/*/*/{MANIFEST}")):
        try:
            as_of, told = _read(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # a pack that cannot be read says nothing; `auditor history` names it
        if as_of < before:
            found.append((as_of, path.parent.name, told))
    return max(found, key=lambda item: item[:2])[2] if found else NOTHING


def _read(path: Path) -> tuple[datetime, Mapping[str, Any]]:
    data, results = path.read_bytes(), (path.parent / RESULTS).read_bytes()
    manifest = orjson.loads(data)
    if manifest["results_sha256"] != sha256_hex(results):
        raise ValueError("its results are not those that its manifest names")
    accounts = [{"id": str(row["id"]), "name": str(row["name"])} for row in orjson.loads(results)["accounts"]]
    told = {"pack_id": str(manifest["pack_id"]), "manifest_sha256": sha256_hex(data), "accounts": accounts}
    return parse_time(manifest["scope"]["as_of"]), told

"""Uploads a finished pack when that was asked for, and keeps a record of it beside the pack."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from auditor.base.canonical import canonical_json, sha256_hex
from auditor.base.errors import AuditorError, IntegrityError, UsageError
from auditor.base.period import rfc3339
from auditor.base.untrusted import parse_json
from auditor.collect import accounts
from auditor.collect.guard import CallLog
from auditor.config import Config
from auditor.deliver.upload import OPERATION, Destination, Stored, destination, upload
from auditor.seal.archive import open_pack
from auditor.seal.contents import read_small
from auditor.seal.manifest import MANIFEST
from auditor.seal.verify import Demands, verify_pack

SCHEMA = "auditor.upload/1"
CUSTODY = ".custody.jsonl"
"""Follows the name of a pack: its record, one line for each upload, beside it and never in it."""

_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What came of an upload.

    Args:
        place: URL of the pack's folder in the bucket.
        objects: what is proved to be there.
        record: the file that says so.
        error: why it is not complete, and what to do; empty when it is.
    """

    place: str
    objects: tuple[Stored, ...]
    record: Path
    error: str = ""

    def document(self) -> dict[str, Any]:
        """Return the JSON form; the objects stand in the record."""
        return {
            "place": self.place,
            "objects": len(self.objects),
            "new": sum(item.new for item in self.objects),
            "record": str(self.record),
            "error": self.error or None,
        }


def destination_of(config: Config) -> Destination | None:
    """Return where the settings want packs to be put; None for nowhere.

    Raises:
        UsageError: it is no place, or a lock is asked for without one.
    """
    if not config.upload:
        if config.object_lock_days or config.object_lock_mode:
            raise UsageError("--object-lock-days and --mode go with --upload s3://BUCKET/PREFIX")
        return None
    if config.object_lock_mode and not config.object_lock_days:
        raise UsageError("--mode goes with --object-lock-days N")
    mode = config.object_lock_mode or "GOVERNANCE"
    return destination(config.upload, lock_days=config.object_lock_days or 0, lock_mode=mode)


def upload_pack(
    pack: Path,
    where: Destination,
    config: Config,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    show: Callable[[int, int], None] = lambda _done, _total: None,
) -> Uploaded:
    """Upload a pack below account and period, and add a line to its record. What fails is told, not raised.

    The session is another than the run's own: it may put objects and nothing else that writes. It has the caller's own
    credentials, also when the audited account is read through a role: the bucket is the caller's.

    Raises:
        UsageError: there is no readable pack.
    """
    with open_pack(pack) as files:
        data = read_small(files, MANIFEST)
    name = "/".join((*_above(parse_json(data)), pack.resolve().name))
    log, begun, error = CallLog(asked_for=frozenset({OPERATION})), now(), ""
    done: list[Stored] = []
    try:
        session = accounts.open_session(profile=config.profile or None, region=config.region or None, log=log)
        client = accounts.client(session, "s3", session.region_name)
        upload(pack, name, where, client, now=now, noted=done.append, show=show)
    except AuditorError as failure:
        error = "; ".join(part for part in (failure.message, failure.hint) if part)
    record = pack.with_name(f"{pack.name}{CUSTODY}")
    line = {
        "schema": SCHEMA,
        "pack_id": str(parse_json(data)["pack_id"]),
        "manifest_sha256": sha256_hex(data),
        "place": where.url(name),
        "begun": rfc3339(begun),
        "ended": rfc3339(now()),
        "complete": not error,
        "error": error,
        "objects": [item.document() for item in done],
        "calls": log.document(),
        "endpoints": list(log.endpoints),
    }
    with record.open("ab") as file:
        file.write(canonical_json(line).rstrip(b"\n") + b"\n")
    return Uploaded(where.url(name), tuple(done), record, error)


def upload_again(pack: Path, where: Destination, config: Config, show: Callable[[int, int], None]) -> Uploaded:
    """Upload a pack that was made before; one that does not hold is not spread any further.

    Raises:
        UsageError: there is no pack, or it is a zip.
        IntegrityError: the pack does not verify.
    """
    if not pack.is_dir():
        raise UsageError(f"{pack} is not the folder of a pack", hint="unpack a zip first")
    report = verify_pack(pack, Demands(at=datetime.now(UTC).replace(microsecond=0)))
    if report.verdict == "fail":
        raise IntegrityError(f"{pack} does not hold, so it is not uploaded", hint=f"auditor verify {pack} says why")
    return upload_pack(pack, where, config, show=show)


def _above(manifest: Any) -> tuple[str, ...]:
    """Return account and period of a pack, as they stand above its folder."""
    found = [str(item["id"]) for item in manifest["scope"]["accounts"]]
    parts = (found[0] if len(found) == 1 else "organization", str(manifest["period"]["label"]))
    if not all(_PART.fullmatch(part) for part in parts):
        raise IntegrityError(f"account and period of the pack are no names for folders: {' and '.join(parts)}")
    return parts

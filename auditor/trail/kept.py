"""Keeps log files beside the archived digests: those that findings and event rows cite, up to a size.

A log file is kept byte for byte, or nothing could be held against its digest: nothing is taken out of it. It is read
again for that; one that is not what it was a moment ago is left out.
"""

import json
import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

from auditor.trail.context import Context
from auditor.trail.fetch import Unavailable
from auditor.trail.findings import Finding
from auditor.trail.logfile import judge_log
from auditor.trail.parallel import Stopped

LOG_ZIP: Final = "logs.zip"
ABOUT: Final = "kept.json"
"""The member that says what was kept; it has no folder, and log files have one: their bucket."""
_TOGETHER: Final = 64
"""Log files in memory at a time."""
_EARLIEST: Final = (1980, 1, 1, 0, 0, 0)

_Wanted = tuple[str, str, str, str]
"""Bucket, key, the SHA-256 vouched for and the state."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Which log files are kept.

    Args:
        what: ``findings``: those that findings name; ``notable``: those that event rows name, too; or ``all``.
        most: stored bytes of all of them together.
    """

    what: str
    most: int


def keep_logs(context: Context, folder: Path, keep: Keep, findings: Sequence[Finding], noted: Collection[str]) -> None:
    """Write ``logs.zip`` with the log files that are wanted, those that findings name first.

    Nothing is written when no log file is wanted, or when the run is stopped meanwhile.

    Args:
        context: the run's tools.
        folder: the archive of the trail.
        keep: which, and how many bytes.
        findings: of the report.
        noted: keys of the log files that event rows rest on.
    """
    path = folder / LOG_ZIP
    found = {finding.key for finding in findings if finding.key}
    wanted = _wanted(context, keep.what, found, noted)
    if next(_wanted(context, keep.what, found, noted), None) is None:
        return
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            left_out = _write(context, archive, wanted, keep.most)
            if keep.what == "findings":
                left_out += len(set(noted) - found)
            about = {"kept": keep.what, "left_out": left_out}
            archive.writestr(_member(ABOUT), json.dumps(about, sort_keys=True) + "\n")
    except Stopped:
        path.unlink(missing_ok=True)


def _wanted(context: Context, what: str, found: Collection[str], noted: Collection[str]) -> Iterator[_Wanted]:
    """Yield the log files that are wanted, those that matter most first, each once."""
    ranks = ("found", "noted", "other")[: ("findings", "notable", "all").index(what) + 1]
    for rank in ranks:
        for row in context.spool.objects():
            its = "found" if row[1] in found else "noted" if row[1] in noted else "other"
            if row[3] != "missing" and its == rank:
                yield row


def _write(context: Context, archive: zipfile.ZipFile, wanted: Iterator[_Wanted], most: int) -> int:
    """Write log files until the next one does not fit; return how many that were wanted are not there."""
    written = left_out = 0
    full = False
    while batch := list(islice(wanted, _TOGETHER)):
        if full:
            left_out += len(batch)
            continue
        bodies = dict(context.workers.map(partial(_read, context), batch))
        for row in batch:
            body = bodies[row]
            full = full or (body is not None and written + len(body) > most)
            if body is None or full:
                left_out += 1
                continue
            archive.writestr(_member(f"{row[0]}/{row[1]}"), body)
            written += len(body)
    return left_out


def _read(context: Context, row: _Wanted) -> bytes | None:
    """Read a log file; None when it cannot be read, or is not what it was when it was verified."""
    bucket, key, sha256, state = row
    try:
        body = context.source.read(bucket, key, None)
    except Unavailable:
        return None
    if state == "unvouched":
        return body
    return body if judge_log(body, sha256, keep=False).state == state else None


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EARLIEST)
    info.create_system = 3
    info.external_attr = 0o644 << 16
    return info

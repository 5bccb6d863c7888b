"""Finds out which part of a bucket a folder of downloaded objects is, from the first digest in it. Judges nothing.

People have the content of ``AWSLogs/``, of one account, of an organization, or all of it some folders deeper. A digest
says the whole key that it was signed for; what that key and its path have in common tells the rest.
"""

import gzip
import json
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from auditor.base.errors import UsageError
from auditor.trail.names import parse_digest_key

_DIGEST_FILE: Final = re.compile(r"[0-9]{12}_CloudTrail-Digest_.+\.json(\.gz)?")
_LOG_FILE: Final = re.compile(r"[0-9]{12}_CloudTrail_[a-z0-9-]+_[0-9TZ]+_[A-Za-z0-9]{16}\.json(\.gz)?")
_LIMIT: Final = 1 << 24
_MOST_FOLDERS: Final = 100_000
_TRIED: Final = 20
"""Digests that are opened in search of one that can be read."""
_LAST: Final = ("CloudTrail",)
"""Folders that are looked into last: a month of log files may lie there."""


@dataclass(frozen=True, slots=True)
class Mount:
    """Where a folder stands in its bucket.

    Args:
        below: path from the folder to where keys begin; empty when they begin in it.
        above: what every key begins with and no path has; empty or with a closing slash.
        prefix: the trail's key prefix.
    """

    below: str = ""
    above: str = ""
    prefix: str = ""


def mount_of(root: Path) -> Mount:
    """Return where a folder stands.

    Raises:
        UsageError: it is a part that cannot be verified alone, or it holds nothing of CloudTrail's.
    """
    tried, logs = 0, ""
    for path in _files(root):
        relative = path.relative_to(root).as_posix()
        if _LOG_FILE.fullmatch(path.name):
            logs = logs or relative
        if not _DIGEST_FILE.fullmatch(path.name):
            continue
        tried += 1
        signed = _signed_for(path)
        if signed is not None:
            return _compared(root, relative, *signed)
        if tried >= _TRIED:
            break
    if tried or "AWSLogs" in (logs or _folders_seen(root)):
        return Mount()
    if logs:
        raise UsageError(
            f"{root} holds log files and no digests, which alone can prove them",
            hint=f"give the folder that holds CloudTrail/ and CloudTrail-Digest/, such as {_above(root, 'CloudTrail')}",
        )
    raise UsageError(
        f"{root} holds no digest and no log file of CloudTrail", hint="give the folder that holds AWSLogs/"
    )


def _compared(root: Path, relative: str, bucket: str, key: str) -> Mount:
    have, want = relative.split("/"), _named_like(key, relative).split("/")
    common = 0
    while common < min(len(have), len(want)) and have[-1 - common] == want[-1 - common]:
        common += 1
    below, above = "/".join(have[: len(have) - common]), "/".join(want[: len(want) - common])
    if not common or below == bucket or below.startswith(f"{bucket}/"):
        return Mount()  # one folder for each bucket, or another name than was signed: verification says which
    if "CloudTrail-Digest" in above.split("/"):
        raise UsageError(
            f"{root} holds digests and not the log files that they speak of",
            hint=f"give the folder above that holds CloudTrail/ as well, such as {_above(root, 'CloudTrail-Digest')}",
        )
    name = parse_digest_key(key)
    return Mount(below, f"{above}/" if above else "", "" if name is None else name.location_prefix)


def _named_like(key: str, relative: str) -> str:
    """Return the key with the ending that the file has: some clients strip the last one."""
    return key if relative.endswith(".gz") else key.removesuffix(".gz")


def _above(root: Path, kind: str) -> Path:
    """Return the folder that holds a kind's folder, when the path says so; else the one above."""
    resolved = root.resolve()
    for folder in (resolved, *resolved.parents):
        if folder.name == kind:
            return folder.parent
    return resolved.parent


def _signed_for(path: Path) -> tuple[str, str] | None:
    """Return bucket and key that a digest says it was signed for; None when it cannot be read."""
    try:
        with path.open("rb") as file:
            body = file.read(_LIMIT)
        document: Any = json.loads(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
        bucket, key = document["digestS3Bucket"], document["digestS3Object"]
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(bucket, str) or not isinstance(key, str) or {"", ".", ".."} & set(key.split("/")):
        return None
    return bucket, key


def _files(root: Path) -> Iterator[Path]:
    """Yield the files below a folder, folder by folder; those with log files come last. Links are not followed."""
    now, last, seen = [root], list[Path](), 0
    while now or last:
        folder = now.pop(0) if now else last.pop(0)
        seen += 1
        if seen > _MOST_FOLDERS:
            return
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                (last if entry.name in _LAST else now).append(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                yield Path(entry.path)


def _folders_seen(root: Path) -> list[str]:
    """Return the names of the folders right below, and of those below them."""
    found = [path for path in root.iterdir() if path.is_dir()]
    return [path.name for path in (*found, *(inner for path in found for inner in path.iterdir() if inner.is_dir()))]

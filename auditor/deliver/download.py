"""Brings uploaded packs back from a bucket, to be verified. Reads only; a pack without its manifest is not complete."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from auditor.base.counts import counted
from auditor.base.errors import CollectionError
from auditor.deliver.upload import COMMIT, Destination

_PARTS: Final = 4
"""Account, period, pack, and at least a file: what stands below the prefix."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of the uploaded packs, and how much of each.

    Args:
        month: only packs of this period, such as ``2026-10``; empty for all.
        account: only packs of this account, or ``organization``; empty for all.
        newest: so many packs of each account, by name; 0 for all.
        files: only these files of each pack; none for all.
    """

    month: str = ""
    account: str = ""
    newest: int = 0
    files: tuple[str, ...] = ()


_EVERYTHING: Final = Wanted()


def download(where: Destination, client: Any, folder: Path, wanted: Wanted = _EVERYTHING) -> int:
    """Write every complete pack below ``folder``, as it lies below the prefix; return how many there are.

    Args:
        where: the bucket and prefix of uploads.
        client: an SDK client for S3.
        folder: an empty folder.
        wanted: which packs, and how much of each.

    Raises:
        CollectionError: the bucket cannot be listed or read.
    """
    with _told(where.url()):
        return _all(where, client, folder, wanted)


def read_object(where: Destination, client: Any, most: int) -> bytes:
    """Return one object, whose key is the prefix of ``where``.

    Raises:
        CollectionError: it cannot be read, or has more bytes than ``most``.
    """
    with _told(where.url()):
        answer = client.get_object(Bucket=where.bucket, Key=where.prefix)
        data: bytes = answer["Body"].read(most + 1)
    if len(data) > most:
        raise CollectionError(f"{where.url()} is larger than {counted(most, 'byte')}")
    return data


_HINTS: Final = {
    "NoSuchBucket": "is the name right? it is made beforehand, with versioning and Object Lock; deploy/ has templates",
    "NoSuchKey": "is the name right? a pack is named by its folder, a baseline by its file",
}


@contextmanager
def _told(url: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        found = error.response.get("Error", {})
        code = str(found.get("Code", "Unknown"))
        raise CollectionError(
            f"{url} cannot be read: {code}",
            hint=_HINTS.get(code, "it needs s3:ListBucket on the bucket and s3:GetObject below it"),
        ) from error
    except BotoCoreError as error:
        raise CollectionError(f"{url} cannot be read: {error}") from error


def _all(where: Destination, client: Any, folder: Path, wanted: Wanted) -> int:
    start = where.key("")
    start = f"{start.rstrip('/')}/" if start else ""
    keys: dict[str, list[str]] = {}
    for page in client.get_paginator("list_objects_v2").paginate(
        Bucket=where.bucket, Prefix=start + (f"{wanted.account}/" if wanted.account else "")
    ):
        for item in page.get("Contents") or ():
            name = str(item["Key"]).removeprefix(start)
            parts = name.split("/")
            sound = len(parts) >= _PARTS and not {"", ".", ".."} & set(parts)
            if sound and (not wanted.month or parts[1] == wanted.month):
                keys.setdefault("/".join(parts[:3]), []).append(name)
    complete = {pack: names for pack, names in keys.items() if f"{pack}/{COMMIT}" in names}
    if wanted.newest:
        complete = dict(sorted(complete.items(), key=lambda item: item[0].rpartition("/")[2])[-wanted.newest :])
    for name in (name for pack, names in complete.items() for name in names if _asked(name, pack, wanted)):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        body = client.get_object(Bucket=where.bucket, Key=start + name)["Body"]
        with target.open("wb") as file:
            for chunk in body.iter_chunks(1 << 20):
                file.write(chunk)
    return len(complete)


def _asked(name: str, pack: str, wanted: Wanted) -> bool:
    return not wanted.files or name.removeprefix(f"{pack}/") in wanted.files

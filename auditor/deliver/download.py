"""Brings uploaded packs back from a bucket, to be verified. Reads only; a pack without its manifest is not complete."""

from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from auditor.base.errors import CollectionError
from auditor.deliver.upload import COMMIT, Destination

_PARTS: Final = 4
"""Account, period, pack, and at least a file: what stands below the prefix."""


def download(where: Destination, client: Any, folder: Path, *, month: str = "") -> int:
    """Write every complete pack below ``folder``, as it lies below the prefix; return how many there are.

    Args:
        where: the bucket and prefix of uploads.
        client: an SDK client for S3.
        folder: an empty folder.
        month: only packs of this period, such as ``2026-10``; empty for all.

    Raises:
        CollectionError: the bucket cannot be listed or read.
    """
    try:
        return _all(where, client, folder, month)
    except ClientError as error:
        found = error.response.get("Error", {})
        code = str(found.get("Code", "Unknown"))
        raise CollectionError(
            f"{where.url()} cannot be read: {code}",
            hint="it needs s3:ListBucket on the bucket and s3:GetObject below it",
        ) from error
    except BotoCoreError as error:
        raise CollectionError(f"{where.url()} cannot be read: {error}") from error


def _all(where: Destination, client: Any, folder: Path, month: str) -> int:
    start = where.key("")
    start = f"{start.rstrip('/')}/" if start else ""
    keys: dict[str, list[str]] = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=where.bucket, Prefix=start):
        for item in page.get("Contents") or ():
            name = str(item["Key"]).removeprefix(start)
            parts = name.split("/")
            sound = len(parts) >= _PARTS and not {"", ".", ".."} & set(parts)
            if sound and (not month or parts[1] == month):
                keys.setdefault("/".join(parts[:3]), []).append(name)
    complete = {pack: names for pack, names in keys.items() if f"{pack}/{COMMIT}" in names}
    for name in (name for names in complete.values() for name in names):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        body = client.get_object(Bucket=where.bucket, Key=start + name)["Body"]
        with target.open("wb") as file:
            for chunk in body.iter_chunks(1 << 20):
                file.write(chunk)
    return len(complete)

"""How tasks open the store of a trail: on whatever machine they are carried out, with that machine's credentials."""

from pathlib import Path
from typing import TYPE_CHECKING

from auditor.base.errors import UsageError
from auditor.work.task import Json

if TYPE_CHECKING:
    from auditor.trail.fetch import ObjectSource
    from auditor.trail.portion import Opening

_HERE = "auditor.run.sharing"


def folder_opening(folder: Path) -> "Opening":
    """Say how tasks open a folder of downloaded objects."""
    from auditor.trail.portion import Opening

    return Opening(f"{_HERE}:open_folder_there", {"folder": str(folder.resolve())})


def bucket_opening(profile: str | None, region: str | None) -> "Opening":
    """Say how tasks open a bucket: by a profile's name and a Region, no more."""
    from auditor.trail.portion import Opening

    return Opening(f"{_HERE}:open_bucket_there", {"profile": profile or "", "region": region or ""})


def open_folder_there(arguments: Json) -> "ObjectSource":
    """Open the folder of :func:`folder_opening`.

    Raises:
        UsageError: it is not there.
    """
    from auditor.trail.fetch import open_folder

    folder = Path(arguments["folder"])
    if not folder.is_dir():
        raise UsageError(
            f"{folder} cannot be seen from this machine", hint="let workers see the folder under the same path"
        )
    return open_folder(folder)[0]


def open_bucket_there(arguments: Json) -> "ObjectSource":
    """Open the buckets of :func:`bucket_opening`, with the credentials of whoever carries the task out.

    Raises:
        CollectionError: there are none.
    """
    from auditor.collect.accounts import open_session
    from auditor.collect.guard import CallLog
    from auditor.trail.fetch import S3Source

    session = open_session(profile=arguments["profile"] or None, region=arguments["region"] or None, log=CallLog())
    return S3Source(session)

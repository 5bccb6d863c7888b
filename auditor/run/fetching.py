"""Brings uploaded packs to this machine for as long as they are looked at."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from auditor.collect import accounts
from auditor.collect.guard import CallLog
from auditor.deliver.download import download
from auditor.deliver.upload import destination


@contextmanager
def packs_of(place: str, *, month: str = "") -> Iterator[tuple[Path, int]]:
    """Yield a folder for a while, and how many packs are in it.

    Args:
        place: ``s3://BUCKET/PREFIX``.
        month: only packs of this period; empty for all.

    Raises:
        UsageError: it is no place.
        CollectionError: it cannot be read.
    """
    where = destination(place)
    session = accounts.open_session(log=CallLog())
    with TemporaryDirectory(prefix="auditor-") as folder:
        yield (
            Path(folder),
            download(where, accounts.client(session, "s3", session.region_name), Path(folder), month=month),
        )

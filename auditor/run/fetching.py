"""Brings uploaded packs to this machine for as long as they are looked at."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from auditor.base.errors import CollectionError
from auditor.base.scratch import scratch_folder
from auditor.collect import accounts
from auditor.collect.guard import CallLog
from auditor.config import Config
from auditor.deliver.download import Wanted, download, read_object
from auditor.deliver.upload import Destination, destination
from auditor.pack.layout import RESULTS
from auditor.seal.manifest import MANIFEST

_EVERYTHING = Wanted()
_MOST_FOLLOWED = 24
"""Newest uploaded packs of an account among which the one before is looked for."""
_MOST_BASELINE = 256_000_000
"""Bytes of a baseline in a bucket."""


@contextmanager
def packs_of(
    place: str, wanted: Wanted = _EVERYTHING, *, profile: str = "", region: str = ""
) -> Iterator[tuple[Path, int]]:
    """Yield a folder for a while, and how many packs are in it.

    Args:
        place: ``s3://BUCKET/PREFIX``.
        wanted: which packs, and how much of each.
        profile: of the AWS configuration; empty for the usual one.
        region: of the bucket; empty for the configured one.

    Raises:
        UsageError: it is no place.
        CollectionError: it cannot be read.
    """
    where = destination(place)
    session = accounts.open_session(profile=profile or None, region=region or None, log=CallLog())
    with scratch_folder("fetched") as folder:
        yield (
            folder,
            download(where, accounts.client(session, "s3", session.region_name), folder, wanted),
        )


@contextmanager
def uploaded_before(config: Config, account: str, told: Callable[[str], object]) -> Iterator[tuple[Path, ...]]:
    """Yield, for a while, a folder with what a series reads of an account's uploaded packs; none without uploads.

    A bucket that cannot be read ends no run: the pack then follows what lies in the output folder, and that is told.
    """
    if not config.upload:
        yield ()
        return
    wanted = Wanted(account=account, newest=_MOST_FOLLOWED, files=(MANIFEST, RESULTS))
    with ExitStack() as stack:
        folders: tuple[Path, ...] = ()
        try:
            packs = packs_of(config.upload, wanted, profile=config.profile, region=config.region)
            folders = (stack.enter_context(packs)[0],)
        except CollectionError as error:
            told(f"Earlier packs are looked for in {config.out} alone: {error.message}")
        yield folders


@contextmanager
def baseline_of(place: str, *, profile: str = "", region: str = "") -> Iterator[Path]:
    """Yield a file for a while: a baseline or results in a bucket, or the results of a pack's folder there.

    Raises:
        UsageError: it is no place.
        CollectionError: it cannot be read.
    """
    where = destination(place)
    if not where.prefix.endswith(".json"):
        where = Destination(where.bucket, where.key(RESULTS))
    session = accounts.open_session(profile=profile or None, region=region or None, log=CallLog())
    with scratch_folder("fetched") as folder:
        file = folder / "results.json"
        file.write_bytes(read_object(where, accounts.client(session, "s3", session.region_name), _MOST_BASELINE))
        yield file

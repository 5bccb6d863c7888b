"""How tasks open the store of a trail: on whatever machine they are carried out, with that machine's credentials."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from auditor.base.counts import counted
from auditor.base.errors import UsageError
from auditor.config import Config
from auditor.run.engine import external_id_there
from auditor.work.task import Failure, Json

if TYPE_CHECKING:
    from auditor.activity.logbytes import LogBytes
    from auditor.events.store import StoreWriter
    from auditor.trail.fetch import ObjectSource
    from auditor.trail.names import Place
    from auditor.trail.portion import Opening, Taker
    from auditor.trail.spool import Entry

_HERE: Final = "auditor.run.sharing"
_WAY: Final = ("profile", "region", "account", "role_name", "session_name", "source_identity")
"""Settings that lead into an account; the external id is none that is sent."""
_MOST_FAILED: Final = 20


def failed_words(failed: Sequence[tuple[str, Failure]]) -> Iterator[str]:
    """Say which tasks were not carried out, and why; the first of many by name."""
    for key, failure in failed[:_MOST_FAILED]:
        hint = f" ({failure.hint})" if failure.hint else ""
        yield f"{key} was not carried out: {failure.name}: {failure.message}{hint}"
    if more := len(failed[_MOST_FAILED:]):
        yield f"and {counted(more, 'more task was', 'more tasks were')} not carried out"


def folder_opening(folder: Path) -> "Opening":
    """Say how tasks open a folder of downloaded objects."""
    from auditor.trail.portion import Opening

    return Opening(f"{_HERE}:open_folder_there", {"folder": str(folder.resolve())})


def bucket_opening(profile: str | None, region: str | None) -> "Opening":
    """Say how tasks open a bucket: by a profile's name and a Region, no more."""
    from auditor.trail.portion import Opening

    return Opening(f"{_HERE}:open_bucket_there", {"profile": profile or "", "region": region or ""})


def account_opening(config: Config) -> "Opening":
    """Say how tasks open the buckets of an audit: the role that it takes, which they take themselves."""
    from auditor.trail.portion import Opening

    way = {name: getattr(config, name) for name in _WAY}
    return Opening(f"{_HERE}:open_account_there", {"way": way, "external_id": bool(config.external_id)})


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


def open_account_there(arguments: Json) -> "ObjectSource":
    """Open the buckets of :func:`account_opening`: with the credentials of whoever carries the task out, and the role.

    Raises:
        CollectionError: there are none, or the role cannot be taken.
        UsageError: the role asks for an external id that is not known there.
    """
    from auditor.collect.guard import CallLog
    from auditor.run.settings import caller_of
    from auditor.trail.fetch import S3Source

    config = Config(**arguments["way"], external_id=external_id_there() if arguments["external_id"] else "")
    return S3Source(caller_of(config, CallLog()).session)


# ------------------------------------------------------------------------------------------------------------ events


@dataclass(frozen=True, slots=True)
class StoreParts:
    """A store of events that is filled with parts which tasks make; see ``auditor.trail.sharing.Parts``.

    Args:
        writer: fills the store.
    """

    writer: "StoreWriter"

    def proved(self, entry: "Entry") -> bool:
        """Tell whether a log file is there already, as its digest says."""
        return self.writer.proved(entry.bucket, entry.key, entry.sha256)

    def reserve(self, count: int) -> "tuple[range, Opening]":
        """Return the numbers of as many log files, and how a task makes a part of them."""
        from auditor.trail.portion import Opening

        numbers = self.writer.reserve(count)
        return numbers, Opening(f"{_HERE}:open_part_there", {"first": numbers.start})

    def adopt(self, part: Path, places: "Collection[Place]", numbers: range) -> None:
        """Take in what a task made.

        Raises:
            IntegrityError: it is not made of these log files.
        """
        self.writer.adopt(part, places, numbers)


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a store, filled where a task is carried out."""

    writer: "StoreWriter"

    def take(self, log: "LogBytes") -> None:
        from auditor.run.activity import log_bytes

        self.writer.take(log_bytes(log))

    def finish(self) -> None:
        self.writer.flush()
        self.writer.close()


def open_part_there(arguments: Json, folder: Path) -> "Taker":
    """Begin a part of a store, whose log files are numbered from ``first`` on."""
    from auditor.events.store import StoreWriter

    return _Part(StoreWriter(folder, first=arguments["first"]))

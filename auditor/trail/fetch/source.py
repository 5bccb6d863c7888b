"""What a place with objects answers, and how it says that it cannot. Values and one protocol; opens nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, Protocol, runtime_checkable

Reason = Literal["missing", "denied", "archived", "throttled", "broken"]

OBJECT_LIMIT: Final = 1 << 28
"""Stored bytes of one object: 256 MiB. CloudTrail's own files stay below a few dozen."""


class Unavailable(Exception):  # noqa: N818 - a state of an object, recorded and reported, not a failure of the run
    """An object or a listing could not be had.

    Args:
        reason: ``missing`` is a statement about the object; all others only say that we do not know.
        code: the store's error code, or the error's kind.
    """

    def __init__(self, reason: Reason, code: str) -> None:
        super().__init__(f"{reason}: {code}")
        self.reason = reason
        self.code = code


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of a listing."""

    key: str
    size: int
    last_modified: datetime | None
    etag: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """One object."""

    body: bytes
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object."""

    key: str
    version: str
    at: datetime
    deleted: bool
    """A delete marker."""


@runtime_checkable
class Saved(Protocol):
    """A place of downloaded objects, which clients may have saved otherwise than they were stored."""

    def wrappers(self) -> Mapping[str, int]:
        """Return how many objects read so far were ``plain`` JSON, and how many ``renamed`` to ``.json``."""
        ...


class ObjectSource(Protocol):
    """Where the objects are. Implementations are safe to call from many threads."""

    remote: bool
    """Whether each call waits for a network, so that many should be under way."""

    def objects(self, bucket: str, prefix: str, after: str) -> Iterator[Listed]:
        """Yield the objects under a prefix that sort after ``after``, in key order. Raises Unavailable, also late."""
        ...

    def folders(self, bucket: str, prefix: str) -> Sequence[str]:
        """Return the names of the folders right under a prefix. Raises Unavailable."""
        ...

    def get(self, bucket: str, key: str) -> Fetched:
        """Return one object. Raises Unavailable."""
        ...

    def read(self, bucket: str, key: str, size: int | None) -> bytes:
        """Return one object's body alone; ``size`` is what a listing said, None when it was not listed."""
        ...

    def versions(self, bucket: str, prefix: str) -> Sequence[Version]:
        """Return at most 1,000 versions under a prefix, newest first; empty where none are kept. Raises Unavailable."""
        ...

    def lifecycle(self, bucket: str) -> Sequence[Mapping[str, Any]]:
        """Return the rules of a bucket's lifecycle configuration, as AWS spells them. Raises Unavailable."""
        ...

    def get_version(self, bucket: str, key: str, version: str) -> Fetched:
        """Return one version of an object. Raises Unavailable."""
        ...

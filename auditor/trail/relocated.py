"""Reads one bucket under the name of another, for which its digests were signed before they were copied."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from auditor.trail.fetch import Fetched, Lanes, Listed, ObjectSource, Quick, Version


@dataclass(slots=True)
class RelocatedSource:
    """A store in which one bucket stands for another.

    Args:
        source: the store.
        written: the bucket that digests name.
        read_from: the bucket that is there.
    """

    source: ObjectSource
    written: str
    read_from: str
    remote: bool = field(init=False)

    def __post_init__(self) -> None:
        """Take over what the store says of itself."""
        self.remote = self.source.remote

    def _bucket(self, bucket: str) -> str:
        return self.read_from if bucket == self.written else bucket

    def objects(self, bucket: str, prefix: str, after: str) -> Iterator[Listed]:
        """List the bucket that is there."""
        return self.source.objects(self._bucket(bucket), prefix, after)

    def folders(self, bucket: str, prefix: str) -> Sequence[str]:
        """List its folders."""
        return self.source.folders(self._bucket(bucket), prefix)

    def get(self, bucket: str, key: str) -> Fetched:
        """Read from it."""
        return self.source.get(self._bucket(bucket), key)

    def read(self, bucket: str, key: str, size: int | None) -> bytes:
        """Read from it."""
        return self.source.read(self._bucket(bucket), key, size)

    def lanes(self) -> Lanes | None:
        """Return the quicker way to the bucket that is there."""
        lanes = self.source.lanes() if isinstance(self.source, Quick) else None
        return None if lanes is None else lanes.renamed(self._bucket)

    def versions(self, bucket: str, prefix: str) -> Sequence[Version]:
        """Return its versions."""
        return self.source.versions(self._bucket(bucket), prefix)

    def lifecycle(self, bucket: str) -> Sequence[Mapping[str, Any]]:
        """Return its rules."""
        return self.source.lifecycle(self._bucket(bucket))

    def get_version(self, bucket: str, key: str, version: str) -> Fetched:
        """Read one of its versions."""
        return self.source.get_version(self._bucket(bucket), key, version)

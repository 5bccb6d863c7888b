"""What the run of an organization found once for all its accounts, and hands to the audit of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from auditor.config import Config


@dataclass(frozen=True, slots=True)
class Shared:
    """The organization's trails, and who can read what they deliver.

    Args:
        organization: its id; trails of it write below a folder of that name.
        trails: items of ``DescribeTrails`` as the account that holds them was told, keys as AWS spells them.
        readers: bucket -> the settings ``account``, ``role_name`` and ``profile`` of an account that may list it.
    """

    organization: str = ""
    trails: tuple[Mapping[str, Any], ...] = ()
    readers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return the JSON form; no credentials are in it."""
        return {
            "organization": self.organization,
            "trails": [dict(item) for item in self.trails],
            "readers": {bucket: dict(way) for bucket, way in sorted(self.readers.items())},
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Read the JSON form."""
        return cls(document["organization"], tuple(document["trails"]), document["readers"])

    def reader(self, bucket: str, config: Config) -> Config | None:
        """Return the settings by which a bucket is read; None where the audited account's own have to do."""
        way = self.readers.get(bucket)
        return config.model_copy(update=dict(way)) if way is not None else None

    def beside(self, listed: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
        """Return the organization's trails that an account does not list itself."""
        own = {item.get("TrailARN") for item in listed}
        return tuple(item for item in self.trails if item.get("TrailARN") not in own)

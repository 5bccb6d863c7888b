"""Who made a pack, as far as this program can tell: itself, an earlier release known by its hash, or some other one.

A manifest may name any program. Nothing but the hash over a build's sources tells two builds of one version apart, and
a release is known by the hash that ``released.json`` has of it; what a pack says of its maker beyond that excuses
nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from auditor.catalog.load import Catalog
from auditor.catalog.released import Release, fingerprints, releases
from auditor.run.building import this_build
from auditor.seal.manifest import Tool


class Kind(Enum):
    """How a pack's maker stands to this program."""

    THIS = "this build"
    EARLIER = "an earlier release"
    UNKNOWN = "a build that is not known here"


@dataclass(frozen=True, slots=True)
class Maker:
    """The program that a pack names as its maker.

    Args:
        tool: as the manifest names it.
        kind: what this program knows of it.
        release: what it shipped, when it is a release that is known here.
    """

    tool: Tool
    kind: Kind
    release: Release | None = None

    @property
    def words(self) -> str:
        """Say in one sentence who made the pack, by its own account, and who can tell more."""
        name = f"{self.tool.name} {self.tool.version}"
        sources = f"sources {self.tool.sources_sha256[:12]}" if self.tool.sources_sha256 else "sources not named"
        if self.kind is Kind.EARLIER:
            return f"the pack names {name}, an earlier release, as its maker, whose own `verify --replay` settles it"
        settles = "that build's own `verify --replay` settles it"
        return f"the pack names a build as its maker that is not known here: {name} ({sources}); {settles}"

    def shipped_otherwise(self, catalog: Catalog) -> Iterator[str]:
        """Yield rules of a pack that are not what the release shipped which is named as its maker.

        A release's catalogue is part of the hash that it is known by: such a pack was not made by it.
        """
        if self.release is None:
            return
        found = fingerprints(catalog)
        yield from (name for name, sha256 in self.release.rules.items() if found.get(name) != sha256)


def maker_of(tool: Tool, known: Mapping[str, Release] | None = None) -> Maker:
    """Say what is known of the program that a pack names as its maker.

    Args:
        tool: as the manifest names it.
        known: releases by version; None for those that this program knows.
    """
    ours = this_build(drawn=False)
    if (tool.version, tool.sources_sha256) == (ours.version, ours.sources_sha256):
        return Maker(tool, Kind.THIS)
    release = (releases() if known is None else known).get(tool.version)
    if release is not None and tool.sources_sha256 and release.sources_sha256 == tool.sources_sha256:
        return Maker(tool, Kind.EARLIER, release)
    return Maker(tool, Kind.UNKNOWN)

"""The packs before this one: which of them it follows, and the newest digests that one had seen."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from auditor.base.canonical import sha256_hex
from auditor.base.errors import IntegrityError
from auditor.base.period import Period, parse_time
from auditor.pack.cut import cut_short
from auditor.pack.layout import RESULTS
from auditor.pack.since import carry
from auditor.seal.following import keys_of
from auditor.seal.manifest import MANIFEST, PreviousPack

if TYPE_CHECKING:
    from auditor.trail.report import Anchor

MOST_NAMED = 120
"""Earlier packs that a pack names: ten years of monthly ones."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a pack has to be comparable with.

    Args:
        account: twelve digits.
        regions: of the run.
        frameworks: of the run.
        controls: single controls of the run.
        period: of the run.
        before: the run's as-of time, aware UTC.
        trails: whether the run verifies trails.
    """

    account: str
    regions: tuple[str, ...]
    frameworks: tuple[str, ...]
    controls: tuple[str, ...]
    period: Period
    before: datetime
    trails: bool


@dataclass(frozen=True, slots=True)
class Previous:
    """What the next pack has to know of those before.

    Args:
        packs: the one it follows, and those that one names, the newest first.
        anchors: by trail ARN, the newest digests of the one it follows.
        passed: newer packs that were passed over, each with the reason.
        keys: Region and fingerprint of the keys of CloudTrail that the one it follows had used.
        judged: what this run's pack carries of the judgement of the one it follows; empty for none.
    """

    packs: tuple[PreviousPack, ...] = ()
    anchors: Mapping[str, "tuple[Anchor, ...]"] = field(default_factory=dict)
    passed: tuple[str, ...] = ()
    keys: tuple[tuple[str, str], ...] = ()
    judged: bytes = b""

    @property
    def words(self) -> str:
        """The choice in one line, for whoever started the run."""
        chosen = self.packs[0].id if self.packs else "none"
        return f"{chosen} (passed over: {'; '.join(self.passed)})" if self.passed else chosen


def find_previous(out: Path, wish: Wish, *further: Path) -> Previous:
    """Find the newest complete and comparable pack of an account that is older than a run.

    Args:
        out: the output folder.
        wish: what the pack has to be comparable with.
        further: other folders that hold packs in the same way; a pack that lies in several counts once.
    """
    there: dict[tuple[datetime, str], Path] = {}
    for root in (out, *further):
        for as_of, name, pack in candidates_in(root / wish.account, wish.before):
            there.setdefault((as_of, name), pack)
    candidates = [(as_of, name, there[as_of, name]) for as_of, name in sorted(there, reverse=True)]
    passed: list[str] = []
    for _, _, pack in candidates:
        try:
            found = Candidate.read(pack)
            reason = found.unfit(wish)
            if not reason:
                return Previous(found.packs, found.anchors, tuple(passed), keys_of(found.results), found.carried)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, IntegrityError):
            reason = "it cannot be read, or its results are not those that its manifest names"
        passed.append(f"{pack.name}: {reason}")
    return Previous(passed=tuple(passed))


def candidates_in(folder: Path, before: datetime) -> Iterator[tuple[datetime, str, Path]]:
    """Yield moment, name and folder of each readable pack of an account that was made before a time."""
    inside = folder.parent.glob(f"*/*/*/accounts/{folder.name}/{MANIFEST}")  # in the pack of an organization
    for path in (*folder.glob(f"*/*/{MANIFEST}"), *inside):
        try:
            as_of = parse_time(orjson.loads(path.read_bytes())["scope"]["as_of"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if as_of < before:
            yield as_of, str(path.parent), path.parent


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pack that might be followed."""

    manifest: Mapping[str, Any]
    sha256: str
    results: Mapping[str, Any]

    @classmethod
    def read(cls, pack: Path) -> "Candidate":
        """Read a pack.

        Raises:
            OSError, ValueError, KeyError: it cannot be read, or what its manifest names was changed.
        """
        data, results = (pack / MANIFEST).read_bytes(), (pack / RESULTS).read_bytes()
        manifest = orjson.loads(data)
        if manifest["results_sha256"] != sha256_hex(results):
            raise ValueError("its results are not those that its manifest names")
        return cls(manifest, sha256_hex(data), orjson.loads(results))

    def unfit(self, wish: Wish) -> str:
        """Say why a run does not follow this pack; empty when it does."""
        for words in (cut_short(self.manifest, self.results), self._apart(wish)):
            if words:
                return words
        return ""

    def _apart(self, wish: Wish) -> str:
        scope, period = self.manifest["scope"], self.manifest["period"]
        start, end = parse_time(period["start"]), parse_time(period["end"])
        if end > wish.period.end or (end == wish.period.end and start != wish.period.start):
            return "it is about a later or another period"
        regions = {region for account in scope["accounts"] for region in account["regions"]}
        if missing := sorted(set(wish.regions) - regions):
            return f"it leaves out {', '.join(missing[:3])}"
        if wish.trails and "trail" in scope["skipped"]:
            return "it did not verify the trails"
        frameworks, controls = set(self.manifest["frameworks"]), set(self.results["run"].get("controls", ()))
        if wish.frameworks and not frameworks & set(wish.frameworks):
            return "it is about other frameworks"
        if not frameworks and not wish.frameworks and not set(wish.controls) <= controls:
            return "it is about other controls"
        return ""

    @property
    def packs(self) -> tuple[PreviousPack, ...]:
        """This pack and those that it names."""
        before = [item for item in (self.manifest["previous_pack"], *self.manifest.get("earlier_packs", ())) if item]
        named = [PreviousPack(str(item["id"]), str(item["manifest_sha256"])) for item in before]
        return (PreviousPack(str(self.manifest["pack_id"]), self.sha256), *named)[:MOST_NAMED]

    @property
    def carried(self) -> bytes:
        """What a pack that follows this one carries of its judgement.

        Raises:
            IntegrityError: its results have another shape.
        """
        return carry(
            self.results,
            pack_id=str(self.manifest["pack_id"]),
            manifest_sha256=self.sha256,
            results_sha256=str(self.manifest["results_sha256"]),
        )

    @property
    def anchors(self) -> Mapping[str, "tuple[Anchor, ...]"]:
        """By trail ARN, the newest digests that it had seen."""
        reports = self.results["integrity"]
        if not reports:
            return {}
        from auditor.trail.report import anchors_of

        return {str(item["trail"]["arn"]): anchors_of(item) for item in reports if item["trail"]["arn"]}

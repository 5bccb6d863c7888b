"""Two packs side by side: each is verified, read, and compared. One that does not hold only on request."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from auditor.base.errors import IntegrityError
from auditor.base.untrusted import parse_json, shape_words
from auditor.pack.comparison import Change, Comparison, compare, together
from auditor.pack.layout import RESULTS
from auditor.render import comparison as page
from auditor.seal.archive import open_pack
from auditor.seal.contents import PackFiles, read_small
from auditor.seal.manifest import ACCOUNTS
from auditor.seal.verify import Demands, verify_pack

_ROLL_UP = "auditor.organization/"
_WORDS = {"pass": "the pack holds", "fail": "the pack does NOT hold", "incomplete": "not everything could be checked"}


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two packs.

    Args:
        name: as the caller named it.
        pack_id: as its manifest states it.
        manifest_sha256: of its manifest.
        as_of: of its run, RFC 3339.
        verdict: whether the pack holds, in words.
        holds: whether nothing speaks against it.
    """

    name: str
    pack_id: str
    manifest_sha256: str
    as_of: str
    verdict: str
    holds: bool

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "pack": self.name,
            "pack_id": self.pack_id,
            "manifest_sha256": self.manifest_sha256,
            "as_of": self.as_of,
            "verified": self.verdict,
        }


@dataclass(frozen=True, slots=True)
class PackComparison:
    """Two packs and what changed between them."""

    old: Side
    new: Side
    comparison: Comparison

    @property
    def exit_code(self) -> int:
        """4 when a pack does not hold, 1 for anything new or worse, 3 for what is no longer assessed, else 0."""
        if not (self.old.holds and self.new.holds):
            return 4
        if self.comparison.of(Change.NEW, Change.WORSE, Change.NEW_BY_CATALOGUE):
            return 1
        return 3 if self.comparison.of(Change.UNREADABLE, Change.OUT_OF_SCOPE) else 0

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "schema": "auditor.diff/1",
            "exit_code": self.exit_code,
            "old": self.old.document(),
            "new": self.new.document(),
            **self.comparison.document(),
        }


def compare_packs(old: Path, new: Path, *, unverified: bool = False) -> PackComparison:
    """Compare two packs, folders or zips.

    Args:
        old: the older one.
        new: the newer one.
        unverified: compare packs that do not hold as well.

    Raises:
        UsageError: there is no pack.
        IntegrityError: a pack does not hold, or its results cannot be read.
    """
    sides, documents = [], []
    for path in (old, new):
        report = verify_pack(path, Demands(at=datetime.now(UTC).replace(microsecond=0)))
        if report.verdict == "fail" and not unverified:
            raise IntegrityError(
                f"{path} does not hold, so nothing is said about what changed in it",
                hint=f"`auditor verify {path}` says what is wrong; --unverified compares all the same",
            )
        document = _results(path)
        documents.append(document)
        sides.append(
            Side(
                str(path),
                report.pack_id,
                report.manifest_sha256,
                _as_of(document),
                _WORDS[report.verdict],
                report.verdict != "fail",
            )
        )
    return PackComparison(sides[0], sides[1], compare(*documents))


def comparison_page(found: PackComparison) -> bytes:
    """Return the comparison as one self-contained page, UTF-8."""
    return page.render(found.document())


def _results(path: Path) -> Any:
    """Return a pack's results document; of an organization's pack, those of all its accounts as one."""
    with open_pack(path) as files:
        document = _document(files, path, RESULTS)
        if not isinstance(document, Mapping) or not str(document.get("schema", "")).startswith(_ROLL_UP):
            return document
        try:
            names = [str(row["id"]) for row in document["accounts"] if row["standing"] == "assessed"]
            members = [_document(files, path, f"{ACCOUNTS}{name}/{RESULTS}") for name in names]
            return together(document["run"], members)
        except (KeyError, TypeError, AttributeError) as error:
            raise IntegrityError(f"{path}: the roll-up is not of its shape: {shape_words(error)}") from error


def _document(files: PackFiles, path: Path, name: str) -> Any:
    try:
        return parse_json(read_small(files, name))
    except ValueError as error:
        raise IntegrityError(f"{path}: {name} cannot be read: {error}") from error


def _as_of(document: Any) -> str:
    try:
        return str(document["run"]["as_of"])
    except (KeyError, TypeError) as error:
        raise IntegrityError(f"{RESULTS} does not say as of when it judges") from error

"""An assembled pack derived again from what it keeps of its members, and the members themselves checked again."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from auditor.base.canonical import sha256_hex
from auditor.base.counts import every
from auditor.base.errors import AuditorError, IntegrityError, UsageError
from auditor.catalog.released import Release
from auditor.pack.assembled import ASSEMBLY, read_asked
from auditor.pack.assembly import Assembly
from auditor.pack.derivable import not_derivable
from auditor.pack.layout import RESULTS, RULES
from auditor.pack.months import check_packs
from auditor.pack.presentation import PRESENTATION
from auditor.run.again import Again, presentation_in
from auditor.run.assembling import Joined
from auditor.run.chronicle import places
from auditor.run.maker import maker_of
from auditor.run.members import KEPT, check_holds, kept_packs, read_whole
from auditor.seal.contents import FolderFiles
from auditor.seal.manifest import HTML, MANIFEST, PDF, README, VERIFY, Manifest
from auditor.seal.manifest_form import parse_manifest
from auditor.seal.pack import TRUST_FILES
from auditor.seal.report import Difference, Outcome, Rechecked
from auditor.seal.sums import UNSUMMED
from auditor.seal.verify import Demands, verify_pack

_AGREEMENT = "results, texts, manifest, pages and statement follow from what the pack keeps of its members"


def is_assembled(pack: Path) -> bool:
    """Say whether a pack consists of others."""
    return (pack / RULES / ASSEMBLY).exists()


def replay_assembled(pack: Path, known: Mapping[str, Release] | None = None) -> Rechecked:
    """Derive everything again that follows from what an assembled pack keeps of its members; say what differs.

    Args:
        pack: a folder whose files are plain ones with lawful names and the hashes that the pack states.
        known: releases by version; None for those that this program knows.

    Raises:
        AuditorError: members, request or manifest are not usable.
    """
    stated = parse_manifest((pack / MANIFEST).read_bytes())
    asked, packs = read_asked(pack / RULES), tuple(kept_packs(pack, stated.members))
    check_packs(packs, newest=asked.newest)
    joined = Joined(Assembly(asked, packs))
    wrong, unlike = Again(pack, stated, presentation_in(pack), joined, maker_of(stated.tool, known)).outcome()
    return Rechecked(
        _AGREEMENT,
        differences=(*wrong, *_strays(pack, stated, joined)),
        open=unlike,
        taken=not_derivable(joined.document, ()),
    )


def _strays(pack: Path, stated: Manifest, joined: Joined) -> Iterator[Difference]:
    own = {RESULTS, f"{RULES}/{PRESENTATION}", README, VERIFY, MANIFEST, HTML, PDF}
    known = {*own, *(name for name, _ in joined.texts(pack)), *TRUST_FILES, *UNSUMMED}
    known |= {f"{member.folder}{name}" for member in stated.members for name in KEPT}
    for name in FolderFiles(pack).sizes:
        if name not in known:
            yield Difference(name, "is nothing that an assembled pack holds")


def recheck_members(folder: Path, again: Callable[[Path], Rechecked] | None) -> Callable[[Path], Rechecked]:
    """Return a check of an assembled pack's members themselves, found below a folder by the hash of their manifest.

    Args:
        folder: below which the members lie.
        again: derives each member again; None verifies them without.
    """

    def recheck(pack: Path) -> Rechecked:
        members = parse_manifest((pack / MANIFEST).read_bytes()).members
        if not members:
            return Rechecked("", (Difference(MANIFEST, "names no members: the pack is that of a single run"),))
        there = _by_manifest(folder)
        demands = Demands(at=datetime.now(UTC).replace(microsecond=0), replay=again)
        wrong: list[Difference] = []
        unsettled: list[str] = []
        for member in members:
            path = there.get(member.manifest_sha256)
            if path is None:
                unsettled.append(f"{member.id} is not below {folder}")
                continue
            try:
                report = verify_pack(path, demands)
                check_holds(path, report)
                if read_whole(path).member != member:
                    raise IntegrityError(f"{path} is not the pack that {MANIFEST} names")
                unsettled += [
                    f"{member.id}: {check.name}: {check.message}"
                    for check in report.checks
                    if check.outcome is Outcome.UNKNOWN
                ]
            except AuditorError as error:
                wrong.append(Difference(member.folder, error.message))
        found = every(len(members), "member was found and holds", "members were found and hold")
        return Rechecked(found + (", derived again" if again else ""), tuple(wrong), tuple(unsettled))

    return recheck


def _by_manifest(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")
    return {sha256_hex((path / MANIFEST).read_bytes()): path for path in places(folder) if (path / MANIFEST).is_file()}

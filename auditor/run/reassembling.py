"""An assembled pack derived again from what it keeps of its members, and the members themselves checked again."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from auditor.base.canonical import sha256_hex
from auditor.base.counts import counted
from auditor.base.errors import AuditorError, IntegrityError, RenderError, UsageError
from auditor.pack.assembled import ASSEMBLY, read_asked
from auditor.pack.assembly import Assembly, check_packs
from auditor.pack.derivable import not_derivable
from auditor.pack.differences import differences
from auditor.pack.layout import RULES
from auditor.pack.presentation import read_presentation
from auditor.run.assembling import Joined
from auditor.run.building import apart
from auditor.run.chronicle import places
from auditor.run.likeness import likeness
from auditor.run.members import KEPT, kept_packs, verified_pack
from auditor.seal.contents import FolderFiles
from auditor.seal.guides import readme_text, verify_text
from auditor.seal.intoto import ATTESTATION, stated_in, statement
from auditor.seal.manifest import HTML, MANIFEST, PDF, README, SEAL_RECORD, VERIFY, Manifest, build_manifest
from auditor.seal.manifest_form import parse_manifest
from auditor.seal.pack import TRUST_FILES
from auditor.seal.report import Difference, Rechecked
from auditor.seal.sums import UNSUMMED
from auditor.seal.verify import Demands

_AGREEMENT = "results, texts, manifest, pages and statement follow from what the pack keeps of its members"


def is_assembled(pack: Path) -> bool:
    """Say whether a pack consists of others."""
    return (pack / RULES / ASSEMBLY).exists()


def replay_assembled(pack: Path) -> Rechecked:
    """Derive everything again that follows from what an assembled pack keeps of its members; say what differs.

    Args:
        pack: a folder whose files are plain ones with lawful names and the hashes that the pack states.

    Raises:
        AuditorError: members, request or manifest are not usable.
    """
    stated = parse_manifest((pack / MANIFEST).read_bytes())
    asked, packs = read_asked(pack / RULES), tuple(kept_packs(pack, stated.members))
    check_packs(packs, newest=asked.newest)
    joined = Joined(Assembly(asked, packs), read_presentation(pack / RULES), stated.tool)
    outcome = list(_compared(pack, stated, joined))
    return Rechecked(
        _AGREEMENT,
        differences=tuple(item for item in outcome if isinstance(item, Difference)),
        open=tuple(item for item in outcome if isinstance(item, str)),
        taken=not_derivable(joined.document, ()),
    )


def _compared(pack: Path, stated: Manifest, joined: Joined) -> Iterator[Difference | str]:
    record = orjson.loads((pack / SEAL_RECORD).read_bytes())
    made = dict(joined.texts())
    made[README] = readme_text(joined.info)
    made[VERIFY] = verify_text(stated, record, joined.document)
    others = apart(stated.tool, drawn=False)
    for name, data in made.items():
        if (pack / name).exists() and (pack / name).read_bytes() == data:
            continue
        if others and name in (README, VERIFY):
            yield f"{name} is not what this build makes of it, but another one made it: {', '.join(others[:4])}"
        else:
            yield Difference(name, "does not follow from the members and what was asked")
    for change in differences(stated.document, build_manifest(FolderFiles(pack), joined.info).document):
        yield Difference(MANIFEST, str(change))
    yield from _pages_again(pack, stated, joined, record)
    yield from _statement_again(pack, stated, joined)
    known = {*made, MANIFEST, HTML, PDF, *TRUST_FILES, *UNSUMMED}
    known |= {f"{member.folder}{name}" for member in stated.members for name in KEPT}
    for name in FolderFiles(pack).sizes:
        if name not in known:
            yield Difference(name, "is nothing that an assembled pack holds")


def _pages_again(pack: Path, stated: Manifest, joined: Joined, record: Any) -> Iterator[Difference | str]:
    for page, name in {"html": HTML, "pdf": PDF}.items():
        if (pack / name).exists() != (page in joined.presentation.pages):
            yield Difference(name, "is missing, or is there although no such page was made")
    try:
        for name, data in joined.pages(stated):
            was = (pack / name).read_bytes() if (pack / name).exists() else data
            if name == PDF and record["pdf"] is not None:
                was = was[: record["pdf"]["unsigned_bytes"]]
            if was == data:
                continue
            others = apart(stated.tool, drawn=name == PDF)
            if others:
                like = likeness(name, was, data)
                yield f"{name} is not what this build makes of it, but another one made it ({others[0]}): {like}"
            else:
                yield Difference(name, "is not the page that follows from the members")
    except RenderError as error:
        yield f"a page could not be drawn again: {error.message}"


def _statement_again(pack: Path, stated: Manifest, joined: Joined) -> Iterator[Difference]:
    try:
        was = stated_in((pack / ATTESTATION).read_bytes())
    except (OSError, ValueError):
        yield Difference(ATTESTATION, "cannot be read")
        return
    for change in differences(was, statement(stated, joined.data)):
        yield Difference(ATTESTATION, str(change))


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
        missing: list[str] = []
        for member in members:
            path = there.get(member.manifest_sha256)
            if path is None:
                missing.append(f"{member.id} is not below {folder}")
                continue
            try:
                item, _ = verified_pack(path, demands)
                if item.member != member:
                    raise IntegrityError(f"{path} is not the pack that {MANIFEST} names")
            except AuditorError as error:
                wrong.append(Difference(member.folder, error.message))
        words = f"all {counted(len(members), 'member')} were found and hold{', derived again' if again else ''}"
        return Rechecked(words, tuple(wrong), tuple(missing))

    return recheck


def _by_manifest(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")
    return {sha256_hex((path / MANIFEST).read_bytes()): path for path in places(folder) if (path / MANIFEST).is_file()}

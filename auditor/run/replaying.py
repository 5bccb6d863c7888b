"""Deriving again what a pack says, from its evidence and rules, and comparing it file by file. Needs no network.

Everything but evidence and rules follows from them: results, exports, texts, manifest, pages, statement. What follows
from nothing is listed by ``auditor.pack.derivable``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import orjson

from auditor.base.canonical import sha256_hex
from auditor.base.counts import counted
from auditor.base.errors import IntegrityError, RenderError
from auditor.base.untrusted import parse_json
from auditor.catalog.released import shipped
from auditor.pack.derivable import not_derivable
from auditor.pack.differences import differences
from auditor.pack.layout import EVIDENCE, REPLAY, REQUEST, RESULTS, RULES, read_request
from auditor.pack.presentation import PRESENTATION, Presentation, read_presentation
from auditor.render.logo import checked_logo
from auditor.run.building import apart, running_from, this_build
from auditor.run.deriving import Judged, check_formats, judged
from auditor.run.judging import Rules, open_rules
from auditor.run.likeness import likeness
from auditor.run.reassembling import is_assembled, replay_assembled
from auditor.run.request import Progress
from auditor.run.rulings import ruled
from auditor.run.strays import strays
from auditor.seal.contents import FolderFiles
from auditor.seal.guides import readme_text, verify_text
from auditor.seal.intoto import ATTESTATION, stated_in, statement
from auditor.seal.manifest import (
    HTML,
    MANIFEST,
    PDF,
    README,
    SEAL_RECORD,
    VERIFY,
    Manifest,
    ManifestInfo,
    Tool,
    build_manifest,
)
from auditor.seal.manifest_form import parse_manifest
from auditor.seal.report import Difference, Rechecked

_MOST_NAMED = 20
"""Differences named in one file."""

_AGREEMENT = "results, exports, texts, manifest, pages and statement follow from evidence and rules, byte for byte"


def replay(pack: Path) -> Rechecked:
    """Derive everything again that follows from a pack's evidence and rules; say what differs.

    Args:
        pack: a folder whose files are plain ones with lawful names and the hashes that the pack states.

    Raises:
        AuditorError: evidence, rules or manifest are not usable.
    """
    if is_assembled(pack):
        return replay_assembled(pack)
    rules = open_rules(pack / RULES)
    found = _judged(pack, rules)
    presentation = presentation_in(pack)
    stated = parse_manifest((pack / MANIFEST).read_bytes())
    again = Again(pack, stated, presentation, found)
    outcome = [*again.compared(), *strays(pack, found.evidence, stated)]
    return Rechecked(
        _AGREEMENT,
        differences=tuple(item for item in outcome if isinstance(item, Difference)),
        open=tuple(item for item in outcome if isinstance(item, str)),
        taken=not_derivable(found.document, [entry.path for entry in stated.files]),
        notices=tuple(item["text"] for item in found.document["notices"]),
        further={"rules": ruled(found, rules.catalog, stated.tool.version)},
    )


def presentation_in(pack: Path) -> Presentation:
    """Return how a pack presents itself; its logo, which a stranger may have chosen, is looked at first."""
    presentation = read_presentation(pack / RULES)
    checked_logo(presentation.logo)
    return presentation


def _judged(pack: Path, rules: Rules) -> Judged:
    found = judged(pack / EVIDENCE, rules)
    try:
        found.report_id  # noqa: B018 - written down once, here, where it can be told what is wrong with it
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"the results of judging again have no canonical form: {error}") from error
    return found


class Derived(Protocol):
    """What follows from the evidence and rules of a pack: of one account's, or of an organization's."""

    @property
    def data(self) -> bytes:
        """The bytes of ``results/results.json``."""
        ...

    @property
    def document(self) -> Mapping[str, Any]:
        """The same, as a document."""
        ...

    @property
    def replay_text(self) -> bytes:
        """The bytes of ``replay.txt``."""
        ...

    def info(self, tool: Tool) -> ManifestInfo:
        """Return what the manifest says beside what it reads from the files."""
        ...

    def exports(self, presentation: Presentation, version: str) -> Iterator[tuple[str, Iterable[bytes]]]:
        """Yield the exports with their paths in the pack, each in pieces."""
        ...

    def pages(self, presentation: Presentation, manifest: Manifest, progress: Progress) -> Iterator[tuple[str, bytes]]:
        """Yield the pages with their paths in the pack."""
        ...


@dataclass(frozen=True)
class Again:
    """One pack, and what follows from its evidence and rules."""

    pack: Path
    stated: Manifest
    presentation: Presentation
    found: Derived

    def compared(self) -> Iterator[Difference | str]:
        """Yield a difference for what does not follow, a sentence for what could not be compared."""
        for name, data in self._derived():
            yield from self._difference(name, data)
        yield from self._exports()
        yield from self._manifest()
        yield from self._pages()
        yield from self._attestation()

    def _derived(self) -> Iterator[tuple[str, bytes]]:
        """Yield the files that depend on nothing but evidence and rules."""
        yield RESULTS, self.found.data
        yield f"{RULES}/{REQUEST}", read_request(self.pack / RULES).data()
        yield f"{RULES}/{PRESENTATION}", self.presentation.data()
        yield REPLAY, self.found.replay_text
        yield README, readme_text(self.found.info(self.stated.tool))
        record = orjson.loads((self.pack / SEAL_RECORD).read_bytes())
        yield VERIFY, verify_text(self.stated, record, self.found.document)

    def _exports(self) -> Iterator[Difference | str]:
        try:
            check_formats([name for name in self.presentation.formats if name != "pdf"])
            for name, pieces in self.found.exports(self.presentation, self.stated.tool.version):
                yield from self._difference(name, b"".join(pieces))
        except RenderError as error:
            yield f"the exports could not be made again: {error.message}"

    def _manifest(self) -> Iterator[Difference | str]:
        """Describe the pack again, its files as they are: what differs in one of them is told of that file alone."""
        info = self.found.info(self.stated.tool)
        again = build_manifest(FolderFiles(self.pack), info)
        changes = differences(self.stated.document, again.document)
        yield from self._named(MANIFEST, [str(change) for change in changes], drawn=False)

    def _pages(self) -> Iterator[Difference | str]:
        announced = {"html": HTML, "pdf": PDF}
        for page, name in announced.items():
            present = (self.pack / name).exists()
            if present != (page in self.presentation.pages):
                words = "is there, although no such page was made" if present else "is missing, although it was made"
                yield Difference(name, words)
        try:
            for name, data in self.found.pages(self.presentation, self.stated, lambda *_: None):
                if (self.pack / name).exists():
                    yield from self._difference(name, data, drawn=name == PDF)
        except RenderError as error:
            yield f"a page could not be drawn again: {error.message}"

    def _attestation(self) -> Iterator[Difference | str]:
        path = self.pack / ATTESTATION
        if not path.exists():
            yield Difference(ATTESTATION, "is missing")
            return
        try:
            was = stated_in(path.read_bytes())
        except ValueError as error:
            yield Difference(ATTESTATION, f"cannot be read: {error}")
            return
        changes = differences(was, statement(self.stated, self.found.data))
        yield from self._named(ATTESTATION, [str(change) for change in changes], drawn=False)

    def _difference(self, name: str, made: bytes, *, drawn: bool = False) -> Iterator[Difference | str]:
        path = self.pack / name
        if not path.exists():
            yield Difference(name, "is missing, although a run writes it")
            return
        was = self._unsigned(name, path.read_bytes())
        if was != made:
            like = likeness(name, was, made)
            yield from self._named(name, list(_explained(name, was, made)), drawn=drawn, like=like)

    def _named(self, name: str, words: Sequence[str], *, drawn: bool, like: str = "") -> Iterator[Difference | str]:
        """Yield differences as such when this program made the file, or it is no matter of words; else as open.

        Args:
            name: of the file.
            words: what differs, each in one sentence.
            drawn: whether the file depends on the libraries that draw pages.
            like: whether text and figures are the same, in one sentence.
        """
        others = apart(self.stated.tool, drawn=drawn)
        if name == RESULTS and self.stated.tool.version not in shipped():
            # What a release shipped is known to itself and to later ones; everything else has to follow here too.
            words = [text for text in words if not text.startswith(("/rules", "/notices"))]
        if words and others and name not in (RESULTS, MANIFEST):
            ours, which = running_from(this_build(drawn=drawn)), ", ".join(others[:4])
            yield f"{name} is not what {ours} makes of it, but another build made it ({which}): {like or words[0]}"
            return
        for text in words[:_MOST_NAMED]:
            yield Difference(name, text)
        if (more := len(words) - _MOST_NAMED) > 0:
            yield Difference(name, f"and {counted(more, 'more difference')}")

    def _unsigned(self, name: str, data: bytes) -> bytes:
        """Return a file as it was before anybody signed it."""
        if name != PDF:
            return data
        announced = orjson.loads((self.pack / SEAL_RECORD).read_bytes())["pdf"]
        return data if announced is None else data[: announced["unsigned_bytes"]]


def _explained(name: str, was: bytes, made: bytes) -> Iterator[str]:
    """Say what differs in a file, as closely as its kind allows."""
    kind = name.rpartition(".")[2]
    if kind in ("json", "sarif"):
        try:
            changes = differences(parse_json(was), orjson.loads(made))
        except ValueError:
            yield "is not JSON"
            return
        yield from (str(change) for change in changes)
        if not changes:
            yield "has the same content in other bytes"
    elif kind in ("pdf", "xlsx"):
        yield f"is not the file that follows from the evidence (SHA-256 {sha256_hex(made)[:16]}... when made again)"
    else:
        yield from _lines(was, made)


def _lines(was: bytes, made: bytes) -> Iterator[str]:
    before, after = (data.decode("utf-8", "replace").splitlines() for data in (was, made))
    for number in range(max(len(before), len(after))):
        old = before[number] if number < len(before) else None
        new = after[number] if number < len(after) else None
        if old != new:
            yield f"line {number + 1} was {_excerpt(old, new)}, is {_excerpt(new, old)}"
            return
    yield "has other line ends"


_AROUND = 30
"""Characters of a line that are shown before the difference."""


def _excerpt(line: str | None, other: str | None) -> str:
    """Return the part of a line in which it leaves the other one."""
    if line is None:
        return "not there"
    start = next((at for at, pair in enumerate(zip(line, other or "", strict=False)) if pair[0] != pair[1]), 0)
    start = max(0, start - _AROUND)
    part = line[start : start + 3 * _AROUND]
    return f"{'...' if start else ''}{part}{'...' if start + len(part) < len(line) else ''}"

"""Holds a pack, file by file, against what follows from its evidence and rules, or from the packs it consists of.

What this build made has to follow byte for byte. Of a pack that another build made, the verdicts have to follow, unless
that build is a release known here; texts, exports and pages are then held against the results as the pack has them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import orjson

from auditor.base.canonical import sha256_hex
from auditor.base.counts import counted, first_of
from auditor.base.errors import RenderError
from auditor.base.untrusted import parse_json
from auditor.pack.differences import Change, differences
from auditor.pack.layout import RESULTS, RULES
from auditor.pack.presentation import PRESENTATION, Presentation, read_presentation
from auditor.pack.substance import substantial
from auditor.render.logo import checked_logo
from auditor.run.building import apart
from auditor.run.deriving import check_formats
from auditor.run.likeness import all_likeness, likeness
from auditor.run.maker import Kind, Maker
from auditor.run.request import Progress
from auditor.run.stating import contradiction
from auditor.seal.contents import FolderFiles
from auditor.seal.guides import readme_text, verify_text
from auditor.seal.intoto import ATTESTATION, OUTCOME, stated_in, statement
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
from auditor.seal.report import Difference

_MOST_NAMED = 20
"""Differences named in one file."""

_SHAPE = (KeyError, TypeError, ValueError, AttributeError, IndexError)
"""What results of another form end in, when something is made of them."""


class Derived(Protocol):
    """What follows from a pack of one account, of an organization, or of several months."""

    @property
    def data(self) -> bytes:
        """The bytes of ``results/results.json``."""
        ...

    @property
    def document(self) -> Mapping[str, Any]:
        """The same, as a document."""
        ...

    def told(self, data: bytes) -> Self:
        """Return the same with results as another build wrote them; parts that those lack are as this one has them.

        Raises:
            ValueError, TypeError: the bytes are no JSON object.
        """
        ...

    def texts(self, pack: Path) -> Iterator[tuple[str, bytes]]:
        """Yield the files that follow from what was asked, beside the results."""
        ...

    def info(self, tool: Tool) -> ManifestInfo:
        """Return what the manifest says beside what it reads from the files."""
        ...

    def exports(self, presentation: Presentation, version: str) -> Iterable[tuple[str, Iterable[bytes]]]:
        """Return the exports with their paths in the pack, each in pieces."""
        ...

    def pages(self, presentation: Presentation, manifest: Manifest, progress: Progress) -> Iterator[tuple[str, bytes]]:
        """Yield the pages with their paths in the pack."""
        ...


def presentation_in(pack: Path) -> Presentation:
    """Return how a pack presents itself; its logo, which a stranger may have chosen, is looked at first."""
    presentation = read_presentation(pack / RULES)
    checked_logo(presentation.logo)
    return presentation


@dataclass(frozen=True)
class Again:
    """One pack, and what follows from its evidence and rules."""

    pack: Path
    stated: Manifest
    presentation: Presentation
    found: Derived
    maker: Maker

    def outcome(self) -> tuple[tuple[Difference, ...], tuple[str, ...]]:
        """Return what does not follow, and what could not be compared, each in one sentence."""
        items = list(self._compared())
        differing = tuple(item for item in items if isinstance(item, Difference))
        words = [item for item in items if isinstance(item, str)]
        if likes := [(item.name, item.words) for item in items if isinstance(item, _Like)]:
            words.append(all_likeness(likes))
        named = [self.maker.words] if (words or differing) and self._by_another else []
        return differing, (*named, *words)

    @property
    def _by_another(self) -> bool:
        return self.maker.kind is not Kind.THIS

    def _compared(self) -> "Iterator[Difference | str | _Like]":
        was = (self.pack / RESULTS).read_bytes()
        yield from self._results(was)
        found = self.found
        if self._by_another and was != found.data:
            try:
                found = found.told(was)
            except (ValueError, TypeError):
                yield Difference(RESULTS, "is no JSON object")
        yield from self._guarded("texts", self._made(found))
        yield from self._guarded("exports", self._exports(found))
        yield from self._manifest(found)
        yield from self._present()
        yield from self._guarded("pages", self._pages(found))
        yield from self._attestation(found)

    def _guarded(self, what: str, found: "Iterator[Difference | _Like]") -> "Iterator[Difference | str | _Like]":
        """Pass on what is found; say so where something cannot be made here, or not of results of another form."""
        try:
            yield from found
        except RenderError as error:
            yield f"the {what} could not be made again: {error.message}"
        except _SHAPE:
            if not self._by_another:
                raise
            yield f"the {what} could not be made again: the results have another form"

    def _results(self, was: bytes) -> "Iterator[Difference | str | _Like]":
        """Compare the judgement: in substance, and in every word."""
        if was == self.found.data:
            return
        if not self._by_another:
            yield from self._named(RESULTS, list(explained(RESULTS, was, self.found.data)))
            return
        try:
            stated = parse_json(was)
        except ValueError:
            return  # said when the results are to be told
        if not isinstance(stated, dict):
            return
        made = orjson.loads(self.found.data)  # as it is written: there 242.0 is 242
        other = substantial(stated, made)
        if not other:
            yield "with the pack's rules this program reaches the same verdicts, counts and populations"
        elif self.maker.kind is Kind.EARLIER:
            yield (
                f"that release judged otherwise, or what it found was changed since, which this program cannot tell: "
                f"{_first(other)}"
            )
        else:
            yield from self._named(RESULTS, [str(change) for change in other])
        said = {change.path for change in other}
        if rest := [change for change in differences(stated, made) if change.path not in said]:
            yield f"{RESULTS} has other words or details, such as {_first(rest, 1)}"

    def _made(self, found: Derived) -> "Iterator[Difference | _Like]":
        """Compare the files that depend on nothing but evidence and rules."""
        for name, data in found.texts(self.pack):
            yield from self._difference(name, data)
        yield from self._difference(f"{RULES}/{PRESENTATION}", self.presentation.data())
        yield from self._difference(README, readme_text(found.info(self.stated.tool)))
        record = orjson.loads((self.pack / SEAL_RECORD).read_bytes())
        yield from self._difference(VERIFY, verify_text(self.stated, record, found.document))

    def _exports(self, found: Derived) -> "Iterator[Difference | _Like]":
        check_formats([name for name in self.presentation.formats if name != "pdf"])
        for name, pieces in found.exports(self.presentation, self.stated.tool.version):
            yield from self._difference(name, b"".join(pieces))

    def _manifest(self, found: Derived) -> Iterator[Difference]:
        """Describe the pack again, its files as they are: what differs in one of them is told of that file alone."""
        try:
            again = build_manifest(FolderFiles(self.pack), found.info(self.stated.tool))
        except _SHAPE:
            if not self._by_another:
                raise
            yield Difference(RESULTS, f"has no counts of a form that a {MANIFEST} is made of")
            return
        changes = differences(self.stated.document, again.document)
        yield from self._named(MANIFEST, [str(change) for change in changes])

    def _present(self) -> Iterator[Difference]:
        for page, name in {"html": HTML, "pdf": PDF}.items():
            present = (self.pack / name).exists()
            if present != (page in self.presentation.pages):
                words = "is there, although no such page was made" if present else "is missing, although it was made"
                yield Difference(name, words)

    def _pages(self, found: Derived) -> "Iterator[Difference | _Like]":
        for name, data in found.pages(self.presentation, self.stated, lambda *_: None):
            if (self.pack / name).exists():
                yield from self._difference(name, data)

    def _attestation(self, found: Derived) -> "Iterator[Difference | _Like]":
        path = self.pack / ATTESTATION
        if not path.exists():
            yield Difference(ATTESTATION, "is missing")
            return
        try:
            was = stated_in(path.read_bytes())
        except ValueError as error:
            yield Difference(ATTESTATION, f"cannot be read: {error}")
            return
        changes = differences(was, statement(self.stated, found.data))
        decisive = [change for change in changes if not self._by_another or change.path.startswith(OUTCOME)]
        yield from self._named(ATTESTATION, [str(change) for change in decisive])
        if len(changes) > len(decisive):
            yield _Like(ATTESTATION, "subject and outcome are the same, the rest is not")

    def _difference(self, name: str, made: bytes) -> "Iterator[Difference | _Like]":
        path = self.pack / name
        if not path.exists():
            yield Difference(name, "is missing, although a run writes it")
            return
        was = self._unsigned(name, path.read_bytes())
        if was == made:
            return
        others = () if self._by_another else apart(self.stated.tool, drawn=name == PDF)
        if not self._by_another and not others:
            yield from self._named(name, list(explained(name, was, made)))
        elif against := contradiction(name, was, made):
            yield Difference(name, against)
        else:
            drawn = f"drawn by other libraries ({', '.join(others[:4])}); " if others else ""
            yield _Like(name, f"{drawn}{likeness(name, was, made)}")

    def _named(self, name: str, words: Sequence[str]) -> Iterator[Difference]:
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


@dataclass(frozen=True, slots=True)
class _Like:
    """A file that is not what this build makes of it, and how far it says the same."""

    name: str
    words: str


def _first(changes: Sequence[Change], most: int = 5) -> str:
    return first_of(changes, most, between="; ")


def explained(name: str, was: bytes, made: bytes) -> Iterator[str]:
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

"""The list of evidence on paper, set like a bibliography: by operation, and equal answers told once.

The same call gives the same empty list in most Regions. Files that are equal, byte for byte, share a line with their
hash; each keeps its reference and its place.
"""

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from auditor.base.counts import counted
from auditor.render.anchors import Link
from auditor.render.pagenumbers import ROOM
from auditor.render.register import ANSWERED, EvidenceItem

_PARAMETERS = 100
"""Characters of a call's parameters on paper; the whole stands in the evidence's metadata."""

_WIDTH = 98
"""Characters that a line holds where it is set in."""

_SAME = 3
"""So many controls, or fewer, are named again rather than looked up elsewhere."""

_TO_EVIDENCE = re.compile(r'(?<=href="#)ev-\d+(?=")|(?<=data-page=")ev-\d+(?=")')

_Item = TypeVar("_Item")
_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Answer:
    """What AWS answered, as a line of fixed width, and what does not fit into it.

    Args:
        anchors: where links to its files lead; those of several files lead to the first.
        line: file or number of files, time, number of items, SHA-256.
        more: lines with the references of several files, with parameters and the like.
    """

    anchors: tuple[str, ...]
    line: str
    more: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """The answers of one operation, where they lie, and which controls used them."""

    anchor: str
    operation: str
    files: str
    used_by: tuple[Link, ...]
    same_as: Link | None
    """An earlier operation that the very same controls used; they are named there."""
    answers: tuple[Answer, ...]


def sources(items: Sequence[EvidenceItem]) -> tuple[Source, ...]:
    """Arrange stored answers by operation, in the order of the alphabet."""
    one_account = len({item.account for item in items}) == 1
    first: dict[tuple[Link, ...], Link] = {}
    found = []
    for number, (operation, members) in enumerate(sorted(_grouped((item.operation, item) for item in items).items())):
        anchor = f"source-{number + 1}"
        used_by = tuple(dict.fromkeys(link for item in members for link in item.used_by))
        same_as = first.get(used_by) if len(used_by) > _SAME else None
        first.setdefault(used_by, Link(anchor, operation))
        answers = _answers(members, one_account=one_account)
        found.append(Source(anchor, operation, _files(members), used_by, same_as, answers))
    return tuple(found)


def shared_places(found: Sequence[Source]) -> Mapping[str, str]:
    """Map the anchor of each file that shares a line to the anchor of that line: one of its own would cost a box."""
    return {anchor: answer.anchors[0] for source in found for answer in source.answers for anchor in answer.anchors[1:]}


def lead(html: str, shared: Mapping[str, str]) -> str:
    """Let links to files that share a line lead to that line."""
    return _TO_EVIDENCE.sub(lambda match: shared.get(match[0], match[0]), html)


_LINK = re.compile(
    r'<a (?:class="[a-z ]+" )?href="#(?P<to>[^"]+)"(?: data-page="[^"]+")?>(?P<label>.*?)</a>', re.DOTALL
)
_PLACE = re.compile(r' id="([^"]+)"')
_ON_PAGE = f" (p.&#160;{ROOM})"


def unlink(html: str) -> str:
    """Turn links to places that this document leaves out into plain words: a shorter report has fewer places."""
    places = set(_PLACE.findall(html))

    def kept(link: re.Match[str]) -> str:
        return link[0] if link["to"] in places else link["label"].replace(_ON_PAGE, "")

    return _LINK.sub(kept, html)


def _grouped(pairs: Iterable[tuple[_Key, _Item]]) -> Mapping[_Key, Sequence[_Item]]:
    groups: dict[_Key, list[_Item]] = {}
    for key, item in pairs:
        groups.setdefault(key, []).append(item)
    return groups


def _files(items: Sequence[EvidenceItem]) -> str:
    """Say where the files lie; what differs between them stands in angle brackets."""
    parts = {
        "<account>": {item.account for item in items},
        "<Region>": {item.region for item in items},
        ".<key>": {_key(item) for item in items},
    }
    account, region, key = (next(iter(seen)) if len(seen) == 1 else name for name, seen in parts.items())
    return f"evidence/raw/{account}/{region}/{items[0].operation.replace(':', '.')}{key}.json"


def _key(item: EvidenceItem) -> str:
    """Return what parameters add to a file's name (``auditor.evidence.store``): empty, or a dot and twelve digits."""
    return item.path.removesuffix(".json").rpartition(item.operation.replace(":", "."))[2]


def _answers(items: Sequence[EvidenceItem], *, one_account: bool) -> tuple[Answer, ...]:
    same = _grouped(((item.sha256, item.outcome, item.items), item) for item in items)
    with_key = len({_key(item) for item in items}) > 1
    return tuple(
        _several(members, one_account=one_account, with_key=with_key)
        if len(members) > 1
        else _single(members[0], one_account=one_account, with_key=with_key)
        for members in same.values()
    )


def _single(item: EvidenceItem, *, one_account: bool, with_key: bool) -> Answer:
    notes = [item.account] if not one_account else []
    notes.extend(_details(item, with_key=with_key))
    return Answer((item.anchor,), _line(f"{item.ref:<7} {item.region:<14}", item), (", ".join(notes),) if notes else ())


def _several(items: Sequence[EvidenceItem], *, one_account: bool, with_key: bool) -> Answer:
    earliest, latest = (choose(items, key=lambda item: item.collected) for choose in (min, max))
    alike = len({(item.parameters, _key(item)) for item in items}) == 1
    files = []
    for item in items:
        own = () if alike else _details(item, with_key=with_key)
        place = item.region if one_account else f"{item.account} {item.region}"
        files.append(" ".join((item.ref, place, *own)))
    notes = list(_details(earliest, with_key=with_key)) if alike else []
    if earliest.collected != latest.collected:
        notes.append(f"the last at {latest.collected}")
    more = (*_filled(files), ", ".join(notes)) if notes else tuple(_filled(files))
    return Answer(tuple(item.anchor for item in items), _line(counted(len(items), "equal file"), earliest), more)


def _filled(texts: Sequence[str]) -> Iterator[str]:
    """Put as many texts on a line as it holds; a Region's name stays whole."""
    line = ""
    for text in texts:
        if line and len(line) + len(text) + len(", ,") > _WIDTH:
            yield f"{line},"
            line = text
        else:
            line = f"{line}, {text}" if line else text
    yield line


def _line(head: str, item: EvidenceItem) -> str:
    """Write an answer in 113 characters: that is what the width of a page holds at 7 points."""
    return f"{head:<22} {item.collected[:19]} {_found(item):>5} {item.sha256}"


def _found(item: EvidenceItem) -> str:
    if item.outcome == ANSWERED:
        return f"{item.items:,}"
    return "none" if item.complete else "-"


def _details(item: EvidenceItem, *, with_key: bool) -> Iterator[str]:
    if with_key and _key(item):
        yield _key(item).removeprefix(".")
    if item.parameters:
        cut = len(item.parameters) > _PARAMETERS
        yield f"{item.parameters[:_PARAMETERS]} …" if cut else item.parameters
    if item.outcome != ANSWERED:
        yield item.outcome

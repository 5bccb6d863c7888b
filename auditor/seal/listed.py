"""Whether the files of a pack are those that ``SHA256SUMS`` lists, with the hashes that it states. Changes nothing.

Files and lines are both sorted, so they are read side by side: of a file inside an account's pack nothing is kept, and
an organization of a thousand accounts has a million of them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from auditor.base.errors import IntegrityError
from auditor.seal.contents import SUMS, Limits, PackFiles, hash_file, open_small
from auditor.seal.manifest import MANIFEST, Manifest, belongs_in_manifest
from auditor.seal.names import shown, skeleton
from auditor.seal.report import Finding
from auditor.seal.sums import UNSUMMED, read_sums


@dataclass(frozen=True, slots=True)
class Listed:
    """What came of reading every file.

    Args:
        hashes: actual SHA-256 of the readable files that a manifest may list, and of ``manifest.json``.
        readable: how many files were hashed.
        stated: how many ``SHA256SUMS`` lists; 0 when it is missing or malformed.
        findings: what does not hold.
    """

    hashes: Mapping[str, str]
    readable: int
    stated: int
    findings: tuple[Finding, ...]


def check_listed(files: PackFiles, manifest: Manifest | None, limits: Limits) -> Listed:
    """Hash every file and compare it with its line; nothing is said of lines when there is no readable list.

    Args:
        files: the pack.
        manifest: its manifest, which tells a changed file from a changed line; None when there is none.
        limits: what may be read.
    """
    unreadable: list[Finding] = []
    malformed: list[Finding] = []
    hashes: dict[str, str] = {}
    readable = stated = 0
    differing: list[Finding] = []
    added: list[str] = []
    vouched = {entry.path: entry.sha256 for entry in manifest.files} if manifest else {}
    for name, actual, line in _side_by_side(_hashed(files, unreadable), _lines(files, limits, malformed)):
        stated += line is not None
        readable += bool(actual)
        if actual and (name == MANIFEST or belongs_in_manifest(name)):
            hashes[name] = actual
        if actual is None:
            differing.append(Finding("files", "missing", name, f"is listed in {SUMS} but is not there"))
        elif line is None and name not in UNSUMMED:
            added.append(name)
        elif line and actual and line != actual:
            differing.append(_changed(name, actual, vouched))
    found = [*(Finding("files", item.kind, item.path, item.message) for item in files.problems), *unreadable]
    if malformed:
        return Listed(hashes, readable, 0, (*found, *malformed))
    return Listed(hashes, readable, stated, (*found, *differing, *_added(files, added, limits), *_case_twins(files)))


def _hashed(files: PackFiles, unreadable: list[Finding]) -> Iterator[tuple[str, str]]:
    """Yield every file with its SHA-256, which is empty where it cannot be read."""
    for name in files.sizes:
        try:
            yield name, hash_file(files, name)
        except IntegrityError as error:
            unreadable.append(Finding("files", "unreadable", shown(name), error.message))
            yield name, ""


def _lines(files: PackFiles, limits: Limits, malformed: list[Finding]) -> Iterator[tuple[str, str]]:
    """Yield what ``SHA256SUMS`` says, as far as it can be read."""
    try:
        yield from read_sums(open_small(files, SUMS, limits), limits)
    except IntegrityError as error:
        malformed.append(Finding("files", "malformed", SUMS, error.message.removeprefix(f"{SUMS} ")))


def _side_by_side(
    left: Iterator[tuple[str, str]], right: Iterator[tuple[str, str]]
) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield every name that two sorted sequences have, with what each says of it; None for nothing."""
    one, other = next(left, None), next(right, None)
    while one or other:
        name = min(pair[0] for pair in (one, other) if pair)
        mine = one[1] if one and one[0] == name else None
        theirs = other[1] if other and other[0] == name else None
        yield name, mine, theirs
        one = next(left, None) if mine is not None else one
        other = next(right, None) if theirs is not None else other


def _changed(name: str, actual: str, vouched: Mapping[str, str]) -> Finding:
    if vouched.get(name) == actual:
        message = f"states another SHA-256 for {name} than {MANIFEST} and the file itself"
        return Finding("files", "changed", SUMS, message)
    return Finding("files", "changed", name, f"does not have the SHA-256 that {SUMS} states")


def _added(files: PackFiles, added: Iterable[str], limits: Limits) -> Iterator[Finding]:
    looks = {name: skeleton(name) for name in added}
    twins = set(looks.values())
    names = (*(name for name, _ in _lines(files, limits, [])), *UNSUMMED) if twins else ()
    known = {look: name for name in names if (look := skeleton(name)) in twins}
    for name, look in looks.items():
        mistaken = f" and is easily mistaken for {known[look]}" if look in known else ""
        yield Finding("files", "added", name, f"is not listed in {SUMS}{mistaken}")


def _case_twins(files: PackFiles) -> Iterator[Finding]:
    holding = {name.rpartition("/")[0].casefold() for name in files.sizes}
    folders = {folder for name in holding for folder in _with_parents(name)}
    for names in _apart(files.sizes):
        seen: dict[str, str] = {}
        for name in names:
            twin = seen.setdefault(folded := name.casefold(), name)
            if twin != name:
                message = f"differs from {twin} only in case; many systems keep just one"
                yield Finding("files", "duplicate", name, message)
            if folded in folders:
                yield Finding("files", "duplicate", name, "is a file and a folder at once")


def _apart(names: Iterable[str]) -> Iterator[Iterable[str]]:
    """Yield sorted names in groups between which no two can differ only in case: those of one account each."""
    places = [place for place, _ in groupby(names, _place)]
    if len({place.casefold() for place in places}) < len(places):
        yield names
    else:
        yield from (group for _, group in groupby(names, _place))


def _place(name: str) -> str:
    return "/".join(name.split("/", 2)[:2])


def _with_parents(folder: str) -> Iterator[str]:
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]

"""All packs under a folder: found, verified, read, and ordered into months."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from auditor.base.canonical import sha256_hex
from auditor.base.errors import AuditorError, IntegrityError, UsageError
from auditor.base.period import parse_period
from auditor.base.untrusted import parse_json
from auditor.pack.history import History, build
from auditor.pack.layout import ORGANIZATION, RESULTS, RULES
from auditor.pack.runs import Run, read_run
from auditor.render import history as page
from auditor.seal.archive import open_pack
from auditor.seal.contents import SUMS, PackFiles, read_small
from auditor.seal.manifest import MANIFEST
from auditor.seal.manifest_form import parse_manifest
from auditor.seal.verify import Demands, verify_pack

INDEX = "index.html"
_DEPTH = 6
"""Folders below the given one in which packs are looked for: account, period, pack, and some room above."""


@dataclass(frozen=True, slots=True)
class Chronicle:
    """What was found under a folder.

    Args:
        folder: where it was looked.
        history: the packs that can be read, by account and month.
        joined: packs that consist of others: place, id, period and whether each holds; they are no runs of a month.
        unreadable: what looks like a pack and cannot be read, with the reason.
    """

    folder: Path
    history: History
    unreadable: tuple[tuple[str, str], ...]
    joined: tuple["Joined", ...] = ()

    @property
    def broken(self) -> tuple[str, ...]:
        """Packs that do not hold."""
        lines = self.history.accounts
        runs = {run.place: run for line in lines for month in line.months for run in month.runs}
        runs |= {run.place: run for line in lines for run in line.other}
        failing = {place for place, run in runs.items() if run.verified == "fail"}
        failing |= {item.place for item in self.joined if item.verified == "fail"}
        return tuple(sorted(failing | {name for name, _ in self.unreadable}))


@dataclass(frozen=True, slots=True)
class Joined:
    """A pack that consists of others.

    Args:
        lost: accounts that an organization's pack lists and could not assess, so that it has no pack of them.
    """

    place: str
    pack_id: str
    label: str
    members: int
    verified: str
    lost: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "pack": self.place,
            "pack_id": self.pack_id,
            "period": self.label,
            "members": self.members,
            "verified": self.verified,
        }


def chronicle(
    folder: Path,
    *,
    now: datetime,
    checked: datetime,
    show: Callable[[int, int, str], None] = lambda _done, _total, _name: None,
) -> Chronicle:
    """Verify and read every pack under a folder.

    Args:
        folder: where packs lie at any depth.
        now: decides which months are due, aware UTC.
        checked: at which moment signatures have to hold, aware UTC.
        show: told how many packs are done, how many there are, and which one was read.

    Raises:
        UsageError: there is no such folder, or no pack in it.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", hint="name the folder that `auditor run` writes to")
    found = sorted(places(folder))
    if not found:
        raise UsageError(f"there is no pack under {folder}", hint="name the folder that `auditor run` writes to")
    runs: list[Run | Joined] = []
    unreadable: list[tuple[str, str]] = []
    for number, place in enumerate(found, start=1):
        name = place.relative_to(folder).as_posix()
        try:
            runs += _read(place, name, checked)
        except AuditorError as error:
            unreadable.append((name, error.message))
        show(number, len(found), name)
    single = [run for run in runs if isinstance(run, Run)]
    joined = tuple(run for run in runs if isinstance(run, Joined))
    return Chronicle(folder, build(single, now=now), tuple(unreadable), joined)


def due(text: str, now: datetime) -> str:
    """Return the month that ``--require`` names, such as ``2026-10``.

    Raises:
        UsageError: it names no whole month.
    """
    period = parse_period(text, now)
    label = f"{period.start:%Y-%m}"
    month = parse_period(label, now)
    if (period.start, period.end) != (month.start, month.end):
        raise UsageError(f"--require: {text!r} is not one month", hint="use last-month or 2026-10")
    return label


def index_page(found: Chronicle, now: datetime) -> bytes:
    """Return the history as one self-contained page, UTF-8."""
    joined = [(item.place, item.label, item.members, item.verified != "fail") for item in found.joined]
    return page.render(found.history, found.unreadable, now, joined)


def places(folder: Path, depth: int = _DEPTH) -> Iterator[Path]:
    """Yield pack folders and zips; nothing is followed, and nothing inside a pack is looked at."""
    if any((folder / name).is_file() for name in (MANIFEST, SUMS)):
        yield folder
        return
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or path.name.startswith("."):
            continue
        if path.is_dir() and depth:
            yield from places(path, depth - 1)
        elif path.suffix == ".zip" and not path.with_suffix("").is_dir():
            yield path


def _read(place: Path, name: str, checked: datetime) -> list[Run | Joined]:
    """Verify a pack and read it; that of an organization as the packs of its accounts as well."""
    verdict = verify_pack(place, Demands(at=checked)).verdict
    with open_pack(place) as files:
        data = read_small(files, MANIFEST)
        stated = parse_manifest(data) if verdict != "fail" else None
        organization = f"{RULES}/{ORGANIZATION}" in files.sizes  # it may have assessed nobody
        if stated is None or not (stated.members or organization):
            return [_run(files, "", name, verdict)]
        label, inside = str(stated.document["period"]["label"]), stated.members or stated.accounts
        lost = _lost(files, name) if organization else ()
        joined = Joined(name, stated.pack_id, label, len(inside), verdict, lost)
        return [joined, *(_run(files, item.folder, f"{name}/{item.folder}", verdict) for item in stated.accounts)]


def _lost(files: PackFiles, name: str) -> tuple[str, ...]:
    try:
        rows = parse_json(read_small(files, RESULTS))["accounts"]
        return tuple(str(row["id"]) for row in rows if row["standing"] in ("refused", "missing"))
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{name}: the roll-up cannot be read: {error}") from error


def _run(files: PackFiles, folder: str, name: str, verdict: str) -> Run:
    try:
        data = read_small(files, f"{folder}{MANIFEST}")
        manifest, results = parse_json(data), parse_json(read_small(files, f"{folder}{RESULTS}"))
    except (ValueError, KeyError) as error:
        raise IntegrityError(f"{name}: manifest or results cannot be read: {error}") from error
    return read_run(name.rstrip("/"), manifest, results, verdict, sha256_hex(data))

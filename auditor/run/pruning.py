"""Which old packs may go: never the newest of an account, never one that a later pack names as the one before it."""

import shutil
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from auditor.run.chronicle import Chronicle


@dataclass(frozen=True, slots=True)
class Fate:
    """One pack, and whether it goes or why it stays."""

    place: str
    goes: bool
    why: str


def fates(found: Chronicle, keep: int, *, break_series: bool = False) -> tuple[Fate, ...]:
    """Decide about every pack of a folder.

    Args:
        found: the packs.
        keep: how many of each account and month stay, the newest first.
        break_series: let packs go that a later one names as the one before it.
    """
    told: list[Fate] = []
    every = [
        run
        for line in found.history.accounts
        for runs in (*(month.runs for month in line.months), line.other)
        for run in runs
    ]
    named = {run.previous for run in every if run.previous}
    for line in found.history.accounts:
        runs = {run.place: run for month in line.months for run in month.runs} | {run.place: run for run in line.other}
        newest = max(runs.values(), key=lambda run: (run.as_of, run.pack_id), default=None)
        groups = defaultdict(list)
        for run in runs.values():
            groups[run.start, run.end].append(run)
        for _, members in sorted(groups.items()):
            ordered = sorted(members, key=lambda run: (run.verified != "fail", run.as_of, run.pack_id), reverse=True)
            for number, run in enumerate(ordered):
                why = "one of the newest of its period" if number < keep else ""
                why = "the newest of the account" if newest is not None and run.place == newest.place else why
                if not why and run.manifest_sha256 in named and not break_series:
                    why = "a later pack names it as the one before"
                told.append(Fate(run.place, not why, why or f"more than {keep} of its period"))
    told += [Fate(name, False, f"cannot be read: {reason}") for name, reason in found.unreadable]
    return tuple(told)


def remove(folder: Path, place: str) -> None:
    """Take one pack away, folder or zip, and the zip beside it."""
    path = folder / place
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
        path.with_name(f"{path.name}.zip").unlink(missing_ok=True)
    else:
        path.unlink(missing_ok=True)

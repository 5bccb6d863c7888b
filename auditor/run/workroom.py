"""The folder that a run works in, and how a run that was cut off is taken up again.

    .unfinished-<random>/          below the output folder, for its owner's eyes only; locked while a run is at it
      pack/                        what will be the pack; renamed into its place when it is complete
      checkpoint/run.json          settings, moments and the salt: what a run that goes on must have in common
      checkpoint/answers.jsonl     the journal of the collection
      checkpoint/tasks/            results of tasks, each with its hash
      checkpoint/events/           the events of the period, as far as their log files were read

Nothing there looks like a pack. The salt of the redactions lies in it until the pack is finished, because equal values
must keep equal marks; it never enters a pack.
"""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from auditor import __version__
from auditor.base.canonical import canonical_json, sha256_hex
from auditor.base.errors import UsageError
from auditor.base.period import parse_time, rfc3339
from auditor.base.whole import UNFINISHED, is_held, left_over, taken_up, unfinished, write_whole
from auditor.catalog.load import Catalog
from auditor.catalog.released import fingerprints
from auditor.config import option_of
from auditor.evidence.journal import Journal
from auditor.run.request import Request

PACK: Final = "pack"
STATE: Final = "checkpoint/run.json"
JOURNAL: Final = "checkpoint/answers.jsonl"
TASKS: Final = "checkpoint/tasks"
EVENTS: Final = "checkpoint/events"
_SCHEMA: Final = "auditor.checkpoint/1"

MAY_DIFFER: Final = frozenset(
    {"cluster", "external_id", "if_missing", "limits", "management_account_profile", "notify", "object_lock_days"}
    | {"object_lock_mode", "out", "profile", "resume", "scheduler", "session_name", "source_identity", "upload", "zip"}
)
"""Settings that change nothing of what is in a pack."""

_FROM_NOW: Final = re.compile(r"(last-)?\d+[hd]")
"""Periods that end when a run begins: each run has another one, and that is no other setting."""


@dataclass(frozen=True, slots=True)
class State:
    """What a run that goes on must have in common with the one that was cut off.

    Args:
        settings: those that shape a pack.
        period: resolved, RFC 3339.
        version: of the program.
        catalogue: SHA-256 over all rules as they are written; empty where it was not known yet.
        as_of: the run's one moment, aware UTC.
        started: when it began, aware UTC.
        salt: secret of its redactions.
        resumed: when it was taken up again so far.
    """

    settings: Mapping[str, Any]
    period: Mapping[str, str]
    version: str
    catalogue: str
    as_of: datetime
    started: datetime
    salt: bytes
    resumed: tuple[datetime, ...] = ()

    def data(self) -> bytes:
        """Return the bytes that are kept."""
        return canonical_json(
            {
                "schema": _SCHEMA,
                "settings": dict(self.settings),
                "period": dict(self.period),
                "version": self.version,
                "catalogue": self.catalogue,
                "as_of": rfc3339(self.as_of),
                "started": rfc3339(self.started),
                "salt": self.salt.hex(),
                "resumed": [rfc3339(moment) for moment in self.resumed],
            }
        )

    def differences(self, other: "State", *, as_of_given: bool) -> tuple[str, ...]:
        """Say where the settings of another run are not these."""
        names = sorted({*self.settings, *other.settings})
        found = [
            f"--{option_of(name)} is {_words(other.settings.get(name))} now and was {_words(self.settings.get(name))}"
            for name in names
            if self.settings.get(name) != other.settings.get(name)
        ]
        if not found and self.period != other.period and not _FROM_NOW.fullmatch(str(self.settings.get("period"))):
            found.append(f"the period is {other.period['label']} now and was {self.period['label']}")
        if as_of_given and self.as_of != other.as_of:
            found.append(f"--as-of is {rfc3339(other.as_of)} now and was {rfc3339(self.as_of)}")
        if self.version != other.version:
            found.append(f"this is auditor {other.version} and it was {self.version}")
        if other.catalogue and self.catalogue != other.catalogue:
            found.append("the controls are not those of then")
        return tuple(found)


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "not given"
    return str(value) if value not in ("", None) else "not given"


@dataclass(frozen=True, slots=True)
class Workroom:
    """Where a run works.

    Args:
        folder: the whole of it.
        state: what identifies the run.
    """

    folder: Path
    state: State

    @property
    def pack(self) -> Path:
        """What will be the pack."""
        return self.folder / PACK

    def journal(self) -> Journal:
        """Open the journal of the collection."""
        return Journal(self.folder / JOURNAL)

    @property
    def tasks(self) -> Path:
        """Where results of tasks are kept."""
        return self.folder / TASKS

    @property
    def events(self) -> Path:
        """Where the events of the period are kept until they were asked about."""
        return self.folder / EVENTS


def state_of(request: Request, catalog: Catalog | None = None) -> State:
    """Return what identifies a run."""
    return State(
        settings=request.config.model_dump(mode="json", exclude=set(MAY_DIFFER)),
        period={name: str(value) for name, value in request.period.document().items()},
        version=__version__,
        catalogue=sha256_hex(canonical_json(fingerprints(catalog))) if catalog is not None else "",
        as_of=request.as_of,
        started=request.now(),
        salt=request.salt,
    )


def take_up(request: Request, *, as_of_given: bool) -> Request:
    """Let a request go on with the run that was cut off; unchanged when there is none.

    Args:
        request: what is asked now.
        as_of_given: whether somebody named its moment; otherwise it takes that of the run before.

    Raises:
        UsageError: there is one, and its settings are others; or it is not cut off, but still at work.
    """
    out, asked = Path(request.config.out), state_of(request)
    left = [folder for folder in left_over(out) if worth_keeping(folder)]
    found = [(folder, state) for folder in left if (state := read_state(folder)) is not None]
    apart = [(folder, state, state.differences(asked, as_of_given=as_of_given)) for folder, state in found]
    fitting = [(state.started, folder, state) for folder, state, differences in apart if not differences]
    if fitting:
        _, folder, state = max(fitting, key=lambda item: item[0])
        return replace(request, as_of=state.as_of, salt=state.salt, room=folder)
    for folder in sorted(out.glob(f"{UNFINISHED}*")):
        state = read_state(folder) if is_held(folder) else None
        if state is not None and not state.differences(asked, as_of_given=as_of_given):
            raise UsageError(f"a run with these settings is still at work in {folder}", hint="wait for its end")
    if apart:
        folder, _, differences = min(apart, key=lambda item: len(item[2]))
        raise UsageError(
            f"the run that was cut off in {folder} cannot be gone on with: {'; '.join(differences)}",
            hint="give its settings again, or leave --resume out to begin anew",
        )
    return request


def read_state(folder: Path) -> State | None:
    """Return what identifies the run of a folder; None where nothing can be taken up, or somebody else made it."""
    try:
        if folder.stat().st_uid != os.geteuid():
            return None
        held = orjson.loads((folder / STATE).read_bytes())
        if held["schema"] != _SCHEMA:
            return None
        return State(
            settings=dict(held["settings"]),
            period=dict(held["period"]),
            version=str(held["version"]),
            catalogue=str(held["catalogue"]),
            as_of=parse_time(held["as_of"]),
            started=parse_time(held["started"]),
            salt=bytes.fromhex(held["salt"]),
            resumed=tuple(parse_time(item) for item in held["resumed"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def worth_keeping(folder: Path) -> bool:
    """Say whether a run that is taken up would find anything here."""
    journal = folder / JOURNAL
    if not (folder / PACK).is_dir() or read_state(folder) is None:
        return False  # what was collected has been moved elsewhere
    return (journal.is_file() and journal.stat().st_size > 0) or any((folder / TASKS).glob("*.done"))


@contextmanager
def workroom(request: Request, catalog: Catalog) -> Iterator[Workroom]:
    """Give a run its folder: a new one, or that of the run it goes on with. It goes when the run went through.

    Raises:
        UsageError: another run is at it, or the controls are not those of then.
    """
    asked = state_of(request, catalog)
    out = Path(request.config.out)
    with unfinished(out, keep=_stays) if request.room is None else taken_up(request.room, keep=_remains) as folder:
        state = asked if request.room is None else _gone_on_with(folder, asked)
        try:
            yield _opened(folder, state)
        except BaseException as error:
            if (_stays if request.room is None else _remains)(folder, error):
                error.add_note(f"what was collected is kept in {folder}; go on with the same command and --resume")
            raise


def _stays(folder: Path, error: BaseException) -> bool:
    """Say whether a new run that broke off can be gone on with: not when its settings were wrong."""
    return worth_keeping(folder) and not isinstance(error, UsageError)


def _remains(folder: Path, _error: BaseException) -> bool:
    """Say whether a run that was taken up can be once more."""
    return worth_keeping(folder)


def _gone_on_with(folder: Path, asked: State) -> State:
    """Return the state of a run that is taken up, this moment noted in it."""
    before = read_state(folder)
    hint = "leave --resume out to begin anew"
    if before is None:
        raise UsageError(f"nothing in {folder} can be gone on with", hint=hint)
    if differences := before.differences(asked, as_of_given=True):
        raise UsageError(f"the run in {folder} cannot be gone on with: {'; '.join(differences)}", hint=hint)
    return replace(before, resumed=(*before.resumed, asked.started))


def _opened(folder: Path, state: State) -> Workroom:
    write_whole(folder / STATE, state.data())
    (folder / STATE).chmod(0o600)
    (folder / PACK).mkdir(exist_ok=True)
    return Workroom(folder, state)


def superseded(out: Path, state: State) -> None:
    """Remove what earlier runs left behind that a finished run did all over again."""
    for folder in left_over(out):
        before = read_state(folder)
        if before is not None and before.settings == state.settings and before.period == state.period:
            shutil.rmtree(folder, ignore_errors=True)

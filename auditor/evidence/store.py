"""The evidence store: each answer written once, with who gave it, when and its hash; read back only when that holds.

Layout below the evidence folder (see docs/architecture.md):

    scope.json                                         what was asked: ``RunInfo``
    raw/<account>/<region>/<service>.<Operation>[.<hash of parameters>].json   {"pages": [...]}
    meta/EV-0001.json                                  one per raw file

References are numbered in sorted order when the store is closed, so they do not depend on which call finished first.
Judges nothing.
"""

import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any, Final

import orjson

from auditor.base.canonical import canonical_json, sha256_hex
from auditor.base.counts import counted
from auditor.base.errors import IntegrityError
from auditor.base.period import rfc3339
from auditor.base.untrusted import parse_json
from auditor.base.whole import write_new
from auditor.evidence.answer import Answer, Record, Redact, keep_all, record_in, recorded
from auditor.evidence.journal import Journal
from auditor.evidence.operations import Call
from auditor.evidence.scope import read_run
from auditor.model import RunInfo

SCOPE = "scope.json"
"""What was asked; written last, so that a folder without it is not closed."""
_MAX_META_BYTES = 5_000_000
_MAX_RAW_BYTES = 1_000_000_000
"""What AWS says of one kind of thing in one Region; of the largest accounts some tens of millions."""
_MAX_ALL_BYTES = 4_000_000_000
"""Of all raw files that one judgement reads: a stranger's pack may hold very many, each within its own bound."""
_HELD_BYTES = 2_000_000
"""Of raw files whose content may stay in memory after it was judged; it takes some four times as much there."""
_CLOCKS_APART = timedelta(minutes=5)
"""What the clocks of AWS's services and of the machine that asked may be apart."""
_TIME = re.compile(rb'"([A-Za-z]{4,60})":"(2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(?:Z|\+00:00))"')
"""A member that is a time in UTC, as canonical JSON has it."""
_HAPPENED = re.compile(
    rb"(?i:.*(?:creat(?:e|ed|ion)|update|updated|attach|attached|launch|generated|subscribed|enable|enabled|upload)"
    rb"(?:date|time|at|on|timestamp)?|(?:last|latest).*|.*lastused.*)"
)
"""Names of members that say when something happened; a certificate or a retention may well end later."""


class EvidenceWriter:
    """Stores answers, each once. Safe to call from several threads.

    Args:
        folder: the evidence folder; made when missing.
        redact: what may not be stored is taken out before anything is written.
        journal: notes each answer as soon as it is stored. What it has noted already is taken over where it still
            serves (see ``_serves``); every other file below ``raw/`` goes, and so does what closing wrote.
    """

    def __init__(self, folder: Path, *, redact: Redact = keep_all, journal: Journal | None = None) -> None:
        self._folder = folder
        self._redact = redact
        self._records: dict[tuple[str, str, str, bytes], Record] = {}
        self._lock = Lock()
        self._journal = journal
        self._made: set[Path] = set()
        folder.mkdir(parents=True, exist_ok=True)
        if journal is not None:
            self._take_over(journal)

    @property
    def folder(self) -> Path:
        """The evidence folder."""
        return self._folder

    def _take_over(self, journal: Journal) -> None:
        noted: dict[tuple[str, str, str, bytes], Record] = {}
        for line in journal.lines():
            if isinstance(line.get("record"), dict):
                record = record_in({**line["record"], "ref": _UNNUMBERED}, Path("journal"))
                noted[record.account, *record.call.key] = replace(record, ref="")
        self._records = {key: record for key, record in noted.items() if _serves(record, self._folder)}
        kept = {record.path for record in self._records.values()}
        for path in sorted((self._folder / "raw").rglob("*")):
            if not path.is_dir() and path.relative_to(self._folder).as_posix() not in kept:
                path.unlink()
        (self._folder / SCOPE).unlink(missing_ok=True)
        shutil.rmtree(self._folder / "meta", ignore_errors=True)

    def add(self, answer: Answer) -> None:
        """Write one answer.

        Raises:
            IntegrityError: the same call was stored before.
            ValueError: account, Region or operation is no such name; nothing is written.
        """
        key = (answer.account, *answer.call.key)
        record, data = recorded(answer, self._redact)
        with self._lock:
            if key in self._records:
                raise IntegrityError(f"{answer.call.operation} was already stored for {answer.account}")
            self._records[key] = record
        target = self._folder / record.path
        if target.parent not in self._made:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(target.parent)
        write_new(target, data)
        if self._journal is not None:
            self._journal.write({"record": record.document()})

    def adopt(self, document: Mapping[str, Any], data: str) -> None:
        """Take over an answer as another evidence folder of the same run stores it: already redacted, with its hash.

        Raises:
            IntegrityError: it is malformed, does not have its hash, or was stored before.
        """
        record = replace(record_in({**document, "ref": _UNNUMBERED}, Path("adopted")), ref="")
        key = (record.account, *record.call.key)
        if sha256_hex(data.encode()) != record.sha256 or key in self._records:
            raise IntegrityError(f"{record.call.operation} of {record.account} cannot be taken over")
        target = self._folder / record.path
        if self._journal is None or not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(data, "utf-8")
        with self._lock:
            self._records[key] = record

    def lent(
        self, accounts: Collection[str] | None = None, operations: Collection[str] | None = None
    ) -> list[tuple[dict[str, Any], str]]:
        """Return answers as they are stored, each with its text, for :meth:`adopt`; None stands for all."""
        with self._lock:
            records = [self._records[key] for key in sorted(self._records)]
        return [
            (record.document(), (self._folder / record.path).read_text("utf-8"))
            for record in records
            if (accounts is None or record.account in accounts)
            and (operations is None or record.call.operation in operations)
        ]

    def recalled(self, account: str, call: Call) -> Answer | None:
        """Return the stored answer to a call, its pages as they were stored; None when there is none."""
        with self._lock:
            record = self._records.get((account, *call.key))
        if record is None:
            return None
        return record.answer(tuple(orjson.loads((self._folder / record.path).read_bytes())["pages"]))

    def forget(self, account: str, call: Call) -> None:
        """Drop the stored answer to a call, if there is one: what it stands on does not hold any more."""
        with self._lock:
            record = self._records.pop((account, *call.key), None)
        if record is not None:
            (self._folder / record.path).unlink(missing_ok=True)

    def stored(self, account: str, operation: str, *, region: str = "") -> tuple[Any, ...]:
        """Return the stored pages of an operation's complete answers so far, of one Region or all, in call order."""
        with self._lock:
            keys = [key for key in sorted(self._records) if key[0] == account and key[2] == operation]
            records = [self._records[key] for key in keys if region in ("", key[1])]
        return tuple(
            page
            for record in records
            if record.complete
            for page in orjson.loads((self._folder / record.path).read_bytes())["pages"]
        )

    def close(self, run: RunInfo) -> None:
        """Number the records, write their metadata and the scope. Nothing can be added afterwards."""
        meta = self._folder / "meta"
        meta.mkdir()
        for number, key in enumerate(sorted(self._records), start=1):
            ref = f"EV-{number:04d}"
            document = {**self._records[key].document(), "ref": ref}
            write_new(meta / f"{ref}.json", canonical_json(document))
        (self._folder / SCOPE).write_bytes(canonical_json(run.document()))


_UNNUMBERED: Final = "EV-0000"
"""Stands for the reference of a record that has none yet."""

_PRODUCED: Final = "trail:"
"""How operations begin that are worked out here; no call is made of what they hold."""

_NEVER_ASKED_FOR: Final = frozenset({"page token", "tag"})
"""Why a text was taken out that no later call is made of."""


def _serves(record: Record, folder: Path) -> bool:
    """Say whether a run that is taken up may go on with a stored answer.

    It must be complete, or say that the thing does not exist; its bytes must have their hash; and nothing may have been
    taken out of it that a later call could need: that was kept in memory only, and is gone.
    """
    if not (record.complete or record.absent):
        return False
    produced = record.call.operation.startswith(_PRODUCED)
    if not produced and any(item.get("reason") not in _NEVER_ASKED_FOR for item in record.redactions):
        return False
    try:
        return sha256_hex(_read_bytes(folder / record.path, _MAX_RAW_BYTES)) == record.sha256
    except IntegrityError:
        return False


class Evidence:
    """A closed evidence folder, read lazily; every file's hash is checked before its content is believed.

    Args:
        folder: the evidence folder.

    Raises:
        IntegrityError: a metadata file is malformed, points outside the folder, or stands twice.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pages: dict[str, tuple[Any, ...]] = {}
        self._left = _MAX_ALL_BYTES
        self._told: dict[str, tuple[str, str]] = {}
        self.run = read_run(_read_json(folder / SCOPE))
        self.records = tuple(self._records())
        self._by_operation = _by_operation(self.records)

    def _records(self) -> Iterator[Record]:
        seen: set[tuple[str, str, str, bytes]] = set()
        for path in sorted((self._folder / "meta").glob("*.json")):
            record = record_in(_read_json(path), path)
            key = (record.account, *record.call.key)
            if key in seen or record.ref != path.stem:
                raise IntegrityError(f"{path.name} repeats or misnames another record")
            seen.add(key)
            yield record

    def of(self, account: str, operation: str) -> tuple[Record, ...]:
        """Return the records of one operation in one account, in the order of their references."""
        return self._by_operation.get((account, operation), ())

    def pages(self, record: Record) -> tuple[Any, ...]:
        """Return the stored pages of a record.

        Raises:
            IntegrityError: the raw file is missing, its hash differs from the metadata, or all together are too large.
        """
        if record.ref not in self._pages:
            data = _read_bytes(self._folder / record.path, _MAX_RAW_BYTES)
            self._left -= len(data)
            if self._left < 0:
                raise IntegrityError(f"the evidence has more than {_MAX_ALL_BYTES:,} bytes; no more are read")
            if sha256_hex(data) != record.sha256:
                raise IntegrityError(f"{record.path} does not have the SHA-256 that {record.ref} states")
            if told := _told_later(data, record.collected_at):
                self._told[record.ref] = told
            document = _parse(data, record.path)
            pages = document.get("pages") if isinstance(document, dict) else None
            if not isinstance(pages, list):
                raise IntegrityError(f"{record.path} holds no pages")
            self._pages[record.ref] = tuple(pages)
        return self._pages[record.ref]

    def let_go(self) -> None:
        """Forget what was read where it is much: few answers are asked for again, and are read and hashed anew then.

        Whoever points into answers by identity has to be done with them.
        """
        if _MAX_ALL_BYTES - self._left > _HELD_BYTES:
            self._pages.clear()
            self._left = _MAX_ALL_BYTES

    @property
    def told_later(self) -> Mapping[str, tuple[str, str]]:
        """By reference of an answer that was read: a member and its time, which lies after the answer was given.

        Only members whose names say that something has happened by then; a certificate may well end later.
        """
        return self._told


class HeldEvidence(Evidence):
    """Evidence that was never collected and is not on disk: the answers of cases, in the form that storing gives them.

    Args:
        answers: each call once.
        run: what was asked.

    Raises:
        ValueError: an account, Region or operation is no such name.
    """

    def __init__(self, answers: Iterable[Answer], run: RunInfo) -> None:
        self.run = run
        ordered = sorted((recorded(answer, keep_all) for answer in answers), key=_order)
        numbered = [(replace(record, ref=f"EV-{number:04d}"), data) for number, (record, data) in enumerate(ordered, 1)]
        self.records = tuple(record for record, _ in numbered)
        self._told = {record.ref: told for record, data in numbered if (told := _told_later(data, record.collected_at))}
        self._pages = {record.ref: tuple(parse_json(data)["pages"]) for record, data in numbered}
        self._by_operation = _by_operation(self.records)

    def let_go(self) -> None:
        """Keep everything: there is nothing to read it from again."""


def _order(recorded: tuple[Record, bytes]) -> tuple[str, str, str, bytes]:
    record, _ = recorded
    return (record.account, *record.call.key)


def _by_operation(records: Iterable[Record]) -> dict[tuple[str, str], tuple[Record, ...]]:
    found: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        found.setdefault((record.account, record.call.operation), []).append(record)
    return {key: tuple(listed) for key, listed in found.items()}


def _read_bytes(path: Path, most: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise IntegrityError(f"evidence file {path.name} cannot be read: {error.strerror}") from error
    try:
        size = os.fstat(descriptor).st_size
        if size > most:
            raise IntegrityError(f"{path.name} is larger than {counted(most, 'byte')}")
        pieces = []
        while piece := os.read(descriptor, size + 1):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def _told_later(data: bytes, given: datetime) -> tuple[str, str] | None:
    """Return the first member of an answer that tells of something after the answer was given."""
    last = rfc3339(given + _CLOCKS_APART).encode("ascii")
    for name, time in _TIME.findall(data):
        if time[:19] > last[:19] and _HAPPENED.fullmatch(name):
            return name.decode("ascii"), time.decode("ascii")
    return None


def _parse(data: bytes, name: str) -> Any:
    try:
        return parse_json(data)
    except ValueError as error:
        raise IntegrityError(f"{name} cannot be read as JSON: {error}") from error


def _read_json(path: Path) -> Any:
    return _parse(_read_bytes(path, _MAX_META_BYTES), path.name)

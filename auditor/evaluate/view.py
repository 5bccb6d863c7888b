"""What a check may see: the evidence of one account, and nothing else. Every read is noted, so that results cite it.

A read of something that is missing raises ``EvidenceMissing``; the engine turns that into NOT_ASSESSED. Checks may thus
assume that what they were handed is there, and an absent answer can never look like an empty list. Where one answer
can only add a failure to what others show, a check reads it through ``known`` or ``each``: what is missing is noted, a
failure that the rest proves stays one, and anything else becomes NOT_ASSESSED, which the engine sees to.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import jmespath

from auditor.base.counts import counted
from auditor.evaluate.library import Library
from auditor.evaluate.missing import UNREADABLE, Consulted, EvidenceMissing, Missing
from auditor.evidence.answer import Record
from auditor.evidence.operations import GLOBAL, Call
from auditor.evidence.unanswered import NOT_COLLECTED
from auditor.model import AccountScope, Citation, Holder

_T = TypeVar("_T")


class View:
    """One subject's window on the evidence. Reads are noted in the order in which they happen."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._read: dict[str, Record] = {}
        self._cited: dict[Citation, None] = {}
        self._left_open: dict[Missing, None] = {}
        self._lacking: dict[Missing, None] = {}
        self._unknown: dict[Missing, None] = {}
        self._held: dict[str, None] = {}

    @property
    def account(self) -> AccountScope:
        """Whose evidence this is."""
        return self._library.account

    def beside(self, account: str, *, leaving_open: bool = False) -> "View | None":
        """Return the view on another account's evidence, if the run has it; its reads count as reads of this one.

        Args:
            account: its id.
            leaving_open: what is missing there is left open and not lacking: whoever asks judges what hangs on it.
        """
        library = self._library.beside.get(account)
        if library is None:
            return None
        other = View(library)
        other._read, other._cited, other._left_open = self._read, self._cited, self._left_open
        other._held = self._held
        other._lacking, other._unknown = self._left_open if leaving_open else self._lacking, self._unknown
        return other

    def holders(self, what: str) -> tuple[Holder, ...]:
        """Return the accounts of the organization that hold something for this one, also those that were not read."""
        return tuple(one for one in self._library.holders if what in one.holds and one.scope.id != self.account.id)

    def lent(self, account: str) -> bool:
        """Say whether an account is no part of the run, and stands beside this one for what it holds."""
        return any(one.scope.id == account for one in self._library.holders)

    def held(self, holder: Holder, operation: str, region: str) -> tuple[tuple[Record, tuple[Any, ...]], ...]:
        """Return what the account that holds something answered in a Region, each answer with its pages.

        Raises:
            EvidenceMissing: it was not read, or not in full.
        """
        records = self._library.answers_of(holder.scope.id, operation, region) if not holder.error else ()
        broken = next((one for one in records if not (one.complete or one.absent)), None)
        if not records or broken is not None:
            who = f"account {holder.scope.id}" if holder.scope.id else "the account"
            why = holder.error or "was not asked in this Region"
            if broken is not None and broken.error is not None:
                why = f"{broken.error.code}: {broken.error.message}"
            ref = broken.ref if broken is not None else ""
            raise EvidenceMissing(
                Missing(operation, region, NOT_COLLECTED, f"{who} that holds it for the organization: {why}", "", ref)
            )
        return tuple((self.note(one), () if one.absent else self._library.pages(one)) for one in records)

    def of_others(self, operation: str) -> tuple[tuple[Record, tuple[Any, ...]], ...]:
        """Return the complete answers that this account and those holding something gave, without noting them as read.

        For what no audit of an account asks by itself.
        """
        names = dict.fromkeys((self.account.id, *(one.scope.id for one in self._library.holders)))
        found = (one for name in names for one in self._library.answers_of(name, operation))
        return tuple((one, self._library.pages(one)) for one in found if one.complete)

    def credit(self, account: str) -> None:
        """Let the verdict name an account that holds what it rests on."""
        if account != self.account.id:
            self._held.setdefault(account)

    def credit_only(self, accounts: Collection[str]) -> None:
        """Keep of the accounts to be named those that the verdict really rests on."""
        for name in [name for name in self._held if name not in accounts]:
            del self._held[name]

    @property
    def credited(self) -> tuple[str, ...]:
        """Other accounts that hold what the verdict rests on, sorted."""
        return tuple(sorted(self._held))

    def all_beside(self) -> "Iterator[View]":
        """Yield the views on the run's other accounts; what is missing there is their own matter."""
        for library in self._library.beside.values():
            yield View(library)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Enabled Regions that are not part of the audit: nothing that speaks of all Regions can be concluded."""
        return self._library.left_out

    def everywhere(self, operation: str) -> None:
        """Ask for all enabled Regions: whoever says that there is none of something has to have looked in each.

        Raises:
            EvidenceMissing: some were not part of the audit.
        """
        if self.left_out:
            names = ", ".join(self.left_out)
            message = f"enabled Regions that are not part of the audit: {names}"
            raise EvidenceMissing(Missing(operation, GLOBAL, NOT_COLLECTED, message, "", ""))

    def apart(self) -> "View":
        """Return a view on the same evidence that notes its own reads: for one member of many."""
        return View(self._library)

    @property
    def lacking(self) -> tuple[Missing, ...]:
        """What was missing of that which the verdict needs, unless it is a failure without it."""
        return tuple(self._lacking)

    def lack(self, missing: Missing) -> None:
        """Go on without an answer that the verdict needs: only a failure can still be concluded."""
        self._lacking.setdefault(missing)
        record = self._library.referred(missing.ref)
        if record is not None:
            self.note(record)

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Go on after what cannot be read: it is lacking, and only a failure can still be concluded."""
        try:
            yield
        except EvidenceMissing as signal:
            self.lack(signal.missing)
        except UNREADABLE as error:
            self.lack(self.blamed(error))

    def known(self, read: Callable[[], _T]) -> _T | None:
        """Return what can be read, or None where it is missing or malformed, which is then lacking.

        For questions of which each can fail alone: whoever asks the next one does not depend on this one's answer.
        """
        found: list[_T] = []
        with self.going_on():
            found.append(read())
        return found[0] if found else None

    def each(self, operation: str, path: str, *, region: str | None = None) -> tuple[tuple[Record, Any], ...]:
        """Like ``located``, for what could be read; what is missing is lacking, what broke off is read so far."""
        found: list[tuple[Record, Any]] = []
        for record, pages in self._each_answer(operation, region):
            for page in pages:
                with self.going_on():
                    found.extend((record, item) for item in _listed(path, page, record, self._library))
        return tuple(found)

    def each_page(
        self, operation: str, *, region: str | None = None
    ) -> tuple[tuple[Record, Mapping[str, Any] | None], ...]:
        """Like ``answers``, for what could be read; whatever is missing is lacking."""
        found: list[tuple[Record, Mapping[str, Any] | None]] = []
        for call in self._each_call(operation, region):
            with self.going_on():
                record = self._library.record(call, absent_ok=True)
                found.append((record, self._single(record)))
        return tuple(found)

    def pieces(self, operation: str, *, region: str | None = None, absent_ok: bool = False) -> Consulted:
        """Return what could be read of an operation's answers, also of those that broke off; the rest is lacking.

        Unlike with ``each``, whoever asks learns which calls have no answer, or none that is whole.
        """
        due = self._library.listed(operation)
        answers: list[tuple[Record, tuple[Any, ...]]] = []
        missing: list[tuple[Call | None, Missing]] = [
            (Call(operation, place, ()) if place != GLOBAL else None, gap)
            for place, gap in due.missing
            if region is None or place in (region, GLOBAL)
        ]
        calls = [call for call in due.calls if region in (None, call.region)]
        if not calls and region not in (None, *self.account.regions):
            missing.append((Call(operation, str(region), ()), _outside(operation, str(region))))
        for call in calls:
            try:
                record = self.note(self._library.record(call, absent_ok=absent_ok))
                answers.append((record, () if record.absent else self._library.pages(record)))
            except EvidenceMissing as signal:
                missing.append((call, signal.missing))
                answers += [part for part in (self._library.fragments(call),) if part is not None]
        for _, gap in missing:
            self.lack(gap)
        return Consulted(tuple(answers), tuple(missing))

    def _each_call(self, operation: str, region: str | None) -> tuple[Call, ...]:
        due = self._library.listed(operation)
        for place, missing in due.missing:
            if region is None or place in (region, GLOBAL):
                self.lack(missing)
        return tuple(call for call in due.calls if region in (None, call.region))

    def _each_answer(self, operation: str, region: str | None) -> Iterator[tuple[Record, tuple[Any, ...]]]:
        for call in self._each_call(operation, region):
            try:
                record = self.note(self._library.record(call))
                yield record, self._library.pages(record)
            except EvidenceMissing as signal:
                self.lack(signal.missing)
                if (fragment := self._library.fragments(call)) is not None:
                    yield fragment

    def blamed(self, error: Exception) -> Missing:
        """Name the answer in which something could not be understood: where the value stands that an error speaks of.

        What names no value was met in the answer that was read last.
        """
        what = f"the field {error} is missing" if isinstance(error, KeyError) else str(error) or type(error).__name__
        message = f"the answer does not have the documented form: {what[:300]}"
        if not self._read:
            return Missing("evidence", GLOBAL, "Malformed", message, "", "")
        records = list(self._read.values())
        item = getattr(error, "item", None)
        record = next((one for one in records if item is not None and self._library.holds(one, item)), records[-1])
        call = record.call
        return Missing(
            call.operation, call.region, "Malformed", message, "", record.ref, self._library.asks_about(call)
        )

    @property
    def left_open(self) -> tuple[Missing, ...]:
        """What the check went on without; a result that stays open for it lists these as gaps."""
        return tuple(self._left_open)

    def leave_open(self, missing: Missing) -> None:
        """Go on without an answer: what depends on it stays open, everything else is judged."""
        self._left_open.setdefault(missing)
        record = self._library.referred(missing.ref)
        if record is not None:
            self.note(record)

    def planned(self, operation: str) -> bool:
        """Say whether an operation was part of the run."""
        return self._library.knows(operation) and self._library.asked(operation)

    def consult(self, operation: str) -> Consulted:
        """Return what became of an operation's calls. Raises nothing and notes nothing: whoever uses an answer does.

        An operation that the pack's own catalogue does not have was never to be asked: there is nothing to miss.
        """
        found = self._library.consult(operation)
        for missing in found.unknown:
            self._unknown.setdefault(missing)
        return found

    @property
    def unknown(self) -> tuple[Missing, ...]:
        """Operations that were consulted and that the service does not know where they were asked."""
        return tuple(self._unknown)

    @property
    def read(self) -> tuple[Record, ...]:
        """The records read so far."""
        return tuple(self._read.values())

    @property
    def citations(self) -> tuple[Citation, ...]:
        """What a result that was reached through this view should cite."""
        pointed = {citation.ref for citation in self._cited}
        return (*self._cited, *(Citation(ref) for ref in self._read if ref not in pointed))

    def once(self, name: str, work_out: Callable[["View"], _T]) -> _T:
        """Return what follows from the account's evidence, worked out for the first who asks; nothing counts as read.

        Args:
            name: tells it from other such things.
            work_out: works it out of a view of its own.
        """
        known = self._library.worked_out
        if name not in known:
            known[name] = work_out(View(self._library))
        found: _T = known[name]
        return found

    def shared(self, name: str, work_out: Callable[["View"], _T]) -> _T:
        """Return what follows from the account's evidence, worked out for the first who asks.

        What was read, lacking or left open for it counts for each who asks, as if they had worked it out themselves.

        Args:
            name: tells it from other such things.
            work_out: works it out of a view of its own; what it returns is never changed by anybody.
        """
        known = self._library.worked_out
        if name not in known:
            apart = View(self._library)
            known[name] = work_out(apart), apart._notes()
        found: _T = known[name][0]
        for mine, theirs in zip(self._notes(), known[name][1], strict=True):
            for key, value in theirs.items():
                mine.setdefault(key, value)
        return found

    def _notes(self) -> tuple[dict[Any, Any], ...]:
        return self._read, self._cited, self._left_open, self._lacking, self._unknown, self._held

    def refer(self, refs: Iterable[str]) -> None:
        """Count records of this account as read, by their references."""
        for record in map(self._library.referred, refs):
            if record is not None:
                self.note(record)

    def note(self, record: Record) -> Record:
        """Count a record as read."""
        self._read.setdefault(record.ref, record)
        return record

    def cite(self, record: Record, pointer: str = "") -> None:
        """Add a citation of our own making."""
        self.note(record)
        self._cited.setdefault(Citation(record.ref, pointer))

    def point(self, value: Any, *, suffix: str = "") -> None:
        """Cite the place where a value that was read stands; the very object, as ``items`` or ``page`` gave it."""
        for record in self._read.values():
            if pointer := self._library.pointer(record, value):
                self.cite(record, f"/pages{pointer}{suffix}")
                return

    def calls(self, operation: str, *, region: str | None = None) -> tuple[Call, ...]:
        """Return the calls that were due, of one Region or all.

        Raises:
            EvidenceMissing: nobody asked in that Region; what a trail or bucket lives in need not be part of the audit.
        """
        due = self._library.listed(operation)
        if (hidden := due.gap(region)) is not None:
            raise EvidenceMissing(hidden)
        found = tuple(call for call in due.calls if region in (None, call.region))
        if not found and region not in (None, *self.account.regions):
            raise EvidenceMissing(_outside(operation, str(region)))
        return found

    def find(self, operation: str, *, region: str | None = None, **parameters: Any) -> Mapping[str, Any] | None:
        """Return the single page of one call, or None when AWS said that there is no such thing.

        Raises:
            EvidenceMissing: there is no complete answer to that call.
            ValueError: the question fits several calls.
        """
        return self._single(self._library.record(self._one(operation, region, parameters), absent_ok=True))

    def _single(self, record: Record) -> Mapping[str, Any] | None:
        self.note(record)
        if record.absent:
            return None
        pages = self._library.pages(record)
        if len(pages) != 1 or not isinstance(pages[0], dict):
            raise self._library.malformed(record, "expected one page")
        return pages[0]

    def page(self, operation: str, *, region: str | None = None, **parameters: Any) -> Mapping[str, Any]:
        """Return the single page of one call; that AWS knows no such thing counts as missing here."""
        found = self.find(operation, region=region, **parameters)
        if found is None:
            record = self._library.record(self._one(operation, region, parameters), absent_ok=True)
            raise EvidenceMissing(
                Missing(operation, record.call.region, "Absent", "AWS knows no such thing", "", record.ref)
            )
        return found

    def _one(self, operation: str, region: str | None, parameters: Mapping[str, Any]) -> Call:
        fitting = [
            call
            for call in self._library.asked_with(operation, parameters)
            if region in (None, call.region) and parameters.items() <= dict(call.parameters).items()
        ]
        if not fitting and (hidden := self._library.listed(operation).gap(region)) is not None:
            raise EvidenceMissing(hidden)
        if not fitting and region not in (None, GLOBAL, *self.account.regions):
            raise EvidenceMissing(_outside(operation, str(region)))
        if not fitting:
            detail = ", ".join(f"{key}={value}" for key, value in parameters.items())
            raise EvidenceMissing(
                Missing(operation, region or "global", NOT_COLLECTED, f"no call with {detail} was made", "", "")
            )
        if len(fitting) > 1:
            raise ValueError(f"{operation} {parameters} fits {counted(len(fitting), 'call')}")
        return fitting[0]

    def items(self, operation: str, path: str, *, region: str | None = None, **parameters: Any) -> tuple[Any, ...]:
        """Return what a JMESPath finds on all pages of all calls of an operation, of one Region or all.

        Parameters choose one call: what the others did not answer is not looked at.

        Raises:
            EvidenceMissing: any of the calls has no complete answer.
        """
        return tuple(item for _, item in self.located(operation, path, region=region, **parameters))

    def located(
        self, operation: str, path: str, *, region: str | None = None, **parameters: Any
    ) -> tuple[tuple[Record, Any], ...]:
        """Like ``items``, each with the record that it stands in."""
        found: list[tuple[Record, Any]] = []
        calls = (self._one(operation, region, parameters),) if parameters else self.calls(operation, region=region)
        for call in calls:
            record = self.note(self._library.record(call))
            for page in self._library.pages(record):
                found.extend((record, item) for item in _listed(path, page, record, self._library))
        return tuple(found)

    def stored(self, operation: str) -> tuple[tuple[Record, tuple[Any, ...]], ...]:
        """Return the complete answers with their pages, without noting them as read; whoever uses one notes it.

        For answers that nothing depends on: those that are missing are left out.
        """
        found: list[tuple[Record, tuple[Any, ...]]] = []
        for call in self._library.optional(operation):
            with suppress(EvidenceMissing):
                record = self._library.record(call)
                found.append((record, self._library.pages(record)))
        return tuple(found)

    def unanswered(self, operation: str) -> tuple[tuple[Call, Missing], ...]:
        """Return the calls that ``stored`` leaves out, with what is missing."""
        found: list[tuple[Call, Missing]] = []
        for call in self._library.optional(operation):
            try:
                self._library.record(call)
            except EvidenceMissing as signal:
                found.append((call, signal.missing))
        return tuple(found)

    def refused_with(self, code: str, **parameters: Any) -> bool:
        """Say whether AWS answered a call with these parameters by an error code; the answer counts as read then."""
        record = self._library.refused_with(code, parameters)
        if record is not None:
            self.note(record)
        return record is not None

    def answers(
        self, operation: str, *, region: str | None = None
    ) -> tuple[tuple[Record, Mapping[str, Any] | None], ...]:
        """Return each call's record with its single page; None where AWS said that there is no such thing."""
        records = (self._library.record(call, absent_ok=True) for call in self.calls(operation, region=region))
        return tuple((record, self._single(record)) for record in records)


def _outside(operation: str, region: str) -> Missing:
    return Missing(operation, region, NOT_COLLECTED, "the Region is not part of the audit", "", "")


def _listed(path: str, page: Any, record: Record, library: Library) -> Sequence[Any]:
    try:
        found = jmespath.search(path, page)
    except jmespath.exceptions.JMESPathError as error:
        raise library.malformed(record, f"{path} cannot be read: {error}") from error
    if found is None:
        raise library.malformed(record, "the list that was expected is not there")
    return found if isinstance(found, list) else (found,)

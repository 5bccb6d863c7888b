"""What a check may see: the evidence of one account, and nothing else. Every read is noted, so that results cite it.

A read of something that is missing raises ``EvidenceMissing``; the engine turns that into NOT_ASSESSED. Checks may thus
assume that what they were handed is there, and an absent answer can never look like an empty list.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import jmespath

from auditor.base.canonical import canonical_json, plain
from auditor.base.period import Period
from auditor.evidence.operations import GLOBAL, Call, Operation, Pages, expand
from auditor.evidence.store import Evidence, Record, escape, pointer_to
from auditor.model import AccountScope, Citation, Verdict


@dataclass(frozen=True, slots=True)
class Missing:
    """One call whose answer is not there. ``ref`` is empty when nothing at all was stored for it."""

    operation: str
    region: str
    code: str
    message: str
    action: str
    ref: str


class EvidenceMissing(Exception):  # noqa: N818 - a signal to the engine, not an error of the product
    """A check asked for evidence that does not exist, is incomplete or malformed."""

    def __init__(self, missing: Missing) -> None:
        super().__init__(f"{missing.operation} in {missing.region}: {missing.code}")
        self.missing = missing


@dataclass(frozen=True, slots=True)
class Consulted:
    """What became of the calls of an operation that is looked at only where something leads there.

    Args:
        answers: the complete answers with their pages; no page where AWS said that there is no such thing.
        missing: the calls without an answer; no call where it is not even known what was to be asked.
    """

    answers: tuple[tuple[Record, tuple[Any, ...]], ...] = ()
    missing: tuple[tuple[Call | None, Missing], ...] = ()

    def gap(self, region: str, **parameters: Any) -> Missing | None:
        """Return what is missing of a Region's answers, or of those to calls with some parameters."""
        for call, missing in self.missing:
            fits = call is None or parameters.items() <= dict(call.parameters).items()
            if fits and (call is None or call.region in {region, GLOBAL}):
                return missing
        return None


class Library:
    """All evidence of one account, with the calls that were due. Shared by all views of that account.

    Args:
        evidence: the closed evidence folder.
        account: whose evidence.
        operations: the catalogue's operations by name.
    """

    def __init__(self, evidence: Evidence, account: AccountScope, operations: Mapping[str, Operation]) -> None:
        self._evidence = evidence
        self._operations = operations
        self._due: dict[str, tuple[Call, ...] | Missing] = {}
        self._consulted: dict[str, Consulted] = {}
        self._places: dict[str, Mapping[int, str]] = {}
        self._by_value: dict[str, Mapping[bytes, Sequence[Call]]] = {}
        self._found: dict[tuple[str, str, bytes], Record] = {
            _identity(record.call): record for record in evidence.records if record.account == account.id
        }
        self.beside: Mapping[str, Library] = {}
        """The libraries of the run's other accounts, by account id."""
        self.account = account
        self.period = evidence.run.period
        self.as_of = evidence.run.as_of
        self.seen_until = max((record.collected_at for record in evidence.records), default=self.as_of)
        """When the last answer of the run arrived."""

    def due(self, operation: str) -> tuple[Call, ...]:
        """Return the calls that this operation stands for.

        Raises:
            EvidenceMissing: an answer that the list itself depends on is missing.
        """
        if operation not in self._due:
            self._due[operation] = self._expand(operation)
        due = self._due[operation]
        if isinstance(due, Missing):
            raise EvidenceMissing(due)
        return due

    def grounds(self, operation: str) -> tuple[Call, ...]:
        """Return the calls that show what there is of an operation: its own, or where there are none, its parents'."""
        parents = self._operations[operation].parents
        return self.due(operation) or tuple(call for parent in parents for call in self.grounds(parent))

    def knows(self, operation: str) -> bool:
        """Say whether the catalogue has an operation; that of an older pack may not."""
        return operation in self._operations

    def consult(self, operation: str) -> Consulted:
        """Return what became of an operation's calls; worked out once."""
        if operation not in self._consulted:
            self._consulted[operation] = self._consult(operation)
        return self._consulted[operation]

    def _consult(self, operation: str) -> Consulted:
        if not self.knows(operation):
            return Consulted()
        try:
            due = self.due(operation)
        except EvidenceMissing as signal:
            return Consulted(missing=((None, signal.missing),))
        answers, missing = [], []
        for call in due:
            try:
                record = self.record(call, absent_ok=True)
            except EvidenceMissing as signal:
                missing.append((call, signal.missing))
            else:
                answers.append((record, () if record.absent else self.pages(record)))
        return Consulted(tuple(answers), tuple(missing))

    def asked(self, operation: str) -> bool:
        """Say whether an operation was part of the run."""
        return operation in self._evidence.run.operations

    def optional(self, operation: str) -> tuple[Call, ...]:
        """Return the calls that this operation stands for; none where it is unknown or was not part of the run."""
        if operation not in self._operations:
            return ()  # a pack that was made before the operation was in the catalogue
        try:
            return self.due(operation)
        except EvidenceMissing:
            return ()

    def asked_with(self, operation: str, parameters: Mapping[str, Any]) -> Sequence[Call]:
        """Return the calls that carry the first of some parameters, from an index that is made once.

        Calls about optional things are among them, unlike in ``due``: who asks by name knows what they are looking for.

        Raises:
            EvidenceMissing: an answer that the list itself depends on is missing.
        """
        due = self.due(operation)
        if not parameters:
            return due
        if operation not in self._by_value:
            index: dict[bytes, list[Call]] = {}
            for call in {call.key: call for call in self._asked(operation)}.values():
                for name, value in call.parameters:
                    index.setdefault(canonical_json([name, plain(value)]), []).append(call)
            self._by_value[operation] = index
        name, value = next(iter(parameters.items()))
        return self._by_value[operation].get(canonical_json([name, plain(value)]), ())

    def _expand(self, name: str) -> tuple[Call, ...] | Missing:
        operation = self._operations[name]
        if name not in self._evidence.run.operations:
            return Missing(
                name, "global", "NotCollected", "this operation was not part of the run", operation.action, ""
            )
        if not operation.planned:
            return tuple(record.call for record in self._evidence.of(self.account.id, name))
        try:
            return self._listed(operation, self._complete_answers, optional=False)
        except EvidenceMissing as signal:
            return signal.missing
        except jmespath.exceptions.JMESPathError as error:
            return Missing(
                name, "global", "Malformed", f"its list of calls cannot be made: {error}", operation.action, ""
            )

    def _complete_answers(self, operation: str) -> Pages:
        return [(call.region, self.pages(self.record(call))) for call in self.due(operation)]

    def _listed(self, operation: Operation, answers: Callable[[str], Pages], *, optional: bool) -> tuple[Call, ...]:
        """List the calls that are asked for each of optional things, or all the others."""
        sources = tuple(item for item in operation.for_each if item.optional is optional)
        if optional and not sources:
            return ()
        return expand(
            replace(operation, for_each=sources),
            account=self.account.id,
            regions=self.account.regions,
            answers=answers,
            period=self.period,
        )

    def _asked(self, operation: str) -> tuple[Call, ...]:
        """Return the due calls and those about optional things, as far as these are known."""
        about_optional = self._listed(self._operations[operation], self._known_answers, optional=True)
        return (*self.due(operation), *about_optional)

    def _known_answers(self, operation: str) -> Pages:
        known = []
        for call in self.optional(operation):
            with suppress(EvidenceMissing):
                known.append((call.region, self.pages(self.record(call))))
        return known

    def record(self, call: Call, *, absent_ok: bool = False) -> Record:
        """Return the stored, complete record of a call.

        Raises:
            EvidenceMissing: it is not there, ended in an error, or lacks a key that every page must have.
        """
        operation = self._operations[call.operation]
        record = self._found.get(_identity(call))
        if record is None:
            raise EvidenceMissing(
                Missing(call.operation, call.region, "NotCollected", "no answer was stored", operation.action, "")
            )
        if record.absent and absent_ok:
            return record
        if record.error is not None or not record.complete:
            error = record.error
            raise EvidenceMissing(
                Missing(
                    call.operation,
                    call.region,
                    error.code if error else "Incomplete",
                    error.message if error else "the answer is not complete",
                    operation.action,
                    record.ref,
                )
            )
        self._check_shape(record, operation)
        return record

    def _check_shape(self, record: Record, operation: Operation) -> None:
        pages = self.pages(record)
        lacking = next(
            (key for page in pages for key in operation.required if not isinstance(page, dict) or key not in page), None
        )
        if lacking is not None or not pages:
            message = f"the answer has no {lacking}" if pages else "the answer has no page"
            raise EvidenceMissing(
                Missing(operation.name, record.call.region, "Malformed", message, operation.action, record.ref)
            )

    def pages(self, record: Record) -> tuple[Any, ...]:
        """Return the pages of a record, hash checked."""
        return self._evidence.pages(record)

    def pointer(self, record: Record, value: Any) -> str:
        """Return the JSON pointer of a value inside a record's pages, by identity; empty when it is not in them.

        Structures are looked up in an index, made once: a population of thousands would search its page each time.
        """
        if not isinstance(value, dict | list):
            return pointer_to(self.pages(record), value)
        if record.ref not in self._places:
            self._places[record.ref] = dict(_places(self.pages(record)))
        return self._places[record.ref].get(id(value), "")

    def referred(self, ref: str) -> Record | None:
        """Return the record of this account with a reference, if there is one."""
        return next((record for record in self._found.values() if record.ref == ref), None) if ref else None

    def malformed(self, record: Record, message: str) -> EvidenceMissing:
        """Build the signal for an answer that is there but cannot be understood."""
        action = self._operations[record.call.operation].action
        return EvidenceMissing(
            Missing(record.call.operation, record.call.region, "Malformed", message, action, record.ref)
        )


def libraries(evidence: Evidence, operations: Mapping[str, Operation]) -> tuple[Library, ...]:
    """Return a library for each account of a run; each knows the others."""
    found = {account.id: Library(evidence, account, operations) for account in evidence.run.accounts}
    for name, library in found.items():
        library.beside = {other: known for other, known in found.items() if other != name}
    return tuple(found.values())


def _places(pages: Sequence[Any]) -> Iterator[tuple[int, str]]:
    """Yield identity and pointer of each structure; the pages are kept, so that an identity stays what it is."""
    stack: list[tuple[str, Any]] = [(f"/{index}", page) for index, page in enumerate(pages)]
    while stack:
        where, value = stack.pop()
        if isinstance(value, dict):
            yield id(value), where
            stack.extend((f"{where}/{escape(key)}", item) for key, item in value.items())
        elif isinstance(value, list):
            yield id(value), where
            stack.extend((f"{where}/{index}", item) for index, item in enumerate(value))


def _identity(call: Call) -> tuple[str, str, bytes]:
    return (call.region, call.operation, canonical_json(plain(dict(call.parameters))))


class View:
    """One subject's window on the evidence. Reads are noted in the order in which they happen."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._read: dict[str, Record] = {}
        self._cited: dict[Citation, None] = {}
        self._left_open: dict[Missing, None] = {}

    @property
    def account(self) -> AccountScope:
        """Whose evidence this is."""
        return self._library.account

    def beside(self, account: str) -> "View | None":
        """Return the view on another account's evidence, if the run has it; its reads count as reads of this one."""
        library = self._library.beside.get(account)
        if library is None:
            return None
        other = View(library)
        other._read, other._cited, other._left_open = self._read, self._cited, self._left_open
        return other

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
        return self._library.consult(operation)

    @property
    def read(self) -> tuple[Record, ...]:
        """The records read so far."""
        return tuple(self._read.values())

    @property
    def citations(self) -> tuple[Citation, ...]:
        """What a result that was reached through this view should cite."""
        pointed = {citation.ref for citation in self._cited}
        return (*self._cited, *(Citation(ref) for ref in self._read if ref not in pointed))

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
        found = tuple(call for call in self._library.due(operation) if region in (None, call.region))
        if not found and region not in (None, *self.account.regions):
            missing = Missing(operation, str(region), "NotCollected", "the Region is not part of the audit", "", "")
            raise EvidenceMissing(missing)
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
        if not fitting:
            detail = ", ".join(f"{key}={value}" for key, value in parameters.items())
            raise EvidenceMissing(Missing(operation, region or "global", "NotCollected", f"not asked {detail}", "", ""))
        if len(fitting) > 1:
            raise ValueError(f"{operation} {parameters} fits {len(fitting)} calls")
        return fitting[0]

    def items(self, operation: str, path: str, *, region: str | None = None) -> tuple[Any, ...]:
        """Return what a JMESPath finds on all pages of all calls of an operation, of one Region or all.

        Raises:
            EvidenceMissing: any of the calls has no complete answer.
        """
        return tuple(item for _, item in self.located(operation, path, region=region))

    def located(self, operation: str, path: str, *, region: str | None = None) -> tuple[tuple[Record, Any], ...]:
        """Like ``items``, each with the record that it stands in."""
        found: list[tuple[Record, Any]] = []
        for call in self.calls(operation, region=region):
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

    def answers(
        self, operation: str, *, region: str | None = None
    ) -> tuple[tuple[Record, Mapping[str, Any] | None], ...]:
        """Return each call's record with its single page; None where AWS said that there is no such thing."""
        records = (self._library.record(call, absent_ok=True) for call in self.calls(operation, region=region))
        return tuple((record, self._single(record)) for record in records)


def _listed(path: str, page: Any, record: Record, library: Library) -> Sequence[Any]:
    try:
        found = jmespath.search(path, page)
    except jmespath.exceptions.JMESPathError as error:
        raise library.malformed(record, f"{path} cannot be read: {error}") from error
    if found is None:
        raise library.malformed(record, "the list that was expected is not there")
    return found if isinstance(found, list) else (found,)


@dataclass(frozen=True, slots=True)
class Subject:
    """What one check call judges.

    Args:
        account: the account, with its partition and Regions.
        region: the Region of the resource, or ``global``.
        resource: what the population's ``identify`` gave; the account id or Region otherwise.
        item: the population item, keys as AWS spells them; empty for account and Region controls.
        evidence: the window on this account's evidence.
        as_of: the run's moment, aware UTC; ages are measured against it, never against "now".
        period: the audited period.
        parameters: the control's parameters, with the edition's overrides.
    """

    account: AccountScope
    region: str
    resource: str
    item: Mapping[str, Any]
    evidence: View
    as_of: datetime
    period: Period
    parameters: Mapping[str, Any] = field(default_factory=dict)


Check = Callable[[Subject], Verdict]

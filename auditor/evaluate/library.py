"""All evidence of one account and the calls that were due: what is there, what is missing, and what that costs.

A parent that did not answer costs its own children only, never its siblings or other Regions.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import compress
from typing import Any

from auditor.base.canonical import canonical_json, plain
from auditor.base.pointer import escape, pointer_to
from auditor.evaluate.missing import Consulted, Due, EvidenceMissing, Missing, mendable, unknown_feature
from auditor.evidence.answer import Record
from auditor.evidence.operations import GLOBAL, SHAPELESS, Call, ForEach, Operation, Pages, Where, expand
from auditor.evidence.places import has_no_endpoint
from auditor.evidence.store import Evidence
from auditor.evidence.unanswered import NOT_COLLECTED
from auditor.model import AccountScope, Holder

_ENABLED = frozenset({"opt-in-not-required", "opted-in"})


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
        self._due: dict[str, Due] = {}
        self._consulted: dict[str, Consulted] = {}
        self._nowhere: dict[str, tuple[Record, ...]] = {}
        self._places: dict[str, Mapping[int, str]] = {}
        self._by_value: dict[str, Mapping[tuple[str, str | bytes], Sequence[Call]]] = {}
        self._found: dict[tuple[str, str, bytes], Record] = {
            record.call.identity: record for record in evidence.records if record.account == account.id
        }
        self._by_ref = {record.ref: record for record in self._found.values()}
        self._left_out: tuple[str, ...] | None = None
        self._refused: dict[str, tuple[Record, ...]] = {}
        self.worked_out: dict[str, Any] = {}
        """What follows from all of it and was asked for before, by a name of whoever worked it out."""
        self.beside: Mapping[str, Library] = {}
        """The libraries of the run's other accounts, and of those that hold controls for this one, by account id."""
        self.holders: tuple[Holder, ...] = evidence.run.holders
        """Accounts that hold controls for this one, those included that could not be read."""
        self.account = account
        self.period = evidence.run.period
        self.as_of = evidence.run.as_of
        self.seen_until = max((record.collected_at for record in evidence.records), default=self.as_of)
        """When the last answer of the run arrived."""

    @property
    def left_out(self) -> tuple[str, ...]:
        """Enabled Regions that are not part of the audit: by the evidence, or by the scope where that has no list."""
        if self._left_out is None:
            enabled = self._enabled()
            found = self.account.left_out if enabled is None else sorted(enabled - set(self.account.regions))
            self._left_out = tuple(found)
        return self._left_out

    def _enabled(self) -> set[str] | None:
        for record in self._evidence.of(self.account.id, "ec2:DescribeRegions"):
            if record.complete:
                regions = [item for page in self.pages(record) for item in page.get("Regions") or ()]
                return {str(item["RegionName"]) for item in regions if item.get("OptInStatus", "opted-in") in _ENABLED}
        return None

    def due(self, operation: str) -> tuple[Call, ...]:
        """Return the calls that this operation stands for.

        Raises:
            EvidenceMissing: an answer that the list itself depends on is missing.
        """
        due = self.listed(operation)
        if (missing := due.gap()) is not None:
            raise EvidenceMissing(missing)
        return due.calls

    def listed(self, operation: str) -> Due:
        """Return the calls that are known, with the answers that hide others: each costs its own children only."""
        if operation not in self._due:
            self._due[operation] = self._expand(operation)
        return self._due[operation]

    def grounds(self, operation: str) -> tuple[Call, ...]:
        """Return the calls that show what there is of an operation: its own, or where there are none, its parents'."""
        found = self._operations[operation]
        proofs = (proof.operation for proof in found.needless if self.asked(proof.operation))
        parents = (*found.parents, *proofs)
        return self.due(operation) or tuple(call for parent in parents for call in self.grounds(parent))

    def skipped(self, operation: str) -> Missing | None:
        """Return what is not known of things that were not asked about, because another answer makes it needless.

        Where an operation is asked once per place, such an answer shows that there is nothing. Where it is asked for
        each of other things, these are there all the same, and what each of them says is not known.
        """
        found = self._operations[operation]
        if not found.needless or not found.for_each or not self.asked(operation):
            return None
        made = {call.key for call in self.listed(operation).calls}
        every = self._listed(
            replace(found, needless=()), self._complete_answers, optional=False, broken=lambda *_: None
        )
        left = [call for call in every if call.key not in made]
        if not left:
            return None
        proofs = ", ".join(proof.operation for proof in found.needless if self.asked(proof.operation))
        message = f"{len(left):,} were not asked about, because of what {proofs} says; a check can read that"
        return Missing(operation, left[0].region, NOT_COLLECTED, message, "", "")

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
        due = self.listed(operation)
        answers: list[tuple[Record, tuple[Any, ...]]] = []
        missing: list[tuple[Call | None, Missing]] = [
            (Call(operation, place, ()) if place != GLOBAL else None, gap) for place, gap in due.missing
        ]
        for call in due.calls:
            try:
                record = self.record(call, absent_ok=True)
            except EvidenceMissing as signal:
                missing.append((call, signal.missing))
            else:
                answers.append((record, () if record.absent else self.pages(record)))
        unknown = dict.fromkeys(gap for _, gap in missing if unknown_feature(gap))
        return Consulted(tuple(answers), tuple(item for item in missing if item[1] not in unknown), tuple(unknown))

    def asked(self, operation: str) -> bool:
        """Say whether an operation was part of the run."""
        return operation in self._evidence.run.operations

    def optional(self, operation: str) -> tuple[Call, ...]:
        """Return the calls that this operation stands for; none where it is unknown or was not part of the run."""
        if operation not in self._operations:
            return ()  # a pack that was made before the operation was in the catalogue
        due = self.listed(operation)
        return due.calls if not due.missing else ()

    def asked_with(self, operation: str, parameters: Mapping[str, Any]) -> Sequence[Call]:
        """Return the known calls that carry the first of some parameters, from an index that is made once.

        Calls about optional things are among them, unlike in ``due``: who asks by name knows what they are looking for.

        Raises:
            EvidenceMissing: there are no parameters, and an answer that the list itself depends on is missing.
        """
        if not parameters:
            return self.due(operation)
        if operation not in self._by_value:
            index: dict[tuple[str, str | bytes], list[Call]] = {}
            for call in {call.key: call for call in self._asked(operation)}.values():
                for name, value in call.parameters:
                    index.setdefault(_told(name, value), []).append(call)
            self._by_value[operation] = index
        name, value = next(iter(parameters.items()))
        return self._by_value[operation].get(_told(name, value), ())

    def _expand(self, name: str) -> Due:
        operation = self._operations[name]
        if name not in self._evidence.run.operations:
            missing = Missing(name, GLOBAL, NOT_COLLECTED, "this operation was not part of the run", "", "")
            return Due(missing=((GLOBAL, missing),))
        if not operation.planned:
            return Due(tuple(record.call for record in self._evidence.of(self.account.id, name)))
        hidden: dict[tuple[str, Missing], None] = {}
        sources = tuple(source for source in operation.for_each if not source.optional)
        for source in sources:
            for place, missing in self._unanswered(source.operation):
                hidden.setdefault((_reach(operation, source, place), missing))

        def broken(source: ForEach, region: str, error: Exception) -> None:
            message = f"the list of {name} cannot be made from it: {error}"
            hidden.setdefault(
                (
                    _reach(operation, source, region),
                    Missing(source.operation, region, "Malformed", message, "", self._ref_of(source.operation, region)),
                )
            )

        try:
            calls = self._listed(operation, self._complete_answers, optional=False, broken=broken)
        except SHAPELESS as error:
            missing = Missing(name, GLOBAL, "Malformed", f"its list of calls cannot be made: {error}", "", "")
            return Due(missing=((GLOBAL, missing),))
        there = [self._endpoint_of(call) for call in calls]
        gone = (self._stored(call) for call, found in zip(calls, there, strict=True) if not found)
        self._nowhere[name] = tuple(record for record in gone if record is not None)
        return Due(tuple(compress(calls, there)), tuple(hidden))

    def nowhere(self, operation: str, region: str | None = None) -> tuple[Record, ...]:
        """Return the unanswered calls of an operation where its service does not exist, of one Region or all."""
        self.listed(operation)
        return tuple(record for record in self._nowhere.get(operation, ()) if region in (None, record.call.region))

    def _endpoint_of(self, call: Call) -> bool:
        """Say whether a service exists where it was asked.

        Where it answered anything, it does; where all others are silent as well, the network is to blame.
        """
        record = self._stored(call)
        if record is None or record.error is None:
            return True
        service, error = self._operations[call.operation].service, record.error
        if not has_no_endpoint(service, call.region, error.code, error.message):
            return True
        answered = {True: False, False: False}
        asked_others = False
        for other in self._found.values():
            if other.call.region == call.region:
                same = other.call.operation.partition(":")[0] == service
                asked_others = asked_others or not same
                answered[same] = answered[same] or other.complete
        return answered[True] or (asked_others and not answered[False])

    def _unanswered(self, operation: str) -> Iterator[tuple[str, Missing]]:
        """Yield where answers of an operation are missing, with what is missing."""
        due = self.listed(operation)
        yield from due.missing
        for call in due.calls:
            try:
                self.record(call)
            except EvidenceMissing as signal:
                yield call.region, signal.missing

    def _ref_of(self, operation: str, region: str) -> str:
        found = self._evidence.of(self.account.id, operation)
        return next((record.ref for record in found if record.call.region == region), "")

    def _complete_answers(self, operation: str) -> Pages:
        found = []
        for call in self.listed(operation).calls:
            with suppress(EvidenceMissing):
                found.append((call.region, self.pages(self.record(call))))
        return found

    def _listed(
        self,
        operation: Operation,
        answers: Callable[[str], Pages],
        *,
        optional: bool,
        broken: Callable[[ForEach, str, Exception], None],
    ) -> tuple[Call, ...]:
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
            broken=broken,
        )

    def _asked(self, operation: str) -> tuple[Call, ...]:
        """Return the due calls and those about optional things, as far as both are known."""
        about_optional = self._listed(
            self._operations[operation], self._known_answers, optional=True, broken=lambda *_: None
        )
        return (*self.listed(operation).calls, *about_optional)

    def _known_answers(self, operation: str) -> Pages:
        return self._complete_answers(operation) if self.knows(operation) else []

    def record(self, call: Call, *, absent_ok: bool = False) -> Record:
        """Return the stored, complete record of a call.

        Raises:
            EvidenceMissing: it is not there, ended in an error, or lacks a key that every page must have.
        """
        operation = self._operations[call.operation]
        record = self._stored(call)
        if record is None:
            raise EvidenceMissing(self._missing(call, NOT_COLLECTED, "no answer was stored"))
        if record.absent and absent_ok:
            return record
        if record.error is not None or not record.complete:
            error = record.error
            code, message = (error.code, error.message) if error else ("Incomplete", "the answer is not complete")
            raise EvidenceMissing(self._missing(call, code, message, record.ref))
        self._check_shape(record, operation)
        return record

    def _stored(self, call: Call) -> Record | None:
        """Return what was stored of a call, or of the call that was made where the service is older."""
        found = self._found.get(call.identity)
        if found is None and (before := self._operations[call.operation].as_before(call)) is not call:
            return self._found.get(before.identity)
        return found

    def _missing(self, call: Call, code: str, message: str, ref: str = "") -> Missing:
        action = self._operations[call.operation].action if mendable(code, message) else ""
        return Missing(call.operation, call.region, code, message, action, ref, self.asks_about(call))

    def asks_about(self, call: Call) -> str:
        """Return what a call asks about, as the parameters that came from another answer name it."""
        chosen = {name for source in self._operations[call.operation].for_each for name in source.parameters}
        return " ".join(value for name, value in call.parameters if name in chosen and isinstance(value, str))

    def fragments(self, call: Call) -> tuple[Record, tuple[Any, ...]] | None:
        """Return what was stored of an answer that broke off: it shows what it holds, and nothing of the rest."""
        record = self._stored(call)
        if record is None or record.absent or record.error is None or not record.pages:
            return None
        return record, self.pages(record)

    def _check_shape(self, record: Record, operation: Operation) -> None:
        pages = self.pages(record)
        lacking = next(
            (key for page in pages for key in operation.required if not isinstance(page, dict) or key not in page), None
        )
        if lacking is not None or not pages:
            message = f"the answer has no {lacking}" if pages else "the answer has no page"
            raise EvidenceMissing(self._missing(record.call, "Malformed", message, record.ref))

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

    def holds(self, record: Record, value: Any) -> bool:
        """Say whether a structure stands in a record's pages, by identity."""
        if record.absent or not isinstance(value, dict | list):
            return False
        return bool(self.pointer(record, value))

    def refused_with(self, code: str, parameters: Mapping[str, Any]) -> Record | None:
        """Return a record that ended in an error of a code, of a call with some parameters."""
        if code not in self._refused:
            found = self._found.values()
            self._refused[code] = tuple(one for one in found if one.error is not None and one.error.code == code)
        fitting = (one for one in self._refused[code] if parameters.items() <= dict(one.call.parameters).items())
        return next(fitting, None)

    def answers_of(self, account: str, operation: str, region: str = "") -> tuple[Record, ...]:
        """Return the stored answers of another account, of one Region or all, the incomplete ones too."""
        found = self._evidence.of(account, operation)
        return tuple(record for record in found if region in ("", record.call.region))

    def referred(self, ref: str) -> Record | None:
        """Return the record of this account with a reference, if there is one."""
        return self._by_ref.get(ref)

    def malformed(self, record: Record, message: str) -> EvidenceMissing:
        """Build the signal for an answer that is there but cannot be understood."""
        return EvidenceMissing(self._missing(record.call, "Malformed", message, record.ref))


def libraries(evidence: Evidence, operations: Mapping[str, Operation]) -> tuple[Library, ...]:
    """Return a library for each account of a run; each knows the others."""
    found = {account.id: Library(evidence, account, operations) for account in evidence.run.accounts}
    held = {
        holder.scope.id: Library(evidence, holder.scope, operations)
        for holder in evidence.run.holders
        if not holder.error and holder.scope.regions
    }
    for name, library in found.items():
        library.beside = {other: known for other, known in {**held, **found}.items() if other != name}
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


def _reach(operation: Operation, source: ForEach, region: str) -> str:
    """Return where calls can be that an answer of a Region hides: there, or anywhere where items name their Region."""
    return GLOBAL if operation.where is Where.GLOBAL or source.region else region


def _told(name: str, value: Any) -> tuple[str, str | bytes]:
    """Return a parameter in a form in which equal ones are equal."""
    found = plain(value)
    return name, found if isinstance(found, str) else canonical_json(found)

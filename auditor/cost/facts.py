"""What an account's stored evidence says of things that cost money.

A missing or odd answer is a gap, never an empty list.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from auditor.cost.estimate import NotKnown
from auditor.evidence.answer import Record
from auditor.evidence.operations import GLOBAL, Operation, settled
from auditor.evidence.store import Evidence
from auditor.model import AccountScope

_Fact = TypeVar("_Fact")
UNREADABLE: Final = (KeyError, TypeError, ValueError, AttributeError, IndexError)
"""What reading an answer raises that does not have the form AWS documents."""
MOST: Final = 1 << 60
"""No count and no size that AWS states comes near; larger ones are no numbers to add up."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The items of an operation's answers, each with Region and reference, and why some may be missing."""

    items: tuple[tuple[str, str, Mapping[str, Any]], ...]
    gaps: tuple[str, ...]


class Facts:
    """One account's evidence, asked operation by operation.

    Args:
        evidence: a closed evidence folder.
        account: whose.
        operations: what is asked, by name; an answer of one may make it needless to ask another.
    """

    def __init__(self, evidence: Evidence, account: AccountScope, operations: Mapping[str, Operation]) -> None:
        self._evidence, self._operations = evidence, operations
        self.account = account
        self.run = evidence.run

    def pages(self, operation: str, **parameters: Any) -> Answered:
        """Return the pages of an operation's answers about one thing; an absent thing has no page."""
        records = [
            record
            for record in self._evidence.of(self.account.id, operation)
            if parameters.items() <= dict(record.call.parameters).items()
        ]
        return self._read(operation, records, "" if records else self._never_asked(operation))

    def everywhere(self, operation: str, key: str) -> Answered:
        """Return the items under a key of an operation's answers, with a gap for each Region without an answer.

        Where another answer made it needless to ask, there is nothing.
        """
        records = self._evidence.of(self.account.id, operation)
        places = {record.call.region for record in records}
        if (known := self._operations.get(operation)) is not None:
            places |= set(settled(known, self._complete))
        lacking = [] if GLOBAL in places else [region for region in self.account.regions if region not in places]
        gap = f"{operation} has no answer in {', '.join(lacking)}" if places else self._never_asked(operation)
        found = self._read(operation, records, gap if lacking else "")
        items, gaps = [], list(found.gaps)
        for region, ref, page in found.items:
            listed = page.get(key)
            if not isinstance(listed, list) or not all(isinstance(item, Mapping) for item in listed):
                gaps.append(f"{operation} in {region} has an answer without a list {key}")
                continue
            items += [(region, ref, item) for item in listed]
        return Answered(tuple(items), tuple(gaps))

    def records(self, operation: str) -> tuple[Record, ...]:
        """Return the records of an operation."""
        return self._evidence.of(self.account.id, operation)

    def _complete(self, operation: str) -> Iterator[tuple[str, Sequence[Any]]]:
        """Yield Region and pages of the complete answers to an operation."""
        for record in self._evidence.of(self.account.id, operation):
            if record.complete:
                yield record.call.region, self._evidence.pages(record)

    def _never_asked(self, operation: str) -> str:
        return f"the evidence holds no answer to {operation}"

    def _read(self, operation: str, records: "tuple[Record, ...] | list[Record]", gap: str) -> Answered:
        items: list[tuple[str, str, Mapping[str, Any]]] = []
        gaps = [gap] if gap else []
        for record in records:
            if record.absent:
                continue
            if not record.complete:
                code = record.error.code if record.error else "an incomplete answer"
                gaps.append(f"{operation} in {record.call.region}: {code}")
                continue
            pages = self._evidence.pages(record)
            odd = [page for page in pages if not isinstance(page, Mapping)]
            if odd or not pages:
                gaps.append(f"{operation} in {record.call.region}: the answer is malformed")
            items += [(record.call.region, record.ref, page) for page in pages if isinstance(page, Mapping)]
        return Answered(tuple(items), tuple(dict.fromkeys(gaps)))

    def not_known(self, answered: Answered, area: str, what: str) -> Iterator[NotKnown]:
        """Yield what the gaps of an answer hide."""
        for gap in answered.gaps:
            yield NotKnown(area, what, gap, self.account.id, gap=True)

    def each(
        self, answered: Answered, read: Callable[[str, Mapping[str, Any]], _Fact], area: str, what: str
    ) -> tuple[list[tuple[str, str, _Fact]], list[NotKnown]]:
        """Read every item; what cannot be read is not known."""
        found: list[tuple[str, str, _Fact]] = []
        lost = list(self.not_known(answered, area, what))
        for region, ref, item in answered.items:
            try:
                found.append((region, ref, read(region, item)))
            except UNREADABLE as error:
                why = f"an item of {ref} does not have the documented form ({type(error).__name__})"
                lost.append(NotKnown(area, what, why, self.account.id, region, gap=True))
        return found, lost


def text(item: Mapping[str, Any], key: str) -> str:
    """Return a text that has to be there.

    Raises:
        KeyError, TypeError: it is not.
    """
    value = item[key]
    if not isinstance(value, str):
        raise TypeError(key)
    return value


def optional_text(item: Mapping[str, Any], key: str) -> str:
    """Return a text, empty when it is not there.

    Raises:
        TypeError: it is something else.
    """
    return "" if item.get(key) is None else text(item, key)


def listed(item: Mapping[str, Any], key: str) -> list[Any]:
    """Return a list that has to be there.

    Raises:
        KeyError, TypeError: it is not.
    """
    value = item[key]
    if not isinstance(value, list):
        raise TypeError(key)
    return value


def count(item: Mapping[str, Any], key: str) -> int:
    """Return a whole number, not negative.

    Raises:
        KeyError, TypeError, ValueError: there is none.
    """
    value = item[key]
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(key)
    if not 0 <= value <= MOST:
        raise ValueError(key)
    return value

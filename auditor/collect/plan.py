"""Which calls are to be made, and when: each operation once per place and parameters, parents before their children.

An operation is due as soon as every operation it is asked for has answered; nothing waits for anything else. Sends
nothing and keeps no clock, so that the same answers always lead to the same calls.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from auditor.base.errors import UsageError
from auditor.base.period import Period
from auditor.evidence.operations import GLOBAL, SHAPELESS, Call, Operation, Pages, expand, needed

_BUCKETS: Final = "s3:ListBuckets"

_Key = tuple[str, str, bytes]
"""A call's own key: Region, operation, parameters."""


class Plan:
    """The calls of one account.

    Args:
        operations: the catalogue's operations by name.
        wanted: names of the operations that evidence is needed of; what they depend on is added.
        account: twelve digits.
        regions: the Regions that are part of the run.
        period: the audited period; operations that are asked about one are left out without it.

    Raises:
        UsageError: a wanted operation is not in the catalogue.
    """

    def __init__(
        self,
        operations: Mapping[str, Operation],
        wanted: Iterable[str],
        *,
        account: str,
        regions: Sequence[str],
        period: Period | None = None,
    ) -> None:
        names = tuple(wanted)
        if unknown := sorted(set(names) - set(operations)):
            raise UsageError(f"the catalogue has no operation {unknown[0]!r}")
        self.operations = {item.name: item for item in needed(operations, names) if item.planned}
        self._account = account
        self._regions = tuple(regions)
        self._period = period
        self._parents = {name for item in self.operations.values() for name in item.leads}
        self._answers: dict[str, dict[_Key, Sequence[Any]]] = {name: {} for name in self._parents}
        self._open: dict[str, set[_Key]] = {}
        self._planned = 0

    @property
    def planned(self) -> int:
        """How many calls are known so far."""
        return self._planned

    def is_parent(self, operation: str) -> bool:
        """Say whether other operations are asked for each item of this one's answers."""
        return operation in self._parents

    def start(self) -> tuple[Call, ...]:
        """Return the calls that need no other's answer."""
        return self._release()

    def done(self, call: Call, pages: Sequence[Any] | None) -> tuple[Call, ...]:
        """Take note of an answer and return the calls that are due now.

        Args:
            call: what was asked.
            pages: its complete pages, exactly as they were stored; None when there is no complete answer. What an
                incomplete answer leads to is not asked: evaluation will not look at it either.
        """
        waiting = self._open[call.operation]
        waiting.remove(call.key)
        if pages is not None and self.is_parent(call.operation):
            self._answers[call.operation][call.key] = pages
        return () if waiting else self._release()

    def _release(self) -> tuple[Call, ...]:
        """Plan every operation whose parents have all answered; one without calls may release others in turn."""
        released: list[Call] = []
        while ready := [item for item in self.operations.values() if item.name not in self._open and self._due(item)]:
            for operation in ready:
                calls = self._expand(operation)
                self._open[operation.name] = {call.key for call in calls}
                released.extend(calls)
        self._planned += len(released)
        return tuple(sorted(released, key=_order))

    def _due(self, operation: Operation) -> bool:
        if (
            operation.name != _BUCKETS
            and operation.service == "s3"
            and self._open.get(_BUCKETS, _BUCKETS in self.operations)
        ):
            return False  # where a bucket is decides where it is asked about, whoever named it
        return all(name in self._open and not self._open[name] for name in operation.leads if name in self.operations)

    def _expand(self, operation: Operation) -> tuple[Call, ...]:
        try:
            return expand(
                operation,
                account=self._account,
                regions=self._regions,
                answers=self._pages_of,
                period=self._period,
                # A parent's answer has a shape that no list of calls can be read from. Evaluation meets the same
                # obstacle and says so; there is nothing to ask for it.
                broken=lambda *_: None,
            )
        except SHAPELESS:
            return ()  # there is no period, and the operation is asked about one

    def _pages_of(self, operation: str) -> Pages:
        answers = self._answers.get(operation, {})
        return [(key[0], answers[key]) for key in sorted(answers)]


class Listed:
    """Calls that somebody else has worked out; nothing hangs on their answers.

    Args:
        operations: the catalogue's operations by name.
        calls: what to ask, each call once.

    Raises:
        UsageError: a call's operation is not in the catalogue.
    """

    def __init__(self, operations: Mapping[str, Operation], calls: Iterable[Call]) -> None:
        self._calls = tuple(calls)
        names = sorted({call.operation for call in self._calls})
        if unknown := [name for name in names if name not in operations]:
            raise UsageError(f"the catalogue has no operation {unknown[0]!r}")
        self.operations = {name: operations[name] for name in names}

    @property
    def planned(self) -> int:
        """How many calls there are."""
        return len(self._calls)

    def is_parent(self, _operation: str) -> bool:
        """Say that no operation is asked for each item of another one's answers."""
        return False

    def start(self) -> tuple[Call, ...]:
        """Return all calls."""
        return self._calls

    def done(self, _call: Call, _pages: Sequence[Any] | None) -> tuple[Call, ...]:
        """Take note of an answer: it leads to no further call."""
        return ()


def _order(call: Call) -> tuple[bool, _Key]:
    """Account-wide calls go first: few, but the slowest (the credential report) and the parents of many."""
    return (call.region != GLOBAL, call.key)

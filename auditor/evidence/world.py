"""A fitting room for controls: what AWS would say in one account, as plain values, stored like the real thing.

Cases beside controls and the product's own tests begin here. Answers take the form that storing gives them: who
judges them cannot tell them from collected ones. Asks nobody, judges nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from auditor.base.canonical import canonical_json, plain
from auditor.base.period import Period
from auditor.evidence.answer import Answer, CallError
from auditor.evidence.operations import GLOBAL, Call, Operation, Where, expand, needed
from auditor.evidence.store import Evidence, EvidenceWriter, HeldEvidence
from auditor.model import AccountScope, RunInfo

ACCOUNT = "111122223333"
AS_OF = datetime(2026, 11, 21, 12, tzinfo=UTC)
"""When the answers of a world were collected, where nothing else is said."""

PERIOD = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), "2026-10")
REGIONS_OPERATION = "ec2:DescribeRegions"
"""What every run begins with; answered by the Regions of the world where nothing else is told."""


@dataclass(frozen=True, slots=True)
class Said:
    """What came of one call.

    Args:
        pages: what AWS answered, keys as AWS spells them.
        error: an error code in place of an answer.
        message: what AWS said beside the code.
        absent: the code says that there is no such thing, which is an answer.
    """

    pages: tuple[Any, ...]
    error: str = ""
    message: str = ""
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Snippet:
    """What is told about some calls of an operation.

    Args:
        said: the answer; None stores none at all.
        region: the Region that it is told of; empty means wherever the operation is asked.
        parameters: which calls it is told of: those that carry at least these.
    """

    said: Said | None
    region: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def fits(self, call: Call) -> bool:
        """Say whether a call is one of those that this tells about."""
        asked = dict(call.parameters)
        return self.region in {"", call.region} and all(
            name in asked and canonical_json(plain(asked[name])) == canonical_json(plain(value))
            for name, value in self.parameters.items()
        )


def refusal(operation: Operation, text: str) -> Said:
    """Return the error that a text such as ``AccessDenied`` or ``AccessDeniedException: not enabled`` stands for."""
    code, _, message = text.partition(": ")
    absent = operation.says_absent(code, message)
    return Said((), code, message or ("no such thing" if absent else "not authorized"), absent=absent)


_Key = tuple[str, str, bytes]


@dataclass(frozen=True)
class World:
    """What AWS would answer in one account. Every method returns a changed copy.

    Args:
        answers: what came of each call, by the call's key.
        regions: the Regions of the audit.
        partition: such as ``aws``.
        operations: the catalogue's operations by name.
        account: twelve digits.
    """

    answers: Mapping[_Key, tuple[Call, Said]] = field(default_factory=dict)
    regions: tuple[str, ...] = ("eu-west-1", "us-east-1")
    partition: str = "aws"
    operations: Mapping[str, Operation] = field(default_factory=dict)
    account: str = ACCOUNT

    def says(self, operation: str, *pages: Any, region: str | None = None, **parameters: Any) -> Self:
        """Answer a call; without a Region, in all Regions of the world, or globally for a global operation."""
        return self._with(operation, region, parameters, Said(pages))

    def refuses(
        self,
        operation: str,
        code: str = "AccessDenied",
        message: str = "not authorized",
        *,
        region: str | None = None,
        **parameters: Any,
    ) -> Self:
        """Answer a call with an error."""
        return self._with(operation, region, parameters, Said((), code, message))

    def lacks(self, operation: str, *, region: str | None = None, **parameters: Any) -> Self:
        """Answer that there is no such thing, with the operation's own code for that."""
        said = refusal(self.operations[operation], self.operations[operation].absent[0])
        return self._with(operation, region, parameters, said)

    def refuses_all(self, operation: str, code: str = "AccessDenied") -> Self:
        """Answer every call of one operation with an error; one that was never asked is refused as well."""
        kept = {
            key: (call, Said((), code, "not authorized") if call.operation == operation else said)
            for key, (call, said) in self.answers.items()
        }
        changed = replace(self, answers=kept)
        if any(call.operation == operation for call, _ in self.answers.values()):
            return changed
        return changed.refuses(operation, code)

    def changed(self, operation: str, *pages: Any) -> Self:
        """Replace every answer of one operation by these pages."""
        kept = {
            key: (call, Said(pages) if call.operation == operation else said)
            for key, (call, said) in self.answers.items()
        }
        return replace(self, answers=kept)

    def without(self, operation: str) -> Self:
        """Forget every answer of one operation, as if it had not been stored."""
        kept = {key: value for key, value in self.answers.items() if value[0].operation != operation}
        return replace(self, answers=kept)

    def asks(self, operation: str) -> bool:
        """Say whether any call of an operation has an answer here."""
        return any(call.operation == operation for call, _ in self.answers.values())

    def _with(self, name: str, region: str | None, parameters: Mapping[str, Any], said: Said) -> Self:
        operation = self.operations[name]
        fixed = {
            key: value.replace("{account}", self.account) if isinstance(value, str) else value
            for key, value in operation.parameters.items()
        }
        everywhere = (GLOBAL,) if operation.where is Where.GLOBAL else self.regions
        answers = dict(self.answers)
        for place in (region,) if region else everywhere:
            call = Call(name, place, tuple(sorted({**fixed, **parameters}.items())))
            answers[call.key] = (call, said)
        return replace(self, answers=answers)


def tell(snippets: Mapping[str, Sequence[Snippet]], world: World, wanted: Iterable[str], period: Period) -> World:
    """Let AWS answer what a collection would ask: calls follow from earlier answers, as they do in a run.

    Args:
        snippets: by operation; where several fit a call, the last one answers it.
        world: where the calls are asked; what it already answers stays.
        wanted: the operations that are to be read; those that they depend on are asked before.
        period: the audited period.

    Returns:
        The world with an answer for each call that something was told about.
    """
    told = {name: tuple(items) for name, items in snippets.items()}
    confirming = [name for name in told if world.operations[name].confirms]
    for operation in needed(world.operations, (*wanted, *confirming)):
        items = told.get(operation.name, ())
        asked = _asked(operation, items, world, period)
        answers = dict(world.answers)
        for call in asked:
            fitting = [item.said for item in items if item.fits(call)]
            if fitting and (said := fitting[-1]) is not None:
                answers[call.key] = (call, said)
        world = replace(world, answers=answers)
    return world


def _asked(operation: Operation, items: Sequence[Snippet], world: World, period: Period) -> Sequence[Call]:
    if operation.planned:
        return expand(
            operation,
            account=world.account,
            regions=world.regions,
            answers=lambda name: _complete(world, name),
            period=period,
        )
    return tuple(
        Call(operation.name, place, tuple(sorted(item.parameters.items())))
        for item in items
        for place in ((item.region,) if item.region else world.regions)
    )


def _complete(world: World, operation: str) -> list[tuple[str, Sequence[Any]]]:
    return [
        (call.region, said.pages)
        for call, said in world.answers.values()
        if call.operation == operation and not said.error
    ]


def stored(
    folder: Path,
    worlds: Mapping[str, World],
    wanted: Iterable[str],
    operations: Mapping[str, Operation],
    *,
    as_of: datetime = AS_OF,
    period: Period = PERIOD,
) -> Evidence:
    """Write what AWS would answer in each account to a new evidence folder, through the real writer; see ``held``."""
    writer = EvidenceWriter(folder)
    for answer in _answers(worlds, as_of):
        writer.add(answer)
    writer.close(_run(worlds, wanted, operations, as_of, period))
    return Evidence(folder)


def held(
    worlds: Mapping[str, World],
    wanted: Iterable[str],
    operations: Mapping[str, Operation],
    *,
    as_of: datetime = AS_OF,
    period: Period = PERIOD,
) -> Evidence:
    """Return the same evidence without writing it.

    Args:
        worlds: by account id.
        wanted: the operations that the run was to read.
        operations: the catalogue's operations by name.
        as_of: when everything was answered, and what ages are measured against.
        period: the audited period.
    """
    return HeldEvidence(_answers(worlds, as_of), _run(worlds, wanted, operations, as_of, period))


def _run(
    worlds: Mapping[str, World],
    wanted: Iterable[str],
    operations: Mapping[str, Operation],
    as_of: datetime,
    period: Period,
) -> RunInfo:
    first = next(iter(worlds))
    asked = {call.operation for world in worlds.values() for call, _ in world.answers.values()}
    names = (*wanted, *(name for name in asked if operations[name].confirms))
    return RunInfo(
        entity=first,
        title="test",
        accounts=tuple(AccountScope(name, world.partition, world.regions) for name, world in worlds.items()),
        period=period,
        as_of=as_of,
        started=as_of,
        ended=as_of,
        frameworks=("test",),
        principal=_principal(first),
        tool="test",
        operations=tuple(item.name for item in needed(operations, names)),
    )


def _answers(worlds: Mapping[str, World], as_of: datetime) -> Iterator[Answer]:
    for account, world in worlds.items():
        for call, said in world.answers.values():
            yield Answer(
                account=account,
                call=call,
                pages=said.pages,
                principal=_principal(account),
                request_ids=("r-1",),
                http_status=403 if said.error else 200,
                collected_at=as_of,
                error=CallError(said.error, said.message, "") if said.error else None,
                absent=said.absent,
            )


def _principal(account: str) -> str:
    return f"arn:aws:iam::{account}:role/auditor"

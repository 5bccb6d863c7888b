"""Small worlds of evidence for tests: plain answers in, stored through the real writer, judged by the real engine."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from auditor.base.locate import controls_folder
from auditor.base.period import Period, rfc3339
from auditor.catalog.load import Catalog, load_catalog
from auditor.evaluate.checks import find_check
from auditor.evaluate.engine import evaluate
from auditor.evidence.operations import GLOBAL, Call, Where, needed
from auditor.evidence.store import Answer, CallError, Evidence, EvidenceWriter
from auditor.model import AccountScope, Control, ControlResult, Framework, Requirement, RunInfo, State

ACCOUNT = "111122223333"
HOME = "eu-west-1"
FAR = "us-east-1"
AS_OF = datetime(2026, 11, 21, 12, tzinfo=UTC)
PERIOD = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), "2026-10")


def ago(**span: float) -> str:
    """Write the time that lies so far before the worlds' as-of date."""
    return rfc3339(AS_OF - timedelta(**span))


@cache
def catalog() -> Catalog:
    """Load the product's catalogue once."""
    return load_catalog(controls_folder(), has_check=lambda name: find_check(name) is not None)


@dataclass(frozen=True)
class _Said:
    pages: tuple[Any, ...]
    error: str = ""
    message: str = ""
    absent: bool = False


_Key = tuple[str, str, bytes]


@dataclass(frozen=True)
class World:
    """What AWS would answer in one account. Every method returns a changed copy."""

    answers: Mapping[_Key, tuple[Call, _Said]] = field(default_factory=dict)
    regions: tuple[str, ...] = (HOME, FAR)
    partition: str = "aws"

    def says(self, operation: str, *pages: Any, region: str | None = None, **parameters: Any) -> "World":
        """Answer a call; without a Region, in all Regions of the world, or globally for a global operation."""
        return self._with(operation, region, parameters, _Said(pages))

    def refuses(
        self,
        operation: str,
        code: str = "AccessDenied",
        message: str = "not authorized",
        *,
        region: str | None = None,
        **parameters: Any,
    ) -> "World":
        """Answer a call with an error."""
        return self._with(operation, region, parameters, _Said((), code, message))

    def lacks(self, operation: str, *, region: str | None = None, **parameters: Any) -> "World":
        """Answer that there is no such thing, with the operation's own code for that."""
        code = catalog().operations[operation].absent[0]
        return self._with(operation, region, parameters, _Said((), code, "no such thing", absent=True))

    def refuses_all(self, operation: str, code: str = "AccessDenied") -> "World":
        """Answer every call of one operation with an error; one that was never asked is refused as well."""
        kept = {
            key: (call, _Said((), code, "not authorized") if call.operation == operation else said)
            for key, (call, said) in self.answers.items()
        }
        changed = replace(self, answers=kept)
        if any(call.operation == operation for call, _ in self.answers.values()):
            return changed
        return changed.refuses(operation, code)

    def changed(self, operation: str, *pages: Any) -> "World":
        """Replace every answer of one operation by these pages."""
        kept = {
            key: (call, _Said(pages) if call.operation == operation else said)
            for key, (call, said) in self.answers.items()
        }
        return replace(self, answers=kept)

    def without(self, operation: str) -> "World":
        """Forget every answer of one operation, as if it had not been stored."""
        kept = {key: value for key, value in self.answers.items() if value[0].operation != operation}
        return replace(self, answers=kept)

    def _with(self, name: str, region: str | None, parameters: Mapping[str, Any], said: _Said) -> "World":
        operation = catalog().operations[name]
        fixed = {
            key: value.replace("{account}", ACCOUNT) if isinstance(value, str) else value
            for key, value in operation.parameters.items()
        }
        everywhere = (GLOBAL,) if operation.where is Where.GLOBAL else self.regions
        answers = dict(self.answers)
        for place in (region,) if region else everywhere:
            call = Call(name, place, tuple(sorted({**fixed, **parameters}.items())))
            answers[call.key] = (call, said)
        return replace(self, answers=answers)

    def judge(self, control_id: str, **parameters: Any) -> ControlResult:
        """Store the world and judge one control, with an edition's parameters if given."""
        return self.judge_control(catalog().controls[control_id], **parameters)

    def judge_control(self, control: Control, **parameters: Any) -> ControlResult:
        """Store the world and judge a control that need not be part of the catalogue."""
        requirement = Requirement("1", "", (control.id,), (), None, "", parameters)
        framework = Framework("test", "", "", "", "", (requirement,), "")
        known = replace(catalog(), controls={control.id: control}, frameworks={"test": framework})
        with tempfile.TemporaryDirectory() as folder:
            return evaluate(stored(Path(folder) / "evidence", control, {ACCOUNT: self}), known, ["test"]).controls[0]


def judge_together(control_id: str, worlds: Mapping[str, World]) -> ControlResult:
    """Store the worlds of several accounts as the evidence of one run and judge one control in all of them."""
    control = catalog().controls[control_id]
    framework = Framework("test", "", "", "", "", (Requirement("1", "", (control.id,), (), None, "", {}),), "")
    known = replace(catalog(), controls={control.id: control}, frameworks={"test": framework})
    with tempfile.TemporaryDirectory() as folder:
        return evaluate(stored(Path(folder) / "evidence", control, worlds), known, ["test"]).controls[0]


def stored(folder: Path, control: Control, worlds: Mapping[str, World]) -> Evidence:
    """Write what AWS would answer in each account, through the real writer."""
    writer = EvidenceWriter(folder)
    for account, world in worlds.items():
        for call, said in world.answers.values():
            writer.add(
                Answer(
                    account=account,
                    call=call,
                    pages=said.pages,
                    principal=f"arn:aws:iam::{account}:role/auditor",
                    request_ids=("r-1",),
                    http_status=403 if said.error else 200,
                    collected_at=AS_OF,
                    error=CallError(said.error, said.message, "") if said.error else None,
                    absent=said.absent,
                )
            )
    asked = {call.operation for world in worlds.values() for call, _ in world.answers.values()}
    names = (*control.evidence, *control.consults, *(name for name in asked if catalog().operations[name].confirms))
    writer.close(
        RunInfo(
            entity=ACCOUNT,
            title="test",
            accounts=tuple(AccountScope(name, world.partition, world.regions) for name, world in worlds.items()),
            period=PERIOD,
            as_of=AS_OF,
            started=AS_OF,
            ended=AS_OF,
            frameworks=("test",),
            principal=f"arn:aws:iam::{ACCOUNT}:role/auditor",
            tool="test",
            operations=tuple(item.name for item in needed(catalog().operations, names)),
        )
    )
    return Evidence(folder)


def states(result: ControlResult) -> dict[str, State]:
    """Return the state of each resource of a result."""
    return {item.resource: item.state for item in result.results}


def reasons(result: ControlResult) -> str:
    """Return all sentences of a result."""
    return " ".join(item.reason for item in result.results)

"""Every operation of the catalogue meets every fault: the run ends, what is missing is said, nothing turns to PASS.

Operations are struck in groups in which none hangs on another's answer (those nothing hangs on; parents; parents that
have parents), so that each combination is tried while the number of runs stays small: one per fault and group.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest

from auditor.base.period import Period
from auditor.catalog.load import Catalog
from auditor.collect import accounts
from auditor.collect.accounts import Caller, identify, open_session
from auditor.collect.clients import Limits
from auditor.collect.collection import REGIONS, collect_account
from auditor.collect.guard import CallLog
from auditor.collect.pacing import Pacer
from auditor.collect.redact import Redactor
from auditor.evaluate.engine import evaluate
from auditor.evidence.operations import Operation, needed
from auditor.evidence.store import Evidence, EvidenceWriter
from auditor.model import Results, RunInfo, State
from auditor.run import open_catalog
from auditor.simulator import Simulator
from auditor.simulator.faults import KINDS, paging

FAULTS = tuple(kind for kind in KINDS if kind not in ("slow", "rate-limited"))
"""The others, of which some calls are answered in full, are tried in tests/collect/test_pacing.py."""
HARMLESS = ("unknown-fields",)
"""Kinds that change nothing: new fields come every week."""

PAGED_ONLY = ("lost-page", "lost-items")
NOW = datetime(2026, 11, 2, 6, tzinfo=UTC)
LIMITS = Limits(workers=8, attempts=1, mode="standard", report_seconds=0)
IMPATIENT = replace(LIMITS, workers=40, read_seconds=4)
HASTE = 50
"""So many times as fast as time runs the clock by which refused services are paced: half a minute would be waiting."""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return open_catalog()


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator("demo") as aws:
        yield aws


@pytest.fixture
def caller(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Caller:
    simulator.clear()
    for name, value in simulator.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(accounts, "Pacer", hasty)
    return identify(open_session(log=CallLog()))


def hasty(pause: Callable[[float], None]) -> Pacer:
    return Pacer(lambda seconds: pause(seconds / HASTE), clock=lambda: HASTE * monotonic())


def groups(operations: Mapping[str, Operation]) -> dict[str, set[str]]:
    """Return the operations that are called, except the list of Regions, which every run begins with."""
    parents = {name for item in operations.values() for name in item.leads}
    called = {name for name, item in operations.items() if item.planned and name != REGIONS}
    children = {name for name in called if operations[name].for_each}
    return {
        "leaves": called - parents,
        "parents": (called & parents) - children,
        "parents-with-parents": called & parents & children,
    }


def run(caller: Caller, catalog: Catalog, folder: Path, limits: Limits = LIMITS) -> tuple[Evidence, Results]:
    redactor, frameworks = Redactor(b"a salt for tests"), tuple(catalog.frameworks)
    wanted = catalog.operations_of(catalog.controls_of(catalog.select(frameworks)))
    writer = EvidenceWriter(folder, redact=redactor)
    collected = collect_account(
        caller,
        operations=catalog.operations,
        wanted=wanted,
        regions=("eu-central-1",),
        period=Period(NOW - timedelta(days=31), NOW, "2026-10"),
        writer=writer,
        redactor=redactor,
        log=CallLog(),
        now=lambda: NOW,
        limits=limits,
    )
    info = RunInfo(
        entity="Example",
        title="Test",
        accounts=(collected.scope,),
        period=Period(NOW - timedelta(days=31), NOW, "2026-10"),
        as_of=NOW,
        started=NOW,
        ended=NOW,
        frameworks=frameworks,
        principal=caller.principal,
        tool="auditor",
        operations=collected.operations,
    )
    writer.close(info)
    evidence = Evidence(folder)
    return evidence, evaluate(evidence, catalog, frameworks)


@pytest.fixture(scope="module")
def undisturbed(
    simulator: Simulator, catalog: Catalog, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Evidence, Results]:
    simulator.clear()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in simulator.environment().items():
            patch.setenv(name, value)
        return run(identify(open_session(log=CallLog())), catalog, tmp_path_factory.mktemp("undisturbed") / "evidence")


def states(results: Results) -> dict[str, State]:
    return {item.control.id: item.state for item in results.controls}


@pytest.mark.simulator
@pytest.mark.parametrize("group", ["leaves", "parents", "parents-with-parents"])
@pytest.mark.parametrize("kind", FAULTS)
def test_no_fault_of_any_operation_ever_leads_to_a_pass(
    kind: str,
    group: str,
    simulator: Simulator,
    caller: Caller,
    catalog: Catalog,
    undisturbed: tuple[Evidence, Results],
    tmp_path: Path,
) -> None:
    before, judged_before = undisturbed
    struck = {name for name in groups(catalog.operations)[group] if kind not in PAGED_ONLY or paging(name)}
    for name in sorted(struck):
        simulator.fault(name, kind, seconds=9 if kind == "time-out" else 0.01)
    limits = IMPATIENT if kind == "time-out" else LIMITS
    evidence, judged = run(caller, catalog, tmp_path / "evidence", limits)
    simulator.clear()

    hurt = {
        record.call.operation
        for record in evidence.records
        if record.error is not None and not record.absent and not errs(before, record.call.operation)
    }
    assert hurt <= struck
    if kind in HARMLESS:
        assert hurt == set()
        assert states(judged) == states(judged_before)
        return
    for item in judged.controls:
        name, needs = item.control.id, {one.name for one in needed(catalog.operations, item.control.evidence)}
        reads = {one.name for one in needed(catalog.operations, (*item.control.evidence, *item.control.consults))}
        was = states(judged_before)[name]
        assert reads & struck or item.state is was, f"{name} changed, though nothing it reads met {kind}"
        assert not (needs & hurt and item.state is State.PASS), f"{name} passes without {sorted(needs & hurt)}"
        assert item.state is not State.PASS or was is State.PASS, f"{name} passes since {kind}"


def errs(evidence: Evidence, operation: str) -> bool:
    return any(record.error is not None and not record.absent for record in evidence.of("111122223333", operation))


def test_every_operation_meets_every_fault(catalog: Catalog, capsys: pytest.CaptureFixture[str]) -> None:
    grouped = [name for group in groups(catalog.operations).values() for name in group]
    called = {name for name, item in catalog.operations.items() if item.planned}
    assert sorted([*grouped, REGIONS]) == sorted(called)
    with capsys.disabled():
        sys.stdout.write(f" {len(grouped) * len(FAULTS)} combinations of operation and fault ")

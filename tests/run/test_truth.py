"""AWS is asked about the account's own patterns, its answers are evidence, and no verdict hangs on them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from auditor.base.period import parse_time
from auditor.catalog.load import Catalog
from auditor.collect.guard import is_read
from auditor.config import Config
from auditor.evaluate.engine import evaluate
from auditor.evidence.operations import Operation
from auditor.evidence.store import Evidence
from auditor.model import Results, State
from auditor.monitoring.patterns.truth import MAX_REQUESTS, TEST_FILTER, TEST_RULE
from auditor.run import open_catalog
from auditor.run.gather import collect_evidence
from auditor.run.request import Request
from auditor.simulator import Simulator
from auditor.simulator.faults import KINDS

EDITION = "cis-aws-5.0.0"
HARMLESS = frozenset({"slow", "unknown-fields", "lost-page", "lost-items"})
"""Kinds that change nothing here: new fields come every week, and these answers have one page."""

FAULTS = tuple(kind for kind in KINDS if kind not in HARMLESS and kind != "time-out")
"""A call that times out ends like one whose connection is reset, half a minute later."""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """The monitoring controls of one edition, so that little else is collected."""
    whole = open_catalog()
    framework = whole.frameworks[EDITION]
    asked = tuple(
        requirement
        for requirement in framework.requirements
        if all(whole.controls[name].check == "monitoring.detection_chain" for name in requirement.controls)
    )
    return replace(whole, frameworks={EDITION: replace(framework, requirements=asked)})


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator("demo") as aws:
        yield aws


def collected(simulator: Simulator, catalog: Catalog, folder: Path, *skip: str) -> tuple[Evidence, Results]:
    moment = parse_time(simulator.about["as_of"])
    config = Config.model_validate({"frameworks": [EDITION], "regions": ["eu-central-1"], "skip": ["trail", *skip]})
    request = Request(config, moment, now=lambda: moment, salt=b"a salt for tests")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in simulator.environment().items():
            patch.setenv(name, value)
        collect_evidence(request, catalog, folder, lambda *_: None)
    evidence = Evidence(folder)
    return evidence, evaluate(evidence, catalog)


@pytest.fixture(scope="module")
def asked(simulator: Simulator, catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> tuple[Evidence, Results]:
    simulator.clear()
    return collected(simulator, catalog, tmp_path_factory.mktemp("asked") / "evidence")


def states(results: Results) -> dict[str, State]:
    return {item.control.id: item.state for item in results.controls}


def truths(results: Results) -> dict[str, Mapping[str, Any]]:
    return {
        item.control.id: result.details["truth"]
        for item in results.controls
        for result in item.results
        if "truth" in result.details
    }


@pytest.mark.simulator
def test_aws_confirms_every_control_with_filters_and_is_cited(asked: tuple[Evidence, Results]) -> None:
    evidence, results = asked
    answers = {record.ref for record in evidence.records if record.call.operation in (TEST_FILTER, TEST_RULE)}
    assert {TEST_FILTER, TEST_RULE} <= set(evidence.run.operations)
    assert 0 < len(answers) <= MAX_REQUESTS
    found = truths(results)
    for item in results.controls:
        (result,) = item.results
        assert bool(result.details["filters"]) == (item.control.id in found), item.control.id
        if item.control.id in found:
            assert found[item.control.id]["agreed"] == found[item.control.id]["asked"] > 0
            assert "AWS confirms it" in result.reason
            assert answers & {citation.ref for citation in result.evidence}
            assert not answers <= {citation.ref for citation in result.evidence}
    assert State.PASS in states(results).values()


@pytest.mark.simulator
@pytest.mark.parametrize("kind", [kind for kind in FAULTS if kind not in ("lost-lock", "rate-limited")])
def test_without_an_answer_every_verdict_stands_and_says_so(
    kind: str,
    simulator: Simulator,
    catalog: Catalog,
    asked: tuple[Evidence, Results],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    simulator.clear()
    simulator.fault(TEST_FILTER, kind)
    simulator.fault(TEST_RULE, kind)
    _, results = collected(simulator, catalog, tmp_path / "evidence")
    simulator.clear()
    assert states(results) == states(asked[1])
    assert truths(results).keys() == truths(asked[1]).keys()
    assert all(truth["asked"] == 0 and truth["unanswered"] for truth in truths(results).values())
    if kind == "access-denied":
        assert {code for truth in truths(results).values() for code in truth["unanswered"]} == {"AccessDeniedException"}


@pytest.mark.simulator
def test_asking_twice_writes_the_same_bytes_and_only_reads(
    simulator: Simulator, catalog: Catalog, asked: tuple[Evidence, Results], tmp_path: Path
) -> None:
    simulator.clear()
    again, results = collected(simulator, catalog, tmp_path / "evidence")
    assert again.records == asked[0].records
    assert results == asked[1]
    calls = json.loads((tmp_path / "evidence" / "calls.json").read_bytes())
    made = {f"{call['service']}:{call['operation']}" for call in calls}
    assert {TEST_FILTER, TEST_RULE} <= made
    assert all(is_read(name) for name in made)


@pytest.mark.simulator
def test_nothing_is_asked_when_it_is_skipped(
    simulator: Simulator, catalog: Catalog, asked: tuple[Evidence, Results], tmp_path: Path
) -> None:
    simulator.clear()
    evidence, results = collected(simulator, catalog, tmp_path / "evidence", "truth")
    assert not {TEST_FILTER, TEST_RULE} & {*evidence.run.operations, *(it.call.operation for it in evidence.records)}
    assert states(results) == states(asked[1])
    assert truths(results) == {}


def test_a_catalogue_that_does_not_know_the_operations_judges_all_the_same(
    catalog: Catalog, asked: tuple[Evidence, Results]
) -> None:
    older: dict[str, Operation] = {name: item for name, item in catalog.operations.items() if not item.confirms}
    results = evaluate(asked[0], replace(catalog, operations=older))
    assert states(results) == states(asked[1])
    assert truths(results) == {}

"""Audits of a simulated account in this process, and proposals from them."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from auditor.base.period import parse_time
from auditor.catalog.load import Catalog
from auditor.config import Config
from auditor.evaluate.engine import evaluate
from auditor.evidence.store import Evidence
from auditor.model import Results, State
from auditor.remedy.change import Remedy
from auditor.remedy.plans import PLANS
from auditor.remedy.proposal import Proposal, findings, propose
from auditor.run import open_catalog
from auditor.run.gather import collect_evidence
from auditor.run.request import Request
from auditor.simulator import Simulator

GOOD = frozenset({State.PASS, State.NOT_APPLICABLE})
REGIONS = ("eu-central-1", "us-east-1")


@cache
def catalog() -> Catalog:
    """The catalogue, read once."""
    return open_catalog()


def audited(
    aws: Simulator, folder: Path, controls: Sequence[str] = tuple(PLANS), regions: Sequence[str] = REGIONS
) -> tuple[Evidence, Results]:
    """Collect and judge what some controls ask for."""
    moment = parse_time(aws.about["as_of"])
    asked = {"frameworks": [], "control_ids": list(controls), "regions": list(regions), "skip": ["trail", "truth"]}
    request = Request(Config.model_validate(asked), moment, now=lambda: moment, salt=b"a salt for tests")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in aws.environment().items():
            patch.setenv(name, value)
        collect_evidence(request, catalog(), folder, lambda *_: None)
    evidence = Evidence(folder)
    return evidence, evaluate(evidence, catalog(), [], None, list(controls))


def proposed(evidence: Evidence, results: Results) -> Proposal:
    """Return the remedies for an audit."""
    document = {
        "run": {"accounts": [{"id": item.id, "partition": item.partition} for item in evidence.run.accounts]},
        "controls": [item.document() for item in results.controls],
    }
    parameters = {name: item.parameters for name, item in catalog().controls.items()}
    return propose(findings(document, parameters), evidence, pack_id="a pack", as_of="2026-11-02T06:00:00Z")


def states(results: Results) -> dict[str, State]:
    """Return the state of each control."""
    return {item.control.id: item.state for item in results.controls}


def content(evidence: Evidence) -> dict[str, str]:
    """Return the hash of every answer, by its file."""
    return {record.path: record.sha256 for record in evidence.records}


def failures(results: Results) -> set[tuple[str, str, str]]:
    """Return control, Region and resource of each failed result."""
    return {
        (item.control.id, result.region, result.resource)
        for item in results.controls
        for result in item.results
        if result.state is State.FAIL
    }


def subjects(remedies: tuple[Remedy, ...]) -> set[tuple[str, str, str]]:
    """Return what remedies are to close, in the same form."""
    return {(item.finding.control, item.finding.region, item.finding.resource) for item in remedies}


def worse(before: Results, after: Results) -> set[object]:
    """Return new failures, and controls that were good and are so no more."""
    was = states(before)
    lost = {name for name, state in states(after).items() if was[name] in GOOD and state not in GOOD}
    return {*(failures(after) - failures(before)), *lost}

"""Tries controls on the cases that stand beside them. Needs no AWS and no network."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from auditor.catalog.cases import Case
from auditor.catalog.load import Catalog
from auditor.evaluate.engine import evaluate
from auditor.evidence.world import REGIONS_OPERATION, World, held, tell
from auditor.model import ControlResult, Framework, Requirement, State

_LISTED = 5
"""How many results of an unexpected answer are told."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a case.

    Args:
        case: the case.
        state: what the control said.
        results: resource, state and reason of each result.
        wrong: what is not as expected, one sentence; empty when all is.
    """

    case: Case
    state: State
    results: tuple[tuple[str, State, str], ...]
    wrong: str

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "control": self.case.control,
            "case": self.case.name,
            "origin": self.case.origin,
            "expected": self.case.expect.value,
            "state": self.state.value,
            "as_expected": not self.wrong,
            "wrong": self.wrong,
            "results": [
                {"resource": resource, "state": state.value, "reason": reason}
                for resource, state, reason in self.results
            ],
        }


def try_case(case: Case, catalog: Catalog) -> Tried:
    """Judge the control of a case by the real engine, and compare."""
    result = judge_case(case, catalog)
    results = tuple((item.resource, item.state, item.reason) for item in result.results)
    return Tried(case, result.state, results, _wrong(case, result.state, results))


def judge_case(case: Case, catalog: Catalog) -> ControlResult:
    """Judge the control of a case, on evidence in the form that storing gives it."""
    control = catalog.controls[case.control]
    wanted = (*control.evidence, *control.consults)
    begun = World(regions=case.regions, partition=case.partition, operations=catalog.operations)
    if REGIONS_OPERATION in catalog.operations and REGIONS_OPERATION not in case.evidence:
        enabled = [{"RegionName": name, "OptInStatus": "opt-in-not-required"} for name in case.regions]
        begun = begun.says(REGIONS_OPERATION, {"Regions": enabled})
    world = tell(case.evidence, begun, wanted, case.period)
    requirement = Requirement("1", "", (control.id,), (), None, "", case.parameters)
    framework = Framework("case", "", "", "", "", (requirement,), case.origin)
    asked = replace(catalog, controls={control.id: control}, frameworks={"case": framework})
    evidence = held(
        {world.account: world},
        (*wanted, REGIONS_OPERATION) if REGIONS_OPERATION in catalog.operations else wanted,
        catalog.operations,
        as_of=case.as_of,
        period=case.period,
    )
    return evaluate(evidence, asked, ["case"]).controls[0]


def _wrong(case: Case, state: State, results: Iterable[tuple[str, State, str]]) -> str:
    found = tuple(results)
    if state is not case.expect:
        shown = "; ".join(f"{resource}: {one.value}: {reason}" for resource, one, reason in found[:_LISTED])
        return f"expected {case.expect.value}, it said {state.value} ({shown})"
    for resource, expected in case.results.items():
        states = [one for name, one, _ in found if name == resource]
        if expected not in states:
            said = ", ".join(one.value for one in states) or "nothing"
            return f"expected {expected.value} for {resource}, it said {said}"
    reasons = [reason for _, one, reason in found if one is state]
    if case.reason and not any(case.reason in reason for reason in reasons):
        return f"expected a reason with {case.reason!r}, it said: {' '.join(reasons[:_LISTED])}"
    return ""

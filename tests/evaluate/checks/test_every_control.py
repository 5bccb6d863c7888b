"""Laws that each control of the catalogue keeps: nothing passes unseen, and nothing hostile breaks the judgement."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.evidence.operations import Call, Where, needed
from auditor.model import Control, ControlResult, Scope, State
from tests.evaluate.checks.worlds import BEST, RIGHT
from tests.evaluate.kit import ACCOUNT, FAR, World, catalog, reasons, states

ELSEWHERE = {"monitoring.yaml"}
"""Files whose controls have tests of their own."""
CONTROLS = {
    control.id: control
    for control in catalog().controls.values()
    if control.evidence and control.origin.split("/")[-1].split(":")[0] not in ELSEWHERE
}
JUNK: list[Any] = [
    None,
    True,
    -1,
    10**30,
    "",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    [],
    {},
    [None],
    {"": []},
]


READS = [
    pytest.param(control, name, id=f"{control.id}-{name}") for control in CONTROLS.values() for name in control.evidence
]


def nothing_passed(control: Control, result: ControlResult) -> bool:
    """Say whether a control passes nowhere; where the members come from several operations, not as a whole."""
    several = control.scope is Scope.RESOURCE and not control.population
    return result.state is not State.PASS if several else State.PASS not in states(result).values()


def test_every_control_has_a_world_in_which_everything_is_right() -> None:
    assert sorted(CONTROLS) == sorted(RIGHT)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_world_meets_the_criterion(name: str) -> None:
    result = RIGHT[name].judge(name)
    assert result.state == BEST.get(name, State.PASS), result.results
    for item in result.results:
        assert item.evidence, "a result without evidence"
        assert item.reason.endswith(".")
        assert item.observed
        assert item.expected


@pytest.mark.parametrize("name", RIGHT)
def test_populations_reconcile(name: str) -> None:
    result = RIGHT[name].judge(name)
    counted = sum(population.source for population in result.populations)
    assert counted == len({(item.region, item.resource) for item in result.results})


@pytest.mark.parametrize(("control", "operation"), READS)
@pytest.mark.parametrize("code", ["AccessDenied", "ThrottlingException"])
def test_a_refused_operation_leaves_the_control_unassessed(control: Control, operation: str, code: str) -> None:
    result = RIGHT[control.id].refuses_all(operation, code).judge(control.id)
    assert nothing_passed(control, result)
    assert result.state is State.NOT_ASSESSED
    assert any(operation in item.reason and code in item.reason for item in result.results)


@pytest.mark.parametrize(("control", "operation"), READS)
def test_an_operation_without_any_answer_leaves_the_control_unassessed(control: Control, operation: str) -> None:
    result = RIGHT[control.id].without(operation).judge(control.id)
    if catalog().operations[operation].produced:
        assert result.state is not State.PASS
    else:
        assert nothing_passed(control, result)


@pytest.mark.parametrize(("control", "operation"), READS)
def test_a_page_without_its_required_keys_leaves_the_control_unassessed(control: Control, operation: str) -> None:
    if not catalog().operations[operation].required:
        return
    result = RIGHT[control.id].changed(operation, {"Unknown": 1}).judge(control.id)
    assert nothing_passed(control, result)


@pytest.mark.parametrize("name", RIGHT)
def test_an_unknown_new_field_changes_nothing(name: str) -> None:
    world = RIGHT[name]
    richer = dict(world.answers)
    for key, (call, said) in world.answers.items():
        pages = tuple({**page, "FieldOfTomorrow": {"a": [1]}} for page in said.pages)
        richer[key] = (call, copy.copy(said).__class__(pages, said.error, said.message, said.absent))
    assert states(World(richer, world.regions).judge(name)) == states(world.judge(name))


@pytest.mark.parametrize("name", RIGHT)
def test_evidence_of_no_call_at_all_never_meets_a_criterion(name: str) -> None:
    assert World().judge(name).state is State.NOT_ASSESSED


@pytest.mark.parametrize("name", RIGHT)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_hostile_values_never_break_the_judgement(name: str, data: st.DataObject) -> None:
    world = RIGHT[name]
    key = data.draw(st.sampled_from(sorted(world.answers)))
    call, said = world.answers[key]
    if not said.pages:
        return
    pages = copy.deepcopy(said.pages)
    spoiled = _spoil(pages, data)
    result = _answering(world, key, call, said, spoiled).judge(name)
    assert result.state in set(State)
    assert all(item.reason for item in result.results)


def _spoil(pages: tuple[Any, ...], data: st.DataObject) -> tuple[Any, ...]:
    """Replace one value, somewhere in the pages, by junk, or take it away."""
    box: dict[str, Any] = {"pages": list(pages)}
    places = list(_places(box))
    parent, key = data.draw(st.sampled_from(places))
    if isinstance(parent, dict) and data.draw(st.booleans()):
        del parent[key]
    else:
        parent[key] = data.draw(st.sampled_from(JUNK))
    found = box.get("pages")
    return tuple(found) if isinstance(found, list) else (found,)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in members:
        yield value, key
        yield from _places(item)


def _answering(world: World, key: Any, call: Call, said: Any, pages: tuple[Any, ...]) -> World:
    answers = dict(world.answers)
    answers[key] = (call, said.__class__(pages))
    return World(answers, world.regions)


OVER_RESOURCES = {name: control for name, control in CONTROLS.items() if control.population}


@pytest.mark.parametrize("name", OVER_RESOURCES)
def test_an_empty_population_comes_to_what_the_control_says_of_it(name: str) -> None:
    control = OVER_RESOURCES[name]
    source = needed(catalog().operations, control.evidence[:1])[0]
    nothing: dict[str, list[Any]] = {key: [] for key in source.required}
    result = RIGHT[name].changed(source.name, nothing).judge(name)
    assert states(result) == {ACCOUNT: control.when_empty}
    assert reasons(result) == control.empty_reason
    assert result.results[0].evidence


REGIONAL = [
    name
    for name, control in CONTROLS.items()
    if (source := catalog().operations[control.evidence[0]]).where is Where.REGION
    and not source.for_each
    and FAR in RIGHT[name].regions
]


@pytest.mark.parametrize("name", REGIONAL)
def test_a_region_that_does_not_answer_is_named_beside_the_others(name: str) -> None:
    source = catalog().operations[CONTROLS[name].evidence[0]]
    result = RIGHT[name].refuses(source.name, region=FAR).judge(name)
    silent = [item for item in result.results if f"{source.name} in {FAR}" in item.reason]
    assert silent
    assert {item.state for item in silent} == {State.NOT_ASSESSED}
    assert result.state is State.NOT_ASSESSED

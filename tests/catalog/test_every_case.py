"""The cases of the product's own controls: each is answered as it says, and each control has what it needs of them."""

from collections import defaultdict
from pathlib import Path

import pytest

from auditor.base.locate import controls_folder
from auditor.catalog.cases import Case, case_files, load_cases
from auditor.evidence.world import AS_OF, PERIOD, held, stored, tell
from auditor.model import Control, State
from auditor.run.trying import try_case
from tests.evaluate.checks.worlds import BEST
from tests.evaluate.kit import World, catalog

CASES = load_cases(case_files([controls_folder()]), catalog())
NEVER_FAIL = {
    "vpc-peering-least-access": State.MANUAL,
    "s3-data-classification": State.MANUAL,
    "org-management-account-no-workloads": State.NOT_APPLICABLE,
    "org-ou-structure": State.NOT_APPLICABLE,
}
"""Controls whose answers do not prove a failure, and the worst that they say."""

STATES: dict[str, set[State]] = defaultdict(set)
for _case in CASES:
    STATES[_case.control].add(_case.expect)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.control}: {case.name}")
def test_a_case_is_answered_as_it_says(case: Case) -> None:
    assert not (tried := try_case(case, catalog())).wrong, tried.wrong


@pytest.mark.parametrize("control", catalog().controls.values(), ids=lambda control: control.id)
def test_every_control_has_a_case_that_passes_one_that_fails_and_one_that_cannot_be_read(control: Control) -> None:
    if not control.evidence:
        assert STATES[control.id] == {State.MANUAL}
        return
    best, worst = State(BEST.get(control.id, State.PASS)), NEVER_FAIL.get(control.id, State.FAIL)
    assert {best, worst, State.NOT_ASSESSED} <= STATES[control.id]


def test_evidence_that_is_held_is_that_which_is_stored(tmp_path: Path) -> None:
    control = catalog().controls["s3-mfa-delete"]
    case = next(item for item in CASES if item.control == control.id)
    world = tell(case.evidence, World(regions=case.regions), control.evidence, PERIOD)
    on_disk = stored(tmp_path / "evidence", {world.account: world}, control.evidence, catalog().operations, as_of=AS_OF)
    in_memory = held({world.account: world}, control.evidence, catalog().operations, as_of=AS_OF)
    assert in_memory.records == on_disk.records
    assert in_memory.run == on_disk.run
    assert [in_memory.pages(record) for record in in_memory.records] == [
        on_disk.pages(item) for item in on_disk.records
    ]

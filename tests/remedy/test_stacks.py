"""Every template is made in a simulated account, looked at by a second audit, and made once more."""

import pytest

from tests.remedy.kit import failures, subjects, worse
from tests.remedy.stacks import MAKERS
from tests.remedy.trips import Trip, trip_by_templates


@pytest.fixture(scope="module", params=["demo", "empty"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trip:
    return trip_by_templates(request.param, tmp_path_factory.mktemp(request.param))


@pytest.mark.simulator
def test_a_template_closes_its_findings(built: Trip) -> None:
    assert len(built.closed) > 5
    assert failures(built.after) & subjects(built.closed) == set()


@pytest.mark.simulator
def test_a_template_turns_nothing_worse(built: Trip) -> None:
    assert worse(built.before, built.after) == set()


@pytest.mark.simulator
def test_a_template_that_is_deployed_twice_changes_nothing(built: Trip) -> None:
    assert built.changed == ()


@pytest.mark.simulator
def test_the_pair_is_among_what_is_made(built: Trip) -> None:
    assert "opened-security-group-remediated" in {item.finding.control for item in built.closed}
    assert {"AWS::Lambda::Function", "AWS::Events::Rule", "AWS::SQS::Queue"} <= built.kinds <= set(MAKERS)

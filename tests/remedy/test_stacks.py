"""Every template is made in a simulated account, looked at by a second audit, and made once more."""

from dataclasses import dataclass

import pytest

from auditor.model import Results
from auditor.remedy.change import Remedy
from auditor.remedy.declared import Undeclared, declared
from auditor.remedy.files import Form, files
from auditor.simulator import Simulator
from tests.remedy.awscli import command_line
from tests.remedy.kit import audited, content, failures, proposed, subjects, worse
from tests.remedy.stacks import MAKERS, Stacks


@dataclass(frozen=True)
class Built:
    """What an account was before its templates, after them, and after them once more."""

    closed: tuple[Remedy, ...]
    before: Results
    after: Results
    kinds: frozenset[str]
    made_again: tuple[str, ...]
    changed_again: tuple[str, ...]


@pytest.fixture(scope="module", params=["demo", "empty"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp(request.param)
    with Simulator(request.param) as aws, command_line(aws, folder / "bin") as command:
        evidence, before = audited(aws, folder / "before")
        proposal = proposed(evidence, before)
        closed = tuple(item for item in proposal.remedies if is_declared(item))
        written = files(proposal, Form.CLOUDFORMATION)
        templates = {
            name.rsplit("/", 1)[1].removesuffix(".template.json"): text
            for name, text in written.items()
            if name.endswith(".template.json")
        }
        stacks = Stacks(command)
        regions = sorted(templates, key=lambda region: region != "us-east-1")  # roles first, as the page says
        for region in regions:
            stacks.deploy(region, templates[region], AlarmEmail="alarms@northwind-ledger.example")
        first, after = audited(aws, folder / "after")
        again = [
            name
            for region in regions
            for name in stacks.deploy(region, templates[region], AlarmEmail="alarms@northwind-ledger.example")
        ]
        second, _ = audited(aws, folder / "again")
        one, other = content(first), content(second)
        changed = tuple(sorted(name for name in one | other if one.get(name) != other.get(name)))
    return Built(closed, before, after, frozenset(kind for kind, _ in stacks.made.values()), tuple(again), changed)


def is_declared(remedy: Remedy) -> bool:
    try:
        return bool(declared(remedy, template=True))
    except Undeclared:
        return False


@pytest.mark.simulator
def test_a_template_closes_its_findings(built: Built) -> None:
    assert len(built.closed) > 5
    assert failures(built.after) & subjects(built.closed) == set()


@pytest.mark.simulator
def test_a_template_turns_nothing_worse(built: Built) -> None:
    assert worse(built.before, built.after) == set()


@pytest.mark.simulator
def test_a_template_that_is_deployed_twice_changes_nothing(built: Built) -> None:
    assert (built.made_again, built.changed_again) == ((), ())


@pytest.mark.simulator
def test_the_pair_is_among_what_is_made(built: Built) -> None:
    assert "opened-security-group-remediated" in {item.finding.control for item in built.closed}
    assert {"AWS::Lambda::Function", "AWS::Events::Rule", "AWS::SQS::Queue"} <= built.kinds <= set(MAKERS)

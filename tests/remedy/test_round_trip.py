"""Every remedy is run against a simulated account by a real shell, and audited again."""

from pathlib import Path

import pytest

from auditor.model import State
from auditor.remedy.shell import script
from auditor.simulator import Simulator
from tests.remedy.awscli import command_line
from tests.remedy.kit import audited, failures, proposed, states, subjects, worse
from tests.remedy.trips import KEPT, OPENED, PORTS, SHORT, WORSE, Trip, trip_by_lines


@pytest.fixture(scope="module", params=["demo", "empty"])
def trip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trip:
    return trip_by_lines(request.param, tmp_path_factory.mktemp(request.param))


@pytest.mark.simulator
def test_every_finding_with_a_remedy_is_closed_by_it(trip: Trip) -> None:
    assert trip.failed == ()
    assert len(trip.proposal.remedies) > 25
    assert failures(trip.after) & subjects(trip.closed) == set()


@pytest.mark.simulator
def test_nothing_turns_worse(trip: Trip) -> None:
    assert worse(trip.before, trip.after) == set()


@pytest.mark.simulator
def test_a_second_time_changes_nothing(trip: Trip) -> None:
    assert trip.changed == ()


@pytest.mark.simulator
def test_what_can_be_undone_is_as_it_was(trip: Trip) -> None:
    back = tuple(item for item in trip.proposal.remedies if item.undo and not item.undo_words and not item.person)
    assert len(back) > 5
    assert trip.undone is not None
    left = subjects(back) - failures(trip.undone)
    assert {control for control, _, _ in left} <= {"monitor-console-auth-failures"}  # its own alarm has an audience now


@pytest.mark.simulator
def test_the_whole_table_is_covered_between_the_two_accounts(tmp_path: Path) -> None:
    """What no world lacks is taken away first: digests, the key, the log group, access logs of the trail."""
    trip = trip_by_lines("demo", tmp_path, worse=WORSE, undo=False)
    assert trip.failed == ()
    lost = {
        "cloudtrail-multi-region-trail",
        "cloudtrail-log-file-validation",
        "cloudtrail-kms-encryption",
        "cloudtrail-cloudwatch-logs",
        "cloudtrail-bucket-access-logging",
        "iam-password-min-length",
    }
    assert {name for name in lost if states(trip.before)[name] is State.FAIL} == lost
    assert {control for control, _, _ in subjects(trip.closed)} >= lost
    assert failures(trip.after) & subjects(trip.closed) == set()


@pytest.mark.simulator
@pytest.mark.parametrize(("worse", "controls"), [(OPENED, PORTS), (SHORT, KEPT)], ids=["ports", "kept"])
def test_what_was_made_worse_is_closed_and_comes_back(worse: str, controls: tuple[str, ...], tmp_path: Path) -> None:
    trip = trip_by_lines("demo", tmp_path, worse=worse, controls=controls)
    assert (trip.failed, trip.changed) == ((), ())
    assert {control for control, _, _ in subjects(trip.closed)} == set(controls)
    assert failures(trip.after) & subjects(trip.closed) == set()
    assert trip.undone is not None
    assert subjects(tuple(item for item in trip.closed if item.undo)) <= failures(trip.undone)


@pytest.mark.simulator
def test_a_setting_that_changed_since_the_pack_is_not_replaced(tmp_path: Path) -> None:
    with Simulator("demo") as aws, command_line(aws, tmp_path / "bin") as command:
        evidence, before = audited(aws, tmp_path / "before", ["iam-password-reuse-24"])
        proposal = proposed(evidence, before)
        meanwhile = tmp_path / "meanwhile.sh"
        meanwhile.write_text("aws iam update-account-password-policy --minimum-password-length 30\n")
        assert command.run(meanwhile).returncode == 0
        (tmp_path / "remedy.sh").write_text(script("title", proposal.remedies, account=evidence.run.accounts[0].id))
        done = command.run(tmp_path / "remedy.sh")
        assert done.returncode == 1
        assert "audit again" in done.stderr
        assert command.calls[-1][1] == "GetAccountPasswordPolicy"


@pytest.mark.simulator
def test_a_script_for_another_account_stops_before_its_first_change(tmp_path: Path) -> None:
    with Simulator("empty") as aws, command_line(aws, tmp_path / "bin") as command:
        evidence, before = audited(aws, tmp_path / "before", ["ebs-default-encryption"])
        proposal = proposed(evidence, before)
        (tmp_path / "remedy.sh").write_text(script("title", proposal.remedies, account="999988887777"))
        done = command.run(tmp_path / "remedy.sh")
        assert (done.returncode, [operation for _, operation, _ in command.calls]) == (1, ["GetCallerIdentity"])
        assert "for account 999988887777" in done.stderr

"""Every remedy is run against a simulated account by a real shell, and audited again."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from auditor.model import Results, State
from auditor.remedy.change import Remedy
from auditor.remedy.files import Form, files
from auditor.remedy.proposal import Proposal
from auditor.remedy.shell import script
from auditor.simulator import Simulator
from tests.remedy.awscli import CommandLine, command_line
from tests.remedy.kit import audited, content, failures, proposed, states, subjects, worse

GIVEN = {
    "SECURITY_NAME": "Security team",
    "SECURITY_TITLE": "Duty officer",
    "SECURITY_EMAIL": "security@northwind-ledger.example",
    "SECURITY_PHONE": "+49 30 0000000",
    "ALARM_EMAIL": "alarms@northwind-ledger.example",
}
"""What only a person can give."""
WAITS = frozenset({"config-recorder-all-regions"})
"""Controls that pass after the first delivery, and say so until then."""


@dataclass(frozen=True)
class Trip:
    """What an account was before its remedies, after them, and after them once more."""

    proposal: Proposal
    before: Results
    after: Results
    failed: tuple[str, ...]
    changed_by_a_second_time: tuple[str, ...]
    undone: Results


def run(command: CommandLine, folder: Path, proposal: Proposal, *, undo: bool = False) -> list[str]:
    """Run the scripts of a proposal in their order; return what went wrong."""
    wrong = []
    for name, text in sorted(files(proposal, Form.CLI).items(), reverse=undo):
        if name.endswith(".undo.sh" if undo else ".sh") and name.endswith(".undo.sh") == undo:
            path = folder / name.replace("/", "-")
            path.write_text(text)
            done = command.run(path, **GIVEN)
            wrong += [f"{name}: {done.stderr}"] if done.returncode else []
    return wrong


def by_lines(proposal: Proposal) -> tuple[Remedy, ...]:
    """Return the remedies that scripts make; the others are templates, which are made in a test of their own."""
    return tuple(item for item in proposal.remedies if not item.declares)


@pytest.fixture(scope="module", params=["demo", "empty"])
def trip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trip:
    folder = tmp_path_factory.mktemp(request.param)
    with Simulator(request.param) as aws, command_line(aws, folder / "bin") as command:
        evidence, before = audited(aws, folder / "before")
        proposal = proposed(evidence, before)
        failed = run(command, folder, proposal)
        first, after = audited(aws, folder / "after")
        failed += run(command, folder, proposal)
        second, _ = audited(aws, folder / "again")
        one, other = content(first), content(second)
        changed = tuple(sorted(name for name in one | other if one.get(name) != other.get(name)))
        failed += run(command, folder, proposal, undo=True)
        _, undone = audited(aws, folder / "undone")
    return Trip(proposal, before, after, tuple(failed), changed, undone)


@pytest.mark.simulator
def test_every_finding_with_a_remedy_is_closed_by_it(trip: Trip) -> None:
    assert trip.failed == ()
    assert len(trip.proposal.remedies) > 25
    assert failures(trip.after) & subjects(by_lines(trip.proposal)) == set()


@pytest.mark.simulator
def test_nothing_turns_worse(trip: Trip) -> None:
    assert worse(trip.before, trip.after) == set()


@pytest.mark.simulator
def test_a_second_time_changes_nothing(trip: Trip) -> None:
    assert trip.changed_by_a_second_time == ()


@pytest.mark.simulator
def test_what_can_be_undone_is_as_it_was(trip: Trip) -> None:
    back = tuple(item for item in trip.proposal.remedies if item.undo and not item.undo_words and not item.person)
    assert len(back) > 5
    left = subjects(back) - failures(trip.undone)
    assert {control for control, _, _ in left} <= {"monitor-console-auth-failures"}  # its own alarm has an audience now


@pytest.mark.simulator
def test_the_whole_table_is_covered_between_the_two_accounts(tmp_path: Path) -> None:
    """What no world lacks is taken away first: digests, the key, the log group, access logs of the trail."""
    with Simulator("demo") as aws, command_line(aws, tmp_path / "bin") as command:
        trail = "arn:aws:cloudtrail:eu-central-1:111122223333:trail/management-events"
        worse = f"""
            aws cloudtrail update-trail --region eu-central-1 --name {trail} --no-enable-log-file-validation \\
              --kms-key-id '' --cloud-watch-logs-log-group-arn '' --cloud-watch-logs-role-arn '' \\
              --no-is-multi-region-trail
            aws cloudtrail put-event-selectors --region eu-central-1 --trail-name {trail} --event-selectors \\
              '[{{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": true, "DataResources": []}}]'
            aws s3api put-bucket-logging --region eu-central-1 --bucket northwind-trail-logs \\
              --bucket-logging-status '{{}}'
            aws iam delete-account-password-policy
        """
        (tmp_path / "worse.sh").write_text(f"set -e\n{worse}")
        done = command.run(tmp_path / "worse.sh")
        assert done.stderr == ""
        evidence, before = audited(aws, tmp_path / "before")
        proposal = proposed(evidence, before)
        assert run(command, tmp_path, proposal) == []
        _, after = audited(aws, tmp_path / "after")
    lost = {
        "cloudtrail-multi-region-trail",
        "cloudtrail-log-file-validation",
        "cloudtrail-kms-encryption",
        "cloudtrail-cloudwatch-logs",
        "cloudtrail-bucket-access-logging",
        "iam-password-min-length",
    }
    assert {name for name in lost if states(before)[name] is State.FAIL} == lost
    closed = subjects(by_lines(proposal))
    assert {control for control, _, _ in closed} >= lost
    assert failures(after) & closed == set()


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

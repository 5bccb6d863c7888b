"""``auditor doctor --org``: every door is tried before an hour is spent."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from auditor.cli import auditor
from auditor.config import Config
from auditor.org.doctoring import examine_organization
from auditor.run.doctoring import Health
from auditor.simulator import Simulator
from auditor.simulator.worlds import organization as story

pytestmark = pytest.mark.simulator

AS_OF = datetime(2026, 11, 2, 6, tzinfo=UTC)


def test_each_refusal_is_named_and_nothing_is_audited(group: Simulator, tmp_path: Path) -> None:
    config = Config(org=True, external_id=story.EXTERNAL_ID, out=str(tmp_path), exclude=["tag:team=data"])
    looks = list(examine_organization(config, now=lambda: AS_OF))
    said = {look.name: look for look in looks}
    assert "refused" not in said
    assert said["excluded"].seen.startswith(story.REFUSES)
    assert said["accounts"].seen == ("12 listed: 7 can be entered, 0 refused, 4 not active, 1 excluded, 0 missing")
    assert set(group.calls()) <= {
        "organizations:DescribeOrganization", "organizations:ListAccounts", "organizations:ListTagsForResource",
        "sts:AssumeRole", "sts:GetCallerIdentity",
    }  # fmt: skip


def test_a_wrong_external_id_is_told_for_every_account(group: Simulator, tmp_path: Path) -> None:
    looks = list(examine_organization(Config(org=True, out=str(tmp_path)), now=lambda: AS_OF))
    refused = [look for look in looks if look.name == "refused"]
    assert len(refused) == 7
    assert {look.health for look in refused} == {Health.BAD}
    hints = [look.hint for look in refused]
    assert "--management-account-profile" in hints[0], "StackSets leave the management account out"
    assert all("--external-id" in hint for hint in hints[1:])
    assert "own account" in {look.name for look in looks}, "the caller's own credentials lead into its own account"
    assert group.account == story.AUDIT


def test_the_command_answers_three_when_an_account_refuses(group: Simulator, tmp_path: Path) -> None:
    arguments = ["doctor", "--org", "--external-id", story.EXTERNAL_ID, "--out", str(tmp_path), "--json"]
    told = CliRunner().invoke(auditor, arguments, standalone_mode=False)
    assert told.return_value == 3
    document = json.loads(told.stdout)
    assert [look["seen"][:12] for look in document["looks"] if look["health"] == "bad"] == [story.REFUSES]
    assert group.calls()["sts:AssumeRole"] == 8


def test_a_plain_member_may_not_know_the_list(group: Simulator, tmp_path: Path) -> None:
    group.deny("organizations:ListAccounts")
    looks = list(examine_organization(Config(org=True, out=str(tmp_path)), now=lambda: AS_OF))
    assert looks[-1].name == "accounts"
    assert looks[-1].health is Health.BAD
    assert "delegated administrator" in looks[-1].hint


def test_filters_that_leave_nobody_are_told_in_a_few_lines(group: Simulator, tmp_path: Path) -> None:
    config = Config(org=True, external_id=story.EXTERNAL_ID, out=str(tmp_path), include=["ou:/worklods", "tag:stge=x"])
    looks = list(examine_organization(config, now=lambda: AS_OF))
    said = {look.name: look for look in looks}
    assert [look.hint for look in looks if look.name == "filter"] == [
        "did you mean ou:/workloads?",
        "did you mean tag:stage=x?",
    ]
    assert sum(look.name == "excluded" for look in looks) == 1, "one line for one reason, however many accounts"
    assert "and 2 more: not included by ou:/worklods, tag:stge=x" in said["excluded"].seen
    assert (said["accounts"].health, said["accounts"].seen) == (
        Health.BAD,
        "12 listed: 0 can be entered, 0 refused, 0 not active, 12 excluded, 0 missing",
    )
    assert "sts:AssumeRole" not in group.calls()


def test_a_refusal_says_what_it_may_come_from(group: Simulator, tmp_path: Path) -> None:
    config = Config(org=True, external_id=story.EXTERNAL_ID, out=str(tmp_path))

    def hints(kind: str) -> dict[str, str]:
        group.fault("sts:AssumeRole", kind)
        looks = examine_organization(config, now=lambda: datetime(2026, 10, 15, tzinfo=UTC))
        found = {look.seen[:12]: look.hint for look in looks if look.name == "refused"}
        group.clear()
        return found

    denied, ended = hints("access-denied"), hints("expired-token")
    assert denied[story.JOINED].startswith("it joined on 2026-10-14: a StackSet")
    assert denied["210000000004"].startswith("deploy deploy/aws/org-role.yaml")
    assert set(ended.values()) == {"the credentials that ask have ended: renew them, and ask again"}

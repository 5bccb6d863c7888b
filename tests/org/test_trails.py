"""The organization's trail in a run: found once, read by whom its bucket lets in, each account on its own."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditor.org.replaying import replay_any
from auditor.run.rechecking import recheck_digests
from auditor.seal.report import Outcome
from auditor.seal.verify import Demands, verify_pack
from auditor.simulator import Simulator
from auditor.simulator.worlds import organization as story
from auditor.simulator.worlds.orgtrail import ALTERED
from tests.org.test_run import AS_OF, by_id, organized
from tests.org.watching import DAY, GAP, Watched

pytestmark = pytest.mark.simulator


def test_each_account_answers_for_its_own_deliveries(watched: Watched) -> None:
    verdicts = {
        name: row["result"]["trails"][0]["verdict"]
        for name, row in by_id(watched.made.document).items()
        if row["result"]
    }
    assert verdicts.pop(ALTERED) == "fail"
    assert verdicts.pop(GAP) == "incomplete"
    assert verdicts == dict.fromkeys((story.MANAGEMENT, story.LOG_ARCHIVE, story.AUDIT, story.DENIED), "pass")
    assert watched.made.code == 4


def test_what_is_wrong_stands_in_the_account_and_in_the_roll_up(watched: Watched) -> None:
    (trail,) = watched.made.document["trails"]
    assert trail["failing"] == [ALTERED]
    assert (trail["verdict"], trail["altered"]) == ("fail", 1)
    (report,) = watched.results(ALTERED)["integrity"]
    assert [finding["kind"] for finding in report["findings"] if finding["level"] == "fail"] == ["log_altered"]
    assert by_id(watched.made.document)[ALTERED]["result"]["exit_code"] == 4
    assert any(ALTERED in item["text"] for item in watched.made.document["notices"] if item["kind"] == "integrity")
    assert ALTERED in (watched.made.pack / "report.html").read_text()


def test_a_gap_costs_its_own_account_alone(watched: Watched) -> None:
    assert watched.states(GAP)["trail-chain-verified"] == "NOT_ASSESSED"
    assert watched.states(ALTERED)["trail-chain-verified"] == "FAIL"
    assert watched.states(story.DENIED)["trail-chain-verified"] == "PASS"


def test_deliveries_of_accounts_without_a_pack_are_verified_too(watched: Watched) -> None:
    (trail,) = watched.made.document["trails"]
    assert trail["without_pack"] == sorted([story.REFUSES, story.LEFT])
    (report,) = watched.made.document["integrity"]
    assert {item["account"] for item in report["coverage"]["chains"]} == {story.REFUSES, story.LEFT}
    assert {item["account"] for item in report["gaps"]} == {story.LEFT}, "it went in the morning"


def test_the_bucket_is_read_once_by_the_one_account_that_may(watched: Watched) -> None:
    (trail,) = watched.made.document["trails"]
    chains = len(trail["accounts"]) + len(trail["without_pack"])
    most = trail["digests"] + trail["logs"] + trail["altered"] + 4 * chains + 60
    assert trail["digests"] < watched.calls["s3:GetObject"] <= most, (
        "with three hours beyond the period each, and the owner around holes"
    )
    answers = [json.loads(path.read_bytes()) for path in (watched.made.pack / "evidence/meta").iterdir()]
    tried = {item["account"]: item["error"] for item in answers if item["operation"] == "s3:ListObjectsV2"}
    assert [name for name, error in tried.items() if error is None] == [story.LOG_ARCHIVE]
    meta = watched.made.pack / "accounts" / story.DENIED / "evidence/meta"
    reports = [json.loads(path.read_bytes()) for path in meta.iterdir()]
    written = [item for item in reports if item["operation"] == "trail:VerifyDigests"]
    (report,) = [item for item in written if item["account"] == story.DENIED]
    assert report["principal"].startswith(f"arn:aws:sts::{story.LOG_ARCHIVE}:")


def test_the_pack_and_each_part_of_it_can_be_derived_again(watched: Watched) -> None:
    demands = Demands(at=AS_OF, replay=replay_any, recheck_trail=recheck_digests)
    report = verify_pack(watched.made.pack, demands)
    assert not report.findings
    assert report.outcome("replay") is Outcome.PASS
    assert report.outcome("trail") is Outcome.PASS
    alone = recheck_digests(watched.made.pack / "accounts" / ALTERED)
    assert alone.differences == ()
    schema = json.loads((Path(__file__).parents[2] / "docs/schemas/organization.schema.json").read_bytes())
    jsonschema.validate(json.loads((watched.made.pack / "results/results.json").read_bytes()), schema)
    single = json.loads((Path(__file__).parents[2] / "docs/schemas/results.schema.json").read_bytes())
    jsonschema.validate(watched.results(ALTERED), single)


def _result(watched: Watched, account: str, control: str, region: str = "global") -> Mapping[str, Any]:
    controls = {item["id"]: item for item in watched.results(account)["controls"]}
    found: Mapping[str, Any] = next(item for item in controls[control]["results"] if item["region"] == region)
    return found


def test_what_another_account_holds_is_credited_and_cited(watched: Watched) -> None:
    for control in ("monitor-root-usage", "cloudtrail-multi-region-trail"):
        result = _result(watched, story.DENIED, control)
        assert (result["state"], result["details"]["held_by"]) == ("PASS", [story.MANAGEMENT])
        refs = {citation["ref"] for citation in result["evidence"]}
        meta = watched.made.pack / "accounts" / story.DENIED / "evidence/meta"
        cited = [json.loads((meta / f"{ref}.json").read_bytes()) for ref in refs]
        assert any(item["account"] == story.MANAGEMENT for item in cited)
    assert "Held by account" not in _result(watched, story.MANAGEMENT, "monitor-root-usage")["reason"]
    assert watched.states(story.DENIED)["monitor-vpc-changes"] == "FAIL"


def test_an_administrator_answers_for_a_member_that_may_not_ask(watched: Watched) -> None:
    analyzer = _result(watched, story.DENIED, "access-analyzer-external-all-regions", "eu-central-1")
    assert (analyzer["state"], analyzer["details"]["held_by"]) == ("PASS", [story.AUDIT])
    assert _result(watched, story.DENIED, "access-analyzer-external-all-regions", "us-east-1")["state"] == "FAIL"
    detector = _result(watched, story.DENIED, "guardduty-enabled", "eu-central-1")
    assert (detector["state"], detector["details"]["held_by"]) == ("PASS", [story.AUDIT])
    assert _result(watched, story.DENIED, "guardduty-enabled", "us-east-1")["state"] == "NOT_ASSESSED"
    assert _result(watched, GAP, "guardduty-enabled", "eu-central-1")["state"] == "FAIL", "its own answer is no gap"
    hub = _result(watched, story.DENIED, "securityhub-enabled", "eu-central-1")
    assert (hub["state"], hub["details"]["held_by"]) == ("PASS", [story.AUDIT])
    assert _result(watched, story.DENIED, "securityhub-enabled", "us-east-1")["state"] == "NOT_ASSESSED"
    assert _result(watched, GAP, "securityhub-enabled", "eu-central-1")["state"] == "FAIL", "its own answer is no gap"


def test_what_is_held_is_read_once(watched: Watched) -> None:
    """The management account is asked for its own audit and once for all others, however many these are."""
    assert (watched.calls["guardduty:ListMembers"], watched.calls["securityhub:ListMembers"]) == (1, 1)
    records = [json.loads(path.read_bytes()) for path in (watched.made.pack / "evidence/meta").iterdir()]
    here = {item["sha256"] for item in records if item["operation"] == "logs:DescribeMetricFilters"}
    for account in (story.DENIED, GAP):
        meta = watched.made.pack / "accounts" / account / "evidence/meta"
        lent = [json.loads(path.read_bytes()) for path in meta.iterdir()]
        found = [
            item["sha256"]
            for item in lent
            if item["operation"] == "logs:DescribeMetricFilters" and item["account"] == story.MANAGEMENT
        ]
        assert len(found) == 1
        assert set(found) <= here


def test_changes_of_the_trail_are_told_by_its_owners_verified_records(watched: Watched) -> None:
    result = next(
        each
        for item in watched.results(story.DENIED)["controls"]
        if item["id"] == "trail-configuration-unchanged"
        for each in item["results"]
    )
    assert (result["state"], result["details"]["held_by"]) == ("PASS", [story.MANAGEMENT])
    assert watched.states(GAP)["trail-configuration-unchanged"] == "NOT_ASSESSED", "its own hours are not verified"
    meta = watched.made.pack / "accounts" / story.DENIED / "evidence/meta"
    cited = [json.loads((meta / f"{citation['ref']}.json").read_bytes()) for citation in result["evidence"]]
    lent = {item["operation"]: item for item in cited if item["account"] == story.MANAGEMENT}
    assert {"trail:NotableEvents", "trail:VerifyDigests"} <= lent.keys()
    for operation in ("trail:NotableEvents", "trail:VerifyDigests"):
        handed = (meta.parent / lent[operation]["path"]).read_text()
        assert "organizations.amazonaws.com" not in handed, "to nobody what is the owner's own"
    assert {item["account"] for item in watched.results(story.DENIED)["integrity"]} == {story.DENIED}
    assert {item["account"] for item in watched.results(story.DENIED)["events"]} == {story.DENIED}


def test_who_left_is_told_by_the_management_accounts_records(watched: Watched) -> None:
    (gone,) = watched.made.document["left"]
    assert gone["id"] == story.LEFT
    assert gone["since"].startswith("left at 2026-10-20T10:12:00Z: RemoveAccountFromOrganization")
    assert watched.made.document["reconciliation"]["left"] == 1
    assert story.LEFT in (watched.made.pack / "report.html").read_text()


def test_the_printed_policies_suffice(group: Simulator, tmp_path: Path) -> None:
    """Under what ``auditor policy --org`` prints nothing is refused but by the accounts themselves."""
    from auditor.catalog.policy import Scope, documents, entering, holding, operations_for, statements
    from auditor.run import open_catalog

    catalog = open_catalog()
    reads = documents(statements(operations_for(catalog, catalog.controls.values()), Scope("aws")))
    policies = [*reads, entering("*", ""), holding()]
    group.allow_only([name for policy in policies for item in policy["Statement"] for name in item["Action"]])
    made = organized(
        tmp_path, control_ids=["monitor-root-usage", "guardduty-enabled"], period=DAY, formats=["csv"],
        include=[story.MANAGEMENT, story.AUDIT, story.LOG_ARCHIVE, story.DENIED],
    )  # fmt: skip
    cells = {item["id"]: item["cells"] for item in made.document["controls"]}
    assert cells["monitor-root-usage"] == "PPPP"
    answers = [json.loads(path.read_bytes()) for path in (made.pack / "evidence/meta").iterdir()]
    refused = {(item["operation"], item["account"]) for item in answers if item["error"]}
    assert refused == {("s3:ListObjectsV2", story.MANAGEMENT), ("s3:ListObjectsV2", story.AUDIT)}, "the bucket's word"

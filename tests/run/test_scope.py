"""The scope is the run's own word: what AWS itself listed is held against it, and the rest is said to be taken."""

from dataclasses import replace
from pathlib import Path

import pytest

from auditor.base.period import rfc3339
from auditor.config import Config
from auditor.evidence.answer import Answer
from auditor.evidence.operations import GLOBAL, Call
from auditor.evidence.store import Evidence, EvidenceWriter
from auditor.model import AccountScope, Results, State
from auditor.pack.derivable import not_derivable
from auditor.run import load_rules
from auditor.run.judging import judge
from auditor.run.noticing import notices
from tests.seal.packs import ACCOUNT, NOW, RUN

REGIONS = (
    ("eu-central-1", "opt-in-not-required"),
    ("us-east-1", "opt-in-not-required"),
    ("af-south-1", "not-opted-in"),
)


def _judged(folder: Path, left_out: tuple[str, ...]) -> Results:
    """Judge evidence whose scope says that these Regions were left out."""
    writer = EvidenceWriter(folder)
    listed = {"Regions": [{"RegionName": name, "OptInStatus": status} for name, status in REGIONS]}
    for call, page in (
        (Call("ec2:DescribeRegions", GLOBAL, ()), listed),
        (Call("iam:GetAccountSummary", GLOBAL, ()), {"SummaryMap": {"AccountMFAEnabled": 1}}),
    ):
        writer.add(Answer(ACCOUNT, call, (page,), RUN.principal, ("r-1",), 200, NOW))
    scope = AccountScope(ACCOUNT, "aws", ("eu-central-1",), left_out=left_out)
    asked = ("ec2:DescribeRegions", "iam:GetAccountSummary")
    writer.close(replace(RUN, accounts=(scope,), frameworks=(), controls=("iam-root-mfa",), operations=asked))
    return judge(folder, load_rules(Config.model_validate({"control_ids": ["iam-root-mfa"]})))


@pytest.mark.parametrize("said", [("us-east-1",), (), ("af-south-1",)])
def test_regions_left_out_are_those_that_aws_listed_whatever_the_scope_says(
    tmp_path: Path, said: tuple[str, ...]
) -> None:
    results = _judged(tmp_path / "evidence", said)
    (account,) = results.run.accounts
    assert account.left_out == ("us-east-1",)
    assert [item["text"] for item in results.notices if item["kind"] == "regions-left-out"] == [
        "Enabled Regions that were not looked at: us-east-1."
    ]


@pytest.mark.parametrize("named", [False, True])
def test_a_period_that_is_not_the_one_that_log_files_were_read_for_is_named(tmp_path: Path, named: bool) -> None:
    results = _judged(tmp_path / "evidence", ())
    asked = {"start": rfc3339(RUN.period.start), "end": rfc3339(RUN.period.end), "label": "x", "tz": "UTC"}
    told = {"ref": "EV-0009", "period": {**asked, **({"start": "2026-10-15T00:00:00Z"} if named else {})}}
    found = notices(replace(results, activity=(told,)), Evidence(tmp_path / "evidence"))
    assert ["EV-0009" in item["text"] for item in found if item["kind"] == "other-period"] == [True] * named


def test_what_waivers_accepted_is_counted_by_results_and_by_criteria(tmp_path: Path) -> None:
    results = _judged(tmp_path / "evidence", ())
    (control,) = results.controls
    waived = replace(control, results=(replace(control.results[0], state=State.WAIVED),) * 2)
    found = notices(replace(results, controls=(waived,)), Evidence(tmp_path / "evidence"))
    texts = [item["text"] for item in found if item["kind"] == "waived"]
    assert texts == ["Accepted by waivers: 2 results of 1 criterion."]


def test_answers_about_events_and_the_scope_are_named_as_taken_from_the_run() -> None:
    taken = "\n".join(not_derivable({"activity": [{}, {}]}, ()))
    assert "answers to 2 questions about events" in taken
    for word in ("period", "as-of time", "who asked at which addresses", "skipped"):
        assert word in taken
    assert "questions" not in "\n".join(not_derivable({}, ()))

"""The account that has grown: as much of everything as was asked for, and answered in pages."""

import json
from pathlib import Path

import boto3
import pytest

from auditor.simulator import Simulator
from auditor.simulator.worlds.large import Sizes
from auditor.simulator.worlds.principals import HOME
from tests.cli.test_compare import answer

pytestmark = pytest.mark.simulator


def test_it_has_what_was_asked_for_and_lists_it_page_by_page() -> None:
    sizes = {"users": 7, "buckets": 1003, "groups": 40, "log_groups": 20, "alarms": 5}
    with Simulator("large", sizes=sizes) as aws, pytest.MonkeyPatch.context() as patch:
        for name, value in aws.environment().items():
            patch.setenv(name, value)
        iam, s3, logs = (boto3.client(name, region_name="us-east-1") for name in ("iam", "s3", "logs"))
        users = [item["UserName"] for item in iam.list_users()["Users"]]
        pages = list(s3.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 1000}))
        groups = logs.describe_log_groups(logGroupNamePrefix="/northwind/service")["logGroups"]
    assert len([name for name in users if name.startswith("person-")]) == 7
    buckets = [item["Name"] for page in pages for item in page["Buckets"]]
    assert len(pages) == 2
    assert len({name for name in buckets if name.startswith("northwind-data-")}) == 1003
    assert {item.get("retentionInDays") for item in groups} <= {400, None}
    assert len(groups) == 1


def test_an_audit_at_its_own_moment_judges_all_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a benchmark measures is the whole work: a credential report that is too old would save some of it."""
    sizes = {"users": 3, "buckets": 2, "groups": 2, "log_groups": 2, "alarms": 2}
    by_the_report = ("--control", "iam-credentials-unused-45d", "--control", "iam-root-not-used")
    with Simulator("large", sizes=sizes) as aws, pytest.MonkeyPatch.context() as patch:
        for name, value in aws.environment().items():
            patch.setenv(name, value)
        options = (*by_the_report, "--regions", HOME, "--format", "csv", "--out", str(tmp_path), "--json", "--quiet")
        code, out, _ = answer(capsys, "run", *aws.moment, *options)
    assert (code, json.loads(out)["counts"]["NOT_ASSESSED"]) == (1, 0)


def test_sizes_are_read_and_unknown_ones_refused() -> None:
    assert Sizes.read("users=3,alarms=2") == Sizes(users=3, alarms=2)
    with pytest.raises(ValueError, match="unknown size 'people'"):
        Sizes.read("people=3")

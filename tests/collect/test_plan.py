"""The plan asks each operation once, parents first, and leads to the same calls whatever finished first."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.base.errors import UsageError
from auditor.base.locate import controls_folder
from auditor.collect.plan import Plan
from auditor.evidence.operations import Call, Needless, Operation, Where, load_operations
from tests.collect.aws import ACCOUNT
from tests.collect.conftest import each, operation

REGIONS = ("eu-west-1", "us-east-1")
TRAILS = operation("cloudtrail:DescribeTrails")
STATUS = operation(
    "cloudtrail:GetTrailStatus", for_each=each(TRAILS.name, "trailList[]", region="HomeRegion", Name="TrailARN")
)
BUCKETS = operation("s3:ListBuckets", where=Where.GLOBAL)
BLOCK = operation(
    "s3:GetPublicAccessBlock",
    where=Where.GLOBAL,
    for_each=each(BUCKETS.name, "Buckets[]", Bucket="Name") + each(TRAILS.name, "trailList[]", Bucket="S3BucketName"),
)
ALL = (TRAILS, STATUS, BUCKETS, BLOCK)
PAGES: dict[str, list[Any]] = {
    TRAILS.name: [
        {"trailList": [{"TrailARN": "arn:main", "HomeRegion": "eu-west-1", "S3BucketName": "logs"}]},
        {"trailList": [{"TrailARN": "arn:gone", "HomeRegion": "mars-1", "S3BucketName": "logs"}]},
    ],
    BUCKETS.name: [{"Buckets": [{"Name": "logs"}, {"Name": "data"}]}],
}


def plan(*operations: Operation) -> Plan:
    return Plan(
        {item.name: item for item in operations}, [item.name for item in operations], account=ACCOUNT, regions=REGIONS
    )


def walk(work: Plan, seed: int = 0, missing: Sequence[str] = ()) -> list[Call]:
    """Answer everything, in a random order."""
    order = random.Random(seed)  # noqa: S311 - shuffles a test
    due, asked = list(work.start()), []
    while due:
        call = due.pop(order.randrange(len(due)))
        asked.append(call)
        pages = None if call.operation in missing else PAGES.get(call.operation, [{}])
        due.extend(work.done(call, pages))
    return asked


def names(calls: Sequence[Call]) -> list[tuple[str, str, dict[str, Any]]]:
    return sorted(((call.operation, call.region, dict(call.parameters)) for call in calls), key=str)


def test_parents_are_asked_before_their_children() -> None:
    assert {call.operation for call in plan(*ALL).start()} == {TRAILS.name, BUCKETS.name}


def test_what_an_operation_depends_on_is_added() -> None:
    work = Plan({item.name: item for item in ALL}, [STATUS.name], account=ACCOUNT, regions=REGIONS)
    assert set(work.operations) == {TRAILS.name, STATUS.name}


@pytest.mark.parametrize("missing", [(), (TRAILS.name,)])
def test_what_may_prove_needless_is_waited_for_and_only_its_answer_counts(missing: tuple[str, ...]) -> None:
    groups = replace(operation("ec2:DescribeFlowLogs"), needless=(Needless(TRAILS.name, "trailList == `[]`"),))
    work = plan(TRAILS, groups)
    assert {call.operation for call in work.start()} == {TRAILS.name}
    work = plan(TRAILS, groups)
    due, asked = list(work.start()), list[Call]()
    while due:
        asked.append(call := due.pop())
        pages: list[Any] = [{"trailList": [] if call.region == "us-east-1" else [{}]}]
        due.extend(work.done(call, None if call.operation in missing else pages))
    places = {call.region for call in asked if call.operation == groups.name}
    assert places == ({"eu-west-1"} if not missing else set(REGIONS))


@given(st.integers())
def test_the_order_of_answers_does_not_change_what_is_asked(seed: int) -> None:
    assert names(walk(plan(*ALL), seed)) == names(walk(plan(*ALL)))


def test_each_call_is_made_once_and_only_in_the_runs_regions() -> None:
    asked = names(walk(plan(*ALL)))
    assert [item for item in asked if item[0] == STATUS.name] == [(STATUS.name, "eu-west-1", {"Name": "arn:main"})]
    assert [item[2] for item in asked if item[0] == BLOCK.name] == [{"Bucket": "data"}, {"Bucket": "logs"}]


def test_an_answer_that_is_missing_leads_to_no_call_but_stops_no_other() -> None:
    asked = {call.operation for call in walk(plan(*ALL), missing=[TRAILS.name])}
    assert asked == {TRAILS.name, BUCKETS.name, BLOCK.name}


def test_the_number_of_calls_known_grows_with_the_answers() -> None:
    work = plan(*ALL)
    due = work.start()
    assert work.planned == len(due) == 3
    asked = walk(plan(*ALL))
    assert len(asked) == 6


@pytest.mark.parametrize(
    "pages",
    [
        pytest.param([{"trailList": 5}], id="list-is-a-number"),
        pytest.param([{"trailList": {"a": 1}}], id="list-is-a-mapping"),
        pytest.param([None], id="page-is-null"),
        pytest.param([{"trailList": [[["x"]]]}], id="items-are-lists"),
        pytest.param([{"trailList": [{"TrailARN": None}]}], id="value-is-null"),
    ],
)
def test_a_parent_of_strange_shape_leads_to_no_call(pages: list[Any]) -> None:
    work = plan(TRAILS, STATUS)
    due = work.start()
    follow = [call for one in due for call in work.done(one, pages)]
    assert follow == []


def test_operations_of_our_own_rooms_are_not_called() -> None:
    work = plan(TRAILS, operation("trail:VerifyDigests", produced=True))
    assert set(work.operations) == {TRAILS.name}


def test_an_unknown_operation_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="ec2:DescribeNothing"):
        Plan({}, ["ec2:DescribeNothing"], account=ACCOUNT, regions=REGIONS)


def test_the_whole_catalogue_can_be_planned() -> None:
    operations = load_operations(controls_folder() / "operations.yaml")
    work = Plan(operations, operations, account=ACCOUNT, regions=REGIONS)
    assert {call.region for call in work.start()} == {"global", *REGIONS}

"""Events counted one by one: copies, data events, Insights, and what other selectors would leave out."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.cli import main
from auditor.cost.advice import advanced
from auditor.cost.recorded import Counts
from auditor.cost.selectors import Group, records
from auditor.evidence.world import ACCOUNT
from tests.cost.account import (
    ALL_MANAGEMENT,
    ASKED,
    BUCKET,
    EVERYTHING,
    HOME,
    Told,
    costs,
    empty,
    line,
    unknown,
    with_trails,
)
from tests.events.kit import records_log, store_of

SAMPLE = Path(__file__).resolve().parents[2] / "reports" / "sample"
READS = Group(ACCOUNT, HOME, "Management", "iam.amazonaws.com", "ListUsers", True, "", "", 300_000)
WRITES = replace(READS, name="CreateUser", read_only=False, number=100_000)
GETS = Group(
    ACCOUNT, HOME, "Data", "s3.amazonaws.com", "GetObject", True, "AWS::S3::Object", "arn:aws:s3:::shop/", 5_000_000
)
PUTS = replace(GETS, name="PutObject", read_only=False, resource=f"arn:aws:s3:::{BUCKET}/", number=1_000_000)
COUNTS = Counts((READS, WRITES, GETS, PUTS))


def advanced_selectors(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"AdvancedEventSelectors": [{"FieldSelectors": list(fields)}]}


def test_copies_data_events_and_insights_by_hand() -> None:
    kinds = ({"InsightType": "ApiCallRateInsight"}, {"InsightType": "ApiErrorRateInsight"})
    account = with_trails(empty(), Told("a", EVERYTHING, insights=kinds), Told("b"))
    found = costs(account, counts=COUNTS)
    assert line(found, "management events", "first copy").quantity == 400_000
    assert line(found, "management events", "further").amount == 8  # 4 x 2.00
    assert line(found, "data events", "GetObject on arn:aws:s3:::shop/").amount == 5  # 50 x 0.10
    assert line(found, "data events", "PutObject").amount == 1
    assert line(found, "insights", "ApiCallRate").amount == Decimal("0.35")  # writes: 100,000
    assert line(found, "insights", "ApiErrorRate").amount == Decimal("1.40")  # reads and writes: 400,000
    assert found.paid_twice == 8


def test_a_trail_of_writes_copies_writes_alone() -> None:
    writes = {"EventSelectors": [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}]}
    found = costs(with_trails(empty(), Told("a"), Told("b", writes)), counts=COUNTS)
    assert line(found, "management events", "further").quantity == 100_000


def test_a_data_event_that_two_trails_record_is_paid_twice() -> None:
    found = costs(with_trails(empty(), Told("a", EVERYTHING), Told("b", EVERYTHING)), counts=COUNTS)
    assert [item.twice for item in found.lines if "GetObject" in item.what] == [False, True]
    assert found.paid_twice == 8 + 6


def test_what_the_grain_does_not_tell_is_not_known() -> None:
    keys = {
        "EventSelectors": [
            {
                "ReadWriteType": "All",
                "IncludeManagementEvents": False,
                "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::shop/private/"]}],
            }
        ]
    }
    found = costs(with_trails(empty(), Told("a", keys)), counts=COUNTS)
    assert unknown(found, "data events").at_most == 5
    assert not [item for item in found.lines if item.area == "data events"]
    assert costs(with_trails(empty(), Told("a", keys)), counts=replace(COUNTS, whole=False)).total() < found.total() + 1


def test_a_store_of_a_part_says_at_least() -> None:
    found = costs(with_trails(empty(), Told()), counts=replace(COUNTS, whole=False))
    assert line(found, "management events").note.startswith("at least")
    assert (unknown(found, "events", "not searched").gap, found.exit_code) == (True, 3)


def test_what_other_selectors_save_and_lose() -> None:
    found = costs(with_trails(empty(), Told("a", EVERYTHING), Told("b")), counts=COUNTS)
    told = {(item["trail"].rpartition("/")[2], item["title"]): item for item in found.proposals}
    own = told["a", f"leave out objects of {BUCKET}, where log files are written"]
    assert (own["usd_saved_a_month"], own["events_no_longer_recorded"]) == (1.0, 1_000_000)
    reads = told["a", "leave out reads of objects of shop"]
    assert (reads["usd_saved_a_month"], reads["events_no_longer_recorded"]) == (5.0, 5_000_000)
    assert reads["no_longer_recorded"][0]["event_name"] == "GetObject"
    assert json.loads(reads["command"][-1]) == reads["selectors"]
    assert records({"AdvancedEventSelectors": reads["selectors"]}, replace(GETS, read_only=False)) is True
    copies = told["b", "leave out management events, which other trails record"]
    assert (copies["usd_saved_a_month"], copies["events_no_longer_recorded"]) == (8.0, 0)
    assert (copies["selectors"], copies["command"]) == ([], [])


CLASSIC = st.fixed_dictionaries(
    {
        "ReadWriteType": st.sampled_from(["All", "ReadOnly", "WriteOnly"]),
        "IncludeManagementEvents": st.booleans(),
        "ExcludeManagementEventSources": st.sampled_from([[], ["kms.amazonaws.com"]]),
        "DataResources": st.lists(
            st.fixed_dictionaries(
                {
                    "Type": st.sampled_from(["AWS::S3::Object", "AWS::Lambda::Function"]),
                    "Values": st.lists(
                        st.sampled_from(["arn:aws:s3", "arn:aws:s3:::", "arn:aws:s3:::shop/", "arn:aws:s3:::shop"]),
                        min_size=1,
                        max_size=2,
                    ),
                }
            ),
            max_size=2,
        ),
    }
)
GROUPS = st.builds(
    replace,
    st.sampled_from([READS, WRITES, GETS, PUTS, replace(GETS, resource="arn:aws:s3:::shop-2/")]),
    source=st.sampled_from(["kms.amazonaws.com", "s3.amazonaws.com"]),
    read_only=st.sampled_from([True, False, None]),
)


@given(selectors=st.lists(CLASSIC, min_size=1, max_size=2), group=GROUPS)
def test_advanced_selectors_record_what_the_classic_ones_did(selectors: list[dict[str, Any]], group: Group) -> None:
    again = {"AdvancedEventSelectors": advanced({"EventSelectors": selectors})}
    assert records(again, group) is records({"EventSelectors": selectors}, group)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        pytest.param({"Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::shop/"]}, True, id="its-bucket"),
        pytest.param({"Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::shop/a"]}, None, id="a-part-of-it"),
        pytest.param({"Field": "resources.ARN", "NotStartsWith": ["arn:aws:s3:::shop/"]}, False, id="all-but-it"),
        pytest.param({"Field": "resources.ARN", "EndsWith": [".log"]}, None, id="some-ends"),
        pytest.param({"Field": "resources.ARN", "Equals": ["arn:aws:s3:::other/x"]}, False, id="another-object"),
        pytest.param({"Field": "eventName", "NotEquals": ["GetObject"]}, False, id="not-this-call"),
        pytest.param({"Field": "userIdentity.arn", "Equals": ["arn:aws:iam::1:user/x"]}, None, id="who-called"),
        pytest.param({"Field": "eventName", "Equals": ["x"], "StartsWith": ["Get"]}, True, id="either-value"),
    ],
)
def test_what_an_advanced_selector_records(field: dict[str, Any], expected: bool | None) -> None:
    assert records(advanced_selectors({"Field": "eventCategory", "Equals": ["Data"]}, field), GETS) is expected


@given(numbers=st.lists(st.integers(0, 10**9), min_size=4, max_size=4), trails=st.integers(1, 3), data=st.booleans())
def test_a_further_trail_costs_one_copy_of_everything(numbers: list[int], trails: int, data: bool) -> None:
    groups = tuple(replace(group, number=number) for group, number in zip(COUNTS.groups, numbers, strict=True))
    selectors = EVERYTHING if data else ALL_MANAGEMENT
    few, more = (
        costs(with_trails(empty(), *(Told(f"t{n}", selectors) for n in range(count))), counts=Counts(groups))
        for count in (trails, trails + 1)
    )
    one = Decimal(numbers[0] + numbers[1]) * 2 / 100_000 + (Decimal(numbers[2] + numbers[3]) / 1_000_000) * data
    assert more.paid_twice - few.paid_twice == one
    assert all(item.amount >= 0 for item in more.lines)


NAMES = [
    "trailList",
    "EventSelectors",
    "AdvancedEventSelectors",
    "FieldSelectors",
    "Field",
    "Equals",
    "Rules",
    "Status",
    "Transitions",
    "Expiration",
    "Filter",
    "DataResources",
    "Values",
    "Type",
    "InsightSelectors",
    "MetricAlarms",
    "LogAlarms",
    "CompositeAlarms",
    "Metrics",
    "logGroups",
    "counts",
    "metricFilters",
    "logs",
    "metricTransformations",
    "DashboardEntries",
    "source",
    "records",
    "ReadWriteType",
    "IsLogging",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**40) | st.sampled_from(["", "Equals", "Management", "Data", "=x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("operation", [*ASKED, "trail:NotableEvents"])
@given(page=st.dictionaries(st.sampled_from(NAMES), JSON, min_size=1, max_size=5) | JSON)
@settings(max_examples=40)
def test_no_answer_of_any_form_breaks_the_estimate_or_makes_it_negative(operation: str, page: Any) -> None:
    account = with_trails(empty(), Told("a", EVERYTHING), Told("b")).changed(operation, page)
    found = costs(account, counts=COUNTS)
    assert all(item.amount >= 0 and item.quantity >= 0 for item in found.lines)
    assert found.not_known
    json.dumps(found.document())


@pytest.mark.parametrize("name", ["AdvancedEventSelectors", "EventSelectors"])
@given(selectors=st.lists(JSON, max_size=2) | st.lists(st.fixed_dictionaries({"FieldSelectors": JSON}), max_size=2))
@settings(max_examples=60)
def test_no_selector_of_any_form_breaks_the_estimate(name: str, selectors: Any) -> None:
    found = costs(with_trails(empty(), Told("a", {name: selectors}), Told("b")), counts=COUNTS)
    assert all(item.amount >= 0 for item in found.lines)


# ------------------------------------------------------------------------------------------ a store beside a pack


def event(name: str, number: int, **more: Any) -> dict[str, Any]:
    return {
        "eventVersion": "1.11", "eventID": f"{name}-{number}", "eventTime": f"2026-10-05T10:00:{number % 60:02d}Z",
        "eventName": name, "eventSource": "s3.amazonaws.com", "awsRegion": "eu-central-1", "readOnly": False,
        "recipientAccountId": ACCOUNT, "eventCategory": "Management", "managementEvent": True,
        "userIdentity": {"type": "Root"}, **more,
    }  # fmt: skip


def test_a_store_tells_buckets_and_calls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put = {
        "eventCategory": "Data", "managementEvent": False,
        "resources": [{"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::shop/a b"}],
        "requestParameters": {"bucketName": "shop", "key": "a b"},
    }  # fmt: skip
    logged = [event("PutObject", number, **put) for number in range(7)]
    logged += [event("GetObject", 1, **{**put, "readOnly": True}), event("CreateBucket", 1), event("CreateBucket", 1)]
    store_of(tmp_path / "october", records_log(logged))
    with pytest.raises(SystemExit) as end:
        main(("cost", str(SAMPLE), "--store", str(tmp_path / "october"), "--json"))
    document = json.loads(capsys.readouterr().out)
    assert end.value.code == 0
    counted = {item["what"]: item["quantity"] for item in document["lines"] if item["area"].endswith("events")}
    assert counted == {"first copy": 1, "management-events: PutObject on arn:aws:s3:::shop/": 7}  # reads: not recorded
    assert "10 records in 1 log file" in document["searched"]
    assert document["proposals"] == []  # less than a hundredth of a cent

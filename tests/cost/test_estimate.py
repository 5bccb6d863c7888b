"""Lines of a small account, computed by hand, and the laws that hold for every account."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.base.period import Period, parse_time
from auditor.cost.estimate import AUDIT, Estimate, month_factor
from auditor.cost.kept import Stay, stays
from auditor.evidence.world import ACCOUNT, World
from tests.cost.account import (
    ALL_MANAGEMENT,
    ASKED,
    BUCKET,
    EVERYTHING,
    GIB,
    GROUP,
    HOME,
    KEY,
    Told,
    arn,
    costs,
    empty,
    line,
    unknown,
    verified,
    with_trails,
)

OLDEST = "2026-11-11T12:00:00Z"
"""Ten days before the account was asked."""


def keeping(account: World, *rules: dict[str, Any], oldest: str = OLDEST) -> World:
    if rules:
        account = account.says("s3:GetBucketLifecycleConfiguration", {"Rules": list(rules)}, Bucket=BUCKET)
    if oldest:
        prefix = f"AWSLogs/{ACCOUNT}/CloudTrail/{HOME}/"
        page = {"KeyCount": 1, "Prefix": prefix, "Contents": [{"Key": f"{prefix}x", "LastModified": oldest}]}
        account = account.says("s3:ListObjectsV2", page, Bucket=BUCKET, Prefix=prefix)
    return account


def test_one_copy_of_management_events_is_free() -> None:
    found = line(costs(with_trails(empty(), Told())), "management events")
    assert (found.quantity, found.amount, found.twice) == (Decimal(1_000_000), Decimal(0), False)


def test_a_second_identical_trail_costs_one_copy() -> None:
    found = costs(with_trails(empty(), Told("a"), Told("b")))
    copies = line(found, "management events")
    assert (copies.quantity, copies.amount, copies.twice) == (
        Decimal(1_000_000),
        Decimal(20),
        True,
    )  # 10 x 100,000 x 2.00
    assert found.paid_twice == 20
    assert copies.what == "further copies, by a, b"


def test_trails_of_different_regions_are_two_first_copies() -> None:
    account = with_trails(empty(), Told("a", several=False), Told("b", several=False))
    pages = [dict(item) for item in account.answers[next(iter(account.answers))][1].pages[0]["trailList"]]
    pages[1]["HomeRegion"] = "eu-west-1"
    found = costs(account.says("cloudtrail:DescribeTrails", {"trailList": pages}))
    assert [item.amount for item in found.lines if item.area == "management events"] == [0, 0]


def test_copies_of_unlike_trails_have_a_limit_and_no_price() -> None:
    found = costs(with_trails(empty(), Told("a"), Told("b", selectors=EVERYTHING, records=3_000_000)))
    copies = unknown(found, "management events")
    assert copies.at_most == 20  # the smaller one may be a copy of part of the larger one
    assert found.paid_twice == 0
    assert unknown(found, "data events", "b").at_most == 3  # 3,000,000 at 0.10 for 100,000


def test_a_trail_that_does_not_record_costs_nothing_and_is_named() -> None:
    found = costs(with_trails(empty(), Told(), Told("idle", status={"IsLogging": False})))
    assert line(found, "management events").amount == 0
    assert unknown(found, "trails").what == "idle"


def test_log_group_bucket_and_key() -> None:
    group = {"logGroupName": "trail", "arn": f"{GROUP}:*", "logGroupArn": GROUP, "storedBytes": 200 * GIB}
    account = keeping(with_trails(empty(), Told(group=GROUP, key=KEY)))
    account = account.says("logs:DescribeLogGroups", {"logGroups": [group]}, region=HOME).says(
        "kms:DescribeKey", {"KeyMetadata": {"Arn": KEY, "KeyManager": "CUSTOMER"}}, region=HOME, KeyId="1"
    )
    found = costs(account)
    assert line(found, "CloudWatch Logs", "storage").amount == Decimal("6.00")  # 200 x 0.03
    assert line(found, "CloudWatch Logs", "writes").amount == 50  # 100 x 0.50
    assert line(found, "S3", "STANDARD").amount == Decimal("0.23")  # 1 GiB a day, 10 days, 0.023
    assert line(found, "S3", "written").amount == Decimal("0.1")  # 20 x 0.005
    assert line(found, "KMS", "key of").amount == 1
    assert line(found, "KMS", "encrypted").amount == Decimal("0.06")  # 2 x 0.03
    assert line(found, "the audit itself", "decrypted").amount == Decimal("0.06")
    assert line(found, "the audit itself", "objects").amount == Decimal("0.0008")  # 2 x 0.0004
    assert line(found, "the audit itself", "lists").amount == Decimal("0.00005")
    assert line(found, "Athena").amount == Decimal(31) / 1024 * 5
    assert found.total() == Decimal("57.39")
    assert found.total(AUDIT) == Decimal("0.06085") + Decimal(31) / 1024 * 5


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        pytest.param([], [Stay("STANDARD", 0, None)], id="for-ever"),
        pytest.param([{"Status": "Disabled", "Expiration": {"Days": 1}}], [Stay("STANDARD", 0, None)], id="disabled"),
        pytest.param(
            [
                {
                    "Status": "Enabled",
                    "Expiration": {"Days": 90},
                    "Transitions": [{"Days": 30, "StorageClass": "GLACIER"}],
                }
            ],
            [Stay("STANDARD", 0, 30), Stay("GLACIER", 30, 90)],
            id="moved-and-gone",
        ),
        pytest.param(
            [
                {
                    "Status": "Enabled",
                    "Expiration": {"Days": 20},
                    "Transitions": [{"Days": 30, "StorageClass": "GLACIER"}],
                }
            ],
            [Stay("STANDARD", 0, 20)],
            id="gone-before-it-moves",
        ),
        pytest.param(
            [{"Status": "Enabled", "Filter": {"Prefix": "other/"}, "Expiration": {"Days": 1}}],
            [Stay("STANDARD", 0, None)],
            id="of-something-else",
        ),
        pytest.param(
            [{"Status": "Enabled", "Transitions": [{"Days": 0, "StorageClass": "DEEP_ARCHIVE"}]}],
            [Stay("DEEP_ARCHIVE", 0, None)],
            id="moved-at-once",
        ),
    ],
)
def test_where_log_files_lie_at_which_age(rules: list[dict[str, Any]], expected: list[Stay]) -> None:
    assert list(stays(rules, "AWSLogs/")) == expected


def test_log_files_of_no_known_age_that_never_expire_have_no_price() -> None:
    found = costs(keeping(with_trails(empty(), Told()), oldest=""))
    assert "not known since when" in unknown(found, "S3", "STANDARD").why


def test_a_class_without_a_price_is_not_known() -> None:
    rule = {
        "Status": "Enabled",
        "Expiration": {"Days": 90},
        "Transitions": [{"Days": 30, "StorageClass": "GLACIER_IR"}],
    }
    found = costs(keeping(with_trails(empty(), Told()), rule, oldest=""))
    assert line(found, "S3", "STANDARD").quantity == 30
    assert "GLACIER_IR" in unknown(found, "S3", "GLACIER_IR").why


def test_alarms_metrics_composites_and_dashboards() -> None:
    band = {"Expression": "ANOMALY_DETECTION_BAND(m1, 2)", "Id": "b"}
    stat = {"Id": "m1", "MetricStat": {"Metric": {}, "Period": 300, "Stat": "Sum"}}
    query = {"Id": "q", "Expression": "SELECT AVG(x) FROM y", "Period": 60}
    alarms = [
        {"AlarmName": "plain", "Period": 60, "Metrics": []},
        {"AlarmName": "fine", "Period": 10},
        {"AlarmName": "strange", "Metrics": [stat, band]},
        {"AlarmName": "asks", "Metrics": [query]},
    ]
    made = [{"metricNamespace": "N", "metricName": "a"}, {"metricNamespace": "N", "metricName": "a"}]
    split = [{"metricNamespace": "N", "metricName": "b", "dimensions": {"who": "$.x"}}]
    account = (
        empty()
        .says("cloudwatch:DescribeAlarms", {"MetricAlarms": alarms, "CompositeAlarms": [{}, {}]}, region=HOME)
        .says(
            "logs:DescribeMetricFilters",
            {"metricFilters": [{"metricTransformations": made}, {"metricTransformations": split}]},
            region=HOME,
        )
        .says("cloudwatch:ListDashboards", {"DashboardEntries": [{"DashboardName": "d"}]})
    )
    found = costs(account)
    assert line(found, "alarms", "standard").amount == Decimal("0.40")  # one and three metrics
    assert line(found, "alarms", "high-resolution").amount == Decimal("0.30")
    assert unknown(found, "alarms").what == "asks"
    assert line(found, "composite alarms").amount == 1
    assert line(found, "custom metrics").amount == Decimal("0.30")
    assert "dimensions" in unknown(found, "custom metrics").why
    assert line(found, "dashboards").amount == 3


def test_insights_are_paid_trail_by_trail_and_over_data_events_not_known() -> None:
    kinds = (
        {"InsightType": "ApiCallRateInsight"},
        {"InsightType": "ApiErrorRateInsight", "EventCategories": ["Management", "Data"]},
    )
    found = costs(with_trails(empty(), Told("a", insights=kinds), Told("b", insights=kinds)))
    told = [item for item in found.not_known if item.area == "insights"]
    assert len(told) == 6
    assert [item.at_most for item in told if "over management" in item.what] == [Decimal("3.5")] * 4
    assert [item.at_most for item in told if "over data" in item.what] == [None, None]


def test_what_cannot_be_delivered_is_told() -> None:
    status = {"IsLogging": True, "LatestDeliveryError": "AccessDenied"}
    found = costs(with_trails(empty(), Told(status=status)))
    assert "30 days" in unknown(found, "deliveries").why


@pytest.mark.parametrize("operation", ASKED)
@pytest.mark.parametrize("how", ["refused", "forgotten", "malformed"])
def test_an_answer_that_is_not_there_is_not_known_and_never_zero(operation: str, how: str) -> None:
    account = keeping(with_trails(empty(), Told(), Told("b")))
    if operation == "logs:DescribeMetricFilters":  # where there is no log group, nobody needs its answer
        group = {"logGroupName": "trail", "arn": f"{GROUP}:*", "logGroupArn": GROUP, "storedBytes": GIB}
        account = account.says("logs:DescribeLogGroups", {"logGroups": [group]}, region=HOME)
    whole = costs(account)
    assert whole.exit_code == 0
    broken = {
        "refused": account.refuses_all(operation),
        "forgotten": account.without(operation),
        "malformed": account.changed(operation, {"trailList": 7, "counts": [], "Rules": {}, "InsightSelectors": "x"}),
    }[how]
    found = costs(broken)
    assert len(found.not_known) > len(whole.not_known)
    if how != "malformed" or operation not in {"cloudtrail:GetEventSelectors", "s3:GetBucketLifecycleConfiguration"}:
        assert found.exit_code == 3


def test_filters_are_not_missed_where_there_is_no_log_group() -> None:
    assert costs(empty().without("logs:DescribeMetricFilters")).exit_code == 0
    groups = empty().without("logs:DescribeMetricFilters").refuses_all("logs:DescribeLogGroups")
    assert "logs:DescribeMetricFilters" in unknown(costs(groups), "custom metrics").why


def test_without_the_list_of_calls_the_audit_has_no_price() -> None:
    found = costs(empty(), calls=None)
    assert found.total(AUDIT) == 0
    assert unknown(found, "the audit itself").gap


def test_a_region_without_an_answer_is_named() -> None:
    account = empty().without("logs:DescribeLogGroups").says("logs:DescribeLogGroups", {"logGroups": []}, region=HOME)
    assert "eu-west-1" in unknown(costs(account), "CloudWatch Logs").why


@pytest.mark.parametrize(
    ("start", "end", "factor"),
    [
        pytest.param("2026-10-01", "2026-11-01", 1, id="a-month"),
        pytest.param("2026-02-01", "2026-03-01", 1, id="a-short-month"),
        pytest.param("2026-10-01", "2026-10-02", Decimal(730) / 24, id="a-day"),
        pytest.param("2026-10-01", "2026-12-01", Decimal(730) / (61 * 24), id="two-months"),
        pytest.param("2026-10-02", "2026-11-02", Decimal(730) / (31 * 24), id="across-months"),
    ],
)
def test_numbers_of_a_period_become_those_of_a_month(start: str, end: str, factor: Decimal) -> None:
    assert month_factor(Period(parse_time(start), parse_time(end), "x")) == pytest.approx(factor)


@given(records=st.integers(0, 10**12), data=st.booleans(), trails=st.integers(1, 4))
def test_one_more_trail_of_the_same_kind_costs_exactly_one_copy_more(records: int, data: bool, trails: int) -> None:
    selectors = EVERYTHING if data else ALL_MANAGEMENT
    few = costs(with_trails(empty(), *(Told(f"t{n}", selectors=selectors, records=records) for n in range(trails))))
    more = costs(
        with_trails(empty(), *(Told(f"t{n}", selectors=selectors, records=records) for n in range(trails + 1)))
    )

    def most(found: Estimate) -> Decimal:
        bounds = [item.at_most for item in found.not_known if item.area == "management events"]
        return found.paid_twice + sum((bound for bound in bounds if bound is not None), Decimal(0))

    assert most(more) - most(few) == Decimal(records) / 100_000 * 2
    assert (more.paid_twice == 0) is (data or records == 0)
    assert all(item.amount >= 0 and item.quantity >= 0 for item in (*few.lines, *more.lines))


@given(
    size=st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(max_size=3)
    | st.none()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
)
def test_no_answer_makes_a_negative_or_an_invented_line(size: Any) -> None:
    group = {"logGroupName": "g", "arn": GROUP, "storedBytes": size, "metricFilterCount": 1}
    account = with_trails(empty(), Told()).says("logs:DescribeLogGroups", {"logGroups": [group]}, region=HOME)
    account = account.says("trail:VerifyDigests", verified(stored_bytes=size), region=HOME, Name=arn("trail"))
    found = costs(account)
    assert all(item.amount >= 0 for item in found.lines)
    told = [item for item in found.lines if item.area == "CloudWatch Logs"]
    whole = isinstance(size, int | float) and not isinstance(size, bool) and size == int(size)  # as JSON writes it
    assert bool(told) is (whole and 0 <= size <= 2**60)


def test_the_document_marks_every_line_as_an_estimate_with_the_date_of_its_price() -> None:
    document = costs(keeping(with_trails(empty(), Told()))).document()
    assert document["schema"] == "auditor.cost/1"
    assert all(item["estimate"] is True and item["price"]["seen"] == "2026-11-21" for item in document["lines"])
    assert all(item["usd"] is None and item["why"] for item in document["not_known"])


def test_months_differ_only_by_the_factor() -> None:
    found = costs(with_trails(empty(), Told("a"), Told("b")))
    assert replace(found).total() == sum(item.amount for item in found.lines if item.group == "logging")

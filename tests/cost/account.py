"""A small account whose logging has a price that a person can compute."""

from dataclasses import dataclass, field
from typing import Any

from auditor.cost.build import estimate
from auditor.cost.estimate import Estimate, Line, NotKnown
from auditor.cost.prices import Prices, load_prices
from auditor.cost.recorded import Counts
from auditor.evidence import world
from auditor.evidence.world import ACCOUNT, World
from tests.evaluate.kit import catalog

HOME = "us-east-1"
BUCKET = "logs"
GROUP = f"arn:aws:logs:{HOME}:{ACCOUNT}:log-group:trail"
KEY = f"arn:aws:kms:{HOME}:{ACCOUNT}:key/1"
ALL_MANAGEMENT: dict[str, Any] = {"EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": True}]}
EVERYTHING: dict[str, Any] = {
    "EventSelectors": [
        {
            "ReadWriteType": "All",
            "IncludeManagementEvents": True,
            "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}],
        }
    ]
}
GIB = 1 << 30
CALLS = [
    {"service": "s3", "operation": "GetObject", "region": HOME, "requests": 2000},
    {"service": "s3", "operation": "ListObjectsV2", "region": HOME, "requests": 10},
    {"service": "iam", "operation": "ListUsers", "region": HOME, "requests": 3},
]

ASKED = [
    "cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors",
    "cloudtrail:GetInsightSelectors", "trail:VerifyDigests", "logs:DescribeLogGroups", "logs:DescribeMetricFilters",
    "cloudwatch:DescribeAlarms", "cloudwatch:ListMetrics", "cloudwatch:ListDashboards",
    "s3:GetBucketLifecycleConfiguration",
]  # fmt: skip
"""Everything that an estimate reads of this account."""


def arn(name: str) -> str:
    """Return the ARN of a trail."""
    return f"arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/{name}"


def empty() -> World:
    """Return an account in which nothing is there and everything answers."""
    regions: tuple[str, ...] = ("eu-west-1", HOME)
    return (
        World(operations=catalog().operations, regions=regions)
        .says("cloudtrail:DescribeTrails", {"trailList": []})
        .says("logs:DescribeLogGroups", {"logGroups": []})
        .says("logs:DescribeMetricFilters", {"metricFilters": []})
        .says("cloudwatch:DescribeAlarms", {"MetricAlarms": [], "CompositeAlarms": []})
        .says("cloudwatch:ListMetrics", {"Metrics": []})
        .says("cloudwatch:ListDashboards", {"DashboardEntries": []})
    )


@dataclass(frozen=True)
class Told:
    """What is told of one trail."""

    name: str = "trail"
    selectors: dict[str, Any] = field(default_factory=lambda: ALL_MANAGEMENT)
    records: int = 1_000_000
    insights: tuple[Any, ...] = ()
    several: bool = True
    group: str = ""
    key: str = ""
    status: dict[str, Any] = field(default_factory=lambda: {"IsLogging": True})


def with_trails(account: World, *trails: Told) -> World:
    """Return the account with trails."""
    described = [
        {
            "TrailARN": arn(trail.name),
            "Name": trail.name,
            "HomeRegion": HOME,
            "IsMultiRegionTrail": trail.several,
            "S3BucketName": BUCKET,
            **({"CloudWatchLogsLogGroupArn": f"{trail.group}:*"} if trail.group else {}),
            **({"KmsKeyId": trail.key} if trail.key else {}),
        }
        for trail in trails
    ]
    account = account.says("cloudtrail:DescribeTrails", {"trailList": described}).lacks(
        "s3:GetBucketLifecycleConfiguration", Bucket=BUCKET
    )
    for trail in trails:
        account = (
            account.says("cloudtrail:GetTrailStatus", trail.status, region=HOME, Name=arn(trail.name))
            .says(
                "cloudtrail:GetEventSelectors", {"TrailARN": arn(trail.name), **trail.selectors},
                region=HOME, TrailName=arn(trail.name),
            )
            .says(
                "cloudtrail:GetInsightSelectors", {"InsightSelectors": list(trail.insights)},
                region=HOME, TrailName=arn(trail.name),
            )
            .says("trail:VerifyDigests", verified(), region=HOME, Name=arn(trail.name))
            .says("trail:NotableEvents", noted(trail.records), region=HOME, Name=arn(trail.name))
        )  # fmt: skip
    return account


def verified(**logs: int) -> dict[str, Any]:
    """Return what verification counted: 31 GiB in 20,000 files of a month of 31 days."""
    told = {
        "valid": 20_000, "altered": 0, "unvouched": 0, "missing": 0, "unreadable": 0, "unchecked": 0,
        "stored_bytes": 31 * GIB, "inflated_bytes": 100 * GIB, **logs,
    }  # fmt: skip
    return {"verdict": "pass", "counts": {"logs": told}, "coverage": {}, "gaps": [], "findings": []}


def noted(records: int) -> dict[str, Any]:
    """Return what was noted beside it."""
    return {"counts": {}, "rows": [], "omitted": 0, "source": {"records": records, "log_files": 1}}


def costs(
    account: World, *, counts: Counts | None = None, prices: Prices | None = None, calls: Any = CALLS
) -> Estimate:
    """Estimate."""
    operations = catalog().operations
    evidence = world.held({ACCOUNT: account}, (), operations)
    known = None if counts is None else {ACCOUNT: counts}
    return estimate(evidence, prices or load_prices(), operations, calls=calls, counts=known)


def line(found: Estimate, area: str, what: str = "") -> Line:
    """Return the one line of an area whose name holds some words."""
    (item,) = [item for item in found.lines if item.area == area and what in item.what]
    return item


def unknown(found: Estimate, area: str, what: str = "") -> NotKnown:
    """Return the one thing of an area that is not known."""
    (item,) = [item for item in found.not_known if item.area == area and what in item.what]
    return item

"""Controls of trail-readiness over configuration."""

from typing import Any

import pytest

from auditor.model import State
from auditor.policies.effects import S3_ACTIONS, Where
from tests.evaluate.checks.worlds import (
    ALL_EVENTS,
    ALL_OBJECTS,
    GROUP,
    INSIGHTS,
    KEY,
    LAMBDA_EVENTS,
    LOGS,
    MANAGEMENT,
    OBJECT_EVENTS,
    RIGHT,
    TRAIL,
    agent_metrics,
    alarm,
    alarms,
    buckets,
    database,
    databases,
    detectors,
    fields,
    instance,
    instances,
    kept_logs,
    kms_key,
    limited,
    linked,
    listened,
    log_folder,
    oldest_log,
    other_trail,
    policy,
    scaling_group,
    selected,
    status,
    trail,
    trails,
    watched_instance,
)
from tests.evaluate.kit import ACCOUNT, FAR, HOME, World, ago, reasons, states

SECOND = other_trail("second")
OF_TRAILS = [name for name in RIGHT if name.startswith(("trail-", "cloudtrail-digest"))]
AT_HOME = {"region": HOME, "Name": TRAIL}


def says(operation: str, page: Any, **where: Any) -> World:
    return kept_logs().says(operation, page, **where)


def selecting(*classic: dict[str, Any], advanced: Any = None) -> World:
    answer = selected(TRAIL, *classic, advanced=advanced)
    return says("cloudtrail:GetEventSelectors", answer, region=HOME, TrailName=TRAIL)


def recording(objects: str = "arn:aws:s3", functions: str = "arn:aws:lambda", kind: str = "All") -> World:
    """A world whose trail records data events of objects and functions with some ARNs."""
    resources = [{**OBJECT_EVENTS, "Values": [objects]}, {**LAMBDA_EVENTS, "Values": [functions]}]
    return selecting({**ALL_EVENTS, "ReadWriteType": kind, "DataResources": resources})


OBJECTS = {"eventCategory": {"Equals": ["Data"]}, "resources__type": {"Equals": ["AWS::S3::Object"]}}
FUNCTIONS = {"eventCategory": {"Equals": ["Data"]}, "resources__type": {"Equals": ["AWS::Lambda::Function"]}}


def insights(*categories: str) -> World:
    """Let the trail have both Insights on some categories of events."""
    chosen = [{**item, "EventCategories": list(categories)} for item in INSIGHTS["InsightSelectors"]]
    return kept_logs().says(
        "cloudtrail:GetInsightSelectors", {"InsightSelectors": chosen}, region=HOME, TrailName=TRAIL
    )


def lifecycle(**rule: Any) -> World:
    return says(
        "s3:GetBucketLifecycleConfiguration", {"Rules": [{"Status": "Enabled", "Prefix": "", **rule}]}, Bucket=LOGS
    )


def locked(**retention: Any) -> World:
    rule = {"Rule": {"DefaultRetention": retention}} if retention else {}
    return says(
        "s3:GetObjectLockConfiguration",
        {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled", **rule}},
        Bucket=LOGS,
    )


def statement(action: Any, principal: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*", **more}


def granting(action: Any, principal: Any, *beside: dict[str, Any], **more: Any) -> World:
    found = policy(statement(action, principal, **more), *beside)
    return says("s3:GetBucketPolicy", {"Policy": found}, Bucket=LOGS)


def denying(**more: Any) -> dict[str, Any]:
    return statement("s3:*", "*", Effect="Deny", **more)


def reaching_back_to(day: str, storage: str = "STANDARD", **in_status: Any) -> World:
    """A world whose oldest log file is of a day, with a trail that has been logging since 2026-01-25."""
    world = says("s3:ListObjectsV2", oldest_log(day, storage), Bucket=LOGS, Prefix=log_folder())
    return world.says("cloudtrail:GetTrailStatus", status(**in_status), **AT_HOME)


def group(**changes: Any) -> World:
    found = {"logGroupName": "trail", "arn": GROUP, **changes}
    return says("logs:DescribeLogGroups", {"logGroups": [found]}, region=HOME)


MANAGED = {"eventCategory": {"Equals": ["Management"]}}
FIVE_DAYS = [{"StorageClass": "GLACIER", "Days": 5}]


@pytest.mark.parametrize(
    ("control", "world", "expected", "words"),
    [
        pytest.param(
            "trail-selectors-exclude-nothing",
            selecting({**ALL_EVENTS, "ExcludeManagementEventSources": ["kms.amazonaws.com"]}),
            State.FAIL,
            "kms.amazonaws.com",
            id="kms-left-out",
        ),
        pytest.param(
            "trail-selectors-exclude-nothing",
            selecting(advanced=[fields(**MANAGED, eventSource={"NotEquals": ["rdsdata.amazonaws.com"]})]),
            State.FAIL,
            "rdsdata",
            id="rds-data-left-out",
        ),
        pytest.param(
            "trail-selectors-exclude-nothing",
            selecting(advanced=[fields(**MANAGED, sessionCredentialFromConsole={"Equals": ["true"]})]),
            State.FAIL,
            "sessionCredentialFromConsole",
            id="console-only",
        ),
        pytest.param(
            "trail-selectors-exclude-nothing",
            selecting({**ALL_EVENTS, "IncludeManagementEvents": False}),
            State.NOT_APPLICABLE,
            "no management events",
            id="data-only-trail",
        ),
        pytest.param("trail-data-events-recorded", selecting(ALL_OBJECTS), State.FAIL, "Lambda", id="no-functions"),
        pytest.param("trail-data-events-recorded", trails(), State.FAIL, "S3", id="no-trail"),
        pytest.param(
            "trail-data-events-recorded",
            recording(functions="arn:aws:lambda:eu-central-1:111122223333:function:one"),
            State.FAIL,
            "in part for AWS::Lambda::Function (only arn:aws:lambda:eu-central-1:111122223333:function:one)",
            id="one-function",
        ),
        pytest.param(
            "trail-data-events-recorded",
            recording(objects="arn:aws:s3:::one/"),
            State.FAIL,
            "in part for AWS::S3::Object (only arn:aws:s3:::one/)",
            id="one-bucket",
        ),
        pytest.param(
            "trail-data-events-recorded", recording(objects="arn:aws:s3:::"), State.PASS, "S3", id="all-buckets"
        ),
        pytest.param(
            "trail-data-events-recorded",
            recording(kind="WriteOnly"),
            State.PASS,
            "AWS::S3::Object (write events only)",
            id="writes-only",
        ),
        pytest.param(
            "trail-data-events-recorded",
            selecting(advanced=[fields(**OBJECTS), fields(**FUNCTIONS, readOnly={"Equals": ["true"]})]),
            State.FAIL,
            "AWS::Lambda::Function",
            id="no-invocation-is-a-read",
        ),
        pytest.param(
            "trail-data-events-recorded",
            recording(kind="ReadOnly"),
            State.FAIL,
            "AWS::Lambda::Function",
            id="no-invocation-is-a-read-of-classic-selectors",
        ),
        pytest.param(
            "trail-data-events-recorded",
            selecting(advanced=[fields(**OBJECTS), fields(**FUNCTIONS)]),
            State.PASS,
            "AWS::S3::Object, AWS::Lambda::Function",
            id="advanced",
        ),
        pytest.param(
            "trail-data-events-recorded",
            selecting(
                advanced=[fields(**OBJECTS), fields(**FUNCTIONS, resources__ARN={"StartsWith": ["arn:aws:lambda:"]})]
            ),
            State.PASS,
            "AWS::Lambda::Function",
            id="advanced-all-functions-by-prefix",
        ),
        pytest.param(
            "trail-data-events-recorded",
            selecting(
                advanced=[
                    fields(**OBJECTS, resources__ARN={"NotStartsWith": ["arn:aws:s3:::logs/"]}),
                    fields(**FUNCTIONS, eventName={"Equals": ["Invoke"]}),
                ]
            ),
            State.FAIL,
            "AWS::S3::Object (all but arn:aws:s3:::logs/), AWS::Lambda::Function (only events chosen by eventName)",
            id="advanced-narrowed",
        ),
        pytest.param(
            "trail-data-events-recorded",
            selecting(ALL_OBJECTS, {**ALL_EVENTS, "DataResources": [{**LAMBDA_EVENTS, "Values": []}]}),
            State.FAIL,
            "No data events are recorded for AWS::Lambda::Function.",
            id="no-values",
        ),
        pytest.param(
            "trail-insights-enabled",
            insights("Data"),
            State.FAIL,
            "Those that are look at data events alone.",
            id="insights-on-data-events",
        ),
        pytest.param(
            "trail-insights-enabled", insights("Data", "Management"), State.PASS, "are enabled", id="insights-on-both"
        ),
        pytest.param(
            "trail-insights-enabled",
            kept_logs().lacks("cloudtrail:GetInsightSelectors", region=HOME, TrailName=TRAIL),
            State.FAIL,
            "ApiCallRateInsight",
            id="no-insights",
        ),
        pytest.param(
            "trail-insights-enabled",
            says(
                "cloudtrail:GetInsightSelectors",
                {"InsightSelectors": [{"InsightType": "ApiCallRateInsight"}]},
                region=HOME,
                TrailName=TRAIL,
            ),
            State.FAIL,
            "ApiErrorRateInsight",
            id="one-insight-of-two",
        ),
        pytest.param(
            "trail-delivery-current",
            says("cloudtrail:GetTrailStatus", status(LatestDeliveryTime=ago(hours=24, seconds=1)), **AT_HOME),
            State.FAIL,
            "more than 24 hours",
            id="a-day-old",
        ),
        pytest.param(
            "trail-delivery-current",
            says("cloudtrail:GetTrailStatus", status(LatestDeliveryError="AccessDenied"), **AT_HOME),
            State.FAIL,
            "AccessDenied",
            id="delivery-error",
        ),
        pytest.param(
            "trail-delivery-current",
            says("cloudtrail:GetTrailStatus", status(IsLogging=False), **AT_HOME),
            State.FAIL,
            "not logging",
            id="stopped",
        ),
        pytest.param(
            "cloudtrail-digest-delivery-current",
            says("cloudtrail:GetTrailStatus", status(LatestDigestDeliveryTime=ago(hours=2)), **AT_HOME),
            State.PASS,
            "within 2 hours",
            id="digest-at-the-limit",
        ),
        pytest.param(
            "cloudtrail-digest-delivery-current",
            says("cloudtrail:GetTrailStatus", status(LatestDigestDeliveryTime=ago(hours=2, seconds=1)), **AT_HOME),
            State.FAIL,
            "more than 2 hours",
            id="digest-one-second-late",
        ),
        pytest.param(
            "cloudtrail-digest-delivery-current",
            says("cloudtrail:GetTrailStatus", status(LatestDigestDeliveryTime=None), **AT_HOME),
            State.FAIL,
            "ever delivered",
            id="no-digest",
        ),
        pytest.param(
            "cloudtrail-digest-delivery-current",
            says("cloudtrail:DescribeTrails", {"trailList": [trail(LogFileValidationEnabled=False)]}),
            State.NOT_APPLICABLE,
            "validation is off",
            id="validation-off",
        ),
        pytest.param(
            "trail-key-usable",
            says("kms:DescribeKey", {"KeyMetadata": kms_key(KeyState="Disabled")}, region=HOME, KeyId="1111"),
            State.FAIL,
            "Disabled",
            id="key-disabled",
        ),
        pytest.param(
            "trail-key-usable",
            says("cloudtrail:DescribeTrails", {"trailList": [trail(KmsKeyId=KEY.replace("1111", "9999", 2))]}),
            State.NOT_ASSESSED,
            "another account",
            id="key-of-another-account",
        ),
        pytest.param(
            "trail-key-usable",
            says("cloudtrail:DescribeTrails", {"trailList": [trail(KmsKeyId=f"{KEY}9")]}),
            State.FAIL,
            "does not exist",
            id="key-gone",
        ),
        pytest.param(
            "trail-key-usable",
            says("cloudtrail:DescribeTrails", {"trailList": [trail(KmsKeyId=None)]}),
            State.NOT_APPLICABLE,
            "no KMS key",
            id="no-key",
        ),
        pytest.param("trail-no-duplicate-copies", trails(trail(), SECOND), State.FAIL, "all, second", id="two-copies"),
        pytest.param(
            "trail-no-duplicate-copies",
            trails(trail(), other_trail("far", IsMultiRegionTrail=False)),
            State.FAIL,
            "1 Region",
            id="one-region-twice",
        ),
        pytest.param(
            "trail-no-duplicate-copies",
            trails(trail(), SECOND).says(
                "cloudtrail:GetTrailStatus", status(IsLogging=False), region=HOME, Name=SECOND["TrailARN"]
            ),
            State.PASS,
            "more than once",
            id="second-one-stopped",
        ),
        pytest.param("trail-no-duplicate-copies", trails(), State.NOT_APPLICABLE, "No trail", id="no-copies"),
        pytest.param(
            "trail-bucket-in-another-account",
            buckets(trails(trail()), LOGS),
            State.FAIL,
            "belongs to the account",
            id="own",
        ),
        pytest.param(
            "trail-bucket-object-lock",
            kept_logs().lacks("s3:GetObjectLockConfiguration", Bucket=LOGS),
            State.FAIL,
            "Object Lock is off",
            id="no-lock",
        ),
        pytest.param(
            "trail-bucket-object-lock", locked(), State.FAIL, "no default retention", id="lock-without-retention"
        ),
        pytest.param(
            "trail-bucket-object-lock", locked(Mode="GOVERNANCE", Years=1), State.PASS, "can lift it", id="governance"
        ),
        pytest.param(
            "trail-bucket-object-lock",
            locked(Mode="COMPLIANCE"),
            State.NOT_ASSESSED,
            "Years",
            id="retention-without-length",
        ),
        pytest.param(
            "trail-bucket-object-lock",
            kept_logs()
            .lacks("s3:GetObjectLockConfiguration", Bucket=LOGS)
            .says("s3:GetBucketVersioning", {"Status": "Enabled", "MFADelete": "Enabled"}, Bucket=LOGS),
            State.PASS,
            "MFA delete",
            id="mfa-delete",
        ),
        pytest.param("trail-logs-retained", lifecycle(Expiration={"Days": 364}), State.FAIL, "364 days", id="364-days"),
        pytest.param(
            "trail-logs-retained", lifecycle(Expiration={"Days": 365}), State.PASS, "none deletes", id="365-days"
        ),
        pytest.param("trail-logs-retained", lifecycle(Expiration={"Date": ago()}), State.FAIL, "fixed date", id="date"),
        pytest.param(
            "trail-logs-retained", lifecycle(Transitions=FIVE_DAYS), State.FAIL, "GLACIER", id="glacier-early"
        ),
        pytest.param(
            "trail-logs-retained",
            lifecycle(Transitions=[{"StorageClass": "GLACIER_IR", "Days": 1}, {"StorageClass": "GLACIER", "Days": 90}]),
            State.PASS,
            "none deletes",
            id="instant-retrieval-and-glacier-late",
        ),
        pytest.param(
            "trail-logs-retained",
            lifecycle(Prefix="other/", Expiration={"Days": 1}),
            State.PASS,
            "none deletes",
            id="elsewhere",
        ),
        pytest.param(
            "trail-logs-retained",
            lifecycle(Prefix=None, Filter={"And": {"Prefix": "AWSLogs/", "Tags": []}}, Expiration={"Days": 1}),
            State.FAIL,
            "1 day;",
            id="prefix-inside-and",
        ),
        pytest.param(
            "trail-logs-retained",
            lifecycle(Status="Disabled", Expiration={"Days": 1}),
            State.PASS,
            "none deletes",
            id="disabled",
        ),
        pytest.param(
            "trail-logs-retained",
            kept_logs().lacks("s3:GetBucketLifecycleConfiguration", Bucket=LOGS),
            State.PASS,
            "no lifecycle rules",
            id="no-rules",
        ),
        pytest.param(
            "trail-bucket-object-lock",
            locked(Mode="COMPLIANCE", Days=None),
            State.NOT_ASSESSED,
            "Days",
            id="retention-without-a-number",
        ),
        pytest.param(
            "trail-bucket-object-lock",
            locked(Mode="TOMORROW", Days=9),
            State.NOT_ASSESSED,
            "Mode",
            id="mode-of-tomorrow",
        ),
        pytest.param(
            "trail-logs-retained",
            lifecycle(Status="enabled", Expiration={"Days": 1}),
            State.NOT_ASSESSED,
            "Status",
            id="status-of-tomorrow",
        ),
        pytest.param(
            "trail-logs-retained",
            lifecycle(Transitions=[{"StorageClass": "ICE", "Days": 1}]),
            State.NOT_ASSESSED,
            "StorageClass",
            id="storage-of-tomorrow",
        ),
        pytest.param(
            "trail-logs-retained", lifecycle(Expiration={"Days": "x"}), State.NOT_ASSESSED, "Days", id="hostile"
        ),
        pytest.param(
            "trail-bucket-policy-guards-logs",
            granting("s3:DeleteObject", {"AWS": f"arn:aws:iam::{ACCOUNT}:role/x"}),
            State.FAIL,
            "s3:DeleteObject",
            id="own-role-may-delete",
        ),
        pytest.param(
            "trail-bucket-policy-guards-logs",
            granting("s3:*", {"AWS": MANAGEMENT}),
            State.FAIL,
            MANAGEMENT,
            id="all-actions",
        ),
        pytest.param(
            "trail-bucket-policy-guards-logs",
            granting("s3:Get*", {"AWS": f"arn:aws:iam::{MANAGEMENT}:root"}),
            State.FAIL,
            "read log files",
            id="outsider-may-read",
        ),
        pytest.param(
            "trail-bucket-policy-guards-logs",
            granting("s3:Get*", {"AWS": f"arn:aws:iam::{ACCOUNT}:role/reader"}),
            State.PASS,
            "nobody",
            id="own-role-may-read",
        ),
        pytest.param(
            "trail-bucket-policy-guards-logs",
            kept_logs().lacks("s3:GetBucketPolicy", Bucket=LOGS),
            State.PASS,
            "no policy",
            id="no-policy",
        ),
        pytest.param(
            "trail-bucket-policy-guards-logs",
            buckets(kept_logs(), "x"),
            State.PASS,
            "nobody",
            id="bucket-of-another-account",
        ),
        pytest.param(
            "trail-bucket-policy-guards-logs",
            buckets(granting("s3:GetObject", {"AWS": MANAGEMENT}), "x"),
            State.NOT_ASSESSED,
            f"another account, which is not known, and its policy lets {MANAGEMENT} read",
            id="bucket-and-reader-of-another-account",
        ),
        pytest.param(
            "trail-bucket-policy-guards-logs",
            buckets(granting("s3:GetObject", "*"), "x"),
            State.FAIL,
            "lets * read",
            id="bucket-of-another-account-open-to-all",
        ),
        pytest.param(
            "trail-bucket-policy-guards-logs",
            buckets(kept_logs().refuses("s3:GetBucketPolicy", Bucket=LOGS), "x"),
            State.NOT_ASSESSED,
            "s3:GetBucketPolicy gave no usable answer (AccessDenied)",
            id="policy-of-another-account-refused",
        ),
        pytest.param(
            "trail-bucket-policy-guards-logs",
            granting("s3:DeleteObject", {"AWS": MANAGEMENT}, denying(Resource=f"arn:aws:s3:::{LOGS}/*")),
            State.PASS,
            "nobody",
            id="taken-back-by-a-denial",
        ),
        pytest.param(
            "trail-bucket-policy-guards-logs",
            granting("s3:DeleteObject", {"AWS": MANAGEMENT}, denying(Resource=f"arn:aws:s3:::{LOGS}/AWSLogs/1*")),
            State.FAIL,
            "s3:DeleteObject",
            id="taken-back-in-part",
        ),
        pytest.param(
            "trail-bucket-policy-guards-logs",
            granting(
                "s3:DeleteObject", {"AWS": MANAGEMENT}, denying(Condition={"Bool": {"aws:SecureTransport": "false"}})
            ),
            State.FAIL,
            "s3:DeleteObject",
            id="taken-back-under-a-condition",
        ),
        pytest.param(
            "trail-bucket-policy-guards-logs",
            granting("s3:DeleteObject", {"AWS": MANAGEMENT}, denying(Principal={"AWS": ACCOUNT})),
            State.FAIL,
            "s3:DeleteObject",
            id="taken-back-from-somebody-else",
        ),
        pytest.param(
            "trail-bucket-policy-guards-logs",
            granting("s3:*", {"AWS": MANAGEMENT}, Resource=f"arn:aws:s3:::{LOGS}/reports/*"),
            State.PASS,
            "nobody",
            id="other-files-of-the-bucket",
        ),
        pytest.param(
            "trail-bucket-policy-guards-logs",
            granting("s3:GetObject", "*", Condition={"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}),
            State.PASS,
            "nobody",
            id="everybody-of-this-account-may-read",
        ),
        pytest.param(
            "trail-bucket-policy-guards-logs",
            granting("s3:GetObject", "*", Condition={"ForAllValues:StringEquals": {"aws:PrincipalAccount": ACCOUNT}}),
            State.FAIL,
            "lets * read",
            id="condition-that-a-missing-key-meets",
        ),
        pytest.param("trail-logs-retained", reaching_back_to("2025/11/28"), State.PASS, "2025-11-28", id="old-enough"),
        pytest.param(
            "trail-logs-retained",
            reaching_back_to("2026/02/01"),
            State.PASS,
            "of 2026-02-01; the trail has been logging since 2026-01-25",
            id="as-old-as-the-trail",
        ),
        pytest.param(
            "trail-logs-retained",
            reaching_back_to("2026/02/02"),
            State.FAIL,
            "of 2026-02-02, although the trail has been logging since 2026-01-25",
            id="younger-than-the-trail",
        ),
        pytest.param(
            "trail-logs-retained",
            reaching_back_to("2026/11/12", StartLoggingTime=ago(days=9), StopLoggingTime=ago(days=10)),
            State.NOT_ASSESSED,
            "start of logging on 2026-11-12 need not be its first: it has been stopped, last on 2026-11-11",
            id="started-again",
        ),
        pytest.param(
            "trail-logs-retained",
            reaching_back_to("2026/11/01", StartLoggingTime=ago(days=20), StopLoggingTime=ago(days=1)),
            State.NOT_ASSESSED,
            "need not be its first",
            id="stopped-for-good",
        ),
        pytest.param(
            "trail-logs-retained",
            reaching_back_to("2025/11/20", StartLoggingTime=ago(days=9), StopLoggingTime=ago(days=10)),
            State.PASS,
            "2025-11-20",
            id="started-again-with-old-logs",
        ),
        pytest.param(
            "trail-logs-retained",
            reaching_back_to("2026/10/01", "GLACIER", StartLoggingTime=ago(days=50)),
            State.FAIL,
            "is in GLACIER already",
            id="recent-log-archived",
        ),
        pytest.param(
            "trail-logs-retained",
            reaching_back_to("2026/10/01", "GLACIER_IR", StartLoggingTime=ago(days=50)),
            State.PASS,
            "2026-10-01",
            id="recent-log-at-hand",
        ),
        pytest.param(
            "trail-logs-retained",
            says("s3:ListObjectsV2", {"KeyCount": 0}, Bucket=LOGS, Prefix=log_folder()),
            State.NOT_ASSESSED,
            "no log file",
            id="no-log-file",
        ),
        pytest.param(
            "trail-logs-retained", reaching_back_to("not/a/day"), State.NOT_ASSESSED, "documented form", id="no-day"
        ),
        pytest.param(
            "trail-logs-retained",
            kept_logs().refuses("s3:ListObjectsV2", Bucket=LOGS, Prefix=log_folder()),
            State.NOT_ASSESSED,
            "s3:ListBucket",
            id="listing-refused",
        ),
        pytest.param(
            "trail-logs-retained",
            kept_logs()
            .says("cloudtrail:DescribeTrails", {"trailList": [trail(IsOrganizationTrail=True)]})
            .without("s3:ListObjectsV2"),
            State.PASS,
            "is not looked for",
            id="organization-trail",
        ),
        pytest.param(
            "trail-logs-retained",
            kept_logs()
            .says("cloudtrail:DescribeTrails", {"trailList": [trail(S3KeyPrefix="central")]})
            .says(
                "s3:ListObjectsV2",
                oldest_log("2025/01/01", folder=log_folder("central/")),
                Bucket=LOGS,
                Prefix=log_folder("central/"),
            ),
            State.PASS,
            "2025-01-01",
            id="key-prefix",
        ),
        pytest.param(
            "trail-bucket-object-lock",
            buckets(kept_logs(), "x"),
            State.PASS,
            "Object Lock",
            id="bucket-of-another-account-locked",
        ),
        pytest.param("trail-log-group-retention", group(retentionInDays=89), State.FAIL, "89 days", id="89-days"),
        pytest.param("trail-log-group-retention", group(), State.PASS, "never expire", id="never"),
        pytest.param(
            "trail-log-group-retention",
            says("logs:DescribeLogGroups", {"logGroups": []}, region=HOME),
            State.FAIL,
            "does not exist",
            id="group-gone",
        ),
        pytest.param(
            "trail-log-group-retention",
            says("cloudtrail:DescribeTrails", {"trailList": [trail(CloudWatchLogsLogGroupArn=None)]}),
            State.NOT_APPLICABLE,
            "no log group",
            id="no-log-group",
        ),
        pytest.param("log-group-expiry-decided", group(), State.FAIL, "not set", id="never-decided"),
        pytest.param("log-group-retention-minimum", group(retentionInDays=7), State.FAIL, "7 days", id="a-week"),
        pytest.param("log-group-retention-minimum", group(), State.PASS, "never expire", id="for-ever"),
        pytest.param("log-group-encrypted", group(), State.FAIL, "not set", id="no-kms-key"),
    ],
)
def test_readiness(control: str, world: World, expected: State, words: str) -> None:
    result = world.judge(control)
    assert result.state is expected, reasons(result)
    assert words in reasons(result)


UNVERSIONED: tuple[str, dict[str, Any]] = ("s3:GetBucketVersioning", {})
WITH_ACLS = ("s3:GetBucketOwnershipControls", {"OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}})
OUTSIDE, INSIDE = {"AWS": f"arn:aws:iam::{MANAGEMENT}:root"}, {"AWS": f"arn:aws:iam::{ACCOUNT}:role/writer"}


@pytest.mark.parametrize(
    ("action", "principal", "bucket", "expected"),
    [
        *[
            pytest.param(one.name, OUTSIDE, (), State.FAIL, id=one.name)
            for one in S3_ACTIONS
            if one.where is Where.EVERYWHERE
        ],
        pytest.param("s3:ReplicateDelete", INSIDE, (), State.FAIL, id="own-role-deletes"),
        pytest.param("s3:PutBucketAcl", INSIDE, (), State.FAIL, id="own-role-opens"),
        pytest.param("s3:PutObjectRetention", INSIDE, (), State.PASS, id="own-role-retains"),
        pytest.param("s3:PutObject", OUTSIDE, (), State.PASS, id="outsider-adds-a-version"),
        pytest.param("s3:PutObject", OUTSIDE, (UNVERSIONED,), State.FAIL, id="outsider-overwrites"),
        pytest.param("s3:PutObject", INSIDE, (UNVERSIONED,), State.PASS, id="own-role-writes"),
        pytest.param("s3:PutObject", {"Service": "x.amazonaws.com"}, (UNVERSIONED,), State.PASS, id="service-writes"),
        pytest.param("s3:PutObjectAcl", OUTSIDE, (), State.PASS, id="acls-off"),
        pytest.param("s3:PutObjectAcl", OUTSIDE, (WITH_ACLS,), State.FAIL, id="acls-on"),
        pytest.param("s3:PutBucketTagging", OUTSIDE, (UNVERSIONED, WITH_ACLS), State.PASS, id="without-effect"),
    ],
)
def test_what_a_bucket_policy_lets_somebody_bring_about(
    action: str, principal: Any, bucket: tuple[tuple[str, Any], ...], expected: State
) -> None:
    on = [f"arn:aws:s3:::{LOGS}", f"arn:aws:s3:::{LOGS}/*"]
    world = granting(action, principal, Resource=on)
    for operation, answer in bucket:
        world = world.says(operation, answer, Bucket=LOGS)
    result = world.judge("trail-bucket-policy-guards-logs")
    assert result.state is expected, reasons(result)
    assert expected is State.PASS or action in reasons(result) or "read log files" in reasons(result)


def test_without_ownership_rules_access_control_lists_are_in_force() -> None:
    world = granting("s3:PutObjectAcl", OUTSIDE).lacks("s3:GetBucketOwnershipControls", Bucket=LOGS)
    assert world.judge("trail-bucket-policy-guards-logs").state is State.FAIL


def test_a_bucket_state_nobody_can_read_hides_no_failure_and_lets_nothing_pass() -> None:
    world = granting(["s3:PutObject", "s3:PutObjectAcl"], OUTSIDE).refuses("s3:GetBucketVersioning", Bucket=LOGS)
    assert world.judge("trail-bucket-policy-guards-logs").state is State.NOT_ASSESSED
    assert world.says(*WITH_ACLS, Bucket=LOGS).judge("trail-bucket-policy-guards-logs").state is State.FAIL


@pytest.mark.parametrize(
    ("condition", "expected", "words"),
    [
        ({"s3:DataAccessPointAccount": ACCOUNT}, State.NOT_ASSESSED, f"access points of {ACCOUNT}"),
        ({"s3:DataAccessPointAccount": MANAGEMENT}, State.FAIL, "read log files"),
        ({"aws:userid": "AIDAEXAMPLE"}, State.NOT_ASSESSED, "AIDAEXAMPLE"),
        ({"aws:PrincipalAccount": ACCOUNT}, State.PASS, "Policies of access points were not looked at"),
    ],
)
def test_readers_by_a_condition(condition: Any, expected: State, words: str) -> None:
    result = granting("s3:GetObject", "*", Condition={"StringEquals": condition}).judge(
        "trail-bucket-policy-guards-logs"
    )
    assert result.state is expected
    assert words in reasons(result)


def test_readers_of_the_logs_are_a_parameter() -> None:
    world = granting("s3:GetObject", {"AWS": f"arn:aws:iam::{MANAGEMENT}:root"})
    assert world.judge("trail-bucket-policy-guards-logs", readers=[MANAGEMENT]).state is State.PASS


APART = {"trail-data-events-recorded", "trail-events-found-again"}
"""Without a trail the first fails; the second needs a sample of Event history, and has a case of its own."""


@pytest.mark.parametrize("control", [name for name in OF_TRAILS if name not in APART])
def test_without_a_trail_there_is_nothing_to_keep_ready(control: str) -> None:
    world = World({**kept_logs().answers, **trails().answers})
    assert world.judge(control).state is State.NOT_APPLICABLE


@pytest.mark.parametrize("control", ["log-group-expiry-decided", "log-group-retention-minimum"])
def test_a_log_group_of_class_delivery_has_no_retention_to_decide(control: str) -> None:
    page = {"logGroups": [{"logGroupName": "edge", "arn": "edge", "logGroupClass": "DELIVERY"}]}
    result = kept_logs().says("logs:DescribeLogGroups", page).judge(control)
    assert result.state is State.NOT_APPLICABLE
    assert "DELIVERY" in reasons(result)


def test_a_trail_cannot_keep_events_in_a_log_group_of_class_delivery() -> None:
    page = {"logGroups": [{"logGroupName": "trail", "arn": GROUP, "logGroupClass": "DELIVERY"}]}
    result = kept_logs().says("logs:DescribeLogGroups", page, region=HOME).judge("trail-log-group-retention")
    assert result.state is State.FAIL


@pytest.mark.parametrize("control", ["log-group-expiry-decided", "log-group-retention-minimum", "log-group-encrypted"])
def test_one_log_group_of_two_in_another_region(control: str) -> None:
    weak = {"logGroupName": "weak", "arn": "x"} | ({"retentionInDays": 1} if "minimum" in control else {})
    world = says("logs:DescribeLogGroups", {"logGroups": [weak]}, region=FAR)
    assert states(world.judge(control)) == {"trail": State.PASS, "weak": State.FAIL}


CONNECTIONS = alarm("AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", "two")
MATHS = {
    **CONNECTIONS,
    "AlarmName": "maths",
    "MetricName": None,
    "Metrics": [
        {"Id": "e", "Expression": "m * 2"},
        {
            "Id": "m",
            "ReturnData": False,
            "MetricStat": {
                "Metric": {key: CONNECTIONS[key] for key in ("Namespace", "MetricName", "Dimensions")},
                "Period": 60,
                "Stat": "Average",
            },
        },
    ],
}


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        pytest.param(CONNECTIONS, State.PASS, id="alarm"),
        pytest.param({**CONNECTIONS, "ActionsEnabled": False}, State.FAIL, id="actions-disabled"),
        pytest.param({**CONNECTIONS, "AlarmActions": []}, State.FAIL, id="no-actions"),
        pytest.param({**CONNECTIONS, "Namespace": "Custom"}, State.FAIL, id="another-namespace"),
        pytest.param({**CONNECTIONS, "MetricName": "CPUUtilization"}, State.FAIL, id="another-metric"),
        pytest.param({**CONNECTIONS, "Dimensions": []}, State.FAIL, id="of-all-databases"),
        pytest.param(MATHS, State.PASS, id="inside-a-formula"),
    ],
)
def test_one_database_of_two_has_an_alarm(second: dict[str, Any], expected: State) -> None:
    world = alarms(
        limited(listened(databases(database("one"), database("two")))),
        alarm("AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", "one"),
        second,
    )
    assert [item.state for item in world.judge("rds-connections-alarm").results] == [State.PASS, expected]


@pytest.mark.parametrize(
    ("control", "world", "expected"),
    [
        pytest.param("autoscaling-alarm", alarms(scaling_group()), State.FAIL, id="no-alarm-on-the-group"),
        pytest.param(
            "ec2-agent-alarms",
            watched_instance().says("cloudwatch:ListMetrics", agent_metrics("mem_used_percent"), region=HOME),
            State.FAIL,
            id="disk-not-reported",
        ),
        pytest.param("ec2-agent-alarms", alarms(watched_instance()), State.FAIL, id="reported-but-not-watched"),
        pytest.param(
            "ec2-agent-alarms",
            alarms(instances(instance("i-1", State={"Name": "stopped"}))),
            State.NOT_APPLICABLE,
            id="stopped",
        ),
        pytest.param(
            "ec2-detailed-monitoring",
            instances(instance("i-1", Monitoring={"State": "disabled"})),
            State.FAIL,
            id="basic",
        ),
        pytest.param("ec2-detailed-monitoring", instances(), State.NOT_APPLICABLE, id="no-instances"),
        pytest.param(
            "cloudwatch-dashboard-exists",
            World().says("cloudwatch:ListDashboards", {"DashboardEntries": []}),
            State.FAIL,
            id="no-dashboard",
        ),
        pytest.param(
            "cloudwatch-cross-account-observability",
            linked().says("oam:ListLinks", {"Items": []}).says("oam:ListSinks", {"Items": []}),
            State.FAIL,
            id="not-linked",
        ),
        pytest.param(
            "cloudwatch-cross-account-observability",
            linked().says("oam:ListLinks", {"Items": []}),
            State.PASS,
            id="sink-with-a-link",
        ),
        pytest.param(
            "cloudwatch-cross-account-observability",
            linked().says("oam:ListLinks", {"Items": []}).changed("oam:ListAttachedLinks", {"Items": []}),
            State.FAIL,
            id="sink-without-a-link",
        ),
        pytest.param(
            "cloudwatch-cross-account-observability",
            linked()
            .says("oam:ListLinks", {"Items": []})
            .says("oam:ListSinks", {"Items": []})
            .lacks("organizations:DescribeOrganization"),
            State.NOT_APPLICABLE,
            id="alone",
        ),
        pytest.param("guardduty-enabled", detectors("DISABLED"), State.FAIL, id="suspended"),
        pytest.param(
            "guardduty-enabled",
            detectors().says("guardduty:ListDetectors", {"DetectorIds": []}),
            State.FAIL,
            id="no-detector",
        ),
    ],
)
def test_metrics_and_detection(control: str, world: World, expected: State) -> None:
    assert world.judge(control).state is expected


def test_one_region_without_a_detector_is_one_finding() -> None:
    world = detectors().says("guardduty:ListDetectors", {"DetectorIds": []}, region=FAR)
    assert states(world.judge("guardduty-enabled")) == {HOME: State.PASS, FAR: State.FAIL}


@pytest.mark.parametrize("control", ["trail-log-group-retention", "trail-key-usable"])
def test_what_is_in_a_region_outside_the_audit_is_not_said_to_be_missing(control: str) -> None:
    far = {name: str(value).replace(HOME, "ap-south-1") for name, value in trail().items() if HOME in str(value)}
    world = kept_logs().says("cloudtrail:DescribeTrails", {"trailList": [trail(**far)]})
    found = world.judge(control)
    assert found.state is State.NOT_ASSESSED
    assert "not part of the audit" in reasons(found)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("2025-01-01T00:10:02Z", State.PASS, id="that-day"),
        pytest.param("2025-01-02T01:00:00Z", State.PASS, id="after-midnight"),
        pytest.param("2025-03-01T00:00:00Z", State.PASS, id="a-copy-older-than-asked-for"),
        pytest.param("2026-11-20T00:00:00Z", State.NOT_ASSESSED, id="yesterday"),
        pytest.param("then", State.NOT_ASSESSED, id="hostile"),
    ],
)
def test_a_log_file_is_no_older_than_the_day_it_was_written(written: str, expected: State) -> None:
    page = oldest_log("2025/01/01", written=written)
    assert (
        says("s3:ListObjectsV2", page, Bucket=LOGS, Prefix=log_folder()).judge("trail-logs-retained").state is expected
    )


def test_a_log_file_named_for_long_ago_does_not_excuse_a_trail_whose_files_are_young() -> None:
    page = oldest_log("2001/01/01", written=ago(days=3))
    found = says("s3:ListObjectsV2", page, Bucket=LOGS, Prefix=log_folder()).judge("trail-logs-retained")
    assert found.state is State.NOT_ASSESSED
    assert "2001-01-01" in reasons(found)
    assert "2026-11-18" in reasons(found)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, State.PASS, id="took-a-log-file"),
        pytest.param({"LatestDeliveryError": "AccessDenied"}, State.PASS, id="took-one-and-refuses-now"),
        pytest.param({"LatestDeliveryError": "NoSuchBucket"}, State.FAIL, id="deleted"),
        pytest.param({"LatestDeliveryTime": None}, State.NOT_ASSESSED, id="never-took-one"),
    ],
)
def test_a_bucket_that_is_not_the_accounts_own_has_to_exist(changes: dict[str, Any], expected: State) -> None:
    world = kept_logs().says("s3:ListBuckets", {"Buckets": []})
    world = world.says("cloudtrail:GetTrailStatus", status(**changes), **AT_HOME)
    assert world.judge("trail-bucket-in-another-account").state is expected


@pytest.mark.parametrize("value", [False, 0, ["arn:aws:kms:x"], {}])
def test_only_the_name_of_a_key_is_a_key(value: Any) -> None:
    world = kept_logs().says("cloudtrail:DescribeTrails", {"trailList": [trail(KmsKeyId=value)]})
    assert world.judge("cloudtrail-kms-encryption").state is State.NOT_ASSESSED
    groups = {"logGroups": [{"logGroupName": "trail", "arn": GROUP, "kmsKeyId": value}]}
    assert kept_logs().says("logs:DescribeLogGroups", groups).judge("log-group-encrypted").state is State.NOT_ASSESSED


def test_connections_of_documentdb_are_counted_in_its_own_namespace_and_neptune_counts_none() -> None:
    documents = limited(listened(databases(database("one", Engine="docdb"))), "500")
    for namespace, expected in (("AWS/DocDB", State.PASS), ("AWS/RDS", State.FAIL)):
        world = alarms(documents, alarm(namespace, "DatabaseConnections", "DBInstanceIdentifier", "one"))
        assert world.judge("rds-connections-alarm").state is expected
    graph = alarms(databases(database("one", Engine="neptune")))
    assert graph.judge("rds-connections-alarm").state is State.NOT_APPLICABLE

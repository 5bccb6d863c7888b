"""For each control a world in which everything is right; tests break one thing at a time."""

from collections.abc import Mapping
from typing import Any

from tests.evaluate.kit import ACCOUNT, FAR, HOME, World, ago

TRAIL = f"arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/all"
LOGS = "company-logs"
GROUP = f"arn:aws:logs:{HOME}:{ACCOUNT}:log-group:trail:*"
KEY = f"arn:aws:kms:{HOME}:{ACCOUNT}:key/1111"
ALL_EVENTS = {"ReadWriteType": "All", "IncludeManagementEvents": True, "ExcludeManagementEventSources": []}
ALL_OBJECTS = {**ALL_EVENTS, "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]}

_KEY_COLUMNS = ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
COLUMNS = (
    "user",
    "arn",
    "user_creation_time",
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    "mfa_active",
    *(f"access_key_{slot}_{name}" for slot in (1, 2) for name in _KEY_COLUMNS),
    *(f"cert_{slot}_{name}" for slot in (1, 2) for name in ("active", "last_rotated")),
)


def user_arn(name: str) -> str:
    """Return the ARN of an IAM user of the worlds' account."""
    return f"arn:aws:iam::{ACCOUNT}:user/{name}"


def row(name: str, **changes: str) -> str:
    """Write one line of a credential report: no password, no keys, no MFA, unless changed."""
    values = dict.fromkeys(COLUMNS, "N/A") | dict.fromkeys(
        ("password_enabled", "mfa_active", "access_key_1_active", "access_key_2_active"), "false"
    )
    values |= {"user": name, "arn": user_arn(name), "user_creation_time": ago(days=400)}
    return ",".join((values | changes)[column] for column in COLUMNS)


def root(**changes: str) -> str:
    """Write root's line of a credential report: MFA, no keys, last used long ago."""
    values = {"mfa_active": "true", "password_enabled": "not_supported", "password_last_used": ago(days=300)}
    return row("<root_account>", **{"arn": f"arn:aws:iam::{ACCOUNT}:root", **values, **changes})


def report(*rows: str, columns: str = ",".join(COLUMNS)) -> dict[str, Any]:
    """Return a ``GetCredentialReport`` page."""
    return {"Content": "\n".join((columns, *rows)), "ReportFormat": "text/csv", "GeneratedTime": ago(hours=1)}


def users(*rows: str, names: tuple[str, ...] | None = None) -> World:
    """Build a world of IAM users from the lines of their credential report, root added."""
    listed = names if names is not None else tuple(line.partition(",")[0] for line in rows)
    return (
        World()
        .says("iam:GenerateCredentialReport", {"State": "COMPLETE"})
        .says("iam:GetCredentialReport", report(root(), *rows))
        .says("iam:ListUsers", {"Users": [{"UserName": name, "Arn": user_arn(name)} for name in listed]})
    )


def summary(**changes: int) -> dict[str, Any]:
    """Return a ``GetAccountSummary`` page: root with password and MFA, without keys."""
    counts = {"AccountMFAEnabled": 1, "AccountAccessKeysPresent": 0, "AccountPasswordPresent": 1}
    return {"SummaryMap": {**counts, **changes}}


def trail(**changes: Any) -> dict[str, Any]:
    """Return one trail as ``DescribeTrails`` lists it."""
    return {
        "Name": "all",
        "TrailARN": TRAIL,
        "HomeRegion": HOME,
        "S3BucketName": LOGS,
        "IncludeGlobalServiceEvents": True,
        "IsMultiRegionTrail": True,
        "IsOrganizationTrail": False,
        "LogFileValidationEnabled": True,
        "KmsKeyId": KEY,
        "CloudWatchLogsLogGroupArn": GROUP,
        "HasCustomEventSelectors": True,
        "HasInsightSelectors": False,
    } | changes


def other_trail(name: str, **changes: Any) -> dict[str, Any]:
    """Return a further trail, of a name of its own."""
    return trail(Name=name, TrailARN=f"arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/{name}", **changes)


def status(**changes: Any) -> dict[str, Any]:
    """Return a ``GetTrailStatus`` page of a healthy trail."""
    return {
        "IsLogging": True,
        "LatestDeliveryTime": ago(minutes=10),
        "LatestDigestDeliveryTime": ago(minutes=40),
        "LatestCloudWatchLogsDeliveryTime": ago(minutes=5),
        "StartLoggingTime": ago(days=300),
    } | changes


def selected(arn: str, *classic: Mapping[str, Any], advanced: Any = None) -> dict[str, Any]:
    """Return a ``GetEventSelectors`` page."""
    if advanced is not None:
        return {"TrailARN": arn, "AdvancedEventSelectors": advanced}
    return {"TrailARN": arn, "EventSelectors": list(classic)}


def fields(**by_name: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return one advanced event selector; double underscores in names stand for dots."""
    return {
        "Name": "selector",
        "FieldSelectors": [{"Field": name.replace("__", "."), **rule} for name, rule in by_name.items()],
    }


def trails(*listed: Mapping[str, Any]) -> World:
    """Build a world with these trails, each healthy and recording everything; every Region shows them all."""
    world = World().says("cloudtrail:DescribeTrails", {"trailList": list(listed)})
    for item in listed:
        arn, home = item["TrailARN"], item["HomeRegion"]
        if home in world.regions:
            world = world.says("cloudtrail:GetTrailStatus", status(), region=home, Name=arn)
            world = world.says("cloudtrail:GetEventSelectors", selected(arn, ALL_OBJECTS), region=home, TrailName=arn)
    return world


def buckets(world: World, *names: str) -> World:
    """Add buckets to a world."""
    listed = [{"Name": name, "BucketRegion": HOME, "CreationDate": ago(days=500)} for name in names]
    return world.says("s3:ListBuckets", {"Buckets": listed})


BLOCKED = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
OWNER_GRANT = {"Grantee": {"Type": "CanonicalUser", "ID": "1"}, "Permission": "FULL_CONTROL"}
PUBLIC_GRANT = {
    "Grantee": {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/AllUsers"},
    "Permission": "READ",
}


def log_bucket() -> World:
    """Build a world with one trail whose bucket is closed in every way but Block Public Access."""
    return (
        buckets(trails(trail()), LOGS)
        .lacks("s3control:GetPublicAccessBlock")
        .lacks("s3:GetPublicAccessBlock", Bucket=LOGS)
        .says("s3:GetBucketAcl", {"Grants": [OWNER_GRANT]}, Bucket=LOGS)
        .says("s3:GetBucketPolicyStatus", {"PolicyStatus": {"IsPublic": False}}, Bucket=LOGS)
        .says("s3:GetBucketLogging", {"LoggingEnabled": {"TargetBucket": "access-logs"}}, Bucket=LOGS)
    )


def recorder(**group: Any) -> dict[str, Any]:
    """Return a ``DescribeConfigurationRecorders`` page with one recorder of everything."""
    recording = {"allSupported": True, "includeGlobalResourceTypes": False, **group}
    return {"ConfigurationRecorders": [{"name": "default", "roleARN": "r", "recordingGroup": recording}]}


def recorder_status(**changes: Any) -> dict[str, Any]:
    """Return a ``DescribeConfigurationRecorderStatus`` page."""
    found = {"name": "default", "recording": True, "lastStatus": "SUCCESS"} | changes
    return {"ConfigurationRecordersStatus": [found]}


def recording() -> World:
    """Build a world where Config records everywhere and global types in one Region."""
    return (
        World()
        .says("config:DescribeConfigurationRecorders", recorder())
        .says("config:DescribeConfigurationRecorders", recorder(includeGlobalResourceTypes=True), region=HOME)
        .says("config:DescribeConfigurationRecorderStatus", recorder_status())
        .says("config:DescribeDeliveryChannels", {"DeliveryChannels": [{"name": "default"}]})
    )


def kms_key(**changes: Any) -> dict[str, Any]:
    """Return the metadata of a key that can rotate."""
    return {
        "KeyId": "1111",
        "Arn": KEY,
        "KeyManager": "CUSTOMER",
        "KeyState": "Enabled",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "Origin": "AWS_KMS",
        "MultiRegion": False,
    } | changes


def keys(*metadata: Mapping[str, Any]) -> World:
    """Build a world with these KMS keys in the home Region, all of them rotating."""
    world = World().says("kms:ListKeys", {"Keys": []})
    world = world.says("kms:ListKeys", {"Keys": [{"KeyId": item["KeyId"]} for item in metadata]}, region=HOME)
    for item in metadata:
        one = {"KeyId": item["KeyId"]}
        world = world.says("kms:DescribeKey", {"KeyMetadata": item}, region=HOME, **one)
        rotating = {"KeyRotationEnabled": True, "RotationPeriodInDays": 365}
        world = world.says("kms:GetKeyRotationStatus", rotating, region=HOME, **one)
    return world


def flow_log(vpc: str, **changes: Any) -> dict[str, Any]:
    """Return an active flow log of a VPC."""
    return {
        "FlowLogId": f"fl-{vpc}",
        "ResourceId": vpc,
        "FlowLogStatus": "ACTIVE",
        "TrafficType": "ALL",
        "DeliverLogsStatus": "SUCCESS",
    } | changes


def vpcs() -> World:
    """Build a world with one VPC per Region, each with a flow log."""
    world = World()
    for region, vpc in ((HOME, "vpc-1"), (FAR, "vpc-2")):
        world = world.says("ec2:DescribeVpcs", {"Vpcs": [{"VpcId": vpc, "OwnerId": ACCOUNT}]}, region=region)
        world = world.says("ec2:DescribeFlowLogs", {"FlowLogs": [flow_log(vpc)]}, region=region)
    return world


PASSWORD_POLICY = {"PasswordPolicy": {"MinimumPasswordLength": 14, "PasswordReusePrevention": 24}}
GOOD_USER = row(
    "alice",
    password_enabled="true",
    password_last_used=ago(days=1),
    password_last_changed=ago(days=100),
    mfa_active="true",
    access_key_1_active="true",
    access_key_1_last_rotated=ago(days=20),
    access_key_1_last_used_date=ago(hours=2),
)
CONTACT = dict.fromkeys(("FullName", "AddressLine1", "City", "CountryCode", "PostalCode", "PhoneNumber"), "x")

RIGHT: dict[str, World] = {
    "account-contact-details": World().says("account:GetContactInformation", {"ContactInformation": CONTACT}),
    "account-security-contact": World().says(
        "account:GetAlternateContact", {"AlternateContact": {"EmailAddress": "x", "PhoneNumber": "x"}}
    ),
    "iam-root-no-access-keys": users(GOOD_USER).says("iam:GetAccountSummary", summary()),
    "iam-root-mfa": World().says("iam:GetAccountSummary", summary()),
    "iam-root-hardware-mfa": World()
    .says("iam:GetAccountSummary", summary())
    .says("iam:ListVirtualMFADevices", {"VirtualMFADevices": []}),
    "iam-root-not-used": users(GOOD_USER),
    "iam-password-min-length": World().says("iam:GetAccountPasswordPolicy", PASSWORD_POLICY),
    "iam-password-reuse-24": World().says("iam:GetAccountPasswordPolicy", PASSWORD_POLICY),
    "iam-user-console-mfa": users(GOOD_USER),
    "iam-user-no-initial-access-key": users(GOOD_USER),
    "iam-credentials-unused-45d": users(GOOD_USER),
    "iam-single-active-access-key": users(GOOD_USER),
    "iam-access-key-rotation-90d": users(GOOD_USER),
    "s3-block-public-access": log_bucket().says(
        "s3control:GetPublicAccessBlock", {"PublicAccessBlockConfiguration": BLOCKED}
    ),
    "cloudtrail-multi-region-trail": trails(trail()),
    "cloudtrail-log-file-validation": trails(trail()),
    "cloudtrail-bucket-not-public": log_bucket(),
    "cloudtrail-cloudwatch-logs": trails(trail()),
    "config-recorder-all-regions": recording(),
    "cloudtrail-bucket-access-logging": log_bucket(),
    "cloudtrail-kms-encryption": trails(trail()),
    "kms-key-rotation": keys(kms_key()),
    "vpc-flow-logs": vpcs(),
    "s3-object-write-logging": log_bucket(),
    "s3-object-read-logging": log_bucket(),
}
BEST = {"account-contact-details": "MANUAL"}
"""Controls whose best answer leaves something to a person."""

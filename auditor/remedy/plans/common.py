"""What several remedies lean on: buckets, roles, policies with one more statement."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from auditor.remedy.change import Look, Stage, Step
from auditor.remedy.known import Known, Unknown

BLOCK_ALL = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}

LOCKED_DAYS = 365
"""GOVERNANCE for a year: what benchmarks ask to keep, and what somebody with the permission can still lift."""


def document(*statements: Mapping[str, Any]) -> str:
    """Return a policy document as text."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, ensure_ascii=True)


def bucket_arn(known: Known, bucket: str) -> str:
    """Return the ARN of a bucket."""
    return f"arn:{known.partition}:s3:::{bucket}"


def plain_http(known: Known, bucket: str) -> dict[str, Any]:
    """Return the statement that refuses plain HTTP to everybody."""
    arn = bucket_arn(known, bucket)
    return {
        "Sid": "AuditorRefusePlainHttp",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def delivery_statements(known: Known, bucket: str, service: str, below: str) -> list[dict[str, Any]]:
    """Return the statements that let a service of AWS write to its part of a bucket, for this account only."""
    arn = bucket_arn(known, bucket)
    principal = {"Service": f"{service}.amazonaws.com"}
    source = {"aws:SourceAccount": known.account}
    return [
        {
            "Sid": "AuditorAclCheck",
            "Effect": "Allow",
            "Principal": principal,
            "Action": ["s3:GetBucketAcl", "s3:ListBucket"] if service == "config" else "s3:GetBucketAcl",
            "Resource": arn,
            "Condition": {"StringEquals": source},
        },
        {
            "Sid": "AuditorDelivery",
            "Effect": "Allow",
            "Principal": principal,
            "Action": "s3:PutObject",
            "Resource": f"{arn}/{below}",
            "Condition": {"StringEquals": {**source, "s3:x-amz-acl": "bucket-owner-full-control"}},
        },
    ]


def bucket_steps(known: Known, bucket: str, region: str, statements: Sequence[Mapping[str, Any]]) -> list[Step]:
    """Return what makes a bucket of our own: closed, versioned, refusing plain HTTP."""
    made: dict[str, Any] = {"Bucket": bucket}
    if region != "us-east-1":
        made["CreateBucketConfiguration"] = {"LocationConstraint": region}
    head = Look(
        "s3",
        "GetBucketLocation",
        {"Bucket": bucket, "ExpectedBucketOwner": known.account},
        "LocationConstraint || 'us-east-1'",
        ("NoSuchBucket",),
    )
    return [
        Step(Stage.BUCKET, f"the bucket {bucket}", "s3", "CreateBucket", region, made, unless=head),
        Step(
            Stage.POLICY,
            f"no public access to {bucket}",
            "s3",
            "PutPublicAccessBlock",
            region,
            {"Bucket": bucket, "PublicAccessBlockConfiguration": BLOCK_ALL},
        ),
        versions_step(bucket, region),
        Step(
            Stage.POLICY,
            f"who may write to {bucket}",
            "s3",
            "PutBucketPolicy",
            region,
            {"Bucket": bucket, "Policy": document(*statements, plain_http(known, bucket))},
            unless=policy_has(bucket, "AuditorRefusePlainHttp"),
        ),
    ]


def versions_step(bucket: str, region: str) -> Step:
    """Return what keeps versions of the objects of a bucket."""
    return Step(
        Stage.POLICY,
        f"versions of what lies in {bucket}",
        "s3",
        "PutBucketVersioning",
        region,
        {"Bucket": bucket, "VersioningConfiguration": {"Status": "Enabled"}},
    )


def lock_step(bucket: str, region: str) -> Step:
    """Return what keeps each new object of a bucket for a year."""
    kept = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": LOCKED_DAYS}}
    return Step(
        Stage.KEY,
        f"nobody deletes or overwrites new files in {bucket} for {LOCKED_DAYS} days",
        "s3",
        "PutObjectLockConfiguration",
        region,
        {"Bucket": bucket, "ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled", "Rule": kept}},
    )


def access_log_steps(known: Known, bucket: str, region: str) -> list[Step]:
    """Return what writes access logs of a bucket into a bucket of our own beside it."""
    target = f"auditor-access-logs-{known.account}-{region}"
    write = {
        "Sid": "AuditorAccessLogs",
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"{bucket_arn(known, target)}/*",
        "Condition": {"StringEquals": {"aws:SourceAccount": known.account}},
    }
    logging = {"LoggingEnabled": {"TargetBucket": target, "TargetPrefix": f"{bucket}/"}}
    return [
        *bucket_steps(known, target, region, [write]),
        Step(
            Stage.KEY,
            f"who reads {bucket} is written to {target}",
            "s3",
            "PutBucketLogging",
            region,
            {"Bucket": bucket, "BucketLoggingStatus": logging},
        ),
    ]


def policy_has(bucket: str, sid: str) -> Look:
    """Return a look that finds a statement of ours in a bucket's policy."""
    return Look(
        "s3",
        "GetBucketPolicy",
        {"Bucket": bucket},
        f"contains(Policy, '{sid}') && 'there' || null",
        ("NoSuchBucketPolicy",),
    )


def role_steps(known: Known, name: str, service: str, *statements: Mapping[str, Any]) -> list[Step]:
    """Return what makes a role that a service of AWS takes on for this account, with one policy."""
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": known.account}},
    }
    return [
        Step(
            Stage.ROLE,
            f"the role {name}",
            "iam",
            "CreateRole",
            known.home,
            {"RoleName": name, "AssumeRolePolicyDocument": document(trust)},
            unless=Look("iam", "GetRole", {"RoleName": name}, "Role.Arn", ("NoSuchEntity",)),
        ),
        Step(
            Stage.ROLE,
            f"what the role {name} may do",
            "iam",
            "PutRolePolicy",
            known.home,
            {"RoleName": name, "PolicyName": "deliver", "PolicyDocument": document(*statements)},
        ),
    ]


def own_bucket(known: Known, bucket: str) -> str:
    """Return the Region of a bucket of this account.

    Raises:
        Unknown: it belongs to another account.
    """
    for item in known.items("s3:ListBuckets", "Buckets"):
        if item.get("Name") == bucket:
            return str(item.get("BucketRegion") or known.home)
    raise Unknown(f"the bucket {bucket} belongs to another account; the change has to be made there")

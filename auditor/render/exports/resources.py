"""What kind of thing a result is about, in Security Hub's words: type and ARN. Unknown things are "Other"."""

import re
from collections.abc import Mapping
from typing import Any

BY_ARN = (
    (re.compile(r"arn:[^:]*:iam::[^:]*:user/"), "AwsIamUser"),
    (re.compile(r"arn:[^:]*:iam::[^:]*:role/"), "AwsIamRole"),
    (re.compile(r"arn:[^:]*:iam::[^:]*:group/"), "AwsIamGroup"),
    (re.compile(r"arn:[^:]*:iam::[^:]*:policy/"), "AwsIamPolicy"),
    (re.compile(r"arn:[^:]*:s3:::"), "AwsS3Bucket"),
    (re.compile(r"arn:[^:]*:cloudtrail:[^:]*:[^:]*:trail/"), "AwsCloudTrailTrail"),
    (re.compile(r"arn:[^:]*:cloudwatch:[^:]*:[^:]*:alarm:"), "AwsCloudWatchAlarm"),
    (re.compile(r"arn:[^:]*:kms:[^:]*:[^:]*:key/"), "AwsKmsKey"),
    (re.compile(r"arn:[^:]*:rds:[^:]*:[^:]*:db:"), "AwsRdsDbInstance"),
    (re.compile(r"arn:[^:]*:rds:[^:]*:[^:]*:cluster:"), "AwsRdsDbCluster"),
    (re.compile(r"arn:[^:]*:sns:"), "AwsSnsTopic"),
    (re.compile(r"arn:[^:]*:sqs:"), "AwsSqsQueue"),
    (re.compile(r"arn:[^:]*:lambda:[^:]*:[^:]*:function:"), "AwsLambdaFunction"),
    (re.compile(r"arn:[^:]*:ec2:[^:]*:[^:]*:instance/"), "AwsEc2Instance"),
    (re.compile(r"arn:[^:]*:secretsmanager:"), "AwsSecretsManagerSecret"),
    (re.compile(r"arn:[^:]*:elasticloadbalancing:[^:]*:[^:]*:loadbalancer/(app|net|gwy)/"), "AwsElbv2LoadBalancer"),
    (re.compile(r"arn:[^:]*:elasticloadbalancing:[^:]*:[^:]*:loadbalancer/"), "AwsElbLoadBalancer"),
    (re.compile(r"arn:[^:]*:states:[^:]*:[^:]*:stateMachine:"), "AwsStepFunctionStateMachine"),
    (re.compile(r"arn:[^:]*:guardduty:[^:]*:[^:]*:detector/"), "AwsGuardDutyDetector"),
)
"""Beginning of an ARN and the resource type of ASFF (ASFF "Resources" reference)."""

BY_ID = (
    (re.compile(r"sg-[0-9a-f]+"), "AwsEc2SecurityGroup", "ec2", "security-group/"),
    (re.compile(r"acl-[0-9a-f]+"), "AwsEc2NetworkAcl", "ec2", "network-acl/"),
    (re.compile(r"vpc-[0-9a-f]+"), "AwsEc2Vpc", "ec2", "vpc/"),
    (re.compile(r"subnet-[0-9a-f]+"), "AwsEc2Subnet", "ec2", "subnet/"),
    (re.compile(r"i-[0-9a-f]+"), "AwsEc2Instance", "ec2", "instance/"),
    (re.compile(r"vol-[0-9a-f]+"), "AwsEc2Volume", "ec2", "volume/"),
    (re.compile(r"pcx-[0-9a-f]+"), "AwsEc2VpcPeeringConnection", "ec2", "vpc-peering-connection/"),
    (re.compile(r"fs-[0-9a-f]+"), "Other", "elasticfilesystem", "file-system/"),
)
"""Id, its type, and how its ARN goes on after service, Region and account (Service Authorization Reference)."""

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{2,62}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_LOG_GROUP = re.compile(r"[\w./#-]{1,512}", re.ASCII)
_ACCOUNT = re.compile(r"\d{12}")


def resource_of(control: Mapping[str, Any], result: Mapping[str, Any], partition: str, region: str) -> tuple[str, str]:
    """Return ASFF's type and id of what a result is about; the id is never empty."""
    name, account = str(result["resource"]).strip(), result["account"]
    for start, kind in BY_ARN:
        if start.match(name):
            return kind, name
    for shape, kind, service, before in BY_ID:
        if shape.fullmatch(name):
            return kind, f"arn:{partition}:{service}:{region}:{account}:{before}{name}"
    if not name or _ACCOUNT.fullmatch(name) or _REGION.fullmatch(name):
        # A setting of an account, or of one of its Regions, which the finding names beside it.
        return "AwsAccount", f"AWS::::Account:{name if _ACCOUNT.fullmatch(name) else account}"
    if control["service"] == "s3" and _BUCKET.fullmatch(name):
        return "AwsS3Bucket", f"arn:{partition}:s3:::{name}"
    if control["service"] == "autoscaling":
        return "AwsAutoScalingAutoScalingGroup", name
    if control["service"] == "logs" and _LOG_GROUP.fullmatch(name):
        name = f"arn:{partition}:logs:{region}:{account}:log-group:{name}"
    return "Other", name

"""Building blocks that several worlds share."""

import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from moto.iam.models import iam_backends

from auditor.simulator.calls import Call
from auditor.simulator.delivery import DeliveredTrail
from auditor.simulator.worlds.builder import REGIONS, Builder
from auditor.simulator.worlds.principals import principal_id

BLOCK_ALL: Final = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
ROLE_TRUST: Final = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def policy(*statements: Mapping[str, Any]) -> str:
    """Return a policy document as text."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def tls_only(bucket: str) -> dict[str, Any]:
    """Return the statement that refuses plain HTTP."""
    return {
        "Sid": "RefusePlainHttp",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def trail_delivery(bucket: str, account: str) -> list[dict[str, Any]]:
    """Return the statements that let CloudTrail write to its bucket."""
    service = {"Service": "cloudtrail.amazonaws.com"}
    return [
        {
            "Sid": "AclCheck",
            "Effect": "Allow",
            "Principal": service,
            "Action": "s3:GetBucketAcl",
            "Resource": f"arn:aws:s3:::{bucket}",
        },
        {
            "Sid": "Write",
            "Effect": "Allow",
            "Principal": service,
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{bucket}/AWSLogs/{account}/*",
            "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}},
        },
    ]


def trail(aws: Builder, delivered: DeliveredTrail, log_group: str, **more: Any) -> None:
    """Create the trail of all Regions whose files are delivered, with validation; ``more`` is as CreateTrail has it."""
    aws.client("cloudtrail").create_trail(
        Name=delivered.name,
        S3BucketName=delivered.bucket,
        IsMultiRegionTrail=True,
        EnableLogFileValidation=True,
        CloudWatchLogsLogGroupArn=aws.arn("logs", f"log-group:{log_group}:*"),
        CloudWatchLogsRoleArn=aws.arn("iam", "role/cloudtrail-to-logs", ""),
        **more,
    )


def bucket(
    aws: Builder,
    name: str,
    *,
    region: str = "",
    versioning: bool = False,
    statements: Sequence[Mapping[str, Any]] = (),
    public_block: Mapping[str, bool] | None = BLOCK_ALL,
    logs_to: str = "",
    lock: bool = False,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Create a bucket with its settings."""
    s3 = aws.client("s3", region)
    place = region or aws.home
    request: dict[str, Any] = {"Bucket": name, "ObjectLockEnabledForBucket": lock}
    if place != "us-east-1":
        request["CreateBucketConfiguration"] = {"LocationConstraint": place}
    s3.create_bucket(**request)
    if versioning and not lock:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    if statements:
        s3.put_bucket_policy(Bucket=name, Policy=policy(*statements))
    if public_block:
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=dict(public_block))
    if lock:
        s3.put_object_lock_configuration(
            Bucket=name,
            ObjectLockConfiguration={
                "ObjectLockEnabled": "Enabled",
                "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 400}},
            },
        )
    if logs_to:
        s3.put_bucket_logging(
            Bucket=name,
            BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": logs_to, "TargetPrefix": f"{name}/"}},
        )
    if tags:
        s3.put_bucket_tagging(
            Bucket=name, Tagging={"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}
        )


def access_log_bucket(aws: Builder, name: str) -> None:
    """Create a bucket that S3 may write access logs to."""
    write = {
        "Sid": "AccessLogs",
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{name}/*",
        "Condition": {"StringEquals": {"aws:SourceAccount": aws.account}},
    }
    bucket(aws, name, statements=[write, tls_only(name)])


def account_public_block(aws: Builder, flags: Mapping[str, bool]) -> None:
    """Set the account's S3 Block Public Access."""
    aws.client("s3control").put_public_access_block(AccountId=aws.account, PublicAccessBlockConfiguration=dict(flags))


def role(aws: Builder, name: str, *policies: str, trust: Mapping[str, Any] = ROLE_TRUST, path: str = "/") -> str:
    """Create a role with managed policies attached and return its ARN."""
    iam = aws.client("iam")
    made = iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=json.dumps(trust))
    for arn in policies:
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    roles = iam_backends[aws.account]["aws"].roles
    held = roles.pop(made["Role"]["RoleId"])
    held.id = principal_id("AROA", name)
    roles[held.id] = held
    return str(made["Role"]["Arn"])


def service_trust(service: str) -> dict[str, Any]:
    """Return a trust policy for an AWS service."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def account_trust(account: str) -> dict[str, Any]:
    """Return a trust policy for the principals of an account."""
    principal = {"AWS": f"arn:aws:iam::{account}:root"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def topic(aws: Builder, name: str, subscribers: Iterable[tuple[str, str]], *, region: str = "") -> str:
    """Create a topic that CloudWatch and EventBridge may publish to, and return its ARN."""
    sns = aws.client("sns", region)
    arn = str(sns.create_topic(Name=name)["TopicArn"])
    for protocol, endpoint in subscribers:
        sns.subscribe(TopicArn=arn, Protocol=protocol, Endpoint=endpoint)
    allow = {
        "Sid": "Alarms",
        "Effect": "Allow",
        "Principal": {"Service": ["cloudwatch.amazonaws.com", "events.amazonaws.com"]},
        "Action": "SNS:Publish",
        "Resource": arn,
        "Condition": {"StringEquals": {"AWS:SourceAccount": aws.account}},
    }
    sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy(allow))
    return arn


def contact(aws: Builder, *, security: bool) -> None:
    """Fill in the account's contact details."""
    aws.application.declare(
        "account:GetContactInformation",
        {
            "ContactInformation": {
                "FullName": "Northwind Ledger GmbH",
                "AddressLine1": "Beispielstrasse 12",
                "City": "Frankfurt am Main",
                "PostalCode": "60311",
                "CountryCode": "DE",
                "PhoneNumber": "+49 69 5550100",
                "CompanyName": "Northwind Ledger GmbH",
            }
        },
    )
    if security:
        aws.client("account", "us-east-1").put_alternate_contact(
            AlternateContactType="SECURITY",
            EmailAddress="security@northwind-ledger.example",
            Name="Security desk",
            PhoneNumber="+49 69 5550199",
            Title="Security",
        )


def hash_text(text: str) -> int:
    """Return a number that depends on the text alone; Python's own hash differs between runs."""
    from hashlib import sha256

    return int(sha256(text.encode()).hexdigest()[:30], 16)


def ebs_encryption(aws: Builder, regions: Iterable[str] = REGIONS) -> None:
    """Switch EBS encryption by default on."""
    from moto.ec2.models import ec2_backends

    for region in regions:
        ec2_backends[aws.account][region].ebs_encryption_by_default = True


def drop_default_vpcs(aws: Builder, regions: Iterable[str]) -> None:
    """Remove the default VPC and everything in it, as hardened accounts do."""
    from moto.ec2.models import ec2_backends

    for region in regions:
        backend = ec2_backends[aws.account][region]
        for name in ("vpcs", "subnets", "groups", "network_acls", "route_tables", "internet_gateways"):
            held = getattr(backend, name, None)
            if held is not None:
                held.clear()


def close_default_groups(aws: Builder, region: str) -> None:
    """Take all rules out of the default security groups of a Region."""
    from moto.ec2.models import ec2_backends

    for groups in ec2_backends[aws.account][region].groups.values():
        for group in groups.values():
            if group.name == "default":
                group.ingress_rules.clear()
                group.egress_rules.clear()


def flow_log(aws: Builder, vpc: str, target: str, *, region: str = "", traffic: str = "ALL") -> None:
    """Switch flow logs of a VPC on, to an S3 bucket."""
    aws.client("ec2", region).create_flow_logs(
        ResourceIds=[vpc],
        ResourceType="VPC",
        TrafficType=traffic,
        LogDestinationType="s3",
        LogDestination=f"arn:aws:s3:::{target}",
    )


def function(
    aws: Builder,
    name: str,
    role_name: str,
    description: str,
    *,
    region: str = "",
    variables: Mapping[str, str] | None = None,
) -> None:
    """Create a Lambda function."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr(zipfile.ZipInfo("handler.py", (2024, 3, 4, 9, 12, 0)), "def handle(event, context): ...\n")
    aws.client("lambda", region).create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=aws.arn("iam", f"role/{role_name}", ""),
        Handler="handler.handle",
        Code={"ZipFile": archive.getvalue()},
        Description=description,
        Environment={"Variables": dict(variables or {})},
    )


def remediation_rule(aws: Builder, name: str, function_name: str, region: str = "") -> None:
    """Create the EventBridge rule that hands opened security groups of a Region to a function there."""
    rules = aws.client("events", region)
    pattern = {
        "source": ["aws.ec2"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {
            "eventSource": ["ec2.amazonaws.com"],
            "eventName": ["AuthorizeSecurityGroupIngress", "ModifySecurityGroupRules"],
        },
    }
    rules.put_rule(
        Name=name,
        Description="A security group was opened: the rule is taken out again",
        State="ENABLED",
        EventPattern=json.dumps(pattern),
    )
    place = region or aws.home
    target = aws.arn("lambda", f"function:{function_name}", place)
    queue = f"{function_name}-dead-letters"
    aws.client("sqs", place).create_queue(QueueName=queue)
    letters = {"Arn": aws.arn("sqs", queue, place)}
    rules.put_targets(Rule=name, Targets=[{"Id": "remediate", "Arn": target, "DeadLetterConfig": letters}])
    aws.client("lambda", place).add_permission(
        FunctionName=function_name,
        StatementId=name,
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=aws.arn("events", f"rule/{name}", place),
    )


def called(aws: Builder, rule: str, function_name: str, when: datetime) -> None:
    """Have CloudWatch count one call of a function by a rule, without an error."""
    cloudwatch = aws.client("cloudwatch")
    for namespace, dimension, value, counts in (
        ("AWS/Events", "RuleName", rule, {"Invocations": 1.0}),
        ("AWS/Lambda", "FunctionName", function_name, {"Invocations": 1.0, "Errors": 0.0}),
    ):
        own = [{"Name": dimension, "Value": value}]
        cloudwatch.put_metric_data(
            Namespace=namespace,
            MetricData=[
                {"MetricName": name, "Value": count, "Timestamp": when, "Dimensions": own}
                for name, count in counts.items()
            ],
        )


def organization(aws: Builder, *, guarded: bool) -> None:
    """Make the account the management account of an organization with two members.

    ``guarded``: a unit for the members, a guardrail policy, central root access and delegated administrators.
    """
    from auditor.simulator.overlay.defaults import ORGANIZATIONS

    for name in ORGANIZATIONS:
        aws.application.declared.pop((f"organizations:{name}", "*"), None)
    aws.application.amendments["organizations:ListAccounts"] = _without_status
    client = aws.client("organizations", "us-east-1")
    made = client.create_organization(FeatureSet="ALL")["Organization"]
    root = client.list_roots()["Roots"][0]["Id"]
    client.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    members = [
        client.create_account(AccountName=name, Email=f"{name}@northwind-ledger.example")["CreateAccountStatus"]
        for name in ("log-archive", "sandbox")
    ]
    client.enable_aws_service_access(ServicePrincipal="guardduty.amazonaws.com")
    features = ["RootCredentialsManagement", "RootSessions"] if guarded else []
    aws.application.declare(
        "iam:ListOrganizationsFeatures", {"OrganizationId": made["Id"], "EnabledFeatures": features}
    )
    if not guarded:
        aws.application.refuse(
            "organizations:DescribeResourcePolicy", "ResourcePolicyNotFoundException", "There is no resource policy."
        )
        return
    first = members[0]["AccountId"]
    unit = client.create_organizational_unit(ParentId=root, Name="production")["OrganizationalUnit"]["Id"]
    for member in members:
        client.move_account(AccountId=member["AccountId"], SourceParentId=root, DestinationParentId=unit)
    stay = {"Sid": "Stay", "Effect": "Deny", "Action": "organizations:LeaveOrganization", "Resource": "*"}
    rule = client.create_policy(
        Name="guardrails", Description="What no account may do", Type="SERVICE_CONTROL_POLICY", Content=policy(stay)
    )["Policy"]["PolicySummary"]["Id"]
    client.attach_policy(PolicyId=rule, TargetId=root)
    client.register_delegated_administrator(AccountId=first, ServicePrincipal="guardduty.amazonaws.com")
    delegation = {
        "Sid": "Delegate",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{first}:root"},
        "Action": ["organizations:CreatePolicy", "organizations:AttachPolicy"],
        "Resource": "*",
    }
    aws.application.declare(
        "organizations:DescribeResourcePolicy",
        {
            "ResourcePolicy": {
                "ResourcePolicySummary": {"Id": "rp-4tq7x2", "Arn": f"{made['Arn']}/rp-4tq7x2"},
                "Content": policy(delegation),
            }
        },
    )


def _without_status(_call: Call, output: dict[str, Any]) -> dict[str, Any]:
    """AWS announced that ``Status`` leaves the answers; ``State`` stays."""
    return output | {"Accounts": [{k: v for k, v in item.items() if k != "Status"} for item in output["Accounts"]]}

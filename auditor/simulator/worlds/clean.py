"""Northwind Ledger as it should be: the same account with every benchmark control met, and a quiet month."""

from datetime import UTC, datetime, timedelta
from typing import Final

from moto.iam.models import iam_backends

from auditor.simulator import clock
from auditor.simulator.app import Application
from auditor.simulator.overlay import install
from auditor.simulator.overlay.state import State, UserFacts
from auditor.simulator.worlds import alarms, detectors, fleet, parts
from auditor.simulator.worlds.archive import TRAIL, Archive, Plan, first_log
from auditor.simulator.worlds.builder import AS_OF, REGIONS, Builder, frame
from auditor.simulator.worlds.events import TRAIL_ARN
from auditor.simulator.worlds.principals import ACCOUNT, HOME, principal_id

SETTLED: Final = datetime(2024, 3, 4, 9, 12, tzinfo=UTC)
LOG_GROUP: Final = "/aws/cloudtrail/management-events"
BUCKETS: Final = ("northwind-config-history", "northwind-flow-logs", "northwind-ledger-statements")


def build() -> Application:
    """Build the clean world."""
    aws = frame("clean", ACCOUNT, HOME, {"trail": TRAIL_ARN, "name": "Northwind Ledger"})
    plan = Plan(TRAIL, eventful=False)
    state = State(
        plan=plan,
        summary={"AccountMFAEnabled": 1},
        mfa_delete={TRAIL.bucket, "northwind-access-logs", *BUCKETS},
        elsewhere={TRAIL.bucket, "northwind-access-logs"},
    )
    install(aws.application, state)
    with clock.at(SETTLED):
        _account(aws)
        _storage(aws)
        key = _key(aws)
        _trail(aws, key)
        _monitoring(aws)
        _databases(aws, key, *_network(aws))
        _beyond(aws)
        parts.organization(aws, guarded=True)
    _deployer(aws, state)
    _services(aws)
    bucket = aws.application.objects.add(TRAIL.bucket, versioned=True)
    first = first_log(TRAIL, HOME, SETTLED)
    bucket.put(first.key, first.body, first.metadata, first.last_modified)
    Archive(plan).attach(bucket)
    return aws.application


def _account(aws: Builder) -> None:
    parts.contact(aws, security=True)
    parts.account_public_block(aws, parts.BLOCK_ALL)
    iam = aws.client("iam")
    iam.update_account_password_policy(
        MinimumPasswordLength=14,
        RequireSymbols=True,
        RequireNumbers=True,
        RequireUppercaseCharacters=True,
        RequireLowercaseCharacters=True,
        PasswordReusePrevention=24,
        MaxPasswordAge=90,
    )
    metadata = '<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example"/>'
    provider = iam.create_saml_provider(Name="company-directory", SAMLMetadataDocument=metadata.ljust(1000))
    federated = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Federated": provider["SAMLProviderArn"]},
                "Action": "sts:AssumeRoleWithSAML",
                "Condition": {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}},
            }
        ],
    }
    managed = "arn:aws:iam::aws:policy"
    parts.role(aws, "support-contact", f"{managed}/AWSSupportAccess", trust=federated)
    parts.role(aws, "operators", f"{managed}/ReadOnlyAccess", trust=federated)
    parts.role(aws, "security-audit", f"{managed}/SecurityAudit", trust=federated)
    parts.role(aws, "AuditorReadOnly", f"{managed}/SecurityAudit", trust=parts.account_trust(ACCOUNT))
    parts.role(aws, "cloudtrail-to-logs", trust=parts.service_trust("cloudtrail.amazonaws.com"))
    parts.role(aws, "sg-remediator-role", trust=parts.service_trust("lambda.amazonaws.com"))
    parts.role(aws, "orders-queue-worker", f"{managed}/AmazonSSMManagedInstanceCore")
    iam.create_instance_profile(InstanceProfileName="orders-queue-worker")
    iam.add_role_to_instance_profile(InstanceProfileName="orders-queue-worker", RoleName="orders-queue-worker")


def _storage(aws: Builder) -> None:
    parts.access_log_bucket(aws, "northwind-access-logs")
    aws.client("s3").put_bucket_versioning(
        Bucket="northwind-access-logs", VersioningConfiguration={"Status": "Enabled"}
    )
    parts.bucket(
        aws,
        TRAIL.bucket,
        statements=[*parts.trail_delivery(TRAIL.bucket, ACCOUNT), parts.tls_only(TRAIL.bucket)],
        logs_to="northwind-access-logs",
        lock=True,
    )
    fleet.lifecycle(aws, TRAIL.bucket, archive_after=120, storage="GLACIER_IR", expire_after=1100)
    for name in BUCKETS:
        parts.bucket(aws, name, versioning=True, statements=[parts.tls_only(name)])


def _key(aws: Builder) -> str:
    kms = aws.client("kms")
    key = str(kms.create_key(Description="Everything at rest")["KeyMetadata"]["KeyId"])
    kms.create_alias(AliasName="alias/ledger", TargetKeyId=key)
    kms.enable_key_rotation(KeyId=key)
    return key


def _trail(aws: Builder, key: str) -> None:
    logs = aws.client("logs")
    for name in (LOG_GROUP, "/aws/lambda/sg-remediator"):
        logs.create_log_group(logGroupName=name, kmsKeyId=aws.arn("kms", f"key/{key}"))
        logs.put_retention_policy(logGroupName=name, retentionInDays=400)
    trail = aws.client("cloudtrail")
    parts.trail(aws, TRAIL, LOG_GROUP, KmsKeyId=aws.arn("kms", f"key/{key}"))
    trail.put_event_selectors(
        TrailName=TRAIL.name,
        AdvancedEventSelectors=[
            {
                "Name": "All management events",
                "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}],
            },
            {
                "Name": "All object reads and writes",
                "FieldSelectors": [
                    {"Field": "eventCategory", "Equals": ["Data"]},
                    {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
                ],
            },
            {
                "Name": "All function invocations",
                "FieldSelectors": [
                    {"Field": "eventCategory", "Equals": ["Data"]},
                    {"Field": "resources.type", "Equals": ["AWS::Lambda::Function"]},
                ],
            },
        ],
    )
    trail.put_insight_selectors(
        TrailName=TRAIL.name,
        InsightSelectors=[{"InsightType": "ApiCallRateInsight"}, {"InsightType": "ApiErrorRateInsight"}],
    )
    trail.start_logging(Name=TRAIL.name)


def _monitoring(aws: Builder) -> None:
    queue = aws.arn("sqs", "security-inbox")
    aws.client("sqs").create_queue(QueueName="security-inbox")
    topic = parts.topic(aws, "security-alerts", [("email", "security@northwind-ledger.example"), ("sqs", queue)])
    alarms.install(aws, LOG_GROUP, list(alarms.all_right(topic).values()))
    aws.client("cloudwatch").put_composite_alarm(
        AlarmName="security-composite",
        AlarmRule='ALARM("cis-cloudtrail-changes") OR ALARM("cis-root-usage")',
        ActionsEnabled=True,
        AlarmActions=[topic],
    )
    for region in REGIONS:
        closes = "Closes security groups that were opened to the world"
        parts.function(aws, "sg-remediator", "sg-remediator-role", closes, region=region)
        parts.remediation_rule(aws, "detect-open-ssh", "sg-remediator", region)


BEYOND: Final = {
    "transit-gateway-changes": (
        "ec2",
        (
            "CreateTransitGateway",
            "DeleteTransitGateway",
            "ModifyTransitGateway",
            "CreateTransitGatewayVpcAttachment",
            "DeleteTransitGatewayVpcAttachment",
            "AcceptTransitGatewayVpcAttachment",
            "CreateTransitGatewayPeeringAttachment",
            "AcceptTransitGatewayPeeringAttachment",
            "CreateTransitGatewayRoute",
            "DeleteTransitGatewayRoute",
            "ReplaceTransitGatewayRoute",
        ),
    ),
    "s3-bucket-deletion": ("s3", ("DeleteBucket",)),
    "lambda-changes": (
        "lambda",
        (
            "UpdateFunctionCode20150331v2",
            "UpdateFunctionConfiguration20150331v2",
            "DeleteFunction20150331",
            "AddPermission20150331v2",
        ),
    ),
    "guardduty-changes": ("guardduty", ("DeleteDetector", "UpdateDetector", "StopMonitoringMembers", "DeleteMembers")),
    "securityhub-changes": ("securityhub", ("DisableSecurityHub", "BatchDisableStandards")),
    "alarm-changes": ("monitoring", ("DeleteAlarms", "DisableAlarmActions")),
    "log-changes": ("logs", ("DeleteMetricFilter", "DeleteLogGroup")),
    "topic-changes": ("sns", ("Unsubscribe", "DeleteTopic")),
}
"""Watches that no benchmark asks for: name -> service and event names."""


def _beyond(aws: Builder) -> None:
    """Watch what no benchmark asks for: gateways, functions, detectors, alarms, databases, memory and disk."""
    topic = aws.arn("sns", "security-alerts")
    watches = [
        alarms.Watch(name, alarms.any_of(names, f"{service}.amazonaws.com"), topic)
        for name, (service, names) in BEYOND.items()
    ]
    alarms.install(aws, LOG_GROUP, watches)
    cloudwatch = aws.client("cloudwatch")
    instance = aws.client("ec2").describe_instances()["Reservations"][0]["Instances"][0]["InstanceId"]
    own = [{"Name": "InstanceId", "Value": instance}]
    for namespace, metric, dimensions in (
        ("AWS/RDS", "DatabaseConnections", [{"Name": "DBInstanceIdentifier", "Value": "ledger-primary"}]),
        ("CWAgent", "mem_used_percent", own),
        ("CWAgent", "disk_used_percent", own),
        (
            "AWS/AutoScaling",
            "GroupInServiceInstances",
            [{"Name": "AutoScalingGroupName", "Value": "ledger-batch"}],
        ),
    ):
        cloudwatch.put_metric_alarm(
            AlarmName=f"ledger-{metric}",
            AlarmActions=[topic],
            MetricName=metric,
            Namespace=namespace,
            Dimensions=dimensions,
            Statistic="Average",
            Period=300,
            EvaluationPeriods=2,
            Threshold=80.0,
            ComparisonOperator="GreaterThanThreshold",
        )
    with clock.at(AS_OF - timedelta(minutes=5)):
        cloudwatch.put_metric_data(
            Namespace="CWAgent",
            MetricData=[
                {"MetricName": name, "Value": 41.0, "Unit": "Percent", "Dimensions": own}
                for name in ("mem_used_percent", "disk_used_percent")
            ],
        )
    balancer = aws.client("elbv2").describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    fleet.errors_alarm(aws, balancer.partition(":loadbalancer/")[2], topic)
    body = '{"widgets": [{"type": "text", "properties": {"markdown": "Ledger"}}]}'
    cloudwatch.put_dashboard(DashboardName="ledger", DashboardBody=body)
    sink = aws.arn("oam", "sink/5d1f0a3c-2b7e-4a55-9d0e-8c6b7a5f4e3d")
    aws.application.declare(
        "oam:ListSinks", {"Items": [{"Arn": sink, "Id": sink.rsplit("/", 1)[1], "Name": "ledger"}]}, region=HOME
    )
    link = aws.arn("oam", "link/0c9d7f21-61de-4f0a-8d2b-5a1f9e3c7b64")
    attached = {"LinkArn": link, "Label": "archive", "ResourceTypes": ["AWS::CloudWatch::Metric"]}
    aws.application.declare("oam:ListAttachedLinks", {"Items": [attached]}, region=HOME)


def _network(aws: Builder) -> tuple[str, str]:
    """Build the one network and return its subnet and its security group."""
    parts.drop_default_vpcs(aws, REGIONS)
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.4.0/24")["Subnet"]["SubnetId"]
    parts.flow_log(aws, vpc, "northwind-flow-logs")
    parts.close_default_groups(aws, HOME)
    parts.ebs_encryption(aws)
    (acl,) = ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["NetworkAcls"]
    for number, port in ((10, 22), (11, 3389)):
        for protocol, offset in (("6", 0), ("17", 20)):
            ec2.create_network_acl_entry(
                NetworkAclId=acl["NetworkAclId"],
                RuleNumber=number + offset,
                Protocol=protocol,
                RuleAction="deny",
                Egress=False,
                CidrBlock="0.0.0.0/0",
                PortRange={"From": port, "To": port},
            )
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    for service in ("s3", "dynamodb"):
        ec2.create_vpc_endpoint(
            VpcId=vpc,
            ServiceName=f"com.amazonaws.{HOME}.{service}",
            VpcEndpointType="Gateway",
            RouteTableIds=[table["RouteTableId"] for table in tables],
        )
    second = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.5.0/24", AvailabilityZone=f"{HOME}b")["Subnet"]["SubnetId"]
    fleet.load_balancer(aws, "ledger", [subnet, second], logs_to="northwind-access-logs")
    fleet.scaling_group(aws, "ledger-batch", str(subnet))
    fleet.target_tracking(aws, "ledger-batch", 60.0)
    group = ec2.create_security_group(GroupName="orders", Description="Orders workers", VpcId=vpc)["GroupId"]
    fleet.instance(
        aws,
        SubnetId=subnet,
        SecurityGroupIds=[group],
        IamInstanceProfile={"Name": "orders-queue-worker"},
        MetadataOptions={"HttpTokens": "required"},
        Monitoring={"Enabled": True},
    )
    return str(subnet), str(group)


def _databases(aws: Builder, key: str, subnet: str, group: str) -> None:
    rds = aws.client("rds")
    rds.create_db_subnet_group(
        DBSubnetGroupName="ledger", DBSubnetGroupDescription="Ledger databases", SubnetIds=[subnet]
    )
    encrypted = {"StorageEncrypted": True, "KmsKeyId": aws.arn("kms", f"key/{key}")}
    fleet.database(
        aws, "ledger-primary", careful=True, DBSubnetGroupName="ledger", VpcSecurityGroupIds=[group], **encrypted
    )
    aws.client("efs").create_file_system(CreationToken="ledger-shared", Encrypted=True)


def _deployer(aws: Builder, state: State) -> None:
    iam = aws.client("iam")
    backend = iam_backends[ACCOUNT]["aws"]
    with clock.at(SETTLED):
        iam.create_group(GroupName="deployers")
        iam.attach_group_policy(GroupName="deployers", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
        iam.create_user(UserName="ci-deployer")
        iam.add_user_to_group(GroupName="deployers", UserName="ci-deployer")
    backend.users["ci-deployer"].id = principal_id("AIDA", "ci-deployer")
    with clock.at(AS_OF - timedelta(days=30)):
        iam.create_access_key(UserName="ci-deployer")
    backend.users["ci-deployer"].access_keys[0].access_key_id = principal_id("AKIA", "ci-deployer")[:20]
    state.users["ci-deployer"] = UserFacts(key_used=("2026-11-02T05:11:00+00:00",))


def _services(aws: Builder) -> None:
    for region in REGIONS:
        detectors.config_recorder(aws, region, since=SETTLED)
        detectors.security_hub(aws, region, SETTLED)
        detectors.guard_duty(aws, region, SETTLED)
        detectors.access_analyzer(aws, region, SETTLED)
        detectors.macie(aws, region, SETTLED)
        aws.application.declare(
            "ec2:GetInstanceMetadataDefaults",
            {"AccountLevel": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}},
            region=region,
        )
        aws.application.declare("ec2:GetSnapshotBlockPublicAccessState", {"State": "block-all-sharing"}, region=region)

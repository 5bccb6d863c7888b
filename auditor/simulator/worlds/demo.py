"""Northwind Ledger: a believable account with a believable month in it. ``docs/simulator.md`` tells the story."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from moto.iam.models import iam_backends

from auditor.simulator import clock
from auditor.simulator.app import Application
from auditor.simulator.overlay import install
from auditor.simulator.overlay.state import State, UserFacts
from auditor.simulator.worlds import alarms, detectors, events, fleet, parts
from auditor.simulator.worlds.alarms import CLOUDTRAIL_EVENTS, GROUP_EVENTS, IAM_POLICY_EVENTS, any_of
from auditor.simulator.worlds.archive import TRAIL, Archive, Plan
from auditor.simulator.worlds.builder import AS_OF, REGIONS, Builder, frame
from auditor.simulator.worlds.events import KEY_DOOMED_AT, OPENED_AT, STOPPED, TRAIL_ARN
from auditor.simulator.worlds.fired import firing
from auditor.simulator.worlds.happening import BEGIN
from auditor.simulator.worlds.principals import ACCOUNT, HOME, principal_id, uuid_text

SETTLED: Final = datetime(2024, 3, 4, 9, 12, tzinfo=UTC)
"""When most of the account was set up."""
LOG_GROUP: Final = "/aws/cloudtrail/management-events"
STAMP: Final = "%Y-%m-%dT%H:%M:%S+00:00"

SCRIPT_TEXT: Final = "<script>alert('alarm description')</script> watches refused calls"
RIGHT_TO_LEFT: Final = "\u202egnp.reggol\u202c \u05e9\u05dc\u05d5\u05dd"
LONG_TAG: Final = "long " * 50


def build() -> Application:
    """Build the demo world."""
    return construct("demo").application


def construct(world: str) -> Builder:
    """Build the demo account under a world's name, for other worlds to go on with."""
    aws = frame(world, ACCOUNT, HOME, {"trail": TRAIL_ARN, "name": "Northwind Ledger"})
    plan = Plan(TRAIL, eventful=True)
    state = State(
        plan=plan,
        root_last_used=f"{events.ROOT_SIGN_IN:{STAMP}}",
        summary={"AccountMFAEnabled": 1},
        unconfirmed={"ops-digest@northwind-ledger.example"},
    )
    install(aws.application, state)
    with clock.at(SETTLED):
        _storage(aws)
        keys = _keys(aws)
        _roles(aws)
        _trail(aws, keys["trail"])
        _functions(aws)
        _monitoring(aws)
        _network(aws)
        _databases(aws, keys["data"])
        _front_ends(aws)
        parts.organization(aws, guarded=False)
    _users(aws, state)
    _services(aws)
    _fired(aws, state)
    Archive(plan).attach(aws.application.objects.add(TRAIL.bucket, versioned=True))
    return aws


def _storage(aws: Builder) -> None:
    parts.contact(aws, security=False)
    parts.access_log_bucket(aws, "northwind-access-logs")
    parts.bucket(
        aws,
        TRAIL.bucket,
        versioning=True,
        statements=[*parts.trail_delivery(TRAIL.bucket, ACCOUNT), parts.tls_only(TRAIL.bucket)],
        logs_to="northwind-access-logs",
    )
    fleet.lifecycle(aws, TRAIL.bucket, archive_after=60, storage="GLACIER", expire_after=180)
    partner = {
        "Sid": "PartnerRead",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::999988887777:root"},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::northwind-ledger-statements/*",
    }
    parts.bucket(aws, "northwind-ledger-statements", statements=[partner], tags={"owner": "=cmd|'/C calc'!A0"})
    public = {
        "Sid": "PublicRead",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::northwind-ledger-website/*",
    }
    parts.bucket(aws, "northwind-ledger-website", statements=[public], public_block=None)
    parts.bucket(aws, "northwind-config-history", statements=[parts.tls_only("northwind-config-history")])
    parts.bucket(aws, "northwind-flow-logs", statements=[parts.tls_only("northwind-flow-logs")])
    parts.bucket(aws, "northwind-us-artifacts", region="us-west-2", tags={"note": LONG_TAG.strip()})


def _keys(aws: Builder) -> dict[str, str]:
    kms = aws.client("kms")
    made = {}
    for name, description, rotates in (
        ("trail", "CloudTrail log files", True),
        ("data", "Ledger data at rest <b>bold?</b>", False),
    ):
        key = kms.create_key(Description=description)["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=f"alias/ledger-{name}", TargetKeyId=key)
        if rotates:
            kms.enable_key_rotation(KeyId=key)
        made[name] = key
    _doomed_key(aws)
    return made


def _doomed_key(aws: Builder) -> None:
    """Create the key that is scheduled for deletion, under the id the event names."""
    from moto.kms.models import kms_backends

    kms = aws.client("kms")
    key_id = kms.create_key(Description="Ledger archive of 2023")["KeyMetadata"]["KeyId"]
    backend = kms_backends[ACCOUNT][HOME]
    key = backend.keys.pop(key_id)
    key.id = events.DOOMED_KEY
    key.arn = f"arn:aws:kms:{HOME}:{ACCOUNT}:key/{events.DOOMED_KEY}"
    backend.keys[key.id] = key
    kms.create_alias(AliasName="alias/ledger-archive-2023", TargetKeyId=key.id)
    with clock.at(KEY_DOOMED_AT):
        kms.schedule_key_deletion(KeyId=key.id, PendingWindowInDays=30)


def _roles(aws: Builder) -> None:
    managed = "arn:aws:iam::aws:policy"
    parts.role(
        aws,
        "ledger-api-task",
        f"{managed}/CloudWatchReadOnlyAccess",
        trust=parts.service_trust("ecs-tasks.amazonaws.com"),
    )
    parts.role(aws, "ledger-batch", f"{managed}/PowerUserAccess", trust=parts.service_trust("batch.amazonaws.com"))
    parts.role(aws, "orders-queue-worker", f"{managed}/AmazonS3ReadOnlyAccess")
    parts.role(aws, "backup-operator", trust=parts.service_trust("backup.amazonaws.com"))
    parts.role(aws, "security-audit", f"{managed}/SecurityAudit")
    parts.role(aws, "sg-remediator-role", trust=parts.service_trust("lambda.amazonaws.com"))
    parts.role(aws, "events-invoke-lambda", trust=parts.service_trust("events.amazonaws.com"))
    parts.role(aws, "cloudtrail-to-logs", trust=parts.service_trust("cloudtrail.amazonaws.com"))
    parts.role(aws, "github-actions-deploy", f"{managed}/AdministratorAccess")
    parts.role(aws, "AuditorReadOnly", f"{managed}/SecurityAudit", trust=parts.account_trust(ACCOUNT))
    iam = aws.client("iam")
    iam.create_instance_profile(InstanceProfileName="orders-queue-worker")
    iam.add_role_to_instance_profile(InstanceProfileName="orders-queue-worker", RoleName="orders-queue-worker")
    iam.create_policy(
        PolicyName="ledger-break-glass",
        PolicyDocument=parts.policy({"Effect": "Allow", "Action": "*", "Resource": "*"}),
    )
    iam.update_account_password_policy(
        MinimumPasswordLength=8, RequireSymbols=True, RequireNumbers=True, PasswordReusePrevention=5
    )


def _trail(aws: Builder, key: str) -> None:
    logs = aws.client("logs")
    logs.create_log_group(logGroupName=LOG_GROUP)
    logs.put_retention_policy(logGroupName=LOG_GROUP, retentionInDays=400)
    trail = aws.client("cloudtrail")
    tags = [{"Key": "purpose", "Value": "audit"}]
    parts.trail(aws, TRAIL, LOG_GROUP, KmsKeyId=aws.arn("kms", f"key/{key}"), TagsList=tags)
    trail.put_event_selectors(
        TrailName=TRAIL.name,
        EventSelectors=[
            {"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": []},
            {
                "ReadWriteType": "WriteOnly",
                "IncludeManagementEvents": False,
                "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}],
            },
        ],
    )
    trail.start_logging(Name=TRAIL.name)
    with clock.at(STOPPED[0]):
        trail.stop_logging(Name=TRAIL.name)
    with clock.at(STOPPED[1]):
        trail.start_logging(Name=TRAIL.name)


def _functions(aws: Builder) -> None:
    logs = aws.client("logs")
    parts.function(aws, "sg-remediator", "sg-remediator-role", "Closes security groups that were opened to the world")
    parts.function(aws, "ledger-invoice", "sg-remediator-role", "Invoices")
    for name in ("sg-remediator", "ledger-invoice"):
        logs.create_log_group(logGroupName=f"/aws/lambda/{name}")
    logs.create_log_group(logGroupName="/ledger/api/access")
    logs.put_retention_policy(logGroupName="/ledger/api/access", retentionInDays=7)
    parts.remediation_rule(aws, "detect-open-ssh", "sg-remediator")
    parts.called(aws, "detect-open-ssh", "sg-remediator", OPENED_AT)


def _monitoring(aws: Builder) -> None:
    aws.client("sqs").create_queue(QueueName="security-inbox")
    alerts = parts.topic(
        aws,
        "security-alerts",
        [("email", "security@northwind-ledger.example"), ("sqs", aws.arn("sqs", "security-inbox"))],
    )
    digest = parts.topic(aws, "ops-digest", [("email", "ops-digest@northwind-ledger.example")])
    watches = alarms.all_right(alerts)
    reordered = any_of(sorted(IAM_POLICY_EVENTS, reverse=True)).removeprefix("{ ").removesuffix(" }")
    changes: Mapping[str, Mapping[str, Any]] = {
        "unauthorized-api-calls": {"description": SCRIPT_TEXT},
        "iam-policy-changes": {"pattern": f'{{( {reordered} ) && $.eventSource = "iam.amazonaws.com"}}'},
        "cloudtrail-changes": {
            "pattern": any_of([name.replace("DeleteTrail", "DeleteTrial") for name in CLOUDTRAIL_EVENTS])
        },
        "console-auth-failures": {"topic": digest},
        "kms-key-disable-or-delete": {"enabled": False},
        "s3-bucket-policy-changes": {"actions": False},
        "security-group-changes": {"pattern": any_of(GROUP_EVENTS)},
        "nacl-changes": {"description": RIGHT_TO_LEFT},
        "vpc-changes": {"alarm": False},
    }
    for name, change in changes.items():
        watches[name] = watches[name].but(**change)
    del watches["network-gateway-changes"], watches["organizations-changes"]
    alarms.install(aws, LOG_GROUP, list(watches.values()))
    aws.client("cloudwatch").put_composite_alarm(
        AlarmName="security-composite",
        AlarmDescription="Anything that touches evidence",
        AlarmRule='ALARM("cis-s3-bucket-policy-changes") OR ALARM("cis-cloudtrail-changes")',
        ActionsEnabled=True,
        AlarmActions=[alerts],
    )


def _fired(aws: Builder, state: State) -> None:
    """Two alarms fired within the last two weeks: one that people hear, one whose subscription nobody confirmed."""
    opened, failed = OPENED_AT + timedelta(seconds=73), events.FAILED_BURST[-1] + timedelta(seconds=58)
    lasting = timedelta(minutes=10)
    state.alarm_history[HOME] = [
        *firing("cis-security-group-changes", aws.arn("sns", "security-alerts"), opened, opened + lasting),
        *firing("cis-console-auth-failures", aws.arn("sns", "ops-digest"), failed, failed + lasting),
    ]
    saved = ("Who called as root", "Refused calls by principal")
    state.saved_queries[HOME] = [
        {
            "queryDefinitionId": uuid_text("query", name),
            "name": name,
            "queryString": "fields eventName, userIdentity.arn | sort @timestamp desc",
            "lastModified": int(SETTLED.timestamp() * 1000),
            "logGroupNames": [LOG_GROUP],
        }
        for name in saved
    ]


def _network(aws: Builder) -> None:
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "Name", "Value": "ledger"}])
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.4.0/24")["Subnet"]["SubnetId"]
    parts.flow_log(aws, vpc, "northwind-flow-logs")
    bastion = _bastion_group(aws, vpc)
    parts.close_default_groups(aws, HOME)
    parts.ebs_encryption(aws, (HOME, "eu-west-1"))
    profile = {"Name": "orders-queue-worker"}
    for name, extra in (
        ("orders-worker", {"IamInstanceProfile": profile, "MetadataOptions": {"HttpTokens": "required"}}),
        ("legacy-ftp", {"MetadataOptions": {"HttpTokens": "optional"}}),
        (RIGHT_TO_LEFT, {"IamInstanceProfile": profile, "MetadataOptions": {"HttpTokens": "optional"}}),
    ):
        fleet.instance(
            aws,
            SubnetId=subnet,
            SecurityGroupIds=[bastion],
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}],
            **extra,
        )
    fleet.scaling_group(aws, "ledger-batch", str(subnet))
    _peering(aws, vpc)
    _open_group(aws, "eu-west-1", "legacy-rdp", 3389, ipv4="0.0.0.0/0")
    _open_group(aws, "us-west-2", "build-agents", 22, ipv6="::/0")
    _open_group(aws, "us-east-1", "file-share", 445, ipv4="0.0.0.0/0")


def _peering(aws: Builder, vpc: str) -> None:
    """Connect a second network, with a route to the whole of it."""
    ec2 = aws.client("ec2")
    other = ec2.create_vpc(CidrBlock="10.30.0.0/16")["Vpc"]["VpcId"]
    ec2.create_tags(Resources=[other], Tags=[{"Key": "Name", "Value": "analytics"}])
    link = ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=other)["VpcPeeringConnection"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=link["VpcPeeringConnectionId"])
    (table,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    ec2.create_route(
        RouteTableId=table["RouteTableId"],
        DestinationCidrBlock="10.30.0.0/16",
        VpcPeeringConnectionId=link["VpcPeeringConnectionId"],
    )
    parts.close_default_groups(aws, HOME)


def _front_ends(aws: Builder) -> None:
    """Create a load balancer and an API without access logs, a queue for everybody and a forgotten certificate."""
    ec2 = aws.client("ec2")
    vpc = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["ledger"]}])["Vpcs"][0]["VpcId"]
    second = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.5.0/24", AvailabilityZone=f"{HOME}b")["Subnet"]["SubnetId"]
    first = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"][0]["SubnetId"]
    fleet.load_balancer(aws, "ledger-web", [first, second])
    gateway = aws.client("apigatewayv2")
    api = gateway.create_api(Name="ledger-api", ProtocolType="HTTP")["ApiId"]
    gateway.create_stage(ApiId=api, StageName="live")
    queue = aws.client("sqs").create_queue(QueueName="partner-inbox")["QueueUrl"]
    everybody = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "sqs:SendMessage",
        "Resource": aws.arn("sqs", "partner-inbox"),
    }
    aws.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": parts.policy(everybody)})
    aws.client("iam").upload_server_certificate(
        ServerCertificateName="ledger-2011", CertificateBody="expired long ago", PrivateKey="none"
    )
    aws.client("secretsmanager").create_secret(Name="ledger/db", SecretString="not-a-real-secret")


def _bastion_group(aws: Builder, vpc: str) -> str:
    """Create the group that was opened and closed again, under the id the events name."""
    from moto.ec2.models import ec2_backends

    ec2 = aws.client("ec2")
    made = ec2.create_security_group(GroupName="ledger-bastion", Description="Way in for operators", VpcId=vpc)
    groups = ec2_backends[ACCOUNT][HOME].groups[vpc]
    group = groups.pop(made["GroupId"])
    group.id = group.group_id = events.BASTION_GROUP
    groups[group.id] = group
    ec2.authorize_security_group_ingress(
        GroupId=group.id,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "198.51.100.0/24"}]}
        ],
    )
    return events.BASTION_GROUP


def _open_group(aws: Builder, region: str, name: str, port: int, *, ipv4: str = "", ipv6: str = "") -> None:
    ec2 = aws.client("ec2", region)
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(GroupName=name, Description="left over", VpcId=vpc)["GroupId"]
    rule: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
    if ipv4:
        rule["IpRanges"] = [{"CidrIp": ipv4}]
    if ipv6:
        rule["Ipv6Ranges"] = [{"CidrIpv6": ipv6}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])


def _databases(aws: Builder, key: str) -> None:
    efs = aws.client("efs")
    fleet.database(aws, "ledger-primary", careful=True, StorageEncrypted=True, KmsKeyId=aws.arn("kms", f"key/{key}"))
    fleet.database(aws, "reporting-replica", careful=False, StorageEncrypted=False)
    efs.create_file_system(
        CreationToken="ledger-shared", Encrypted=True, Tags=[{"Key": "Name", "Value": "ledger-shared"}]
    )
    efs.create_file_system(
        CreationToken="scans", Encrypted=False, Tags=[{"Key": "Name", "Value": "<img src=x onerror=1>"}]
    )


_USERS: Final = (
    # name, age in days, last sign-in ("" without a password), MFA, keys as (age in days, last use)
    ("bob.tanaka", 600, "2026-10-08T07:58:10", False, ()),
    ("carol.ndiaye", 540, "2026-10-12T07:31:02", True, ((41, "2026-11-01T16:20:00"),)),
    ("ci-deployer", 700, "", False, ((30, "2026-11-02T05:11:00"),)),
    ("dave.okafor", 820, "2026-10-19T18:22:41", False, ((412, "2026-10-30T15:02:00"),)),
    ("erin.svensson", 300, "2026-10-26T07:44:50", True, ()),
    ("frank.mueller", 900, "2026-04-16T08:30:12", False, ()),
    ("svc-legacy-backup", 1100, "", False, ((1098, "2026-10-30T02:00:00"), (601, "2026-04-26T02:00:00"))),
    ("=cmd+calc@northwind", 90, "2026-10-30T09:01:44", True, ()),
)


def _users(aws: Builder, state: State) -> None:
    iam = aws.client("iam")
    iam.create_group(GroupName="operators")
    iam.attach_group_policy(GroupName="operators", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    for name, age, signed_in, mfa, keys in _USERS:
        created = AS_OF - timedelta(days=age, hours=1)
        with clock.at(created):
            iam.create_user(UserName=name, Tags=[{"Key": "team", "Value": "ledger"}])
            iam_backends[ACCOUNT]["aws"].users[name].id = principal_id("AIDA", name)
            iam.add_user_to_group(GroupName="operators", UserName=name)
            if signed_in:
                iam.create_login_profile(UserName=name, Password="Not-a-real-password-1")  # noqa: S106
            if mfa:
                device = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]["SerialNumber"]
                iam.enable_mfa_device(
                    UserName=name, SerialNumber=device, AuthenticationCode1="123456", AuthenticationCode2="654321"
                )
        for number, (key_age, _) in enumerate(keys):
            with clock.at(AS_OF - timedelta(days=key_age, hours=2)):
                _access_key(aws, name, number)
        state.users[name] = UserFacts(
            password_last_used=f"{signed_in}+00:00" if signed_in else "no_information",
            key_used=tuple(f"{used}+00:00" for _, used in keys),
        )
    iam.put_user_policy(
        UserName="svc-legacy-backup",
        PolicyName="everything-it-ever-needed",
        PolicyDocument=parts.policy(
            {"Effect": "Allow", "Action": ["s3:*", "rds:*", "cloudtrail:*", "iam:*AccessKey"], "Resource": "*"}
        ),
    )
    iam.attach_user_policy(UserName="dave.okafor", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")


def _access_key(aws: Builder, user: str, number: int) -> None:
    """Create an access key under the id that the records show."""
    aws.client("iam").create_access_key(UserName=user)
    key = iam_backends[ACCOUNT]["aws"].users[user].access_keys[number]
    key.access_key_id = principal_id("AKIA", user if number == 0 else f"{user}/{number}")[:20]


def _services(aws: Builder) -> None:
    for region in REGIONS:
        if region != "eu-north-1":
            detectors.config_recorder(aws, region, recording=region != "sa-east-1", since=SETTLED)
    detectors.security_hub(aws, HOME, SETTLED)
    for region in (HOME, "eu-west-1", "us-east-1"):
        detectors.guard_duty(aws, region, SETTLED)
        detectors.access_analyzer(aws, region, BEGIN)

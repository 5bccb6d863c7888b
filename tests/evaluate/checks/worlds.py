"""For each control a world in which everything is right; tests break one thing at a time."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from auditor.activity.drawn import Draw
from auditor.base.period import rfc3339
from tests.evaluate.kit import ACCOUNT, AS_OF, FAR, HOME, PERIOD, World, ago

TRAIL = f"arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/all"
LOGS = "company-logs"
GROUP = f"arn:aws:logs:{HOME}:{ACCOUNT}:log-group:trail:*"
KEY = f"arn:aws:kms:{HOME}:{ACCOUNT}:key/1111"
MANAGEMENT = "999988887777"
ADMIN = {"Effect": "Allow", "Action": "*", "Resource": "*"}
ALL_EVENTS = {"ReadWriteType": "All", "IncludeManagementEvents": True, "ExcludeManagementEventSources": []}
OBJECT_EVENTS = {"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}
LAMBDA_EVENTS = {"Type": "AWS::Lambda::Function", "Values": ["arn:aws:lambda"]}
ALL_OBJECTS = {**ALL_EVENTS, "DataResources": [OBJECT_EVENTS]}

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
        .says("config:DescribeDeliveryChannelStatus", delivered())
    )


def delivered(last: str = "SUCCESS", **changes: Any) -> dict[str, Any]:
    """Return a ``DescribeDeliveryChannelStatus`` page; AWS writes the states in capitals, its model does not."""
    history = {"lastStatus": last, "lastAttemptTime": ago(hours=3)} | changes
    return {"DeliveryChannelsStatus": [{"name": "default", "configHistoryDeliveryInfo": history}]}


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


def policy(*items: Any) -> str:
    """Write a policy document with these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(items)})


def allow(**changes: Any) -> dict[str, Any]:
    """Return a statement that allows one action on one resource."""
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/*"} | changes


def managed_policy(name: str, *items: Any, aws: bool = False, attached: int = 1) -> dict[str, Any]:
    """Return a managed policy as ``GetAccountAuthorizationDetails`` lists it, with an older version that allows all."""
    old = {"VersionId": "v1", "IsDefaultVersion": False, "Document": {"Statement": [ADMIN]}}
    new = {"VersionId": "v2", "IsDefaultVersion": True, "Document": {"Statement": list(items)}}
    arn = f"arn:aws:iam::{'aws' if aws else ACCOUNT}:policy/{name}"
    return {"PolicyName": name, "Arn": arn, "AttachmentCount": attached, "PolicyVersionList": [old, new]}


def principal(kind: str, name: str, *attached: str, **changes: Any) -> dict[str, Any]:
    """Return a User, Group or Role of ``GetAccountAuthorizationDetails`` with AWS managed policies."""
    held = [{"PolicyName": item, "PolicyArn": f"arn:aws:iam::aws:policy/{item}"} for item in attached]
    arn = f"arn:aws:iam::{ACCOUNT}:{kind.lower()}/{name}"
    return {f"{kind}Name": name, "Arn": arn, "AttachedManagedPolicies": held} | changes


def authorization(
    users: tuple[Any, ...] = (),
    groups: tuple[Any, ...] = (),
    roles: tuple[Any, ...] = (),
    policies: tuple[Any, ...] = (),
) -> World:
    """Build a world from IAM's authorization details."""
    page = {
        "UserDetailList": list(users),
        "GroupDetailList": list(groups),
        "RoleDetailList": list(roles),
        "Policies": list(policies),
    }
    return World().says("iam:GetAccountAuthorizationDetails", page)


def federation() -> World:
    """Build a world of an organization's member with a SAML provider and no console users."""
    return (
        users(row("robot"))
        .says("organizations:DescribeOrganization", {"Organization": {"MasterAccountId": MANAGEMENT}})
        .says("iam:ListSAMLProviders", {"SAMLProviderList": [{"Arn": "saml"}]})
        .says("iam:ListOpenIDConnectProviders", {"OpenIDConnectProviderList": []})
        .says("sso-admin:ListInstances", {"Instances": []})
    )


def http_denied(bucket: str) -> dict[str, Any]:
    """Return the statement that refuses plain HTTP for one bucket."""
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def two_buckets() -> World:
    """Build a world of two buckets, both as they should be."""
    world = buckets(World(), "a", "b")
    encryption = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    for name in ("a", "b"):
        world = world.says("s3:GetBucketEncryption", {"ServerSideEncryptionConfiguration": encryption}, Bucket=name)
        world = world.says("s3:GetBucketPolicy", {"Policy": policy(http_denied(name))}, Bucket=name)
        world = world.says("s3:GetBucketVersioning", {"Status": "Enabled", "MFADelete": "Enabled"}, Bucket=name)
    return world


def macie() -> World:
    """Build a world where Macie looks at buckets by itself."""
    return (
        two_buckets()
        .says("macie2:GetMacieSession", {"status": "ENABLED"})
        .says("macie2:GetAutomatedDiscoveryConfiguration", {"status": "ENABLED"})
        .says("macie2:ListClassificationJobs", {"items": []})
    )


def database(name: str, **changes: Any) -> dict[str, Any]:
    """Return a DB instance as it should be."""
    return {
        "DBInstanceIdentifier": name,
        "DBInstanceArn": f"arn:aws:rds:{HOME}:{ACCOUNT}:db:{name}",
        "DBInstanceStatus": "available",
        "StorageEncrypted": True,
        "AutoMinorVersionUpgrade": True,
        "PubliclyAccessible": False,
        "MultiAZ": True,
        "MonitoringInterval": 60,
        "DBInstanceClass": "db.m6g.large",
        "DBParameterGroups": [{"DBParameterGroupName": "default.postgres17"}],
    } | changes


def databases(*instances: Mapping[str, Any], clusters: tuple[Any, ...] = ()) -> World:
    """Build a world of DB instances in the home Region."""
    return (
        World()
        .says("rds:DescribeDBInstances", {"DBInstances": []})
        .says("rds:DescribeDBInstances", {"DBInstances": list(instances)}, region=HOME)
        .says("rds:DescribeDBClusters", {"DBClusters": list(clusters)})
    )


PROFILE = f"arn:aws:iam::{ACCOUNT}:instance-profile/web"


def instance(name: str, **changes: Any) -> dict[str, Any]:
    """Return an EC2 instance as it should be."""
    return {
        "InstanceId": name,
        "State": {"Name": "running"},
        "IamInstanceProfile": {"Arn": PROFILE},
        "MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled"},
        "Monitoring": {"State": "enabled"},
    } | changes


def instances(*listed: Mapping[str, Any]) -> World:
    """Build a world of instances in the home Region."""
    return (
        World()
        .says("ec2:DescribeInstances", {"Reservations": []})
        .says("ec2:DescribeInstances", {"Reservations": [{"Instances": list(listed)}]}, region=HOME)
        .says("iam:ListInstanceProfiles", {"InstanceProfiles": [{"Arn": PROFILE, "Roles": [{"RoleName": "web"}]}]})
    )


def rule(
    *sources: str, low: int | None = 443, high: int | None = None, protocol: str = "tcp", **more: Any
) -> dict[str, Any]:
    """Return a security group rule for some sources."""
    four, six = [item for item in sources if ":" not in item], [item for item in sources if ":" in item]
    ports = {} if low is None else {"FromPort": low, "ToPort": low if high is None else high}
    ranges = {"IpRanges": [{"CidrIp": item} for item in four], "Ipv6Ranges": [{"CidrIpv6": item} for item in six]}
    return {"IpProtocol": protocol, **ports, **ranges, "PrefixListIds": [], "UserIdGroupPairs": []} | more


def group(name: str, *rules: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a security group."""
    return {"GroupId": name, "GroupName": name, "IpPermissions": list(rules), "IpPermissionsEgress": []} | changes


OFFICE = [{"PrefixListId": "pl-office"}]


def groups(*listed: Mapping[str, Any], entries: tuple[str, ...] = ("192.0.2.0/24",)) -> World:
    """Build a world of security groups in the home Region, and one prefix list."""
    answer = {"Entries": [{"Cidr": item} for item in entries]}
    return (
        World()
        .says("ec2:DescribeSecurityGroups", {"SecurityGroups": []})
        .says("ec2:DescribeSecurityGroups", {"SecurityGroups": list(listed)}, region=HOME)
        .says("ec2:GetManagedPrefixListEntries", answer, region=HOME, PrefixListId="pl-office")
    )


def office_group() -> World:
    """Build a world with one group that opens admin and file ports to a prefix list of the office."""
    return groups(group("sg-1", *(rule(low=port, PrefixListIds=OFFICE) for port in (22, 445))))


def acl_entry(number: int, action: str, source: str, low: int = 0, high: int = 65535, **changes: Any) -> dict[str, Any]:
    """Return an inbound entry of a network ACL."""
    key = "Ipv6CidrBlock" if ":" in source else "CidrBlock"
    base = {"RuleNumber": number, "RuleAction": action, "Egress": False, "Protocol": "6", key: source}
    return {**base, "PortRange": {"From": low, "To": high}} | changes


def acls(*entries: Mapping[str, Any], associations: int = 1) -> World:
    """Build a world of one network ACL in the home Region."""
    acl = {"NetworkAclId": "acl-1", "Entries": list(entries), "Associations": [{}] * associations}
    return (
        World()
        .says("ec2:DescribeNetworkAcls", {"NetworkAcls": []})
        .says("ec2:DescribeNetworkAcls", {"NetworkAcls": [acl]}, region=HOME)
    )


def peering(*routes: Mapping[str, Any], **changes: Any) -> World:
    """Build a world of one peering connection and the routes of the local VPC."""
    connection = {
        "VpcPeeringConnectionId": "pcx-1",
        "Status": {"Code": "active"},
        "RequesterVpcInfo": {"VpcId": "vpc-1", "CidrBlock": "10.1.0.0/16"},
        "AccepterVpcInfo": {"VpcId": "vpc-9", "CidrBlock": "10.9.0.0/16"},
    } | changes
    tables = {"RouteTables": [{"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Routes": list(routes)}]}
    return (
        World()
        .says("ec2:DescribeVpcPeeringConnections", {"VpcPeeringConnections": []})
        .says("ec2:DescribeVpcPeeringConnections", {"VpcPeeringConnections": [connection]}, region=HOME)
        .says("ec2:DescribeRouteTables", tables)
    )


def endpoints(*names: str, state: str = "available") -> World:
    """Build a world of one VPC in the home Region with endpoints for these services."""
    return vpc_endpoints(*(endpoint(name, State=state) for name in names))


def endpoint(name: str, **changes: Any) -> dict[str, Any]:
    """Return a gateway endpoint of the VPC with a route table."""
    return {
        "VpcId": "vpc-1",
        "VpcEndpointType": "Gateway",
        "ServiceName": f"com.amazonaws.{HOME}.{name}",
        "State": "available",
        "RouteTableIds": ["rtb-1"],
        "SubnetIds": [],
    } | changes


def vpc_endpoints(*found: Mapping[str, Any]) -> World:
    """Build a world of one VPC in the home Region with these endpoints."""
    return (
        World()
        .says("ec2:DescribeVpcs", {"Vpcs": []})
        .says("ec2:DescribeVpcs", {"Vpcs": [{"VpcId": "vpc-1", "OwnerId": ACCOUNT}]}, region=HOME)
        .says("ec2:DescribeVpcEndpoints", {"VpcEndpoints": list(found)})
    )


def organization(*, management: str = ACCOUNT) -> World:
    """Build a world of an organization seen from its management account, with one unit and one member in it."""
    root_id, unit, member = "r-abcd", "ou-abcd-11111111", "444455556666"
    services = [{"ServicePrincipal": "guardduty.amazonaws.com"}, {"ServicePrincipal": "unknown.amazonaws.com"}]
    delegation = policy({"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{member}:root"}, "Action": "x"})
    types = [
        {"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"},
        {"Type": "TAG_POLICY", "Status": "PENDING_DISABLE"},
    ]
    own = {"Id": "p-own", "Name": "guard", "AwsManaged": False}
    full = {"Id": "p-FullAWSAccess", "Name": "FullAWSAccess", "AwsManaged": True}
    accounts = [
        {"Id": ACCOUNT, "Name": "management", "Paths": [f"o-1/{root_id}/{ACCOUNT}"]},
        {"Id": member, "Name": "member", "Paths": [f"o-1/{root_id}/{unit}/{member}"]},
    ]
    return (
        World()
        .says("organizations:DescribeOrganization", {"Organization": {"Id": "o-1", "MasterAccountId": management}})
        .says("iam:ListOrganizationsFeatures", {"EnabledFeatures": ["RootCredentialsManagement"]})
        .says("organizations:ListRoots", {"Roots": [{"Id": root_id, "PolicyTypes": types}]})
        .says("organizations:ListPolicies", {"Policies": [own, full]}, Filter="SERVICE_CONTROL_POLICY")
        .says("organizations:ListTargetsForPolicy", {"Targets": [{"TargetId": unit}]}, PolicyId="p-own")
        .says("organizations:ListTargetsForPolicy", {"Targets": [{"TargetId": root_id}]}, PolicyId="p-FullAWSAccess")
        .says("organizations:ListAccounts", {"Accounts": accounts})
        .says("organizations:ListAccountsForParent", {"Accounts": accounts[:1]}, ParentId=root_id)
        .says(
            "organizations:ListOrganizationalUnitsForParent",
            {"OrganizationalUnits": [{"Id": unit, "Name": "prod"}]},
            ParentId=root_id,
        )
        .says("organizations:DescribeResourcePolicy", {"ResourcePolicy": {"Content": delegation}})
        .says("organizations:ListAWSServiceAccessForOrganization", {"EnabledServicePrincipals": services})
        .says("organizations:ListDelegatedAdministrators", {"DelegatedAdministrators": [{"Id": member}]})
        .says("organizations:ListDelegatedServicesForAccount", {"DelegatedServices": services[:1]}, AccountId=member)
        .says("resourcegroupstaggingapi:GetResources", {"ResourceTagMappingList": []})
    )


QUEUE, TOPIC = f"https://sqs.{HOME}.amazonaws.com/{ACCOUNT}/q", f"arn:aws:sns:{HOME}:{ACCOUNT}:t"
SECRET, FUNCTION = f"arn:aws:secretsmanager:{HOME}:{ACCOUNT}:secret:s", f"arn:aws:lambda:{HOME}:{ACCOUNT}:function:f"


def guarded(**changes: Any) -> str:
    """Write a resource policy that trusts everyone of this account only."""
    condition = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    return policy(
        {"Effect": "Allow", "Principal": "*", "Action": "x:*", "Resource": "*", "Condition": condition} | changes
    )


def policies_everywhere() -> World:
    """Build a world with one resource of each kind that can carry a policy, all of them guarded."""
    world = buckets(keys(kms_key()), "a").says("s3:GetBucketPolicy", {"Policy": guarded()}, Bucket="a")
    world = world.says("kms:GetKeyPolicy", {"Policy": guarded()}, region=HOME, KeyId="1111")
    empty: dict[str, dict[str, Any]] = {
        "sqs:ListQueues": {},
        "sns:ListTopics": {"Topics": []},
        "lambda:ListFunctions": {"Functions": []},
        "secretsmanager:ListSecrets": {"SecretList": []},
        "events:ListEventBuses": {"EventBuses": [{"Name": "default", "Arn": "bus", "Policy": guarded()}]},
    }
    for operation, page in empty.items():
        world = world.says(operation, page)
    return (
        world.says("sqs:ListQueues", {"QueueUrls": [QUEUE]}, region=HOME)
        .says("sqs:GetQueueAttributes", {"Attributes": {"Policy": guarded()}}, region=HOME, QueueUrl=QUEUE)
        .says("sns:ListTopics", {"Topics": [{"TopicArn": TOPIC}]}, region=HOME)
        .says("sns:GetTopicAttributes", {"Attributes": {"Policy": guarded()}}, region=HOME, TopicArn=TOPIC)
        .says("lambda:ListFunctions", {"Functions": [{"FunctionArn": FUNCTION}]}, region=HOME)
        .says("lambda:GetPolicy", {"Policy": guarded()}, region=HOME, FunctionName=FUNCTION)
        .says("secretsmanager:ListSecrets", {"SecretList": [{"ARN": SECRET}]}, region=HOME)
        .says(
            "secretsmanager:GetResourcePolicy",
            {"ARN": SECRET, "ResourcePolicy": guarded()},
            region=HOME,
            SecretId=SECRET,
        )
    )


BALANCER = f"arn:aws:elasticloadbalancing:{HOME}:{ACCOUNT}:loadbalancer/app/a/1"
DISTRIBUTION = f"arn:aws:cloudfront::{ACCOUNT}:distribution/E1"


def front_ends(
    *, balancer: str = "true", rest: str = "log", http: str = "log", logging: bool = True, classic: bool = True
) -> World:
    """Build a world with one front end of each kind."""
    return (
        World()
        .says("cloudfront:ListDistributions", {"DistributionList": {"Items": [{"Id": "E1", "ARN": DISTRIBUTION}]}})
        .says("cloudfront:GetDistributionConfig", {"DistributionConfig": {"Logging": {"Enabled": logging}}}, Id="E1")
        .says("elbv2:DescribeLoadBalancers", {"LoadBalancers": []})
        .says(
            "elbv2:DescribeLoadBalancers",
            {"LoadBalancers": [{"LoadBalancerArn": BALANCER, "Type": "application"}]},
            region=HOME,
        )
        .says(
            "elbv2:DescribeLoadBalancerAttributes",
            {"Attributes": [{"Key": "access_logs.s3.enabled", "Value": balancer}]},
            region=HOME,
            LoadBalancerArn=BALANCER,
        )
        .says("apigateway:GetRestApis", {"items": []})
        .says("apigateway:GetRestApis", {"items": [{"id": "r1"}]}, region=HOME)
        .says(
            "apigateway:GetStages",
            {"item": [{"stageName": "prod", "accessLogSettings": {"destinationArn": rest}}]},
            region=HOME,
            restApiId="r1",
        )
        .says("apigatewayv2:GetApis", {"Items": []})
        .says("apigatewayv2:GetApis", {"Items": [{"ApiId": "h1"}]}, region=HOME)
        .says(
            "apigatewayv2:GetStages",
            {"Items": [{"StageName": "$default", "AccessLogSettings": {"DestinationArn": http}}]},
            region=HOME,
            ApiId="h1",
        )
        .says("elb:DescribeLoadBalancers", {"LoadBalancerDescriptions": []})
        .says("elb:DescribeLoadBalancers", {"LoadBalancerDescriptions": [{"LoadBalancerName": "old"}]}, region=HOME)
        .says(
            "elb:DescribeLoadBalancerAttributes",
            {"LoadBalancerAttributes": {"AccessLog": {"Enabled": classic}}},
            region=HOME,
            LoadBalancerName="old",
        )
        .says("logs:DescribeDeliverySources", {"deliverySources": []})
        .says(
            "logs:DescribeDeliverySources", {"deliverySources": [log_source("other", "APPLICATION_LOGS")]}, region=HOME
        )
        .says("logs:DescribeDeliveries", {"deliveries": [{"deliverySourceName": "other"}]}, region=HOME)
    )


def log_source(name: str, kind: str, arn: str = "agent", **changes: Any) -> dict[str, Any]:
    """Return a source of log delivery for one resource."""
    return {"name": name, "logType": kind, "resourceArns": [arn]} | changes


def hours(verified: int = 744, asked: int = 744, verdict: str = "pass", **changes: Any) -> dict[str, Any]:
    """Return the document of a trail's verification over October."""
    return {
        "verdict": verdict,
        "counts": {},
        "coverage": {"hours_asked": asked, "hours_verified": verified},
        "gaps": [],
        "findings": [],
    } | changes


def event(name: str, **changes: Any) -> dict[str, Any]:
    """Return a row of the notable-events document."""
    return {
        "kind": "trail_changed",
        "event_name": name,
        "event_time": "2026-10-14T03:00:00Z",
        "region": HOME,
        "actor": "mallory",
        "outcome": "Success",
        "resource": TRAIL,
        "verified": True,
    } | changes


def notable(*rows: Mapping[str, Any], omitted: int = 0) -> dict[str, Any]:
    """Return a notable-events document."""
    return {"counts": {}, "rows": list(rows), "omitted": omitted}


def verified(*rows: Mapping[str, Any], report: Mapping[str, Any] | None = None) -> World:
    """Build a world with one trail, verified over the whole period, and these notable events."""
    world = buckets(trails(trail()), LOGS)
    world = world.says("trail:VerifyDigests", report or hours(), region=HOME, Name=TRAIL)
    return world.says("trail:NotableEvents", notable(*rows), region=HOME, Name=TRAIL)


def own_call(call: str = "PutBucketPolicy", **changes: Any) -> dict[str, Any]:
    """Return a row of the answer about the audit's own calls."""
    return {
        "event_source": "s3.amazonaws.com",
        "call": call,
        "made_by": "audit",
        "asked_for": "",
        "verified": True,
        "calls": 1,
        "changes": 1,
        "unknown": 0,
        "first_time": "2026-10-14T03:00:00Z",
    } | changes


def own(*rows: Mapping[str, Any], report: Mapping[str, Any] | None = None, **changes: Any) -> World:
    """Build a world with one trail, verified over the whole period, and these calls of the audit's own principal."""
    answer = {
        "question": "our-own-calls",
        "parameters": {"who": "arn:aws:iam::111122223333:user/audit"},
        "searched": {"not_searched": []},
        "columns": [],
        "rows": list(rows),
        "truncated": False,
    }
    return verified(report=report).says("events:Answer", answer | changes, region="global", Question="our-own-calls")


def drawn(*states: str, source: str = "iam.amazonaws.com") -> World:
    """Build a world in which each Region's Event history lists an event before each moment that is drawn.

    Args:
        states: of the log files that hold the events of the home Region, the latest event first; empty for none. Where
            fewer are given, the others are as they should be.
        source: of the events.
    """
    world = verified()
    found: list[dict[str, str]] = []
    asked: list[str] = []
    for region in world.regions:
        for number, request in enumerate(Draw(ACCOUNT, PERIOD, AS_OF).requests(region)):
            name = f"{region}-{number}"
            asked.append(name)
            told = {"EventId": name, "EventName": "CreateUser", "EventSource": source, "ReadOnly": "false"}
            page = {"Events": [{**told, "EventTime": request["EndTime"]}]}
            world = world.says("cloudtrail:LookupEvents", page, region=region, **request)
            state = states[number] if region == HOME and number < len(states) else "valid"
            if state:
                place = {"account": ACCOUNT, "bucket": LOGS, "log_file": f"{name}.json.gz", "state": state}
                found.append({"event_id": name, **place})
    return world.says("events:Measured", measured(asked, found))


def measured(asked: Sequence[str], found: Sequence[Mapping[str, str]], unreadable: int = 0) -> dict[str, Any]:
    """Return what measuring the events of the period came to."""
    return {
        "looked_for": list(asked),
        "found": list(found),
        "unreadable": {"log_files": unreadable, "records": 0},
        "delivery": {"steps_minutes": [], "places": []},
        "silence": [],
        "counts": {"groups": [], "omitted": {"groups": 0, "events": 0}, "copies": [], "not_searched": []},
    }


INSIGHTS = {"InsightSelectors": [{"InsightType": "ApiCallRateInsight"}, {"InsightType": "ApiErrorRateInsight"}]}
LOCKED = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 365}}}


def log_folder(prefix: str = "") -> str:
    """Return where the worlds' trail writes the log files of its home Region."""
    return f"{prefix}AWSLogs/{ACCOUNT}/CloudTrail/{HOME}/"


def oldest_log(day: str, storage: str = "STANDARD", *, folder: str = "", written: str = "") -> dict[str, Any]:
    """Return a ``ListObjectsV2`` page whose one key is a log file of that day, written then or at another time."""
    folder = folder or log_folder()
    written = written or f"{day.replace('/', '-')}T00:10:02Z"
    key = f"{folder}{day}/{ACCOUNT}_CloudTrail_{HOME}_{day.replace('/', '')}T0005Z_a.json.gz"
    found = {"Key": key, "LastModified": written, "Size": 900, "StorageClass": storage}
    return {"KeyCount": 1, "IsTruncated": True, "Contents": [found]}


OWNER_ENFORCED = {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}}


def kept_logs() -> World:
    """Build a world whose one trail has everything that readiness asks for; its bucket is the account's own."""
    write = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{LOGS}/AWSLogs/*",
    }
    group = {"logGroupName": "trail", "arn": GROUP, "retentionInDays": 365, "kmsKeyId": KEY}
    everything = {**ALL_EVENTS, "DataResources": [OBJECT_EVENTS, LAMBDA_EVENTS]}
    world = keys(kms_key())
    return (
        World({**log_bucket().answers, **world.answers})
        .says("cloudtrail:GetEventSelectors", selected(TRAIL, everything), region=HOME, TrailName=TRAIL)
        .says("cloudtrail:GetInsightSelectors", INSIGHTS, region=HOME, TrailName=TRAIL)
        .says("s3:GetBucketPolicy", {"Policy": policy(write)}, Bucket=LOGS)
        .says("s3:GetBucketVersioning", {"Status": "Enabled"}, Bucket=LOGS)
        .says("s3:GetBucketOwnershipControls", OWNER_ENFORCED, Bucket=LOGS)
        .says("s3:GetObjectLockConfiguration", {"ObjectLockConfiguration": LOCKED}, Bucket=LOGS)
        .says("s3:GetBucketLifecycleConfiguration", {"Rules": []}, Bucket=LOGS)
        .says("s3:ListObjectsV2", oldest_log("2025/11/20"), Bucket=LOGS, Prefix=log_folder())
        .says("logs:DescribeLogGroups", {"logGroups": []})
        .says("logs:DescribeLogGroups", {"logGroups": [group]}, region=HOME)
    )


def alarm(namespace: str, metric: str, dimension: str, value: str, **changes: Any) -> dict[str, Any]:
    """Return a metric alarm with an action."""
    return {
        "AlarmName": f"{metric}-{value}",
        "ActionsEnabled": True,
        "AlarmActions": [TOPIC],
        "Namespace": namespace,
        "MetricName": metric,
        "Dimensions": [{"Name": dimension, "Value": value}],
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 5,
        "Threshold": 80.0,
        "ComparisonOperator": "GreaterThanThreshold",
    } | changes


MAY_PUBLISH = policy(
    {"Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish", "Resource": "*"}
)


def listened(world: World) -> World:
    """Add somebody who hears of alarms in the home Region, where no metric is shared and no alarm muted."""
    confirmed = {"SubscriptionArn": f"{TOPIC}:1", "TopicArn": TOPIC, "Protocol": "email"}
    return (
        world.says("sns:ListTopics", {"Topics": []})
        .says("sns:ListTopics", {"Topics": [{"TopicArn": TOPIC}]}, region=HOME)
        .says("sns:ListSubscriptionsByTopic", {"Subscriptions": [confirmed]}, region=HOME, TopicArn=TOPIC)
        .says("sns:GetTopicAttributes", {"Attributes": {"Policy": MAY_PUBLISH}}, region=HOME, TopicArn=TOPIC)
        .says("cloudwatch:ListAlarmMuteRules", {"AlarmMuteRuleSummaries": []})
        .says("oam:ListLinks", {"Items": []})
    )


def limited(world: World, value: str = "LEAST({DBInstanceClassMemory/9531392},5000)") -> World:
    """Add how many connections databases take."""
    page = {"Parameters": [{"ParameterName": "max_connections", "ParameterValue": value}]}
    return world.says("rds:DescribeDBParameters", page, region=HOME, DBParameterGroupName="default.postgres17")


def alarms(world: World, *listed: Mapping[str, Any]) -> World:
    """Add metric alarms in the home Region to a world."""
    world = world.says("cloudwatch:DescribeAlarms", {"MetricAlarms": [], "CompositeAlarms": []})
    page = {"MetricAlarms": list(listed), "CompositeAlarms": []}
    return world.says("cloudwatch:DescribeAlarms", page, region=HOME)


def agent_metrics(*names: str) -> dict[str, Any]:
    """Return a ``ListMetrics`` page of the agent on one instance."""
    dimensions = [{"Name": "InstanceId", "Value": "i-1"}]
    return {"Metrics": [{"Namespace": "CWAgent", "MetricName": name, "Dimensions": dimensions} for name in names]}


def watched_instance() -> World:
    """Build a world of one instance whose memory and disk are reported and watched."""
    names = ("mem_used_percent", "disk_used_percent")
    world = alarms(
        listened(instances(instance("i-1"))), *(alarm("CWAgent", name, "InstanceId", "i-1") for name in names)
    )
    return world.says("cloudwatch:ListMetrics", agent_metrics()).says(
        "cloudwatch:ListMetrics", agent_metrics(*names), region=HOME
    )


def scaling_policy(group: str = "web", **changes: Any) -> dict[str, Any]:
    """Return a step policy that adds an instance, with its alarm."""
    name = f"CPUUtilization-{group}"
    policies = f"arn:aws:autoscaling:{HOME}:{ACCOUNT}:scalingPolicy:1:autoScalingGroupName"
    return {
        "AutoScalingGroupName": group,
        "PolicyName": f"grow-{group}",
        "PolicyARN": f"{policies}/{group}:policyName/grow",
        "PolicyType": "StepScaling",
        "AdjustmentType": "ChangeInCapacity",
        "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
        "Alarms": [{"AlarmName": name, "AlarmARN": f"arn:aws:cloudwatch:{HOME}:{ACCOUNT}:alarm:{name}"}],
        "Enabled": True,
    } | changes


def scaling_alarm(group: str = "web", **changes: Any) -> dict[str, Any]:
    """Return the alarm that sets that policy off."""
    actions = {"AlarmActions": [scaling_policy(group)["PolicyARN"]]}
    return alarm("AWS/EC2", "CPUUtilization", "AutoScalingGroupName", group, **(actions | changes))


def scaling_group(*policies: Mapping[str, Any], **changes: Any) -> World:
    """Build a world of one Auto Scaling group that grows on load."""
    group = {"AutoScalingGroupName": "web", "MinSize": 1, "MaxSize": 4} | changes
    world = (
        World()
        .says("autoscaling:DescribeAutoScalingGroups", {"AutoScalingGroups": []})
        .says("autoscaling:DescribeAutoScalingGroups", {"AutoScalingGroups": [group]}, region=HOME)
        .says("autoscaling:DescribePolicies", {"ScalingPolicies": list(policies or [scaling_policy()])}, region=HOME)
        .says("cloudwatch:ListAlarmMuteRules", {"AlarmMuteRuleSummaries": []})
    )
    return alarms(world, scaling_alarm())


def api_alarm(**changes: Any) -> dict[str, Any]:
    """Return an alarm on the share of errors of the REST API's stage."""
    dimensions = [{"Name": "ApiName", "Value": "orders"}, {"Name": "Stage", "Value": "prod"}]
    named = {"AlarmName": "rest", "Dimensions": dimensions, "Threshold": 0.05}
    return alarm("AWS/ApiGateway", "5XXError", "ApiName", "orders", **(named | changes))


def http_alarm(**changes: Any) -> dict[str, Any]:
    """Return an alarm on the number of errors of the HTTP API's stage."""
    dimensions = [{"Name": "ApiId", "Value": "h1"}, {"Name": "Stage", "Value": "live"}]
    named = {"AlarmName": "http", "Dimensions": dimensions, "Threshold": 20.0, "Statistic": "Sum"}
    return alarm("AWS/ApiGateway", "5xx", "ApiId", "h1", **(named | changes))


def api_stages() -> World:
    """Build a world of one stage of a REST API and one of an HTTP API, both watched."""
    world = (
        listened(World())
        .says("apigateway:GetRestApis", {"items": []})
        .says("apigateway:GetRestApis", {"items": [{"id": "r1", "name": "orders"}]}, region=HOME)
        .says("apigateway:GetStages", {"item": [{"stageName": "prod"}]}, region=HOME, restApiId="r1")
        .says("apigatewayv2:GetApis", {"Items": []})
        .says("apigatewayv2:GetApis", {"Items": [{"ApiId": "h1", "ProtocolType": "HTTP"}]}, region=HOME)
        .says("apigatewayv2:GetStages", {"Items": [{"StageName": "live"}]}, region=HOME, ApiId="h1")
    )
    return alarms(world, api_alarm(), http_alarm())


def balancer_alarm(**changes: Any) -> dict[str, Any]:
    """Return an alarm on the number of errors of the application load balancer's targets."""
    named = {"AlarmName": "balancer", "Threshold": 20.0, "Statistic": "Sum"}
    return alarm("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "LoadBalancer", "app/a/1", **(named | changes))


def classic_alarm(**changes: Any) -> dict[str, Any]:
    """Return an alarm on the number of errors of the classic load balancer."""
    named = {"AlarmName": "classic", "Threshold": 20.0, "Statistic": "Sum"}
    return alarm("AWS/ELB", "HTTPCode_ELB_5XX", "LoadBalancerName", "old", **(named | changes))


def load_balancers(protocol: str = "HTTPS", kind: str = "application") -> World:
    """Build a world of one load balancer and a classic one, both watched."""
    listener = {"Listener": {"Protocol": protocol, "LoadBalancerPort": 443}}
    classic = {"LoadBalancerName": "old", "ListenerDescriptions": [listener]}
    balancer = {"LoadBalancerArn": BALANCER, "Type": kind}
    world = (
        listened(World())
        .says("elbv2:DescribeLoadBalancers", {"LoadBalancers": []})
        .says("elbv2:DescribeLoadBalancers", {"LoadBalancers": [balancer]}, region=HOME)
        .says("elb:DescribeLoadBalancers", {"LoadBalancerDescriptions": []})
        .says("elb:DescribeLoadBalancers", {"LoadBalancerDescriptions": [classic]}, region=HOME)
    )
    return alarms(world, balancer_alarm(), classic_alarm())


def linked() -> World:
    """Build a world of an organization's member with a link to a monitoring account, and a sink with a link."""
    return (
        World()
        .says("organizations:DescribeOrganization", {"Organization": {"MasterAccountId": MANAGEMENT}})
        .says("oam:ListSinks", {"Items": []})
        .says("oam:ListSinks", {"Items": [{"Arn": "sink"}]}, region=HOME)
        .says("oam:ListAttachedLinks", {"Items": [{"LinkArn": "other"}]}, region=HOME, SinkIdentifier="sink")
        .says("oam:ListLinks", {"Items": [{"Arn": "link"}]})
    )


def detectors(status: str = "ENABLED") -> World:
    """Build a world with one GuardDuty detector per Region."""
    return (
        World()
        .says("guardduty:ListDetectors", {"DetectorIds": ["d-1"]})
        .says("guardduty:GetDetector", {"Status": status}, DetectorId="d-1")
    )


CONFIRMED = {"Subscriptions": [{"SubscriptionArn": f"{TOPIC}:1"}]}


def composite(**changes: Any) -> dict[str, Any]:
    """Return a composite alarm that notifies the topic."""
    return {"AlarmName": "c", "AlarmArn": "composite", "ActionsEnabled": True, "AlarmActions": [TOPIC]} | changes


def heard(*composites: Mapping[str, Any], subscriptions: Mapping[str, Any] = CONFIRMED) -> World:
    """Build a world of a topic in the home Region that an alarm and these composite alarms notify."""
    page = {"MetricAlarms": [alarm("A", "m", "D", "v")], "CompositeAlarms": list(composites)}
    return (
        World()
        .says("cloudwatch:DescribeAlarms", {"MetricAlarms": [], "CompositeAlarms": []})
        .says("cloudwatch:DescribeAlarms", page, region=HOME)
        .says("sns:ListTopics", {"Topics": []})
        .says("sns:ListTopics", {"Topics": [{"TopicArn": TOPIC}]}, region=HOME)
        .says("sns:ListSubscriptionsByTopic", subscriptions, region=HOME, TopicArn=TOPIC)
        .says("sns:GetTopicAttributes", {"Attributes": {"Policy": MAY_PUBLISH}}, region=HOME, TopicArn=TOPIC)
        .says("cloudwatch:ListAlarmMuteRules", {"AlarmMuteRuleSummaries": []})
    )


RULE_ARN = f"arn:aws:events:{HOME}:{ACCOUNT}:rule/"
LETTERS = f"arn:aws:sqs:{HOME}:{ACCOUNT}:q"
MAY_INVOKE = policy(
    {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": FUNCTION,
        "Condition": {"ArnLike": {"AWS:SourceArn": f"{RULE_ARN}*"}},
    }
)
OPENINGS = ["AuthorizeSecurityGroupIngress", "ModifySecurityGroupRules"]


def event_rule(name: str = "closes", state: str = "ENABLED", **pattern: Any) -> dict[str, Any]:
    """Return an EventBridge rule on openings of security groups."""
    wanted = {"source": ["aws.ec2"], "detail": {"eventName": OPENINGS}} | pattern
    return {"Name": name, "Arn": f"{RULE_ARN}{name}", "State": state, "EventPattern": json.dumps(wanted)}


def figures(calls: float = 2, failures: float = 0, status: str = "Complete") -> dict[str, Any]:
    """Return what CloudWatch counted in the period: calls and failures, in one hour each."""
    return {
        "MetricDataResults": [
            {"Id": "invocations", "Timestamps": [ago(days=30)], "Values": [calls], "StatusCode": status},
            {"Id": "failures", "Timestamps": [ago(days=30)], "Values": [failures], "StatusCode": status},
        ]
    }


def asked_figures(namespace: str, metrics: tuple[str, str], dimension: str, value: str) -> list[dict[str, Any]]:
    """Return the queries that the catalogue asks about a rule or a function."""
    own = [{"Name": dimension, "Value": value}]
    return [
        {
            "Id": label,
            "MetricStat": {
                "Metric": {"Namespace": namespace, "MetricName": metric, "Dimensions": own},
                "Period": 3600,
                "Stat": "Sum",
            },
        }
        for label, metric in zip(("invocations", "failures"), metrics, strict=True)
    ]


IN_PERIOD = {"StartTime": rfc3339(PERIOD.start), "EndTime": rfc3339(PERIOD.end)}


def rules(*listed: Mapping[str, Any], target: str = FUNCTION, letters: str = LETTERS) -> World:
    """Build a world with these EventBridge rules in the home Region, its only one, each with one target that acts."""
    world = World(regions=(HOME,)).says("events:ListRules", {"Rules": list(listed)})
    aim = {"Id": "1", "Arn": target, **({"DeadLetterConfig": {"Arn": letters}} if letters else {})}
    for item in listed:
        queries = asked_figures("AWS/Events", ("Invocations", "FailedInvocations"), "RuleName", item["Name"])
        world = world.says("events:ListTargetsByRule", {"Targets": [aim]}, Rule=item["Name"]).says(
            "cloudwatch:GetMetricData", figures(), MetricDataQueries=queries, **IN_PERIOD
        )
    queries = asked_figures("AWS/Lambda", ("Invocations", "Errors"), "FunctionName", "f")
    return (
        world.says("lambda:ListFunctions", {"Functions": [{"FunctionArn": FUNCTION}]})
        .says("lambda:GetFunctionConfiguration", {"FunctionArn": FUNCTION, "State": "Active"}, FunctionName=FUNCTION)
        .says("lambda:GetFunctionConcurrency", {}, FunctionName=FUNCTION)
        .says("lambda:GetPolicy", {"Policy": MAY_INVOKE}, FunctionName=FUNCTION)
        .says("cloudwatch:GetMetricData", figures(), MetricDataQueries=queries, **IN_PERIOD)
        .says("sqs:ListQueues", {"QueueUrls": [QUEUE]})
        .says("sqs:GetQueueAttributes", waiting(0), QueueUrl=QUEUE)
    )


def waiting(number: int) -> dict[str, Any]:
    """Return the attributes of a dead-letter queue that holds so many messages."""
    return {"Attributes": {"QueueArn": LETTERS, "ApproximateNumberOfMessages": str(number)}}


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
        "s3:GetPublicAccessBlock", {"PublicAccessBlockConfiguration": BLOCKED}, Bucket=LOGS
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
    "iam-user-permissions-via-groups": authorization(users=(principal("User", "alice"),)),
    "iam-no-full-admin-policy": authorization(policies=(managed_policy("narrow", allow()),)),
    "iam-support-role": authorization(roles=(principal("Role", "helpdesk", "AWSSupportAccess"),)),
    "iam-cloudshell-full-access-restricted": authorization(roles=(principal("Role", "web", "ReadOnlyAccess"),)),
    "iam-no-expired-server-certificates": World().says(
        "iam:ListServerCertificates", {"ServerCertificateMetadataList": [{"Arn": "c", "Expiration": ago(days=-30)}]}
    ),
    "iam-central-federation": federation(),
    "access-analyzer-external-all-regions": World().says(
        "accessanalyzer:ListAnalyzers", {"analyzers": [{"name": "a", "type": "ACCOUNT", "status": "ACTIVE"}]}
    ),
    "s3-default-encryption": two_buckets(),
    "s3-deny-insecure-transport": two_buckets(),
    "s3-mfa-delete": two_buckets(),
    "s3-data-classification": macie(),
    "ebs-default-encryption": World().says("ec2:GetEbsEncryptionByDefault", {"EbsEncryptionByDefault": True}),
    "rds-storage-encrypted": databases(database("one")),
    "rds-auto-minor-upgrade": databases(database("one")),
    "rds-not-public": databases(database("one")),
    "rds-multi-az": databases(
        database("one", MultiAZ=False, DBClusterIdentifier="spread"),
        clusters=({"DBClusterIdentifier": "spread", "MultiAZ": True},),
    ),
    "efs-encrypted": World().says(
        "efs:DescribeFileSystems", {"FileSystems": [{"FileSystemId": "fs-1", "Encrypted": True}]}
    ),
    "ec2-instance-role-attached": instances(instance("i-1")),
    "ec2-imdsv2-only": instances(instance("i-1")),
    "nacl-no-open-admin-ports": acls(acl_entry(100, "allow", "10.0.0.0/8"), acl_entry(32767, "deny", "0.0.0.0/0")),
    "sg-no-open-admin-ports-ipv4": office_group(),
    "sg-no-open-admin-ports-ipv6": office_group(),
    "cifs-not-open": office_group(),
    "default-sg-closed": groups(group("default")),
    "vpc-peering-least-access": peering(
        {"VpcPeeringConnectionId": "pcx-1", "DestinationCidrBlock": "10.9.1.0/24"},
        {"DestinationCidrBlock": "0.0.0.0/0"},
    ),
    "vpc-endpoints-for-aws-services": endpoints("s3", "dynamodb"),
    "securityhub-enabled": World().says("securityhub:DescribeHub", {"HubArn": "h", "SubscribedAt": ago(days=90)}),
    "org-central-root-access": organization(),
    "org-guardrail-policies": organization(),
    "org-management-account-no-workloads": organization(),
    "org-ou-structure": organization(),
    "org-policy-delegated-admin": organization(),
    "org-service-delegated-admins": organization(),
    "resource-policies-no-open-principal": policies_everywhere(),
    "web-front-ends-access-logging": front_ends(),
    **dict.fromkeys(
        (
            "trail-selectors-exclude-nothing",
            "trail-data-events-recorded",
            "trail-insights-enabled",
            "trail-delivery-current",
            "cloudtrail-digest-delivery-current",
            "trail-key-usable",
            "trail-no-duplicate-copies",
            "trail-bucket-object-lock",
            "trail-logs-retained",
            "trail-bucket-policy-guards-logs",
            "trail-log-group-retention",
            "log-group-expiry-decided",
            "log-group-retention-minimum",
            "log-group-encrypted",
        ),
        kept_logs(),
    ),
    "trail-bucket-in-another-account": buckets(trails(trail()), "unrelated"),
    "ec2-detailed-monitoring": instances(instance("i-1")),
    "rds-connections-alarm": alarms(
        limited(listened(databases(database("one")))),
        alarm("AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", "one"),
    ),
    "autoscaling-alarm": scaling_group(),
    "ec2-agent-alarms": watched_instance(),
    "api-stages-5xx-alarm": api_stages(),
    "load-balancers-5xx-alarm": load_balancers(),
    "cloudwatch-dashboard-exists": World().says("cloudwatch:ListDashboards", {"DashboardEntries": [{}]}),
    "cloudwatch-cross-account-observability": linked(),
    "guardduty-enabled": detectors(),
    "alarm-topics-have-audience": heard(),
    "composite-alarms-heard": heard(composite()),
    "opened-security-group-remediated": rules(event_rule()),
    "trail-events-found-again": drawn(),
    **dict.fromkeys(
        (
            "trail-chain-verified",
            "trail-logging-uninterrupted",
            "trail-configuration-unchanged",
            "trail-bucket-protection-unchanged",
            "alarms-unweakened",
            "detection-uninterrupted",
            "root-unused-in-period",
            "opened-admin-ports-closed",
        ),
        verified(),
    ),
    "audit-changed-nothing": own(),
}
BEST = dict.fromkeys(
    ("account-contact-details", "org-guardrail-policies", "org-management-account-no-workloads", "org-ou-structure"),
    "MANUAL",
)
"""Controls whose best answer leaves something to a person."""

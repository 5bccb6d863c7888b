"""Controls over buckets, databases, instances, security groups, ACLs, peering, endpoints and front ends."""

from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import pytest

from auditor.evaluate.checks.network import covers_world
from auditor.model import State
from tests.evaluate.checks.worlds import (
    BALANCER,
    DISTRIBUTION,
    OFFICE,
    PROFILE,
    RIGHT,
    acl_entry,
    acls,
    database,
    databases,
    endpoint,
    endpoints,
    front_ends,
    group,
    groups,
    instance,
    instances,
    log_source,
    macie,
    peering,
    rule,
    two_buckets,
    vpc_endpoints,
)
from tests.evaluate.kit import FAR, HOME, World, reasons, states


def without(item: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key != name}


@pytest.mark.parametrize(
    ("control", "change", "expected"),
    [
        ("rds-storage-encrypted", {"StorageEncrypted": False}, State.FAIL),
        ("rds-storage-encrypted", {"StorageEncrypted": "true"}, State.FAIL),
        ("rds-auto-minor-upgrade", {"AutoMinorVersionUpgrade": False}, State.FAIL),
        (
            "rds-auto-minor-upgrade",
            {"AutoMinorVersionUpgrade": False, "DBInstanceStatus": "creating"},
            State.NOT_APPLICABLE,
        ),
        ("rds-not-public", {"PubliclyAccessible": True}, State.FAIL),
        ("rds-multi-az", {"MultiAZ": False}, State.FAIL),
        ("rds-multi-az", {"MultiAZ": False, "DBClusterIdentifier": "spread"}, State.PASS),
        ("rds-multi-az", {"DBClusterIdentifier": "single"}, State.FAIL),
        ("rds-multi-az", {"DBClusterIdentifier": "unknown"}, State.NOT_ASSESSED),
        ("rds-multi-az", {"MultiAZ": None}, State.NOT_ASSESSED),
    ],
)
def test_one_database_of_two(control: str, change: dict[str, Any], expected: State) -> None:
    clusters = ({"DBClusterIdentifier": "spread", "MultiAZ": True}, {"DBClusterIdentifier": "single", "MultiAZ": False})
    found = databases(database("one"), database("two", **change), clusters=clusters).judge(control)
    assert [item.state for item in found.results] == [State.PASS, expected]


@pytest.mark.parametrize(
    ("control", "field"),
    [
        ("rds-storage-encrypted", "StorageEncrypted"),
        ("rds-auto-minor-upgrade", "AutoMinorVersionUpgrade"),
        ("rds-not-public", "PubliclyAccessible"),
    ],
)
def test_a_database_without_the_field_is_not_assessed(control: str, field: str) -> None:
    assert databases(without(database("one"), field)).judge(control).state is State.NOT_ASSESSED


EMPTY = [
    *(("rds-storage-encrypted", databases()), ("rds-auto-minor-upgrade", databases()), ("rds-not-public", databases())),
    ("rds-multi-az", databases()),
    ("efs-encrypted", World().says("efs:DescribeFileSystems", {"FileSystems": []})),
    ("ec2-instance-role-attached", instances()),
    ("ec2-imdsv2-only", instances()),
    *((name, groups()) for name in ("sg-no-open-admin-ports-ipv4", "sg-no-open-admin-ports-ipv6", "cifs-not-open")),
    ("default-sg-closed", groups(group("web"))),
    ("nacl-no-open-admin-ports", World().says("ec2:DescribeNetworkAcls", {"NetworkAcls": []})),
    ("vpc-peering-least-access", World().says("ec2:DescribeVpcPeeringConnections", {"VpcPeeringConnections": []})),
    ("vpc-endpoints-for-aws-services", World().says("ec2:DescribeVpcs", {"Vpcs": []})),
    *((name, World().says("s3:ListBuckets", {"Buckets": []})) for name in ("s3-default-encryption", "s3-mfa-delete")),
    ("s3-deny-insecure-transport", World().says("s3:ListBuckets", {"Buckets": []})),
    ("s3-data-classification", macie().says("s3:ListBuckets", {"Buckets": []})),
]


@pytest.mark.parametrize(("control", "world"), EMPTY)
def test_without_such_resources_there_is_nothing_to_judge(control: str, world: World) -> None:
    assert world.judge(control).state is State.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("control", "operation", "page", "expected"),
    [
        ("s3-default-encryption", "s3:GetBucketEncryption", None, State.FAIL),
        (
            "s3-default-encryption",
            "s3:GetBucketEncryption",
            {"ServerSideEncryptionConfiguration": {"Rules": []}},
            State.FAIL,
        ),
        (
            "s3-default-encryption",
            "s3:GetBucketEncryption",
            {"ServerSideEncryptionConfiguration": {}},
            State.NOT_ASSESSED,
        ),
        ("s3-deny-insecure-transport", "s3:GetBucketPolicy", None, State.FAIL),
        ("s3-mfa-delete", "s3:GetBucketVersioning", {}, State.FAIL),
        ("s3-mfa-delete", "s3:GetBucketVersioning", {"Status": "Enabled"}, State.FAIL),
        ("s3-mfa-delete", "s3:GetBucketVersioning", {"Status": "Suspended", "MFADelete": "Enabled"}, State.FAIL),
        ("s3-mfa-delete", "s3:GetBucketVersioning", {"Status": []}, State.NOT_ASSESSED),
    ],
)
def test_one_bucket_of_two(control: str, operation: str, page: Any, expected: State) -> None:
    world = two_buckets()
    world = world.lacks(operation, Bucket="b") if page is None else world.says(operation, page, Bucket="b")
    assert states(world.judge(control)) == {"a": State.PASS, "b": expected}


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(macie().says("macie2:GetMacieSession", {"status": "PAUSED"}), State.MANUAL, id="paused"),
        pytest.param(
            macie().lacks("macie2:GetMacieSession"),
            State.MANUAL,
            id="off",
        ),
        pytest.param(
            macie().refuses("macie2:GetMacieSession", "AccessDeniedException", "no permission"),
            State.NOT_ASSESSED,
            id="denied",
        ),
        pytest.param(
            macie().says("macie2:GetAutomatedDiscoveryConfiguration", {"status": "DISABLED"}),
            State.MANUAL,
            id="looks-at-nothing",
        ),
        pytest.param(
            macie()
            .says("macie2:GetAutomatedDiscoveryConfiguration", {"status": "DISABLED"})
            .says("macie2:ListClassificationJobs", {"items": [{"jobType": "SCHEDULED", "jobStatus": "IDLE"}]}),
            State.PASS,
            id="recurring-job",
        ),
        pytest.param(
            macie()
            .says("macie2:GetAutomatedDiscoveryConfiguration", {"status": "DISABLED"})
            .says("macie2:ListClassificationJobs", {"items": [{"jobType": "ONE_TIME", "jobStatus": "COMPLETE"}]}),
            State.MANUAL,
            id="one-job-long-ago",
        ),
        pytest.param(
            macie()
            .says("macie2:GetAutomatedDiscoveryConfiguration", {"status": "DISABLED"})
            .says(
                "macie2:ListClassificationJobs",
                {
                    "items": [
                        {"jobType": "ONE_TIME", "jobStatus": "RUNNING"},
                        {"jobType": "SCHEDULED", "jobStatus": "CANCELLED"},
                    ]
                },
            ),
            State.MANUAL,
            id="one-job-now-and-one-that-was-ended",
        ),
    ],
)
def test_classification_where_the_buckets_are(world: World, expected: State) -> None:
    assert states(world.judge("s3-data-classification")) == {HOME: expected, FAR: State.NOT_APPLICABLE}


@pytest.mark.parametrize(
    ("control", "operation", "page", "expected"),
    [
        ("ebs-default-encryption", "ec2:GetEbsEncryptionByDefault", {"EbsEncryptionByDefault": False}, State.FAIL),
        ("ebs-default-encryption", "ec2:GetEbsEncryptionByDefault", {"EbsEncryptionByDefault": 1}, State.FAIL),
        ("access-analyzer-external-all-regions", "accessanalyzer:ListAnalyzers", {"analyzers": []}, State.FAIL),
        (
            "access-analyzer-external-all-regions",
            "accessanalyzer:ListAnalyzers",
            {"analyzers": [{"name": "u", "type": "ACCOUNT_UNUSED_ACCESS", "status": "ACTIVE"}]},
            State.FAIL,
        ),
        (
            "access-analyzer-external-all-regions",
            "accessanalyzer:ListAnalyzers",
            {"analyzers": [{"name": "o", "type": "ORGANIZATION", "status": "CREATING"}]},
            State.FAIL,
        ),
        (
            "access-analyzer-external-all-regions",
            "accessanalyzer:ListAnalyzers",
            {"analyzers": [{}]},
            State.NOT_ASSESSED,
        ),
        ("securityhub-enabled", "securityhub:DescribeHub", None, State.FAIL),
        ("securityhub-enabled", "securityhub:DescribeHub", {"HubArn": "h", "SubscribedAt": ""}, State.FAIL),
        ("securityhub-enabled", "securityhub:DescribeHub", {"HubArn": "h", "SubscribedAt": None}, State.NOT_ASSESSED),
    ],
)
def test_one_region_of_two(control: str, operation: str, page: Any, expected: State) -> None:
    world = RIGHT[control]
    world = world.lacks(operation, region=FAR) if page is None else world.says(operation, page, region=FAR)
    assert states(world.judge(control)) == {HOME: State.PASS, FAR: expected}


@pytest.mark.parametrize(
    "control", ["ebs-default-encryption", "access-analyzer-external-all-regions", "securityhub-enabled"]
)
def test_one_denied_region_leaves_the_other_its_verdict(control: str) -> None:
    (operation,) = {call.operation for call, _ in RIGHT[control].answers.values()}
    assert states(RIGHT[control].refuses(operation, region=FAR).judge(control)) == {
        HOME: State.PASS,
        FAR: State.NOT_ASSESSED,
    }


def test_one_file_system_of_two_is_plain() -> None:
    listed = [{"FileSystemId": "fs-1", "Encrypted": True}, {"FileSystemId": "fs-2", "Encrypted": False}]
    world = World().says("efs:DescribeFileSystems", {"FileSystems": listed}, region=HOME)
    world = world.says("efs:DescribeFileSystems", {"FileSystems": []}, region=FAR)
    assert states(world.judge("efs-encrypted")) == {"fs-1": State.PASS, "fs-2": State.FAIL}


@pytest.mark.parametrize(
    ("control", "change", "expected"),
    [
        ("ec2-instance-role-attached", {"IamInstanceProfile": None}, State.FAIL),
        ("ec2-instance-role-attached", {"IamInstanceProfile": {"Arn": "unknown"}}, State.FAIL),
        (
            "ec2-instance-role-attached",
            {"IamInstanceProfile": None, "State": {"Name": "terminated"}},
            State.NOT_APPLICABLE,
        ),
        ("ec2-instance-role-attached", {"IamInstanceProfile": "x"}, State.NOT_ASSESSED),
        ("ec2-imdsv2-only", {"MetadataOptions": {"HttpTokens": "optional", "HttpEndpoint": "enabled"}}, State.FAIL),
        ("ec2-imdsv2-only", {"MetadataOptions": {"HttpTokens": "optional", "HttpEndpoint": "disabled"}}, State.PASS),
        ("ec2-imdsv2-only", {"MetadataOptions": {}, "State": {"Name": "terminated"}}, State.NOT_APPLICABLE),
        ("ec2-imdsv2-only", {"MetadataOptions": {}}, State.FAIL),
    ],
)
def test_one_instance_of_two(control: str, change: dict[str, Any], expected: State) -> None:
    assert states(instances(instance("i-1"), instance("i-2", **change)).judge(control)) == {
        "i-1": State.PASS,
        "i-2": expected,
    }


def test_a_profile_without_role_is_an_empty_one() -> None:
    world = instances(instance("i-1")).says(
        "iam:ListInstanceProfiles", {"InstanceProfiles": [{"Arn": PROFILE, "Roles": []}]}
    )
    assert world.judge("ec2-instance-role-attached").state is State.FAIL


ANY4, ANY6 = "0.0.0.0/0", "::/0"
V4, V6, SMB = "sg-no-open-admin-ports-ipv4", "sg-no-open-admin-ports-ipv6", "cifs-not-open"


@pytest.mark.parametrize(
    ("found", "failing"),
    [
        pytest.param(rule(ANY4, low=443), set(), id="web"),
        pytest.param(rule(ANY4, low=22), {V4}, id="ssh"),
        pytest.param(rule(ANY6, low=3389), {V6}, id="rdp-on-ipv6"),
        pytest.param(rule("0:0::/0", low=22), {V6}, id="another-spelling"),
        pytest.param(rule(ANY4, low=0, high=65535), {V4, SMB}, id="all-ports"),
        pytest.param(rule(ANY4, ANY6, low=None, protocol="-1"), {V4, V6, SMB}, id="all-traffic"),
        pytest.param(rule(ANY4, low=22, protocol="udp"), {V4}, id="udp"),
        pytest.param(rule(ANY4, low=22, protocol="6"), {V4}, id="protocol-by-number"),
        pytest.param(rule(ANY4, low=-1, protocol="icmp"), set(), id="icmp"),
        pytest.param(rule(ANY4, low=440, high=450), {SMB}, id="range-around-445"),
        pytest.param(rule("0.0.0.0/1", "128.0.0.0/1", low=22), {V4}, id="two-halves"),
        pytest.param(rule("0.0.0.0/1", low=22), set(), id="one-half"),
        pytest.param(rule("10.0.0.0/8", low=22), set(), id="private"),
        pytest.param(rule("2000::/3", low=22), {V6}, id="all-of-ipv6-that-is-routed"),
        pytest.param(rule(ANY4, low=22, protocol="TCP"), {V4}, id="protocol-in-capitals"),
        pytest.param(rule(low=22, PrefixListIds=OFFICE), set(), id="narrow-prefix-list"),
        pytest.param(rule(low=22, UserIdGroupPairs=[{"GroupId": "sg-2"}]), set(), id="another-group"),
    ],
)
@pytest.mark.parametrize("control", [V4, V6, SMB])
def test_open_ports_of_one_group_of_two(control: str, found: dict[str, Any], failing: set[str]) -> None:
    expected = State.FAIL if control in failing else State.PASS
    assert states(groups(group("sg-1"), group("sg-2", found)).judge(control)) == {"sg-1": State.PASS, "sg-2": expected}


def test_two_rules_may_open_the_world_together() -> None:
    halves = group("sg-1", rule("0.0.0.0/1", low=22), rule("128.0.0.0/1", low=0, high=1024))
    assert groups(halves).judge(V4).state is State.FAIL


def test_halves_of_two_protocols_are_no_whole() -> None:
    halves = group("sg-1", rule("0.0.0.0/1", low=22), rule("128.0.0.0/1", low=22, protocol="udp"))
    assert groups(halves).judge(V4).state is State.PASS


def test_protocol_and_port_are_named() -> None:
    assert "opens tcp port 22 to 0.0.0.0/0" in reasons(groups(group("sg-1", rule(ANY4, low=22))).judge(V4))
    everything = group("sg-1", rule(ANY4, low=None, protocol="-1"))
    assert "opens tcp and udp port 22 to 0.0.0.0/0" in reasons(groups(everything).judge(V4))


def test_an_open_rule_is_a_failure_beside_a_prefix_list_that_cannot_be_read() -> None:
    """One rule opens the port; another one names a list whose entries are refused."""
    both = group("sg-1", rule(ANY4, low=22), rule(low=22, PrefixListIds=OFFICE))
    world = groups(both).refuses_all("ec2:GetManagedPrefixListEntries")
    result = world.judge(V4)
    assert states(result)["sg-1"] is State.FAIL
    assert result.results[0].details["missing"][0]["operation"] == "ec2:GetManagedPrefixListEntries"


def test_a_prefix_list_counts_with_its_entries() -> None:
    world = groups(group("sg-1", rule(low=22, PrefixListIds=OFFICE)), entries=("192.0.2.0/24", ANY4))
    assert world.judge(V4).state is State.FAIL


@pytest.mark.parametrize(
    "found",
    [
        {},
        rule("here", low=22),
        rule(ANY4, low=22, FromPort="x"),
        rule(low=22, PrefixListIds=[{"PrefixListId": "pl-other"}]),
        rule(low=22),
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": None},
        rule(ANY4, low=22, protocol="every"),
    ],
)
def test_a_rule_nobody_understands_allows_no_conclusion(found: dict[str, Any]) -> None:
    assert states(groups(group("sg-1", found)).judge(V4))["sg-1"] is State.NOT_ASSESSED


def beside(*holes: str) -> list[str]:
    """Return the ranges that are all of IPv4 without some."""
    ranges = [IPv4Network(ANY4)]
    for hole in map(IPv4Network, holes):
        ranges = [part for item in ranges for part in (item.address_exclude(hole) if hole.subnet_of(item) else [item])]
    return list(map(str, ranges))


PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")


@pytest.mark.parametrize(
    ("cidrs", "version", "expected"),
    [
        (["0.0.0.0/0"], 4, True),
        (["0.0.0.0/0"], 6, False),
        (["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/1"], 4, True),
        (["0.0.0.0/2", "128.0.0.0/1"], 4, False),
        (["::/1", "8000::/1", "10.0.0.0/8"], 6, True),
        ([], 4, False),
        (["2000::/3"], 6, True),
        (["2000::/4", "3000::/5"], 6, False),
        (["fc00::/7", "fe80::/10"], 6, False),
        (list(PRIVATE), 4, False),
        (beside(*PRIVATE), 4, True),
        (beside(*PRIVATE, "8.0.0.0/8"), 4, False),
    ],
)
def test_ranges_that_are_the_whole_internet(cidrs: list[str], version: int, expected: bool) -> None:
    assert covers_world(cidrs, version) is expected


@pytest.mark.parametrize(
    ("found", "expected", "decides"),
    [
        pytest.param(group("default", rule("10.0.0.0/8")), State.FAIL, "/IpPermissions", id="inbound"),
        pytest.param(group("default", IpPermissionsEgress=[{}]), State.FAIL, "/IpPermissionsEgress", id="outbound"),
        pytest.param(group("default", IpPermissionsEgress=None), State.NOT_ASSESSED, "", id="hostile"),
    ],
)
def test_default_groups(found: dict[str, Any], expected: State, decides: str) -> None:
    other = group("other", GroupId="sg-9", GroupName="default")
    judged = groups(other, found).judge("default-sg-closed")
    assert states(judged) == {"sg-9": State.PASS, "default": expected}
    (result,) = (item for item in judged.results if item.resource == "default")
    assert result.evidence[0].pointer.endswith(decides)


ALLOW_ALL = acl_entry(100, "allow", ANY4, Protocol="-1")


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        pytest.param([ALLOW_ALL], State.FAIL, id="default-acl"),
        pytest.param([], State.PASS, id="no-entries"),
        pytest.param([acl_entry(200, "allow", ANY4), acl_entry(100, "deny", ANY4, 22, 22)], State.FAIL, id="rdp-left"),
        pytest.param(
            [
                acl_entry(200, "allow", ANY4),
                acl_entry(100, "deny", ANY4, 22, 22),
                acl_entry(90, "deny", ANY4, 3389, 3389),
            ],
            State.PASS,
            id="denied-before",
        ),
        pytest.param(
            [acl_entry(90, "allow", ANY4, 22, 22), acl_entry(100, "deny", ANY4)], State.FAIL, id="denied-after"
        ),
        pytest.param(
            [acl_entry(90, "deny", "10.0.0.0/8"), acl_entry(100, "allow", ANY4)], State.FAIL, id="denied-in-part"
        ),
        pytest.param([acl_entry(90, "allow", ANY6, 22, 22)], State.FAIL, id="ipv6"),
        pytest.param([acl_entry(90, "allow", ANY4, 443, 443)], State.PASS, id="web"),
        pytest.param([acl_entry(90, "allow", ANY4, 22, 22, Protocol="17")], State.FAIL, id="udp"),
        pytest.param([acl_entry(90, "allow", ANY4, 0, 0, Protocol="1")], State.PASS, id="icmp"),
        pytest.param([acl_entry(90, "allow", ANY4, Egress=True)], State.PASS, id="outbound"),
        pytest.param(
            [acl_entry(90, "deny", "0.0.0.0/1"), acl_entry(91, "deny", "128.0.0.0/1"), ALLOW_ALL],
            State.FAIL,
            id="denied-by-halves-over-tcp-alone",
        ),
        pytest.param(
            [
                acl_entry(90, "deny", "0.0.0.0/1", Protocol="-1"),
                acl_entry(91, "deny", "128.0.0.0/1", Protocol="-1"),
                ALLOW_ALL,
            ],
            State.PASS,
            id="denied-by-halves",
        ),
        pytest.param([acl_entry(90, "allow", "2000::/3")], State.FAIL, id="all-of-ipv6-that-is-routed"),
        pytest.param([acl_entry(90, "Allow", ANY4)], State.NOT_ASSESSED, id="unknown-action"),
        pytest.param([acl_entry(90, "allow", ANY4, CidrBlock=None)], State.NOT_ASSESSED, id="no-source"),
        pytest.param([acl_entry(90, "allow", ANY4, Protocol="every")], State.NOT_ASSESSED, id="unknown-protocol"),
        pytest.param([{**ALLOW_ALL, "RuleNumber": "x"}], State.NOT_ASSESSED, id="hostile"),
    ],
)
def test_network_acls_are_read_in_order(entries: list[dict[str, Any]], expected: State) -> None:
    assert acls(*entries).judge("nacl-no-open-admin-ports").state is expected


def test_an_unused_acl_is_named_as_such() -> None:
    result = acls(ALLOW_ALL, associations=0).judge("nacl-no-open-admin-ports")
    assert result.state is State.FAIL
    assert "No subnet uses" in reasons(result)


def route(target: str, name: str = "DestinationCidrBlock") -> dict[str, str]:
    return {"VpcPeeringConnectionId": "pcx-1", name: target}


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(peering(route("10.9.0.0/16")), State.MANUAL, id="the-whole-peer"),
        pytest.param(peering(route("0.0.0.0/0")), State.MANUAL, id="everything"),
        pytest.param(peering(route("10.9.0.0/17")), State.PASS, id="half-of-the-peer"),
        pytest.param(peering(route("10.9.0.0/17"), route("10.9.128.0/17")), State.MANUAL, id="both-halves-of-the-peer"),
        pytest.param(peering(route("10.1.0.0/16")), State.PASS, id="not-the-peer"),
        pytest.param(peering(route("pl-1", "DestinationPrefixListId")), State.MANUAL, id="prefix-list"),
        pytest.param(
            peering(route("10.9.1.0/24"), AccepterVpcInfo={"VpcId": "vpc-9"}), State.MANUAL, id="peer-unknown"
        ),
        pytest.param(peering(), State.PASS, id="no-route"),
        pytest.param(peering(route("x")), State.NOT_ASSESSED, id="hostile"),
        pytest.param(peering(Status={"Code": "deleted"}), State.NOT_APPLICABLE, id="deleted"),
    ],
)
def test_peering_routes(world: World, expected: State) -> None:
    assert world.judge("vpc-peering-least-access").state is expected


def test_a_peering_says_how_many_routes_lead_into_it() -> None:
    for routes, words in (((), "0 routes"), ((route("10.9.1.0/24"),), "1 route")):
        (result,) = peering(*routes).judge("vpc-peering-least-access").results
        assert f"{words} into the peering" in result.reason


S3 = endpoint("s3")


def interface(name: str, *subnets: str, **changes: Any) -> dict[str, Any]:
    return endpoint(name, VpcEndpointType="Interface", RouteTableIds=[], SubnetIds=list(subnets), **changes)


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(endpoints("s3"), State.FAIL, id="one-of-two"),
        pytest.param(endpoints("s3", "dynamodb", state="pending"), State.FAIL, id="not-yet"),
        pytest.param(endpoints(), State.FAIL, id="none"),
        pytest.param(endpoints("s3", "dynamodb", "ec2"), State.PASS, id="more"),
        pytest.param(vpc_endpoints(S3, endpoint("dynamodb", RouteTableIds=[])), State.FAIL, id="no-route-table"),
        pytest.param(vpc_endpoints(S3, endpoint("dynamodb", RouteTableIds=None)), State.NOT_ASSESSED, id="unreadable"),
        pytest.param(vpc_endpoints(S3, interface("dynamodb", "subnet-1")), State.PASS, id="interface"),
        pytest.param(vpc_endpoints(S3, interface("dynamodb")), State.FAIL, id="no-subnet"),
        pytest.param(
            vpc_endpoints(S3, interface("dynamodb"), endpoint("dynamodb")), State.PASS, id="one-of-two-carries"
        ),
        pytest.param(
            vpc_endpoints(
                S3,
                endpoint("dynamodb"),
                {"VpcId": "vpc-1", "VpcEndpointType": "Resource", "State": "available", "SubnetIds": ["subnet-1"]},
                {"VpcId": "vpc-1", "VpcEndpointType": "ServiceNetwork", "State": "available"},
            ),
            State.PASS,
            id="others-without-service-name",
        ),
        pytest.param(
            vpc_endpoints(S3, interface("dynamodb", "subnet-1", ServiceName=f"com.amazonaws.{FAR}.dynamodb")),
            State.FAIL,
            id="service-of-another-region",
        ),
        pytest.param(vpc_endpoints(S3, endpoint("dynamodb", VpcId="vpc-2")), State.FAIL, id="endpoint-of-another-vpc"),
    ],
)
def test_endpoints(world: World, expected: State) -> None:
    assert world.judge("vpc-endpoints-for-aws-services").state is expected


FRONTS = "web-front-ends-access-logging"


@pytest.mark.parametrize(
    ("world", "name"),
    [
        (front_ends(balancer="false"), BALANCER),
        (front_ends(rest=""), "r1/prod"),
        (front_ends(http=""), "h1/$default"),
        (front_ends(logging=False), DISTRIBUTION),
        (front_ends(classic=False), f"{HOME}:old"),
    ],
)
def test_one_front_end_of_five_without_logs_is_named(world: World, name: str) -> None:
    result = world.judge(FRONTS)
    assert result.state is State.FAIL
    silent = [item.resource for item in result.results if item.state is State.FAIL]
    assert len(result.results) == 5
    assert [name in resource for resource in silent] == [True]


def test_front_ends_of_a_region_that_keeps_its_deliveries_to_itself_hide_no_others() -> None:
    world = front_ends(rest="").refuses("logs:DescribeDeliverySources", region=HOME)
    result = world.judge(FRONTS)
    assert result.state is State.FAIL
    assert states(result)["logs:DescribeDeliverySources"] is State.NOT_ASSESSED


NAMED: dict[str, Any] = {"deliveries": [{"deliverySourceName": "s"}]}


@pytest.mark.parametrize(
    ("source", "deliveries", "expected"),
    [
        pytest.param(log_source("s", "ACCESS_LOGS", DISTRIBUTION), NAMED, State.PASS, id="delivered"),
        pytest.param(log_source("s", "ACCESS_LOGS", DISTRIBUTION, status="ACTIVE"), NAMED, State.PASS, id="active"),
        pytest.param(log_source("s", "ACCESS_LOGS", DISTRIBUTION), {"deliveries": []}, State.FAIL, id="no-delivery"),
        pytest.param(log_source("t", "ACCESS_LOGS", DISTRIBUTION), NAMED, State.FAIL, id="delivery-of-another-source"),
        pytest.param(log_source("s", "ACCESS_LOGS", "other"), NAMED, State.FAIL, id="source-of-another-resource"),
        pytest.param(log_source("s", "ALB_CONNECTION_LOGS", DISTRIBUTION), NAMED, State.FAIL, id="other-logs"),
        pytest.param(log_source("s", "ACCESS_LOGS", DISTRIBUTION, status="INACTIVE"), NAMED, State.FAIL, id="inactive"),
    ],
)
def test_log_delivery_takes_a_source_of_access_logs_and_a_delivery(
    source: dict[str, Any], deliveries: dict[str, Any], expected: State
) -> None:
    world = front_ends(logging=False).says("logs:DescribeDeliverySources", {"deliverySources": [source]}, region=FAR)
    assert world.says("logs:DescribeDeliveries", deliveries, region=FAR).judge(FRONTS).state is expected


def test_a_load_balancer_whose_access_logs_are_delivered_needs_no_bucket() -> None:
    sources = {"deliverySources": [log_source("s", "ALB_ACCESS_LOGS", BALANCER)]}
    world = front_ends(balancer="false").says("logs:DescribeDeliverySources", sources, region=HOME)
    assert world.says("logs:DescribeDeliveries", NAMED, region=HOME).judge(FRONTS).state is State.PASS
    assert world.refuses_all("logs:DescribeDeliveries").judge(FRONTS).state is State.NOT_ASSESSED


def test_a_stage_without_logs_is_found_though_log_delivery_cannot_be_read() -> None:
    result = front_ends(rest="").refuses_all("logs:DescribeDeliverySources").judge(FRONTS)
    assert result.state is State.FAIL
    assert "r1/prod" in reasons(result)


def test_distributions_are_open_where_their_log_delivery_was_not_looked_at() -> None:
    world = front_ends(logging=False)
    here = replace(world, regions=(HOME,))
    result = here.judge(FRONTS)
    assert result.state is State.NOT_ASSESSED
    assert FAR in reasons(result)
    assert replace(front_ends(), regions=(HOME,)).judge(FRONTS).state is State.PASS


def test_one_classic_load_balancer_alone_is_judged() -> None:
    nothing = {
        "cloudfront:ListDistributions": {"DistributionList": {}},
        "elbv2:DescribeLoadBalancers": {"LoadBalancers": []},
        "apigateway:GetRestApis": {"items": []},
        "apigatewayv2:GetApis": {"Items": []},
    }
    world = front_ends(classic=False)
    for operation, page in nothing.items():
        world = world.changed(operation, page)
    assert world.judge(FRONTS).state is State.FAIL
    assert world.changed("elb:DescribeLoadBalancers", {"LoadBalancerDescriptions": []}).judge(FRONTS).state is (
        State.NOT_APPLICABLE
    )


def test_the_kinds_of_front_end_are_a_parameter() -> None:
    assert front_ends(rest="").judge(FRONTS, services=["cloudfront"]).state is State.PASS


def test_a_load_balancer_that_does_not_say_is_not_assessed() -> None:
    world = front_ends().says(
        "elbv2:DescribeLoadBalancerAttributes", {"Attributes": []}, region=HOME, LoadBalancerArn=BALANCER
    )
    assert world.judge(FRONTS).state is State.NOT_ASSESSED


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        ("docdb", State.NOT_APPLICABLE),
        ("neptune", State.NOT_APPLICABLE),
        ("custom-oracle-ee", State.NOT_APPLICABLE),
        ("custom-sqlserver-web", State.NOT_APPLICABLE),
        ("postgres", State.FAIL),
        ("aurora-mysql", State.FAIL),
    ],
)
def test_engines_without_upgrades_of_their_own_are_not_asked_for_them(engine: str, expected: State) -> None:
    world = databases(database("one", Engine=engine, AutoMinorVersionUpgrade=False))
    assert world.judge("rds-auto-minor-upgrade").state is expected


def test_mfa_delete_is_not_asked_for_where_root_cannot_have_mfa() -> None:
    world = replace(two_buckets(), partition="aws-us-gov")
    off = world.changed("s3:GetBucketVersioning", {"Status": "Enabled"})
    assert off.judge("s3-mfa-delete").state is State.NOT_APPLICABLE
    assert world.judge("s3-mfa-delete").state is State.PASS

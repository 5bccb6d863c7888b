"""A field that is not there: no failing world passes for the lack of one, and none of them hides a failure beside it.

AWS's answers are as its models say, and still fields were seen to be missing: of things that are being made or
deleted, in Regions that know less, behind proxies. From each control's right world failing ones are made as in
``test_failures_outlive_gaps``; then each field of each answer is taken away.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from auditor.model import State
from tests.evaluate.checks.test_every_control import CONTROLS
from tests.evaluate.checks.test_failures_outlive_gaps import failing_worlds
from tests.evaluate.checks.test_one_of_several import DAY_RULE
from tests.evaluate.checks.worlds import (
    LOGS,
    acl_entry,
    endpoint,
    group,
    groups,
    kept_logs,
    row,
    rule,
    summary,
    users,
    vpc_endpoints,
)
from tests.evaluate.kit import ACCOUNT, HOME, World, ago, states

_EACH_REGION_LISTS = {"cloudtrail:DescribeTrails trailList HomeRegion", "cloudtrail:DescribeTrails trailList TrailARN"}
MEANS_SOMETHING = {
    **dict.fromkeys(
        (
            "cloudtrail-multi-region-trail",
            "s3-object-read-logging",
            "s3-object-write-logging",
            "trail-data-events-recorded",
        ),
        _EACH_REGION_LISTS,
    ),
    "alarm-topics-have-audience": {"cloudwatch:DescribeAlarms MetricAlarms AlarmActions"},
    "cifs-not-open": {"ec2:DescribeSecurityGroups SecurityGroups IpPermissions IpRanges"},
    "log-group-retention-minimum": {"logs:DescribeLogGroups logGroups retentionInDays"},
    "opened-security-group-remediated": {"events:ListRules Rules Arn"},
    "sg-no-open-admin-ports-ipv4": {"ec2:DescribeSecurityGroups SecurityGroups IpPermissions IpRanges"},
    "sg-no-open-admin-ports-ipv6": {"ec2:DescribeSecurityGroups SecurityGroups IpPermissions Ipv6Ranges"},
    "trail-key-usable": {"cloudtrail:DescribeTrails trailList KmsKeyId"},
    "trail-log-group-retention": {"cloudtrail:DescribeTrails trailList CloudWatchLogsLogGroupArn"},
    "trail-logs-retained": {"s3:GetBucketLifecycleConfiguration Rules Expiration"},
    "trail-selectors-exclude-nothing": {
        "cloudtrail:GetEventSelectors EventSelectors ExcludeManagementEventSources",
    },
    "web-front-ends-access-logging": {"cloudfront:ListDistributions DistributionList Items"},
}
"""Left out where there is none, or told by another Region as well."""


def without_one(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield copies of a value without one of its fields, each with the field's path."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield key, {name: one for name, one in value.items() if name != key}
            yield from ((f"{key} {path}", {**value, key: other}) for path, other in without_one(item))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from ((path, [*value[:index], other, *value[index + 1 :]]) for path, other in without_one(item))


def passes_without(name: str) -> set[str]:
    """Return the fields without which a failing world of a control passes."""
    found = set()
    for _, world in failing_worlds(name):
        for key, (call, said) in world.answers.items():
            for path, pages in without_one(list(said.pages)):
                answers = {**world.answers, key: (call, replace(said, pages=tuple(pages)))}
                if replace(world, answers=answers).weigh(name).state is State.PASS:
                    found.add(f"{call.operation} {path}")
    return found


@pytest.mark.parametrize("name", CONTROLS)
def test_no_failing_world_passes_for_the_lack_of_a_field(name: str) -> None:
    assert passes_without(name) <= MEANS_SOMETHING.get(name, set())


OPEN = rule("0.0.0.0/0", low=22)
UNDATED = {"access_key_2_active": "true", "access_key_2_last_rotated": "N/A", "access_key_2_last_used_date": "N/A"}
OLD_KEY = {"access_key_1_active": "true", "access_key_1_last_rotated": ago(days=200)}


def root_devices(*users_of: Mapping[str, str] | None) -> World:
    devices = [{"SerialNumber": "s"} if user is None else {"SerialNumber": "s", "User": user} for user in users_of]
    world = World().says("iam:GetAccountSummary", summary())
    return world.says("iam:ListVirtualMFADevices", {"VirtualMFADevices": devices})


def one_acl(*entries: Mapping[str, Any], **more: Any) -> World:
    acls = [{"NetworkAclId": "acl-1", "Entries": list(entries), **more}]
    return World(regions=(HOME,)).says("ec2:DescribeNetworkAcls", {"NetworkAcls": acls})


def default_group(without: str, **changes: Any) -> World:
    found = group("default", **changes)
    return groups({name: value for name, value in found.items() if name != without})


WITHOUT_SOURCE = {key: value for key, value in acl_entry(200, "allow", "0.0.0.0/0").items() if key != "CidrBlock"}


@pytest.mark.parametrize(
    ("control", "world"),
    [
        pytest.param(
            "iam-root-hardware-mfa",
            root_devices(None, {"Arn": f"arn:aws:iam::{ACCOUNT}:root"}),
            id="a-device-of-nobody-beside-roots",
        ),
        pytest.param(
            "trail-logs-retained",
            kept_logs().says("s3:GetBucketLifecycleConfiguration", {"Rules": [{"ID": "r"}, DAY_RULE]}, Bucket=LOGS),
            id="a-lifecycle-rule-without-status",
        ),
        pytest.param("iam-access-key-rotation-90d", users(row("bob", **OLD_KEY, **UNDATED)), id="an-undated-key-1"),
        pytest.param("iam-credentials-unused-45d", users(row("bob", **OLD_KEY, **UNDATED)), id="an-undated-key-2"),
        pytest.param("default-sg-closed", default_group("IpPermissionsEgress", IpPermissions=[OPEN]), id="no-outbound"),
        pytest.param("default-sg-closed", default_group("IpPermissions", IpPermissionsEgress=[OPEN]), id="no-inbound"),
        pytest.param("nacl-no-open-admin-ports", one_acl(acl_entry(100, "allow", "0.0.0.0/0")), id="no-associations"),
        pytest.param(
            "nacl-no-open-admin-ports",
            one_acl(acl_entry(100, "allow", "0.0.0.0/0", 22, 22), WITHOUT_SOURCE, Associations=[]),
            id="a-later-entry-without-source",
        ),
        pytest.param(
            "vpc-endpoints-for-aws-services",
            vpc_endpoints({"VpcId": "vpc-1", "ServiceName": f"com.amazonaws.{HOME}.dynamodb"}),
            id="another-endpoint-without-state",
        ),
    ],
)
def test_what_is_missing_of_a_neighbour_hides_no_failure(control: str, world: World) -> None:
    assert State.FAIL in states(world.judge(control)).values()


@pytest.mark.parametrize(
    ("control", "world"),
    [
        pytest.param("default-sg-closed", default_group("GroupName", IpPermissions=[OPEN]), id="a-group-without-name"),
        pytest.param(
            "nacl-no-open-admin-ports",
            one_acl({**WITHOUT_SOURCE, "RuleNumber": 50}, acl_entry(100, "allow", "0.0.0.0/0"), Associations=[]),
            id="an-earlier-entry-could-deny",
        ),
        pytest.param(
            "vpc-endpoints-for-aws-services",
            vpc_endpoints(
                {"VpcId": "vpc-1", "ServiceName": f"com.amazonaws.{HOME}.s3", "State": "available"},
                endpoint("dynamodb"),
            ),
            id="an-endpoint-of-no-type",
        ),
    ],
)
def test_what_could_have_decided_leaves_it_open(control: str, world: World) -> None:
    assert set(states(world.judge(control)).values()) == {State.NOT_ASSESSED}

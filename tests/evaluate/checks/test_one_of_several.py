"""Several resources of which one fails: each control over resources finds that one, and leaves the others as they were.

The second resource is a copy of the one in the control's right world, under another name and with one thing changed.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from auditor.evidence.operations import Call
from auditor.model import State
from tests.evaluate.checks.worlds import KEY, LOGS, RIGHT, event
from tests.evaluate.kit import ACCOUNT, HOME, World, ago, catalog, states

Texts = Mapping[str, str]
"""Texts in the JSON of the copy, and what stands in their place."""

SECOND = f"arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/second"
TRAIL: Texts = {"trail/all": "trail/second", LOGS: "more-logs"}
INSTANCE: Texts = {"i-1": "i-2"}
DATABASE: Texts = {":db:one": ":db:two", '"one"': '"two"'}
BUCKET: Texts = {'"b"': '"c"', ":::b": ":::c"}
VPC: Texts = {"vpc-1": "vpc-3"}
GROUP: Texts = {'"trail"': '"second"'}
"""The log group of the trail."""

OPENED = {'"IpRanges": []': '"IpRanges": [{"CidrIp": "0.0.0.0/0"}]'}
OPENED_IPV6 = {'"Ipv6Ranges": []': '"Ipv6Ranges": [{"CidrIpv6": "::/0"}]'}
RULE = {"IpProtocol": "-1", "IpRanges": []}
DAY_RULE = {"Status": "Enabled", "Prefix": "", "Expiration": {"Days": 1}}


def off(name: str) -> Texts:
    """Switch a flag off."""
    return {f'"{name}": true': f'"{name}": false'}


def happened(name: str, resource: str, kind: str = "trail_changed") -> Texts:
    """Let a notable event have happened."""
    return {'"rows": []': f'"rows": [{json.dumps(event(name, resource=resource, kind=kind))}]'}


BAD: dict[str, tuple[Texts, Texts]] = {
    "alarm-topics-have-audience": ({":t": ":u"}, {f"arn:aws:sns:{HOME}:{ACCOUNT}:u:1": "PendingConfirmation"}),
    "autoscaling-alarm": (
        {'"web"': '"jobs"', "-web": "-jobs", "/web": "/jobs"},
        off("ActionsEnabled"),
    ),
    "cifs-not-open": ({"sg-1": "sg-2"}, OPENED),
    "cloudtrail-bucket-access-logging": (TRAIL, {'{"TargetBucket": "access-logs"}': "{}"}),
    "cloudtrail-bucket-not-public": (TRAIL, {'"IsPublic": false': '"IsPublic": true'}),
    "cloudtrail-cloudwatch-logs": (TRAIL, {ago(minutes=5): ago(hours=25)}),
    "cloudtrail-digest-delivery-current": (TRAIL, {ago(minutes=40): ago(hours=3)}),
    "cloudtrail-kms-encryption": (TRAIL, {f'"{KEY}"': "null"}),
    "cloudtrail-log-file-validation": (TRAIL, off("LogFileValidationEnabled")),
    "composite-alarms-heard": ({'"composite"': '"deaf"', '"c"': '"d"'}, off("ActionsEnabled")),
    "default-sg-closed": (
        {'"GroupId": "default"': '"GroupId": "sg-2"'},
        {'"IpPermissions": []': f'"IpPermissions": [{json.dumps(RULE)}]'},
    ),
    "ec2-agent-alarms": (INSTANCE, off("ActionsEnabled")),
    "ec2-detailed-monitoring": (
        INSTANCE,
        {'"Monitoring": {"State": "enabled"}': '"Monitoring": {"State": "disabled"}'},
    ),
    "ec2-imdsv2-only": (INSTANCE, {'"required"': '"optional"'}),
    "ec2-instance-role-attached": (INSTANCE, {"instance-profile/web": "instance-profile/gone"}),
    "efs-encrypted": ({"fs-1": "fs-2"}, off("Encrypted")),
    "iam-no-expired-server-certificates": ({'"c"': '"d"'}, {ago(days=-30): ago(days=1)}),
    "iam-no-full-admin-policy": ({"policy/narrow": "policy/wide"}, {"s3:GetObject": "*", "arn:aws:s3:::a/*": "*"}),
    "kms-key-rotation": ({"1111": "2222"}, off("KeyRotationEnabled")),
    "log-group-encrypted": (GROUP, {f'"{KEY}"': "null"}),
    "log-group-expiry-decided": (GROUP, {"365": "null"}),
    "log-group-retention-minimum": (GROUP, {"365": "7"}),
    "nacl-no-open-admin-ports": ({"acl-1": "acl-2"}, {"10.0.0.0/8": "0.0.0.0/0"}),
    "rds-auto-minor-upgrade": (DATABASE, off("AutoMinorVersionUpgrade")),
    "rds-connections-alarm": (DATABASE, off("ActionsEnabled")),
    "rds-multi-az": (DATABASE, {'"DBClusterIdentifier": "spread"': '"DBClusterIdentifier": null'}),
    "rds-not-public": (DATABASE, {'"PubliclyAccessible": false': '"PubliclyAccessible": true'}),
    "rds-storage-encrypted": (DATABASE, off("StorageEncrypted")),
    "s3-default-encryption": (BUCKET, {'"Rules": [{': '"Rules": [], "Former": [{'}),
    "s3-deny-insecure-transport": (BUCKET, {"aws:SecureTransport": "s3:TlsVersion"}),
    "s3-mfa-delete": (BUCKET, {'"MFADelete": "Enabled"': '"MFADelete": "Disabled"'}),
    "sg-no-open-admin-ports-ipv4": ({"sg-1": "sg-2"}, OPENED),
    "sg-no-open-admin-ports-ipv6": ({"sg-1": "sg-2"}, OPENED_IPV6),
    "trail-bucket-in-another-account": ({"trail/all": "trail/second", LOGS: "unrelated"}, {}),
    "trail-bucket-object-lock": (TRAIL, {'"ObjectLockEnabled": "Enabled"': '"ObjectLockEnabled": "Off"'}),
    "trail-bucket-policy-guards-logs": (TRAIL, {"s3:PutObject": "s3:DeleteObject"}),
    "trail-bucket-protection-unchanged": (
        TRAIL,
        happened("PutBucketPolicy", "more-logs", "bucket_changed"),
    ),
    "trail-chain-verified": (TRAIL, {'"verdict": "pass"': '"verdict": "fail"'}),
    "trail-configuration-unchanged": (TRAIL, happened("PutEventSelectors", SECOND)),
    "trail-delivery-current": (TRAIL, off("IsLogging")),
    "trail-insights-enabled": (TRAIL, {"ApiErrorRateInsight": "AnotherInsight"}),
    "trail-key-usable": (TRAIL, {KEY: f"{KEY}9"}),
    "trail-log-group-retention": (TRAIL, {"log-group:trail": "log-group:gone"}),
    "trail-logging-uninterrupted": (TRAIL, happened("StopLogging", SECOND)),
    "trail-logs-retained": (TRAIL, {'"Rules": []': f'"Rules": [{json.dumps(DAY_RULE)}]'}),
    "trail-selectors-exclude-nothing": (
        TRAIL,
        {'"ExcludeManagementEventSources": []': '"ExcludeManagementEventSources": ["kms.amazonaws.com"]'},
    ),
    "vpc-endpoints-for-aws-services": (VPC, {'"available"': '"pending"'}),
    "vpc-flow-logs": (VPC, {'"ACTIVE"': '"FAILED"'}),
}
"""Control: how the second resource is called, and what is wrong with it."""

ELSEWHERE = {
    "iam-access-key-rotation-90d",
    "iam-credentials-unused-45d",
    "iam-single-active-access-key",
    "iam-user-console-mfa",
    "iam-user-no-initial-access-key",
    "iam-user-permissions-via-groups",
    "s3-block-public-access",
    "vpc-peering-least-access",
}
"""Their users and flags are judged together, in ``test_credential_report.py``, ``test_policies.py`` and such; whether a
wide route is needed is for a person."""


def replaced(value: Any, texts: Texts) -> Any:
    text = json.dumps(value)
    for old, new in texts.items():
        text = text.replace(old, new)
    return json.loads(text)


def doubled(value: Any, names: Texts, faults: Texts) -> Any:
    """Add to each list a copy of the items that name the resource."""
    if isinstance(value, dict):
        return {key: doubled(item, names, faults) for key, item in value.items()}
    if isinstance(value, list):
        copies = [replaced(item, {**names, **faults}) for item in value if replaced(item, names) != item]
        return [*value, *copies]
    return value


def with_a_bad_copy(world: World, names: Texts, faults: Texts) -> World:
    answers = dict(world.answers)
    for call, said in world.answers.values():
        parameters = replaced(dict(call.parameters), names)
        if parameters == dict(call.parameters):
            answers[call.key] = (call, replace(said, pages=tuple(doubled(page, names, faults) for page in said.pages)))
        else:
            copy = Call(call.operation, call.region, tuple(sorted(parameters.items())))
            answers[copy.key] = (copy, replace(said, pages=tuple(replaced(list(said.pages), {**names, **faults}))))
    return replace(world, answers=answers)


def test_every_control_over_resources_is_here_or_elsewhere() -> None:
    over_resources = {name for name in RIGHT if catalog().controls[name].population}
    assert over_resources == BAD.keys() | ELSEWHERE
    assert not BAD.keys() & ELSEWHERE


@pytest.mark.parametrize("name", BAD)
def test_the_one_that_fails_is_found_and_the_others_stay_as_they_were(name: str) -> None:
    before = states(RIGHT[name].judge(name))
    after = states(with_a_bad_copy(RIGHT[name], *BAD[name]).judge(name))
    added = {resource: state for resource, state in after.items() if resource not in before}
    assert {resource: after[resource] for resource in before} == before
    assert list(added.values()) == [State.FAIL], after

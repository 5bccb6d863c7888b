"""The demo world: each planted defect can be found through the API."""

import csv
import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from auditor.simulator import Simulator
from tests.simulator.conftest import Clients

pytestmark = pytest.mark.simulator


def _report(client: Clients) -> dict[str, dict[str, str]]:
    content = client("iam").get_credential_report()["Content"].decode()
    return {row["user"]: row for row in csv.DictReader(content.splitlines())}


def test_the_credential_report_shows_the_root_sign_in_and_the_old_keys(client: Clients) -> None:
    rows = _report(client)
    assert rows["<root_account>"]["password_last_used"] == "2026-10-06T09:14:22+00:00"
    assert rows["dave.okafor"]["mfa_active"] == "false"
    assert rows["svc-legacy-backup"]["access_key_1_last_rotated"].startswith("2023-10-31")
    assert rows["svc-legacy-backup"]["access_key_2_active"] == "true"
    assert rows["=cmd+calc@northwind"]["mfa_active"] == "true"


def test_alarm_defects_are_as_told(client: Clients) -> None:
    described = client("cloudwatch").describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    alarms = {alarm["AlarmName"]: alarm for alarm in described["MetricAlarms"]}
    filters = {
        held["filterName"]: held["filterPattern"] for held in client("logs").describe_metric_filters()["metricFilters"]
    }
    assert "DeleteTrial" in filters["cis-cloudtrail-changes"]
    assert not alarms["cis-kms-key-disable-or-delete"]["ActionsEnabled"]
    assert alarms["cis-s3-bucket-policy-changes"]["AlarmActions"] == []
    assert "cis-vpc-changes" in filters
    assert "cis-vpc-changes" not in alarms
    assert "cis-organizations-changes" not in filters
    (composite,) = described["CompositeAlarms"]
    assert "cis-s3-bucket-policy-changes" in composite["AlarmRule"]
    assert composite["AlarmActions"] == ["arn:aws:sns:eu-central-1:111122223333:security-alerts"]


def test_without_alarm_types_only_metric_alarms_come(client: Clients) -> None:
    described = client("cloudwatch").describe_alarms()
    assert described["MetricAlarms"]
    assert not described.get("CompositeAlarms")


def test_nobody_confirmed_the_digest_topic(client: Clients) -> None:
    sns = client("sns")
    topic = "arn:aws:sns:eu-central-1:111122223333:ops-digest"
    (held,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert held["SubscriptionArn"] == "PendingConfirmation"
    attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert (attributes["SubscriptionsConfirmed"], attributes["SubscriptionsPending"]) == ("0", "1")


def test_the_trail_reads_back_with_its_status_and_selectors_from_any_region(client: Clients) -> None:
    for region in ("eu-central-1", "ap-south-1"):
        (trail,) = client("cloudtrail", region).describe_trails()["trailList"]
        status = client("cloudtrail", region).get_trail_status(Name=trail["TrailARN"])
        assert status["IsLogging"]
        assert f"{status['LatestDigestDeliveryTime'].astimezone():%Y-%m}" == "2026-11"
        selectors = client("cloudtrail", region).get_event_selectors(TrailName=trail["TrailARN"])["EventSelectors"]
        assert [selector["ReadWriteType"] for selector in selectors] == ["All", "WriteOnly"]


def test_enabled_regions_are_the_default_ones_and_one_opted_in(client: Clients) -> None:
    regions = client("ec2").describe_regions(AllRegions=True)["Regions"]
    kinds = [region["OptInStatus"] for region in regions]
    assert (kinds.count("opt-in-not-required"), kinds.count("opted-in")) == (17, 1)
    assert "not-opted-in" in kinds
    assert len(client("ec2").describe_regions()["Regions"]) == 18


@pytest.mark.parametrize(
    ("region", "group", "port"),
    [
        pytest.param("eu-west-1", "legacy-rdp", 3389, id="remote-desktop"),
        pytest.param("us-west-2", "build-agents", 22, id="ssh-over-ipv6"),
        pytest.param("us-east-1", "file-share", 445, id="file-sharing"),
    ],
)
def test_groups_left_open(client: Clients, region: str, group: str, port: int) -> None:
    groups = {held["GroupName"]: held for held in client("ec2", region).describe_security_groups()["SecurityGroups"]}
    (rule,) = groups[group]["IpPermissions"]
    assert (rule["FromPort"], rule["ToPort"]) == (port, port)


def test_the_bastion_group_is_closed_again_and_its_history_tells_how(client: Clients) -> None:
    (group,) = client("ec2").describe_security_groups(GroupIds=["sg-0b45710e5a11ed9e4"])["SecurityGroups"]
    assert [held["CidrIp"] for rule in group["IpPermissions"] for held in rule["IpRanges"]] == ["198.51.100.0/24"]
    times = {}
    for name in ("AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"):
        (event,) = client("cloudtrail").lookup_events(
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}]
        )["Events"]
        assert json.loads(event["CloudTrailEvent"])["requestParameters"]["groupId"] == group["GroupId"]
        times[name] = event["EventTime"]
    lapse = times["RevokeSecurityGroupIngress"] - times["AuthorizeSecurityGroupIngress"]
    assert lapse.total_seconds() == 242


def test_the_doomed_key_waits_for_its_deletion(client: Clients) -> None:
    key = client("kms").describe_key(KeyId="7d3f1c52-4b0a-4e6e-9c1d-2f5a8e6b9d10")["KeyMetadata"]
    assert key["KeyState"] == "PendingDeletion"
    assert f"{key['DeletionDate'].astimezone():%Y-%m}" == "2026-11"


def test_log_groups_expire_never_or_too_soon(client: Clients) -> None:
    groups = {
        group["logGroupName"]: group.get("retentionInDays")
        for group in client("logs").describe_log_groups()["logGroups"]
    }
    assert groups == {
        "/aws/cloudtrail/management-events": 400,
        "/aws/lambda/ledger-invoice": None,
        "/aws/lambda/sg-remediator": None,
        "/ledger/api/access": 7,
    }


def test_the_trail_bucket_has_no_object_lock(client: Clients) -> None:
    with pytest.raises(ClientError, match="ObjectLockConfigurationNotFoundError"):
        client("s3").get_object_lock_configuration(Bucket="northwind-trail-logs")


def test_the_event_history_pages_and_keeps_order(client: Clients) -> None:
    pages = (
        client("cloudtrail", "us-east-1")
        .get_paginator("lookup_events")
        .paginate(
            StartTime="2026-10-23T00:00:00Z",
            EndTime="2026-10-24T00:00:00Z",
        )
    )
    found: list[dict[str, Any]] = [event for page in pages for event in page["Events"]]
    assert len(found) > 50
    assert [event["EventTime"] for event in found] == sorted((event["EventTime"] for event in found), reverse=True)
    assert sum(event["EventName"] == "ConsoleLogin" for event in found) == 6


def test_a_role_of_the_account_can_be_assumed_and_no_other(client: Clients, demo: Simulator) -> None:
    sts = client("sts")
    assert sts.get_caller_identity()["Arn"].endswith(":assumed-role/AuditorReadOnly/auditor")
    arn = "arn:aws:iam::111122223333:role/security-audit"
    given = sts.assume_role(RoleArn=arn, RoleSessionName="review")["Credentials"]
    assumed = boto3.client(
        "sts",
        region_name="eu-central-1",
        endpoint_url=demo.endpoint,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
    assert assumed.get_caller_identity()["Arn"].endswith(":assumed-role/security-audit/review")
    for other in ("111122223333:role/nobody", "999988887777:role/security-audit"):
        with pytest.raises(ClientError, match="AccessDenied"):
            sts.assume_role(RoleArn=f"arn:aws:iam::{other}", RoleSessionName="review")


def test_unknown_calls_answer_400_and_are_not_retried(client: Clients, demo: Simulator) -> None:
    with pytest.raises(ClientError) as caught:
        client("cloudtrail").list_imports()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert demo.calls() == {"cloudtrail:ListImports": 1}


def test_two_starts_give_the_same_answers(demo: Simulator, client: Clients) -> None:
    from tests.simulator.conftest import clients_of

    def answers(ask: Clients) -> list[Any]:
        return [
            ask("iam").get_account_authorization_details(),
            ask("ec2", "us-west-2").describe_network_acls(),
            ask("logs").describe_metric_filters(),
            ask("cloudwatch").describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"]),
            ask("sns").list_subscriptions(),
            ask("kms").list_keys(),
        ]

    with Simulator("demo") as second:
        assert answers(client) == answers(clients_of(second))

"""The worlds beside the demo: everything right, nothing there, and texts that attack."""

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from auditor.simulator import Simulator
from auditor.simulator.overlay.filter_patterns import matches
from auditor.simulator.worlds.builder import REGIONS
from auditor.simulator.worlds.hostile import CANARIES, TEXTS
from tests.simulator.conftest import Clients, clients_of

pytestmark = pytest.mark.simulator


@pytest.fixture(scope="module")
def clean() -> Iterator[Clients]:
    with Simulator("clean") as simulator:
        yield clients_of(simulator)


@pytest.fixture(scope="module")
def hostile() -> Iterator[Clients]:
    with Simulator("hostile") as simulator:
        yield clients_of(simulator)


def test_clean_watches_all_fifteen_requirements(clean: Clients) -> None:
    alarms = {alarm["MetricName"]: alarm for alarm in clean("cloudwatch").describe_alarms()["MetricAlarms"]}
    filters = clean("logs").describe_metric_filters(
        logGroupName="/aws/cloudtrail/management-events", filterNamePrefix="cis-"
    )["metricFilters"]
    assert len(filters) == 15
    for held in filters:
        alarm = alarms[held["metricTransformations"][0]["metricName"]]
        assert alarm["ActionsEnabled"]
        assert alarm["AlarmActions"]
        assert not matches(held["filterPattern"], "{}")
    (topic,) = clean("sns").list_topics()["Topics"]
    for held in clean("sns").list_subscriptions_by_topic(TopicArn=topic["TopicArn"])["Subscriptions"]:
        assert held["SubscriptionArn"].startswith("arn:")


def test_clean_has_its_services_on_in_every_region(clean: Clients) -> None:
    for region in REGIONS:
        assert clean("config", region).describe_configuration_recorder_status()["ConfigurationRecordersStatus"][0][
            "recording"
        ]
        assert clean("securityhub", region).describe_hub()["SubscribedAt"]
        assert clean("accessanalyzer", region).list_analyzers()["analyzers"][0]["status"] == "ACTIVE"
        assert clean("ec2", region).get_ebs_encryption_by_default()["EbsEncryptionByDefault"]


def test_clean_has_one_network_and_it_is_closed(clean: Clients) -> None:
    for region in REGIONS:
        ec2 = clean("ec2", region)
        vpcs = ec2.describe_vpcs()["Vpcs"]
        assert len(vpcs) == (region == "eu-central-1")
        assert len(ec2.describe_network_acls()["NetworkAcls"]) == len(vpcs)
        for group in ec2.describe_security_groups()["SecurityGroups"]:
            if group["GroupName"] == "default":
                assert (group["IpPermissions"], group["IpPermissionsEgress"]) == ([], [])


def test_clean_keeps_its_logs_under_lock(clean: Clients) -> None:
    s3 = clean("s3")
    lock = s3.get_object_lock_configuration(Bucket="northwind-trail-logs")["ObjectLockConfiguration"]
    assert lock["Rule"]["DefaultRetention"]["Mode"] == "COMPLIANCE"
    versioning = s3.get_bucket_versioning(Bucket="northwind-trail-logs")
    assert (versioning["Status"], versioning["MFADelete"]) == ("Enabled", "Enabled")
    selectors = clean("cloudtrail").get_event_selectors(TrailName="management-events")
    assert len(selectors["AdvancedEventSelectors"]) == 3
    assert not selectors.get("EventSelectors")


def test_clean_digests_run_through_the_month_without_a_pause(clean: Clients) -> None:
    pages = (
        clean("s3")
        .get_paginator("list_objects_v2")
        .paginate(Bucket="northwind-trail-logs", Prefix="AWSLogs/111122223333/CloudTrail-Digest/sa-east-1/2026/10/")
    )
    assert sum(len(page["Contents"]) for page in pages) == 31 * 24


def test_empty_has_nothing_that_was_set_up() -> None:
    with Simulator("empty") as simulator:
        ask = clients_of(simulator)
        assert ask("cloudtrail").describe_trails()["trailList"] == []
        assert ask("iam").list_users()["Users"] == []
        assert ask("s3").list_buckets()["Buckets"] == []
        assert ask("ec2", "sa-east-1").describe_vpcs()["Vpcs"][0]["IsDefault"]
        with pytest.raises(ClientError, match="NoSuchEntity"):
            ask("iam").get_account_password_policy()


@pytest.mark.parametrize("kind", sorted(TEXTS))
def test_hostile_texts_reach_the_reader_unchanged(hostile: Clients, kind: str) -> None:
    alarms = hostile("cloudwatch").describe_alarms(AlarmTypes=["MetricAlarm"])["MetricAlarms"]
    described = {alarm["MetricName"]: alarm["AlarmDescription"] for alarm in alarms}
    assert described[f"hostile-{kind}"].replace("\r\n", "\n") == TEXTS[kind].replace("\r\n", "\n")


def test_canaries_are_planted(hostile: Clients) -> None:
    function = hostile("lambda").get_function_configuration(FunctionName="canary")
    assert function["Environment"]["Variables"]["PASSWORD"] == CANARIES["environment"]
    contact = hostile("account").get_contact_information()["ContactInformation"]
    assert contact["FullName"] == CANARIES["contact"]

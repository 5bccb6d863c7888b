"""Controls over Config, KMS, flow logs and Block Public Access."""

from typing import Any

import pytest

from auditor.model import State
from tests.evaluate.checks.worlds import (
    BLOCKED,
    KEY,
    LOGS,
    buckets,
    delivered,
    flow_log,
    keys,
    kms_key,
    recorder,
    recorder_status,
    recording,
    vpcs,
)
from tests.evaluate.kit import ACCOUNT, FAR, HOME, World, reasons, states


def config(operation: str, page: Any, *, region: str = HOME) -> World:
    return recording().says(f"config:Describe{operation}", page, region=region)


SERVICE_LINKED = {
    "ConfigurationRecorders": [{"name": "x", "servicePrincipal": "securityhub.amazonaws.com", "recordingGroup": {}}]
}


@pytest.mark.parametrize(
    ("world", "expected", "words"),
    [
        pytest.param(
            config("ConfigurationRecorders", {"ConfigurationRecorders": []}), State.FAIL, "no customer-made", id="none"
        ),
        pytest.param(
            config("ConfigurationRecorders", SERVICE_LINKED), State.FAIL, "no customer-made", id="service-linked"
        ),
        pytest.param(
            config("ConfigurationRecorders", recorder(allSupported=False)), State.FAIL, "chosen", id="some-types"
        ),
        pytest.param(
            config(
                "ConfigurationRecorders",
                recorder(
                    allSupported=False,
                    recordingStrategy={"useOnly": "EXCLUSION_BY_RESOURCE_TYPES"},
                    exclusionByResourceTypes={"resourceTypes": ["AWS::EC2::Instance"]},
                ),
            ),
            State.FAIL,
            "AWS::EC2::Instance",
            id="exclusions",
        ),
        pytest.param(
            config(
                "ConfigurationRecorders",
                recorder(
                    allSupported=False,
                    recordingStrategy={"useOnly": "ALL_SUPPORTED_RESOURCE_TYPES"},
                    includeGlobalResourceTypes=True,
                ),
            ),
            State.PASS,
            "all supported",
            id="strategy-all",
        ),
        pytest.param(
            config("ConfigurationRecorderStatus", recorder_status(recording=False)), State.FAIL, "stopped", id="stopped"
        ),
        pytest.param(
            config("ConfigurationRecorderStatus", recorder_status(lastStatus="FAILURE")),
            State.FAIL,
            "FAILURE",
            id="failing",
        ),
        pytest.param(
            config("ConfigurationRecorderStatus", recorder_status(lastStatus="PENDING")),
            State.MANUAL,
            "pending",
            id="pending",
        ),
        pytest.param(
            config("ConfigurationRecorderStatus", {"ConfigurationRecordersStatus": []}),
            State.NOT_ASSESSED,
            "status of the configuration recorder",
            id="status-missing",
        ),
        pytest.param(
            config("DeliveryChannels", {"DeliveryChannels": []}), State.FAIL, "no delivery channel", id="no-channel"
        ),
        pytest.param(
            config("ConfigurationRecorders", {"ConfigurationRecorders": ["x"]}),
            State.NOT_ASSESSED,
            "form",
            id="hostile",
        ),
    ],
)
def test_config_in_one_region_of_two(world: World, expected: State, words: str) -> None:
    result = world.judge("config-recorder-all-regions")
    found = states(result)
    assert found[HOME] is expected
    assert words in reasons(result)


def test_what_a_service_records_for_itself_is_no_record_of_global_types() -> None:
    group = {"allSupported": False, "includeGlobalResourceTypes": True}
    linked = {"name": "linked", "servicePrincipal": "x.amazonaws.com", "recordingGroup": group}
    page = {"ConfigurationRecorders": [*recorder()["ConfigurationRecorders"], linked]}
    found = config("ConfigurationRecorders", page).judge("config-recorder-all-regions")
    assert states(found) == {HOME: State.PASS, FAR: State.FAIL}


def test_the_strategy_of_a_recorder_decides() -> None:
    chosen = recorder(recordingStrategy={"useOnly": "INCLUSION_BY_RESOURCE_TYPES"}, includeGlobalResourceTypes=True)
    assert states(config("ConfigurationRecorders", chosen).judge("config-recorder-all-regions"))[HOME] is State.FAIL


def test_global_types_nobody_records_are_one_finding() -> None:
    result = config("ConfigurationRecorders", recorder()).judge("config-recorder-all-regions")
    assert states(result) == {HOME: State.PASS, FAR: State.FAIL}
    assert "global resource types" in reasons(result)


CONFIG = "config-recorder-all-regions"
IAM_TYPES = ["AWS::IAM::Group", "AWS::IAM::Policy", "AWS::IAM::Role", "AWS::IAM::User"]
BY_EXCLUSION: dict[str, Any] = {
    "allSupported": False,
    "recordingStrategy": {"useOnly": "EXCLUSION_BY_RESOURCE_TYPES"},
}


def leaving_out(*types: str) -> dict[str, Any]:
    """Return a recorder of everything but some types."""
    return recorder(**BY_EXCLUSION, exclusionByResourceTypes={"resourceTypes": list(types)})


@pytest.mark.parametrize(
    ("partition", "region", "expected"),
    [
        pytest.param("aws-eusc", "eusc-de-east-1", State.PASS, id="european-sovereign-cloud"),
        pytest.param("aws-iso", "us-iso-east-1", State.PASS, id="isolated"),
        pytest.param("aws-cn", "cn-northwest-1", State.PASS, id="china"),
        pytest.param("aws", "eu-central-2", State.FAIL, id="younger-than-the-others"),
    ],
)
def test_a_partition_of_new_regions_only_records_its_global_types(partition: str, region: str, expected: State) -> None:
    """Elsewhere a Region that came late records none, whatever its recorder says."""
    only = (
        World(regions=(region,), partition=partition)
        .says("config:DescribeConfigurationRecorders", recorder(includeGlobalResourceTypes=True))
        .says("config:DescribeConfigurationRecorderStatus", recorder_status())
        .says("config:DescribeDeliveryChannels", {"DeliveryChannels": [{"name": "default"}]})
        .says("config:DescribeDeliveryChannelStatus", delivered())
    )
    assert only.judge("config-recorder-all-regions").state is expected


def test_a_stopped_recorder_records_no_global_types() -> None:
    stopped = config("ConfigurationRecorderStatus", recorder_status(recording=False))
    assert states(stopped.judge(CONFIG)) == {HOME: State.FAIL, FAR: State.FAIL}


def test_a_region_that_came_later_cannot_record_the_types_of_iam() -> None:
    late = "eu-south-2"
    world = World(regions=(late, FAR))
    for call, said in recording().answers.values():
        world = world.says(call.operation, *said.pages, region=late if call.region == HOME else FAR)
    assert states(world.judge(CONFIG)) == {late: State.PASS, FAR: State.FAIL}
    everywhere = world.says("config:DescribeConfigurationRecorders", recorder(includeGlobalResourceTypes=True))
    assert everywhere.judge(CONFIG).state is State.PASS


@pytest.mark.parametrize(
    ("far", "expected"),
    [
        pytest.param(leaving_out(*IAM_TYPES), State.PASS, id="all-but-the-types-of-iam"),
        pytest.param(leaving_out(*IAM_TYPES, "AWS::RDS::GlobalCluster"), State.PASS, id="global-clusters-too"),
        pytest.param(leaving_out("AWS::IAM::User"), State.PASS, id="one-type-of-iam"),
        pytest.param(leaving_out(), State.PASS, id="nothing"),
        pytest.param(leaving_out(*IAM_TYPES, "AWS::EC2::Instance"), State.FAIL, id="instances-too"),
    ],
)
def test_leaving_out_global_types_equals_everything_else(far: dict[str, Any], expected: State) -> None:
    result = config("ConfigurationRecorders", far, region=FAR).judge(CONFIG)
    assert states(result) == {HOME: State.PASS, FAR: expected}
    assert ("one Region is enough for" in reasons(result)) == ("AWS::IAM::User" in str(far) and expected is State.PASS)


def test_global_types_that_every_recorder_leaves_out_are_missed() -> None:
    world = recording().says("config:DescribeConfigurationRecorders", leaving_out("AWS::IAM::Role"))
    result = world.judge(CONFIG)
    assert states(result) == {HOME: State.PASS, FAR: State.FAIL}
    assert "AWS::IAM::Role" in reasons(result)
    clusters = recording().says("config:DescribeConfigurationRecorders", leaving_out("AWS::RDS::GlobalCluster"))
    assert states(clusters.judge(CONFIG)) == {HOME: State.PASS, FAR: State.FAIL}


def test_another_region_that_cannot_be_read_leaves_global_types_open() -> None:
    world = recording().refuses("config:DescribeConfigurationRecorderStatus", region=HOME)
    assert states(world.judge(CONFIG)) == {HOME: State.NOT_ASSESSED, FAR: State.NOT_ASSESSED}


@pytest.mark.parametrize(
    ("page", "expected", "words"),
    [
        pytest.param(delivered("Failure", lastErrorCode="NoSuchBucket"), State.FAIL, "NoSuchBucket", id="failed"),
        pytest.param(delivered("FAILURE"), State.FAIL, "last delivery failed", id="failed-in-capitals"),
        pytest.param(delivered("Success"), State.PASS, "last delivery succeeded", id="as-in-the-model"),
        pytest.param(delivered("Not_Applicable"), State.MANUAL, "look again", id="none-yet"),
        pytest.param({"DeliveryChannelsStatus": [{"name": "default"}]}, State.MANUAL, "look again", id="says-nothing"),
        pytest.param({"DeliveryChannelsStatus": []}, State.MANUAL, "look again", id="no-status"),
    ],
)
def test_the_last_delivery_is_what_the_channel_says(page: dict[str, Any], expected: State, words: str) -> None:
    result = config("DeliveryChannelStatus", page).judge(CONFIG)
    assert states(result)[HOME] is expected
    assert words in reasons(result)


def replica(primary: str) -> dict[str, Any]:
    """Return what makes a key the replica of one in another Region."""
    key = {"Arn": KEY.replace(HOME, primary), "Region": primary}
    return {"MultiRegion": True, "MultiRegionConfiguration": {"MultiRegionKeyType": "REPLICA", "PrimaryKey": key}}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({"KeyManager": "AWS"}, State.NOT_APPLICABLE, id="aws-managed"),
        pytest.param({"KeyState": "PendingDeletion"}, State.NOT_APPLICABLE, id="pending-deletion"),
        pytest.param({"KeySpec": "RSA_2048"}, State.NOT_APPLICABLE, id="asymmetric"),
        pytest.param({"KeyUsage": "GENERATE_VERIFY_MAC"}, State.NOT_APPLICABLE, id="hmac"),
        pytest.param({"Origin": "EXTERNAL"}, State.NOT_APPLICABLE, id="imported"),
        pytest.param(replica(FAR), State.NOT_APPLICABLE, id="replica"),
        pytest.param({"KeyManager": "customer"}, State.NOT_ASSESSED, id="unknown-manager"),
        pytest.param({"MultiRegionConfiguration": {"MultiRegionKeyType": "PRIMARY"}}, State.PASS, id="primary"),
        pytest.param({"KeyState": None}, State.NOT_ASSESSED, id="hostile"),
    ],
)
def test_which_keys_have_to_rotate(change: dict[str, Any], expected: State) -> None:
    assert states(keys(kms_key(**change)).judge("kms-key-rotation"))[KEY] is expected


def test_a_replica_is_judged_itself_where_nobody_asks_about_its_primary() -> None:
    world = keys(kms_key(**replica("ap-south-1")))
    assert world.judge("kms-key-rotation").state is State.PASS
    still = world.says("kms:GetKeyRotationStatus", {"KeyRotationEnabled": False}, region=HOME, KeyId="1111")
    assert still.judge("kms-key-rotation").state is State.FAIL


def test_one_key_of_two_does_not_rotate() -> None:
    world = keys(kms_key(), kms_key(KeyId="2222", Arn="arn:2")).says(
        "kms:GetKeyRotationStatus", {"KeyRotationEnabled": False}, region=HOME, KeyId="2222"
    )
    assert states(world.judge("kms-key-rotation")) == {KEY: State.PASS, "arn:2": State.FAIL}


def test_without_keys_or_vpcs_there_is_nothing_to_judge() -> None:
    assert keys().judge("kms-key-rotation").state is State.NOT_APPLICABLE


def test_a_key_that_refuses_to_be_described_costs_its_own_result_only() -> None:
    words = "is not authorized to perform: kms:DescribeKey because no resource-based policy allows it"
    world = keys(kms_key(), kms_key(Arn="arn:2", KeyId="2"))
    world = world.says("kms:GetKeyRotationStatus", {"KeyRotationEnabled": False}, region=HOME, KeyId="2")
    listed = {"Keys": [{"KeyId": name} for name in ("1111", "2", "locked")]}
    world = world.says("kms:ListKeys", listed, region=HOME)
    result = world.refuses("kms:DescribeKey", message=words, region=HOME, KeyId="locked").judge("kms-key-rotation")
    assert states(result) == {KEY: State.PASS, "arn:2": State.FAIL, "locked": State.NOT_ASSESSED}
    assert "about locked" in reasons(result)
    assert "The IAM action" not in reasons(result)
    assert World().says("ec2:DescribeVpcs", {"Vpcs": []}).judge("vpc-flow-logs").state is State.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("logs", "expected", "words"),
    [
        pytest.param([], State.FAIL, "no flow log", id="none"),
        pytest.param([flow_log("subnet-1")], State.FAIL, "no flow log", id="of-a-subnet"),
        pytest.param(
            [flow_log("vpc-2", TrafficType="ACCEPT")], State.FAIL, "accepted traffic only", id="accepted-only"
        ),
        pytest.param([flow_log("vpc-2", TrafficType="REJECT")], State.PASS, "REJECT", id="refused"),
        pytest.param([flow_log("vpc-2", DeliverLogsStatus="FAILED")], State.FAIL, "fails to deliver", id="failing"),
        pytest.param([flow_log("vpc-2", FlowLogStatus="ERROR")], State.FAIL, "not active", id="inactive"),
        pytest.param(
            [flow_log("vpc-2", TrafficType="ACCEPT"), flow_log("vpc-2")],
            State.PASS,
            "ALL traffic",
            id="one-of-two-is-enough",
        ),
        pytest.param([{}], State.NOT_ASSESSED, "ResourceId", id="hostile"),
    ],
)
def test_flow_logs_in_one_region_of_two(logs: list[Any], expected: State, words: str) -> None:
    result = vpcs().says("ec2:DescribeFlowLogs", {"FlowLogs": logs}, region=FAR).judge("vpc-flow-logs")
    assert states(result) == {"vpc-1": State.PASS, "vpc-2": expected}
    assert words in reasons(result)


def test_a_shared_vpc_belongs_to_its_owner() -> None:
    shared = {"Vpcs": [{"VpcId": "vpc-2", "OwnerId": "999988887777"}]}
    result = vpcs().says("ec2:DescribeVpcs", shared, region=FAR).judge("vpc-flow-logs")
    assert states(result)["vpc-2"] is State.NOT_APPLICABLE
    assert ACCOUNT not in reasons(result)


def block(**flags: Any) -> dict[str, Any]:
    return {"PublicAccessBlockConfiguration": {**dict.fromkeys(BLOCKED, False), **flags}}


HALF = {"BlockPublicAcls": True, "IgnorePublicAcls": True}
OTHER_HALF = {"BlockPublicPolicy": True, "RestrictPublicBuckets": True}


@pytest.mark.parametrize(
    ("account", "bucket", "expected"),
    [
        pytest.param(None, None, State.FAIL, id="nothing-set"),
        pytest.param(None, block(**BLOCKED), State.PASS, id="on-the-bucket"),
        pytest.param(block(**BLOCKED), None, State.PASS, id="on-the-account"),
        pytest.param(block(**HALF), block(**OTHER_HALF), State.PASS, id="half-and-half"),
        pytest.param(block(**HALF), block(**HALF), State.FAIL, id="the-same-half-twice"),
        pytest.param(block(**BLOCKED | {"BlockPublicAcls": "true"}), block(), State.NOT_ASSESSED, id="hostile-alone"),
    ],
)
def test_public_access_block(account: Any, bucket: Any, expected: State) -> None:
    world = buckets(World(), LOGS, "closed").says("s3:GetPublicAccessBlock", block(**BLOCKED), Bucket="closed")
    world = _answer(world, "s3control:GetPublicAccessBlock", account)
    world = _answer(world, "s3:GetPublicAccessBlock", bucket, Bucket=LOGS)
    found = states(world.judge("s3-block-public-access"))
    assert found[LOGS] is expected
    if expected is not State.NOT_ASSESSED:
        assert found["closed"] is State.PASS


def test_one_flag_that_cannot_be_read_hides_no_other_that_is_off() -> None:
    world = buckets(World(), LOGS).says("s3:GetPublicAccessBlock", block(), Bucket=LOGS)
    result = world.says("s3control:GetPublicAccessBlock", block(BlockPublicAcls="true")).judge("s3-block-public-access")
    assert result.state is State.FAIL
    assert "BlockPublicAcls" not in reasons(result)


def _answer(world: World, operation: str, page: Any, **parameters: str) -> World:
    return world.lacks(operation, **parameters) if page is None else world.says(operation, page, **parameters)


def test_without_buckets_there_is_nothing_to_block() -> None:
    assert buckets(World()).judge("s3-block-public-access").state is State.NOT_APPLICABLE

"""Services and features that are not everywhere: nothing to judge there, which is no failure and no gap."""

from dataclasses import replace

import botocore.session
import pytest

from auditor.evaluate.checks.cloudtrail import PUBLIC_ACCESS_FLAGS
from auditor.evaluate.missing import Missing, unknown_feature
from auditor.evidence.places import NO_ENDPOINT, NOT_IN, REGIONS, has_no_endpoint
from auditor.model import State
from tests.evaluate.checks.test_monitoring import CONTROLS as MONITORING
from tests.evaluate.checks.test_monitoring import pattern_for
from tests.evaluate.checks.test_monitoring import world as watched
from tests.evaluate.checks.worlds import RIGHT, macie, two_buckets
from tests.evaluate.kit import FAR, HOME, World, catalog, reasons, states

NO_NAME = "could not connect: [Errno -2] Name or service not known"
REGIONAL = ("securityhub-enabled", "access-analyzer-external-all-regions")


def elsewhere(control: str, code: str, message: str, *, also: str = "ec2:DescribeVpcs") -> World:
    """Return the control's right world where its service does not answer in one Region, and another service does."""
    source = catalog().controls[control].evidence[0]
    return RIGHT[control].says(also, {"Vpcs": []}, region=FAR).refuses(source, code, message, region=FAR)


@pytest.mark.parametrize("control", REGIONAL)
@pytest.mark.parametrize(
    ("code", "message"),
    [(NO_ENDPOINT, "no such name"), ("ConnectionError", NO_NAME), ("EndpointConnectionError", NO_NAME)],
)
def test_a_region_without_the_service_has_nothing_to_judge(control: str, code: str, message: str) -> None:
    result = elsewhere(control, code, message).judge(control)
    assert states(result)[HOME] is State.PASS
    assert states(result)[FAR] is State.NOT_APPLICABLE
    assert "has no endpoint in us-east-1" in reasons(result)
    assert result.state is State.PASS


@pytest.mark.parametrize("control", REGIONAL)
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("EndpointConnectionError", "Could not connect to the endpoint URL"),
        ("ConnectionError", "[Errno -3] Temporary failure in name resolution"),
        ("ConnectionError", "connection refused"),
        ("AccessDenied", NO_NAME),
    ],
)
def test_an_endpoint_that_was_not_reached_is_a_gap(control: str, code: str, message: str) -> None:
    result = elsewhere(control, code, message).judge(control)
    assert states(result)[FAR] is State.NOT_ASSESSED


@pytest.mark.parametrize("control", REGIONAL)
def test_where_nothing_answers_the_network_is_to_blame(control: str) -> None:
    world = elsewhere(control, NO_ENDPOINT, "").refuses("ec2:DescribeVpcs", NO_ENDPOINT, region=FAR)
    result = world.refuses("cloudtrail:DescribeTrails", "ConnectionError", region=FAR).judge(control)
    assert states(result)[FAR] is State.NOT_ASSESSED


def test_a_service_that_answers_anything_exists() -> None:
    result = elsewhere("guardduty-enabled", NO_ENDPOINT, "").judge("guardduty-enabled")
    assert states(result)[FAR] is State.NOT_ASSESSED


def test_a_region_that_no_list_has_needs_no_proof_by_name() -> None:
    new = "xx-new-1"
    world = World(regions=(HOME, new)).says(
        "securityhub:DescribeHub", {"HubArn": "h", "SubscribedAt": "x"}, region=HOME
    )
    world = world.says("ec2:DescribeVpcs", {"Vpcs": []}, region=new)
    world = world.refuses("securityhub:DescribeHub", "EndpointConnectionError", "Could not connect", region=new)
    assert states(world.judge("securityhub-enabled")) == {HOME: State.PASS, new: State.NOT_APPLICABLE}


def test_members_of_other_regions_are_judged_and_the_place_is_named() -> None:
    world = RIGHT["efs-encrypted"].says("ec2:DescribeVpcs", {"Vpcs": []}, region=FAR)
    result = world.refuses("efs:DescribeFileSystems", NO_ENDPOINT, "", region=FAR).judge("efs-encrypted")
    assert {(item.region, item.state) for item in result.results} == {
        (HOME, State.PASS),
        (FAR, State.NOT_APPLICABLE),
    }


def test_an_account_in_whose_partition_the_service_does_not_exist_has_nothing_to_judge() -> None:
    world = World().refuses("account:GetAlternateContact", NO_ENDPOINT, "")
    result = world.says("iam:GetAccountSummary", {"SummaryMap": {}}).judge("account-security-contact")
    assert result.state is State.NOT_APPLICABLE
    silent = world.refuses("iam:GetAccountSummary", "ConnectionError", "out of reach")
    assert silent.judge("account-security-contact").state is State.NOT_ASSESSED


def test_macie_is_not_asked_for_where_it_is_not_offered() -> None:
    world = macie().says("ec2:DescribeVpcs", {"Vpcs": []}, region=HOME)
    for operation in ("GetMacieSession", "GetAutomatedDiscoveryConfiguration", "ListClassificationJobs"):
        world = world.refuses(f"macie2:{operation}", NO_ENDPOINT, "", region=HOME)
    assert State.FAIL not in states(world.judge("s3-data-classification")).values()


def test_nothing_in_one_region_is_a_finding_though_another_has_no_such_service() -> None:
    control = replace(catalog().controls["efs-encrypted"], when_empty=State.FAIL)
    world = World().says("efs:DescribeFileSystems", {"FileSystems": []}).says("ec2:DescribeVpcs", {"Vpcs": []})
    far = world.refuses("efs:DescribeFileSystems", NO_ENDPOINT, "", region=FAR)
    assert far.judge_control(control).state is State.FAIL
    nowhere = far.refuses("efs:DescribeFileSystems", NO_ENDPOINT, "", region=HOME)
    assert nowhere.judge_control(control).state is State.NOT_APPLICABLE


@pytest.mark.parametrize("control", MONITORING)
@pytest.mark.parametrize("operation", ["cloudwatch:ListAlarmMuteRules", "oam:ListLinks"])
@pytest.mark.parametrize("code", ["UnknownOperationException", "InvalidAction"])
def test_a_feature_that_has_not_arrived_leaves_no_monitoring_control_open(
    control: str, operation: str, code: str
) -> None:
    world = watched(pattern_for(control))
    result = world.refuses_all(operation, code).judge(control)
    assert result.state is State.PASS
    assert f"AWS does not know {operation} in " in reasons(result)
    assert any(item.evidence for item in result.results)


@pytest.mark.parametrize("control", MONITORING)
def test_alarms_are_read_where_log_alarms_have_not_arrived(control: str) -> None:
    world = watched(pattern_for(control))
    alarms = [(call, said) for call, said in world.answers.values() if call.operation == "cloudwatch:DescribeAlarms"]
    world = world.without("cloudwatch:DescribeAlarms")
    for call, said in alarms:
        older = ["MetricAlarm", "CompositeAlarm"]
        world = world.says("cloudwatch:DescribeAlarms", *said.pages, region=call.region, AlarmTypes=older)
    assert world.judge(control).state is State.PASS


def test_a_feature_that_has_not_arrived_does_not_pass_what_fails() -> None:
    result = watched().refuses_all("cloudwatch:ListAlarmMuteRules", "UnknownOperationException").judge(MONITORING[0])
    assert result.state is State.FAIL


@pytest.mark.parametrize("code", ["AccessDenied", "ThrottlingException", "ValidationError"])
def test_any_other_refusal_of_what_is_consulted_stays_open(code: str) -> None:
    control = MONITORING[0]
    result = watched(pattern_for(control)).refuses_all("cloudwatch:ListAlarmMuteRules", code).judge(control)
    assert result.state is State.NOT_ASSESSED


@pytest.mark.parametrize("control", ["securityhub-enabled", "kms-key-rotation", "cloudtrail-log-file-validation"])
def test_what_a_control_needs_does_not_vanish_with_an_unknown_operation(control: str) -> None:
    source = catalog().controls[control].evidence[0]
    assert RIGHT[control].refuses_all(source, "UnknownOperationException").judge(control).state is State.NOT_ASSESSED


@pytest.mark.parametrize("name", sorted({name for item in catalog().controls.values() for name in item.consults}))
def test_only_lists_can_be_of_a_feature_that_is_not_there(name: str) -> None:
    missing = Missing(name, HOME, "UnknownOperationException", "unknown", "", "EV-0001")
    assert unknown_feature(missing) == name.partition(":")[2].startswith(("List", "Describe"))
    assert not unknown_feature(replace(missing, resource="a-thing"))
    assert not unknown_feature(replace(missing, message="the installed SDK knows no such operation"))


def test_the_lists_of_places_are_those_of_the_sdk() -> None:
    session = botocore.session.get_session()
    partitions = ("aws", "aws-cn", "aws-us-gov", "aws-eusc")
    assert {name for part in partitions for name in session.get_available_regions("ec2", part)} <= REGIONS
    for service, places in NOT_IN.items():
        offered = {name for part in partitions for name in session.get_available_regions(service, part)}
        assert not offered & places
        assert offered | places >= REGIONS


def test_a_service_that_the_sdk_lists_everywhere_is_only_out_of_reach() -> None:
    for region in ("eu-west-1", "ap-southeast-7"):
        assert not has_no_endpoint("securityhub", region, "EndpointConnectionError", "Could not connect")
    assert has_no_endpoint("macie2", "ap-southeast-7", "EndpointConnectionError", "Could not connect")


@pytest.mark.parametrize("when_empty", [State.PASS, State.NOT_APPLICABLE, State.FAIL])
@pytest.mark.parametrize("whole", [True, False])
def test_things_that_were_not_asked_about_are_no_empty_population(when_empty: State, *, whole: bool) -> None:
    """A control of somebody's own may list its members from answers that the account's answer makes needless."""
    blocks = dict.fromkeys(PUBLIC_ACCESS_FLAGS, True)
    world = two_buckets().says("s3control:GetPublicAccessBlock", {"PublicAccessBlockConfiguration": blocks})
    own = {"PublicAccessBlockConfiguration": blocks}
    world = world.says("s3:GetPublicAccessBlock", own, Bucket="a").says("s3:GetPublicAccessBlock", own, Bucket="b")
    evidence = ("s3:GetPublicAccessBlock", "s3:ListBuckets", *(("s3control:GetPublicAccessBlock",) if whole else ()))
    control = replace(
        catalog().controls["s3-block-public-access"],
        evidence=evidence,
        population="[PublicAccessBlockConfiguration]",
        identify="'block'",
        check="",
        pass_when="BlockPublicAcls",
        when_empty=when_empty,
    )
    result = world.judge_control(control)
    assert result.state is (State.NOT_ASSESSED if whole else State.PASS)
    assert ("2 were not asked about, because of what s3control:GetPublicAccessBlock says" in reasons(result)) is whole


def test_no_bucket_at_all_is_still_an_empty_population() -> None:
    blocks = {"PublicAccessBlockConfiguration": dict.fromkeys(PUBLIC_ACCESS_FLAGS, True)}
    world = World().says("s3control:GetPublicAccessBlock", blocks).says("s3:ListBuckets", {"Buckets": []})
    control = replace(
        catalog().controls["s3-block-public-access"],
        evidence=("s3:GetPublicAccessBlock", "s3:ListBuckets", "s3control:GetPublicAccessBlock"),
        population="[PublicAccessBlockConfiguration]",
        check="",
        pass_when="BlockPublicAcls",
    )
    assert world.judge_control(control).state is State.NOT_APPLICABLE

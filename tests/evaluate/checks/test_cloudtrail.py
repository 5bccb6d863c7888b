"""Controls over trails, their selectors and their bucket."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.evaluate.checks.selectors import left_out, management
from auditor.model import State
from tests.evaluate.checks.worlds import (
    ALL_EVENTS,
    BLOCKED,
    LOGS,
    PUBLIC_GRANT,
    RIGHT,
    TRAIL,
    buckets,
    fields,
    log_bucket,
    other_trail,
    selected,
    status,
    trail,
    trails,
)
from tests.evaluate.kit import FAR, HOME, World, ago, reasons, states

SECOND = other_trail("second")
MANAGEMENT = {"eventCategory": {"Equals": ["Management"]}}
DATA = {"eventCategory": {"Equals": ["Data"]}, "resources__type": {"Equals": ["AWS::S3::Object"]}}
READS = fields(**MANAGEMENT, readOnly={"Equals": ["true"]})
BUT_KMS = fields(**MANAGEMENT, readOnly={"Equals": ["false"]}, eventSource={"NotEquals": ["kms.amazonaws.com"]})
KMS_ALONE = fields(**MANAGEMENT, eventSource={"Equals": ["kms.amazonaws.com"]})


def recording(*classic: dict[str, Any], advanced: Any = None) -> World:
    """Build a world with one trail and these selectors."""
    world = buckets(trails(trail()), "a", "b")
    return world.says(
        "cloudtrail:GetEventSelectors", selected(TRAIL, *classic, advanced=advanced), region=HOME, TrailName=TRAIL
    )


def one_region() -> World:
    return trails(trail(IsMultiRegionTrail=False))


def stopped() -> World:
    return trails(trail()).says("cloudtrail:GetTrailStatus", status(IsLogging=False), region=HOME, Name=TRAIL)


def shared() -> World:
    """Two trails, one for reads and one for writes."""
    world = trails(trail(), SECOND)
    for arn, kind in ((TRAIL, "ReadOnly"), (SECOND["TrailARN"], "WriteOnly")):
        answer = selected(arn, {**ALL_EVENTS, "ReadWriteType": kind})
        world = world.says("cloudtrail:GetEventSelectors", answer, region=HOME, TrailName=arn)
    return world


@pytest.mark.parametrize(
    ("world", "expected", "words"),
    [
        pytest.param(trails(), State.FAIL, "has no trail", id="no-trail"),
        pytest.param(one_region(), State.FAIL, "one Region only", id="one-region"),
        pytest.param(trails(trail(IncludeGlobalServiceEvents=False)), State.FAIL, "global services", id="no-global"),
        pytest.param(stopped(), State.FAIL, "not logging", id="stopped"),
        pytest.param(
            recording({**ALL_EVENTS, "ReadWriteType": "WriteOnly"}), State.FAIL, "record read", id="writes-only"
        ),
        pytest.param(
            recording({**ALL_EVENTS, "IncludeManagementEvents": False}), State.FAIL, "read and write", id="off"
        ),
        pytest.param(recording(), State.FAIL, "read and write", id="no-selector"),
        pytest.param(
            recording({**ALL_EVENTS, "ExcludeManagementEventSources": ["kms.amazonaws.com"]}),
            State.PASS,
            "leaves out events of kms.amazonaws.com",
            id="kms-left-out",
        ),
        pytest.param(recording(advanced=[fields(**MANAGEMENT)]), State.PASS, "records read and write", id="advanced"),
        pytest.param(
            recording(advanced=[fields(**MANAGEMENT, readOnly={"Equals": ["false"]})]),
            State.FAIL,
            "record read",
            id="advanced-writes",
        ),
        pytest.param(
            recording(
                advanced=[
                    fields(**MANAGEMENT, readOnly={"Equals": ["false"]}),
                    fields(**MANAGEMENT, readOnly={"Equals": ["true"]}),
                ]
            ),
            State.PASS,
            "records read and write",
            id="advanced-in-two",
        ),
        pytest.param(
            recording(advanced=[fields(**MANAGEMENT, eventName={"NotEquals": ["Decrypt"]})]),
            State.FAIL,
            "in full",
            id="narrowed",
        ),
        pytest.param(
            recording(advanced=[fields(**MANAGEMENT, eventSource={"NotEquals": ["rdsdata.amazonaws.com"]})]),
            State.PASS,
            "rdsdata.amazonaws.com",
            id="advanced-left-out",
        ),
        pytest.param(
            recording(advanced=[fields(**MANAGEMENT, eventSource={"Equals": ["iam.amazonaws.com"]})]),
            State.FAIL,
            "in full",
            id="one-source",
        ),
        pytest.param(
            recording(advanced=[READS, BUT_KMS]),
            State.PASS,
            "leaves out write events of kms.amazonaws.com",
            id="left-out-of-writes-alone",
        ),
        pytest.param(recording(advanced=[fields(**DATA)]), State.FAIL, "read and write", id="data-only"),
        pytest.param(shared(), State.PASS, "together", id="two-trails-share"),
        pytest.param(
            trails(trail(HomeRegion="ap-south-1")),
            State.NOT_ASSESSED,
            "GetTrailStatus",
            id="home-region-outside-the-audit",
        ),
        pytest.param(
            trails(trail()).says("cloudtrail:GetEventSelectors", {"TrailARN": TRAIL}, region=HOME, TrailName=TRAIL),
            State.NOT_ASSESSED,
            "EventSelectors",
            id="selectors-missing",
        ),
        pytest.param(
            trails(trail()).refuses("cloudtrail:DescribeTrails", region=FAR),
            State.NOT_ASSESSED,
            FAR,
            id="one-region-silent",
        ),
        pytest.param(trails({**trail(), "HomeRegion": None}), State.NOT_ASSESSED, "HomeRegion", id="hostile"),
    ],
)
def test_multi_region_trail(world: World, expected: State, words: str) -> None:
    result = world.judge("cloudtrail-multi-region-trail")
    assert result.state is expected, reasons(result)
    assert words in reasons(result)


@pytest.mark.parametrize(
    ("control", "selectors", "expected"),
    [
        ("trail-selectors-exclude-nothing", [READS, BUT_KMS], State.FAIL),
        ("trail-selectors-exclude-nothing", [READS, BUT_KMS, KMS_ALONE], State.PASS),
        ("trail-selectors-exclude-nothing", [BUT_KMS, fields(**MANAGEMENT)], State.PASS),
    ],
)
def test_selectors_add_up_for_each_access(control: str, selectors: list[Any], expected: State) -> None:
    assert recording(advanced=selectors).judge(control).state is expected


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from([READS, BUT_KMS, KMS_ALONE, fields(**MANAGEMENT)]), min_size=1), st.data())
def test_one_more_selector_never_records_less(given_selectors: list[Any], data: Any) -> None:
    more = [*given_selectors, data.draw(st.sampled_from([READS, BUT_KMS, KMS_ALONE, fields(**MANAGEMENT)]))]
    found, wider = (management({"AdvancedEventSelectors": chosen}) for chosen in (given_selectors, more))
    for access in ("read", "write"):
        before, after = left_out(found, access), left_out(wider, access)
        assert before is None or (after is not None and after <= before)


def test_two_trails_do_not_add_up_in_strict_mode() -> None:
    assert shared().judge("cloudtrail-multi-region-trail", strict=True).state is State.FAIL


def test_a_trail_nobody_may_ask_about_hides_no_good_one() -> None:
    world = trails(trail(), SECOND).refuses("cloudtrail:GetTrailStatus", region=HOME, Name=SECOND["TrailARN"])
    assert world.judge("cloudtrail-multi-region-trail").state is State.PASS


def test_a_trail_nobody_may_ask_about_could_have_been_the_good_one() -> None:
    world = trails(trail(IsMultiRegionTrail=False), SECOND)
    world = world.refuses("cloudtrail:GetTrailStatus", region=HOME, Name=SECOND["TrailARN"])
    result = world.judge("cloudtrail-multi-region-trail")
    assert result.state is State.NOT_ASSESSED
    assert "cloudtrail:GetTrailStatus" in reasons(result)


@pytest.mark.parametrize(
    ("control", "change"),
    [
        ("cloudtrail-log-file-validation", {"LogFileValidationEnabled": False}),
        ("cloudtrail-kms-encryption", {"KmsKeyId": None}),
        ("cloudtrail-cloudwatch-logs", {"CloudWatchLogsLogGroupArn": None}),
    ],
)
def test_one_trail_of_two_is_at_fault_and_counted_once(control: str, change: dict[str, Any]) -> None:
    result = trails(trail(), other_trail("second", **change)).judge(control)
    assert states(result) == {TRAIL: State.PASS, SECOND["TrailARN"]: State.FAIL}
    assert len(result.results) == 2
    assert [item.region for item in result.results] == [HOME, HOME]


def test_a_trail_without_the_validation_field_is_not_assessed() -> None:
    bare = {key: value for key, value in trail().items() if key != "LogFileValidationEnabled"}
    assert trails(bare).judge("cloudtrail-log-file-validation").state is State.NOT_ASSESSED


@pytest.mark.parametrize("absent", [{"KmsKeyId": ""}, {"KmsKeyId": None}])
def test_a_trail_without_key_uses_the_default_encryption(absent: dict[str, Any]) -> None:
    assert trails(trail(**absent)).judge("cloudtrail-kms-encryption").state is State.FAIL


@pytest.mark.parametrize(
    "control",
    [
        "cloudtrail-log-file-validation",
        "cloudtrail-bucket-not-public",
        "cloudtrail-cloudwatch-logs",
        "cloudtrail-bucket-access-logging",
        "cloudtrail-kms-encryption",
    ],
)
def test_without_a_trail_there_is_nothing_to_judge(control: str) -> None:
    assert trails().judge(control).state is State.NOT_APPLICABLE


@pytest.mark.parametrize("control", ["cloudtrail-log-file-validation", "cloudtrail-kms-encryption"])
def test_a_region_that_does_not_answer_is_counted(control: str) -> None:
    result = trails(trail()).refuses("cloudtrail:DescribeTrails", region=FAR).judge(control)
    assert result.state is State.NOT_ASSESSED
    assert states(result)[TRAIL] is State.PASS
    assert sum(population.not_assessed for population in result.populations) == 1


@pytest.mark.parametrize(
    ("answer", "expected", "words"),
    [
        pytest.param(
            status(LatestCloudWatchLogsDeliveryTime=ago(hours=25)), State.FAIL, "last delivery", id="a-day-ago"
        ),
        pytest.param(status(LatestCloudWatchLogsDeliveryTime=None), State.FAIL, "never delivered", id="never"),
        pytest.param(status(LatestCloudWatchLogsDeliveryTime="soon"), State.NOT_ASSESSED, "isoformat", id="hostile"),
        pytest.param(status(LatestCloudWatchLogsDeliveryError="Throttled"), State.PASS, "Throttled", id="error-named"),
    ],
)
def test_cloudwatch_delivery(answer: dict[str, Any], expected: State, words: str) -> None:
    world = trails(trail()).says("cloudtrail:GetTrailStatus", answer, region=HOME, Name=TRAIL)
    result = world.judge("cloudtrail-cloudwatch-logs")
    assert result.state is expected
    assert words in reasons(result)


BOTH = ["s3-object-write-logging", "s3-object-read-logging"]


def objects(kind: str, *values: str) -> dict[str, Any]:
    return {**ALL_EVENTS, "ReadWriteType": kind, "DataResources": [{"Type": "AWS::S3::Object", "Values": list(values)}]}


@pytest.mark.parametrize("control", BOTH)
@pytest.mark.parametrize(
    ("world", "expected", "words"),
    [
        pytest.param(recording(ALL_EVENTS), State.FAIL, "No logging multi-Region trail", id="management-only"),
        pytest.param(recording(objects("All", "arn:aws:s3:::")), State.PASS, "of all buckets", id="with-colons"),
        pytest.param(recording(objects("All", "arn:aws:s3:::a/")), State.FAIL, "1 bucket: b", id="one-bucket-of-two"),
        pytest.param(
            recording(objects("All", "arn:aws:s3:::a/", "arn:aws:s3:::b/")),
            State.PASS,
            "list 2 buckets by name",
            id="both-named",
        ),
        pytest.param(
            recording(objects("All", "arn:aws:s3:::a/", "arn:aws:s3:::b/x")), State.FAIL, "b", id="part-of-one"
        ),
        pytest.param(recording(advanced=[fields(**DATA)]), State.PASS, "of all buckets", id="advanced"),
        pytest.param(
            recording(advanced=[fields(**DATA, eventName={"Equals": ["DeleteObject"]})]),
            State.FAIL,
            "2 buckets",
            id="one-event",
        ),
        pytest.param(
            recording(advanced=[fields(**DATA, resources__ARN={"StartsWith": ["arn:aws:s3:::a/", "arn:aws:s3:::b/"]})]),
            State.PASS,
            "list 2 buckets by name",
            id="advanced-both-named",
        ),
        pytest.param(
            recording(advanced=[fields(**DATA, resources__ARN={"NotStartsWith": ["arn:aws:s3:::b/"]})]),
            State.FAIL,
            "1 bucket: b",
            id="advanced-one-left-out",
        ),
        pytest.param(
            recording(advanced=[fields(**DATA, resources__ARN={"NotEquals": ["arn:aws:s3:::none-*/*"]})]),
            State.PASS,
            "of all buckets",
            id="advanced-no-such-object-left-out",
        ),
        pytest.param(
            recording(advanced=[fields(**DATA, resources__ARN={"NotStartsWith": ["arn:aws:s3:::none-*/"]})]),
            State.PASS,
            "of all buckets",
            id="advanced-no-such-bucket-left-out",
        ),
        pytest.param(
            recording(advanced=[fields(**DATA, resources__ARN={"NotEquals": ["arn:aws:s3:::b/one"]})]),
            State.FAIL,
            "1 bucket: b",
            id="advanced-one-object-left-out",
        ),
        pytest.param(
            recording(advanced=[fields(**DATA, resources__ARN={"NotEndsWith": [".tmp"]})]),
            State.FAIL,
            "2 buckets",
            id="advanced-an-ending-left-out",
        ),
        pytest.param(
            recording(advanced=[fields(**DATA, resources__ARN={"StartsWith": ["arn:aws:s3:::"], "Equals": ["x"]})]),
            State.PASS,
            "of all buckets",
            id="advanced-values-add-up",
        ),
        pytest.param(
            recording(advanced=[fields(**DATA, resources__ARN={"StartsWith": ["arn:aws:s3:::a"]})]),
            State.FAIL,
            "1 bucket: b",
            id="advanced-beginning-of-names",
        ),
        pytest.param(
            recording(advanced=[fields(**DATA, resources__ARN={"EndsWith": ["/"]})]),
            State.FAIL,
            "2 buckets",
            id="other-operator",
        ),
        pytest.param(buckets(stopped(), "a"), State.FAIL, "No logging", id="stopped"),
        pytest.param(buckets(one_region(), "a"), State.FAIL, "No logging multi-Region", id="one-region"),
        pytest.param(buckets(trails(), "a"), State.FAIL, "No logging", id="no-trail"),
        pytest.param(
            recording(advanced=[fields(**DATA, readOnly={"NotEquals": ["true"]})]),
            State.NOT_ASSESSED,
            "readOnly",
            id="hostile",
        ),
    ],
)
def test_object_events(control: str, world: World, expected: State, words: str) -> None:
    result = world.judge(control)
    assert result.state is expected, reasons(result)
    assert words in reasons(result)


@pytest.mark.parametrize(("kind", "recorded"), [("ReadOnly", BOTH[1]), ("WriteOnly", BOTH[0])])
def test_reads_and_writes_are_told_apart(kind: str, recorded: str) -> None:
    world = recording(objects(kind, "arn:aws:s3"))
    assert {name: world.judge(name).state is State.PASS for name in BOTH} == {name: name == recorded for name in BOTH}


def test_the_partition_of_the_account_is_the_one_that_counts() -> None:
    china = World({**recording(objects("All", "arn:aws-cn:s3")).answers}, partition="aws-cn")
    assert china.judge(BOTH[0]).state is State.PASS
    assert recording(objects("All", "arn:aws-cn:s3")).judge(BOTH[0]).state is State.FAIL


@pytest.mark.parametrize(
    ("world", "expected", "words"),
    [
        pytest.param(
            log_bucket().says("s3:GetBucketAcl", {"Grants": [PUBLIC_GRANT]}, Bucket=LOGS), State.FAIL, "ACL", id="acl"
        ),
        pytest.param(
            log_bucket().says("s3:GetBucketPolicyStatus", {"PolicyStatus": {"IsPublic": True}}, Bucket=LOGS),
            State.FAIL,
            "policy as public",
            id="policy",
        ),
        pytest.param(
            log_bucket()
            .says("s3:GetBucketAcl", {"Grants": [PUBLIC_GRANT]}, Bucket=LOGS)
            .says("s3control:GetPublicAccessBlock", {"PublicAccessBlockConfiguration": BLOCKED}),
            State.PASS,
            "makes it void",
            id="acl-made-void-by-the-account",
        ),
        pytest.param(
            buckets(log_bucket(), "other").says("s3:GetBucketAcl", {"Grants": [PUBLIC_GRANT]}, Bucket=LOGS),
            State.NOT_ASSESSED,
            "another account",
            id="public-grant-on-anothers-bucket",
        ),
        pytest.param(
            buckets(log_bucket(), "other").without("s3:GetPublicAccessBlock"),
            State.PASS,
            "Neither",
            id="anothers-bucket-without-public-grant",
        ),
        pytest.param(
            log_bucket()
            .says("s3:GetBucketPolicyStatus", {"PolicyStatus": {"IsPublic": True}}, Bucket=LOGS)
            .says("s3:GetPublicAccessBlock", {"PublicAccessBlockConfiguration": BLOCKED}, Bucket=LOGS),
            State.PASS,
            "makes it void",
            id="policy-made-void-by-the-bucket",
        ),
        pytest.param(
            log_bucket().lacks("s3:GetBucketPolicyStatus", Bucket=LOGS), State.PASS, "Neither", id="no-policy"
        ),
        pytest.param(
            log_bucket().refuses("s3:GetBucketAcl", Bucket=LOGS),
            State.NOT_ASSESSED,
            "s3:GetBucketAcl",
            id="not-visible",
        ),
        pytest.param(
            log_bucket().says("s3:GetBucketAcl", {"Grants": [{}]}, Bucket=LOGS),
            State.NOT_ASSESSED,
            "Grantee",
            id="hostile",
        ),
    ],
)
def test_bucket_not_public(world: World, expected: State, words: str) -> None:
    result = world.judge("cloudtrail-bucket-not-public")
    assert result.state is expected
    assert words in reasons(result)


@pytest.mark.parametrize(
    ("answer", "expected", "words"),
    [
        pytest.param({}, State.FAIL, "off", id="off"),
        pytest.param({"LoggingEnabled": {"TargetBucket": LOGS}}, State.PASS, "the bucket itself", id="into-itself"),
        pytest.param({"LoggingEnabled": []}, State.NOT_ASSESSED, "LoggingEnabled", id="hostile"),
    ],
)
def test_bucket_access_logging(answer: dict[str, Any], expected: State, words: str) -> None:
    result = log_bucket().says("s3:GetBucketLogging", answer, Bucket=LOGS).judge("cloudtrail-bucket-access-logging")
    assert result.state is expected
    assert words in reasons(result)


def test_two_trails_with_one_bucket_are_one_bucket() -> None:
    world = log_bucket().says("cloudtrail:DescribeTrails", {"trailList": [trail(), SECOND]})
    assert list(states(world.judge("cloudtrail-bucket-access-logging"))) == [LOGS]
    assert len(world.judge("cloudtrail-bucket-access-logging").results) == 1


WITHOUT_EC2 = ["kms.amazonaws.com", "ec2.amazonaws.com"]


@pytest.mark.parametrize(
    "world",
    [
        recording({**ALL_EVENTS, "ExcludeManagementEventSources": WITHOUT_EC2}),
        recording(advanced=[fields(**MANAGEMENT, eventSource={"NotEquals": WITHOUT_EC2})]),
    ],
    ids=["classic", "advanced"],
)
def test_a_trail_without_a_service_of_its_own_choice_does_not_record_everything(world: World) -> None:
    assert world.judge("cloudtrail-multi-region-trail").state is State.FAIL


def test_a_field_that_an_advanced_selector_holds_twice_allows_no_conclusion() -> None:
    twice = fields(**MANAGEMENT, eventSource={"NotEquals": ["kms.amazonaws.com"]})
    twice["FieldSelectors"].insert(1, {"Field": "eventSource", "Equals": ["ec2.amazonaws.com"]})
    assert recording(advanced=[twice]).judge("cloudtrail-multi-region-trail").state is State.NOT_ASSESSED


@pytest.mark.parametrize(
    ("prefix", "expected"), [("arn:aws:s3:::", State.PASS), ("arn:aws:s3", State.PASS), ("arn:aws:s3:::c", State.FAIL)]
)
def test_the_beginning_of_every_bucket_is_every_bucket(prefix: str, expected: State) -> None:
    world = recording(advanced=[fields(**DATA, resources__ARN={"StartsWith": [prefix]})])
    assert world.judge("s3-object-write-logging").state is expected


@pytest.mark.parametrize(
    ("control", "operation"),
    [
        ("cloudtrail-bucket-not-public", "s3:GetBucketAcl"),
        ("cloudtrail-bucket-access-logging", "s3:GetBucketLogging"),
        ("trail-bucket-object-lock", "s3:GetObjectLockConfiguration"),
        ("trail-logs-retained", "s3:GetBucketLifecycleConfiguration"),
        ("trail-bucket-policy-guards-logs", "s3:GetBucketPolicy"),
    ],
)
def test_a_bucket_that_does_not_exist_is_a_finding_in_words_of_its_own(control: str, operation: str) -> None:
    message = "The specified bucket does not exist"
    result = RIGHT[control].refuses(operation, "NoSuchBucket", message, Bucket=LOGS).judge(control)
    assert result.state is State.FAIL
    assert f"The bucket {LOGS} does not exist, so the trail delivers nowhere" in reasons(result)
    assert "The IAM action" not in reasons(result)
    assert result.results[0].evidence

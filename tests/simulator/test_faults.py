"""Each kind of fault reaches an SDK in the shape of the service's own protocol."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from auditor.simulator import Simulator
from auditor.simulator.faults import KINDS, action
from tests.simulator.conftest import Clients, clients_of

pytestmark = pytest.mark.simulator

Ask = Callable[[Clients], Any]

ASKED: dict[str, Ask] = {
    "cloudtrail:DescribeTrails": lambda client: client("cloudtrail").describe_trails(),
    "iam:ListUsers": lambda client: client("iam").list_users(),
    "ec2:DescribeVpcs": lambda client: client("ec2").describe_vpcs(),
    "efs:DescribeFileSystems": lambda client: client("efs").describe_file_systems(),
    "s3:GetBucketLogging": lambda client: client("s3").get_bucket_logging(Bucket="northwind-trail-logs"),
    "s3:ListBuckets": lambda client: client("s3").list_buckets(),
    "securityhub:DescribeHub": lambda client: client("securityhub").describe_hub(),
}
"""One operation per protocol: JSON, query, EC2, REST-JSON, REST-XML, and an answer of the overlay's own."""

REFUSALS = {
    "access-denied": {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"},
    "throttled": {"Throttling", "ThrottlingException", "RequestLimitExceeded", "SlowDown"},
    "server-error": {"InternalError"},
    "region-disabled": {"InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure"},
    "expired-token": {"ExpiredToken", "ExpiredTokenException", "RequestExpired"},
}


@pytest.mark.parametrize("operation", sorted(ASKED))
@pytest.mark.parametrize("kind", sorted(REFUSALS))
def test_refusals_carry_the_services_own_code(client: Clients, demo: Simulator, operation: str, kind: str) -> None:
    demo.fault(operation, kind)
    with pytest.raises(ClientError) as caught:
        ASKED[operation](client)
    assert caught.value.response["Error"]["Code"] in REFUSALS[kind]
    assert caught.value.operation_name == operation.partition(":")[2]


@pytest.mark.parametrize("operation", sorted(ASKED))
def test_a_fault_that_is_over_leaves_no_trace(client: Clients, demo: Simulator, operation: str) -> None:
    demo.fault(operation, "server-error", times=1)
    with pytest.raises(ClientError):
        ASKED[operation](client)
    assert ASKED[operation](client)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert demo.calls()[operation] == 2


@pytest.mark.parametrize("operation", sorted(ASKED))
def test_a_reset_connection_is_reset(client: Clients, demo: Simulator, operation: str) -> None:
    demo.fault(operation, "reset")
    with pytest.raises((ConnectionClosedError, BotoCoreError)):
        ASKED[operation](client)


@pytest.mark.parametrize("operation", sorted(ASKED))
def test_a_truncated_answer_is_cut_in_the_middle(client: Clients, demo: Simulator, operation: str) -> None:
    whole = ASKED[operation](client)
    demo.fault(operation, "truncated")
    try:
        broken = ASKED[operation](client)
    except (ResponseParserError, BotoCoreError, ClientError, ValueError):
        return
    # An SDK that shrugs at broken JSON or XML still has lost what was in it.
    broken.pop("ResponseMetadata")
    whole.pop("ResponseMetadata")
    assert broken != whole


@pytest.mark.parametrize("operation", sorted(ASKED))
def test_an_empty_body_has_nothing_in_it(client: Clients, demo: Simulator, operation: str) -> None:
    demo.fault(operation, "empty-body")
    try:
        answer = ASKED[operation](client)
    except (BotoCoreError, ResponseParserError):
        return
    answer.pop("ResponseMetadata")
    assert not any(answer.values())


@pytest.mark.parametrize("operation", sorted(set(ASKED) - {"s3:GetBucketLogging"}))
def test_missing_fields_are_missing_from_a_success(client: Clients, demo: Simulator, operation: str) -> None:
    demo.fault(operation, "missing-fields")
    answer = ASKED[operation](client)
    answer.pop("ResponseMetadata")
    assert not any(answer.values())


@pytest.mark.parametrize("operation", sorted(ASKED))
def test_unknown_fields_disturb_no_sdk(client: Clients, demo: Simulator, operation: str) -> None:
    before = ASKED[operation](client)
    demo.fault(operation, "unknown-fields")
    after = ASKED[operation](client)
    before.pop("ResponseMetadata")
    after.pop("ResponseMetadata")
    assert before == after


def test_a_time_out_lasts_as_long_as_asked(demo: Simulator) -> None:
    import boto3
    from botocore.config import Config

    demo.fault("cloudtrail:DescribeTrails", "time-out", seconds=3)
    impatient = boto3.client(
        "cloudtrail",
        region_name="eu-central-1",
        endpoint_url=demo.endpoint,
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="example",
        config=Config(read_timeout=0.3, retries={"total_max_attempts": 1}),
    )
    with pytest.raises(ReadTimeoutError):
        impatient.describe_trails()


PAGED: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "iam:ListUsers": ("iam", "list_users", "Users", {}),
    "ec2:DescribeVpcs": ("ec2", "describe_vpcs", "Vpcs", {}),
    "logs:DescribeMetricFilters": ("logs", "describe_metric_filters", "metricFilters", {}),
    "kms:ListKeys": ("kms", "list_keys", "Keys", {}),
    "cloudwatch:DescribeAlarms": ("cloudwatch", "describe_alarms", "MetricAlarms", {"AlarmTypes": ["MetricAlarm"]}),
    "sns:ListTopics": ("sns", "list_topics", "Topics", {}),
    "s3:ListObjectsV2": (
        "s3",
        "list_objects_v2",
        "Contents",
        {"Bucket": "northwind-trail-logs", "Prefix": "AWSLogs/111122223333/CloudTrail-Digest/sa-east-1/2026/10/05/"},
    ),
}


@pytest.mark.parametrize("operation", sorted(PAGED))
def test_a_lost_page_fails_after_a_first_one_that_announced_it(
    client: Clients, demo: Simulator, operation: str
) -> None:
    service, method, result, parameters = PAGED[operation]
    whole = getattr(client(service), method)(**parameters)[result]
    demo.fault(operation, "lost-page")
    pages = iter(client(service).get_paginator(method).paginate(**parameters))
    seen = next(pages)[result]
    assert seen == whole[: len(seen)]
    assert 0 < len(seen) < len(whole)
    with pytest.raises(ClientError, match="InternalError"):
        next(pages)


@pytest.mark.parametrize("operation", sorted(PAGED))
def test_lost_items_leave_a_page_without_its_list(client: Clients, demo: Simulator, operation: str) -> None:
    service, method, result, parameters = PAGED[operation]
    whole = getattr(client(service), method)(**parameters)[result]
    demo.fault(operation, "lost-items")
    pages = list(client(service).get_paginator(method).paginate(**parameters))
    assert len(pages) == 3
    assert not pages[1].get(result)
    assert pages[0][result] + pages[2][result] == whole


def test_a_single_object_can_be_refused(client: Clients, demo: Simulator) -> None:
    folder = "AWSLogs/111122223333/CloudTrail-Digest/sa-east-1/2026/10/05/"
    listed = client("s3").list_objects_v2(Bucket="northwind-trail-logs", Prefix=folder)["Contents"]
    demo.fault("s3:GetObject", "access-denied", key=listed[3]["Key"])
    with pytest.raises(ClientError, match="AccessDenied"):
        client("s3").get_object(Bucket="northwind-trail-logs", Key=listed[3]["Key"])
    assert client("s3").get_object(Bucket="northwind-trail-logs", Key=listed[4]["Key"])["Body"].read()


def test_a_fault_can_be_limited_to_one_region(client: Clients, demo: Simulator) -> None:
    demo.deny("ec2:DescribeVpcs", region="eu-west-1")
    assert client("ec2", "eu-central-1").describe_vpcs()["Vpcs"]
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        client("ec2", "eu-west-1").describe_vpcs()


def test_latency_slows_every_answer(client: Clients, demo: Simulator) -> None:
    import time

    client("cloudtrail").describe_trails()
    demo.latency(200)
    begin = time.perf_counter()
    client("cloudtrail").describe_trails()
    assert time.perf_counter() - begin >= 0.2


def test_only_allowed_actions_are_answered(client: Clients, demo: Simulator) -> None:
    demo.allow_only(["cloudtrail:Describe*", "s3:ListAllMyBuckets"])
    assert client("cloudtrail").describe_trails()["trailList"]
    assert client("s3").list_buckets()["Buckets"]
    with pytest.raises(ClientError, match="not authorized to perform: iam:ListUsers"):
        client("iam").list_users()


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        pytest.param("s3:ListBuckets", "s3:ListAllMyBuckets", id="renamed"),
        pytest.param("elbv2:DescribeLoadBalancers", "elasticloadbalancing:DescribeLoadBalancers", id="other-prefix"),
        pytest.param("cloudtrail:DescribeTrails", "cloudtrail:DescribeTrails", id="same"),
    ],
)
def test_refusals_name_the_iam_action(operation: str, expected: str) -> None:
    assert action(operation) == expected


def test_an_unknown_kind_is_refused_by_name(demo: Simulator) -> None:
    with pytest.raises(ValueError, match="unknown fault kind 'plague'"):
        demo.fault("iam:ListUsers", "plague")


def test_every_kind_can_be_armed(demo: Simulator) -> None:
    for kind in KINDS:
        demo.fault("nothing:Ever", kind)
    assert clients_of(demo)("cloudtrail").describe_trails()["trailList"]

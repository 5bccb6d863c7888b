"""Nothing that might change an account is ever sent, and every request is counted."""

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from auditor.base.errors import CollectionError
from auditor.collect.accounts import client, open_session
from auditor.collect.guard import NEVER, READ_EXCEPTIONS, CallLog, MutationRefusedError, StoppedError, is_read
from tests.collect.aws import FakeAws, Reply, ok


def test_the_operations_that_read_are_let_through() -> None:
    for name in ("cloudtrail:DescribeTrails", "s3:HeadBucket", "iam:GenerateCredentialReport", "logs:TestMetricFilter"):
        assert is_read(name), name


def test_the_operations_that_change_or_reveal_are_not() -> None:
    for name in ("cloudtrail:StopLogging", "s3:PutObject", "iam:CreateUser", "cloudwatch:SetAlarmState", *NEVER):
        assert not is_read(name), name


@given(st.sampled_from(["Create", "Delete", "Put", "Update", "Set", "Stop", "Attach", "Invoke"]), st.text(max_size=20))
def test_no_verb_that_writes_is_ever_a_read(verb: str, rest: str) -> None:
    assert not is_read(f"service:{verb}{rest}")


def test_every_exception_exists_in_the_sdk() -> None:
    session = boto3.Session(region_name="us-east-1")
    for name in READ_EXCEPTIONS | NEVER:
        service, _, api = name.partition(":")
        assert api in session.client(service).meta.service_model.operation_names, name


def test_clients_do_not_even_have_methods_that_write(aws: FakeAws) -> None:
    made = client(open_session(log=CallLog()), "cloudtrail", "us-east-1")
    assert hasattr(made, "describe_trails")
    assert not hasattr(made, "stop_logging")


def test_a_write_through_a_guarded_session_is_refused_before_it_is_sent(aws: FakeAws) -> None:
    log = CallLog()
    session = boto3.Session(region_name="us-east-1")
    log.watch(session)
    with pytest.raises(MutationRefusedError, match="cloudtrail:StopLogging in us-east-1"):
        session.client("cloudtrail").stop_logging(Name="main")
    assert aws.asked == []
    assert issubclass(MutationRefusedError, CollectionError)


def test_retries_are_counted_too(aws: FakeAws) -> None:
    log = CallLog()
    aws.script("cloudtrail:DescribeTrails", Reply(b"", 503))
    twice = {"mode": "standard", "total_max_attempts": 2}
    made = client(open_session(log=log), "cloudtrail", "us-east-1", retries=twice)
    with pytest.raises(ClientError):
        made.describe_trails()
    assert log.document() == [
        {"service": "cloudtrail", "operation": "DescribeTrails", "region": "us-east-1", "requests": 2}
    ]


def test_after_a_stop_nothing_goes_out(aws: FakeAws) -> None:
    log = CallLog()
    aws.script("cloudtrail:DescribeTrails", ok({"trailList": []}))
    made = client(open_session(log=log), "cloudtrail", "us-east-1")
    log.stop()
    with pytest.raises(StoppedError):
        made.describe_trails()
    assert (aws.asked, log.requests) == ([], 0)


def test_requests_made_without_the_sdk_are_counted_and_guarded_alike() -> None:
    log = CallLog()
    log.note("s3", "GetObject", "eu-west-1", 744)
    log.note("s3", "GetObject", "eu-west-1", 1)
    assert [item.requests for item in log.calls] == [745]
    with pytest.raises(MutationRefusedError):
        log.note("s3", "PutObject", "eu-west-1")

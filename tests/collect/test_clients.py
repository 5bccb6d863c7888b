"""A client that serves several Regions sends exactly what each Region's own client would send."""

import re
from typing import Any

import pytest

from auditor.base.locate import controls_folder
from auditor.collect.accounts import client, open_session
from auditor.collect.clients import REGIONS_PER_CLIENT, Clients, Limits
from auditor.collect.guard import CallLog
from auditor.evidence.operations import Operation, Where, load_operations
from tests.collect.aws import Asked, FakeAws, Reply

OPERATIONS = load_operations(controls_folder() / "operations.yaml")
REGIONAL = [
    pytest.param(item, id=item.name) for item in OPERATIONS.values() if item.where is Where.REGION and item.planned
]
REGIONS = ("eu-west-1", "us-east-1", "ap-southeast-5", "cn-north-1", "us-gov-west-1")


TIMES = {"{start}": "2026-10-01T00:00:00Z", "{end}": "2026-11-01T00:00:00Z"}


class Sent(Exception):  # noqa: N818 - a signal of the test
    """Carries a request instead of sending it."""


@pytest.fixture(autouse=True)
def no_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not a secret")


def stop(request: Any, **_: Any) -> None:
    raise Sent(request.method, request.url, re.search(r"Credential=\S+?,", str(request.headers["Authorization"])))


def sent(made: Any, operation: Operation) -> tuple[str, str, str]:
    """Return method, URL and what the signature is for."""
    made.meta.events.register("before-send", stop)
    method = next(name for name, api in made.meta.method_to_api_mapping.items() if api == operation.api)
    members = made.meta.service_model.operation_model(operation.api).input_shape.members
    asked = {name for source in operation.for_each for name in source.parameters}
    parameters = {name: [] if members[name].type_name == "list" else "a" * 20 for name in asked}
    fixed = {name: TIMES.get(str(value), value) for name, value in operation.parameters.items()}
    with pytest.raises(Sent) as caught:
        getattr(made, method)(**fixed, **parameters)
    verb, url, credential = caught.value.args
    return verb, url, re.sub(r"/\d{8}/", "/DATE/", credential[0])


@pytest.fixture(scope="module")
def session() -> Any:
    return open_session(region="eu-central-1", log=CallLog())


@pytest.mark.parametrize("operation", REGIONAL)
def test_requests_are_those_of_the_regions_own_client(operation: Operation, session: Any) -> None:
    clients = Clients(session, Limits(attempts=1))
    shared = {id(clients.get(operation.service, region)) for region in REGIONS}
    assert len(shared) == 1
    for region in REGIONS:
        own = client(session, operation.service, region, retries={"total_max_attempts": 1})
        assert sent(clients.get(operation.service, region), operation) == sent(own, operation)


def test_no_client_serves_more_regions_than_it_keeps_connections_to(session: Any) -> None:
    clients = Clients(session, Limits())
    regions = [f"eu-west-{number}" for number in range(1, 2 * REGIONS_PER_CLIENT + 1)]
    made = [id(clients.get("kms", region)) for region in regions]
    assert [made.count(one) for one in dict.fromkeys(made)] == [REGIONS_PER_CLIENT, REGIONS_PER_CLIENT]
    assert [id(clients.get("kms", region)) for region in regions] == made


@pytest.mark.parametrize("bucket", ["ledger", "with.dots", "ledger-2", "Upper_case"])
def test_an_endpoint_that_is_remembered_is_the_one_that_the_rules_give(bucket: str, session: Any) -> None:
    ours = Clients(session, Limits(attempts=1)).get("s3", "eu-west-1")
    own = client(session, "s3", "eu-west-1", retries={"total_max_attempts": 1})
    seen = []
    for made in (ours, own):
        made.meta.events.register("before-send", stop)
        for _ in range(2):
            with pytest.raises(Sent) as caught:
                made.get_bucket_policy(Bucket=bucket, ExpectedBucketOwner="1" * 12)
            seen.append(caught.value.args[:2])
    assert seen == seen[:1] * 4


def test_a_bucket_elsewhere_is_followed_to_its_region(aws: FakeAws) -> None:
    """S3 answers in the wrong Region with the right one; the SDK's client signs again for that."""
    regions: list[str] = []

    def answer(asked: Asked) -> Reply:
        regions.append(asked.region)
        if asked.region == "us-east-1":
            error = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>"
            return Reply(error.encode(), 400)
        return Reply(b"<BucketLoggingStatus/>")

    aws.scripts["s3:GET /logs?logging"] = answer
    made = Clients(open_session(log=CallLog()), Limits(attempts=1)).get("s3", "us-east-1")
    assert "LoggingEnabled" not in made.get_bucket_logging(Bucket="logs")
    assert regions == ["us-east-1", "eu-west-1"]


def test_the_user_agent_is_the_sdks_own_for_each_set_of_features(aws: FakeAws) -> None:
    del aws
    named: list[set[str]] = []

    def note(request: Any, **_: Any) -> None:
        # The SDK keeps the letters of features in a set, whose order is nobody's.
        named.append(set(re.split(r"[ ,]", request.headers["User-Agent"].decode().replace("m/", ""))))
        raise Sent

    # The first client of a session also says how credentials were found: hence a session for each.
    ours = Clients(open_session(log=CallLog()), Limits(attempts=1)).get("logs", "us-east-1")
    retries = {"mode": Limits().mode, "total_max_attempts": 1}
    sdks = client(open_session(log=CallLog()), "logs", "us-east-1", retries=retries)
    for made in (ours, sdks):
        made.meta.events.register("before-send", note)
        ways = (made.describe_log_groups, made.get_paginator("describe_log_groups").paginate().build_full_result)
        for ask in (*ways, *ways):
            with pytest.raises(Sent):
                ask()
    assert named[0] != named[1]
    assert named[:2] == named[2:4] == named[4:6] == named[6:]

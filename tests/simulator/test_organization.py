"""The simulated organization: accounts of every kind behind one endpoint, entered as on AWS."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from auditor.simulator import ACCESS_KEY, SECRET_KEY, Simulator
from auditor.simulator.worlds import organization as story

pytestmark = pytest.mark.simulator

Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def group() -> Iterator[Simulator]:
    with Simulator("organization", accounts=30, enabled=["eu-central-1"]) as simulator:
        yield simulator


def client(group: Simulator, service: str, keys: dict[str, str] | None = None, region: str = "eu-central-1") -> Any:
    held = keys or {"AccessKeyId": ACCESS_KEY, "SecretAccessKey": SECRET_KEY}
    session = boto3.Session(held["AccessKeyId"], held["SecretAccessKey"], held.get("SessionToken"), region_name=region)
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    return session.client(service, endpoint_url=group.endpoint, config=config)


def enter(group: Simulator, account: str, **more: Any) -> dict[str, str]:
    asked = {"ExternalId": story.EXTERNAL_ID, **more}
    sts = client(group, "sts")
    role = f"arn:aws:iam::{account}:role/{story.ROLE}"
    return dict(sts.assume_role(RoleArn=role, RoleSessionName="auditor", **asked)["Credentials"])


def test_every_state_is_listed_and_none_by_status(group: Simulator) -> None:
    pages = list(client(group, "organizations").get_paginator("list_accounts").paginate())
    listed = [item for page in pages for item in page["Accounts"]]
    assert [len(page["Accounts"]) for page in pages] == [20, 0, 20, 2], "an empty page that names a next one"
    assert {item["State"] for item in listed} == {
        "ACTIVE", "PENDING_ACTIVATION", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"
    }  # fmt: skip
    assert not any("Status" in item for item in listed)
    assert story.LEFT not in {item["Id"] for item in listed}


def test_each_account_answers_for_itself(group: Simulator) -> None:
    for account in ("210000000004", "220000000017"):
        keys = enter(group, account)
        told = client(group, "sts", keys).get_caller_identity()
        assert told["Account"] == account
        assert told["Arn"] == f"arn:aws:sts::{account}:assumed-role/{story.ROLE}/auditor"
        (bucket,) = client(group, "s3", keys).list_buckets()["Buckets"]
        assert bucket["Name"].startswith("northwind-")
        with pytest.raises(ClientError, match="AccessDenied"):
            client(group, "organizations", keys).list_accounts()
    ledger, team = (client(group, "iam", enter(group, name)) for name in ("210000000004", "220000000017"))
    assert [user["UserName"] for user in ledger.list_users()["Users"]] == ["deploy"]
    assert team.list_users()["Users"] == []


@pytest.mark.parametrize(
    ("account", "options", "code"),
    [
        pytest.param(story.REFUSES, {}, "AccessDenied", id="no-role"),
        pytest.param("210000000004", {"ExternalId": "guessed"}, "AccessDenied", id="wrong-external-id"),
        pytest.param("210000000004", {"SourceIdentity": "alice"}, "AccessDenied", id="source-identity-not-allowed"),
        pytest.param("210000000004", {"DurationSeconds": 43200}, "ValidationError", id="chained-too-long"),
        pytest.param("999999999999", {}, "AccessDenied", id="no-account"),
    ],
)
def test_roles_are_refused_as_on_aws(group: Simulator, account: str, options: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        enter(group, account, **options)
    assert refused.value.response["Error"]["Code"] == code


def test_a_service_control_policy_says_so(group: Simulator) -> None:
    with pytest.raises(ClientError, match="explicit deny in a service control policy"):
        client(group, "guardduty", enter(group, story.DENIED)).list_detectors()

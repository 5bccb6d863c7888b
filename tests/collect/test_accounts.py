"""What can go wrong before the first question is said in one sentence, with what to do about it."""

from pathlib import Path

import pytest

from auditor.base.errors import CollectionError, UsageError
from auditor.collect import accounts
from auditor.collect.accounts import Caller, choose_regions, client, known_regions, open_session, take_role
from auditor.collect.guard import CallLog
from tests.collect.aws import ACCOUNT, FakeAws, Reply, query, query_refused
from tests.collect.conftest import Collection, operation

OTHER = "444455556666"


def test_the_caller_is_known_by_account_partition_and_arn(aws: FakeAws, collection: Collection) -> None:
    caller = collection.caller()
    assert (caller.account, caller.partition, caller.home_region) == (ACCOUNT, "aws", "us-east-1")
    assert caller.principal == f"arn:aws:sts::{ACCOUNT}:assumed-role/Auditor/jane"


@pytest.mark.parametrize(
    ("partition", "region"),
    [
        pytest.param("aws", "us-east-1", id="commercial"),
        pytest.param("aws-cn", "cn-north-1", id="china"),
        pytest.param("aws-us-gov", "us-gov-west-1", id="government"),
        pytest.param("aws-new", "eu-west-1", id="unknown-partition-takes-the-callers-region"),
    ],
)
def test_account_wide_services_are_asked_in_the_partitions_home(partition: str, region: str) -> None:
    session = open_session(region="eu-west-1", log=CallLog())
    assert Caller(session, ACCOUNT, partition, "").home_region == region


@pytest.mark.parametrize(
    ("reply", "message", "hint"),
    [
        pytest.param(query_refused("ExpiredToken"), "ExpiredToken", "sign in again", id="expired"),
        pytest.param(query_refused("InvalidClientTokenId"), "InvalidClientTokenId", "not valid here", id="unknown-key"),
        pytest.param(query_refused("AccessDenied"), "AccessDenied", "auditor policy", id="denied"),
        pytest.param(query("GetCallerIdentity", "<Account>12</Account>"), "did not answer", "", id="nonsense"),
        pytest.param(Reply(b"<a"), "ask sts:GetCallerIdentity", "", id="truncated"),
    ],
)
def test_an_identity_that_cannot_be_had_ends_the_run(
    aws: FakeAws, collection: Collection, reply: Reply, message: str, hint: str
) -> None:
    aws.script("sts:GetCallerIdentity", reply)
    with pytest.raises(CollectionError, match=message) as caught:
        collection.caller()
    assert hint in caught.value.hint
    assert caught.value.exit_code == 5


def test_no_credentials_are_said_plainly(aws: FakeAws, monkeypatch: pytest.MonkeyPatch, collection: Collection) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(CollectionError, match="Unable to locate credentials") as caught:
        collection.caller()
    assert "--profile" in caught.value.hint
    assert aws.asked == []


def test_an_unknown_profile_is_said_plainly(aws: FakeAws) -> None:
    with pytest.raises(UsageError, match="nobody") as caught:
        open_session(profile="nobody", log=CallLog())
    assert "list-profiles" in caught.value.hint


def test_an_endpoint_that_nobody_answers_at_is_said_plainly(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch, collection: Collection
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(CollectionError, match=r"127\.0\.0\.1:9") as caught:
        collection.caller()
    assert "AWS_ENDPOINT_URL" in caught.value.hint


def test_an_endpoint_that_is_no_url_is_a_usage_mistake(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch, collection: Collection
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "foo")
    with pytest.raises(UsageError, match="Invalid endpoint: foo") as caught:
        collection.caller()
    assert "https://" in caught.value.hint


def test_a_broken_configuration_is_said_plainly(aws: FakeAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "config"
    broken.write_text("[profile x\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(broken))
    with pytest.raises(UsageError, match="open an AWS session"):
        open_session(log=CallLog())


def credentials(account: str) -> Reply:
    keys = (
        "<AccessKeyId>ASIAABCDEFGHIJKLMNOP</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
        "<SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>"
    )
    arn = f"arn:aws:sts::{account}:assumed-role/Reader/auditor"
    return query("AssumeRole", f"<Credentials>{keys}</Credentials><AssumedRoleUser><Arn>{arn}</Arn></AssumedRoleUser>")


def in_account(account: str) -> Reply:
    arn = f"arn:aws:sts::{account}:assumed-role/Reader/auditor"
    return query("GetCallerIdentity", f"<Arn>{arn}</Arn><UserId>A</UserId><Account>{account}</Account>")


def test_a_role_is_taken_in_another_account(aws: FakeAws, collection: Collection) -> None:
    caller = collection.caller()
    aws.script("sts:AssumeRole", credentials(OTHER))
    aws.script("sts:GetCallerIdentity", in_account(OTHER))
    taken = take_role(caller, account=OTHER, role_name="path/Reader", log=collection.log, external_id="shared")
    assert taken.account == OTHER
    (asked,) = (item for item in aws.asked if item.operation == "sts:AssumeRole")
    assert asked.parameters["RoleArn"] == f"arn:aws:iam::{OTHER}:role/path/Reader"
    assert asked.parameters["ExternalId"] == "shared"
    assert {item.operation for item in collection.log.calls} == {"AssumeRole", "GetCallerIdentity"}


def test_a_role_that_leads_elsewhere_is_refused(aws: FakeAws, collection: Collection) -> None:
    caller = collection.caller()
    aws.script("sts:AssumeRole", credentials(ACCOUNT))
    with pytest.raises(CollectionError, match=f"leads to account {ACCOUNT}, not to {OTHER}"):
        take_role(caller, account=OTHER, role_name="Reader", log=collection.log)


def test_a_role_that_may_not_be_taken_is_named(aws: FakeAws, collection: Collection) -> None:
    caller = collection.caller()
    aws.script("sts:AssumeRole", query_refused("AccessDenied"))
    with pytest.raises(CollectionError, match=f"assume arn:aws:iam::{OTHER}:role/Reader"):
        take_role(caller, account=OTHER, role_name="Reader", log=collection.log)


def test_an_account_id_has_twelve_digits(aws: FakeAws, collection: Collection) -> None:
    with pytest.raises(UsageError, match="no AWS account id"):
        take_role(collection.caller(), account="../x", role_name="Reader", log=collection.log)


def test_an_overridden_endpoint_gets_no_names_in_front(aws: FakeAws) -> None:
    session = open_session(log=CallLog())
    aws.scripts["s3:GET /v20180820/configuration/publicAccessBlock"] = lambda _: Reply(
        b"<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>"
    )
    aws.scripts["s3:GET /logs?logging"] = lambda _: Reply(b"<BucketLoggingStatus/>")
    control = client(session, "s3control", "us-east-1").get_public_access_block(AccountId=ACCOUNT)
    assert control["PublicAccessBlockConfiguration"] == {"BlockPublicAcls": True}
    client(session, "s3", "us-east-1").get_bucket_logging(Bucket="logs")
    assert len(aws.asked) == 2


def test_endpoints_can_be_overridden_for_one_service_alone(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    session = open_session(log=CallLog())
    assert accounts.overridden_endpoint(session, "s3") == "http://127.0.0.1:1"
    assert accounts.overridden_endpoint(session, "iam") == ""
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert accounts.overridden_endpoint(open_session(log=CallLog()), "s3") == ""


def test_the_wanted_regions_or_all_enabled_ones_are_taken() -> None:
    assert choose_regions(("us-east-1", "eu-west-1"), ()) == ("eu-west-1", "us-east-1")
    assert choose_regions(("us-east-1", "eu-west-1"), ("us-east-1",)) == ("us-east-1",)


@pytest.mark.parametrize("name", ["mars-1", "../x", "", "US-EAST-1", "ap-south-2"])
def test_a_region_that_is_none_or_not_enabled_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError):
        choose_regions(("us-east-1",), (name,))


def test_without_a_list_of_regions_all_known_ones_are_asked(aws: FakeAws, collection: Collection) -> None:
    aws.script("ec2:DescribeRegions", Reply(b"", 403))
    collected = collection.collect(operation("cloudtrail:DescribeTrails"))
    assert not collected.regions_proved
    assert collected.scope.regions == known_regions(collection.caller())
    assert {"us-east-1", "eu-west-1", "af-south-1"} <= set(collected.scope.regions)

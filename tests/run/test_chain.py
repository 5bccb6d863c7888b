"""The alarm chain over a simulated account: what is changed there through the API is collected, judged and named."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from auditor.catalog.load import Catalog
from auditor.model import Result, State
from auditor.simulator import Simulator
from tests.run.test_truth import catalog, collected

__all__ = ["catalog"]

HOME, ACCOUNT = "eu-central-1", "111122223333"
TOPIC = f"arn:aws:sns:{HOME}:{ACCOUNT}:security-alerts"


@pytest.fixture(scope="module")
def account() -> Iterator[Simulator]:
    with Simulator("demo") as aws:
        yield aws


def client(account: Simulator, service: str) -> Any:
    environment = account.environment()
    return boto3.client(
        service,
        region_name=HOME,
        endpoint_url=account.endpoint,
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )


def judged(account: Simulator, catalog: Catalog, folder: Path, control: str) -> Result:
    _, results = collected(account, catalog, folder / "evidence", "truth")
    (result,) = next(item for item in results.controls if item.control.id == control).results
    return result


@pytest.mark.simulator
def test_an_alarm_that_is_muted_every_night_tells_nobody_then(
    account: Simulator, catalog: Catalog, tmp_path: Path
) -> None:
    assert judged(account, catalog, tmp_path / "before", "monitor-nacl-changes").state is State.PASS
    client(account, "cloudwatch").put_alarm_mute_rule(
        Name="nightly",
        Rule={"Schedule": {"Expression": "cron(0 2 * * *)", "Duration": "PT2H"}},
        MuteTargets={"AlarmNames": ["cis-nacl-changes"]},
    )
    muted = judged(account, catalog, tmp_path / "after", "monitor-nacl-changes")
    assert muted.state is State.FAIL
    assert "mute rule nightly" in muted.reason
    assert judged(account, catalog, tmp_path / "other", "monitor-route-table-changes").state is State.PASS


@pytest.mark.simulator
@pytest.mark.parametrize(
    ("service", "state"),
    [pytest.param("cloudwatch", State.PASS, id="may"), pytest.param("events", State.FAIL, id="may-not")],
)
def test_a_topic_is_as_open_as_its_key(
    service: str, state: State, account: Simulator, catalog: Catalog, tmp_path: Path
) -> None:
    kms = client(account, "kms")
    policy = (
        '{"Statement": [{"Effect": "Allow", "Principal": {"Service": "%s.amazonaws.com"}, "Resource": "*", '
        '"Action": ["kms:Decrypt", "kms:GenerateDataKey*"]}]}'
    )
    key = kms.create_key(Policy=policy % service)["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName=f"alias/alerts-{service}", TargetKeyId=key)
    client(account, "sns").set_topic_attributes(
        TopicArn=TOPIC, AttributeName="KmsMasterKeyId", AttributeValue=f"alias/alerts-{service}"
    )
    result = judged(account, catalog, tmp_path, "monitor-route-table-changes")
    assert result.state is state, result.reason
    assert "key" in str(result.details)

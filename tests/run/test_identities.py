"""Who asked is an identity too: where names are to leave, the caller's leaves every file, and the answers stay."""

from pathlib import Path

import boto3
import pytest

from auditor.base.period import parse_time
from auditor.config import Config
from auditor.evidence.store import Evidence
from auditor.run import open_catalog
from auditor.run.gather import collect_evidence
from auditor.run.request import Request
from auditor.simulator import ACCESS_KEY, SECRET_KEY, Simulator

PERSON = "jane.doe@example.com"
SECRET = "team/jane.doe@example.com"


@pytest.mark.parametrize("leave", [True, False])
def test_names_leave_the_evidence_when_they_are_to(
    leave: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Simulator("demo") as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY, "endpoint_url": aws.endpoint}
        boto3.client("secretsmanager", region_name="us-east-1", **keys).create_secret(Name=SECRET, SecretString="x")
        role = f"arn:aws:iam::{aws.account}:role/AuditorReadOnly"
        session = boto3.client("sts", region_name="us-east-1", **keys).assume_role(
            RoleArn=role, RoleSessionName=PERSON
        )["Credentials"]
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", session["AccessKeyId"])
        monkeypatch.setenv("AWS_SESSION_TOKEN", session["SessionToken"])
        moment = parse_time(aws.about["as_of"])
        settings = {"frameworks": ["cis-aws-7.0.0"], "regions": ["us-east-1"], "skip": ["trail", "truth"]}
        config = Config.model_validate({**settings, "redaction": {"identities": leave}})
        request = Request(config, moment, now=lambda: moment, salt=b"a salt for tests")
        collect_evidence(request, open_catalog(), tmp_path, lambda *_: None)

    evidence = Evidence(tmp_path)
    assert evidence.run.principal.startswith(f"arn:aws:sts::{aws.account}:assumed-role/AuditorReadOnly/")
    assert {record.principal for record in evidence.records} == {evidence.run.principal}
    holding = [path for path in tmp_path.rglob("*") if path.is_file() and PERSON.encode() in path.read_bytes()]
    assert bool(holding) is not leave
    policies = evidence.of(aws.account, "secretsmanager:GetResourcePolicy")
    assert policies
    assert [record.error for record in policies if record.error and "NotFound" in record.error.code] == []

"""Findings reach Security Hub in few calls, nothing is lost in silence, and a run itself still cannot write."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from auditor.base.errors import CollectionError
from auditor.collect.accounts import client, open_session
from auditor.collect.guard import CallLog
from auditor.deliver.securityhub import MOST_ATTEMPTS, OPERATION, Refused, import_findings, policy
from auditor.simulator import Simulator
from tests.acceptance.conftest import auditor

ACCOUNT = "111122223333"


def finding(number: int, *, region: str = "us-east-1", account: str = ACCOUNT) -> dict[str, Any]:
    arn = f"arn:aws:securityhub:{region}:{account}:product/{account}/default"
    return {"Id": f"f-{number}", "AwsAccountId": account, "ProductArn": arn}


class Hub:
    """A Security Hub that keeps what it is sent and fails findings as often as told."""

    def __init__(self, failures: Mapping[str, tuple[str, int]] | None = None) -> None:
        self.batches: list[list[str]] = []
        self._failures = dict(failures or {})

    def batch_import_findings(self, *, Findings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803 - AWS's
        ids = [item["Id"] for item in Findings]
        self.batches.append(ids)
        failed = []
        for name in ids:
            code, times = self._failures.get(name, ("", 0))
            if times:
                self._failures[name] = (code, times - 1)
                failed.append({"Id": name, "ErrorCode": code, "ErrorMessage": "no\nluck"})
        return {"SuccessCount": len(ids) - len(failed), "FailedCount": len(failed), "FailedFindings": failed}


def test_batches_are_as_large_as_allowed_and_keep_accounts_and_regions_apart() -> None:
    hubs: dict[tuple[str, str], Hub] = {}
    findings = [finding(number, region="eu-central-1" if number % 3 else "us-east-1") for number in range(450)]
    outcome = import_findings(findings, lambda *place: hubs.setdefault(place, Hub()))
    sizes = {place: [len(batch) for batch in hub.batches] for place, hub in hubs.items()}
    assert sizes == {(ACCOUNT, "eu-central-1"): [100, 100, 100], (ACCOUNT, "us-east-1"): [100, 50]}
    assert (outcome.sent, outcome.accepted, outcome.refused) == (450, 450, ())


def test_only_what_may_pass_is_sent_again_and_not_for_ever() -> None:
    hub = Hub({"f-1": ("InternalError", 1), "f-2": ("InvalidInput", 99), "f-3": ("InternalError", 99)})
    waited: list[float] = []
    outcome = import_findings([finding(number) for number in range(5)], lambda *_: hub, wait=waited.append)
    assert hub.batches == [["f-0", "f-1", "f-2", "f-3", "f-4"], ["f-1", "f-3"], ["f-3"]]
    assert len(hub.batches) == MOST_ATTEMPTS
    assert waited == [1.0, 2.0]
    assert outcome.accepted == 3
    assert outcome.refused == (
        Refused("f-2", "us-east-1", "InvalidInput", "no luck"),
        Refused("f-3", "us-east-1", "InternalError", "no luck"),
    )


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({}, id="empty"),
        pytest.param({"SuccessCount": 1, "FailedCount": 0}, id="too-few"),
        pytest.param({"SuccessCount": 1, "FailedFindings": [{"Id": "other", "ErrorCode": "X"}]}, id="stranger"),
    ],
)
def test_an_answer_that_does_not_add_up_accepts_nothing(answer: Mapping[str, Any]) -> None:
    class Vague:
        def batch_import_findings(self, **_: Any) -> Mapping[str, Any]:
            return answer

    outcome = import_findings([finding(1), finding(2)], lambda *_: Vague(), wait=lambda _: None)
    assert (outcome.accepted, {item.code for item in outcome.refused}) == (0, {"NoAnswer"})


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(
            ClientError({"Error": {"Code": "InvalidAccessException", "Message": "not subscribed"}}, "x"),
            "InvalidAccessException",
            id="refused",
        ),
        pytest.param(EndpointConnectionError(endpoint_url="http://x"), "EndpointConnectionError", id="unreachable"),
        pytest.param(CollectionError("no credentials"), "CollectionError", id="no-client"),
    ],
)
def test_a_place_that_fails_as_a_whole_is_asked_once_and_does_not_stop_the_others(error: Exception, code: str) -> None:
    good = Hub()
    asked: list[str] = []

    def connect(_: str, region: str) -> Hub:
        asked.append(region)
        if region == "us-east-1":
            raise error
        return good

    findings = [*(finding(number) for number in range(250)), finding(999, region="us-west-2")]
    outcome = import_findings(findings, connect)
    assert asked == ["us-east-1", "us-west-2"]
    assert good.batches == [["f-999"]]
    assert (outcome.accepted, {item.code for item in outcome.refused}) == (1, {code})


def test_the_permission_is_one_action_on_ones_own_product() -> None:
    (statement,) = policy("aws", ACCOUNT)["Statement"]
    assert statement["Action"] == ["securityhub:BatchImportFindings"]
    assert statement["Resource"] == f"arn:aws:securityhub:*:{ACCOUNT}:product/{ACCOUNT}/default"
    printed = auditor("policy", "--securityhub-import", "--for-account", ACCOUNT)
    assert json.loads(printed.stdout) == policy("aws", ACCOUNT)
    assert "BatchImportFindings" not in auditor("policy").stdout


def test_a_run_cannot_import_and_an_import_can_do_nothing_else() -> None:
    own = client(open_session(region="us-east-1", log=CallLog()), "securityhub", "us-east-1")
    asked = client(
        open_session(region="us-east-1", log=CallLog(asked_for=frozenset({OPERATION}))), "securityhub", "us-east-1"
    )
    assert not hasattr(own, "batch_import_findings")
    assert hasattr(asked, "batch_import_findings")
    writes = ("disable_security_hub", "batch_update_findings", "update_findings", "create_insight")
    assert [name for name in writes if hasattr(asked, name)] == []


RUN = ("--framework", "trail-readiness", "--regions", "us-east-1,eu-central-1", "--skip", "trail,truth")
WHEN = ("--period", "2026-10", "--as-of", "2026-11-02T06:00:00Z", "--format", "csv", "--json", "--quiet")


@pytest.mark.simulator
def test_a_run_sends_its_findings_lists_the_call_apart_and_fails_when_refused(tmp_path: Path) -> None:
    with Simulator("empty") as aws:
        sent = auditor("run", *RUN, *WHEN, "--out", tmp_path / "a", "--securityhub-import", env=aws.environment())
        stored = boto3.client(
            "securityhub",
            region_name="us-east-1",
            endpoint_url=aws.environment()["AWS_ENDPOINT_URL"],
            aws_access_key_id="x",
            aws_secret_access_key="x",
        ).get_findings(MaxResults=100)
        plain = auditor("run", *RUN, *WHEN, "--out", tmp_path / "b", env=aws.environment())
        aws.deny(OPERATION)
        denied = auditor("run", *RUN, *WHEN, "--out", tmp_path / "c", "--securityhub-import", env=aws.environment())

    pack = Path(json.loads(sent.stdout)["pack"])
    record = json.loads((pack / "results" / "securityhub-import.json").read_bytes())
    findings = json.loads((pack / "results" / "asff.json").read_bytes())
    assert sent.code == 1, sent.stderr
    assert record["sent"] == record["accepted"] == len(findings) > 0
    assert json.loads(sent.stdout)["securityhub_import"]["accepted"] == record["accepted"]
    assert {item["Id"] for item in stored["Findings"]} <= {item["Id"] for item in findings}
    assert stored["Findings"]
    writes = [item for item in record["calls"] if item["service"] == "securityhub"]
    regions = {item["ProductArn"].split(":")[3] for item in findings}
    assert [(item["operation"], item["region"]) for item in writes] == [
        ("BatchImportFindings", region) for region in sorted(regions)
    ]
    assert auditor("verify", pack, "--replay").code == 0

    without = Path(json.loads(plain.stdout)["pack"])
    assert json.loads(plain.stdout)["securityhub_import"] is None
    assert not (without / "results" / "securityhub-import.json").exists()
    for made in (pack, without):
        calls = json.loads((made / "evidence" / "calls.json").read_bytes())
        assert "BatchImportFindings" not in {item["operation"] for item in calls}

    assert denied.code == 5
    refused = json.loads(denied.stdout)["securityhub_import"]["refused"]
    assert {item["id"] for item in refused} == {item["Id"] for item in findings}, "the same findings, by the same ids"
    assert {item["code"] for item in refused} == {"AccessDeniedException"}
    assert refused[0]["id"] in denied.stderr
    assert auditor("verify", json.loads(denied.stdout)["pack"]).code == 0

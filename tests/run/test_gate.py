"""A gate on one account, run after run through the command line: each class of change once, and none without one."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from auditor.simulator import ACCESS_KEY, SECRET_KEY, Simulator
from tests.cli.test_compare import answer

pytestmark = pytest.mark.simulator

READER, SUPPORT = "arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/AWSSupportAccess"
FRAMEWORK = """\
id: own
title: Own rules
edition: "1"
publisher: Us
url: ""
requirements:
  "1": {title: Users have no rights of their own, controls: [iam-user-permissions-via-groups]}
"""
MORE = '  "2": {title: Passwords are long, controls: [iam-password-min-length]}\n'

Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def aws() -> Iterator[Simulator]:
    with Simulator("empty", enabled=["us-east-1"]) as running:
        yield running


@pytest.fixture
def iam(aws: Simulator) -> Iterator[Any]:
    """An account with two users who have rights of their own."""
    keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
    client = boto3.client("iam", region_name="us-east-1", endpoint_url=aws.endpoint, **keys)
    for name in ("ann", "ben"):
        client.create_user(UserName=name)
        client.attach_user_policy(UserName=name, PolicyArn=READER)
    yield client
    aws.clear()
    for user in client.list_users()["Users"]:
        for policy in client.list_attached_user_policies(UserName=user["UserName"])["AttachedPolicies"]:
            client.detach_user_policy(UserName=user["UserName"], PolicyArn=policy["PolicyArn"])
        client.delete_user(UserName=user["UserName"])


@pytest.fixture
def run(
    aws: Simulator, iam: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run the gate beside a baseline that was written on the second of November."""
    del iam
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    rules = tmp_path / "own" / "frameworks" / "own.yaml"
    rules.parent.mkdir(parents=True)
    rules.write_text(FRAMEWORK)

    def call(*arguments: str, month: int = 12, with_file: bool = True) -> dict[str, Any]:
        words = ("run", "--gate", "--framework", "own", "--controls", "own", "--regions", "us-east-1", "-q", "--json")
        where = (
            "--skip",
            "trail,events,truth",
            "--format",
            "csv",
            *(("--baseline", "known.json") if with_file else ()),
        )
        code, out, err = answer(capsys, *words, *where, "--as-of", f"2026-{month:02}-02T06:00:00Z", *arguments)
        document: dict[str, Any] = json.loads(out)
        assert document["exit_code"] == code, err
        return document

    first = call("--update-baseline", month=11)
    assert (first["exit_code"], kinds(first)) == (0, {"still open": 2})
    return call


def kinds(document: dict[str, Any]) -> dict[str, int]:
    return {kind: number for kind, number in document["baseline"]["counts"].items() if number}


def test_a_second_run_of_the_same_account_is_quiet_and_says_how_old_findings_are(run: Run) -> None:
    found = run()
    assert (found["exit_code"], kinds(found), found["baseline"]["changes"]) == (0, {"still open": 2}, [])
    assert found["baseline"]["oldest_known_days"] == 30
    assert run("--format", "sarif,junit,codequality")["exit_code"] == 0


def test_a_pack_that_was_changed_is_no_baseline(run: Run) -> None:
    pack = run()["pack"]
    beside = ("--baseline", pack)
    assert run(*beside, with_file=False)["exit_code"] == 0, "what failed was known"
    results = Path(pack) / "results/results.json"
    results.write_bytes(results.read_bytes().replace(b"ann", b"eve"))
    told = run(*beside, with_file=False)
    assert told["exit_code"] == 4
    assert "its results are not those that its manifest names" in json.dumps(told)


def test_each_class_of_change_is_told_and_counts_as_it_should(run: Run, iam: Any, aws: Simulator) -> None:
    iam.create_user(UserName="cid")
    iam.attach_user_policy(UserName="cid", PolicyArn=READER)
    new = run()
    assert (new["exit_code"], kinds(new)) == (1, {"new": 1, "still open": 2})
    iam.detach_user_policy(UserName="cid", PolicyArn=READER)

    iam.attach_user_policy(UserName="ann", PolicyArn=SUPPORT)
    worse = run()
    assert (worse["exit_code"], kinds(worse)) == (1, {"worse": 1, "still open": 1})
    iam.detach_user_policy(UserName="ann", PolicyArn=SUPPORT)

    iam.detach_user_policy(UserName="ben", PolicyArn=READER)
    fixed = run()
    assert (fixed["exit_code"], kinds(fixed)) == (0, {"still open": 1, "fixed": 1})
    iam.attach_user_policy(UserName="ben", PolicyArn=READER)
    assert kinds(run()) == {"still open": 2}  # the baseline still knows it: nobody wrote it anew

    Path("own/frameworks/own.yaml").write_text(FRAMEWORK + MORE)
    upgraded = run()
    assert (upgraded["exit_code"], kinds(upgraded)) == (1, {"new by catalogue": 1, "still open": 2})
    assert run("--accept-new-controls")["exit_code"] == 0
    Path("own/frameworks/own.yaml").write_text(FRAMEWORK)

    aws.deny("iam:GetAccountAuthorizationDetails")
    unread = run("--update-baseline")
    assert (unread["exit_code"], kinds(unread)) == (3, {"no longer assessed": 2})
    aws.clear()
    assert kinds(run()) == {"still open": 2}  # what could not be read was not forgotten either


def test_a_baseline_in_a_bucket_is_read_and_never_written(run: Run, iam: Any, aws: Simulator) -> None:
    keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
    s3 = boto3.client("s3", region_name="us-east-1", endpoint_url=aws.endpoint, **keys)
    s3.create_bucket(Bucket="known")
    s3.put_object(Bucket="known", Key="a/known.json", Body=Path("known.json").read_bytes())
    pack = Path(run(month=11)["pack"])
    s3.put_object(Bucket="known", Key="a/pack/results/results.json", Body=(pack / "results/results.json").read_bytes())
    iam.create_user(UserName="dan")
    iam.attach_user_policy(UserName="dan", PolicyArn=READER)
    for place in ("s3://known/a/known.json", "s3://known/a/pack"):
        found = run("--baseline", place, with_file=False)
        assert (found["exit_code"], kinds(found)) == (1, {"new": 1, "still open": 2})
    assert run("--baseline", "s3://known/a/known.json", "--update-baseline", with_file=False)["exit_code"] == 2
    assert run("--baseline", "s3://known/absent.json", with_file=False)["exit_code"] == 5

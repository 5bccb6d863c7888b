"""A run that is repeated makes nothing where a complete pack is, or a pack that names the first."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import orjson
import pytest

from auditor.evaluate.engine import evaluate
from auditor.model import Severity
from auditor.pack.comparison import findings_of
from auditor.pack.outcome import exit_code, results_document, stated_code
from auditor.simulator import ACCESS_KEY, SECRET_KEY, Simulator
from tests.cli.test_compare import answer
from tests.evaluate.test_engine import REGIONS, World, build_catalog, vpc

WORDS = ("--control", "iam-root-mfa", "--regions", "us-east-1", "--skip", "trail,truth", "--format", "csv", "-q",
         "--json")  # fmt: skip


@pytest.fixture(scope="module")
def aws() -> Iterator[Simulator]:
    with Simulator("empty") as running:
        keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
        boto3.client("s3", region_name="us-east-1", endpoint_url=running.endpoint, **keys).create_bucket(Bucket="packs")
        yield running


@pytest.fixture
def run(
    aws: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Any]:
    """Run the audit of October into a folder, so many days after its end."""
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, day: int = 2, month: str = "2026-10") -> dict[str, Any]:
        as_of = f"2026-11-{day:02}T06:00:00Z"
        code, out, err = answer(capsys, "run", *WORDS, "--period", month, "--as-of", as_of, *arguments)
        document: dict[str, Any] = json.loads(out)
        assert document["exit_code"] == code, err
        return document

    yield call
    aws.clear()


def previous_of(pack: str) -> str | None:
    manifest = orjson.loads((Path(pack) / "manifest.json").read_bytes())
    return (manifest["previous_pack"] or {}).get("id")


@pytest.mark.simulator
def test_a_second_run_makes_none_and_answers_as_the_first_or_names_it(run: Any) -> None:
    first = run("--if-missing")
    assert first["made"]
    again = run("--if-missing", day=3)
    assert (again["made"], again["pack_id"], again["exit_code"]) == (False, first["pack_id"], first["exit_code"])
    assert (again["pack"], again["headline"]) == (first["pack"], first["headline"])
    assert len(list(Path("reports").glob("*/*/*/manifest.json"))) == 1
    second = run(day=4)
    assert (second["made"], previous_of(second["pack"])) == (True, first["pack_id"])
    assert previous_of(first["pack"]) is None
    other = run("--if-missing", day=5, month="2026-09")
    assert other["made"]


@pytest.mark.simulator
def test_what_is_not_complete_does_not_hold_or_asks_less_is_made_again(run: Any, aws: Simulator) -> None:
    early = run("--if-missing")
    results = Path(early["pack"]) / "results" / "controls.csv"
    results.write_text("id\r\n")
    broken = run("--if-missing", day=3)
    assert (broken["made"], broken["pack_id"] == early["pack_id"]) == (True, False)
    more = run("--if-missing", "--control", "iam-root-no-access-keys", day=4)
    assert more["made"]
    assert not run("--if-missing", day=5)["made"]
    shutil.rmtree(more["pack"])
    shutil.rmtree(broken["pack"])
    aws.fault("iam:*", "expired-token")
    cut = run("--if-missing", day=6)
    assert (cut["made"], cut["exit_code"]) == (True, 3)
    aws.clear()
    assert run("--if-missing", day=7)["made"]


@pytest.mark.simulator
def test_the_bucket_decides_and_what_is_only_here_is_put_there(run: Any, tmp_path: Path) -> None:
    where = ("--if-missing", "--upload", "s3://packs/one")
    local = run("--if-missing")
    there = run(*where, day=3)
    assert (there["made"], there["pack_id"], there["upload"]["error"]) == (False, local["pack_id"], None)
    shutil.rmtree(tmp_path / "reports")
    found = run(*where, day=4)
    account, period = Path(local["pack"]).parts[-3:-1]
    assert (found["made"], found["pack"]) == (False, f"s3://packs/one/{account}/{period}/{local['pack_id']}")
    assert not (tmp_path / "reports").exists()
    # a machine that starts empty every month follows what it put into the bucket
    second = run("--upload", "s3://packs/one", day=5)
    assert (second["made"], previous_of(second["pack"])) == (True, local["pack_id"])


@pytest.mark.simulator
def test_a_bucket_that_cannot_be_listed_ends_a_run_only_where_it_decides(run: Any, aws: Simulator) -> None:
    aws.deny("s3:ListObjectsV2")
    assert run("--if-missing", "--upload", "s3://packs/two")["exit_code"] == 5
    assert run("--upload", "s3://packs/two")["made"]


@pytest.mark.parametrize("tagged", [True, False])
@pytest.mark.parametrize("refused", [True, False])
def test_what_results_state_deserves_the_code_of_the_judgement(tmp_path: Path, *, tagged: bool, refused: bool) -> None:
    world = World(tmp_path)
    for region in REGIONS:
        world.answer("ec2:DescribeVpcs", region, {"Vpcs": [vpc("vpc-1", Tagged=tagged)]})
        world.answer("cloudtrail:DescribeTrails", region, {"trailList": []})
    if refused:
        world.fail("iam:GetAccountPasswordPolicy", "us-east-1", "AccessDenied")
    results = evaluate(world.evidence(), build_catalog(tmp_path / "controls"))
    document = results_document(results)
    known = {item.id for item in findings_of(document)}
    for fail_on in Severity:
        for allow in ([], ["not-assessed:password-is-long"]):
            for ids in (set(), known):
                given: dict[str, Any] = {"fail_on": fail_on, "allow": allow, "known": ids}
                assert stated_code(document, **given) == exit_code(results, **given)
    for verdict in ("pass", "note", "incomplete", "fail"):
        stated = {**document, "integrity": [{"verdict": verdict}]}
        assert (stated_code(stated) == 4) is (verdict == "fail")

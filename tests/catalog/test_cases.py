"""Cases beside controls: what their files may say, and what becomes of a typing error."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from auditor.base.errors import CatalogError
from auditor.catalog.cases import Case, case_files, load_cases
from auditor.evidence.world import World, tell
from auditor.model import State
from auditor.run.trying import try_case
from tests.evaluate.kit import PERIOD, catalog
from tools.schemas import schema

BUCKETS = """
worlds:
  two-buckets:
    evidence:
      s3:ListBuckets: {Buckets: [{Name: a, BucketRegion: eu-west-1}, {Name: b, BucketRegion: eu-west-1}]}
      s3:GetBucketEncryption:
        ServerSideEncryptionConfiguration:
          Rules: [{ApplyServerSideEncryptionByDefault: {SSEAlgorithm: AES256}}]
cases:
- control: s3-default-encryption
  case: this one
  world: two-buckets
  expect: PASS
"""
Read = Callable[[str], tuple[Case, ...]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def written(text: str) -> tuple[Case, ...]:
        (tmp_path / "tests").mkdir(exist_ok=True)
        (tmp_path / "tests" / "own.yaml").write_text(text, encoding="utf-8")
        return load_cases(case_files([tmp_path]), catalog())

    return written


def said(read: Read, text: str) -> State:
    (case,) = read(text)
    tried = try_case(case, catalog())
    assert not tried.wrong, tried.wrong
    return tried.state


def test_a_page_answers_every_call_that_follows_from_it(read: Read) -> None:
    assert said(read, BUCKETS) is State.PASS


@pytest.mark.parametrize(
    ("added", "expected", "resources"),
    [
        pytest.param(
            "change: {s3:GetBucketEncryption/ServerSideEncryptionConfiguration/Rules: []}",
            State.FAIL,
            {"a": "FAIL", "b": "FAIL"},
            id="a-value-changed",
        ),
        pytest.param(
            "without: [s3:GetBucketEncryption/ServerSideEncryptionConfiguration]",
            State.NOT_ASSESSED,
            {},
            id="a-value-taken-away",
        ),
        pytest.param(
            "evidence: {s3:GetBucketEncryption: AccessDenied}",
            State.NOT_ASSESSED,
            {},
            id="every-call-refused",
        ),
        pytest.param(
            "evidence: {s3:GetBucketEncryption: ServerSideEncryptionConfigurationNotFoundError}",
            State.FAIL,
            {},
            id="a-code-that-means-absent-is-an-answer",
        ),
        pytest.param("evidence: {s3:GetBucketEncryption: null}", State.NOT_ASSESSED, {}, id="nothing-stored"),
        pytest.param("evidence: {s3:ListBuckets: {Buckets: []}}", State.NOT_APPLICABLE, {}, id="an-answer-replaced"),
        pytest.param(
            "evidence: {s3:GetBucketEncryption: [{error: AccessDenied}, {parameters: {Bucket: b}, page: "
            "{ServerSideEncryptionConfiguration: {Rules: []}}}]}",
            State.FAIL,
            {"a": "NOT_ASSESSED", "b": "FAIL"},
            id="single-calls-answered",
        ),
        pytest.param(
            "evidence: {s3:ListBuckets: [{pages: [{Buckets: [{Name: a}]}, {Buckets: [{Name: c}]}]}]}",
            State.PASS,
            {"c": "PASS"},
            id="several-pages",
        ),
    ],
)
def test_what_a_case_says_of_evidence(read: Read, added: str, expected: State, resources: dict[str, str]) -> None:
    (case,) = read(BUCKETS.replace("expect: PASS", f"{added}\n  expect: {expected.value}\n  results: {resources}"))
    tried = try_case(case, catalog())
    assert not tried.wrong, tried.wrong


@pytest.mark.parametrize(
    ("added", "words"),
    [
        ("expect: FAIL", "expected FAIL, it said PASS"),
        ("expect: PASS\n  reason: because of the weather", "expected a reason with 'because of the weather'"),
        ("expect: PASS\n  results: {a: FAIL}", "expected FAIL for a, it said PASS"),
        ("expect: PASS\n  results: {z: PASS}", "expected PASS for z, it said nothing"),
    ],
)
def test_an_unexpected_answer_is_told(read: Read, added: str, words: str) -> None:
    (case,) = read(BUCKETS.replace("expect: PASS", added))
    assert words in try_case(case, catalog()).wrong


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("expect: PASS", "expect: GREEN", "own.yaml:13: cases.0.expect"),
        ("case: this one", "case: this one\n  wrld: two-buckets", "there is no such key"),
        ("control: s3-default-encryption", "control: s3-default-encription", "own.yaml:10: there is no control"),
        ("world: two-buckets", "world: three-buckets", "there is no world three-buckets in this file"),
        ("world: two-buckets", "evidence: {s3:ListBukkets: {}}", "s3:ListBukkets is not in operations.yaml"),
        ("world: two-buckets", "evidence: {ec2:DescribeVpcs: {}}", "own.yaml:12: s3-default-encryption does not read"),
        ("expect: PASS", "change: {s3:ListBuckets/Bucket/0/Name: z}\n  expect: PASS", "has s3:ListBuckets/Bucket/0"),
        ("expect: PASS", "without: [s3:ListBuckets]\n  expect: PASS", "no answer told so far has s3:ListBuckets"),
        ("expect: PASS", "as_of: yesterday\n  expect: PASS", "yesterday"),
        ("expect: PASS", "period: soon\n  expect: PASS", "soon"),
        ("  two-buckets:\n", "  two-buckets:\n    world: two-buckets\n", "in a circle"),
        (
            "  expect: PASS\n",
            "  expect: PASS\n- {control: s3-default-encryption, case: this one, expect: PASS}\n",
            "name",
        ),
        ("expect: PASS", "evidence: {s3:ListBuckets: [{page: {}, error: X}]}\n  expect: PASS", "at once"),
        ("cases:", "cases: &x", "own.yaml"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(read: Read, old: str, new: str, words: str) -> None:
    text = BUCKETS.replace(old, new, 1) + ("- *x\n" if "&x" in new else "")
    with pytest.raises(CatalogError, match=r"own\.yaml:\d+: ") as raised:
        read(text)
    assert words in raised.value.message


def test_the_moment_the_period_and_the_partition_are_those_of_the_case(read: Read) -> None:
    added = (
        "as_of: 2026-03-02T00:00:00Z\n  period: 2026-02\n  partition: aws-cn\n  regions: [cn-north-1]\n  expect: PASS"
    )
    (case,) = read(BUCKETS.replace("expect: PASS", added))
    assert (case.partition, case.regions, case.period.label) == ("aws-cn", ("cn-north-1",), "2026-02")
    assert case.as_of.month == 3


def test_calls_follow_from_answers_as_in_a_run(read: Read) -> None:
    (case,) = read(BUCKETS)
    world = World(regions=case.regions, operations=catalog().operations)
    told = tell(case.evidence, world, ["s3:GetBucketEncryption"], PERIOD)
    calls = [call for call, _ in told.answers.values() if call.operation == "s3:GetBucketEncryption"]
    assert [dict(call.parameters) for call in calls] == [{"Bucket": "a"}, {"Bucket": "b"}]


def test_a_file_of_cases_fits_the_published_schema_and_a_mistyped_one_does_not() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(schema("cases.schema.json")))
    document: dict[str, Any] = yaml.safe_load(BUCKETS)
    validator.validate(document)
    document["cases"][0]["expects"] = "PASS"
    assert not validator.is_valid(document)

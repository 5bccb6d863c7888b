"""Operations are data: read with file and line, ordered parents first, expanded the same way every time."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.loaders import Loader
from hypothesis import given
from hypothesis import strategies as st

from auditor.base.errors import CatalogError
from auditor.base.locate import controls_folder
from auditor.base.period import Period
from auditor.evidence.operations import (
    GLOBAL,
    Call,
    Operation,
    Pages,
    Where,
    confirming,
    expand,
    load_operations,
    needed,
)

REGIONS = ("eu-west-1", "us-east-1")
CATALOGUE = load_operations(controls_folder() / "operations.yaml")
FILE = """
cloudtrail:DescribeTrails:
  required: [trailList]
cloudtrail:GetTrailStatus:
  for_each:
    - operation: cloudtrail:DescribeTrails
      items: trailList[]
      parameters: {Name: TrailARN}
      region: HomeRegion
kms:GetKeyRotationStatus:
  for_each:
    - operation: kms:ListKeys
      items: Keys[]
      parameters: {KeyId: KeyId}
      where: Enabled == `true`
kms:ListKeys:
s3control:GetPublicAccessBlock:
  where: global
  parameters: {AccountId: "{account}", Deep: {a: [1]}}
  action: s3:GetAccountPublicAccessBlock
  absent: [NoSuchPublicAccessBlockConfiguration]
trail:VerifyDigests:
  produced: true
"""


@pytest.fixture
def operations(tmp_path: Path) -> dict[str, Operation]:
    return load(tmp_path, FILE)


def load(folder: Path, text: str) -> dict[str, Operation]:
    path = folder / "operations.yaml"
    path.write_text(text, encoding="utf-8")
    return load_operations(path)


def nothing(_operation: str) -> Pages:
    return ()


def answering(**answers: Sequence[tuple[str, Sequence[Any]]]) -> Any:
    return lambda operation: answers[operation.partition(":")[2]]


def test_an_operation_without_parents_is_asked_once_per_place(operations: dict[str, Operation]) -> None:
    calls = expand(operations["cloudtrail:DescribeTrails"], account="1", regions=REGIONS, answers=nothing)
    assert [(call.region, call.parameters) for call in calls] == [("eu-west-1", ()), ("us-east-1", ())]


def test_the_account_stands_in_fixed_parameters(operations: dict[str, Operation]) -> None:
    (call,) = expand(
        operations["s3control:GetPublicAccessBlock"], account="111122223333", regions=REGIONS, answers=nothing
    )
    assert call.region == GLOBAL
    assert dict(call.parameters) == {"AccountId": "111122223333", "Deep": {"a": [1]}}


def test_a_child_is_asked_once_per_item_in_the_items_region(operations: dict[str, Operation]) -> None:
    trails = [
        {"TrailARN": "b", "HomeRegion": "us-east-1"},
        {"TrailARN": "a"},
        {"HomeRegion": "us-east-1"},
        {"TrailARN": "c", "HomeRegion": "mars-1"},
    ]
    answers = answering(DescribeTrails=[(region, [{"trailList": trails}]) for region in REGIONS])
    told: list[str] = []
    calls = expand(
        operations["cloudtrail:GetTrailStatus"],
        account="1",
        regions=REGIONS,
        answers=answers,
        broken=lambda _, region, error: told.append(f"{region}: {error}"),
    )
    assert [(call.region, dict(call.parameters)["Name"]) for call in calls] == [
        ("eu-west-1", "a"),
        ("us-east-1", "a"),
        ("us-east-1", "b"),
    ]
    assert told == [f"{region}: an item has no TrailARN" for region in REGIONS]


def test_a_condition_on_the_item_holds_only_when_it_is_true(operations: dict[str, Operation]) -> None:
    keys = [{"KeyId": "a", "Enabled": True}, {"KeyId": "b", "Enabled": "true"}, {"KeyId": "c"}]
    answers = answering(ListKeys=[("eu-west-1", [{"Keys": keys}])])
    calls = expand(operations["kms:GetKeyRotationStatus"], account="1", regions=REGIONS, answers=answers)
    assert [dict(call.parameters)["KeyId"] for call in calls] == ["a"]


@pytest.mark.parametrize("page", [{}, {"Keys": None}, {"Keys": []}, {"Keys": [None, 5, "x", [], {}]}, None, []])
def test_items_that_are_none_lead_to_no_call(operations: dict[str, Operation], page: Any) -> None:
    answers = answering(ListKeys=[("eu-west-1", [page])])
    assert expand(operations["kms:GetKeyRotationStatus"], account="1", regions=REGIONS, answers=answers) == ()


@given(st.lists(st.tuples(st.sampled_from(REGIONS), st.sampled_from("abcde")), max_size=12), st.randoms())
def test_the_order_of_items_and_pages_does_not_matter(items: list[tuple[str, str]], order: Any) -> None:
    def calls(found: list[tuple[str, str]]) -> tuple[Call, ...]:
        pages = [(region, [{"trailList": [{"TrailARN": name, "HomeRegion": region}]}]) for region, name in found]
        return expand(CATALOGUE["cloudtrail:GetTrailStatus"], account="1", regions=REGIONS, answers=lambda _: pages)

    shuffled = list(items)
    order.shuffle(shuffled)
    assert calls(items) == calls(shuffled)
    assert len(calls(items)) == len(set(items))


PROVED: dict[str, Any] = {
    "ec2:DescribeVpcs": {"Vpcs": []},
    "config:DescribeConfigurationRecorders": {"ConfigurationRecorders": []},
    "logs:DescribeLogGroups": {"logGroups": []},
    "s3control:GetPublicAccessBlock": {
        "PublicAccessBlockConfiguration": dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
        )
    },
}
"""Answers after which others are needless."""
NEEDLESS = [(item.name, proof.operation) for item in CATALOGUE.values() for proof in item.needless]


def asked_after(name: str, proof: str, pages: Sequence[Any] | None) -> list[str]:
    """Return where an operation is asked when another one answered in us-east-1 or for the account, or not at all."""
    place = GLOBAL if CATALOGUE[proof].where is Where.GLOBAL else "us-east-1"
    said: dict[str, Pages] = {
        proof: [] if pages is None else [(place, pages)],
        "s3:ListBuckets": [(GLOBAL, [{"Buckets": [{"Name": "a"}]}])],
    }
    calls = expand(
        CATALOGUE[name], account="111122223333", regions=REGIONS, answers=lambda operation: said.get(operation, [])
    )
    return [call.region for call in calls]


@pytest.mark.parametrize(("name", "proof"), NEEDLESS)
def test_what_an_answer_proves_to_be_needless_is_not_asked_there(name: str, proof: str) -> None:
    assert asked_after(name, proof, [PROVED[proof]]) == (["eu-west-1"] if CATALOGUE[name].where is Where.REGION else [])


@pytest.mark.parametrize(("name", "proof"), NEEDLESS)
@given(data=st.data())
def test_nothing_but_the_whole_proof_makes_it_needless(name: str, proof: str, data: st.DataObject) -> None:
    """A missing, cut-off, foreign or malformed answer, or one page of several, leaves everything to be asked."""
    junk: st.SearchStrategy[Any] = st.sampled_from([None, {}, [], 5, "x", [{}], {"a": 1}, False, "true", [None]])
    (key, right), *_ = PROVED[proof].items()
    other = junk.filter(lambda value: value != right).map(lambda value: {key: value})
    if isinstance(right, dict):
        flags = st.fixed_dictionaries({flag: st.sampled_from([True, False, None, "true"]) for flag in right})
        other |= flags.filter(lambda value: value != right).map(lambda value: {key: value})
    page = data.draw(other | junk)
    for pages in (None, [], [page], [PROVED[proof], page], [page, PROVED[proof]]):
        assert asked_after(name, proof, pages) == asked_after(name, proof, None)


@pytest.mark.parametrize("after", ["b:Unlisted", "a:GetAlarm", "a:ListLater"])
def test_only_what_is_always_asked_can_prove_another_needless(tmp_path: Path, after: str) -> None:
    text = f"""
a:ListAlarms:
a:ListLater: {{needless: [{{operation: "a:ListAlarms", when: "Arns == `[]`"}}]}}
a:GetAlarm: {{for_each: [{{operation: "a:ListAlarms", items: "Arns[]", parameters: {{Name: "@"}}}}]}}
a:GetOther: {{needless: [{{operation: "{after}", when: "Arns == `[]`"}}]}}
"""
    with pytest.raises(CatalogError, match=f"a:GetOther is needless after {after}"):
        load(tmp_path, text)


def test_the_last_part_of_an_arn_can_be_asked_for(tmp_path: Path) -> None:
    text = """
a:ListAlarms:
a:GetAlarm:
  for_each:
    - operation: a:ListAlarms
      items: Arns[]
      parameters: {Name: "last_part(@, ':')"}
"""
    found = load(tmp_path, text)
    arns = [("eu-west-1", [{"Arns": ["arn:aws:a:eu-west-1:1:alarm:one", "two"]}])]
    calls = expand(found["a:GetAlarm"], account="1", regions=REGIONS, answers=lambda _: arns)
    assert [dict(call.parameters)["Name"] for call in calls] == ["one", "two"]


def test_an_operation_is_asked_about_the_audited_period(tmp_path: Path) -> None:
    operation = load(tmp_path, "a:GetData:\n  where: global\n  parameters: {From: '{start}', To: '{end}', Step: 1}\n")[
        "a:GetData"
    ]
    october = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), "2026-10")
    (call,) = expand(operation, account="1", regions=REGIONS, answers=nothing, period=october)
    assert dict(call.parameters) == {"From": "2026-10-01T00:00:00Z", "To": "2026-11-01T00:00:00Z", "Step": 1}
    with pytest.raises(ValueError, match="no period"):
        expand(operation, account="1", regions=REGIONS, answers=nothing)


def test_parents_come_before_their_children(operations: dict[str, Operation]) -> None:
    names = [item.name for item in needed(operations, ["kms:GetKeyRotationStatus", "cloudtrail:GetTrailStatus"])]
    assert sorted(names) == sorted(set(names))
    assert names.index("kms:ListKeys") < names.index("kms:GetKeyRotationStatus")
    assert names.index("cloudtrail:DescribeTrails") < names.index("cloudtrail:GetTrailStatus")


def test_what_is_optional_is_no_parent_but_asked_about_where_known() -> None:
    versioning = CATALOGUE["s3:GetBucketVersioning"]
    assert [item.name for item in needed(CATALOGUE, [versioning.name])] == ["s3:ListBuckets", versioning.name]
    answers = answering(
        ListBuckets=[(GLOBAL, [{"Buckets": [{"Name": "own"}, {"Name": "logs"}]}])],
        DescribeTrails=[("eu-west-1", [{"trailList": [{"S3BucketName": "logs"}, {"S3BucketName": "elsewhere"}]}])],
    )
    calls = expand(versioning, account="1", regions=REGIONS, answers=answers)
    assert [dict(call.parameters)["Bucket"] for call in calls] == ["elsewhere", "logs", "own"]


@pytest.mark.parametrize(
    ("prefix", "organization", "expected"),
    [
        pytest.param({}, False, ["AWSLogs/111122223333/CloudTrail/us-east-1/"], id="none"),
        pytest.param(
            {"S3KeyPrefix": "central"}, False, ["central/AWSLogs/111122223333/CloudTrail/us-east-1/"], id="prefix"
        ),
        pytest.param({}, True, [], id="organization"),
    ],
)
def test_the_oldest_log_file_is_looked_for_where_the_trail_writes(
    prefix: dict[str, str], organization: bool, expected: list[str]
) -> None:
    trail = {"S3BucketName": "logs", "HomeRegion": "us-east-1", "IsOrganizationTrail": organization, **prefix}
    operation = CATALOGUE["s3:ListObjectsV2"]
    answers = answering(DescribeTrails=[(region, [{"trailList": [trail]}]) for region in REGIONS])
    calls = expand(operation, account="111122223333", regions=REGIONS, answers=answers)
    assert [dict(call.parameters)["Prefix"] for call in calls] == expected
    assert operation.first_page


def test_a_circle_is_an_error(tmp_path: Path) -> None:
    child = "x:{}: {{for_each: [{{operation: 'x:{}', items: i, parameters: {{}}}}]}}\n"
    text = child.format("a", "b") + child.format("b", "a")
    with pytest.raises(CatalogError, match="in a circle"):
        needed(load(tmp_path, text), ["x:a"])


def test_the_action_is_the_operation_unless_it_is_named(operations: dict[str, Operation]) -> None:
    assert operations["kms:ListKeys"].action == "kms:ListKeys"
    assert operations["s3control:GetPublicAccessBlock"].action == "s3:GetAccountPublicAccessBlock"
    assert operations["trail:VerifyDigests"].action == ""


def test_an_operation_that_confirms_another_is_called_but_not_planned(operations: dict[str, Operation]) -> None:
    asked = CATALOGUE["logs:TestMetricFilter"]
    assert asked.action == asked.name
    assert not asked.planned
    assert confirming(CATALOGUE, ["logs:DescribeMetricFilters"]) == (asked.name,)
    assert confirming(CATALOGUE, ["kms:ListKeys"]) == ()
    assert confirming(operations, operations) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("- a", "expected a mapping", id="no-mapping"),
        pytest.param("a:B: {wher: global}", "wher", id="unknown-key"),
        pytest.param("a:B: {where: moon}", "where", id="unknown-place"),
        pytest.param("a:B:\na:B:\n", "stands twice", id="twice"),
        pytest.param("a:B: {for_each: [{operation: 'a:C', items: x, parameters: {}}]}", "not listed", id="no-parent"),
        pytest.param(
            "a:B:\na:C: {for_each: [{operation: 'a:B', items: 'x[', parameters: {}}]}", "not JMESPath", id="no-jmespath"
        ),
        pytest.param(
            "a:B:\na:C: {for_each: [{operation: 'a:B', items: x, parameters: {}, optional: true}]}",
            "a:C is asked for each of optional things only",
            id="all-optional",
        ),
        pytest.param("a:B: {confirms: ['a:C']}", "a:B confirms a:C, which is not listed", id="nothing-to-confirm"),
        pytest.param("a:B: [", "", id="no-yaml"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CatalogError, match=r"operations\.yaml") as caught:
        load(tmp_path, text)
    assert message in str(caught.value)


CALLED = [pytest.param(item, id=item.name) for item in CATALOGUE.values() if not item.produced]


@pytest.fixture(scope="module")
def models() -> Any:
    loader: Loader = botocore.session.get_session().get_component("data_loader")
    return lambda service: loader.load_service_model(service, "service-2")


@pytest.mark.parametrize("operation", CALLED)
def test_every_operation_exists_with_its_keys_and_parameters(operation: Operation, models: Any) -> None:
    model = models(operation.service)
    assert operation.api in model["operations"]
    known = model["operations"][operation.api]
    members = model["shapes"][known["output"]["shape"]]["members"] if "output" in known else {}
    assert set(operation.required) <= set(members)
    asked = {*operation.parameters, *(name for source in operation.for_each for name in source.parameters)}
    if asked:
        assert asked <= set(model["shapes"][known["input"]["shape"]]["members"])


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.binary() | st.lists(st.text())))
def test_a_call_stays_itself_whether_its_key_was_asked_for_or_not(parameters: dict[str, Any]) -> None:
    asked = Call("iam:GetUser", GLOBAL, tuple(parameters.items()))
    fresh = Call("iam:GetUser", GLOBAL, tuple(parameters.items()))
    assert asked.identity == asked.identity == fresh.identity
    assert asked == fresh
    assert repr(asked) == repr(Call("iam:GetUser", GLOBAL, tuple(parameters.items())))
    # Another call made of it never answers with the key that it had.
    assert replace(asked, region="eu-west-1").identity[0] == "eu-west-1"

"""The engine's own laws, on a catalogue and an evidence folder made for each test."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.base.errors import CatalogError, IntegrityError, UsageError
from auditor.base.period import parse_period
from auditor.catalog.load import Catalog, load_catalog
from auditor.evaluate.checks import find_check
from auditor.evaluate.engine import concluded, evaluate
from auditor.evaluate.missing import Missing, mendable
from auditor.evidence.answer import Answer, CallError
from auditor.evidence.operations import Call
from auditor.evidence.store import Evidence, EvidenceWriter
from auditor.model import (
    AccountScope,
    ControlResult,
    Result,
    RunInfo,
    State,
    Verdict,
    failed,
    manual,
    not_applicable,
    passed,
)
from auditor.pack.outcome import exit_code, headline, results_document, results_json

AS_OF = datetime(2026, 11, 2, 6, tzinfo=UTC)
ACCOUNT = "111122223333"
REGIONS = ("eu-central-1", "us-east-1")

OPERATIONS = """
ec2:DescribeVpcs: {required: [Vpcs]}
cloudtrail:DescribeTrails: {required: [trailList]}
cloudtrail:GetTrailStatus:
  for_each: [{operation: "cloudtrail:DescribeTrails", items: "trailList[]", parameters: {Name: TrailARN},
              region: HomeRegion}]
  required: [IsLogging]
iam:GetAccountPasswordPolicy: {where: global, required: [PasswordPolicy], absent: [NoSuchEntity]}
"""

CONTROLS = """
- id: vpc-is-tagged
  title: Every VPC is tagged
  severity: low
  service: ec2
  objective: Owners can be found.
  criterion: The VPC has the tag state true.
  evidence: ["ec2:DescribeVpcs"]
  population: Vpcs[]
  identify: VpcId
  exclude_when: IsDefault == `true`
  exclude_reason: Default VPCs are looked after elsewhere.
  pass_when: Tagged == `true`
- id: trail-is-validated
  title: Trails are validated
  severity: high
  service: cloudtrail
  objective: Changes can be noticed.
  criterion: Log file validation is on.
  evidence: ["cloudtrail:DescribeTrails"]
  population: trailList[]
  identify: TrailARN
  home_region: HomeRegion
  pass_when: LogFileValidationEnabled == `true`
  when_empty: fail
  empty_reason: There is no trail.
- id: password-is-long
  title: Passwords are long
  severity: medium
  service: iam
  scope: account
  objective: Guessing takes long.
  criterion: At least 14 characters.
  evidence: ["iam:GetAccountPasswordPolicy"]
  pass_when: PasswordPolicy.MinimumPasswordLength >= `14`
  when_empty: fail
  empty_reason: The account has no password policy of its own.
- id: people-are-trained
  title: People are trained
  severity: low
  service: account
  objective: People know what to do.
  criterion: Training happened.
  manual: true
"""

FRAMEWORK = """
id: test-1
title: Test
requirements:
  "1": {controls: [vpc-is-tagged]}
  "2": {controls: [trail-is-validated]}
  "3": {controls: [password-is-long]}
"""


@dataclass
class World:
    """Answers to be stored; every test changes one thing of it."""

    folder: Path
    answers: dict[tuple[str, str, tuple[tuple[str, Any], ...]], dict[str, Any]] = field(default_factory=dict)

    def answer(self, operation: str, region: str, page: Any, **parameters: Any) -> None:
        self.answers[operation, region, tuple(parameters.items())] = {"pages": (page,)}

    def fail(self, operation: str, region: str, code: str, *, absent: bool = False, **parameters: Any) -> None:
        error = CallError(code, "not today", operation)
        self.answers[operation, region, tuple(parameters.items())] = {"pages": (), "error": error, "absent": absent}

    def drop(self, operation: str, region: str) -> None:
        del self.answers[operation, region, ()]

    def evidence(self, order: Callable[[Iterable[Any]], Iterable[Any]] = list) -> Evidence:
        writer = EvidenceWriter(self.folder / "evidence")
        for (operation, region, parameters), content in order(self.answers.items()):
            writer.add(
                Answer(
                    account=ACCOUNT,
                    call=Call(operation, region, parameters),
                    principal="arn:aws:sts::111122223333:assumed-role/auditor/test",
                    request_ids=("r-1",),
                    http_status=200,
                    collected_at=AS_OF,
                    **content,
                )
            )
        writer.close(
            RunInfo(
                entity="Example",
                title="Test",
                accounts=(AccountScope(ACCOUNT, "aws", REGIONS),),
                period=parse_period("2026-10", AS_OF),
                as_of=AS_OF,
                started=AS_OF,
                ended=AS_OF,
                frameworks=("test-1",),
                principal="arn:aws:sts::111122223333:assumed-role/auditor/test",
                tool="auditor test",
                operations=(
                    "cloudtrail:DescribeTrails",
                    "cloudtrail:GetTrailStatus",
                    "ec2:DescribeVpcs",
                    "iam:GetAccountPasswordPolicy",
                ),
            )
        )
        return Evidence(self.folder / "evidence")


TRAIL = {"TrailARN": "arn:aws:cloudtrail:eu-central-1:111122223333:trail/t", "HomeRegion": "eu-central-1"}


def vpc(name: str, **fields: Any) -> dict[str, Any]:
    return {"VpcId": name, "IsDefault": False, "Tagged": True, **fields}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    for region in REGIONS:
        made.answer("ec2:DescribeVpcs", region, {"Vpcs": [vpc(f"vpc-{region}")]})
        made.answer("cloudtrail:DescribeTrails", region, {"trailList": [{**TRAIL, "LogFileValidationEnabled": True}]})
    made.answer("iam:GetAccountPasswordPolicy", "global", {"PasswordPolicy": {"MinimumPasswordLength": 14}})
    return made


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return build_catalog(tmp_path / "controls")


def build_catalog(folder: Path, *, controls: str = CONTROLS, framework: str = FRAMEWORK) -> Catalog:
    (folder / "frameworks").mkdir(parents=True)
    (folder / "operations.yaml").write_text(OPERATIONS)
    (folder / "test.yaml").write_text(controls)
    (folder / "frameworks" / "test-1.yaml").write_text(framework)
    return load_catalog(folder, has_check=lambda name: find_check(name) is not None)


def control(results: Sequence[ControlResult], name: str) -> ControlResult:
    return next(item for item in results if item.control.id == name)


def by_resource(item: ControlResult) -> Mapping[str, Result]:
    return {result.resource: result for result in item.results}


def test_everything_right_passes_and_exits_with_zero(world: World, catalog: Catalog) -> None:
    results = evaluate(world.evidence(), catalog)
    assert {item.control.id: item.state for item in results.controls} == {
        "vpc-is-tagged": State.PASS,
        "trail-is-validated": State.PASS,
        "password-is-long": State.PASS,
    }
    assert exit_code(results) == 0


def test_one_bad_resource_among_several_fails_the_control_and_cites_the_deciding_field(
    world: World, catalog: Catalog
) -> None:
    world.answer("ec2:DescribeVpcs", "us-east-1", {"Vpcs": [vpc("vpc-good"), vpc("vpc-bad", Tagged=False)]})
    found = control(evaluate(world.evidence(), catalog).controls, "vpc-is-tagged")
    bad = by_resource(found)["vpc-bad"]
    assert (found.state, bad.state, bad.region, bad.observed) == (
        State.FAIL,
        State.FAIL,
        "us-east-1",
        "Tagged is false",
    )
    assert bad.evidence[0].pointer == "/pages/0/Vpcs/1/Tagged"
    assert by_resource(found)["vpc-good"].state is State.PASS


def test_a_refused_region_is_not_assessed_and_named_while_others_keep_their_result(
    world: World, catalog: Catalog
) -> None:
    world.fail("ec2:DescribeVpcs", "us-east-1", "UnauthorizedOperation")
    results = evaluate(world.evidence(), catalog)
    found = control(results.controls, "vpc-is-tagged")
    states = {result.region: result.state for result in found.results}
    assert states == {"eu-central-1": State.PASS, "us-east-1": State.NOT_ASSESSED}
    assert "UnauthorizedOperation" in found.results[-1].reason
    assert "ec2:DescribeVpcs" in found.results[-1].reason
    assert [(gap.operation, gap.region, gap.controls) for gap in results.gaps] == [
        ("ec2:DescribeVpcs", "us-east-1", ("vpc-is-tagged",))
    ]
    assert exit_code(results) == 3
    assert exit_code(results, allow=["not-assessed:vpc-is-tagged"]) == 0
    assert "could not be assessed" in headline(results)


def test_an_answer_that_was_never_stored_is_a_gap_not_an_empty_list(world: World, catalog: Catalog) -> None:
    world.drop("ec2:DescribeVpcs", "us-east-1")
    found = control(evaluate(world.evidence(), catalog).controls, "vpc-is-tagged")
    assert found.state is State.NOT_ASSESSED


@pytest.mark.parametrize(
    "page",
    [
        pytest.param({}, id="no-list"),
        pytest.param({"Vpcs": None}, id="null-list"),
        pytest.param({"Vpcs": [{"IsDefault": False, "Tagged": True}]}, id="no-identity"),
        pytest.param({"Vpcs": [{"VpcId": "vpc-1", "IsDefault": False}]}, id="no-deciding-field"),
        pytest.param({"Vpcs": ["vpc-1"]}, id="no-object"),
        pytest.param({"Vpcs": [{"VpcId": 7, "Tagged": True}]}, id="identity-of-another-type"),
        pytest.param([], id="no-mapping"),
    ],
)
def test_malformed_answers_are_not_assessed(world: World, catalog: Catalog, page: Any) -> None:
    world.answer("ec2:DescribeVpcs", "us-east-1", page)
    found = control(evaluate(world.evidence(), catalog).controls, "vpc-is-tagged")
    assert [result.state for result in found.results if result.region == "us-east-1"] == [State.NOT_ASSESSED]


def test_excluded_items_are_counted_and_populations_reconcile(world: World, catalog: Catalog) -> None:
    world.answer("ec2:DescribeVpcs", "us-east-1", {"Vpcs": [vpc("vpc-a"), vpc("vpc-b", IsDefault=True)]})
    world.fail("ec2:DescribeVpcs", "eu-central-1", "Throttling")
    found = control(evaluate(world.evidence(), catalog).controls, "vpc-is-tagged")
    counted = {item.region: (item.source, item.tested, item.excluded, item.not_assessed) for item in found.populations}
    assert counted == {"us-east-1": (2, 1, 1, 0), "eu-central-1": (1, 0, 0, 1)}


def test_a_trail_seen_from_two_regions_is_judged_once_from_its_home_region(world: World, catalog: Catalog) -> None:
    found = control(evaluate(world.evidence(), catalog).controls, "trail-is-validated")
    assert [(result.region, result.resource) for result in found.results] == [("eu-central-1", TRAIL["TrailARN"])]


def test_an_empty_population_follows_when_empty_and_cites_the_empty_answers(world: World, catalog: Catalog) -> None:
    for region in REGIONS:
        world.answer("cloudtrail:DescribeTrails", region, {"trailList": []})
        world.answer("ec2:DescribeVpcs", region, {"Vpcs": []})
    results = evaluate(world.evidence(), catalog)
    trails = control(results.controls, "trail-is-validated")
    assert (trails.state, trails.results[0].reason) == (State.FAIL, "There is no trail.")
    assert len(trails.results[0].evidence) == 2
    assert trails.populations == ()
    assert control(results.controls, "vpc-is-tagged").state is State.NOT_APPLICABLE


def test_an_absent_account_setting_fails_but_a_refused_one_is_not_assessed(tmp_path: Path, catalog: Catalog) -> None:
    states = {}
    for code, absent in (("NoSuchEntity", True), ("AccessDenied", False)):
        world = World(tmp_path / code)
        for region in REGIONS:
            world.answer("ec2:DescribeVpcs", region, {"Vpcs": []})
            world.answer("cloudtrail:DescribeTrails", region, {"trailList": []})
        world.fail("iam:GetAccountPasswordPolicy", "global", code, absent=absent)
        states[code] = control(evaluate(world.evidence(), catalog).controls, "password-is-long").state
    assert states == {"NoSuchEntity": State.FAIL, "AccessDenied": State.NOT_ASSESSED}


def test_a_manual_control_is_a_gap_until_somebody_attests(tmp_path: Path, world: World) -> None:
    framework = "id: test-1\ntitle: Test\nrequirements:\n  '1': {controls: [people-are-trained]}\n"
    results = evaluate(world.evidence(), build_catalog(tmp_path / "own", framework=framework))
    assert results.controls[0].state is State.MANUAL
    assert exit_code(results) == 3


def test_changed_evidence_is_refused(world: World, catalog: Catalog) -> None:
    evidence = world.evidence()
    path = world.folder / "evidence" / evidence.of(ACCOUNT, "ec2:DescribeVpcs")[0].path
    path.write_bytes(path.read_bytes().replace(b"true", b"null"))
    with pytest.raises(IntegrityError, match="SHA-256"):
        evaluate(Evidence(world.folder / "evidence"), catalog)


def test_the_order_in_which_answers_arrive_changes_no_byte(tmp_path: Path, catalog: Catalog, world: World) -> None:
    forth = results_json(evaluate(world.evidence(), catalog))
    world.folder = tmp_path / "back"
    back = results_json(evaluate(world.evidence(lambda items: reversed(list(items))), catalog))
    assert forth == back


def test_an_unknown_framework_is_a_usage_error_that_lists_the_known_ones(world: World, catalog: Catalog) -> None:
    with pytest.raises(UsageError) as caught:
        evaluate(world.evidence(), catalog, ["cis-99"])
    assert caught.value.hint == "known ones: test-1"


def test_the_results_document_counts_agree_with_its_controls(world: World, catalog: Catalog) -> None:
    world.fail("iam:GetAccountPasswordPolicy", "global", "AccessDenied")
    document = results_document(evaluate(world.evidence(), catalog))
    assert document["counts"] == {
        "FAIL": 0,
        "NOT_ASSESSED": 1,
        "MANUAL": 0,
        "WAIVED": 0,
        "PASS": 2,
        "NOT_APPLICABLE": 0,
    }
    assert [item["state"] for item in document["frameworks"][0]["requirements"]] == ["PASS", "PASS", "NOT_ASSESSED"]


@settings(max_examples=40, deadline=None)
@given(lost=st.sets(st.integers(min_value=0, max_value=4)), good=st.booleans())
def test_losing_an_answer_never_produces_a_pass(
    tmp_path_factory: pytest.TempPathFactory, lost: set[int], good: bool
) -> None:
    catalog = build_catalog(tmp_path_factory.mktemp("catalog") / "controls")

    def states(dropped: set[int]) -> dict[str, State]:
        world = World(tmp_path_factory.mktemp("world"))
        for region in REGIONS:
            world.answer("ec2:DescribeVpcs", region, {"Vpcs": [vpc("vpc-1", Tagged=good)]})
            world.answer(
                "cloudtrail:DescribeTrails", region, {"trailList": [{**TRAIL, "LogFileValidationEnabled": good}]}
            )
        world.answer("iam:GetAccountPasswordPolicy", "global", {"PasswordPolicy": {"MinimumPasswordLength": 6}})
        for number, key in enumerate(sorted(world.answers)):
            if number in dropped:
                del world.answers[key]
        return {item.control.id: item.state for item in evaluate(world.evidence(), catalog).controls}

    whole, partial = states(set()), states(lost)
    assert all(partial[name] is not State.PASS or whole[name] is State.PASS for name in whole)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("- id: vpc-is-tagged\n  titel: x\n", "titel|Field required", id="unknown-key"),
        pytest.param(CONTROLS.replace("severity: low", "severity: lowest", 1), "severity", id="unknown-severity"),
        pytest.param(
            CONTROLS.replace("ec2:DescribeVpcs", "ec2:DescribeMoon"), "operations.yaml", id="unknown-operation"
        ),
        pytest.param(CONTROLS.replace("Tagged == `true`", "Tagged == = "), "JMESPath", id="bad-jmespath"),
        pytest.param(CONTROLS + CONTROLS, "already defined", id="duplicate"),
        pytest.param(
            CONTROLS.replace("  pass_when: Tagged == `true`", "  check: nowhere.nothing"),
            "no check",
            id="unknown-check",
        ),
    ],
)
def test_a_wrong_catalogue_stops_the_load_with_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CatalogError, match=message) as caught:
        build_catalog(tmp_path / "controls", controls=text)
    assert "test.yaml:" in caught.value.message


@pytest.mark.parametrize("tagged", [(True, False), (False, True), (True, "x")])
def test_of_things_named_alike_the_worst_counts(tmp_path: Path, tagged: tuple[Any, Any]) -> None:
    world = World(tmp_path)
    for region in REGIONS:
        world.answer("ec2:DescribeVpcs", region, {"Vpcs": [vpc("vpc-1", Tagged=value) for value in tagged]})
    found = control(evaluate(world.evidence(), build_catalog(tmp_path / "controls")).controls, "vpc-is-tagged")
    assert [result.state for result in found.results] == [State.FAIL] * len(REGIONS)
    assert {population.tested for population in found.populations} == {1}


@pytest.mark.parametrize(
    ("criterion", "options", "optional", "expected"),
    [
        pytest.param("'!(Options.Public)'", {"Public": False}, [], State.PASS, id="told"),
        pytest.param("'!(Options.Public)'", {"Public": True}, [], State.FAIL, id="told-otherwise"),
        pytest.param("'!(Options.Public)'", {}, [], State.NOT_ASSESSED, id="missing"),
        pytest.param("'!(Options.Public)'", {"Public": None}, [], State.NOT_ASSESSED, id="null"),
        pytest.param("'!(Options.Public)'", None, [], State.NOT_ASSESSED, id="no-structure"),
        pytest.param("'!(Options.Public)'", {}, ["Options.Public"], State.PASS, id="may-be-left-out"),
        pytest.param("Options.Closed == `true`", {}, [], State.FAIL, id="not-met-without-it"),
    ],
)
def test_a_criterion_is_not_met_by_what_is_missing_inside(
    tmp_path: Path, criterion: str, options: Any, optional: list[str], expected: State
) -> None:
    world = World(tmp_path)
    for region in REGIONS:
        world.answer("ec2:DescribeVpcs", region, {"Vpcs": [vpc("vpc-1", Options=options)]})
    asked = f"  pass_when: {criterion}\n  optional: {optional}"
    controls = CONTROLS.replace("  pass_when: Tagged == `true`", asked)
    catalog = build_catalog(tmp_path / "controls", controls=controls)
    found = control(evaluate(world.evidence(), catalog).controls, "vpc-is-tagged")
    assert {result.state for result in found.results} == {expected}


def test_what_an_answer_showed_before_it_broke_off_still_fails(world: World, catalog: Catalog) -> None:
    world.answers["ec2:DescribeVpcs", "us-east-1", ()] = {
        "pages": ({"Vpcs": [vpc("vpc-good"), vpc("vpc-bad", Tagged=False)]},),
        "error": CallError("ThrottlingException", "slow down", "ec2:DescribeVpcs"),
    }
    found = control(evaluate(world.evidence(), catalog).controls, "vpc-is-tagged")
    assert {name: result.state for name, result in by_resource(found).items()} == {
        "vpc-eu-central-1": State.PASS,
        "vpc-bad": State.FAIL,
        "ec2:DescribeVpcs": State.NOT_ASSESSED,
    }
    assert found.state is State.FAIL


def test_one_member_that_cannot_be_named_costs_only_itself(world: World, catalog: Catalog) -> None:
    nameless = {key: value for key, value in vpc("").items() if key != "VpcId"}
    world.answer("ec2:DescribeVpcs", "us-east-1", {"Vpcs": [nameless, "junk", vpc("vpc-bad", Tagged=False)]})
    found = control(evaluate(world.evidence(), catalog).controls, "vpc-is-tagged")
    assert by_resource(found)["vpc-bad"].state is State.FAIL
    assert by_resource(found)["ec2:DescribeVpcs"].state is State.NOT_ASSESSED
    assert "an item has no VpcId" in by_resource(found)["ec2:DescribeVpcs"].reason
    assert sum(population.source for population in found.populations) == len(found.results)


LACKING = Missing("kms:DescribeKey", "eu-west-1", "AccessDenied", "no", "kms:DescribeKey", "", "key-1")


@pytest.mark.parametrize(
    ("verdict", "lacking", "expected"),
    [
        pytest.param(failed("Bad."), (), State.FAIL, id="failure"),
        pytest.param(failed("Bad."), (LACKING,), State.FAIL, id="failure-outlives-a-gap"),
        pytest.param(passed("Good."), (LACKING,), State.NOT_ASSESSED, id="nothing-passes-beside-a-gap"),
        pytest.param(manual("Look."), (LACKING,), State.NOT_ASSESSED, id="nor-is-left-to-a-person"),
        pytest.param(not_applicable("None."), (LACKING,), State.NOT_ASSESSED, id="nor-is-out-of-scope"),
        pytest.param(None, (LACKING,), State.NOT_ASSESSED, id="nothing-concluded"),
        pytest.param(passed("Good."), (), State.PASS, id="complete"),
    ],
)
def test_a_failure_outweighs_a_gap_and_a_gap_outweighs_the_rest(
    verdict: Verdict | None, lacking: tuple[Missing, ...], expected: State
) -> None:
    found = concluded(verdict, lacking)
    assert found.state is expected
    if expected is State.FAIL and lacking:
        assert found.details["missing"][0]["resource"] == "key-1"
    if expected is State.NOT_ASSESSED:
        assert found.reason == (
            "kms:DescribeKey in eu-west-1 gave no usable answer (AccessDenied) about key-1: no. "
            "The IAM action is kms:DescribeKey."
        )


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("AccessDenied", "Access Denied", True),
        ("AccessDeniedException", "because no identity-based policy allows the kms:DescribeKey action", True),
        ("UnauthorizedOperation", "You are not authorized to perform this operation.", True),
        ("AuthorizationError", "is not authorized to perform: SNS:ListSubscriptionsByTopic", True),
        ("AccessDeniedException", "because no resource-based policy allows the kms:DescribeKey action", False),
        ("AccessDenied", "with an explicit deny in a resource-based policy", False),
        ("AccessDenied", "with an explicit deny in a service control policy", False),
        ("AccessDenied", "because no VPC endpoint policy allows the s3:GetBucketAcl action", False),
        ("NoSuchBucket", "The specified bucket does not exist", False),
        ("EndpointConnectionError", "Could not connect to the endpoint URL", False),
        ("ThrottlingException", "Rate exceeded", False),
        ("Malformed", "the answer has no Keys", False),
    ],
)
def test_an_iam_action_is_proposed_only_where_it_could_mend_the_refusal(
    code: str, message: str, expected: bool
) -> None:
    assert mendable(code, message) is expected


def test_half_a_surrogate_pair_from_inside_a_policy_ends_no_run(world: World, catalog: Catalog) -> None:
    """JSON inside a text of AWS may spell one; JSON of ours cannot carry it."""
    found = evaluate(world.evidence(), catalog)
    result = found.controls[0].results[0]
    odd = replace(result, reason="The policy lets \ud83d in.", details={"principals": ["\udc00", {"\ud83d": 1}]})
    results = replace(found, controls=(replace(found.controls[0], results=(odd,)), *found.controls[1:]))
    document = json.loads(results_json(results))
    told = document["controls"][0]["results"][0]
    assert told["reason"] == "The policy lets ? in."
    assert told["details"] == {"principals": ["?", {"?": 1}]}
    assert document["controls"][1:] == results_document(found)["controls"][1:]

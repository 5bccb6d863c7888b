"""An auditor's sample: same seed, same members; populations reconcile, and nothing missing is passed over."""

import hashlib
import itertools
import json
import shutil
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from auditor.base.errors import CatalogError, UsageError
from auditor.cli.rooms import evaluate as evaluate_command
from auditor.config import Config
from auditor.evaluate.engine import evaluate
from auditor.evaluate.sampling import draw
from auditor.model import ControlResult, Results, Sampling, State
from auditor.pack.layout import EVIDENCE, read_request
from auditor.pack.outcome import exit_code
from auditor.run import complete, load_rules
from auditor.run.replaying import replay
from tests.evaluate.test_engine import ACCOUNT, CONTROLS, REGIONS, TRAIL, World, build_catalog, vpc

SAMPLE = Path(__file__).resolve().parents[2] / "reports" / "sample"
NAMES = tuple(f"vpc-{number:02}" for number in range(20))


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    for region in REGIONS:
        made.answer("ec2:DescribeVpcs", region, {"Vpcs": [vpc(f"{name}-{region}") for name in NAMES]})
        made.answer("cloudtrail:DescribeTrails", region, {"trailList": [{**TRAIL, "LogFileValidationEnabled": True}]})
    made.answer("iam:GetAccountPasswordPolicy", "global", {"PasswordPolicy": {"MinimumPasswordLength": 14}})
    return made


def judged(world: World, sampling: Sampling | None) -> Results:
    return evaluate(world.evidence(), build_catalog(world.folder / "controls"), sampling=sampling)


def vpcs(results: Results) -> ControlResult:
    return next(item for item in results.controls if item.control.id == "vpc-is-tagged")


def members_tested(item: ControlResult) -> set[str]:
    return {result.resource for result in item.results if result.state is State.PASS}


def test_members_not_drawn_are_excluded_with_seed_and_numbers_and_the_population_reconciles(world: World) -> None:
    found = vpcs(judged(world, Sampling(5, "2026-10")))
    reasons = Counter(result.reason for result in found.results if result.state is State.NOT_APPLICABLE)
    assert reasons == {"Not drawn into the sample (seed 2026-10, 5 of 40).": 35}
    assert len(members_tested(found)) == 5
    assert sum(item.tested for item in found.populations) == 5
    assert sum(item.excluded for item in found.populations) == 35
    assert sum(item.source for item in found.populations) == 40
    assert found.state is State.PASS


def test_a_member_not_drawn_still_points_to_its_evidence(world: World) -> None:
    found = vpcs(judged(world, Sampling(1, "s")))
    assert all(result.evidence and result.evidence[0].pointer for result in found.results)


def test_accounts_and_single_resources_are_not_sampled(world: World) -> None:
    states = {item.control.id: item.state for item in judged(world, Sampling(1, "s")).controls}
    assert states["password-is-long"] is State.PASS
    assert states["trail-is-validated"] is State.PASS


def test_a_sample_as_large_as_the_population_tests_everything(world: World) -> None:
    assert len(members_tested(vpcs(judged(world, Sampling(40, "s"))))) == 40


def test_a_call_without_an_answer_is_not_assessed_whatever_is_drawn(world: World) -> None:
    world.fail("ec2:DescribeVpcs", "us-east-1", "UnauthorizedOperation")
    results = judged(world, Sampling(1, "s"))
    found = vpcs(results)
    counted = {item.region: (item.source, item.tested, item.excluded, item.not_assessed) for item in found.populations}
    assert counted == {"eu-central-1": (20, 1, 19, 0), "us-east-1": (1, 0, 0, 1)}
    assert found.state is State.NOT_ASSESSED
    assert exit_code(results) == 3


def test_what_the_criterion_itself_leaves_out_takes_no_place_in_the_sample(world: World) -> None:
    kept = [vpc("vpc-kept")]
    for region in REGIONS:
        page = {"Vpcs": [*(vpc(f"{name}-{region}", IsDefault=True) for name in NAMES), *kept]}
        world.answer("ec2:DescribeVpcs", region, page)
        kept = []
    found = vpcs(judged(world, Sampling(1, "s")))
    assert members_tested(found) == {"vpc-kept"}
    assert not any("sample" in result.reason for result in found.results)


def test_a_member_whose_exclusion_cannot_be_read_is_not_assessed_once_it_is_drawn(tmp_path: Path) -> None:
    world = World(tmp_path)
    for region in REGIONS:
        world.answer("ec2:DescribeVpcs", region, {"Vpcs": [{"VpcId": "vpc-odd", "IsDefault": 7}]})
    controls = CONTROLS.replace("exclude_when: IsDefault == `true`", "exclude_when: length(IsDefault) == `1`")
    results = evaluate(world.evidence(), build_catalog(tmp_path / "c", controls=controls), sampling=Sampling(1, "s"))
    states = Counter(result.state for result in vpcs(results).results)
    assert states == {State.NOT_ASSESSED: 1, State.NOT_APPLICABLE: 1}
    assert vpcs(results).state is State.NOT_ASSESSED


def test_anybody_can_draw_the_sample_again_by_hand(world: World) -> None:
    def number(member: tuple[str, str]) -> str:
        text = f"2026|vpc-is-tagged|{ACCOUNT}|{member[0]}|{member[1]}"
        return hashlib.sha256(text.encode()).hexdigest()

    members = [(region, f"{name}-{region}") for region, name in itertools.product(REGIONS, NAMES)]
    expected = {resource for _, resource in sorted(members, key=number)[:7]}
    assert members_tested(vpcs(judged(world, Sampling(7, "2026")))) == expected


@given(
    st.sets(st.tuples(st.sampled_from(["us-east-1", "eu-west-1"]), st.text(min_size=1, max_size=8)), max_size=30),
    st.integers(1, 12),
    st.randoms(use_true_random=False),
)
def test_the_order_of_members_draws_nobody_else_and_larger_samples_hold_smaller_ones(
    members: set[tuple[str, str]], size: int, random: Random
) -> None:
    shuffled = sorted(members)
    random.shuffle(shuffled)
    drawn = draw(Sampling(size, "s"), "control", ACCOUNT, shuffled)
    assert drawn == draw(Sampling(size, "s"), "control", ACCOUNT, sorted(members))
    assert len(drawn) == min(size, len(members))
    assert drawn <= members
    assert drawn <= draw(Sampling(size + 1, "s"), "control", ACCOUNT, members)


@pytest.mark.parametrize(
    ("seed", "control", "account"),
    [
        pytest.param("other", "control", ACCOUNT, id="seed"),
        pytest.param("s", "another-control", ACCOUNT, id="control"),
        pytest.param("s", "control", "444455556666", id="account"),
    ],
)
def test_another_seed_control_or_account_draws_others(seed: str, control: str, account: str) -> None:
    members = [("us-east-1", name) for name in NAMES]
    assert draw(Sampling(5, seed), control, account, members) != draw(Sampling(5, "s"), "control", ACCOUNT, members)


def test_a_pack_remembers_its_sample_so_that_judging_again_gives_the_same_bytes(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE / EVIDENCE, tmp_path / EVIDENCE)
    config = Config.model_validate({"formats": ["html"], "sampling": {"size": 2, "seed": "42"}})
    complete(tmp_path, load_rules(config), lambda *_: None)
    assert replay(tmp_path).differences == ()
    stated = json.loads((tmp_path / "results" / "results.json").read_bytes())["sampling"]
    assert (stated["size"], stated["seed"]) == (2, "42")
    assert json.loads((tmp_path / "manifest.json").read_bytes())["sampling"] == stated
    page = (tmp_path / "report.html").read_text()
    assert "A sample was tested: 2 of each population of resources, drawn with the seed 42" in page
    assert "No population was sampled" not in page


@pytest.mark.parametrize(
    "sampling",
    [
        pytest.param({"size": 0, "seed": "s"}, id="nobody"),
        pytest.param({"size": True, "seed": "s"}, id="no-number"),
        pytest.param({"size": 3}, id="no-seed"),
        pytest.param({"size": 3, "seed": "a\nb"}, id="two-lines"),
        pytest.param({"size": 3, "seed": "s", "more": 1}, id="unknown-member"),
        pytest.param("3", id="text"),
    ],
)
def test_a_wrong_sample_in_the_rules_of_a_pack_is_refused(tmp_path: Path, sampling: object) -> None:
    request = {"frameworks": [], "fail_on": "low", "allow": [], "own": [], "sampling": sampling}
    (tmp_path / "request.json").write_text(json.dumps(request))
    with pytest.raises(CatalogError, match="how the pack was judged"):
        read_request(tmp_path)


def test_the_rules_of_a_pack_from_before_there_were_samples_still_open(tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text(json.dumps({"frameworks": [], "fail_on": "low", "allow": [], "own": []}))
    assert read_request(tmp_path).sampling is None


@pytest.mark.parametrize("given", [("--sample", "3"), ("--seed", "s")], ids=["no-seed", "no-size"])
def test_size_and_seed_go_together(given: tuple[str, str]) -> None:
    outcome = CliRunner().invoke(evaluate_command, [str(SAMPLE), *given], standalone_mode=False)
    assert isinstance(outcome.exception, UsageError)
    assert "go together" in outcome.exception.message

"""Waivers and attestations over results."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditor.base.errors import UsageError
from auditor.catalog.load import Catalog
from auditor.catalog.waivers import load_attestations, load_waivers
from auditor.evaluate.engine import evaluate
from auditor.evaluate.exceptions import apply_exceptions
from auditor.model import Results, State
from auditor.pack.outcome import exit_code
from tests.evaluate.test_engine import REGIONS, World, build_catalog, control, vpc

FRAMEWORK = """
id: test-1
title: Test
requirements:
  "1": {controls: [vpc-is-tagged]}
  "2": {controls: [people-are-trained]}
"""


@pytest.fixture
def results(tmp_path: Path) -> Results:
    world = World(tmp_path)
    for region in REGIONS:
        world.answer("ec2:DescribeVpcs", region, {"Vpcs": [vpc(f"vpc-{region}", Tagged=False), vpc("vpc-good")]})
    catalog: Catalog = build_catalog(tmp_path / "controls", framework=FRAMEWORK)
    return evaluate(world.evidence(), catalog)


def waiver(folder: Path, **changes: str) -> Path:
    entry = {
        "control": "vpc-is-tagged",
        "resource": "vpc-eu-*",
        "justification": "Goes away with the old network.",
        "owner": "Network team",
        "approver": "Head of IT",
        "ticket": "SEC-17",
        "expires": "2027-01-31",
        **changes,
    }
    lines = "".join(f"    {key}: {value!r}\n" for key, value in entry.items() if value)
    path = folder / "waivers.yaml"
    path.write_text(f"waivers:\n  -\n{lines}")
    return path


def attestation(folder: Path, **changes: str) -> Path:
    entry = {
        "control": "people-are-trained",
        "statement": "Everybody took the course.",
        "criterion": "met",
        "person": "Head of IT",
        "date": "2026-10-20",
        "valid_until": "2027-10-19",
        **changes,
    }
    path = folder / "attestations.yaml"
    lines = "".join(f"    {key}: {value!r}\n" for key, value in entry.items())
    path.write_text(f"attestations:\n  -\n{lines}    attachments: [list.txt]\n")
    (folder / "list.txt").write_text("A. Smith\n")
    return path


def test_a_waived_failure_stays_visible_and_others_still_fail(results: Results, tmp_path: Path) -> None:
    waived = apply_exceptions(results, load_waivers(waiver(tmp_path)))
    found = control(waived.controls, "vpc-is-tagged")
    states = {(item.region, item.resource): item.state for item in found.results}
    assert states["eu-central-1", "vpc-eu-central-1"] is State.WAIVED
    assert states["us-east-1", "vpc-us-east-1"] is State.FAIL
    assert found.state is State.FAIL
    assert waived.waivers[0]["used"] is True


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        pytest.param({"expires": "2026-11-01"}, "expired", id="expired"),
        pytest.param({"resource": "*", "owner": ""}, "over-wide", id="over-wide"),
        pytest.param({"resource": "arn:aws:ec2:*:*:vpc/*", "owner": ""}, "over-wide", id="over-wide-in-an-arn"),
        pytest.param({"resource": "vpc-nowhere"}, "unused", id="unused"),
        pytest.param({"resource": "vpc-[e]u-*"}, "unused", id="brackets-are-not-wildcards"),
        pytest.param({"account": "999999999999"}, "unused", id="another-account"),
    ],
)
def test_a_waiver_that_does_not_hold_changes_nothing_and_is_listed(
    results: Results, tmp_path: Path, changes: dict[str, str], note: str
) -> None:
    after = apply_exceptions(results, load_waivers(waiver(tmp_path, **changes)))
    assert [item.results for item in after.controls] == [item.results for item in results.controls]
    assert note in after.waivers[0]["notes"][0]


def test_a_waiver_holds_until_the_end_of_its_last_day(results: Results, tmp_path: Path) -> None:
    after = apply_exceptions(results, load_waivers(waiver(tmp_path, expires="2026-11-02")))
    assert after.waivers[0]["used"] is True
    assert after.waivers[0]["notes"] == ["ends within 30 days"]


def test_a_waiver_no_longer_holds_at_the_first_instant_after_its_last_day(results: Results, tmp_path: Path) -> None:
    midnight = replace(results, run=replace(results.run, as_of=datetime(2026, 11, 2, tzinfo=UTC)))
    ended, holds = (load_waivers(waiver(tmp_path, expires=day)) for day in ("2026-11-01", "2026-11-02"))
    after = apply_exceptions(midnight, ended)
    assert [item.results for item in after.controls] == [item.results for item in midnight.controls]
    assert after.waivers[0]["notes"] == ["expired: it was not applied"]
    assert apply_exceptions(midnight, holds).waivers[0]["used"] is True


def test_a_waiver_leaves_alone_what_was_not_assessed(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.answer("ec2:DescribeVpcs", "eu-central-1", {"Vpcs": [vpc("vpc-1", Tagged=False)]})
    world.fail("ec2:DescribeVpcs", "us-east-1", "UnauthorizedOperation")
    results = evaluate(world.evidence(), build_catalog(tmp_path / "controls"))
    waived = apply_exceptions(results, load_waivers(waiver(tmp_path, resource="vpc-1")))
    before, after = (control(found.controls, "vpc-is-tagged") for found in (results, waived))
    assert {item.state for item in before.results} == {State.FAIL, State.NOT_ASSESSED}
    assert {item.state for item in after.results} == {State.WAIVED, State.NOT_ASSESSED}
    assert after.populations == before.populations


def test_an_attested_manual_control_is_no_gap_and_carries_its_attachment(results: Results, tmp_path: Path) -> None:
    waivers = load_waivers(waiver(tmp_path, resource="*"))
    after = apply_exceptions(results, waivers, load_attestations(attestation(tmp_path)))
    found = control(after.controls, "people-are-trained").results[0]
    assert found.state is State.MANUAL
    assert found.details["attestation"]["attachments"][0]["name"] == "list.txt"
    assert exit_code(after) == 0


def test_an_attestation_of_a_criterion_not_met_is_a_failure_and_counts_as_tested(
    results: Results, tmp_path: Path
) -> None:
    after = apply_exceptions(results, (), load_attestations(attestation(tmp_path, criterion="not met")))
    found = control(after.controls, "people-are-trained")
    assert found.state is State.FAIL
    assert [(item.tested, item.not_assessed) for item in found.populations] == [(1, 0)]
    assert (
        found.results[0].reason
        == found.results[0].observed
        == "A person attested that the criterion is not met. No AWS API shows this."
    )


@pytest.mark.parametrize("date", [{"valid_until": "2026-11-01"}, {"date": "2026-11-03"}], ids=["expired", "future"])
def test_an_attestation_outside_its_validity_answers_nothing(
    results: Results, tmp_path: Path, date: dict[str, str]
) -> None:
    after = apply_exceptions(results, (), load_attestations(attestation(tmp_path, **date)))
    assert "attestation" not in control(after.controls, "people-are-trained").results[0].details
    assert "not applied" in after.attestations[0]["notes"][0]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("waivers:\n- control: x-y\n  resorce: a\n", ":3", id="typo"),
        pytest.param("waivers:\n- control: x-y\n  control: x-z\n", ":3", id="duplicate-key"),
        pytest.param("waivers: [\n", ":2", id="not-yaml"),
        pytest.param("waivers: &a [*a]\n", ":1", id="alias"),
    ],
)
def test_a_wrong_waiver_file_is_refused_with_file_and_line(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "waivers.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_waivers(path)
    assert f"waivers.yaml{line}" in caught.value.message


@pytest.mark.parametrize("name", ["../secret.txt", "link-to-it.txt", "link-inside.txt"])
def test_an_attachment_outside_the_folder_or_behind_a_link_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("of somebody else\n")
    (folder / "link-to-it.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "link-inside.txt").symlink_to(folder / "list.txt")
    path = attestation(folder)
    path.write_text(path.read_text().replace("list.txt", name))
    with pytest.raises(UsageError, match="not inside"):
        load_attestations(path)


def test_the_last_day_of_the_calendar_is_a_day(results: Results, tmp_path: Path) -> None:
    last = "9999-12-31"
    waivers = load_waivers(waiver(tmp_path, expires=last))
    attestations = load_attestations(attestation(tmp_path, valid_until=last))
    applied = apply_exceptions(results, waivers, attestations)
    assert (applied.waivers[0]["used"], applied.attestations[0]["used"]) == (True, True)
    assert applied.waivers[0]["expires"] == applied.attestations[0]["valid_until"] == "9999-12-31T23:59:59Z"


def test_a_date_of_an_attestation_is_the_start_of_its_day(tmp_path: Path) -> None:
    (found,) = load_attestations(attestation(tmp_path, date="9999-12-31"))
    assert f"{found.date:%Y-%m-%dT%H:%M:%S}" == "9999-12-31T00:00:00"


@pytest.mark.parametrize(
    ("pattern", "over_wide"),
    [
        ("*", True),
        ("arn:*", True),
        ("arn:aws:s3:::*", True),
        ("arn:aws:iam::111122223333:user/*", True),
        ("arn:aws:rds:eu-west-1:*:db:*", True),
        ("arn:aws:iam::111122223333:user/team/*", False),
        ("arn:aws:rds:*:*:db:test-*", False),
        ("/aws/lambda/*", False),
        ("vpc-*", False),
    ],
)
def test_a_pattern_that_names_nothing_takes_an_owner(tmp_path: Path, pattern: str, over_wide: bool) -> None:
    (unowned,) = load_waivers(waiver(tmp_path, resource=pattern, owner=""))
    (owned,) = load_waivers(waiver(tmp_path, resource=pattern))
    assert (unowned.over_wide, owned.over_wide) == (over_wide, False)


def test_a_waiver_of_a_failure_does_not_hide_what_could_not_be_read_beside_it(results: Results, tmp_path: Path) -> None:
    missing = {"operation": "ec2:DescribeTags", "region": "eu-central-1", "resource": "", "error": "AccessDenied"}
    item = control(results.controls, "vpc-is-tagged")
    found = tuple(
        replace(one, details={"missing": [missing]}) if one.resource == f"vpc-{REGIONS[0]}" else one
        for one in item.results
    )
    open_results = replace(results, controls=(replace(item, results=found),))
    after = apply_exceptions(open_results, load_waivers(waiver(tmp_path, resource="vpc-*", owner="Network team")))
    states = {one.resource: one.state for one in after.controls[0].results}
    assert states[f"vpc-{REGIONS[0]}"] is State.NOT_ASSESSED
    assert states[f"vpc-{REGIONS[1]}"] is State.WAIVED
    reason = next(one.reason for one in after.controls[0].results if one.state is State.NOT_ASSESSED)
    assert "ec2:DescribeTags in eu-central-1 (AccessDenied)" in reason
    population = next(one for one in after.controls[0].populations if one.region == REGIONS[0])
    assert (population.tested, population.not_assessed) == (1, 1)
    assert exit_code(after) == 3


@pytest.mark.parametrize(
    ("pattern", "owner", "applied"),
    [
        pytest.param("vpc-*", "", False, id="every-member-by-its-kind"),
        pytest.param("*p*-*", "", False, id="every-member-by-chance"),
        pytest.param("v*", "", False, id="every-member-by-a-letter"),
        pytest.param("???-*", "", False, id="every-member-by-length"),
        pytest.param("vpc-*", "Network team", True, id="somebody-answers-for-it"),
        pytest.param("vpc-eu-*", "", True, id="some-members"),
        pytest.param("vpc-eu-central-1", "", True, id="one-by-name"),
    ],
)
def test_a_waiver_of_everything_is_judged_by_what_it_takes_in(
    results: Results, tmp_path: Path, pattern: str, owner: str, applied: bool
) -> None:
    after = apply_exceptions(results, load_waivers(waiver(tmp_path, resource=pattern, owner=owner)))
    assert (State.WAIVED in {item.state for item in control(after.controls, "vpc-is-tagged").results}) is applied
    assert bool(after.waivers[0]["notes"]) is not applied
    if not applied:
        assert "over-wide: it takes in every member of the population" in after.waivers[0]["notes"][0]


def test_an_answer_that_is_missing_does_not_narrow_a_waiver(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.answer("ec2:DescribeVpcs", REGIONS[0], {"Vpcs": [vpc("vpc-1", Tagged=False), vpc("vpc-2")]})
    world.fail("ec2:DescribeVpcs", REGIONS[1], "AccessDenied")
    found = evaluate(world.evidence(), build_catalog(tmp_path / "controls", framework=FRAMEWORK))
    after = apply_exceptions(found, load_waivers(waiver(tmp_path, resource="vpc-*", owner="")))
    assert control(after.controls, "vpc-is-tagged").state is State.FAIL


def test_the_only_member_may_be_named(tmp_path: Path) -> None:
    world = World(tmp_path)
    for region in REGIONS:
        world.answer("ec2:DescribeVpcs", region, {"Vpcs": [vpc("vpc-1", Tagged=False)] if region == REGIONS[0] else []})
    found = evaluate(world.evidence(), build_catalog(tmp_path / "controls", framework=FRAMEWORK))
    by_name = apply_exceptions(found, load_waivers(waiver(tmp_path, resource="vpc-1", owner="")))
    assert control(by_name.controls, "vpc-is-tagged").state is State.WAIVED
    by_kind = apply_exceptions(found, load_waivers(waiver(tmp_path, resource="vpc-?", owner="")))
    assert control(by_kind.controls, "vpc-is-tagged").state is State.FAIL

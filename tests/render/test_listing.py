from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.model import State
from auditor.render.context import Context
from auditor.render.controls import Control, open_results
from auditor.render.coverage import Account, Gap, unanswered
from auditor.render.listing import Listing, listings, short_names
from auditor.render.marks import EXCEPTIONS
from auditor.render.text import anywhere


def shown(listing: Listing) -> int:
    return sum(len(entry.resources) + entry.left_out for entry in listing.entries)


def folded(listing: Listing) -> int:
    return sum(group.count for group in listing.groups)


def grown(controls: Sequence[Control], times: int) -> list[Control]:
    return [replace(control, rows=control.rows * times) for control in controls]


@pytest.mark.parametrize("budget", [10, 200, 100_000])
@pytest.mark.parametrize("merge", [True, False], ids=["merged", "line-by-line"])
def test_every_result_is_listed_or_counted(report: Context, budget: int, *, merge: bool) -> None:
    found = listings(report.controls, budget=budget, whole=6, merge=merge)
    for control in report.controls:
        assert shown(found[control.id]) + folded(found[control.id]) == len(control.rows)


def test_every_exception_is_named_while_there_is_room(report: Context) -> None:
    found = listings(report.controls, budget=100_000, whole=0, merge=True)
    for control in report.controls:
        exceptions = sum(row.mark.state in EXCEPTIONS for row in control.rows)
        assert shown(found[control.id]) == exceptions
        assert all(group.mark.state in {State.PASS, State.NOT_APPLICABLE} for group in found[control.id].groups)


def test_a_document_stays_bounded_however_many_results_there_are(report: Context) -> None:
    many = grown(report.controls, 200)
    found = listings(many, budget=500, whole=1_000_000, merge=False)
    assert sum(len(listing.entries) for listing in found.values()) <= 500 + 6 * len(many)


def refused(report: Context, regions: Sequence[str], resource: str = "ec2:DescribeVpcs") -> Control:
    control = next(item for item in report.controls if item.mark.state is State.NOT_ASSESSED)
    rows = tuple(
        replace(
            control.rows[0],
            region=region,
            resource=resource,
            reason=f"ec2:DescribeVpcs in {region} gave no answer, as in us-west-2.",
            observed=f"ec2:DescribeVpcs in {region}: AccessDenied",
        )
        for region in regions
    )
    return replace(control, rows=rows)


def test_one_refusal_in_many_regions_is_told_once_and_each_region_is_named(report: Context) -> None:
    regions = ("eu-west-1", "eu-west-2", "us-east-1")
    control = refused(report, regions)
    (entry,) = listings([control], budget=900, whole=1, merge=True)[control.id].entries
    assert entry.row.reason == "ec2:DescribeVpcs in these Regions gave no answer, as in us-west-2."
    assert [item.name for item in entry.resources] == ["ec2:DescribeVpcs in eu-west-1", "eu-west-2", "us-east-1"]
    (only,) = listings([refused(report, ["eu-west-1"] * 2)], budget=900, whole=1, merge=True)[control.id].entries
    assert only.row.reason == "ec2:DescribeVpcs in eu-west-1 gave no answer, as in us-west-2."


def test_open_results_stand_by_reason_with_every_control_that_it_left_open(report: Context) -> None:
    one = refused(report, ("eu-west-1", "us-east-1"))
    other = replace(refused(report, ("eu-west-1",), "eu-west-1"), id="other")
    (found,) = open_results([one, other], State.NOT_ASSESSED)
    assert found.reason == "ec2:DescribeVpcs in these Regions gave no answer, as in us-west-2."
    assert [(item.control.id, item.count, item.place) for item in found.left] == [
        (one.id, 2, "2 results in 2 Regions"),
        ("other", 1, "eu-west-1"),
    ]


@pytest.mark.parametrize(
    ("text", "general"),
    [
        ("It is in eu-west-1.", "It is in these Regions."),
        ("It is in eu-west-1a, in eu-west-10.", "It is in eu-west-1a, in eu-west-10."),
        ("arn:aws:sns:eu-west-1:1:t", "arn:aws:sns:eu-west-1:1:t"),
    ],
)
def test_a_sentence_of_one_region_becomes_one_of_several(text: str, general: str) -> None:
    assert anywhere(text, "eu-west-1") == general
    assert anywhere(text, "") == text


@pytest.mark.parametrize(
    ("observed", "reason", "adds"),
    [
        ("iam:ListUsers: AccessDenied", "iam:ListUsers gave no usable answer (AccessDenied).", ""),
        ("2 active access keys", "Both access keys of the user are active.", "2 active access keys"),
        ("off: BlockPublicAcls", "Nobody sets BlockPublicAcls.", "off: BlockPublicAcls"),
        ("", "The setting is off.", ""),
    ],
)
def test_what_was_observed_is_said_where_the_reason_does_not(
    report: Context, observed: str, reason: str, adds: str
) -> None:
    assert replace(report.controls[0].rows[0], observed=observed, reason=reason).adds == adds


def test_calls_refused_for_one_reason_share_a_line_and_lose_no_region() -> None:
    accounts = (Account("111122223333", "", "aws", ("eu-west-1", "us-east-1")),)
    gaps = [
        Gap("111122223333", region, operation, "AccessDenied", f"not in {region}", action, ref, ())
        for operation, action in (("ec2:DescribeVpcs", "ec2:DescribeVpcs"), ("ec2:DescribeRegions", ""))
        for region, ref in (("eu-west-1", "EV-0001"), ("us-east-1", ""))
    ][:3]
    vpcs, regions = unanswered(gaps, accounts, merge=True)
    assert (vpcs.regions, vpcs.everywhere, vpcs.refs) == (("eu-west-1", "us-east-1"), True, ("EV-0001",))
    assert vpcs.message == "not in these Regions"
    assert (regions.regions, regions.everywhere, regions.message) == (("eu-west-1",), False, "not in eu-west-1")
    assert len(unanswered(gaps, accounts, merge=False)) == len(gaps)


@given(names=st.lists(st.text(alphabet="ab:/-", max_size=30)))
def test_names_side_by_side_can_be_told_in_full(names: list[str]) -> None:
    before = ""
    for name, short in zip(names, short_names(names), strict=True):
        rest = short.removeprefix("…")
        assert short == name or (name.endswith(rest) and before.startswith(name.removesuffix(rest)))
        before = name

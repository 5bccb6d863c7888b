from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.model import State
from auditor.render.context import Context
from auditor.render.controls import Control
from auditor.render.listing import Listing, listings, short_names
from auditor.render.marks import EXCEPTIONS


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


@given(names=st.lists(st.text(alphabet="ab:/-", max_size=30)))
def test_names_side_by_side_can_be_told_in_full(names: list[str]) -> None:
    before = ""
    for name, short in zip(names, short_names(names), strict=True):
        rest = short.removeprefix("…")
        assert short == name or (name.endswith(rest) and before.startswith(name.removesuffix(rest)))
        before = name

"""What the audit's own principal did: its own changes fail, what others did under its name leaves it open."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.activity.ours import own_calls
from auditor.model import State
from tests.evaluate.checks.worlds import hours, own, own_call
from tests.evaluate.kit import reasons

CONTROL = "audit-changed-nothing"
READS = own_call("ListUsers", event_source="iam.amazonaws.com", calls=40, changes=0)
UPLOAD = own_call("PutObject", asked_for="--upload", calls=3, changes=3)
REPORT = own_call("GenerateCredentialReport", event_source="iam.amazonaws.com", changes=0)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        pytest.param(own_call(), "PutBucketPolicy of s3 at 2026-10-14T03:00:00Z with this program's mark", id="mark"),
        pytest.param(own_call(made_by="session"), "in the audit's session", id="session"),
        pytest.param(
            own_call("DeleteRule", event_source="events.amazonaws.com", changes=0, unknown=2), "2 calls", id="null"
        ),
    ],
)
def test_one_verified_change_fails(row: dict[str, Any], words: str) -> None:
    result = own(READS, own_call(verified=False), row, truncated=True, report=hours(3)).judge(CONTROL)
    assert result.state is State.FAIL
    assert words in reasons(result)
    assert result.results[0].details["calls"] == [row]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        pytest.param(own_call(made_by="principal"), "other programs of the same principal", id="same-person"),
        pytest.param(own_call(verified=False), "no digest vouches", id="unverified"),
        pytest.param(own_call(verified=None), "no digest vouches", id="not-told-whether-verified"),
        pytest.param(own_call("FrobnicateThing", changes=0, unknown=1), "do not say whether they only read", id="null"),
    ],
)
def test_what_nothing_tells_leaves_it_open(row: dict[str, Any], words: str) -> None:
    result = own(READS, UPLOAD, row).judge(CONTROL)
    assert result.state is State.NOT_ASSESSED
    assert words in reasons(result)


def test_reads_and_what_an_option_asked_for_are_no_changes() -> None:
    unsaid = own_call("ListRoles", changes=0, unknown=4, calls=4)
    result = own(READS, UPLOAD, REPORT, unsaid).judge(CONTROL)
    assert result.state is State.PASS
    assert "45 calls that read, 3 that an option asked for" in reasons(result)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"truncated": True}, "more calls"),
        ({"parameters": {}}, "whose calls"),
        ({"searched": {"not_searched": [{"what": "records", "why": "no JSON"}]}}, "no JSON"),
        ({"searched": {"not_searched": ["odd"]}}, "not searched"),
        ({"report": hours(743)}, "743 of 744"),
    ],
)
def test_what_was_not_searched_in_full_does_not_pass(changes: dict[str, Any], words: str) -> None:
    result = own(READS, **changes).judge(CONTROL)
    assert result.state is State.NOT_ASSESSED
    assert words in reasons(result)


@pytest.mark.parametrize("broken", [{"rows": "none"}, {"rows": [{"call": "x"}]}, {"rows": ["x"]}, {"searched": None}])
def test_an_answer_of_another_form_does_not_pass(broken: dict[str, Any]) -> None:
    assert own(**broken).judge(CONTROL).state is State.NOT_ASSESSED


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "event_source": st.sampled_from(["s3.amazonaws.com", "events.amazonaws.com"]),
                "call": st.sampled_from(["PutBucketPolicy", "DeleteRule", "ListRoles", "Frobnicate"]),
                "made_by": st.sampled_from(["audit", "session", "principal"]),
                "asked_for": st.sampled_from(["", "--upload"]),
                "verified": st.sampled_from([True, False, None]),
                "calls": st.integers(1, 5),
                "changes": st.integers(0, 2),
                "unknown": st.integers(0, 2),
            }
        ),
        max_size=6,
    )
)
def test_each_group_is_counted_once_and_no_proven_change_is_lost(rows: list[dict[str, Any]]) -> None:
    found = own_calls(rows)
    apart = [*found.changed, *found.others, *found.unproved, *found.untold]
    assert sum(row["calls"] for row in apart) + found.asked_for + found.reads == sum(row["calls"] for row in rows)
    for row in rows:
        proven = row["changes"] and row["verified"] and row["made_by"] != "principal" and not row["asked_for"]
        assert not proven or row in found.changed

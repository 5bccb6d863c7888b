"""Controls that read the IAM credential report, and the reader itself."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.base.period import rfc3339
from auditor.evaluate.checks.credential_report import read_report
from auditor.evaluate.engine import evaluate
from auditor.evidence.world import AS_OF, held
from auditor.model import Framework, Requirement, State
from tests.evaluate.checks.worlds import COLUMNS, GOOD_USER, report, root, row, summary, user_arn, users
from tests.evaluate.kit import ACCOUNT, World, ago, catalog, reasons, states

OLD_KEY = {"access_key_1_active": "true", "access_key_1_last_rotated": ago(days=91)}
PASSWORD = {"password_enabled": "true", "password_last_changed": ago(days=10)}


@pytest.mark.parametrize(
    ("control", "line", "expected"),
    [
        pytest.param("iam-user-console-mfa", row("bob", **PASSWORD), State.FAIL, id="password-without-mfa"),
        pytest.param("iam-user-console-mfa", row("bob"), State.NOT_APPLICABLE, id="no-password"),
        pytest.param(
            "iam-user-console-mfa", row("bob", **PASSWORD, mfa_active="TRUE"), State.PASS, id="other-spelling-of-true"
        ),
        pytest.param("iam-single-active-access-key", row("bob"), State.PASS, id="no-keys"),
        pytest.param(
            "iam-single-active-access-key",
            row("bob", access_key_1_active="true", access_key_2_active="true"),
            State.FAIL,
            id="two-active-keys",
        ),
        pytest.param(
            "iam-single-active-access-key",
            row("bob", access_key_1_active="true", access_key_2_last_rotated=ago(days=9)),
            State.PASS,
            id="second-key-inactive",
        ),
        pytest.param("iam-access-key-rotation-90d", row("bob", **OLD_KEY), State.FAIL, id="key-of-91-days"),
        pytest.param(
            "iam-access-key-rotation-90d",
            row("bob", **{**OLD_KEY, "access_key_1_last_rotated": ago(days=90)}),
            State.PASS,
            id="key-of-exactly-90-days",
        ),
        pytest.param(
            "iam-access-key-rotation-90d",
            row("bob", **{**OLD_KEY, "access_key_1_last_rotated": ago(days=90, seconds=1)}),
            State.FAIL,
            id="key-one-second-too-old",
        ),
        pytest.param(
            "iam-access-key-rotation-90d",
            row("bob", **{**OLD_KEY, "access_key_1_active": "false"}),
            State.NOT_APPLICABLE,
            id="old-key-inactive",
        ),
        pytest.param(
            "iam-access-key-rotation-90d",
            row("bob", access_key_1_active="true"),
            State.NOT_ASSESSED,
            id="active-key-without-age",
        ),
        pytest.param(
            "iam-access-key-rotation-90d",
            row(
                "bob",
                access_key_1_active="true",
                access_key_1_last_rotated=ago(days=1),
                access_key_2_active="true",
                access_key_2_last_rotated=ago(days=200),
            ),
            State.FAIL,
            id="second-key-old",
        ),
        pytest.param(
            "iam-credentials-unused-45d",
            row("bob", **PASSWORD, password_last_used=ago(days=45)),
            State.FAIL,
            id="password-unused-45-days",
        ),
        pytest.param(
            "iam-credentials-unused-45d",
            row("bob", **PASSWORD, password_last_used=ago(days=45, seconds=-1)),
            State.PASS,
            id="password-unused-one-second-less",
        ),
        pytest.param(
            "iam-credentials-unused-45d",
            row(
                "bob", password_enabled="true", password_last_used="no_information", password_last_changed=ago(days=50)
            ),
            State.FAIL,
            id="password-never-used",
        ),
        pytest.param(
            "iam-credentials-unused-45d",
            row("bob", **PASSWORD, password_last_used="no_information"),
            State.PASS,
            id="password-never-used-but-new",
        ),
        pytest.param(
            "iam-credentials-unused-45d",
            row("bob", **{**OLD_KEY, "access_key_1_last_used_date": "N/A"}),
            State.FAIL,
            id="key-never-used",
        ),
        pytest.param(
            "iam-credentials-unused-45d",
            row("bob", **OLD_KEY, access_key_1_last_used_date=ago(days=1)),
            State.PASS,
            id="old-key-in-use",
        ),
        pytest.param("iam-credentials-unused-45d", row("bob"), State.NOT_APPLICABLE, id="nothing-enabled"),
        pytest.param(
            "iam-credentials-unused-45d",
            row("bob", password_enabled="true"),
            State.NOT_ASSESSED,
            id="enabled-password-without-any-time",
        ),
        pytest.param(
            "iam-user-no-initial-access-key",
            row("bob", **PASSWORD, access_key_1_active="true", access_key_1_last_rotated=ago(days=400, minutes=-5)),
            State.FAIL,
            id="key-made-with-the-user-and-never-used",
        ),
        pytest.param(
            "iam-user-no-initial-access-key",
            row(
                "bob",
                **PASSWORD,
                access_key_1_active="true",
                access_key_1_last_rotated=ago(days=400),
                access_key_1_last_used_date=ago(days=3),
            ),
            State.MANUAL,
            id="key-made-with-the-user-and-used",
        ),
        pytest.param(
            "iam-user-no-initial-access-key",
            row("bob", **PASSWORD, access_key_1_active="true", access_key_1_last_rotated=ago(days=399)),
            State.PASS,
            id="key-made-a-day-later",
        ),
        pytest.param(
            "iam-user-no-initial-access-key",
            row("bob", access_key_1_active="true", access_key_1_last_rotated=ago(days=400)),
            State.NOT_APPLICABLE,
            id="no-console-password",
        ),
    ],
)
def test_one_user_of_two_is_judged_by_their_own_line(control: str, line: str, expected: State) -> None:
    found = states(users(GOOD_USER, line).judge(control))
    assert found[user_arn("bob")] is expected
    assert found[user_arn("alice")] is State.PASS


USER_CONTROLS = [
    "iam-user-console-mfa",
    "iam-user-no-initial-access-key",
    "iam-credentials-unused-45d",
    "iam-single-active-access-key",
    "iam-access-key-rotation-90d",
]


@pytest.mark.parametrize("control", USER_CONTROLS)
def test_without_users_there_is_nothing_to_judge(control: str) -> None:
    assert users().judge(control).state is State.NOT_APPLICABLE


@pytest.mark.parametrize("control", USER_CONTROLS)
def test_a_user_newer_than_the_report_is_not_assessed(control: str) -> None:
    found = users(GOOD_USER, names=("alice", "new")).judge(control)
    assert states(found)[user_arn("new")] is State.NOT_ASSESSED
    assert "every four hours" in reasons(found)


@pytest.mark.parametrize(
    ("page", "words"),
    [
        pytest.param(report(GOOD_USER), "one row for root", id="no-root"),
        pytest.param(report(root(), root(arn="arn:aws:iam::1:root"), GOOD_USER), "one row for root", id="two-roots"),
        pytest.param(report(root(), GOOD_USER, columns="user,arn"), "has no", id="columns-missing"),
        pytest.param(report(root(), '"alice'), "not CSV", id="open-quote"),
        pytest.param({"Content": {"base64": "AA=="}}, "documented type", id="no-text"),
        pytest.param({"Content": ""}, "one row for root", id="empty"),
    ],
)
@pytest.mark.parametrize("control", ["iam-root-not-used", "iam-user-console-mfa"])
def test_a_malformed_report_allows_no_conclusion(control: str, page: dict[str, Any], words: str) -> None:
    result = users(GOOD_USER).says("iam:GetCredentialReport", page).judge(control)
    assert result.state is State.NOT_ASSESSED
    assert words in reasons(result)


@pytest.mark.parametrize(
    ("page", "words"),
    [
        pytest.param(report(root(), GOOD_USER, GOOD_USER), "stands twice", id="user-twice"),
        pytest.param(report(root(), GOOD_USER + ",x"), "more values than columns", id="too-many-values"),
        pytest.param(report(root(), "alice,x"), "no user_creation_time", id="cut-off"),
        pytest.param(report(root(), row("alice", mfa_active="maybe")), "neither true nor false", id="no-boolean"),
        pytest.param(report(root(), row("alice", user_creation_time="soon")), "Invalid isoformat", id="no-time"),
        pytest.param(
            report(root(), row("alice", user_creation_time="0001-01-01T00:00:00+23:59")), "not a time", id="before-time"
        ),
    ],
)
def test_a_row_that_cannot_be_read_voids_itself_only(page: dict[str, Any], words: str) -> None:
    page = {**page, "Content": "\n".join((page["Content"], row("bob", **PASSWORD)))}
    world = users(GOOD_USER, names=("alice", "bob")).says("iam:GetCredentialReport", page)
    result = world.judge("iam-user-console-mfa")
    assert states(result) == {user_arn("alice"): State.NOT_ASSESSED, user_arn("bob"): State.FAIL}
    assert words in reasons(result)
    assert world.judge("iam-root-not-used").state is State.PASS


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        pytest.param(ago(minutes=1), State.FAIL, id="new"),
        pytest.param(ago(hours=4), State.FAIL, id="as-old-as-it-gets"),
        pytest.param(ago(hours=5), State.NOT_ASSESSED, id="too-old"),
        pytest.param(ago(days=40), State.NOT_ASSESSED, id="of-another-month"),
        pytest.param(ago(hours=-1), State.NOT_ASSESSED, id="made-after-it-was-read"),
        pytest.param(None, State.NOT_ASSESSED, id="nobody-knows"),
    ],
)
@pytest.mark.parametrize("control", ["iam-root-not-used", "iam-user-console-mfa"])
def test_a_report_is_as_new_as_iam_makes_it(control: str, made: str | None, expected: State) -> None:
    page = {**report(root(password_last_used=ago(days=2)), row("bob", **PASSWORD)), "GeneratedTime": made}
    result = users(row("bob")).says("iam:GetCredentialReport", page).judge(control)
    assert result.state is expected
    assert expected is State.FAIL or "GeneratedTime" in reasons(result) or "renews it" in reasons(result)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        pytest.param(timedelta(hours=2), State.FAIL, id="of-the-moment-judged"),
        pytest.param(timedelta(hours=6), State.NOT_ASSESSED, id="older-than-that"),
        pytest.param(timedelta(days=-9), State.NOT_ASSESSED, id="of-neither-moment"),
    ],
)
def test_a_report_of_the_moment_judged_tells_of_it_however_late_it_was_read(made: timedelta, expected: State) -> None:
    page = {**report(root(), row("bob", **PASSWORD)), "GeneratedTime": rfc3339(AS_OF - made)}
    control = catalog().controls["iam-user-console-mfa"]
    world = users(row("bob")).says("iam:GetCredentialReport", page)
    evidence = held({ACCOUNT: world}, control.evidence, catalog().operations, as_of=AS_OF + timedelta(days=28))
    evidence.run = replace(evidence.run, as_of=AS_OF)
    requirement = Requirement("1", "", (control.id,), (), None, "", {})
    known = replace(
        catalog(),
        controls={control.id: control},
        frameworks={"test": Framework("test", "", "", "", "", (requirement,), "")},
    )
    assert evaluate(evidence, known, ["test"]).controls[0].state is expected


@pytest.mark.parametrize(
    ("root_row", "expected"),
    [
        pytest.param(root(password_last_used=ago(days=90)), State.FAIL, id="at-the-limit"),
        pytest.param(root(password_last_used=ago(days=90, seconds=1)), State.PASS, id="just-outside"),
        pytest.param(root(password_last_used="no_information"), State.PASS, id="never"),
        pytest.param(root(access_key_2_last_used_date=ago(days=2)), State.FAIL, id="second-key-used"),
        pytest.param(
            root(password_last_used=ago(days=200), access_key_1_last_used_date=ago(days=1)),
            State.FAIL,
            id="latest-counts",
        ),
    ],
)
def test_root_use_is_the_latest_of_three(root_row: str, expected: State) -> None:
    world = users().says("iam:GetCredentialReport", report(root_row))
    assert world.judge("iam-root-not-used").state is expected


@pytest.mark.parametrize(
    ("counts", "root_row", "expected", "words"),
    [
        pytest.param({"AccountAccessKeysPresent": 1}, root(), State.FAIL, "counts an access key", id="key"),
        pytest.param(
            {}, root(access_key_1_active="true"), State.PASS, "may be hours old, still shows", id="report-behind"
        ),
        pytest.param({"AccountAccessKeysPresent": "0"}, root(), State.NOT_ASSESSED, "documented type", id="text"),
    ],
)
def test_root_keys_follow_the_live_summary(counts: dict[str, int], root_row: str, expected: State, words: str) -> None:
    world = users().says("iam:GetCredentialReport", report(root_row)).says("iam:GetAccountSummary", summary(**counts))
    result = world.judge("iam-root-no-access-keys")
    assert result.state is expected
    assert words in reasons(result)


def test_a_hostile_user_name_stays_in_its_own_row() -> None:
    name = "=cmd|' /C calc'!A0<script>"
    world = World().says("iam:GenerateCredentialReport", {"State": "COMPLETE"})
    world = world.says("iam:GetCredentialReport", report(root(), row(name, **PASSWORD), GOOD_USER))
    arns = [user_arn(name), user_arn("alice")]
    world = world.says("iam:ListUsers", {"Users": [{"UserName": "x", "Arn": arn} for arn in arns]})
    assert list(states(world.judge("iam-user-console-mfa")).values()) == [State.FAIL, State.PASS]


@settings(max_examples=60, deadline=None)
@given(
    content=st.text(max_size=200)
    | st.lists(st.sampled_from([*COLUMNS, "true", "N/A", ACCOUNT, "\n", ","])).map("".join)
)
def test_any_text_is_read_or_refused_as_a_whole(content: str) -> None:
    try:
        rows = read_report(content)
    except ValueError:
        return
    assert rows


OF_KEYS = (
    "iam-user-no-initial-access-key",
    "iam-credentials-unused-45d",
    "iam-single-active-access-key",
    "iam-access-key-rotation-90d",
)
BEYOND = "1 further access key, iam:ListAccessKeys"


def reporting(extra: str, **changes: str) -> World:
    """Build a world of one user and root, each with this in the column about further credentials."""
    lines = (root(), row("bob", password_enabled="true", mfa_active="true", password_last_used=ago(days=1), **changes))
    columns = ",".join((*COLUMNS, "additional_credentials_info"))
    page = report(*(f'{line},"{extra}"' for line in lines), columns=columns)
    return users(row("bob")).says("iam:GetCredentialReport", page)


@pytest.mark.parametrize("control", [*OF_KEYS, "iam-root-not-used"])
def test_keys_beyond_the_second_are_not_in_the_report(control: str) -> None:
    assert reporting(BEYOND).judge(control).state is State.NOT_ASSESSED
    assert reporting("N/A").judge(control).state in (State.PASS, State.NOT_APPLICABLE)


@pytest.mark.parametrize("control", OF_KEYS[1:])
def test_what_the_report_lists_fails_all_the_same(control: str) -> None:
    old = {f"access_key_{slot}_{name}": ago(days=200) for slot in (1, 2) for name in ("last_rotated", "last_used_date")}
    world = reporting(BEYOND, access_key_1_active="true", access_key_2_active="true", **old)
    assert world.judge(control).state is State.FAIL


@pytest.mark.parametrize(
    "change",
    [
        {"password_enabled": "not_supported"},
        {"mfa_active": "not_supported"},
        {"access_key_1_active": "not_supported"},
        {"password_last_used": ""},
        {"access_key_1_last_used_date": "not_supported"},
    ],
)
@pytest.mark.parametrize("control", ["iam-user-console-mfa", *OF_KEYS])
def test_what_only_root_may_lack_is_unreadable_for_users(control: str, change: dict[str, str]) -> None:
    assert users(row("bob", **change)).judge(control).state is State.NOT_ASSESSED


@pytest.mark.parametrize("value", ["", "not_supported", "never"])
def test_a_last_use_of_root_that_nobody_tells_is_no_absence_of_use(value: str) -> None:
    world = users().says("iam:GetCredentialReport", report(root(password_last_used=value)))
    assert world.judge("iam-root-not-used").state is State.NOT_ASSESSED

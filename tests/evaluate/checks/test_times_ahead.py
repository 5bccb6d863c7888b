"""What AWS says happened cannot lie ahead of the moment at which AWS was asked; ages counted from it would pass."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from auditor.evaluate.engine import evaluate
from auditor.evidence.world import held
from auditor.model import ControlResult, Framework, Requirement, State
from tests.evaluate.checks.worlds import (
    LOGS,
    RIGHT,
    TRAIL,
    kept_logs,
    log_folder,
    oldest_log,
    row,
    status,
    trail,
    trails,
    users,
)
from tests.evaluate.kit import ACCOUNT, AS_OF, HOME, World, ago, catalog, reasons

AHEAD = ago(days=-4000)
AT_HOME = {"region": HOME, "Name": TRAIL}


def with_status(**changes: str) -> World:
    return kept_logs().says("cloudtrail:GetTrailStatus", status(**changes), **AT_HOME)


def of_users(**changes: str) -> World:
    return users(row("alice", password_enabled="true", mfa_active="true", **changes))


@pytest.mark.parametrize(
    ("control", "world"),
    [
        pytest.param("trail-delivery-current", with_status(LatestDeliveryTime=AHEAD), id="log-file"),
        pytest.param("cloudtrail-digest-delivery-current", with_status(LatestDigestDeliveryTime=AHEAD), id="digest"),
        pytest.param(
            "cloudtrail-cloudwatch-logs",
            trails(trail()).says(
                "cloudtrail:GetTrailStatus", status(LatestCloudWatchLogsDeliveryTime=AHEAD), **AT_HOME
            ),
            id="log-group",
        ),
        pytest.param("trail-logs-retained", with_status(StartLoggingTime=AHEAD), id="start-of-logging"),
        pytest.param(
            "trail-logs-retained",
            kept_logs().says(
                "s3:ListObjectsV2", oldest_log("2026/02/01", written=AHEAD), Bucket=LOGS, Prefix=log_folder()
            ),
            id="log-file-written",
        ),
        pytest.param(
            "iam-access-key-rotation-90d",
            of_users(access_key_1_active="true", access_key_1_last_rotated=AHEAD),
            id="access-key",
        ),
    ],
)
def test_what_has_not_happened_yet_shows_nothing(control: str, world: World) -> None:
    result = world.judge(control)
    assert {item.state for item in result.results} == {State.NOT_ASSESSED}
    assert "had not come yet when AWS was asked" in reasons(result)


def test_clocks_may_differ_by_a_day() -> None:
    assert with_status(LatestDeliveryTime=ago(hours=-23)).judge("trail-delivery-current").state is State.PASS
    assert with_status(LatestDeliveryTime=ago(hours=-25)).judge("trail-delivery-current").state is State.NOT_ASSESSED


def test_what_may_lie_ahead_is_read_as_it_is() -> None:
    assert RIGHT["iam-no-expired-server-certificates"].judge("iam-no-expired-server-certificates").state is State.PASS


def judged_as_of(moment: datetime, control_id: str, world: World) -> ControlResult:
    """Judge answers of the worlds' moment as of another one."""
    control = catalog().controls[control_id]
    reads = (*control.evidence, *control.consults)
    evidence = held({ACCOUNT: world}, reads, catalog().operations)
    evidence.run = replace(evidence.run, as_of=moment)
    framework = Framework("test", "", "", "", "", (Requirement("1", "", (control.id,), (), None, "", {}),), "")
    known = replace(catalog(), controls={control.id: control}, frameworks={"test": framework})
    return evaluate(evidence, known, ["test"]).controls[0]


@pytest.mark.parametrize(
    ("control", "world"),
    [
        pytest.param(
            "iam-access-key-rotation-90d",
            of_users(access_key_1_active="true", access_key_1_last_rotated=ago(days=10)),
            id="access-key",
        ),
        pytest.param("iam-credentials-unused-45d", of_users(password_last_used=ago(days=3)), id="last-use"),
        pytest.param("trail-delivery-current", with_status(), id="log-file"),
        pytest.param("cloudtrail-digest-delivery-current", with_status(), id="digest"),
        pytest.param("cloudtrail-cloudwatch-logs", trails(trail()), id="log-group"),
    ],
)
def test_what_happened_after_the_as_of_moment_shows_nothing(control: str, world: World) -> None:
    assert judged_as_of(AS_OF - timedelta(hours=6), control, world).state is State.PASS
    result = judged_as_of(AS_OF - timedelta(days=270), control, world)
    assert {item.state for item in result.results} == {State.NOT_ASSESSED}
    assert "as of which is judged" in reasons(result)

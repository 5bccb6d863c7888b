"""What AWS says happened cannot lie ahead of the moment at which AWS was asked; ages counted from it would pass."""

import pytest

from auditor.model import State
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
from tests.evaluate.kit import HOME, World, ago, reasons

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

"""Groups that grow on load: policies by what they do, alarms by what sets them off."""

from typing import Any

import pytest

from auditor.model import State
from tests.evaluate.checks.worlds import alarms, scaling_alarm, scaling_group, scaling_policy
from tests.evaluate.kit import ACCOUNT, HOME, World, reasons

CONTROL = "autoscaling-alarm"
TRACKING: dict[str, Any] = {"PolicyType": "TargetTrackingScaling", "StepAdjustments": [], "AdjustmentType": None}
SIMPLE: dict[str, Any] = {"PolicyType": "SimpleScaling", "StepAdjustments": []}
LITTLE_FREE = {"MetricName": "mem_available_percent", "Namespace": "CWAgent", "ComparisonOperator": "LessThanThreshold"}
BELOW = [{"MetricIntervalUpperBound": 0.0, "ScalingAdjustment": 2}]


def with_policy(**changes: Any) -> World:
    return scaling_group(scaling_policy(**changes))


def with_alarm(**changes: Any) -> World:
    return alarms(scaling_group(), scaling_alarm(**changes))


@pytest.mark.parametrize(
    ("world", "expected", "words"),
    [
        pytest.param(with_policy(), State.PASS, "adds capacity", id="step"),
        pytest.param(with_policy(**TRACKING), State.PASS, "adds capacity", id="target-tracking"),
        pytest.param(with_policy(**SIMPLE, ScalingAdjustment=2), State.PASS, "adds capacity", id="simple"),
        pytest.param(with_policy(**SIMPLE, ScalingAdjustment=-2), State.FAIL, "adds nothing", id="takes-away"),
        pytest.param(
            with_policy(**SIMPLE, ScalingAdjustment=3, AdjustmentType="ExactCapacity"), State.PASS, "adds", id="exact"
        ),
        pytest.param(
            with_policy(**SIMPLE, ScalingAdjustment=1, AdjustmentType="ExactCapacity"),
            State.FAIL,
            "adds nothing",
            id="exactly-the-least",
        ),
        pytest.param(
            with_policy(StepAdjustments=[{"MetricIntervalUpperBound": 0.0, "ScalingAdjustment": 1}]),
            State.FAIL,
            "adds nothing",
            id="step-below-the-threshold",
        ),
        pytest.param(with_policy(Enabled=False), State.FAIL, "disabled", id="policy-disabled"),
        pytest.param(with_policy(Alarms=[]), State.FAIL, "No alarm sets", id="nothing-sets-it-off"),
        pytest.param(with_policy(PolicyType="PredictiveScaling"), State.FAIL, "forecast", id="a-forecast"),
        pytest.param(with_policy(PolicyType="Tomorrow"), State.NOT_ASSESSED, "not known here", id="unknown-type"),
        pytest.param(with_policy(AutoScalingGroupName="jobs"), State.FAIL, "no scaling policy", id="of-another-group"),
        pytest.param(alarms(scaling_group()), State.FAIL, "does not exist", id="alarm-deleted"),
        pytest.param(with_alarm(ActionsEnabled=False), State.FAIL, "disabled", id="alarm-disabled"),
        pytest.param(with_alarm(AlarmActions=[]), State.FAIL, "does not set", id="alarm-without-the-action"),
        pytest.param(with_alarm(Period=86_400), State.FAIL, "minutes", id="alarm-over-days"),
        pytest.param(with_alarm(Threshold=100.0), State.FAIL, "never goes off", id="alarm-that-nothing-raises"),
        pytest.param(with_alarm(Threshold=-1.0), State.FAIL, "never rests", id="alarm-that-is-always-red"),
        pytest.param(with_alarm(EvaluationState="EVALUATION_ERROR"), State.FAIL, "errors", id="cannot-be-evaluated"),
        pytest.param(
            alarms(with_policy(StepAdjustments=BELOW), scaling_alarm(**LITTLE_FREE, AlarmName="CPUUtilization-web")),
            State.PASS,
            "adds capacity",
            id="little-is-free",
        ),
        pytest.param(
            alarms(with_policy(StepAdjustments=BELOW), scaling_alarm(ComparisonOperator="LessThanThreshold")),
            State.FAIL,
            "no load",
            id="grows-when-idle",
        ),
        pytest.param(
            alarms(with_policy(**TRACKING), scaling_alarm(ComparisonOperator="LessThanThreshold")),
            State.FAIL,
            "adds nothing",
            id="only-the-alarm-that-removes",
        ),
        pytest.param(scaling_group(MinSize=4), State.FAIL, "maximum", id="no-room"),
        pytest.param(
            scaling_group(SuspendedProcesses=[{"ProcessName": "AlarmNotification"}]),
            State.FAIL,
            "suspended",
            id="suspended",
        ),
        pytest.param(
            scaling_group(SuspendedProcesses=[{"ProcessName": "AZRebalance"}]), State.PASS, "adds", id="harmless"
        ),
        pytest.param(
            scaling_group(scaling_policy(Enabled=False), scaling_policy()), State.PASS, "adds", id="one-of-two"
        ),
        pytest.param(
            scaling_group().refuses_all("cloudwatch:ListAlarmMuteRules"),
            State.NOT_ASSESSED,
            "cloudwatch:ListAlarmMuteRules",
            id="perhaps-muted",
        ),
        pytest.param(
            with_policy(Enabled=False).refuses_all("cloudwatch:ListAlarmMuteRules"),
            State.FAIL,
            "disabled",
            id="proven-anyway",
        ),
        pytest.param(
            with_alarm(Period=86_400).refuses_all("cloudwatch:ListAlarmMuteRules"),
            State.FAIL,
            "minutes",
            id="late-anyway",
        ),
    ],
)
def test_a_group_grows_on_load(world: World, expected: State, words: str) -> None:
    result = world.judge(CONTROL)
    assert result.state is expected, reasons(result)
    assert words in reasons(result)


def test_a_muted_alarm_sets_nothing_off() -> None:
    rule = {
        "Name": "nightly",
        "Rule": {"Schedule": {"Expression": "cron(0 2 * * *)", "Duration": "PT2H"}},
        "MuteTargets": {"AlarmNames": ["CPUUtilization-web"]},
    }
    summary = {"AlarmMuteRuleArn": f"arn:aws:cloudwatch:{HOME}:{ACCOUNT}:alarm-mute-rule:nightly"}
    world = (
        scaling_group()
        .says("cloudwatch:ListAlarmMuteRules", {"AlarmMuteRuleSummaries": [summary]}, region=HOME)
        .says("cloudwatch:GetAlarmMuteRule", rule, region=HOME, AlarmMuteRuleName="nightly")
    )
    assert world.judge(CONTROL).state is State.FAIL

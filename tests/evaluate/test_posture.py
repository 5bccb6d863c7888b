"""Counts of what is there; an answer that is missing is named, and odd values count for nothing."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auditor.evaluate.library import libraries
from auditor.evaluate.posture import OPERATIONS, posture
from auditor.evidence import world as fitting
from tests.evaluate.kit import ACCOUNT, FAR, HOME, World, catalog

COMPOSITE = {"AlarmName": "c", "AlarmRule": 'ALARM("a") OR ALARM(gone)', "StateValue": "ALARM", "AlarmActions": ["t"]}


def counted(world: World) -> Mapping[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        evidence = fitting.stored(Path(folder) / "evidence", {ACCOUNT: world}, OPERATIONS, catalog().operations)
        (document,) = posture(libraries(evidence, catalog().operations))
    return document


def alarms(*composites: Mapping[str, Any]) -> World:
    alarm = {"AlarmName": "a", "StateValue": "OK", "ActionsEnabled": False, "AlarmActions": ["t"]}
    page = {"MetricAlarms": [alarm], "CompositeAlarms": list(composites)}
    return World().says("cloudwatch:DescribeAlarms", page, region=HOME)


def test_composites_are_resolved_in_their_own_region() -> None:
    found = counted(alarms(COMPOSITE))["alarms"]
    assert (found["count"], found["states"], found["actions_off"]) == (2, {"ALARM": 1, "OK": 1}, 1)
    assert found["composites"][0]["children"] == {"a": "OK", "gone": None}


def test_a_rule_that_cannot_be_read_names_nothing() -> None:
    for rule in ("ALARM(", None, "x" * 20_000):
        assert counted(alarms({**COMPOSITE, "AlarmRule": rule}))["alarms"]["composites"][0]["children"] is None


def test_answers_that_are_missing_are_named() -> None:
    document = counted(alarms(COMPOSITE).refuses("cloudwatch:DescribeAlarms", region=FAR))
    assert f"cloudwatch:DescribeAlarms {FAR}" in document["unread"]


def test_sizes_add_up_and_odd_ones_count_for_nothing() -> None:
    groups = [
        {"logGroupName": "small", "storedBytes": 7, "retentionInDays": 30},
        {"logGroupName": "large", "storedBytes": 70},
        {"logGroupName": "odd", "storedBytes": "many", "retentionInDays": True},
        {"logGroupName": "hostile", "storedBytes": -5},
    ]
    found = counted(World().says("logs:DescribeLogGroups", {"logGroups": groups}, region=HOME))["log_groups"]
    assert (found["count"], found["bytes"], found["never_expire"]) == (4, 77, 2)
    assert [group["name"] for group in found["largest"]][:2] == ["large", "small"]


def test_machines_are_counted_once() -> None:
    own = [{"Name": "InstanceId", "Value": "i-1"}]
    metrics = {"Metrics": [{"MetricName": name, "Dimensions": own} for name in ("mem", "disk")]}
    document = counted(World().says("cloudwatch:ListMetrics", metrics, region=HOME))
    assert document["agent_metrics"] == {"metrics": 2, "instances": 1}

"""Plans in JSON: read as Terraform prints them, and answered as the folder is that they were made of."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.base.errors import UsageError
from auditor.monitoring.chain.link import State
from auditor.monitoring.infrastructure.plan import read_plan
from auditor.monitoring.infrastructure.terraform import read_terraform
from tests.monitoring.infrastructure.code import CONTROL, MAIN, PATTERN, TOPIC, answer, folder, state
from tests.monitoring.infrastructure.test_terraform import CALL, MODULE
from tests.monitoring.patterns.catalogue import requirement

FILTER: dict[str, Any] = {
    "name": "changes",
    "pattern": PATTERN,
    "log_group_name": "trail",
    "metric_transformation": [{"name": "changes", "namespace": "Audit", "value": "1", "default_value": None}],
}
ALARM: dict[str, Any] = {
    "alarm_name": "changes",
    "metric_name": "changes",
    "namespace": "Audit",
    "statistic": "Sum",
    "period": 300,
    "evaluation_periods": 1,
    "threshold": 1,
    "comparison_operator": "GreaterThanOrEqualToThreshold",
    "actions_enabled": True,
    "datapoints_to_alarm": None,
    "dimensions": None,
    "metric_query": [],
    "unit": None,
    "alarm_actions": None,
}
ACTIONS = {"alarm_actions": {"references": ["aws_sns_topic.alerts.arn", "aws_sns_topic.alerts"]}}
UNKNOWN_ACTIONS = {"alarm_actions": True, "id": True, "arn": True}


def resource(kind: str, name: str, values: dict[str, Any], module: str = "", index: str = "") -> dict[str, Any]:
    address = f"{module}{kind}.{name}{index}"
    return {"address": address, "mode": "managed", "type": kind, "name": name, "values": values}


def plan(
    *,
    alarm: dict[str, Any] | None = None,
    one: dict[str, Any] | None = None,
    expressions: dict[str, Any] | None = None,
    unknown: dict[str, Any] | None = None,
    without: str = "",
) -> str:
    """Return a plan with one filter, one alarm and one topic."""
    resources = [
        resource("aws_cloudwatch_log_metric_filter", "changes", {**FILTER, **(one or {})}),
        resource("aws_cloudwatch_metric_alarm", "changes", {**ALARM, **(alarm or {})}),
        resource("aws_sns_topic", "alerts", {"name": "alerts"}),
    ]
    resources = [item for item in resources if item["type"] != without]
    written = [
        {
            "address": item["address"],
            "expressions": {**ACTIONS, **(expressions or {})} if "alarm" in item["type"] else {},
        }
        for item in resources
    ]
    changed = "aws_cloudwatch_metric_alarm.changes"
    changes = [{"address": changed, "change": {"after_unknown": {**UNKNOWN_ACTIONS, **(unknown or {})}}}]
    return json.dumps(
        {
            "planned_values": {"root_module": {"resources": resources}},
            "resource_changes": changes,
            "configuration": {"root_module": {"resources": written}},
        }
    )


def refers(*names: str) -> dict[str, Any]:
    return {"references": list(names)}


ID = "aws_cloudwatch_log_metric_filter.changes.id"
SHAPES = [
    pytest.param(MAIN, plan(), State.OK, id="right"),
    pytest.param(
        MAIN.replace("= StopLogging", "= StopLoging"),
        plan(one={"pattern": PATTERN.replace("= StopLogging", "= StopLoging")}),
        State.BROKEN,
        id="misspelt",
    ),
    pytest.param(
        MAIN.replace('metric_name         = "changes"', f"metric_name = {ID}"),
        plan(
            alarm={"metric_name": None},
            expressions={"metric_name": refers(ID, ID.removesuffix(".id"))},
            unknown={"metric_name": True},
        ),
        State.OK,
        id="id",
    ),
    pytest.param(
        MAIN.replace('"Sum"', '"Sum"\n  count = 0'),
        plan(without="aws_cloudwatch_metric_alarm"),
        State.BROKEN,
        id="none-of-it",
    ),
    pytest.param(
        MAIN.replace("[aws_sns_topic.alerts.arn]", "[]"),
        plan(alarm={"alarm_actions": []}, unknown={"alarm_actions": False}),
        State.BROKEN,
        id="no-action",
    ),
    pytest.param(
        MAIN.replace('"Sum"', '"Sum"\n  actions_enabled = "false"'),
        plan(alarm={"actions_enabled": False}),
        State.BROKEN,
        id="off",
    ),
    pytest.param(
        MAIN.replace('namespace           = "Audit"', "namespace = random_id.x.hex"),
        plan(
            alarm={"namespace": None},
            expressions={"namespace": refers("random_id.x.hex", "random_id.x")},
            unknown={"namespace": True},
        ),
        State.UNKNOWN,
        id="open-on-one-side",
    ),
    pytest.param(
        MAIN.replace('period              = "300"', "period = data.x_y.z.period"),
        plan(
            alarm={"period": None},
            expressions={"period": refers("data.x_y.z.period", "data.x_y.z")},
            unknown={"period": True},
        ),
        State.UNKNOWN,
        id="open-period",
    ),
]


@pytest.mark.parametrize(("text", "planned", "expected"), SHAPES)
def test_a_plan_and_its_folder_are_answered_alike(text: str, planned: str, expected: State, tmp_path: Path) -> None:
    assert state(read_plan(planned)) is expected
    assert state(read_terraform(folder(tmp_path, text))) is expected


def module_plan(*, namespace: str | None = "Audit", reference: str = "") -> str:
    """Return the plan of a module called over a map, with names that only exist after it is applied."""
    inside = "module.alarms."
    change = {"name": "changes", "namespace": namespace, "value": "1"}
    resources = [
        resource(
            "aws_cloudwatch_log_metric_filter",
            "this",
            {**FILTER, "metric_transformation": [change]},
            inside,
            '["changes"]',
        ),
        resource(
            "aws_cloudwatch_metric_alarm",
            "this",
            {**ALARM, "metric_name": None, "namespace": namespace},
            inside,
            '["changes"]',
        ),
    ]
    this = "aws_cloudwatch_log_metric_filter.this"
    written = [
        {
            "address": this,
            "expressions": {"metric_transformation": [{"namespace": refers("var.namespace")}]},
        },
        {
            "address": "aws_cloudwatch_metric_alarm.this",
            "expressions": {
                "metric_name": refers(f"{this}[each.key].id", f"{this}[each.key]", this, "each.key"),
                "namespace": refers(f"{this}[each.key].metric_transformation[0].namespace", f"{this}[each.key]", this),
                "alarm_actions": refers("var.topics"),
            },
        },
    ]
    call = {
        "expressions": {
            "topics": refers("aws_sns_topic.alerts.arn", "aws_sns_topic.alerts"),
            "namespace": refers(reference) if reference else {"constant_value": namespace},
        },
        "module": {"resources": written},
    }
    return json.dumps(
        {
            "planned_values": {
                "root_module": {
                    "resources": [resource("aws_sns_topic", "alerts", {"name": "alerts"})],
                    "child_modules": [{"address": "module.alarms", "resources": resources}],
                }
            },
            "configuration": {"root_module": {"module_calls": {"alarms": call}}},
        }
    )


def test_a_module_is_answered_alike(tmp_path: Path) -> None:
    assert state(read_plan(module_plan())) is State.OK
    assert state(read_terraform(folder(tmp_path, CALL, alarms__main_tf=MODULE))) is State.OK


def test_a_topic_of_another_configuration_is_taken_to_reach_somebody() -> None:
    planned = plan(expressions={"alarm_actions": refers("data.aws_sns_topic.x.arn", "data.aws_sns_topic.x")})
    assert state(read_plan(planned)) is State.OK


def test_a_plan_without_a_configuration_is_read() -> None:
    document = json.loads(plan(alarm={"alarm_actions": ["arn:aws:sns:eu-central-1:111122223333:alerts"]}))
    del document["configuration"], document["resource_changes"]
    assert state(read_plan(json.dumps(document))) is State.OK


def test_metric_maths_in_a_plan() -> None:
    query = [
        {"id": "e", "expression": "FILL(m1, 0)", "return_data": True},
        {"id": "m1", "metric": [{"metric_name": "changes", "namespace": "Audit", "period": 300, "stat": "Sum"}]},
    ]
    assert state(read_plan(plan(alarm={"metric_query": query, "metric_name": None, "namespace": None}))) is State.OK


def test_what_is_open_in_a_plan_is_named_with_its_address() -> None:
    planned = plan(
        alarm={"period": None}, expressions={"period": refers("data.x_y.z.period")}, unknown={"period": True}
    )
    found = answer(read_plan(planned))
    assert "data.x_y.z.period (aws_cloudwatch_metric_alarm.changes)" in found.reason


def test_rules_and_targets_of_a_plan() -> None:
    pattern = json.dumps({"detail": {"eventName": list(requirement(CONTROL).events)}})
    resources = [
        resource("aws_cloudwatch_event_rule", "r", {"name": "r", "event_pattern": pattern, "state": "ENABLED"}),
        resource("aws_cloudwatch_event_target", "t", {"rule": "r", "arn": "arn:aws:sns:eu-central-1:1:a"}),
    ]
    for kept, expected in ((resources, State.OK), (resources[:1], State.BROKEN)):
        assert state(read_plan(json.dumps({"planned_values": {"root_module": {"resources": kept}}}))) is expected


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"planned_values": 5}', "x", "[" * 100_000, TOPIC])
def test_no_plan_is_one_message(text: str) -> None:
    with pytest.raises(UsageError):
        read_plan(text)


@pytest.mark.parametrize(
    "text", ['{"planned_values": {},}', '{\n# comment\n"planned_values": {}}'], ids=["comma", "comment"]
)
def test_json_that_is_none_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(UsageError, match=r"plan\.json:\d+: .*column \d+"):
        read_plan(text, "plan.json")


HOSTILE = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["references", "name", "namespace", "address", "x"]), inner, max_size=2)
    ),
    max_leaves=5,
)


@settings(deadline=None, max_examples=60)
@given(HOSTILE, HOSTILE, HOSTILE, st.sampled_from(sorted(ALARM)))
def test_any_value_anywhere_is_judged(value: Any, expression: Any, unknown: Any, name: str) -> None:
    planned = plan(alarm={name: value}, expressions={name: expression}, unknown={name: unknown})
    assert answer(read_plan(planned)).state in set(State)

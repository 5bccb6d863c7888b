"""What Terraform files and plans leave open is never taken for good, however the evaluator fills it."""

import json
from pathlib import Path
from typing import Any

import pytest

from auditor.base.errors import UsageError
from auditor.monitoring.chain.link import State
from auditor.monitoring.infrastructure.plan import read_plan
from auditor.monitoring.infrastructure.terraform import read_terraform
from tests.monitoring.infrastructure.code import ALARM, MAIN, answer, folder, state
from tests.monitoring.infrastructure.test_plan import FILTER, plan

THRESHOLD = 'threshold           = "1"'
OF_FILTER, OF_ALARM = 'namespace = "Audit"', 'namespace           = "Audit"'
PARAMETER = 'data "aws_ssm_parameter" "p" { name = "x" }\n'
WEST = 'provider "aws" {\n  alias = "west"\n  region = "us-west-2"\n}\n'
EAST = 'provider "aws" {\n  region = "us-east-1"\n}\n'
REGION = 'data "aws_region" "current" {}\n'
LONG = "b" * 130


def with_threshold(expression: str, more: str = "") -> str:
    return MAIN.replace(THRESHOLD, f"threshold = {expression}") + more


def with_value(line: str, more: str = "") -> str:
    """Give the alarm one more line."""
    return MAIN.replace('"Sum"', f'"Sum"\n  {line}') + more


def with_names(of_filter: str, of_alarm: str, more: str = "") -> str:
    return MAIN.replace(OF_FILTER, f"namespace = {of_filter}").replace(OF_ALARM, f"namespace = {of_alarm}") + more


def with_transformation(line: str) -> str:
    return MAIN.replace('value     = "1"', line)


def judged(place: Path, text: str, **files: str) -> State:
    return state(read_terraform(folder(place, text, **files)))


def test_the_whole_code_is_covered(tmp_path: Path) -> None:
    assert judged(tmp_path, MAIN) is State.OK


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(with_value('actions_enabled = terraform.workspace == "prod" ? false : true'), id="workspace"),
        pytest.param(
            with_value('actions_enabled = data.aws_region.current.name == "us-east-1" ? false : true', REGION),
            id="compared-with-the-region",
        ),
        pytest.param(
            with_value(
                'actions_enabled = local.r == "us-east-1" ? false : true',
                REGION + "locals {\n  r = data.aws_region.current.name\n}\n",
            ),
            id="compared-with-the-region-by-a-local",
        ),
        pytest.param(with_value('count = data.aws_region.current.name != "us-east-1" ? 1 : 0', REGION), id="count"),
        pytest.param(with_threshold('try(tonumber(data.aws_ssm_parameter.p["value"]), 1)', PARAMETER), id="by-index"),
        pytest.param(with_threshold("try((data.aws_ssm_parameter.p).value, 1)", PARAMETER), id="in-parentheses"),
        pytest.param(with_threshold('try(lookup(data.aws_ssm_parameter.p, "value"), 1)', PARAMETER), id="as-a-whole"),
        pytest.param(with_threshold("try(ephemeral.x_y.p.value, 1)", 'ephemeral "x_y" "p" {}\n'), id="ephemeral"),
        pytest.param(with_threshold("try(provider::x::y(1), 1)"), id="function-of-a-provider"),
        pytest.param(with_threshold('try(tonumber(templatefile("x", {})), 1)'), id="function-that-is-not-evaluated"),
        pytest.param(with_threshold("try(local.m[var.open], 1)", "locals {\n  m = { a = 1, b = 9 }\n}\n"), id="index"),
        pytest.param(with_threshold("try(var .open, 1)"), id="blank-in-a-name"),
        pytest.param(with_threshold("try(var.é, 1)", 'variable "é" {}\n'), id="letters-beyond-ascii"),
        pytest.param(with_value("actions_enabled /* c */ = try(var.flag, true)"), id="comment-before-the-value"),
        pytest.param(with_transformation('value /* c */ = try(var.open, "1")'), id="comment-in-a-block"),
        pytest.param(
            with_transformation('value = try(aws_x.x.b[0].v, "1")')
            + 'resource "aws_x" "x" {\n  b {\n    v = var.open\n  }\n}\n',
            id="open-in-a-block-of-another-resource",
        ),
        pytest.param(with_names("uuid()", "uuid()"), id="another-value-each-time"),
        pytest.param(with_names(f'"${{random_id.x.hex}}{LONG}x"', f'"${{random_id.x.hex}}{LONG}y"'), id="long-names"),
        pytest.param(with_value("provider = aws.west", WEST), id="another-provider"),
        pytest.param(with_value('region = "us-west-2"'), id="a-region-of-its-own"),
        pytest.param(
            MAIN
            + WEST
            + 'resource "aws_cloudtrail" "t" {\n  name = "t"\n  provider = aws.west\n  s3_bucket_name = "b"\n'
            '  is_multi_region_trail = true\n  cloud_watch_logs_group_arn = "a:b:c:d:e:log-group:trail:*"\n}\n',
            id="a-trail-of-another-provider",
        ),
    ],
)
def test_what_is_not_resolved_is_not_decided(text: str, tmp_path: Path) -> None:
    assert judged(tmp_path, text) is State.UNKNOWN


NAMED = 'locals {\n  ns = "Audit"\n}\n'
TWO = 'locals {\n  a = "Audit"\n  b = "Audit"\n}\n'


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        pytest.param('resource "aws_cloudwatch_metric_alarm" "changes" {\n  threshold = 9\n}\n', MAIN, id="resource"),
        pytest.param(NAMED.replace("Audit", "Other"), with_names('"Audit"', "local.ns", NAMED), id="local"),
        pytest.param(
            'variable "ns" { default = "x" }\n',
            with_names('"Audit"', "var.ns", 'variable "ns" { default = "Audit" }\n'),
            id="variable",
        ),
        pytest.param('locals {\n  a = "Other"\n}\n', with_names("local.a", "local.b", TWO), id="one-of-two-locals"),
    ],
)
def test_what_an_override_file_changes_is_open(changed: str, text: str, tmp_path: Path) -> None:
    assert judged(tmp_path / "without", text) is State.OK
    assert judged(tmp_path / "with", text, some_override_tf=changed) is State.UNKNOWN


ALARM_WEST = with_value("provider = aws.west")
ALL_WEST = ALARM_WEST.replace("log_group_name =", "provider = aws.west\n  log_group_name =").replace(
    'name = "alerts"', 'name = "alerts"\n  provider = aws.west'
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(ALARM_WEST + EAST + WEST, State.BROKEN, id="two-regions"),
        pytest.param(ALARM_WEST + EAST.replace("east-1", "west-2") + WEST, State.OK, id="one-region"),
        pytest.param(ALL_WEST + EAST + WEST, State.OK, id="all-of-one"),
    ],
)
def test_filter_and_alarm_meet_in_one_region_only(text: str, expected: State, tmp_path: Path) -> None:
    assert judged(tmp_path, text) is expected


def test_a_module_given_another_provider_is_elsewhere(tmp_path: Path) -> None:
    module = 'variable "topics" {}\n' + ALARM.replace("[aws_sns_topic.alerts.arn]", "var.topics")
    handed = 'source = "./alarms"\n  topics = [aws_sns_topic.alerts.arn]\n  providers = { aws = aws.west }'
    text = MAIN.replace(ALARM, f'module "alarms" {{\n  {handed}\n}}\n') + EAST + WEST
    assert judged(tmp_path / "apart", text, alarms__main_tf=module) is State.BROKEN
    alike = text.replace("us-west-2", "us-east-1")
    assert judged(tmp_path / "alike", alike, alarms__main_tf=module) is State.OK


def in_json(**alarm: Any) -> str:
    transformation = alarm.pop("transformation", FILTER["metric_transformation"][0])
    values = {
        "alarm_name": "changes", "metric_name": "changes", "namespace": "Audit", "statistic": "Sum", "period": 300,
        "evaluation_periods": 1, "threshold": 1, "comparison_operator": "GreaterThanOrEqualToThreshold",
        "alarm_actions": ["${aws_sns_topic.alerts.arn}"], **alarm,
    }  # fmt: skip
    return json.dumps(
        {
            "variable": {"open": {}, "flag": {}},
            "resource": {
                "aws_sns_topic": {"alerts": {"name": "alerts"}},
                "aws_cloudwatch_log_metric_filter": {"changes": {**FILTER, "metric_transformation": transformation}},
                "aws_cloudwatch_metric_alarm": {"changes": values},
            },
        }
    )


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({}, State.OK, id="right"),
        pytest.param({"threshold": "${try({a = 1}[var.open], 1)}"}, State.UNKNOWN, id="behind-a-brace"),
        pytest.param({"actions_enabled": "%{ if var.flag }true%{ else }true%{ endif }"}, State.UNKNOWN, id="directive"),
        pytest.param(
            {"transformation": {"name": "changes", "namespace": "Audit", "value": '${try(var.open, "1")}'}},
            State.UNKNOWN,
            id="in-a-block",
        ),
    ],
)
def test_the_json_form_hides_nothing(changed: dict[str, Any], expected: State, tmp_path: Path) -> None:
    (tmp_path / "main.tf.json").write_text(in_json(**changed))
    assert state(read_terraform(tmp_path)) is expected


@pytest.mark.parametrize(
    ("files", "words"),
    [
        pytest.param({"main_tf": MAIN + ALARM}, "aws_cloudwatch_metric_alarm.changes stands there twice", id="twice"),
        pytest.param({"main_tf": MAIN, "main.tofu": ALARM}, "main.tofu is read by OpenTofu alone", id="tofu"),
    ],
)
def test_code_with_two_readings_is_refused(files: dict[str, str], words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        read_terraform(folder(tmp_path, files.pop("main_tf"), **files))


def planned(change: dict[str, Any] | None = None, **parts: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(plan(**parts))
    return document | (change or {})


def test_what_a_plan_only_knows_later_is_open_in_blocks_and_maps_too() -> None:
    dimensions = planned(alarm={"dimensions": {}}, expressions={"dimensions": {}}, unknown={"dimensions": {"A": True}})
    assert state(read_plan(json.dumps(dimensions))) is not State.OK
    transformed = planned(one={"metric_transformation": [{"name": "changes", "namespace": "Audit"}]})
    later = {"address": "aws_cloudwatch_log_metric_filter.changes", "change": {}}
    transformed["resource_changes"].append(later)
    assert state(read_plan(json.dumps(transformed))) is State.OK
    later["change"] = {"after_unknown": {"metric_transformation": [{"value": True}]}}
    assert state(read_plan(json.dumps(transformed))) is State.UNKNOWN


def test_resources_of_a_plan_meet_in_one_region_only() -> None:
    document = planned()
    regions = {"aws": "us-east-1", "aws.west": "us-west-2"}
    providers: dict[str, Any] = {
        name: {"expressions": {"region": {"constant_value": region}}} for name, region in regions.items()
    }
    document["configuration"]["provider_config"] = providers
    (alarm,) = [one for one in document["configuration"]["root_module"]["resources"] if "alarm" in one["address"]]
    assert state(read_plan(json.dumps(document))) is State.OK
    alarm["provider_config_key"] = "aws.west"
    assert state(read_plan(json.dumps(document))) is State.BROKEN
    providers["aws.west"]["expressions"]["region"] = {"references": ["var.region"]}
    assert state(read_plan(json.dumps(document))) is State.UNKNOWN


def test_a_plan_that_ended_in_an_error_is_refused_and_a_part_is_called_one() -> None:
    with pytest.raises(UsageError, match="ended in an error"):
        read_plan(json.dumps(planned({"errored": True})))
    part = read_plan(json.dumps(planned({"complete": False}, without="aws_cloudwatch_metric_alarm")))
    assert answer(part).state is State.UNKNOWN
    assert "the plan is for a part of the code only" in answer(part).reason

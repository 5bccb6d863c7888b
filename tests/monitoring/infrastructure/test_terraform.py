"""Folders of Terraform as people write them: evaluated by tfparse, and never taken for known what is open."""

import importlib.util
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.base.errors import UsageError
from auditor.monitoring.chain.link import State
from auditor.monitoring.infrastructure import evaluator
from auditor.monitoring.infrastructure.account import Infrastructure
from auditor.monitoring.infrastructure.source import index, references
from auditor.monitoring.infrastructure.terraform import read_terraform
from tests.monitoring.infrastructure.code import ALARM, CONTROL, FILTER, MAIN, PATTERN, TOPIC, answer, folder, state
from tests.monitoring.patterns.catalogue import requirement

NAME = "metric_name         = "


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("", "", State.OK, id="right"),
        pytest.param("= StopLogging", "= StopLoging", State.BROKEN, id="misspelt"),
        pytest.param('threshold           = "1"', "threshold           = 9", State.BROKEN, id="threshold"),
        pytest.param("[aws_sns_topic.alerts.arn]", "[]", State.BROKEN, id="no-action"),
        pytest.param("[aws_sns_topic.alerts.arn]", '[""]', State.BROKEN, id="empty-action"),
        pytest.param("[aws_sns_topic.alerts.arn]", "[var.open]", State.OK, id="topic-elsewhere"),
        pytest.param("[aws_sns_topic.alerts.arn]", "[data.aws_sns_topic.x.arn]", State.OK, id="topic-by-data-source"),
        pytest.param("[aws_sns_topic.alerts.arn]", "var.opens", State.UNKNOWN, id="open-list"),
        pytest.param("[aws_sns_topic.alerts.arn]", "aws_sns_topic.alerts[*].arn", State.OK, id="splat"),
        pytest.param(
            "[aws_sns_topic.alerts.arn]", "concat([aws_sns_topic.alerts.arn], var.opens)", State.UNKNOWN, id="concat"
        ),
        pytest.param(
            'period              = "300"', "period              = var.number", State.UNKNOWN, id="open-period"
        ),
        pytest.param('evaluation_periods  = "1"', "evaluation_periods  = var.number", State.UNKNOWN, id="open-periods"),
        pytest.param(
            'statistic           = "Sum"',
            'statistic = "Sum"\n  actions_enabled = "false"',
            State.BROKEN,
            id="quoted-false",
        ),
        pytest.param(
            'statistic           = "Sum"',
            'statistic = "Sum"\n  actions_enabled = var.flag',
            State.UNKNOWN,
            id="open-flag",
        ),
        pytest.param('statistic           = "Sum"', 'statistic = "Sum"\n  count = 0', State.BROKEN, id="none-of-it"),
        pytest.param(
            'statistic           = "Sum"',
            'statistic = "Sum"\n  count = var.flag ? 1 : 0',
            State.UNKNOWN,
            id="open-count",
        ),
        pytest.param(
            'statistic           = "Sum"', 'statistic = "Sum"\n  count = var.yes ? 1 : 0', State.OK, id="count"
        ),
        pytest.param(
            'statistic           = "Sum"',
            'statistic = "Sum"\n  for_each = toset(var.opens)',
            State.UNKNOWN,
            id="open-for-each",
        ),
        pytest.param(
            'statistic           = "Sum"', 'statistic = "Sum"\n  for_each = {}', State.BROKEN, id="empty-for-each"
        ),
        pytest.param(f'{NAME}"changes"', f"{NAME}aws_cloudwatch_log_metric_filter.changes.id", State.OK, id="id"),
        pytest.param(f'{NAME}"changes"', f"{NAME}aws_cloudwatch_log_metric_filter.changes.name", State.OK, id="name"),
        pytest.param(
            f'{NAME}"changes"', f'{NAME}"${{aws_cloudwatch_log_metric_filter.changes.id}}"', State.OK, id="id-in-text"
        ),
        pytest.param(
            f'{NAME}"changes"',
            f'{NAME}"aws_cloudwatch_log_metric_filter.changes.id"',
            State.BROKEN,
            id="only-looks-like-it",
        ),
        pytest.param(
            f'{NAME}"changes"',
            f"{NAME}aws_cloudwatch_log_metric_filter.changes.metric_transformation[0].name",
            State.OK,
            id="nested",
        ),
        pytest.param(
            f'{NAME}"changes"',
            f'{NAME}try(aws_cloudwatch_log_metric_filter.changes.metric_transformation[0].name, "")',
            State.OK,
            id="nested-in-try",
        ),
        pytest.param(f'{NAME}"changes"', f'{NAME}local.names["changes"]', State.OK, id="local-by-key"),
        pytest.param(f'{NAME}"changes"', f'{NAME}lower("CHANGES")', State.OK, id="function"),
        pytest.param(f'{NAME}"changes"', f"{NAME}var.open", State.UNKNOWN, id="open-name"),
        pytest.param(f'{NAME}"changes"', f'{NAME}try(var.open, "changes")', State.UNKNOWN, id="open-in-try"),
        pytest.param(f'{NAME}"changes"', f'{NAME}try(data.x_y.z.name, "changes")', State.UNKNOWN, id="data-in-try"),
        pytest.param(f'{NAME}"changes"', f'{NAME}coalesce(var.open, "changes")', State.UNKNOWN, id="open-in-coalesce"),
        pytest.param(f'{NAME}"changes"', f"{NAME}null_resource.x.triggers.name", State.UNKNOWN, id="another-resource"),
        pytest.param('namespace = "Audit"', "namespace = random_id.x.hex", State.UNKNOWN, id="open-on-one-side"),
        pytest.param('"Audit"', "random_id.x.hex", State.OK, id="open-on-both-sides"),
        pytest.param('"Audit"', "var.open", State.UNKNOWN, id="variable-without-value"),
        pytest.param('"Audit"', "var.namespace", State.OK, id="variable-with-default"),
        pytest.param('value     = "1"', "value     = var.open", State.UNKNOWN, id="open-value"),
        pytest.param('value     = "1"', 'value     = "0"', State.BROKEN, id="value"),
        pytest.param('"Sum"', '"Sum"\n  treat_missing_data = null', State.OK, id="null"),
        pytest.param('"Sum"', '"Sum"\n  datapoints_to_alarm = var.nothing', State.OK, id="null-by-default"),
    ],
)
def test_what_terraform_computes_is_computed(old: str, new: str, expected: State, tmp_path: Path) -> None:
    assert old in MAIN
    assert state(read_terraform(folder(tmp_path, MAIN.replace(old, new) if old else MAIN))) is expected


MODULE = """
variable "filters" { type = map(object({ pattern = string, threshold = optional(number, 1) })) }
variable "namespace" {}
variable "topics" { default = [] }
resource "aws_cloudwatch_log_metric_filter" "this" {
  for_each       = var.filters
  name           = each.key
  pattern        = each.value.pattern
  log_group_name = "trail"
  metric_transformation {
    name      = each.key
    namespace = var.namespace
    value     = "1"
  }
}
resource "aws_cloudwatch_metric_alarm" "this" {
  for_each            = var.filters
  alarm_name          = each.key
  comparison_operator = "GreaterThanOrEqualToThreshold"
  evaluation_periods  = 1
  metric_name         = aws_cloudwatch_log_metric_filter.this[each.key].id
  namespace           = aws_cloudwatch_log_metric_filter.this[each.key].metric_transformation[0].namespace
  period              = 300
  statistic           = "Sum"
  threshold           = each.value.threshold
  alarm_actions       = var.topics
}
"""
CALL = f"""
variable "open" {{}}
resource "aws_sns_topic" "alerts" {{ name = "alerts" }}
module "alarms" {{
  source    = "./alarms"
  namespace = "Audit"
  topics    = [aws_sns_topic.alerts.arn]
  filters   = {{
    changes = {{ pattern = "{PATTERN}" }}
  }}
}}
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("", "", State.OK, id="right"),
        pytest.param('pattern = "', 'threshold = 5, pattern = "', State.BROKEN, id="threshold"),
        pytest.param('"Audit"', "var.open", State.UNKNOWN, id="open-namespace"),
        pytest.param('"Audit"', "random_id.x.hex", State.OK, id="open-and-equal"),
        pytest.param("topics    = [aws_sns_topic.alerts.arn]", "", State.BROKEN, id="default-in-the-module"),
        pytest.param('namespace = "Audit"', 'namespace = "Audit"\n  count = 2', State.OK, id="two-of-it"),
        pytest.param('namespace = "Audit"', 'namespace = "Audit"\n  count = 0', State.BROKEN, id="none-of-it"),
        pytest.param('namespace = "Audit"', 'namespace = "Audit"\n  count = var.open', State.UNKNOWN, id="open-count"),
        pytest.param('"./alarms"', '"registry/alarms/aws"', State.UNKNOWN, id="registry"),
        pytest.param('"./alarms"', '"./nowhere"', State.UNKNOWN, id="not-on-disk"),
    ],
)
def test_modules_on_disk_are_followed(old: str, new: str, expected: State, tmp_path: Path) -> None:
    text = CALL.replace(old, new) if old else CALL
    found = answer(read_terraform(folder(tmp_path, text, alarms__main_tf=MODULE)))
    assert found.state is expected
    if old.startswith('"./'):
        assert "main.tf:4" in found.reason
        assert "not on disk" in found.reason


def test_a_module_given_with_dotted_provider_keys_and_loops_is_read(tmp_path: Path) -> None:
    """Shapes that many public modules have."""
    text = CALL.replace(
        'namespace = "Audit"',
        'namespace = "Audit"\n  providers = {\n    aws.main = aws.other\n  }',
    ) + (
        'locals {\n  all = {\n    for name, one in { a = 1, b = 2 } :\n    name => one\n    if one > 1\n  }\n}\n'
        'provider "aws" {\n  alias = "other"\n}\n'
    )  # fmt: skip
    module = MODULE + (
        "terraform {\n  required_providers {\n    aws = {\n"
        '      source = "hashicorp/aws"\n      configuration_aliases = [aws.main]\n    }\n  }\n}\n'
    )
    assert state(read_terraform(folder(tmp_path, text, alarms__main_tf=module))) is State.OK


def test_variables_are_taken_from_where_terraform_takes_them(tmp_path: Path) -> None:
    text = MAIN.replace('threshold           = "1"', "threshold           = var.number")
    place = folder(tmp_path, text)
    assert state(read_terraform(place)) is State.UNKNOWN
    assert state(read_terraform(place, ["number=1"])) is State.OK
    (place / "terraform.tfvars").write_text("number = 9\n", encoding="utf-8")
    assert state(read_terraform(place)) is State.BROKEN
    (place / "a.auto.tfvars.json").write_text('{"number": 1}', encoding="utf-8")
    assert state(read_terraform(place)) is State.OK
    given = tmp_path / "prod" / "given.tfvars"
    given.parent.mkdir()
    given.write_text("number = 9", encoding="utf-8")
    assert state(read_terraform(place, (), [given])) is State.BROKEN
    assert state(read_terraform(place, ["number=1"], [given])) is State.OK
    with pytest.raises(UsageError, match="declares no such variable"):
        read_terraform(place, ["other=1"])
    with pytest.raises(UsageError, match="name=value"):
        read_terraform(place, ["number"])


def test_what_is_open_is_named_with_file_and_line(tmp_path: Path) -> None:
    text = MAIN.replace('period              = "300"', "period              = var.number")
    found = answer(read_terraform(folder(tmp_path, text)))
    line = text[: text.index("var.number")].count("\n") + 1
    assert f"var.number (main.tf:{line})" in found.reason
    assert found.open == (f"var.number (main.tf:{line})",)
    assert "Unknown" not in found.reason + " ".join(found.places)


def test_places_are_those_of_the_guilty(tmp_path: Path) -> None:
    other = FILTER.replace("changes", "users").replace(PATTERN, "{ $.eventName = CreateUser }")
    text = other + MAIN.replace("= StopLogging", "= StopLoging")
    found = answer(read_terraform(folder(tmp_path, text)))
    assert "changes misses StopLogging" in found.reason
    line = text[: text.index('filter" "changes')].count("\n") + 1
    assert found.places == (f"main.tf:{line}",)


@pytest.mark.parametrize(
    ("name", "expected"), [("random_id.x.hex", State.OK), ("var.open", State.UNKNOWN), ("var.namespace", State.OK)]
)
def test_the_id_of_a_filter_with_an_open_name_is_that_name(name: str, expected: State, tmp_path: Path) -> None:
    text = MAIN.replace('name           = "changes"', f"name = {name}").replace(
        'name      = "changes"', f"name = {name}"
    )
    text = text.replace('metric_name         = "changes"', "metric_name = aws_cloudwatch_log_metric_filter.changes.id")
    assert state(read_terraform(folder(tmp_path, text))) is expected


def test_a_list_is_read_item_by_item_where_it_is_handed_to_a_module(tmp_path: Path) -> None:
    text = CALL.replace("[aws_sns_topic.alerts.arn]", "[module.elsewhere.arn, var.open]")
    assert state(read_terraform(folder(tmp_path, text, alarms__main_tf=MODULE))) is State.OK
    handed = CALL.replace("[aws_sns_topic.alerts.arn]", "module.elsewhere.arns")
    assert state(read_terraform(folder(tmp_path, handed, alarms__main_tf=MODULE))) is State.UNKNOWN


def test_account_and_region_of_the_caller_are_known(tmp_path: Path) -> None:
    condition = """
    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:aws:cloudwatch:${data.aws_region.x.name}:${data.aws_caller_identity.x.account_id}:alarm:%s"]
    }
  }
}
resource"""
    policy = POLICY % "cloudwatch.amazonaws.com"
    for name, expected in (("*", State.OK), ("changes", State.OK), ("other", State.BROKEN)):
        text = MAIN + policy.replace("  }\n}\nresource", condition.lstrip("\n") % name)
        assert state(read_terraform(folder(tmp_path, text))) is expected


def test_a_filter_for_other_events_is_not_blamed_for_a_name_that_it_shares(tmp_path: Path) -> None:
    names = ("AttachPolicy", "CreateUser", "CreateRole", "CreateGroup", "PutUserPolicy", "PutRolePolicy")
    pattern = "{ " + " || ".join(f"($.eventName = {name})" for name in names) + " }"
    found = answer(read_terraform(folder(tmp_path, MAIN.replace(PATTERN, pattern))), "monitor-organizations-changes")
    assert found.state is State.BROKEN
    assert found.reason.startswith("No metric filter catches AcceptHandshake")
    assert found.places == ()


def test_rules_with_jsonencode_and_targets(tmp_path: Path) -> None:
    events = json.dumps(list(requirement(CONTROL).events))
    text = f"""
variable "open" {{}}
resource "aws_cloudwatch_event_rule" "r" {{
  event_pattern = jsonencode({{ detail = {{ eventName = {events}, "eventType" : ["AwsApiCall"] }} }})
}}
resource "aws_cloudwatch_event_target" "t" {{
  rule = aws_cloudwatch_event_rule.r.name
  arn  = aws_sns_topic.alerts.arn
}}
{TOPIC}
"""
    unasked = state(read_terraform(folder(tmp_path, text)))
    assert unasked is State.UNKNOWN, "a topic without a policy of its own lets no EventBridge in"
    text += POLICY % "events.amazonaws.com"
    assert state(read_terraform(folder(tmp_path, text))) is State.OK
    assert state(read_terraform(folder(tmp_path, text.replace("event_target", "other")))) is State.BROKEN
    off = text.replace("event_pattern =", 'is_enabled = "false"\n  event_pattern =')
    assert state(read_terraform(folder(tmp_path, off))) is State.BROKEN
    opened = text.replace('["AwsApiCall"]', "[var.open]")
    assert state(read_terraform(folder(tmp_path, opened))) is State.UNKNOWN


POLICY = """
data "aws_iam_policy_document" "topic" {
  statement {
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alerts.arn]
    principals {
      type        = "Service"
      identifiers = ["%s"]
    }
  }
}
resource "aws_sns_topic_policy" "p" {
  arn    = aws_sns_topic.alerts.arn
  policy = data.aws_iam_policy_document.topic.json
}
"""


@pytest.mark.parametrize(
    ("service", "expected"),
    [("cloudwatch.amazonaws.com", State.OK), ("s3.amazonaws.com", State.BROKEN), ("${var.open}", State.UNKNOWN)],
)
def test_a_topic_policy_in_the_same_code_counts(service: str, expected: State, tmp_path: Path) -> None:
    assert state(read_terraform(folder(tmp_path, MAIN + POLICY % service))) is expected


TRAIL = """
resource "aws_cloudwatch_log_group" "trail" { name = "trail" }
resource "aws_cloudtrail" "t" {
  name                       = "t"
  s3_bucket_name             = "b"
  is_multi_region_trail      = true
  cloud_watch_logs_group_arn = "${aws_cloudwatch_log_group.trail.arn}:*"
  %s
}
"""


@pytest.mark.parametrize(
    ("more", "group", "expected"),
    [
        pytest.param("", "aws_cloudwatch_log_group.trail.name", State.OK, id="right"),
        pytest.param("", '"trail"', State.OK, id="by-name"),
        pytest.param("", '"other"', State.BROKEN, id="another-group"),
        pytest.param('enable_logging = "false"', '"trail"', State.BROKEN, id="stopped"),
        pytest.param("enable_logging = var.flag", '"trail"', State.UNKNOWN, id="open"),
        pytest.param(
            'event_selector {\n    read_write_type = "ReadOnly"\n  }', '"trail"', State.BROKEN, id="reads-only"
        ),
    ],
)
def test_a_trail_in_the_same_code_counts_for_and_against(
    more: str, group: str, expected: State, tmp_path: Path
) -> None:
    text = (
        MAIN.replace("log_group_name = aws_cloudwatch_log_group.trail.name", f"log_group_name = {group}") + TRAIL % more
    )
    assert state(read_terraform(folder(tmp_path, text))) is expected


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param('"${aws_cloudwatch_log_group.trail.arn}:*"', 'try(data.x_y.z.v, "a:b:*")', id="group"),
        pytest.param('= "Service"', "= var.open", id="kind-of-principal"),
        pytest.param('identifiers = ["cloudwatch.amazonaws.com"]', "identifiers = module.none.v", id="principals"),
        pytest.param("data.aws_iam_policy_document.topic.json", "try(data.x_y.z.json, null)", id="policy"),
        pytest.param("is_multi_region_trail      = true", "is_multi_region_trail = data.x_y.z.v", id="regions"),
    ],
)
def test_an_open_value_never_decides_against_what_is_right(old: str, new: str, tmp_path: Path) -> None:
    text = MAIN + TRAIL % "" + POLICY % "cloudwatch.amazonaws.com"
    assert old in text
    found = answer(read_terraform(folder(tmp_path, text.replace(old, new))))
    assert found.state is State.UNKNOWN
    assert "main.tf:" in found.reason
    assert "Unknown" not in found.reason


def test_a_mute_rule_keeps_alarms_back(tmp_path: Path) -> None:
    mute = """
resource "aws_cloudwatch_alarm_mute_rule" "nightly" {
  name = "nightly"
  rule {
    schedule {
      expression = "cron(0 2 * * *)"
      duration   = "PT2H"
    }
  }
  mute_targets { alarm_names = [%s] }
}
"""
    for names, expected in (
        ("aws_cloudwatch_metric_alarm.changes.alarm_name", State.BROKEN),
        ('"changes"', State.BROKEN),
        ('"other"', State.OK),
        ("var.open", State.UNKNOWN),
    ):
        assert state(read_terraform(folder(tmp_path, MAIN + mute % names))) is expected


def test_metric_maths_keep_their_ids(tmp_path: Path) -> None:
    query = """
  metric_query {
    id          = "e"
    expression  = "FILL(m1, 0)"
    return_data = true
  }
  metric_query {
    id = "m1"
    metric {
      metric_name = "changes"
      namespace   = "Audit"
      period      = 300
      stat        = "Sum"
    }
  }
"""
    alarm = ALARM.replace('  metric_name         = "changes"\n  namespace           = "Audit"\n', query)
    alarm = alarm.replace('  period              = "300"\n  statistic           = "Sum"\n', "")
    assert state(read_terraform(folder(tmp_path, MAIN.replace(ALARM, alarm)))) is State.OK


def test_the_json_form_is_read(tmp_path: Path) -> None:
    (tmp_path / "main.tf.json").write_text(
        json.dumps(
            {
                "variable": {"open": {"type": "string"}, "ns": {"default": "Audit"}},
                "resource": {
                    "aws_cloudwatch_log_metric_filter": {
                        "f": {
                            "name": "m",
                            "pattern": PATTERN,
                            "log_group_name": "g",
                            "metric_transformation": {"name": "m", "namespace": "${var.ns}", "value": "1"},
                        }
                    },
                    "aws_cloudwatch_metric_alarm": {
                        "a": {
                            "alarm_name": "a",
                            "metric_name": "${aws_cloudwatch_log_metric_filter.f.id}",
                            "namespace": "${var.ns}",
                            "statistic": "Sum",
                            "period": 300,
                            "evaluation_periods": 1,
                            "threshold": 1,
                            "comparison_operator": "GreaterThanOrEqualToThreshold",
                            "alarm_actions": ["${var.open}"],
                        }
                    },
                },
            }
        ),
        encoding="utf-8",
    )
    assert state(read_terraform(tmp_path)) is State.OK


def test_what_is_taken_for_granted_is_said_once(tmp_path: Path) -> None:
    notes = Infrastructure(read_terraform(folder(tmp_path, MAIN))).notes
    assert len(notes) == len(set(notes)) == 2
    assert "Subscribers are taken to confirm." in notes


def test_an_invalid_pattern_is_named_with_its_place(tmp_path: Path) -> None:
    found = Infrastructure(read_terraform(folder(tmp_path, MAIN.replace(PATTERN, "{ $.eventName == x }"))))
    (problem,) = found.invalid
    assert problem.startswith("aws_cloudwatch_log_metric_filter.changes (main.tf:")
    assert problem.endswith("== is no comparison; write = once (character 16)")


@pytest.mark.parametrize("text", ['resource "a" "b" {', "a = [1,", 'a = "x', "= 5", "a = <<E\nx"])
def test_what_is_no_terraform_is_refused_with_file_and_line(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"main\.tf:\d+"):
        read_terraform(folder(tmp_path, text))


def test_a_folder_without_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no \*\.tf files"):
        read_terraform(tmp_path)


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tfparse" else ...)
    with pytest.raises(UsageError) as refused:
        read_terraform(folder(tmp_path, MAIN))
    assert "auditor[terraform]" in refused.value.hint


def test_code_that_never_ends_ends_in_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluator, "SECONDS", 1)
    with pytest.raises(UsageError, match="within 1 seconds"):
        read_terraform(folder(tmp_path, 'resource "aws_sns_topic" "t" {\n  count = 100000000\n}\n'))


@settings(deadline=None)
@given(st.text('resource "a={}[]()<\n#$%x,.:/*5-', max_size=120))
def test_any_text_is_indexed(text: str) -> None:
    for block in index(text, "main.tf"):
        assert 1 <= block.line <= text.count("\n") + 1


def test_a_topic_that_is_not_made_tells_nobody(tmp_path: Path) -> None:
    none = MAIN.replace(TOPIC, TOPIC.replace("{", "{\n  count = %s\n"))
    text = none.replace("aws_sns_topic.alerts.arn", "aws_sns_topic.alerts[0].arn")
    for count, expected in (("0", State.BROKEN), ("1", State.OK), ("var.flag ? 1 : 0", State.UNKNOWN)):
        assert state(read_terraform(folder(tmp_path, text % count))) is expected


def test_code_made_to_take_long_is_read_or_refused(tmp_path: Path) -> None:
    chain = "".join(f"  a{n} = [local.a{n - 1}, local.b{n - 1}]\n  b{n} = local.a{n - 1}\n" for n in range(1, 13))
    long = MAIN.replace('"Sum"', '"Sum"\n  datapoints_to_alarm = length(local.a12)')
    text = long + f"locals {{\n  a0 = var.open\n  b0 = 1\n{chain}}}\n"
    deep = "locals {\n  x = " + '"${' * 3000 + "1" + '}"' * 3000 + "\n}\n"
    assert state(read_terraform(folder(tmp_path, text))) is State.UNKNOWN
    with pytest.raises(UsageError, match="deeply"):
        read_terraform(folder(tmp_path, MAIN + deep))


def test_references_are_found_outside_of_texts() -> None:
    (block,) = index(
        'a "b" {\n  v = "x.y ${var.a} ${f("q.r", local.b["k"])}" # c.d\n  w = <<-E\n  t.u ${var.c}\n  E\n}\n', "m.tf"
    )
    assert (
        references(block.values["v"].code) == ("var.a", 'local.b["k"]')
        or references(block.values["v"].code)[0] == "var.a"
    )
    assert references(block.values["w"].code) == ("var.c",)
    assert (block.values["v"].line, block.values["w"].line) == (2, 3)

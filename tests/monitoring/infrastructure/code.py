"""Shortcuts for tests about infrastructure code."""

from pathlib import Path

from auditor.monitoring.chain.link import State
from auditor.monitoring.infrastructure.account import Answer, Infrastructure
from auditor.monitoring.infrastructure.values import Code
from tests.monitoring.patterns.catalogue import requirement
from tests.monitoring.patterns.published import PRINTED

CONTROL = "monitor-cloudtrail-changes"
PATTERN = PRINTED[CONTROL]


def answer(code: Code, control: str = CONTROL) -> Answer:
    """Judge one control."""
    return Infrastructure(code).detect(requirement(control))


def state(code: Code, control: str = CONTROL) -> State:
    """Return what one control is answered with."""
    return answer(code, control).state


def folder(place: Path, text: str, **files: str) -> Path:
    """Write ``main.tf`` and further files, named with two underscores for a slash and one for a dot."""
    for name, content in {"main_tf": text, **files}.items():
        path = place / name.replace("__", "/").replace("_tf", ".tf")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return place


FILTER = f"""
resource "aws_cloudwatch_log_metric_filter" "changes" {{
  name           = "changes"
  log_group_name = aws_cloudwatch_log_group.trail.name
  pattern        = "{PATTERN}"
  metric_transformation {{
    name      = "changes"
    namespace = "Audit"
    value     = "1"
  }}
}}
"""
ALARM = """
resource "aws_cloudwatch_metric_alarm" "changes" {
  alarm_name          = "changes"
  metric_name         = "changes"
  namespace           = "Audit"
  statistic           = "Sum"
  period              = "300"
  evaluation_periods  = "1"
  threshold           = "1"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  alarm_actions       = [aws_sns_topic.alerts.arn]
}
"""
TOPIC = 'resource "aws_sns_topic" "alerts" {\n  name = "alerts"\n}\n'
MAIN = f"""
variable "open" {{ type = string }}
variable "opens" {{ type = list(string) }}
variable "number" {{ type = number }}
variable "flag" {{ type = bool }}
variable "yes" {{ default = true }}
variable "namespace" {{ default = "Other" }}
variable "nothing" {{ default = null }}
locals {{
  names = {{ changes = "changes" }}
}}
{TOPIC}{FILTER}{ALARM}"""

"""What Terraform calls the resources and values that have to do with detection, and what AWS calls them."""

from collections.abc import Mapping
from typing import Any

from auditor.monitoring.infrastructure.values import Resource, Unknown

_FILTER: Mapping[str, Any] = {
    "name": "FilterName",
    "pattern": "FilterPattern",
    "log_group_name": "LogGroupName",
    "apply_on_transformed_logs": "ApplyOnTransformedLogs",
    "metric_transformation": (
        "MetricTransformations",
        {
            "name": "MetricName",
            "namespace": "MetricNamespace",
            "value": "MetricValue",
            "default_value": "DefaultValue",
            "unit": "Unit",
            "dimensions": "Dimensions",
        },
    ),
}
_METRIC = {"metric_name": "MetricName", "namespace": "Namespace", "dimensions": "Dimensions", "unit": "Unit"}
_ALARM: Mapping[str, Any] = {
    **_METRIC,
    "alarm_name": "AlarmName",
    "alarm_rule": "AlarmRule",
    "alarm_actions": "AlarmActions",
    "actions_enabled": "ActionsEnabled",
    "statistic": "Statistic",
    "period": "Period",
    "evaluation_periods": "EvaluationPeriods",
    "datapoints_to_alarm": "DatapointsToAlarm",
    "threshold": "Threshold",
    "comparison_operator": "ComparisonOperator",
    "treat_missing_data": "TreatMissingData",
    "actions_suppressor": "ActionsSuppressor",
    "threshold_metric_id": "ThresholdMetricId",
    "metric_query": (
        "Metrics",
        {"id": "Id", "expression": "Expression", "return_data": "ReturnData", "metric": "metric"}
        | {"account_id": "AccountId"},
    ),
}
_MUTE: Mapping[str, Any] = {
    "name": "Name",
    "rule": (
        "Rule",
        {"schedule": ("Schedule", {"expression": "Expression", "duration": "Duration", "timezone": "Timezone"})},
    ),
    "mute_targets": ("MuteTargets", {"alarm_names": "AlarmNames"}),
}
_RULE = {"name": "Name", "event_pattern": "EventPattern", "state": "State", "event_bus_name": "EventBusName"}
_TRAIL: Mapping[str, Any] = {
    "name": "TrailName",
    "enable_logging": "IsLogging",
    "is_multi_region_trail": "IsMultiRegionTrail",
    "is_organization_trail": "IsOrganizationTrail",
    "cloud_watch_logs_group_arn": "CloudWatchLogsLogGroupArn",
    "include_global_service_events": "IncludeGlobalServiceEvents",
    "event_selector": (
        "EventSelectors",
        {
            "read_write_type": "ReadWriteType",
            "include_management_events": "IncludeManagementEvents",
            "exclude_management_event_sources": "ExcludeManagementEventSources",
        },
    ),
    "advanced_event_selector": (
        "AdvancedEventSelectors",
        {
            "field_selector": (
                "FieldSelectors",
                {"field": "Field", "equals": "Equals", "not_equals": "NotEquals"}
                | {"starts_with": "StartsWith", "not_starts_with": "NotStartsWith"}
                | {"ends_with": "EndsWith", "not_ends_with": "NotEndsWith"},
            )
        },
    ),
}
_NAMES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "aws_cloudwatch_log_metric_filter": ("AWS::Logs::MetricFilter", _FILTER),
    "aws_cloudwatch_metric_alarm": ("AWS::CloudWatch::Alarm", _ALARM),
    "aws_cloudwatch_composite_alarm": ("AWS::CloudWatch::CompositeAlarm", _ALARM),
    "aws_cloudwatch_alarm_mute_rule": ("AWS::CloudWatch::AlarmMuteRule", _MUTE),
    "aws_cloudwatch_event_rule": ("AWS::Events::Rule", _RULE),
    "aws_cloudwatch_event_target": ("Target", {"rule": "Rule", "arn": "Arn"}),
    "aws_sns_topic": (
        "AWS::SNS::Topic",
        {"name": "TopicName", "kms_master_key_id": "KmsMasterKeyId", "policy": "Policy"},
    ),
    "aws_sns_topic_policy": ("AWS::SNS::TopicPolicy", {"arn": "Topics", "policy": "PolicyDocument"}),
    "aws_sns_topic_subscription": ("AWS::SNS::Subscription", {"topic_arn": "TopicArn", "protocol": "Protocol"}),
    "aws_cloudtrail": ("AWS::CloudTrail::Trail", _TRAIL),
    "aws_cloudwatch_log_group": ("AWS::Logs::LogGroup", {"name": "LogGroupName", "log_group_class": "LogGroupClass"}),
    "aws_lambda_function": ("AWS::Lambda::Function", {"function_name": "FunctionName"}),
    "aws_sfn_state_machine": ("AWS::StepFunctions::StateMachine", {"name": "StateMachineName"}),
    "aws_kms_key": ("AWS::KMS::Key", {"policy": "KeyPolicy", "is_enabled": "Enabled"}),
    "aws_kms_key_policy": ("KeyPolicy", {"key_id": "KeyId", "policy": "KeyPolicy"}),
    "aws_kms_alias": ("AWS::KMS::Alias", {"name": "AliasName", "target_key_id": "TargetKeyId"}),
}  # fmt: skip
"""Type in Terraform -> type in CloudFormation, and the names of what is read of it."""

OF_INTEREST = frozenset(_NAMES)

BLOCKS = frozenset(name for _, names in _NAMES.values() for name, meant in names.items() if isinstance(meant, tuple))
"""Names of nested blocks: the code alone fills them."""

NAME_OF = {
    "aws_cloudwatch_metric_alarm": "alarm_name",
    "aws_cloudwatch_composite_alarm": "alarm_name",
    "aws_lambda_function": "function_name",
}
"""Which value names a resource, where that is not ``name``."""


def kind_of(terraform: str) -> str:
    """Return the CloudFormation type of a resource type of Terraform; the same where it has none here."""
    return _NAMES[terraform][0] if terraform in _NAMES else terraform


def resource(kind: str, address: str, values: Mapping[str, Any], place: str, exists: Unknown | None) -> Resource | None:
    """Return a resource under the names that AWS gives its properties; None for one that is of no interest."""
    if kind not in _NAMES:
        return None
    aws, names = _NAMES[kind]
    properties = _renamed(values, names)
    if kind == "aws_cloudwatch_event_rule" and str(values.get("is_enabled")).lower() == "false":
        properties["State"] = "DISABLED"
    if kind == "aws_cloudwatch_event_rule" and isinstance(values.get("is_enabled"), Unknown):
        properties["State"] = values["is_enabled"]
    return Resource(aws, address, properties, place, exists)


def _renamed(values: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """Return values under the names that AWS gives them."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        meant = names.get(name)
        if meant is None or value is None:
            continue
        if isinstance(meant, str):
            found[meant] = value
        elif isinstance(value, Unknown):
            found[meant[0]] = value
        elif isinstance(value, list | Mapping):
            blocks = [value] if isinstance(value, Mapping) else value
            inner = [
                one if isinstance(one, Unknown) else _renamed(one, meant[1])
                for one in blocks
                if isinstance(one, Mapping | Unknown)
            ]
            found[meant[0]] = [one if isinstance(one, Unknown) else _with_stat(one) for one in inner]
    return found


def _with_stat(query: dict[str, Any]) -> dict[str, Any]:
    metrics = query.pop("metric", None)
    metrics = [metrics] if isinstance(metrics, Mapping) else metrics
    if isinstance(metrics, list) and metrics and isinstance(metrics[0], Mapping):
        stat = metrics[0]
        query["MetricStat"] = {
            "Metric": _renamed(stat, _METRIC),
            "Period": stat.get("period"),
            "Stat": stat.get("stat"),
            "Unit": stat.get("unit"),
        }
    return query

"""Calls as resources of CloudFormation and Terraform. Both are written from the parameters of the same call.

Only what makes something new, or is a setting that Terraform owns, is declared: a template that names what exists would
fail, or take it over. Any other call keeps its whole remedy as lines for the command line interface, with the reason.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from auditor.remedy.change import Remedy, Resource, Step, in_order

Properties = dict[str, Any]


class Undeclared(Exception):  # noqa: N818 - a reason for another form, not an error of ours
    """A remedy has no form in a language; the message says why."""


def snake(name: str) -> str:
    """Return an AWS name as Terraform spells it."""
    parted = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", parted).lower()


def _all(given: Mapping[str, Any]) -> Properties:
    return {snake(name): value for name, value in given.items()}


def _filter(given: Mapping[str, Any]) -> tuple[Properties, Properties]:
    changes = given["metricTransformations"]
    return (
        {
            "LogGroupName": given["logGroupName"],
            "FilterName": given["filterName"],
            "FilterPattern": given["filterPattern"],
            "MetricTransformations": [
                {f"{name[0].upper()}{name[1:]}": value for name, value in change.items()} for change in changes
            ],
        },
        {
            "log_group_name": given["logGroupName"],
            "name": given["filterName"],
            "pattern": given["filterPattern"],
            "metric_transformation": [
                {snake(name).removeprefix("metric_"): value for name, value in change.items()} for change in changes
            ],
        },
    )


def _same(given: Mapping[str, Any]) -> tuple[Properties, Properties]:
    return dict(given), _all(given)


def _topic(given: Mapping[str, Any]) -> tuple[Properties, Properties]:
    return {"TopicName": given["Name"]}, {"name": given["Name"]}


def _group(given: Mapping[str, Any]) -> tuple[Properties, Properties]:
    name, days = given["logGroupName"], given["retentionInDays"]
    return {"LogGroupName": name, "RetentionInDays": days}, {"name": name, "retention_in_days": days}


def _role(given: Mapping[str, Any]) -> tuple[Properties, Properties]:
    name, trust = given["RoleName"], given["AssumeRolePolicyDocument"]
    template = {"RoleName": name, "AssumeRolePolicyDocument": json.loads(trust)}
    return template, {"name": name, "assume_role_policy": trust}


def _role_policy(given: Mapping[str, Any]) -> tuple[Properties, Properties]:
    template = {**given, "PolicyDocument": json.loads(given["PolicyDocument"])}
    return template, {"role": given["RoleName"], "name": given["PolicyName"], "policy": given["PolicyDocument"]}


def _flow_log(given: Mapping[str, Any]) -> tuple[Properties, Properties]:
    (vpc,) = given["ResourceIds"]
    template = {"ResourceId": vpc, **{name: value for name, value in given.items() if name != "ResourceIds"}}
    block = {"vpc_id": vpc, "traffic_type": given["TrafficType"], "log_destination_type": given["LogDestinationType"]}
    if "LogGroupName" in given:
        role = str(given["DeliverLogsPermissionArn"])
        block |= {"log_destination": given["LogGroupName"], "iam_role_arn": role}
    else:
        block["log_destination"] = given["LogDestination"]
    return template, block


def _analyzer(given: Mapping[str, Any]) -> tuple[Properties, Properties]:
    return {"AnalyzerName": given["analyzerName"], "Type": given["type"]}, _all(given)


def _account_block(given: Mapping[str, Any]) -> tuple[Properties, Properties]:
    return {}, _all(given["PublicAccessBlockConfiguration"])


def _enabled(_given: Mapping[str, Any]) -> tuple[Properties, Properties]:
    return {}, {"enabled": True}


def _alarm(given: Mapping[str, Any]) -> tuple[Properties, Properties]:
    block = _all(given)
    if "Dimensions" in given:
        block["dimensions"] = {item["Name"]: item["Value"] for item in given["Dimensions"]}
    return dict(given), block


_Translate = Callable[[Mapping[str, Any]], tuple[Properties, Properties]]
_RESOURCES: Mapping[tuple[str, str], tuple[str, str, _Translate]] = {
    ("logs", "PutMetricFilter"): ("AWS::Logs::MetricFilter", "aws_cloudwatch_log_metric_filter", _filter),
    ("logs", "PutRetentionPolicy"): ("AWS::Logs::LogGroup", "aws_cloudwatch_log_group", _group),
    ("cloudwatch", "PutMetricAlarm"): ("AWS::CloudWatch::Alarm", "aws_cloudwatch_metric_alarm", _alarm),
    ("sns", "CreateTopic"): ("AWS::SNS::Topic", "aws_sns_topic", _topic),
    ("sns", "Subscribe"): ("AWS::SNS::Subscription", "aws_sns_topic_subscription", _same),
    ("iam", "CreateRole"): ("AWS::IAM::Role", "aws_iam_role", _role),
    ("iam", "PutRolePolicy"): ("AWS::IAM::RolePolicy", "aws_iam_role_policy", _role_policy),
    ("ec2", "CreateFlowLogs"): ("AWS::EC2::FlowLog", "aws_flow_log", _flow_log),
    ("guardduty", "CreateDetector"): ("AWS::GuardDuty::Detector", "aws_guardduty_detector", _same),
    ("securityhub", "EnableSecurityHub"): ("AWS::SecurityHub::Hub", "aws_securityhub_account", _same),
    ("accessanalyzer", "CreateAnalyzer"): (
        "AWS::AccessAnalyzer::Analyzer",
        "aws_accessanalyzer_analyzer",
        _analyzer,
    ),
    ("ec2", "EnableEbsEncryptionByDefault"): ("", "aws_ebs_encryption_by_default", _enabled),
    ("iam", "UpdateAccountPasswordPolicy"): ("", "aws_iam_account_password_policy", _same),
    ("s3control", "PutPublicAccessBlock"): ("", "aws_s3_account_public_access_block", _account_block),
    ("account", "PutAlternateContact"): ("", "aws_account_alternate_contact", _same),
}
"""Service and operation -> the type in a template (empty: AWS has none), the type in Terraform, how it is written."""

GLOBAL_BLOCKS = frozenset(
    {
        "aws_iam_role",
        "aws_iam_role_policy",
        "aws_iam_account_password_policy",
        "aws_s3_account_public_access_block",
        "aws_account_alternate_contact",
        "archive_file",
    }
)
"""What takes no Region in Terraform."""


def declared(remedy: Remedy, *, template: bool) -> tuple[Resource, ...]:
    """Return the resources of a remedy.

    Args:
        remedy: all or nothing of it is declared.
        template: for CloudFormation; else for Terraform.

    Raises:
        Undeclared: a call of it has no resource.
    """
    made = {_group_of(step) for step in remedy.steps if (step.service, step.operation) == ("logs", "CreateLogGroup")}
    found: list[Resource] = []
    for step in in_order(remedy.steps):
        call = (step.service, step.operation)
        if call == ("logs", "CreateLogGroup"):
            continue  # declared with its retention
        replaced = call == ("cloudwatch", "PutMetricAlarm") and step.expects is not None
        if (
            replaced
            or call not in _RESOURCES
            or (call == ("logs", "PutRetentionPolicy") and _group_of(step) not in made)
        ):
            raise Undeclared(f"{step.service}:{step.operation} changes what exists, which neither language does safely")
        template_type, block_type, translate = _RESOURCES[call]
        if template and not template_type:
            raise Undeclared(f"AWS has no CloudFormation type for {step.service}:{step.operation}")
        properties, block = translate(step.parameters)
        if "LogGroupName" in properties and block_type == "aws_flow_log":
            block["log_destination"] = _arn_of_group(step)
        identity = json.dumps(block, default=repr, sort_keys=True)
        found.append(
            Resource(step.stage, step.region, identity, template_type, properties, block_type, block, step.words)
        )
    return (*found, *(item for item in remedy.declares if item.template_type or not template))


def _arn_of_group(step: Step) -> str:
    """Return the ARN of a flow log's group, which Terraform asks for; its role names partition and account."""
    _, partition, _, _, account, _ = str(step.parameters["DeliverLogsPermissionArn"]).split(":", 5)
    return f"arn:{partition}:logs:{step.region}:{account}:log-group:{step.parameters['LogGroupName']}"


def _group_of(step: Step) -> str:
    return str(step.parameters["logGroupName"])

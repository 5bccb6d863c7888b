"""A stand-in for CloudFormation: our templates become calls to a simulated account.

What our templates do not use is refused, not guessed: a type nobody knows would say CREATE_COMPLETE elsewhere and build
nothing. Of what may be made next, the last in the template is made first, so that a missing ``DependsOn`` shows.
"""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.remedy.awscli import CommandLine

_Call = tuple[str, str, dict[str, Any]]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _lowered(given: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{name[0].lower()}{name[1:]}": value for name, value in given.items()}


def _same(service: str, method: str) -> Callable[[Mapping[str, Any], str], list[_Call]]:
    return lambda given, _name: [(service, method, dict(given))]


def _role(given: Mapping[str, Any], _name: str) -> list[_Call]:
    return [("iam", "create_role", {key: _text(value) for key, value in given.items()})]


def _role_policy(given: Mapping[str, Any], _name: str) -> list[_Call]:
    return [("iam", "put_role_policy", {key: _text(value) for key, value in given.items()})]


def _group(given: Mapping[str, Any], _name: str) -> list[_Call]:
    name = {"logGroupName": given["LogGroupName"]}
    kept = {**name, "retentionInDays": given["RetentionInDays"]}
    return [("logs", "create_log_group", name), ("logs", "put_retention_policy", kept)]


def _filter(given: Mapping[str, Any], _name: str) -> list[_Call]:
    changes = [_lowered(item) for item in given["MetricTransformations"]]
    return [("logs", "put_metric_filter", {**_lowered(given), "metricTransformations": changes})]


def _topic(given: Mapping[str, Any], _name: str) -> list[_Call]:
    return [("sns", "create_topic", {"Name": given["TopicName"]})]


def _flow_log(given: Mapping[str, Any], _name: str) -> list[_Call]:
    rest = {key: value for key, value in given.items() if key != "ResourceId"}
    return [("ec2", "create_flow_logs", {"ResourceIds": [given["ResourceId"]], **rest})]


def _analyzer(given: Mapping[str, Any], _name: str) -> list[_Call]:
    return [("accessanalyzer", "create_analyzer", {"analyzerName": given["AnalyzerName"], "type": given["Type"]})]


def _queue(given: Mapping[str, Any], _name: str) -> list[_Call]:
    attributes = {key: json.dumps(value) for key, value in given.items() if key != "QueueName"}
    return [("sqs", "create_queue", {"QueueName": given["QueueName"], "Attributes": attributes})]


def _queue_policy(given: Mapping[str, Any], _name: str) -> list[_Call]:
    (url,) = given["Queues"]
    policy = {"Policy": json.dumps(given["PolicyDocument"])}
    return [("sqs", "set_queue_attributes", {"QueueUrl": url, "Attributes": policy})]


def _function(given: Mapping[str, Any], _name: str) -> list[_Call]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("index.py"), given["Code"]["ZipFile"])
    return [("lambda", "create_function", {**given, "Code": {"ZipFile": packed.getvalue()}})]


def _permission(given: Mapping[str, Any], name: str) -> list[_Call]:
    return [("lambda", "add_permission", {**given, "StatementId": name})]


def _rule(given: Mapping[str, Any], _name: str) -> list[_Call]:
    rest = {key: value for key, value in given.items() if key != "Targets"}
    return [
        ("events", "put_rule", {**rest, "EventPattern": json.dumps(given["EventPattern"])}),
        ("events", "put_targets", {"Rule": given["Name"], "Targets": given["Targets"]}),
    ]


MAKERS: Mapping[str, Callable[[Mapping[str, Any], str], list[_Call]]] = {
    "AWS::IAM::Role": _role,
    "AWS::IAM::RolePolicy": _role_policy,
    "AWS::Logs::LogGroup": _group,
    "AWS::Logs::MetricFilter": _filter,
    "AWS::CloudWatch::Alarm": _same("cloudwatch", "put_metric_alarm"),
    "AWS::SNS::Topic": _topic,
    "AWS::SNS::Subscription": _same("sns", "subscribe"),
    "AWS::EC2::FlowLog": _flow_log,
    "AWS::GuardDuty::Detector": _same("guardduty", "create_detector"),
    "AWS::SecurityHub::Hub": _same("securityhub", "enable_security_hub"),
    "AWS::AccessAnalyzer::Analyzer": _analyzer,
    "AWS::SQS::Queue": _queue,
    "AWS::SQS::QueuePolicy": _queue_policy,
    "AWS::Lambda::Function": _function,
    "AWS::Lambda::Permission": _permission,
    "AWS::Events::Rule": _rule,
}
"""Type -> the calls by which CloudFormation makes it."""

_NAMED: Mapping[str, tuple[str, str, str, str]] = {
    "AWS::SNS::Topic": ("sns", "list_topics", "Topics[].TopicArn", "TopicName"),
    "AWS::CloudWatch::Alarm": ("cloudwatch", "describe_alarms", "MetricAlarms[].AlarmName", "AlarmName"),
    "AWS::Logs::MetricFilter": ("logs", "describe_metric_filters", "metricFilters[].filterName", "FilterName"),
    "AWS::Events::Rule": ("events", "list_rules", "Rules[].Name", "Name"),
}
"""Things of which a second one with the same name is refused, though the call alone would take the first over."""


@dataclass
class Stacks:
    """The stacks of one account, one for each Region."""

    command: CommandLine
    made: dict[tuple[str, str], tuple[str, dict[str, Any]]] = field(default_factory=dict)
    """Region and logical id -> type and properties."""

    def deploy(self, region: str, text: str, **values: str) -> list[str]:
        """Make or complete the stack of a Region; return the logical ids of what was made."""
        template = json.loads(text)
        given = self._parameters(template.get("Parameters", {}), values)
        resources: dict[str, Any] = template["Resources"]
        waiting, done, made = dict(resources), set[str](), list[str]()
        while waiting:
            ready = [name for name, item in waiting.items() if set(item.get("DependsOn", ())) <= done]
            assert ready, f"a circle: {sorted(waiting)}"
            item = waiting.pop(ready[-1])
            properties = _resolved(item.get("Properties", {}), given)
            done.add(ready[-1])
            if self.made.get((region, ready[-1])) != (item["Type"], properties):
                self._make(region, ready[-1], item["Type"], properties)
                made.append(ready[-1])
        return made

    @staticmethod
    def _parameters(declared: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, str]:
        given = {}
        for name, about in declared.items():
            given[name] = values.get(name, about.get("Default", ""))
            assert given[name], f"no value for {name}"
            assert given[name] in about.get("AllowedValues", [given[name]])
        return given

    def _make(self, region: str, name: str, kind: str, properties: dict[str, Any]) -> None:
        assert (region, name) not in self.made, f"{name} would be replaced"
        if kind in _NAMED:
            service, method, query, key = _NAMED[kind]
            there = self._all(service, method, region, query)
            assert properties[key] not in {str(item).rsplit(":", 1)[-1] for item in there}, f"{name} exists"
        for service, method, parameters in MAKERS[kind](properties, name):
            output = getattr(self.command.client(service, region), method)(**parameters)
            assert not output.get("FailedEntryCount")
            assert not output.get("Unsuccessful")
        self.made[region, name] = kind, properties

    def _all(self, service: str, method: str, region: str, query: str) -> list[Any]:
        found = self.command.client(service, region).get_paginator(method).paginate().search(query)
        return [item for item in found if item is not None]


def _resolved(value: Any, given: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"Ref"}:
            return given[value["Ref"]]
        if value.keys() == {"Fn::Join"}:
            mark, parts = value["Fn::Join"]
            return str(mark).join(parts)
        return {key: _resolved(item, given) for key, item in value.items()}
    return [_resolved(item, given) for item in value] if isinstance(value, list) else value

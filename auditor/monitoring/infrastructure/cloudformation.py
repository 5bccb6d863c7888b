"""Reads CloudFormation templates, JSON or YAML with short-form tags, as far as they tell about detection."""

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from auditor.base.errors import UsageError
from auditor.monitoring.infrastructure.account import MAX_DEPTH, Collected, Infrastructure
from auditor.monitoring.infrastructure.hcl import UNKNOWN

_MAX_YAML = 2_000_000
"""CloudFormation takes templates of up to one megabyte."""

_MAX_BRACKETS = 200
"""The YAML reader takes a time that grows with the square of nested brackets; templates nest a dozen."""


class _Template(yaml.SafeLoader):
    """Reads short-form tags such as ``!Ref`` as the objects they stand for; builds nothing else."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    value: Any
    match node:
        case yaml.ScalarNode():
            value = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case _:
            value = loader.construct_mapping(node, deep=True) if isinstance(node, yaml.MappingNode) else None
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Template.add_multi_constructor("!", _short_form)


def read_cloudformation(text: str) -> Infrastructure:
    """Read a template, JSON or YAML.

    Raises:
        UsageError: it is no template.
    """
    template = _template(text)
    resources = template.get("Resources") if isinstance(template, dict) else None
    if not isinstance(resources, dict):
        raise UsageError("this is no CloudFormation template: it has no Resources")
    parameters = template.get("Parameters")
    resolver = _Resolver(resources, parameters if isinstance(parameters, dict) else {})
    collected = Collected()
    for address, resource in resources.items():
        if isinstance(resource, dict):
            properties = resolver.value(resource.get("Properties") or {})
            _add_cloudformation(collected, str(address), str(resource.get("Type")), properties)
    return collected.infrastructure()


def _template(text: str) -> Any:
    try:
        if text.lstrip().startswith("{"):
            return json.loads(text)
        if len(text) > _MAX_YAML:
            raise UsageError(f"the template is larger than {_MAX_YAML} characters")
        if _bracket_depth(text) > _MAX_BRACKETS:
            raise UsageError("the template is nested too deeply")
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=_Template)):
            raise UsageError("the template uses YAML aliases, which are not followed")
        return yaml.load(text, Loader=_Template)  # noqa: S506 - a SafeLoader that knows short-form tags
    except (yaml.YAMLError, json.JSONDecodeError, RecursionError, ValueError) as error:
        raise UsageError(f"the template cannot be read: {str(error)[:200]}") from error


def _bracket_depth(text: str) -> int:
    depth = deepest = 0
    for char in text:
        if char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}" and depth:
            depth -= 1
    return deepest


def _add_cloudformation(collected: Collected, address: str, kind: str, properties: Any) -> None:
    if not isinstance(properties, dict):
        return
    match kind:
        case "AWS::Logs::MetricFilter":
            collected.filter(address, properties)
        case "AWS::CloudWatch::Alarm":
            collected.alarm(address, properties)
        case "AWS::CloudWatch::CompositeAlarm":
            collected.composite(address, properties)
        case "AWS::CloudWatch::AlarmMuteRule":
            collected.mute(address, properties)
        case "AWS::Events::Rule":
            collected.rule(address, properties)
        case "AWS::SNS::Topic":
            collected.topic(address, properties.get("KmsMasterKeyId"))


_VARIABLE = re.compile(r"\$\{([^}!]+)\}")


class _Resolver:
    """Replaces intrinsic functions by what they give, as far as the template tells."""

    def __init__(self, resources: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
        self.resources = resources
        self.parameters = parameters

    def value(self, item: Any, depth: int = 0) -> Any:
        if depth > MAX_DEPTH:
            return UNKNOWN
        if isinstance(item, list):
            return [self.value(one, depth + 1) for one in item]
        if not isinstance(item, dict):
            return item
        if len(item) == 1:
            ((name, argument),) = item.items()
            if name == "Ref" or str(name).startswith("Fn::"):
                return self.function(str(name), argument, depth)
        return {key: self.value(one, depth + 1) for key, one in item.items()}

    def function(self, name: str, argument: Any, depth: int) -> Any:
        match name:
            case "Ref":
                return self.reference(str(argument))
            case "Fn::GetAtt" if isinstance(argument, list) and argument:
                return str(argument[0])
            case "Fn::Sub" if isinstance(argument, str):
                return self.substituted(argument)
            case "Fn::Join" if isinstance(argument, list) and len(argument) == 2:  # noqa: PLR2004 - separator and list
                parts = self.value(argument[1], depth + 1)
                known = isinstance(parts, list) and all(isinstance(part, str) for part in parts)
                return str(argument[0]).join(parts) if known else UNKNOWN
        return UNKNOWN

    def reference(self, name: str) -> Any:
        if name in self.parameters:
            declared = self.parameters[name]
            return declared.get("Default", UNKNOWN) if isinstance(declared, dict) else UNKNOWN
        resource = self.resources.get(name)
        properties = resource.get("Properties") if isinstance(resource, dict) else None
        given = properties.get("AlarmName") if isinstance(properties, dict) else None
        return given if isinstance(given, str) else name

    def substituted(self, text: str) -> Any:
        values = {name: self.reference(name.split(".")[0]) for name in _VARIABLE.findall(text)}
        if not all(isinstance(value, str) for value in values.values()):
            return UNKNOWN
        return _VARIABLE.sub(lambda match: values[match[1]], text).replace("${!", "${")

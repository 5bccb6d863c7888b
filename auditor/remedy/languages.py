"""Resources as a CloudFormation template in JSON and as a Terraform module. Names of others never become code."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from auditor.remedy.change import Asked, Expression, Resource
from auditor.remedy.declared import GLOBAL_BLOCKS


def template(resources: Sequence[Resource], words: str) -> str:
    """Return a template for one Region of one account."""
    asked: dict[str, Asked] = {}
    body: dict[str, Any] = {}
    for item in resources:
        before = [other.logical_id for other in resources if _leans(item, other)]
        entry: dict[str, Any] = {"Type": item.template_type}
        entry |= dict.fromkeys(("DeletionPolicy", "UpdateReplacePolicy"), "Retain" if item.kept else "Delete")
        if before:
            entry["DependsOn"] = sorted(set(before))
        if item.template:
            entry["Properties"] = _filled(item.template, asked)
        body[item.logical_id] = entry
    document: dict[str, Any] = {"AWSTemplateFormatVersion": "2010-09-09", "Description": words[:1000]}
    if asked:
        document["Parameters"] = {
            name: {"Type": "String", "MinLength": 1, "Description": item.words}
            | ({"Default": item.default} if item.default else {})
            | ({"AllowedValues": list(item.allowed)} if item.allowed else {})
            for name, item in asked.items()
        }
    return json.dumps({**document, "Resources": body}, indent=2, ensure_ascii=True) + "\n"


def _filled(value: Any, asked: dict[str, Asked]) -> Any:
    if isinstance(value, Asked):
        name = value.name.title().replace("_", "")
        asked[name] = value
        return {"Ref": name}
    if isinstance(value, Mapping):
        return {key: _filled(item, asked) for key, item in value.items()}
    return [_filled(item, asked) for item in value] if isinstance(value, list | tuple) else value


def _near(item: Resource, other: Resource) -> bool:
    """Say whether two stand in one Region, or one of them in none."""
    return item.region == other.region or other.block_type in GLOBAL_BLOCKS


_WAITS: Final[Mapping[str, frozenset[str]]] = {
    "aws_cloudwatch_metric_alarm": frozenset({"aws_sns_topic"}),
    "aws_sns_topic_subscription": frozenset({"aws_sns_topic"}),
    "aws_flow_log": frozenset({"aws_iam_role", "aws_iam_role_policy", "aws_cloudwatch_log_group"}),
    "aws_iam_role_policy": frozenset({"aws_iam_role"}),
    "aws_sqs_queue_policy": frozenset({"aws_sqs_queue"}),
    "aws_lambda_function": frozenset(
        {"aws_iam_role", "aws_iam_role_policy", "aws_cloudwatch_log_group", "aws_sqs_queue"}
    ),
    "aws_lambda_permission": frozenset({"aws_lambda_function"}),
    "aws_cloudwatch_event_rule": frozenset({"aws_lambda_permission", "aws_sqs_queue_policy"}),
    "aws_cloudwatch_event_target": frozenset({"aws_cloudwatch_event_rule", "aws_sqs_queue_policy"}),
}
"""What has to be there before, where it is named: roles, groups and topics are not referred to."""


def _leans(item: Resource, other: Resource) -> bool:
    """Say whether a resource has to wait for another."""
    if other.block_type not in _WAITS.get(item.block_type, ()):
        return False
    named = next((other.block[key] for key in ("role", "function_name", "name", "queue_url") if key in other.block), "")
    name = str(named).rpartition("/")[2]
    return any(name in text for text in _texts([dict(item.template), dict(item.block)]))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


VERSIONS = """terraform {{
  required_version = ">= 1.6"

  required_providers {{
    aws = {{
      source  = "hashicorp/aws"
      version = ">= 6.0"
    }}{more}
  }}
}}
"""
_ARCHIVE = """
    archive = {
      source  = "hashicorp/archive"
      version = ">= 2.4"
    }"""


def module(resources: Sequence[Resource]) -> Mapping[str, str]:
    """Return the files of a module for one account: name -> text. The provider is the caller's."""
    asked: dict[str, Asked] = {}
    blocks = []
    for item in resources:
        body = dict(item.block)
        if item.block_type not in GLOBAL_BLOCKS:
            body["region"] = item.region
        before = [f"{it.block_type}.{it.label}" for it in resources if _leans(item, it) and _near(item, it)]
        if before:
            body["depends_on"] = Expression(f"[{', '.join(sorted(set(before)))}]")
        kind = "data" if item.data else "resource"
        lines = [f'{kind} "{item.block_type}" "{item.label}" {{', *_body(body, asked, "  ")]
        blocks.append("\n".join([*lines, "}"]))
    archived = any(item.block_type == "archive_file" for item in resources)
    found = {
        "main.tf": "\n\n".join(blocks) + "\n",
        "versions.tf": VERSIONS.format(more=_ARCHIVE if archived else ""),
    }
    if asked:
        found["variables.tf"] = "\n\n".join(_variable(name, item) for name, item in asked.items()) + "\n"
    return found


def _body(body: Mapping[str, Any], asked: dict[str, Asked], indent: str) -> Iterator[str]:
    """Yield the lines of a body as ``terraform fmt`` lays them out: arguments that stand together are aligned."""
    for are_blocks, run in groupby(body.items(), key=lambda entry: _is_block(entry[1])):
        entries = list(run)
        width = max(len(name) for name, _ in entries)
        for name, value in entries:
            if not are_blocks:
                yield f"{indent}{name:<{width}} = {_value(value, asked)}"
                continue
            for item in value:
                yield f"{indent}{name} {{"
                yield from _body(item, asked, indent + "  ")
                yield f"{indent}}}"


def _is_block(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _value(value: Any, asked: dict[str, Asked]) -> str:
    if isinstance(value, Asked):
        asked[value.name.lower()] = value
        return f"var.{value.name.lower()}"
    if isinstance(value, Expression):
        return value.text
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{text(name)} = {_value(item, asked)}' for name, item in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(item, asked) for item in value)}]"
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return text(str(value))


def text(value: str) -> str:
    """Return a quoted text in which nothing is evaluated: ``${`` and ``%{`` are doubled, as HCL asks."""
    return json.dumps(value, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def _variable(name: str, asked: Asked) -> str:
    lines = [f'variable "{name}" {{', "  type        = string", f"  description = {text(asked.words)}"]
    if asked.default:
        lines.append(f"  default     = {text(asked.default)}")
    if asked.allowed:
        values = ", ".join(map(text, asked.allowed))
        words = text(f"One of {', '.join(asked.allowed)}.")
        lines += ["", "  validation {", f"    condition     = contains([{values}], var.{name})"]
        lines += [f"    error_message = {words}", "  }"]
    return "\n".join([*lines, "}"])

"""Reads Terraform: a plan in JSON (``terraform show -json``), or ``*.tf`` files as far as they are literal."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from auditor.base.errors import UsageError
from auditor.monitoring.infrastructure.account import MAX_DEPTH, Collected, Infrastructure, actions_of
from auditor.monitoring.infrastructure.hcl import UNKNOWN, Block, Encoded, Reference, Template, encoded, read_hcl


def read_plan(text: str) -> Infrastructure:
    """Read the JSON that ``terraform show -json PLAN`` prints.

    Raises:
        UsageError: it is no plan.
    """
    try:
        plan = json.loads(text)
        root = plan["planned_values"]["root_module"]
        configuration = plan.get("configuration", {}).get("root_module", {})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError("this is no plan in JSON", hint="terraform show -json PLAN > plan.json") from error
    collected, waiting = Collected(), _Targets()
    for prefix, resource, expressions in _planned(root, configuration, ""):
        values = resource.get("values")
        if isinstance(values, dict):
            known = {**_referenced(expressions, prefix), **{key: one for key, one in values.items() if one is not None}}
            _add_terraform(collected, waiting, str(resource.get("address")), str(resource.get("type")), known)
    waiting.aim(collected)
    return collected.infrastructure()


_Planned = tuple[str, Mapping[str, Any], Mapping[str, Any]]


def _planned(module: Any, configuration: Any, prefix: str) -> Iterable[_Planned]:
    """Yield each resource with the module it stands in and its expressions."""
    if not isinstance(module, dict):
        return
    configured = configuration if isinstance(configuration, dict) else {}
    written = {one.get("address"): one.get("expressions", {}) for one in configured.get("resources", ())}
    for resource in module.get("resources", ()):
        bare = re.sub(r"\[[^\]]*\]$", "", str(resource.get("address", "")).removeprefix(prefix))
        yield prefix, resource, written.get(bare, {})
    for child in module.get("child_modules", ()):
        address = str(child.get("address", ""))
        name = re.sub(r"\[[^\]]*\]$", "", address.removeprefix(prefix)).removeprefix("module.")
        called = configured.get("module_calls", {}).get(name, {})
        yield from _planned(child, called.get("module", {}), f"{address}.")


def _referenced(expressions: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return, for values that only exist after the plan is applied, the resources that they refer to."""
    found: dict[str, Any] = {}
    for name, expression in expressions.items():
        names = expression.get("references", ()) if isinstance(expression, dict) else ()
        addresses = dict.fromkeys(".".join(one.split(".")[:2]) for one in names if one.startswith("aws_"))
        if addresses:
            whole = [f"{prefix}{address}" for address in addresses]
            found[name] = whole if name == "alarm_actions" else whole[0]
        elif names:
            found[name] = ["outside"] if name == "alarm_actions" else UNKNOWN
    return found


def read_terraform(files: Mapping[str, str]) -> Infrastructure:
    """Read ``*.tf`` files of one folder, by name.

    Raises:
        UsageError: a file is not HCL, or there is none.
    """
    if not files:
        raise UsageError("there are no *.tf files in this folder")
    blocks = [block for name, text in files.items() for block in read_hcl(text, name)]
    resolver = _Names(blocks)
    collected, waiting = Collected(), _Targets()
    for block in blocks:
        if block.kind == "resource" and len(block.labels) == 2:  # noqa: PLR2004 - type and name
            address = ".".join(block.labels)
            values = resolver.block(block)
            if {"count", "for_each"} & values.keys():
                collected.note(f"{address} stands for several resources; a plan in JSON tells which.")
            _add_terraform(collected, waiting, address, block.labels[0], values)
        elif block.kind == "module":
            collected.note(f"The module {'.'.join(block.labels)} was not followed; a plan in JSON holds its resources.")
    waiting.aim(collected)
    return collected.infrastructure()


class _Names:
    """Resolves locals, defaults of variables and attributes of other resources."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self.known: dict[str, Any] = {}
        for block in blocks:
            if block.kind == "locals":
                self.known |= {f"local.{name}": value for name, value in block.values.items()}
            elif block.kind == "variable" and block.labels and "default" in block.values:
                self.known[f"var.{block.labels[0]}"] = block.values["default"]
            elif block.kind == "resource":
                self.known |= {".".join((*block.labels, name)): value for name, value in block.values.items()}

    def block(self, block: Block) -> dict[str, Any]:
        values = {name: self.value(value) for name, value in block.values.items()}
        for inner in block.blocks:
            values.setdefault(inner.kind, []).append(self.block(inner))
        return values

    def value(self, item: Any, depth: int = 0) -> Any:  # noqa: PLR0911 - one line for each kind of value
        if depth > MAX_DEPTH:
            return UNKNOWN
        match item:
            case Reference():
                return self.reference(item.name, depth)
            case Template():
                parts = [self.value(part, depth + 1) for part in item.parts]
                return "".join(parts) if all(isinstance(part, str) for part in parts) else UNKNOWN
            case Encoded():
                return encoded(self.value(item.value, depth + 1))
            case list():
                return [self.value(one, depth + 1) for one in item]
            case dict():
                return {key: self.value(one, depth + 1) for key, one in item.items()}
        return item

    def reference(self, name: str, depth: int) -> Any:
        if name in self.known:
            return self.value(self.known[name], depth + 1)
        bare = re.sub(r"\[[^\]]*\]", "", name)
        return ".".join(bare.split(".")[:2]) if bare.startswith("aws_") else UNKNOWN


class _Targets:
    """Targets are resources of their own in Terraform; they are hung on their rules at the end."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Any, Any]] = []

    def aim(self, collected: Collected) -> None:
        for rule, arn in self.waiting:
            for address, known in collected.rules.items():
                if rule in {address, known.name}:
                    collected.rules[address] = replace(known, targets=(*known.targets, *actions_of([arn])))


def _add_terraform(collected: Collected, waiting: _Targets, address: str, kind: str, values: Mapping[str, Any]) -> None:
    match kind:
        case "aws_cloudwatch_log_metric_filter":
            collected.filter(address, _renamed(values, _FILTER))
        case "aws_cloudwatch_metric_alarm":
            collected.alarm(address, _renamed(values, _ALARM))
        case "aws_cloudwatch_composite_alarm":
            collected.composite(address, _renamed(values, _ALARM))
        case "aws_cloudwatch_alarm_mute_rule":
            collected.mute(address, _renamed(values, _MUTE))
        case "aws_cloudwatch_event_rule":
            state = "DISABLED" if values.get("is_enabled") is False else values.get("state")
            collected.rule(address, {**_renamed(values, _RULE), "State": state})
        case "aws_cloudwatch_event_target":
            waiting.waiting.append((values.get("rule"), values.get("arn")))
        case "aws_sns_topic":
            collected.topic(address, values.get("kms_master_key_id"))


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
    "metric_query": (
        "Metrics",
        {"id": "Id", "expression": "Expression", "return_data": "ReturnData", "metric": "metric"},
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
_RULE = {"name": "Name", "event_pattern": "EventPattern"}


def _renamed(values: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """Return values under the names that AWS gives them."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        meant = names.get(name)
        if isinstance(meant, str):
            found[meant] = value
        elif meant is not None and isinstance(value, list | Mapping):
            blocks = [value] if isinstance(value, Mapping) else value
            inner = [_renamed(one, meant[1]) for one in blocks if isinstance(one, Mapping)]
            found[meant[0]] = [_with_stat(one) for one in inner]
    return found


def _with_stat(query: dict[str, Any]) -> dict[str, Any]:
    metrics = query.pop("metric", None)
    if isinstance(metrics, list) and metrics and isinstance(metrics[0], Mapping):
        stat = metrics[0]
        query["MetricStat"] = {
            "Metric": _renamed(stat, _METRIC),
            "Period": stat.get("period"),
            "Stat": stat.get("stat"),
        }
    return query

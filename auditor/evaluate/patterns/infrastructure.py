"""Finds filters, alarms, topics and rules in infrastructure code and judges all controls before anything is deployed.

A plan in JSON (``terraform show -json``), ``*.tf`` files as far as they are literal, and CloudFormation templates in
JSON or YAML with short-form tags become the same plain values that evidence becomes. What code cannot tell is taken to
be right and said in a note: that the trail delivers to the log group, and that subscribers confirm.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import yaml

from auditor.errors import UsageError
from auditor.evaluate.chain.detection import Account, Detection
from auditor.evaluate.chain.facts import (
    Alarm,
    Composite,
    Facts,
    Filter,
    Group,
    Rule,
    Series,
    Subscription,
    Topic,
    Trail,
)
from auditor.evaluate.chain.metric_math import NotASum, read_sum
from auditor.evaluate.patterns.errors import PatternError, TooComplexError
from auditor.evaluate.patterns.hcl import UNKNOWN, Block, Encoded, Reference, Template, encoded, read_hcl
from auditor.evaluate.patterns.pattern import parse_filter, parse_rule
from auditor.evaluate.patterns.requirement import Requirement

ACCOUNT = "000000000000"
REGION = "the deployed Region"
_NOW = datetime(2000, 1, 1, tzinfo=UTC)
"""Code has no time; delivery is taken to be current."""

_OWNER_MAY_PUBLISH = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sns:Publish"}]}
"""Stands for the policy that AWS gives a topic without one: the owner's alarms may publish."""

_MAX_YAML = 2_000_000
"""CloudFormation takes templates of up to one megabyte."""

_MAX_BRACKETS = 200
"""The YAML reader takes a time that grows with the square of nested brackets; templates nest a dozen."""

MAX_DEPTH = 60


@dataclass(slots=True)
class Infrastructure:
    """What was found in the code.

    Args:
        facts: as evidence would have shown it after deployment.
        rules: EventBridge rules; the code does not tell in which Regions they are, so that each counts for all.
        invalid: patterns that AWS would refuse, with the place.
        notes: what was taken for granted or could not be read.
    """

    facts: Facts
    rules: tuple[Rule, ...] = ()
    invalid: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    _account: Account | None = field(default=None)

    def detect(self, requirement: Requirement) -> Detection:
        """Judge one requirement."""
        if self._account is None:
            self._account = Account(replace(self.facts, rules=self.rules))
        return self._account.detect(requirement)


class _Collected:
    """Gathers values of either tool under the names that AWS gives them."""

    def __init__(self) -> None:
        self.filters: list[Filter] = []
        self.alarms: list[Alarm] = []
        self.composites: list[Composite] = []
        self.rules: dict[str, Rule] = {}
        self.topics: dict[str, Topic] = {}
        self.notes: dict[str, None] = {}
        self.invalid: list[str] = []

    def note(self, text: str) -> None:
        self.notes[text] = None

    def filter(self, address: str, properties: Mapping[str, Any]) -> None:
        pattern = properties.get("FilterPattern")
        if not isinstance(pattern, str):
            self.note(f"{address}: its pattern is not known from the code and was left out.")
            return
        self._parse(address, pattern, parse_filter)
        for change in properties.get("MetricTransformations") or ():
            self.filters.append(
                Filter(
                    name=_named(properties.get("FilterName"), address),
                    group=_named(properties.get("LogGroupName"), "the log group"),
                    region=REGION,
                    pattern=pattern,
                    namespace=_named(change.get("MetricNamespace"), address),
                    metric=_named(change.get("MetricName"), address),
                    value=str(change.get("MetricValue", "1")),
                    default=_number(change.get("DefaultValue")),
                    unit=str(change.get("Unit") or "").removesuffix("None"),
                    dimensions=frozenset(_dimension_names(change.get("Dimensions")))
                    | frozenset(map(str, properties.get("EmitSystemFieldDimensions") or ())),
                    selection=str(properties.get("FieldSelectionCriteria") or ""),
                    transformed=properties.get("ApplyOnTransformedLogs") is True,
                    ref="",
                )
            )

    def _parse(self, address: str, pattern: str, parse: Callable[[str], Any]) -> None:
        try:
            parse(pattern)
        except PatternError as error:
            self.invalid.append(f"{address}: {error.message}")
        except TooComplexError as error:
            self.note(f"{address}: {error}")

    def alarm(self, address: str, properties: Mapping[str, Any]) -> None:
        series, statistic, period, fills, unread = _series(properties, address)
        periods = int(_number(properties.get("EvaluationPeriods")) or 1)
        self.alarms.append(
            Alarm(
                name=_named(properties.get("AlarmName"), address),
                arn=address,
                region=REGION,
                series=series,
                unread=unread,
                statistic=statistic,
                period=period,
                periods=periods,
                datapoints=int(_number(properties.get("DatapointsToAlarm")) or periods),
                threshold=_number(properties.get("Threshold")),
                comparison=str(properties.get("ComparisonOperator") or ""),
                missing_data=str(properties.get("TreatMissingData") or "missing"),
                fills=fills,
                actions_enabled=properties.get("ActionsEnabled") is not False,
                actions=_actions(properties.get("AlarmActions")),
            )
        )

    def composite(self, address: str, properties: Mapping[str, Any]) -> None:
        self.composites.append(
            Composite(
                name=_named(properties.get("AlarmName"), address),
                arn=address,
                region=REGION,
                rule=str(properties.get("AlarmRule") or ""),
                actions_enabled=properties.get("ActionsEnabled") is not False,
                actions=_actions(properties.get("AlarmActions")),
                suppressor=str(properties.get("ActionsSuppressor") or ""),
            )
        )

    def rule(self, address: str, properties: Mapping[str, Any]) -> None:
        pattern = properties.get("EventPattern")
        if isinstance(pattern, Mapping):
            pattern = json.dumps(pattern)
        if not isinstance(pattern, str):
            if pattern is UNKNOWN:
                self.note(f"{address}: its event pattern is not known from the code and was left out.")
            return
        self._parse(address, pattern, parse_rule)
        targets = [target.get("Arn") for target in properties.get("Targets") or () if isinstance(target, Mapping)]
        state = str(properties.get("State") or "ENABLED")
        name = _named(properties.get("Name"), address)
        self.rules[address] = Rule(name, "", pattern, state, _actions(targets))

    def topic(self, address: str, key: Any) -> None:
        self.topics[_topic_arn(address)] = _topic(address, key if isinstance(key, str) else "")

    def infrastructure(self) -> Infrastructure:
        """Add what code cannot show, and say so."""
        used = {arn for alarm in self.alarms for arn in alarm.actions}
        used |= {arn for composite in self.composites for arn in composite.actions}
        used |= {arn for rule in self.rules.values() for arn in rule.targets}
        outside = {arn for arn in used - self.topics.keys() if arn.startswith(_topic_arn(""))}
        if outside:
            self.note("Actions and targets outside this code are taken to reach somebody.")
        self.note(
            "The trail is taken to deliver all management events to these log groups, and subscribers to confirm."
        )
        topics = {**self.topics, **{arn: _topic(arn.rpartition(":")[2]) for arn in outside}}
        groups = {name: f"group-{number}" for number, name in enumerate(sorted({one.group for one in self.filters}))}
        names = tuple(groups.values()) or ("group-0",)
        return Infrastructure(
            Facts(
                account=ACCOUNT,
                partition="aws",
                regions=(REGION,),
                as_of=_NOW,
                trails=tuple(_trail(name) for name in names),
                groups=tuple(Group(name, REGION) for name in names),
                filters=tuple(replace(one, group=groups[one.group]) for one in self.filters),
                alarms=tuple(self.alarms),
                composites=tuple(self.composites),
                topics=topics,
            ),
            tuple(self.rules.values()),
            tuple(self.invalid),
            tuple(self.notes),
        )


def _trail(group: str) -> Trail:
    return Trail(
        arn=f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/{group}",
        home_region=REGION,
        multi_region=True,
        organization=True,
        group_arn=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:*",
        delivered=_NOW,
    )


def _topic_arn(address: str) -> str:
    return f"arn:aws:sns:{REGION}:{ACCOUNT}:{address}"


def _topic(address: str, key: str = "") -> Topic:
    """Return a topic with a subscriber; a key of one's own is taken to let CloudWatch use it."""
    managed = key if key.endswith("alias/aws/sns") else ""
    return Topic(_topic_arn(address), _OWNER_MAY_PUBLISH, managed, (Subscription("arn:taken-to-confirm", "code"),))


_RESOURCE_ACTIONS = (":automate:", ":autoscaling:", ":swf:")


def _actions(values: Any) -> tuple[str, ...]:
    """Return what an alarm or rule calls; whatever is not an action on a resource is taken for a topic."""
    items = values if isinstance(values, list | tuple) else [] if values is None else [values]
    found = []
    for item in items:
        text = item if isinstance(item, str) else "outside"
        plain = text.rpartition(":")[2] if text.startswith("arn:") else text
        found.append(text if any(part in text for part in _RESOURCE_ACTIONS) else _topic_arn(plain))
    return tuple(found)


def _named(value: Any, fallback: str) -> str:
    return value if isinstance(value, str) and value else fallback


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _dimension_names(dimensions: Any) -> Iterable[str]:
    if isinstance(dimensions, Mapping):
        return map(str, dimensions)
    return (str(one.get("Key") or one.get("Name")) for one in dimensions or () if isinstance(one, Mapping))


def _dimensions(dimensions: Any) -> tuple[tuple[str, str], ...]:
    if isinstance(dimensions, Mapping):
        return tuple(sorted((str(name), str(value)) for name, value in dimensions.items()))
    return tuple(
        sorted((str(one.get("Name")), str(one.get("Value"))) for one in dimensions or () if isinstance(one, Mapping))
    )


_Reading = tuple[tuple[Series, ...], str, int, bool, str]
_PERIOD = 300


def _one_series(metric: Mapping[str, Any], address: str) -> Series:
    return Series(
        _named(metric.get("Namespace"), address),
        _named(metric.get("MetricName"), address),
        _dimensions(metric.get("Dimensions")),
        str(metric.get("Unit") or ""),
    )


def _series(properties: Mapping[str, Any], address: str) -> _Reading:
    queries = [one for one in properties.get("Metrics") or () if isinstance(one, Mapping)]
    if not queries:
        period = int(_number(properties.get("Period")) or _PERIOD)
        return (_one_series(properties, address),), str(properties.get("Statistic") or ""), period, False, ""
    stats = {str(one.get("Id")): one["MetricStat"] for one in queries if isinstance(one.get("MetricStat"), Mapping)}
    returned = [one for one in queries if one.get("ReturnData") in {None, True}] or queries
    expression = next((str(one["Expression"]) for one in queries if one.get("Expression")), "")
    try:
        total = read_sum(expression or str(returned[0].get("Id")), stats)
    except NotASum as error:
        return (), "", _PERIOD, False, f"its expression is no plain sum ({error})"
    chosen = [stats[name] for name in sorted(total.ids)]
    series = tuple(_one_series(stat.get("Metric") or {}, address) for stat in chosen)
    period = max((int(_number(stat.get("Period")) or _PERIOD) for stat in chosen), default=_PERIOD)
    return series, str(chosen[0].get("Stat") or "") if chosen else "", period, total.fills, ""


# ---------------------------------------------------------------- CloudFormation


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
    collected = _Collected()
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


def _add_cloudformation(collected: _Collected, address: str, kind: str, properties: Any) -> None:
    if not isinstance(properties, dict):
        return
    match kind:
        case "AWS::Logs::MetricFilter":
            collected.filter(address, properties)
        case "AWS::CloudWatch::Alarm":
            collected.alarm(address, properties)
        case "AWS::CloudWatch::CompositeAlarm":
            collected.composite(address, properties)
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


# ---------------------------------------------------------------- Terraform


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
    collected, waiting = _Collected(), _Targets()
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
    collected, waiting = _Collected(), _Targets()
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

    def aim(self, collected: _Collected) -> None:
        for rule, arn in self.waiting:
            for address, known in collected.rules.items():
                if rule in {address, known.name}:
                    collected.rules[address] = replace(known, targets=(*known.targets, *_actions([arn])))


def _add_terraform(
    collected: _Collected, waiting: _Targets, address: str, kind: str, values: Mapping[str, Any]
) -> None:
    match kind:
        case "aws_cloudwatch_log_metric_filter":
            collected.filter(address, _renamed(values, _FILTER))
        case "aws_cloudwatch_metric_alarm":
            collected.alarm(address, _renamed(values, _ALARM))
        case "aws_cloudwatch_composite_alarm":
            collected.composite(address, _renamed(values, _ALARM))
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
_RULE = {"name": "Name", "event_pattern": "EventPattern"}


def _renamed(values: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """Return values under the names that AWS gives them."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        meant = names.get(name)
        if isinstance(meant, str):
            found[meant] = value
        elif meant is not None and isinstance(value, list):
            inner = [_renamed(one, meant[1]) for one in value if isinstance(one, Mapping)]
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

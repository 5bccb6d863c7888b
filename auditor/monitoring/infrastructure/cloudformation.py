"""Reads CloudFormation templates, JSON or YAML with short-form tags, as far as they tell about detection.

Conditions, parameters with defaults, maps, ``Fn::ForEach`` and nested stacks on disk are evaluated; what stays open is
named with the line of the parameter or resource.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from auditor.base.errors import UsageError
from auditor.monitoring.infrastructure import as_aws
from auditor.monitoring.infrastructure.intrinsic import Resolver
from auditor.monitoring.infrastructure.values import MOST_NAME, Code, Open, Resource, Unknown

_MAX_YAML = 2_000_000
"""CloudFormation takes templates of up to one megabyte."""

_MAX_BRACKETS = 200
"""The YAML reader takes a time that grows with the square of nested brackets; templates nest a dozen."""

_MAX_NESTED = 8
"""Stacks in stacks in stacks."""

_MOST_STACKS = 200
"""Nested stacks that are read, however often the same template stands for them."""

_MAX_RESOURCES = 20_000
"""What ``Fn::ForEach`` may make of a template; CloudFormation takes 500 resources."""


_TRANSFORMS = re.compile(r"AWS::(Serverless|LanguageExtensions|SecretsManager|CodeDeployBlueGreen)(-[\d-]+)?")
"""Transforms that change nothing but what is written for them; any other one may change the whole template."""

_EXPANDED = re.compile(r".*::MODULE|AWS::Serverless::Application|AWS::CloudFormation::StackSet")
"""Types that stand for resources which are written elsewhere."""


class _Template(yaml.SafeLoader):
    """Reads short-form tags such as ``!Ref`` as the objects they stand for; builds nothing else.

    CloudFormation takes no hash merges (User Guide, "CloudFormation template formats"), and of a key that stands twice
    nobody knows which one counts.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge" or str(key.value) in seen:
                problem = "is a merge, which CloudFormation does not take" if key.value == "<<" else "stands twice"
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} {problem}", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)} stands twice in one object")
    return found


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
_Template.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
"""CloudFormation knows no dates: ``Version: 2012-10-17`` is a text."""


def read_cloudformation(
    text: str,
    name: str = "template",
    folder: Path | None = None,
    parameters: Mapping[str, str] | None = None,
    prefix: str = "",
) -> Code:
    """Read a template, JSON or YAML.

    Args:
        text: the template.
        name: what places call it.
        folder: where nested templates are looked for; None for nowhere.
        parameters: values that are given to it.
        prefix: stands before the names of its resources, which are those of one stack among several.

    Raises:
        UsageError: it is no template, or has no such parameter.
    """
    template = _template(text, name)
    declared = template.get("Parameters")
    for given in parameters or {}:
        if not isinstance(declared, dict) or given not in declared:
            raise UsageError(f"--var {given}: {name} has no such parameter")
    code = Code()
    _Reader(template, text, name, folder, code).read(prefix, dict(parameters or {}), 0)
    return code


def _template(text: str, name: str) -> dict[str, Any]:
    try:
        template = _parsed(text, name)
    except json.JSONDecodeError as error:
        raise UsageError(f"{name}:{error.lineno}: this is no JSON: {error.msg} (column {error.colno})") from error
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark is not None else ""
        raise UsageError(f"{name}{line} cannot be read: {' '.join(str(error.problem).split())[:200]}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UsageError(f"{name} cannot be read: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise UsageError(f"{name} is no CloudFormation template: it has no Resources")
    return template


def _parsed(text: str, name: str) -> Any:
    if text.lstrip().startswith("{"):
        return json.loads(text, object_pairs_hook=_once)
    if len(text) > _MAX_YAML:
        raise UsageError(f"{name} is larger than {_MAX_YAML} characters")
    if _bracket_depth(text) > _MAX_BRACKETS:
        raise UsageError(f"{name} is nested too deeply")
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=_Template)):
        raise UsageError(f"{name} uses YAML aliases, which CloudFormation does not take")
    return yaml.load(text, Loader=_Template)  # noqa: S506 - a SafeLoader that knows short-form tags


def _bracket_depth(text: str) -> int:
    depth = deepest = 0
    for char in text:
        if char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}" and depth:
            depth -= 1
    return deepest


class _Reader:
    """One template; nested ones get readers of their own."""

    def __init__(self, template: dict[str, Any], text: str, name: str, folder: Path | None, code: Code) -> None:
        self.template = template
        self.text = text
        self.name = name
        self.folder = folder
        self.code = code
        self.budget = [_MOST_STACKS]
        self.changed: Unknown | None = None

    def read(self, prefix: str, parameters: Mapping[str, Any], depth: int) -> Resolver:
        """Add the template's resources to the code; return what knows its outputs."""
        resolver = Resolver(self.template, self.place_of, prefix, parameters)
        resources = dict(self.expanded(self.template["Resources"], resolver))
        self.changed = self.transformed(prefix)
        resolver.resources = {name: one for name, one in resources.items() if isinstance(one, dict)}
        for name, resource in resolver.resources.items():
            if resource.get("Type") == "AWS::CloudFormation::Stack":
                self.nested(name, resource, resolver, prefix, depth)
        for name, resource in resolver.resources.items():
            self.add(name, resource, resolver, prefix)
        return resolver

    def transformed(self, prefix: str) -> Unknown | None:
        """Return the transform that may change everything in the template, if there is one."""
        given = self.template.get("Transform")
        names = [one.get("Name") if isinstance(one, Mapping) else one for one in as_aws.listed(given)]
        macros = [str(name) for name in names if not _TRANSFORMS.fullmatch(str(name))]
        if not macros:
            return None
        found = Unknown(f"the transform {', '.join(macros)[:MOST_NAME]}", self.name, prefix)
        self.code.unread.append(f"{found.words} may add to the template")
        return found

    def place_of(self, name: str, section: str = "Resources") -> str:
        """Return file and line where something is declared."""
        begin = re.search(rf'^\s*["\']?{section}["\']?\s*:', self.text, re.MULTILINE)
        key = re.compile(rf'["\']?(?<![\w-]){re.escape(name)}["\']?\s*:')
        found = key.search(self.text, begin.end() if begin else 0)
        return f"{self.name}:{self.text.count(chr(10), 0, found.start()) + 1}" if found else self.name

    def expanded(self, resources: Mapping[str, Any], resolver: Resolver) -> Iterable[tuple[str, Any]]:
        """Yield all resources, those of ``Fn::ForEach`` too."""
        made = 0
        waiting = [(str(name), one) for name, one in reversed(list(resources.items()))]
        while waiting:
            name, one = waiting.pop()
            if not name.startswith("Fn::ForEach"):
                yield name, one
                continue
            copies = resolver.copies(one)
            made += len(copies or ())
            if copies is None or made > _MAX_RESOURCES:
                self.code.unread.append(f"{name} ({self.place_of(name)}) goes over a list that the code leaves open")
                continue
            waiting += reversed(copies)

    def add(self, name: str, resource: Mapping[str, Any], resolver: Resolver, prefix: str) -> None:
        kind = str(resource.get("Type"))
        exists = resolver.condition(resource.get("Condition")) if "Condition" in resource else True
        if exists is False:
            self.code.absent.add(f"{prefix}{name}")
            return
        place = self.place_of(name)
        properties = resolver.value(resource.get("Properties") or {})
        if isinstance(properties, Unknown):
            self.code.unread.append(f"the properties of {prefix}{name} ({place}) hang on {properties.words}")
            properties = Open(properties)
        if not isinstance(properties, Mapping):
            return
        if _EXPANDED.fullmatch(kind):
            self.code.unread.append(f"{prefix}{name} ({place}) stands for resources that are written elsewhere")
        hangs = self.changed if exists is True else Unknown(f"the condition {resource.get('Condition')}", place)
        events = properties.get("Events") if kind == "AWS::Serverless::Function" else None
        if isinstance(events, Mapping) and any(
            isinstance(one, Mapping) and one.get("Type") in {"EventBridgeRule", "CloudWatchEvent"}
            for one in events.values()
        ):
            self.code.unread.append(f"the events of the function {prefix}{name} ({place}) become rules on deployment")
        self.code.resources.append(Resource(kind, f"{prefix}{name}", properties, place, hangs))

    def nested(self, name: str, resource: Mapping[str, Any], resolver: Resolver, prefix: str, depth: int) -> None:
        """Read a nested stack that is on disk; name one that is not."""
        exists = resolver.condition(resource.get("Condition")) if "Condition" in resource else True
        if exists is False:
            return
        place = self.place_of(name)
        properties = resolver.value(resource.get("Properties") or {})
        properties = properties if isinstance(properties, Mapping) else {}
        path = self.nested_path(resource, properties)
        self.budget[0] -= 1
        if path is None or depth >= _MAX_NESTED or self.budget[0] < 0:
            url = properties.get("TemplateURL")
            shown = url.words if isinstance(url, Unknown) else str(url)[:120]
            self.code.unread.append(f"the nested stack {prefix}{name} ({place}) from {shown} is not on disk")
            return
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        given = properties.get("Parameters")
        inner = Code()
        shown = os.path.relpath(path, self.folder) if self.folder is not None else path.name
        reader = _Reader(_template(text, shown), text, shown, path.parent, inner)
        reader.budget = self.budget
        outputs = reader.read(f"{prefix}{name}.", given if isinstance(given, Mapping) else {}, depth + 1)
        resolver.stacks[name] = outputs
        hangs = self.changed if exists is True else Unknown(f"the condition {resource.get('Condition')}", place)
        self.code.resources += [replace(one, exists=one.exists or hangs) for one in inner.resources]
        self.code.unread += inner.unread
        self.code.absent |= inner.absent

    def nested_path(self, resource: Mapping[str, Any], properties: Mapping[str, Any]) -> Path | None:
        metadata = resource.get("Metadata")
        asset = metadata.get("aws:asset:path") if isinstance(metadata, Mapping) else None
        name = asset if isinstance(asset, str) and asset else properties.get("TemplateURL")
        if self.folder is None or not isinstance(name, str) or not name or "://" in name or name.startswith("/"):
            return None
        path = self.folder / name
        return path if path.is_file() and path.stat().st_size <= _MAX_YAML else None

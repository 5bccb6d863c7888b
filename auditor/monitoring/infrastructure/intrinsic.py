"""Evaluates the intrinsic functions and conditions of a CloudFormation template, as far as it tells."""

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any, Final

from auditor.base.errors import UsageError
from auditor.monitoring.infrastructure.values import (
    ACCOUNT,
    MOST_NAME,
    REGION,
    STACK,
    Unknown,
    encoded,
    stands_in,
    text_of,
    unknowns,
)

MAX_DEPTH = 60
_MOST_TEXT: Final = 20_000_000
"""Characters that one loop may make of a template."""
_MOST_VALUE: Final = 1_000_000
"""Characters of one value: CloudFormation takes templates of that size."""


class _NoValue:
    """``AWS::NoValue``: what has it is not there."""


NO_VALUE: Final = _NoValue()
_PSEUDO: Mapping[str, Any] = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": STACK,
    "AWS::NoValue": NO_VALUE,
}
_VARIABLE = re.compile(r"\$\{([^}!]+)\}")
_DYNAMIC = "{{resolve:"
"""Begins a reference that is looked up when the stack is made: User Guide, "Get values stored in other services"."""
_NAME_OF = {
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::CompositeAlarm": "AlarmName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Logs::MetricFilter": "FilterName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::KMS::Alias": "AliasName",
}
_ARN_BY_REF = ("AutoScaling", "StateMachine")
"""Types of which a plain reference gives the ARN, beside topics."""


class Resolver:
    """Replaces intrinsic functions by what they give."""

    def __init__(
        self,
        template: Mapping[str, Any],
        place_of: Callable[[str, str], str],
        prefix: str,
        given: Mapping[str, Any],
    ) -> None:
        def section(name: str) -> Mapping[str, Any]:
            found = template.get(name)
            return found if isinstance(found, Mapping) else {}

        self.parameters = section("Parameters")
        self.conditions = section("Conditions")
        self.mappings = section("Mappings")
        self.outputs = section("Outputs")
        self.resources: Mapping[str, Any] = section("Resources")
        self.stacks: dict[str, Resolver] = {}
        self.place_of = place_of
        self.prefix = prefix
        self.given = given
        self._judging: set[str] = set()
        self._judged: dict[str, bool | None] = {}
        self._naming: set[str] = set()

    def open(self, name: str, place: str = "", parts: Any = None) -> Unknown:
        """Return an open value of this template.

        Args:
            name: for people; two values of one name are taken for equal,
            place: where it stands.
            parts: what it is made of, where its name does not tell: then only values of equal parts are equal.
        """
        if parts is None and len(name) <= MOST_NAME:
            return Unknown(name, place, self.prefix)
        told = json.dumps(parts if parts is not None else name, default=_identity)
        return Unknown(name[:MOST_NAME], place, f"{self.prefix}{sha256(told.encode()).hexdigest()}.")

    def joined(self, name: str, values: Iterable[Any]) -> Unknown:
        """Return an open text whose name tells how it is made of others; those of another scope are told apart."""
        found = list(dict.fromkeys(unknowns(list(values))))
        scopes = {one.scope for one in found}
        if len(scopes) == 1 and len(name) <= MOST_NAME:
            return Unknown(name, found[0].place, scopes.pop())
        return self.open(name, found[0].place, [name, found])

    # -- values

    def value(self, item: Any, depth: int = 0) -> Any:
        """Return a value without functions in it; ``AWS::NoValue`` takes list items and keys away."""
        if depth > MAX_DEPTH:
            return self.open("what is nested too deeply")
        if isinstance(item, list):
            return [one for one in (self.value(one, depth + 1) for one in item) if one is not NO_VALUE]
        if not isinstance(item, Mapping):
            return self.told(item)
        if len(item) == 1:
            ((name, argument),) = item.items()
            if name == "Ref" or str(name).startswith("Fn::"):
                return self.told(self.function(str(name).removeprefix("Fn::"), argument, depth + 1))
        values = {str(key): self.value(one, depth + 1) for key, one in item.items()}
        if made := next((name for name in values if name.startswith("Fn::")), ""):
            return self.open(f"what {made} puts beside {', '.join(values.keys() - {made})}", "", values)
        return {key: one for key, one in values.items() if one is not NO_VALUE}

    def told(self, value: Any) -> Any:
        """Return a value, or something open where it is looked up when the stack is made.

        Raises:
            UsageError: it is longer than anything that CloudFormation takes.
        """
        if not isinstance(value, str):
            return value
        _check_length([value], "")
        return self.open(value) if _DYNAMIC in value else value

    def function(self, name: str, argument: Any, depth: int) -> Any:  # noqa: PLR0911 - one line for each function
        """Return what an intrinsic function gives."""
        match name, argument:
            case "Ref", str():
                return self.reference(argument)
            case "GetAtt", [str() as resource, attribute]:
                return self.attribute(resource, self.value(attribute, depth))
            case "GetAtt", str():
                return self.attribute(*argument.partition(".")[::2])
            case "Sub", str():
                return self.substituted(argument, {})
            case "Sub", [str() as text, Mapping() as names]:
                return self.substituted(text, {key: self.value(one, depth) for key, one in names.items()})
            case "If", [str() as condition, yes, no]:
                return self.chosen(condition, yes, no, depth)
        values = self.value(argument, depth)
        if name == "FindInMap":
            return self.found_in_map(values)
        if next(unknowns(values), None) is None:
            return self.plain(name, values)
        match name, values:
            case "Join", [str() as separator, list() as parts]:  # equals the same said with Sub
                _check_length(parts, separator)
                return self.joined(separator.join(map(_called, parts)), parts)
        return self.open(_written(name, values), next(unknowns(values)).place, [name, values])

    def plain(self, name: str, values: Any) -> Any:  # noqa: PLR0911 - one line for each function
        """Evaluate a function whose arguments are all known."""
        match name, values:
            case "Join", [str() as separator, list() as parts]:
                _check_length(parts, separator)
                return separator.join(map(_text, parts))
            case "Split", [str() as separator, str() as text] if separator and not (
                stands_in(text) and _IN_NAMES.fullmatch(separator)
            ):
                return text.split(separator)
            case "Select", [index, list() as items] if str(index).isdecimal() and int(index) < len(items):
                return items[int(index)]
            case "ToJsonString", _:
                return encoded(values)
            case "Base64", str():
                return base64.b64encode(values.encode()).decode()
            case "Length", list():
                return len(values)
            case "ImportValue", _:
                return self.open(f"ImportValue {_text(values)}")
        return self.open(_written(name, values), "", [name, values])

    def chosen(self, condition: str, yes: Any, no: Any, depth: int) -> Any:
        """Return one branch of ``Fn::If``, or both where they are the same."""
        decided = self.condition(condition)
        if decided is not None:
            return self.value(yes if decided else no, depth)
        one, other = self.value(yes, depth), self.value(no, depth)
        if one is other or (one is not NO_VALUE and other is not NO_VALUE and one == other):
            return one
        place = self.place_of(condition, "Conditions")
        return self.open(f"the condition {condition}", place, [condition, one, other])

    def found_in_map(self, values: Any) -> Any:
        """Look into ``Mappings``; with an open key the answer is known where all entries are the same."""
        if not isinstance(values, list) or len(values) < 3 or not isinstance(values[0], str):  # noqa: PLR2004
            return self.open("FindInMap", "", values)
        name, *keys = values
        open_keys = [isinstance(key, Unknown) or stands_in(str(key)) for key in keys[:2]]
        found: list[Any] = [self.mappings.get(name)]
        for key, is_open in zip(keys, open_keys, strict=False):
            tables = [one for one in found if isinstance(one, Mapping)]
            found = [one for table in tables for one in (table.values() if is_open else [table.get(str(key))])]
        found = [one for one in found if one is not None]
        fallback = keys[2] if len(keys) > 2 and isinstance(keys[2], Mapping) else {}  # noqa: PLR2004
        if "DefaultValue" in fallback and (any(open_keys) or not found):
            found.append(fallback["DefaultValue"])
        if found and all(one == found[0] for one in found):
            return found[0]
        return self.open(f"FindInMap {name}", self.place_of(name, "Mappings"), values)

    def reference(self, name: str) -> Any:
        """Return what ``Ref`` gives."""
        if name in _PSEUDO:
            return _PSEUDO[name]
        if name.startswith("AWS::"):
            return self.open(name)
        if name in self.parameters or name in self.given:
            return self.parameter(name)
        if name not in self.resources:
            return self.open(name)
        resource = self.resources[name]
        kind = str(resource.get("Type"))
        attribute = "arn" if any(part in kind for part in _ARN_BY_REF) else "ref"
        return text_of(kind, f"{self.prefix}{name}", attribute, self.name_of(name, resource, kind))

    def name_of(self, called: str, resource: Mapping[str, Any], kind: str) -> Any:
        """Return the name that a resource gives itself; None for none, and for one that goes in a circle."""
        properties = resource.get("Properties")
        given = properties.get(_NAME_OF.get(kind, "Name")) if isinstance(properties, Mapping) else None
        if given is None or called in self._naming:
            return None
        self._naming.add(called)
        name = self.value(given, MAX_DEPTH // 2)
        self._naming.discard(called)
        return name

    def parameter(self, name: str) -> Any:
        """Return what is given for a parameter, or its default."""
        declared = self.parameters.get(name)
        declared = declared if isinstance(declared, Mapping) else {}
        kind = str(declared.get("Type"))
        if name in self.given:
            value = self.given[name]
        elif "Default" in declared and not kind.startswith("AWS::SSM::"):
            value = declared["Default"]
        else:
            return self.open(name, self.place_of(name, "Parameters"))
        if isinstance(value, str) and ("List" in kind):
            return [one.strip() for one in value.split(",")] if value else []
        return value

    def attribute(self, resource: str, attribute: Any) -> Any:
        """Return what ``Fn::GetAtt`` gives."""
        name = str(attribute)
        if resource in self.stacks and name.startswith("Outputs."):
            return self.stacks[resource].output(name.removeprefix("Outputs."))
        found = self.resources.get(resource)
        if not isinstance(found, Mapping) or isinstance(attribute, Unknown):
            return self.open(f"{resource}.{name}")
        kind = str(found.get("Type"))
        if kind == "AWS::CloudFormation::Stack":
            return self.open(f"{resource}.{name}", self.place_of(resource, "Resources"))
        return text_of(kind, f"{self.prefix}{resource}", name, self.name_of(resource, found, kind))

    def output(self, name: str) -> Any:
        """Return an output of this template."""
        declared = self.outputs.get(name)
        if not isinstance(declared, Mapping) or "Value" not in declared:
            return self.open(f"Outputs.{name}")
        return self.value(declared["Value"])

    def substituted(self, text: str, names: Mapping[str, Any]) -> Any:
        """Return what ``Fn::Sub`` gives."""
        values: dict[str, Any] = {}
        for name in _VARIABLE.findall(text):
            bare = name.strip()
            if bare in names:
                values[name] = names[bare]
            else:
                values[name] = self.attribute(*bare.split(".", 1)) if "." in bare else self.reference(bare)
        _check_length([text, *(values[name] for name in _VARIABLE.findall(text))], "")
        if next(unknowns(list(values.values())), None) is not None:
            return self.joined(_VARIABLE.sub(lambda found: _called(values[found[1]]), text), values.values())
        return _VARIABLE.sub(lambda found: _text(values[found[1]]), text).replace("${!", "${")

    # -- conditions

    def condition(self, name: Any, depth: int = 0) -> bool | None:
        """Say whether a condition holds; None when that hangs on something open."""
        if not isinstance(name, str) or name not in self.conditions or name in self._judging:
            return None
        if name not in self._judged:
            self._judging.add(name)
            self._judged[name] = self.holds(self.conditions[name], depth)
            self._judging.discard(name)
        return self._judged[name]

    def holds(self, item: Any, depth: int) -> bool | None:  # noqa: PLR0911 - one line for each function
        """Say whether a test of a condition holds."""
        if depth > MAX_DEPTH or not isinstance(item, Mapping) or len(item) != 1:
            return None
        ((name, argument),) = item.items()
        match name, argument:
            case "Condition", str():
                return self.condition(argument, depth + 1)
            case "Fn::Equals", [left, right]:
                return self.equal(self.value(left), self.value(right))
            case "Fn::Not", [inner]:
                answer = self.holds(inner, depth + 1)
                return None if answer is None else not answer
            case (("Fn::And" | "Fn::Or"), list()):
                answers = [self.holds(one, depth + 1) for one in argument]
                decisive: bool = name == "Fn::Or"
                if decisive in answers:
                    return decisive
                return None if None in answers else not decisive
        return None

    def equal(self, left: Any, right: Any) -> bool | None:
        """Compare as ``Fn::Equals`` does; None where the account, the Region or something open would tell."""
        if any(True for _ in unknowns([left, right])):
            return True if left == right else None
        one, other = _text(left), _text(right)
        return True if one == other else None if stands_in(one) or stands_in(other) else False

    # -- loops

    def copies(self, loop: Any) -> list[tuple[str, Any]] | None:
        """Return what ``Fn::ForEach`` makes: names and bodies; None when its list is open."""
        match loop:
            case [str() as identifier, collection, Mapping() as body]:
                items = self.value(collection)
            case _:
                return None
        if not isinstance(items, list) or any(True for _ in unknowns(items)):
            return None
        if len(items) * len(json.dumps(body, default=str)) > _MOST_TEXT:
            return None
        found = []
        for item in items:
            for key, one in body.items():
                text = json.dumps([key, one], default=str)
                for form in (f"${{{identifier}}}", f"&{{{identifier}}}"):
                    plain = re.sub(r"[^A-Za-z0-9]", "", str(item)) if form[0] == "&" else str(item)
                    text = text.replace(form, json.dumps(plain)[1:-1])
                text = text.replace(f'{{"Ref": "{identifier}"}}', json.dumps(item))
                name, made = json.loads(text)
                found.append((str(name), made))
        return found


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, default=str) if isinstance(value, list | Mapping) else str(value)


_IN_NAMES = re.compile(r"[A-Za-z0-9-]+")
"""What names of accounts, Regions and stacks are made of."""


def _check_length(parts: Iterable[Any], separator: str) -> None:
    """Refuse a text of these parts that is longer than anything that CloudFormation takes.

    Raises:
        UsageError: it is longer.
    """
    length = 0
    for part in parts:
        length += len(_text(part)) + len(separator)
        if length > _MOST_VALUE:
            raise UsageError(f"a value of the template has more than {_MOST_VALUE:,} characters")


def _written(name: str, values: Any) -> str:
    return f"{name} {json.dumps(values, default=_called)}"


def _called(value: Any) -> str:
    return f"${{{value.name}}}" if isinstance(value, Unknown) else _text(value)


def _identity(value: Any) -> str:
    """Return what tells a value that is no JSON from others."""
    return f"{value.scope}{value.name}" if isinstance(value, Unknown) else "nothing"

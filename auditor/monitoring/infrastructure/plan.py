"""Reads a Terraform plan in JSON (``terraform show -json``): the surest way, since Terraform itself evaluated it."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from auditor.base.errors import UsageError
from auditor.monitoring.infrastructure.homes import home_in_plan
from auditor.monitoring.infrastructure.terraform_names import BLOCKS, NAME_OF, OF_INTEREST, kind_of, resource
from auditor.monitoring.infrastructure.values import Code, Unknown, text_of

_INDEX = re.compile(r"\[[^\]]*\]$")
_PARTS = re.compile(r"(?:\[[^\]]*\])?\.")
_TAKEN = "What a plan leaves open and refers to another resource is taken to be that resource's value alone."
_HINT = "terraform show -json PLAN > plan.json"


def read_plan(text: str, name: str = "plan") -> Code:
    """Read the JSON that ``terraform show -json PLAN`` prints.

    Raises:
        UsageError: it is no plan.
    """
    try:
        plan = json.loads(text)
        root = (plan.get("planned_values") or plan["values"])["root_module"]  # a state, where nothing is planned
        configuration = plan.get("configuration", {}).get("root_module", {})
    except json.JSONDecodeError as error:
        message = f"{name}:{error.lineno}: this is no plan in JSON: {error.msg} (column {error.colno})"
        raise UsageError(message, hint=_HINT) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f"{name} is no plan in JSON", hint=_HINT) from error
    if plan.get("errored") is True:
        raise UsageError(f"{name} ended in an error: it does not hold all that is planned", hint=_HINT)
    return _Plan(plan, root, configuration).code()


class _Plan:
    def __init__(self, plan: Mapping[str, Any], root: Any, configuration: Any) -> None:
        self.code_ = Code()
        self.planned = list(_planned(root, configuration, "", ()))
        self.values = {str(one.get("address")): one for _, _, one, _ in self.planned}
        self.partial = plan.get("complete") is False
        self.providers = plan.get("configuration", {}).get("provider_config")
        changes = plan.get("resource_changes")
        self.unknown = {
            str(one.get("address")): one.get("change", {}).get("after_unknown") or {}
            for one in (changes if isinstance(changes, list) else ())
            if isinstance(one, Mapping) and isinstance(one.get("change"), Mapping)
        }

    def code(self) -> Code:
        if self.partial:
            self.code_.unread.append("the plan is for a part of the code only")
        for prefix, calls, one, configured in self.planned:
            expressions = configured.get("expressions") or {}
            kind, address = str(one.get("type")), str(one.get("address"))
            values = one.get("values")
            if kind not in OF_INTEREST or not isinstance(values, Mapping):
                continue
            known = self.filled(values, expressions, self.unknown.get(address), prefix, calls, address)
            found = resource(kind, address, known, address, None)
            if found is not None:
                self.code_.resources.append(replace(found, home=home_in_plan(configured, values, self.providers)))
        return self.code_

    def filled(
        self,
        values: Any,
        expressions: Any,
        unknown: Any,
        prefix: str,
        calls: "_Calls",
        address: str,
        *,
        nested: bool = False,
    ) -> dict[str, Any]:
        """Return planned values, with references or open values where they only exist after the plan is applied."""
        found = {key: one for key, one in values.items() if one is not None}
        written = expressions if isinstance(expressions, Mapping) else {}
        for name, expression in written.items():
            found |= self.member(name, found.get(name), expression, unknown, prefix, calls, address)
        for name, state in unknown.items() if isinstance(unknown, Mapping) else ():
            value = found.get(name)
            if state is True and value is None and (name in written or name in BLOCKS or nested):
                found[name] = Unknown(name, address, f"{address}.")
            elif isinstance(state, Mapping) and True in state.values():
                found[name] = Unknown(name, address, f"{address}.")  # a map with a value that is not known yet
            elif isinstance(state, list) and isinstance(value, list) and name not in written:
                pairs = zip_longest(value, state[: len(value)])
                found[name] = [
                    self.filled(one, None, of, prefix, calls, address, nested=True) if isinstance(one, Mapping) else one
                    for one, of in pairs
                ]
        return found

    def member(
        self, name: str, value: Any, expression: Any, unknown: Any, prefix: str, calls: "_Calls", address: str
    ) -> dict[str, Any]:
        state = unknown.get(name) if isinstance(unknown, Mapping) else None
        if isinstance(expression, list) and isinstance(value, list):
            inner = []
            for number, one in enumerate(value):
                part = expression[number] if number < len(expression) else None
                of = state[number] if isinstance(state, list) and number < len(state) else None
                inside = isinstance(one, Mapping)
                inner.append(self.filled(one, part, of, prefix, calls, address, nested=True) if inside else one)
            return {name: inner}
        if not isinstance(expression, Mapping) or (value is not None and not _has_holes(value, state)):
            return {}
        references = expression.get("references")
        if not isinstance(references, list) or (state is None and isinstance(unknown, Mapping) and unknown):
            return {}
        targets = [one for one in (self.meant(str(one), prefix, calls, address) for one in _whole(references)) if one]
        if not targets:
            return {}
        if name in {"alarm_actions", "targets"}:
            return {name: targets}
        if not isinstance(targets[0], Unknown) and _TAKEN not in self.code_.notes:
            self.code_.notes.append(_TAKEN)
        return {name: targets[0] if len(targets) == 1 else Unknown(" and ".join(map(str, references[:2])), address)}

    def meant(self, reference: str, prefix: str, calls: "_Calls", address: str) -> Any:
        """Return what a reference stands for: a resource of the plan, or an open value."""
        parts = _PARTS.split(reference)
        if parts[0] == "var" and calls and len(parts) > 1:
            (outer, expressions), *above = calls
            handed = expressions.get(parts[1])
            references = handed.get("references") if isinstance(handed, Mapping) else None
            if isinstance(references, list) and references:
                return self.meant(str(_whole(references)[0]), outer, tuple(above), address)
            return Unknown(reference, address, f"{address}.")
        if parts[0] in {"each", "count", "self", "path"}:
            return None
        if len(parts) > 1 and parts[0].startswith("aws_"):
            known = self.resource_at(prefix, parts[0], parts[1], address)
            if known is not None:
                return self.of_resource(known, parts[0], parts[2:])
        return Unknown(reference, address, f"{address}.")

    def resource_at(self, prefix: str, kind: str, name: str, address: str) -> Mapping[str, Any] | None:
        plain = f"{prefix}{kind}.{name}"
        own = _INDEX.search(address)
        candidates = [plain, f"{plain}{own[0]}" if own else plain]
        candidates += [one for one in self.values if one.startswith(f"{plain}[")]
        return next((self.values[one] for one in candidates if one in self.values), None)

    def of_resource(self, known: Mapping[str, Any], kind: str, attributes: list[str]) -> Any:
        attribute = attributes[0] if attributes else "arn"
        values = known.get("values") if isinstance(known.get("values"), Mapping) else {}
        value: Any = values
        for part in attributes:
            value = value[0] if isinstance(value, list) and value else value
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(value, str):
            return value
        name = values.get(NAME_OF.get(kind, "name")) if isinstance(values, Mapping) else None
        return text_of(kind_of(kind), str(known.get("address")), attribute, name)


_Calls = tuple[tuple[str, Mapping[str, Any]], ...]
_Found = tuple[str, _Calls, Mapping[str, Any], Mapping[str, Any]]


def _planned(module: Any, configuration: Any, prefix: str, calls: _Calls) -> Iterable[_Found]:
    """Yield each resource with the module it stands in, what was handed to that module, and its expressions."""
    if not isinstance(module, Mapping):
        return
    configured = configuration if isinstance(configuration, Mapping) else {}
    listed = configured.get("resources")
    written = {
        one.get("address"): one for one in (listed if isinstance(listed, list) else ()) if isinstance(one, Mapping)
    }
    for one in _mappings(module.get("resources")):
        if one.get("mode", "managed") == "managed":
            bare = _INDEX.sub("", str(one.get("address", "")).removeprefix(prefix))
            yield prefix, calls, one, written.get(bare) or {}
    for child in _mappings(module.get("child_modules")):
        address = str(child.get("address", ""))
        name = _INDEX.sub("", address.removeprefix(prefix)).removeprefix("module.")
        called = configured.get("module_calls")
        call = called.get(name) if isinstance(called, Mapping) else None
        call = call if isinstance(call, Mapping) else {}
        handed = call.get("expressions")
        above = (prefix, handed if isinstance(handed, Mapping) else {})
        yield from _planned(child, call.get("module"), f"{address}.", (above, *calls))


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _whole(references: list[Any]) -> list[str]:
    """Leave out what Terraform lists beside a reference: the same without its attribute."""
    texts = [str(one) for one in references]
    return [
        one for one in texts if not any(other != one and other.startswith((f"{one}.", f"{one}[")) for other in texts)
    ]


def _has_holes(value: Any, state: Any) -> bool:
    """Say whether a list of the plan has items that are only known after it is applied."""
    if not isinstance(value, list):
        return False
    return any(one is None for one in value) or (isinstance(state, list) and any(one is True for one in state))

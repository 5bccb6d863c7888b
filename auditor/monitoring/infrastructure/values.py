"""What a value can be that code leaves open: said with its name and its place, and never mistaken for a text."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

ACCOUNT = "000000000000"
REGION = "deployed-region"
STACK = "deployed-stack"
"""Stand for what code does not tell: the account, the Region and the stack that it will be deployed to."""

MOST_NAME = 120
"""Characters of an open value's name that people see."""


def stands_in(text: str) -> bool:
    """Say whether a text holds something that stands for what code does not tell: nothing can be compared with it."""
    return any(mark in text for mark in (ACCOUNT, REGION, STACK))


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that the code leaves open.

    Args:
        name: as the code calls it, such as ``var.namespace``.
        place: where it stands, such as ``main.tf:12``.
        scope: the module that the name belongs to, and what the name does not tell of the value: equal names of one
            scope are equal values.
        missing: whether it hangs on a variable that has no value yet, which might be given one.
    """

    name: str
    place: str = field(default="", compare=False)
    scope: str = ""
    missing: bool = field(default=False, compare=False)

    @property
    def words(self) -> str:
        """Name it with its place."""
        return f"{self.name} ({self.place})" if self.place else self.name


def unknowns(value: Any) -> Iterator[Unknown]:
    """Yield whatever is open in a value."""
    match value:
        case Unknown():
            yield value
        case Mapping():
            for one in value.values():
                yield from unknowns(one)
        case list() | tuple():
            for one in value:
                yield from unknowns(one)


class Open(Mapping[str, Any]):
    """Properties of a resource of which not even the names are known: each is open."""

    def __init__(self, reason: Unknown) -> None:
        self.reason = reason

    def __getitem__(self, name: str) -> Unknown:
        return self.reason

    def __iter__(self) -> Iterator[str]:
        yield self.reason.name

    def __len__(self) -> int:
        return 1


def encoded(value: Any) -> Any:
    """Return the JSON text of a value; what is open in it makes all of it open."""
    return next(unknowns(value), None) or json.dumps(value)


@dataclass(frozen=True, slots=True, order=True)
class Home:
    """Where a resource will be: detection works within one account and Region only.

    Args:
        access: how its provider gets into an account, as it is written; equal texts are equal accounts.
        region: the Region, or the expression that gives it, which begins with ``=``; empty where nothing says.
    """

    access: str = ""
    region: str = ""

    def is_apart(self, other: "Home") -> bool:
        """Say whether the code says that another home is in another Region."""
        known = (one.region for one in (self, other) if one.region and not one.region.startswith("="))
        return len(set(known)) > 1


HERE = Home()


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of the code, its properties under the names that AWS gives them.

    Args:
        kind: as CloudFormation names it, whichever tool it comes from.
        address: as the code calls it.
        properties: with ``Unknown`` wherever something is open.
        place: file and line.
        exists: None where there will be one, or what decides that.
        home: where it will be.
    """

    kind: str
    address: str
    properties: Mapping[str, Any]
    place: str = ""
    exists: Unknown | None = None
    home: Home = HERE


@dataclass(slots=True)
class Code:
    """Everything that was read.

    Args:
        resources: those that have to do with detection.
        absent: addresses of resources that are written but will not be made (``count = 0``, a condition that is false).
        unread: parts that could hold more of them, in words with their place.
        notes: what a reader should know about the reading.
        invalid: what AWS or the tool would refuse.
    """

    resources: list[Resource] = field(default_factory=list)
    absent: set[str] = field(default_factory=set)
    unread: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)


def text_of(  # noqa: C901, PLR0911 - one line for each kind
    kind: str, address: str, attribute: str, name: Any
) -> str:
    """Return what stands in a value that refers to another resource of the code.

    Args:
        kind: of the resource referred to, as CloudFormation names it.
        address: of that resource.
        attribute: ``arn`` or anything else, which is taken for its name.
        name: the name that its properties give it; anything but a text counts as none.
    """
    called = name if isinstance(name, str) and name else address
    where = f"{REGION}:{ACCOUNT}"
    match kind, attribute.lower():
        case "AWS::SNS::Topic", "arn" | "id" | "ref" | "topicarn":
            return f"arn:aws:sns:{where}:{address}"
        case "AWS::Lambda::Function", "arn" | "qualified_arn":
            return f"arn:aws:lambda:{where}:function:{address}"
        case "AWS::StepFunctions::StateMachine", "arn" | "id" | "ref":
            return f"arn:aws:states:{where}:stateMachine:{address}"
        case "AWS::Logs::LogGroup", "arn":
            return f"arn:aws:logs:{where}:log-group:{called}:*"
        case "AWS::KMS::Key", _:
            return f"arn:aws:kms:{where}:key/{address}"
        case "AWS::KMS::Alias", "arn" | "id" | "ref" | "name":
            return f"arn:aws:kms:{where}:{called}" if attribute == "arn" else called
        case "AWS::CloudWatch::Alarm" | "AWS::CloudWatch::CompositeAlarm", "arn":
            return f"arn:aws:cloudwatch:{where}:alarm:{called}"
        case (
            "AWS::CloudWatch::Alarm" | "AWS::CloudWatch::CompositeAlarm" | "AWS::Logs::LogGroup"
            | "AWS::Logs::MetricFilter" | "AWS::SNS::Topic" | "AWS::Lambda::Function",
            "id" | "ref" | "name" | "alarm_name" | "function_name" | "topicname" | "alarmname",
        ):  # fmt: skip
            return called
        case "AWS::Events::Rule", "arn":
            return f"arn:aws:events:{where}:rule/{called}"
        case "AWS::Events::Rule", _:
            return called
        case _, "arn":
            service = kind.split("::")[1] if "::" in kind else kind.removeprefix("aws_").partition("_")[0]
            return f"arn:aws:{service.lower()}:{where}:{address}"
        case _, "ref" | "id":
            return address
    return f"{address}.{attribute}"

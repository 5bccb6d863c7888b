"""The events by which a security group is opened to everybody, as cases for the procedure that decides coverage.

Source: EC2 API, ``AuthorizeSecurityGroupIngress`` and ``ModifySecurityGroupRules``, in the spelling of CloudTrail
records. Port 22 stands for all; who calls, from where and for which group is left free.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from auditor.monitoring.patterns.callers import Keys
from auditor.monitoring.patterns.coverage import Budget, Case, Detector, Detectors, World, cases, example_records, look
from auditor.monitoring.patterns.errors import TooComplexError
from auditor.monitoring.patterns.filter_grammar import parse_json_filter
from auditor.monitoring.patterns.formula import ALWAYS, Formula
from auditor.monitoring.patterns.requirement import Requirement

_EC2: Final = "ec2.amazonaws.com"
_REFUSED: Final = parse_json_filter("{ $.errorCode = * }").formula
"""What was refused opened nothing."""
_RULE: Final[Keys] = ("requestParameters", "ipPermissions", "items")
_CHANGE: Final[Keys] = (
    "requestParameters",
    "ModifySecurityGroupRulesRequest",
    "SecurityGroupRule",
    "SecurityGroupRule",
)


def _authorized(ranges: str, key: str, address: str) -> dict[Keys, Any]:
    ports: dict[Keys, Any] = {(*_RULE, "ipProtocol"): "tcp", (*_RULE, "fromPort"): 22, (*_RULE, "toPort"): 22}
    return ports | {(*_RULE, ranges, "items", key): address}


def _modified(key: str, address: str) -> dict[Keys, Any]:
    ports: dict[Keys, Any] = {(*_CHANGE, "IpProtocol"): "tcp", (*_CHANGE, "FromPort"): 22, (*_CHANGE, "ToPort"): 22}
    return ports | {(*_CHANGE, key): address}


OPENINGS: Final[Mapping[str, tuple[str, Mapping[Keys, Any]]]] = {
    "AuthorizeSecurityGroupIngress of 0.0.0.0/0": (
        "AuthorizeSecurityGroupIngress",
        _authorized("ipRanges", "cidrIp", "0.0.0.0/0"),
    ),
    "AuthorizeSecurityGroupIngress of ::/0": (
        "AuthorizeSecurityGroupIngress",
        _authorized("ipv6Ranges", "cidrIpv6", "::/0"),
    ),
    "ModifySecurityGroupRules to 0.0.0.0/0": ("ModifySecurityGroupRules", _modified("CidrIpv4", "0.0.0.0/0")),
    "ModifySecurityGroupRules to ::/0": ("ModifySecurityGroupRules", _modified("CidrIpv6", "::/0")),
}
"""The ways to open port 22 to everybody: what they are called here, event name and request parameters."""


@dataclass(frozen=True, slots=True)
class Uncaught:
    """What detectors leave of the openings.

    Args:
        missed: name of the opening -> an event of it that nobody catches.
        undecided: openings of which it could not be decided.
    """

    missed: Mapping[str, Mapping[str, Any]]
    undecided: tuple[str, ...]


def uncaught(detectors: Sequence[Detector], world: World) -> Uncaught:
    """Decide which openings some detectors together let go unnoticed."""
    index = Detectors(detectors)
    missed: dict[str, Mapping[str, Any]] = {}
    undecided: list[str] = []
    for name, (event, asked) in OPENINGS.items():
        budget = Budget()
        try:
            outcome = look(_case(event, asked, world), index, budget)
        except TooComplexError:
            undecided.append(name)
            continue
        if outcome.miss is not None:
            missed[name] = outcome.miss.record
        elif outcome.doubtful or not budget.complete:
            undecided.append(name)
    return Uncaught(missed, tuple(undecided))


def touches(detector: Detector, world: World) -> bool:
    """Say whether a detector catches any opening at all, or may do so."""
    if detector.formula is None:
        return True
    try:
        return any(example_records(_case(event, asked, world, detector.formula)) for event, asked in OPENINGS.values())
    except TooComplexError:
        return True


def _case(event: str, asked: Mapping[Keys, Any], world: World, catches: Formula = ALWAYS) -> Case:
    requirement = Requirement("opening", source=_EC2, events=(event,), catches=catches, spared=_REFUSED)
    (case,) = cases(requirement, world)
    return replace(case, fixed={**case.fixed, **asked})

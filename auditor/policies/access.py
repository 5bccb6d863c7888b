"""Whether a resource policy lets an AWS service do something on behalf of an account: yes, no, or by conditions.

Source: IAM User Guide, "Policy evaluation logic" and "AWS global condition context keys". Only what decides about a
service principal is understood; any other condition leaves the answer open, which is never taken for a yes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from auditor.base.truth import Truth, either, every
from auditor.policies.arn import PARTS
from auditor.policies.document import Condition, Policy, Principal, Statement
from auditor.policies.language import arn_like, has_variable, like


@dataclass(frozen=True, slots=True)
class Request:
    """What a service wants to do.

    Args:
        service: such as ``cloudwatch.amazonaws.com``.
        action: such as ``sns:Publish``.
        resource: the ARN that it is done to.
        account: the account on whose behalf.
        source: the ARN of the alarm or rule behind it; empty when it is not known.
    """

    service: str
    action: str
    resource: str
    account: str
    source: str = ""


def allows(policy: Policy, request: Request) -> Truth:
    """Say whether a policy allows a request; None when conditions or statements decide that are not understood."""
    unread: tuple[Truth, ...] = (None,) if policy.unreadable else ()
    denied = either((*unread, *(_applies(one, request) for one in policy.statements if not one.allow)))
    allowed = either((*unread, *(_applies(one, request) for one in policy.statements if one.allow)))
    if denied is False or allowed is False:
        return allowed
    return False if denied else None


def _applies(statement: Statement, request: Request) -> Truth:
    if not (statement.speaks_of(request.action) and _speaks_to(statement, request.service)):
        return False
    return every(
        (statement.names(request.resource), *(_holds(condition, request) for condition in statement.conditions))
    )


def _speaks_to(statement: Statement, service: str) -> bool:
    return any(_is(one, service) for one in statement.principals) is not statement.not_principals


def _is(principal: Principal, service: str) -> bool:
    return principal.everybody or (principal.kind == "Service" and principal.name in ("*", service))


def _equals(wanted: str, value: str) -> Truth:
    return wanted == value


def _equals_ignoring_case(wanted: str, value: str) -> Truth:
    return wanted.lower() == value.lower()


_EQUAL: Mapping[str, Callable[[str, str], Truth]] = {
    "stringequals": _equals,
    "stringequalsignorecase": _equals_ignoring_case,
    "stringlike": like,
    "arnequals": arn_like,
    "arnlike": arn_like,
}
"""Wildcards are plain characters to StringEquals; ArnEquals and ArnLike are the same."""

_NAMES_OWNER = frozenset({"cloudwatch.amazonaws.com"})
"""Services that send ``aws:SourceOwner``: SNS Developer Guide, "aws:SourceAccount versus aws:SourceOwner"."""


def _holds(condition: Condition, request: Request) -> Truth:
    known = {
        "aws:sourceaccount": request.account,
        "aws:sourcearn": request.source,
        "aws:securetransport": "true",
        "aws:principalisawsservice": "true",
    }
    if request.service in _NAMES_OWNER:
        known["aws:sourceowner"] = request.account
    operator, key, values = condition.operator, condition.key, condition.values
    if key not in known or condition.quantifier or not values or any(map(has_variable, values)):
        return None
    if operator == "bool":
        return known[key] in [value.lower() for value in values]
    positive = operator.replace("not", "", 1)
    fits = _EQUAL.get(positive)
    if fits is None:
        return None
    if key == "aws:sourcearn" and not request.source:
        return (
            True if operator == positive and any(_takes_in_all(value, operator, request) for value in values) else None
        )
    answer = either(fits(value, known[key]) for value in values)
    return None if answer is None else answer is (operator == positive)


def _takes_in_all(value: str, operator: str, request: Request) -> bool:
    """Say whether a pattern takes in every alarm or rule of the account in the Region of what is asked for."""
    service = request.service.removesuffix(".amazonaws.com").rpartition(".")[2]
    parts, asked = value.split(":", 5), [*request.resource.split(":", 5), *[""] * PARTS]
    if operator in ("stringequals", "stringequalsignorecase") or len(parts) < PARTS:
        return value == "*" and operator == "stringlike"
    return (
        parts[0] == "arn"
        and parts[1] in ("*", asked[1])
        and parts[2] in ("*", service)
        and parts[3] in ("*", asked[3])
        and parts[4] in ("*", request.account)
        and parts[5] in ("*", "alarm:*", "rule/*")
    )

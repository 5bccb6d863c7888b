"""Whether a resource policy lets an AWS service do something on behalf of an account: yes, no, or by conditions.

Source: IAM User Guide, "Policy evaluation logic" and "AWS global condition context keys". Only what decides about a
service principal is understood; any other condition leaves the answer open, which is never taken for a yes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from auditor.base.truth import Truth
from auditor.policies.language import ARN_PARTS, ELEMENTS, arn_like, like


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


def allows(policy: Mapping[str, Any], request: Request) -> Truth:
    """Say whether a policy allows a request; None when conditions or elements decide that are not understood."""
    found = policy.get("Statement", [])
    answers: dict[str, set[Truth]] = {"Allow": set(), "Deny": set()}
    for statement in found if isinstance(found, list) else [found]:
        if _is_readable(statement):
            answers[statement["Effect"]].add(_applies(statement, request))
        else:
            answers["Allow"].add(None)
            answers["Deny"].add(None)
    if True in answers["Deny"]:
        return False
    if None in answers["Deny"]:
        return None if answers["Allow"] & {True, None} else False
    return True if True in answers["Allow"] else None if None in answers["Allow"] else False


def _is_readable(statement: Any) -> bool:
    """Say whether a statement has the documented form; what has another might take anything back."""
    if not isinstance(statement, Mapping) or statement.keys() - ELEMENTS:
        return False
    return (
        statement.get("Effect") in ("Allow", "Deny")
        and _has_one(statement, "Action", _is_text)
        and _has_one(statement, "Principal", _is_principal)
        and (not statement.keys() & {"Resource", "NotResource"} or _has_one(statement, "Resource", _is_text))
        and isinstance(statement.get("Condition", {}), Mapping)
    )


def _has_one(statement: Mapping[str, Any], name: str, fits: Callable[[Any], bool]) -> bool:
    found = [statement[key] for key in (name, f"Not{name}") if key in statement]
    return len(found) == 1 and fits(found[0])


def _is_text(value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return bool(values) and all(isinstance(one, str) for one in values)


def _is_principal(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(value) and all(map(_is_text, value.values()))
    return bool(value == "*")


def _applies(statement: Mapping[str, Any], request: Request) -> Truth:
    about = (
        _matches(statement, "Action", request.action.lower(), lower=True)
        and _matches(statement, "Resource", request.resource)
        and _principal(statement, request.service)
    )
    return _holds(statement.get("Condition", {}), request) if about else False


def _matches(statement: Mapping[str, Any], name: str, value: str, *, lower: bool = False) -> bool:
    """Say whether an element or its negation takes in a value; a resource policy may leave its resource out."""
    for key, wanted in ((name, True), (f"Not{name}", False)):
        if key in statement:
            texts = [text.lower() if lower else text for text in _texts(statement[key])]
            return any(like(text, value) for text in texts) is wanted
    return name == "Resource"


def _principal(statement: Mapping[str, Any], service: str) -> bool:
    if "NotPrincipal" in statement:
        return not _names(statement["NotPrincipal"], service)
    return _names(statement["Principal"], service)


def _names(principal: Any, service: str) -> bool:
    if not isinstance(principal, Mapping):
        return bool(principal == "*")
    services = _texts(principal.get("Service", []))
    return service in services or "*" in services or "*" in _texts(principal.get("AWS", []))


def _holds(condition: Mapping[str, Any], request: Request) -> Truth:
    answers: list[Truth] = []
    for operator, tests in condition.items():
        if not isinstance(tests, Mapping):
            return None
        answers += [_test(operator, key.lower(), values, request) for key, values in tests.items()]
    return False if False in answers else None if None in answers else True


def _equals(wanted: str, value: str) -> Truth:
    return wanted == value


def _equals_ignoring_case(wanted: str, value: str) -> Truth:
    return wanted.lower() == value.lower()


_EQUAL: Mapping[str, Callable[[str, str], Truth]] = {
    "StringEquals": _equals,
    "StringEqualsIgnoreCase": _equals_ignoring_case,
    "StringLike": like,
    "ArnEquals": arn_like,
    "ArnLike": arn_like,
}
"""Wildcards are plain characters to StringEquals; ArnEquals and ArnLike are the same."""


def _test(operator: str, key: str, given: Any, request: Request) -> Truth:
    known = {
        "aws:sourceaccount": request.account,
        "aws:sourcearn": request.source,
        "aws:securetransport": "true",
        "aws:principalisawsservice": "true",
    }
    if request.service in _NAMES_OWNER:
        known["aws:sourceowner"] = request.account
    values = _values(given)
    plain = operator.removesuffix("IfExists")
    if key not in known or not values:
        return None
    if plain == "Bool":
        return known[key] in [value.lower() for value in values]
    positive = plain.replace("Not", "", 1)
    fits = _EQUAL.get(positive)
    if fits is None:
        return None
    if key == "aws:sourcearn" and not request.source:
        return True if plain == positive and any(_takes_in_all(value, plain, request) for value in values) else None
    answers = [fits(value, known[key]) for value in values]
    if True not in answers and None in answers:
        return None
    return (True in answers) is (plain == positive)


_NAMES_OWNER = frozenset({"cloudwatch.amazonaws.com"})
"""Services that send ``aws:SourceOwner``: SNS Developer Guide, "aws:SourceAccount versus aws:SourceOwner"."""


def _takes_in_all(value: str, operator: str, request: Request) -> bool:
    """Say whether a pattern takes in every alarm or rule of the account in the Region of what is asked for."""
    service = request.service.removesuffix(".amazonaws.com").rpartition(".")[2]
    parts, asked = value.split(":", 5), [*request.resource.split(":", 5), *[""] * 6]
    if operator in ("StringEquals", "StringEqualsIgnoreCase") or len(parts) < ARN_PARTS:
        return value == "*" and operator == "StringLike"
    return (
        parts[0] == "arn"
        and parts[1] in ("*", asked[1])
        and parts[2] in ("*", service)
        and parts[3] in ("*", asked[3])
        and parts[4] in ("*", request.account)
        and parts[5] in ("*", "alarm:*", "rule/*")
    )


def _values(given: Any) -> list[str]:
    """Return the values of a condition; none when one is no plain value, or holds a policy variable."""
    values = given if isinstance(given, list) else [given]
    texts = [str(one).lower() if isinstance(one, bool) else str(one) for one in values if isinstance(one, str | int)]
    return texts if len(texts) == len(values) and not any("${" in text for text in texts) else []


def _texts(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]

"""Whether a resource policy lets an AWS service do something on behalf of an account: yes, no, or by conditions.

Source: IAM User Guide, "Policy evaluation logic" and "AWS global condition context keys". Only what decides about a
service principal is understood; any other condition leaves the answer open, which is never taken for a yes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from auditor.evaluate.patterns.formula import Truth


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
    """Say whether a policy allows a request; None when conditions decide that are not understood."""
    found = policy.get("Statement", [])
    statements = [found] if isinstance(found, Mapping) else found if isinstance(found, list) else []
    answers: dict[str, set[Truth]] = {"Allow": set(), "Deny": set()}
    for statement in statements:
        if isinstance(statement, Mapping) and str(statement.get("Effect")) in answers:
            answers[str(statement["Effect"])].add(_applies(statement, request))
    if True in answers["Deny"]:
        return False
    if None in answers["Deny"]:
        return None if answers["Allow"] & {True, None} else False
    return True if True in answers["Allow"] else None if None in answers["Allow"] else False


def _applies(statement: Mapping[str, Any], request: Request) -> Truth:
    about = (
        _matches(statement, "Action", request.action.lower(), lower=True)
        and _matches(statement, "Resource", request.resource)
        and _principal(statement, request.service)
    )
    return _holds(statement.get("Condition"), request) if about else False


def _matches(statement: Mapping[str, Any], name: str, value: str, *, lower: bool = False) -> bool:
    """Say whether an element or its negation takes in a value; a resource policy may leave its resource out."""
    for key, wanted in ((name, True), (f"Not{name}", False)):
        if key in statement:
            texts = [text.lower() if lower else text for text in _texts(statement[key])]
            return any(_like(text).fullmatch(value) is not None for text in texts) is wanted
    return name == "Resource"


def _principal(statement: Mapping[str, Any], service: str) -> bool:
    if "NotPrincipal" in statement:
        return not _names(statement["NotPrincipal"], service)
    return _names(statement.get("Principal"), service)


def _names(principal: Any, service: str) -> bool:
    if not isinstance(principal, Mapping):
        return bool(principal == "*")
    services = _texts(principal.get("Service"))
    return service in services or "*" in services or "*" in _texts(principal.get("AWS"))


def _holds(condition: Any, request: Request) -> Truth:
    if not condition:
        return True
    if not isinstance(condition, Mapping):
        return None
    answers: list[Truth] = []
    for operator, tests in condition.items():
        if not isinstance(tests, Mapping):
            return None
        answers += [_test(str(operator), str(key).lower(), _texts(values), request) for key, values in tests.items()]
    return False if False in answers else None if None in answers else True


_EQUAL = frozenset({"StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike"})
_UNEQUAL = frozenset({"StringNotEquals", "StringNotEqualsIgnoreCase", "StringNotLike", "ArnNotEquals", "ArnNotLike"})


def _test(operator: str, key: str, values: list[str], request: Request) -> Truth:
    known = {
        "aws:sourceaccount": request.account,
        "aws:sourceowner": request.account,
        "aws:sourcearn": request.source,
        "aws:securetransport": "true",
        "aws:principalisawsservice": "true",
    }
    plain = operator.removesuffix("IfExists")
    if key not in known:
        return None
    if plain == "Bool":
        return known[key] in [value.lower() for value in values]
    if plain not in _EQUAL | _UNEQUAL:
        return None
    if key == "aws:sourcearn" and not request.source:
        whole = any(value == "*" or (f":{request.account}:" in value and value.endswith("*")) for value in values)
        return True if whole and plain in _EQUAL else None
    return any(_like(value).fullmatch(known[key]) is not None for value in values) is (plain in _EQUAL)


@lru_cache(maxsize=4096)
def _like(text: str) -> re.Pattern[str]:
    """Read IAM's wildcards; brackets are plain characters there."""
    return re.compile(
        "".join(".*" if part == "*" else "." if part == "?" else re.escape(part) for part in text), re.DOTALL
    )


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(one).lower() if isinstance(one, bool) else one for one in values if isinstance(one, str | bool)]

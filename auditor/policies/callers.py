"""Whom the conditions of a statement let in: the accounts, organizations and others that they name, if they do.

Only keys that say who calls, or for whom, tie a statement to callers; what a request is about, where an access point
belongs or how somebody signed in does not. Source: IAM User Guide, "AWS global condition context keys"; S3 User Guide
on what counts as public.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from auditor.base.internet import VERSIONS, merged, network
from auditor.policies.arn import account_of
from auditor.policies.document import Condition, Statement
from auditor.policies.language import has_variable, has_wildcard

_EQUALITY: Final = frozenset({"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike"})
"""Operators that demand a value; their ...IfExists forms let calls through that lack the key."""
_POSITIVE: Final = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "arnnotequals": "arnequals",
    "arnnotlike": "arnlike",
    "notipaddress": "ipaddress",
}
"""Operators that a request without the key fulfils as well, with the one that each of them negates."""
_BY_PARTS: Final = frozenset({"arnequals", "arnlike"})
"""Operators that compare the parts of an ARN one by one, so that a wildcard stays in its part."""
_FIXED_ACCOUNT = re.compile(r"arn:[a-z-]+:[a-z0-9-]+:[a-z0-9*-]*:[0-9]{12}:.*")
_FIXED_ACCOUNT_BY_PARTS = re.compile(r"arn:[a-z*?-]+:[a-z0-9*?-]+:[a-z0-9*?-]*:[0-9]{12}:.*")
_FIXED_BUCKET = re.compile(r"arn:[a-z-]+:s3:(::[^*?/]+/.*|\*:\*:[a-z0-9.-]+)")
"""A bucket's whole name: a wildcard in it takes in buckets that anybody can make. Its ARN has no Region or account."""
_FIXED_ORGANIZATION = re.compile(r"o-[a-z0-9]{10,32}/.*")
_FEDERATED_OF_AN_ACCOUNT = re.compile(r"[0-9]{12}:.*")
_ACCESS_POINT = re.compile(r"arn:[a-z*-]+:s3[a-z-]*:[a-z0-9*-]*:[0-9]{12}:.*")
_WIDEST: Final = {4: 8, 6: 32}
"""Prefix lengths: what is broader than these counts as everybody. S3 User Guide, "The meaning of \"public\""."""


def _plain(value: str, _operator: str) -> bool:
    return not has_wildcard(value)


def _thing(value: str, operator: str) -> bool:
    """Say whether a value names one account, organization, endpoint or bucket; a pattern over accounts does not."""
    if not has_wildcard(value):
        return True
    if operator in _BY_PARTS and _FIXED_ACCOUNT_BY_PARTS.fullmatch(value):
        return True
    return any(form.fullmatch(value) for form in (_FIXED_ACCOUNT, _FIXED_BUCKET, _FIXED_ORGANIZATION))


def _user(value: str, _operator: str) -> bool:
    """Say whether a value names a user or one session of a role; whoever may take the role on chooses its name."""
    return not has_wildcard(value) or _FEDERATED_OF_AN_ACCOUNT.fullmatch(value) is not None


def _access_point(value: str, _operator: str) -> bool:
    return _ACCESS_POINT.fullmatch(value) is not None


_NAMES_CALLERS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "aws:principalorgid": _thing,
    "aws:principalorgpaths": _thing,
    "aws:principalarn": _thing,
    "aws:principalaccount": _plain,
    "aws:principalservicename": _plain,
    "aws:principalservicenameslist": _plain,
    "aws:sourcearn": _thing,
    "aws:sourceaccount": _plain,
    "aws:sourceorgid": _thing,
    "aws:sourceorgpaths": _thing,
    "aws:sourceowner": _plain,
    "aws:sourcevpc": _plain,
    "aws:sourcevpcarn": _thing,
    "aws:sourcevpce": _plain,
    "aws:userid": _user,
    "aws:vpceaccount": _plain,
    "aws:vpceorgid": _thing,
    "aws:vpceorgpaths": _thing,
    "kms:calleraccount": _plain,
    "s3:dataaccesspointarn": _access_point,
}
"""Condition keys that say who calls or for whom, and when a value of theirs names somebody."""
_OWNER_OF_ACCESS_POINT: Final = "s3:dataaccesspointaccount"
"""Names the owner of the access point that a call comes through; its policy, which is elsewhere, says who calls."""
_ADDRESS: Final = "aws:sourceip"


def pins_caller(statement: Statement) -> bool:
    """Say whether a condition ties the statement to known callers, by fixed values throughout."""
    return bool(named_callers(statement))


def named_callers(statement: Statement) -> tuple[str, ...]:
    """Return the accounts, organizations and other callers that conditions tie a statement to; none if to nobody.

    ``ForAllValues`` ties to nobody: it is true as well where a request lacks the key. A variable may stand for the
    caller's own account.
    """
    return tuple(
        name
        for condition in statement.conditions
        if _demands(condition) and _ties(condition)
        for name in _named(condition)
    )


def spared_callers(denial: Statement) -> tuple[str, ...] | None:
    """Return the callers whom the conditions of a Deny leave out, all of them by name; None where others are as well.

    "Everybody but" is written so: a negated operator is fulfilled by whoever is not named, and by requests that lack
    the key. Each further condition leaves out more.
    """
    found: list[str] = []
    for condition in denial.conditions:
        positive = replace(condition, operator=_POSITIVE.get(condition.operator, ""))
        if condition.quantifier == "foranyvalue" or not condition.values or not _ties(positive):
            return None
        found += _named(condition)
    return tuple(found)


def _named(condition: Condition) -> list[str]:
    return [account_of(value) or value.partition("/")[0] for value in condition.values]


def behind_access_points(statement: Statement) -> tuple[str, ...]:
    """Return the accounts whose access points a statement leaves it to, by their owner, who may call."""
    return tuple(
        value
        for condition in statement.conditions
        if condition.key == _OWNER_OF_ACCESS_POINT and _demands(condition) and condition.operator in _EQUALITY
        if not any(has_wildcard(value) or has_variable(value) for value in condition.values)
        for value in condition.values
    )


def names_users(statement: Statement) -> bool:
    """Say whether callers are named by unique ids, which do not say whose they are."""
    return any(condition.key == "aws:userid" and _ties(condition) for condition in statement.conditions)


def _demands(condition: Condition) -> bool:
    """Say whether only requests that carry the key, with a value, fulfil a condition."""
    return condition.quantifier in ("", "foranyvalue") and not condition.if_exists and bool(condition.values)


def _ties(condition: Condition) -> bool:
    if any(not value or has_variable(value) for value in condition.values):
        return False
    if condition.key == _ADDRESS:
        return condition.operator == "ipaddress" and _are_narrow(condition.values)
    names = _NAMES_CALLERS.get(condition.key)
    return (
        names is not None
        and condition.operator in _EQUALITY
        and all(names(value, condition.operator) for value in condition.values)
    )


def _are_narrow(values: tuple[str, ...]) -> bool:
    """Say whether ranges of addresses are as narrow as AWS asks for, and no halves of the internet together."""
    try:
        networks = [network(value) for value in values]
    except ValueError:
        return False
    if any(one.prefixlen < _WIDEST[one.version] for one in networks):
        return False
    return all(one.prefixlen > 1 for version in VERSIONS for one in merged(networks, version))

"""Whom the conditions of a statement let in: the accounts, organizations and others that they name, if they do.

Source: IAM User Guide, "AWS global condition context keys" and "Multivalued context keys".
"""

import re
from typing import Final

from auditor.policies.arn import account_of
from auditor.policies.document import Condition, Statement
from auditor.policies.language import has_variable, has_wildcard

_CALLER_KEYS: Final = frozenset(
    {
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:principalarn",
        "aws:principalaccount",
        "aws:sourcearn",
        "aws:sourceaccount",
        "aws:sourceorgid",
        "aws:sourceorgpaths",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:vpceaccount",
        "aws:vpceorgid",
        "kms:calleraccount",
        "s3:dataaccesspointaccount",
    }
)
"""Condition keys that say who calls or for whom."""
_EQUALITY: Final = frozenset({"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike"})
"""Operators that demand a value; their ...IfExists forms let calls through that lack the key."""
_FIXED_ACCOUNT = re.compile(r"arn:[a-z-]+:[a-z0-9-]+:[a-z0-9*-]*:[0-9]{12}:.*")
_FIXED_BUCKET = re.compile(r"arn:[a-z-]+:s3:(::[^*?/]+/.*|\*:\*:[a-z0-9.-]+)")
"""A bucket's whole name: a wildcard in it takes in buckets that anybody can make. Its ARN has no Region or account."""
_FIXED_ORGANIZATION = re.compile(r"o-[a-z0-9]{10,32}/.*")


def pins_caller(statement: Statement) -> bool:
    """Say whether a condition ties the statement to known callers, by fixed values throughout."""
    return bool(named_callers(statement))


def named_callers(statement: Statement) -> tuple[str, ...]:
    """Return the accounts, organizations and other callers that conditions tie a statement to; none if to nobody.

    ``ForAllValues`` ties to nobody: it is true as well where a request lacks the key.
    """
    return tuple(
        account_of(value) or value.partition("/")[0]
        for condition in statement.conditions
        if _ties(condition)
        for value in condition.values
    )


def _ties(condition: Condition) -> bool:
    return (
        condition.operator in _EQUALITY
        and condition.quantifier in ("", "foranyvalue")
        and not condition.if_exists
        and condition.key in _CALLER_KEYS
        and bool(condition.values)
        and all(map(_is_fixed, condition.values))
    )


def _is_fixed(value: str) -> bool:
    """Say whether a value names one account, organization, endpoint or bucket.

    A pattern over accounts does not, nor a variable, which may stand for the caller's own account.
    """
    if has_variable(value):
        return False
    if not has_wildcard(value):
        return bool(value)
    return any(form.fullmatch(value) for form in (_FIXED_ACCOUNT, _FIXED_BUCKET, _FIXED_ORGANIZATION))

"""Reads IAM policy documents: what their statements allow or deny, to whom, on what, under which conditions.

Only what controls ask for; no simulation of AWS's whole evaluation. Source: IAM User Guide, "IAM JSON policy
reference".
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from auditor.policies.language import ELEMENTS, NEGATED, like

_ANYTHING = re.compile(r"\*+(:\*+)?")
_MAX_DOCUMENT = 1_000_000
"""Characters; the largest policy AWS accepts is two orders of magnitude smaller."""
_CALLER_KEYS = frozenset(
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
_EQUALITY = frozenset({"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike"})
"""Operators that demand a value; their ...IfExists forms let calls through that lack the key."""
_REGION_FIELD, _ACCOUNT_FIELD = 3, 4
"""Positions of Region and account id in an ARN."""
_VARIABLE = re.compile(r"\$\{[^}]*\}")
_FIXED_ACCOUNT = re.compile(r"arn:[a-z-]+:[a-z0-9-]+:[a-z0-9*-]*:\d{12}:.*")
_FIXED_BUCKET = re.compile(r"arn:[a-z-]+:s3:(::[^*?/]+/.*|\*:\*:[a-z0-9.-]+)")
"""A bucket's whole name: a wildcard in it takes in buckets that anybody can make. Its ARN has no Region or account."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; single values are lists of one.

    ``conditions`` holds operator -> key -> values, with operators and keys in lower case.
    """

    allow: bool
    principals: tuple[str, ...]
    """``*`` for everybody, an ARN, account id or service name otherwise; empty in identity policies."""
    not_principals: bool
    actions: tuple[str, ...]
    not_actions: bool
    resources: tuple[str, ...]
    not_resources: bool
    conditions: Mapping[str, Mapping[str, tuple[str, ...]]]

    @property
    def every_principal(self) -> bool:
        """True when it speaks to everybody."""
        return "*" in self.principals and not self.not_principals

    @property
    def every_action(self) -> bool:
        """True when it speaks about all actions of all services."""
        return not self.not_actions and any(_ANYTHING.fullmatch(action) for action in self.actions)

    @property
    def every_resource(self) -> bool:
        """True when it speaks about all resources."""
        return not self.not_resources and any(set(resource) == {"*"} for resource in self.resources)


def statements(document: Any) -> tuple[Statement, ...]:
    """Read a policy document.

    Args:
        document: the parsed document, or its JSON text, URL-encoded or not.

    Raises:
        KeyError, TypeError, ValueError: it is no policy document.
    """
    parsed = _parsed(document)
    if not isinstance(parsed, dict):
        raise TypeError("a policy document is an object")
    found = parsed["Statement"]
    return tuple(_statement(item) for item in (found if isinstance(found, list) else [found]))


def _parsed(document: Any) -> Any:
    if not isinstance(document, str):
        return document
    if len(document) > _MAX_DOCUMENT:
        raise ValueError("the policy document is larger than AWS allows")
    text = unquote(document) if document.lstrip().startswith("%7B") else document
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("the policy document is nested too deeply") from error


def _statement(item: Any) -> Statement:
    if not isinstance(item, dict):
        raise TypeError("a policy statement is an object")
    effect = item["Effect"]
    if effect not in ("Allow", "Deny"):
        raise ValueError("a policy statement allows or denies")
    if not item.keys() & {"Action", "NotAction"}:
        raise ValueError("a policy statement names actions")
    if item.keys() - ELEMENTS or any({name, f"Not{name}"} <= item.keys() for name in NEGATED):
        raise ValueError("a policy statement has elements that are unknown or contradict each other")
    resources = _texts(item.get("Resource", item.get("NotResource")))
    if (effect == "Allow") is ("Resource" in item):  # what a variable stands for is not known: it may be anything
        resources = tuple(_VARIABLE.sub("*", resource) for resource in resources)
    return Statement(
        allow=effect == "Allow",
        principals=_principals(item.get("Principal", item.get("NotPrincipal")), denied=effect == "Deny"),
        not_principals="NotPrincipal" in item,
        actions=_texts(item.get("Action", item.get("NotAction"))),
        not_actions="NotAction" in item,
        resources=resources,
        not_resources="NotResource" in item,
        conditions=_conditions(item.get("Condition", {})),
    )


def _principals(value: Any, *, denied: bool) -> tuple[str, ...]:
    """Return whom a statement names; everybody of one kind is everybody, but not where something is denied to them."""
    if isinstance(value, dict):
        return tuple(
            f"{kind}:*" if denied and name == "*" and kind != "AWS" else name
            for kind, names in value.items()
            for name in _texts(names)
        )
    return _texts(value)


def _texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str | int | bool) for item in values):
        raise TypeError("a policy statement holds something else than text")
    return tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in values)


def _conditions(value: Any) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    if not isinstance(value, dict) or not all(isinstance(keys, dict) for keys in value.values()):
        raise TypeError("the conditions of a policy statement are an object")
    return _in_lower_case({name: _in_lower_case(keys, _texts) for name, keys in value.items()}, lambda keys: keys)


def _in_lower_case(found: Mapping[Any, Any], read: Callable[[Any], Any]) -> dict[str, Any]:
    """Return a structure by names in lower case; two of them that become one would hide a condition."""
    lowered = {str(name).lower(): read(value) for name, value in found.items()}
    if len(lowered) < len(found):
        raise ValueError("a policy statement holds the same condition twice")
    return lowered


def pins_caller(statement: Statement) -> bool:
    """Say whether a condition ties the statement to known callers, by fixed values throughout."""
    return bool(named_callers(statement))


def named_callers(statement: Statement) -> tuple[str, ...]:
    """Return the accounts, organizations and other callers that conditions tie a statement to; none if to nobody.

    ``ForAllValues`` ties to nobody: it is true as well where a request lacks the key.
    """
    return tuple(
        account_of(value) or value.partition("/")[0]
        for operator, keys in statement.conditions.items()
        for key, values in keys.items()
        if operator.removeprefix("foranyvalue:") in _EQUALITY
        if key in _CALLER_KEYS and values and all(map(_is_fixed, values))
        for value in values
    )


def _is_fixed(value: str) -> bool:
    """Say whether a value names one account, organization, endpoint or bucket.

    A pattern over accounts does not, nor a variable, which may stand for the caller's own account.
    """
    if _VARIABLE.search(value):
        return False
    if "*" not in value and "?" not in value:
        return bool(value)
    return bool(_FIXED_ACCOUNT.fullmatch(value) or _FIXED_BUCKET.fullmatch(value)) or bool(
        re.fullmatch(r"o-[a-z0-9]{10,32}/.*", value)
    )


def grants(together: Sequence[Statement], statement: Statement, action: str, *, on: str = "", under: str = "") -> bool:
    """Say whether a statement of a resource policy allows an action, and no unconditional Deny takes that back.

    Conditions of the statement are not looked into: somebody may meet them.

    Args:
        together: all statements of the policy.
        statement: one of them.
        action: such as ``s3:DeleteObject``.
        on: the ARN of the one resource in question.
        under: or the beginning of the ARNs of all those in question; a part of them is enough.

    Raises:
        ValueError: the statement names no action or no resource, as AWS demands of a resource policy.
    """
    if not (statement.actions and statement.resources):
        raise ValueError("a statement of a resource policy names actions and resources")
    if not statement.allow or not _speaks_of(statement, action):
        return False
    if not (_touches(statement, under) if under else _names(statement, on)):
        return False
    return not any(
        not denial.allow
        and not denial.conditions
        and _speaks_of(denial, action)
        and (_takes_in(denial, under) if under else _names(denial, on))
        and _speaks_to_all_of(denial, statement)
        for denial in together
    )


def _speaks_of(statement: Statement, action: str) -> bool:
    return covers_action(statement.actions, action) is not statement.not_actions


def _names(statement: Statement, arn: str) -> bool:
    return covers(statement.resources, arn) is not statement.not_resources


def _touches(statement: Statement, beginning: str) -> bool:
    """Say whether a statement speaks about any of the resources whose ARNs begin so."""
    if statement.not_resources:
        return not any(_holds_all(pattern, beginning) for pattern in statement.resources)
    return any(_may_hold(pattern, beginning) for pattern in statement.resources)


def _takes_in(statement: Statement, beginning: str) -> bool:
    """Say whether a statement speaks about all of the resources whose ARNs begin so."""
    if statement.not_resources:
        return not any(_may_hold(pattern, beginning) for pattern in statement.resources)
    return any(_holds_all(pattern, beginning) for pattern in statement.resources)


def _may_hold(pattern: str, beginning: str) -> bool:
    fixed = re.split(r"[*?]", pattern, maxsplit=1)[0]
    return fixed.startswith(beginning) or (fixed != pattern and beginning.startswith(fixed))


def _holds_all(pattern: str, beginning: str) -> bool:
    fixed = pattern.rstrip("*")
    return fixed != pattern and not set("*?") & set(fixed) and beginning.startswith(fixed)


def _speaks_to_all_of(denial: Statement, statement: Statement) -> bool:
    """Say whether a denial speaks to everybody whom a statement speaks to, by name or as everybody."""
    if denial.every_principal:
        return True
    return not (denial.not_principals or statement.not_principals) and set(statement.principals) <= set(
        denial.principals
    )


def account_of(principal: str) -> str:
    """Return the account of an ARN or of a bare account id; empty where there is none."""
    if re.fullmatch(r"\d{12}", principal):
        return principal
    parts = principal.split(":")
    return parts[_ACCOUNT_FIELD] if len(parts) > _ACCOUNT_FIELD else ""


def region_of(arn: str) -> str:
    """Return the Region of an ARN; empty where there is none."""
    parts = arn.split(":")
    return parts[_REGION_FIELD] if len(parts) > _REGION_FIELD else ""


def open_statements(document: Any) -> tuple[Statement, ...]:
    """Return the statements that allow something to everybody, tied to no known caller.

    Raises:
        KeyError, TypeError, ValueError: it is no policy document.
    """
    return tuple(
        item
        for item in statements(document)
        if item.allow and (item.every_principal or item.not_principals) and not pins_caller(item)
    )


def covers(patterns: Sequence[str], sample: str) -> bool:
    """Say whether one of the patterns, with ``*`` and ``?``, matches a sample."""
    return any(like(pattern, sample) for pattern in patterns)


def covers_action(patterns: Sequence[str], action: str) -> bool:
    """Say whether one of the action patterns names an action; case does not matter there."""
    return covers([pattern.lower() for pattern in patterns], action.lower())

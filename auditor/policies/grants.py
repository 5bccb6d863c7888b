"""What a policy grants: to everybody, to outsiders, or everything to whoever holds it.

Conditions narrow a grant only where they name callers; somebody may meet any other. A statement that cannot be read may
allow more or take back what another allows, so that beside one nothing that depends on it is concluded.
"""

import re
from typing import Final

from auditor.base.truth import Truth
from auditor.policies.callers import pins_caller
from auditor.policies.document import Policy, Statement

_ANYTHING: Final = re.compile(r"\*+(:\*+)?")


def allows_every_action(statement: Statement) -> bool:
    """Say whether it speaks about all actions of all services."""
    return not statement.not_actions and any(_ANYTHING.fullmatch(action) for action in statement.actions)


def allows_every_resource(statement: Statement) -> bool:
    """Say whether it speaks about all resources."""
    return not statement.not_resources and any(set(resource) == {"*"} for resource in statement.resources)


def is_open(policy: Policy) -> Truth:
    """Say whether a policy allows something to everybody; None when a part of it that cannot be read might."""
    if open_statements(policy):
        return True
    return None if policy.unreadable else False


def open_statements(policy: Policy) -> tuple[Statement, ...]:
    """Return the readable statements that allow something to everybody, tied to no known caller."""
    return tuple(
        one
        for one in policy.statements
        if one.allow and (one.every_principal or one.not_principals) and not pins_caller(one)
    )


def grants(policy: Policy, statement: Statement, action: str, *, on: str = "", under: str = "") -> Truth:
    """Say whether a statement allows an action that no unconditional Deny of its policy takes back.

    A policy variable in what is allowed may stand for the resource in question, so it counts.

    Args:
        policy: the policy.
        statement: one of its statements.
        action: such as ``s3:DeleteObject``.
        on: the ARN of the one resource in question.
        under: or the beginning of the ARNs of all those in question; a part of them is enough.

    Returns:
        None when a statement that cannot be read might take it back.
    """
    if not statement.allow or not statement.speaks_of(action):
        return False
    if not (statement.touches(under) if under else statement.names(on) is not False):
        return False
    if any(_takes_back(one, statement, action, on, under) for one in policy.statements):
        return False
    return None if policy.unreadable else True


def _takes_back(denial: Statement, statement: Statement, action: str, on: str, under: str) -> bool:
    return (
        not denial.allow
        and not denial.conditions
        and denial.speaks_of(action)
        and (denial.takes_in(under) if under else denial.names(on) is True)
        and _speaks_to_all_of(denial, statement)
    )


def _speaks_to_all_of(denial: Statement, statement: Statement) -> bool:
    """Say whether a denial speaks to everybody whom a statement speaks to, by name or as everybody."""
    if denial.every_principal:
        return True
    return not (denial.not_principals or statement.not_principals) and set(statement.principals) <= set(
        denial.principals
    )

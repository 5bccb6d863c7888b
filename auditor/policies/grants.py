"""What a policy grants: to everybody, to outsiders, or everything to whoever holds it.

Conditions narrow a grant only where they name callers; somebody may meet any other. A Deny to everybody but callers
that it names ties a grant to them as well. A statement that cannot be read may allow more or take back what another
allows, so that beside one nothing that depends on it is concluded.
"""

from collections.abc import Collection
from typing import Final

from auditor.base.truth import Truth
from auditor.policies.arn import PARTS
from auditor.policies.callers import behind_access_points, pins_caller, spared_callers
from auditor.policies.document import Policy, Statement
from auditor.policies.language import covers, is_free, like, may_hold, takes_all_after

_SERVICE: Final = 2
"""Characters of the shortest service prefix, such as ``s3`` or ``ds``."""
_ACTION: Final = 3
"""Characters of the shortest action name, such as ``apigateway:GET``."""
_WITH_RESOURCE: Final = 4
"""Parts of a pattern that has one for the service and one for all that follows."""


def allows_every_action(statement: Statement) -> bool:
    """Say whether it speaks about all actions of all services, however that is written."""
    return not statement.not_actions and any(map(_is_every_action, statement.actions))


def _is_every_action(pattern: str) -> bool:
    service, colon, name = pattern.partition(":")
    if not colon:
        return is_free(service, _SERVICE + len(":") + _ACTION)
    return is_free(service, _SERVICE) and is_free(name, _ACTION)


def speaks_of_whole_service(statement: Statement, service: str) -> bool:
    """Say whether it speaks about all actions of a service."""
    beginning = f"{service}:"
    if statement.not_actions:
        return not any(may_hold(pattern.lower(), beginning) for pattern in statement.actions)
    return any(takes_all_after(pattern.lower(), beginning, _ACTION) for pattern in statement.actions)


def allows_every_resource(statement: Statement, partition: str) -> bool:
    """Say whether it speaks about all resources of a partition, however that is written."""
    return not statement.not_resources and any(_is_every_arn(pattern, partition) for pattern in statement.resources)


def _is_every_arn(pattern: str, partition: str) -> bool:
    if is_free(pattern, 1) or takes_all_after(pattern, f"arn:{partition}:", _SERVICE):
        return True
    parts = pattern.split(":", PARTS - 1)
    if len(parts) < _WITH_RESOURCE or not (like(parts[0], "arn") and like(parts[1], partition)):
        return False
    service, *places, resource = parts[2:]  # the last one takes in all that follows
    return is_free(service, _SERVICE) and is_free(resource, 1) and all(set(place) == {"*"} for place in places)


def is_open(policy: Policy) -> Truth:
    """Say whether a policy allows something to everybody; None when that is decided by what was not read."""
    if open_statements(policy):
        return True
    return None if question(policy) else False


def question(policy: Policy) -> str:
    """Say why it is not known whether a policy is open; empty when it is."""
    if policy.unreadable:
        return policy.fault
    for one in policy.statements:
        if _speaks_to_everybody(one) and not pins_caller(one) and (owners := behind_access_points(one)):
            return f"it leaves to access points of {owners[0]} who may call, and their policies were not read"
    return ""


def open_statements(policy: Policy) -> tuple[Statement, ...]:
    """Return the readable statements that allow something to everybody, tied to no known caller."""
    return tuple(
        one
        for one in policy.statements
        if _speaks_to_everybody(one) and not pins_caller(one) and not behind_access_points(one)
        if not any(_leaves_it_to_named_callers(denial, one) for denial in policy.statements)
    )


def _leaves_it_to_named_callers(denial: Statement, statement: Statement) -> bool:
    """Say whether a Deny takes back all that a statement allows from everybody but callers that it names, if any."""
    if denial.allow or not denial.every_principal or spared_callers(denial) is None:
        return False
    if denial.not_actions or denial.not_resources or statement.not_actions or statement.not_resources:
        return (
            allows_every_action(denial)
            and not denial.not_resources
            and (not denial.resources or "*" in denial.resources)
        )
    actions, denied = ([one.lower() for one in item.actions] for item in (statement, denial))
    return covers(denied, actions) and (not denial.resources or covers(denial.resources, statement.resources or ("*",)))


def _speaks_to_everybody(statement: Statement) -> bool:
    return statement.allow and (statement.every_principal or statement.not_principals)


def grants(
    policy: Policy, statement: Statement, action: str, *, on: str = "", under: str = "", but_for: Collection[str] = ()
) -> Truth:
    """Say whether a statement allows an action that no Deny of its policy takes back, without a condition.

    A policy variable in what is allowed may stand for the resource in question, so it counts.

    Args:
        policy: the policy.
        statement: one of its statements.
        action: such as ``s3:DeleteObject``.
        on: the ARN of the one resource in question.
        under: or the beginning of the ARNs of all those in question; a part of them is enough.
        but_for: callers that do not matter here: a Deny to everybody but them takes it back as well.

    Returns:
        None when a statement that cannot be read might take it back.
    """
    if not statement.allow or not statement.speaks_of(action):
        return False
    if not (statement.touches(under) if under else statement.names(on) is not False):
        return False
    if any(_takes_back(one, statement, action, on, under) and _spares_only(one, but_for) for one in policy.statements):
        return False
    return None if policy.unreadable else True


def _takes_back(denial: Statement, statement: Statement, action: str, on: str, under: str) -> bool:
    return (
        not denial.allow
        and denial.speaks_of(action)
        and (denial.takes_in(under) if under else denial.names(on) is True)
        and _speaks_to_all_of(denial, statement)
    )


def _spares_only(denial: Statement, callers: Collection[str]) -> bool:
    spared = spared_callers(denial)
    return spared is not None and set(spared) <= set(callers)


def _speaks_to_all_of(denial: Statement, statement: Statement) -> bool:
    """Say whether a denial speaks to everybody whom a statement speaks to, by name or as everybody."""
    if denial.every_principal:
        return True
    return not (denial.not_principals or statement.not_principals) and set(statement.principals) <= set(
        denial.principals
    )

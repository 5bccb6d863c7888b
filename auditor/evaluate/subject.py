"""What one call of a check is handed: the resource, the window on its evidence, the run's moment and period."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from auditor.base.period import Period
from auditor.evaluate.view import View
from auditor.model import AccountScope, Verdict


@dataclass(frozen=True, slots=True)
class Subject:
    """What one check call judges.

    Args:
        account: the account, with its partition and Regions.
        region: the Region of the resource, or ``global``.
        resource: what the population's ``identify`` gave; the account id or Region otherwise.
        item: the population item, keys as AWS spells them; empty for account and Region controls.
        evidence: the window on this account's evidence.
        as_of: the run's moment, aware UTC; ages are measured against it, never against "now".
        period: the audited period.
        parameters: the control's parameters, with the edition's overrides.
    """

    account: AccountScope
    region: str
    resource: str
    item: Mapping[str, Any]
    evidence: View
    as_of: datetime
    period: Period
    parameters: Mapping[str, Any] = field(default_factory=dict)


Check = Callable[[Subject], Verdict]


@dataclass(frozen=True, slots=True)
class Member:
    """One resource of a control whose check lists its members itself, because they come from several operations.

    Args:
        region: where it is, or ``global``.
        resource: its name.
        evidence: what has been read of it, made by ``View.apart``.
        judge: judges it; what it raises costs this member only.
    """

    region: str
    resource: str
    evidence: View
    judge: Callable[[View], Verdict]


Listing = Callable[[Subject], Iterator[Member]]
"""A check of that kind. It reads lists through ``each``, so that what is missing stays beside the members found."""

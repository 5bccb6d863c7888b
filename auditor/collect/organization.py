"""Reads an organization's list of accounts, once and slowly, and asks STS for roles. Judges nothing, chooses nobody.

Organizations throttles a whole organization together, and says so with HTTP 400: there is one reader here, one call at
a time, with more patience than for any other service.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from auditor.base.errors import CollectionError, UsageError
from auditor.collect.accounts import Caller, client, is_account
from auditor.collect.calls import Asker
from auditor.collect.clients import Limits
from auditor.evidence.answer import Answer, CallError
from auditor.evidence.operations import GLOBAL, Call, Operation, Where
from auditor.regions import HOME

ORGANIZATION: Final = "organizations:DescribeOrganization"
ACCOUNTS: Final = "organizations:ListAccounts"
ROOTS: Final = "organizations:ListRoots"
UNITS: Final = "organizations:ListOrganizationalUnitsForParent"
CHILDREN: Final = "organizations:ListAccountsForParent"
ADMINISTRATORS: Final = "organizations:ListDelegatedAdministrators"
TAGS: Final = "organizations:ListTagsForResource"
ROLE: Final = "sts:AssumeRole"

PATIENT: Final = Limits(workers=1, attempts=10)
"""Of one call at a time: with four attempts, teams of a few hundred accounts ran into the throttle."""

_REQUIRED: Final[Mapping[str, str]] = {
    ORGANIZATION: "Organization",
    ACCOUNTS: "Accounts",
    ROOTS: "Roots",
    UNITS: "OrganizationalUnits",
    CHILDREN: "Accounts",
    TAGS: "Tags",
    ADMINISTRATORS: "DelegatedAdministrators",
}
_MOST_UNITS: Final = 10_000
"""AWS allows 2,000 in an organization."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What has to be read beside the list itself.

    Args:
        units: the organizational units by name, and which accounts stand in them.
        tags: the tags of each account, one call each.
        within: which accounts stand in which units, by their ids; the list itself says so where it has paths.
    """

    units: bool = False
    tags: bool = False
    within: bool = False


def read_organization(caller: Caller, wanted: Wanted, *, now: Callable[[], datetime]) -> Iterator[Answer]:
    """Ask for everything that says which accounts there are; yields every answer, also the refused ones.

    Args:
        caller: the management account or a delegated administrator.
        wanted: what has to be known beside the list.
        now: the clock, aware UTC.
    """
    asker = Asker(caller, now=now, limits=PATIENT)

    def ask(name: str, **parameters: str) -> Answer:
        operation = _operation(name)
        return asker.ask(operation, Call(name, GLOBAL, tuple(sorted(parameters.items()))), parameters=parameters)

    yield ask(ORGANIZATION)
    listed = ask(ACCOUNTS)
    yield listed
    accounts = items_of(listed, "Accounts")
    paths = all(item.get("Paths") for item in accounts)
    if wanted.units or (wanted.within and not paths):
        yield from _units(ask, with_accounts=not paths)
    if wanted.tags:
        for account in accounts:
            if is_account(str(account.get("Id"))):
                yield ask(TAGS, ResourceId=str(account["Id"]))


def administrators_of(caller: Caller, principal: str, *, now: Callable[[], datetime]) -> Answer:
    """Ask who looks after a service for the whole organization.

    Args:
        caller: the management account or a delegated administrator.
        principal: of the service, such as ``guardduty.amazonaws.com``.
        now: the clock, aware UTC.
    """
    asked = {"ServicePrincipal": principal}
    call = Call(ADMINISTRATORS, GLOBAL, tuple(asked.items()))
    return Asker(caller, now=now, limits=PATIENT).ask(_operation(ADMINISTRATORS), call, parameters=asked)


def _units(ask: Callable[..., Answer], *, with_accounts: bool) -> Iterator[Answer]:
    """Walk the tree from its roots; an organizational unit means its whole subtree, and AWS lists children only."""
    roots = ask(ROOTS)
    yield roots
    waiting = [str(item.get("Id")) for item in items_of(roots, "Roots")]
    seen: set[str] = set()
    while waiting and len(seen) < _MOST_UNITS:
        parent = waiting.pop(0)
        if parent in seen:
            continue
        seen.add(parent)
        units = ask(UNITS, ParentId=parent)
        yield units
        waiting += [str(item.get("Id")) for item in items_of(units, "OrganizationalUnits")]
        if with_accounts:
            yield ask(CHILDREN, ParentId=parent)


def items_of(answer: Answer, key: str) -> list[Mapping[str, Any]]:
    """Return the items of an answer's pages that are objects."""
    return [
        item
        for page in answer.pages
        for item in (page.get(key) if isinstance(page, Mapping) else None) or ()
        if isinstance(item, Mapping)
    ]


def _operation(name: str) -> Operation:
    return Operation(
        name=name,
        where=Where.GLOBAL,
        parameters={},
        for_each=(),
        required=(_REQUIRED[name],),
        absent=("AWSOrganizationsNotInUseException",) if name == ORGANIZATION else (),
        action=name,
        produced=False,
    )


@dataclass(frozen=True, slots=True)
class Role:
    """How accounts are entered.

    Args:
        name: of the role, with its path where it has one; the same in every account.
        external_id: what the trust policies ask for; empty for nothing.
        session: names the session in the accounts' CloudTrail.
        source_identity: stays with the session through every further role; needs ``sts:SetSourceIdentity`` in the
            trust policy, so it is only sent when somebody asks for it.
    """

    name: str
    external_id: str = ""
    session: str = "auditor"
    source_identity: str = ""

    def arn(self, partition: str, account: str) -> str:
        """Return the role's ARN in an account.

        Raises:
            UsageError: the account is no account id.
        """
        if not is_account(account):
            raise UsageError(f"{account!r} is no AWS account id", hint="give twelve digits")
        return f"arn:{partition}:iam::{account}:role/{self.name.strip('/')}"

    def parameters(self, partition: str, account: str) -> dict[str, str]:
        """Return what STS is asked with; no duration, as a role that a role assumes may not have more than an hour."""
        asked = {"RoleArn": self.arn(partition, account), "RoleSessionName": self.session}
        if self.external_id:
            asked["ExternalId"] = self.external_id
        if self.source_identity:
            asked["SourceIdentity"] = self.source_identity
        return asked


class Doorkeeper:
    """Asks STS for the role of one account after the other, and says what came of it; keeps no credentials.

    Args:
        caller: who asks.
        role: what is asked for.
        now: the clock, aware UTC.
    """

    def __init__(self, caller: Caller, role: Role, *, now: Callable[[], datetime]) -> None:
        self._caller = caller
        self._role = role
        self._now = now
        region = caller.session.region_name or HOME[caller.partition]
        self._sts = client(caller.session, "sts", region)

    def knock(self, account: str) -> Answer:
        """Try to enter an account.

        Returns:
            The answer as evidence: whose session it would be, or STS's error. The external id is not in it.
        """
        asked = self._role.parameters(self._caller.partition, account)
        shown = {name: value for name, value in asked.items() if name != "ExternalId"}
        pages: tuple[Any, ...] = ()
        error: CallError | None = None
        told: Mapping[str, Any] = {}
        try:
            given = self._sts.assume_role(**asked)
            told = given.get("ResponseMetadata", {})
            user = given["AssumedRoleUser"]
            pages = ({"AssumedRoleUser": {"Arn": str(user["Arn"]), "AssumedRoleId": str(user["AssumedRoleId"])}},)
            if str(user["Arn"]).split(":")[4] != account:
                pages, error = (), CallError("Malformed", "the role leads to another account", ROLE)
        except ClientError as refused:
            told = refused.response.get("ResponseMetadata", {})
            said = refused.response.get("Error", {})
            error = CallError(str(said.get("Code", "Unknown"))[:100], _line(said.get("Message")), ROLE)
        except (KeyError, TypeError, IndexError, AttributeError):
            error = CallError("Malformed", "the answer does not name the session", ROLE)
        except BotoCoreError as broken:
            error = CallError(type(broken).__name__, _line(broken), ROLE)
        return Answer(
            account=account,
            call=Call(ROLE, GLOBAL, tuple(sorted(shown.items()))),
            pages=pages,
            principal=self._caller.principal,
            request_ids=(str(told.get("RequestId", "")),) if told else (),
            http_status=int(told.get("HTTPStatusCode") or 0),
            collected_at=self._now(),
            error=error,
        )


def _line(said: object) -> str:
    return " ".join("".join(mark if mark.isprintable() else " " for mark in str(said)).split())[:400]


def must_be_whole(answer: Answer) -> None:
    """Refuse a list of accounts that was not had in full: nobody may take a part of it for the whole.

    Raises:
        CollectionError: why not, and what to do.
    """
    if answer.error is None:
        return
    code = answer.error.code
    hints = {
        "AWSOrganizationsNotInUseException": "audit the account alone, or name accounts in auditor.yaml (accounts)",
        "AccessDeniedException": (
            "ask from the management account or a delegated administrator, or name accounts in auditor.yaml (accounts)"
        ),
    }
    raise CollectionError(
        f"cannot tell which accounts there are: {answer.call.operation}: {code}: {answer.error.message}",
        hint=hints.get(code, "repeat the run; Organizations throttles the whole organization together"),
    )

"""AWS Organizations as AWS answers since ``Status`` left its answers: five states, paths, pages that may be empty."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from auditor.simulator.app import Application, Refused
from auditor.simulator.calls import Call

PAGE: Final = 20
"""Accounts on a page, the most that AWS gives."""

ROOT: Final = "r-nw01"
ONLY_THE_MANAGEMENT: Final = "You don't have permissions to access this resource."


@dataclass(frozen=True, slots=True)
class Unit:
    """An organizational unit; ``parent`` is the root's id or another unit's."""

    id: str
    name: str
    parent: str = ROOT


@dataclass(frozen=True, slots=True)
class Listed:
    """An account as Organizations lists it."""

    id: str
    name: str
    unit: str
    joined: datetime
    state: str = "ACTIVE"
    method: str = "CREATED"
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Organization:
    """The organization that all accounts of a world are in.

    Args:
        delegated: account -> service principals that it administers; such an account may list what the management
            account may list.
        old_status: answer with ``Status`` as AWS did before, and without ``State`` and ``Paths``.
    """

    id: str
    management: str
    units: Sequence[Unit]
    accounts: Sequence[Listed]
    delegated: Mapping[str, Sequence[str]] = field(default_factory=dict)
    old_status: bool = False

    @property
    def arn(self) -> str:
        """The organization's ARN."""
        return f"arn:aws:organizations::{self.management}:organization/{self.id}"

    def install(self, application: Application) -> None:
        """Let an account answer as part of this organization."""
        for name in [name for name, _ in application.declared if name.startswith("organizations:")]:
            application.declared.pop((name, "*"), None)
        answers = {
            "DescribeOrganization": lambda _call: {"Organization": self._described()},
            "ListAccounts": lambda call: self._page(call, "Accounts", [self._account(item) for item in self.accounts]),
            "ListAccountsForParent": self._accounts_of,
            "ListRoots": lambda _call: {"Roots": [self._root()]},
            "ListOrganizationalUnitsForParent": self._units_of,
            "ListTagsForResource": self._tags,
            "ListDelegatedAdministrators": self._administrators,
            "ListDelegatedServicesForAccount": self._services,
            "ListAWSServiceAccessForOrganization": lambda _call: {"EnabledServicePrincipals": []},
            "ListPolicies": lambda _call: {"Policies": []},
            "ListTargetsForPolicy": lambda _call: {"Targets": []},
        }
        free = application.account == self.management or application.account in self.delegated
        for name, answer in answers.items():
            allowed = free or name == "DescribeOrganization"
            application.overlay[f"organizations:{name}"] = answer if allowed else _refused
        application.refuse(
            "organizations:DescribeResourcePolicy", "ResourcePolicyNotFoundException", "There is no resource policy."
        )

    def _described(self) -> dict[str, Any]:
        return {
            "Id": self.id,
            "Arn": self.arn,
            "FeatureSet": "ALL",
            "MasterAccountArn": f"arn:aws:organizations::{self.management}:account/{self.id}/{self.management}",
            "MasterAccountId": self.management,
            "MasterAccountEmail": "aws@northwind.example",
        }

    def _root(self) -> dict[str, Any]:
        arn = f"arn:aws:organizations::{self.management}:root/{self.id}/{ROOT}"
        return {"Id": ROOT, "Arn": arn, "Name": "Root", "PolicyTypes": []}

    def _account(self, item: Listed) -> dict[str, Any]:
        told: dict[str, Any] = {
            "Id": item.id,
            "Arn": f"arn:aws:organizations::{self.management}:account/{self.id}/{item.id}",
            "Email": f"{item.name}@northwind.example",
            "Name": item.name,
            "JoinedMethod": item.method,
            "JoinedTimestamp": item.joined,
        }
        if self.old_status:
            return told | {"Status": item.state if item.state in ("ACTIVE", "PENDING_CLOSURE") else "SUSPENDED"}
        return told | {"State": item.state, "Paths": [self._path(item.unit)]}

    def _path(self, unit: str) -> str:
        parts: list[str] = []
        held = {item.id: item for item in self.units}
        while unit in held:
            parts.insert(0, unit)
            unit = held[unit].parent
        return "/".join([self.id, ROOT, *parts, ""])

    def _page(self, call: Call, name: str, items: list[dict[str, Any]]) -> dict[str, Any]:
        """Return one page; the second of several comes without items and all the same names a next one, as on AWS."""
        token = str(call.parameters.get("NextToken") or "0")
        if not token.removeprefix("empty-").isdigit():
            raise Refused("InvalidInputException", "You provided an invalid token.")
        if token.startswith("empty-"):
            return {name: [], "NextToken": token.removeprefix("empty-")}
        first = int(token)
        page: dict[str, Any] = {name: items[first : first + PAGE]}
        if first + PAGE < len(items):
            page["NextToken"] = f"empty-{first + PAGE}" if first == 0 else str(first + PAGE)
        return page

    def _accounts_of(self, call: Call) -> dict[str, Any]:
        parent = str(call.parameters["ParentId"])
        return self._page(call, "Accounts", [self._account(item) for item in self.accounts if item.unit == parent])

    def _units_of(self, call: Call) -> dict[str, Any]:
        parent = str(call.parameters["ParentId"])
        arn = f"arn:aws:organizations::{self.management}:ou/{self.id}"
        found = [{"Id": item.id, "Arn": f"{arn}/{item.id}", "Name": item.name} for item in self.units]
        below = {item.id for item in self.units if item.parent == parent}
        return self._page(call, "OrganizationalUnits", [item for item in found if item["Id"] in below])

    def _tags(self, call: Call) -> dict[str, Any]:
        asked = str(call.parameters["ResourceId"])
        held = next((item.tags for item in self.accounts if item.id == asked), {})
        return {"Tags": [{"Key": key, "Value": value} for key, value in held.items()]}

    def _administrators(self, call: Call) -> dict[str, Any]:
        wanted = call.parameters.get("ServicePrincipal")
        found = [
            self._account(item) | {"DelegationEnabledDate": item.joined}
            for item in self.accounts
            if item.id in self.delegated and (wanted is None or wanted in self.delegated[item.id])
        ]
        return {"DelegatedAdministrators": found}

    def _services(self, call: Call) -> dict[str, Any]:
        services = self.delegated.get(str(call.parameters["AccountId"]), ())
        since = next(iter(self.accounts)).joined
        return {"DelegatedServices": [{"ServicePrincipal": name, "DelegationEnabledDate": since} for name in services]}


def _refused(_call: Call) -> dict[str, Any]:
    raise Refused("AccessDeniedException", ONLY_THE_MANAGEMENT)

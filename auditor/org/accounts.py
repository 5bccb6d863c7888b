"""Which accounts there are, and which of them are asked for: read from the stored answers of Organizations.

Pure: the same answers and filters give the same accounts, when a run chooses them and when somebody checks its pack.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from auditor.base.canonical import plain
from auditor.base.errors import UsageError
from auditor.base.suggest import meant
from auditor.collect.organization import ACCOUNTS, CHILDREN, ORGANIZATION, ROOTS, TAGS, UNITS

ACTIVE: Final = "ACTIVE"
NOT_ACTIVE: Final[Mapping[str, str]] = {
    "PENDING_ACTIVATION": "the account was made and is not ready yet",
    "SUSPENDED": "AWS has suspended the account",
    "PENDING_CLOSURE": "the account is being closed",
    "CLOSED": "the account was closed; it leaves the list 90 days later",
}
"""States in which no role can be assumed (Organizations User Guide, "Account states"). Any other one is tried."""

FILTERS: Final = "111122223333, ou:/workloads/production, ou:ou-ab12-cdefghij or tag:stage=production"
_ID: Final = re.compile(r"[0-9]{12}")
_UNIT: Final = re.compile(r"(ou|r)-[a-z0-9]{4,32}(-[a-z0-9]{8,32})?")
_PATH: Final = re.compile(r"/[^\x00-\x1f]*")
_TAG: Final = re.compile(r"([^=\x00-\x1f]{1,128})=([^\x00-\x1f]{0,256})")


@dataclass(frozen=True, slots=True)
class Said:
    """One stored answer: what was asked, and its pages as they are kept."""

    operation: str
    parameters: Mapping[str, Any]
    pages: tuple[Any, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Account:
    """An account as the organization lists it.

    Args:
        id: twelve digits.
        name: as its owner chose it; hostile like every text from an account.
        state: AWS's own word; empty where the answer has neither ``State`` nor ``Status``.
        joined: RFC 3339; empty where nothing says when.
        method: ``INVITED`` or ``CREATED``.
        units: ids from the root to the unit that it stands in.
        path: the same by name, such as ``/workloads/production``; empty where the names were not read.
        tags: its tags, where they were read.
        management: whether it manages the organization.
    """

    id: str
    name: str = ""
    state: str = ACTIVE
    joined: str = ""
    method: str = ""
    units: tuple[str, ...] = ()
    path: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    management: bool = False

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "joined": self.joined,
            "method": self.method,
            "units": list(self.units),
            "path": self.path,
            "tags": dict(sorted(self.tags.items())),
            "management": self.management,
        }


@dataclass(frozen=True, slots=True)
class Listing:
    """All accounts of an organization, sorted by id.

    Args:
        organization: its id; empty where accounts were named and no organization was asked.
        management: the management account; empty likewise.
        malformed: entries of the list that name no account, each in a few words: nobody knows what they stand for.
    """

    organization: str
    management: str
    accounts: tuple[Account, ...]
    malformed: tuple[str, ...] = ()


def listing_of(answers: Sequence[Said]) -> Listing:
    """Read the list of accounts from stored answers."""
    about = next((item for item in _items(answers, ORGANIZATION, "Organization")), {})
    management = str(about.get("MasterAccountId") or "")
    names, parents = _tree(answers)
    within = {
        str(item.get("Id")): str(said.parameters.get("ParentId"))
        for said in answers
        if said.operation == CHILDREN
        for item in _of_pages(said.pages, "Accounts")
    }
    found: dict[str, Account] = {}
    malformed: list[str] = []
    for item in _items(answers, ACCOUNTS, "Accounts"):
        name = str(item.get("Id") or "")
        if not _ID.fullmatch(name):
            malformed.append(f"an entry of the list names no account: {str(item)[:80]!r}")
            continue
        units = _units_of(item, parents, within.get(name, ""))
        account = Account(
            id=name,
            name=str(item.get("Name") or ""),
            state=str(item.get("State") or item.get("Status") or ""),
            joined=_time(item.get("JoinedTimestamp")),
            method=str(item.get("JoinedMethod") or ""),
            units=units,
            path=_named(units, names),
            tags=_tags(answers, name),
            management=name == management,
        )
        known = found.get(name)
        if known is None or account.state == ACTIVE or (known.state in NOT_ACTIVE and account.state not in NOT_ACTIVE):
            found[name] = account  # a list that changes while it is paged may name an account twice
    return Listing(str(about.get("Id") or ""), management, tuple(found[key] for key in sorted(found)), tuple(malformed))


def _items(answers: Iterable[Said], operation: str, key: str) -> list[Mapping[str, Any]]:
    return [item for said in answers if said.operation == operation for item in _of_pages(said.pages, key)]


def _of_pages(pages: Iterable[Any], key: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for page in pages:
        held = page.get(key) if isinstance(page, Mapping) else None
        items = [held] if isinstance(held, Mapping) else held or ()
        found += [item if isinstance(item, Mapping) else {} for item in items]
    return found


def _time(value: Any) -> str:
    return str(plain(value)) if value else ""


def _tree(answers: Sequence[Said]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the names and the parents of all units; a root has no name and no parent."""
    names = {str(item.get("Id")): "" for item in _items(answers, ROOTS, "Roots")}
    parents: dict[str, str] = {}
    for said in answers:
        if said.operation == UNITS:
            for item in _of_pages(said.pages, "OrganizationalUnits"):
                names[str(item.get("Id"))] = str(item.get("Name") or "")
                parents[str(item.get("Id"))] = str(said.parameters.get("ParentId"))
    return names, parents


def _units_of(item: Mapping[str, Any], parents: Mapping[str, str], parent: str) -> tuple[str, ...]:
    """Return the way from the root: AWS's own, where it is there, or from child to parent."""
    paths = [str(path) for path in item.get("Paths") or ()]
    if paths:
        return tuple(part for part in paths[0].split("/")[1:] if part)
    way: list[str] = []
    while parent and parent not in way:
        way.insert(0, parent)
        parent = parents.get(parent, "")
    return tuple(way)


def _named(units: Sequence[str], names: Mapping[str, str]) -> str:
    if not units or any(unit not in names for unit in units):
        return ""
    return "/" + "/".join(names[unit] for unit in units if names[unit])


def _tags(answers: Sequence[Said], account: str) -> dict[str, str]:
    return {
        str(tag.get("Key")): str(tag.get("Value"))
        for said in answers
        if said.operation == TAGS and said.parameters.get("ResourceId") == account
        for tag in _of_pages(said.pages, "Tags")
    }


@dataclass(frozen=True, slots=True)
class Filter:
    """Which accounts are meant: one by id, a unit with everything below it, or those with a tag.

    Args:
        text: as somebody wrote it.
        kept: the value of a tag as evidence keeps it, where values of tags are taken out: marks are compared then.
    """

    text: str
    kept: str = ""

    def __post_init__(self) -> None:
        """Refuse what is none of the three.

        Raises:
            UsageError: what the forms are.
        """
        kind, _, value = self.text.partition(":")
        known = (
            bool(_ID.fullmatch(self.text))
            or (kind == "ou" and bool(_PATH.fullmatch(value) or _UNIT.fullmatch(value)))
            or (kind == "tag" and bool(_TAG.fullmatch(value)))
        )
        if not known:
            raise UsageError(f"{self.text!r} does not say which accounts are meant", hint=f"such as {FILTERS}")

    @property
    def by_name(self) -> bool:
        """Whether units have to be known by name."""
        return self.text.startswith("ou:/")

    @property
    def by_unit(self) -> bool:
        """Whether units have to be known."""
        return self.text.startswith("ou:")

    @property
    def by_tag(self) -> bool:
        """Whether tags have to be known."""
        return self.text.startswith("tag:")

    def document(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"text": self.text, "kept": self.kept}

    def untold(self, account: Account) -> bool:
        """Say whether nobody can tell if an account is meant: it moved or joined while the list was read."""
        return self.by_unit and not (account.path if self.by_name else account.units)

    def holds(self, account: Account) -> bool:
        """Say whether an account is meant."""
        if self.by_name:
            path = self.text.removeprefix("ou:").rstrip("/")
            return bool(account.path) and f"{account.path.rstrip('/')}/".startswith(f"{path}/")
        if self.by_unit:
            return self.text.removeprefix("ou:") in account.units
        if self.by_tag:
            key, _, value = self.text.removeprefix("tag:").partition("=")
            return account.tags.get(key) == (self.kept or value)
        return account.id == self.text


@dataclass(frozen=True, slots=True)
class Choice:
    """Which accounts of a listing a run is about.

    Args:
        include: none means every account.
        exclude: goes before ``include``.
        named: accounts that ``auditor.yaml`` names one by one; with any, no other is asked.
    """

    include: tuple[Filter, ...] = ()
    exclude: tuple[Filter, ...] = ()
    named: tuple[str, ...] = ()

    @property
    def filters(self) -> tuple[Filter, ...]:
        """All filters."""
        return self.include + self.exclude

    def reason(self, account: Account) -> str:
        """Say why an account is excluded; empty when it is not, or nobody can tell."""
        for item in self.exclude:
            if item.holds(account):
                return f"excluded by {item.text}"
        if self.named and account.id not in self.named:
            return "not among the accounts that the settings name"
        if self.include and not any(item.holds(account) or item.untold(account) for item in self.include):
            return f"not included by {', '.join(item.text for item in self.include)}"
        return ""

    def unsure(self, account: Account) -> str:
        """Say why nobody can tell whether an account is meant, which then is neither asked nor excluded; else empty."""
        if self.reason(account):
            return ""
        open_for = [item for item in self.exclude if item.untold(account)]
        if self.include and not any(item.holds(account) for item in self.include):
            open_for += [item for item in self.include if item.untold(account)]
        if not open_for:
            return ""
        names = ", ".join(item.text for item in open_for)
        return (
            f"nobody can tell whether {names} means it, as its unit is not known: it may have moved or joined meanwhile"
        )

    def unmatched(self, listing: Listing) -> tuple[str, ...]:
        """Return the filters that mean no account of the listing; a misspelt one would go unnoticed."""
        return tuple(item.text for item in self.filters if not any(item.holds(account) for account in listing.accounts))

    def absent(self, listing: Listing) -> tuple[str, ...]:
        """Return the accounts that are asked for by id and are in no list: they must not be forgotten."""
        listed = {account.id for account in listing.accounts}
        asked = {*self.named, *(item.text for item in self.include if _ID.fullmatch(item.text))}
        return tuple(sorted(asked - listed))

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "include": [item.document() for item in self.include],
            "exclude": [item.document() for item in self.exclude],
            "accounts": list(self.named),
        }


def meant_instead(text: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """Return a hint: which filter somebody may have meant by one that means no account; empty for none.

    Args:
        text: the filter.
        rows: the accounts, in the JSON form of ``Account``. Values of tags are not kept: only a key is proposed.
    """
    known = {name for row in rows for name in _filters(row, text.partition("=")[2])}
    return meant(text, sorted(known - {text}))


def _filters(row: Mapping[str, Any], value: str) -> Iterator[str]:
    """Yield what could have been written to mean an account: its id, its unit and those above it, its tags."""
    yield row["id"]
    parts = str(row["path"]).strip("/").split("/")
    yield from (f"ou:/{'/'.join(parts[:length])}" for length in range(1, len(parts) + 1))
    yield from (f"ou:{unit}" for unit in row["units"])
    yield from (f"tag:{key}={value}" for key in row["tags"])


def named_listing(accounts: Sequence[str]) -> Listing:
    """Return the listing of accounts that somebody names, where no organization is asked."""
    return Listing("", "", tuple(Account(name) for name in sorted(set(accounts))))

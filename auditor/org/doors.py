"""The doors of an organization's accounts: who asks, as whom, who lets us in, and who asks behind each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from auditor.base.errors import CollectionError
from auditor.collect import accounts
from auditor.collect.accounts import Caller, identify, open_session
from auditor.collect.guard import CallLog
from auditor.collect.organization import TAGS, Doorkeeper, Role
from auditor.collect.redact import Redactor
from auditor.config import Config
from auditor.evidence.store import EvidenceWriter
from auditor.org.accounts import Account, Choice, Filter, Listing
from auditor.org.reconcile import to_assess
from auditor.run.request import Progress, Request

ROLE_NAME = "AuditorReadOnly"
"""What ``deploy/aws/org-role.yaml`` calls the role."""


@dataclass(frozen=True, slots=True)
class Doors:
    """Who asks whom, and how.

    Args:
        caller: who enters the accounts.
        lister: who may list them; the same, or the profile of the management account.
        role: what is asked for.
        choice: which accounts are meant.
        log: counts the requests.
    """

    caller: Caller
    lister: Caller
    role: Role
    choice: Choice
    log: CallLog

    def behind(self, account: str, how: str) -> Caller:
        """Return who asks an account that lets us in.

        Args:
            account: its id.
            how: ``role``, ``own`` or ``profile``, as ``knock`` has it.

        Raises:
            CollectionError: the role is not given any more.
        """
        if how != "role":
            return self.lister if how == "profile" else self.caller
        return accounts.take_role(
            self.caller,
            account=account,
            role_name=self.role.name,
            log=self.log,
            external_id=self.role.external_id,
            session_name=self.role.session,
            source_identity=self.role.source_identity,
        )

    def must_hold(self) -> None:
        """Ask STS once more who the caller is: what refuses us may be our own end, and no answer of an account.

        Raises:
            CollectionError: it does not answer, or the credentials have ended.
        """
        try:
            identify(self.caller.session)
        except CollectionError as error:
            raise CollectionError(f"the run was broken off: {error.message}", hint=error.hint) from error


def doors_of(config: Config, log: CallLog) -> Doors:
    """Say who asks, as whom, for which accounts.

    Raises:
        CollectionError: there are no credentials.
        UsageError: a filter is none.
    """
    choice = Choice(
        tuple(Filter(text) for text in config.include),
        tuple(Filter(text) for text in config.exclude),
        tuple(sorted(set(config.accounts))),
    )
    caller = identify(open_session(profile=config.profile or None, region=config.region or None, log=log))
    lister = caller
    if config.management_account_profile:
        session = open_session(profile=config.management_account_profile, region=config.region or None, log=log)
        lister = identify(session)
    role = Role(config.role_name or ROLE_NAME, config.external_id, config.session_name, config.source_identity)
    return Doors(caller, lister, role, choice, log)


def as_kept(choice: Choice, redactor: Redactor) -> Choice:
    """Let filters by tag compare what evidence keeps of a tag's value, so that whoever checks can compare it too."""

    def kept(item: Filter) -> Filter:
        if not item.by_tag:
            return item
        key, _, value = item.text.removeprefix("tag:").partition("=")
        pages, _ = redactor(TAGS, [{"Tags": [{"Key": key, "Value": value}]}])
        return replace(item, kept=str(pages[0]["Tags"][0]["Value"]))

    return replace(choice, include=tuple(map(kept, choice.include)), exclude=tuple(map(kept, choice.exclude)))


def knock(
    doors: Doors, listing: Listing, writer: EvidenceWriter | None, request: Request, progress: Progress
) -> dict[str, str]:
    """Try to enter every account that is to be assessed; each outcome becomes evidence.

    Returns:
        Account -> ``role``, ``own`` (the caller's credentials) or ``profile`` (those of the management account), of
        those that can be entered.

    Raises:
        CollectionError: the caller's own credentials have ended; who refused them is not known.
    """
    asked = to_assess(listing, doors.choice)
    door = Doorkeeper(doors.caller, doors.role, now=request.now)
    entered: dict[str, str] = {}
    for number, account in enumerate(asked, start=1):
        progress("Enter the accounts", number, len(asked), account.id)
        if account.id == doors.lister.account and doors.lister is not doors.caller:
            entered[account.id] = "profile"
            continue
        answer = door.knock(account.id)
        if writer is not None:
            writer.add(answer)
        if answer.error is None:
            entered[account.id] = "role"
        elif account.id == doors.caller.account:
            entered[account.id] = "own"
    if len(entered) < len(asked):
        doors.must_hold()
    return entered


def config_of(config: Config, account: Account, how: str) -> Config:
    """Return the settings by which one account is audited."""
    changes: dict[str, Any] = {
        "org": False,
        "accounts": [],
        "include": [],
        "exclude": [],
        "upload": "",
        "notify": [],
        "if_missing": False,
        "baseline": "",
        "baseline_max_age": "",
        "accept_new_controls": False,
        "zip": False,
        "entity": f"{account.name} ({account.id})" if account.name else "",
        **way_into(config, account.id, how),
    }
    return config.model_copy(update=changes)


def way_into(config: Config, account: str, how: str) -> Mapping[str, str]:
    """Return the settings that lead into an account."""
    if how == "role":
        return {"account": account, "role_name": config.role_name, "profile": config.profile}
    profile = config.management_account_profile if how == "profile" else config.profile
    return {"account": "", "role_name": "", "profile": profile}

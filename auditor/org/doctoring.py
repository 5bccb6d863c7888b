"""Looks at everything that a run over an organization needs: who may be listed, who lets us in, and who does not."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from auditor.base.counts import first_of
from auditor.base.errors import AuditorError, CollectionError, UsageError
from auditor.base.period import parse_time
from auditor.collect.accounts import Life, source_of
from auditor.collect.guard import CallLog
from auditor.collect.organization import Doorkeeper
from auditor.collect.redact import Redactor
from auditor.config import Config
from auditor.org.accounts import Account, Listing, meant_instead
from auditor.org.doors import Doors, as_kept, doors_of
from auditor.org.reconcile import Entry, Reconciliation, Standing, reconcile, to_assess
from auditor.org.running import checked, read_listing
from auditor.run.doctoring import Health, Look, examine_machine
from auditor.run.request import Request

_SALT = bytes(32)
"""Nothing of what is looked at here is kept."""
_MOST_NAMED: Final = 10
_NEW: Final = timedelta(days=7)
"""So long after an account joined a StackSet is waited for."""
_EXPIRED: Final = "ExpiredToken"


def examine_organization(config: Config, *, now: Callable[[], datetime]) -> Iterator[Look]:
    """Look at one thing after the other, and enter every account once.

    Args:
        config: the settings of the run.
        now: the clock, aware UTC.
    """
    yield from examine_machine(config)
    try:
        config = checked(config)
        doors = doors_of(config, CallLog())
    except UsageError as error:
        yield Look("settings", Health.BAD, error.message, error.hint)
        return
    except AuditorError as error:
        yield Look("credentials", Health.BAD, error.message, error.hint)
        return
    yield Look("credentials", Health.GOOD, f"{doors.caller.principal} of account {doors.caller.account}")
    source = source_of(doors.caller.session)
    hint = (
        "use credentials that renew themselves: a role of the machine, SSO, a web identity"
        if _ends(source.life)
        else ""
    )
    yield Look("their life", Health.NOTE if hint else Health.GOOD, source.words, hint)
    request = Request(config, now(), now=now, salt=_SALT)
    redactor = Redactor(_SALT)
    doors = replace(doors, choice=as_kept(doors.choice, redactor))
    try:
        listing, _ = read_listing(doors, config, redactor=redactor, request=request)
    except CollectionError as error:
        yield Look("accounts", Health.BAD, error.message, error.hint)
        return
    yield from _doors(doors, listing, request)


def _ends(life: Life) -> bool:
    return life is Life.FIXED


def _doors(doors: Doors, listing: Listing, request: Request) -> Iterator[Look]:
    """Enter each account that would be assessed, and say of each other one why it would not be."""
    for text in doors.choice.unmatched(listing):
        hint = meant_instead(text, (account.document() for account in listing.accounts))
        yield Look("filter", Health.NOTE, f"{text} means no account", hint or "a misspelt filter looks the same")
    door = Doorkeeper(doors.caller, doors.role, now=request.now)
    entries: dict[str, Entry] = {}
    for account in to_assess(listing, doors.choice):
        look, entries[account.id] = _knock(door, doors, account, request.as_of)
        if look is not None:
            yield look
    table = reconcile(listing, doors.choice, entries, request.period)
    yield from _left_out(table)
    counts = table.counts
    parts = ", ".join(f"{counts[standing.value]} {standing.value.replace('_', ' ')}" for standing in Standing)
    words = f"{counts['listed']} listed: {parts.replace('assessed', 'can be entered')}"
    if not table.of(Standing.ASSESSED):
        yield Look("accounts", Health.BAD, words, "a run would assess nobody: look at the filters and the role")
        return
    yield Look("accounts", Health.GOOD if table.whole else Health.NOTE, words)


def _left_out(table: Reconciliation) -> Iterator[Look]:
    """Say of accounts that nobody would enter why; one line for each reason, however many they are."""
    for standing in (Standing.NOT_ACTIVE, Standing.EXCLUDED, Standing.MISSING):
        found: dict[str, list[str]] = {}
        for row in table.of(standing):
            found.setdefault(row.reason, []).append(f"{row.account.id} {row.account.name}".rstrip())
        health = Health.BAD if standing is Standing.MISSING else Health.NOTE
        for reason, names in found.items():
            words = f"{first_of(names, _MOST_NAMED)}: {reason}"
            yield Look(standing.value.replace("_", " "), health, words)


def _knock(door: Doorkeeper, doors: Doors, account: Account, as_of: datetime) -> tuple[Look | None, Entry]:
    if account.id == doors.lister.account and doors.lister is not doors.caller:
        return None, Entry(done=True)
    answer = door.knock(account.id)
    if answer.error is None:
        return None, Entry(done=True)
    name = f"{account.id} {account.name}".rstrip()
    if account.id == doors.caller.account:
        words = f"{name}: the role is refused ({answer.error.code}); your own credentials would be used"
        return Look("own account", Health.NOTE, words), Entry(done=True)
    words = f"{name}: {answer.error.code}: {answer.error.message}"
    hint = _cure(doors, account, answer.error.code, as_of)
    return Look("refused", Health.BAD, words, hint), Entry((answer.error.code, answer.error.message))


def _cure(doors: Doors, account: Account, code: str, as_of: datetime) -> str:
    """Say what lets us in where the role is refused."""
    if code.startswith(_EXPIRED):
        return "the credentials that ask have ended: renew them, and ask again"
    if account.management:
        return (
            "StackSets leave the management account out: deploy deploy/aws/org-role.yaml there as a stack of its own, "
            "or give --management-account-profile"
        )
    if not doors.role.external_id:
        return "no external id was given: where the role's trust policy asks for one, give --external-id"
    if account.joined and as_of - parse_time(account.joined) < _NEW:
        return f"it joined on {account.joined[:10]}: a StackSet that deploys automatically may not have reached it yet"
    return "deploy deploy/aws/org-role.yaml there; external id and caller have to be those of its trust policy"

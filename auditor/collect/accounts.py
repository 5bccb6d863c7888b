"""Opens the door to an account: session, who the caller is, a role to take, and the Regions there are.

Credentials come from the SDK's own chain (profiles, SSO, MFA, web identity, instance and container roles); they are
never read, kept or printed here. Everything that can go wrong before the first question is a ``CollectionError``
that says what to do.
"""

import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import partial
from getpass import getpass
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import boto3
from botocore.config import Config
from botocore.configprovider import ConfiguredEndpointProvider
from botocore.credentials import AssumeRoleCredentialFetcher, RefreshableCredentials
from botocore.session import Session

from auditor.activity.ours import MARK
from auditor.base.errors import CollectionError, UsageError
from auditor.base.suggest import meant
from auditor.collect.endless import ANSWER_SECONDS, let_end
from auditor.collect.explained import CREDENTIALS, explained
from auditor.collect.guard import CallLog
from auditor.collect.lean import Parsers
from auditor.collect.models import Models
from auditor.collect.pacing import Pacer
from auditor.regions import HOME

_IDENTITY_SECONDS: Final = 10
"""How long STS may take to say who we are, in each attempt: it answers at once, or the way is blocked."""

_SESSION_NAME: Final = "auditor"
_ACCOUNT: Final = re.compile(r"\d{12}")
_REGION: Final = re.compile(r"[a-z]{2,5}(-[a-z]+){1,3}-\d{1,2}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, of which account.

    Args:
        session: the boto3 session, already guarded by a ``CallLog``.
        account: twelve digits.
        partition: ``aws``, ``aws-cn`` ...
        principal: ARN of the caller, as STS names it.
    """

    session: boto3.Session
    account: str
    partition: str
    principal: str

    @property
    def home_region(self) -> str:
        """Where account-wide services are asked."""
        return HOME.get(self.partition) or self.session.region_name or "us-east-1"


def open_session(*, profile: str | None = None, region: str | None = None, log: CallLog) -> boto3.Session:
    """Make a session whose every request is guarded and counted. Sends nothing.

    Args:
        profile: a profile of the SDK's configuration; None for the default chain.
        region: where the caller's identity is asked; None for the configured Region, or us-east-1.
        log: counts the requests.

    Raises:
        CollectionError: there is no such profile, or the SDK's configuration cannot be read.
    """
    with explained("open an AWS session"):
        if profile and profile not in (known := known_profiles()):
            raise UsageError(
                f"the profile {profile!r} could not be found",
                hint=meant(profile, known, "`aws configure list-profiles` names the profiles there are"),
            )
        session = boto3.Session(profile_name=profile, region_name=region)
        core = session._session  # noqa: SLF001 - boto3 has no public way to its core session
        core.get_component("credential_provider").get_provider("assume-role")._prompter = _code  # noqa: SLF001 - nor to this
        if not session.region_name:
            core.set_config_variable("region", HOME["aws"])
    return _guarded(session, log)


def known_profiles() -> tuple[str, ...]:
    """Return the profiles of the SDK's configuration."""
    return tuple(Session().available_profiles)


def _guarded(session: boto3.Session, log: CallLog) -> boto3.Session:
    """Let the session's clients know only operations that the log permits, and count what they send."""
    core = session._session  # noqa: SLF001 - boto3 has no public way to its core session
    core.register_component("data_loader", Models(core.get_component("data_loader").search_paths, log.permits))
    core.register_component("response_parser_factory", Parsers())
    log.watch(session)
    Pacer(log.pause).watch(session)
    return session


def _code(prompt: str) -> str:
    """Ask for an MFA code where there is a terminal; elsewhere take a line of standard input, without the warnings.

    Raises:
        EOFError: there is neither.
    """
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        if line := sys.stdin.readline():
            return line.strip()
        raise EOFError(prompt) from None
    return getpass(prompt)


def identify(session: boto3.Session) -> Caller:
    """Ask STS who the session's credentials belong to.

    Raises:
        CollectionError: there are no credentials, they are refused or expired, or the endpoint does not answer.
    """
    with explained("ask sts:GetCallerIdentity who we are"):
        answer = client(session, "sts", session.region_name, read_timeout=_IDENTITY_SECONDS).get_caller_identity()
    account, arn = str(answer.get("Account")), str(answer.get("Arn"))
    parts = arn.split(":")
    if not _ACCOUNT.fullmatch(account) or len(parts) < 6 or parts[0] != "arn":  # noqa: PLR2004 - fields of an ARN
        raise CollectionError("sts:GetCallerIdentity did not answer with an account and an ARN")
    return Caller(session, account, parts[1], arn)


def still_there(sts: Any) -> None:
    """Ask STS who we are, to learn whether anything can be asked.

    Args:
        sts: a client of it.

    Raises:
        CollectionError: it does not answer, or the credentials are refused or expired.
    """
    with explained("ask sts:GetCallerIdentity whether the session still holds"):
        sts.get_caller_identity()


def clock_offset(caller: Caller, now: Callable[[], datetime]) -> timedelta | None:
    """Return how far the clock of this machine is ahead of AWS's, to a second; None where AWS did not tell the time.

    Args:
        caller: who asks.
        now: the clock, aware UTC.

    Raises:
        CollectionError: STS does not answer.
    """
    with explained("ask sts:GetCallerIdentity for the time"):
        asked = now()
        answer = client(caller.session, "sts", caller.session.region_name).get_caller_identity()
        told = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return asked - parsedate_to_datetime(told).astimezone(UTC)
    except (ValueError, TypeError):
        return None


def take_role(
    caller: Caller,
    *,
    account: str,
    role_name: str,
    log: CallLog,
    external_id: str = "",
    session_name: str = "",
    source_identity: str = "",
) -> Caller:
    """Assume a role in an account; the credentials refresh themselves while the run lasts.

    No duration is asked for: a role that a role assumes lives an hour at most, and asking for more is refused.

    Args:
        caller: who assumes it.
        account: twelve digits.
        role_name: the role's name, with its path where it has one.
        log: counts the requests made with the role.
        external_id: what the role's trust policy may ask for.
        session_name: of the session; ``auditor`` when empty.
        source_identity: stays with the session; empty for none.

    Raises:
        UsageError: the account is no account id.
        CollectionError: the role cannot be assumed, or it leads to another account.
    """
    if not _ACCOUNT.fullmatch(account):
        raise UsageError(f"{account!r} is no AWS account id", hint="give twelve digits")
    role = f"arn:{caller.partition}:iam::{account}:role/{role_name.strip('/')}"
    own = caller.session
    more = {"ExternalId": external_id, "SourceIdentity": source_identity}
    with explained(f"assume {role}"):
        fetcher = AssumeRoleCredentialFetcher(
            client_creator=own._session.create_client,  # noqa: SLF001 - boto3 has no public way to its core session
            source_credentials=own.get_credentials(),
            role_arn=role,
            extra_args={
                "RoleSessionName": session_name or _SESSION_NAME,
                **{name: value for name, value in more.items() if value},
            },
        )
        core = Session(profile=own.profile_name if own.profile_name in own.available_profiles else None)
        core._credentials = RefreshableCredentials.create_from_metadata(  # noqa: SLF001 - as the SDK's own provider does
            fetcher.fetch_credentials(), refresh_using=fetcher.fetch_credentials, method="assume-role"
        )
        session = boto3.Session(botocore_session=core, region_name=own.region_name)
    taken = identify(_guarded(session, log))
    if taken.account != account:
        raise CollectionError(f"{role} leads to account {taken.account}, not to {account}")
    return taken


class Life(StrEnum):
    """How credentials come to their end."""

    PERMANENT = "permanent"
    RENEWED = "renewed"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class Source:
    """How long the credentials last from which all others are had.

    Args:
        method: the SDK's name for where they came from: ``env``, ``sso``, ``assume-role`` ...
        life: how they end.
        ends: when the ones at hand end, aware UTC; None where nothing says so.
    """

    method: str
    life: Life
    ends: datetime | None

    @property
    def words(self) -> str:
        """What somebody has to know before a long run."""
        if self.life is Life.PERMANENT:
            return f"the credentials ({self.method}) do not end by themselves"
        if self.life is Life.RENEWED:
            lasting = ", as long as the sign-in lasts" if self.method in ("sso", "login") else ""
            return f"the credentials ({self.method}) are renewed by themselves{lasting}"
        end = f"at {self.ends:%Y-%m-%d %H:%M} UTC" if self.ends else "at a time that nothing states"
        return f"the credentials ({self.method}) end {end} and cannot be renewed: a longer run breaks off there"


def source_of(session: boto3.Session) -> Source:
    """Say how long a session's own credentials last; asks nobody but the SDK's own chain.

    Raises:
        CollectionError: there are no credentials.
    """
    with explained("look at the credentials"):
        held = session.get_credentials()
    if held is None:
        raise CollectionError("there are no AWS credentials", hint=CREDENTIALS)
    method = str(getattr(held, "method", "") or "unknown")
    expiry = getattr(held, "_expiry_time", None)
    ends = expiry.astimezone(UTC) if isinstance(expiry, datetime) else None
    if method != "env" and isinstance(held, RefreshableCredentials):
        return Source(method, Life.RENEWED, ends)
    # The environment is read again when its credentials end, and holds the same ones: nothing renews them there.
    return Source(method, Life.FIXED if held.token else Life.PERMANENT, ends)


def client(session: boto3.Session, service: str, region: str, **options: Any) -> Any:
    """Make an SDK client, set up for real and for overridden endpoints alike.

    Args:
        session: whose client; making clients is not thread-safe.
        service: the SDK's client name.
        region: its Region.
        options: further botocore ``Config`` options.
    """
    defaults: dict[str, Any] = {
        "connect_timeout": 5,
        "read_timeout": 30,
        "retries": {"mode": "standard", "total_max_attempts": configured_attempts(session) or 3},
        "user_agent_extra": MARK,
    }
    endpoint = overridden_endpoint(session, service)
    if endpoint:
        # A host of one's own has no name for `<account>.` or `<bucket>.` in front of it.
        defaults |= {"inject_host_prefix": False, "s3": {"addressing_style": "path"}}
    made = session.client(service, region_name=region, config=Config(**(defaults | options)))
    let_end(made, 2 * _IDENTITY_SECONDS if service == "sts" else ANSWER_SECONDS)
    if endpoint:
        made.meta.events.register("before-call", partial(_keep_host, host=urlsplit(endpoint).netloc))
    return made


def _keep_host(*, params: dict[str, Any], host: str, **_: Any) -> None:
    """Undo what S3 Control's endpoint rules do, whatever ``inject_host_prefix`` says: ``<account>.<host>``."""
    asked = urlsplit(params["url"])
    if asked.netloc.endswith(f".{host}"):
        params["url"] = urlunsplit(asked._replace(netloc=host))


def overridden_endpoint(session: boto3.Session, service: str) -> str:
    """Return the endpoint that the environment or the profile puts in AWS's place; empty when there is none."""
    core = session._session  # noqa: SLF001 - boto3 has no public way to its core session
    if str(core.get_config_variable("ignore_configured_endpoint_urls")).lower() == "true":
        return ""
    provider = ConfiguredEndpointProvider(
        full_config=core.full_config,
        scoped_config=core.get_scoped_config(),
        client_name=service,
        environ=os.environ,
    )
    return str(provider.provide() or "")


def configured_attempts(session: boto3.Session) -> int | None:
    """Return how often the environment or the profile wants a request tried; None when they do not say."""
    configured = session._session.get_config_variable("max_attempts")  # noqa: SLF001 - as above
    return int(configured) if configured else None


def choose_regions(enabled: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the Regions of the run, sorted: the wanted ones, or all that are enabled.

    Raises:
        UsageError: a wanted Region is no name of a Region, or not enabled in the account.
    """
    for name in wanted:
        if not is_region(name):
            raise UsageError(f"{name!r} is no name of an AWS Region")
        if enabled and name not in enabled:
            raise UsageError(
                f"the Region {name} is not enabled in this account",
                hint="; ".join(filter(None, (meant(name, enabled), f"enabled ones: {', '.join(sorted(enabled))}"))),
            )
    return tuple(sorted(set(wanted or enabled)))


def is_account(name: str) -> bool:
    """Say whether a text has the form of an account's id."""
    return _ACCOUNT.fullmatch(name) is not None


def is_region(name: str) -> bool:
    """Say whether a text has the form of a Region's name."""
    return _REGION.fullmatch(name) is not None


def known_regions(caller: Caller) -> tuple[str, ...]:
    """Return every Region of the partition that the SDK knows, enabled or not, sorted."""
    return tuple(sorted(caller.session.get_available_regions("ec2", partition_name=caller.partition)))

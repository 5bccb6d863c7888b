"""What the settings mean to the rooms: how hard AWS is asked, who asks, what is taken out and what is kept."""

from typing import TYPE_CHECKING

from auditor.collect import accounts
from auditor.collect.accounts import Caller
from auditor.collect.clients import Limits
from auditor.collect.guard import CallLog
from auditor.collect.redact import Policy
from auditor.config import Config

if TYPE_CHECKING:  # a run without trails does without the room
    from auditor.trail.kept import Keep


def limits_of(config: Config) -> Limits:
    """Return how hard AWS is asked."""
    chosen = config.limits
    return Limits(
        workers=chosen.concurrency,
        attempts=chosen.attempts,
        connect_seconds=chosen.connect_seconds,
        read_seconds=chosen.read_seconds,
        report_seconds=chosen.report_seconds,
    )


def redaction_of(config: Config) -> Policy:
    """Return what is taken out of the evidence beside what always is."""
    return Policy(source_addresses=config.redaction.source_addresses, identities=config.redaction.identities)


def keep_of(config: Config) -> "Keep | None":
    """Return which log files are kept. They are kept byte for byte: where redaction is set, only by request."""
    from auditor.trail.kept import Keep

    redacts = config.redaction.source_addresses or config.redaction.identities
    what = ("none" if redacts else "notable") if config.keep_logs == "auto" else config.keep_logs
    return None if what == "none" else Keep(what, config.keep_logs_mib << 20)


def caller_of(config: Config, log: CallLog) -> Caller:
    """Return who asks: the credentials' owner, or the role that the settings name.

    Raises:
        CollectionError: there are no credentials, or the role cannot be taken.
    """
    session = accounts.open_session(profile=config.profile or None, region=config.region or None, log=log)
    caller = accounts.identify(session)
    if config.role_name:
        return accounts.take_role(
            caller,
            account=config.account,
            role_name=config.role_name,
            log=log,
            external_id=config.external_id,
            session_name=config.session_name,
            source_identity=config.source_identity,
        )
    return caller

"""Sends the findings of a run to Security Hub when that was asked for, and says what was called and what came of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from auditor.base.canonical import canonical_json
from auditor.base.errors import CollectionError
from auditor.collect import accounts
from auditor.collect.accounts import Caller
from auditor.collect.guard import CallLog
from auditor.config import Config
from auditor.deliver.securityhub import OPERATION, Import, import_findings
from auditor.run.settings import caller_of

SCHEMA = "auditor.securityhub-import/1"


def import_into_security_hub(config: Config, findings: Sequence[Mapping[str, Any]]) -> tuple[Import, bytes]:
    """Import findings; return what came of it, and the record of it that belongs into the pack.

    The session is another than the run's own: it may make this one writing call, and its calls are listed in the
    record, apart from those of the run. What cannot be imported is in the record too; nothing is raised for it.

    Args:
        config: whose account it is.
        findings: in ASFF.
    """
    log = CallLog(asked_for=frozenset({OPERATION}))
    known: list[Caller] = []

    def connect(account: str, region: str) -> Any:
        if not known:
            known.append(caller_of(config, log))
        if known[0].account != account:
            raise CollectionError(f"findings about {account} can only be imported by it, not by {known[0].account}")
        return accounts.client(known[0].session, "securityhub", region)

    outcome = import_findings(findings, connect)
    return outcome, canonical_json({"schema": SCHEMA, **outcome.document(), "calls": log.document()})

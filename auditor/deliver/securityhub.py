"""Sends findings in ASFF to AWS Security Hub: ``BatchImportFindings``, the one call here that writes.

Security Hub takes findings about an account only from that account, and in the Region of their product. So findings are
grouped by both, and the caller brings the clients. What was not accepted is listed with its reason, never left out.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from auditor.base.counts import counted
from auditor.base.errors import AuditorError

OPERATION: Final = "securityhub:BatchImportFindings"
MOST_FINDINGS: Final = 100
"""In one call ("Guidelines for using the BatchImportFindings API"); ours stay far below its 6 MB."""
MOST_ATTEMPTS: Final = 3
"""For findings that Security Hub failed to take for a reason that may pass; whole calls the SDK repeats by itself."""

_PERMANENT: Final = "InvalidInput"
_NO_ANSWER: Final = "NoAnswer"

Finding = Mapping[str, Any]
Connect = Callable[[str, str], Any]
"""Takes account and Region, returns an SDK client for Security Hub there; ``AuditorError`` when there is none."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A finding that Security Hub did not take, and why."""

    id: str
    region: str
    code: str
    message: str

    def document(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"id": self.id, "region": self.region, "code": self.code, "message": self.message}


@dataclass(frozen=True, slots=True)
class Import:
    """What became of an import.

    Args:
        sent: findings that were to be imported.
        refused: those that were not accepted.
    """

    sent: int
    refused: tuple[Refused, ...]

    @property
    def accepted(self) -> int:
        """Findings that Security Hub took."""
        return self.sent - len(self.refused)

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "operation": OPERATION,
            "sent": self.sent,
            "accepted": self.accepted,
            "refused": [item.document() for item in self.refused],
        }


def import_findings(
    findings: Sequence[Finding], connect: Connect, *, wait: Callable[[float], None] = time.sleep
) -> Import:
    """Import findings, as few calls as possible.

    Args:
        findings: in ASFF.
        connect: brings the clients.
        wait: takes seconds; called before findings are sent again.
    """
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding["AwsAccountId"], finding["ProductArn"].split(":")[3]), []).append(finding)
    refused = [item for place in sorted(groups) for item in _import_group(place, groups[place], connect, wait)]
    return Import(len(findings), tuple(refused))


def _import_group(
    place: tuple[str, str], findings: Sequence[Finding], connect: Connect, wait: Callable[[float], None]
) -> list[Refused]:
    """Import the findings of one account and Region; a call that fails as a whole ends the group."""
    account, region = place
    refused: list[Refused] = []
    waiting = [findings[start : start + MOST_FINDINGS] for start in range(0, len(findings), MOST_FINDINGS)]
    try:
        client = connect(account, region)
        while waiting:
            refused += _send(client, region, waiting[0], wait)
            del waiting[0]
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "Unknown"))
        reason = (code, str(error.response.get("Error", {}).get("Message", "")))
    except (BotoCoreError, AuditorError) as error:
        reason = (type(error).__name__, str(error))
    else:
        return refused
    return refused + [_refusal(finding["Id"], region, *reason) for batch in waiting for finding in batch]


def _send(client: Any, region: str, batch: Sequence[Finding], wait: Callable[[float], None]) -> list[Refused]:
    """Send one batch; findings that failed for a reason that may pass are sent again, a bounded number of times."""
    refused: list[Refused] = []
    left = list(batch)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        failed = _failed(client.batch_import_findings(Findings=left), left)
        again = {name for name, (code, _) in failed.items() if code != _PERMANENT and attempt < MOST_ATTEMPTS}
        refused += [_refusal(name, region, *reason) for name, reason in failed.items() if name not in again]
        left = [finding for finding in left if finding["Id"] in again]
        if not left:
            break
        wait(2.0 ** (attempt - 1))
    return refused


def _failed(answer: Mapping[str, Any], batch: Sequence[Finding]) -> dict[str, tuple[str, str]]:
    """Return id -> reason of what was not accepted; all of a batch when the answer does not add up."""
    failed = {
        str(item.get("Id", "")): (str(item.get("ErrorCode", "Unknown")), str(item.get("ErrorMessage", "")))
        for item in answer.get("FailedFindings") or ()
    }
    known = {finding["Id"] for finding in batch}
    if failed.keys() <= known and answer.get("SuccessCount") == len(batch) - len(failed):
        return failed
    message = f"Security Hub accounted for {answer.get('SuccessCount')} of {counted(len(batch), 'finding')}"
    return {name: failed.get(name, (_NO_ANSWER, message)) for name in known}


def _refusal(name: str, region: str, code: str, message: str) -> Refused:
    return Refused(name, region, code, " ".join(message.split())[:500])


def policy(partition: str, account: str) -> dict[str, Any]:
    """Return the IAM policy that an import needs beside that of a run; ``account`` may be ``*``."""
    statement = {
        "Sid": "ImportFindings",
        "Effect": "Allow",
        "Action": [OPERATION],
        "Resource": f"arn:{partition}:securityhub:*:{account}:product/{account}/default",
    }
    return {"Version": "2012-10-17", "Statement": [statement]}

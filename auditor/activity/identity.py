"""Who made a call, and what came of it. Source: CloudTrail User Guide, "CloudTrail userIdentity element"."""

from collections.abc import Mapping
from typing import Any, Final

from auditor.activity.fields import member, text

SIGN_IN: Final = "signin.amazonaws.com"
SUCCESS: Final = "Success"


def actor(record: Mapping[str, Any]) -> tuple[str, str]:
    """Return who made a call, by the best name that the record has, and the type of that identity.

    Somebody of Identity Center is named by user id and directory: the account is everybody's.
    """
    identity = member(record, "userIdentity")
    kind = text(identity.get("type"))
    for name in ("arn", "userName", "invokedBy"):
        if told := text(identity.get(name)):
            return told, kind
    behalf = member(identity, "onBehalfOf")
    if user := text(behalf.get("userId")):
        store = text(behalf.get("identityStoreArn")).rpartition("/")[2]
        return f"{user} of {store}" if store else user, kind
    for name in ("principalId", "credentialId", "accountId"):
        if told := text(identity.get(name)):
            return told, kind
    return kind or "unknown", kind


def service_behind(record: Mapping[str, Any]) -> str:
    """Return the AWS service that made the call, for somebody or of its own; empty where a person or program did."""
    identity = member(record, "userIdentity")
    if by := text(identity.get("invokedBy")):
        return by
    if identity.get("type") == "AWSService":
        return text(record.get("sourceIPAddress")) or "AWSService"
    return ""


def by_root(record: Mapping[str, Any]) -> bool:
    """Tell whether the account's root itself acted.

    Not another account's, not a service on its behalf, not an event that AWS wrote about the account.
    """
    identity = member(record, "userIdentity")
    if identity.get("type") != "Root":
        return False
    own, theirs = text(record.get("recipientAccountId")), text(identity.get("accountId"))
    if own and theirs and own != theirs:
        return False
    return record.get("eventType") != "AwsServiceEvent" and not service_behind(record)


def outcome(record: Mapping[str, Any]) -> str:
    """Return ``Success``, or why a call was refused.

    Sign-in events say it in their answer, under the event's own name, and may carry no error code: ``ConsoleLogin``,
    ``CheckMfa``, ``PasswordUpdated``, ``PasswordRecoveryCompleted`` ...
    """
    if code := text(record.get("errorCode")):
        return code
    if record.get("eventSource") != SIGN_IN:
        return _came_of(record)
    why, answer = text(record.get("errorMessage")), member(record, "responseElements")
    refused = text(answer.get(str(record.get("eventName")))).lower() == "failure"
    return why or "Failure" if refused or why else SUCCESS


def _came_of(record: Mapping[str, Any]) -> str:
    """Return what an event of the service itself says came of a request, such as ``CreateAccountResult``."""
    for status in member(record, "serviceEventDetails").values():
        state = text(status.get("state")) if isinstance(status, Mapping) else ""
        if state not in {"", "SUCCEEDED"}:
            return text(status.get("failureReason")) or state
    return SUCCESS


def is_copy(record: Mapping[str, Any]) -> bool:
    """Tell whether a record only repeats a call that another one tells.

    Network activity is recorded beside the management or data event of the same call; only what an endpoint's policy
    refused stands nowhere else.
    """
    if record.get("eventCategory") != "NetworkActivity" and record.get("eventType") not in {
        "AwsVpceEvent",
        "AwsVpceEvents",
    }:
        return False
    return record.get("errorCode") != "VpceAccessDenied"

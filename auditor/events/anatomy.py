"""Explains one record field by field, offline: what a member means, and what it cannot be taken for.

Source: CloudTrail User Guide, "CloudTrail record contents" and "CloudTrail userIdentity element". In our own words.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from auditor.base.counts import first_of
from auditor.base.doubled import doubled_names
from auditor.events.columns import VERSION

SHORT: Final = 160
"""Longest value shown; the record has the rest."""
_DEEP: Final = 6
_NAMED: Final = 5

FIELDS: Final[Mapping[str, str]] = {
    "eventVersion": "Version of the record's form; its first number changes meanings, its second only adds.",
    "eventTime": "When the request was completed, UTC, to the second. The log file's name tells when it was delivered.",
    "eventSource": "The service that took the request.",
    "eventName": "The call. Some services write the version of their interface behind it (DeleteFunction20150331).",
    "awsRegion": "The Region that recorded it; for global services that is us-east-1, whoever served the request.",
    "sourceIPAddress": "Where the request came from: an address, the name of a service, or AWS Internal.",
    "userAgent": "What the caller's program says of itself. Anybody can send anything.",
    "errorCode": "Why it did not succeed. Without one the call succeeded, except for sign-ins: see responseElements.",
    "errorMessage": "The reason in words; for refusals often which kind of policy refused.",
    "requestParameters": "What was asked for. Left out as a whole above 100 KB: its absence proves nothing.",
    "responseElements": "What was answered; empty for calls that only read.",
    "additionalEventData": "What belongs to neither request nor answer, such as the second factor of a sign-in.",
    "requestID": "The service's own number of the request.",
    "eventID": "The record's id. Copies by several trails share it; two contents of one id are a finding.",
    "eventType": "A call, a sign-in, an action of the console, or an event of a service that nobody called for.",
    "apiVersion": "Version of the service's interface.",
    "managementEvent": "Whether it is about managing resources, and not about the data in them.",
    "readOnly": "Whether the call only reads. Taking a role counts as reading.",
    "resources": "Resources that the call touched, where the service names them.",
    "recipientAccountId": "The account whose trail received the record; not always the caller's.",
    "serviceEventDetails": "What a service tells of an event of its own.",
    "sharedEventID": "Shared by the records of one action in several accounts; with Insights it pairs begin and end.",
    "vpcEndpointId": "The endpoint that the request came through.",
    "vpcEndpointAccountId": "Whose endpoint that is.",
    "eventCategory": "Management, Data, NetworkActivity, Insight or Aggregated. Older records have none.",
    "sessionCredentialFromConsole": "Whether the credentials came from a session of the console.",
    "tlsDetails": "Protocol and cipher of the connection, and the host that the caller named.",
    "edgeDeviceDetails": "The device at the edge, for services that run there.",
    "addendum": "This record corrects or repeats another one, which it names; show both.",
    "eventContext": "Tags and request context that the trail was told to add.",
    "insightDetails": "What was unusual: the call, its usual rate, the rate observed, and who took part.",
    "userIdentity": "Who made the request.",
    "userIdentity.type": "Kind of caller, such as Root, IAMUser, AssumedRole, AWSAccount, AWSService.",
    "userIdentity.principalId": "Id of the caller; for a role's session the role's id, a colon and the session's name.",
    "userIdentity.arn": "ARN of the caller; a session's has no path, its role's has.",
    "userIdentity.accountId": "The caller's account; another than recipientAccountId means access across accounts.",
    "userIdentity.accessKeyId": "The key that signed the request: AKIA for long-term keys, ASIA for a session's.",
    "userIdentity.userName": "The user's name; hidden when a failed sign-in named a user that does not exist.",
    "userIdentity.invokedBy": "The service that made the request on somebody's behalf.",
    "userIdentity.invokedByDelegate": "The account of the service's delegate.",
    "userIdentity.credentialId": "Id of a bearer token.",
    "userIdentity.identityProvider": "The provider that vouched for a federated caller.",
    "userIdentity.onBehalfOf": "The person of Identity Center behind the request.",
    "userIdentity.inScopeOf": "The instance, function or task that the credentials were issued to.",
    "userIdentity.sessionContext": "About the session, where there is one.",
    "userIdentity.sessionContext.sessionIssuer": "The role or user that the session was issued for.",
    "userIdentity.sessionContext.sessionIssuer.arn": "ARN of that role or user, path included.",
    "userIdentity.sessionContext.attributes.creationDate": "When the session began.",
    "userIdentity.sessionContext.attributes.mfaAuthenticated": "Whether AWS saw a second factor when it began.",
    "userIdentity.sessionContext.sourceIdentity": "The person behind it; set once, kept through all later roles.",
    "userIdentity.sessionContext.assumedRoot": "A central root session, taken by sts:AssumeRoot.",
    "userIdentity.sessionContext.ec2RoleDelivery": "Version of the metadata service that handed out the credentials.",
    "userIdentity.sessionContext.webIdFederationData": "What the web identity provider said.",
    "additionalEventData.MFAUsed": "Whether a sign-in used a second factor; an identity provider's is not seen.",
    "additionalEventData.SamlProviderArn": "Who vouched for a federated sign-in, and alone knows of a second factor.",
    "responseElements.ConsoleLogin": "Success or Failure of a sign-in; a failed one may have no errorCode.",
    "responseElements.credentials.accessKeyId": "Key of the session that began; its calls carry it.",
    "tlsDetails.tlsVersion": "Version of TLS.",
    "addendum.reason": "Late delivery, changed data, or an outage of the service.",
    "addendum.originalEventID": "Id of the record that is corrected or repeated.",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One member of a record: path, value in short, and what it means; empty where nothing is known."""

    path: str
    value: str
    meaning: str

    def document(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"path": self.path, "value": self.value, "meaning": self.meaning}


def explain(record: Mapping[str, Any]) -> tuple[Line, ...]:
    """Explain a record, in the order of its members."""
    return tuple(_lines(record, "", 0))


def remarks(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a reader of this very record should not overlook."""
    identity = record.get("userIdentity")
    identity = identity if isinstance(identity, Mapping) else {}
    known: list[tuple[bool, str]] = [
        ("addendum" in record, "This is a correction or a late copy: the first record stands beside it."),
        (bool(record.get("errorCode")), "The call did not succeed."),
        (_login_failed(record), "The sign-in failed, although there is no error code."),
        (
            bool(identity.get("accountId"))
            and bool(record.get("recipientAccountId"))
            and identity.get("accountId") != record.get("recipientAccountId"),
            "The caller belongs to another account than the one that recorded the call.",
        ),
        (identity.get("type") == "Root", "The caller is the root user of the account."),
        (not isinstance(record.get("eventID"), str), "Without an eventID copies of this record cannot be recognised."),
        (
            re.search(VERSION, str(record.get("eventName") or "")) is not None,
            "The name ends in a version of the interface.",
        ),
    ]
    return (*_ambiguous(record), *(words for holds, words in known if holds))


def _ambiguous(record: Mapping[str, Any]) -> Iterator[str]:
    names = list(doubled_names(record))
    if names:
        yield (
            f"The record is ambiguous: {first_of(names, _NAMED)} stands more than once, and two readers may "
            "see two events in it. The last value is shown."
        )


def _login_failed(record: Mapping[str, Any]) -> bool:
    answer = record.get("responseElements")
    failed = isinstance(answer, Mapping) and answer.get("ConsoleLogin") == "Failure"
    return failed and not record.get("errorCode")


def _lines(value: Mapping[str, Any], above: str, depth: int) -> Iterator[Line]:
    for name, inner in value.items():
        path = f"{above}{name}"
        if isinstance(inner, Mapping) and inner and depth < _DEEP:
            if path in FIELDS:
                yield Line(path, "", FIELDS[path])
            yield from _lines(inner, f"{path}.", depth + 1)
        else:
            yield Line(path, _short(inner), FIELDS.get(path, ""))


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= SHORT else f"{text[: SHORT - 3]}..."

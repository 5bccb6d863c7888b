"""What real CloudTrail records look like: which fields they carry, with which values, and which belong together.

Source: CloudTrail User Guide, "CloudTrail record contents", "CloudTrail userIdentity element" and "AWS Management
Console
sign-in events". Always present in a management event are eventVersion, eventTime, eventSource, eventName, awsRegion,
sourceIPAddress, userAgent, eventType, userIdentity.type and recipientAccountId; everything else is optional. Knows no
pattern. The people and addresses are invented; the addresses are those set aside for documentation (RFC 5737).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from auditor.monitoring.patterns.callers import (
    CALLERS,
    ERROR_CODE,
    EVENT_NAME,
    EVENT_SOURCE,
    FEDERATED,
    IDENTITY,
    IDENTITY_ARN,
    IDENTITY_TYPE,
    INVOKED_BY,
    OTHER_ACCOUNT,
    OWN,
    SAML_PROVIDER,
    SERVICE_CALLER,
    SESSION,
    SIGNING_IN,
    STS,
    Assignment,
    Keys,
    Kind,
    caller_agrees,
    identity,
)
from auditor.monitoring.patterns.formula import ABSENT, Key
from auditor.monitoring.patterns.language import ANY, EVERYTHING, Language, Times
from auditor.monitoring.patterns.regex import parse_regex


@dataclass(frozen=True, slots=True)
class Field:
    """What one field may hold.

    Args:
        samples: realistic values, the most usual first.
        always: whether every record has it.
        closed: whether the samples are all that real records carry.
        shape: an expression for the whole text that every real value fits; empty for any text.
        nullable: whether records carry it as null.
        texts_only: whether it never holds numbers or booleans.
    """

    samples: tuple[Any, ...]
    always: bool = False
    closed: bool = False
    shape: str = ""
    nullable: bool = False
    texts_only: bool = True

    @property
    def language(self) -> Language:
        """The texts that real values are taken from."""
        return _shape(self.shape)


@cache
def _shape(source: str) -> Language:
    if not source:
        return Language((((ANY, Times.ONCE), EVERYTHING),))
    return parse_regex(source, source, 0)


EVENT_TYPE: Keys = ("eventType",)
REGION: Keys = ("awsRegion",)
ACCOUNT: Keys = ("recipientAccountId",)
READ_ONLY: Keys = ("readOnly",)
ERROR_MESSAGE: Keys = ("errorMessage",)
SIGN_IN_RESULT: Keys = ("responseElements", "ConsoleLogin")
MFA_USED: Keys = ("additionalEventData", "MFAUsed")

SAMPLE_ACCOUNT = "111122223333"
_DIGITS = "^[0-9]{12}$"
_FIELDS: dict[Keys, Field] = {
    ("eventVersion",): Field(("1.11",), always=True, shape=r"^1\.[0-9]+$"),
    ("eventTime",): Field(("2026-10-14T09:21:07Z",), always=True, shape="^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]+Z$"),
    EVENT_SOURCE: Field(
        ("dynamodb.amazonaws.com", "ec2.amazonaws.com", "iam.amazonaws.com", STS),
        always=True,
        shape=r"^[a-z0-9-]+\.amazonaws\.com$",
    ),
    EVENT_NAME: Field(("ListTables", "CreateTable", *FEDERATED.values()), always=True, shape="^[A-Z][A-Za-z0-9]+$"),
    REGION: Field(("eu-central-1", "us-east-1", "ap-southeast-2"), always=True, shape="^[a-z]{2}-[a-z]+[a-z-]*-[0-9]$"),
    ("sourceIPAddress",): Field(
        ("198.51.100.7", "203.0.113.24"),
        always=True,
        shape=r"^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$|^[0-9a-f]+:[0-9a-f:]+$|^[a-z0-9.-]+\.amazonaws\.com$|^AWS\x20Internal$",
    ),
    ("userAgent",): Field(("aws-cli/2.31.3 md/awscrt#0.27.6", "console.amazonaws.com"), always=True),
    ACCOUNT: Field((SAMPLE_ACCOUNT, "444455556666"), always=True, shape=_DIGITS),
    IDENTITY_TYPE: Field(OWN, always=True, closed=True),
    ERROR_CODE: Field(
        (ABSENT, "AccessDenied", "Client.UnauthorizedOperation", "ValidationException"),
        shape="^[A-Za-z][A-Za-z0-9.]+$",
    ),
    ERROR_MESSAGE: Field((ABSENT, "You are not authorized to perform this operation.")),
    INVOKED_BY: Field(
        (ABSENT, "cloudformation.amazonaws.com"), shape=r"^[a-z0-9.-]+\.amazonaws\.com$|^AWS\x20Internal$"
    ),
    READ_ONLY: Field((False, True, ABSENT), closed=True),
    ("managementEvent",): Field((True, ABSENT), closed=True),
    ("eventCategory",): Field(("Management", ABSENT), closed=True),
    ("requestParameters",): Field(({}, None), closed=True),
    ("responseElements",): Field((None, {}), closed=True),
    ("additionalEventData",): Field((ABSENT, {}), closed=True),
    IDENTITY: Field(({},), closed=True),
    SESSION: Field(({}, ABSENT), closed=True),
    ("userIdentity", "onBehalfOf"): Field((ABSENT, {}), closed=True),
    ("userIdentity", "accountId"): Field((SAMPLE_ACCOUNT, "444455556666"), shape=_DIGITS),
    ("userIdentity", "sessionContext", "attributes", "mfaAuthenticated"): Field(("false", "true", ABSENT), closed=True),
    IDENTITY_ARN: Field(
        (
            f"arn:aws:iam::{SAMPLE_ACCOUNT}:user/alice",
            f"arn:aws:sts::{SAMPLE_ACCOUNT}:assumed-role/deployment/alice",
            f"arn:aws:iam::{SAMPLE_ACCOUNT}:root",
        ),
        shape="^arn:aws.*:[0-9]{12}:.+$",
    ),
}

_IN_SIGN_IN: dict[Keys, Field] = {
    ERROR_CODE: Field((ABSENT,), closed=True),
    ERROR_MESSAGE: Field((ABSENT, "Failed authentication", "No username found in supplied account")),
    SIGN_IN_RESULT: Field(("Success", "Failure"), always=True, closed=True),
    MFA_USED: Field(("No", "Yes"), always=True, closed=True),
    INVOKED_BY: Field((ABSENT,), closed=True),
    READ_ONLY: Field((False, ABSENT), closed=True),
    IDENTITY_TYPE: Field(SIGNING_IN, always=True, closed=True),
    SAML_PROVIDER: Field(
        (ABSENT, f"arn:aws:iam::{SAMPLE_ACCOUNT}:saml-provider/example"), shape="^arn:aws.*:saml-provider/.+$"
    ),
}

_IN_API: dict[Keys, Field] = {
    SIGN_IN_RESULT: Field((ABSENT,), closed=True),
    MFA_USED: Field((ABSENT,), closed=True),
    SAML_PROVIDER: Field((ABSENT,), closed=True),
}

_IN_CONSOLE: dict[Keys, Field] = {
    **_IN_API,
    EVENT_SOURCE: Field(("billingconsole.amazonaws.com",), always=True, closed=True),
    EVENT_NAME: Field(("SetContactAddress", "DownloadInvoice"), always=True, shape="^[A-Z][A-Za-z0-9]+$"),
    ERROR_CODE: Field((ABSENT,), closed=True),
    ERROR_MESSAGE: Field((ABSENT,), closed=True),
    INVOKED_BY: Field((ABSENT,), closed=True),
    IDENTITY_TYPE: Field(SIGNING_IN, always=True, closed=True),
}
"""Actions in the console that are no calls of the API, such as those of billing; none was seen refused."""

_IN_SERVICE: dict[Keys, Field] = {
    **_IN_API,
    EVENT_SOURCE: Field(("kms.amazonaws.com", "acm.amazonaws.com"), always=True, shape=r"^[a-z0-9-]+\.amazonaws\.com$"),
    EVENT_NAME: Field(("RotateKey", "RenewCertificate"), always=True, shape="^[A-Z][A-Za-z0-9]+$"),
    ERROR_CODE: Field((ABSENT,), closed=True),
    ERROR_MESSAGE: Field((ABSENT,), closed=True),
    IDENTITY_TYPE: Field((SERVICE_CALLER, "Root"), always=True, closed=True),
}
"""What services do by themselves: CloudTrail User Guide, "Non-API events captured by CloudTrail"."""

_BY_KIND: Mapping[Kind, Mapping[Keys, Field]] = {
    Kind.API: _IN_API,
    Kind.SIGN_IN: _IN_SIGN_IN,
    Kind.CONSOLE: _IN_CONSOLE,
    Kind.SERVICE: _IN_SERVICE,
}

_HOLDS_ANYTHING = frozenset({"requestParameters", "responseElements", "additionalEventData", "serviceEventDetails"})


def field_of(keys: Keys, kind: Kind) -> Field:
    """Return what a record of that kind may hold at a path; unknown fields are optional and may hold anything."""
    if known := _BY_KIND[kind].get(keys) or _FIELDS.get(keys):
        return known
    return Field((ABSENT, "example"), nullable=keys[0] in _HOLDS_ANYTHING, texts_only=keys[0] == "userIdentity")


KNOWN_NAMES = (
    *("eventVersion", "eventTime", "eventSource", "eventName", "eventType", "eventID", "eventCategory", "awsRegion"),
    *("sourceIPAddress", "userAgent", "errorCode", "errorMessage", "requestParameters", "responseElements"),
    *("additionalEventData", "requestID", "readOnly", "recipientAccountId", "serviceEventDetails", "sharedEventID"),
    *("vpcEndpointId", "managementEvent", "sessionCredentialFromConsole", "tlsDetails", "resources", "userIdentity"),
    *("type", "principalId", "arn", "accountId", "accessKeyId", "userName", "invokedBy", "sessionContext"),
    *("sessionIssuer", "attributes", "creationDate", "mfaAuthenticated", "MFAUsed", "ConsoleLogin", "LoginTo"),
)
"""Names that records use, for suggestions when a pattern misspells one."""


def consistent(assignment: Assignment, kind: Kind) -> bool:
    """Say whether the fields decided so far can stand in one real record."""
    return (
        caller_agrees(assignment, kind)
        and _outcome_agrees(assignment, kind)
        and _name_agrees(assignment, kind)
        and _parents_agree(assignment)
    )


def _outcome_agrees(assignment: Assignment, kind: Kind) -> bool:
    message = assignment.get(ERROR_MESSAGE)
    if message is None:
        return True
    if kind is Kind.SIGN_IN:
        result = assignment.get(SIGN_IN_RESULT)
        return result is None or (result == "Failure") is (message is not ABSENT)
    code = assignment.get(ERROR_CODE)
    return code is None or message is ABSENT or code is not ABSENT


def is_read(name: str) -> bool:
    """Guess from an event name whether CloudTrail marks it read-only."""
    return name.startswith(("Describe", "Get", "List", "Head", "Lookup", "Search", "BatchGet", "AssumeRole"))


def _name_agrees(assignment: Assignment, kind: Kind) -> bool:
    name = assignment.get(EVENT_NAME)
    if name is None:
        return True
    read = assignment.get(READ_ONLY, ABSENT)
    if kind is not Kind.SIGN_IN and read is not ABSENT and read is not is_read(str(name)):
        return False
    return kind is Kind.SIGN_IN or name != "ConsoleLogin"


def _parents_agree(assignment: Assignment) -> bool:
    for keys, value in assignment.items():
        if isinstance(value, dict):
            continue
        below = [other for other in assignment if len(other) > len(keys) and other[: len(keys)] == keys]
        if any(assignment[other] is not ABSENT for other in below):
            return False
    return True


_SOURCES = {
    "DescribeInstances": "ec2.amazonaws.com",
    "ListUsers": "iam.amazonaws.com",
    "CreateUser": "iam.amazonaws.com",
    "ListTables": "dynamodb.amazonaws.com",
    "HeadBucket": "s3.amazonaws.com",
}
_NAMES = {"ec2.amazonaws.com": "DescribeInstances", "iam.amazonaws.com": "ListUsers", "s3.amazonaws.com": "ListBuckets"}


def build(assignment: Assignment, kind: Kind, style: int = 0) -> dict[str, Any]:
    """Write a complete record around the fields that are decided.

    Args:
        assignment: the decided fields, consistent with each other.
        kind: API call or console sign-in.
        style: 0 or 1: two records that share nothing but what is decided.

    Returns:
        a record with its fields in the order in which CloudTrail writes them.
    """
    decided = dict(assignment)
    usual = {Kind.API: ("AssumedRole", "IAMUser")[style], Kind.SERVICE: SERVICE_CALLER}
    who = str(decided.setdefault(IDENTITY_TYPE, usual.get(kind, "IAMUser")))
    _decide_caller(decided, who, style)
    _decide_event(decided, kind, style)
    record: dict[str, Any] = {
        "eventVersion": ("1.11", "1.10")[style],
        "userIdentity": identity(who, kind, style, str(decided.get(ACCOUNT, SAMPLE_ACCOUNT))),
        "eventTime": ("2026-10-14T09:21:07Z", "2026-10-27T18:05:42Z")[style],
        "eventSource": "",
        "eventName": "",
        "awsRegion": "",
        "sourceIPAddress": ("198.51.100.7", "203.0.113.24")[style],
        "userAgent": ("aws-cli/2.31.3 md/awscrt#0.27.6", "Mozilla/5.0 (X11; Linux x86_64) Firefox/143.0")[style],
        "errorCode": "",
        "errorMessage": "",
        "requestParameters": None,
        "responseElements": None,
        "requestID": ("4f2b6d1e-58a1-4c0f-9f0e-6f7f0a3f2b11", "b07c39aa-11f5-47d4-8d5e-0d5c9f8f6c02")[style],
        "eventID": ("0d1f5c67-7d3b-4d0c-a6a5-1c8a5b6f9e21", "c9a8e0d4-3c27-4f59-9f6c-2f7f1f0b7d83")[style],
        "readOnly": None,
        "eventType": kind.value,
        "managementEvent": True,
        "recipientAccountId": SAMPLE_ACCOUNT,
        "eventCategory": "Management",
    }
    for keys in sorted(decided, key=len):
        _write(record, keys, decided[keys])
    return record if style == 0 else dict(reversed(record.items()))


def _decide_caller(decided: dict[Keys, Any], who: str, style: int) -> None:
    """Decide what goes with a caller: the one call of a federated one, the names that a service gives as address."""
    if call := FEDERATED.get(who):
        decided |= {EVENT_SOURCE: STS, EVENT_NAME: call}
    if who == OTHER_ACCOUNT:
        source = decided.setdefault(EVENT_SOURCE, ("sqs.amazonaws.com", "s3.amazonaws.com")[style])
        decided.setdefault(EVENT_NAME, {"sqs.amazonaws.com": "GetQueueAttributes"}.get(source, "GetBucketPolicy"))
    if who == SERVICE_CALLER:
        name = decided.setdefault(INVOKED_BY, ("cloudformation.amazonaws.com", "autoscaling.amazonaws.com")[style])
        for keys in (("sourceIPAddress",), ("userAgent",)):
            decided.setdefault(keys, name)


def _decide_event(decided: dict[Keys, Any], kind: Kind, style: int) -> None:
    code = decided.setdefault(ERROR_CODE, ABSENT)
    if kind is Kind.SIGN_IN:
        decided.setdefault(EVENT_NAME, "ConsoleLogin")
        decided.setdefault(EVENT_SOURCE, "signin.amazonaws.com")
        message = decided.get(ERROR_MESSAGE)
        failure = message not in {None, ABSENT} if message is not None else decided.get(SIGN_IN_RESULT) == "Failure"
        decided.setdefault(SIGN_IN_RESULT, "Failure" if failure else "Success")
        decided.setdefault(ERROR_MESSAGE, "Failed authentication" if failure else ABSENT)
        decided.setdefault(MFA_USED, "No")
        decided.setdefault(("additionalEventData", "LoginTo"), "https://console.aws.amazon.com/console/home")
        decided.setdefault(READ_ONLY, False)
    elif kind is Kind.API:
        _decide_call(decided, str(code), style)
    else:
        for keys in (EVENT_SOURCE, EVENT_NAME):
            decided.setdefault(keys, field_of(keys, kind).samples[0])
        decided.setdefault(ERROR_MESSAGE, ABSENT)
        decided.setdefault(READ_ONLY, False)
    decided.setdefault(REGION, ("eu-central-1", "us-east-1")[style])


def _decide_call(decided: dict[Keys, Any], code: str, style: int) -> None:
    source = {"Client.UnauthorizedOperation": "ec2.amazonaws.com", "AccessDenied": "iam.amazonaws.com"}.get(
        code, ("dynamodb.amazonaws.com", "s3.amazonaws.com")[style]
    )
    if EVENT_NAME in decided:
        source = _SOURCES.get(str(decided[EVENT_NAME]), source)
    source = str(decided.setdefault(EVENT_SOURCE, source))
    name = str(decided.setdefault(EVENT_NAME, _NAMES.get(source, "ListTables")))
    decided.setdefault(READ_ONLY, is_read(name))
    refused = decided[ERROR_CODE] is not ABSENT
    decided.setdefault(ERROR_MESSAGE, "You are not authorized to perform this operation." if refused else ABSENT)


def _write(record: dict[str, Any], keys: Keys, value: Any) -> None:
    """Put a value where a path points, making the objects and arrays on the way."""
    place: Any = record
    for index, key in enumerate(keys[:-1]):
        place = _enter(place, key, keys[index + 1])
        if place is None:
            return
    last = keys[-1]
    if isinstance(place, dict):
        name = last if isinstance(last, str) else "example"
        if value is ABSENT:
            place.pop(name, None)
        elif not (value == {} and isinstance(place.get(name), dict)):
            place[name] = value
    elif isinstance(place, list) and value is not ABSENT:
        at = last if isinstance(last, int) else 0
        place.extend([None] * (at + 1 - len(place)))
        place[at] = value


def _enter(place: Any, key: Key, following: Key) -> Any:
    made: Any = {} if isinstance(following, str) or getattr(following, "name", "") == "FIELDS" else []
    if isinstance(place, dict):
        name = key if isinstance(key, str) else "example"
        if not isinstance(place.get(name), dict | list):
            place[name] = made
        return place[name]
    if isinstance(place, list):
        at = key if isinstance(key, int) else 0
        place.extend([None] * (at + 1 - len(place)))
        if not isinstance(place[at], dict | list):
            place[at] = made
        return place[at]
    return None


def describe(record: Mapping[str, Any]) -> str:
    """Say in words what a record tells."""
    identity = record.get("userIdentity", {})
    who = CALLERS.get(str(identity.get("type")), "somebody")
    name = record.get("eventName")
    if name == "ConsoleLogin":
        result = record.get("responseElements", {}).get("ConsoleLogin")
        mfa = record.get("additionalEventData", {}).get("MFAUsed")
        done = "signs in to the console" if result == "Success" else "fails to sign in to the console"
        return f"{who} {done} ({'with' if mfa == 'Yes' else 'without'} MFA) in {record.get('awsRegion')}"
    service = str(record.get("eventSource", "")).partition(".")[0]
    text = f"{who} calls {name} ({service}) in {record.get('awsRegion')}"
    if "invokedBy" in identity and identity.get("type") != SERVICE_CALLER:
        text += f", through {identity['invokedBy']}"
    if code := record.get("errorCode"):
        text += f", and is refused with {code}"
    return text

"""What real CloudTrail records look like: which fields they carry, with which values, and which belong together.

Source: CloudTrail User Guide, "CloudTrail record contents", "CloudTrail userIdentity element" and "AWS Management
Console
sign-in events". Always present in a management event are eventVersion, eventTime, eventSource, eventName, awsRegion,
sourceIPAddress, userAgent, eventType, userIdentity.type and recipientAccountId; everything else is optional. Knows no
pattern. The people and addresses are invented; the addresses are those set aside for documentation (RFC 5737).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from auditor.monitoring.patterns.formula import ABSENT, Key
from auditor.monitoring.patterns.language import ANY, EVERYTHING, Language, Times
from auditor.monitoring.patterns.regex import parse_regex

Keys = tuple[Key, ...]
Assignment = Mapping[Keys, Any]
"""Fields that are decided so far, by path; ``ABSENT`` for a field that the record does not have."""


class Kind(StrEnum):
    """The two sorts of record that differ in more than their values."""

    API = "AwsApiCall"
    SIGN_IN = "AwsConsoleSignIn"


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


EVENT_NAME: Keys = ("eventName",)
EVENT_SOURCE: Keys = ("eventSource",)
EVENT_TYPE: Keys = ("eventType",)
REGION: Keys = ("awsRegion",)
ACCOUNT: Keys = ("recipientAccountId",)
READ_ONLY: Keys = ("readOnly",)
ERROR_CODE: Keys = ("errorCode",)
ERROR_MESSAGE: Keys = ("errorMessage",)
IDENTITY_TYPE: Keys = ("userIdentity", "type")
IDENTITY_ARN: Keys = ("userIdentity", "arn")
INVOKED_BY: Keys = ("userIdentity", "invokedBy")
SIGN_IN_RESULT: Keys = ("responseElements", "ConsoleLogin")
MFA_USED: Keys = ("additionalEventData", "MFAUsed")

SAMPLE_ACCOUNT = "111122223333"
_DIGITS = "^[0-9]{12}$"
_PEOPLE = ("IAMUser", "AssumedRole", "Root", "FederatedUser")
SERVICE_CALLER = "AWSService"
"""``userIdentity.type`` of calls that a service makes by itself: nobody's change, so that a filter may leave them
out."""

_FIELDS: dict[Keys, Field] = {
    ("eventVersion",): Field(("1.11",), always=True, shape=r"^1\.[0-9]+$"),
    ("eventTime",): Field(("2026-10-14T09:21:07Z",), always=True, shape="^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]+Z$"),
    EVENT_SOURCE: Field(
        ("dynamodb.amazonaws.com", "ec2.amazonaws.com", "iam.amazonaws.com"),
        always=True,
        shape=r"^[a-z0-9-]+\.amazonaws\.com$",
    ),
    EVENT_NAME: Field(("ListTables", "CreateTable"), always=True, shape="^[A-Z][A-Za-z0-9]+$"),
    REGION: Field(("eu-central-1", "us-east-1", "ap-southeast-2"), always=True, shape="^[a-z]{2}-[a-z]+[a-z-]*-[0-9]$"),
    ("sourceIPAddress",): Field(
        ("198.51.100.7", "203.0.113.24"),
        always=True,
        shape=r"^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$|^[0-9a-f]+:[0-9a-f:]+$|^[a-z0-9.-]+\.amazonaws\.com$|^AWS\x20Internal$",
    ),
    ("userAgent",): Field(("aws-cli/2.31.3 md/awscrt#0.27.6", "console.amazonaws.com"), always=True),
    ACCOUNT: Field((SAMPLE_ACCOUNT, "444455556666"), always=True, shape=_DIGITS),
    IDENTITY_TYPE: Field(_PEOPLE, always=True, closed=True),
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
    ("userIdentity",): Field(({},), closed=True),
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
    IDENTITY_TYPE: Field(("IAMUser", "Root", "AssumedRole"), always=True, closed=True),
}

_IN_API: dict[Keys, Field] = {
    SIGN_IN_RESULT: Field((ABSENT,), closed=True),
    MFA_USED: Field((ABSENT,), closed=True),
}

_HOLDS_ANYTHING = frozenset({"requestParameters", "responseElements", "additionalEventData", "serviceEventDetails"})


def field_of(keys: Keys, kind: Kind) -> Field:
    """Return what a record of that kind may hold at a path; unknown fields are optional and may hold anything."""
    special = (_IN_SIGN_IN if kind is Kind.SIGN_IN else _IN_API).get(keys)
    if known := special or _FIELDS.get(keys):
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

_SESSION = ("userIdentity", "sessionContext")
_ISSUER = tuple((*_SESSION, "sessionIssuer", name) for name in ("type", "principalId", "arn", "accountId", "userName"))
_ATTRIBUTES = tuple((*_SESSION, "attributes", name) for name in ("creationDate", "mfaAuthenticated"))
_WHO = tuple(("userIdentity", name) for name in ("principalId", "arn", "accountId"))
_KEY: Keys = ("userIdentity", "accessKeyId")
_NAME: Keys = ("userIdentity", "userName")

_ALWAYS: dict[str, frozenset[Keys]] = {
    "IAMUser": frozenset({*_WHO, _NAME, _KEY}),
    "AssumedRole": frozenset({*_WHO, _KEY, *_ISSUER, *_ATTRIBUTES}),
    "Root": frozenset({*_WHO}),
    "FederatedUser": frozenset({*_WHO, _KEY, *_ISSUER, *_ATTRIBUTES}),
    SERVICE_CALLER: frozenset({INVOKED_BY}),
}
_SOMETIMES: dict[str, frozenset[Keys]] = {
    "IAMUser": frozenset({*_ATTRIBUTES, INVOKED_BY}),
    "AssumedRole": frozenset({INVOKED_BY}),
    "Root": frozenset({_KEY, *_ATTRIBUTES, INVOKED_BY}),
    "FederatedUser": frozenset({INVOKED_BY}),
    SERVICE_CALLER: frozenset(),
}
_IDENTITY = frozenset().union(*_ALWAYS.values(), *_SOMETIMES.values())


def consistent(assignment: Assignment, kind: Kind) -> bool:
    """Say whether the fields decided so far can stand in one real record."""
    return (
        _identity_agrees(assignment, kind)
        and _outcome_agrees(assignment, kind)
        and _name_agrees(assignment, kind)
        and _parents_agree(assignment)
    )


def _identity_agrees(assignment: Assignment, kind: Kind) -> bool:
    who = assignment.get(IDENTITY_TYPE)
    if who is None:
        return True
    always, sometimes = presence(str(who), kind)
    for keys, value in assignment.items():
        if keys in _IDENTITY and (keys in always if value is ABSENT else keys not in always and keys not in sometimes):
            return False
    arn = assignment.get(IDENTITY_ARN, ABSENT)
    return arn is ABSENT or str(arn).endswith(":root") is (who == "Root")


@cache
def presence(who: str, kind: Kind) -> tuple[frozenset[Keys], frozenset[Keys]]:
    """Return the identity fields that records of such a caller always and sometimes have."""
    always, sometimes = _ALWAYS.get(who, frozenset()), _SOMETIMES.get(who, frozenset())
    if kind is Kind.SIGN_IN and who != "AssumedRole":
        # sign-in records have no session, and failed ones neither ARN nor key
        named = frozenset({_NAME} if who == "IAMUser" else ())
        return frozenset({("userIdentity", "accountId")}) | named, frozenset({*_WHO, _KEY})
    return always, sometimes


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
    return name.startswith(("Describe", "Get", "List", "Head", "Lookup", "Search", "BatchGet"))


def _name_agrees(assignment: Assignment, kind: Kind) -> bool:
    name = assignment.get(EVENT_NAME)
    if name is None:
        return True
    read = assignment.get(READ_ONLY, ABSENT)
    if kind is Kind.API and read is not ABSENT and read is not is_read(str(name)):
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
    who = str(decided.setdefault(IDENTITY_TYPE, ("AssumedRole", "IAMUser")[style] if kind is Kind.API else "IAMUser"))
    _decide_event(decided, kind, style)
    record: dict[str, Any] = {
        "eventVersion": ("1.11", "1.10")[style],
        "userIdentity": _identity(who, kind, style, str(decided.get(ACCOUNT, SAMPLE_ACCOUNT))),
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
    else:
        _decide_call(decided, str(code), style)
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


def _identity(who: str, kind: Kind, style: int, account: str) -> dict[str, Any]:
    user = ("alice", "bob")[style]
    role = ("deployment", "operations")[style]
    key = ("ASIAEXAMPLEKEY000001", "ASIAEXAMPLEKEY000002")[style]
    identity: dict[str, Any] = {"type": who}
    match who:
        case "IAMUser":
            identity |= {"principalId": ("AIDAEXAMPLEUSER00001", "AIDAEXAMPLEUSER00002")[style]}
            identity |= {"arn": f"arn:aws:iam::{account}:user/{user}", "accountId": account}
            identity |= {"accessKeyId": ("AKIAEXAMPLEKEY000001", "AKIAEXAMPLEKEY000002")[style], "userName": user}
        case "Root":
            identity |= {"principalId": account, "arn": f"arn:aws:iam::{account}:root", "accountId": account}
        case "AssumedRole" | "FederatedUser":
            session = f"assumed-role/{role}/{user}" if who == "AssumedRole" else f"federated-user/{user}"
            identity |= {"principalId": f"AROAEXAMPLEROLE0000{style + 1}:{user}"}
            identity |= {"arn": f"arn:aws:sts::{account}:{session}", "accountId": account, "accessKeyId": key}
            identity["sessionContext"] = _session(who, role, account, style)
        case _:
            identity |= {"invokedBy": ("cloudformation.amazonaws.com", "autoscaling.amazonaws.com")[style]}
    always, sometimes = presence(who, kind)
    for keys in sorted(_IDENTITY - always - sometimes):
        _write({"userIdentity": identity}, keys, ABSENT)
    return identity


def _session(who: str, role: str, account: str, style: int) -> dict[str, Any]:
    kind = "Role" if who == "AssumedRole" else "IAMUser"
    return {
        "sessionIssuer": {
            "type": kind,
            "principalId": f"AROAEXAMPLEROLE0000{style + 1}",
            "arn": f"arn:aws:iam::{account}:{kind.lower().removeprefix('iam')}/{role}",
            "accountId": account,
            "userName": role,
        },
        "attributes": {
            "creationDate": ("2026-10-14T08:58:31Z", "2026-10-27T17:40:11Z")[style],
            "mfaAuthenticated": "false",
        },
    }


_CALLERS = {
    "IAMUser": "an IAM user",
    "AssumedRole": "an assumed role",
    "Root": "the root user",
    "FederatedUser": "a federated user",
    SERVICE_CALLER: "an AWS service",
}


def describe(record: Mapping[str, Any]) -> str:
    """Say in words what a record tells."""
    identity = record.get("userIdentity", {})
    who = _CALLERS.get(str(identity.get("type")), "somebody")
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

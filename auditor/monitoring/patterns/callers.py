"""Who calls in a CloudTrail record: the kinds of identity, the fields that each carries, and where each occurs.

Source: CloudTrail User Guide, "CloudTrail userIdentity element". A caller of another account is ``AWSAccount``, mostly
without an ARN, and reaches only services whose resources can be shared; ``SAMLUser`` and ``WebIdentityUser`` occur in
the calls of STS that turn a federated sign-in into a role. Knows no pattern. The people are invented.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Any, Final

from auditor.monitoring.patterns.formula import ABSENT, Key

Keys = tuple[Key, ...]
Assignment = Mapping[Keys, Any]
"""Fields that are decided so far, by path; ``ABSENT`` for a field that the record does not have."""


class Kind(StrEnum):
    """The sorts of record that differ in more than their values: ``eventType``."""

    API = "AwsApiCall"
    SIGN_IN = "AwsConsoleSignIn"
    CONSOLE = "AwsConsoleAction"
    SERVICE = "AwsServiceEvent"


EVENT_NAME: Final[Keys] = ("eventName",)
ERROR_CODE: Final[Keys] = ("errorCode",)
EVENT_SOURCE: Final[Keys] = ("eventSource",)
IDENTITY: Final[Keys] = ("userIdentity",)
IDENTITY_TYPE: Final[Keys] = ("userIdentity", "type")
IDENTITY_ARN: Final[Keys] = ("userIdentity", "arn")
INVOKED_BY: Final[Keys] = ("userIdentity", "invokedBy")
SAML_PROVIDER: Final[Keys] = ("additionalEventData", "SamlProviderArn")

OWN: Final = ("IAMUser", "AssumedRole", "Root", "FederatedUser")
"""Callers of the account itself, whom every service knows."""
OTHER_ACCOUNT: Final = "AWSAccount"
FEDERATED: Final[Mapping[str, str]] = {
    "SAMLUser": "AssumeRoleWithSAML",
    "WebIdentityUser": "AssumeRoleWithWebIdentity",
}
"""Callers that occur in one call of STS alone."""
SERVICE_CALLER: Final = "AWSService"
"""``userIdentity.type`` of calls that a service makes by itself: nobody's change, so that a filter may leave them
out."""
_FURTHER: Final = (OTHER_ACCOUNT, *FEDERATED, "IdentityCenterUser", "Directory", "Unknown")
SIGNING_IN: Final = ("IAMUser", "Root", "AssumedRole")
STS: Final = "sts.amazonaws.com"
_SHARED: Final = frozenset(
    f"{name}.amazonaws.com"
    for name in ("s3", "sqs", "sns", "lambda", "secretsmanager", "sts", "ecr", "events", "dynamodb", "backup", "ssm")
)
"""Services that an account may let others call without a role of its own, so that they appear as themselves."""


def callers_of(source: str) -> tuple[str, ...]:
    """Return the kinds of identity that calls of a service may have; of all services when it is empty."""
    if not source:
        return (*OWN, *_FURTHER)
    return (*OWN, *((OTHER_ACCOUNT,) if source in _SHARED else ()))


def shares(source: str) -> bool:
    """Say whether callers of other accounts appear as themselves in the records of a service."""
    return source in _SHARED


SESSION: Final[Keys] = ("userIdentity", "sessionContext")
_ISSUER = tuple((*SESSION, "sessionIssuer", name) for name in ("type", "principalId", "arn", "accountId", "userName"))
_ATTRIBUTES = tuple((*SESSION, "attributes", name) for name in ("creationDate", "mfaAuthenticated"))
_PRINCIPAL, _ACCOUNT = (("userIdentity", name) for name in ("principalId", "accountId"))
_WHO = (_PRINCIPAL, IDENTITY_ARN, _ACCOUNT)
_KEY: Keys = ("userIdentity", "accessKeyId")
_NAME: Keys = ("userIdentity", "userName")
_PROVIDER: Keys = ("userIdentity", "identityProvider")
_BEHALF = tuple(("userIdentity", "onBehalfOf", name) for name in ("userId", "identityStoreArn"))
_CREDENTIAL: Keys = ("userIdentity", "credentialId")
_WEB = ((*SESSION, "webIdFederationData", "federatedProvider"),)

_ALWAYS: dict[str, frozenset[Keys]] = {
    "IAMUser": frozenset({*_WHO, _NAME, _KEY}),
    "AssumedRole": frozenset({*_WHO, _KEY, SESSION, *_ISSUER, *_ATTRIBUTES}),
    "Root": frozenset({*_WHO}),
    "FederatedUser": frozenset({*_WHO, _KEY, SESSION, *_ISSUER, *_ATTRIBUTES}),
    OTHER_ACCOUNT: frozenset({_PRINCIPAL, _ACCOUNT}),
    "SAMLUser": frozenset({_PRINCIPAL, _NAME, _PROVIDER}),
    "WebIdentityUser": frozenset({_PRINCIPAL, _NAME, _PROVIDER}),
    "IdentityCenterUser": frozenset({_ACCOUNT, *_BEHALF, _CREDENTIAL}),
    "Directory": frozenset({_ACCOUNT}),
    "Unknown": frozenset({_ACCOUNT}),
    SERVICE_CALLER: frozenset({INVOKED_BY}),
}
_SOMETIMES: dict[str, frozenset[Keys]] = {
    "IAMUser": frozenset({SESSION, *_ATTRIBUTES, INVOKED_BY}),
    "AssumedRole": frozenset({INVOKED_BY, *_WEB}),
    "Root": frozenset({_KEY, SESSION, *_ATTRIBUTES, INVOKED_BY}),
    "FederatedUser": frozenset({INVOKED_BY}),
    OTHER_ACCOUNT: frozenset({IDENTITY_ARN, INVOKED_BY}),
    "Directory": frozenset({_PRINCIPAL, _NAME}),
    "Unknown": frozenset({_PRINCIPAL, _NAME}),
}
_OF_CALLERS = frozenset().union(*_ALWAYS.values(), *_SOMETIMES.values())


def depends_on_caller(keys: Keys) -> bool:
    """Say whether only some callers' records have a field."""
    return keys in _OF_CALLERS or keys == SAML_PROVIDER


@cache
def presence(who: str, kind: Kind) -> tuple[frozenset[Keys], frozenset[Keys]]:
    """Return the identity fields that records of such a caller always and sometimes have."""
    always, sometimes = _ALWAYS.get(who, frozenset()), _SOMETIMES.get(who, frozenset())
    if kind is Kind.SIGN_IN and who != "AssumedRole":
        # sign-in records have no session, and failed ones neither ARN nor key
        named = frozenset({_NAME} if who == "IAMUser" else ())
        return frozenset({_ACCOUNT}) | named, frozenset({*_WHO, _KEY})
    return always, sometimes


def caller_agrees(assignment: Assignment, kind: Kind) -> bool:
    """Say whether the fields decided so far fit the kind of caller, as far as that is decided."""
    who = assignment.get(IDENTITY_TYPE)
    if who is None:
        return True
    always, sometimes = presence(str(who), kind)
    for keys, value in assignment.items():
        if keys in _OF_CALLERS and (
            keys in always if value is ABSENT else keys not in always and keys not in sometimes
        ):
            return False
    if assignment.get(SAML_PROVIDER, ABSENT) is not ABSENT and (kind is not Kind.SIGN_IN or who != "AssumedRole"):
        return False
    call = FEDERATED.get(str(who))
    if call and (assignment.get(EVENT_SOURCE, STS), assignment.get(EVENT_NAME, call)) != (STS, call):
        return False
    if who == OTHER_ACCOUNT and not _reaches_another_account(assignment):
        return False
    arn = assignment.get(IDENTITY_ARN, ABSENT)
    return arn is ABSENT or who == OTHER_ACCOUNT or str(arn).endswith(":root") is (who == "Root")


def _reaches_another_account(assignment: Assignment) -> bool:
    """Say whether a call may come from another account; codes of the form ``Client.`` are EC2's, which shares none."""
    source = assignment.get(EVENT_SOURCE)
    return (source is None or source in _SHARED) and not str(assignment.get(ERROR_CODE)).startswith("Client.")


def identity(who: str, kind: Kind, style: int, account: str) -> dict[str, Any]:
    """Write the ``userIdentity`` of a caller.

    Args:
        who: the kind of identity.
        kind: of the record.
        style: 0 or 1: two people who share nothing.
        account: in whose trail the record is.
    """
    user = ("alice", "bob")[style]
    role = ("deployment", "operations")[style]
    found: dict[str, Any] = {"type": who}
    match who:
        case "IAMUser":
            found |= {"principalId": ("AIDAEXAMPLEUSER00001", "AIDAEXAMPLEUSER00002")[style]}
            found |= {"arn": f"arn:aws:iam::{account}:user/{user}", "accountId": account}
            found |= {"accessKeyId": ("AKIAEXAMPLEKEY000001", "AKIAEXAMPLEKEY000002")[style], "userName": user}
        case "Root":
            found |= {"principalId": account, "arn": f"arn:aws:iam::{account}:root", "accountId": account}
        case "AssumedRole" | "FederatedUser":
            session = f"assumed-role/{role}/{user}" if who == "AssumedRole" else f"federated-user/{user}"
            found |= {"principalId": f"AROAEXAMPLEROLE0000{style + 1}:{user}"}
            found |= {"arn": f"arn:aws:sts::{account}:{session}", "accountId": account}
            found |= {"accessKeyId": ("ASIAEXAMPLEKEY000001", "ASIAEXAMPLEKEY000002")[style]}
            found["sessionContext"] = _session(who, role, account, style)
        case _:
            found |= _stranger(who, style, account)
    always, sometimes = presence(who, kind)
    for _, name in sorted(keys for keys in _OF_CALLERS - always - sometimes if len(keys) == 2):  # noqa: PLR2004 - its own fields
        found.pop(str(name), None)
    return found


def _stranger(who: str, style: int, account: str) -> dict[str, Any]:
    """Return the fields of a caller who is no user or role of the account."""
    person = ("dana@example.com", "erik@example.com")[style]
    other = ("999900001111", "999900002222")[style]
    provider = ("accounts.google.com", "cognito-identity.amazonaws.com")[style]
    match who:
        case "AWSAccount":
            return {"principalId": f"AROAEXAMPLEOTHER000{style + 1}:audit", "accountId": other}
        case "WebIdentityUser":
            return {"principalId": f"{provider}:app:{person}", "userName": person, "identityProvider": provider}
        case "SAMLUser":
            issuer = f"arn:aws:iam::{account}:saml-provider/example"
            return {"principalId": f"EXAMPLEHASH=:{person}", "userName": person, "identityProvider": issuer}
        case "IdentityCenterUser":
            store = f"arn:aws:identitystore::{account}:identitystore/d-1234567890"
            user = f"{style}4680468-1010-70aa-0000-000000000000"
            return {
                "accountId": account,
                "onBehalfOf": {"userId": user, "identityStoreArn": store},
                "credentialId": f"EXAMPLECREDENTIAL{style}",
            }
        case "Directory" | "Unknown":
            return {"accountId": account}
    return {"invokedBy": ("cloudformation.amazonaws.com", "autoscaling.amazonaws.com")[style]}


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


CALLERS: Final[Mapping[str, str]] = {
    "IAMUser": "an IAM user",
    "AssumedRole": "an assumed role",
    "Root": "the root user",
    "FederatedUser": "a federated user",
    OTHER_ACCOUNT: "somebody of another account",
    "SAMLUser": "a user of a SAML provider",
    "WebIdentityUser": "a user of a web identity provider",
    "IdentityCenterUser": "a user of IAM Identity Center",
    "Directory": "a directory",
    "Unknown": "somebody unknown",
    SERVICE_CALLER: "an AWS service",
}
"""What callers are called in sentences."""

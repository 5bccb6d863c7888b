"""Says what stands in the way to AWS: the SDK's errors as ours, with the cause in AWS's own words and what to do."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from auditor.base.errors import CollectionError, UsageError

_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_REFUSED: Final = frozenset(
    {
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
        "InvalidAccessKeyId",
        "AuthFailure",
    }
)


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn the SDK's errors into ours, with a hint for whoever has to act."""
    try:
        yield
    except ClientError as error:
        raise _refusal(doing, error) from error
    except EOFError as error:
        raise CollectionError(
            f"cannot {doing}: the profile asks for an MFA code, and there is no terminal to type it",
            hint="start a session first (`aws sts get-session-token`, `aws sso login`) and use its credentials",
        ) from error
    except (KeyError, TypeError, AttributeError, ResponseParserError) as error:
        raise CollectionError(
            f"cannot {doing}: something answered that is not AWS, such as the login page of a network",
            hint=_UNREACHABLE,
        ) from error
    except (BotoCoreError, ValueError) as error:
        name = type(error).__name__
        message = _plain(str(error))
        no_url = message.startswith("Invalid endpoint")  # a bare ValueError of the SDK
        kind = UsageError if no_url or name in _WRONG_SETTINGS else CollectionError
        hint = "AWS_ENDPOINT_URL and endpoint_url take https://HOST" if no_url else _HINTS.get(name, "")
        raise kind(f"cannot {doing}: {message.rstrip('.')}", hint=hint) from error


_WRONG_SETTINGS: Final = frozenset(
    {
        "ConfigNotFound",
        "ConfigParseError",
        "InfiniteLoopConfigError",
        "InvalidConfigError",
        "InvalidRegionError",
        "PartialCredentialsError",
        "ProfileNotFound",
        "UnknownRegionError",
    }
)
"""Errors of the SDK about what somebody wrote down, not about AWS."""

_HIDDEN: Final = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}|(?<=//)[^/@\s]+@")

_LOGIN: Final = "sign in again (for a profile with SSO: `aws sso login`) and repeat the run"
_UNREACHABLE: Final = "check network, proxy, Region and AWS_ENDPOINT_URL"
CREDENTIALS: Final = "give --profile, set AWS_PROFILE, or run where a role provides credentials"
_HINTS: Final[Mapping[str, str]] = {
    "ConnectTimeoutError": _UNREACHABLE,
    "ConnectionClosedError": _UNREACHABLE,
    "CredentialRetrievalError": CREDENTIALS,
    "EndpointConnectionError": _UNREACHABLE,
    "LoginRefreshRequired": _LOGIN,
    "NoCredentialsError": CREDENTIALS,
    "PartialCredentialsError": CREDENTIALS,
    "ProfileNotFound": "`aws configure list-profiles` names the profiles there are",
    "ProxyConnectionError": _UNREACHABLE,
    "ReadTimeoutError": _UNREACHABLE,
    "SSLError": "check the proxy and AWS_CA_BUNDLE",
    "SSOTokenLoadError": _LOGIN,
    "TokenRetrievalError": _LOGIN,
    "UnauthorizedSSOTokenError": _LOGIN,
}


def _plain(text: str) -> str:
    """Return somebody's words on one line, without what only the caller may know."""
    return _HIDDEN.sub("...", " ".join(text.split()))[:300]


def _refusal(doing: str, error: ClientError) -> CollectionError:
    """Tell what AWS answered, in its own words; a proxy's page has no code, or its status for one."""
    told, status = error.response.get("Error", {}), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    code, words = str(told.get("Code") or "Unknown"), _plain(str(told.get("Message") or ""))
    if code == "Unknown":
        what = f"something that may not be AWS answered {status} without a reason"
        return CollectionError(f"cannot {doing}: {what}", hint=_UNREACHABLE)
    late = code in _CLOCK_CODES or words.startswith(_CLOCK_WORDS)
    more = f": {words.rstrip('.')}" if words and not code.isdigit() else ""
    return CollectionError(f"cannot {doing}: AWS answered {code}{more}", hint=_CLOCK if late else _hint_for_code(code))


_CLOCK: Final = "the clock of this machine is wrong: set it; `auditor doctor` tells how far it is off"
_CLOCK_CODES: Final = frozenset({"RequestTimeTooSkewed", "RequestInTheFuture"})
_CLOCK_WORDS: Final = ("Signature expired", "Signature not yet current")
"""How AWS begins what it says of a request that is signed too early or too late."""


def _hint_for_code(code: str) -> str:
    if code in _EXPIRED:
        return _LOGIN
    if "Throttl" in code or code in {"RequestLimitExceeded", "SlowDown", "TooManyRequestsException", "429"}:
        return "AWS slows this account down; try again later"
    if code in _REFUSED:
        return "the credentials are not valid here; check the profile, the partition and the clock"
    if code.startswith("5") or "Unavailable" in code or "InternalFailure" in code:
        return "the service, or a proxy in front of it, is not available; try again later"
    if "AccessDenied" in code:
        return "see `auditor policy` for the permissions a run needs; a role must also trust the caller"
    return ""

"""Takes out of an answer what may not enter a pack, before anything is written. Never changes type or presence.

What is taken out is replaced by a mark that says what it was and carries a salted hash of it, so that equal values
stay equal within a run and every question ("is there a value?", "is it the same one?") can still be decided. The salt
is not stored: without it a hash says nothing about short or guessable values. See ``docs/permissions.md``.
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

_MAX_LISTED: Final = 10_000
"""More redactions than this in one answer are counted, not listed; each still carries its mark in the raw file."""

_MAX_KEPT_TEXT: Final = 1_000_000
"""Longer texts, which no read operation of the catalogue gives, are cut off from pattern search and taken out whole."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What else is taken out, beside what always is.

    Args:
        source_addresses: IP addresses of those who called (``sourceIPAddress``).
        identities: e-mail addresses that are names of users, roles and sessions; findings then name a hash.
    """

    source_addresses: bool = False
    identities: bool = False


_IDENTITY_KEYS: Final = frozenset(
    {
        "AWS", "Arn", "AssumedRoleId", "Content", "GroupName", "Principal", "PrincipalArn", "RoleName", "SerialNumber",
        "User", "UserId", "UserName", "actor", "arn", "principal", "principalId", "resource", "sessionName", "summary",
        "user", "userName", "username", "who",
    }
)  # fmt: skip
"""Keys whose e-mail addresses are names that findings have to use; ``Content`` is the credential report."""

_PRIVATE_KEYS: Final[Mapping[str, str]] = {
    "AuthToken": "secret",
    "ClientSecret": "secret",
    "MasterUserPassword": "secret",
    "Password": "secret",
    "PrivateKey": "secret",
    "SecretAccessKey": "secret",
    "SecretBinary": "secret",
    "SecretString": "secret",
    "SessionToken": "secret",
    "UserData": "user data",
    "userData": "user data",
}
"""Keys whose text is private whatever it looks like."""

_PRIVATE_MAPS: Final[Mapping[str, str]] = {
    "ContactInformation": "contact",
    "AlternateContact": "contact",
    "AuthParameters": "secret",
    "EnvironmentVariables": "environment variable",
    "HeaderParameters": "secret",
    "QueryStringParameters": "secret",
    "UserData": "user data",
    "Variables": "environment variable",
    "environmentVariables": "environment variable",
    "stageVariables": "stage variable",
    "tags": "tag",
    "variables": "stage variable",
}
"""Mappings of which every text is private, below as well."""

_PLAIN_IN_MAPS: Final = frozenset({"AlternateContactType", "CountryCode"})
_TAG_LISTS: Final = frozenset({"Tags", "TagSet", "TagList", "tagSet", "Tag", "tags"})
_ENVIRONMENT_LISTS: Final = frozenset({"environment", "environmentVariables", "EnvironmentVariables"})
_PAGE_TOKENS: Final = frozenset(
    {"NextToken", "nextToken", "Marker", "NextMarker", "NextPageToken", "ContinuationToken", "NextContinuationToken"}
)
_SOURCE_ADDRESS_KEYS: Final = frozenset({"sourceIPAddress", "sourceIpAddress", "source_ip"})

_EMAIL: Final = r"(?P<email>[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8})"
_TOKENS: Final = re.compile(
    r"""
      (?P<accesskey>(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{12,124}(?![A-Za-z0-9]))
    | (?P<privatekey>-----BEGIN[ ][A-Z ]{0,30}PRIVATE[ ]KEY-----.*?(?:-----END[ ][A-Z ]{0,30}PRIVATE[ ]KEY-----|\Z))
    | (?P<token>\b(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255}|glpat-[A-Za-z0-9_-]{16,64}
        |xox[abeoprs]-[A-Za-z0-9-]{10,255}|sk_(?:live|test)_[A-Za-z0-9]{10,255}|sk-(?:proj-)?[A-Za-z0-9]{20,255}
        |AIza[A-Za-z0-9_-]{30,64}|npm_[A-Za-z0-9]{30,64}|SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}
        |eyJ[A-Za-z0-9_-]{8,4096}\.eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{0,4096}))
    | (?P<named>(?<![:A-Za-z])(?i:password|passwd|secret|secret_?access_?key|api_?key|(?:auth|access|session)_?token)
        ["']?\s{0,3}[=:]\s{0,3}["']?(?P<value>[^\s"'&,;<>]{6,256}))  # not the "secret:" of an ARN
    | """ + _EMAIL,
    re.VERBOSE | re.DOTALL,
)  # fmt: skip
_HINT: Final = re.compile(
    r"AKIA|ASIA|PRIVATE KEY|gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|sk[_-]|AIza|npm_|SG\.|eyJ|@"
    r"|(?i:passw|secret|api_?key|token)"
)
"""Cheap to search for; a text without it holds none of the patterns."""

_ARN: Final = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:\d{0,12}:\S+")
_MARK: Final = re.compile(r"redacted:[a-z -]+:[0-9a-f]{12}|(?:AKIA|ASIA)\[[0-9a-f]{8}\].{4}")


class Redactor:
    """Redacts the answers of one run. Remembers, in memory only, what it replaced, so that children can be asked for.

    Args:
        salt: secret bytes of this run; the same salt gives the same marks.
        policy: what else is taken out.
    """

    def __init__(self, salt: bytes, *, policy: Policy | None = None) -> None:
        if len(salt) < 16:  # noqa: PLR2004 - 128 bits
            raise ValueError("the salt has fewer than 16 bytes")
        self._salt = salt
        self._policy = policy or Policy()
        self._originals: dict[str, str] = {}

    def __call__(self, _operation: str, pages: Any) -> tuple[Any, tuple[Mapping[str, str], ...]]:
        """Return the pages to store, and what was taken out: JSON pointer into the raw file, reason and salted hash.

        Args:
            _operation: such as ``sns:ListSubscriptionsByTopic``; the answer's own keys decide.
            pages: plain JSON; not changed.
        """
        walk = _Walk(self, self._policy)
        kept = walk.value(pages, "/pages", "", None)
        listed = walk.found[:_MAX_LISTED]
        if (more := len(walk.found) - len(listed)) > 0:
            listed.append({"pointer": "/pages", "reason": f"{more} more, each marked in place", "hash": ""})
        return kept, tuple(listed)

    def text(self, text: str) -> str:
        """Return a message or parameter without keys, tokens and secrets; e-mail addresses stay."""
        return _Walk(self, Policy()).searched(text, "", keep_email=True)

    def original(self, value: Any) -> Any:
        """Return what a stored value was before it was redacted; anything else as it is."""
        if isinstance(value, str):
            return self._originals.get(value, value)
        if isinstance(value, list):
            return [self.original(item) for item in value]
        if isinstance(value, dict):
            return {key: self.original(item) for key, item in value.items()}
        return value

    def hash(self, text: str) -> str:
        """Return the salted hash of a value: HMAC-SHA-256, first twelve hexadecimal digits."""
        return hmac.new(self._salt, text.encode("utf-8", "replace"), sha256).hexdigest()[:12]

    def mark(self, text: str, kind: str) -> str:
        """Return what stands in place of a value, and remember the value."""
        if kind == "page token":
            return "redacted:page token:000000000000"  # differs at every call, so that its hash would say nothing
        digest = self.hash(text)
        mark = f"{text[:4]}[{digest[:8]}]{text[-4:]}" if _ACCESS_KEY.fullmatch(text) else f"redacted:{kind}:{digest}"
        self._originals[mark] = text
        return mark


_ACCESS_KEY: Final = re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{12,124}")


class _Walk:
    """One walk over the pages of one answer."""

    def __init__(self, redactor: Redactor, policy: Policy) -> None:
        self._redactor = redactor
        self._policy = policy
        self.found: list[Mapping[str, str]] = []

    def value(self, value: Any, pointer: str, key: str, private: str | None) -> Any:
        """Walk one value; ``private`` is the reason why every text below is taken out, if it is."""
        match value:
            case str():
                return self._text(value, pointer, key, private)
            case dict():
                return self._mapping(value, pointer, key, private)
            case list():
                below = private or ("environment variable" if key in _ENVIRONMENT_LISTS else None)
                return [
                    self.value(item, f"{pointer}/{index}", key, self._of_member(key, item, below))
                    for index, item in enumerate(value)
                ]
        return value

    @staticmethod
    def _of_member(key: str, item: Any, private: str | None) -> str | None:
        is_tag = key in _TAG_LISTS and isinstance(item, dict) and bool({"Value", "value"} & item.keys())
        return private or ("tag" if is_tag else None)

    def _mapping(self, value: dict[str, Any], pointer: str, key: str, private: str | None) -> dict[str, Any]:
        below = private or _PRIVATE_MAPS.get(key)
        kept: dict[str, Any] = {}
        for name, item in value.items():
            reason = below if name not in _PLAIN_IN_MAPS and not (below and _is_name(name, below)) else None
            if name == "Endpoint" and "Protocol" in value:
                reason = reason or _endpoint(value)
            stored = self._name(name, pointer)
            kept[stored] = self.value(item, f"{pointer}/{_escape(stored)}", name, reason)
        return kept

    def _name(self, name: str, pointer: str) -> str:
        """Keys of mappings are AWS's own or a customer's; the latter may hold anything."""
        return self.searched(name, pointer, keep_email=False) if _HINT.search(name) else name

    def _text(self, text: str, pointer: str, key: str, private: str | None) -> str:
        if not text or _MARK.fullmatch(text):
            return text
        reason = private or self._reason(key)
        if reason is None and len(text) > _MAX_KEPT_TEXT and key not in _IDENTITY_KEYS:
            reason = "oversized text"
        if reason is not None:
            return self._take(text, text, reason, pointer)
        if not _HINT.search(text):
            return text
        return self.searched(text, pointer, keep_email=key in _IDENTITY_KEYS and not self._policy.identities)

    def _reason(self, key: str) -> str | None:
        if key in _PAGE_TOKENS:
            return "page token"
        if key in _SOURCE_ADDRESS_KEYS and self._policy.source_addresses:
            return "source address"
        return _PRIVATE_KEYS.get(key)

    def _take(self, text: str, part: str, reason: str, pointer: str) -> str:
        mark = self._redactor.mark(part, reason)
        hashed = "" if reason == "page token" else self._redactor.hash(part)
        self.found.append({"pointer": pointer, "reason": reason, "hash": hashed})
        return text.replace(part, mark)

    def searched(self, text: str, pointer: str, *, keep_email: bool) -> str:
        """Replace what looks like a key, token, secret or e-mail address inside a text."""

        def replace(match: re.Match[str]) -> str:
            kind = match.lastgroup or ""
            if match["email"] and keep_email:
                return match[0]
            if match["named"]:
                return match[0].replace(match["value"], self._take(match["value"], match["value"], "secret", pointer))
            return self._take(match[0], match[0], _REASONS[kind], pointer)

        return _TOKENS.sub(replace, text)


_REASONS: Final[Mapping[str, str]] = {
    "accesskey": "access key",
    "privatekey": "private key",
    "token": "token",
    "email": "e-mail",
}


def _is_name(name: str, reason: str) -> bool:
    """In lists of name and value, the name says what there is; only the value is private."""
    return name in {"Key", "key", "Name", "name", "Type", "type"} and reason in {"tag", "environment variable"}


def _endpoint(subscription: Mapping[str, Any]) -> str | None:
    """Say why the endpoint of a subscription is private: it belongs to a person, or its address carries a token."""
    if _ARN.fullmatch(str(subscription["Endpoint"])):
        return None
    return _ENDPOINTS.get(str(subscription["Protocol"]), "endpoint")


_ENDPOINTS: Final[Mapping[str, str]] = {"email": "e-mail", "email-json": "e-mail", "sms": "phone number"}


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")

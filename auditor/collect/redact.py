"""Takes out of an answer what may not enter a pack, before anything is written. Never changes type or presence.

What is taken out is replaced by a mark that says what it was and carries a salted hash of it, so that equal values
stay equal within a run and every question ("is there a value?", "is it the same one?") can still be decided. The salt
is not stored: without it a hash says nothing about short or guessable values. See ``docs/permissions.md``.
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
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
    "authtoken": "secret",
    "base32stringseed": "secret",
    "clientsecret": "secret",
    "email": "e-mail",
    "emailaddress": "e-mail",
    "graphqloperation": "query",
    "headervalue": "secret",
    "masteraccountemail": "e-mail",
    "masteruserpassword": "secret",
    "password": "secret",
    "privatekey": "secret",
    "qrcodepng": "secret",
    "secretaccesskey": "secret",
    "secretbinary": "secret",
    "secretstring": "secret",
    "sessiontoken": "secret",
    "sql": "query",
    "sqls": "query",
    "userdata": "user data",
}
"""Keys, in lower case, whose text is private whatever it looks like: services do not agree on capital letters."""

_PRIVATE_MAPS: Final[Mapping[str, str]] = {
    "alternatecontact": "contact",
    "authparameters": "secret",
    "contactinformation": "contact",
    "environmentvariables": "environment variable",
    "externalsecretrotationmetadata": "secret",
    "headerparameters": "secret",
    "querystringparameters": "secret",
    "resourcetags": "tag",
    "stagevariableoverrides": "stage variable",
    "stagevariables": "stage variable",
    "tags": "tag",
    "userdata": "user data",
    "variables": "environment variable",
}
"""Mappings, by their key in lower case, of which every text is private, below as well."""

_PLAIN_IN_MAPS: Final = frozenset({"AlternateContactType", "CountryCode"})
_TAG_LISTS: Final = frozenset({"tags", "tagset", "taglist", "tag", "tagvalues"})
_ENVIRONMENT_LISTS: Final = frozenset({"environment", "environmentvariables"})
_PAGE_TOKENS: Final = frozenset(
    {"NextToken", "nextToken", "Marker", "NextMarker", "NextPageToken", "ContinuationToken", "NextContinuationToken"}
)
_SOURCE_ADDRESS_KEYS: Final = frozenset({"sourceIPAddress", "sourceIpAddress", "source_ip"})

_ESCAPED: Final = "u(?!00[0-7])[0-9a-fA-F]{4}"
"""A letter beyond ASCII as JSON writes it inside a text, after its backslash."""

_TOKENS: Final = re.compile(
    r"""
      (?P<accesskey>(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{12,124}(?![A-Za-z0-9])
        |(?:AKIA|ASIA)[A-Z2-7]{16})  # the exact form also where letters stand right beside it
    | (?P<privatekey>-----BEGIN[ ][A-Z0-9 ]{0,30}PRIVATE[ ]KEY(?:[ ]BLOCK)?-----.*?
        (?:-----END[ ][A-Z0-9 ]{0,30}PRIVATE[ ]KEY(?:[ ]BLOCK)?-----|\Z))
    | (?P<token>\b(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255}|glpat-[A-Za-z0-9_-]{16,64}
        |xox[abeoprs]-[A-Za-z0-9-]{10,255}|xapp-[A-Za-z0-9-]{10,255}|[rs]k_(?:live|test)_[A-Za-z0-9]{10,255}
        |sk-(?:ant|proj|svcacct)-[A-Za-z0-9_-]{20,255}|sk-[A-Za-z0-9]{20,255}|hf_[A-Za-z0-9]{30,64}
        |AIza[A-Za-z0-9_-]{30,64}|ya29\.[A-Za-z0-9_-]{20,512}|npm_[A-Za-z0-9]{30,64}
        |SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}|(?:IQoJb3JpZ2lu|FwoGZXIvYXdz|FQoGZXIvYXdz)[A-Za-z0-9+/=%]{20,4096}
        |eyJ[A-Za-z0-9_-]{8,4096}\.eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{0,4096}))
    | (?:hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks|webhook\.office\.com)
        /(?P<webhook>[^\s"'<>]{1,512})
    | ://[^\s/:@"'<>]{0,128}:(?P<login>[^\s/"'<>]{1,256})@
    | (?i:bearer)\s{1,3}(?P<bearer>(?=\S{0,99}\d)[A-Za-z0-9._~+/=-]{20,4096})
    | (?:(?!(?<=:)secret:)  # no ARN of a secret
        (?i:pass(?:word|wd|phrase)|pwd|secret(?:[_-]?access)?(?:[_-]?key)?|authorization|x-(?:amz|goog)-signature
          |(?:api|account|private|shared[_-]?access)[_-]?key|(?:access|auth|id|refresh|security|session)[_-]?token)
        |(?<=[?&;])(?i:sig|signature|token))
      (?:\\{0,4}["'])?\s{0,3}[=:]\s{0,3}
      (?:(?P<quote>\\{0,4}["'])(?P<quoted>(?:(?!(?P=quote))[^\n]){1,4096})(?P=quote)
        |(?:\\{0,4}["'])?(?i:(?:basic|bearer|token)\s{1,3})?(?P<named>[^\s"'&,;<>\\]{4,4096}))
    | (?P<email>(?:(?<![\w.!#$*^~%+'-])(?<!\\(?="""
    + _ESCAPED
    + r"""))  # where a name begins: no text is read twice
          (?:[\w.!#$*^~+'-]++|%(?!(?:25){0,2}40)|\\"""
    + _ESCAPED
    + r""")++
        |"[^"\n]{1,62}+")
        (?:[@\uff20]|%(?:25){0,2}40|\\u0040)
        (?:[\w-]|\\"""
    + _ESCAPED
    + r"""){1,63}+(?:\.[\w-]{1,63}){1,8})
    """,
    re.VERBOSE | re.DOTALL,
)
_HINTS: Final = (
    "AKIA", "ASIA", "PRIVATE KEY", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xoxa-", "xoxb-",
    "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-", "rk_", "rk-", "sk_", "sk-", "hf_", "AIza", "ya29", "npm_",
    "SG.", "eyJ", "oGZXIvYXdz", "IQoJb3JpZ2lu", "@", "%40", "%2540", "%252540", "u0040",
)  # fmt: skip
_HINTS_IN_ANY_CASE: Final = (
    "passw", "passphrase", "pwd", "secret", "apikey", "api_key", "api-key", "accountkey", "account_key", "account-key",
    "privatekey", "private_key", "private-key", "accesskey", "access_key", "access-key", "token", "sig=", "signature",
    "authorization", "bearer", "hooks.slack", "webhook",
)  # fmt: skip
"""A text without any of these holds none of the patterns."""
_HINT: Final = re.compile(
    "|".join([*map(re.escape, _HINTS), "\uff20", f"(?i:{'|'.join(map(re.escape, _HINTS_IN_ANY_CASE))})"])
)
"""The same beyond ASCII, where letters have more cases than two. Text by text it is five times faster."""

_MAX_REMEMBERED: Final = 128
"""Letters of a text of which it is remembered whether it holds a hint: names of keys, Regions, states, ARNs."""


def _hinting(text: str) -> bool:
    """Say whether a text may hold one of the patterns. Answers are made of a few texts that come over and over."""
    return _remembered(text) if len(text) <= _MAX_REMEMBERED else _searched(text)


def _searched(text: str) -> bool:
    if not text.isascii():
        return _HINT.search(text) is not None
    lower = text.lower()
    return any(hint in text for hint in _HINTS) or any(hint in lower for hint in _HINTS_IN_ANY_CASE)


_remembered: Final = lru_cache(maxsize=4_096)(_searched)


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
            listed.append({"pointer": "/pages", "reason": f"{more:,} more, each marked in place", "hash": ""})
        return kept, tuple(listed)

    def text(self, text: str) -> str:
        """Return a message or name without keys, tokens and secrets; e-mail addresses stay where names may."""
        return _Walk(self, self._policy).searched(text, "", keep_email=not self._policy.identities)

    def original(self, value: Any) -> Any:
        """Return what a stored value was before it, or part of it, was redacted; anything else as it is."""
        if isinstance(value, str):
            return _MARK.sub(lambda mark: self._originals.get(mark[0], mark[0]), value)
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
                one = self._of_member(key, value, private) if key.lower() == "tag" else private
                return self._mapping(value, pointer, key, one)
            case list():
                below = private or ("environment variable" if key.lower() in _ENVIRONMENT_LISTS else None)
                return [
                    self.value(item, f"{pointer}/{index}", key, self._of_member(key, item, below))
                    for index, item in enumerate(value)
                ]
        return value

    @staticmethod
    def _of_member(key: str, item: Any, private: str | None) -> str | None:
        is_tag = key.lower() in _TAG_LISTS and isinstance(item, dict) and bool({"Value", "value"} & item.keys())
        return private or ("tag" if is_tag else None)

    def _mapping(self, value: dict[str, Any], pointer: str, key: str, private: str | None) -> dict[str, Any]:
        below = private or _PRIVATE_MAPS.get(key.lower())
        plain = _PLAIN_IN_MAPS | (_names(private) if {"Value", "value"} & value.keys() else frozenset())
        kept: dict[str, Any] = {}
        for name, item in value.items():
            reason = None if name in plain else below
            if name == "Endpoint" and "Protocol" in value:
                reason = reason or _endpoint(value)
            stored = self._name(name, pointer)
            kept[stored] = self.value(item, f"{pointer}/{_escape(stored)}", name, reason)
        return kept

    def _name(self, name: str, pointer: str) -> str:
        """Keys of mappings are AWS's own or a customer's; the latter may hold anything."""
        return self.searched(name, pointer, keep_email=False) if _hinting(name) else name

    def _text(self, text: str, pointer: str, key: str, private: str | None) -> str:
        if not text or _MARK.fullmatch(text):
            return text
        reason = private or self._reason(key)
        if reason is None and len(text) > _MAX_KEPT_TEXT and key not in _IDENTITY_KEYS:
            reason = "oversized text"
        if reason is not None:
            return self._take(text, reason, pointer)
        if not _hinting(text):
            return text
        return self.searched(text, pointer, keep_email=key in _IDENTITY_KEYS and not self._policy.identities)

    def _reason(self, key: str) -> str | None:
        if key in _PAGE_TOKENS:
            return "page token"
        if key in _SOURCE_ADDRESS_KEYS and self._policy.source_addresses:
            return "source address"
        return _PRIVATE_KEYS.get(key.lower())

    def _take(self, text: str, reason: str, pointer: str) -> str:
        hashed = "" if reason == "page token" else self._redactor.hash(text)
        self.found.append({"pointer": pointer, "reason": reason, "hash": hashed})
        return self._redactor.mark(text, reason)

    def searched(self, text: str, pointer: str, *, keep_email: bool) -> str:
        """Replace what looks like a key, token, secret or e-mail address inside a text."""

        def replace(match: re.Match[str]) -> str:
            kind = match.lastgroup or ""
            found = match[kind]
            if (kind == "email" and keep_email) or _MARK.match(found):
                return match[0]
            start, end = (place - match.start() for place in match.span(kind))
            return match[0][:start] + self._take(found, _REASONS[kind], pointer) + match[0][end:]

        return _TOKENS.sub(replace, text)


_REASONS: Final[Mapping[str, str]] = {
    "accesskey": "access key",
    "privatekey": "private key",
    "token": "token",
    "webhook": "endpoint",
    "login": "secret",
    "bearer": "token",
    "quoted": "secret",
    "named": "secret",
    "email": "e-mail",
}
"""Which part of a pattern is taken out (the last group that matched), and why."""


def _names(private: str | None) -> frozenset[str]:
    """In a list's pairs of name and value, the name says what there is; only the value is private."""
    return _NAMES if private in {"tag", "environment variable"} else frozenset()


_NAMES: Final = frozenset({"Key", "key", "Name", "name", "Type", "type"})


def _endpoint(subscription: Mapping[str, Any]) -> str | None:
    """Say why the endpoint of a subscription is private: it belongs to a person, or its address carries a token."""
    if _ARN.fullmatch(str(subscription["Endpoint"])):
        return None
    return _ENDPOINTS.get(str(subscription["Protocol"]), "endpoint")


_ENDPOINTS: Final[Mapping[str, str]] = {"email": "e-mail", "email-json": "e-mail", "sms": "phone number"}


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")

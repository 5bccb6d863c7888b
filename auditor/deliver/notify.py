"""Tells people that a run is over: a topic, a Slack or any other webhook, or mail. Short, neutral, no finding by name.

Whom to tell is checked before a run. What cannot be told is reported with its reason and raises nothing.
"""

import hmac
import json
import os
import smtplib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from http.client import HTTPException
from typing import Any, Final
from urllib.error import URLError
from urllib.parse import SplitResult, parse_qs, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from botocore.exceptions import BotoCoreError, ClientError

from auditor.base.errors import AuditorError, UsageError

OPERATION: Final = "sns:Publish"
SECRET: Final = "AUDITOR_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable
SECONDS: Final = 10.0
"""So long a receiver may take for each step."""
_FORMS: Final = "sns:ARN, slack:https://..., webhook:https://... or smtp://HOST[:PORT]/?from=A&to=B"
_LOCAL: Final = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to tell.

    Args:
        kind: ``sns``, ``slack``, ``webhook`` or ``smtp``.
        address: an ARN or a URL; those of webhooks are secrets.
    """

    kind: str
    address: str

    @property
    def shown(self) -> str:
        """What may be printed and kept: no path, query or user of a URL."""
        return f"sns:{self.address}" if self.kind == "sns" else f"{self.kind}:{urlsplit(self.address).hostname}"


@dataclass(frozen=True, slots=True)
class Message:
    """What is told.

    Args:
        subject: one line of ASCII, at most 100 characters.
        text: a few lines.
        facts: the same for programs.
    """

    subject: str
    text: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What came of telling one target; ``error`` is empty when it took the message."""

    target: str
    error: str = ""

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"target": self.target, "error": self.error or None}


def target(text: str) -> Target:
    """Read one value of ``--notify``.

    Raises:
        UsageError: it is none; the message does not repeat a webhook's URL, which is a secret.
    """
    kind, _, rest = text.partition(":")
    if kind == "smtp":
        parts = _split(text)
        if parts and parts.hostname and all(_people(parts, name) for name in ("from", "to")):
            return Target(kind, text)
    elif kind == "sns":
        if rest.startswith("arn:") and len(rest.split(":")) == len(["arn", "p", "sns", "r", "a", "name"]):
            return Target(kind, rest)
    elif kind in {"slack", "webhook"}:
        parts = _split(rest)
        if parts and parts.hostname and (parts.scheme == "https" or _local(parts)):
            return Target(kind, rest)
    raise UsageError(f"--notify: {kind[:20]!r} and what follows is no target", hint=f"give {_FORMS}")


def _split(url: str) -> SplitResult | None:
    """Return the parts of a URL that is one; a character below a space would begin a line of its own."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - a wrong one raises
    except ValueError:
        return None
    return parts if url.isascii() and all(mark > " " for mark in url) else None


def _local(parts: SplitResult) -> bool:
    return parts.scheme == "http" and parts.hostname in _LOCAL


def _people(parts: SplitResult, name: str) -> list[str]:
    found = [part for value in parse_qs(parts.query).get(name, []) for part in value.split(",")]
    return found if all("@" in part and part.isprintable() and " " not in part for part in found) else []


def tell(targets: Sequence[Target], message: Message, *, now: int, topic: Callable[[str], Any]) -> tuple[Told, ...]:
    """Tell everybody, one after the other.

    Args:
        targets: whom.
        message: what.
        now: seconds since 1970; signed with a webhook's body, so that an old one cannot be sent again.
        topic: takes a Region, returns an SDK client for SNS there.
    """
    return tuple(_one(item, message, now, topic) for item in targets)


def _one(item: Target, message: Message, now: int, topic: Callable[[str], Any]) -> Told:
    try:
        if item.kind == "sns":
            region = item.address.split(":")[3]
            topic(region).publish(TopicArn=item.address, Subject=message.subject, Message=message.text)
        elif item.kind == "smtp":
            _mail(item.address, message)
        else:
            _post(item, message, now)
    except ClientError as error:
        return Told(item.shown, str(error.response.get("Error", {}).get("Code", "Unknown")))
    except AuditorError as error:
        return Told(item.shown, error.message)
    except URLError as error:
        reason = error.reason if isinstance(error.reason, str) else type(error.reason).__name__
        return Told(item.shown, f"{getattr(error, 'code', '')} {reason}".strip())
    except (BotoCoreError, HTTPException, smtplib.SMTPException, OSError) as error:
        return Told(item.shown, type(error).__name__)  # its text may hold the URL
    return Told(item.shown)


class _Stay(HTTPRedirectHandler):
    """A receiver that sends us elsewhere did not take the message."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing."""


def signature(secret: str, now: int, body: bytes) -> str:
    """Return what ``X-Auditor-Signature`` holds: HMAC-SHA256 over seconds, a full stop and the body."""
    return "sha256=" + hmac.digest(secret.encode(), b"%d." % now + body, "sha256").hex()


def _post(item: Target, message: Message, now: int) -> None:
    content = {"text": message.text} if item.kind == "slack" else message.facts
    body = json.dumps(content, ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "auditor"}
    secret = os.environ.get(SECRET, "")
    if item.kind == "webhook" and secret:
        headers |= {"X-Auditor-Timestamp": str(now), "X-Auditor-Signature": signature(secret, now, body)}
    request = Request(item.address, data=body, headers=headers, method="POST")  # noqa: S310 - https, or this machine
    with build_opener(_Stay).open(request, timeout=SECONDS) as answer:
        answer.read(1024)


def _mail(url: str, message: Message) -> None:
    """Send a mail; with a password only through TLS, and through TLS wherever the server offers it."""
    parts = urlsplit(url)
    mail = EmailMessage()
    mail["Subject"] = message.subject
    mail["From"], mail["To"] = ", ".join(_people(parts, "from")), ", ".join(_people(parts, "to"))
    mail.set_content(message.text)
    user, password = os.environ.get("AUDITOR_SMTP_USER", ""), os.environ.get("AUDITOR_SMTP_PASSWORD", "")
    with smtplib.SMTP(parts.hostname or "", parts.port or 25, timeout=SECONDS) as server:
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls()
            server.ehlo()
        elif user:
            raise UsageError("the mail server offers no TLS, so it gets no password")
        if user:
            server.login(user, password)
        server.send_message(mail)

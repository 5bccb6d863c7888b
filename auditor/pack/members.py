"""The packs that another pack consists of: an assembled one of months. Each by id, account, period, hash and signature.

The same form serves whatever joins packs: who reads ``members`` of a manifest need not know what they were joined for.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from auditor.base.period import Period, parse_time, rfc3339

MEMBERS = "members/"
"""Folder in which a joined pack keeps what each member was sealed with, by the member's id."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ACCOUNT = re.compile(r"\d{12}")
_LONGEST = 300
_KEYS = {"id", "accounts", "period", "as_of", "manifest_sha256", "signature"}


@dataclass(frozen=True, slots=True)
class Signed:
    """Who sealed a member.

    Args:
        subject: of the certificate.
        certificate_sha256: its fingerprint, lower-case hexadecimal.
        sums_sha256: of the ``SHA256SUMS`` that the signature is over.
    """

    subject: str
    certificate_sha256: str
    sums_sha256: str

    def document(self) -> dict[str, str]:
        """Return the JSON form."""
        return {
            "subject": self.subject,
            "certificate_sha256": self.certificate_sha256,
            "sums_sha256": self.sums_sha256,
        }


@dataclass(frozen=True, slots=True)
class Member:
    """One pack inside a joined one.

    Args:
        id: of the pack.
        accounts: twelve digits each, sorted.
        period: what it is about.
        as_of: its moment, aware UTC.
        manifest_sha256: of its ``manifest.json``.
        signature: who sealed it; None when nobody signed.
    """

    id: str
    accounts: tuple[str, ...]
    period: Period
    as_of: datetime
    manifest_sha256: str
    signature: Signed | None = None

    @property
    def folder(self) -> str:
        """Where the joined pack keeps what the member was sealed with, with a slash at its end."""
        return f"{MEMBERS}{self.id}/"

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "id": self.id,
            "accounts": list(self.accounts),
            "period": self.period.document(),
            "as_of": rfc3339(self.as_of),
            "manifest_sha256": self.manifest_sha256,
            "signature": self.signature.document() if self.signature else None,
        }


def read_member(item: Mapping[str, Any]) -> Member:
    """Read the JSON form, which anybody may have written.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is not of its form.
    """
    if item.keys() != _KEYS:
        raise ValueError("a member lacks, or should not have, a key")
    period, signature = item["period"], item["signature"]
    accounts = tuple(item["accounts"])
    texts = [item["id"], item["manifest_sha256"], *accounts]
    if not all(isinstance(text, str) for text in texts) or not _ID.fullmatch(item["id"]):
        raise ValueError("the id of a member is not of its form")
    if not _SHA256.fullmatch(item["manifest_sha256"]) or not accounts or list(accounts) != sorted(set(accounts)):
        raise ValueError("a member is not named by accounts and hash")
    if not all(_ACCOUNT.fullmatch(account) for account in accounts):
        raise ValueError("an account of a member has not twelve digits")
    start, end = parse_time(period["start"]), parse_time(period["end"])
    if start >= end:
        raise ValueError("the period of a member ends before it starts")
    return Member(
        item["id"],
        accounts,
        Period(start, end, str(period["label"])),
        parse_time(item["as_of"]),
        item["manifest_sha256"],
        None if signature is None else _signed(signature),
    )


def _signed(item: Mapping[str, Any]) -> Signed:
    found = Signed(**item)
    if not _SHA256.fullmatch(found.certificate_sha256) or not _SHA256.fullmatch(found.sums_sha256):
        raise ValueError("the signature of a member is not named by hashes")
    if len(found.subject) > _LONGEST:
        raise ValueError("the subject of a member's signature is too long")
    return found

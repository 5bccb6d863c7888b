"""Object keys of CloudTrail: read anchored and whole, so that no lookalike passes. Pure; touches no store.

Source: CloudTrail User Guide, "Finding your CloudTrail log files" and "CloudTrail digest file structure". A key
consists of an optional prefix, ``AWSLogs/``, an organization id for organization trails, the account, the kind of file,
the Region, the date and the file's name, which repeats account, Region and time.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

LOG_KINDS: Final = ("CloudTrail", "CloudTrail-Insight", "CloudTrail-NetworkActivity", "CloudTrail-Aggregated")
"""Folders of what CloudTrail delivers beside digests: events, and three kinds of their own."""
OTHER_KINDS: Final = LOG_KINDS[1:]

ACCOUNT: Final = r"[0-9]{12}"
REGION: Final = r"[a-z]{2,5}(?:-[a-z]+){1,3}-[0-9]{1,2}"
ORGANIZATION: Final = r"o-[a-z0-9]{10,32}"
TRAIL_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{1,126}[A-Za-z0-9]"

_FOLDER = (
    rf"(?P<prefix>(?:[^\x00]*/)?)AWSLogs/(?:(?P<organization>{ORGANIZATION})/)?"
    rf"(?P<account>{ACCOUNT})/(?P<kind>CloudTrail|CloudTrail-Digest)/(?P<region>{REGION})/"
    r"(?P<date>[0-9]{4}/[0-9]{2}/[0-9]{2})/"
)
_DIGEST = re.compile(
    _FOLDER + rf"(?P=account)_CloudTrail-Digest_(?P=region)_(?P<trail>{TRAIL_NAME})_(?P<home>{REGION})_"
    r"(?P<time>[0-9]{8}T[0-9]{6}Z)(?P<backfill>_backfill)?\.json\.gz"
)
_LOG = re.compile(
    _FOLDER + r"(?P=account)_CloudTrail_(?P=region)_(?P<time>[0-9]{8}T[0-9]{4}Z)_(?P<unique>[A-Za-z0-9]{16})\.json\.gz"
)


Place = tuple[str, str]
"""Bucket and key."""
ChainKey = tuple[str, str]
"""Account and Region: what a chain of digests is about."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose chain it is."""

    trail: str
    home_region: str
    account: str
    region: str


@dataclass(frozen=True, slots=True)
class Location:
    """A place a trail writes to: bucket, prefix (no closing slash) and, for organization trails, the organization."""

    bucket: str
    prefix: str = ""
    organization: str | None = None

    def base(self) -> str:
        """Return the key prefix under which the accounts' folders lie."""
        parts = [self.prefix, "AWSLogs", self.organization or ""]
        return "/".join(part for part in parts if part) + "/"

    def folder(self, account: str, kind: str, region: str) -> str:
        """Return the key prefix of one account's files of one kind (``CloudTrail`` or ``CloudTrail-Digest``)."""
        return f"{self.base()}{account}/{kind}/{region}/"


@dataclass(frozen=True, slots=True)
class DigestName:
    """What a digest's key says about it."""

    location_prefix: str
    organization: str | None
    account: str
    region: str
    trail: str
    home_region: str
    end: datetime
    """End of the digest to the second, aware UTC."""
    backfill: bool


@dataclass(frozen=True, slots=True)
class LogName:
    """What a log file's key says about it."""

    location_prefix: str
    organization: str | None
    account: str
    region: str
    minute: datetime
    """When CloudTrail made the file, to the minute, aware UTC."""
    unique: str


def parse_digest_key(key: str) -> DigestName | None:
    """Read a digest's key; None when it is not exactly one."""
    match = _DIGEST.fullmatch(key)
    if match is None or match["kind"] != "CloudTrail-Digest":
        return None
    end = _time(match["time"])
    if end is None or match["time"][:8] != match["date"].replace("/", ""):
        return None
    return DigestName(
        match["prefix"].rstrip("/"),
        match["organization"],
        match["account"],
        match["region"],
        match["trail"],
        match["home"],
        end,
        match["backfill"] is not None,
    )


def parse_log_key(key: str) -> LogName | None:
    """Read a log file's key; None when it is not exactly one."""
    match = _LOG.fullmatch(key)
    if match is None or match["kind"] != "CloudTrail":
        return None
    minute = _time(match["time"])
    if minute is None or match["time"][:8] != match["date"].replace("/", ""):
        return None
    return LogName(
        match["prefix"].rstrip("/"),
        match["organization"],
        match["account"],
        match["region"],
        minute,
        match["unique"],
    )


def holds_logs_of(key: str, account: str, region: str) -> bool:
    """Tell whether a key lies where CloudTrail delivers files of an account and Region, of whatever kind."""
    return any(f"/{account}/{kind}/{region}/" in f"/{key}" for kind in LOG_KINDS)


def _time(text: str) -> datetime | None:
    """Read ``20261005T0820Z``, with seconds or without; strptime takes twenty times as long."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def days(start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield midnight of every UTC day that ``[start, end)`` touches."""
    day = start.replace(hour=0, minute=0, second=0, microsecond=0)
    while day < end:
        yield day
        day += timedelta(days=1)


def is_region(text: str) -> bool:
    """Tell whether a folder name has the form of a Region."""
    return re.fullmatch(REGION, text) is not None


def is_account(text: str) -> bool:
    """Tell whether a folder name has the form of an account id."""
    return re.fullmatch(ACCOUNT, text) is not None


def is_organization(text: str) -> bool:
    """Tell whether a folder name has the form of an organization id."""
    return re.fullmatch(ORGANIZATION, text) is not None

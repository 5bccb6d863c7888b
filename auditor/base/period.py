"""Audit periods: half-open spans ``[start, end)`` in UTC. Reads no clock; callers hand in what "now" is."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from auditor.base.errors import UsageError

_MONTH = re.compile(r"(\d{4})-(\d{2})")
_QUARTER = re.compile(r"(\d{4})-Q([1-4])")
_YEAR = re.compile(r"(\d{4})")
_WEEK = re.compile(r"(\d{4})-W(\d{2})")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_SPAN = re.compile(r"(\d{1,5})([hd])")
_LAST_DAYS = re.compile(r"last-(\d{1,5})d")
FORMS = (
    "use last-month, last-quarter, last-7d, 2026-10, 2026-Q3, 2026-W40, 2026-10-01, 2026, 24h, 7d or START/END;"
    " an END that is a date includes that day"
)
"""How a period may be written, as a hint."""


@dataclass(frozen=True, slots=True)
class Period:
    """The span an audit speaks about.

    Args:
        start: first instant that belongs to the period, aware UTC.
        end: first instant after the period, aware UTC; later than ``start``.
        label: how the period was asked for; names the folder of the pack.
    """

    start: datetime
    end: datetime
    label: str

    def __post_init__(self) -> None:
        for moment in (self.start, self.end):
            if moment.utcoffset() != timedelta(0):
                raise ValueError("a period is stated in UTC")
        if self.start >= self.end:
            raise UsageError(f"the period {self.label} ends before it starts", hint=FORMS)

    @property
    def length(self) -> timedelta:
        """How long the period is."""
        return self.end - self.start

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def document(self) -> dict[str, str]:
        """Return the JSON form: start, end (RFC 3339, UTC), tz and label."""
        return {"start": rfc3339(self.start), "end": rfc3339(self.end), "tz": "UTC", "label": self.label}


def rfc3339(moment: datetime) -> str:
    """Write an aware time as RFC 3339 in UTC, with a fraction only where there is one."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone cannot be written down")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Read an RFC 3339 time or date as aware UTC; an offset is converted, a missing one means UTC.

    Raises:
        ValueError: the text is neither.
    """
    moment = datetime.fromisoformat(text)
    return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone(UTC)


def parse_period(text: str, now: datetime) -> Period:
    """Read a period as written on the command line.

    Args:
        text: ``last-month``, ``last-quarter``, ``last-7d`` (whole days), a day, ISO week, month, quarter or year,
            ``24h``/``7d`` back from ``now``, or ``START/END``, where an END that is a date includes that day.
        now: the run's as-of time, aware UTC.

    Raises:
        UsageError: the text names no period.
    """
    try:
        return _parse(text.strip(), now.astimezone(UTC))
    except (ValueError, OverflowError) as error:
        raise UsageError(f"cannot read the period {text[:80]!r}: {error}", hint=FORMS) from error


def parse_past_period(text: str, now: datetime) -> Period:
    """Read a period that is to be looked at ``now``: one that has begun. See ``parse_period``.

    Raises:
        UsageError: the text names no period, or one of which nothing can be known yet.
    """
    period = parse_period(text, now)
    if period.start >= now:
        raise UsageError(
            f"the period {period.label} has not begun: it is {rfc3339(now)}", hint="is the year right, and --as-of?"
        )
    return period


def _parse(text: str, now: datetime) -> Period:
    if "/" in text:
        first, last = text.split("/", 1)
        start, end = _zoned(first), _zoned(last)
        if _DAY.fullmatch(last):
            end += timedelta(days=1)
        return Period(start, end, f"{start:%Y%m%dT%H%MZ}-{end:%Y%m%dT%H%MZ}")
    if text.startswith("last-"):
        return _last(text, now)
    if match := _SPAN.fullmatch(text):
        end = now.replace(minute=0, second=0, microsecond=0)
        length = timedelta(hours=int(match[1])) if match[2] == "h" else timedelta(days=int(match[1]))
        return Period(end - length, end, text)
    return _calendar(text)


def _calendar(text: str) -> Period:
    """Read a day, ISO week, month, quarter or year."""
    if _DAY.fullmatch(text):
        start = parse_time(text)
        return Period(start, start + timedelta(days=1), text)
    if match := _WEEK.fullmatch(text):
        start = datetime.fromisocalendar(int(match[1]), int(match[2]), 1).replace(tzinfo=UTC)
        return Period(start, start + timedelta(days=7), text)
    if match := _MONTH.fullmatch(text):
        return _months(int(match[1]), int(match[2]), 1, text)
    if match := _QUARTER.fullmatch(text):
        return _months(int(match[1]), 3 * int(match[2]) - 2, 3, text)
    if match := _YEAR.fullmatch(text):
        return _months(int(match[1]), 1, 12, text)
    raise ValueError("no such form")


def _last(text: str, now: datetime) -> Period:
    """Read the whole month, quarter or days before ``now``."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if text == "last-month":
        last = today.replace(day=1) - timedelta(days=1)
        return _months(last.year, last.month, 1, f"{last:%Y-%m}")
    if text == "last-quarter":
        last = today.replace(month=3 * ((now.month - 1) // 3) + 1, day=1) - timedelta(days=1)
        return _months(last.year, last.month - 2, 3, f"{last.year:04d}-Q{last.month // 3}")
    if match := _LAST_DAYS.fullmatch(text):
        start = today - timedelta(days=int(match[1]))
        return Period(start, today, f"{start:%Y%m%dT%H%MZ}-{today:%Y%m%dT%H%MZ}")
    raise ValueError("no such form")


def _zoned(text: str) -> datetime:
    """Read a date, or a time that says its zone: which hour is meant must not depend on a reader's guess."""
    if not _DAY.fullmatch(text) and datetime.fromisoformat(text).tzinfo is None:
        raise ValueError(f"{text} has no time zone; write {text}Z for UTC")
    return parse_time(text)


def _months(year: int, month: int, count: int, label: str) -> Period:
    start = datetime(year, month, 1, tzinfo=UTC)
    following = year * 12 + month - 1 + count
    return Period(start, datetime(following // 12, following % 12 + 1, 1, tzinfo=UTC), label)


_TWO_HOURS = 120
"""Minutes."""


def lasting(span: timedelta) -> str:
    """Say how long something lasted: minutes below two hours, else hours."""
    minutes = round(span / timedelta(minutes=1))
    if minutes < _TWO_HOURS:
        return f"{minutes} min"
    return f"{minutes / 60:,.1f} h".replace(".0 h", " h")

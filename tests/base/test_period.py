"""Audit periods."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.base.errors import UsageError
from auditor.base.period import Period, parse_past_period, parse_period, parse_time, rfc3339

NOW = datetime(2026, 11, 2, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        pytest.param("last-month", "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z", id="last-month"),
        pytest.param("2026-12", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z", id="december"),
        pytest.param("2026-Q4", "2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z", id="quarter"),
        pytest.param("2025", "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z", id="year"),
        pytest.param("24h", "2026-11-01T06:00:00Z", "2026-11-02T06:00:00Z", id="hours-back"),
        pytest.param("7d", "2026-10-26T06:00:00Z", "2026-11-02T06:00:00Z", id="days-back"),
        pytest.param("2026-10-03/2026-10-05", "2026-10-03T00:00:00Z", "2026-10-06T00:00:00Z", id="dates"),
        pytest.param("2026-10-31/2026-10-31", "2026-10-31T00:00:00Z", "2026-11-01T00:00:00Z", id="one-day-as-dates"),
        pytest.param(
            "2026-10-03/2026-10-05T00:00Z", "2026-10-03T00:00:00Z", "2026-10-05T00:00:00Z", id="date-and-time"
        ),
        pytest.param("2026-10-01", "2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z", id="day"),
        pytest.param("2026-W40", "2026-09-28T00:00:00Z", "2026-10-05T00:00:00Z", id="iso-week"),
        pytest.param("2020-W53", "2020-12-28T00:00:00Z", "2021-01-04T00:00:00Z", id="last-iso-week"),
        pytest.param("last-quarter", "2026-07-01T00:00:00Z", "2026-10-01T00:00:00Z", id="last-quarter"),
        pytest.param("last-7d", "2026-10-26T00:00:00Z", "2026-11-02T00:00:00Z", id="last-days"),
        pytest.param(
            "2026-10-03T05:00+05:00/2026-10-03T03:00Z",
            "2026-10-03T00:00:00Z",
            "2026-10-03T03:00:00Z",
            id="offsets-are-converted",
        ),
    ],
)
def test_a_period_is_half_open_in_utc(text: str, start: str, end: str) -> None:
    period = parse_period(text, NOW)
    assert (rfc3339(period.start), rfc3339(period.end)) == (start, end)
    assert period.start in period
    assert period.end not in period


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-13",
        "2026-Q5",
        "0h",
        "2026-10-05/2026-10-03",
        "2026-1",
        "9999-12",
        "2026-W54",
        "2026-02-30",
        "last-year",
        "last-0d",
        "2026-10-03T05:00/2026-10-05",
    ],
)
def test_what_names_no_period_is_a_usage_error_with_a_hint(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_period(text, NOW)
    assert "last-month" in caught.value.hint


@pytest.mark.parametrize("text", ["2027-05", "2026-12", "2026-11-02T07:00Z/2026-11-03"])
def test_a_period_that_has_not_begun_cannot_be_looked_at(text: str) -> None:
    with pytest.raises(UsageError, match="has not begun") as caught:
        parse_past_period(text, NOW)
    assert "--as-of" in caught.value.hint


@pytest.mark.parametrize("text", ["last-month", "2026-11", "2026-Q4", "24h"])
def test_a_period_that_has_begun_may_end_later(text: str) -> None:
    assert parse_past_period(text, NOW) == parse_period(text, NOW)


@pytest.mark.parametrize(("now", "quarter"), [(1, "2025-Q4"), (3, "2025-Q4"), (4, "2026-Q1"), (12, "2026-Q3")])
def test_the_last_quarter_is_the_one_before_this(now: int, quarter: str) -> None:
    moment = NOW.replace(month=now, day=28)
    assert parse_period("last-quarter", moment) == parse_period(quarter, moment)


def test_a_period_in_another_zone_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="UTC"):
        Period(NOW.replace(tzinfo=None), NOW, "x")


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_written_time_reads_back(moment: datetime) -> None:
    assert parse_time(rfc3339(moment)) == moment


@given(st.integers(min_value=1, max_value=9998), st.integers(min_value=1, max_value=12))
def test_months_are_contiguous(year: int, month: int) -> None:
    first = parse_period(f"{year:04d}-{month:02d}", NOW)
    following = first.end
    assert parse_period(f"{following:%Y-%m}".zfill(7), NOW).start == first.end
    assert timedelta(days=28) <= first.length <= timedelta(days=31)

"""A sample is drawn from the period alone, the same by whoever works it out again."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from auditor.activity.drawn import DUE, EVENTS, HISTORY, LATE, STRETCHES, Draw
from auditor.base.period import Period, parse_time

AS_OF = datetime(2026, 11, 21, 12, tzinfo=UTC)
_draws = st.builds(
    lambda before, length, account: Draw(
        account, Period(AS_OF - timedelta(seconds=before), AS_OF - timedelta(seconds=before - length), "p"), AS_OF
    ),
    st.integers(-5 * 86_400, 200 * 86_400),
    st.integers(1, 100 * 86_400),
    st.sampled_from(["111122223333", "444455556666"]),
)


@given(_draws)
def test_moments_are_due_kept_and_of_the_period_one_from_each_stretch(draw: Draw) -> None:
    moments = list(draw.moments("eu-west-1"))
    assert len(moments) == (STRETCHES if draw.possible else 0)
    assert moments == sorted(moments)
    for moment in moments:
        assert draw.period.start <= moment <= draw.period.end - LATE
        assert draw.as_of - HISTORY < moment <= draw.as_of - DUE


@given(_draws)
def test_requests_are_those_of_the_moments_latest_first_and_reach_back_to_one_start(draw: Draw) -> None:
    requests = list(draw.requests("eu-west-1"))
    assert [parse_time(str(item["EndTime"])) for item in requests] == list(draw.moments("eu-west-1"))[::-1]
    assert {item["StartTime"] for item in requests} <= {requests[0]["StartTime"] if requests else ""}
    assert all(item["MaxResults"] == EVENTS for item in requests)
    assert requests == list(Draw(draw.account, draw.period, draw.as_of).requests("eu-west-1"))


def test_another_run_region_or_account_draws_other_moments() -> None:
    period = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), "2026-10")
    draws = [Draw(account, period, as_of) for account in ("1" * 12, "2" * 12) for as_of in (AS_OF, AS_OF - LATE)]
    found = {tuple(draw.moments(region)) for draw in draws for region in ("eu-west-1", "us-east-1")}
    assert len(found) == len(draws) * 2
    assert len({draw.seed for draw in draws}) == len(draws)


def test_what_event_history_has_lost_cannot_be_drawn() -> None:
    old = Period(datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC), "2026-06")
    assert not Draw("1" * 12, old, AS_OF).possible
    ahead = Period(AS_OF, AS_OF + timedelta(days=30), "ahead")
    assert not Draw("1" * 12, ahead, AS_OF).possible

"""The pace settles just below what AWS allows; nothing is lost on the way, and no storm is made."""

import heapq
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.collect.guard import CallLog
from auditor.collect.pacing import LEAST, LONGEST_SECONDS, Pace, Pacer
from auditor.evidence.store import Evidence
from auditor.run import Request, collect_evidence, open_catalog
from auditor.simulator import Simulator
from tests.run.killed import settings as run_settings


class Allowance:
    """A service that answers so many calls a second, a second's worth at once. Virtual time."""

    def __init__(self, rate: float) -> None:
        self._rate, self._left, self._at = rate, rate, 0.0

    def takes(self, now: float) -> bool:
        self._left = min(self._rate, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def played(rate: float, calls: int, workers: int, latency: float = 0.03) -> tuple[list[float], list[float]]:
    """Let workers ask until each call is answered; return when calls were answered, and when refused."""
    pace, service = Pace(), Allowance(rate)
    answered: list[float] = []
    refused: list[float] = []
    told: list[tuple[float, bool]] = []
    waiting = [(0.0, number) for number in range(workers)]
    while len(answered) < calls:
        sent, number = heapq.heappop(waiting)
        if seconds := pace.wait(sent):
            heapq.heappush(waiting, (sent + seconds, number))
            continue
        taken = service.takes(sent)
        (answered if taken else refused).append(sent)
        heapq.heappush(told, (sent + latency, taken))
        heapq.heappush(waiting, (sent + latency, number))
        while told and told[0][0] <= waiting[0][0]:
            now, taken = heapq.heappop(told)
            pace.answered(now) if taken else pace.refused(now)
    return answered, refused


@pytest.mark.parametrize("rate", [2, 5, 10, 20, 50])
def test_the_rate_settles_just_below_what_is_allowed(rate: int) -> None:
    answered, refused = played(rate, calls=60 * rate, workers=24)
    late = [moment for moment in answered if moment > answered[-1] / 2]
    held = (len(late) - 1) / (late[-1] - late[0])
    assert 0.8 * rate <= held <= 1.02 * rate
    again = [moment for moment in refused if moment > answered[-1] / 2]
    assert len(again) <= 0.08 * len(late)


@settings(max_examples=60)
@given(rate=st.floats(1, 80), workers=st.integers(1, 64), latency=st.floats(0.001, 0.5))
def test_no_rate_number_of_workers_or_latency_makes_a_storm(rate: float, workers: int, latency: float) -> None:
    answered, refused = played(rate, calls=300, workers=workers, latency=latency)
    assert len(answered) == 300
    assert len(refused) <= 300 + 3 * workers


def test_nothing_is_held_back_before_the_first_refusal() -> None:
    pace = Pace()
    for moment in range(1000):
        assert pace.wait(moment / 1000) == 0
        pace.answered(moment / 1000)


def test_a_wait_that_a_service_asks_for_is_kept_within_bounds() -> None:
    pace = Pace()
    pace.refused(100.0, wait=7)
    assert pace.wait(100.1) == pytest.approx(6.9)
    assert pace.wait(107.5) == 0
    pace.refused(200.0, wait=10_000)
    assert pace.wait(200.0) == pytest.approx(LONGEST_SECONDS)
    pace.refused(300.0, wait=-5)
    assert pace.wait(300.0 + 2 / LEAST) == 0


class Session:
    """Holds what is registered on a session, and calls it as botocore does."""

    def __init__(self) -> None:
        self.events, self.handlers = self, dict[str, Any]()

    def register(self, event: str, handler: Any) -> None:
        self.handlers[event] = handler

    def ask(self, region: str, *, status: int = 200, code: str = "", **headers: str) -> None:
        context = {"auditor_call": ("ec2", "DescribeVpcs", region)}
        self.handlers["request-created"](request=SimpleNamespace(context=context))
        parsed = {"Error": {"Code": code}} if code else {}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = {"headers": named, "status_code": status}
        self.handlers["response-received"](response_dict=answer, parsed_response=parsed, context=context)


def test_each_region_has_its_own_pace_and_retry_after_is_read_in_both_forms() -> None:
    clock, waits = [1000.0], list[float]()

    def pause(seconds: float) -> None:
        waits.append(seconds)
        clock[0] += seconds

    session = Session()
    pacer = Pacer(pause, clock=lambda: clock[0])
    pacer.watch(session)
    session.ask("eu-west-1", status=400, code="ThrottlingException")
    session.ask("us-east-1")
    assert waits == []
    session.ask("eu-west-1")
    assert len(waits) == 1
    session.ask("ap-south-1", status=429, Retry_After="5")
    session.ask("ap-south-1")
    assert waits[-1] == pytest.approx(5, abs=2)
    later = format_datetime(datetime.now(UTC) + timedelta(hours=3), usegmt=True)
    session.ask("sa-east-1", status=503, code="SlowDown", Retry_After=later)
    session.ask("sa-east-1")
    assert waits[-1] == pytest.approx(LONGEST_SECONDS, abs=3)
    session.ask("us-west-1", status=503, code="SlowDown", Retry_After="soon")
    assert {region for _, region in pacer.paces()} == {"eu-west-1", "us-east-1", "ap-south-1", "sa-east-1", "us-west-1"}


@pytest.mark.simulator
def test_an_account_that_allows_few_calls_a_second_is_assessed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Simulator("demo", enabled=["eu-central-1"]) as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        aws.fault("*", "rate-limited", seconds=0.02)
        moment = datetime(2026, 11, 2, 6, tzinfo=UTC)
        config = run_settings(tmp_path, skip=["trail", "truth"])
        collect_evidence(Request(config, moment, now=lambda: moment), open_catalog(), tmp_path / "e", lambda *_: None)
        sent = sum(aws.calls().values())
    records = Evidence(tmp_path / "e").records
    refused = [record for record in records if record.error is not None and not record.absent]
    assert refused == []
    assert len(records) > 50
    assert sent < 3 * len(records)


def test_an_interruption_ends_a_wait() -> None:
    log = CallLog()
    log.stop()
    with pytest.raises(Exception, match="interrupted"):
        log.pause(1000)

"""Event history as a source: paced, over a fixed window, going on where it stopped, saying what it cannot contain."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import ClientError

from auditor.base.period import Period
from auditor.events.lookup import LookUp
from auditor.events.opened import EventStore
from auditor.run.asking import open_history

from .kit import asked, ids, rows

START = datetime(2026, 10, 1, tzinfo=UTC)
NOW = datetime(2026, 10, 5, 12, tzinfo=UTC)
THREE_DAYS = Period(START, START + timedelta(days=3), "three-days")
REGIONS = ("eu-central-1", "us-east-1")


class History:
    """An account's Event history: one event an hour and Region; a session and its clients at once."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, Mapping[str, Any]]] = []
        self.refuse: dict[str, str] = {}
        self.fail_after = 10_000

    def client(self, service: str, *, region_name: str, **_: Any) -> "Client":
        assert service == "cloudtrail"
        return Client(self, region_name)


class Client:
    def __init__(self, history: History, region: str) -> None:
        self.history, self.region = history, region

    def lookup_events(self, **request: Any) -> Mapping[str, Any]:
        self.history.requests.append((self.region, dict(request)))
        if code := self.history.refuse.get(self.region):
            raise ClientError({"Error": {"Code": code}}, "LookupEvents")
        if len(self.history.requests) > self.history.fail_after:
            raise KeyboardInterrupt
        if request.get("EventCategory") == "insight":
            return {"Events": []}
        hours = int((request["EndTime"] - request["StartTime"]) / timedelta(hours=1)) + 1
        first = int(request.get("NextToken", 0))
        moments = [request["StartTime"] + timedelta(hours=hour) for hour in range(hours)][first : first + 10]
        answer: dict[str, Any] = {"Events": [self._event(moment) for moment in moments]}
        return answer | ({"NextToken": str(first + 10)} if first + 10 < hours else {})

    def _event(self, moment: datetime) -> Mapping[str, Any]:
        record = {
            "eventID": f"{self.region}-{moment:%d%H}",
            "eventTime": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            "eventName": "CreateUser",
            "eventSource": "iam.amazonaws.com",
            "awsRegion": self.region,
            "recipientAccountId": "111122223333",
            "userIdentity": {"type": "Root", "arn": "arn:aws:iam::111122223333:root"},
        }
        return {"EventId": record["eventID"], "CloudTrailEvent": json.dumps(record)}


def history_store(folder: Path, history: History, period: Period = THREE_DAYS, **changes: Any) -> EventStore:
    options: dict[str, Any] = {"sleep": lambda _: None} | changes
    return open_history(folder, LookUp(history, "111122223333", REGIONS, period, NOW, **options), lambda *_: None)


def test_every_event_of_the_window_is_a_row_that_nothing_proves(tmp_path: Path) -> None:
    store = history_store(tmp_path / "store", History())
    assert rows(store, "count(*), bool_or(verified), min(event_time), max(event_time)", "") == [
        (144, False, START, THREE_DAYS.end - timedelta(hours=1))
    ]
    answer = asked(store, "root-activity", THREE_DAYS)
    assert (len(answer.rows), answer.exit_code) == (144, 0)
    assert (answer.searched.hours_expected, answer.searched.log_files) == (None, 0)
    assert (answer.searched.accounts, answer.searched.regions) == (("111122223333",), REGIONS)
    assert any("management events and Insights only" in words for words in answer.cannot_see)
    assert answer.sources[0]["kind"] == "event-history"


def test_tokens_come_with_the_parameters_of_the_first_request_and_the_pace_is_kept(tmp_path: Path) -> None:
    history = History()
    pauses: list[float] = []
    history_store(tmp_path / "store", history, sleep=pauses.append)
    windows = {(region, request["StartTime"], request["EndTime"]) for region, request in history.requests}
    assert len(windows) == 2 * 3
    for region, request in history.requests:
        assert (request["EndTime"] - request["StartTime"], request["MaxResults"]) == (
            timedelta(hours=24, seconds=-1),
            50,
        )
        assert region in REGIONS
    assert pauses == [0.5] * (len(history.requests) - len(windows))


def test_an_interrupted_run_asks_only_for_the_days_that_it_lacks(tmp_path: Path) -> None:
    history, stop = History(), Event()
    store = history_store(tmp_path / "store", history, Period(START, START + timedelta(days=1), "one"))
    assert len(ids(asked(store, "who-did", THREE_DAYS))) == 48
    whole, folder = History(), tmp_path / "whole"
    whole.fail_after = 9
    with pytest.raises(KeyboardInterrupt):
        history_store(folder, whole, stop=stop)
    before = len(whole.requests)
    whole.fail_after = 10_000
    assert len(ids(asked(history_store(folder, whole), "who-did", THREE_DAYS))) == 144
    again = len(whole.requests)
    assert again > before
    history_store(folder, whole)
    assert len(whole.requests) == again


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException", "InternalError"])
def test_a_region_that_does_not_answer_is_named(tmp_path: Path, code: str) -> None:
    history = History()
    history.refuse = {"us-east-1": code}
    answer = asked(history_store(tmp_path / "store", history), "root-activity", THREE_DAYS)
    assert (len(answer.rows), answer.exit_code) == (72, 3)
    assert {(item.where["region"], code in item.why) for item in answer.searched.not_searched} == {("us-east-1", True)}
    assert answer.searched.not_searched[-1].where["end"] == "2026-10-04T00:00:00Z"


def test_a_region_that_did_not_answer_is_asked_again(tmp_path: Path) -> None:
    history = History()
    history.refuse = {"us-east-1": "ThrottlingException"}
    history_store(tmp_path / "store", history)
    history.refuse = {}
    asked_before = sum(region == "eu-central-1" for region, _ in history.requests)
    answer = asked(history_store(tmp_path / "store", history), "root-activity", THREE_DAYS)
    assert (len(answer.rows), answer.exit_code) == (144, 0)
    assert sum(region == "eu-central-1" for region, _ in history.requests) == asked_before


def test_what_is_older_than_ninety_days_or_not_over_is_not_searched(tmp_path: Path) -> None:
    period = Period(NOW - timedelta(days=92), NOW - timedelta(days=89), "old")
    answer = asked(history_store(tmp_path / "old", History(), period), "root-activity", period)
    assert [item.why for item in answer.searched.not_searched] == ["Event history reaches back 90 days"]
    future = Period(NOW - timedelta(days=1), NOW + timedelta(days=1), "future")
    answer = asked(history_store(tmp_path / "future", History(), future), "root-activity", future)
    assert [item.why for item in answer.searched.not_searched] == ["not over when it was asked"]


def test_an_event_without_its_record_is_counted_as_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client, "_event", lambda *_: {"EventId": "x"})
    answer = asked(history_store(tmp_path / "store", History()), "root-activity", THREE_DAYS)
    assert (answer.searched.unreadable, answer.exit_code, len(answer.rows)) == (144, 3, 0)

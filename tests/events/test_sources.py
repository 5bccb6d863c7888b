"""Log files, Event history and what a pack keeps tell the same, where they can hold the same events."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import boto3
import pytest

from auditor.activity.logbytes import LogBytes
from auditor.activity.rows import notable_row
from auditor.base.period import Period
from auditor.events.answer import Answer
from auditor.events.asking import Asked, ask
from auditor.events.filters import Filters
from auditor.events.lookup import LookUp
from auditor.events.opened import EventStore
from auditor.events.question import load_questions
from auditor.run.asking import PACK_LACKS, kept_logs, open_history
from auditor.simulator import Simulator
from auditor.simulator.worlds.archive import trail_records

from .kit import asked, ids, records_log, store_of
from .month import FAR, HOME, NOVEMBER, PROD, US, Record
from .month import records as month_records
from .test_every_filter import EACH
from .test_month import GIVEN, QUESTIONS

DAY = Period(datetime(2026, 10, 21, tzinfo=UTC), datetime(2026, 10, 22, tzinfo=UTC), "one-day")
REGIONS = ("eu-central-1", "us-east-1")
OF_THE_DEMO = (
    "who-did",
    "root-activity",
    "console-logins",
    "network-openings",
    "iam-changes",
    "s3-policy",
    "log-tampering",
)


@pytest.mark.simulator
def test_log_files_and_event_history_agree(tmp_path: Path) -> None:
    with Simulator("demo") as simulator:
        session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x")
        client = session.client
        session.client = lambda *names, **given: client(*names, endpoint_url=simulator.endpoint, **given)
        wanted = LookUp(
            session, simulator.account, REGIONS, DAY, datetime(2026, 11, 2, 6, tzinfo=UTC), sleep=lambda _: None
        )
        history = open_history(tmp_path / "history", wanted, lambda *_: None)
    logs: list[LogBytes] = []
    for number, region in enumerate(REGIONS, 1):
        known = [item for item in trail_records(region, eventful=True) if "2026-10-21" in item["eventTime"]]
        logs.append(records_log([item for item in known if item["managementEvent"]], number, region=region))
    files = store_of(tmp_path / "files", *logs, card={"period": DAY.document()})
    for name in OF_THE_DEMO:
        of_files, of_history = asked(files, name, DAY), asked(history, name, DAY)
        assert sorted(ids(of_files)) == sorted(ids(of_history)), name
        assert {row["verified"] for row in of_files.rows} <= {True}
        assert {row["verified"] for row in of_history.rows} <= {False}
    assert ids(asked(history, "network-openings", DAY))


# --------------------------------------------------------------------------------- the second month, every question

PLACE: Final = frozenset({"log_file", "verified"})
"""Columns that tell the source, and not the event."""


class History:
    """Event history of one account of the second month; a session and its clients at once."""

    def __init__(self, records: list[Record]) -> None:
        self.records = records

    def client(self, service: str, *, region_name: str, **_: Any) -> "HistoryOf":
        assert service == "cloudtrail"
        return HistoryOf([record for record in self.records if record["awsRegion"] == region_name])


class HistoryOf:
    def __init__(self, records: list[Record]) -> None:
        self.records = records

    def lookup_events(self, **request: Any) -> Mapping[str, Any]:
        insight = request.get("EventCategory") == "insight"
        times = (request["StartTime"].isoformat(), request["EndTime"].isoformat())
        found = [
            {"EventId": record["eventID"], "CloudTrailEvent": json.dumps(record)}
            for record in sorted(self.records, key=lambda item: str(item["eventTime"]), reverse=True)
            if times[0] <= datetime.fromisoformat(record["eventTime"]).astimezone(UTC).isoformat() <= times[1]
            and (record.get("eventCategory") == "Insight") is insight
        ]
        first = int(request.get("NextToken", 0))
        more = {"NextToken": str(first + 7)} if first + 7 < len(found) else {}
        return {"Events": found[first : first + 7], **more}


def of_history(record: Record) -> bool:
    """Tell whether Event history can hold a record."""
    management = record["managementEvent"] or record.get("eventCategory") == "Insight"
    return bool(record["recipientAccountId"] == PROD and management)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, EventStore]:
    """Return the same records as log files, as Event history, and as what a pack keeps of them."""
    folder = tmp_path_factory.mktemp("sources")
    records = [record for record in month_records() if of_history(record)]
    card = {"period": NOVEMBER.document()}
    now = datetime(2026, 12, 5, tzinfo=UTC)
    wanted = LookUp(History(records), PROD, (HOME, US, FAR), NOVEMBER, now, sleep=lambda _: None)
    rows = [row.document() for record in records if (row := notable_row(record, log_file="x", verified=True))]
    return {
        "log files": store_of(folder / "files", records_log(records), card=card),
        "history": open_history(folder / "history", wanted, lambda *_: None),
        "pack": store_of(folder / "pack", *kept_logs({"rows": rows}), card={**card, "lacks": PACK_LACKS}),
    }


def answered(store: EventStore, name: str, filters: Filters) -> Answer:
    return ask(store, Asked(load_questions()[name], NOVEMBER, filters, GIVEN.get(name, {}), 0))


def without_place(answer: Answer, lost: frozenset[str] = frozenset()) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in PLACE | lost} for row in answer.rows]


@pytest.mark.parametrize("name", QUESTIONS)
def test_log_files_and_history_agree_on_every_question(sources: Mapping[str, EventStore], name: str) -> None:
    by_place = name == "our-own-calls"  # groups by whether a digest vouches
    for filters in (Filters(), EACH["user"], EACH["range"], EACH["errors only"]):
        files, history = (answered(sources[source], name, filters) for source in ("log files", "history"))
        assert without_place(files) == without_place(history), filters
        assert by_place or {row["verified"] for row in history.rows if "verified" in row} <= {False}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_pack_tells_nothing_of_an_event_that_its_log_file_does_not(
    sources: Mapping[str, EventStore], name: str
) -> None:
    """What a pack has of an event is as the log file has it; where cells or rows may be missing it says so."""
    files, pack = (answered(sources[source], name, Filters()) for source in ("log files", "pack"))
    if "event_id" not in files.columns:
        return
    of_files = {row["event_id"]: row for row in files.rows}
    lacking = [item for item in pack.searched.not_searched if "columns" in item.where]
    for row in pack.rows:
        theirs = of_files[row["event_id"]]
        differing = {key for key in row if key not in PLACE and row[key] != theirs[key] and row[key] is not None}
        assert differing <= {"actor"} or lacking, (row["event_id"], differing)
    if {row["event_id"] for row in pack.rows} < {row["event_id"] for row in files.rows} and not lacking:
        notable = {row["event_id"] for row in answered(sources["pack"], "who-did", Filters()).rows}
        assert not notable & {row["event_id"] for row in files.rows} - {row["event_id"] for row in pack.rows}

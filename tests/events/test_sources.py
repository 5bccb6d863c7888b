"""Log files and Event history tell the same of the demo's management events."""

from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest

from auditor.activity.logbytes import LogBytes
from auditor.base.period import Period
from auditor.events.lookup import LookUp
from auditor.run.asking import open_history
from auditor.simulator import Simulator
from auditor.simulator.worlds.archive import trail_records

from .kit import asked, ids, records_log, store_of

pytestmark = pytest.mark.simulator
DAY = Period(datetime(2026, 10, 21, tzinfo=UTC), datetime(2026, 10, 22, tzinfo=UTC), "one-day")
REGIONS = ("eu-central-1", "us-east-1")
QUESTIONS = (
    "who-did",
    "root-activity",
    "console-logins",
    "network-openings",
    "iam-changes",
    "s3-policy",
    "log-tampering",
)


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
    for name in QUESTIONS:
        of_files, of_history = asked(files, name, DAY), asked(history, name, DAY)
        assert sorted(ids(of_files)) == sorted(ids(of_history)), name
        assert {row["verified"] for row in of_files.rows} <= {True}
        assert {row["verified"] for row in of_history.rows} <= {False}
    assert ids(asked(history, "network-openings", DAY))

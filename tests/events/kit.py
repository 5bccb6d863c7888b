"""Stores made of records at hand, and questions asked of them."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from auditor.activity.logbytes import LogBytes
from auditor.base.period import Period
from auditor.events.answer import Answer
from auditor.events.asking import Asked, ask
from auditor.events.filters import Filters
from auditor.events.opened import EventStore, finish
from auditor.events.question import load_questions
from auditor.events.store import StoreWriter

ACCOUNT = "111122223333"
REGION = "eu-central-1"
BUCKET = "trail-bucket"
OCTOBER = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), "2026-10")


def key(number: int = 1, *, account: str = ACCOUNT, region: str = REGION, kind: str = "CloudTrail") -> str:
    name = f"{account}_{kind}_{region}_20261005T13{number % 60:02d}Z_{number:016d}.json.gz"
    return f"AWSLogs/{account}/{kind}/{region}/2026/10/05/{name}"


def log(data: bytes, number: int = 1, *, state: str = "valid", bucket: str = BUCKET, **place: str) -> LogBytes:
    return LogBytes(bucket, key(number, **place), state, "", sha256(data).hexdigest(), data)


def records_log(records: Sequence[Any], number: int = 1, **place: str) -> LogBytes:
    return log(json.dumps({"Records": records}).encode(), number, **place)


def store_of(
    folder: Path, *logs: LogBytes, card: Mapping[str, Any] | None = None, batch_bytes: int = 1 << 20
) -> EventStore:
    """Fill a store with log files and open it."""
    writer = StoreWriter(folder, batch_bytes=batch_bytes)
    for item in logs:
        writer.take(item)
    writer.flush()
    writer.close()
    finish(folder, {"period": OCTOBER.document(), **(card or {})})
    return EventStore(folder)


def rows(store: EventStore, select: str = "*", rest: str = "ORDER BY event_time, event_id") -> list[tuple[Any, ...]]:
    """Ask the table of all events directly."""
    with store.database() as database:
        return database.execute(f"SELECT {select} FROM all_events {rest}").fetchall()  # noqa: S608 - texts of these tests


def asked(
    store: EventStore, name: str, period: Period = OCTOBER, filters: Filters | None = None, **given: str
) -> Answer:
    """Ask a question that ships with the product."""
    return ask(store, Asked(load_questions()[name], period, filters or Filters(), given))


def ids(answer: Answer) -> list[str]:
    return [str(row["event_id"]) for row in answer.rows]

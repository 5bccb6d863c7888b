"""Reads Event history through LookupEvents into a store: paced, over a fixed window, going on where it stopped.

Event history knows management events (and Insights) of the last 90 days, proves nothing about them and needs no trail.
A day of one Region is the unit of restart: its records come in parts, and the last part closes the day.

Source: CloudTrail API Reference, LookupEvents: two requests a second per account and Region, 50 events a page,
NextToken only with identical parameters. Newest first.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from threading import Event, Lock
from typing import Any, Final

from auditor.activity.logbytes import LogBytes
from auditor.base.errors import CollectionError
from auditor.base.period import Period, rfc3339
from auditor.events.store import StoreWriter

HISTORY: Final = timedelta(days=90)
PACE_SECONDS: Final = 0.5
"""Between two requests to one Region."""
PART: Final = 10_000
"""Records handed on at a time."""
_THREADS: Final = 8
_PAGES: Final = 100_000
CANNOT_SEE: Final = (
    "Data events, network activity and five-minute summaries: Event history holds management events and Insights only.",
    "Whether anything was removed or changed: no digest proves Event history.",
    "Anything older than 90 days.",
)


@dataclass(frozen=True, slots=True)
class LookUp:
    """What is asked of Event history.

    Args:
        session: a boto3 session.
        account: whose history it is.
        regions: Regions to ask.
        period: the window; its end is never "now", so that tokens stay valid.
        now: the run's as-of time.
        pace_seconds: between two requests to a Region.
        sleep: waits; a parameter for tests.
        stop: set from outside to end early.
    """

    session: Any
    account: str
    regions: tuple[str, ...]
    period: Period
    now: datetime
    pace_seconds: float = PACE_SECONDS
    sleep: Callable[[float], None] = time.sleep
    stop: Event = field(default_factory=Event)


def look_up(asked: LookUp, writer: StoreWriter, progress: Callable[[str, int], None]) -> list[dict[str, Any]]:
    """Fill a store from Event history; return what could not be asked, as parts of ``not_searched``.

    Args:
        asked: Regions and window.
        writer: the store; days that it holds whole are not asked again.
        progress: told Region and number of events, from several threads.
    """
    missing: list[dict[str, Any]] = []
    start = max(asked.period.start, asked.now - HISTORY)
    if start > asked.period.start:
        where = {"start": rfc3339(asked.period.start), "end": rfc3339(min(start, asked.period.end))}
        missing.append({"what": "hours", "why": "Event history reaches back 90 days", "where": where})
    if asked.period.end > asked.now:
        where = {"start": rfc3339(max(asked.now, start)), "end": rfc3339(asked.period.end)}
        missing.append({"what": "hours", "why": "not over when it was asked", "where": where})
    if start >= asked.period.end:
        return missing
    making = Lock()
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="lookup") as pool:
        jobs = [pool.submit(_region, asked, region, start, writer, progress, making) for region in asked.regions]
        for job in jobs:
            missing += job.result()
    return missing


def _region(
    asked: LookUp,
    region: str,
    start: datetime,
    writer: StoreWriter,
    progress: Callable[[str, int], None],
    making: Lock,
) -> list[dict[str, Any]]:
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(retries={"mode": "adaptive", "max_attempts": 8}, connect_timeout=10, read_timeout=60)
    with making:
        client = asked.session.client("cloudtrail", region_name=region, config=config)
    missing: list[dict[str, Any]] = []
    count = 0
    for begin, end in _days(start, min(asked.period.end, asked.now)):
        if asked.stop.is_set():
            raise KeyboardInterrupt
        folder = f"event-history/AWSLogs/{asked.account}/CloudTrail/{region}/{begin:%Y/%m/%dT%H%M}"
        if writer.holds(f"{folder}/last"):
            continue
        try:
            for name, records in _parts(_events(asked, client, begin, end)):
                writer.take(_log(f"{folder}/{name}", records))
                count += len(records)
                progress(region, count)
        except (ClientError, BotoCoreError, CollectionError) as error:
            code = str((getattr(error, "response", None) or {}).get("Error", {}).get("Code") or type(error).__name__)
            where = {"account": asked.account, "region": region, "start": rfc3339(begin), "end": rfc3339(end)}
            missing.append(
                {"what": "source", "why": f"cloudtrail:LookupEvents was not answered ({code})", "where": where}
            )
            if code in _HOPELESS:
                where["end"] = rfc3339(asked.period.end)
                break
    return missing


_HOPELESS: Final = frozenset({"AccessDeniedException", "AccessDenied", "UnrecognizedClientException", "ExpiredToken"})


def _days(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the days of a window, cut at midnight UTC."""
    while start < end:
        midnight = start.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        yield start, min(midnight, end)
        start = midnight


def _events(asked: LookUp, client: Any, begin: datetime, end: datetime) -> Iterator[bytes]:
    """Yield the records of one window: management events, then Insights."""
    for category in ({}, {"EventCategory": "insight"}):
        request: dict[str, Any] = {
            "StartTime": begin,
            "EndTime": end - timedelta(seconds=1),
            "MaxResults": 50,
            **category,
        }
        for page in range(_PAGES):
            if page or category:
                asked.sleep(asked.pace_seconds)
            answer = client.lookup_events(**request)
            if not isinstance(answer.get("Events"), list):
                raise CollectionError("LookupEvents answered without a list of events")
            yield from (_record(event) for event in answer["Events"])
            if not answer.get("NextToken"):
                break
            request["NextToken"] = answer["NextToken"]
        else:
            raise CollectionError("LookupEvents did not come to an end")


def _record(event: Mapping[str, Any]) -> bytes:
    """Return an event's record as it was recorded; without one, null, which is counted as unreadable."""
    text = event.get("CloudTrailEvent")
    return text.encode("utf-8", "replace") if isinstance(text, str) and text.strip() else b"null"


def _parts(records: Iterator[bytes]) -> Iterator[tuple[str, Sequence[bytes]]]:
    """Yield name and records of each part; the last one, which may be empty, closes the window."""
    waiting: list[bytes] = []
    number = 0
    for record in records:
        if len(waiting) >= PART:
            number += 1
            yield f"part-{number:05d}", waiting
            waiting = []
        waiting.append(record)
    yield "last", waiting


def _log(key: str, records: Sequence[bytes]) -> LogBytes:
    data = b'{"Records":[' + b",".join(records) + b"]}"
    return LogBytes("", key, "history", "", sha256(data).hexdigest(), data)


def source(asked: LookUp) -> dict[str, Any]:
    """Return how an answer names this source."""
    return {
        "kind": "event-history",
        "operation": "cloudtrail:LookupEvents",
        "account": asked.account,
        "regions": list(asked.regions),
        "as_of": rfc3339(asked.now),
        "period": asked.period.document(),
    }

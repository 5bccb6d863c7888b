"""Names events of the period that are looked for in its log files: those Event history listed, and openings."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from auditor.activity.drawn import Draw
from auditor.activity.fields import maps, text
from auditor.activity.rows import OPENED
from auditor.base.period import Period
from auditor.evidence.operations import Call
from auditor.evidence.store import EvidenceWriter
from auditor.model import AccountScope

HISTORY: Final = "cloudtrail:LookupEvents"
NOTABLE: Final = "trail:NotableEvents"


def drawn_calls(scope: AccountScope, period: Period, as_of: datetime, writer: EvidenceWriter) -> Iterator[Call]:
    """Yield the calls that are due: one of each Region, and where that has listed an event, the others.

    None where Event history holds nothing of the period any more.
    """
    draw = Draw(scope.id, period, as_of)
    for region in scope.regions:
        calls = [Call(HISTORY, region, tuple(sorted(asked.items()))) for asked in draw.requests(region)]
        known = writer.stored(scope.id, HISTORY, region=region)
        if not known:
            yield from calls[:1]
        elif any(maps(_events(page)) for page in known):
            yield from calls[1:]


def drawn_ids(writer: EvidenceWriter, account: str) -> Iterator[str]:
    """Yield the ids of the events that were listed, as they are stored."""
    for page in writer.stored(account, HISTORY):
        for event in maps(_events(page)):
            yield text(event.get("EventId"))


def followed_ids(writer: EvidenceWriter, account: str) -> Iterator[str]:
    """Yield the ids of the openings of the period and of the calls that ended them, as they are stored."""
    for page in writer.stored(account, NOTABLE):
        for row in maps(page.get("rows") if isinstance(page, dict) else None):
            if row.get("kind") == OPENED:
                yield text(row.get("event_id"))
                yield text(row.get("closing_event"))


def _events(page: Any) -> Any:
    return page.get("Events") if isinstance(page, dict) else None

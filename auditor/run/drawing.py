"""Lets Event history name some events of the period, so that they can be looked for in the verified log files."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from auditor.activity.drawn import Draw
from auditor.activity.fields import maps, text
from auditor.base.period import Period
from auditor.evidence.operations import Call
from auditor.evidence.store import EvidenceWriter
from auditor.model import AccountScope

HISTORY: Final = "cloudtrail:LookupEvents"


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


def _events(page: Any) -> Any:
    return page.get("Events") if isinstance(page, dict) else None

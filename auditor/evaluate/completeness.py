"""What the report says of completeness: the sample of Event history, delays of delivery, and the longest silences.

Judges nothing that the controls do not: the sample is judged by ``checks.completeness``, Region by Region.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from auditor.activity.drawn import EVENTS, STRETCHES, Draw
from auditor.activity.fields import maps, member
from auditor.base.period import rfc3339
from auditor.evaluate.drawn import HISTORY, MEASURED, Drawn, Place, Sample
from auditor.evaluate.library import Library
from auditor.evaluate.missing import UNREADABLE, EvidenceMissing
from auditor.evaluate.view import View

MOST_NAMED: Final = 200
"""Drawn events that are named because they were not found; further ones are counted."""


def completeness(libraries: Iterable[Library]) -> tuple[Mapping[str, Any], ...]:
    """Return one document for each account whose events were measured."""
    return tuple(document for library in libraries if (document := _account(library)) is not None)


def _account(library: Library) -> Mapping[str, Any] | None:
    view = View(library)
    if not view.planned(MEASURED):
        return None
    draw = Draw(library.account.id, library.period, library.as_of)
    regions, named = [], list[Drawn]()
    sample = Sample(view, draw)
    for region in library.account.regions if view.planned(HISTORY) else ():
        row, unfound = _region(sample, region)
        regions.append(row)
        named += unfound
    page = _measured(view)
    return {
        "account": library.account.id,
        "period": library.period.document(),
        "refs": sorted({record.ref for record, _ in view.stored(MEASURED)}),
        "sample": {
            "seed": draw.seed,
            "start": rfc3339(draw.start),
            "end": rfc3339(draw.end),
            "possible": draw.possible,
            "stretches": STRETCHES,
            "events_before_each": EVENTS,
            "refs": sorted({record.ref for record, _ in view.stored(HISTORY)}) if view.planned(HISTORY) else [],
            "regions": regions if draw.possible else [],
            "named": [{**item.document(), "region": item.region} for item in named[:MOST_NAMED]],
            "more": max(0, len(named) - MOST_NAMED),
        },
        "delivery": _delivery(page),
        "silence": [dict(row) for row in maps(page.get("silence")) if _own(row, library)],
        "measured": bool(page),
    }


def _measured(view: View) -> Mapping[str, Any]:
    found = (page for _, pages in view.stored(MEASURED) for page in pages if isinstance(page, Mapping))
    return next(found, {})


def _region(sample: Sample, region: str) -> tuple[dict[str, Any], list[Drawn]]:
    """Return the counts of a Region, and the drawn events that were not found in a verified log file."""
    try:
        drawn = sample.region(region)
    except EvidenceMissing as signal:
        return _row(region, (), f"{signal.missing.operation}: {signal.missing.code}"), []
    except UNREADABLE:
        return _row(region, (), "an answer does not have the documented form"), []
    return _row(region, drawn, ""), [item for item in drawn if item.place is not Place.FOUND]


def _row(region: str, drawn: Iterable[Drawn], gap: str) -> dict[str, Any]:
    counts = Counter(item.place for item in drawn)
    return {
        "region": region,
        "sampled": counts.total(),
        **{place.name.lower(): counts[place] for place in Place},
        "gap": gap,
    }


def _delivery(page: Mapping[str, Any]) -> dict[str, Any]:
    told = member(page, "delivery")
    return {
        "steps_minutes": list(told.get("steps_minutes") or ()),
        "places": [dict(row) for row in maps(told.get("places"))],
    }


def _own(row: Mapping[str, Any], library: Library) -> bool:
    return row.get("account") in {"", library.account.id}

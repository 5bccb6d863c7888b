"""Judges whether log files hold what they have to: events that Event history lists have to stand in verified ones."""

from auditor.activity.drawn import Draw
from auditor.base.counts import counted, first_of
from auditor.base.period import rfc3339
from auditor.evaluate.drawn import HISTORY, Drawn, Place, Sample
from auditor.evaluate.missing import EvidenceMissing, Missing
from auditor.evaluate.subject import Subject
from auditor.evidence.unanswered import NOT_COLLECTED
from auditor.model import State, Verdict, failed, not_assessed, passed

_NAMED = 5


def events_found_again(subject: Subject) -> Verdict:
    """Judge one Region: each event of the sample that Event history listed stands in a verified log file.

    Evidence: ``cloudtrail:LookupEvents``, ``events:Measured``, ``cloudtrail:DescribeTrails``, ``trail:VerifyDigests``;
    for an event that is nowhere also ``cloudtrail:GetEventSelectors``.
    """
    draw = Draw(subject.account.id, subject.period, subject.as_of)
    if not draw.possible:
        return not_assessed(
            "Event history keeps 90 days and holds nothing of the period that is due: no sample can be drawn.",
            observed="no sample",
        )
    if subject.region not in subject.account.regions:
        raise EvidenceMissing(
            Missing(HISTORY, subject.region, NOT_COLLECTED, "the Region is not part of the audit", "", "")
        )
    sample = Sample(subject.evidence, draw)
    drawn = sample.region(subject.region)
    if not drawn:
        span = f"{rfc3339(draw.start)} to {rfc3339(draw.end)}"
        return Verdict(State.NOT_APPLICABLE, f"Event history lists no event of {span} in this Region.")
    return _judged(drawn, sample.trails)


def _judged(drawn: tuple[Drawn, ...], trails: int) -> Verdict:
    by_place = {place: [item for item in drawn if item.place is place] for place in Place}
    found, missing, left = (by_place[place] for place in (Place.FOUND, Place.MISSING, Place.LEFT_OUT))
    counts = {place.value: len(items) for place, items in by_place.items()}
    due = len(drawn) - len(left)
    observed = f"{len(found):,} of {due:,} found again"
    details = {"sampled": len(drawn), "counts": counts}
    if missing:
        return failed(
            f"{counted(len(missing), 'event')} of {due:,} that Event history lists {_stands(len(missing))} in no log "
            f"file: {_named(missing)}.",
            observed=observed,
            details={**details, "events": [item.document() for item in missing]},
        )
    if unclear := [*by_place[Place.UNVERIFIED], *by_place[Place.OPEN]]:
        return not_assessed(
            f"{observed}; of {counted(len(unclear), 'event')} that is open: {unclear[0].words()}: {unclear[0].why}.",
            observed=observed,
            details={**details, "events": [item.document() for item in unclear]},
        )
    if not due:
        words = "no trail was to record any of them" if trails else "there is no trail"
        return Verdict(State.NOT_APPLICABLE, f"Event history lists {counted(len(drawn), 'event')}, and {words}.")
    more = f" {counted(len(left), 'event')} that no trail was to record {_is(len(left))} not counted." if left else ""
    words = f"{len(found):,} of {counted(due, 'event')} drawn from Event history {_stands(due)} in verified log files."
    return passed(f"{words}{more}", observed=observed, details=details)


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _stands(number: int) -> str:
    return "stands" if number == 1 else "stand"


def _named(items: list[Drawn]) -> str:
    return first_of(items, _NAMED, Drawn.words, "; ")

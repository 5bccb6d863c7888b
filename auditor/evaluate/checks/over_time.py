"""Judges whole periods: what verified digests and log files say about every hour, never a single reading.

A criterion over a period is met only when every hour asked for was verified and no verified event broke it. Evidence is
what trail verification wrote: ``trail:VerifyDigests`` and ``trail:NotableEvents``, one document per trail.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from auditor.evaluate.checks.cloudtrail import trail_items
from auditor.evaluate.checks.fields import counted, flag, integer, listed, mapping, optional_text, some, text
from auditor.evaluate.view import EvidenceMissing, Subject, View
from auditor.model import State, Verdict, failed, not_assessed, passed

_DIGESTS, _EVENTS = "trail:VerifyDigests", "trail:NotableEvents"
_SHOWN = 20
"""Events named in the details of one result; the notable-events table of the report has them all."""
_STOPS = ("StopLogging", "DeleteTrail")

Row = Mapping[str, Any]


def chain_verified(subject: Subject) -> Verdict:
    """Judge one trail: digests of every hour of the period verify, and every log file is as delivered.

    Evidence: ``cloudtrail:DescribeTrails`` (population), ``trail:VerifyDigests``.
    """
    if not flag(subject.item, "LogFileValidationEnabled"):
        return failed("The trail writes no digests, so nothing can be verified.", observed="validation off")
    report = _report(subject.evidence, subject.item)
    verified, asked = _hours(report)
    found = f"{verified} of {asked} hours verified"
    findings = [text(item, "sentence") for item in listed(report, "findings") if text(item, "level") == "fail"]
    details = {"findings": findings[:_SHOWN], "hours_verified": verified, "hours_asked": asked}
    if text(report, "verdict") == "fail":
        return failed(
            f"{found}; {counted(len(findings), 'finding')} of altered, missing or unvouched files.",
            observed=found,
            details=details,
        )
    if text(report, "verdict") == "incomplete" or not asked or verified < asked:
        return not_assessed(f"Only {found}.", observed=found, details=details)
    return passed(f"{found}; digests are linked, and each log file has the hash they state.", observed=found)


def logging_uninterrupted(subject: Subject) -> Verdict:
    """Judge one trail: no stretch of the period lies without logging, and nobody stopped or deleted the trail.

    Evidence: ``cloudtrail:DescribeTrails`` (population), ``trail:VerifyDigests``, ``trail:NotableEvents``.
    """
    report, document = _report(subject.evidence, subject.item), _events(subject.evidence, subject.item)
    stopped = [gap for gap in listed(report, "gaps") if text(gap, "cause") in ("logging_stopped", "validation_off")]
    if stopped:
        first = stopped[0]
        return failed(
            f"{counted(len(stopped), 'stretch', 'stretches')} without logging, first from {text(first, 'start')} to "
            f"{text(first, 'end')} in {text(first, 'region')}.",
            observed=counted(len(stopped), "stretch", "stretches"),
            details={"gaps": [dict(gap) for gap in stopped[:_SHOWN]]},
        )
    calls = [row for row in _rows(document) if row["event_name"] in _STOPS and _about(row, subject.item)]
    return _by_events(calls, document, report, "nobody stopped or deleted the trail")


def trail_unchanged(subject: Subject) -> Verdict:
    """Judge one trail: none of the ``calls`` changed it in the period.

    Evidence: ``cloudtrail:DescribeTrails`` (population), ``trail:VerifyDigests``, ``trail:NotableEvents``.
    """
    return _of_trail(subject, "nobody changed what the trail records or where it goes")


def bucket_unchanged(subject: Subject) -> Verdict:
    """Judge the bucket of one trail: none of the ``calls`` weakened its protection in the period.

    Evidence: ``cloudtrail:DescribeTrails`` (population), ``trail:VerifyDigests``, ``trail:NotableEvents``.
    """
    bucket = text(subject.item, "S3BucketName")
    return _of_trail(
        subject,
        "nobody changed the protection of the bucket",
        lambda row: bucket in optional_text(row, "resource").replace(":::", "/").split("/"),
    )


def _of_trail(subject: Subject, criterion: str, about: Callable[[Row], bool] | None = None) -> Verdict:
    report, document = _report(subject.evidence, subject.item), _events(subject.evidence, subject.item)
    names = listed(subject.parameters, "calls")
    fits = about or (lambda row: _about(row, subject.item))
    rows = [row for row in _rows(document) if row["event_name"] in names and fits(row)]
    return _by_events(rows, document, report, criterion)


def calls_absent(subject: Subject) -> Verdict:
    """Judge the account: none of the ``calls`` was made with success in the period, wherever it was.

    Evidence: ``cloudtrail:DescribeTrails``, ``trail:VerifyDigests``, ``trail:NotableEvents``.
    """
    names = listed(subject.parameters, "calls")
    return _in_account(subject, lambda row: row["event_name"] in names, "none of the calls in question was made")


def kinds_absent(subject: Subject) -> Verdict:
    """Judge the account: no event of the ``kinds``, as the notable-events table names them, took place.

    Evidence: ``cloudtrail:DescribeTrails``, ``trail:VerifyDigests``, ``trail:NotableEvents``.
    """
    names = listed(subject.parameters, "kinds")
    return _in_account(subject, lambda row: row["kind"] in names, "no such event took place")


def opened_ports_closed(subject: Subject) -> Verdict:
    """Judge the account: an admin port opened to the world was closed again within ``max_minutes``.

    Evidence: ``cloudtrail:DescribeTrails``, ``trail:VerifyDigests``, ``trail:NotableEvents``.
    """
    limit = integer(subject.parameters, "max_minutes")

    def stayed_open(row: Row) -> bool:
        return row["kind"] == "port_opened" and (row["minutes_open"] is None or row["minutes_open"] > limit)

    return _in_account(subject, stayed_open, f"no admin port stayed open to the world for more than {limit} minutes")


def _in_account(subject: Subject, wanted: Callable[[Row], bool], criterion: str) -> Verdict:
    """Judge by all trails: one verified event suffices to fail, one trail verified in full to pass."""
    missing: EvidenceMissing | None = None
    verdicts: list[Verdict] = []
    for item in trail_items(subject.evidence):
        try:
            report, document = _report(subject.evidence, item), _events(subject.evidence, item)
        except EvidenceMissing as signal:
            missing = missing or signal
            continue
        rows = [row for row in _rows(document) if wanted(row)]
        verdict = _by_events(rows, document, report, criterion)
        if verdict.state is State.FAIL:
            return verdict
        if flag(item, "IsMultiRegionTrail") or verdict.state is not State.PASS:
            verdicts.append(verdict)
    if missing is not None:
        raise missing
    for state in (State.PASS, State.NOT_ASSESSED):
        if found := next((verdict for verdict in verdicts if verdict.state is state), None):
            return found
    return not_assessed("No multi-Region trail recorded the period, so nothing shows what took place in it.")


def _by_events(rows: Sequence[Row], document: Row, report: Row, criterion: str) -> Verdict:
    done = [row for row in rows if text(row, "outcome") == "Success"]
    shown = [row for row in done if flag(row, "verified")]
    if shown:
        first = shown[0]
        return failed(
            f"{counted(len(shown), 'event')}, first {text(first, 'event_name')} by {some([text(first, 'actor')])} at "
            f"{text(first, 'event_time')} in {text(first, 'region')}.",
            observed=counted(len(shown), "event"),
            details={"events": [dict(row) for row in shown[:_SHOWN]]},
        )
    if done:
        return not_assessed(f"{counted(len(done), 'event')} in log files that no digest vouches for.")
    if integer(document, "omitted"):
        return not_assessed("There were more notable events than the evidence lists.")
    verified, asked = _hours(report)
    if not asked or verified < asked:
        return not_assessed(f"Only {verified} of {asked} hours were verified; the rest could hold such an event.")
    return passed(f"In all {asked} verified hours {criterion}.", observed=f"no event in {asked} hours")


def _rows(document: Row) -> Sequence[Row]:
    """Return the rows of a notable-events document; one that is not of its form spoils them all."""
    rows = listed(document, "rows")
    for row in rows:
        for name in ("kind", "event_name", "outcome"):
            text(row, name)
        flag(row, "verified")
    return rows


def _report(view: View, trail: Mapping[str, Any]) -> Mapping[str, Any]:
    return view.page(_DIGESTS, region=text(trail, "HomeRegion"), Name=text(trail, "TrailARN"))


def _events(view: View, trail: Mapping[str, Any]) -> Mapping[str, Any]:
    return view.page(_EVENTS, region=text(trail, "HomeRegion"), Name=text(trail, "TrailARN"))


def _hours(report: Mapping[str, Any]) -> tuple[int, int]:
    coverage = mapping(report, "coverage")
    return integer(coverage, "hours_verified"), integer(coverage, "hours_asked")


def _about(row: Row, trail: Mapping[str, Any]) -> bool:
    """Say whether an event names the trail, by ARN or name; one that names nothing could mean it."""
    resource = optional_text(row, "resource")
    return not resource or resource in (text(trail, "TrailARN"), text(trail, "Name"))

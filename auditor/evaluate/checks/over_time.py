"""Judges whole periods: what verified digests and log files say about every hour, never a single reading.

A criterion over a period is met only when every hour asked for was verified and no verified event broke it. Evidence is
what trail verification wrote: ``trail:VerifyDigests`` and ``trail:NotableEvents``, one document per trail. A trail
shows that nothing took place only where its event selectors let such events through and they are searched for.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from auditor.activity.calls import ROOT_CALL, SIGN_INS, sources_of_call, sources_of_kind, without_version
from auditor.activity.effects import Effect
from auditor.activity.watched import replaced, switched_on_first
from auditor.base.counts import counted, every, led_by
from auditor.evaluate.checks import selectors
from auditor.evaluate.checks.cloudtrail import listed_trails, trail_selectors
from auditor.evaluate.checks.fields import (
    flag,
    integer,
    listed,
    mapping,
    optional_list,
    optional_mapping,
    optional_text,
    some,
    text,
)
from auditor.evaluate.missing import UNREADABLE, EvidenceMissing
from auditor.evaluate.resting import About, resting
from auditor.evaluate.subject import Subject
from auditor.evaluate.view import View
from auditor.model import State, Verdict, failed, not_assessed, passed
from auditor.policies.arn import account_of

_DIGESTS, _EVENTS = "trail:VerifyDigests", "trail:NotableEvents"
_SHOWN = 20
"""Events named in the details of one result; the notable-events table of the report has them all."""
_STOPS = ("StopLogging", "DeleteTrail")
_OF_TRAILS = frozenset({"validation", "selectors", "trail settings"})
_OF_MONITORING = frozenset({"log group", "metric filters", "alarm", "topic", "subscriptions", "rule", "recorder"})
"""Kinds of things whose timelines a control on changes of trails, or of monitoring, rests on."""
_PERHAPS_ANY_BUCKET = frozenset(
    {"PutAccessPointPolicy", "PutAccountPublicAccessBlock", "DeleteAccountPublicAccessBlock"}
)
_SIGN_IN = "signin.amazonaws.com"
"""Takes the sign-ins of root, as a global service."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which events a control is about.

    Args:
        fits: says whether a row is one of them.
        sources: the services whose events they are; empty for all.
        reads: whether calls that only read are among them.
        unknown: what of it log files are not searched for.
        names: the calls in question, where they are told by name.
    """

    fits: Callable[[Row], bool]
    sources: frozenset[str] = frozenset()
    reads: bool = False
    unknown: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    untold: Callable[[Row], bool] = lambda row: optional_text(row, "effect") == Effect.OPEN
    """Says whether the record of such a call does not tell whether it counts."""
    region: str = ""
    """The one Region where they are recorded; empty for any."""


def _wanted_calls(names: Iterable[Any], about: Callable[[Row], bool] = lambda _: True) -> _Wanted:
    by_name = {str(name): sources_of_call(str(name)) for name in names}

    def fits(row: Row) -> bool:
        sources = by_name.get(_call(row))
        if sources is None or optional_text(row, "effect") == Effect.HARMLESS:
            return False
        return optional_text(row, "event_source") in {"", *sources} and about(row)

    return _Wanted(
        fits=fits,
        sources=frozenset().union(*by_name.values()),
        unknown=tuple(name for name, sources in by_name.items() if not sources),
        names=tuple(by_name),
    )


def _call(row: Row) -> str:
    return without_version(text(row, "event_name"))


def _wanted_kinds(names: Iterable[Any], about: Callable[[Row], bool] = lambda _: True) -> _Wanted:
    by_name = {str(name): sources_of_kind(str(name)) for name in names}
    of_root = ROOT_CALL in by_name

    def untold(row: Row) -> bool:
        """Whatever root does counts; what a call set matters to openings alone."""
        return optional_text(row, "effect") == Effect.OPEN and not (of_root and ROOT_CALL in _kinds(row))

    return _Wanted(
        untold=untold,
        fits=lambda row: bool(_kinds(row) & by_name.keys()) and about(row),
        sources=frozenset() if of_root else frozenset().union(*by_name.values()),
        reads=of_root,
        unknown=tuple(name for name, sources in by_name.items() if not sources and name != ROOT_CALL),
    )


def _kinds(row: Row) -> frozenset[str]:
    """Return the kind of an event; what root did to a trail, a bucket or an alarm is a call of root as well.

    A service that acts for root, and an event that AWS writes about the account, is no use of root, whatever it does.
    """
    told = row.get("by_root")
    by_root = told if isinstance(told, bool) else optional_text(row, "actor_type") == "Root"
    return frozenset({row["kind"], ROOT_CALL} if by_root and row["kind"] not in SIGN_INS else {row["kind"]})


def chain_verified(subject: Subject) -> Verdict:
    """Judge one trail: digests of every hour of the period verify, and every log file is as delivered.

    Evidence: ``cloudtrail:DescribeTrails`` (population), ``trail:VerifyDigests``.
    """
    if not flag(subject.item, "LogFileValidationEnabled"):
        return failed("The trail writes no digests, so nothing can be verified.", observed="validation off")
    report = _report(subject.evidence, subject.item)
    verified, asked = _hours(report)
    found = f"{verified:,} of {counted(asked, 'hour')} verified"
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
    if unlooked := _unlooked(subject.evidence, subject.item, report):
        return not_assessed(unlooked, observed=found, details=details)
    return passed(f"{found}; digests are linked, and each log file has the hash they state.", observed=found)


def logging_uninterrupted(subject: Subject) -> Verdict:
    """Judge one trail: no stretch of the period lies without logging, and nobody stopped or deleted the trail.

    Evidence: ``cloudtrail:DescribeTrails`` (population), ``cloudtrail:GetEventSelectors``, ``trail:VerifyDigests``,
    ``trail:NotableEvents``.
    """
    return resting(subject, lambda: _logged(subject), About({"logging"}, _STOPS, text(subject.item, "TrailARN")))


def _logged(subject: Subject) -> Verdict:
    stopped: list[Mapping[str, Any]] = []
    with subject.evidence.going_on():
        for gap in listed(_report(subject.evidence, subject.item), "gaps"):
            with subject.evidence.going_on():
                stopped += [gap] if text(gap, "cause") in ("logging_stopped", "validation_off") else []
    if stopped:
        span = f"from {text(stopped[0], 'start')} to {text(stopped[0], 'end')} in {text(stopped[0], 'region')}"
        return failed(
            f"{counted(len(stopped), 'stretch', 'stretches')} without logging{led_by(len(stopped), span)}.",
            observed=counted(len(stopped), "stretch", "stretches"),
            details={"gaps": [dict(gap) for gap in stopped[:_SHOWN]]},
        )
    wanted = _wanted_calls(_STOPS, lambda row: _about(row, subject.item))
    return _by_events(subject, subject.item, wanted, "nobody stopped or deleted the trail")


def trail_unchanged(subject: Subject) -> Verdict:
    """Judge one trail: none of the ``calls`` changed it in the period.

    They are recorded in its home Region, those of an organization's trail in the account that owns it.

    Evidence: ``cloudtrail:DescribeTrails`` (population), ``cloudtrail:GetEventSelectors``, ``trail:VerifyDigests``,
    ``trail:NotableEvents``.
    """
    about = About(_OF_TRAILS, _calls(subject), text(subject.item, "TrailARN"))
    return resting(subject, lambda: _settings_kept(subject), about)


def _settings_kept(subject: Subject) -> Verdict:
    criterion = "nobody changed what the trail records or where it goes"
    verdict = _of_trail(subject, criterion, region=text(subject.item, "HomeRegion"))
    owner = account_of(text(subject.item, "TrailARN"))
    if verdict.state is not State.PASS or owner in ("", subject.account.id):
        return verdict
    beside = subject.evidence.beside(owner)
    if beside is None:
        return not_assessed(
            f"The trail belongs to account {some([owner])}, where changes to it are recorded, and whose records are "
            "not part of the run."
        )
    if subject.evidence.lent(owner):
        return _kept_by_owner(subject, beside, criterion)
    return _in_account(replace(subject, evidence=beside), _wanted_of(subject), criterion)


def _kept_by_owner(subject: Subject, owner: View, criterion: str) -> Verdict:
    """Judge by what the owner of an organization's trail hands on: its verified records of changes to that trail."""
    trail, home, name = subject.item, text(subject.item, "HomeRegion"), some([owner.account.id])
    if not owner.stored(_EVENTS):
        return not_assessed(
            f"The trail belongs to account {name}, where changes to it are recorded, and whose verified records are "
            "not part of the run."
        )
    subject.evidence.credit(owner.account.id)
    verdict = _by_events(replace(subject, evidence=owner), trail, _wanted_of(subject), criterion)
    chains = optional_list(mapping(_report(owner, trail), "coverage"), "chains")
    searched = {(optional_text(chain, "account"), optional_text(chain, "region")) for chain in chains}
    if verdict.state is State.PASS and (owner.account.id, home) not in searched:
        return not_assessed(
            f"The log files of account {name} in {home}, where changes are recorded, were not searched."
        )
    return verdict


def bucket_unchanged(subject: Subject) -> Verdict:
    """Judge the bucket of one trail: none of the ``calls`` weakened its protection in the period.

    What its owner's people do to it is recorded in the owner's account.

    Evidence: ``cloudtrail:DescribeTrails`` (population), ``cloudtrail:GetEventSelectors``, ``trail:VerifyDigests``,
    ``trail:NotableEvents``, ``s3:ListBuckets``.
    """
    bucket = text(subject.item, "S3BucketName")
    return resting(subject, lambda: _bucket_kept(subject, bucket), About({"log bucket"}, _calls(subject), bucket))


def _bucket_kept(subject: Subject, bucket: str) -> Verdict:
    def about(row: Row) -> bool:
        """Calls on the whole account, and on access points whose bucket is not named, may mean the bucket."""
        named = {bucket, ""} & set(optional_text(row, "resource").replace(":::", "/").split("/"))
        return bool(named) or _call(row) in _PERHAPS_ANY_BUCKET

    criterion = "nobody changed the protection of the bucket"
    verdict = _of_trail(subject, criterion, about)
    if verdict.state is not State.PASS or _owns(subject.evidence, bucket):
        return verdict
    owner = next((one for one in subject.evidence.all_beside() if one.known(partial(_owns, one, bucket))), None)
    if owner is None:
        return not_assessed(
            "The bucket belongs to another account, where changes to it are recorded, and whose records are not part "
            "of the run."
        )
    return _in_account(replace(subject, evidence=owner), _wanted_of(subject, about), criterion)


def _owns(view: View, bucket: str) -> bool:
    return bucket in {text(item, "Name") for item in view.items("s3:ListBuckets", "Buckets[]")}


def _of_trail(
    subject: Subject, criterion: str, about: Callable[[Row], bool] | None = None, region: str = ""
) -> Verdict:
    wanted = replace(_wanted_of(subject, about), region=region)
    return _by_events(subject, subject.item, wanted, criterion)


def _calls(subject: Subject) -> frozenset[str]:
    return frozenset(map(str, listed(subject.parameters, "calls")))


def _wanted_of(subject: Subject, about: Callable[[Row], bool] | None = None) -> _Wanted:
    return _wanted_calls(listed(subject.parameters, "calls"), about or (lambda row: _about(row, subject.item)))


def calls_absent(subject: Subject) -> Verdict:
    """Judge the account: none of the ``calls`` weakened alarms or detection in the period, wherever it was.

    A call counts by what it set: switching a service on, or a stack that replaces its own targets, weakens nothing.

    Evidence: ``cloudtrail:DescribeTrails``, ``cloudtrail:GetEventSelectors``, ``trail:VerifyDigests``,
    ``trail:NotableEvents``.
    """
    return resting(subject, lambda: _nothing_weakened(subject), About(_OF_MONITORING, _calls(subject)))


def _nothing_weakened(subject: Subject) -> Verdict:
    groups = _log_groups(subject.evidence)

    def about(row: Row) -> bool:
        """What happens to log groups that no trail delivers to weakens no alarm on what people do."""
        if row["kind"] != "log_group_changed" or not groups:
            return True
        return _log_group(optional_text(row, "resource"), optional_text(row, "region")) in groups

    wanted = _wanted_calls(listed(subject.parameters, "calls"), about)
    return _in_account(subject, wanted, "none of the calls in question weakened anything")


def _log_groups(view: View) -> frozenset[tuple[str, str]]:
    """Return Region and name of the log groups that trails deliver to, and what stands for one that is not told."""
    items, _ = listed_trails(view)
    arns = {optional_text(item, "CloudWatchLogsLogGroupArn") for item in items} - {""}
    known = {_log_group(arn, "") for arn in arns}
    return frozenset(known | {(region, "") for region, _ in known} | {("", name) for _, name in known})


def _log_group(told: str, region: str) -> tuple[str, str]:
    """Return Region and name of a log group told by ARN, or by the name that it has in a Region."""
    head, found, name = told.removesuffix(":*").partition(":log-group:")
    return (head.split(":")[3] if head.count(":") > 2 else region, name) if found else (region, told)  # noqa: PLR2004


def kinds_absent(subject: Subject) -> Verdict:
    """Judge the account: no event of the ``kinds``, as the notable-events table names them, took place.

    Evidence: ``cloudtrail:DescribeTrails``, ``cloudtrail:GetEventSelectors``, ``trail:VerifyDigests``,
    ``trail:NotableEvents``.
    """
    return _in_account(subject, _wanted_kinds(listed(subject.parameters, "kinds")), "no such event took place")


def opened_ports_closed(subject: Subject) -> Verdict:
    """Judge the account: an admin port opened to the world was closed again within ``max_minutes``.

    Evidence: ``cloudtrail:DescribeTrails``, ``cloudtrail:GetEventSelectors``, ``trail:VerifyDigests``,
    ``trail:NotableEvents``.
    """
    limit = integer(subject.parameters, "max_minutes")

    def stayed_open(row: Row) -> bool:
        return row["minutes_open"] is None or row["minutes_open"] > limit

    wanted = _wanted_kinds(["port_opened"], stayed_open)
    return _in_account(
        subject, wanted, f"no admin port stayed open to the world for more than {counted(limit, 'minute')}"
    )


def wholly_searched(subject: Subject, criterion: str) -> Verdict:
    """Judge the account: every hour was verified, and a trail records all changes; what is in them is asked elsewhere.

    Evidence: ``cloudtrail:DescribeTrails``, ``cloudtrail:GetEventSelectors``, ``trail:VerifyDigests``,
    ``trail:NotableEvents``.
    """
    return _in_account(subject, _Wanted(fits=lambda _: False), criterion)


def _in_account(subject: Subject, wanted: _Wanted, criterion: str) -> Verdict:
    """Judge by all trails: one verified event suffices to fail, one trail verified in full to pass."""
    verdicts: list[Verdict] = []
    items, missing = listed_trails(subject.evidence)
    for item in items:
        try:
            verdict = _by_events(subject, item, wanted, criterion)
        except EvidenceMissing as signal:
            missing = missing or signal
            continue
        except UNREADABLE as error:
            missing = missing or EvidenceMissing(subject.evidence.blamed(error))
            continue
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


def _by_events(subject: Subject, trail: Mapping[str, Any], wanted: _Wanted, criterion: str) -> Verdict:
    """Judge by the events of one trail: a verified one fails, whatever else of the period was not looked at."""
    view = subject.evidence
    document = _events(view, trail)
    rows = _rows(view, document)
    found = [row for row in rows if wanted.fits(row) and text(row, "outcome") == "Success" and not replaced(row, rows)]
    done = [row for row in found if not wanted.untold(row)]
    shown = [row for row in done if flag(row, "verified")]
    if shown:
        return failed(
            f"{counted(len(shown), 'event')}{led_by(len(shown), _told(shown[0]))}.",
            observed=counted(len(shown), "event"),
            details={"events": [dict(row) for row in shown[:_SHOWN]]},
        )
    if done:
        return not_assessed(f"{counted(len(done), 'event')} in log files that no digest vouches for.")
    if found:
        return not_assessed(
            f"{counted(len(found), 'event')} of which the record does not tell what was set"
            f"{led_by(len(found), _told(found[0]))}."
        )
    report = _report(view, trail)
    verified, asked = _hours(report)
    open_for = _switched_on(rows, wanted) or _unsearched(wanted, document, verified, asked)
    if open_for := open_for or _unlooked(view, trail, report, wanted.region):
        return not_assessed(open_for)
    if unseen := _unseen(trail, trail_selectors(view, trail), wanted):
        return not_assessed(f"{unseen}, so that nothing shows whether such an event took place.", observed=unseen)
    searched = f" Searched for: {', '.join(wanted.names)}." if wanted.names else ""
    return passed(
        f"In {every(asked, 'verified hour')} {criterion}.{searched}",
        observed=f"no event in {counted(asked, 'hour')}",
    )


def _switched_on(rows: Sequence[Row], wanted: _Wanted) -> str:
    """Say what was switched on in the period although nothing shows that it was on before; empty for nothing."""
    late = switched_on_first(rows, wanted.names)
    if late is None:
        return ""
    what = some([optional_text(late, "resource") or "something that is not named"])
    when = optional_text(late, "event_time")
    return f"{text(late, 'event_name')} switched on {what} at {when}: nothing shows that it was on before."


def _unlooked(view: View, trail: Mapping[str, Any], report: Row, region: str = "") -> str:
    """Say in which enabled Regions such events are recorded whose log files were not looked at; empty for none.

    IAM and other global services are recorded in one Region, sign-ins where their endpoint was: all of them count
    unless the events in question are recorded in one.
    """
    if not view.left_out or not flag(trail, "IsMultiRegionTrail"):
        return ""
    chains = optional_list(mapping(report, "coverage"), "chains")
    verified = {optional_text(chain, "region") for chain in chains}
    where = {region} if region else set(view.left_out)
    missing = sorted(where & set(view.left_out) - verified)
    return f"The log files of enabled Regions were not looked at: {', '.join(missing)}." if missing else ""


def _told(row: Row) -> str:
    who, when = some([text(row, "actor")]), text(row, "event_time")
    return f"{text(row, 'event_name')} by {who} at {when} in {text(row, 'region')}{_sets(row)}"


def _sets(row: Row) -> str:
    words = optional_text(row, "sets")
    return f": {words}" if words else ""


def _unsearched(wanted: _Wanted, document: Row, verified: int, asked: int) -> str:
    """Say what of the period was not searched for such events; empty when all of it was."""
    if wanted.unknown:
        return f"Log files are not searched for {some(wanted.unknown)}."
    if integer(document, "omitted"):
        return "There were more notable events than the evidence lists."
    if optional_mapping(document, "source").get("unread"):
        return "The records of some log files could not be read."
    if not asked or verified < asked:
        hours = counted(asked, "hour was", "hours were")
        return f"Only {verified:,} of {hours} verified; the rest could hold such an event."
    return ""


def _unseen(trail: Mapping[str, Any], answer: Mapping[str, Any], wanted: _Wanted) -> str:
    """Say which of the events in question a trail does not record; empty when it records them all."""
    found = selectors.management(answer)
    for access in (selectors.READ, selectors.WRITE) if wanted.reads else (selectors.WRITE,):
        left_out = selectors.left_out(found, access)
        if left_out is None:
            return f"The trail does not record {access} management events in full"
        if left_out and (not wanted.sources or left_out & wanted.sources):
            return f"The trail leaves out management events of {some(sorted(left_out))}"
    if (not wanted.sources or _SIGN_IN in wanted.sources) and not flag(trail, "IncludeGlobalServiceEvents"):
        return "The trail leaves out events of global services"
    return ""


def _rows(view: View, document: Row) -> Sequence[Row]:
    """Return the rows of a notable-events document; one that is not of its form could be anything, and is lacking."""
    rows: list[Row] = []
    for row in listed(document, "rows"):
        with view.going_on():
            for name in ("kind", "event_name", "outcome"):
                text(row, name)
            flag(row, "verified")
            optional_text(row, "actor_type")
            rows.append(row)
    return rows


def _report(view: View, trail: Mapping[str, Any]) -> Mapping[str, Any]:
    return view.page(_DIGESTS, region=text(trail, "HomeRegion"), Name=text(trail, "TrailARN"))


def _events(view: View, trail: Mapping[str, Any]) -> Mapping[str, Any]:
    return view.page(_EVENTS, region=text(trail, "HomeRegion"), Name=text(trail, "TrailARN"))


def _hours(report: Mapping[str, Any]) -> tuple[int, int]:
    coverage = mapping(report, "coverage")
    return integer(coverage, "hours_verified"), integer(coverage, "hours_asked")


def _about(row: Row, trail: Mapping[str, Any]) -> bool:
    """Say whether an event names the trail, by ARN, or by name in its home Region; one without a name could mean it.

    A call by name goes to the home Region: a trail of the same name that is at home elsewhere is another one.
    """
    resource = optional_text(row, "resource")
    if not resource or resource == text(trail, "TrailARN"):
        return True
    return resource == text(trail, "Name") and optional_text(row, "region") in {"", text(trail, "HomeRegion")}

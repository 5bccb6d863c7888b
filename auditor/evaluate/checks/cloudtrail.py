"""Judges trails: what they record, where it goes and who else can reach it.

A trail is seen from several Regions as a shadow of the one in its home Region, and is asked about there, by ARN. A home
Region outside the audit leaves its status unknown, which the view reports as missing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from auditor.base.counts import counted
from auditor.evaluate.checks import selectors
from auditor.evaluate.checks.fields import (
    flag,
    listed,
    mapping,
    moment,
    optional_mapping,
    optional_text,
    some,
    text,
)
from auditor.evaluate.checks.holders import undelivered
from auditor.evaluate.checks.selectors import READ, WRITE, DataEvents, Management
from auditor.evaluate.missing import UNREADABLE, EvidenceMissing, Missing
from auditor.evaluate.subject import Subject
from auditor.evaluate.view import View
from auditor.evidence.unanswered import NOT_COLLECTED
from auditor.model import State, Verdict, failed, not_assessed, passed
from auditor.policies.arn import account_of

_PUBLIC_GROUPS = ("/groups/global/AllUsers", "/groups/global/AuthenticatedUsers")
_DELIVERY_LIMIT = timedelta(hours=24)
"""The benchmark's own bound for deliveries to CloudWatch Logs."""


@dataclass(frozen=True, slots=True)
class Trail:
    """A trail with what its home Region says about it."""

    arn: str
    item: Mapping[str, Any]
    logging: bool
    selectors: Mapping[str, Any]
    unsure: EvidenceMissing | None = None
    """Set where its status was not told, and ``logging`` is what would be best."""

    @property
    def name(self) -> str:
        """The trail's name, for sentences."""
        return self.arn.rpartition("/")[2]

    @property
    def multi_region(self) -> bool:
        """True when it records every Region, with the global services."""
        return flag(self.item, "IsMultiRegionTrail") and flag(self.item, "IncludeGlobalServiceEvents")


def trail_items(view: View) -> tuple[Mapping[str, Any], ...]:
    """Return each trail of the account once, as its home Region shows it where that was asked; sorted by ARN.

    Raises:
        EvidenceMissing: a Region did not answer, so that a trail could be unknown.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for record, item in view.located("cloudtrail:DescribeTrails", "trailList[]"):
        arn = text(item, "TrailARN")
        if arn not in found or record.call.region == text(item, "HomeRegion"):
            found[arn] = item
    return tuple(found[arn] for arn in sorted(found))


def trail_status(view: View, item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the ``GetTrailStatus`` answer of a trail from its home Region."""
    return _asked_at_home(view, "cloudtrail:GetTrailStatus", "Name", item)


def trail_selectors(view: View, item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the ``GetEventSelectors`` answer of a trail from its home Region."""
    return _asked_at_home(view, "cloudtrail:GetEventSelectors", "TrailName", item)


def _asked_at_home(view: View, operation: str, parameter: str, item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a trail's home Region says; where the account may not ask, what the trail's owner was told."""
    home, arn = text(item, "HomeRegion"), text(item, "TrailARN")
    try:
        return view.page(operation, region=home, **{parameter: arn})
    except EvidenceMissing:
        owner = view.beside(account_of(arn))
        if owner is None:
            raise
        if view.lent(owner.account.id) and (why := undelivered(view, item)):
            raise EvidenceMissing(Missing(operation, home, NOT_COLLECTED, why, "", "", arn)) from None
        found = owner.page(operation, region=home, **{parameter: arn})
        view.credit(owner.account.id)
        return found


def trails(view: View, *, everywhere: bool = False) -> tuple[tuple[Trail, ...], EvidenceMissing | None]:
    """Return the trails about which everything is known, and the first answer that is missing about another one.

    Members of an organization often may not ask about the organization's trail; that must not hide their own.

    Args:
        view: the account's evidence.
        everywhere: asks about multi-Region trails only, which every Region shows: one Region that answered shows them
            all. The others are returned as ``DescribeTrails`` lists them, as neither logging nor recording.
    """
    known: list[Trail] = []
    items, missing = listed_trails(view, everywhere=everywhere)
    for item in items:
        unsure: EvidenceMissing | None = None
        try:
            arn = text(item, "TrailARN")
            if everywhere and not (flag(item, "IsMultiRegionTrail") and flag(item, "IncludeGlobalServiceEvents")):
                known.append(Trail(arn, item, False, {}))
                continue
            logging, unsure = _is_logging(view, item)
            selected = trail_selectors(view, item) if logging else {}
            if logging:
                selectors.management(selected)
            known.append(Trail(arn, item, logging, selected, unsure))
        except EvidenceMissing as signal:
            missing = missing or unsure or signal
        except UNREADABLE as error:
            missing = missing or EvidenceMissing(view.blamed(error))
    return tuple(known), missing


def _is_logging(view: View, item: Mapping[str, Any]) -> tuple[bool, EvidenceMissing | None]:
    """Say whether a trail is logging; where nothing tells, that it may be, and what is missing."""
    try:
        return flag(trail_status(view, item), "IsLogging"), None
    except EvidenceMissing as signal:
        return True, signal
    except UNREADABLE as error:
        return True, EvidenceMissing(view.blamed(error))


def decided(
    judge: Callable[[Sequence[Trail]], Verdict], known: Sequence[Trail], missing: EvidenceMissing | None
) -> Verdict:
    """Judge by the trails that are known; a failure is proven when the others could not have prevented it.

    Raises:
        EvidenceMissing: what is missing could be the trail that meets the criterion.
    """
    verdict = judge([trail for trail in known if trail.unsure is None])
    if verdict.state is State.PASS:
        return verdict
    if missing is not None:
        raise missing
    unsure = next((trail.unsure for trail in known if trail.unsure is not None), None)
    if unsure is not None and judge(known).state is not State.FAIL:
        raise unsure
    return verdict


def listed_trails(view: View, *, everywhere: bool = False) -> tuple[list[Mapping[str, Any]], EvidenceMissing | None]:
    """Return each trail that is listed, as its home Region shows it where that answered, and what hides others.

    Nothing hides a multi-Region trail where one Region has answered; a Region that has not is lacking all the same.
    """
    consulted = view.consult(_TRAILS)
    missing = EvidenceMissing(consulted.missing[0][1]) if consulted.missing else None
    if everywhere and consulted.answers:
        missing = None
        for _, gap in consulted.missing:
            view.lack(gap)
    found: dict[str, Mapping[str, Any]] = {}
    for record, pages in consulted.answers:
        view.note(record)
        for item in (item for page in pages for item in listed(page, "trailList")):
            try:
                arn, home = text(item, "TrailARN"), text(item, "HomeRegion")
            except UNREADABLE as error:
                missing = missing or EvidenceMissing(view.blamed(error))
                continue
            if arn not in found or record.call.region == home:
                found[arn] = item
    return [found[arn] for arn in sorted(found)], missing


_TRAILS = "cloudtrail:DescribeTrails"


def records_all_management_events(trail: Trail) -> bool:
    """Say whether one trail alone meets the multi-Region control: everywhere, logging, reads and writes."""
    return trail.multi_region and trail.logging and _access(selectors.management(trail.selectors)) == {READ, WRITE}


def _access(found: tuple[Management, ...]) -> set[str]:
    return {access for item in found if not item.narrowed_by for access in item.access}


def _left_out(found: Sequence[Management]) -> str:
    """Say which events selectors leave out, all of them together; empty for none."""
    by_access = {access: selectors.left_out(found, access) or frozenset() for access in (READ, WRITE)}
    both = by_access[READ] & by_access[WRITE]
    parts = [f"events of {some(sorted(both))}"] if both else []
    parts += [f"{access} events of {some(sorted(names - both))}" for access, names in by_access.items() if names - both]
    return " and ".join(parts)


def multi_region_trail(subject: Subject) -> Verdict:
    """Judge whether a logging multi-Region trail records all management events.

    Two trails that share reads and writes between them are accepted unless ``strict``. Left-out event sources are
    named, not failed: the benchmark does not speak about them.

    Evidence: ``cloudtrail:DescribeTrails``, ``cloudtrail:GetTrailStatus``, ``cloudtrail:GetEventSelectors``.
    """
    return decided(partial(_all_management_events, subject), *trails(subject.evidence, everywhere=True))


def _all_management_events(subject: Subject, known: Sequence[Trail]) -> Verdict:
    candidates = [trail for trail in known if trail.multi_region and trail.logging]
    for trail in candidates:
        if records_all_management_events(trail):
            subject.evidence.credit_only({account_of(trail.arn)})
            subject.evidence.point(trail.item, suffix="/IsMultiRegionTrail")
            left_out = _left_out(selectors.management(trail.selectors))
            note = f"; it leaves out {left_out}" if left_out else ""
            return passed(
                f"The trail {trail.name} is multi-Region, logging, and records read and write management events{note}.",
                observed=f"{trail.name} records all management events{note}",
            )
    together = tuple(item for trail in candidates for item in selectors.management(trail.selectors))
    if _access(together) == {READ, WRITE} and not flag(subject.parameters, "strict"):
        left_out = _left_out(together)
        return passed(
            "No single trail records both, but two logging multi-Region trails together record read and write "
            f"management events{f'; they leave out {left_out}' if left_out else ''}."
        )
    if not known:
        return failed("The account has no trail.", observed="no trail")
    why = "; ".join(_shortcoming(trail) for trail in known[:5])
    return failed(
        f"Of {counted(len(known), 'trail')}, none records all management events of all Regions: {why}.", observed=why
    )


def _shortcoming(trail: Trail) -> str:
    if not flag(trail.item, "IsMultiRegionTrail"):
        return f"{trail.name} records one Region only"
    if not flag(trail.item, "IncludeGlobalServiceEvents"):
        return f"{trail.name} leaves out global services"
    if not trail.logging:
        return f"{trail.name} is not logging"
    access = _access(selectors.management(trail.selectors))
    lacking = sorted({READ, WRITE} - access)
    return f"{trail.name} does not record {' and '.join(lacking)} management events in full"


def object_events_recorded(subject: Subject) -> Verdict:
    """Judge whether ``access`` (read or write) events on the objects of every bucket are recorded.

    Parameters: ``access``. Lists of buckets count when together they name every bucket that exists.

    Evidence: ``cloudtrail:DescribeTrails``, ``cloudtrail:GetTrailStatus``, ``cloudtrail:GetEventSelectors``,
    ``s3:ListBuckets``.
    """
    view = subject.evidence
    names = view.known(lambda: [text(item, "Name") for item in view.items("s3:ListBuckets", "Buckets[]")])
    return decided(partial(_object_events, subject, names), *trails(view, everywhere=True))


def _object_events(subject: Subject, names: Sequence[str] | None, known: Sequence[Trail]) -> Verdict:
    access = text(subject.parameters, "access")
    partition = subject.account.partition
    candidates = [trail for trail in known if trail.multi_region and trail.logging]
    recorded: list[DataEvents] = []
    for trail in candidates:
        found = [
            item
            for item in selectors.data_events(trail.selectors, "AWS::S3::Object", partition=partition)
            if access in item.access
        ]
        if any(item.covers_all() for item in found):
            subject.evidence.credit_only({account_of(trail.arn)})
            subject.evidence.point(trail.item)
            return passed(f"The trail {trail.name} records {access} events on the objects of all buckets.")
        recorded.extend(found)
    if not recorded:
        return failed(f"No logging multi-Region trail records {access} events on S3 objects.")
    if names is None:
        return not_assessed(f"Event selectors record {access} events on objects of named buckets only.")
    uncovered = [name for name in names if not any(item.covers(f"arn:{partition}:s3:::{name}") for item in recorded)]
    if names and not uncovered:
        return passed(
            f"Event selectors list {counted(len(names), 'bucket')} by name; a new bucket would not be recorded."
        )
    return failed(
        f"{access.capitalize()} events are not recorded for {counted(len(uncovered), 'bucket')}: {some(uncovered)}."
        if uncovered
        else f"Event selectors record {access} events on objects of named buckets only, and no bucket exists.",
        details={"uncovered": uncovered[:1000]},
    )


def nowhere(subject: Subject) -> Verdict | None:
    """Fail a trail whose bucket does not exist: what else is asked of that bucket has no answer, and needs none."""
    bucket = text(subject.item, "S3BucketName")
    if not subject.evidence.refused_with("NoSuchBucket", Bucket=bucket):
        return None
    return failed(
        f"The bucket {some([bucket])} does not exist, so the trail delivers nowhere; whoever makes a bucket of that "
        "name would get its log files.",
        observed="NoSuchBucket",
    )


def bucket_not_public(subject: Subject) -> Verdict:
    """Judge the bucket of a trail: neither its ACL nor its policy opens it to everybody.

    Block Public Access, of the account or of the bucket, makes either void; it is only known for the account's own
    buckets.

    Evidence: ``cloudtrail:DescribeTrails`` (population), ``s3:GetBucketAcl``, ``s3:GetBucketPolicyStatus``,
    ``s3:GetPublicAccessBlock``, ``s3control:GetPublicAccessBlock``, ``s3:ListBuckets``.
    """
    if gone := nowhere(subject):
        return gone
    view, bucket = subject.evidence, text(subject.item, "S3BucketName")
    own = bucket in {text(item, "Name") for item in view.items("s3:ListBuckets", "Buckets[]")}
    blocked = effective_block(view, bucket) if own else dict.fromkeys(PUBLIC_ACCESS_FLAGS, False)
    opened: list[Mapping[str, Any]] = []
    public = False
    with view.going_on():
        for grant in listed(view.page("s3:GetBucketAcl", Bucket=bucket), "Grants"):
            with view.going_on():
                opened += [grant] if _to_everybody(grant) else []
    with view.going_on():
        status = view.find("s3:GetBucketPolicyStatus", Bucket=bucket)
        public = status is not None and flag(mapping(status, "PolicyStatus"), "IsPublic")
    if not opened and not public:
        return passed("Neither the bucket's ACL nor its policy grants access to the public.")
    if not own:
        return not_assessed(
            "The bucket belongs to another account and has a public grant; whether Block Public Access makes it void "
            "was not seen."
        )
    if opened and blocked.get("IgnorePublicAcls") is False:
        view.point(opened[0])
        return failed("The bucket's ACL grants access to everybody or to every AWS account.", observed="public ACL")
    if public and blocked.get("RestrictPublicBuckets") is False:
        return failed("AWS rates the bucket's policy as public.", observed="public policy")
    return passed("A public grant exists, but Block Public Access makes it void.")


def _to_everybody(grant: Mapping[str, Any]) -> bool:
    return optional_text(mapping(grant, "Grantee"), "URI").endswith(_PUBLIC_GROUPS)


PUBLIC_ACCESS_FLAGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def blocks_everywhere(answer: Mapping[str, Any] | None) -> bool:
    """Say whether the account's answer sets all flags, so that none of its buckets was asked about."""
    settings = (answer or {}).get("PublicAccessBlockConfiguration")
    return isinstance(settings, dict) and all(settings.get(name) is True for name in PUBLIC_ACCESS_FLAGS)


def effective_block(view: View, bucket: str) -> Mapping[str, bool]:
    """Return the Block Public Access flags that hold for one of the account's own buckets: the account's or its own.

    No configuration, and a flag that AWS left out, means off. A flag that cannot be read is left out and lacking. Where
    the account sets all of them, buckets are not asked: S3 applies the stricter of both.

    Evidence: ``s3control:GetPublicAccessBlock``, ``s3:GetPublicAccessBlock``.
    """
    whole = view.find("s3control:GetPublicAccessBlock")
    if blocks_everywhere(whole):
        return dict.fromkeys(PUBLIC_ACCESS_FLAGS, True)
    answers = whole, view.find("s3:GetPublicAccessBlock", Bucket=bucket)
    settings = [mapping(answer, "PublicAccessBlockConfiguration") for answer in answers if answer is not None]
    found: dict[str, bool] = {}
    for name in PUBLIC_ACCESS_FLAGS:
        with view.going_on():
            found[name] = True in [flag(one, name) for one in settings if name in one]
    return found


def cloudwatch_delivery(subject: Subject) -> Verdict:
    """Judge one trail: it names a log group and delivered to it within the last day.

    Evidence: ``cloudtrail:DescribeTrails`` (population), ``cloudtrail:GetTrailStatus``.
    """
    if not optional_text(subject.item, "CloudWatchLogsLogGroupArn"):
        return failed("The trail names no log group.", observed="no log group")
    status = trail_status(subject.evidence, subject.item)
    if status.get("LatestCloudWatchLogsDeliveryTime") is None:
        return failed("The trail names a log group but never delivered to it.", observed="never delivered")
    delivered = moment(status, "LatestCloudWatchLogsDeliveryTime")
    error = optional_text(status, "LatestCloudWatchLogsDeliveryError")
    note = f"; the last attempt failed with {some([error])}" if error else ""
    sentence = f"The last delivery to the log group was at {delivered:%Y-%m-%d %H:%M} UTC{note}."
    verdict = failed if subject.as_of - delivered > _DELIVERY_LIMIT else passed
    return verdict(sentence, observed=f"delivered {delivered:%Y-%m-%d %H:%M} UTC{note}")


def bucket_access_logging(subject: Subject) -> Verdict:
    """Judge the bucket of a trail: server access logging names a target bucket.

    Evidence: ``cloudtrail:DescribeTrails`` (population), ``s3:GetBucketLogging``.
    """
    if gone := nowhere(subject):
        return gone
    bucket = text(subject.item, "S3BucketName")
    enabled = optional_mapping(subject.evidence.page("s3:GetBucketLogging", Bucket=bucket), "LoggingEnabled")
    target = optional_text(enabled, "TargetBucket")
    if not target:
        return failed("Server access logging is off for the bucket.", observed="access logging off")
    note = ", which is the bucket itself: the log can grow by being written" if target == bucket else ""
    return passed(
        f"Server access logs of the bucket go to {some([target])}{note}.", observed=f"target {some([target])}"
    )

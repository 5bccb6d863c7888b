"""Judges trails: what they record, where it goes and who else can reach it.

A trail is seen from several Regions as a shadow of the one in its home Region, and is asked about there, by ARN. A home
Region outside the audit leaves its status unknown, which the view reports as missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from auditor.evaluate.checks import selectors
from auditor.evaluate.checks.fields import (
    counted,
    flag,
    listed,
    mapping,
    moment,
    optional_mapping,
    optional_text,
    some,
    text,
)
from auditor.evaluate.checks.selectors import READ, WRITE, DataEvents, Management
from auditor.evaluate.library import EvidenceMissing
from auditor.evaluate.view import Subject, View
from auditor.model import Verdict, failed, not_assessed, passed
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
        return owner.page(operation, region=home, **{parameter: arn})


def trails(view: View) -> tuple[tuple[Trail, ...], EvidenceMissing | None]:
    """Return the trails about which everything is known, and the first answer that is missing about another one.

    Members of an organization often may not ask about the organization's trail; that must not hide their own.
    """
    known: list[Trail] = []
    missing: EvidenceMissing | None = None
    for item in trail_items(view):
        try:
            status, selected = trail_status(view, item), trail_selectors(view, item)
        except EvidenceMissing as signal:
            missing = missing or signal
            continue
        known.append(Trail(text(item, "TrailARN"), item, flag(status, "IsLogging"), selected))
    return tuple(known), missing


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
    known, missing = trails(subject.evidence)
    candidates = [trail for trail in known if trail.multi_region and trail.logging]
    for trail in candidates:
        if records_all_management_events(trail):
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
    if missing is not None:
        raise missing
    if not known:
        return failed("The account has no trail.", observed="no trail")
    why = "; ".join(_shortcoming(trail) for trail in known[:5])
    return failed(
        f"None of {counted(len(known), 'trail')} records all management events of all Regions: {why}.", observed=why
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
    access = text(subject.parameters, "access")
    partition = subject.account.partition
    names = [text(item, "Name") for item in subject.evidence.items("s3:ListBuckets", "Buckets[]")]
    known, missing = trails(subject.evidence)
    candidates = [trail for trail in known if trail.multi_region and trail.logging]
    recorded: list[DataEvents] = []
    for trail in candidates:
        found = [
            item
            for item in selectors.data_events(trail.selectors, "AWS::S3::Object", partition=partition)
            if access in item.access
        ]
        if any(item.covers_all() for item in found):
            subject.evidence.point(trail.item)
            return passed(f"The trail {trail.name} records {access} events on the objects of all buckets.")
        recorded.extend(found)
    uncovered = [name for name in names if not any(item.covers(f"arn:{partition}:s3:::{name}") for item in recorded)]
    if recorded and names and not uncovered:
        return passed(
            f"Event selectors name each of {counted(len(names), 'bucket')}; a new bucket would not be recorded."
        )
    if missing is not None:
        raise missing
    if not recorded:
        return failed(f"No logging multi-Region trail records {access} events on S3 objects.")
    return failed(
        f"{access.capitalize()} events are not recorded for {counted(len(uncovered), 'bucket')}: {some(uncovered)}."
        if uncovered
        else f"Event selectors record {access} events on objects of named buckets only, and no bucket exists.",
        details={"uncovered": uncovered[:1000]},
    )


def bucket_not_public(subject: Subject) -> Verdict:
    """Judge the bucket of a trail: neither its ACL nor its policy opens it to everybody.

    Block Public Access, of the account or of the bucket, makes either void; it is only known for the account's own
    buckets.

    Evidence: ``cloudtrail:DescribeTrails`` (population), ``s3:GetBucketAcl``, ``s3:GetBucketPolicyStatus``,
    ``s3:GetPublicAccessBlock``, ``s3control:GetPublicAccessBlock``, ``s3:ListBuckets``.
    """
    view, bucket = subject.evidence, text(subject.item, "S3BucketName")
    own = bucket in {text(item, "Name") for item in view.items("s3:ListBuckets", "Buckets[]")}
    blocked = effective_block(view, bucket) if own else dict.fromkeys(PUBLIC_ACCESS_FLAGS, False)
    grants = listed(view.page("s3:GetBucketAcl", Bucket=bucket), "Grants")
    status = view.find("s3:GetBucketPolicyStatus", Bucket=bucket)
    opened = [grant for grant in grants if _to_everybody(grant)]
    public = status is not None and flag(mapping(status, "PolicyStatus"), "IsPublic")
    if not opened and not public:
        return passed("Neither the bucket's ACL nor its policy grants access to the public.")
    if not own:
        return not_assessed(
            "The bucket belongs to another account and has a public grant; whether Block Public Access makes it void "
            "was not seen."
        )
    if opened and not blocked["IgnorePublicAcls"]:
        view.point(opened[0])
        return failed("The bucket's ACL grants access to everybody or to every AWS account.", observed="public ACL")
    if public and not blocked["RestrictPublicBuckets"]:
        return failed("AWS rates the bucket's policy as public.", observed="public policy")
    return passed("A public grant exists, but Block Public Access makes it void.")


def _to_everybody(grant: Mapping[str, Any]) -> bool:
    return optional_text(mapping(grant, "Grantee"), "URI").endswith(_PUBLIC_GROUPS)


PUBLIC_ACCESS_FLAGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def effective_block(view: View, bucket: str) -> Mapping[str, bool]:
    """Return the Block Public Access flags that hold for one of the account's own buckets: the account's or its own.

    Evidence: ``s3control:GetPublicAccessBlock``, ``s3:GetPublicAccessBlock``.
    """
    account = _flags(view.find("s3control:GetPublicAccessBlock"))
    single = _flags(view.find("s3:GetPublicAccessBlock", Bucket=bucket))
    return {name: account[name] or single[name] for name in PUBLIC_ACCESS_FLAGS}


def _flags(answer: Mapping[str, Any] | None) -> Mapping[str, bool]:
    """Read the four flags; no configuration, and a flag that AWS left out, means off."""
    found = mapping(answer, "PublicAccessBlockConfiguration") if answer is not None else {}
    return {name: flag(found, name) if name in found else False for name in PUBLIC_ACCESS_FLAGS}


def cloudwatch_delivery(subject: Subject) -> Verdict:
    """Judge one trail: it names a log group and delivered to it within the last day.

    Evidence: ``cloudtrail:DescribeTrails`` (population), ``cloudtrail:GetTrailStatus``.
    """
    status = trail_status(subject.evidence, subject.item)
    if not optional_text(subject.item, "CloudWatchLogsLogGroupArn"):
        return failed("The trail names no log group.", observed="no log group")
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
    bucket = text(subject.item, "S3BucketName")
    enabled = optional_mapping(subject.evidence.page("s3:GetBucketLogging", Bucket=bucket), "LoggingEnabled")
    target = optional_text(enabled, "TargetBucket")
    if not target:
        return failed("Server access logging is off for the bucket.", observed="access logging off")
    note = ", which is the bucket itself: the log can grow by being written" if target == bucket else ""
    return passed(
        f"Server access logs of the bucket go to {some([target])}{note}.", observed=f"target {some([target])}"
    )

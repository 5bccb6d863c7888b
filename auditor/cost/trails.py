"""The trails of an account as the cost of logging needs them: what each records, where, and how much that was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from auditor.base.period import parse_time
from auditor.cost.estimate import NotKnown
from auditor.cost.facts import UNREADABLE, Answered, Facts, count, listed, optional_text, text

AREA: Final = "trails"


@dataclass(frozen=True, slots=True)
class Volume:
    """What the verified log files of a trail held in the period.

    Args:
        records: in them; None where nobody counted.
        files: log files that were read.
        stored: bytes of them as stored, compressed.
        inflated: bytes of them inflated.
        missing: log files that were expected and not counted.
        ref: where this stands.
    """

    records: int | None
    files: int
    stored: int
    inflated: int
    missing: int
    ref: str


@dataclass(frozen=True, slots=True)
class Trail:
    """One trail that records, or of which it is not known whether it does.

    Args:
        arn: its ARN; shadow trails of other Regions are the same one.
        name: its name.
        home: its home Region.
        regions: the Regions of the audit that it records.
        organization: whether it records all accounts of an organization.
        bucket: where log files go.
        prefix: below which.
        key: the KMS key; empty without one.
        log_group: ARN of its log group without ``:*``; empty without one.
        logging: whether it records; None where that is not known.
        selectors: a ``GetEventSelectors`` answer; None where it is missing.
        insights: the kinds of Insights by event category; None where that is not known.
        volume: what was counted; None where nobody did.
        delivery_error: why CloudTrail could not deliver the last time; empty when it could.
        refs: where all this stands.
    """

    arn: str
    name: str
    home: str
    regions: tuple[str, ...]
    organization: bool
    bucket: str
    prefix: str
    key: str
    log_group: str
    logging: bool | None = None
    selectors: Mapping[str, Any] | None = None
    insights: tuple[tuple[str, str], ...] | None = None
    volume: Volume | None = None
    delivery_error: str = ""
    refs: tuple[str, ...] = ()


def trails(facts: Facts) -> tuple[tuple[Trail, ...], tuple[NotKnown, ...]]:
    """Return the trails of an account, sorted by ARN, and what is not known of them."""
    regions = facts.account.regions
    answered = facts.everywhere("cloudtrail:DescribeTrails", "trailList")
    found, lost = facts.each(answered, lambda _, item: _trail(item, regions), AREA, "further trails")
    by_arn: dict[str, Trail] = {}
    for _, ref, trail in found:
        known = by_arn.get(trail.arn, trail)
        by_arn[trail.arn] = replace(known, refs=(*known.refs, ref))
    whole = []
    for _, trail in sorted(by_arn.items()):
        told, gaps = _with_answers(facts, trail)
        whole.append(told)
        lost += gaps
    return tuple(whole), tuple(lost)


def _trail(item: Mapping[str, Any], regions: tuple[str, ...]) -> Trail:
    home = text(item, "HomeRegion")
    several = item["IsMultiRegionTrail"] is True
    return Trail(
        arn=text(item, "TrailARN"),
        name=text(item, "Name"),
        home=home,
        regions=regions if several else tuple(region for region in regions if region == home),
        organization=item.get("IsOrganizationTrail") is True,
        bucket=text(item, "S3BucketName"),
        prefix=optional_text(item, "S3KeyPrefix"),
        key=optional_text(item, "KmsKeyId"),
        log_group=optional_text(item, "CloudWatchLogsLogGroupArn").removesuffix(":*"),
    )


def _with_answers(facts: Facts, trail: Trail) -> tuple[Trail, list[NotKnown]]:
    """Add what other operations say of one trail."""
    lost: list[NotKnown] = []
    status = _one(facts, trail, "cloudtrail:GetTrailStatus", "Name", "whether it records", lost)
    if status is not None:
        trail = replace(
            trail,
            logging=status["IsLogging"] if isinstance(status.get("IsLogging"), bool) else None,
            delivery_error=str(status.get("LatestDeliveryError") or ""),
        )
    if trail.logging is False:
        return trail, lost
    selectors = _one(facts, trail, "cloudtrail:GetEventSelectors", "TrailName", "what it records", lost)
    if selectors is not None and not _readable(selectors):
        why = "its event selectors do not have the documented form"
        lost.append(NotKnown(AREA, f"{trail.name}: what it records", why, facts.account.id, trail.home, gap=True))
        selectors = None
    trail = replace(trail, selectors=selectors)
    trail = replace(trail, insights=_insights(facts, trail, lost), volume=_volume(facts, trail, lost))
    return trail, lost


def _readable(selectors: Mapping[str, Any]) -> bool:
    """Say whether selectors of either kind are there, as mappings."""
    told = [selectors[name] for name in ("EventSelectors", "AdvancedEventSelectors") if selectors.get(name) is not None]
    return bool(told) and all(
        isinstance(listed, list) and all(isinstance(item, Mapping) for item in listed) for listed in told
    )


def _one(
    facts: Facts, trail: Trail, operation: str, parameter: str, what: str, lost: list[NotKnown]
) -> Mapping[str, Any] | None:
    answered = facts.pages(operation, **{parameter: trail.arn})
    lost += facts.not_known(answered, AREA, f"{trail.name}: {what}")
    return answered.items[0][2] if answered.items else None


def _insights(facts: Facts, trail: Trail, lost: list[NotKnown]) -> tuple[tuple[str, str], ...] | None:
    """Return kinds of Insights with the category that they look at; an absent answer means that there are none."""
    answered = facts.pages("cloudtrail:GetInsightSelectors", TrailName=trail.arn)
    lost += facts.not_known(answered, "insights", f"{trail.name}: which Insights are on")
    if answered.gaps:
        return None
    try:
        return tuple(
            sorted(
                (text(item, "InsightType"), str(category))
                for _, _, page in answered.items
                for item in listed(page, "InsightSelectors")
                for category in item.get("EventCategories") or ("Management",)
            )
        )
    except UNREADABLE:
        why = "the answer does not have the documented form"
        lost.append(NotKnown("insights", f"{trail.name}: which Insights are on", why, facts.account.id, gap=True))
        return None


def _volume(facts: Facts, trail: Trail, lost: list[NotKnown]) -> Volume | None:
    """Return what trail verification counted; a run may have left it out."""
    verified = facts.pages("trail:VerifyDigests", Name=trail.arn)
    noted = facts.pages("trail:NotableEvents", Name=trail.arn)
    what = f"{trail.name}: how much it recorded"
    if not verified.items:
        why = verified.gaps[0] if verified.gaps else "its log files were not read"
        lost.append(NotKnown(AREA, what, why, facts.account.id, gap=True))
        return None
    _, ref, page = verified.items[0]
    try:
        logs = page["counts"]["logs"]
        return Volume(
            records=_records(noted),
            files=count(logs, "valid") + count(logs, "unvouched") + count(logs, "altered"),
            stored=count(logs, "stored_bytes"),
            inflated=count(logs, "inflated_bytes"),
            missing=count(logs, "missing") + count(logs, "unreadable") + count(logs, "unchecked"),
            ref=ref,
        )
    except UNREADABLE:
        lost.append(NotKnown(AREA, what, f"{ref} does not have the documented form", facts.account.id, gap=True))
        return None


def _records(noted: Answered) -> int | None:
    try:
        return count(noted.items[0][2]["source"], "records")
    except UNREADABLE:
        return None


def oldest(facts: Facts, trail: Trail) -> datetime | None:
    """Return when the oldest log file of a trail's home Region was written; None where that is not known."""
    for _, _, page in facts.pages("s3:ListObjectsV2", Bucket=trail.bucket).items:
        if text_of(page.get("Prefix")).endswith(f"/{trail.home}/") and (first := page.get("Contents")):
            try:
                return parse_time(text(first[0], "LastModified"))
            except UNREADABLE:
                return None
    return None


def text_of(value: Any) -> str:
    """Return a text, or nothing where it is none."""
    return value if isinstance(value, str) else ""


def recording(found: Sequence[Trail]) -> tuple[Trail, ...]:
    """Return the trails that record."""
    return tuple(trail for trail in found if trail.logging)

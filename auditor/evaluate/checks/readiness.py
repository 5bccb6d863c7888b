"""Judges what benchmarks leave out around trails: what selectors lose, whether deliveries arrive, how logs are kept."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from auditor.base.counts import counted
from auditor.evaluate.checks import selectors
from auditor.evaluate.checks.cloudtrail import Trail, decided, trail_selectors, trail_status, trails
from auditor.evaluate.checks.fields import (
    flag,
    integer,
    listed,
    optional_list,
    optional_moment,
    optional_text,
    some,
    text,
)
from auditor.evaluate.missing import EvidenceMissing
from auditor.evaluate.subject import Subject
from auditor.evaluate.view import View
from auditor.model import Verdict, failed, not_applicable, not_assessed, passed
from auditor.policies.arn import account_of, region_of

_INSIGHTS = ("ApiCallRateInsight", "ApiErrorRateInsight")


def selectors_leave_nothing_out(subject: Subject) -> Verdict:
    """Judge one trail that records management events: no source is excluded and no field narrows them.

    Selectors add up: what one leaves out and another one records is recorded.

    Evidence: ``cloudtrail:DescribeTrails`` (population), ``cloudtrail:GetEventSelectors``.
    """
    found = selectors.management(trail_selectors(subject.evidence, subject.item))
    if not found:
        return not_applicable("The trail records no management events.")
    recorded = {access for item in found for access in item.access}
    by_access = {access: selectors.left_out(found, access) for access in sorted(recorded)}
    excluded = sorted({source for sources in by_access.values() for source in sources or ()})
    if excluded:
        return failed(f"The trail leaves out management events of {some(excluded)}.", observed=some(excluded))
    if None in by_access.values():
        narrowed = sorted({name for item in found for name in item.narrowed_by})
        return failed(f"Selectors narrow management events by {some(narrowed)}.", observed=some(narrowed))
    return passed("Together the trail's selectors exclude no event source and narrow by no field.")


def data_events(subject: Subject) -> Verdict:
    """Judge whether logging multi-Region trails record data events on every resource of each of the ``types``.

    A selector for some buckets or functions says nothing of the others. Whether reads and writes are recorded is the
    question of controls of their own; one of them is enough here, and the reason says which.

    Evidence: ``cloudtrail:DescribeTrails``, ``cloudtrail:GetTrailStatus``, ``cloudtrail:GetEventSelectors``; consulted:
    ``cloudtrail:GetEventConfiguration``, which tells of summaries. They stand for no data event.
    """
    return decided(partial(_data_events, subject), *trails(subject.evidence, everywhere=True))


def _data_events(subject: Subject, known: Sequence[Trail]) -> Verdict:
    answers = [trail.selectors for trail in known if trail.multi_region and trail.logging]
    recorded, in_part, lacking = [], [], []
    for kind in map(str, listed(subject.parameters, "types")):
        found = [
            item
            for answer in answers
            for item in selectors.data_events(answer, kind, partition=subject.account.partition)
        ]
        access = sorted({access for item in found if item.covers_all() for access in item.access})
        if access:
            all_of_it = tuple(access) == selectors.accesses(kind)
            recorded.append(kind if all_of_it else f"{kind} ({access[0]} events only)")
        elif found:
            in_part.append(f"{kind} ({some([item.limits() for item in found])})")
        else:
            lacking.append(kind)
    summed = _summed_up(subject.evidence)
    if not lacking and not in_part:
        return passed(f"Data events are recorded for {some(recorded)}.{summed}", observed=some(recorded))
    parts = [f"No data events are recorded for {some(lacking)}." if lacking else ""]
    parts.append(f"Data events are recorded in part for {some(in_part)}." if in_part else "")
    observed = [f"missing: {some(lacking)}" if lacking else "", f"in part: {some(in_part)}" if in_part else ""]
    return failed(" ".join(filter(None, parts)) + summed, observed="; ".join(filter(None, observed)))


def _summed_up(view: View) -> str:
    """Say which trails write summaries of data events every five minutes; nothing where that is not known."""
    found = []
    for record, pages in view.consult("cloudtrail:GetEventConfiguration").answers:
        if any(page.get("AggregationConfigurations") for page in pages if isinstance(page, Mapping)):
            view.note(record)
            found.append(str(dict(record.call.parameters).get("TrailName", "")))
    if not found:
        return ""
    return f" Summaries of data events are written by {some(sorted(found))}; they replace none of them."


def insights(subject: Subject) -> Verdict:
    """Judge one trail: Insights on call rates and on error rates are enabled, both on management events.

    A selector that does not name categories of events is on those; one on data events alone says nothing of them.

    Evidence: ``cloudtrail:DescribeTrails`` (population), ``cloudtrail:GetInsightSelectors``.
    """
    arn, home = text(subject.item, "TrailARN"), text(subject.item, "HomeRegion")
    answer = subject.evidence.find("cloudtrail:GetInsightSelectors", region=home, TrailName=arn)
    found = listed(answer, "InsightSelectors") if answer is not None else ()
    chosen = [text(item, "InsightType") for item in found if _on_management(item)]
    lacking = [name for name in _INSIGHTS if name not in chosen]
    if lacking:
        elsewhere = " Those that are look at data events alone." if len(chosen) < len(found) else ""
        return failed(
            f"Insights on management events are not enabled: {some(lacking)}.{elsewhere}",
            observed=f"missing: {some(lacking)}",
        )
    return passed("Insights on call rates and error rates are enabled.", observed=some(chosen))


def _on_management(selector: Mapping[str, Any]) -> bool:
    categories = optional_list(selector, "EventCategories")
    return not categories or "Management" in categories


def delivery_current(subject: Subject) -> Verdict:
    """Judge one logging trail: the last log file arrived within ``max_hours`` and without error.

    Evidence: ``cloudtrail:DescribeTrails`` (population), ``cloudtrail:GetTrailStatus``.
    """
    status = trail_status(subject.evidence, subject.item)
    if not flag(status, "IsLogging"):
        return failed("The trail is not logging.", observed="not logging")
    limit = timedelta(hours=integer(subject.parameters, "max_hours"))
    return _delivered(
        "log file",
        optional_moment(status, "LatestDeliveryTime"),
        optional_text(status, "LatestDeliveryError"),
        limit,
        subject.as_of,
    )


def digest_delivery_current(subject: Subject) -> Verdict:
    """Judge one validated trail: the last digest arrived within ``max_hours`` and without error.

    Evidence: ``cloudtrail:DescribeTrails`` (population), ``cloudtrail:GetTrailStatus``. Digests come hourly
    (CloudTrail User Guide, "CloudTrail digest file structure").
    """
    status = trail_status(subject.evidence, subject.item)
    limit = timedelta(hours=integer(subject.parameters, "max_hours"))
    return _delivered(
        "digest file",
        optional_moment(status, "LatestDigestDeliveryTime"),
        optional_text(status, "LatestDigestDeliveryError"),
        limit,
        subject.as_of,
    )


def _delivered(what: str, last: datetime | None, error: str, limit: timedelta, as_of: datetime) -> Verdict:
    if error:
        return failed(f"The last delivery of a {what} failed with {some([error])}.", observed=some([error]))
    if last is None:
        return failed(f"No {what} was ever delivered.", observed="never delivered")
    sentence = f"The last {what} arrived at {last:%Y-%m-%d %H:%M} UTC"
    hours = int(limit.total_seconds() // 3600)
    if as_of - last > limit:
        return failed(
            f"{sentence}, more than {counted(hours, 'hour')} before the audit.", observed=f"{last:%Y-%m-%d %H:%M} UTC"
        )
    return passed(f"{sentence}, within {counted(hours, 'hour')} of the audit.", observed=f"{last:%Y-%m-%d %H:%M} UTC")


def key_usable(subject: Subject) -> Verdict:
    """Judge the KMS key of one trail: customer-made and enabled. A disabled key stops delivery.

    Evidence: ``cloudtrail:DescribeTrails`` (population), ``kms:DescribeKey``.
    """
    arn = optional_text(subject.item, "KmsKeyId")
    if not arn:
        return not_applicable("The trail uses no KMS key.")
    key = _key(subject.evidence, arn)
    if key is None:
        if account_of(arn) != subject.account.id:
            return not_assessed("The key belongs to another account and was not seen.")
        if region_of(arn) not in subject.account.regions:
            return not_assessed("The key is in a Region that is not part of the audit and was not seen.")
        return failed("The trail's KMS key does not exist in the Regions of the audit.", observed="no such key")
    subject.evidence.point(key)
    manager, state = text(key, "KeyManager"), text(key, "KeyState")
    observed = f"{manager} key, {state}"
    if manager != "CUSTOMER" or state != "Enabled":
        return failed(f"The trail's key is managed by {manager} and its state is {state}.", observed=observed)
    return passed("The trail's key is customer-made and enabled.", observed=observed)


def _key(view: View, arn: str) -> Mapping[str, Any] | None:
    """Return what KMS says of one key; None when it is not among those of the audit.

    Raises:
        EvidenceMissing: it, or the list that it would stand in, was not answered; other keys do not matter.
    """
    described = view.consult("kms:DescribeKey")
    for record, pages in described.answers:
        for page in pages:
            metadata = page.get("KeyMetadata")
            if isinstance(metadata, dict) and metadata.get("Arn") == arn:
                view.note(record)
                return metadata
    region = region_of(arn)
    gap = described.gap(region, KeyId=arn.rpartition("/")[2]) or described.gap(region)
    if gap is not None:
        raise EvidenceMissing(gap)
    for record, _ in described.answers:
        view.note(record)
    return None


def no_duplicate_copies(subject: Subject) -> Verdict:
    """Judge the account: no Region's management events are recorded by more than one logging trail.

    Evidence: ``cloudtrail:DescribeTrails``, ``cloudtrail:GetTrailStatus``, ``cloudtrail:GetEventSelectors``.
    """
    known, missing = trails(subject.evidence)
    missing = missing or next((trail.unsure for trail in known if trail.unsure is not None), None)
    recording = [
        trail for trail in known if trail.logging and trail.unsure is None and selectors.management(trail.selectors)
    ]
    repeated = _repeated(recording, subject.account.regions)
    if repeated:
        region, names = repeated[0]
        return failed(
            f"In {counted(len(repeated), 'Region')}, {region} among them, several trails record management events: "
            f"{some(names)}.",
            observed=some(names),
        )
    if missing is not None:
        raise missing
    subject.evidence.everywhere("cloudtrail:DescribeTrails")
    if not recording:
        return not_applicable("No trail records management events.")
    return passed("No Region's management events are recorded more than once.")


def _repeated(recording: list[Trail], regions: tuple[str, ...]) -> list[tuple[str, list[str]]]:
    """Return the Regions in which the same kind of event goes to more than one trail, with the trails' names."""
    found = []
    for region in regions:
        here = [item for item in recording if item.multi_region or text(item.item, "HomeRegion") == region]
        for access in (selectors.READ, selectors.WRITE):
            names = [
                item.name
                for item in here
                if any(access in selected.access for selected in selectors.management(item.selectors))
            ]
            if len(names) > 1:
                found.append((region, names))
                break
    return found


def log_group_retention(subject: Subject) -> Verdict:
    """Judge one log group: events are kept for ``keep_days`` at least; groups that never expire are.

    Evidence: ``logs:DescribeLogGroups`` (population).
    """
    keep = integer(subject.parameters, "keep_days")
    if subject.item.get("retentionInDays") is None:
        return passed("Events of the log group never expire.", observed="never expires")
    days = integer(subject.item, "retentionInDays")
    sentence = f"The log group keeps events for {counted(days, 'day')}; {keep:,} are asked for."
    return (failed if days < keep else passed)(sentence, observed=counted(days, "day"), pointer="/retentionInDays")


def trail_log_group_retention(subject: Subject) -> Verdict:
    """Judge the log group of one trail: events are readable there for ``keep_days`` at least.

    Evidence: ``cloudtrail:DescribeTrails`` (population), ``logs:DescribeLogGroups``.
    """
    groups = subject.evidence.items("logs:DescribeLogGroups", "logGroups[]", region=text(subject.item, "HomeRegion"))
    arn = optional_text(subject.item, "CloudWatchLogsLogGroupArn").removesuffix(":*")
    if not arn:
        return not_applicable("The trail delivers to no log group.")
    group = next((item for item in groups if text(item, "arn").removesuffix(":*") == arn), None)
    if group is None:
        if account_of(arn) != subject.account.id:
            return not_assessed("The log group belongs to another account and was not seen.")
        return failed("The trail's log group does not exist.", observed="no such log group")
    subject.evidence.point(group)
    keep = integer(subject.parameters, "keep_days")
    if optional_text(group, "logGroupClass") == "DELIVERY":
        return failed("The trail's log group is of class DELIVERY, whose events AWS keeps for a day or two.")
    if group.get("retentionInDays") is None:
        return passed("Events of the trail's log group never expire.", observed="never expires")
    days = integer(group, "retentionInDays")
    sentence = f"The trail's log group keeps events for {counted(days, 'day')}; {keep:,} are asked for."
    return (failed if days < keep else passed)(sentence, observed=counted(days, "day"))

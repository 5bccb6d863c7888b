"""What other selectors of a trail would save, and which events of the period they would no longer record.

Proposes nothing by itself: every proposal says what is lost, for a person to judge.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from auditor.cost.estimate import Pricing, number
from auditor.cost.recorded import Counts
from auditor.cost.selectors import DATA, MANAGEMENT, Group, records
from auditor.cost.trails import Trail

OBJECTS: Final = "AWS::S3::Object"
_MOST_BUCKETS: Final = 3
"""Buckets whose reads are looked at, those with most of them first."""
_MOST_LOST: Final = 50
_READ_ONLY: Final = {"ReadOnly": "true", "WriteOnly": "false"}

Selector = dict[str, Any]


def advice(pricing: Pricing, trails: Sequence[Trail], counts: Counts) -> Iterator[dict[str, Any]]:
    """Yield what could be left out, each as a JSON-ready document; the largest saving of a trail is not always wise.

    Args:
        pricing: of the account.
        trails: those that record.
        counts: the events of the period.
    """
    for trail in trails:
        before = advanced(trail.selectors)
        if before is None:
            continue
        for title, after in _candidates(trails, before, counts):
            found = _checked(pricing, trail, trails, counts, title, after)
            if found["usd_saved_a_month"] > 0:
                yield found


def advanced(answer: Mapping[str, Any] | None) -> list[Selector] | None:
    """Return a trail's selectors as advanced ones that record the same; None where they cannot be read."""
    if answer is None:
        return None
    try:
        if found := answer.get("AdvancedEventSelectors"):
            return [{**item, "FieldSelectors": [_read(part) for part in item["FieldSelectors"]]} for item in found]
        return [made for item in answer.get("EventSelectors") or () for made in _advanced(item)]
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _read(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return one field of a selector.

    Raises:
        TypeError, KeyError, ValueError: it does not have the documented form.
    """
    values = [value for name, value in part.items() if name != "Field"]
    if not isinstance(part["Field"], str) or not all(value is None or isinstance(value, list) for value in values):
        raise TypeError("Field")
    return dict(part)


def _advanced(classic: Mapping[str, Any]) -> Iterator[Selector]:
    access = _READ_ONLY.get(classic.get("ReadWriteType", "All"))
    narrow = [_field("readOnly", "Equals", access)] if access else []
    if classic.get("IncludeManagementEvents", True):
        out = classic.get("ExcludeManagementEventSources") or ()
        yield _selector(MANAGEMENT, *narrow, *([_field("eventSource", "NotEquals", *out)] if out else []))
    for resource in classic.get("DataResources") or ():
        values = [str(value) for value in resource.get("Values") or ()]
        if values:
            whole = any(value.count(":") <= 2 or value.endswith(":::") for value in values)  # noqa: PLR2004 - arn:aws:s3
            arns = [value if "/" in value or ":s3:::" not in value else f"{value}/" for value in values]
            place = [] if whole else [_field("resources.ARN", "StartsWith", *arns)]
            yield _selector(DATA, _field("resources.type", "Equals", resource["Type"]), *place, *narrow)


def _selector(category: str, *fields: Mapping[str, Any]) -> Selector:
    return {"FieldSelectors": [_field("eventCategory", "Equals", category), *fields]}


def _field(name: str, operator: str, *values: str) -> dict[str, Any]:
    return {"Field": name, operator: list(values)}


# -------------------------------------------------------------------------------------------------- candidates


def _candidates(
    trails: Sequence[Trail], before: list[Selector], counts: Counts
) -> Iterator[tuple[str, list[Selector]]]:
    """Yield titles and selectors to try."""
    for bucket in sorted({other.bucket for other in trails}):
        yield f"leave out objects of {bucket}, where log files are written", _without(before, _arn(bucket), reads=False)
    reads: Counter[str] = Counter()
    for group in counts.groups:
        if group.category == DATA and group.type == OBJECTS and group.read_only:
            reads[group.resource] += group.number
    for arn, _ in reads.most_common(_MOST_BUCKETS):
        name = arn.rpartition(":")[2].removesuffix("/")
        yield f"leave out reads of objects of {name}", _without(before, arn, reads=True)
    if len(trails) > 1:
        kept = [item for item in before if not _is(item, "eventCategory", MANAGEMENT)]
        yield "leave out management events, which other trails record", kept


def _arn(bucket: str) -> str:
    return f"arn:aws:s3:::{bucket}/"


def _is(selector: Selector, field: str, value: str) -> bool:
    return any(part["Field"] == field and value in (part.get("Equals") or ()) for part in selector["FieldSelectors"])


def _without(selectors: list[Selector], arn: str, *, reads: bool) -> list[Selector]:
    """Return selectors that record no events on the objects of one bucket, or no reads of them."""
    found: list[Selector] = []
    for selector in selectors:
        if not (_is(selector, "eventCategory", DATA) and _is(selector, "resources.type", OBJECTS)):
            found.append(selector)
        elif not reads:
            found.append(_narrowed(selector, arn))
        elif _is(selector, "readOnly", "false"):
            found.append(selector)
        elif _is(selector, "readOnly", "true"):
            found.append(_narrowed(selector, arn))
        else:
            fields = selector["FieldSelectors"]
            found.append({**selector, "FieldSelectors": [*fields, _field("readOnly", "Equals", "false")]})
            found.append(
                _narrowed({**selector, "FieldSelectors": [*fields, _field("readOnly", "Equals", "true")]}, arn)
            )
    return found


def _narrowed(selector: Selector, arn: str) -> Selector:
    """Add to the field of ARNs, which may stand in a selector once, that a beginning is left out."""
    fields = [dict(part) for part in selector["FieldSelectors"]]
    place = next((part for part in fields if part["Field"] == "resources.ARN"), None)
    if place is None:
        return {**selector, "FieldSelectors": [*fields, _field("resources.ARN", "NotStartsWith", arn)]}
    place["NotStartsWith"] = [*(place.get("NotStartsWith") or ()), arn]
    return {**selector, "FieldSelectors": fields}


# ----------------------------------------------------------------------------------------------------- checked


def _checked(
    pricing: Pricing, trail: Trail, trails: Sequence[Trail], counts: Counts, title: str, after: list[Selector]
) -> dict[str, Any]:
    """Try selectors on the events of the period: what they would no longer record, and what that saves."""
    saved, untold = Decimal(0), 0
    lost: Counter[tuple[str, str, str, str]] = Counter()
    answer = {"AdvancedEventSelectors": after}
    for group in counts.groups:
        if group.region not in trail.regions:
            continue
        now, then = records(trail.selectors, group), records(answer, group)
        if now is None or then is None:
            untold += group.number * (now is not False)
        elif now and not then:
            others = [records(other.selectors, group) for other in _beside(trail, trails, group)]
            saved += _price(pricing, group, others)
            if True not in others:
                lost[group.name, group.source, group.region, group.resource] += group.number
    command = ["aws", "cloudtrail", "put-event-selectors", "--trail-name", trail.arn, "--region", trail.home]
    return {
        "account": pricing.account,
        "trail": trail.arn,
        "title": title,
        "selectors": after,
        "command": [*command, "--advanced-event-selectors", json.dumps(after, separators=(",", ":"))] if after else [],
        "usd_saved_a_month": number(saved),
        "estimate": True,
        "events_no_longer_recorded": sum(lost.values()),
        "no_longer_recorded": [
            {"event_name": name, "event_source": source, "region": region, "resource": place, "events": events}
            for (name, source, region, place), events in lost.most_common(_MOST_LOST)
        ],
        "events_not_told": untold,
        "whole_period_searched": counts.whole,
    }


def _beside(trail: Trail, trails: Sequence[Trail], group: Group) -> list[Trail]:
    return [other for other in trails if other is not trail and group.region in other.regions]


def _price(pricing: Pricing, group: Group, others: Sequence[bool | None]) -> Decimal:
    """Return what one trail's record of a group costs; of management events, the only record is free."""
    copy = "cloudtrail.management.copy" if True in others else "cloudtrail.management.first"
    name = {DATA: "cloudtrail.data", MANAGEMENT: copy}.get(group.category)
    return pricing.price(name, group.region).cost(group.number * pricing.month)[0] if name else Decimal(0)

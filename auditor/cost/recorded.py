"""What recording costs: copies of management events, data events, Insights.

The first copy of management events in a Region is free, each further one is not; data events cost from the first.
Source: CloudTrail pricing page; CloudTrail User Guide, "Managing CloudTrail trail costs".
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from auditor.base.canonical import canonical_json
from auditor.base.counts import counted
from auditor.cost.estimate import Item, NotKnown, Pricing
from auditor.cost.selectors import DATA, MANAGEMENT, Group, records
from auditor.cost.trails import Trail

COPIES, DATA_EVENTS, INSIGHTS, NETWORK = "management events", "data events", "insights", "network activity"
_MOST_ROWS: Final = 200
"""Pairs of bucket and call that have a line of their own; the rest is one line."""
_CALL_RATE, _ERROR_RATE = "ApiCallRateInsight", "ApiErrorRateInsight"


@dataclass(frozen=True, slots=True)
class Counts:
    """The distinct events of one account in the period, in groups.

    Args:
        groups: as counted.
        refs: what they come from.
        whole: whether every part of what was asked was searched; otherwise there may be more.
    """

    groups: tuple[Group, ...]
    refs: tuple[str, ...] = ()
    whole: bool = True


def recorded(pricing: Pricing, trails: Sequence[Trail], counts: Counts | None) -> Iterator[Item]:
    """Yield what recording costs.

    Args:
        pricing: of the account.
        trails: those that record.
        counts: the events of the period; None where only the sums of log files are known.
    """
    if counts is None:
        yield from _copies_by_sums(pricing, trails)
        yield from _data_by_sums(pricing, trails)
    else:
        yield from _copies(pricing, trails, counts)
        yield from _data(pricing, trails, counts)
        yield from _network(pricing, trails, counts)
    yield from _insights(pricing, trails, counts)


def _note(counts: Counts) -> str:
    return "" if counts.whole else "at least: a part of the period was not searched"


# ------------------------------------------------------------------------------------ events counted one by one


def _copies(pricing: Pricing, trails: Sequence[Trail], counts: Counts) -> Iterator[Item]:
    """Yield the first copy and the further ones, Region by Region."""
    free: Counter[str] = Counter()
    paid: Counter[str] = Counter()
    unsure: Counter[str] = Counter()
    for group in counts.groups:
        if group.category not in {MANAGEMENT, ""}:
            continue
        here = [trail for trail in trails if group.region in trail.regions]
        told = [records(trail.selectors, group) for trail in here]
        if None in told or not group.category:
            unsure[group.region] += group.number * max(len(told) - 1, 0)
            continue
        copies = told.count(True)
        free[group.region] += group.number * min(copies, 1)
        paid[group.region] += group.number * max(copies - 1, 0)
    yield from _first_copies(pricing, free, counts)
    for region in sorted(paid):
        if paid[region]:
            yield from pricing.items(
                "cloudtrail.management.copy", region, paid[region] * pricing.month,
                area=COPIES, what=f"further copies, by {_names(trails, region)}",
                formula=f"{counted(paid[region], 'copy')} beyond the first x {pricing.month:.4f}",
                twice=True, note=_note(counts), evidence=counts.refs,
            )  # fmt: skip
    for region in sorted(unsure):
        if unsure[region]:
            most, _ = pricing.price("cloudtrail.management.copy", region).cost(unsure[region] * pricing.month)
            why = "the selectors, or the records, do not tell which trails record these events"
            yield NotKnown(
                COPIES, "further copies", why, pricing.account, region, at_most=most if counts.whole else None
            )


def _first_copies(pricing: Pricing, free: Mapping[str, int], counts: Counts) -> Iterator[Item]:
    for region in sorted(free):
        if free[region]:
            yield from pricing.items(
                "cloudtrail.management.first", region, free[region] * pricing.month,
                area=COPIES, what="first copy", formula=f"{counted(free[region], 'event')} x {pricing.month:.4f}",
                note=_note(counts), evidence=counts.refs,
            )  # fmt: skip


def _names(trails: Sequence[Trail], region: str) -> str:
    return ", ".join(trail.name for trail in trails if region in trail.regions)


def _data(pricing: Pricing, trails: Sequence[Trail], counts: Counts) -> Iterator[Item]:
    """Yield data events by trail, bucket and call; a second trail pays for the same event again."""
    seen: set[Group] = set()
    for trail in trails:
        rows: Counter[tuple[str, str, str, bool]] = Counter()
        unsure: Counter[str] = Counter()
        for group in counts.groups:
            if group.category != DATA or group.region not in trail.regions:
                continue
            told = records(trail.selectors, group)
            if told is None:
                unsure[group.region] += group.number
            elif told:
                rows[group.region, group.resource or group.type, group.name, group in seen] += group.number
                seen.add(group)
        yield from _data_rows(pricing, trail, rows, counts)
        for region in sorted(unsure):
            most, _ = pricing.price("cloudtrail.data", region).cost(unsure[region] * pricing.month)
            why = "the selectors do not tell at this grain which of these events the trail records"
            yield NotKnown(
                DATA_EVENTS, f"{trail.name}: {counted(unsure[region], 'event')}", why, pricing.account, region,
                at_most=most if counts.whole else None,
            )  # fmt: skip


def _data_rows(
    pricing: Pricing, trail: Trail, rows: Mapping[tuple[str, str, str, bool], int], counts: Counts
) -> Iterator[Item]:
    ordered = sorted(rows.items(), key=lambda row: (-row[1], row[0]))
    rest: Counter[tuple[str, bool]] = Counter()
    for (region, _, _, twice), number in ordered[_MOST_ROWS:]:
        rest[region, twice] += number
    shown = [(region, f"{name} on {place or 'resources that are not named'}", twice, number)
             for (region, place, name, twice), number in ordered[:_MOST_ROWS]]  # fmt: skip
    shown += [
        (region, "all other resources and calls", twice, number) for (region, twice), number in sorted(rest.items())
    ]
    for region, what, twice, number in shown:
        yield from pricing.items(
            "cloudtrail.data", region, number * pricing.month,
            area=DATA_EVENTS, what=f"{trail.name}: {what}", formula=f"{counted(number, 'event')} x {pricing.month:.4f}",
            twice=twice, note=_note(counts), evidence=counts.refs,
        )  # fmt: skip


def _network(pricing: Pricing, trails: Sequence[Trail], counts: Counts) -> Iterator[Item]:
    number = sum(group.number for group in counts.groups if group.category == "NetworkActivity")
    if number and trails:
        why = f"no price is known for network activity events; {number:,} were recorded"
        yield NotKnown(NETWORK, "network activity events", why, pricing.account)


# ------------------------------------------------------------------------------------ only sums of log files


def _copies_by_sums(pricing: Pricing, trails: Sequence[Trail]) -> Iterator[Item]:
    """Yield copies from the sums of log files: trails that overlap in a Region belong together."""
    possible = [trail for trail in trails if _takes(trail, MANAGEMENT) is not False]
    for together in _overlapping(possible):
        region = min(trail.home for trail in together)
        names = ", ".join(trail.name for trail in together)
        sums = [trail.volume.records for trail in together if trail.volume and trail.volume.records is not None]
        refs = [trail.volume.ref for trail in together if trail.volume]
        if len(sums) < len(together):
            why = "nobody counted the records of its log files" if len(together) == 1 else "records were not counted"
            yield NotKnown(COPIES, f"copies by {names}", why, pricing.account, region, gap=True)
            continue
        paid, total = sum(sums) - max(sums), sum(sums)
        pure = all(_takes(trail, MANAGEMENT) is True and _takes(trail, DATA) is False for trail in together)
        if len(together) == 1 and pure:
            yield from pricing.items(
                "cloudtrail.management.first", region, total * pricing.month,
                area=COPIES, what=f"first copy, by {names}",
                formula=f"{counted(total, 'record')} x {pricing.month:.4f}",
                evidence=refs,
            )  # fmt: skip
        elif len(together) == 1:
            yield from pricing.items(
                "cloudtrail.management.first", region, total * pricing.month,
                area=COPIES, what=f"first copy, by {names}",
                formula=f"{counted(total, 'record')} x {pricing.month:.4f}",
                note="at most: its log files may hold other events as well", evidence=refs,
            )  # fmt: skip
        elif pure and _alike(together):
            yield from pricing.items(
                "cloudtrail.management.copy", region, paid * pricing.month,
                area=COPIES, what=f"further copies, by {names}",
                formula=f"({counted(total, 'record')} of all - {max(sums):,} of the first) x {pricing.month:.4f}",
                twice=True, evidence=refs,
            )  # fmt: skip
        else:
            most, _ = pricing.price("cloudtrail.management.copy", region).cost(paid * pricing.month)
            why = "the trails do not record the same, or other events beside; an event store tells how many are copies"
            yield NotKnown(COPIES, f"further copies, by {names}", why, pricing.account, region, at_most=most)


def _overlapping(trails: Sequence[Trail]) -> list[list[Trail]]:
    """Return the trails in groups that share Regions, directly or through others."""
    groups: list[list[Trail]] = []
    for trail in trails:
        joined = [group for group in groups if any(set(trail.regions) & set(other.regions) for other in group)]
        groups = [group for group in groups if group not in joined]
        groups.append([*(other for group in joined for other in group), trail])
    return groups


def _alike(trails: Sequence[Trail]) -> bool:
    """Say whether trails record the same events: same selectors, Regions and accounts."""
    return len({(_selection(trail), trail.regions, trail.organization) for trail in trails}) == 1


def _selection(trail: Trail) -> bytes:
    told = dict(trail.selectors or {})
    return canonical_json({name: told.get(name) or [] for name in ("EventSelectors", "AdvancedEventSelectors")})


def _takes(trail: Trail, category: str) -> bool | None:
    """Say whether a trail records any event of a category; None where that cannot be read."""
    if trail.selectors is None:
        return None
    try:
        classic = trail.selectors.get("EventSelectors") or ()
        fields = [item for one in trail.selectors.get("AdvancedEventSelectors") or () for item in one["FieldSelectors"]]
        categories = {
            str(value) for item in fields if item["Field"] == "eventCategory" for value in item.get("Equals") or ()
        }
        if category == MANAGEMENT:
            return category in categories or any(item.get("IncludeManagementEvents", True) for item in classic)
        return category in categories or (category == DATA and any(item.get("DataResources") for item in classic))
    except (KeyError, TypeError, AttributeError):
        return None


def _data_by_sums(pricing: Pricing, trails: Sequence[Trail]) -> Iterator[Item]:
    for trail in trails:
        for area, category in ((DATA_EVENTS, DATA), (NETWORK, "NetworkActivity")):
            if _takes(trail, category) is False:
                continue
            number = trail.volume.records if trail.volume else None
            most = None
            if number is not None and category == DATA:
                most, _ = pricing.price("cloudtrail.data", trail.home).cost(number * pricing.month)
            why = "log files are counted as a whole; an event store (--store) tells buckets and calls"
            if category != DATA:
                why = "no price is known for network activity events"
            if trail.selectors is None:
                why = "its event selectors are not known"
            yield NotKnown(area, f"{trail.name}: {area}", why, pricing.account, trail.home, at_most=most)


# ------------------------------------------------------------------------------------ Insights


def _insights(pricing: Pricing, trails: Sequence[Trail], counts: Counts | None) -> Iterator[Item]:
    """Yield what each trail pays for each kind: call rates look at writes, error rates at reads and writes."""
    for trail in trails:
        for kind, category in trail.insights or ():
            what = f"{trail.name}: {kind} over {category.lower()} events"
            if category != MANAGEMENT:
                why = "no price is known for Insights over data events; the events themselves are paid for as well"
                yield NotKnown(INSIGHTS, what, why, pricing.account, trail.home)
            elif kind not in {_CALL_RATE, _ERROR_RATE}:
                yield NotKnown(INSIGHTS, what, f"no price is known for {kind}", pricing.account, trail.home)
            elif counts is None:
                yield _insights_by_sums(pricing, trail, what)
            else:
                yield from _insights_counted(pricing, trail, kind, what, counts)


def _insights_by_sums(pricing: Pricing, trail: Trail, what: str) -> NotKnown:
    number = trail.volume.records if trail.volume else None
    most = None
    if number is not None:
        most, _ = pricing.price("cloudtrail.insights.management", trail.home).cost(number * pricing.month)
    why = "log files are counted as a whole; an event store (--store) tells reads, writes and kinds of events"
    return NotKnown(INSIGHTS, what, why, pricing.account, trail.home, at_most=most)


def _insights_counted(pricing: Pricing, trail: Trail, kind: str, what: str, counts: Counts) -> Iterator[Item]:
    number = unsure = 0
    for group in counts.groups:
        if group.category != MANAGEMENT or group.region not in trail.regions:
            continue
        looked_at = True if kind == _ERROR_RATE else None if group.read_only is None else not group.read_only
        told = records(trail.selectors, group)
        if told is False or looked_at is False:
            continue
        if told and looked_at:
            number += group.number
        else:
            unsure += group.number
    yield from pricing.items(
        "cloudtrail.insights.management", trail.home, number * pricing.month,
        area=INSIGHTS, what=what, formula=f"{counted(number, 'event')} x {pricing.month:.4f}", note=_note(counts),
        evidence=counts.refs,
    )  # fmt: skip
    if unsure:
        most, _ = pricing.price("cloudtrail.insights.management", trail.home).cost(unsure * pricing.month)
        why = f"of {counted(unsure, 'event')} it cannot be told whether they are looked at"
        yield NotKnown(INSIGHTS, what, why, pricing.account, trail.home, at_most=most)

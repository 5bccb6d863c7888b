"""What keeping costs: log groups, the trails' buckets, their keys, and deliveries that fail."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from auditor.base.counts import counted
from auditor.cost.estimate import GB, Item, NotKnown, Pricing
from auditor.cost.facts import UNREADABLE, Facts, count, listed, optional_text, text
from auditor.cost.trails import Trail, oldest

LOGS, BUCKETS, KEYS, DELIVERIES = "CloudWatch Logs", "S3", "KMS", "deliveries"
_DAY: Final = timedelta(days=1)
_CLASSES: Final = {
    "STANDARD": "s3.storage.standard",
    "STANDARD_IA": "s3.storage.standard-ia",
    "GLACIER": "s3.storage.glacier",
    "DEEP_ARCHIVE": "s3.storage.deep-archive",
}
_COMPRESSED: Final = "AWS charges what it keeps compressed, so this is rather too much than too little"


@dataclass(frozen=True, slots=True)
class LogGroup:
    """A log group: ARN without ``:*``, name, class, bytes, days kept (None: for ever), whether filters read it."""

    arn: str
    name: str
    kind: str
    stored: int
    days: int | None
    filtered: bool


def log_groups(pricing: Pricing, facts: Facts, trails: Sequence[Trail]) -> Iterator[Item]:
    """Yield storage of the log groups that trails write to or that filters read, and what trails put into them."""
    answered = facts.everywhere("logs:DescribeLogGroups", "logGroups")
    found, lost = facts.each(answered, lambda _, item: _log_group(item), LOGS, "log groups")
    yield from lost
    written = {trail.log_group for trail in trails if trail.log_group}
    others = 0
    for region, ref, group in found:
        if group.arn not in written and not group.filtered:
            others += 1
            continue
        if group.kind != "STANDARD":
            why = f"no price is known for log groups of class {group.kind}"
            yield NotKnown(LOGS, f"{group.name}: storage", why, pricing.account, region)
            continue
        kept = "never expires" if group.days is None else f"kept {counted(group.days, 'day')}"
        yield from pricing.items(
            "logs.storage", region, Decimal(group.stored) / GB, area=LOGS, what=f"{group.name}: storage, {kept}",
            formula=f"{counted(group.stored, 'byte')} / 2^30", note=_COMPRESSED, evidence=[ref],
        )  # fmt: skip
    if others:
        why = "no trail writes to them and no metric filter reads them"
        yield NotKnown(LOGS, counted(others, "further log group"), f"not looked at: {why}", pricing.account)
    for trail in trails:
        yield from _ingestion(pricing, trail, {group.arn: group for _, _, group in found})


def _log_group(item: Mapping[str, Any]) -> LogGroup:
    name = text(item, "logGroupName")
    return LogGroup(
        arn=(optional_text(item, "logGroupArn") or text(item, "arn")).removesuffix(":*"),
        name=name,
        kind=optional_text(item, "logGroupClass") or "STANDARD",
        stored=count(item, "storedBytes"),
        days=count(item, "retentionInDays") if item.get("retentionInDays") is not None else None,
        filtered=item.get("metricFilterCount") is not None and count(item, "metricFilterCount") > 0,
    )


def _ingestion(pricing: Pricing, trail: Trail, groups: Mapping[str, LogGroup]) -> Iterator[Item]:
    if not trail.log_group:
        return
    what = f"{trail.name}: what it writes to its log group"
    group = groups.get(trail.log_group)
    if group is not None and group.kind != "STANDARD":
        why = f"no price is known for log groups of class {group.kind}"
        yield NotKnown(LOGS, what, why, pricing.account, trail.home)
    elif trail.volume is None:
        yield NotKnown(LOGS, what, "its log files were not read", pricing.account, trail.home, gap=True)
    else:
        size = trail.volume.inflated
        yield from pricing.items(
            "logs.ingestion", trail.home, size * pricing.month / GB, area=LOGS, what=what,
            formula=f"{counted(size, 'byte')} of inflated log files x {pricing.month:.4f} / 2^30",
            note=_at_least(trail, "the log group gets the same events as the log files"),
            evidence=[trail.volume.ref],
        )  # fmt: skip


def _at_least(trail: Trail, note: str = "") -> str:
    missing = trail.volume.missing if trail.volume else 0
    few = f"at least: {counted(missing, 'log file')} could not be counted" if missing else ""
    return "; ".join(part for part in (note, few) if part)


# ------------------------------------------------------------------------------------ buckets


@dataclass(frozen=True, slots=True)
class Stay:
    """How long a log file stays in one class: from and to which age in days; ``None`` for ever."""

    kind: str
    start: int
    end: int | None


def stays(rules: Sequence[Mapping[str, Any]], prefix: str) -> tuple[Stay, ...]:
    """Return where log files below a prefix lie at which age, by a bucket's lifecycle rules.

    Raises:
        KeyError, TypeError, ValueError: a rule that may concern them cannot be read, or looks at more than the prefix.
    """
    moves: dict[str, int] = {}
    end: int | None = None
    for rule in rules:
        if rule["Status"] != "Enabled" or not _concerns(rule, prefix):
            continue
        for move in rule.get("Transitions") or ():
            kind, days = text(move, "StorageClass"), count(move, "Days")
            moves[kind] = min(days, moves.get(kind, days))
        if (expiry := rule.get("Expiration")) and not expiry.get("ExpiredObjectDeleteMarker"):
            days = count(expiry, "Days")
            end = days if end is None else min(end, days)
    places = [("STANDARD", 0), *sorted(moves.items(), key=lambda move: move[1])]
    ends = [start for _, start in places[1:]] + [end]
    return tuple(
        Stay(kind, start, stop if end is None else min(end, end if stop is None else stop))
        for (kind, start), stop in zip(places, ends, strict=True)
        if (stop is None or stop > start) and (end is None or start < end)
    )


def _concerns(rule: Mapping[str, Any], prefix: str) -> bool:
    chosen = rule.get("Filter") or {}
    if set(chosen) - {"Prefix"}:
        raise ValueError("a rule that looks at tags or sizes")
    beginning = str(chosen.get("Prefix") or rule.get("Prefix") or "")
    if prefix.startswith(beginning):
        return True
    if beginning.startswith(prefix):
        raise ValueError("a rule for a part of the log files")
    return False


def buckets(pricing: Pricing, facts: Facts, trails: Sequence[Trail]) -> Iterator[Item]:
    """Yield storage of each trail's log files by class, and the requests that write them."""
    for trail in trails:
        what = f"{trail.name}: log files in {trail.bucket}"
        if trail.volume is None:
            yield NotKnown(BUCKETS, what, "its log files were not read", pricing.account, trail.home, gap=True)
            continue
        yield from _storage(pricing, facts, trail, what)
        files = trail.volume.files
        yield from pricing.items(
            "s3.put", trail.home, files * pricing.month, area=BUCKETS, what=f"{what}: written",
            formula=f"{counted(files, 'log file')} x {pricing.month:.4f}", note=_at_least(trail),
            evidence=[trail.volume.ref],
        )  # fmt: skip


def _storage(pricing: Pricing, facts: Facts, trail: Trail, what: str) -> Iterator[Item]:
    volume = trail.volume
    if volume is None:
        return
    answered = facts.pages("s3:GetBucketLifecycleConfiguration", Bucket=trail.bucket)
    if answered.gaps:
        yield from facts.not_known(answered, BUCKETS, f"{what}: how long they are kept")
        return
    try:
        rules = [rule for _, _, page in answered.items for rule in listed(page, "Rules")]
        places = stays(rules, f"{trail.prefix}/AWSLogs/".removeprefix("/"))
    except UNREADABLE as error:
        reason = str(error) if isinstance(error, ValueError) else f"a rule without days or of another form ({error})"
        why = f"the bucket's lifecycle rules cannot be applied to all of them: {reason}"
        yield NotKnown(BUCKETS, f"{what}: how long they are kept", why, pricing.account, trail.home)
        return
    age = _age(facts, trail)
    daily = Decimal(volume.stored) * _seconds(_DAY) / _seconds(facts.run.period.length)
    refs = [volume.ref, *(ref for _, ref, _ in answered.items)]
    for place in places:
        yield from _stay(pricing, trail, place, age, daily, f"{what}: {place.kind}", refs)


def _age(facts: Facts, trail: Trail) -> int | None:
    """Return how many days back log files go; None where that is not known."""
    first: datetime | None = oldest(facts, trail)
    return None if first is None else max((facts.run.as_of - first) // _DAY, 0)


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds()) or 1


def _stay(
    pricing: Pricing, trail: Trail, place: Stay, age: int | None, daily: Decimal, what: str, refs: list[str]
) -> Iterator[Item]:
    known = [day for day in (place.end, age) if day is not None]
    if place.kind not in _CLASSES:
        yield NotKnown(BUCKETS, what, f"no price is known for class {place.kind}", pricing.account, trail.home)
    elif not known:
        why = "they never expire and it is not known since when they are kept"
        yield NotKnown(BUCKETS, what, why, pricing.account, trail.home)
    else:
        days = min(known) - place.start
        if days <= 0:
            return  # nothing is that old yet
        oldest_words = "" if age is None else f"; the oldest is {counted(age, 'day')} old"
        growing = "grows month by month: they never expire" if place.end is None else ""
        yield from pricing.items(
            _CLASSES[place.kind], trail.home, daily * days / GB, area=BUCKETS, what=what,
            formula=(
                f"{counted(round(daily), 'byte')} a day x {counted(days, 'day')} (from day {place.start}) / "
                f"2^30{oldest_words}"
            ),
            note=_at_least(trail, growing), evidence=refs,
        )  # fmt: skip


# ------------------------------------------------------------------------------------ keys and deliveries


def keys(pricing: Pricing, facts: Facts, trails: Sequence[Trail]) -> Iterator[Item]:
    """Yield the customer-made keys of trails, each once, and a request for each log file written with one."""
    answered = facts.pages("kms:DescribeKey")
    known = {
        str(page["KeyMetadata"].get("Arn")): (ref, page["KeyMetadata"])
        for _, ref, page in answered.items
        if isinstance(page.get("KeyMetadata"), Mapping)
    }
    for arn in sorted({trail.key for trail in trails if trail.key}):
        users = [trail for trail in trails if trail.key == arn]
        home, names = users[0].home, ", ".join(trail.name for trail in users)
        if arn not in known:
            why = "the key was not described; it may be another account's, or AWS's own"
            yield NotKnown(KEYS, f"key of {names}", why, pricing.account, home)
        elif known[arn][1].get("KeyManager") == "CUSTOMER":
            yield from pricing.items(
                "kms.key", home, Decimal(1), area=KEYS, what=f"key of {names}", formula="1 key",
                note="kept older key material costs extra", evidence=[known[arn][0]],
            )  # fmt: skip
        for trail in users:
            if trail.volume is not None:
                files = trail.volume.files
                yield from pricing.items(
                    "kms.requests", home, files * pricing.month, area=KEYS, what=f"{trail.name}: log files encrypted",
                    formula=f"{counted(files, 'log file')} x 1 request x {pricing.month:.4f}",
                    note=_at_least(trail, "at least one request for each file; readers need one each as well"),
                    evidence=[trail.volume.ref],
                )  # fmt: skip


def deliveries(pricing: Pricing, trails: Sequence[Trail]) -> Iterator[Item]:
    """Yield what cannot be delivered: CloudTrail tries for 30 days, and charges as for what arrives."""
    for trail in trails:
        if trail.delivery_error:
            why = (
                f"the last delivery failed ({trail.delivery_error[:100]}); CloudTrail tries again for 30 days and "
                "charges for it, and nobody counts the attempts"
            )
            yield NotKnown(DELIVERIES, f"{trail.name}: attempts to deliver", why, pricing.account, trail.home)

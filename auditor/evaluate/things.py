"""What of logging, monitoring and detection there was when it was read: names, states, and which calls are about it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from auditor.activity.calls import names_in
from auditor.activity.continuity import Reading, Span
from auditor.activity.fields import flag, maps, member, moment, text
from auditor.activity.watched import Row
from auditor.evaluate.checks.cloudtrail import blocks_everywhere, trail_selectors
from auditor.evaluate.checks.selectors import WRITE, left_out, management
from auditor.evaluate.missing import UNREADABLE, EvidenceMissing
from auditor.evaluate.view import View
from auditor.evidence.answer import Record


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing whose timeline is drawn.

    Args:
        kind: one of ``activity.watched.KINDS``.
        name: how it is called.
        region: where calls about it are recorded; empty for any.
        about: says whether a call of its kind, recorded there, is about it.
        readings: what was read of it, by part.
        proved: when digests prove that it held.
        refs: the evidence it was read from.
    """

    kind: str
    name: str
    region: str
    about: Callable[[Row], bool]
    readings: tuple[tuple[str, Reading], ...] = ()
    proved: tuple[Span, ...] = ()
    refs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrailFacts:
    """A trail, and when its log files verified.

    Args:
        item: as ``DescribeTrails`` lists it.
        spans: by Region, the verified hours; empty where nothing vouches for them.
        leaves_out: the services whose changes it does not record; None where it records no changes at all.
    """

    item: Mapping[str, Any]
    spans: Mapping[str, tuple[Span, ...]]
    leaves_out: frozenset[str] | None

    def spans_of(self, source: str, region: str) -> tuple[Span, ...]:
        """Return when a Region's calls to a service were recorded and verified; of every Region where none is told."""
        if self.leaves_out is None or source in self.leaves_out:
            return ()
        if region:
            return self.spans.get(region, ())
        return _common(list(self.spans.values()))


def _common(all_spans: Sequence[Sequence[Span]]) -> tuple[Span, ...]:
    if not all_spans:
        return ()
    found = list(all_spans[0])
    for spans in all_spans[1:]:
        pairs = ((max(a, c), min(b, d)) for a, b in found for c, d in spans)
        found = [pair for pair in pairs if pair[0] < pair[1]]
    return tuple(found)


def leaves_out(view: View, item: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the services whose changes a trail does not record; None where it records none, or that is not known."""
    try:
        return left_out(management(trail_selectors(view, item)), WRITE)
    except (EvidenceMissing, *UNREADABLE):
        return None


def things(view: View, trails: Sequence[TrailFacts]) -> Iterator[Thing]:
    """Yield everything whose timeline is drawn, as far as its lists were answered."""
    for trail in trails:
        yield from _of_trail(view, trail)
    groups = groups_of_trails(view)
    yield from _log_groups(view, groups)
    yield from _filters(view, groups)
    yield from _alarms(view)
    yield from _topics(view)
    yield from _rules(view)
    yield from _recorders(view)


LISTS: Mapping[str, tuple[str, ...]] = {
    "logging": ("cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus"),
    "selectors": ("cloudtrail:GetEventSelectors",),
    "log bucket": ("s3:GetPublicAccessBlock",),
    "log group": ("logs:DescribeLogGroups",),
    "metric filters": ("logs:DescribeMetricFilters",),
    "alarm": ("cloudwatch:DescribeAlarms",),
    "topic": ("sns:ListTopics",),
    "subscriptions": ("sns:ListSubscriptionsByTopic",),
    "rule": ("events:ListRules",),
    "recorder": ("config:DescribeConfigurationRecorderStatus",),
}
"""What each kind is read from."""


def unread(view: View) -> Iterator[tuple[str, str]]:
    """Yield kind and operation of what was to be read and is missing, or was no part of the run."""
    for kind, operations in LISTS.items():
        for operation in operations:
            if not view.planned(operation) or view.consult(operation).missing:
                yield kind, operation


def trail_items(view: View) -> Sequence[Mapping[str, Any]]:
    """Return the trails, each once, as its home Region shows it; what is no list of trails says nothing of any."""
    found: dict[str, Mapping[str, Any]] = {}
    for record, page in _answers(view, "cloudtrail:DescribeTrails"):
        for item in maps(page.get("trailList")):
            arn, home = text(item.get("TrailARN")), text(item.get("HomeRegion"))
            if arn and home and (arn not in found or record.call.region == home):
                found[arn] = item
    return tuple(found[arn] for arn in sorted(found))


def _answers(view: View, operation: str) -> Iterator[tuple[Record, Mapping[str, Any]]]:
    if view.planned(operation):
        for record, pages in view.consult(operation).answers:
            yield from ((record, page) for page in pages if isinstance(page, Mapping))


def _of_trail(view: View, trail: TrailFacts) -> Iterator[Thing]:
    item = trail.item
    arn, name, home = text(item.get("TrailARN")), text(item.get("Name")), text(item.get("HomeRegion"))
    proved = tuple(span for region, spans in trail.spans.items() if region == home for span in spans)

    def about(row: Row) -> bool:
        told = text(row.get("resource"))
        return told in {"", arn} or (told == name and text(row.get("region")) in {"", home})

    status = next(_asked_about(view, "cloudtrail:GetTrailStatus", arn), None)
    read = () if status is None else (("", _status(*status)),)
    refs = () if status is None else (status[0].ref,)
    yield Thing("logging", arn, home, about, read, proved, refs)
    validated = flag(item.get("LogFileValidationEnabled"))
    listed = next(iter(_answers(view, "cloudtrail:DescribeTrails")), None)
    read = () if listed is None else (("", Reading(validated, listed[0].collected_at)),)
    yield Thing("validation", arn, home, about, read, proved, () if listed is None else (listed[0].ref,))
    selected = next(_asked_about(view, "cloudtrail:GetEventSelectors", arn), None)
    if selected is not None:
        full = trail.leaves_out == frozenset()
        yield Thing(
            "selectors", arn, home, about, (("", Reading(full, selected[0].collected_at)),), (), (selected[0].ref,)
        )
    yield Thing("trail settings", arn, home, about)
    yield from _bucket(view, text(item.get("S3BucketName")))


def _asked_about(view: View, operation: str, name: str) -> Iterator[tuple[Record, Mapping[str, Any]]]:
    for record, page in _answers(view, operation):
        if name in dict(record.call.parameters).values():
            yield record, page


def _status(record: Record, page: Mapping[str, Any]) -> Reading:
    return Reading(flag(page.get("IsLogging")), record.collected_at, moment(page.get("StartLoggingTime")))


def _bucket(view: View, name: str) -> Iterator[Thing]:
    if not name:
        return

    def about(row: Row) -> bool:
        told = text(row.get("resource"))
        whole = "AccessPoint" in text(row.get("event_name")) or "PutAccount" in text(row.get("event_name"))
        return whole or "DeleteAccount" in text(row.get("event_name")) or name in {told, *told.split(":::")} or not told

    # Where the account blocks everything, its buckets are not asked.
    block = next(_asked_about(view, "s3:GetPublicAccessBlock", name), None) or _whole_account(view, name)
    read: tuple[tuple[str, Reading], ...] = ()
    if block is not None:
        values = member(block[1], "PublicAccessBlockConfiguration")
        names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        on = all(flag(values.get(item)) is True for item in names)
        read = (("public access", Reading(on, block[0].collected_at)),)
    yield Thing("log bucket", name, "", about, read, (), () if block is None else (block[0].ref,))


def _whole_account(view: View, bucket: str) -> tuple[Record, Mapping[str, Any]] | None:
    """Return the account's block where its buckets were not asked for it; it says nothing of others' buckets."""
    own = {text(item.get("Name")) for _, page in _answers(view, "s3:ListBuckets") for item in maps(page.get("Buckets"))}
    found = next(_answers(view, "s3control:GetPublicAccessBlock"), None) if bucket in own else None
    return found if found is not None and blocks_everywhere(found[1]) else None


def groups_of_trails(view: View) -> frozenset[tuple[str, str]]:
    """Return Region and name of the log groups that trails deliver to."""
    found = set()
    for item in trail_items(view):
        head, sign, name = text(item.get("CloudWatchLogsLogGroupArn")).removesuffix(":*").partition(":log-group:")
        if sign and head.count(":") > 2:  # noqa: PLR2004 - arn:partition:logs:REGION
            found.add((head.split(":")[3], name))
    return frozenset(found)


def _log_groups(view: View, wanted: frozenset[tuple[str, str]]) -> Iterator[Thing]:
    for record, page in _answers(view, "logs:DescribeLogGroups"):
        for item in maps(page.get("logGroups")):
            name = text(item.get("logGroupName"))
            if (record.call.region, name) not in wanted:
                continue
            made = _milliseconds(item.get("creationTime"))
            read = (("group", Reading(True, record.collected_at, made)),)
            yield Thing("log group", name, record.call.region, _named(name), read, (), (record.ref,))


def _milliseconds(value: Any) -> datetime | None:
    """Return a time that CloudWatch Logs states in milliseconds; None for anything that is none."""
    known = isinstance(value, int) and not isinstance(value, bool) and 0 < value < _YEAR_3000
    return datetime.fromtimestamp(value / 1000, UTC) if known else None


_YEAR_3000 = 32_503_680_000_000


def _filters(view: View, wanted: frozenset[tuple[str, str]]) -> Iterator[Thing]:
    for record, page in _answers(view, "logs:DescribeMetricFilters"):
        groups: dict[str, int] = {}
        for item in maps(page.get("metricFilters")):
            group = text(item.get("logGroupName"))
            if (record.call.region, group) in wanted:
                groups[group] = groups.get(group, 0) + 1
        for group in groups:
            read = (("", Reading(True, record.collected_at)),)
            yield Thing("metric filters", group, record.call.region, _named(group), read, (), (record.ref,))


def _named(name: str) -> Callable[[Row], bool]:
    """Tell whether a row names a thing, alone or among others, by name or ARN; one without a name could mean it."""

    def about(row: Row) -> bool:
        names, more = names_in(row.get("resource"))
        arns = (told.removesuffix(":*") for told in names)
        return not names or more or name in names or any(told.endswith(f":{name}") for told in arns)

    return about


def _alarms(view: View) -> Iterator[Thing]:
    for record, page in _answers(view, "cloudwatch:DescribeAlarms"):
        for item in (*maps(page.get("MetricAlarms")), *maps(page.get("CompositeAlarms"))):
            if name := text(item.get("AlarmName")):
                told = flag(item.get("ActionsEnabled"))
                read = (("", Reading(told is not False, record.collected_at)),)
                yield Thing("alarm", name, record.call.region, _named(name), read, (), (record.ref,))


def _topics(view: View) -> Iterator[Thing]:
    for record, page in _answers(view, "sns:ListTopics"):
        for item in maps(page.get("Topics")):
            if arn := text(item.get("TopicArn")):
                yield Thing("topic", arn, record.call.region, _of_topic(arn),
                            (("topic", Reading(True, record.collected_at)),), (), (record.ref,))  # fmt: skip
    for record, page in _answers(view, "sns:ListSubscriptionsByTopic"):
        arn = text(dict(record.call.parameters).get("TopicArn"))
        confirmed = any(
            text(item.get("SubscriptionArn")).startswith("arn:") for item in maps(page.get("Subscriptions"))
        )
        if arn:
            read = (("", Reading(confirmed, record.collected_at)),)
            yield Thing("subscriptions", arn, record.call.region, _of_topic(arn), read, (), (record.ref,))


def _of_topic(arn: str) -> Callable[[Row], bool]:
    def about(row: Row) -> bool:
        told = text(row.get("resource"))
        return not told or told == arn or told.startswith(f"{arn}:") or told == arn.rpartition(":")[2]

    return about


def _rules(view: View) -> Iterator[Thing]:
    for record, page in _answers(view, "events:ListRules"):
        for item in maps(page.get("Rules")):
            if name := text(item.get("Name")):
                on = text(item.get("State")) != "DISABLED"
                read = (("rule", Reading(on, record.collected_at)), ("targets", Reading(None, record.collected_at)))
                yield Thing("rule", name, record.call.region, _named(name), read[:1], (), (record.ref,))


def _recorders(view: View) -> Iterator[Thing]:
    for record, page in _answers(view, "config:DescribeConfigurationRecorderStatus"):
        for item in maps(page.get("ConfigurationRecordersStatus")):
            on = flag(item.get("recording"))
            since = moment(item.get("lastStartTime")) if on else None
            read = (("recording", Reading(on, record.collected_at, since)),)
            name, region = text(item.get("name")) or "default", record.call.region
            yield Thing(
                "recorder",
                region if name == "default" else f"{name} in {region}",
                region,
                lambda _: True,
                read,
                (),
                (record.ref,),
            )

"""What watching costs: alarms, the metrics that filters and agents make, composite alarms, dashboards.

Source: CloudWatch pricing page; CloudWatch User Guide, "Using Amazon CloudWatch alarms".
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from auditor.base.counts import counted
from auditor.cost.estimate import Item, NotKnown, Pricing
from auditor.cost.facts import Facts, count, listed, optional_text, text

ALARMS, METRICS, COMPOSITES, DASHBOARDS = "alarms", "custom metrics", "composite alarms", "dashboards"
_HIGH_RESOLUTION: Final = 60
"""Alarms with a shorter period, in seconds, are of high resolution."""
_BAND: Final = 3
"""An alarm on an anomaly looks at the metric and at both edges of its band."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A metric alarm: how many metrics it looks at (None: that depends on a query), and how often."""

    name: str
    metrics: int | None
    fine: bool


def watched(pricing: Pricing, facts: Facts) -> Iterator[Item]:
    """Yield what watching costs."""
    yield from _alarms(pricing, facts)
    yield from _metrics(pricing, facts)
    yield from _dashboards(pricing, facts)


def _alarms(pricing: Pricing, facts: Facts) -> Iterator[Item]:
    operation = "cloudwatch:DescribeAlarms"
    found, lost = facts.each(
        facts.everywhere(operation, "MetricAlarms"), lambda _, item: _alarm(item), ALARMS, "metric alarms"
    )
    yield from lost
    numbers: Counter[tuple[str, bool]] = Counter()
    alarms: Counter[tuple[str, bool]] = Counter()
    refs: dict[str, str] = {}
    for region, ref, alarm in found:
        if alarm.metrics is None:
            why = "it looks at as many metrics as its query finds"
            yield NotKnown(ALARMS, alarm.name, why, pricing.account, region)
            continue
        numbers[region, alarm.fine] += alarm.metrics
        alarms[region, alarm.fine] += 1
        refs[region] = ref
    for (region, fine), number in sorted(numbers.items()):
        kind = "high-resolution" if fine else "standard"
        yield from pricing.items(
            f"cloudwatch.alarm.{kind}", region, Decimal(number), area=ALARMS, what=f"metric alarms, {kind}",
            formula=f"{counted(number, 'metric')} of {counted(alarms[region, fine], 'alarm')}", evidence=[refs[region]],
        )  # fmt: skip
    composites = facts.everywhere(operation, "CompositeAlarms")
    yield from facts.not_known(composites, COMPOSITES, "composite alarms")
    for region in sorted({region for region, _, _ in composites.items}):
        here = [ref for place, ref, _ in composites.items if place == region]
        yield from pricing.items(
            "cloudwatch.alarm.composite", region, Decimal(len(here)), area=COMPOSITES, what="composite alarms",
            formula=counted(len(here), "composite alarm"), evidence=here,
        )  # fmt: skip
    yield from _log_alarms(pricing, facts)


def _log_alarms(pricing: Pricing, facts: Facts) -> Iterator[Item]:
    """Yield alarms on log queries, where AWS has them: no price is known."""
    pages = [page.get("LogAlarms") or [] for _, _, page in facts.pages("cloudwatch:DescribeAlarms").items]
    number = sum(len(listed) if isinstance(listed, list) else 1 for listed in pages)
    if number:
        yield NotKnown(ALARMS, counted(number, "log alarm"), "no price is known for log alarms", pricing.account)


def _alarm(item: Mapping[str, Any]) -> Alarm:
    name = text(item, "AlarmName")
    parts = item.get("Metrics") or ()
    if not parts:
        return Alarm(name, 1, count(item, "Period") < _HIGH_RESOLUTION)
    stats = [part["MetricStat"] for part in parts if part.get("MetricStat")]
    expressions = [text(part, "Expression") for part in parts if part.get("Expression")]
    periods = [count(stat, "Period") for stat in stats] + [
        count(part, "Period") for part in parts if part.get("Period") is not None
    ]
    fine = bool(periods) and min(periods) < _HIGH_RESOLUTION
    if any(text.lstrip().upper().startswith("SELECT") or "SEARCH(" in text.upper() for text in expressions):
        return Alarm(name, None, fine)
    banded = any("ANOMALY_DETECTION_BAND" in text.upper() for text in expressions)
    return Alarm(name, len(stats) * (_BAND if banded else 1), fine)


def _metrics(pricing: Pricing, facts: Facts) -> Iterator[Item]:
    """Yield the metrics that filters on logs make, and those that agents sent in the last hours."""
    filters = facts.everywhere("logs:DescribeMetricFilters", "metricFilters")
    found, lost = facts.each(filters, lambda _, item: _made(item), METRICS, "metrics of metric filters")
    yield from lost
    made: dict[str, set[tuple[str, str]]] = {}
    many: dict[str, set[tuple[str, str]]] = {}
    refs: dict[str, str] = {}
    for region, ref, metrics in found:
        refs[region] = ref
        for namespace, name, split in metrics:
            (many if split else made).setdefault(region, set()).add((namespace, name))
    for region, names in sorted(made.items()):
        yield from pricing.items(
            "cloudwatch.metric", region, Decimal(len(names)), area=METRICS, what="metrics of metric filters",
            formula=f"{counted(len(names), 'metric')}, counted once by namespace and name",
            note="at most: one without a default value is charged for the hours only in which it has values",
            evidence=[refs[region]],
        )  # fmt: skip
    for region, names in sorted(many.items()):
        why = f"{len(names):,} of them have dimensions; each combination of values is a metric of its own"
        yield NotKnown(METRICS, "metrics of metric filters", why, pricing.account, region)
    agents = facts.everywhere("cloudwatch:ListMetrics", "Metrics")
    yield from facts.not_known(agents, METRICS, "metrics of the CloudWatch agent")
    for region in sorted({region for region, _, _ in agents.items}):
        here = [ref for place, ref, _ in agents.items if place == region]
        yield from pricing.items(
            "cloudwatch.metric", region, Decimal(len(here)), area=METRICS, what="metrics of the CloudWatch agent",
            formula=(
                f"{counted(len(here), 'metric')} of the last three hours, as if they came the whole "
                "month"
            ), evidence=here,
        )  # fmt: skip


def _made(item: Mapping[str, Any]) -> tuple[tuple[str, str, bool], ...]:
    """Return namespace, name and whether it has dimensions, of each metric that a filter makes."""
    return tuple(
        (text(made, "metricNamespace"), text(made, "metricName"), bool(made.get("dimensions")))
        for made in listed(item, "metricTransformations")
    )


def _dashboards(pricing: Pricing, facts: Facts) -> Iterator[Item]:
    answered = facts.everywhere("cloudwatch:ListDashboards", "DashboardEntries")
    yield from facts.not_known(answered, DASHBOARDS, "dashboards")
    found, lost = facts.each(answered, lambda _, item: optional_text(item, "DashboardName"), DASHBOARDS, "dashboards")
    del lost  # named above: an entry without a readable name is one more dashboard
    if number := len(answered.items):
        yield from pricing.items(
            "cloudwatch.dashboard", "global", Decimal(number), area=DASHBOARDS, what="custom dashboards",
            formula=counted(number, "dashboard"), evidence=[ref for _, ref, _ in found],
        )  # fmt: skip

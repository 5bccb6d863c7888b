"""Reads what metric an alarm of the code watches: one metric, or a sum of several by metric maths."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from auditor.monitoring.chain.facts import Series
from auditor.monitoring.chain.metric_math import NotASum, read_sum
from auditor.monitoring.infrastructure import as_aws
from auditor.monitoring.infrastructure.values import ACCOUNT, Unknown, unknowns

_PERIOD = 300
"""Seconds, for an alarm whose period is not known."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What an alarm watches; ``unread`` says why that is not known."""

    series: tuple[Series, ...] = ()
    statistic: str = ""
    period: int = _PERIOD
    fills: bool = False
    unread: str = ""


def open_in_queries(values: Mapping[str, Any]) -> bool:
    """Say whether metric maths hang on something open, names of metrics aside."""
    for query in as_aws.listed(values.get("Metrics")):
        if isinstance(query, Unknown):
            return True
        if isinstance(query, Mapping):
            stat = query.get("MetricStat")
            parts = [query.get(name) for name in ("Id", "Expression", "ReturnData", "AccountId")]
            parts += [stat.get(name) for name in ("Period", "Stat", "Unit")] if isinstance(stat, Mapping) else []
            if any(True for _ in unknowns(parts)):
                return True
    return False


def _not_followed(values: Mapping[str, Any], queries: list[Mapping[str, Any]]) -> str:
    """Say why it is not known what an alarm watches; nothing where it is."""
    if values.get("ThresholdMetricId") is not None:
        return "its threshold is another metric"
    if any(one.get("AccountId") not in (None, ACCOUNT) for one in queries):
        return "it may watch metrics of another account"
    return "its metrics are not known" if any(isinstance(one.get("Id"), Unknown) for one in queries) else ""


def read_series(values: Mapping[str, Any], series_of: Callable[[Mapping[str, Any]], Series]) -> Watched:
    """Return what an alarm watches.

    Args:
        values: the properties of the alarm.
        series_of: turns the names of one metric into a series.
    """
    metrics = values.get("Metrics")
    if isinstance(metrics, Unknown):
        return Watched(unread=f"its metrics are not known ({metrics.words})")
    queries = [one for one in as_aws.listed(metrics) if isinstance(one, Mapping)]
    if unread := _not_followed(values, queries):
        return Watched(unread=unread)
    if not queries:
        statistic = "Sum" if isinstance(values.get("Statistic"), Unknown) else as_aws.text(values.get("Statistic"), "")
        return Watched((series_of(values),), statistic, as_aws.whole(values.get("Period"), _PERIOD))
    stats = {str(one.get("Id")): one["MetricStat"] for one in queries if isinstance(one.get("MetricStat"), Mapping)}
    returned = [one for one in queries if as_aws.truth(one.get("ReturnData")) is not False] or queries
    expression = next((as_aws.text(one["Expression"], "") for one in queries if one.get("Expression")), "")
    try:
        total = read_sum(expression or str(returned[0].get("Id")), stats)
    except NotASum as error:
        return Watched(unread=f"its expression is no plain sum ({error})")
    chosen = [stats[name] for name in sorted(total.ids)]
    found = tuple(series_of({"Unit": stat.get("Unit"), **as_aws.inner(stat.get("Metric"))}) for stat in chosen)
    period = max((as_aws.whole(stat.get("Period"), _PERIOD) for stat in chosen), default=_PERIOD)
    return Watched(found, as_aws.text(chosen[0].get("Stat"), "Sum") if chosen else "", period, total.fills)

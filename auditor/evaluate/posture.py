"""What logs are kept and what watches them, counted from the answers: groups, alarms, dashboards, links, agents.

Judges nothing: controls do. An answer that is missing is named, so that no count looks like a whole one.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from auditor.activity.fields import flag, maps, text, texts
from auditor.evaluate.library import Library
from auditor.evaluate.view import View
from auditor.evidence.answer import Record
from auditor.monitoring.chain.alarm_rule import Expression, InState, Joined, RuleError, parse_alarm_rule

MOST: Final = 200
"""Log groups, composites and dashboards that are listed; further ones are counted."""

OPERATIONS: Final = (
    "logs:DescribeLogGroups",
    "logs:DescribeMetricFilters",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:ListDashboards",
    "oam:ListSinks",
    "oam:ListLinks",
    "oam:ListAttachedLinks",
    "cloudwatch:ListMetrics",
    "logs:DescribeQueryDefinitions",
)
"""What it is counted from."""


def posture(libraries: Iterable[Library]) -> tuple[Mapping[str, Any], ...]:
    """Return one document for each account of which at least one of the operations was to be asked."""
    found = (_account(library) for library in libraries)
    return tuple(document for document in found if document is not None)


def _account(library: Library) -> Mapping[str, Any] | None:
    view = View(library)
    asked = [name for name in OPERATIONS if view.planned(name)]
    if not asked:
        return None
    groups, alarms = list(_groups(view)), list(_alarms(view))
    dashboards = [
        {"name": text(item.get("DashboardName")), "bytes": _count(item.get("Size"))}
        for _, item in _items(view, "cloudwatch:ListDashboards", "DashboardEntries")
    ]
    composites = [item for item in alarms if "children" in item]
    return {
        "account": library.account.id,
        "refs": sorted({record.ref for name in asked for record, _ in _pages(view, name) if record.items}),
        "log_groups": {
            "count": len(groups),
            "bytes": sum(item["bytes"] for item in groups),
            "never_expire": sum(item["retention_days"] is None for item in groups),
            "largest": sorted(groups, key=_by_size)[:MOST],
        },
        "metric_filters": sum(1 for _ in _items(view, "logs:DescribeMetricFilters", "metricFilters")),
        "alarms": {
            "count": len(alarms),
            "states": dict(sorted(Counter(item["state"] for item in alarms).items())),
            "actions_off": sum(not item["actions_on"] for item in alarms),
            "without_action": sum(not item["notifies"] for item in alarms),
            "composites": [_resolved(item, alarms) for item in composites[:MOST]],
        },
        "dashboards": {"count": len(dashboards), "named": dashboards[:MOST]},
        "observability": {
            "sinks": sum(1 for _ in _items(view, "oam:ListSinks", "Items")),
            "links": sum(1 for _ in _items(view, "oam:ListLinks", "Items")),
            "attached": sum(1 for _ in _items(view, "oam:ListAttachedLinks", "Items")),
        },
        "agent_metrics": _agents(view),
        "saved_queries": _queries(view),
        "not_asked": [name for name in OPERATIONS if name not in asked],
        "unread": sorted({f"{name} {gap.region}" for name in asked for _, gap in view.consult(name).missing}),
    }


def _pages(view: View, operation: str) -> Iterator[tuple[Record, Mapping[str, Any]]]:
    if view.planned(operation):
        for record, pages in view.consult(operation).answers:
            yield from ((record, page) for page in pages if isinstance(page, Mapping))


def _items(view: View, operation: str, key: str) -> Iterator[tuple[Record, Mapping[str, Any]]]:
    for record, page in _pages(view, operation):
        yield from ((record, item) for item in maps(page.get(key)))


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 60 else 0


def _groups(view: View) -> Iterator[dict[str, Any]]:
    for record, item in _items(view, "logs:DescribeLogGroups", "logGroups"):
        days = item.get("retentionInDays")
        yield {
            "name": text(item.get("logGroupName")),
            "region": record.call.region,
            "retention_days": _count(days) if days is not None else None,
            "bytes": _count(item.get("storedBytes")),
            "filters": _count(item.get("metricFilterCount")),
            "encrypted": bool(text(item.get("kmsKeyId"))),
        }


def _queries(view: View) -> dict[str, Any]:
    """Return the saved queries of Logs Insights; what they ask for stands in the evidence."""
    named = sorted(
        (text(item.get("name")), record.call.region)
        for record, item in _items(view, "logs:DescribeQueryDefinitions", "queryDefinitions")
    )
    return {"count": len(named), "named": [{"name": name, "region": region} for name, region in named[:MOST]]}


def _by_size(group: Mapping[str, Any]) -> tuple[int, int, str, str]:
    return (-group["bytes"], -group["filters"], group["region"], group["name"])


def _alarms(view: View) -> Iterator[dict[str, Any]]:
    for record, page in _pages(view, "cloudwatch:DescribeAlarms"):
        for kind in ("MetricAlarms", "CompositeAlarms", "LogAlarms"):
            for item in maps(page.get(kind)):
                alarm = {
                    "name": text(item.get("AlarmName")),
                    "region": record.call.region,
                    "state": text(item.get("StateValue")) or "not told",
                    "actions_on": flag(item.get("ActionsEnabled")) is not False,
                    "notifies": texts(item.get("AlarmActions")),
                }
                yield alarm | ({"children": _children(item)} if kind == "CompositeAlarms" else {})


def _children(item: Mapping[str, Any]) -> list[str] | None:
    """Return the alarms that a composite's rule names; None where the rule cannot be read."""
    rule = item.get("AlarmRule")
    try:
        return sorted(set(_named(parse_alarm_rule(rule if isinstance(rule, str) else ""))))
    except RuleError:
        return None


def _named(expression: Expression) -> Iterator[str]:
    if isinstance(expression, InState):
        yield expression.alarm.rpartition(":alarm:")[2]
    elif isinstance(expression, Joined):
        for part in expression.parts:
            yield from _named(part)


def _resolved(item: Mapping[str, Any], alarms: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a composite with the states of its children; one that there is not has none."""
    states = {alarm["name"]: alarm["state"] for alarm in alarms if alarm["region"] == item["region"]}
    children = None if item["children"] is None else {name: states.get(name) for name in item["children"]}
    return {**item, "children": children}


def _agents(view: View) -> dict[str, int]:
    """Count what the CloudWatch agent reported within the last hours: metrics, and the machines that they are of."""
    machines: set[tuple[str, str]] = set()
    metrics = 0
    for record, item in _items(view, "cloudwatch:ListMetrics", "Metrics"):
        metrics += 1
        for dimension in maps(item.get("Dimensions")):
            if text(dimension.get("Name")) == "InstanceId":
                machines.add((record.call.region, text(dimension.get("Value"))))
    return {"metrics": metrics, "instances": len(machines)}

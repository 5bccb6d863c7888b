"""Remedies for the way from an event to an alarm: filters, a metric, an alarm. What is right already stays."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from auditor.monitoring.patterns.errors import PatternError, TooComplexError
from auditor.monitoring.patterns.judge import judge_patterns
from auditor.monitoring.patterns.pattern import Pattern, parse_filter
from auditor.monitoring.patterns.requirement import requirement_from
from auditor.remedy.change import Finding, Look, Remedy, Stage, Step
from auditor.remedy.known import Known, told
from auditor.remedy.plans.alarms import ALARMS, has_audience, topic_of
from auditor.remedy.plans.filters import is_printed, patterns
from auditor.remedy.plans.trails import Trail, group_of, trail_of

MONITORS: Final = tuple(
    f"monitor-{name}"
    for name in (
        "unauthorized-api-calls",
        "console-signin-no-mfa",
        "root-usage",
        "iam-policy-changes",
        "cloudtrail-changes",
        "console-auth-failures",
        "kms-key-disable-or-delete",
        "s3-bucket-policy-changes",
        "config-changes",
        "security-group-changes",
        "nacl-changes",
        "network-gateway-changes",
        "route-table-changes",
        "vpc-changes",
        "organizations-changes",
        "transit-gateway-changes",
        "s3-bucket-deletion",
        "lambda-changes",
        "threat-detection-changes",
        "alarm-changes",
    )
)
NAMESPACE: Final = "Auditor"
_WAITS: Final = "The subscription waits until somebody opens the link in the mail."
_SIMPLE: Final = ("MetricName", "Namespace", "Statistic", "Period", "EvaluationPeriods", "Threshold")
_ACTING: Final = ("ComparisonOperator", "TreatMissingData", "ActionsEnabled", "AlarmActions")
_FIELDS: Final = (
    "AlarmName",
    "AlarmDescription",
    *_SIMPLE,
    *_ACTING,
    "OKActions",
    "InsufficientDataActions",
    "DatapointsToAlarm",
    "Unit",
)
"""Every field of an alarm on one metric; the call replaces them all (CloudWatch API, PutMetricAlarm)."""
_OTHERWISE: Final = ("Metrics", "Dimensions", "ExtendedStatistic", "ThresholdMetricId", "EvaluationCriteria")
"""Fields of alarms that look at something else than one metric without dimensions; those are left alone."""
_SURE: Final[Mapping[str, Any]] = {
    "Statistic": "Sum",
    "Period": 300,
    "EvaluationPeriods": 1,
    "Threshold": 1,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "TreatMissingData": "notBreaching",
}
"""What lets one hit raise an alarm, and lets it rest when nothing happens."""


@dataclass(frozen=True, slots=True)
class _Metric:
    """A metric that filters of a log group count hits in.

    Args:
        namespace: of the metric.
        name: of the metric.
        default: what is counted when nothing happens; None for nothing.
        texts: the patterns of its filters.
    """

    namespace: str
    name: str
    default: float | None
    texts: tuple[str, ...] = ()


def monitor(finding: Finding, known: Known) -> Remedy:
    """Complete the metric and the alarm that are right already, or add filters, a metric and an alarm of our own."""
    trail = trail_of(known)
    group, before = group_of(known, trail)
    if not trail.steps and not before and (completed := _completed(finding, known, trail, group)):
        return completed
    name = _name_of(finding.control)
    topic, heard = topic_of(known, trail.home)
    metric = _Metric(NAMESPACE, name, 0)
    filters = _filters(finding.control, trail.home, group, metric, patterns(finding.control, finding.parameters))
    alarm = Step(
        Stage.ALARM,
        f"tell {topic} at the first event",
        "cloudwatch",
        "PutMetricAlarm",
        trail.home,
        _alarm(finding, name, metric, topic),
    )
    return Remedy(
        finding,
        f"The log group {group} of the trail {trail.name}; filters and alarms that are there stay.",
        (*trail.steps, *before, *filters, *heard, alarm),
        (_no_alarm(trail.home, name), *map(_no_filter, filters)),
        _noise(finding.control),
        f"{0.30 + 0.10:.2f} USD: a metric 0.30, an alarm 0.10",
        person=_WAITS if heard else "",
    )


def _name_of(control: str) -> str:
    return f"auditor-{control.removeprefix('monitor-')}"


def _filters(control: str, region: str, group: str, metric: _Metric, wanted: Sequence[str]) -> list[Step]:
    """Return what adds filters into a metric, the first one under our name for the control, the others numbered."""
    name = _name_of(control)
    change: dict[str, Any] = {"metricName": metric.name, "metricNamespace": metric.namespace, "metricValue": "1"}
    if metric.default is not None:
        change["defaultValue"] = metric.default
    first = "the filter that benchmarks print" if is_printed(control) else "a filter for its events"
    return [
        Step(
            Stage.FILTER,
            first if number == 1 and not metric.texts else "a filter for what the others leave out",
            "logs",
            "PutMetricFilter",
            region,
            {
                "logGroupName": group,
                "filterName": name if number == 1 else f"{name}-{number}",
                "filterPattern": pattern,
                "metricTransformations": [change],
            },
        )
        for number, pattern in enumerate(wanted, 1)
    ]


def _alarm(finding: Finding, name: str, metric: _Metric, topic: str) -> dict[str, Any]:
    return {
        "AlarmName": name,
        "AlarmDescription": f"{finding.title} ({finding.control})",
        "ActionsEnabled": True,
        "AlarmActions": [topic],
        "MetricName": metric.name,
        "Namespace": metric.namespace,
        **_SURE,
    }


def _no_alarm(region: str, name: str) -> Step:
    return Step(Stage.ALARM, "no such alarm", "cloudwatch", "DeleteAlarms", region, {"AlarmNames": [name]})


def _no_filter(made: Step) -> Step:
    given = {name: made.parameters[name] for name in ("logGroupName", "filterName")}
    return Step(Stage.FILTER, "no such filter", "logs", "DeleteMetricFilter", made.region, given)


def _noise(control: str) -> str:
    if control != "monitor-unauthorized-api-calls":
        return "The subscribers get a message for each hit."
    return (
        "Noisy: AWS Config (HeadBucket), Systems Manager and scanners are refused every day. To quiet it, leave out "
        "single callers by `$.sourceIPAddress` or `$.userIdentity.arn` and try the text with `auditor pattern check`, "
        "which says what is then missed; with a higher threshold keep the statistic Sum."
    )


# ---------------------------------------------------------------- what is there already


def _completed(finding: Finding, known: Known, trail: Trail, group: str) -> Remedy | None:
    """Return what a metric of the group still lacks; None where none is right, or one that is right lacks nothing."""
    wanted = patterns(finding.control, finding.parameters)
    for metric in _metrics(known, trail.home, group):
        missing = [text for text in wanted if not any(_same(text, other) for other in metric.texts)]
        if len(missing) == len(wanted) and not _covers(finding, metric.texts):
            continue
        if not _covers(finding, (*metric.texts, *missing)):
            continue
        filters = _filters(finding.control, trail.home, group, metric, missing)
        alarm, undo, heard = _on_metric(finding, known, trail.home, metric)
        if not filters and alarm is None:
            return None  # the reason is elsewhere, so that something of our own is the safe way
        present = f"The metric {metric.namespace}/{metric.name} of the log group {group}"
        return Remedy(
            finding,
            f"{present}{', with an alarm' if alarm is None or alarm.expects is not None else ''}; both stay.",
            (*filters, *heard, *([alarm] if alarm is not None else ())),
            (*([undo] if undo is not None else ()), *map(_no_filter, filters)),
            _noise(finding.control),
            "0.10 USD: an alarm" if alarm is not None and alarm.expects is None else "nothing more than now",
            person=_WAITS if heard else "",
        )
    return None


def _metrics(known: Known, region: str, group: str) -> Iterator[_Metric]:
    """Yield the metrics of a log group whose filters count 1 for each hit, of all of the account and undivided."""
    found: dict[tuple[str, str], _Metric] = {}
    for item in known.items("logs:DescribeMetricFilters", "metricFilters", region):
        changes = list(item.get("metricTransformations") or [])
        if item.get("logGroupName") != group or len(changes) != 1:
            continue
        change = changes[0]
        narrowed = item.get("fieldSelectionCriteria") or item.get("applyOnTransformedLogs")
        divided = change.get("dimensions") or item.get("emitSystemFieldDimensions")
        default = change.get("defaultValue")
        if narrowed or divided or change.get("metricValue") != "1" or default not in (None, 0) or change.get("unit"):
            continue
        key = (str(change["metricNamespace"]), str(change["metricName"]))
        before = found.get(key, _Metric(*key, default))
        found[key] = _Metric(*key, before.default, (*before.texts, str(item.get("filterPattern"))))
    yield from found.values()


def _parsed(text: str) -> Pattern | None:
    try:
        return parse_filter(text)
    except (PatternError, TooComplexError):
        return None


def _same(text: str, other: str) -> bool:
    """Say whether two texts are one pattern, blanks and brackets apart."""
    one, two = _parsed(text), _parsed(other)
    return one is not None and two is not None and one.formula is not None and one.formula == two.formula


def _covers(finding: Finding, texts: Sequence[str]) -> bool:
    return _judged(finding.control, json.dumps(finding.parameters, sort_keys=True), tuple(texts))


@cache
def _judged(control: str, parameters: str, texts: tuple[str, ...]) -> bool:
    return judge_patterns(requirement_from(control, json.loads(parameters)), texts).covers is True


def _on_metric(
    finding: Finding, known: Known, region: str, metric: _Metric
) -> tuple[Step | None, Step | None, list[Step]]:
    """Return what makes an alarm on a metric go off and be heard, what undoes it, and what makes its topic."""
    there = sorted(_alarms(known, region, metric), key=lambda item: (not _goes_off(item), str(item["AlarmName"])))
    if there:
        return _heard_of(known, region, there[0])
    topic, heard = topic_of(known, region)
    name = _name_of(finding.control)
    given = _alarm(finding, name, metric, topic)
    words = f"tell {topic} at the first event"
    return Step(Stage.ALARM, words, "cloudwatch", "PutMetricAlarm", region, given), _no_alarm(region, name), heard


def _heard_of(known: Known, region: str, alarm: Mapping[str, Any]) -> tuple[Step | None, Step | None, list[Step]]:
    """Return the same for an alarm that is there: what is right in it stays."""
    before = {name: alarm[name] for name in _FIELDS if alarm.get(name) not in (None, "", [])}
    after = dict(before)
    if not _goes_off(before):
        after = {name: value for name, value in before.items() if name not in ("DatapointsToAlarm", "Unit")}
        after |= _SURE
    after["ActionsEnabled"] = True
    heard: list[Step] = []
    actions = [str(item) for item in before.get("AlarmActions", ())]
    if not any(f":sns:{region}:" in item and has_audience(known, item) for item in actions):
        topic, heard = topic_of(known, region)
        after["AlarmActions"] = list(dict.fromkeys([*actions, topic]))
    if after == before:
        return None, None, []
    step = Step(
        Stage.ALARM,
        f"the alarm {before['AlarmName']} goes off at one hit and is heard",
        "cloudwatch",
        "PutMetricAlarm",
        region,
        after,
        expects=_now(str(before["AlarmName"])),
        expected=(_shown(before), _shown(after)),
    )
    return step, Step(Stage.ALARM, "the alarm as it was", "cloudwatch", "PutMetricAlarm", region, before), heard


def _alarms(known: Known, region: str, metric: _Metric) -> Iterator[Mapping[str, Any]]:
    for page in known.pages(ALARMS, region):
        for item in page.get("MetricAlarms") or ():
            series = (item.get("Namespace"), item.get("MetricName"))
            if series == (metric.namespace, metric.name) and not any(item.get(name) for name in _OTHERWISE):
                yield item


def _goes_off(alarm: Mapping[str, Any]) -> bool:
    """Say whether one hit raises an alarm, and it rests when nothing happens; a doubt counts as no."""
    limit = float(alarm.get("Threshold", -1))
    over = {"GreaterThanOrEqualToThreshold": 0 < limit <= 1, "GreaterThanThreshold": 0 <= limit < 1}
    return (
        alarm.get("Statistic") == "Sum"
        and over.get(str(alarm.get("ComparisonOperator")), False)
        and alarm.get("DatapointsToAlarm", alarm.get("EvaluationPeriods")) == 1
        and int(alarm.get("Period", 0)) <= _LONGEST_PERIOD
        and alarm.get("TreatMissingData") == "notBreaching"
        and not alarm.get("Unit")
    )


_LONGEST_PERIOD: Final = 3600


def _now(name: str) -> Look:
    """Return a look at what a call replaces."""
    shown = ",".join((*_SIMPLE, *_ACTING[:-1], f"join(',',{_ACTING[-1]})"))
    return Look("cloudwatch", "DescribeAlarms", {"AlarmNames": [name]}, f"MetricAlarms[0].[{shown}]")


def _shown(alarm: Mapping[str, Any]) -> str:
    """Return what that look prints of an alarm."""
    values = [alarm.get(name) for name in (*_SIMPLE, *_ACTING[:-1])]
    values[_SIMPLE.index("Threshold")] = float(alarm["Threshold"])
    return "\t".join([*map(told, values), ",".join(alarm.get("AlarmActions", ()))])

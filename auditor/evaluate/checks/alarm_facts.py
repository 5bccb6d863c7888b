"""Reads alarms of every kind and the rules that mute them from evidence, into the plain values of the chain.

Every field that the API model knows is judged, is said to change nothing (``HARMLESS``), or leaves the alarm unread.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from auditor.evaluate.checks.fields import (
    flag,
    integer,
    listed,
    mapping,
    optional_list,
    optional_mapping,
    optional_moment,
    optional_text,
    text,
)
from auditor.evaluate.missing import UNREADABLE, Missing
from auditor.evaluate.view import View
from auditor.evidence.unanswered import NOT_COLLECTED, error_words
from auditor.monitoring.chain.facts import Alarm, Composite, LogAlarm, MuteRule, Series
from auditor.monitoring.chain.metric_math import NotASum, read_sum

HARMLESS = frozenset(
    {
        "AlarmDescription",
        "OKActions",
        "InsufficientDataActions",
        "StateReason",
        "StateReasonData",
        "ActionConfiguration",
        "EvaluateLowSampleCountPercentile",
        "ActionLogLineCount",
        "ActionLogLineRoleArn",
    }
)
"""Fields that do not decide whether somebody is told of one event: words, other states' actions, what a message holds.

``EvaluateLowSampleCountPercentile`` belongs to percentiles, which are not concluded from at all.
"""


def alarm_from(item: Mapping[str, Any], region: str, as_of: datetime, ref: str = "") -> Alarm:
    """Read one entry of ``MetricAlarms``.

    Raises:
        KeyError, TypeError, ValueError: it does not have the documented form.
    """
    series, statistic, period, fills, unread = _series(item)
    if unknown := _of_another_kind(item):
        series, unread = (), unknown
    # AWS leaves these out for alarms that watch something else than metrics
    periods = 1 if unread and item.get("EvaluationPeriods") is None else integer(item, "EvaluationPeriods")
    datapoints = integer(item, "DatapointsToAlarm") if item.get("DatapointsToAlarm") is not None else periods
    if min(period, periods, datapoints) < 1:
        raise ValueError("an alarm looks at one period at least")
    comparison = optional_text(item, "ComparisonOperator") if unread else text(item, "ComparisonOperator")
    return Alarm(
        name=text(item, "AlarmName"),
        arn=optional_text(item, "AlarmArn"),
        region=region,
        series=series,
        unread=unread,
        statistic=statistic,
        period=period,
        periods=periods,
        datapoints=datapoints,
        threshold=float(item["Threshold"]) if item.get("Threshold") is not None else None,
        comparison=comparison,
        missing_data=optional_text(item, "TreatMissingData") or "missing",
        fills=fills,
        actions_enabled=flag(item, "ActionsEnabled"),
        actions=tuple(map(str, optional_list(item, "AlarmActions"))),
        state=optional_text(item, "StateValue"),
        since=optional_moment(item, "StateTransitionedTimestamp") or optional_moment(item, "StateUpdatedTimestamp"),
        evaluation=optional_text(item, "EvaluationState"),
        warm_up=_warm_up(item, as_of),
        interval=integer(item, "EvaluationInterval") if item.get("EvaluationInterval") is not None else 0,
        ref=ref,
    )


def _of_another_kind(item: Mapping[str, Any]) -> str:
    """Say what an alarm watches or by what it decides, where that is not a sum of metrics against a number."""
    criteria = optional_mapping(item, "EvaluationCriteria")
    if criteria:
        return "it evaluates a PromQL query" if "PromQLCriteria" in criteria else "its criteria are of an unknown kind"
    if optional_text(item, "ThresholdMetricId"):
        return "its threshold is an anomaly detection band"
    if optional_text(item, "ExtendedStatistic"):
        return "it uses a percentile"
    window = optional_mapping(item, "EvaluationWindow")
    if window and not window.keys() <= {"WallClockWindow", "SlidingWindow"}:
        return "its evaluation window is of an unknown kind"
    return ""


def _warm_up(item: Mapping[str, Any], as_of: datetime) -> str:
    """Say whether an alarm is in its warm-up period, which begins anew with each change of its configuration."""
    warm_up = optional_mapping(item, "WarmUpConfiguration")
    if not warm_up or optional_text(item, "StateValue") in {"OK", "ALARM"}:
        return ""
    changed = optional_moment(item, "AlarmConfigurationUpdatedTimestamp")
    if changed is None:
        return "possible"
    if as_of >= changed + timedelta(minutes=integer(warm_up, "WarmUpPeriodDurationInMinutes")):
        return ""
    return "certain" if warm_up.get("OnlyStartEvaluatingAfterWarmUpPeriodEnds") is True else "possible"


_Reading = tuple[tuple[Series, ...], str, int, bool, str]
_DEFAULT_PERIOD = 300


def _series(item: Mapping[str, Any]) -> _Reading:
    """Return the metrics that an alarm adds up, statistic, period, whether gaps are filled, what is unclear."""
    queries = optional_list(item, "Metrics")
    if not queries:
        if not optional_text(item, "MetricName"):
            return (), "", _DEFAULT_PERIOD, False, "it watches something else than metrics"
        series = Series(
            text(item, "Namespace"), text(item, "MetricName"), _dimensions(item), optional_text(item, "Unit")
        )
        period = integer(item, "Period") if item.get("Period") is not None else _DEFAULT_PERIOD
        return (series,), optional_text(item, "Statistic"), period, False, ""
    returned = [query for query in queries if query.get("ReturnData") is not False]
    if len(returned) != 1:
        return (), "", _DEFAULT_PERIOD, False, "it returns several results"
    stats = {text(query, "Id"): query for query in queries if query.get("MetricStat")}
    expression = optional_text(returned[0], "Expression")
    if not expression:
        return _stat_series([returned[0]], fills=False)
    try:
        total = read_sum(expression, stats)
    except NotASum as error:
        return (), "", _DEFAULT_PERIOD, False, f"its expression is no plain sum ({error})"
    return _stat_series([stats[name] for name in sorted(total.ids)], fills=total.fills)


def _stat_series(queries: list[Mapping[str, Any]], *, fills: bool) -> _Reading:
    series, statistics, periods = [], set(), set()
    for query in queries:
        stat = mapping(query, "MetricStat")
        metric = mapping(stat, "Metric")
        account = optional_text(query, "AccountId")
        series.append(
            Series(
                text(metric, "Namespace"),
                text(metric, "MetricName"),
                _dimensions(metric),
                optional_text(stat, "Unit"),
                account,
            )
        )
        statistics.add(text(stat, "Stat"))
        periods.add(integer(stat, "Period"))
    if len(statistics) != 1:
        return (), "", _DEFAULT_PERIOD, fills, "it adds up different statistics"
    return tuple(series), statistics.pop(), max(periods), fills, ""


def _dimensions(item: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((text(one, "Name"), text(one, "Value")) for one in optional_list(item, "Dimensions")))


def composite_from(item: Mapping[str, Any], region: str, ref: str = "") -> Composite:
    """Read one entry of ``CompositeAlarms``.

    Raises:
        KeyError, TypeError: it does not have the documented form.
    """
    return Composite(
        name=text(item, "AlarmName"),
        arn=optional_text(item, "AlarmArn"),
        region=region,
        rule=text(item, "AlarmRule"),
        actions_enabled=flag(item, "ActionsEnabled"),
        actions=tuple(map(str, optional_list(item, "AlarmActions"))),
        suppressor=optional_text(item, "ActionsSuppressor"),
        suppressed=optional_text(item, "ActionsSuppressedBy"),
        ref=ref,
    )


def log_alarm_from(item: Mapping[str, Any], region: str, as_of: datetime, ref: str = "") -> LogAlarm:
    """Read one entry of ``LogAlarms``.

    Raises:
        KeyError, TypeError, ValueError: it does not have the documented form.
    """
    query = mapping(item, "ScheduledQueryConfiguration")
    return LogAlarm(
        name=text(item, "AlarmName"),
        arn=optional_text(item, "AlarmArn"),
        region=region,
        query=text(query, "QueryString"),
        groups=tuple(map(str, optional_list(query, "LogGroupIdentifiers"))),
        needed=integer(item, "QueryResultsToAlarm") if item.get("QueryResultsToAlarm") is not None else 1,
        comparison=optional_text(item, "ComparisonOperator"),
        evaluation=optional_text(item, "EvaluationState"),
        warm_up=_warm_up(item, as_of),
        actions_enabled=item.get("ActionsEnabled") is not False,
        actions=tuple(map(str, optional_list(item, "AlarmActions"))),
        ref=ref,
    )


MUTE_RULES, MUTE_RULE = "cloudwatch:ListAlarmMuteRules", "cloudwatch:GetAlarmMuteRule"


def mute_rules(view: View) -> tuple[tuple[MuteRule, ...], dict[str, str]]:
    """Return the mute rules, and for each Region whose rules are not known why."""
    lists, each = view.consult(MUTE_RULES), view.consult(MUTE_RULE)
    unread = {}
    for call, missing in (*lists.missing, *each.missing):
        view.leave_open(missing)
        for region in (call.region,) if call is not None else view.account.regions:
            unread[region] = unanswered(missing)
    found: list[MuteRule] = []
    for record, pages in each.answers:
        view.note(record)
        try:
            found += [_mute_rule(page, record.call.region, f"{record.ref}#/pages/0") for page in pages[:1]]
        except UNREADABLE as error:
            gap = view.blamed(error)
            view.lack(gap)
            unread[record.call.region] = unanswered(gap)
    for record, _ in lists.answers:
        view.note(record)
    return tuple(found), unread


def unanswered(missing: Missing) -> str:
    """Say in a few words that an operation gave no answer."""
    action = f", which needs {missing.action}" if missing.action else ""
    where = f" in {missing.region}" if missing.region and missing.region != "global" else ""
    told = "was not asked" if missing.code == NOT_COLLECTED else f"gave no usable answer ({error_words(missing.code)})"
    return f"{missing.operation}{where} {told}{action}"


def _mute_rule(page: Mapping[str, Any], region: str, ref: str) -> MuteRule:
    schedule = mapping(mapping(page, "Rule"), "Schedule")
    targets = page.get("MuteTargets")
    return MuteRule(
        name=text(page, "Name"),
        region=region,
        alarms=frozenset(map(str, listed(mapping(page, "MuteTargets"), "AlarmNames"))) if targets else None,
        expression=text(schedule, "Expression"),
        duration=text(schedule, "Duration"),
        timezone=optional_text(schedule, "Timezone"),
        starts=optional_moment(page, "StartDate", ahead=True),
        expires=optional_moment(page, "ExpireDate", ahead=True),
        status=optional_text(page, "Status"),
        ref=ref,
    )

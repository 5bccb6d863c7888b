"""Alarms on how often a front end fails: do they go off in time, and rest while nothing fails?

What is asked: an alarm has gone off where so many requests of a period failed, and so large a share of them, whichever
of the two it looks at. Metric maths is worked out with what each statistic shows then.
Source: API Gateway Developer Guide, "Amazon API Gateway dimensions and metrics": the average of ``5XXError`` is the
share; Elastic Load Balancing, "CloudWatch metrics for your Application Load Balancer": codes are only reported where
there are some, and every statistic but the sum is 1 then.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from auditor.base.counts import counted, lasting
from auditor.monitoring.chain.alarms import hindered
from auditor.monitoring.chain.levels import Level, NotALevelError, compares, evaluate
from auditor.monitoring.chain.link import State


@dataclass(frozen=True, slots=True)
class Failing:
    """What is asked of an alarm on errors.

    Args:
        dimensions: names of the dimensions by which the whole front end is seen; more see a part of it.
        requests: names of the metrics that count all requests.
        sparse: whether the metric has data only where something failed.
        errors: number of failed requests in a period by which the alarm has gone off.
        percent: share of failed requests by which it has gone off.
        within: seconds from that moment to the alarm, at most.
    """

    dimensions: frozenset[str]
    requests: frozenset[str]
    sparse: bool
    errors: int
    percent: float
    within: int


def judge_errors(level: Level, wanted: Failing) -> tuple[State, str]:  # noqa: PLR0911 - one line for each way to break
    """Say whether an alarm goes off in time when a front end fails, and rests while it does not."""
    alarm = level.alarm
    name, seconds = alarm.name, level.period * alarm.datapoints
    if seconds > wanted.within:
        return (
            State.BROKEN,
            f"The alarm {name} goes off after {lasting(seconds)}; the limit is {lasting(wanted.within)}.",
        )
    if alarm.threshold is None:
        return State.UNKNOWN, f"The alarm {name} has no fixed threshold."
    if stuck := _between_errors(level, wanted):
        return State.BROKEN, f"The alarm {name} {stuck}."
    try:
        quiet = evaluate(level.expression, _shown(level, wanted, errors=0))
        rests = _silent(level, wanted) or not compares(level, quiet)
        goes_off = compares(level, evaluate(level.expression, _shown(level, wanted, errors=wanted.errors)))
    except NotALevelError as error:
        return State.UNKNOWN, f"What the alarm {name} compares is not understood: {error}."
    if not rests:
        return State.BROKEN, f"The alarm {name} with the threshold {alarm.threshold:g} never rests."
    if not goes_off:
        many = f"{counted(wanted.errors, 'error')} in a period, {wanted.percent:g} % of the requests"
        return State.BROKEN, f"The alarm {name} with the threshold {alarm.threshold:g} is silent at {many}."
    if parts := sorted({key for one in level.series.values() for key, _ in one.dimensions} - wanted.dimensions):
        return State.UNKNOWN, f"The alarm {name} sees one {parts[0]} only; whether others see the rest is not known."
    return hindered(name, alarm.evaluation, alarm.warm_up) or (
        State.OK,
        f"The alarm {name} goes off at {alarm.threshold:g} within {lasting(seconds)}.",
    )


def _silent(level: Level, wanted: Failing) -> bool:
    """Say whether what an alarm compares has no data while nothing fails."""
    return wanted.sparse and "FILL(" not in level.expression.upper().replace(" ", "")


def _between_errors(level: Level, wanted: Failing) -> str:
    """Say what an alarm makes of a metric that has no data while nothing fails; empty where that does no harm."""
    if not _silent(level, wanted):
        return ""
    if level.alarm.missing_data == "breaching":
        return "takes missing data for a breach: it is red whenever nothing fails"
    if level.alarm.missing_data == "ignore" and level.alarm.state == "ALARM":
        return "is in ALARM and never leaves it, as it ignores that data are missing"
    return ""


def _shown(level: Level, wanted: Failing, *, errors: int) -> Mapping[str, float]:
    """Return what each metric of an alarm shows in a period with so many errors, by id.

    Raises:
        NotALevelError: a statistic shows something that is not known here.
    """
    requests = wanted.errors * 100 / wanted.percent
    found: dict[str, float] = {}
    for name in level.series:
        statistic = level.statistics.get(name, level.statistic)
        found[name] = _of_errors(statistic, wanted, errors, requests)
    accounts = {one.account for one in level.series.values()}
    for name, one in level.others.items():
        statistic = level.statistics.get(name, level.statistic)
        if one.metric in wanted.requests and one.account in accounts and statistic in {"Sum", "SampleCount"}:
            found[name] = requests
    return found


def _of_errors(statistic: str, wanted: Failing, errors: int, requests: float) -> float:
    match statistic:
        case "Sum":
            return errors
        case "SampleCount":
            return errors if wanted.sparse else requests
        case "Average" if not wanted.sparse:
            return errors / requests
        case "Minimum" if not wanted.sparse:
            return 0
        case "Average" | "Minimum" | "Maximum":
            return min(errors, 1)
    raise NotALevelError(f"it looks at {statistic[:40]}")

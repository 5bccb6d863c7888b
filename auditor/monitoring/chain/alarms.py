"""The arithmetic of one alarm on one filter: does a single hit raise it, and does it rest when nothing happens?

Source: CloudWatch User Guide, "Using Amazon CloudWatch alarms" and "Configuring how CloudWatch alarms treat missing
data"; ``MetricAlarm`` of the API model.
"""

from auditor.base.counts import counted, lasting
from auditor.monitoring.chain.facts import Alarm, Filter, Series
from auditor.monitoring.chain.link import State

Answer = tuple[State, str] | None


def judge_alarm(one: Filter, alarm: Alarm) -> tuple[State, str]:
    """Say whether a single hit of the filter brings the alarm to ALARM, and lets it rest otherwise."""
    for check in (_same_series, _known_threshold, _one_hit_suffices, _rests, _acts_again):
        if answer := check(one, alarm):
            return answer
    if answer := hindered(alarm.name, alarm.evaluation, alarm.warm_up):
        return answer
    return (
        State.OK,
        f"The alarm {alarm.name} goes off at one hit in {lasting(alarm.period)}.{_state(one, alarm)}",
    )


def _state(one: Filter, alarm: Alarm) -> str:
    """Say in which state it is and since when, and what keeps it there."""
    since = f" since {alarm.since:%Y-%m-%d %H:%M} UTC" if alarm.since is not None else ""
    if alarm.state == "ALARM":
        return f" It has been in ALARM{since} and says nothing new while it stays so."
    after = " After a hit it stays in ALARM, as it ignores that data are missing." if _stays(one, alarm) else ""
    return f" It has been in {alarm.state}{since}.{after}" if alarm.state else after


def _stays(one: Filter, alarm: Alarm) -> bool:
    """Say whether an alarm keeps its state between hits: nothing but hits has data, and it ignores missing ones."""
    return alarm.missing_data == "ignore" and one.default is None and not alarm.fills


def _acts_again(one: Filter, alarm: Alarm) -> Answer:
    """Find alarms that a hit has brought to ALARM for good, so that no further one changes their state."""
    if alarm.state != "ALARM" or not _stays(one, alarm):
        return None
    since = f" since {alarm.since:%Y-%m-%d %H:%M} UTC" if alarm.since is not None else ""
    sentence = (
        f"The alarm {alarm.name} has been in ALARM{since} and never leaves it, so it never acts again: it ignores that "
        "data are missing, and without a default value there are none between hits."
    )
    return State.BROKEN, sentence


def hindered(name: str, evaluation: str, warm_up: str) -> Answer:
    """Say what AWS itself reports against an alarm: trouble with its evaluation, or a warm-up period."""
    if evaluation == "EVALUATION_ERROR":
        return State.BROKEN, f"CloudWatch cannot evaluate the alarm {name}: its configuration has errors."
    if evaluation:
        return State.UNKNOWN, f"CloudWatch reports {evaluation[:40]} for the alarm {name}: it may miss a hit."
    if warm_up == "certain":
        return State.BROKEN, f"The alarm {name} is in its warm-up period and does not act."
    if warm_up:
        return State.UNKNOWN, f"The alarm {name} may still be in its warm-up period, in which it does not act."
    return None


def _same_series(one: Filter, alarm: Alarm) -> Answer:
    series = [item for item in alarm.series if item.namespace == one.namespace and item.metric == one.metric]
    answers = [_same(one, alarm, item) for item in series]
    return None if None in answers else answers[0]


def _same(one: Filter, alarm: Alarm, series: Series) -> Answer:
    names = {name for name, _ in series.dimensions}
    if names != one.dimensions:
        has = ", ".join(sorted(one.dimensions)) or "none"
        wants = ", ".join(sorted(names)) or "none"
        return (
            State.BROKEN,
            f"The alarm {alarm.name} asks for dimensions {wants}, the metric has {has}: it sees no data.",
        )
    if names:
        values = ", ".join(f"{name} = {value}" for name, value in series.dimensions)
        return State.BROKEN, f"The alarm {alarm.name} only sees hits with {values}."
    if series.unit and series.unit != (one.unit or "None"):
        return State.BROKEN, f"The alarm {alarm.name} asks for unit {series.unit}, the metric has {one.unit or 'None'}."
    return None


def _known_threshold(one: Filter, alarm: Alarm) -> Answer:  # noqa: ARG001 - the signature of every check
    if alarm.threshold is None:
        return State.UNKNOWN, f"The alarm {alarm.name} has no fixed threshold."
    if alarm.comparison.startswith("LessThan"):
        return State.BROKEN, f"The alarm {alarm.name} compares by {alarm.comparison}, so that hits do not raise it."
    if alarm.comparison not in {"GreaterThanOrEqualToThreshold", "GreaterThanThreshold"}:
        return State.UNKNOWN, f"The alarm {alarm.name} compares by {alarm.comparison[:60]}."
    if alarm.missing_data not in {"missing", "ignore", "breaching", "notBreaching"}:
        return State.UNKNOWN, f"The alarm {alarm.name} treats missing data as {alarm.missing_data[:40]}."
    if alarm.statistic not in {"Sum", "SampleCount", "Average", "Maximum", "Minimum"}:
        return State.UNKNOWN, f"The alarm {alarm.name} uses the statistic {alarm.statistic or 'of a percentile'}."
    return None


def _one_hit_suffices(one: Filter, alarm: Alarm) -> Answer:
    low, high = _after_one_hit(one, alarm)
    if not _over(high, alarm):
        need = f"{alarm.comparison} {alarm.threshold:g}"
        return State.BROKEN, f"One hit gives {alarm.statistic} {high:g}, the alarm {alarm.name} needs {need}."
    if not _over(low, alarm):
        return (
            State.UNKNOWN,
            f"Whether one hit moves the {alarm.statistic} of the alarm {alarm.name} enough is not sure.",
        )
    if alarm.datapoints > 1:
        needs = f"{alarm.datapoints} of {counted(alarm.periods, 'period')}"
        return State.BROKEN, f"The alarm {alarm.name} needs hits in {needs}: a single event never raises it."
    return None


def _after_one_hit(one: Filter, alarm: Alarm) -> tuple[float, float]:
    """Return the least and the greatest value of the statistic in a period with one hit."""
    value = float(one.value)
    match alarm.statistic:
        case "SampleCount":
            return 1, 1
        case "Sum" if one.default is not None and one.default < 0:
            return value + one.default * (max(1, alarm.period // 60) - 1), value
        case "Average" if one.default is not None:
            minutes = max(1, alarm.period // 60)
            average = (value + one.default * (minutes - 1)) / minutes
            return min(average, value), max(average, value) if minutes == 1 else average
        case "Minimum" if one.default is not None and alarm.period > 60:  # noqa: PLR2004 - the metric has minutes
            return min(one.default, value), min(one.default, value)
    return value, value


def _over(value: float, alarm: Alarm) -> bool:
    limit = alarm.threshold if alarm.threshold is not None else float("inf")
    return value > limit if alarm.comparison == "GreaterThanThreshold" else value >= limit


def _rests(one: Filter, alarm: Alarm) -> Answer:
    """Find alarms that are always red, and thus never say anything new."""
    if one.default is not None:
        minutes = max(1, alarm.period // 60)
        quiet = {"Sum": one.default * minutes, "SampleCount": float(minutes)}.get(alarm.statistic, one.default)
        if _over(quiet, alarm):
            return (
                State.BROKEN,
                f"Without any hit the default value already raises the alarm {alarm.name}: it never rests.",
            )
    elif alarm.missing_data == "breaching" and not alarm.fills:
        return (
            State.BROKEN,
            f"The alarm {alarm.name} takes missing data for a breach: it is red whenever nothing happens.",
        )
    elif alarm.fills and _over(0, alarm):
        return State.BROKEN, f"Zero already raises the alarm {alarm.name}: it never rests."
    return None

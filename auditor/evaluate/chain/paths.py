"""Follows one metric filter to the people who hear of it, and one trail to its log group.

Source of the rules: CloudWatch User Guide, "Using Amazon CloudWatch alarms" and "Configuring how CloudWatch alarms
treat
missing data"; CloudWatch Logs User Guide, "Creating metrics from log events using filters"; CloudTrail User Guide,
"Sending
events to CloudWatch Logs".
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from auditor.evaluate.chain.alarm_rule import Expression, RuleError, goes_off_with, mentions, parse_alarm_rule
from auditor.evaluate.chain.facts import Alarm, Composite, Facts, Filter, Series, Trail
from auditor.evaluate.chain.link import Link, Links, State, completed, reached, state_of
from auditor.evaluate.chain.topics import CLOUDWATCH, judge_topic

DELIVERY_LIMIT = timedelta(hours=24)
"""The benchmark's own bound for deliveries to CloudWatch Logs."""

_TICKETS = (":ssm:", ":ssm-incidents:", ":aiops:")
"""Alarm actions that open a ticket or an investigation for people."""


@dataclass(frozen=True, slots=True)
class Path:
    """The best way from a filter to people: links from "metric" on, and the alarm on it (None when there is none)."""

    filter: Filter
    links: Links
    alarm: Alarm | None = None

    @property
    def state(self) -> State:
        """Whether somebody hears of what the filter catches."""
        return state_of(self.links)


# ---------------------------------------------------------------- trail and log group


def trail_links(trail: Trail, facts: Facts, *, reads: bool, sources: frozenset[str]) -> Links:
    """Judge a trail and its log group for a requirement.

    Args:
        trail: the trail.
        facts: what is known of the account.
        reads: whether the required events include read-only ones.
        sources: event sources of the required events; empty for any.
    """
    state, sentence = _trail(trail, reads=reads, sources=sources)
    link = Link("trail", state, trail.name, sentence, (trail.ref,))
    if state is State.BROKEN:
        return (link, Link.not_reached("log group"))
    return (link, _group(trail, facts))


def records(trail: Trail, *, reads: bool) -> bool:
    """Say whether a trail is known to record management events of all Regions; EventBridge gets them only then."""
    known = trail.multi_region and not trail.unread and bool(trail.logging)
    return known and trail.writes and (trail.reads or not reads)


def _trail(  # noqa: PLR0911 - one line for each way to break
    trail: Trail, *, reads: bool, sources: frozenset[str]
) -> tuple[State, str]:
    name = trail.name
    if not trail.multi_region:
        return State.BROKEN, f"The trail {name} does not record all Regions and global services."
    if not trail.group_arn:
        return State.BROKEN, f"The trail {name} does not deliver to CloudWatch Logs."
    if trail.unread:
        return State.UNKNOWN, f"What the trail {name} does is not known: {trail.unread}."
    if not trail.logging:
        return State.BROKEN, f"The trail {name} is not logging."
    if not trail.writes or (reads and not trail.reads):
        missing = "write" if not trail.writes else "read-only"
        return State.BROKEN, f"The trail {name} does not record {missing} management events."
    left_out = trail.excluded & sources if sources else trail.excluded
    if left_out:
        return State.BROKEN, f"The trail {name} leaves out the events of {', '.join(sorted(left_out))}."
    return State.OK, f"The trail {name} is logging management events of all Regions."


def _group(trail: Trail, facts: Facts) -> Link:  # noqa: PLR0911 - one line for each way to break
    parts = trail.group_arn.split(":")
    if len(parts) < 7:  # noqa: PLR2004 - arn:partition:logs:region:account:log-group:name
        return Link("log group", State.UNKNOWN, trail.group_arn, "The log group's ARN cannot be read.", (trail.ref,))
    region, account, name = parts[3], parts[4], parts[6]

    def link(state: State, sentence: str, ref: str = trail.ref) -> Link:
        return Link("log group", state, name, sentence, (ref,))

    if trail.delivery_error:
        return link(State.BROKEN, f"Delivery to the log group {name} fails: {trail.delivery_error[:200]}.")
    if trail.unread:
        return link(State.UNKNOWN, f"Whether the trail delivers to the log group {name} is not known.")
    if trail.delivered is None:
        return link(State.BROKEN, f"Nothing was ever delivered to the log group {name}.")
    if facts.as_of - trail.delivered > DELIVERY_LIMIT:
        return link(
            State.BROKEN, f"The last delivery to the log group {name} was at {trail.delivered:%Y-%m-%d %H:%M} UTC."
        )
    if account != facts.account:
        owner = f"The log group {name} is in account {account}: its filters and alarms have to be looked at there."
        return link(State.UNKNOWN, owner)
    if region not in facts.regions:
        return link(State.UNKNOWN, f"The log group {name} is in {region}, which is not part of the audit.")
    group = next((one for one in facts.groups if one.name == name and one.region == region), None)
    if group is None:
        return link(State.BROKEN, f"The log group {name} does not exist in {region}.")
    if group.kind != "STANDARD":
        return link(
            State.BROKEN, f"The log group {name} is of class {group.kind}, which has no metric filters.", group.ref
        )
    return link(State.OK, f"The log group {name} in {region} receives the trail's events.", group.ref)


# ---------------------------------------------------------------- filter to subscriber


class Paths:
    """All ways from filters to people in one account; what is shared is looked up once."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._alarms: dict[tuple[str, str, str], list[Alarm]] = defaultdict(list)
        self._unread: dict[str, list[Alarm]] = defaultdict(list)
        for alarm in facts.alarms:
            for series in alarm.series:
                self._alarms[alarm.region, series.namespace, series.metric].append(alarm)
            if alarm.unread:
                self._unread[alarm.region].append(alarm)
        self._composites = [(one, _parsed(one)) for one in facts.composites]
        self._ends: dict[tuple[str, str], Links] = {}

    def of(self, one: Filter) -> Path:
        """Return the best way from a filter to people."""
        metric = _metric(one)
        if metric.state is State.BROKEN:
            return Path(one, completed((metric,), since="metric"))
        alarms = self._alarms.get((one.region, one.namespace, one.metric), [])
        ways = [(alarm, self._with_alarm(one, metric, alarm)) for alarm in alarms]
        if not ways:
            return Path(one, completed((metric, self._no_alarm(one)), since="metric"))
        alarm, links = max(ways, key=lambda way: (state_of(way[1]) is State.OK, *reached(way[1])))
        return Path(one, completed(links, since="metric"), alarm)

    def _no_alarm(self, one: Filter) -> Link:
        metric = f"{one.namespace}/{one.metric}"
        if elsewhere := [
            alarm.name for alarm in self._facts.alarms if _watches(alarm, one) and alarm.region != one.region
        ]:
            sentence = f"The alarm {elsewhere[0]} on {metric} is in another Region than the metric ({one.region})."
            return Link("alarm", State.BROKEN, elsewhere[0], sentence)
        if wrong := [
            alarm.name
            for alarm in self._facts.alarms
            if any(series.metric == one.metric and series.namespace != one.namespace for series in alarm.series)
        ]:
            sentence = f"The alarm {wrong[0]} watches a metric of that name in another namespace than {one.namespace}."
            return Link("alarm", State.BROKEN, wrong[0], sentence)
        if unread := self._unread.get(one.region):
            sentence = f"No alarm watches {metric} plainly; {unread[0].name} could: {unread[0].unread}."
            return Link("alarm", State.UNKNOWN, unread[0].name, sentence, (unread[0].ref,))
        return Link("alarm", State.BROKEN, "", f"No alarm watches the metric {metric} in {one.region}.")

    def _with_alarm(self, one: Filter, metric: Link, alarm: Alarm) -> Links:
        state, sentence = judge_alarm(one, alarm)
        link = Link("alarm", state, alarm.name, sentence, (alarm.ref,))
        if state is State.BROKEN:
            return (metric, link)
        return (metric, link, *self._end(alarm))

    def _end(self, alarm: Alarm) -> Links:
        key = (alarm.region, alarm.arn or alarm.name)
        if key not in self._ends:
            self._ends[key] = self._find_end(alarm)
        return self._ends[key]

    def _find_end(self, alarm: Alarm) -> Links:
        """Follow the alarm's own actions, or those of a composite alarm that goes off with it."""
        own = _act(alarm.name, "alarm", alarm.actions, alarm.actions_enabled, alarm.mute, alarm.ref, self._facts)
        if state_of(own) is State.OK:
            return own
        ways = [*self._over_composites({alarm.name, alarm.arn}, alarm.region, alarm.name, frozenset()), own]
        return max(ways, key=lambda way: (state_of(way) is State.OK, *reached(way)))

    def _over_composites(self, names: set[str], region: str, child: str, seen: frozenset[str]) -> Iterable[Links]:
        for composite, rule in self._composites:
            if composite.region != region or composite.arn in seen:
                continue
            if rule is None:
                if any(name and name in composite.rule for name in names):
                    sentence = f"The rule of the composite alarm {composite.name} cannot be understood."
                    yield (Link("action", State.UNKNOWN, composite.name, sentence, (composite.ref,)),)
                continue
            if not mentions(rule, names):
                continue
            goes_off = goes_off_with(rule, names)
            if goes_off is not True:
                sentence = f"The composite alarm {composite.name} does not go off whenever {child} does."
                yield (Link("action", State.BROKEN, composite.name, sentence, (composite.ref,)),)
                continue
            mute = f"{composite.suppressor} can suppress its actions" if composite.suppressor else ""
            noun = "composite alarm"
            end = _act(
                composite.name, noun, composite.actions, composite.actions_enabled, mute, composite.ref, self._facts
            )
            yield tuple(_through(link, composite, child) for link in end)
            below = seen | {composite.arn}
            yield from self._over_composites({composite.name, composite.arn}, region, composite.name, below)


def _through(link: Link, composite: Composite, child: str) -> Link:
    if link.kind != "action" or link.state is not State.OK:
        return link
    sentence = f"The composite alarm {composite.name} goes off with {child}. {link.sentence}"
    return Link(link.kind, link.state, link.name, sentence, (composite.ref, *link.evidence))


def _parsed(composite: Composite) -> Expression | None:
    try:
        return parse_alarm_rule(composite.rule)
    except RuleError:
        return None


def _watches(alarm: Alarm, one: Filter) -> bool:
    return any(series.namespace == one.namespace and series.metric == one.metric for series in alarm.series)


def _metric(one: Filter) -> Link:
    name = f"{one.namespace}/{one.metric}"

    def link(state: State, sentence: str) -> Link:
        return Link("metric", state, name, sentence, (one.ref,))

    if one.selection:
        return link(
            State.BROKEN, f"The filter {one.name} only looks at some accounts or Regions: {one.selection[:200]}."
        )
    if one.transformed:
        return link(State.UNKNOWN, f"The filter {one.name} sees transformed records, whose fields are not known.")
    value = _number(one.value)
    if value is None:
        return link(
            State.BROKEN, f"The filter {one.name} publishes {one.value[:100]}, which CloudTrail records do not have."
        )
    if value <= 0:
        return link(State.BROKEN, f"The filter {one.name} publishes {one.value}, which no alarm notices.")
    return link(State.OK, f"The filter {one.name} publishes {one.value} to {name} for each hit.")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


# ---------------------------------------------------------------- the alarm's own arithmetic


def judge_alarm(one: Filter, alarm: Alarm) -> tuple[State, str]:
    """Say whether a single hit of the filter brings the alarm to ALARM, and lets it rest otherwise."""
    for check in (_same_series, _known_threshold, _one_hit_suffices, _rests):
        if answer := check(one, alarm):
            return answer
    sentence = f"The alarm {alarm.name} goes off at one hit in {alarm.period} seconds."
    if alarm.state == "ALARM" and alarm.since is not None:
        sentence += (
            f" It has been in ALARM since {alarm.since:%Y-%m-%d %H:%M} UTC and says nothing new while it stays so."
        )
    return State.OK, sentence


Answer = tuple[State, str] | None
_Check = Callable[[Filter, Alarm], Answer]


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
    if series.account:
        return State.UNKNOWN, f"The alarm {alarm.name} watches the metric of that name in account {series.account}."
    return None


def _known_threshold(one: Filter, alarm: Alarm) -> Answer:  # noqa: ARG001 - the signature of every check
    if alarm.threshold is None:
        return State.UNKNOWN, f"The alarm {alarm.name} has no fixed threshold."
    if alarm.comparison not in {"GreaterThanOrEqualToThreshold", "GreaterThanThreshold"}:
        return State.BROKEN, f"The alarm {alarm.name} compares by {alarm.comparison}, so that hits do not raise it."
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
        needs = f"{alarm.datapoints} of {alarm.periods} periods"
        return State.BROKEN, f"The alarm {alarm.name} needs hits in {needs}: a single event never raises it."
    return None


def _after_one_hit(one: Filter, alarm: Alarm) -> tuple[float, float]:
    """Return the least and the greatest value of the statistic in a period with one hit."""
    value = float(one.value)
    match alarm.statistic:
        case "SampleCount":
            return 1, 1
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


# ---------------------------------------------------------------- actions


def _act(name: str, noun: str, actions: tuple[str, ...], enabled: bool, mute: str, ref: str, facts: Facts) -> Links:
    """Return the links "action" and "subscriber" of an alarm; the best of its actions counts."""

    def stop(state: State, sentence: str) -> Links:
        return (Link("action", state, name, sentence, (ref,)),)

    if not actions:
        return stop(State.BROKEN, f"The {noun} {name} has no action for the state ALARM.")
    if not enabled:
        return stop(State.BROKEN, f"The actions of the {noun} {name} are disabled.")
    if mute:
        return stop(State.UNKNOWN, f"The actions of the {noun} {name} can be kept back: {mute}.")
    ends = [act_on(action, CLOUDWATCH, facts) for action in actions]
    return max(ends, key=lambda links: (state_of(links) is State.OK, *reached(links)))


def act_on(arn: str, service: str, facts: Facts) -> Links:
    """Judge one action or target by its ARN."""
    name = arn.rpartition(":")[2]
    region = arn.split(":")[3] if arn.count(":") > 3 else ""  # noqa: PLR2004 - the fourth part of an ARN
    if ":sns:" in arn:
        topic = facts.topics.get(arn)
        if topic is None and region not in facts.regions:
            sentence = f"The topic {name} is in {region or 'a Region'} that is not part of the audit."
            return (Link("action", State.UNKNOWN, name, sentence), Link.not_reached("subscriber"))
        return judge_topic(topic, arn, service, facts.account)
    if any(part in arn for part in _TICKETS):
        sentence = f"The action {name} opens a ticket or incident."
        return (
            Link("action", State.OK, name, sentence),
            Link("subscriber", State.OK, name, "The ticket names who handles it."),
        )
    if ":lambda:" in arn:
        return _function(arn, facts)
    if ":automate:" in arn or ":autoscaling:" in arn or ":swf:" in arn:
        sentence = f"The action {name} changes a resource; it tells nobody."
        return (Link("action", State.BROKEN, name, sentence),)
    return (Link("action", State.UNKNOWN, name, f"Who hears of the action {name[:200]} is not known."),)


def _function(arn: str, facts: Facts) -> Links:
    parts = arn.split(":")
    name = parts[6] if len(parts) > 6 else arn  # noqa: PLR2004 - the seventh part of a function's ARN
    bare = ":".join(parts[:7])
    if facts.functions is None or (len(parts) > 3 and parts[3] not in facts.regions):  # noqa: PLR2004 - as above
        return (Link("action", State.UNKNOWN, name, f"Whether the function {name} exists was not looked at."),)
    if bare not in facts.functions:
        return (Link("action", State.BROKEN, name, f"The function {name} does not exist."),)
    return (
        Link("action", State.OK, name, f"The function {name} is called."),
        Link("subscriber", State.OK, name, f"The function {name} reacts; what it does is in its code."),
    )

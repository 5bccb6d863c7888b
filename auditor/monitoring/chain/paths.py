"""Follows one metric filter to the people who hear of it: metric, alarm, action and subscriber.

The alarm may lie in a monitoring account that the metric is shared with; its evidence counts where the run has it.
Source of the rules: CloudWatch Logs User Guide, "Creating metrics from log events using filters"; CloudWatch User
Guide, "CloudWatch cross-account observability".
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from auditor.monitoring.chain.actions import act, kept_back_now
from auditor.monitoring.chain.alarm_rule import Expression, RuleError, goes_off_with, mentions, parse_alarm_rule
from auditor.monitoring.chain.alarms import judge_alarm
from auditor.monitoring.chain.facts import Alarm, Composite, Facts, Filter, Sharing
from auditor.monitoring.chain.link import Link, Links, State, completed, rank, state_of
from auditor.monitoring.chain.selection import takes_in


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


class Paths:
    """All ways from filters to people in one account; what is shared is looked up once."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._alarms: dict[tuple[str, str, str, str], list[Alarm]] = defaultdict(list)
        self._unread: dict[str, list[Alarm]] = defaultdict(list)
        for alarm in facts.alarms:
            for series in alarm.series:
                owner = series.account or facts.account
                self._alarms[owner, alarm.region, series.namespace, series.metric].append(alarm)
            if alarm.unread:
                self._unread[alarm.region].append(alarm)
        self._composites = [(one, _parsed(one)) for one in facts.composites]
        self._ends: dict[tuple[str, str], Links] = {}
        self._shared: dict[str, Paths] = {}

    def of(self, one: Filter) -> Path:
        """Return the best way from a filter to people."""
        metric = _metric(one, self._facts.account)
        if metric.state is State.BROKEN:
            return Path(one, completed((metric,), since="metric"))
        ways: list[tuple[Alarm | None, Links]] = [*self.ways(self._facts.account, one, metric)]
        ways += self._elsewhere(one, metric)
        if not ways:
            return Path(one, completed((metric, self._no_alarm(one)), since="metric"))
        alarm, links = max(ways, key=lambda way: rank(way[1]))
        return Path(one, completed(links, since="metric"), alarm)

    def ways(self, owner: str, one: Filter, metric: Link) -> list[tuple[Alarm | None, Links]]:
        """Return the ways over this account's alarms on the metric of a filter in the account ``owner``."""
        alarms = self._alarms.get((owner, one.region, one.namespace, one.metric), [])
        found: list[tuple[Alarm | None, Links]] = [(alarm, self._with_alarm(one, metric, alarm)) for alarm in alarms]
        if why := self._facts.gap("alarms", one.region):
            sentence = f"Whether another alarm watches {one.namespace}/{one.metric} is not known: {why}."
            found.append((None, (metric, Link("alarm", State.UNKNOWN, "", sentence))))
        return found

    def could_hear(self, region: str) -> bool:
        """Say whether anybody could hear of a filter in a Region that is not known, whatever its metric is."""
        facts = self._facts
        if facts.gap("alarms", region) or region in facts.unread_sharings or self._unread.get(region):
            return True
        if any(sharing.region == region for sharing in facts.sharings):
            return True
        return any(alarm.region == region and state_of(self._end(alarm)) is not State.BROKEN for alarm in facts.alarms)

    def end_of(self, alarm: Alarm) -> Links:
        """Return what an alarm sets off by itself, or over a composite alarm that goes off with it: the best of it."""
        return self._end(alarm)

    def _elsewhere(self, one: Filter, metric: Link) -> list[tuple[Alarm | None, Links]]:
        """Return the ways over alarms in the monitoring accounts that the metric is shared with."""
        found: list[tuple[Alarm | None, Links]] = []
        for sharing in self._facts.sharings:
            if sharing.region == one.region:
                found += self._over(sharing, one, metric)
        if why := self._facts.unread_sharings.get(one.region):
            found.append((None, (metric, Link("alarm", State.UNKNOWN, "", _unknown_sharing(one, why)))))
        return found

    def _over(self, sharing: Sharing, one: Filter, metric: Link) -> list[tuple[Alarm | None, Links]]:
        other = self._facts.others.get(sharing.account)
        if other is None or one.region not in other.regions:
            sentence = (
                f"The metrics of {one.region} are shared with account {sharing.account}: its alarms have to be looked "
                "at there."
            )
            return [(None, (metric, Link("alarm", State.UNKNOWN, sharing.account, sentence, (sharing.ref,))))]
        if other.attached is not None and sharing.arn not in other.attached:
            return []
        if sharing.account not in self._shared:
            known = {**self._facts.others, self._facts.account: replace(self._facts, others={})}
            self._shared[sharing.account] = Paths(replace(other, others=known))
        ways = self._shared[sharing.account].ways(self._facts.account, one, metric)
        return [(alarm, tuple(_shared(link, sharing) for link in links)) for alarm, links in ways]

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
        if foreign := [alarm for alarm in self._facts.alarms if _watches(alarm, one) and alarm.region == one.region]:
            accounts = ", ".join(sorted({series.account for series in foreign[0].series if series.account}))
            sentence = f"The alarm {foreign[0].name} watches the metric of that name in account {accounts}, not here."
            return Link("alarm", State.BROKEN, foreign[0].name, sentence, (foreign[0].ref,))
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
        back = kept_back_now(alarm.name, alarm.region, self._facts)
        own = act(alarm, "alarm", back, self._facts)
        if state_of(own) is State.OK:
            return own
        ways = [*self._over_composites(alarm), own]
        return max(ways, key=rank)

    def _over_composites(self, alarm: Alarm) -> Iterable[Links]:
        """Yield the ways over composite alarms that go off with an alarm, or with a composite that does; each once."""
        resting = ("OK", "INSUFFICIENT_DATA") if alarm.missing_data == "missing" else ("OK",)
        children = [(frozenset(filter(None, (alarm.name, alarm.arn))), alarm.name, resting)]
        seen: set[str] = set()
        for names, child, states in children:  # grows while it is gone through
            for composite, rule in self._composites:
                if composite.region != alarm.region or composite.name in seen:
                    continue
                if (stop := _parted(composite, rule, names, child, states)) is not None:
                    yield from stop
                    continue
                seen.add(composite.name)
                back = _suppressed(composite) or kept_back_now(composite.name, composite.region, self._facts)
                end = act(composite, "composite alarm", back, self._facts)
                yield tuple(_through(link, composite, child) for link in end)
                own = frozenset(filter(None, (composite.name, composite.arn)))
                children.append((own, composite.name, ("OK",)))


def _parted(
    composite: Composite, rule: Expression | None, names: frozenset[str], child: str, resting: Sequence[str]
) -> list[Links] | None:
    """Say why a composite alarm does not follow a child: no way where it has nothing to do with it; None if it does."""

    def stop(state: State, sentence: str) -> list[Links]:
        return [(Link("action", state, composite.name, sentence, (composite.ref,)),)]

    if rule is None:
        sentence = f"The rule of the composite alarm {composite.name} cannot be understood."
        return stop(State.UNKNOWN, sentence) if any(name in composite.rule for name in names) else []
    if not mentions(rule, names):
        return []
    if goes_off_with(rule, names) is not True:
        return stop(State.BROKEN, f"The composite alarm {composite.name} does not go off whenever {child} does.")
    if red := [state for state in resting if goes_off_with(rule, names, state) is True]:
        sentence = f"The composite alarm {composite.name} is red already while {child} is in {red[0]}."
        return stop(State.BROKEN if red[0] == "OK" else State.UNKNOWN, sentence)
    return None


def _through(link: Link, composite: Composite, child: str) -> Link:
    if link.kind != "action" or link.state is not State.OK:
        return link
    sentence = f"The composite alarm {composite.name} goes off with {child}. {link.sentence}"
    return Link(link.kind, link.state, link.name, sentence, (composite.ref, *link.evidence))


def _suppressed(composite: Composite) -> tuple[State, str] | None:
    """Judge the alarm that can keep a composite's actions back."""
    if composite.suppressed:
        return State.BROKEN, f"{composite.suppressor or 'its suppressor'} keeps them back now ({composite.suppressed})"
    if composite.suppressor:
        return State.UNKNOWN, f"{composite.suppressor} can suppress its actions"
    return None


def _shared(link: Link, sharing: Sharing) -> Link:
    if link.kind != "alarm":
        return link
    sentence = f"In account {sharing.account}, which the metric is shared with: {link.sentence}"
    return Link(link.kind, link.state, link.name, sentence, (*link.evidence, sharing.ref))


def _unknown_sharing(one: Filter, why: str) -> str:
    return f"No alarm here watches {one.namespace}/{one.metric}; whether it is shared with another account: {why}."


def _parsed(composite: Composite) -> Expression | None:
    try:
        return parse_alarm_rule(composite.rule)
    except RuleError:
        return None


def _watches(alarm: Alarm, one: Filter) -> bool:
    return any(series.namespace == one.namespace and series.metric == one.metric for series in alarm.series)


def _metric(one: Filter, account: str) -> Link:
    name = f"{one.namespace}/{one.metric}"

    def link(state: State, sentence: str) -> Link:
        return Link("metric", state, name, sentence, (one.ref,))

    value = _number(one.value)
    if value is None:
        return link(
            State.BROKEN, f"The filter {one.name} publishes {one.value[:100]}, which CloudTrail records do not have."
        )
    if value <= 0:
        return link(State.BROKEN, f"The filter {one.name} publishes {one.value}, which no alarm notices.")
    if one.selection:
        seen = takes_in(one.selection, account=account, region=one.region)
        if seen is False:
            return link(
                State.BROKEN, f"The filter {one.name} leaves out this account or Region: {one.selection[:200]}."
            )
        if seen is None:
            return link(
                State.UNKNOWN,
                f"Which accounts and Regions the filter {one.name} looks at is not clear: {one.selection[:200]}.",
            )
    if one.transformed:
        return link(State.UNKNOWN, f"The filter {one.name} sees transformed records, whose fields are not known.")
    return link(State.OK, f"The filter {one.name} publishes {one.value} to {name} for each hit.")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None

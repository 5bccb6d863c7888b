"""Joins patterns and paths: would somebody be told of every event that a control names, and what breaks first?

1. Metric filters whose whole path works are judged together. If they catch everything, the control passes.
2. If EventBridge rules that work fill the gap, it passes too, and says that an alternative detector does it.
3. If links that are unknown could fill it, nothing is concluded, and the first unknown link is named.
4. Otherwise it fails, and the first broken link is named: trail, log group, filter (with an event that is missed), or
   what comes after a filter that would catch everything.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from auditor.base.counts import first_of, lasting
from auditor.monitoring.chain.facts import Alarm, Facts, Trail
from auditor.monitoring.chain.link import (
    Link,
    Links,
    State,
    completed,
    first_broken,
    reached,
    references,
    state_of,
    where_broken,
)
from auditor.monitoring.chain.log_alarms import log_alarm_links
from auditor.monitoring.chain.paths import Path
from auditor.monitoring.chain.rules import RulePath
from auditor.monitoring.patterns.coverage import Detector, World, concerns, shares_names
from auditor.monitoring.patterns.judge import Coverage, decide, judge
from auditor.monitoring.patterns.requirement import Requirement
from auditor.monitoring.patterns.rules import Rules

TRAIL_DELIVERY_SECONDS = 300
"""CloudTrail User Guide: on average within about five minutes of the call; not guaranteed."""

RULE_DELIVERY_SECONDS = 60
"""Our estimate for an event that CloudTrail hands to EventBridge; AWS promises nothing."""

MAX_LISTED = 20
"""Filters named in the details of one result."""


@dataclass(frozen=True, slots=True)
class Detection:
    """The answer for one requirement.

    Args:
        state: ok, broken (not detected) or unknown.
        reason: one sentence.
        chain: every link from trail to subscriber of the way that the answer rests on.
        coverage: what the filters behind the answer catch.
        details: all of it as plain JSON, for the report.
        by_rules: whether the answer rests on EventBridge rules.
    """

    state: State
    reason: str
    chain: Links
    coverage: Coverage
    details: dict[str, Any]
    by_rules: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A filter on a trail's log group: how the events come to it, what it catches, where its hits go."""

    head: Links
    path: Path
    detector: Detector | None
    problem: str = ""
    undecided: bool = False

    @property
    def state(self) -> State:
        """The state of its whole way, from the trail to people."""
        return state_of((*self.head, *self.path.links))

    def catches_some_of(self, coverage: Coverage) -> bool:
        """Say whether it catches something of what is required."""
        return self.detector is not None and self.detector.name in coverage.used

    def is_meant_for(self, requirement: Requirement) -> bool:
        """Say whether it is about the required events, and not one for others that shares a name with them."""
        if self.detector is None or not self.detector.names or not requirement.events:
            return True
        return shares_names(self.detector, requirement)


class Judgement:
    """One requirement's way through the four steps."""

    def __init__(
        self,
        facts: Facts,
        requirement: Requirement,
        heads: Sequence[tuple[Trail, Links]],
        candidates: Sequence[Candidate],
        event_rules: Sequence[RulePath],
        reading: Rules,
        unseen: Links | None = None,
    ) -> None:
        self.facts = facts
        self.requirement = requirement
        self.heads = heads
        self.candidates = candidates
        self.rules = event_rules
        self.reading = reading
        self.unseen = unseen
        own = bool(heads) and not any(trail.organization for trail, _ in heads)
        self.world = World(facts.partition, facts.account if own else "")

    def answer(self) -> Detection:
        """Take the steps in order."""
        working = [one for one in self.candidates if one.state is State.OK]
        covers, used = self._decide(working)
        if covers is True:
            return self._passed([one for one in working if one.detector in used])
        if any(one.state is State.OK for one in self.rules):
            covers, _ = self._decide(working, State.OK)
            if covers is True:
                return self._alternative(working)
        return self._unknown(working) or self._failed()

    def _detectors(self, candidates: Sequence[Candidate], rule_states: Sequence[State]) -> tuple[list[Detector], World]:
        chosen = [one for one in self.rules if one.state in rule_states and one.detector is not None]
        detectors = [one.detector for one in candidates if one.detector is not None]
        detectors += [one.detector for one in chosen if one.detector is not None]
        if any(one.rule.region for one in chosen):
            return detectors, replace(self.world, regions=self.facts.regions)
        return detectors, self.world

    def _decide(self, candidates: Sequence[Candidate], *rule_states: State) -> tuple[bool | None, frozenset[Detector]]:
        return decide(self.requirement, *self._detectors(candidates, rule_states), rules=self.reading)

    def _judge(self, candidates: Sequence[Candidate], *rule_states: State) -> Coverage:
        return judge(self.requirement, *self._detectors(candidates, rule_states), rules=self.reading)

    # -- step 1

    def _passed(self, helpful: list[Candidate]) -> Detection:
        used = self._needed(helpful)
        coverage = self._judge(used)
        best = used[0]
        names = _names([one.path.filter.name for one in used])
        sentence = (
            f"The filter {names} catches every required event."
            if len(used) == 1
            else f"The filters {names} together catch every required event."
        )
        link = Link("filter", State.OK, names, sentence, tuple(dict.fromkeys(one.path.filter.ref for one in used)))
        chain = completed((*best.head, link, *best.path.links))
        through = next((f"{link.sentence} " for link in chain if link.sentence.startswith("The composite alarm")), "")
        reason = f"{sentence} {through}{chain[-1].sentence}"
        if coverage.adds:
            reason += f" It also fires at other events, for example when {coverage.adds[0].words}."
        return self._detection(State.OK, reason, chain, coverage, best.path.alarm)

    def _needed(self, used: list[Candidate]) -> list[Candidate]:
        """Leave out filters that the others make up for, if that is quickly found out."""
        if len(used) > MAX_LISTED:
            return used
        for one in used:
            if self._decide([one])[0] is True:
                return [one]
        for one in list(used):
            rest = [other for other in used if other is not one]
            if self._decide(rest)[0] is True:
                used = rest
        return used

    # -- step 2

    def _alternative(self, working: Sequence[Candidate]) -> Detection:
        coverage = self._judge(working, State.OK)
        rules = [
            one
            for one in self.rules
            if one.state is State.OK and one.detector is not None and one.detector.name in coverage.used
        ]
        names = _names([one.detector.name for one in rules if one.detector is not None])
        beside = " beside metric filters" if any(one.path.filter.name in coverage.used for one in working) else ""
        reason = f"An alternative detector catches every required event{beside}: the EventBridge rule {names}."
        link = Link("filter", State.OK, names, reason, tuple(dict.fromkeys(one.rule.ref for one in rules)))
        trail = Link("trail", State.OK, "EventBridge", "EventBridge gets management events from CloudTrail directly.")
        group = Link("log group", State.OK, "event bus", "Events arrive on the default event bus of each Region.")
        no_metric = [Link(kind, State.OK, "", "Not needed by a rule.") for kind in ("metric", "alarm")]
        chain = completed((trail, group, link, *no_metric, *rules[0].links))
        found = self._detection(State.OK, f"{reason} {chain[-1].sentence}", chain, coverage, None)
        return replace(found, by_rules=True)

    # -- step 3

    def _unknown(self, working: Sequence[Candidate]) -> Detection | None:
        elsewhere = next((head for trail, head in self.heads if _is_elsewhere(trail, head, self.facts)), None)
        possible = [one for one in self.candidates if one.state is not State.BROKEN]
        rules = [one for one in self.rules if one.state is not State.BROKEN]
        covers, _ = self._decide(possible, State.OK, State.UNKNOWN)
        undecided = any(one.undecided and one.state is not State.BROKEN for one in self.candidates)
        by_query = log_alarm_links(self.facts, self.requirement, self.heads)
        unlisted = self._unlisted_trail() or self.unseen
        if elsewhere is None and covers is False and not undecided and by_query is None and unlisted is None:
            return None
        hopeful = self._judge(possible, State.OK, State.UNKNOWN)
        if elsewhere is not None:
            chain = completed(elsewhere)
        elif covers is None or undecided:
            said = [one.problem for one in self.candidates if one.undecided]
            said += [note for note in hopeful.notes if note.startswith("Not assessed")]
            note = said[0] if said else "Whether every event is caught could not be decided."
            chain = completed((*self._best_head(), Link("filter", State.UNKNOWN, "", note)))
        elif covers is False and (unlisted is not None or by_query is not None):
            chain = completed(unlisted or by_query or ())
        else:
            chain = self._unknown_chain([one for one in possible if one not in working], rules, hopeful)
        link = first_broken(chain)
        reason = link.sentence if link is not None else "It could not be decided whether every event is caught."
        if names := self._missing(working, hopeful):
            reason = f"{reason} Nothing that is known to work catches {names}."
        return self._detection(State.UNKNOWN, reason, chain, hopeful, None)

    def _missing(self, working: Sequence[Candidate], hopeful: Coverage) -> str:
        """Name the events of which the open part decides; nothing where all of them hang on it."""
        known = self._judge(working, State.OK)
        if not known.used or not hopeful.used:
            return ""
        return _names(list(dict.fromkeys(missed.name for missed in known.missed)))

    def _unknown_chain(self, possible: Sequence[Candidate], rules: Sequence[RulePath], coverage: Coverage) -> Links:
        for one in possible:
            if one.detector is not None and one.detector.name in coverage.used:
                sentence = f"{one.path.filter.name} catches required events."
                link = Link("filter", State.OK, one.path.filter.name, sentence, (one.path.filter.ref,))
                return completed((*one.head, link, *one.path.links))
        for rule in rules:
            if rule.state is State.UNKNOWN and rule.detector is not None and rule.detector.name in coverage.used:
                known = any(link.kind == "trail" for link in rule.links)
                return completed(rule.links if known else (*self._best_head(), *rule.links))
        return completed(self._best_head())

    def _unlisted_trail(self) -> Links | None:
        if why := self.facts.gap("trails"):
            return (Link("trail", State.UNKNOWN, "", f"Which trails there are is not known: {why}."),)
        return None

    def _best_head(self) -> Links:
        if self.heads:
            return self.heads[0][1]
        return (Link("trail", State.BROKEN, "", "There is no trail."), Link.not_reached("log group"))

    # -- step 4

    def _failed(self) -> Detection:
        head = self._best_head()
        if state_of(head) is State.BROKEN:
            broken = where_broken(head)
            reason = broken.sentence if broken is not None else ""
            return self._detection(State.BROKEN, reason, completed(head), self._judge([]), None)
        reachable = [one for one in self.candidates if state_of(one.head) is not State.BROKEN]
        everything = self._judge(reachable)
        if everything.covers is not True:
            return self._filter_misses(head, reachable, everything)
        blocked = [
            one
            for one in reachable
            if one.state is State.BROKEN and one.detector is not None and one.detector.name in everything.used
        ]
        worst = max(blocked, key=lambda one: reached(one.path.links))
        name = worst.path.filter.name
        link = Link("filter", State.OK, name, f"{name} catches required events.", (worst.path.filter.ref,))
        chain = completed((*worst.head, link, *worst.path.links))
        broken = where_broken(chain)
        reason = f"The filter {name} would catch the events, but nobody is told. {broken.sentence if broken else ''}"
        return self._detection(State.BROKEN, reason, chain, everything, None)

    def _filter_misses(self, head: Links, reachable: Sequence[Candidate], coverage: Coverage) -> Detection:
        if coverage.missed:
            first = coverage.missed[0]
            names = _names(list(dict.fromkeys(missed.name for missed in coverage.missed)))
            about = [one for one in reachable if one.catches_some_of(coverage) and one.is_meant_for(self.requirement)]
            called = _names([one.path.filter.name for one in about]) if about else ""
            who = f"The filter{'s' if len(about) > 1 else ''} {called}" if about else "No metric filter"
            verb = ("misses" if len(about) == 1 else "miss") if about else "catches"
            hint = f" {first.hint[:1].upper()}{first.hint[1:]}" if first.hint else ""
            sentence = f"{who} {verb} {names}; for example, {first.words}.{hint}"
            if not self.requirement.events:
                sentence = f"{who} {verb} every required event; for example, {first.words}.{hint}"
                if about:
                    sentence = f"{who} {verb} required events; for example, {first.words}.{hint}"
        else:
            about, called, sentence = [], "", "No metric filter catches the required events."
        # with no filter that comes near, the whole list is the evidence
        refs = tuple(one.path.filter.ref for one in about[:3]) or _lists(one.path.filter.ref for one in reachable)
        link = Link("filter", State.BROKEN, called, sentence, refs)
        return self._detection(State.BROKEN, sentence, completed((*head, link)), coverage, None)

    # -- all steps

    def _detection(self, state: State, reason: str, chain: Links, coverage: Coverage, alarm: Alarm | None) -> Detection:
        missed = coverage.missed[0] if coverage.missed and state is not State.OK else None
        details: dict[str, Any] = {
            "chain": [link.document() for link in chain],
            "chains": [{"links": [_drawn(link) for link in chain]}],
            "filters": [_filter_document(one) for one in self._shown(coverage)],
            "coverage": coverage.document(),
            "detection_time": detection_time(alarm) if state is State.OK else None,
            "alternatives": self._alternatives(),
        }
        if missed is not None:
            sentence = f"Missed: {missed.words}.{f' {missed.hint}' if missed.hint else ''}"
            fields = [missed.field.removeprefix("$.")]
            details["missed"] = {**missed.document(), "fields": fields, "sentence": sentence}
        return Detection(state, reason, chain, coverage, details)

    def _shown(self, coverage: Coverage) -> list[Candidate]:
        """Return the filters that have to do with the requirement, those that catch something first."""
        caught = frozenset(coverage.used)
        named = {narrowed.pattern for narrowed in coverage.narrowed_by}
        used, near = [], []
        for one in self.candidates:
            if one.path.filter.name in caught:
                used.append(one)
            elif one.path.filter.name in named or _about(one, self.requirement):
                near.append(one)
        return [*used, *near][:MAX_LISTED]

    def _alternatives(self) -> list[dict[str, Any]]:
        """Return the rules that catch something of what is required, as many as are listed."""
        found: list[dict[str, Any]] = []
        for one in self.rules:
            if one.detector is None or one.unseen:
                continue
            if len(found) == MAX_LISTED:
                break
            regions = (one.rule.region,) if one.rule.region else ()
            covers, used = decide(self.requirement, [one.detector], replace(self.world, regions=regions))
            if used:
                found.append(
                    {
                        "kind": "EventBridge rule",
                        "name": one.rule.name,
                        "pattern": one.rule.pattern,
                        "region": one.rule.region,
                        "state": one.state.value,
                        "covers": covers,
                        "sentence": one.links[-1].sentence
                        if one.state is State.OK
                        else next((link.sentence for link in one.links if link.state is not State.OK), ""),
                        "detection_seconds": RULE_DELIVERY_SECONDS,
                        "evidence": references((one.rule.ref,)),
                    }
                )
        return found


def _about(one: Candidate, requirement: Requirement) -> bool:
    """Say whether a filter names an event of the requirement, or would if it could be read."""
    if one.detector is None:
        return any(name in one.path.filter.pattern for name in requirement.events)
    return concerns(one.detector, requirement)


def _is_elsewhere(trail: Trail, head: Links, facts: Facts) -> bool:
    """Say whether a trail delivers to a log group that this account's evidence does not show."""
    place = trail.delivers_to
    owner = facts.of(place.account) if place is not None else None
    here = place is not None and owner is not None and place.region in owner.regions
    return not here and any(link.kind == "log group" and link.state is State.UNKNOWN for link in head)


def _names(names: Sequence[str], limit: int = 4) -> str:
    if len(names) > limit:
        return first_of(names, limit)
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


_DRAWN = {"filter": "metric filter", "subscriber": "people"}
_HOLDS = {State.OK: True, State.BROKEN: False}


def _drawn(link: Link) -> dict[str, Any]:
    """Return the form that the report draws: whether the link holds, and the sentence where it does not."""
    reason = link.sentence if link.state in {State.BROKEN, State.UNKNOWN} else ""
    return {
        "kind": _DRAWN.get(link.kind, link.kind),
        "name": link.name,
        "holds": _HOLDS.get(link.state),
        "reason": reason,
    }


def _lists(places: Iterable[str]) -> tuple[str, ...]:
    """Return the lists that items stand in: ``EV-0001#/pages/0/key`` for ``EV-0001#/pages/0/key/2``."""
    return tuple(dict.fromkeys(place.rpartition("/")[0] if "#" in place else place for place in places if place))


def _filter_document(one: Candidate) -> dict[str, Any]:
    broken = first_broken(one.path.links)
    valid = one.detector is not None
    return {
        "name": one.path.filter.name,
        "log_group": one.path.filter.group,
        "region": one.path.filter.region,
        "pattern": one.path.filter.pattern,
        "valid": valid,
        "state": one.path.state.value if valid else State.BROKEN.value,
        "sentence": one.problem or (broken.sentence if broken is not None else one.path.links[-1].sentence),
        "metric": f"{one.path.filter.namespace}/{one.path.filter.metric}",
        "alarm": one.path.alarm.name if one.path.alarm is not None else "",
        "evidence": references((one.path.filter.ref,)),
    }


def detection_time(alarm: Alarm | None) -> dict[str, Any]:
    """Estimate how long after an event somebody is told.

    With an alarm: delivery to the log group, then at the latest one full period. The figures are what AWS calls usual.
    """
    if alarm is None:
        seconds = RULE_DELIVERY_SECONDS
        sentence = "About a minute: EventBridge gets the event from CloudTrail directly."
        return {"seconds": seconds, "way": "EventBridge", "sentence": sentence, "eventbridge_seconds": seconds}
    rhythm = max(alarm.period * alarm.datapoints, alarm.interval)
    seconds = TRAIL_DELIVERY_SECONDS + rhythm
    sentence = (
        f"About {lasting(seconds)}: some {lasting(TRAIL_DELIVERY_SECONDS)} for the delivery to the log group "
        f"and up to {lasting(rhythm)} for the alarm's period. An EventBridge rule takes about a minute."
    )
    return {
        "seconds": seconds,
        "way": "metric filter and alarm",
        "sentence": sentence,
        "eventbridge_seconds": RULE_DELIVERY_SECONDS,
    }

"""EventBridge rules as alternative detectors: whether what a rule matches makes something happen.

Source: EventBridge User Guide, "Rules" and "AWS service events delivered via AWS CloudTrail": a rule in the state
ENABLED gets no read-only events; it sees the events of its own Region, and those that a rule of another Region hands to
its bus.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from auditor.monitoring.chain.actions import Parts, act_on
from auditor.monitoring.chain.facts import Facts, Rule
from auditor.monitoring.chain.link import Link, Links, State, rank, state_of
from auditor.monitoring.chain.topics import EVENTBRIDGE, Sender
from auditor.monitoring.patterns.coverage import Detector
from auditor.monitoring.patterns.delivery import (
    ALL_MANAGEMENT_EVENTS,
    detector_of_anything,
    detector_of_forwarding,
    detector_of_rule,
)
from auditor.monitoring.patterns.errors import PatternError, TooComplexError
from auditor.monitoring.patterns.pattern import Pattern, parse_rule

_DEFAULT_BUS = "event-bus/default"
ENABLED = frozenset({"ENABLED", ALL_MANAGEMENT_EVENTS})
"""States in which a rule acts."""


@dataclass(frozen=True, slots=True)
class RulePath:
    """A rule with its chain, and the detector that it is; None when its pattern is not valid.

    ``unseen``: it stands for all rules that a Region could have beside those that are known.
    """

    rule: Rule
    links: Links
    detector: Detector | None
    unseen: bool = False

    @property
    def state(self) -> State:
        """Whether something happens when it matches."""
        return state_of(self.links)


def rule_paths(facts: Facts) -> list[RulePath]:
    """Judge all rules; those on a schedule detect nothing and are left out.

    A rule that hands events to the default bus of another Region counts together with each rule that takes them there.
    """
    found: list[RulePath] = []
    for rule in facts.rules:
        if not rule.pattern:
            continue
        pattern, problem = _read(rule)
        if pattern is None:
            found.append(RulePath(rule, (Link("filter", *problem),), None))
            continue
        found += _forwarded(rule, pattern, facts)
        detector = detector_of_rule(_called(rule), pattern, region=rule.region, reads=_reads(rule))
        found.append(RulePath(rule, _links(rule, facts), detector))
    return [*found, *_unseen(facts)]


def _unseen(facts: Facts) -> Iterable[RulePath]:
    """Yield what rules that a Region did not list could be at best: one that catches whatever happens there."""
    for region in facts.regions:
        if why := facts.gap("rules", region):
            name = f"rules of {region} that were not listed"
            sentence = f"Whether an EventBridge rule in {region} catches the events is not known: {why}."
            link = Link("action", State.UNKNOWN, region, sentence)
            yield RulePath(Rule("", region, "", "ENABLED"), (link,), detector_of_anything(name, region), unseen=True)


def _read(rule: Rule) -> tuple[Pattern | None, tuple[State, str, str]]:
    try:
        return parse_rule(rule.pattern), (State.OK, rule.name, "")
    except PatternError as error:
        return None, (State.BROKEN, rule.name, f"The pattern of the rule cannot match: {error}.")
    except TooComplexError as error:
        return None, (State.UNKNOWN, rule.name, f"The pattern of the rule cannot be judged: {error}.")


def _called(rule: Rule) -> str:
    return f"{rule.name} ({rule.region})" if rule.region else rule.name


def _reads(rule: Rule) -> bool:
    return rule.state == ALL_MANAGEMENT_EVENTS


def _forwarded(rule: Rule, pattern: Pattern, facts: Facts) -> Iterable[RulePath]:
    """Yield the ways over the default buses of other Regions that the rule hands its events to."""
    if rule.state not in ENABLED:
        return
    for place in dict.fromkeys(_other_buses(rule, facts)):
        for taker in facts.rules:
            taken = _read(taker)[0] if taker.region == place and taker.pattern else None
            if taken is None:
                continue
            name = f"{_called(rule)} to {_called(taker)}"
            detector = detector_of_forwarding(
                name, pattern, taken, region=rule.region, reads=_reads(rule) and _reads(taker)
            )
            yield RulePath(rule, tuple(_handed(link, rule, place) for link in _links(taker, facts)), detector)


def _other_buses(rule: Rule, facts: Facts) -> Iterable[str]:
    for arn in rule.targets:
        parts = Parts.of(arn)
        own = parts.service == "events" and parts.name == _DEFAULT_BUS and parts.account == facts.account
        if own and parts.region != rule.region:
            yield parts.region


def _handed(link: Link, rule: Rule, place: str) -> Link:
    if link.kind != "action":
        return link
    sentence = f"The rule {rule.name} hands the events of {rule.region} to the default bus of {place}. {link.sentence}"
    return Link(link.kind, link.state, link.name, sentence, (rule.ref, *link.evidence))


def _links(rule: Rule, facts: Facts) -> Links:
    def link(state: State, sentence: str) -> Link:
        return Link("action", state, rule.name, sentence, (rule.ref,))

    if rule.state not in {*ENABLED, "DISABLED"}:
        return (link(State.UNKNOWN, f"The rule {rule.name} is in a state that is not known here ({rule.state[:40]})."),)
    if rule.state not in ENABLED:
        return (link(State.BROKEN, f"The rule {rule.name} in {rule.region} is disabled."),)
    if rule.unread:
        open_ = link(State.UNKNOWN, f"What the rule {rule.name} in {rule.region} hands events to: {rule.unread}.")
        return max([(open_,), *(_target(arn, rule, facts) for arn in rule.targets)], key=rank)
    if not rule.targets:
        return (link(State.BROKEN, f"The rule {rule.name} in {rule.region} has no target."),)
    return max((_target(arn, rule, facts) for arn in rule.targets), key=rank)


def _target(arn: str, rule: Rule, facts: Facts) -> Links:
    parts = Parts.of(arn)
    if parts.service == "events" and parts.name == _DEFAULT_BUS and parts.account == facts.account:
        known = parts.region in facts.regions and not facts.gap("rules", parts.region)
        taken = "whose rules are judged on their own" if known else "which is not part of the audit"
        taken = facts.gap("rules", parts.region) or taken
        sentence = f"The rule {rule.name} hands the event to the default bus of {parts.region}, {taken}."
        state = State.BROKEN if known else State.UNKNOWN
        return (Link("action", state, parts.region, sentence, (rule.ref,)),)
    return act_on(arn, Sender(EVENTBRIDGE, facts.account, rule.arn), facts)

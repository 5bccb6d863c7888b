"""EventBridge rules as alternative detectors: whether what a rule matches makes something happen.

Source: EventBridge User Guide, "Rules" and "AWS service events delivered via AWS CloudTrail": a rule in the state
ENABLED
gets no read-only events; it sees the events of its own Region.
"""

from dataclasses import dataclass

from auditor.evaluate.chain.facts import Facts, Rule
from auditor.evaluate.chain.link import Link, Links, State, reached, state_of
from auditor.evaluate.chain.paths import act_on
from auditor.evaluate.chain.topics import EVENTBRIDGE
from auditor.evaluate.patterns.coverage import Detector
from auditor.evaluate.patterns.delivery import ALL_MANAGEMENT_EVENTS, detector_of_rule
from auditor.evaluate.patterns.errors import PatternError, TooComplexError
from auditor.evaluate.patterns.pattern import parse_rule

_REACTS = (":states:", ":ssm:", ":ssm-incidents:", ":chatbot:", ":execute-api:", ":events:")
"""Targets that start a workflow, open a ticket, or hand the event to another bus or service."""


@dataclass(frozen=True, slots=True)
class RulePath:
    """A rule with its chain, and the detector that it is; None when its pattern is not valid."""

    rule: Rule
    links: Links
    detector: Detector | None

    @property
    def state(self) -> State:
        """Whether something happens when it matches."""
        return state_of(self.links)


def rule_path(rule: Rule, facts: Facts) -> RulePath | None:
    """Judge a rule; None for rules on a schedule, which detect nothing."""
    if not rule.pattern:
        return None
    name = f"{rule.name} ({rule.region})" if rule.region else rule.name
    try:
        pattern = parse_rule(rule.pattern)
    except (PatternError, TooComplexError) as error:
        state = State.BROKEN if isinstance(error, PatternError) else State.UNKNOWN
        return RulePath(
            rule, (Link("filter", state, rule.name, f"The pattern of the rule cannot match: {error}."),), None
        )
    detector = detector_of_rule(name, pattern, region=rule.region, reads=rule.state == ALL_MANAGEMENT_EVENTS)
    return RulePath(rule, _links(rule, facts), detector)


def _links(rule: Rule, facts: Facts) -> Links:
    def link(state: State, sentence: str) -> Link:
        return Link("action", state, rule.name, sentence, (rule.ref,))

    if not rule.state.startswith("ENABLED"):
        return (link(State.BROKEN, f"The rule {rule.name} in {rule.region} is disabled."),)
    if not rule.targets:
        return (link(State.BROKEN, f"The rule {rule.name} in {rule.region} has no target."),)
    ends = [_target(arn, rule, facts) for arn in rule.targets]
    return max(ends, key=lambda links: (state_of(links) is State.OK, *reached(links)))


def _target(arn: str, rule: Rule, facts: Facts) -> Links:
    if any(part in arn for part in _REACTS):
        name = arn.rpartition(":")[2]
        sentence = f"The rule {rule.name} hands the event to {name}; whether that exists was not looked at."
        return (Link("action", State.UNKNOWN, name, sentence, (rule.ref,)),)
    return act_on(arn, EVENTBRIDGE, facts)

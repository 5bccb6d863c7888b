"""What an alarm or a rule sets off: whether its actions are taken, and whether what they are handed to acts.

Source: CloudWatch User Guide, "Alarm actions"; EventBridge User Guide, "Event bus targets" and "Using resource-based
policies": functions and topics need a policy of their own, and no target is checked for existence when it is set.
"""

from dataclasses import dataclass

from auditor.monitoring.chain.facts import Alarm, Composite, Facts, LogAlarm, Reaction
from auditor.monitoring.chain.link import Link, Links, State, rank, state_of
from auditor.monitoring.chain.mutes import kept_back
from auditor.monitoring.chain.topics import CLOUDWATCH, EVENTBRIDGE, Sender, judge_topic, left_open
from auditor.policies.access import Request, allows
from auditor.policies.document import Policy

_CALLERS = {CLOUDWATCH: "lambda.alarms.cloudwatch.amazonaws.com", EVENTBRIDGE: EVENTBRIDGE}
"""Who calls a function on behalf of an alarm or of a rule."""

_CHANGES = (":automate:", ":autoscaling:", ":swf:")
"""Actions that change a resource and tell nobody."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of an ARN; empty where it is shorter."""

    service: str
    region: str
    account: str
    name: str

    @classmethod
    def of(cls, arn: str) -> "Parts":
        """Take an ARN apart: ``arn:partition:service:region:account:name``."""
        parts = [*arn.split(":", 5), *[""] * 6]
        return cls(parts[2], parts[3], parts[4], parts[5])


def kept_back_now(name: str, region: str, facts: Facts) -> tuple[State, str] | None:
    """Say whether mute rules keep the actions of an alarm back: broken, unknown, or ok with what lies ahead."""
    found: list[tuple[State, str]] = []
    for rule in facts.mutes:
        if rule.region != region or (rule.alarms is not None and name not in rule.alarms):
            continue
        answer = kept_back(rule, facts.as_of)
        if answer is not None and rule.alarms is None:
            answer = State.UNKNOWN, f"the mute rule {rule.name} does not say which alarms it mutes"
        found += [answer] if answer is not None else []
    if why := facts.unread_mutes.get(region):
        found.append((State.UNKNOWN, f"whether mute rules keep them back is not known: {why}"))
    worst = (State.BROKEN, State.UNKNOWN, State.OK)
    return min(found, key=lambda answer: worst.index(answer[0])) if found else None


def act(alarm: Alarm | Composite | LogAlarm, noun: str, back: tuple[State, str] | None, facts: Facts) -> Links:
    """Return the links "action" and "subscriber" of an alarm; the best of its actions counts.

    Args:
        alarm: of any kind.
        noun: what that kind is called.
        back: what keeps its actions back, if anything does.
        facts: what is known of its account.
    """
    name = alarm.name

    def stop(state: State, sentence: str) -> Links:
        return (Link("action", state, name, sentence, (alarm.ref,)),)

    if not alarm.actions:
        return stop(State.BROKEN, f"The {noun} {name} has no action for the state ALARM.")
    if not alarm.actions_enabled:
        return stop(State.BROKEN, f"The actions of the {noun} {name} are disabled.")
    if back is not None and back[0] is State.BROKEN:
        return stop(State.BROKEN, f"The actions of the {noun} {name} are not always taken: {back[1]}.")
    sender = Sender(CLOUDWATCH, facts.account, alarm.arn if alarm.arn.startswith("arn:") else "")
    ends = [act_on(action, sender, facts) for action in alarm.actions]
    best = max(ends, key=rank)
    if state_of(best) is State.BROKEN:
        return best
    if back is not None and back[0] is State.UNKNOWN:
        return stop(State.UNKNOWN, f"The actions of the {noun} {name} can be kept back: {back[1]}.")
    return (_noted(best[0], back[1]), *best[1:]) if back is not None else best


def _noted(link: Link, ahead: str) -> Link:
    return Link(link.kind, link.state, link.name, f"{link.sentence} Note that {ahead}.", link.evidence)


def act_on(arn: str, sender: Sender, facts: Facts) -> Links:
    """Judge one action or target by its ARN."""
    parts = Parts.of(arn)
    name = arn.rpartition(":")[2]
    if parts.service == "sns":
        return _topic(arn, parts, sender, facts)
    if parts.service == "ssm" and parts.name.startswith("opsitem"):
        sentence = f"The action {name} opens a ticket (OpsItem)."
        return (
            Link("action", State.OK, name, sentence),
            Link("subscriber", State.OK, name, "The ticket waits for whoever handles OpsItems."),
        )
    if parts.service in {"lambda", "states", "events"}:
        return _reaction(arn, parts, sender, facts)
    if any(part in arn for part in _CHANGES):
        sentence = f"The action {name} changes a resource; it tells nobody."
        return (Link("action", State.BROKEN, name, sentence),)
    return (Link("action", State.UNKNOWN, name, f"Who hears of the action {name[:200]} is not known."),)


def _topic(arn: str, parts: Parts, sender: Sender, facts: Facts) -> Links:
    owner = facts.of(parts.account)
    topic = owner.topics.get(arn) if owner is not None else None
    if topic is None and owner is not None and parts.region not in owner.regions:
        sentence = f"The topic {parts.name} is in {parts.region or 'a Region'} that is not part of the audit."
        return (Link("action", State.UNKNOWN, parts.name, sentence), Link.not_reached("subscriber"))
    if topic is None and owner is not None and (why := owner.gap("topics", parts.region)):
        sentence = f"Whether the topic {parts.name} exists is not known: {why}."
        return (Link("action", State.UNKNOWN, parts.name, sentence), Link.not_reached("subscriber"))
    return judge_topic(topic, arn, sender, known=owner is not None)


_NOUNS = {"lambda": "function", "states": "state machine", "events": "event bus"}


def _reaction(arn: str, parts: Parts, sender: Sender, facts: Facts) -> Links:
    noun, name = _NOUNS[parts.service], parts.name.partition(":")[2] or parts.name.partition("/")[2] or parts.name
    owner = facts.of(parts.account)
    if owner is None:
        sentence = f"The {noun} {name} is in account {parts.account}, where it has to be looked at."
        return (Link("action", State.UNKNOWN, name, sentence),)
    state, sentence, ref = judge_reaction(owner.reactions.get(arn), arn, sender)
    if state is not State.OK:
        return (Link("action", state, name, sentence, (ref,) if ref else ()),)
    if parts.service == "events":
        sentence = f"The rule hands events to the bus {name}, whose own rules were not looked at."
        return (Link("action", State.UNKNOWN, name, sentence, (ref,)),)
    told = f"The {noun} {name} reacts; what it does is in its {'code' if noun == 'function' else 'definition'}."
    return (Link("action", State.OK, name, sentence, (ref,)), Link("subscriber", State.OK, name, told))


def judge_reaction(  # noqa: PLR0911 - one line for each way to break
    reaction: Reaction | None, arn: str, sender: Sender
) -> tuple[State, str, str]:
    """Say whether what a rule or alarm names exists and lets itself be called: state, sentence and evidence."""
    parts = Parts.of(arn)
    noun, name = _NOUNS.get(parts.service, "target"), parts.name.partition(":")[2] or parts.name
    if reaction is None:
        return State.UNKNOWN, f"Whether the {noun} {name} exists was not looked at.", ""
    if reaction.exists is False:
        return State.BROKEN, f"The {noun} {name} does not exist.", reaction.ref
    if reaction.trouble:
        return State.BROKEN, f"The {noun} {name} cannot act: {reaction.trouble}.", reaction.ref
    if reaction.concurrency == 0:
        return State.BROKEN, f"The {noun} {name} never runs: its reserved concurrency is 0.", reaction.ref
    if reaction.exists is None or reaction.unread:
        why = reaction.unread or "it was not looked at"
        return State.UNKNOWN, f"Whether the {noun} {name} would act is not known: {why}.", reaction.ref
    if parts.service != "lambda":
        return State.OK, f"The {noun} {name} exists.", reaction.ref
    caller = _CALLERS[sender.service]
    request = Request(caller, "lambda:InvokeFunction", arn, sender.account, sender.source)
    policy = reaction.policy if reaction.policy is not None else Policy()
    allowed = allows(policy, request)
    if allowed is None:
        return State.UNKNOWN, f"Whether {caller} may call the {noun} {name} {left_open(policy)}.", reaction.ref
    if not allowed:
        return State.BROKEN, f"The policy of the {noun} {name} does not let {caller} call it.", reaction.ref
    return State.OK, f"The {noun} {name} exists and may be called by {caller}.", reaction.ref

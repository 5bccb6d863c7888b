"""Judges whether an opened security group is closed again by itself: what detects it, what reacts, how that went."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from auditor.base.canonical import plain
from auditor.base.counts import counted
from auditor.evaluate.checks.alarm_facts import unanswered
from auditor.evaluate.checks.fields import listed, mapping, moment, optional_list, optional_text, some, text
from auditor.evaluate.checks.target_facts import reactions
from auditor.evaluate.subject import Subject
from auditor.evaluate.view import View
from auditor.model import Verdict, failed, not_assessed, passed
from auditor.monitoring.chain.actions import Parts, judge_reaction
from auditor.monitoring.chain.facts import Reaction
from auditor.monitoring.chain.link import State
from auditor.monitoring.chain.rules import ENABLED
from auditor.monitoring.chain.topics import EVENTBRIDGE, Sender
from auditor.monitoring.patterns.coverage import Detector, World
from auditor.monitoring.patterns.delivery import ALL_MANAGEMENT_EVENTS, detector_of_rule
from auditor.monitoring.patterns.errors import PatternError, TooComplexError
from auditor.monitoring.patterns.openings import Uncaught, touches, uncaught
from auditor.monitoring.patterns.pattern import parse_rule
from auditor.monitoring.patterns.records import describe

RULES, TARGETS = "events:ListRules", "events:ListTargetsByRule"
METRICS, QUEUES = "cloudwatch:GetMetricData", "sqs:GetQueueAttributes"
ACTING = frozenset({"lambda", "states", "ssm"})
"""Services whose targets can change a security group."""

_CLOSING = frozenset(
    {
        "AWS-CloseSecurityGroup",
        "AWS-DisableIncomingSSHOnPort22",
        "AWS-DisablePublicAccessForSecurityGroup",
        "AWSConfigRemediation-RemoveUnrestrictedSourceIngressRules",
    }
)
"""Automations of Amazon's own that take rules back: Systems Manager Automation Runbook Reference."""


@dataclass(frozen=True, slots=True)
class _Figures:
    """What CloudWatch counted in the period: calls, failed ones, and the hour of the last call."""

    calls: int
    failures: int
    last: datetime | None


@dataclass(frozen=True, slots=True)
class _Catching:
    """An enabled rule that catches openings, not necessarily all of them."""

    rule: Mapping[str, Any]
    detector: Detector


@dataclass(frozen=True, slots=True)
class _Way:
    """An enabled rule that catches openings, and one target of it that can act."""

    rule: Mapping[str, Any]
    detector: Detector
    target: Mapping[str, Any]
    reaction: Reaction | None
    state: State
    sentence: str

    @property
    def arn(self) -> str:
        return text(self.target, "Arn")

    @property
    def name(self) -> str:
        return Parts.of(self.arn).name.partition(":")[2] or Parts.of(self.arn).name


def opened_group_remediated(subject: Subject) -> Verdict:
    """Judge one Region: enabled rules take every way to open a security group to something that can undo it, and does.

    Evidence: ``events:ListRules``, ``events:ListTargetsByRule``; consulted are ``lambda:GetFunctionConfiguration``,
    ``lambda:GetFunctionConcurrency``, ``lambda:GetPolicy``, ``stepfunctions:DescribeStateMachine``,
    ``cloudwatch:GetMetricData`` and ``sqs:GetQueueAttributes``.
    """
    rules, unjudged = _catching(subject)
    if not rules and unjudged:
        return not_assessed(unjudged)
    if not rules:
        return failed("No enabled rule catches openings of security groups.", observed="no rule")
    ways = list(_ways(subject, rules))
    if not ways and unjudged:
        return not_assessed(unjudged)
    if not ways:
        return failed("A rule catches openings of security groups, but no target of it can undo them.")
    for one in rules:
        subject.evidence.point(one.rule)
    return _judged(subject, ways, unjudged)


def _catching(subject: Subject) -> tuple[list[_Catching], str]:
    """Return the enabled rules that catch openings, and why another one could not be judged; empty for none."""
    found: list[_Catching] = []
    unjudged = ""
    for rule in subject.evidence.items(RULES, "Rules[]", region=subject.region):
        pattern, state = optional_text(rule, "EventPattern"), text(rule, "State")
        if state not in ENABLED or not pattern or optional_text(rule, "EventBusName") not in {"", "default"}:
            continue
        try:
            parsed = parse_rule(pattern)
        except PatternError:
            continue
        except TooComplexError as error:
            unjudged = f"The pattern of the rule {text(rule, 'Name')} cannot be judged: {error}."
            continue
        reads = state == ALL_MANAGEMENT_EVENTS
        detector = detector_of_rule(text(rule, "Name"), parsed, region=subject.region, reads=reads)
        if touches(detector, _world(subject)):
            found.append(_Catching(rule, detector))
    return found, unjudged


def _world(subject: Subject) -> World:
    return World(subject.account.partition, subject.account.id, (subject.region,))


def _ways(subject: Subject, rules: Sequence[_Catching]) -> Iterator[_Way]:
    view, known = subject.evidence, reactions(subject.evidence)
    for one in rules:
        sender = Sender(EVENTBRIDGE, subject.account.id, optional_text(one.rule, "Arn"))
        for target in view.items(TARGETS, "Targets[]", region=subject.region, Rule=text(one.rule, "Name")):
            arn = text(target, "Arn")
            if Parts.of(arn).service in ACTING:
                reaction = known.get(arn)
                state, sentence = reacts(arn, reaction, sender)
                yield _Way(one.rule, one.detector, target, reaction, state, sentence)


def reacts(arn: str, reaction: Reaction | None, sender: Sender) -> tuple[State, str]:
    """Say whether a target that can act exists and lets itself be called: state and sentence."""
    parts = Parts.of(arn)
    if parts.service != "ssm":
        state, sentence, _ = judge_reaction(reaction, arn, sender)
        return state, sentence
    kind, _, name = parts.name.partition("/")
    name = name.partition(":")[0]
    if kind == "automation-definition" and name in _CLOSING:
        return State.OK, f"The automation {name} is one of AWS's own."
    return State.UNKNOWN, f"Whether {parts.name[:120]} exists and undoes anything was not looked at."


def _left(subject: Subject, ways: Sequence[_Way]) -> Uncaught:
    return uncaught([way.detector for way in ways], _world(subject))


def _judged(subject: Subject, ways: Sequence[_Way], unjudged: str) -> Verdict:
    missed = _left(subject, ways).missed
    told = [_told(subject.evidence, subject.region, way) for way in ways]
    details = {"chains": [{"links": one.links} for one in told], "reactions": [one.document for one in told]}
    sentences = " ".join(one.sentence for one in told)
    working = [one for one in told if one.way.state is State.OK]
    open_ways = [one.way for one in told if one.way.state is not State.BROKEN]
    surely = _left(subject, [one.way for one in working])
    unsure = bool(surely.missed or surely.undecided)
    if missed and unjudged:
        return not_assessed(f"{unjudged} {sentences}", observed=sentences, details=details)
    if missed:
        reason = (
            f"No rule with a target that can act catches {some(list(missed))} in every case; an event that is missed: "
            f"{describe(next(iter(missed.values())))}. {sentences}"
        )
        return failed(reason, observed=sentences, details=details)
    if _left(subject, open_ways).missed:
        return failed(sentences, observed=sentences, details=details)
    if trouble := [one.trouble for one in told if one.trouble and one.way.state is not State.BROKEN]:
        return failed(f"{' '.join(trouble)} {sentences}", observed=sentences, details=details)
    if unsure or any(one.unread for one in working):
        for way in ways:
            _leave_open(subject.evidence, subject.region, way)
        return not_assessed(sentences, observed=sentences, details=details)
    return passed(sentences, observed=sentences, details=details)


# ---------------------------------------------------------------- how it went in the period


@dataclass(frozen=True, slots=True)
class _Told:
    """One way with its figures: a sentence, trouble that fails it, what could not be read, and forms for the report."""

    way: _Way
    sentence: str
    trouble: str
    unread: str
    links: list[dict[str, Any]]
    document: dict[str, Any]


def _told(view: View, region: str, way: _Way) -> _Told:
    rule = text(way.rule, "Name")
    handed, why = _figures(view, region, "RuleName", rule)
    called, why_called = handed, ""
    if Parts.of(way.arn).service == "lambda":
        called, why_called = _figures(view, region, "FunctionName", way.name)
    letters, depth, why_letters = _dead_letters(view, way)
    unread = "; ".join(dict.fromkeys(filter(None, (why, why_called, why_letters))))
    trouble = _trouble(rule, way.name, handed, called, depth)
    last = called.last if called is not None else None
    spoken = [_spoken(handed, called), _spoken_letters(letters, depth), f"not known: {unread}" if unread else ""]
    figures = "; ".join(part for part in spoken if part)
    sentence = (
        f"The rule {rule} hands openings of security groups to {way.name}. {way.sentence} In the period: {figures}."
    )
    holds_on = way.state is State.OK
    links = [
        _drawn("event", "security group opened", State.OK),
        _drawn("rule", rule, State.OK),
        _drawn("target", way.name, way.state, way.sentence),
        _drawn("calls", _hour(last) or "none", _worth(trouble, why or why_called, holds_on), trouble or unread),
        _drawn(
            "dead letters",
            str(depth) if depth is not None else letters or "no queue",
            _worth(depth, why_letters, holds_on),
        ),
    ]
    document = {
        "detector": rule,
        "target": way.arn,
        "last_invocation": _hour(last),
        "invocations": called.calls if called is not None else None,
        "failures": (called.failures if called is not None else 0) + (handed.failures if handed is not None else 0)
        if called is not None and handed is not None
        else None,
        "dead_letter_queue": letters,
        "dead_letters": depth,
    }
    return _Told(way, sentence, trouble, unread, links, document)


def _trouble(rule: str, target: str, handed: _Figures | None, called: _Figures | None, depth: int | None) -> str:
    if handed is not None and handed.failures:
        return f"The rule {rule} could not hand over {counted(handed.failures, 'event')} in the period."
    if called is not None and called.calls and called.failures >= called.calls:
        return f"Every call of {target} in the period ended in an error."
    return f"{counted(depth, 'event')} that could not be handled wait in the dead-letter queue." if depth else ""


def _spoken(handed: _Figures | None, called: _Figures | None) -> str:
    if handed is None or called is None:
        return ""
    when = f", the last in the hour from {_hour(called.last)}" if called.last is not None else ""
    return f"{counted(called.calls, 'call')}{when}, {counted(called.failures + handed.failures, 'failure')}"


def _spoken_letters(letters: str, depth: int | None) -> str:
    if not letters:
        return "there is no dead-letter queue"
    return f"{counted(depth, 'dead letter')} in {Parts.of(letters).name}" if depth is not None else ""


def _hour(when: datetime | None) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC" if when is not None else ""


def _worth(trouble: object, unread: str, reached: bool) -> State:
    if not reached:
        return State.NOT_REACHED
    return State.BROKEN if trouble else State.UNKNOWN if unread else State.OK


def _drawn(kind: str, name: str, state: State, why: str = "") -> dict[str, Any]:
    known = {State.OK: True, State.BROKEN: False}
    return {"kind": kind, "name": name, "holds": known.get(state), "reason": "" if state is State.OK else why}


def _figures(view: View, region: str, dimension: str, name: str) -> tuple[_Figures | None, str]:
    """Return what CloudWatch counted for a rule or function, or why that is not known."""
    answered = view.consult(METRICS)
    for record, pages in answered.answers:
        if record.call.region == region and _asked_about(dict(record.call.parameters), dimension, name):
            view.note(record)
            return _counted(pages)
    gap = next(
        (
            missing
            for call, missing in answered.missing
            if call is None or (call.region == region and _asked_about(dict(call.parameters), dimension, name))
        ),
        None,
    )
    return None, unanswered(gap) if gap is not None else f"nobody asked about {name}"


def _asked_about(parameters: Mapping[str, Any], dimension: str, name: str) -> bool:
    queries = plain(parameters.get("MetricDataQueries")) or []
    return any(
        {"Name": dimension, "Value": name} in query.get("MetricStat", {}).get("Metric", {}).get("Dimensions", ())
        for query in queries
    )


def calls_by_hour(view: View, region: str, dimension: str, name: str) -> Mapping[datetime, float] | None:
    """Return how often CloudWatch counted a rule or function being called, by the hours it counted; None if unknown."""
    for record, pages in view.consult(METRICS).answers:
        if record.call.region == region and _asked_about(dict(record.call.parameters), dimension, name):
            results = [item for page in pages for item in listed(page, "MetricDataResults")]
            own = [item for item in results if text(item, "Id") == "invocations"]
            if not own or any(text(item, "StatusCode") != "Complete" for item in own):
                return None
            return {
                moment({"t": when}, "t"): float(value)
                for item in own
                for when, value in zip(listed(item, "Timestamps"), listed(item, "Values"), strict=True)
            }
    return None


def _counted(pages: Sequence[Any]) -> tuple[_Figures | None, str]:
    points: dict[str, list[tuple[datetime, float]]] = {}
    complete: dict[str, str] = {}
    for page in pages:
        if optional_list(page, "Messages"):
            return None, f"{METRICS} answered with a message about its answer"
        for result in listed(page, "MetricDataResults"):
            series = points.setdefault(text(result, "Id"), [])
            times = [moment({"t": when}, "t") for when in listed(result, "Timestamps")]
            values = [float(value) for value in listed(result, "Values")]
            if any(value < 0 for value in values):
                raise ValueError("Values counts less than nothing")
            series += zip(times, values, strict=True)
            complete[text(result, "Id")] = text(result, "StatusCode")
    if {"invocations", "failures"} - points.keys():
        return None, f"{METRICS} left a metric out"
    if partial := sorted(set(complete.values()) - {"Complete"}):
        return None, f"{METRICS} answered with {partial[0][:40]}"
    calls = [when for when, value in points["invocations"] if value > 0]
    total = {name: round(sum(value for _, value in series)) for name, series in points.items()}
    return _Figures(total["invocations"], total["failures"], max(calls, default=None)), ""


def _dead_letters(view: View, way: _Way) -> tuple[str, int | None, str]:
    """Return the dead-letter queue of the target or function, its depth, and why that is not known."""
    of_target = (
        optional_text(mapping(way.target, "DeadLetterConfig"), "Arn") if way.target.get("DeadLetterConfig") else ""
    )
    letters = of_target or (way.reaction.dead_letters if way.reaction is not None else "")
    if not letters or Parts.of(letters).service != "sqs":
        return letters, None, ""
    answered = view.consult(QUEUES)
    for record, pages in answered.answers:
        attributes = mapping(pages[0], "Attributes") if pages else {}
        if attributes.get("QueueArn") == letters:
            view.note(record)
            return letters, int(text(attributes, "ApproximateNumberOfMessages")), ""
    gap = answered.gap(Parts.of(letters).region)
    why = unanswered(gap) if gap is not None else f"the queue {Parts.of(letters).name} was not seen"
    return letters, None, f"how many dead letters wait ({why})"


def _leave_open(view: View, region: str, way: _Way) -> None:
    """List what a way could not be judged without as gaps."""
    for operation in (
        METRICS,
        QUEUES,
        "lambda:GetFunctionConfiguration",
        "lambda:GetFunctionConcurrency",
        "lambda:GetPolicy",
    ):
        gap = view.consult(operation).gap(Parts.of(way.arn).region or region)
        if gap is not None:
            view.leave_open(gap)

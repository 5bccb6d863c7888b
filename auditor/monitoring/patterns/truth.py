"""AWS as the judge of our own evaluator: what to ask it, and what its answers change. Asks nothing itself.

``logs:TestMetricFilter`` takes a pattern and up to fifty records and says which match; ``events:TestEventPattern``
takes a pattern and one event. Both only read. Whoever collects asks ``requests``; the answers are evidence like any
other, and ``confirm`` sets them beside the verdict. Where AWS and we disagree, AWS is right, and the disagreement is
listed.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from auditor.monitoring.patterns.coverage import ANYWHERE, World, cases, example_records
from auditor.monitoring.patterns.delivery import envelope
from auditor.monitoring.patterns.errors import PatternError, TooComplexError
from auditor.monitoring.patterns.formula import holds
from auditor.monitoring.patterns.judge import missed_events
from auditor.monitoring.patterns.pattern import Dialect, Pattern, matches, parse_pattern, serialized
from auditor.monitoring.patterns.requirement import Requirement
from auditor.monitoring.patterns.rules import DOUBTS, RULES, Rules, turned

TEST_FILTER = "logs:TestMetricFilter"
TEST_RULE = "events:TestEventPattern"
MAX_RECORDS = 50
"""API model of CloudWatch Logs (TestEventMessages)."""

MAX_EVENTS = 10
"""Events that one rule is asked about; each takes a call."""


@dataclass(frozen=True, slots=True)
class Request:
    """One read-only call: the operation and its parameters, keys as AWS spells them."""

    operation: str
    parameters: Mapping[str, Any]


def requests(requirement: Requirement, patterns: Sequence[str], world: World = ANYWHERE) -> tuple[Request, ...]:
    """Return the calls that let AWS confirm the judgement of a requirement.

    Args:
        requirement: what has to be caught.
        patterns: all filter and event patterns of the account; those that are not about the requirement are left out.
        world: what is known about the account.

    Returns:
        the same requests for the same arguments, in the same order, each once.
    """
    events = _events(requirement, patterns, world)
    found: dict[str, Request] = {}
    for text in dict.fromkeys(patterns):
        try:
            pattern = parse_pattern(text)
        except (PatternError, TooComplexError):
            # AWS is asked what it makes of a text that we cannot read, when it looks like one about these events
            if any(name in text for name in requirement.events):
                found[text] = _filter_request(text, events)
            continue
        if not _is_about(pattern, requirement, events):
            continue
        if pattern.dialect is Dialect.EVENT:
            for event in events[:MAX_EVENTS]:
                sent = serialized(envelope(event))
                found[f"{text}\n{sent}"] = Request(TEST_RULE, {"EventPattern": text, "Event": sent})
        else:
            found[text] = _filter_request(text, events)
    return tuple(found.values())


MAX_REQUESTS = 200
"""Calls that one account is asked at most; ordinary ones take two for each control."""


def plan(
    requirements: Iterable[Requirement], patterns: Mapping[str, Sequence[str]], world: World = ANYWHERE
) -> tuple[tuple[str, Request], ...]:
    """Return all calls of an account with the Region to make each in: the first that has the pattern.

    Args:
        requirements: those of all monitoring controls of the run, editions that differ included.
        patterns: Region -> the filter patterns of its log groups and the event patterns of its rules.
        world: what is known about the account.

    Returns:
        each call once, in a stable order, those about filters first, at most ``MAX_REQUESTS``.
    """
    where: dict[str, str] = {}
    for region in sorted(patterns):
        for text in patterns[region]:
            where.setdefault(text, region)
    found: dict[str, tuple[str, Request]] = {}
    for requirement in requirements:
        for request in requests(requirement, list(where), world):
            key = json.dumps(request.parameters, sort_keys=True)
            found.setdefault(key, (where[_pattern(request)], request))
    filters_first = sorted(found.values(), key=lambda asked: asked[1].operation != TEST_FILTER)
    return tuple(filters_first[:MAX_REQUESTS])


def _pattern(request: Request) -> str:
    return str(request.parameters["filterPattern" if request.operation == TEST_FILTER else "EventPattern"])


def _filter_request(text: str, events: Sequence[Mapping[str, Any]]) -> Request:
    return Request(TEST_FILTER, {"filterPattern": text, "logEventMessages": [serialized(event) for event in events]})


def _events(requirement: Requirement, patterns: Sequence[str], world: World) -> list[Mapping[str, Any]]:
    """Return the events that are missed, then ordinary ones of each name, as many as one call takes."""
    missed = missed_events(requirement, patterns, world)
    ordinary = [record for case in cases(requirement, world) for record in example_records(case)]
    unique = {serialized(event): event for event in (*missed, *ordinary)}
    return list(unique.values())[:MAX_RECORDS]


def _is_about(pattern: Pattern, requirement: Requirement, events: Sequence[Mapping[str, Any]]) -> bool:
    if any(name in pattern.text for name in requirement.events):
        return True
    sent = envelope if pattern.dialect is Dialect.EVENT else dict
    return any(matches(pattern, sent(event)) for event in events)


@dataclass(frozen=True, slots=True)
class Answer:
    """What AWS said about one pattern and one event; ``event`` is the text that was sent."""

    pattern: str
    event: str
    matched: bool


def read_answers(operation: str, parameters: Mapping[str, Any], page: Mapping[str, Any]) -> tuple[Answer, ...]:
    """Read the response to one request.

    Raises:
        KeyError, TypeError, ValueError: it does not have the documented form.
    """
    if operation == TEST_RULE:
        matched = page["Result"]
        if not isinstance(matched, bool):
            raise TypeError("Result is no boolean")
        return (Answer(str(parameters["EventPattern"]), str(parameters["Event"]), matched),)
    numbers = {int(match["eventNumber"]) for match in page["matches"]}
    pattern = str(parameters["filterPattern"])
    messages = parameters["logEventMessages"]
    return tuple(Answer(pattern, str(message), number in numbers) for number, message in enumerate(messages, start=1))


@dataclass(frozen=True, slots=True)
class Confirmation:
    """AWS's answers beside ours, about the events of one requirement.

    Args:
        asked: how many pairs of pattern and event AWS has judged.
        disagreements: those where we said something else.
        caught: names of events that we took for missed and AWS matches.
        missed: names of events that we took for caught and AWS does not match.
    """

    asked: int
    disagreements: tuple[Answer, ...]
    caught: frozenset[str]
    missed: frozenset[str]

    def document(self) -> dict[str, Any]:
        """Return the JSON form for the details of a result."""
        return {
            "asked": self.asked,
            "agreed": self.asked - len(self.disagreements),
            "disagreements": [
                {"pattern": one.pattern, "event": parsed(one.event), "aws": one.matched, "ours": not one.matched}
                for one in self.disagreements
            ],
        }


@dataclass(frozen=True, slots=True)
class Deciding:
    """What a verdict rests on.

    Args:
        filters: patterns of the metric filters that have to do with it.
        rules: event patterns -> whether a rule with it makes something happen.
        by_rules: whether the rules are needed for the verdict.
    """

    filters: frozenset[str]
    rules: Mapping[str, bool]
    by_rules: bool = False


def confirm(requirement: Requirement, deciding: Deciding, answers: Iterable[Answer]) -> Confirmation:
    """Set AWS's answers about some patterns beside ours.

    Args:
        requirement: whose events count; patterns are asked about those of other requirements as well.
        deciding: the patterns.
        answers: whatever AWS was asked in this run; answers about other patterns are passed over.
    """
    about, by_record = [], defaultdict[str, list[_Pair]](list)
    for answer in answers:
        is_rule = answer.pattern in deciding.rules
        record = _record(answer.event)
        if (is_rule or answer.pattern in deciding.filters) and _concerns(requirement, record):
            about.append(answer)
            by_record[serialized(record)].append(_Pair(answer, is_rule, ours=_ours(answer)))
    missed = {_name(pairs) for pairs in by_record.values() if _is_missed(pairs, by_rules=deciding.by_rules)}
    caught = {_name(pairs) for pairs in by_record.values() if _is_caught(pairs, deciding)}
    disagreements = [one.answer for pairs in by_record.values() for one in pairs if one.ours is not one.answer.matched]
    order = {id(answer): number for number, answer in enumerate(about)}
    listed = sorted(disagreements, key=lambda answer: order[id(answer)])
    return Confirmation(len(about), tuple(listed), frozenset(caught), frozenset(missed))


@dataclass(frozen=True, slots=True)
class _Pair:
    """One answer, whether it is about a rule, and what we say."""

    answer: Answer
    is_rule: bool
    ours: bool


def _is_missed(pairs: Sequence[_Pair], *, by_rules: bool) -> bool:
    """A filter makes up for another one; a rule has to match by itself, as each sees the events of its own Region."""
    filters = [one for one in pairs if not one.is_rule]
    if any(one.ours for one in filters):
        return not any(one.answer.matched for one in filters)
    return by_rules and any(one.ours and not one.answer.matched for one in pairs if one.is_rule)


def _is_caught(pairs: Sequence[_Pair], deciding: Deciding) -> bool:
    working = [one for one in pairs if not one.is_rule or deciding.rules[one.answer.pattern]]
    return any(one.answer.matched for one in working) and not any(one.ours for one in working)


def _concerns(requirement: Requirement, record: Any) -> bool:
    """Say whether the requirement names an event, or one that it spares."""
    if not isinstance(record, dict):
        return False
    name = str(record.get("eventName", ""))
    if requirement.events and name not in requirement.events:
        return False
    source = requirement.source_of(name)
    return (not source or record.get("eventSource") == source) and holds(requirement.catches, record)


def fitting_rules(answers: Iterable[Answer]) -> Rules | None:
    """Return the reading of undocumented rules that agrees with every answer: ours, or ours with one rule turned.

    None when there is no such reading. Only answers about metric filters tell: event patterns leave no such doubt.
    """
    return _fitting(tuple(answers))


@lru_cache(maxsize=4)
def _fitting(answers: tuple[Answer, ...]) -> Rules | None:
    """Work out ``fitting_rules``, once for all requirements that are judged beside the same answers."""
    for rules in (RULES, *map(turned, sorted(DOUBTS))):
        if all(_ours(answer, rules) is answer.matched for answer in answers):
            return rules
    return None


def _ours(answer: Answer, rules: Rules = RULES) -> bool:
    try:
        return matches(parse_pattern(answer.pattern), parsed(answer.event), rules)
    except (PatternError, TooComplexError):
        return False


def parsed(event: str) -> Any:
    """Return an event that was sent, as JSON; its text where it is none."""
    try:
        return json.loads(event)
    except ValueError:
        return event


def _record(event: str) -> Any:
    """Return the CloudTrail record of an event: itself, or what an EventBridge event carries."""
    found = parsed(event)
    return found.get("detail", found) if isinstance(found, dict) else found


def _name(pairs: Sequence[_Pair]) -> str:
    return str(_record(pairs[0].answer.event).get("eventName", ""))

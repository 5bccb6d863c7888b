"""The steps from one opening of a security group to the notice of it: what was seen of each, and what was not and why.

A step is only ever told from evidence. What nothing records (a rule handing an event over has no record anywhere), what
was not searched, and what does not follow from what there is are told apart from what is missing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from auditor.activity.calls import without_version
from auditor.activity.continuity import Condition
from auditor.activity.fields import maps, moment, text
from auditor.base.counts import counted
from auditor.base.period import rfc3339
from auditor.evaluate.checks.remediation import ACTING, calls_by_hour, reacts
from auditor.evaluate.continuity import Line
from auditor.evaluate.view import View
from auditor.monitoring.chain.actions import Parts
from auditor.monitoring.chain.facts import Reaction
from auditor.monitoring.chain.link import State
from auditor.monitoring.chain.topics import EVENTBRIDGE, Sender
from auditor.monitoring.patterns.delivery import envelope
from auditor.monitoring.patterns.errors import PatternError, TooComplexError
from auditor.monitoring.patterns.pattern import Pattern, explain, matches, parse_filter, parse_rule

RULES, TARGETS = "events:ListRules", "events:ListTargetsByRule"
FUNCTION, MACHINE = "lambda:GetFunctionConfiguration", "stepfunctions:DescribeStateMachine"
_MARK: Final = re.compile(r"redacted:[a-z -]+:[0-9a-f]{12}|(?:AKIA|ASIA)\[[0-9a-f]{8}\].{4}")
"""What stands in evidence in the place of what was taken out of it."""
_HOUR: Final = timedelta(hours=1)
STOOD: Final = frozenset({Condition.HELD, Condition.UNCHANGED})


class Seen(StrEnum):
    """What is known of a step."""

    SEEN = "seen"
    MISSING = "missing"
    """It would have been seen, and did not take place or is not there."""
    UNDERIVABLE = "not derivable"
    """It does not follow from the evidence that there is."""
    UNRECORDED = "not recorded"
    """Nothing that is kept tells of it."""
    UNSEARCHED = "not searched"


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Args:
        name: ``event``, ``rule``, ``target``, ``revert`` or ``notice``.
        seen: what is known of it.
        what: rule, function, call or alarm; empty for none.
        why: one clause; what the step rests on, or why it is not seen.
        at: when it took place, where that is recorded.
        by: who did it.
        event_id: of the record that tells of it.
    """

    name: str
    seen: Seen
    what: str = ""
    why: str = ""
    at: datetime | None = None
    by: str = ""
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class Opening:
    """One successful opening, as the table of events of note has it, with what was kept of the records.

    Args:
        row: the row.
        record: the record of the event; None where it is not among the evidence.
        closing: the record of the call that ended it; None for none.
    """

    row: Mapping[str, Any]
    at: datetime
    region: str
    record: Mapping[str, Any] | None
    closing: Mapping[str, Any] | None


def documents(steps: Sequence[Step]) -> Iterator[dict[str, Any]]:
    """Yield the JSON forms: with the seconds since the first, and since what took place before, by time."""
    times = sorted(step.at for step in steps if step.at is not None)
    for step in steps:
        yield {
            "step": step.name,
            "state": step.seen.value,
            "what": step.what,
            "by": step.by,
            "why": step.why,
            "event_id": step.event_id,
            **_measured(step.at, times),
        }


def _measured(at: datetime | None, times: Sequence[datetime]) -> dict[str, Any]:
    """Return when a step took place, and the seconds since the first of all and since the one before by time."""
    if at is None:
        return {"at": None, "seconds": None, "seconds_between": None}
    before = max((one for one in times if one < at), default=at)
    since, between = ((at - one).total_seconds() for one in (times[0], before))
    return {"at": rfc3339(at), "seconds": round(since, 3), "seconds_between": round(between, 3)}


def matched(pattern: Pattern, event: Any) -> bool | None:
    """Say whether a pattern matches an event; None where it asks for something that was taken out of the evidence."""
    if pattern.formula is not None and any(_taken_out(step.seen) for step in explain(pattern.formula, event)):
        return None
    if pattern.formula is None and _taken_out(event):
        return None
    return matches(pattern, event)


def _taken_out(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_taken_out, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_taken_out, value))
    return isinstance(value, str) and _MARK.search(value) is not None


def filter_matches(text_of: str, record: Mapping[str, Any]) -> bool | None:
    """Say whether a metric filter's pattern matches a record; None where that cannot be told."""
    try:
        return matched(parse_filter(text_of), record)
    except PatternError:
        return False
    except TooComplexError:
        return None


# ---------------------------------------------------------------- the rule


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that takes the event, by the pattern and state that it had when it was read."""

    item: Mapping[str, Any]
    condition: Condition | None
    region: str


class Rules:
    """The rules of one account, and how they stood at a time."""

    def __init__(self, view: View, lines: Sequence[Line]) -> None:
        self._view = view
        self._lines = {(line.thing.name, line.thing.region): line for line in lines if line.thing.kind == "rule"}

    def step(self, opening: Opening, aims: "Aims") -> tuple[Step, tuple[Rule, ...]]:
        """Return the step "rule", and the rules that take the event and stood when it came, or may have stood.

        What a rule hands to the default bus of another Region of the account is followed there, and no further: a bus
        passes on nothing that came from another.
        """
        step, rules = self._in(opening.region, opening)
        further: list[Rule] = []
        for region in aims.regions(rules, opening.region):
            there, found = self._in(region, opening)
            further += found
            told = f"{there.what} takes it there: {there.why}" if found else there.why
            step = replace(step, why=f"{step.why}; it hands it to {region}; {told}")
        return step, (*rules, *further)

    def _in(self, region: str, opening: Opening) -> tuple[Step, tuple[Rule, ...]]:
        listed = self._view.consult(RULES)
        if not self._view.planned(RULES) or listed.gap(region) is not None:
            return Step("rule", Seen.UNDERIVABLE, why=f"the rules of {region} were not read"), ()
        if opening.record is None:
            return Step("rule", Seen.UNDERIVABLE, why="the record is not among the evidence"), ()
        found, unsure, known = [], [], set()
        for record, pages in listed.answers:
            if record.call.region != region:
                continue
            for item in (one for page in pages for one in maps(page.get("Rules"))):
                name = text(item.get("Name"))
                known.add(name)
                took = self._takes(item, opening.record)
                if took is None:
                    unsure.append(name)
                elif took:
                    found.append(Rule(item, self._stood(name, region, opening.at), region))
        gone = [name for name, place in self._lines if place == region and name not in known]
        may = [name for name in gone if self._stood(name, region, opening.at) is not Condition.BROKEN]
        return self._told(found, unsure, may)

    @staticmethod
    def _takes(item: Mapping[str, Any], record: Mapping[str, Any]) -> bool | None:
        pattern = text(item.get("EventPattern"))
        if not pattern or text(item.get("EventBusName") or "default") != "default":
            return False
        try:
            return matched(parse_rule(pattern), envelope(record))
        except PatternError:
            return False
        except TooComplexError:
            return None

    def _stood(self, name: str, region: str, at: datetime) -> Condition | None:
        line = self._lines.get((name, region))
        stretches = line.stretches if line is not None else ()
        if line is not None and any(_puts(row, at) for row in line.rows):
            return Condition.ALTERED
        return next((one.condition for one in stretches if one.start <= at < one.end), None)

    @staticmethod
    def _told(found: Sequence[Rule], unsure: Sequence[str], gone: Sequence[str]) -> tuple[Step, tuple[Rule, ...]]:
        stood = tuple(one for one in found if one.condition in STOOD)
        maybe = tuple(one for one in found if one.condition not in {*STOOD, Condition.BROKEN})
        if stood:
            why = "its pattern matches this event, and it was on then; that it handed it over, nothing records"
            return Step("rule", Seen.SEEN, _names(stood), why), stood
        if maybe:
            altered = any(one.condition is Condition.ALTERED for one in maybe)
            put = "it was put anew later, and what its pattern was then is not known"
            why = put if altered else "nothing vouches for how it stood then"
            return Step("rule", Seen.UNDERIVABLE, _names(maybe), f"its pattern matches this event; {why}"), maybe
        if unsure:
            why = "whether its pattern matches does not follow: it is too complex, or asks for what was taken out"
            return Step("rule", Seen.UNDERIVABLE, ", ".join(unsure[:3]), why), ()
        if gone:
            why = "it was deleted, and what its pattern was is not known"
            return Step("rule", Seen.UNDERIVABLE, ", ".join(gone[:3]), why), ()
        if found:
            return Step("rule", Seen.MISSING, _names(tuple(found)), "its pattern matches, and it was off then"), ()
        return Step("rule", Seen.MISSING, why="no rule that was read has a pattern that matches this event"), ()


def _puts(row: Mapping[str, Any], after: datetime) -> bool:
    """Tell whether a call gave a rule its pattern after a time: what it was before then is not known."""
    at = moment(row.get("event_time"))
    return without_version(text(row.get("event_name"))) == "PutRule" and at is not None and at > after


def _names(rules: Sequence[Rule]) -> str:
    return ", ".join(text(one.item.get("Name")) for one in rules[:3])


# ---------------------------------------------------------------- the target


@dataclass(frozen=True, slots=True)
class Target:
    """What a rule hands its events to, and can act."""

    arn: str
    name: str
    role: str
    """The role that it works under; empty where that is not known."""


class Aims:
    """The targets of rules."""

    def __init__(self, view: View, reactions: Mapping[str, Reaction]) -> None:
        self._view, self._reactions = view, reactions

    def arns(self, rules: Sequence[Rule]) -> tuple[list[tuple[Rule, str]], bool]:
        """Return rules with the ARNs of their targets, and whether all of them were read."""
        answered = self._view.consult(TARGETS)
        found: list[tuple[Rule, str]] = []
        whole = self._view.planned(TARGETS)
        for rule in rules:
            name = text(rule.item.get("Name"))
            whole = whole and answered.gap(rule.region, Rule=name) is None
            for record, pages in answered.answers:
                if record.call.region == rule.region and dict(record.call.parameters).get("Rule") == name:
                    found += [(rule, text(one.get("Arn"))) for page in pages for one in maps(page.get("Targets"))]
        return found, whole

    def regions(self, rules: Sequence[Rule], own: str) -> list[str]:
        """Return the other Regions of the account to whose default buses rules hand the event."""
        places = [Parts.of(arn) for _, arn in self.arns(rules)[0]]
        return sorted({place.region for place in places if self._is_read(place)} - {own})

    def beyond(self, rules: Sequence[Rule]) -> str:
        """Return the buses that rules hand the event to and whose rules nobody reads: of others, or not the default."""
        buses = [arn for _, arn in self.arns(rules)[0] if _is_bus(Parts.of(arn)) and not self._is_read(Parts.of(arn))]
        return ", ".join(sorted(set(buses))[:3])

    def _is_read(self, place: Parts) -> bool:
        own = place.account == self._view.account.id
        return own and (place.service, place.name) == ("events", "event-bus/default")

    def step(self, before: Step, rules: Sequence[Rule], opening: Opening) -> tuple[Step, tuple[Target, ...]]:
        """Return the step "target" after the step "rule", and the targets that can act."""
        if not rules:
            seen = Seen.MISSING if before.seen is Seen.MISSING else Seen.UNDERIVABLE
            return Step("target", seen, why="no rule is known that handed the event over"), ()
        found, whole = self.arns(rules)
        acting = [(rule, arn) for rule, arn in found if Parts.of(arn).service in ACTING]
        if not acting:
            return self._idle(rules, whole=whole), ()
        targets = tuple(Target(arn, _short(arn), self._role(arn)) for _, arn in acting)
        rule, arn = acting[0]
        sender = Sender(EVENTBRIDGE, self._view.account.id, text(rule.item.get("Arn")))
        state, sentence = reacts(arn, self._reactions.get(arn), sender)
        calls = self._called(rule, arn, opening)
        step = Step("target", Seen.SEEN, targets[0].name, sentence)
        if state is State.BROKEN:
            return replace(step, seen=Seen.MISSING), targets
        if calls is None:
            return replace(step, seen=Seen.UNRECORDED, why=f"{sentence} Calls of that hour were not counted."), targets
        if not calls:
            return replace(step, seen=Seen.MISSING, why="CloudWatch counted no call of it in that hour"), targets
        hour = opening.at.replace(minute=0, second=0, microsecond=0)
        why = f"called {counted(calls, 'time')} in the hour from {hour:%H:%M}; the second is not kept"
        return replace(step, why=why), targets

    def _idle(self, rules: Sequence[Rule], *, whole: bool) -> Step:
        """Return the step of rules without a target that can act."""
        if buses := self.beyond(rules):
            why = f"the rule hands the event to {buses}, whose rules are not among the evidence"
        else:
            why = "the rule has no target that can act" if whole else "the rule's targets were not read"
        return Step("target", Seen.MISSING if whole and not buses else Seen.UNDERIVABLE, why=why)

    def _called(self, rule: Rule, arn: str, opening: Opening) -> int | None:
        """Return how often it was called in the hour of the event or the one after; None where nobody counted."""
        of_function = Parts.of(arn).service == "lambda"
        dimension, name = ("FunctionName", _short(arn)) if of_function else ("RuleName", text(rule.item.get("Name")))
        hours = calls_by_hour(self._view, rule.region, dimension, name)
        if hours is None:
            return None
        hour = opening.at.replace(minute=0, second=0, microsecond=0)
        return round(sum(value for at, value in hours.items() if hour <= at < hour + _HOUR))

    def _role(self, arn: str) -> str:
        service = Parts.of(arn).service
        operation, parameter, field = {
            "lambda": (FUNCTION, "FunctionName", "Role"),
            "states": (MACHINE, "stateMachineArn", "roleArn"),
        }.get(service, ("", "", ""))
        if not operation or not self._view.planned(operation):
            return ""
        for record, pages in self._view.consult(operation).answers:
            if dict(record.call.parameters).get(parameter) == arn and pages:
                return text(pages[0].get(field))
        return ""


def _is_bus(place: Parts) -> bool:
    return place.service == "events" and place.name.startswith("event-bus/")


def _short(arn: str) -> str:
    name = Parts.of(arn).name
    return name.partition(":")[2].partition(":")[0] or name

"""What infrastructure code says about detection, as the plain values that evidence becomes: judged before deployment.

Whatever the code leaves open is judged twice: once as if it turned out well, once as if it did not. Where both answers
agree, what is open does not matter; where they differ, nothing is decided, and what is open is named.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from auditor.base.counts import first_of
from auditor.monitoring.chain.detection import Account
from auditor.monitoring.chain.judgement import Detection
from auditor.monitoring.chain.link import Link, State, first_broken, state_of
from auditor.monitoring.chain.paths import Paths
from auditor.monitoring.infrastructure.build import Built, build
from auditor.monitoring.infrastructure.values import REGION, Code, Home, Resource, Unknown, unknowns
from auditor.monitoring.patterns.delivery import detector_of_filter
from auditor.monitoring.patterns.errors import PatternError, TooComplexError
from auditor.monitoring.patterns.judge import NEVER_RESTS, Coverage, judge
from auditor.monitoring.patterns.pattern import parse_filter
from auditor.monitoring.patterns.requirement import Requirement

DETECTORS = frozenset(
    {"AWS::Logs::MetricFilter", "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm", "AWS::Events::Rule"}
)
"""Without any of these, code has nothing to do with detection."""

MOST_NAMED = 3
"""Open values that one answer names."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer for one requirement.

    Args:
        state: ok, broken (not covered) or unknown.
        reason: one or two sentences.
        coverage: what the filters and rules behind the answer catch.
        places: file and line of what the answer rests on, as ``main.tf:12``.
        open: what would have to be known, with its place.
    """

    state: State
    reason: str
    coverage: Coverage
    places: tuple[str, ...] = ()
    open: tuple[str, ...] = ()


@dataclass(slots=True)
class Infrastructure:
    """What was found in the code, and how it is judged."""

    code: Code
    _worlds: tuple[Built, Account, Built, Account] | None = field(default=None)
    _parts: "dict[tuple[Home, bool], Infrastructure]" = field(default_factory=dict)

    @property
    def has_detectors(self) -> bool:
        """Whether there is anything that detects."""
        return any(one.kind in DETECTORS for one in self.code.resources)

    @property
    def invalid(self) -> tuple[str, ...]:
        """What AWS would refuse, with the place."""
        return tuple(dict.fromkeys((*self.code.invalid, *self._built[0].invalid)))

    @property
    def notes(self) -> tuple[str, ...]:
        """What was taken for granted, and what was not read."""
        unread = [f"Not read: {part}." for part in self.code.unread]
        return tuple(dict.fromkeys((*self.code.notes, *unread, *self._built[0].assumed)))

    @property
    def _built(self) -> tuple[Built, Account, Built, Account]:
        if self._worlds is None:
            well, badly = (build(self.code, hopeful=hopeful) for hopeful in (True, False))
            self._worlds = (well, Account(well.facts), badly, Account(badly.facts))
        return self._worlds

    def detect(self, requirement: Requirement) -> Answer:
        """Judge one requirement, within each account and Region."""
        homes = sorted({one.home for one in self.code.resources if one.kind in DETECTORS})
        if len({one.home for one in self.code.resources}) < 2 or not homes:  # noqa: PLR2004 - one of them
            return self._judged(requirement)
        found = [self._part(home, apart=True).detect(requirement) for home in homes]
        best = next((one for one in found if one.state is State.OK), None)
        if best is None:
            joined = [self._part(home, apart=False).detect(requirement) for home in homes]
            best = next((_perhaps(one) for one in joined if one.state is State.OK), None)
        return best or next((one for one in found if one.state is State.UNKNOWN), found[0])

    def _part(self, home: Home, *, apart: bool) -> "Infrastructure":
        """Return what is in one account and Region; what may be there as well, too, unless all others are apart."""
        if (home, apart) not in self._parts:
            every = {one.home for one in self.code.resources}
            inside = {one for one in every if one == home or not (apart or home.is_apart(one))}
            resources = [replace(one, home=home) for one in self.code.resources if one.home in inside]
            elsewhere = [one for one in self.code.resources if one.home not in inside]
            resources += [_seen_from(home, one) for one in elsewhere if one.kind == "AWS::CloudTrail::Trail"]
            absent = self.code.absent | {one.address for one in elsewhere}
            part = replace(self.code, resources=resources, absent=absent)
            self._parts[home, apart] = Infrastructure(part)
        return self._parts[home, apart]

    def _judged(self, requirement: Requirement) -> Answer:
        """Judge one requirement, all resources being in one account and Region."""
        if not self.has_detectors and not self.code.unread:
            return Answer(State.BROKEN, "Nothing in this code detects it.", judge(requirement, []))
        well, account, badly, doubted = self._built
        best = _resting(well, account, requirement)
        if best.state is State.BROKEN:
            return self._saved(best, requirement) or self._answer(best, State.BROKEN, best.reason)
        if best.state is State.UNKNOWN:
            return self._answer(best, State.UNKNOWN, best.reason)
        if badly.facts != well.facts and _resting(badly, doubted, requirement).state is not State.OK:
            return self._undecided(best)
        return self._answer(best, State.OK, _told(best))

    # -- the three answers

    def _answer(self, found: Detection, state: State, reason: str, open_: Iterable[str] = ()) -> Answer:
        reason = reason.replace(REGION, "the deployed Region")
        return Answer(state, reason, found.coverage, tuple(_places(self._involved(found))), tuple(open_))

    def _undecided(self, best: Detection) -> Answer:
        involved = self._involved(best)
        aside = frozenset() if any(one.kind == "AWS::CloudTrail::Trail" for one in self.code.resources) else _GROUPS
        found = _open_in(involved, aside) or _open_in(self.code.resources, aside)
        open_ = list(dict.fromkeys(one.words for one in found))
        what = first_of(open_, MOST_NAMED)
        verb = "is" if len(open_) == 1 else "are"
        reason = f"The code leaves open what {what} {verb}, and the answer hangs on it."
        return self._answer(best, State.UNKNOWN, reason if open_ else "The code leaves open what this hangs on.", open_)

    def _saved(self, best: Detection, requirement: Requirement) -> Answer | None:
        """Say what could still cover the requirement though nothing that was read does."""
        broken = first_broken(best.chain)
        if broken is None or broken.kind in {"trail", "log group"}:
            return None
        if broken.kind == "filter" and (open_ := self._open_patterns()):
            what = ", ".join(one.words for one in open_[:MOST_NAMED])
            reason = f"The code leaves open what the pattern {what} says, and nothing else covers this."
            return self._answer(best, State.UNKNOWN, reason, [one.words for one in open_])
        lacking = (broken.kind == "filter" and not _about(best, requirement)) or (
            broken.kind == "alarm" and broken.name == ""
        )
        if lacking and self.code.unread:
            reason = f"Nothing that was read covers this, but {self.code.unread[0]}."
            return self._answer(best, State.UNKNOWN, reason, self.code.unread)
        return None

    def _open_patterns(self) -> list[Unknown]:
        """Return the open patterns of filters and rules whose hits would reach somebody."""
        well = self._built[0]
        paths = Paths(well.facts)
        return [
            open_
            for one, open_ in well.open_filters
            if state_of(paths.of(one).links) is not State.BROKEN
        ] + list(well.open_rules)  # fmt: skip

    def _involved(self, found: Detection) -> list[Resource]:
        """Return the resources that the links of an answer name, the broken link's first."""
        broken = first_broken(found.chain)
        links = sorted(found.chain, key=lambda link: link is not broken)
        known = self._built[0].by_name
        resources: dict[str, Resource] = {}
        for link in links:
            if found.state is State.OK and link.kind in {"trail", "log group"}:
                continue
            if found.state is State.OK or broken is None or link is broken or link.kind in {"filter", "alarm"}:
                names = [one for name in _names_of(link) for one in known.get(name, ())]
                resources |= {one.address: one for one in names if one.kind in _KINDS.get(link.kind, DETECTORS)}
        guilty = found.state is not State.OK and broken is not None and broken.name
        for text in (found.coverage.missed[0].pattern,) if found.coverage.missed and guilty else ():
            named = [one for name in self._built[0].named_by_pattern(text) for one in known.get(name, ())]
            resources |= {one.address: one for one in named if one.kind in _KINDS["filter"]}
        return list(resources.values())


def _seen_from(home: Home, trail: Resource) -> Resource:
    """Return a trail of another home, which delivers to no log group of this one, or perhaps does."""
    group = trail.properties.get("CloudWatchLogsLogGroupArn")
    if group:
        group = (
            "a log group elsewhere" if home.is_apart(trail.home) else Unknown(f"{trail.address}'s home", trail.place)
        )
    return replace(trail, home=home, properties={**trail.properties, "CloudWatchLogsLogGroupArn": group})


def _perhaps(answer: Answer) -> Answer:
    reason = "The code leaves open whether its providers share account and Region, and the answer hangs on it."
    return replace(answer, state=State.UNKNOWN, reason=reason)


_RULE = "AWS::Events::Rule"
_ALARMS = frozenset({"AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"})
_KINDS = {
    "trail": frozenset({"AWS::CloudTrail::Trail"}),
    "log group": frozenset({"AWS::Logs::LogGroup", "AWS::CloudTrail::Trail"}),
    "filter": frozenset({"AWS::Logs::MetricFilter", _RULE}),
    "metric": frozenset({"AWS::Logs::MetricFilter"}),
    "alarm": _ALARMS,
    "action": _ALARMS | {"AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "AWS::CloudWatch::AlarmMuteRule", _RULE},
    "subscriber": frozenset({"AWS::SNS::Topic"}),
}
"""Which resources the name of a link can mean."""


def _resting(built: Built, account: Account, requirement: Requirement) -> Detection:
    """Judge, and leave out filters that match nearly everything: the alarm on them never rests."""
    found = account.detect(requirement)
    noisy = _noisy(built, found, requirement)
    if found.state is not State.OK or not noisy:
        return found
    quiet = tuple(one for one in built.facts.filters if one.name not in noisy)
    again = Account(replace(built.facts, filters=quiet)).detect(requirement)
    if again.state is State.OK:
        return again
    name = min(noisy)
    sentence = f"The filter {name} matches nearly every event: the alarm on it never rests, and tells nothing."
    chain = tuple(Link("alarm", State.BROKEN, name, sentence) if link.kind == "alarm" else link for link in found.chain)
    return replace(found, state=State.BROKEN, reason=sentence, chain=chain)


def _noisy(built: Built, found: Detection, requirement: Requirement) -> frozenset[str]:
    used = [one for one in built.facts.filters if one.name in found.coverage.used]
    noisy = set()
    for one in used:
        try:
            alone = judge(requirement, [detector_of_filter(one.name, parse_filter(one.pattern))])
        except (PatternError, TooComplexError):
            continue
        if NEVER_RESTS in alone.notes:
            noisy.add(one.name)
    return frozenset(noisy)


def _about(found: Detection, requirement: Requirement) -> bool:
    """Say whether some filter of the code has to do with the requirement, so that it is the one to blame."""
    if found.coverage.used:
        return True
    return any(missed.pattern for missed in found.coverage.missed) and bool(requirement.events)


def _told(found: Detection) -> str:
    """Say what a working chain consists of, without words about people that no code can know."""
    alarm = next((link.name for link in found.chain if link.kind == "alarm" and link.name), "")
    action = next((link.name for link in found.chain if link.kind == "action" and link.name), "")
    who = f"The alarm {alarm}" if alarm else "The rule"
    return found.reason.replace(found.chain[-1].sentence, f"{who} calls {action}." if action else "").strip()


def _names_of(link: Link) -> list[str]:
    return [link.name, *link.name.replace(" and ", ", ").split(", ")] if link.name else []


def _open_in(resources: Iterable[Resource], aside: frozenset[str]) -> list[Unknown]:
    found = dict.fromkeys(one for resource in resources for one in _matters(resource, aside))
    return [one for one in found if one.missing] or list(found)


_NAMES_ONLY = frozenset({"FilterName", "AlarmName", "Name", "TopicName", "AlarmDescription"})


_REACHED = frozenset({"AlarmActions", "Targets"})
"""Lists of what is called: what is open in them lies outside the code and is taken to reach somebody."""


_GROUPS = frozenset({"LogGroupName"})
"""Without a trail in the code, which group a filter looks at decides nothing."""


def _matters(resource: Resource, aside: frozenset[str]) -> Iterable[Unknown]:
    if resource.exists is not None:
        yield resource.exists
    for name, value in resource.properties.items():
        if name not in _NAMES_ONLY | aside and not (name in _REACHED and isinstance(value, list)):
            yield from unknowns(value)


def _places(resources: Iterable[Resource]) -> Iterable[str]:
    return dict.fromkeys(one.place for one in resources if one.place)


_COVERS = {State.OK: True, State.BROKEN: False}


def document(answer: Answer) -> dict[str, Any]:
    """Return the JSON form of an answer; ``covers`` is null where nothing is decided."""
    return {
        "state": answer.state.value,
        "reason": answer.reason,
        "places": list(answer.places),
        "open": list(answer.open),
        **answer.coverage.document(),
        "covers": _COVERS.get(answer.state),
    }

"""Prepares what an account detects by, once: trails, the filters on their log groups, EventBridge rules, and ways."""

from collections.abc import Iterable
from dataclasses import replace

from auditor.monitoring.chain.facts import Facts, Filter, Trail
from auditor.monitoring.chain.judgement import Candidate, Detection, Judgement
from auditor.monitoring.chain.link import (
    Link,
    Links,
    State,
    rank,
    state_of,
)
from auditor.monitoring.chain.paths import Path, Paths
from auditor.monitoring.chain.rules import RulePath, rule_paths
from auditor.monitoring.chain.trails import records, trail_links
from auditor.monitoring.patterns.coverage import Detector
from auditor.monitoring.patterns.delivery import detector_of_filter
from auditor.monitoring.patterns.errors import PatternError, TooComplexError
from auditor.monitoring.patterns.pattern import parse_filter
from auditor.monitoring.patterns.records import is_read
from auditor.monitoring.patterns.requirement import Requirement
from auditor.monitoring.patterns.rules import RULES, Rules


class Account:
    """One account's means of detection, prepared once and asked for each requirement."""

    def __init__(self, facts: Facts) -> None:
        self.given = facts
        self.facts = facts = replace(facts, trails=tuple(_as_its_owner_sees_it(one, facts) for one in facts.trails))
        self._rules = rule_paths(facts)
        self._paths: dict[str, Paths] = {}
        self._known: dict[tuple[str, Filter], tuple[Path, Detector | None, str, bool]] = {}
        self._by_group: dict[tuple[str, str, str], list[Filter]] = {}
        for owner in (facts, *facts.others.values()):
            for one in owner.filters:
                self._by_group.setdefault((owner.account, one.region, one.group), []).append(one)

    def detect(self, requirement: Requirement, rules: Rules = RULES) -> Detection:
        """Judge one requirement, by our reading of undocumented rules or by another one."""
        reads = not requirement.events or any(map(is_read, requirement.events))
        sources = frozenset(filter(None, (requirement.source, *(source for _, source in requirement.sources))))
        heads = self._heads(sources, reads=reads)
        candidates = [one for trail, head in heads for one in self._candidates(trail, head)]
        recorded = [records(trail, reads=reads, sources=sources) for trail in self.facts.trails]
        if True in recorded:
            detectors = self._rules
        else:
            hope = None in recorded or bool(self.facts.gap("trails"))
            detectors = [_if_recorded(path) for path in self._rules] if hope else []
        unseen = next((way for trail, head in heads for way in self._unseen(trail, head)), None)
        return Judgement(self.facts, requirement, heads, candidates, detectors, rules, unseen).answer()

    def _unseen(self, trail: Trail, head: Links) -> Iterable[Links]:
        """Yield the way over a filter that may be there although it was not listed, where somebody could hear of it."""
        place = trail.delivers_to
        owner = self.facts.of(place.account) if place is not None else None
        if place is None or owner is None or state_of(head) is State.BROKEN:
            return
        why = owner.gap("filters", place.region)
        if why and self._paths_of(owner.account).could_hear(place.region):
            sentence = f"Whether a filter of the log group {place.name} catches the events is not known: {why}."
            yield (*head, Link("filter", State.UNKNOWN, "", sentence))

    @property
    def rules(self) -> dict[str, bool]:
        """The event patterns of the account's rules, and whether something happens when one of them matches."""
        found: dict[str, bool] = {}
        for path in self._rules:
            if path.unseen:
                continue
            found[path.rule.pattern] = found.get(path.rule.pattern, False) or path.state is State.OK
        return found

    def _heads(self, sources: frozenset[str], *, reads: bool) -> list[tuple[Trail, Links]]:
        judged = [(trail, trail_links(trail, self.facts, reads=reads, sources=sources)) for trail in self.facts.trails]
        return sorted(judged, key=lambda pair: rank(pair[1]), reverse=True)

    def _candidates(self, trail: Trail, head: Links) -> Iterable[Candidate]:
        place = trail.delivers_to
        if place is None:
            return
        owner = place.account
        for one in self._by_group.get((owner, place.region, place.name), ()):
            if (owner, one) not in self._known:
                self._known[owner, one] = (self._paths_of(owner).of(one), *_read(one))
            path, detector, problem, undecided = self._known[owner, one]
            yield Candidate(head, path, detector, problem, undecided)

    def _paths_of(self, owner: str) -> Paths:
        """Return the ways from the filters of an account: this one, or the one whose log group a trail delivers to."""
        if owner not in self._paths:
            self._paths[owner] = Paths(_seen_from(owner, self.facts))
        return self._paths[owner]


def _seen_from(owner: str, facts: Facts) -> Facts:
    """Return the facts of an account with all others of the run beside it."""
    if owner == facts.account:
        return facts
    known = {**facts.others, facts.account: replace(facts, others={})}
    return replace(facts.others[owner], others={name: one for name, one in known.items() if name != owner})


def _if_recorded(path: RulePath) -> RulePath:
    """Return the way over a rule where it is not known whether a trail makes CloudTrail hand events to EventBridge."""
    sentence = "Whether a trail records the events, so that EventBridge gets them, is not known."
    return replace(path, links=(Link("trail", State.UNKNOWN, "", sentence), *path.links))


def _as_its_owner_sees_it(trail: Trail, facts: Facts) -> Trail:
    """Members of an organization often may not ask about its trail; the evidence of its owner answers for them."""
    owner = facts.others.get(trail.account)
    if not trail.unread or owner is None:
        return trail
    found = next((one for one in owner.trails if one.arn == trail.arn), trail)
    return replace(found, unseen=trail.unseen)


_prepared: list[Account] = []


def account_of(facts: Facts) -> Account:
    """Return the account prepared; the last one is kept, because controls are judged account by account."""
    if not _prepared or _prepared[0].given != facts:
        _prepared[:] = [Account(facts)]
    return _prepared[0]


def _read(one: Filter) -> tuple[Detector | None, str, bool]:
    try:
        return detector_of_filter(one.name, parse_filter(one.pattern)), "", False
    except PatternError as error:
        return None, f"Its pattern is not valid and never matches: {error.message}.", False
    except TooComplexError as error:
        return None, f"Not assessed, because its pattern is too complex: {error}.", True

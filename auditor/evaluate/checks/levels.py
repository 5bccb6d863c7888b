"""Reads alarms on how full something is from evidence, and judges them with the people who hear of them.

An alarm counts when it goes off in time and somebody hears of it, by its own actions or over a composite alarm, here or
in a monitoring account that the metrics are shared with.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from auditor.evaluate.checks.alarm_facts import alarm_from, composite_from, mute_rules
from auditor.evaluate.checks.chain_facts import ALARMS, Reader, placed, sharings_of
from auditor.evaluate.checks.fields import integer, mapping, optional_list, optional_text, text
from auditor.evaluate.checks.target_facts import reactions
from auditor.evaluate.missing import EvidenceMissing
from auditor.evaluate.subject import Subject
from auditor.evaluate.view import View
from auditor.model import Verdict, failed, not_assessed, passed
from auditor.monitoring.chain.actions import Parts
from auditor.monitoring.chain.facts import Alarm, Facts, Series
from auditor.monitoring.chain.levels import Level, Wanted, judge_level
from auditor.monitoring.chain.link import State, first_broken, state_of, where_broken
from auditor.monitoring.chain.paths import Paths

Matching = Callable[[Series], bool]
Judging = Callable[[Level], tuple[State, str]]


def judge_levels(subject: Subject, matches: Matching, wanted: Callable[[Series], Wanted], what: str) -> Verdict:
    """Judge whether one of the alarms on a level goes off in time and is heard.

    Args:
        subject: what is judged.
        matches: says whether a metric is the one that is asked about; its account is taken care of.
        wanted: what is asked of an alarm on a metric.
        what: is watched, for the reason.
    """
    return judge_watched(
        subject, matches, lambda level: judge_level(level, wanted(next(iter(level.series.values())))), what
    )


def judge_watched(subject: Subject, matches: Matching, judging: Judging, what: str) -> Verdict:
    """Judge whether one of the alarms on a metric is right, by ``judging``, and is heard.

    Args:
        subject: what is judged.
        matches: says whether a metric is the one that is asked about; its account is taken care of.
        judging: says what an alarm on it is worth.
        what: is watched, for the reason.
    """
    answers = [
        answer
        for view, accounts in _monitors(subject)
        for answer in _answers(view, subject, _in(accounts, matches), judging)
    ]
    best = max(answers, key=lambda one: _ORDER.index(one[0]), default=None)
    if best is not None and best[0] is State.OK:
        return passed(f"{best[1]} It watches {what}.", observed=best[2])
    if best is not None and best[0] is State.UNKNOWN:
        return not_assessed(best[1], observed=best[2])
    if elsewhere := _elsewhere(subject):
        return not_assessed(f"{best[1] if best else f'No alarm here watches {what}.'} {elsewhere}")
    if best is None:
        return failed(f"No alarm with an action watches {what}.", observed="no alarm")
    return failed(f"{best[1]} No other alarm watches {what}.", observed=best[2])


_ORDER = (State.BROKEN, State.UNKNOWN, State.OK)
_Answer = tuple[State, str, str]
"""State, sentence, and the alarm's name."""


def _in(accounts: frozenset[str], matches: Matching) -> Matching:
    return lambda series: series.account in accounts and matches(series)


def _monitors(subject: Subject) -> Iterator[tuple[View, frozenset[str]]]:
    """Yield the views in which alarms may stand, and what they call the account whose metrics are asked about."""
    own = frozenset({subject.account.id})
    yield subject.evidence, own | {""}
    for sharing in sharings_of(subject.evidence)[0]:
        beside = subject.evidence.beside(sharing.account) if sharing.region == subject.region else None
        if beside is not None:
            yield beside, own


def _elsewhere(subject: Subject) -> str:
    """Say where an alarm could be that was not looked at; empty where there is no such place."""
    sharings, unread = sharings_of(subject.evidence)
    for sharing in sharings:
        if sharing.region == subject.region and subject.evidence.beside(sharing.account) is None:
            return f"The metrics are shared with account {sharing.account}, whose alarms have to be looked at there."
    if why := unread.get(subject.region):
        return f"Whether the metrics are shared with another account is not known: {why}."
    return ""


def _answers(view: View, subject: Subject, matches: Matching, judging: Judging) -> Iterator[_Answer]:
    judged = [(level, *judging(level)) for level in _levels(view, subject, matches)]
    if all(state is State.BROKEN for _, state, _ in judged):
        yield from ((state, sentence, level.alarm.name) for level, state, sentence in judged)
        return
    paths = Paths(_audience(view, subject))
    for level, state, sentence in judged:
        links = paths.end_of(level.alarm) if state is not State.BROKEN else ()
        end = state_of(links) if links else State.OK
        stopped = where_broken(links) or first_broken(links)
        told = f"{sentence} {links[-1].sentence}" if links else sentence
        yield min(state, end, key=_ORDER.index), stopped.sentence if stopped is not None else told, level.alarm.name


def _levels(view: View, subject: Subject, matches: Matching) -> Iterator[Level]:
    for _, place, item in placed(view, ALARMS, "MetricAlarms", region=subject.region):
        read = _read(item)
        if read is None or not any(matches(series) for series in read[0].values()):
            continue
        series, statistics, period, expression = read
        kept = {name: one for name, one in series.items() if matches(one)}
        others = {name: one for name, one in series.items() if name not in kept}
        different = set(statistics.values())
        statistic = different.pop() if len(different) == 1 else "mixture of statistics"
        alarm = alarm_from(item, subject.region, subject.as_of, place)
        yield Level(alarm, kept, statistic, period, expression, statistics, others)
        view.point(item)


_Read = tuple[Mapping[str, Series], Mapping[str, str], int, str]


def _read(item: Mapping[str, Any]) -> _Read | None:
    """Return metrics and statistics of an alarm by id, period and expression; None for alarms on something else."""
    if optional_text(item, "MetricName"):
        statistic = optional_text(item, "Statistic") or optional_text(item, "ExtendedStatistic")
        return {"m": _series(item, "")}, {"m": statistic}, integer(item, "Period"), "m"
    queries = optional_list(item, "Metrics")
    stats = {text(query, "Id"): query for query in queries if query.get("MetricStat")}
    returned = [query for query in queries if query.get("ReturnData") is not False]
    if not stats or len(returned) != 1:
        return None
    series = {
        name: _series(mapping(mapping(query, "MetricStat"), "Metric"), optional_text(query, "AccountId"))
        for name, query in stats.items()
    }
    parts = {name: mapping(query, "MetricStat") for name, query in stats.items()}
    statistics = {name: text(part, "Stat") for name, part in parts.items()}
    expression = optional_text(returned[0], "Expression") or text(returned[0], "Id")
    return series, statistics, max(integer(part, "Period") for part in parts.values()), expression


def _series(item: Mapping[str, Any], account: str) -> Series:
    dimensions = sorted((text(one, "Name"), text(one, "Value")) for one in optional_list(item, "Dimensions"))
    return Series(text(item, "Namespace"), text(item, "MetricName"), tuple(dimensions), account=account)


def _audience(view: View, subject: Subject) -> Facts:
    """Read who hears of the alarms of a Region; what cannot be read of topics is lacking, and stays unknown."""
    facts = _heard_in(view, subject)
    arns = [action for alarm in facts.alarms for action in alarm.actions]
    arns += [action for composite in facts.composites for action in composite.actions]
    others: dict[str, Facts] = {}
    for name in sorted({Parts.of(arn).account for arn in arns} - {"", facts.account}):
        beside = view.beside(name, leaving_open=True)
        if beside is not None:
            try:
                others[name] = _heard_in(beside, subject)
            except EvidenceMissing as signal:
                beside.leave_open(signal.missing)  # what lies there stays as unknown as without that account
    return replace(facts, others=others)


def _heard_in(view: View, subject: Subject) -> Facts:
    region = subject.region
    mutes, unread_mutes = mute_rules(view)
    reader = Reader(view, subject.as_of)
    alarms: list[Alarm] = [
        alarm_from(item, region, subject.as_of, place)
        for _, place, item in placed(view, ALARMS, "MetricAlarms", region=region)
    ]
    return Facts(
        account=view.account.id,
        partition=view.account.partition,
        regions=view.account.regions,
        as_of=subject.as_of,
        alarms=tuple(alarms),
        composites=tuple(
            composite_from(item, region, place)
            for _, place, item in placed(view, ALARMS, "CompositeAlarms", region=region)
        ),
        mutes=mutes,
        unread_mutes=unread_mutes,
        topics=reader.topics(region),
        reactions=reactions(view),
        unread=reader.unread,
    )

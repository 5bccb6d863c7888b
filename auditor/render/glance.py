"""The first pages: what was looked at and what was not, what weighs most, how the numbers fit together."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from auditor.base.counts import counted
from auditor.evidence.unanswered import error_words
from auditor.model import State
from auditor.render.about import About
from auditor.render.controls import Control, Finding, by_service, findings, summed
from auditor.render.coverage import Account, Gap
from auditor.render.frameworks import Framework
from auditor.render.trails import Trail

WEIGHTIEST = 5
"""Exceptions that the first pages tell."""

_PARTS = {
    "trail": "the log files of the trails were not verified",
    "events": "the events of the period were not examined",
    "truth": "AWS was not asked to confirm how patterns read",
}
"""What leaving out a part on request means."""

_NAMED = 4


@dataclass(frozen=True, slots=True)
class Cause:
    """Calls without an answer that failed for the same reason.

    Args:
        error: AWS's code.
        calls: how many.
        operations: of how many kinds.
        places: in how many accounts and Regions.
        controls: how many controls needed them.
        message: what AWS said, of the first one.
    """

    error: str
    calls: int
    operations: int
    places: int
    controls: int
    message: str

    @property
    def said(self) -> str:
        """Why, in words or by AWS's code."""
        return error_words(self.error)


@dataclass(frozen=True, slots=True)
class Glance:
    """What a stranger learns first.

    Args:
        looked: sentences about what was asked.
        not_looked: sentences about what was not, or gave no answer; empty when everything was answered.
        integrity: one sentence on the trails.
        reconciled: how populations, results and controls fit together.
        weightiest: the first exceptions, gravest first.
        causes: why calls have no answer.
    """

    looked: tuple[str, ...]
    not_looked: tuple[str, ...]
    integrity: str
    reconciled: str
    weightiest: tuple[Finding, ...]
    causes: tuple[Cause, ...]


def glance(
    about: About,
    accounts: Sequence[Account],
    frameworks: Sequence[Framework],
    controls: Sequence[Control],
    gaps: Sequence[Gap],
    trails: Sequence[Trail],
) -> Glance:
    """Sum up what the other chapters say."""
    found = causes(gaps)
    return Glance(
        looked=_looked(accounts, frameworks, controls),
        not_looked=tuple(_not_looked(about, controls, found, trails)),
        integrity=_integrity(trails),
        reconciled=_reconciled(controls),
        weightiest=findings(controls)[:WEIGHTIEST],
        causes=found,
    )


def causes(gaps: Iterable[Gap]) -> tuple[Cause, ...]:
    """Group calls without an answer by their error, the most frequent first: 43 refusals often have one cause."""
    groups: dict[str, list[Gap]] = defaultdict(list)
    for gap in gaps:
        groups[gap.error].append(gap)
    found = [
        Cause(
            error,
            len(members),
            len({gap.operation for gap in members}),
            len({(gap.account, gap.region) for gap in members}),
            len({link for gap in members for link in gap.controls}),
            next((gap.message for gap in members if gap.message), ""),
        )
        for error, members in groups.items()
    ]
    return tuple(sorted(found, key=lambda cause: (-cause.calls, cause.error)))


def _looked(
    accounts: Sequence[Account], frameworks: Sequence[Framework], controls: Sequence[Control]
) -> tuple[str, ...]:
    regions = counted(len({region for account in accounts for region in account.regions}), "Region")
    names = ", ".join(
        f"{account.id} ({account.alias})" if account.alias else account.id for account in accounts[:_NAMED]
    )
    more = f" and {counted(len(accounts) - _NAMED, 'more account')}" if len(accounts) > _NAMED else ""
    return (
        f"{counted(len(accounts), 'account')} ({names}{more}), {regions} and what belongs to none.",
        (
            f"{counted(len(controls), 'control')} over {counted(len(by_service(controls)), 'service')}, for "
            f"{counted(len(frameworks), 'framework edition')}: {', '.join(framework.id for framework in frameworks)}."
        ),
    )


def _not_looked(
    about: About, controls: Sequence[Control], found: Sequence[Cause], trails: Sequence[Trail]
) -> Iterable[str]:
    for part in about.skipped:
        yield f"Left out on request: {_PARTS.get(part, part)}."
    for cause in found[:_NAMED]:
        yield (
            f"{counted(cause.calls, 'call')} without an answer: {cause.said}, {counted(cause.operations, 'operation')} "
            f"in {counted(cause.places, 'place')}; {counted(cause.controls, 'control')} needed them."
        )
    if len(found) > _NAMED:
        yield f"{counted(sum(cause.calls for cause in found[_NAMED:]), 'more call')} failed for other reasons."
    for trail in trails:
        if trail.unverified:
            yield (
                f"{trail.unverified:,} of {counted(trail.asked, 'Region-hour')} of the trail {trail.name} are "
                "not verified."
            )
    open_states = {State.NOT_ASSESSED: "not assessed", State.MANUAL: "left to a person"}
    for state, words in open_states.items():
        results = [row for control in controls for row in control.rows if row.mark.state is state]
        if results:
            number = sum(any(row.mark.state is state for row in control.rows) for control in controls)
            whole = sum(control.mark.state is state for control in controls)
            rest = "" if whole == number else f"; as a whole, {whole:,} of these controls {_is(whole)} so"
            said = sum(bool(row.attested) for row in results)
            given = f"; {said:,} of these results {_is(said)} attested" if said else ""
            yield f"{counted(len(results), 'result')} in {counted(number, 'control')} {words}{rest}{given}."


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


_INTEGRITY = {
    "fail": "alteration, deletion or forgery is shown",
    "incomplete": "nothing was found altered, but part of the period is not vouched for",
    "note": "every hour is proved, and some things are worth reading",
    "pass": "every hour of the period is proved",
}


def _integrity(trails: Sequence[Trail]) -> str:
    if not trails:
        return "Log integrity was not examined in this run; nothing here says that log files are complete or unaltered."
    parts = [
        f"trail {trail.name}: {_INTEGRITY.get(trail.verdict, 'the verification did not end')} ({trail.hours} verified)"
        for trail in trails[:_NAMED]
    ]
    if len(trails) > _NAMED:
        parts.append(f"and {counted(len(trails) - _NAMED, 'more trail')}")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _reconciled(controls: Sequence[Control]) -> str:
    """Say how subjects and results fit together.

    A control without a subject says so in a result, and a subject judged apart for two editions has two.
    """
    population = summed([control.population for control in controls])
    results = sum(len(control.rows) for control in controls)
    apart = [control for control in controls if len({row.frameworks for row in control.rows}) > 1]
    text = (
        f"{counted(len(controls), 'control')} look at {counted(population.source, 'subject')}: "
        f"{population.tested:,} tested, {population.excluded:,} excluded, {population.not_assessed:,} not assessed "
        f"or left to a person; they have {counted(results, 'result')}"
    )
    if results == population.source:
        return f"{text}."
    without = sum(control.population.source == 0 and len(control.rows) == 1 for control in controls)
    reasons = [f"{counted(without, 'control')} without a subject {_has(without)} one that says so"] if without else []
    if apart:
        names = ", ".join(control.id for control in apart[:_NAMED])
        reasons.append(f"editions ask for different things of {names}, and each answer is a result")
    return f"{text}{': ' if reasons else ''}{'; '.join(reasons)}."


def _has(count: int) -> str:
    return "has" if count == 1 else "have"

"""The catalogue engine: evidence and controls in, results out. Same evidence, same catalogue, same results, anywhere.

What it does once so that no check has to: a failure that is proven by what was read stays one, and short of that
missing, refused, incomplete or malformed evidence becomes NOT_ASSESSED with operation, error code and IAM action
(``concluded``); every result cites the evidence that was read for it; populations reconcile.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final, TypeVar

from auditor.base.canonical import canonical_json
from auditor.base.counts import counted
from auditor.base.errors import CatalogError
from auditor.catalog.load import Catalog
from auditor.evaluate import criterion
from auditor.evaluate.checks import find_check, find_listing
from auditor.evaluate.checks.fields import seen_until, shortened, some
from auditor.evaluate.completeness import completeness
from auditor.evaluate.continuity import continuity
from auditor.evaluate.fired import fired
from auditor.evaluate.library import Library, libraries
from auditor.evaluate.members import Item, is_excluded, members_of, no_endpoint, sampled, unlisted
from auditor.evaluate.missing import Missing
from auditor.evaluate.opened import opened
from auditor.evaluate.posture import posture
from auditor.evaluate.subject import Subject
from auditor.evaluate.view import View
from auditor.evidence.store import Evidence
from auditor.evidence.unanswered import NOT_COLLECTED, OWN_ASKING, error_words
from auditor.model import (
    Citation,
    Control,
    ControlResult,
    Framework,
    Gap,
    Population,
    Result,
    Results,
    Sampling,
    Scope,
    State,
    Verdict,
    worst,
)

_T = TypeVar("_T")

_RUN = timedelta(days=1)
"""A run takes hours, and answers come after the as-of moment at which it began; what is newer was not so then."""

_MOST_NAMED = 300
"""Characters of a name in a reason; AWS names are shorter, hostile evidence need not be."""

_COUNTED_AS_EXCLUDED = frozenset({State.NOT_APPLICABLE})
_COUNTED_AS_NOT_ASSESSED = frozenset({State.NOT_ASSESSED, State.MANUAL})


@dataclass(frozen=True, slots=True)
class _Variant:
    """A control with one set of parameters, and the framework editions that ask for it so."""

    control: Control
    parameters: Mapping[str, Any]
    frameworks: tuple[str, ...]
    """Empty when all selected editions ask for the same."""


class _Gaps:
    """Missing calls, and which controls each of them costs."""

    def __init__(self) -> None:
        self._controls: dict[tuple[str, Missing], dict[str, None]] = {}

    def note(self, account: str, missing: Missing, control: str) -> None:
        self._controls.setdefault((account, missing), {})[control] = None

    def listed(self) -> tuple[Gap, ...]:
        gaps = [
            Gap(account, item.region, item.operation, item.code, item.message, item.action, item.ref, tuple(names))
            for (account, item), names in self._controls.items()
        ]
        return tuple(sorted(gaps, key=lambda gap: (gap.account, gap.region, gap.operation, gap.error, gap.ref)))


def evaluate(
    evidence: Evidence,
    catalog: Catalog,
    framework_ids: Sequence[str] = (),
    sampling: Sampling | None = None,
    control_ids: Sequence[str] = (),
) -> Results:
    """Judge the controls of the chosen frameworks, and chosen single ones.

    Args:
        evidence: a closed evidence folder.
        catalog: controls, frameworks and operations.
        framework_ids: which frameworks.
        sampling: draws a sample from each population of resources; None tests every member.
        control_ids: which controls beside those; without any framework or control, what the evidence was collected for.

    Raises:
        UsageError: an unknown framework or control.
        IntegrityError: an evidence file does not have its hash.
    """
    if not framework_ids and not control_ids:
        framework_ids, control_ids = evidence.run.frameworks, evidence.run.controls
    frameworks = catalog.select(framework_ids, control_ids)
    accounts = libraries(evidence, catalog.operations)
    gaps = _Gaps()
    controls = tuple(
        _control(control, frameworks, accounts, gaps, sampling) for control in catalog.controls_of(frameworks)
    )
    return Results(
        run=evidence.run,
        frameworks=frameworks,
        controls=controls,
        gaps=gaps.listed(),
        integrity=_documents(evidence, "trail:VerifyDigests"),
        events=_documents(evidence, "trail:NotableEvents"),
        activity=_documents(evidence, "events:Answer"),
        sampling=sampling,
        continuity=continuity(accounts),
        posture=posture(accounts),
        completeness=completeness(accounts),
        fired=fired(accounts),
        opened=opened(accounts),
    )


def _documents(evidence: Evidence, operation: str) -> tuple[Mapping[str, Any], ...]:
    """Return what a room wrote about the run's own accounts; what others lend stands in the evidence only."""
    own = {account.id for account in evidence.run.accounts}
    return tuple(
        {"ref": record.ref, "account": record.account, "region": record.call.region, **page}
        for record in evidence.records
        if record.call.operation == operation and record.complete and record.account in own
        for page in evidence.pages(record)
        if isinstance(page, dict)
    )


def _control(
    control: Control,
    frameworks: Sequence[Framework],
    accounts: Sequence[Library],
    gaps: _Gaps,
    sampling: Sampling | None,
) -> ControlResult:
    results: list[Result] = []
    populations: list[Population] = []
    variants = _variants(control, frameworks)
    for library in accounts:
        found = [result for variant in variants for result in _account(variant, library, gaps, sampling)]
        populations.extend(_populations(found))
        results.extend(found or _nothing(control, library))
    return ControlResult(
        control=control,
        requirements={
            framework.id: numbers
            for framework in frameworks
            if (numbers := tuple(item.id for item in framework.requirements if control.id in item.controls))
        },
        populations=tuple(populations),
        results=tuple(results),
    )


def _variants(control: Control, frameworks: Sequence[Framework]) -> tuple[_Variant, ...]:
    """Group the editions that ask for the control with the same parameters; they are judged together."""
    groups: dict[bytes, tuple[Mapping[str, Any], list[str]]] = {}
    for framework in frameworks:
        for requirement in framework.requirements:
            if control.id in requirement.controls:
                parameters = {**control.parameters, **requirement.parameters}
                group = groups.setdefault(canonical_json(parameters), (parameters, []))
                if framework.id not in group[1]:
                    group[1].append(framework.id)
    alone = len(groups) == 1
    return tuple(_Variant(control, parameters, () if alone else tuple(names)) for parameters, names in groups.values())


def _account(variant: _Variant, library: Library, gaps: _Gaps, sampling: Sampling | None) -> list[Result]:
    control = variant.control
    account = library.account
    if not control.evidence:
        reason = "No AWS API shows this; a dated attestation by a responsible person is asked for."
        return [_result(variant, account.id, "global", account.id, Verdict(State.MANUAL, reason), View(library))]
    items = _items(variant, library)
    if sampling is not None and control.scope is Scope.RESOURCE:
        items = sampled(control, account.id, items, sampling)
    judged = [(item, _judge_all(variant, library, item, gaps)) for item in items]
    return [result for item, result in judged if not item.broken_off or result.state is State.FAIL]


def _items(variant: _Variant, library: Library) -> list[Item]:
    control, account = variant.control, library.account
    if control.scope is Scope.ACCOUNT:
        return [Item("global", account.id, {}, None)]
    if control.scope is Scope.REGION:
        return [Item(region, region, {}, None) for region in sorted({*account.regions, *library.left_out})]
    return members_of(control, library) if control.population else _by_check(variant, library)


def _by_check(variant: _Variant, library: Library) -> list[Item]:
    """Let a check list the members itself, where they come from answers of several operations."""
    view = View(library)
    members: dict[tuple[str, str], Item] = {}
    listing = find_listing(variant.control.check)
    if listing is None:
        raise CatalogError(f"{variant.control.origin}: there is no check named {variant.control.check}")
    with view.going_on(), seen_until(min(library.seen_until, library.as_of + _RUN)):
        subject = _subject(variant, library, Item("global", library.account.id, {}, None), view)
        for member in listing(subject):
            found = Item(member.region, member.resource, {}, None, view=member.evidence, judge=member.judge)
            members.setdefault((member.region, member.resource), found)
    return [*(members[key] for key in sorted(members)), *map(unlisted, view.lacking)]


def _judge_all(variant: _Variant, library: Library, item: Item, gaps: _Gaps) -> Result:
    """Judge a member; where an answer names several things alike, each of them, so that none hides another."""
    if not item.others:
        return _judge(variant, library, item, gaps)
    found = [_judge(variant, library, replace(item, value=value), gaps) for value in (item.value, *item.others)]
    state = worst(result.state for result in found)
    return next(result for result in found if result.state is state)


def _judge(variant: _Variant, library: Library, item: Item, gaps: _Gaps) -> Result:
    view = item.view or View(library)
    control, account = variant.control, library.account.id
    found: Verdict | None = None
    if item.missing is not None:
        view.lack(item.missing)
    else:
        if item.record is not None:
            view.note(item.record)
        with view.going_on(), seen_until(min(library.seen_until, library.as_of + _RUN)):
            found = _verdict(variant, library, item, view)
    verdict = _naming_holders(concluded(found, view.lacking), view)
    if verdict is found and view.unknown:
        found = verdict = _said_so(verdict, view.unknown)
    for missing in (*view.lacking, *(view.left_open if verdict.state is State.NOT_ASSESSED else ())):
        gaps.note(account, missing, control.id)
    if item.record is not None and found is verdict:
        view.point(item.value, suffix=verdict.pointer)
    return _result(variant, account, item.region, item.resource, verdict, view)


def _naming_holders(verdict: Verdict, view: View) -> Verdict:
    """Add which other accounts of the organization hold what a verdict rests on; where nothing is concluded, none."""
    if not view.credited or verdict.state is State.NOT_ASSESSED:
        return verdict
    names = some(list(view.credited))
    reason = f"{verdict.reason} Held by account {names}, read once for the organization."
    return replace(verdict, reason=reason, details={**verdict.details, "held_by": list(view.credited)})


def _said_so(verdict: Verdict, unknown: Sequence[Missing]) -> Verdict:
    """Add which features are not there: their service does not know the operations that would list them."""
    places = dict.fromkeys(f"{item.operation} in {item.region}" for item in unknown)
    return replace(verdict, reason=f"{verdict.reason} AWS does not know {some(list(places))}: nothing of it is there.")


def _without_endpoint(control: Control, library: Library, region: str | None, view: View) -> Verdict | None:
    """Say of an account or Region in which a service does not exist that there is nothing to judge."""
    for name in control.evidence if region else control.evidence[:1]:
        gone = library.nowhere(name, region)
        if gone and not any(region in (None, call.region) for call in library.listed(name).calls):
            for record in gone:
                view.note(record)
            reason = no_endpoint(name, region or "this partition")
            return Verdict(State.NOT_APPLICABLE, reason, observed=f"{name}: no endpoint")
    return None


def concluded(verdict: Verdict | None, lacking: Sequence[Missing]) -> Verdict:
    """Weigh a failure against a gap, for every control: the rule of the house.

    FAIL where what was read proves a failure, whatever else is missing; else NOT_ASSESSED where anything is missing;
    else what the check concluded. What was missing beside a failure goes with it, so that accepting the one does not
    hide the other.

    Args:
        verdict: what was concluded; None when nothing could be.
        lacking: what was missing of that which the verdict needs.
    """
    if verdict is not None and verdict.state is State.FAIL and lacking:
        missing = [
            {"operation": item.operation, "region": item.region, "resource": item.resource, "error": item.code}
            for item in lacking
        ]
        return replace(verdict, details={**verdict.details, "missing": missing})
    if verdict is None or lacking:
        return _unanswered(lacking)
    return verdict


def _verdict(variant: _Variant, library: Library, item: Item, view: View) -> Verdict:
    control = variant.control
    if item.left_out:
        return Verdict(State.NOT_APPLICABLE, item.left_out)
    if is_excluded(control, item):
        return Verdict(State.NOT_APPLICABLE, control.exclude_reason)
    if control.scope is not Scope.RESOURCE:
        region = item.region if control.scope is Scope.REGION else None
        if (gone := _without_endpoint(control, library, region, view)) is not None:
            return gone
    if control.pass_when:
        value = item.value if control.scope is Scope.RESOURCE else _single_page(control, item, view)
        return criterion.judge(control, value) if value is not None else _empty(control)
    if item.judge is not None:
        return item.judge(view)
    check = find_check(control.check)
    if check is None:
        raise CatalogError(f"{control.origin}: there is no check named {control.check}")
    return check(_subject(variant, library, item, view))


def _subject(variant: _Variant, library: Library, item: Item, view: View) -> Subject:
    return Subject(
        account=library.account,
        region=item.region,
        resource=item.resource,
        item=item.value,
        evidence=view,
        as_of=library.as_of,
        period=library.period,
        parameters=variant.parameters,
    )


def _single_page(control: Control, item: Item, view: View) -> Mapping[str, Any] | None:
    """Return the one answer that an account or Region control with ``pass_when`` is judged on; None when absent."""
    region = None if control.scope is Scope.ACCOUNT else item.region
    page = view.find(control.evidence[0], region=region)
    if page is None:
        return None
    if paths := criterion.deciding_paths(control.pass_when):
        view.point(page, suffix="/" + "/".join(paths[0]) if paths[0][0] in page else "")
    return page


def _unanswered(lacking: Sequence[Missing]) -> Verdict:
    missing, *others = lacking
    about = f" about {shortened(missing.resource, _MOST_NAMED)}" if missing.resource else ""
    where = "" if missing.region == "global" else f" in {missing.region}"
    needs = f" The IAM action is {missing.action}." if missing.action else ""
    more = f" {counted(len(others), 'further answer is', 'further answers are')} missing." if others else ""
    why = missing.message.rstrip(".")
    unasked = missing.code == NOT_COLLECTED  # our own word, no answer of AWS
    own = OWN_ASKING.get(missing.operation) if unasked else None
    told = "was not asked" if unasked else f"gave no usable answer ({error_words(missing.code)})"
    told = (
        f"{own[0].upper()}{own[1:]} ({missing.operation}){where} could not be made"
        if own
        else f"{missing.operation}{where} {told}"
    )
    reason = f"{told}{about}: {why}.{needs}{more}"
    return Verdict(State.NOT_ASSESSED, reason, observed=f"{missing.operation}: {error_words(missing.code)}")


def _result(variant: _Variant, account: str, region: str, resource: str, verdict: Verdict, view: View) -> Result:
    citations = view.citations
    cited = {citation.ref for citation in citations}
    further = dict.fromkeys(missing.ref for missing in view.lacking if missing.ref and missing.ref not in cited)
    citations = (*citations, *map(Citation, further))
    return Result(
        account=account,
        region=region,
        resource=resource,
        state=verdict.state,
        reason=(reason := _one(verdict.reason)),
        observed=_one(verdict.observed) or reason,
        expected=_one(verdict.expected) or variant.control.criterion,
        evidence=_one(citations),
        frameworks=variant.frameworks,
        details=verdict.details or _NO_DETAILS,
    )


_NO_DETAILS: Final[Mapping[str, Any]] = {}


@lru_cache(maxsize=256)
def _one(value: _T) -> _T:
    """Return the same object for equal ones: thousands of results of a control say the same of the same answers."""
    return value


def _populations(results: Iterable[Result]) -> list[Population]:
    """Count each subject once, whatever number of editions judged it."""
    states: dict[tuple[str, str, str], list[State]] = {}
    for result in results:
        states.setdefault((result.account, result.region, result.resource), []).append(result.state)
    counted: dict[tuple[str, str], Population] = {}
    for (account, region, _), found in sorted(states.items()):
        population = counted.get((account, region), Population(account, region, 0, 0, 0))
        counted[account, region] = _counted(population, worst(found))
    return list(counted.values())


def _counted(population: Population, state: State) -> Population:
    if state in _COUNTED_AS_EXCLUDED:
        return replace(population, excluded=population.excluded + 1)
    if state in _COUNTED_AS_NOT_ASSESSED:
        return replace(population, not_assessed=population.not_assessed + 1)
    return replace(population, tested=population.tested + 1)


def _nothing(control: Control, library: Library) -> list[Result]:
    """Say what an empty population means, citing the complete answers that show it to be empty."""
    view = View(library)
    for operation in control.evidence[:1] if control.population else control.evidence:
        for call in library.grounds(operation):
            view.note(library.record(call, absent_ok=True))
    variant = _Variant(control, control.parameters, ())
    return [_result(variant, library.account.id, "global", library.account.id, _empty(control), view)]


def _empty(control: Control) -> Verdict:
    reason = control.empty_reason or "There is no such resource in the account and Regions of this audit."
    return Verdict(control.when_empty, reason)

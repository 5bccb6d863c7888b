"""The catalogue engine: evidence and controls in, results out. Same evidence, same catalogue, same results, anywhere.

What it does once so that no check has to: missing, refused, incomplete or malformed evidence becomes NOT_ASSESSED with
the operation, error code and IAM action; every result cites the evidence that was read for it; populations reconcile.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jmespath

from auditor.base.canonical import canonical_json
from auditor.base.errors import CatalogError
from auditor.catalog.load import Catalog
from auditor.evaluate import criterion
from auditor.evaluate.checks import find_check
from auditor.evaluate.checks.fields import seen_until
from auditor.evaluate.sampling import draw
from auditor.evaluate.view import EvidenceMissing, Library, Missing, Subject, View, libraries
from auditor.evidence.store import Evidence, Record
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

_UNREADABLE = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    IndexError,
    ArithmeticError,
    StopIteration,
    RecursionError,
    jmespath.exceptions.JMESPathError,
)
"""What a check raises over evidence that does not have the form AWS documents."""

_COUNTED_AS_EXCLUDED = frozenset({State.NOT_APPLICABLE})
_COUNTED_AS_NOT_ASSESSED = frozenset({State.NOT_ASSESSED, State.MANUAL})


@dataclass(frozen=True, slots=True)
class _Variant:
    """A control with one set of parameters, and the framework editions that ask for it so."""

    control: Control
    parameters: Mapping[str, Any]
    frameworks: tuple[str, ...]
    """Empty when all selected editions ask for the same."""


@dataclass(frozen=True, slots=True)
class _Item:
    """One member of a population, or a call that should have told of members but did not answer."""

    region: str
    resource: str
    value: Mapping[str, Any]
    record: Record | None
    missing: Missing | None = None
    left_out: str = ""
    """Why a member of the population is not tested although nothing is missing; empty when it is."""
    others: tuple[Mapping[str, Any], ...] = ()
    """Further values that the same answer gives under the same name; the worst of all counts."""


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
        sampling=sampling,
    )


def _documents(evidence: Evidence, operation: str) -> tuple[Mapping[str, Any], ...]:
    return tuple(
        {"ref": record.ref, "account": record.account, "region": record.call.region, **page}
        for record in evidence.records
        if record.call.operation == operation and record.complete
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
    items = _items(control, library)
    if sampling is not None and control.scope is Scope.RESOURCE:
        items = _sampled(control, account.id, items, sampling)
    return [_judge_all(variant, library, item, gaps) for item in items]


def _items(control: Control, library: Library) -> list[_Item]:
    account = library.account
    if control.scope is Scope.ACCOUNT:
        return [_Item("global", account.id, {}, None)]
    if control.scope is Scope.REGION:
        return [_Item(region, region, {}, None) for region in account.regions]
    return _population(control, library)


def _population(control: Control, library: Library) -> list[_Item]:
    """List the members of a population; one seen from several Regions counts once, as its home Region shows it."""
    operation = control.evidence[0]
    members: dict[tuple[str, str], _Item] = {}
    unanswered: list[_Item] = []
    try:
        calls = library.due(operation)
    except EvidenceMissing as signal:
        return [_Item(signal.missing.region, signal.missing.operation, {}, None, signal.missing)]
    for call in calls:
        try:
            record = library.record(call, absent_ok=True)
            found = _members(control, library, record)
        except EvidenceMissing as signal:
            unanswered.append(_Item(call.region, call.operation, {}, None, signal.missing))
            continue
        for item in found:
            key = (item.region, item.resource)
            known = members.get(key)
            if known is not None and known.record is record:
                members[key] = replace(known, others=(*known.others, item.value))
            elif known is None or record.call.region == item.region:
                members[key] = item
    return [*(members[key] for key in sorted(members)), *unanswered]


def _sampled(control: Control, account: str, items: Sequence[_Item], sampling: Sampling) -> list[_Item]:
    """Leave out what is not drawn. Calls without an answer stay: what was never listed cannot be passed over."""
    members = [(item.region, item.resource) for item in items if _can_be_drawn(control, item)]
    drawn = draw(sampling, control.id, account, members)
    left_out = frozenset(members) - drawn
    reason = f"Not drawn into the sample (seed {sampling.seed}, {len(drawn)} of {len(members)})."
    return [replace(item, left_out=reason) if (item.region, item.resource) in left_out else item for item in items]


def _can_be_drawn(control: Control, item: _Item) -> bool:
    """The criterion's own exclusions come first: a sample is drawn from those that the criterion speaks about."""
    if item.missing is not None:
        return False
    try:
        return not _is_excluded(control, item)
    except jmespath.exceptions.JMESPathError:
        return True  # once drawn, it is not assessed and says why


def _is_excluded(control: Control, item: _Item) -> bool:
    return bool(control.exclude_when) and jmespath.search(control.exclude_when, item.value) is True


def _members(control: Control, library: Library, record: Record) -> list[_Item]:
    if record.absent:
        return []
    try:
        return [item for page in library.pages(record) for item in _members_of_page(control, library, record, page)]
    except jmespath.exceptions.JMESPathError as error:
        raise library.malformed(record, f"the population cannot be listed: {error}") from error


def _members_of_page(control: Control, library: Library, record: Record, page: Any) -> Iterable[_Item]:
    values = jmespath.search(control.population, page)
    if values is None:
        raise library.malformed(record, f"the answer has nothing at {control.population}")
    for value in values if isinstance(values, list) else [values]:
        resource = jmespath.search(control.identify, value)
        if not isinstance(resource, str) or not resource or not isinstance(value, dict):
            raise library.malformed(record, f"an item has no {control.identify}")
        home = jmespath.search(control.home_region, value) if control.home_region else None
        yield _Item(str(home or record.call.region), resource, value, record)


def _judge_all(variant: _Variant, library: Library, item: _Item, gaps: _Gaps) -> Result:
    """Judge a member; where an answer names several things alike, each of them, so that none hides another."""
    found = [_judge(variant, library, replace(item, value=value), gaps) for value in (item.value, *item.others)]
    state = worst(result.state for result in found)
    return next(result for result in found if result.state is state)


def _judge(variant: _Variant, library: Library, item: _Item, gaps: _Gaps) -> Result:
    view = View(library)
    control, account = variant.control, library.account.id
    if item.missing is not None:
        gaps.note(account, item.missing, control.id)
        return _result(variant, account, item.region, item.resource, _unanswered(item.missing), view, item.missing.ref)
    if item.record is not None:
        view.note(item.record)
    try:
        with seen_until(max(library.as_of, library.seen_until)):
            verdict = _verdict(variant, library, item, view)
    except EvidenceMissing as signal:
        gaps.note(account, signal.missing, control.id)
        verdict = _unanswered(signal.missing)
        return _result(variant, account, item.region, item.resource, verdict, view, signal.missing.ref)
    except _UNREADABLE as error:
        missing = _malformed(error, view)
        gaps.note(account, missing, control.id)
        return _result(variant, account, item.region, item.resource, _unanswered(missing), view)
    if verdict.state is State.NOT_ASSESSED:
        for missing in view.left_open:
            gaps.note(account, missing, control.id)
    if item.record is not None:
        view.point(item.value, suffix=verdict.pointer)
    return _result(variant, account, item.region, item.resource, verdict, view)


def _verdict(variant: _Variant, library: Library, item: _Item, view: View) -> Verdict:
    control = variant.control
    if item.left_out:
        return Verdict(State.NOT_APPLICABLE, item.left_out)
    if _is_excluded(control, item):
        return Verdict(State.NOT_APPLICABLE, control.exclude_reason)
    if control.pass_when:
        value = item.value if control.scope is Scope.RESOURCE else _single_page(control, item, view)
        return criterion.judge(control, value) if value is not None else _empty(control)
    check = find_check(control.check)
    if check is None:
        raise CatalogError(f"{control.origin}: there is no check named {control.check}")
    return check(
        Subject(
            account=library.account,
            region=item.region,
            resource=item.resource,
            item=item.value,
            evidence=view,
            as_of=library.as_of,
            period=library.period,
            parameters=variant.parameters,
        )
    )


def _single_page(control: Control, item: _Item, view: View) -> Mapping[str, Any] | None:
    """Return the one answer that an account or Region control with ``pass_when`` is judged on; None when absent."""
    region = None if control.scope is Scope.ACCOUNT else item.region
    page = view.find(control.evidence[0], region=region)
    if page is None:
        return None
    if paths := criterion.deciding_paths(control.pass_when):
        view.point(page, suffix="/" + "/".join(paths[0]) if paths[0][0] in page else "")
    return page


def _unanswered(missing: Missing) -> Verdict:
    where = "" if missing.region == "global" else f" in {missing.region}"
    needs = f" The IAM action is {missing.action}." if missing.action else ""
    reason = f"{missing.operation}{where} gave no usable answer ({missing.code}): {missing.message.rstrip('.')}.{needs}"
    return Verdict(State.NOT_ASSESSED, reason, observed=f"{missing.operation}: {missing.code}")


def _malformed(error: Exception, view: View) -> Missing:
    """Blame the last record read: what a check could not understand is what it had just looked at."""
    what = f"the field {error} is missing" if isinstance(error, KeyError) else str(error) or type(error).__name__
    message = f"the answer does not have the documented form: {what[:300]}"
    if not view.read:
        return Missing("evidence", "global", "Malformed", message, "", "")
    record = view.read[-1]
    return Missing(record.call.operation, record.call.region, "Malformed", message, "", record.ref)


def _result(
    variant: _Variant, account: str, region: str, resource: str, verdict: Verdict, view: View, ref: str = ""
) -> Result:
    citations = view.citations
    if ref and all(citation.ref != ref for citation in citations):
        citations = (*citations, Citation(ref))
    return Result(
        account=account,
        region=region,
        resource=resource,
        state=verdict.state,
        reason=verdict.reason,
        observed=verdict.observed or verdict.reason,
        expected=verdict.expected or variant.control.criterion,
        evidence=citations,
        frameworks=variant.frameworks,
        details=verdict.details,
    )


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
    for call in library.grounds(control.evidence[0]):
        view.note(library.record(call, absent_ok=True))
    variant = _Variant(control, control.parameters, ())
    return [_result(variant, library.account.id, "global", library.account.id, _empty(control), view)]


def _empty(control: Control) -> Verdict:
    reason = control.empty_reason or "There is no such resource in the account and Regions of this audit."
    return Verdict(control.when_empty, reason)

"""What changed between two judgements: pure values over two ``results.json`` documents. Opens no file, decides no gate.

A finding is the same finding when control, account, Region and resource are the same; its content is compared beside
that, so that one which grew is told from one which only stayed. What is no longer there was mended only where its
control was assessed: a finding whose evidence could not be read, or that nobody asked about, is never counted as fixed.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from auditor.base.canonical import canonical_json, sha256_hex
from auditor.base.errors import IntegrityError
from auditor.model import Severity, State

GLOBAL: Final = frozenset({"", "global"})
"""Region of results that belong to an account as a whole."""

_RULE: Final = ("criterion", "severity", "test", "test_type", "scope")
"""What of a control decides its verdicts, as far as the results say it."""

_OPEN: Final = (State.FAIL, State.WAIVED)

_PASSING_OF_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?: ?UTC|Z|\+00:00)?)?"
    r"|\b\d+(?: (?:seconds?|minutes?|hours?|days?)(?:,? (?:and )?)?)+"
)
"""Dates and ages: they differ from run to run while nothing changed."""


class Change(StrEnum):
    """What became of a finding."""

    NEW = "new"
    WORSE = "worse"
    NEW_BY_CATALOGUE = "new by catalogue"
    KNOWN = "still open"
    UNREADABLE = "no longer assessed"
    OUT_OF_SCOPE = "no longer asked about"
    WAIVED = "waived"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One result, as far as it is compared.

    Args:
        id: SHA-256 of control, account, Region, resource and the framework editions that it speaks for alone.
        content: SHA-256 of severity and of what was observed, dates and ages left out.
    """

    id: str
    control: str
    title: str
    severity: Severity
    account: str
    region: str
    resource: str
    editions: tuple[str, ...]
    state: State
    reason: str
    content: str

    @property
    def place(self) -> tuple[str, str, str, str]:
        """What the finding is about, whichever editions ask."""
        return (self.control, self.account, self.region, self.resource)

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "id": self.id,
            "control": self.control,
            "title": self.title,
            "severity": self.severity.value,
            "account": self.account,
            "region": self.region,
            "resource": self.resource,
            "editions": list(self.editions),
            "state": self.state.value,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Changed:
    """One finding and what became of it; ``now`` says it when there is a result of today, ``before`` otherwise."""

    change: Change
    before: Finding | None
    now: Finding | None
    why: str = ""

    @property
    def finding(self) -> Finding:
        """The newer of the two."""
        found = self.now or self.before
        assert found is not None  # noqa: S101 - one of the two is always given
        return found

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "change": self.change.value,
            "why": self.why,
            "state_before": self.before.state.value if self.before else None,
            **self.finding.document(),
        }


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What changed in the rules, apart from what changed in the account."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[tuple[str, tuple[str, ...]], ...]
    """Control and the parts of it that differ."""

    @property
    def touched(self) -> frozenset[str]:
        """Controls that the older run did not judge, or judged by other rules."""
        return frozenset({*self.added, *(name for name, _ in self.changed)})

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        changed = [{"control": control, "parts": list(parts)} for control, parts in self.changed]
        return {"added": list(self.added), "removed": list(self.removed), "changed": changed}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that changed between two judgements.

    Args:
        changes: gravest kind first, then by severity, control and place.
        scope: sentences about what was asked then and now.
        catalogue: the rules then and now.
    """

    changes: tuple[Changed, ...]
    scope: tuple[str, ...]
    catalogue: Catalogue

    @property
    def counts(self) -> dict[str, int]:
        """How many findings of each kind; kinds that did not occur count zero."""
        found = {change.value: 0 for change in Change}
        for item in self.changes:
            found[item.change.value] += 1
        return found

    def of(self, *kinds: Change) -> tuple[Changed, ...]:
        """Return the findings of some kinds."""
        return tuple(item for item in self.changes if item.change in kinds)

    def document(self) -> dict[str, Any]:
        """Return the JSON form; its schema is ``docs/schemas/diff.schema.json``."""
        return {
            "counts": self.counts,
            "scope": list(self.scope),
            "catalogue": self.catalogue.document(),
            "changes": [item.document() for item in self.changes],
        }


def lasting_id(control: str, account: str, region: str, resource: str, editions: Sequence[str]) -> str:
    """Return what stays the same for the same finding over runs, machines and formats: a SHA-256 in hexadecimal."""
    return sha256_hex("\x1f".join((control, account, region, resource, ",".join(editions))).encode())


def findings_of(document: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Read the results of a ``results.json`` document.

    Raises:
        IntegrityError: the document has another shape.
    """
    try:
        return tuple(_finding(control, result) for control in document["controls"] for result in control["results"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityError(f"the results have another form than expected: {type(error).__name__} {error}") from error


def _finding(control: Mapping[str, Any], result: Mapping[str, Any]) -> Finding:
    editions = tuple(str(item) for item in result["frameworks"])
    observed = _PASSING_OF_TIME.sub("", f"{result['observed']}")
    return Finding(
        id=lasting_id(control["id"], result["account"], result["region"], result["resource"], editions),
        control=control["id"],
        title=control["title"],
        severity=Severity(control["severity"]),
        account=result["account"],
        region=result["region"],
        resource=result["resource"],
        editions=editions,
        state=State(result["state"]),
        reason=str(result["reason"]),
        content=sha256_hex(canonical_json([control["severity"], result["state"], observed])),
    )


@dataclass(frozen=True, slots=True)
class Side:
    """One of two judgements, as far as findings are compared: its results, and the rules that they follow from."""

    findings: tuple[Finding, ...]
    rules: Mapping[str, Mapping[str, str]]
    """Control -> part of its rule -> SHA-256 of it."""


def side_of(document: Mapping[str, Any]) -> Side:
    """Read a ``results.json`` document.

    Raises:
        IntegrityError: the document has another shape.
    """
    findings = findings_of(document)
    rules = {
        control["id"]: {part: sha256_hex(canonical_json(control.get(part))) for part in _RULE}
        for control in document["controls"]
    }
    return Side(findings, rules)


def together(run: Mapping[str, Any], documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the judgements of an organization's accounts as one, for a comparison; each account has its own results.

    Args:
        run: of the roll-up; its accounts are those that were assessed.
        documents: the ``results.json`` documents of these accounts.

    Raises:
        KeyError, TypeError: one of them has another shape.
    """
    controls: dict[str, dict[str, Any]] = {}
    for document in documents:
        for control in document["controls"]:
            known = controls.setdefault(control["id"], {**control, "results": []})
            known["results"] += control["results"]
    samples = [document["sampling"] for document in documents if document["sampling"] is not None]
    return {"run": run, "sampling": samples[0] if samples else None, "controls": list(controls.values())}


def compare(before: Mapping[str, Any], now: Mapping[str, Any]) -> Comparison:
    """Compare two ``results.json`` documents, the older one first.

    Raises:
        IntegrityError: one of them has another shape.
    """
    return compared(side_of(before), before, now)


def compared(side: Side, before: Mapping[str, Any], now: Mapping[str, Any]) -> Comparison:
    """Compare an older judgement with a ``results.json`` document.

    Args:
        side: findings and rules of the older one.
        before: what was asked then: ``run`` and ``sampling`` of its document.
        now: the newer document.

    Raises:
        IntegrityError: one of them has another shape.
    """
    changes, catalogue = changes_since(side, now)
    try:
        scope = tuple(_scope(before, now))
    except (KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"the results have another form than expected: {type(error).__name__} {error}") from error
    return Comparison(changes, scope, catalogue)


def changes_since(before: Side, now: Mapping[str, Any]) -> tuple[tuple[Changed, ...], Catalogue]:
    """Return what changed since an older judgement: findings, gravest kind first, and rules.

    Raises:
        IntegrityError: the document has another shape.
    """
    after = side_of(now)
    catalogue = _catalogue(before.rules, after.rules)
    try:
        seen = _Now(now, after.findings)
    except (KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"the results have another form than expected: {type(error).__name__} {error}") from error
    changes = [_met(was, found, catalogue) for was, found in _pairs(before.findings, after.findings)]
    changes += [seen.missing(was) for was in _unpaired(before.findings, after.findings) if was.state in _OPEN]
    return tuple(sorted((item for item in changes if item is not None), key=_order)), catalogue


def _order(item: Changed) -> tuple[int, int, tuple[str, ...]]:
    return (list(Change).index(item.change), item.finding.severity.rank, (*item.finding.place, item.finding.id))


# --- which finding is which -------------------------------------------------------------------------------------------


def _pairs(old: Sequence[Finding], new: Sequence[Finding]) -> Iterator[tuple[Finding | None, Finding]]:
    """Yield each result of today with the one that it follows, None where there was none."""
    partner = _partners(old, new)
    for item in new:
        yield partner.get(item.id), item


def _unpaired(old: Sequence[Finding], new: Sequence[Finding]) -> Iterator[Finding]:
    taken = {item.id for item in _partners(old, new).values()}
    yield from (item for item in old if item.id not in taken)


def _partners(old: Sequence[Finding], new: Sequence[Finding]) -> dict[str, Finding]:
    """Match by id, then by place where one edition more or less split a result: a choice of frameworks is no change."""
    by_id = {item.id: item for item in old}
    found = {item.id: by_id[item.id] for item in new if item.id in by_id}
    left: dict[tuple[str, ...], list[Finding]] = defaultdict(list)
    used = {item.id for item in found.values()}
    for item in old:
        if item.id not in used:
            left[item.place].append(item)
    for item in new:
        if item.id not in found and (near := left.get(item.place)):
            found[item.id] = max(
                near, key=lambda was: (was.state is item.state, len({*was.editions} & {*item.editions}))
            )
    return found


_AFTER: Final[Mapping[tuple[State, State], Change]] = {
    (State.FAIL, State.WAIVED): Change.WAIVED,
    **{(was, now): Change.FIXED for was in _OPEN for now in (State.PASS, State.NOT_APPLICABLE)},
    **{(was, now): Change.UNREADABLE for was in _OPEN for now in (State.NOT_ASSESSED, State.MANUAL)},
    (State.PASS, State.NOT_ASSESSED): Change.UNREADABLE,
}
"""What became of a result that is no failure today; other pairs need no word."""


def _met(was: Finding | None, item: Finding, catalogue: Catalogue) -> Changed | None:
    """Say what became of a result that is there today; None where nothing needs to be said."""
    if item.state is State.FAIL:
        return _failing(was, item, ruled=item.control in catalogue.touched)
    change = _AFTER.get((was.state, item.state)) if was else None
    return Changed(change, was, item, item.reason if change is Change.UNREADABLE else "") if change else None


def _failing(was: Finding | None, item: Finding, *, ruled: bool) -> Changed:
    if was is not None and was.state is State.FAIL:
        worse = item.severity.rank < was.severity.rank or item.content != was.content
        return Changed(Change.WORSE if worse else Change.KNOWN, was, item, _difference(was, item) if worse else "")
    if ruled:
        return Changed(Change.NEW_BY_CATALOGUE, was, item, "the control is new or was changed")
    ended = was is not None and was.state is State.WAIVED
    return Changed(Change.NEW, was, item, "the waiver no longer holds" if ended else "")


def _difference(was: Finding, item: Finding) -> str:
    if item.severity is not was.severity:
        return f"the severity was {was.severity.value} and is {item.severity.value}"
    return f"was: {was.reason}" if was.reason else "something else was observed"


class _Now:
    """What the newer run looked at: decides what the absence of a finding means."""

    def __init__(self, document: Mapping[str, Any], findings: Iterable[Finding]) -> None:
        self._controls = {control["id"] for control in document["controls"]}
        self._regions = {account["id"]: frozenset(account["regions"]) for account in document["run"]["accounts"]}
        self._sampled = document["sampling"] is not None
        self._open: dict[tuple[str, str], list[Finding]] = defaultdict(list)
        self._answered: set[tuple[str, str]] = set()
        for item in findings:
            self._answered.add((item.control, item.account))
            if item.state in (State.NOT_ASSESSED, State.MANUAL):
                self._open[item.control, item.account].append(item)

    def missing(self, was: Finding) -> Changed:
        """Say what became of a finding of which there is no result today."""
        if was.control not in self._controls:
            return Changed(Change.OUT_OF_SCOPE, was, None, "the control was not asked for")
        if was.account not in self._regions:
            return Changed(Change.OUT_OF_SCOPE, was, None, f"account {was.account} was not looked at")
        if was.region not in GLOBAL | self._regions[was.account]:
            return Changed(Change.OUT_OF_SCOPE, was, None, f"{was.region} was not looked at")
        why = self._unseen(was)
        if why:
            return Changed(Change.UNREADABLE, was, None, why)
        return Changed(Change.FIXED, was, None, "the resource is no longer there")

    def _unseen(self, was: Finding) -> str:
        """Say why nobody can tell that a finding is gone; empty where somebody looked and did not see it."""
        near = [item for item in self._open[was.control, was.account] if item.region in GLOBAL | {was.region}]
        if near or (was.region in GLOBAL and self._open[was.control, was.account]):
            cause = (near or self._open[was.control, was.account])[0]
            return cause.reason or "something of the control was not assessed"
        if (was.control, was.account) not in self._answered:
            return f"there is no result for account {was.account}"
        return "not in the sample" if self._sampled else ""


# --- rules and scope --------------------------------------------------------------------------------------------------


def _catalogue(old: Mapping[str, Mapping[str, str]], new: Mapping[str, Mapping[str, str]]) -> Catalogue:
    changed = [
        (name, parts)
        for name in sorted(old.keys() & new.keys())
        if (parts := tuple(part for part in _RULE if old[name].get(part) != new[name][part]))
    ]
    return Catalogue(tuple(sorted(new.keys() - old.keys())), tuple(sorted(old.keys() - new.keys())), tuple(changed))


def _scope(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Say what was looked at then and not now, and the other way round."""

    def parts(document: Mapping[str, Any], of: Callable[[Mapping[str, Any]], Iterable[str]]) -> set[str]:
        return {item for account in document["run"]["accounts"] for item in of(account)}

    def told(kind: str, old: set[str], new: set[str]) -> Iterator[str]:
        for words, names in (("no longer looked at", old - new), ("looked at for the first time", new - old)):
            if names:
                yield f"{kind} {words}: {', '.join(sorted(names))}"

    accounts = [parts(document, lambda item: [item["id"]]) for document in (before, now)]
    yield from told("accounts", *accounts)
    both = accounts[0] & accounts[1]  # of any other, its Regions need no word of their own

    def regions(item: Mapping[str, Any]) -> Iterable[str]:
        return [f"{item['id']} {region}" for region in item["regions"] if item["id"] in both]

    yield from told("Regions", parts(before, regions), parts(now, regions))
    yield from told("frameworks", set(before["run"]["frameworks"]), set(now["run"]["frameworks"]))
    for name, words in (("period", "the period"), ("skipped", "what was skipped")):
        if before["run"].get(name) != now["run"].get(name):
            yield f"{words} was {_words(before['run'].get(name))} and is {_words(now['run'].get(name))}"
    if before.get("sampling") != now.get("sampling"):
        yield "the sample was drawn in another way"


def _words(value: Any) -> str:
    if isinstance(value, Mapping) and {"start", "end"} <= value.keys():
        return f"{value['start']} to {value['end']}"
    return ", ".join(map(str, value)) if isinstance(value, list) and value else str(value or "nothing")

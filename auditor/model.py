"""Frozen values that the rooms hand to each other. Nothing here reads, decides or renders."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from auditor.base.period import Period, rfc3339


class State(StrEnum):
    """What a result may say. Order is the order in which reports list them."""

    FAIL = "FAIL"
    NOT_ASSESSED = "NOT_ASSESSED"
    MANUAL = "MANUAL"
    WAIVED = "WAIVED"
    PASS = "PASS"  # noqa: S105 - a state, not a secret
    NOT_APPLICABLE = "NOT_APPLICABLE"


class Severity(StrEnum):
    """How much a failed criterion matters; our own rating, highest first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFORMATIONAL = "informational"

    @property
    def rank(self) -> int:
        """0 for the highest severity."""
        return list(Severity).index(self)


class TestType(StrEnum):
    """Point in time (one configuration read) or period of time (the whole period is covered)."""

    __test__ = False  # not a test class, whatever its name makes pytest think

    PIT = "PIT"
    POT = "POT"


class Scope(StrEnum):
    """What one result of a control speaks about."""

    ACCOUNT = "account"
    REGION = "region"
    RESOURCE = "resource"


@dataclass(frozen=True, slots=True)
class Control:
    """One entry of the catalogue; ``auditor.catalog.load`` builds and checks it.

    ``population``, ``identify``, ``home_region``, ``exclude_when`` and ``pass_when`` are JMESPath texts that compile.
    """

    id: str
    title: str
    severity: Severity
    service: str
    test_type: TestType
    scope: Scope
    objective: str
    criterion: str
    test: str
    why: str
    remediation: str
    side_effects: str
    evidence: tuple[str, ...]
    """Operations such as ``cloudtrail:DescribeTrails``; the first one is the source of the population."""
    population: str
    identify: str
    home_region: str
    exclude_when: str
    exclude_reason: str
    pass_when: str
    optional: tuple[str, ...]
    """Fields of ``pass_when`` that AWS leaves out when they are unset; every other one must be there."""
    check: str
    parameters: Mapping[str, Any]
    when_empty: State
    empty_reason: str
    origin: str
    """File and line, for messages."""
    consults: tuple[str, ...] = ()
    """Operations that a check looks at where what it has read leads there; without an answer only that stays open."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One numbered requirement of a framework edition and the controls that bear on it."""

    id: str
    title: str
    controls: tuple[str, ...]
    suggested: tuple[str, ...]
    level: int | None
    assessment: str
    """``automated`` or ``manual`` in the framework's own words; empty where it makes no such difference."""
    parameters: Mapping[str, Any]
    """Overrides for its controls' parameters in this edition."""


@dataclass(frozen=True, slots=True)
class Framework:
    """One edition of one framework: a mapping, never a copy of controls."""

    id: str
    title: str
    edition: str
    publisher: str
    url: str
    requirements: tuple[Requirement, ...]
    origin: str

    @property
    def controls(self) -> tuple[str, ...]:
        """Control ids in the order of the requirements, each once; suggested mappings are left out."""
        return tuple(dict.fromkeys(control for item in self.requirements for control in item.controls))


@dataclass(frozen=True, slots=True)
class Citation:
    """A place in the evidence: the reference, and a JSON pointer (RFC 6901) into the raw file; empty for all of it."""

    ref: str
    pointer: str = ""

    def document(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"ref": self.ref, "pointer": self.pointer}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check concludes about one subject.

    Args:
        state: the conclusion.
        reason: one plain sentence that names what was seen.
        observed: the deciding observation in a few words; empty means that the reason says it.
        expected: what was expected; empty means the control's criterion.
        pointer: the deciding field as a JSON pointer inside the item judged, such as ``/LogFileValidationEnabled``.
        details: structured data for the report (alarm chains, missed events); plain JSON.
    """

    state: State
    reason: str
    observed: str = ""
    expected: str = ""
    pointer: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def passed(reason: str, *, observed: str = "", pointer: str = "", details: Mapping[str, Any] | None = None) -> Verdict:
    """Conclude that the criterion is met."""
    return Verdict(State.PASS, reason, observed=observed, pointer=pointer, details=details or {})


def failed(
    reason: str,
    *,
    observed: str = "",
    expected: str = "",
    pointer: str = "",
    details: Mapping[str, Any] | None = None,
) -> Verdict:
    """Conclude that the criterion is not met."""
    return Verdict(State.FAIL, reason, observed=observed, expected=expected, pointer=pointer, details=details or {})


def manual(reason: str, *, observed: str = "", pointer: str = "") -> Verdict:
    """Leave the conclusion to a person; the reason says what they have to look at."""
    return Verdict(State.MANUAL, reason, observed=observed, pointer=pointer)


def not_applicable(reason: str, *, observed: str = "", pointer: str = "") -> Verdict:
    """Say that the criterion does not speak about this subject."""
    return Verdict(State.NOT_APPLICABLE, reason, observed=observed, pointer=pointer)


def not_assessed(reason: str, *, observed: str = "", details: Mapping[str, Any] | None = None) -> Verdict:
    """Say that what was seen does not allow a conclusion; missing evidence is said by the engine itself."""
    return Verdict(State.NOT_ASSESSED, reason, observed=observed, details=details or {})


@dataclass(frozen=True, slots=True)
class Result:
    """One verdict about one resource, with its evidence."""

    account: str
    region: str
    resource: str
    state: State
    reason: str
    observed: str
    expected: str
    evidence: tuple[Citation, ...]
    frameworks: tuple[str, ...] = ()
    """Framework editions this result speaks for; empty means all of them."""
    details: Mapping[str, Any] = field(default_factory=dict)
    waiver: Mapping[str, Any] | None = None
    response: Mapping[str, Any] | None = None
    """What the people in charge say to it; changes nothing else."""

    def document(self) -> dict[str, Any]:
        """Return the JSON form; a response is a member only where somebody gave one."""
        return {
            "account": self.account,
            "region": self.region,
            "resource": self.resource,
            "state": self.state.value,
            "reason": self.reason,
            "observed": self.observed,
            "expected": self.expected,
            "evidence": _cited(self.evidence),
            "frameworks": list(self.frameworks) if self.frameworks else _NONE,
            "details": dict(self.details) if self.details else _NOTHING,
            "waiver": dict(self.waiver) if self.waiver is not None else None,
            **({"response": dict(self.response)} if self.response is not None else {}),
        }


_NONE: Final[list[str]] = []
_NOTHING: Final[dict[str, Any]] = {}


@lru_cache(maxsize=256)
def _cited(evidence: tuple[Citation, ...]) -> list[dict[str, str]]:
    """Return the JSON form of citations, the same list for the same ones: thousands of results rest on one answer."""
    return [item.document() for item in evidence]


@dataclass(frozen=True, slots=True)
class Population:
    """How many subjects there were and what became of them: source = tested + excluded + not_assessed."""

    account: str
    region: str
    tested: int
    excluded: int
    not_assessed: int

    @property
    def source(self) -> int:
        """How many there were."""
        return self.tested + self.excluded + self.not_assessed

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"account": self.account, "region": self.region, **_counts((self,))}


def _counts(populations: tuple[Population, ...]) -> dict[str, int]:
    return {
        "source": sum(item.source for item in populations),
        "tested": sum(item.tested for item in populations),
        "excluded": sum(item.excluded for item in populations),
        "not_assessed": sum(item.not_assessed for item in populations),
    }


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a sample is drawn from each population: how many members, and the seed that decides which.

    Args:
        size: members tested per control and account, at least 1.
        seed: printable ASCII, chosen by the auditor.
    """

    size: int
    seed: str

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "size": self.size,
            "seed": self.seed,
            "method": "members with the smallest SHA-256 of seed|control|account|region|resource",
        }


@dataclass(frozen=True, slots=True)
class ControlResult:
    """Everything one control concluded in a run."""

    control: Control
    requirements: Mapping[str, tuple[str, ...]]
    """Framework id -> requirement ids that this control bears on."""
    populations: tuple[Population, ...]
    results: tuple[Result, ...]

    @property
    def state(self) -> State:
        """The control's own state: the worst of its results."""
        return worst(result.state for result in self.results)

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        control = self.control
        return {
            "id": control.id,
            "anchor": f"control-{control.id}",
            "title": control.title,
            "severity": control.severity.value,
            "test_type": control.test_type.value,
            "state": self.state.value,
            "service": control.service,
            "scope": control.scope.value,
            "objective": control.objective,
            "criterion": control.criterion,
            "test": control.test,
            "why": control.why,
            "remediation": control.remediation,
            "side_effects": control.side_effects,
            "operations": list(control.evidence),
            "requirements": {key: list(value) for key, value in self.requirements.items()},
            "population": _counts(self.populations),
            "populations": [item.document() for item in self.populations],
            "results": [result.document() for result in self.results],
        }


_WORST_FIRST = (State.FAIL, State.NOT_ASSESSED, State.MANUAL, State.WAIVED, State.PASS, State.NOT_APPLICABLE)


def worst(states: Any) -> State:
    """Return the state that a group is said to have: the worst present; nothing at all was not assessed."""
    present = set(states)
    return next((state for state in _WORST_FIRST if state in present), State.NOT_ASSESSED)


@dataclass(frozen=True, slots=True)
class AccountScope:
    """An account of a run and the Regions that were asked."""

    id: str
    partition: str
    regions: tuple[str, ...]
    alias: str = ""
    left_out: tuple[str, ...] = ()
    """Enabled Regions that were not asked, sorted; what takes place there is not known."""

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "id": self.id,
            "partition": self.partition,
            "regions": list(self.regions),
            "regions_left_out": list(self.left_out),
            "alias": self.alias,
        }


@dataclass(frozen=True, slots=True)
class Holder:
    """An account that holds controls for the others of its organization; its answers stand beside an account's own.

    Args:
        scope: the account and the Regions in which its log groups, alarms and topics were read. Without an id nobody
            knows which account it is.
        holds: what: ``cloudtrail``, ``access-analyzer``, ``guardduty`` or ``securityhub``.
        error: why it could not be read; empty where it was.
    """

    scope: AccountScope
    holds: tuple[str, ...]
    error: str = ""

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**self.scope.document(), "holds": list(self.holds), "error": self.error}


@dataclass(frozen=True, slots=True)
class PartOf:
    """The organization's run that a pack of one account belongs to.

    Args:
        organization: its id; empty where accounts were named one by one.
        accounts_sha256: of the list of accounts that was drawn up before any of them was asked.
    """

    organization: str
    accounts_sha256: str

    def document(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"organization": self.organization, "accounts_sha256": self.accounts_sha256}


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What was asked, of whom and when; written to ``evidence/scope.json`` and repeated in every output."""

    entity: str
    title: str
    accounts: tuple[AccountScope, ...]
    period: Period
    as_of: datetime
    """The one moment that ages and expiries are measured against, aware UTC."""
    started: datetime
    ended: datetime
    frameworks: tuple[str, ...]
    principal: str
    tool: str
    skipped: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    """Operations that were planned; evidence of any other was never asked for."""
    controls: tuple[str, ...] = ()
    """Single controls that were asked for beside the frameworks."""
    endpoints: tuple[str, ...] = ()
    """Addresses that were asked and are none of AWS's own."""
    series: tuple[tuple[str, str], ...] = ()
    """Id and manifest hash of the packs before this run, the newest first; its trails were held against the newest."""
    keys_before: tuple[tuple[str, str], ...] = ()
    """Region and fingerprint of the keys of CloudTrail that the newest of those packs checked its digests with."""
    resumed: tuple[datetime, ...] = ()
    """When a run that had been cut off was taken up again, aware UTC; empty when it went through in one."""
    part_of: PartOf | None = None
    """The organization's run that this one is a part of; None for a run of its own."""
    holders: tuple[Holder, ...] = ()
    """Accounts that hold controls for this one, of which that run read the answers that stand in the evidence."""

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "schema": "auditor.scope/1",
            "entity": self.entity,
            "title": self.title,
            "accounts": [account.document() for account in self.accounts],
            "period": self.period.document(),
            "as_of": rfc3339(self.as_of),
            "started": rfc3339(self.started),
            "ended": rfc3339(self.ended),
            "frameworks": list(self.frameworks),
            "principal": self.principal,
            "tool": self.tool,
            "skipped": list(self.skipped),
            "operations": list(self.operations),
            **({"controls": list(self.controls)} if self.controls else {}),
            **({"endpoints": list(self.endpoints)} if self.endpoints else {}),
            **({"resumed": [rfc3339(moment) for moment in self.resumed]} if self.resumed else {}),
            **({"series": [{"id": name, "manifest_sha256": sha} for name, sha in self.series]} if self.series else {}),
            **({"keys_before": [list(key) for key in self.keys_before]} if self.keys_before else {}),
            **({"part_of": self.part_of.document()} if self.part_of else {}),
            **({"holders": [holder.document() for holder in self.holders]} if self.holders else {}),
        }


@dataclass(frozen=True, slots=True)
class Gap:
    """A call whose answer is missing, and the controls that this costs."""

    account: str
    region: str
    operation: str
    error: str
    message: str
    action: str
    ref: str
    controls: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "account": self.account,
            "region": self.region,
            "operation": self.operation,
            "error": self.error,
            "message": self.message,
            "action": self.action,
            "ref": self.ref,
            "controls": list(self.controls),
        }


@dataclass(frozen=True, slots=True)
class Results:
    """The whole judgement of a run."""

    run: RunInfo
    frameworks: tuple[Framework, ...]
    controls: tuple[ControlResult, ...]
    gaps: tuple[Gap, ...]
    integrity: tuple[Mapping[str, Any], ...]
    """One trail report document per trail, each with the ``ref`` of its evidence."""
    events: tuple[Mapping[str, Any], ...]
    """One notable-events document per trail, each with the ``ref`` of its evidence."""
    activity: tuple[Mapping[str, Any], ...] = ()
    """One answer for each question about the events of an account, each with the ``ref`` of its evidence."""
    continuity: tuple[Mapping[str, Any], ...] = ()
    """One document of timelines for each account whose log files were searched (``evaluate.continuity``)."""
    posture: tuple[Mapping[str, Any], ...] = ()
    """One document for each account: log groups, alarms, dashboards, links (``evaluate.posture``)."""
    fired: tuple[Mapping[str, Any], ...] = ()
    """One document for each account whose history of alarms was asked for (``evaluate.fired``)."""
    completeness: tuple[Mapping[str, Any], ...] = ()
    """One document for each account whose events were measured (``evaluate.completeness``)."""
    opened: tuple[Mapping[str, Any], ...] = ()
    """One document for each account whose log files were searched: openings, step by step (``evaluate.opened``)."""
    waivers: tuple[Mapping[str, Any], ...] = ()
    attestations: tuple[Mapping[str, Any], ...] = ()
    responses: tuple[Mapping[str, Any], ...] = ()
    """Every management response given, used or not."""
    sampling: Sampling | None = None
    """None when every member of every population was tested."""
    imported: tuple[Mapping[str, Any], ...] = ()
    """Findings of other tools, one document per file; nothing here depends on them."""
    since: Mapping[str, Any] = field(default_factory=dict)
    """What changed since the pack before; empty where nothing of that one travels with the evidence."""
    rules: Mapping[str, Any] = field(default_factory=dict)
    """How the rules stand to those that shipped, and what was accepted beforehand; empty when nobody asked."""
    notices: tuple[Mapping[str, str], ...] = ()
    """What a reader has to know before the figures, each with ``kind`` and ``text``."""

    @property
    def counts(self) -> dict[str, int]:
        """Controls by state, every state present."""
        return {state.value: sum(item.state is state for item in self.controls) for state in State}

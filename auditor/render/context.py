"""What the pages show, prepared once for every format. Knows nothing of HTML or PDF, and settles nothing about meaning.

``build`` takes the results document and the evidence it points to. All text that came from an account has been made
visible (``auditor.render.text``) when it arrives in the context; markup is escaped later, by the templates.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from auditor.canonical import canonical_json, plain
from auditor.evidence import Evidence, Record
from auditor.model import Severity, State
from auditor.period import parse_time
from auditor.render.chains import Chain, chains_of
from auditor.render.excerpt import Excerpt, excerpt, telling_place
from auditor.render.marks import MARKS, Mark
from auditor.render.text import NAME_LIMIT, moment, plural, prose_date, visible
from auditor.render.trails import EventTable, Trail, event_table, trail_view

EXCEPTIONS = (State.FAIL, State.NOT_ASSESSED, State.MANUAL, State.WAIVED)
"""States that a page shows resource by resource however many there are."""

_EXCERPTS_PER_BOX = 3

SERVICES = {
    "account": "Account",
    "access-analyzer": "IAM Access Analyzer",
    "accessanalyzer": "IAM Access Analyzer",
    "cloudtrail": "CloudTrail",
    "cloudwatch": "CloudWatch",
    "config": "Config",
    "ec2": "EC2",
    "efs": "EFS",
    "eventbridge": "EventBridge",
    "events": "EventBridge",
    "guardduty": "GuardDuty",
    "iam": "IAM",
    "kms": "KMS",
    "lambda": "Lambda",
    "logs": "CloudWatch Logs",
    "macie": "Macie",
    "macie2": "Macie",
    "monitoring": "Monitoring",
    "organizations": "Organizations",
    "rds": "RDS",
    "s3": "S3",
    "securityhub": "Security Hub",
    "sns": "SNS",
    "vpc": "VPC",
}
"""AWS's own names of the services, for headings."""


@dataclass(frozen=True, slots=True)
class Branding:
    """What a reader's own house adds to the pages, from ``auditor.yaml``.

    Args:
        accent: colour as ``#rrggbb``.
        classification: such as ``Confidential``; stands in the running foot.
        distribution: who may read it; stands on the cover.
        paper: ``A4`` or ``Letter``.
        logo: a ``data:`` URL of an image, or empty.
    """

    accent: str = "#14324f"
    classification: str = ""
    distribution: str = ""
    paper: str = "A4"
    logo: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many controls say one state."""

    mark: Mark
    count: int


@dataclass(frozen=True, slots=True)
class Span:
    """The audit period in the forms a page needs."""

    start: str
    end: str
    label: str
    prose: str
    hours: int


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the run with what was asked of it."""

    id: str
    alias: str
    partition: str
    regions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A place in this document: its anchor and what to call it."""

    anchor: str
    label: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """One numbered requirement of an edition; ``mark`` is None where no control bears on it."""

    id: str
    title: str
    controls: tuple[Link, ...]
    suggested: tuple[str, ...]
    mark: Mark | None


@dataclass(frozen=True, slots=True)
class Framework:
    """One edition of one framework and what became of its requirements."""

    id: str
    title: str
    edition: str
    publisher: str
    url: str
    requirements: tuple[Requirement, ...]
    tally: tuple[Tally, ...]


@dataclass(frozen=True, slots=True)
class EvidenceItem:
    """One stored answer as the appendix lists it."""

    ref: str
    operation: str
    parameters: str
    account: str
    region: str
    principal: str
    request_id: str
    requests: int
    collected: str
    pages: int
    items: int
    sha256: str
    path: str
    outcome: str
    """``answered``, ``no such thing``, or the error code."""
    complete: bool
    used_by: tuple[Link, ...]
    redactions: int

    @property
    def anchor(self) -> str:
        """Where the appendix has it."""
        return self.ref.lower()


@dataclass(frozen=True, slots=True)
class EvidenceBox:
    """An evidence item inside a control's block, with the places that decided."""

    item: EvidenceItem
    excerpts: tuple[Excerpt, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Waiver:
    """Who accepted a failure, why and until when."""

    justification: str
    owner: str
    approver: str
    ticket: str
    expires: str


@dataclass(frozen=True, slots=True)
class Row:
    """One result: one resource in one place."""

    mark: Mark
    account: str
    region: str
    resource: str
    reason: str
    observed: str
    expected: str
    refs: tuple[str, ...]
    frameworks: tuple[str, ...]
    waiver: Waiver | None


@dataclass(frozen=True, slots=True)
class PopulationRow:
    """How a population reconciles in one place."""

    account: str
    region: str
    source: int
    tested: int
    excluded: int
    not_assessed: int


@dataclass(frozen=True, slots=True)
class Control:
    """Everything a page says about one control."""

    anchor: str
    id: str
    title: str
    mark: Mark
    severity: str
    test_type: str
    service: str
    objective: str
    criterion: str
    test: str
    why: str
    remediation: str
    side_effects: str
    operations: tuple[str, ...]
    requirements: tuple[tuple[str, str], ...]
    population: PopulationRow
    populations: tuple[PopulationRow, ...]
    rows: tuple[Row, ...]
    counts: tuple[Tally, ...]
    boxes: tuple[EvidenceBox, ...]
    other_refs: tuple[str, ...]
    chain: Chain | None


@dataclass(frozen=True, slots=True)
class Finding:
    """A line of the summary's list of what matters most."""

    control: Control
    count: int
    reason: str


@dataclass(frozen=True, slots=True)
class Place:
    """An account or Region with what was asked there and what came of it."""

    account: str
    region: str
    calls: int
    answered: int
    absent: int
    missing: int
    states: tuple[Tally, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """A call without an answer and what it cost."""

    account: str
    region: str
    operation: str
    error: str
    message: str
    action: str
    ref: str
    controls: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class CallCount:
    """How often one operation was called, for the table of our own calls."""

    operation: str
    answers: int
    requests: int
    accounts: int
    regions: int
    missing: int


@dataclass(frozen=True, slots=True)
class Attestation:
    """A person's dated word on a manual control."""

    control: str
    text: str
    by: str
    date: str


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """An evidence file that travels inside formats which can carry files.

    Args:
        name: path inside the pack.
        data: its bytes, as they lie in the pack.
        description: one sentence for a reader's list of attachments.
        collected: when AWS gave the answer, aware UTC.
    """

    name: str
    data: bytes
    description: str
    collected: datetime


@dataclass(frozen=True, slots=True)
class Context:
    """The whole document, ready for templates."""

    branding: Branding
    report_id: str
    manifest_hash: str
    signer: str
    entity: str
    title: str
    tool: str
    principal: str
    period: Span
    as_of: str
    as_of_time: datetime
    collected_from: str
    collected_to: str
    accounts: tuple[Account, ...]
    regions: tuple[str, ...]
    headline: str
    tally: tuple[Tally, ...]
    total: int
    severities: tuple[tuple[str, tuple[int, ...]], ...]
    population: PopulationRow
    coverage: str
    """Whether everything was tested or a sample, in a sentence."""
    frameworks: tuple[Framework, ...]
    controls: tuple[Control, ...]
    services: tuple[tuple[str, tuple[Control, ...]], ...]
    findings: tuple[Finding, ...]
    places: tuple[Place, ...]
    by_account: tuple[Place, ...]
    gaps: tuple[Gap, ...]
    unassessed: tuple[Control, ...]
    manual: tuple[Control, ...]
    trails: tuple[Trail, ...]
    events: tuple[EventTable, ...]
    chains: tuple[Control, ...]
    evidence: tuple[EvidenceItem, ...]
    calls: tuple[CallCount, ...]
    skipped: tuple[str, ...]
    waivers: tuple[Row, ...]
    attestations: tuple[Attestation, ...]
    embedded: tuple[EmbeddedFile, ...] = ()
    items: Mapping[str, EvidenceItem] = field(default_factory=dict)


def build(
    results: Mapping[str, Any],
    evidence: Evidence,
    *,
    manifest_hash: str,
    report_id: str,
    branding: Branding | None = None,
    signer: str = "",
) -> Context:
    """Prepare the pages.

    Args:
        results: the results document (``results.json``).
        evidence: the closed evidence folder that it points to.
        manifest_hash: SHA-256, in hexadecimal, that ties the pages to their pack.
        report_id: names the report on every page.
        branding: colours and words of the reader's own house.
        signer: who signs the pack; empty when nobody does.

    Raises:
        IntegrityError: a cited evidence file does not have its hash.
    """
    run = results["run"]
    used = _used_by(results["controls"])
    items = {record.ref: _item(record, used.get(record.ref, ())) for record in evidence.records}
    library = _Library(evidence, items)
    controls = tuple(_control(document, library) for document in results["controls"])
    by_id = {control.id: control for control in controls}
    accounts = tuple(
        Account(visible(item["id"]), visible(item["alias"]), visible(item["partition"]), tuple(item["regions"]))
        for item in run["accounts"]
    )
    places = _places(accounts, evidence.records, controls)
    return Context(
        branding=branding or Branding(),
        report_id=visible(report_id),
        manifest_hash=manifest_hash,
        signer=visible(signer),
        entity=visible(run["entity"], NAME_LIMIT),
        title=visible(run["title"], NAME_LIMIT),
        tool=visible(run["tool"]),
        principal=visible(run["principal"]),
        period=_span(run["period"]),
        as_of=moment(parse_time(run["as_of"])),
        as_of_time=parse_time(run["as_of"]),
        collected_from=moment(parse_time(run["started"])),
        collected_to=moment(parse_time(run["ended"])),
        accounts=accounts,
        regions=tuple(sorted({region for account in accounts for region in account.regions})),
        headline=visible(results["headline"]),
        tally=_tally(control.mark.state for control in controls),
        total=len(controls),
        severities=_severities(controls),
        population=_sum([control.population for control in controls]),
        coverage=_coverage(results.get("sampling")),
        frameworks=tuple(_framework(document, by_id) for document in results["frameworks"]),
        controls=controls,
        services=_services(controls),
        findings=_findings(controls),
        places=places,
        by_account=_by_account(places),
        gaps=tuple(_gap(document, by_id) for document in results["gaps"]),
        unassessed=tuple(item for item in controls if item.mark.state is State.NOT_ASSESSED),
        manual=tuple(item for item in controls if item.mark.state is State.MANUAL),
        trails=tuple(trail_view(document) for document in results["integrity"]),
        events=tuple(event_table(document) for document in results["events"]),
        chains=tuple(control for control in controls if control.chain),
        evidence=tuple(items[ref] for ref in sorted(items, key=_ref_order)),
        calls=_calls(evidence.records),
        skipped=tuple(visible(item) for item in run["skipped"]),
        waivers=tuple(row for control in controls for row in control.rows if row.waiver),
        attestations=tuple(_attestation(item) for item in results.get("attestations", ())),
        embedded=_embedded(evidence, results["controls"]),
        items=items,
    )


def _coverage(sampling: Mapping[str, Any] | None) -> str:
    if sampling is None:
        return "Each was tested; nothing was sampled."
    return (
        f"A sample was tested: {sampling['size']} of each population of resources, drawn with the seed "
        f"{visible(sampling['seed'])}; members not drawn are among the excluded."
    )


_EMBEDDED_FILES = 400
_EMBEDDED_BYTES = 4_000_000
"""A document that carries more becomes a burden; the pack beside it has every file."""


def _embedded(evidence: Evidence, controls: Sequence[Mapping[str, Any]]) -> tuple[EmbeddedFile, ...]:
    """Choose the evidence files that travel inside: those that exceptions rest on first, as many as fit."""
    cited = dict.fromkeys(
        citation["ref"]
        for states in (_OPEN_STATES, None)
        for control in controls
        for result in control["results"]
        if states is None or result["state"] in states
        for citation in result["evidence"]
    )
    records = {record.ref: record for record in evidence.records}
    chosen: list[EmbeddedFile] = []
    room = _EMBEDDED_BYTES
    for ref in list(cited)[:_EMBEDDED_FILES]:
        if ref not in records:
            continue
        record = records[ref]
        data = canonical_json({"pages": list(evidence.pages(record))})
        room -= len(data)
        if room < 0:
            break
        description = f"{ref}: {record.call.operation}, {record.account}, {record.call.region}, SHA-256 {record.sha256}"
        chosen.append(EmbeddedFile(f"evidence/{record.path}", data, description, record.collected_at))
    return tuple(sorted(chosen, key=lambda item: item.name))


_OPEN_STATES = frozenset(state.value for state in EXCEPTIONS)


def _ref_order(ref: str) -> tuple[int, str]:
    return (len(ref), ref)


def anchor_of(control: str) -> str:
    """Return the anchor, and named destination, of a control's block."""
    return f"control-{control}"


def _span(document: Mapping[str, str]) -> Span:
    start, end = parse_time(document["start"]), parse_time(document["end"])
    hours = round((end - start).total_seconds() / 3600)
    return Span(
        start=moment(start),
        end=moment(end),
        label=visible(document["label"]),
        prose=f"{prose_date(start)}, {start:%H:%M} UTC, up to but not including {prose_date(end)}, {end:%H:%M} UTC",
        hours=hours,
    )


def _tally(states: Iterable[State]) -> tuple[Tally, ...]:
    counts = Counter(states)
    return tuple(Tally(mark, counts[state]) for state, mark in MARKS.items())


def _severities(controls: Sequence[Control]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    rows = []
    for severity in Severity:
        states = Counter(control.mark.state for control in controls if control.severity == severity.value)
        if states:
            rows.append((severity.value, tuple(states[state] for state in MARKS)))
    return tuple(rows)


def _sum(rows: Sequence[PopulationRow]) -> PopulationRow:
    return PopulationRow(
        "",
        "",
        sum(row.source for row in rows),
        sum(row.tested for row in rows),
        sum(row.excluded for row in rows),
        sum(row.not_assessed for row in rows),
    )


def _services(controls: Sequence[Control]) -> tuple[tuple[str, tuple[Control, ...]], ...]:
    groups: dict[str, list[Control]] = defaultdict(list)
    for control in controls:
        groups[SERVICES.get(control.service, control.service)].append(control)
    return tuple((service, tuple(members)) for service, members in groups.items())


def _severity_rank(control: Control) -> int:
    return Severity(control.severity).rank


def _findings(controls: Sequence[Control]) -> tuple[Finding, ...]:
    failing = [control for control in controls if control.mark.state is State.FAIL]
    found = []
    for control in sorted(failing, key=lambda item: (_severity_rank(item), item.id)):
        rows = [row for row in control.rows if row.mark.state is State.FAIL]
        found.append(Finding(control, len(rows), rows[0].reason))
    return tuple(found)


def _framework(document: Mapping[str, Any], by_id: Mapping[str, Control]) -> Framework:
    requirements = tuple(
        Requirement(
            id=visible(item["id"]),
            title=visible(item["title"]),
            controls=tuple(Link(by_id[name].anchor, name) for name in item["controls"] if name in by_id),
            suggested=tuple(item.get("suggested", ())),
            mark=MARKS[State(item["state"])] if item["state"] else None,
        )
        for item in document["requirements"]
    )
    return Framework(
        id=visible(document["id"]),
        title=visible(document["title"]),
        edition=visible(document["edition"]),
        publisher=visible(document.get("publisher", "")),
        url=visible(document.get("url", "")),
        requirements=requirements,
        tally=_tally(item.mark.state for item in requirements if item.mark),
    )


def _used_by(controls: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Link, ...]]:
    used: dict[str, dict[str, Link]] = defaultdict(dict)
    for control in controls:
        link = Link(anchor_of(control["id"]), control["id"])
        for result in control["results"]:
            for citation in result["evidence"]:
                used[citation["ref"]].setdefault(control["id"], link)
    return {ref: tuple(links.values()) for ref, links in used.items()}


def _item(record: Record, used_by: tuple[Link, ...]) -> EvidenceItem:
    parameters = plain(dict(record.call.parameters))
    outcome = "answered"
    if record.absent:
        outcome = f"no such thing ({visible(record.error.code, 60)})" if record.error else "no such thing"
    elif record.error:
        outcome = visible(record.error.code, 60)
    return EvidenceItem(
        ref=record.ref,
        operation=record.call.operation,
        parameters=", ".join(f"{visible(key, 60)}={visible(value, 120)}" for key, value in parameters.items()),
        account=record.account,
        region=record.call.region,
        principal=visible(record.principal, NAME_LIMIT),
        request_id=visible(record.request_ids[0], 80) if record.request_ids else "",
        requests=len(record.request_ids),
        collected=moment(record.collected_at),
        pages=record.pages,
        items=record.items,
        sha256=record.sha256,
        path=f"evidence/{record.path}",
        outcome=outcome,
        complete=record.complete or record.absent,
        used_by=used_by,
        redactions=len(record.redactions),
    )


class _Library:
    """Evidence by reference; cited pages are read when an excerpt needs them."""

    def __init__(self, evidence: Evidence, items: Mapping[str, EvidenceItem]) -> None:
        self._evidence = evidence
        self._records = {record.ref: record for record in evidence.records}
        self.items = items

    def box(self, ref: str, pointers: Sequence[str]) -> EvidenceBox:
        pages = self._evidence.pages(self._records[ref])
        if not pages:
            return EvidenceBox(self.items[ref], (), 0)
        document = {"pages": list(pages)}
        places = list(dict.fromkeys(pointer for pointer in pointers if pointer)) or [telling_place(document)]
        shown = tuple(excerpt(document, pointer) for pointer in places[:_EXCERPTS_PER_BOX])
        return EvidenceBox(self.items[ref], shown, max(0, len(places) - _EXCERPTS_PER_BOX))


_BOXES = 6
"""Evidence boxes of one control; further references are listed and stand in the appendix and the evidence folder."""


def _control(document: Mapping[str, Any], library: _Library) -> Control:
    results = sorted(document["results"], key=lambda item: _state_order(item["state"]))
    rows = tuple(_row(result) for result in results)
    cited: dict[str, list[str]] = defaultdict(list)
    for result in results:
        for citation in result["evidence"]:
            if citation["ref"] in library.items:
                cited[citation["ref"]].append(citation["pointer"])
    refs = list(cited)
    return Control(
        anchor=anchor_of(document["id"]),
        id=document["id"],
        title=visible(document["title"]),
        mark=MARKS[State(document["state"])],
        severity=document["severity"],
        test_type=document["test_type"],
        service=visible(document["service"]),
        objective=visible(document["objective"], 2000),
        criterion=visible(document["criterion"], 2000),
        test=visible(document["test"], 2000),
        why=visible(document["why"], 2000),
        remediation=visible(document["remediation"], 4000),
        side_effects=visible(document.get("side_effects", ""), 2000),
        operations=tuple(document.get("operations", ())),
        requirements=tuple(
            (framework, ", ".join(visible(number) for number in numbers))
            for framework, numbers in document["requirements"].items()
        ),
        population=_population(document["population"]),
        populations=tuple(_population(item) for item in document["populations"]),
        rows=rows,
        counts=tuple(item for item in _tally(row.mark.state for row in rows) if item.count),
        boxes=tuple(library.box(ref, cited[ref]) for ref in refs[:_BOXES]),
        other_refs=tuple(refs[_BOXES:]),
        chain=chains_of(results),
    )


_STATE_ORDER = {state.value: number for number, state in enumerate((*EXCEPTIONS, State.PASS, State.NOT_APPLICABLE))}


def _state_order(state: str) -> int:
    return _STATE_ORDER[state]


def _population(document: Mapping[str, Any]) -> PopulationRow:
    return PopulationRow(
        account=document.get("account", ""),
        region=document.get("region", ""),
        source=document["source"],
        tested=document["tested"],
        excluded=document["excluded"],
        not_assessed=document["not_assessed"],
    )


def _row(document: Mapping[str, Any]) -> Row:
    return Row(
        mark=MARKS[State(document["state"])],
        account=visible(document["account"], 40),
        region=visible(document["region"], 40),
        resource=visible(document["resource"], NAME_LIMIT),
        reason=visible(document["reason"]),
        observed=visible(document["observed"]),
        expected=visible(document["expected"]),
        refs=tuple(dict.fromkeys(citation["ref"] for citation in document["evidence"])),
        frameworks=tuple(document["frameworks"]),
        waiver=_waiver(document["waiver"]) if document["waiver"] else None,
    )


def _waiver(document: Mapping[str, Any]) -> Waiver:
    return Waiver(
        justification=visible(document.get("justification", "")),
        owner=visible(document.get("owner", "")),
        approver=visible(document.get("approver", "")),
        ticket=visible(document.get("ticket", "")),
        expires=visible(document.get("expires", document.get("expiry", ""))),
    )


def _attestation(document: Mapping[str, Any]) -> Attestation:
    return Attestation(
        control=visible(document.get("control", "")),
        text=visible(document.get("statement", document.get("text", "")), 2000),
        by=visible(document.get("by", document.get("name", ""))),
        date=visible(document.get("date", "")),
    )


def _places(accounts: Sequence[Account], records: Sequence[Record], controls: Sequence[Control]) -> tuple[Place, ...]:
    calls: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for record in records:
        calls[record.account, record.call.region][_outcome(record)] += 1
    states: dict[tuple[str, str], Counter[State]] = defaultdict(Counter)
    for control in controls:
        for row in control.rows:
            states[row.account, row.region][row.mark.state] += 1
    asked = [(account.id, region) for account in accounts for region in ("global", *sorted(account.regions))]
    seen = sorted({*calls, *states} - set(asked))
    return tuple(
        Place(
            account,
            region,
            calls[account, region].total(),
            calls[account, region]["answered"],
            calls[account, region]["absent"],
            calls[account, region]["missing"],
            tuple(Tally(mark, states[account, region][state]) for state, mark in MARKS.items()),
        )
        for account, region in (*asked, *seen)
    )


def _outcome(record: Record) -> str:
    if record.absent:
        return "absent"
    return "answered" if record.complete else "missing"


def _by_account(places: Sequence[Place]) -> tuple[Place, ...]:
    groups: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        groups[place.account].append(place)
    return tuple(
        Place(
            account,
            plural(sum(place.region != "global" for place in members), "Region"),
            sum(place.calls for place in members),
            sum(place.answered for place in members),
            sum(place.absent for place in members),
            sum(place.missing for place in members),
            tuple(
                Tally(mark, sum(place.states[index].count for place in members))
                for index, mark in enumerate(MARKS.values())
            ),
        )
        for account, members in groups.items()
    )


def _gap(document: Mapping[str, Any], by_id: Mapping[str, Control]) -> Gap:
    return Gap(
        account=visible(document["account"], 40),
        region=visible(document["region"], 40),
        operation=visible(document["operation"]),
        error=visible(document["error"], 80),
        message=visible(document.get("message", "")),
        action=visible(document["action"]),
        ref=document.get("ref", ""),
        controls=tuple(Link(by_id[name].anchor, name) for name in document["controls"] if name in by_id),
    )


def _calls(records: Sequence[Record]) -> tuple[CallCount, ...]:
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[record.call.operation].append(record)
    return tuple(
        CallCount(
            operation,
            len(members),
            sum(max(len(record.request_ids), 1) for record in members),
            len({record.account for record in members}),
            len({record.call.region for record in members}),
            sum(_outcome(record) == "missing" for record in members),
        )
        for operation, members in sorted(groups.items())
    )

"""What the pages show, prepared once for every format. Knows nothing of HTML or PDF, and settles nothing about meaning.

``build`` takes the results document and the evidence it points to. All text that came from an account has been made
visible (``auditor.render.text``) when it arrives in the context; markup is escaped later, by the templates.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from auditor.base.period import parse_time
from auditor.evidence.store import Evidence
from auditor.model import State
from auditor.render.controls import (
    Control,
    Finding,
    PopulationRow,
    Row,
    by_service,
    by_severity,
    control_block,
    findings,
    summed,
)
from auditor.render.coverage import Account, Gap, Place, by_account, gap, places_of
from auditor.render.frameworks import Framework, framework_edition
from auditor.render.imported import ImportedFile, imported_file
from auditor.render.marks import Tally, tally
from auditor.render.register import CallCount, EmbeddedFile, EvidenceItem, Library, call_counts, embedded
from auditor.render.text import NAME_LIMIT, moment, prose_date, visible
from auditor.render.trails import EventTable, Trail, event_table, trail_view


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
class Span:
    """The audit period in the forms a page needs."""

    start: str
    end: str
    label: str
    prose: str
    hours: int


@dataclass(frozen=True, slots=True)
class Attestation:
    """A person's dated word on a manual control."""

    control: str
    text: str
    by: str
    date: str


@dataclass(frozen=True, slots=True)
class Context:
    """The whole document, ready for templates."""

    branding: Branding
    report_id: str
    manifest_hash: str
    signer: str
    paper: str
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
    imported: tuple[ImportedFile, ...]
    embedded: tuple[EmbeddedFile, ...] = ()


def build(
    results: Mapping[str, Any],
    evidence: Evidence,
    *,
    manifest_hash: str,
    report_id: str,
    branding: Branding | None = None,
    signer: str = "",
    paper: str = "",
) -> Context:
    """Prepare the pages.

    Args:
        results: the results document (``results.json``).
        evidence: the closed evidence folder that it points to.
        manifest_hash: SHA-256, in hexadecimal, that ties the pages to their pack.
        report_id: names the report on every page.
        branding: colours and words of the reader's own house.
        signer: who signs the pack; empty when nobody does.
        paper: name of the PDF beside the page, which links into it; empty when there is none.

    Raises:
        IntegrityError: a cited evidence file does not have its hash.
    """
    run = results["run"]
    by_hand = frozenset(
        (edition["id"], requirement["id"])
        for edition in results["frameworks"]
        for requirement in edition["requirements"]
        if requirement["assessment"] == "manual"
    )
    library = Library(evidence, results["controls"])
    controls = tuple(control_block(document, library, by_hand) for document in results["controls"])
    by_id = {control.id: control for control in controls}
    accounts = tuple(
        Account(visible(item["id"]), visible(item["alias"]), visible(item["partition"]), tuple(item["regions"]))
        for item in run["accounts"]
    )
    places = places_of(accounts, evidence.records, controls)
    return Context(
        branding=branding or Branding(),
        report_id=visible(report_id),
        manifest_hash=manifest_hash,
        signer=visible(signer),
        paper=paper,
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
        tally=tally(control.mark.state for control in controls),
        total=len(controls),
        severities=by_severity(controls),
        population=summed([control.population for control in controls]),
        coverage=_coverage(results.get("sampling")),
        frameworks=tuple(framework_edition(document, by_id) for document in results["frameworks"]),
        controls=controls,
        services=by_service(controls),
        findings=findings(controls),
        places=places,
        by_account=by_account(places),
        gaps=tuple(gap(document, by_id) for document in results["gaps"]),
        unassessed=tuple(item for item in controls if item.mark.state is State.NOT_ASSESSED),
        manual=tuple(item for item in controls if item.mark.state is State.MANUAL),
        trails=tuple(trail_view(document, results["events"]) for document in results["integrity"]),
        events=tuple(event_table(document) for document in results["events"]),
        chains=tuple(control for control in controls if control.chain),
        evidence=library.listed(),
        calls=call_counts(evidence.records),
        skipped=tuple(visible(item) for item in run["skipped"]),
        waivers=tuple(row for control in controls for row in control.rows if row.waiver),
        attestations=tuple(_attestation(item) for item in results.get("attestations", ())),
        imported=tuple(imported_file(item) for item in results.get("imported", ())),
        embedded=embedded(evidence, results["controls"]),
    )


def _coverage(sampling: Mapping[str, Any] | None) -> str:
    if sampling is None:
        return "Each was tested; nothing was sampled."
    return (
        f"A sample was tested: {sampling['size']} of each population of resources, drawn with the seed "
        f"{visible(sampling['seed'])}; members not drawn are among the excluded."
    )


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


def _attestation(document: Mapping[str, Any]) -> Attestation:
    return Attestation(
        control=visible(document.get("control", "")),
        text=visible(document.get("statement", document.get("text", "")), 2000),
        by=visible(document.get("by", document.get("name", ""))),
        date=visible(document.get("date", "")),
    )

"""What the pages show, prepared once for every format. Knows nothing of HTML or PDF, and settles nothing about meaning.

``build`` takes the results document and the evidence it points to. All text that came from an account has been made
visible (``auditor.render.text``) when it arrives in the context; markup is escaped later, by the templates.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.evidence.store import Evidence
from auditor.model import State
from auditor.render.about import About, Branding, about_run
from auditor.render.activity import Activity, activity
from auditor.render.completeness import Completeness, completeness
from auditor.render.continuity import Continuity, continuity
from auditor.render.controls import (
    Control,
    Finding,
    Open,
    Row,
    by_service,
    by_severity,
    control_block,
    findings,
    open_results,
)
from auditor.render.coverage import Account, Gap, Place, beyond, by_account, gap, places_of
from auditor.render.exceptions import Given, all_given
from auditor.render.fired import Fired, fired
from auditor.render.frameworks import Framework, framework_edition
from auditor.render.glance import Glance, glance
from auditor.render.imported import ImportedFile, imported_file
from auditor.render.marks import Tally, tally
from auditor.render.opened import Opened, opened
from auditor.render.posture import Cost, Posture, posture
from auditor.render.posture import cost as prepared_cost
from auditor.render.register import CallCount, EmbeddedFile, EvidenceItem, Library, call_counts, embedded
from auditor.render.since import Since, since_previous
from auditor.render.text import visible
from auditor.render.trails import EventTable, Trail, event_table, trail_view

_LIFELINES = 60
"""Rows of one account's drawing of the period; further ones are counted."""


@dataclass(frozen=True, slots=True)
class Context:
    """The whole document, ready for templates."""

    branding: Branding
    about: About
    glance: Glance
    accounts: tuple[Account, ...]
    regions: tuple[str, ...]
    headline: str
    tally: tuple[Tally, ...]
    total: int
    severities: tuple[tuple[str, tuple[int, ...]], ...]
    coverage: str
    """Whether everything was tested or a sample, in a sentence."""
    frameworks: tuple[Framework, ...]
    controls: tuple[Control, ...]
    services: tuple[tuple[str, tuple[Control, ...]], ...]
    findings: tuple[Finding, ...]
    places: tuple[Place, ...]
    beyond: tuple[str, ...]
    by_account: tuple[Place, ...]
    gaps: tuple[Gap, ...]
    unassessed: tuple[Open, ...]
    manual: tuple[Open, ...]
    trails: tuple[Trail, ...]
    events: tuple[EventTable, ...]
    continuity: tuple[Continuity, ...]
    fired: tuple[Fired, ...]
    completeness: tuple[Completeness, ...]
    opened: tuple[Opened, ...]
    activity: tuple[Activity, ...]
    posture: tuple[Posture, ...]
    cost: Cost | None
    """What the logging costs; None where no estimate was made."""
    chains: tuple[Control, ...]
    evidence: tuple[EvidenceItem, ...]
    calls: tuple[CallCount, ...]
    waivers: tuple[tuple[Control, Row], ...]
    given: tuple[Given, ...]
    """Every waiver, attestation and response that was handed in."""
    imported: tuple[ImportedFile, ...]
    since: Since | None = None
    """What changed since the pack before; None where nothing of that one's judgement travels."""
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
    tool: str = "",
    sent: Sequence[Mapping[str, Any]] = (),
    cost: Mapping[str, Any] | None = None,
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
        tool: the exact build that made the pages; empty for the program that collected.
        sent: every request of the run, by service, operation and Region (``calls.json``).
        cost: the estimate of what the logging costs (``auditor.cost/1``); None for none.

    Raises:
        IntegrityError: a cited evidence file does not have its hash.
    """
    library = Library(evidence, results["controls"])
    by_hand = _by_hand(results["frameworks"])
    controls = tuple(control_block(document, library, by_hand) for document in results["controls"])
    by_id = {control.id: control for control in controls}
    accounts = _accounts(results["run"])
    about = about_run(results, report_id=report_id, manifest_hash=manifest_hash, signer=signer, paper=paper, tool=tool)
    frameworks = tuple(framework_edition(document, by_id) for document in results["frameworks"])
    gaps = tuple(gap(document, by_id) for document in results["gaps"])
    trails = _trails(results)
    return Context(
        branding=branding or Branding(),
        about=about,
        glance=glance(about, accounts, frameworks, controls, gaps, trails),
        accounts=accounts,
        regions=tuple(sorted({region for account in accounts for region in account.regions})),
        frameworks=frameworks,
        controls=controls,
        gaps=gaps,
        trails=trails,
        cost=None if cost is None else prepared_cost(cost),
        evidence=library.listed(),
        calls=call_counts(evidence.records, sent),
        since=since_previous(results.get("since"), by_id),
        embedded=embedded(evidence, results["controls"]),
        **_placed(accounts, places_of(accounts, evidence.records, controls, gaps), about.left_out),
        **_counted(controls),
        **_told(results, by_id),
    )


def _placed(accounts: Sequence[Account], places: tuple[Place, ...], left_out: Sequence[str]) -> dict[str, Any]:
    """Return what was looked at, and what was found beyond that, by account and Region."""
    return {
        "places": places,
        "beyond": beyond(accounts, places, left_out),
        "by_account": by_account(places),
    }


def _counted(controls: Sequence[Control]) -> dict[str, Any]:
    """Return what the controls come to, by state, severity and service."""
    return {
        "tally": tally(control.mark.state for control in controls),
        "total": len(controls),
        "severities": by_severity(controls),
        "services": by_service(controls),
        "findings": findings(controls),
        "unassessed": open_results(controls, State.NOT_ASSESSED),
        "manual": open_results(controls, State.MANUAL),
        "chains": tuple(control for control in controls if control.chain),
        "waivers": tuple((control, row) for control in controls for row in control.rows if row.waiver),
    }


def _told(results: Mapping[str, Any], by_id: Mapping[str, Control]) -> dict[str, Any]:
    """Return what the document holds beside controls: events, their chapters, what people handed in."""
    return {
        "headline": visible(results["headline"]),
        "coverage": _coverage(results.get("sampling")),
        "events": tuple(event_table(document) for document in results["events"]),
        "continuity": tuple(continuity(document, most=_LIFELINES) for document in results.get("continuity", ())),
        "activity": activity(
            results.get("activity", ()),
            {item["id"]: item.get("regions_left_out", ()) for item in results["run"]["accounts"]},
        ),
        "fired": tuple(fired(document) for document in results.get("fired", ())),
        "opened": tuple(opened(document) for document in results.get("opened", ())),
        "completeness": tuple(completeness(document, by_id) for document in results.get("completeness", ())),
        "posture": tuple(posture(document) for document in results.get("posture", ())),
        "given": all_given(results),
        "imported": tuple(imported_file(item) for item in results.get("imported", ())),
    }


def _trails(results: Mapping[str, Any]) -> tuple[Trail, ...]:
    before = {(str(region), str(fingerprint)) for region, fingerprint in results["run"].get("keys_before", ())}
    return tuple(trail_view(document, results["events"], before) for document in results["integrity"])


def _by_hand(frameworks: Iterable[Mapping[str, Any]]) -> frozenset[tuple[str, str]]:
    """Return framework and requirement wherever the benchmark calls for a person."""
    return frozenset(
        (edition["id"], requirement["id"])
        for edition in frameworks
        for requirement in edition["requirements"]
        if requirement["assessment"] == "manual"
    )


def _accounts(run: Mapping[str, Any]) -> tuple[Account, ...]:
    return tuple(
        Account(visible(item["id"]), visible(item["alias"]), visible(item["partition"]), tuple(item["regions"]))
        for item in run["accounts"]
    )


def _coverage(sampling: Mapping[str, Any] | None) -> str:
    if sampling is None:
        return "No population was sampled."
    return (
        f"A sample was tested: {sampling['size']} of each population of resources, drawn with the seed "
        f"{visible(sampling['seed'])}; members not drawn are among the excluded."
    )

"""What a document says about itself: whose it is, made by whom for whom, over which time, from which run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from auditor.base.period import parse_time
from auditor.pack.derivable import not_derivable
from auditor.render.text import NAME_LIMIT, moment, prose_date, visible

DETAILS = ("summary", "standard", "full")
"""Lengths of the paper report; the HTML report holds everything in each."""

_MARKING = 80
"""Characters of a classification on every page, and of a version."""

_UNSAID = "not stated"

_PERSON = 160
"""Characters of who prepared a report, whom it is for and whom to ask."""


@dataclass(frozen=True, slots=True)
class Branding:
    """What a reader's own house adds to the pages, from ``auditor.yaml``.

    Args:
        accent: colour as ``#rrggbb``.
        classification: such as ``Confidential``; stands in the running foot.
        distribution: who may read it; stands on the cover.
        paper: ``A4`` or ``Letter``.
        logo: a ``data:`` URL of an image, or empty.
        prepared_by: who made the report.
        prepared_for: whom it was made for.
        contact: whom to ask about it.
        version: of the report, such as ``1.0`` or ``draft 2``.
        detail: one of ``DETAILS``.
        sign_off: whether the paper report ends with room for signatures.
    """

    accent: str = "#14324f"
    classification: str = ""
    distribution: str = ""
    paper: str = "A4"
    logo: str = ""
    prepared_by: str = ""
    prepared_for: str = ""
    contact: str = ""
    version: str = ""
    detail: str = "standard"
    sign_off: bool = False

    @property
    def marking(self) -> str:
        """The classification as every page carries it: visible, on one line, bounded."""
        return visible(self.classification, _MARKING)

    @property
    def particulars(self) -> tuple[tuple[str, str], ...]:
        """Label and words of what the cover says about the report; a stranger looks for by whom and for whom first."""
        said = (
            ("Prepared by", visible(self.prepared_by, _PERSON) or _UNSAID),
            ("Prepared for", visible(self.prepared_for, _PERSON) or _UNSAID),
            ("Contact", visible(self.contact, _PERSON)),
            ("Version", visible(self.version, _MARKING)),
            ("Distribution", visible(self.distribution, _PERSON)),
        )
        return tuple((label, words) for label, words in said if words)


@dataclass(frozen=True, slots=True)
class Span:
    """The audit period in the forms a page needs."""

    start: str
    end: str
    label: str
    prose: str
    hours: int


@dataclass(frozen=True, slots=True)
class About:
    """The document's own data.

    Args:
        report_id: names the report on every page.
        manifest_hash: ties the pages to their pack.
        signer: who signs the pack; empty when nobody does.
        paper: name of the PDF beside the page; empty when there is none.
        entity: whom the report is about.
        title: of the report.
        tool: program and version.
        principal: who asked AWS.
        period: under audit.
        as_of: the moment that ages are measured against.
        as_of_time: the same, aware UTC.
        collected_from: when the first answer was asked for.
        collected_to: when the last one had come.
        skipped: parts left out on request.
        left_out: enabled Regions that were not asked.
        notices: what a reader has to know before the figures, each in one sentence.
        resumed: when the run had been cut off and was taken up again.
        taken: what is taken from the run, because nothing in the pack shows it.
        simulated: whether the account is a simulated one, which every page has to say.
    series: which pack stands before this one, for a report that compares with none.
    """

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
    skipped: tuple[str, ...]
    left_out: tuple[str, ...]
    notices: tuple[str, ...]
    resumed: tuple[str, ...]
    taken: tuple[str, ...]
    simulated: bool
    series: str


def about_run(
    results: Mapping[str, Any], *, report_id: str, manifest_hash: str, signer: str, paper: str, tool: str
) -> About:
    """Prepare what the results document says about its run, with the names given to the report."""
    run, notices = results["run"], results.get("notices", ())
    return About(
        report_id=visible(report_id),
        manifest_hash=manifest_hash,
        signer=visible(signer),
        paper=paper,
        entity=visible(run["entity"], NAME_LIMIT),
        title=visible(run["title"], NAME_LIMIT),
        tool=visible(tool or run["tool"]),
        principal=visible(run["principal"]),
        period=_span(run["period"]),
        as_of=moment(parse_time(run["as_of"])),
        as_of_time=parse_time(run["as_of"]),
        collected_from=moment(parse_time(run["started"])),
        collected_to=moment(parse_time(run["ended"])),
        skipped=tuple(visible(item) for item in run["skipped"] if not item.startswith("Region ")),
        left_out=tuple(
            visible(name)
            for name in sorted({name for item in run["accounts"] for name in item.get("regions_left_out", ())})
        ),
        notices=tuple(visible(item["text"], NAME_LIMIT) for item in notices),
        resumed=tuple(moment(parse_time(item)) for item in run.get("resumed", ())),
        taken=tuple(visible(item, NAME_LIMIT) for item in not_derivable(results, ())),
        simulated=any(item["kind"] == "simulated" for item in notices),
        series=_series(run.get("series", ())),
    )


def _series(packs: Sequence[Mapping[str, str]]) -> str:
    if not packs:
        return "This pack names no pack before it, so nothing is said of changes."
    return f"The pack before this one is {visible(packs[0]['id'])}; nothing of its judgement travels with this pack."


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

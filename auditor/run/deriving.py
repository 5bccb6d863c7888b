"""What follows from evidence and rules: results, exports, pages, and what the manifest says about them.

A run writes these files, and whoever checks the pack derives them again, by the same functions: what was not given
here cannot have shaped a page.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from auditor.base.canonical import InPieces, canonical_pieces
from auditor.base.errors import IntegrityError, UsageError
from auditor.base.suggest import all_of
from auditor.base.untrusted import parse_json, shape_words
from auditor.cost.build import estimate
from auditor.cost.prices import load_prices
from auditor.evidence.operations import Operation
from auditor.evidence.store import Evidence
from auditor.model import Results
from auditor.pack.layout import CALLS, EVIDENCE, REPLAY, REPLAY_TEXT, REQUEST, RESULTS, RULES, read_request
from auditor.pack.outcome import results_document
from auditor.pack.presentation import PAGES, Presentation
from auditor.pack.told import Told
from auditor.render import html, pdf
from auditor.render.about import Branding
from auditor.render.context import Context, build
from auditor.render.exports import EXPORTS, Source, export
from auditor.render.exports.workbook import writer as workbook_writer
from auditor.render.pdf import Attachment
from auditor.run.judging import Rules, judge
from auditor.run.request import Progress
from auditor.seal.manifest import HTML, MANIFEST, PDF, Manifest, ManifestInfo, PreviousPack, Tool

MOST_ATTACHED_FILES = 1_000
MOST_ATTACHED_BYTES = 16_000_000
"""Beyond either, the PDF carries manifest and results only: its evidence stands beside it in the pack."""


@dataclass(frozen=True)
class Judged(Told):
    """Evidence and the judgement of it.

    Args:
        evidence: closed, and checked as it is read.
        folder: the evidence folder.
        results: the judgement.
        operations: what was asked, by name.
    """

    evidence: Evidence
    folder: Path
    results: Results
    operations: Mapping[str, Operation]

    def derived(self) -> Mapping[str, Any]:
        """Return the results document."""
        return results_document(self.results)

    def written(self) -> Iterator[bytes]:
        """Yield the bytes of ``results.json``; no results of a control are held as JSON at once."""
        controls = (InPieces({**control, "results": iter(control["results"])}) for control in self.document["controls"])
        return canonical_pieces(InPieces({**self.document, "controls": controls}))

    @cached_property
    def report_id(self) -> str:
        """What names the report on every page."""
        return self.name(self.results.run.as_of)

    def texts(self, pack: Path) -> Iterator[tuple[str, bytes]]:
        """Yield the files that follow from what was asked."""
        yield f"{RULES}/{REQUEST}", read_request(pack / RULES).data()
        yield REPLAY, REPLAY_TEXT

    def info(self, tool: Tool) -> ManifestInfo:
        """Return what the manifest says beside what it reads from the files."""
        return info_of(self, tool)

    def exports(self, presentation: Presentation, version: str) -> Iterator[tuple[str, Iterable[bytes]]]:
        """Yield the exports with their paths in the pack; see ``exports_of``."""
        return exports_of(self, presentation, version)

    def pages(self, presentation: Presentation, manifest: Manifest, progress: Progress) -> Iterator[tuple[str, bytes]]:
        """Yield the pages with their paths in the pack; see ``pages_of``."""
        return pages_of(self, presentation, manifest, progress)


def judged(folder: Path, rules: Rules) -> Judged:
    """Judge an evidence folder.

    Raises:
        IntegrityError: an evidence file does not have its hash.
    """
    evidence = Evidence(folder)
    return Judged(evidence, folder, judge(folder, rules, evidence), rules.catalog.operations)


def exports_of(found: Judged, presentation: Presentation, version: str) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Yield the exports with their paths in the pack, each in pieces: none is held as a whole.

    Args:
        found: the judgement.
        presentation: which exports.
        version: of the program that is named in them as their maker.
    """
    records = {record.ref: record.document() for record in found.evidence.records}
    formats = list(presentation.exports)
    if found.results.imported:
        formats.append("imported-csv")
    source = Source(found.document, records, found.report_id, version, presentation.pages, presentation.csv_bom)
    return ((f"results/{name}", pieces) for name, pieces in export(source, formats))


def info_of(found: Judged, tool: Tool) -> ManifestInfo:
    """Return what the manifest says beside what it reads from the files."""
    results, records = found.results, found.evidence.records
    series = tuple(PreviousPack(name, sha256) for name, sha256 in results.run.series)
    return ManifestInfo(
        pack_id=found.report_id,
        report_id=found.report_id,
        run=results.run,
        tool=tool,
        ruleset=("auditor-controls", tool.version),
        planned=len(records),
        done=sum(record.complete or record.absent for record in records),
        counts=found.document["counts"],
        previous=series[0] if series else None,
        earlier=series[1:],
        sampling=results.sampling.document() if results.sampling else {},
    )


def pages_of(
    found: Judged, presentation: Presentation, manifest: Manifest, progress: Progress
) -> Iterator[tuple[str, bytes]]:
    """Yield the pages with their paths in the pack, one after the other: each takes a while to draw.

    Raises:
        RenderError: a page cannot be drawn.
    """
    if not presentation.pages:
        return
    context = build(
        found.document,
        found.evidence,
        manifest_hash=manifest.sha256,
        report_id=found.report_id,
        branding=branding_of(presentation),
        paper=PDF if "pdf" in presentation.formats else "",
        signer=presentation.signer,
        tool=manifest.tool.words,
        sent=(sent := _sent(found.folder)),
        cost=estimate(found.evidence, load_prices(), found.operations, calls=list(sent) or None).document(),
    )
    found.evidence.let_go()
    if "html" in presentation.formats:
        progress("Render HTML", 0, 0)
        yield HTML, html.render(context)
    if "pdf" in presentation.formats:
        progress("Render PDF", 0, 0)
        yield PDF, pdf.render(context, _attachments(found, manifest, context))


def _sent(folder: Path) -> Sequence[Mapping[str, Any]]:
    """Return the run's requests, as they are counted beside the evidence; nothing where no run counted them.

    Raises:
        IntegrityError: the file is not of its shape.
    """
    path = folder / CALLS
    if not path.is_file():
        return ()
    try:
        found = tuple(parse_json(path.read_bytes()))
        for item in found:
            if not all(isinstance(item[name], str) for name in ("service", "operation", "region")):
                raise TypeError(CALLS)
            if not isinstance(item["requests"], int):
                raise TypeError(CALLS)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{CALLS} does not say which requests were sent: {shape_words(error)}") from error
    return found


def branding_of(presentation: Presentation) -> Branding:
    """Return the words, colour and logo of the reader's own house."""
    return Branding(
        logo=presentation.logo,
        accent=presentation.accent,
        classification=presentation.classification,
        distribution=presentation.distribution,
        paper=presentation.paper,
        prepared_by=presentation.prepared_by,
        prepared_for=presentation.prepared_for,
        contact=presentation.contact,
        version=presentation.version,
        detail=presentation.detail,
        sign_off=presentation.sign_off,
    )


def _attachments(found: Judged, manifest: Manifest, context: Context) -> list[Attachment]:
    """Return what travels inside the PDF beside the answers that the report cites: manifest, results, other answers."""
    as_of = found.results.run.as_of
    attached = [
        Attachment(MANIFEST, manifest.data, "Manifest of the pack", as_of),
        Attachment(RESULTS, found.data, "All results", as_of),
    ]
    cited = {file.name for file in context.embedded}
    records = [record for record in found.evidence.records if f"{EVIDENCE}/{record.path}" not in cited]
    sizes = [(found.folder / record.path).stat().st_size for record in records]
    if len(records) > MOST_ATTACHED_FILES or sum(sizes) > MOST_ATTACHED_BYTES:
        return attached
    return attached + [
        Attachment(
            f"{EVIDENCE}/{record.path}",
            (found.folder / record.path).read_bytes(),
            f"{record.ref}: {record.call.operation} in {record.call.region} of {record.account}",
            record.collected_at,
            "Source",
        )
        for record in records
    ]


def check_formats(formats: Sequence[str]) -> None:
    """Refuse a format that nobody knows, or that cannot be written on this machine, before anything is asked.

    Raises:
        UsageError: there is no such format.
        RenderError: the library that it needs is not installed.
    """
    known = [*PAGES, *EXPORTS]
    for name in formats:
        if name not in known:
            raise UsageError(f"there is no format {name!r}", hint=all_of(name, known))
    if "pdf" in formats:
        pdf.check()
    if "xlsx" in formats:
        workbook_writer()

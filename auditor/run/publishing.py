"""The second half of a run: judge, export, render and seal; put the finished pack in its place."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from auditor import __version__
from auditor.base.canonical import sha256_hex
from auditor.base.errors import UsageError
from auditor.config import Config
from auditor.evidence.store import Evidence
from auditor.model import Results
from auditor.pack.imports import store_imports
from auditor.pack.layout import EVIDENCE, RESULTS, write_rules
from auditor.pack.outcome import results_document, results_json
from auditor.render import html, pdf
from auditor.render.context import Branding, Context, build
from auditor.render.exports import EXPORTS, Source, export
from auditor.render.exports.workbook import writer as workbook_writer
from auditor.render.logo import MOST_BYTES, logo_url
from auditor.render.pdf import Attachment
from auditor.run.judging import Rules, judge
from auditor.run.request import Progress
from auditor.seal.manifest import MANIFEST, Manifest, ManifestInfo, PreviousPack, Tool
from auditor.seal.pack import Sealing, seal_pack

PAGES = ("html", "pdf")
SECURITY_HUB = "results/securityhub-import.json"
"""What was sent to Security Hub, by which calls, and what it did not take; only in a pack whose findings were sent."""

Deliver = Callable[[Sequence[Mapping[str, Any]]], bytes]
"""Takes findings in ASFF, sends them, returns the record of it."""

MOST_ATTACHED_FILES = 1_000
MOST_ATTACHED_BYTES = 16_000_000
"""Beyond either, the PDF carries manifest and results only: its evidence stands beside it in the pack."""


def complete(
    folder: Path,
    rules: Rules,
    progress: Progress,
    *,
    sealing: Sealing | None = None,
    previous: PreviousPack | None = None,
    deliver: Deliver | None = None,
) -> tuple[Results, str]:
    """Make a pack of a folder with evidence; return the results and the manifest's hash, which every page prints.

    Args:
        folder: holds the evidence.
        rules: what it is judged by.
        progress: shown how far it is.
        sealing: who signs; None leaves the pack unsigned.
        previous: the pack before this one.
        deliver: sends the findings to Security Hub before the pack is closed; None when nobody asked for that.
    """
    config = rules.config
    check_formats(config.formats)
    branding = branding_of(config)
    progress("Evaluate", 0, 0)
    store_imports(folder / EVIDENCE, rules.imports)
    results = judge(folder / EVIDENCE, rules)
    _write(folder / RESULTS, results_json(results))
    write_rules(folder, rules.catalog, config)
    evidence = Evidence(folder / EVIDENCE)
    document = results_document(results)
    report_id = report_id_of(results)
    records = {record.ref: record.document() for record in evidence.records}
    formats = [name for name in config.formats if name not in PAGES]
    if results.imported:
        formats.append("imported-csv")
    if deliver is not None:
        formats.append("asff")
    pages_made = tuple(page for page in PAGES if page in config.formats)
    source = Source(document, records, report_id, __version__, pages_made)
    for name, data in export(source, formats).items():
        _write(folder / "results" / name, data)
    if deliver is not None:
        progress("Import into Security Hub", 0, 0)
        _write(folder / SECURITY_HUB, deliver(orjson.loads((folder / "results" / EXPORTS["asff"][0]).read_bytes())))

    def pages(manifest: Manifest) -> None:
        if not set(PAGES) & set(config.formats):
            return
        context = build(
            document,
            evidence,
            manifest_hash=manifest.sha256,
            report_id=report_id,
            branding=branding,
            paper="report.pdf" if "pdf" in config.formats else "",
            signer=sealing.signer.chain[0].subject.rfc4514_string() if sealing else "",
        )
        if "html" in config.formats:
            progress("Render HTML", 0, 0)
            _write(folder / "report.html", html.render(context))
        if "pdf" in config.formats:
            progress("Render PDF", 0, 0)
            _write(folder / "report.pdf", pdf.render(context, attachments_of(folder, evidence, results, context)))

    info = ManifestInfo(
        pack_id=report_id,
        report_id=report_id,
        run=results.run,
        tool=Tool("auditor", __version__),
        ruleset=("auditor-controls", __version__),
        planned=len(evidence.records),
        done=sum(record.complete or record.absent for record in evidence.records),
        counts=results.counts,
        previous=previous,
        sampling=results.sampling.document() if results.sampling else {},
    )
    return results, seal_pack(folder, info, pages=pages, sealing=sealing).sha256


def attachments_of(folder: Path, evidence: Evidence, results: Results, context: Context) -> list[Attachment]:
    """Return what travels inside the PDF beside the answers that the report cites: manifest, results, other answers."""
    as_of = results.run.as_of
    found = [
        Attachment(MANIFEST, (folder / MANIFEST).read_bytes(), "Manifest of the pack", as_of),
        Attachment(RESULTS, (folder / RESULTS).read_bytes(), "All results", as_of),
    ]
    cited = {file.name for file in context.embedded}
    records = [record for record in evidence.records if f"{EVIDENCE}/{record.path}" not in cited]
    sizes = [(folder / EVIDENCE / record.path).stat().st_size for record in records]
    if len(records) > MOST_ATTACHED_FILES or sum(sizes) > MOST_ATTACHED_BYTES:
        return found
    return found + [
        Attachment(
            f"{EVIDENCE}/{record.path}",
            (folder / EVIDENCE / record.path).read_bytes(),
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
            raise UsageError(f"there is no format {name!r}", hint=f"known ones: {', '.join(known)}")
    if "pdf" in formats:
        pdf.check()
    if "xlsx" in formats:
        workbook_writer()


def branding_of(config: Config) -> Branding:
    """Return the words, colour and logo of the reader's own house.

    Raises:
        UsageError: the logo cannot be read, or is nothing that a page may carry.
    """
    branding = config.branding
    return Branding(
        logo=_logo(Path(branding.logo)) if branding.logo else "",
        accent=branding.accent,
        classification=branding.classification,
        distribution=branding.distribution,
        paper=branding.paper,
    )


def _logo(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return logo_url(file.read(MOST_BYTES + 1), str(path))
    except OSError as error:
        raise UsageError(f"the logo {path} cannot be read: {error.strerror}") from error


def place_of(results: Results, out: Path) -> Path:
    """Return the folder in which the packs of this account and period stand."""
    accounts = results.run.accounts
    return out / (accounts[0].id if len(accounts) == 1 else "organization") / results.run.period.label


def settle(folder: Path, out: Path, results: Results) -> Path:
    """Move a finished pack to its place; an older pack of the same name stays where it is."""
    report_id = report_id_of(results)
    parent = place_of(results, out)
    parent.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    for number in range(1, 10_000):
        target = parent / (report_id if number == 1 else f"{report_id}.{number}")
        if not target.exists():
            return folder.rename(target)
    raise UsageError(f"{parent} already holds 9,999 packs named {report_id}")


def report_id_of(results: Results) -> str:
    """Return what names the report on every page: its moment and the first digits of the hash of its results."""
    return f"{results.run.as_of:%Y%m%dT%H%M%SZ}-{sha256_hex(results_json(results))[:8]}"


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)

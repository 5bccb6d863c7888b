"""The second half of a run: judge, export, render and seal; put the finished pack in its place."""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from auditor.base.errors import UsageError
from auditor.base.whole import link_files, move_in, unfinished
from auditor.config import Config
from auditor.model import Results
from auditor.pack.imports import store_imports
from auditor.pack.layout import EVIDENCE, RESULTS, RULES, write_rules
from auditor.pack.presentation import PRESENTATION, Presentation
from auditor.render.exports import EXPORTS
from auditor.render.logo import MOST_BYTES, logo_url
from auditor.run.building import this_build
from auditor.run.deriving import Judged, check_formats, exports_of, info_of, judged, pages_of
from auditor.run.judging import Rules
from auditor.run.keeping import WRITTEN
from auditor.run.request import Progress
from auditor.seal.contents import SUMS
from auditor.seal.manifest import MANIFEST, Manifest, Tool
from auditor.seal.pack import Sealing, seal_pack
from auditor.seal.sums import UNSUMMED

SECURITY_HUB = "results/securityhub-import.json"
"""What was sent to Security Hub, by which calls, and what it did not take; only in a pack whose findings were sent."""

Deliver = Callable[[Sequence[Mapping[str, Any]]], bytes]
"""Takes findings in ASFF, sends them, returns the record of it."""


def complete(
    folder: Path,
    rules: Rules,
    progress: Progress,
    *,
    sealing: Sealing | None = None,
    deliver: Deliver | None = None,
    tool: Tool | None = None,
) -> tuple[Results, Manifest]:
    """Make a pack of a folder with evidence; return the results and the manifest, whose hash every page prints.

    Args:
        folder: holds the evidence.
        rules: what it is judged by.
        progress: shown how far it is.
        sealing: who signs; None leaves the pack unsigned.
        deliver: sends the findings to Security Hub before the pack is closed; None when nobody asked for that.
        tool: the program that the pack names as its maker; None for this installation with all that it knows of itself.
    """
    presentation = presentation_of(rules.config, sealing, with_asff=deliver is not None)
    found = _judge(folder, rules, presentation, progress)
    tool = tool or this_build(drawn="pdf" in presentation.formats)
    _export(folder, found, presentation, tool)
    if deliver is not None:
        progress("Import into Security Hub", 0, 0)
        put(folder / SECURITY_HUB, deliver(orjson.loads((folder / "results" / EXPORTS["asff"][0]).read_bytes())))

    def pages(manifest: Manifest) -> None:
        for name, data in pages_of(found, presentation, manifest, progress):
            put(folder / name, data)

    info = info_of(found, tool)
    return found.results, seal_pack(folder, info, pages=pages, sealing=sealing)


def _judge(folder: Path, rules: Rules, presentation: Presentation, progress: Progress) -> Judged:
    """Judge the evidence, and leave results and rules in the folder."""
    progress("Evaluate", 0, 0)
    store_imports(folder / EVIDENCE, rules.imports)
    found = judged(folder / EVIDENCE, rules)
    put_pieces(folder / RESULTS, found.pieces())
    write_rules(folder, rules.catalog, rules.config)
    put(folder / RULES / PRESENTATION, presentation.data())
    return found


def _export(folder: Path, found: Judged, presentation: Presentation, tool: Tool) -> None:
    for name, pieces in exports_of(found, presentation, tool.version):
        put_pieces(folder / name, pieces)


def presentation_of(config: Config, sealing: Sealing | None = None, *, with_asff: bool = False) -> Presentation:
    """Return how a pack will present itself.

    Raises:
        UsageError: a format that there is not, or a logo that cannot be read or is nothing that a page may carry.
        RenderError: the library that a format needs is not installed.
    """
    branding, formats = config.branding, (*config.formats, *(("asff",) if with_asff else ()))
    check_formats(formats)
    return Presentation(
        formats=tuple(dict.fromkeys(formats)),
        accent=branding.accent,
        classification=branding.classification,
        distribution=branding.distribution,
        paper=branding.paper,
        logo=_logo(Path(branding.logo)) if branding.logo else "",
        signer=sealing.signer.chain[0].subject.rfc4514_string() if sealing else "",
        prepared_by=branding.prepared_by,
        prepared_for=branding.prepared_for,
        contact=branding.contact,
        version=branding.version,
        detail=config.detail,
        sign_off=branding.sign_off,
        csv_bom=config.csv_bom,
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


def settle(folder: Path, parent: Path, name: str) -> Path:
    """Move a finished pack to its place under its name; an older pack of the same name stays where it is."""
    parent.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    for number in range(1, 10_000):
        target = parent / (name if number == 1 else f"{name}.{number}")
        if not target.exists():
            return folder.rename(target)
    raise UsageError(f"{parent} already holds 9,999 packs named {name}")


def put(path: Path, data: bytes) -> None:
    """Write a file of a pack that is not finished, with the folders above it."""
    put_pieces(path, (data,))


def put_pieces(path: Path, pieces: Iterable[bytes]) -> None:
    """Do the same with what is made while it is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.writelines(pieces)


def complete_in_place(folder: Path, rules: Rules, progress: Progress, **options: Any) -> tuple[Results, Manifest]:
    """Make a pack of a folder with evidence beside it, and move it in when it is complete; see ``complete``.

    What fails leaves the folder as it was. What a killed attempt moved in goes first.
    """
    for name in leavings(folder):
        shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).unlink()
    with unfinished(folder.resolve().parent) as beside:
        link_files(folder, beside)
        made = complete(beside, rules, progress, **options)
        move_in(beside, folder, last=(RESULTS.partition("/")[0], MANIFEST, *sorted(UNSUMMED - {SUMS}), SUMS))
    return made


def leavings(folder: Path) -> tuple[str, ...]:
    """Return what an attempt that was killed moved into a folder with evidence; nothing when the folder is a pack."""
    if (folder / SUMS).exists():
        return ()
    return tuple(name for name in (*WRITTEN, *UNSUMMED) if (folder / name).exists())

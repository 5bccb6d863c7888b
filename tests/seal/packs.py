"""Small packs with real evidence files, built the way a run builds them."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pikepdf

from auditor.base.canonical import canonical_json
from auditor.base.period import parse_period
from auditor.evidence.answer import Answer
from auditor.evidence.operations import Call
from auditor.evidence.store import EvidenceWriter
from auditor.model import AccountScope, RunInfo, State
from auditor.seal.contents import FolderFiles, hash_file
from auditor.seal.manifest import HTML, PDF, Manifest, ManifestInfo, PreviousPack, Tool
from auditor.seal.pack import Sealing, seal_pack
from auditor.seal.sums import UNSUMMED, sums_text

NOW = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
ACCOUNT = "111122223333"
COUNTS = {state.value: 0 for state in State} | {"PASS": 1, "FAIL": 1}

RUN = RunInfo(
    entity="Example Ltd",
    title="AWS evidence pack",
    accounts=(AccountScope(ACCOUNT, "aws", ("eu-central-1", "us-east-1")),),
    period=parse_period("2026-10", NOW),
    as_of=NOW,
    started=NOW,
    ended=NOW + timedelta(minutes=3),
    frameworks=("cis-aws-5.0.0",),
    principal=f"arn:aws:sts::{ACCOUNT}:assumed-role/auditor/session",
    tool="auditor 0.1.0",
)


def info(pack_id: str = "2026-10-example", *, previous: PreviousPack | None = None) -> ManifestInfo:
    """Return what a run would say about its pack."""
    return ManifestInfo(
        pack_id=pack_id,
        report_id="R-2026-10",
        run=RUN,
        tool=Tool("auditor", "0.1.0"),
        ruleset=("auditor", "0.1.0"),
        planned=2,
        done=2,
        counts=COUNTS,
        previous=previous,
    )


def judged_folder(folder: Path, integrity: tuple[dict[str, Any], ...] = ()) -> Path:
    """Write evidence, results and rules of a tiny run."""
    evidence = EvidenceWriter(folder / "evidence")
    for region in ("eu-central-1", "us-east-1"):
        call = Call("cloudtrail:DescribeTrails", region, ())
        evidence.add(Answer(ACCOUNT, call, ({"trailList": []},), RUN.principal, ("r-1",), 200, NOW))
    evidence.close(RUN)
    for name, data in {
        "results/results.json": canonical_json(
            {"schema": "auditor.results/1", "counts": COUNTS, "integrity": list(integrity)}
        ),
        "results/controls.csv": b"id,state\r\na,PASS\r\nb,FAIL\r\n",
        "rules/controls/cloudtrail.yaml": b"- id: a\n- id: b\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def blank_pdf(keywords: str) -> bytes:
    """Return the smallest PDF that carries keywords in its XMP metadata."""
    with pikepdf.new() as document:
        document.add_blank_page()
        with document.open_metadata(set_pikepdf_as_editor=False) as metadata:
            metadata["pdf:Keywords"] = keywords
        output = io.BytesIO()
        document.save(output, deterministic_id=True)
    return output.getvalue()


def write_pages(folder: Path, manifest: Manifest) -> None:
    """Write pages that name their manifest, as the rendered ones do."""
    keyword = f"manifest-sha256:{manifest.sha256}"
    (folder / PDF).write_bytes(blank_pdf(keyword))
    html = f'<!doctype html><html lang="en"><title>Pack</title><meta name="keywords" content="{keyword}">'
    (folder / HTML).write_text(html, encoding="utf-8")


def sealed_pack(
    folder: Path,
    what: ManifestInfo | None = None,
    *,
    sealing: Sealing | None = None,
    integrity: tuple[dict[str, Any], ...] = (),
) -> Path:
    """Return a small pack, sealed, and signed when it is said how."""
    judged_folder(folder, integrity)
    seal_pack(folder, what or info(), pages=lambda manifest: write_pages(folder, manifest), sealing=sealing)
    return folder


def rewrite_sums(pack: Path) -> None:
    """Do what a forger without a key does last."""
    files = FolderFiles(pack)
    sums = {name: hash_file(files, name) for name in files.sizes if name not in UNSUMMED}
    (pack / "SHA256SUMS").write_bytes(sums_text(sorted(sums.items())))
